/*
 * master - rank 0: hands out the jobs and collects their results.
 *
 * It is a loop over four parts that do not know each other: the source (where
 * jobs come from), the scheduler (which job runs where), the recorder (which
 * puts results and output on record) and the link (to the slaves). The master
 * holds no lock, forks nothing, prints nothing, and never waits for a slave or
 * a reader.
 */
#ifndef JS_MPI_MASTER_H
#define JS_MPI_MASTER_H

#include "base/err.h"
#include "base/lifeline.h"
#include "list/paths.h"
#include "list/source.h"
#include "mpi/link.h"
#include "node/signals.h"
#include "record/recorder.h"
#include "sched/scheduler.h"

/* Pointers are borrowed while the master exists. */
struct js_master_config {
    struct js_scheduler_config scheduler; /* the source sets is_ordered and
                                             is_stream */
    uint32_t timeout_percent; /* percentage of the median run time; 0: no
                                 such limit */
    bool strict_mem;          /* the memory that a job requests is also its
                                 limit */
    bool fail_fast;           /* when the run stops, the running jobs are
                                 ended */
    bool is_dry_run; /* end the run once everything is known, before any job
                        runs */
    int64_t stop_ns; /* when to end the jobs that are still running, by the
                        link's clock; JS_NEVER_NS: never */
    struct js_wire_setup setup; /* for every slave, except the slave's place on
                                   its node and its share of the node */
    bool show_map;
    int64_t meeting_ns; /* how long to wait for slaves to report, and then
                           for them to get ready */
    int64_t quiet_ns; /* jobs of an earlier run may keep running for this long.
                         No job is started until then, unless the recorder knows
                         that they have ended */
    const struct js_dead_run *dead; /* runs that are over by then; the
                                       processes that their jobs left behind
                                       are ended first */
    size_t dead_count;
    struct js_node node; /* the master's own processes */
    int *claim;          /* a descriptor, closed when other runs can see
                            which CPUs the slaves are bound to; NULL: none */
    struct js_source *source;
    /* how long jobs are expected to run; NULL: unknown */
    const struct js_paths *paths;
    struct js_recorder *recorder;
    struct js_log log;
    struct js_lifeline *lifeline; /* its messages wake the master; NULL: none */
    /* Returns what the user or the launcher asks of the run. It is called once
     * a turn, before the jobs that have ended are recorded. */
    enum js_stop_request (*stop_request)(void *arg, int64_t now_ns);
    void *request_arg;
};

enum js_master_end {
    JS_MASTER_DONE,        /* every job has ended */
    JS_MASTER_BAD_INPUT,   /* the source had an error, and all jobs before the
                              error have ended; or a job requests more than
                              exists, and no job has run */
    JS_MASTER_STOPPED,     /* too many jobs failed; not all were run */
    JS_MASTER_INTERRUPTED, /* there was a stop request, or no time was left;
                              not all were run */
    JS_MASTER_DRY_RUN,     /* nothing has run; scheduler and allocator are in
                                the state in which a real run would begin */
    JS_MASTER_BROKEN,      /* the run could not continue */
};

struct js_master_result {
    enum js_master_end end;
    uint64_t left;      /* jobs known and not run */
    bool is_left_known; /* false: a stream was not read to its end */
    bool is_hurried;    /* there was no time to wait for any slave */
    unsigned lost;      /* slaves that have stopped answering */
    unsigned slaves;    /* slaves that took part */
    uint64_t slots;
    int64_t wall_ns; /* from the first assignment on */
};

struct js_master;

/* Returns NULL with errno ENOMEM if there is no memory. */
struct js_master *js_master_new(const struct js_master_config *config,
                                struct js_link *link);
void js_master_free(struct js_master *master); /* NULL allowed; keeps errno */

/* Makes one turn without waiting. Returns 1 if the run is over, 0 if not, or -1
 * with *err if it cannot continue. For tests; js_master_run() is a loop around
 * it. */
int js_master_turn(struct js_master *master, struct js_err *err);

/* Runs to the end. Sets *err if the result is JS_MASTER_BAD_INPUT or
 * JS_MASTER_BROKEN. */
void js_master_run(struct js_master *master, struct js_master_result *ret,
                   struct js_err *err);

/* Sends all slaves the message that the run is over, which also says how to
 * leave. Needs no master, because some runs end before they have one. */
void js_master_dismiss(struct js_link *link, enum js_leaving leaving);

/* For --dry-run. The master still owns what these return. */
struct js_scheduler *js_master_scheduler(struct js_master *master);
struct js_allocator *js_master_allocator(struct js_master *master);

/* Returns the host of a slave, or "" if the slave has not reported it. The
 * string is valid as long as the master exists. */
const char *js_master_host(const struct js_master *master, unsigned slave);

#endif
