/*
 * json - writes JSON, piece by piece.
 *
 * A js_json lives on the caller's stack and starts as all zero; its buf is what
 * was written so far, released with js_buf_release(). It puts the commas. `key`
 * is the member's name, or NULL within an array and for the outermost value.
 * What could not be written for want of memory is remembered, so that a whole
 * document is written and asked once.
 *
 * Strings are any bytes: what is no UTF-8 becomes U+FFFD, and '<' is escaped as
 * well, so that a document can stand in a page of HTML.
 */
#ifndef JS_BASE_JSON_H
#define JS_BASE_JSON_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct js_json {
    struct js_buf buf;
    bool is_behind; /* a value: the next needs a comma */
    bool has_failed;
};

void js_json_open_object(struct js_json *json, const char *key);
void js_json_close_object(struct js_json *json);
void js_json_open_array(struct js_json *json, const char *key);
void js_json_close_array(struct js_json *json);

void js_json_string(struct js_json *json, const char *key, const char *text);
void js_json_bytes(struct js_json *json, const char *key, const char *bytes,
                   size_t len);
void js_json_count(struct js_json *json, const char *key, uint64_t count);
void js_json_int(struct js_json *json, const char *key, int64_t number);
void js_json_bool(struct js_json *json, const char *key, bool is_true);
void js_json_null(struct js_json *json, const char *key);

/* With three decimals; what is no number is null. */
void js_json_real(struct js_json *json, const char *key, double number);

/* Nanoseconds as seconds, to the microsecond. */
void js_json_seconds(struct js_json *json, const char *key, int64_t ns);

/* 0 if all was written, else -1 with errno ENOMEM. */
int js_json_check(const struct js_json *json);

#endif
