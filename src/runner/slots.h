/*
 * runner_jobs - the slots of a runner and the jobs in them.
 *
 *     FREE --start--> RUNNING --its process has ended--> ENDING
 *     ENDING --nothing of it is left--> FREE, reported
 *     FREE --start, refused for a passing reason--> WAITING --tried again-->
 *         RUNNING, or FREE and reported
 *
 * With nothing left behind ENDING lasts no time. Calls that can fail return
 * -1 with errno when the runner cannot go on.
 */
#ifndef JS_RUNNER_SLOTS_H
#define JS_RUNNER_SLOTS_H

#include "runner/runner.h"
#include "runner/channel.h"

#include <stdbool.h>
#include <stdint.h>

struct js_jobs;

/* What stays the caller's and must outlive it. */
struct js_jobs_means {
    const struct js_runner_config *config;
    struct js_channel *channel; /* gets the events */
    int null_in;                /* /dev/null, to read and to write */
    int null_out;
};

struct js_jobs *js_jobs_new(const struct js_jobs_means *means);
void js_jobs_free(struct js_jobs *jobs); /* leaves processes alone */

/* errno EBADMSG: there is no such free slot. */
int js_jobs_start(struct js_jobs *jobs, const struct js_runner_job *job);

/* A free slot, of several the one that was freed first; false: there is none.
 */
bool js_jobs_free_slot(const struct js_jobs *jobs, uint32_t *ret);

/* How long jobs ran lately, on average; 0 before the first has ended. */
int64_t js_jobs_run_ns(const struct js_jobs *jobs);

/* Ends the job of the slot, if there is one: with JS_CAUSE_STOPPED; or, with
 * JS_RUNNER_LET_RUN, whatever waits to be started, from then on. */
int js_jobs_end(struct js_jobs *jobs, uint32_t slot, int64_t grace_ns);

/* How long a job without a timeout of its own may run; 0: without end. */
void js_jobs_limit(struct js_jobs *jobs, int64_t timeout_ns);

/* Children have ended (SIGCHLD). */
int js_jobs_reap(struct js_jobs *jobs);

/* Does what is due. */
int js_jobs_tick(struct js_jobs *jobs);

/* When js_jobs_tick() has something to do; JS_NEVER_NS: not by itself. */
int64_t js_jobs_wake_ns(const struct js_jobs *jobs);

#endif
