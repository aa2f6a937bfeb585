#include "sched/backlog.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    RUN_TIME_WEIGHT = 8, /* the average covers about the last eight jobs */
    SHORT_WEIGHT = 32,   /* the shortest run time is forgotten more slowly */
    PART_BITS = 7,
};
_Static_assert(1 << PART_BITS == JS_LOG_HISTOGRAM_PARTS,
               "as many bits number a part");
_Static_assert(JS_BACKLOG_LEVELS <= 64, "`filled` has a bit for each");

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
        for (uint32_t k = 0; slave && k < slave->count; k++) {
            js_job_free(slave->assignments[k].job);
            js_allocation_free(&slave->assignments[k].allocation);
        }
        if (slave)
            free(slave->assignments);
        free(slave);
    }
    free(backlog->slaves);
}

int js_backlog_add(struct js_backlog *backlog, unsigned number, uint32_t slots)
{
    if (js_backlog_find(backlog, number)) {
        errno = EEXIST;
        return -1;
    }
    /* Ranks have hardly any gaps, so slaves are found by index. Slaves are
     * allocated one by one, because the lists of levels point to them. */
    if (number >= backlog->slave_end) {
        struct js_backlog_slave **slaves = realloc(
            backlog->slaves, (number + 1) * sizeof(struct js_backlog_slave *));
        if (!slaves)
            return -1;
        for (unsigned i = backlog->slave_end; i <= number; i++)
            slaves[i] = NULL;
        backlog->slaves = slaves;
        backlog->slave_end = number + 1;
    }
    struct js_backlog_slave *slave = calloc(1, sizeof(*slave));
    if (!slave)
        return -1;
    /* This is all the room that the slave can ever need, so giving it a job
     * cannot fail. */
    slave->assignments = calloc((size_t)slots + JS_SCHEDULER_AHEAD_MAX,
                                sizeof(*slave->assignments));
    if (!slave->assignments) {
        free(slave);
        return -1;
    }
    slave->number = number;
    slave->slots = slots;
    slave->credit = JS_SCHEDULER_CREDIT_FIRST;
    slave->level = -1;
    backlog->slaves[number] = slave;
    backlog->live_slaves++;
    backlog->live_slots += slots;
    js_backlog_place(backlog, slave);
    return 0;
}

/* ------------------------------------------------- slaves with room */

/* A slave gets jobs ahead of time only if every slot runs a plain job. Only
 * then is it known which slot a job given ahead will take over. */
static int backlog_level_of(const struct js_backlog *backlog,
                            const struct js_backlog_slave *slave)
{
    if (slave->is_lost || slave->is_alone || slave->is_cleared ||
        slave->unacknowledged >= slave->credit)
        return -1;
    if (slave->slotted < slave->slots)
        return js_allocator_free_slots(backlog->allocator, slave->number) > 0
                   ? 0
                   : -1;
    uint32_t ahead = js_backlog_ahead(slave);
    if (ahead >= JS_SCHEDULER_AHEAD_MAX || slave->is_stuck ||
        slave->is_recalled || slave->constrained > 0 ||
        js_allocator_is_reserved(backlog->allocator, slave->number))
        return -1;
    return (int)ahead + 1;
}

/* Takes the slave out of its level, and puts it behind the others in the level
 * where it belongs now, so that slaves take turns. The lists are doubly linked,
 * because a slave changes its level with almost every message. */
void js_backlog_place(struct js_backlog *backlog,
                      struct js_backlog_slave *slave)
{
    int level = slave->level;
    if (level >= 0) {
        *(slave->prev ? &slave->prev->next : &backlog->levels[level].first) =
            slave->next;
        *(slave->next ? &slave->next->prev : &backlog->levels[level].last) =
            slave->prev;
        if (!backlog->levels[level].first)
            backlog->filled &= ~(UINT64_C(1) << level);
        backlog->idle -= level == 0;
        slave->next = slave->prev = NULL;
    }
    backlog->has_changed = true;
    level = slave->level = backlog_level_of(backlog, slave);
    if (level < 0)
        return;
    slave->prev = backlog->levels[level].last;
    *(slave->prev ? &slave->prev->next : &backlog->levels[level].first) = slave;
    backlog->levels[level].last = slave;
    backlog->filled |= UINT64_C(1) << level;
    backlog->idle += level == 0;
}

