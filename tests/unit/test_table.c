/* strmap: a pointer by a string. */
#include "unit.h"

#include "base/table.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { MANY = 100000, KEY_SIZE = 16 };

static void test_what_is_put_is_found(void)
{
    struct js_strmap map = JS_STRMAP_INIT;
    int values[4];
    CU_ASSERT_PTR_NULL(js_strmap_get(&map, "a"));
    CU_ASSERT_EQUAL(js_strmap_put(&map, "a", &values[0]), 0);
    CU_ASSERT_EQUAL(js_strmap_put(&map, "", &values[1]), 0);
    CU_ASSERT_EQUAL(js_strmap_put(&map, "aa", &values[2]), 0);
    CU_ASSERT_EQUAL(js_strmap_put(&map, "\xff\x80 ", &values[3]), 0);
    CU_ASSERT_EQUAL(map.count, 4);
    char by_content[] = "xa";
    CU_ASSERT_PTR_EQUAL(js_strmap_get(&map, by_content + 1), &values[0]);
    CU_ASSERT_PTR_EQUAL(js_strmap_get(&map, ""), &values[1]);
    CU_ASSERT_PTR_EQUAL(js_strmap_get(&map, "aa"), &values[2]);
    CU_ASSERT_PTR_EQUAL(js_strmap_get(&map, "\xff\x80 "), &values[3]);
    CU_ASSERT_PTR_NULL(js_strmap_get(&map, "aaa"));
    CU_ASSERT_PTR_NULL(js_strmap_get(&map, "A"));
    js_strmap_release(&map);
}

static void test_a_key_is_put_once(void)
{
    struct js_strmap map = JS_STRMAP_INIT;
    int first;
    int second;
    CU_ASSERT_EQUAL(js_strmap_put(&map, "a", &first), 0);
    errno = 0;
    CU_ASSERT_EQUAL(js_strmap_put(&map, "a", &second), -1);
    CU_ASSERT_EQUAL(errno, EEXIST);
    CU_ASSERT_PTR_EQUAL(js_strmap_get(&map, "a"), &first);
    CU_ASSERT_EQUAL(map.count, 1);
    js_strmap_release(&map);
}

static void test_release_makes_it_new(void)
{
    struct js_strmap map = JS_STRMAP_INIT;
    int value;
    CU_ASSERT_EQUAL(js_strmap_put(&map, "a", &value), 0);
    errno = EDOM;
    js_strmap_release(&map);
    js_strmap_release(&map);
    js_strmap_release(NULL);
    CU_ASSERT_EQUAL(errno, EDOM);
    CU_ASSERT_EQUAL(map.count, 0);
    CU_ASSERT_PTR_NULL(js_strmap_get(&map, "a"));
    CU_ASSERT_EQUAL(js_strmap_put(&map, "a", &value), 0);
    CU_ASSERT_PTR_EQUAL(js_strmap_get(&map, "a"), &value);
    js_strmap_release(&map);
}

static void test_next_gives_each_key_once(void)
{
    static const char *const keys[] = {"0", "1", "2", "3", "4", "5", "6",
                                       "7", "8", "9", "a", "b", "c", "d"};
    enum { KEYS = sizeof(keys) / sizeof(keys[0]) };
    struct js_strmap map = JS_STRMAP_INIT;
    int seen[KEYS] = {0};
    size_t position = 0;
    CU_ASSERT_PTR_NULL(js_strmap_next(&map, &position));
    for (int i = 0; i < KEYS; i++)
        CU_ASSERT_EQUAL(js_strmap_put(&map, keys[i], &seen[i]), 0);
    position = 0;
    const char *key;
    while ((key = js_strmap_next(&map, &position)))
        ++*(int *)js_strmap_get(&map, key);
    for (int i = 0; i < KEYS; i++)
        CU_ASSERT_EQUAL(seen[i], 1);
    js_strmap_release(&map);
}

static void test_reserve_makes_the_next_put_certain(void)
{
    static char keys[1000][KEY_SIZE];
    struct js_strmap map = JS_STRMAP_INIT;
    unsigned moved = 0;
    for (int i = 0; i < 1000; i++) {
        snprintf(keys[i], KEY_SIZE, "%d", i);
        CU_ASSERT_EQUAL(js_strmap_reserve(&map), 0);
        const void *slots = map.slots;
        CU_ASSERT_EQUAL(js_strmap_put(&map, keys[i], keys[i]), 0);
        moved += map.slots != slots;
    }
    CU_ASSERT_EQUAL(moved, 0);
    js_strmap_release(&map);
}

/* ------------------------------------------------------------ many, and none
 */

struct many {
    char keys[MANY][KEY_SIZE];
    struct js_strmap map;
};

/* Keys that differ in the number between the two. */
static struct many *many_new(const char *before, int width, const char *behind)
{
    struct many *many = calloc(1, sizeof(*many));
    CU_ASSERT_PTR_NOT_NULL_FATAL(many);
    unsigned failures = 0;
    for (int i = 0; i < MANY; i++) {
        snprintf(many->keys[i], KEY_SIZE, "%s%0*d%s", before, width, i, behind);
        failures += js_strmap_put(&many->map, many->keys[i], many->keys[i]) < 0;
    }
    CU_ASSERT_EQUAL(failures, 0);
    CU_ASSERT_EQUAL(many->map.count, MANY);
    return many;
}

static void many_free(struct many *many)
{
    js_strmap_release(&many->map);
    free(many);
}

/* How far the keys are from where their search begins: each search must be
 * short, or all together take quadratic time. */
