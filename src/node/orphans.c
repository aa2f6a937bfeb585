#include "node/orphans.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/process.h"
#include "node/reap.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const int64_t look_again_ns = 50 * JS_NS_PER_MS;

/* Clocks of hosts differ, and a start is known to a tick. */
static const int64_t clock_slack_ns = 5 * JS_NS_PER_S;

enum { DEPTH_MAX = 1000, SLURM_SIZE = 64, NAME_SIZE = 32 };

/* One that was told to end. */
struct told {
    pid_t pid;
    uint64_t started;
};

struct js_orphans {
    struct js_dead_run *runs;
    size_t count;
    int64_t kill_ns, end_ns;
    char slurm_job[SLURM_SIZE]; /* of this process; "": none */
    char space[SLURM_SIZE];     /* its pid namespace */
    struct js_buf told;         /* struct told */
    uint32_t left;
    bool is_killing;
};

/* ---------------------------------------------------------------- processes */

/* Of a process: its parent, and when it started, in ticks since the boot. */
struct process {
    pid_t parent;
    uint64_t started;
    char state;
    char name[NAME_SIZE];
};

static bool process_read(pid_t pid, struct process *ret)
{
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    if (file)
        fclose(file);
    text[len] = '\0';
    /* PID (NAME) STATE PPID ..., where NAME may hold anything. */
    const char *open = strchr(text, '('), *close = strrchr(text, ')');
    unsigned long long started;
    int parent;
    if (!open || !close ||
        sscanf(close + 1,
               " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d "
               "%*d %*d %*d %*d %llu",
               &ret->state, &parent, &started) != 3)
        return false;
    ret->parent = parent;
    ret->started = started;
    snprintf(ret->name, sizeof(ret->name), "%.*s", (int)(close - open - 1),
             open + 1);
    return true;
}

static bool process_is_jobsched(const struct process *process)
{
    return process->state != 'Z' &&
           (strcmp(process->name, "jobsched") == 0 ||
            strcmp(process->name, "jobsched-runner") == 0);
}

/* Whether a living jobsched is above it. */
static bool process_has_keeper(const struct process *process)
{
    struct process above = *process;
    for (int i = 0; i < DEPTH_MAX && above.parent > 1; i++) {
        if (!process_read(above.parent, &above))
            return false;
        if (process_is_jobsched(&above))
            return true;
    }
    return false;
}

/* Whether it is this process, or above it. */
static bool process_is_above(pid_t pid)
{
    struct process below = {.parent = getpid()};
    for (int i = 0; i < DEPTH_MAX && below.parent > 0; i++) {
        if (below.parent == pid)
            return true;
        if (!process_read(below.parent, &below))
            return false;
    }
    return false;
}

static int64_t process_start_unix_ns(const struct process *process)
{
    struct timespec now;
    long ticks = sysconf(_SC_CLK_TCK);
    if (ticks <= 0 || clock_gettime(CLOCK_BOOTTIME, &now) < 0)
        return 0;
    int64_t up_ns = now.tv_sec * JS_NS_PER_S + now.tv_nsec;
    int64_t since_boot_ns =
        (int64_t)(process->started / (uint64_t)ticks) * JS_NS_PER_S;
    return js_clock_unix_ns() - (up_ns - since_boot_ns);
}

/* "pid:[4026531836]"; "" where that cannot be known. */
static void process_space(const char *pid, char space[SLURM_SIZE])
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%s/ns/pid", pid);
    ssize_t len = readlink(path, space, SLURM_SIZE - 1);
    space[len > 0 ? len : 0] = '\0';
}

/* ---------------------------------------------------------------- choosing */

static bool is_of_run(const struct js_dead_run *run,
                      const struct process *process)
{
    int64_t start_ns = process_start_unix_ns(process);
    int64_t until_ns =
        run->until_unix_ns ? run->until_unix_ns : js_clock_unix_ns();
    return start_ns >= run->begin_unix_ns - clock_slack_ns &&
           start_ns <= until_ns + clock_slack_ns;
}

/* Whether it carries the mark of one of the runs. */
static bool is_marked(const struct js_orphans *orphans, pid_t pid,
                      const struct process *process)
{
    char text[JS_MARK_SIZE];
    struct js_mark mark;
    if (!js_process_variable(pid, JS_MARK_VARIABLE, text, sizeof(text)) ||
        !js_mark_parse(text, &mark))
        return false;
    if (mark.session && getsid(pid) != (pid_t)mark.session)
        return false;
    for (size_t i = 0; i < orphans->count; i++) {
        if (orphans->runs[i].id == mark.run)
            return is_of_run(&orphans->runs[i], process);
    }
    return false;
}

static bool is_of_slurm_job(const struct js_orphans *orphans, pid_t pid)
{
    char job[SLURM_SIZE] = "";
    js_process_variable(pid, "SLURM_JOB_ID", job, sizeof(job));
    return strcmp(job, orphans->slurm_job) == 0;
}

static bool is_meant(const struct js_orphans *orphans, pid_t pid,
                     struct process *process)
{
    char name[16], space[SLURM_SIZE];
    if (!process_read(pid, process) || process->state == 'Z' ||
        process->state == 'X' || !is_marked(orphans, pid, process))
        return false;
    snprintf(name, sizeof(name), "%d", (int)pid);
    process_space(name, space);
    return space[0] && strcmp(space, orphans->space) == 0 &&
           is_of_slurm_job(orphans, pid) && !process_is_above(pid) &&
           !process_has_keeper(process);
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
static void end_process(struct js_orphans *orphans, pid_t pid)
{
    struct process process;
    int fd = open_process(pid);
    if (fd < 0)
        return;
    /* Only now it is certain that what is behind it is what is meant. */
    if (!is_meant(orphans, pid, &process)) {
        js_fd_close(&fd);
        return;
    }
    bool is_new = !was_told(orphans, pid, process.started);
    if (orphans->is_killing || is_new) {
        signal_process(fd, orphans->is_killing ? SIGKILL : SIGTERM);
        signal_process(fd, SIGCONT); /* a stopped one hears nothing else */
    }
    if (is_new)
        js_buf_append(&orphans->told, &(struct told){pid, process.started},
                      sizeof(struct told));
    orphans->left++;
    js_fd_close(&fd);
}

static void look_at_all(struct js_orphans *orphans)
{
    struct dirent *entry;
    DIR *proc = opendir("/proc");
    orphans->left = 0;
    while (proc && (entry = readdir(proc))) {
        struct process process;
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (isdigit((unsigned char)entry->d_name[0]) &&
            is_meant(orphans, pid, &process))
            end_process(orphans, pid);
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
    if (orphans->left == 0 || now_ns >= orphans->end_ns)
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
