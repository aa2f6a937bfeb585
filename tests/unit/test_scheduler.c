/* scheduler: which job goes where and when; and job: the queue below it. */
#include "unit.h"

#include "base/clock.h"
#include "list/job.h"
#include "rng.h"
#include "sched/scheduler.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t short_ns = JS_NS_PER_MS;
static const int64_t long_ns = 10 * JS_NS_PER_S;

/* ---------------------------------------------------------------- helpers */

/* The allocator of each scheduler that there is. */
static struct {
    struct js_scheduler *scheduler;
    struct js_allocator *allocator;
} allocators[4];

enum { POOLS = sizeof(allocators) / sizeof(allocators[0]) };

static int index_of(const struct js_scheduler *scheduler)
{
    for (int i = 0; i < POOLS; i++) {
        if (allocators[i].scheduler == scheduler)
            return i;
    }
    abort();
}

static struct js_scheduler *
new_scheduler_of(const struct js_scheduler_config *config,
                 struct js_graph *graph)
{
    int i = index_of(NULL);
    allocators[i].allocator = not_null(js_allocator_new());
    allocators[i].scheduler =
        not_null(js_scheduler_new(config, graph, allocators[i].allocator));
    return allocators[i].scheduler;
}

static struct js_scheduler *
new_scheduler(const struct js_scheduler_config *config)
{
    return new_scheduler_of(config, NULL);
}

static void free_scheduler(struct js_scheduler *scheduler)
{
    if (!scheduler)
        return;
    int i = index_of(scheduler);
    js_scheduler_free(scheduler);
    js_allocator_free(allocators[i].allocator);
    allocators[i].scheduler = NULL;
}

/* On the node of that number, with `cores` cores, the slots at home on those
 * from `first` on. */
static int add_slave_on(struct js_scheduler *scheduler, unsigned number,
                        uint32_t slots, unsigned node, uint32_t cores,
                        uint32_t first)
{
    struct js_allocator *allocator = allocators[index_of(scheduler)].allocator;
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
    int rc = js_allocator_equip(allocator, number, &resources, homes, slots);
    if (rc == 0)
        rc = js_scheduler_add_slave(scheduler, number, slots);
    js_resources_release(&resources);
    free(homes);
    return rc;
}

/* On a node of its own, a core for each slot. */
static int add_slave(struct js_scheduler *scheduler, unsigned number,
                     uint32_t slots)
{
    struct js_location place;
    struct js_allocator *allocator = allocators[index_of(scheduler)].allocator;
    if (js_allocator_locate(allocator, number, &place) == 0)
        return js_scheduler_add_slave(scheduler, number, slots);
    return add_slave_on(scheduler, number, slots, number, slots, 0);
}

static struct js_job *ended(struct js_scheduler *scheduler, unsigned number,
                            uint64_t ticket, int64_t run_ns)
{
    struct js_outcome outcome = {.run_ns = run_ns};
    struct js_job *job = NULL;
    enum js_scheduler_verdict verdict =
        js_scheduler_ended(scheduler, number, ticket, &outcome, &job);
    if (verdict == JS_SCHEDULER_ENDED)
        js_scheduler_finished(scheduler, job, true);
    return verdict == JS_SCHEDULER_STALE ? NULL : job;
}

static struct js_scheduler *scheduler_of(uint32_t round_size, bool barrier)
{
    struct js_scheduler_config config = {.round_size = round_size,
                                         .barrier = barrier};
    struct js_scheduler *scheduler = new_scheduler(&config);
    CU_ASSERT_PTR_NOT_NULL_FATAL(scheduler);
    return scheduler;
}

static void add_jobs(struct js_scheduler *scheduler, uint64_t first,
                     uint64_t last)
{
    for (uint64_t id = first; id <= last; id++) {
        js_scheduler_add(scheduler, not_null(js_job_new_simulated(id, 1)));
    }
}

static void add_slaves(struct js_scheduler *scheduler, unsigned count,
                       uint32_t slots)
{
    for (unsigned i = 1; i <= count; i++)
        CU_ASSERT_EQUAL(add_slave(scheduler, i, slots), 0);
}

static void expect_nothing(struct js_scheduler *scheduler)
{
    CU_ASSERT_EQUAL(js_scheduler_next(scheduler).step, JS_SCHEDULER_NOTHING);
}

/* The next decisions announce these jobs. */
static void expect_round(struct js_scheduler *scheduler, uint64_t first,
                         uint64_t last)
{
    for (uint64_t id = first; id <= last; id++) {
        struct js_scheduler_decision next = js_scheduler_next(scheduler);
        CU_ASSERT_EQUAL_FATAL(next.step, JS_SCHEDULER_DISPATCH);
        CU_ASSERT_EQUAL(next.job->id, id);
    }
}

/* The next decision gives this job to that slave. Returns the ticket. */
static uint64_t expect_assigned(struct js_scheduler *scheduler, uint64_t id,
                                unsigned slave)
{
    struct js_scheduler_decision next = js_scheduler_next(scheduler);
    CU_ASSERT_EQUAL_FATAL(next.step, JS_SCHEDULER_ASSIGN);
    CU_ASSERT_EQUAL(next.job->id, id);
    CU_ASSERT_EQUAL(next.slave, slave);
    return next.ticket;
}

/* The job has been taken in and has ended. */
static void end_job(struct js_scheduler *scheduler, unsigned slave,
                    uint64_t ticket, uint64_t id, int64_t run_ns)
{
    js_scheduler_acknowledged(scheduler, slave, 1);
    struct js_job *job = not_null(ended(scheduler, slave, ticket, run_ns));
    CU_ASSERT_EQUAL(job->id, id);
    js_job_free(job);
}

/* Lets the scheduler see one job of `run_ns`, which has the id `id`. */
static void teach(struct js_scheduler *scheduler, uint64_t id, int64_t run_ns)
{
    add_jobs(scheduler, id, id);
    expect_round(scheduler, id, id);
    end_job(scheduler, 1, expect_assigned(scheduler, id, 1), id, run_ns);
}

/* Takes all assignments there are now; returns how many. */
static unsigned assign_all(struct js_scheduler *scheduler, uint64_t *tickets,
                           unsigned room)
{
    unsigned count = 0;
    for (;;) {
        struct js_scheduler_decision next = js_scheduler_next(scheduler);
        if (next.step == JS_SCHEDULER_NOTHING)
            return count;
        if (next.step == JS_SCHEDULER_DISPATCH)
            continue;
        CU_ASSERT_FATAL(count < room);
        tickets[count++] = next.ticket;
    }
}

/* ---------------------------------------------------------------- jobs */

static void test_job_holds_its_command(void)
{
    struct js_job *job = not_null(js_job_new(7, "echo \xff x", 8));
    CU_ASSERT_EQUAL(job->id, 7);
    CU_ASSERT_EQUAL(job->kind, JS_JOB_COMMAND);
    CU_ASSERT_EQUAL(job->attempt, 1);
    CU_ASSERT_EQUAL(job->command_len, 8);
    CU_ASSERT_STRING_EQUAL(job->command, "echo \xff x");
    js_job_free(job);
    job = not_null(js_job_new_simulated(8, 42));
    CU_ASSERT_EQUAL(job->kind, JS_JOB_SIMULATED);
    CU_ASSERT_EQUAL(job->duration_ns, 42);
    CU_ASSERT_EQUAL(job->attempt, 1);
    CU_ASSERT_EQUAL(job->command_len, 0);
    errno = EDOM;
    js_job_free(job);
    js_job_free(NULL);
    CU_ASSERT_EQUAL(errno, EDOM);
}

static void pop_expecting(struct js_job_queue *queue, uint64_t id)
{
    struct js_job *job = not_null(js_job_queue_pop(queue));
    CU_ASSERT_EQUAL(job->id, id);
    js_job_free(job);
}

static void test_queue_is_first_in_first_out(void)
{
    struct js_job_queue queue = {0};
    CU_ASSERT_PTR_NULL(js_job_queue_pop(&queue));
    for (uint64_t id = 1; id <= 3; id++)
        js_job_queue_push(&queue, js_job_new_simulated(id, 0));
    CU_ASSERT_EQUAL(queue.count, 3);
    pop_expecting(&queue, 1);
    pop_expecting(&queue, 2);
    pop_expecting(&queue, 3);
    CU_ASSERT_PTR_NULL(js_job_queue_pop(&queue));
    CU_ASSERT_EQUAL(queue.count, 0);
    js_job_queue_push(&queue, js_job_new_simulated(4, 0));
    js_job_queue_push(&queue, js_job_new_simulated(5, 0));
    pop_expecting(&queue, 4);
    js_job_queue_release(&queue);
    CU_ASSERT_EQUAL(queue.count, 0);
}

/* ---------------------------------------------------------------- rounds */

static void test_rounds_of_ten(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_jobs(scheduler, 1, 25);
    expect_nothing(scheduler); /* nobody to run them */
    add_slaves(scheduler, 1, 1);
    for (uint64_t id = 1; id <= 25; id++) {
        if (id % 10 == 1)
            expect_round(scheduler, id, id + 9 < 25 ? id + 9 : 25);
        uint64_t ticket = expect_assigned(scheduler, id, 1);
        expect_nothing(scheduler);
        CU_ASSERT_EQUAL(js_scheduler_assigned(scheduler), 1);
        CU_ASSERT_EQUAL(js_scheduler_held(scheduler), 26 - id);
        end_job(scheduler, 1, ticket, id, long_ns);
    }
    expect_nothing(scheduler);
    CU_ASSERT_EQUAL(js_scheduler_held(scheduler), 0);
    free_scheduler(scheduler);
}

static void test_stream_gives_few_jobs(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slaves(scheduler, 1, 1);
    expect_nothing(scheduler);
    add_jobs(scheduler, 1, 3);
    expect_round(scheduler, 1, 3);
    add_jobs(scheduler, 4, 4); /* too late for this round */
    uint64_t ticket = expect_assigned(scheduler, 1, 1);
    expect_nothing(scheduler);
    end_job(scheduler, 1, ticket, 1, long_ns);
    end_job(scheduler, 1, expect_assigned(scheduler, 2, 1), 2, long_ns);
    end_job(scheduler, 1, expect_assigned(scheduler, 3, 1), 3, long_ns);
    expect_round(scheduler, 4, 4);
    end_job(scheduler, 1, expect_assigned(scheduler, 4, 1), 4, long_ns);
    expect_nothing(scheduler);
    free_scheduler(scheduler);
}

/* Jobs that come in while a round is being announced are not part of it. */
static void test_round_is_closed_when_it_opens(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slaves(scheduler, 1, 1);
    add_jobs(scheduler, 1, 2);
    expect_round(scheduler, 1, 1);
    add_jobs(scheduler, 3, 9);
    expect_round(scheduler, 2, 2);
    end_job(scheduler, 1, expect_assigned(scheduler, 1, 1), 1, long_ns);
    end_job(scheduler, 1, expect_assigned(scheduler, 2, 1), 2, long_ns);
    expect_round(scheduler, 3, 9);
    free_scheduler(scheduler);
}

