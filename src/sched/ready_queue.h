/*
 * ready_queue - jobs that wait: those that may run, by their order, and those
 * that are held until others have ended, by their place in the input.
 *
 * Both own the jobs in them and start as all zero.
 */
#ifndef JS_SCHED_READY_QUEUE_H
#define JS_SCHED_READY_QUEUE_H

#include "list/job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A queue by priority (higher first), run time and place in the input: see
 * sched/scheduler.h. What comes in its order, as a job file mostly does, costs
 * constant time. */
struct js_ready_queue {
    bool longest_first;
    size_t count;
    struct js_job_queue in_order; /* nothing behind the last of it goes first */
    struct js_job *last;          /* of in_order */
    struct js_job **heap;         /* all others */
    size_t heap_count, heap_size;
};

/* 0, or -1 with errno ENOMEM: then the job is still the caller's. */
int js_ready_queue_push(struct js_ready_queue *ready, struct js_job *job);
struct js_job *js_ready_queue_pop(struct js_ready_queue *ready); /* or NULL */
void js_ready_queue_release(struct js_ready_queue *ready);

/* Recounts the jobs, and aborts if the count or an order is wrong. */
void js_ready_queue_assert_invariants(const struct js_ready_queue *ready);

/* A table by seq. */
struct js_held {
    size_t count;
    struct js_job **buckets; /* lists through `next` */
    size_t bucket_count;     /* a power of two, or 0 */
};

int js_held_put(struct js_held *held,
                struct js_job *job); /* as js_ready_queue_push */
struct js_job *js_held_take(struct js_held *held, uint64_t seq); /* or NULL */
void js_held_release(struct js_held *held);
void js_held_assert_invariants(const struct js_held *held);

#endif
