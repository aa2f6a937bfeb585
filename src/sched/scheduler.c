#include "sched/scheduler.h"

#include "sched/lanes.h"
#include "sched/log_histogram.h"
#include "sched/ready_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEVELS = JS_PLAN_AHEAD_MAX + 1, /* 0: has a free slot; n: n-1 jobs ahead */
    RUN_TIME_WEIGHT = 8, /* the average follows the last eight or so */
    SHORT_WEIGHT = 32,   /* ... the shortest is forgotten more slowly */
    MEDIAN_LEAST = 3,    /* run times before there is a median */
    REFUSED_MAX = 8,     /* needs remembered within one look */
};
_Static_assert(LEVELS <= 64, "struct js_plan has a bit for each");

enum wholeness {
    WHOLE = 0,
    BROKEN,      /* a slave on another of its nodes is lost */
    TOLD_TO_END, /* ... and it is to end for that */
};

struct assignment {
    uint64_t ticket;
    struct js_job *job;    /* owned */
    struct js_grant grant; /* rank 0: none yet, it was given ahead */
    enum wholeness wholeness;
    bool is_told;     /* that it has begun */
    bool is_alone;    /* its slave was empty, and gets nothing else */
    int64_t begun_ns; /* once it has a grant */
};

struct slave {
    unsigned number;
    uint32_t slots;
    uint32_t unacknowledged;
    uint32_t credit;       /* for these */
    uint32_t acknowledged; /* since it was changed */
    bool is_lost;
    bool is_stuck;    /* gave jobs back: nothing ahead before its next end */
    bool is_recalled; /* ... and has not yet answered */
    bool is_alone;    /* its one job is */
    bool is_cleared;  /* it gets no more until it is empty: a job is to be alone
                         on it */
    uint32_t special; /* of its jobs: those that are not ordinary */
    uint32_t count;   /* of assignments; room for slots + JS_PLAN_AHEAD_MAX */
    uint32_t slotted; /* of these: with a grant */
    struct assignment *assignments; /* by ticket */
    /* In the list of its level, if it has room and credit. */
    int level; /* -1: in none */
    struct slave *next, *prev;
};

struct level {
    struct slave *first, *last;
};

struct js_plan {
    struct js_plan_config config;
    struct js_graph *graph; /* NULL: no job waits for another */
    struct js_pool *pool;
    struct js_held held;   /* jobs that wait for others */
    struct js_ready ready; /* jobs that wait for a round */
    struct js_job_queue opened;
    struct js_lanes dispatched;
    uint64_t special;           /* of these: those that are not ordinary */
    struct js_job_queue fallen; /* they have failed: lost too often */
    struct slave *cleared;      /* at most one; NULL: none */
    struct js_job_queue late;   /* there is no time left for them */
    int64_t left_ns;
    const struct js_job *favoured; /* of which the pool's reservation is, if it
                                      has one: of DISPATCHED ones */
    bool is_dry; /* nothing can be done until something is told */
    bool is_stopped;
    uint64_t failures;
    uint64_t assigned;
    uint64_t ahead;  /* of these: without a grant */
    uint64_t broken; /* ... : BROKEN */
    uint64_t next_ticket;
    int64_t now_ns;
    uint64_t untold;  /* assignments with a grant that are not told of */
    int64_t look_ns;  /* when to look at them again */
    int64_t run_ns;   /* a moving average; -1: none has ended yet */
    int64_t short_ns; /* the same, of the shortest; 0: none has ended yet */
    struct js_median median;
    struct slave **slaves; /* by number; NULL where there is none */
    unsigned slave_end;    /* one more than the highest number */
    unsigned live_slaves;
    uint64_t live_slots;
    struct level levels[LEVELS];
    uint64_t filled;  /* a bit for each level that has a slave */
    unsigned idle;    /* slaves in level 0 */
    unsigned recalls; /* unanswered */
    uint64_t steps;
};

struct js_plan *js_plan_new(const struct js_plan_config *config,
                            struct js_graph *graph, struct js_pool *pool)
{
    struct js_plan *plan = calloc(1, sizeof(*plan));
    if (!plan)
        return NULL;
    plan->config = *config;
    plan->failures = config->failed_before;
    plan->graph = graph;
    plan->pool = pool;
    plan->ready.longest_first = config->longest_first;
    plan->next_ticket = 1;
    plan->run_ns = -1;
    plan->left_ns = INT64_MAX;
    return plan;
}

static void free_slave(struct slave *slave)
{
    if (!slave)
        return;
    for (uint32_t i = 0; i < slave->count; i++) {
        js_job_free(slave->assignments[i].job);
        js_grant_free(&slave->assignments[i].grant);
    }
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
    js_held_release(&plan->held);
    js_ready_release(&plan->ready);
    js_job_queue_release(&plan->opened);
    js_lanes_release(&plan->dispatched);
    js_job_queue_release(&plan->late);
    js_job_queue_release(&plan->fallen);
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
    if (!level->first)
        plan->filled &= ~(UINT64_C(1) << slave->level);
    plan->idle -= slave->level == 0;
    slave->next = slave->prev = NULL;
    slave->level = -1;
}

