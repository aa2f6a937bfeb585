/* master and slave: slaves and runners that are late, silent or lost. */
#include "loop_run.h"
#include "unit.h"

#include "rng.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- slaves */

static void test_a_stopped_slave_holds_up_nobody(void)
{
    static const int64_t stop_ns = JS_NS_PER_S / 2;
    static const int64_t cont_ns = 100 * JS_NS_PER_S;
    char *jobs = lines_of("0.01 out=100", 1000);
    struct run_config config = {.slaves = 3, .jobs = jobs};
    struct run *run = run_new(&config);
    fake_net_stop(run->net, 2, FAKE_START_NS + stop_ns,
                  FAKE_START_NS + cont_ns);
    run_go(run);
    expect_all_done(run, 1000);
    expect_output(run);
    uint64_t late = 0;
    for (uint64_t id = 1; id <= 1000; id++) {
        bool is_late = run->fates[id].finish_ns >= cont_ns;
        late += is_late;
        /* The others have done all the rest long ago. */
        CU_ASSERT(is_late || run->fates[id].finish_ns < 8 * JS_NS_PER_S);
        CU_ASSERT(!is_late || run->fates[id].slave == 2 ||
                  run->fates[id].started == 1);
    }
    CU_ASSERT(late > 0 && late <= JS_SCHEDULER_CREDIT);
    run_free(run);
    free(jobs);
}

/* Stopped from the moment it is set up, with jobs too long for one message. */
static void test_a_slave_stopped_within_a_text(void)
{
    struct js_buf jobs = JS_BUF_INIT;
    for (int i = 0; i < 40; i++)
        js_buf_printf(&jobs, "0.01 %0500000d\n", i);
    struct run_config config = {.slaves = 2, .jobs = js_buf_string(&jobs)};
    struct run *run = run_new(&config);
    fake_net_stop(run->net, 1, FAKE_START_NS + 5 * JS_NS_PER_MS,
                  FAKE_START_NS + 50 * JS_NS_PER_S);
    run_go(run);
    expect_all_done(run, 40);
    uint64_t late = 0;
    for (uint64_t id = 1; id <= 40; id++)
        late += run->fates[id].finish_ns >= 40 * JS_NS_PER_S;
    CU_ASSERT(late > 0 && late <= JS_SCHEDULER_CREDIT);
    run_free(run);
    js_buf_release(&jobs);
}

struct stranger {
    struct js_link link;
    bool has_greeted;
    bool was_stopped;
};

/* A slave of another version: says HELLO, expects STOP. */
static int stranger_turn(void *arg)
{
    struct stranger *stranger = arg;
    struct js_message message;
    if (!stranger->has_greeted) {
        struct js_buf buf = JS_BUF_INIT;
        struct js_wire_hello hello = {.version = JS_WIRE_VERSION + 1,
                                      .node = node_of(2)};
        stranger->has_greeted = true;
        js_wire_pack_hello(&buf, &hello);
        js_buf_append(&buf, "what we do not know", 19);
        js_link_post(&stranger->link, 0, JS_TAG_HELLO, &buf, NULL);
        js_buf_release(&buf);
    }
    while (js_link_receive(&stranger->link, &message, NULL) == 1)
        stranger->was_stopped = message.tag == JS_TAG_SHUTDOWN;
    return stranger->was_stopped;
}

static void test_another_version_is_left_out(void)
{
    struct run_config config = {
        .slaves = 2, .demo_jobs = 10, .demo_duration_ns = JS_NS_PER_S};
    struct run *run = run_new(&config);
    struct stranger stranger = {.link = fake_net_link(run->net, 2)};
    fake_net_add(run->net, 2, FAKE_START_NS, stranger_turn, &stranger);
    run_go(run);
    expect_all_done(run, 10);
    CU_ASSERT_TRUE(stranger.was_stopped);
    CU_ASSERT_TRUE(
        was_said(run, "slave 2 is left out, because it runs another version"));
    CU_ASSERT_EQUAL(run->result.slaves, 1);
    CU_ASSERT(run->result.wall_ns >= 10 * JS_NS_PER_S);
    run_free(run);
}

