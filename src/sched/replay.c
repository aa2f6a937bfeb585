#include "sched/replay.h"

#include "base/buf.h"
#include "list/graph.h"
#include "list/source.h"
#include "sched/event_queue.h"

#include <errno.h>

/* Ready jobs of one width, the first that became ready first. */
struct lane {
    uint32_t cores;
    size_t next;         /* the first that has not started */
    struct js_buf ready; /* struct ready */
};

struct ready {
    uint64_t order; /* in which it became ready, among all */
    uint64_t seq;
};

struct schedule {
    const struct js_replay *replay;
    struct js_source *source; /* NULL: no job waits */
    uint64_t slots, free;
    uint64_t order;
    int64_t now_ns;
    struct js_buf lanes;        /* struct lane */
    struct js_event_queue ends; /* of what has started: number is the seq */
};

/* ---------------------------------------------------------------- jobs */

static struct js_replay_job job_of(const struct schedule *schedule,
                                   uint64_t seq)
{
    const struct js_replay *replay = schedule->replay;
    struct js_replay_job job = {.run_ns = -1};
    if (seq <= replay->count)
        job = replay->jobs[seq - 1];
    if (job.run_ns < 0)
        return (struct js_replay_job){.run_ns = 0, .cores = 0};
    if (job.cores == 0)
        job.cores = 1;
    if (job.cores > schedule->slots)
        job.cores = (uint32_t)schedule->slots;
    return job;
}

static size_t lane_count(const struct schedule *schedule)
{
    return schedule->lanes.len / sizeof(struct lane);
}

static struct lane *lanes_of(const struct schedule *schedule)
{
    return (struct lane *)schedule->lanes.data;
}

/* There are few widths. NULL: no memory. */
static struct lane *get_lane(struct schedule *schedule, uint32_t cores)
{
    struct lane lane = {.cores = cores};
    for (size_t i = 0; i < lane_count(schedule); i++) {
        if (lanes_of(schedule)[i].cores == cores)
            return &lanes_of(schedule)[i];
    }
    if (js_buf_append(&schedule->lanes, &lane, sizeof(lane)) < 0)
        return NULL;
    return &lanes_of(schedule)[lane_count(schedule) - 1];
}

static int make_ready(struct schedule *schedule, uint64_t seq)
{
    struct ready ready = {.order = schedule->order++, .seq = seq};
    struct lane *lane = get_lane(schedule, job_of(schedule, seq).cores);
    return lane ? js_buf_append(&lane->ready, &ready, sizeof(ready)) : -1;
}

/* The job in front of a lane; NULL: there is none. */
static const struct ready *front_of(const struct lane *lane)
{
    if (lane->next == lane->ready.len / sizeof(struct ready))
        return NULL;
    return (const struct ready *)lane->ready.data + lane->next;
}

/* The first of all that fit into what is free; NULL: there is none. */
static struct lane *pick(const struct schedule *schedule)
{
    struct lane *best = NULL;
    for (size_t i = 0; i < lane_count(schedule); i++) {
        struct lane *lane = &lanes_of(schedule)[i];
        const struct ready *ready = front_of(lane);
        if (ready && lane->cores <= schedule->free &&
            (!best || ready->order < front_of(best)->order))
            best = lane;
    }
    return best;
}

/* ---------------------------------------------------------------- the list */

static int take_source(struct schedule *schedule, struct js_err *err)
{
    struct js_job *job;
    enum js_source_state state;
    while ((state = js_source_next(schedule->source, &job, err)) ==
           JS_SOURCE_JOB) {
        int rc = job->is_waiting ? 0 : make_ready(schedule, job->seq);
        js_job_free(job);
        if (rc < 0)
            return js_err_errno(err, "%s", schedule->replay->list);
    }
    return state == JS_SOURCE_END ? 0 : -1;
}

static int take_all(struct schedule *schedule, struct js_err *err)
{
    for (uint64_t seq = 1; seq <= schedule->replay->count; seq++) {
        if (make_ready(schedule, seq) < 0)
            return js_err_errno(err, "the run times");
    }
    return 0;
}

static int replay_open_list(struct schedule *schedule, struct js_err *err)
{
    const char *list = schedule->replay->list;
    if (!list)
        return take_all(schedule, err);
    schedule->source = js_source_new_regular(list, NULL, err);
    return schedule->source ? take_source(schedule, err) : -1;
}

/* ---------------------------------------------------------------- running */

/* Run times may be what no clock says: the sum of all is INT64_MAX at most. */
static int64_t replay_end_of(const struct schedule *schedule, uint64_t seq)
{
    int64_t run_ns = job_of(schedule, seq).run_ns;
    return run_ns < INT64_MAX - schedule->now_ns ? schedule->now_ns + run_ns
                                                 : INT64_MAX;
}

static int start_what_fits(struct schedule *schedule)
{
    struct lane *lane;
    while ((lane = pick(schedule))) {
        uint64_t seq = front_of(lane)->seq;
        struct js_event end = {.at_ns = replay_end_of(schedule, seq),
                               .number = seq};
        lane->next++;
        schedule->free -= lane->cores;
        if (js_event_queue_put(&schedule->ends, &end) < 0)
            return -1;
    }
    return 0;
}

static int end_one(struct schedule *schedule, const struct js_event *end)
{
    uint64_t seq;
    schedule->now_ns = end->at_ns;
    schedule->free += job_of(schedule, end->number).cores;
    if (!schedule->source)
        return 0;
    struct js_graph *graph = js_source_graph(schedule->source);
    js_graph_ended(graph, end->number, true);
    while ((seq = js_graph_next_ready(graph)) != 0) {
        if (make_ready(schedule, seq) < 0)
            return -1;
    }
    return 0;
}

static int run_all(struct schedule *schedule)
{
    struct js_event end;
    if (start_what_fits(schedule) < 0)
        return -1;
    while (js_event_queue_take(&schedule->ends, &end)) {
        if (end_one(schedule, &end) < 0 || start_what_fits(schedule) < 0)
            return -1;
    }
    return 0;
}

static int run_schedule(struct schedule *schedule, struct js_err *err)
{
    if (replay_open_list(schedule, err) < 0)
        return -1;
    return run_all(schedule) < 0 ? js_err_errno(err, "the run times") : 0;
}

static void replay_release(struct schedule *schedule)
{
    int saved = errno;
    for (size_t i = 0; i < lane_count(schedule); i++)
        js_buf_release(&lanes_of(schedule)[i].ready);
    js_buf_release(&schedule->lanes);
    js_event_queue_release(&schedule->ends);
    js_source_free(schedule->source);
    errno = saved;
}

int js_replay_span(const struct js_replay *replay, uint64_t slots,
                   int64_t *ret_ns, struct js_err *err)
{
    struct schedule schedule = {
        .replay = replay, .slots = slots, .free = slots};
    int rc = run_schedule(&schedule, err);
    if (rc == 0)
        *ret_ns = schedule.now_ns;
    replay_release(&schedule);
    return rc;
}
