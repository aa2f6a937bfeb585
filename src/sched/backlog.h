/*
 * backlog - the slaves of a run, and the jobs that each of them has been given.
 *
 * Owns every job from js_backlog_give() until js_backlog_take() hands it back.
 * Borrows the allocator. It knows which slaves have room, how many jobs each
 * may have ahead of time and unacknowledged, which slaves' jobs have been
 * recalled, and how long jobs have run so far. It does not choose the next job:
 * that is the task of the scheduler (sched/scheduler.h, which also explains the
 * terms).
 *
 * The scheduler reads the fields of these structs. Only this module writes
 * them, except where a comment says otherwise.
 */
#ifndef JS_SCHED_BACKLOG_H
#define JS_SCHED_BACKLOG_H

#include "base/bits.h"
#include "base/tournament.h"
#include "list/job.h"
#include "list/outcome.h"
#include "sched/allocator.h"
#include "sched/log_histogram.h"
#include "sched/scheduler.h"

#include <stdbool.h>
#include <stdint.h>

/* ------------------------------------------------- jobs and slaves */

enum js_node_loss {
    JS_NODE_LOSS_NONE = 0,
    JS_NODE_LOSS_NEW,   /* a slave on another of the job's nodes is lost */
    JS_NODE_LOSS_ENDING /* and the job's own slave has been asked to end it */
};

/* A job that has its allocation. There is one for each slot, so it is small: a
 * plain job holds a slot and its core. */
struct js_assignment {
    uint64_t ticket;
    struct js_job *job; /* owned */
    union {
        struct js_allocation *wide; /* owned; if is_wide */
        struct {
            uint32_t slot, core;
        } plain;
    } held;
    unsigned slave;    /* its number */
    uint8_t node_loss; /* enum js_node_loss */
    bool is_wide;      /* the job is not plain */
    bool is_reported;  /* js_scheduler_report_begun() has reported the job */
    bool is_alone;     /* its slave was empty and gets no other job */
    int64_t begun_ns;  /* when it got its allocation */
    struct js_assignment *earlier, *later; /* while it has not been reported */
};

/* What the allocator has given to the job. */
static inline struct js_allocation
js_assignment_held(const struct js_assignment *own)
{
    return own->is_wide ? *own->held.wide
                        : (struct js_allocation){.rank = own->slave,
                                                 .slot = own->held.plain.slot,
                                                 .core_count = 1,
                                                 .core = own->held.plain.core};
}

/* What js_backlog_take() has taken from a slave. */
struct js_backlog_taken {
    struct js_job *job;
    struct js_allocation allocation; /* rank 0: the job had been given ahead */
    enum js_node_loss node_loss;
    bool is_alone;
};

/* A job given ahead of time. */
struct js_backlog_ahead {
    uint64_t ticket;
    struct js_job *job; /* owned */
};

/*
 * One slave. Invariants:
 * - The first `slotted` elements of `order` name its assignments, sorted by
 *   ticket; the others name the elements of `assignments` that are not in use.
 *   An assignment does not move.
 * - The first ahead_count elements of `ahead` are in use, sorted by ticket.
 * - constrained counts the jobs that are js_job_is_constrained(), new_losses
 *   the assignments that are JS_NODE_LOSS_NEW.
 * - unacknowledged <= credit, and acknowledged < credit.
 * - If is_alone, the slave has exactly one job, whose assignment is_alone as
 *   well.
 * - A slave that is lost has no jobs, and is neither recalled nor cleared.
 * - The slave is in the list of its level, or in no list if its level is -1.
 *   Unless it is_unplaced, level and lead are up to date.
 */
struct js_backlog_slave {
    unsigned number;
    uint32_t slots;
    uint32_t unacknowledged; /* jobs sent to it and not acknowledged yet */
    uint32_t credit;         /* the limit of unacknowledged */
    uint32_t acknowledged;   /* jobs, since the credit last changed */
    bool is_lost;
    bool is_stuck;    /* it returned jobs, and gets none ahead until one of its
                         jobs ends */
    bool is_recalled; /* it was asked to return jobs and has not answered yet */
    bool is_alone;    /* its one job must run alone */
    bool is_cleared;  /* it gets no more jobs until it is empty, because a job
                         must run alone there */
    bool has_losses;  /* it is in the list of slaves with losses */
    bool is_unplaced; /* it is in the list of slaves to be settled */
    bool is_unranked; /* it is in the list of slaves to be ranked */
    bool is_admitted; /* the allocator knows the slave as open, or as empty */
    bool is_admitted_empty;
    uint32_t constrained;
    uint32_t slotted;
    uint32_t ahead_count;
    uint32_t new_losses;
    struct js_assignment *assignments; /* for each slot */
    struct js_backlog_ahead *ahead;    /* JS_SCHEDULER_AHEAD_MAX */
    uint16_t *order;                   /* an index for each slot */
    int level; /* 0: it has a free slot; else how much work it would have ahead
                  of time with one more job; -1: it has no room or no credit */
    int lead;  /* how much work it has ahead; -1: it is lost */
    uint32_t settled; /* js_backlog.settled of its last update */
    struct js_backlog_slave *next, *prev;
    struct js_backlog_slave *next_with_losses, *next_unplaced, *next_unranked;
};

