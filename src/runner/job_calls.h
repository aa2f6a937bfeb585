/*
 * job_calls - the jobs' calls on files that may hang, and the threads that make
 * them.
 *
 * A call (struct js_job_call) is everything that the start and the end of one
 * job use (runner/job_start.h), with copies of all strings of the job. While it
 * is under way, a worker owns the struct, and nobody else may touch it except
 * by the functions here. A loop waits for a call only for a moment; all calls
 * of one turn share that time. So it makes no difference to the other jobs
 * how many calls hang.
 *
 *     IDLE --js_job_calls_do()--> IDLE                      (usually)
 *     IDLE --js_job_calls_do()--> UNDER WAY --js_job_calls_take_back()--> IDLE
 *     UNDER WAY --js_job_calls_abandon()--> never touched again
 */
#ifndef JS_RUNNER_JOB_CALLS_H
#define JS_RUNNER_JOB_CALLS_H

#include "base/background.h"
#include "base/buf.h"
#include "runner/job_start.h"
#include "runner/runner.h"

#include <stdbool.h>
#include <stdint.h>

struct js_job_call {
    struct js_runner_job job; /* points into the fields below */
    struct js_buf text, details_bytes, gpus, hosts;
    struct js_cpuset cpus, numa;
    struct js_job_spec details;
    struct js_job_start start; /* its files stay open from job to job */
    /* Private: */
    struct js_task task;
    struct js_worker *worker; /* NULL: the call is not under way */
    struct js_job_env *env;   /* ... which uses this; NULL: none */
};

struct js_job_calls;

/* The configuration is borrowed. `null_in` and `null_out` are /dev/null, to
 * read and to write. Returns NULL with errno ENOMEM. */
struct js_job_calls *js_job_calls_new(const struct js_runner_config *config,
                                      int null_in, int null_out);

/* What calls that are under way use must stay: if there are any, nothing is
 * freed. NULL is allowed. */
void js_job_calls_free(struct js_job_calls *calls);

/* The folder of the jobs' output. */
const char *js_job_calls_output_folder(const struct js_job_calls *calls);

/* Returns a call for js_job_calls_set(), or NULL with errno ENOMEM. The caller
 * frees it. */
struct js_job_call *js_job_calls_new_call(void);
void js_job_calls_free_call(struct js_job_call *call); /* NULL is allowed */

/* Copies the job. Returns 0, or -1 with errno ENOMEM, or EBADMSG for invalid
 * details. */
int js_job_calls_set(struct js_job_call *call, const struct js_runner_job *job);

/* A new turn of the loop begins. */
void js_job_calls_begin_turn(struct js_job_calls *calls);

/* Starts the job, with js_job_start_launch(). Returns 1 if the call is over, 0
 * if it is under way, or -1 with errno ENOMEM. */
int js_job_calls_launch(struct js_job_calls *calls, struct js_job_call *call);

/* Ends the job, with js_job_start_finish(). Returns true if the call is over,
 * or false if it is under way. */
bool js_job_calls_finish(struct js_job_calls *calls, struct js_job_call *call);

/* True if the call is no longer under way: js_job_calls_take_back() must
 * follow. */
bool js_job_calls_is_over(const struct js_job_call *call);
void js_job_calls_take_back(struct js_job_calls *calls,
                            struct js_job_call *call);

/* Gives up a call that is under way, which then belongs to its worker for good.
 * Whatever it has started must have been killed. Returns a new one to use in
 * its place, whose job has no output and only the slot and id of the other; or
 * NULL with errno ENOMEM, and the call is as it was. */
struct js_job_call *js_job_calls_abandon(struct js_job_calls *calls,
                                         const struct js_job_call *call);

/* A descriptor that becomes readable when a call is over; -1 while none is
 * under way. */
int js_job_calls_fd(const struct js_job_calls *calls);

#endif
