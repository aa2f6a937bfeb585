/*
 * job - one thing to run, as a value; and a queue of them.
 *
 * A job is made by the reader of the job list, belongs to the plan while it
 * waits or runs, and to the records from its completion on. Exactly one of
 * them owns it at any time, and frees it with js_job_free() or hands it on.
 */
#ifndef JS_CORE_JOB_H
#define JS_CORE_JOB_H

#include <stddef.h>
#include <stdint.h>

enum js_job_kind {
    JS_JOB_COMMAND = 1,   /* a line for /bin/sh */
    JS_JOB_SIMULATED = 2, /* takes duration_ns and does nothing */
};

struct js_job {
    struct js_job *next; /* for the queue that holds it */
    uint64_t id;         /* 1, 2, 3 ... in the order of the input */
    uint64_t line;       /* where it begins in the input, 0: nowhere */
    int64_t duration_ns; /* of a simulated job */
    enum js_job_kind kind;
    uint32_t attempt;   /* 1 when it runs for the first time */
    size_t command_len; /* bytes, without the NUL behind them */
    char command[];     /* any bytes but NUL */
};

/* A job of attempt 1. The command is copied. NULL with errno ENOMEM. */
struct js_job *js_job_new(uint64_t id, const char *command, size_t len);
struct js_job *js_job_new_simulated(uint64_t id, int64_t duration_ns);

/* NULL is allowed. Keeps errno. */
void js_job_free(struct js_job *job);

/* First in, first out. All zero is an empty queue. It owns what is in it. */
struct js_job_queue {
    struct js_job *head;
    struct js_job **tail; /* &last->next, or NULL when empty */
    uint64_t count;
};

void js_job_queue_push(struct js_job_queue *queue, struct js_job *job);
void js_job_queue_push_front(struct js_job_queue *queue, struct js_job *job);
struct js_job *js_job_queue_pop(struct js_job_queue *queue); /* or NULL */
void js_job_queue_release(struct js_job_queue *queue);       /* frees all */

#endif
