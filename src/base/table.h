/*
 * table - hash tables: by a string, and by a number.
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
 * Finds a pointer by a string. Starts as JS_STRMAP_INIT (all zero). Both key
 * and value must stay where they are, and the keys must not change, while they
 * are in it. Nothing can be removed.
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

/* ---------------------------------------------------------------- by number */

/*
 * Finds an item by its id. The items carry the table's links: each has a
 * uint64_t that is its id, and a pointer to the next item, which is the table's
 * while the item is in it. A map starts as JS_IDMAP_OF(), which says where they
 * are in an item. No two items in it may have the same id.
 */
struct js_idmap {
    void **chains;
    size_t chain_count; /* a power of two, or 0 */
    size_t count;       /* the only field for callers, which may read it */
    size_t id_at, next_at;
};

#define JS_IDMAP_OF(type, id, next)                                            \
    {                                                                          \
        NULL, 0, 0, offsetof(type, id), offsetof(type, next)                   \
    }

/* Forgets everything. The map is as new. Keeps errno. */
void js_idmap_release(struct js_idmap *map);

/* Makes sure that the next js_idmap_put() cannot fail. Returns 0, or -1 with
 * errno ENOMEM. */
int js_idmap_reserve(struct js_idmap *map);

/* Returns 0, or -1 with errno ENOMEM. That happens only to the first item:
 * later on, a lack of memory makes searches slower. */
int js_idmap_put(struct js_idmap *map, void *item);

/* The item with this id, or NULL. The second call removes it, and its pointer
 * to the next item becomes NULL. */
void *js_idmap_get(const struct js_idmap *map, uint64_t id);
void *js_idmap_take(struct js_idmap *map, uint64_t id);

/* Visits the items, each once, in no particular order: starts with NULL, and
 * returns NULL after the last. To free all of them, ask for the next one before
 * each is freed. Nothing may be put in or taken out in between. */
void *js_idmap_next(const struct js_idmap *map, const void *item);

#endif
