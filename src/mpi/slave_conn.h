/*
 * slave_conn - the master's side of the connection to one slave: what the
 * master knows about the slave, and what is on its way there.
 *
 * Decides when each message is sent, so that nothing waits for a slave that
 * does not read. A single job is sent as a JOB as long as no more than
 * JS_WIRE_JOBS_SENT are unacknowledged. Several jobs, or one with longer text,
 * are sent as a JOBS, of which at most two are unacknowledged. Text that is too
 * long for a JOBS is sent in pieces, with one unacknowledged piece at a time;
 * the same goes for releases.
 *
 *     AWAITED --HELLO--> MET --all met, SETUP sent--> SET_UP
 *     SET_UP --READY, and a NODE from a slave of its node--> WORKING
 *     any --GOODBYE, or cannot work--> GONE (it still answers for its output)
 */
#ifndef JS_MPI_SLAVE_CONN_H
#define JS_MPI_SLAVE_CONN_H

#include "mpi/link.h"
#include "mpi/wire.h"
#include "sched/scheduler.h"

#include <stdbool.h>
#include <stdint.h>

enum js_slave_conn_state {
    JS_SLAVE_CONN_AWAITED = 0,
    JS_SLAVE_CONN_MET,
    JS_SLAVE_CONN_SET_UP,
    JS_SLAVE_CONN_WORKING,
    JS_SLAVE_CONN_GONE,
};

enum { JS_SLAVE_CONN_BATCHES = 2 };

/* A job on its way to the slave; the scheduler owns the job. */
struct js_outgoing_job {
    const struct js_job *job;
    uint64_t ticket;
    uint32_t slot;
    uint64_t data_limit_bytes;
    struct js_buf allocation; /* in the form of the text of a struct
                                 js_wire_job */
    uint32_t allocation_len;  /* length of the allocation alone:
                                 js_slave_conn_give() appends the job's own
                                 text to it, so that both are in one piece */
};

/* The state of the processes that killed runs have left on the slave's host. */
enum js_slave_conn_clearing {
    JS_SLAVE_CONN_UNASKED = 0, /* this slave has not been asked */
    JS_SLAVE_CONN_CLEARING,    /* this slave is ending them */
    JS_SLAVE_CONN_CLEARED,     /* this slave has ended them */
};

struct js_slave_conn;

/* A slave that is given short jobs often needs room for many at a time, but
 * hardly ever do all slaves need it at once. So a few of these buffers are
 * kept. */
enum { JS_SLAVE_CONN_SPARES = 16 };

/* The connections that may have something to send. Thanks to this queue, a turn
 * of the master looks only at these, not at all slaves. First in, first out; a
 * queue that is all zero is empty. */
struct js_slave_conn_queue {
    struct js_slave_conn *first, *last;
    struct js_outgoing_job *spares[JS_SLAVE_CONN_SPARES]; /* owned; each has
                                       room for JS_SCHEDULER_CREDIT */
    unsigned spare_count;
    size_t text_bytes; /* total length of the texts sent so far */
    struct js_buf out; /* a message being packed: empty between two calls */
};

/* Invariants:
 *  - jobs_sent - acknowledged.jobs jobs are under way; outgoing[] holds those
 *    that were given but not sent, in the order of the calls.
 *  - `text` is the master's, which is for all slaves, while state is MET; later
 *    it is the text of outgoing[0]. While `text` is set, no other job is sent.
 *  - The fields of `acknowledged` never decrease.
 *  - If it is_lost, messages that arrive are ignored. If it is GONE, the slave
 *    has no jobs.
 *  - If js_slave_conn_pump() could send something, the connection is in the
 *    queue. */
struct js_slave_conn {
    enum js_slave_conn_state state; /* set by the master, except SET_UP */
    int rank;
    enum js_slave_conn_clearing clearing;
    uint32_t slots;      /* valid from READY on, like `home` */
    bool is_near;        /* on the master's host */
    bool is_watched;     /* it sends heartbeats, and is lost when these cease */
    bool is_lost;        /* messages that still arrive from it are ignored */
    bool has_new_runner; /* named in `processes`; the slave waits until it
                            hears that this runner is on record */
    bool is_asked;  /* it was asked to describe its node, and has not answered
                       yet */
    bool is_queued; /* private */
    struct js_link *link; /* borrowed */
    /* owned by the allocator; NULL until MET */
    const struct js_node_about *node;
    struct js_process_pair processes; /* valid from MET on */
    struct js_buf home;  /* a list of the CPUs that its jobs are bound to;
                            empty unless the map is shown */
    int64_t answered_ns; /* when a heartbeat was last answered, in the master's
                            listening time */
    struct js_slave_conn *earlier, *later; /* among the watched ones, by
                                              answered_ns */
    uint64_t beat_owed; /* a heartbeat that must be answered; 0: none */
    uint32_t *homes;    /* owned: those of its READY, until its node has been
                           described; otherwise NULL */

