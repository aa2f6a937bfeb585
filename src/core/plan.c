#include "core/plan.h"

#include <errno.h>
#include <stdlib.h>

enum {
    AHEAD_MAX = 8,          /* jobs given ahead of time, at most */
    LEVELS = AHEAD_MAX + 1, /* 0: has a free slot; n: n-1 jobs ahead */
    RUN_TIME_WEIGHT = 8,    /* the average follows the last eight or so */
};

struct assignment {
    uint64_t ticket;
    struct js_job *job; /* owned */
};

struct slave {
    unsigned number;
    uint32_t slots;
    uint32_t unacknowledged;
    bool is_lost;
    bool is_stuck;  /* gave jobs back: nothing ahead before its next end */
    uint32_t count; /* of assignments; room for slots + AHEAD_MAX */
    struct assignment *assignments;
    /* In the list of its level, if it has room and credit. */
    int level; /* -1: in none */
    struct slave *next, *prev;
};

struct level {
    struct slave *first, *last;
};

struct js_plan {
    struct js_plan_config config;
    struct js_job_queue waiting;
    struct js_job_queue dispatched;
    struct js_job_queue opened;
    uint64_t assigned;
    uint64_t next_ticket;
    int64_t run_ns;        /* a moving average; -1: none has ended yet */
    struct slave **slaves; /* by number; NULL where there is none */
    unsigned slave_end;    /* one more than the highest number */
    unsigned live_slaves;
    uint64_t live_slots;
    struct level levels[LEVELS];
};

struct js_plan *js_plan_new(const struct js_plan_config *config)
{
    struct js_plan *plan = calloc(1, sizeof(*plan));
    if (!plan)
        return NULL;
    plan->config = *config;
    plan->next_ticket = 1;
    plan->run_ns = -1;
    return plan;
}

static void free_slave(struct slave *slave)
{
    if (!slave)
        return;
    for (uint32_t i = 0; i < slave->count; i++)
        js_job_free(slave->assignments[i].job);
    free(slave->assignments);
    free(slave);
}

void js_plan_free(struct js_plan *plan)
{
    if (!plan)
        return;
    int saved = errno;
    for (unsigned i = 0; i < plan->slave_end; i++)
        free_slave(plan->slaves[i]);
    free(plan->slaves);
    js_job_queue_release(&plan->waiting);
    js_job_queue_release(&plan->opened);
    js_job_queue_release(&plan->dispatched);
    free(plan);
    errno = saved;
}

/* ------------------------------------------------- slaves with room */

static void leave_level(struct js_plan *plan, struct slave *slave)
{
    if (slave->level < 0)
        return;
    struct level *level = &plan->levels[slave->level];
    *(slave->prev ? &slave->prev->next : &level->first) = slave->next;
    *(slave->next ? &slave->next->prev : &level->last) = slave->prev;
    slave->next = slave->prev = NULL;
    slave->level = -1;
}

static int level_of(const struct slave *slave)
{
    if (slave->is_lost || slave->unacknowledged >= JS_PLAN_CREDIT)
        return -1;
    if (slave->count < slave->slots)
        return 0;
    uint32_t ahead = slave->count - slave->slots;
    return ahead < AHEAD_MAX && !slave->is_stuck ? (int)ahead + 1 : -1;
}

/* Puts the slave where it belongs after a change, behind its equals. */
static void place_slave(struct js_plan *plan, struct slave *slave)
{
    leave_level(plan, slave);
    slave->level = level_of(slave);
    if (slave->level < 0)
        return;
    struct level *level = &plan->levels[slave->level];
    slave->prev = level->last;
    *(level->last ? &level->last->next : &level->first) = slave;
    level->last = slave;
}

/* How many jobs a slave may have ahead of time. */
static int ahead_allowed(const struct js_plan *plan)
{
    if (plan->run_ns < 0)
        return 0;
    if (plan->run_ns <= JS_PLAN_AHEAD_NS / AHEAD_MAX)
        return AHEAD_MAX;
    return (int)(JS_PLAN_AHEAD_NS / plan->run_ns);
}

/* The slave to give the next job to: one with a free slot, else the one with
 * the fewest ahead, else NULL. */
static struct slave *slave_with_room(const struct js_plan *plan)
{
    int levels = ahead_allowed(plan) + 1;
    for (int i = 0; i < levels; i++) {
        if (plan->levels[i].first)
            return plan->levels[i].first;
    }
    return NULL;
}

static struct slave *find_slave(const struct js_plan *plan, unsigned number)
{
    return number < plan->slave_end ? plan->slaves[number] : NULL;
}

static int make_room_for(struct js_plan *plan, unsigned number)
{
    if (number < plan->slave_end)
        return 0;
    struct slave **slaves =
        realloc(plan->slaves, (number + 1) * sizeof(*slaves));
    if (!slaves)
        return -1;
    for (unsigned i = plan->slave_end; i <= number; i++)
        slaves[i] = NULL;
    plan->slaves = slaves;
    plan->slave_end = number + 1;
    return 0;
}

int js_plan_add_slave(struct js_plan *plan, unsigned number, uint32_t slots)
{
    if (find_slave(plan, number)) {
        errno = EEXIST;
        return -1;
    }
    if (make_room_for(plan, number) < 0)
        return -1;
    struct slave *slave = calloc(1, sizeof(*slave));
    if (!slave)
        return -1;
    slave->assignments =
        calloc((size_t)slots + AHEAD_MAX, sizeof(*slave->assignments));
    if (!slave->assignments) {
        free_slave(slave);
        return -1;
    }
    slave->number = number;
    slave->slots = slots;
    slave->level = -1;
    plan->slaves[number] = slave;
    plan->live_slaves++;
    plan->live_slots += slots;
    place_slave(plan, slave);
    return 0;
}

