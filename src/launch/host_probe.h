/*
 * trial - whether hosts can be reached, as mpirun reaches them, and whether it
 * is the mpirun of the right MPI.
 */
#ifndef JS_LAUNCH_HOST_PROBE_H
#define JS_LAUNCH_HOST_PROBE_H

#include "launch/hostfile.h"
#include "launch/mpirun.h"

#include <stdbool.h>

/*
 * Starts a program that does nothing on each host, on all at once, and writes
 * to are_well[0 ... hosts->count - 1] where that came to a good end within
 * twenty seconds. It looks at is_to_stop() between; if that is true all is over
 * soon, and the answer of no use.
 */
void js_host_probe_hosts(const struct js_mpirun *mpirun,
                         const struct js_hosts *hosts,
                         bool (*is_to_stop)(void *arg), void *arg,
                         bool *are_well);

/*
 * Asks mpirun what it is. True if it is of another MPI than jobsched was built
 * with (`built_with`, as jobsched_mpi() has it): *ret then says which file was
 * started, of which MPI it is, and which it must be.
 */
bool js_host_probe_mpirun(const struct js_mpirun *mpirun,
                          const char *built_with, struct js_buf *ret);

#endif
