/*
 * log_histogram - the median of run times, within one percent, in constant
 * memory.
 *
 * Each power of two is divided into 128 buckets. All zero is empty.
 */
#ifndef JS_SCHED_LOG_HISTOGRAM_H
#define JS_SCHED_LOG_HISTOGRAM_H

#include <stdint.h>

enum {
    JS_LOG_HISTOGRAM_PARTS = 128,
    JS_LOG_HISTOGRAM_BUCKETS = 64 * JS_LOG_HISTOGRAM_PARTS
};

struct js_log_histogram {
    uint64_t count;
    uint64_t buckets[JS_LOG_HISTOGRAM_BUCKETS];
};

void js_log_histogram_add(struct js_log_histogram *median, int64_t value_ns);
int64_t js_log_histogram_ns(
    const struct js_log_histogram *median); /* the median; -1: empty */

#endif
