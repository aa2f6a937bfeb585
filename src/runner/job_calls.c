#include "runner/job_calls.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

/* How long a turn of the loop waits for calls, all of them together: while none
 * hangs, and while some hang already. Calls as quick as usual do not count: a
 * turn may start a hundred jobs. */
static const int64_t turn_most_ns = 50 * JS_NS_PER_MS;
static const int64_t turn_hung_most_ns = 5 * JS_NS_PER_MS;
static const int64_t quick_ns = 2 * JS_NS_PER_MS;

/*
 * Each call under way has a worker and perhaps an environment that nobody else
 * uses. There is room for all of them among the spare ones. A worker lasts as
 * long as this struct, because its jobs are killed when its thread ends
 * (node/spawn.h).
 */
struct js_job_calls {
    struct js_job_start_means means;
    struct js_job_env *env;   /* the next to be used; NULL: none */
    struct js_worker *worker; /* the same */
    struct js_buf spare;      /* struct js_worker *: others */
    struct js_buf spare_envs; /* struct js_job_env * */
    uint64_t under_way;
    bool has_abandoned;
    int64_t waited_ns; /* by this turn, for slow calls */
    int fd;            /* an epoll of the workers; -1: none yet */
};

/* ---------------------------------------------------------------- life */

static void *job_calls_pop(struct js_buf *list)
{
    void *last = NULL;
    if (list->len == 0)
        return NULL;
    list->len -= sizeof(last);
    memcpy(&last, list->data + list->len, sizeof(last));
    return last;
}

static void job_calls_free_env(struct js_job_env *env)
{
    if (env)
        js_job_env_release(env);
    free(env);
}

/* Sees to it that there is an environment for the next call. */
static int job_calls_need_env(struct js_job_calls *calls)
{
    struct js_job_env *env = calls->env;
    if (!env)
        env = job_calls_pop(&calls->spare_envs);
    if (!env && (env = calloc(1, sizeof(*env))) &&
        js_job_env_init(env, calls->means.config) < 0) {
        job_calls_free_env(env);
        env = NULL;
    }
    calls->env = env;
    return env ? 0 : -1;
}

struct js_job_calls *js_job_calls_new(const struct js_runner_config *config,
                                      int null_in, int null_out)
{
    const struct js_settings *settings = &config->settings;
    struct js_job_calls *calls = calloc(1, sizeof(*calls));
    if (!calls)
        return NULL;
    calls->fd = -1;
    calls->means = (struct js_job_start_means){.config = config,
                                               .null_in = null_in,
                                               .null_out = null_out,
                                               .ignored = js_spawn_ignored()};
    if (job_calls_need_env(calls) < 0) {
        free(calls);
        return NULL;
    }
    js_job_folder_note(&calls->means.output_folder,
                       settings->capture == JS_CAPTURE_DIR
                           ? settings->output_dir
                           : settings->tmpdir);
    js_job_folder_note(&calls->means.tmpdir, settings->tmpdir);
    return calls;
}

void js_job_calls_free(struct js_job_calls *calls)
{
    struct js_worker *worker;
    struct js_job_env *env;
    if (!calls || calls->under_way > 0 || calls->has_abandoned)
        return;
    js_worker_free(calls->worker);
    while ((worker = job_calls_pop(&calls->spare)))
        js_worker_free(worker);
    while ((env = job_calls_pop(&calls->spare_envs)))
        job_calls_free_env(env);
    job_calls_free_env(calls->env);
    js_buf_release(&calls->spare);
    js_buf_release(&calls->spare_envs);
    js_fd_close(&calls->fd);
    free(calls);
}

const char *js_job_calls_output_folder(const struct js_job_calls *calls)
{
    return calls->means.output_folder.path;
}

struct js_job_call *js_job_calls_new_call(void)
{
    struct js_job_call *call = calloc(1, sizeof(*call));
    if (!call)
        return NULL;
    js_job_output_init(&call->start.output);
    for (int i = 0; i < JS_STREAM_COUNT; i++)
        call->start.end.fds[i] = -1;
    return call;
}

void js_job_calls_free_call(struct js_job_call *call)
{
    if (!call)
        return;
    js_job_start_release(&call->start);
    js_buf_release(&call->text);
    js_buf_release(&call->details_bytes);
    js_buf_release(&call->gpus);
    js_buf_release(&call->hosts);
    free(call);
}

int js_job_calls_set(struct js_job_call *call, const struct js_runner_job *job)
{
    call->text.len = call->details_bytes.len = 0;
    if (js_buf_append(&call->text, job->command, job->len) < 0 ||
        js_buf_append(&call->details_bytes, job->details, job->details_len) < 0)
        return -1;
    call->job = *job;
    call->job.command = js_buf_string(&call->text);
    call->job.gpus = js_buf_copy_string(&call->gpus, job->gpus);
    call->job.hosts = js_buf_copy_string(&call->hosts, job->hosts);
    if (job->cpus) {
        call->cpus = *job->cpus;
        call->job.cpus = &call->cpus;
    }
    if (job->numa) {
        call->numa = *job->numa;
        call->job.numa = &call->numa;
    }
    if (!call->job.command || (job->gpus && !call->job.gpus) ||
        (job->hosts && !call->job.hosts))
        return -1;
    return js_job_spec_unpack(call->details_bytes.data, job->details_len,
                              &call->details);
}

