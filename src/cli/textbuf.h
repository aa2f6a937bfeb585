/*
 * sheet - text for a person to read, put together piece by piece.
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

struct js_sheet {
    struct js_buf *buf;     /* borrowed */
    bool keeps_backslashes; /* which are not read back; else they are doubled */
    bool has_failed;
};

__attribute__((format(printf, 2, 3))) void
js_sheet_put(struct js_sheet *sheet, const char *format, ...);

/* What is not ours: as js_buf_escape(), and then as js_show_plainly(). */
void js_sheet_put_bytes(struct js_sheet *sheet, const char *bytes, size_t len);
void js_sheet_put_text(struct js_sheet *sheet, const char *text);

/* "34 ms"; from a tenth of a second on as js_show_duration(). */
void js_sheet_put_duration(struct js_sheet *sheet, int64_t ns);

/* 0, or -1 with errno ENOMEM if any piece is missing. */
int js_sheet_check(const struct js_sheet *sheet);

#endif
