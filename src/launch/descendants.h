/*
 * descendants - the processes that a run leaves on this host when its mpirun
 * has ended.
 *
 * The launcher adopts what an mpirun leaves behind (PR_SET_CHILD_SUBREAPER):
 * ranks, the processes that start their jobs, an ssh that hangs. These
 * processes are recognised by the variable that names the launcher's folder,
 * which no job has. A process that leads a session of its own does not count
 * (ssh leaves one for further connections), unless it runs this program. The
 * descendants of ranks are the ranks' own responsibility.
 */
#ifndef JS_LAUNCH_DESCENDANTS_H
#define JS_LAUNCH_DESCENDANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* From now on this process adopts them. Returns 0, or -1 with errno. */
int js_descendants_adopt(void);

/* Calls `visit` for each of them that exists now; `folder` is the launcher's.
 * Returns their number, including children that are about to end and may leave
 * others. */
size_t js_descendants_each(const char *folder,
                           void (*visit)(pid_t pid, void *arg), void *arg);

/* True if rank 0 is among the processes of this host, whatever its parent. */
bool js_descendants_has_rank_0(const char *folder);

/* Kills all of them until none is left, for a few seconds at most. Must be
 * called only while no other child is waited for. */
void js_descendants_kill(const char *folder);

#endif
