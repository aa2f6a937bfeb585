/* master and slave: whole runs over a link in memory, on a simulated clock. */
#include "loop_run.h"
#include "unit.h"

#include "rng.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------- the demo */

static void test_the_demonstration(void)
{
    struct run_config config = {
        .slaves = 2, .demo_jobs = 30, .demo_duration_ns = JS_NS_PER_S};
    struct run *run = run_through(&config);
    expect_all_done(run, 30);
    expect_trace(run, 30);
    CU_ASSERT(run->result.wall_ns >= 15 * JS_NS_PER_S);
    CU_ASSERT(run->result.wall_ns < 15 * JS_NS_PER_S + JS_NS_PER_S / 10);
    CU_ASSERT_EQUAL(run->result.slaves, 2);
    CU_ASSERT_EQUAL(run->result.slots, 2);
    CU_ASSERT_EQUAL(attempts_lost(run), 0);
    CU_ASSERT_TRUE(was_said(run, "slave 1 on n0: 1 slot on CPUs"));
    CU_ASSERT_STRING_EQUAL(js_master_host(run->master, 2), "n1");
    /* A round opens when somebody has nothing of the last one to do. */
    struct trace *trace = trace_of(run);
    CU_ASSERT(trace->dispatched[11] > trace->finished[8]);
    CU_ASSERT(trace->dispatched[11] < trace->finished[11]);
    free(trace);
    run_free(run);
}

static void test_no_jobs_at_all(void)
{
    struct run_config config = {.slaves = 2, .demo_jobs = 0};
    struct run *run = run_through(&config);
    expect_all_done(run, 0);
    CU_ASSERT_EQUAL(run->result.wall_ns, 0);
    run_free(run);
}

static void test_barrier(void)
{
    char *fast = lines_of("0.1", 3);
    struct js_buf jobs = JS_BUF_INIT;
    for (int round = 0; round < 5; round++)
        js_buf_printf(&jobs, "2\n%s", fast);
    struct run_config config = {.slaves = 3,
                                .jobs = js_buf_string(&jobs),
                                .round_size = 4,
                                .barrier = true};
    struct run *run = run_through(&config);
    expect_all_done(run, 20);
    expect_trace(run, 20);
    struct trace *trace = trace_of(run);
    for (uint64_t id = 5; id <= 20; id++) {
        uint64_t before = (id - 1) / 4 * 4; /* the last of the round before */
        for (uint64_t other = before; other > before - 4; other--)
            CU_ASSERT(trace->finished[other] < trace->dispatched[id]);
    }
    CU_ASSERT(run->result.wall_ns >= 10 * JS_NS_PER_S);
    free(trace);
    run_free(run);
    js_buf_release(&jobs);
    free(fast);
}

static void test_without_barrier_nobody_waits(void)
{
    char *fast = lines_of("0.1", 40);
    struct js_buf jobs = JS_BUF_INIT;
    js_buf_printf(&jobs, "3\n%s", fast);
    struct run_config config = {.slaves = 2, .jobs = js_buf_string(&jobs)};
    struct run *run = run_through(&config);
    expect_all_done(run, 41);
    /* 40 x 0.1 s on the one, while the other runs for 3 s, and shares. */
    CU_ASSERT(run->result.wall_ns < 4 * JS_NS_PER_S);
    CU_ASSERT_EQUAL(run->order[0], 2);
    run_free(run);
    js_buf_release(&jobs);
    free(fast);
}

static void run_on_slots(int slaves, uint32_t slots)
{
    uint64_t jobs = 5 * (uint64_t)slaves * slots;
    struct run_config config = {.slaves = slaves,
                                .slots = slots,
                                .demo_jobs = jobs,
                                .demo_duration_ns = JS_NS_PER_S};
    struct run *run = run_through(&config);
    expect_all_done(run, jobs);
    CU_ASSERT_EQUAL(run->result.slots, (uint64_t)slaves * slots);
    CU_ASSERT(run->result.wall_ns >= 5 * JS_NS_PER_S);
    CU_ASSERT(run->result.wall_ns < 5 * JS_NS_PER_S + JS_NS_PER_S / 10);
    run_free(run);
}

/* Also where there are more slots than jobs that may be unacknowledged. */
static void test_every_slot_is_used(void)
{
    run_on_slots(2, 4);
    run_on_slots(1, JS_SCHEDULER_CREDIT + 1);
    run_on_slots(3, 64);
}

/* No clock reaches its end: it just runs on. */
static void test_the_longest_duration(void)
{
    struct run_config config = {
        .slaves = 1, .demo_jobs = 1, .demo_duration_ns = JS_NEVER_NS - 1};
    struct run *run = run_through(
        &config); /* until it is noticed that nothing happens any more */
    CU_ASSERT_EQUAL(run->finished, 0);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_BROKEN);
    CU_ASSERT_EQUAL(run->result.left, 1);
    run_free(run);
}