    struct js_slave_conn_queue *queue; /* borrowed; that of all connections */

    /* Private from here on. */
    struct js_slave_conn *next;       /* in the queue */
    struct js_outgoing_job *outgoing; /* owned; NULL: no capacity */
    unsigned outgoing_count, outgoing_capacity;
    uint64_t jobs_sent; /* since the start */
    uint64_t batches_sent;
    uint64_t batch_ends[JS_SLAVE_CONN_BATCHES]; /* jobs_sent after each of
                                                   the last batches */
    const char *text; /* precedes a SETUP, or is a job's text; NULL: none */
    size_t text_len, text_sent;
    struct js_buf setup;                 /* packed, until it is sent */
    struct js_buf releases;              /* tickets, as uint64_t */
    struct js_buf ends;                  /* tickets of jobs that must be
                                            ended, likewise */
    uint64_t text_total, releases_total; /* sent since the start */
    struct js_wire_ack acknowledged;     /* by the slave, since the start */
};

/* A connection is AWAITED if everything in it but rank, link and queue is
 * zero. */
void js_slave_conn_release(struct js_slave_conn *conn);

/* Every function below that sends returns 0, or -1 with *err if there is no
 * memory or the link has failed. */

/* Prepares the SETUP for the slave, and its text (borrowed: it must stay until
 * the connection is released); js_slave_conn_pump() sends both. */
int js_slave_conn_set_up(struct js_slave_conn *conn,
                         const struct js_wire_setup *setup,
                         const struct js_buf *text, struct js_err *err);

/* Gives the slave a job; js_slave_conn_pump() sends it. The connection takes
 * ownership of outgoing->allocation even on failure; the allocation must have
 * the form that a struct js_wire_job needs. Returns 0, or -1 with errno
 * ENOMEM. */
int js_slave_conn_give(struct js_slave_conn *conn,
                       const struct js_outgoing_job *outgoing);

/* Asks the slave to end the job with this ticket, with the run's grace period;
 * js_slave_conn_pump() sends this after the job itself. */
int js_slave_conn_end_job(struct js_slave_conn *conn, uint64_t ticket,
                          struct js_err *err);

/* Forgets the jobs that were not sent: the slave has no jobs any more. */
void js_slave_conn_take_away(struct js_slave_conn *conn);

/* Allows the slave to forget the output with this ticket; js_slave_conn_pump()
 * sends this. */
int js_slave_conn_release_output(struct js_slave_conn *conn, uint64_t ticket,
                                 struct js_err *err);

/* Frees what the queue owns; the connections stay. */
void js_slave_conn_queue_release(struct js_slave_conn_queue *queue);

/* Takes the first connection out of the queue, for js_slave_conn_pump(); NULL:
 * none is left. */
struct js_slave_conn *js_slave_conn_next(struct js_slave_conn_queue *queue);

/* Sends what can be sent now. The rest is sent once the slave has acknowledged
 * enough. A job may return up to inline_max bytes of output together with its
 * completion.
 */
int js_slave_conn_pump(struct js_slave_conn *conn, uint32_t inline_max,
                       struct js_err *err);

/* Sends at once what was packed into conn->queue->out. `packed` is the return
 * value of the packing function. */
int js_slave_conn_post(struct js_slave_conn *conn, enum js_tag tag, int packed,
                       struct js_err *err);

/* Does the same with a message that holds one number (see
 * js_wire_pack_number()). */
static inline int js_slave_conn_post_number(struct js_slave_conn *conn,
                                            enum js_tag tag, uint64_t number,
                                            struct js_err *err)
{
    return js_slave_conn_post(
        conn, tag, js_wire_pack_number(&conn->queue->out, number), err);
}

/* Answers a heartbeat, along with the next job that js_slave_conn_pump() sends,
 * or separately. If there are several, only the last one is answered. 0 means
 * no heartbeat. */
void js_slave_conn_answer(struct js_slave_conn *conn, uint64_t beat);

/* Records how much the slave has taken in since the start; a 0 may mean that
 * the number is unknown. Returns the number of newly acknowledged jobs. */
uint32_t js_slave_conn_acknowledge(struct js_slave_conn *conn,
                                   const struct js_wire_ack *ack);

/* Sets *err; returns -1. */
static inline int js_master_no_memory(struct js_err *err)
{
    return js_err_set(err, "the master has no memory left");
}

#endif