/*
 * Work ahead of time is measured in run times: a slave with as many jobs ahead
 * as it has slots has work for one. Steps up to JS_BACKLOG_PARTS are parts of a
 * run time, those above are whole ones.
 */
enum {
    JS_BACKLOG_PARTS = 64,
    JS_BACKLOG_LEVELS = JS_BACKLOG_PARTS + JS_SCHEDULER_AHEAD_MAX
};

/*
 * All slaves. Invariants:
 * - Four fields count jobs of all slaves: assigned counts all of them, ahead
 *   those without an allocation, node_lost those whose node_loss is
 *   JS_NODE_LOSS_NEW, and unreported those that have an allocation and are not
 *   is_reported.
 * - live_slaves and live_slots count the slaves that are not lost.
 * - recalls counts the slaves that are recalled; cleared is the one that
 *   is_cleared.
 * - The list of a level holds exactly the slaves of that level; `filled` is the
 *   set of levels that have a slave, and idle counts the slaves of level 0.
 *   leads counts the slaves by their lead; with_lead is the set of leads that
 *   have a slave.
 * - In `recallable` the winner is the slave with the most jobs ahead among
 *   those that are not recalled; in `empties` it is the first slave that has a
 *   free slot and on which a job would be alone. Slaves that are is_unranked
 *   may have other keys there; they are ranked before anybody asks.
 * - The unreported assignments are a list, in the order in which they began.
 * - Tickets are below next_ticket.
 * - The allocations in use are exactly those that the assignments hold. The
 *   allocator knows which slaves are open and which are empty, except for those
 *   that are is_unplaced.
 */
struct js_backlog {
    struct js_allocator *allocator;
    struct js_backlog_slave *
        *slaves;        /* indexed by number; NULL where there is none */
    unsigned slave_end; /* above the highest number */
    unsigned live_slaves;
    uint64_t live_slots;
    uint64_t assigned;
    uint64_t ahead;
    uint64_t node_lost;
    uint64_t unreported;
    uint64_t next_ticket;
    struct {
        struct js_backlog_slave *first, *last;
    } levels[JS_BACKLOG_LEVELS];
    uint64_t filled[2]; /* bits */
    unsigned leads[JS_BACKLOG_LEVELS];
    uint64_t with_lead[2]; /* bits */
    struct js_tournament recallable, empties;
    struct js_backlog_slave *with_losses;
    struct js_backlog_slave *first_unplaced, *last_unplaced;
    struct js_backlog_slave *first_unranked;
    struct js_assignment *first_begun, *last_begun;
    struct js_allocation given; /* to the last plain job */
    uint32_t settled;           /* how often the slaves were settled */
    unsigned idle;
    unsigned recalls;
    struct js_backlog_slave *cleared; /* NULL: none */
    bool has_changed; /* a slave's level may have changed; the scheduler clears
                         this */
    bool is_ahead_allowed; /* jobs may be given ahead of time */
    int64_t now_ns;        /* set by the scheduler */
    int64_t look_ns;       /* when to check again for jobs to report */
    int64_t run_ns; /* moving average of run times; -1: no job has ended yet */
    int64_t short_ns; /* moving average of the shortest run times; 0: no job has
                         ended yet */
    uint64_t places;  /* slaves examined after a change; for tests */
    struct js_log_histogram run_times; /* of the jobs that succeeded */
};

_Static_assert(JS_BACKLOG_LEVELS <= 128, "`filled` has a bit for each");

/* The jobs of the slave. */
static inline uint32_t js_backlog_count(const struct js_backlog_slave *slave)
{
    return slave->slotted + slave->ahead_count;
}

/* True if the job was lost with a slave and must run alone. */
static inline bool js_job_is_suspect(const struct js_job *job)
{
    return job->losses > 0;
}

/* True if the job cannot run in every free slot. */
static inline bool js_job_is_constrained(const struct js_job *job)
{
    return !js_job_is_plain(job) || js_job_is_suspect(job);
}

void js_backlog_init(struct js_backlog *backlog, struct js_allocator *allocator,
                     bool is_ahead_allowed);

/* Frees all slaves and the jobs that they have. */
void js_backlog_release(struct js_backlog *backlog);

/* Works as js_scheduler_add_slave(). */
int js_backlog_add(struct js_backlog *backlog, unsigned number, uint32_t slots);

/* The slave with this number, or NULL. */
static inline struct js_backlog_slave *
js_backlog_find(const struct js_backlog *backlog, unsigned number)
{
    return number < backlog->slave_end ? backlog->slaves[number] : NULL;
}

/* ------------------------------------------------- slaves with room */

/* js_backlog_place() notes that something has changed for this slave.
 * js_backlog_settle() updates the levels of the noted slaves, in that order,
 * and of those whose slots the allocator has freed, taken or set aside. Callers
 * need it only before the allocator chooses among slaves: the calls below that
 * choose a slave settle first. Many changes for one slave cost one update. */
