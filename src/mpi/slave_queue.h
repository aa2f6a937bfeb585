/*
 * slave_queue - the jobs that a slave was sent: which wait, and which run
 * where.
 *
 * Owns the orders (jobs that wait, in a ring) and the slots (jobs that run).
 * Sends nothing and calls no runner: the slave reports what has happened, and
 * asks what may be done next.
 *
 * Three processes keep the same line of jobs: the master's scheduler, the slave
 * and its runner. They never compare their lines. Only the order of messages
 * keeps these alike, so each must draw the same conclusion from it:
 *
 *     scheduler (master)               slave_queue                    runner
 *
 *     assign, slot 3     --JOB-->      next, add: order for slot 3
 *                                      start: slot 3 is busy --run 3--> runs it
 *     assign, SLOT_NEXT  --JOB-->      next, add: order without slot
 *     (ahead of time)                  handed            --run NEXT--> keeps it
 *                                                      the job in slot 3 ends:
 *                                                   it starts there what it has
 *                                                        kept longest, at once
 *                                      free_slot(3)      <--ENDED 3--
 *                                      slot 3 goes to the first order without
 *                                      one; start: it runs there by now
 *     ended: slot 3 goes <--DONE--
 *     to the first job that was
 *     given ahead of time
 *
 *     recall of 2        --RECALL-->   ask_back(2); until it is answered
 *                                      nothing more is handed to the runner
 *                                      all are handed: --recall-->  forgets
 * what it has not begun recalled(n)    <--RECALLED n-- returned (each)
 * <--BACK--     give_back: the last 2 without a slot recalled
 *
 * Rules that follow:
 *  - Slots go to orders without one in the order in which the slots became free
 *    and the orders came. A slot that is free and was never used, or whose
 * order was given back, goes to nobody: the master names it in a later order.
 *  - An order that has a slot counts as begun. It is not an answer to a RECALL.
 *    Only a slave that ends gives it back, and then the master does not hand
 *    its slot on either.
 *  - The runner has the first `handed_count` orders, and starts them in their
 *    order. What it has is given back only once it has answered RECALLED. What
 *    ended before that answer has been reported before it, so n is the number
 *    of handed orders that are left.
 *  - The jobs of a run are all commands, or all simulated (the demonstration).
 * A slot in which a simulated job runs is free for the runner, which would
 *    start there what it was handed.
 */
#ifndef JS_MPI_SLAVE_QUEUE_H
#define JS_MPI_SLAVE_QUEUE_H

#include "list/outcome.h"
#include "mpi/wire.h"

#include <stdbool.h>
#include <stdint.h>

/* A job that waits to be started. */
struct js_slave_order {
    bool is_handed; /* the runner has it, and starts it when a slot is free */
    bool is_ended;  /* the master wants it to end: it is not started */
    struct js_wire_job
        wire;   /* slot: JS_SCHEDULER_SLOT_NEXT until one is free */
    char *text; /* owned; its text, with a NUL, if wire.text has no room */
};

struct js_slave_slot {
    bool is_taken; /* by an order, or the job that runs */
    bool is_busy;
    bool is_simulated; /* the job needs no runner: it ends at end_ns */
    uint64_t id;
    uint64_t ticket;
    uint32_t inline_max;
    int64_t begun_ns;
    int64_t end_ns;            /* of a simulated job */
    struct js_outcome outcome; /* of a simulated job */
};

/*
 * Invariants, between any two calls:
 *  - busy_count and simulated_count are the numbers of such slots; a busy slot
 *    is taken; only a busy one is simulated.
 *  - A slot that is taken and not busy is that of exactly one order; a busy
 * one, or one that is not taken, of none.
 *  - `freed` holds slots that are not taken, each once. It is empty while an
 *    order has no slot.
 *  - The first handed_count orders are handed, and no other; each of them is a
 *    command.
 *  - Without slots (before init, and once retired) nothing is busy, freed or
 *    handed, and no order has a slot.
 */
struct js_slave_queue {
    struct js_slave_slot *slots;
    uint32_t slot_count; /* 0 once retired */
    uint32_t busy_count, simulated_count;
    uint32_t *freed; /* slots that became free, in that order */
    uint32_t freed_count;
    struct js_slave_order *ring;
    unsigned ring_size, ring_head, order_count;
    unsigned handed_count;
    bool is_recalling; /* the runner is asked to hand them back */
    bool has_recall;   /* the master has asked for orders, and has no answer */
    uint64_t recall_count; /* it has asked for so many at most */
    int64_t moved_ns;      /* when the first order came, or a job last began or
                              ended: since then the orders wait */
};

/* 0, or -1 with errno ENOMEM. A queue that is all zero has no room for orders,
 * and may be released. */
int js_slave_queue_init(struct js_slave_queue *queue, uint32_t slots);
void js_slave_queue_release(struct js_slave_queue *queue);

