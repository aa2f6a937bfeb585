/*
 * event queue - what is to happen when, on a clock that is only simulated.
 *
 * A heap of plain values: the earliest first, and of those at the same time the
 * one that was put there first. All zero is empty.
 */
#ifndef JS_SCHED_EVENT_QUEUE_H
#define JS_SCHED_EVENT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct js_event {
    int64_t at_ns;
    uint64_t order; /* set by js_event_queue_put() */
    /* The caller's. */
    int64_t since_ns;
    uint64_t number;
    unsigned slave;
    int kind;
};

struct js_event_queue {
    struct js_event *heap;
    size_t count, size;
    uint64_t put; /* so far */
};

/* 0, or -1 with errno ENOMEM. */
int js_event_queue_put(struct js_event_queue *event_queue,
                       const struct js_event *event);

/* Takes out the next one; false if there is none. */
bool js_event_queue_take(struct js_event_queue *event_queue,
                         struct js_event *ret);

void js_event_queue_release(struct js_event_queue *event_queue);

#endif
