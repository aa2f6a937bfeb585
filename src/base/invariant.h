/*
 * invariant - what must hold of a struct, whatever happens outside.
 *
 * One that does not hold is a bug here, and there is no sensible way to go on:
 * JS_INVARIANT() reports which, and aborts. Unlike assert() it is always
 * compiled in; the functions that recount whole structs are called by tests,
 * and by themselves in debug builds only (make DEBUG=1).
 */
#ifndef JS_BASE_INVARIANT_H
#define JS_BASE_INVARIANT_H

#include <stdbool.h>

#define JS_INVARIANT(condition)                                                \
    js_invariant_check((condition), #condition, __FILE__, __LINE__)

void js_invariant_check(bool holds, const char *condition, const char *file,
                        int line);

#endif
