#include "sched/scheduler.h"

#include "sched/lanes.h"
#include "sched/log_histogram.h"
#include "sched/ready_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEVELS =
        JS_SCHEDULER_AHEAD_MAX + 1, /* 0: has a free slot; n: n-1 jobs ahead */
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
    struct js_job *job;              /* owned */
    struct js_allocation allocation; /* rank 0: none yet, it was given ahead */
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
    uint32_t
        count; /* of assignments; room for slots + JS_SCHEDULER_AHEAD_MAX */
    uint32_t slotted;               /* of these: with a grant */
    struct assignment *assignments; /* by ticket */
    /* In the list of its level, if it has room and credit. */
    int level; /* -1: in none */
    struct slave *next, *prev;
};

struct level {
    struct slave *first, *last;
};

struct js_scheduler {
    struct js_scheduler_config config;
    struct js_graph *graph; /* NULL: no job waits for another */
    struct js_allocator *allocator;
    struct js_held held;         /* jobs that wait for others */
    struct js_ready_queue ready; /* jobs that wait for a round */
    struct js_job_queue opened;
    struct js_lanes dispatched;
    uint64_t special;           /* of these: those that are not ordinary */
    struct js_job_queue fallen; /* they have failed: lost too often */
    struct slave *cleared;      /* at most one; NULL: none */
    struct js_job_queue late;   /* there is no time left for them */
    int64_t left_ns;
    const struct js_job *favoured; /* of which the allocator's reservation is,
                                      if it has one: of DISPATCHED ones */
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
    struct js_log_histogram median;
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

struct js_scheduler *js_scheduler_new(const struct js_scheduler_config *config,
                                      struct js_graph *graph,
                                      struct js_allocator *allocator)
{
    struct js_scheduler *scheduler = calloc(1, sizeof(*scheduler));
    if (!scheduler)
        return NULL;
    scheduler->config = *config;
    scheduler->failures = config->failed_before;
    scheduler->graph = graph;
    scheduler->allocator = allocator;
    scheduler->ready.longest_first = config->longest_first;
    scheduler->next_ticket = 1;
    scheduler->run_ns = -1;
    scheduler->left_ns = INT64_MAX;
    return scheduler;
}

static void free_slave(struct slave *slave)
{
    if (!slave)
        return;
    for (uint32_t i = 0; i < slave->count; i++) {
        js_job_free(slave->assignments[i].job);
        js_allocation_free(&slave->assignments[i].allocation);
    }
    free(slave->assignments);
    free(slave);
}

void js_scheduler_free(struct js_scheduler *scheduler)
{
    if (!scheduler)
        return;
    int saved = errno;
    for (unsigned i = 0; i < scheduler->slave_end; i++)
        free_slave(scheduler->slaves[i]);
    free(scheduler->slaves);
    js_held_release(&scheduler->held);
    js_ready_queue_release(&scheduler->ready);
    js_job_queue_release(&scheduler->opened);
    js_lanes_release(&scheduler->dispatched);
    js_job_queue_release(&scheduler->late);
    js_job_queue_release(&scheduler->fallen);
    free(scheduler);
    errno = saved;
}

/* ------------------------------------------------- slaves with room */

static void leave_level(struct js_scheduler *scheduler, struct slave *slave)
{
    if (slave->level < 0)
        return;
    struct level *level = &scheduler->levels[slave->level];
    *(slave->prev ? &slave->prev->next : &level->first) = slave->next;
    *(slave->next ? &slave->next->prev : &level->last) = slave->prev;
    if (!level->first)
        scheduler->filled &= ~(UINT64_C(1) << slave->level);
    scheduler->idle -= slave->level == 0;
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
static int level_of(const struct js_scheduler *scheduler,
                    const struct slave *slave)
{
    if (slave->is_lost || slave->is_alone || slave->is_cleared ||
        slave->unacknowledged >= slave->credit)
        return -1;
    if (slave->slotted < slave->slots)
        return js_allocator_free_slots(scheduler->allocator, slave->number) > 0
                   ? 0
                   : -1;
    uint32_t ahead = ahead_of(slave);
    if (ahead >= JS_SCHEDULER_AHEAD_MAX || slave->is_stuck ||
        slave->is_recalled || slave->special > 0 ||
        js_allocator_is_reserved(scheduler->allocator, slave->number))
        return -1;
    return (int)ahead + 1;
}

/* Puts the slave where it belongs after a change, behind its equals. */
static void scheduler_place_slave(struct js_scheduler *scheduler,
                                  struct slave *slave)
{
    leave_level(scheduler, slave);
    slave->level = level_of(scheduler, slave);
    scheduler->is_dry = false;
    if (slave->level < 0)
        return;
    struct level *level = &scheduler->levels[slave->level];
    slave->prev = level->last;
    *(level->last ? &level->last->next : &level->first) = slave;
    level->last = slave;
    scheduler->filled |= UINT64_C(1) << slave->level;
    scheduler->idle += slave->level == 0;
}

/* How many jobs a slave may have ahead of time. */
static int ahead_allowed(const struct js_scheduler *scheduler)
{
    /* With a limit of failures the end of each job decides about the next. */
    if (scheduler->run_ns < 0 || scheduler->config.failures > 0)
        return 0;
    if (scheduler->run_ns <= JS_SCHEDULER_AHEAD_NS / JS_SCHEDULER_AHEAD_MAX)
        return JS_SCHEDULER_AHEAD_MAX;
    return (int)(JS_SCHEDULER_AHEAD_NS / scheduler->run_ns);
}

/* The slave to give the next plain job to: one with a free slot, else the one
 * with the fewest ahead, else NULL. */
static struct slave *slave_with_room(const struct js_scheduler *scheduler,
                                     unsigned avoid)
{
    int highest = ahead_allowed(scheduler);
    for (uint64_t left = scheduler->filled; left; left &= left - 1) {
        int level = __builtin_ctzll(left);
        if (level > highest)
            break;
        struct slave *slave = scheduler->levels[level].first;
        if (slave->number == avoid)
            slave = slave->next;
        if (slave)
            return slave;
    }
    return NULL;
}

static struct slave *scheduler_find_slave(const struct js_scheduler *scheduler,
                                          unsigned number)
{
    return number < scheduler->slave_end ? scheduler->slaves[number] : NULL;
}

/* Something has changed for all slaves of its node. */
static void place_neighbours(struct js_scheduler *scheduler, unsigned number)
{
    const unsigned *ranks;
    size_t count =
        js_allocator_neighbours(scheduler->allocator, number, &ranks);
    for (size_t i = 0; i < count; i++) {
        struct slave *slave = scheduler_find_slave(scheduler, ranks[i]);
        if (slave)
            scheduler_place_slave(scheduler, slave);
    }
}

/* The same on all nodes of a grant. */
static void place_holders(struct js_scheduler *scheduler,
                          const struct js_allocation *allocation)
{
    place_neighbours(scheduler, allocation->rank);
    for (uint32_t i = 0; i < allocation->other_count; i++)
        place_neighbours(scheduler, allocation->others[i].rank);
}

static void place_all(struct js_scheduler *scheduler)
{
    for (unsigned i = 0; i < scheduler->slave_end; i++) {
        if (scheduler->slaves[i])
            scheduler_place_slave(scheduler, scheduler->slaves[i]);
    }
}

static int scheduler_make_room_for(struct js_scheduler *scheduler,
                                   unsigned number)
{
    if (number < scheduler->slave_end)
        return 0;
    struct slave **slaves =
        realloc(scheduler->slaves, (number + 1) * sizeof(*slaves));
    if (!slaves)
        return -1;
    for (unsigned i = scheduler->slave_end; i <= number; i++)
        slaves[i] = NULL;
    scheduler->slaves = slaves;
    scheduler->slave_end = number + 1;
    return 0;
}

int js_scheduler_add_slave(struct js_scheduler *scheduler, unsigned number,
                           uint32_t slots)
{
    if (scheduler_find_slave(scheduler, number)) {
        errno = EEXIST;
        return -1;
    }
    if (scheduler_make_room_for(scheduler, number) < 0)
        return -1;
    struct slave *slave = calloc(1, sizeof(*slave));
    if (!slave)
        return -1;
    slave->assignments = calloc((size_t)slots + JS_SCHEDULER_AHEAD_MAX,
                                sizeof(*slave->assignments));
    if (!slave->assignments) {
        free_slave(slave);
        return -1;
    }
    slave->number = number;
    slave->slots = slots;
    slave->credit = JS_SCHEDULER_CREDIT_FIRST;
    slave->level = -1;
    scheduler->slaves[number] = slave;
    scheduler->live_slaves++;
    scheduler->live_slots += slots;
    scheduler_place_slave(scheduler, slave);
    return 0;
}

/* ------------------------------------------------- jobs that come in */

int js_scheduler_add(struct js_scheduler *scheduler, struct js_job *job)
{
    scheduler->is_dry = false;
    int rc = job->is_waiting ? js_held_put(&scheduler->held, job)
                             : js_ready_queue_push(&scheduler->ready, job);
    if (rc < 0)
        js_job_free(job);
    return rc;
}

bool js_scheduler_wants_jobs(const struct js_scheduler *scheduler)
{
    if (js_scheduler_is_stopped(scheduler) ||
        (scheduler->config.is_stream &&
         scheduler->held.count >= JS_SCHEDULER_HELD_MAX))
        return false;
    if (scheduler->config.is_ordered && !scheduler->config.is_stream)
        return true;
    /* Enough for every slave to be filled between two turns of the master. */
    return scheduler->ready.count <
           scheduler->config.round_size + scheduler->live_slots +
               (uint64_t)JS_SCHEDULER_AHEAD_MAX * scheduler->live_slaves;
}

/* ------------------------------------------------- what the graph says */

/* The next job that will never run. */
static bool skip_next(struct js_scheduler *scheduler,
                      struct js_scheduler_decision *ret)
{
    uint64_t id;
    if (!scheduler->graph ||
        !(id = js_graph_next_skipped(scheduler->graph, &ret->parent)))
        return false;
    ret->skipped = js_held_take(&scheduler->held, id);
    ret->step = JS_SCHEDULER_SKIP;
    return ret->skipped != NULL;
}

/* The next job that has been lost too often. */
static bool fail_next(struct js_scheduler *scheduler,
                      struct js_scheduler_decision *ret)
{
    if (!scheduler->fallen.head)
        return false;
    ret->skipped = js_job_queue_pop(&scheduler->fallen);
    ret->slave = ret->skipped->avoid;
    ret->step = JS_SCHEDULER_FAIL;
    scheduler->failures++;
    return true;
}

static int scheduler_take_ready(struct js_scheduler *scheduler)
{
    uint64_t id;
    while (scheduler->graph && (id = js_graph_next_ready(scheduler->graph))) {
        struct js_job *job = js_held_take(&scheduler->held, id);
        if (job && js_ready_queue_push(&scheduler->ready, job) < 0) {
            js_job_free(job);
            return -1;
        }
        scheduler->is_dry = false;
    }
    return 0;
}

/* ------------------------------------------------- rounds */

static void open_round(struct js_scheduler *scheduler)
{
    while (scheduler->opened.count < scheduler->config.round_size &&
           scheduler->ready.count > 0)
        js_job_queue_push(&scheduler->opened,
                          js_ready_queue_pop(&scheduler->ready));
}

/* Each kind of need costs a look; of one kind only memory. */
static bool is_full(const struct js_scheduler *scheduler)
{
    return scheduler->dispatched.lane_count >= JS_SCHEDULER_KINDS ||
           scheduler->dispatched.count >= JS_SCHEDULER_HELD_MAX;
}

static bool may_open_round(const struct js_scheduler *scheduler)
{
    if (scheduler->ready.count == 0 || is_full(scheduler) ||
        !slave_with_room(scheduler, 0))
        return false;
    return !scheduler->config.barrier ||
           (scheduler->assigned == 0 && !scheduler->dispatched.first);
}

static struct js_scheduler_decision announce(struct js_scheduler *scheduler)
{
    struct js_job *job = js_job_queue_pop(&scheduler->opened);
    js_lanes_push(&scheduler->dispatched, job);
    scheduler->special += !is_ordinary(job);
    scheduler->is_dry = false;
    return (struct js_scheduler_decision){.step = JS_SCHEDULER_DISPATCH,
                                          .job = job};
}

/* It goes before all others. */
static void dispatch_again(struct js_scheduler *scheduler, struct js_job *job)
{
    js_lanes_push_front(&scheduler->dispatched, job);
    scheduler->special += !is_ordinary(job);
}

static struct js_job *take_dispatched(struct js_scheduler *scheduler,
                                      struct js_job **link)
{
    struct js_job *job = js_lanes_take(&scheduler->dispatched, link);
    scheduler->special -= !is_ordinary(job);
    return job;
}

/* ------------------------------------------------- assigning */

/* The slave gets jobs again. */
static void end_clearing(struct js_scheduler *scheduler)
{
    struct slave *slave = scheduler->cleared;
    if (!slave)
        return;
    scheduler->cleared = NULL;
    slave->is_cleared = false;
    scheduler_place_slave(scheduler, slave);
}

/* It has its grant now. */
static void scheduler_begin(struct js_scheduler *scheduler,
                            struct assignment *own)
{
    own->begun_ns = scheduler->now_ns;
    if (scheduler->untold++ == 0)
        scheduler->look_ns = scheduler->now_ns + JS_SCHEDULER_BEGUN_NS;
}

static struct js_scheduler_decision
scheduler_assign(struct js_scheduler *scheduler, struct slave *slave,
                 struct js_job *job, const struct js_allocation *allocation)
{
    struct assignment *own = &slave->assignments[slave->count++];
    *own = (struct assignment){.ticket = scheduler->next_ticket++,
                               .job = job,
                               .allocation = *allocation};
    own->is_alone = is_suspect(job) && slave->count == 1;
    slave->is_alone = own->is_alone;
    if (own->is_alone)
        end_clearing(scheduler);
    slave->unacknowledged++;
    slave->special += !is_ordinary(job);
    slave->slotted += allocation->rank > 0;
    scheduler->assigned++;
    scheduler->ahead += allocation->rank == 0;
    if (allocation->rank > 0)
        scheduler_begin(scheduler, own);
    scheduler_place_slave(scheduler, slave);
    if (!js_job_is_plain(job) ||
        js_allocator_is_shared(scheduler->allocator, slave->number))
        place_holders(scheduler, allocation);
    return (struct js_scheduler_decision){
        .step = JS_SCHEDULER_ASSIGN,
        .job = job,
        .slave = slave->number,
        .ticket = own->ticket,
        .slot =
            allocation->rank > 0 ? allocation->slot : JS_SCHEDULER_SLOT_NEXT,
        .allocation = allocation->rank > 0 ? &own->allocation : NULL};
}

static unsigned scheduler_whom_to_avoid(const struct js_scheduler *scheduler,
                                        const struct js_job *job)
{
    return scheduler->live_slaves > 1 ? job->avoid : 0;
}

/* The needs that were refused during one look at the dispatched jobs. */
struct refused {
    struct js_request needs[REFUSED_MAX];
    unsigned avoid[REFUSED_MAX];
    unsigned count;
    bool is_plain; /* no slave has room for any plain job */
    bool is_any;   /* somebody waits in front */
};

static bool was_refused(const struct refused *refused, const struct js_job *job)
{
    for (unsigned i = 0; i < refused->count; i++) {
        const struct js_request *request = &refused->needs[i];
        if (refused->avoid[i] == job->avoid &&
            js_request_nodes(&job->request) >= js_request_nodes(request) &&
            job->request.cores >= request->cores &&
            job->request.gpus >= request->gpus &&
            job->request.mem_bytes >= request->mem_bytes)
            return true;
    }
    return false;
}

static void remember(struct refused *refused, const struct js_job *job)
{
    if (refused->count == REFUSED_MAX)
        return;
    refused->avoid[refused->count] = job->avoid;
    refused->needs[refused->count++] = job->request;
}

/* A slave that can be sent a job. */
static bool scheduler_is_usable(void *arg, unsigned rank)
{
    const struct slave *slave = scheduler_find_slave(arg, rank);
    return slave && !slave->is_lost && !slave->is_alone && !slave->is_cleared &&
           slave->unacknowledged < slave->credit &&
           slave->slotted < slave->slots;
}

/* ... on which a job would be alone. */
static bool is_empty(void *arg, unsigned rank)
{
    const struct slave *slave = scheduler_find_slave(arg, rank);
    return slave && !slave->is_lost && slave->count == 0 &&
           slave->unacknowledged < slave->credit;
}

/* The reservation is for the first one like it. */
static bool is_favoured(const struct js_scheduler *scheduler,
                        const struct js_job *job)
{
    return js_allocator_has_reservation(scheduler->allocator) &&
           js_job_is_alike(scheduler->favoured, job);
}

/* Room for a job that is not plain: 1, 0 or -1. */
static int take_allocation(struct js_scheduler *scheduler,
                           const struct js_job *job, struct js_allocation *ret)
{
    if (!is_favoured(scheduler, job))
        return js_allocator_take(scheduler->allocator, &job->request,
                                 scheduler_whom_to_avoid(scheduler, job),
                                 scheduler_is_usable, scheduler, ret);
    int rc = js_allocator_take_reserved(scheduler->allocator,
                                        scheduler_is_usable, scheduler, ret);
    if (rc > 0)
        place_all(scheduler);
    return rc;
}

/* It waits at the head: what runs somewhere is to end for it. */
static void favour(struct js_scheduler *scheduler, const struct js_job *job)
{
    if (scheduler->cleared)
        return;
    if (js_allocator_has_reservation(scheduler->allocator)) {
        if (is_favoured(scheduler, job) &&
            js_allocator_reserve_more(scheduler->allocator))
            place_all(scheduler);
        return;
    }
    if (!js_allocator_reserve(scheduler->allocator, &job->request,
                              scheduler_whom_to_avoid(scheduler, job)))
        return;
    scheduler->favoured = job;
    place_all(scheduler);
}

/* Waits until one with the fewest jobs has none. */
static void clear_slave(struct js_scheduler *scheduler)
{
    struct slave *least = NULL;
    for (unsigned i = 0; !scheduler->cleared && i < scheduler->slave_end; i++) {
        struct slave *slave = scheduler->slaves[i];
        if (slave && !slave->is_lost && (!least || slave->count < least->count))
            least = slave;
    }
    if (!least)
        return;
    scheduler->cleared = least;
    least->is_cleared = true;
    scheduler_place_slave(scheduler, least);
}

/* An empty slave for a plain job that is to be alone: 1, or 0. */
static int find_empty(struct js_scheduler *scheduler, struct slave **ret_slave,
                      struct js_allocation *ret)
{
    for (unsigned i = 0; i < scheduler->slave_end; i++) {
        if (is_empty(scheduler, i) &&
            js_allocator_take_slot(scheduler->allocator, i, ret)) {
            *ret_slave = scheduler->slaves[i];
            return 1;
        }
    }
    /* One at a time: each would wait for what the other keeps free. */
    if (!js_allocator_has_cores_reserved(scheduler->allocator))
        clear_slave(scheduler);
    return 0;
}

/* The slave and what it grants: 1; 0 if the job cannot be assigned now; -1. */
static int scheduler_find_place(struct js_scheduler *scheduler,
                                const struct js_job *job,
                                struct refused *refused,
                                struct slave **ret_slave,
                                struct js_allocation *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (is_suspect(job) && js_job_is_plain(job))
        return find_empty(scheduler, ret_slave, ret);
    if (js_job_is_plain(job)) {
        if (refused->is_plain)
            return 0;
        *ret_slave =
            slave_with_room(scheduler, scheduler_whom_to_avoid(scheduler, job));
        refused->is_plain =
            !*ret_slave && !scheduler_whom_to_avoid(scheduler, job);
        if (*ret_slave)
            js_allocator_take_slot(scheduler->allocator, (*ret_slave)->number,
                                   ret);
        return *ret_slave != NULL;
    }
    int rc = is_suspect(job)
                 ? js_allocator_take(scheduler->allocator, &job->request, 0,
                                     is_empty, scheduler, ret)
                 : 0;
    if (rc == 0 && !is_favoured(scheduler, job) && was_refused(refused, job))
        return 0;
    if (rc > 0 && is_favoured(scheduler, job)) {
        js_allocator_unreserve(scheduler->allocator);
        place_all(scheduler);
    }
    if (rc == 0)
        rc = take_allocation(scheduler, job, ret);
    if (rc > 0)
        *ret_slave = scheduler_find_slave(scheduler, ret->rank);
    if (rc == 0) {
        remember(refused, job);
        if (!refused->is_any || is_favoured(scheduler, job))
            favour(scheduler, job);
    }
    return rc;
}

/* ------------------------------------------------- time */

static bool is_in_time(const struct js_scheduler *scheduler,
                       const struct js_job *job)
{
    int64_t timeout_ns =
        job->timeout_ns > 0 ? job->timeout_ns : scheduler->config.timeout_ns;
    if (scheduler->left_ns == INT64_MAX)
        return true;
    if (scheduler->left_ns <= 0 || timeout_ns > scheduler->left_ns ||
        job->expected_ns > scheduler->left_ns)
        return false;
    bool is_known = timeout_ns > 0 || job->expected_ns >= 0;
    return is_known || scheduler->run_ns <= scheduler->left_ns;
}

/* Of a stream that goes on and on only so many are kept. */
static void put_aside(struct js_scheduler *scheduler, struct js_job *job)
{
    js_job_queue_push(&scheduler->late, job);
    end_clearing(scheduler);
    if (is_favoured(scheduler, job)) {
        js_allocator_unreserve(scheduler->allocator);
        place_all(scheduler);
    }
    if (scheduler->config.is_stream &&
        scheduler->late.count >= JS_SCHEDULER_HELD_MAX)
        scheduler->is_stopped = true;
}

void js_scheduler_set_time_left(struct js_scheduler *scheduler, int64_t left_ns)
{
    scheduler->left_ns = left_ns;
}

bool js_scheduler_is_out_of_time(const struct js_scheduler *scheduler)
{
    return scheduler->late.count > 0 && scheduler->assigned == 0 &&
           scheduler->ready.count == 0 && !scheduler->opened.head &&
           !scheduler->dispatched.first && !scheduler->fallen.head;
}

/* The first dispatched job for which there is room: of each kind of need only
 * the first is looked at. */
static struct js_scheduler_decision assign_next(struct js_scheduler *scheduler)
{
    struct refused refused = {.count = 0};
    struct js_job **link = &scheduler->dispatched.first;
    while (*link) {
        struct js_allocation allocation;
        struct slave *slave;
        scheduler->steps++;
        if (!is_in_time(scheduler, *link)) {
            put_aside(scheduler, take_dispatched(scheduler, link));
            continue;
        }
        int rc = scheduler_find_place(scheduler, *link, &refused, &slave,
                                      &allocation);
        if (rc < 0)
            return (struct js_scheduler_decision){.step =
                                                      JS_SCHEDULER_NO_MEMORY};
        if (rc == 0 && refused.is_plain && scheduler->special == 0)
            break;
        if (rc == 0) {
            refused.is_any |= !is_suspect(*link) || !js_job_is_plain(*link);
            link = &(*link)->lane;
            continue;
        }
        struct js_job *job = take_dispatched(scheduler, link);
        return scheduler_assign(scheduler, slave, job, &allocation);
    }
    return (struct js_scheduler_decision){.step = JS_SCHEDULER_NOTHING};
}

/* ------------------------------------------------- recalling */

/* The one with the most ahead, NULL if nobody has. */
static struct slave *most_ahead(const struct js_scheduler *scheduler)
{
    struct slave *most = NULL;
    for (unsigned i = 0; scheduler->ahead > 0 && i < scheduler->slave_end;
         i++) {
        struct slave *slave = scheduler->slaves[i];
        if (slave && !slave->is_lost && !slave->is_recalled &&
            ahead_of(slave) > (most ? ahead_of(most) : 0))
            most = slave;
    }
    return most;
}

/* Work for a free slot: half of what the slave with the most has ahead. */
static struct js_scheduler_decision
scheduler_recall(struct js_scheduler *scheduler)
{
    /* Those that wait for something other than a slot do not fill it. */
    bool is_wanted = scheduler->recalls < scheduler->idle &&
                     scheduler->dispatched.count == scheduler->special;
    struct slave *slave = is_wanted ? most_ahead(scheduler) : NULL;
    if (!slave)
        return (struct js_scheduler_decision){.step = JS_SCHEDULER_NOTHING};
    uint32_t count = (ahead_of(slave) + 1) / 2;
    slave->is_recalled = true;
    scheduler->recalls++;
    scheduler_place_slave(scheduler, slave);
    return (struct js_scheduler_decision){
        .step = JS_SCHEDULER_RECALL, .slave = slave->number, .count = count};
}

/* ------------------------------------------------- ending */

/* The first that is BROKEN. */
static struct js_scheduler_decision end_broken(struct js_scheduler *scheduler)
{
    for (unsigned i = 0; i < scheduler->slave_end; i++) {
        struct slave *slave = scheduler->slaves[i];
        for (uint32_t k = 0; slave && k < slave->count; k++) {
            struct assignment *own = &slave->assignments[k];
            if (own->wholeness != BROKEN)
                continue;
            own->wholeness = TOLD_TO_END;
            scheduler->broken--;
            return (struct js_scheduler_decision){.step = JS_SCHEDULER_END,
                                                  .job = own->job,
                                                  .slave = slave->number,
                                                  .ticket = own->ticket};
        }
    }
    return (struct js_scheduler_decision){.step = JS_SCHEDULER_NOTHING};
}

struct js_scheduler_decision js_scheduler_next(struct js_scheduler *scheduler)
{
    struct js_scheduler_decision next = {.step = JS_SCHEDULER_NOTHING};
    if (skip_next(scheduler, &next) || fail_next(scheduler, &next))
        return next;
    if (scheduler_take_ready(scheduler) < 0)
        return (struct js_scheduler_decision){.step = JS_SCHEDULER_NO_MEMORY};
    if (scheduler->broken > 0)
        return end_broken(scheduler);
    if (js_scheduler_is_stopped(scheduler))
        return next;
    if (scheduler->opened.head)
        return announce(scheduler);
    if (scheduler->is_dry)
        return next;
    if (scheduler->dispatched.first)
        next = assign_next(scheduler);
    if (next.step != JS_SCHEDULER_NOTHING)
        return next;
    if (may_open_round(scheduler)) {
        open_round(scheduler);
        return announce(scheduler);
    }
    scheduler->is_dry = true;
    return scheduler_recall(scheduler);
}

/* ------------------------------------------------- news */

void js_scheduler_acknowledged(struct js_scheduler *scheduler, unsigned number,
                               uint32_t count)
{
    struct slave *slave = scheduler_find_slave(scheduler, number);
    if (!slave)
        return;
    if (count > slave->unacknowledged)
        count = slave->unacknowledged;
    slave->unacknowledged -= count;
    slave->acknowledged += count;
    if (slave->acknowledged >= slave->credit) {
        slave->acknowledged = 0;
        slave->credit = slave->credit < JS_SCHEDULER_CREDIT / 2
                            ? 2 * slave->credit
                            : JS_SCHEDULER_CREDIT;
    }
    scheduler_place_slave(scheduler, slave);
}

/* Takes the assignment with that ticket out of the slave's hands: false if it
 * is not there. */
static bool scheduler_take_back(struct js_scheduler *scheduler,
                                struct slave *slave, uint64_t ticket,
                                struct assignment *ret)
{
    for (uint32_t i = 0; i < slave->count; i++) {
        if (slave->assignments[i].ticket != ticket)
            continue;
        *ret = slave->assignments[i];
        slave->count--;
        memmove(&slave->assignments[i], &slave->assignments[i + 1],
                (slave->count - i) * sizeof(*ret));
        slave->slotted -= ret->allocation.rank > 0;
        slave->special -= !is_ordinary(ret->job);
        slave->is_alone = false;
        scheduler->assigned--;
        scheduler->ahead -= ret->allocation.rank == 0;
        scheduler->broken -= ret->wholeness == BROKEN;
        scheduler->untold -= ret->allocation.rank > 0 && !ret->is_told;
        return true;
    }
    return false;
}

static void scheduler_release(struct js_scheduler *scheduler,
                              const struct slave *slave,
                              struct assignment *assignment)
{
    bool is_wide = !js_job_is_plain(assignment->job);
    bool is_on_others = assignment->allocation.other_count > 0;
    if (assignment->allocation.rank > 0)
        js_allocator_release(scheduler->allocator, &assignment->allocation);
    if (is_on_others)
        place_all(scheduler);
    else if (is_wide || js_allocator_has_reservation(scheduler->allocator) ||
             js_allocator_is_shared(scheduler->allocator, slave->number))
        place_neighbours(scheduler, slave->number);
}

/* The slot goes to the first job that was given ahead, as the slave does it;
 * or back to the allocator. */
static void hand_on(struct js_scheduler *scheduler, struct slave *slave,
                    struct assignment *ended)
{
    bool is_plain = js_job_is_plain(ended->job) && ended->allocation.rank > 0;
    for (uint32_t i = 0; i < slave->count && is_plain; i++) {
        struct assignment *next = &slave->assignments[i];
        if (next->allocation.rank > 0)
            continue;
        next->allocation = ended->allocation;
        slave->slotted++;
        scheduler->ahead--;
        scheduler_begin(scheduler, next);
        return;
    }
    scheduler_release(scheduler, slave, ended);
}

static void learn_run_time(struct js_scheduler *scheduler,
                           const struct js_outcome *outcome)
{
    if (scheduler->run_ns < 0)
        scheduler->run_ns = scheduler->short_ns = outcome->run_ns;
    else
        scheduler->run_ns +=
            (outcome->run_ns - scheduler->run_ns) / RUN_TIME_WEIGHT;
    scheduler->short_ns +=
        (outcome->run_ns - scheduler->short_ns) / SHORT_WEIGHT;
    if (scheduler->short_ns > outcome->run_ns)
        scheduler->short_ns = outcome->run_ns;
    if (js_outcome_succeeded(outcome))
        js_log_histogram_add(&scheduler->median, outcome->run_ns);
}

/* Puts a copy in front that runs it again: false if that is not to be. */
static bool retry(struct js_scheduler *scheduler, const struct js_job *job,
                  unsigned number, bool is_lost)
{
    uint32_t retries =
        job->is_retries_set ? job->retries : scheduler->config.retries;
    if (js_scheduler_is_stopped(scheduler) ||
        (!is_lost && job->attempt - job->lost > retries))
        return false;
    struct js_job *copy = js_job_copy(job);
    if (!copy)
        return false;
    copy->attempt++;
    copy->lost += is_lost;
    copy->avoid = number;
    dispatch_again(scheduler, copy);
    return true;
}

/* Counts it. True if that is one too many. */
static bool add_loss(struct js_job *job, bool was_alone)
{
    bool is_last = was_alone && job->losses + 1 >= JS_SCHEDULER_LOSSES;
    if (job->losses + 1 < JS_SCHEDULER_LOSSES || is_last)
        job->losses++;
    return is_last;
}

static enum js_scheduler_verdict
scheduler_judge(struct js_scheduler *scheduler, struct js_job *job,
                unsigned number, const struct js_outcome *outcome,
                const struct assignment *ended)
{
    bool is_success = js_outcome_succeeded(outcome);
    bool is_broken = ended->wholeness != WHOLE;
    if (js_outcome_is_loss(outcome) && !add_loss(job, ended->is_alone))
        return retry(scheduler, job, 0, true) ? JS_SCHEDULER_LOST
                                              : JS_SCHEDULER_ENDED;
    if (outcome->cause == JS_STOP_REASON_STOPPED || (is_broken && !is_success))
        return retry(scheduler, job, number, true) ? JS_SCHEDULER_RETRIED
                                                   : JS_SCHEDULER_ENDED;
    if (js_outcome_is_cut(outcome) && job->lost < JS_SCHEDULER_CUTS &&
        retry(scheduler, job, number, true))
        return JS_SCHEDULER_RETRIED;
    if (!is_success && !js_outcome_is_loss(outcome) &&
        retry(scheduler, job, number, false))
        return JS_SCHEDULER_RETRIED;
    scheduler->failures += !is_success;
    return JS_SCHEDULER_ENDED;
}

void js_scheduler_finished(struct js_scheduler *scheduler,
                           const struct js_job *job, bool is_success)
{
    if (scheduler->graph)
        js_graph_ended(scheduler->graph, job->seq, is_success);
    scheduler->is_dry = false;
}

enum js_scheduler_verdict js_scheduler_ended(struct js_scheduler *scheduler,
                                             unsigned number, uint64_t ticket,
                                             const struct js_outcome *outcome,
                                             struct js_job **ret_job)
{
    struct slave *slave = scheduler_find_slave(scheduler, number);
    struct assignment ended;
    if (!slave || !scheduler_take_back(scheduler, slave, ticket, &ended))
        return JS_SCHEDULER_STALE;
    hand_on(scheduler, slave, &ended);
    slave->is_stuck = false;
    if (!js_outcome_is_loss(outcome))
        learn_run_time(scheduler, outcome);
    scheduler_place_slave(scheduler, slave);
    *ret_job = ended.job;
    return scheduler_judge(scheduler, ended.job, number, outcome, &ended);
}

void js_scheduler_returned(struct js_scheduler *scheduler, unsigned number,
                           uint64_t ticket)
{
    struct slave *slave = scheduler_find_slave(scheduler, number);
    struct assignment back;
    if (!slave || !scheduler_take_back(scheduler, slave, ticket, &back))
        return;
    scheduler_release(scheduler, slave, &back);
    dispatch_again(scheduler, back.job);
    /* What it runs takes longer than the others' did. */
    slave->is_stuck = true;
    scheduler_place_slave(scheduler, slave);
}

void js_scheduler_recalled(struct js_scheduler *scheduler, unsigned number)
{
    struct slave *slave = scheduler_find_slave(scheduler, number);
    if (!slave || !slave->is_recalled)
        return;
    slave->is_recalled = false;
    scheduler->recalls--;
    scheduler_place_slave(scheduler, slave);
}

/* What others run on its node as well cannot go on. */
static void break_jobs_on(struct js_scheduler *scheduler, unsigned number)
{
    for (unsigned i = 0; i < scheduler->slave_end; i++) {
        struct slave *slave = scheduler->slaves[i];
        for (uint32_t k = 0; slave && k < slave->count; k++) {
            struct assignment *own = &slave->assignments[k];
            if (own->wholeness != WHOLE || own->allocation.other_count == 0 ||
                !js_allocation_is_on(&own->allocation, number))
                continue;
            own->wholeness = BROKEN;
            scheduler->broken++;
        }
    }
}

struct blame {
    js_scheduler_blamed_fn tell; /* NULL: nobody is to blame */
    void *arg;
    uint32_t ahead; /* so many that were given ahead may have begun */
};

/* Its assignments are handed back from the last on. */
static void lose_assignment(struct js_scheduler *scheduler, struct slave *slave,
                            const struct blame *blame)
{
    struct assignment lost;
    const struct assignment *last = &slave->assignments[slave->count - 1];
    bool was_running =
        last->allocation.rank > 0 || ahead_of(slave) <= blame->ahead;
    if (!scheduler_take_back(scheduler, slave, last->ticket, &lost))
        return;
    scheduler_release(scheduler, slave, &lost);
    bool is_fallen = false;
    if (blame->tell && was_running) {
        is_fallen = add_loss(lost.job, lost.is_alone);
        blame->tell(blame->arg, lost.job, slave->number);
    }
    if (is_fallen) {
        lost.job->avoid = slave->number;
        js_job_queue_push(&scheduler->fallen, lost.job);
        return;
    }
    lost.job->attempt++;
    lost.job->lost++;
    dispatch_again(scheduler, lost.job);
}

static void lose_slave(struct js_scheduler *scheduler, unsigned number,
                       struct blame *blame)
{
    struct slave *slave = scheduler_find_slave(scheduler, number);
    if (!slave || slave->is_lost)
        return;
    slave->is_lost = true;
    blame->ahead = slave->slots > JS_SCHEDULER_HANDED_MAX
                       ? slave->slots
                       : JS_SCHEDULER_HANDED_MAX;
    while (slave->count > 0)
        lose_assignment(scheduler, slave, blame);
    if (slave->is_cleared)
        end_clearing(scheduler);
    break_jobs_on(scheduler, number);
    js_scheduler_recalled(scheduler, number);
    scheduler->live_slaves--;
    scheduler->live_slots -= slave->slots;
    js_allocator_drop(scheduler->allocator, number);
    place_all(scheduler);
}

void js_scheduler_lost(struct js_scheduler *scheduler, unsigned number)
{
    lose_slave(scheduler, number, &(struct blame){NULL, NULL, 0});
}

void js_scheduler_died(struct js_scheduler *scheduler, unsigned number,
                       js_scheduler_blamed_fn blamed, void *arg)
{
    lose_slave(scheduler, number, &(struct blame){blamed, arg, 0});
}

/* ------------------------------------------------- what runs */

void js_scheduler_set_now(struct js_scheduler *scheduler, int64_t now_ns)
{
    scheduler->now_ns = now_ns;
}

static void tell_begun_of(struct js_scheduler *scheduler, struct slave *slave,
                          js_scheduler_begun_fn tell, void *arg)
{
    uint32_t left = slave->slotted;
    for (uint32_t i = 0; i < slave->count && left > 0; i++) {
        struct assignment *own = &slave->assignments[i];
        if (own->allocation.rank == 0)
            continue;
        left--;
        if (own->is_told ||
            scheduler->now_ns - own->begun_ns < JS_SCHEDULER_BEGUN_NS)
            continue;
        own->is_told = true;
        scheduler->untold--;
        tell(arg, own->job, slave->number, own->begun_ns);
    }
}

void js_scheduler_tell_begun(struct js_scheduler *scheduler,
                             js_scheduler_begun_fn tell, void *arg)
{
    if (scheduler->now_ns < js_scheduler_begun_due_ns(scheduler))
        return;
    scheduler->look_ns = scheduler->now_ns + JS_SCHEDULER_BEGUN_NS;
    for (unsigned i = 0; i < scheduler->slave_end; i++) {
        if (scheduler->slaves[i])
            tell_begun_of(scheduler, scheduler->slaves[i], tell, arg);
    }
}

int64_t js_scheduler_begun_due_ns(const struct js_scheduler *scheduler)
{
    return scheduler->untold > 0 ? scheduler->look_ns : INT64_MAX;
}

/* ------------------------------------------------- the state of things */

void js_scheduler_stop(struct js_scheduler *scheduler)
{
    scheduler->is_stopped = true;
}

bool js_scheduler_is_stopped(const struct js_scheduler *scheduler)
{
    return scheduler->is_stopped ||
           (scheduler->config.failures > 0 &&
            scheduler->failures >= scheduler->config.failures);
}

bool js_scheduler_is_stuck(const struct js_scheduler *scheduler,
                           const struct js_job **ret_job)
{
    *ret_job = scheduler->dispatched.first;
    return scheduler->is_dry && scheduler->assigned == 0 &&
           scheduler->live_slaves > 0 && scheduler->dispatched.first &&
           !scheduler->opened.head &&
           !js_allocator_could(scheduler->allocator,
                               &scheduler->dispatched.first->request, 0);
}

int64_t js_scheduler_median_ns(const struct js_scheduler *scheduler)
{
    return scheduler->median.count < MEDIAN_LEAST
               ? -1
               : js_log_histogram_ns(&scheduler->median);
}

uint64_t js_scheduler_held(const struct js_scheduler *scheduler)
{
    return scheduler->held.count + scheduler->ready.count +
           scheduler->opened.count + scheduler->dispatched.count +
           scheduler->late.count + scheduler->fallen.count +
           scheduler->assigned;
}

uint64_t js_scheduler_assigned(const struct js_scheduler *scheduler)
{
    return scheduler->assigned;
}

uint64_t js_scheduler_running(const struct js_scheduler *scheduler)
{
    return scheduler->assigned - scheduler->ahead;
}

int64_t js_scheduler_lead_ns(const struct js_scheduler *scheduler)
{
    int64_t least_ns = INT64_MAX;
    for (unsigned i = 0; i < scheduler->slave_end; i++) {
        const struct slave *slave = scheduler->slaves[i];
        if (!slave || slave->is_lost)
            continue;
        if (ahead_of(slave) == 0)
            return 0;
        int64_t lead_ns = ahead_of(slave) * scheduler->short_ns / slave->slots;
        if (lead_ns < least_ns)
            least_ns = lead_ns;
    }
    return least_ns == INT64_MAX ? 0 : least_ns;
}

int64_t js_scheduler_short_ns(const struct js_scheduler *scheduler)
{
    return scheduler->short_ns;
}

uint64_t js_scheduler_steps(const struct js_scheduler *scheduler)
{
    return scheduler->steps;
}

unsigned js_scheduler_slaves(const struct js_scheduler *scheduler)
{
    return scheduler->live_slaves;
}

uint64_t js_scheduler_slots(const struct js_scheduler *scheduler)
{
    return scheduler->live_slots;
}
