/*
 * buf - growable bytes, and the only way to build strings in this project.
 *
 * A js_buf lives on the caller's stack or in its struct and starts as
 * JS_BUF_INIT (all zero). Every call that may grow it returns 0, or -1 with
 * errno ENOMEM and the contents unchanged.
 */
#ifndef JS_BASE_BUF_H
#define JS_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct js_buf {
    char *data; /* owned; NULL while capacity is 0 */
    size_t len;
    size_t capacity;
};

#define JS_BUF_INIT                                                            \
    {                                                                          \
        NULL, 0, 0                                                             \
    }

/* Replaces what the buf holds with this string. Returns the copy, or NULL if
 * `text` is NULL or there is no memory. */
const char *js_buf_copy_string(struct js_buf *buf, const char *text);

/* Frees the bytes, so that the buf is empty. NULL is allowed. */
void js_buf_release(struct js_buf *buf);

/* Makes room for `extra` more bytes after len. */
int js_buf_expand(struct js_buf *buf, size_t extra);
static inline int js_buf_reserve(struct js_buf *buf, size_t extra)
{
    return extra <= buf->capacity - buf->len ? 0 : js_buf_expand(buf, extra);
}

/* Adds `extra` bytes with undefined values to the contents. Returns a pointer
 * to the first of them, or NULL. */
static inline char *js_buf_extend(struct js_buf *buf, size_t extra)
{
    if (js_buf_reserve(buf, extra) < 0)
        return NULL;
    buf->len += extra;
    return buf->data + buf->len - extra;
}

static inline int js_buf_append(struct js_buf *buf, const void *bytes,
                                size_t len)
{
    if (len == 0)
        return 0;
    if (js_buf_reserve(buf, len) < 0)
        return -1;
    memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    return 0;
}

static inline int js_buf_puts(struct js_buf *buf, const char *text)
{
    return js_buf_append(buf, text, strlen(text));
}
int js_buf_printf(struct js_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int js_buf_vprintf(struct js_buf *buf, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Appends the numbers in decimal, with `before` in front of each, unless it is
 * NUL. This costs a tenth of js_buf_printf(), a difference that is noticeable
 * where every job has a line. */
int js_buf_put_numbers(struct js_buf *buf, char before, const uint64_t *numbers,
                       size_t count);

/*
 * Appends `bytes` so that they fit into one field of a tab-separated line and
 * can be read back. Backslash, tab, newline and carriage return become \\ \t \n
 * \r; other control bytes become \xHH. Everything else stays as it is,
 * including bytes that are not UTF-8.
 */
int js_buf_escape(struct js_buf *buf, const char *bytes, size_t len);

/* Decodes one byte of what js_buf_escape() has written, into *ret. Returns how
 * many of the `len` bytes (1 or more) encode it, or 0 if they begin with a
 * backslash that js_buf_escape() cannot have written. */
size_t js_buf_unescape(const char *bytes, size_t len, char *ret);

/* Returns the contents, terminated by a NUL that len does not count, or NULL
 * with errno ENOMEM. They belong to the buf and are valid until it changes. */
static inline const char *js_buf_string(struct js_buf *buf)
{
    /* The NUL is not counted, so that more can be appended. */
    if (js_buf_reserve(buf, 1) < 0)
        return NULL;
    buf->data[buf->len] = '\0';
    return buf->data;
}

/*
 * For arrays of anything else: makes room for `needed` elements (1 or more) of
 * `size` bytes each. *capacity is the number of elements for which there is
 * room. Returns the array, which may have moved, or NULL with errno ENOMEM and
 * the array unchanged.
 */
void *js_buf_grow(void *array, size_t *capacity, size_t needed, size_t size);

/* Removes the first `count` bytes (at most len). */
void js_buf_consume(struct js_buf *buf, size_t count);

#endif
