/*
 * ready_queue - jobs that wait for a round (the ready queue), and for room (the
 * lanes).
 *
 * Both own the jobs in them, and are empty when all zero. The scheduler decides
 * which job waits where, and for how long (sched/scheduler.h).
 */
#ifndef JS_SCHED_READY_QUEUE_H
#define JS_SCHED_READY_QUEUE_H

#include "base/heap.h"
#include "list/job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ------------------------------------------------- for a round */

/* A queue by priority (higher first), longest path and place in the input; see
 * sched/scheduler.h. A job that arrives in this order, as in most job files,
 * takes constant time. */
struct js_ready_queue {
    bool longest_first;
    size_t count;
    struct js_job_queue in_order; /* jobs in order, up to `last`; a new job that
                                     belongs before `last` goes to the heap */
    struct js_job *last;          /* the last of in_order */
    struct js_heap others;        /* struct js_job *: all others */
};

/* Returns 0, or -1 with errno ENOMEM; then the caller still owns the job. */
int js_ready_queue_push(struct js_ready_queue *ready, struct js_job *job);
struct js_job *js_ready_queue_pop(struct js_ready_queue *ready); /* or NULL */
void js_ready_queue_release(struct js_ready_queue *ready);

/* Recounts the jobs, and aborts if the count or an order is wrong. */
void js_ready_queue_assert_invariants(const struct js_ready_queue *ready);

/* ------------------------------------------------- for room */

/*
 * Jobs that wait for room, with one lane for each kind of need. If there is no
 * room for the first job of a lane, there is none for those behind it. So a
 * search for a job that can run considers only the first job of each lane.
 * Across the lanes the jobs still have one order: the order in which they were
 * added, except that jobs added in front come before all others.
 *
 * Two jobs are of one kind (js_job_is_alike()) if they need the same resources,
 * avoid the same slave, and both or neither were lost with a slave before.
 *
 * Nothing here can fail, because the lanes are links in the jobs themselves.
 */
struct js_lanes {
    struct js_job *first; /* the first of all jobs. It begins the first lane;
                             its `lane` is the first job of the second lane, and
                             so on, in the order of the jobs */
    uint64_t count;       /* jobs */
    size_t lane_count;
    int64_t front, back; /* the positions last given at the two ends */
};

bool js_job_is_alike(const struct js_job *a, const struct js_job *b);

/* Add a job behind all others, or before them. The first function takes as many
 * steps as there are lanes. */
void js_lanes_push(struct js_lanes *lanes, struct js_job *job);
void js_lanes_push_front(struct js_lanes *lanes, struct js_job *job);

/* Takes out the first job of a lane. `link` is &lanes->first or &first->lane of
 * the lane before. Afterwards *link is the next lane in order. */
struct js_job *js_lanes_take(struct js_lanes *lanes, struct js_job **link);

/*
 * One search through the first jobs of the lanes for a job that has room. It
 * remembers the requests for which there was none, so that a job that needs at
 * least as much as an earlier one costs no search. It must be all zero at the
 * start.
 */
enum { JS_LANES_REFUSED_MAX = 8 }; /* further requests are not remembered */
struct js_lanes_look {
    struct js_request refused[JS_LANES_REFUSED_MAX];
    unsigned avoid[JS_LANES_REFUSED_MAX];
    unsigned count;
    bool is_plain; /* no slave has room for a plain job */
    bool is_any;   /* a job further ahead waits for more than an empty slave */
};

/* The requests are not cleared: `count` is the number of those that are set. */
static inline void js_lanes_look_begin(struct js_lanes_look *look)
{
    look->count = 0;
    look->is_plain = look->is_any = false;
}

bool js_lanes_was_refused(const struct js_lanes_look *look,
                          const struct js_job *job);
void js_lanes_refuse(struct js_lanes_look *look, const struct js_job *job);

void js_lanes_release(struct js_lanes *lanes); /* frees all jobs */

/* Recounts the jobs and lanes, and aborts if a count or the order is wrong. */
void js_lanes_assert_invariants(const struct js_lanes *lanes);

#endif
