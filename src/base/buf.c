#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void js_buf_release(struct js_buf *buf)
{
    if (!buf)
        return;
    int saved = errno;
    free(buf->data);
    *buf = (struct js_buf)JS_BUF_INIT;
    errno = saved;
}

int js_buf_reserve(struct js_buf *buf, size_t extra)
{
    if (extra <= buf->capacity - buf->len)
        return 0;
    /* Half of the address space, so that doubling cannot overflow. */
    if (extra > SIZE_MAX / 2 - buf->len) {
        errno = ENOMEM;
        return -1;
    }
    /* Doubling keeps the time of many small appends linear. */
    size_t capacity = buf->capacity ? buf->capacity : 64;
    while (capacity - buf->len < extra)
        capacity *= 2;
    char *data = realloc(buf->data, capacity);
    if (!data)
        return -1;
    buf->data = data;
    buf->capacity = capacity;
    return 0;
}

int js_buf_append(struct js_buf *buf, const void *bytes, size_t len)
{
    if (len == 0)
        return 0;
    if (js_buf_reserve(buf, len) < 0)
        return -1;
    memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    return 0;
}

int js_buf_vprintf(struct js_buf *buf, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    /* Formats twice: the first time only to determine the length. */
    int n = vsnprintf(NULL, 0, format, args);
    int rc = n < 0 ? -1 : js_buf_reserve(buf, (size_t)n + 1);
    if (rc == 0) {
        vsnprintf(buf->data + buf->len, (size_t)n + 1, format, again);
        buf->len += (size_t)n;
    }
    va_end(again);
    return rc;
}

int js_buf_printf(struct js_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int rc = js_buf_vprintf(buf, format, args);
    va_end(args);
    return rc;
}

static const char hex[] = "0123456789abcdef";
static const char plain[] = "\\\t\n\r", letters[] = "\\tnr";

int js_buf_escape(struct js_buf *buf, const char *bytes, size_t len)
{
    if (len == 0)
        return 0;
    /* The longest escape sequence has four bytes. */
    if (len > SIZE_MAX / 8 || js_buf_reserve(buf, 4 * len) < 0)
        return -1;
    char *to = buf->data + buf->len;
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        const char *found = byte ? strchr(plain, byte) : NULL;
        if (found) {
            *to++ = '\\';
            *to++ = letters[found - plain];
        } else if (byte < 0x20 || byte == 0x7f) {
            *to++ = '\\';
            *to++ = 'x';
            *to++ = hex[byte >> 4];
            *to++ = hex[byte & 15];
        } else {
            *to++ = (char)byte;
        }
    }
    buf->len = (size_t)(to - buf->data);
    return 0;
}

size_t js_buf_unescape(const char *bytes, size_t len, char *ret)
{
    *ret = bytes[0];
    if (bytes[0] != '\\')
        return 1;
    /* A NUL must not be looked for: strchr() finds it at the end. */
    const char *letter =
        len < 2 || !bytes[1] ? NULL : strchr(letters, bytes[1]);
    if (letter) {
        *ret = plain[letter - letters];
        return 2;
    }
    if (len < 4 || bytes[1] != 'x')
        return 0;
    const char *high = bytes[2] ? strchr(hex, bytes[2]) : NULL;
    const char *low = high && bytes[3] ? strchr(hex, bytes[3]) : NULL;
    if (!low)
        return 0;
    *ret = (char)((high - hex) * 16 + (low - hex));
    return 4;
}

void js_buf_consume(struct js_buf *buf, size_t count)
{
    if (count >= buf->len) {
        buf->len = 0;
        return;
    }
    memmove(buf->data, buf->data + count, buf->len - count);
    buf->len -= count;
}

void *js_buf_grow(void *array, size_t *capacity, size_t needed, size_t size)
{
    enum { LEAST = 16 };
    if (needed <= *capacity)
        return array;
    if (needed > SIZE_MAX / 4 / size) {
        errno = ENOMEM;
        return NULL;
    }
    /* Doubling keeps the time of many small steps linear. */
    size_t larger = *capacity ? 2 * *capacity : LEAST;
    if (larger < needed)
        larger = needed;
    void *grown = realloc(array, larger * size);
    if (grown)
        *capacity = larger;
    return grown;
}
