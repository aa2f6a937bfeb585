/*
 * scheduler - decides which job goes to which slave, and when.
 *
 * Owns every job from js_scheduler_add() until js_scheduler_ended() or a
 * JS_SCHEDULER_SKIP hands it back. Borrows the graph (which job waits for
 * which) and the allocator (which job holds what). It knows nothing of
 * messages, processes, files or the clock. A whole run is a sequence of calls,
 * so a test can simulate any run.
 *
 *     HELD --the jobs before it finished as required--> READY
 *     HELD --a job before it failed--> handed back (JS_SCHEDULER_SKIP)
 *     READY --its round opens--> DISPATCHED --there is room--> ASSIGNED
 *     ASSIGNED --ended--> handed back; and a copy DISPATCHED, if it failed and
 *         has retries left
 *     ASSIGNED --returned unstarted, recalled or not--> DISPATCHED
 *     ASSIGNED --its slave is lost--> DISPATCHED, with the next attempt
 *     ASSIGNED --a slave on another of its nodes is lost--> its own slave must
 *         end it (JS_SCHEDULER_END); then DISPATCHED, with the next attempt
 *
 * Order. Jobs with a higher priority come first. With longest_first, the job
 * with the longest path comes next: its own run time plus that of the jobs that
 * must come after it (jobs with an unknown run time precede all others). The
 * rest follow the order of the input.
 *
 * Rounds. A round is the next round_size READY jobs, or fewer if there are no
 * more; with longest_first and no barrier it is one job, so that a job with a
 * longer path can still go first when it becomes READY. It opens when a slave
 * has room that no dispatched job can use. With a barrier, every job dispatched
 * before must have ended as well, retries included.
 *
 * Room. A plain job (one core, nothing else) goes to any slave with a free
 * slot. While jobs are short, a slave whose slots all run plain jobs may be
 * given a few more plain jobs ahead of time, so that it need not wait for the
 * master between two jobs. How many depends on its slots and on the run times
 * seen so far. Jobs given ahead start in the order they were sent: each takes
 * over the slot of the slave's next plain job to end. Messages between a master
 * and a slave are ordered, so both sides derive the same slot for each job
 * without naming it in a message. When a slot is free and no other job can use
 * it, jobs that another slave has ahead are recalled for it, so that no core
 * idles at the end of a run. Any other job gets its allocation at once, never
 * ahead of time.
 *
 * The first dispatched job that does not fit gets the allocator's reservation
 * until it runs, so that it is not starved. Jobs behind it may start if they
 * need nothing that is set aside for it. (Cores are set aside only when the job
 * lacks nothing else.) Dispatched jobs with the same needs wait in one lane
 * (sched/ready_queue.h), and only the first job of each lane is considered. At
 * most JS_SCHEDULER_KINDS kinds of jobs, and JS_SCHEDULER_HELD_MAX jobs, wait
 * for room.
 *
 * Credit. The jobs that a slave holds and has not acknowledged are never more
 * than its credit. The credit starts at JS_SCHEDULER_CREDIT_FIRST and doubles
 * each time the slave has acknowledged that many, up to JS_SCHEDULER_CREDIT. So
 * a slave that has stopped responding keeps only a few jobs to itself.
 *
 * Retries. A job that failed runs again, on another slave if there is one that
 * could run it.
 *
 * Losses. A job that was running when its slave, or the process that starts
 * jobs there, was lost may have caused the loss. From then on it runs alone on
 * a slave: if several jobs were running there, only the one to blame loses a
 * slave again. A job fails when it has been lost JS_SCHEDULER_LOSSES times and
 * ran alone the last time. (A job that is not plain does not wait for an empty
 * slave if no empty slave has room for it. Its loss then proves nothing.)
 */
#ifndef JS_SCHED_SCHEDULER_H
#define JS_SCHED_SCHEDULER_H

#include "list/graph.h"
#include "list/job.h"
#include "list/outcome.h"
#include "sched/allocator.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    JS_SCHEDULER_CREDIT = 64,
    JS_SCHEDULER_CREDIT_FIRST = 10,
    JS_SCHEDULER_AHEAD_MAX = 63, /* the most jobs that a slave may have ahead
                                    of time */
    JS_SCHEDULER_KINDS = 1000,
    JS_SCHEDULER_READY_MAX = 65536, /* more are not needed at once, whatever
                                       the number of slaves */
};

