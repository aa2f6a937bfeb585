#include "runner/slots.h"

#include "base/clock.h"
#include "node/direct_exec.h"
#include "node/memory.h"
#include "node/spawn.h"
#include "runner/job_env.h"
#include "runner/job_files.h"
#include "runner/job_folder.h"
#include "runner/job_hostfile.h"
#include "runner/job_output.h"
#include "runner/leftovers.h"
#include "runner/messages.h"

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
static const int64_t leftover_grace_most_ns = 500 * JS_NS_PER_MS;
static const int64_t unkillable_ns = 10 * JS_NS_PER_S;
/* Until those that could not be told are looked at again. */
static const int64_t look_again_ns = 20 * JS_NS_PER_MS;

enum slot_state { SLOT_FREE = 0, SLOT_WAITING, SLOT_RUNNING, SLOT_ENDING };

enum { RUN_TIME_WEIGHT = 8 }; /* the average follows the last eight or so */

struct slot {
    enum slot_state state;
    uint64_t number; /* of its job, as they were started */
    uint64_t freed;  /* FREE: how many slots had been freed before it */
    struct js_runner_job job; /* its strings and sets are in the next five */
    struct js_buf text;
    struct js_buf details_bytes;
    struct js_buf gpus, hosts;
    struct js_cpuset cpus, numa;
    struct js_job_spec details;
    struct js_direct_exec command;
    struct js_job_output output;
    char *hostfile; /* its path; NULL: none */
    struct js_outcome outcome;
    pid_t pid; /* its process, and its group */
    int64_t started_ns;
    enum js_stop_reason cause; /* RUNNING: why it was told to end, if it was */
    int64_t wake_ns;  /* WAITING, ENDING: when to do something; RUNNING and told
                         to end: when to kill it, JS_NEVER_NS: that is done */
    int64_t limit_ns; /* WAITING: of trying; ENDING: of killing. 0: not set */
    int64_t delay_ns; /* WAITING */
    bool is_homeless; /* WAITING: for a folder that is gone */
    const struct js_job_folder *opening; /* own: in which it is to get a file */
    bool fresh;                          /* ENDING: nobody was told yet */
    bool killing;                        /* ENDING: the grace period is over */
    bool looked; /* ENDING: strangers were seen once before */
    struct js_pids found;
};

/* A child that some other job has left than the one whose end was the occasion
 * to look: one of those that ran when it was first seen, or that had ended. */
struct stranger {
    pid_t pid;
    uint64_t seen; /* the last job that had been started by then */
};

struct js_slots {
    struct js_slots_means means;
    struct js_job_env env;
    struct slot *slots;
    uint32_t count;
    struct js_job_folder output_folder, tmpdir;
    struct slot strays; /* ENDING while children of unknown jobs are ended */
    struct js_buf strangers;  /* struct stranger, several slots only */
    uint64_t started;         /* jobs, so far */
    struct js_pids abandoned; /* children that SIGKILL did not end */
    bool has_children;        /* when they were reaped last */
    bool is_draining;         /* nobody waits to be started any more */
    bool is_disk_full;        /* there was no room for output, last */
    uint64_t ignored;
    int64_t limit_ns; /* of jobs without a timeout of their own; 0: none */
    int64_t run_ns;   /* a moving average */
    uint64_t freed;   /* slots, so far */
    struct js_oom_counter oom;
    uint64_t ooms; /* that were seen */
    struct js_buf scratch;
};

static const char *output_folder(const struct js_runner_config *config)
{
    return config->settings.capture == JS_CAPTURE_DIR
               ? config->settings.output_dir
               : config->settings.tmpdir;
}

static void init_slot(struct slot *slot)
{
    js_job_output_init(&slot->output);
}

static void release_slot(struct slot *slot)
{
    js_job_output_release(&slot->output);
    js_job_hostfile_remove(&slot->hostfile);
    js_direct_exec_release(&slot->command);
    js_buf_release(&slot->text);
    js_buf_release(&slot->details_bytes);
    js_buf_release(&slot->gpus);
    js_buf_release(&slot->hosts);
    js_buf_release(&slot->found.list);
}

struct js_slots *js_slots_new(const struct js_slots_means *means)
{
    struct js_slots *jobs = calloc(1, sizeof(*jobs));
    if (!jobs)
        return NULL;
    jobs->means = *means;
    js_oom_counter_open(&jobs->oom, "");
    jobs->ooms = js_oom_counter_read(&jobs->oom);
    jobs->slots = calloc(means->config->slots, sizeof(*jobs->slots));
    if (!jobs->slots || js_job_env_init(&jobs->env, means->config) < 0) {
        js_slots_free(jobs);
        return NULL;
    }
    jobs->count = means->config->slots;
    for (uint32_t i = 0; i < jobs->count; i++)
        init_slot(&jobs->slots[i]);
    init_slot(&jobs->strays);
    jobs->ignored = js_spawn_ignored();
    js_job_folder_note(&jobs->output_folder, output_folder(means->config));
    js_job_folder_note(&jobs->tmpdir, means->config->settings.tmpdir);
    return jobs;
}

