/*
 * words - a list of strings that grows, as execvp(3) wants it.
 *
 * Owns its strings. What could not be added for want of memory is remembered,
 * so that a list is built line after line and asked once.
 */
#ifndef JS_BASE_ARGV_H
#define JS_BASE_ARGV_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct js_argv {
    char **items; /* items[count] is NULL, once there is one */
    size_t count, capacity;
    bool has_failed;
};

#define JS_ARGV_INIT                                                           \
    {                                                                          \
        NULL, 0, 0, false                                                      \
    }

/* Frees all of it; the list is as new. */
void js_argv_release(struct js_argv *words);

/* Appends a copy. */
void js_argv_add(struct js_argv *words, const char *word);
void js_argv_addf(struct js_argv *words, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Returns 0 if everything was added, else -1 with errno ENOMEM. */
int js_argv_check(const struct js_argv *words);

/* Appends them with blanks between, quoted where /bin/sh would see more in them
 * than a word. Returns 0, or -1 with errno ENOMEM. */
int js_argv_quote(const struct js_argv *words, struct js_buf *buf);

#endif
