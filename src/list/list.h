/*
 * list - a job list in a regular file, read once.
 *
 * Owns: the text, the name that messages use, and what a check of the whole
 * text has found. It keeps no jobs, so it takes little more memory than the
 * text. Whoever wants the jobs walks through them with a cursor
 * (js_source_new_list()), as often as needed: nobody opens the file again, so
 * all readers see the same list, whatever happens to the file meanwhile.
 */
#ifndef JS_LIST_LIST_H
#define JS_LIST_LIST_H

#include "base/err.h"
#include "list/graph.h"
#include "list/job.h"
#include "list/resume.h"
#include "list/warnings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct js_list;

/* A check reports this many errors of a file, and then stops. */
enum { JS_LIST_ERRORS = 20 };

/* What the check has found. Of the jobs that an earlier run has finished it
 * says only what `shape` and `resume` count. */
struct js_list_survey {
    uint64_t left;   /* jobs that have not ended in an earlier run */
    bool is_ordered; /* some job that runs has a priority */
    struct js_graph_shape shape; /* of all jobs, whether they run or not */
    struct js_resume_counts resume;
};

/*
 * Reads the list at `path` and checks all of it; every job counts as one that
 * runs. NULL with *err: it cannot be opened or read, is a directory, is no
 * regular file (of which not a byte is read), or holds errors. Of one error
 * *err is the error itself; of several it is "NAME: 3 errors" (or "NAME: 20
 * errors or more").
 */
struct js_list *js_list_read(const char *path, struct js_err *err);

/* For a run. All borrowed until the list is made. */
struct js_list_config {
    const char *path;
    struct js_resume *resume; /* decides which jobs run, and counts them, as in
                                 a run; NULL: all run */
    const struct js_warnings_ear *ear; /* is told each of several errors, and
                                          warnings; NULL: nobody is */
};

/* The same of a regular file that is open, of about this size. It takes the
 * descriptor, also on failure. */
struct js_list *js_list_read_fd(int fd, off_t size_bytes,
                                const struct js_list_config *config,
                                struct js_err *err);

/* The same of a text without a file, which is copied. */
struct js_list *js_list_new_text(const char *name, const char *text, size_t len,
                                 struct js_err *err);

void js_list_free(struct js_list *list); /* NULL is allowed; keeps errno */

/* Opens `path` for reading, without waiting for the writer of a FIFO. A
 * directory is refused. Returns the descriptor, or -1 with *err. */
int js_list_open(const char *path, struct stat *ret, struct js_err *err);

/* fstat(2), and the same refusal, of a descriptor that is open already. */
int js_list_check_kind(const char *path, int fd, struct stat *ret,
                       struct js_err *err);

/* A path as messages show it, control characters escaped; "-" is "standard
 * input". The caller frees it. NULL with errno ENOMEM. */
char *js_list_show_path(const char *path);

const char *js_list_name(const struct js_list *list);
const struct js_list_survey *js_list_survey(const struct js_list *list);

/*
 * Calls `visit` for the jobs that run and need more than one core or anything
 * else; of several in a row with equal needs only for the first.
 */
void js_list_each_need(const struct js_list *list,
                       void (*visit)(void *arg, uint64_t id, uint64_t line,
                                     const struct js_request *request),
                       void *arg);

/* The text from `at` on, as much of it as a parser takes at a time: how many
 * bytes, 0 at the end. */
size_t js_list_piece(const struct js_list *list, size_t at, const char **ret);

#endif