/*
 * The most queued work that a slave may hold beyond what it runs, as estimated
 * from past run times. It is worth many round trips, so a slave can report
 * several completions in one message. If a job turns out to be long, the jobs
 * behind it are recalled.
 */
#define JS_SCHEDULER_AHEAD_NS (200 * INT64_C(1000000))

/* A slave returns the jobs it has ahead of time if it could start none of them
 * for this long. They were expected to wait less, and another slave may have
 * room. */
#define JS_SCHEDULER_GIVE_BACK_NS                                              \
    (JS_SCHEDULER_AHEAD_NS + 10 * INT64_C(1000000))

/* js_scheduler_report_begun() reports jobs that have run for this long.
 */
#define JS_SCHEDULER_BEGUN_NS (1000 * INT64_C(1000000))

struct jobsched_config;

struct js_scheduler_config {
    uint32_t round_size; /* jobs, at least 1 */
    bool barrier;
    bool longest_first;
    bool is_ordered;   /* priorities apply to the whole input: the scheduler
                          must have all jobs at once (as with longest_first) */
    bool is_stream;    /* the input may have no end: the scheduler takes at most
                          JS_SCHEDULER_HELD_MAX jobs besides READY ones */
    uint32_t retries;  /* for jobs that set none themselves */
    uint64_t failures; /* the run stops after this many jobs have failed for
                          good; 0: never */
    uint64_t failed_before; /* how many of these failed before this scheduler
                               existed */
    int64_t timeout_ns;     /* for jobs that set none themselves; 0: none */
};

/* Returns the settings in the configuration of a run for the order of jobs and
 * for failures. is_ordered, is_stream and failed_before depend on the list and
 * on earlier runs: the caller sets them. */
struct js_scheduler_config
js_scheduler_config_of(const struct jobsched_config *config);

enum {
    JS_SCHEDULER_HELD_MAX = 100000,
    JS_SCHEDULER_LOSSES = 3,
    JS_SCHEDULER_CUTS = 3, /* a job whose output is cut has failed after this
                              many attempts that were not its own fault */
    JS_SCHEDULER_HANDED_MAX = 10, /* the most jobs that a slave's runner may
                                     have ahead of time, or the number of
                                     slots if that is larger */
};

struct js_scheduler;

/* Creates a scheduler without jobs and slaves. The graph may be NULL; then no
 * job waits for another. Returns NULL with errno ENOMEM on failure. */
struct js_scheduler *js_scheduler_new(const struct js_scheduler_config *config,
                                      struct js_graph *graph,
                                      struct js_allocator *allocator);

/* Frees the scheduler and every job in it. NULL is allowed. Keeps errno. */
void js_scheduler_free(struct js_scheduler *scheduler);

/* Adds slave `number` (a rank, any number from 1 on), which can run `slots` (at
 * least 1) jobs at once. The allocator must know its resources
 * (js_allocator_equip()). Returns 0, or -1 with errno ENOMEM, or EEXIST if the
 * slave was added before. */
int js_scheduler_add_slave(struct js_scheduler *scheduler, unsigned number,
                           uint32_t slots);

/* Takes ownership of the job, even on failure. A job that is_waiting stays HELD
 * until the graph releases it. Returns 0, or -1 with errno ENOMEM. */
int js_scheduler_add(struct js_scheduler *scheduler, struct js_job *job);

/* True while the run has not been stopped and the scheduler needs more jobs:
 * fewer are READY than the slaves could take at once (or
 * JS_SCHEDULER_READY_MAX), or the order needs all of them. */
bool js_scheduler_wants_jobs(const struct js_scheduler *scheduler);

/* True if it wants jobs, and they could change its next decision: a round has
 * fewer jobs than allowed, or the order depends on all jobs. */
bool js_scheduler_needs_jobs(const struct js_scheduler *scheduler);

#define JS_SCHEDULER_SLOT_NEXT UINT32_MAX

