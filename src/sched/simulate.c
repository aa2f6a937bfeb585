#include "sched/simulate.h"

#include "base/heap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* This is half of the range, because the scheduler adds to the time as well. */
static const int64_t end_of_time_ns = INT64_MAX / 2;

/* Only these two events happen by themselves; everything else follows from
 * them. */
enum kind {
    JOB_ENDS,
    PATIENCE_ENDS, /* a slave with jobs ahead has waited too long */
};

struct event {
    int64_t at_ns;
    uint64_t order; /* set by simulate_put() */
    enum kind kind;
    unsigned slave;
    /* For the end of a job. */
    uint64_t ticket;
    int64_t since_ns; /* when it began */
};

/* A job as a slave knows it. */
struct order {
    uint64_t ticket;
    int64_t run_ns;
};

/* A simulated slave knows only what a real one knows: the jobs that it has
 * ahead. The scheduler knows the others. */
struct slave {
    struct order
        ahead[JS_SCHEDULER_AHEAD_MAX]; /* ring buffer, the oldest first */
    uint32_t first, count;
    int64_t freed_ns; /* when one of its slots last became free */
};

/* One simulation. Invariants: `cores` counts the cores of the running jobs, and
 * has_input is true until the source has no more jobs. Each slave with jobs
 * ahead has an event in the queue that makes it start one, or give all back. */
struct play {
    const struct js_simulate_config *config;
    struct js_scheduler *scheduler;
    struct js_source *source;
    struct js_heap event_queue; /* struct event */
    uint64_t put;               /* the number of events put in so far */
    struct slave *slaves;       /* indexed by number */
    int64_t now_ns, end_ns;
    uint64_t cores; /* that jobs hold now */
    bool has_input;
    struct js_simulation seen;
    struct js_err *err;
};

static int simulate_fail_errno(const struct play *play)
{
    return js_err_errno(play->err, "cannot simulate the run");
}

/* ---------------------------------------------------------------- jobs */

static int simulate_take_jobs(struct play *play)
{
    while (play->has_input && js_scheduler_wants_jobs(play->scheduler)) {
        struct js_job *job;
        switch (js_source_next(play->source, &job, play->err)) {
        case JS_SOURCE_JOB:
            play->config->accepted(play->config->arg, job);
            if (js_scheduler_add(play->scheduler, job) < 0)
                return simulate_fail_errno(play);
            break;
        case JS_SOURCE_LATER: /* for a stream: simulate what has come so far */
        case JS_SOURCE_END:
            play->has_input = false;
            break;
        case JS_SOURCE_ERROR:
        case JS_SOURCE_BROKEN:
            return -1;
        }
    }
    return 0;
}

static uint64_t simulate_cores_of(const struct js_job *job)
{
    return (uint64_t)job->request.cores * js_request_nodes(&job->request);
}

/* ---------------------------------------------------------------- a slave */

/* Events at the same time happen in the order in which they were added, which a
 * heap alone does not preserve. */
static bool simulate_is_before(const void *a, const void *b, const void *arg)
{
    const struct event *one = a, *other = b;
    (void)arg;
    return one->at_ns != other->at_ns ? one->at_ns < other->at_ns
                                      : one->order < other->order;
}

static int simulate_put(struct play *play, struct event event)
{
    event.order = play->put++;
    return js_heap_put(&play->event_queue, sizeof(event), &event,
                       simulate_is_before, NULL);
}

/* The gap is part of the event, because the slot is busy from now on, while the
 * job itself runs only after the gap. */
static int simulate_begin(struct play *play, unsigned number,
                          const struct order *order)
{
    struct event end = {
        .kind = JOB_ENDS, .slave = number, .ticket = order->ticket};
    if (__builtin_add_overflow(play->now_ns, play->config->gap_ns,
                               &end.since_ns) ||
        __builtin_add_overflow(end.since_ns, order->run_ns, &end.at_ns) ||
        end.at_ns > end_of_time_ns) {
        errno = EOVERFLOW;
        return -1;
    }
    play->slaves[number].freed_ns = play->now_ns;
    return simulate_put(play, end);
}