/* Nobody waits for the slowest of a round ... */
static void test_uneven_run_times(void)
{
    struct js_scheduler *scheduler = scheduler_of(3, false);
    add_slaves(scheduler, 2, 1);
    add_jobs(scheduler, 1, 9);
    expect_round(scheduler, 1, 3);
    uint64_t slow = expect_assigned(scheduler, 1, 1);
    for (uint64_t id = 2; id <= 9; id++) {
        if (id % 3 == 1)
            expect_round(scheduler, id, id + 2);
        uint64_t ticket = expect_assigned(scheduler, id, 2);
        expect_nothing(scheduler);
        end_job(scheduler, 2, ticket, id, long_ns);
    }
    expect_nothing(scheduler);
    end_job(scheduler, 1, slow, 1, long_ns);
    CU_ASSERT_EQUAL(js_scheduler_held(scheduler), 0);
    free_scheduler(scheduler);
}

/* ... but with a barrier all do. */
static void test_barrier(void)
{
    struct js_scheduler *scheduler = scheduler_of(3, true);
    add_slaves(scheduler, 2, 1);
    add_jobs(scheduler, 1, 6);
    expect_round(scheduler, 1, 3);
    uint64_t slow = expect_assigned(scheduler, 1, 1);
    end_job(scheduler, 2, expect_assigned(scheduler, 2, 2), 2, long_ns);
    end_job(scheduler, 2, expect_assigned(scheduler, 3, 2), 3, long_ns);
    expect_nothing(scheduler);
    end_job(scheduler, 1, slow, 1, long_ns);
    expect_round(scheduler, 4, 6);
    CU_ASSERT_EQUAL(js_scheduler_next(scheduler).step, JS_SCHEDULER_ASSIGN);
    free_scheduler(scheduler);
}

/* What goes back or is lost has not ended. */
static void test_barrier_waits_for_what_came_back(void)
{
    struct js_scheduler *scheduler = scheduler_of(2, true);
    add_slaves(scheduler, 2, 1);
    add_jobs(scheduler, 1, 4);
    expect_round(scheduler, 1, 2);
    uint64_t first = expect_assigned(scheduler, 1, 1);
    uint64_t second = expect_assigned(scheduler, 2, 2);
    js_scheduler_acknowledged(scheduler, 1, 1);
    js_scheduler_returned(scheduler, 1, first);
    expect_assigned(scheduler, 1, 1);
    end_job(scheduler, 2, second, 2, long_ns);
    expect_nothing(scheduler);
    js_scheduler_lost(scheduler, 1);
    first = expect_assigned(scheduler, 1, 2);
    expect_nothing(scheduler);
    end_job(scheduler, 2, first, 1, long_ns);
    expect_round(scheduler, 3, 4);
    free_scheduler(scheduler);
}

/* ---------------------------------------------------------------- room */

static void test_nothing_ahead_before_a_run_time_is_known(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    uint64_t tickets[32];
    add_slaves(scheduler, 2, 3);
    add_jobs(scheduler, 1, 30);
    CU_ASSERT_EQUAL(assign_all(scheduler, tickets, 32), 6);
    CU_ASSERT_EQUAL(js_scheduler_slaves(scheduler), 2);
    CU_ASSERT_EQUAL(js_scheduler_slots(scheduler), 6);
    free_scheduler(scheduler);
}

/* What is ahead may all be as short as the shortest lately. */
static void test_lead_of_uneven_jobs(void)
{
    uint64_t tickets[128];
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slaves(scheduler, 1, 1);
    teach(scheduler, 1, short_ns);
    teach(scheduler, 2, 20 * short_ns);
    add_jobs(scheduler, 3, 100);
    unsigned count = assign_all(scheduler, tickets, 128);
    CU_ASSERT(js_scheduler_lead_ns(scheduler) >= (count - 1) * short_ns);
    CU_ASSERT(js_scheduler_lead_ns(scheduler) < (count - 1) * 2 * short_ns);
    free_scheduler(scheduler);
}

static void test_ahead_for_short_jobs_only(void)
{
    uint64_t tickets[128];
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slaves(scheduler, 1, 1);
    teach(scheduler, 1, short_ns);
    add_jobs(scheduler, 2, 100);
    unsigned count = assign_all(scheduler, tickets, 128);
    CU_ASSERT_EQUAL(count, JS_SCHEDULER_CREDIT_FIRST);
    CU_ASSERT_EQUAL(js_scheduler_lead_ns(scheduler), (count - 1) * short_ns);
    free_scheduler(scheduler);

    scheduler = scheduler_of(10, false);
    add_slaves(scheduler, 1, 1);
    teach(scheduler, 1, JS_SCHEDULER_AHEAD_NS / 3);
    add_jobs(scheduler, 2, 40);
    CU_ASSERT_EQUAL(assign_all(scheduler, tickets, 128), 4);
    free_scheduler(scheduler);

    scheduler = scheduler_of(10, false);
    add_slaves(scheduler, 1, 1);
    teach(scheduler, 1, JS_SCHEDULER_AHEAD_NS + 1);
    add_jobs(scheduler, 2, 40);
    CU_ASSERT_EQUAL(assign_all(scheduler, tickets, 128), 1);
    CU_ASSERT_EQUAL(js_scheduler_lead_ns(scheduler), 0);
    free_scheduler(scheduler);
}

/* The measure follows what is seen: long jobs end the giving ahead. */
static void test_ahead_ends_when_jobs_become_long(void)
{
    uint64_t tickets[32];
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slaves(scheduler, 1, 1);
    teach(scheduler, 1, short_ns);
    teach(scheduler, 2, long_ns);
    add_jobs(scheduler, 3, 40);
    CU_ASSERT_EQUAL(assign_all(scheduler, tickets, 32), 1);
    free_scheduler(scheduler);
}

static void test_free_slots_come_before_jobs_ahead(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slaves(scheduler, 3, 1);
    teach(scheduler, 1, short_ns);
    add_jobs(scheduler, 2, 10);
    expect_round(scheduler, 2, 10);
    unsigned given[4] = {0};
    for (int i = 0; i < 9; i++) {
        struct js_scheduler_decision next = js_scheduler_next(scheduler);
        CU_ASSERT_EQUAL_FATAL(next.step, JS_SCHEDULER_ASSIGN);
        given[next.slave]++;
        /* Nobody has two more than another. */
        for (int a = 1; a <= 3; a++) {
            for (int b = 1; b <= 3; b++)
                CU_ASSERT(given[a] <= given[b] + 1);
        }
    }
    free_scheduler(scheduler);
}

static void test_never_above_credit(void)
{
    enum { SLOTS = 3 * JS_SCHEDULER_CREDIT };
    uint64_t tickets[SLOTS];
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slaves(scheduler, 1, SLOTS);
    add_jobs(scheduler, 1, 400);
    uint32_t credit = JS_SCHEDULER_CREDIT_FIRST, given = credit;
    CU_ASSERT_EQUAL(assign_all(scheduler, tickets, SLOTS), credit);
    js_scheduler_acknowledged(scheduler, 1, 3);
    CU_ASSERT_EQUAL(assign_all(scheduler, tickets, SLOTS), 3);
    given += 3;
    /* It grows with what was acknowledged; never with more than was sent. */
    js_scheduler_acknowledged(scheduler, 1, 1000);
    for (; credit < JS_SCHEDULER_CREDIT; given += credit) {
        credit =
            2 * credit < JS_SCHEDULER_CREDIT ? 2 * credit : JS_SCHEDULER_CREDIT;
        CU_ASSERT_EQUAL(assign_all(scheduler, tickets, SLOTS), credit);
        js_scheduler_acknowledged(scheduler, 1, credit);
    }
    CU_ASSERT_EQUAL(assign_all(scheduler, tickets, SLOTS), SLOTS - given);
    js_scheduler_acknowledged(scheduler, 2, 1); /* nobody */
    js_scheduler_acknowledged(scheduler, UINT32_MAX, 1);
    CU_ASSERT_EQUAL(js_scheduler_assigned(scheduler), SLOTS);
    free_scheduler(scheduler);
}

/* ---------------------------------------------------------------- recall */

static struct js_scheduler_decision
expect_recall(struct js_scheduler *scheduler, unsigned slave, uint32_t count)
{
    struct js_scheduler_decision next = js_scheduler_next(scheduler);
    CU_ASSERT_EQUAL(next.step, JS_SCHEDULER_RECALL);
    CU_ASSERT_EQUAL(next.slave, slave);
    CU_ASSERT_EQUAL(next.count, count);
    return next;
}

/* One slave has jobs ahead, the other comes to have none at all. */
static void test_a_free_slot_gets_what_another_has_ahead(void)
{
    uint64_t tickets[32];
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slaves(scheduler, 1, 1);
    teach(scheduler, 1, short_ns);
    add_jobs(scheduler, 2, 9);
    CU_ASSERT_EQUAL(assign_all(scheduler, tickets, 32), 8);
    CU_ASSERT_EQUAL(add_slave(scheduler, 2, 1), 0);
    expect_recall(scheduler, 1, 4);
    expect_nothing(scheduler); /* asked for once */
    js_scheduler_returned(scheduler, 1, tickets[7]);
    js_scheduler_returned(scheduler, 1, tickets[6]);
    expect_assigned(scheduler, 8, 2);
    expect_assigned(scheduler, 9, 2);
    js_scheduler_recalled(scheduler, 1);
    expect_nothing(scheduler);
    free_scheduler(scheduler);
}

/* It had begun all of them: nothing is lost, and it may be asked again. */
/* Jobs that wait for the GPU do not fill a free slot: what another slave has
 * ahead does. */
static void test_a_recall_while_others_wait_for_a_gpu(void)
{
    uint64_t tickets[32];
    struct js_scheduler *scheduler = scheduler_of(10, false);
    CU_ASSERT_EQUAL(add_slave_on(scheduler, 1, 1, 0, 3, 0), 0);
    teach(scheduler, 1, short_ns);
    struct js_job *job;
    for (uint64_t id = 2; id <= 3; id++) {
        job = not_null(js_job_new(id, "x", 1));
        job->request.gpus = 1;
        CU_ASSERT_EQUAL(js_scheduler_add(scheduler, job), 0);
    }
    add_jobs(scheduler, 4, 11);
    CU_ASSERT_EQUAL(add_slave_on(scheduler, 2, 1, 0, 3, 1), 0);
    /* One slave has a GPU job, the other a plain one and those ahead. */
    CU_ASSERT_EQUAL(assign_all(scheduler, tickets, 32), 9);
    CU_ASSERT_EQUAL(add_slave_on(scheduler, 3, 1, 0, 3, 2), 0);
    struct js_scheduler_decision next = js_scheduler_next(scheduler);
    while (next.step == JS_SCHEDULER_ASSIGN ||
           next.step == JS_SCHEDULER_DISPATCH)
        next = js_scheduler_next(scheduler);
    CU_ASSERT_EQUAL(next.step, JS_SCHEDULER_RECALL);
    free_scheduler(scheduler);
}

static void test_a_recall_in_vain(void)
{
    uint64_t tickets[32];
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slaves(scheduler, 1, 1);
    teach(scheduler, 1, short_ns);
    add_jobs(scheduler, 2, 5);
    CU_ASSERT_EQUAL(assign_all(scheduler, tickets, 32), 4);
    CU_ASSERT_EQUAL(add_slave(scheduler, 2, 1), 0);
    expect_recall(scheduler, 1, 2);
    end_job(scheduler, 1, tickets[0], 2, short_ns);
    end_job(scheduler, 1, tickets[1], 3, short_ns);
    js_scheduler_recalled(scheduler, 1);
    expect_recall(scheduler, 1, 1);
    js_scheduler_lost(scheduler, 1);
    js_scheduler_recalled(scheduler, 1); /* too late */
    expect_assigned(scheduler, 4, 2);
    free_scheduler(scheduler);
}

