#include "runner/slots.h"

#include "base/clock.h"
#include "node/memory.h"
#include "runner/ending.h"
#include "runner/job_calls.h"
#include "runner/messages.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

static const int64_t retry_first_ns = 10 * JS_NS_PER_MS;
static const int64_t retry_longest_ns = JS_NS_PER_S;

/* How long a process that hangs may take to end after SIGKILL. Some file
 * systems do not let it. */
static const int64_t killed_most_ns = 200 * JS_NS_PER_MS;

enum slot_state {
    SLOT_FREE = 0,
    SLOT_STARTING,
    SLOT_WAITING,
    SLOT_RUNNING,
    SLOT_ENDING,
    SLOT_CLOSING
};

/* A process that has ended. */
struct slots_reaped {
    pid_t pid;
    int status;
    struct rusage usage;
};

enum { RUN_TIME_WEIGHT = 8 }; /* the average follows the last eight or so */

/*
 * A slot and its job.
 *
 * The pid in the call is set from RUNNING on. `ending` is empty until the job
 * is asked to end, or its process has ended. In STARTING and CLOSING the call
 * is under way. is_homeless is false in every state but WAITING.
 */
struct slot {
    enum slot_state state;
    uint64_t number; /* of its job, in order of starting */
    uint64_t freed;  /* FREE: how many slots had been freed before it */
    struct js_job_call *call; /* owned */
    struct js_outcome outcome;
    struct js_ending ending;
    /* STARTING, CLOSING: */
    int64_t end_ns; /* when the job must have ended; JS_NEVER_NS: never */
    struct slots_reaped reaped; /* a child that may be the job's process */
    /* STARTING, CLOSING, WAITING: */
    int64_t wake_ns; /* when to go on with the end, or to try again */
    /* WAITING: */
    int64_t limit_ns; /* when to stop trying */
    int64_t delay_ns; /* until the try after the next */
    bool is_homeless; /* it waits for a folder that is gone */
};

/*
 * A job that ends is one of `slots`; `endings` deals with children that no job
 * is known to have left.
 *
 * Invariants: while is_draining, no slot is WAITING. The `freed` of each freed
 * slot is unique and below the one here. While slots are is_homeless, the
 * reason has been reported exactly once.
 */
struct js_slots {
    struct js_slots_means means;
    struct js_job_calls *calls;
    struct slot *slot; /* `count` of them */
    uint32_t count;
    struct js_endings *endings;
    bool is_draining;  /* no job waits to be started any more */
    bool is_disk_full; /* there was no room for output the last time */
    int64_t limit_ns;  /* for jobs without a timeout of their own; 0: none */
    int64_t run_ns;    /* a moving average */
    uint64_t freed;    /* slots freed so far */
    struct js_oom_counter oom;
    uint64_t ooms; /* out-of-memory kills seen */
    struct js_buf scratch;
};

/* Returns the slot whose job has this process. */
static struct slot *slots_slot_of(struct js_slots *slots, pid_t pid)
{
    for (uint32_t i = 0; i < slots->count; i++) {
        struct slot *slot = &slots->slot[i];
        if ((slot->state == SLOT_RUNNING || slot->state == SLOT_STARTING) &&
            js_job_start_pid(&slot->call->start) == pid)
            return slot;
    }
    return NULL;
}

static bool slots_is_job(pid_t pid, void *arg)
{
    return slots_slot_of(arg, pid) != NULL;
}

static bool slots_is_any_on(uint64_t number, void *arg)
{
    const struct js_slots *slots = arg;
    for (uint32_t i = 0; i < slots->count; i++) {
        const struct slot *slot = &slots->slot[i];
        bool is_on = slot->state == SLOT_RUNNING ||
                     slot->state == SLOT_WAITING ||
                     slot->state == SLOT_STARTING;
        if (is_on && slot->number <= number)
            return true;
    }
    return false;
}

