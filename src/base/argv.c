#include "base/argv.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void js_argv_release(struct js_argv *argv)
{
    for (size_t i = 0; i < argv->count; i++)
        free(argv->items[i]);
    free(argv->items);
    *argv = (struct js_argv)JS_ARGV_INIT;
}

void js_argv_addf(struct js_argv *argv, const char *format, ...)
{
    char *string;
    va_list args;
    va_start(args, format);
    if (vasprintf(&string, format, args) < 0)
        string = NULL;
    va_end(args);
    /* The NULL after the last string needs room as well. */
    char **items = string ? js_buf_grow(argv->items, &argv->capacity,
                                        argv->count + 2, sizeof(*items))
                          : NULL;
    /* The failure is remembered, so that a caller checks only once, when the
     * list is complete. */
    if (!items) {
        argv->has_failed = true;
        free(string);
        return;
    }
    argv->items = items;
    argv->items[argv->count++] = string;
    argv->items[argv->count] = NULL;
}

int js_argv_quote_word(struct js_buf *buf, const char *word, size_t len)
{
    /* This lists the safe characters rather than the others, because it is easy
     * to forget some of the shell's special characters. Strings of safe
     * characters get no quotes, because the command line is shown to people. */
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_@%+=:,./-";
    size_t safe = 0;
    while (safe < len && word[safe] && strchr(plain, word[safe]))
        safe++;
    if (len > 0 && safe == len)
        return js_buf_append(buf, word, len);
    int rc = js_buf_puts(buf, "'");
    for (const char *end = word + len; rc == 0 && word < end;) {
        const char *quote = memchr(word, '\'', (size_t)(end - word));
        const char *stop = quote ? quote : end;
        rc = js_buf_append(buf, word, (size_t)(stop - word));
        if (rc == 0 && quote)
            rc = js_buf_puts(buf, "'\\''");
        word = stop + (quote != NULL);
    }
    return rc == 0 ? js_buf_puts(buf, "'") : -1;
}

int js_argv_quote(const struct js_argv *argv, struct js_buf *buf)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < argv->count; i++) {
        rc = js_buf_puts(buf, i > 0 ? " " : "");
        if (rc == 0)
            rc =
                js_argv_quote_word(buf, argv->items[i], strlen(argv->items[i]));
    }
    return rc;
}
