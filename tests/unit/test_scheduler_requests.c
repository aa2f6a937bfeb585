/* scheduler: jobs that need more than a core. */
#include "scheduler_scene.h"
#include "unit.h"

#include <string.h>

/* ---------------------------------------------------------------- big jobs */

/* Slaves work off short jobs without end, also ahead of time; the job 50, which
 * needs so many cores of so many nodes, comes in between. Returns how many jobs
 * from behind it have begun when its turn comes. */
static uint64_t begun_before_a_large_one(struct js_scheduler *scheduler,
                                         unsigned slaves, uint32_t nodes,
                                         uint32_t cores)
{
    enum { SLAVES_MAX = 4, STEPS_MAX = 2000, LARGE = 50 };
    struct ring rings[SLAVES_MAX + 1];
    uint64_t next_id = 1, running = 0, begun = 0;
    memset(rings, 0, sizeof(rings));
    for (unsigned step = 0; step < STEPS_MAX; step++) {
        struct js_scheduler_decision next;
        for (; js_scheduler_wants_jobs(scheduler); next_id++)
            add_wide_job(scheduler, next_id, next_id == LARGE ? nodes : 1,
                         next_id == LARGE ? cores : 1);
        while ((next = next_step(scheduler)).step != JS_SCHEDULER_NOTHING) {
            if (next.step != JS_SCHEDULER_ASSIGN)
                continue;
            if (next.job->id == LARGE)
                return begun;
            begun += next.job->id > LARGE;
            ring_put(&rings[next.slave], next.ticket);
            running++;
        }
        CU_ASSERT_FATAL(running > 0);
        unsigned slave = 1 + step % slaves;
        running -= end_oldest(scheduler, slave, &rings[slave]);
    }
    CU_FAIL("it never has its turn");
    return begun;
}

/* No more are let past it than had been given out when it came. */
static void test_a_big_job_is_not_starved(void)
{
    struct js_scheduler *scheduler = scheduler_of_nodes(1, 2);
    CU_ASSERT(begun_before_a_large_one(scheduler, 2, 1, 2) <= 20);
    free_scheduler(scheduler);
}

/* On a node of three cores two are at work when a job for all three comes: the
 * third core is kept for it; a small job that comes later has to use the node
 * beside, and the next one waits. */
static void test_small_jobs_fill_in(void)
{
    struct js_scheduler *scheduler = scheduler_of_nodes(1, 3);
    add_slave_on(scheduler, 4, 1, 1, 1, 0);
    add_job(scheduler, 1, 1);
    add_job(scheduler, 2, 1);
    expect_round(scheduler, 1, 2);
    uint64_t first = expect_assigned(scheduler, 1, 1);
    expect_assigned(scheduler, 2, 2);
    add_job(scheduler, 3, 3);
    add_job(scheduler, 4, 1);
    add_job(scheduler, 5, 1);
    expect_round(scheduler, 3, 5);
    /* Core 3 is kept for the big one; the other node is not. */
    expect_assigned(scheduler, 4, 4);
    expect_nothing(scheduler);
    end_job(scheduler, 1, first, 1, long_ns);
    expect_nothing(scheduler);
    free_scheduler(scheduler);
}

/* No core is kept for a big one while others wait in front of it. */
static void test_a_big_one_waits_its_turn(void)
{
    struct js_scheduler *scheduler = scheduler_of_nodes(1, 2);
    add_job(scheduler, 1, 1);
    add_job(scheduler, 2, 1);
    add_job(scheduler, 3, 1);
    add_job(scheduler, 4, 2);
    add_job(scheduler, 5, 1);
    expect_round(scheduler, 1, 5);
    uint64_t first = expect_assigned(scheduler, 1, 1);
    uint64_t second = expect_assigned(scheduler, 2, 2);
    expect_nothing(scheduler);
    end_job(scheduler, 1, first, 1, long_ns);
    uint64_t third = expect_assigned(scheduler, 3, 1);
    end_job(scheduler, 2, second, 2, long_ns);
    expect_nothing(scheduler); /* kept for the fourth, whose turn it is */
    end_job(scheduler, 1, third, 3, long_ns);
    struct js_scheduler_decision wide =
        expect_step(scheduler, JS_SCHEDULER_ASSIGN);
    CU_ASSERT_EQUAL(wide.job->id, 4);
    expect_nothing(scheduler);
    end_job(scheduler, wide.slave, wide.ticket, 4, long_ns);
    expect_step(scheduler, JS_SCHEDULER_ASSIGN);
    free_scheduler(scheduler);
}

/* Four slaves on two cores. A job for both leaves each core room for one more:
 * the slots of the other two slaves are not free, though nobody has them. */
