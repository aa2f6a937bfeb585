/* scheduler: jobs that fail, are stopped or lost, or do not fit the time left.
 */
#include "scheduler_scene.h"
#include "unit.h"

#include <errno.h>

/* ---------------------------------------------------------------- failures */

static void test_a_retry_goes_elsewhere(void)
{
    struct js_scheduler_config config = {.round_size = 10, .retries = 2};
    struct js_scheduler *scheduler = new_scheduler(&config);
    begin_round(scheduler, 2, 1, 2);
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
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).held, 0);
    free_scheduler(scheduler);
}

/* If it has no room elsewhere, this does not mean that equally large jobs have
 * none. */
static void test_a_retry_keeps_no_other_from_the_slave(void)
{
    struct js_scheduler_config config = {.round_size = 10, .retries = 1};
    struct js_scheduler *scheduler = new_scheduler(&config);
    add_slaves(scheduler, 2, 2);
    for (uint64_t id = 1; id <= 3; id++)
        add_job(scheduler, id, 2);
    expect_round(scheduler, 1, 3);
    uint64_t one = expect_assigned(scheduler, 1, 1);
    uint64_t two = expect_assigned(scheduler, 2, 2);
    fail_job(scheduler, 1, one, JS_SCHEDULER_RETRIED);
    expect_assigned(scheduler, 3, 1);
    expect_nothing(scheduler);
    end_job(scheduler, 2, two, 2, long_ns);
    expect_assigned(scheduler, 1, 2);
    free_scheduler(scheduler);
}

static void test_too_many_failures(void)
{
    struct js_scheduler_config config = {.round_size = 10, .failures = 2};
    struct js_scheduler *scheduler = new_scheduler(&config);
    begin_round(scheduler, 1, 1, 5);
    fail_job(scheduler, 1, expect_assigned(scheduler, 1, 1),
             JS_SCHEDULER_ENDED);
    CU_ASSERT_FALSE(js_scheduler_is_stopped(scheduler));
    fail_job(scheduler, 1, expect_assigned(scheduler, 2, 1),
             JS_SCHEDULER_ENDED);
    CU_ASSERT_TRUE(js_scheduler_is_stopped(scheduler));
    expect_nothing(scheduler);
    CU_ASSERT_FALSE(js_scheduler_wants_jobs(scheduler));
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).held, 3);
    free_scheduler(scheduler);
}

/* It was no fault of its own, and costs it no retry. */
static void test_a_stopped_job_runs_again(void)
{
    struct js_scheduler_config config = {
        .round_size = 10, .retries = 1, .failures = 1};
    struct js_scheduler *scheduler = new_scheduler(&config);
    begin_round(scheduler, 2, 1, 1);
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
    struct js_scheduler *scheduler = scheduler_in_round(2, 1, 2);
    uint64_t one = expect_assigned(scheduler, 1, 1);
    uint64_t two = expect_assigned(scheduler, 2, 2);
    js_scheduler_stop(scheduler);
    stop_job(scheduler, 1, one, JS_SCHEDULER_ENDED);
    stop_job(scheduler, 2, two, JS_SCHEDULER_ENDED);
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).held, 0);
    free_scheduler(scheduler);
}

/* ---------------------------------------------------------------- time */

static void add_timed(struct js_scheduler *scheduler, uint64_t id,
                      int64_t timeout_ns, int64_t expected_ns)
{
    struct js_job *job = not_null(js_job_new(id, "x", 1));
    job->timeout_ns = timeout_ns;
    job->expected_ns = expected_ns;
    add_new(scheduler, job);
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
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).held, 2);
    /* Of the others the average so far is what counts. */
    js_scheduler_set_time_left(scheduler, 49);
    add_jobs(scheduler, 6, 6);
    expect_round(scheduler, 6, 6);
    expect_nothing(scheduler);
    CU_ASSERT_TRUE(js_scheduler_is_out_of_time(scheduler));
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).held, 3);
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
        while (next_step(scheduler).step == JS_SCHEDULER_DISPATCH)
            continue;
    }
    CU_ASSERT_TRUE(js_scheduler_is_stopped(scheduler));
    CU_ASSERT(id <= JS_SCHEDULER_HELD_MAX + 100);
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
                 enum js_scheduler_follow_up wanted)
{
    struct js_outcome outcome = {.step = JS_STEP_RUNNER};
    struct js_job *job =
        not_null(end_as(scheduler, slave, ticket, &outcome, wanted));
    CU_ASSERT_EQUAL(job->losses, losses);
    js_job_free(job);
}

/* Retries do not count, and there are none; nor is there another slave. */
static void test_the_third_loss_is_a_failure(void)
{
    struct js_scheduler *scheduler = scheduler_in_round(1, 2, 3);
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
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).held, 0);
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
    add_slaves(scheduler, 1, 1);
    add_jobs(scheduler, 1, 1);
    for (uint32_t times = 0; times <= JS_SCHEDULER_CUTS; times++) {
        struct js_scheduler_decision last;
        CU_ASSERT_EQUAL_FATAL(follow(scheduler, &last), 1);
        CU_ASSERT_EQUAL(last.job->attempt, times + 1);
        js_job_free(end_as(scheduler, 1, last.ticket, &cut,
                           times < JS_SCHEDULER_CUTS ? JS_SCHEDULER_RETRIED
                                                     : JS_SCHEDULER_ENDED));
    }
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).held, 0);
    free_scheduler(scheduler);
}

/* A slave that dies without a word; what it had is told, and what had losses
 * before fails. */
