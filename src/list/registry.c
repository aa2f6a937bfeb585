#include "list/registry.h"

#include "base/strmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 2^64 divided by the golden ratio: spreads what is alike. */
#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

enum { PLACES_MIN = 64, ENTRIES_MIN = 64 };

/* Ids of 32 bits keep a list of millions small. The entries of an identity are
 * a list by id; only the first of them knows the last, and which is the first
 * that is not matched. */
struct entry {
    struct js_identity identity;
    uint32_t next, last, unmatched; /* ids, or 0 */
    uint8_t standing;
    uint8_t losses; /* 255: or more */
    bool is_gone : 1;
    bool is_matched : 1;
    bool is_settled : 1;
    bool is_owed : 1;
};

struct js_ledger {
    struct entry *entries; /* by id - 1 */
    uint64_t count, capacity;
    uint64_t settled; /* how many are */
    uint32_t *places; /* the first id of each identity, or 0; open addressing */
    size_t identities;
    size_t place_count;     /* a power of two, or 0 */
    struct js_strmap names; /* to struct name; owned */
};

struct name {
    uint64_t id;
    char text[];
};

struct js_ledger *js_ledger_new(void)
{
    return calloc(1, sizeof(struct js_ledger));
}

void js_ledger_free(struct js_ledger *ledger)
{
    size_t position = 0;
    const char *text;
    if (!ledger)
        return;
    while ((text = js_strmap_next(&ledger->names, &position)))
        free(js_strmap_get(&ledger->names, text));
    js_strmap_release(&ledger->names);
    free(ledger->entries);
    free(ledger->places);
    free(ledger);
}

uint64_t js_ledger_count(const struct js_ledger *ledger)
{
    return ledger->count;
}

/* ---------------------------------------------------------------- identities
 */

/* Where it is, or the empty place where it belongs. */
static uint32_t *find_place(const struct js_ledger *ledger, uint32_t *places,
                            size_t count, const struct js_identity *identity)
{
    uint64_t hash = (identity->low ^ identity->high) * GOLDEN;
    size_t at = (size_t)(hash >> 32) & (count - 1);
    while (
        places[at] &&
        !js_identity_equal(&ledger->entries[places[at] - 1].identity, identity))
        at = (at + 1) & (count - 1);
    return &places[at];
}

static int grow_places(struct js_ledger *ledger)
{
    if (4 * (ledger->identities + 1) <= 3 * ledger->place_count)
        return 0;
    size_t count = ledger->place_count ? 2 * ledger->place_count : PLACES_MIN;
    uint32_t *places = calloc(count, sizeof(*places));
    if (!places)
        return -1;
    for (size_t i = 0; i < ledger->place_count; i++) {
        uint32_t id = ledger->places[i];
        if (id)
            *find_place(ledger, places, count,
                        &ledger->entries[id - 1].identity) = id;
    }
    free(ledger->places);
    ledger->places = places;
    ledger->place_count = count;
    return 0;
}

static int grow_entries(struct js_ledger *ledger)
{
    if (ledger->count < ledger->capacity)
        return 0;
    uint64_t capacity = ledger->capacity ? 2 * ledger->capacity : ENTRIES_MIN;
    struct entry *entries =
        realloc(ledger->entries, (size_t)capacity * sizeof(*entries));
    if (!entries)
        return -1;
    ledger->entries = entries;
    ledger->capacity = capacity;
    return 0;
}

uint64_t js_ledger_add(struct js_ledger *ledger,
                       const struct js_identity *identity)
{
    if (ledger->count == UINT32_MAX) {
        errno = ENOMEM;
        return 0;
    }
    if (grow_places(ledger) < 0 || grow_entries(ledger) < 0)
        return 0;
    uint32_t *first =
        find_place(ledger, ledger->places, ledger->place_count, identity);
    uint32_t id = (uint32_t)++ledger->count;
    ledger->entries[id - 1] =
        (struct entry){.identity = *identity, .is_matched = true};
    if (*first) {
        struct entry *head = &ledger->entries[*first - 1];
        ledger->entries[head->last - 1].next = id;
    } else {
        *first = id;
        ledger->identities++;
    }
    ledger->entries[*first - 1].last = id;
    return id;
}

void js_ledger_rewind(struct js_ledger *ledger)
{
    for (uint64_t i = 0; i < ledger->count; i++) {
        ledger->entries[i].is_matched = false;
        ledger->entries[i].unmatched = (uint32_t)(i + 1);
    }
}

