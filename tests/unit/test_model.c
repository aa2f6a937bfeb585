/* model: scheduler and slave_queue play against each other. Nothing is real but
 * these two: messages, runners and time are a few arrays here, and whose turn
 * it is, is random. What must hold (mpi/slave_queue.h):
 *
 *  - the invariants of both, after each step;
 *  - the slave accepts what the master sends, and its runner is asked for
 * nothing that it cannot do;
 *  - in which slot a job runs, its slave concludes as the runner does;
 *  - each job that the scheduler has assigned is at exactly one place;
 *  - each job ends once.
 *
 * A seed that fails is printed. JS_MODEL_SEED plays that one alone. */
#include "unit.h"

#include "base/clock.h"
#include "list/job.h"
#include "mpi/slave_queue.h"
#include "rng.h"
#include "sched/scheduler.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SLAVES_MAX = 4,
    SLOTS_MAX = 4,
    JOBS_MAX = 150,
    STEPS = 2500,
    DRAIN_STEPS = 50000,
    MAIL_MAX = 512,
    KEPT_MAX = 64,
};

/* What is printed when something fails. */
static char seed_text[64];

static void print_seed(int signal_number)
{
    ssize_t written = write(STDERR_FILENO, seed_text, strlen(seed_text));
    (void)written;
    (void)signal_number;
}

/* A fatal assertion does not come back to where the seed is known. */
static void model_must(bool holds, unsigned line, const char *what)
{
    if (!holds)
        print_seed(0);
    CU_assertImplementation(holds, line, what, __FILE__, "", CU_TRUE);
}

#define MODEL_MUST(what) model_must((what), __LINE__, #what)

/* ---------------------------------------------------------------- messages */

enum mail_kind {
    MAIL_JOB, /* master to slave */
    MAIL_RECALL,
    MAIL_KILL,
    MAIL_DONE, /* slave to master */
    MAIL_BACK,
    MAIL_ACK,
    MAIL_BYE,
    MAIL_RUN, /* slave to runner */
    MAIL_RUNNER_RECALL,
    MAIL_ENDED, /* runner to slave */
    MAIL_RECALLED,
    MAIL_KINDS,
};

struct mail {
    enum mail_kind kind;
    uint64_t id;
    uint64_t ticket;
    uint32_t slot;
    uint32_t count;       /* of jobs: recalled, handed back, acknowledged */
    uint64_t next_id;     /* ENDED: what the runner has begun in the slot */
    enum js_job_kind job; /* JOB */
    int64_t duration_ns;  /* JOB */
    struct js_outcome outcome;
    bool is_answer; /* BACK: of a RECALL; the last of its tickets */
};

/* What is under way from one to another, in order. */
struct way {
    struct mail mails[MAIL_MAX];
    unsigned first, count;
};

/* So that no play misses what it is about. */
static unsigned mails_seen[MAIL_KINDS];
static unsigned ahead_seen, begun_ahead_seen;

static void way_put(struct way *way, const struct mail *mail)
{
    mails_seen[mail->kind]++;
    ahead_seen +=
        mail->kind == MAIL_RUN && mail->slot == JS_SCHEDULER_SLOT_NEXT;
    begun_ahead_seen += mail->kind == MAIL_ENDED && mail->next_id > 0;
    MODEL_MUST(way->count < MAIL_MAX);
    way->mails[(way->first + way->count++) % MAIL_MAX] = *mail;
}

static bool way_take(struct way *way, struct mail *ret)
{
    if (way->count == 0)
        return false;
    *ret = way->mails[way->first];
    way->first = (way->first + 1) % MAIL_MAX;
    way->count--;
    return true;
}

static unsigned way_count(const struct way *way, enum mail_kind kind)
{
    unsigned count = 0;
    for (unsigned i = 0; i < way->count; i++)
        count += way->mails[(way->first + i) % MAIL_MAX].kind == kind;
    return count;
}

/* ---------------------------------------------------------------- the players
 */