void js_backlog_place(struct js_backlog *backlog,
                      struct js_backlog_slave *slave);
void js_backlog_settle(struct js_backlog *backlog);

/* Returns the slave that should get the next plain job: one with a free slot,
 * otherwise the one with the fewest jobs ahead, or NULL. Never returns slave
 * `avoid` (0: none). */
struct js_backlog_slave *js_backlog_find_room(struct js_backlog *backlog,
                                              unsigned avoid);

/* Returns the first slave on which a job would be alone and that has a free
 * slot, or NULL. */
struct js_backlog_slave *js_backlog_find_empty(struct js_backlog *backlog);

/* The first function chooses the slave with the fewest jobs. That slave gets no
 * more jobs until it is empty; then it gets a job that must run alone. There is
 * at most one such slave at a time. The second function ends the clearing. */
void js_backlog_clear_one(struct js_backlog *backlog);
void js_backlog_end_clearing(struct js_backlog *backlog);

/* ------------------------------------------------- what the slaves have */

/* Assigns the job, and takes ownership of it and of the allocation (rank 0: the
 * job is given ahead of time). Returns the ticket; or 0 with errno ENOMEM, in
 * which case nothing has changed. *ret is the allocation, valid until the next
 * call, or NULL. */
uint64_t js_backlog_give(struct js_backlog *backlog,
                         struct js_backlog_slave *slave, struct js_job *job,
                         const struct js_allocation *allocation,
                         const struct js_allocation **ret);

/* Returns the ticket of the job that the slave was given last, or 0 if it has
 * none. */
static inline uint64_t js_backlog_last(const struct js_backlog_slave *slave)
{
    uint64_t slotted =
        slave->slotted > 0
            ? slave->assignments[slave->order[slave->slotted - 1]].ticket
            : 0;
    uint64_t ahead = slave->ahead_count > 0
                         ? slave->ahead[slave->ahead_count - 1].ticket
                         : 0;
    return slotted > ahead ? slotted : ahead;
}

/* Removes the assignment with that ticket from the slave. Returns false if
 * there is none. *ret still holds its allocation, so the caller must call
 * js_backlog_hand_on() or js_backlog_let_go() next. */
bool js_backlog_take(struct js_backlog *backlog, struct js_backlog_slave *slave,
                     uint64_t ticket, struct js_backlog_taken *ret);

/* js_backlog_hand_on() passes the slot of the ended assignment to the first job
 * that the slave was given ahead, as the slave itself does. js_backlog_let_go()
 * returns all that the assignment holds to the allocator. */
void js_backlog_hand_on(struct js_backlog *backlog,
                        struct js_backlog_slave *slave,
                        struct js_backlog_taken *ended);
void js_backlog_let_go(struct js_backlog *backlog,
                       struct js_backlog_taken *taken);

/* Works like js_scheduler_acknowledged(). */
void js_backlog_acknowledged(struct js_backlog *backlog, unsigned number,
                             uint32_t count);

/* Finds the slave with the most jobs ahead of time and recalls half of them.
 * Returns the slave, with the number of jobs in *ret_count, or NULL if no slave
 * has any. */
struct js_backlog_slave *js_backlog_recall(struct js_backlog *backlog,
                                           uint32_t *ret_count);

/* Records that the slave has answered the recall. */
void js_backlog_recalled(struct js_backlog *backlog,
                         struct js_backlog_slave *slave);

/* Records that the slave is lost. It must have no assignments left. */
void js_backlog_drop(struct js_backlog *backlog,
                     struct js_backlog_slave *slave);

/* Finds the next assignment that has lost one of its other nodes, and marks it
 * as ENDING. Returns the assignment, with its slave in *ret_slave, or NULL if
 * there is none. */
const struct js_assignment *
js_backlog_next_node_lost(struct js_backlog *backlog,
                          const struct js_backlog_slave **ret_slave);

/* ------------------------------------------------- run times */

/* Works like js_scheduler_lead_ns(). */
static inline int64_t js_backlog_lead_ns(struct js_backlog *backlog)
{
    js_backlog_settle(backlog);
    int64_t lead = js_bits_next(backlog->with_lead, 0, JS_BACKLOG_LEVELS);
    if (lead == JS_BACKLOG_LEVELS)
        return 0;
    return lead < JS_BACKLOG_PARTS
               ? backlog->short_ns * lead / JS_BACKLOG_PARTS
               : backlog->short_ns * (lead - JS_BACKLOG_PARTS + 1);
}

/* Takes the run time of a job that has ended into account. */
void js_backlog_learn(struct js_backlog *backlog,
                      const struct js_outcome *outcome);

/* Works like js_scheduler_report_begun(). */
void js_backlog_report_begun(struct js_backlog *backlog,
                             js_scheduler_begun_fn report, void *arg);

/* Checks the invariants above by recounting; aborts if one does not hold.
 */
void js_backlog_assert_invariants(const struct js_backlog *backlog);
void js_backlog_room_assert_invariants(const struct js_backlog *backlog);

#endif
