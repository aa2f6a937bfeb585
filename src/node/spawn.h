/*
 * spawn - starts one process, with everything prepared beforehand, and decides
 * which commands need no shell.
 *
 * The child shares the parent's memory until it execs (clone with CLONE_VM and
 * CLONE_VFORK, on a stack of its own), so the cost does not grow with the size
 * of the parent, and a failure is returned as data. Between clone and exec
 * there are only async-signal-safe system calls. The caller must have no signal
 * handlers installed (it takes its signals from a signalfd): a handler would
 * run in the shared memory.
 */
#ifndef JS_NODE_SPAWN_H
#define JS_NODE_SPAWN_H

#include "base/cpuset.h"
#include "list/outcome.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct js_spawn_spec {
    /* Tried in turn, as execvp does: the next one on ENOENT, ENOTDIR, EACCES
     * and the like. NULL-terminated; NULL or empty: only the shell. */
    const char *const *programs;
    const char *const *argv;       /* for these programs */
    const char *const *shell_argv; /* for /bin/sh, when none of them could be
                                      executed for any reason */
    const char *const *envp;
    const char *dir; /* NULL: stay */
    int stdin_fd;    /* become 0, 1 and 2; none of them may be 0 to 2 */
    int stdout_fd;
    int stderr_fd;
    const struct js_cpuset *cpus; /* NULL: as inherited */
    const struct js_cpuset *numa; /* preferred NUMA nodes of its memory; NULL:
                                     as inherited */
    uint64_t data_limit_bytes;    /* RLIMIT_DATA; 0: as inherited */
    const uint64_t *ignored;      /* from js_spawn_ignored(); NULL: js_spawn()
                                     asks, at the cost of one call per signal */
};

/* The step at which js_spawn() failed (JS_STEP_NONE: it did not), and why. */
struct js_spawn_failure {
    enum js_step step;
    int error;
};

/* Returns the signals that this process ignores: bit N-1 for signal N. */
uint64_t js_spawn_ignored(void);

/*
 * The child gets its own process group, the default action for every signal,
 * an empty signal mask, and SIGKILL when the thread that has called this ends.
 * Returns 0 with its pid in *ret_pid, or -1 with *ret_failure set and no child
 * left (*ret_pid is 0). The pid is there before the child runs, so that another
 * thread can end a child that hangs before or in exec.
 */
int js_spawn(const struct js_spawn_spec *spec, pid_t *ret_pid,
             struct js_spawn_failure *ret_failure);

/* ------------------------------------------------- without a shell */

/*
 * A command runs without the shell only if this makes no visible difference: it
 * has only plain characters, and its first word is not an assignment, or a
 * builtin or keyword of any common /bin/sh. Everything else goes to the shell.
 */

/* A command ready for js_spawn(). It can be reused from job to job, which saves
 * allocations. All zero is a valid, empty command. */
struct js_direct_exec {
    const char **programs; /* candidates for exec; empty: only the shell */
    const char **argv;     /* the words, NULL-terminated */
    const char *shell[5];  /* sh -c [--] COMMAND */
    char *text;            /* the words' bytes and the programs' paths */
    size_t capacity_words; /* private from here on */
    size_t capacity_programs;
    size_t capacity_text;
};

void js_direct_exec_release(
    struct js_direct_exec *command); /* NULL is allowed */

/* True if `line` can be run without a shell. */
bool js_direct_exec_is_plain(const char *line);

/*
 * Prepares `line` (borrowed as long as the result is used). `path` is the PATH
 * of the job's environment, or NULL if it has none (then the system's default
 * is used, as in execvp). Returns 0, or -1 with errno ENOMEM.
 */
int js_direct_exec_prepare(struct js_direct_exec *command, const char *line,
                           const char *path);

#endif