struct model_runner {
    uint64_t running[SLOTS_MAX]; /* ids; 0: the slot is free */
    uint64_t freed[SLOTS_MAX];   /* how many slots had become free before it */
    uint64_t frees;
    uint64_t kept[KEPT_MAX]; /* for the next free slot, in order */
    unsigned kept_count;
    struct way to, from;
};

struct model_slave {
    bool is_there;
    bool is_ending;
    bool is_retired;
    uint32_t slots;
    uint32_t unacknowledged;
    struct js_slave_queue queue;
    struct model_runner runner;
    struct way to, from;
};

struct model {
    struct rng rng;
    struct js_allocator *allocator;
    struct js_scheduler *scheduler;
    struct model_slave slaves[SLAVES_MAX + 1]; /* by number */
    unsigned slave_count;
    unsigned losses_permyriad; /* in how many steps of ten thousand */
    uint64_t added, ended;
    bool is_ended[JOBS_MAX + 1];
    int64_t now_ns, run_ns;
    bool is_draining;
    bool is_simulated; /* its jobs are: never some of them */
};

/* ---------------------------------------------------------------- the runner
 */

static void runner_begin(struct model_runner *runner, uint32_t slot,
                         uint64_t id)
{
    MODEL_MUST(runner->running[slot] == 0);
    runner->running[slot] = id;
}

/* The free slot that became free first, or SLOTS_MAX. */
static uint32_t runner_free_slot(const struct model_slave *slave)
{
    uint32_t first = SLOTS_MAX;
    for (uint32_t i = 0; i < slave->slots; i++) {
        if (slave->runner.running[i] == 0 &&
            (first == SLOTS_MAX ||
             slave->runner.freed[i] < slave->runner.freed[first]))
            first = i;
    }
    return first;
}

static uint64_t runner_start_kept(struct model_runner *runner, uint32_t slot)
{
    if (runner->kept_count == 0)
        return 0;
    uint64_t id = runner->kept[0];
    runner->kept_count--;
    memmove(&runner->kept[0], &runner->kept[1],
            runner->kept_count * sizeof(runner->kept[0]));
    runner_begin(runner, slot, id);
    return id;
}

static void runner_keep(struct model_slave *slave, uint64_t id)
{
    struct model_runner *runner = &slave->runner;
    MODEL_MUST(runner->kept_count < KEPT_MAX);
    runner->kept[runner->kept_count++] = id;
    uint32_t slot = runner_free_slot(slave);
    if (slot < SLOTS_MAX)
        runner_start_kept(runner, slot);
}

static void runner_take(struct model_slave *slave)
{
    struct mail mail;
    struct model_runner *runner = &slave->runner;
    if (!way_take(&runner->to, &mail))
        return;
    if (mail.kind == MAIL_RUNNER_RECALL) {
        way_put(&runner->from, &(struct mail){.kind = MAIL_RECALLED,
                                              .count = runner->kept_count});
        runner->kept_count = 0;
    } else if (mail.slot == JS_SCHEDULER_SLOT_NEXT) {
        runner_keep(slave, mail.id);
    } else {
        runner_begin(runner, mail.slot, mail.id);
    }
}

/* Most succeed; some fail, or are stopped. */
static struct js_outcome random_outcome(struct model *model)
{
    /* The shorter they are, the more are given ahead of time. */
    struct js_outcome outcome = {.run_ns = model->run_ns +
                                           (int64_t)rng_below(&model->rng, 20) *
                                               model->run_ns / 10};
    if (rng_chance(&model->rng, 5))
        outcome.exit_code = 1;
    if (rng_chance(&model->rng, 2))
        outcome.cause = JS_STOP_REASON_STOPPED;
    return outcome;
}

static void runner_end_one(struct model *model, struct model_slave *slave)
{
    struct model_runner *runner = &slave->runner;
    uint32_t slot = (uint32_t)rng_below(&model->rng, slave->slots);
    if (runner->running[slot] == 0)
        return;
    struct mail mail = {.kind = MAIL_ENDED,
                        .slot = slot,
                        .id = runner->running[slot],
                        .outcome = random_outcome(model)};
    runner->running[slot] = 0;
    runner->freed[slot] = ++runner->frees;
    mail.next_id = runner_start_kept(runner, slot);
    way_put(&runner->from, &mail);
}

