/*
 * json - writes JSON, piece by piece.
 *
 * A js_json lives on the caller's stack and starts as all zeros. Its buf holds
 * what has been written so far; release it with js_buf_release(). Commas are
 * added automatically. `key` is the member's name, or NULL within an array and
 * for the outermost value. If memory runs out, the js_json remembers this, so
 * that a caller can write a whole document and check only once.
 *
 * Strings may contain any bytes. Anything that is not UTF-8 becomes U+FFFD. '<'
 * is escaped as well, so that a document can be part of an HTML page.
 */
#ifndef JS_BASE_JSON_H
#define JS_BASE_JSON_H

#include "base/buf.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct js_json {
    struct js_buf buf;
    bool is_behind; /* a value came before: the next one needs a comma */
    bool has_failed;
};

/* The first failure is remembered and later writes are harmless, so callers
 * need not check every call. */
static inline void js_json_put(struct js_json *json, const char *text)
{
    json->has_failed |= js_buf_puts(&json->buf, text) < 0;
}

/* Writes a string by itself, in quotes. */
void js_json_put_quoted(struct js_json *json, const char *bytes, size_t len);

/* Writes what precedes a value: the comma and the key. */
void js_json_begin(struct js_json *json, const char *key);

static inline void js_json_open(struct js_json *json, const char *key,
                                const char *bracket)
{
    js_json_begin(json, key);
    js_json_put(json, bracket);
    json->is_behind = false;
}

static inline void js_json_close(struct js_json *json, const char *bracket)
{
    js_json_put(json, bracket);
    json->is_behind = true;
}

static inline void js_json_open_object(struct js_json *json, const char *key)
{
    js_json_open(json, key, "{");
}

static inline void js_json_close_object(struct js_json *json)
{
    js_json_close(json, "}");
}

static inline void js_json_open_array(struct js_json *json, const char *key)
{
    js_json_open(json, key, "[");
}

static inline void js_json_close_array(struct js_json *json)
{
    js_json_close(json, "]");
}

static inline void js_json_bytes(struct js_json *json, const char *key,
                                 const char *bytes, size_t len)
{
    js_json_begin(json, key);
    js_json_put_quoted(json, bytes, len);
}

static inline void js_json_string(struct js_json *json, const char *key,
                                  const char *text)
{
    js_json_bytes(json, key, text, strlen(text));
}

/* Writes a value that needs no quotes. */
void js_json_printf(struct js_json *json, const char *key, const char *format,
                    ...) __attribute__((format(printf, 3, 4)));

static inline void js_json_count(struct js_json *json, const char *key,
                                 uint64_t count)
{
    js_json_printf(json, key, "%" PRIu64, count);
}

static inline void js_json_int(struct js_json *json, const char *key,
                               int64_t number)
{
    js_json_printf(json, key, "%" PRId64, number);
}

static inline void js_json_bool(struct js_json *json, const char *key,
                                bool is_true)
{
    js_json_printf(json, key, "%s", is_true ? "true" : "false");
}

static inline void js_json_null(struct js_json *json, const char *key)
{
    js_json_printf(json, key, "null");
}

/* Writes a number with three decimals, or null if it is not a number. */
static inline void js_json_real(struct js_json *json, const char *key,
                                double number)
{
    /* JSON has no infinity and no NaN. */
    if (isfinite(number))
        js_json_printf(json, key, "%.3f", number);
    else
        js_json_null(json, key);
}

/* Writes nanoseconds as seconds, to the microsecond. */
void js_json_seconds(struct js_json *json, const char *key, int64_t ns);

/* Returns 0 if everything was written, otherwise -1 with errno ENOMEM. */
static inline int js_json_check(const struct js_json *json)
{
    if (!json->has_failed)
        return 0;
    errno = ENOMEM;
    return -1;
}

#endif
