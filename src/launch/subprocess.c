#include "launch/subprocess.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/launchenv.h"
#include "base/lifeline.h"
#include "base/process.h"
#include "node/procs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---------------------------------------------------------------- limits */

/* Measured with Open MPI 4.1.4: mpirun has 28 open files, and 3 more for each
 * rank. A rank and mpirun have four threads each. Each slave is accompanied by
 * the process that starts its jobs, and by a job. */
enum {
    FILES = 64,
    FILES_OF_RANK = 4,
    PROCESSES = 8,
    PROCESSES_OF_RANK = 6,
};

/* The memory that ranks share is in files of 4 MiB each, with Open MPI 5 of 16
 * MiB. If the file size limit is lower, mpirun and the ranks wait for each
 * other forever, or do not start. */
static const uint64_t file_bytes = UINT64_C(5) << 20;
static const uint64_t file_bytes_5 = UINT64_C(17) << 20;

uint64_t js_limits_ranks(enum js_limits_kind kind, uint64_t granted)
{
    bool is_files = kind == JS_LIMITS_FILES;
    uint64_t fixed = is_files ? FILES : PROCESSES;
    uint64_t of_rank = is_files ? FILES_OF_RANK : PROCESSES_OF_RANK;
    return granted <= fixed ? 0 : (granted - fixed) / of_rank;
}

static int limits_refuse(const char *what, const char *option, uint64_t limit,
                         uint64_t ranks, uint64_t possible, struct js_err *err)
{
    if (possible < 2)
        return js_err_set(err,
                          "the limit on %s is %" PRIu64 " here (%s), which is "
                          "too low for any slave: raise it",
                          what, limit, option);
    return js_err_set(err,
                      "the limit on %s is %" PRIu64 " here (%s), which is too "
                      "low for %" PRIu64 " slaves: raise it, or start at most "
                      "%" PRIu64 " (-n %" PRIu64 ")",
                      what, limit, option, ranks - 1, possible - 1,
                      possible - 1);
}

static int limits_raise_files(uint64_t ranks, struct js_err *err)
{
    char text[32];
    struct rlimit limit;
    uint64_t needed = FILES + FILES_OF_RANK * ranks;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
        return 0;
    if (limit.rlim_max < needed)
        return limits_refuse("open files", "ulimit -n", limit.rlim_max, ranks,
                             js_limits_ranks(JS_LIMITS_FILES, limit.rlim_max),
                             err);
    snprintf(text, sizeof(text), "%" PRIu64, (uint64_t)limit.rlim_cur);
    limit.rlim_cur = needed;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 ||
        setenv(JS_LAUNCHENV_FILES_NAME, text, 1) < 0)
        return js_err_errno(err, "cannot raise the limit on open files");
    return 0;
}

