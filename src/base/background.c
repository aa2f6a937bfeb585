#include "base/background.h"

#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* Signals must reach the loop, so a new thread has all of them blocked. */
static int background_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    errno = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return errno == 0 ? 0 : -1;
}

int js_background_start(void *(*run)(void *), void *arg)
{
    pthread_t thread;
    if (background_start(&thread, run, arg) < 0)
        return -1;
    pthread_detach(thread);
    return 0;
}

/* The monotonic clock: a change of the wall clock must not end a wait. */
static void background_init_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

static struct timespec background_time(int64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / JS_NS_PER_S),
                             .tv_nsec = (long)(ns % JS_NS_PER_S)};
}

/* ---------------------------------------------------------------- syncs */

/* fdatasync() is the only call that takes long. The thread touches nothing else
 * that the loop uses; `is_done` hands `error` over. */
static void *bgsync_run(void *arg)
{
    struct js_bgsync *sync = arg;
    sync->error = fdatasync(sync->fd) < 0 ? errno : 0;
    atomic_store(&sync->is_done, true);
    return NULL;
}

int js_bgsync_start(struct js_bgsync *sync, int fd)
{
    if (sync->is_running)
        return 0;
    sync->fd = fd;
    atomic_store(&sync->is_done, false);
    sync->is_running = background_start(&sync->thread, bgsync_run, sync) == 0;
    return sync->is_running ? 0 : -1;
}

bool js_bgsync_has_ended(const struct js_bgsync *sync)
{
    return sync->is_running && atomic_load(&sync->is_done);
}

int js_bgsync_end(struct js_bgsync *sync, bool wait)
{
    if (!sync->is_running || (!wait && !js_bgsync_has_ended(sync)))
        return 0;
    int error = pthread_join(sync->thread, NULL);
    sync->is_running = false;
    errno = error ? error : sync->error;
    return errno == 0 ? 1 : -1;
}

/* ---------------------------------------------------------------- worker */

/* How often js_worker_await() asks whether it must leave. */
static const int64_t worker_ask_ns = 20 * JS_NS_PER_MS;

struct js_worker {
    pthread_t thread;
    pthread_mutex_t mutex; /* protects the tasks that wait, and the flags */
    pthread_cond_t given, done;
    struct js_task *first, **last;
    bool is_idle; /* the thread waits for a task, or is about to end */
    bool must_end;
    atomic_int_fast64_t begun_ns; /* the task under way; JS_NEVER_NS: none */
    _Atomic(const char *) name;   /* ... and its file */
    atomic_uint tasks;            /* tasks that were given and are not done */
    atomic_bool is_rung;          /* the eventfd was rung, not yet cleared */
    int fd;                       /* an eventfd */
    bool (*must_leave)(void *arg, int64_t ns);
    void *arg;
};

static void worker_do(struct js_worker *worker, struct js_task *task)
{
    static const uint64_t one = 1;
    atomic_store_explicit(&worker->name, task->name, memory_order_relaxed);
    atomic_store_explicit(&worker->begun_ns, js_clock_ns(),
                          memory_order_release);
    bool is_awaited = task->work(task->arg);
    atomic_store_explicit(&worker->begun_ns, JS_NEVER_NS, memory_order_relaxed);
    atomic_fetch_sub(&worker->tasks, 1);
    /* From here on the task may be given again, or be gone. */
    atomic_store(&task->is_given, false);
    /* A counter that stands at one cannot be full. */
    if (is_awaited && !atomic_exchange(&worker->is_rung, true) &&
        write(worker->fd, &one, sizeof(one)) < 0)
        return;
}

static void *worker_run(void *arg)
{
    struct js_worker *worker = arg;
    pthread_mutex_lock(&worker->mutex);
    for (;;) {
        struct js_task *task = worker->first;
        worker->is_idle = !task;
        if (task) {
            worker->first = task->next;
            if (!worker->first)
                worker->last = &worker->first;
            pthread_mutex_unlock(&worker->mutex);
            worker_do(worker, task);
            pthread_mutex_lock(&worker->mutex);
            continue;
        }
        pthread_cond_signal(&worker->done);
        if (worker->must_end)
            break;
        pthread_cond_wait(&worker->given, &worker->mutex);
    }
    pthread_mutex_unlock(&worker->mutex);
    return NULL;
}

struct js_worker *js_worker_new(bool (*must_leave)(void *arg, int64_t ns),
                                void *arg)
{
    struct js_worker *worker = calloc(1, sizeof(*worker));
    if (!worker)
        return NULL;
    worker->last = &worker->first;
    worker->must_leave = must_leave;
    worker->arg = arg;
    worker->begun_ns = JS_NEVER_NS;
    pthread_mutex_init(&worker->mutex, NULL);
    background_init_cond(&worker->given);
    background_init_cond(&worker->done);
    worker->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->fd >= 0 &&
        background_start(&worker->thread, worker_run, worker) == 0)
        return worker;
    int saved = errno;
    if (worker->fd >= 0)
        close(worker->fd);
    free(worker);
    errno = saved;
    return NULL;
}

