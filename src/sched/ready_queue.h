/*
 * ready_queue - jobs that wait: those that may run, in their order, and those
 * that are held until others have ended, by their place in the input.
 *
 * Both own the jobs in them, and are empty when all zero.
 */
#ifndef JS_SCHED_READY_QUEUE_H
#define JS_SCHED_READY_QUEUE_H

#include "list/job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A queue by priority (higher first), run time and place in the input; see
 * sched/scheduler.h. Jobs that arrive in this order, as most job files have
 * them, take constant time. */
struct js_ready_queue {
    bool longest_first;
    size_t count;
    struct js_job_queue in_order; /* jobs in order, up to `last`; a new job that
                                     belongs before `last` goes to the heap */
    struct js_job *last;          /* the last of in_order */
    struct js_job **heap;         /* all others */
    size_t heap_count, heap_size;
};

/* Returns 0, or -1 with errno ENOMEM; the job is still the caller's then. */
int js_ready_queue_push(struct js_ready_queue *ready, struct js_job *job);
struct js_job *js_ready_queue_pop(struct js_ready_queue *ready); /* or NULL */
void js_ready_queue_release(struct js_ready_queue *ready);

/* Recounts the jobs, and aborts if the count or an order is wrong. */
void js_ready_queue_assert_invariants(const struct js_ready_queue *ready);

/* The held jobs, in a hash table by seq. */
struct js_held {
    size_t count;
    struct js_job **buckets; /* lists linked by `next` */
    size_t bucket_count;     /* a power of two, or 0 */
};

int js_held_put(struct js_held *held,
                struct js_job *job); /* returns as js_ready_queue_push() */
struct js_job *js_held_take(struct js_held *held, uint64_t seq); /* or NULL */
void js_held_release(struct js_held *held);
void js_held_assert_invariants(const struct js_held *held);

#endif
