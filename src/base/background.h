/*
 * background - tasks that need a thread of their own: syncing a file, and
 * ending a call that may block for ever.
 */
#ifndef JS_BASE_BACKGROUND_H
#define JS_BASE_BACKGROUND_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * bgsync: fdatasync(2) in the background, so that a slow disk does not stall
 * the loop. Owns one thread while a sync is under way, and never more than one.
 * All zero means idle.
 */
struct js_bgsync {
    pthread_t thread;
    bool is_running;
    atomic_bool is_done;
    int fd;
    int error; /* written by the thread, until it is done */
};

/* Begins a sync, unless one is running. When it is done, everything written
 * before this call is on disk. Returns 0, or -1 with errno. */
int js_bgsync_start(struct js_bgsync *sync, int fd);

/* Returns 1 if a sync has ended since the last call, 0 if none has, or -1 with
 * errno if it failed. With `wait`, waits until the sync has ended. */
int js_bgsync_end(struct js_bgsync *sync, bool wait);

/*
 * watchdog: ends a call that may block for ever. A thread of its own calls
 * `bark` unless js_watchdog_stop() is called in time. This is for library calls
 * that cannot be cancelled. Everything that bark does must be safe while the
 * call hangs; usually it ends the process.
 */

struct js_watchdog {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t stopped;
    bool is_running, is_stopped;
    int64_t deadline_ns; /* by js_clock_ns() */
    void (*bark)(void *arg);
    void *arg;
};

/* Starts the watchdog, which must not move until it is stopped. Returns 0, or
 * -1 with errno; in that case nothing is watched, but js_watchdog_stop() may be
 * called. */
int js_watchdog_start(struct js_watchdog *dog, int64_t ns,
                      void (*bark)(void *arg), void *arg);

void js_watchdog_stop(struct js_watchdog *dog);

#endif
