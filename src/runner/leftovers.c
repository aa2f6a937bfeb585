#include "runner/leftovers.h"

#include "base/mark.h"
#include "base/units.h"
#include "node/reap.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

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
