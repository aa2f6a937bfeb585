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

static int pack_cpus(struct js_buf *buf, const struct js_cpuset *cpus)
{
    /* A list is short even for large machines, where the set itself is not. */
    struct js_buf list = JS_BUF_INIT;
    int rc = js_cpuset_format(cpus, &list);
    if (rc == 0)
        rc = js_pack_bytes(buf, list.data, list.len);
    js_buf_release(&list);
    return rc;
}

static void unpack_cpus(struct js_cursor *cursor, struct js_cpuset *ret)
{
    /* Pairs with gaps make the longest list: "1000-1001,1003-1004,". */
    char list[JS_CPUS_MAX / 3 * 10 + 32];
    js_cpuset_clear(ret);
    js_unpack_string(cursor, list, sizeof(list));
    if (js_cpuset_parse(list, ret) < 0)
        cursor->bad = true;
}

/* Returns a string with its NUL, left where it is. */
static const char *unpack_text(struct js_cursor *cursor)
{
    size_t len;
    const char *text = js_unpack_bytes(cursor, &len);
    if (len > 0 && memchr(text, '\0', len) == text + len - 1)
        return text;
    cursor->bad = true;
    return "";
}

static int pack_field(struct js_buf *buf, const struct js_field *field,
                      const char *at)
{
    const char *text = at;
    switch (field->kind) {
    case JS_FIELD_BOOL:
        return js_pack_u8(buf, *(const bool *)at);
    case JS_FIELD_32:
        return js_pack_u32(buf, *(const uint32_t *)at);
    case JS_FIELD_64:
    case JS_FIELD_TIME:
        return js_pack_u64(buf, *(const uint64_t *)at);
    case JS_FIELD_TEXT:
        text = *(const char *const *)at ? *(const char *const *)at : "";
        return js_pack_bytes(buf, text, strlen(text) + 1);
    case JS_FIELD_STRING:
        return js_pack_bytes(buf, text, strlen(text));
    case JS_FIELD_CPUS:
        return pack_cpus(buf, (const struct js_cpuset *)at);
    }
    return 0;
}

int js_fields_pack(struct js_buf *buf, const struct js_field *fields,
                   size_t count, const void *from)
{
    for (size_t i = 0; i < count; i++) {
        if (pack_field(buf, &fields[i], (const char *)from + fields[i].offset) <
            0)
            return -1;
    }
    return 0;
}

void js_fields_unpack(struct js_cursor *cursor, const struct js_field *fields,
                      size_t count, void *to)
{
    for (const struct js_field *field = fields; field < fields + count;
         field++) {
        void *at = (char *)to + field->offset;
        switch (field->kind) {
        case JS_FIELD_BOOL:
            *(bool *)at = js_unpack_u8(cursor);
            break;
        case JS_FIELD_32:
            *(uint32_t *)at = js_unpack_u32(cursor);
            break;
        case JS_FIELD_64:
            *(uint64_t *)at = js_unpack_u64(cursor);
            break;
        case JS_FIELD_TIME:
            *(int64_t *)at = js_unpack_i64(cursor);
            cursor->bad |= *(int64_t *)at < 0;
            break;
        case JS_FIELD_TEXT:
            *(const char **)at = unpack_text(cursor);
            break;
        case JS_FIELD_STRING:
            js_unpack_string(cursor, at, field->size);
            break;
        case JS_FIELD_CPUS:
            unpack_cpus(cursor, at);
            break;
        }
    }
}
