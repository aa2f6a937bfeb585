/*
 * job - one thing to run, as a value; and a queue of them.
 *
 * A job is made by the reader of the job list, belongs to the scheduler while
 * it waits or runs, and to the records from its completion on. Exactly one of
 * them owns it at any time, and frees it with js_job_free() or hands it on.
 */
#ifndef JS_LIST_JOB_H
#define JS_LIST_JOB_H

#include "list/attributes.h"
#include "list/outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum js_job_kind {
    JS_JOB_COMMAND = 1,   /* a line for /bin/sh */
    JS_JOB_SIMULATED = 2, /* takes duration_ns and does nothing */
};

/* What a job must have while it runs: all that follows `nodes`, of each of so
 * many different nodes. */
struct js_request {
    uint32_t nodes; /* 0 is 1 */
    uint32_t cores; /* at least 1 */
    uint32_t gpus;
    uint64_t mem_bytes; /* 0: not counted */
};

struct js_job {
    struct js_job *next; /* for the queue that holds it */
    struct js_job *lane; /* sched/lanes.h: of a lane's first, the next lane's */
    struct js_job *lane_last; /* ... and the last of its own */
    int64_t lane_place;
    uint64_t id;         /* what it is called; kept when a run goes on */
    uint64_t seq;        /* 1, 2, 3 ... in the order of the input */
    uint64_t line;       /* where it begins in the input, 0: nowhere */
    int64_t duration_ns; /* of a simulated job */
    struct js_request request;
    int64_t timeout_ns;  /* 0: the run's default */
    int64_t expected_ns; /* how long it ran in an earlier run; -1: unknown */
    enum js_job_kind kind;
    uint32_t attempt;    /* 1 when it runs for the first time */
    uint32_t lost;       /* earlier attempts that were no fault of its own, as
                            far as is known */
    uint32_t losses;     /* of these, in all runs since it last ended: with
                            which its slave or runner was lost */
    uint32_t retries;    /* how often it may run again when it failed */
    bool is_retries_set; /* by the job; else the run's default counts */
    int32_t priority;    /* higher goes first */
    unsigned avoid;      /* the slave on which it failed last; 0: none */
    bool is_waiting;     /* for others, when it was read */
    const char *command; /* in `text`, behind the details; any bytes but NUL,
                            and a NUL behind them */
    size_t command_len;  /* bytes */
    size_t details_len;  /* bytes of list/job_spec.h, at the front of `text` */
    char text[];         /* what travels to the slave */
};

/* A job of attempt 1 that needs one core, whose id is its place in the input
 * until it is set otherwise. The command is copied. NULL with errno ENOMEM. */
struct js_job *js_job_new(uint64_t seq, const char *command, size_t len);
struct js_job *js_job_new_simulated(uint64_t seq, int64_t duration_ns);

/* The same with what its attributes say (all but after and after-any). */
struct js_job *js_job_new_with(uint64_t seq,
                               const struct js_attributes *attributes,
                               const char *command, size_t len);

struct js_job *js_job_copy(const struct js_job *job); /* NULL: ENOMEM */

/* Its name, or "". */
const char *js_job_name(const struct js_job *job);

/* The file or folder that the job itself names for this step of its start
 * (dir=, stdin=, stdout=, stderr=); NULL: it names none. */
const char *js_job_path(const struct js_job *job, enum js_step step);

/* On how many nodes it needs what it needs: at least 1. */
uint32_t js_request_nodes(const struct js_request *request);

/* True if it needs one core and nothing else. */
bool js_job_is_plain(const struct js_job *job);

/* NULL is allowed. Keeps errno. */
void js_job_free(struct js_job *job);

/* First in, first out. All zero is an empty queue. It owns what is in it. */
struct js_job_queue {
    struct js_job *head;
    struct js_job **tail; /* &last->next, or NULL when empty */
    uint64_t count;
};

void js_job_queue_push(struct js_job_queue *queue, struct js_job *job);
struct js_job *js_job_queue_pop(struct js_job_queue *queue); /* or NULL */
void js_job_queue_release(struct js_job_queue *queue);       /* frees all */

/* Recounts the jobs, and aborts if the count or the tail is wrong. */
void js_job_queue_assert_invariants(const struct js_job_queue *queue);

#endif
