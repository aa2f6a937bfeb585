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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int js_pack_u8(struct js_buf *buf, uint8_t value);
int js_pack_u32(struct js_buf *buf, uint32_t value);
int js_pack_u64(struct js_buf *buf, uint64_t value);
int js_pack_i64(struct js_buf *buf, int64_t value);

/* A byte string: its length as u64, then the bytes. */
int js_pack_bytes(struct js_buf *buf, const void *bytes, size_t len);

struct js_cursor {
    const char *at; /* borrowed */
    size_t left;
    bool bad;
};

struct js_cursor js_cursor_of(const void *bytes, size_t len);

uint8_t js_unpack_u8(struct js_cursor *cursor);
uint32_t js_unpack_u32(struct js_cursor *cursor);
uint64_t js_unpack_u64(struct js_cursor *cursor);
int64_t js_unpack_i64(struct js_cursor *cursor);

/* Points into the message; *ret_len is 0 and the result "" on failure. */
const char *js_unpack_bytes(struct js_cursor *cursor, size_t *ret_len);

/* A byte string copied to `to` with a NUL behind it; one of `size` bytes or
 * more, or with a NUL inside, is bad. */
void js_unpack_string(struct js_cursor *cursor, char *to, size_t size);

/* 0 if every read was whole and nothing is left over, else -1 with errno
 * EBADMSG. */
int js_cursor_end(const struct js_cursor *cursor);

#endif
