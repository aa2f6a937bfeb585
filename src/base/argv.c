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

bool js_argv_is_plain(const char *bytes, size_t len)
{
    /* This lists the safe characters rather than the others, because it is easy
     * to forget some of the shell's special characters. In ASCII, those of
     * "+,-./" come before the digits, ':' after them, and '@' before 'A'. */
    size_t at = 0;
    while (at < len &&
           ((bytes[at] >= 'a' && bytes[at] <= 'z') ||
            (bytes[at] >= '@' && bytes[at] <= 'Z') ||
            (bytes[at] >= '+' && bytes[at] <= ':') || bytes[at] == '_' ||
            bytes[at] == '%' || bytes[at] == '='))
        at++;
    return len > 0 && at == len;
}

int js_argv_escape(struct js_buf *buf, const char *bytes, size_t len)
{
    const char *quote;
    while (len > 0 && (quote = memchr(bytes, '\'', len))) {
        size_t before = (size_t)(quote - bytes);
        if (js_buf_append(buf, bytes, before) < 0 ||
            js_buf_puts(buf, "'\\''") < 0)
            return -1;
        bytes += before + 1;
        len -= before + 1;
    }
    return js_buf_append(buf, bytes, len);
}

int js_argv_quote_word(struct js_buf *buf, const char *word, size_t len)
{
    /* Plain words get no quotes, because people read them. */
    if (js_argv_is_plain(word, len))
        return js_buf_append(buf, word, len);
    if (js_buf_puts(buf, "'") < 0 || js_argv_escape(buf, word, len) < 0)
        return -1;
    return js_buf_puts(buf, "'");
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
