#include "sched/scheduler.h"

#include "base/err.h"
#include "base/table.h"
#include "jobsched.h"
#include "sched/backlog.h"
#include "sched/ready_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    RECOUNT_EACH = 10, /* jobs recounted for each decision, in a debug build */
    MEDIAN_LEAST = 3   /* run times needed for a median */
};

/*
 * Decides which job goes where. Every job is in exactly one of: held, ready,
 * opened, dispatched, past_deadline, fallen and the backlog. Invariants:
 * - constrained counts the dispatched jobs that js_job_is_constrained().
 * - If the allocator has a reservation, it is for reserved_for, which is a
 *   dispatched job.
 * - left_ns never grows.
 * - While is_settled is true, and the backlog has not changed,
 *   js_scheduler_next() has nothing to decide: every input that could change
 *   this clears one of them.
 */
struct js_scheduler {
    struct js_scheduler_config config;
    struct js_graph *graph; /* NULL: no job waits for another */
    struct js_allocator *allocator;
    struct js_backlog backlog;
    struct js_idmap held;        /* jobs that wait for others, by seq */
    struct js_ready_queue ready; /* jobs that wait for a round */
    struct js_job_queue opened; /* jobs of the open round, not yet dispatched */
    struct js_lanes dispatched; /* jobs that wait for room */
    uint64_t constrained;
    struct js_job_queue fallen; /* failed jobs: they were lost too often */
    struct js_job_queue past_deadline; /* jobs for which no time is left */
    int64_t left_ns;
    const struct js_job *reserved_for;
    bool is_settled;
    bool is_stopped;
    uint64_t failures;
    uint64_t steps;
#ifdef JS_DEBUG
    uint64_t unchecked;  /* decisions since the last recount */
    uint64_t check_cost; /* how many jobs and slaves that recount examined */
#endif
};

struct js_scheduler_config
js_scheduler_config_of(const struct jobsched_config *config)
{
    bool is_first_last = config->fail_fast && config->max_failures == 0;
    return (struct js_scheduler_config){
        .round_size = config->round_size,
        .barrier = config->barrier,
        .longest_first = config->longest_first != NULL,
        .retries = config->retries,
        .failures = is_first_last ? 1 : config->max_failures,
        .timeout_ns = config->timeout_ns};
}

struct js_scheduler *js_scheduler_new(const struct js_scheduler_config *config,
                                      struct js_graph *graph,
                                      struct js_allocator *allocator)
{
    struct js_scheduler *scheduler = calloc(1, sizeof(*scheduler));
    if (!scheduler)
        return NULL;
    scheduler->held = (struct js_idmap)JS_IDMAP_OF(struct js_job, seq, next);
    scheduler->config = *config;
    scheduler->config.is_ordered |= config->longest_first;
    /* A dispatched job goes before all jobs that become ready after it. */
    if (config->longest_first && !config->barrier)
        scheduler->config.round_size = 1;
    scheduler->failures = config->failed_before;
    scheduler->graph = graph;
    scheduler->allocator = allocator;
    scheduler->ready.longest_first = config->longest_first;
    /* With a limit on failures, the end of each job decides whether the next
     * one starts. */
    js_backlog_init(&scheduler->backlog, allocator, config->failures == 0);
    scheduler->left_ns = INT64_MAX;
    return scheduler;
}

void js_scheduler_free(struct js_scheduler *scheduler)
{
    if (!scheduler)
        return;
    int saved = errno;
    js_backlog_release(&scheduler->backlog);
    struct js_job *held = js_idmap_next(&scheduler->held, NULL);
    while (held) {
        struct js_job *next = js_idmap_next(&scheduler->held, held);
        js_job_free(held);
        held = next;
    }
    js_idmap_release(&scheduler->held);
    js_ready_queue_release(&scheduler->ready);
    js_job_queue_release(&scheduler->opened);
    js_lanes_release(&scheduler->dispatched);
    js_job_queue_release(&scheduler->past_deadline);
    js_job_queue_release(&scheduler->fallen);
    free(scheduler);
    errno = saved;
}

int js_scheduler_add_slave(struct js_scheduler *scheduler, unsigned number,
                           uint32_t slots)
{
    return js_backlog_add(&scheduler->backlog, number, slots);
}

