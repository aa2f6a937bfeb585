/*
 * procs - visits and ends the processes below this one, and finds which cores
 * other runs on this machine hold.
 *
 * The caller is a child subreaper (PR_SET_CHILD_SUBREAPER): a process anywhere
 * below it that loses its parent becomes the caller's own child, daemonised or
 * not. So to end everything, it is enough to end the children until there are
 * none.
 */
#ifndef JS_NODE_PROCS_H
#define JS_NODE_PROCS_H

#include "base/buf.h"
#include "base/cpuset.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Makes the process a child subreaper. Returns 0, or -1 with errno. */
int js_procs_adopt(void);

/*
 * Calls `visit` with the pid of each child of this process that /proc shows,
 * zombies included. Returns the number of children, or -1 with errno.
 */
int js_procs_each_child(void (*visit)(pid_t pid, void *arg), void *arg);

/*
 * Kills (SIGKILL) and reaps every child, and processes that become children as
 * a result, until none is left or `limit_ns` have passed. Returns 0 when none
 * is left, or -1 with errno ETIMEDOUT if the kernel does not let a process go,
 * for instance one that waits for a dead file server.
 */
int js_procs_end_all(int64_t limit_ns);

/* ---------------------------------------------------------------- leftovers */

/* A small set of pids; all zero is empty. */
struct js_pids {
    struct js_buf list;
};

bool js_pids_has(const struct js_pids *pids, pid_t pid);
void js_pids_remove(struct js_pids *pids, pid_t pid);

/*
 * The children that a job has left behind: those in its process group, those
 * that carry this run, job and attempt in their environment (base/process.h),
 * and those of a run within that job. `strange` decides about all other
 * children.
 */
struct js_leftovers {
    bool all; /* every child is the job's, unless it is spared */
    pid_t group;
    uint64_t run, id;
    uint32_t attempt;
    bool (*spared)(pid_t pid, void *arg);
    bool (*strange)(pid_t pid, void *arg); /* true: count it; or NULL */
    void *arg;
    int signal; /* SIGKILL; or SIGTERM, which each process outside the group
                   gets once: the caller signals the group as a whole */
    struct js_pids *found; /* gets the pids of the processes left behind */
    unsigned left;         /* out: how many are left now */
    unsigned strangers;    /* out: children whose job is unknown. (The
                              environment is empty during an exec.) */
};

/*
 * Signals the processes that the job has left behind. It sees only the current
 * children of this process. Processes below a child become children when that
 * child has ended, so call it again whenever a child has ended, until nothing
 * is left. Returns 0, or -1 with errno if the children could not be listed.
 */
int js_leftovers_run(struct js_leftovers *leftovers);

/* ---------------------------------------------------------------- other runs
 */

/*
 * These functions find the cores that slaves of other runs hold: the CPUs to
 * which their runners and the jobs of these are bound. Any user can see both.
 * Two runs that start at the same time must not overlook each other, so a run
 * holds a lock from its check until its slaves are bound.
 */

/*
 * Takes the lock. Waits for other runs that hold it, but not for long: no
 * holder may keep other runs from starting. The lock is on a file of the
 * kernel, which no process can create or remove. Returns a descriptor for the
 * caller to close, or -1 without the lock.
 */
int js_others_lock(void);

/*
 * Finds the CPUs of `pool` that are held by more runners than the least held
 * CPU is; there are none if all are held by equally many. Runners of this run
 * (their slaves have the same parent as this process) and runners above this
 * process do not count.
 */
void js_others_held(const struct js_cpuset *pool, struct js_cpuset *ret);

#endif
