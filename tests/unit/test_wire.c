/* wire: what is packed comes out again, and nothing else is believed. */
#include "unit.h"

#include "mpi/wire.h"
#include "rng.h"
#include "runner/runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- samples */

static struct js_cpuset cpus_of(const char *list)
{
    struct js_cpuset set;
    CU_ASSERT_EQUAL(js_cpuset_parse(list, &set), 0);
    return set;
}

static struct js_wire_hello sample_hello(void)
{
    struct js_wire_hello hello = {.version = JS_WIRE_VERSION};
    snprintf(hello.node.host, sizeof(hello.node.host), "node-17.cluster");
    hello.node.boot_id = UINT64_C(0x0123456789abcdef);
    hello.node.cpus = cpus_of("0-3,8,8191");
    hello.node.held = cpus_of("1-2");
    hello.node.quota_cores = 3;
    return hello;
}

static const char sample_environ[] = "HOME=/root\0EMPTY=\0ODD=\xff\x01\n";

static struct js_wire_setup sample_setup(void)
{
    return (struct js_wire_setup){
        .slots = 4,
        .index = 2,
        .slaves = 3,
        .settings = {.bind = true,
                     .capture = JS_CAPTURE_DIR,
                     .umask = 027,
                     .spool_limit_bytes = UINT64_C(1) << 40,
                     .grace_ns = 500000000,
                     .cwd = "/home/u",
                     .output_dir = "out"},
        .lease_ns = 30000000000,
        .node_cpus = cpus_of("1,3,5"),
        .held = cpus_of("3"),
        .quota_cores = 2,
        .environ = sample_environ,
        .environ_len = sizeof(sample_environ),
    };
}

/* What it has is to be released. */
static struct js_resources sample_node(void)
{
    struct js_resources node = {.mem_bytes = UINT64_C(40) << 30};
    struct js_cpuset core = cpus_of("4");
    CU_ASSERT_EQUAL(js_resources_add_core(&node, &core, 0, 0), 0);
    core = cpus_of("5");
    CU_ASSERT_EQUAL(js_resources_add_core(&node, &core, 1, 0), 0);
    CU_ASSERT_EQUAL(js_resources_add_gpu(&node, "GPU-1", 0), 0);
    return node;
}

static struct js_wire_ready sample_ready(void)
{
    static uint32_t homes[] = {0, 1};
    return (struct js_wire_ready){
        .slots = 2, .homes = homes, .home = cpus_of("4-5"), .error = ""};
}

static struct js_wire_done sample_done(void)
{
    return (struct js_wire_done){
        .ticket = 77,
        .jobs = 1234567890123,
        .outcome = {.start_unix_ns = 1700000000000000000,
                    .run_ns = 5,
                    .user_cpu_ns = 6,
                    .system_cpu_ns = 7,
                    .max_rss_bytes = 8,
                    .out_bytes = 3,
                    .err_bytes = 2,
                    .exit_code = 255,
                    .signal = 9,
                    .step = JS_STEP_EXEC,
                    .step_errno = ENOENT},
        .captured = true,
        .inlined = "abc\0e",
        .inlined_len = 5,
    };
}

static struct js_wire_fetch sample_fetch(void)
{
    return (struct js_wire_fetch){.ticket = 5,
                                  .offset = UINT64_C(1) << 33,
                                  .stream = 1,
                                  .length = JS_WIRE_CHUNK};
}

static struct js_wire_output sample_output(void)
{
    return (struct js_wire_output){.ticket = 5,
                                   .offset = UINT64_C(1) << 33,
                                   .stream = 1,
                                   .error = EIO,
                                   .bytes = "\0\n",
                                   .len = 2};
}

static int pack_sample_hello(struct js_buf *buf)
{
    struct js_wire_hello hello = sample_hello();
    return js_wire_pack_hello(buf, &hello);
}

static int pack_sample_setup(struct js_buf *buf)
{
    struct js_wire_setup setup = sample_setup();
    int rc = js_wire_pack_setup(buf, &setup);
    return rc < 0 ? -1 : js_wire_pack_setup_text(buf, &setup);
}

static int pack_sample_ready(struct js_buf *buf)
{
    struct js_wire_ready ready = sample_ready();
    return js_wire_pack_ready(buf, &ready);
}

static int pack_sample_node(struct js_buf *buf)
{
    struct js_resources node = sample_node();
    int rc = js_resources_pack(buf, &node);
    js_resources_release(&node);
    return rc;
}

static int pack_sample_ack(struct js_buf *buf)
{
    struct js_wire_ack ack = {.jobs = 7, .text_bytes = UINT64_MAX};
    return js_wire_pack_ack(buf, &ack);
}

static int pack_sample_done(struct js_buf *buf)
{
    struct js_wire_done done = sample_done();
    return js_wire_pack_done(buf, &done);
}

static int pack_sample_fetch(struct js_buf *buf)
{
    struct js_wire_fetch fetch = sample_fetch();
    return js_wire_pack_fetch(buf, &fetch);
}

static int pack_sample_output(struct js_buf *buf)
{
    struct js_wire_output output = sample_output();
    return js_wire_pack_output(buf, &output);
}

