#include "sched/log_histogram.h"

enum { PART_BITS = 7 };
_Static_assert(1 << PART_BITS == JS_LOG_HISTOGRAM_PARTS,
               "the number of a part must fit PART_BITS bits exactly");

void js_log_histogram_add(struct js_log_histogram *histogram, int64_t value_ns)
{
    uint64_t value = value_ns < JS_LOG_HISTOGRAM_PARTS ? JS_LOG_HISTOGRAM_PARTS
                                                       : (uint64_t)value_ns;
    /* The highest bit of the value and the seven bits below it select the
     * bucket. */
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - PART_BITS;
    histogram->buckets[shift * JS_LOG_HISTOGRAM_PARTS +
                       (unsigned)(value >> shift) - JS_LOG_HISTOGRAM_PARTS]++;
    histogram->count++;
}

int64_t js_log_histogram_median_ns(const struct js_log_histogram *histogram)
{
    uint64_t seen = 0;
    if (histogram->count == 0)
        return -1;
    unsigned i = 0;
    while (i < JS_LOG_HISTOGRAM_BUCKETS - 1 &&
           2 * (seen + histogram->buckets[i]) < histogram->count)
        seen += histogram->buckets[i++];
    /* The middle of the bucket. */
    unsigned shift = i / JS_LOG_HISTOGRAM_PARTS;
    uint64_t value = JS_LOG_HISTOGRAM_PARTS + i % JS_LOG_HISTOGRAM_PARTS;
    return (int64_t)((value << shift) + (UINT64_C(1) << shift) / 2);
}