static uint32_t ahead_of(const struct slave *slave)
{
    return slave->count - slave->slotted;
}

/* It has been lost with a slave: it is to run alone. */
static bool is_suspect(const struct js_job *job)
{
    return job->losses > 0;
}

/* Any slave with a free slot will do for it. */
static bool is_ordinary(const struct js_job *job)
{
    return js_job_is_plain(job) && !is_suspect(job);
}

/* Ahead of time only where every slot runs a plain job: so it is known which
 * slot a job given ahead takes over. */
static int level_of(const struct js_plan *plan, const struct slave *slave)
{
    if (slave->is_lost || slave->is_alone || slave->is_cleared ||
        slave->unacknowledged >= slave->credit)
        return -1;
    if (slave->slotted < slave->slots)
        return js_pool_free_slots(plan->pool, slave->number) > 0 ? 0 : -1;
    uint32_t ahead = ahead_of(slave);
    if (ahead >= JS_PLAN_AHEAD_MAX || slave->is_stuck || slave->is_recalled ||
        slave->special > 0 || js_pool_is_reserved(plan->pool, slave->number))
        return -1;
    return (int)ahead + 1;
}

/* Puts the slave where it belongs after a change, behind its equals. */
static void place_slave(struct js_plan *plan, struct slave *slave)
{
    leave_level(plan, slave);
    slave->level = level_of(plan, slave);
    plan->is_dry = false;
    if (slave->level < 0)
        return;
    struct level *level = &plan->levels[slave->level];
    slave->prev = level->last;
    *(level->last ? &level->last->next : &level->first) = slave;
    level->last = slave;
    plan->filled |= UINT64_C(1) << slave->level;
    plan->idle += slave->level == 0;
}

/* How many jobs a slave may have ahead of time. */
static int ahead_allowed(const struct js_plan *plan)
{
    /* With a limit of failures the end of each job decides about the next. */
    if (plan->run_ns < 0 || plan->config.failures > 0)
        return 0;
    if (plan->run_ns <= JS_PLAN_AHEAD_NS / JS_PLAN_AHEAD_MAX)
        return JS_PLAN_AHEAD_MAX;
    return (int)(JS_PLAN_AHEAD_NS / plan->run_ns);
}

/* The slave to give the next plain job to: one with a free slot, else the one
 * with the fewest ahead, else NULL. */
static struct slave *slave_with_room(const struct js_plan *plan, unsigned avoid)
{
    int highest = ahead_allowed(plan);
    for (uint64_t left = plan->filled; left; left &= left - 1) {
        int level = __builtin_ctzll(left);
        if (level > highest)
            break;
        struct slave *slave = plan->levels[level].first;
        if (slave->number == avoid)
            slave = slave->next;
        if (slave)
            return slave;
    }
    return NULL;
}

static struct slave *find_slave(const struct js_plan *plan, unsigned number)
{
    return number < plan->slave_end ? plan->slaves[number] : NULL;
}

/* Something has changed for all slaves of its node. */
static void place_neighbours(struct js_plan *plan, unsigned number)
{
    const unsigned *ranks;
    size_t count = js_pool_neighbours(plan->pool, number, &ranks);
    for (size_t i = 0; i < count; i++) {
        struct slave *slave = find_slave(plan, ranks[i]);
        if (slave)
            place_slave(plan, slave);
    }
}

/* The same on all nodes of a grant. */
static void place_holders(struct js_plan *plan, const struct js_grant *grant)
{
    place_neighbours(plan, grant->rank);
    for (uint32_t i = 0; i < grant->other_count; i++)
        place_neighbours(plan, grant->others[i].rank);
}

static void place_all(struct js_plan *plan)
{
    for (unsigned i = 0; i < plan->slave_end; i++) {
        if (plan->slaves[i])
            place_slave(plan, plan->slaves[i]);
    }
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
        calloc((size_t)slots + JS_PLAN_AHEAD_MAX, sizeof(*slave->assignments));
    if (!slave->assignments) {
        free_slave(slave);
        return -1;
    }
    slave->number = number;
    slave->slots = slots;
    slave->credit = JS_PLAN_CREDIT_FIRST;
    slave->level = -1;
    plan->slaves[number] = slave;
    plan->live_slaves++;
    plan->live_slots += slots;
    place_slave(plan, slave);
    return 0;
}

/* ------------------------------------------------- jobs that come in */

int js_plan_add(struct js_plan *plan, struct js_job *job)
{
    plan->is_dry = false;
    int rc = job->is_waiting ? js_held_put(&plan->held, job)
                             : js_ready_push(&plan->ready, job);
    if (rc < 0)
        js_job_free(job);
    return rc;
}

