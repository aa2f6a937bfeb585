#include "base/pack.h"

#include <errno.h>
#include <string.h>

int js_pack_bytes(struct js_buf *buf, const void *bytes, size_t len)
{
    /* Reserves first, so that a failure leaves nothing half written. */
    if (js_buf_reserve(buf, len + 8) < 0)
        return -1;
    js_pack_u64(buf, len);
    return js_buf_append(buf, bytes, len);
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
    /* A NUL inside would hide the rest of the string from its reader. */
    if (len >= size || memchr(bytes, '\0', len)) {
        cursor->bad = true;
        len = 0;
    }
    memcpy(to, bytes, len);
    to[len] = '\0';
}

/* Strings with a known end are read in place, so a reader needs no memory; that
 * is why a text is sent with its NUL. */
int js_fields_pack(struct js_buf *buf, const struct js_field *fields,
                   size_t count, const void *from)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const char *at = (const char *)from + fields[i].offset;
        const char *text = at;
        struct js_buf list = JS_BUF_INIT;
        switch (fields[i].kind) {
        case JS_FIELD_BOOL:
            rc = js_pack_u8(buf, *(const bool *)at);
            break;
        case JS_FIELD_32:
            rc = js_pack_u32(buf, *(const uint32_t *)at);
            break;
        case JS_FIELD_64:
        case JS_FIELD_TIME:
            rc = js_pack_u64(buf, *(const uint64_t *)at);
            break;
        case JS_FIELD_TEXT:
            text = *(const char *const *)at ? *(const char *const *)at : "";
            rc = js_pack_bytes(buf, text, strlen(text) + 1);
            break;
        case JS_FIELD_STRING:
            rc = js_pack_bytes(buf, text, strlen(text));
            break;
        case JS_FIELD_CPUS:
            /* A list is short even on large machines, where the set itself is
             * large. */
            rc = js_cpuset_format((const struct js_cpuset *)at, &list);
            if (rc == 0)
                rc = js_pack_bytes(buf, list.data, list.len);
            js_buf_release(&list);
            break;
        }
    }
    return rc;
}

void js_fields_unpack(struct js_cursor *cursor, const struct js_field *fields,
                      size_t count, void *to)
{
    /* Pairs with gaps make the longest list: "1000-1001,1003-1004,". */
    char list[JS_CPUS_MAX / 3 * 10 + 32];
    for (const struct js_field *field = fields; field < fields + count;
         field++) {
        void *at = (char *)to + field->offset;
        const char *text;
        size_t len;
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
            /* Times are added up. A negative time would be wrong, or would
             * overflow. */
            cursor->bad |= *(int64_t *)at < 0;
            break;
        case JS_FIELD_TEXT:
            /* The string stays where it is, with its NUL at the end. */
            text = js_unpack_bytes(cursor, &len);
            cursor->bad |=
                len == 0 || memchr(text, '\0', len) != text + len - 1;
            *(const char **)at = cursor->bad ? "" : text;
            break;
        case JS_FIELD_STRING:
            js_unpack_string(cursor, at, field->size);
            break;
        case JS_FIELD_CPUS:
            js_cpuset_clear(at);
            js_unpack_string(cursor, list, sizeof(list));
            cursor->bad |= js_cpuset_parse(list, at) < 0;
            break;
        }
    }
}
