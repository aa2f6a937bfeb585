#include "base/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 16, CHAINS_MIN = 64 };

/* The keys are the caller's: it owns the items that contain them. */
void js_strmap_release(struct js_strmap *map)
{
    if (!map)
        return;
    int saved = errno;
    free(map->slots);
    *map = (struct js_strmap)JS_STRMAP_INIT;
    errno = saved;
}

/* FNV-1a. Its low bits are poor for keys that differ only at the end, so the
 * final steps of MurmurHash3 follow. */
static uint64_t strmap_hash_of(const char *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
    hash = (hash ^ (hash >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ (hash >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ (hash >> 33);
}

/* Returns the slot of the key, or the empty slot where the key belongs. There
 * is always an empty slot. */
static struct js_strmap_slot *strmap_slot_for(const struct js_strmap *map,
                                              const char *key, uint64_t hash)
{
    size_t mask = map->capacity - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct js_strmap_slot *slot = &map->slots[i];
        /* The hashes avoid almost all string comparisons. */
        if (!slot->key || (slot->hash == hash && strcmp(slot->key, key) == 0))
            return slot;
    }
}

int js_strmap_reserve(struct js_strmap *map)
{
    /* At most three quarters of the slots are used; beyond that, searches
     * become slow. */
    if (map->count < map->capacity / 4 * 3)
        return 0;
    /* The old table stays in use until the new one is complete, so that a
     * failure changes nothing. */
    struct js_strmap larger = {.count = map->count, .capacity = CAPACITY_MIN};
    if (map->capacity)
        larger.capacity = map->capacity * 2;
    larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
    if (!larger.slots)
        return -1;
    for (size_t i = 0; i < map->capacity; i++) {
        const struct js_strmap_slot *slot = &map->slots[i];
        if (slot->key)
            *strmap_slot_for(&larger, slot->key, slot->hash) = *slot;
    }
    free(map->slots);
    *map = larger;
    return 0;
}

int js_strmap_put(struct js_strmap *map, const char *key, void *value)
{
    /* The search comes before room is made, so that an existing key changes
     * nothing. */
    uint64_t hash = strmap_hash_of(key);
    if (map->capacity && strmap_slot_for(map, key, hash)->key) {
        errno = EEXIST;
        return -1;
    }
    if (js_strmap_reserve(map) < 0)
        return -1;
    *strmap_slot_for(map, key, hash) =
        (struct js_strmap_slot){key, value, hash};
    map->count++;
    return 0;
}

void *js_strmap_get(const struct js_strmap *map, const char *key)
{
    if (!map->capacity)
        return NULL;
    const struct js_strmap_slot *slot =
        strmap_slot_for(map, key, strmap_hash_of(key));
    return slot->key ? slot->value : NULL;
}

/* ---------------------------------------------------------------- by number */

static uint64_t idmap_id_of(const struct js_idmap *map, const void *item)
{
    uint64_t id;
    memcpy(&id, (const char *)item + map->id_at, sizeof(id));
    return id;
}

/* Links are read and written by memcpy(), because their type is the item's. */
static void *idmap_after(const struct js_idmap *map, const void *item)
{
    void *next;
    memcpy(&next, (const char *)item + map->next_at, sizeof(next));
    return next;
}

static void idmap_link(const struct js_idmap *map, void *item, void *next)
{
    memcpy((char *)item + map->next_at, &next, sizeof(next));
}

/* Ids may be numbered in any way: the factor (Knuth's, 2^64 over the golden
 * ratio) spreads all of them, even those in steps of a power of two. */
static void **idmap_chain_of(const struct js_idmap *map, uint64_t id)
{
    uint64_t hash = id * UINT64_C(0x9e3779b97f4a7c15);
    return &map->chains[(size_t)(hash >> 32) & (map->chain_count - 1)];
}

static void idmap_insert(const struct js_idmap *map, void *item)
{
    void **chain = idmap_chain_of(map, idmap_id_of(map, item));
    idmap_link(map, item, *chain);
    *chain = item;
}

void js_idmap_release(struct js_idmap *map)
{
    int saved = errno;
    free(map->chains);
    map->chains = NULL;
    map->chain_count = map->count = 0;
    errno = saved;
}

int js_idmap_reserve(struct js_idmap *map)
{
    /* At most as many items as chains: a chain has one item on average. */
    if (map->count < map->chain_count)
        return 0;
    struct js_idmap larger = *map;
    larger.chain_count = map->chain_count ? 2 * map->chain_count : CHAINS_MIN;
    larger.chains = calloc(larger.chain_count, sizeof(*larger.chains));
    /* Without memory for more chains, the chains become longer. */
    if (!larger.chains)
        return map->chains ? 0 : -1;
    for (size_t i = 0; i < map->chain_count; i++) {
        for (void *item = map->chains[i], *next; item; item = next) {
            next = idmap_after(map, item);
            idmap_insert(&larger, item);
        }
    }
    free(map->chains);
    *map = larger;
    return 0;
}

int js_idmap_put(struct js_idmap *map, void *item)
{
    if (js_idmap_reserve(map) < 0)
        return -1;
    idmap_insert(map, item);
    map->count++;
    return 0;
}

void *js_idmap_get(const struct js_idmap *map, uint64_t id)
{
    if (!map->chains)
        return NULL;
    void *item = *idmap_chain_of(map, id);
    while (item && idmap_id_of(map, item) != id)
        item = idmap_after(map, item);
    return item;
}

void *js_idmap_take(struct js_idmap *map, uint64_t id)
{
    if (!map->chains)
        return NULL;
    /* A link has the type of the item, so it cannot be stored to through its
     * address; hence the code keeps the previous item. */
    void **chain = idmap_chain_of(map, id), *before = NULL, *item = *chain;
    while (item && idmap_id_of(map, item) != id) {
        before = item;
        item = idmap_after(map, item);
    }
    if (!item)
        return NULL;
    if (before)
        idmap_link(map, before, idmap_after(map, item));
    else
        *chain = idmap_after(map, item);
    idmap_link(map, item, NULL);
    map->count--;
    return item;
}

void *js_idmap_next(const struct js_idmap *map, const void *item)
{
    if (!map->chains)
        return NULL;
    void **chain = map->chains, **end = map->chains + map->chain_count;
    /* An item's id determines its chain, so a walk needs no other state. */
    if (item) {
        void *next = idmap_after(map, item);
        if (next)
            return next;
        chain = idmap_chain_of(map, idmap_id_of(map, item)) + 1;
    }
    while (chain < end && !*chain)
        chain++;
    return chain < end ? *chain : NULL;
}