/* ------------------------------------------------- jobs that come in */

int js_scheduler_add(struct js_scheduler *scheduler, struct js_job *job)
{
    scheduler->is_settled = false;
    int rc = job->is_waiting ? js_idmap_put(&scheduler->held, job)
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
    /* This suffices to fill every slave between two turns of the master. */
    const struct js_backlog *backlog = &scheduler->backlog;
    uint64_t most = backlog->live_slots +
                    (uint64_t)JS_SCHEDULER_AHEAD_MAX * backlog->live_slaves;
    return scheduler->ready.count <
           scheduler->config.round_size +
               (most < JS_SCHEDULER_READY_MAX ? most : JS_SCHEDULER_READY_MAX);
}

bool js_scheduler_needs_jobs(const struct js_scheduler *scheduler)
{
    return (scheduler->config.is_ordered ||
            scheduler->ready.count < scheduler->config.round_size) &&
           js_scheduler_wants_jobs(scheduler);
}

/* ------------------------------------------------- what the graph says */

/* Finds the next job of this run that was skipped, or lost too often. */
static bool scheduler_next_not_run(struct js_scheduler *scheduler,
                                   struct js_scheduler_decision *ret)
{
    uint64_t seq;
    while (scheduler->graph &&
           (seq = js_graph_next_skipped(scheduler->graph, &ret->parent)) > 0) {
        if ((ret->skipped = js_idmap_take(&scheduler->held, seq))) {
            ret->step = JS_SCHEDULER_SKIP;
            return true;
        }
    }
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
    while ((id = js_graph_next_ready(scheduler->graph))) {
        struct js_job *job = js_idmap_take(&scheduler->held, id);
        if (job && js_ready_queue_push(&scheduler->ready, job) < 0) {
            js_job_free(job);
            return -1;
        }
        scheduler->is_settled = false;
    }
    return 0;
}

/* ------------------------------------------------- rounds */

/* If a round may begin, opens its jobs. True if it may. */
static bool scheduler_open_round(struct js_scheduler *scheduler)
{
    /* Each kind of job costs time in every search; more jobs of one kind cost
     * only memory. */
    if (scheduler->ready.count == 0 ||
        scheduler->dispatched.lane_count >= JS_SCHEDULER_KINDS ||
        scheduler->dispatched.count >= JS_SCHEDULER_HELD_MAX ||
        !js_backlog_find_room(&scheduler->backlog, 0))
        return false;
    if (scheduler->config.barrier &&
        (scheduler->backlog.assigned > 0 || scheduler->dispatched.first))
        return false;
    while (scheduler->opened.count < scheduler->config.round_size &&
           scheduler->ready.count > 0)
        js_job_queue_push(&scheduler->opened,
                          js_ready_queue_pop(&scheduler->ready));
    return true;
}

/* A new kind of job may fit where the others do not, so the scheduler is no
 * longer settled. */
static void scheduler_dispatch(struct js_scheduler *scheduler,
                               struct js_scheduler_decision *ret)
{
    struct js_job *job = js_job_queue_pop(&scheduler->opened);
    js_lanes_push(&scheduler->dispatched, job);
    scheduler->constrained += js_job_is_constrained(job);
    scheduler->is_settled = false;
    ret->step = JS_SCHEDULER_DISPATCH;
    ret->job = job;
}

/* It goes before all others, because it has already waited for its turn. */
static void scheduler_dispatch_again(struct js_scheduler *scheduler,
                                     struct js_job *job)
{
    js_lanes_push_front(&scheduler->dispatched, job);
    scheduler->constrained += js_job_is_constrained(job);
}

static struct js_job *scheduler_take_dispatched(struct js_scheduler *scheduler,
                                                struct js_job **link)
{
    struct js_job *job = js_lanes_take(&scheduler->dispatched, link);
    scheduler->constrained -= js_job_is_constrained(job);
    return job;
}

/* ------------------------------------------------- assigning */

/* The only remaining slave cannot be avoided. */
static unsigned scheduler_whom_to_avoid(const struct js_scheduler *scheduler,
                                        const struct js_job *job)
{
    return scheduler->backlog.live_slaves > 1 ? job->avoid : 0;
}

