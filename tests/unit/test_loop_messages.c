/* master and slave: output on its way, and messages that mean nothing. */
#include "loop_run.h"
#include "unit.h"

#include "mpi/slave_conn.h"
#include "rng.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------- output */

static void test_output_of_every_size(void)
{
    struct js_buf jobs = JS_BUF_INIT;
    static const int sizes[] = {0,      1,       1000,    16383,  16384,
                                16385,  262143,  262144,  262145, 700000,
                                100000, 2000000, 3000000, 5,      65536};
    for (size_t i = 0; i < 15; i++)
        js_buf_printf(&jobs, "0.01 out=%d err=%d\n", sizes[i],
                      sizes[(i * 7) % 15]);
    struct run_config config = {.slaves = 2, .jobs = js_buf_string(&jobs)};
    struct run *run = run_through(&config);
    expect_all_done(run, 15);
    expect_output(run);
    /* No more than that rides with a DONE, beside what else it says. */
    CU_ASSERT(fake_net_longest(run->net, JS_TAG_DONE) < JS_WIRE_INLINE + 256);
    CU_ASSERT(fake_net_longest(run->net, JS_TAG_OUTPUT) < JS_WIRE_CHUNK + 64);
    CU_ASSERT(fake_net_sent(run->net, JS_TAG_OUTPUT) > 0);
    run_free(run);
    js_buf_release(&jobs);
}

/* All that is left to do is to fetch output from a slave that runs nothing
 * any more. */
static void test_output_of_a_lost_runner(void)
{
    struct run_config config = {.slaves = 1, .jobs = "1 out=3000000\n"};
    struct run *run = run_new(&config);
    fake_runner_die_at(&run->seats[1].runner,
                       FAKE_START_NS + JS_NS_PER_S + 2 * JS_NS_PER_MS);
    run_go(run);
    expect_all_done(run, 1);
    expect_output(run);
    CU_ASSERT_EQUAL(run->fates[1].bytes[0], 3000000);
    run_free(run);
}

/* Takes what is in the pipe, every 10 ms. */
struct reader {
    struct run *run;
    int number, fd;
    bool is_awake;
    uint64_t started; /* jobs, before it took anything */
    uint64_t bytes;
};

static int reader_turn(void *arg)
{
    struct reader *reader = arg;
    struct fake_net *net = reader->run->net;
    char bytes[65536];
    ssize_t n;
    if (!reader->is_awake)
        reader->started = reader->run->started;
    reader->is_awake = true;
    while ((n = read(reader->fd, bytes, sizeof(bytes))) > 0)
        reader->bytes += (uint64_t)n;
    /* No waiting for it to end: the run ends without it. */
    if (fake_net_has_left(net, 0))
        return 1;
    fake_net_wake(net, reader->number,
                  fake_net_now_ns(net) + 10 * JS_NS_PER_MS);
    return 0;
}

/* A job that is not finished, because its output has not found its reader, has
 * none that come after it: the run may end before it is. */
