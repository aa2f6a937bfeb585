/*
 * syncer - fdatasync(2) beside the loop, so that a slow disk holds up nobody.
 *
 * Owns one thread while a sync is under way, and no more than one. Starts as
 * all zero.
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
    int error; /* the thread's, until it is done */
};

/* Begins a sync, unless one is running. What was written before this call is
 * on disk when it is done. 0, or -1 with errno. */
int js_bgsync_start(struct js_bgsync *syncer, int fd);

/* 1 if a sync has come to its end since the last call, 0 if not, or -1 with
 * errno if it has failed. `wait`: until it has. */
int js_bgsync_end(struct js_bgsync *syncer, bool wait);

#endif