static void test_a_slave_that_never_shows_up(void)
{
    struct run_config config = {
        .slaves = 3, .demo_jobs = 10, .demo_duration_ns = JS_NS_PER_S};
    struct run *run = run_new(&config);
    fake_net_stop(run->net, 2, FAKE_START_NS, JS_NEVER_NS);
    run_go(run);
    expect_no_complaint(run);
    expect_end(run, JS_MASTER_DONE);
    CU_ASSERT_EQUAL(run->finished, 10);
    CU_ASSERT_EQUAL(run->result.slaves, 2);
    CU_ASSERT_TRUE(was_said(run, "slave 2 has not reported within 60 s"));
    CU_ASSERT(since_start_ns(run) >= 65 * JS_NS_PER_S);
    CU_ASSERT(since_start_ns(run) < 66 * JS_NS_PER_S);
    run_free(run);
}

static void test_late_slaves(void)
{
    struct run_config config = {
        .slaves = 3, .demo_jobs = 30, .demo_duration_ns = JS_NS_PER_S};
    struct run *run = run_new(&config);
    /* One in time, one too late: it is sent home. */
    fake_net_stop(run->net, 1, FAKE_START_NS, FAKE_START_NS + 59 * JS_NS_PER_S);
    fake_net_stop(run->net, 2, FAKE_START_NS, FAKE_START_NS + 61 * JS_NS_PER_S);
    run_go(run);
    expect_all_done(run, 30);
    CU_ASSERT_EQUAL(run->result.slaves, 2);
    CU_ASSERT_TRUE(was_said(run, "slave 2 has not reported"));
    CU_ASSERT_FALSE(was_said(run, "slave 1 has not reported"));
    CU_ASSERT_EQUAL(run->seats[2].running, 0);
    CU_ASSERT(fake_net_left_ns(run->net, 2) < FAKE_START_NS + 62 * JS_NS_PER_S);
    run_free(run);
}

/* It has said where it is, and is stopped before it can say what it can do. */
static void test_a_slave_that_never_gets_ready(void)
{
    struct run_config config = {
        .slaves = 3, .demo_jobs = 20, .demo_duration_ns = JS_NS_PER_S};
    struct run *run = run_new(&config);
    fake_net_stop(run->net, 2, FAKE_START_NS + 60 * JS_NS_PER_US,
                  FAKE_START_NS + 70 * JS_NS_PER_S);
    run_go(run);
    expect_all_done(run, 20);
    CU_ASSERT_EQUAL(run->result.slaves, 2);
    CU_ASSERT_TRUE(was_said(run, "slave 2 on n1 was not ready within 60 s"));
    run_free(run);
}

static void test_nobody_shows_up(void)
{
    struct run_config config = {.slaves = 2, .demo_jobs = 10};
    struct run *run = run_new(&config);
    for (int i = 1; i <= 2; i++)
        fake_net_stop(run->net, i, FAKE_START_NS, JS_NEVER_NS);
    run_go(run);
    expect_no_complaint(run);
    expect_end(run, JS_MASTER_BROKEN);
    CU_ASSERT_PTR_NOT_NULL(strstr(run->err.text, "no slave is left"));
    CU_ASSERT_EQUAL(run->result.left, 10);
    run_free(run);
}

static void test_a_slave_that_cannot_work(void)
{
    struct run_config config = {
        .slaves = 2, .demo_jobs = 10, .demo_duration_ns = JS_NS_PER_S};
    struct run *run = run_new(&config);
    run->seats[1].runner.ready_text = "/scratch: No such file or directory";
    run_go(run);
    expect_all_done(run, 10);
    CU_ASSERT_EQUAL(run->result.slaves, 1);
    CU_ASSERT_TRUE(
        was_said(run, "slave 1 on n0 is left out: /scratch: No such file"));
    run_free(run);
}

/* ---------------------------------------------------------------- nodes */

/* Slaves 2 and 3, and 4 and 5, share a node. */
static struct run *run_of_three_nodes(void)
{
    struct run_config config = {.slaves = 5,
                                .demo_jobs = 20,
                                .demo_duration_ns = JS_NS_PER_S,
                                .lease_ns = 2 * JS_NS_PER_S};
    return run_new(&config);
}

static void test_a_node_is_described_once(void)
{
    struct run *run = run_of_three_nodes();
    run_go(run);
    expect_all_done(run, 20);
    CU_ASSERT_EQUAL(run->result.slaves, 5);
    CU_ASSERT_EQUAL(fake_net_sent(run->net, JS_TAG_DESCRIBE), 3);
    CU_ASSERT_EQUAL(fake_net_sent(run->net, JS_TAG_NODE), 3);
    CU_ASSERT_EQUAL(fake_net_sent(run->net, JS_TAG_READY), 5);
    run_free(run);
}

