/*
 * slave_private - what slave.c and slave_jobs.c share. No other file includes
 * it.
 *
 * slave.c: creation, messages to the master, lease, set-up, ending, the turn.
 * slave_jobs.c: orders, running jobs, their output, and the runner. Both work
 * on the queue of this slave (mpi/slave_queue.h).
 */
#ifndef JS_MPI_SLAVE_PRIVATE_H
#define JS_MPI_SLAVE_PRIVATE_H

#include "mpi/slave.h"
#include "mpi/slave_queue.h"
#include "mpi/slave_setup.h"
#include "node/orphans.h"
#include "node/spool.h"

/* Jobs may run, and the master counts on this slave, only as long as the two
 * hear from each other (see wire.h). */
struct js_slave_lease {
    int64_t length_ns;  /* 0: there is none */
    int64_t until_ns;   /* the runner's jobs may run until then */
    uint64_t beat;      /* the number of the last heartbeat; 0: READY has not
                           been sent */
    uint64_t answered;  /* the last one that was answered: this one or the one
                           before */
    int64_t beat_ns;    /* when the last one was sent (READY counts as one) */
    int64_t before_ns;  /* ... and the one before */
    bool is_carried;    /* the last one was in a DONE or ACK */
    int64_t silence_ns; /* how long the master has been silent while this
                           slave listened */
    int64_t turn_ns;    /* when the last turn began */
};

/* The amounts that the slave has taken in since the start, and whether it must
 * acknowledge them by the end of this turn: either all of them, or only the
 * number of jobs, unless a DONE reports that. */
struct js_slave_acks {
    uint64_t jobs, jobs_acknowledged;
    uint64_t text_bytes, releases;
    bool must_acknowledge, must_acknowledge_jobs;
};

/*
 * The runner beside this slave: what it was given, whether it works, and its
 * replacement.
 *
 *     CONFIGURED --stopped by somebody while it had jobs--> continued
 *     CONFIGURED --lost--> RESTARTING (is_restarting, is_unrecorded)
 *     RESTARTING --it sends READY, and the master has recorded it--> CONFIGURED
 *     RESTARTING --too many were lost in a row without a job--> the slave
 *                                                               retires
 *
 * Invariants:
 *  - is_unrecorded is true from a restart until the master has confirmed the
 *    process that `processes` names; is_restarting until that process sends
 *    READY.
 *  - While either is true, nothing is started.
 *  - looked_ns and asked_ns do not go back.
 */
struct js_slave_runner {
    const struct js_runner_ops *ops;
    struct js_runner *self;           /* borrowed */
    const struct js_topo *topo;       /* borrowed */
    struct js_process_pair processes; /* the slave and the runner */
    bool is_bound;                    /* jobs are bound to CPUs */
    bool is_restarting;               /* the runner is new, and not yet READY */
    bool is_unrecorded;      /* ... or the master has not recorded it yet */
    bool has_events;         /* its descriptor is readable */
    unsigned barren;         /* runners lost in a row while they had no job */
    int64_t asked_ns;        /* when it was last asked for events */
    int64_t looked_ns;       /* when it was last checked whether it is
                                stopped */
    uint64_t stopped_ticket; /* ticket of a job that was named when the runner
                                was found stopped */
};

/*
 * Holds the output of jobs until the master has it.
 *
 *     a job ends --no more than the master allows--> its output is in the DONE
 *     a job ends --more--> spooled under its ticket --FETCH--> read in pieces
 *     spooled --FETCH of no bytes--> dropped
 */
struct js_slave_output {
    struct js_spool *spool; /* owned; NULL before the SETUP */
    bool is_captured;       /* the runner passes on what jobs write */
    struct js_buf chunk;    /* a piece of output that was read: valid until the
                               next one is read */
};

/*
 * Invariants:
 *  - Before is_set_up the queue is empty and has no slots; from then on share,
 *    setup and output are those of the one SETUP.
 *  - is_retired: the runner is not called any more, and the queue has no
 *    slots.
 *  - is_ending: nothing is started; jobs that wait or still arrive are
 *    returned.
 *  - `done` is sent before any other message, so that the master hears of
 *    events in the order in which they happened.
 *  - `out` and `back` are empty between two messages; `done` between two
 *    turns.
 */
struct js_slave {
    struct js_slave_config config;
    struct js_link *link;
    struct js_slave_setup_share share;
    struct js_slave_queue queue;
    struct js_slave_output output;
    struct js_slave_runner runner;
    struct js_slave_lease lease;
    struct js_slave_acks acks;
    struct js_orphans *orphans; /* processes that are being ended; or NULL */
    int64_t orphans_ns;         /* when to check them again */
    int64_t run_ns;             /* average run time of recent jobs */
    bool is_set_up, is_retired, is_stopped, is_ending, is_traced;
    bool must_describe; /* it must describe its node for all slaves there */
    enum js_stop_request stop_request; /* the last request that was obeyed */
    enum js_leaving leaving;           /* as the SHUTDOWN says */
    int64_t grace_ns;                  /* for jobs that are ended */
    int64_t limit_ns;    /* for jobs without a timeout of their own */
    struct js_buf text;  /* the pieces that have arrived */
    struct js_buf setup; /* as it arrived */
    struct js_buf out;   /* a message being packed */
    struct js_buf done;  /* a DONE that is sent at the end of the turn */
    struct js_buf back;  /* uint64_t tickets for a RETURNED */
    int64_t patient_ns;  /* until then it does not wait for a SIGTERM again */
    int64_t now_ns;
};