enum js_scheduler_step {
    JS_SCHEDULER_NOTHING,  /* nothing to do until the scheduler's next input */
    JS_SCHEDULER_DISPATCH, /* a round opens, and *ret.job is one of its jobs.
                              All jobs of a round are reported one by one before
                              any of them is assigned */
    JS_SCHEDULER_ASSIGN,   /* send ret.job to ret.slave under ret.ticket */
    JS_SCHEDULER_RECALL, /* ask ret.slave to return up to ret.count jobs that it
                            has not begun, and call js_scheduler_recalled() when
                            it has answered */
    JS_SCHEDULER_END,    /* ask ret.slave to end the job that it has under
                            ret.ticket */
    JS_SCHEDULER_SKIP,   /* ret.skipped will never run because ret.parent failed
                            or was skipped; the caller owns it */
    JS_SCHEDULER_FAIL,   /* ret.skipped has failed: it was lost too often, the
                            last time with ret.slave; the caller owns it */
    JS_SCHEDULER_NO_MEMORY,
};

struct js_scheduler_decision {
    enum js_scheduler_step step;
    const struct js_job *job; /* borrowed; valid until it is handed back */
    unsigned slave;
    uint64_t ticket; /* names this assignment; never used twice */
    uint32_t slot;   /* a slot of the slave; JS_SCHEDULER_SLOT_NEXT: the slot of
                        its next plain job to end */
    const struct js_allocation *allocation; /* NULL: not known yet (SLOT_NEXT);
                                               borrowed until the next call */
    struct js_job *skipped;
    uint64_t parent; /* the failed or skipped job's number in the graph */
    uint32_t count;
};

/* Returns the next step. Call it until it returns JS_SCHEDULER_NOTHING.
 */
struct js_scheduler_decision js_scheduler_next(struct js_scheduler *scheduler);

/* Records that the slave acknowledged `count` more of the jobs sent to it.
 */
void js_scheduler_acknowledged(struct js_scheduler *scheduler, unsigned number,
                               uint32_t count);

enum js_scheduler_follow_up {
    JS_SCHEDULER_STALE,   /* the slave does not hold this ticket: the job was
                             given to another slave */
    JS_SCHEDULER_ENDED,   /* the job has ended for good */
    JS_SCHEDULER_RETRIED, /* the job failed and will run again */
    JS_SCHEDULER_LOST,    /* the job was lost with the process that starts jobs,
                             and will run again */
};

/*
 * Records that the job under this ticket has ended. Unless the result is STALE,
 * the caller owns *ret_job from here on. If it is RETRIED or LOST, *ret_job is
 * a copy of the job that will run again; if there is no memory for the copy,
 * the job has ENDED.
 *
 * These do not count as failures:
 * - A job that was stopped (JS_STOP_REASON_STOPPED). While the run goes on, the
 *   job runs again, even without retries; otherwise the jobs that depend on it
 *   stay HELD.
 * - A job that failed when a slave on another of its nodes was lost.
 * - A job whose output is cut (list/outcome.h), as long as it has been lost
 *   fewer than JS_SCHEDULER_CUTS times.
 */
enum js_scheduler_follow_up js_scheduler_ended(struct js_scheduler *scheduler,
                                               unsigned number, uint64_t ticket,
                                               const struct js_outcome *outcome,
                                               struct js_job **ret_job);

/*
 * Call it when a job that has ENDED and was not stopped is on record as one
 * that succeeded or failed. Only then are the jobs after it released. Otherwise
 * one of those could be recorded before this job; if this job were then never
 * recorded, it would run a second time, after them.
 */
void js_scheduler_finished(struct js_scheduler *scheduler,
                           const struct js_job *job, bool is_success);

/* Starts no more jobs and no retries. Running jobs continue. */
void js_scheduler_stop(struct js_scheduler *scheduler);

/* True after js_scheduler_stop(), or when too many jobs have failed. */
bool js_scheduler_is_stopped(const struct js_scheduler *scheduler);

/*
 * Sets the time that is left for jobs. It may only shrink. A job is no longer
 * started if its timeout or its known run time is longer than that. If neither
 * is known, the average run time so far is used.
 */
void js_scheduler_set_time_left(struct js_scheduler *scheduler,
                                int64_t left_ns);

/* True if nothing runs, and every job that is left either does not fit into the
 * remaining time or comes after such a job. */
bool js_scheduler_is_out_of_time(const struct js_scheduler *scheduler);

