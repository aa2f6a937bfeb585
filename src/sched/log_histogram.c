#include "sched/log_histogram.h"

enum { PART_BITS = 7 };
_Static_assert(1 << PART_BITS == JS_LOG_HISTOGRAM_PARTS,
               "a part is so many bits");

/* The highest bit of the value and the seven bits below it select the
 * bucket. */
static unsigned log_histogram_bucket_of(int64_t value_ns)
{
    uint64_t value = value_ns < JS_LOG_HISTOGRAM_PARTS ? JS_LOG_HISTOGRAM_PARTS
                                                       : (uint64_t)value_ns;
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - PART_BITS;
    return shift * JS_LOG_HISTOGRAM_PARTS + (unsigned)(value >> shift) -
           JS_LOG_HISTOGRAM_PARTS;
}

/* The middle of a bucket. */
static int64_t log_histogram_value_of(unsigned bucket)
{
    unsigned shift = bucket / JS_LOG_HISTOGRAM_PARTS;
    uint64_t value = JS_LOG_HISTOGRAM_PARTS + bucket % JS_LOG_HISTOGRAM_PARTS;
    return (int64_t)((value << shift) + (UINT64_C(1) << shift) / 2);
}

void js_log_histogram_add(struct js_log_histogram *median, int64_t value_ns)
{
    median->buckets[log_histogram_bucket_of(value_ns)]++;
    median->count++;
}

int64_t js_log_histogram_ns(const struct js_log_histogram *median)
{
    uint64_t seen = 0;
    if (median->count == 0)
        return -1;
    unsigned i = 0;
    while (i < JS_LOG_HISTOGRAM_BUCKETS - 1 &&
           2 * (seen + median->buckets[i]) < median->count)
        seen += median->buckets[i++];
    return log_histogram_value_of(i);
}
