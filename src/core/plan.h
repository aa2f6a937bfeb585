/*
 * plan - which job goes to which slave, and when.
 *
 * Owns: every job from js_plan_add() until it is handed back by
 * js_plan_ended(). Knows nothing of messages, processes, files or the clock.
 * A whole run is a sequence of calls, so a test can be one too.
 *
 *     WAITING --its round opens--> DISPATCHED --a slave has room--> ASSIGNED
 *     ASSIGNED --ended--> handed back to the caller
 *     ASSIGNED --returned unstarted--> DISPATCHED
 *     ASSIGNED --its slave is lost--> DISPATCHED, with the next attempt
 *
 * A round is the next round_size waiting jobs (fewer when no more have come
 * in). It opens when some slave has room and no dispatched job is there for
 * it; with a barrier, only when every job dispatched before has ended.
 *
 * Room. A slave runs `slots` jobs at once. While jobs are short it may be
 * given a few more ahead of time, so that it need not wait for the master
 * between two of them; how many follows from the run times seen so far. Never
 * are there more than JS_PLAN_CREDIT jobs sent to a slave that it has not yet
 * acknowledged: that is what keeps MPI_Send from waiting for it.
 */
#ifndef JS_CORE_PLAN_H
#define JS_CORE_PLAN_H

#include "core/job.h"

#include <stdbool.h>
#include <stdint.h>

enum { JS_PLAN_CREDIT = 10 };

/*
 * How much work, by the run times seen so far, a slave may have at hand beyond
 * what it runs. It covers the time until the master has heard of an end and
 * answered; more would only be in the wrong place when a job turns out long.
 */
#define JS_PLAN_AHEAD_NS (50 * INT64_C(1000000))

struct js_plan_config {
    uint32_t round_size; /* jobs, at least 1 */
    bool barrier;
};

struct js_plan;

/* A plan without jobs and slaves. NULL with errno ENOMEM. */
struct js_plan *js_plan_new(const struct js_plan_config *config);

/* Frees the plan and every job in it. NULL is allowed. Keeps errno. */
void js_plan_free(struct js_plan *plan);

/* Slave `number` (a rank, any number from 1 on) can run `slots` (at least 1)
 * jobs at once. Returns 0, or -1 with errno ENOMEM, or EEXIST for one that was
 * added before. */
int js_plan_add_slave(struct js_plan *plan, unsigned number, uint32_t slots);

/* Takes the job, which waits behind all others. */
void js_plan_add(struct js_plan *plan, struct js_job *job);

/* True while fewer jobs wait than the slaves could take at once. */
bool js_plan_wants_jobs(const struct js_plan *plan);

enum js_plan_step {
    JS_PLAN_NOTHING,  /* until something else is told to the plan */
    JS_PLAN_DISPATCH, /* a round opens: *ret.job is one of it (told one by one,
                         all of a round before any of it is assigned) */
    JS_PLAN_ASSIGN,   /* send ret.job to ret.slave under ret.ticket */
};

struct js_plan_decision {
    enum js_plan_step step;
    const struct js_job *job; /* borrowed, valid until it is handed back */
    unsigned slave;
    uint64_t ticket; /* names this assignment: never used twice */
};

/* The next thing to do. Call it until it says JS_PLAN_NOTHING. */
struct js_plan_decision js_plan_next(struct js_plan *plan);

/* The slave has taken in `count` more of the jobs sent to it. */
void js_plan_acknowledged(struct js_plan *plan, unsigned number,
                          uint32_t count);

/*
 * The job under this ticket has ended after `run_ns`. Returns the job, which
 * the caller owns from here on, or NULL for a ticket that this slave does not
 * hold (stale: its job was given to another).
 */
struct js_job *js_plan_ended(struct js_plan *plan, unsigned number,
                             uint64_t ticket, int64_t run_ns);

/* The slave gives the job back unstarted: it goes to the next with room. A
 * stale ticket is ignored. */
void js_plan_returned(struct js_plan *plan, unsigned number, uint64_t ticket);

/* The slave is gone: its jobs run again elsewhere, as their next attempt.
 * An unknown slave is ignored. */
void js_plan_lost(struct js_plan *plan, unsigned number);

/* Jobs in the plan: waiting, dispatched and assigned; and the last alone. */
uint64_t js_plan_held(const struct js_plan *plan);
uint64_t js_plan_assigned(const struct js_plan *plan);

/* How long jobs ran lately, on average; -1 before the first has ended. */
int64_t js_plan_run_ns(const struct js_plan *plan);

/* Slaves added and not lost; and the slots of these together. */
unsigned js_plan_slaves(const struct js_plan *plan);
uint64_t js_plan_slots(const struct js_plan *plan);

#endif
