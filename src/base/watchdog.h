/*
 * watchdog - an end for a call that may wait for ever.
 *
 * A thread of its own calls `bark` when js_watchdog_stop() does not come in
 * time: for calls of a library that cannot be told to give up. Everything that
 * bark does must be safe beside the call that hangs; mostly it ends the
 * process.
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
    int64_t deadline_ns; /* of js_clock_ns() */
    void (*bark)(void *arg);
    void *arg;
};

/* 0, or -1 with errno: then nobody watches, and stopping it is allowed. It must
 * not move until it is stopped. */
int js_watchdog_start(struct js_watchdog *dog, int64_t ns,
                      void (*bark)(void *arg), void *arg);

void js_watchdog_stop(struct js_watchdog *dog);

#endif
