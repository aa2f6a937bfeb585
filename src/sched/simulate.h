/*
 * simulate - simulates a run on a simulated clock.
 *
 * The scheduler, the graph, the source and the allocator are those of a real
 * run and decide as they do in one. The slaves are simulated: they start and
 * end jobs, keep those given ahead of time, and return them when asked or when
 * they have waited too long. Every job succeeds. Messages take no time; one
 * number stands for the time that a real run needs between two jobs of a slot.
 */
#ifndef JS_SCHED_SIMULATE_H
#define JS_SCHED_SIMULATE_H

#include "list/source.h"
#include "sched/scheduler.h"

/*
 * Adds a host to the scheduler and its allocator. Each core of the host is a
 * slave with one slot. The slaves are numbered from `first_rank` on. Returns 0,
 * or -1 with errno as set by js_allocator_equip() or js_scheduler_add_slave().
 */
int js_simulate_add_host(struct js_scheduler *scheduler,
                         struct js_allocator *allocator, unsigned first_rank,
                         const struct js_node *node,
                         const struct js_resources *resources);

struct js_simulate_config {
    int64_t gap_ns;     /* from the time when a slot is free to the start of its
                           next job */
    unsigned slave_end; /* one more than the highest number of a slave; 0:
                           slaves are numbered from 1 on, without gaps */
    /* Called for each job before the scheduler gets it. Sets duration_ns, which
     * is how long the job runs, and the fields by which the scheduler orders
     * jobs. */
    void (*accepted)(void *arg, struct js_job *job);
    /* Called for each job when the scheduler assigns it. Jobs of at least
     * JS_SCHEDULER_AHEAD_NS start in this order, and their allocations are
     * known. Shorter jobs may be given ahead of time. May be NULL. */
    void (*assigned)(void *arg, const struct js_scheduler_decision *assigned);
    void *arg;
};

struct js_simulation {
    uint64_t jobs;       /* how many ran */
    uint64_t peak_cores; /* the most cores that jobs held at the same time */
    int64_t makespan_ns; /* from the first start to the last end */
};

/*
 * Gives all jobs of the source to the scheduler, which must have had none so
 * far, and simulates until no job is left. From then on the scheduler uses the
 * simulated clock. Returns 0, or -1 with *err if the source had an error, no
 * slave could run the jobs that are left, there was no memory, or the run would
 * take longer than 146 years (errno EOVERFLOW).
 */
int js_simulate(struct js_scheduler *scheduler, struct js_source *source,
                const struct js_simulate_config *config,
                struct js_simulation *ret, struct js_err *err);

#endif