/* ---------------------------------------------------------------- the slave */

static void slave_send(struct model_slave *slave, struct mail *mail)
{
    mail->count += slave->unacknowledged;
    slave->unacknowledged = 0;
    way_put(&slave->from, mail);
}

static void slave_send_done(struct model_slave *slave,
                            struct js_slave_slot *slot,
                            const struct js_outcome *outcome, int64_t now_ns)
{
    struct mail mail = {
        .kind = MAIL_DONE, .ticket = slot->ticket, .outcome = *outcome};
    js_slave_queue_free_slot(&slave->queue, slot, now_ns);
    slave_send(slave, &mail);
}

static void slave_ask_runner(struct model_slave *slave)
{
    if (js_slave_queue_begin_recall(&slave->queue))
        way_put(&slave->runner.to, &(struct mail){.kind = MAIL_RUNNER_RECALL});
}

/* One message a ticket, and one that ends an answer. */
static void slave_return(struct model_slave *slave, unsigned count,
                         bool is_answer)
{
    for (unsigned i = 0; i < count; i++)
        slave_send(slave, &(struct mail){.kind = MAIL_BACK,
                                         .ticket = js_slave_queue_give_back(
                                             &slave->queue)});
    if (is_answer)
        slave_send(slave, &(struct mail){.kind = MAIL_BACK, .is_answer = true});
}

static void slave_return_all(struct model_slave *slave)
{
    slave_return(slave, slave->queue.order_count - slave->queue.handed_count,
                 false);
    slave_ask_runner(slave);
}

static void slave_start(struct model *model, struct model_slave *slave)
{
    struct js_slave_order *order = js_slave_queue_startable(&slave->queue);
    if (js_slave_queue_order_is_for_runner(order))
        way_put(&slave->runner.to, &(struct mail){.kind = MAIL_RUN,
                                                  .id = order->wire.id,
                                                  .slot = order->wire.slot});
    js_slave_queue_start(&slave->queue, model->now_ns);
}

static void slave_enter_started(struct model *model, struct model_slave *slave)
{
    while (slave->queue.handed_count > 0 &&
           js_slave_queue_startable(&slave->queue))
        slave_start(model, slave);
}

static void slave_hand_over(struct model_slave *slave)
{
    struct js_slave_order *order;
    while ((order = js_slave_queue_handable(&slave->queue))) {
        way_put(&slave->runner.to,
                &(struct mail){.kind = MAIL_RUN,
                               .id = order->wire.id,
                               .slot = JS_SCHEDULER_SLOT_NEXT});
        js_slave_queue_handed(&slave->queue);
    }
}

static void slave_take_ended(struct model *model, struct model_slave *slave,
                             const struct mail *mail)
{
    struct js_slave_slot *slot =
        not_null(js_slave_queue_running(&slave->queue, mail->slot));
    MODEL_MUST(slot->id == mail->id);
    slave_send_done(slave, slot, &mail->outcome, model->now_ns);
    slave_enter_started(model, slave);
    slot = js_slave_queue_running(&slave->queue, mail->slot);
    MODEL_MUST(mail->next_id == 0 || (slot && slot->id == mail->next_id));
}

static void slave_take_event(struct model *model, struct model_slave *slave)
{
    struct mail mail;
    if (!way_take(&slave->runner.from, &mail))
        return;
    if (mail.kind == MAIL_RECALLED)
        MODEL_MUST(js_slave_queue_recalled(&slave->queue, mail.count) == 0);
    else
        slave_take_ended(model, slave, &mail);
}