void js_slots_free(struct js_slots *jobs)
{
    if (!jobs)
        return;
    int saved = errno;
    for (uint32_t i = 0; i < jobs->count; i++)
        release_slot(&jobs->slots[i]);
    release_slot(&jobs->strays);
    js_buf_release(&jobs->abandoned.list);
    js_buf_release(&jobs->strangers);
    js_buf_release(&jobs->scratch);
    js_job_env_release(&jobs->env);
    js_oom_counter_close(&jobs->oom);
    free(jobs->slots);
    free(jobs);
    errno = saved;
}

__attribute__((format(printf, 2, 3))) static int
slots_note(struct js_slots *jobs, const char *format, ...)
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

static struct slot *slots_slot_of(struct js_slots *jobs, pid_t pid)
{
    for (uint32_t i = 0; i < jobs->count; i++) {
        if (jobs->slots[i].state == SLOT_RUNNING && jobs->slots[i].pid == pid)
            return &jobs->slots[i];
    }
    return NULL;
}

static bool is_idle(const struct js_slots *jobs)
{
    for (uint32_t i = 0; i < jobs->count; i++) {
        if (jobs->slots[i].state != SLOT_FREE)
            return false;
    }
    return true;
}

static void slots_free_slot(struct slot *slot)
{
    slot->state = SLOT_FREE;
    slot->fresh = false;
    slot->limit_ns = 0;
    slot->is_homeless = false;
    slot->cause = JS_STOP_REASON_NONE;
    slot->found.list.len = 0;
}

/* A stream with a file of its own is the job's concern. */
static bool may_be_cut(const struct slot *slot,
                       const struct js_job_output_end *end)
{
    return (end->may_be_cut[JS_STREAM_OUT] && !slot->details.stdout_path) ||
           (end->may_be_cut[JS_STREAM_ERR] && !slot->details.stderr_path);
}

/* The job could not say so itself: its stderr is on the same disk. Nor is a
 * success one of all that it wrote (`echo x; true`). */
static int look_for_room(struct js_slots *jobs, struct slot *slot,
                         const struct js_job_output_end *end)
{
    const struct js_runner_config *config = jobs->means.config;
    if (!may_be_cut(slot, end))
        return 0;
    if (js_outcome_succeeded(&slot->outcome)) {
        slot->outcome.step = JS_STEP_COLLECT;
        slot->outcome.step_errno = ENOSPC;
        slot->outcome.exit_code = 126;
    }
    return slots_note(
        jobs,
        "node %s: there is no room left in %s, and what job %llu has "
        "written there may be cut; make room, or name another folder "
        "with %s",
        config->host, output_folder(config), (unsigned long long)slot->job.id,
        config->settings.capture == JS_CAPTURE_DIR ? "--output" : "--tmpdir");
}

/* Said once until there is room again. */
static int say_in_memory(struct js_slots *jobs, const struct slot *slot)
{
    const struct js_runner_config *config = jobs->means.config;
    bool was_full = jobs->is_disk_full;
    jobs->is_disk_full = js_job_output_is_in_memory(&slot->output);
    if (!jobs->is_disk_full || was_full)
        return 0;
    return slots_note(
        jobs,
        "node %s: there is no room left in %s: what jobs write is kept "
        "in memory; make room, or name another folder with --tmpdir",
        config->host, config->settings.tmpdir);
}

static int rescue_output(struct js_slots *jobs, struct slot *slot)
{
    const struct js_runner_config *config = jobs->means.config;
    int rc = js_job_output_rescue(&slot->output, config, &jobs->output_folder,
                                  slot->job.id);
    if (rc == 0)
        return 0;
    return slots_note(
        jobs, "node %s: the folder %s was removed while job %llu ran: %s%s",
        config->host, config->settings.output_dir,
        (unsigned long long)slot->job.id,
        rc > 0 ? "what it has written stands in a new one"
               : "what it has written is lost: ",
        rc > 0 ? "" : js_errno_text(errno));
}

