/*
 * err - one sentence for the user about what went wrong.
 *
 * A function that can fail for reasons that errno does not express takes a
 * `struct js_err *err` as its last parameter. On failure it fills in the
 * sentence; on success it leaves it alone. The sentence has no newline and no
 * prefix; the code that prints it adds both. NULL is allowed wherever an err is
 * taken, for callers that do not read it.
 */
#ifndef JS_BASE_ERR_H
#define JS_BASE_ERR_H

struct js_err {
    char text[1024];
};

/* Writes the sentence, cut to size. Always returns -1, so that a failure takes
 * one line: return js_err_set(err, "..."). Keeps errno. */
int js_err_set(struct js_err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Does the same as js_err_set(), and appends ": " and the text of the current
 * errno. */
int js_err_errno(struct js_err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The text of an errno value: "No such file or directory". Never NULL; valid
 * until the next call. */
const char *js_errno_text(int error);

#endif