static void expect_short_searches(const struct js_strmap *map)
{
    size_t sum = 0;
    size_t longest = 0;
    for (size_t i = 0; i < map->capacity; i++) {
        if (!map->slots[i].key)
            continue;
        size_t way = (i - map->slots[i].hash) & (map->capacity - 1);
        sum += way;
        longest = way > longest ? way : longest;
    }
    CU_ASSERT(sum < 2 * map->count);
    CU_ASSERT(longest < 200);
    CU_ASSERT(map->capacity < 4 * map->count);
}

/* Names as people make them: alike but for a number, or for its high bits. */
static void test_searches_stay_short_among_similar_names(void)
{
    static const struct {
        const char *before, *behind;
        int width;
    } forms[] = {
        {"job", "", 0}, {"", "", 0}, {"", "_solve", 0}, {"", "000000000", 6}};
    for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
        struct many *many =
            many_new(forms[f].before, forms[f].width, forms[f].behind);
        unsigned wrong = 0;
        for (int i = 0; i < MANY; i++)
            wrong += js_strmap_get(&many->map, many->keys[i]) != many->keys[i];
        CU_ASSERT_EQUAL(wrong, 0);
        expect_short_searches(&many->map);
        many_free(many);
    }
}

#ifndef __SANITIZE_ADDRESS__
static void test_without_memory_it_stays_as_it_was(void)
{
    if (unit_is_traced())
        return;
    struct many *many = many_new("job", 0, "");
    struct rlimit old;
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_AS, &old), 0);
    struct rlimit none = {4096, old.rlim_max};
    /* Room for what is left until it must grow is there already. */
    static char keys[MANY][KEY_SIZE];
    size_t added = 0;
    int rc = 0;
    malloc_trim(0);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_AS, &none), 0);
    for (; added < MANY && rc == 0; added += rc == 0) {
        snprintf(keys[added], KEY_SIZE, "new%u", (unsigned)added);
        rc = js_strmap_put(&many->map, keys[added], keys[added]);
    }
    int error = errno;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_AS, &old), 0);
    CU_ASSERT_EQUAL(rc, -1);
    CU_ASSERT_EQUAL(error, ENOMEM);
    CU_ASSERT_EQUAL(many->map.count, MANY + added);
    CU_ASSERT_PTR_EQUAL(js_strmap_get(&many->map, "job77"), many->keys[77]);
    CU_ASSERT_PTR_EQUAL(js_strmap_get(&many->map, "new77"), keys[77]);
    CU_ASSERT_PTR_NULL(js_strmap_get(&many->map, keys[added]));
    CU_ASSERT_EQUAL(js_strmap_put(&many->map, keys[added], keys[added]), 0);
    many_free(many);
}
#endif

/* ---------------------------------------------------------------- by number */

struct item {
    char before;
    struct item *next;
    uint64_t id;
    bool is_seen;
};

static void test_items_are_found_by_their_ids(void)
{
    enum { COUNT = 5000 };
    static struct item items[COUNT];
    struct js_idmap map = JS_IDMAP_OF(struct item, id, next);
    CU_ASSERT_PTR_NULL(js_idmap_get(&map, 0));
    CU_ASSERT_PTR_NULL(js_idmap_take(&map, 0));
    CU_ASSERT_PTR_NULL(js_idmap_next(&map, NULL));
    for (uint64_t i = 0; i < COUNT; i++) {
        /* In steps of a power of two, from 0 on, and up to 2^64 - 1. */
        uint64_t id = i < COUNT - 1 ? i << 20 : UINT64_MAX;
        items[i] = (struct item){.id = id};
        CU_ASSERT_EQUAL(js_idmap_put(&map, &items[i]), 0);
        CU_ASSERT_EQUAL(map.count, i + 1);
    }
    for (uint64_t i = 0; i < COUNT; i += 2)
        CU_ASSERT_PTR_EQUAL(js_idmap_take(&map, items[i].id), &items[i]);
    CU_ASSERT_EQUAL(map.count, COUNT / 2);
    size_t seen = 0;
    for (struct item *item = js_idmap_next(&map, NULL); item;
         item = js_idmap_next(&map, item)) {
        CU_ASSERT_FALSE(item->is_seen);
        item->is_seen = true;
        seen++;
    }
    CU_ASSERT_EQUAL(seen, COUNT / 2);
    for (uint64_t i = 0; i < COUNT; i++) {
        CU_ASSERT_EQUAL(items[i].is_seen, i % 2 == 1);
        CU_ASSERT_PTR_EQUAL(js_idmap_get(&map, items[i].id),
                            i % 2 == 1 ? &items[i] : NULL);
    }
    CU_ASSERT_PTR_NULL(js_idmap_get(&map, 1));
    js_idmap_release(&map);
    CU_ASSERT_PTR_NULL(js_idmap_get(&map, items[1].id));
    CU_ASSERT_EQUAL(map.count, 0);
    CU_ASSERT_EQUAL(js_idmap_put(&map, &items[0]), 0);
    CU_ASSERT_PTR_EQUAL(js_idmap_get(&map, 0), &items[0]);
    js_idmap_release(&map);
}

static const struct unit_test tests[] = {
    {"items are found by their ids", test_items_are_found_by_their_ids},
    {"what is put is found", test_what_is_put_is_found},
    {"a key is put once", test_a_key_is_put_once},
    {"release makes it new", test_release_makes_it_new},
    {"next gives each key once", test_next_gives_each_key_once},
    {"reserve makes the next put certain",
     test_reserve_makes_the_next_put_certain},
    {"searches stay short among similar names",
     test_searches_stay_short_among_similar_names},
#ifndef __SANITIZE_ADDRESS__
    {"without memory it stays as it was",
     test_without_memory_it_stays_as_it_was},
#endif
    {NULL, NULL},
};

const struct unit_suite suite_table = {"table", tests};
