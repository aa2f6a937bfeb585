/*
 * unit - the suites of the unit tests, one a module.
 *
 * A test file defines `const struct unit_suite suite_MODULE` and adds it to
 * the list in main.c. Assertions are CUnit's.
 */
#ifndef JS_TESTS_UNIT_H
#define JS_TESTS_UNIT_H

#include <CUnit/CUnit.h>

struct unit_test {
    const char *name;
    void (*run)(void);
};

struct unit_suite {
    const char *name;
    const struct unit_test *tests; /* ends with a NULL name */
};

#endif
