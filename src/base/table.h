/*
 * table - hash tables.
 *
 * A js_strmap finds a pointer by a string. It lives on the caller's stack or in
 * its struct and starts as JS_STRMAP_INIT (all zero). It owns neither the keys
 * nor the values. Both must stay where they are, and the keys must not change,
 * while they are in it. Nothing can be removed. A call takes constant time on
 * average, plus the time to hash the key.
 */
#ifndef JS_BASE_TABLE_H
#define JS_BASE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct js_strmap_slot {
    const char *key; /* NULL: unused */
    void *value;
    uint64_t hash;
};

/* Callers may read only `count`. */
struct js_strmap {
    struct js_strmap_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

#define JS_STRMAP_INIT                                                         \
    {                                                                          \
        NULL, 0, 0                                                             \
    }

/* Forgets everything. The map is as new. NULL is allowed. Keeps errno. */
void js_strmap_release(struct js_strmap *map);

/* Makes room for one more key, so that the next js_strmap_put() cannot run out
 * of memory. Returns 0, or -1 with errno ENOMEM and the map unchanged. */
int js_strmap_reserve(struct js_strmap *map);

/* Adds a key. `value` must not be NULL. Returns 0, or -1 with errno ENOMEM, or
 * EEXIST if the key exists; it keeps its value then. */
int js_strmap_put(struct js_strmap *map, const char *key, void *value);

/* The value of the key, or NULL. */
void *js_strmap_get(const struct js_strmap *map, const char *key);

/*
 * Visits the keys, each once, in no particular order. Start with *position 0;
 * returns NULL after the last. Do not call js_strmap_put() in between.
 */
const char *js_strmap_next(const struct js_strmap *map, size_t *position);

#endif
