/*
 * slave - every rank but 0: runs the jobs it is sent, and says how they ended.
 *
 * A loop between the link (the master) and the runner (the jobs). It keeps the
 * jobs that were given ahead of time, and gives them back when what it runs
 * turns out to take long; and the output that the master has not fetched.
 *
 *     HELLO sent -> SETUP taken -> runner configured -> READY sent -> working
 *     working --STOP--> stopped: what still runs is ended
 *     working --it is told to hurry by a signal--> ends its jobs, says BYE, and
 *                                     answers for their output until STOP
 *     any --the master is silent for too long--> cannot go on (its runner has
 *                                     ended the jobs when their lease ran out)
 *     working --the runner is lost--> working with another runner, once what
 *                                     it ran is DONE, as lost with it
 *     working --there is no other runner--> BYE sent: runs nothing, still
 *                                     answers for its output, until STOP
 *
 * A CLEAR has what killed runs have left on this host ended (node/orphans.h).
 *
 * A runner that is stopped is continued, and the jobs that run are named.
 */
#ifndef JS_MPI_SLAVE_H
#define JS_MPI_SLAVE_H

#include "base/log.h"
#include "base/outq.h"
#include "mpi/link.h"
#include "node/signals.h"
#include "node/topo.h"
#include "runner/runner.h"
#include "sched/allocator.h"

/* All borrowed while the slave exists. */
struct js_slave_config {
    struct js_node node;
    int *claim;                       /* as of a master */
    struct js_process_pair processes; /* this one and its runner */
    const struct js_topo *topo;
    const struct js_runner_ops *runner_ops;
    struct js_runner *runner;
    struct js_outq *trace;      /* "Run job: N" where the master wants it */
    const char *const *environ; /* of this process: for what is host-bound */
    const char *tmpdir;         /* this host's, unless the master names one */
    enum js_stop_request (*stop_request)(
        void *arg); /* of this process; NULL: none ever */
    void *request_arg;
    int64_t start_ns; /* the master is given up that has not said within it how
                         to work; 0: never */
};

struct js_slave;

/* NULL with errno ENOMEM. */
struct js_slave *js_slave_new(const struct js_slave_config *config,
                              struct js_link *link);
void js_slave_free(struct js_slave *slave); /* NULL is allowed; keeps errno */

/* What js_slave_run() does, for tests that go on with something else between
 * two steps: it says HELLO, then makes turns until one ends with STOP, and
 * waits for news behind each. A turn does not wait: it returns 1 when the
 * master has said STOP, 0 when not. All return -1 with *err when the slave
 * cannot go on. */
int js_slave_greet(struct js_slave *slave, struct js_err *err);
int js_slave_turn(struct js_slave *slave, struct js_err *err);
int js_slave_wait(struct js_slave *slave, struct js_err *err);

/* Works until the master says STOP, and how to leave. 0, or -1 with *err. */
int js_slave_run(struct js_slave *slave, enum js_leaving *ret,
                 struct js_err *err);

#endif
