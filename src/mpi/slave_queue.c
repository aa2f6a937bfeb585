#include "mpi/slave_queue.h"

#include "base/clock.h"
#include "base/err.h"
#include "sched/scheduler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Space for orders beyond the slots. A master never sends that many. */
enum { AHEAD_MAX = 2 * JS_SCHEDULER_CREDIT };

int js_slave_queue_init(struct js_slave_queue *queue, uint32_t slots)
{
    *queue = (struct js_slave_queue){.slot_count = slots,
                                     .ring_size = slots + AHEAD_MAX};
    queue->slots = calloc(slots, sizeof(*queue->slots));
    queue->freed = calloc(slots, sizeof(*queue->freed));
    queue->ring = calloc(queue->ring_size, sizeof(*queue->ring));
    if (queue->slots && queue->freed && queue->ring)
        return 0;
    js_slave_queue_release(queue);
    errno = ENOMEM;
    return -1;
}

void js_slave_queue_release(struct js_slave_queue *queue)
{
    for (unsigned i = 0; i < queue->order_count; i++)
        free(js_slave_queue_order(queue, i)->text);
    free(queue->slots);
    free(queue->freed);
    free(queue->ring);
    memset(queue, 0, sizeof(*queue));
}

/* ---------------------------------------------------------------- slots */

/* The master may name a slot that is in `freed`, so the slot is searched for
 * there. */
static void queue_take_slot(struct js_slave_queue *queue, uint32_t index)
{
    uint32_t at = 0;
    queue->slots[index].is_taken = true;
    while (at < queue->freed_count && queue->freed[at] != index)
        at++;
    if (at == queue->freed_count)
        return;
    queue->freed_count--;
    memmove(&queue->freed[at], &queue->freed[at + 1],
            (queue->freed_count - at) * sizeof(*queue->freed));
}

/* Slots are assigned first come, first served. The master draws the same
 * conclusion from the order of the messages that it sends and receives. */
static void queue_hand_on_slots(struct js_slave_queue *queue)
{
    for (unsigned i = 0; i < queue->order_count && queue->freed_count > 0;
         i++) {
        struct js_wire_job *wire = &js_slave_queue_order(queue, i)->wire;
        if (wire->slot != JS_SCHEDULER_SLOT_NEXT)
            continue;
        wire->slot = queue->freed[0];
        queue_take_slot(queue, wire->slot);
    }
}

void js_slave_queue_free_slot(struct js_slave_queue *queue,
                              struct js_slave_slot *slot, int64_t now_ns)
{
    queue->simulated_count -= slot->is_simulated;
    slot->is_busy = slot->is_taken = slot->is_simulated = false;
    queue->busy_count--;
    queue->moved_ns = now_ns;
    queue->freed[queue->freed_count++] = (uint32_t)(slot - queue->slots);
    queue_hand_on_slots(queue);
}

struct js_slave_slot *
js_slave_queue_simulated(const struct js_slave_queue *queue, uint32_t *at,
                         int64_t now_ns)
{
    while (queue->simulated_count > 0 && *at < queue->slot_count) {
        struct js_slave_slot *slot = &queue->slots[(*at)++];
        if (slot->is_simulated && slot->end_ns <= now_ns)
            return slot;
    }
    return NULL;
}

void js_slave_queue_stop_simulated(struct js_slave_slot *slot, int64_t now_ns)
{
    slot->outcome.run_ns -= slot->end_ns - now_ns;
    slot->outcome.cause = JS_STOP_REASON_STOPPED;
    slot->end_ns = now_ns;
}

int64_t js_slave_queue_simulated_end_ns(const struct js_slave_queue *queue)
{
    int64_t end_ns = JS_NEVER_NS;
    for (uint32_t i = 0; queue->simulated_count > 0 && i < queue->slot_count;
         i++) {
        const struct js_slave_slot *slot = &queue->slots[i];
        if (slot->is_simulated && slot->end_ns < end_ns)
            end_ns = slot->end_ns;
    }
    return end_ns;
}

/* ---------------------------------------------------------------- orders */

/* The place is filled in where it lies, so that a job is copied only once. */
struct js_slave_order *js_slave_queue_next(struct js_slave_queue *queue)
{
    if (queue->order_count == queue->ring_size)
        return NULL;
    struct js_slave_order *order =
        js_slave_queue_order(queue, queue->order_count);
    order->is_handed = order->is_ended = false;
    order->text = NULL;
    return order;
}

/* A short text is stored in the order itself. */
int js_slave_queue_set_text(struct js_slave_order *order, const char *text)
{
    size_t len = order->wire.text_len;
    if (len <= JS_WIRE_JOB_TEXT) {
        memcpy(order->wire.text, text, len);
        return 0;
    }
    order->text = malloc(len + 1);
    if (!order->text)
        return -1;
    memcpy(order->text, text, len);
    order->text[len] = '\0';
    return 0;
}

