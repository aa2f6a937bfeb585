#include "list/registry.h"

#include "base/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 2^64 divided by the golden ratio: spreads similar values. */
#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

enum { PLACES_MIN = 64 };

/* Ids of 32 bits keep a list of millions small. The entries with one identity
 * form a list by id. Only the first entry of a list knows the last one, and the
 * first one that is not matched yet. */
struct entry {
    struct js_identity identity;
    uint32_t next, last, unmatched; /* ids, or 0 */
    uint8_t state;
    uint8_t losses; /* 255 means 255 or more */
    bool is_gone : 1;
    bool is_matched : 1;
    bool is_settled : 1;
    bool is_owed : 1;
};

/* Invariants: each id is in the list of exactly one identity, and `places` has
 * the first id of each list; settled counts the entries that is_settled, all of
 * which are FAILED. */
struct js_registry {
    struct entry *entries; /* indexed by id - 1 */
    size_t count, capacity;
    uint64_t settled; /* how many jobs are settled */
    uint32_t *places; /* the first id of each identity, or 0; a table with open
                         addressing */
    size_t identities;
    size_t place_count;     /* a power of two, or 0 */
    struct js_strmap names; /* to struct name, which is owned */
};

/* A name and the job that has this name now. The map points into `text`. */
struct name {
    uint64_t id;
    char text[];
};

struct js_registry *js_registry_new(void)
{
    return calloc(1, sizeof(struct js_registry));
}

void js_registry_free(struct js_registry *registry)
{
    size_t position = 0;
    const char *text;
    if (!registry)
        return;
    while ((text = js_strmap_next(&registry->names, &position)))
        free(js_strmap_get(&registry->names, text));
    js_strmap_release(&registry->names);
    free(registry->entries);
    free(registry->places);
    free(registry);
}

uint64_t js_registry_count(const struct js_registry *registry)
{
    return registry->count;
}

/* ---------------------------------------------------------------- identities
 */

/* Returns the place of the identity, or the empty place where it belongs. */
static uint32_t *registry_find_place(const struct js_registry *registry,
                                     uint32_t *places, size_t count,
                                     const struct js_identity *identity)
{
    uint64_t hash = (identity->low ^ identity->high) * GOLDEN;
    size_t at = (size_t)(hash >> 32) & (count - 1);
    while (places[at] &&
           !js_identity_equal(&registry->entries[places[at] - 1].identity,
                              identity))
        at = (at + 1) & (count - 1);
    return &places[at];
}

/* The table grows while a quarter of its places are still empty, so that
 * searches stay short. */
static int grow_places(struct js_registry *registry)
{
    if (4 * (registry->identities + 1) <= 3 * registry->place_count)
        return 0;
    size_t count =
        registry->place_count ? 2 * registry->place_count : PLACES_MIN;
    uint32_t *places = calloc(count, sizeof(*places));
    if (!places)
        return -1;
    for (size_t i = 0; i < registry->place_count; i++) {
        uint32_t id = registry->places[i];
        if (id)
            *registry_find_place(registry, places, count,
                                 &registry->entries[id - 1].identity) = id;
    }
    free(registry->places);
    registry->places = places;
    registry->place_count = count;
    return 0;
}

uint64_t js_registry_add(struct js_registry *registry,
                         const struct js_identity *identity)
{
    if (registry->count == UINT32_MAX) {
        errno = ENOMEM;
        return 0;
    }
    /* Everything that can fail is done first, so that a failure leaves the
     * registry unchanged. */
    if (grow_places(registry) < 0)
        return 0;
    struct entry *entries = js_buf_grow(registry->entries, &registry->capacity,
                                        registry->count + 1, sizeof(*entries));
    if (!entries)
        return 0;
    registry->entries = entries;
    uint32_t *first = registry_find_place(registry, registry->places,
                                          registry->place_count, identity);
    uint32_t id = (uint32_t)++registry->count;
    registry->entries[id - 1] =
        (struct entry){.identity = *identity, .is_matched = true};
    if (*first) {
        struct entry *head = &registry->entries[*first - 1];
        registry->entries[head->last - 1].next = id;
    } else {
        *first = id;
        registry->identities++;
    }
    registry->entries[*first - 1].last = id;
    return id;
}