/* True if the reservation is for this job, the first of its kind. */
static bool scheduler_is_reserved_for(const struct js_scheduler *scheduler,
                                      const struct js_job *job)
{
    return js_allocator_has_reservation(scheduler->allocator) &&
           js_job_is_alike(scheduler->reserved_for, job);
}

/* The job waits at the head: a running job must end before it has room. */
static void scheduler_reserve(struct js_scheduler *scheduler,
                              const struct js_job *job)
{
    /* A slave is being emptied for a job that must run alone. A reservation
     * might need what that job will get, and then neither would start. */
    if (scheduler->backlog.cleared)
        return;
    if (js_allocator_has_reservation(scheduler->allocator)) {
        if (scheduler_is_reserved_for(scheduler, job))
            js_allocator_reserve_more(scheduler->allocator);
        return;
    }
    if (js_allocator_reserve(scheduler->allocator, &job->request,
                             scheduler_whom_to_avoid(scheduler, job)))
        scheduler->reserved_for = job;
}

/* Finds an empty slave for a plain job that must run alone. Returns 1, or 0 if
 * there is none. */
static int scheduler_place_alone(struct js_scheduler *scheduler,
                                 struct js_allocation *ret)
{
    struct js_backlog *backlog = &scheduler->backlog;
    const struct js_backlog_slave *empty = js_backlog_find_empty(backlog);
    if (empty &&
        js_allocator_take_slot(scheduler->allocator, empty->number, ret))
        return 1;
    /* Not while cores are reserved: each would wait for the other. */
    if (!js_allocator_has_cores_reserved(scheduler->allocator))
        js_backlog_clear_one(backlog);
    return 0;
}

/* Like js_allocator_take(), for a job that needs more than a slot. */
static int scheduler_place_wide(struct js_scheduler *scheduler,
                                const struct js_job *job,
                                struct js_lanes_look *look,
                                struct js_allocation *ret)
{
    bool is_reserved_for = scheduler_is_reserved_for(scheduler, job);
    int rc = 0;
    js_backlog_settle(&scheduler->backlog);
    /* A suspect prefers an empty slave, but does not wait for one, because
     * there may never be an empty slave with room for it. */
    if (js_job_is_suspect(job))
        rc = js_allocator_take(scheduler->allocator, &job->request, 0,
                               JS_SLAVES_EMPTY, ret);
    if (rc == 0 && !is_reserved_for && js_lanes_was_refused(look, job))
        return 0;
    if (rc == 0 && !is_reserved_for)
        rc = js_allocator_take(scheduler->allocator, &job->request,
                               scheduler_whom_to_avoid(scheduler, job),
                               JS_SLAVES_OPEN, ret);
    else if (rc == 0)
        rc = js_allocator_take_reserved(scheduler->allocator, JS_SLAVES_OPEN,
                                        ret);
    if (rc > 0 && is_reserved_for)
        js_allocator_unreserve(scheduler->allocator);
    if (rc == 0) {
        js_lanes_refuse(look, job);
        if (!look->is_any || is_reserved_for)
            scheduler_reserve(scheduler, job);
    }
    return rc;
}

/* Finds a slave and an allocation. Returns 1 if it found them, 0 if there is no
 * room now, or -1 if there is no memory. */
static int scheduler_find_place(struct js_scheduler *scheduler,
                                const struct js_job *job,
                                struct js_lanes_look *look,
                                struct js_backlog_slave **ret_slave,
                                struct js_allocation *ret)
{
    struct js_backlog *backlog = &scheduler->backlog;
    memset(ret, 0, sizeof(*ret));
    if (!js_job_is_constrained(job)) {
        if (look->is_plain)
            return 0;
        unsigned avoid = scheduler_whom_to_avoid(scheduler, job);
        *ret_slave = js_backlog_find_room(backlog, avoid);
        look->is_plain = !*ret_slave && avoid == 0;
        /* If no slot is free, there is room ahead of time: then the job gets
         * its allocation when it begins. */
        if (*ret_slave)
            js_allocator_take_slot(scheduler->allocator, (*ret_slave)->number,
                                   ret);
        return *ret_slave != NULL;
    }
    int rc = js_job_is_plain(job)
                 ? scheduler_place_alone(scheduler, ret)
                 : scheduler_place_wide(scheduler, job, look, ret);
    if (rc > 0)
        *ret_slave = js_backlog_find(backlog, ret->rank);
    return rc;
}

