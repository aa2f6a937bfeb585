#include "node/orphans.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int64_t look_again_ns = 50 * JS_NS_PER_MS;

/* Clocks of hosts differ, and a start is known to a tick. */
static const int64_t clock_slack_ns = 5 * JS_NS_PER_S;

enum {
    DEPTH_MAX = 1000,
    TEXT_SIZE = 64,
    WITHIN_SIZE = 4096,
    FILES = 4 /* that are open at once, at most */
};

/* One that was told to end. */
struct told {
    pid_t pid;
    uint64_t started;
};

struct js_orphans {
    struct js_dead_run *runs;
    size_t count;
    int64_t kill_ns, end_ns;
    char slurm_job[TEXT_SIZE]; /* of this process; "": none */
    char space[TEXT_SIZE];     /* its pid namespace */
    struct js_buf told;        /* struct told */
    uint32_t left;
    int error; /* of the last look */
    bool is_killing;
};

/* ---------------------------------------------------------------- processes */

static bool process_is_jobsched(uint64_t pid)
{
    char name[JS_PROCESS_NAME_SIZE];
    return js_process_name(pid, name) &&
           (strcmp(name, "jobsched") == 0 ||
            strcmp(name, JS_PROCESS_RUNNER) == 0) &&
           js_process_may_live(pid, js_process_start(pid));
}

/* Whether a living jobsched is above it; but not one that is above this process
 * as well, which has all of us below it. What else is below the mpirun of this
 * process, or its daemon, is of this run: it carries the mark of a dead one
 * where somebody has started us in what that has left. */
static bool process_has_keeper(uint64_t pid)
{
    uint64_t self = (uint64_t)getpid(), parent = (uint64_t)getppid();
    uint64_t above = js_process_parent(pid);
    for (int i = 0; i < DEPTH_MAX && above > 1 && above != self; i++) {
        if (above == parent ||
            (process_is_jobsched(above) && !js_process_is_above(above)))
            return true;
        above = js_process_parent(above);
    }
    return false;
}

/* "pid:[4026531836]"; "" where that cannot be known. */
static void process_space(const char *pid, char space[TEXT_SIZE])
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%s/ns/pid", pid);
    ssize_t len = readlink(path, space, TEXT_SIZE - 1);
    space[len > 0 ? len : 0] = '\0';
}

/* ---------------------------------------------------------------- choosing */

static bool is_of_run(const struct js_dead_run *run, pid_t pid)
{
    int64_t age_ns = js_process_age_ns((uint64_t)pid);
    int64_t now_unix_ns = js_clock_unix_ns();
    int64_t start_ns = now_unix_ns - age_ns;
    int64_t until_ns = run->until_unix_ns ? run->until_unix_ns : now_unix_ns;
    return age_ns >= 0 && start_ns >= run->begin_unix_ns - clock_slack_ns &&
           start_ns <= until_ns + clock_slack_ns;
}

/* Whether the mark is of one of the runs, and the process not one that it lets
 * go on. */
static bool is_mark_of_any(const struct js_orphans *orphans,
                           const struct js_mark *mark, pid_t pid)
{
    if (mark->session && getsid(pid) != (pid_t)mark->session)
        return false;
    for (size_t i = 0; i < orphans->count; i++) {
        if (orphans->runs[i].id == mark->run)
            return is_of_run(&orphans->runs[i], pid);
    }
    return false;
}

/* What a run within a job has left is that job's. */
static bool is_within_any(const struct js_orphans *orphans, pid_t pid)
{
    char text[WITHIN_SIZE];
    struct js_outer_job outer;
    const char *at = text;
    if (!js_process_variable(pid, JS_WITHIN_VARIABLE, text, sizeof(text), NULL))
        return false;
    while (js_mark_next_outer(&at, &outer)) {
        if (is_mark_of_any(orphans, &outer.mark, pid))
            return true;
    }
    return false;
}

static bool is_marked(const struct js_orphans *orphans, pid_t pid)
{
    char text[JS_MARK_SIZE];
    struct js_mark mark;
    if (!js_process_variable(pid, JS_MARK_VARIABLE, text, sizeof(text), NULL) ||
        !js_mark_parse(text, &mark))
        return false;
    return is_mark_of_any(orphans, &mark, pid) || is_within_any(orphans, pid);
}

static bool is_of_slurm_job(const struct js_orphans *orphans, pid_t pid)
{
    char job[TEXT_SIZE] = "";
    bool is_unknown;
    js_process_variable(pid, "SLURM_JOB_ID", job, sizeof(job), &is_unknown);
    return !is_unknown && strcmp(job, orphans->slurm_job) == 0;
}

static bool is_in_space(const struct js_orphans *orphans, pid_t pid)
{
    char name[16], space[TEXT_SIZE];
    snprintf(name, sizeof(name), "%d", (int)pid);
    process_space(name, space);
    return space[0] && strcmp(space, orphans->space) == 0;
}

