/*
 * buf - growable bytes; the only builder of strings in the project.
 *
 * A js_buf lives on the caller's stack or in its struct and starts as
 * JS_BUF_INIT (all zero). Every call that may grow it returns 0, or -1 with
 * errno ENOMEM and the contents as they were.
 */
#ifndef JS_BASE_BUF_H
#define JS_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct js_buf {
    char *data; /* owned; NULL while capacity is 0 */
    size_t len;
    size_t capacity;
};

#define JS_BUF_INIT                                                            \
    {                                                                          \
        NULL, 0, 0                                                             \
    }

/* Frees the bytes; the buf is as new. NULL is allowed. */
void js_buf_release(struct js_buf *buf);

/* Makes room for `extra` more bytes behind len. */
int js_buf_reserve(struct js_buf *buf, size_t extra);

/* Makes them part of it, undefined for now: where they begin, or NULL. */
char *js_buf_extend(struct js_buf *buf, size_t extra);

int js_buf_append(struct js_buf *buf, const void *bytes, size_t len);
int js_buf_puts(struct js_buf *buf, const char *text);
int js_buf_printf(struct js_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int js_buf_vprintf(struct js_buf *buf, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/*
 * Appends `bytes` so that they fit into one field of a tab-separated line and
 * can be read back: backslash, tab, newline and carriage return become \\ \t
 * \n \r, other control bytes \xHH. Everything else stays as it is, bytes that
 * are no UTF-8 included.
 */
int js_buf_escape(struct js_buf *buf, const char *bytes, size_t len);

/* The contents with a NUL behind them (not counted in len), or NULL with
 * errno ENOMEM. Owned by the buf, valid until it is changed. */
const char *js_buf_string(struct js_buf *buf);

/* Drops the first `count` bytes (at most len). */
void js_buf_consume(struct js_buf *buf, size_t count);

#endif
