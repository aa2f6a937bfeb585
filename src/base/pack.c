#include "base/pack.h"

#include <errno.h>
#include <string.h>

int js_pack_u8(struct js_buf *buf, uint8_t value)
{
    return js_buf_append(buf, &value, sizeof(value));
}

int js_pack_u32(struct js_buf *buf, uint32_t value)
{
    char *at = js_buf_extend(buf, sizeof(value));
    if (!at)
        return -1;
    js_put_u32(at, value);
    return 0;
}

int js_pack_u64(struct js_buf *buf, uint64_t value)
{
    char *at = js_buf_extend(buf, sizeof(value));
    if (!at)
        return -1;
    js_put_u64(at, value);
    return 0;
}

int js_pack_i64(struct js_buf *buf, int64_t value)
{
    return js_pack_u64(buf, (uint64_t)value);
}

int js_pack_bytes(struct js_buf *buf, const void *bytes, size_t len)
{
    /* Reserves first, so that a failure leaves nothing half written. */
    if (js_buf_reserve(buf, len + 8) < 0)
        return -1;
    js_pack_u64(buf, len);
    return js_buf_append(buf, bytes, len);
}

struct js_cursor js_cursor_of(const void *bytes, size_t len)
{
    return (struct js_cursor){bytes, len, false};
}

const char *js_unpack_raw(struct js_cursor *cursor, size_t len)
{
    const char *bytes = js_take(cursor, len);
    return bytes ? bytes : "";
}

const char *js_unpack_bytes(struct js_cursor *cursor, size_t *ret_len)
{
    uint64_t len = js_unpack_u64(cursor);
    const char *bytes = NULL;
    if (len > cursor->left)
        cursor->bad = true;
    else
        bytes = js_take(cursor, (size_t)len);
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
