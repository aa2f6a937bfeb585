/*
 * requeue - puts the Slurm job whose batch script this process is back into the
 * queue, so that it continues with the list.
 *
 * A job is requeued only if the script asks for it (--requeue) and this process
 * has replaced the script by exec. This excludes shells of salloc and jobs of
 * another jobsched. Only a run that has stopped early for one of two reasons is
 * requeued: its time limit, or SIGUSR1, which Slurm sends as a warning of its
 * own. Sources: scontrol(1), sbatch(1).
 */
#ifndef JS_LAUNCH_REQUEUE_H
#define JS_LAUNCH_REQUEUE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct js_requeue {
    bool is_asked; /* false: nothing is requeued */
    uint64_t done; /* how often this Slurm job was requeued before */
    uint64_t most;
};

/* Reads the environment. `is_wanted`: --requeue was given. From then on SIGUSR1
 * is held back until js_watch_open(). Returns 0, or -1 with *err if
 * JOBSCHED_REQUEUES is not a number. */
int js_requeue_init(struct js_requeue *requeue, bool is_wanted,
                    struct js_err *err);

/* How a run has stopped. */
struct js_stop {
    bool is_warned;      /* by SIGUSR1 */
    bool is_out_of_time; /* by its time limit */
    bool is_ended;       /* by another signal, before or after the warning */
    bool has_run;        /* some job was begun */
};

/* Requeues the job if it stopped for one of these reasons, and says so, or says
 * why not. Slurm may end this process before the call returns. */
void js_requeue(const struct js_requeue *requeue, const struct js_stop *stop);

#endif
