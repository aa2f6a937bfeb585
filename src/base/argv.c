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

static int argv_quote_string(const char *string, struct js_buf *buf)
{
    /* This lists the safe characters rather than the others, because it is easy
     * to forget some of the shell's special characters. Strings of safe
     * characters get no quotes, because the command line is shown to people. */
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_@%+=:,./-";
    if (string[0] && string[strspn(string, plain)] == '\0')
        return js_buf_puts(buf, string);
    int rc = js_buf_puts(buf, "'");
    for (; rc == 0 && *string; string++)
        rc = *string == '\'' ? js_buf_puts(buf, "'\\''")
                             : js_buf_append(buf, string, 1);
    return rc == 0 ? js_buf_puts(buf, "'") : -1;
}

int js_argv_quote(const struct js_argv *argv, struct js_buf *buf)
{
    for (size_t i = 0; i < argv->count; i++) {
        if ((i > 0 && js_buf_puts(buf, " ") < 0) ||
            argv_quote_string(argv->items[i], buf) < 0)
            return -1;
    }
    return 0;
}
