/* scheduler: random runs against the rules, written down once more. */
#include "scheduler_scene.h"
#include "unit.h"

#include "rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- any run */

/*
 * Random runs against a model that knows the rules, not how they are kept:
 * after each decision and each piece of news it says what may be.
 */
enum { JOBS_MAX = 120, SLAVES_MAX = 40, TICKETS_MAX = 20000 };

struct model_job {
    bool is_dispatched, is_ended;
    unsigned holder; /* 0: nobody */
    uint64_t ticket;
    uint32_t attempt;
};

struct model_slave {
    bool is_live, is_recalled;
    uint32_t slots, held, unacknowledged;
    uint32_t recall; /* jobs, at most */
};

struct model {
    struct rng rng;
    struct js_scheduler *scheduler;
    struct js_scheduler_config config;
    struct model_job jobs[JOBS_MAX + 1]; /* by id */
    struct model_slave slaves[SLAVES_MAX + 1];
    uint64_t total, added, dispatched, ended, assigned;
    unsigned slave_count, live;
    uint64_t slots;
    uint64_t last_assigned; /* id */
    bool is_disturbed;      /* something went back or was lost */
    uint64_t round_left;    /* jobs of the open round still to be told */
    uint64_t tickets[TICKETS_MAX];
    unsigned ticket_count;
    const char *complaint; /* the first */
};

static void demand(struct model *model, bool is_so, const char *what)
{
    if (!is_so && !model->complaint)
        model->complaint = what;
}

/* A job that was dispatched and that nobody has. */
static bool is_loose(const struct model_job *job)
{
    return job->is_dispatched && !job->is_ended && job->holder == 0;
}

static uint64_t loose_jobs(const struct model *model)
{
    uint64_t count = 0;
    for (uint64_t id = 1; id <= model->added; id++)
        count += is_loose(&model->jobs[id]);
    return count;
}

static void see_dispatch(struct model *model, const struct js_job *job)
{
    uint64_t waiting = model->added - model->dispatched;
    demand(model, job->id == model->dispatched + 1, "dispatched out of order");
    if (model->round_left == 0) {
        demand(model, loose_jobs(model) == 0, "a round opened too early");
        demand(model, !model->config.barrier || model->assigned == 0,
               "a round opened before the barrier");
        model->round_left = waiting < model->config.round_size
                                ? waiting
                                : model->config.round_size;
    }
    if (model->complaint)
        return;
    model->round_left--;
    model->dispatched++;
    model->jobs[job->id].is_dispatched = true;
}

static void see_assignment(struct model *model,
                           const struct js_scheduler_decision *next)
{
    struct model_job *job = &model->jobs[next->job->id];
    struct model_slave *slave = &model->slaves[next->slave];
    demand(model, model->round_left == 0, "assigned before all was told");
    demand(model, next->slave <= model->slave_count && slave->is_live,
           "assigned to nobody");
    demand(model, is_loose(job), "a job assigned twice, or too early");
    demand(model, next->job->attempt == job->attempt, "wrong attempt");
    demand(model, slave->unacknowledged < JS_SCHEDULER_CREDIT, "above credit");
    demand(model, slave->held < slave->slots + JS_SCHEDULER_AHEAD_MAX,
           "too much ahead");
    demand(model, model->is_disturbed || next->job->id > model->last_assigned,
           "assigned out of order");
    demand(model, model->ticket_count < TICKETS_MAX, "assigned without end");
    if (model->complaint)
        return;
    model->last_assigned = next->job->id;
    model->tickets[model->ticket_count++] = next->ticket;
    job->holder = next->slave;
    job->ticket = next->ticket;
    slave->held++;
    slave->unacknowledged++;
    model->assigned++;
}

/* With nothing to do, nobody who is free waits for a job that is there. */
static void see_nothing(struct model *model)
{
    demand(model, model->round_left == 0, "a round half told");
    bool may_open = model->added > model->dispatched &&
                    (!model->config.barrier || model->assigned == 0);
    bool has_job = may_open || loose_jobs(model) > 0;
    for (unsigned i = 1; i <= model->slave_count; i++) {
        const struct model_slave *slave = &model->slaves[i];
        bool is_free = slave->is_live && slave->held < slave->slots &&
                       slave->unacknowledged < JS_SCHEDULER_CREDIT_FIRST;
        demand(model, !is_free || !has_job, "a free slave gets nothing");
    }
}