static void test_run_times_at_the_ends_of_their_range(void)
{
    uint64_t tickets[32];
    static const int64_t run_ns[] = {0, INT64_MAX, 1, INT64_MAX, 0};
    struct js_scheduler *scheduler = scheduler_of(1, false);
    add_slaves(scheduler, 1, 1);
    for (uint64_t i = 0; i < 5; i++)
        teach(scheduler, i + 1, run_ns[i]);
    add_jobs(scheduler, 6, 20);
    CU_ASSERT_EQUAL(assign_all(scheduler, tickets, 32), 1);
    free_scheduler(scheduler);
    scheduler = scheduler_of(1, false);
    add_slaves(scheduler, 1, 1);
    teach(scheduler, 1, INT64_MAX);
    teach(scheduler, 2, INT64_MAX);
    free_scheduler(scheduler);
}

static void test_wants_jobs_is_bounded(void)
{
    uint64_t tickets[64];
    struct js_scheduler *scheduler = scheduler_of(10, false);
    uint64_t added = 0;
    CU_ASSERT_TRUE(
        js_scheduler_wants_jobs(scheduler)); /* before anybody is there */
    for (; js_scheduler_wants_jobs(scheduler) && added < 1000; added++)
        add_jobs(scheduler, added + 1, added + 1);
    CU_ASSERT(added >= 10 && added < 100);
    add_slaves(scheduler, 2, 5);
    CU_ASSERT_TRUE(js_scheduler_wants_jobs(scheduler));
    for (; js_scheduler_wants_jobs(scheduler) && added < 1000; added++)
        add_jobs(scheduler, added + 1, added + 1);
    CU_ASSERT(added >= 10 && added < 200);
    CU_ASSERT_EQUAL(assign_all(scheduler, tickets, 64), 10);
    CU_ASSERT_TRUE(js_scheduler_wants_jobs(scheduler));
    free_scheduler(scheduler);
}

/* ---------------------------------------------------------------- news */

static void test_returned_goes_to_the_next_with_room(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slaves(scheduler, 2, 1);
    teach(scheduler, 1, short_ns);
    add_jobs(scheduler, 2, 5);
    expect_round(scheduler, 2, 5);
    uint64_t tickets[4];
    unsigned slaves[4];
    for (int i = 0; i < 4; i++) {
        struct js_scheduler_decision next = js_scheduler_next(scheduler);
        CU_ASSERT_EQUAL_FATAL(next.step, JS_SCHEDULER_ASSIGN);
        tickets[i] = next.ticket;
        slaves[i] = next.slave;
    }
    /* Each runs one and has one ahead; the one who has 2 gives 4 back. */
    CU_ASSERT_EQUAL(slaves[0], slaves[2]);
    CU_ASSERT_EQUAL(slaves[1], slaves[3]);
    js_scheduler_acknowledged(scheduler, slaves[0], 2);
    js_scheduler_returned(scheduler, slaves[0], tickets[2]);
    CU_ASSERT_EQUAL(js_scheduler_assigned(scheduler), 3);
    uint64_t again = expect_assigned(scheduler, 4, slaves[1]);
    CU_ASSERT_NOT_EQUAL(again, tickets[2]);
    /* The old ticket means nothing any more. */
    js_scheduler_returned(scheduler, slaves[0], tickets[2]);
    CU_ASSERT_PTR_NULL(ended(scheduler, slaves[0], tickets[2], 1));
    CU_ASSERT_PTR_NULL(ended(scheduler, slaves[0], again, 1));
    end_job(scheduler, slaves[1], again, 4, short_ns);
    end_job(scheduler, slaves[0], tickets[0], 2, short_ns);
    end_job(scheduler, slaves[1], tickets[1], 3, short_ns);
    end_job(scheduler, slaves[1], tickets[3], 5, short_ns);
    CU_ASSERT_EQUAL(js_scheduler_held(scheduler), 0);
    free_scheduler(scheduler);
}

/* Whoever gave jobs back gets none ahead until one of its own has ended. */
static void test_returned_stops_giving_ahead(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slaves(scheduler, 1, 1);
    teach(scheduler, 1, short_ns);
    add_jobs(scheduler, 2, 3);
    expect_round(scheduler, 2, 3);
    uint64_t runs = expect_assigned(scheduler, 2, 1);
    uint64_t ahead = expect_assigned(scheduler, 3, 1);
    js_scheduler_acknowledged(scheduler, 1, 2);
    js_scheduler_returned(scheduler, 1, ahead);
    expect_nothing(scheduler);
    end_job(scheduler, 1, runs, 2, short_ns);
    expect_assigned(scheduler, 3, 1);
    free_scheduler(scheduler);
}

/* Returned last job first, as a slave does: they keep their order. */
static void test_returned_jobs_keep_their_order(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slaves(scheduler, 1, 1);
    teach(scheduler, 1, short_ns);
    add_jobs(scheduler, 2, 6);
    expect_round(scheduler, 2, 6);
    uint64_t tickets[5];
    for (uint64_t id = 2; id <= 6; id++)
        tickets[id - 2] = expect_assigned(scheduler, id, 1);
    js_scheduler_acknowledged(scheduler, 1, 5);
    for (int i = 4; i >= 1; i--)
        js_scheduler_returned(scheduler, 1, tickets[i]);
    end_job(scheduler, 1, tickets[0], 2, short_ns);
    for (uint64_t id = 3; id <= 6; id++)
        expect_assigned(scheduler, id, 1);
    free_scheduler(scheduler);
}

static void test_lost_jobs_run_again(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slaves(scheduler, 2, 2);
    add_jobs(scheduler, 1, 10);
    expect_round(scheduler, 1, 10);
    uint64_t tickets[4];
    unsigned slaves[4];
    for (int i = 0; i < 4; i++) {
        struct js_scheduler_decision next = js_scheduler_next(scheduler);
        CU_ASSERT_EQUAL_FATAL(next.step, JS_SCHEDULER_ASSIGN);
        tickets[i] = next.ticket;
        slaves[i] = next.slave;
    }
    js_scheduler_lost(scheduler, 1);
    CU_ASSERT_EQUAL(js_scheduler_slaves(scheduler), 1);
    CU_ASSERT_EQUAL(js_scheduler_slots(scheduler), 2);
    CU_ASSERT_EQUAL(js_scheduler_assigned(scheduler), 2);
    CU_ASSERT_EQUAL(js_scheduler_held(scheduler), 10);
    js_scheduler_lost(scheduler, 1); /* once more: nothing */
    js_scheduler_lost(scheduler, 77);
    CU_ASSERT_EQUAL(js_scheduler_slaves(scheduler), 1);
    expect_nothing(scheduler);
    uint64_t expected = 0;
    for (int i = 0; i < 4; i++) {
        if (slaves[i] == 1) {
            CU_ASSERT_PTR_NULL(ended(scheduler, 1, tickets[i], 1));
            CU_ASSERT_PTR_NULL(ended(scheduler, 2, tickets[i], 1));
            js_scheduler_returned(scheduler, 1, tickets[i]);
            expected = expected ? expected : (uint64_t)i + 1;
            continue;
        }
        end_job(scheduler, 2, tickets[i], (uint64_t)i + 1, long_ns);
    }
    /* In order, before any other, as their second attempt. */
    for (int n = 0; n < 2; n++) {
        struct js_scheduler_decision next = js_scheduler_next(scheduler);
        CU_ASSERT_EQUAL_FATAL(next.step, JS_SCHEDULER_ASSIGN);
        CU_ASSERT(next.job->id <= 4 && slaves[next.job->id - 1] == 1);
        CU_ASSERT_EQUAL(next.job->attempt, 2);
        CU_ASSERT(n == 1 || next.job->id == expected);
    }
    expect_nothing(scheduler);
    free_scheduler(scheduler);
}

static void test_all_lost_keeps_the_jobs(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slaves(scheduler, 1, 1);
    add_jobs(scheduler, 1, 5);
    expect_round(scheduler, 1, 5);
    expect_assigned(scheduler, 1, 1);
    js_scheduler_lost(scheduler, 1);
    expect_nothing(scheduler);
    CU_ASSERT_EQUAL(js_scheduler_held(scheduler), 5);
    CU_ASSERT_EQUAL(js_scheduler_slaves(scheduler), 0);
    CU_ASSERT_EQUAL(add_slave(scheduler, 2, 1), 0);
    expect_assigned(scheduler, 1, 2);
    free_scheduler(scheduler);
}

static void test_slaves_have_any_number_once(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    CU_ASSERT_EQUAL(add_slave(scheduler, 40000, 2), 0);
    CU_ASSERT_EQUAL(add_slave(scheduler, 3, 1), 0);
    errno = 0;
    CU_ASSERT_EQUAL(add_slave(scheduler, 3, 1), -1);
    CU_ASSERT_EQUAL(errno, EEXIST);
    CU_ASSERT_EQUAL(js_scheduler_slaves(scheduler), 2);
    CU_ASSERT_EQUAL(js_scheduler_slots(scheduler), 3);
    js_scheduler_lost(scheduler, 3);
    CU_ASSERT_EQUAL(add_slave(scheduler, 3, 1), -1);
    errno = EDOM;
    free_scheduler(scheduler);
    free_scheduler(NULL);
    CU_ASSERT_EQUAL(errno, EDOM);
}

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
    demand(model, js_scheduler_held(scheduler) == model->added - model->ended,
           "wrong count of jobs held");
    demand(model, js_scheduler_assigned(scheduler) == model->assigned,
           "wrong count of jobs assigned");
    demand(
        model,
        js_scheduler_running(scheduler) ==
            js_allocator_busy_slots(allocators[index_of(scheduler)].allocator),
        "wrong count of jobs running");
    demand(model, js_scheduler_slaves(scheduler) == model->live,
           "wrong slaves");
    demand(model, js_scheduler_slots(scheduler) == model->slots, "wrong slots");
}

