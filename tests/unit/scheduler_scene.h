/*
 * scheduler_scene - a scheduler with its slaves and jobs, and calls that expect
 * what it decides.
 */
#ifndef JS_TESTS_SCHEDULER_SCENE_H
#define JS_TESTS_SCHEDULER_SCENE_H

#include "base/clock.h"
#include "list/job.h"
#include "sched/scheduler.h"
#include "unit.h"

#include <stdlib.h>

static const int64_t short_ns = JS_NS_PER_MS;
static const int64_t long_ns = 10 * JS_NS_PER_S;

/* That of the scheduler: there is one of them at a time. (What a test that
 * fails leaves behind is forgotten.) */
static struct js_allocator *allocator;

static inline struct js_scheduler *
new_scheduler_of(const struct js_scheduler_config *config,
                 struct js_graph *graph)
{
    allocator = not_null(js_allocator_new());
    return not_null(js_scheduler_new(config, graph, allocator));
}

static inline struct js_scheduler *
new_scheduler(const struct js_scheduler_config *config)
{
    return new_scheduler_of(config, NULL);
}

static inline void free_scheduler(struct js_scheduler *scheduler)
{
    js_scheduler_free(scheduler);
    js_allocator_free(allocator);
    allocator = NULL;
}

/* On the node of that number, with `cores` cores, the slots at home on those
 * from `first` on. */
static inline void add_slave_on(struct js_scheduler *scheduler, unsigned number,
                                uint32_t slots, unsigned node, uint32_t cores,
                                uint32_t first)
{
    struct js_node about = {.boot_id = node + 1};
    struct js_resources resources = {.mem_bytes = 1000};
    CU_ASSERT_EQUAL(js_resources_add_gpu(&resources, "0", 0), 0);
    uint32_t *homes = not_null(calloc(slots, sizeof(*homes)));
    for (unsigned i = 0; i < cores; i++) {
        struct js_cpuset cpus = {{0}};
        js_cpuset_add(&cpus, i);
        CU_ASSERT_EQUAL(js_resources_add_core(&resources, &cpus, 0, 0), 0);
    }
    for (uint32_t i = 0; i < slots; i++)
        homes[i] = (first + i) % cores;
    js_allocator_add(allocator, number, &about, true);
    CU_ASSERT_EQUAL(
        js_allocator_equip(allocator, number, &resources, homes, slots), 0);
    CU_ASSERT_EQUAL(js_scheduler_add_slave(scheduler, number, slots), 0);
    js_resources_release(&resources);
    free(homes);
}

/* On a node of its own, a core for each slot. */
static inline void add_slave(struct js_scheduler *scheduler, unsigned number,
                             uint32_t slots)
{
    add_slave_on(scheduler, number, slots, number, slots, 0);
}

static inline void add_slaves(struct js_scheduler *scheduler, unsigned count,
                              uint32_t slots)
{
    for (unsigned i = 1; i <= count; i++)
        add_slave(scheduler, i, slots);
}

static inline struct js_scheduler *scheduler_of(uint32_t round_size,
                                                bool barrier)
{
    struct js_scheduler_config config = {.round_size = round_size,
                                         .barrier = barrier};
    return new_scheduler(&config);
}

/* On each node, from 0 on, a slave for each core: 1, 2 ... */
static inline void add_nodes(struct js_scheduler *scheduler, unsigned nodes,
                             uint32_t cores)
{
    for (unsigned i = 0; i < nodes * cores; i++)
        add_slave_on(scheduler, i + 1, 1, i / cores, cores, i % cores);
}

static inline struct js_scheduler *scheduler_of_nodes(unsigned nodes,
                                                      uint32_t cores)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_nodes(scheduler, nodes, cores);
    return scheduler;
}

static inline void add_new(struct js_scheduler *scheduler, struct js_job *job)
{
    CU_ASSERT_EQUAL(js_scheduler_add(scheduler, not_null(job)), 0);
}

