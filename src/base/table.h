/*
 * table - hash tables whose keys are strings or numbers.
 *
 * A table lives on the caller's stack or in its struct. It owns nothing that is
 * put into it. A call takes constant time on average, plus the time to hash a
 * string.
 */
#ifndef JS_BASE_TABLE_H
#define JS_BASE_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* ---------------------------------------------------------------- by string */

/*
 * Finds a pointer by a string. Starts as JS_STRMAP_INIT (all zero). While a key
 * and its value are in the map, both must stay where they are, and the key must
 * not change. Nothing can be removed.
 */
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

/* Forgets everything, so that the map is empty. NULL is allowed. Keeps
 * errno. */
void js_strmap_release(struct js_strmap *map);

/* Makes room for one more key, so that the next js_strmap_put() cannot run out
 * of memory. Returns 0, or -1 with errno ENOMEM and the map unchanged. */
int js_strmap_reserve(struct js_strmap *map);

/* Adds a key. `value` must not be NULL. Returns 0, or -1 with errno ENOMEM, or
 * EEXIST if the key exists; the key then keeps its value. */
int js_strmap_put(struct js_strmap *map, const char *key, void *value);

/* The value of the key, or NULL. */
void *js_strmap_get(const struct js_strmap *map, const char *key);

/*
 * Visits the keys, each once, in no particular order. Start with *position 0;
 * returns NULL after the last. Do not call js_strmap_put() in between.
 */
static inline const char *js_strmap_next(const struct js_strmap *map,
                                         size_t *position)
{
    while (*position < map->capacity) {
        const struct js_strmap_slot *slot = &map->slots[(*position)++];
        if (slot->key)
            return slot->key;
    }
    return NULL;
}

/* ---------------------------------------------------------------- by number */

/*
 * Finds an item by its id. The items contain the links of the map: each has a
 * uint64_t that is its id, and a pointer to the next item, which belongs to the
 * map while the item is in the map. A map starts as JS_IDMAP_OF(), which gives
 * the offsets of the two members. No two items in a map may have the same id.
 */
struct js_idmap {
    void **chains;
    size_t chain_count; /* a power of two, or 0 */
    size_t count;       /* the only field that callers may read */
    size_t id_at, next_at;
};

#define JS_IDMAP_OF(type, id, next)                                            \
    {                                                                          \
        NULL, 0, 0, offsetof(type, id), offsetof(type, next)                   \
    }

/* Forgets everything, so that the map is empty. Keeps errno. */
void js_idmap_release(struct js_idmap *map);

/* Makes sure that the next js_idmap_put() cannot fail. Returns 0, or -1 with
 * errno ENOMEM. */
int js_idmap_reserve(struct js_idmap *map);

/* Adds an item. Returns 0, or -1 with errno ENOMEM. This can fail only for the
 * first item: later, a lack of memory only makes searches slower. */
int js_idmap_put(struct js_idmap *map, void *item);

/* Both return the item with this id, or NULL. js_idmap_take() also removes the
 * item, whose pointer to the next item becomes NULL. */
void *js_idmap_get(const struct js_idmap *map, uint64_t id);
void *js_idmap_take(struct js_idmap *map, uint64_t id);

/* Visits the items, each once, in no particular order: takes NULL for the
 * first, and returns NULL after the last. To free all items, get the next one
 * before each is freed. Nothing may be put in or taken out in between. */
void *js_idmap_next(const struct js_idmap *map, const void *item);

#endif
