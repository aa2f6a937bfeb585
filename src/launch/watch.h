/*
 * watch - watches an mpirun from its start until it has ended, along with
 * everything that it started on this host.
 *
 * Signals are passed to the master, not to mpirun, which would end the ranks by
 * force; so a run can end in an orderly way. mpirun itself is sent a signal
 * only if the master is on another host, has ended or does not answer. It gets
 * a SIGKILL if it has not ended 15 seconds later. The state of the run is known
 * from the master's connection (base/lifeline.h), or from its status file if
 * the master is on another host.
 */
#ifndef JS_LAUNCH_WATCH_H
#define JS_LAUNCH_WATCH_H

#include "base/err.h"
#include "base/lifeline.h"
#include "jobsched.h"
#include "launch/mpirun.h"
#include "launch/relay.h"
#include "record/run_status.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The caller fills in the first part; all of it is borrowed.
 *
 * Invariants, from js_watch_run() on:
 *  - child is 0 from the time when mpirun was reaped; gone_ns is valid then.
 *  - termed_ns is set once, at the first signal that ends mpirun; a SIGKILL
 *    may follow.
 *  - answer_ns only becomes earlier, until the run reports its end.
 *  - is_stopped, is_warned and is_ended stay set over restarts. */
struct js_watch {
    const struct jobsched_config *config;
    const struct js_mpirun *mpirun;
    struct js_lifeline_host *lifeline;
    const char *folder;      /* the launcher's */
    const char *status_path; /* the status file of a master on another host */
    struct js_relay *relay;  /* ... and the relay for its data; NULL: there
                                is none */
    bool is_batch; /* the sender of SIGTERM will send SIGKILL within seconds */

    /* Observations. */
    int wait_status;     /* of the mpirun that has ended */
    bool is_stopped;     /* something has asked the run to end */
    bool is_warned;      /* ... by SIGUSR1 */
    bool is_ended;       /* ... by another signal */
    bool is_master_lost; /* the master on this host has stopped answering */
    bool is_start_late;  /* no master had reported within the time for a
                            start */
    size_t arrived;      /* the largest number of ranks on this host that have
                            reported */
    int64_t arrived_ns;  /* when the last of them did; before any, begun_ns */
    struct js_run_status run;

    /* Private. */
    int signals;         /* signalfd; -1: not opened */
    pid_t child;         /* mpirun; 0: it has ended */
    unsigned interrupts; /* ^C so far */
    bool has_reported;   /* the user knows that the master has ended */
    bool has_answered;   /* the master knows that its output was taken */
    int64_t begun_ns;    /* when mpirun was started */
    int64_t orphaned_ns; /* since when ranks have been here without rank 0 */
    int64_t answer_ns;   /* when the run must have ended by itself */
    int64_t gone_ns;     /* when mpirun had ended */
    bool is_interrupted; /* a signal came while output was waiting for its
                            reader */
    bool is_outage_seen; /* standard output accepts no more data */
    int64_t over_ns, termed_ns; /* when each happened; or JS_NEVER_NS */
    int64_t rest_ns;     /* when the next step against remaining processes is
                            due */
    unsigned rest_steps; /* how many such steps were taken */
    int64_t heard_ns;    /* when the master last reported something new */
    int64_t looked_ns;
};

/* Blocks signals, which this module reads from then on (signals that were
 * ignored stay ignored), and makes this process adopt orphans. Returns 0, or -1
 * with *err. */
int js_watch_open(struct js_watch *watch, struct js_err *err);
void js_watch_close(struct js_watch *watch);

/* Watches in any case until mpirun and everything that it started here have
 * ended. */
void js_watch_run(struct js_watch *watch, pid_t child);

/* Checks for signals between two runs. Returns true if the launcher must
 * stop. */
bool js_watch_is_to_stop(void *watch);

#endif