static void test_slots_that_share_a_core(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    for (unsigned i = 0; i < 4; i++)
        add_slave_on(scheduler, i + 1, 1, 0, 2, i % 2);
    add_job(scheduler, 1, 2);
    for (uint64_t id = 2; id <= 5; id++)
        add_job(scheduler, id, 1);
    expect_round(scheduler, 1, 5);
    uint64_t wide = expect_assigned(scheduler, 1, 1);
    expect_assigned(scheduler, 2, 2);
    expect_assigned(scheduler, 3, 3);
    expect_nothing(scheduler);
    end_job(scheduler, 1, wide, 1, long_ns);
    struct js_scheduler_decision next =
        expect_step(scheduler, JS_SCHEDULER_ASSIGN);
    CU_ASSERT_NOT_EQUAL(next.slot, JS_SCHEDULER_SLOT_NEXT);
    expect_step(scheduler, JS_SCHEDULER_ASSIGN);
    expect_nothing(scheduler);
    free_scheduler(scheduler);
}

/* A big job that waits for room gives up what was set aside for it. */
static void test_a_reservation_ends_with_the_time(void)
{
    struct js_scheduler *scheduler = scheduler_of_nodes(1, 2);
    add_job(scheduler, 1, 1);
    add_job(scheduler, 2, 2);
    expect_round(scheduler, 1, 2);
    uint64_t one = expect_assigned(scheduler, 1, 1);
    expect_nothing(scheduler);
    js_scheduler_set_time_left(scheduler, 0);
    end_job(scheduler, 1, one, 1, 50);
    expect_nothing(scheduler);
    CU_ASSERT_TRUE(js_scheduler_is_out_of_time(scheduler));
    free_scheduler(scheduler);
}

static void test_stuck(void)
{
    struct js_scheduler *scheduler = scheduler_of(10, false);
    const struct js_job *job;
    add_slave_on(scheduler, 1, 1, 0, 4, 0);
    add_slave_on(scheduler, 2, 1, 1, 1, 0);
    add_job(scheduler, 7, 4);
    js_scheduler_lost(scheduler, 1);
    expect_round(scheduler, 7, 7);
    expect_nothing(scheduler);
    CU_ASSERT_TRUE(js_scheduler_is_stuck(scheduler, &job));
    CU_ASSERT_EQUAL(job->id, 7);
    free_scheduler(scheduler);
}

/* ---------------------------------------------------------------- scarce */

static void add_gpu_job(struct js_scheduler *scheduler, uint64_t id)
{
    struct js_job *job = not_null(js_job_new(id, "x", 1));
    job->request.gpus = 1;
    add_new(scheduler, job);
}

/* However many wait for the one GPU: the jobs behind them get the other core,
 * and to find them costs no look at each that waits. */
static void test_a_crowd_that_waits_for_a_gpu(void)
{
    enum { WAITING = 20000, PLAIN = 100 };
    struct js_scheduler *scheduler = scheduler_of_nodes(1, 2);
    struct js_scheduler_decision last, gpu;
    for (uint64_t id = 1; id <= WAITING; id++)
        add_gpu_job(scheduler, id);
    CU_ASSERT_EQUAL(follow(scheduler, &gpu), 1);
    for (uint64_t id = WAITING + 1; id <= WAITING + PLAIN; id++)
        add_new(scheduler, js_job_new(id, "x", 1));
    uint64_t before = js_scheduler_counts(scheduler).steps;
    for (uint64_t id = WAITING + 1; id <= WAITING + PLAIN; id++) {
        CU_ASSERT_EQUAL_FATAL(follow(scheduler, &last), 1);
        CU_ASSERT_EQUAL(last.job->id, id);
        end_job(scheduler, last.slave, last.ticket, id, long_ns);
    }
    CU_ASSERT_TRUE(js_scheduler_counts(scheduler).steps - before < 10 * PLAIN);
    CU_ASSERT_EQUAL(follow(scheduler, &last), 0);
    for (uint64_t id = 1; id <= WAITING; id++) {
        end_job(scheduler, gpu.slave, gpu.ticket, id, long_ns);
        CU_ASSERT_EQUAL(follow(scheduler, &gpu), id < WAITING);
    }
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).held, 0);
    free_scheduler(scheduler);
}

/* What differs in its need costs a look each: of such there is a limit. */
static void test_a_crowd_of_kinds(void)
{
    struct js_scheduler *scheduler = scheduler_of_nodes(1, 2);
    struct js_scheduler_decision last = {.step = JS_SCHEDULER_NOTHING};
    uint64_t jobs = 3 * JS_SCHEDULER_KINDS;
    for (uint64_t id = 1; id <= jobs; id++) {
        struct js_job *job = not_null(js_job_new(id, "x", 1));
        job->request.gpus = 1;
        job->request.mem_bytes = 1 + id % 1000;
        job->request.cores = 1 + (uint32_t)(id / 1000 % 2);
        add_new(scheduler, job);
    }
    unsigned dispatched = 0;
    struct js_scheduler_decision next;
    while ((next = next_step(scheduler)).step != JS_SCHEDULER_NOTHING) {
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
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).held, 0);
    free_scheduler(scheduler);
}

