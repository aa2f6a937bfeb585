#include "base/bits.h"
#include "base/err.h"
#include "sched/backlog.h"

/* What backlog.c knows of the slaves, seen as a question: which of them gets
 * the next job, and from which can one be taken back? */

/* True if the slave can be sent a job for one of its slots. */
static bool slave_is_open(const struct js_backlog_slave *slave)
{
    return !slave->is_lost && !slave->is_alone && !slave->is_cleared &&
           slave->unacknowledged < slave->credit &&
           slave->slotted < slave->slots;
}

/* True if a job would be alone on the slave. */
static bool slave_is_empty(const struct js_backlog_slave *slave)
{
    return !slave->is_lost && js_backlog_count(slave) == 0 &&
           slave->unacknowledged < slave->credit;
}

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
    uint32_t ahead = slave->ahead_count + 1;
    if (ahead > JS_SCHEDULER_AHEAD_MAX || slave->is_stuck ||
        slave->is_recalled || slave->constrained > 0 ||
        (js_allocator_has_cores_reserved(backlog->allocator) &&
         js_allocator_is_reserved(backlog->allocator, slave->number)))
        return -1;
    /* The level is rounded up, because it is compared with the most that is
     * allowed. */
    return ahead <= slave->slots
               ? (int)((JS_BACKLOG_PARTS * (uint64_t)ahead + slave->slots - 1) /
                       slave->slots)
               : JS_BACKLOG_PARTS - 1 +
                     (int)((ahead + slave->slots - 1) / slave->slots);
}

/* The lead is rounded down, because every slave must have at least that much
 * work. */
static int slave_lead(const struct js_backlog_slave *slave)
{
    uint32_t ahead = slave->ahead_count;
    if (slave->is_lost || slave->slots == 0)
        return -1;
    return ahead < slave->slots
               ? (int)(JS_BACKLOG_PARTS * (uint64_t)ahead / slave->slots)
               : JS_BACKLOG_PARTS - 1 + (int)(ahead / slave->slots);
}

static void backlog_count_lead(struct js_backlog *backlog, int lead, int change)
{
    if (lead < 0)
        return;
    unsigned before = backlog->leads[lead];
    backlog->leads[lead] += (unsigned)change;
    if (before == 0 || backlog->leads[lead] == 0)
        js_bits_put(backlog->with_lead, (uint32_t)lead, before == 0);
}

static uint32_t backlog_recall_key(const struct js_backlog_slave *slave)
{
    return slave->ahead_count == 0 || slave->is_recalled || slave->is_lost
               ? JS_TOURNAMENT_NONE
               : JS_SCHEDULER_AHEAD_MAX - slave->ahead_count;
}

static uint32_t backlog_empty_key(const struct js_backlog *backlog,
                                  const struct js_backlog_slave *slave)
{
    return slave_is_empty(slave) && js_allocator_free_slots(backlog->allocator,
                                                            slave->number) > 0
               ? 0
               : JS_TOURNAMENT_NONE;
}

/* Takes the slave out of its level, and puts it behind the others in the level
 * where it belongs now, so that slaves take turns. The lists are doubly linked,
 * because a slave changes its level with almost every message. */
static void backlog_move(struct js_backlog *backlog,
                         struct js_backlog_slave *slave, int level)
{
    int before = slave->level;
    /* It has been the last of its level before. */
    if (level == before && (level < 0 || !slave->next))
        return;
    if (before >= 0) {
        *(slave->prev ? &slave->prev->next : &backlog->levels[before].first) =
            slave->next;
        *(slave->next ? &slave->next->prev : &backlog->levels[before].last) =
            slave->prev;
        if (!backlog->levels[before].first)
            js_bits_put(backlog->filled, (uint32_t)before, false);
        backlog->idle -= before == 0;
        slave->next = slave->prev = NULL;
    }
    slave->level = level;
    if (level < 0)
        return;
    slave->prev = backlog->levels[level].last;
    *(slave->prev ? &slave->prev->next : &backlog->levels[level].first) = slave;
    backlog->levels[level].last = slave;
    if (!slave->prev)
        js_bits_put(backlog->filled, (uint32_t)level, true);
    backlog->idle += level == 0;
}

