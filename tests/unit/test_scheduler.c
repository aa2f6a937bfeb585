/* scheduler: which job goes to which slave, and when. */
#include "scheduler_scene.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
        CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).assigned, 1);
        CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).held, 26 - id);
        end_job(scheduler, 1, ticket, id, long_ns);
    }
    expect_nothing(scheduler);
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).held, 0);
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
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).held, 0);
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
    expect_step(scheduler, JS_SCHEDULER_ASSIGN);
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

static void test_priority_before_order(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    static const int32_t priorities[] = {0, 5, -1, 5, 0};
    static const uint64_t order[] = {2, 4, 1, 5, 3};
    for (uint64_t id = 1; id <= 5; id++) {
        struct js_job *job = not_null(js_job_new(id, "x", 1));
        job->priority = priorities[id - 1];
        add_new(scheduler, job);
    }
    add_slaves(scheduler, 5, 1);
    for (int i = 0; i < 5; i++) {
        struct js_scheduler_decision next =
            expect_step(scheduler, JS_SCHEDULER_DISPATCH);
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
        job->expected_ns = job->path_ns = expected[id - 1];
        add_new(scheduler, job);
    }
    add_slaves(scheduler, 4, 1);
    for (int i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(next_step(scheduler).job->id, order[i]);
        expect_step(scheduler, JS_SCHEDULER_ASSIGN);
    }
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
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).slaves, 2);
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).slots, 6);
    free_scheduler(scheduler);
}

/* What is ahead may all be as short as the shortest lately. */
static void test_lead_of_uneven_jobs(void)
{
    uint64_t tickets[128];
    struct js_scheduler *scheduler = taught_scheduler(1, short_ns);
    teach(scheduler, 2, 20 * short_ns);
    add_jobs(scheduler, 3, 100);
    unsigned count = assign_all(scheduler, tickets, 128);
    CU_ASSERT(js_scheduler_lead_ns(scheduler) >= (count - 1) * short_ns);
    CU_ASSERT(js_scheduler_lead_ns(scheduler) < (count - 1) * 2 * short_ns);
    free_scheduler(scheduler);
}

/* A slave with many slots finishes that many more jobs in the same time. */
static void test_ahead_by_slots_and_run_time(void)
{
    static const struct {
        int64_t run_ns;
        unsigned ahead;
    } cases[] = {{3600 * JS_NS_PER_S, 0},
                 {10 * JS_NS_PER_S, 2},
                 {JS_NS_PER_S, 24},
                 {JS_NS_PER_S / 10, JS_SCHEDULER_AHEAD_MAX}};
    enum { SLOTS = 128, ROOM = 300 };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct js_scheduler *scheduler = scheduler_of(10, false);
        struct js_scheduler_decision next;
        unsigned given = 0;
        add_slave(scheduler, 1, SLOTS);
        teach(scheduler, 1, cases[i].run_ns);
        add_jobs(scheduler, 2, ROOM);
        while ((next = js_scheduler_next(scheduler)).step !=
               JS_SCHEDULER_NOTHING) {
            if (next.step != JS_SCHEDULER_ASSIGN)
                continue;
            js_scheduler_acknowledged(scheduler, 1, 1);
            given++;
        }
        CU_ASSERT_EQUAL(given, SLOTS + cases[i].ahead);
        js_scheduler_assert_invariants(scheduler);
        free_scheduler(scheduler);
    }
}

static void test_ahead_for_short_jobs_only(void)
{
    uint64_t tickets[128];
    struct js_scheduler *scheduler = taught_scheduler(1, short_ns);
    add_jobs(scheduler, 2, 100);
    unsigned count = assign_all(scheduler, tickets, 128);
    CU_ASSERT_EQUAL(count, JS_SCHEDULER_CREDIT_FIRST);
    CU_ASSERT_EQUAL(js_scheduler_lead_ns(scheduler), (count - 1) * short_ns);
    free_scheduler(scheduler);

    scheduler = taught_scheduler(1, JS_SCHEDULER_AHEAD_NS / 3);
    add_jobs(scheduler, 2, 40);
    CU_ASSERT_EQUAL(assign_all(scheduler, tickets, 128), 4);
    free_scheduler(scheduler);

    scheduler = taught_scheduler(1, JS_SCHEDULER_AHEAD_NS + 1);
    add_jobs(scheduler, 2, 40);
    CU_ASSERT_EQUAL(assign_all(scheduler, tickets, 128), 1);
    CU_ASSERT_EQUAL(js_scheduler_lead_ns(scheduler), 0);
    free_scheduler(scheduler);
}

