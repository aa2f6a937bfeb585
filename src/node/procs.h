/*
 * procs - the processes below this one: visits them, and ends them. And the
 * processes of other runs on this machine: which cores they hold.
 *
 * The caller is a child subreaper (PR_SET_CHILD_SUBREAPER): a process that
 * loses its parent anywhere below becomes the caller's own child, daemonised or
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
 * zombies too. Returns how many, or -1 with errno.
 */
int js_procs_each_child(void (*visit)(pid_t pid, void *arg), void *arg);

/*
 * Kills (SIGKILL) and reaps every child, and those that become children by
 * that, until none is left or `limit_ns` have passed. Returns 0 when none is
 * left, or -1 with errno ETIMEDOUT: the kernel does not let a process go, for
 * instance one that waits for a dead file server.
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
 * What a job has left among the children: those in its process group, those
 * that carry this run, job and attempt in their environment (base/process.h),
 * and those of a run within that job. `strange` decides about all others.
 */
struct js_leftovers {
    bool all; /* every child is the job's, unless it is spared */
    pid_t group;
    uint64_t run, id;
    uint32_t attempt;
    bool (*spared)(pid_t pid, void *arg);
    bool (*strange)(pid_t pid, void *arg); /* true: this one too; or NULL */
    void *arg;
    int signal; /* SIGKILL; or SIGTERM, which each process gets once, but none
                   in the group: the caller signals the group as a whole */
    struct js_pids *found; /* gets the pids of what was left */
    unsigned left;         /* out: how many there are now */
    unsigned strangers;    /* out: children whose job is unknown. (The
                              environment is empty during an exec.) */
};

/*
 * Signals what the job has left. Sees only the children that this process has
 * at the moment; what is below them comes up when they have ended, so call it
 * again after each end of a child until nothing is left. Returns 0, or -1 with
 * errno when the children could not be listed.
 */
int js_leftovers_run(struct js_leftovers *leftovers);

/* ---------------------------------------------------------------- other runs
 */

/*
 * Which cores the slaves of other runs hold. The CPUs that a runner is bound to
 * are its slave's; those that its jobs are bound to are lent to them. Any user
 * can see both. Of two runs that start at the same time, neither may look
 * before the other can be seen: so a run holds a lock from its look until its
 * slaves are bound.
 */

/*
 * Takes the lock. Waits for others that are looking, but not for long: whoever
 * holds the lock must keep nobody from starting. It is on a file of the
 * kernel's, which nobody can make or remove. Returns a descriptor to close, or
 * -1 without the lock.
 */
int js_others_lock(void);

/*
 * The CPUs of `pool` that more runners hold than hold the least held one; none
 * if all are held by equally many. Runners of this run (whose slave has the
 * same parent as this process), and those that this process is below, do not
 * count.
 */
void js_others_held(const struct js_cpuset *pool, struct js_cpuset *ret);

#endif
