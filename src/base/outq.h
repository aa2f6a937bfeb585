/*
 * outlet - writes to a descriptor whose reader may be slow, stop or go away.
 *
 * Owns: the bytes not yet written. Bytes are taken at once and written when
 * the reader allows it; no call ever waits. The caller bounds what waits by
 * looking at js_outlet_pending() before it brings more.
 *
 *     OPEN --the reader has gone away (EPIPE, EIO)--> GONE
 *     OPEN --any other error, such as a full disk---> GONE
 *
 * In GONE everything given to it is dropped and js_outlet_error() tells why.
 * SIGPIPE must be ignored by the process.
 *
 * On a terminal something may be shown for the moment, such as how far a run
 * has come. It is no part of what is written: it is there only while nothing
 * else waits, and whatever is written next takes it away first.
 */
#ifndef JS_BASE_OUTQ_H
#define JS_BASE_OUTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct js_outlet;

/*
 * An outlet to the descriptor `fd`, which stays the caller's and must outlive
 * it. Others may share its description, which is left as it is: a pipe or
 * terminal is opened anew where the system allows it, and written to in small
 * pieces elsewhere; a regular file keeps its offset. One that is not open for
 * writing is GONE (EBADF) with the first byte. NULL with errno ENOMEM.
 */
struct js_outlet *js_outlet_new(int fd);

/* Drops what was not written. NULL is allowed. Keeps errno. */
void js_outlet_free(struct js_outlet *outlet);

/* Takes a copy of the bytes and writes as much as goes at once. Returns 0, or
 * -1 with errno ENOMEM (then nothing was taken). */
int js_outlet_write(struct js_outlet *outlet, const void *bytes, size_t len);

/* Writes as much as goes at once. */
void js_outlet_flush(struct js_outlet *outlet);

/* While it is held, bytes are taken and not written, and nothing is shown. What
 * was shown is taken away before. */
void js_outlet_hold(struct js_outlet *outlet, bool is_held);

/* Bytes taken and not yet written; 0 in GONE. */
size_t js_outlet_pending(const struct js_outlet *outlet);

/* In GONE: bytes taken before, and never written; with what was being given
 * when it went. */
size_t js_outlet_lost(const struct js_outlet *outlet);

/* Bytes written so far. */
uint64_t js_outlet_written(const struct js_outlet *outlet);

/* Somebody knows that nothing more arrives: GONE with this errno. */
void js_outlet_fail(struct js_outlet *outlet, int error);

/* True if the last byte taken was a newline, or none was taken yet. */
bool js_outlet_is_at_line_start(const struct js_outlet *outlet);

/*
 * Shows these bytes for the moment, in the place of those shown before; `undo`,
 * borrowed for as long, takes them away. Returns false, and does nothing, while
 * other bytes wait, in GONE and without memory.
 */
bool js_outlet_show(struct js_outlet *outlet, const void *bytes, size_t len,
                    const char *undo);

/* True if something is shown. */
bool js_outlet_is_showing(const struct js_outlet *outlet);

/* Takes away what is shown, if anything is. */
void js_outlet_hide(struct js_outlet *outlet);

/* The descriptor to wait on for POLLOUT while bytes are pending. */
int js_outlet_fd(const struct js_outlet *outlet);

/* 0 in OPEN; in GONE the errno that ended it. */
int js_outlet_error(const struct js_outlet *outlet);

#endif
