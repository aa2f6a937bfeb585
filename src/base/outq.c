#include "base/outq.h"

#include "base/background.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A terminal reports room while its backlog is smaller than this many bytes. */
enum { TERMINAL_ROOM = 256 };

/* While the task is given, the thread has `bytes`, `written` and `error`. */
struct js_outq_behind {
    struct js_worker *worker;
    struct js_task task;
    int fd;
    struct js_buf bytes;
    size_t written;
    int error;
};

/* Reopening the file creates a file description of our own, whose O_NONBLOCK
 * affects no other process. A regular file must not be reopened: the offset is
 * shared with other processes. */
struct js_outq *js_outq_new(int fd)
{
    char path[64];
    struct stat st;
    struct js_outq *outq = calloc(1, sizeof(*outq));
    if (!outq)
        return NULL;
    outq->reopened = -1;
    outq->fd = fd;
    outq->at_once = SIZE_MAX;
    /* This check comes first, because a reopened descriptor could be written to
     * although this one can only be read. */
    int flags = fcntl(fd, F_GETFL);
    outq->is_closed = flags < 0 || (flags & O_ACCMODE) == O_RDONLY;
    if (outq->is_closed || fstat(fd, &st) < 0)
        return outq;
    if (S_ISSOCK(st.st_mode))
        outq->way = JS_OUTQ_SEND;
    if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
        return outq;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    outq->reopened = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (outq->reopened >= 0) {
        outq->fd = outq->reopened;
    } else {
        /* The descriptor cannot be reopened; for instance, it is a pty of
         * another user. */
        outq->way = JS_OUTQ_SMALL;
        outq->at_once = S_ISFIFO(st.st_mode) ? PIPE_BUF : TERMINAL_ROOM;
    }
    return outq;
}

/* Runs in the thread. */
static bool outq_behind_work(void *arg)
{
    struct js_outq_behind *behind = arg;
    while (behind->written < behind->bytes.len && !behind->error) {
        ssize_t n = write(behind->fd, behind->bytes.data + behind->written,
                          behind->bytes.len - behind->written);
        if (n >= 0)
            behind->written += (size_t)n;
        else if (errno != EINTR)
            behind->error = errno;
    }
    return true;
}

void js_outq_write_behind(struct js_outq *outq, const char *name,
                          bool (*must_leave)(void *arg, int64_t ns), void *arg)
{
    struct stat st;
    if (outq->is_closed || fstat(outq->fd, &st) < 0 || !S_ISREG(st.st_mode))
        return;
    struct js_outq_behind *behind = calloc(1, sizeof(*behind));
    if (behind)
        behind->worker = js_worker_new(must_leave, arg);
    if (!behind || !behind->worker) {
        free(behind);
        return;
    }
    behind->fd = outq->fd;
    behind->task =
        (struct js_task){.work = outq_behind_work, .arg = behind, .name = name};
    outq->behind = behind;
}

int64_t js_outq_begun_ns(const struct js_outq *outq, const char **ret_name)
{
    return js_worker_begun_ns(outq->behind ? outq->behind->worker : NULL,
                              ret_name);
}

struct pollfd js_outq_event(const struct js_outq *outq)
{
    if (outq->behind)
        return (struct pollfd){.fd = js_worker_fd(outq->behind->worker),
                               .events = POLLIN};
    return (struct pollfd){.fd = outq->fd, .events = POLLOUT};
}

void js_outq_free(struct js_outq *outq)
{
    if (!outq || (outq->behind && js_task_is_given(&outq->behind->task)))
        return;
    int saved = errno;
    if (outq->behind) {
        js_worker_free(outq->behind->worker);
        js_buf_release(&outq->behind->bytes);
        free(outq->behind);
    }
    js_fd_close(&outq->reopened);
    js_buf_release(&outq->waiting);
    free(outq);
    errno = saved;
}

/* Writes once. Returns how many bytes were taken; 0 if there is no room now or
 * the queue has just failed. */
