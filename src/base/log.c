#include "base/log.h"

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
    /* What a user or a job supplied must not steer the terminal. */
    for (char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    }
    log->line(log->arg, text);
}
