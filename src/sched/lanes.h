/*
 * lanes - jobs that wait for room, with one lane for each kind of need.
 *
 * If there is no room for the first job of a lane, there is none for those
 * behind it. So a search for a job that can run considers only the first job of
 * each lane. Across the lanes the jobs still have one order: the order in which
 * they were put in, except that jobs put in front come before all others.
 *
 * Two jobs are of one kind if they need the same resources, avoid the same
 * slave, and both or neither were lost with a slave before.
 *
 * Owns the jobs in it. All zero is empty. It cannot fail, because the lanes are
 * links in the jobs themselves.
 */
#ifndef JS_SCHED_LANES_H
#define JS_SCHED_LANES_H

#include "list/job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct js_lanes {
    struct js_job *first; /* the first of all jobs. It begins the first lane;
                             its `lane` is the first job of the second lane, and
                             so on, in the order of the jobs */
    uint64_t count;       /* jobs */
    size_t lane_count;
    int64_t front, back; /* the positions last given at the two ends */
};

bool js_job_is_alike(const struct js_job *a, const struct js_job *b);

/* Put a job behind all others, or before them. The first function takes as many
 * steps as there are lanes. */
void js_lanes_push(struct js_lanes *lanes, struct js_job *job);
void js_lanes_push_front(struct js_lanes *lanes, struct js_job *job);

/* Takes out the first job of a lane. `link` is &lanes->first or &first->lane of
 * the lane before. *link is the next lane in order afterwards. */
struct js_job *js_lanes_take(struct js_lanes *lanes, struct js_job **link);

/*
 * One search through the first jobs of the lanes for a job that has room. It
 * remembers the requests for which there was none, so that a job that asks for
 * as much as an earlier one, or more, costs no search. All zero when it begins.
 */
enum { JS_LANES_REFUSED_MAX = 8 }; /* further requests are not remembered */
struct js_lanes_look {
    struct js_request refused[JS_LANES_REFUSED_MAX];
    unsigned avoid[JS_LANES_REFUSED_MAX];
    unsigned count;
    bool is_plain; /* no slave has room for a plain job */
    bool is_any;   /* a job further ahead waits for more than an empty slave */
};

bool js_lanes_was_refused(const struct js_lanes_look *look,
                          const struct js_job *job);
void js_lanes_refuse(struct js_lanes_look *look, const struct js_job *job);

void js_lanes_release(struct js_lanes *lanes); /* frees all jobs */

/* Recounts the jobs and lanes, and aborts if a count or the order is wrong. */
void js_lanes_assert_invariants(const struct js_lanes *lanes);

#endif
