/*
 * source - where the jobs of a run come from, one at a time.
 *
 * Three kinds: the demonstration; a regular file (list/list.h), read and
 * checked as a whole before its first job is given out; and a stream ("-", a
 * FIFO, a pipe, a device), read as jobs are asked for, so that its memory does
 * not grow. Owns the descriptor of a stream. Never waits: the caller polls
 * js_source_fd() for POLLIN when told JS_SOURCE_LATER.
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
    JS_SOURCE_LATER,  /* a stream that has nothing to read now, or 1 MiB with no
                         job in it, so that the caller can see to other things */
    JS_SOURCE_END,    /* there are no more jobs */
    JS_SOURCE_ERROR,  /* bad input, a read error or no memory: see *err */
    JS_SOURCE_BROKEN, /* a stream broke off before its end: see *err */
};

struct js_source;

/*
 * `count` simulated jobs of `duration_ns` each; UINT64_MAX: without end. As
 * with the others `resume`, which is borrowed (NULL: all run), decides which
 * jobs are given out; its is_stream is set here. NULL with errno ENOMEM.
 */
struct js_source *js_source_new_demo(uint64_t count, int64_t duration_ns,
                                     struct js_resume *resume);

/*
 * The job list at `path`; "-" is standard input. A regular file is read and
 * checked here, and resume knows what it counts. NULL with *err set: it cannot
 * be opened or read, is a directory, or holds errors. If it holds one, *err is
 * that one; if several, each is told to `ear` and *err is "NAME: 3 errors"
 * (or "NAME: 20 errors or more"). What is hardly meant (list/jobfile.h) is told
 * as a warning, of a stream when it is met: five of a kind, then how many more.
 * With `ear` NULL warnings are not looked for, nor files to which two jobs
 * write at once. It is called as long as the source is there. Standard input is
 * not closed by js_source_free().
 */
struct js_source *js_source_new_file(const char *path, struct js_resume *resume,
                                     const struct js_warnings_ear *ear,
                                     struct js_err *err);

/* The same of a stream that comes so; `path` is what the user calls it. A last
 * line without a newline is told. */
struct js_source *js_source_new_stream(const char *path,
                                       const struct js_input_config *inlet,
                                       struct js_resume *resume,
                                       const struct js_warnings_ear *ear,
                                       struct js_err *err);

/* The jobs of a list that was read before, which is borrowed: a cursor, of
 * which there may be several. resume may be NULL, and need not be the one with
 * which the list was checked. NULL with errno ENOMEM. */
struct js_source *js_source_new_list(const struct js_list *list,
                                     struct js_resume *resume);

/*
 * Whoever writes into the pipe that is a stream damages what it has to wait
 * for: so no byte is used that was read when the pipe may have been full, and
 * the stream then ends with an error.
 */
void js_source_distrust(struct js_source *source);

/* NULL is allowed. Keeps errno. */
void js_source_free(struct js_source *source);

/* As messages show it, control characters escaped: "jobs.txt", "standard
 * input"; NULL of the demonstration. */
const char *js_source_name(const struct js_source *source);

/* The next job. END, ERROR and BROKEN are final. */
enum js_source_state js_source_next(struct js_source *source,
                                    struct js_job **ret, struct js_err *err);

/* How many jobs there are in all that have not ended in an earlier run, if that
 * is known (*ret_known); of a list, as its check found. */
uint64_t js_source_total(const struct js_source *source, bool *ret_known);

/* The graph of the jobs given out so far; the source's own. Never NULL (of the
 * demonstration it is empty and stays so). */
struct js_graph *js_source_graph(const struct js_source *source);

/* Of a regular file, known before its first job is given out. */
struct js_source_survey {
    bool is_known;   /* false: a stream, or the demonstration; all else is 0 */
    bool is_ordered; /* some job has a priority */
    struct js_graph_shape shape; /* of all jobs, whether they run or not */
    struct js_resume_counts resume;
};
void js_source_survey(const struct js_source *source,
                      struct js_source_survey *ret);

/*
 * Calls `visit` for the jobs of a regular file that need more than one core or
 * anything else; of several in a row with equal needs only for the first. Of
 * other sources for none.
 */
void js_source_each_need(const struct js_source *source,
                         void (*visit)(void *arg, uint64_t id, uint64_t line,
                                       const struct js_request *request),
                         void *arg);

bool js_source_is_stream(const struct js_source *source);

/* What to poll for POLLIN after JS_SOURCE_LATER; -1: look again after a while,
 * or it is no stream. */
int js_source_fd(const struct js_source *source);

#endif
