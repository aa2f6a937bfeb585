/*
 * pack - numbers and byte strings to and from a message.
 *
 * Little-endian, fixed width, no padding: the bytes are the same on every
 * machine. Writing appends to a js_buf and returns 0, or -1 with errno ENOMEM.
 * Reading uses a cursor that knows how much is left. A read past the end (or of
 * a string longer than what is left) marks the cursor as bad and yields zeros
 * from then on. So a decoder can read all its fields and check only once, at
 * the end, that the message was whole.
 */
#ifndef JS_BASE_PACK_H
#define JS_BASE_PACK_H

#include "base/buf.h"

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int js_pack_u8(struct js_buf *buf, uint8_t value);
int js_pack_u32(struct js_buf *buf, uint32_t value);
int js_pack_u64(struct js_buf *buf, uint64_t value);
int js_pack_i64(struct js_buf *buf, int64_t value);

/* For layouts with many numbers: write into room made with js_buf_extend().
 * Each returns the position after the number. */
static inline char *js_put_u32(char *at, uint32_t value)
{
    uint32_t bytes = htole32(value);
    memcpy(at, &bytes, sizeof(bytes));
    return at + sizeof(bytes);
}

static inline char *js_put_u64(char *at, uint64_t value)
{
    uint64_t bytes = htole64(value);
    memcpy(at, &bytes, sizeof(bytes));
    return at + sizeof(bytes);
}

static inline char *js_put_i64(char *at, int64_t value)
{
    return js_put_u64(at, (uint64_t)value);
}

/* A byte string: its length as u64, then the bytes. */
int js_pack_bytes(struct js_buf *buf, const void *bytes, size_t len);

struct js_cursor {
    const char *at; /* borrowed */
    size_t left;
    bool bad;
};

struct js_cursor js_cursor_of(const void *bytes, size_t len);

/* Takes the next `len` bytes. On failure returns NULL and marks the cursor as
 * bad. */
static inline const char *js_take(struct js_cursor *cursor, size_t len)
{
    if (cursor->bad || len > cursor->left) {
        cursor->bad = true;
        return NULL;
    }
    const char *bytes = cursor->at;
    cursor->at += len;
    cursor->left -= len;
    return bytes;
}

static inline uint8_t js_unpack_u8(struct js_cursor *cursor)
{
    const char *at = js_take(cursor, 1);
    return at ? (uint8_t)*at : 0;
}

static inline uint32_t js_unpack_u32(struct js_cursor *cursor)
{
    uint32_t value = 0;
    const char *at = js_take(cursor, sizeof(value));
    if (at)
        memcpy(&value, at, sizeof(value));
    return le32toh(value);
}

static inline uint64_t js_unpack_u64(struct js_cursor *cursor)
{
    uint64_t value = 0;
    const char *at = js_take(cursor, sizeof(value));
    if (at)
        memcpy(&value, at, sizeof(value));
    return le64toh(value);
}

static inline int64_t js_unpack_i64(struct js_cursor *cursor)
{
    return (int64_t)js_unpack_u64(cursor);
}

/* Returns the next `len` bytes, within the message; "" on failure. */
const char *js_unpack_raw(struct js_cursor *cursor, size_t len);

/* Returns a pointer into the message. On failure *ret_len is 0 and the result
 * "". */
const char *js_unpack_bytes(struct js_cursor *cursor, size_t *ret_len);

/* Copies a byte string to `to` and adds a NUL. A string of `size` bytes or
 * more, or with a NUL inside, is bad. */
void js_unpack_string(struct js_cursor *cursor, char *to, size_t size);

/* Returns 0 if every read was whole and nothing is left over, else -1 with
 * errno EBADMSG. */
int js_cursor_end(const struct js_cursor *cursor);

#endif