/* Only for a slot that is free, from one that has more than it runs. */
static void see_recall(struct model *model,
                       const struct js_scheduler_decision *next)
{
    struct model_slave *slave = &model->slaves[next->slave];
    demand(model, slave->is_live && !slave->is_recalled, "a wrong recall");
    demand(model, loose_jobs(model) == 0, "a recall with jobs to give");
    demand(model, next->count > 0 && next->count <= slave->held,
           "too much recalled");
    slave->is_recalled = true;
    slave->recall = next->count;
}

static void see_counts(struct model *model)
{
    struct js_scheduler *scheduler = model->scheduler;
    demand(model,
           js_scheduler_counts(scheduler).held == model->added - model->ended,
           "wrong count of jobs held");
    demand(model, js_scheduler_counts(scheduler).assigned == model->assigned,
           "wrong count of jobs assigned");
    demand(model,
           js_scheduler_counts(scheduler).running ==
               js_allocator_busy_slots(allocator),
           "wrong count of jobs running");
    demand(model, js_scheduler_counts(scheduler).slaves == model->live,
           "wrong slaves");
    demand(model, js_scheduler_counts(scheduler).slots == model->slots,
           "wrong slots");
}

static void see_decisions(struct model *model)
{
    for (int i = 0; i < 3 * JOBS_MAX && !model->complaint; i++) {
        struct js_scheduler_decision next = next_step(model->scheduler);
        if (next.step == JS_SCHEDULER_NOTHING) {
            see_nothing(model);
            see_counts(model);
            return;
        }
        if (next.step == JS_SCHEDULER_DISPATCH)
            see_dispatch(model, next.job);
        else if (next.step == JS_SCHEDULER_RECALL)
            see_recall(model, &next);
        else
            see_assignment(model, &next);
        /* Now and then news come between two decisions. */
        if (rng_chance(&model->rng, 5))
            return;
    }
    demand(model, false, "decisions without end");
}

static void model_add_job(struct model *model)
{
    model->jobs[++model->added].attempt = 1;
    add_jobs(model->scheduler, model->added, model->added);
}

static void model_add_slave(struct model *model)
{
    struct model_slave *slave = &model->slaves[++model->slave_count];
    slave->slots = 1 + (uint32_t)rng_below(&model->rng, 5);
    slave->is_live = true;
    model->live++;
    model->slots += slave->slots;
    add_slave(model->scheduler, model->slave_count, slave->slots);
}

/* A job that somebody has, or NULL; its id in *ret_id. */
static struct model_job *pick_held(struct model *model, uint64_t *ret_id)
{
    uint64_t start = rng_below(&model->rng, model->added);
    for (uint64_t i = 0; i < model->added; i++) {
        uint64_t id = 1 + (start + i) % model->added;
        if (model->jobs[id].holder) {
            *ret_id = id;
            return &model->jobs[id];
        }
    }
    return NULL;
}

static void take_from_holder(struct model *model, struct model_job *job)
{
    model->slaves[job->holder].held--;
    model->assigned--;
    job->holder = 0;
}

static int64_t random_run_ns(struct model *model)
{
    return rng_chance(&model->rng, 70)
               ? (int64_t)rng_below(&model->rng, 20 * JS_NS_PER_MS)
               : (int64_t)rng_below(&model->rng, 10 * JS_NS_PER_S);
}

static void model_end(struct model *model)
{
    uint64_t id;
    struct model_job *held = pick_held(model, &id);
    if (!held)
        return;
    unsigned other = 1 + held->holder % model->slave_count;
    if (other != held->holder)
        demand(model, !ended(model->scheduler, other, held->ticket, short_ns),
               "ended where it was not");
    struct js_job *job = ended(model->scheduler, held->holder, held->ticket,
                               random_run_ns(model));
    demand(model, job && job->id == id, "the wrong job ended");
    js_job_free(job);
    demand(model,
           !ended(model->scheduler, held->holder, held->ticket, short_ns),
           "ended twice");
    take_from_holder(model, held);
    held->is_ended = true;
    model->ended++;
}