struct js_slots *js_slots_new(const struct js_slots_means *means)
{
    struct js_slots *slots = calloc(1, sizeof(*slots));
    if (!slots)
        return NULL;
    slots->means = *means;
    js_oom_counter_open(&slots->oom, "");
    slots->ooms = js_oom_counter_read(&slots->oom);
    slots->slot = calloc(means->config->slots, sizeof(*slots->slot));
    slots->endings =
        js_endings_new(&(struct js_endings_means){.config = means->config,
                                                  .is_job = slots_is_job,
                                                  .is_any_on = slots_is_any_on,
                                                  .arg = slots});
    slots->calls =
        js_job_calls_new(means->config, means->null_in, means->null_out);
    slots->count = slots->slot ? means->config->slots : 0;
    bool has_calls = slots->slot && slots->calls;
    for (uint32_t i = 0; i < slots->count && has_calls; i++) {
        slots->slot[i].call = js_job_calls_new_call();
        has_calls = slots->slot[i].call;
    }
    if (has_calls && slots->endings)
        return slots;
    js_slots_free(slots);
    return NULL;
}

void js_slots_free(struct js_slots *slots)
{
    if (!slots)
        return;
    int saved = errno;
    for (uint32_t i = 0; i < slots->count; i++) {
        struct slot *slot = &slots->slot[i];
        if (slot->state != SLOT_STARTING && slot->state != SLOT_CLOSING)
            js_job_calls_free_call(slot->call);
        js_ending_release(&slot->ending);
    }
    js_job_calls_free(slots->calls);
    js_endings_free(slots->endings);
    js_buf_release(&slots->scratch);
    js_oom_counter_close(&slots->oom);
    free(slots->slot);
    free(slots);
    errno = saved;
}

__attribute__((format(printf, 2, 3))) static int
slots_note(struct js_slots *slots, const char *format, ...)
{
    char text[sizeof((struct js_runner_event){0}.text)];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return n < 0 ? 0
                 : js_channel_send(slots->means.channel, JS_MESSAGE_NOTE, text,
                                   strlen(text), NULL);
}

/* ---------------------------------------------------------------- the end */

/* Reports the end of the slot's job, whose files are closed. */
static int slots_finished(struct js_slots *slots, struct slot *slot)
{
    const struct js_runner_config *config = slots->means.config;
    const struct js_job_spec *details = &slot->call->details;
    unsigned long long id = slot->call->job.id;
    const struct js_job_output_end end = slot->call->start.end;
    int rescued = slot->call->start.rescued, rc = 0;
    if (rescued != 0)
        rc = slots_note(
            slots,
            "node %s: the folder %s was removed while job %llu ran: %s%s",
            config->host, config->settings.output_dir, id,
            rescued > 0 ? "its output has been written to a new folder"
                        : "its output is lost: ",
            rescued > 0 ? "" : js_errno_text(slot->call->start.rescue_error));
    slot->outcome.out_bytes = end.bytes[JS_STREAM_OUT];
    slot->outcome.err_bytes = end.bytes[JS_STREAM_ERR];
    /* The job itself deals with a stream that has a file of its own. */
    bool may_be_cut =
        (end.may_be_cut[JS_STREAM_OUT] && !details->stdout_path) ||
        (end.may_be_cut[JS_STREAM_ERR] && !details->stderr_path);
    /* Even success does not mean that everything was written (`echo x; true`),
     * and the job could not report it, because its stderr is on the same disk.
     */
    if (may_be_cut && js_outcome_succeeded(&slot->outcome)) {
        slot->outcome.step = JS_STEP_COLLECT;
        slot->outcome.step_errno = ENOSPC;
        slot->outcome.exit_code = 126;
    }
    if (may_be_cut &&
        slots_note(
            slots,
            "node %s: no space is left in %s, and the output of job %llu there "
            "may be incomplete; free some space, or name another folder with "
            "%s",
            config->host, js_job_calls_output_folder(slots->calls), id,
            config->settings.capture == JS_CAPTURE_DIR ? "--output"
                                                       : "--tmpdir") < 0)
        rc = -1;
    slot->state = SLOT_FREE;
    slot->is_homeless = false;
    js_ending_reset(&slot->ending);
    /* The order is that of the reports: the rank gives the slot reported first
     * to the first waiting job, and js_slots_free_slot() must do the same. */
    slot->freed = slots->freed++;
    slots->scratch.len = 0;
    if (js_messages_put_ended(&slots->scratch, slot->call->job.slot,
                              &slot->outcome) < 0)
        rc = -1;
    /* Sent even if the text is missing: the channel must take over the
     * descriptors. */
    if (js_channel_send(slots->means.channel, JS_MESSAGE_ENDED,
                        slots->scratch.data, slots->scratch.len, end.fds) < 0)
        rc = -1;
    return rc;
}

