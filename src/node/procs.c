#include "node/procs.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "base/units.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int js_reap_adopt(void)
{
    return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* The pids, each followed by a blank. */
static int reap_list_children(struct js_buf *list)
{
    int rc = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (uint64_t tid; tasks && rc == 0 && (tid = js_process_next(tasks));) {
        char path[80];
        snprintf(path, sizeof(path), "/proc/self/task/%" PRIu64 "/children",
                 tid);
        rc = js_file_read_path(path, list);
    }
    int error = errno;
    if (tasks)
        closedir(tasks);
    errno = error;
    if (tasks && rc == 0)
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

int js_reap_each_child(void (*visit)(pid_t pid, void *arg), void *arg)
{
    struct js_buf list = JS_BUF_INIT;
    int count = -1;
    /* First the whole list: a child that ends shifts the file's offsets. */
    if (reap_list_children(&list) < 0 || !js_buf_string(&list))
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

/* True if a child is left when all that have ended are reaped. */
static bool reap_ended(void)
{
    pid_t pid;
    do
        pid = waitpid(-1, NULL, WNOHANG);
    while (pid > 0 || (pid < 0 && errno == EINTR));
    return pid == 0;
}

static void kill_child(pid_t pid, void *arg)
{
    (void)arg;
    kill(pid, SIGKILL); /* not reaped yet, so the pid is still its own */
}

int js_reap_all(int64_t limit_ns)
{
    int64_t deadline_ns = js_clock_ns() + limit_ns;
    int64_t pause_ns = JS_NS_PER_MS / 10;
    while (reap_ended()) {
        if (js_clock_ns() >= deadline_ns) {
            errno = ETIMEDOUT;
            return -1;
        }
        js_reap_each_child(kill_child, NULL); /* on failure: the next time */
        nanosleep(&(struct timespec){.tv_nsec = (long)pause_ns}, NULL);
        if (pause_ns < 10 * JS_NS_PER_MS)
            pause_ns *= 2;
    }
    return 0;
}

/* ---------------------------------------------------------------- leftovers */

/* Where `pid` stands in the list, or its length. */
static size_t find_pid(const struct js_pids *pids, pid_t pid)
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
    return find_pid(pids, pid) < pids->list.len;
}

int js_pids_add(struct js_pids *pids, pid_t pid)
{
    if (js_pids_has(pids, pid))
        return 0;
    return js_buf_append(&pids->list, &pid, sizeof(pid));
}

void js_pids_remove(struct js_pids *pids, pid_t pid)
{
    size_t at = find_pid(pids, pid);
    if (at == pids->list.len)
        return;
    pids->list.len -= sizeof(pid);
    memmove(pids->list.data + at, pids->list.data + at + sizeof(pid),
            pids->list.len - at);
}

enum { WITHIN_SIZE = 4096 };

enum owner { OWNER_THIS, OWNER_OTHER, OWNER_UNKNOWN };

static bool leftovers_is_number(const char *text, uint64_t wanted)
{
    uint64_t value;
    return js_parse_count(text, &value) == 0 && value == wanted;
}

/* Its own variables, where these are of this run. */
static enum owner owner_by_id(const struct js_leftovers *sweep, pid_t pid)
{
    char mark[JS_MARK_SIZE], id[24], attempt[24];
    struct js_mark of;
    if (sweep->run && (!js_process_variable(pid, JS_MARK_VARIABLE, mark,
                                            sizeof(mark), NULL) ||
                       !js_mark_parse(mark, &of) || of.run != sweep->run))
        return OWNER_UNKNOWN;
    if (!js_process_variable(pid, "JOBSCHED_JOB_ID", id, sizeof(id), NULL) ||
        !js_process_variable(pid, "JOBSCHED_ATTEMPT", attempt, sizeof(attempt),
                             NULL))
        return OWNER_UNKNOWN;
    return leftovers_is_number(id, sweep->id) &&
                   leftovers_is_number(attempt, sweep->attempt)
               ? OWNER_THIS
               : OWNER_OTHER;
}

/* What a run within a job has left behind is that job's. */
static enum owner owner_by_outer(const struct js_leftovers *sweep, pid_t pid)
{
    char within[WITHIN_SIZE];
    uint64_t id;
    uint32_t attempt;
    if (!sweep->run ||
        !js_process_variable(pid, JS_WITHIN_VARIABLE, within, sizeof(within),
                             NULL) ||
        !js_mark_within(within, sweep->run, &id, &attempt))
        return OWNER_UNKNOWN;
    return id == sweep->id && attempt == sweep->attempt ? OWNER_THIS
                                                        : OWNER_OTHER;
}

static enum owner owner_of(const struct js_leftovers *sweep, pid_t pid)
{
    if (sweep->all || getpgid(pid) == sweep->group)
        return OWNER_THIS;
    enum owner owner = owner_by_id(sweep, pid);
    if (owner == OWNER_UNKNOWN)
        owner = owner_by_outer(sweep, pid);
    bool is_asked = owner != OWNER_THIS && sweep->strange;
    return is_asked && sweep->strange(pid, sweep->arg) ? OWNER_THIS : owner;
}

/* A child that is not reaped yet keeps its pid, and by that its group's. */
static void send_signal(const struct js_leftovers *sweep, pid_t pid)
{
    bool in_group = sweep->group > 0 && getpgid(pid) == sweep->group;
    if (sweep->signal == SIGKILL) {
        kill(in_group ? -sweep->group : pid, SIGKILL);
    } else if (!in_group) {
        kill(pid, sweep->signal);
        kill(pid, SIGCONT); /* a stopped one hears nothing else */
    }
}

static void leftovers_visit(pid_t pid, void *arg)
{
    struct js_leftovers *sweep = arg;
    if (sweep->spared(pid, sweep->arg))
        return;
    enum owner owner = owner_of(sweep, pid);
    sweep->strangers += owner == OWNER_UNKNOWN;
    if (owner != OWNER_THIS)
        return;
    sweep->left++;
    if (sweep->signal == SIGKILL || !js_pids_has(sweep->found, pid))
        send_signal(sweep, pid);
    js_pids_add(sweep->found, pid); /* failing, it is told once more */
}

int js_leftovers_run(struct js_leftovers *sweep)
{
    sweep->left = 0;
    sweep->strangers = 0;
    return js_reap_each_child(leftovers_visit, sweep) < 0 ? -1 : 0;
}
