#include "node/runner_jobs.h"

#include "base/clock.h"
#include "node/command.h"
#include "node/runner_env.h"
#include "node/runner_output.h"
#include "node/runner_sweep.h"
#include "node/runner_wire.h"
#include "node/spawn.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

static const int64_t retry_first_ns = 10 * JS_NS_PER_MS;
static const int64_t retry_longest_ns = JS_NS_PER_S;
/* Between two SIGKILLs, and until one that has no effect is given up. */
static const int64_t kill_again_ns = 50 * JS_NS_PER_MS;
static const int64_t unkillable_ns = 10 * JS_NS_PER_S;
/* Until those that could not be told are looked at again. */
static const int64_t look_again_ns = 20 * JS_NS_PER_MS;

enum slot_state { SLOT_FREE = 0, SLOT_WAITING, SLOT_RUNNING, SLOT_ENDING };

struct slot {
    enum slot_state state;
    struct js_runner_job job; /* its strings are in `name` and `text` */
    struct js_buf name;
    struct js_buf text;
    struct js_command command;
    struct js_output output;
    struct js_outcome outcome;
    pid_t pid; /* its process, and its group */
    int64_t started_ns;
    int64_t wake_ns;  /* WAITING, ENDING: when to do something */
    int64_t limit_ns; /* WAITING: of trying; ENDING: of killing. 0: not set */
    int64_t delay_ns; /* WAITING */
    bool fresh;       /* ENDING: nobody was told yet */
    bool killing;     /* ENDING: the grace period is over */
    bool looked;      /* ENDING: strangers were seen once before */
    struct js_pids found;
};

struct js_jobs {
    struct js_jobs_means means;
    struct js_job_env env;
    struct slot *slots;
    uint32_t count;
    struct slot strays; /* ENDING while children of unknown jobs are ended */
    struct js_pids abandoned; /* children that SIGKILL did not end */
    bool has_children;        /* when they were reaped last */
    uint64_t ignored;
    struct js_buf scratch;
};

static void init_slot(struct slot *slot)
{
    js_output_init(&slot->output);
}

static void release_slot(struct slot *slot)
{
    js_output_release(&slot->output);
    js_command_release(&slot->command);
    js_buf_release(&slot->name);
    js_buf_release(&slot->text);
    js_buf_release(&slot->found.list);
}

struct js_jobs *js_jobs_new(const struct js_jobs_means *means)
{
    struct js_jobs *jobs = calloc(1, sizeof(*jobs));
    if (!jobs)
        return NULL;
    jobs->means = *means;
    jobs->slots = calloc(means->config->slots, sizeof(*jobs->slots));
    if (!jobs->slots || js_job_env_init(&jobs->env, means->config) < 0) {
        js_jobs_free(jobs);
        return NULL;
    }
    jobs->count = means->config->slots;
    for (uint32_t i = 0; i < jobs->count; i++)
        init_slot(&jobs->slots[i]);
    init_slot(&jobs->strays);
    jobs->ignored = js_spawn_ignored();
    return jobs;
}

void js_jobs_free(struct js_jobs *jobs)
{
    if (!jobs)
        return;
    int saved = errno;
    for (uint32_t i = 0; i < jobs->count; i++)
        release_slot(&jobs->slots[i]);
    release_slot(&jobs->strays);
    js_buf_release(&jobs->abandoned.list);
    js_buf_release(&jobs->scratch);
    js_job_env_release(&jobs->env);
    free(jobs->slots);
    free(jobs);
    errno = saved;
}

__attribute__((format(printf, 2, 3))) static int note(struct js_jobs *jobs,
                                                      const char *format, ...)
{
    char text[sizeof((struct js_runner_event){0}.text)];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return n < 0 ? 0
                 : js_channel_send(jobs->means.channel, JS_MESSAGE_NOTE, text,
                                   strlen(text), NULL);
}

static struct slot *slot_of(struct js_jobs *jobs, pid_t pid)
{
    for (uint32_t i = 0; i < jobs->count; i++) {
        if (jobs->slots[i].state == SLOT_RUNNING && jobs->slots[i].pid == pid)
            return &jobs->slots[i];
    }
    return NULL;
}

static bool is_idle(const struct js_jobs *jobs)
{
    for (uint32_t i = 0; i < jobs->count; i++) {
        if (jobs->slots[i].state != SLOT_FREE)
            return false;
    }
    return true;
}

static void free_slot(struct slot *slot)
{
    slot->state = SLOT_FREE;
    slot->fresh = false;
    slot->limit_ns = 0;
    slot->found.list.len = 0;
}

static const char *output_folder(const struct js_runner_config *config)
{
    return config->capture == JS_CAPTURE_DIR ? config->output_dir
                                             : config->tmpdir;
}

