/*
 * slave_runner - the runner beside a slave: what it is given, whether it is
 * well, and another in its place.
 *
 * Borrows the runner (runner/runner.h). Sends nothing: what the master must
 * know is the slave's to say.
 *
 *     CONFIGURED --stopped by somebody, seen with jobs in it--> continued
 *     CONFIGURED --lost--> RESTARTING (is_restarting, is_unrecorded)
 *     RESTARTING --it says READY, and the master has it on record--> CONFIGURED
 *     RESTARTING --too many were lost one after the other without a job-->
 *                                                       the slave retires
 *
 * A call that finds the runner lost does not fail: that is noticed, once, where
 * its events are taken.
 */
#ifndef JS_MPI_SLAVE_RUNNER_H
#define JS_MPI_SLAVE_RUNNER_H

#include "base/buf.h"
#include "base/process.h"
#include "mpi/slave_queue.h"
#include "node/topo.h"
#include "runner/runner.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Invariants:
 *  - is_unrecorded from a restart on until the master has confirmed the process
 *    that `processes` names; is_restarting until that process says READY.
 *  - While either is true nothing is started.
 *  - looked_ns and asked_ns do not go back.
 */
struct js_slave_runner {
    const struct js_runner_ops *ops;
    struct js_runner *self;           /* borrowed */
    const struct js_topo *topo;       /* borrowed */
    struct js_process_pair processes; /* the slave's and the runner's */
    bool is_bound;                    /* jobs are bound to CPUs */
    bool is_restarting;      /* the runner is new, and not yet READY, */
    bool is_unrecorded;      /* ... or not yet on the master's record */
    bool has_events;         /* its descriptor can be read */
    unsigned barren;         /* lost without a job since one had any */
    int64_t asked_ns;        /* when it was asked for events last */
    int64_t looked_ns;       /* when it was looked whether it is stopped */
    uint64_t stopped_ticket; /* of a job that was named for a stopped runner */
};

/* Sets it up, first or anew. limit_ns (0: none) is that of jobs without a
 * timeout of their own. 0, or -1 with *err. */
int js_slave_runner_configure(struct js_slave_runner *runner,
                              const struct js_runner_config *config,
                              int64_t limit_ns, struct js_err *err);

/* Gives it the job of an order, for slot `index` or JS_RUNNER_SLOT_NEXT. The
 * following do what their namesakes in runner.h do. 0, or -1 with *err. */
int js_slave_runner_run(struct js_slave_runner *runner, uint32_t index,
                        const struct js_slave_order *order, struct js_err *err);
int js_slave_runner_recall(struct js_slave_runner *runner, struct js_err *err);
int js_slave_runner_limit(struct js_slave_runner *runner, int64_t limit_ns,
                          struct js_err *err);
int js_slave_runner_end(struct js_slave_runner *runner, uint32_t index,
                        int64_t grace_ns, struct js_err *err);

/* True if it may have an event: to ask costs a system call, and turns are many
 * where simulated jobs take no time. Counts as asked then. */
bool js_slave_runner_may_have_events(struct js_slave_runner *runner,
                                     const struct js_slave_queue *queue,
                                     int64_t now_ns);

/* When js_slave_runner_wake() has something to look at; JS_NEVER_NS: not by
 * itself. */
int64_t js_slave_runner_look_ns(const struct js_slave_runner *runner,
                                const struct js_slave_queue *queue);

/* Continues it if it was stopped. If that is news, the note says so and names
 * the jobs that run; else it stays empty. */
void js_slave_runner_wake(struct js_slave_runner *runner,
                          const struct js_slave_queue *queue, int64_t now_ns,
                          struct js_buf *note);

/* It is lost: another process takes its place, to be configured. -1 with *err
 * if there is none. */
int js_slave_runner_restart(struct js_slave_runner *runner, struct js_err *err);

/* The master has the runner of that process on record. */
void js_slave_runner_recorded(struct js_slave_runner *runner, uint64_t pid);

/* True if a job runs that is not simulated. */
bool js_slave_runner_is_busy(const struct js_slave_queue *queue);

#endif
