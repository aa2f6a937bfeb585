#include "runner/channel.h"

#include "base/file.h"
#include "base/pack.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* The report of a job's end takes about a hundred bytes, so one read takes
 * those of a whole round. */
enum { HEAD_BYTES = 6, READ_BYTES = 16 * 1024 };

/* Descriptors and the part of the stream they belong to: when sent, that of
 * their message; when received, the last byte that came with them. */
struct outgoing {
    uint64_t begin;
    uint64_t end;
    int fds[JS_CHANNEL_FDS]; /* the valid ones come first */
};

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(JS_CHANNEL_FDS * sizeof(int))];
};

/* Returns the first descriptors of the queue, by value because a js_buf
 * guarantees no alignment. */
static bool first_outgoing(const struct js_channel_queue *queue,
                           struct outgoing *ret)
{
    if (queue->files.len < sizeof(*ret))
        return false;
    memcpy(ret, queue->files.data, sizeof(*ret));
    return true;
}

static void close_fds(const int *fds)
{
    for (int i = 0; fds && i < JS_CHANNEL_FDS; i++) {
        int fd = fds[i];
        js_fd_close(&fd);
    }
}

static void release_queue(struct js_channel_queue *queue)
{
    struct outgoing outgoing;
    while (first_outgoing(queue, &outgoing)) {
        close_fds(outgoing.fds);
        js_buf_consume(&queue->files, sizeof(outgoing));
    }
    js_buf_release(&queue->files);
    js_buf_release(&queue->bytes);
}

void js_channel_init(struct js_channel *channel, int fd)
{
    *channel = (struct js_channel){.fd = fd};
}

void js_channel_release(struct js_channel *channel)
{
    js_fd_close(&channel->fd);
    release_queue(&channel->in);
    release_queue(&channel->out);
}

int js_channel_send(struct js_channel *channel, uint8_t type, const void *body,
                    size_t len, const int *fds)
{
    struct js_channel_queue *out = &channel->out;
    /* Positions count from the beginning of the stream, because bytes at the
     * front leave the queue. */
    size_t before = out->bytes.len, count = 0;
    struct outgoing outgoing = {.begin = out->position + before,
                                .end =
                                    out->position + before + HEAD_BYTES + len,
                                .fds = {-1, -1}};
    uint8_t mask = 0;
    for (int i = 0; fds && i < JS_CHANNEL_FDS; i++) {
        if (fds[i] < 0)
            continue;
        mask = (uint8_t)(mask | 1 << i);
        outgoing.fds[count++] = fds[i];
    }
    if (len > UINT32_MAX) {
        errno = EMSGSIZE;
        goto fail;
    }
    /* Room for the descriptors comes first, because a queued message must not
     * lack them. */
    if (js_buf_reserve(&out->files, sizeof(outgoing)) < 0 ||
        js_pack_u32(&out->bytes, (uint32_t)len) < 0 ||
        js_pack_u8(&out->bytes, type) < 0 ||
        js_pack_u8(&out->bytes, mask) < 0 ||
        js_buf_append(&out->bytes, body, len) < 0)
        goto fail;
    if (mask)
        js_buf_append(&out->files, &outgoing, sizeof(outgoing));
    return 0;
fail:
    out->bytes.len = before;
    close_fds(outgoing.fds);
    return -1;
}

/* Sends the bytes up to the next message with descriptors, or that message.
 * Returns like sendmsg(2). */
static ssize_t send_piece(struct js_channel *channel)
{
    struct js_channel_queue *out = &channel->out;
    struct iovec iov = {out->bytes.data, out->bytes.len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    union control control;
    struct outgoing outgoing;
    bool is_waiting = first_outgoing(out, &outgoing);
    bool is_due = is_waiting && outgoing.begin == out->position;

    /* A piece ends where a message with descriptors begins or ends, so that the
     * receiver knows to which message they belong. */
    if (is_waiting)
        iov.iov_len =
            (size_t)((is_due ? outgoing.end : outgoing.begin) - out->position);
    if (is_due) {
        size_t count = 0;
        while (count < JS_CHANNEL_FDS && outgoing.fds[count] >= 0)
            count++;
        memset(&control, 0, sizeof(control));
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(head), outgoing.fds, count * sizeof(int));
    }
    /* Part of a message may have left. Its descriptors went with the first
     * byte; from then on the kernel has its own copies, and ours are closed. */
    ssize_t n = sendmsg(channel->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0 && is_due) {
        close_fds(outgoing.fds);
        js_buf_consume(&out->files, sizeof(outgoing));
    }
    return n;
}

