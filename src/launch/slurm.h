/*
 * slurm - what Slurm says about the allocation in which this process runs.
 *
 * The facts come from the environment, or from scontrol if the environment
 * lacks them. Sources: sbatch(1), srun(1), scontrol(1); observed with Slurm
 * 22.05.
 */
#ifndef JS_LAUNCH_SLURM_H
#define JS_LAUNCH_SLURM_H

#include "base/err.h"
#include "launch/hostfile.h"

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

/* The sum of these numbers, but at most the number of tasks that the job (not a
 * step) has. Returns 0, or -1 with *err. */
int js_slurm_tasks(uint64_t *ret, struct js_err *err);

/* The number of components that a heterogeneous job has besides the one of this
 * process. A run cannot use them. */
uint64_t js_slurm_unused_components(void);

/* Asks scontrol for the nodes of the job, with their tasks as slots. Returns 0,
 * or -1 with *err. */
int js_slurm_hosts(struct js_hosts *ret, struct js_err *err);

/* The time until Slurm ends the job; JS_NEVER_NS if Slurm does not say. */
int64_t js_slurm_time_left_ns(void);

/* The same, derived from the output of `scontrol --oneliner show job`, which
 * is modified. `age_ns` is the age of the job's daemon on this node (-1:
 * unknown). */
int64_t js_slurm_left_by_ns(char *text, int64_t age_ns);

#endif
