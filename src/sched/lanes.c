#include "sched/lanes.h"

#include <string.h>

bool js_job_is_alike(const struct js_job *a, const struct js_job *b)
{
    return a->request.cores == b->request.cores &&
           a->request.gpus == b->request.gpus &&
           a->request.mem_bytes == b->request.mem_bytes &&
           js_request_nodes(&a->request) == js_request_nodes(&b->request) &&
           a->avoid == b->avoid && (a->losses > 0) == (b->losses > 0);
}

/* The link to its lane, or to where there are no more. */
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

/* Its first job is another one: it goes where that one's place is. */
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

void js_lanes_release(struct js_lanes *lanes)
{
    while (lanes->first)
        js_job_free(js_lanes_take(lanes, &lanes->first));
    memset(lanes, 0, sizeof(*lanes));
}