/* The job could not say so itself: its stderr is on the same disk. */
static int tell_full_disk(struct js_jobs *jobs, const struct slot *slot)
{
    const struct js_runner_config *config = jobs->means.config;
    if (js_outcome_succeeded(&slot->outcome) ||
        !js_output_is_disk_full(&slot->output, config))
        return 0;
    return note(jobs,
                "job %llu failed, and there is no room left in %s: its output "
                "may be cut; make room, or name another folder with %s",
                (unsigned long long)slot->job.id, output_folder(config),
                config->capture == JS_CAPTURE_DIR ? "--output" : "--tmpdir");
}

/* The slot's job is over. `reuse`: nobody can still hold its files. */
static int report(struct js_jobs *jobs, struct slot *slot, bool reuse)
{
    uint64_t bytes[JS_STREAM_COUNT];
    int fds[JS_STREAM_COUNT];
    if (tell_full_disk(jobs, slot) < 0)
        return -1;
    js_output_finish(&slot->output, jobs->means.config, reuse, bytes, fds);
    slot->outcome.out_bytes = bytes[JS_STREAM_OUT];
    slot->outcome.err_bytes = bytes[JS_STREAM_ERR];
    free_slot(slot);
    jobs->scratch.len = 0;
    int rc =
        js_runner_put_ended(&jobs->scratch, slot->job.slot, &slot->outcome);
    /* The descriptors are the channel's even when there is no text. */
    if (js_channel_send(jobs->means.channel, JS_MESSAGE_ENDED,
                        jobs->scratch.data, jobs->scratch.len, fds) < 0)
        rc = -1;
    return rc;
}

static bool is_passing(int error)
{
    return error == EAGAIN || error == ENOMEM || error == EMFILE ||
           error == ENFILE || error == ENOSPC;
}

/* Only a failing exec says ENOENT of the command; a folder is another case. */
static uint32_t exit_code_of(const struct js_spawn_failure *failure)
{
    bool missing = failure->step == JS_STEP_EXEC && failure->error == ENOENT;
    return missing ? 127 : 126;
}

static int tell_refusal(struct js_jobs *jobs, const struct slot *slot,
                        const struct js_spawn_failure *failure)
{
    const struct js_runner_config *config = jobs->means.config;
    const char *hint = js_outcome_hint(failure->step, failure->error);
    return note(jobs,
                "node %s: job %llu cannot be started yet: %s: %s%s%s; trying "
                "again for up to %lld s",
                config->host, (unsigned long long)slot->job.id,
                failure->step == JS_STEP_OUTPUT ? "no file for its output"
                                                : "no process for it",
                js_errno_text(failure->error), hint ? "; " : "",
                hint ? hint : "", (long long)(config->retry_ns / JS_NS_PER_S));
}

static int wait_and_retry(struct js_jobs *jobs, struct slot *slot,
                          const struct js_spawn_failure *failure,
                          int64_t now_ns)
{
    int rc = 0;
    if (slot->state != SLOT_WAITING) {
        slot->state = SLOT_WAITING;
        slot->delay_ns = retry_first_ns;
        slot->limit_ns = now_ns + jobs->means.config->retry_ns;
        rc = tell_refusal(jobs, slot, failure);
    }
    slot->wake_ns = now_ns + slot->delay_ns;
    if (slot->wake_ns > slot->limit_ns)
        slot->wake_ns = slot->limit_ns;
    slot->delay_ns *= 2;
    if (slot->delay_ns > retry_longest_ns)
        slot->delay_ns = retry_longest_ns;
    return rc;
}

/* Opens, prepares and spawns. Returns 0, or -1 with *failure. */
static int launch(struct js_jobs *jobs, struct slot *slot,
                  struct js_spawn_failure *failure)
{
    const struct js_runner_config *config = jobs->means.config;
    struct js_command *command = &slot->command;
    const struct js_cpuset *cpus = &config->slot_cpus[slot->job.slot];

    *failure = (struct js_spawn_failure){JS_STEP_OUTPUT, 0};
    if (js_output_open(&slot->output, config, slot->job.id) < 0)
        goto fail;
    failure->step = JS_STEP_FORK;
    const char *const *envp = js_job_env_of(&jobs->env, config, &slot->job);
    if (!envp ||
        js_command_prepare(command, slot->job.command, jobs->env.path) < 0)
        goto fail;
    bool shell = command->argv[0] &&
                 js_job_env_has_function(&jobs->env, command->argv[0]);
    const struct js_output_file *file = slot->output.file;
    struct js_spawn_spec spec = {
        .programs = shell ? NULL : command->programs,
        .argv = command->argv,
        .shell_argv = command->shell,
        .envp = envp,
        .stdin_fd = jobs->means.null_in,
        .stdout_fd = file[JS_STREAM_OUT].fd,
        .stderr_fd = file[JS_STREAM_ERR].fd,
        .cpus = js_cpuset_count(cpus) > 0 ? cpus : NULL,
        .ignored = &jobs->ignored,
    };
    if (config->capture == JS_CAPTURE_NONE)
        spec.stdout_fd = spec.stderr_fd = jobs->means.null_out;
    slot->outcome = (struct js_outcome){.start_unix_ns = js_clock_unix_ns()};
    slot->started_ns = js_clock_ns();
    return js_spawn(&spec, &slot->pid, failure);
fail:
    failure->error = errno;
    return -1;
}

