#include "base/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now); /* cannot fail for these two clocks */
    return (int64_t)now.tv_sec * JS_NS_PER_S + now.tv_nsec;
}

int64_t js_clock_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t js_clock_unix_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}