/* ---------------------------------------------------------------- streams */

/* Writes three jobs into a pipe, every ten seconds. */
struct writer {
    struct fake_net *net;
    int number, fd;
    unsigned left; /* times */
};

static int writer_turn(void *arg)
{
    static const char text[] = "1\n2\n0.5\n";
    struct writer *writer = arg;
    if (writer->left == 0) {
        close(writer->fd);
        return 1;
    }
    writer->left--;
    if (write(writer->fd, text, strlen(text)) != (ssize_t)strlen(text))
        fake_net_complain(writer->net, "the pipe is full");
    fake_net_wake(writer->net, writer->number,
                  fake_net_now_ns(writer->net) + 10 * JS_NS_PER_S);
    return 0;
}

static void test_a_slow_stream(void)
{
    int fds[2];
    CU_ASSERT_EQUAL_FATAL(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    struct run_config config = {.slaves = 2, .stream_fd = fds[0]};
    struct run *run = run_new(&config);
    struct writer writer = {
        .net = run->net, .number = 3, .fd = fds[1], .left = 20};
    fake_net_add(run->net, 3, FAKE_START_NS, writer_turn, &writer);
    run_go(run);
    close(fds[0]);
    CU_ASSERT_TRUE(fake_net_has_left(run->net, 3));
    expect_all_done(run, 60);
    for (uint64_t id = 1; id <= 60; id++) {
        int64_t came_ns = (int64_t)((id - 1) / 3) * 10 * JS_NS_PER_S;
        CU_ASSERT(run->fates[id].finish_ns > came_ns);
        CU_ASSERT(run->fates[id].finish_ns < came_ns + 3 * JS_NS_PER_S);
    }
    /* Waiting for the stream is not looking at it all the time. */
    CU_ASSERT(fake_net_turns(run->net, 0) < 1000);
    run_free(run);
}

/* ---------------------------------------------------------------- ahead */

/* Short jobs follow one another without a word from the master. */
static void test_short_jobs_are_given_ahead(void)
{
    char *jobs = lines_of("0.001", 1000);
    struct run_config config = {
        .slaves = 1, .jobs = jobs, .delay_max_ns = JS_NS_PER_MS};
    struct run *run = run_through(&config);
    expect_all_done(run, 1000);
    CU_ASSERT(run->result.wall_ns < JS_NS_PER_S + JS_NS_PER_S / 10);
    run_free(run);
    free(jobs);
}

static void test_long_jobs_hold_up_nobody(void)
{
    struct js_buf jobs = JS_BUF_INIT;
    char *some = lines_of("0.001", 100);
    char *more = lines_of("0.001", 300);
    js_buf_printf(&jobs, "%s3600\n%s", some, more);
    struct run_config config = {.slaves = 2, .jobs = js_buf_string(&jobs)};
    struct run *run = run_through(&config);
    expect_all_done(run, 401);
    for (uint64_t id = 1; id <= 401; id++) {
        if (id != 101)
            CU_ASSERT(run->fates[id].finish_ns < 2 * JS_NS_PER_S);
        CU_ASSERT_EQUAL(run->fates[id].started, 1);
    }
    CU_ASSERT(run->fates[101].finish_ns >= 3600 * JS_NS_PER_S);
    CU_ASSERT(fake_net_sent(run->net, JS_TAG_RETURNED) > 0);
    CU_ASSERT(fake_net_sent(run->net, JS_TAG_RETURNED) <=
              2 * JS_SCHEDULER_CREDIT);
    CU_ASSERT_EQUAL(attempts_lost(run), 0);
    run_free(run);
    js_buf_release(&jobs);
    free(some);
    free(more);
}

/* Jobs of one length: what is given ahead is run, not sent to and fro. */
static void test_even_jobs_are_not_sent_to_and_fro(void)
{
    static const char *const durations[] = {"0.002", "0.006", "0.012",
                                            "0.02",  "0.04",  "0.1"};
    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        char *jobs = lines_of(durations[i], 200);
        struct run_config config = {.slaves = 2, .jobs = jobs};
        struct run *run = run_through(&config);
        expect_all_done(run, 200);
        uint64_t back = fake_net_sent(run->net, JS_TAG_RETURNED);
        CU_ASSERT(back <= JS_SCHEDULER_CREDIT);
        if (back > JS_SCHEDULER_CREDIT)
            fprintf(stderr, "\nloop: 200 x %s s: %" PRIu64 " sent back\n",
                    durations[i], back);
        run_free(run);
        free(jobs);
    }
}

/* ---------------------------------------------------------------- commands */