/* The slot's job is over. `reuse`: nobody can still hold its files. */
static int slots_report(struct js_slots *jobs, struct slot *slot, bool reuse)
{
    struct js_job_output_end end;
    int rc = rescue_output(jobs, slot);
    js_job_output_finish(&slot->output, jobs->means.config, reuse, &end);
    slot->outcome.out_bytes = end.bytes[JS_STREAM_OUT];
    slot->outcome.err_bytes = end.bytes[JS_STREAM_ERR];
    if (look_for_room(jobs, slot, &end) < 0)
        rc = -1;
    js_job_hostfile_remove(&slot->hostfile);
    slots_free_slot(slot);
    slot->freed = jobs->freed++;
    jobs->scratch.len = 0;
    if (js_messages_put_ended(&jobs->scratch, slot->job.slot, &slot->outcome) <
        0)
        rc = -1;
    /* The descriptors are the channel's even when there is no text. */
    if (js_channel_send(jobs->means.channel, JS_MESSAGE_ENDED,
                        jobs->scratch.data, jobs->scratch.len, end.fds) < 0)
        rc = -1;
    return rc;
}

/* A passing lack of something, so that the start may be tried again. */
static bool is_passing(const struct slot *slot,
                       const struct js_spawn_failure *failure)
{
    int error = failure->error;
    bool is_own_limit = failure->step == JS_STEP_EXEC && error == ENOMEM &&
                        slot->job.data_limit_bytes > 0;
    if (is_own_limit)
        return false;
    return error == EAGAIN || error == ENOMEM || error == EMFILE ||
           error == ENFILE || error == ENOSPC;
}

/* Only a failing exec says ENOENT of the command; a folder is another case. */
static uint32_t exit_code_of(const struct js_spawn_failure *failure)
{
    bool missing = failure->step == JS_STEP_EXEC && failure->error == ENOENT;
    return missing ? 127 : 126;
}

static int tell_refusal(struct js_slots *jobs, const struct slot *slot,
                        const struct js_spawn_failure *failure)
{
    const struct js_runner_config *config = jobs->means.config;
    const char *hint = js_outcome_hint(failure->step, failure->error);
    return slots_note(
        jobs,
        "node %s: job %llu cannot be started yet: %s: %s%s%s; trying "
        "again for up to %lld s",
        config->host, (unsigned long long)slot->job.id,
        failure->step == JS_STEP_OUTPUT ? "no file for its output"
                                        : "no process for it",
        js_errno_text(failure->error), hint ? "; " : "", hint ? hint : "",
        (long long)(config->retry_ns / JS_NS_PER_S));
}

static bool is_any_homeless(const struct js_slots *jobs)
{
    for (uint32_t i = 0; i < jobs->count; i++) {
        if (jobs->slots[i].is_homeless)
            return true;
    }
    return false;
}

/* Once for all jobs that wait for it here. */
static int tell_homeless(struct js_slots *jobs, const struct slot *slot,
                         const struct js_spawn_failure *failure)
{
    if (is_any_homeless(jobs))
        return 0;
    return slots_note(
        jobs,
        "node %s: the folder %s is gone, and cannot be made anew: %s; "
        "job %llu, and whatever needs it, waits until it is there",
        jobs->means.config->host, slot->opening->path,
        js_errno_text(failure->error), (unsigned long long)slot->job.id);
}

static int begin_wait(struct js_slots *jobs, struct slot *slot,
                      const struct js_spawn_failure *failure, bool is_homeless,
                      int64_t now_ns)
{
    int rc = is_homeless ? tell_homeless(jobs, slot, failure)
                         : tell_refusal(jobs, slot, failure);
    slot->state = SLOT_WAITING;
    slot->is_homeless = is_homeless;
    slot->delay_ns = retry_first_ns;
    slot->limit_ns =
        is_homeless ? JS_NEVER_NS : now_ns + jobs->means.config->retry_ns;
    return rc;
}

static int wait_and_retry(struct js_slots *jobs, struct slot *slot,
                          const struct js_spawn_failure *failure,
                          bool is_homeless, int64_t now_ns)
{
    int rc = 0;
    if (slot->state != SLOT_WAITING || slot->is_homeless != is_homeless)
        rc = begin_wait(jobs, slot, failure, is_homeless, now_ns);
    slot->wake_ns = now_ns + slot->delay_ns;
    if (slot->wake_ns > slot->limit_ns)
        slot->wake_ns = slot->limit_ns;
    slot->delay_ns *= 2;
    if (slot->delay_ns > retry_longest_ns)
        slot->delay_ns = retry_longest_ns;
    return rc;
}

/* What the job is bound to, or NULL. */
static const struct js_cpuset *cpus_of(const struct js_slots *jobs,
                                       const struct slot *slot)
{
    const struct js_cpuset *cpus =
        slot->job.cpus ? slot->job.cpus
                       : &jobs->means.config->slot_cpus[slot->job.slot];
    return js_cpuset_count(cpus) > 0 ? cpus : NULL;
}

static int fd_or(int fd, int other)
{
    return fd >= 0 ? fd : other;
}

