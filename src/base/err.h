/*
 * err - one sentence for a person about what went wrong.
 *
 * A function that can fail for reasons errno does not tell takes a
 * `struct js_err *err` as its last parameter. On failure it fills in the
 * sentence; on success it leaves it alone. The sentence has no newline and no
 * prefix: whoever prints it adds both. NULL is allowed wherever an err is
 * taken, for callers that do not read it.
 */
#ifndef JS_BASE_ERR_H
#define JS_BASE_ERR_H

struct js_err {
    char text[1024];
};

/* Writes the sentence, cut to size. Always returns -1, so that a failure is
 * one line: return js_err_set(err, "..."). Keeps errno. */
int js_err_set(struct js_err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same with ": " and the text of the current errno behind it. */
int js_err_errno(struct js_err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The name of an errno value as a person knows it: "No such file or
 * directory". Never NULL; valid until the next call. */
const char *js_errno_text(int error);

#endif
