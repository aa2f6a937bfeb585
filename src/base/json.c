#include "base/json.h"

#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* The first failure is remembered and later writes are harmless, so callers
 * need not check each of them. */
static void json_note(struct js_json *json, int rc)
{
    json->has_failed |= rc < 0;
}

static void json_put(struct js_json *json, const char *text)
{
    json_note(json, js_buf_puts(&json->buf, text));
}

static void put_character(struct js_json *json, const unsigned char *at,
                          size_t len)
{
    if (len == 0)
        json_put(json, "\\ufffd");
    else if (*at == '"' || *at == '\\')
        json_note(json, js_buf_printf(&json->buf, "\\%c", *at));
    else if (*at == '\n')
        json_put(json, "\\n");
    else if (*at == '\t')
        json_put(json, "\\t");
    else if (*at < 0x20 || *at == 0x7f || *at == '<')
        json_note(json, js_buf_printf(&json->buf, "\\u%04x", *at));
    else
        json_note(json, js_buf_append(&json->buf, at, len));
}

static void put_bytes(struct js_json *json, const char *bytes, size_t len)
{
    const unsigned char *at = (const unsigned char *)bytes;
    json_put(json, "\"");
    while (len > 0) {
        size_t n = js_text_character((const char *)at, len);
        put_character(json, at, n);
        at += n ? n : 1;
        len -= n ? n : 1;
    }
    json_put(json, "\"");
}

/* Writes what precedes a value: the comma and the key. */
static void json_begin(struct js_json *json, const char *key)
{
    if (json->is_behind)
        json_put(json, ",");
    json->is_behind = true;
    if (!key)
        return;
    put_bytes(json, key, strlen(key));
    json_put(json, ":");
}

static void open_with(struct js_json *json, const char *key,
                      const char *bracket)
{
    json_begin(json, key);
    json_put(json, bracket);
    json->is_behind = false;
}

static void close_with(struct js_json *json, const char *bracket)
{
    json_put(json, bracket);
    json->is_behind = true;
}

void js_json_open_object(struct js_json *json, const char *key)
{
    open_with(json, key, "{");
}

void js_json_close_object(struct js_json *json)
{
    close_with(json, "}");
}

void js_json_open_array(struct js_json *json, const char *key)
{
    open_with(json, key, "[");
}

void js_json_close_array(struct js_json *json)
{
    close_with(json, "]");
}

void js_json_string(struct js_json *json, const char *key, const char *text)
{
    js_json_bytes(json, key, text, strlen(text));
}

void js_json_bytes(struct js_json *json, const char *key, const char *bytes,
                   size_t len)
{
    json_begin(json, key);
    put_bytes(json, bytes, len);
}

void js_json_count(struct js_json *json, const char *key, uint64_t count)
{
    json_begin(json, key);
    json_note(json, js_buf_printf(&json->buf, "%" PRIu64, count));
}

void js_json_int(struct js_json *json, const char *key, int64_t number)
{
    json_begin(json, key);
    json_note(json, js_buf_printf(&json->buf, "%" PRId64, number));
}

void js_json_bool(struct js_json *json, const char *key, bool is_true)
{
    json_begin(json, key);
    json_put(json, is_true ? "true" : "false");
}

void js_json_null(struct js_json *json, const char *key)
{
    json_begin(json, key);
    json_put(json, "null");
}

void js_json_real(struct js_json *json, const char *key, double number)
{
    /* JSON has no infinity and no NaN. */
    if (!isfinite(number)) {
        js_json_null(json, key);
        return;
    }
    json_begin(json, key);
    json_note(json, js_buf_printf(&json->buf, "%.3f", number));
}

void js_json_seconds(struct js_json *json, const char *key, int64_t ns)
{
    const char *sign = ns < 0 ? "-" : "";
    /* Unsigned, because -INT64_MIN does not exist. A double would lose the
     * microseconds of the wall clock. */
    uint64_t us = (ns < 0 ? -(uint64_t)ns : (uint64_t)ns) / JS_NS_PER_US;
    json_begin(json, key);
    json_note(json, js_buf_printf(&json->buf, "%s%" PRIu64 ".%06" PRIu64, sign,
                                  us / 1000000, us % 1000000));
}

int js_json_check(const struct js_json *json)
{
    if (!json->has_failed)
        return 0;
    errno = ENOMEM;
    return -1;
}