static void test_long_commands(void)
{
    static const int lengths[] = {199,    200,    201,    65535,   65536, 65537,
                                  262143, 262144, 262145, 1048576, 200};
    struct js_buf jobs = JS_BUF_INIT;
    uint64_t sum = 0;
    for (size_t n = 0; n < sizeof(lengths) / sizeof(lengths[0]); n++) {
        size_t start = jobs.len;
        js_buf_puts(&jobs, "0.01 ");
        while (jobs.len - start < (size_t)lengths[n])
            js_buf_append(&jobs, &"abcdefghij\xff\x01-+=xyz"[jobs.len % 17], 1);
        for (size_t i = 0; i < (size_t)lengths[n]; i++)
            sum += (unsigned char)jobs.data[start + i] * (i % 251 + 1);
        js_buf_append(&jobs, "\n", 1);
    }
    struct run_config config = {.slaves = 2, .jobs = js_buf_string(&jobs)};
    struct run *run = run_through(&config);
    expect_all_done(run, 11);
    CU_ASSERT_EQUAL(run->longest_command, 1048576);
    CU_ASSERT_EQUAL(run->command_sum, sum);
    /* The setups, one piece each; then 3 x 1, 2 and 4 pieces. */
    CU_ASSERT_EQUAL(fake_net_sent(run->net, JS_TAG_TEXT), 2 + 3 + 2 + 4);
    run_free(run);
    js_buf_release(&jobs);
}

static void note_environ(void *arg, const struct js_runner *runner,
                         const struct js_runner_config *config)
{
    struct seat *seat = arg;
    static const char *const expected[] = {"A=1", "B=2", "HOSTNAME=here"};
    (void)runner;
    for (int i = 0; i < 3; i++)
        CU_ASSERT_STRING_EQUAL(not_null((void *)config->env[i]), expected[i]);
    CU_ASSERT_PTR_NULL(config->env[3]);
    CU_ASSERT_STRING_EQUAL(config->settings.cwd, "/");
    CU_ASSERT_STRING_EQUAL(config->settings.tmpdir, "/tmp");
    CU_ASSERT_EQUAL(config->settings.umask, 022);
    CU_ASSERT_EQUAL(config->slave, (unsigned)seat->rank);
    CU_ASSERT_EQUAL(config->slots, 2);
    CU_ASSERT_EQUAL(config->settings.grace_ns, JS_NS_PER_S);
    for (uint32_t i = 0; i < config->slots; i++)
        CU_ASSERT_EQUAL(js_cpuset_count(&config->slot_cpus[i]), 1);
    seat->most_running = 0;
}

static void test_the_runner_gets_the_setup(void)
{
    struct run_config config = {.slaves = 1, .slots = 2, .demo_jobs = 1};
    struct run *run = run_new(&config);
    run->seats[1].runner.configured = note_environ;
    run_go(run);
    expect_all_done(run, 1);
    run_free(run);
}

static void test_failed_jobs(void)
{
    struct run_config config = {.slaves = 2,
                                .jobs = "0.1 exit=3\n0.1\n0.1 exit=255\n"};
    struct run *run = run_through(&config);
    expect_all_done(run, 3); /* failing is a way to end */
    CU_ASSERT_EQUAL(run->fates[1].exit_code, 3);
    CU_ASSERT_EQUAL(run->fates[2].exit_code, 0);
    CU_ASSERT_EQUAL(run->fates[3].exit_code, 255);
    run_free(run);
}

/* ---------------------------------------------------------------- waiting */

/* With nothing to do, nobody makes turns but for what happens. */
static void test_nobody_is_awake_for_nothing(void)
{
    struct run_config config = {
        .slaves = 2, .demo_jobs = 2, .demo_duration_ns = 60 * JS_NS_PER_S};
    struct run *run = run_through(&config);
    expect_all_done(run, 2);
    for (int i = 0; i <= 2; i++)
        CU_ASSERT(fake_net_turns(run->net, i) < 30);
    run_free(run);
}

static void test_what_runs_long_is_told(void)
{
    struct run_config config = {.slaves = 2, .jobs = "0.5\n3\n3\n0.5\n3\n"};
    struct run *run = run_through(&config);
    expect_all_done(run, 5);
    for (uint64_t id = 1; id <= 5; id++)
        CU_ASSERT_EQUAL(run->fates[id].begun, id != 1 && id != 4);
    CU_ASSERT_EQUAL(run->parted, 0);
    run_free(run);
}

