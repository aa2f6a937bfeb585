/* log_histogram: the histogram, against sorting. */
#include "unit.h"

#include "rng.h"
#include "sched/log_histogram.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void test_empty(void)
{
    static struct js_log_histogram histogram;
    CU_ASSERT_EQUAL(js_log_histogram_median_ns(&histogram), -1);
}

static void test_edges(void)
{
    static struct js_log_histogram histogram;
    js_log_histogram_add(&histogram, 0);
    CU_ASSERT(js_log_histogram_median_ns(&histogram) <= 130);
    js_log_histogram_add(&histogram, -5);
    for (int i = 0; i < 3; i++)
        js_log_histogram_add(&histogram, INT64_MAX);
    CU_ASSERT(js_log_histogram_median_ns(&histogram) > INT64_MAX / 100 * 99);
}

static void test_random(void)
{
    struct rng rng = {42};
    for (int round = 0; round < 200; round++) {
        enum { MOST = 401 };
        struct js_log_histogram *histogram = calloc(1, sizeof(*histogram));
        int64_t values[MOST];
        size_t count = 1 + 2 * (rng_next(&rng) % (MOST / 2));
        for (size_t i = 0; i < count; i++) {
            values[i] = (int64_t)(rng_next(&rng) >> (rng_next(&rng) % 40 + 10));
            values[i] += 1000;
            js_log_histogram_add(histogram, values[i]);
        }
        qsort(values, count, sizeof(*values), compare);
        int64_t exact = values[count / 2],
                found = js_log_histogram_median_ns(histogram);
        CU_ASSERT(found >= exact - exact / 100);
        CU_ASSERT(found <= exact + exact / 100);
        free(histogram);
    }
}

static const struct unit_test tests[] = {
    {"empty", test_empty},
    {"the smallest and the largest", test_edges},
    {"against sorting", test_random},
    {NULL, NULL},
};

const struct unit_suite suite_log_histogram = {"log_histogram", tests};
