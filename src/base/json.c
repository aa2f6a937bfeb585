#include "base/json.h"

#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

void js_json_put_quoted(struct js_json *json, const char *bytes, size_t len)
{
    /* "<" is written as a number, because a page contains its data in a script,
     * which "</script>" would end. */
    static const char special[] = "\"\\\n\t", letters[] = "\"\\nt";
    js_json_put(json, "\"");
    while (len > 0) {
        unsigned char first = (unsigned char)*bytes;
        const char *found = first ? strchr(special, first) : NULL;
        size_t n = js_text_character(bytes, len);
        int rc;
        /* Bytes that are not UTF-8 would make the whole document invalid. */
        if (n == 0)
            rc = js_buf_puts(&json->buf, "\\ufffd");
        else if (found)
            rc = js_buf_printf(&json->buf, "\\%c", letters[found - special]);
        else if (first < 0x20 || first == 0x7f || first == '<')
            rc = js_buf_printf(&json->buf, "\\u%04x", first);
        else
            rc = js_buf_append(&json->buf, bytes, n);
        json->has_failed |= rc < 0;
        bytes += n ? n : 1;
        len -= n ? n : 1;
    }
    js_json_put(json, "\"");
}

void js_json_begin(struct js_json *json, const char *key)
{
    if (json->is_behind)
        js_json_put(json, ",");
    json->is_behind = true;
    if (!key)
        return;
    js_json_put_quoted(json, key, strlen(key));
    js_json_put(json, ":");
}

void js_json_printf(struct js_json *json, const char *key, const char *format,
                    ...)
{
    va_list args;
    js_json_begin(json, key);
    va_start(args, format);
    json->has_failed |= js_buf_vprintf(&json->buf, format, args) < 0;
    va_end(args);
}

void js_json_seconds(struct js_json *json, const char *key, int64_t ns)
{
    /* The sign is written separately, because the whole part of -0.5 has
     * none. */
    const char *sign = ns < 0 ? "-" : "";
    /* This is unsigned, because -INT64_MIN does not exist. A double would lose
     * the microseconds of the wall clock. */
    uint64_t us = (ns < 0 ? -(uint64_t)ns : (uint64_t)ns) / JS_NS_PER_US;
    js_json_printf(json, key, "%s%" PRIu64 ".%06" PRIu64, sign, us / 1000000,
                   us % 1000000);
}
