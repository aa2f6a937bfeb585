/*
 * scheduler - which job goes to which slave, and when.
 *
 * Owns: every job from js_scheduler_add() until it is handed back by
 * js_scheduler_ended() or a JS_SCHEDULER_SKIP. Borrows the graph (who waits for
 * whom) and the allocator (who holds what). Knows nothing of messages,
 * processes, files or the clock. A whole run is a sequence of calls, so a test
 * can be one too.
 *
 *     HELD --what it comes after is finished as it must--> READY
 *     HELD --what it comes after failed--> handed back (JS_SCHEDULER_SKIP)
 *     READY --its round opens--> DISPATCHED --there is room--> ASSIGNED
 *     ASSIGNED --ended--> handed back; and a copy DISPATCHED, if it failed and
 *         has retries left
 *     ASSIGNED --returned unstarted, recalled or not--> DISPATCHED
 *     ASSIGNED --its slave is lost--> DISPATCHED, with the next attempt
 *     ASSIGNED --a slave on another of its nodes is lost--> its own slave is to
 *         end it (JS_SCHEDULER_END); then DISPATCHED, with the next attempt
 *
 * Order: higher priority first; then, with longest_first, the longest known
 * run time first (unknown ones before all known); then input order.
 *
 * A round is the next round_size READY jobs (fewer when there are no more). It
 * opens when some slave has room and no dispatched job can use it; with a
 * barrier, only when every job dispatched before has ended, retries included.
 *
 * Room. A plain job (one core, nothing else) goes to any slave with a free
 * slot. While jobs are short a slave whose slots all run plain jobs may be
 * given a few plain ones ahead of time, so that it need not wait for the master
 * between two of them; how many follows from the run times seen so far. A job
 * given ahead takes over the slot of that slave's plain job that ends next,
 * first given, first served: master and slave conclude the same from the order
 * of messages. When a slot is free and there is nothing else for it, jobs that
 * another slave has ahead are recalled for it: so no core waits at the end.
 * Any other job gets its allocation at once, never ahead of time.
 * The first dispatched job that does not fit gets the allocator's reservation
 * until it runs, so that it is not starved; those behind it fill in where they
 * need nothing of what is set aside for it (cores are only once it lacks
 * nothing else). Dispatched jobs of one kind of need wait in one lane
 * (sched/lanes.h), of which only the first is looked at; at most
 * JS_SCHEDULER_KINDS kinds, and JS_SCHEDULER_HELD_MAX jobs, wait for room.
 *
 * Never are there more than JS_SCHEDULER_CREDIT_FIRST jobs given to a slave
 * that it has not yet acknowledged, and twice as many each time that it has
 * acknowledged as many, up to JS_SCHEDULER_CREDIT: one that is stopped keeps
 * few to itself.
 *
 * A job that failed runs again on another slave, as long as there is another
 * that could run it.
 *
 * A job that was running when its slave, or the process that starts jobs there,
 * was lost may have caused it. So from then on it runs alone on a slave: where
 * several ran there, only the one that is to blame loses a slave again. (One
 * that is not plain, and for which no empty slave has room, does not wait for
 * one: then its loss proves nothing.) With the JS_SCHEDULER_LOSSES-th loss, if
 * it ran alone, it has failed.
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
    JS_SCHEDULER_AHEAD_MAX = 63, /* jobs that a slave may have ahead of time */
    JS_SCHEDULER_KINDS = 1000,
};

/*
 * How much work, by the run times seen so far, a slave may have at hand beyond
 * what it runs. It covers many times what it takes until the master has heard
 * of an end and answered, so that it need not be told of each; what is in the
 * wrong place when a job turns out long is recalled.
 */
#define JS_SCHEDULER_AHEAD_NS (200 * INT64_C(1000000))

/* Jobs given ahead of time come back when none of them could be started for
 * longer than they were thought to have to wait: somebody else may have room.
 */
#define JS_SCHEDULER_GIVE_BACK_NS                                              \
    (JS_SCHEDULER_AHEAD_NS + 10 * INT64_C(1000000))

/* A job that has run for so long is told of by js_scheduler_tell_begun(). */
#define JS_SCHEDULER_BEGUN_NS (1000 * INT64_C(1000000))

struct js_scheduler_config {
    uint32_t round_size; /* jobs, at least 1 */
    bool barrier;
    bool longest_first;
    bool is_ordered; /* priorities or run times count over the whole input:
                        all jobs are wanted at once */
    bool
        is_stream;     /* the input may have no end: no more than
                          JS_SCHEDULER_HELD_MAX jobs are wanted beyond READY ones */
    uint32_t retries;  /* of jobs that do not say themselves */
    uint64_t failures; /* so many failed jobs (for good) stop the run; 0: none
                          do */
    uint64_t failed_before; /* ... of which so many did before this scheduler */
    int64_t timeout_ns;     /* of jobs that do not say themselves; 0: none */
};

