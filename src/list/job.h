/*
 * job - something to run, as a value; and a queue of jobs.
 *
 * The reader of the job list creates a job. The scheduler owns the job while it
 * waits or runs, and the recorder owns it from its completion on. A job has
 * exactly one owner at any time, who frees it with js_job_free() or hands it
 * on.
 *
 * Everything that the job's process gets besides the command is sent as a
 * string of bytes, the job's details. A job's identity is computed from what
 * the job does, so it is the same in every run.
 */
#ifndef JS_LIST_JOB_H
#define JS_LIST_JOB_H

#include "base/buf.h"
#include "base/pool.h"
#include "list/attributes.h"
#include "list/outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum js_job_kind {
    JS_JOB_COMMAND = 1,   /* runs a line in /bin/sh */
    JS_JOB_SIMULATED = 2, /* takes duration_ns and does nothing */
};

/* The resources that a job must have while it runs. All fields after `nodes`
 * apply to each of that many different nodes. */
struct js_request {
    uint32_t nodes; /* 0 means 1 */
    uint32_t cores; /* at least 1 */
    uint32_t gpus;
    uint64_t mem_bytes; /* 0: not counted */
};

struct js_job {
    struct js_job *next; /* link of the queue that holds it */
    struct js_job *lane; /* sched/ready_queue.h: for the first job of a lane,
                            the first of the next lane */
    struct js_job *lane_last; /* and the last job of its own lane */
    int64_t lane_place;
    uint64_t id;         /* identifies the job to the user; kept when a run is
                            resumed */
    uint64_t seq;        /* 1, 2, 3 ... in the order of the input */
    uint64_t line;       /* the line of the input where its command begins; 0:
                            none */
    int64_t duration_ns; /* of a simulated job */
    struct js_request request;
    int64_t timeout_ns;  /* 0: the run's default */
    int64_t expected_ns; /* its run time in an earlier run; -1: unknown */
    int64_t path_ns;     /* from its start to the end of the longest path that
                            begins with it (list/paths.h); 0: unknown */
    enum js_job_kind kind;
    uint32_t attempt; /* 1 for the first run */
    uint32_t lost;    /* earlier attempts that, as far as is known, were not its
                         own fault */
    uint32_t losses;  /* how many of these were lost with their slave or runner,
                         in all runs since it last ended */
    uint32_t retries; /* how often it may run again after a failure */
    bool is_retries_set; /* the job sets retries itself; otherwise the run's
                            default applies */
    int32_t priority;    /* higher goes first */
    unsigned avoid;      /* the slave on which it last failed; 0: none */
    bool is_waiting;     /* it had to wait for other jobs when it was read */
    bool is_imported;    /* by the records of another tool it has succeeded;
                            this counts if the job is new */
    const char *command; /* in `text`, after the details; any bytes but NUL,
                            terminated by NUL */
    size_t command_len;  /* bytes */
    size_t details_len;  /* size of the details at the front of
                            `text` */
    char text[];         /* what is sent to the slave */
};

/* Creates a job for its first attempt, with all attributes except after and
 * after-any. If they are NULL, the job needs one core. Its id is its position
 * in the input until it is changed. The command is copied. Returns NULL with
 * errno ENOMEM on failure. */
struct js_job *js_job_new_in(struct js_pool *pool, uint64_t seq,
                             const struct js_attributes *attributes,
                             const char *command, size_t len);
struct js_job *js_job_new_simulated(struct js_pool *pool, uint64_t seq,
                                    int64_t duration_ns);

static inline struct js_job *
js_job_new_with(uint64_t seq, const struct js_attributes *attributes,
                const char *command, size_t len)
{
    return js_job_new_in(NULL, seq, attributes, command, len);
}

static inline struct js_job *js_job_new(uint64_t seq, const char *command,
                                        size_t len)
{
    return js_job_new_with(seq, NULL, command, len);
}

struct js_job *
js_job_copy(const struct js_job *job); /* NULL with errno ENOMEM */

/* The job's name, or "". */
static inline const char *js_job_name(const struct js_job *job)
{
    return job->details_len > 0 && job->text[0] == 'n' ? job->text + 1 : "";
}

/* The file or folder that the job itself names for this step of its start
 * (dir=, stdin=, stdout=, stderr=), or NULL if it names none. */
const char *js_job_path(const struct js_job *job, enum js_step step);