static void see_decisions(struct model *model)
{
    for (int i = 0; i < 3 * JOBS_MAX && !model->complaint; i++) {
        js_scheduler_assert_invariants(model->scheduler);
        struct js_scheduler_decision next = js_scheduler_next(model->scheduler);
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
    struct js_job *job = js_job_new_simulated(++model->added, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(job);
    model->jobs[model->added].attempt = 1;
    js_scheduler_add(model->scheduler, job);
}

static void model_add_slave(struct model *model)
{
    struct model_slave *slave = &model->slaves[++model->slave_count];
    slave->slots = 1 + (uint32_t)rng_below(&model->rng, 5);
    slave->is_live = true;
    model->live++;
    model->slots += slave->slots;
    demand(model,
           add_slave(model->scheduler, model->slave_count, slave->slots) == 0,
           "a slave is refused");
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

/* ---------------------------------------------------------------- cost */

enum { MANY = 1000000, CROWD = 64, RING = 2 * JS_SCHEDULER_AHEAD_MAX };

/* The oldest assignment of each slave ends, round after round. */
struct ring {
    uint64_t tickets[RING];
    unsigned first, count;
};

static uint64_t take_decisions(struct js_scheduler *scheduler,
                               struct ring *rings)
{
    uint64_t calls = 1;
    struct js_scheduler_decision next;
    while ((next = js_scheduler_next(scheduler)).step != JS_SCHEDULER_NOTHING) {
        calls++;
        if (next.step != JS_SCHEDULER_ASSIGN)
            continue;
        struct ring *ring = &rings[next.slave];
        CU_ASSERT_FATAL(ring->count < RING);
        ring->tickets[(ring->first + ring->count++) % RING] = next.ticket;
    }
    return calls;
}

static uint64_t end_oldest(struct js_scheduler *scheduler, unsigned slave,
                           struct ring *ring)
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

/* Many jobs, few in memory, a handful of calls each. */
static void test_a_million_jobs(void)
{
    if (unit_is_traced())
        return;
    struct js_scheduler *scheduler = scheduler_of(10, false);
    struct ring rings[CROWD + 1];
    memset(rings, 0, sizeof(rings));
    add_slaves(scheduler, CROWD, 1);
    uint64_t added = 0, ended = 0, calls = 0, most_held = 0;
    while (ended < MANY) {
        uint64_t before = ended;
        for (unsigned i = 1; i <= CROWD; i++) {
            for (; added < MANY && js_scheduler_wants_jobs(scheduler); added++)
                js_scheduler_add(scheduler, js_job_new_simulated(added + 1, 1));
            if (js_scheduler_held(scheduler) > most_held)
                most_held = js_scheduler_held(scheduler);
            calls += take_decisions(scheduler, rings);
            ended += end_oldest(scheduler, i, &rings[i]);
        }
        CU_ASSERT_FATAL(ended > before);
    }
    CU_ASSERT_EQUAL(js_scheduler_held(scheduler), 0);
    CU_ASSERT(most_held < 3 * CROWD * JS_SCHEDULER_AHEAD_MAX);
    CU_ASSERT(calls < 4 * (uint64_t)MANY);
    free_scheduler(scheduler);
}

/* A job that cannot run now is not looked at again with each that can. */
static void test_a_large_round(void)
{
    enum { JOBS = 20000 };
    struct js_scheduler *scheduler = scheduler_of(JOBS, false);
    uint64_t ticket;
    add_slaves(scheduler, 1, 1);
    add_jobs(scheduler, 1, JOBS);
    expect_round(scheduler, 1, JOBS);
    for (uint64_t id = 1; id <= JOBS; id++) {
        ticket = expect_assigned(scheduler, id, 1);
        expect_nothing(scheduler);
        end_job(scheduler, 1, ticket, id, long_ns);
    }
    CU_ASSERT(js_scheduler_steps(scheduler) < 3 * JOBS);
    free_scheduler(scheduler);
}

/* ---------------------------------------------------------------- graphs */

enum { FEW_MAX = 12, HOLDING_MAX = 64 };

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
    /* What runs. */
    unsigned slaves[HOLDING_MAX];
    uint64_t tickets[HOLDING_MAX];
    uint64_t ids[HOLDING_MAX];
    unsigned running;
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
            edges[count++] = (struct js_graph_edge){names[other], false};
        if (few->after_any[id][other])
            edges[count++] = (struct js_graph_edge){names[other], true};
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
    CU_ASSERT_EQUAL(js_scheduler_add(few->scheduler, job), 0);
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
        js_scheduler_assert_invariants(few->scheduler);
        struct js_scheduler_decision next = js_scheduler_next(few->scheduler);
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
        few->slaves[few->running] = next.slave;
        few->ids[few->running] = next.job->id;
        few->tickets[few->running++] = next.ticket;
        js_scheduler_acknowledged(few->scheduler, next.slave, 1);
    }
}

static void end_any(struct few *few)
{
    size_t at = rng_below(&few->rng, few->running);
    struct js_job *job = NULL;
    struct js_outcome outcome = {.run_ns = long_ns};
    unsigned slave = few->slaves[at];
    uint64_t ticket = few->tickets[at], id = few->ids[at];
    few->running--;
    few->ids[at] = few->ids[few->running];
    few->slaves[at] = few->slaves[few->running];
    few->tickets[at] = few->tickets[few->running];
    outcome.exit_code = few->fails[id];
    enum js_scheduler_verdict verdict =
        js_scheduler_ended(few->scheduler, slave, ticket, &outcome, &job);
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
    CU_ASSERT_EQUAL(js_scheduler_held(few->scheduler), 0);
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
        for (unsigned i = 0; i < 3; i++)
            add_slave_on(few.scheduler, i + 1, 1, 0, 3, i);
        few.count = 1 + (unsigned)rng_below(&few.rng, FEW_MAX);
        for (uint64_t id = 1; id <= few.count; id++)
            add_few(&few, id);
        follow_few(&few);
        while (few.running > 0) {
            end_any(&few);
            follow_few(&few);
        }
        check_fates(&few);
        free_scheduler(few.scheduler);
        js_graph_free(few.graph);
    }
}

/* ---------------------------------------------------------------- big jobs */

static void add_job(struct js_scheduler *scheduler, uint64_t id, uint32_t cores,
                    int32_t priority)
{
    struct js_job *job = not_null(js_job_new(id, "x", 1));
    job->request.cores = cores;
    job->priority = priority;
    CU_ASSERT_EQUAL(js_scheduler_add(scheduler, job), 0);
}

static struct js_scheduler *scheduler_of_node(uint32_t cores)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    for (uint32_t i = 0; i < cores; i++)
        CU_ASSERT_EQUAL(add_slave_on(scheduler, i + 1, 1, 0, cores, i), 0);
    return scheduler;
}

/* Two slaves work off short jobs without end; one for both their cores comes in
 * between and has its turn when what ran has ended. */
static void test_a_big_job_is_not_starved(void)
{
    struct js_scheduler *scheduler = scheduler_of_node(2);
    uint64_t tickets[64];
    unsigned slaves[64];
    unsigned running = 0, begun = 0;
    uint64_t next_id = 1;
    bool has_run = false;
    for (int step = 0; step < 400 && !has_run; step++) {
        while (js_scheduler_wants_jobs(scheduler)) {
            add_job(scheduler, next_id, next_id == 50 ? 2 : 1, 0);
            next_id++;
        }
        struct js_scheduler_decision next;
        while ((next = js_scheduler_next(scheduler)).step !=
               JS_SCHEDULER_NOTHING) {
            if (next.step != JS_SCHEDULER_ASSIGN)
                continue;
            has_run |= next.job->id == 50;
            begun += next.job->id > 50;
            slaves[running] = next.slave;
            tickets[running++] = next.ticket;
            js_scheduler_acknowledged(scheduler, next.slave, 1);
        }
        CU_ASSERT_FATAL(running > 0);
        js_job_free(ended(scheduler, slaves[0], tickets[0], short_ns));
        running--;
        memmove(slaves, slaves + 1, running * sizeof(*slaves));
        memmove(tickets, tickets + 1, running * sizeof(*tickets));
    }
    CU_ASSERT_TRUE(has_run);
    /* No more were let past it than had been given out when it came. */
    CU_ASSERT(begun <= 20);
    free_scheduler(scheduler);
}

/* On a node of three cores two are at work when a job for all three comes: the
 * third core is kept for it; a small job that comes later has to use the node
 * beside, and the next one waits. */
static void test_small_jobs_fill_in(void)
{
    struct js_scheduler *scheduler = scheduler_of_node(3);
    CU_ASSERT_EQUAL(add_slave_on(scheduler, 4, 1, 1, 1, 0), 0);
    for (uint64_t id = 1; id <= 2; id++)
        add_job(scheduler, id, 1, 0);
    expect_round(scheduler, 1, 2);
    uint64_t first = expect_assigned(scheduler, 1, 1);
    expect_assigned(scheduler, 2, 2);
    add_job(scheduler, 3, 3, 0);
    add_job(scheduler, 4, 1, 0);
    add_job(scheduler, 5, 1, 0);
    expect_round(scheduler, 3, 5);
    /* Core 3 is kept for the big one; the other node is not. */
    expect_assigned(scheduler, 4, 4);
    expect_nothing(scheduler);
    end_job(scheduler, 1, first, 1, long_ns);
    expect_nothing(scheduler);
    free_scheduler(scheduler);
}

/* Slaves 1, 2 ... in the order of nodes 0, 1 ..., one for each core. */
static struct js_scheduler *scheduler_of_nodes(unsigned nodes, uint32_t cores)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    for (unsigned i = 0; i < nodes * cores; i++)
        CU_ASSERT_EQUAL(
            add_slave_on(scheduler, i + 1, 1, i / cores, cores, i % cores), 0);
    return scheduler;
}

/* No core is kept for a big one while others wait in front of it. */
static void test_a_big_one_waits_its_turn(void)
{
    struct js_scheduler *scheduler = scheduler_of_nodes(1, 2);
    add_job(scheduler, 1, 1, 0);
    add_job(scheduler, 2, 1, 0);
    add_job(scheduler, 3, 1, 0);
    add_job(scheduler, 4, 2, 0);
    add_job(scheduler, 5, 1, 0);
    expect_round(scheduler, 1, 5);
    uint64_t first = expect_assigned(scheduler, 1, 1);
    uint64_t second = expect_assigned(scheduler, 2, 2);
    expect_nothing(scheduler);
    end_job(scheduler, 1, first, 1, long_ns);
    uint64_t third = expect_assigned(scheduler, 3, 1);
    end_job(scheduler, 2, second, 2, long_ns);
    expect_nothing(scheduler); /* kept for the fourth, whose turn it is */
    end_job(scheduler, 1, third, 3, long_ns);
    struct js_scheduler_decision wide = js_scheduler_next(scheduler);
    CU_ASSERT_EQUAL_FATAL(wide.step, JS_SCHEDULER_ASSIGN);
    CU_ASSERT_EQUAL(wide.job->id, 4);
    expect_nothing(scheduler);
    end_job(scheduler, wide.slave, wide.ticket, 4, long_ns);
    CU_ASSERT_EQUAL(js_scheduler_next(scheduler).step, JS_SCHEDULER_ASSIGN);
    free_scheduler(scheduler);
}

/*
 * Jobs of one core each, of which some need the GPU of their node, or more than
 * half of its memory, in any order: no slot is idle while a plain job waits,
 * and all end.
 */
enum { SCARCE_JOBS = 60, SCARCE_SLOTS = 16 };

struct scarce {
    struct rng rng;
    struct js_scheduler *scheduler;
    unsigned slots, running, plain_left;
    struct {
        uint64_t ticket, id;
        unsigned slave;
    } run[SCARCE_SLOTS];
};

static void scarce_add_jobs(struct scarce *scarce)
{
    for (uint64_t id = 1; id <= SCARCE_JOBS; id++) {
        struct js_job *job = not_null(js_job_new(id, "x", 1));
        job->request.gpus = (uint32_t)rng_chance(&scarce->rng, 40);
        if (rng_chance(&scarce->rng, 40))
            job->request.mem_bytes = 300 + rng_below(&scarce->rng, 701);
        scarce->plain_left += js_job_is_plain(job);
        CU_ASSERT_EQUAL(js_scheduler_add(scarce->scheduler, job), 0);
    }
}

