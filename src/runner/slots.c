#include "runner/slots.h"

#include "base/background.h"
#include "base/clock.h"
#include "node/memory.h"
#include "runner/ending.h"
#include "runner/job_env.h"
#include "runner/job_start.h"
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

/* How long the other slots wait for the calls of a start or an end: while none
 * hangs, and while one hangs already. */
static const int64_t hung_ns = 200 * JS_NS_PER_MS;
static const int64_t also_hung_ns = 20 * JS_NS_PER_MS;

/* How often to check whether hung calls have returned. */
static const int64_t slots_look_ns = 20 * JS_NS_PER_MS;

enum slot_state {
    SLOT_FREE = 0,
    SLOT_STARTING,
    SLOT_WAITING,
    SLOT_RUNNING,
    SLOT_ENDING,
    SLOT_CLOSING
};

enum { RUN_TIME_WEIGHT = 8 }; /* the average follows the last eight or so */

/*
 * A slot and its job. Its buffers stay allocated from job to job.
 *
 * `job` points into the five fields below it. The pid in `start` is set from
 * RUNNING on. `ending` is empty until the job is asked to end, or its process
 * has ended. The last fields are used only in WAITING; is_homeless is false in
 * every other state.
 *
 * In STARTING and CLOSING the task hangs. The worker owns it, and `start` and
 * what that points to. `env` is then the environment that all slots used so
 * far.
 */
struct slot {
    enum slot_state state;
    uint64_t number; /* of its job, in order of starting */
    uint64_t freed;  /* FREE: how many slots had been freed before it */
    struct js_runner_job job;
    struct js_buf text;
    struct js_buf details_bytes;
    struct js_buf gpus, hosts;
    struct js_cpuset cpus, numa;
    struct js_job_spec details;
    struct js_job_start start;
    struct js_outcome outcome;
    struct js_ending ending;
    /* STARTING, CLOSING: */
    struct js_task task;
    struct js_worker *worker;
    struct js_job_env *env; /* NULL: it uses none */
    bool must_end;          /* end the job as soon as it is started */
    int64_t grace_ns;       /* ... with this grace */
    /* WAITING: */
    int64_t wake_ns;  /* when to try again */
    int64_t limit_ns; /* when to stop trying */
    int64_t delay_ns; /* until the try after the next */
    bool is_homeless; /* it waits for a folder that is gone */
};

/* A child that was reaped while a start hung. It may be that job's process,
 * unless it was reaped before that job had a process. */