static int pack_sample_number(struct js_buf *buf)
{
    return js_wire_pack_number(buf, UINT64_C(0xfedcba9876543210));
}

/* ---------------------------------------------------------------- readers */

/* Whatever is taken for good must lie within the message. */
static void expect_within(const void *part, size_t part_len, const void *bytes,
                          size_t len)
{
    const char *start = bytes;
    const char *at = part;
    CU_ASSERT(part_len == 0 || (at >= start && at + part_len <= start + len));
}

static void expect_text_within(const char *text, const void *bytes, size_t len)
{
    const char *end = (const char *)bytes + len;
    CU_ASSERT_FATAL(text >= (const char *)bytes && text < end);
    CU_ASSERT_PTR_NOT_NULL(memchr(text, '\0', (size_t)(end - text)));
}

static int read_hello(const void *bytes, size_t len)
{
    struct js_wire_hello hello;
    if (js_wire_unpack_hello(bytes, len, &hello) < 0)
        return -1;
    CU_ASSERT_PTR_NOT_NULL(
        memchr(hello.node.host, '\0', sizeof(hello.node.host)));
    return 0;
}

static int read_setup(const void *bytes, size_t len)
{
    struct js_wire_setup setup;
    if (js_wire_unpack_setup(bytes, len, &setup) < 0)
        return -1;
    expect_text_within(setup.settings.cwd, bytes, len);
    expect_text_within(setup.settings.output_dir, bytes, len);
    expect_text_within(setup.settings.tmpdir, bytes, len);
    expect_within(setup.environ, setup.environ_len, bytes, len);
    CU_ASSERT(setup.environ_len == 0 ||
              setup.environ[setup.environ_len - 1] == '\0');
    CU_ASSERT(setup.index < setup.slaves);
    CU_ASSERT(setup.settings.capture <= JS_CAPTURE_NONE);
    return 0;
}

static int read_ready(const void *bytes, size_t len)
{
    struct js_wire_ready ready;
    if (js_wire_unpack_ready(bytes, len, &ready) < 0)
        return -1;
    CU_ASSERT_PTR_NOT_NULL(memchr(ready.error, '\0', sizeof(ready.error)));
    free(ready.homes);
    return 0;
}

static int read_node(const void *bytes, size_t len)
{
    struct js_resources node;
    int rc = js_wire_unpack_node(bytes, len, &node);
    for (uint32_t i = 0; rc == 0 && i < node.cpu_count; i++)
        CU_ASSERT(node.cpus[i] < JS_CPUS_MAX);
    js_resources_release(&node);
    return rc;
}

static int read_ack(const void *bytes, size_t len)
{
    struct js_wire_ack ack;
    return js_wire_unpack_ack(bytes, len, &ack);
}

/* The one that is there, and nothing behind it. */
static int unpack_done(const void *bytes, size_t len, struct js_wire_done *ret)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    return js_wire_unpack_done(&cursor, ret) < 0 ? -1 : js_cursor_end(&cursor);
}

static int read_done(const void *bytes, size_t len)
{
    struct js_wire_done done;
    if (unpack_done(bytes, len, &done) < 0)
        return -1;
    CU_ASSERT(done.outcome.step < JS_STEP_COUNT);
    CU_ASSERT(done.outcome.run_ns >= 0);
    if (!done.inlined)
        return 0;
    CU_ASSERT_EQUAL(done.outcome.out_bytes + done.outcome.err_bytes,
                    done.inlined_len);
    expect_within(done.inlined, done.inlined_len, bytes, len);
    return 0;
}

static int read_fetch(const void *bytes, size_t len)
{
    struct js_wire_fetch fetch;
    if (js_wire_unpack_fetch(bytes, len, &fetch) < 0)
        return -1;
    CU_ASSERT(fetch.stream <= 1 && fetch.length <= JS_WIRE_CHUNK);
    return 0;
}

static int read_output(const void *bytes, size_t len)
{
    struct js_wire_output output;
    if (js_wire_unpack_output(bytes, len, &output) < 0)
        return -1;
    CU_ASSERT(output.stream <= 1);
    expect_within(output.bytes, output.len, bytes, len);
    return 0;
}

static int read_number(const void *bytes, size_t len)
{
    uint64_t number;
    return js_wire_unpack_number(bytes, len, &number);
}