/* The measure follows what is seen: long jobs end the giving ahead. */
static void test_ahead_ends_when_jobs_become_long(void)
{
    uint64_t tickets[32];
    struct js_scheduler *scheduler = taught_scheduler(1, short_ns);
    teach(scheduler, 2, long_ns);
    add_jobs(scheduler, 3, 40);
    CU_ASSERT_EQUAL(assign_all(scheduler, tickets, 32), 1);
    free_scheduler(scheduler);
}

static void test_free_slots_come_before_jobs_ahead(void)
{
    struct js_scheduler *scheduler = taught_scheduler(3, short_ns);
    add_jobs(scheduler, 2, 10);
    expect_round(scheduler, 2, 10);
    unsigned given[4] = {0};
    for (int i = 0; i < 9; i++) {
        struct js_scheduler_decision next =
            expect_step(scheduler, JS_SCHEDULER_ASSIGN);
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
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).assigned, SLOTS);
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

/* ---------------------------------------------------------------- recall */

static struct js_scheduler_decision
expect_recall(struct js_scheduler *scheduler, unsigned slave, uint32_t count)
{
    struct js_scheduler_decision next =
        expect_step(scheduler, JS_SCHEDULER_RECALL);
    CU_ASSERT_EQUAL(next.slave, slave);
    CU_ASSERT_EQUAL(next.count, count);
    return next;
}

/* One slave has jobs ahead, the other comes to have none at all. */
static void test_a_free_slot_gets_what_another_has_ahead(void)
{
    uint64_t tickets[32];
    struct js_scheduler *scheduler = taught_scheduler(1, short_ns);
    add_jobs(scheduler, 2, 9);
    CU_ASSERT_EQUAL(assign_all(scheduler, tickets, 32), 8);
    add_slave(scheduler, 2, 1);
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

/* Jobs that wait for the GPU do not fill a free slot: what another slave has
 * ahead does. */
static void test_a_recall_while_others_wait_for_a_gpu(void)
{
    uint64_t tickets[32];
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slave_on(scheduler, 1, 1, 0, 3, 0);
    teach(scheduler, 1, short_ns);
    struct js_job *job;
    for (uint64_t id = 2; id <= 3; id++) {
        job = not_null(js_job_new(id, "x", 1));
        job->request.gpus = 1;
        add_new(scheduler, job);
    }
    add_jobs(scheduler, 4, 11);
    add_slave_on(scheduler, 2, 1, 0, 3, 1);
    /* One slave has a GPU job, the other a plain one and those ahead. */
    CU_ASSERT_EQUAL(assign_all(scheduler, tickets, 32), 9);
    add_slave_on(scheduler, 3, 1, 0, 3, 2);
    struct js_scheduler_decision next = next_step(scheduler);
    while (next.step == JS_SCHEDULER_ASSIGN ||
           next.step == JS_SCHEDULER_DISPATCH)
        next = next_step(scheduler);
    CU_ASSERT_EQUAL(next.step, JS_SCHEDULER_RECALL);
    free_scheduler(scheduler);
}

/* It had begun all of them: nothing is lost, and it may be asked again. */
static void test_a_recall_in_vain(void)
{
    uint64_t tickets[32];
    struct js_scheduler *scheduler = taught_scheduler(1, short_ns);
    add_jobs(scheduler, 2, 5);
    CU_ASSERT_EQUAL(assign_all(scheduler, tickets, 32), 4);
    add_slave(scheduler, 2, 1);
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

/* ---------------------------------------------------------------- news */

static void test_returned_goes_to_the_next_with_room(void)
{
    struct js_scheduler *scheduler = taught_scheduler(2, short_ns);
    add_jobs(scheduler, 2, 5);
    expect_round(scheduler, 2, 5);
    uint64_t tickets[4];
    unsigned slaves[4];
    for (int i = 0; i < 4; i++) {
        struct js_scheduler_decision next =
            expect_step(scheduler, JS_SCHEDULER_ASSIGN);
        tickets[i] = next.ticket;
        slaves[i] = next.slave;
    }
    /* Each runs one and has one ahead; the one who has 2 gives 4 back. */
    CU_ASSERT_EQUAL(slaves[0], slaves[2]);
    CU_ASSERT_EQUAL(slaves[1], slaves[3]);
    js_scheduler_acknowledged(scheduler, slaves[0], 2);
    js_scheduler_returned(scheduler, slaves[0], tickets[2]);
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).assigned, 3);
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
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).held, 0);
    free_scheduler(scheduler);
}

