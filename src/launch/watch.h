/*
 * watch - from the start of an mpirun until it and all that it has started on
 * this host have ended.
 *
 * Signals go to the master, past mpirun, which would end the ranks by force: a
 * run ends in its own time. mpirun itself gets one signal to end, and only if
 * the master is on another host, has gone or does not answer; and SIGKILL if it
 * has not ended a quarter of a minute later. How the run stands is known by the
 * master's connection (base/lifeline.h), or by its file where it is on another
 * host.
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

/* The first part is the caller's to fill in, and all borrowed. */
struct js_watch {
    const struct jobsched_config *config;
    const struct js_mpirun *mpirun;
    struct js_lifeline_host *lifeline;
    const char *folder;      /* the launcher's */
    const char *status_path; /* of a master on another host */
    struct js_relay *relay;  /* ... what passes between; NULL: there is none */
    bool is_batch;           /* whoever sends SIGTERM kills within seconds */

    /* What was seen. */
    int wait_status;     /* of the mpirun that has ended */
    bool is_stopped;     /* told to stop, in whatever way */
    bool is_warned;      /* ... by SIGUSR1 */
    bool is_ended;       /* ... by another signal */
    bool is_master_lost; /* nothing was heard of it on its host */
    bool is_start_late;  /* no master had come within the time for a start */
    size_t came;         /* ranks of this host that have, at most */
    struct js_run_status run;

    /* Its own. */
    int signals;         /* signalfd; -1: not opened */
    pid_t child;         /* mpirun; 0: it has ended */
    unsigned interrupts; /* ^C so far */
    bool has_told;       /* that the master has gone */
    bool has_answered;   /* that its output was taken */
    int64_t begun_ns;    /* when mpirun was started */
    int64_t orphaned_ns; /* since when ranks have been here without rank 0 */
    int64_t answer_ns;   /* until when the run is to have ended by itself */
    int64_t gone_ns;     /* when mpirun had */
    bool is_told_again;  /* by a signal */
    bool is_outage_seen; /* standard output takes nothing more */
    int64_t over_ns, termed_ns; /* when it was; or JS_NEVER_NS */
    int64_t rest_ns;     /* when the next step against what it left is due */
    unsigned rest_steps; /* that were taken */
    int64_t heard_ns;    /* when the master last said something new */
    int64_t looked_ns;
};

/* From here on signals are read, and wait for that (those that were ignored
 * stay ignored), and what loses its parent is adopted. Returns 0, or -1 with
 * *err. */
int js_watch_open(struct js_watch *watch, struct js_err *err);
void js_watch_close(struct js_watch *watch);

/* Until all of it has ended, whatever happens. */
void js_watch_run(struct js_watch *watch, pid_t child);

/* Between two runs: looks at signals. True if it was told to stop. */
bool js_watch_is_to_stop(void *watch);

#endif
