/*
 * limits - what a shell or an administrator lets processes have (ulimit), and
 * what a run on this host needs of it.
 */
#ifndef JS_LAUNCH_LIMITS_H
#define JS_LAUNCH_LIMITS_H

#include "base/err.h"
#include "base/mca.h"

#include <stdint.h>

/*
 * Lets this process and those that it starts have as many open files as so many
 * ranks need; what the user has set for jobs is kept in the environment
 * (base/launchenv.h). -1 with *err, which says how many slaves go, if a limit
 * does not let that many start.
 */
int js_limits_raise(enum js_mpi mpi, uint64_t ranks, struct js_err *err);

/* How many ranks go with so many open files, or so many processes and threads;
 * at least 0. */
uint64_t js_limits_ranks_by_files(uint64_t files);
uint64_t js_limits_ranks_by_processes(uint64_t processes);

#endif