static void slots_set_stdio(const struct js_slots *jobs,
                            const struct slot *slot,
                            const struct js_job_files *files,
                            struct js_spawn_spec *spec)
{
    const struct js_job_output_file *file = slot->output.file;
    bool is_dropped = jobs->means.config->settings.capture == JS_CAPTURE_NONE;
    int out = is_dropped ? jobs->means.null_out : file[JS_STREAM_OUT].fd;
    int err = is_dropped ? jobs->means.null_out : file[JS_STREAM_ERR].fd;
    spec->stdin_fd = fd_or(files->fd[0], jobs->means.null_in);
    spec->stdout_fd = fd_or(files->fd[1], out);
    spec->stderr_fd = fd_or(files->fd[2], err);
}

static int spawn(struct js_slots *jobs, struct slot *slot,
                 const struct js_job_files *files, const char *const *envp,
                 struct js_spawn_failure *failure)
{
    struct js_direct_exec *command = &slot->command;
    bool shell = command->argv[0] &&
                 js_job_env_has_function(&jobs->env, command->argv[0]);
    struct js_spawn_spec spec = {
        .programs = shell ? NULL : command->programs,
        .argv = command->argv,
        .shell_argv = command->shell,
        .envp = envp,
        .dir = slot->details.dir,
        .cpus = cpus_of(jobs, slot),
        .numa = slot->job.numa,
        .data_limit_bytes = slot->job.data_limit_bytes,
        .ignored = &jobs->ignored,
    };
    slots_set_stdio(jobs, slot, files, &spec);
    slot->outcome = (struct js_outcome){.start_unix_ns = js_clock_unix_ns()};
    slot->started_ns = js_clock_ns();
    return js_spawn(&spec, &slot->pid, failure);
}

/* A job that is tried again may have it from the time before. */
static int write_hostfile(const struct js_slots *jobs, struct slot *slot)
{
    if (slot->job.hosts && !slot->hostfile)
        slot->hostfile =
            js_job_hostfile_write(jobs->means.config->settings.tmpdir,
                                  slot->job.hosts, slot->job.cores);
    return slot->job.hosts && !slot->hostfile ? -1 : 0;
}

/* Opens, prepares and spawns. Returns 0, or -1 with *failure. */
static int slots_launch(struct js_slots *jobs, struct slot *slot,
                        struct js_spawn_failure *failure)
{
    const struct js_runner_config *config = jobs->means.config;
    struct js_job_files files;

    *failure = (struct js_spawn_failure){JS_STEP_OUTPUT, 0};
    slot->opening = &jobs->output_folder;
    if (js_job_output_open(&slot->output, config, slot->job.id) < 0)
        goto fail;
    failure->step = JS_STEP_HOSTFILE;
    slot->opening = &jobs->tmpdir;
    if (write_hostfile(jobs, slot) < 0)
        goto fail;
    failure->step = JS_STEP_FORK;
    slot->opening = NULL;
    const char *const *envp = js_job_env_of(&jobs->env, config, &slot->job,
                                            &slot->details, slot->hostfile);
    if (!envp ||
        js_direct_exec_prepare(&slot->command, slot->job.command,
                               js_job_env_path(&jobs->env, &slot->details)) < 0)
        goto fail;
    if (js_job_files_open(&files, &slot->details, failure) < 0)
        return -1;
    int rc = spawn(jobs, slot, &files, envp, failure);
    js_job_files_close(&files);
    return rc;
fail:
    failure->error = errno;
    return -1;
}

/* It has not been started, and will not be. */
static int slots_give_up_start(struct js_slots *jobs, struct slot *slot)
{
    slot->outcome = (struct js_outcome){.start_unix_ns = js_clock_unix_ns(),
                                        .cause = JS_STOP_REASON_STOPPED};
    return slots_report(jobs, slot, true);
}

/* Where a file of ours could not be made: makes its folder anew if that is
 * gone. */
static enum js_job_folder_state
slots_look_at_folder(const struct slot *slot, struct js_spawn_failure *failure)
{
    if (!slot->opening || is_passing(slot, failure))
        return JS_JOB_FOLDER_FINE;
    enum js_job_folder_state state = js_job_folder_restore(slot->opening);
    if (state == JS_JOB_FOLDER_GONE)
        failure->error = errno;
    return state;
}

/* The same, and once more if there is a new folder. A folder of ours that went
 * is no fault of the job's. 0, or -1 with *failure. */
