#include "launch/relay.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/input.h"
#include "base/outq.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PIECE_BYTES = 64 * 1024,
    WAITING_MOST = 1024 * 1024, /* bytes for the reader of standard output */
    LOOK_MS = 200,
};

struct js_relay {
    int list;    /* borrowed; -1: there is none, or it was read completely */
    int to[2];   /* mpirun's standard input */
    int from[2]; /* its standard output */
    struct js_input *input;
    struct js_buf sending; /* bytes for mpirun */
    struct js_outq *out;
    int error;
};

static void relay_set_nonblocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

struct js_relay *js_relay_new(int list, struct js_err *err)
{
    struct js_relay *relay = calloc(1, sizeof(*relay));
    if (!relay) {
        js_err_errno(err, "cannot make the pipes to mpirun");
        return NULL;
    }
    relay->list = list;
    relay->to[0] = relay->to[1] = relay->from[0] = relay->from[1] = -1;
    relay->input = js_input_new(&(struct js_input_config){.fd = list});
    relay->out = js_outq_new(STDOUT_FILENO);
    if (!relay->input || !relay->out || pipe2(relay->to, O_CLOEXEC) < 0 ||
        pipe2(relay->from, O_CLOEXEC) < 0) {
        js_err_errno(err, "cannot make the pipes to mpirun");
        js_relay_free(relay);
        return NULL;
    }
    /* Our ends only: each end of a pipe has its own open file description. */
    relay_set_nonblocking(relay->to[1]);
    relay_set_nonblocking(relay->from[0]);
    return relay;
}

void js_relay_free(struct js_relay *relay)
{
    if (!relay)
        return;
    int saved = errno;
    for (int i = 0; i < 2; i++) {
        js_fd_close(&relay->to[i]);
        js_fd_close(&relay->from[i]);
    }
    js_input_free(relay->input);
    js_outq_free(relay->out);
    js_buf_release(&relay->sending);
    free(relay);
    errno = saved;
}

void js_relay_ends(const struct js_relay *relay, int *ret_in, int *ret_out)
{
    *ret_in = relay->to[0];
    *ret_out = relay->from[1];
}

/* mpirun has these ends as well. If ours stayed open, so would the pipes after
 * mpirun has ended. */
void js_relay_begin(struct js_relay *relay)
{
    js_fd_close(&relay->to[0]);
    js_fd_close(&relay->from[1]);
    if (relay->list < 0)
        js_fd_close(&relay->to[1]);
}

/* ---------------------------------------------------------------- the list */

/* Without the end mark rank 0 does not consider the list complete. */
static void relay_give_up_list(struct js_relay *relay)
{
    relay->list = -1;
    js_fd_close(&relay->to[1]);
}

/* The next piece is read only when the last one was sent, so that memory does
 * not grow with the list. */
static void relay_read_list(struct js_relay *relay)
{
    char piece[PIECE_BYTES];
    if (relay->list < 0 || relay->sending.len > 0)
        return;
    ssize_t n = js_input_read(relay->input, piece, sizeof(piece));
    if (n < 0 && errno == EAGAIN)
        return;
    if (n < 0)
        fprintf(stderr, "jobsched: cannot read the job list: %s\n",
                js_errno_text(errno));
    int rc = n < 0   ? -1
             : n > 0 ? js_input_pass(&relay->sending, piece, (size_t)n)
                     : js_input_mark_end(&relay->sending);
    if (rc < 0)
        relay_give_up_list(relay);
    else if (n == 0)
        relay->list = -1;
}

static void relay_send_list(struct js_relay *relay)
{
    while (relay->to[1] >= 0 && relay->sending.len > 0) {
        ssize_t n =
            write(relay->to[1], relay->sending.data, relay->sending.len);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n < 0) { /* mpirun has ended; this is handled elsewhere */
            relay->sending.len = 0;
            relay_give_up_list(relay);
            return;
        }
        js_buf_consume(&relay->sending, (size_t)n);
    }
}

/* ---------------------------------------------------------------- output */

/* Data that arrives when standard output accepts no more is dropped, because
 * mpirun must not wait for it. Returns false if there is nothing now, or never
 * will be. */
static bool relay_take_output(struct js_relay *relay)
{
    char piece[PIECE_BYTES];
    if (relay->from[0] < 0 || js_outq_pending(relay->out) > WAITING_MOST)
        return false;
    ssize_t n = read(relay->from[0], piece, sizeof(piece));
    if (n == 0)
        js_fd_close(&relay->from[0]);
    if (n <= 0)
        return n < 0 && errno == EINTR;
    if (js_outq_write(relay->out, piece, (size_t)n) < 0)
        js_outq_fail(relay->out, ENOMEM);
    return true;
}

void js_relay_serve(struct js_relay *relay)
{
    relay_read_list(relay);
    relay_send_list(relay);
    js_outq_flush(relay->out);
    while (relay_take_output(relay))
        continue;
    if (!relay->error)
        relay->error = js_outq_error(relay->out);
}

/* Waits only for what can make progress: with other descriptors poll() would
 * return at once, again and again. */
void js_relay_fds(const struct js_relay *relay, struct pollfd *fds)
{
    bool is_sending = relay->sending.len > 0;
    size_t waiting = js_outq_pending(relay->out);
    fds[0] =
        (struct pollfd){.fd = is_sending ? -1 : relay->list, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = is_sending ? relay->to[1] : -1,
                             .events = POLLOUT};
    fds[2] = (struct pollfd){.fd = waiting > WAITING_MOST ? -1 : relay->from[0],
                             .events = POLLIN};
    fds[3] = (struct pollfd){.fd = waiting > 0 ? js_outq_fd(relay->out) : -1,
                             .events = POLLOUT};
}

void js_relay_end(struct js_relay *relay, bool (*is_to_stop)(void *arg),
                  void *arg)
{
    js_fd_close(&relay->to[1]);
    /* A process that mpirun left behind may keep the other end open. */
    do {
        js_relay_serve(relay);
        if (js_outq_pending(relay->out) == 0 || is_to_stop(arg))
            return;
        struct pollfd event = js_outq_event(relay->out);
        poll(&event, 1, LOOK_MS);
    } while (true);
}

int js_relay_error(const struct js_relay *relay)
{
    return relay->error;
}

uint64_t js_relay_written(const struct js_relay *relay)
{
    return js_outq_written(relay->out);
}