/* Starts to wait for a slot of this slave. The slave returns the jobs it has
 * ahead when it has waited too long. */
static int simulate_await_slot(struct play *play, unsigned number)
{
    int64_t until_ns =
        play->slaves[number].freed_ns + JS_SCHEDULER_GIVE_BACK_NS;
    if (until_ns < play->now_ns)
        until_ns = play->now_ns;
    return simulate_put(play, (struct event){.at_ns = until_ns,
                                             .slave = number,
                                             .kind = PATIENCE_ENDS});
}

/* Returns the newest jobs first. */
static void simulate_give_back(struct play *play, unsigned number,
                               uint32_t most)
{
    struct slave *slave = &play->slaves[number];
    for (; slave->count > 0 && most > 0; most--) {
        uint32_t last = slave->first + --slave->count;
        js_scheduler_returned(
            play->scheduler, number,
            slave->ahead[last % JS_SCHEDULER_AHEAD_MAX].ticket);
    }
}

/* ---------------------------------------------------------------- decisions */

static int simulate_assign(struct play *play,
                           const struct js_scheduler_decision *next)
{
    struct order order = {next->ticket, next->job->duration_ns};
    struct slave *slave = &play->slaves[next->slave];
    /* Messages take no time, so each job is acknowledged at once. */
    js_scheduler_acknowledged(play->scheduler, next->slave, 1);
    if (play->config->assigned)
        play->config->assigned(play->config->arg, next);
    if (next->slot != JS_SCHEDULER_SLOT_NEXT) {
        play->cores += simulate_cores_of(next->job);
        if (play->cores > play->seen.peak_cores)
            play->seen.peak_cores = play->cores;
        return simulate_begin(play, next->slave, &order);
    }
    slave->ahead[(slave->first + slave->count) % JS_SCHEDULER_AHEAD_MAX] =
        order;
    /* One event is enough for all jobs ahead: they wait for the same slots. */
    return slave->count++ == 0 ? simulate_await_slot(play, next->slave) : 0;
}

/* Carries out the scheduler's decisions until there are no more at this time.
 */
static int simulate_follow(struct play *play)
{
    struct js_scheduler_decision next;
    js_scheduler_set_now(play->scheduler, play->now_ns);
    do {
        next = js_scheduler_next(play->scheduler);
        switch (next.step) {
        case JS_SCHEDULER_ASSIGN:
            if (simulate_assign(play, &next) < 0)
                return simulate_fail_errno(play);
            break;
        case JS_SCHEDULER_RECALL:
            simulate_give_back(play, next.slave, next.count);
            js_scheduler_recalled(play->scheduler, next.slave);
            break;
        case JS_SCHEDULER_SKIP: /* nothing fails, so nothing is skipped */
        case JS_SCHEDULER_FAIL:
        case JS_SCHEDULER_END:
        case JS_SCHEDULER_DISPATCH:
        case JS_SCHEDULER_NOTHING:
            break;
        case JS_SCHEDULER_NO_MEMORY:
            errno = ENOMEM;
            return simulate_fail_errno(play);
        }
    } while (next.step != JS_SCHEDULER_NOTHING);
    return 0;
}

/* ---------------------------------------------------------------- events */

