#include "base/background.h"

#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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
    sigset_t all, old;
    if (sync->is_running)
        return 0;
    sync->fd = fd;
    atomic_store(&sync->is_done, false);
    /* The thread blocks all signals, because they must reach the loop. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&sync->thread, NULL, bgsync_run, sync);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    sync->is_running = error == 0;
    errno = error;
    return error == 0 ? 0 : -1;
}

int js_bgsync_end(struct js_bgsync *sync, bool wait)
{
    if (!sync->is_running || (!wait && !atomic_load(&sync->is_done)))
        return 0;
    int error = pthread_join(sync->thread, NULL);
    sync->is_running = false;
    errno = error ? error : sync->error;
    return errno == 0 ? 1 : -1;
}

/* The lock is released before bark(), which may end the process or take a long
 * time. */
static void *watchdog_watch(void *arg)
{
    struct js_watchdog *dog = arg;
    const struct timespec deadline = {
        .tv_sec = (time_t)(dog->deadline_ns / JS_NS_PER_S),
        .tv_nsec = (long)(dog->deadline_ns % JS_NS_PER_S)};
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
    sigset_t all, old;
    pthread_condattr_t attributes;
    memset(dog, 0, sizeof(*dog));
    dog->bark = bark;
    dog->arg = arg;
    /* A time limit too long to be added never ends. */
    if (__builtin_add_overflow(js_clock_ns(), ns, &dog->deadline_ns))
        dog->deadline_ns = JS_NEVER_NS;
    pthread_mutex_init(&dog->mutex, NULL);
    /* The monotonic clock: a change of the wall clock must not make the
     * watchdog bark. */
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&dog->stopped, &attributes);
    pthread_condattr_destroy(&attributes);
    /* The thread blocks all signals, because they must reach the other
     * threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    errno = pthread_create(&dog->thread, NULL, watchdog_watch, dog);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    dog->is_running = errno == 0;
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