bool js_plan_wants_jobs(const struct js_plan *plan)
{
    if (js_plan_is_stopped(plan) ||
        (plan->config.is_stream && plan->held.count >= JS_PLAN_HELD_MAX))
        return false;
    if (plan->config.is_ordered && !plan->config.is_stream)
        return true;
    /* Enough for every slave to be filled between two turns of the master. */
    return plan->ready.count <
           plan->config.round_size + plan->live_slots +
               (uint64_t)JS_PLAN_AHEAD_MAX * plan->live_slaves;
}

/* ------------------------------------------------- what the graph says */

/* The next job that will never run. */
static bool skip_next(struct js_plan *plan, struct js_plan_decision *ret)
{
    uint64_t id;
    if (!plan->graph ||
        !(id = js_graph_next_skipped(plan->graph, &ret->parent)))
        return false;
    ret->skipped = js_held_take(&plan->held, id);
    ret->step = JS_PLAN_SKIP;
    return ret->skipped != NULL;
}

/* The next job that has been lost too often. */
static bool fail_next(struct js_plan *plan, struct js_plan_decision *ret)
{
    if (!plan->fallen.head)
        return false;
    ret->skipped = js_job_queue_pop(&plan->fallen);
    ret->slave = ret->skipped->avoid;
    ret->step = JS_PLAN_FAIL;
    plan->failures++;
    return true;
}

static int take_ready(struct js_plan *plan)
{
    uint64_t id;
    while (plan->graph && (id = js_graph_next_ready(plan->graph))) {
        struct js_job *job = js_held_take(&plan->held, id);
        if (job && js_ready_push(&plan->ready, job) < 0) {
            js_job_free(job);
            return -1;
        }
        plan->is_dry = false;
    }
    return 0;
}

/* ------------------------------------------------- rounds */

static void open_round(struct js_plan *plan)
{
    while (plan->opened.count < plan->config.round_size &&
           plan->ready.count > 0)
        js_job_queue_push(&plan->opened, js_ready_pop(&plan->ready));
}

/* Each kind of need costs a look; of one kind only memory. */
static bool is_full(const struct js_plan *plan)
{
    return plan->dispatched.lane_count >= JS_PLAN_KINDS ||
           plan->dispatched.count >= JS_PLAN_HELD_MAX;
}

static bool may_open_round(const struct js_plan *plan)
{
    if (plan->ready.count == 0 || is_full(plan) || !slave_with_room(plan, 0))
        return false;
    return !plan->config.barrier ||
           (plan->assigned == 0 && !plan->dispatched.first);
}

static struct js_plan_decision announce(struct js_plan *plan)
{
    struct js_job *job = js_job_queue_pop(&plan->opened);
    js_lanes_push(&plan->dispatched, job);
    plan->special += !is_ordinary(job);
    plan->is_dry = false;
    return (struct js_plan_decision){.step = JS_PLAN_DISPATCH, .job = job};
}

/* It goes before all others. */
static void dispatch_again(struct js_plan *plan, struct js_job *job)
{
    js_lanes_push_front(&plan->dispatched, job);
    plan->special += !is_ordinary(job);
}

static struct js_job *take_dispatched(struct js_plan *plan,
                                      struct js_job **link)
{
    struct js_job *job = js_lanes_take(&plan->dispatched, link);
    plan->special -= !is_ordinary(job);
    return job;
}

/* ------------------------------------------------- assigning */

/* The slave gets jobs again. */
static void end_clearing(struct js_plan *plan)
{
    struct slave *slave = plan->cleared;
    if (!slave)
        return;
    plan->cleared = NULL;
    slave->is_cleared = false;
    place_slave(plan, slave);
}

/* It has its grant now. */
static void begin(struct js_plan *plan, struct assignment *own)
{
    own->begun_ns = plan->now_ns;
    if (plan->untold++ == 0)
        plan->look_ns = plan->now_ns + JS_PLAN_BEGUN_NS;
}

static struct js_plan_decision assign(struct js_plan *plan, struct slave *slave,
                                      struct js_job *job,
                                      const struct js_grant *grant)
{
    struct assignment *own = &slave->assignments[slave->count++];
    *own = (struct assignment){
        .ticket = plan->next_ticket++, .job = job, .grant = *grant};
    own->is_alone = is_suspect(job) && slave->count == 1;
    slave->is_alone = own->is_alone;
    if (own->is_alone)
        end_clearing(plan);
    slave->unacknowledged++;
    slave->special += !is_ordinary(job);
    slave->slotted += grant->rank > 0;
    plan->assigned++;
    plan->ahead += grant->rank == 0;
    if (grant->rank > 0)
        begin(plan, own);
    place_slave(plan, slave);
    if (!js_job_is_plain(job) || js_pool_is_shared(plan->pool, slave->number))
        place_holders(plan, grant);
    return (struct js_plan_decision){
        .step = JS_PLAN_ASSIGN,
        .job = job,
        .slave = slave->number,
        .ticket = own->ticket,
        .slot = grant->rank > 0 ? grant->slot : JS_PLAN_SLOT_NEXT,
        .grant = grant->rank > 0 ? &own->grant : NULL};
}

