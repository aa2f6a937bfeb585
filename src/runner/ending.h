/*
 * ending - ends a job: first its own process, then what it leaves behind.
 *
 *     running --js_ending_ask()--> asked (SIGTERM) --grace--> killed (SIGKILL)
 *     its process has ended --js_ending_begin()--> swept: what it has left gets
 *         SIGTERM, after a grace period SIGKILL again and again, until nothing
 *         is left, or what the kernel does not let go is given up
 *
 * Owns the list of children that no job is known to have left (strangers). They
 * are ended when all jobs that may have left them have ended. This module knows
 * nothing of slots; a stop reason, a group and a job's number are all it needs.
 * The caller does the reaping.
 */
#ifndef JS_RUNNER_ENDING_H
#define JS_RUNNER_ENDING_H

#include "node/procs.h"
#include "runner/runner.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The progress of ending one job. All zero: it is not being ended. */
struct js_ending {
    enum js_stop_reason cause; /* why it was asked to end */
    int64_t wake_ns;  /* asked: when to kill; swept: when to check again;
                         JS_NEVER_NS: not by itself */
    int64_t limit_ns; /* swept: when to give up */
    bool is_new;      /* its process has ended; nothing has been checked yet */
    bool is_killing;  /* swept: the grace period is over */
    bool has_looked;  /* swept: a check has found strangers and nothing else */
    struct js_pids found; /* swept: what the checks have found */
};

/* The job that is ended. */
struct js_ending_job {
    pid_t pid; /* its process, and its group */
    uint64_t id;
    uint32_t attempt;
};

/* The result of a check. */
enum js_ending_state {
    JS_ENDING_GOES_ON,
    JS_ENDING_CLEAN,    /* nothing is left */
    JS_ENDING_DONE,     /* nothing is known to be left of the job */
    JS_ENDING_GIVEN_UP, /* something is left that SIGKILL does not end */
};

void js_ending_release(struct js_ending *ending);

/* Forgets everything about the job, which has ended. */
void js_ending_reset(struct js_ending *ending);

/* Sends SIGTERM, and schedules SIGKILL for the end of the grace period. If the
 * job was asked before, this can only shorten the period. */
void js_ending_ask(struct js_ending *ending, pid_t pid,
                   enum js_stop_reason cause, int64_t grace_ns);

/* Kills a job that was asked to end and whose grace period is over. */
void js_ending_kill(struct js_ending *ending, pid_t pid);

/* Starts to sweep: the job's own process has ended. */
void js_ending_begin(struct js_ending *ending);

/* The state that all jobs of a runner share. */
struct js_endings;

/* All of these must outlive the struct js_endings. */
struct js_endings_means {
    const struct js_runner_config *config;
    bool (*is_job)(pid_t pid, void *arg); /* is it a running job's own? */
    /* True if one of the first `number` jobs has not ended yet. */
    bool (*is_any_on)(uint64_t number, void *arg);
    void *arg;
};

struct js_endings *js_endings_new(const struct js_endings_means *means);
void js_endings_free(struct js_endings *endings); /* NULL is allowed */

/* Returns the number of a job that is about to start. */
uint64_t js_endings_number(struct js_endings *endings);

/* Records that a child was reaped, and that it was no job's own process. */
void js_endings_reaped(struct js_endings *endings, pid_t pid);

/* Records whether this process has any children. */
void js_endings_set_children(struct js_endings *endings, bool has_children);

/* Checks what the job has left behind, and signals it. */
enum js_ending_state js_endings_look(struct js_endings *endings,
                                     struct js_ending *ending,
                                     const struct js_ending_job *job);

/* Does the same when ending->wake_ns has come. */
enum js_ending_state js_endings_wake(struct js_endings *endings,
                                     struct js_ending *ending,
                                     const struct js_ending_job *job,
                                     int64_t now_ns);

/* True if a process that was given up is still alive. */
bool js_endings_has_abandoned(const struct js_endings *endings);

/* Checks the strangers if a child was reaped (has_news) or their check is due.
 * is_idle: no slot has a job. Returns JS_ENDING_GIVEN_UP if some of them do not
 * end. */
enum js_ending_state js_endings_look_at_strangers(struct js_endings *endings,
                                                  bool has_news, bool is_idle);
int64_t js_endings_wake_ns(const struct js_endings *endings);

#endif