static void slave_accept(struct model *model, struct model_slave *slave,
                         const struct mail *mail)
{
    struct js_slave_order *order = not_null(js_slave_queue_next(&slave->queue));
    order->wire = (struct js_wire_job){.id = mail->id,
                                       .ticket = mail->ticket,
                                       .slot = mail->slot,
                                       .kind = mail->job,
                                       .duration_ns = mail->duration_ns};
    slave->unacknowledged++;
    MODEL_MUST(js_slave_queue_add(&slave->queue, model->now_ns) == 0);
}

static void slave_take_mail(struct model *model, struct model_slave *slave)
{
    struct mail mail;
    if (!way_take(&slave->to, &mail))
        return;
    if (mail.kind == MAIL_JOB)
        slave_accept(model, slave, &mail);
    else if (mail.kind == MAIL_RECALL)
        js_slave_queue_ask_back(&slave->queue, mail.count);
    else
        js_slave_queue_end_order(&slave->queue, mail.ticket);
}

/* As slave_jobs.c does it; when jobs have waited for too long is random. */
static void slave_turn(struct model *model, struct model_slave *slave)
{
    unsigned count;
    uint32_t at = 0;
    struct js_slave_slot *slot;
    enum js_slave_recall recall = js_slave_queue_answer(&slave->queue, &count);
    if (recall == JS_SLAVE_RECALL_RUNNER)
        slave_ask_runner(slave);
    else if (recall == JS_SLAVE_RECALL_ANSWER)
        slave_return(slave, count, true);
    while (
        (slot = js_slave_queue_simulated(&slave->queue, &at, model->now_ns))) {
        struct js_outcome outcome = slot->outcome;
        slave_send_done(slave, slot, &outcome, model->now_ns);
    }
    if (slave->is_retired || slave->is_ending ||
        (js_slave_queue_is_queued_up(&slave->queue) &&
         rng_chance(&model->rng, 10))) {
        slave_return_all(slave);
    } else if (rng_chance(&model->rng, 5)) {
        slave_ask_runner(slave); /* the spool is full */
        return;
    }
    if (!slave->is_retired && !slave->is_ending) {
        while (js_slave_queue_startable(&slave->queue))
            slave_start(model, slave);
        slave_hand_over(slave);
    }
    if (slave->is_ending && !slave->is_retired &&
        slave->queue.busy_count == 0 && slave->queue.order_count == 0) {
        slave->is_retired = true;
        js_slave_queue_retire(&slave->queue);
        slave_send(slave, &(struct mail){.kind = MAIL_BYE});
    }
    if (slave->unacknowledged > 0 && rng_chance(&model->rng, 30))
        slave_send(slave, &(struct mail){.kind = MAIL_ACK});
}

/* What ran, and what it was handed, is lost; there is another, or none. */
static void slave_lose_runner(struct model *model, struct model_slave *slave)
{
    const struct js_outcome loss = {.step = JS_STEP_RUNNER, .exit_code = 126};
    memset(&slave->runner, 0, sizeof(slave->runner));
    if (slave->is_ending || rng_chance(&model->rng, 20)) {
        slave->is_retired = true;
        js_slave_queue_retire(&slave->queue);
        slave_return_all(slave);
        slave_send(slave, &(struct mail){.kind = MAIL_BYE});
        return;
    }
    while (slave->queue.busy_count > slave->queue.simulated_count) {
        for (uint32_t i = 0; i < slave->slots; i++) {
            struct js_slave_slot *slot =
                js_slave_queue_running(&slave->queue, i);
            if (slot && !slot->is_simulated)
                slave_send_done(slave, slot, &loss, model->now_ns);
        }
        slave_enter_started(model, slave);
    }
    js_slave_queue_forget_runner(&slave->queue);
}

/* ---------------------------------------------------------------- the master
 */

static void model_job_ended(struct model *model, struct js_job *job,
                            bool is_for_good, bool is_success)
{
    if (is_for_good) {
        js_scheduler_finished(model->scheduler, job, is_success);
        MODEL_MUST(!model->is_ended[job->id]);
        model->is_ended[job->id] = true;
        model->ended++;
    }
    js_job_free(job);
}

