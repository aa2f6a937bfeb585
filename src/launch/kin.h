/*
 * kin - what is left on this host of a run whose mpirun is gone.
 *
 * The launcher adopts what an mpirun leaves behind (PR_SET_CHILD_SUBREAPER):
 * ranks, the processes that start their jobs, an ssh that hangs. They are
 * known by the variable that names the launcher's folder, which no job has; a
 * process that has made itself a session of its own is none of them (ssh leaves
 * one there for other connections), unless it runs this program. What ranks
 * have below them is their own affair.
 */
#ifndef JS_LAUNCH_KIN_H
#define JS_LAUNCH_KIN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* From now on they are adopted. Returns 0, or -1 with errno. */
int js_descendants_adopt(void);

/* Calls `visit` for each that is there now; `folder` is the launcher's. Returns
 * how many, and those children that are about to end, and may leave others. */
size_t js_descendants_each(const char *folder,
                           void (*visit)(pid_t pid, void *arg), void *arg);

/* True if rank 0 is among the processes of this host, whoever its parent is. */
bool js_descendants_has_rank_0(const char *folder);

/* Kills all of them, until none is left, for some seconds at most. Only while
 * no other child is waited for. */
void js_descendants_kill(const char *folder);

#endif
