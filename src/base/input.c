#include "base/input.h"

#include "base/background.h"
#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A job list must not contain NUL bytes. So NUL can begin a mark about the
 * stream, and the next byte says which mark it is. */
enum {
    MARK = '\0',
    MARK_NUL = '0', /* a NUL that was in the stream */
    MARK_END = 'e',
};

/* ---------------------------------------------------------------- a feeder */

/* What the input and the thread share; the one that finishes last frees it. The
 * input owns the reading end of the pipe; the thread owns `from` and `to`. */
struct js_input_feeder {
    atomic_int owners;
    int from, to;
    atomic_int error; /* the read failed; the stream has not ended */
};

static void feeder_leave(struct js_input_feeder *feeder)
{
    if (atomic_fetch_sub(&feeder->owners, 1) == 1)
        free(feeder);
}

static ssize_t feeder_read(int fd, void *bytes, size_t len)
{
    ssize_t n;
    do
        n = read(fd, bytes, len);
    while (n < 0 && errno == EINTR);
    return n;
}

/* The thread ends at the end of the file, or when nobody reads the pipe any
 * more. */
static void *feeder_run(void *arg)
{
    struct js_input_feeder *feeder = arg;
    char piece[16 * 1024];
    ssize_t n;
    while ((n = feeder_read(feeder->from, piece, sizeof(piece))) > 0 &&
           js_file_write(feeder->to, piece, (size_t)n) == 0)
        continue;
    if (n < 0)
        atomic_store(&feeder->error, errno);
    js_fd_close(&feeder->from);
    js_fd_close(&feeder->to);
    feeder_leave(feeder);
    return NULL;
}

/* Replaces the file with a pipe. */
static int feeder_start(struct js_input *input)
{
    int pipe[2] = {-1, -1};
    struct js_input_feeder *feeder = calloc(1, sizeof(*feeder));
    if (!feeder)
        return -1;
    feeder->owners = 2;
    feeder->from = fcntl(input->config.fd, F_DUPFD_CLOEXEC, 0);
    if (feeder->from >= 0 && pipe2(pipe, O_CLOEXEC) == 0) {
        feeder->to = pipe[1];
        if (js_background_start(feeder_run, feeder) == 0) {
            input->config.fd = pipe[0];
            input->feeder = feeder;
            return 0;
        }
    }
    int saved = errno;
    js_fd_close(&feeder->from);
    js_fd_close(&pipe[0]);
    js_fd_close(&pipe[1]);
    free(feeder);
    errno = saved;
    return -1;
}

/* ---------------------------------------------------------------- the input */

struct js_input *js_input_new(const struct js_input_config *config)
{
    struct stat st;
    struct js_input *input = calloc(1, sizeof(*input));
    if (!input)
        return NULL;
    input->config = *config;
    input->ending_ns = JS_NEVER_NS;
    if (config->is_hung_at_times && fstat(config->fd, &st) == 0 &&
        S_ISREG(st.st_mode) && feeder_start(input) < 0) {
        js_input_free(input);
        return NULL;
    }
    return input;
}

void js_input_free(struct js_input *input)
{
    int saved = errno;
    if (input && input->feeder) {
        js_fd_close(&input->config.fd);
        feeder_leave(input->feeder);
    }
    free(input);
    errno = saved;
}

/* Removes the marks. Returns how many bytes are left. */
static size_t input_take_marks(struct js_input *input, char *bytes, size_t len)
{
    size_t kept = 0;
    for (size_t i = 0; i < len && !input->has_end; i++) {
        char byte = bytes[i];
        if (!input->is_within_mark && byte == MARK) {
            input->is_within_mark = true;
            continue;
        }
        if (!input->is_within_mark)
            bytes[kept++] = byte;
        else if (byte == MARK_NUL)
            bytes[kept++] = '\0';
        input->has_end = input->is_within_mark && byte == MARK_END;
        input->is_within_mark = false;
    }
    return kept;
}

/* The file description may be blocking, hence the poll. The poll also
 * distinguishes a FIFO that no writer has opened yet (no event) from one that
 * its writers have closed (POLLHUP); read(2) returns 0 for both. */
static ssize_t input_read_now(const struct js_input *input, void *bytes,
                              size_t len)
{
    struct pollfd event = {.fd = input->config.fd, .events = POLLIN};
    int n = poll(&event, 1, 0);
    ssize_t got = 0;
    if (n >= 0 && (event.revents & POLLNVAL)) {
        errno = EBADF;
        return -1;
    }
    if (n == 0)
        errno = EAGAIN;
    if (n <= 0)
        got = -1;
    else if (event.revents & (POLLIN | POLLERR))
        got = read(input->config.fd, bytes, len);
    if (got < 0 && errno == EINTR)
        errno = EAGAIN;
    int error = got == 0 && input->feeder ? input->feeder->error : 0;
    if (error)
        errno = error;
    return error ? -1 : got;
}

/* Decides whether the stream has ended when nothing more comes. A dying process
 * in between closes its pipe before it is gone, so this checks for a while
 * whether that process still exists. */
static int input_decide_end(struct js_input *input)
{
    const struct js_input_config *config = &input->config;
    int64_t settle_ns = config->settle_ns;
    if (input->is_within_line && config->settle_cut_ns > settle_ns)
        settle_ns = config->settle_cut_ns;
    input->is_broken |= (config->is_marked && !input->has_end) ||
                        (config->is_intact && !config->is_intact(config->arg));
    errno = input->is_broken ? ECONNABORTED : EAGAIN;
    bool is_settled = js_clock_ns() - input->ending_ns >= settle_ns;
    return !input->is_broken && is_settled ? 0 : -1;
}

ssize_t js_input_read(struct js_input *input, void *bytes, size_t len)
{
    /* A read that returns only marks is followed by another read. */
    while (input->ending_ns == JS_NEVER_NS) {
        ssize_t n = input_read_now(input, bytes, len);
        if (n < 0)
            return -1;
        size_t kept = (size_t)n;
        if (input->config.is_marked)
            kept = input_take_marks(input, bytes, (size_t)n);
        if (n == 0 || input->has_end)
            input->ending_ns = js_clock_ns();
        if (kept == 0)
            continue;
        input->is_within_line = ((const char *)bytes)[kept - 1] != '\n';
        return (ssize_t)kept;
    }
    return input_decide_end(input);
}

/* Escapes the NULs of the stream, so that none can be mistaken for a mark. */
int js_input_pass(struct js_buf *to, const void *bytes, size_t len)
{
    static const char nul[] = {MARK, MARK_NUL};
    size_t before = to->len;
    const char *at = bytes, *end = at + len;
    int rc = 0;
    while (rc == 0 && at < end) {
        const char *next = memchr(at, MARK, (size_t)(end - at));
        rc = js_buf_append(to, at, (size_t)((next ? next : end) - at));
        if (rc == 0 && next)
            rc = js_buf_append(to, nul, sizeof(nul));
        at = next ? next + 1 : end;
    }
    to->len = rc == 0 ? to->len : before;
    return rc;
}

int js_input_mark_end(struct js_buf *to)
{
    static const char end[] = {MARK, MARK_END};
    return js_buf_append(to, end, sizeof(end));
}