/* Ends the slot's job. `reuse`: no process can still hold its files. */
static int slots_report(struct js_slots *slots, struct slot *slot, bool reuse)
{
    slot->call->start.reuse = reuse;
    if (js_job_calls_finish(slots->calls, slot->call))
        return slots_finished(slots, slot);
    slot->state = SLOT_CLOSING;
    slot->is_homeless = false;
    slot->end_ns = slot->wake_ns = JS_NEVER_NS;
    return 0;
}

/* ---------------------------------------------------------------- a start */

/* Lets the job wait, because it cannot be started yet. If a folder is gone,
 * this is reported once for all jobs that wait for it here. */
static int note_waiting(struct js_slots *slots, const struct slot *slot,
                        const struct js_spawn_failure *failure,
                        bool is_homeless)
{
    const struct js_runner_config *config = slots->means.config;
    unsigned long long id = slot->call->job.id;
    const char *why = js_errno_text(failure->error);
    const char *hint = js_outcome_hint(failure->step, failure->error);
    for (uint32_t i = 0; is_homeless && i < slots->count; i++) {
        if (slots->slot[i].is_homeless)
            return 0;
    }
    if (is_homeless)
        return slots_note(
            slots,
            "node %s: the folder %s is gone and cannot be created again: %s; "
            "job %llu, and every other job that needs the folder, waits until "
            "it exists",
            config->host, slot->call->start.opening->path, why, id);
    return slots_note(
        slots,
        "node %s: job %llu cannot be started yet: %s: %s%s%s; trying again for "
        "up to %lld s",
        config->host, id,
        failure->step == JS_STEP_OUTPUT ? "its output file cannot be created"
                                        : "no process can be created for it",
        why, hint ? "; " : "", hint ? hint : "",
        (long long)(config->retry_ns / JS_NS_PER_S));
}

static int wait_and_retry(struct js_slots *slots, struct slot *slot,
                          const struct js_spawn_failure *failure,
                          bool is_homeless, int64_t now_ns)
{
    int rc = 0;
    if (slot->state != SLOT_WAITING || slot->is_homeless != is_homeless) {
        rc = note_waiting(slots, slot, failure, is_homeless);
        slot->state = SLOT_WAITING;
        slot->is_homeless = is_homeless;
        slot->delay_ns = retry_first_ns;
        slot->limit_ns =
            is_homeless ? JS_NEVER_NS : now_ns + slots->means.config->retry_ns;
    }
    slot->wake_ns = now_ns + slot->delay_ns;
    if (slot->wake_ns > slot->limit_ns)
        slot->wake_ns = slot->limit_ns;
    slot->delay_ns *= 2;
    if (slot->delay_ns > retry_longest_ns)
        slot->delay_ns = retry_longest_ns;
    return rc;
}

/* The job has not been started, and will not be. */
static int slots_give_up_start(struct js_slots *slots, struct slot *slot)
{
    slot->outcome = (struct js_outcome){.start_unix_ns = js_clock_unix_ns(),
                                        .cause = JS_STOP_REASON_STOPPED};
    return slots_report(slots, slot, true);
}