/* ---- orders */

/* The order number `at` (below order_count), the first one that came is 0. */
static inline struct js_slave_order *
js_slave_queue_order(const struct js_slave_queue *queue, unsigned at)
{
    unsigned i = queue->ring_head + at;
    return &queue->ring[i < queue->ring_size ? i : i - queue->ring_size];
}

/* A place for one more order, without text, to be filled in and then added;
 * NULL if there is none: no master sends so many. */
struct js_slave_order *js_slave_queue_next(struct js_slave_queue *queue);

/* The text of its job, of wire.text_len bytes: copied. 0, or -1 with errno
 * ENOMEM. */
int js_slave_queue_set_text(struct js_slave_order *order, const char *text);

/* Takes in the order of the last js_slave_queue_next(). 0, or -1 with errno
 * EBUSY: its slot is in use, or there is no such slot. */
int js_slave_queue_add(struct js_slave_queue *queue, int64_t now_ns);

/* The first order, if it has a slot and can begin; or NULL. */
struct js_slave_order *
js_slave_queue_startable(const struct js_slave_queue *queue);

/* True if the runner must be given the startable order: it has not been handed
 * over, nor is it simulated, nor to be ended. */
static inline bool
js_slave_queue_order_is_for_runner(const struct js_slave_order *order)
{
    return order->wire.kind == JS_JOB_COMMAND && !order->is_handed &&
           !order->is_ended;
}

/* The startable order begins, and is an order no more. One that is simulated,
 * or to be ended, needs no runner: its slot is_simulated. */
void js_slave_queue_start(struct js_slave_queue *queue, int64_t now_ns);

/* The next order that the runner may be given ahead of time; or NULL. */
struct js_slave_order *
js_slave_queue_handable(const struct js_slave_queue *queue);
void js_slave_queue_handed(
    struct js_slave_queue *queue); /* it has been given */

/* Marks the order of that ticket as to be ended, if there is one. */
void js_slave_queue_end_order(struct js_slave_queue *queue, uint64_t ticket);

/* ---- slots */

/* The job in slot `index`, or NULL if none runs there. */
struct js_slave_slot *js_slave_queue_running(const struct js_slave_queue *queue,
                                             uint32_t index);

/* The job in the slot has ended; the slot goes to the first order without. */
void js_slave_queue_free_slot(struct js_slave_queue *queue,
                              struct js_slave_slot *slot, int64_t now_ns);

/* The first simulated job from slot *at on that has ended by now_ns, with *at
 * moved behind it, or NULL; and when the next one ends (JS_NEVER_NS: none
 * runs). */
struct js_slave_slot *
js_slave_queue_simulated(const struct js_slave_queue *queue, uint32_t *at,
                         int64_t now_ns);
int64_t js_slave_queue_simulated_end_ns(const struct js_slave_queue *queue);

/* The simulated job in the slot is stopped: it ends now. */
void js_slave_queue_stop_simulated(struct js_slave_slot *slot, int64_t now_ns);

/* ---- giving back */

/* True if orders wait while every slot is busy. */
bool js_slave_queue_is_queued_up(const struct js_slave_queue *queue);

/* The master asks for up to `count` orders that have no slot. */
void js_slave_queue_ask_back(struct js_slave_queue *queue, uint64_t count);

enum js_slave_recall {
    JS_SLAVE_RECALL_NONE, /* nobody asks, or the runner has not answered yet */
    JS_SLAVE_RECALL_RUNNER, /* the runner must be asked first */
    JS_SLAVE_RECALL_ANSWER, /* the last *ret_count orders are the answer, which
                               this call takes for sent */
};

/* What is to be done about what the master asks for. */
enum js_slave_recall js_slave_queue_answer(struct js_slave_queue *queue,
                                           unsigned *ret_count);

/* True if the runner must be asked for the handed orders; it counts as asked
 * from then on. False if it has none, or has been asked. */
bool js_slave_queue_begin_recall(struct js_slave_queue *queue);

/* The runner has handed back `count` orders. 0, or -1 with errno EBADMSG: it
 * has lost one. */
int js_slave_queue_recalled(struct js_slave_queue *queue, uint32_t count);

/* Takes the last order away, which must not be handed; returns its ticket. */
uint64_t js_slave_queue_give_back(struct js_slave_queue *queue);

/* ---- losing the runner */

/* There is another runner, which has been handed nothing. To be called once no
 * job of the lost one is left in a slot. */
void js_slave_queue_forget_runner(struct js_slave_queue *queue);

/* There is no other: what ran or was handed over is gone, and so are the slots.
 * Orders that are left, and those that still come, can only be given back. */
void js_slave_queue_retire(struct js_slave_queue *queue);

/* Recounts, and aborts where an invariant does not hold. */
void js_slave_queue_assert_invariants(const struct js_slave_queue *queue);

#endif
