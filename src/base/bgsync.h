/*
 * bgsync - fdatasync(2) in the background, so that a slow disk does not stall
 * the loop.
 *
 * Owns one thread while a sync is under way, and never more than one. All zero
 * is idle.
 */
#ifndef JS_BASE_BGSYNC_H
#define JS_BASE_BGSYNC_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct js_bgsync {
    pthread_t thread;
    bool is_running;
    atomic_bool is_done;
    int fd;
    int error; /* written by the thread, until it is done */
};

/* Begins a sync, unless one is running. When it is done, everything written
 * before this call is on disk. Returns 0, or -1 with errno. */
int js_bgsync_start(struct js_bgsync *syncer, int fd);

/* Returns 1 if a sync has ended since the last call, 0 if none has, or -1 with
 * errno if it failed. With `wait`, waits until it has ended. */
int js_bgsync_end(struct js_bgsync *syncer, bool wait);

#endif