static const struct kind {
    const char *name;
    int (*pack)(struct js_buf *buf);
    int (*read)(const void *bytes, size_t len);
} kinds[] = {
    {"HELLO", pack_sample_hello, read_hello},
    {"SETUP", pack_sample_setup, read_setup},
    {"NODE", pack_sample_node, read_node},
    {"READY", pack_sample_ready, read_ready},
    {"ACK", pack_sample_ack, read_ack},
    {"DONE", pack_sample_done, read_done},
    {"FETCH", pack_sample_fetch, read_fetch},
    {"OUTPUT", pack_sample_output, read_output},
    {"number", pack_sample_number, read_number},
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* Reads a copy of exactly `len` bytes, so that a sanitizer sees every byte
 * read behind it. */
static int read_copy(const struct kind *kind, const char *bytes, size_t len)
{
    char *copy = not_null(malloc(len > 0 ? len : 1));
    if (len > 0)
        memcpy(copy, bytes, len);
    errno = 0;
    int rc = kind->read(copy, len);
    CU_ASSERT_EQUAL(errno, rc < 0 ? EBADMSG : 0);
    free(copy);
    return rc;
}

/* ---------------------------------------------------------------- trips */

static void test_hello(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_wire_hello in = sample_hello(), out;
    CU_ASSERT_EQUAL(js_wire_pack_hello(&buf, &in), 0);
    CU_ASSERT_EQUAL_FATAL(js_wire_unpack_hello(buf.data, buf.len, &out), 0);
    CU_ASSERT_EQUAL(out.version, JS_WIRE_VERSION);
    CU_ASSERT_STRING_EQUAL(out.node.host, in.node.host);
    CU_ASSERT_EQUAL(out.node.boot_id, in.node.boot_id);
    CU_ASSERT_TRUE(js_cpuset_equal(&out.node.cpus, &in.node.cpus));
    js_buf_release(&buf);
}

/* A host name of full length, and the sets with the longest lists. */
static void test_hello_of_a_large_node(void)
{
    for (unsigned gap = 1; gap <= 6; gap++) {
        struct js_buf buf = JS_BUF_INIT;
        struct js_wire_hello in = sample_hello(), out;
        memset(in.node.host, 'h', JS_HOST_SIZE - 1);
        js_cpuset_clear(&in.node.cpus);
        /* gap 1: all; 2: every other; 3: pairs; 4: threes ... */
        for (unsigned cpu = 0; cpu < JS_CPUS_MAX; cpu++) {
            if (gap == 1 || cpu % gap != 0)
                js_cpuset_add(&in.node.cpus, cpu);
        }
        CU_ASSERT_EQUAL(js_wire_pack_hello(&buf, &in), 0);
        CU_ASSERT(buf.len < JS_WIRE_MAX);
        int rc = js_wire_unpack_hello(buf.data, buf.len, &out);
        CU_ASSERT_EQUAL(rc, 0);
        if (rc == 0) {
            CU_ASSERT_STRING_EQUAL(out.node.host, in.node.host);
            CU_ASSERT_TRUE(js_cpuset_equal(&out.node.cpus, &in.node.cpus));
        }
        js_buf_release(&buf);
    }
}

/* Of another version no more than that is looked at. */
static void test_hello_of_another_version(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_wire_hello in = sample_hello(), out;
    in.version = JS_WIRE_VERSION + 1;
    CU_ASSERT_EQUAL(js_wire_pack_hello(&buf, &in), 0);
    js_buf_append(&buf, "more", 4);
    CU_ASSERT_EQUAL_FATAL(js_wire_unpack_hello(buf.data, buf.len, &out), 0);
    CU_ASSERT_EQUAL(out.version, JS_WIRE_VERSION + 1);
    CU_ASSERT_EQUAL(js_wire_unpack_hello(buf.data, 8, &out), 0);
    CU_ASSERT_EQUAL(js_wire_unpack_hello(buf.data, 7, &out), -1);
    buf.data[0] ^= 1; /* no slave of ours */
    CU_ASSERT_EQUAL(js_wire_unpack_hello(buf.data, buf.len, &out), -1);
    CU_ASSERT_EQUAL(errno, EBADMSG);
    js_buf_release(&buf);
}

static void test_setup(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_wire_setup in = sample_setup(), out;
    CU_ASSERT_EQUAL(js_wire_pack_setup(&buf, &in), 0);
    CU_ASSERT_EQUAL(js_wire_pack_setup_text(&buf, &in), 0);
    CU_ASSERT_EQUAL_FATAL(js_wire_unpack_setup(buf.data, buf.len, &out), 0);
    CU_ASSERT_EQUAL(out.slots, 4);
    CU_ASSERT_EQUAL(out.index, 2);
    CU_ASSERT_EQUAL(out.slaves, 3);
    CU_ASSERT_TRUE(out.settings.bind);
    CU_ASSERT_FALSE(out.settings.trace);
    CU_ASSERT_EQUAL(out.settings.capture, JS_CAPTURE_DIR);
    CU_ASSERT_EQUAL(out.settings.umask, 027);
    CU_ASSERT_EQUAL(out.settings.spool_limit_bytes, UINT64_C(1) << 40);
    CU_ASSERT_EQUAL(out.settings.grace_ns, 500000000);
    CU_ASSERT_EQUAL(out.lease_ns, 30000000000);
    CU_ASSERT_TRUE(js_cpuset_equal(&out.node_cpus, &in.node_cpus));
    CU_ASSERT_STRING_EQUAL(out.settings.cwd, "/home/u");
    CU_ASSERT_STRING_EQUAL(out.settings.output_dir, "out");
    CU_ASSERT_STRING_EQUAL(out.settings.tmpdir, "");
    CU_ASSERT_EQUAL_FATAL(out.environ_len, sizeof(sample_environ));
    CU_ASSERT_EQUAL(memcmp(out.environ, sample_environ, sizeof(sample_environ)),
                    0);
    js_buf_release(&buf);
}

static void expect_setup(const struct js_wire_setup *setup, int expected)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_wire_setup out;
    CU_ASSERT_EQUAL(js_wire_pack_setup(&buf, setup), 0);
    CU_ASSERT_EQUAL(js_wire_pack_setup_text(&buf, setup), 0);
    errno = 0;
    CU_ASSERT_EQUAL(js_wire_unpack_setup(buf.data, buf.len, &out), expected);
    CU_ASSERT_EQUAL(errno, expected < 0 ? EBADMSG : 0);
    js_buf_release(&buf);
}

