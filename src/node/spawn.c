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

BARE static int failed(struct child *child, enum js_step step)
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

BARE static int act_on(int signo, const struct kernel_action *action,
                       struct kernel_action *old)
{
    return (int)syscall(SYS_rt_sigaction, signo, action, old, sizeof(uint64_t));
}

/* Ignored signals stay ignored over exec; handled ones do not. */
BARE static void default_signals(const struct child *child)
{
    struct kernel_action action = {SIG_DFL, {0}};
    for (int signo = 1; signo < _NSIG; signo++) {
        if (child->ignored >> (signo - 1) & 1)
            act_on(signo, &action, NULL);
    }
}

BARE static int spawn_set_stdio(struct child *child)
{
    const struct js_spawn_spec *spec = child->spec;
    if (dup2(spec->stdin_fd, STDIN_FILENO) < 0)
        return failed(child, JS_STEP_STDIN);
    if (dup2(spec->stdout_fd, STDOUT_FILENO) < 0 ||
        dup2(spec->stderr_fd, STDERR_FILENO) < 0)
        return failed(child, JS_STEP_OUTPUT);
    return 0;
}

/* Where the kernel does not know how, memory comes from where the job runs, as
 * by default; so a failure is none of the job's. (MPOL_BIND would kill a job
 * that needs more than these nodes have.) */
BARE static void prefer_memory(const struct js_cpuset *nodes)
{
    enum { PREFERRED = 1, PREFERRED_MANY = 5 };
    if (syscall(SYS_set_mempolicy, PREFERRED_MANY, nodes->word,
                (unsigned long)JS_CPUS_MAX / 8) < 0)
        syscall(SYS_set_mempolicy, PREFERRED, nodes->word,
                (unsigned long)JS_CPUS_MAX / 8);
}

BARE static int limit_data(struct child *child)
{
    uint64_t bytes = child->spec->data_limit_bytes;
    struct rlimit limit = {bytes, bytes};
    if (bytes > 0 && setrlimit(RLIMIT_DATA, &limit) < 0)
        return failed(child, JS_STEP_LIMIT);
    return 0;
}

BARE static int set_surroundings(struct child *child)
{
    const struct js_spawn_spec *spec = child->spec;
    if (setpgid(0, 0) < 0)
        return failed(child, JS_STEP_GROUP);
    if (spec->cpus &&
        sched_setaffinity(0, sizeof(spec->cpus->word),
                          (const cpu_set_t *)spec->cpus->word) < 0)
        return failed(child, JS_STEP_BIND);
    if (spec->numa)
        prefer_memory(spec->numa);
    if (spec->dir && chdir(spec->dir) < 0)
        return failed(child, JS_STEP_CHDIR);
    if (spawn_set_stdio(child) < 0)
        return -1;
    return limit_data(child);
}

/* True where execvp would try the next folder of PATH. */
BARE static bool is_not_there(int error)
{
    return error == ENOENT || error == ENOTDIR || error == EACCES ||
           error == ENAMETOOLONG || error == ELOOP || error == ESTALE ||
           error == ENODEV || error == ETIMEDOUT;
}

BARE static void exec_any(const struct js_spawn_spec *spec)
{
    char *const *envp = (char *const *)spec->envp;
    const char *const *program = spec->programs;
    for (; program && *program; program++) {
        execve(*program, (char *const *)spec->argv, envp);
        if (!is_not_there(errno))
            break;
    }
    execve("/bin/sh", (char *const *)spec->shell_argv, envp);
}

BARE static int run_child(void *arg)
{
    struct child *child = arg;
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != child->parent) /* it died before that was in force */
        _exit(127);
    default_signals(child);
    if (set_surroundings(child) < 0)
        _exit(127);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    exec_any(child->spec);
    failed(child, JS_STEP_EXEC);
    _exit(127);
}

/* Returns the pid, or -1 with errno. The child lives on a part of this frame,
 * which stays until it has execed. */
BARE __attribute__((noinline)) static pid_t clone_child(struct child *child)
{
    _Alignas(16) char stack[STACK_BYTES];
    return clone(run_child, stack + sizeof(stack),
                 CLONE_VM | CLONE_VFORK | SIGCHLD, child);
}

uint64_t js_spawn_ignored(void)
{
    uint64_t ignored = 0;
    for (int signo = 1; signo < _NSIG; signo++) {
        struct kernel_action action = {SIG_DFL, {0}};
        if (act_on(signo, NULL, &action) == 0 && action.handler == SIG_IGN)
            ignored |= UINT64_C(1) << (signo - 1);
    }
    return ignored;
}

static void reap_failed(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

int js_spawn(const struct js_spawn_spec *spec, pid_t *ret_pid,
             struct js_spawn_failure *ret_failure)
{
    struct child child = {.spec = spec, .parent = getpid()};
    sigset_t all, saved;

    child.ignored = spec->ignored ? *spec->ignored : js_spawn_ignored();
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &saved);
    pid_t pid = clone_child(&child);
    if (pid < 0)
        failed(&child, JS_STEP_FORK);
    else if (child.failure.step != JS_STEP_NONE)
        reap_failed(pid);
    sigprocmask(SIG_SETMASK, &saved, NULL);
    if (child.failure.step != JS_STEP_NONE) {
        *ret_failure = child.failure;
        return -1;
    }
    *ret_pid = pid;
    return 0;
}