static int try_to_start(struct js_jobs *jobs, struct slot *slot)
{
    struct js_spawn_failure failure;
    if (launch(jobs, slot, &failure) == 0) {
        slot->state = SLOT_RUNNING;
        slot->limit_ns = 0;
        jobs->has_children = true;
        return 0;
    }
    int64_t now_ns = js_clock_ns();
    bool late = slot->state == SLOT_WAITING && now_ns >= slot->limit_ns;
    if (is_passing(failure.error) && !late && jobs->means.config->retry_ns > 0)
        return wait_and_retry(jobs, slot, &failure, now_ns);
    slot->outcome = (struct js_outcome){
        .start_unix_ns = js_clock_unix_ns(),
        .exit_code = exit_code_of(&failure),
        .step = failure.step,
        .step_errno = failure.error,
    };
    return report(jobs, slot, true);
}

/* Keeps its own copy of the strings. */
static int copy_job(struct slot *slot, const struct js_runner_job *job)
{
    slot->name.len = 0;
    slot->text.len = 0;
    if (js_buf_puts(&slot->name, job->name) < 0 ||
        js_buf_append(&slot->text, job->command, job->len) < 0)
        return -1;
    slot->job = *job;
    slot->job.name = js_buf_string(&slot->name);
    slot->job.command = js_buf_string(&slot->text);
    return slot->job.name && slot->job.command ? 0 : -1;
}

int js_jobs_start(struct js_jobs *jobs, const struct js_runner_job *job)
{
    if (job->slot >= jobs->count || jobs->slots[job->slot].state != SLOT_FREE) {
        errno = EBADMSG;
        return -1;
    }
    /* What is unknown may from now on be this job's. */
    free_slot(&jobs->strays);
    if (copy_job(&jobs->slots[job->slot], job) < 0)
        return -1;
    return try_to_start(jobs, &jobs->slots[job->slot]);
}

static int64_t ns_of(const struct timeval *time)
{
    return (int64_t)time->tv_sec * JS_NS_PER_S +
           (int64_t)time->tv_usec * JS_NS_PER_US;
}

static void set_outcome(struct slot *slot, int status,
                        const struct rusage *usage)
{
    struct js_outcome *outcome = &slot->outcome;
    outcome->run_ns = js_clock_ns() - slot->started_ns;
    outcome->user_cpu_ns = ns_of(&usage->ru_utime);
    outcome->system_cpu_ns = ns_of(&usage->ru_stime);
    outcome->max_rss_bytes = (uint64_t)usage->ru_maxrss * 1024;
    if (WIFSIGNALED(status))
        outcome->signal = (uint32_t)WTERMSIG(status);
    else
        outcome->exit_code = (uint32_t)WEXITSTATUS(status);
}

static bool is_spared(pid_t pid, void *arg)
{
    struct js_jobs *jobs = arg;
    return slot_of(jobs, pid) || js_pids_has(&jobs->abandoned, pid);
}

/* Signals what the slot's job has left. Returns true if there is something;
 * *ret_clean: and nothing that cannot be told. */
static bool sweep(struct js_jobs *jobs, struct slot *slot,
                  struct js_pids *found, bool *ret_clean)
{
    struct js_sweep run = {
        .all = jobs->count == 1 || slot == &jobs->strays,
        .group = slot->pid,
        .id = slot->job.id,
        .attempt = slot->job.attempt,
        .spared = is_spared,
        .arg = jobs,
        .signal = slot->killing ? SIGKILL : SIGTERM,
        .found = found,
    };
    if (js_sweep_run(&run) < 0)
        return true; /* no descriptor for /proc: looked at again in a while */
    *ret_clean = run.strangers == 0;
    return run.left > 0;
}

static void start_ending(struct js_jobs *jobs, struct slot *slot)
{
    int64_t now_ns = js_clock_ns();
    slot->state = SLOT_ENDING;
    slot->fresh = false;
    slot->killing = false;
    slot->looked = false;
    slot->wake_ns = now_ns + jobs->means.config->grace_ns;
    slot->limit_ns = slot->wake_ns + unkillable_ns;
    if (slot->pid > 0) {
        /* Its leader was reaped only now, so the number is not used again. */
        kill(-slot->pid, SIGTERM);
        kill(-slot->pid, SIGCONT);
    }
}

