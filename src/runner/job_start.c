#include "runner/job_start.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>

/* A process that takes longer to enter its program has hung. */
static const int64_t hung_ns = 200 * JS_NS_PER_MS;

void js_job_start_release(struct js_job_start *start)
{
    js_job_output_release(&start->output);
    js_job_hostfile_remove(&start->hostfile);
    js_direct_exec_release(&start->command);
}

void js_job_start_prepare(struct js_job_start *start,
                          const struct js_job_start_means *means,
                          const struct js_runner_job *job,
                          const struct js_job_spec *details,
                          struct js_job_env *env)
{
    start->means = means;
    start->job = job;
    start->details = details;
    start->env = env;
    start->pid = 0;
    atomic_store_explicit(&start->phase, JS_JOB_START_OPENING,
                          memory_order_relaxed);
}

bool js_job_start_cancel(struct js_job_start *start)
{
    int phase = JS_JOB_START_OPENING;
    return atomic_compare_exchange_strong(&start->phase, &phase,
                                          JS_JOB_START_CANCELLED) ||
           phase == JS_JOB_START_CANCELLED;
}

/* js_spawn() sets the pid before the process runs. */
pid_t js_job_start_pid(const struct js_job_start *start)
{
    return __atomic_load_n(&start->pid, __ATOMIC_ACQUIRE);
}

bool js_job_start_may_pass(const struct js_job_start *start)
{
    int error = start->failure.error;
    bool is_own_limit = start->failure.step == JS_STEP_EXEC &&
                        error == ENOMEM && start->job->data_limit_bytes > 0;
    if (is_own_limit)
        return false;
    return error == EAGAIN || error == ENOMEM || error == EMFILE ||
           error == ENFILE || error == ENOSPC;
}

bool js_job_start_ends_locally(const struct js_job_start *start)
{
    return start->means->config->settings.capture != JS_CAPTURE_DIR;
}

bool js_job_start_is_local(const struct js_job_start *start)
{
    static const char *const folders[] = {"/bin/", "/sbin/", "/usr/bin/",
                                          "/usr/sbin/"};
    const struct js_job_spec *details = start->details;
    const char *command = start->job->command;
    if (!js_job_start_ends_locally(start) || details->dir ||
        details->stdin_path || details->stdout_path || details->stderr_path)
        return false;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        if (strncmp(command, folders[i], strlen(folders[i])) == 0)
            return true;
    }
    /* Otherwise /bin/sh is executed. */
    return !js_direct_exec_is_plain(command);
}

static int job_start_spawn(struct js_job_start *start,
                           const struct js_job_files *files,
                           const char *const *envp)
{
    const struct js_job_start_means *means = start->means;
    const struct js_runner_config *config = means->config;
    const struct js_runner_job *job = start->job;
    struct js_direct_exec *command = &start->command;
    /* If /bin/sh is bash, it would run the function instead of the program. */
    bool needs_shell = command->argv[0] &&
                       js_job_env_has_function(start->env, command->argv[0]);
    const struct js_cpuset *cpus =
        job->cpus ? job->cpus : &config->slot_cpus[job->slot];
    bool is_dropped = config->settings.capture == JS_CAPTURE_NONE;
    const struct js_job_output_file *file = start->output.file;
    int out = is_dropped ? means->null_out : file[JS_STREAM_OUT].fd;
    int err = is_dropped ? means->null_out : file[JS_STREAM_ERR].fd;
    struct js_spawn_spec spec = {
        .programs = needs_shell ? NULL : command->programs,
        .argv = command->argv,
        .shell_argv = command->shell,
        .envp = envp,
        .dir = start->details->dir,
        .cpus = js_cpuset_count(cpus) > 0 ? cpus : NULL,
        .numa = job->numa,
        .data_limit_bytes = job->data_limit_bytes,
        .ignored = &means->ignored,
        /* A file that the job itself names replaces ours. */
        .stdin_fd = files->fd[0] >= 0 ? files->fd[0] : means->null_in,
        .stdout_fd = files->fd[1] >= 0 ? files->fd[1] : out,
        .stderr_fd = files->fd[2] >= 0 ? files->fd[2] : err,
    };
    int phase = JS_JOB_START_OPENING;
    if (!atomic_compare_exchange_strong(&start->phase, &phase,
                                        JS_JOB_START_SPAWNING)) {
        start->failure = (struct js_spawn_failure){JS_STEP_FORK, ECANCELED};
        return -1;
    }
    start->started_unix_ns = js_clock_unix_ns();
    start->started_ns = js_clock_ns();
    int rc = js_spawn(&spec, &start->pid, &start->failure);
    int64_t late_ns = js_clock_ns() - start->started_ns;
    if (rc < 0)
        atomic_store(&start->phase, JS_JOB_START_OPENING);
    /* A job that hung on the way to its program begins there. */
    if (late_ns >= hung_ns) {
        start->started_unix_ns += late_ns;
        start->started_ns += late_ns;
    }
    return rc;
}

