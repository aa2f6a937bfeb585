#include "core/ledger.h"

#include "base/strmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 2^64 divided by the golden ratio: spreads what is alike. */
#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

enum { KEYS_MIN = 64, ENTRIES_MIN = 64 };

struct entry {
    uint64_t next; /* id of the next with the same identity, or 0 */
    uint8_t standing;
    bool is_gone;
    bool is_matched;
};

/* All entries of an identity, by id. */
struct key {
    struct js_identity identity;
    uint64_t first, last; /* ids; first 0: the place is empty */
    uint64_t next;        /* the first that is not matched, or 0 */
};

struct js_ledger {
    struct entry *entries; /* by id - 1 */
    uint64_t count, capacity;
    struct key *keys; /* open addressing */
    size_t key_count;
    size_t key_capacity;    /* a power of two, or 0 */
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
    free(ledger->keys);
    free(ledger);
}

uint64_t js_ledger_count(const struct js_ledger *ledger)
{
    return ledger->count;
}

/* ---------------------------------------------------------------- identities
 */

/* Where it is, or the empty place where it belongs. */
static struct key *find_key(struct key *keys, size_t capacity,
                            const struct js_identity *identity)
{
    uint64_t hash = (identity->low ^ identity->high) * GOLDEN;
    size_t at = (size_t)(hash >> 32) & (capacity - 1);
    while (keys[at].first && !js_identity_equal(&keys[at].identity, identity))
        at = (at + 1) & (capacity - 1);
    return &keys[at];
}

static int grow_keys(struct js_ledger *ledger)
{
    if (4 * (ledger->key_count + 1) <= 3 * ledger->key_capacity)
        return 0;
    size_t capacity =
        ledger->key_capacity ? 2 * ledger->key_capacity : KEYS_MIN;
    struct key *keys = calloc(capacity, sizeof(*keys));
    if (!keys)
        return -1;
    for (size_t i = 0; i < ledger->key_capacity; i++) {
        const struct key *key = &ledger->keys[i];
        if (key->first)
            *find_key(keys, capacity, &key->identity) = *key;
    }
    free(ledger->keys);
    ledger->keys = keys;
    ledger->key_capacity = capacity;
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
    if (grow_keys(ledger) < 0 || grow_entries(ledger) < 0)
        return 0;
    struct key *key = find_key(ledger->keys, ledger->key_capacity, identity);
    uint64_t id = ++ledger->count;
    ledger->entries[id - 1] = (struct entry){.is_matched = true};
    if (key->first) {
        ledger->entries[key->last - 1].next = id;
    } else {
        key->identity = *identity;
        key->first = id;
        ledger->key_count++;
    }
    key->last = id;
    return id;
}

void js_ledger_rewind(struct js_ledger *ledger)
{
    for (uint64_t i = 0; i < ledger->count; i++)
        ledger->entries[i].is_matched = false;
    for (size_t i = 0; i < ledger->key_capacity; i++)
        ledger->keys[i].next = ledger->keys[i].first;
}

uint64_t js_ledger_match(struct js_ledger *ledger,
                         const struct js_identity *identity)
{
    if (ledger->key_capacity == 0)
        return 0;
    struct key *key = find_key(ledger->keys, ledger->key_capacity, identity);
    uint64_t id = key->next;
    if (!id)
        return 0;
    ledger->entries[id - 1].is_matched = true;
    key->next = ledger->entries[id - 1].next;
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
    entry->standing = (uint8_t)standing;
    return 0;
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

bool js_ledger_is_gone(const struct js_ledger *ledger, uint64_t id)
{
    return ledger->entries[id - 1].is_gone;
}

bool js_ledger_is_matched(const struct js_ledger *ledger, uint64_t id)
{
    return ledger->entries[id - 1].is_matched;
}
