#include "base/argv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void js_argv_release(struct js_argv *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->items[i]);
    free(words->items);
    *words = (struct js_argv)JS_ARGV_INIT;
}

/* Makes room for one more string and the NULL after it. */
static int argv_make_room(struct js_argv *words)
{
    if (words->count + 2 <= words->capacity)
        return 0;
    size_t capacity = words->capacity ? 2 * words->capacity : 16;
    char **items = realloc(words->items, capacity * sizeof(*items));
    if (!items)
        return -1;
    words->items = items;
    words->capacity = capacity;
    return 0;
}

/* Takes ownership of the word. */
static void argv_take(struct js_argv *words, char *word)
{
    if (!word || argv_make_room(words) < 0) {
        words->has_failed = true;
        free(word);
        return;
    }
    words->items[words->count++] = word;
    words->items[words->count] = NULL;
}

void js_argv_add(struct js_argv *words, const char *word)
{
    argv_take(words, strdup(word));
}

void js_argv_addf(struct js_argv *words, const char *format, ...)
{
    char *word;
    va_list args;
    va_start(args, format);
    if (vasprintf(&word, format, args) < 0)
        word = NULL;
    va_end(args);
    argv_take(words, word);
}

int js_argv_check(const struct js_argv *words)
{
    if (!words->has_failed)
        return 0;
    errno = ENOMEM;
    return -1;
}

/* Lists the characters that are safe rather than those that are not: the
 * shell's special characters are easily forgotten. */
static bool is_plain(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_@%+=:,./-";
    return word[0] && word[strspn(word, plain)] == '\0';
}

static int quote(const char *word, struct js_buf *buf)
{
    /* Words that need no quotes get none: the command line is shown to
     * people. */
    if (is_plain(word))
        return js_buf_puts(buf, word);
    if (js_buf_puts(buf, "'") < 0)
        return -1;
    for (; *word; word++) {
        if (*word == '\'' ? js_buf_puts(buf, "'\\''") < 0
                          : js_buf_append(buf, word, 1) < 0)
            return -1;
    }
    return js_buf_puts(buf, "'");
}

int js_argv_quote(const struct js_argv *words, struct js_buf *buf)
{
    for (size_t i = 0; i < words->count; i++) {
        if ((i > 0 && js_buf_puts(buf, " ") < 0) ||
            quote(words->items[i], buf) < 0)
            return -1;
    }
    return 0;
}
