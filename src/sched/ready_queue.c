#include "sched/ready_queue.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS_MIN = 64, HEAP_MIN = 64 };

/* ------------------------------------------------- the order */

/* A job with an unknown run time goes first, because it may be a long one. */
static int64_t ready_queue_length_of(const struct js_job *job)
{
    return job->expected_ns < 0 ? INT64_MAX : job->expected_ns;
}

static bool goes_before(const struct js_ready_queue *ready,
                        const struct js_job *a, const struct js_job *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority;
    if (ready->longest_first &&
        ready_queue_length_of(a) != ready_queue_length_of(b))
        return ready_queue_length_of(a) > ready_queue_length_of(b);
    return a->seq < b->seq;
}

/* ------------------------------------------------- the heap */

/* The heap only holds jobs that came out of order, so it is empty for most
 * lists. */
static int grow_heap(struct js_ready_queue *ready)
{
    if (ready->heap_count < ready->heap_size)
        return 0;
    size_t size = ready->heap_size ? 2 * ready->heap_size : HEAP_MIN;
    struct js_job **heap = realloc(ready->heap, size * sizeof(struct js_job *));
    if (!heap)
        return -1;
    ready->heap = heap;
    ready->heap_size = size;
    return 0;
}

static int push_heap(struct js_ready_queue *ready, struct js_job *job)
{
    if (grow_heap(ready) < 0)
        return -1;
    struct js_job **heap = ready->heap;
    size_t at = ready->heap_count++;
    while (at > 0 && goes_before(ready, job, heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = job;
    return 0;
}

static struct js_job *pop_heap(struct js_ready_queue *ready)
{
    struct js_job **heap = ready->heap;
    struct js_job *first = heap[0];
    size_t count = --ready->heap_count;
    struct js_job *job = heap[count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < count &&
            goes_before(ready, heap[child + 1], heap[child]))
            child++;
        if (child >= count || !goes_before(ready, heap[child], job))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = job;
    return first;
}

/* ------------------------------------------------- both */

/* A job that does not belong before the last one is appended in constant time.
 * Priorities that alternate end up in the heap. */
int js_ready_queue_push(struct js_ready_queue *ready, struct js_job *job)
{
    if (ready->in_order.head && goes_before(ready, job, ready->last)) {
        if (push_heap(ready, job) < 0)
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
    const struct js_job *first = ready->in_order.head;
    if (ready->count == 0)
        return NULL;
    ready->count--;
    if (!first ||
        (ready->heap_count > 0 && goes_before(ready, ready->heap[0], first)))
        return pop_heap(ready);
    return js_job_queue_pop(&ready->in_order);
}

void js_ready_queue_release(struct js_ready_queue *ready)
{
    js_job_queue_release(&ready->in_order);
    for (size_t i = 0; i < ready->heap_count; i++)
        js_job_free(ready->heap[i]);
    free(ready->heap);
    *ready = (struct js_ready_queue){.longest_first = ready->longest_first};
}

void js_ready_queue_assert_invariants(const struct js_ready_queue *ready)
{
    const struct js_job *last = NULL;
    for (const struct js_job *job = ready->in_order.head; job;
         job = job->next) {
        JS_INVARIANT(!last || !goes_before(ready, job, last));
        last = job;
    }
    JS_INVARIANT(!last || ready->last == last);
    js_job_queue_assert_invariants(&ready->in_order);
    for (size_t i = 1; i < ready->heap_count; i++)
        JS_INVARIANT(
            !goes_before(ready, ready->heap[i], ready->heap[(i - 1) / 2]));
    JS_INVARIANT(ready->count == ready->in_order.count + ready->heap_count);
}

/* ------------------------------------------------- held */

/* Numbers of jobs are consecutive, so they need no hashing. */
static struct js_job **ready_queue_bucket_of(const struct js_held *held,
                                             uint64_t seq)
{
    return &held->buckets[seq & (held->bucket_count - 1)];
}

static void put_in_bucket(struct js_held *held, struct js_job *job)
{
    struct js_job **bucket = ready_queue_bucket_of(held, job->seq);
    job->next = *bucket;
    *bucket = job;
}

static int grow_table(struct js_held *held)
{
    if (held->count < held->bucket_count)
        return 0;
    size_t old_count = held->bucket_count;
    struct js_job **old = held->buckets;
    size_t count = old_count ? 2 * old_count : BUCKETS_MIN;
    struct js_job **buckets = calloc(count, sizeof(struct js_job *));
    if (!buckets)
        return -1;
    held->buckets = buckets;
    held->bucket_count = count;
    for (size_t i = 0; i < old_count; i++) {
        for (struct js_job *job = old[i], *next; job; job = next) {
            next = job->next;
            put_in_bucket(held, job);
        }
    }
    free(old);
    return 0;
}

int js_held_put(struct js_held *held, struct js_job *job)
{
    if (grow_table(held) < 0)
        return -1;
    put_in_bucket(held, job);
    held->count++;
    return 0;
}

struct js_job *js_held_take(struct js_held *held, uint64_t seq)
{
    if (held->bucket_count == 0)
        return NULL;
    struct js_job **link = ready_queue_bucket_of(held, seq);
    while (*link && (*link)->seq != seq)
        link = &(*link)->next;
    struct js_job *job = *link;
    if (!job)
        return NULL;
    *link = job->next;
    job->next = NULL;
    held->count--;
    return job;
}

void js_held_release(struct js_held *held)
{
    for (size_t i = 0; i < held->bucket_count; i++) {
        while (held->buckets[i]) {
            struct js_job *job = held->buckets[i];
            held->buckets[i] = job->next;
            js_job_free(job);
        }
    }
    free(held->buckets);
    memset(held, 0, sizeof(*held));
}

void js_held_assert_invariants(const struct js_held *held)
{
    size_t count = 0;
    for (size_t i = 0; i < held->bucket_count; i++) {
        for (const struct js_job *job = held->buckets[i]; job; job = job->next)
            count += (job->seq & (held->bucket_count - 1)) == i;
    }
    JS_INVARIANT(held->count == count);
}
