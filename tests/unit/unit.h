/*
 * unit - the suites of the unit tests, one a module.
 *
 * A test file defines `const struct unit_suite suite_MODULE` and adds it to
 * the list in main.c. Assertions are CUnit's.
 *
 * `make valgrind` sets JS_UNIT_TRACED: all is thirty times slower then, a limit
 * on memory or descriptors is one for valgrind too, and a child of ours does
 * not come back from an exec that fails.
 */
#ifndef JS_TESTS_UNIT_H
#define JS_TESTS_UNIT_H

#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

struct unit_test {
    const char *name;
    void (*run)(void);
};

struct unit_suite {
    const char *name;
    const struct unit_test *tests; /* ends with a NULL name */
};

/* The analyzer does not know that CUnit's fatal assertions do not return. */
static inline void *not_null(void *pointer)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(pointer);
    if (!pointer)
        abort();
    return pointer;
}

static inline bool unit_is_traced(void)
{
    return getenv("JS_UNIT_TRACED") != NULL;
}

#ifdef __SANITIZE_ADDRESS__
enum { UNIT_IS_SANITIZED = 1 };
#else
enum { UNIT_IS_SANITIZED = 0 };
#endif

/* How often to do what is done at random: there it is a twentieth, and a fifth
 * with sanitizers. */
static inline unsigned unit_rounds(unsigned rounds)
{
    unsigned part = unit_is_traced() ? 20 : UNIT_IS_SANITIZED ? 5 : 1;
    return (rounds + part - 1) / part;
}

/* How long is "hung", for anything that a test waits for. It is no measure: a
 * machine that has much else to do gets $JS_PATIENCE times as long. */
static inline unsigned unit_patience_s(void)
{
    const char *times = getenv("JS_PATIENCE");
    long factor = times ? strtol(times, NULL, 10) : 1;
    return 60 * (unsigned)(factor > 0 && factor <= 1000 ? factor : 1);
}

static inline int64_t unit_patience_ns(void)
{
    return unit_patience_s() * INT64_C(1000000000);
}

/* while (unit_waits(&wait)) looks at something every millisecond, and gives up
 * when that is hung: struct unit_wait wait = {0}. */
struct unit_wait {
    unsigned looks;
};

static inline bool unit_waits(struct unit_wait *wait)
{
    struct timespec moment = {.tv_nsec = 1000000};
    nanosleep(&moment, NULL);
    return wait->looks++ < 1000 * unit_patience_s();
}

/* Ends the process when it has used up this much time of a core from now on; 0:
 * no longer. Other than the clock's, it is the same on a machine that is busy
 * with something else. */
static inline void unit_limit_cpu(unsigned seconds)
{
    struct itimerval limit = {.it_value = {.tv_sec = seconds}};
    setitimer(ITIMER_PROF, &limit, NULL);
}

#endif