static unsigned whom_to_avoid(const struct js_plan *plan,
                              const struct js_job *job)
{
    return plan->live_slaves > 1 ? job->avoid : 0;
}

/* The needs that were refused during one look at the dispatched jobs. */
struct refused {
    struct js_need needs[REFUSED_MAX];
    unsigned avoid[REFUSED_MAX];
    unsigned count;
    bool is_plain; /* no slave has room for any plain job */
    bool is_any;   /* somebody waits in front */
};

static bool was_refused(const struct refused *refused, const struct js_job *job)
{
    for (unsigned i = 0; i < refused->count; i++) {
        const struct js_need *need = &refused->needs[i];
        if (refused->avoid[i] == job->avoid &&
            js_need_nodes(&job->need) >= js_need_nodes(need) &&
            job->need.cores >= need->cores && job->need.gpus >= need->gpus &&
            job->need.mem_bytes >= need->mem_bytes)
            return true;
    }
    return false;
}

static void remember(struct refused *refused, const struct js_job *job)
{
    if (refused->count == REFUSED_MAX)
        return;
    refused->avoid[refused->count] = job->avoid;
    refused->needs[refused->count++] = job->need;
}

/* A slave that can be sent a job. */
static bool is_usable(void *arg, unsigned rank)
{
    const struct slave *slave = find_slave(arg, rank);
    return slave && !slave->is_lost && !slave->is_alone && !slave->is_cleared &&
           slave->unacknowledged < slave->credit &&
           slave->slotted < slave->slots;
}

/* ... on which a job would be alone. */
static bool is_empty(void *arg, unsigned rank)
{
    const struct slave *slave = find_slave(arg, rank);
    return slave && !slave->is_lost && slave->count == 0 &&
           slave->unacknowledged < slave->credit;
}

/* The reservation is for the first one like it. */
static bool is_favoured(const struct js_plan *plan, const struct js_job *job)
{
    return js_pool_has_reservation(plan->pool) &&
           js_job_is_alike(plan->favoured, job);
}

/* Room for a job that is not plain: 1, 0 or -1. */
static int take_grant(struct js_plan *plan, const struct js_job *job,
                      struct js_grant *ret)
{
    if (!is_favoured(plan, job))
        return js_pool_take(plan->pool, &job->need, whom_to_avoid(plan, job),
                            is_usable, plan, ret);
    int rc = js_pool_take_reserved(plan->pool, is_usable, plan, ret);
    if (rc > 0)
        place_all(plan);
    return rc;
}

/* It waits at the head: what runs somewhere is to end for it. */
static void favour(struct js_plan *plan, const struct js_job *job)
{
    if (plan->cleared)
        return;
    if (js_pool_has_reservation(plan->pool)) {
        if (is_favoured(plan, job) && js_pool_reserve_more(plan->pool))
            place_all(plan);
        return;
    }
    if (!js_pool_reserve(plan->pool, &job->need, whom_to_avoid(plan, job)))
        return;
    plan->favoured = job;
    place_all(plan);
}

/* Waits until one with the fewest jobs has none. */
static void clear_slave(struct js_plan *plan)
{
    struct slave *least = NULL;
    for (unsigned i = 0; !plan->cleared && i < plan->slave_end; i++) {
        struct slave *slave = plan->slaves[i];
        if (slave && !slave->is_lost && (!least || slave->count < least->count))
            least = slave;
    }
    if (!least)
        return;
    plan->cleared = least;
    least->is_cleared = true;
    place_slave(plan, least);
}

/* An empty slave for a plain job that is to be alone: 1, or 0. */
static int find_empty(struct js_plan *plan, struct slave **ret_slave,
                      struct js_grant *ret)
{
    for (unsigned i = 0; i < plan->slave_end; i++) {
        if (is_empty(plan, i) && js_pool_take_slot(plan->pool, i, ret)) {
            *ret_slave = plan->slaves[i];
            return 1;
        }
    }
    /* One at a time: each would wait for what the other keeps free. */
    if (!js_pool_has_cores_reserved(plan->pool))
        clear_slave(plan);
    return 0;
}