static void test_nothing_comes_after_an_unread_job(void)
{
    int pipe_fds[2];
    CU_ASSERT_EQUAL_FATAL(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
    struct run_config config = {
        .slaves = 2,
        .jobs = "[name=a] 0.1 out=3000000\n[after=a] 0.1\n0.1\n"
                "[after-any=a] 0.1 out=10\nwait\n0.1\n",
        .out_fd = pipe_fds[1]};
    struct run *run = run_new(&config);
    struct reader reader = {.run = run, .number = 3, .fd = pipe_fds[0]};
    fake_net_add(run->net, 3, FAKE_START_NS + 10 * JS_NS_PER_S, reader_turn,
                 &reader);
    run_go(run);
    expect_all_done(run, 5);
    CU_ASSERT_EQUAL(reader.started, 2);
    for (uint64_t id = 2; id <= 5; id++)
        CU_ASSERT(id == 3 ||
                  run->fates[id].finish_ns > run->fates[1].finish_ns);
    CU_ASSERT_EQUAL(reader.bytes, 3000010);
    run_free(run);
    close(pipe_fds[0]);
}

/* A reader that takes nothing for a while, and slaves with many slots whose
 * spools are full: jobs wait on the slave, and all goes on later. */
static void test_a_reader_that_stops_for_a_while(void)
{
    int pipe_fds[2];
    CU_ASSERT_EQUAL_FATAL(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
    char *jobs = lines_of("0.001 out=100000", 400);
    struct run_config config = {.slaves = 1,
                                .slots = 64,
                                .jobs = jobs,
                                .spool_limit_bytes = 1000000,
                                .out_fd = pipe_fds[1]};
    struct run *run = run_new(&config);
    struct reader reader = {.run = run, .number = 2, .fd = pipe_fds[0]};
    fake_net_add(run->net, 2, FAKE_START_NS + 10 * JS_NS_PER_S, reader_turn,
                 &reader);
    run_go(run);
    expect_all_done(run, 400);
    CU_ASSERT_EQUAL(reader.bytes, 400 * 100000);
    /* Until then the slave had to hold little more than its limit: what its 64
     * slots had still begun. */
    CU_ASSERT(reader.started >= 64 && reader.started < 64 + 10 + 64);
    CU_ASSERT(since_start_ns(run) > 10 * JS_NS_PER_S);
    run_free(run);
    close(pipe_fds[0]);
    free(jobs);
}

/* Goes away, and is no reader any more. */
static int leaver_turn(void *arg)
{
    struct reader *reader = arg;
    close(reader->fd);
    return 1;
}

/* When the reader goes away while a slave that holds much output is stopped,
 * all of it is released at once: but one by one, each when the slave has taken
 * in the one before, so that nothing piles up on the way to it. (The master is
 * restless, so it has many turns in which it might send one.) */
static void test_releases_go_out_one_by_one(void)
{
    int pipe_fds[2];
    CU_ASSERT_EQUAL_FATAL(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
    struct js_buf jobs = JS_BUF_INIT;
    js_buf_puts(&jobs, "30\n");
    for (int i = 1; i < 200; i++)
        js_buf_puts(&jobs, "0.001 out=100000\n");
    struct run_config config = {.slaves = 1,
                                .slots = 64,
                                .jobs = js_buf_string(&jobs),
                                .is_restless = true,
                                .out_fd = pipe_fds[1]};
    struct run *run = run_new(&config);
    struct reader reader = {.run = run, .number = 2, .fd = pipe_fds[0]};
    int64_t leave_ns = FAKE_START_NS + 10 * JS_NS_PER_S;
    fake_net_add(run->net, 2, leave_ns, leaver_turn, &reader);
    fake_net_stop(run->net, 1, leave_ns - JS_NS_PER_S, leave_ns + JS_NS_PER_S);
    run_go(run);
    CU_ASSERT_TRUE(expect_no_complaint(run));
    CU_ASSERT_EQUAL(run->started, 200);
    CU_ASSERT_EQUAL(
        run->finished + js_delivery_look(run->recorder.delivery).withheld, 200);
    /* One beside it asks for output. */
    CU_ASSERT(fake_net_sent(run->net, JS_TAG_FETCH) >= 100);
    CU_ASSERT(fake_net_most_unread(run->net, JS_TAG_FETCH) <= 2);
    run_free(run);
    js_buf_release(&jobs);
}

/* ---------------------------------------------------------------- nonsense */

/* Sends whatever comes to its mind. */
struct babbler {
    struct fake_net *net;
    struct js_link link;
    struct rng rng;
    unsigned left; /* messages */
};

static void babble(struct babbler *babbler, int to)
{
    struct js_buf buf = JS_BUF_INIT;
    enum js_tag tag =
        (enum js_tag)(1 + rng_below(&babbler->rng, JS_TAG_COUNT - 1));
    size_t len = (size_t)rng_below(&babbler->rng, 100);
    for (size_t i = 0; i < len; i++) {
        char byte = rng_chance(&babbler->rng, 60)
                        ? '\0'
                        : (char)rng_below(&babbler->rng, 256);
        js_buf_append(&buf, &byte, 1);
    }
    struct js_wire_hello hello = {.version = JS_WIRE_VERSION,
                                  .node = node_of(1)};
    if (tag == JS_TAG_HELLO) {
        buf.len = 0;
        js_wire_pack_hello(&buf, &hello);
    }
    if (tag == JS_TAG_JOB) {
        while (buf.len < JS_WIRE_JOB_SIZE) /* the link sees to that */
            js_buf_append(&buf, "", 1);
    }
    js_link_post(&babbler->link, to, tag, &buf, NULL);
    js_buf_release(&buf);
}

static int babbler_turn(void *arg)
{
    struct babbler *babbler = arg;
    struct js_message message;
    while (js_link_receive(&babbler->link, &message, NULL) == 1)
        ;
    if (babbler->left == 0)
        return 0;
    babbler->left--;
    babble(babbler, 0);
    fake_net_wake(babbler->net, babbler->link.rank,
                  fake_net_now_ns(babbler->net) + JS_NS_PER_MS);
    return 0;
}

/* A slave that talks nonsense may end the run, with a sentence. */
static void test_the_master_hears_nonsense(void)
{
    for (uint64_t seed = 1; seed <= unit_rounds(300); seed++) {
        struct run_config config = {
            .slaves = 1, .jobs = "0.1\n0.1\n", .seed = seed};
        struct run *run = run_new(&config);
        struct babbler babbler = {.net = run->net,
                                  .link = fake_net_link(run->net, 1),
                                  .rng = {seed},
                                  .left = 50};
        fake_net_add(run->net, 1, FAKE_START_NS, babbler_turn, &babbler);
        run_go(run);
        CU_ASSERT_EQUAL(run->result.end, JS_MASTER_BROKEN);
        CU_ASSERT_STRING_NOT_EQUAL(run->err.text, "");
        run_free(run);
    }
}

/* Lets the simulation go on, without the master. */
static void pass_time(struct run *run, int64_t for_ns)
{
    struct js_message message;
    int64_t until_ns = fake_net_now_ns(run->net) + for_ns;
    while (fake_net_now_ns(run->net) < until_ns) {
        while (js_link_receive(&run->link, &message, NULL) == 1)
            ;
        js_link_wait(&run->link, NULL, 0, until_ns, 0, NULL);
    }
}

/* A run of one slave that is ready for jobs and has none. */
static struct run *ready_run(uint64_t seed)
{
    struct run_config config = {
        .slaves = 1, .demo_jobs = 1, .demo_duration_ns = 1, .seed = seed};
    struct run *run = run_new(&config);
    for (int i = 0; i < 100 && run->finished == 0; i++) {
        CU_ASSERT(js_master_turn(run->master, NULL) >= 0);
        js_link_wait(&run->link, NULL, 0,
                     fake_net_now_ns(run->net) + JS_NS_PER_MS, 0, NULL);
    }
    CU_ASSERT_EQUAL(run->finished, 1);
    return run;
}

/* And so may a master to its slave, before and after it is set up. */
static void test_a_slave_hears_nonsense(void)
{
    for (uint64_t seed = 1; seed <= unit_rounds(300); seed++) {
        struct run_config config = {.slaves = 1, .seed = seed};
        struct run *run = seed % 2 ? ready_run(seed) : run_new(&config);
        struct babbler babbler = {
            .net = run->net, .link = fake_net_link(run->net, 0), .rng = {seed}};
        for (int i = 0; i < 30; i++) {
            babble(&babbler, 1);
            pass_time(run, JS_NS_PER_MS);
        }
        /* It has either broken with a sentence or was told to stop. */
        CU_ASSERT_TRUE(fake_net_has_left(run->net, 1));
        run_free(run);
    }
}

/* The slave breaks, and says this. */
static void expect_broken_slave(struct run *run, const char *text)
{
    pass_time(run, 3 * JS_LINK_PAUSE_NS); /* it may look as rarely */
    CU_ASSERT_TRUE(fake_net_has_left(run->net, 1));
    CU_ASSERT_PTR_NOT_NULL(strstr(run->seats[1].err.text, text));
    run_free(run);
}

static void post_job(struct run *run, uint64_t ticket, uint32_t text_len)
{
    struct js_wire_job wire;
    memset(&wire, 0, sizeof(wire));
    wire.kind = JS_JOB_COMMAND;
    wire.id = 1;
    wire.attempt = 2;
    wire.cores = 1;
    wire.ticket = ticket;
    wire.text_len = text_len;
    CU_ASSERT_EQUAL(js_link_send_job(&run->link, 1, true, &wire, NULL), 0);
}

static void post_text(struct run *run, size_t len)
{
    struct js_buf buf = JS_BUF_INIT;
    for (size_t i = 0; i < len; i += 3)
        js_buf_append(&buf, "123", len - i < 3 ? len - i : 3);
    CU_ASSERT_EQUAL(js_link_post(&run->link, 1, JS_TAG_TEXT, &buf, NULL), 0);
    js_buf_release(&buf);
}

static void test_a_slave_believes_nothing(void)
{
    /* A command that has not come, or is of another length. */
    struct run *run = ready_run(1);
    post_job(run, 2, 1000);
    expect_broken_slave(run, "a job without its text");
    run = ready_run(2);
    post_text(run, 999);
    post_job(run, 2, 1000);
    expect_broken_slave(run, "a job without its text");
    /* More jobs than one that keeps to its credit has under way. */
    run = ready_run(3);
    for (uint64_t ticket = 2; ticket < 3 * JS_SCHEDULER_CREDIT; ticket++) {
        struct js_job *job = not_null(js_job_new(1, "1", 1));
        struct js_wire_job wire;
        job->attempt = 200;
        js_wire_job_of(&wire, job, ticket, JS_SCHEDULER_SLOT_NEXT);
        wire.text[0] = '1';
        struct js_buf buf = {(char *)&wire, sizeof(wire), 0};
        js_link_post(&run->link, 1, JS_TAG_JOB, &buf, NULL);
        js_job_free(job);
    }
    expect_broken_slave(run, "an unexpected job");
    /* A text without end. */
    run = ready_run(4);
    for (int i = 0; i <= JS_WIRE_TEXT_MAX / JS_WIRE_CHUNK; i++) {
        post_text(run, JS_WIRE_CHUNK);
        pass_time(run, 2 * JS_NS_PER_MS);
    }
    expect_broken_slave(run, "text that is too long");
}

/* ---------------------------------------------------------------- setups */

struct texts {
    struct run *run;
    uint64_t sent, most; /* TEXT messages, those of a turn */
};

static void count_texts(void *arg)
{
    struct texts *texts = arg;
    uint64_t sent = fake_net_sent(texts->run->net, JS_TAG_TEXT);
    if (sent - texts->sent > texts->most)
        texts->most = sent - texts->sent;
    texts->sent = sent;
}

/* All slaves share one copy of the environment, and it is not sent to all of
 * them in one turn, because MPI copies what it has not sent yet. */
static void test_a_large_environment(void)
{
    enum { VARIABLE = 100000, VARIABLES = 16, PIECES = 7, TURN_MAX = 4 };
    struct js_buf environ = JS_BUF_INIT;
    for (int i = 0; i < VARIABLES; i++)
        js_buf_printf(&environ, "V%d=%0*d%c", i, VARIABLE, 0, '\0');
    struct texts texts = {0};
    struct run_config config = {.slaves = SLAVES_MAX,
                                .demo_jobs = SLAVES_MAX,
                                .environ = &environ,
                                .in_turn = count_texts,
                                .in_turn_arg = &texts};
    struct run *run = texts.run = run_new(&config);
    run_go(run);
    expect_all_done(run, SLAVES_MAX);
    CU_ASSERT_EQUAL(fake_net_sent(run->net, JS_TAG_TEXT), SLAVES_MAX * PIECES);
    CU_ASSERT_EQUAL(texts.most, TURN_MAX);
    /* Memory that the master keeps for one slave. */
    struct js_slave_conn_queue queue = {0};
    struct js_slave_conn conn = {.queue = &queue, .link = &run->link};
    const struct js_wire_setup setup = {
        .slaves = 1, .environ = environ.data, .environ_len = environ.len};
    CU_ASSERT_EQUAL(js_slave_conn_set_up(&conn, &setup, &environ, NULL), 0);
    CU_ASSERT(conn.setup.len < 100);
    js_slave_conn_release(&conn);
    run_free(run);
    js_buf_release(&environ);
}

static const struct unit_test tests[] = {
    {"output of every size", test_output_of_every_size},
    {"output of a lost runner", test_output_of_a_lost_runner},
    {"nothing comes after an unread job",
     test_nothing_comes_after_an_unread_job},
    {"a reader that stops for a while", test_a_reader_that_stops_for_a_while},
    {"releases go out one by one", test_releases_go_out_one_by_one},
    {"a large environment", test_a_large_environment},
    {"the master hears nonsense", test_the_master_hears_nonsense},
    {"a slave hears nonsense", test_a_slave_hears_nonsense},
    {"a slave believes nothing", test_a_slave_believes_nothing},
    {NULL, NULL},
};

const struct unit_suite suite_loop_messages = {"loop_messages", tests};
