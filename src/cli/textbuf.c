#include "cli/textbuf.h"

#include "base/clock.h"
#include "base/printable.h"
#include "base/units.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

void js_sheet_put(struct js_sheet *sheet, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sheet->has_failed |= js_buf_vprintf(sheet->buf, format, args) < 0;
    va_end(args);
}

static int escape(const struct js_sheet *sheet, const char *bytes, size_t len)
{
    int rc = 0;
    if (!sheet->keeps_backslashes)
        return js_buf_escape(sheet->buf, bytes, len);
    for (size_t i = 0; i < len && rc == 0; i++)
        rc = bytes[i] == '\\' ? js_buf_append(sheet->buf, "\\", 1)
                              : js_buf_escape(sheet->buf, bytes + i, 1);
    return rc;
}

void js_sheet_put_bytes(struct js_sheet *sheet, const char *bytes, size_t len)
{
    size_t before = sheet->buf->len;
    if (escape(sheet, bytes, len) < 0 || !js_buf_string(sheet->buf))
        sheet->has_failed = true;
    else
        js_show_plainly(sheet->buf->data + before);
}

void js_sheet_put_text(struct js_sheet *sheet, const char *text)
{
    js_sheet_put_bytes(sheet, text, strlen(text));
}

/* Of what is shorter than a tenth of a second the tenths say nothing. */
void js_sheet_put_duration(struct js_sheet *sheet, int64_t ns)
{
    if (ns >= JS_NS_PER_MS && ns < 100 * JS_NS_PER_MS)
        js_sheet_put(sheet, "%d ms", (int)(ns / JS_NS_PER_MS));
    else
        sheet->has_failed |= js_show_duration(sheet->buf, ns) < 0;
}

int js_sheet_check(const struct js_sheet *sheet)
{
    if (!sheet->has_failed)
        return 0;
    errno = ENOMEM;
    return -1;
}
