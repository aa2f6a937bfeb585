#include "base/log.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

void js_log(const struct js_log *log, const char *format, ...)
{
    char text[2001];
    va_list args;
    if (!log || !log->line)
        return;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n < 0)
        return;
    js_text_make_printable(text);
    log->line(log->arg, text);
}