/* Opens, prepares and spawns. Returns 0, or -1 with start->failure. */
static int job_start_try(struct js_job_start *start)
{
    const struct js_job_start_means *means = start->means;
    const struct js_runner_config *config = means->config;
    const struct js_runner_job *job = start->job;
    struct js_job_files files;

    start->failure = (struct js_spawn_failure){JS_STEP_OUTPUT, 0};
    start->opening = &means->output_folder;
    if (js_job_output_open(&start->output, config, job->id) < 0)
        goto fail;
    start->failure.step = JS_STEP_HOSTFILE;
    start->opening = &means->tmpdir;
    /* A retried job may still have its file from the earlier attempt to start
     * it.
     */
    if (job->hosts && !start->hostfile)
        start->hostfile = js_job_hostfile_write(config->settings.tmpdir,
                                                job->hosts, job->cores);
    if (job->hosts && !start->hostfile)
        goto fail;
    start->failure.step = JS_STEP_FORK;
    start->opening = NULL;
    const char *const *envp =
        js_job_env_of(start->env, config, job, start->details, start->hostfile);
    if (!envp ||
        js_direct_exec_prepare(&start->command, job->command,
                               js_job_env_path(start->env, start->details)) < 0)
        goto fail;
    if (js_job_files_open(&files, start->details, &start->failure) < 0)
        return -1;
    int rc = job_start_spawn(start, &files, envp);
    js_job_files_close(&files);
    return rc;
fail:
    start->failure.error = errno;
    return -1;
}

bool js_job_start_launch(void *arg)
{
    struct js_job_start *start = arg;
    enum js_job_folder_state state = JS_JOB_FOLDER_FINE;
    int rc = job_start_try(start);
    if (rc < 0 && start->opening && !js_job_start_may_pass(start)) {
        state = js_job_folder_restore(start->opening);
        if (state == JS_JOB_FOLDER_GONE)
            start->failure.error = errno;
    }
    start->restored = state == JS_JOB_FOLDER_THERE ? start->opening : NULL;
    start->is_homeless = state == JS_JOB_FOLDER_GONE;
    /* Another slave or slot may have created it in the meantime. */
    if (rc < 0 && start->opening && !start->is_homeless &&
        start->failure.error == ENOENT)
        job_start_try(start);
    return true;
}

bool js_job_start_finish(void *arg)
{
    struct js_job_start *start = arg;
    const struct js_job_start_means *means = start->means;
    start->rescued = js_job_output_rescue(
        &start->output, means->config, &means->output_folder, start->job->id);
    start->rescue_error = start->rescued < 0 ? errno : 0;
    js_job_output_finish(&start->output, means->config, start->reuse,
                         &start->end);
    js_job_hostfile_remove(&start->hostfile);
    return true;
}
