/*
 * master - rank 0: gives out the jobs and collects what became of them.
 *
 * A loop over four things that do not know each other: the source (where jobs
 * come from), the scheduler (which job where), the recorder (what becomes of
 * them and of their output) and the link (the slaves). It holds no lock, forks
 * nothing, prints nothing, and never waits for a slave or a reader.
 */
#ifndef JS_MPI_MASTER_H
#define JS_MPI_MASTER_H

#include "base/lifeline.h"
#include "base/log.h"
#include "list/source.h"
#include "mpi/link.h"
#include "node/signals.h"
#include "record/joblog.h"
#include "record/recorder.h"
#include "sched/scheduler.h"

/* Pointers are borrowed while the master exists. */
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
                           none is started before, unless the recorder
 knows that they have ended */
    const struct js_dead_run *dead; /* runs that are over by then: what their
                                       jobs have left is ended first */
    size_t dead_count;
    struct js_node node; /* the master's own */
    int *claim;          /* a descriptor, closed when what slaves are bound to
                            can be seen; NULL: none */
    struct js_source *source;
    const struct js_joblog_reader *runtimes; /* for the expected run times of
                                                jobs; NULL: none are known */
    struct js_recorder *recorder;
    struct js_log log;
    struct js_lifeline *lifeline; /* news on it wake the master; NULL: none */
    /* What is asked of the run from outside. Called once a turn, before what
     * has ended is recorded. */
    enum js_stop_request (*stop_request)(void *arg, int64_t now_ns);
    void *request_arg;
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

/* Says to all slaves that the run is over, and how to leave. Needs no master:
 * some runs end before there is one. */
void js_master_dismiss(struct js_link *link, enum js_leaving leaving);

/* For --dry-run; they stay the master's. */
struct js_scheduler *js_master_scheduler(struct js_master *master);
struct js_allocator *js_master_allocator(struct js_master *master);

/* The host of a slave, "" if it has not said; lives as long as the master. */
const char *js_master_host(const struct js_master *master, unsigned slave);

#endif
