/*
 * text - text for a person to read, put together piece by piece.
 *
 * The text is the caller's buf. A failure is remembered until the end, so that
 * nobody has to look after each piece. What was supplied by a user or a job can
 * steer no terminal.
 */
#ifndef JS_CLI_TEXTBUF_H
#define JS_CLI_TEXTBUF_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct js_textbuf {
    struct js_buf *buf;     /* borrowed */
    bool keeps_backslashes; /* which are not read back; else they are doubled */
    bool has_failed;
};

__attribute__((format(printf, 2, 3))) void
js_textbuf_put(struct js_textbuf *textbuf, const char *format, ...);

/* What is not ours: as js_buf_escape(), and then as js_make_printable(). */
void js_textbuf_put_bytes(struct js_textbuf *textbuf, const char *bytes,
                          size_t len);
void js_textbuf_put_text(struct js_textbuf *textbuf, const char *text);

/* "34 ms"; from a tenth of a second on as js_show_duration(). */
void js_textbuf_put_duration(struct js_textbuf *textbuf, int64_t ns);

/* 0, or -1 with errno ENOMEM if any piece is missing. */
int js_textbuf_check(const struct js_textbuf *textbuf);

#endif
