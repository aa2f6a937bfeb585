/*
 * clock - the only calls that read the time.
 *
 * Inside the program, time is int64_t nanoseconds on the monotonic clock, and
 * names end in _ns. Wall-clock time is used only for records, and its names end
 * in _unix_ns.
 */
#ifndef JS_BASE_CLOCK_H
#define JS_BASE_CLOCK_H

#include <stdint.h>
#include <sys/time.h>
#include <time.h>

#define JS_NS_PER_US INT64_C(1000)
#define JS_NS_PER_MS INT64_C(1000000)
#define JS_NS_PER_S INT64_C(1000000000)

/* A deadline that never comes. */
#define JS_NEVER_NS INT64_MAX

static inline int64_t js_clock_read_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now); /* cannot fail for these two clocks */
    return (int64_t)now.tv_sec * JS_NS_PER_S + now.tv_nsec;
}

/* Nanoseconds since some moment before this process started. */
static inline int64_t js_clock_ns(void)
{
    return js_clock_read_ns(CLOCK_MONOTONIC);
}

/* Nanoseconds since 1970, by this host's clock. */
static inline int64_t js_clock_unix_ns(void)
{
    return js_clock_read_ns(CLOCK_REALTIME);
}

static inline int64_t js_clock_timeval_ns(const struct timeval *time)
{
    return (int64_t)time->tv_sec * JS_NS_PER_S +
           (int64_t)time->tv_usec * JS_NS_PER_US;
}

#endif