/* An order for a retired slave can only be given back; so it gets no slot. */
int js_slave_queue_add(struct js_slave_queue *queue, int64_t now_ns)
{
    if (queue->order_count++ == 0)
        queue->moved_ns = now_ns;
    struct js_wire_job *wire =
        &js_slave_queue_order(queue, queue->order_count - 1)->wire;
    if (queue->slot_count == 0)
        wire->slot = JS_SCHEDULER_SLOT_NEXT;
    if (wire->slot == JS_SCHEDULER_SLOT_NEXT) {
        queue_hand_on_slots(queue);
        return 0;
    }
    if (wire->slot >= queue->slot_count || queue->slots[wire->slot].is_taken) {
        errno = EBUSY;
        return -1;
    }
    queue_take_slot(queue, wire->slot);
    return 0;
}

static void queue_drop_first(struct js_slave_queue *queue)
{
    struct js_slave_order *order = js_slave_queue_order(queue, 0);
    queue->handed_count -= order->is_handed;
    free(order->text);
    order->text = NULL;
    if (++queue->ring_head == queue->ring_size)
        queue->ring_head = 0;
    queue->order_count--;
}

/* A simulated job ends at a time that is computed here, so it needs no process
 * and no timer of its own. */
void js_slave_queue_start(struct js_slave_queue *queue, int64_t now_ns)
{
    const struct js_slave_order *order = js_slave_queue_order(queue, 0);
    struct js_slave_slot *slot = &queue->slots[order->wire.slot];
    /* A job that must be ended takes no time, and counts as stopped. */
    int64_t run_ns = order->is_ended ? 0 : order->wire.duration_ns;
    enum js_stop_reason cause =
        order->is_ended ? JS_STOP_REASON_STOPPED : JS_STOP_REASON_NONE;
    *slot = (struct js_slave_slot){.is_taken = true,
                                   .is_busy = true,
                                   .id = order->wire.id,
                                   .ticket = order->wire.ticket,
                                   .inline_max = order->wire.inline_max,
                                   .begun_ns = now_ns};
    queue->busy_count++;
    if (order->is_ended || order->wire.kind == JS_JOB_SIMULATED) {
        slot->is_simulated = true;
        if (__builtin_add_overflow(now_ns, run_ns, &slot->end_ns))
            slot->end_ns = JS_NEVER_NS;
        slot->outcome = (struct js_outcome){.start_unix_ns = js_clock_unix_ns(),
                                            .run_ns = run_ns,
                                            .cause = cause};
        queue->simulated_count++;
    }
    queue_drop_first(queue);
    queue->moved_ns = now_ns;
}

struct js_slave_order *
js_slave_queue_handable(const struct js_slave_queue *queue)
{
    /* The runner is given no more than a few jobs ahead, because each of them
     * must be asked for again if the master recalls it. */
    unsigned most = queue->slot_count > JS_SCHEDULER_HANDED_MAX
                        ? queue->slot_count
                        : JS_SCHEDULER_HANDED_MAX;
    if (queue->is_recalling || queue->has_recall ||
        queue->handed_count == queue->order_count ||
        queue->handed_count >= most)
        return NULL;
    struct js_slave_order *order =
        js_slave_queue_order(queue, queue->handed_count);
    return order->wire.kind == JS_JOB_COMMAND &&
                   order->wire.slot == JS_SCHEDULER_SLOT_NEXT
               ? order
               : NULL;
}

void js_slave_queue_end_order(struct js_slave_queue *queue, uint64_t ticket)
{
    for (unsigned i = 0; i < queue->order_count; i++) {
        struct js_slave_order *order = js_slave_queue_order(queue, i);
        order->is_ended |= order->wire.ticket == ticket;
    }
}

/* ------------------------------------------------------------- giving back */

/* The runner is asked only if the slave itself has nothing to return: that
 * costs a round trip, and the runner's jobs are the next to start. */
enum js_slave_recall js_slave_queue_answer(struct js_slave_queue *queue,
                                           unsigned *ret_count)
{
    if (!queue->has_recall)
        return JS_SLAVE_RECALL_NONE;
    /* Only orders at the end can be returned, if the runner does not have them
     * and they have no slot. An order with a slot counts as begun, and the
     * master relies on that. */
    unsigned count = 0, most = queue->order_count - queue->handed_count;
    while (count < most &&
           js_slave_queue_order(queue, queue->order_count - count - 1)
                   ->wire.slot == JS_SCHEDULER_SLOT_NEXT)
        count++;
    if (count == 0 && queue->handed_count > 0)
        return queue->is_recalling ? JS_SLAVE_RECALL_NONE
                                   : JS_SLAVE_RECALL_RUNNER;
    queue->has_recall = false;
    *ret_count =
        count < queue->recall_count ? count : (unsigned)queue->recall_count;
    return JS_SLAVE_RECALL_ANSWER;
}