static int simulate_end_job(struct play *play, const struct event *event)
{
    struct js_outcome outcome = {.run_ns = event->at_ns - event->since_ns};
    struct slave *slave = &play->slaves[event->slave];
    struct js_job *job = NULL;
    play->end_ns = event->at_ns;
    play->seen.jobs++;
    js_scheduler_ended(play->scheduler, event->slave, event->ticket, &outcome,
                       &job);
    /* A simulation keeps no record that could lag behind. */
    js_scheduler_finished(play->scheduler, job, true);
    /* A job given ahead holds its core from here on. */
    play->cores -= slave->count > 0 ? 0 : simulate_cores_of(job);
    js_job_free(job);
    slave->freed_ns = play->now_ns;
    if (slave->count == 0)
        return 0;
    /* The slot that is free now belongs to the first job ahead; the scheduler
     * comes to the same conclusion. */
    const struct order *next = &slave->ahead[slave->first];
    slave->first = (slave->first + 1) % JS_SCHEDULER_AHEAD_MAX;
    slave->count--;
    if (simulate_begin(play, event->slave, next) < 0)
        return -1;
    /* Only a longer job can outlast the slave's patience. */
    bool is_long = next->run_ns > JS_SCHEDULER_GIVE_BACK_NS;
    return slave->count > 0 && is_long ? simulate_await_slot(play, event->slave)
                                       : 0;
}

static int simulate_happen(struct play *play, const struct event *event)
{
    const struct slave *slave = &play->slaves[event->slave];
    play->now_ns = event->at_ns;
    js_scheduler_set_now(play->scheduler, play->now_ns);
    if (event->kind == JOB_ENDS)
        return simulate_end_job(play, event) < 0 ? simulate_fail_errno(play)
                                                 : 0;
    /* If a slot has become free since the event was put in, the jobs ahead have
     * not waited too long. */
    if (play->now_ns - slave->freed_ns >= JS_SCHEDULER_GIVE_BACK_NS)
        simulate_give_back(play, event->slave, slave->count);
    return 0;
}

/* One turn is like a turn of the master: take jobs, decide, wait for the next
 * event. */
static int simulate_play(struct play *play)
{
    struct event event;
    for (;;) {
        const struct js_job *job;
        if (simulate_take_jobs(play) < 0 || simulate_follow(play) < 0)
            return -1;
        /* Decisions may have made room for more jobs of the list. */
        if (play->has_input && js_scheduler_wants_jobs(play->scheduler))
            continue;
        if (!js_heap_take(&play->event_queue, sizeof(event), &event,
                          simulate_is_before, NULL))
            return js_scheduler_is_stuck(play->scheduler, &job)
                       ? js_err_set(play->err,
                                    "job %" PRIu64 " does not fit on any slave",
                                    job->id)
                       : 0;
        if (simulate_happen(play, &event) < 0)
            return -1;
    }
}

int js_simulate_add_host(struct js_scheduler *scheduler,
                         struct js_allocator *allocator, unsigned first_rank,
                         const struct js_node *node,
                         const struct js_resources *resources)
{
    for (uint32_t i = 0; i < resources->core_count; i++) {
        unsigned rank = first_rank + i;
        if (js_allocator_add(allocator, rank, node, true) < 0 ||
            js_allocator_equip(allocator, rank, resources, &i, 1) < 0 ||
            js_scheduler_add_slave(scheduler, rank, 1) < 0)
            return -1;
    }
    return 0;
}

int js_simulate(struct js_scheduler *scheduler, struct js_source *source,
                const struct js_simulate_config *config,
                struct js_simulation *ret, struct js_err *err)
{
    struct play play = {.config = config,
                        .scheduler = scheduler,
                        .source = source,
                        .has_input = true,
                        .err = err};
    unsigned slave_end = config->slave_end
                             ? config->slave_end
                             : js_scheduler_counts(scheduler).slaves + 1;
    play.slaves = calloc(slave_end, sizeof(*play.slaves));
    int rc = play.slaves ? simulate_play(&play) : simulate_fail_errno(&play);
    js_heap_release(&play.event_queue);
    free(play.slaves);
    if (rc < 0)
        return -1;
    /* The gap before the first job is not part of the run. */
    if (play.seen.jobs > 0)
        play.seen.makespan_ns = play.end_ns - config->gap_ns;
    *ret = play.seen;
    return 0;
}
