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

/* Clocks of hosts differ, and a start time is known only to the tick. */
static const int64_t clock_slack_ns = 5 * JS_NS_PER_S;

enum {
    DEPTH_MAX = 1000,
    TEXT_SIZE = 64,
    WITHIN_SIZE = 4096,
    FILES = 4 /* the most that are open at once */
};

/* If the headers do not know pidfds, the calls fail with ENOSYS. */
#ifndef SYS_pidfd_open
enum { SYS_pidfd_open = -1 };
#endif
#ifndef SYS_pidfd_send_signal
enum { SYS_pidfd_send_signal = -1 };
#endif

/* A process that was sent SIGTERM. Its start time distinguishes it from a later
 * process with this pid. */
struct signalled {
    pid_t pid;
    uint64_t started;
};

struct js_orphans {
    struct js_dead_run *runs;
    size_t count;
    int64_t kill_ns, end_ns;
    char slurm_job[TEXT_SIZE]; /* of this process; "": none */
    char space[TEXT_SIZE];     /* its pid namespace */
    struct js_buf signalled;   /* struct signalled */
    uint32_t left;
    int error;       /* of the last check */
    bool is_killing; /* SIGKILL from now on */
};

/* ---------------------------------------------------------------- choosing */

/* True if a living jobsched is above the process. One that is above this
 * process as well does not count, because all of us are below it. All other
 * processes below the mpirun of this process, or its daemon, are part of this
 * run: if a process that a dead run has left behind started us, they carry the
 * mark of that run. */
static bool orphans_has_keeper(uint64_t pid)
{
    char name[JS_PROCESS_NAME_SIZE];
    uint64_t self = (uint64_t)getpid(), parent = (uint64_t)getppid();
    uint64_t above = js_process_parent(pid);
    for (int i = 0; i < DEPTH_MAX && above > 1 && above != self; i++) {
        bool is_jobsched = js_process_name(above, name) &&
                           (strcmp(name, "jobsched") == 0 ||
                            strcmp(name, JS_PROCESS_RUNNER) == 0) &&
                           js_process_may_live(above, js_process_start(above));
        if (above == parent || (is_jobsched && !js_process_is_above(above)))
            return true;
        above = js_process_parent(above);
    }
    return false;
}

/* Sets the text "pid:[4026531836]", or "" if that cannot be found out. */
static void orphans_space_of(const char *pid, char space[TEXT_SIZE])
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%s/ns/pid", pid);
    ssize_t len = readlink(path, space, TEXT_SIZE - 1);
    space[len > 0 ? len : 0] = '\0';
}

/* True if the mark is that of one of the runs, and the process is not one that
 * this run lets go on. An environment is easily copied, so the mark alone is
 * not enough: the process must have begun during the run. */
static bool orphans_is_of_any(const struct js_orphans *orphans,
                              const struct js_mark *mark, pid_t pid)
{
    const struct js_dead_run *run = orphans->runs;
    const struct js_dead_run *end = run + orphans->count;
    while (run < end && run->id != mark->run)
        run++;
    if (run == end || (mark->session && getsid(pid) != (pid_t)mark->session))
        return false;
    int64_t age_ns = js_process_age_ns((uint64_t)pid);
    int64_t now_unix_ns = js_clock_unix_ns();
    int64_t start_ns = now_unix_ns - age_ns;
    int64_t until_ns = run->until_unix_ns ? run->until_unix_ns : now_unix_ns;
    return age_ns >= 0 && start_ns >= run->begin_unix_ns - clock_slack_ns &&
           start_ns <= until_ns + clock_slack_ns;
}

static bool orphans_is_marked(const struct js_orphans *orphans, pid_t pid)
{
    char text[JS_MARK_SIZE], within[WITHIN_SIZE];
    struct js_mark mark;
    struct js_outer_job outer;
    const char *at = within;
    if (!js_process_variable(pid, JS_MARK_VARIABLE, text, sizeof(text), NULL) ||
        !js_mark_parse(text, &mark))
        return false;
    if (orphans_is_of_any(orphans, &mark, pid))
        return true;
    /* What a run within a job has left belongs to that job. */
    if (!js_process_variable(pid, JS_WITHIN_VARIABLE, within, sizeof(within),
                             NULL))
        return false;
    while (js_mark_next_outer(&at, &outer)) {
        if (orphans_is_of_any(orphans, &outer.mark, pid))
            return true;
    }
    return false;
}