void js_registry_rewind(struct js_registry *registry)
{
    for (uint64_t i = 0; i < registry->count; i++) {
        registry->entries[i].is_matched = false;
        registry->entries[i].unmatched = (uint32_t)(i + 1);
    }
}

uint64_t js_registry_match(struct js_registry *registry,
                           const struct js_identity *identity)
{
    if (registry->place_count == 0)
        return 0;
    uint32_t first = *registry_find_place(registry, registry->places,
                                          registry->place_count, identity);
    struct entry *head = first ? &registry->entries[first - 1] : NULL;
    uint32_t id = head ? head->unmatched : 0;
    if (!id)
        return 0;
    struct entry *entry = &registry->entries[id - 1];
    entry->is_matched = true;
    head->unmatched = entry->next;
    return id;
}

/* ---------------------------------------------------------------- names */

int js_registry_name(struct js_registry *registry, uint64_t id,
                     const char *name)
{
    struct name *entry = js_strmap_get(&registry->names, name);
    if (id == 0 || id > registry->count) {
        errno = ENOENT;
        return -1;
    }
    if (!entry) {
        size_t len = strlen(name);
        entry = malloc(sizeof(*entry) + len + 1);
        if (!entry)
            return -1;
        memcpy(entry->text, name, len + 1);
        if (js_strmap_put(&registry->names, entry->text, entry) < 0) {
            free(entry);
            return -1;
        }
    }
    entry->id = id;
    return 0;
}

uint64_t js_registry_find_name(const struct js_registry *registry,
                               const char *name)
{
    const struct name *entry = js_strmap_get(&registry->names, name);
    return entry ? entry->id : 0;
}

/* ---------------------------------------------------------------- entries */

static struct entry *entry_of(const struct js_registry *registry, uint64_t id)
{
    if (id > 0 && id <= registry->count)
        return &registry->entries[id - 1];
    errno = ENOENT;
    return NULL;
}

int js_registry_set(struct js_registry *registry, uint64_t id,
                    enum js_job_state state)
{
    struct entry *entry = entry_of(registry, id);
    if (!entry)
        return -1;
    /* A job that had ended and is LEFT again must run again; it stays owed
     * until it ends. */
    entry->is_owed = state == JS_JOB_STATE_LEFT &&
                     (entry->is_owed || entry->state != JS_JOB_STATE_LEFT);
    entry->state = (uint8_t)state;
    if (state != JS_JOB_STATE_LEFT)
        entry->losses = 0;
    registry->settled -= entry->is_settled;
    entry->is_settled = false;
    return 0;
}

int js_registry_set_losses(struct js_registry *registry, uint64_t id,
                           uint32_t losses)
{
    struct entry *entry = entry_of(registry, id);
    if (!entry)
        return -1;
    /* The scheduler stops counting at a far smaller number. */
    entry->losses = (uint8_t)(losses < UINT8_MAX ? losses : UINT8_MAX);
    return 0;
}

int js_registry_settle(struct js_registry *registry, uint64_t id)
{
    if (js_registry_set(registry, id, JS_JOB_STATE_FAILED) < 0)
        return -1;
    registry->entries[id - 1].is_settled = true;
    registry->settled++;
    return 0;
}

void js_registry_unsettle(struct js_registry *registry)
{
    for (uint64_t i = 0; registry->settled > 0 && i < registry->count; i++) {
        registry->settled -= registry->entries[i].is_settled;
        registry->entries[i].is_settled = false;
    }
}

uint64_t js_registry_settled(const struct js_registry *registry)
{
    return registry->settled;
}

int js_registry_set_gone(struct js_registry *registry, uint64_t id,
                         bool is_gone)
{
    struct entry *entry = entry_of(registry, id);
    if (!entry)
        return -1;
    entry->is_gone = is_gone;
    return 0;
}

struct js_registry_job js_registry_get(const struct js_registry *registry,
                                       uint64_t id)
{
    const struct entry *entry = &registry->entries[id - 1];
    return (struct js_registry_job){.state = (enum js_job_state)entry->state,
                                    .losses = entry->losses,
                                    .is_settled = entry->is_settled,
                                    .is_owed = entry->is_owed,
                                    .is_gone = entry->is_gone,
                                    .is_matched = entry->is_matched};
}
