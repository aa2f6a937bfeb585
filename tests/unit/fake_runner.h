/*
 * fake_runner - a runner whose jobs take simulated time, and a slave on it.
 *
 * Include it instead of mpi/slave.h and runner/runner.h: the calls of both keep
 * their contracts but get names of their own, because the library has the real
 * ones. (loop_slave.c is src/mpi/slave.c, compiled once more in this way.)
 *
 * A job's command says what becomes of it:
 *
 *     DURATION [out=BYTES] [err=BYTES] [exit=STATUS] [kills] [anything]
 *
 * One that `kills` ends its runner, by SIGKILL, in the middle of its time.
 */
#ifndef JS_TESTS_FAKE_RUNNER_H
#define JS_TESTS_FAKE_RUNNER_H

#define js_runner_configure fake_runner_configure
#define js_runner_run fake_runner_run
#define js_runner_next fake_runner_next
#define js_runner_restart fake_runner_restart
#define js_runner_wake fake_runner_wake
#define js_runner_pid fake_runner_pid
#define js_runner_flush fake_runner_flush
#define js_runner_recall fake_runner_recall
#define js_runner_end fake_runner_end
#define js_runner_limit fake_runner_limit
#define js_runner_lease fake_runner_lease
#define js_runner_fd fake_runner_fd
#define js_runner_wants_write fake_runner_wants_write
#define js_slave_new loop_slave_new
#define js_slave_free loop_slave_free
#define js_slave_turn loop_slave_turn
#define js_slave_run loop_slave_run

#include "fake_link.h"
#include "mpi/slave.h"
#include "runner/runner.h"

struct fake_job; /* in a slot */

struct js_runner {
    struct fake_net *net;
    int rank;
    int64_t dies_ns;        /* JS_NEVER_NS: it does not */
    bool has_successor;     /* then another can take its place */
    bool is_sickly;         /* ... but dies a second later */
    const char *ready_text; /* why it cannot work, or "" */
    int64_t ready_ns;       /* when READY is said, JS_NEVER_NS: not */
    enum js_capture capture;
    uint32_t slots;
    int64_t limit_ns;      /* of jobs without a timeout of their own; 0: none */
    int64_t lease_ns;      /* jobs end then, JS_NEVER_NS: they need not */
    struct fake_job *jobs; /* by slot; owned */
    struct fake_job *ahead; /* for the next free slot, in order; owned */
    uint32_t ahead_count, ahead_room;
    bool has_expired;  /* the lease has, and was not renewed */
    int64_t recall_ns; /* when a recall is answered; JS_NEVER_NS: none is */
    /* Told of what the slave asks for; NULL: nobody is. */
    void (*configured)(void *arg, const struct js_runner *runner,
                       const struct js_runner_config *config);
    void (*started)(void *arg, const struct js_runner *runner,
                    const struct js_runner_job *job);
    void (*ended)(void *arg, const struct js_runner *runner, uint64_t id);
    void *arg;
};

void fake_runner_init(struct js_runner *runner, struct fake_net *net, int rank);
void fake_runner_release(struct js_runner *runner);

/* It and all it runs is gone from then on. */
void fake_runner_die_at(struct js_runner *runner, int64_t at_ns);

/* True while the process of that job is there, whether the slave has been told
 * of its end or not. */
bool fake_runner_is_running(const struct js_runner *runner, uint64_t id);

/* Byte `at` of what job `id` writes to stream 0 or 1. */
char fake_runner_byte(uint64_t id, unsigned stream, uint64_t at);

/* What js_slave_run() does around its turns. */
int loop_slave_greet(struct js_slave *slave, struct js_err *err);
int loop_slave_wait(struct js_slave *slave, struct js_err *err);

#endif
