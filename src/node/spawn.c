#include "node/spawn.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child's stack. It calls nothing deep; the kernel copies the arguments
 * of exec elsewhere. */
enum { STACK_BYTES = 32 * 1024 };

/* The child runs in the parent's memory and never returns from its frames, so
 * the marks that a sanitizer keeps about frames would go wrong. */
#define BARE __attribute__((no_sanitize("address", "undefined")))

struct child {
    const struct js_spawn_spec *spec;
    uint64_t ignored;
    pid_t parent;
    struct js_spawn_failure failure;
};

BARE static int child_fail(struct child *child, enum js_step step)
{
    child->failure.step = step;
    child->failure.error = errno;
    return -1;
}

/* As the kernel has it. glibc's sigaction(2) refuses the two signals that it
 * uses itself, though its own posix_spawn(3) leaves them ignored in children.
 */
struct kernel_action {
    void (*handler)(int);
    unsigned long rest[7];
};

BARE static int child_set_up(struct child *child)
{
    const struct js_spawn_spec *spec = child->spec;
    struct rlimit limit = {spec->data_limit_bytes, spec->data_limit_bytes};
    /* As the kernel has them; not every libc does. */
    enum { PREFERRED = 1, PREFERRED_MANY = 5 };
    const unsigned long nodes_max = JS_CPUS_MAX / 8;
    if (setpgid(0, 0) < 0)
        return child_fail(child, JS_STEP_GROUP);
    if (spec->cpus &&
        sched_setaffinity(0, sizeof(spec->cpus->word),
                          (const cpu_set_t *)spec->cpus->word) < 0)
        return child_fail(child, JS_STEP_BIND);
    /* Memory comes from the nodes near the job's cores, as far as they have
     * some. (MPOL_BIND would kill a job that needs more than these nodes have.)
     * A kernel that does not know how takes it from where the job runs, so a
     * failure is none of the job's. */
    if (spec->numa && syscall(SYS_set_mempolicy, PREFERRED_MANY,
                              spec->numa->word, nodes_max) < 0)
        syscall(SYS_set_mempolicy, PREFERRED, spec->numa->word, nodes_max);
    if (spec->dir && chdir(spec->dir) < 0)
        return child_fail(child, JS_STEP_CHDIR);
    if (dup2(spec->stdin_fd, STDIN_FILENO) < 0)
        return child_fail(child, JS_STEP_STDIN);
    if (dup2(spec->stdout_fd, STDOUT_FILENO) < 0 ||
        dup2(spec->stderr_fd, STDERR_FILENO) < 0)
        return child_fail(child, JS_STEP_OUTPUT);
    if (limit.rlim_cur > 0 && setrlimit(RLIMIT_DATA, &limit) < 0)
        return child_fail(child, JS_STEP_LIMIT);
    return 0;
}

BARE static int child_run(void *arg)
{
    struct child *child = arg;
    const struct js_spawn_spec *spec = child->spec;
    char *const *envp = (char *const *)spec->envp;
    struct kernel_action action = {SIG_DFL, {0}};
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != child->parent) /* it died before that was in force */
        _exit(127);
    /* Ignored signals stay ignored over exec; handled ones do not. */
    for (int signo = 1; signo < _NSIG; signo++) {
        if (child->ignored >> (signo - 1) & 1)
            syscall(SYS_rt_sigaction, signo, &action, NULL, sizeof(uint64_t));
    }
    if (child_set_up(child) < 0)
        _exit(127);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (const char *const *program = spec->programs; program && *program;
         program++) {
        execve(*program, (char *const *)spec->argv, envp);
        /* Otherwise execvp would try the next folder of PATH. */
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES &&
            errno != ENAMETOOLONG && errno != ELOOP && errno != ESTALE &&
            errno != ENODEV && errno != ETIMEDOUT)
            break;
    }
    /* The shell reports what is wrong with the command, in its own words. */
    execve("/bin/sh", (char *const *)spec->shell_argv, envp);
    child_fail(child, JS_STEP_EXEC);
    _exit(127);
}

/* Returns the pid, or -1 with errno. The child lives on a part of this frame,
 * which stays until it has execed. */
BARE __attribute__((noinline)) static pid_t child_clone(struct child *child)
{
    _Alignas(16) char stack[STACK_BYTES];
    return clone(child_run, stack + sizeof(stack),
                 CLONE_VM | CLONE_VFORK | SIGCHLD, child);
}

uint64_t js_spawn_ignored(void)
{
    uint64_t ignored = 0;
    for (int signo = 1; signo < _NSIG; signo++) {
        struct kernel_action action = {SIG_DFL, {0}};
        if (syscall(SYS_rt_sigaction, signo, NULL, &action, sizeof(uint64_t)) ==
                0 &&
            action.handler == SIG_IGN)
            ignored |= UINT64_C(1) << (signo - 1);
    }
    return ignored;
}

int js_spawn(const struct js_spawn_spec *spec, pid_t *ret_pid,
             struct js_spawn_failure *ret_failure)
{
    struct child child = {.spec = spec, .parent = getpid()};
    sigset_t all, saved;

    child.ignored = spec->ignored ? *spec->ignored : js_spawn_ignored();
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &saved);
    pid_t pid = child_clone(&child);
    if (pid < 0)
        child_fail(&child, JS_STEP_FORK);
    else if (child.failure.step != JS_STEP_NONE)
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    sigprocmask(SIG_SETMASK, &saved, NULL);
    if (child.failure.step != JS_STEP_NONE) {
        *ret_failure = child.failure;
        return -1;
    }
    *ret_pid = pid;
    return 0;
}
