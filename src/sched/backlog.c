#include "sched/backlog.h"

#include "base/bits.h"
#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    RUN_TIME_WEIGHT = 8, /* the average covers about the last eight jobs */
    SHORT_WEIGHT = 32,   /* the shortest run time is forgotten more slowly */
};

/* Tickets start at 1, so that 0 never names an assignment. */
void js_backlog_init(struct js_backlog *backlog, struct js_allocator *allocator,
                     bool is_ahead_allowed)
{
    memset(backlog, 0, sizeof(*backlog));
    backlog->allocator = allocator;
    backlog->is_ahead_allowed = is_ahead_allowed;
    backlog->next_ticket = 1;
    backlog->run_ns = -1;
}

void js_backlog_release(struct js_backlog *backlog)
{
    for (unsigned i = 0; i < backlog->slave_end; i++) {
        struct js_backlog_slave *slave = backlog->slaves[i];
        for (uint32_t k = 0; slave && k < slave->slotted; k++) {
            struct js_assignment *own = &slave->assignments[slave->order[k]];
            js_job_free(own->job);
            if (own->is_wide) {
                js_allocation_free(own->held.wide);
                free(own->held.wide);
            }
        }
        for (uint32_t k = 0; slave && k < slave->ahead_count; k++)
            js_job_free(slave->ahead[k].job);
        if (slave)
            free(slave->assignments);
        free(slave);
    }
    free(backlog->slaves);
    js_tournament_release(&backlog->recallable);
    js_tournament_release(&backlog->empties);
}

int js_backlog_add(struct js_backlog *backlog, unsigned number, uint32_t slots)
{
    bool is_known = js_backlog_find(backlog, number) != NULL;
    if (is_known || slots > UINT16_MAX) {
        errno = is_known ? EEXIST : EINVAL;
        return -1;
    }
    /* Ranks have hardly any gaps, so slaves are found by index. Slaves are
     * allocated one by one, because the lists of levels point to them. */
    if (number >= backlog->slave_end) {
        unsigned end = 2 * number + 1;
        struct js_backlog_slave **slaves =
            realloc(backlog->slaves, end * sizeof(struct js_backlog_slave *));
        if (!slaves)
            return -1;
        for (unsigned i = backlog->slave_end; i < end; i++)
            slaves[i] = NULL;
        backlog->slaves = slaves;
        backlog->slave_end = end;
    }
    if (js_tournament_grow(&backlog->recallable, number + 1) < 0 ||
        js_tournament_grow(&backlog->empties, number + 1) < 0)
        return -1;
    struct js_backlog_slave *slave = calloc(1, sizeof(*slave));
    if (!slave)
        return -1;
    /* This is all the room that the slave can ever need, so giving it a job
     * cannot fail. */
    const size_t each = sizeof(*slave->assignments) + sizeof(*slave->order);
    slave->assignments = calloc(1, slots * each + JS_SCHEDULER_AHEAD_MAX *
                                                      sizeof(*slave->ahead));
    if (!slave->assignments) {
        free(slave);
        return -1;
    }
    slave->ahead = (struct js_backlog_ahead *)(slave->assignments + slots);
    slave->order = (uint16_t *)(slave->ahead + JS_SCHEDULER_AHEAD_MAX);
    for (uint32_t i = 0; i < slots; i++)
        slave->order[i] = (uint16_t)i;
    slave->number = number;
    slave->slots = slots;
    slave->credit = JS_SCHEDULER_CREDIT_FIRST;
    slave->level = slave->lead = -1;
    backlog->slaves[number] = slave;
    backlog->live_slaves++;
    backlog->live_slots += slots;
    js_backlog_place(backlog, slave);
    return 0;
}

/* ------------------------------------------------- what the slaves have */

/* Returns the index in `order` of the first assignment whose ticket is not less
 * than this. */