/* The slave and what it grants: 1; 0 if the job cannot be assigned now; -1. */
static int find_place(struct js_plan *plan, const struct js_job *job,
                      struct refused *refused, struct slave **ret_slave,
                      struct js_grant *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (is_suspect(job) && js_job_is_plain(job))
        return find_empty(plan, ret_slave, ret);
    if (js_job_is_plain(job)) {
        if (refused->is_plain)
            return 0;
        *ret_slave = slave_with_room(plan, whom_to_avoid(plan, job));
        refused->is_plain = !*ret_slave && !whom_to_avoid(plan, job);
        if (*ret_slave)
            js_pool_take_slot(plan->pool, (*ret_slave)->number, ret);
        return *ret_slave != NULL;
    }
    int rc = is_suspect(job)
                 ? js_pool_take(plan->pool, &job->need, 0, is_empty, plan, ret)
                 : 0;
    if (rc == 0 && !is_favoured(plan, job) && was_refused(refused, job))
        return 0;
    if (rc > 0 && is_favoured(plan, job)) {
        js_pool_unreserve(plan->pool);
        place_all(plan);
    }
    if (rc == 0)
        rc = take_grant(plan, job, ret);
    if (rc > 0)
        *ret_slave = find_slave(plan, ret->rank);
    if (rc == 0) {
        remember(refused, job);
        if (!refused->is_any || is_favoured(plan, job))
            favour(plan, job);
    }
    return rc;
}

/* ------------------------------------------------- time */

static bool is_in_time(const struct js_plan *plan, const struct js_job *job)
{
    int64_t timeout_ns =
        job->timeout_ns > 0 ? job->timeout_ns : plan->config.timeout_ns;
    if (plan->left_ns == INT64_MAX)
        return true;
    if (plan->left_ns <= 0 || timeout_ns > plan->left_ns ||
        job->expected_ns > plan->left_ns)
        return false;
    bool is_known = timeout_ns > 0 || job->expected_ns >= 0;
    return is_known || plan->run_ns <= plan->left_ns;
}

/* Of a stream that goes on and on only so many are kept. */
static void put_aside(struct js_plan *plan, struct js_job *job)
{
    js_job_queue_push(&plan->late, job);
    end_clearing(plan);
    if (is_favoured(plan, job)) {
        js_pool_unreserve(plan->pool);
        place_all(plan);
    }
    if (plan->config.is_stream && plan->late.count >= JS_PLAN_HELD_MAX)
        plan->is_stopped = true;
}

void js_plan_set_time_left(struct js_plan *plan, int64_t left_ns)
{
    plan->left_ns = left_ns;
}

bool js_plan_is_out_of_time(const struct js_plan *plan)
{
    return plan->late.count > 0 && plan->assigned == 0 &&
           plan->ready.count == 0 && !plan->opened.head &&
           !plan->dispatched.first && !plan->fallen.head;
}

/* The first dispatched job for which there is room: of each kind of need only
 * the first is looked at. */
static struct js_plan_decision assign_next(struct js_plan *plan)
{
    struct refused refused = {.count = 0};
    struct js_job **link = &plan->dispatched.first;
    while (*link) {
        struct js_grant grant;
        struct slave *slave;
        plan->steps++;
        if (!is_in_time(plan, *link)) {
            put_aside(plan, take_dispatched(plan, link));
            continue;
        }
        int rc = find_place(plan, *link, &refused, &slave, &grant);
        if (rc < 0)
            return (struct js_plan_decision){.step = JS_PLAN_NO_MEMORY};
        if (rc == 0 && refused.is_plain && plan->special == 0)
            break;
        if (rc == 0) {
            refused.is_any |= !is_suspect(*link) || !js_job_is_plain(*link);
            link = &(*link)->lane;
            continue;
        }
        struct js_job *job = take_dispatched(plan, link);
        return assign(plan, slave, job, &grant);
    }
    return (struct js_plan_decision){.step = JS_PLAN_NOTHING};
}

/* ------------------------------------------------- recalling */

/* The one with the most ahead, NULL if nobody has. */
static struct slave *most_ahead(const struct js_plan *plan)
{
    struct slave *most = NULL;
    for (unsigned i = 0; plan->ahead > 0 && i < plan->slave_end; i++) {
        struct slave *slave = plan->slaves[i];
        if (slave && !slave->is_lost && !slave->is_recalled &&
            ahead_of(slave) > (most ? ahead_of(most) : 0))
            most = slave;
    }
    return most;
}

/* Work for a free slot: half of what the slave with the most has ahead. */
static struct js_plan_decision recall(struct js_plan *plan)
{
    /* Those that wait for something other than a slot do not fill it. */
    bool is_wanted =
        plan->recalls < plan->idle && plan->dispatched.count == plan->special;
    struct slave *slave = is_wanted ? most_ahead(plan) : NULL;
    if (!slave)
        return (struct js_plan_decision){.step = JS_PLAN_NOTHING};
    uint32_t count = (ahead_of(slave) + 1) / 2;
    slave->is_recalled = true;
    plan->recalls++;
    place_slave(plan, slave);
    return (struct js_plan_decision){
        .step = JS_PLAN_RECALL, .slave = slave->number, .count = count};
}

/* ------------------------------------------------- ending */

