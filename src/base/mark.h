/*
 * mark - which run a job is part of, as its processes carry it.
 *
 * In JOBSCHED_RUN: the id of the run, sixteen hexadecimal digits; behind it,
 * where the run lets leftovers go on, "+" and the session of its jobs. In
 * JOBSCHED_WITHIN, of a run within a job of another: that job as
 * RUN/ID/ATTEMPT, RUN being its JOBSCHED_RUN, and behind a blank those that it
 * is within.
 */
#ifndef JS_BASE_MARK_H
#define JS_BASE_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JS_MARK_VARIABLE "JOBSCHED_RUN"
#define JS_WITHIN_VARIABLE "JOBSCHED_WITHIN"

enum { JS_MARK_SIZE = 40 };

struct js_mark {
    uint64_t run;     /* not 0 */
    uint64_t session; /* 0: what its jobs leave does not go on */
};

/* A job that a run is within. */
struct js_outer_job {
    struct js_mark mark;
    uint64_t id;
    uint32_t attempt;
};

/* A run that was killed, and is over. */
struct js_dead_run {
    uint64_t id;
    int64_t begin_unix_ns; /* by its master's clock */
    int64_t until_unix_ns; /* it was over then; 0: it is now */
};

void js_mark_format(const struct js_mark *mark, char text[JS_MARK_SIZE]);

/* False for what is no mark. */
bool js_mark_parse(const char *text, struct js_mark *ret);

/* The first job of a JOBSCHED_WITHIN, and *within stands behind it: false if
 * there is none. */
bool js_mark_next_outer(const char **within, struct js_outer_job *ret);

/* The job of that run in a JOBSCHED_WITHIN: false if there is none. */
bool js_mark_within(const char *within, uint64_t run, uint64_t *ret_id,
                    uint32_t *ret_attempt);

#endif
