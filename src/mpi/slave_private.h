/*
 * slave_private - what slave.c and slave_jobs.c share: nobody else includes it.
 *
 * slave.c: life, messages to the master, lease, set-up, ending, the turn.
 * slave_jobs.c: what becomes of orders, running jobs and a lost runner; it ties
 * the queue, the output and the runner of this slave together.
 */
#ifndef JS_MPI_SLAVE_PRIVATE_H
#define JS_MPI_SLAVE_PRIVATE_H

#include "mpi/slave.h"
#include "mpi/slave_output.h"
#include "mpi/slave_queue.h"
#include "mpi/slave_runner.h"
#include "mpi/slave_setup.h"
#include "node/orphans.h"

/* Jobs may run, and the master counts on this slave, only as long as the two
 * hear of each other (wire.h). */
struct js_slave_lease {
    int64_t length_ns; /* 0: there is none */
    int64_t until_ns;  /* the runner's jobs may run until then */
    uint64_t beat;     /* the number of the last beat; 0: READY was not sent */
    int64_t beat_ns;   /* when that was sent (READY is one) */
    bool is_unanswered;
    int64_t silence_ns; /* of the master, while this one listened */
    int64_t turn_ns;    /* when the last turn began */
};

/* What has been taken in since the start, and what the master must be told of
 * that by the end of this turn: jobs, unless a DONE does so; or all. */
struct js_slave_acks {
    uint64_t jobs, jobs_acknowledged;
    uint64_t text_bytes, releases;
    bool must_acknowledge, must_acknowledge_jobs;
};

/*
 * Invariants:
 *  - Before is_set_up the queue is empty and has no slots; share, setup and
 *    output are those of the one SETUP from then on.
 *  - is_retired: the runner is not called any more, and the queue has no slots.
 *  - is_ending: nothing is started; what waits and what comes goes back.
 *  - `done` is sent before any other message, so that the master hears of what
 *    happened in the order in which it did.
 *  - `out` and `back` are empty between two messages; `done` between two turns.
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
    struct js_orphans *orphans; /* that are being ended; or NULL */
    int64_t orphans_ns;         /* when to look at them again */
    int64_t run_ns;             /* how long jobs ran lately, on average */
    bool is_set_up, is_retired, is_stopped, is_ending, is_traced;
    enum js_stop_request stop_request; /* that was followed */
    enum js_leaving leaving;           /* as STOP has said */
    int64_t grace_ns;                  /* of its jobs */
    int64_t limit_ns;    /* of jobs without a timeout of their own */
    struct js_buf text;  /* pieces so far */
    struct js_buf setup; /* as it came */
    struct js_buf out;   /* a message being packed */
    struct js_buf done;  /* a DONE that waits for the end of the turn */
    struct js_buf back;  /* uint64_t tickets of a BACK */
    int64_t now_ns;
};

/* All below return 0, or -1 with *err: no memory, the link has failed, or the
 * master sent what no master sends. */

/* ---- slave.c */

/* Recounts in debug builds; to be called after each message and event. */
void js_slave_assert_invariants(const struct js_slave *slave);

/* Sends the DONEs of this turn. */
int js_slave_flush_done(struct js_slave *slave, struct js_err *err);

/* Sends what was packed into slave->out, behind the DONEs of this turn;
 * `packed` is what packing it returned. */
int js_slave_post(struct js_slave *slave, enum js_tag tag, int packed,
                  struct js_err *err);
int js_slave_note(struct js_slave *slave, const char *text, struct js_err *err);
int js_slave_bye(struct js_slave *slave, enum js_parting why,
                 struct js_err *err);

/* READY: this slave can work, or has this problem ("": none). */
int js_slave_ready(struct js_slave *slave, const char *problem,
                   struct js_err *err);

/* Sets up the first runner, or another. */
int js_slave_configure_runner(struct js_slave *slave,
                              const struct js_wire_setup *setup,
                              struct js_err *err);

/* What this process was asked to do by signals; and whether that is to end. */
enum js_stop_request js_slave_request(const struct js_slave *slave);
bool js_slave_is_asked_to_end(const struct js_slave *slave);

/* ---- slave_jobs.c: messages of the master */

int js_slave_jobs_take_job(struct js_slave *slave,
                           const struct js_message *message,
                           struct js_err *err);
int js_slave_jobs_take_jobs(struct js_slave *slave,
                            const struct js_message *message,
                            struct js_err *err);
int js_slave_jobs_take_recall(struct js_slave *slave,
                              const struct js_message *message,
                              struct js_err *err);
int js_slave_jobs_take_fetch(struct js_slave *slave,
                             const struct js_message *message,
                             struct js_err *err);
int js_slave_jobs_take_runner(struct js_slave *slave,
                              const struct js_message *message,
                              struct js_err *err);
int js_slave_jobs_take_end_job(struct js_slave *slave,
                               const struct js_message *message,
                               struct js_err *err);

/* ---- slave_jobs.c: the steps of a turn, in this order */

/* Takes what the runner reports, also that it is lost. */
int js_slave_jobs_take_events(struct js_slave *slave, struct js_err *err);

/* Continues a runner that was stopped, and names the jobs that run. */
int js_slave_jobs_wake(struct js_slave *slave, struct js_err *err);

/* Answers a RECALL once the runner has. */
int js_slave_jobs_answer_recall(struct js_slave *slave, struct js_err *err);

/* Gives back what has waited for too long. */
int js_slave_jobs_give_back(struct js_slave *slave, struct js_err *err);

/* Ends simulated jobs, and starts what can be started. */
int js_slave_jobs_run(struct js_slave *slave, struct js_err *err);

/* ---- slave_jobs.c: ending */

/* Nothing is started from now on, and what runs ends within this grace
 * (JS_WIRE_LET_RUN: when it likes). */
int js_slave_jobs_end(struct js_slave *slave, int64_t grace_ns,
                      struct js_err *err);

/* There is no runner, or none may be used: BYE. */
int js_slave_jobs_retire(struct js_slave *slave, struct js_err *err);

#endif
