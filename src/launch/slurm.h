/*
 * slurm - finds out what Slurm says about the allocation in which this process
 * runs, and requeues its Slurm job.
 *
 * The facts come from the environment, or from scontrol if the environment
 * lacks them. Sources: sbatch(1), srun(1), scontrol(1); observed with Slurm
 * 22.05.
 */
#ifndef JS_LAUNCH_SLURM_H
#define JS_LAUNCH_SLURM_H

#include "base/buf.h"
#include "base/err.h"
#include "launch/hosts.h"

#include <stdbool.h>
#include <stdint.h>

/* True inside an allocation. */
bool js_slurm_is_here(void);

/* True in a step of the allocation (a shell that srun has started). A step has
 * resources of its own. */
bool js_slurm_is_in_step(void);

/* True if the first node of the job, where rank 0 will run, is not this one. */
bool js_slurm_is_first_node_elsewhere(void);

/* True if this is the only node of the job. */
bool js_slurm_is_all_here(void);

/*
 * Parses the number of tasks on each node of the job: "4(x2),1" means four,
 * four and one. Calls `each` for every node in turn. Returns 0, or -1 if the
 * text does not have this form.
 */
int js_slurm_each_count(const char *text, void (*each)(void *arg, uint32_t n),
                        void *arg);

/* Adds up these numbers; *ret is at most the number of tasks that the job (not
 * a step) has. Returns 0, or -1 with *err. */
int js_slurm_tasks(uint64_t *ret, struct js_err *err);

/* Returns the number of CPUs for each task, if more than one was requested for
 * the job (not a step); otherwise 0. */
uint32_t js_slurm_task_cpus(void);

/*
 * Divides the numbers of tasks on the nodes by their greatest common divisor
 * that is at most `most`, which is returned, and writes the result to *ret, in
 * the form of SLURM_TASKS_PER_NODE. Returns 1, and writes nothing, if there are
 * fewer than `nodes_least` nodes, in a step, or if Slurm grants more tasks than
 * the job has.
 */
uint32_t js_slurm_divide_tasks(uint32_t nodes_least, uint32_t most,
                               struct js_buf *ret);

/* Returns the number of components that a heterogeneous job has besides the one
 * of this process. A run cannot use those. */
uint64_t js_slurm_unused_components(void);

/* Asks scontrol for the nodes of the job, with their tasks as slots. Returns 0,
 * or -1 with *err. */
int js_slurm_hosts(struct js_hosts *ret, struct js_err *err);

/* Returns the time until Slurm ends the job; JS_NEVER_NS if Slurm does not
 * say. */
int64_t js_slurm_time_left_ns(void);

/* Returns the same, derived from the output of `scontrol --oneliner show job`,
 * which is modified. `age_ns` is the age of the job's daemon on this node (-1:
 * unknown). */
int64_t js_slurm_left_by_ns(char *text, int64_t age_ns);

/* ------------------------------------------------------------ requeueing */

/*
 * Puts the Slurm job whose batch script this process is back into the queue, so
 * that it continues with the list.
 *
 * A job is requeued only if the script asks for it (--requeue) and this process
 * has replaced the script by exec. This excludes shells of salloc and jobs of
 * another jobsched. Only a run that has stopped early for one of two reasons is
 * requeued: its time limit, or SIGUSR1, which Slurm sends as a warning of its
 * own.
 */
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

/* Describes how a run stopped. */
struct js_stop {
    bool is_warned;      /* by SIGUSR1 */
    bool is_out_of_time; /* by its time limit */
    bool is_ended;       /* by another signal, before or after the warning */
    bool has_run;        /* at least one job was started */
};

/* Requeues the Slurm job if the run stopped for one of the two reasons above,
 * and reports this, or the reason why not. Slurm may end this process before
 * the call returns. */
void js_requeue(const struct js_requeue *requeue, const struct js_stop *stop);

#endif