static void test_turns_for_a_job_are_few(void)
{
    char *jobs = lines_of("0.1 out=50", 500);
    struct run_config config = {.slaves = 2, .jobs = jobs};
    struct run *run = run_through(&config);
    expect_all_done(run, 500);
    for (int i = 0; i <= 2; i++)
        CU_ASSERT(fake_net_turns(run->net, i) < 500 * 5);
    /* An ACK for each setup: a DONE acknowledges jobs, too. */
    CU_ASSERT(fake_net_sent(run->net, JS_TAG_ACK) < 10);
    CU_ASSERT_EQUAL(fake_net_sent(run->net, JS_TAG_DONE), 500);
    run_free(run);
    free(jobs);
}

/* What the speed of short jobs rests on: several to a message, and several ends
 * of them; and nobody is asked for what he has not. */
static void test_messages_for_short_jobs_are_few(void)
{
    enum { JOBS = 1000 };
    char *jobs = lines_of("0.0005", JOBS);
    struct run_config config = {.slaves = 2, .jobs = jobs};
    struct run *run = run_through(&config);
    expect_all_done(run, JOBS);
    uint64_t given = fake_net_sent(run->net, JS_TAG_JOB) +
                     fake_net_sent(run->net, JS_TAG_JOBS);
    CU_ASSERT(given < JOBS / 4);
    CU_ASSERT(fake_net_sent(run->net, JS_TAG_ACK) < JOBS / 10);
    CU_ASSERT(fake_net_sent(run->net, JS_TAG_RETURNED) <= 10);
    CU_ASSERT(fake_net_turns(run->net, 0) < JOBS / 2);
    run_free(run);
    free(jobs);
}

/* A slave that has nothing more to do is given what the other has ahead: short
 * and long jobs alternate, and nobody sits on the rest. */
static void test_no_core_waits_at_the_end(void)
{
    struct js_buf jobs = JS_BUF_INIT;
    int64_t sum_ns = 0;
    for (int i = 0; i < 120; i++) {
        int ms = i % 12 == 11 ? 300 : 2;
        js_buf_printf(&jobs, "0.%03d\n", ms);
        sum_ns += ms * JS_NS_PER_MS;
    }
    for (uint64_t seed = 1; seed <= unit_rounds(20); seed++) {
        struct run_config config = {
            .slaves = 2, .jobs = js_buf_string(&jobs), .seed = seed};
        struct run *run = run_through(&config);
        expect_all_done(run, 120);
        /* At the most one long job is all that is left for one of them. */
        CU_ASSERT(since_start_ns(run) <
                  sum_ns / 2 + 150 * JS_NS_PER_MS + 50 * JS_NS_PER_MS);
        run_free(run);
    }
    js_buf_release(&jobs);
}

/* A rank that is stopped for a while, whose runner goes on, and which is asked
 * for jobs meanwhile: what it then gives back has no slot yet. */
static void test_recalled_from_a_stopped_slave(void)
{
    /* Long ones are still being sent when the recall overtakes them. */
    struct js_buf line = JS_BUF_INIT;
    js_buf_puts(&line, "0.005 ");
    for (int i = 0; i < 2000; i++)
        js_buf_puts(&line, "ten bytes ");
    char *jobs = lines_of(js_buf_string(&line), 70);
    js_buf_release(&line);
    for (uint64_t seed = 1; seed <= unit_rounds(60); seed++) {
        struct run_config config = {.slaves = 2, .jobs = jobs, .seed = seed};
        struct run *run = run_new(&config);
        int64_t from_ns = FAKE_START_NS + (int64_t)seed * 2 * JS_NS_PER_MS;
        fake_net_stop(run->net, 1, from_ns, from_ns + 700 * JS_NS_PER_MS);
        run_go(run);
        expect_all_done(run, 70);
        run_free(run);
    }
    free(jobs);
}

static void test_backoff(void)
{
    int64_t before_ns = 0;
    for (int64_t idle_ns = 0; idle_ns < 60 * JS_NS_PER_S;
         idle_ns += idle_ns / 50 + 1000) {
        int64_t pause_ns = js_backoff_ns(idle_ns);
        CU_ASSERT_FATAL(pause_ns >= before_ns);
        CU_ASSERT_FATAL(pause_ns >= 20 * JS_NS_PER_US);
        CU_ASSERT_FATAL(pause_ns <= JS_LINK_PAUSE_NS);
        if (idle_ns <= 2 * JS_NS_PER_S)
            CU_ASSERT_FATAL(pause_ns <= JS_NS_PER_MS);
        before_ns = pause_ns;
    }
    CU_ASSERT_EQUAL(before_ns, JS_LINK_PAUSE_NS);
    CU_ASSERT_EQUAL(js_backoff_ns(INT64_MAX), JS_LINK_PAUSE_NS);
    CU_ASSERT_EQUAL(js_backoff_ns(-1), 20 * JS_NS_PER_US);
    /* A minute of silence. */
    int64_t idle_ns = 0;
    unsigned pauses = 0;
    for (; idle_ns < 60 * JS_NS_PER_S && pauses < 1000000; pauses++)
        idle_ns += js_backoff_ns(idle_ns);
    CU_ASSERT(pauses < 10000);
}