/* The keys of the tournaments are needed far less often than they change. */
static void backlog_unrank(struct js_backlog *backlog,
                           struct js_backlog_slave *slave)
{
    if (slave->is_unranked)
        return;
    slave->is_unranked = true;
    slave->next_unranked = backlog->first_unranked;
    backlog->first_unranked = slave;
}

static void backlog_rank(struct js_backlog *backlog)
{
    struct js_backlog_slave *slave;
    js_backlog_settle(backlog);
    while ((slave = backlog->first_unranked)) {
        backlog->first_unranked = slave->next_unranked;
        slave->is_unranked = false;
        js_tournament_set(&backlog->recallable, slave->number,
                          backlog_recall_key(slave));
        js_tournament_set(&backlog->empties, slave->number,
                          backlog_empty_key(backlog, slave));
    }
}

static void backlog_update(struct js_backlog *backlog,
                           struct js_backlog_slave *slave)
{
    backlog->places++;
    slave->settled = backlog->settled;
    backlog_move(backlog, slave, backlog_level_of(backlog, slave));
    int lead = slave_lead(slave);
    if (lead != slave->lead) {
        backlog_count_lead(backlog, slave->lead, -1);
        backlog_count_lead(backlog, lead, 1);
        slave->lead = lead;
    }
    backlog_unrank(backlog, slave);
    bool is_open = slave_is_open(slave), is_empty = slave_is_empty(slave);
    if (is_open == slave->is_admitted && is_empty == slave->is_admitted_empty)
        return;
    slave->is_admitted = is_open;
    slave->is_admitted_empty = is_empty;
    js_allocator_admit(backlog->allocator, slave->number, is_open, is_empty);
}

void js_backlog_place(struct js_backlog *backlog,
                      struct js_backlog_slave *slave)
{
    backlog->has_changed = true;
    if (slave->is_unplaced)
        return;
    slave->is_unplaced = true;
    slave->next_unplaced = NULL;
    *(backlog->first_unplaced ? &backlog->last_unplaced->next_unplaced
                              : &backlog->first_unplaced) = slave;
    backlog->last_unplaced = slave;
}

void js_backlog_settle(struct js_backlog *backlog)
{
    struct js_backlog_slave *slave;
    unsigned number;
    backlog->settled++;
    while ((slave = backlog->first_unplaced)) {
        backlog->first_unplaced = slave->next_unplaced;
        slave->is_unplaced = false;
        backlog_update(backlog, slave);
    }
    /* A slave whose level has not changed keeps its turn. */
    while (js_allocator_next_changed(backlog->allocator, &number)) {
        slave = js_backlog_find(backlog, number);
        if (!slave || slave->settled == backlog->settled)
            continue;
        int level = backlog_level_of(backlog, slave);
        backlog->places++;
        if (level != slave->level)
            backlog_move(backlog, slave, level);
        backlog_unrank(backlog, slave);
    }
}

/* The lowest level wins: a free slot comes before a place ahead of time, and
 * little work ahead comes before much. */
struct js_backlog_slave *js_backlog_find_room(struct js_backlog *backlog,
                                              unsigned avoid)
{
    js_backlog_settle(backlog);
    /* The most work that a slave may have ahead of time. */
    int64_t highest = 0;
    if (backlog->run_ns > JS_SCHEDULER_AHEAD_NS && backlog->is_ahead_allowed)
        highest = JS_BACKLOG_PARTS * JS_SCHEDULER_AHEAD_NS / backlog->run_ns;
    else if (backlog->run_ns >= 0 && backlog->is_ahead_allowed)
        highest =
            JS_BACKLOG_PARTS - 1 +
            JS_SCHEDULER_AHEAD_NS / (backlog->run_ns > 0 ? backlog->run_ns : 1);
    uint32_t end =
        highest < JS_BACKLOG_LEVELS ? (uint32_t)highest + 1 : JS_BACKLOG_LEVELS;
    for (uint32_t level = js_bits_next(backlog->filled, 0, end); level < end;
         level = js_bits_next(backlog->filled, level + 1, end)) {
        struct js_backlog_slave *slave = backlog->levels[level].first;
        if (slave->number == avoid)
            slave = slave->next;
        if (slave)
            return slave;
    }
    return NULL;
}

