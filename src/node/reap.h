/*
 * reap - ends processes that were left behind.
 *
 * The caller is a child subreaper (PR_SET_CHILD_SUBREAPER): whatever loses
 * its parent anywhere below it becomes its own child, daemonised or not. So to
 * end everything it is enough to end one's children until there are none.
 */
#ifndef JS_NODE_REAP_H
#define JS_NODE_REAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Makes the process a child subreaper. Returns 0, or -1 with errno. */
int js_reap_adopt(void);

/*
 * Calls `visit` with the pid of each living child of this process (zombies
 * too), as /proc has them. Returns how many, or -1 with errno.
 */
int js_reap_each_child(void (*visit)(pid_t pid, void *arg), void *arg);

/*
 * Kills (SIGKILL) and reaps every child, and those that become children by
 * that, until none is left or `limit_ns` have passed. Returns 0 when none is
 * left, -1 with errno ETIMEDOUT otherwise (a process that the kernel does not
 * let go, such as one waiting for a dead file server).
 */
int js_reap_all(int64_t limit_ns);

/* The value of variable `name` in the initial environment of process `pid`,
 * into `to`. False if it is not there; or if it cannot be read, or is too long:
 * *ret_unknown (NULL is allowed) says so. */
bool js_process_variable(pid_t pid, const char *name, char *to, size_t size,
                         bool *ret_unknown);

#endif
