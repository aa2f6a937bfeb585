/*
 * slave_runner - the runner beside a slave: what it was given, whether it is in
 * good health, and its replacement.
 *
 * Borrows the runner (runner/runner.h). Sends nothing; the slave reports to the
 * master.
 *
 *     CONFIGURED --stopped by somebody while it had jobs--> continued
 *     CONFIGURED --lost--> RESTARTING (is_restarting, is_unrecorded)
 *     RESTARTING --it sends READY, and the master has recorded it--> CONFIGURED
 *     RESTARTING --too many were lost in a row without a job--> the slave
 *                                                               retires
 *
 * A call that finds the runner lost does not fail. The loss is noticed in one
 * place, where the runner's events are handled.
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
 *  - is_unrecorded is true from a restart until the master has confirmed the
 *    process that `processes` names; is_restarting until that process sends
 *    READY.
 *  - While either is true, nothing is started.
 *  - looked_ns and asked_ns do not go back.
 */
struct js_slave_runner {
    const struct js_runner_ops *ops;
    struct js_runner *self;           /* borrowed */
    const struct js_topo *topo;       /* borrowed */
    struct js_process_pair processes; /* the slave and the runner */
    bool is_bound;                    /* jobs are bound to CPUs */
    bool is_restarting;               /* the runner is new, and not yet READY */
    bool is_unrecorded;      /* ... or the master has not recorded it yet */
    bool has_events;         /* its descriptor is readable */
    unsigned barren;         /* runners lost in a row without a job in them */
    int64_t asked_ns;        /* when it was last asked for events */
    int64_t looked_ns;       /* when it was last checked whether it is
                                stopped */
    uint64_t stopped_ticket; /* of a job that was named when the runner was
                                found stopped */
};

/* Configures the first runner, or another. limit_ns (0: none) applies to jobs
 * without a timeout of their own. Returns 0, or -1 with *err. */
int js_slave_runner_configure(struct js_slave_runner *runner,
                              const struct js_runner_config *config,
                              int64_t limit_ns, struct js_err *err);

/* Gives it the job of an order, for slot `index` or JS_RUNNER_SLOT_NEXT. This
 * function and the following ones do what their namesakes in runner.h do. They
 * return 0, or -1 with *err. */
int js_slave_runner_run(struct js_slave_runner *runner, uint32_t index,
                        const struct js_slave_order *order, struct js_err *err);
int js_slave_runner_recall(struct js_slave_runner *runner, struct js_err *err);
int js_slave_runner_limit(struct js_slave_runner *runner, int64_t limit_ns,
                          struct js_err *err);
int js_slave_runner_end(struct js_slave_runner *runner, uint32_t index,
                        int64_t grace_ns, struct js_err *err);

/* True if it may have an event; it then counts as asked. Asking costs a system
 * call, and there are many turns when simulated jobs take no time. */
bool js_slave_runner_may_have_events(struct js_slave_runner *runner,
                                     const struct js_slave_queue *queue,
                                     int64_t now_ns);

/* When js_slave_runner_wake() must look again; JS_NEVER_NS: no time is set. */
int64_t js_slave_runner_look_ns(const struct js_slave_runner *runner,
                                const struct js_slave_queue *queue);

/* Continues the runner if it was stopped. If it was not known to be stopped,
 * the note says so and names the running jobs; else the note stays empty. */
void js_slave_runner_wake(struct js_slave_runner *runner,
                          const struct js_slave_queue *queue, int64_t now_ns,
                          struct js_buf *note);

/* The runner is lost: starts another process in its place, which must then be
 * configured. Returns -1 with *err if there is none. */
int js_slave_runner_restart(struct js_slave_runner *runner, struct js_err *err);

/* The master has recorded the runner with that process id. */
void js_slave_runner_recorded(struct js_slave_runner *runner, uint64_t pid);

/* True if a job runs that is not simulated. */
bool js_slave_runner_is_busy(const struct js_slave_queue *queue);

#endif