/* The one that waits for what is set aside is overtaken by one of its kind that
 * runs again: this one gets it, and nothing stays set aside for ever. */
static void test_a_favoured_one_is_overtaken(void)
{
    struct js_scheduler_config config = {.round_size = 10, .retries = 1};
    struct js_scheduler *scheduler = new_scheduler(&config);
    struct js_scheduler_decision first, last;
    add_slave_on(scheduler, 1, 2, 0, 2, 0);
    add_gpu_job(scheduler, 1);
    add_gpu_job(scheduler, 2);
    /* The other has a reservation. */
    CU_ASSERT_EQUAL(follow(scheduler, &first), 1);
    fail_job(scheduler, 1, first.ticket, JS_SCHEDULER_RETRIED);
    for (unsigned left = 2; left > 0; left--) {
        CU_ASSERT_EQUAL_FATAL(follow(scheduler, &last), 1);
        end_job(scheduler, 1, last.ticket, last.job->id, long_ns);
    }
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).held, 0);
    free_scheduler(scheduler);
}

/* ---------------------------------------------------------------- nodes */

/* One on each of two nodes of two cores: then the other two are free. */
static void test_a_job_of_two_nodes(void)
{
    struct js_scheduler *scheduler = scheduler_of_nodes(2, 2);
    add_wide_job(scheduler, 1, 2, 1);
    add_wide_job(scheduler, 2, 2, 2);
    add_wide_job(scheduler, 3, 1, 1);
    expect_round(scheduler, 1, 3);
    struct js_scheduler_decision next =
        expect_step(scheduler, JS_SCHEDULER_ASSIGN);
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
    expect_step(scheduler, JS_SCHEDULER_ASSIGN);
    free_scheduler(scheduler);
}

/* No more go past it than could be given ahead before it came. */
static void test_a_job_of_two_nodes_is_not_starved(void)
{
    struct js_scheduler *scheduler = scheduler_of_nodes(2, 2);
    CU_ASSERT(begun_before_a_large_one(scheduler, 4, 2, 2) <=
              4 * (JS_SCHEDULER_AHEAD_MAX + 1));
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
    struct js_scheduler_decision next =
        expect_step(scheduler, JS_SCHEDULER_END);
    CU_ASSERT_EQUAL(next.slave, 1);
    CU_ASSERT_EQUAL(next.ticket, wide);
    expect_nothing(scheduler);
    end_job(scheduler, 3, plain, 2, long_ns);
    /* It is not elsewhere before it has ended here. */
    expect_nothing(scheduler);
    fail_job(scheduler, 1, wide, JS_SCHEDULER_RETRIED);
    next = expect_step(scheduler, JS_SCHEDULER_ASSIGN);
    CU_ASSERT_EQUAL(next.job->attempt, 2);
    CU_ASSERT_EQUAL(next.job->lost, 1);
    /* Its own slave: all of it is free at once; and now one node is left. */
    js_scheduler_lost(scheduler, next.slave);
    expect_nothing(scheduler);
    CU_ASSERT_TRUE(js_scheduler_is_stuck(scheduler, &job));
    CU_ASSERT_EQUAL(job->id, 1);
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).held, 1);
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
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).held, 0);
    free_scheduler(scheduler);
}

static const struct unit_test tests[] = {
    {"a big job is not starved", test_a_big_job_is_not_starved},
    {"small jobs fill in", test_small_jobs_fill_in},
    {"slots that share a core", test_slots_that_share_a_core},
    {"a big one waits its turn", test_a_big_one_waits_its_turn},
    {"a crowd that waits for a GPU", test_a_crowd_that_waits_for_a_gpu},
    {"a crowd of kinds", test_a_crowd_of_kinds},
    {"a favoured one is overtaken", test_a_favoured_one_is_overtaken},
    {"a reservation ends with the time", test_a_reservation_ends_with_the_time},
    {"stuck", test_stuck},
    {"a job of two nodes", test_a_job_of_two_nodes},
    {"a job of two nodes is not starved",
     test_a_job_of_two_nodes_is_not_starved},
    {"a lost node breaks the job", test_a_lost_node_breaks_the_job},
    {"a broken job that succeeds", test_a_broken_job_that_succeeds},
    {NULL, NULL},
};

const struct unit_suite suite_scheduler_requests = {"scheduler_requests",
                                                    tests};
