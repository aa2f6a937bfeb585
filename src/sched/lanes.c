#include "sched/lanes.h"

#include "base/err.h"

#include <string.h>

/* Whatever decides whether a job has room must be compared here. Otherwise a
 * job would hide behind one that has none. */
bool js_job_is_alike(const struct js_job *a, const struct js_job *b)
{
    return a->request.cores == b->request.cores &&
           a->request.gpus == b->request.gpus &&
           a->request.mem_bytes == b->request.mem_bytes &&
           js_request_nodes(&a->request) == js_request_nodes(&b->request) &&
           a->avoid == b->avoid && (a->losses > 0) == (b->losses > 0);
}

/* Returns the link to the job's lane, or to the end if it has none. */
static struct js_job **find_lane(struct js_lanes *lanes,
                                 const struct js_job *job)
{
    struct js_job **link = &lanes->first;
    while (*link && !js_job_is_alike(*link, job))
        link = &(*link)->lane;
    return link;
}

void js_lanes_push(struct js_lanes *lanes, struct js_job *job)
{
    struct js_job **link = find_lane(lanes, job);
    job->next = job->lane = NULL;
    job->lane_place = ++lanes->back;
    lanes->count++;
    if (*link) {
        (*link)->lane_last->next = job;
        (*link)->lane_last = job;
        return;
    }
    job->lane_last = job;
    *link = job;
    lanes->lane_count++;
}

/* The job's lane moves to the front together with it, because the order of the
 * lanes is that of their first jobs. */
void js_lanes_push_front(struct js_lanes *lanes, struct js_job *job)
{
    struct js_job **link = find_lane(lanes, job);
    struct js_job *alike = *link;
    if (alike)
        *link = alike->lane;
    else
        lanes->lane_count++;
    job->next = alike;
    job->lane_last = alike ? alike->lane_last : job;
    job->lane_place = --lanes->front;
    job->lane = lanes->first;
    lanes->first = job;
    lanes->count++;
}

/* Puts a lane whose first job has changed back into the order, which is that of
 * the first jobs. */
static void put_lane(struct js_job **link, struct js_job *first)
{
    while (*link && (*link)->lane_place < first->lane_place)
        link = &(*link)->lane;
    first->lane = *link;
    *link = first;
}

struct js_job *js_lanes_take(struct js_lanes *lanes, struct js_job **link)
{
    struct js_job *job = *link;
    struct js_job *next = job->next;
    *link = job->lane;
    lanes->count--;
    if (next) {
        next->lane_last = job->lane_last;
        put_lane(link, next);
    } else {
        lanes->lane_count--;
    }
    job->next = job->lane = job->lane_last = NULL;
    return job;
}

/* Comparing with a few refused requests is cheaper than a search through all
 * nodes. */
bool js_lanes_was_refused(const struct js_lanes_look *look,
                          const struct js_job *job)
{
    for (unsigned i = 0; i < look->count; i++) {
        const struct js_request *request = &look->refused[i];
        if (look->avoid[i] == job->avoid &&
            js_request_nodes(&job->request) >= js_request_nodes(request) &&
            job->request.cores >= request->cores &&
            job->request.gpus >= request->gpus &&
            job->request.mem_bytes >= request->mem_bytes)
            return true;
    }
    return false;
}

void js_lanes_refuse(struct js_lanes_look *look, const struct js_job *job)
{
    if (look->count == JS_LANES_REFUSED_MAX)
        return;
    look->avoid[look->count] = job->avoid;
    look->refused[look->count++] = job->request;
}

void js_lanes_release(struct js_lanes *lanes)
{
    while (lanes->first)
        js_job_free(js_lanes_take(lanes, &lanes->first));
    memset(lanes, 0, sizeof(*lanes));
}

void js_lanes_assert_invariants(const struct js_lanes *lanes)
{
    uint64_t jobs = 0;
    size_t count = 0;
    for (const struct js_job *lane = lanes->first; lane; lane = lane->lane) {
        JS_INVARIANT(!lane->lane || lane->lane_place < lane->lane->lane_place);
        const struct js_job *last = lane;
        for (const struct js_job *job = lane; job; job = job->next) {
            JS_INVARIANT(js_job_is_alike(lane, job));
            JS_INVARIANT(job == lane || last->lane_place < job->lane_place);
            last = job;
            jobs++;
        }
        JS_INVARIANT(lane->lane_last == last);
        count++;
    }
    JS_INVARIANT(lanes->count == jobs && lanes->lane_count == count);
}
