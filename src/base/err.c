#include "base/err.h"

#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Returns the length of the sentence. Parts that come from users and jobs must
 * not control a terminal. */
static size_t err_write(struct js_err *err, const char *format, va_list args)
{
    int n = vsnprintf(err->text, sizeof(err->text), format, args);
    if (n >= 0)
        js_text_make_printable(err->text);
    size_t len = n < 0 ? 0 : (size_t)n;
    return len < sizeof(err->text) ? len : sizeof(err->text) - 1;
}

int js_err_set(struct js_err *err, const char *format, ...)
{
    /* Callers still report errno, or base a decision on it. */
    int saved = errno;
    if (err) {
        va_list args;
        va_start(args, format);
        err_write(err, format, args);
        va_end(args);
    }
    errno = saved;
    return -1;
}

int js_err_errno(struct js_err *err, const char *format, ...)
{
    int saved = errno;
    if (err) {
        va_list args;
        va_start(args, format);
        size_t len = err_write(err, format, args);
        va_end(args);
        snprintf(err->text + len, sizeof(err->text) - len, ": %s",
                 js_errno_text(saved));
    }
    errno = saved;
    return -1;
}

void js_log(const struct js_log *log, const char *format, ...)
{
    char text[2001];
    va_list args;
    if (!log || !log->line)
        return;
    /* The whole line goes out in one call, so that lines of several sources
     * never mix. */
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n < 0)
        return;
    js_text_make_printable(text);
    log->line(log->arg, text);
}

void js_invariant_check(bool holds, const char *condition, const char *file,
                        int line)
{
    if (holds)
        return;
    /* abort() leaves a core, which shows the struct. */
    (void)fprintf(stderr,
                  "jobsched: internal error at %s:%d: this condition does not "
                  "hold: %s\n",
                  file, line, condition);
    abort();
}
