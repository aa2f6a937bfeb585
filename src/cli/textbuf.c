#include "cli/textbuf.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/text.h"
#include "base/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Nothing here returns an error. A missing piece is noted, and the caller
 * checks once, with js_textbuf_check(), when the whole text is complete. */
void js_textbuf_put(struct js_textbuf *textbuf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    textbuf->has_failed |= js_buf_vprintf(textbuf->buf, format, args) < 0;
    va_end(args);
}

void js_textbuf_put_bytes(struct js_textbuf *textbuf, const char *bytes,
                          size_t len)
{
    size_t before = textbuf->buf->len;
    int rc = 0;
    /* js_buf_escape() always doubles a backslash, because what it writes is
     * read back. So to keep a backslash, only the text around it is escaped. */
    if (!textbuf->keeps_backslashes) {
        rc = js_buf_escape(textbuf->buf, bytes, len);
    } else {
        for (size_t i = 0; i < len && rc == 0; i++)
            rc = bytes[i] == '\\' ? js_buf_append(textbuf->buf, "\\", 1)
                                  : js_buf_escape(textbuf->buf, bytes + i, 1);
    }
    /* After the bytes, characters are checked: some that are valid UTF-8
     * control a terminal as well. */
    if (rc < 0 || !js_buf_string(textbuf->buf))
        textbuf->has_failed = true;
    else
        js_text_make_printable(textbuf->buf->data + before);
}

void js_textbuf_put_text(struct js_textbuf *textbuf, const char *text)
{
    js_textbuf_put_bytes(textbuf, text, strlen(text));
}

/* Durations below a tenth of a second are shown in milliseconds, because tenths
 * of a second would say nothing. */
void js_textbuf_put_duration(struct js_textbuf *textbuf, int64_t ns)
{
    if (ns >= JS_NS_PER_MS && ns < 100 * JS_NS_PER_MS)
        js_textbuf_put(textbuf, "%d ms", (int)(ns / JS_NS_PER_MS));
    else
        textbuf->has_failed |= js_format_duration(textbuf->buf, ns) < 0;
}

/* The zone is the reader's. A time that has no date there is shown in
 * seconds. */
static void textbuf_put_time(struct js_textbuf *textbuf, int64_t unix_ns)
{
    char text[32];
    struct tm fields;
    time_t seconds = (time_t)(unix_ns / JS_NS_PER_S);
    if (localtime_r(&seconds, &fields) &&
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &fields) > 0)
        js_textbuf_put(textbuf, "%s", text);
    else
        js_textbuf_put(textbuf, "%" PRId64, unix_ns / JS_NS_PER_S);
}

static void textbuf_put_value(struct js_textbuf *textbuf,
                              const struct js_textbuf_value *value)
{
    switch (value->kind) {
    case JS_TEXTBUF_COUNT:
        js_textbuf_put(textbuf, "%" PRIu64, value->count);
        break;
    case JS_TEXTBUF_COUNTED:
        js_textbuf_put(textbuf, "%" PRIu64 " %s%s", value->count, value->text,
                       js_text_plural(value->count));
        break;
    case JS_TEXTBUF_BYTES:
        js_textbuf_put_bytes(textbuf, value->text, value->count);
        break;
    case JS_TEXTBUF_DURATION:
        js_textbuf_put_duration(textbuf, value->ns);
        break;
    case JS_TEXTBUF_TIME:
        textbuf_put_time(textbuf, value->ns);
        break;
    }
}

/* A format of our own instead of printf()'s: every value is escaped by its
 * kind, so no caller can forget to. */
void js_textbuf_say(struct js_textbuf *textbuf, const char *sentence,
                    const struct js_textbuf_value *values)
{
    for (;;) {
        size_t len = strcspn(sentence, "%");
        textbuf->has_failed |= js_buf_append(textbuf->buf, sentence, len) < 0;
        if (!sentence[len])
            return;
        textbuf_put_value(textbuf, values++);
        sentence += len + 1;
    }
}

int js_textbuf_check(const struct js_textbuf *textbuf)
{
    if (!textbuf->has_failed)
        return 0;
    errno = ENOMEM;
    return -1;
}

int js_textbuf_print(const struct js_buf *text)
{
    struct js_err err;
    if (js_file_write(STDOUT_FILENO, text->data, text->len) == 0)
        return JOBSCHED_SUCCEEDED;
    js_err_errno(&err, "cannot write to standard output");
    return js_textbuf_fail(err.text, JOBSCHED_BROKEN);
}

int js_textbuf_fail(const char *what, enum jobsched_status status)
{
    fprintf(stderr, "jobsched: %s\n", what);
    return (int)status;
}