/* The cheapest check, which rules out most processes, comes first. */
static bool orphans_is_meant(const struct js_orphans *orphans, pid_t pid)
{
    uint64_t number = (uint64_t)pid;
    char name[16], space[TEXT_SIZE], job[TEXT_SIZE] = "";
    bool is_unknown;
    if (!orphans_is_marked(orphans, pid) ||
        !js_process_may_live(number, js_process_start(number)))
        return false;
    snprintf(name, sizeof(name), "%d", (int)pid);
    orphans_space_of(name, space);
    if (!space[0] || strcmp(space, orphans->space) != 0)
        return false;
    js_process_variable(pid, "SLURM_JOB_ID", job, sizeof(job), &is_unknown);
    return !is_unknown && strcmp(job, orphans->slurm_job) == 0 &&
           !js_process_is_above(number) && !orphans_has_keeper(number);
}

/* ---------------------------------------------------------------- ending */

/* Signals the process once with SIGTERM, then with SIGKILL each time it is
 * seen. */
static void orphans_end_process(struct js_orphans *orphans, pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return;
    /* Only now is it certain that the pidfd refers to the right process. */
    struct signalled own = {pid, js_process_start((uint64_t)pid)};
    if (!orphans_is_meant(orphans, pid)) {
        js_fd_close(&fd);
        return;
    }
    const struct signalled *list =
        (const struct signalled *)orphans->signalled.data;
    bool is_new = true;
    for (size_t i = 0; i < orphans->signalled.len / sizeof(*list); i++) {
        if (list[i].pid == pid && list[i].started == own.started)
            is_new = false;
    }
    if (orphans->is_killing || is_new) {
        int signal = orphans->is_killing ? SIGKILL : SIGTERM;
        syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0);
        /* A stopped process reacts to nothing else. */
        syscall(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0);
    }
    if (is_new)
        js_buf_append(&orphans->signalled, &own, sizeof(own));
    orphans->left++;
    js_fd_close(&fd);
}

/* A process whose files cannot be opened would be taken for one that carries no
 * mark. So a check needs its descriptors beforehand. */
static void orphans_look(struct js_orphans *orphans)
{
    int fds[FILES];
    bool has_all = true;
    for (int i = 0; i < FILES; i++) {
        fds[i] = open("/proc", O_PATH | O_CLOEXEC);
        has_all = has_all && fds[i] >= 0;
    }
    orphans->error = has_all ? 0 : errno;
    for (int i = 0; i < FILES; i++)
        js_fd_close(&fds[i]);
    DIR *proc = has_all ? opendir("/proc") : NULL;
    if (has_all && !proc)
        orphans->error = errno;
    orphans->left = 0;
    for (uint64_t pid; proc && (pid = js_process_next(proc));) {
        if (orphans_is_meant(orphans, (pid_t)pid))
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
    orphans_space_of("self", orphans->space);
    return orphans;
}

void js_orphans_free(struct js_orphans *orphans)
{
    if (!orphans)
        return;
    int saved = errno;
    free(orphans->runs);
    js_buf_release(&orphans->signalled);
    free(orphans);
    errno = saved;
}

int64_t js_orphans_step(struct js_orphans *orphans, int64_t now_ns)
{
    orphans->is_killing = now_ns >= orphans->kill_ns;
    orphans_look(orphans);
    bool is_clear = orphans->error == 0 && orphans->left == 0;
    if (is_clear || now_ns >= orphans->end_ns)
        return JS_NEVER_NS;
    return now_ns + look_again_ns;
}

struct js_orphans_seen js_orphans_seen(const struct js_orphans *orphans)
{
    return (struct js_orphans_seen){
        .ended = (uint32_t)(orphans->signalled.len / sizeof(struct signalled)),
        .left = orphans->left,
        .error = orphans->error};
}