int js_channel_flush(struct js_channel *channel)
{
    struct js_channel_queue *out = &channel->out;
    channel->is_stalled = false;
    while (out->bytes.len > 0) {
        ssize_t n = send_piece(channel);
        if (n >= 0) {
            js_buf_consume(&out->bytes, (size_t)n);
            out->position += (uint64_t)n;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN)
            return 0;
        /* The kernel limits how many descriptors a user may have in transit. No
         * event reports when there is room again. */
        if (errno == ETOOMANYREFS || errno == ENOBUFS || errno == ENOMEM) {
            channel->is_stalled = true;
            return 0;
        }
        errno = EPIPE;
        return -1;
    }
    return 0;
}

bool js_channel_wants_write(const struct js_channel *channel)
{
    return channel->out.bytes.len > 0 && !channel->is_stalled;
}

int js_channel_receive(struct js_channel *channel)
{
    struct js_channel_queue *in = &channel->in;
    struct outgoing outgoing = {.fds = {-1, -1}};
    union control control;
    ssize_t n;

    /* This happens only now, because the result of js_channel_next() was valid
     * until this call.
     */
    js_buf_consume(&in->bytes, channel->taken);
    in->position += channel->taken;
    channel->taken = 0;
    if (js_buf_reserve(&in->bytes, READ_BYTES) < 0)
        return -1;
    struct iovec iov = {in->bytes.data + in->bytes.len,
                        in->bytes.capacity - in->bytes.len};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    do
        /* The descriptors are CLOEXEC from the start, because a job that is
         * being started must not inherit the output of another. */
        n = recvmsg(channel->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= 0) {
        errno = EPIPE;
        return -1;
    }
    in->bytes.len += (size_t)n;
    size_t count = 0;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(&msg); head;
         head = CMSG_NXTHDR(&msg, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(outgoing.fds, CMSG_DATA(head), count * sizeof(int));
    }
    if (count == 0)
        return 1;
    /* They belong to the message of the last byte that came with them. */
    outgoing.end = in->position + in->bytes.len;
    outgoing.begin = outgoing.end - 1;
    if (js_buf_append(&in->files, &outgoing, sizeof(outgoing)) == 0)
        return 1;
    close_fds(outgoing.fds);
    return -1;
}

int js_channel_next(struct js_channel *channel, struct js_packet *ret)
{
    struct js_channel_queue *in = &channel->in;
    if (in->bytes.len - channel->taken < HEAD_BYTES)
        return 0;
    struct js_cursor cursor = js_cursor_of(in->bytes.data + channel->taken,
                                           in->bytes.len - channel->taken);
    size_t len = js_unpack_u32(&cursor);
    uint8_t type = js_unpack_u8(&cursor);
    uint8_t mask = js_unpack_u8(&cursor);
    if (cursor.left < len) /* the rest of the message is on its way */
        return 0;
    *ret = (struct js_packet){.type = type, .body = cursor.at, .len = len};
    channel->taken += HEAD_BYTES + len;
    struct outgoing outgoing;
    if (first_outgoing(in, &outgoing) &&
        outgoing.begin < in->position + channel->taken)
        js_buf_consume(&in->files, sizeof(outgoing));
    else
        outgoing = (struct outgoing){.fds = {-1, -1}};
    /* The mask shows which descriptors were sent. The kernel drops those for
     * which this process has no room. */
    size_t count = 0;
    for (int i = 0; i < JS_CHANNEL_FDS; i++) {
        bool was_sent = mask >> i & 1;
        ret->fds[i] = was_sent ? outgoing.fds[count++] : -1;
        ret->has_lost_fds |= was_sent && ret->fds[i] < 0;
    }
    return 1;
}