/* The first that is BROKEN. */
static struct js_plan_decision end_broken(struct js_plan *plan)
{
    for (unsigned i = 0; i < plan->slave_end; i++) {
        struct slave *slave = plan->slaves[i];
        for (uint32_t k = 0; slave && k < slave->count; k++) {
            struct assignment *own = &slave->assignments[k];
            if (own->wholeness != BROKEN)
                continue;
            own->wholeness = TOLD_TO_END;
            plan->broken--;
            return (struct js_plan_decision){.step = JS_PLAN_END,
                                             .job = own->job,
                                             .slave = slave->number,
                                             .ticket = own->ticket};
        }
    }
    return (struct js_plan_decision){.step = JS_PLAN_NOTHING};
}

struct js_plan_decision js_plan_next(struct js_plan *plan)
{
    struct js_plan_decision next = {.step = JS_PLAN_NOTHING};
    if (skip_next(plan, &next) || fail_next(plan, &next))
        return next;
    if (take_ready(plan) < 0)
        return (struct js_plan_decision){.step = JS_PLAN_NO_MEMORY};
    if (plan->broken > 0)
        return end_broken(plan);
    if (js_plan_is_stopped(plan))
        return next;
    if (plan->opened.head)
        return announce(plan);
    if (plan->is_dry)
        return next;
    if (plan->dispatched.first)
        next = assign_next(plan);
    if (next.step != JS_PLAN_NOTHING)
        return next;
    if (may_open_round(plan)) {
        open_round(plan);
        return announce(plan);
    }
    plan->is_dry = true;
    return recall(plan);
}

/* ------------------------------------------------- news */

void js_plan_acknowledged(struct js_plan *plan, unsigned number, uint32_t count)
{
    struct slave *slave = find_slave(plan, number);
    if (!slave)
        return;
    if (count > slave->unacknowledged)
        count = slave->unacknowledged;
    slave->unacknowledged -= count;
    slave->acknowledged += count;
    if (slave->acknowledged >= slave->credit) {
        slave->acknowledged = 0;
        slave->credit = slave->credit < JS_PLAN_CREDIT / 2 ? 2 * slave->credit
                                                           : JS_PLAN_CREDIT;
    }
    place_slave(plan, slave);
}

/* Takes the assignment with that ticket out of the slave's hands: false if it
 * is not there. */
static bool take_back(struct js_plan *plan, struct slave *slave,
                      uint64_t ticket, struct assignment *ret)
{
    for (uint32_t i = 0; i < slave->count; i++) {
        if (slave->assignments[i].ticket != ticket)
            continue;
        *ret = slave->assignments[i];
        slave->count--;
        memmove(&slave->assignments[i], &slave->assignments[i + 1],
                (slave->count - i) * sizeof(*ret));
        slave->slotted -= ret->grant.rank > 0;
        slave->special -= !is_ordinary(ret->job);
        slave->is_alone = false;
        plan->assigned--;
        plan->ahead -= ret->grant.rank == 0;
        plan->broken -= ret->wholeness == BROKEN;
        plan->untold -= ret->grant.rank > 0 && !ret->is_told;
        return true;
    }
    return false;
}

static void release(struct js_plan *plan, const struct slave *slave,
                    struct assignment *assignment)
{
    bool is_wide = !js_job_is_plain(assignment->job);
    bool is_on_others = assignment->grant.other_count > 0;
    if (assignment->grant.rank > 0)
        js_pool_release(plan->pool, &assignment->grant);
    if (is_on_others)
        place_all(plan);
    else if (is_wide || js_pool_has_reservation(plan->pool) ||
             js_pool_is_shared(plan->pool, slave->number))
        place_neighbours(plan, slave->number);
}

/* The slot goes to the first job that was given ahead, as the slave does it;
 * or back to the pool. */
static void hand_on(struct js_plan *plan, struct slave *slave,
                    struct assignment *ended)
{
    bool is_plain = js_job_is_plain(ended->job) && ended->grant.rank > 0;
    for (uint32_t i = 0; i < slave->count && is_plain; i++) {
        struct assignment *next = &slave->assignments[i];
        if (next->grant.rank > 0)
            continue;
        next->grant = ended->grant;
        slave->slotted++;
        plan->ahead--;
        begin(plan, next);
        return;
    }
    release(plan, slave, ended);
}

static void learn_run_time(struct js_plan *plan,
                           const struct js_outcome *outcome)
{
    if (plan->run_ns < 0)
        plan->run_ns = plan->short_ns = outcome->run_ns;
    else
        plan->run_ns += (outcome->run_ns - plan->run_ns) / RUN_TIME_WEIGHT;
    plan->short_ns += (outcome->run_ns - plan->short_ns) / SHORT_WEIGHT;
    if (plan->short_ns > outcome->run_ns)
        plan->short_ns = outcome->run_ns;
    if (js_outcome_succeeded(outcome))
        js_median_add(&plan->median, outcome->run_ns);
}