static uint32_t slave_find(const struct js_backlog_slave *slave,
                           uint64_t ticket)
{
    uint32_t low = 0, high = slave->slotted;
    if (high == 0)
        return 0;
    /* In most cases it is a new one, or that of the only slot. */
    uint64_t last = slave->assignments[slave->order[high - 1]].ticket;
    if (last <= ticket)
        return last < ticket ? high : high - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (slave->assignments[slave->order[middle]].ticket < ticket)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The job begins with this allocation, of which `wide` is a copy unless the job
 * is plain. Returns its assignment. */
static struct js_assignment *backlog_begin(struct js_backlog *backlog,
                                           struct js_backlog_slave *slave,
                                           uint64_t ticket, struct js_job *job,
                                           const struct js_allocation *from,
                                           struct js_allocation *wide)
{
    uint32_t index = slave_find(slave, ticket);
    uint16_t at = slave->order[slave->slotted];
    if (index < slave->slotted)
        memmove(&slave->order[index + 1], &slave->order[index],
                (slave->slotted - index) * sizeof(*slave->order));
    slave->order[index] = at;
    slave->slotted++;
    struct js_assignment *own = &slave->assignments[at];
    *own = (struct js_assignment){.ticket = ticket,
                                  .job = job,
                                  .is_wide = wide != NULL,
                                  .held.plain = {from->slot, from->core},
                                  .slave = slave->number,
                                  .begun_ns = backlog->now_ns,
                                  .earlier = backlog->last_begun};
    if (wide)
        own->held.wide = wide;
    *(own->earlier ? &own->earlier->later : &backlog->first_begun) = own;
    backlog->last_begun = own;
    /* The first job to report sets the time of the next check. Later jobs wait
     * for that check, so that checking costs little. */
    if (backlog->unreported++ == 0)
        backlog->look_ns = backlog->now_ns + JS_SCHEDULER_BEGUN_NS;
    return own;
}

/* Removes the assignment from the list of those to report. */
static void backlog_forget_begun(struct js_backlog *backlog,
                                 struct js_assignment *own)
{
    *(own->earlier ? &own->earlier->later : &backlog->first_begun) = own->later;
    *(own->later ? &own->later->earlier : &backlog->last_begun) = own->earlier;
    own->earlier = own->later = NULL;
    backlog->unreported--;
}

uint64_t js_backlog_give(struct js_backlog *backlog,
                         struct js_backlog_slave *slave, struct js_job *job,
                         const struct js_allocation *allocation,
                         const struct js_allocation **ret)
{
    /* Only allocations that the allocator has searched for have a list of
     * cores. */
    bool is_wide = allocation->rank > 0 && allocation->cores;
    struct js_allocation *wide = is_wide ? malloc(sizeof(*wide)) : NULL;
    if (is_wide && !wide)
        return 0;
    uint64_t ticket = backlog->next_ticket++;
    *ret = NULL;
    slave->constrained += js_job_is_constrained(job);
    slave->unacknowledged++;
    backlog->assigned++;
    if (allocation->rank == 0) {
        slave->ahead[slave->ahead_count++] =
            (struct js_backlog_ahead){ticket, job};
        backlog->ahead++;
    } else {
        struct js_assignment *own =
            backlog_begin(backlog, slave, ticket, job, allocation, wide);
        *ret = wide ? wide : &backlog->given;
        *(wide ? wide : &backlog->given) = *allocation;
        /* A suspect that is not plain may run beside other jobs if no empty
         * slave has room for it. */
        own->is_alone = js_job_is_suspect(job) && js_backlog_count(slave) == 1;
        slave->is_alone = own->is_alone;
        if (own->is_alone)
            js_backlog_end_clearing(backlog);
    }
    js_backlog_place(backlog, slave);
    return ticket;
}

/* Removes the job with this index among those given ahead. */
static struct js_backlog_ahead backlog_pull(struct js_backlog *backlog,
                                            struct js_backlog_slave *slave,
                                            uint32_t index)
{
    struct js_backlog_ahead pulled = slave->ahead[index];
    slave->ahead_count--;
    memmove(&slave->ahead[index], &slave->ahead[index + 1],
            (slave->ahead_count - index) * sizeof(pulled));
    backlog->ahead--;
    return pulled;
}

static bool backlog_take_ahead(struct js_backlog *backlog,
                               struct js_backlog_slave *slave, uint64_t ticket,
                               struct js_backlog_taken *ret)
{
    uint32_t index = 0;
    while (index < slave->ahead_count && slave->ahead[index].ticket < ticket)
        index++;
    if (index == slave->ahead_count || slave->ahead[index].ticket != ticket)
        return false;
    struct js_backlog_ahead pulled = backlog_pull(backlog, slave, index);
    *ret = (struct js_backlog_taken){.job = pulled.job};
    return true;
}

bool js_backlog_take(struct js_backlog *backlog, struct js_backlog_slave *slave,
                     uint64_t ticket, struct js_backlog_taken *ret)
{
    uint32_t index = slave_find(slave, ticket);
    uint16_t at = index < slave->slotted ? slave->order[index] : 0;
    struct js_assignment *own = &slave->assignments[at];
    if (index < slave->slotted && own->ticket == ticket) {
        if (!own->is_reported)
            backlog_forget_begun(backlog, own);
        *ret = (struct js_backlog_taken){.job = own->job,
                                         .allocation = js_assignment_held(own),
                                         .node_loss = own->node_loss,
                                         .is_alone = own->is_alone};
        if (own->is_wide)
            free(own->held.wide);
        slave->slotted--;
        if (index < slave->slotted)
            memmove(&slave->order[index], &slave->order[index + 1],
                    (slave->slotted - index) * sizeof(*slave->order));
        slave->order[slave->slotted] = at;
        bool is_new_loss = ret->node_loss == JS_NODE_LOSS_NEW;
        slave->new_losses -= is_new_loss;
        backlog->node_lost -= is_new_loss;
    } else if (!backlog_take_ahead(backlog, slave, ticket, ret)) {
        return false;
    }
    slave->constrained -= js_job_is_constrained(ret->job);
    slave->is_alone = false;
    backlog->assigned--;
    return true;
}

/* Other slaves may be able to use cores, GPUs and memory that become free. */
void js_backlog_let_go(struct js_backlog *backlog,
                       struct js_backlog_taken *taken)
{
    if (taken->allocation.rank > 0)
        js_allocator_release(backlog->allocator, &taken->allocation);
}

/* The slave passes the slot on without asking. So the first job ahead gets the
 * slot here too: both sides know the same order. */
void js_backlog_hand_on(struct js_backlog *backlog,
                        struct js_backlog_slave *slave,
                        struct js_backlog_taken *ended)
{
    if (slave->ahead_count == 0 || ended->allocation.rank == 0 ||
        !js_job_is_plain(ended->job)) {
        js_backlog_let_go(backlog, ended);
        return;
    }
    struct js_backlog_ahead next = backlog_pull(backlog, slave, 0);
    backlog_begin(backlog, slave, next.ticket, next.job, &ended->allocation,
                  NULL);
}

void js_backlog_acknowledged(struct js_backlog *backlog, unsigned number,
                             uint32_t count)
{
    struct js_backlog_slave *slave = js_backlog_find(backlog, number);
    if (!slave)
        return;
    if (count > slave->unacknowledged)
        count = slave->unacknowledged;
    slave->unacknowledged -= count;
    slave->acknowledged += count;
    /* A slave that has acknowledged a full credit is alive and fast, so it may
     * hold more. */
    if (slave->acknowledged >= slave->credit) {
        slave->acknowledged = 0;
        slave->credit = slave->credit < JS_SCHEDULER_CREDIT / 2
                            ? 2 * slave->credit
                            : JS_SCHEDULER_CREDIT;
    }
    js_backlog_place(backlog, slave);
}

/* The job that holds this slot must end, because part of its allocation is
 * gone. Its own slave is another one. */
static void backlog_lose_part(struct js_backlog *backlog,
                              struct js_backlog_slave *slave, unsigned lost)
{
    for (uint32_t i = 0; i < slave->slotted; i++) {
        struct js_assignment *own = &slave->assignments[slave->order[i]];
        if (own->node_loss != JS_NODE_LOSS_NONE || !own->is_wide ||
            own->held.wide->other_count == 0 ||
            !js_allocation_is_on(own->held.wide, lost))
            continue;
        own->node_loss = JS_NODE_LOSS_NEW;
        backlog->node_lost++;
        slave->new_losses++;
    }
    if (slave->has_losses || slave->new_losses == 0)
        return;
    slave->has_losses = true;
    slave->next_with_losses = backlog->with_losses;
    backlog->with_losses = slave;
}

/* The order matters: the allocator may end a reservation, and the levels are
 * right only after that. */
void js_backlog_drop(struct js_backlog *backlog, struct js_backlog_slave *slave)
{
    if (slave->is_cleared)
        js_backlog_end_clearing(backlog);
    for (uint32_t i = 0; i < slave->slots; i++) {
        unsigned holder =
            js_allocator_holder(backlog->allocator, slave->number, i);
        if (holder > 0)
            backlog_lose_part(backlog, backlog->slaves[holder], slave->number);
    }
    js_backlog_recalled(backlog, slave);
    backlog->live_slaves--;
    backlog->live_slots -= slave->slots;
    js_allocator_drop(backlog->allocator, slave->number);
    js_backlog_place(backlog, slave);
}

const struct js_assignment *
js_backlog_next_node_lost(struct js_backlog *backlog,
                          const struct js_backlog_slave **ret_slave)
{
    struct js_backlog_slave *slave;
    /* A job may have ended meanwhile. */
    while ((slave = backlog->with_losses) && slave->new_losses == 0) {
        slave->has_losses = false;
        backlog->with_losses = slave->next_with_losses;
    }
    for (uint32_t i = 0; slave && i < slave->slotted; i++) {
        struct js_assignment *own = &slave->assignments[slave->order[i]];
        if (own->node_loss != JS_NODE_LOSS_NEW)
            continue;
        own->node_loss = JS_NODE_LOSS_ENDING;
        slave->new_losses--;
        backlog->node_lost--;
        *ret_slave = slave;
        return own;
    }
    return NULL;
}

/* ------------------------------------------------- run times */

void js_backlog_learn(struct js_backlog *backlog,
                      const struct js_outcome *outcome)
{
    if (backlog->run_ns < 0)
        backlog->run_ns = backlog->short_ns = outcome->run_ns;
    else
        backlog->run_ns +=
            (outcome->run_ns - backlog->run_ns) / RUN_TIME_WEIGHT;
    /* The value falls to a shorter run time at once, and rises slowly: a value
     * that is too small only costs messages, but one that is too large leaves
     * cores idle. */
    backlog->short_ns += (outcome->run_ns - backlog->short_ns) / SHORT_WEIGHT;
    if (backlog->short_ns > outcome->run_ns)
        backlog->short_ns = outcome->run_ns;
    /* A job that failed often ends early, which would distort the median. */
    if (js_outcome_succeeded(outcome))
        js_log_histogram_add(&backlog->run_times, outcome->run_ns);
}

void js_backlog_report_begun(struct js_backlog *backlog,
                             js_scheduler_begun_fn report, void *arg)
{
    if (backlog->unreported == 0 || backlog->now_ns < backlog->look_ns)
        return;
    backlog->look_ns = backlog->now_ns + JS_SCHEDULER_BEGUN_NS;
    struct js_assignment *own;
    while ((own = backlog->first_begun) &&
           backlog->now_ns - own->begun_ns >= JS_SCHEDULER_BEGUN_NS) {
        backlog_forget_begun(backlog, own);
        own->is_reported = true;
        report(arg, own->job, own->slave, own->begun_ns);
    }
}

/* ------------------------------------------------- invariants */

/* Sums recounted over all slaves. */
struct backlog_sums {
    uint64_t assigned, ahead, node_lost, unreported, slots;
    struct js_request held;
    unsigned live, cleared;
};

static void assignment_assert_invariants(const struct js_backlog_slave *slave,
                                         const struct js_assignment *own,
                                         struct backlog_sums *sums)
{
    const struct js_allocation held = js_assignment_held(own);
    JS_INVARIANT(held.rank == slave->number && own->slave == slave->number);
    JS_INVARIANT(js_job_is_plain(own->job) == !own->is_wide);
    sums->held.cores += held.core_count;
    sums->held.gpus += held.gpu_count;
    for (uint32_t k = 0; k < held.other_count; k++) {
        sums->held.cores += held.others[k].core_count;
        sums->held.gpus += held.others[k].gpu_count;
    }
    sums->unreported += !own->is_reported;
}

static void slave_assert_jobs(const struct js_backlog *backlog,
                              const struct js_backlog_slave *slave,
                              struct backlog_sums *sums)
{
    uint32_t constrained = 0, alone = 0, losses = 0;
    uint64_t ticket = 0, cells = 0;
    for (uint32_t i = 0; i < slave->slots; i++) {
        const struct js_assignment *own = &slave->assignments[slave->order[i]];
        cells += slave->order[i];
        if (i >= slave->slotted)
            continue;
        JS_INVARIANT(ticket < own->ticket);
        ticket = own->ticket;
        JS_INVARIANT(ticket < backlog->next_ticket);
        assignment_assert_invariants(slave, own, sums);
        constrained += js_job_is_constrained(own->job);
        alone += own->is_alone;
        losses += own->node_loss == JS_NODE_LOSS_NEW;
    }
    JS_INVARIANT(cells == (uint64_t)slave->slots * (slave->slots - 1) / 2);
    for (uint32_t i = 0; i < slave->ahead_count; i++) {
        const struct js_backlog_ahead *ahead = &slave->ahead[i];
        JS_INVARIANT(ahead->ticket < backlog->next_ticket);
        JS_INVARIANT(i == 0 || slave->ahead[i - 1].ticket < ahead->ticket);
        JS_INVARIANT(!js_job_is_constrained(ahead->job));
    }
    JS_INVARIANT(slave->constrained == constrained);
    JS_INVARIANT(slave->new_losses == losses);
    JS_INVARIANT(losses == 0 || slave->has_losses);
    JS_INVARIANT(alone == slave->is_alone);
    JS_INVARIANT(alone == 0 || js_backlog_count(slave) == 1);
    sums->node_lost += losses;
}

static void slave_assert_invariants(const struct js_backlog *backlog,
                                    const struct js_backlog_slave *slave,
                                    struct backlog_sums *sums)
{
    slave_assert_jobs(backlog, slave, sums);
    JS_INVARIANT(slave->slotted <= slave->slots);
    JS_INVARIANT(slave->ahead_count <= JS_SCHEDULER_AHEAD_MAX);
    JS_INVARIANT(slave->unacknowledged <= slave->credit);
    JS_INVARIANT(slave->acknowledged < slave->credit);
    JS_INVARIANT(!slave->is_lost ||
                 (js_backlog_count(slave) == 0 && !slave->is_recalled));
    JS_INVARIANT(slave->is_cleared == (backlog->cleared == slave));
    sums->assigned += js_backlog_count(slave);
    sums->ahead += slave->ahead_count;
    sums->live += !slave->is_lost;
    sums->slots += slave->is_lost ? 0 : slave->slots;
    sums->cleared += slave->is_cleared;
}

static void backlog_assert_begun(const struct js_backlog *backlog)
{
    const struct js_assignment *earlier = NULL;
    uint64_t unreported = 0;
    for (const struct js_assignment *own = backlog->first_begun; own;
         earlier = own, own = own->later) {
        JS_INVARIANT(own->earlier == earlier && !own->is_reported);
        JS_INVARIANT(!earlier || earlier->begun_ns <= own->begun_ns);
        unreported++;
    }
    JS_INVARIANT(backlog->last_begun == earlier);
    JS_INVARIANT(backlog->unreported == unreported);
}

void js_backlog_assert_invariants(const struct js_backlog *backlog)
{
    struct backlog_sums sums = {0};
    for (unsigned i = 0; i < backlog->slave_end; i++) {
        if (backlog->slaves[i])
            slave_assert_invariants(backlog, backlog->slaves[i], &sums);
    }
    backlog_assert_begun(backlog);
    js_backlog_room_assert_invariants(backlog);
    JS_INVARIANT(backlog->assigned == sums.assigned);
    JS_INVARIANT(backlog->ahead == sums.ahead);
    JS_INVARIANT(backlog->node_lost == sums.node_lost);
    JS_INVARIANT(backlog->unreported == sums.unreported);
    JS_INVARIANT(backlog->live_slaves == sums.live);
    JS_INVARIANT(backlog->live_slots == sums.slots);
    JS_INVARIANT(sums.cleared == (backlog->cleared != NULL));
    struct js_request held = js_allocator_assert_invariants(backlog->allocator);
    JS_INVARIANT(held.cores == sums.held.cores);
    JS_INVARIANT(held.gpus == sums.held.gpus);
}
