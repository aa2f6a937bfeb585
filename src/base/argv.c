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

int js_argv_quote(const struct js_argv *argv, struct js_buf *buf)
{
    /* This lists the safe characters rather than the others, because it is easy
     * to forget some of the shell's special characters. Strings of safe
     * characters get no quotes, because the command line is shown to people. */
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_@%+=:,./-";
    const char *blank = "";
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < argv->count; i++) {
        const char *at = argv->items[i];
        bool is_plain = at[0] && at[strspn(at, plain)] == '\0';
        rc = js_buf_printf(buf, "%s%s", blank, is_plain ? at : "'");
        blank = " ";
        if (is_plain)
            continue;
        for (; rc == 0 && *at; at++)
            rc = *at == '\'' ? js_buf_puts(buf, "'\\''")
                             : js_buf_append(buf, at, 1);
        if (rc == 0)
            rc = js_buf_puts(buf, "'");
    }
    return rc;
}