/* True if nothing is assigned and nothing can be: the jobs that are left need
 * more than any remaining slave has. Only more jobs or another slave would
 * change that. *ret_job is one of these jobs, borrowed. */
bool js_scheduler_is_stuck(const struct js_scheduler *scheduler,
                           const struct js_job **ret_job);

/* Returns the median run time of the jobs that have succeeded so far, to within
 * one percent, or -1 while fewer than three have. */
int64_t js_scheduler_median_ns(const struct js_scheduler *scheduler);

/* Records that the slave has returned the job unstarted. The job goes to the
 * next slave with room. A stale ticket is ignored. */
void js_scheduler_returned(struct js_scheduler *scheduler, unsigned number,
                           uint64_t ticket);

/* Records that the slave has returned as many as it could of the jobs recalled
 * from it. */
void js_scheduler_recalled(struct js_scheduler *scheduler, unsigned number);

/* Records that the slave is lost. Its jobs run again elsewhere, as their next
 * attempt. Jobs of other slaves that hold something on the lost slave also run
 * again, once they have ended. An unknown slave is ignored. */
void js_scheduler_lost(struct js_scheduler *scheduler, unsigned number);

/* Works like js_scheduler_lost(), for a slave that was lost although its host
 * is up and it was not asked to leave. Calls `blamed` for each job that may
 * have been running there; the job's losses include this one. */
typedef void (*js_scheduler_blamed_fn)(void *arg, const struct js_job *job,
                                       unsigned slave);
void js_scheduler_died(struct js_scheduler *scheduler, unsigned number,
                       js_scheduler_blamed_fn blamed, void *arg);

/* Sets the time of all inputs and decisions from now on. The caller may use any
 * clock that never goes back. */
void js_scheduler_set_now(struct js_scheduler *scheduler, int64_t now_ns);

/*
 * Calls `report` for each job that has had a slot for JS_SCHEDULER_BEGUN_NS or
 * more, once for each time it was assigned. Checks for such jobs at most once
 * in that time. begun_ns is when the job got its slot, as far as the scheduler
 * knows.
 */
typedef void (*js_scheduler_begun_fn)(void *arg, const struct js_job *job,
                                      unsigned slave, int64_t begun_ns);
void js_scheduler_report_begun(struct js_scheduler *scheduler,
                               js_scheduler_begun_fn report, void *arg);

/* Returns when js_scheduler_report_begun() next has something to check, or
 * INT64_MAX if not before the next input. */
int64_t js_scheduler_begun_due_ns(const struct js_scheduler *scheduler);

struct js_scheduler_counts {
    uint64_t held;       /* jobs in the scheduler: held, ready, dispatched or
                            assigned */
    uint64_t assigned;   /* jobs in the scheduler that are assigned */
    uint64_t running;    /* assigned jobs that were not given ahead of time */
    unsigned slaves;     /* slaves that were added and are not lost */
    uint64_t slots;      /* slots of these slaves */
    bool is_end_awaited; /* a job waits for others, so the end of a job may
                            change which job is next */
    /* For tests: how many of the following all calls so far have examined. */
    uint64_t steps;  /* dispatched jobs, in the search for one that has room */
    uint64_t places; /* slaves, after something has changed for them */
    uint64_t looks;  /* nodes, in the search for room */
};

struct js_scheduler_counts
js_scheduler_counts(const struct js_scheduler *scheduler);

/* Returns how long every slave can work without hearing from the master if all
 * its jobs are as short as js_scheduler_short_ns() says, or 0 if a slave has no
 * jobs ahead. */
int64_t js_scheduler_lead_ns(struct js_scheduler *scheduler);

/* Returns how short a job may be, judging by recent run times. The value falls
 * quickly and rises slowly. It is 0 before the first job has ended. */
int64_t js_scheduler_short_ns(const struct js_scheduler *scheduler);

/* Recounts everything that is counted as jobs and slaves come and go, and
 * aborts if a count or a list is wrong. Returns how many jobs and slaves it
 * examined. For tests. In a debug build (make DEBUG=1), js_scheduler_next()
 * calls it too, but no more often than is cheap compared with the rest. */
uint64_t js_scheduler_assert_invariants(const struct js_scheduler *scheduler);

#endif
