#include "node/procs.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "base/units.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int js_procs_adopt(void)
{
    return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* Reads the pids that all threads of the process have started, each followed by
 * a blank. */
static int procs_list_children_of(uint64_t pid, struct js_buf *list)
{
    int rc = 0;
    char path[96];
    snprintf(path, sizeof(path), "/proc/%" PRIu64 "/task", pid);
    DIR *tasks = opendir(path);
    for (uint64_t tid; tasks && rc == 0 && (tid = js_process_next(tasks));) {
        snprintf(path, sizeof(path),
                 "/proc/%" PRIu64 "/task/%" PRIu64 "/children", pid, tid);
        rc = js_file_read_path(path, list);
    }
    int error = errno;
    if (tasks)
        closedir(tasks);
    errno = error;
    return tasks && rc == 0 ? 0 : -1;
}

static int procs_list_children(struct js_buf *list)
{
    int rc;
    if (procs_list_children_of((uint64_t)getpid(), list) == 0)
        return 0;
    if (errno != ENOENT)
        return -1;
    /* A kernel without CONFIG_PROC_CHILDREN, or a thread that has ended. */
    DIR *proc = opendir("/proc");
    if (!proc)
        return -1;
    list->len = 0;
    rc = 0;
    for (uint64_t pid; rc == 0 && (pid = js_process_next(proc));) {
        if (js_process_parent(pid) == (uint64_t)getpid())
            rc = js_buf_printf(list, "%" PRIu64 " ", pid);
    }
    closedir(proc);
    return rc;
}

int js_procs_each_child(void (*visit)(pid_t pid, void *arg), void *arg)
{
    struct js_buf list = JS_BUF_INIT;
    int count = -1;
    /* The whole list is read first, because a child that ends shifts the file's
     * offsets. */
    if (procs_list_children(&list) < 0 || !js_buf_string(&list))
        goto done;
    count = 0;
    for (char *at = list.data, *end; (at += strspn(at, " "), *at); at = end) {
        pid_t pid = (pid_t)strtol(at, &end, 10);
        if (end == at || pid <= 0)
            break;
        visit(pid, arg);
        count++;
    }
done:
    js_buf_release(&list);
    return count;
}

static void procs_kill_child(pid_t pid, void *arg)
{
    (void)arg;
    kill(pid, SIGKILL); /* not reaped yet, so the pid is still its own */
}

int js_procs_end_all(int64_t limit_ns)
{
    int64_t deadline_ns = js_clock_ns() + limit_ns;
    int64_t pause_ns = JS_NS_PER_MS / 10;
    for (;;) {
        pid_t pid;
        do
            pid = waitpid(-1, NULL, WNOHANG);
        while (pid > 0 || (pid < 0 && errno == EINTR));
        if (pid != 0)
            return 0;
        if (js_clock_ns() >= deadline_ns) {
            errno = ETIMEDOUT;
            return -1;
        }
        /* Children that cannot be listed now are listed the next time. */
        js_procs_each_child(procs_kill_child, NULL);
        nanosleep(&(struct timespec){.tv_nsec = (long)pause_ns}, NULL);
        if (pause_ns < 10 * JS_NS_PER_MS)
            pause_ns *= 2;
    }
}

/* ---------------------------------------------------------------- leftovers */

/* Returns the position of `pid` in the list, or the length of the list. */
static size_t pids_find(const struct js_pids *pids, pid_t pid)
{
    size_t at = 0;
    for (; at < pids->list.len; at += sizeof(pid)) {
        if (memcmp(pids->list.data + at, &pid, sizeof(pid)) == 0)
            break;
    }
    return at;
}

bool js_pids_has(const struct js_pids *pids, pid_t pid)
{
    return pids_find(pids, pid) < pids->list.len;
}

void js_pids_remove(struct js_pids *pids, pid_t pid)
{
    size_t at = pids_find(pids, pid);
    if (at == pids->list.len)
        return;
    pids->list.len -= sizeof(pid);
    memmove(pids->list.data + at, pids->list.data + at + sizeof(pid),
            pids->list.len - at);
}

enum { WITHIN_SIZE = 4096 };

enum owner { OWNER_THIS, OWNER_OTHER, OWNER_UNKNOWN };

/* Reads the process's variables, if they are of this run. The environment is
 * empty during an exec, so the owner is unknown for a moment. */
static enum owner leftovers_owner_by_id(const struct js_leftovers *leftovers,
                                        pid_t pid)
{
    char mark[JS_MARK_SIZE], id[24], attempt[24];
    struct js_mark of;
    uint64_t id_number, attempt_number;
    if (leftovers->run &&
        (!js_process_variable(pid, JS_MARK_VARIABLE, mark, sizeof(mark),
                              NULL) ||
         !js_mark_parse(mark, &of) || of.run != leftovers->run))
        return OWNER_UNKNOWN;
    if (!js_process_variable(pid, "JOBSCHED_JOB_ID", id, sizeof(id), NULL) ||
        !js_process_variable(pid, "JOBSCHED_ATTEMPT", attempt, sizeof(attempt),
                             NULL))
        return OWNER_UNKNOWN;
    bool is_this = js_parse_count(id, &id_number) == 0 &&
                   id_number == leftovers->id &&
                   js_parse_count(attempt, &attempt_number) == 0 &&
                   attempt_number == leftovers->attempt;
    return is_this ? OWNER_THIS : OWNER_OTHER;
}

static enum owner leftovers_owner_of(const struct js_leftovers *leftovers,
                                     pid_t pid)
{
    char within[WITHIN_SIZE];
    uint64_t id;
    uint32_t attempt;
    if (leftovers->all || getpgid(pid) == leftovers->group)
        return OWNER_THIS;
    enum owner owner = leftovers_owner_by_id(leftovers, pid);
    /* What a run within a job has left behind belongs to that job. */
    if (owner == OWNER_UNKNOWN && leftovers->run &&
        js_process_variable(pid, JS_WITHIN_VARIABLE, within, sizeof(within),
                            NULL) &&
        js_mark_within(within, leftovers->run, &id, &attempt))
        owner = id == leftovers->id && attempt == leftovers->attempt
                    ? OWNER_THIS
                    : OWNER_OTHER;
    bool is_asked = owner != OWNER_THIS && leftovers->strange;
    return is_asked && leftovers->strange(pid, leftovers->arg) ? OWNER_THIS
                                                               : owner;
}

static void leftovers_visit(pid_t pid, void *arg)
{
    struct js_leftovers *leftovers = arg;
    if (leftovers->spared(pid, leftovers->arg))
        return;
    enum owner owner = leftovers_owner_of(leftovers, pid);
    leftovers->strangers += owner == OWNER_UNKNOWN;
    if (owner != OWNER_THIS)
        return;
    leftovers->left++;
    /* A child that is not reaped yet keeps its pid, and with it the number of
     * its group. */
    bool is_in_group = leftovers->group > 0 && getpgid(pid) == leftovers->group;
    bool is_new = !js_pids_has(leftovers->found, pid);
    if (leftovers->signal == SIGKILL) {
        kill(is_in_group ? -leftovers->group : pid, SIGKILL);
    } else if (is_new && !is_in_group) {
        kill(pid, leftovers->signal);
        kill(pid, SIGCONT); /* a stopped process reacts to nothing else */
    }
    /* A process that cannot be noted is signalled again the next time. */
    if (is_new)
        js_buf_append(&leftovers->found->list, &pid, sizeof(pid));
}

int js_leftovers_run(struct js_leftovers *leftovers)
{
    leftovers->left = 0;
    leftovers->strangers = 0;
    return js_procs_each_child(leftovers_visit, leftovers) < 0 ? -1 : 0;
}

/* ---------------------------------------------------------------- other runs
 */

static const char lock_path[] = "/sys/devices/system/cpu/online";

/* This is longer than it takes to bind slaves that have started. */
static const int64_t lock_most_ns = 2 * JS_NS_PER_S;
static const struct timespec lock_pause = {.tv_nsec = 5 * JS_NS_PER_MS};

int js_others_lock(void)
{
    int64_t end_ns = js_clock_ns() + lock_most_ns;
    int fd = open(lock_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (js_clock_ns() >= end_ns) {
            close(fd);
            return -1;
        }
        nanosleep(&lock_pause, NULL);
    }
    return fd;
}

/* Counts the CPUs that a runner holds, and those that its jobs hold where the
 * kernel lists them. */
static void others_add(unsigned counts[JS_CPUS_MAX], uint64_t runner)
{
    struct js_buf list = JS_BUF_INIT;
    char *end;
    struct js_cpuset held, cpus;
    js_cpuset_clear(&held);
    if (js_cpuset_of_process((pid_t)runner, &cpus) == 0)
        js_cpuset_unite(&held, &cpus);
    const char *at = procs_list_children_of(runner, &list) == 0
                         ? js_buf_string(&list)
                         : NULL;
    for (uint64_t child; at && (child = strtoull(at, &end, 10)) > 0; at = end) {
        if (js_cpuset_of_process((pid_t)child, &cpus) == 0)
            js_cpuset_unite(&held, &cpus);
    }
    js_buf_release(&list);
    for (unsigned cpu = js_cpuset_next(&held, 0); cpu < JS_CPUS_MAX;
         cpu = js_cpuset_next(&held, cpu + 1))
        counts[cpu]++;
}

/* Counts how many runners of other runs hold each CPU. */
static void others_count(unsigned counts[JS_CPUS_MAX])
{
    char name[JS_PROCESS_NAME_SIZE];
    DIR *proc = opendir("/proc");
    for (uint64_t pid; proc && (pid = js_process_next(proc));) {
        if (!js_process_name(pid, name) || strcmp(name, JS_PROCESS_RUNNER) != 0)
            continue;
        /* A slave of this run has the same parent as this process. */
        uint64_t slave = js_process_parent(pid);
        bool is_ours =
            slave == (uint64_t)getpid() ||
            (slave > 1 && js_process_parent(slave) == (uint64_t)getppid());
        if (!is_ours && !js_process_is_above(pid))
            others_add(counts, pid);
    }
    if (proc)
        closedir(proc);
}

void js_others_held(const struct js_cpuset *pool, struct js_cpuset *ret)
{
    unsigned *counts = calloc(JS_CPUS_MAX, sizeof(*counts));
    unsigned least = UINT_MAX;
    js_cpuset_clear(ret);
    if (!counts)
        return; /* then cores are shared */
    others_count(counts);
    for (unsigned cpu = js_cpuset_next(pool, 0); cpu < JS_CPUS_MAX;
         cpu = js_cpuset_next(pool, cpu + 1)) {
        if (counts[cpu] < least)
            least = counts[cpu];
    }
    for (unsigned cpu = js_cpuset_next(pool, 0); cpu < JS_CPUS_MAX;
         cpu = js_cpuset_next(pool, cpu + 1)) {
        if (counts[cpu] > least)
            js_cpuset_add(ret, cpu);
    }
    free(counts);
}