static void model_return(struct model *model)
{
    uint64_t id;
    struct model_job *held = pick_held(model, &id);
    if (!held)
        return;
    unsigned holder = held->holder;
    uint64_t ticket = held->ticket;
    js_scheduler_returned(model->scheduler, holder, ticket);
    take_from_holder(model, held);
    model->is_disturbed = true;
    js_scheduler_returned(model->scheduler, holder, ticket); /* stale by now */
}

/* With some of what was asked for: the rest it has begun by now. */
static void model_answer(struct model *model)
{
    unsigned number = 1 + (unsigned)rng_below(&model->rng, model->slave_count);
    struct model_slave *slave = &model->slaves[number];
    if (!slave->is_recalled)
        return;
    for (uint64_t id = model->added; id > 0 && slave->recall > 0; id--) {
        struct model_job *job = &model->jobs[id];
        if (job->holder != number || slave->held <= slave->slots)
            continue;
        js_scheduler_returned(model->scheduler, number, job->ticket);
        take_from_holder(model, job);
        slave->recall--;
        model->is_disturbed = true;
    }
    js_scheduler_recalled(model->scheduler, number);
    js_scheduler_recalled(model->scheduler, number); /* stale by now */
    slave->is_recalled = false;
}

static void model_lose(struct model *model)
{
    unsigned number = 1 + (unsigned)rng_below(&model->rng, model->slave_count);
    struct model_slave *slave = &model->slaves[number];
    bool has_successor = model->slave_count < SLAVES_MAX;
    if (!slave->is_live || (model->live == 1 && !has_successor))
        return;
    js_scheduler_lost(model->scheduler, number);
    slave->is_live = slave->is_recalled = false;
    model->live--;
    model->slots -= slave->slots;
    model->is_disturbed = true;
    for (uint64_t id = 1; id <= model->added; id++) {
        struct model_job *job = &model->jobs[id];
        if (job->holder != number)
            continue;
        take_from_holder(model, job);
        job->attempt++;
        demand(model, !ended(model->scheduler, number, job->ticket, 1),
               "a lost slave ended a job");
    }
}

static void model_acknowledge(struct model *model)
{
    unsigned number = 1 + (unsigned)rng_below(&model->rng, model->slave_count);
    struct model_slave *slave = &model->slaves[number];
    uint32_t count =
        (uint32_t)rng_below(&model->rng, slave->unacknowledged + 1);
    js_scheduler_acknowledged(model->scheduler, number, count);
    slave->unacknowledged -= count;
}

static void something_happens(struct model *model)
{
    uint64_t dice = rng_below(&model->rng, 100);
    if (dice < 40)
        model_end(model);
    else if (dice < 70)
        model_acknowledge(model);
    else if (dice < 88 && model->added < model->total)
        model_add_job(model);
    else if (dice < 92)
        model_return(model);
    else if (dice < 94)
        model_answer(model);
    else if (dice < 96)
        model_lose(model);
    else if (model->slave_count < SLAVES_MAX && rng_chance(&model->rng, 10))
        model_add_slave(model);
    if (model->live == 0 && model->slave_count < SLAVES_MAX)
        model_add_slave(model);
}