static int launch_somewhere(struct js_slots *jobs, struct slot *slot,
                            struct js_spawn_failure *failure,
                            bool *ret_is_homeless)
{
    enum js_job_folder_state state = JS_JOB_FOLDER_FINE;
    int rc = slots_launch(jobs, slot, failure);
    if (rc < 0)
        state = slots_look_at_folder(slot, failure);
    if (state == JS_JOB_FOLDER_THERE &&
        slots_note(jobs,
                   "node %s: the folder %s was gone, and has been made anew",
                   jobs->means.config->host, slot->opening->path) < 0)
        return -1;
    /* Another slave, or slot, may have made it in between. */
    if (rc < 0 && slot->opening && state != JS_JOB_FOLDER_GONE &&
        failure->error == ENOENT)
        rc = slots_launch(jobs, slot, failure);
    *ret_is_homeless = state == JS_JOB_FOLDER_GONE;
    return rc;
}

static int try_to_start(struct js_slots *jobs, struct slot *slot)
{
    struct js_spawn_failure failure;
    bool is_homeless = false;
    if (launch_somewhere(jobs, slot, &failure, &is_homeless) == 0) {
        slot->state = SLOT_RUNNING;
        slot->limit_ns = 0;
        slot->is_homeless = false;
        slot->wake_ns = JS_NEVER_NS;
        jobs->has_children = true;
        return say_in_memory(jobs, slot);
    }
    int64_t now_ns = js_clock_ns();
    bool late = slot->state == SLOT_WAITING && now_ns >= slot->limit_ns;
    bool is_retried = is_homeless || (is_passing(slot, &failure) && !late &&
                                      jobs->means.config->retry_ns > 0);
    if (is_retried && jobs->is_draining)
        return slots_give_up_start(jobs, slot);
    if (is_retried)
        return wait_and_retry(jobs, slot, &failure, is_homeless, now_ns);
    slot->outcome = (struct js_outcome){
        .start_unix_ns = js_clock_unix_ns(),
        .exit_code = exit_code_of(&failure),
        .step = failure.step,
        .step_errno = failure.error,
    };
    return slots_report(jobs, slot, true);
}

static const struct js_cpuset *copy_set(struct js_cpuset *to,
                                        const struct js_cpuset *from)
{
    if (from)
        *to = *from;
    return from ? to : NULL;
}

/* NULL for NULL, and when there is no memory. */
static const char *slots_copy_string(struct js_buf *to, const char *from)
{
    to->len = 0;
    return from && js_buf_puts(to, from) == 0 ? js_buf_string(to) : NULL;
}

/* Keeps its own copy of the strings and sets. */
static int copy_job(struct slot *slot, const struct js_runner_job *job)
{
    slot->text.len = slot->details_bytes.len = 0;
    if (js_buf_append(&slot->text, job->command, job->len) < 0 ||
        js_buf_append(&slot->details_bytes, job->details, job->details_len) < 0)
        return -1;
    slot->job = *job;
    slot->job.command = js_buf_string(&slot->text);
    slot->job.gpus = slots_copy_string(&slot->gpus, job->gpus);
    slot->job.hosts = slots_copy_string(&slot->hosts, job->hosts);
    slot->job.cpus = copy_set(&slot->cpus, job->cpus);
    slot->job.numa = copy_set(&slot->numa, job->numa);
    if (!slot->job.command || (job->gpus && !slot->job.gpus) ||
        (job->hosts && !slot->job.hosts))
        return -1;
    return js_job_spec_unpack(slot->details_bytes.data, job->details_len,
                              &slot->details);
}

int js_slots_start(struct js_slots *jobs, const struct js_runner_job *job)
{
    if (job->slot >= jobs->count || jobs->slots[job->slot].state != SLOT_FREE) {
        errno = EBADMSG;
        return -1;
    }
    jobs->slots[job->slot].number = ++jobs->started;
    if (copy_job(&jobs->slots[job->slot], job) < 0)
        return -1;
    return try_to_start(jobs, &jobs->slots[job->slot]);
}

bool js_slots_free_slot(const struct js_slots *jobs, uint32_t *ret)
{
    const struct slot *first = NULL;
    for (uint32_t i = 0; i < jobs->count; i++) {
        const struct slot *slot = &jobs->slots[i];
        if (slot->state == SLOT_FREE && (!first || slot->freed < first->freed))
            first = slot;
    }
    if (first)
        *ret = (uint32_t)(first - jobs->slots);
    return first != NULL;
}

int64_t js_slots_run_ns(const struct js_slots *jobs)
{
    return jobs->run_ns;
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
    outcome->cause = slot->cause;
    if (WIFSIGNALED(status))
        outcome->signal = (uint32_t)WTERMSIG(status);
    else
        outcome->exit_code = (uint32_t)WEXITSTATUS(status);
}

/* The count is of all in our cgroup, so the first job that was killed since it
 * grew is taken for the one that was meant. Read only after such an end. */