static void test_clearing(void)
{
    struct js_buf buf = JS_BUF_INIT;
    const struct js_dead_run runs[] = {{1, 2, 3}, {UINT64_MAX, 5, 0}};
    struct js_wire_clear clear;
    struct js_wire_cleared in = {7, 1}, out;
    CU_ASSERT_EQUAL(js_wire_pack_clear(&buf, runs, 2), 0);
    CU_ASSERT_EQUAL_FATAL(js_wire_unpack_clear(buf.data, buf.len, &clear), 0);
    CU_ASSERT_EQUAL_FATAL(clear.count, 2);
    CU_ASSERT_EQUAL(memcmp(clear.runs, runs, sizeof(runs)), 0);
    free(clear.runs);
    for (size_t len = 0; len < buf.len; len++)
        CU_ASSERT_EQUAL(js_wire_unpack_clear(buf.data, len, &clear), -1);
    buf.len = 0;
    CU_ASSERT_EQUAL(js_wire_pack_cleared(&buf, &in), 0);
    CU_ASSERT_EQUAL(js_wire_unpack_cleared(buf.data, buf.len, &out), 0);
    CU_ASSERT_EQUAL(out.ended, 7);
    CU_ASSERT_EQUAL(out.left, 1);
    CU_ASSERT_EQUAL(js_wire_unpack_cleared(buf.data, buf.len - 1, &out), -1);
    js_buf_release(&buf);
}

static void test_processes(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_process_pair in = {1, 2, 3, 4, 5, 6}, out;
    CU_ASSERT_EQUAL(js_wire_pack_processes(&buf, &in), 0);
    CU_ASSERT_EQUAL(js_wire_unpack_processes(buf.data, buf.len, &out), 0);
    CU_ASSERT_EQUAL(memcmp(&in, &out, sizeof(in)), 0);
    CU_ASSERT_EQUAL(js_wire_unpack_processes(buf.data, buf.len - 1, &out), -1);
    js_buf_release(&buf);
}

static void test_setup_values(void)
{
    struct js_wire_setup setup = sample_setup();
    setup.environ_len = 0;
    setup.slots = 0; /* one for each core */
    expect_setup(&setup, 0);
    setup.settings.capture = JS_CAPTURE_NONE;
    expect_setup(&setup, 0);
    setup.settings.capture = JS_CAPTURE_NONE + 1;
    expect_setup(&setup, -1);
    setup = sample_setup();
    setup.index = setup.slaves;
    expect_setup(&setup, -1);
    setup = sample_setup();
    setup.settings.grace_ns = -1;
    expect_setup(&setup, -1);
    setup = sample_setup();
    setup.slots = JS_CPUS_MAX;
    expect_setup(&setup, 0);
    setup.slots = UINT32_MAX; /* no machine has so many cores */
    expect_setup(&setup, -1);
    setup = sample_setup();
    setup.environ_len--; /* the last variable without its end */
    expect_setup(&setup, -1);
}

static void test_ready(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_wire_ready in = sample_ready(), out;
    CU_ASSERT_EQUAL(js_wire_pack_ready(&buf, &in), 0);
    CU_ASSERT_EQUAL_FATAL(js_wire_unpack_ready(buf.data, buf.len, &out), 0);
    CU_ASSERT_EQUAL(out.slots, 2);
    CU_ASSERT_EQUAL(out.homes[1], 1);
    CU_ASSERT_TRUE(js_cpuset_equal(&out.home, &in.home));
    CU_ASSERT_STRING_EQUAL(out.error, "");
    free(out.homes);
    js_buf_release(&buf);
}

static void test_node(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_resources out;
    CU_ASSERT_EQUAL(pack_sample_node(&buf), 0);
    CU_ASSERT_EQUAL_FATAL(js_wire_unpack_node(buf.data, buf.len, &out), 0);
    CU_ASSERT_EQUAL(out.core_count, 2);
    CU_ASSERT_EQUAL(out.cores[1].cache, 1);
    CU_ASSERT_EQUAL(out.mem_bytes, UINT64_C(40) << 30);
    CU_ASSERT_STRING_EQUAL(out.gpus[0].name, "GPU-1");
    js_resources_release(&out);
    js_buf_release(&buf);
}

