/*
 * slave_queue - the jobs that a slave was sent: which ones wait, and which ones
 * run in which slot.
 *
 * Owns the orders (jobs that wait, in a ring) and the slots (jobs that run).
 * Sends nothing and calls no runner: the slave reports events to the queue, and
 * asks it what may be done next.
 *
 * Three processes keep the same queue of jobs: the master's scheduler, the
 * slave and its runner. They never compare their queues. Only the order of
 * messages keeps the queues equal, so each process must draw the same
 * conclusions from it:
 *
 *     scheduler (master)               slave_queue                    runner
 *
 *     assign, slot 3     --JOB-->      next, add: order for slot 3
 *                                      start: slot 3 is busy --run 3--> runs it
 *     assign, SLOT_NEXT  --JOB-->      next, add: order without slot
 *     (ahead of time)                  handed            --run NEXT--> keeps it
 *                                                  the job in slot 3 ends: the
 *                                                  oldest job that is kept
 *                                                  starts there at once
 *                                      free_slot(3)      <--ENDED 3--
 *                                      slot 3 goes to the first order without
 *                                      one; start: it runs there by now
 *     ended: slot 3 goes <--DONE--
 *     to the first job that was
 *     sent ahead of time
 *
 *     recall of 2        --RECALL-->   ask_back(2); until the answer, nothing
 *                                      more is handed to the runner
 *                                      all are handed:   --recall-->
 *                                                 forgets what it has not begun
 *                                      recalled(n)       <--RECALLED n--
 *     returned (each)    <--RETURNED-- give_back: the last 2 without a slot
 *
 * Rules that follow:
 *  - Slots go to orders without one in the order in which the slots became
 *    free and the orders arrived. A slot that was never used, or whose order
 *    was given back, goes to no order: the master names it in a later one.
 *  - An order that has a slot counts as begun, and cannot answer a RECALL.
 *    Only a slave that ends gives it back, and then the master does not reuse
 *    its slot either.
 *  - The runner has the first `handed_count` orders, and starts them in their
 *    order. Orders that the runner has are given back only after it has
 *    answered RECALLED. Jobs that ended before that answer were reported before
 *    it, so n is the number of handed orders that are left.
 *  - The jobs of a run are all commands, or all simulated (the demonstration).
 *    To the runner, a slot with a simulated job is free, so it would start a
 *    handed job there.
 */
#ifndef JS_MPI_SLAVE_QUEUE_H
#define JS_MPI_SLAVE_QUEUE_H

#include "list/outcome.h"
#include "mpi/wire.h"
#include "sched/scheduler.h"

#include <stdbool.h>
#include <stdint.h>

/* A job that waits to be started. */
struct js_slave_order {
    bool is_handed; /* the runner has it, and starts it when a slot is free */
    bool is_ended;  /* the master has asked to end it: it is not started */
    struct js_wire_job wire; /* its slot is JS_SCHEDULER_SLOT_NEXT until one
                                is free */
    char *text; /* owned; its text, with a NUL, if it does not fit into
                   wire.text */
};