static int compare_tickets(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void see_tickets(struct model *model)
{
    qsort(model->tickets, model->ticket_count, sizeof(model->tickets[0]),
          compare_tickets);
    for (unsigned i = 1; i < model->ticket_count; i++)
        demand(model, model->tickets[i] != model->tickets[i - 1],
               "a ticket used twice");
}

static void begin_model(struct model *model, uint64_t seed)
{
    memset(model, 0, sizeof(*model));
    model->rng.state = seed;
    model->config.round_size = 1 + (uint32_t)rng_below(&model->rng, 15);
    model->config.barrier = rng_chance(&model->rng, 30);
    model->total = 1 + rng_below(&model->rng, JOBS_MAX);
    model->scheduler = new_scheduler(&model->config);
    CU_ASSERT_PTR_NOT_NULL_FATAL(model->scheduler);
    uint64_t slaves = 1 + rng_below(&model->rng, SLAVES_MAX);
    for (uint64_t i = 0; i < slaves; i++)
        model_add_slave(model);
    uint64_t at_once = rng_below(&model->rng, model->total + 1);
    for (uint64_t i = 0; i < at_once; i++)
        model_add_job(model);
}

static bool run_model(struct model *model, uint64_t seed)
{
    begin_model(model, seed);
    for (int i = 0; i < 100000 && !model->complaint; i++) {
        if (model->ended == model->total)
            break;
        see_decisions(model);
        something_happens(model);
    }
    demand(model, model->ended == model->total, "the run does not end");
    see_tickets(model);
    free_scheduler(model->scheduler);
    if (model->complaint)
        fprintf(stderr, "\nplan, seed %llu: %s\n", (unsigned long long)seed,
                model->complaint);
    return !model->complaint;
}

static void test_random_runs(void)
{
    struct model *model = not_null(malloc(sizeof(*model)));
    bool is_good = true;
    for (uint64_t seed = 1; seed <= unit_rounds(3000) && is_good; seed++)
        is_good = run_model(model, seed);
    CU_ASSERT_TRUE(is_good);
    free(model);
}

/* ---------------------------------------------------------------- running */

struct held {
    unsigned slave;
    uint64_t ticket, id;
};

/* What runs, in any order. */
struct running {
    unsigned count;
    struct held jobs[64];
};

static void running_put(struct running *running,
                        const struct js_scheduler_decision *next)
{
    CU_ASSERT_FATAL(running->count < 64);
    running->jobs[running->count++] = (struct held){
        .slave = next->slave, .ticket = next->ticket, .id = next->job->id};
}

/* Any of them; the last takes its place. */
static struct held running_take(struct running *running, struct rng *rng)
{
    CU_ASSERT_FATAL(running->count > 0);
    size_t at = rng_below(rng, running->count);
    struct held held = running->jobs[at];
    running->jobs[at] = running->jobs[--running->count];
    return held;
}

/* ---------------------------------------------------------------- graphs */

enum { FEW_MAX = 12 };

enum fate { FATE_NONE, FATE_DONE, FATE_FAILED, FATE_SKIPPED };

/* A small graph of jobs of which some fail, and what has become of them. */
struct few {
    struct js_graph *graph;
    struct js_scheduler *scheduler;
    struct rng rng;
    unsigned count;
    bool fails[FEW_MAX + 1];
    unsigned retries[FEW_MAX + 1];
    bool after[FEW_MAX + 1][FEW_MAX + 1];
    bool after_any[FEW_MAX + 1][FEW_MAX + 1];
    unsigned epoch[FEW_MAX + 1]; /* `wait` lines above it */
    enum fate fate[FEW_MAX + 1];
    unsigned runs[FEW_MAX + 1];
    struct running running;
};

static void add_few(struct few *few, uint64_t id)
{
    struct js_graph_edge edges[2 * FEW_MAX];
    char names[FEW_MAX + 1][8];
    size_t count = 0, bad;
    struct js_err err;
    for (unsigned other = 1; other < id; other++) {
        snprintf(names[other], sizeof(names[other]), "%u", other);
        few->after[id][other] = rng_chance(&few->rng, 20);
        few->after_any[id][other] = rng_chance(&few->rng, 10);
        if (few->after[id][other])
            edges[count++] = (struct js_graph_edge){names[other], false, false};
        if (few->after_any[id][other])
            edges[count++] = (struct js_graph_edge){names[other], true, false};
    }
    snprintf(names[0], sizeof(names[0]), "%u", (unsigned)id);
    few->epoch[id] = few->epoch[id - 1];
    if (rng_chance(&few->rng, 10)) {
        js_graph_barrier(few->graph);
        few->epoch[id]++;
    }
    few->fails[id] = rng_chance(&few->rng, 25);
    few->retries[id] = (unsigned)rng_below(&few->rng, 3);
    int rc = js_graph_add(few->graph, id, names[0], edges, count, &bad, &err);
    CU_ASSERT_FATAL(rc >= 0);
    struct js_job *job = not_null(js_job_new(id, "x", 1));
    job->is_waiting = rc == 0;
    job->is_retries_set = true;
    job->retries = few->retries[id];
    job->request.cores = 1 + (uint32_t)rng_below(&few->rng, 3);
    job->priority = (int32_t)rng_below(&few->rng, 3);
    add_new(few->scheduler, job);
}

/* The rules once more: true if all it waits for has ended as it must. */
static bool may_run(const struct few *few, uint64_t id)
{
    for (unsigned other = 1; other <= few->count; other++) {
        bool has_ended = few->fate[other] != FATE_NONE;
        if ((few->after[id][other] && few->fate[other] != FATE_DONE) ||
            (few->after_any[id][other] && !has_ended) ||
            (few->epoch[other] < few->epoch[id] && !has_ended))
            return false;
    }
    return true;
}

static void follow_few(struct few *few)
{
    for (;;) {
        struct js_scheduler_decision next = next_step(few->scheduler);
        if (next.step == JS_SCHEDULER_NOTHING)
            return;
        if (next.step == JS_SCHEDULER_SKIP) {
            uint64_t id = next.skipped->id;
            CU_ASSERT_EQUAL(few->fate[id], FATE_NONE);
            CU_ASSERT_TRUE(few->after[id][next.parent]);
            CU_ASSERT(few->fate[next.parent] == FATE_FAILED ||
                      few->fate[next.parent] == FATE_SKIPPED);
            few->fate[id] = FATE_SKIPPED;
            js_job_free(next.skipped);
        }
        if (next.step != JS_SCHEDULER_ASSIGN)
            continue;
        CU_ASSERT_TRUE(may_run(few, next.job->id));
        CU_ASSERT_EQUAL(next.job->attempt, few->runs[next.job->id] + 1);
        few->runs[next.job->id]++;
        running_put(&few->running, &next);
        js_scheduler_acknowledged(few->scheduler, next.slave, 1);
    }
}

static void end_any(struct few *few)
{
    struct held held = running_take(&few->running, &few->rng);
    struct js_job *job = NULL;
    uint64_t id = held.id;
    struct js_outcome outcome = {.run_ns = long_ns,
                                 .exit_code = few->fails[id]};
    enum js_scheduler_follow_up verdict = js_scheduler_ended(
        few->scheduler, held.slave, held.ticket, &outcome, &job);
    CU_ASSERT_EQUAL(job->id, id);
    bool is_last = few->runs[id] > few->retries[id];
    CU_ASSERT_EQUAL(verdict, few->fails[id] && !is_last ? JS_SCHEDULER_RETRIED
                                                        : JS_SCHEDULER_ENDED);
    if (verdict == JS_SCHEDULER_ENDED) {
        few->fate[id] = few->fails[id] ? FATE_FAILED : FATE_DONE;
        js_scheduler_finished(few->scheduler, job, !few->fails[id]);
    }
    js_job_free(job);
}

/* Who is skipped, by brute force. */
static bool must_be_skipped(const struct few *few, uint64_t id)
{
    for (unsigned other = 1; other < id; other++) {
        if (few->after[id][other] &&
            (few->fails[other] || must_be_skipped(few, other)))
            return true;
    }
    return false;
}

static void check_fates(const struct few *few)
{
    for (uint64_t id = 1; id <= few->count; id++) {
        enum fate wanted = must_be_skipped(few, id) ? FATE_SKIPPED
                           : few->fails[id]         ? FATE_FAILED
                                                    : FATE_DONE;
        CU_ASSERT_EQUAL(few->fate[id], wanted);
        unsigned runs = wanted == FATE_SKIPPED  ? 0
                        : wanted == FATE_FAILED ? few->retries[id] + 1
                                                : 1;
        CU_ASSERT_EQUAL(few->runs[id], runs);
    }
    CU_ASSERT_EQUAL(js_scheduler_counts(few->scheduler).held, 0);
}

static void test_random_graphs(void)
{
    for (uint64_t seed = 1; seed <= unit_rounds(10000); seed++) {
        struct few few = {.rng = {seed}};
        few.graph = not_null(js_graph_new());
        struct js_scheduler_config config = {
            .round_size = 1 + (uint32_t)rng_below(&few.rng, 4),
            .barrier = rng_chance(&few.rng, 20)};
        few.scheduler = new_scheduler_of(&config, few.graph);
        add_nodes(few.scheduler, 1, 3);
        few.count = 1 + (unsigned)rng_below(&few.rng, FEW_MAX);
        for (uint64_t id = 1; id <= few.count; id++)
            add_few(&few, id);
        follow_few(&few);
        while (few.running.count > 0) {
            end_any(&few);
            follow_few(&few);
        }
        check_fates(&few);
        free_scheduler(few.scheduler);
        js_graph_free(few.graph);
    }
}

/* ---------------------------------------------------------------- scarce */

/*
 * Jobs of one core each, of which some need the GPU of their node, or more than
 * half of its memory, in any order: no slot is idle while a plain job waits,
 * and all end.
 */
enum { SCARCE_JOBS = 60 };

struct scarce {
    struct rng rng;
    struct js_scheduler *scheduler;
    unsigned slots, plain_left;
    struct running running;
};

static void scarce_add_jobs(struct scarce *scarce)
{
    for (uint64_t id = 1; id <= SCARCE_JOBS; id++) {
        struct js_job *job = not_null(js_job_new(id, "x", 1));
        job->request.gpus = (uint32_t)rng_chance(&scarce->rng, 40);
        if (rng_chance(&scarce->rng, 40))
            job->request.mem_bytes = 300 + rng_below(&scarce->rng, 701);
        scarce->plain_left += js_job_is_plain(job);
        add_new(scarce->scheduler, job);
    }
}

static void scarce_follow(struct scarce *scarce)
{
    struct js_scheduler_decision next;
    while ((next = next_step(scarce->scheduler)).step != JS_SCHEDULER_NOTHING) {
        if (next.step != JS_SCHEDULER_ASSIGN)
            continue;
        scarce->plain_left -= js_job_is_plain(next.job);
        CU_ASSERT_FATAL(scarce->running.count < scarce->slots);
        running_put(&scarce->running, &next);
        js_scheduler_acknowledged(scarce->scheduler, next.slave, 1);
    }
}

static void test_no_core_is_idle_for_what_is_scarce(void)
{
    unsigned idle = 0;
    for (uint64_t seed = 1; seed <= unit_rounds(1000); seed++) {
        struct scarce scarce = {.rng = {seed}};
        uint32_t cores = 1 + (uint32_t)rng_below(&scarce.rng, 4);
        unsigned nodes = 1 + (unsigned)rng_below(&scarce.rng, 3);
        scarce.scheduler =
            scheduler_of(1 + (uint32_t)rng_below(&scarce.rng, 12), false);
        scarce.slots = nodes * cores;
        add_nodes(scarce.scheduler, nodes, cores);
        scarce_add_jobs(&scarce);
        scarce_follow(&scarce);
        for (uint64_t done = 0; done < SCARCE_JOBS; done++) {
            idle +=
                scarce.running.count < scarce.slots && scarce.plain_left > 0;
            struct held held = running_take(&scarce.running, &scarce.rng);
            end_job(scarce.scheduler, held.slave, held.ticket, held.id,
                    long_ns);
            scarce_follow(&scarce);
        }
        CU_ASSERT_EQUAL(js_scheduler_counts(scarce.scheduler).held, 0);
        free_scheduler(scarce.scheduler);
    }
    CU_ASSERT_EQUAL(idle, 0);
}

/* ---------------------------------------------------------------- nodes */

/*
 * Jobs of one node to all of them, in any mix, with slaves that are lost: no
 * core is held twice, whatever can run does, and all end.
 */
enum { MIX_NODES = 4, MIX_CORES = 4, MIX_JOBS = 60, MIX_RUNNING = 64 };

struct mix_job {
    unsigned slave;
    uint64_t ticket, id;
    struct js_request request;
    unsigned ranks[MIX_NODES]; /* that hold something of it */
    uint64_t cores[MIX_NODES]; /* by node: a bit each */
    bool is_broken, is_told;
};

struct mix {
    struct rng rng;
    struct js_scheduler *scheduler;
    unsigned nodes;
    uint32_t cores[MIX_NODES];
    unsigned live[MIX_NODES]; /* slaves */
    unsigned slaves;
    unsigned node_of[MIX_NODES * MIX_CORES + 1];
    bool is_lost[MIX_NODES * MIX_CORES + 1];
    uint64_t held[MIX_NODES]; /* cores: a bit each */
    struct mix_job running[MIX_RUNNING];
    unsigned count;
    unsigned done[MIX_JOBS + 1];
    bool is_wrong;
};

static void mix_demand(struct mix *mix, bool is_so)
{
    mix->is_wrong |= !is_so;
}

static void mix_hold(struct mix *mix, struct mix_job *job, unsigned part,
                     const struct js_allocation *allocation)
{
    unsigned node = mix->node_of[allocation->rank];
    const uint32_t *cores =
        allocation->cores ? allocation->cores : &allocation->core;
    mix_demand(mix, job->cores[node] == 0 && !mix->is_lost[allocation->rank]);
    mix_demand(mix, allocation->core_count == job->request.cores);
    for (uint32_t i = 0; i < allocation->core_count; i++)
        job->cores[node] |= UINT64_C(1) << cores[i];
    mix_demand(mix, (mix->held[node] & job->cores[node]) == 0);
    mix->held[node] |= job->cores[node];
    job->ranks[part] = allocation->rank;
}

static void mix_begin(struct mix *mix, const struct js_scheduler_decision *next)
{
    struct mix_job *job = &mix->running[mix->count++];
    *job = (struct mix_job){.slave = next->slave,
                            .ticket = next->ticket,
                            .id = next->job->id,
                            .request = next->job->request};
    js_scheduler_acknowledged(mix->scheduler, next->slave, 1);
    mix_demand(mix, next->allocation->rank == next->slave &&
                        next->allocation->other_count + 1 ==
                            js_request_nodes(&job->request));
    mix_hold(mix, job, 0, next->allocation);
    for (uint32_t i = 0; i < next->allocation->other_count; i++)
        mix_hold(mix, job, i + 1, &next->allocation->others[i]);
}

/* Its cores are free; the last takes its place. */
static void mix_remove(struct mix *mix, unsigned at)
{
    for (unsigned node = 0; node < mix->nodes; node++)
        mix->held[node] &= ~mix->running[at].cores[node];
    mix->running[at] = mix->running[--mix->count];
}

static void mix_tell(struct mix *mix, const struct js_scheduler_decision *next)
{
    bool is_found = false;
    for (unsigned i = 0; i < mix->count; i++) {
        struct mix_job *job = &mix->running[i];
        if (job->ticket != next->ticket)
            continue;
        is_found = job->slave == next->slave && job->is_broken && !job->is_told;
        job->is_told = true;
    }
    mix_demand(mix, is_found);
}

static void mix_follow(struct mix *mix)
{
    struct js_scheduler_decision next;
    while ((next = next_step(mix->scheduler)).step != JS_SCHEDULER_NOTHING) {
        if (next.step == JS_SCHEDULER_ASSIGN)
            mix_begin(mix, &next);
        else if (next.step == JS_SCHEDULER_END)
            mix_tell(mix, &next);
    }
    for (unsigned i = 0; i < mix->count; i++)
        mix_demand(mix, mix->running[i].is_broken == mix->running[i].is_told);
}

static void mix_end(struct mix *mix)
{
    unsigned at = (unsigned)rng_below(&mix->rng, mix->count);
    const struct mix_job job = mix->running[at];
    mix_remove(mix, at);
    if (job.is_told && rng_chance(&mix->rng, 80)) {
        if (rng_chance(&mix->rng, 50))
            stop_job(mix->scheduler, job.slave, job.ticket,
                     JS_SCHEDULER_RETRIED);
        else
            fail_job(mix->scheduler, job.slave, job.ticket,
                     JS_SCHEDULER_RETRIED);
        return;
    }
    end_job(mix->scheduler, job.slave, job.ticket, job.id, long_ns);
    mix->done[job.id]++;
}

/* One that is not the last of its node. */
static void mix_lose(struct mix *mix)
{
    unsigned rank = 1 + (unsigned)rng_below(&mix->rng, mix->slaves);
    if (mix->is_lost[rank] || mix->live[mix->node_of[rank]] < 2)
        return;
    mix->is_lost[rank] = true;
    mix->live[mix->node_of[rank]]--;
    js_scheduler_lost(mix->scheduler, rank);
    for (unsigned i = mix->count; i-- > 0;) {
        struct mix_job *job = &mix->running[i];
        for (unsigned k = 1; k < js_request_nodes(&job->request); k++)
            job->is_broken |= job->ranks[k] == rank;
        if (job->slave == rank)
            mix_remove(mix, i);
    }
}

/* Of so many nodes, in the order of their sizes, the smallest decides. */
static uint32_t mix_most_cores(const struct mix *mix, uint32_t nodes)
{
    for (uint32_t cores = MIX_CORES; cores > 1; cores--) {
        uint32_t count = 0;
        for (unsigned i = 0; i < mix->nodes; i++)
            count += mix->cores[i] >= cores;
        if (count >= nodes)
            return cores;
    }
    return 1;
}

static void mix_init(struct mix *mix, uint64_t seed)
{
    *mix = (struct mix){.rng = {seed}};
    mix->scheduler = scheduler_of(1 + (uint32_t)rng_below(&mix->rng, 12),
                                  rng_chance(&mix->rng, 20));
    mix->nodes = 1 + (unsigned)rng_below(&mix->rng, MIX_NODES);
    for (unsigned node = 0; node < mix->nodes; node++) {
        mix->cores[node] = 1 + (uint32_t)rng_below(&mix->rng, MIX_CORES);
        for (uint32_t i = 0; i < mix->cores[node]; i++) {
            mix->node_of[++mix->slaves] = node;
            mix->live[node]++;
            add_slave_on(mix->scheduler, mix->slaves, 1, node, mix->cores[node],
                         i);
        }
    }
    for (uint64_t id = 1; id <= MIX_JOBS; id++) {
        uint32_t nodes = 1 + (uint32_t)rng_below(&mix->rng, mix->nodes);
        uint32_t most = mix_most_cores(mix, nodes);
        add_wide_job(mix->scheduler, id, rng_chance(&mix->rng, 50) ? nodes : 1,
                     1 + (uint32_t)rng_below(&mix->rng, most));
    }
}

static void test_random_mixes_of_nodes(void)
{
    for (uint64_t seed = 1; seed <= unit_rounds(2000); seed++) {
        struct mix mix;
        mix_init(&mix, seed);
        mix_follow(&mix);
        while (mix.count > 0) {
            if (rng_chance(&mix.rng, 3))
                mix_lose(&mix);
            else
                mix_end(&mix);
            mix_follow(&mix);
        }
        /* Nothing runs: then nothing is left. */
        CU_ASSERT_EQUAL(js_scheduler_counts(mix.scheduler).held, 0);
        for (uint64_t id = 1; id <= MIX_JOBS; id++)
            CU_ASSERT_EQUAL(mix.done[id], 1);
        CU_ASSERT_FALSE(mix.is_wrong);
        free_scheduler(mix.scheduler);
    }
}

static const struct unit_test tests[] = {
    {"random runs", test_random_runs},
    {"random graphs against brute force", test_random_graphs},
    {"no core is idle for what is scarce",
     test_no_core_is_idle_for_what_is_scarce},
    {"random mixes of nodes", test_random_mixes_of_nodes},
    {NULL, NULL},
};

const struct unit_suite suite_scheduler_random = {"scheduler_random", tests};
