/*
 * heap - holds elements of one size; the first one in some order comes out
 * next.
 *
 * A binary heap of plain values; `size` is that of an element. Elements of
 * which neither comes before the other come out in any order. The functions are
 * inline, so that the element and the order are known when the caller is
 * compiled: function calls would slow down the queues of the scheduler.
 */
#ifndef JS_BASE_HEAP_H
#define JS_BASE_HEAP_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* All zero means empty. Every parent goes before its children: element i before
 * elements 2 * i + 1 and 2 * i + 2, or neither before the other. */
struct js_heap {
    char *elements; /* owned */
    size_t count, capacity;
};

/* True if `a` must come out before `b`. */
typedef bool (*js_heap_before_fn)(const void *a, const void *b,
                                  const void *arg);

static inline void *js_heap_at(const struct js_heap *heap, size_t size,
                               size_t index)
{
    return heap->elements + index * size;
}

/* Copies the element. Returns 0, or -1 with errno ENOMEM. */
static inline int js_heap_put(struct js_heap *heap, size_t size,
                              const void *element, js_heap_before_fn is_before,
                              const void *arg)
{
    if (heap->count == heap->capacity) {
        char *elements =
            js_buf_grow(heap->elements, &heap->capacity, heap->count + 1, size);
        if (!elements)
            return -1;
        heap->elements = elements;
    }
    size_t at = heap->count++;
    for (; at > 0; at = (at - 1) / 2) {
        const void *parent = js_heap_at(heap, size, (at - 1) / 2);
        if (!is_before(element, parent, arg))
            break;
        memcpy(js_heap_at(heap, size, at), parent, size);
    }
    memcpy(js_heap_at(heap, size, at), element, size);
    return 0;
}

/* Takes the first element out. Returns false if there is none. */
static inline bool js_heap_take(struct js_heap *heap, size_t size, void *ret,
                                js_heap_before_fn is_before, const void *arg)
{
    if (heap->count == 0)
        return false;
    memcpy(ret, heap->elements, size);
    /* Finds a place for the last element, from the top. */
    size_t count = --heap->count, at = 0;
    const void *last = js_heap_at(heap, size, count);
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < count && is_before(js_heap_at(heap, size, child + 1),
                                           js_heap_at(heap, size, child), arg))
            child++;
        if (child >= count ||
            !is_before(js_heap_at(heap, size, child), last, arg))
            break;
        memcpy(js_heap_at(heap, size, at), js_heap_at(heap, size, child), size);
        at = child;
    }
    memmove(js_heap_at(heap, size, at), last, size);
    return true;
}

static inline void js_heap_release(struct js_heap *heap)
{
    free(heap->elements);
    *heap = (struct js_heap){0};
}

#endif