static void look_for_oom(struct js_slots *jobs, struct js_outcome *outcome)
{
    enum { SHELL_SAYS_KILLED = 128 + SIGKILL };
    if (outcome->cause != JS_STOP_REASON_NONE ||
        (outcome->signal != SIGKILL && outcome->exit_code != SHELL_SAYS_KILLED))
        return;
    uint64_t ooms = js_oom_counter_read(&jobs->oom);
    if (ooms > jobs->ooms)
        outcome->cause = JS_STOP_REASON_MEMORY;
    jobs->ooms = ooms;
}

static bool is_spared(pid_t pid, void *arg)
{
    struct js_slots *jobs = arg;
    return slots_slot_of(jobs, pid) || js_pids_has(&jobs->abandoned, pid);
}

/* ------------------------------------------------ strangers */

static struct stranger *stranger_at(const struct js_slots *jobs, size_t i)
{
    return (struct stranger *)(void *)jobs->strangers.data + i;
}

static size_t stranger_count(const struct js_slots *jobs)
{
    return jobs->strangers.len / sizeof(struct stranger);
}

/* The one of that pid, or NULL. */
static struct stranger *find_stranger(const struct js_slots *jobs, pid_t pid)
{
    for (size_t i = 0; i < stranger_count(jobs); i++) {
        if (stranger_at(jobs, i)->pid == pid)
            return stranger_at(jobs, i);
    }
    return NULL;
}

static void forget_stranger(struct js_slots *jobs, pid_t pid)
{
    struct stranger *stranger = find_stranger(jobs, pid);
    if (!stranger)
        return;
    *stranger = *stranger_at(jobs, stranger_count(jobs) - 1);
    jobs->strangers.len -= sizeof(*stranger);
}

/* Whether all jobs have ended whose it may be. */
static bool is_stranger_due(const struct js_slots *jobs,
                            const struct stranger *stranger)
{
    for (uint32_t i = 0; i < jobs->count; i++) {
        const struct slot *slot = &jobs->slots[i];
        bool is_on = slot->state == SLOT_RUNNING || slot->state == SLOT_WAITING;
        if (is_on && slot->number <= stranger->seen)
            return false;
    }
    return true;
}

/* Without memory for it, it is seen for the first time once more. */
static bool note_stranger(pid_t pid, void *arg)
{
    struct js_slots *jobs = arg;
    if (!find_stranger(jobs, pid))
        js_buf_append(&jobs->strangers, &(struct stranger){pid, jobs->started},
                      sizeof(struct stranger));
    return false;
}

/* Of those that are known. */
static bool is_due(pid_t pid, void *arg)
{
    struct js_slots *jobs = arg;
    const struct stranger *stranger = find_stranger(jobs, pid);
    return stranger && is_stranger_due(jobs, stranger);
}

static bool is_any_due(const struct js_slots *jobs)
{
    for (size_t i = 0; i < stranger_count(jobs); i++) {
        if (is_stranger_due(jobs, stranger_at(jobs, i)))
            return true;
    }
    return false;
}

/* Signals what the slot's job has left. Returns true if there is something;
 * *ret_clean: and nothing that cannot be told. */
static bool sweep(struct js_slots *jobs, struct slot *slot,
                  struct js_pids *found, bool *ret_clean)
{
    struct js_leftovers run = {
        .all = jobs->count == 1,
        .group = slot->pid,
        .run = jobs->means.config->settings.run_id,
        .id = slot->job.id,
        .attempt = slot->job.attempt,
        .spared = is_spared,
        .strange = slot == &jobs->strays ? is_due : note_stranger,
        .arg = jobs,
        .signal = slot->killing ? SIGKILL : SIGTERM,
        .found = found,
    };
    if (js_leftovers_run(&run) < 0)
        return true; /* no descriptor for /proc: looked at again in a while */
    *ret_clean = run.strangers == 0;
    return run.left > 0;
}

/* Shorter than that of a job that is to end in good order: its slot waits. */
static int64_t leftover_grace_ns(const struct js_slots *jobs)
{
    int64_t grace_ns = jobs->means.config->settings.grace_ns;
    return grace_ns < leftover_grace_most_ns ? grace_ns
                                             : leftover_grace_most_ns;
}

static void start_ending(struct js_slots *jobs, struct slot *slot)
{
    int64_t now_ns = js_clock_ns();
    slot->state = SLOT_ENDING;
    slot->fresh = false;
    slot->killing = false;
    slot->looked = false;
    slot->wake_ns = now_ns + leftover_grace_ns(jobs);
    slot->limit_ns = slot->wake_ns + unkillable_ns;
}

/* Once those of it that are our children are counted. Its leader was reaped
 * only now, so the number is not used again. */
