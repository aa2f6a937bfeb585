/*
 * background - tasks that need a thread of their own: calls on files that may
 * not answer, syncing a file, and ending a call that may block for ever.
 */
#ifndef JS_BASE_BACKGROUND_H
#define JS_BASE_BACKGROUND_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Starts a thread that nobody waits for. Returns 0, or -1 with errno. */
int js_background_start(void *(*run)(void *), void *arg);

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

/* True if js_bgsync_end() has something to return. */
bool js_bgsync_has_ended(const struct js_bgsync *sync);

/* Returns 1 if a sync has ended since the last call, 0 if none has, or -1 with
 * errno if it failed. With `wait`, waits until the sync has ended. */
int js_bgsync_end(struct js_bgsync *sync, bool wait);

/*
 * worker: one thread that makes the calls on files whose file system may not
 * answer for minutes, so that the loop never waits for one. It does the tasks
 * one by one, in the order in which they are given. From js_worker_give() until
 * it is done, a task belongs to the worker, with everything that its work uses.
 * A call that hangs cannot be cancelled. A caller that cannot wait for it
 * leaves the worker and its tasks as they are, and ends the process with
 * _exit().
 *
 * The worker may be NULL: js_worker_give() then does the task itself, at once.
 */

struct js_task {
    /* Runs in the worker's thread. Returns true if the owner waits for the
     * result: js_worker_fd() then becomes readable. */
    bool (*work)(void *arg);
    void *arg;
    const char *name;     /* of the file, for messages */
    struct js_task *next; /* private from here on */
    atomic_bool is_given;
};

struct js_worker;

/* Starts the thread. While js_worker_await() waits, it calls must_leave()
 * repeatedly, and gives up once that returns true; `ns` is how long the current
 * task has taken so far. Returns NULL with errno on failure. */
struct js_worker *js_worker_new(bool (*must_leave)(void *arg, int64_t ns),
                                void *arg);

/* Gives the worker a task that it does not already have. */
void js_worker_give(struct js_worker *worker, struct js_task *task);

/* True from js_worker_give() until the task is done. */
bool js_task_is_given(const struct js_task *task);

/* The time when the current task began, and the name of its file; JS_NEVER_NS:
 * there is no current task. */
int64_t js_worker_begun_ns(const struct js_worker *worker,
                           const char **ret_name);

/* True if it has a task. */
bool js_worker_is_busy(const struct js_worker *worker);

/* Waits until all tasks are done. Returns false if must_leave() was true before
 * that. */
bool js_worker_await(struct js_worker *worker);

/* A descriptor to wait for; call js_worker_clear() once it is readable. -1:
 * there is no worker. */
int js_worker_fd(const struct js_worker *worker);
void js_worker_clear(struct js_worker *worker);

/* Ends the thread, which must have no task. NULL is allowed. */
void js_worker_free(struct js_worker *worker);

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
