#include "base/pack.h"

#include <errno.h>
#include <string.h>

static int pack_number(struct js_buf *buf, uint64_t value, size_t width)
{
    char bytes[8];
    for (size_t i = 0; i < width; i++)
        bytes[i] = (char)(value >> (8 * i));
    return js_buf_append(buf, bytes, width);
}

int js_pack_u8(struct js_buf *buf, uint8_t value)
{
    return pack_number(buf, value, 1);
}

int js_pack_u32(struct js_buf *buf, uint32_t value)
{
    return pack_number(buf, value, 4);
}

int js_pack_u64(struct js_buf *buf, uint64_t value)
{
    return pack_number(buf, value, 8);
}

int js_pack_i64(struct js_buf *buf, int64_t value)
{
    return pack_number(buf, (uint64_t)value, 8);
}

int js_pack_bytes(struct js_buf *buf, const void *bytes, size_t len)
{
    if (js_buf_reserve(buf, len + 8) < 0)
        return -1;
    js_pack_u64(buf, len);
    return js_buf_append(buf, bytes, len);
}

struct js_cursor js_cursor_of(const void *bytes, size_t len)
{
    return (struct js_cursor){bytes, len, false};
}

/* The next `len` bytes, or NULL and a bad cursor. */
static const char *take(struct js_cursor *cursor, size_t len)
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

static uint64_t unpack_number(struct js_cursor *cursor, size_t width)
{
    const char *bytes = take(cursor, width);
    uint64_t value = 0;
    if (!bytes)
        return 0;
    for (size_t i = 0; i < width; i++)
        value |= (uint64_t)(unsigned char)bytes[i] << (8 * i);
    return value;
}

uint8_t js_unpack_u8(struct js_cursor *cursor)
{
    return (uint8_t)unpack_number(cursor, 1);
}

uint32_t js_unpack_u32(struct js_cursor *cursor)
{
    return (uint32_t)unpack_number(cursor, 4);
}

uint64_t js_unpack_u64(struct js_cursor *cursor)
{
    return unpack_number(cursor, 8);
}

int64_t js_unpack_i64(struct js_cursor *cursor)
{
    return (int64_t)unpack_number(cursor, 8);
}

const char *js_unpack_bytes(struct js_cursor *cursor, size_t *ret_len)
{
    uint64_t len = js_unpack_u64(cursor);
    const char *bytes = NULL;
    if (len > cursor->left)
        cursor->bad = true;
    else
        bytes = take(cursor, (size_t)len);
    *ret_len = bytes ? (size_t)len : 0;
    return bytes ? bytes : "";
}

void js_unpack_string(struct js_cursor *cursor, char *to, size_t size)
{
    size_t len;
    const char *bytes = js_unpack_bytes(cursor, &len);
    if (len >= size || memchr(bytes, '\0', len)) {
        cursor->bad = true;
        len = 0;
    }
    memcpy(to, bytes, len);
    to[len] = '\0';
}

int js_cursor_end(const struct js_cursor *cursor)
{
    if (!cursor->bad && cursor->left == 0)
        return 0;
    errno = EBADMSG;
    return -1;
}
