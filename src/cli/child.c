#include "cli/child.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { NOT_STARTED = 127 }; /* as a shell has it */

static void redirect(int flags)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        _exit(NOT_STARTED);
    if (flags & JS_CHILD_DEAF)
        dup2(null, STDIN_FILENO);
    if (flags & JS_CHILD_MUTE) {
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
    }
}

static void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    /* In the background it could not read from a terminal, but write. */
    signal(SIGTTOU, SIG_IGN);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

__attribute__((noreturn)) static void become(const struct js_words *words,
                                             int flags, pid_t parent)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) /* it has gone before that */
        _exit(NOT_STARTED);
    redirect(flags);
    reset_signals();
    execvp(words->items[0], words->items);
    dprintf(STDERR_FILENO,
            "jobsched: cannot start %s: %s: load the MPI that jobsched was "
            "built with, or name its mpirun in JOBSCHED_MPIRUN\n",
            words->items[0], js_errno_text(errno));
    _exit(NOT_STARTED);
}

pid_t js_child_start(const struct js_words *words, int flags)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become(words, flags, parent);
    return pid;
}