/* ---------------------------------------------------------------- lists */

/* On node n1 (cores 0-3) are slaves 2 and 3, on n0 slave 1. */
static struct run *run_list(const char *jobs, int slaves, uint64_t seed)
{
    struct run_config config = {
        .slaves = slaves, .jobs = jobs, .slots = 1, .seed = seed};
    struct run *run = run_through(&config);
    expect_no_complaint(run);
    return run;
}

static void test_dependencies(void)
{
    struct run *run = run_list("[name=a] 1\n[name=b after=a] 1 exit=3\n"
                               "[after=b] 1\n[after-any=b] 1\nwait\n1\n",
                               3, 1);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_DONE);
    CU_ASSERT_EQUAL(run->fates[3].started, 0);
    CU_ASSERT_EQUAL(run->fates[3].finished, 1);
    CU_ASSERT(run->fates[2].finish_ns >= run->fates[1].finish_ns + JS_NS_PER_S);
    CU_ASSERT(run->fates[4].finish_ns >= run->fates[2].finish_ns + JS_NS_PER_S);
    CU_ASSERT(run->fates[5].finish_ns >= run->fates[4].finish_ns + JS_NS_PER_S);
    run_free(run);
}

static void test_a_timeout(void)
{
    struct run *run = run_list("[timeout=2s] 100\n1\n", 1, 1);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_DONE);
    CU_ASSERT(run->fates[1].finish_ns < 3 * JS_NS_PER_S);
    run_free(run);
}

/* Larger than any node (of four cores): nothing has run. */
static void test_too_large(void)
{
    struct run *run = run_list("1\n[cores=5] 1\n", 2, 1);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_BAD_INPUT);
    CU_ASSERT_EQUAL(run->started, 0);
    CU_ASSERT_TRUE(was_said(run, "job 2 (line 2) can never run here: it needs "
                                 "5 cores"));
    run_free(run);
}

static void test_too_many_nodes(void)
{
    struct run *run = run_list("1\n[nodes=3 cores=2] 1\n", 2, 1);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_BAD_INPUT);
    CU_ASSERT_EQUAL(run->started, 0);
    CU_ASSERT_TRUE(was_said(run, "job 2 (line 2) can never run here: it needs "
                                 "2 cores on each of 3 nodes, but only 2 of 2 "
                                 "nodes"));
    CU_ASSERT_TRUE(was_said(run, "; no node has more than 4 cores"));
    run_free(run);
}

static char *mixed_list(struct rng *rng, unsigned count, int slaves)
{
    struct js_buf text = JS_BUF_INIT;
    unsigned nodes = 1 + (unsigned)slaves / 2; /* node_of() */
    for (unsigned i = 0; i < count; i++) {
        if (rng_chance(rng, 15))
            js_buf_printf(&text, "[nodes=%u cores=%u] ",
                          1 + (unsigned)rng_below(rng, nodes),
                          1 + (unsigned)rng_below(rng, 4));
        else if (rng_chance(rng, 30))
            js_buf_printf(&text, "[cores=%u] ",
                          1 + (unsigned)rng_below(rng, 4));
        else if (rng_chance(rng, 10))
            js_buf_printf(&text, "[mem=1M timeout=1s] ");
        else if (rng_chance(rng, 5))
            js_buf_puts(&text, "[env=A=1 dir=/tmp] ");
        js_buf_printf(&text, "0.00%u\n", (unsigned)rng_below(rng, 10));
    }
    return (char *)not_null((void *)js_buf_string(&text));
}

/* Wide and plain jobs, several slots, jobs given ahead, lost runners: master
 * and slaves always agree on who runs in which slot. */
static void test_mixed_lists(void)
{
    for (uint64_t seed = 1; seed <= unit_rounds(60); seed++) {
        struct rng rng = {seed};
        int slaves = 1 + (int)rng_below(&rng, 5);
        char *jobs = mixed_list(&rng, 150, slaves);
        struct run_config config = {.slaves = slaves,
                                    .jobs = jobs,
                                    .slots = 1 + (uint32_t)rng_below(&rng, 3),
                                    .seed = seed,
                                    .is_restless = rng_chance(&rng, 30)};
        struct run *run = run_new(&config);
        for (int rank = 1; rank <= slaves; rank++)
            run->seats[rank].runner.has_successor = seed % 2 == 0;
        if (config.slaves > 2 && rng_chance(&rng, 50))
            fake_runner_die_at(&run->seats[2].runner,
                               FAKE_START_NS + (int64_t)rng_below(&rng, 100) *
                                                   JS_NS_PER_MS);
        run_go(run);
        expect_no_complaint(run);
        CU_ASSERT_EQUAL(run->result.end, JS_MASTER_DONE);
        CU_ASSERT_EQUAL(run->finished, 150);
        CU_ASSERT_STRING_EQUAL(run->err.text, "");
        run_free(run);
        free(jobs);
    }
}