/* All functions below that return int return 0, or -1 with *err if there is no
 * memory, the link has failed, or the master sent an invalid message. */

/* ---- slave.c */

/* Recounts in debug builds. Must be called after each message and event. */
static inline void js_slave_assert_invariants(const struct js_slave *slave)
{
#ifdef JS_DEBUG
    js_slave_queue_assert_invariants(&slave->queue);
#else
    (void)slave;
#endif
}

/* Sends the DONEs of this turn. */
int js_slave_flush_done(struct js_slave *slave, struct js_err *err);

/* Sends what was packed into slave->out, after the DONEs of this turn. `packed`
 * is the return value of the packing function. */
int js_slave_post(struct js_slave *slave, enum js_tag tag, int packed,
                  struct js_err *err);

/* Sends text for a person to read. */
static inline int js_slave_note(struct js_slave *slave, const char *text,
                                struct js_err *err)
{
    return js_slave_post(slave, JS_TAG_NOTE, js_buf_puts(&slave->out, text),
                         err);
}

/* Returns the number of a heartbeat for a DONE or ACK that is sent in this
 * turn, or 0 if it is too early for a heartbeat. */
uint64_t js_slave_carry_beat(struct js_slave *slave);

/* Handles the answer to the heartbeat with this number; 0: none has arrived. */
void js_slave_hear(struct js_slave *slave, uint64_t number);

/* Sends GOODBYE. From then on the master gives this slave no jobs. */
static inline int js_slave_say_goodbye(struct js_slave *slave,
                                       enum js_goodbye why, struct js_err *err)
{
    return js_slave_post(slave, JS_TAG_GOODBYE,
                         js_wire_pack_number(&slave->out, (uint64_t)why), err);
}

/* Sends READY, which says that this slave can work (`problem` is "") or why it
 * cannot. */
int js_slave_ready(struct js_slave *slave, const char *problem,
                   struct js_err *err);

/* Returns what signals have asked this process to do. The second function
 * returns true if they have asked it to end. */
enum js_stop_request js_slave_request(const struct js_slave *slave);

static inline bool js_slave_is_asked_to_end(const struct js_slave *slave)
{
    return js_slave_request(slave) >= JS_STOP_REQUEST_HURRY;
}

/* ---- slave_jobs.c: messages of the master */

int js_slave_jobs_take_job(struct js_slave *slave,
                           const struct js_message *message,
                           struct js_err *err);
int js_slave_jobs_take_jobs(struct js_slave *slave,
                            const struct js_message *message,
                            struct js_err *err);
int js_slave_jobs_take_fetch(struct js_slave *slave,
                             const struct js_message *message,
                             struct js_err *err);
/* Limits the run time of jobs without a timeout of their own. */
int js_slave_jobs_limit(struct js_slave *slave, int64_t limit_ns,
                        struct js_err *err);

/* Ends the job with that ticket, unless it has already ended. */
int js_slave_jobs_kill(struct js_slave *slave, uint64_t ticket,
                       struct js_err *err);

/* ---- slave_jobs.c: the steps of a turn, in this order */

/* Handles the reports of the runner, and its loss. */
int js_slave_jobs_take_events(struct js_slave *slave, struct js_err *err);

/* Continues the runner if it was stopped. If that was not yet known, a note
 * reports it and names the running jobs. */
int js_slave_jobs_wake(struct js_slave *slave, struct js_err *err);

/* Returns when js_slave_jobs_wake() must check again; JS_NEVER_NS if no time is
 * set. */
int64_t js_slave_jobs_look_ns(const struct js_slave *slave);

/* Answers a RECALL after the runner has answered it. */
int js_slave_jobs_answer_recall(struct js_slave *slave, struct js_err *err);

/* Returns jobs that have waited for too long. */
int js_slave_jobs_give_back(struct js_slave *slave, struct js_err *err);

/* Ends simulated jobs, and starts what can be started. */
int js_slave_jobs_run(struct js_slave *slave, struct js_err *err);

/* ---- slave_jobs.c: the runner, and ending */

/* Configures the first runner, or its successor. */
int js_slave_jobs_configure_runner(struct js_slave *slave,
                                   const struct js_wire_setup *setup,
                                   struct js_err *err);

/* Starts nothing from now on, and ends the running jobs with this grace
 * (JS_WIRE_LET_RUN: lets them end by themselves). */
int js_slave_jobs_end(struct js_slave *slave, int64_t grace_ns,
                      struct js_err *err);

/* Sends GOODBYE, because there is no runner or none may be used. */
int js_slave_jobs_retire(struct js_slave *slave, struct js_err *err);

#endif
