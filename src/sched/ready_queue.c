#include "sched/ready_queue.h"

#include "base/err.h"

#include <string.h>

/* ------------------------------------------------- for a round */

/* In the end the place in the input decides, so no two jobs are equal. */
static bool ready_queue_is_before(const struct js_ready_queue *ready,
                                  const struct js_job *a,
                                  const struct js_job *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority;
    if (ready->longest_first) {
        /* A job with an unknown run time goes first: it may be a long one. */
        bool is_a_unknown = a->expected_ns < 0;
        if (is_a_unknown != (b->expected_ns < 0))
            return is_a_unknown;
        if (a->path_ns != b->path_ns)
            return a->path_ns > b->path_ns;
    }
    return a->seq < b->seq;
}

static bool ready_queue_is_pointer_before(const void *a, const void *b,
                                          const void *ready)
{
    return ready_queue_is_before(ready, *(struct js_job *const *)a,
                                 *(struct js_job *const *)b);
}

/* A job that does not belong before the last one is appended in constant time,
 * so the heap is empty for most lists. Jobs with alternating priorities end up
 * in it. */
int js_ready_queue_push(struct js_ready_queue *ready, struct js_job *job)
{
    if (ready->in_order.head &&
        ready_queue_is_before(ready, job, ready->last)) {
        if (js_heap_put(&ready->others, sizeof(struct js_job *), &job,
                        ready_queue_is_pointer_before, ready) < 0)
            return -1;
    } else {
        js_job_queue_push(&ready->in_order, job);
        ready->last = job;
    }
    ready->count++;
    return 0;
}

struct js_job *js_ready_queue_pop(struct js_ready_queue *ready)
{
    struct js_job *const *other =
        ready->others.count > 0 ? (void *)ready->others.elements : NULL;
    const struct js_job *first = ready->in_order.head;
    struct js_job *job = NULL;
    if (ready->count == 0)
        return NULL;
    ready->count--;
    if (first && !(other && ready_queue_is_before(ready, *other, first)))
        return js_job_queue_pop(&ready->in_order);
    js_heap_take(&ready->others, sizeof(struct js_job *), &job,
                 ready_queue_is_pointer_before, ready);
    return job;
}

void js_ready_queue_release(struct js_ready_queue *ready)
{
    struct js_job **others = (void *)ready->others.elements;
    js_job_queue_release(&ready->in_order);
    for (size_t i = 0; i < ready->others.count; i++)
        js_job_free(others[i]);
    js_heap_release(&ready->others);
    *ready = (struct js_ready_queue){.longest_first = ready->longest_first};
}

void js_ready_queue_assert_invariants(const struct js_ready_queue *ready)
{
    struct js_job *const *others = (void *)ready->others.elements;
    const struct js_job *last = NULL;
    for (const struct js_job *job = ready->in_order.head; job;
         job = job->next) {
        JS_INVARIANT(!last || !ready_queue_is_before(ready, job, last));
        last = job;
    }
    JS_INVARIANT(!last || ready->last == last);
    js_job_queue_assert_invariants(&ready->in_order);
    for (size_t i = 1; i < ready->others.count; i++)
        JS_INVARIANT(
            !ready_queue_is_before(ready, others[i], others[(i - 1) / 2]));
    JS_INVARIANT(ready->count == ready->in_order.count + ready->others.count);
}

/* ------------------------------------------------- for room */

/* Everything that decides whether a job has room must be compared here.
 * Otherwise a job with room would wait behind one without. */
bool js_job_is_alike(const struct js_job *a, const struct js_job *b)
{
    return a->request.cores == b->request.cores &&
           a->request.gpus == b->request.gpus &&
           a->request.mem_bytes == b->request.mem_bytes &&
           js_request_nodes(&a->request) == js_request_nodes(&b->request) &&
           a->avoid == b->avoid && (a->losses > 0) == (b->losses > 0);
}

/* Returns the link to the job's lane, or to the end of the lanes if it has
 * none. */
static struct js_job **lanes_find(struct js_lanes *lanes,
                                  const struct js_job *job)
{
    struct js_job **link = &lanes->first;
    while (*link && !js_job_is_alike(*link, job))
        link = &(*link)->lane;
    return link;
}

void js_lanes_push(struct js_lanes *lanes, struct js_job *job)
{
    struct js_job **link = lanes_find(lanes, job);
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
    struct js_job **link = lanes_find(lanes, job);
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

struct js_job *js_lanes_take(struct js_lanes *lanes, struct js_job **link)
{
    struct js_job *job = *link;
    struct js_job *next = job->next;
    *link = job->lane;
    lanes->count--;
    if (next) {
        /* The next job has waited less, so the lane may have to move back: the
         * order of the lanes is that of their first jobs. */
        next->lane_last = job->lane_last;
        while (*link && (*link)->lane_place < next->lane_place)
            link = &(*link)->lane;
        next->lane = *link;
        *link = next;
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
