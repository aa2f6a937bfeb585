#include "base/buf.h"

#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *js_buf_copy_string(struct js_buf *buf, const char *text)
{
    buf->len = 0;
    return text && js_buf_puts(buf, text) == 0 ? js_buf_string(buf) : NULL;
}

void js_buf_release(struct js_buf *buf)
{
    if (!buf)
        return;
    int saved = errno;
    free(buf->data);
    *buf = (struct js_buf)JS_BUF_INIT;
    errno = saved;
}

int js_buf_expand(struct js_buf *buf, size_t extra)
{
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

int js_buf_vprintf(struct js_buf *buf, const char *format, va_list args)
{
    /* A va_list can be read only once. */
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

enum { EIGHT_DIGITS = 100 * 1000 * 1000, DIGITS_MAX = 20 };

/* Returns the digits of a number below EIGHT_DIGITS, the first in the lowest
 * byte. Each step splits all parts of the number at once: multiplying by
 * 10486 / 2^20 divides by 100, and by 103 / 2^10 divides by 10. */
static uint64_t buf_digits(uint64_t number)
{
    uint64_t fours = number / 10000 | number % 10000 << 32;
    uint64_t high = fours * 10486 >> 20 & UINT64_C(0x0000007f0000007f);
    uint64_t twos = high | (fours - 100 * high) << 16;
    high = twos * 103 >> 10 & UINT64_C(0x000f000f000f000f);
    return high | (twos - 10 * high) << 8;
}

/* Writes eight bytes, of which those in front of the returned position are the
 * number's. */
static char *buf_put_number(char *to, uint64_t number)
{
    static const uint64_t zeros = UINT64_C(0x3030303030303030);
    uint64_t parts[(DIGITS_MAX + 7) / 8];
    int count = 0;
    for (; number >= EIGHT_DIGITS; number /= EIGHT_DIGITS)
        parts[count++] = number % EIGHT_DIGITS;
    uint64_t digits = buf_digits(number);
    int skipped = __builtin_ctzll(digits) / 8;
    digits = htole64((digits | zeros) >> 8 * skipped);
    memcpy(to, &digits, sizeof(digits));
    to += 8 - skipped;
    while (count > 0) {
        digits = htole64(buf_digits(parts[--count]) | zeros);
        memcpy(to, &digits, sizeof(digits));
        to += sizeof(digits);
    }
    return to;
}

int js_buf_put_numbers(struct js_buf *buf, char before, const uint64_t *numbers,
                       size_t count)
{
    if (js_buf_reserve(buf, count * (1 + DIGITS_MAX)) < 0)
        return -1;
    char *to = buf->data + buf->len;
    for (size_t i = 0; i < count; i++) {
        if (before)
            *to++ = before;
        if (numbers[i] < 10)
            *to++ = (char)('0' + numbers[i]);
        else
            to = buf_put_number(to, numbers[i]);
    }
    buf->len = (size_t)(to - buf->data);
    return 0;
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
        if (byte >= 0x20 && byte != '\\' && byte != 0x7f) {
            *to++ = (char)byte;
            continue;
        }
        const char *found = byte ? strchr(plain, byte) : NULL;
        *to++ = '\\';
        if (found) {
            *to++ = letters[found - plain];
        } else {
            *to++ = 'x';
            *to++ = hex[byte >> 4];
            *to++ = hex[byte & 15];
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
    /* NUL is excluded, because strchr() would find it at the end of the
     * string. */
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

/* The rest of the bytes must be moved, so callers collect what they have taken
 * until a move is worthwhile. */
void js_buf_consume(struct js_buf *buf, size_t count)
{
    if (count >= buf->len) {
        buf->len = 0;
        return;
    }
    memmove(buf->data, buf->data + count, buf->len - count);
    buf->len -= count;
}

/* The caller keeps the array and its capacity in a struct of its own type; a
 * buffer of bytes would need a cast at each use. */
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