/* The slave that describes its node is stopped as soon as it has said HELLO. It
 * is left out, and its neighbour, which has been ready for a long time, is
 * asked.
 */
static void test_a_slave_that_never_describes(void)
{
    struct run *run = run_of_three_nodes();
    fake_net_stop(run->net, 2, FAKE_START_NS + 60 * JS_NS_PER_US,
                  FAKE_START_NS + 70 * JS_NS_PER_S);
    run_go(run);
    expect_all_done(run, 20);
    CU_ASSERT_EQUAL(run->result.slaves, 4);
    CU_ASSERT_EQUAL(run->result.lost, 0);
    CU_ASSERT_TRUE(was_said(run, "slave 2 on n1 was not ready within 60 s"));
    CU_ASSERT_EQUAL(fake_net_sent(run->net, JS_TAG_DESCRIBE), 4);
    unsigned there = 0;
    for (uint64_t id = 1; id <= 20; id++)
        there += run->fates[id].slave == 3;
    CU_ASSERT(there > 0);
    run_free(run);
}

/* A slave loses its runner at any moment of the set-up: the slave is left out,
 * and its neighbour works. */
static void test_a_slave_lost_before_it_describes(void)
{
    uint64_t again = 0;
    for (int64_t at_us = 0; at_us < 2000; at_us += 25) {
        struct run *run = run_of_three_nodes();
        fake_runner_die_at(&run->seats[2].runner,
                           FAKE_START_NS + at_us * JS_NS_PER_US);
        run_go(run);
        CU_ASSERT_EQUAL(run->result.end, JS_MASTER_DONE);
        CU_ASSERT_EQUAL(run->finished, 20);
        CU_ASSERT(run->result.slaves >= 4);
        CU_ASSERT(since_start_ns(run) < 10 * JS_NS_PER_S);
        again += fake_net_sent(run->net, JS_TAG_DESCRIBE) > 3;
        run_free(run);
    }
    CU_ASSERT(again > 0);
}

/* Neither of the two answers: the second one is lost once it is ready. */
static void test_a_node_that_nobody_describes(void)
{
    struct run *run = run_of_three_nodes();
    fake_net_stop(run->net, 2, FAKE_START_NS + 60 * JS_NS_PER_US, JS_NEVER_NS);
    fake_net_stop(run->net, 3, FAKE_START_NS + 10 * JS_NS_PER_S, JS_NEVER_NS);
    run_go_without_lost(run);
    expect_no_complaint(run);
    expect_end(run, JS_MASTER_DONE);
    CU_ASSERT_EQUAL(run->finished, 20);
    CU_ASSERT_EQUAL(run->result.slaves, 3);
    CU_ASSERT_EQUAL(run->result.lost, 1);
    CU_ASSERT_TRUE(was_said(run, "slave 3 on n1 has sent nothing for"));
    run_free(run);
}

/* ---------------------------------------------------------------- runners */

/* At any moment of the set-up: the other slave does all the work. */
static void test_a_runner_lost_early(void)
{
    for (int64_t at_us = 0; at_us < 8000; at_us += 25) {
        char *jobs = lines_of("0.001", 20);
        struct run_config config = {.slaves = 2, .jobs = jobs};
        struct run *run = run_new(&config);
        fake_runner_die_at(&run->seats[1].runner,
                           FAKE_START_NS + at_us * JS_NS_PER_US);
        run_go(run);
        CU_ASSERT_EQUAL(run->result.end, JS_MASTER_DONE);
        CU_ASSERT_EQUAL(run->finished, 20);
        run_free(run);
        free(jobs);
    }
}

/* Every runner is lost while output waits: what had ended is on record. */
static void test_no_runner_is_left_but_output(void)
{
    struct run_config config = {.slaves = 1, .jobs = "1 out=3000000\n1000\n"};
    struct run *run = run_new(&config);
    fake_runner_die_at(&run->seats[1].runner,
                       FAKE_START_NS + JS_NS_PER_S + 2 * JS_NS_PER_MS);
    run_go(run);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_BROKEN);
    CU_ASSERT_EQUAL(run->finished, 1);
    CU_ASSERT_EQUAL(run->result.left, 1);
    CU_ASSERT_EQUAL(run->fates[1].bytes[0], 3000000);
    run_free(run);
}