/* ---------------------------------------------------------------- stopping */

/* Jobs of a second each, without end. */
static struct run *endless_run(const struct run_config *config)
{
    struct run_config own = *config;
    struct js_buf list = JS_BUF_INIT;
    for (int i = 0; i < JOBS_MAX; i++)
        js_buf_puts(&list, "1\n");
    own.jobs = js_buf_string(&list);
    struct run *run = run_new(&own);
    js_buf_release(&list);
    run_go(run);
    expect_no_complaint(run);
    return run;
}

/* What was started has ended, and the rest is left. */
static void expect_rest_left(const struct run *run)
{
    uint64_t ended = 0;
    for (uint64_t id = 1; id <= JOBS_MAX; id++)
        ended += run->fates[id].finished;
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_INTERRUPTED);
    CU_ASSERT_EQUAL(run->started, ended);
    CU_ASSERT_EQUAL(run->result.left, JOBS_MAX - run->succeeded);
    for (int i = 1; i <= run->config.slaves; i++)
        CU_ASSERT_TRUE(fake_net_has_left(run->net, i));
}

static void test_drain(void)
{
    struct run *run = endless_run(
        &(struct run_config){.slaves = 3,
                             .request_ns = 3500 * JS_NS_PER_MS,
                             .stop_request = JS_STOP_REQUEST_DRAIN});
    expect_rest_left(run);
    CU_ASSERT_FALSE(run->result.is_hurried);
    CU_ASSERT_EQUAL(run->succeeded, run->started);
    CU_ASSERT(run->succeeded >= 9 && run->succeeded <= 12);
    /* The jobs that ran were let to their end, and none was begun after. */
    CU_ASSERT(since_start_ns(run) < 4600 * JS_NS_PER_MS);
    run_free(run);
}

static void test_hurry(void)
{
    struct run *run = endless_run(
        &(struct run_config){.slaves = 3,
                             .request_ns = 3500 * JS_NS_PER_MS,
                             .stop_request = JS_STOP_REQUEST_HURRY});
    expect_rest_left(run);
    CU_ASSERT_TRUE(run->result.is_hurried);
    CU_ASSERT(run->succeeded < run->started);
    CU_ASSERT(since_start_ns(run) < 4400 * JS_NS_PER_MS);
    run_free(run);
}

/* Nobody answers any more: we leave all the same. */
static void test_hurry_without_slaves(void)
{
    struct run_config config = {.slaves = 2,
                                .demo_jobs = JOBS_MAX,
                                .demo_duration_ns = JS_NS_PER_S,
                                .request_ns = 3500 * JS_NS_PER_MS,
                                .stop_request = JS_STOP_REQUEST_HURRY};
    struct run *run = run_new(&config);
    fake_net_stop(run->net, 1, FAKE_START_NS + 3 * JS_NS_PER_S, JS_NEVER_NS);
    fake_net_stop(run->net, 2, FAKE_START_NS + 3 * JS_NS_PER_S, JS_NEVER_NS);
    js_master_run(run->master, &run->result, &run->err);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_INTERRUPTED);
    CU_ASSERT(since_start_ns(run) <= 3500 * JS_NS_PER_MS + JS_STOP_HURRY_NS);
    run_free(run);
}

static void test_a_request_before_anything_runs(void)
{
    struct run *run = endless_run(&(struct run_config){
        .slaves = 2, .request_ns = 1, .stop_request = JS_STOP_REQUEST_DRAIN});
    expect_rest_left(run);
    CU_ASSERT_EQUAL(run->started, 0);
    run_free(run);
}

static void test_a_time_limit(void)
{
    struct run *run = endless_run(
        &(struct run_config){.slaves = 2, .stop_ns = 4500 * JS_NS_PER_MS});
    expect_rest_left(run);
    /* None was begun that could not be done: none was ended. */
    CU_ASSERT_EQUAL(run->succeeded, run->started);
    CU_ASSERT(run->succeeded >= 6 && run->succeeded <= 8);
    CU_ASSERT(since_start_ns(run) <= 4500 * JS_NS_PER_MS);
    run_free(run);
}