/* ------------------------------------------------- decisions */

void js_plan_add(struct js_plan *plan, struct js_job *job)
{
    js_job_queue_push(&plan->waiting, job);
}

bool js_plan_wants_jobs(const struct js_plan *plan)
{
    /* Enough for every slave to be filled between two turns of the master. */
    return plan->waiting.count < plan->config.round_size + plan->live_slots +
                                     (uint64_t)AHEAD_MAX * plan->live_slaves;
}

static void open_round(struct js_plan *plan)
{
    while (plan->opened.count < plan->config.round_size && plan->waiting.head)
        js_job_queue_push(&plan->opened, js_job_queue_pop(&plan->waiting));
}

static bool may_open_round(const struct js_plan *plan)
{
    if (!plan->waiting.head || plan->dispatched.head)
        return false;
    return !plan->config.barrier || plan->assigned == 0;
}

static struct js_plan_decision announce(struct js_plan *plan)
{
    struct js_job *job = js_job_queue_pop(&plan->opened);
    js_job_queue_push(&plan->dispatched, job);
    return (struct js_plan_decision){.step = JS_PLAN_DISPATCH, .job = job};
}

static struct js_plan_decision assign(struct js_plan *plan, struct slave *slave)
{
    struct js_job *job = js_job_queue_pop(&plan->dispatched);
    uint64_t ticket = plan->next_ticket++;
    slave->assignments[slave->count++] = (struct assignment){ticket, job};
    slave->unacknowledged++;
    plan->assigned++;
    place_slave(plan, slave);
    return (struct js_plan_decision){.step = JS_PLAN_ASSIGN,
                                     .job = job,
                                     .slave = slave->number,
                                     .ticket = ticket};
}

struct js_plan_decision js_plan_next(struct js_plan *plan)
{
    struct js_plan_decision nothing = {.step = JS_PLAN_NOTHING};
    if (plan->opened.head)
        return announce(plan);
    struct slave *slave = slave_with_room(plan);
    if (!slave)
        return nothing;
    if (plan->dispatched.head)
        return assign(plan, slave);
    if (!may_open_round(plan))
        return nothing;
    open_round(plan);
    return announce(plan);
}

/* ------------------------------------------------- news */

void js_plan_acknowledged(struct js_plan *plan, unsigned number, uint32_t count)
{
    struct slave *slave = find_slave(plan, number);
    if (!slave)
        return;
    slave->unacknowledged -=
        count < slave->unacknowledged ? count : slave->unacknowledged;
    place_slave(plan, slave);
}

/* Takes the job under that ticket out of the slave's hands, or NULL. */
static struct js_job *take_back(struct js_plan *plan, struct slave *slave,
                                uint64_t ticket)
{
    for (uint32_t i = 0; i < slave->count; i++) {
        if (slave->assignments[i].ticket != ticket)
            continue;
        struct js_job *job = slave->assignments[i].job;
        slave->assignments[i] = slave->assignments[--slave->count];
        plan->assigned--;
        return job;
    }
    return NULL;
}

static void learn_run_time(struct js_plan *plan, int64_t run_ns)
{
    if (plan->run_ns < 0)
        plan->run_ns = run_ns;
    else
        plan->run_ns += (run_ns - plan->run_ns) / RUN_TIME_WEIGHT;
}

struct js_job *js_plan_ended(struct js_plan *plan, unsigned number,
                             uint64_t ticket, int64_t run_ns)
{
    struct slave *slave = find_slave(plan, number);
    struct js_job *job = slave ? take_back(plan, slave, ticket) : NULL;
    if (!job)
        return NULL;
    slave->is_stuck = false;
    learn_run_time(plan, run_ns);
    place_slave(plan, slave);
    return job;
}

void js_plan_returned(struct js_plan *plan, unsigned number, uint64_t ticket)
{
    struct slave *slave = find_slave(plan, number);
    struct js_job *job = slave ? take_back(plan, slave, ticket) : NULL;
    if (!job)
        return;
    js_job_queue_push_front(&plan->dispatched, job);
    /* What it runs takes longer than the others' did. */
    slave->is_stuck = true;
    place_slave(plan, slave);
}

void js_plan_lost(struct js_plan *plan, unsigned number)
{
    struct slave *slave = find_slave(plan, number);
    if (!slave || slave->is_lost)
        return;
    while (slave->count > 0) {
        struct js_job *job = slave->assignments[--slave->count].job;
        job->attempt++;
        js_job_queue_push_front(&plan->dispatched, job);
        plan->assigned--;
    }
    slave->is_lost = true;
    plan->live_slaves--;
    plan->live_slots -= slave->slots;
    place_slave(plan, slave);
}

uint64_t js_plan_held(const struct js_plan *plan)
{
    return plan->waiting.count + plan->opened.count + plan->dispatched.count +
           plan->assigned;
}

uint64_t js_plan_assigned(const struct js_plan *plan)
{
    return plan->assigned;
}

int64_t js_plan_run_ns(const struct js_plan *plan)
{
    return plan->run_ns;
}

unsigned js_plan_slaves(const struct js_plan *plan)
{
    return plan->live_slaves;
}

uint64_t js_plan_slots(const struct js_plan *plan)
{
    return plan->live_slots;
}
