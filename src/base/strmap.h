/*
 * strmap - finds a pointer by a string.
 *
 * A hash table. A js_strmap lives on the caller's stack or in its struct and
 * starts as JS_STRMAP_INIT (all zero). It owns neither the keys nor the values:
 * both must stay where they are, and the keys as they are, while they are in
 * it. Nothing is taken out again. A call takes constant time in the mean,
 * besides hashing the key.
 */
#ifndef JS_BASE_STRMAP_H
#define JS_BASE_STRMAP_H

#include <stddef.h>
#include <stdint.h>

struct js_strmap_slot {
    const char *key; /* NULL: empty */
    void *value;
    uint64_t hash;
};

/* Only `count` is for the caller to read. */
struct js_strmap {
    struct js_strmap_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

#define JS_STRMAP_INIT                                                         \
    {                                                                          \
        NULL, 0, 0                                                             \
    }

/* Forgets all; the map is as new. NULL is allowed. Keeps errno. */
void js_strmap_release(struct js_strmap *map);

/* Makes room for one more, so that the next js_strmap_put() has all it needs.
 * 0, or -1 with errno ENOMEM and the map as it was. */
int js_strmap_reserve(struct js_strmap *map);

/* Adds a key. 0, or -1 with errno EEXIST (it is there and keeps its value) or
 * ENOMEM. `value` is not NULL. */
int js_strmap_put(struct js_strmap *map, const char *key, void *value);

/* The value of the key, or NULL. */
void *js_strmap_get(const struct js_strmap *map, const char *key);

/*
 * One key after the other, each once, in no particular order: start with
 * *position 0; NULL after the last. Not across a js_strmap_put().
 */
const char *js_strmap_next(const struct js_strmap *map, size_t *position);

#endif