/* ------------------------------------------------- time */

/* Puts the first job of a lane aside if no time is left for it. Returns true if
 * it did so. */
static bool scheduler_put_aside(struct js_scheduler *scheduler,
                                struct js_job **link)
{
    struct js_job *job = *link;
    int64_t left_ns = scheduler->left_ns;
    int64_t timeout_ns =
        job->timeout_ns > 0 ? job->timeout_ns : scheduler->config.timeout_ns;
    /* For a job about which nothing is known, the run times of the others are
     * the best guess. */
    int64_t guess_ns =
        timeout_ns > 0 || job->expected_ns >= 0 ? 0 : scheduler->backlog.run_ns;
    if (left_ns == INT64_MAX ||
        (left_ns > 0 && timeout_ns <= left_ns && job->expected_ns <= left_ns &&
         guess_ns <= left_ns))
        return false;
    job = scheduler_take_dispatched(scheduler, link);
    js_job_queue_push(&scheduler->past_deadline, job);
    js_backlog_end_clearing(&scheduler->backlog);
    if (scheduler_is_reserved_for(scheduler, job))
        js_allocator_unreserve(scheduler->allocator);
    /* If the input is an endless stream, only a limited number of these jobs is
     * kept. */
    if (scheduler->config.is_stream &&
        scheduler->past_deadline.count >= JS_SCHEDULER_HELD_MAX)
        scheduler->is_stopped = true;
    return true;
}

void js_scheduler_set_time_left(struct js_scheduler *scheduler, int64_t left_ns)
{
    scheduler->left_ns = left_ns;
}

bool js_scheduler_is_out_of_time(const struct js_scheduler *scheduler)
{
    return scheduler->past_deadline.count > 0 &&
           scheduler->backlog.assigned == 0 && scheduler->ready.count == 0 &&
           !scheduler->opened.head && !scheduler->dispatched.first &&
           !scheduler->fallen.head;
}

/* Assigns the first dispatched job for which there is room, and returns true if
 * there is one. It examines only the first job of each kind. */
static bool scheduler_assign_next(struct js_scheduler *scheduler,
                                  struct js_scheduler_decision *ret)
{
    struct js_lanes_look look;
    js_lanes_look_begin(&look);
    struct js_job **link = &scheduler->dispatched.first;
    while (*link) {
        struct js_allocation allocation;
        struct js_backlog_slave *slave;
        scheduler->steps++;
        if (scheduler_put_aside(scheduler, link))
            continue;
        int rc =
            scheduler_find_place(scheduler, *link, &look, &slave, &allocation);
        if (rc < 0) {
            ret->step = JS_SCHEDULER_NO_MEMORY;
            return true;
        }
        if (rc == 0 && look.is_plain && scheduler->constrained == 0)
            break;
        if (rc == 0) {
            look.is_any |= !js_job_is_suspect(*link) || !js_job_is_plain(*link);
            link = &(*link)->lane;
            continue;
        }
        ret->ticket = js_backlog_give(&scheduler->backlog, slave, *link,
                                      &allocation, &ret->allocation);
        if (ret->ticket == 0) {
            js_allocator_release(scheduler->allocator, &allocation);
            ret->step = JS_SCHEDULER_NO_MEMORY;
            return true;
        }
        ret->job = scheduler_take_dispatched(scheduler, link);
        ret->step = JS_SCHEDULER_ASSIGN;
        ret->slave = slave->number;
        ret->slot =
            ret->allocation ? ret->allocation->slot : JS_SCHEDULER_SLOT_NEXT;
        return true;
    }
    return false;
}

/* ------------------------------------------------- recalling */

/* Recalls jobs from another slave for a free slot. */
static void scheduler_recall(struct js_scheduler *scheduler,
                             struct js_scheduler_decision *ret)
{
    struct js_backlog *backlog = &scheduler->backlog;
    uint32_t count;
    js_backlog_settle(backlog);
    /* Jobs that wait for something other than a slot cannot fill it. */
    bool is_wanted = backlog->recalls < backlog->idle &&
                     scheduler->dispatched.count == scheduler->constrained;
    const struct js_backlog_slave *slave =
        is_wanted ? js_backlog_recall(backlog, &count) : NULL;
    if (!slave)
        return;
    ret->step = JS_SCHEDULER_RECALL;
    ret->slave = slave->number;
    ret->count = count;
}

