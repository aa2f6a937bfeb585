/*
 * log_histogram - counts values by size, and finds their median.
 */
#ifndef JS_SCHED_LOG_HISTOGRAM_H
#define JS_SCHED_LOG_HISTOGRAM_H

#include <stdint.h>

/* Counts values by size, to within one percent and in constant memory. Each
 * power of two is divided into JS_LOG_HISTOGRAM_PARTS buckets. All zero is an
 * empty histogram. */
enum {
    JS_LOG_HISTOGRAM_PARTS = 128,
    JS_LOG_HISTOGRAM_BUCKETS = 64 * JS_LOG_HISTOGRAM_PARTS
};

struct js_log_histogram {
    uint64_t count;
    uint64_t buckets[JS_LOG_HISTOGRAM_BUCKETS];
};

void js_log_histogram_add(struct js_log_histogram *histogram, int64_t value_ns);
int64_t js_log_histogram_median_ns(
    const struct js_log_histogram *histogram); /* -1: empty */

#endif
