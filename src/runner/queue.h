/*
 * runner_queue - jobs that a runner was given ahead of time, as messages; first
 * in, first out.
 *
 * Knows nothing of what the messages say. All zero is an empty queue.
 */
#ifndef JS_RUNNER_QUEUE_H
#define JS_RUNNER_QUEUE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct js_runner_queue {
    struct js_buf *items; /* a ring; owned, and kept for what comes next */
    size_t capacity, head, count;
};

void js_runner_queue_release(struct js_runner_queue *queue);

/* Copies the message. 0, or -1 with errno ENOMEM. */
int js_runner_queue_push(struct js_runner_queue *queue, const void *bytes,
                         size_t len);

/* The first message, which is the queue's until the next push; NULL: none. */
const struct js_buf *js_runner_queue_pop(struct js_runner_queue *queue);

/* Forgets all of them; returns how many that were. */
size_t js_runner_queue_clear(struct js_runner_queue *queue);

#endif