static void tell_group(const struct slot *slot)
{
    if (slot->pid <= 0)
        return;
    kill(-slot->pid, SIGTERM);
    kill(-slot->pid, SIGCONT);
}

/* What was seen of it after its own end. One that was ended itself had no time
 * to wait for the others. */
static void count_leftovers(struct slot *slot)
{
    if (slot->cause == JS_STOP_REASON_NONE)
        slot->outcome.leftovers =
            (uint32_t)(slot->found.list.len / sizeof(pid_t));
}

static int finish_ending(struct js_slots *jobs, struct slot *slot, bool clean)
{
    count_leftovers(slot);
    if (slot != &jobs->strays)
        return slots_report(jobs, slot, clean && jobs->abandoned.list.len == 0);
    slots_free_slot(slot);
    return 0;
}

/* Looks whether an ENDING slot is done. */
static int slots_settle(struct js_slots *jobs, struct slot *slot)
{
    bool clean = false;
    if (!jobs->has_children)
        return finish_ending(jobs, slot, true);
    if (jobs->means.config->settings.allow_leftovers)
        return finish_ending(jobs, slot, false);
    bool is_first = slot->fresh;
    if (is_first)
        start_ending(jobs, slot);
    bool is_left = sweep(jobs, slot, &slot->found, &clean);
    if (is_first)
        tell_group(slot);
    if (is_left)
        return 0;
    if (clean || slot->looked)
        return finish_ending(jobs, slot, clean);
    slot->looked = true;
    slot->wake_ns = js_clock_ns() + look_again_ns;
    return 0;
}

static int give_up(struct js_slots *jobs, struct slot *slot)
{
    bool clean;
    if (!sweep(jobs, slot, &jobs->abandoned, &clean))
        return finish_ending(jobs, slot, false);
    if (slots_note(
            jobs,
            "node %s: processes that job %llu left behind do not end, not "
            "even by SIGKILL; no longer waiting for them",
            jobs->means.config->host, (unsigned long long)slot->job.id) < 0)
        return -1;
    return finish_ending(jobs, slot, false);
}

static int wake_ending(struct js_slots *jobs, struct slot *slot, int64_t now_ns)
{
    int64_t grace_end_ns = slot->limit_ns - unkillable_ns;
    if (now_ns < grace_end_ns) {
        slot->wake_ns = grace_end_ns;
        return slots_settle(jobs, slot);
    }
    slot->killing = true;
    slot->wake_ns = now_ns + kill_again_ns;
    if (now_ns >= slot->limit_ns)
        return give_up(jobs, slot);
    return slots_settle(jobs, slot);
}

/* With no job there is nobody whose they might be. */
static int look_for_strangers(struct js_slots *jobs)
{
    struct js_leftovers run = {.run = jobs->means.config->settings.run_id,
                               .group = -1,
                               .spared = is_spared,
                               .strange = note_stranger,
                               .arg = jobs,
                               .signal = 0,
                               .found = &jobs->strays.found};
    return js_leftovers_run(&run);
}

/* Ends the children that no job is known to have left, when all jobs have ended
 * whose they may be. */
static int start_strays(struct js_slots *jobs)
{
    struct slot *strays = &jobs->strays;
    if (jobs->count == 1 || jobs->means.config->settings.allow_leftovers ||
        strays->state != SLOT_FREE || !jobs->has_children)
        return 0;
    if (is_idle(jobs))
        look_for_strangers(jobs); /* no descriptor: the next time */
    if (!is_any_due(jobs))
        return 0;
    strays->state = SLOT_ENDING;
    strays->fresh = true;
    return slots_settle(jobs, strays);
}

/* Reaps what has ended. Returns true if any of it was no job's own process. */
static bool reap_children(struct js_slots *jobs)
{
    bool others = false;
    struct rusage usage;
    int status;
    pid_t pid;
    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        struct slot *slot = slots_slot_of(jobs, pid);
        if (slot) {
            set_outcome(slot, status, &usage);
            jobs->run_ns +=
                (slot->outcome.run_ns - jobs->run_ns) / RUN_TIME_WEIGHT;
            look_for_oom(jobs, &slot->outcome);
            slot->state = SLOT_ENDING;
            slot->fresh = true;
            slot->wake_ns = JS_NEVER_NS;
        } else {
            others = true;
            js_pids_remove(&jobs->abandoned, pid);
            forget_stranger(jobs, pid);
        }
    }
    jobs->has_children = pid == 0;
    return others;
}

int js_slots_reap(struct js_slots *jobs)
{
    bool others = reap_children(jobs);
    for (uint32_t i = 0; i <= jobs->count; i++) {
        struct slot *slot = i < jobs->count ? &jobs->slots[i] : &jobs->strays;
        bool look = slot->fresh || others || !jobs->has_children;
        if (slot->state == SLOT_ENDING && look && slots_settle(jobs, slot) < 0)
            return -1;
    }
    return start_strays(jobs);
}