/* ---------------------------------------------------------------- calls */

void js_job_calls_begin_turn(struct js_job_calls *calls)
{
    calls->waited_ns = 0;
}

/* The must_leave() of the workers: `ns` is how long the call has taken. */
static bool job_calls_must_leave(void *arg, int64_t ns)
{
    const struct js_job_calls *calls = arg;
    return calls->waited_ns + ns >=
           (calls->under_way > 0 ? turn_hung_most_ns : turn_most_ns);
}

/* Sees to it that there is a worker for the next call, room for it among the
 * spare ones, and that js_job_calls_fd() reports it. */
static int job_calls_need_worker(struct js_job_calls *calls)
{
    struct epoll_event event = {.events = EPOLLIN};
    if (!calls->worker)
        calls->worker = job_calls_pop(&calls->spare);
    if (calls->worker)
        return 0;
    if (calls->fd < 0)
        calls->fd = epoll_create1(EPOLL_CLOEXEC);
    size_t workers = calls->under_way + 1;
    if (calls->fd < 0 ||
        js_buf_reserve(&calls->spare, workers * sizeof(void *)) < 0 ||
        js_buf_reserve(&calls->spare_envs, workers * sizeof(void *)) < 0)
        return -1;
    struct js_worker *worker = js_worker_new(job_calls_must_leave, calls);
    if (!worker)
        return -1;
    if (epoll_ctl(calls->fd, EPOLL_CTL_ADD, js_worker_fd(worker), &event) < 0) {
        js_worker_free(worker);
        return -1;
    }
    calls->worker = worker;
    return 0;
}

/* Does the work of the call, and waits for it until the time of this turn is
 * over. Work that cannot hang needs no worker, which costs a job about 20 us;
 * and without a thread to do it, the loop must. */
static bool job_calls_do(struct js_job_calls *calls, struct js_job_call *call,
                         bool (*work)(void *arg), bool is_local)
{
    if (is_local || job_calls_need_worker(calls) < 0)
        return work(&call->start);
    int64_t begun_ns = js_clock_ns();
    bool is_over = false;
    call->task = (struct js_task){.work = work, .arg = &call->start};
    js_worker_give(calls->worker, &call->task);
    if (!job_calls_must_leave(calls, 0))
        is_over = js_worker_await(calls->worker);
    int64_t waited_ns = js_clock_ns() - begun_ns;
    if (waited_ns > quick_ns)
        calls->waited_ns += waited_ns;
    if (is_over) {
        /* Otherwise js_job_calls_fd() would report this worker. */
        if (calls->under_way > 0)
            js_worker_clear(calls->worker);
        return true;
    }
    call->worker = calls->worker;
    calls->worker = NULL;
    calls->under_way++;
    return false;
}

int js_job_calls_launch(struct js_job_calls *calls, struct js_job_call *call)
{
    if (job_calls_need_env(calls) < 0)
        return -1;
    js_job_start_prepare(&call->start, &calls->means, &call->job,
                         &call->details, calls->env);
    if (job_calls_do(calls, call, js_job_start_launch,
                     js_job_start_is_local(&call->start)))
        return 1;
    call->env = calls->env;
    calls->env = NULL;
    return 0;
}

bool js_job_calls_finish(struct js_job_calls *calls, struct js_job_call *call)
{
    return job_calls_do(calls, call, js_job_start_finish,
                        js_job_start_ends_locally(&call->start));
}

bool js_job_calls_is_over(const struct js_job_call *call)
{
    /* Clears first: if the call ends only now, the worker rings again. */
    js_worker_clear(call->worker);
    return !js_task_is_given(&call->task);
}

void js_job_calls_take_back(struct js_job_calls *calls,
                            struct js_job_call *call)
{
    /* There is room: job_calls_need_worker(). */
    js_buf_append(&calls->spare, &call->worker, sizeof(call->worker));
    if (call->env)
        js_buf_append(&calls->spare_envs, &call->env, sizeof(call->env));
    call->worker = NULL;
    call->env = NULL;
    calls->under_way--;
}

struct js_job_call *js_job_calls_abandon(struct js_job_calls *calls,
                                         const struct js_job_call *call)
{
    struct js_job_call *fresh = js_job_calls_new_call();
    if (!fresh)
        return NULL;
    fresh->job.slot = call->job.slot;
    fresh->job.id = call->job.id;
    fresh->job.attempt = call->job.attempt;
    epoll_ctl(calls->fd, EPOLL_CTL_DEL, js_worker_fd(call->worker), NULL);
    calls->has_abandoned = true;
    calls->under_way--;
    return fresh;
}

int js_job_calls_fd(const struct js_job_calls *calls)
{
    return calls->under_way > 0 ? calls->fd : -1;
}