struct js_slave_slot {
    bool is_taken; /* by an order, or by the job that runs */
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
 *    is taken; only a busy slot is simulated.
 *  - A slot that is taken but not busy belongs to exactly one order; a busy
 *    slot, or one that is not taken, to none.
 *  - `freed` holds slots that are not taken, each once. It is empty while an
 *    order has no slot.
 *  - The first handed_count orders are handed, and no others; each of them is
 *    a command.
 *  - Without slots (before init, and once retired) nothing is busy, freed or
 *    handed, and no order has a slot.
 */
struct js_slave_queue {
    struct js_slave_slot *slots;
    uint32_t slot_count; /* 0 once retired */
    uint32_t busy_count, simulated_count;
    uint32_t *freed; /* slots in the order in which they became free */
    uint32_t freed_count;
    struct js_slave_order *ring;
    unsigned ring_size, ring_head, order_count;
    unsigned handed_count;
    bool is_recalling; /* the runner was asked to return the handed orders */
    bool has_recall;   /* the master has asked for orders, and has no answer
                          yet */
    uint64_t recall_count; /* how many orders it asked for, at most */
    int64_t moved_ns;      /* when the first order arrived, or when a job
                              last began or ended: orders have waited since
                              then */
};

/* Creates the slots. Returns 0, or -1 with errno ENOMEM. A queue that is all
 * zero has no room for orders, and may be released. */
int js_slave_queue_init(struct js_slave_queue *queue, uint32_t slots);
void js_slave_queue_release(struct js_slave_queue *queue);

/* ---- orders */

/* Returns order number `at` (below order_count); the one that arrived first has
 * number 0. */
static inline struct js_slave_order *
js_slave_queue_order(const struct js_slave_queue *queue, unsigned at)
{
    unsigned i = queue->ring_head + at;
    return &queue->ring[i < queue->ring_size ? i : i - queue->ring_size];
}

/* Returns a place for another order, without text. The caller fills it in and
 * then adds it. Returns NULL if there is no place: a master never sends that
 * many. */
struct js_slave_order *js_slave_queue_next(struct js_slave_queue *queue);

/* Copies the text of the order's job (wire.text_len bytes). Returns 0, or -1
 * with errno ENOMEM. */
int js_slave_queue_set_text(struct js_slave_order *order, const char *text);

/* Adds the order that js_slave_queue_next() returned last. Returns 0, or -1
 * with errno EBUSY if its slot is in use or does not exist. */
int js_slave_queue_add(struct js_slave_queue *queue, int64_t now_ns);

/* Returns the first order if it has a slot and can begin; otherwise NULL. */
static inline struct js_slave_order *
js_slave_queue_startable(const struct js_slave_queue *queue)
{
    struct js_slave_order *first =
        queue->order_count > 0 ? js_slave_queue_order(queue, 0) : NULL;
    return first && first->wire.slot != JS_SCHEDULER_SLOT_NEXT ? first : NULL;
}

/* True if the startable order must be given to the runner: it was not handed
 * over, it is not simulated, and it must not be ended. */
static inline bool
js_slave_queue_order_is_for_runner(const struct js_slave_order *order)
{
    return order->wire.kind == JS_JOB_COMMAND && !order->is_handed &&
           !order->is_ended;
}

/* Starts the startable order and removes it from the queue. An order that is
 * simulated, or must be ended, needs no runner: its slot is_simulated. */
void js_slave_queue_start(struct js_slave_queue *queue, int64_t now_ns);

/* Returns the next order that may be given to the runner ahead of time, or
 * NULL. */
struct js_slave_order *
js_slave_queue_handable(const struct js_slave_queue *queue);

/* Records that the handable order was given to the runner. */
static inline void js_slave_queue_handed(struct js_slave_queue *queue)
{
    js_slave_queue_order(queue, queue->handed_count++)->is_handed = true;
}

/* Marks the order with that ticket as one that must be ended, if it exists. */
void js_slave_queue_end_order(struct js_slave_queue *queue, uint64_t ticket);

/* ---- slots */

/* Returns the job in slot `index`, or NULL if none is running there. */
static inline struct js_slave_slot *
js_slave_queue_running(const struct js_slave_queue *queue, uint32_t index)
{
    return index < queue->slot_count && queue->slots[index].is_busy
               ? &queue->slots[index]
               : NULL;
}

/* Records that the job in the slot has ended. The slot goes to the first order
 * without one. */
void js_slave_queue_free_slot(struct js_slave_queue *queue,
                              struct js_slave_slot *slot, int64_t now_ns);

/* Returns the first simulated job from slot *at on that has ended by now_ns,
 * and moves *at past it; or NULL. The second function returns when the next
 * simulated job ends (JS_NEVER_NS: none is running). */
struct js_slave_slot *
js_slave_queue_simulated(const struct js_slave_queue *queue, uint32_t *at,
                         int64_t now_ns);
int64_t js_slave_queue_simulated_end_ns(const struct js_slave_queue *queue);

/* Stops the simulated job in the slot: it ends now. */
void js_slave_queue_stop_simulated(struct js_slave_slot *slot, int64_t now_ns);

/* True if a job runs in the runner: one that is not simulated. */
static inline bool
js_slave_queue_has_runner_jobs(const struct js_slave_queue *queue)
{
    return queue->busy_count > queue->simulated_count;
}

/* ---- giving back */

/* True if orders wait while every slot is busy. */
static inline bool
js_slave_queue_is_queued_up(const struct js_slave_queue *queue)
{
    return queue->order_count > 0 && queue->busy_count == queue->slot_count;
}

/* Records that the master asks for up to `count` orders that have no slot. */
static inline void js_slave_queue_ask_back(struct js_slave_queue *queue,
                                           uint64_t count)
{
    queue->recall_count = count;
    queue->has_recall = true;
}

enum js_slave_recall {
    JS_SLAVE_RECALL_NONE, /* there is no RECALL, or the runner has not answered
                             yet */
    JS_SLAVE_RECALL_RUNNER, /* the runner must be asked first */
    JS_SLAVE_RECALL_ANSWER, /* the answer is the last *ret_count orders; this
                               call marks the RECALL as answered */
};

/* Returns what must be done about the master's RECALL. */
enum js_slave_recall js_slave_queue_answer(struct js_slave_queue *queue,
                                           unsigned *ret_count);

/* True if the runner must be asked for the handed orders; from then on it
 * counts as asked. False if it has none, or was asked already. */
bool js_slave_queue_begin_recall(struct js_slave_queue *queue);

/* Records that the runner has returned `count` orders. Returns 0, or -1 with
 * errno EBADMSG if an order is missing. */
int js_slave_queue_recalled(struct js_slave_queue *queue, uint32_t count);

/* Removes the last order, which must not be handed, and returns its ticket. */
uint64_t js_slave_queue_give_back(struct js_slave_queue *queue);

/* ---- losing the runner */

/* Records that there is another runner, to which nothing was handed. Must be
 * called when no job of the lost runner is left in a slot. */
void js_slave_queue_forget_runner(struct js_slave_queue *queue);

/* Records that there is no other runner: running and handed jobs are lost, and
 * so are the slots. Orders that remain, or that still arrive, can only be given
 * back. */
void js_slave_queue_retire(struct js_slave_queue *queue);

/* Recounts, and aborts if an invariant does not hold. */
void js_slave_queue_assert_invariants(const struct js_slave_queue *queue);

#endif
