/*
 * tournament - keeps the smallest of many keys that change one at a time.
 *
 * Each place 0, 1, 2 ... has a key. To change a key takes one step for each
 * doubling of the number of places, and fewer if the key was not among the
 * smallest. Among equal keys the first place wins. All zero is empty.
 */
#ifndef JS_BASE_TOURNAMENT_H
#define JS_BASE_TOURNAMENT_H

#include <stddef.h>
#include <stdint.h>

#define JS_TOURNAMENT_NONE UINT32_MAX /* the key of a place that never wins */

/* Callers may read only `size`. */
struct js_tournament {
    uint32_t *keys; /* winners: [1] of all; [i] of [2i] and [2i + 1]; the keys
                       of the places begin at [size] */
    size_t size;    /* number of places, a power of two, or 0 */
};

void js_tournament_release(struct js_tournament *tournament);

/* Makes sure that there are at least `count` places. New places have the key
 * NONE. Returns 0, or -1 with errno ENOMEM. */
int js_tournament_grow(struct js_tournament *tournament, size_t count);

void js_tournament_set(struct js_tournament *tournament, size_t place,
                       uint32_t key);

/* Returns the first place with the smallest key, or SIZE_MAX if all keys are
 * NONE.
 */
size_t js_tournament_best(const struct js_tournament *tournament);

#endif