/* Whoever gave jobs back gets none ahead until one of its own has ended. */
static void test_returned_stops_giving_ahead(void)
{
    struct js_scheduler *scheduler = taught_scheduler(1, short_ns);
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
    struct js_scheduler *scheduler = taught_scheduler(1, short_ns);
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
    struct js_scheduler *scheduler = scheduler_in_round(2, 2, 10);
    uint64_t tickets[4];
    unsigned slaves[4];
    for (int i = 0; i < 4; i++) {
        struct js_scheduler_decision next =
            expect_step(scheduler, JS_SCHEDULER_ASSIGN);
        tickets[i] = next.ticket;
        slaves[i] = next.slave;
    }
    js_scheduler_lost(scheduler, 1);
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).slaves, 1);
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).slots, 2);
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).assigned, 2);
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).held, 10);
    js_scheduler_lost(scheduler, 1); /* once more: nothing */
    js_scheduler_lost(scheduler, 77);
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).slaves, 1);
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
        struct js_scheduler_decision next =
            expect_step(scheduler, JS_SCHEDULER_ASSIGN);
        CU_ASSERT(next.job->id <= 4 && slaves[next.job->id - 1] == 1);
        CU_ASSERT_EQUAL(next.job->attempt, 2);
        CU_ASSERT(n == 1 || next.job->id == expected);
    }
    expect_nothing(scheduler);
    free_scheduler(scheduler);
}

static void test_all_lost_keeps_the_jobs(void)
{
    struct js_scheduler *scheduler = scheduler_in_round(1, 1, 5);
    expect_assigned(scheduler, 1, 1);
    js_scheduler_lost(scheduler, 1);
    expect_nothing(scheduler);
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).held, 5);
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).slaves, 0);
    add_slave(scheduler, 2, 1);
    expect_assigned(scheduler, 1, 2);
    free_scheduler(scheduler);
}

static void test_slaves_have_any_number_once(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    add_slave(scheduler, 40000, 2);
    add_slave(scheduler, 3, 1);
    errno = 0;
    CU_ASSERT_EQUAL(js_scheduler_add_slave(scheduler, 3, 1), -1);
    CU_ASSERT_EQUAL(errno, EEXIST);
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).slaves, 2);
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).slots, 3);
    js_scheduler_lost(scheduler, 3);
    CU_ASSERT_EQUAL(js_scheduler_add_slave(scheduler, 3, 1), -1);
    errno = EDOM;
    free_scheduler(scheduler);
    free_scheduler(NULL);
    CU_ASSERT_EQUAL(errno, EDOM);
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
    js_scheduler_report_begun(scheduler, hear, ret);
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
    struct js_scheduler *scheduler = taught_scheduler(1, short_ns);
    struct heard heard;
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
    struct js_scheduler *scheduler = scheduler_in_round(2, 1, 2);
    struct heard heard;
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

/* ---------------------------------------------------------------- cost */

enum { MANY = 1000000, CROWD = 64 };

static uint64_t take_decisions(struct js_scheduler *scheduler,
                               struct ring *rings)
{
    uint64_t calls = 1;
    struct js_scheduler_decision next;
    while ((next = next_step(scheduler)).step != JS_SCHEDULER_NOTHING) {
        calls++;
        if (next.step != JS_SCHEDULER_ASSIGN)
            continue;
        struct ring *ring = &rings[next.slave];
        CU_ASSERT_FATAL(ring->count < RING);
        ring_put(ring, next.ticket);
    }
    return calls;
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
                add_jobs(scheduler, added + 1, added + 1);
            if (js_scheduler_counts(scheduler).held > most_held)
                most_held = js_scheduler_counts(scheduler).held;
            calls += take_decisions(scheduler, rings);
            ended += end_oldest(scheduler, i, &rings[i]);
        }
        CU_ASSERT_FATAL(ended > before);
    }
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).held, 0);
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
    CU_ASSERT(js_scheduler_counts(scheduler).steps < 3 * JOBS);
    free_scheduler(scheduler);
}

static const struct unit_test tests[] = {
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
    {"ahead by slots and run time", test_ahead_by_slots_and_run_time},
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
    {"a million jobs", test_a_million_jobs},
    {"a large round", test_a_large_round},
    {"priority before order", test_priority_before_order},
    {"longest first", test_longest_first},
    {"what runs long is told once", test_what_runs_long_is_told_once},
    {"what is short is not told", test_what_is_short_is_not_told},
    {"what was given ahead begins later",
     test_what_was_given_ahead_begins_later},
    {"what is lost begins again", test_what_is_lost_begins_again},
    {NULL, NULL},
};

const struct unit_suite suite_scheduler = {"scheduler", tests};