void js_backlog_place_all(struct js_backlog *backlog)
{
    for (unsigned i = 0; i < backlog->slave_end; i++) {
        if (backlog->slaves[i])
            js_backlog_place(backlog, backlog->slaves[i]);
    }
}

/* Updates all slaves on this one's node, after a change that affects them. */
static void backlog_place_neighbours(struct js_backlog *backlog,
                                     unsigned number)
{
    const unsigned *ranks;
    size_t count = js_allocator_neighbours(backlog->allocator, number, &ranks);
    for (size_t i = 0; i < count; i++) {
        struct js_backlog_slave *slave = js_backlog_find(backlog, ranks[i]);
        if (slave)
            js_backlog_place(backlog, slave);
    }
}

/* The lowest level wins: a free slot comes before a place ahead of time, and
 * few jobs ahead come before many. This takes constant time, because the bits
 * of `filled` say which levels have a slave. */
struct js_backlog_slave *js_backlog_find_room(const struct js_backlog *backlog,
                                              unsigned avoid)
{
    /* The most jobs that a slave may have ahead of time. */
    int highest = 0;
    if (backlog->run_ns >= 0 && backlog->is_ahead_allowed) {
        int64_t least_ns = JS_SCHEDULER_AHEAD_NS / JS_SCHEDULER_AHEAD_MAX;
        highest = backlog->run_ns <= least_ns
                      ? JS_SCHEDULER_AHEAD_MAX
                      : (int)(JS_SCHEDULER_AHEAD_NS / backlog->run_ns);
    }
    for (uint64_t left = backlog->filled; left; left &= left - 1) {
        int level = __builtin_ctzll(left);
        if (level > highest)
            break;
        struct js_backlog_slave *slave = backlog->levels[level].first;
        if (slave->number == avoid)
            slave = slave->next;
        if (slave)
            return slave;
    }
    return NULL;
}

bool js_backlog_is_usable(void *arg, unsigned rank)
{
    const struct js_backlog_slave *slave = js_backlog_find(arg, rank);
    return slave && !slave->is_lost && !slave->is_alone && !slave->is_cleared &&
           slave->unacknowledged < slave->credit &&
           slave->slotted < slave->slots;
}

bool js_backlog_is_empty(void *arg, unsigned rank)
{
    const struct js_backlog_slave *slave = js_backlog_find(arg, rank);
    return slave && !slave->is_lost && slave->count == 0 &&
           slave->unacknowledged < slave->credit;
}

/* The slave with the fewest jobs is likely to be empty first. */
void js_backlog_clear_one(struct js_backlog *backlog)
{
    struct js_backlog_slave *least = NULL;
    for (unsigned i = 0; !backlog->cleared && i < backlog->slave_end; i++) {
        struct js_backlog_slave *slave = backlog->slaves[i];
        if (slave && !slave->is_lost && (!least || slave->count < least->count))
            least = slave;
    }
    if (!least)
        return;
    backlog->cleared = least;
    least->is_cleared = true;
    js_backlog_place(backlog, least);
}

void js_backlog_end_clearing(struct js_backlog *backlog)
{
    struct js_backlog_slave *slave = backlog->cleared;
    if (!slave)
        return;
    backlog->cleared = NULL;
    slave->is_cleared = false;
    js_backlog_place(backlog, slave);
}

/* ------------------------------------------------- what the slaves have */

/* The assignment now has its allocation. */
static void backlog_begin(struct js_backlog *backlog, struct js_assignment *own)
{
    own->begun_ns = backlog->now_ns;
    /* The first job to report sets the time of the next check. Later jobs wait
     * for that check, so that checking costs little. */
    if (backlog->unreported++ == 0)
        backlog->look_ns = backlog->now_ns + JS_SCHEDULER_BEGUN_NS;
}

