/*
 * invariant - what must hold of a struct, whatever happens outside.
 *
 * A broken invariant is a bug in jobsched, and there is no sensible way to go
 * on. JS_INVARIANT() reports which one is broken and aborts. Unlike assert() it
 * is always compiled in. Functions that recount whole structs are called by
 * tests; only debug builds (make DEBUG=1) call them on their own.
 */
#ifndef JS_BASE_INVARIANT_H
#define JS_BASE_INVARIANT_H

#include <stdbool.h>

#define JS_INVARIANT(condition)                                                \
    js_invariant_check((condition), #condition, __FILE__, __LINE__)

void js_invariant_check(bool holds, const char *condition, const char *file,
                        int line);

#endif