static uint64_t limits_threads_of(uint64_t pid)
{
    char path[64];
    struct stat st;
    uint64_t count = 0;
    snprintf(path, sizeof(path), "/proc/%" PRIu64 "/task", pid);
    if (stat(path, &st) < 0 || st.st_uid != geteuid())
        return 0;
    DIR *dir = opendir(path);
    while (dir && js_process_next(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

/* The limit counts all processes of the user on this host; root's are not
 * limited. */
static int limits_check_processes(uint64_t ranks, struct js_err *err)
{
    struct rlimit limit;
    uint64_t own = 0;
    if (geteuid() == 0 || getrlimit(RLIMIT_NPROC, &limit) < 0 ||
        limit.rlim_cur == RLIM_INFINITY)
        return 0;
    DIR *dir = opendir("/proc");
    for (uint64_t pid; dir && (pid = js_process_next(dir));)
        own += limits_threads_of(pid);
    if (dir)
        closedir(dir);
    uint64_t granted = limit.rlim_cur > own ? limit.rlim_cur - own : 0;
    uint64_t possible = js_limits_ranks(JS_LIMITS_PROCESSES, granted);
    if (possible >= ranks)
        return 0;
    return limits_refuse("processes", "ulimit -u", limit.rlim_cur, ranks,
                         possible, err);
}

int js_limits_raise(enum js_mpi mpi, uint64_t ranks, struct js_err *err)
{
    struct rlimit limit;
    uint64_t least = mpi == JS_OPEN_MPI_5 ? file_bytes_5 : file_bytes;
    /* Files come first, because ranks on other hosts need them as well. */
    if (limits_raise_files(ranks, err) < 0 ||
        limits_check_processes(ranks, err) < 0)
        return -1;
    if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur >= least)
        return 0;
    return js_err_set(err,
                      "the limit on file sizes is %" PRIu64
                      " KiB here (ulimit -f), which is too low for MPI: raise "
                      "it to at least %" PRIu64,
                      (uint64_t)limit.rlim_cur / 1024, least / 1024);
}

/* ---------------------------------------------------------------- starting */

enum {
    NOT_STARTED = 127, /* the same number as a shell uses */
    READ_BYTES = 4096,
};

/* The time in which a program must answer if it is only asked for something. */
static const int64_t answer_ns = 30 * JS_NS_PER_S;

__attribute__((noreturn)) static void
subprocess_become(const struct js_argv *argv, int flags, int in, int out,
                  int kept, pid_t parent)
{
    sigset_t none;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    setpgid(0, 0);
    if (kept >= 0)
        fcntl(kept, F_SETFD, 0);
    /* The kernel sends this when the parent dies, even by SIGKILL; but not if
     * it died before this call. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) /* our parent ended before that */
        _exit(NOT_STARTED);
    if (null < 0)
        _exit(NOT_STARTED);
    if (in >= 0 || (flags & JS_SUBPROCESS_DEAF))
        dup2(in >= 0 ? in : null, STDIN_FILENO);
    if (out >= 0 || (flags & JS_SUBPROCESS_MUTE))
        dup2(out >= 0 ? out : null, STDOUT_FILENO);
    if (flags & JS_SUBPROCESS_MUTE)
        dup2(null, STDERR_FILENO);
    /* From a background process group the program may then write to a terminal,
     * although it cannot read from one. */
    signal(SIGTTOU, SIG_IGN);
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(argv->items[0], argv->items);
    dprintf(STDERR_FILENO,
            "jobsched: cannot start %s: %s: load the MPI that jobsched was "
            "built with, or name its mpirun in JOBSCHED_MPIRUN\n",
            argv->items[0], js_errno_text(errno));
    _exit(NOT_STARTED);
}

pid_t js_subprocess_start(const struct js_argv *argv, int flags, int in,
                          int out, int kept)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        subprocess_become(argv, flags, in, out, kept, parent);
    return pid;
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

int js_subprocess_run(const struct js_argv *argv, int flags, struct js_buf *ret)
{
    int ends[2], status = 0;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    pid_t pid =
        js_subprocess_start(argv, flags | JS_SUBPROCESS_DEAF, -1, ends[1], -1);
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

/* ---------------------------------------------------------------- what is left
 */

static const int64_t kill_most_ns = 5 * JS_NS_PER_S;
static const struct timespec look_pause = {.tv_nsec = 10 * JS_NS_PER_MS};

/* js_descendants_each() passes this through a callback of node/procs. */
struct search {
    const char *folder;
    void (*visit)(pid_t pid, void *arg);
    void *arg;
    size_t count;
};

static void descendants_visit(pid_t pid, void *arg)
{
    struct search *search = arg;
    char folder[PATH_MAX], exe[64];
    struct stat own, other;
    /* A process that is dead, but whose children have not yet got a new
     * parent. */
    if (js_process_is_ending((uint64_t)pid, js_process_start((uint64_t)pid))) {
        search->count++;
        return;
    }
    if (!js_process_variable(pid, JS_LIFELINE_NAME, folder, sizeof(folder),
                             NULL) ||
        strcmp(folder, search->folder) != 0)
        return;
    /* A process with a session of its own counts if it runs this program. The
     * files are compared and not their names, because the name may have been
     * given to another file. */
    snprintf(exe, sizeof(exe), "/proc/%d/exe", (int)pid);
    if (getsid(pid) == pid &&
        (stat("/proc/self/exe", &own) < 0 || stat(exe, &other) < 0 ||
         own.st_dev != other.st_dev || own.st_ino != other.st_ino))
        return;
    search->count++;
    if (search->visit)
        search->visit(pid, search->arg);
}

size_t js_descendants_each(const char *folder,
                           void (*visit)(pid_t pid, void *arg), void *arg)
{
    struct search search = {folder, visit, arg, 0};
    js_procs_each_child(descendants_visit, &search);
    return search.count;
}

/* A dead process that waits for its parent has no environment any more. */
bool js_descendants_has_rank_0(const char *folder)
{
    char value[PATH_MAX];
    bool is_found = false;
    DIR *proc = opendir("/proc");
    if (!proc)
        return true;
    for (uint64_t pid; !is_found && (pid = js_process_next(proc));) {
        const char *const *name = js_launchenv_rank_names;
        if (!js_process_variable((pid_t)pid, JS_LIFELINE_NAME, value,
                                 sizeof(value), NULL) ||
            strcmp(value, folder) != 0)
            continue;
        while (*name && !js_process_variable((pid_t)pid, *name, value,
                                             sizeof(value), NULL))
            name++;
        is_found = *name && strcmp(value, "0") == 0;
    }
    closedir(proc);
    return is_found;
}

static void descendants_kill_one(pid_t pid, void *arg)
{
    (void)arg;
    kill(pid, SIGKILL);
}

/* A process that is killed may leave others, which are then adopted. */
void js_descendants_kill(const char *folder)
{
    int64_t until_ns = js_clock_ns() + kill_most_ns;
    while (js_descendants_each(folder, descendants_kill_one, NULL) > 0 &&
           js_clock_ns() < until_ns) {
        nanosleep(&look_pause, NULL);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
    }
}
