/*
 * argv - a list of strings that grows, in the form that execvp(3) needs.
 *
 * Owns its strings. If memory runs out while a string is added, the list
 * remembers this, so that a caller can build a list line by line and check only
 * once.
 */
#ifndef JS_BASE_ARGV_H
#define JS_BASE_ARGV_H

#include "base/buf.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

struct js_argv {
    char **items; /* items[count] is NULL once a string was added */
    size_t count, capacity;
    bool has_failed;
};

#define JS_ARGV_INIT                                                           \
    {                                                                          \
        NULL, 0, 0, false                                                      \
    }

/* Frees everything, so that the list is empty. */
void js_argv_release(struct js_argv *argv);

/* Appends a copy of the string. */
void js_argv_addf(struct js_argv *argv, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline void js_argv_add(struct js_argv *argv, const char *string)
{
    js_argv_addf(argv, "%s", string);
}

/* Returns 0 if everything was added, otherwise -1 with errno ENOMEM. */
static inline int js_argv_check(const struct js_argv *argv)
{
    if (!argv->has_failed)
        return 0;
    errno = ENOMEM;
    return -1;
}

/* True if a shell reads the bytes, as a whole argument, as they are: letters,
 * digits and _@%+=:,./- only, and at least one. */
bool js_argv_is_plain(const char *bytes, size_t len);

/* Appends the bytes so that a shell reads them as they are between two single
 * quotes, which it does not append. Returns 0, or -1 with errno ENOMEM. */
int js_argv_escape(struct js_buf *buf, const char *bytes, size_t len);

/* Appends the bytes, in single quotes if they are not plain. Returns 0, or -1
 * with errno ENOMEM. */
int js_argv_quote_word(struct js_buf *buf, const char *word, size_t len);

/* Appends the strings in that form, with blanks between them. */
int js_argv_quote(const struct js_argv *argv, struct js_buf *buf);

#endif