/* By their timeouts; the others go on. */
static void test_jobs_that_do_not_fit_before_a_limit(void)
{
    struct run_config config = {.slaves = 1,
                                .jobs = "[timeout=100s] 1\n1\n"
                                        "[timeout=5s name=a] 1\n"
                                        "[after=a timeout=60s] 1\n1\n1\n",
                                .stop_ns = 20 * JS_NS_PER_S};
    struct run *run = run_through(&config);
    expect_no_complaint(run);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_INTERRUPTED);
    CU_ASSERT_EQUAL(run->result.left, 2);
    CU_ASSERT_EQUAL(run->fates[1].started + run->fates[4].started, 0);
    CU_ASSERT_EQUAL(run->succeeded, 4);
    CU_ASSERT(since_start_ns(run) < 5 * JS_NS_PER_S);
    run_free(run);
}

/* ---------------------------------------------------------------- any run */

static void add_random_job(struct js_buf *jobs, struct rng *rng)
{
    static const uint64_t sizes[] = {100, 1000, 20000, 20000, 400000};
    static const unsigned durations_ms[] = {5, 60, 1000};
    unsigned ms = (unsigned)rng_below(rng, durations_ms[rng_below(rng, 3)]);
    js_buf_printf(jobs, "0.%03u", ms % 1000);
    if (rng_chance(rng, 30))
        js_buf_printf(jobs, " out=%" PRIu64,
                      rng_below(rng, sizes[rng_below(rng, 5)]));
    if (rng_chance(rng, 20))
        js_buf_printf(jobs, " err=%" PRIu64,
                      rng_below(rng, sizes[rng_below(rng, 5)]));
    if (rng_chance(rng, 10))
        js_buf_printf(jobs, " %0*d", (int)rng_below(rng, 600), 1);
    if (rng_chance(rng, 2))
        js_buf_printf(jobs, " %0*d", (int)rng_below(rng, 400000), 1);
    js_buf_append(jobs, "\n", 1);
}

/* Slaves may stop, come late, or lose their runner; the first stays well. */
static void add_random_trouble(struct run *run, struct rng *rng)
{
    for (int i = 2; i <= run->config.slaves; i++) {
        int64_t from_ns =
            rng_chance(rng, 30) ? 0 : (int64_t)rng_below(rng, 3 * JS_NS_PER_S);
        int64_t for_ns = (int64_t)rng_below(rng, 30 * JS_NS_PER_S);
        if (rng_chance(rng, 5))
            for_ns += 60 * JS_NS_PER_S;
        if (rng_chance(rng, 15))
            fake_net_stop(run->net, i, FAKE_START_NS + from_ns,
                          FAKE_START_NS + from_ns + for_ns);
        if (rng_chance(rng, 15))
            fake_runner_die_at(&run->seats[i].runner, FAKE_START_NS + from_ns);
    }
}

static bool run_at_random(uint64_t seed)
{
    struct rng rng = {seed};
    struct js_buf jobs = JS_BUF_INIT;
    uint64_t count = 1 + rng_below(&rng, 80);
    for (uint64_t i = 0; i < count; i++)
        add_random_job(&jobs, &rng);
    struct run_config config = {
        .slaves = 1 + (int)rng_below(&rng, SLAVES_MAX),
        .jobs = js_buf_string(&jobs),
        .round_size = 1 + (uint32_t)rng_below(&rng, 15),
        .barrier = rng_chance(&rng, 20),
        .slots = 1 + (uint32_t)rng_below(&rng, 4),
        .delay_max_ns = 1 + (int64_t)rng_below(&rng, 2 * JS_NS_PER_MS),
        .seed = seed,
        .is_restless = rng_chance(&rng, 25),
        .spool_limit_bytes = rng_chance(&rng, 20) ? 1 : UINT64_C(1) << 30,
    };
    struct run *run = run_new(&config);
    add_random_trouble(run, &rng);
    run_go(run);
    bool is_good = expect_all_done(run, count) && expect_output(run);
    if (!is_good)
        run_show(run, "is where it went wrong");
    run_free(run);
    js_buf_release(&jobs);
    return is_good;
}

static void test_random_runs(void)
{
    bool is_good = true;
    for (uint64_t seed = 1; seed <= unit_rounds(1000) && is_good; seed++)
        is_good = run_at_random(seed);
}

/* ---------------------------------------------------------------- two masters
 */

/* Two masters in one process, which take turns. */
struct pair {
    pthread_mutex_t mutex;
    pthread_cond_t has_changed;
    unsigned next; /* whose turn it is */
    bool has_ended[2];
    uint64_t changes; /* the one whose turn it is */
    struct member {
        struct pair *pair;
        unsigned number;
        struct run *run;
        pthread_t thread;
    } members[2];
};

static void pair_wait(struct member *member)
{
    struct pair *pair = member->pair;
    while (pair->next != member->number && !pair->has_ended[1 - member->number])
        pthread_cond_wait(&pair->has_changed, &pair->mutex);
}

static void pair_in_turn(void *arg)
{
    struct member *member = arg;
    struct pair *pair = member->pair;
    pair->changes += pair->next == member->number;
    pair->next = 1 - member->number;
    pthread_cond_broadcast(&pair->has_changed);
    pair_wait(member);
}

