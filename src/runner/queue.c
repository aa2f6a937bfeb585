#include "runner/queue.h"

#include <stdlib.h>

enum { CAPACITY_MIN = 16 };

void js_runner_queue_release(struct js_runner_queue *queue)
{
    for (size_t i = 0; i < queue->capacity; i++)
        js_buf_release(&queue->items[i]);
    free(queue->items);
    *queue = (struct js_runner_queue){0};
}

/* Moves the ring to one of twice the size, its head to the front. */
static int runner_queue_grow(struct js_runner_queue *queue)
{
    size_t capacity = queue->capacity ? 2 * queue->capacity : CAPACITY_MIN;
    struct js_buf *items = calloc(capacity, sizeof(*items));
    if (!items)
        return -1;
    for (size_t i = 0; i < queue->capacity; i++)
        items[i] = queue->items[(queue->head + i) % queue->capacity];
    free(queue->items);
    queue->items = items;
    queue->capacity = capacity;
    queue->head = 0;
    return 0;
}

int js_runner_queue_push(struct js_runner_queue *queue, const void *bytes,
                         size_t len)
{
    if (queue->count == queue->capacity && runner_queue_grow(queue) < 0)
        return -1;
    struct js_buf *item =
        &queue->items[(queue->head + queue->count) % queue->capacity];
    item->len = 0;
    if (js_buf_append(item, bytes, len) < 0)
        return -1;
    queue->count++;
    return 0;
}

const struct js_buf *js_runner_queue_pop(struct js_runner_queue *queue)
{
    if (queue->count == 0)
        return NULL;
    const struct js_buf *item = &queue->items[queue->head];
    queue->head = (queue->head + 1) % queue->capacity;
    queue->count--;
    return item;
}

size_t js_runner_queue_clear(struct js_runner_queue *queue)
{
    size_t count = queue->count;
    queue->count = 0;
    return count;
}