/* Ready for nothing: not without a reason. */
static void test_ready_for_nothing(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_wire_ready in = {.slots = 0}, out;
    CU_ASSERT_EQUAL(js_wire_pack_ready(&buf, &in), 0);
    CU_ASSERT_EQUAL(js_wire_unpack_ready(buf.data, buf.len, &out), -1);
    CU_ASSERT_EQUAL(errno, EBADMSG);
    buf.len = 0;
    memset(in.error, 'e', sizeof(in.error) - 1);
    CU_ASSERT_EQUAL(js_wire_pack_ready(&buf, &in), 0);
    CU_ASSERT_EQUAL_FATAL(js_wire_unpack_ready(buf.data, buf.len, &out), 0);
    CU_ASSERT_EQUAL(strlen(out.error), sizeof(out.error) - 1);
    free(out.homes);
    js_buf_release(&buf);
}

static void test_ready_with_slots_that_are_not_there(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_wire_ready out;
    js_pack_u32(&buf, UINT32_MAX);
    CU_ASSERT_EQUAL(js_wire_unpack_ready(buf.data, buf.len, &out), -1);
    buf.len = 0;
    js_pack_u32(&buf, 7);
    CU_ASSERT_EQUAL(js_wire_unpack_ready(buf.data, buf.len, &out), -1);
    js_buf_release(&buf);
}

static void test_ack(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_wire_ack out;
    CU_ASSERT_EQUAL(pack_sample_ack(&buf), 0);
    CU_ASSERT_EQUAL_FATAL(js_wire_unpack_ack(buf.data, buf.len, &out), 0);
    CU_ASSERT_EQUAL(out.jobs, 7);
    CU_ASSERT_EQUAL(out.text_bytes, UINT64_MAX);
    js_buf_release(&buf);
}

static void expect_outcome(const struct js_outcome *out,
                           const struct js_outcome *in)
{
    CU_ASSERT_EQUAL(out->start_unix_ns, in->start_unix_ns);
    CU_ASSERT_EQUAL(out->run_ns, in->run_ns);
    CU_ASSERT_EQUAL(out->user_cpu_ns, in->user_cpu_ns);
    CU_ASSERT_EQUAL(out->system_cpu_ns, in->system_cpu_ns);
    CU_ASSERT_EQUAL(out->max_rss_bytes, in->max_rss_bytes);
    CU_ASSERT_EQUAL(out->out_bytes, in->out_bytes);
    CU_ASSERT_EQUAL(out->err_bytes, in->err_bytes);
    CU_ASSERT_EQUAL(out->exit_code, in->exit_code);
    CU_ASSERT_EQUAL(out->signal, in->signal);
    CU_ASSERT_EQUAL(out->step, in->step);
    CU_ASSERT_EQUAL(out->step_errno, in->step_errno);
}

static void test_done(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_wire_done in = sample_done(), out;
    CU_ASSERT_EQUAL(js_wire_pack_done(&buf, &in), 0);
    CU_ASSERT_EQUAL_FATAL(unpack_done(buf.data, buf.len, &out), 0);
    CU_ASSERT_EQUAL(out.ticket, 77);
    CU_ASSERT_EQUAL(out.jobs, 1234567890123);
    CU_ASSERT_TRUE(out.captured);
    expect_outcome(&out.outcome, &in.outcome);
    CU_ASSERT_EQUAL_FATAL(out.inlined_len, 5);
    CU_ASSERT_EQUAL(memcmp(out.inlined, "abc\0e", 5), 0);

    /* Output that is to be fetched. */
    buf.len = 0;
    in.inlined = NULL;
    in.inlined_len = 0;
    in.outcome.out_bytes = UINT64_MAX;
    CU_ASSERT_EQUAL(js_wire_pack_done(&buf, &in), 0);
    CU_ASSERT_EQUAL_FATAL(unpack_done(buf.data, buf.len, &out), 0);
    CU_ASSERT_PTR_NULL(out.inlined);
    CU_ASSERT_EQUAL(out.outcome.out_bytes, UINT64_MAX);
    js_buf_release(&buf);
}

static void expect_done(const struct js_wire_done *done, int expected)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_wire_done out;
    CU_ASSERT_EQUAL(js_wire_pack_done(&buf, done), 0);
    errno = 0;
    CU_ASSERT_EQUAL(unpack_done(buf.data, buf.len, &out), expected);
    CU_ASSERT_EQUAL(errno, expected < 0 ? EBADMSG : 0);
    js_buf_release(&buf);
}

static void test_done_values(void)
{
    struct js_wire_done done = sample_done();
    done.outcome.step = JS_STEP_COUNT - 1;
    expect_done(&done, 0);
    done.outcome.step = JS_STEP_COUNT;
    expect_done(&done, -1);
    done = sample_done();
    done.outcome.run_ns = -1;
    expect_done(&done, -1);
    done = sample_done();
    done.outcome.exit_code = 256;
    expect_done(&done, -1);
}

