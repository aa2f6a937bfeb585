/*
 * median - of run times, within one percent, in constant memory.
 *
 * A histogram: each power of two is cut into 128 buckets. All zero is empty.
 */
#ifndef JS_SCHED_LOG_HISTOGRAM_H
#define JS_SCHED_LOG_HISTOGRAM_H

#include <stdint.h>

enum { JS_MEDIAN_PARTS = 128, JS_MEDIAN_BUCKETS = 64 * JS_MEDIAN_PARTS };

struct js_median {
    uint64_t count;
    uint64_t buckets[JS_MEDIAN_BUCKETS];
};

void js_median_add(struct js_median *median, int64_t value_ns);
int64_t js_median_ns(const struct js_median *median); /* -1 when empty */

#endif
