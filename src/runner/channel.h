/*
 * channel - whole messages, with open files in them, over a socket.
 *
 * Owns the socket, the messages that are not yet sent or not yet taken, and the
 * descriptors in those messages. It does not know the contents of the messages.
 * No call waits.
 *
 * On the wire a message is the length of its body (u32), its type (u8), a bit
 * for each descriptor that comes with it (u8), then the body. Descriptors go
 * out with the first byte of their message, alone in one sendmsg(2). The kernel
 * then ends a read no later than where such a piece ends, so descriptors that
 * arrive belong to the message of the last byte that arrived with them. This
 * holds even when some are lost because the receiver has no room for them.
 */
#ifndef JS_RUNNER_CHANNEL_H
#define JS_RUNNER_CHANNEL_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JS_CHANNEL_FDS = 2 };

/* One direction: a stream of bytes, and descriptors at positions in it. */
struct js_channel_queue {
    struct js_buf bytes;
    uint64_t position;   /* of bytes.data[0] in the whole stream */
    struct js_buf files; /* the descriptors and their positions, in order */
};

struct js_channel {
    int fd;          /* non-blocking */
    bool is_stalled; /* the kernel had no memory, or too many descriptors were
                        in transit. There is no event to wait for, so call
                        js_channel_flush() again later. */
    size_t taken;    /* bytes of in.bytes that js_channel_next() has returned */
    struct js_channel_queue in;
    struct js_channel_queue out;
};

struct js_packet {
    uint8_t type;
    const char *body; /* valid until the next js_channel_receive() */
    size_t len;
    int fds[JS_CHANNEL_FDS]; /* -1, or the caller's to close */
    bool has_lost_fds;       /* there was no room for some of them */
};

/* The channel takes over the socket. */
void js_channel_init(struct js_channel *channel, int fd);
void js_channel_release(struct js_channel *channel); /* keeps errno */

/*
 * Queues a message. `fds` is NULL or JS_CHANNEL_FDS descriptors (-1: none); the
 * channel takes them over, even on failure. Returns 0, or -1 with errno ENOMEM
 * or EMSGSIZE.
 */
int js_channel_send(struct js_channel *channel, uint8_t type, const void *body,
                    size_t len, const int *fds);

/* Sends what the socket can accept now. Returns 0, or -1 with errno EPIPE.
 */
int js_channel_flush(struct js_channel *channel);

/* True while the caller should poll for POLLOUT. */
bool js_channel_wants_write(const struct js_channel *channel);

/* Reads once. Returns 1 if something came, 0 if there is nothing now, or -1
 * with errno EPIPE at the end of the stream, or ENOMEM. */
int js_channel_receive(struct js_channel *channel);

/* Takes the next whole message. Returns 1 with the message in *ret, or 0 if
 * there is none yet. */
int js_channel_next(struct js_channel *channel, struct js_packet *ret);

#endif