static void scarce_follow(struct scarce *scarce)
{
    struct js_scheduler_decision next;
    while ((next = js_scheduler_next(scarce->scheduler)).step !=
           JS_SCHEDULER_NOTHING) {
        js_scheduler_assert_invariants(scarce->scheduler);
        if (next.step != JS_SCHEDULER_ASSIGN)
            continue;
        scarce->plain_left -= js_job_is_plain(next.job);
        CU_ASSERT_FATAL(scarce->running < scarce->slots);
        scarce->run[scarce->running].ticket = next.ticket;
        scarce->run[scarce->running].id = next.job->id;
        scarce->run[scarce->running++].slave = next.slave;
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
        for (unsigned i = 0; i < scarce.slots; i++)
            CU_ASSERT_EQUAL(add_slave_on(scarce.scheduler, i + 1, 1, i / cores,
                                         cores, i % cores),
                            0);
        scarce_add_jobs(&scarce);
        scarce_follow(&scarce);
        for (uint64_t done = 0; done < SCARCE_JOBS; done++) {
            idle += scarce.running < scarce.slots && scarce.plain_left > 0;
            CU_ASSERT_FATAL(scarce.running > 0);
            size_t at = rng_below(&scarce.rng, scarce.running);
            end_job(scarce.scheduler, scarce.run[at].slave,
                    scarce.run[at].ticket, scarce.run[at].id, long_ns);
            scarce.run[at] = scarce.run[--scarce.running];
            scarce_follow(&scarce);
        }
        CU_ASSERT_EQUAL(js_scheduler_held(scarce.scheduler), 0);
        free_scheduler(scarce.scheduler);
    }
    CU_ASSERT_EQUAL(idle, 0);
}

static void add_gpu_job(struct js_scheduler *scheduler, uint64_t id)
{
    struct js_job *job = not_null(js_job_new(id, "x", 1));
    job->request.gpus = 1;
    CU_ASSERT_EQUAL(js_scheduler_add(scheduler, job), 0);
}

/* Goes on until the scheduler has nothing to do; returns how many it assigned,
 * and what the last of them was. */
static unsigned follow(struct js_scheduler *scheduler,
                       struct js_scheduler_decision *last)
{
    unsigned count = 0;
    struct js_scheduler_decision next;
    while ((next = js_scheduler_next(scheduler)).step != JS_SCHEDULER_NOTHING) {
        if (next.step != JS_SCHEDULER_ASSIGN)
            continue;
        *last = next;
        count++;
    }
    return count;
}

/* However many wait for the one GPU: the jobs behind them get the other core,
 * and to find them costs no look at each that waits. */