static void *pair_run(void *arg)
{
    struct member *member = arg;
    struct pair *pair = member->pair;
    pthread_mutex_lock(&pair->mutex);
    pair_wait(member);
    run_go(member->run);
    pair->has_ended[member->number] = true;
    pthread_cond_broadcast(&pair->has_changed);
    pthread_mutex_unlock(&pair->mutex);
    return NULL;
}

static void expect_same_trace(const struct run *one, const struct run *other)
{
    struct trace *a = trace_of(one), *b = trace_of(other);
    CU_ASSERT_EQUAL_FATAL(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        CU_ASSERT_EQUAL(a->events[i].what, b->events[i].what);
        CU_ASSERT_EQUAL(a->events[i].id, b->events[i].id);
    }
    free(a);
    free(b);
}

/* A master that relays for another master would share its process with others,
 * so its behaviour must not depend on them. */
static void test_two_masters_in_one_process(void)
{
    struct run_config configs[2] = {
        {.slaves = 3,
         .demo_jobs = 400,
         .demo_duration_ns = JS_NS_PER_MS,
         .seed = 1},
        {.slaves = 4,
         .seed = 2,
         .jobs = "[name=a] 0.3\n[name=b after=a] 0.1\n0.2\n"
                 "[after=b] 0.1\n0.1\n[priority=3] 0.2\n0.1\n0.4\n"},
    };
    static const uint64_t jobs[] = {400, 8};
    struct pair pair = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                        .has_changed = PTHREAD_COND_INITIALIZER};
    struct run *alone[2];
    for (unsigned i = 0; i < 2; i++) {
        alone[i] = run_through(&configs[i]);
        expect_all_done(alone[i], jobs[i]);
        struct member *member = &pair.members[i];
        configs[i].in_turn = pair_in_turn;
        configs[i].in_turn_arg = member;
        *member = (struct member){.pair = &pair, .number = i};
        member->run = run_new(&configs[i]);
    }
    for (unsigned i = 0; i < 2; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&pair.members[i].thread, NULL,
                                             pair_run, &pair.members[i]),
                              0);
    for (unsigned i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(pthread_join(pair.members[i].thread, NULL), 0);
    CU_ASSERT(pair.changes > 20);
    for (unsigned i = 0; i < 2; i++) {
        expect_all_done(pair.members[i].run, jobs[i]);
        expect_same_trace(pair.members[i].run, alone[i]);
        CU_ASSERT_EQUAL(since_start_ns(pair.members[i].run),
                        since_start_ns(alone[i]));
        run_free(pair.members[i].run);
        run_free(alone[i]);
    }
}

static const struct unit_test tests[] = {
    {"drain", test_drain},
    {"hurry", test_hurry},
    {"hurry without slaves", test_hurry_without_slaves},
    {"a request before anything runs", test_a_request_before_anything_runs},
    {"a time limit", test_a_time_limit},
    {"jobs that do not fit before a limit",
     test_jobs_that_do_not_fit_before_a_limit},
    {"the demonstration", test_the_demonstration},
    {"no jobs at all", test_no_jobs_at_all},
    {"barrier", test_barrier},
    {"without barrier nobody waits", test_without_barrier_nobody_waits},
    {"every slot is used", test_every_slot_is_used},
    {"the longest duration", test_the_longest_duration},
    {"a slow stream", test_a_slow_stream},
    {"short jobs are given ahead", test_short_jobs_are_given_ahead},
    {"long jobs hold up nobody", test_long_jobs_hold_up_nobody},
    {"even jobs are not sent to and fro",
     test_even_jobs_are_not_sent_to_and_fro},
    {"long commands", test_long_commands},
    {"the runner gets the setup", test_the_runner_gets_the_setup},
    {"failed jobs", test_failed_jobs},
    {"nobody is awake for nothing", test_nobody_is_awake_for_nothing},
    {"what runs long is told", test_what_runs_long_is_told},
    {"turns for a job are few", test_turns_for_a_job_are_few},
    {"messages for short jobs are few", test_messages_for_short_jobs_are_few},
    {"no core waits at the end", test_no_core_waits_at_the_end},
    {"recalled from a stopped slave", test_recalled_from_a_stopped_slave},
    {"back-off", test_backoff},
    {"random runs", test_random_runs},
    {"dependencies", test_dependencies},
    {"a timeout", test_a_timeout},
    {"a job larger than any node", test_too_large},
    {"a job of too many nodes", test_too_many_nodes},
    {"mixed lists", test_mixed_lists},
    {"two masters in one process", test_two_masters_in_one_process},
    {NULL, NULL},
};

const struct unit_suite suite_loop = {"loop", tests};