/* 30 jobs; the runner of slave 1 is lost while both of its slots are busy. */
static struct run *run_with_a_lost_runner(int slaves, bool has_successor)
{
    char *jobs = lines_of("1 out=10", 30);
    struct run_config config = {.slaves = slaves, .slots = 2, .jobs = jobs};
    struct run *run = run_new(&config);
    run->seats[1].runner.has_successor = has_successor;
    fake_runner_die_at(&run->seats[1].runner,
                       FAKE_START_NS + 5 * JS_NS_PER_S / 2);
    run_go(run);
    expect_all_done(run, 30);
    expect_output(run);
    CU_ASSERT_EQUAL(attempts_lost(run), 2);
    free(jobs);
    return run;
}

static void test_a_lost_runner(void)
{
    struct run *run = run_with_a_lost_runner(2, false);
    CU_ASSERT_TRUE(was_said(run, "slave 1 on n0: the process that starts"));
    unsigned again = 0;
    for (uint64_t id = 1; id <= 30; id++) {
        again += run->fates[id].attempt == 2;
        CU_ASSERT_EQUAL(run->fates[id].attempt, run->fates[id].started);
        CU_ASSERT(run->fates[id].attempt == 1 || run->fates[id].slave == 2);
    }
    CU_ASSERT_EQUAL(again, 2);
    run_free(run);
}

/* If a runner can be replaced, only the jobs that it ran are lost with it. */
static void test_another_runner(void)
{
    struct run *run = run_with_a_lost_runner(1, true);
    CU_ASSERT_EQUAL(run->parted, 0);
    CU_ASSERT_TRUE(was_said(run, "one of them may be the cause"));
    run_free(run);
}

/* The runner can be replaced. */
static struct run *run_with_successors(const struct run_config *config)
{
    struct run *run = run_new(config);
    for (int rank = 1; rank <= config->slaves; rank++)
        run->seats[rank].runner.has_successor = true;
    return run;
}

/* Whatever the slots, the company and the seed: the one that kills its runner
 * fails, and nobody else. */
static void test_a_job_that_kills_its_runner(void)
{
    for (uint64_t seed = 1; seed <= unit_rounds(40); seed++) {
        struct rng rng = {seed};
        struct js_buf list = JS_BUF_INIT;
        uint64_t culprit = 1 + rng_below(&rng, 60);
        const char *usual = rng_chance(&rng, 50) ? "0.001" : "0.2";
        for (uint64_t id = 1; id <= 60; id++) {
            if (rng_chance(&rng, 10))
                js_buf_puts(&list, "[cores=2] ");
            js_buf_printf(&list, "%s%s\n", usual,
                          id == culprit ? " kills" : "");
        }
        struct run_config config = {.slaves = 1 + (int)rng_below(&rng, 3),
                                    .slots = 1 + (uint32_t)rng_below(&rng, 3),
                                    .seed = seed,
                                    .jobs = js_buf_string(&list)};
        struct run *run = run_with_successors(&config);
        run_go(run);
        expect_no_complaint(run);
        CU_ASSERT_EQUAL(run->finished, 60);
        CU_ASSERT_EQUAL(run->succeeded, 59);
        CU_ASSERT_EQUAL(run->fates[culprit].exit_code, 126);
        CU_ASSERT_EQUAL(run->fates[culprit].losses, JS_SCHEDULER_LOSSES);
        CU_ASSERT_EQUAL(run->parted, 0);
        run_free(run);
        js_buf_release(&list);
    }
}

/* A runner that is lost again and again without any job is replaced no more. */
static void test_a_runner_that_is_lost_for_nothing(void)
{
    struct run_config config = {.slaves = 2, .jobs = "60\n"};
    struct run *run = run_with_successors(&config);
    run->seats[2].runner.is_sickly = true;
    fake_runner_die_at(&run->seats[2].runner, FAKE_START_NS + JS_NS_PER_S);
    run_go(run);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_DONE);
    CU_ASSERT_EQUAL(run->finished, 1);
    CU_ASSERT_EQUAL(run->parted, 1);
    run_free(run);
}

/* What was given ahead comes back unstarted; only what ran, and the little that
 * was on its way to the slave, is lost. */
static void test_a_lost_runner_with_jobs_ahead(void)
{
    char *jobs = lines_of("0.001", 2000);
    struct run_config config = {.slaves = 2, .jobs = jobs};
    struct run *run = run_new(&config);
    fake_runner_die_at(&run->seats[2].runner, FAKE_START_NS + JS_NS_PER_S / 2);
    run_go(run);
    expect_all_done(run, 2000);
    CU_ASSERT(attempts_lost(run) <= JS_SCHEDULER_CREDIT / 2);
    run_free(run);
    free(jobs);
}

