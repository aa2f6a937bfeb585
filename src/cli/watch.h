/*
 * watch - from the start of an mpirun to its end: hands signals on, learns from
 * the master how the run stands, and ends an mpirun that hangs.
 */
#ifndef JS_CLI_WATCH_H
#define JS_CLI_WATCH_H

#include "base/err.h"
#include "base/lifeline.h"
#include "cli/mpirun.h"
#include "cli/relay.h"
#include "jobsched.h"
#include "record/run_status.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The first part is the caller's to fill in, and all borrowed. */
struct js_watch {
    const struct jobsched_config *config;
    const struct js_mpirun *mpirun;
    struct js_lifeline_host *lifeline;
    const char *status_path; /* of a master on another host */
    struct js_relay *relay;  /* ... what passes between; NULL: there is none */

    /* What was seen. */
    int wait_status;     /* of the mpirun that has ended */
    bool is_stopped;     /* told to stop, in whatever way */
    bool is_master_lost; /* ... and not by its own word */
    struct js_run_status run;

    /* Its own. */
    int signals;                /* signalfd; -1: not opened */
    pid_t child;                /* mpirun; 0: it has ended */
    unsigned interrupts;        /* ^C so far */
    bool is_told_again;         /* by a signal */
    bool is_outage_seen;        /* standard output takes nothing more */
    int64_t over_ns, termed_ns; /* when it was; or JS_NEVER_NS */
    int64_t heard_ns;           /* when the master last said something new */
    int64_t looked_ns;
};

/* From here on signals are read, and wait for that. Returns 0, or -1 with *err.
 */
int js_watch_open(struct js_watch *watch, struct js_err *err);
void js_watch_close(struct js_watch *watch);

/* Until that mpirun has ended, whatever happens. */
void js_watch_run(struct js_watch *watch, pid_t child);

/* Between two runs: looks at signals. True if it was told to stop. */
bool js_watch_is_to_stop(void *watch);

#endif