static void test_a_crowd_that_waits_for_a_gpu(void)
{
    enum { WAITING = 20000, PLAIN = 100 };
    struct js_scheduler *scheduler = scheduler_of(10, false);
    struct js_scheduler_decision last, gpu;
    for (unsigned i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(add_slave_on(scheduler, i + 1, 1, 0, 2, i), 0);
    for (uint64_t id = 1; id <= WAITING; id++)
        add_gpu_job(scheduler, id);
    CU_ASSERT_EQUAL(follow(scheduler, &gpu), 1);
    for (uint64_t id = WAITING + 1; id <= WAITING + PLAIN; id++)
        CU_ASSERT_EQUAL(
            js_scheduler_add(scheduler, not_null(js_job_new(id, "x", 1))), 0);
    uint64_t before = js_scheduler_steps(scheduler);
    for (uint64_t id = WAITING + 1; id <= WAITING + PLAIN; id++) {
        CU_ASSERT_EQUAL_FATAL(follow(scheduler, &last), 1);
        CU_ASSERT_EQUAL(last.job->id, id);
        end_job(scheduler, last.slave, last.ticket, id, long_ns);
    }
    CU_ASSERT_TRUE(js_scheduler_steps(scheduler) - before < 10 * PLAIN);
    CU_ASSERT_EQUAL(follow(scheduler, &last), 0);
    for (uint64_t id = 1; id <= WAITING; id++) {
        end_job(scheduler, gpu.slave, gpu.ticket, id, long_ns);
        CU_ASSERT_EQUAL(follow(scheduler, &gpu), id < WAITING);
    }
    CU_ASSERT_EQUAL(js_scheduler_held(scheduler), 0);
    free_scheduler(scheduler);
}

/* What differs in its need costs a look each: of such there is a limit. */
static void test_a_crowd_of_kinds(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    struct js_scheduler_decision last;
    uint64_t jobs = 3 * JS_SCHEDULER_KINDS;
    CU_ASSERT_EQUAL(add_slave_on(scheduler, 1, 1, 0, 2, 0), 0);
    CU_ASSERT_EQUAL(add_slave_on(scheduler, 2, 1, 0, 2, 1), 0);
    for (uint64_t id = 1; id <= jobs; id++) {
        struct js_job *job = not_null(js_job_new(id, "x", 1));
        job->request.gpus = 1;
        job->request.mem_bytes = 1 + id % 1000;
        job->request.cores = 1 + (uint32_t)(id / 1000 % 2);
        CU_ASSERT_EQUAL(js_scheduler_add(scheduler, job), 0);
    }
    unsigned dispatched = 0;
    struct js_scheduler_decision next;
    while ((next = js_scheduler_next(scheduler)).step != JS_SCHEDULER_NOTHING) {
        dispatched += next.step == JS_SCHEDULER_DISPATCH;
        if (next.step == JS_SCHEDULER_ASSIGN)
            last = next;
    }
    CU_ASSERT_TRUE(dispatched >= JS_SCHEDULER_KINDS);
    CU_ASSERT_TRUE(dispatched <= JS_SCHEDULER_KINDS + 10);
    for (uint64_t done = 0; done < jobs; done++) {
        js_scheduler_acknowledged(scheduler, last.slave, 1);
        js_job_free(
            not_null(ended(scheduler, last.slave, last.ticket, long_ns)));
        CU_ASSERT_EQUAL(follow(scheduler, &last), done + 1 < jobs);
    }
    CU_ASSERT_EQUAL(js_scheduler_held(scheduler), 0);
    free_scheduler(scheduler);
}

/* The one that waits for what is set aside is overtaken by one of its kind that
 * runs again: this one gets it, and nothing stays set aside for ever. */
static void test_a_favoured_one_is_overtaken(void)
{
    struct js_scheduler_config config = {.round_size = 10, .retries = 1};
    struct js_scheduler *scheduler = new_scheduler(&config);
    struct js_outcome failed = {.exit_code = 1, .run_ns = long_ns};
    struct js_scheduler_decision first, last;
    struct js_job *job;
    CU_ASSERT_EQUAL(add_slave_on(scheduler, 1, 2, 0, 2, 0), 0);
    add_gpu_job(scheduler, 1);
    add_gpu_job(scheduler, 2);
    CU_ASSERT_EQUAL(follow(scheduler, &first),
                    1); /* the other has a reservation */
    js_scheduler_acknowledged(scheduler, 1, 1);
    CU_ASSERT_EQUAL(
        js_scheduler_ended(scheduler, 1, first.ticket, &failed, &job),
        JS_SCHEDULER_RETRIED);
    js_job_free(job);
    for (unsigned left = 2; left > 0; left--) {
        CU_ASSERT_EQUAL_FATAL(follow(scheduler, &last), 1);
        end_job(scheduler, 1, last.ticket, last.job->id, long_ns);
    }
    CU_ASSERT_EQUAL(js_scheduler_held(scheduler), 0);
    free_scheduler(scheduler);
}

/* Four slaves on two cores. A job for both leaves each core room for one more:
 * the slots of the other two slaves are not free, though nobody has them. */
static void test_slots_that_share_a_core(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    for (unsigned i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(add_slave_on(scheduler, i + 1, 1, 0, 2, i % 2), 0);
    add_job(scheduler, 1, 2, 0);
    for (uint64_t id = 2; id <= 5; id++)
        add_job(scheduler, id, 1, 0);
    expect_round(scheduler, 1, 5);
    uint64_t wide = expect_assigned(scheduler, 1, 1);
    expect_assigned(scheduler, 2, 2);
    expect_assigned(scheduler, 3, 3);
    expect_nothing(scheduler);
    end_job(scheduler, 1, wide, 1, long_ns);
    struct js_scheduler_decision next = js_scheduler_next(scheduler);
    CU_ASSERT_EQUAL_FATAL(next.step, JS_SCHEDULER_ASSIGN);
    CU_ASSERT_NOT_EQUAL(next.slot, JS_SCHEDULER_SLOT_NEXT);
    CU_ASSERT_EQUAL(js_scheduler_next(scheduler).step, JS_SCHEDULER_ASSIGN);
    expect_nothing(scheduler);
    free_scheduler(scheduler);
}

static void test_priority_before_order(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    static const int32_t priorities[] = {0, 5, -1, 5, 0};
    static const uint64_t order[] = {2, 4, 1, 5, 3};
    for (uint64_t id = 1; id <= 5; id++)
        add_job(scheduler, id, 1, priorities[id - 1]);
    add_slaves(scheduler, 5, 1);
    for (int i = 0; i < 5; i++) {
        struct js_scheduler_decision next = js_scheduler_next(scheduler);
        CU_ASSERT_EQUAL(next.step, JS_SCHEDULER_DISPATCH);
        CU_ASSERT_EQUAL(next.job->id, order[i]);
    }
    free_scheduler(scheduler);
}

static void test_longest_first(void)
{
    struct js_scheduler_config config = {.round_size = 10,
                                         .longest_first = true};
    struct js_scheduler *scheduler = new_scheduler(&config);
    static const int64_t expected[] = {5, -1, 9, 5};
    static const uint64_t order[] = {2, 3, 1, 4};
    for (uint64_t id = 1; id <= 4; id++) {
        struct js_job *job = not_null(js_job_new(id, "x", 1));
        job->expected_ns = expected[id - 1];
        CU_ASSERT_EQUAL(js_scheduler_add(scheduler, job), 0);
    }
    add_slaves(scheduler, 4, 1);
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(js_scheduler_next(scheduler).job->id, order[i]);
    free_scheduler(scheduler);
}

static void fail_job(struct js_scheduler *scheduler, unsigned slave,
                     uint64_t ticket, enum js_scheduler_verdict wanted)
{
    struct js_outcome outcome = {.run_ns = long_ns, .exit_code = 1};
    struct js_job *job = NULL;
    js_scheduler_acknowledged(scheduler, slave, 1);
    CU_ASSERT_EQUAL(
        js_scheduler_ended(scheduler, slave, ticket, &outcome, &job), wanted);
    if (wanted == JS_SCHEDULER_ENDED)
        js_scheduler_finished(scheduler, job, false);
    js_job_free(job);
}

static void test_a_retry_goes_elsewhere(void)
{
    struct js_scheduler_config config = {.round_size = 10, .retries = 2};
    struct js_scheduler *scheduler = new_scheduler(&config);
    add_slaves(scheduler, 2, 1);
    add_jobs(scheduler, 1, 2);
    expect_round(scheduler, 1, 2);
    uint64_t one = expect_assigned(scheduler, 1, 1);
    uint64_t two = expect_assigned(scheduler, 2, 2);
    fail_job(scheduler, 1, one, JS_SCHEDULER_RETRIED);
    expect_nothing(scheduler); /* slave 1 is free, but failed it */
    end_job(scheduler, 2, two, 2, long_ns);
    one = expect_assigned(scheduler, 1, 2);
    fail_job(scheduler, 2, one, JS_SCHEDULER_RETRIED);
    /* There is no other any more. */
    js_scheduler_lost(scheduler, 1);
    one = expect_assigned(scheduler, 1, 2);
    fail_job(scheduler, 2, one, JS_SCHEDULER_ENDED);
    CU_ASSERT_EQUAL(js_scheduler_held(scheduler), 0);
    free_scheduler(scheduler);
}

static void test_too_many_failures(void)
{
    struct js_scheduler_config config = {.round_size = 10, .failures = 2};
    struct js_scheduler *scheduler = new_scheduler(&config);
    add_slaves(scheduler, 1, 1);
    add_jobs(scheduler, 1, 5);
    expect_round(scheduler, 1, 5);
    fail_job(scheduler, 1, expect_assigned(scheduler, 1, 1),
             JS_SCHEDULER_ENDED);
    CU_ASSERT_FALSE(js_scheduler_is_stopped(scheduler));
    fail_job(scheduler, 1, expect_assigned(scheduler, 2, 1),
             JS_SCHEDULER_ENDED);
    CU_ASSERT_TRUE(js_scheduler_is_stopped(scheduler));
    expect_nothing(scheduler);
    CU_ASSERT_FALSE(js_scheduler_wants_jobs(scheduler));
    CU_ASSERT_EQUAL(js_scheduler_held(scheduler), 3);
    free_scheduler(scheduler);
}

static void stop_job(struct js_scheduler *scheduler, unsigned slave,
                     uint64_t ticket, enum js_scheduler_verdict wanted)
{
    struct js_outcome outcome = {
        .run_ns = long_ns, .signal = 15, .cause = JS_STOP_REASON_STOPPED};
    struct js_job *job = NULL;
    js_scheduler_acknowledged(scheduler, slave, 1);
    CU_ASSERT_EQUAL(
        js_scheduler_ended(scheduler, slave, ticket, &outcome, &job), wanted);
    js_job_free(job);
}

/* It was no fault of its own, and costs it no retry. */
static void test_a_stopped_job_runs_again(void)
{
    struct js_scheduler_config config = {
        .round_size = 10, .retries = 1, .failures = 1};
    struct js_scheduler *scheduler = new_scheduler(&config);
    add_slaves(scheduler, 2, 1);
    add_jobs(scheduler, 1, 1);
    expect_round(scheduler, 1, 1);
    stop_job(scheduler, 1, expect_assigned(scheduler, 1, 1),
             JS_SCHEDULER_RETRIED);
    stop_job(scheduler, 2, expect_assigned(scheduler, 1, 2),
             JS_SCHEDULER_RETRIED);
    uint64_t ticket = expect_assigned(scheduler, 1, 1);
    js_scheduler_lost(scheduler, 1);
    stop_job(scheduler, 1, ticket, JS_SCHEDULER_STALE);
    fail_job(scheduler, 2, expect_assigned(scheduler, 1, 2),
             JS_SCHEDULER_RETRIED);
    fail_job(scheduler, 2, expect_assigned(scheduler, 1, 2),
             JS_SCHEDULER_ENDED);
    CU_ASSERT_TRUE(js_scheduler_is_stopped(scheduler));
    free_scheduler(scheduler);
}

static void test_nothing_runs_again_once_it_is_stopped(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slaves(scheduler, 2, 1);
    add_jobs(scheduler, 1, 2);
    expect_round(scheduler, 1, 2);
    uint64_t one = expect_assigned(scheduler, 1, 1);
    uint64_t two = expect_assigned(scheduler, 2, 2);
    js_scheduler_stop(scheduler);
    stop_job(scheduler, 1, one, JS_SCHEDULER_ENDED);
    stop_job(scheduler, 2, two, JS_SCHEDULER_ENDED);
    CU_ASSERT_EQUAL(js_scheduler_held(scheduler), 0);
    free_scheduler(scheduler);
}

static void add_timed(struct js_scheduler *scheduler, uint64_t id,
                      int64_t timeout_ns, int64_t expected_ns)
{
    struct js_job *job = not_null(js_job_new(id, "x", 1));
    job->timeout_ns = timeout_ns;
    job->expected_ns = expected_ns;
    CU_ASSERT_EQUAL(js_scheduler_add(scheduler, job), 0);
}

static void test_what_does_not_fit_is_not_started(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slaves(scheduler, 3, 1);
    add_timed(scheduler, 1, 101, -1);
    add_timed(scheduler, 2, 0, 101);
    add_timed(scheduler, 3, 100, -1);
    add_timed(scheduler, 4, 0, 100);
    add_timed(scheduler, 5, 0, -1);
    js_scheduler_set_time_left(scheduler, 100);
    expect_round(scheduler, 1, 5);
    uint64_t three = expect_assigned(scheduler, 3, 1);
    uint64_t four = expect_assigned(scheduler, 4, 2);
    uint64_t five = expect_assigned(scheduler, 5, 3);
    expect_nothing(scheduler);
    CU_ASSERT_FALSE(js_scheduler_is_out_of_time(scheduler));
    end_job(scheduler, 1, three, 3, 50);
    end_job(scheduler, 2, four, 4, 50);
    end_job(scheduler, 3, five, 5, 50);
    expect_nothing(scheduler);
    CU_ASSERT_TRUE(js_scheduler_is_out_of_time(scheduler));
    CU_ASSERT_EQUAL(js_scheduler_held(scheduler), 2);
    /* Of the others the average so far is what counts. */
    js_scheduler_set_time_left(scheduler, 49);
    add_jobs(scheduler, 6, 6);
    expect_round(scheduler, 6, 6);
    expect_nothing(scheduler);
    CU_ASSERT_TRUE(js_scheduler_is_out_of_time(scheduler));
    CU_ASSERT_EQUAL(js_scheduler_held(scheduler), 3);
    free_scheduler(scheduler);
}

/* A big job that waits for room gives up what was set aside for it. */
static void test_a_reservation_ends_with_the_time(void)
{
    struct js_scheduler *scheduler = scheduler_of_node(2);
    add_job(scheduler, 1, 1, 0);
    add_job(scheduler, 2, 2, 0);
    expect_round(scheduler, 1, 2);
    uint64_t one = expect_assigned(scheduler, 1, 1);
    expect_nothing(scheduler);
    js_scheduler_set_time_left(scheduler, 0);
    end_job(scheduler, 1, one, 1, 50);
    expect_nothing(scheduler);
    CU_ASSERT_TRUE(js_scheduler_is_out_of_time(scheduler));
    free_scheduler(scheduler);
}

static void test_a_stream_out_of_time_is_not_read_for_ever(void)
{
    struct js_scheduler_config config = {.round_size = 10, .is_stream = true};
    struct js_scheduler *scheduler = new_scheduler(&config);
    uint64_t id = 0;
    add_slaves(scheduler, 1, 1);
    js_scheduler_set_time_left(scheduler, 0);
    while (js_scheduler_wants_jobs(scheduler) &&
           id < 2 * JS_SCHEDULER_HELD_MAX) {
        id++;
        add_jobs(scheduler, id, id);
        while (js_scheduler_next(scheduler).step == JS_SCHEDULER_DISPATCH)
            continue;
    }
    CU_ASSERT_TRUE(js_scheduler_is_stopped(scheduler));
    CU_ASSERT(id <= JS_SCHEDULER_HELD_MAX + 100);
    free_scheduler(scheduler);
}

static void test_stuck(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    const struct js_job *job;
    CU_ASSERT_EQUAL(add_slave_on(scheduler, 1, 1, 0, 4, 0), 0);
    CU_ASSERT_EQUAL(add_slave_on(scheduler, 2, 1, 1, 1, 0), 0);
    add_job(scheduler, 7, 4, 0);
    js_scheduler_lost(scheduler, 1);
    expect_round(scheduler, 7, 7);
    expect_nothing(scheduler);
    CU_ASSERT_TRUE(js_scheduler_is_stuck(scheduler, &job));
    CU_ASSERT_EQUAL(job->id, 7);
    free_scheduler(scheduler);
}

/* ---------------------------------------------------------------- nodes */

static void add_wide_job(struct js_scheduler *scheduler, uint64_t id,
                         uint32_t nodes, uint32_t cores)
{
    struct js_job *job = not_null(js_job_new(id, "x", 1));
    job->request.nodes = nodes;
    job->request.cores = cores;
    CU_ASSERT_EQUAL(js_scheduler_add(scheduler, job), 0);
}

/* One on each of two nodes of two cores: then the other two are free. */
static void test_a_job_of_two_nodes(void)
{
    struct js_scheduler *scheduler = scheduler_of_nodes(2, 2);
    add_wide_job(scheduler, 1, 2, 1);
    add_wide_job(scheduler, 2, 2, 2);
    add_wide_job(scheduler, 3, 1, 1);
    expect_round(scheduler, 1, 3);
    struct js_scheduler_decision next = js_scheduler_next(scheduler);
    CU_ASSERT_EQUAL_FATAL(next.step, JS_SCHEDULER_ASSIGN);
    CU_ASSERT_EQUAL(next.job->id, 1);
    CU_ASSERT_EQUAL(next.slave, 1);
    CU_ASSERT_EQUAL_FATAL(next.allocation->other_count, 1);
    CU_ASSERT_EQUAL(next.allocation->others[0].rank, 3);
    /* The cores that are left are kept for the second. */
    expect_nothing(scheduler);
    end_job(scheduler, 1, next.ticket, 1, long_ns);
    uint64_t ticket = expect_assigned(scheduler, 2, 1);
    expect_nothing(scheduler);
    end_job(scheduler, 1, ticket, 2, long_ns);
    CU_ASSERT_EQUAL(js_scheduler_next(scheduler).step, JS_SCHEDULER_ASSIGN);
    free_scheduler(scheduler);
}

/* Four slaves work off short jobs without end, also ahead of time; one that
 * needs all cores of both nodes comes in between and has its turn. */
static void test_a_job_of_two_nodes_is_not_starved(void)
{
    struct js_scheduler *scheduler = scheduler_of_nodes(2, 2);
    struct ring rings[5];
    unsigned running = 0;
    uint64_t next_id = 1, begun = 0;
    bool has_run = false;
    memset(rings, 0, sizeof(rings));
    for (unsigned step = 0; step < 2000 && !has_run; step++) {
        for (; js_scheduler_wants_jobs(scheduler); next_id++)
            add_wide_job(scheduler, next_id, next_id == 50 ? 2 : 1,
                         next_id == 50 ? 2 : 1);
        struct js_scheduler_decision next;
        while ((next = js_scheduler_next(scheduler)).step !=
               JS_SCHEDULER_NOTHING) {
            if (next.step != JS_SCHEDULER_ASSIGN)
                continue;
            has_run |= next.job->id == 50;
            begun += next.job->id > 50;
            struct ring *ring = &rings[next.slave];
            ring->tickets[(ring->first + ring->count++) % RING] = next.ticket;
            running++;
        }
        CU_ASSERT_FATAL(running > 0);
        running -=
            (unsigned)end_oldest(scheduler, 1 + step % 4, &rings[1 + step % 4]);
    }
    CU_ASSERT_TRUE(has_run);
    /* No more went past it than could be given ahead before it came. */
    CU_ASSERT(begun <= 4 * (JS_SCHEDULER_AHEAD_MAX + 1));
    free_scheduler(scheduler);
}

/* A slave on the other node is lost: the job is ended where it was started, and
 * that it fails is no fault of its own. */
static void test_a_lost_node_breaks_the_job(void)
{
    struct js_scheduler *scheduler = scheduler_of_nodes(3, 1);
    const struct js_job *job;
    add_wide_job(scheduler, 1, 2, 1);
    add_wide_job(scheduler, 2, 1, 1);
    expect_round(scheduler, 1, 2);
    uint64_t wide = expect_assigned(scheduler, 1, 1);
    uint64_t plain = expect_assigned(scheduler, 2, 3);
    js_scheduler_lost(scheduler, 2);
    struct js_scheduler_decision next = js_scheduler_next(scheduler);
    CU_ASSERT_EQUAL_FATAL(next.step, JS_SCHEDULER_END);
    CU_ASSERT_EQUAL(next.slave, 1);
    CU_ASSERT_EQUAL(next.ticket, wide);
    expect_nothing(scheduler);
    end_job(scheduler, 3, plain, 2, long_ns);
    expect_nothing(
        scheduler); /* it is not elsewhere before it has ended here */
    fail_job(scheduler, 1, wide, JS_SCHEDULER_RETRIED);
    next = js_scheduler_next(scheduler);
    CU_ASSERT_EQUAL_FATAL(next.step, JS_SCHEDULER_ASSIGN);
    CU_ASSERT_EQUAL(next.job->attempt, 2);
    CU_ASSERT_EQUAL(next.job->lost, 1);
    /* Its own slave: all of it is free at once; and now one node is left. */
    js_scheduler_lost(scheduler, next.slave);
    expect_nothing(scheduler);
    CU_ASSERT_TRUE(js_scheduler_is_stuck(scheduler, &job));
    CU_ASSERT_EQUAL(job->id, 1);
    CU_ASSERT_EQUAL(js_scheduler_held(scheduler), 1);
    free_scheduler(scheduler);
}

/* What succeeded all the same has succeeded. */
static void test_a_broken_job_that_succeeds(void)
{
    struct js_scheduler *scheduler = scheduler_of_nodes(2, 1);
    add_wide_job(scheduler, 1, 2, 1);
    expect_round(scheduler, 1, 1);
    uint64_t ticket = expect_assigned(scheduler, 1, 1);
    js_scheduler_lost(scheduler, 2);
    end_job(scheduler, 1, ticket, 1, long_ns);
    expect_nothing(scheduler); /* nothing is left to be ended */
    CU_ASSERT_EQUAL(js_scheduler_held(scheduler), 0);
    free_scheduler(scheduler);
}

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
    while ((next = js_scheduler_next(mix->scheduler)).step !=
           JS_SCHEDULER_NOTHING) {
        js_scheduler_assert_invariants(mix->scheduler);
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
            CU_ASSERT_EQUAL(add_slave_on(mix->scheduler, mix->slaves, 1, node,
                                         mix->cores[node], i),
                            0);
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
        CU_ASSERT_EQUAL(js_scheduler_held(mix.scheduler), 0);
        for (uint64_t id = 1; id <= MIX_JOBS; id++)
            CU_ASSERT_EQUAL(mix.done[id], 1);
        CU_ASSERT_FALSE(mix.is_wrong);
        free_scheduler(mix.scheduler);
    }
}

/* ---------------------------------------------------------------- begun */

struct heard {
    unsigned count;
    uint64_t id;
    unsigned slave;
    int64_t begun_ns;
};

static void hear(void *arg, const struct js_job *job, unsigned slave,
                 int64_t begun_ns)
{
    struct heard *heard = arg;
    heard->count++;
    heard->id = job->id;
    heard->slave = slave;
    heard->begun_ns = begun_ns;
}

/* How many are told of at that time; *ret is the last. */
static unsigned hear_at(struct js_scheduler *scheduler, int64_t now_ns,
                        struct heard *ret)
{
    *ret = (struct heard){0};
    js_scheduler_set_now(scheduler, now_ns);
    js_scheduler_tell_begun(scheduler, hear, ret);
    return ret->count;
}

static void test_what_runs_long_is_told_once(void)
{
    const int64_t second = JS_SCHEDULER_BEGUN_NS;
    struct js_scheduler *scheduler = scheduler_of(10, false);
    struct heard heard;
    add_slaves(scheduler, 2, 1);
    CU_ASSERT_EQUAL(js_scheduler_begun_due_ns(scheduler), INT64_MAX);
    js_scheduler_set_now(scheduler, 5 * second);
    add_jobs(scheduler, 1, 2);
    expect_round(scheduler, 1, 2);
    uint64_t first = expect_assigned(scheduler, 1, 1);
    CU_ASSERT_EQUAL(js_scheduler_begun_due_ns(scheduler), 6 * second);
    CU_ASSERT_EQUAL(hear_at(scheduler, 6 * second - 1, &heard), 0);
    expect_assigned(scheduler, 2, 2);
    CU_ASSERT_EQUAL(hear_at(scheduler, 6 * second, &heard), 1);
    CU_ASSERT_EQUAL(heard.id, 1);
    CU_ASSERT_EQUAL(heard.slave, 1);
    CU_ASSERT_EQUAL(heard.begun_ns, 5 * second);
    /* No more often than that. */
    CU_ASSERT_EQUAL(js_scheduler_begun_due_ns(scheduler), 7 * second);
    CU_ASSERT_EQUAL(hear_at(scheduler, 7 * second - 1, &heard), 0);
    CU_ASSERT_EQUAL(hear_at(scheduler, 7 * second, &heard), 1);
    CU_ASSERT_EQUAL(heard.id, 2);
    CU_ASSERT_EQUAL(heard.begun_ns, 6 * second - 1);
    /* Then nobody has to look. */
    CU_ASSERT_EQUAL(js_scheduler_begun_due_ns(scheduler), INT64_MAX);
    CU_ASSERT_EQUAL(hear_at(scheduler, 100 * second, &heard), 0);
    end_job(scheduler, 1, first, 1, long_ns);
    CU_ASSERT_EQUAL(js_scheduler_begun_due_ns(scheduler), INT64_MAX);
    free_scheduler(scheduler);
}

static void test_what_is_short_is_not_told(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    struct heard heard;
    int64_t now_ns = 0;
    add_slaves(scheduler, 1, 1);
    for (uint64_t id = 1; id <= 3000; id++) {
        now_ns += short_ns;
        CU_ASSERT_EQUAL(hear_at(scheduler, now_ns, &heard), 0);
        teach(scheduler, id, short_ns);
    }
    CU_ASSERT_EQUAL(js_scheduler_begun_due_ns(scheduler), INT64_MAX);
    free_scheduler(scheduler);
}

/* One given ahead begins when the one before it ends. */
static void test_what_was_given_ahead_begins_later(void)
{
    const int64_t second = JS_SCHEDULER_BEGUN_NS;
    struct js_scheduler *scheduler = scheduler_of(10, false);
    struct heard heard;
    add_slaves(scheduler, 1, 1);
    teach(scheduler, 1, short_ns);
    js_scheduler_set_now(scheduler, second);
    add_jobs(scheduler, 2, 3);
    expect_round(scheduler, 2, 3);
    uint64_t first = expect_assigned(scheduler, 2, 1);
    uint64_t ahead = expect_assigned(scheduler, 3, 1);
    CU_ASSERT_EQUAL(hear_at(scheduler, 2 * second, &heard), 1);
    CU_ASSERT_EQUAL(heard.id, 2);
    CU_ASSERT_EQUAL(js_scheduler_begun_due_ns(scheduler), INT64_MAX);
    js_scheduler_set_now(scheduler, 4 * second);
    end_job(scheduler, 1, first, 2, 3 * second);
    CU_ASSERT_EQUAL(js_scheduler_begun_due_ns(scheduler), 5 * second);
    CU_ASSERT_EQUAL(hear_at(scheduler, 5 * second, &heard), 1);
    CU_ASSERT_EQUAL(heard.id, 3);
    CU_ASSERT_EQUAL(heard.begun_ns, 4 * second);
    end_job(scheduler, 1, ahead, 3, second);
    free_scheduler(scheduler);
}

static void test_what_is_lost_begins_again(void)
{
    const int64_t second = JS_SCHEDULER_BEGUN_NS;
    struct js_scheduler *scheduler = scheduler_of(10, false);
    struct heard heard;
    add_slaves(scheduler, 2, 1);
    add_jobs(scheduler, 1, 2);
    expect_round(scheduler, 1, 2);
    expect_assigned(scheduler, 1, 1);
    uint64_t other = expect_assigned(scheduler, 2, 2);
    CU_ASSERT_EQUAL(hear_at(scheduler, second, &heard), 2);
    js_scheduler_lost(scheduler, 1);
    CU_ASSERT_EQUAL(js_scheduler_begun_due_ns(scheduler), INT64_MAX);
    end_job(scheduler, 2, other, 2, second);
    expect_assigned(scheduler, 1, 2);
    CU_ASSERT_EQUAL(hear_at(scheduler, 2 * second, &heard), 1);
    CU_ASSERT_EQUAL(heard.id, 1);
    CU_ASSERT_EQUAL(heard.slave, 2);
    js_scheduler_lost(scheduler, 2);
    CU_ASSERT_EQUAL(js_scheduler_begun_due_ns(scheduler), INT64_MAX);
    free_scheduler(scheduler);
}

/* ---------------------------------------------------------------- losses */

/* How the jobs that are blamed stand, by id. */
static void note_losses(void *arg, const struct js_job *job, unsigned slave)
{
    uint32_t *losses = arg;
    CU_ASSERT_TRUE(slave > 0);
    losses[job->id] = job->losses;
}

/* Its runner was lost while it ran. */
static void lose(struct js_scheduler *scheduler, unsigned slave,
                 uint64_t ticket, uint32_t losses,
                 enum js_scheduler_verdict wanted)
{
    struct js_outcome outcome = {.step = JS_STEP_RUNNER};
    struct js_job *job = NULL;
    js_scheduler_acknowledged(scheduler, slave, 1);
    CU_ASSERT_EQUAL(
        js_scheduler_ended(scheduler, slave, ticket, &outcome, &job), wanted);
    CU_ASSERT_PTR_NOT_NULL_FATAL(job);
    CU_ASSERT_EQUAL(job->losses, losses);
    js_job_free(job);
}

/* Retries do not count, and there are none; nor is there another slave. */
static void test_the_third_loss_is_a_failure(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slaves(scheduler, 1, 2);
    add_jobs(scheduler, 1, 3);
    expect_round(scheduler, 1, 3);
    uint64_t culprit = expect_assigned(scheduler, 1, 1);
    uint64_t other = expect_assigned(scheduler, 2, 1);
    lose(scheduler, 1, culprit, 1, JS_SCHEDULER_LOST);
    lose(scheduler, 1, other, 1, JS_SCHEDULER_LOST);
    /* Each is alone now, though there are two slots. */
    other = expect_assigned(scheduler, 2, 1);
    expect_nothing(scheduler);
    end_job(scheduler, 1, other, 2, long_ns);
    culprit = expect_assigned(scheduler, 1, 1);
    expect_nothing(scheduler);
    lose(scheduler, 1, culprit, 2, JS_SCHEDULER_LOST);
    culprit = expect_assigned(scheduler, 1, 1);
    expect_nothing(scheduler);
    lose(scheduler, 1, culprit, 3, JS_SCHEDULER_ENDED);
    end_job(scheduler, 1, expect_assigned(scheduler, 3, 1), 3, long_ns);
    expect_nothing(scheduler);
    CU_ASSERT_EQUAL(js_scheduler_held(scheduler), 0);
    free_scheduler(scheduler);
}

/* It is no fault of its own, until it is so each time. */
static void test_what_is_cut_runs_again(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    struct js_outcome cut = {.exit_code = 126,
                             .step = JS_STEP_COLLECT,
                             .step_errno = ENOSPC,
                             .run_ns = long_ns};
    struct js_job *job;
    add_slaves(scheduler, 1, 1);
    add_jobs(scheduler, 1, 1);
    for (uint32_t times = 0; times <= JS_SCHEDULER_CUTS; times++) {
        struct js_scheduler_decision last;
        CU_ASSERT_EQUAL_FATAL(follow(scheduler, &last), 1);
        CU_ASSERT_EQUAL(last.job->attempt, times + 1);
        js_scheduler_acknowledged(scheduler, 1, 1);
        CU_ASSERT_EQUAL(
            js_scheduler_ended(scheduler, 1, last.ticket, &cut, &job),
            times < JS_SCHEDULER_CUTS ? JS_SCHEDULER_RETRIED
                                      : JS_SCHEDULER_ENDED);
        js_job_free(job);
    }
    CU_ASSERT_EQUAL(js_scheduler_held(scheduler), 0);
    free_scheduler(scheduler);
}

/* A slave that dies without a word; what it had is told, and what had losses
 * before fails. */
static void test_a_slave_that_dies(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    uint32_t losses[4] = {0};
    add_slaves(scheduler, 4, 1);
    add_jobs(scheduler, 1, 1);
    expect_round(scheduler, 1, 1);
    for (unsigned slave = 1; slave <= 3; slave++) {
        expect_assigned(scheduler, 1, slave);
        js_scheduler_died(scheduler, slave, note_losses, losses);
        CU_ASSERT_EQUAL(losses[1], slave);
    }
    struct js_scheduler_decision next = js_scheduler_next(scheduler);
    CU_ASSERT_EQUAL_FATAL(next.step, JS_SCHEDULER_FAIL);
    CU_ASSERT_EQUAL(next.skipped->id, 1);
    CU_ASSERT_EQUAL(next.slave, 3);
    js_job_free(next.skipped);
    expect_nothing(scheduler);
    CU_ASSERT_EQUAL(js_scheduler_held(scheduler), 0);
    free_scheduler(scheduler);
}

/* One that merely goes blames nobody. */
static void test_a_slave_that_goes_blames_nobody(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slaves(scheduler, 8, 1);
    add_jobs(scheduler, 1, 1);
    expect_round(scheduler, 1, 1);
    for (unsigned slave = 1; slave <= 7; slave++) {
        expect_assigned(scheduler, 1, slave);
        js_scheduler_lost(scheduler, slave);
    }
    struct js_scheduler_decision next = js_scheduler_next(scheduler);
    CU_ASSERT_EQUAL_FATAL(next.step, JS_SCHEDULER_ASSIGN);
    CU_ASSERT_EQUAL(next.job->losses, 0);
    free_scheduler(scheduler);
}

/* Of what was given ahead only the first few may have begun. */
static void test_what_was_far_ahead_is_not_blamed(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    uint32_t losses[64] = {0};
    struct js_scheduler_decision next;
    add_slaves(scheduler, 1, 1);
    teach(scheduler, 1, short_ns);
    add_jobs(scheduler, 2, 60);
    while ((next = js_scheduler_next(scheduler)).step != JS_SCHEDULER_NOTHING) {
        if (next.step == JS_SCHEDULER_ASSIGN)
            js_scheduler_acknowledged(scheduler, 1, 1);
    }
    CU_ASSERT_TRUE(js_scheduler_assigned(scheduler) >
                   2 * JS_SCHEDULER_HANDED_MAX);
    js_scheduler_died(scheduler, 1, note_losses, losses);
    unsigned blamed = 0;
    for (int id = 1; id <= 60; id++)
        blamed += losses[id];
    CU_ASSERT_EQUAL(blamed, 1 + JS_SCHEDULER_HANDED_MAX);
    free_scheduler(scheduler);
}

/* While others keep all slaves busy, one is cleared for a job that is to be
 * alone; and it is used again when that has ended. */
static void test_a_slave_is_cleared(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    uint64_t held[3];
    add_slaves(scheduler, 3, 1);
    add_jobs(scheduler, 1, 9);
    expect_round(scheduler, 1, 9);
    for (unsigned slave = 1; slave <= 3; slave++)
        held[slave - 1] = expect_assigned(scheduler, slave, slave);
    uint32_t losses[10] = {0};
    js_scheduler_died(scheduler, 1, note_losses, losses);
    expect_nothing(scheduler);
    end_job(scheduler, 2, held[1], 2, long_ns);
    uint64_t alone = expect_assigned(scheduler, 1, 2);
    expect_nothing(scheduler);
    end_job(scheduler, 3, held[2], 3, long_ns);
    uint64_t fourth = expect_assigned(scheduler, 4, 3);
    expect_nothing(scheduler);
    end_job(scheduler, 2, alone, 1, long_ns);
    end_job(scheduler, 2, expect_assigned(scheduler, 5, 2), 5, long_ns);
    end_job(scheduler, 3, fourth, 4, long_ns);
    free_scheduler(scheduler);
}

/* One that wants more than a core waits for no empty slave; then its loss
 * proves nothing. */
static void test_a_wide_loss_in_company_proves_nothing(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slaves(scheduler, 1, 4);
    struct js_job *wide = not_null(js_job_new_simulated(1, 1));
    wide->request.cores = 2;
    wide->losses = 2; /* in an earlier run */
    struct js_job *plain = not_null(js_job_new_simulated(2, 1));
    plain->priority = 1;
    js_scheduler_add(scheduler, plain);
    struct js_scheduler_decision next = js_scheduler_next(scheduler);
    CU_ASSERT_EQUAL(next.step, JS_SCHEDULER_DISPATCH);
    uint64_t other = expect_assigned(scheduler, 2, 1);
    js_scheduler_add(scheduler, wide);
    CU_ASSERT_EQUAL(js_scheduler_next(scheduler).step, JS_SCHEDULER_DISPATCH);
    uint64_t ticket = expect_assigned(scheduler, 1, 1);
    lose(scheduler, 1, ticket, 2, JS_SCHEDULER_LOST);
    lose(scheduler, 1, other, 1, JS_SCHEDULER_LOST);
    end_job(scheduler, 1, expect_assigned(scheduler, 2, 1), 2, long_ns);
    ticket = expect_assigned(scheduler, 1, 1);
    lose(scheduler, 1, ticket, 3, JS_SCHEDULER_ENDED);
    free_scheduler(scheduler);
}

static const struct unit_test tests[] = {
    {"job: holds its command", test_job_holds_its_command},
    {"job: queue is first in, first out", test_queue_is_first_in_first_out},
    {"rounds of ten", test_rounds_of_ten},
    {"stream gives few jobs", test_stream_gives_few_jobs},
    {"round is closed when it opens", test_round_is_closed_when_it_opens},
    {"uneven run times", test_uneven_run_times},
    {"barrier", test_barrier},
    {"barrier waits for what came back", test_barrier_waits_for_what_came_back},
    {"nothing ahead before a run time is known",
     test_nothing_ahead_before_a_run_time_is_known},
    {"the lead of uneven jobs", test_lead_of_uneven_jobs},
    {"ahead for short jobs only", test_ahead_for_short_jobs_only},
    {"ahead ends when jobs become long", test_ahead_ends_when_jobs_become_long},
    {"free slots come before jobs ahead",
     test_free_slots_come_before_jobs_ahead},
    {"never above credit", test_never_above_credit},
    {"a free slot gets what another has ahead",
     test_a_free_slot_gets_what_another_has_ahead},
    {"a recall while others wait for a GPU",
     test_a_recall_while_others_wait_for_a_gpu},
    {"a recall in vain", test_a_recall_in_vain},
    {"run times at the ends of their range",
     test_run_times_at_the_ends_of_their_range},
    {"wants_jobs is bounded", test_wants_jobs_is_bounded},
    {"returned goes to the next with room",
     test_returned_goes_to_the_next_with_room},
    {"returned stops giving ahead", test_returned_stops_giving_ahead},
    {"returned jobs keep their order", test_returned_jobs_keep_their_order},
    {"lost jobs run again", test_lost_jobs_run_again},
    {"all lost keeps the jobs", test_all_lost_keeps_the_jobs},
    {"slaves have any number, once", test_slaves_have_any_number_once},
    {"random runs", test_random_runs},
    {"a million jobs", test_a_million_jobs},
    {"a large round", test_a_large_round},
    {"random graphs against brute force", test_random_graphs},
    {"a big job is not starved", test_a_big_job_is_not_starved},
    {"small jobs fill in", test_small_jobs_fill_in},
    {"slots that share a core", test_slots_that_share_a_core},
    {"priority before order", test_priority_before_order},
    {"longest first", test_longest_first},
    {"a retry goes elsewhere", test_a_retry_goes_elsewhere},
    {"too many failures", test_too_many_failures},
    {"a stopped job runs again", test_a_stopped_job_runs_again},
    {"nothing runs again once it is stopped",
     test_nothing_runs_again_once_it_is_stopped},
    {"what does not fit is not started", test_what_does_not_fit_is_not_started},
    {"a big one waits its turn", test_a_big_one_waits_its_turn},
    {"no core is idle for what is scarce",
     test_no_core_is_idle_for_what_is_scarce},
    {"a crowd that waits for a GPU", test_a_crowd_that_waits_for_a_gpu},
    {"a crowd of kinds", test_a_crowd_of_kinds},
    {"a favoured one is overtaken", test_a_favoured_one_is_overtaken},
    {"a reservation ends with the time", test_a_reservation_ends_with_the_time},
    {"a stream out of time is not read for ever",
     test_a_stream_out_of_time_is_not_read_for_ever},
    {"stuck", test_stuck},
    {"a job of two nodes", test_a_job_of_two_nodes},
    {"a job of two nodes is not starved",
     test_a_job_of_two_nodes_is_not_starved},
    {"a lost node breaks the job", test_a_lost_node_breaks_the_job},
    {"a broken job that succeeds", test_a_broken_job_that_succeeds},
    {"random mixes of nodes", test_random_mixes_of_nodes},
    {"what runs long is told once", test_what_runs_long_is_told_once},
    {"what is short is not told", test_what_is_short_is_not_told},
    {"what was given ahead begins later",
     test_what_was_given_ahead_begins_later},
    {"what is lost begins again", test_what_is_lost_begins_again},
    {"the third loss is a failure", test_the_third_loss_is_a_failure},
    {"what is cut runs again", test_what_is_cut_runs_again},
    {"a slave that dies", test_a_slave_that_dies},
    {"a slave that goes blames nobody", test_a_slave_that_goes_blames_nobody},
    {"what was far ahead is not blamed", test_what_was_far_ahead_is_not_blamed},
    {"a slave is cleared", test_a_slave_is_cleared},
    {"a wide loss in company proves nothing",
     test_a_wide_loss_in_company_proves_nothing},
    {NULL, NULL},
};

const struct unit_suite suite_scheduler = {"scheduler", tests};
