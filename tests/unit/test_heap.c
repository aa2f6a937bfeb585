/* heap: what comes out first. */
#include "unit.h"

#include "base/heap.h"
#include "rng.h"

/* As an event of a simulation: by time, then by number. */
struct event {
    int64_t at_ns;
    uint64_t number;
};

static bool is_before(const void *a, const void *b, const void *arg)
{
    const struct event *one = a, *other = b;
    CU_ASSERT_PTR_NULL(arg);
    return one->at_ns != other->at_ns ? one->at_ns < other->at_ns
                                      : one->number < other->number;
}

static void put(struct js_heap *heap, int64_t at_ns, uint64_t number)
{
    struct event event = {.at_ns = at_ns, .number = number};
    CU_ASSERT_EQUAL(js_heap_put(heap, sizeof(event), &event, is_before, NULL),
                    0);
}

static bool take(struct js_heap *heap, struct event *ret)
{
    return js_heap_take(heap, sizeof(*ret), ret, is_before, NULL);
}

static void test_empty(void)
{
    struct js_heap heap = {0};
    struct event event = {0};
    CU_ASSERT_FALSE(take(&heap, &event));
    put(&heap, 1, 1);
    CU_ASSERT_TRUE(take(&heap, &event));
    CU_ASSERT_EQUAL(event.number, 1);
    CU_ASSERT_FALSE(take(&heap, &event));
    js_heap_release(&heap);
}

static void test_order(void)
{
    struct js_heap heap = {0};
    struct rng rng = {1};
    struct event before = {.at_ns = -1}, event;
    size_t count = unit_rounds(10000), left = 0;
    for (size_t i = 0; i < count; i++, left++)
        put(&heap, (int64_t)rng_below(&rng, 100), i);
    while (take(&heap, &event)) {
        CU_ASSERT(event.at_ns > before.at_ns || (event.at_ns == before.at_ns &&
                                                 event.number > before.number));
        before = event;
        left--;
    }
    CU_ASSERT_EQUAL(left, 0);
    js_heap_release(&heap);
}

/* As in a simulation: each event puts later ones. */
static void test_put_while_taking(void)
{
    struct js_heap heap = {0};
    struct rng rng = {2};
    struct event event;
    int64_t now_ns = 0;
    size_t taken = 0;
    for (uint64_t i = 0; i < 100; i++)
        put(&heap, (int64_t)rng_below(&rng, 1000), i);
    while (take(&heap, &event)) {
        CU_ASSERT(event.at_ns >= now_ns);
        now_ns = event.at_ns;
        if (taken++ < 5000)
            put(&heap, now_ns + (int64_t)rng_below(&rng, 1000), taken);
    }
    CU_ASSERT_EQUAL(taken, 5100);
    js_heap_release(&heap);
}

static const struct unit_test tests[] = {
    {"empty", test_empty},
    {"order", test_order},
    {"put while taking", test_put_while_taking},
    {NULL, NULL},
};

const struct unit_suite suite_heap = {"heap", tests};
