/*
 * link - carries messages between this process and its peers.
 *
 * A table of functions with two implementations: MPI (link.c) and, for tests,
 * one in memory with delay, loss and a simulated clock (tests/unit). Master
 * and slave see only this. Time passes only in `wait`.
 *
 * Order: messages from one connection arrive in the order in which they were
 * sent. Nothing here waits for a connection, be it stopped or dead. A failure
 * of the transport is final: the call returns -1 with *err and the run cannot
 * go on.
 */
#ifndef JS_MPI_LINK_H
#define JS_MPI_LINK_H

#include "base/err.h"
#include "mpi/wire.h"

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

struct js_message {
    int conn;
    enum js_tag tag;
    const char *bytes; /* the link's, valid until the next receive; of a JOB:
                          one struct js_wire_job */
    size_t len;
};

struct js_link_ops {
    /* Sends one job struct: by MPI_Send where the connection is on this host
     * and shares memory with it, which returns at once as long as at most
     * JS_WIRE_JOBS_SENT are unacknowledged, else by MPI_Isend. */
    int (*send_job)(void *link, int conn, bool is_near,
                    const struct js_wire_job *job, struct js_err *err);

    /* Takes a copy of the message and sends it when the connection can take it.
     */
    int (*post)(void *link, int conn, enum js_tag tag, const void *bytes,
                size_t len, struct js_err *err);

    /* The next message: 1; 0 if there is none now; or -1. A message of an
     * unknown tag, or longer than JS_WIRE_MAX, is a failure. */
    int (*receive)(void *link, struct js_message *ret, struct js_err *err);

    /*
     * Returns soon after there may be a message, one of the descriptors has
     * an event (revents is filled in), or the time `until_ns` has come; it may
     * return earlier. A message may lie unseen for `patience_ns`: 0 when
     * somebody waits for it, more when there is other work to go on with.
     */
    int (*wait)(void *link, struct pollfd *fds, nfds_t count, int64_t until_ns,
                int64_t patience_ns, struct js_err *err);

    int64_t (*now_ns)(void *link);
};

struct js_link {
    const struct js_link_ops *ops;
    void *self;
    int rank;
    int size;
};

/* Shorthands, so that a call reads like one. */
static inline int js_link_send_job(struct js_link *link, int conn, bool is_near,
                                   const struct js_wire_job *job,
                                   struct js_err *err)
{
    return link->ops->send_job(link->self, conn, is_near, job, err);
}

static inline int js_link_post(struct js_link *link, int conn, enum js_tag tag,
                               const struct js_buf *buf, struct js_err *err)
{
    return link->ops->post(link->self, conn, tag, buf->data, buf->len, err);
}

static inline int js_link_receive(struct js_link *link, struct js_message *ret,
                                  struct js_err *err)
{
    return link->ops->receive(link->self, ret, err);
}

static inline int js_link_wait(struct js_link *link, struct pollfd *fds,
                               nfds_t count, int64_t until_ns,
                               int64_t patience_ns, struct js_err *err)
{
    return link->ops->wait(link->self, fds, count, until_ns, patience_ns, err);
}

static inline int64_t js_link_now_ns(const struct js_link *link)
{
    return link->ops->now_ns(link->self);
}

/* The MPI library that this was built with: "Open MPI 4.1.4", "MPICH 4.0.2"; of
 * one that it does not know the standard, "MPI 3.1". Needs no MPI_Init. */
const char *js_link_library(void);

/*
 * The link over MPI, on a duplicate of MPI_COMM_WORLD; MPI must have been
 * initialised. Collective. Returns 0, or -1 with *err.
 */
int js_link_open(struct js_link *ret, struct js_err *err);

/*
 * Before MPI_Finalize, on every rank: takes in what the peers have still sent,
 * and sees what was posted off. MPI wants it so: where messages are unread it
 * may wait for ever, and MPICH 4.2.1 complains of each. A slave says with a
 * LAST that nothing follows; the master waits for that of each. Returns 0, or
 * -1 with *err: a connection has not said it by `until_ns`.
 */
int js_link_drain(struct js_link *link, int64_t until_ns, struct js_err *err);

/* Frees it; messages not yet taken are given up. To be called before
 * MPI_Finalize, if that is called. Never waits. NULL self is allowed. */
void js_link_close(struct js_link *link);

/* Processes that MPI knows to have failed (Open MPI 5, mpirun --with-ft ulfm;
 * else 0). When those that are left have all ended by _exit(2), so does the
 * launcher, with the master's status. Measured with Open MPI 5.0.7. */
unsigned js_link_failed_peers(void);

/*
 * How long to sleep when nothing has happened for `idle_ns`: a quarter of it,
 * from 20 us to 1 ms; after two seconds of silence a two-thousandth of it,
 * JS_LINK_PAUSE_NS at most. Measured: 1 ms costs 1 to 2 % of a core, and 5 ms
 * 0.3 %.
 */
#define JS_LINK_PAUSE_NS (20 * INT64_C(1000000))
int64_t js_backoff_ns(int64_t idle_ns);

#endif