static void test_all_runners_lost(void)
{
    char *jobs = lines_of("1", 30);
    struct run_config config = {.slaves = 2, .jobs = jobs};
    struct run *run = run_new(&config);
    for (int i = 1; i <= 2; i++)
        fake_runner_die_at(&run->seats[i].runner,
                           FAKE_START_NS + 5 * JS_NS_PER_S / 2);
    run_go(run);
    expect_no_complaint(run);
    expect_end(run, JS_MASTER_BROKEN);
    CU_ASSERT_PTR_NOT_NULL(strstr(run->err.text, "no slave is left"));
    CU_ASSERT_EQUAL(run->finished, 4);
    CU_ASSERT_EQUAL(run->result.left, 26);
    CU_ASSERT_TRUE(fake_net_has_left(run->net, 1));
    CU_ASSERT_TRUE(fake_net_has_left(run->net, 2));
    run_free(run);
    free(jobs);
}

/* ---------------------------------------------------------------- leases */

static const int64_t lease_ns = 2 * JS_NS_PER_S;

static struct run *leased_run(int slaves, uint64_t jobs, uint64_t seed)
{
    struct run_config config = {
        .slaves = slaves, .demo_jobs = 0, .seed = seed, .lease_ns = lease_ns};
    struct js_buf list = JS_BUF_INIT;
    for (uint64_t i = 0; i < jobs; i++)
        js_buf_puts(&list, "0.4\n");
    config.jobs = js_buf_string(&list);
    struct run *run = run_new(&config);
    js_buf_release(&list);
    return run;
}

static void test_beats_keep_slaves(void)
{
    struct run_config config = {
        .slaves = 3, .jobs = "20\n20\n20\n", .lease_ns = lease_ns};
    struct run *run = run_through(&config);
    expect_all_done(run, 3);
    CU_ASSERT_EQUAL(run->result.lost, 0);
    /* Six in a lease; and an answer to each. */
    uint64_t beats = fake_net_sent(run->net, JS_TAG_BEAT);
    CU_ASSERT(beats >= 2 * 3 * 50 && beats <= 2 * 3 * 65);
    run_free(run);

    /* DONEs carry almost all heartbeats, and JOBs almost all answers. */
    char *jobs = lines_of("0.1", 600);
    config.jobs = jobs;
    run = run_through(&config);
    expect_all_done(run, 600);
    CU_ASSERT_EQUAL(run->result.lost, 0);
    beats = fake_net_sent(run->net, JS_TAG_BEAT);
    CU_ASSERT(since_start_ns(run) > 20 * JS_NS_PER_S);
    CU_ASSERT(beats <= 30);
    run_free(run);
    free(jobs);
}

/* While it is stopped for twice the lease, JOBs with an answer wait for it.
 * They do not renew the lease: its jobs have ended, and may run again
 * elsewhere. */
static void test_a_stop_with_jobs_unread(void)
{
    uint64_t lost = 0;
    for (uint64_t seed = 1; seed <= unit_rounds(20); seed++) {
        char *jobs = lines_of("0.1", 300);
        struct run_config config = {.slaves = 3,
                                    .jobs = jobs,
                                    .seed = seed,
                                    .lease_ns = lease_ns,
                                    .grace_ns = 10 * JS_NS_PER_S};
        /* The network is so slow that a number is still on its way when the
         * next one is sent. */
        if (seed % 2 == 0)
            config.delay_max_ns = 200 * JS_NS_PER_MS;
        struct run *run = run_new(&config);
        int64_t stop_ns =
            FAKE_START_NS + JS_NS_PER_S + (int64_t)seed * 13 * JS_NS_PER_MS;
        fake_net_stop(run->net, 1, stop_ns, stop_ns + 2 * lease_ns);
        run_go(run);
        expect_all_done(run, 300);
        CU_ASSERT_EQUAL(run->result.lost, 0);
        lost += attempts_lost(run);
        run_free(run);
        free(jobs);
    }
    CU_ASSERT(lost > 0);
}

/* A disk that takes longer than the lease: nothing new is sent before it is
 * done, and the slaves hear of the master all the same. */