/* Puts a copy in front that runs it again: false if that is not to be. */
static bool retry(struct js_plan *plan, const struct js_job *job,
                  unsigned number, bool is_lost)
{
    uint32_t retries =
        job->is_retries_set ? job->retries : plan->config.retries;
    if (js_plan_is_stopped(plan) ||
        (!is_lost && job->attempt - job->lost > retries))
        return false;
    struct js_job *copy = js_job_copy(job);
    if (!copy)
        return false;
    copy->attempt++;
    copy->lost += is_lost;
    copy->avoid = number;
    dispatch_again(plan, copy);
    return true;
}

/* Counts it. True if that is one too many. */
static bool add_loss(struct js_job *job, bool was_alone)
{
    bool is_last = was_alone && job->losses + 1 >= JS_PLAN_LOSSES;
    if (job->losses + 1 < JS_PLAN_LOSSES || is_last)
        job->losses++;
    return is_last;
}

static enum js_plan_verdict judge(struct js_plan *plan, struct js_job *job,
                                  unsigned number,
                                  const struct js_outcome *outcome,
                                  const struct assignment *ended)
{
    bool is_success = js_outcome_succeeded(outcome);
    bool is_broken = ended->wholeness != WHOLE;
    if (js_outcome_is_loss(outcome) && !add_loss(job, ended->is_alone))
        return retry(plan, job, 0, true) ? JS_PLAN_LOST : JS_PLAN_ENDED;
    if (outcome->cause == JS_CAUSE_STOPPED || (is_broken && !is_success))
        return retry(plan, job, number, true) ? JS_PLAN_RETRIED : JS_PLAN_ENDED;
    if (js_outcome_is_cut(outcome) && job->lost < JS_PLAN_CUTS &&
        retry(plan, job, number, true))
        return JS_PLAN_RETRIED;
    if (!is_success && !js_outcome_is_loss(outcome) &&
        retry(plan, job, number, false))
        return JS_PLAN_RETRIED;
    plan->failures += !is_success;
    return JS_PLAN_ENDED;
}

void js_plan_finished(struct js_plan *plan, const struct js_job *job,
                      bool is_success)
{
    if (plan->graph)
        js_graph_ended(plan->graph, job->seq, is_success);
    plan->is_dry = false;
}

enum js_plan_verdict js_plan_ended(struct js_plan *plan, unsigned number,
                                   uint64_t ticket,
                                   const struct js_outcome *outcome,
                                   struct js_job **ret_job)
{
    struct slave *slave = find_slave(plan, number);
    struct assignment ended;
    if (!slave || !take_back(plan, slave, ticket, &ended))
        return JS_PLAN_STALE;
    hand_on(plan, slave, &ended);
    slave->is_stuck = false;
    if (!js_outcome_is_loss(outcome))
        learn_run_time(plan, outcome);
    place_slave(plan, slave);
    *ret_job = ended.job;
    return judge(plan, ended.job, number, outcome, &ended);
}

void js_plan_returned(struct js_plan *plan, unsigned number, uint64_t ticket)
{
    struct slave *slave = find_slave(plan, number);
    struct assignment back;
    if (!slave || !take_back(plan, slave, ticket, &back))
        return;
    release(plan, slave, &back);
    dispatch_again(plan, back.job);
    /* What it runs takes longer than the others' did. */
    slave->is_stuck = true;
    place_slave(plan, slave);
}

void js_plan_recalled(struct js_plan *plan, unsigned number)
{
    struct slave *slave = find_slave(plan, number);
    if (!slave || !slave->is_recalled)
        return;
    slave->is_recalled = false;
    plan->recalls--;
    place_slave(plan, slave);
}

/* What others run on its node as well cannot go on. */
static void break_jobs_on(struct js_plan *plan, unsigned number)
{
    for (unsigned i = 0; i < plan->slave_end; i++) {
        struct slave *slave = plan->slaves[i];
        for (uint32_t k = 0; slave && k < slave->count; k++) {
            struct assignment *own = &slave->assignments[k];
            if (own->wholeness != WHOLE || own->grant.other_count == 0 ||
                !js_grant_is_on(&own->grant, number))
                continue;
            own->wholeness = BROKEN;
            plan->broken++;
        }
    }
}

struct blame {
    js_plan_blamed_fn tell; /* NULL: nobody is to blame */
    void *arg;
    uint32_t ahead; /* so many that were given ahead may have begun */
};

/* Its assignments are handed back from the last on. */
static void lose_assignment(struct js_plan *plan, struct slave *slave,
                            const struct blame *blame)
{
    struct assignment lost;
    const struct assignment *last = &slave->assignments[slave->count - 1];
    bool was_running = last->grant.rank > 0 || ahead_of(slave) <= blame->ahead;
    if (!take_back(plan, slave, last->ticket, &lost))
        return;
    release(plan, slave, &lost);
    bool is_fallen = false;
    if (blame->tell && was_running) {
        is_fallen = add_loss(lost.job, lost.is_alone);
        blame->tell(blame->arg, lost.job, slave->number);
    }
    if (is_fallen) {
        lost.job->avoid = slave->number;
        js_job_queue_push(&plan->fallen, lost.job);
        return;
    }
    lost.job->attempt++;
    lost.job->lost++;
    dispatch_again(plan, lost.job);
}