/* The job runs. It may have ended already, or may have been asked to end. */
static int slots_note_running(struct js_slots *slots, struct slot *slot)
{
    const struct js_runner_config *config = slots->means.config;
    slot->state = SLOT_RUNNING;
    slot->is_homeless = false;
    slot->outcome =
        (struct js_outcome){.start_unix_ns = slot->call->start.started_unix_ns};
    js_endings_set_children(slots->endings, true);
    /* This is reported once, until there is room again. */
    bool was_full = slots->is_disk_full;
    slots->is_disk_full = js_job_output_is_in_memory(&slot->call->start.output);
    if (!slots->is_disk_full || was_full)
        return 0;
    return slots_note(
        slots,
        "node %s: no space is left in %s, so the output of jobs is kept in "
        "memory; free some space, or name another folder with --tmpdir",
        config->host, config->settings.tmpdir);
}

/* Acts on the result of a start. */
static int slots_started(struct js_slots *slots, struct slot *slot,
                         bool was_waiting)
{
    const struct js_runner_config *config = slots->means.config;
    const struct js_spawn_failure failure = slot->call->start.failure;
    bool is_homeless = slot->call->start.is_homeless;
    if (slot->call->start.restored &&
        slots_note(slots,
                   "node %s: the folder %s was gone and has been created again",
                   config->host, slot->call->start.restored->path) < 0)
        return -1;
    if (slot->call->start.pid > 0)
        return slots_note_running(slots, slot);
    int64_t now_ns = js_clock_ns();
    bool late = was_waiting && now_ns >= slot->limit_ns;
    bool is_retried =
        is_homeless || (js_job_start_may_pass(&slot->call->start) && !late &&
                        config->retry_ns > 0);
    if (slot->ending.cause != JS_STOP_REASON_NONE ||
        (is_retried && slots->is_draining))
        return slots_give_up_start(slots, slot);
    if (is_retried)
        return wait_and_retry(slots, slot, &failure, is_homeless, now_ns);
    /* Only if exec fails does ENOENT refer to the command; a missing folder is
     * another case. */
    bool is_missing = failure.step == JS_STEP_EXEC && failure.error == ENOENT;
    slot->outcome = (struct js_outcome){
        .start_unix_ns = js_clock_unix_ns(),
        .exit_code = is_missing ? 127 : 126,
        .step = failure.step,
        .step_errno = failure.error,
    };
    return slots_report(slots, slot, true);
}

static int try_to_start(struct js_slots *slots, struct slot *slot)
{
    bool was_waiting = slot->state == SLOT_WAITING;
    int rc = js_job_calls_launch(slots->calls, slot->call);
    if (rc == 1)
        return slots_started(slots, slot, was_waiting);
    slot->state = SLOT_STARTING;
    slot->is_homeless = false;
    slot->end_ns = slot->wake_ns = JS_NEVER_NS;
    slot->reaped.pid = 0;
    return rc;
}

int js_slots_start(struct js_slots *slots, const struct js_runner_job *job)
{
    if (job->slot >= slots->count ||
        slots->slot[job->slot].state != SLOT_FREE) {
        errno = EBADMSG;
        return -1;
    }
    struct slot *slot = &slots->slot[job->slot];
    slot->number = js_endings_number(slots->endings);
    /* The next message replaces this one, so the call keeps its own copy. */
    return js_job_calls_set(slot->call, job) < 0 ? -1
                                                 : try_to_start(slots, slot);
}

bool js_slots_free_slot(const struct js_slots *slots, uint32_t *ret)
{
    const struct slot *first = NULL;
    for (uint32_t i = 0; i < slots->count; i++) {
        const struct slot *slot = &slots->slot[i];
        if (slot->state == SLOT_FREE && (!first || slot->freed < first->freed))
            first = slot;
    }
    if (first)
        *ret = (uint32_t)(first - slots->slot);
    return first != NULL;
}

int64_t js_slots_run_ns(const struct js_slots *slots)
{
    return slots->run_ns;
}