const struct js_assignment *
js_backlog_give(struct js_backlog *backlog, struct js_backlog_slave *slave,
                struct js_job *job, const struct js_allocation *allocation)
{
    struct js_assignment *own = &slave->assignments[slave->count++];
    *own = (struct js_assignment){.ticket = backlog->next_ticket++,
                                  .job = job,
                                  .allocation = *allocation};
    /* A suspect that is not plain may run beside other jobs if no empty slave
     * has room for it. */
    own->is_alone = js_job_is_suspect(job) && slave->count == 1;
    slave->is_alone = own->is_alone;
    if (own->is_alone)
        js_backlog_end_clearing(backlog);
    slave->unacknowledged++;
    slave->constrained += js_job_is_constrained(job);
    slave->slotted += allocation->rank > 0;
    backlog->assigned++;
    backlog->ahead += allocation->rank == 0;
    if (allocation->rank > 0)
        backlog_begin(backlog, own);
    js_backlog_place(backlog, slave);
    /* A plain job takes its own slot, and changes nothing for the neighbours
     * unless slots share cores. */
    if (!js_job_is_plain(job) ||
        js_allocator_is_shared(backlog->allocator, slave->number)) {
        backlog_place_neighbours(backlog, allocation->rank);
        for (uint32_t i = 0; i < allocation->other_count; i++)
            backlog_place_neighbours(backlog, allocation->others[i].rank);
    }
    return own;
}

bool js_backlog_take(struct js_backlog *backlog, struct js_backlog_slave *slave,
                     uint64_t ticket, struct js_assignment *ret)
{
    for (uint32_t i = 0; i < slave->count; i++) {
        if (slave->assignments[i].ticket != ticket)
            continue;
        *ret = slave->assignments[i];
        slave->count--;
        memmove(&slave->assignments[i], &slave->assignments[i + 1],
                (slave->count - i) * sizeof(*ret));
        slave->slotted -= ret->allocation.rank > 0;
        slave->constrained -= js_job_is_constrained(ret->job);
        slave->is_alone = false;
        backlog->assigned--;
        backlog->ahead -= ret->allocation.rank == 0;
        backlog->node_lost -= ret->node_loss == JS_NODE_LOSS_NEW;
        backlog->unreported -= ret->allocation.rank > 0 && !ret->is_reported;
        return true;
    }
    return false;
}

/* Cores, GPUs and memory that become free may give room to other slaves of the
 * node. Their levels are updated, but only where this is possible: for most
 * jobs nothing changes, and the end of a job must stay cheap. */
void js_backlog_let_go(struct js_backlog *backlog,
                       const struct js_backlog_slave *slave,
                       struct js_assignment *assignment)
{
    bool is_wide = !js_job_is_plain(assignment->job);
    bool is_on_others = assignment->allocation.other_count > 0;
    if (assignment->allocation.rank > 0)
        js_allocator_release(backlog->allocator, &assignment->allocation);
    if (is_on_others)
        js_backlog_place_all(backlog);
    else if (is_wide || js_allocator_has_reservation(backlog->allocator) ||
             js_allocator_is_shared(backlog->allocator, slave->number))
        backlog_place_neighbours(backlog, slave->number);
}

/* The slave hands the slot on without asking. So the first job ahead gets the
 * slot here too: both sides know the same order. */
