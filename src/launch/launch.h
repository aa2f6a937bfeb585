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
    uint64_t slaves;      /* 0: one for each core, slot or task; see below */
    const char *hostfile; /* NULL: this machine, or what Slurm has granted */
    uint32_t restarts;    /* how often to continue after the run broke off */
    bool is_mpirun_shown; /* show the command line and do not start it */
    bool is_template;     /* the list is a template on the command line, which
                             the same command repeats */
    bool is_requeued;     /* the batch script asks for it: launch/slurm.h */
};

/*
 * On JS_LAUNCH_MANY_NODES nodes or more, unless `slaves` or the slots of each
 * slave are given, the slaves of a node are merged: there are as few slaves as
 * possible, and each has the slots of those that it replaces. All slaves have
 * the same number of slots, JS_LAUNCH_MERGED_MOST at most, so nodes of 128, 128
 * and 64 tasks get eight, eight and four slaves of 16 slots. The time that a
 * run takes to start, the heartbeats, and the memory of the master all grow
 * with the number of slaves. But a slave starts its jobs one after another: one
 * slave of two slots took 1.2 times as long for /bin/true as two slaves of one
 * slot (measured on two cores).
 */
enum {
    JS_LAUNCH_MANY_NODES = 64,
    JS_LAUNCH_MERGED_MOST = 16,
    JS_LAUNCH_SLOTS_MOST = 4096, /* of a slave, if they are given */
};

/* True if this process is alone: started without a launcher, or in a world of
 * one process. */
bool js_launch_is_alone(void);

/* Starts the run and waits for it. Returns the exit status of the run. */
int js_launch(const struct js_launch_config *config);

#endif
