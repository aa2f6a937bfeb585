#include "base/terminal.h"

#include "base/file.h"
#include "base/launchenv.h"
#include "base/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The width of a terminal that does not report one. */
enum { COLUMNS = 80 };

/* Opens the terminal at this descriptor of the process. Returns -1 if there is
 * none. */
static int open_terminal(pid_t pid, int number)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, number);
    if (stat(path, &st) < 0 || !S_ISCHR(st.st_mode))
        return -1;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    /* /dev/null is a character device, too. */
    if (fd >= 0 && !isatty(fd))
        js_fd_close(&fd);
    return fd;
}

/* Returns the process whose stderr is the terminal, or -1. */
static pid_t terminal_find_owner(int *ret_fd)
{
    char path[64];
    struct stat ours, st;
    pid_t launcher = getppid();
    bool is_passed_on = false;
    *ret_fd = open_terminal(getpid(), STDERR_FILENO);
    if (*ret_fd >= 0)
        return getpid();
    /* Our stderr may be the pipe that mpirun has made, and mpirun may pass it
     * on unchanged. mpirun then has the other end of the pipe open. */
    if (!js_launchenv_is_launcher(launcher) ||
        js_launchenv_does(JS_LAUNCHENV_MARKS_OUTPUT) ||
        fstat(STDERR_FILENO, &ours) < 0 || !S_ISFIFO(ours.st_mode))
        return -1;
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)launcher);
    DIR *fds = opendir(path);
    if (!fds)
        return -1;
    for (struct dirent *entry; !is_passed_on && (entry = readdir(fds));)
        is_passed_on = fstatat(dirfd(fds), entry->d_name, &st, 0) == 0 &&
                       js_stat_is_same(&st, &ours);
    closedir(fds);
    if (is_passed_on)
        *ret_fd = open_terminal(launcher, STDERR_FILENO);
    return *ret_fd < 0 ? -1 : launcher;
}

struct js_terminal *js_terminal_new(pid_t launcher)
{
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    char path[64];
    struct stat out, st;
    int fd;
    pid_t owner = terminal_find_owner(&fd);
    if (owner < 0)
        return NULL;
    struct js_terminal *terminal = calloc(1, sizeof(*terminal));
    if (!terminal) {
        js_fd_close(&fd);
        return NULL;
    }
    terminal->fd = fd;
    terminal->owner = owner;
    terminal->launcher = launcher;
    /* mpirun makes stdout a terminal of its own, unless the rank's was
     * redirected. */
    snprintf(path, sizeof(path), "/proc/%d/fd/%d",
             (int)(isatty(STDOUT_FILENO) ? owner : getpid()), STDOUT_FILENO);
    if (stat(path, &out) < 0 || fstat(fd, &st) < 0 || S_ISFIFO(out.st_mode) ||
        S_ISSOCK(out.st_mode))
        terminal->out = JS_STDOUT_PIPE;
    else
        terminal->out = S_ISCHR(out.st_mode) && out.st_rdev == st.st_rdev
                            ? JS_STDOUT_SAME
                            : JS_STDOUT_OTHER;
    terminal->can_draw = term && term[0] && strcmp(term, "dumb") != 0;
    terminal->has_colour = terminal->can_draw && !(no_colour && no_colour[0]);
    return terminal;
}

void js_terminal_free(struct js_terminal *terminal)
{
    if (!terminal)
        return;
    js_fd_close(&terminal->fd);
    free(terminal);
}

unsigned js_terminal_columns(const struct js_terminal *terminal)
{
    struct winsize size;
    struct js_process_stat owner;
    struct pollfd fd = {.fd = terminal->fd, .events = POLLOUT};
    if (poll(&fd, 1, 0) != 1 || fd.revents != POLLOUT ||
        !js_process_stat((uint64_t)terminal->owner, &owner))
        return 0;
    /* A shell that waits for a command has its terminal in the foreground.
     * Anything drawn in that state would overwrite what the user types. If
     * jobsched started mpirun, mpirun and the ranks have process groups of
     * their own, and the shell knows only jobsched's. */
    bool is_in_foreground = owner.foreground <= 0 ||
                            owner.foreground == owner.group ||
                            (terminal->launcher > 0 &&
                             owner.foreground == getpgid(terminal->launcher));
    if (!is_in_foreground || ioctl(terminal->fd, TIOCGWINSZ, &size) < 0)
        return 0;
    return size.ws_col > 0 ? size.ws_col : COLUMNS;
}
