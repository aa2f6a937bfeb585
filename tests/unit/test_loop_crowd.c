/* master and slave: so many slaves that messages stay unread for a while. */
#include "loop_run.h"
#include "unit.h"

#include <stdlib.h>

static const int64_t lease_ns = 2 * JS_NS_PER_S;
static const int64_t grace_ns = JS_NS_PER_S; /* as in loop_run.c */

/* The master needs so long for each READY that the first slaves' leases would
 * expire long before it reads the last one. Their heartbeats are answered in
 * the meantime.
 */
static void test_many_slaves_of_large_nodes_live(void)
{
    int slaves = (int)unit_rounds(2560);
    struct run_config config = {.slaves = slaves,
                                .crowd = 128,
                                .demo_jobs = (uint64_t)slaves,
                                .demo_duration_ns = 5 * JS_NS_PER_S,
                                .lease_ns = lease_ns};
    config.cost_ns[JS_TAG_READY] = 10 * JS_NS_PER_S / slaves;
    config.cost_ns[JS_TAG_BEAT] = JS_NS_PER_US;
    struct run *run = run_through(&config);
    expect_all_done(run, (uint64_t)slaves);
    CU_ASSERT_EQUAL(run->result.slaves, (unsigned)slaves);
    CU_ASSERT_EQUAL(run->result.lost, 0);
    CU_ASSERT_EQUAL(attempts_lost(run), 0);
    CU_ASSERT_EQUAL(fake_net_sent(run->net, JS_TAG_NODE),
                    (uint64_t)slaves / 128 + 1);
    CU_ASSERT(since_start_ns(run) > 4 * lease_ns);
    /* With this many slaves, each sends three heartbeats in a lease, and gets
     * an answer to each. */
    uint64_t leases = (uint64_t)(since_start_ns(run) / lease_ns + 1);
    uint64_t beats = fake_net_sent(run->net, JS_TAG_BEAT);
    CU_ASSERT(slaves < 2560 || beats <= 2 * 3 * 2560 * leases);
    run_free(run);
}

/* The master never has time to read everything that the slaves send, and needs
 * much more time for a message than passes between two heartbeats. One slave is
 * killed. */
static void test_a_killed_slave_of_a_saturated_master(void)
{
    static const int64_t killed_ns = 2 * JS_NS_PER_S;
    char *jobs = lines_of("0.1", 3000);
    struct run_config config = {
        .slaves = 200, .jobs = jobs, .crowd = 128, .lease_ns = lease_ns};
    config.cost_ns[JS_TAG_DONE] = 5 * JS_NS_PER_MS;
    struct run *run = run_new(&config);
    fake_net_cut(run->net, 7, FAKE_START_NS + killed_ns);
    run_go_without_lost(run);
    expect_no_complaint(run);
    expect_end(run, JS_MASTER_DONE);
    CU_ASSERT_EQUAL(run->finished, 3000);
    CU_ASSERT_EQUAL(run->result.lost, 1);
    CU_ASSERT(run->parted_ns > killed_ns + lease_ns);
    CU_ASSERT(run->parted_ns <
              killed_ns + lease_ns + grace_ns + 5 * JS_NS_PER_S);
    CU_ASSERT(since_start_ns(run) > 12 * JS_NS_PER_S);
    run_free(run);
    free(jobs);
}

/* The master needs more than a minute to read all HELLOs, and to read all
 * READYs: no slave is left out. */
static void test_slaves_that_lie_unread(void)
{
    struct run_config config = {.slaves = 250,
                                .crowd = 128,
                                .demo_jobs = 250,
                                .demo_duration_ns = JS_NS_PER_S};
    config.cost_ns[JS_TAG_HELLO] = JS_NS_PER_S / 2;
    config.cost_ns[JS_TAG_READY] = JS_NS_PER_S / 2;
    struct run *run = run_through(&config);
    expect_all_done(run, 250);
    CU_ASSERT_EQUAL(run->result.slaves, 250);
    CU_ASSERT(since_start_ns(run) > 4 * 60 * JS_NS_PER_S);
    run_free(run);
}

