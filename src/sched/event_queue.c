#include "sched/event_queue.h"

#include <stdlib.h>
#include <string.h>

enum { HEAP_MIN = 64 };

static bool is_before(const struct js_event *a, const struct js_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static int event_queue_grow(struct js_event_queue *event_queue)
{
    if (event_queue->count < event_queue->size)
        return 0;
    size_t size = event_queue->size ? 2 * event_queue->size : HEAP_MIN;
    struct js_event *heap = realloc(event_queue->heap, size * sizeof(*heap));
    if (!heap)
        return -1;
    event_queue->heap = heap;
    event_queue->size = size;
    return 0;
}

/* The order makes events at the same time leave in the order in which they
 * came, which a heap alone does not. */
int js_event_queue_put(struct js_event_queue *event_queue,
                       const struct js_event *event)
{
    struct js_event own = *event;
    if (event_queue_grow(event_queue) < 0)
        return -1;
    own.order = event_queue->put++;
    struct js_event *heap = event_queue->heap;
    size_t at = event_queue->count++;
    for (; at > 0 && is_before(&own, &heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = own;
    return 0;
}

/* Moves the last event to the front and restores the heap. */
static void sink_last(struct js_event_queue *event_queue)
{
    struct js_event *heap = event_queue->heap;
    size_t count = --event_queue->count;
    const struct js_event *last = &heap[count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < count && is_before(&heap[child + 1], &heap[child]))
            child++;
        if (child >= count || !is_before(&heap[child], last))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = *last;
}

bool js_event_queue_take(struct js_event_queue *event_queue,
                         struct js_event *ret)
{
    if (event_queue->count == 0)
        return false;
    *ret = event_queue->heap[0];
    sink_last(event_queue);
    return true;
}

void js_event_queue_release(struct js_event_queue *event_queue)
{
    free(event_queue->heap);
    memset(event_queue, 0, sizeof(*event_queue));
}
