/*
 * output queue - writes to a descriptor whose reader may be slow, stop or go
 * away.
 *
 * Owns the bytes not yet written. It takes bytes at once and writes them when
 * the reader allows it; no call ever waits. The caller limits the queue by
 * checking js_outq_pending() before it adds more.
 *
 *     OPEN --the reader has gone away (EPIPE, EIO)--> GONE
 *     OPEN --any other error, such as a full disk---> GONE
 *
 * In GONE, everything given to the queue is dropped, and js_outq_error() says
 * why. The process must ignore SIGPIPE.
 *
 * A write to a regular file cannot be made without waiting. If its file system
 * may hang, js_outq_write_behind() has a thread make the writes; then bytes are
 * unwritten until the thread has written them.
 *
 * On a terminal some text may be shown temporarily, such as a progress bar.
 * This text is not part of the output: it is visible only while nothing else is
 * waiting, and the next write removes it first.
 */
#ifndef JS_BASE_OUTQ_H
#define JS_BASE_OUTQ_H

#include "base/buf.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ways to write without waiting, and without O_NONBLOCK on a file description
 * that others share. */
enum js_outq_way {
    JS_OUTQ_PLAIN, /* a file, which never blocks its writer; or a descriptor
                      that was reopened */
    JS_OUTQ_SEND,  /* a socket */
    JS_OUTQ_SMALL, /* a pipe or terminal that cannot be reopened: written to
                      only when there is room, and then only as much as
                      certainly fits */
};

/* Private; callers use the functions below. Invariants: start <= waiting.len;
 * once `error` is set, it never changes, and nothing waits; while `undo` is
 * set, only the text shown is waiting; reopened is -1 or equal to fd. */
struct js_outq {
    int fd;       /* the descriptor written to */
    int reopened; /* the same descriptor if the queue owns it, otherwise -1 */
    enum js_outq_way way;
    size_t at_once; /* the most bytes of one write */
    bool is_closed; /* the descriptor was never open for writing */
    int error;
    bool is_within_line;
    bool is_held;
    const char *undo; /* removes the text shown; NULL: no text is shown */
    struct js_outq_behind *behind; /* the thread that writes; NULL: none */
    size_t in_flight; /* bytes that the thread has; they are not in `waiting` */
    size_t start;     /* how many bytes of `waiting` are written */
    struct js_buf waiting;
    size_t lost; /* bytes that were accepted, but not written when the queue
                    failed */
    uint64_t written;
};

/*
 * Creates an output queue to the descriptor `fd`, which remains the caller's
 * and must outlive the queue. Other processes may share the file description,
 * so it is left as it is: a pipe or terminal is reopened where the system
 * allows it, and otherwise written to in small pieces; a regular file keeps its
 * offset. If the descriptor is not open for writing, the queue is GONE (EBADF)
 * with the first byte. Returns NULL with errno ENOMEM on failure.
 */
struct js_outq *js_outq_new(int fd);

/* From now on a thread makes the writes, if this is a regular file and a thread
 * can be started. `name` is for messages; for must_leave() see js_worker_new().
 */
void js_outq_write_behind(struct js_outq *outq, const char *name,
                          bool (*must_leave)(void *arg, int64_t ns), void *arg);

/* Drops unwritten bytes. What a hung write uses stays. NULL is allowed. Keeps
 * errno. */
void js_outq_free(struct js_outq *outq);

/* Takes a copy of the bytes and writes as much as possible at once. Returns 0,
 * or -1 with errno ENOMEM (then nothing was taken). */
int js_outq_write(struct js_outq *outq, const void *bytes, size_t len);

/* Writes as much as possible at once. */
void js_outq_flush(struct js_outq *outq);

/* If a thread makes the writes, waits until nothing is left to write. Returns
 * false if must_leave() was true before that. */
bool js_outq_settle(struct js_outq *outq);

/* When the thread's write began; JS_NEVER_NS: there is none. *ret_name is the
 * name of the file, or NULL. */
int64_t js_outq_begun_ns(const struct js_outq *outq, const char **ret_name);

/* While the queue is held, it takes bytes but does not write them, and shows
 * nothing. Text shown temporarily is removed first. */
void js_outq_hold(struct js_outq *outq, bool is_held);

/* The number of bytes taken and not yet written; 0 in GONE. */
static inline size_t js_outq_pending(const struct js_outq *outq)
{
    return outq->waiting.len - outq->start + outq->in_flight;
}

/* In GONE: the number of bytes that were taken but never written, including
 * those given when it failed. */
static inline size_t js_outq_lost(const struct js_outq *outq)
{
    return outq->lost;
}

/* The number of bytes written so far. */
static inline uint64_t js_outq_written(const struct js_outq *outq)
{
    return outq->written;
}

/* Makes the queue GONE with this errno, because the caller knows that nothing
 * more will reach the reader. */
static inline void js_outq_fail(struct js_outq *outq, int error)
{
    if (!outq->error)
        outq->error = error;
    js_outq_flush(outq);
}

/* True if the last byte taken was a newline, or none was taken yet. */
static inline bool js_outq_is_at_line_start(const struct js_outq *outq)
{
    return !outq->is_within_line;
}

/*
 * Shows these bytes temporarily, in place of those shown before. Writing `undo`
 * removes them; it is borrowed until then. Returns false and does nothing while
 * other bytes wait, in GONE, or if there is no memory.
 */
bool js_outq_show(struct js_outq *outq, const void *bytes, size_t len,
                  const char *undo);

/* True if text is shown temporarily. */
static inline bool js_outq_is_showing(const struct js_outq *outq)
{
    return outq->undo;
}

/* Removes the text shown temporarily, if any. Returns 0, or -1 with errno
 * ENOMEM. */
int js_outq_hide(struct js_outq *outq);

/* The descriptor written to, and what to wait for while bytes are pending. */
static inline int js_outq_fd(const struct js_outq *outq)
{
    return outq->fd;
}
struct pollfd js_outq_event(const struct js_outq *outq);

/* 0 in OPEN; in GONE the errno that ended it. */
static inline int js_outq_error(const struct js_outq *outq)
{
    return outq->error;
}

/* True in GONE if the reader has gone away because it has read enough. False
 * after other errors, such as a full disk. */
bool js_outq_is_reader_gone(const struct js_outq *outq);

#endif