void js_backlog_hand_on(struct js_backlog *backlog,
                        struct js_backlog_slave *slave,
                        struct js_assignment *ended)
{
    bool is_plain = js_job_is_plain(ended->job) && ended->allocation.rank > 0;
    for (uint32_t i = 0; i < slave->count && is_plain; i++) {
        struct js_assignment *next = &slave->assignments[i];
        if (next->allocation.rank > 0)
            continue;
        next->allocation = ended->allocation;
        slave->slotted++;
        backlog->ahead--;
        backlog_begin(backlog, next);
        return;
    }
    js_backlog_let_go(backlog, slave, ended);
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

/* Half of the jobs are left to the slave. It will work on while its answer is
 * on its way, and the next recall can take half of the rest. */
struct js_backlog_slave *js_backlog_recall(struct js_backlog *backlog,
                                           uint32_t *ret_count)
{
    struct js_backlog_slave *most = NULL;
    for (unsigned i = 0; backlog->ahead > 0 && i < backlog->slave_end; i++) {
        struct js_backlog_slave *slave = backlog->slaves[i];
        if (slave && !slave->is_lost && !slave->is_recalled &&
            js_backlog_ahead(slave) > (most ? js_backlog_ahead(most) : 0))
            most = slave;
    }
    if (!most)
        return NULL;
    *ret_count = (js_backlog_ahead(most) + 1) / 2;
    most->is_recalled = true;
    backlog->recalls++;
    js_backlog_place(backlog, most);
    return most;
}

void js_backlog_recalled(struct js_backlog *backlog,
                         struct js_backlog_slave *slave)
{
    if (!slave->is_recalled)
        return;
    slave->is_recalled = false;
    backlog->recalls--;
    js_backlog_place(backlog, slave);
}

/* The order matters: the allocator may end a reservation, and the levels are
 * right only after that. */
void js_backlog_drop(struct js_backlog *backlog, struct js_backlog_slave *slave)
{
    if (slave->is_cleared)
        js_backlog_end_clearing(backlog);
    /* Jobs of other slaves that hold a slot of this slave must end: part of
     * each is gone. */
    for (unsigned i = 0; i < backlog->slave_end; i++) {
        struct js_backlog_slave *other = backlog->slaves[i];
        for (uint32_t k = 0; other && k < other->count; k++) {
            struct js_assignment *own = &other->assignments[k];
            if (own->node_loss != JS_NODE_LOSS_NONE ||
                own->allocation.other_count == 0 ||
                !js_allocation_is_on(&own->allocation, slave->number))
                continue;
            own->node_loss = JS_NODE_LOSS_NEW;
            backlog->node_lost++;
        }
    }
    js_backlog_recalled(backlog, slave);
    backlog->live_slaves--;
    backlog->live_slots -= slave->slots;
    js_allocator_drop(backlog->allocator, slave->number);
    js_backlog_place_all(backlog);
}

const struct js_assignment *
js_backlog_next_node_lost(struct js_backlog *backlog,
                          const struct js_backlog_slave **ret_slave)
{
    for (unsigned i = 0; backlog->node_lost > 0 && i < backlog->slave_end;
         i++) {
        struct js_backlog_slave *slave = backlog->slaves[i];
        for (uint32_t k = 0; slave && k < slave->count; k++) {
            struct js_assignment *own = &slave->assignments[k];
            if (own->node_loss != JS_NODE_LOSS_NEW)
                continue;
            own->node_loss = JS_NODE_LOSS_ENDING;
            backlog->node_lost--;
            *ret_slave = slave;
            return own;
        }
    }
    return NULL;
}

/* ------------------------------------------------- run times */

void js_log_histogram_add(struct js_log_histogram *histogram, int64_t value_ns)
{
    uint64_t value = value_ns < JS_LOG_HISTOGRAM_PARTS ? JS_LOG_HISTOGRAM_PARTS
                                                       : (uint64_t)value_ns;
    /* The highest bit of the value and the seven bits below it select the
     * bucket. */
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - PART_BITS;
    histogram->buckets[shift * JS_LOG_HISTOGRAM_PARTS +
                       (unsigned)(value >> shift) - JS_LOG_HISTOGRAM_PARTS]++;
    histogram->count++;
}

int64_t js_log_histogram_median_ns(const struct js_log_histogram *histogram)
{
    uint64_t seen = 0;
    if (histogram->count == 0)
        return -1;
    unsigned i = 0;
    while (i < JS_LOG_HISTOGRAM_BUCKETS - 1 &&
           2 * (seen + histogram->buckets[i]) < histogram->count)
        seen += histogram->buckets[i++];
    /* The middle of the bucket. */
    unsigned shift = i / JS_LOG_HISTOGRAM_PARTS;
    uint64_t value = JS_LOG_HISTOGRAM_PARTS + i % JS_LOG_HISTOGRAM_PARTS;
    return (int64_t)((value << shift) + (UINT64_C(1) << shift) / 2);
}

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
    for (unsigned i = 0; i < backlog->slave_end; i++) {
        struct js_backlog_slave *slave = backlog->slaves[i];
        /* Jobs ahead have no slot, and there may be many of them, so the loop
         * stops at the last job that has one. */
        uint32_t left = slave ? slave->slotted : 0;
        for (uint32_t k = 0; left > 0 && k < slave->count; k++) {
            struct js_assignment *own = &slave->assignments[k];
            bool has_slot = own->allocation.rank > 0;
            left -= has_slot;
            if (!has_slot || own->is_reported ||
                backlog->now_ns - own->begun_ns < JS_SCHEDULER_BEGUN_NS)
                continue;
            own->is_reported = true;
            backlog->unreported--;
            report(arg, own->job, slave->number, own->begun_ns);
        }
    }
}

/* ------------------------------------------------- invariants */

