/*
 * slave - every rank but 0: runs the jobs that it is sent, and reports how they
 * ended.
 *
 * It is a loop between the link (to the master) and the runner (which starts
 * the jobs). The slave holds the jobs that were sent ahead of time, and returns
 * them if the jobs that it runs turn out to take long. It also holds the output
 * that the master has not fetched yet.
 *
 *     HELLO sent -> SETUP taken -> runner configured -> READY sent -> working
 *     working --SHUTDOWN--> stopped: what still runs is ended
 *     working --a signal asks it to end--> ends its jobs, sends GOODBYE, and
 *                                     answers for their output until SHUTDOWN
 *     any --the master is silent for too long--> cannot continue (its runner
 *                                     ended the jobs when their lease expired)
 *     working --the runner is lost--> working with another runner, after a DONE
 *                                     for each job that was lost with the first
 *     working --there is no other runner--> GOODBYE sent: runs nothing, still
 *                                     answers for its output, until SHUTDOWN
 *
 * On a CLEAR, the slave ends the processes that killed runs have left on this
 * host (node/orphans.h).
 *
 * A runner that somebody has stopped is continued, and a message names the jobs
 * that it was running.
 */
#ifndef JS_MPI_SLAVE_H
#define JS_MPI_SLAVE_H

#include "base/err.h"
#include "base/outq.h"
#include "mpi/link.h"
#include "node/signals.h"
#include "node/topo.h"
#include "runner/runner.h"
#include "sched/allocator.h"

/* All pointers are borrowed as long as the slave exists. */
struct js_slave_config {
    struct js_node node;
    int *claim;                       /* as in struct js_master_config */
    struct js_process_pair processes; /* this process and its runner */
    const struct js_topo *topo;
    const struct js_runner_ops *runner_ops;
    struct js_runner *runner;
    struct js_outq *trace;      /* takes "Run job: N" if the master wants a
                                   trace */
    const char *const *environ; /* the environment of this process, for the
                                   variables that belong to this host */
    const char *tmpdir; /* this host's folder for temporary files; used unless
                           the master names one */
    enum js_stop_request (*stop_request)(
        void *arg); /* returns what this process was asked to do; NULL: it is
                       never asked */
    void *request_arg;
    int64_t start_ns; /* how long to wait for the master's SETUP message before
                         giving up; 0: forever */
};

struct js_slave;

/* Returns NULL with errno ENOMEM if there is no memory. */
struct js_slave *js_slave_new(const struct js_slave_config *config,
                              struct js_link *link);
void js_slave_free(struct js_slave *slave); /* NULL is allowed; keeps errno */

/* The steps of js_slave_run(), for tests that do something else between two
 * steps. js_slave_run() sends HELLO, then makes turns until one ends with
 * SHUTDOWN, and waits for messages and events after each turn. A turn does not
 * wait. It returns 1 if the master has sent SHUTDOWN, 0 if not. All return -1
 * with *err if the slave cannot continue. */
int js_slave_greet(struct js_slave *slave, struct js_err *err);
int js_slave_turn(struct js_slave *slave, struct js_err *err);
int js_slave_wait(struct js_slave *slave, struct js_err *err);

/* Works until the master sends SHUTDOWN, which says how to leave. Returns 0, or
 * -1 with *err. */
int js_slave_run(struct js_slave *slave, enum js_leaving *ret,
                 struct js_err *err);

#endif