static inline void add_jobs(struct js_scheduler *scheduler, uint64_t first,
                            uint64_t last)
{
    for (uint64_t id = first; id <= last; id++)
        add_new(scheduler, js_job_new_simulated(NULL, id, 1));
}

static inline void add_wide_job(struct js_scheduler *scheduler, uint64_t id,
                                uint32_t nodes, uint32_t cores)
{
    struct js_job *job = not_null(js_job_new(id, "x", 1));
    job->request.nodes = nodes;
    job->request.cores = cores;
    add_new(scheduler, job);
}

static inline void add_job(struct js_scheduler *scheduler, uint64_t id,
                           uint32_t cores)
{
    add_wide_job(scheduler, id, 1, cores);
}

/* The next decision, before which all is as it must be. (To look at thousands
 * of jobs at every step takes too long.) */
static inline struct js_scheduler_decision
next_step(struct js_scheduler *scheduler)
{
    if (js_scheduler_counts(scheduler).held < 200)
        js_scheduler_assert_invariants(scheduler);
    return js_scheduler_next(scheduler);
}

static inline struct js_scheduler_decision
expect_step(struct js_scheduler *scheduler, enum js_scheduler_step step)
{
    struct js_scheduler_decision next = next_step(scheduler);
    CU_ASSERT_EQUAL_FATAL(next.step, step);
    return next;
}

static inline void expect_nothing(struct js_scheduler *scheduler)
{
    expect_step(scheduler, JS_SCHEDULER_NOTHING);
}

/* The next decisions announce these jobs. */
static inline void expect_round(struct js_scheduler *scheduler, uint64_t first,
                                uint64_t last)
{
    for (uint64_t id = first; id <= last; id++)
        CU_ASSERT_EQUAL(expect_step(scheduler, JS_SCHEDULER_DISPATCH).job->id,
                        id);
}

/* The next decision gives this job to that slave. Returns the ticket. */
static inline uint64_t expect_assigned(struct js_scheduler *scheduler,
                                       uint64_t id, unsigned slave)
{
    struct js_scheduler_decision next =
        expect_step(scheduler, JS_SCHEDULER_ASSIGN);
    CU_ASSERT_EQUAL(next.job->id, id);
    CU_ASSERT_EQUAL(next.slave, slave);
    return next.ticket;
}

/* Slaves 1, 2 ..., and jobs 1, 2 ... that are announced. */
static inline void begin_round(struct js_scheduler *scheduler, unsigned slaves,
                               uint32_t slots, uint64_t jobs)
{
    add_slaves(scheduler, slaves, slots);
    add_jobs(scheduler, 1, jobs);
    expect_round(scheduler, 1, jobs);
}

/* The same for a scheduler of rounds of ten. */
static inline struct js_scheduler *
scheduler_in_round(unsigned slaves, uint32_t slots, uint64_t jobs)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    begin_round(scheduler, slaves, slots, jobs);
    return scheduler;
}

/* Takes all assignments there are now; returns how many. */
static inline unsigned assign_all(struct js_scheduler *scheduler,
                                  uint64_t *tickets, unsigned room)
{
    unsigned count = 0;
    for (;;) {
        struct js_scheduler_decision next = next_step(scheduler);
        if (next.step == JS_SCHEDULER_NOTHING)
            return count;
        if (next.step == JS_SCHEDULER_DISPATCH)
            continue;
        CU_ASSERT_FATAL(count < room);
        tickets[count++] = next.ticket;
    }
}

/* Goes on until the scheduler has nothing to do. Returns how many jobs it has
 * assigned; *last is the last of these. */
static inline unsigned follow(struct js_scheduler *scheduler,
                              struct js_scheduler_decision *last)
{
    unsigned count = 0;
    struct js_scheduler_decision next;
    *last = (struct js_scheduler_decision){.step = JS_SCHEDULER_NOTHING};
    while ((next = next_step(scheduler)).step != JS_SCHEDULER_NOTHING) {
        if (next.step != JS_SCHEDULER_ASSIGN)
            continue;
        *last = next;
        count++;
    }
    return count;
}