/* The last slave reports after more than a minute: the master waits for it as
 * long as other slaves report. */
static void test_slaves_that_come_one_after_another(void)
{
    static const int64_t apart_ns = 300 * JS_NS_PER_MS;
    struct run_config config = {.slaves = 250,
                                .crowd = 128,
                                .demo_jobs = 250,
                                .demo_duration_ns = JS_NS_PER_S};
    struct run *run = run_new(&config);
    for (int i = 1; i <= 250; i++)
        fake_net_stop(run->net, i, FAKE_START_NS, FAKE_START_NS + i * apart_ns);
    run_go(run);
    expect_all_done(run, 250);
    CU_ASSERT_EQUAL(run->result.slaves, 250);
    CU_ASSERT(since_start_ns(run) > 250 * apart_ns);
    run_free(run);
}

struct rounds {
    struct run *run;
    uint64_t dispatched, most, turns;
    unsigned cut;
};

static void count_rounds(void *arg)
{
    struct rounds *rounds = arg;
    uint64_t dispatched = rounds->run->dispatched;
    uint64_t now = dispatched - rounds->dispatched;
    if (now > rounds->most)
        rounds->most = now;
    rounds->turns += now > 0;
    rounds->cut += dispatched % 10 > 0 && dispatched < 3995;
    rounds->dispatched = dispatched;
}

/* All jobs have room at once, but a turn reads and assigns some thousand jobs
 * at most; this must not change the rounds. */
static void test_a_first_wave_takes_several_turns(void)
{
    enum { JOBS = 3995, MOST = 1030 };
    struct rounds rounds = {0};
    struct run_config config = {.slaves = 2560,
                                .crowd = 128,
                                .demo_jobs = JOBS,
                                .demo_duration_ns = 5 * JS_NS_PER_S,
                                .in_turn = count_rounds,
                                .in_turn_arg = &rounds};
    struct run *run = rounds.run = run_new(&config);
    run_go(run);
    expect_all_done(run, JOBS);
    expect_trace(run, JOBS);
    CU_ASSERT(rounds.most <= MOST);
    CU_ASSERT_EQUAL(rounds.cut, 0);
    run_free(run);
}

/* One job in five hundred can start at once: a round must wait for the turns
 * that read ten of them. */
static void test_a_round_waits_for_what_can_be_read(void)
{
    enum { JOBS = 4000, EACH = 500 };
    struct js_buf jobs = JS_BUF_INIT;
    struct rounds rounds = {0};
    js_buf_puts(&jobs, "[name=a] 1\n0.1\n");
    for (int i = 2; i < JOBS; i++)
        js_buf_puts(&jobs, i % EACH == EACH - 1 ? "0.1\n" : "[after=a] 0.1\n");
    struct run_config config = {.slaves = 20,
                                .crowd = 4,
                                .jobs = js_buf_string(&jobs),
                                .in_turn = count_rounds,
                                .in_turn_arg = &rounds};
    struct run *run = rounds.run = run_new(&config);
    run_go(run);
    expect_all_done(run, JOBS);
    CU_ASSERT_EQUAL(rounds.cut, 0);
    run_free(run);
    js_buf_release(&jobs);
}

static const struct unit_test tests[] = {
    {"many slaves of large nodes live", test_many_slaves_of_large_nodes_live},
    {"a killed slave of a saturated master",
     test_a_killed_slave_of_a_saturated_master},
    {"slaves that lie unread", test_slaves_that_lie_unread},
    {"a first wave takes several turns", test_a_first_wave_takes_several_turns},
    {"a round waits for what can be read",
     test_a_round_waits_for_what_can_be_read},
    {"slaves that come one after another",
     test_slaves_that_come_one_after_another},
    {NULL, NULL},
};

const struct unit_suite suite_loop_crowd = {"loop_crowd", tests};