struct slots_reaped {
    pid_t pid;
    int64_t at_ns;
    int status;
    struct rusage usage;
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
    struct js_job_start_means start;
    struct js_worker *worker; /* for starts and ends; NULL: none yet */
    struct js_worker **spare; /* others, for when that one hangs; a worker lasts
                                 as long as this, since its jobs are killed
                                 when its thread ends (node/spawn.h) */
    uint32_t spare_count;     /* at most `count` */
    struct slot *slot;        /* `count` of them */
    uint32_t count;
    uint32_t hung;        /* slots in STARTING or CLOSING */
    struct js_buf reaped; /* struct slots_reaped */
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

static struct slot *slots_slot_of(struct js_slots *slots, pid_t pid)
{
    for (uint32_t i = 0; i < slots->count; i++) {
        if (slots->slot[i].state == SLOT_RUNNING &&
            slots->slot[i].start.pid == pid)
            return &slots->slot[i];
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

/* NULL: there is no memory. */
static struct js_job_env *slots_new_env(const struct js_slots *slots)
{
    struct js_job_env *env = calloc(1, sizeof(*env));
    if (!env || js_job_env_init(env, slots->means.config) == 0)
        return env;
    js_job_env_release(env);
    free(env);
    return NULL;
}

static void slots_free_env(struct js_job_env *env)
{
    if (env)
        js_job_env_release(env);
    free(env);
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
    slots->spare = calloc(means->config->slots, sizeof(struct js_worker *));
    slots->endings =
        js_endings_new(&(struct js_endings_means){.config = means->config,
                                                  .is_job = slots_is_job,
                                                  .is_any_on = slots_is_any_on,
                                                  .arg = slots});
    slots->start = (struct js_job_start_means){.config = means->config,
                                               .null_in = means->null_in,
                                               .null_out = means->null_out,
                                               .ignored = js_spawn_ignored(),
                                               .env = slots_new_env(slots)};
    if (!slots->slot || !slots->spare || !slots->endings || !slots->start.env) {
        js_slots_free(slots);
        return NULL;
    }
    slots->count = means->config->slots;
    for (uint32_t i = 0; i < slots->count; i++)
        js_job_output_init(&slots->slot[i].start.output);
    const struct js_settings *settings = &means->config->settings;
    js_job_folder_note(&slots->start.output_folder,
                       settings->capture == JS_CAPTURE_DIR
                           ? settings->output_dir
                           : settings->tmpdir);
    js_job_folder_note(&slots->start.tmpdir, settings->tmpdir);
    return slots;
}

void js_slots_free(struct js_slots *slots)
{
    /* What a hung call uses must stay. */
    if (!slots || slots->hung > 0)
        return;
    int saved = errno;
    js_worker_free(slots->worker);
    for (uint32_t i = 0; slots->spare && i < slots->spare_count; i++)
        js_worker_free(slots->spare[i]);
    free(slots->spare);
    for (uint32_t i = 0; i < slots->count; i++) {
        struct slot *slot = &slots->slot[i];
        js_job_start_release(&slot->start);
        js_buf_release(&slot->text);
        js_buf_release(&slot->details_bytes);
        js_buf_release(&slot->gpus);
        js_buf_release(&slot->hosts);
        js_ending_release(&slot->ending);
    }
    js_endings_free(slots->endings);
    js_buf_release(&slots->scratch);
    js_buf_release(&slots->reaped);
    slots_free_env(slots->start.env);
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

/* ---------------------------------------------------------------- tasks */

/* The must_leave() of the workers: `ns` is how long the calls have taken. */
static bool slots_is_hung(void *arg, int64_t ns)
{
    const struct js_slots *slots = arg;
    return ns >= (slots->hung > 0 ? also_hung_ns : hung_ns);
}

/* Does the work of the slot's job_start, and waits for it. Returns true when it
 * is done, usually at once. If it hangs, the slot keeps the worker, and the
 * environment that this may use; the others get new ones. Work that cannot hang
 * needs no worker, which costs a job about 20 us. */
static bool slots_do(struct js_slots *slots, struct slot *slot,
                     bool (*work)(void *arg), enum slot_state state)
{
    if (state == SLOT_CLOSING ? js_job_start_ends_locally(&slot->start)
                              : js_job_start_is_local(&slot->start))
        return work(&slot->start);
    if (!slots->worker)
        slots->worker = slots->spare_count > 0
                            ? slots->spare[--slots->spare_count]
                            : js_worker_new(slots_is_hung, slots);
    slot->task = (struct js_task){.work = work, .arg = &slot->start};
    js_worker_give(slots->worker, &slot->task);
    if (js_worker_await(slots->worker))
        return true;
    slot->worker = slots->worker;
    slots->worker = NULL;
    slot->state = state;
    slot->is_homeless = false;
    slots->hung++;
    if (state == SLOT_STARTING) {
        slot->env = slots->start.env;
        slots->start.env = NULL;
    }
    return false;
}

/* The task of a hung slot is done. */
static void slots_take_back(struct js_slots *slots, struct slot *slot)
{
    slots->hung--;
    if (slots->worker)
        slots->spare[slots->spare_count++] = slot->worker;
    else
        slots->worker = slot->worker;
    slot->worker = NULL;
    slots_free_env(slot->env);
    slot->env = NULL;
}

/* ---------------------------------------------------------------- the end */

/* Reports the end of the slot's job, whose files are closed. */
static int slots_finished(struct js_slots *slots, struct slot *slot)
{
    const struct js_runner_config *config = slots->means.config;
    const struct js_job_spec *details = &slot->details;
    unsigned long long id = slot->job.id;
    const struct js_job_output_end end = slot->start.end;
    int rescued = slot->start.rescued, rc = 0;
    if (rescued != 0)
        rc = slots_note(
            slots,
            "node %s: the folder %s was removed while job %llu ran: %s%s",
            config->host, config->settings.output_dir, id,
            rescued > 0 ? "its output has been written to a new folder"
                        : "its output is lost: ",
            rescued > 0 ? "" : js_errno_text(slot->start.rescue_error));
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
            config->host, slots->start.output_folder.path, id,
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
    if (js_messages_put_ended(&slots->scratch, slot->job.slot, &slot->outcome) <
        0)
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
    slot->start.reuse = reuse;
    return slots_do(slots, slot, js_job_start_finish, SLOT_CLOSING)
               ? slots_finished(slots, slot)
               : 0;
}

/* ---------------------------------------------------------------- a start */

/* Lets the job wait, because it cannot be started yet. If a folder is gone,
 * this is reported once for all jobs that wait for it here. */
static int note_waiting(struct js_slots *slots, const struct slot *slot,
                        const struct js_spawn_failure *failure,
                        bool is_homeless)
{
    const struct js_runner_config *config = slots->means.config;
    unsigned long long id = slot->job.id;
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
            config->host, slot->start.opening->path, why, id);
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
        (struct js_outcome){.start_unix_ns = slot->start.started_unix_ns};
    js_endings_set_children(slots->endings, true);
    /* This is reported once, until there is room again. */
    bool was_full = slots->is_disk_full;
    slots->is_disk_full = js_job_output_is_in_memory(&slot->start.output);
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
    const struct js_spawn_failure failure = slot->start.failure;
    bool is_homeless = slot->start.is_homeless;
    if (slot->start.restored &&
        slots_note(slots,
                   "node %s: the folder %s was gone and has been created again",
                   config->host, slot->start.restored->path) < 0)
        return -1;
    if (slot->start.pid > 0)
        return slots_note_running(slots, slot);
    int64_t now_ns = js_clock_ns();
    bool late = was_waiting && now_ns >= slot->limit_ns;
    bool is_retried = is_homeless || (js_job_start_may_pass(&slot->start) &&
                                      !late && config->retry_ns > 0);
    if (slot->must_end || (is_retried && slots->is_draining))
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
    if (!slots->start.env && !(slots->start.env = slots_new_env(slots)))
        return -1;
    slot->start.means = &slots->start;
    slot->start.job = &slot->job;
    slot->start.details = &slot->details;
    slot->start.env = slots->start.env;
    slot->must_end = false;
    return slots_do(slots, slot, js_job_start_launch, SLOT_STARTING)
               ? slots_started(slots, slot, was_waiting)
               : 0;
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
    /* The next message replaces this one, so the slot keeps its own copy of the
     * strings and sets. */
    slot->text.len = slot->details_bytes.len = 0;
    if (js_buf_append(&slot->text, job->command, job->len) < 0 ||
        js_buf_append(&slot->details_bytes, job->details, job->details_len) < 0)
        return -1;
    slot->job = *job;
    slot->job.command = js_buf_string(&slot->text);
    slot->job.gpus = js_buf_copy_string(&slot->gpus, job->gpus);
    slot->job.hosts = js_buf_copy_string(&slot->hosts, job->hosts);
    if (job->cpus) {
        slot->cpus = *job->cpus;
        slot->job.cpus = &slot->cpus;
    }
    if (job->numa) {
        slot->numa = *job->numa;
        slot->job.numa = &slot->numa;
    }
    if (!slot->job.command || (job->gpus && !slot->job.gpus) ||
        (job->hosts && !slot->job.hosts) ||
        js_job_spec_unpack(slot->details_bytes.data, job->details_len,
                           &slot->details) < 0)
        return -1;
    return try_to_start(slots, slot);
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
    outcome->run_ns = js_clock_ns() - slot->start.started_ns;
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
    return (struct js_ending_job){.pid = slot->start.pid,
                                  .id = slot->job.id,
                                  .attempt = slot->job.attempt};
}

/* slot: NULL for children that no job is known to have left. */
static int note_unkillable(struct js_slots *slots, const struct slot *slot)
{
    char who[32] = "jobs";
    if (slot)
        snprintf(who, sizeof(who), "job %llu",
                 (unsigned long long)slot->job.id);
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
                           int status, const struct rusage *usage)
{
    set_outcome(slots, slot, status, usage);
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
        /* While the start of a job hung, its process was a stranger. */
        js_endings_reaped(slots->endings, pid);
        if (slot) {
            slots_note_end(slots, slot, child.status, &child.usage);
            continue;
        }
        has_others = true;
        if (slots->hung == 0)
            continue;
        /* A job may end before its start has returned. */
        child.pid = pid;
        child.at_ns = js_clock_ns();
        if (js_buf_append(&slots->reaped, &child, sizeof(child)) < 0)
            return -1;
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
    if (slots->slot[slot].state == SLOT_RUNNING)
        js_ending_ask(&slots->slot[slot].ending, slots->slot[slot].start.pid,
                      JS_STOP_REASON_STOPPED, grace_ns);
    if (slots->slot[slot].state == SLOT_WAITING)
        return slots_give_up_start(slots, &slots->slot[slot]);
    if (slots->slot[slot].state == SLOT_STARTING) {
        slots->slot[slot].must_end = true;
        slots->slot[slot].grace_ns = grace_ns;
    }
    return 0;
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
    int64_t timeout_ns =
        slot->job.timeout_ns > 0 ? slot->job.timeout_ns : slots->limit_ns;
    int64_t at_ns;
    if (slot->state == SLOT_FREE)
        return JS_NEVER_NS;
    if (slot->worker)
        return js_task_is_given(&slot->task) ? js_clock_ns() + slots_look_ns
                                             : 0;
    if (slot->state == SLOT_WAITING)
        return slot->wake_ns;
    if (slot->state == SLOT_ENDING || slot->ending.cause != JS_STOP_REASON_NONE)
        return slot->ending.wake_ns;
    if (timeout_ns <= 0 ||
        __builtin_add_overflow(slot->start.started_ns, timeout_ns, &at_ns))
        return JS_NEVER_NS;
    return at_ns;
}

/* The hung call is over: the job runs, has ended, or could not be started. */
static int slots_go_on(struct js_slots *slots, struct slot *slot)
{
    const struct slots_reaped *reaped = (const void *)slots->reaped.data;
    size_t count = slots->reaped.len / sizeof(*reaped);
    bool was_starting = slot->state == SLOT_STARTING;
    slots_take_back(slots, slot);
    if (!was_starting)
        return slots_finished(slots, slot);
    int rc = slots_started(slots, slot, false);
    for (size_t i = 0; slot->state == SLOT_RUNNING && i < count; i++) {
        if (reaped[i].pid == slot->start.pid &&
            reaped[i].at_ns >= slot->start.started_ns)
            slots_note_end(slots, slot, reaped[i].status, &reaped[i].usage);
    }
    if (slot->state == SLOT_RUNNING && slot->must_end)
        js_ending_ask(&slot->ending, slot->start.pid, JS_STOP_REASON_STOPPED,
                      slot->grace_ns);
    if (slots->hung == 0)
        slots->reaped.len = 0;
    return rc < 0 ? rc : js_slots_reap(slots);
}

int js_slots_tick(struct js_slots *slots)
{
    int64_t now_ns = js_clock_ns();
    for (uint32_t i = 0; i < slots->count; i++) {
        struct slot *slot = &slots->slot[i];
        struct js_ending_job job = ending_job_of(slot);
        int rc = 0;
        if (now_ns < slots_slot_wake_ns(slots, slot))
            continue;
        if (slot->worker)
            rc = slots_go_on(slots, slot);
        else if (slot->state == SLOT_WAITING)
            rc = try_to_start(slots, slot);
        else if (slot->state == SLOT_ENDING)
            rc = slots_settle(
                slots, slot,
                js_endings_wake(slots->endings, &slot->ending, &job, now_ns));
        else if (slot->ending.cause == JS_STOP_REASON_NONE)
            js_ending_ask(&slot->ending, slot->start.pid,
                          JS_STOP_REASON_TIMEOUT,
                          slots->means.config->settings.grace_ns);
        else
            js_ending_kill(&slot->ending, slot->start.pid);
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