static void master_take_done(struct model *model, unsigned number,
                             const struct mail *mail)
{
    struct js_job *job = NULL;
    enum js_scheduler_follow_up verdict = js_scheduler_ended(
        model->scheduler, number, mail->ticket, &mail->outcome, &job);
    MODEL_MUST(verdict != JS_SCHEDULER_STALE);
    model_job_ended(model, job, verdict == JS_SCHEDULER_ENDED,
                    js_outcome_succeeded(&mail->outcome));
}

/* It is gone for the master: whatever it still has runs elsewhere. */
static void master_lose(struct model *model, unsigned number, bool has_died)
{
    struct model_slave *slave = &model->slaves[number];
    slave->is_there = false;
    js_slave_queue_release(&slave->queue);
    if (has_died)
        js_scheduler_died(model->scheduler, number, NULL, NULL);
    else
        js_scheduler_lost(model->scheduler, number);
}

static void master_take_mail(struct model *model, unsigned number)
{
    struct mail mail;
    if (!way_take(&model->slaves[number].from, &mail))
        return;
    js_scheduler_acknowledged(model->scheduler, number, mail.count);
    if (mail.kind == MAIL_DONE)
        master_take_done(model, number, &mail);
    else if (mail.kind == MAIL_BACK && mail.is_answer)
        js_scheduler_recalled(model->scheduler, number);
    else if (mail.kind == MAIL_BACK)
        js_scheduler_returned(model->scheduler, number, mail.ticket);
    else if (mail.kind == MAIL_BYE)
        master_lose(model, number, rng_chance(&model->rng, 50));
}

static void master_send(struct model *model,
                        const struct js_scheduler_decision *next)
{
    struct mail mail = {
        .ticket = next->ticket, .slot = next->slot, .count = next->count};
    if (next->step == JS_SCHEDULER_ASSIGN) {
        mail.kind = MAIL_JOB;
        mail.id = next->job->id;
        mail.job = next->job->kind;
        mail.duration_ns = next->job->duration_ns;
    } else {
        mail.kind = next->step == JS_SCHEDULER_RECALL ? MAIL_RECALL : MAIL_KILL;
    }
    way_put(&model->slaves[next->slave].to, &mail);
}

static struct js_job *random_job(struct model *model)
{
    struct rng *rng = &model->rng;
    uint64_t id = ++model->added;
    struct js_job *job =
        model->is_simulated
            ? js_job_new_simulated(NULL, id,
                                   (int64_t)rng_below(rng, 5) * JS_NS_PER_MS)
            : js_job_new(id, "x", 1);
    not_null(job);
    job->expected_ns = -1;
    if (rng_chance(rng, 4))
        job->request.cores = 2;
    if (rng_chance(rng, 2))
        job->request.nodes = 2;
    job->retries = (uint32_t)rng_below(rng, 3);
    job->is_retries_set = true;
    return job;
}

static void master_turn(struct model *model)
{
    struct js_scheduler_decision next;
    uint64_t more = rng_below(&model->rng, 20);
    for (; more > 0 && model->added < JOBS_MAX && !model->is_draining; more--)
        CU_ASSERT_EQUAL(js_scheduler_add(model->scheduler, random_job(model)),
                        0);
    js_scheduler_set_now(model->scheduler, model->now_ns);
    while ((next = js_scheduler_next(model->scheduler)).step !=
           JS_SCHEDULER_NOTHING) {
        MODEL_MUST(next.step != JS_SCHEDULER_NO_MEMORY);
        if (next.step == JS_SCHEDULER_FAIL)
            model_job_ended(model, next.skipped, true, false);
        else if (next.step != JS_SCHEDULER_DISPATCH)
            master_send(model, &next);
    }
}

/* ---------------------------------------------------------------- what holds
 */