/* The lengths of both streams must add up to what has come. */
static void test_done_lengths(void)
{
    static const struct {
        uint64_t out, err;
        int expected;
    } cases[] = {
        {5, 0, 0},           {0, 5, 0},  {6, 0, -1},          {3, 1, -1},
        {3, 3, -1},          {0, 0, -1}, {UINT64_MAX, 6, -1}, /* their sum wraps
                                                                 to 5 */
        {6, UINT64_MAX, -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct js_wire_done done = sample_done();
        done.outcome.out_bytes = cases[i].out;
        done.outcome.err_bytes = cases[i].err;
        expect_done(&done, cases[i].expected);
    }
}

static void test_fetch(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_wire_fetch in = sample_fetch(), out;
    CU_ASSERT_EQUAL(js_wire_pack_fetch(&buf, &in), 0);
    CU_ASSERT_EQUAL_FATAL(js_wire_unpack_fetch(buf.data, buf.len, &out), 0);
    CU_ASSERT_EQUAL(out.ticket, in.ticket);
    CU_ASSERT_EQUAL(out.offset, in.offset);
    CU_ASSERT_EQUAL(out.stream, 1);
    CU_ASSERT_EQUAL(out.length, JS_WIRE_CHUNK);
    buf.len = 0;
    in.stream = 2;
    CU_ASSERT_EQUAL(js_wire_pack_fetch(&buf, &in), 0);
    CU_ASSERT_EQUAL(js_wire_unpack_fetch(buf.data, buf.len, &out), -1);
    buf.len = 0;
    in = sample_fetch();
    in.length++;
    CU_ASSERT_EQUAL(js_wire_pack_fetch(&buf, &in), 0);
    CU_ASSERT_EQUAL(js_wire_unpack_fetch(buf.data, buf.len, &out), -1);
    js_buf_release(&buf);
}

static void test_output(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_wire_output in = sample_output(), out;
    CU_ASSERT_EQUAL(js_wire_pack_output(&buf, &in), 0);
    CU_ASSERT_EQUAL_FATAL(js_wire_unpack_output(buf.data, buf.len, &out), 0);
    CU_ASSERT_EQUAL(out.ticket, in.ticket);
    CU_ASSERT_EQUAL(out.offset, in.offset);
    CU_ASSERT_EQUAL(out.stream, 1);
    CU_ASSERT_EQUAL(out.error, EIO);
    CU_ASSERT_EQUAL_FATAL(out.len, 2);
    CU_ASSERT_EQUAL(memcmp(out.bytes, "\0\n", 2), 0);
    buf.len = 0;
    in.stream = 2;
    CU_ASSERT_EQUAL(js_wire_pack_output(&buf, &in), 0);
    CU_ASSERT_EQUAL(js_wire_unpack_output(buf.data, buf.len, &out), -1);
    js_buf_release(&buf);
}

static void test_number(void)
{
    static const uint64_t numbers[] = {0, 1, UINT64_MAX};
    for (int i = 0; i < 3; i++) {
        struct js_buf buf = JS_BUF_INIT;
        uint64_t number = 42;
        CU_ASSERT_EQUAL(js_wire_pack_number(&buf, numbers[i]), 0);
        CU_ASSERT_EQUAL(js_wire_unpack_number(buf.data, buf.len, &number), 0);
        CU_ASSERT_EQUAL(number, numbers[i]);
        js_buf_release(&buf);
    }
}

static void test_tag_names(void)
{
    CU_ASSERT_STRING_EQUAL(js_tag_name(JS_TAG_HELLO), "HELLO");
    CU_ASSERT_STRING_EQUAL(js_tag_name(JS_TAG_GOODBYE), "GOODBYE");
    CU_ASSERT_STRING_EQUAL(js_tag_name(0), "?");
    CU_ASSERT_STRING_EQUAL(js_tag_name(-1), "?");
    CU_ASSERT_STRING_EQUAL(js_tag_name(JS_TAG_COUNT), "?");
    for (int a = 1; a < JS_TAG_COUNT; a++) {
        for (int b = 0; b < a; b++)
            CU_ASSERT_STRING_NOT_EQUAL(js_tag_name(a), js_tag_name(b));
    }
}

/* ---------------------------------------------------------------- jobs */

static struct js_wire_job wire_of(size_t len)
{
    struct js_wire_job wire;
    char *text = not_null(calloc(len + 1, 1));
    memset(text, 'a', len);
    struct js_job *job = js_job_new(3, text, len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(job);
    job->attempt = 2;
    memset(&wire, 0xee, sizeof(wire));
    js_wire_job_of(&wire, job, 99, 5);
    js_job_free(job);
    free(text);
    return wire;
}

static void test_job(void)
{
    struct js_wire_job wire = wire_of(1000);
    CU_ASSERT_EQUAL(sizeof(struct js_wire_job), 256);
    CU_ASSERT_EQUAL(wire.id, 3);
    CU_ASSERT_EQUAL(wire.ticket, 99);
    CU_ASSERT_EQUAL(wire.slot, 5);
    CU_ASSERT_EQUAL(wire.attempt, 2);
    CU_ASSERT_EQUAL(wire.cores, 1);
    CU_ASSERT_EQUAL(wire.kind, JS_JOB_COMMAND);
    CU_ASSERT_EQUAL(wire.text_len, 1000);
    CU_ASSERT_EQUAL(wire.allocation_len + wire.details_len, 0);
    CU_ASSERT_EQUAL(wire.inline_max, 0);
    CU_ASSERT_EQUAL(js_wire_job_check(&wire), 0);
    /* Nothing of what was in memory before leaves the process. */
    for (size_t at = 0; at < JS_WIRE_JOB_TEXT; at++)
        CU_ASSERT_EQUAL(wire.text[at], '\0');
}

static struct js_wire_job parted_job(uint32_t allocation, uint32_t details,
                                     uint32_t command)
{
    struct js_wire_job wire = wire_of(0);
    wire.allocation_len = allocation;
    wire.details_len = details;
    wire.text_len = allocation + details + command;
    return wire;
}

static void test_job_text(void)
{
    struct js_wire_text text;
    struct js_wire_job wire = parted_job(0, 0, 4);
    CU_ASSERT_EQUAL_FATAL(js_wire_job_text(&wire, "true", &text), 0);
    CU_ASSERT_FALSE(text.has_allocation);
    CU_ASSERT_EQUAL(text.command_len, 4);
    CU_ASSERT_EQUAL(text.details_len, 0);
    wire = parted_job(14, 3, 4);
    CU_ASSERT_EQUAL_FATAL(js_wire_job_text(&wire,
                                           "0-3\0"
                                           "1,2\0"
                                           "n1,n2\0"
                                           "nx\0"
                                           "true",
                                           &text),
                          0);
    CU_ASSERT_TRUE(text.has_allocation);
    CU_ASSERT_EQUAL(js_cpuset_count(&text.cpus), 4);
    CU_ASSERT_STRING_EQUAL(text.gpus, "1,2");
    CU_ASSERT_STRING_EQUAL(text.hosts, "n1,n2");
    CU_ASSERT_STRING_EQUAL(text.details, "nx");
    CU_ASSERT_STRING_EQUAL(text.command, "true");
    wire = parted_job(6, 0, 1);
    CU_ASSERT_EQUAL(js_wire_job_text(&wire, "0-3\0\0\0x", &text), 0);
    CU_ASSERT_STRING_EQUAL(text.gpus, "");
    CU_ASSERT_STRING_EQUAL(text.hosts, "");
    CU_ASSERT_STRING_EQUAL(text.command, "x");
}

static void expect_bad_text(const struct js_wire_job *wire, const char *text)
{
    struct js_wire_text out;
    errno = 0;
    CU_ASSERT_EQUAL(js_wire_job_text(wire, text, &out), -1);
    CU_ASSERT_EQUAL(errno, EBADMSG);
}

static void test_bad_job_text(void)
{
    struct js_wire_job wire = parted_job(0, 0, 3);
    expect_bad_text(&wire, "a\0b");
    wire = parted_job(4, 0, 1); /* no GPUs, not even none */
    expect_bad_text(&wire, "0-3\0x");
    wire = parted_job(5, 0, 1); /* no hosts, not even none */
    expect_bad_text(&wire, "0-3\0\0x");
    wire = parted_job(7, 0, 1); /* four strings */
    expect_bad_text(&wire, "0-3\0\0\0\0x");
    wire = parted_job(6, 0, 1); /* without an end */
    expect_bad_text(&wire, "0-3\0\0"
                           "1x");
    wire = parted_job(6, 0, 1);
    expect_bad_text(&wire, "0+3\0\0\0x");
}

static void test_simulated_job(void)
{
    struct js_job *job = js_job_new_simulated(NULL, 9, 123456789);
    struct js_wire_job wire;
    CU_ASSERT_PTR_NOT_NULL_FATAL(job);
    js_wire_job_of(&wire, job, 1, 0);
    CU_ASSERT_EQUAL(wire.kind, JS_JOB_SIMULATED);
    CU_ASSERT_EQUAL(wire.duration_ns, 123456789);
    CU_ASSERT_EQUAL(js_wire_job_check(&wire), 0);
    js_job_free(job);
}

static void expect_bad_job(const struct js_wire_job *wire)
{
    errno = 0;
    CU_ASSERT_EQUAL(js_wire_job_check(wire), -1);
    CU_ASSERT_EQUAL(errno, EBADMSG);
}

static void test_job_values(void)
{
    struct js_wire_job wire = wire_of(10);
    wire.kind = 0;
    expect_bad_job(&wire);
    wire.kind = JS_JOB_SIMULATED + 1;
    expect_bad_job(&wire);
    wire = wire_of(10);
    wire.duration_ns = -1;
    expect_bad_job(&wire);
    wire = wire_of(10);
    wire.timeout_ns = -1;
    expect_bad_job(&wire);
    wire = wire_of(10);
    wire.slot = JS_CPUS_MAX;
    expect_bad_job(&wire);
    wire = wire_of(10);
    wire.cores = 0;
    expect_bad_job(&wire);
    wire = wire_of(10);
    wire.allocation_len = 6;
    wire.details_len = 5;
    expect_bad_job(&wire);
    wire.allocation_len = UINT32_MAX; /* the sum must not wrap */
    expect_bad_job(&wire);
    wire = wire_of(JS_WIRE_JOB_TEXT + 1);
    wire.text_len = JS_WIRE_TEXT_MAX;
    CU_ASSERT_EQUAL(js_wire_job_check(&wire), 0);
    wire.text_len++;
    expect_bad_job(&wire);
    wire.text_len = UINT32_MAX;
    expect_bad_job(&wire);
    /* More than may ride would make a DONE that is too long to be sent. */
    wire = wire_of(10);
    wire.inline_max = JS_WIRE_INLINE;
    CU_ASSERT_EQUAL(js_wire_job_check(&wire), 0);
    wire.inline_max = UINT32_MAX;
    expect_bad_job(&wire);
}

/* ---------------------------------------------------------------- damage */

static void test_every_truncation(void)
{
    for (int k = 0; k < KINDS; k++) {
        struct js_buf buf = JS_BUF_INIT;
        CU_ASSERT_EQUAL_FATAL(kinds[k].pack(&buf), 0);
        CU_ASSERT_EQUAL(read_copy(&kinds[k], buf.data, buf.len), 0);
        for (size_t len = 0; len < buf.len; len++)
            CU_ASSERT_EQUAL(read_copy(&kinds[k], buf.data, len), -1);
        js_buf_release(&buf);
    }
}

static void test_every_extension(void)
{
    for (int k = 0; k < KINDS; k++) {
        struct js_buf buf = JS_BUF_INIT;
        CU_ASSERT_EQUAL_FATAL(kinds[k].pack(&buf), 0);
        js_buf_append(&buf, "", 1);
        for (int byte = 0; byte < 256; byte++) {
            buf.data[buf.len - 1] = (char)byte;
            CU_ASSERT_EQUAL(read_copy(&kinds[k], buf.data, buf.len), -1);
        }
        js_buf_release(&buf);
    }
}

/* What one changed byte makes of it may be a message, but within bounds. */
static void test_every_changed_byte(void)
{
    for (int k = 0; k < KINDS; k++) {
        struct js_buf buf = JS_BUF_INIT;
        CU_ASSERT_EQUAL_FATAL(kinds[k].pack(&buf), 0);
        for (size_t at = 0; at < buf.len; at++) {
            char was = buf.data[at];
            for (int byte = 0; byte < 256; byte++) {
                buf.data[at] = (char)byte;
                read_copy(&kinds[k], buf.data, buf.len);
            }
            buf.data[at] = was;
        }
        js_buf_release(&buf);
    }
}

static void test_random_bytes(void)
{
    struct rng rng = {7};
    for (int round = 0; round < (int)unit_rounds(100000); round++) {
        char bytes[300];
        size_t len = (size_t)rng_below(&rng, sizeof(bytes) + 1);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (char)rng_next(&rng);
        for (int k = 0; k < KINDS; k++)
            read_copy(&kinds[k], bytes, len);
    }
}

/* Nearer to the truth, these come further than random bytes. */
static void test_random_damage(void)
{
    struct rng rng = {8};
    for (int round = 0; round < (int)unit_rounds(100000); round++) {
        const struct kind *kind = &kinds[rng_below(&rng, KINDS)];
        struct js_buf buf = JS_BUF_INIT;
        CU_ASSERT_EQUAL_FATAL(kind->pack(&buf), 0);
        size_t len = buf.len;
        for (uint64_t n = 1 + rng_below(&rng, 4); n > 0; n--) {
            static const char edges[] = {0,    1,          2,         3,
                                         0x7f, (char)0x80, (char)0xff};
            buf.data[rng_below(&rng, buf.len)] =
                edges[rng_below(&rng, sizeof(edges))];
        }
        if (rng_chance(&rng, 30))
            len = (size_t)rng_below(&rng, buf.len + 1);
        read_copy(kind, buf.data, len);
        js_buf_release(&buf);
    }
}

static const struct unit_test tests[] = {
    {"HELLO", test_hello},
    {"HELLO of a large node", test_hello_of_a_large_node},
    {"HELLO of another version", test_hello_of_another_version},
    {"SETUP", test_setup},
    {"SETUP: values out of range", test_setup_values},
    {"CLEAR, CLEARED", test_clearing},
    {"RUNNER", test_processes},
    {"NODE", test_node},
    {"READY", test_ready},
    {"READY for nothing", test_ready_for_nothing},
    {"READY with slots that are not there",
     test_ready_with_slots_that_are_not_there},
    {"ACK", test_ack},
    {"DONE", test_done},
    {"DONE: values out of range", test_done_values},
    {"DONE: lengths that do not add up", test_done_lengths},
    {"FETCH", test_fetch},
    {"OUTPUT", test_output},
    {"numbers", test_number},
    {"names of tags", test_tag_names},
    {"a job", test_job},
    {"the text of a job", test_job_text},
    {"a bad text of a job", test_bad_job_text},
    {"JOB simulated", test_simulated_job},
    {"JOB: values out of range", test_job_values},
    {"every truncation", test_every_truncation},
    {"every extension", test_every_extension},
    {"every changed byte", test_every_changed_byte},
    {"random bytes", test_random_bytes},
    {"random damage", test_random_damage},
    {NULL, NULL},
};

const struct unit_suite suite_wire = {"wire", tests};
