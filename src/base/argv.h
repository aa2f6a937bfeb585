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

struct js_words {
    char **items; /* items[count] is NULL, once there is one */
    size_t count, capacity;
    bool has_failed;
};

#define JS_WORDS_INIT                                                          \
    {                                                                          \
        NULL, 0, 0, false                                                      \
    }

/* Frees all of it; the list is as new. */
void js_words_release(struct js_words *words);

/* Appends a copy. */
void js_words_add(struct js_words *words, const char *word);
void js_words_addf(struct js_words *words, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Returns 0 if everything was added, else -1 with errno ENOMEM. */
int js_words_check(const struct js_words *words);

/* Appends them with blanks between, quoted where /bin/sh would see more in them
 * than a word. Returns 0, or -1 with errno ENOMEM. */
int js_words_quote(const struct js_words *words, struct js_buf *buf);

#endif