/* ------------------------------------------------- ending */

static bool scheduler_is_settled(const struct js_scheduler *scheduler)
{
    return scheduler->is_settled && !scheduler->backlog.has_changed;
}

uint64_t js_scheduler_assert_invariants(const struct js_scheduler *scheduler)
{
    uint64_t constrained = 0;
    bool is_reserved_for_any = false;
    js_lanes_assert_invariants(&scheduler->dispatched);
    for (const struct js_job *lane = scheduler->dispatched.first; lane;
         lane = lane->lane) {
        for (const struct js_job *job = lane; job; job = job->next) {
            constrained += js_job_is_constrained(job);
            is_reserved_for_any |= job == scheduler->reserved_for;
        }
    }
    JS_INVARIANT(scheduler->constrained == constrained);
    JS_INVARIANT(!js_allocator_has_reservation(scheduler->allocator) ||
                 is_reserved_for_any);
    size_t held = 0;
    for (const struct js_job *job = js_idmap_next(&scheduler->held, NULL); job;
         job = js_idmap_next(&scheduler->held, job))
        held += js_idmap_get(&scheduler->held, job->seq) == job;
    JS_INVARIANT(scheduler->held.count == held);
    js_ready_queue_assert_invariants(&scheduler->ready);
    js_job_queue_assert_invariants(&scheduler->opened);
    js_job_queue_assert_invariants(&scheduler->fallen);
    js_job_queue_assert_invariants(&scheduler->past_deadline);
    js_backlog_assert_invariants(&scheduler->backlog);
    return js_scheduler_counts(scheduler).held + scheduler->backlog.slave_end;
}

struct js_scheduler_decision js_scheduler_next(struct js_scheduler *scheduler)
{
#ifdef JS_DEBUG
    /* Recounting a million jobs at each decision would take forever. */
    if (scheduler->unchecked++ * RECOUNT_EACH >= scheduler->check_cost) {
        scheduler->check_cost = js_scheduler_assert_invariants(scheduler);
        scheduler->unchecked = 0;
    }
#endif
    struct js_scheduler_decision next = {.step = JS_SCHEDULER_NOTHING};
    /* Jobs that never run go first, even when the run has been stopped: they
     * must be on record, and may hold up others. */
    bool has_news = scheduler->graph && js_graph_has_news(scheduler->graph);
    if ((has_news || scheduler->fallen.head) &&
        scheduler_next_not_run(scheduler, &next))
        return next;
    if (has_news && scheduler_take_ready(scheduler) < 0) {
        next.step = JS_SCHEDULER_NO_MEMORY;
        return next;
    }
    /* A job that has lost one of its nodes can no longer succeed. */
    const struct js_backlog_slave *slave;
    const struct js_assignment *own =
        scheduler->backlog.node_lost > 0
            ? js_backlog_next_node_lost(&scheduler->backlog, &slave)
            : NULL;
    if (own) {
        next.step = JS_SCHEDULER_END;
        next.job = own->job;
        next.slave = slave->number;
        next.ticket = own->ticket;
        return next;
    }
    if (js_scheduler_is_stopped(scheduler))
        return next;
    if (scheduler->opened.head) {
        scheduler_dispatch(scheduler, &next);
        return next;
    }
    if (scheduler_is_settled(scheduler) ||
        (scheduler->dispatched.first &&
         scheduler_assign_next(scheduler, &next)))
        return next;
    if (scheduler_open_round(scheduler)) {
        scheduler_dispatch(scheduler, &next);
        return next;
    }
    /* Only an input can change anything now. The recall comes last, because it
     * changes a slave's level and so unsettles the scheduler again. */
    scheduler->is_settled = true;
    scheduler->backlog.has_changed = false;
    scheduler_recall(scheduler, &next);
    return next;
}

/* ------------------------------------------------- news */

void js_scheduler_acknowledged(struct js_scheduler *scheduler, unsigned number,
                               uint32_t count)
{
    js_backlog_acknowledged(&scheduler->backlog, number, count);
}

