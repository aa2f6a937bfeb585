/*
 * launch - starts mpirun as a child process, and remains its parent.
 *
 * This gives the run its own exit status (mpirun has another one after signals
 * and under recovery), lets jobs end after a ^C, ends an mpirun that hangs
 * after a host was lost, and starts the run again without that host.
 */
#ifndef JS_LAUNCH_LAUNCH_H
#define JS_LAUNCH_LAUNCH_H

#include "base/argv.h"
#include "jobsched.h"

#include <stdbool.h>

/* Describes what to start, and where. Everything is borrowed. */
struct js_launch_config {
    /* The user's request. The ranks get it as `argv`: the options and the job
     * list as they were given, without the options about this start. When a run
     * is continued, they get `argv_resumed`, which lacks the time limit as
     * well, because part of it has passed. */
    const struct jobsched_config *run;
    const struct js_argv *argv, *argv_resumed;
    bool has_slots;       /* argv gives the number of slots of each slave */
    uint64_t slaves;      /* 0: one for each core, slot or task, or fewer
                             (launch/places.h) */
    const char *hostfile; /* NULL: this machine, or what Slurm has granted */
    uint32_t restarts;    /* how often to continue after the run broke off */
    bool is_mpirun_shown; /* show the command line and do not start it */
    bool is_template;     /* the list is a template on the command line, which
                             the same command repeats */
    bool is_requeued;     /* the batch script asks for it: launch/slurm.h */
};

/* True if this process is alone: started without a launcher, or in a world of
 * one process. */
bool js_launch_is_alone(void);

/* Starts the run and waits for it. Returns the exit status of the run. */
int js_launch(const struct js_launch_config *config);

#endif
