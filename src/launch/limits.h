/*
 * limits - what a shell or an administrator allows processes (ulimit), and how
 * much of it a run on this host needs.
 */
#ifndef JS_LAUNCH_LIMITS_H
#define JS_LAUNCH_LIMITS_H

#include "base/err.h"
#include "base/mca.h"

#include <stdint.h>

/*
 * Allows this process, and those that it starts, as many open files as this
 * number of ranks needs. The limit that the user has set for jobs is kept in
 * the environment (base/launchenv.h). Returns 0, or -1 with *err if a limit
 * does not allow that many ranks; *err says how many slaves it allows.
 */
int js_limits_raise(enum js_mpi mpi, uint64_t ranks, struct js_err *err);

/* How many ranks can run with this many open files, or with this many processes
 * and threads; at least 0. */
uint64_t js_limits_ranks_by_files(uint64_t files);
uint64_t js_limits_ranks_by_processes(uint64_t processes);

#endif