uint64_t js_ledger_match(struct js_ledger *ledger,
                         const struct js_identity *identity)
{
    if (ledger->place_count == 0)
        return 0;
    uint32_t first =
        *find_place(ledger, ledger->places, ledger->place_count, identity);
    struct entry *head = first ? &ledger->entries[first - 1] : NULL;
    uint32_t id = head ? head->unmatched : 0;
    if (!id)
        return 0;
    struct entry *entry = &ledger->entries[id - 1];
    entry->is_matched = true;
    head->unmatched = entry->next;
    return id;
}

/* ---------------------------------------------------------------- names */

int js_ledger_name(struct js_ledger *ledger, uint64_t id, const char *name)
{
    struct name *entry = js_strmap_get(&ledger->names, name);
    if (id == 0 || id > ledger->count) {
        errno = ENOENT;
        return -1;
    }
    if (!entry) {
        size_t len = strlen(name);
        entry = malloc(sizeof(*entry) + len + 1);
        if (!entry)
            return -1;
        memcpy(entry->text, name, len + 1);
        if (js_strmap_put(&ledger->names, entry->text, entry) < 0) {
            free(entry);
            return -1;
        }
    }
    entry->id = id;
    return 0;
}

uint64_t js_ledger_find_name(const struct js_ledger *ledger, const char *name)
{
    const struct name *entry = js_strmap_get(&ledger->names, name);
    return entry ? entry->id : 0;
}

/* ---------------------------------------------------------------- entries */

static struct entry *entry_of(const struct js_ledger *ledger, uint64_t id)
{
    if (id > 0 && id <= ledger->count)
        return &ledger->entries[id - 1];
    errno = ENOENT;
    return NULL;
}

int js_ledger_set(struct js_ledger *ledger, uint64_t id,
                  enum js_standing standing)
{
    struct entry *entry = entry_of(ledger, id);
    if (!entry)
        return -1;
    entry->is_owed = standing == JS_STANDING_LEFT &&
                     (entry->is_owed || entry->standing != JS_STANDING_LEFT);
    entry->standing = (uint8_t)standing;
    if (standing != JS_STANDING_LEFT)
        entry->losses = 0;
    ledger->settled -= entry->is_settled;
    entry->is_settled = false;
    return 0;
}

int js_ledger_set_losses(struct js_ledger *ledger, uint64_t id, uint32_t losses)
{
    struct entry *entry = entry_of(ledger, id);
    if (!entry)
        return -1;
    entry->losses = (uint8_t)(losses < UINT8_MAX ? losses : UINT8_MAX);
    return 0;
}

int js_ledger_settle(struct js_ledger *ledger, uint64_t id)
{
    if (js_ledger_set(ledger, id, JS_STANDING_FAILED) < 0)
        return -1;
    ledger->entries[id - 1].is_settled = true;
    ledger->settled++;
    return 0;
}

void js_ledger_unsettle(struct js_ledger *ledger)
{
    for (uint64_t i = 0; ledger->settled > 0 && i < ledger->count; i++) {
        ledger->settled -= ledger->entries[i].is_settled;
        ledger->entries[i].is_settled = false;
    }
}

uint64_t js_ledger_settled(const struct js_ledger *ledger)
{
    return ledger->settled;
}

int js_ledger_set_gone(struct js_ledger *ledger, uint64_t id, bool is_gone)
{
    struct entry *entry = entry_of(ledger, id);
    if (!entry)
        return -1;
    entry->is_gone = is_gone;
    return 0;
}

enum js_standing js_ledger_standing(const struct js_ledger *ledger, uint64_t id)
{
    return (enum js_standing)ledger->entries[id - 1].standing;
}

bool js_ledger_is_settled(const struct js_ledger *ledger, uint64_t id)
{
    return ledger->entries[id - 1].is_settled;
}

bool js_ledger_is_owed(const struct js_ledger *ledger, uint64_t id)
{
    return ledger->entries[id - 1].is_owed;
}

uint32_t js_ledger_losses(const struct js_ledger *ledger, uint64_t id)
{
    return ledger->entries[id - 1].losses;
}

bool js_ledger_is_gone(const struct js_ledger *ledger, uint64_t id)
{
    return ledger->entries[id - 1].is_gone;
}

bool js_ledger_is_matched(const struct js_ledger *ledger, uint64_t id)
{
    return ledger->entries[id - 1].is_matched;
}