static inline struct js_job *ended(struct js_scheduler *scheduler,
                                   unsigned number, uint64_t ticket,
                                   int64_t run_ns)
{
    struct js_outcome outcome = {.run_ns = run_ns};
    struct js_job *job = NULL;
    enum js_scheduler_follow_up verdict =
        js_scheduler_ended(scheduler, number, ticket, &outcome, &job);
    if (verdict == JS_SCHEDULER_ENDED)
        js_scheduler_finished(scheduler, job, true);
    return verdict == JS_SCHEDULER_STALE ? NULL : job;
}

/* The job has been taken in and has ended. */
static inline void end_job(struct js_scheduler *scheduler, unsigned slave,
                           uint64_t ticket, uint64_t id, int64_t run_ns)
{
    js_scheduler_acknowledged(scheduler, slave, 1);
    struct js_job *job = not_null(ended(scheduler, slave, ticket, run_ns));
    CU_ASSERT_EQUAL(job->id, id);
    js_job_free(job);
}

/* The job has been taken in and has ended so, which is decided to be `wanted`.
 * Returns it, to be freed, if there is one. */
static inline struct js_job *end_as(struct js_scheduler *scheduler,
                                    unsigned slave, uint64_t ticket,
                                    const struct js_outcome *outcome,
                                    enum js_scheduler_follow_up wanted)
{
    struct js_job *job = NULL;
    js_scheduler_acknowledged(scheduler, slave, 1);
    CU_ASSERT_EQUAL(js_scheduler_ended(scheduler, slave, ticket, outcome, &job),
                    wanted);
    return job;
}

static inline void fail_job(struct js_scheduler *scheduler, unsigned slave,
                            uint64_t ticket, enum js_scheduler_follow_up wanted)
{
    struct js_outcome outcome = {.run_ns = long_ns, .exit_code = 1};
    struct js_job *job = end_as(scheduler, slave, ticket, &outcome, wanted);
    if (wanted == JS_SCHEDULER_ENDED)
        js_scheduler_finished(scheduler, job, false);
    js_job_free(job);
}

static inline void stop_job(struct js_scheduler *scheduler, unsigned slave,
                            uint64_t ticket, enum js_scheduler_follow_up wanted)
{
    struct js_outcome outcome = {
        .run_ns = long_ns, .signal = 15, .cause = JS_STOP_REASON_STOPPED};
    js_job_free(end_as(scheduler, slave, ticket, &outcome, wanted));
}

/* Lets the scheduler see one job of `run_ns`, which has the id `id`. */
static inline void teach(struct js_scheduler *scheduler, uint64_t id,
                         int64_t run_ns)
{
    add_jobs(scheduler, id, id);
    expect_round(scheduler, id, id);
    end_job(scheduler, 1, expect_assigned(scheduler, id, 1), id, run_ns);
}

/* With so many slaves of one slot, and a job 1 that ran for that long. */
static inline struct js_scheduler *taught_scheduler(unsigned slaves,
                                                    int64_t run_ns)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slaves(scheduler, slaves, 1);
    teach(scheduler, 1, run_ns);
    return scheduler;
}

enum { RING = 2 * JS_SCHEDULER_AHEAD_MAX };

/* What a slave has, the oldest first. */
struct ring {
    uint64_t tickets[RING];
    unsigned first, count;
};

static inline void ring_put(struct ring *ring, uint64_t ticket)
{
    CU_ASSERT_FATAL(ring->count < RING);
    ring->tickets[(ring->first + ring->count++) % RING] = ticket;
}

/* Returns how many jobs have ended: one, or none if it has none. */
static inline uint64_t end_oldest(struct js_scheduler *scheduler,
                                  unsigned slave, struct ring *ring)
{
    if (ring->count == 0)
        return 0;
    js_scheduler_acknowledged(scheduler, slave, 1);
    struct js_job *job =
        ended(scheduler, slave, ring->tickets[ring->first % RING], short_ns);
    CU_ASSERT_PTR_NOT_NULL_FATAL(job);
    js_job_free(job);
    ring->first++;
    ring->count--;
    return 1;
}

#endif