static void lose_slave(struct js_plan *plan, unsigned number,
                       struct blame *blame)
{
    struct slave *slave = find_slave(plan, number);
    if (!slave || slave->is_lost)
        return;
    slave->is_lost = true;
    blame->ahead =
        slave->slots > JS_PLAN_HANDED_MAX ? slave->slots : JS_PLAN_HANDED_MAX;
    while (slave->count > 0)
        lose_assignment(plan, slave, blame);
    if (slave->is_cleared)
        end_clearing(plan);
    break_jobs_on(plan, number);
    js_plan_recalled(plan, number);
    plan->live_slaves--;
    plan->live_slots -= slave->slots;
    js_pool_drop(plan->pool, number);
    place_all(plan);
}

void js_plan_lost(struct js_plan *plan, unsigned number)
{
    lose_slave(plan, number, &(struct blame){NULL, NULL, 0});
}

void js_plan_died(struct js_plan *plan, unsigned number,
                  js_plan_blamed_fn blamed, void *arg)
{
    lose_slave(plan, number, &(struct blame){blamed, arg, 0});
}

/* ------------------------------------------------- what runs */

void js_plan_set_now(struct js_plan *plan, int64_t now_ns)
{
    plan->now_ns = now_ns;
}

static void tell_begun_of(struct js_plan *plan, struct slave *slave,
                          js_plan_begun_fn tell, void *arg)
{
    uint32_t left = slave->slotted;
    for (uint32_t i = 0; i < slave->count && left > 0; i++) {
        struct assignment *own = &slave->assignments[i];
        if (own->grant.rank == 0)
            continue;
        left--;
        if (own->is_told || plan->now_ns - own->begun_ns < JS_PLAN_BEGUN_NS)
            continue;
        own->is_told = true;
        plan->untold--;
        tell(arg, own->job, slave->number, own->begun_ns);
    }
}

void js_plan_tell_begun(struct js_plan *plan, js_plan_begun_fn tell, void *arg)
{
    if (plan->now_ns < js_plan_begun_due_ns(plan))
        return;
    plan->look_ns = plan->now_ns + JS_PLAN_BEGUN_NS;
    for (unsigned i = 0; i < plan->slave_end; i++) {
        if (plan->slaves[i])
            tell_begun_of(plan, plan->slaves[i], tell, arg);
    }
}

int64_t js_plan_begun_due_ns(const struct js_plan *plan)
{
    return plan->untold > 0 ? plan->look_ns : INT64_MAX;
}

/* ------------------------------------------------- the state of things */

void js_plan_stop(struct js_plan *plan)
{
    plan->is_stopped = true;
}

bool js_plan_is_stopped(const struct js_plan *plan)
{
    return plan->is_stopped || (plan->config.failures > 0 &&
                                plan->failures >= plan->config.failures);
}

bool js_plan_is_stuck(const struct js_plan *plan, const struct js_job **ret_job)
{
    *ret_job = plan->dispatched.first;
    return plan->is_dry && plan->assigned == 0 && plan->live_slaves > 0 &&
           plan->dispatched.first && !plan->opened.head &&
           !js_pool_could(plan->pool, &plan->dispatched.first->need, 0);
}

int64_t js_plan_median_ns(const struct js_plan *plan)
{
    return plan->median.count < MEDIAN_LEAST ? -1 : js_median_ns(&plan->median);
}

uint64_t js_plan_held(const struct js_plan *plan)
{
    return plan->held.count + plan->ready.count + plan->opened.count +
           plan->dispatched.count + plan->late.count + plan->fallen.count +
           plan->assigned;
}

uint64_t js_plan_assigned(const struct js_plan *plan)
{
    return plan->assigned;
}

uint64_t js_plan_running(const struct js_plan *plan)
{
    return plan->assigned - plan->ahead;
}

int64_t js_plan_lead_ns(const struct js_plan *plan)
{
    int64_t least_ns = INT64_MAX;
    for (unsigned i = 0; i < plan->slave_end; i++) {
        const struct slave *slave = plan->slaves[i];
        if (!slave || slave->is_lost)
            continue;
        if (ahead_of(slave) == 0)
            return 0;
        int64_t lead_ns = ahead_of(slave) * plan->short_ns / slave->slots;
        if (lead_ns < least_ns)
            least_ns = lead_ns;
    }
    return least_ns == INT64_MAX ? 0 : least_ns;
}

int64_t js_plan_short_ns(const struct js_plan *plan)
{
    return plan->short_ns;
}

uint64_t js_plan_steps(const struct js_plan *plan)
{
    return plan->steps;
}

unsigned js_plan_slaves(const struct js_plan *plan)
{
    return plan->live_slaves;
}

uint64_t js_plan_slots(const struct js_plan *plan)
{
    return plan->live_slots;
}
