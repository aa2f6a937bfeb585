#include "base/outlet.h"

#include "base/buf.h"
#include "base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct js_outlet {
    int fd;          /* what is written to */
    int reopened;    /* the same when it is ours to close, else -1 */
    int saved_flags; /* to be put back on fd, or -1 */
    int error;
    bool is_within_line;
    const char *undo; /* of what is shown; NULL: nothing is */
    size_t start;     /* bytes of `waiting` already written */
    struct js_buf waiting;
};

static int reopen_nonblocking(int fd)
{
    char path[64];
    struct stat st;
    if (fstat(fd, &st) < 0 || (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode)))
        return -1;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

struct js_outlet *js_outlet_new(int fd)
{
    struct js_outlet *outlet = calloc(1, sizeof(*outlet));
    if (!outlet)
        return NULL;
    outlet->saved_flags = -1;
    outlet->reopened = -1;
    outlet->fd = fd;
    /* Opened anew, what may only be read could be written. */
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
        outlet->error = EBADF;
        return outlet;
    }
    outlet->reopened = reopen_nonblocking(fd);
    outlet->fd = outlet->reopened >= 0 ? outlet->reopened : fd;
    if (outlet->reopened < 0) {
        outlet->saved_flags = fcntl(fd, F_GETFL);
        if (outlet->saved_flags >= 0)
            fcntl(fd, F_SETFL, outlet->saved_flags | O_NONBLOCK);
    }
    return outlet;
}

void js_outlet_free(struct js_outlet *outlet)
{
    if (!outlet)
        return;
    int saved = errno;
    if (outlet->saved_flags >= 0)
        fcntl(outlet->fd, F_SETFL, outlet->saved_flags);
    js_fd_close(&outlet->reopened);
    js_buf_release(&outlet->waiting);
    free(outlet);
    errno = saved;
}

/* One write(2). Returns the bytes it took, 0 when there is no room now or the
 * outlet has just gone. */
static size_t write_some(struct js_outlet *outlet, const char *bytes,
                         size_t len)
{
    ssize_t n;
    do {
        n = write(outlet->fd, bytes, len);
    } while (n < 0 && errno == EINTR);
    if (n >= 0)
        return (size_t)n;
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
    if (outlet->error || outlet->start == waiting->len) {
        outlet->start = 0;
        waiting->len = 0;
    }
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
    if (outlet->error)
        return 0;
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
    if (outlet->error || js_outlet_pending(outlet) > 0 ||
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

size_t js_outlet_pending(const struct js_outlet *outlet)
{
    return outlet->waiting.len - outlet->start;
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
