/*
 * host_probe - tests whether mpirun can reach hosts, and whether it belongs to
 * the right MPI.
 */
#ifndef JS_LAUNCH_HOST_PROBE_H
#define JS_LAUNCH_HOST_PROBE_H

#include "launch/hostfile.h"
#include "launch/mpirun.h"

#include <stdbool.h>

/*
 * Starts a program that does nothing on each host, on all at once. Writes to
 * are_well[0 ... hosts->count - 1] whether it ended successfully within twenty
 * seconds. Calls is_to_stop() meanwhile; if that returns true, the function
 * returns soon and its answer must be ignored.
 */
void js_host_probe_hosts(const struct js_mpirun *mpirun,
                         const struct js_hosts *hosts,
                         bool (*is_to_stop)(void *arg), void *arg,
                         bool *are_well);

/*
 * Asks mpirun for its version. Returns true if it belongs to another MPI than
 * jobsched was built with (`built_with`, in the form of jobsched_mpi()). *ret
 * then says which file was started, to which MPI it belongs, and to which it
 * must belong.
 */
bool js_host_probe_mpirun(const struct js_mpirun *mpirun,
                          const char *built_with, struct js_buf *ret);

#endif
