/*
 * event queue - events of a simulation, ordered by simulated time.
 *
 * A heap of plain values. The earliest event comes first; among events at the
 * same time, the one that was put in first. All zero is empty.
 */
#ifndef JS_SCHED_EVENT_QUEUE_H
#define JS_SCHED_EVENT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct js_event {
    int64_t at_ns;
    uint64_t order; /* set by js_event_queue_put() */
    /* For the caller's use. */
    int64_t since_ns;
    uint64_t number;
    unsigned slave;
    int kind;
};

struct js_event_queue {
    struct js_event *heap;
    size_t count, size;
    uint64_t put; /* number of events put in so far */
};

/* Returns 0, or -1 with errno ENOMEM. */
int js_event_queue_put(struct js_event_queue *event_queue,
                       const struct js_event *event);

/* Takes out the next event. Returns false if there is none. */
bool js_event_queue_take(struct js_event_queue *event_queue,
                         struct js_event *ret);

void js_event_queue_release(struct js_event_queue *event_queue);

#endif