static void set_outcome(struct js_slots *slots, struct slot *slot, int status,
                        const struct rusage *usage)
{
    enum { SHELL_SAYS_KILLED = 128 + SIGKILL };
    struct js_outcome *outcome = &slot->outcome;
    outcome->run_ns = js_clock_ns() - slot->call->start.started_ns;
    outcome->user_cpu_ns = js_clock_timeval_ns(&usage->ru_utime);
    outcome->system_cpu_ns = js_clock_timeval_ns(&usage->ru_stime);
    outcome->max_rss_bytes = (uint64_t)usage->ru_maxrss * 1024;
    outcome->cause = slot->ending.cause;
    if (WIFSIGNALED(status))
        outcome->signal = (uint32_t)WTERMSIG(status);
    else
        outcome->exit_code = (uint32_t)WEXITSTATUS(status);
    /* The count of out-of-memory kills covers our whole cgroup, so the first
     * job that was killed since it grew is taken to be the one that the kernel
     * killed. The count is read only after such an end. */
    if (outcome->cause == JS_STOP_REASON_NONE &&
        (outcome->signal == SIGKILL ||
         outcome->exit_code == SHELL_SAYS_KILLED)) {
        uint64_t ooms = js_oom_counter_read(&slots->oom);
        if (ooms > slots->ooms)
            outcome->cause = JS_STOP_REASON_MEMORY;
        slots->ooms = ooms;
    }
}

/* ---------------------------------------------------------------- ending */

static struct js_ending_job ending_job_of(const struct slot *slot)
{
    return (struct js_ending_job){.pid = slot->call->start.pid,
                                  .id = slot->call->job.id,
                                  .attempt = slot->call->job.attempt};
}

/* slot: NULL for children that no job is known to have left. */
static int note_unkillable(struct js_slots *slots, const struct slot *slot)
{
    char who[32] = "jobs";
    if (slot)
        snprintf(who, sizeof(who), "job %llu",
                 (unsigned long long)slot->call->job.id);
    return slots_note(slots,
                      "node %s: processes that %s left behind did not end even "
                      "after SIGKILL; jobsched no longer waits for them",
                      slots->means.config->host, who);
}

/* Acts on the result of checking an ENDING slot. */
static int slots_settle(struct js_slots *slots, struct slot *slot,
                        enum js_ending_state state)
{
    if (state == JS_ENDING_GOES_ON)
        return 0;
    if (state == JS_ENDING_GIVEN_UP && note_unkillable(slots, slot) < 0)
        return -1;
    /* These are the processes seen after the job's own end. A job that was
     * ended had no time to wait for its other processes. */
    if (slot->ending.cause == JS_STOP_REASON_NONE)
        slot->outcome.leftovers =
            (uint32_t)(slot->ending.found.list.len / sizeof(pid_t));
    return slots_report(slots, slot,
                        state == JS_ENDING_CLEAN &&
                            !js_endings_has_abandoned(slots->endings));
}

static int look_at_strangers(struct js_slots *slots, bool has_news)
{
    bool is_idle = true;
    /* A slot that is WAITING or ENDING is busy: its job may still leave a
     * child. */
    for (uint32_t i = 0; i < slots->count; i++)
        is_idle &= slots->slot[i].state == SLOT_FREE;
    return js_endings_look_at_strangers(slots->endings, has_news, is_idle) ==
                   JS_ENDING_GIVEN_UP
               ? note_unkillable(slots, NULL)
               : 0;
}

/* The job's own process has ended. */
static void slots_note_end(struct js_slots *slots, struct slot *slot,
                           const struct slots_reaped *child)
{
    set_outcome(slots, slot, child->status, &child->usage);
    slots->run_ns += (slot->outcome.run_ns - slots->run_ns) / RUN_TIME_WEIGHT;
    slot->state = SLOT_ENDING;
    js_ending_begin(&slot->ending);
}

