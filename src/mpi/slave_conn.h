/*
 * slave_conn - the master's side of the connection to one slave: what it knows
 * of the slave, and what is on its way to it.
 *
 * Owns: the order of what is sent, so that nothing waits for a slave that does
 * not read. A job alone is sent as a JOB as long as no more than
 * JS_WIRE_JOBS_SENT are unacknowledged; several together, or one of a longer
 * text, as a JOBS, of which two at most are unacknowledged; of a text too long
 * for that, one piece; of releases one.
 *
 *     AWAITED --HELLO--> MET --all met, SETUP sent--> SET_UP --READY--> WORKING
 *     any --BYE, or cannot work--> GONE (it still answers for its output)
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
    struct js_buf allocation; /* as in the text of a struct js_wire_job */
    uint32_t allocation_len;  /* bytes of the allocation alone: behind it
                                 js_slave_conn_give() puts the job's own text, so
                                 that all of it is in one piece */
};

/* What killed runs have left on its host: */
enum js_slave_conn_clearing {
    JS_SLAVE_CONN_UNASKED = 0, /* another slave sees to it, or nobody yet */
    JS_SLAVE_CONN_CLEARING,    /* it is ending that */
    JS_SLAVE_CONN_CLEARED,     /* it has */
};

struct js_slave_conn {
    enum js_slave_conn_state state; /* the master's to set, but for SET_UP */
    int rank;
    struct js_link *link;             /* borrowed */
    struct js_node node;              /* from MET on */
    bool is_near;                     /* on the master's host */
    struct js_process_pair processes; /* likewise */
    uint32_t slots;                   /* from WORKING on, as the next */
    struct js_cpuset home;            /* the CPUs that its jobs are bound to */
    bool is_watched;     /* it beats, and is lost when it ceases to; */
    int64_t answered_ns; /* answered last, by the master's time of listening */
    bool is_lost;        /* whatever it still says is too late */
    bool has_new_runner; /* in `processes`; it waits to hear that that is on
                            record */
    enum js_slave_conn_clearing clearing;

    /* Private from here on. */
    struct js_buf out; /* a message being packed */
    struct js_outgoing_job outgoing[JS_SCHEDULER_CREDIT];
    unsigned outgoing_count;
    uint64_t jobs_sent; /* since the start */
    uint64_t batches_sent;
    uint64_t
        batch_ends[JS_SLAVE_CONN_BATCHES]; /* jobs_sent behind the last ones */
    const char *text; /* the setup's or the command's bytes; NULL: none */
    size_t text_len, text_sent;
    struct js_buf setup;                 /* packed; until it is sent */
    struct js_buf releases;              /* tickets, as uint64_t */
    struct js_buf ends;                  /* the same, of jobs to be ended */
    uint64_t text_total, releases_total; /* sent since the start */
    struct js_wire_ack acknowledged;     /* by it, since the start */
};

void js_slave_conn_init(struct js_slave_conn *conn, struct js_link *link,
                        int rank);
void js_slave_conn_release(struct js_slave_conn *conn);

/* Every call below that sends returns 0, or -1 with *err: no memory, or the
 * link has failed. */

/* The slave is to work in this way; sent by js_slave_conn_pump(). */
int js_slave_conn_set_up(struct js_slave_conn *conn,
                         const struct js_wire_setup *setup, struct js_err *err);

/* Gives the slave a job; js_slave_conn_pump() sends it. outgoing->allocation,
 * in the form of a struct js_wire_job, is owned by the connection from now on,
 * also on failure. 0, or -1 with errno ENOMEM. */
int js_slave_conn_give(struct js_slave_conn *conn,
                       const struct js_outgoing_job *outgoing);

/* The job under this ticket is to end, with the grace of the run; sent by
 * js_slave_conn_pump() behind the job itself. */
int js_slave_conn_end_job(struct js_slave_conn *conn, uint64_t ticket,
                          struct js_err *err);

/* The slave has no jobs any more: those that were not sent are forgotten. */
void js_slave_conn_take_away(struct js_slave_conn *conn);

/* The slave may forget the output under this ticket; js_slave_conn_pump() sends
 * that. */
int js_slave_conn_release_output(struct js_slave_conn *conn, uint64_t ticket,
                                 struct js_err *err);

/* True if js_slave_conn_pump() has something that waits for an acknowledgement.
 */
bool js_slave_conn_has_waiting(const struct js_slave_conn *conn);

/* Sends what can be sent now. Jobs may bring up to inline_max bytes of output
 * with their completion. */
int js_slave_conn_pump(struct js_slave_conn *conn, uint32_t inline_max,
                       struct js_err *err);

int js_slave_conn_fetch(struct js_slave_conn *conn,
                        const struct js_wire_fetch *fetch, struct js_err *err);
/* Jobs without a timeout of their own may run this long (0: without end). */
int js_slave_conn_limit(struct js_slave_conn *conn, int64_t timeout_ns,
                        struct js_err *err);

/* What it has not started is to come back; what runs is to end, with this grace
 * (JS_WIRE_LET_RUN: of itself). */
int js_slave_conn_end_jobs(struct js_slave_conn *conn, int64_t grace_ns,
                           struct js_err *err);

/* Asks the slave to return up to so many jobs that it has not begun. */
int js_slave_conn_recall(struct js_slave_conn *conn, uint32_t count,
                         struct js_err *err);

/* Asks the slave to end what these runs have left on its host. */
int js_slave_conn_clear(struct js_slave_conn *conn,
                        const struct js_dead_run *runs, size_t count,
                        struct js_err *err);

/* The runner that the slave has reported is on record. */
int js_slave_conn_answer_runner(struct js_slave_conn *conn, struct js_err *err);

int js_slave_conn_answer_beat(struct js_slave_conn *conn, uint64_t number,
                              struct js_err *err);
int js_slave_conn_stop(struct js_slave_conn *conn, enum js_leaving leaving,
                       struct js_err *err);

/* It has taken in so many jobs since the start, or so much of everything.
 * Returns how many jobs that is more than was known. */
uint32_t js_slave_conn_acknowledge_jobs(struct js_slave_conn *conn,
                                        uint64_t jobs);
uint32_t js_slave_conn_acknowledge(struct js_slave_conn *conn,
                                   const struct js_wire_ack *ack);

#endif
