#include "base/outq.h"

#include "base/buf.h"
#include "base/fdio.h"

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

/* How to write without waiting, and without O_NONBLOCK on a description that
 * others share. */
enum outlet_way {
    WAY_PLAIN, /* a file, which never makes its writer wait; or opened anew */
    WAY_SEND,  /* a socket */
    WAY_SMALL, /* a pipe or terminal that cannot be opened anew: only when there
                  is room, and no more than there surely is */
};

/* Of a terminal: below that many bytes of backlog it says that it has room. */
enum { TERMINAL_ROOM = 256 };

struct js_outlet {
    int fd;       /* what is written to */
    int reopened; /* the same when it is ours to close, else -1 */
    enum outlet_way way;
    size_t at_once; /* bytes of one write, at most */
    bool is_closed; /* it never was open for writing */
    int error;
    bool is_within_line;
    bool is_held;
    const char *undo; /* of what is shown; NULL: nothing is */
    size_t start;     /* bytes of `waiting` already written */
    struct js_buf waiting;
    size_t lost; /* taken, and not written when it was gone */
    uint64_t written;
};

static void find_way(struct js_outlet *outlet)
{
    char path[64];
    struct stat st;
    outlet->at_once = SIZE_MAX;
    if (fstat(outlet->fd, &st) < 0)
        return;
    if (S_ISSOCK(st.st_mode))
        outlet->way = WAY_SEND;
    if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
        return;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", outlet->fd);
    outlet->reopened = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (outlet->reopened >= 0) {
        outlet->fd = outlet->reopened;
        return;
    }
    outlet->way = WAY_SMALL;
    outlet->at_once = S_ISFIFO(st.st_mode) ? PIPE_BUF : TERMINAL_ROOM;
}

struct js_outlet *js_outlet_new(int fd)
{
    struct js_outlet *outlet = calloc(1, sizeof(*outlet));
    if (!outlet)
        return NULL;
    outlet->reopened = -1;
    outlet->fd = fd;
    /* Opened anew, what may only be read could be written. */
    int flags = fcntl(fd, F_GETFL);
    outlet->is_closed = flags < 0 || (flags & O_ACCMODE) == O_RDONLY;
    if (!outlet->is_closed)
        find_way(outlet);
    return outlet;
}

void js_outlet_free(struct js_outlet *outlet)
{
    if (!outlet)
        return;
    int saved = errno;
    js_fd_close(&outlet->reopened);
    js_buf_release(&outlet->waiting);
    free(outlet);
    errno = saved;
}

static bool has_room(int fd)
{
    struct pollfd event = {.fd = fd, .events = POLLOUT};
    return poll(&event, 1, 0) == 1;
}

static ssize_t write_once(const struct js_outlet *outlet, const char *bytes,
                          size_t len)
{
    size_t part = len < outlet->at_once ? len : outlet->at_once;
    errno = outlet->is_closed ? EBADF : EAGAIN;
    if (outlet->is_closed ||
        (outlet->way == WAY_SMALL && !has_room(outlet->fd)))
        return -1;
    return outlet->way == WAY_SEND
               ? send(outlet->fd, bytes, part, MSG_DONTWAIT | MSG_NOSIGNAL)
               : write(outlet->fd, bytes, part);
}

/* One write(2). Returns the bytes it took, 0 when there is no room now or the
 * outlet has just gone. */
static size_t write_some(struct js_outlet *outlet, const char *bytes,
                         size_t len)
{
    ssize_t n;
    if (outlet->is_held)
        return 0;
    do {
        n = write_once(outlet, bytes, len);
    } while (n < 0 && errno == EINTR);
    if (n >= 0) {
        outlet->written += (uint64_t)n;
        return (size_t)n;
    }
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        outlet->error = errno;
    return 0;
}

void js_outlet_flush(struct js_outlet *outlet)
{
    struct js_buf *waiting = &outlet->waiting;
    while (!outlet->error && outlet->start < waiting->len) {
        size_t n = write_some(outlet, waiting->data + outlet->start,
                              waiting->len - outlet->start);
        if (n == 0)
            break;
        outlet->start += n;
    }
    if (outlet->error)
        outlet->lost += waiting->len - outlet->start;
    if (outlet->error || outlet->start == waiting->len) {
        outlet->start = 0;
        waiting->len = 0;
    }
}

uint64_t js_outlet_written(const struct js_outlet *outlet)
{
    return outlet->written;
}

void js_outlet_fail(struct js_outlet *outlet, int error)
{
    if (!outlet->error)
        outlet->error = error;
    js_outlet_flush(outlet);
}

/* All of it is taken, or, without memory, nothing. */
static int put(struct js_outlet *outlet, const void *bytes, size_t len)
{
    js_outlet_flush(outlet);
    if (outlet->error || len == 0)
        return 0;
    if (outlet->start > outlet->waiting.len / 2) {
        js_buf_consume(&outlet->waiting, outlet->start);
        outlet->start = 0;
    }
    /* Before anything is written. */
    if (js_buf_reserve(&outlet->waiting, len) < 0)
        return -1;
    size_t direct = 0;
    /* What fits now need not be copied. */
    if (outlet->waiting.len == 0)
        direct = write_some(outlet, bytes, len);
    if (outlet->error) {
        outlet->lost += len - direct;
        return 0;
    }
    js_buf_append(&outlet->waiting, (const char *)bytes + direct, len - direct);
    js_outlet_flush(outlet);
    return 0;
}

static int take_away(struct js_outlet *outlet)
{
    if (outlet->undo && put(outlet, outlet->undo, strlen(outlet->undo)) < 0)
        return -1;
    outlet->undo = NULL;
    return 0;
}

int js_outlet_write(struct js_outlet *outlet, const void *bytes, size_t len)
{
    if (len == 0)
        return 0;
    if (take_away(outlet) < 0 || put(outlet, bytes, len) < 0)
        return -1;
    outlet->is_within_line = ((const char *)bytes)[len - 1] != '\n';
    return 0;
}

bool js_outlet_show(struct js_outlet *outlet, const void *bytes, size_t len,
                    const char *undo)
{
    if (outlet->error || outlet->is_held || js_outlet_pending(outlet) > 0 ||
        put(outlet, bytes, len) < 0)
        return false;
    outlet->undo = undo;
    return true;
}

bool js_outlet_is_showing(const struct js_outlet *outlet)
{
    return outlet->undo;
}

void js_outlet_hide(struct js_outlet *outlet)
{
    take_away(outlet);
}

void js_outlet_hold(struct js_outlet *outlet, bool is_held)
{
    if (is_held)
        js_outlet_hide(outlet);
    outlet->is_held = is_held;
    if (!is_held)
        js_outlet_flush(outlet);
}

size_t js_outlet_pending(const struct js_outlet *outlet)
{
    return outlet->waiting.len - outlet->start;
}

size_t js_outlet_lost(const struct js_outlet *outlet)
{
    return outlet->lost;
}

bool js_outlet_is_at_line_start(const struct js_outlet *outlet)
{
    return !outlet->is_within_line;
}

int js_outlet_fd(const struct js_outlet *outlet)
{
    return outlet->fd;
}

int js_outlet_error(const struct js_outlet *outlet)
{
    return outlet->error;
}