static int finish_ending(struct js_jobs *jobs, struct slot *slot, bool clean)
{
    if (slot != &jobs->strays)
        return report(jobs, slot, clean && jobs->abandoned.list.len == 0);
    free_slot(slot);
    return 0;
}

/* Looks whether an ENDING slot is done. */
static int settle(struct js_jobs *jobs, struct slot *slot)
{
    bool clean = false;
    if (!jobs->has_children)
        return finish_ending(jobs, slot, true);
    if (slot->fresh)
        start_ending(jobs, slot);
    if (sweep(jobs, slot, &slot->found, &clean))
        return 0;
    if (clean || slot->looked)
        return finish_ending(jobs, slot, clean);
    slot->looked = true;
    slot->wake_ns = js_clock_ns() + look_again_ns;
    return 0;
}

static int give_up(struct js_jobs *jobs, struct slot *slot)
{
    bool clean;
    if (!sweep(jobs, slot, &jobs->abandoned, &clean))
        return finish_ending(jobs, slot, false);
    if (note(jobs,
             "node %s: processes that job %llu left behind do not end, not "
             "even by SIGKILL; no longer waiting for them",
             jobs->means.config->host, (unsigned long long)slot->job.id) < 0)
        return -1;
    return finish_ending(jobs, slot, false);
}

static int wake_ending(struct js_jobs *jobs, struct slot *slot, int64_t now_ns)
{
    int64_t grace_end_ns = slot->limit_ns - unkillable_ns;
    if (now_ns < grace_end_ns) {
        slot->wake_ns = grace_end_ns;
        return settle(jobs, slot);
    }
    slot->killing = true;
    slot->wake_ns = now_ns + kill_again_ns;
    if (now_ns >= slot->limit_ns)
        return give_up(jobs, slot);
    return settle(jobs, slot);
}

/* Ends the children that no job is known to have left, when no job runs. */
static int start_strays(struct js_jobs *jobs)
{
    struct slot *strays = &jobs->strays;
    if (jobs->count == 1 || strays->state != SLOT_FREE || !jobs->has_children ||
        !is_idle(jobs))
        return 0;
    strays->state = SLOT_ENDING;
    strays->fresh = true;
    return settle(jobs, strays);
}

/* Reaps what has ended. Returns true if any of it was no job's own process. */
static bool reap_children(struct js_jobs *jobs)
{
    bool others = false;
    struct rusage usage;
    int status;
    pid_t pid;
    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        struct slot *slot = slot_of(jobs, pid);
        if (slot) {
            set_outcome(slot, status, &usage);
            slot->state = SLOT_ENDING;
            slot->fresh = true;
            slot->wake_ns = JS_NEVER_NS;
        } else {
            others = true;
            js_pids_remove(&jobs->abandoned, pid);
        }
    }
    jobs->has_children = pid == 0;
    return others;
}

int js_jobs_reap(struct js_jobs *jobs)
{
    bool others = reap_children(jobs);
    for (uint32_t i = 0; i <= jobs->count; i++) {
        struct slot *slot = i < jobs->count ? &jobs->slots[i] : &jobs->strays;
        bool look = slot->fresh || others || !jobs->has_children;
        if (slot->state == SLOT_ENDING && look && settle(jobs, slot) < 0)
            return -1;
    }
    return start_strays(jobs);
}

static int wake(struct js_jobs *jobs, struct slot *slot, int64_t now_ns)
{
    if (slot->state == SLOT_WAITING && now_ns >= slot->wake_ns)
        return try_to_start(jobs, slot);
    if (slot->state == SLOT_ENDING && now_ns >= slot->wake_ns)
        return wake_ending(jobs, slot, now_ns);
    return 0;
}

int js_jobs_tick(struct js_jobs *jobs)
{
    int64_t now_ns = js_clock_ns();
    for (uint32_t i = 0; i < jobs->count; i++) {
        if (wake(jobs, &jobs->slots[i], now_ns) < 0)
            return -1;
    }
    if (wake(jobs, &jobs->strays, now_ns) < 0)
        return -1;
    return start_strays(jobs);
}

int64_t js_jobs_wake_ns(const struct js_jobs *jobs)
{
    int64_t first_ns = JS_NEVER_NS;
    for (uint32_t i = 0; i <= jobs->count; i++) {
        const struct slot *slot =
            i < jobs->count ? &jobs->slots[i] : &jobs->strays;
        bool waits = slot->state == SLOT_WAITING || slot->state == SLOT_ENDING;
        if (waits && slot->wake_ns < first_ns)
            first_ns = slot->wake_ns;
    }
    return first_ns;
}
