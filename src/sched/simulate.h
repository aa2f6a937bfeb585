/*
 * simulation - plays a run through on a simulated clock.
 *
 * The scheduler, the graph, the source and the allocator are those of a real
 * run, and decide as they do there. The slaves are simulated: they begin and
 * end jobs, keep those given ahead of time, and return them when asked or when
 * they have waited for too long. Every job succeeds. Messages take no time;
 * what a real run needs from one job to the next of a slot is one number.
 */
#ifndef JS_SCHED_SIMULATE_H
#define JS_SCHED_SIMULATE_H

#include "list/source.h"
#include "sched/scheduler.h"

struct js_simulate_config {
    int64_t gap_ns; /* from a slot's being free to the start of its next job */
    unsigned slave_end; /* beyond the highest number of a slave; 0: they are
                           numbered from 1 on, without gaps */
    /* Called for each job before the scheduler has it: sets its duration_ns,
     * which is how long it runs, and what the scheduler goes by. */
    void (*accepted)(void *arg, struct js_job *job);
    /* Called for each job as the scheduler assigns it. Jobs of at least
     * JS_SCHEDULER_AHEAD_NS start in this order, and their allocations are
     * known; shorter ones may be given ahead. NULL: nobody asks. */
    void (*assigned)(void *arg, const struct js_scheduler_decision *assigned);
    void *arg;
};

struct js_simulation {
    uint64_t jobs;       /* that ran */
    uint64_t peak_cores; /* the most that jobs held at the same time */
    int64_t makespan_ns; /* from the first start to the last end */
};

/*
 * Gives all jobs of the source to the scheduler, which has had none so far, and
 * plays until nothing is left. Its clock is the simulated one from here on.
 * Returns 0; or -1 with *err: the source had an error, jobs are left that no
 * slave could run, no memory, or it takes longer than 146 years (errno
 * EOVERFLOW).
 */
int js_simulate(struct js_scheduler *scheduler, struct js_source *source,
                const struct js_simulate_config *config,
                struct js_simulation *ret, struct js_err *err);

#endif