static bool is_meant(const struct js_orphans *orphans, pid_t pid)
{
    uint64_t number = (uint64_t)pid;
    return is_marked(orphans, pid) &&
           js_process_may_live(number, js_process_start(number)) &&
           is_in_space(orphans, pid) && is_of_slurm_job(orphans, pid) &&
           !js_process_is_above(number) && !process_has_keeper(number);
}

/* ---------------------------------------------------------------- ending */

static bool was_told(const struct js_orphans *orphans, pid_t pid,
                     uint64_t started)
{
    const struct told *told = (const struct told *)orphans->told.data;
    for (size_t i = 0; i < orphans->told.len / sizeof(*told); i++) {
        if (told[i].pid == pid && told[i].started == started)
            return true;
    }
    return false;
}

static int open_process(pid_t pid)
{
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, pid, 0);
#else
    (void)pid;
    errno = ENOSYS;
    return -1;
#endif
}

static int signal_process(int fd, int signal)
{
#ifdef SYS_pidfd_send_signal
    return (int)syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0);
#else
    (void)fd;
    (void)signal;
    errno = ENOSYS;
    return -1;
#endif
}

/* Once with SIGTERM, then with SIGKILL as often as it is seen. */
static void orphans_end_process(struct js_orphans *orphans, pid_t pid)
{
    int fd = open_process(pid);
    if (fd < 0)
        return;
    /* Only now it is certain that what is behind it is what is meant. */
    uint64_t started = js_process_start((uint64_t)pid);
    if (!is_meant(orphans, pid)) {
        js_fd_close(&fd);
        return;
    }
    bool is_new = !was_told(orphans, pid, started);
    if (orphans->is_killing || is_new) {
        signal_process(fd, orphans->is_killing ? SIGKILL : SIGTERM);
        signal_process(fd, SIGCONT); /* a stopped one hears nothing else */
    }
    if (is_new)
        js_buf_append(&orphans->told, &(struct told){pid, started},
                      sizeof(struct told));
    orphans->left++;
    js_fd_close(&fd);
}

/* Else a process would be taken for one that carries no mark. */
static bool has_descriptors(void)
{
    int fds[FILES];
    bool has_all = true;
    for (int i = 0; i < FILES; i++) {
        fds[i] = open("/proc", O_PATH | O_CLOEXEC);
        has_all = has_all && fds[i] >= 0;
    }
    int error = errno;
    for (int i = 0; i < FILES; i++)
        js_fd_close(&fds[i]);
    errno = error;
    return has_all;
}

static void look_at_all(struct js_orphans *orphans)
{
    DIR *proc = has_descriptors() ? opendir("/proc") : NULL;
    orphans->error = proc ? 0 : errno;
    orphans->left = 0;
    for (uint64_t pid; proc && (pid = js_process_next(proc));) {
        if (is_meant(orphans, (pid_t)pid))
            orphans_end_process(orphans, (pid_t)pid);
    }
    if (proc)
        closedir(proc);
}

struct js_orphans *js_orphans_new(const struct js_dead_run *runs, size_t count,
                                  int64_t grace_ns, int64_t now_ns)
{
    struct js_orphans *orphans = calloc(1, sizeof(*orphans));
    if (!orphans)
        return NULL;
    orphans->runs = calloc(count + 1, sizeof(*runs));
    if (!orphans->runs) {
        js_orphans_free(orphans);
        return NULL;
    }
    if (count > 0)
        memcpy(orphans->runs, runs, count * sizeof(*runs));
    orphans->count = count;
    orphans->kill_ns = now_ns + grace_ns;
    orphans->end_ns = orphans->kill_ns + JS_ORPHANS_MOST_NS;
    const char *job = getenv("SLURM_JOB_ID");
    snprintf(orphans->slurm_job, sizeof(orphans->slurm_job), "%s",
             job ? job : "");
    process_space("self", orphans->space);
    return orphans;
}

void js_orphans_free(struct js_orphans *orphans)
{
    if (!orphans)
        return;
    int saved = errno;
    free(orphans->runs);
    js_buf_release(&orphans->told);
    free(orphans);
    errno = saved;
}

int64_t js_orphans_step(struct js_orphans *orphans, int64_t now_ns)
{
    orphans->is_killing = now_ns >= orphans->kill_ns;
    look_at_all(orphans);
    bool is_clear = orphans->error == 0 && orphans->left == 0;
    if (is_clear || now_ns >= orphans->end_ns)
        return JS_NEVER_NS;
    return now_ns + look_again_ns;
}

uint32_t js_orphans_ended(const struct js_orphans *orphans)
{
    return (uint32_t)(orphans->told.len / sizeof(struct told));
}

uint32_t js_orphans_left(const struct js_orphans *orphans)
{
    return orphans->left;
}

int js_orphans_error(const struct js_orphans *orphans)
{
    return orphans->error;
}
