/*
 * slots - the slots of a runner, and the life of the job in each.
 *
 *     FREE --start--> RUNNING --its process has ended--> ENDING
 *     ENDING --nothing of it is left--> FREE, reported
 *     FREE --start, refused for a temporary reason--> WAITING --tried again-->
 *         RUNNING, or FREE and reported
 *
 * A start whose calls on files hang is STARTING meanwhile, and an end CLOSING:
 * only that slot waits for them (runner/job_calls.h). A job that must end then
 * does so within its grace period, whether its calls return or not.
 *
 * A job that leaves nothing behind passes through ENDING at once; what ENDING
 * does is in runner/ending.h. A call that can fail returns -1 with errno if the
 * runner cannot go on.
 */
#ifndef JS_RUNNER_SLOTS_H
#define JS_RUNNER_SLOTS_H

#include "runner/channel.h"
#include "runner/runner.h"

#include <stdbool.h>
#include <stdint.h>

struct js_slots;

/* These belong to the caller and must outlive it. */
struct js_slots_means {
    const struct js_runner_config *config;
    struct js_channel *channel; /* gets the events */
    int null_in;                /* /dev/null, to read and to write */
    int null_out;
};

struct js_slots *js_slots_new(const struct js_slots_means *means);
void js_slots_free(struct js_slots *slots); /* leaves processes alone */

/* Starts the job in its slot. Fails with errno EBADMSG if there is no such free
 * slot. */
int js_slots_start(struct js_slots *slots, const struct js_runner_job *job);

/* Finds the slot that has been free longest. Returns false if none is free.
 */
bool js_slots_free_slot(const struct js_slots *slots, uint32_t *ret);

/* Returns the average run time of the last jobs, or 0 before the first has
 * ended. */
int64_t js_slots_run_ns(const struct js_slots *slots);

/* Ends the job of the slot, if there is one, with JS_STOP_REASON_STOPPED. With
 * JS_RUNNER_LET_RUN as the grace period, it ends only jobs that wait to be
 * started, in all slots and from then on. */
int js_slots_end(struct js_slots *slots, uint32_t slot, int64_t grace_ns);

/* Sets how long a job without a timeout of its own may run; 0: for ever. */
void js_slots_limit(struct js_slots *slots, int64_t timeout_ns);

/* Call it when children have ended (SIGCHLD). */
int js_slots_reap(struct js_slots *slots);

/* Does the work that is due. */
int js_slots_tick(struct js_slots *slots);

/* A descriptor that becomes readable when js_slots_tick() has something to do;
 * -1: only the time matters. NULL is allowed. */
int js_slots_fd(const struct js_slots *slots);

/* Returns when js_slots_tick() next has something to do; JS_NEVER_NS: never. */
int64_t js_slots_wake_ns(const struct js_slots *slots);

#endif