/* ---------------------------------------------------------------- ending */

static void tell_to_end(struct js_slots *jobs, struct slot *slot,
                        enum js_stop_reason cause, int64_t grace_ns)
{
    if (grace_ns > jobs->means.config->settings.grace_ns)
        grace_ns = jobs->means.config->settings.grace_ns;
    int64_t kill_ns = js_clock_ns() + grace_ns;
    if (slot->cause != JS_STOP_REASON_NONE) {
        if (kill_ns < slot->wake_ns && slot->wake_ns != JS_NEVER_NS)
            slot->wake_ns = kill_ns;
        return;
    }
    slot->cause = cause;
    slot->wake_ns = kill_ns;
    kill(-slot->pid, SIGTERM);
    kill(-slot->pid, SIGCONT); /* a stopped one hears nothing else */
}

static int end_slot(struct js_slots *jobs, struct slot *slot, int64_t grace_ns)
{
    if (slot->state == SLOT_RUNNING)
        tell_to_end(jobs, slot, JS_STOP_REASON_STOPPED, grace_ns);
    return slot->state == SLOT_WAITING ? slots_give_up_start(jobs, slot) : 0;
}

static int slots_drain(struct js_slots *jobs)
{
    jobs->is_draining = true;
    for (uint32_t i = 0; i < jobs->count; i++) {
        if (jobs->slots[i].state == SLOT_WAITING &&
            slots_give_up_start(jobs, &jobs->slots[i]) < 0)
            return -1;
    }
    return 0;
}

int js_slots_end(struct js_slots *jobs, uint32_t slot, int64_t grace_ns)
{
    if (grace_ns == JS_RUNNER_LET_RUN)
        return slots_drain(jobs);
    return slot < jobs->count ? end_slot(jobs, &jobs->slots[slot], grace_ns)
                              : 0;
}

void js_slots_limit(struct js_slots *jobs, int64_t timeout_ns)
{
    jobs->limit_ns = timeout_ns;
}

/* When the job has run for as long as it may. */
static int64_t slots_deadline_ns(const struct js_slots *jobs,
                                 const struct slot *slot)
{
    int64_t timeout_ns =
        slot->job.timeout_ns > 0 ? slot->job.timeout_ns : jobs->limit_ns;
    int64_t at_ns;
    if (timeout_ns <= 0 ||
        __builtin_add_overflow(slot->started_ns, timeout_ns, &at_ns))
        return JS_NEVER_NS;
    return at_ns;
}

static int64_t running_wake_ns(const struct js_slots *jobs,
                               const struct slot *slot)
{
    return slot->cause == JS_STOP_REASON_NONE ? slots_deadline_ns(jobs, slot)
                                              : slot->wake_ns;
}

static void wake_running(struct js_slots *jobs, struct slot *slot)
{
    if (slot->cause == JS_STOP_REASON_NONE) {
        tell_to_end(jobs, slot, JS_STOP_REASON_TIMEOUT,
                    jobs->means.config->settings.grace_ns);
        return;
    }
    slot->wake_ns = JS_NEVER_NS;
    kill(-slot->pid, SIGKILL);
}

static int wake(struct js_slots *jobs, struct slot *slot, int64_t now_ns)
{
    if (slot->state == SLOT_WAITING && now_ns >= slot->wake_ns)
        return try_to_start(jobs, slot);
    if (slot->state == SLOT_ENDING && now_ns >= slot->wake_ns)
        return wake_ending(jobs, slot, now_ns);
    if (slot->state == SLOT_RUNNING && now_ns >= running_wake_ns(jobs, slot))
        wake_running(jobs, slot);
    return 0;
}

int js_slots_tick(struct js_slots *jobs)
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

static int64_t slot_wake_ns(const struct js_slots *jobs,
                            const struct slot *slot)
{
    switch (slot->state) {
    case SLOT_WAITING:
    case SLOT_ENDING:
        return slot->wake_ns;
    case SLOT_RUNNING:
        return running_wake_ns(jobs, slot);
    case SLOT_FREE:
        break;
    }
    return JS_NEVER_NS;
}

int64_t js_slots_wake_ns(const struct js_slots *jobs)
{
    int64_t first_ns = slot_wake_ns(jobs, &jobs->strays);
    for (uint32_t i = 0; i < jobs->count; i++) {
        int64_t wake_ns = slot_wake_ns(jobs, &jobs->slots[i]);
        if (wake_ns < first_ns)
            first_ns = wake_ns;
    }
    return first_ns;
}
