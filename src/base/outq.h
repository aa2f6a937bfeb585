/*
 * output queue - writes to a descriptor whose reader may be slow, stop or go
 * away.
 *
 * Owns: the bytes not yet written. Bytes are taken at once and written when
 * the reader allows it; no call ever waits. The caller bounds what waits by
 * looking at js_outq_pending() before it brings more.
 *
 *     OPEN --the reader has gone away (EPIPE, EIO)--> GONE
 *     OPEN --any other error, such as a full disk---> GONE
 *
 * In GONE everything given to it is dropped and js_outq_error() tells why.
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

struct js_outq;

/*
 * An output queue to the descriptor `fd`, which stays the caller's and must
 * outlive it. Others may share its description, which is left as it is: a pipe
 * or terminal is opened anew where the system allows it, and written to in
 * small pieces elsewhere; a regular file keeps its offset. One that is not open
 * for writing is GONE (EBADF) with the first byte. NULL with errno ENOMEM.
 */
struct js_outq *js_outq_new(int fd);

/* Drops what was not written. NULL is allowed. Keeps errno. */
void js_outq_free(struct js_outq *outq);

/* Takes a copy of the bytes and writes as much as goes at once. Returns 0, or
 * -1 with errno ENOMEM (then nothing was taken). */
int js_outq_write(struct js_outq *outq, const void *bytes, size_t len);

/* Writes as much as goes at once. */
void js_outq_flush(struct js_outq *outq);

/* While it is held, bytes are taken and not written, and nothing is shown. What
 * was shown is taken away before. */
void js_outq_hold(struct js_outq *outq, bool is_held);

/* Bytes taken and not yet written; 0 in GONE. */
size_t js_outq_pending(const struct js_outq *outq);

/* In GONE: bytes taken before, and never written; with what was being given
 * when it went. */
size_t js_outq_lost(const struct js_outq *outq);

/* Bytes written so far. */
uint64_t js_outq_written(const struct js_outq *outq);

/* Somebody knows that nothing more arrives: GONE with this errno. */
void js_outq_fail(struct js_outq *outq, int error);

/* True if the last byte taken was a newline, or none was taken yet. */
bool js_outq_is_at_line_start(const struct js_outq *outq);

/*
 * Shows these bytes for the moment, in the place of those shown before; `undo`,
 * borrowed for as long, takes them away. Returns false, and does nothing, while
 * other bytes wait, in GONE and without memory.
 */
bool js_outq_show(struct js_outq *outq, const void *bytes, size_t len,
                  const char *undo);

/* True if something is shown. */
bool js_outq_is_showing(const struct js_outq *outq);

/* Takes away what is shown, if anything is. */
void js_outq_hide(struct js_outq *outq);

/* The descriptor to wait on for POLLOUT while bytes are pending. */
int js_outq_fd(const struct js_outq *outq);

/* 0 in OPEN; in GONE the errno that ended it. */
int js_outq_error(const struct js_outq *outq);

/* True in GONE if its reader has gone, who has had enough; a disk that is full
 * has not. */
bool js_outq_is_reader_gone(const struct js_outq *outq);

#endif
