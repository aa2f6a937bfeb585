/*
 * list - a job list in a regular file, read once.
 *
 * Owns the text, the name that messages use, and the results of a check of the
 * whole text. It keeps no jobs, so it takes little more memory than the text.
 * To read the jobs, walk through them with a cursor (js_source_new_list()), as
 * often as needed. The file is not opened again, so all readers see the same
 * list, whatever happens to the file meanwhile.
 */
#ifndef JS_LIST_LIST_H
#define JS_LIST_LIST_H

#include "base/err.h"
#include "list/graph.h"
#include "list/job.h"
#include "list/reader.h"
#include "list/resume.h"
#include "list/warnings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* The text goes to a intake in pieces of this size, so that the intake never
 * holds a second copy of a large file. */
enum { JS_LIST_PIECE_BYTES = 64 * 1024 };

/* The check stops after this many errors in a file. */
enum { JS_LIST_ERRORS = 20 };

/* The results of the check. Jobs that ended in an earlier run count only in
 * `shape` and `resume`. */
struct js_list_survey {
    uint64_t left;               /* jobs that did not end in an earlier run */
    bool is_ordered;             /* some job that will run has a priority */
    struct js_graph_shape shape; /* of all jobs, whether they will run or not */
    struct js_resume_counts resume;
};

/* A job that needs anything other than a single core, and whose needs differ
 * from those of the job before it. */
struct js_list_need {
    uint64_t id, line;
    struct js_request request;
};

/* Invariant: nothing changes once the list has been checked, so any number of
 * readers may share it. What its lines take from other files and from folders
 * was read with it. */
struct js_list {
    char *name;         /* as messages show it */
    const char *format; /* of the text (list/formats.h); not NULL once the list
                           has been checked */
    struct js_buf text;
    struct js_values_cache *values; /* of its templates */
    struct js_buf records;  /* of the tool whose format it is, in a file beside
                               the list (js_formats_records()) */
    struct js_buf needs;    /* struct js_list_need */
    struct js_buf selected; /* list/selection.h; empty: all */
    struct js_list_survey survey;
};

/*
 * Reads the list at `path` and checks all of it. Every job is assumed to run.
 * Returns NULL with *err set if the file cannot be opened or read, is a
 * directory, is not a regular file (then no byte of it is read), or contains
 * errors; or if there is no such format (NULL: our own). If there is one error,
 * *err is that error; if several, it is "NAME: 3 errors" (or "NAME: 20 errors
 * or more").
 */
struct js_list *js_list_read(const char *path, const char *format,
                             struct js_err *err);

/* Describes how to read a list for a run. Everything is borrowed until the list
 * has been created. */
struct js_list_config {
    const char *path;
    const char *format;       /* its name (list/formats.h); NULL: our own */
    struct js_resume *resume; /* decides which jobs run and counts them, as in a
                                 run; NULL: all run */
    const struct js_warnings_sink *sink; /* receives warnings, and the errors if
                                          there are several; may be NULL */
    const char *const *only; /* selects the jobs that run (list/selection.h);
                                ends with NULL, and needs `resume`; NULL: all */
    bool is_read_whole; /* a stream is read to its end first, as a file is */
};

/* Works like js_list_read(), for a regular file that is already open and is
 * about this size. Takes over the descriptor, even on failure. */
struct js_list *js_list_read_fd(int fd, off_t size_bytes,
                                const struct js_list_config *config,
                                struct js_err *err);

/* Works like js_list_read_fd(), for text in our own format that is not in a
 * file. The text is copied. */
struct js_list *js_list_new_text(const char *name, const char *text, size_t len,
                                 struct js_err *err);

void js_list_free(struct js_list *list); /* NULL is allowed; keeps errno */

/* Opens `path` for reading, without waiting for the writer of a FIFO. Refuses a
 * directory. Returns the descriptor, or -1 with *err set. */
int js_list_open(const char *path, struct stat *ret, struct js_err *err);

/* Opens `path` ("-": standard input) to be read to its end, whatever it is.
 * This waits for the writer of a FIFO. Otherwise works like js_list_open(). */
int js_list_open_whole(const char *path, struct stat *ret, struct js_err *err);

/* Applies fstat(2) to an open descriptor, and refuses what js_list_open()
 * refuses. */
int js_list_check_kind(const char *path, int fd, struct stat *ret,
                       struct js_err *err);

/* Finds the format by its name, as js_formats_find() does; NULL is found as
 * NULL. Returns 0, or -1 with *err, which says that the list at `path` cannot
 * be read. */
int js_list_find_format(const char *path, const char *format, const char **ret,
                        struct js_err *err);

/* Reads the file with the records of the tool whose format it is, if the format
 * has one (js_formats_records()) and it is beside the list. Returns 0, or -1
 * with *err. */
int js_list_read_records(const char *path, const char *format,
                         struct js_buf *ret, struct js_err *err);

/* Returns a path as messages show it, with control characters escaped; "-" is
 * "standard input". The caller frees it. NULL with errno ENOMEM on failure. */
char *js_list_show_path(const char *path);

/* Creates a reader for the text, which the caller feeds to it. It borrows from
 * the list. Returns NULL with errno ENOMEM on failure. */
struct js_reader *js_list_new_reader(const struct js_list *list);

static inline const char *js_list_name(const struct js_list *list)
{
    return list->name;
}
static inline const struct js_list_survey *
js_list_survey(const struct js_list *list)
{
    return &list->survey;
}

/*
 * Calls `visit` for each job that will run and needs anything other than a
 * single core. Of several such jobs in a row with equal needs, only the first
 * is visited.
 */
void js_list_each_need(const struct js_list *list,
                       void (*visit)(void *arg, uint64_t id, uint64_t line,
                                     const struct js_request *request),
                       void *arg);

/* Sets *ret to the text from offset `at` on, and returns its length in bytes,
 * at most what a intake takes at a time. Returns 0 at the end. */
static inline size_t js_list_piece(const struct js_list *list, size_t at,
                                   const char **ret)
{
    size_t left = list->text.len - at;
    *ret = left ? list->text.data + at : "";
    return left < JS_LIST_PIECE_BYTES ? left : JS_LIST_PIECE_BYTES;
}

#endif