enum {
    JS_SCHEDULER_HELD_MAX = 100000,
    JS_SCHEDULER_LOSSES = 3,
    JS_SCHEDULER_CUTS = 3, /* attempts that are no fault of its own: with so
                         many, a job whose output is cut has failed */
    JS_SCHEDULER_HANDED_MAX =
        10, /* jobs that a slave's runner may have ahead of
          time; or as many as slots, if these are more */
};

struct js_scheduler;

/* A scheduler without jobs and slaves. The graph may be NULL: then no job
 * waits. NULL with errno ENOMEM. */
struct js_scheduler *js_scheduler_new(const struct js_scheduler_config *config,
                                      struct js_graph *graph,
                                      struct js_allocator *allocator);

/* Frees the scheduler and every job in it. NULL is allowed. Keeps errno. */
void js_scheduler_free(struct js_scheduler *scheduler);

/* Slave `number` (a rank, any number from 1 on) can run `slots` (at least 1)
 * jobs at once; it is equipped in the allocator. Returns 0, or -1 with errno
 * ENOMEM, or EEXIST for one that was added before. */
int js_scheduler_add_slave(struct js_scheduler *scheduler, unsigned number,
                           uint32_t slots);

/* Takes the job, also on failure. One that is_waiting is HELD until the graph
 * tells. Returns 0, or -1 with errno ENOMEM. */
int js_scheduler_add(struct js_scheduler *scheduler, struct js_job *job);

/* True while fewer jobs are READY than the slaves could take at once (or the
 * order wants all of them), and the run has not been stopped. */
bool js_scheduler_wants_jobs(const struct js_scheduler *scheduler);

#define JS_SCHEDULER_SLOT_NEXT UINT32_MAX

enum js_scheduler_step {
    JS_SCHEDULER_NOTHING,  /* until something else is told to the scheduler */
    JS_SCHEDULER_DISPATCH, /* a round opens: *ret.job is one of it (told one by
                         one, all of a round before any of it is assigned) */
    JS_SCHEDULER_ASSIGN,   /* send ret.job to ret.slave under ret.ticket */
    JS_SCHEDULER_RECALL, /* ret.slave is to return up to ret.count jobs that it
                       has not begun, and then to be told by
                       js_scheduler_recalled() */
    JS_SCHEDULER_END,    /* ret.slave is to end what it has under ret.ticket */
    JS_SCHEDULER_SKIP, /* ret.skipped will never run, because ret.parent failed
                     or was skipped; the caller owns it */
    JS_SCHEDULER_FAIL, /* ret.skipped has failed: it was lost too often, with
                     ret.slave last; the caller owns it */
    JS_SCHEDULER_NO_MEMORY,
};

struct js_scheduler_decision {
    enum js_scheduler_step step;
    const struct js_job *job; /* borrowed, valid until it is handed back */
    unsigned slave;
    uint64_t ticket; /* names this assignment: never used twice */
    uint32_t slot;   /* of the slave; JS_SCHEDULER_SLOT_NEXT: that of its plain
                        job   that ends next */
    const struct js_allocation *allocation; /* NULL: not known yet (SLOT_NEXT);
                                     borrowed until the next call */
    struct js_job *skipped;
    uint64_t parent; /* as the graph calls it */
    uint32_t count;
};

/* The next thing to do. Call it until it says JS_SCHEDULER_NOTHING. */
struct js_scheduler_decision js_scheduler_next(struct js_scheduler *scheduler);

/* The slave has taken in `count` more of the jobs sent to it. */
void js_scheduler_acknowledged(struct js_scheduler *scheduler, unsigned number,
                               uint32_t count);

enum js_scheduler_verdict {
    JS_SCHEDULER_STALE,   /* the slave does not hold this ticket: its job was
                        given   to another */
    JS_SCHEDULER_ENDED,   /* for good */
    JS_SCHEDULER_RETRIED, /* it failed, and will run again */
    JS_SCHEDULER_LOST, /* with the process that starts jobs there: the same */
};

/*
 * The job under this ticket has ended. Unless STALE the caller owns *ret_job
 * from here on (of a RETRIED or LOST one it is a copy of what will run again;
 * without memory for that it has ENDED). A job that was stopped
 * (JS_STOP_REASON_STOPPED) is no failure: while the run goes on it runs again,
 * whatever its retries; else what comes after it stays HELD. Nor is one that
 * failed when a slave on another of its nodes was lost, nor, a few times, one
 * whose output is cut (list/outcome.h).
 */
enum js_scheduler_verdict js_scheduler_ended(struct js_scheduler *scheduler,
                                             unsigned number, uint64_t ticket,
                                             const struct js_outcome *outcome,
                                             struct js_job **ret_job);

