#include "cli/textbuf.h"

#include "base/clock.h"
#include "base/printable.h"
#include "base/units.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

void js_textbuf_put(struct js_textbuf *textbuf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    textbuf->has_failed |= js_buf_vprintf(textbuf->buf, format, args) < 0;
    va_end(args);
}

static int escape(const struct js_textbuf *textbuf, const char *bytes,
                  size_t len)
{
    int rc = 0;
    if (!textbuf->keeps_backslashes)
        return js_buf_escape(textbuf->buf, bytes, len);
    for (size_t i = 0; i < len && rc == 0; i++)
        rc = bytes[i] == '\\' ? js_buf_append(textbuf->buf, "\\", 1)
                              : js_buf_escape(textbuf->buf, bytes + i, 1);
    return rc;
}

void js_textbuf_put_bytes(struct js_textbuf *textbuf, const char *bytes,
                          size_t len)
{
    size_t before = textbuf->buf->len;
    if (escape(textbuf, bytes, len) < 0 || !js_buf_string(textbuf->buf))
        textbuf->has_failed = true;
    else
        js_make_printable(textbuf->buf->data + before);
}

void js_textbuf_put_text(struct js_textbuf *textbuf, const char *text)
{
    js_textbuf_put_bytes(textbuf, text, strlen(text));
}

/* Of what is shorter than a tenth of a second the tenths say nothing. */
void js_textbuf_put_duration(struct js_textbuf *textbuf, int64_t ns)
{
    if (ns >= JS_NS_PER_MS && ns < 100 * JS_NS_PER_MS)
        js_textbuf_put(textbuf, "%d ms", (int)(ns / JS_NS_PER_MS));
    else
        textbuf->has_failed |= js_show_duration(textbuf->buf, ns) < 0;
}

int js_textbuf_check(const struct js_textbuf *textbuf)
{
    if (!textbuf->has_failed)
        return 0;
    errno = ENOMEM;
    return -1;
}