/* What was assigned to slaves that are there is on its way, or with them. */
static void model_count(const struct model *model)
{
    uint64_t assigned = 0;
    bool is_unsure = false;
    for (unsigned i = 1; i <= model->slave_count; i++) {
        const struct model_slave *slave = &model->slaves[i];
        if (!slave->is_there)
            continue;
        /* What is gone with a runner comes back with the BYE. */
        is_unsure |= slave->is_retired;
        assigned += slave->queue.order_count + slave->queue.busy_count +
                    way_count(&slave->to, MAIL_JOB) +
                    way_count(&slave->from, MAIL_DONE) +
                    way_count(&slave->from, MAIL_BACK);
        for (unsigned k = 0; k < slave->from.count; k++)
            assigned -=
                slave->from.mails[(slave->from.first + k) % MAIL_MAX].is_answer;
    }
    if (is_unsure)
        MODEL_MUST(js_scheduler_counts(model->scheduler).assigned >= assigned);
    else
        MODEL_MUST(js_scheduler_counts(model->scheduler).assigned == assigned);
}

static void model_check(const struct model *model)
{
    for (unsigned i = 1; i <= model->slave_count; i++) {
        if (model->slaves[i].is_there)
            js_slave_queue_assert_invariants(&model->slaves[i].queue);
    }
    js_scheduler_assert_invariants(model->scheduler);
    model_count(model);
}

/* ---------------------------------------------------------------- a play */

static unsigned model_alive(const struct model *model)
{
    unsigned count = 0;
    for (unsigned i = 1; i <= model->slave_count; i++) {
        count += model->slaves[i].is_there && !model->slaves[i].is_retired &&
                 !model->slaves[i].is_ending;
    }
    return count;
}

/* Rarely, and never the last one. */
static void model_lose_something(struct model *model, unsigned number)
{
    struct model_slave *slave = &model->slaves[number];
    if (model->is_draining || slave->is_retired ||
        rng_below(&model->rng, 10000) >= model->losses_permyriad ||
        model_alive(model) < 2)
        return;
    switch (rng_below(&model->rng, 3)) {
    case 0:
        master_lose(model, number, true);
        break;
    case 1:
        slave_lose_runner(model, slave);
        break;
    default:
        slave->is_ending = true; /* by a signal */
        break;
    }
}

static void model_step(struct model *model)
{
    unsigned number = 1 + (unsigned)rng_below(&model->rng, model->slave_count);
    struct model_slave *slave = &model->slaves[number];
    model->now_ns += (int64_t)rng_below(&model->rng, 3) * JS_NS_PER_MS;
    if (!slave->is_there) {
        master_turn(model);
        return;
    }
    switch (rng_below(&model->rng, 8)) {
    case 0:
        master_turn(model);
        break;
    case 1:
        master_take_mail(model, number);
        break;
    case 2:
        slave_take_mail(model, slave);
        break;
    case 3:
        slave_turn(model, slave);
        break;
    case 4:
        slave_take_event(model, slave);
        break;
    case 5:
        runner_take(slave);
        break;
    case 6:
        runner_end_one(model, slave);
        break;
    default:
        model_lose_something(model, number);
        break;
    }
}

static void model_add_slave(struct model *model, unsigned number)
{
    struct model_slave *slave = &model->slaves[number];
    struct js_node node = {.boot_id = number};
    struct js_resources resources = {.mem_bytes = 1000};
    uint32_t homes[SLOTS_MAX] = {0};
    slave->is_there = true;
    slave->slots = 1 + (uint32_t)rng_below(&model->rng, SLOTS_MAX);
    for (uint32_t i = 0; i < slave->slots; i++) {
        struct js_cpuset cpus = {{0}};
        js_cpuset_add(&cpus, i);
        CU_ASSERT_EQUAL(js_resources_add_core(&resources, &cpus, 0, 0), 0);
        homes[i] = i;
    }
    CU_ASSERT_EQUAL(js_allocator_add(model->allocator, number, &node, true), 0);
    CU_ASSERT_EQUAL(js_allocator_equip(model->allocator, number, &resources,
                                       homes, slave->slots),
                    0);
    CU_ASSERT_EQUAL(
        js_scheduler_add_slave(model->scheduler, number, slave->slots), 0);
    CU_ASSERT_EQUAL(js_slave_queue_init(&slave->queue, slave->slots), 0);
    js_resources_release(&resources);
}

