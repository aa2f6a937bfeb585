/*
 * source - where the jobs of a run come from, one at a time.
 *
 * Three kinds: the demonstration; a regular file, read and checked as a whole
 * before its first job is given out; and a stream ("-", a FIFO, a pipe, a
 * device), read as jobs are asked for, so that its memory does not grow. Owns
 * the descriptor and the text. Never waits: the caller polls
 * js_source_fd() for POLLIN when told JS_SOURCE_LATER.
 */
#ifndef JS_CORE_SOURCE_H
#define JS_CORE_SOURCE_H

#include "base/err.h"
#include "core/job.h"

#include <stdbool.h>
#include <stdint.h>

enum js_source_state {
    JS_SOURCE_JOB,   /* *ret is a job; the caller owns it */
    JS_SOURCE_LATER, /* a stream that has nothing to read now, or 1 MiB with no
                        job in it, so that the caller can see to other things */
    JS_SOURCE_END,   /* there are no more jobs */
    JS_SOURCE_ERROR, /* bad input, a read error or no memory: see *err */
};

struct js_source;

/* `count` simulated jobs of `duration_ns` each; UINT64_MAX: without end.
 * NULL with errno ENOMEM. */
struct js_source *js_source_new_demo(uint64_t count, int64_t duration_ns);

/*
 * The job list at `path`; "-" is standard input. A regular file is read and
 * checked here. NULL with *err set: it cannot be opened or read, is a
 * directory, or holds an error (as file:line:column). Standard input is not
 * closed by js_source_free().
 */
struct js_source *js_source_new_file(const char *path, struct js_err *err);

/* NULL is allowed. Keeps errno. */
void js_source_free(struct js_source *source);

/* The next job. END and ERROR are final. */
enum js_source_state js_source_next(struct js_source *source,
                                    struct js_job **ret, struct js_err *err);

/* How many jobs there are in all, if that is known (*ret_known). */
uint64_t js_source_total(const struct js_source *source, bool *ret_known);

/* What to poll for POLLIN after JS_SOURCE_LATER; -1 if it is no stream. */
int js_source_fd(const struct js_source *source);

#endif
