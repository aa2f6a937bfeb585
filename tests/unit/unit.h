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
#include <stdlib.h>

struct unit_test {
    const char *name;
    void (*run)(void);
};

struct unit_suite {
    const char *name;
    const struct unit_test *tests; /* ends with a NULL name */
};

static inline bool unit_is_traced(void)
{
    return getenv("JS_UNIT_TRACED") != NULL;
}

/* How often to do what is done at random: there it is a twentieth. */
static inline unsigned unit_rounds(unsigned rounds)
{
    return unit_is_traced() ? (rounds + 19) / 20 : rounds;
}

#endif