/* Sums recounted over all slaves. */
struct backlog_sums {
    uint64_t assigned, ahead, node_lost, unreported, slots;
    struct js_request held;
    unsigned live, recalls, cleared, placed;
};

static void slave_assert_invariants(const struct js_backlog *backlog,
                                    const struct js_backlog_slave *slave,
                                    struct backlog_sums *sums)
{
    uint32_t slotted = 0, constrained = 0, alone = 0;
    for (uint32_t i = 0; i < slave->count; i++) {
        const struct js_assignment *own = &slave->assignments[i];
        JS_INVARIANT(own->ticket < backlog->next_ticket);
        JS_INVARIANT(i == 0 || slave->assignments[i - 1].ticket < own->ticket);
        bool has_slot = own->allocation.rank > 0;
        JS_INVARIANT(!has_slot || own->allocation.rank == slave->number);
        slotted += has_slot;
        sums->held.cores += own->allocation.core_count;
        sums->held.gpus += own->allocation.gpu_count;
        for (uint32_t k = 0; k < own->allocation.other_count; k++) {
            sums->held.cores += own->allocation.others[k].core_count;
            sums->held.gpus += own->allocation.others[k].gpu_count;
        }
        constrained += js_job_is_constrained(own->job);
        alone += own->is_alone;
        sums->node_lost += own->node_loss == JS_NODE_LOSS_NEW;
        sums->unreported += has_slot && !own->is_reported;
    }
    JS_INVARIANT(slave->slotted == slotted && slotted <= slave->slots);
    JS_INVARIANT(slave->constrained == constrained);
    JS_INVARIANT(slave->count <= slave->slots + JS_SCHEDULER_AHEAD_MAX);
    JS_INVARIANT(alone == slave->is_alone);
    JS_INVARIANT(alone == 0 || slave->count == 1);
    JS_INVARIANT(slave->unacknowledged <= slave->credit);
    JS_INVARIANT(slave->acknowledged < slave->credit);
    JS_INVARIANT(slave->level == backlog_level_of(backlog, slave));
    JS_INVARIANT(!slave->is_lost || (slave->count == 0 && !slave->is_recalled));
    JS_INVARIANT(slave->is_cleared == (backlog->cleared == slave));
    sums->assigned += slave->count;
    sums->ahead += slave->count - slotted;
    sums->live += !slave->is_lost;
    sums->slots += slave->is_lost ? 0 : slave->slots;
    sums->recalls += slave->is_recalled;
    sums->cleared += slave->is_cleared;
    sums->placed += slave->level >= 0;
}

void js_backlog_assert_invariants(const struct js_backlog *backlog)
{
    struct backlog_sums sums = {0};
    for (unsigned i = 0; i < backlog->slave_end; i++) {
        if (backlog->slaves[i])
            slave_assert_invariants(backlog, backlog->slaves[i], &sums);
    }
    unsigned placed = 0;
    for (int level = 0; level < JS_BACKLOG_LEVELS; level++) {
        const struct js_backlog_slave *slave = backlog->levels[level].first;
        const struct js_backlog_slave *prev = NULL;
        unsigned before = placed;
        for (; slave; prev = slave, slave = slave->next) {
            JS_INVARIANT(slave->level == level && slave->prev == prev);
            placed++;
        }
        JS_INVARIANT(backlog->levels[level].last == prev);
        JS_INVARIANT((backlog->filled >> level & 1) == (placed > before));
        JS_INVARIANT(level > 0 || backlog->idle == placed);
    }
    JS_INVARIANT(placed == sums.placed);
    JS_INVARIANT(backlog->assigned == sums.assigned);
    JS_INVARIANT(backlog->ahead == sums.ahead);
    JS_INVARIANT(backlog->node_lost == sums.node_lost);
    JS_INVARIANT(backlog->unreported == sums.unreported);
    JS_INVARIANT(backlog->live_slaves == sums.live);
    JS_INVARIANT(backlog->live_slots == sums.slots);
    JS_INVARIANT(backlog->recalls == sums.recalls);
    JS_INVARIANT(sums.cleared == (backlog->cleared != NULL));
    struct js_request held = js_allocator_assert_invariants(backlog->allocator);
    JS_INVARIANT(held.cores == sums.held.cores);
    JS_INVARIANT(held.gpus == sums.held.gpus);
}
