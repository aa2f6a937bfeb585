/*
 * textbuf - text for people, assembled piece by piece, and printed.
 *
 * The text is in the caller's buf. A failure is remembered until the end, so
 * that callers need not check each piece. Text that a user or a job has
 * supplied is escaped, so it cannot control a terminal.
 */
#ifndef JS_CLI_TEXTBUF_H
#define JS_CLI_TEXTBUF_H

#include "base/buf.h"
#include "jobsched.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct js_textbuf {
    struct js_buf *buf;     /* borrowed */
    bool keeps_backslashes; /* they are not doubled, because no program reads
                               the text back */
    bool has_failed;
};

__attribute__((format(printf, 2, 3))) void
js_textbuf_put(struct js_textbuf *textbuf, const char *format, ...);

/*
 * Appends a sentence in which each '%' is replaced by a value; it has nothing
 * to do with printf()'s:
 *
 *     JS_TEXTBUF_SAY(textbuf, "% on % for %", JS_COUNTED(count, "job"),
 *                    JS_TEXT(host), JS_DURATION(ns));
 */
#define JS_TEXTBUF_SAY(textbuf, sentence, ...)                                 \
    js_textbuf_say(textbuf, sentence,                                          \
                   (const struct js_textbuf_value[]){__VA_ARGS__})

enum js_textbuf_kind {
    JS_TEXTBUF_COUNT,
    JS_TEXTBUF_COUNTED,  /* "1 job", "2 jobs" */
    JS_TEXTBUF_BYTES,    /* as js_textbuf_put_bytes() */
    JS_TEXTBUF_DURATION, /* as js_textbuf_put_duration() */
    JS_TEXTBUF_TIME,     /* the time of day, in the reader's time zone */
};

struct js_textbuf_value {
    enum js_textbuf_kind kind;
    uint64_t count; /* or the number of bytes */
    int64_t ns;
    const char *text;
};

#define JS_VALUE(kind, count, ns, text)                                        \
    ((struct js_textbuf_value){kind, count, ns, text})
#define JS_COUNT(number) JS_VALUE(JS_TEXTBUF_COUNT, number, 0, NULL)
#define JS_COUNTED(number, word) JS_VALUE(JS_TEXTBUF_COUNTED, number, 0, word)
#define JS_BYTES(bytes, len) JS_VALUE(JS_TEXTBUF_BYTES, len, 0, bytes)
#define JS_TEXT(string) JS_BYTES(string, strlen(string))
#define JS_DURATION(time_ns) JS_VALUE(JS_TEXTBUF_DURATION, 0, time_ns, NULL)
#define JS_TIME(unix_ns) JS_VALUE(JS_TEXTBUF_TIME, 0, unix_ns, NULL)

void js_textbuf_say(struct js_textbuf *textbuf, const char *sentence,
                    const struct js_textbuf_value *values);

/* Appends text that is not ours, escaped by js_buf_escape() and then by
 * js_text_make_printable(). */
void js_textbuf_put_bytes(struct js_textbuf *textbuf, const char *bytes,
                          size_t len);
void js_textbuf_put_text(struct js_textbuf *textbuf, const char *text);

/* Appends a duration: "34 ms"; from a tenth of a second on, as
 * js_format_duration() does. */
void js_textbuf_put_duration(struct js_textbuf *textbuf, int64_t ns);

/* Returns 0, or -1 with errno ENOMEM if any piece is missing. */
int js_textbuf_check(const struct js_textbuf *textbuf);

/* Writes all of the text to stdout. Returns an exit status; reports an error on
 * stderr. */
int js_textbuf_print(const struct js_buf *text);

/* Reports an error on stderr. Returns `status`, the exit status. */
int js_textbuf_fail(const char *what, enum jobsched_status status);

#endif
