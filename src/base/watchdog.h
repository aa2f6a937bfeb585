/*
 * watchdog - ends a call that may block for ever.
 *
 * A thread of its own calls `bark` unless js_watchdog_stop() is called in time.
 * This is for library calls that cannot be cancelled. Everything that bark does
 * must be safe while the call hangs; usually it ends the process.
 */
#ifndef JS_BASE_WATCHDOG_H
#define JS_BASE_WATCHDOG_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

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
 * -1 with errno; then nothing is watched, but stopping it is allowed. */
int js_watchdog_start(struct js_watchdog *dog, int64_t ns,
                      void (*bark)(void *arg), void *arg);

void js_watchdog_stop(struct js_watchdog *dog);

#endif
