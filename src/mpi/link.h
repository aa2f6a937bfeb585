/*
 * link - carries messages between this process and its peers.
 *
 * It is a table of functions with two implementations: MPI (link.c) and, for
 * tests, one in memory with delay, loss and a simulated clock (tests/unit).
 * Master and slave use only this interface. Time passes only in `wait`.
 *
 * Messages from one peer arrive in the order in which they were sent, except
 * that a BEAT may be taken before the others (receive_beat). No call
 * here waits for a peer, even if the peer is stopped or dead. A failure of the
 * transport is final: the call returns -1 with *err, and the run cannot
 * continue.
 */
#ifndef JS_MPI_LINK_H
#define JS_MPI_LINK_H

#include "base/err.h"
#include "mpi/wire.h"

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

struct js_message {
    int peer;
    enum js_tag tag;
    const char *bytes; /* owned by the link, valid until the next receive;
                          with a JOB: one struct js_wire_job */
    size_t len;
};

struct js_link_ops {
    /* Sends one job struct. Uses MPI_Send if the peer is on this host and
     * shares memory with this process; MPI_Send then returns at once as long as
     * at most JS_WIRE_JOBS_SENT jobs are unacknowledged. Otherwise uses
     * MPI_Isend. */
    int (*send_job)(void *link, int peer, bool is_near,
                    const struct js_wire_job *job, struct js_err *err);

    /* Copies the message and sends it when the peer can take it. */
    int (*post)(void *link, int peer, enum js_tag tag, const void *bytes,
                size_t len, struct js_err *err);

    /* Takes the next message. Returns 1 if there was one, 0 if none has
     * arrived, or -1 with *err. A message that has an unknown tag or is longer
     * than JS_WIRE_MAX is a failure. */
    int (*receive)(void *link, struct js_message *ret, struct js_err *err);

    /* Does the same, but takes only BEATs. Other messages stay unread, even if
     * the peer sent them earlier. */
    int (*receive_beat)(void *link, struct js_message *ret, struct js_err *err);

    /*
     * Waits until shortly after a message may have arrived, one of the
     * descriptors has an event (revents is filled in), or the time `until_ns`
     * has come; may return earlier. A message may go unnoticed for up to
     * `patience_ns`: 0 if somebody is waiting for it, more if there is other
     * work to do in the meantime.
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

/* Shorthands that make a call easier to read. */
static inline int js_link_send_job(struct js_link *link, int peer, bool is_near,
                                   const struct js_wire_job *job,
                                   struct js_err *err)
{
    return link->ops->send_job(link->self, peer, is_near, job, err);
}

static inline int js_link_post(struct js_link *link, int peer, enum js_tag tag,
                               const struct js_buf *buf, struct js_err *err)
{
    return link->ops->post(link->self, peer, tag, buf->data, buf->len, err);
}

static inline int js_link_receive(struct js_link *link, struct js_message *ret,
                                  struct js_err *err)
{
    return link->ops->receive(link->self, ret, err);
}

static inline int js_link_receive_beat(struct js_link *link,
                                       struct js_message *ret,
                                       struct js_err *err)
{
    return link->ops->receive_beat(link->self, ret, err);
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

/* Returns the MPI library that jobsched was built with: "Open MPI 4.1.4",
 * "MPICH 4.0.2"; for an unknown library, the version of the standard: "MPI
 * 3.1". Does not need MPI_Init. */
const char *js_link_library(void);

/*
 * Opens the link over MPI, on a duplicate of MPI_COMM_WORLD. MPI must have been
 * initialised. Collective. Returns 0, or -1 with *err.
 */
int js_link_open(struct js_link *ret, struct js_err *err);

/*
 * Receives all remaining messages of the peers, and completes the sends that
 * are still pending. Every rank must call this before MPI_Finalize: if messages
 * are unread, MPI_Finalize may wait forever, and MPICH 4.2.1 complains about
 * each of them. A slave sends a FIN as its last message; the master waits for
 * the FIN of each slave. Returns 0, or -1 with *err if a peer has not sent its
 * FIN by `until_ns`.
 */
int js_link_drain(struct js_link *link, int64_t until_ns, struct js_err *err);

/* Frees the link; messages that were not received are lost. If MPI_Finalize is
 * called, this must be called before it. Never waits. link->self
 * may be NULL. */
void js_link_close(struct js_link *link);

/* Returns the number of processes that MPI knows to have failed (Open MPI 5
 * with mpirun --with-ft ulfm; otherwise 0). When all remaining processes have
 * ended by _exit(2), the launcher ends too, with the master's status. Measured
 * with Open MPI 5.0.7. */
unsigned js_link_failed_peers(void);

/*
 * Returns how long to sleep if nothing has happened for `idle_ns`: a quarter of
 * that time, but between 20 us and 1 ms; after two seconds, a two-thousandth of
 * that time, but at most JS_LINK_PAUSE_NS. Sleeps of 1 ms were measured to cost
 * 1 to 2 % of a core, and sleeps of 5 ms 0.3 %.
 */
#define JS_LINK_PAUSE_NS (20 * INT64_C(1000000))
int64_t js_backoff_ns(int64_t idle_ns);

#endif
