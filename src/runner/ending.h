/*
 * ending - ends a job: first its own process, then what it leaves behind.
 *
 *     running --js_ending_ask()--> asked (SIGTERM) --grace--> killed (SIGKILL)
 *     its process has ended --js_ending_begin()--> swept: what it has left gets
 *         SIGTERM, after a grace period SIGKILL again and again, until nothing
 *         is left, or what the kernel does not let go is given up
 *
 * Owns the list of children that no job is known to have left (strangers). They
 * are ended when all jobs that may have left them have ended. Knows nothing of
 * slots; a stop reason, a group and a job's number are all it needs. Reaping is
 * the caller's.
 */
#ifndef JS_RUNNER_ENDING_H
#define JS_RUNNER_ENDING_H

#include "node/procs.h"
#include "runner/runner.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* How far the end of one job is. All zero: nobody ends it. */
struct js_ending {
    enum js_stop_reason cause; /* why it was asked to end */
    int64_t wake_ns;      /* asked: when to kill; swept: when to look again;
                             JS_NEVER_NS: not by itself */
    int64_t limit_ns;     /* swept: when to give up */
    bool is_new;          /* its process has ended, and nobody has looked yet */
    bool is_killing;      /* swept: the grace period is over */
    bool has_looked;      /* swept: nothing was left but strangers, seen once */
    struct js_pids found; /* swept: what it has left, so far */
};

/* Whose end it is. */
struct js_ending_job {
    pid_t pid; /* its process, and its group */
    uint64_t id;
    uint32_t attempt;
};

/* The result of a look. */
enum js_ending_state {
    JS_ENDING_GOES_ON,
    JS_ENDING_CLEAN,    /* nothing is left */
    JS_ENDING_DONE,     /* nothing of it is known to be left */
    JS_ENDING_GIVEN_UP, /* something is left that SIGKILL does not end */
};

void js_ending_release(struct js_ending *ending);

/* The job is over: forgets all about it. */
void js_ending_reset(struct js_ending *ending);

/* Sends SIGTERM, and plans SIGKILL after the grace period. If it was asked
 * before, this can only make the period shorter. */
void js_ending_ask(struct js_ending *ending, pid_t pid,
                   enum js_stop_reason cause, int64_t grace_ns);

/* The grace period of a job that was asked is over. */
void js_ending_kill(struct js_ending *ending, pid_t pid);

/* The job's own process has ended. */
void js_ending_begin(struct js_ending *ending);

/* The state that all jobs of a runner share. */
struct js_endings;

/* These must outlive it. */
struct js_endings_means {
    const struct js_runner_config *config;
    bool (*is_job)(pid_t pid, void *arg); /* that process is a running job's */
    /* One of the first `number` jobs has not ended yet. */
    bool (*is_any_on)(uint64_t number, void *arg);
    void *arg;
};

struct js_endings *js_endings_new(const struct js_endings_means *means);
void js_endings_free(struct js_endings *endings); /* NULL is allowed */

/* The number of a job that is about to start. */
uint64_t js_endings_number(struct js_endings *endings);

/* A child was reaped that is no job's own process. */
void js_endings_reaped(struct js_endings *endings, pid_t pid);

/* Records whether this process has any children. */
void js_endings_set_children(struct js_endings *endings, bool has_children);

/* Looks what the job has left, and signals it. */
enum js_ending_state js_endings_look(struct js_endings *endings,
                                     struct js_ending *ending,
                                     const struct js_ending_job *job);

/* Does the same when ending->wake_ns has come. */
enum js_ending_state js_endings_wake(struct js_endings *endings,
                                     struct js_ending *ending,
                                     const struct js_ending_job *job,
                                     int64_t now_ns);

/* True if a process was given up that still lives. */
bool js_endings_has_abandoned(const struct js_endings *endings);

/* The strangers: looks at them if a child was reaped (has_news) or their time
 * has come. is_idle: no slot has a job. GIVEN_UP: some do not end. */
enum js_ending_state js_endings_look_at_strangers(struct js_endings *endings,
                                                  bool has_news, bool is_idle);
int64_t js_endings_wake_ns(const struct js_endings *endings);

#endif