int js_slots_reap(struct js_slots *slots)
{
    bool has_others = false; /* some were no job's own process */
    struct slots_reaped child;
    pid_t pid;
    while ((pid = wait4(-1, &child.status, WNOHANG, &child.usage)) > 0) {
        struct slot *slot = slots_slot_of(slots, pid);
        js_endings_reaped(slots->endings, pid);
        child.pid = pid;
        /* A job may end before its start has returned. */
        if (slot && slot->state == SLOT_STARTING)
            slot->reaped = child;
        else if (slot)
            slots_note_end(slots, slot, &child);
        has_others |= !slot;
    }
    bool has_children = pid == 0;
    js_endings_set_children(slots->endings, has_children);
    /* This is done only now that all ended processes are known, because a job
     * is over when none of its processes is left. */
    for (uint32_t i = 0; i < slots->count; i++) {
        struct slot *slot = &slots->slot[i];
        struct js_ending_job job = ending_job_of(slot);
        bool is_news = slot->ending.is_new || has_others || !has_children;
        if (slot->state == SLOT_ENDING && is_news &&
            slots_settle(slots, slot,
                         js_endings_look(slots->endings, &slot->ending, &job)) <
                0)
            return -1;
    }
    return look_at_strangers(slots, has_others);
}

/* ---------------------------------------------------------------- calls */

/* Reports the job as stopped, although its call is still under way. */
static int slots_abandon(struct js_slots *slots, struct slot *slot)
{
    struct js_job_call *call = js_job_calls_abandon(slots->calls, slot->call);
    if (!call)
        return -1;
    if (slot->state == SLOT_STARTING)
        slot->outcome =
            (struct js_outcome){.start_unix_ns = js_clock_unix_ns()};
    slot->outcome.cause = JS_STOP_REASON_STOPPED;
    slot->call = call;
    return slots_finished(slots, slot);
}

/* Ends the job of a call that is under way, as far as that is due. A job
 * without a process is over at once. A process on the way to its program is
 * ended like any other. */
static int slots_end_call(struct js_slots *slots, struct slot *slot,
                          int64_t now_ns)
{
    bool is_starting = slot->state == SLOT_STARTING;
    int64_t most_ns =
        is_starting ? slot->end_ns + killed_most_ns : slot->end_ns;
    if (now_ns >= most_ns ||
        (is_starting && js_job_start_cancel(&slot->call->start)))
        return slots_abandon(slots, slot);
    slot->wake_ns = now_ns < slot->end_ns ? slot->end_ns : most_ns;
    if (!is_starting)
        return 0;
    pid_t pid = js_job_start_pid(&slot->call->start);
    if (pid == 0) {
        slot->wake_ns = now_ns + JS_NS_PER_MS; /* it is being created */
        return 0;
    }
    js_ending_ask(&slot->ending, pid, JS_STOP_REASON_STOPPED,
                  slot->end_ns - now_ns);
    if (now_ns >= slot->end_ns)
        js_ending_kill(&slot->ending, pid);
    return 0;
}

/* The call is over: the job runs, has ended, or could not be started. */
static int slots_go_on(struct js_slots *slots, struct slot *slot)
{
    bool was_starting = slot->state == SLOT_STARTING;
    js_job_calls_take_back(slots->calls, slot->call);
    if (!was_starting)
        return slots_finished(slots, slot);
    if (slots_started(slots, slot, false) < 0)
        return -1;
    if (slot->state != SLOT_RUNNING)
        return 0;
    if (slot->reaped.pid == slot->call->start.pid)
        slots_note_end(slots, slot, &slot->reaped);
    else if (slot->end_ns != JS_NEVER_NS)
        js_ending_ask(&slot->ending, slot->call->start.pid,
                      JS_STOP_REASON_STOPPED, slot->end_ns - js_clock_ns());
    return js_slots_reap(slots);
}

/* ---------------------------------------------------------------- a turn */

