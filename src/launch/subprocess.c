#include "launch/subprocess.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    NOT_STARTED = 127, /* the same number as a shell uses */
    READ_BYTES = 4096,
};

/* The time in which a program must answer that is only asked for something. */
static const int64_t answer_ns = 30 * JS_NS_PER_S;

/* `in` and `out` become its standard input and output, unless they are -1. */
static void redirect(int flags, int in, int out)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        _exit(NOT_STARTED);
    if (flags & JS_SUBPROCESS_DEAF)
        dup2(null, STDIN_FILENO);
    if (flags & JS_SUBPROCESS_MUTE) {
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
    }
    if (in >= 0)
        dup2(in, STDIN_FILENO);
    if (out >= 0)
        dup2(out, STDOUT_FILENO);
}

static void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    /* From a background process group the program may then write to a terminal,
     * although it cannot read from one. */
    signal(SIGTTOU, SIG_IGN);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

__attribute__((noreturn)) static void become(const struct js_argv *words,
                                             int flags, int in, int out,
                                             int kept, pid_t parent)
{
    setpgid(0, 0);
    if (kept >= 0)
        fcntl(kept, F_SETFD, 0);
    /* The kernel sends this when the parent dies, even by SIGKILL; but not if
     * it died before this call. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) /* our parent ended before that */
        _exit(NOT_STARTED);
    redirect(flags, in, out);
    reset_signals();
    execvp(words->items[0], words->items);
    dprintf(STDERR_FILENO,
            "jobsched: cannot start %s: %s: load the MPI that jobsched was "
            "built with, or name its mpirun in JOBSCHED_MPIRUN\n",
            words->items[0], js_errno_text(errno));
    _exit(NOT_STARTED);
}

static pid_t subprocess_start(const struct js_argv *words, int flags, int in,
                              int out, int kept)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become(words, flags, in, out, kept, parent);
    return pid;
}

pid_t js_subprocess_start(const struct js_argv *words, int flags, int kept)
{
    return subprocess_start(words, flags, -1, -1, kept);
}

pid_t js_subprocess_start_between(const struct js_argv *words, int in, int out,
                                  int kept)
{
    return subprocess_start(words, 0, in, out, kept);
}

/* Reads until the end, or until that time. Returns 0, or -1. */
static int subprocess_read_all(int fd, int64_t until_ns, struct js_buf *ret)
{
    for (;;) {
        struct pollfd event = {.fd = fd, .events = POLLIN};
        int64_t left_ns = until_ns - js_clock_ns();
        if (left_ns <= 0 || js_buf_reserve(ret, READ_BYTES) < 0)
            return -1;
        if (poll(&event, 1, (int)(left_ns / JS_NS_PER_MS) + 1) <= 0)
            continue;
        ssize_t n = read(fd, ret->data + ret->len, READ_BYTES);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -1;
        ret->len += n > 0 ? (size_t)n : 0;
    }
}

static int run_to_end(const struct js_argv *words, int flags,
                      struct js_buf *ret)
{
    int ends[2], status = 0;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    pid_t pid = subprocess_start(words, flags, -1, ends[1], -1);
    js_fd_close(&ends[1]);
    int rc = pid < 0
                 ? -1
                 : subprocess_read_all(ends[0], js_clock_ns() + answer_ns, ret);
    js_fd_close(&ends[0]);
    if (pid < 0)
        return -1;
    if (rc < 0)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return rc == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

int js_subprocess_output(const struct js_argv *words, struct js_buf *ret)
{
    return run_to_end(words, JS_SUBPROCESS_DEAF | JS_SUBPROCESS_MUTE, ret);
}

int js_subprocess_run(const struct js_argv *words)
{
    struct js_buf unread = JS_BUF_INIT;
    int rc = run_to_end(words, JS_SUBPROCESS_DEAF, &unread);
    js_buf_release(&unread);
    return rc;
}