static struct model *model_new(uint64_t seed, unsigned losses)
{
    static const int64_t run_ns[] = {JS_NS_PER_MS / 10, JS_NS_PER_MS,
                                     10 * JS_NS_PER_MS, JS_NS_PER_S};
    struct js_scheduler_config config = {.round_size = 10, .retries = 1};
    struct model *model = not_null(calloc(1, sizeof(*model)));
    model->rng.state = seed;
    model->losses_permyriad = losses;
    model->run_ns = run_ns[rng_below(&model->rng, 4)];
    model->is_simulated = rng_chance(&model->rng, 15);
    model->allocator = not_null(js_allocator_new());
    model->scheduler =
        not_null(js_scheduler_new(&config, NULL, model->allocator));
    model->slave_count = 1 + (unsigned)rng_below(&model->rng, SLAVES_MAX);
    for (unsigned i = 1; i <= model->slave_count; i++)
        model_add_slave(model, i);
    return model;
}

static void model_free(struct model *model)
{
    for (unsigned i = 1; i <= model->slave_count; i++)
        js_slave_queue_release(&model->slaves[i].queue);
    js_scheduler_free(model->scheduler);
    js_allocator_free(model->allocator);
    free(model);
}

/* Jobs that nobody who is left can run stay. */
static bool model_is_over(const struct model *model)
{
    const struct js_job *job;
    return js_scheduler_counts(model->scheduler).held == 0 ||
           js_scheduler_is_stuck(model->scheduler, &job);
}

static void model_play(uint64_t seed, unsigned losses)
{
    snprintf(seed_text, sizeof(seed_text), "\nmodel: seed %llu fails\n",
             (unsigned long long)seed);
    unsigned failed = CU_get_number_of_failures();
    struct model *model = model_new(seed, losses);
    for (unsigned step = 0; step < STEPS; step++) {
        model_step(model);
        model_check(model);
    }
    model->is_draining = true;
    for (unsigned step = 0; step < DRAIN_STEPS && !model_is_over(model);
         step++) {
        model_step(model);
        model_check(model);
    }
    CU_ASSERT(model_is_over(model));
    CU_ASSERT_EQUAL(model->ended + js_scheduler_counts(model->scheduler).held,
                    model->added);
    if (CU_get_number_of_failures() > failed)
        print_seed(0);
    model_free(model);
}

static void model_play_many(uint64_t first, unsigned rounds, unsigned losses)
{
    const char *only = getenv("JS_MODEL_SEED");
    void (*before)(int) = signal(SIGABRT, print_seed);
    if (only)
        model_play(strtoull(only, NULL, 10), losses);
    for (uint64_t seed = first; !only && seed < first + unit_rounds(rounds);
         seed++)
        model_play(seed, losses);
    signal(SIGABRT, before);
}

static void test_all_goes_well(void)
{
    memset(mails_seen, 0, sizeof(mails_seen));
    ahead_seen = begun_ahead_seen = 0;
    model_play_many(1, 400, 0);
    for (int kind = 0; kind < MAIL_KINDS; kind++)
        CU_ASSERT((kind == MAIL_KILL || kind == MAIL_BYE) ==
                  (mails_seen[kind] == 0));
    CU_ASSERT(ahead_seen > 0 && begun_ahead_seen > 0);
}

static void test_losses(void)
{
    memset(mails_seen, 0, sizeof(mails_seen));
    model_play_many(100001, 400, 60);
    for (int kind = 0; kind < MAIL_KINDS; kind++)
        CU_ASSERT(mails_seen[kind] > 0);
}

static const struct unit_test tests[] = {
    {"all goes well", test_all_goes_well},
    {"slaves and runners are lost", test_losses},
    {NULL, NULL},
};

const struct unit_suite suite_model = {"model", tests};