/* Puts a copy in front, to run the job again. Returns false if it must not run
 * again. */
static bool scheduler_retry(struct js_scheduler *scheduler,
                            const struct js_job *job, unsigned number,
                            bool is_lost)
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
    scheduler_dispatch_again(scheduler, copy);
    return true;
}

/* Counts a loss. Returns true if this is one too many. */
static bool job_add_loss(struct js_job *job, bool was_alone)
{
    bool is_last = was_alone && job->losses + 1 >= JS_SCHEDULER_LOSSES;
    if (job->losses + 1 < JS_SCHEDULER_LOSSES || is_last)
        job->losses++;
    return is_last;
}

/* The order of the rules matters: a loss with a slave says nothing about the
 * job, nor does a stop; then a cut output is forgiven a few times; anything
 * else is a failure, which counts once the retries are used up. */
static enum js_scheduler_follow_up
scheduler_judge(struct js_scheduler *scheduler, struct js_job *job,
                unsigned number, const struct js_outcome *outcome,
                const struct js_backlog_taken *ended)
{
    bool is_success = js_outcome_succeeded(outcome);
    bool has_lost_node = ended->node_loss != JS_NODE_LOSS_NONE;
    if (js_outcome_is_loss(outcome) && !job_add_loss(job, ended->is_alone))
        return scheduler_retry(scheduler, job, 0, true) ? JS_SCHEDULER_LOST
                                                        : JS_SCHEDULER_ENDED;
    if (outcome->cause == JS_STOP_REASON_STOPPED ||
        (has_lost_node && !is_success))
        return scheduler_retry(scheduler, job, number, true)
                   ? JS_SCHEDULER_RETRIED
                   : JS_SCHEDULER_ENDED;
    if (js_outcome_is_cut(outcome) && job->lost < JS_SCHEDULER_CUTS &&
        scheduler_retry(scheduler, job, number, true))
        return JS_SCHEDULER_RETRIED;
    if (!is_success && !js_outcome_is_loss(outcome) &&
        scheduler_retry(scheduler, job, number, false))
        return JS_SCHEDULER_RETRIED;
    scheduler->failures += !is_success;
    return JS_SCHEDULER_ENDED;
}

void js_scheduler_finished(struct js_scheduler *scheduler,
                           const struct js_job *job, bool is_success)
{
    if (scheduler->graph)
        js_graph_ended(scheduler->graph, job->seq, is_success);
    scheduler->is_settled = false;
}

enum js_scheduler_follow_up js_scheduler_ended(struct js_scheduler *scheduler,
                                               unsigned number, uint64_t ticket,
                                               const struct js_outcome *outcome,
                                               struct js_job **ret_job)
{
    struct js_backlog *backlog = &scheduler->backlog;
    struct js_backlog_slave *slave = js_backlog_find(backlog, number);
    struct js_backlog_taken ended;
    if (!slave || !js_backlog_take(backlog, slave, ticket, &ended))
        return JS_SCHEDULER_STALE;
    js_backlog_hand_on(backlog, slave, &ended);
    slave->is_stuck = false;
    if (!js_outcome_is_loss(outcome))
        js_backlog_learn(backlog, outcome);
    js_backlog_place(backlog, slave);
    *ret_job = ended.job;
    return scheduler_judge(scheduler, ended.job, number, outcome, &ended);
}

void js_scheduler_returned(struct js_scheduler *scheduler, unsigned number,
                           uint64_t ticket)
{
    struct js_backlog *backlog = &scheduler->backlog;
    struct js_backlog_slave *slave = js_backlog_find(backlog, number);
    struct js_backlog_taken back;
    if (!slave || !js_backlog_take(backlog, slave, ticket, &back))
        return;
    js_backlog_let_go(backlog, &back);
    scheduler_dispatch_again(scheduler, back.job);
    /* The slave's jobs take longer than those of other slaves did. */
    slave->is_stuck = true;
    js_backlog_place(backlog, slave);
}

void js_scheduler_recalled(struct js_scheduler *scheduler, unsigned number)
{
    struct js_backlog_slave *slave =
        js_backlog_find(&scheduler->backlog, number);
    if (slave)
        js_backlog_recalled(&scheduler->backlog, slave);
}