static void test_a_slow_journal_keeps_slaves(void)
{
    struct run_config config = {.slaves = 3,
                                .jobs = "0.4\n0.4\n0.4\n0.4\n0.4\n0.4\n0.4\n",
                                .lease_ns = lease_ns,
                                .commit_ns = 5 * lease_ns};
    struct run *run = run_through(&config);
    expect_all_done(run, 7);
    CU_ASSERT_EQUAL(run->result.lost, 0);
    CU_ASSERT_EQUAL(attempts_lost(run), 0);
    CU_ASSERT(since_start_ns(run) > 5 * lease_ns);
    run_free(run);
}

/* Stopped for good: its job runs again elsewhere, once its own has ended. */
static void test_a_silent_slave_is_given_up(void)
{
    struct run *run = leased_run(2, 20, 1);
    fake_net_stop(run->net, 1, FAKE_START_NS + JS_NS_PER_S, JS_NEVER_NS);
    js_master_run(run->master, &run->result, &run->err);
    expect_no_complaint(run);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_DONE);
    CU_ASSERT_EQUAL(run->result.lost, 1);
    CU_ASSERT_EQUAL(run->parted, 1);
    CU_ASSERT_EQUAL(run->finished, 20);
    CU_ASSERT_EQUAL(attempts_lost(run), 1);
    CU_ASSERT_TRUE(was_said(run, "slave 1 on n0 has sent nothing for"));
    run_free(run);
}

/* Each of the last three slaves is lost with the only job. The job has then
 * failed, even if it takes a while to record a loss. */
static void test_a_job_that_takes_all_slaves(void)
{
    static const int in_turn[] = {2, 1, 3}; /* as it is given to them */
    struct run_config config = {.slaves = 3,
                                .crowd = 4,
                                .jobs = "60\n",
                                .lease_ns = lease_ns,
                                .loss_ns = 50 * JS_NS_PER_MS};
    struct run *run = run_new(&config);
    for (int i = 0; i < 3; i++)
        fake_net_stop(run->net, in_turn[i],
                      FAKE_START_NS + (i + 1) * 6 * JS_NS_PER_S, JS_NEVER_NS);
    js_master_run(run->master, &run->result, &run->err);
    expect_no_complaint(run);
    expect_end(run, JS_MASTER_DONE);
    CU_ASSERT_EQUAL(run->result.lost, 3);
    CU_ASSERT_EQUAL(run->finished, 1);
    CU_ASSERT_EQUAL(run->fates[1].exit_code, 126);
    run_free(run);
}

/* It is given up, and then it goes on: nothing it says counts any more. */
static void test_a_slave_that_comes_back_late(void)
{
    for (uint64_t seed = 1; seed <= unit_rounds(20); seed++) {
        struct run *run = leased_run(3, 80, seed);
        fake_net_stop(run->net, 1,
                      FAKE_START_NS + 700 * JS_NS_PER_MS +
                          (int64_t)seed * 17 * JS_NS_PER_MS,
                      FAKE_START_NS + (5 + (int64_t)seed / 4) * JS_NS_PER_S);
        run_go_without_lost(run);
        expect_all_done(run, 80);
        run_free(run);
    }
}

/* Shorter than its lease: it costs nothing but time. */
static void test_a_short_stop_costs_nothing(void)
{
    struct run *run = leased_run(2, 20, 1);
    fake_net_stop(run->net, 1, FAKE_START_NS + JS_NS_PER_S,
                  FAKE_START_NS + JS_NS_PER_S + lease_ns / 2);
    run_go(run);
    expect_all_done(run, 20);
    CU_ASSERT_EQUAL(attempts_lost(run), 0);
    run_free(run);
}

/* Its lease has run out, but it was not given up yet: what it ran has been
 * ended and runs again, and it works on. */
static void test_a_stop_longer_than_the_lease(void)
{
    struct run *run = leased_run(2, 60, 1);
    fake_net_stop(run->net, 1, FAKE_START_NS + 900 * JS_NS_PER_MS,
                  FAKE_START_NS + 900 * JS_NS_PER_MS + lease_ns +
                      JS_NS_PER_S / 2);
    run_go(run);
    expect_all_done(run, 60);
    CU_ASSERT_EQUAL(run->result.lost, 0);
    CU_ASSERT(run->fates[run->order[59]].finish_ns < 16 * JS_NS_PER_S);
    run_free(run);
}