/* Only one recall is under way at a time; its answer covers everything that the
 * runner had. */
bool js_slave_queue_begin_recall(struct js_slave_queue *queue)
{
    if (queue->handed_count == 0 || queue->is_recalling)
        return false;
    queue->is_recalling = true;
    return true;
}

int js_slave_queue_recalled(struct js_slave_queue *queue, uint32_t count)
{
    if (count != queue->handed_count) {
        errno = EBADMSG;
        return -1;
    }
    js_slave_queue_forget_runner(queue);
    return 0;
}

uint64_t js_slave_queue_give_back(struct js_slave_queue *queue)
{
    struct js_slave_order *order =
        js_slave_queue_order(queue, --queue->order_count);
    /* The master does not hand the slot on, so it is not in `freed` either. */
    if (order->wire.slot != JS_SCHEDULER_SLOT_NEXT)
        queue->slots[order->wire.slot].is_taken = false;
    free(order->text);
    return order->wire.ticket;
}

/* ------------------------------------------------------- losing the runner */

/* The orders remain where they are: only the mark that the runner has them is
 * removed. */
void js_slave_queue_forget_runner(struct js_slave_queue *queue)
{
    for (unsigned i = 0; i < queue->handed_count; i++)
        js_slave_queue_order(queue, i)->is_handed = false;
    queue->handed_count = 0;
    queue->is_recalling = false;
}

void js_slave_queue_retire(struct js_slave_queue *queue)
{
    /* The runner may have begun what it was handed, so that is not returned. */
    while (queue->handed_count > 0)
        queue_drop_first(queue);
    for (unsigned i = 0; i < queue->order_count; i++)
        js_slave_queue_order(queue, i)->wire.slot = JS_SCHEDULER_SLOT_NEXT;
    queue->slot_count = queue->busy_count = queue->simulated_count = 0;
    queue->freed_count = 0;
    queue->is_recalling = false;
}

/* -------------------------------------------------------------- invariants */

/* Counts the orders that have this slot (SLOT_NEXT: those that have none). */
static unsigned queue_count_orders_of(const struct js_slave_queue *queue,
                                      uint32_t slot)
{
    unsigned count = 0;
    for (unsigned i = 0; i < queue->order_count; i++)
        count += js_slave_queue_order(queue, i)->wire.slot == slot;
    return count;
}

void js_slave_queue_assert_invariants(const struct js_slave_queue *queue)
{
    uint32_t busy = 0, simulated = 0;
    unsigned with_slot = 0, freed = 0;
    for (uint32_t i = 0; i < queue->slot_count; i++) {
        const struct js_slave_slot *slot = &queue->slots[i];
        unsigned orders = queue_count_orders_of(queue, i), times_freed = 0;
        for (uint32_t k = 0; k < queue->freed_count; k++)
            times_freed += queue->freed[k] == i;
        JS_INVARIANT(!slot->is_busy || slot->is_taken);
        JS_INVARIANT(!slot->is_simulated || slot->is_busy);
        JS_INVARIANT(orders == (slot->is_taken && !slot->is_busy));
        JS_INVARIANT(times_freed == 0 || (times_freed == 1 && !slot->is_taken));
        busy += slot->is_busy;
        simulated += slot->is_simulated;
        with_slot += orders;
        freed += times_freed;
    }
    unsigned waiting = queue_count_orders_of(queue, JS_SCHEDULER_SLOT_NEXT);
    JS_INVARIANT(busy == queue->busy_count);
    JS_INVARIANT(simulated == queue->simulated_count);
    JS_INVARIANT(freed == queue->freed_count);
    JS_INVARIANT(with_slot + waiting == queue->order_count);
    JS_INVARIANT(waiting == 0 || queue->freed_count == 0);
    JS_INVARIANT(queue->order_count <= queue->ring_size);
    JS_INVARIANT(queue->handed_count <= queue->order_count);
    JS_INVARIANT(queue->slot_count > 0 || queue->handed_count == 0);
    for (unsigned i = 0; i < queue->order_count; i++) {
        const struct js_slave_order *order = js_slave_queue_order(queue, i);
        JS_INVARIANT(order->is_handed == (i < queue->handed_count));
        JS_INVARIANT(!order->is_handed || order->wire.kind == JS_JOB_COMMAND);
    }
}