void js_scheduler_died(struct js_scheduler *scheduler, unsigned number,
                       js_scheduler_blamed_fn blamed, void *arg)
{
    struct js_backlog *backlog = &scheduler->backlog;
    struct js_backlog_slave *slave = js_backlog_find(backlog, number);
    if (!slave || slave->is_lost)
        return;
    slave->is_lost = true;
    /* The runner may have begun some of the jobs given ahead. */
    uint32_t handed = slave->slots > JS_SCHEDULER_HANDED_MAX
                          ? slave->slots
                          : JS_SCHEDULER_HANDED_MAX;
    /* The last job is taken first, so that the jobs are dispatched again in
     * order. */
    struct js_backlog_taken lost;
    for (uint64_t ticket; (ticket = js_backlog_last(slave)) > 0;) {
        bool is_handed = slave->ahead_count <= handed;
        bool is_fallen = false;
        js_backlog_take(backlog, slave, ticket, &lost);
        bool was_running = lost.allocation.rank > 0 || is_handed;
        js_backlog_let_go(backlog, &lost);
        if (blamed && was_running) {
            is_fallen = job_add_loss(lost.job, lost.is_alone);
            blamed(arg, lost.job, number);
        }
        if (is_fallen) {
            lost.job->avoid = number;
            js_job_queue_push(&scheduler->fallen, lost.job);
        } else {
            lost.job->attempt++;
            lost.job->lost++;
            scheduler_dispatch_again(scheduler, lost.job);
        }
    }
    js_backlog_drop(backlog, slave);
}

/* No job is to blame for a host that is down. */
void js_scheduler_lost(struct js_scheduler *scheduler, unsigned number)
{
    js_scheduler_died(scheduler, number, NULL, NULL);
}

/* ------------------------------------------------- what runs */

void js_scheduler_set_now(struct js_scheduler *scheduler, int64_t now_ns)
{
    scheduler->backlog.now_ns = now_ns;
}

void js_scheduler_report_begun(struct js_scheduler *scheduler,
                               js_scheduler_begun_fn report, void *arg)
{
    js_backlog_report_begun(&scheduler->backlog, report, arg);
}

int64_t js_scheduler_begun_due_ns(const struct js_scheduler *scheduler)
{
    return scheduler->backlog.unreported > 0 ? scheduler->backlog.look_ns
                                             : INT64_MAX;
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
    /* Nothing runs, so a kind that could run would have been assigned when the
     * scheduler settled. Only a reservation for the first kind can prevent
     * that, and there is none if that kind can never run. */
    return scheduler_is_settled(scheduler) &&
           scheduler->backlog.assigned == 0 &&
           scheduler->backlog.live_slaves > 0 && scheduler->dispatched.first &&
           !scheduler->opened.head &&
           !js_allocator_could(scheduler->allocator,
                               &scheduler->dispatched.first->request, 0);
}

int64_t js_scheduler_median_ns(const struct js_scheduler *scheduler)
{
    const struct js_log_histogram *run_times = &scheduler->backlog.run_times;
    return run_times->count < MEDIAN_LEAST
               ? -1
               : js_log_histogram_median_ns(run_times);
}

struct js_scheduler_counts
js_scheduler_counts(const struct js_scheduler *scheduler)
{
    const struct js_backlog *backlog = &scheduler->backlog;
    return (struct js_scheduler_counts){
        .held = scheduler->held.count + scheduler->ready.count +
                scheduler->opened.count + scheduler->dispatched.count +
                scheduler->past_deadline.count + scheduler->fallen.count +
                backlog->assigned,
        .assigned = backlog->assigned,
        .running = backlog->assigned - backlog->ahead,
        .slaves = backlog->live_slaves,
        .slots = backlog->live_slots,
        .is_end_awaited =
            scheduler->graph && js_graph_is_waiting(scheduler->graph),
        .steps = scheduler->steps,
        .places = backlog->places,
        .looks = js_allocator_looks(scheduler->allocator)};
}

int64_t js_scheduler_lead_ns(struct js_scheduler *scheduler)
{
    return js_backlog_lead_ns(&scheduler->backlog);
}

int64_t js_scheduler_short_ns(const struct js_scheduler *scheduler)
{
    return scheduler->backlog.short_ns;
}
