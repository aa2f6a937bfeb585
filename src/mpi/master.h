/*
 * master - rank 0: gives out the jobs and collects what became of them.
 *
 * A loop over four things that do not know each other: the source (where jobs
 * come from), the scheduler (which job where), the delivery (their output) and
 * the link (the slaves). It holds no lock, forks nothing, prints nothing, and
 * never waits for a slave or a reader.
 */
#ifndef JS_MPI_MASTER_H
#define JS_MPI_MASTER_H

#include "base/log.h"
#include "list/source.h"
#include "mpi/link.h"
#include "node/stop_request.h"
#include "record/delivery.h"
#include "sched/scheduler.h"

struct js_master_hooks {
    /* The job was read; its expected_ns may be set. May be NULL. */
    void (*accepted)(void *arg, struct js_job *job);
    /* A round opens; told job by job. */
    void (*dispatched)(void *arg, const struct js_job *job);
    /* The slave takes part. May be NULL. */
    void (*enlisted)(void *arg, unsigned slave, uint32_t slots,
                     const char *host, const struct js_process_pair *processes);
    /* Another process starts its jobs. May be NULL. */
    void (*restarted)(void *arg, unsigned slave,
                      const struct js_process_pair *processes);
    /* ... and takes no more part: what it had is given to others. May be NULL.
     */
    void (*parted)(void *arg, unsigned slave);
    /* The job was running when its slave, or the process that starts jobs
     * there, was lost; job->losses says how often by now. It runs again, or is
     * told as one that has failed. May be NULL. */
    void (*lost)(void *arg, const struct js_job *job, unsigned slave);
    /* The job has been running for that long, a second or more; told once.
     * May be NULL. */
    void (*begun)(void *arg, const struct js_job *job, unsigned slave,
                  int64_t age_ns);
    /* Whether the jobs of earlier runs are known to have ended, before quiet_ns
     * is over. May be NULL: nobody knows. */
    bool (*is_quiet)(void *arg);
    /* Once a turn, before new jobs are sent: what was told is to be on
     * record. False: it is not there yet, and no new job may be sent. */
    bool (*commit)(void *arg, int64_t now_ns);
    /* What is wanted of the run; asked after each commit. */
    enum js_stop_request (*stop_request)(void *arg);
    /* When commit or turned want to be called though nothing happens. */
    int64_t (*deadline_ns)(void *arg);
    /* At the end of each turn, when new jobs have been sent: a time to look at
     * js_master_standing(). May be NULL. */
    void (*turned)(void *arg, int64_t now_ns);
    /* Bytes of stdout and stderr that still wait for their readers. */
    size_t (*unwritten)(void *arg);
    /* Fills in descriptors to wait for (at most three); returns how many. */
    nfds_t (*wait_for)(void *arg, struct pollfd *fds);
    void *arg;
};

/* All borrowed while the master exists. */
struct js_master_config {
    struct js_scheduler_config
        scheduler;            /* is_ordered, is_stream: by the source */
    uint32_t timeout_percent; /* of the median run time; 0: no such limit */
    bool strict_mem;          /* what a job asks for is also its limit */
    bool fail_fast;           /* when the run stops, what runs is ended */
    bool is_rehearsal;        /* end when all is known and nothing has run */
    int64_t stop_ns;          /* when what still runs is to be ended, by the
                                 link's clock; JS_NEVER_NS: never */
    struct js_wire_setup
        setup; /* for every slave, less its place and allocator */
    bool show_map;
    int64_t meeting_ns; /* how long to wait for slaves to show up, and then for
                           them to get ready */
    int64_t quiet_ns;   /* jobs of an earlier run may still go on for so long:
                           none is started before, unless is_quiet says so */
    const struct js_dead_run *dead; /* runs that are over by then: what their
                                       jobs have left is ended first */
    size_t dead_count;
    struct js_node node; /* the master's own */
    int *claim;          /* a descriptor, closed when what slaves are bound to
                            can be seen; NULL: none */
    struct js_source *source;
    struct js_delivery *delivery;
    struct js_log log;
    struct js_master_hooks hooks;
};

enum js_master_end {
    JS_MASTER_DONE,        /* every job has ended */
    JS_MASTER_BAD_INPUT,   /* the source had an error; all jobs before it ended;
                              or a job needs more than there is: none ran */
    JS_MASTER_STOPPED,     /* too many jobs failed: not all were run */
    JS_MASTER_INTERRUPTED, /* a request, or no time left: not all were run */
    JS_MASTER_REHEARSED, /* the scheduler and the allocator are those of a real
                            run */
    JS_MASTER_BROKEN,    /* the run could not go on */
};

struct js_master_result {
    enum js_master_end end;
    uint64_t left;      /* jobs known and not run */
    bool is_left_known; /* false: a stream was not read to its end */
    bool is_hurried;    /* there was no time to wait for anybody */
    unsigned lost;      /* slaves that have ceased to answer */
    unsigned slaves;    /* that took part */
    uint64_t slots;
    int64_t wall_ns; /* from the first assignment on */
};

/* How a run stands that goes on. */
struct js_master_standing {
    uint64_t running; /* jobs that have a slot */
    uint64_t slots;   /* of the slaves that are there */
    uint64_t busy_slots;
    bool is_stopping; /* no more jobs are started */
    int64_t wall_ns;  /* from the first assignment on; -1: there was none yet */
};

struct js_master;

/* NULL with errno ENOMEM. */
struct js_master *js_master_new(const struct js_master_config *config,
                                struct js_link *link);
void js_master_free(struct js_master *master); /* NULL allowed; keeps errno */

/* One turn without waiting: 1 when the run is over, 0 when not, -1 with *err
 * when it cannot go on. For tests; js_master_run() is a loop around it. */
int js_master_turn(struct js_master *master, struct js_err *err);

/* Runs to the end. *err is set if it is JS_MASTER_BAD_INPUT or _BROKEN. */
void js_master_run(struct js_master *master, struct js_master_result *ret,
                   struct js_err *err);

/* To be told by the delivery of every job that is finished, before its record
 * is made (which is brought to disk before anything new is sent). */
void js_master_finished(struct js_master *master,
                        const struct js_completion *completion);

/* Tells the slaves that it is over, and how to leave. */
void js_master_dismiss(struct js_master *master, enum js_leaving leaving);

void js_master_standing(const struct js_master *master,
                        struct js_master_standing *ret);

/* For a rehearsal; the master's. */
struct js_scheduler *js_master_plan(struct js_master *master);
struct js_allocator *js_master_pool(struct js_master *master);

/* The host of a slave, "" if it has not said; lives as long as the master. */
const char *js_master_host(const struct js_master *master, unsigned slave);

#endif
