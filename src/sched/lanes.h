/*
 * lanes - jobs that wait for room: a lane for each kind of need.
 *
 * If there is no room for the first job of a lane there is none for the others
 * behind it, so whoever looks for one that can run looks at the first of each
 * lane only. The jobs have one order all the same, whatever their lanes: that
 * in which they were put in, those put in front before all others.
 *
 * Two jobs are of one kind if they need the same, avoid the same slave, and
 * both or neither were lost with a slave before.
 *
 * Owns the jobs in it. All zero is empty. Cannot fail: the lanes are links in
 * the jobs themselves.
 */
#ifndef JS_SCHED_LANES_H
#define JS_SCHED_LANES_H

#include "list/job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct js_lanes {
    struct js_job *first; /* of all; it begins the first lane, and its `lane` is
                             the first job of the second: by their order */
    uint64_t count;       /* jobs */
    size_t lane_count;
    int64_t front, back; /* the places given last at either end */
};

bool js_job_is_alike(const struct js_job *a, const struct js_job *b);

/* Puts a job behind all others, or before them. The first costs as many steps
 * as there are lanes. */
void js_lanes_push(struct js_lanes *lanes, struct js_job *job);
void js_lanes_push_front(struct js_lanes *lanes, struct js_job *job);

/* Takes out the first job of a lane; `link` is &lanes->first or &first->lane of
 * the lane before. *link is then the lane that is next in order. */
struct js_job *js_lanes_take(struct js_lanes *lanes, struct js_job **link);

/*
 * One look at the first jobs of the lanes, for one that has room: the requests
 * for which there was none. All zero when it begins. So a job that asks for as
 * much as one before it, or for more, costs no search.
 */
enum { JS_LANES_REFUSED_MAX = 8 }; /* those after them are not remembered */
struct js_lanes_look {
    struct js_request refused[JS_LANES_REFUSED_MAX];
    unsigned avoid[JS_LANES_REFUSED_MAX];
    unsigned count;
    bool is_plain; /* no slave has room for any plain job */
    bool is_any;   /* a job in front waits for more than an empty slave */
};

bool js_lanes_was_refused(const struct js_lanes_look *look,
                          const struct js_job *job);
void js_lanes_refuse(struct js_lanes_look *look, const struct js_job *job);

void js_lanes_release(struct js_lanes *lanes); /* frees all */

/* Recounts the jobs and lanes, and aborts if a count or the order is wrong. */
void js_lanes_assert_invariants(const struct js_lanes *lanes);

#endif
