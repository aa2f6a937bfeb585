/* event queue: what is to happen when, on a simulated clock. */
#include "unit.h"

#include "rng.h"
#include "sched/event_queue.h"

static void put(struct js_event_queue *event_queue, int64_t at_ns,
                uint64_t number)
{
    struct js_event event = {.at_ns = at_ns, .number = number};
    CU_ASSERT_EQUAL(js_event_queue_put(event_queue, &event), 0);
}

static void test_empty(void)
{
    struct js_event_queue event_queue = {0};
    struct js_event event;
    CU_ASSERT_FALSE(js_event_queue_take(&event_queue, &event));
    put(&event_queue, 1, 1);
    CU_ASSERT_TRUE(js_event_queue_take(&event_queue, &event));
    CU_ASSERT_FALSE(js_event_queue_take(&event_queue, &event));
    js_event_queue_release(&event_queue);
}

/* In the order of time; of the same time in that in which they were put. */
static void test_order(void)
{
    struct js_event_queue event_queue = {0};
    struct rng rng = {1};
    struct js_event before = {.at_ns = -1}, event;
    size_t count = unit_rounds(10000), left = 0;
    for (size_t i = 0; i < count; i++, left++)
        put(&event_queue, (int64_t)rng_below(&rng, 100), i);
    while (js_event_queue_take(&event_queue, &event)) {
        CU_ASSERT(event.at_ns > before.at_ns || (event.at_ns == before.at_ns &&
                                                 event.number > before.number));
        before = event;
        left--;
    }
    CU_ASSERT_EQUAL(left, 0);
    js_event_queue_release(&event_queue);
}

/* As in a simulation: each event puts later ones. */
static void test_put_while_taking(void)
{
    struct js_event_queue event_queue = {0};
    struct rng rng = {2};
    struct js_event event;
    int64_t now_ns = 0;
    size_t taken = 0;
    for (uint64_t i = 0; i < 100; i++)
        put(&event_queue, (int64_t)rng_below(&rng, 1000), i);
    while (js_event_queue_take(&event_queue, &event)) {
        CU_ASSERT(event.at_ns >= now_ns);
        now_ns = event.at_ns;
        if (taken++ < 5000)
            put(&event_queue, now_ns + (int64_t)rng_below(&rng, 1000), taken);
    }
    CU_ASSERT_EQUAL(taken, 5100);
    js_event_queue_release(&event_queue);
}

static const struct unit_test tests[] = {
    {"empty", test_empty},
    {"order", test_order},
    {"put while taking", test_put_while_taking},
    {NULL, NULL},
};

const struct unit_suite suite_event_queue = {"event_queue", tests};