/* No message in either direction from then on. */
static void test_a_slave_that_is_cut_off(void)
{
    struct run *run = leased_run(3, 60, 1);
    fake_net_cut(run->net, 2, FAKE_START_NS + 1300 * JS_NS_PER_MS);
    run_go_without_lost(run);
    expect_no_complaint(run);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_DONE);
    CU_ASSERT_EQUAL(run->result.lost, 1);
    CU_ASSERT_EQUAL(run->finished, 60);
    /* It has found out by itself. */
    CU_ASSERT_TRUE(fake_net_has_left(run->net, 2));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(run->seats[2].err.text, "has sent nothing for"));
    run_free(run);
}

static void test_all_slaves_cut_off(void)
{
    struct run *run = leased_run(2, 60, 1);
    fake_net_cut(run->net, 1, FAKE_START_NS + 1300 * JS_NS_PER_MS);
    fake_net_cut(run->net, 2, FAKE_START_NS + 1500 * JS_NS_PER_MS);
    js_master_run(run->master, &run->result, &run->err);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_BROKEN);
    CU_ASSERT_EQUAL(run->result.lost, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(run->err.text, "no slave is left"));
    run_free(run);
}

/* Runs to the end, and each of so many jobs finishes once. */
static void expect_each_finishes(struct run *run, uint64_t jobs)
{
    run_go_without_lost(run);
    expect_no_complaint(run);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_DONE);
    CU_ASSERT_EQUAL(run->finished, jobs);
    for (uint64_t id = 1; id <= jobs; id++)
        CU_ASSERT_EQUAL(run->fates[id].finished, 1);
}

/* Of each host one slave; another if that one is lost meanwhile. */
static void test_what_a_killed_run_has_left(void)
{
    struct run_config config = {.slaves = 3,
                                .jobs = "0.4\n0.4\n0.4\n",
                                .lease_ns = lease_ns,
                                .has_dead = true};
    struct run *run = run_through(&config);
    expect_all_done(run, 3);
    CU_ASSERT_EQUAL(fake_net_sent(run->net, JS_TAG_CLEAR), 2);
    CU_ASSERT_EQUAL(fake_net_sent(run->net, JS_TAG_CLEARED), 2);
    run_free(run);

    config.cut_enlisted = 2;
    run = run_new(&config);
    expect_each_finishes(run, 3);
    CU_ASSERT_EQUAL(run->result.lost, 1);
    CU_ASSERT_EQUAL(fake_net_sent(run->net, JS_TAG_CLEAR), 3);
    CU_ASSERT_EQUAL(fake_net_sent(run->net, JS_TAG_CLEARED), 2);
    CU_ASSERT_EQUAL(attempts_lost(run), 0);
    run_free(run);
}

/* Two nodes each; at any time slave 3 or 5, and so two nodes, are left. */
static struct run *wide_run(uint64_t jobs, uint64_t seed)
{
    struct run_config config = {
        .slaves = 5, .seed = seed, .lease_ns = lease_ns};
    struct js_buf list = JS_BUF_INIT;
    for (uint64_t i = 0; i < jobs; i++)
        js_buf_puts(&list, i % 3 == 0 ? "[nodes=2] 0.4\n" : "0.4\n");
    config.jobs = js_buf_string(&list);
    struct run *run = run_new(&config);
    js_buf_release(&list);
    return run;
}

/* A host of a job is lost while it runs on another: it is ended there, and runs
 * again. */
static void test_a_host_of_a_job_is_lost(void)
{
    struct run_config config = {
        .slaves = 4, .jobs = "[nodes=3 cores=4] 60\n", .lease_ns = lease_ns};
    struct run *run = run_new(&config);
    fake_net_cut(run->net, 2, FAKE_START_NS + JS_NS_PER_S);
    run_go_without_lost(run);
    expect_no_complaint(run);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_DONE);
    CU_ASSERT_EQUAL(run->finished, 1);
    CU_ASSERT_EQUAL(run->fates[1].attempt, 2);
    CU_ASSERT_EQUAL(fake_net_sent(run->net, JS_TAG_KILL_JOB), 1);
    CU_ASSERT(run->fates[1].finish_ns < 90 * JS_NS_PER_S);
    CU_ASSERT_EQUAL(run->fates[1].exit_code, 0);
    run_free(run);
}

/* Stopped for some time, cut off, or neither. */
static void lose_perhaps(struct run *run, struct rng *rng, int rank)
{
    int64_t from_ns =
        FAKE_START_NS + (int64_t)rng_below(rng, 6000) * JS_NS_PER_MS;
    int64_t length_ns = (int64_t)rng_below(rng, 8000) * JS_NS_PER_MS;
    if (rng_chance(rng, 50))
        fake_net_stop(run->net, rank, from_ns, from_ns + length_ns);
    else if (rng_chance(rng, 30))
        fake_net_cut(run->net, rank, from_ns);
}

