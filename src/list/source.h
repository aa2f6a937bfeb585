/*
 * source - where the jobs of a run come from, one at a time.
 *
 * There are three kinds: the demonstration; a regular file (list/list.h), which
 * is read and checked as a whole before its first job is given out; and a
 * stream ("-", a FIFO, a pipe, a device), which is read only as jobs are
 * requested, so that memory use does not grow. Owns the descriptor of a stream.
 * Never waits: after JS_SOURCE_LATER the caller polls js_source_fd() for
 * POLLIN.
 */
#ifndef JS_LIST_SOURCE_H
#define JS_LIST_SOURCE_H

#include "base/err.h"
#include "base/input.h"
#include "list/graph.h"
#include "list/job.h"
#include "list/list.h"
#include "list/resume.h"
#include "list/warnings.h"

#include <stdbool.h>
#include <stdint.h>

enum js_source_state {
    JS_SOURCE_JOB,    /* *ret is a job; the caller owns it */
    JS_SOURCE_LATER,  /* the stream has nothing to read now, or delivered 1 MiB
                         without a job; the caller can do other work */
    JS_SOURCE_END,    /* there are no more jobs */
    JS_SOURCE_ERROR,  /* bad input, a read error or no memory: see *err */
    JS_SOURCE_BROKEN, /* the stream broke off before its end: see *err */
};

struct js_source;

/*
 * Creates a demonstration of `count` simulated jobs of `duration_ns` each; a
 * count of UINT64_MAX means that it never ends. As with the other kinds,
 * `resume` decides which jobs are given out; it is borrowed (NULL: all jobs
 * run), and its is_stream is set here. Returns NULL with errno ENOMEM on
 * failure.
 */
struct js_source *js_source_new_demo(uint64_t count, int64_t duration_ns,
                                     struct js_resume *resume);

/*
 * Opens the job list that `config` describes; the path "-" is standard input,
 * which js_source_free() does not close. A regular file is read and checked
 * here; `resume` then contains its counts. Returns NULL with *err set if the
 * file cannot be opened or read, is a directory, or contains errors, or if
 * there is no such format. If there is one error, *err is that error. If there
 * are several, each is reported to `sink`, and *err is "NAME: 3 errors" (or
 * "NAME: 20 errors or more").
 *
 * Input that is probably not intended (list/intake.h) is reported to `sink` as
 * a warning; for a stream this happens while it is read. Five warnings of each
 * kind are reported, then the number of the others. If `sink` is NULL, such
 * input is not looked for, nor are files to which two jobs write at once.
 * `resume` and `sink` must remain valid as long as the source.
 */
struct js_source *js_source_new_file(const struct js_list_config *config,
                                     struct js_err *err);

/* Works like js_source_new_file(), for a stream that has been set up as `input`
 * says. The path is the user's name for it. A last line without a newline is
 * reported. */
struct js_source *js_source_new_stream(const struct js_list_config *config,
                                       const struct js_input_config *input,
                                       struct js_err *err);

/* Creates a cursor that returns the jobs of a list. The list is borrowed, and
 * may have several cursors. `resume` may be NULL, and need not be the one with
 * which the list was checked. Returns NULL with errno ENOMEM on failure. */
struct js_source *js_source_new_list(const struct js_list *list,
                                     struct js_resume *resume);

/*
 * Call this if the process that writes into the pipe damages data whenever it
 * has to wait (js_launchenv_damages()). No byte is used that was read while the
 * pipe may have been full; in that case the stream ends with an error.
 */
void js_source_distrust(struct js_source *source);

/* NULL is allowed. Keeps errno. */
void js_source_free(struct js_source *source);

/* The name for messages, with control characters escaped: "jobs.txt", "standard
 * input". NULL for the demonstration. */
const char *js_source_name(const struct js_source *source);

/* Returns the next job. END, ERROR and BROKEN are final. */
enum js_source_state js_source_next(struct js_source *source,
                                    struct js_job **ret, struct js_err *err);

/* Returns how many jobs in total did not end in an earlier run. *ret_known says
 * whether that number is known. For a list, it is known from the check. */
uint64_t js_source_total(const struct js_source *source, bool *ret_known);

/* The graph of the jobs given out so far, owned by the source. Never NULL; for
 * the demonstration it is always empty. */
struct js_graph *js_source_graph(const struct js_source *source);

/* What is known about a regular file before its first job is returned. */
struct js_source_survey {
    bool is_known; /* false: a stream or the demonstration, and all other fields
                      are 0 */
    bool is_ordered;             /* some job has a priority */
    struct js_graph_shape shape; /* of all jobs, whether they run or not */
    struct js_resume_counts resume;
};
void js_source_survey(const struct js_source *source,
                      struct js_source_survey *ret);

/*
 * Calls `visit` for each job of a regular file that needs anything other than a
 * single core. Of several such jobs in a row with equal needs, only the first
 * is visited. Does nothing for other sources.
 */
void js_source_each_need(const struct js_source *source,
                         void (*visit)(void *arg, uint64_t id, uint64_t line,
                                       const struct js_request *request),
                         void *arg);

/* The list that the jobs come from; NULL: they do not come from a list. */
const struct js_list *js_source_list(const struct js_source *source);

bool js_source_is_stream(const struct js_source *source);

/* True for a template on the command line, which is a stream as well. */
bool js_source_is_args(const struct js_source *source);

/* The descriptor to poll for POLLIN after JS_SOURCE_LATER. -1: try again after
 * a while, or the source is not a stream. */
int js_source_fd(const struct js_source *source);

#endif