static void test_a_slave_that_dies(void)
{
    struct js_scheduler *scheduler = scheduler_in_round(4, 1, 1);
    uint32_t losses[4] = {0};
    for (unsigned slave = 1; slave <= 3; slave++) {
        expect_assigned(scheduler, 1, slave);
        js_scheduler_died(scheduler, slave, note_losses, losses);
        CU_ASSERT_EQUAL(losses[1], slave);
    }
    struct js_scheduler_decision next =
        expect_step(scheduler, JS_SCHEDULER_FAIL);
    CU_ASSERT_EQUAL(next.skipped->id, 1);
    CU_ASSERT_EQUAL(next.slave, 3);
    js_job_free(next.skipped);
    expect_nothing(scheduler);
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).held, 0);
    free_scheduler(scheduler);
}

/* One that merely goes blames nobody. */
static void test_a_slave_that_goes_blames_nobody(void)
{
    struct js_scheduler *scheduler = scheduler_in_round(8, 1, 1);
    for (unsigned slave = 1; slave <= 7; slave++) {
        expect_assigned(scheduler, 1, slave);
        js_scheduler_lost(scheduler, slave);
    }
    struct js_scheduler_decision next =
        expect_step(scheduler, JS_SCHEDULER_ASSIGN);
    CU_ASSERT_EQUAL(next.job->losses, 0);
    free_scheduler(scheduler);
}

/* Of what was given ahead only the first few may have begun. */
static void test_what_was_far_ahead_is_not_blamed(void)
{
    struct js_scheduler *scheduler = taught_scheduler(1, short_ns);
    uint32_t losses[64] = {0};
    struct js_scheduler_decision next;
    add_jobs(scheduler, 2, 60);
    while ((next = next_step(scheduler)).step != JS_SCHEDULER_NOTHING) {
        if (next.step == JS_SCHEDULER_ASSIGN)
            js_scheduler_acknowledged(scheduler, 1, 1);
    }
    CU_ASSERT_TRUE(js_scheduler_counts(scheduler).assigned >
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
    struct js_scheduler *scheduler = scheduler_in_round(3, 1, 9);
    uint64_t held[3];
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
    struct js_job *wide = not_null(js_job_new_simulated(NULL, 1, 1));
    wide->request.cores = 2;
    wide->losses = 2; /* in an earlier run */
    struct js_job *plain = not_null(js_job_new_simulated(NULL, 2, 1));
    plain->priority = 1;
    add_new(scheduler, plain);
    expect_step(scheduler, JS_SCHEDULER_DISPATCH);
    uint64_t other = expect_assigned(scheduler, 2, 1);
    add_new(scheduler, wide);
    expect_step(scheduler, JS_SCHEDULER_DISPATCH);
    uint64_t ticket = expect_assigned(scheduler, 1, 1);
    lose(scheduler, 1, ticket, 2, JS_SCHEDULER_LOST);
    lose(scheduler, 1, other, 1, JS_SCHEDULER_LOST);
    end_job(scheduler, 1, expect_assigned(scheduler, 2, 1), 2, long_ns);
    ticket = expect_assigned(scheduler, 1, 1);
    lose(scheduler, 1, ticket, 3, JS_SCHEDULER_ENDED);
    free_scheduler(scheduler);
}

/* Job 2 is in the graph, but not part of the run: it hides no other. */
static void test_only_jobs_of_the_run_are_skipped(void)
{
    struct js_scheduler_config config = {.round_size = 10};
    struct js_graph *graph = not_null(js_graph_new());
    struct js_scheduler *scheduler = new_scheduler_of(&config, graph);
    const struct js_graph_edge edge = {"a", false, false};
    size_t bad;
    add_slaves(scheduler, 1, 1);
    js_graph_add(graph, 1, "a", NULL, 0, &bad, NULL);
    js_graph_add(graph, 2, NULL, &edge, 1, &bad, NULL);
    js_graph_add(graph, 3, NULL, &edge, 1, &bad, NULL);
    add_job(scheduler, 1, 1);
    struct js_job *waiting = not_null(js_job_new_simulated(NULL, 3, 1));
    waiting->is_waiting = true;
    add_new(scheduler, waiting);
    expect_round(scheduler, 1, 1);
    fail_job(scheduler, 1, expect_assigned(scheduler, 1, 1),
             JS_SCHEDULER_ENDED);
    struct js_scheduler_decision next =
        expect_step(scheduler, JS_SCHEDULER_SKIP);
    CU_ASSERT_EQUAL(next.skipped->id, 3);
    CU_ASSERT_EQUAL(next.parent, 1);
    js_job_free(next.skipped);
    expect_nothing(scheduler);
    free_scheduler(scheduler);
    js_graph_free(graph);
}

static const struct unit_test tests[] = {
    {"a retry goes elsewhere", test_a_retry_goes_elsewhere},
    {"a retry keeps no other from the slave",
     test_a_retry_keeps_no_other_from_the_slave},
    {"too many failures", test_too_many_failures},
    {"only jobs of the run are skipped", test_only_jobs_of_the_run_are_skipped},
    {"a stopped job runs again", test_a_stopped_job_runs_again},
    {"nothing runs again once it is stopped",
     test_nothing_runs_again_once_it_is_stopped},
    {"what does not fit is not started", test_what_does_not_fit_is_not_started},
    {"a stream out of time is not read for ever",
     test_a_stream_out_of_time_is_not_read_for_ever},
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

const struct unit_suite suite_scheduler_failures = {"scheduler_failures",
                                                    tests};
