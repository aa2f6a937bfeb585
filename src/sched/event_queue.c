#include "sched/event_queue.h"

#include <stdlib.h>
#include <string.h>

enum { HEAP_MIN = 64 };

static bool is_before(const struct js_event *a, const struct js_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static int grow(struct js_agenda *agenda)
{
    if (agenda->count < agenda->size)
        return 0;
    size_t size = agenda->size ? 2 * agenda->size : HEAP_MIN;
    struct js_event *heap = realloc(agenda->heap, size * sizeof(*heap));
    if (!heap)
        return -1;
    agenda->heap = heap;
    agenda->size = size;
    return 0;
}

int js_agenda_put(struct js_agenda *agenda, const struct js_event *event)
{
    struct js_event own = *event;
    if (grow(agenda) < 0)
        return -1;
    own.order = agenda->put++;
    struct js_event *heap = agenda->heap;
    size_t at = agenda->count++;
    for (; at > 0 && is_before(&own, &heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = own;
    return 0;
}

/* Puts the last one where the first was. */
static void sink_last(struct js_agenda *agenda)
{
    struct js_event *heap = agenda->heap;
    size_t count = --agenda->count;
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

bool js_agenda_take(struct js_agenda *agenda, struct js_event *ret)
{
    if (agenda->count == 0)
        return false;
    *ret = agenda->heap[0];
    sink_last(agenda);
    return true;
}

void js_agenda_release(struct js_agenda *agenda)
{
    free(agenda->heap);
    memset(agenda, 0, sizeof(*agenda));
}