int js_slots_end(struct js_slots *slots, uint32_t slot, int64_t grace_ns)
{
    if (grace_ns == JS_RUNNER_LET_RUN) {
        slots->is_draining = true;
        for (uint32_t i = 0; i < slots->count; i++) {
            if (slots->slot[i].state == SLOT_WAITING &&
                slots_give_up_start(slots, &slots->slot[i]) < 0)
                return -1;
        }
        return 0;
    }
    if (slot >= slots->count)
        return 0;
    if (grace_ns > slots->means.config->settings.grace_ns)
        grace_ns = slots->means.config->settings.grace_ns;
    struct slot *at = &slots->slot[slot];
    int64_t now_ns = js_clock_ns();
    switch (at->state) {
    case SLOT_RUNNING:
        js_ending_ask(&at->ending, at->call->start.pid, JS_STOP_REASON_STOPPED,
                      grace_ns);
        return 0;
    case SLOT_WAITING:
        return slots_give_up_start(slots, at);
    case SLOT_STARTING:
    case SLOT_CLOSING:
        if (now_ns + grace_ns < at->end_ns)
            at->end_ns = now_ns + grace_ns;
        return slots_end_call(slots, at, now_ns);
    default:
        return 0;
    }
}

void js_slots_limit(struct js_slots *slots, int64_t timeout_ns)
{
    slots->limit_ns = timeout_ns;
}

/* When the slot needs attention, if no event comes sooner. For a running job,
 * this is the end of its time limit or, if it was asked to end, the time to
 * kill it. */
static int64_t slots_slot_wake_ns(const struct js_slots *slots,
                                  const struct slot *slot)
{
    int64_t timeout_ns = slot->call->job.timeout_ns > 0
                             ? slot->call->job.timeout_ns
                             : slots->limit_ns;
    int64_t at_ns;
    if (slot->state == SLOT_FREE)
        return JS_NEVER_NS;
    if (slot->state == SLOT_STARTING || slot->state == SLOT_CLOSING)
        return js_job_calls_is_over(slot->call) ? 0 : slot->wake_ns;
    if (slot->state == SLOT_WAITING)
        return slot->wake_ns;
    if (slot->state == SLOT_ENDING || slot->ending.cause != JS_STOP_REASON_NONE)
        return slot->ending.wake_ns;
    if (timeout_ns <= 0 || __builtin_add_overflow(slot->call->start.started_ns,
                                                  timeout_ns, &at_ns))
        return JS_NEVER_NS;
    return at_ns;
}

int js_slots_tick(struct js_slots *slots)
{
    int64_t now_ns = js_clock_ns();
    js_job_calls_begin_turn(slots->calls);
    for (uint32_t i = 0; i < slots->count; i++) {
        struct slot *slot = &slots->slot[i];
        struct js_ending_job job = ending_job_of(slot);
        int rc = 0;
        if (now_ns < slots_slot_wake_ns(slots, slot))
            continue;
        if (slot->state == SLOT_STARTING || slot->state == SLOT_CLOSING)
            rc = js_job_calls_is_over(slot->call)
                     ? slots_go_on(slots, slot)
                     : slots_end_call(slots, slot, now_ns);
        else if (slot->state == SLOT_WAITING)
            rc = try_to_start(slots, slot);
        else if (slot->state == SLOT_ENDING)
            rc = slots_settle(
                slots, slot,
                js_endings_wake(slots->endings, &slot->ending, &job, now_ns));
        else if (slot->ending.cause == JS_STOP_REASON_NONE)
            js_ending_ask(&slot->ending, slot->call->start.pid,
                          JS_STOP_REASON_TIMEOUT,
                          slots->means.config->settings.grace_ns);
        else
            js_ending_kill(&slot->ending, slot->call->start.pid);
        if (rc < 0)
            return -1;
    }
    return look_at_strangers(slots, false);
}

int64_t js_slots_wake_ns(const struct js_slots *slots)
{
    int64_t first_ns = js_endings_wake_ns(slots->endings);
    for (uint32_t i = 0; i < slots->count; i++) {
        int64_t wake_ns = slots_slot_wake_ns(slots, &slots->slot[i]);
        if (wake_ns < first_ns)
            first_ns = wake_ns;
    }
    return first_ns;
}

int js_slots_fd(const struct js_slots *slots)
{
    return slots ? js_job_calls_fd(slots->calls) : -1;
}