struct js_backlog_slave *js_backlog_find_empty(struct js_backlog *backlog)
{
    backlog_rank(backlog);
    size_t number = js_tournament_best(&backlog->empties);
    return number == SIZE_MAX ? NULL : backlog->slaves[number];
}

/* The slave with the fewest jobs is likely to be empty first. All slaves are
 * examined only when a job must run alone and no slave is being emptied yet. */
void js_backlog_clear_one(struct js_backlog *backlog)
{
    struct js_backlog_slave *least = NULL;
    for (unsigned i = 0; !backlog->cleared && i < backlog->slave_end; i++) {
        struct js_backlog_slave *slave = backlog->slaves[i];
        if (slave && !slave->is_lost &&
            (!least || js_backlog_count(slave) < js_backlog_count(least)))
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

/* ------------------------------------------------- taking back */

/* Half of the jobs stay with the slave. It continues to work while its answer
 * is on its way, and the next recall can take half of the rest. */
struct js_backlog_slave *js_backlog_recall(struct js_backlog *backlog,
                                           uint32_t *ret_count)
{
    backlog_rank(backlog);
    size_t number = js_tournament_best(&backlog->recallable);
    if (number == SIZE_MAX)
        return NULL;
    struct js_backlog_slave *most = backlog->slaves[number];
    *ret_count = (most->ahead_count + 1) / 2;
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
/* ------------------------------------------------- invariants */

static void slave_assert_room_invariants(const struct js_backlog *backlog,
                                         const struct js_backlog_slave *slave)
{
    const struct js_tournament *recallable = &backlog->recallable;
    const struct js_tournament *empties = &backlog->empties;
    bool is_settled =
        !slave->is_unplaced &&
        !js_allocator_is_changed(backlog->allocator, slave->number);
    JS_INVARIANT(!is_settled ||
                 slave->level == backlog_level_of(backlog, slave));
    JS_INVARIANT(!is_settled || slave->is_unranked ||
                 empties->keys[empties->size + slave->number] ==
                     backlog_empty_key(backlog, slave));
    JS_INVARIANT(slave->is_unplaced || slave->lead == slave_lead(slave));
    JS_INVARIANT(slave->is_unplaced || slave->is_unranked ||
                 recallable->keys[recallable->size + slave->number] ==
                     backlog_recall_key(slave));
    JS_INVARIANT(slave->is_unplaced ||
                 js_allocator_is_admitted(backlog->allocator, slave->number,
                                          slave_is_open(slave),
                                          slave_is_empty(slave)));
}

void js_backlog_room_assert_invariants(const struct js_backlog *backlog)
{
    unsigned placed = 0, recalls = 0, unranked = 0;
    unsigned leads[JS_BACKLOG_LEVELS] = {0};
    for (unsigned i = 0; i < backlog->slave_end; i++) {
        const struct js_backlog_slave *slave = backlog->slaves[i];
        if (!slave)
            continue;
        slave_assert_room_invariants(backlog, slave);
        placed += slave->level >= 0;
        recalls += slave->is_recalled;
        unranked += slave->is_unranked;
        if (slave->lead >= 0)
            leads[slave->lead]++;
    }
    for (int level = 0; level < JS_BACKLOG_LEVELS; level++) {
        const struct js_backlog_slave *slave = backlog->levels[level].first;
        const struct js_backlog_slave *prev = NULL;
        unsigned count = 0;
        for (; slave; prev = slave, slave = slave->next) {
            JS_INVARIANT(slave->level == level && slave->prev == prev);
            count++;
        }
        placed -= count;
        JS_INVARIANT(backlog->levels[level].last == prev);
        JS_INVARIANT(js_bits_has(backlog->filled, (uint32_t)level) ==
                     (count > 0));
        JS_INVARIANT(level > 0 || backlog->idle == count);
        JS_INVARIANT(backlog->leads[level] == leads[level]);
        JS_INVARIANT(js_bits_has(backlog->with_lead, (uint32_t)level) ==
                     (leads[level] > 0));
    }
    for (const struct js_backlog_slave *slave = backlog->first_unranked; slave;
         slave = slave->next_unranked)
        unranked--;
    JS_INVARIANT(placed == 0);
    JS_INVARIANT(unranked == 0);
    JS_INVARIANT(backlog->recalls == recalls);
}
