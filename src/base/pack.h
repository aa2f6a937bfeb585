/*
 * pack - numbers and byte strings to and from a message.
 *
 * Little-endian, fixed width, no padding: the same bytes on every machine.
 * Writing appends to a js_buf and returns 0, or -1 with errno ENOMEM. Reading
 * goes through a cursor that knows how much is left; a read past the end (or
 * of a string longer than what is left) marks the cursor as bad and yields
 * zeros from then on, so that a decoder reads all its fields and asks once,
 * at the end, whether the message was whole.
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

/* The same for layouts of which there are many, into room that there is
 * (js_buf_extend()). These return what comes behind. */
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

/* The next `len` bytes, or NULL and a bad cursor. */
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

/* The next `len` bytes, in the message; "" on failure. */
const char *js_unpack_raw(struct js_cursor *cursor, size_t len);

/* Points into the message; *ret_len is 0 and the result "" on failure. */
const char *js_unpack_bytes(struct js_cursor *cursor, size_t *ret_len);

/* A byte string copied to `to` with a NUL behind it; one of `size` bytes or
 * more, or with a NUL inside, is bad. */
void js_unpack_string(struct js_cursor *cursor, char *to, size_t size);

/* 0 if every read was whole and nothing is left over, else -1 with errno
 * EBADMSG. */
int js_cursor_end(const struct js_cursor *cursor);

#endif
