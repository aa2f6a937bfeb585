/*
 * slurm - what Slurm tells of the allocation that this process is in.
 *
 * From the environment, and from scontrol where that says nothing. Sources:
 * sbatch(1), srun(1), scontrol(1); observed with Slurm 22.05.
 */
#ifndef JS_LAUNCH_SLURM_H
#define JS_LAUNCH_SLURM_H

#include "base/err.h"
#include "launch/hostfile.h"

#include <stdbool.h>
#include <stdint.h>

/* True inside an allocation. */
bool js_slurm_is_here(void);

/* True in a step of it (a shell that srun has started), which has resources of
 * its own. */
bool js_slurm_is_in_step(void);

/* True if the first node of the job, where rank 0 will be, is another one. */
bool js_slurm_is_first_node_elsewhere(void);

/* True if the job has no node but this one. */
bool js_slurm_is_all_here(void);

/*
 * The tasks on each node of the job, as in "4(x2),1": four, four and one. Calls
 * `each` for every node in turn. Returns 0, or -1 if it is not of that form.
 */
int js_slurm_each_count(const char *text, void (*each)(void *arg, uint32_t n),
                        void *arg);

/* The sum of them, but no more than the job has tasks: of the job, not of a
 * step. Returns 0, or -1 with *err. */
int js_slurm_tasks(uint64_t *ret, struct js_err *err);

/* How many components a heterogeneous job has beside the one that this process
 * is in; no run reaches them. */
uint64_t js_slurm_unused_components(void);

/* The nodes of the job with their tasks as slots, by scontrol. Returns 0, or -1
 * with *err. */
int js_slurm_hosts(struct js_hosts *ret, struct js_err *err);

/* How long it is until Slurm ends the job; JS_NEVER_NS if it does not say. */
int64_t js_slurm_time_left_ns(void);

/* The same by what `scontrol --oneliner show job` has said (which is cut up),
 * the job's daemon on this node being that old (-1: not known). */
int64_t js_slurm_left_by_ns(char *text, int64_t age_ns);

#endif
