/*
 * requeue - puts the Slurm job whose batch script this process is back into the
 * queue, to go on with the list.
 *
 * Only where the script asks for it (--requeue), and where this process is what
 * the script has become: not in a shell of salloc, nor within a job of another
 * jobsched. Only a run that has stopped in time is requeued: by the time limit,
 * or by SIGUSR1, with which Slurm warns of it. Source: scontrol(1), sbatch(1).
 */
#ifndef JS_LAUNCH_REQUEUE_H
#define JS_LAUNCH_REQUEUE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct js_requeue {
    bool is_asked; /* else nothing is requeued */
    uint64_t done; /* how often this Slurm job was requeued before */
    uint64_t most;
};

/* Reads the environment. `is_wanted`: --requeue was given. SIGUSR1 waits from
 * then on for js_watch_open(). Returns 0, or -1 with *err: JOBSCHED_REQUEUES is
 * not a number. */
int js_requeue_init(struct js_requeue *requeue, bool is_wanted,
                    struct js_err *err);

/* How a run has stopped. */
struct js_stop {
    bool is_warned;      /* by SIGUSR1 */
    bool is_out_of_time; /* by its time limit */
    bool is_ended;       /* by another signal, before or after that */
    bool has_run;        /* some job was begun */
};

/* Requeues the job if these are the reasons for it, and says so, or why not.
 * Slurm may end this process before it returns. */
void js_requeue(const struct js_requeue *requeue, const struct js_stop *stop);

#endif
