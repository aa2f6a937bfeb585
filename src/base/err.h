/*
 * err - one sentence for the user about what went wrong; lines for the user;
 * and invariants.
 *
 * A function that can fail for reasons that errno does not express takes a
 * `struct js_err *err` as its last parameter. On failure it fills in the
 * sentence; on success it leaves it alone. The sentence has no newline and no
 * prefix; the code that prints it adds both. NULL is allowed wherever an err is
 * taken, for callers that do not read it.
 */
#ifndef JS_BASE_ERR_H
#define JS_BASE_ERR_H

#include <stdbool.h>
#include <string.h>

struct js_err {
    char text[1024];
};

/* Writes the sentence, truncated if it is too long. Always returns -1, so that
 * a failure takes one line: return js_err_set(err, "..."). Keeps errno. */
int js_err_set(struct js_err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Does the same as js_err_set(), and appends ": " and the text of the current
 * errno. */
int js_err_errno(struct js_err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The text of an errno value: "No such file or directory". Never NULL; valid
 * until the next call. */
static inline const char *js_errno_text(int error)
{
    return strerror(error);
}

/*
 * The parts of a run send their messages for the user to a log. A log takes
 * whole lines, without newline or prefix. The program decides where they go.
 * Only the command line writes to a terminal by itself.
 */

struct js_log {
    void (*line)(void *arg, const char *text); /* NULL: drop all lines */
    void *arg;
};

/* Logs one line, cut at 2,000 bytes. Control bytes in it are shown as '?'. */
void js_log(const struct js_log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * An invariant is a condition that a struct must always meet, independent of
 * outside events. A broken one is a bug in jobsched, and there is no sensible
 * way to go on. JS_INVARIANT() reports which one is broken and aborts. Unlike
 * assert() it is always compiled in. Functions that recount whole structs are
 * called by tests; the program itself calls them only in debug builds (make
 * DEBUG=1).
 */

#define JS_INVARIANT(condition)                                                \
    js_invariant_check((condition), #condition, __FILE__, __LINE__)

void js_invariant_check(bool holds, const char *condition, const char *file,
                        int line);

#endif
