#include "sched/rehearsal.h"

#include <inttypes.h>
#include <stdlib.h>

/* Longer than what a scheduler gives out ahead of time. */
static const int64_t job_ns = 2 * JS_SCHEDULER_AHEAD_NS;

struct begun {
    unsigned slave;
    uint64_t ticket;
};

struct rehearsal {
    struct js_scheduler *scheduler;
    struct js_source *source;
    struct js_buf running; /* struct begun, one behind the other */
    bool has_input;
    struct js_err *err;
};

static int rehearsal_no_memory(struct rehearsal *rehearsal)
{
    return js_err_errno(rehearsal->err, "the rehearsal");
}

static int rehearsal_take_jobs(struct rehearsal *rehearsal)
{
    while (rehearsal->has_input &&
           js_scheduler_wants_jobs(rehearsal->scheduler)) {
        struct js_job *job;
        switch (js_source_next(rehearsal->source, &job, rehearsal->err)) {
        case JS_SOURCE_JOB:
            if (js_scheduler_add(rehearsal->scheduler, job) < 0)
                return rehearsal_no_memory(rehearsal);
            break;
        case JS_SOURCE_LATER: /* a stream: what has come so far */
        case JS_SOURCE_END:
            rehearsal->has_input = false;
            break;
        case JS_SOURCE_ERROR:
        case JS_SOURCE_BROKEN:
            return -1;
        }
    }
    return 0;
}

static int rehearsal_start(struct rehearsal *rehearsal,
                           const struct js_scheduler_decision *next)
{
    struct begun begun = {next->slave, next->ticket};
    js_scheduler_acknowledged(rehearsal->scheduler, next->slave, 1);
    return js_buf_append(&rehearsal->running, &begun, sizeof(begun));
}

/* Starts what can be started now: how many, or -1. */
static int rehearsal_start_jobs(struct rehearsal *rehearsal,
                                js_rehearse_fn started, void *arg)
{
    for (int count = 0;;) {
        struct js_scheduler_decision next =
            js_scheduler_next(rehearsal->scheduler);
        if (next.step == JS_SCHEDULER_NOTHING)
            return count;
        if (next.step == JS_SCHEDULER_NO_MEMORY)
            return rehearsal_no_memory(rehearsal);
        if (next.step != JS_SCHEDULER_ASSIGN)
            continue;
        started(arg, &next);
        if (rehearsal_start(rehearsal, &next) < 0)
            return rehearsal_no_memory(rehearsal);
        count++;
    }
}

static void end_first(struct rehearsal *rehearsal, size_t *at)
{
    const struct begun *begun =
        (const struct begun *)(rehearsal->running.data + *at);
    struct js_outcome outcome = {.run_ns = job_ns};
    struct js_job *job = NULL;
    *at += sizeof(*begun);
    js_scheduler_ended(rehearsal->scheduler, begun->slave, begun->ticket,
                       &outcome, &job);
    js_scheduler_finished(rehearsal->scheduler, job, true);
    js_job_free(job);
}

static int rehearsal_stuck(struct rehearsal *rehearsal)
{
    const struct js_job *job;
    if (!js_scheduler_is_stuck(rehearsal->scheduler, &job))
        return 0;
    return js_err_set(rehearsal->err, "job %" PRIu64 " fits on no slave",
                      job->id);
}

static int rehearsal_play(struct rehearsal *rehearsal, js_rehearse_fn started,
                          void *arg)
{
    size_t at = 0;
    for (;;) {
        if (rehearsal_take_jobs(rehearsal) < 0)
            return -1;
        int count = rehearsal_start_jobs(rehearsal, started, arg);
        if (count < 0)
            return -1;
        if (at < rehearsal->running.len)
            end_first(rehearsal, &at);
        else if (count == 0 && !(rehearsal->has_input &&
                                 js_scheduler_wants_jobs(rehearsal->scheduler)))
            return rehearsal_stuck(rehearsal);
    }
}

int js_rehearse(struct js_scheduler *scheduler, struct js_source *source,
                js_rehearse_fn started, void *arg, struct js_err *err)
{
    struct rehearsal rehearsal = {.scheduler = scheduler,
                                  .source = source,
                                  .has_input = true,
                                  .err = err};
    int rc = rehearsal_play(&rehearsal, started, arg);
    js_buf_release(&rehearsal.running);
    return rc;
}