/* The number of nodes requested; at least 1. */
static inline uint32_t js_request_nodes(const struct js_request *request)
{
    return request->nodes > 1 ? request->nodes : 1;
}

/* True if the job needs one core and nothing else. */
static inline bool js_job_is_plain(const struct js_job *job)
{
    const struct js_request *request = &job->request;
    /* Asked several times for each job: there is one branch for the numbers. */
    return ((request->cores ^ 1) | request->gpus | (request->nodes & ~1U)) ==
               0 &&
           request->mem_bytes == 0;
}

/* NULL is allowed. Keeps errno. */
static inline void js_job_free(struct js_job *job)
{
    js_pool_put(job);
}

/* A queue, first in, first out. All zero means empty. It owns the jobs in
 * it. */
struct js_job_queue {
    struct js_job *head;
    struct js_job **tail; /* &last->next, or NULL when empty */
    uint64_t count;
};

void js_job_queue_push(struct js_job_queue *queue, struct js_job *job);
struct js_job *js_job_queue_pop(struct js_job_queue *queue); /* or NULL */
void js_job_queue_release(struct js_job_queue *queue); /* frees all jobs */

/* Recounts the jobs, and aborts if the count or the tail is wrong. */
void js_job_queue_assert_invariants(const struct js_job_queue *queue);

/* ---------------------------------------------------------------- details */

/*
 * The details hold what the process of a job gets besides its command.
 *
 * The attributes of JS_ATTRIBUTES_OF_PROCESS (list/attributes.h) and env are
 * packed into one string, which accompanies the command from the job file to
 * the process that runs it. If a job has none of these attributes, the string
 * is empty. An attribute consists of a byte that identifies it, its value and a
 * NUL. The attributes are in the order of that list, each at most once. Those
 * of env ('e') follow, in their original order. The values of a template, each
 * with its own letter, stand directly behind the name.
 */
struct js_job_spec { /* a string is NULL if the job does not set it */
#define JS_JOB_SPEC_MEMBER(letter, field) const char *field;
    JS_ATTRIBUTES_OF_PROCESS(JS_JOB_SPEC_MEMBER)
#undef JS_JOB_SPEC_MEMBER
    size_t env_count;
    size_t arg_count;  /* values of a template */
    const char *bytes; /* the packed bytes, for the functions below */
    size_t len;
};

/* Appends the packed bytes. Returns 0, or -1 with errno ENOMEM. */
int js_job_spec_pack(struct js_buf *buf,
                     const struct js_attributes *attributes);

/* The strings in *ret point into `bytes`. Returns 0, or -1 with errno
 * EBADMSG. */
int js_job_spec_unpack(const char *bytes, size_t len, struct js_job_spec *ret);

/* Returns the "NAME=VALUE" after `previous`, or the first one if `previous` is
 * NULL. Returns NULL if there are no more. */
const char *js_job_spec_env(const struct js_job_spec *details,
                            const char *previous);

/* Does the same for the values of a template, which are "NAME=VALUE" too. */
const char *js_job_spec_arg(const struct js_job_spec *details,
                            const char *previous);

/* Appends `before` and the values of the template that the job was made with,
 * for people: "n=4 f=a.fq". Control characters are escaped, and long values are
 * cut. Appends nothing if there was no template. Returns 0, or -1 with errno
 * ENOMEM. */
int js_job_describe_args(const struct js_job *job, const char *before,
                         struct js_buf *buf);

/* True if the text is one of these values, "n=4", or all of them as
 * js_job_describe_args() shows them. */
bool js_job_has_args(const struct js_job *job, const char *text);

/* ---------------------------------------------------------------- identity */

/*
 * An identity is used to recognise a job from one run to the next.
 *
 * A job is identified by what it does: its command, dir, env, stdin, stdout and
 * stderr, defaults included, and by those values of a template that none of
 * these uses, since it may read them from its environment. Its name, its line,
 * its limits and the jobs it waits for do not count. The identity is a hash of
 * 128 bits (XXH3, whose result is fixed since xxhash 0.8.0). Among ten million
 * different jobs, the chance that two have the same identity is below 10^-24.
 */
struct js_identity {
    uint64_t high, low;
};

struct js_identity js_identity_of(const struct js_job *job);

static inline bool js_identity_equal(const struct js_identity *a,
                                     const struct js_identity *b)
{
    return a->high == b->high && a->low == b->low;
}

#endif
