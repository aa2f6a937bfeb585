#include "base/tournament.h"

#include <stdlib.h>
#include <string.h>

void js_tournament_release(struct js_tournament *tournament)
{
    free(tournament->keys);
    *tournament = (struct js_tournament){NULL, 0};
}

void js_tournament_set(struct js_tournament *tournament, size_t place,
                       uint32_t key)
{
    uint32_t *keys = tournament->keys;
    size_t at = tournament->size + place;
    if (keys[at] == key)
        return;
    keys[at] = key;
    /* Once a match has the same result as before, so do all matches above
     * it. */
    while (at > 1) {
        uint32_t other = keys[at ^ 1];
        uint32_t won = key < other ? key : other;
        at /= 2;
        if (keys[at] == won)
            return;
        keys[at] = key = won;
    }
}

int js_tournament_grow(struct js_tournament *tournament, size_t count)
{
    size_t size = tournament->size ? tournament->size : 1;
    while (size < count)
        size *= 2;
    if (size == tournament->size)
        return 0;
    struct js_tournament grown = {malloc(2 * size * sizeof(*grown.keys)), size};
    if (!grown.keys)
        return -1;
    /* All bytes of NONE are equal. */
    memset(grown.keys, 0xff, 2 * size * sizeof(*grown.keys));
    for (size_t i = 0; i < tournament->size; i++)
        js_tournament_set(&grown, i, tournament->keys[tournament->size + i]);
    js_tournament_release(tournament);
    *tournament = grown;
    return 0;
}

size_t js_tournament_best(const struct js_tournament *tournament)
{
    const uint32_t *keys = tournament->keys;
    size_t at = 1;
    if (tournament->size == 0 || keys[1] == JS_TOURNAMENT_NONE)
        return SIZE_MAX;
    while (at < tournament->size) {
        at *= 2;
        at += keys[at + 1] < keys[at];
    }
    return at - tournament->size;
}
