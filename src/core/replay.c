#include "core/replay.h"

#include "core/graph.h"
#include "core/source.h"

#include <errno.h>
#include <stdbool.h>

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

/* What has started, the next to end at the root of a heap. */
struct running {
    int64_t end_ns;
    uint64_t seq;
    uint32_t cores;
};

struct schedule {
    const struct js_replay *replay;
    struct js_source *source; /* NULL: no job waits */
    uint64_t slots, free;
    uint64_t order;
    int64_t now_ns;
    struct js_buf lanes;   /* struct lane */
    struct js_buf running; /* struct running */
    bool is_traced;
    struct js_buf released_by; /* uint64_t, by seq - 1, if it is traced: whose
                                  end made it ready; 0: it did not wait */
    uint64_t ending;           /* the job that ends now; 0: none */
    uint64_t last;             /* the one that ended last */
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

static int note_release(struct schedule *schedule, uint64_t seq)
{
    static const uint64_t none = 0;
    struct js_buf *list = &schedule->released_by;
    while (list->len / sizeof(none) < seq) {
        if (js_buf_append(list, &none, sizeof(none)) < 0)
            return -1;
    }
    ((uint64_t *)list->data)[seq - 1] = schedule->ending;
    return 0;
}

static int make_ready(struct schedule *schedule, uint64_t seq)
{
    struct ready ready = {.order = schedule->order++, .seq = seq};
    struct lane *lane = get_lane(schedule, job_of(schedule, seq).cores);
    if (schedule->is_traced && note_release(schedule, seq) < 0)
        return -1;
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

/* ---------------------------------------------------------------- the heap */

static struct running *heap_of(const struct schedule *schedule)
{
    return (struct running *)schedule->running.data;
}

static bool is_before(const struct running *a, const struct running *b)
{
    return a->end_ns < b->end_ns || (a->end_ns == b->end_ns && a->seq < b->seq);
}

static void swap(struct running *a, struct running *b)
{
    struct running kept = *a;
    *a = *b;
    *b = kept;
}

static int push(struct schedule *schedule, struct running running)
{
    size_t at = schedule->running.len / sizeof(running);
    if (js_buf_append(&schedule->running, &running, sizeof(running)) < 0)
        return -1;
    struct running *heap = heap_of(schedule);
    for (; at > 0 && is_before(&heap[at], &heap[(at - 1) / 2]);
         at = (at - 1) / 2)
        swap(&heap[at], &heap[(at - 1) / 2]);
    return 0;
}

static struct running pop(struct schedule *schedule)
{
    struct running *heap = heap_of(schedule);
    struct running first = heap[0];
    schedule->running.len -= sizeof(first);
    size_t count = schedule->running.len / sizeof(first);
    heap[0] = heap[count];
    for (size_t at = 0, child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && is_before(&heap[child + 1], &heap[child]))
            child++;
        if (!is_before(&heap[child], &heap[at]))
            break;
        swap(&heap[at], &heap[child]);
    }
    return first;
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

static int open_list(struct schedule *schedule, struct js_err *err)
{
    const char *list = schedule->replay->list;
    if (!list)
        return take_all(schedule, err);
    schedule->source = js_source_new_file(list, NULL, NULL, NULL, err);
    if (!schedule->source)
        return -1;
    if (js_source_fd(schedule->source) >= 0)
        return js_err_set(err, "%s is no regular file: it is not read again",
                          list);
    return take_source(schedule, err);
}

/* ---------------------------------------------------------------- running */

/* Run times may be what no clock says: the sum of all is INT64_MAX at most. */
static int64_t end_of(const struct schedule *schedule, uint64_t seq)
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
        struct running running = {
            .end_ns = end_of(schedule, seq), .seq = seq, .cores = lane->cores};
        lane->next++;
        schedule->free -= running.cores;
        if (push(schedule, running) < 0)
            return -1;
    }
    return 0;
}

static int end_next(struct schedule *schedule)
{
    struct running ended = pop(schedule);
    uint64_t seq;
    schedule->now_ns = ended.end_ns;
    schedule->free += ended.cores;
    schedule->ending = schedule->last = ended.seq;
    if (!schedule->source)
        return 0;
    struct js_graph *graph = js_source_graph(schedule->source);
    js_graph_ended(graph, ended.seq, true);
    while ((seq = js_graph_next_ready(graph)) != 0) {
        if (make_ready(schedule, seq) < 0)
            return -1;
    }
    return 0;
}

static int run_all(struct schedule *schedule)
{
    if (start_what_fits(schedule) < 0)
        return -1;
    while (schedule->running.len > 0) {
        if (end_next(schedule) < 0 || start_what_fits(schedule) < 0)
            return -1;
    }
    return 0;
}

static int run_schedule(struct schedule *schedule, struct js_err *err)
{
    if (open_list(schedule, err) < 0)
        return -1;
    return run_all(schedule) < 0 ? js_err_errno(err, "the run times") : 0;
}

static void release(struct schedule *schedule)
{
    int saved = errno;
    for (size_t i = 0; i < lane_count(schedule); i++)
        js_buf_release(&lanes_of(schedule)[i].ready);
    js_buf_release(&schedule->lanes);
    js_buf_release(&schedule->running);
    js_source_free(schedule->source);
    js_buf_release(&schedule->released_by);
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
    release(&schedule);
    return rc;
}

/* ---------------------------------------------------------------- the chain */

static void reverse(uint64_t *seqs, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        uint64_t kept = seqs[i];
        seqs[i] = seqs[count - 1 - i];
        seqs[count - 1 - i] = kept;
    }
}

/* From the last job back; what has not run is no part of it. */
static int trace_back(const struct schedule *schedule, struct js_buf *ret)
{
    const struct js_replay *replay = schedule->replay;
    const uint64_t *released_by = (const uint64_t *)schedule->released_by.data;
    size_t begin = ret->len;
    for (uint64_t seq = schedule->last; seq > 0; seq = released_by[seq - 1]) {
        if (seq <= replay->count && replay->jobs[seq - 1].run_ns >= 0 &&
            js_buf_append(ret, &seq, sizeof(seq)) < 0)
            return -1;
    }
    size_t count = (ret->len - begin) / sizeof(uint64_t);
    if (count > 0)
        reverse((uint64_t *)(ret->data + begin), count);
    return 0;
}

int js_replay_chain(const struct js_replay *replay, struct js_buf *ret,
                    int64_t *ret_ns, struct js_err *err)
{
    struct schedule schedule = {.replay = replay,
                                .slots = UINT64_MAX,
                                .free = UINT64_MAX,
                                .is_traced = true};
    int rc = run_schedule(&schedule, err);
    if (rc == 0 && (rc = trace_back(&schedule, ret)) < 0)
        js_err_errno(err, "the run times");
    if (rc == 0)
        *ret_ns = schedule.now_ns;
    release(&schedule);
    return rc;
}
