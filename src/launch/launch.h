/*
 * launch - starts mpirun as a child, and stays as its parent.
 *
 * For the exit status of the run (mpirun has one of its own after signals and
 * under recovery), a ^C that lets jobs end, an end of an mpirun that hangs
 * after a host was lost, and another start without that host.
 */
#ifndef JS_LAUNCH_LAUNCH_H
#define JS_LAUNCH_LAUNCH_H

#include "base/argv.h"
#include "jobsched.h"

#include <stdbool.h>

/* What to start, and where. All is borrowed. */
struct js_launch_config {
    /* What the user asks of the run. It reaches the ranks as the words: options
     * and job list as they were given, less what is said of this start. Those
     * of a run that goes on lack the time limit as well, of which some has
     * passed. */
    const struct jobsched_config *run;
    const struct js_argv *words, *words_going_on;
    uint64_t slaves;      /* 0: one for each core, or slot, or task */
    const char *hostfile; /* NULL: this machine, or what Slurm has granted */
    uint32_t restarts;    /* how often to go on after the run broke off */
    bool is_mpirun_shown; /* instead of being started */
    bool is_requeued;     /* by the batch script: launch/requeue.h */
};

/* True in a process that is alone: started without a launcher, or in a world of
 * one. */
bool js_launch_is_alone(void);

/* Runs it. Returns the exit status of the run. */
int js_launch(const struct js_launch_config *config);

#endif