static void test_random_losses_of_hosts(void)
{
    uint64_t ends = 0;
    for (uint64_t seed = 1;
         seed <= unit_rounds(100) || (ends == 0 && seed <= 100); seed++) {
        static const int losable[] = {1, 2, 4};
        struct rng rng = {seed};
        struct run *run = wide_run(60, seed);
        for (int i = 0; i < 3; i++)
            lose_perhaps(run, &rng, losable[i]);
        expect_each_finishes(run, 60);
        ends += fake_net_sent(run->net, JS_TAG_KILL_JOB);
        run_free(run);
    }
    /* It is about something. */
    CU_ASSERT(ends > 0);
}

/* Stops, cuts and delays as they come: every job finishes once, and never runs
 * twice at a time. */
static void test_random_losses(void)
{
    for (uint64_t seed = 1; seed <= unit_rounds(100); seed++) {
        struct rng rng = {seed};
        struct run *run = leased_run(5, 60, seed);
        for (int i = 1; i <= 4; i++)
            lose_perhaps(run, &rng, i);
        expect_each_finishes(run, 60);
        run_free(run);
    }
}

/* Slurm signals one process after another: the slave's own signal comes behind
 * that of its job. The job was stopped then, and has not failed. */
static void test_a_signal_behind_the_jobs(void)
{
    struct run_config config = {
        .slaves = 1, .jobs = "1 signal=15\n", .has_late_signals = true};
    struct run *run = run_new(&config);
    run_go(run);
    expect_no_complaint(run);
    CU_ASSERT_EQUAL(run->fates[1].started, 1);
    CU_ASSERT_EQUAL(run->fates[1].finished, 0);
    CU_ASSERT_EQUAL(run->result.left, 1);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_INTERRUPTED);
    run_free(run);
}

static const struct unit_test tests[] = {
    {"beats keep slaves", test_beats_keep_slaves},
    {"a stop with jobs unread", test_a_stop_with_jobs_unread},
    {"a slow journal keeps slaves", test_a_slow_journal_keeps_slaves},
    {"a silent slave is given up", test_a_silent_slave_is_given_up},
    {"a job that takes all slaves", test_a_job_that_takes_all_slaves},
    {"a slave that comes back late", test_a_slave_that_comes_back_late},
    {"a short stop costs nothing", test_a_short_stop_costs_nothing},
    {"a stop longer than the lease", test_a_stop_longer_than_the_lease},
    {"a slave that is cut off", test_a_slave_that_is_cut_off},
    {"all slaves cut off", test_all_slaves_cut_off},
    {"random losses", test_random_losses},
    {"a host of a job is lost", test_a_host_of_a_job_is_lost},
    {"what a killed run has left", test_what_a_killed_run_has_left},
    {"random losses of hosts", test_random_losses_of_hosts},
    {"a stopped slave holds up nobody", test_a_stopped_slave_holds_up_nobody},
    {"a slave stopped within a text", test_a_slave_stopped_within_a_text},
    {"another version is left out", test_another_version_is_left_out},
    {"a slave that never shows up", test_a_slave_that_never_shows_up},
    {"a slave that never gets ready", test_a_slave_that_never_gets_ready},
    {"late slaves", test_late_slaves},
    {"nobody shows up", test_nobody_shows_up},
    {"a slave that cannot work", test_a_slave_that_cannot_work},
    {"a node is described once", test_a_node_is_described_once},
    {"a slave that never describes", test_a_slave_that_never_describes},
    {"a slave lost before it describes", test_a_slave_lost_before_it_describes},
    {"a node that nobody describes", test_a_node_that_nobody_describes},
    {"a runner lost early", test_a_runner_lost_early},
    {"no runner is left, but output", test_no_runner_is_left_but_output},
    {"a lost runner", test_a_lost_runner},
    {"another runner", test_another_runner},
    {"a job that kills its runner", test_a_job_that_kills_its_runner},
    {"a runner that is lost for nothing",
     test_a_runner_that_is_lost_for_nothing},
    {"a lost runner with jobs ahead", test_a_lost_runner_with_jobs_ahead},
    {"all runners lost", test_all_runners_lost},
    {"a signal behind that of the job", test_a_signal_behind_the_jobs},
    {NULL, NULL},
};

const struct unit_suite suite_loop_losses = {"loop_losses", tests};
