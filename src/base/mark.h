/*
 * mark - which run a job is part of, as recorded in its processes.
 *
 * JOBSCHED_RUN holds the id of the run, in sixteen hexadecimal digits. If the
 * run allows leftovers to continue, "+" and the session of its jobs follow.
 * JOBSCHED_WITHIN is set for a run within a job of another run. It holds that
 * job as RUN/ID/ATTEMPT, where RUN is its JOBSCHED_RUN. The jobs that contain
 * that job follow, after a blank.
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
    uint64_t session; /* 0: leftovers of its jobs do not continue */
};

/* A job that contains a run. */
struct js_outer_job {
    struct js_mark mark;
    uint64_t id;
    uint32_t attempt;
};

/* A run that was killed and is over. */
struct js_dead_run {
    uint64_t id;
    int64_t begin_unix_ns; /* by its master's clock */
    int64_t until_unix_ns; /* the time when it was over; 0: now */
};

void js_mark_format(const struct js_mark *mark, char text[JS_MARK_SIZE]);

/* Returns false if `text` is no mark. */
bool js_mark_parse(const char *text, struct js_mark *ret);

/* Takes the first job of a JOBSCHED_WITHIN and moves *within behind it. Returns
 * false if there is none. */
bool js_mark_next_outer(const char **within, struct js_outer_job *ret);

/* Finds the job of that run in a JOBSCHED_WITHIN. Returns false if there is
 * none. */
bool js_mark_within(const char *within, uint64_t run, uint64_t *ret_id,
                    uint32_t *ret_attempt);

#endif