static size_t outq_write_some(struct js_outq *outq, const char *bytes,
                              size_t len)
{
    struct pollfd room = {.fd = outq->fd, .events = POLLOUT};
    ssize_t n;
    if (outq->is_held)
        return 0;
    if (len > outq->at_once)
        len = outq->at_once;
    do {
        n = -1;
        errno = EAGAIN;
        if (outq->is_closed)
            errno = EBADF;
        else if (outq->way == JS_OUTQ_SEND)
            n = send(outq->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        else if (outq->way == JS_OUTQ_PLAIN || poll(&room, 1, 0) == 1)
            n = write(outq->fd, bytes, len);
    } while (n < 0 && errno == EINTR);
    if (n >= 0) {
        outq->written += (uint64_t)n;
        return (size_t)n;
    }
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        outq->error = errno;
    return 0;
}

/* Takes the result of the thread's last write, and gives the thread all bytes
 * that wait. */
static void outq_hand_over(struct js_outq *outq)
{
    struct js_outq_behind *behind = outq->behind;
    /* Clears first: if the write ends only now, the thread rings again. */
    js_worker_clear(behind->worker);
    if (js_task_is_given(&behind->task))
        return;
    outq->written += behind->written;
    outq->lost += outq->in_flight - behind->written;
    outq->in_flight = behind->written = 0;
    if (!outq->error)
        outq->error = behind->error;
    if (outq->error || outq->is_held || outq->waiting.len == 0)
        return;
    struct js_buf empty = behind->bytes;
    behind->bytes = outq->waiting;
    outq->waiting = empty;
    outq->waiting.len = 0;
    outq->in_flight = behind->bytes.len;
    js_worker_give(behind->worker, &behind->task);
}

void js_outq_flush(struct js_outq *outq)
{
    struct js_buf *waiting = &outq->waiting;
    if (outq->behind)
        outq_hand_over(outq);
    while (!outq->behind && !outq->error && outq->start < waiting->len) {
        size_t n = outq_write_some(outq, waiting->data + outq->start,
                                   waiting->len - outq->start);
        if (n == 0)
            break;
        outq->start += n;
    }
    if (outq->error)
        outq->lost += waiting->len - outq->start;
    if (outq->error || outq->start == waiting->len) {
        outq->start = 0;
        waiting->len = 0;
    }
}

bool js_outq_settle(struct js_outq *outq)
{
    js_outq_flush(outq);
    while (outq->behind && outq->in_flight > 0) {
        if (!js_worker_await(outq->behind->worker))
            return false;
        js_outq_flush(outq);
    }
    return true;
}

/* Takes all bytes, or none if there is no memory. */
static int outq_put(struct js_outq *outq, const void *bytes, size_t len)
{
    js_outq_flush(outq);
    if (outq->error || len == 0)
        return 0;
    /* Moves the bytes only when half of them are written, so that each is moved
     * once on average. */
    if (outq->start > outq->waiting.len / 2) {
        js_buf_consume(&outq->waiting, outq->start);
        outq->start = 0;
    }
    /* This must come before anything is written: after it, nothing can fail. */
    if (js_buf_reserve(&outq->waiting, len) < 0)
        return -1;
    size_t direct = 0;
    /* Bytes that fit now need not be copied. */
    if (outq->waiting.len == 0 && !outq->behind)
        direct = outq_write_some(outq, bytes, len);
    if (outq->error) {
        outq->lost += len - direct;
        return 0;
    }
    js_buf_append(&outq->waiting, (const char *)bytes + direct, len - direct);
    js_outq_flush(outq);
    return 0;
}

int js_outq_hide(struct js_outq *outq)
{
    if (outq->undo && outq_put(outq, outq->undo, strlen(outq->undo)) < 0)
        return -1;
    outq->undo = NULL;
    return 0;
}

int js_outq_write(struct js_outq *outq, const void *bytes, size_t len)
{
    if (len == 0)
        return 0;
    /* The text shown is removed first; otherwise the bytes would follow it on
     * the same line. */
    if (js_outq_hide(outq) < 0 || outq_put(outq, bytes, len) < 0)
        return -1;
    outq->is_within_line = ((const char *)bytes)[len - 1] != '\n';
    return 0;
}

bool js_outq_show(struct js_outq *outq, const void *bytes, size_t len,
                  const char *undo)
{
    if (outq->error || outq->is_held || js_outq_pending(outq) > 0 ||
        outq_put(outq, bytes, len) < 0)
        return false;
    outq->undo = undo;
    return true;
}

void js_outq_hold(struct js_outq *outq, bool is_held)
{
    if (is_held)
        js_outq_hide(outq);
    outq->is_held = is_held;
    if (!is_held)
        js_outq_flush(outq);
}

bool js_outq_is_reader_gone(const struct js_outq *outq)
{
    struct stat st;
    if (outq->error == EPIPE || outq->error == ECONNRESET)
        return true;
    /* EIO from a terminal means that it was closed; from a file, that it is
     * lost. */
    return outq->error == EIO && fstat(outq->fd, &st) == 0 &&
           S_ISCHR(st.st_mode);
}
