#include "node/spawn.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The size of the child's stack. The child makes no deep calls, and the kernel
 * copies the arguments of exec elsewhere. */
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

/* The struct as the kernel defines it. glibc's sigaction(2) refuses the two
 * signals that glibc uses itself, although its own posix_spawn(3) leaves them
 * ignored in children.
 */
struct kernel_action {
    void (*handler)(int);
    unsigned long rest[7];
};

BARE static int child_set_up(struct child *child)
{
    const struct js_spawn_spec *spec = child->spec;
    struct rlimit limit = {spec->data_limit_bytes, spec->data_limit_bytes};
    /* As the kernel defines them; not every libc does. */
    enum { PREFERRED = 1, PREFERRED_MANY = 5 };
    const unsigned long nodes_max = JS_CPUS_MAX / 8;
    if (setpgid(0, 0) < 0)
        return child_fail(child, JS_STEP_GROUP);
    if (spec->cpus &&
        sched_setaffinity(0, sizeof(spec->cpus->word),
                          (const cpu_set_t *)spec->cpus->word) < 0)
        return child_fail(child, JS_STEP_BIND);
    /* Memory comes from the nodes near the job's cores, as long as they have
     * some. (MPOL_BIND would kill a job that needs more than these nodes have.)
     * A kernel without this call takes memory from where the job runs, so a
     * failure here does not fail the job. */
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
    if (getppid() != child->parent) /* it died before this took effect */
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
 * which remains until the child has called exec. */
BARE __attribute__((noinline)) static pid_t child_clone(struct child *child,
                                                        pid_t *ret_pid)
{
    _Alignas(16) char stack[STACK_BYTES];
    return clone(child_run, stack + sizeof(stack),
                 CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | SIGCHLD, child,
                 ret_pid);
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
    pid_t pid = child_clone(&child, ret_pid);
    if (pid < 0)
        child_fail(&child, JS_STEP_FORK);
    else if (child.failure.step != JS_STEP_NONE)
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    sigprocmask(SIG_SETMASK, &saved, NULL);
    if (child.failure.step != JS_STEP_NONE) {
        *ret_failure = child.failure;
        __atomic_store_n(ret_pid, 0, __ATOMIC_RELEASE);
        return -1;
    }
    return 0;
}

/* ------------------------------------------------- without a shell */

/* Words that sh handles itself when they come first: the builtins, keywords and
 * predefined aliases of dash, bash, ksh93, mksh and busybox ash that are made
 * of plain characters. (sleep and cat, builtin in some, do there what the
 * programs do.) */
static const char *const shell_words[] = {
    ".",        ":",         "alias",    "alloc",     "autoload", "bg",
    "bind",     "break",     "builtin",  "caller",    "case",     "cd",
    "chdir",    "command",   "compgen",  "complete",  "compopt",  "compound",
    "continue", "coproc",    "declare",  "dirs",      "disown",   "do",
    "done",     "dot",       "echo",     "elif",      "else",     "enable",
    "enum",     "esac",      "eval",     "exec",      "exit",     "export",
    "false",    "fc",        "fg",       "fi",        "float",    "for",
    "function", "functions", "getconf",  "getopts",   "global",   "hash",
    "help",     "hist",      "history",  "if",        "in",       "integer",
    "jobs",     "kill",      "let",      "local",     "login",    "logout",
    "mapfile",  "mknod",     "nameref",  "namespace", "newgrp",   "nohup",
    "popd",     "print",     "printf",   "pushd",     "pwd",      "r",
    "read",     "readarray", "readonly", "realpath",  "redirect", "rename",
    "return",   "select",    "set",      "setenv",    "shift",    "shopt",
    "source",   "stop",      "suspend",  "test",      "then",     "time",
    "times",    "trap",      "true",     "type",      "typeset",  "ulimit",
    "umask",    "unalias",   "unset",    "unsetenv",  "until",    "wait",
    "whence",   "while",     NULL,
};

static const char blanks[] = " \t";
static const char plain_bytes[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_-./+,:@%= \t";

void js_direct_exec_release(struct js_direct_exec *command)
{
    if (!command)
        return;
    free(command->programs);
    free(command->argv);
    free(command->text);
    *command = (struct js_direct_exec){0};
}

bool js_direct_exec_is_plain(const char *line)
{
    if (line[strspn(line, plain_bytes)] != '\0')
        return false;
    const char *word = line + strspn(line, blanks);
    size_t len = strcspn(word, blanks);
    if (len == 0 || memchr(word, '=', len))
        return false;
    for (const char *const *known = shell_words; *known; known++) {
        if (strncmp(*known, word, len) == 0 && (*known)[len] == '\0')
            return false;
    }
    return word[0] != '%'; /* bash takes %1 for fg %1 */
}

/* Copies the words to `text` and points argv at them. Returns the end of the
 * copied text. */
static char *direct_exec_split(struct js_direct_exec *command, const char *line)
{
    char *to = command->text;
    size_t count = 0;
    for (line += strspn(line, blanks); *line; line += strspn(line, blanks)) {
        size_t len = strcspn(line, blanks);
        memcpy(to, line, len);
        to[len] = '\0';
        command->argv[count++] = to;
        to += len + 1;
        line += len;
    }
    command->argv[count] = NULL;
    return to;
}

/* Writes ENTRY/WORD for each entry of `path`; an empty entry is the folder that
 * the job runs in. */
static void direct_exec_list_programs(struct js_direct_exec *command, char *to,
                                      const char *path)
{
    const char *word = command->argv[0];
    size_t word_size = strlen(word) + 1;
    size_t count = 0;
    for (bool more = true; more; path++) {
        size_t len = strcspn(path, ":");
        command->programs[count++] = to;
        memcpy(to, path, len);
        if (len > 0)
            to[len++] = '/';
        memcpy(to + len, word, word_size);
        to += len + word_size;
        path += strcspn(path, ":");
        more = *path == ':';
    }
    command->programs[count] = NULL;
}

static int direct_exec_make_room(struct js_direct_exec *command, size_t words,
                                 size_t candidates, size_t bytes)
{
    const char **argv = js_buf_grow(command->argv, &command->capacity_words,
                                    words + 1, sizeof(*argv));
    if (!argv)
        return -1;
    command->argv = argv;
    const char **programs =
        js_buf_grow(command->programs, &command->capacity_programs,
                    candidates + 1, sizeof(*programs));
    if (!programs)
        return -1;
    command->programs = programs;
    char *text = js_buf_grow(command->text, &command->capacity_text, bytes, 1);
    if (!text)
        return -1;
    command->text = text;
    return 0;
}

int js_direct_exec_prepare(struct js_direct_exec *command, const char *line,
                           const char *path)
{
    bool is_plain = js_direct_exec_is_plain(line);
    size_t words = 0, entries = 1, count = 0;
    size_t len = strlen(line) + 1;
    if (!path)
        path = "/bin:/usr/bin"; /* confstr(_CS_PATH), as in execvp */
    for (const char *at = line + strspn(line, blanks); is_plain && *at;
         at += strspn(at, blanks)) {
        at += strcspn(at, blanks);
        words++;
    }
    for (const char *at = path; *at; at++)
        entries += *at == ':';
    size_t bytes = is_plain ? len + strlen(path) + entries * (len + 1) : 1;
    if (direct_exec_make_room(command, words, entries, bytes) < 0)
        return -1;
    command->shell[count++] = "sh";
    command->shell[count++] = "-c";
    /* A command that begins like an option. */
    if (line[0] == '-' || line[0] == '+')
        command->shell[count++] = "--";
    command->shell[count++] = line;
    command->shell[count] = NULL;
    command->programs[0] = NULL;
    command->argv[0] = NULL;
    if (!is_plain)
        return 0;
    char *rest = direct_exec_split(command, line);
    if (strchr(command->argv[0], '/')) {
        command->programs[0] = command->argv[0];
        command->programs[1] = NULL;
    } else {
        direct_exec_list_programs(command, rest, path);
    }
    return 0;
}