/*
 * A job that has ENDED, and was not stopped, is on record now, as one that
 * succeeded or not: only now do others come after it. Else one of them could be
 * recorded before it, and run a second time when it is not recorded at all.
 */
void js_scheduler_finished(struct js_scheduler *scheduler,
                           const struct js_job *job, bool is_success);

/* Starts no more; what runs goes on. Retries are not run. */
void js_scheduler_stop(struct js_scheduler *scheduler);

/* True after js_scheduler_stop(), or when too many jobs have failed. */
bool js_scheduler_is_stopped(const struct js_scheduler *scheduler);

/*
 * So much time is left for jobs: one whose timeout, known run time, or else the
 * average run time so far, is longer is not started any more. Only ever less.
 */
void js_scheduler_set_time_left(struct js_scheduler *scheduler,
                                int64_t left_ns);

/* True if nothing runs, and all that is left was put aside for lack of time, or
 * comes after such a job. */
bool js_scheduler_is_out_of_time(const struct js_scheduler *scheduler);

/* True if nothing is assigned, nothing can be, and nothing that may still come
 * (but more jobs, or another slave) will change that: the jobs left need more
 * than any slave that is left has. *ret_job is one of them, borrowed. */
bool js_scheduler_is_stuck(const struct js_scheduler *scheduler,
                           const struct js_job **ret_job);

/* The median run time of the jobs that succeeded so far, within a percent; -1
 * while fewer than three have. */
int64_t js_scheduler_median_ns(const struct js_scheduler *scheduler);

/* The slave gives the job back unstarted: it goes to the next with room. A
 * stale ticket is ignored. */
void js_scheduler_returned(struct js_scheduler *scheduler, unsigned number,
                           uint64_t ticket);

/* The slave has returned what it could of what was recalled. */
void js_scheduler_recalled(struct js_scheduler *scheduler, unsigned number);

/* The slave is gone: its jobs run again elsewhere, as their next attempt; those
 * of other slaves that hold something of it do so once they have ended. An
 * unknown slave is ignored. */
void js_scheduler_lost(struct js_scheduler *scheduler, unsigned number);

/* The same, while its host is there and nobody has told it to go: each job that
 * may have been running there is told, its losses counted. */
typedef void (*js_scheduler_blamed_fn)(void *arg, const struct js_job *job,
                                       unsigned slave);
void js_scheduler_died(struct js_scheduler *scheduler, unsigned number,
                       js_scheduler_blamed_fn blamed, void *arg);

/* What time it is, by any clock that does not go back: of all that is told to
 * the scheduler, and decided by it, from here on. */
void js_scheduler_set_now(struct js_scheduler *scheduler, int64_t now_ns);

/*
 * What runs for a while: tells of each job that has had a slot for
 * JS_SCHEDULER_BEGUN_NS or more, once for each time that it was assigned, and
 * looks at most that often. begun_ns is when it was given the slot, as far as
 * the scheduler knew.
 */
typedef void (*js_scheduler_begun_fn)(void *arg, const struct js_job *job,
                                      unsigned slave, int64_t begun_ns);
void js_scheduler_tell_begun(struct js_scheduler *scheduler,
                             js_scheduler_begun_fn tell, void *arg);

/* When that has something to look at; INT64_MAX: not by itself. */
int64_t js_scheduler_begun_due_ns(const struct js_scheduler *scheduler);

/* Jobs in the scheduler: held, ready, dispatched and assigned; the last alone;
 * and of these those that are not given ahead of time. */
uint64_t js_scheduler_held(const struct js_scheduler *scheduler);
uint64_t js_scheduler_assigned(const struct js_scheduler *scheduler);
uint64_t js_scheduler_running(const struct js_scheduler *scheduler);

/* How long every slave still has work without hearing from the master, if all
 * of it is as short as the next says; 0 if one of them has none ahead. */
int64_t js_scheduler_lead_ns(const struct js_scheduler *scheduler);

/* How short a job may be, by the run times lately: quick to become less, slow
 * to become more. 0 before the first has ended. */
int64_t js_scheduler_short_ns(const struct js_scheduler *scheduler);

/* How many dispatched jobs all calls so far have looked at to find one for
 * which there is room. For tests. */
uint64_t js_scheduler_steps(const struct js_scheduler *scheduler);

/* Recounts all that is counted as jobs and slaves come and go, and aborts if a
 * count or a list is wrong. For tests; in a debug build (make DEBUG=1)
 * js_scheduler_next() does it as well, as often as it costs little beside the
 * rest. */
void js_scheduler_assert_invariants(const struct js_scheduler *scheduler);

/* Slaves added and not lost; and the slots of these together. */
unsigned js_scheduler_slaves(const struct js_scheduler *scheduler);
uint64_t js_scheduler_slots(const struct js_scheduler *scheduler);

#endif