void js_worker_give(struct js_worker *worker, struct js_task *task)
{
    if (!worker) {
        task->work(task->arg);
        return;
    }
    task->next = NULL;
    atomic_fetch_add(&worker->tasks, 1);
    atomic_store_explicit(&task->is_given, true, memory_order_relaxed);
    pthread_mutex_lock(&worker->mutex);
    *worker->last = task;
    worker->last = &task->next;
    bool was_idle = worker->is_idle;
    worker->is_idle = false;
    pthread_mutex_unlock(&worker->mutex);
    /* Signals after the unlock: otherwise the thread would wake up only to wait
     * for the mutex. */
    if (was_idle)
        pthread_cond_signal(&worker->given);
}

bool js_task_is_given(const struct js_task *task)
{
    return atomic_load_explicit(&task->is_given, memory_order_acquire);
}

int64_t js_worker_begun_ns(const struct js_worker *worker,
                           const char **ret_name)
{
    int64_t begun_ns =
        worker ? atomic_load_explicit(&worker->begun_ns, memory_order_acquire)
               : JS_NEVER_NS;
    *ret_name = begun_ns == JS_NEVER_NS
                    ? NULL
                    : atomic_load_explicit(&worker->name, memory_order_relaxed);
    return begun_ns;
}

bool js_worker_is_busy(const struct js_worker *worker)
{
    return worker && atomic_load(&worker->tasks) > 0;
}

bool js_worker_await(struct js_worker *worker)
{
    bool is_left = false;
    if (!worker)
        return true;
    pthread_mutex_lock(&worker->mutex);
    while (!worker->is_idle && !is_left) {
        struct timespec until = background_time(js_clock_ns() + worker_ask_ns);
        pthread_cond_timedwait(&worker->done, &worker->mutex, &until);
        if (worker->is_idle)
            break;
        pthread_mutex_unlock(&worker->mutex);
        int64_t now_ns = js_clock_ns(), begun_ns = worker->begun_ns;
        is_left = worker->must_leave(worker->arg,
                                     begun_ns < now_ns ? now_ns - begun_ns : 0);
        pthread_mutex_lock(&worker->mutex);
    }
    pthread_mutex_unlock(&worker->mutex);
    return !is_left;
}

int js_worker_fd(const struct js_worker *worker)
{
    return worker ? worker->fd : -1;
}

void js_worker_clear(struct js_worker *worker)
{
    uint64_t count;
    if (worker && atomic_load(&worker->is_rung) &&
        atomic_exchange(&worker->is_rung, false) &&
        read(worker->fd, &count, sizeof(count)) < 0)
        return; /* it is about to be rung, and is cleared next time */
}

void js_worker_free(struct js_worker *worker)
{
    if (!worker)
        return;
    pthread_mutex_lock(&worker->mutex);
    worker->must_end = true;
    pthread_cond_signal(&worker->given);
    pthread_mutex_unlock(&worker->mutex);
    pthread_join(worker->thread, NULL);
    pthread_cond_destroy(&worker->given);
    pthread_cond_destroy(&worker->done);
    pthread_mutex_destroy(&worker->mutex);
    close(worker->fd);
    free(worker);
}

/* ---------------------------------------------------------------- watchdog */

/* The lock is released before bark(), which may end the process or take a long
 * time. */
static void *watchdog_watch(void *arg)
{
    struct js_watchdog *dog = arg;
    const struct timespec deadline = background_time(dog->deadline_ns);
    int rc = 0;
    pthread_mutex_lock(&dog->mutex);
    while (!dog->is_stopped && rc == 0)
        rc = pthread_cond_timedwait(&dog->stopped, &dog->mutex, &deadline);
    bool is_late = !dog->is_stopped;
    pthread_mutex_unlock(&dog->mutex);
    if (is_late)
        dog->bark(dog->arg);
    return NULL;
}

int js_watchdog_start(struct js_watchdog *dog, int64_t ns,
                      void (*bark)(void *arg), void *arg)
{
    memset(dog, 0, sizeof(*dog));
    dog->bark = bark;
    dog->arg = arg;
    /* A time limit that is too long to be added never ends. */
    if (__builtin_add_overflow(js_clock_ns(), ns, &dog->deadline_ns))
        dog->deadline_ns = JS_NEVER_NS;
    pthread_mutex_init(&dog->mutex, NULL);
    background_init_cond(&dog->stopped);
    dog->is_running = background_start(&dog->thread, watchdog_watch, dog) == 0;
    return dog->is_running ? 0 : -1;
}

void js_watchdog_stop(struct js_watchdog *dog)
{
    pthread_mutex_lock(&dog->mutex);
    dog->is_stopped = true;
    pthread_cond_signal(&dog->stopped);
    pthread_mutex_unlock(&dog->mutex);
    if (dog->is_running)
        pthread_join(dog->thread, NULL);
    dog->is_running = false;
    pthread_cond_destroy(&dog->stopped);
    pthread_mutex_destroy(&dog->mutex);
}
