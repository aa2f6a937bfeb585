/*
 * fake_runner - a runner whose jobs take simulated time.
 *
 * A slave sees it through fake_runner_ops, a table as in runner/runner.h, whose
 * calls keep their contracts. This struct js_runner is the tests' own.
 *
 * A job's command says what becomes of it:
 *
 *     DURATION [out=BYTES] [err=BYTES] [exit=STATUS] [signal=N] [kills]
 * [anything]
 *
 * One that `kills` ends its runner, by SIGKILL, in the middle of its time.
 */
#ifndef JS_TESTS_FAKE_RUNNER_H
#define JS_TESTS_FAKE_RUNNER_H

#include "fake_link.h"
#include "mpi/slave.h"
#include "runner/runner.h"

enum { FAKE_NODE_CORES = 128 };

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
    bool has_expired;    /* the lease has, and was not renewed */
    int64_t recall_ns;   /* when a recall is answered; JS_NEVER_NS: none is */
    int64_t *spawned_ns; /* a node starts its jobs one after another, and each
                            takes 0.3 to 0.5 ms: when the last of them was
                            started; NULL: starts take no time */
    /* Told of what the slave asks for; NULL: nobody is. */
    void (*configured)(void *arg, const struct js_runner *runner,
                       const struct js_runner_config *config);
    void (*started)(void *arg, const struct js_runner *runner,
                    const struct js_runner_job *job);
    void (*ended)(void *arg, const struct js_runner *runner, uint64_t id);
    void *arg;
};

extern const struct js_runner_ops fake_runner_ops;

void fake_runner_init(struct js_runner *runner, struct fake_net *net, int rank);
void fake_runner_release(struct js_runner *runner);

/* It and all it runs is gone from then on. */
void fake_runner_die_at(struct js_runner *runner, int64_t at_ns);

/* True while the process of that job is there, whether the slave has been told
 * of its end or not. */
bool fake_runner_is_running(const struct js_runner *runner, uint64_t id);

/* One turn of a slave's process in a simulated network: in its first turn it
 * sends HELLO. Returns 0, or -1 with *err. */
int fake_runner_slave_turn(struct js_slave *slave, bool *has_greeted,
                           struct js_err *err);

/* What the slaves on node `number` say of it in their HELLO. */
void fake_runner_describe_node(struct js_node *ret, int number);

/* Byte `at` of what job `id` writes to stream 0 or 1. */
char fake_runner_byte(uint64_t id, unsigned stream, uint64_t at);

#endif
