/* job: a value with details and command in one piece; and lanes of them. */
#include "unit.h"

#include "list/job.h"
#include "rng.h"
#include "sched/ready_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct js_job *job_of(const char *list)
{
    struct js_attributes attributes;
    struct js_err err;
    size_t at;
    js_attributes_init(&attributes);
    ptrdiff_t begin =
        js_attributes_read(list, strlen(list), &attributes, &at, &err);
    CU_ASSERT_FATAL(begin >= 0);
    struct js_job *job = js_job_new_with(7, &attributes, list + begin,
                                         strlen(list) - (size_t)begin);
    CU_ASSERT_PTR_NOT_NULL_FATAL(job);
    js_attributes_release(&attributes);
    return job;
}

static void test_job_holds_its_command(void)
{
    struct js_job *job = not_null(js_job_new(7, "echo \xff x", 8));
    CU_ASSERT_EQUAL(job->id, 7);
    CU_ASSERT_EQUAL(job->kind, JS_JOB_COMMAND);
    CU_ASSERT_EQUAL(job->attempt, 1);
    CU_ASSERT_EQUAL(job->command_len, 8);
    CU_ASSERT_STRING_EQUAL(job->command, "echo \xff x");
    js_job_free(job);
    job = not_null(js_job_new_simulated(NULL, 8, 42));
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
        js_job_queue_push(&queue, js_job_new_simulated(NULL, id, 0));
    CU_ASSERT_EQUAL(queue.count, 3);
    pop_expecting(&queue, 1);
    pop_expecting(&queue, 2);
    pop_expecting(&queue, 3);
    CU_ASSERT_PTR_NULL(js_job_queue_pop(&queue));
    CU_ASSERT_EQUAL(queue.count, 0);
    js_job_queue_push(&queue, js_job_new_simulated(NULL, 4, 0));
    js_job_queue_push(&queue, js_job_new_simulated(NULL, 5, 0));
    pop_expecting(&queue, 4);
    js_job_queue_release(&queue);
    CU_ASSERT_EQUAL(queue.count, 0);
}

static void test_plain(void)
{
    struct js_job *job = js_job_new(3, "true", 4);
    CU_ASSERT_PTR_NOT_NULL_FATAL(job);
    CU_ASSERT_TRUE(js_job_is_plain(job));
    CU_ASSERT_STRING_EQUAL(js_job_name(job), "");
    CU_ASSERT_STRING_EQUAL(job->command, "true");
    CU_ASSERT_EQUAL(job->expected_ns, -1);
    CU_ASSERT_EQUAL(job->details_len, 0);
    js_job_free(job);
}

static void test_with_attributes(void)
{
    struct js_job *job =
        job_of("[name=a cores=4 mem=40G gpus=2 timeout=3s retries=5 "
               "priority=-7 env=A=1 dir=/d stdin=i stdout=o stderr=e] run x");
    CU_ASSERT_FALSE(js_job_is_plain(job));
    CU_ASSERT_STRING_EQUAL(js_job_name(job), "a");
    CU_ASSERT_STRING_EQUAL(job->command, "run x");
    CU_ASSERT_EQUAL(job->command_len, 5);
    CU_ASSERT_EQUAL(job->request.cores, 4);
    CU_ASSERT_EQUAL(job->request.mem_bytes, UINT64_C(40) << 30);
    CU_ASSERT_EQUAL(job->request.gpus, 2);
    CU_ASSERT_EQUAL(job->request.nodes, 1);
    CU_ASSERT_EQUAL(job->timeout_ns, INT64_C(3000000000));
    CU_ASSERT_EQUAL(job->retries, 5);
    CU_ASSERT_TRUE(job->is_retries_set);
    CU_ASSERT_EQUAL(job->priority, -7);
    js_job_free(job);
}

/* One node is what every job has; several make it another matter. */
static void test_nodes(void)
{
    struct js_job *one = job_of("[nodes=1] x");
    struct js_job *two = job_of("[nodes=2] x");
    CU_ASSERT_TRUE(js_job_is_plain(one));
    CU_ASSERT_FALSE(js_job_is_plain(two));
    CU_ASSERT_EQUAL(js_request_nodes(&two->request), 2);
    CU_ASSERT_EQUAL(js_request_nodes(&(struct js_request){.cores = 1}), 1);
    js_job_free(one);
    js_job_free(two);
}

static void test_copy(void)
{
    struct js_job *job = job_of("[name=a env=A=1] run");
    struct js_job *copy = js_job_copy(job);
    CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
    js_job_free(job);
    CU_ASSERT_STRING_EQUAL(js_job_name(copy), "a");
    CU_ASSERT_STRING_EQUAL(copy->command, "run");
    CU_ASSERT_EQUAL(copy->id, 7);
    js_job_free(copy);
}

/* A kind of need is told by its cores here. */
static struct js_job *job_in_lane(uint64_t id, uint32_t cores)
{
    struct js_job *job = not_null(js_job_new(id, "", 0));
    job->request.cores = cores;
    return job;
}

static void expect_taken(struct js_lanes *lanes, struct js_job **link,
                         uint64_t id)
{
    struct js_job *job = js_lanes_take(lanes, link);
    CU_ASSERT_EQUAL(job->id, id);
    js_job_free(job);
}

static void test_lanes_keep_the_order(void)
{
    struct js_lanes lanes = {0};
    static const uint32_t cores[] = {2, 2, 1, 2, 3, 1};
    for (uint64_t id = 1; id <= 6; id++)
        js_lanes_push(&lanes, job_in_lane(id, cores[id - 1]));
    js_lanes_push_front(&lanes, job_in_lane(7, 1));
    js_lanes_push_front(&lanes, job_in_lane(8, 4));
    CU_ASSERT_EQUAL(lanes.count, 8);
    CU_ASSERT_EQUAL(lanes.lane_count, 4);
    static const uint64_t order[] = {8, 7, 1, 2, 3, 4, 5, 6};
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        expect_taken(&lanes, &lanes.first, order[i]);
    CU_ASSERT_EQUAL(lanes.count, 0);
    CU_ASSERT_EQUAL(lanes.lane_count, 0);
    js_lanes_push(&lanes, job_in_lane(9, 1));
    js_lanes_release(&lanes);
    CU_ASSERT_PTR_NULL(lanes.first);
}

static void test_only_the_first_of_a_lane_is_in_the_way(void)
{
    struct js_lanes lanes = {0};
    for (uint64_t id = 1; id <= 1000; id++)
        js_lanes_push(&lanes, job_in_lane(id, 2));
    js_lanes_push(&lanes, job_in_lane(1001, 1));
    js_lanes_push(&lanes, job_in_lane(1002, 3));
    js_lanes_push(&lanes, job_in_lane(1003, 1));
    expect_taken(&lanes, &lanes.first->lane, 1001);
    expect_taken(&lanes, &lanes.first->lane, 1002);
    expect_taken(&lanes, &lanes.first->lane, 1003);
    CU_ASSERT_PTR_NULL(lanes.first->lane);
    js_lanes_release(&lanes);
}

static void test_who_is_alike(void)
{
    struct js_job *a = job_of("[cores=2 gpus=1 mem=1G] a");
    struct js_job *b = js_job_copy(a);
    CU_ASSERT_TRUE(js_job_is_alike(a, b));
    b->losses = 2;
    CU_ASSERT_FALSE(js_job_is_alike(a, b));
    a->losses = 1;
    CU_ASSERT_TRUE(js_job_is_alike(a, b));
    b->request.nodes = 1;
    CU_ASSERT_TRUE(js_job_is_alike(a, b));
    b->avoid = 1;
    CU_ASSERT_FALSE(js_job_is_alike(a, b));
    static const struct js_request others[] = {{0, 1, 1, 1 << 30},
                                               {0, 2, 0, 1 << 30},
                                               {0, 2, 1, 0},
                                               {2, 2, 1, 1 << 30}};
    b->avoid = 0;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        b->request = others[i];
        CU_ASSERT_FALSE(js_job_is_alike(a, b));
    }
    js_job_free(a);
    js_job_free(b);
}

/* ---------------------------------------------------------------- details */

static void pack_details(const char *list, struct js_buf *buf)
{
    struct js_attributes attributes;
    struct js_err err;
    size_t at;
    js_attributes_init(&attributes);
    CU_ASSERT_FATAL(
        js_attributes_read(list, strlen(list), &attributes, &at, &err) > 0);
    CU_ASSERT_EQUAL(js_job_spec_pack(buf, &attributes), 0);
    js_attributes_release(&attributes);
}

static void test_details_of_all_kinds(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_job_spec details;
    pack_details("[env=A=1 name=n dir=d stdin=i stdout=o stderr=e env=B=] x",
                 &buf);
    CU_ASSERT_EQUAL_FATAL(js_job_spec_unpack(buf.data, buf.len, &details), 0);
    CU_ASSERT_STRING_EQUAL(details.name, "n");
    CU_ASSERT_STRING_EQUAL(details.dir, "d");
    CU_ASSERT_STRING_EQUAL(details.stdin_path, "i");
    CU_ASSERT_STRING_EQUAL(details.stdout_path, "o");
    CU_ASSERT_STRING_EQUAL(details.stderr_path, "e");
    CU_ASSERT_EQUAL(details.env_count, 2);
    const char *env = js_job_spec_env(&details, NULL);
    CU_ASSERT_STRING_EQUAL(env, "A=1");
    env = js_job_spec_env(&details, env);
    CU_ASSERT_STRING_EQUAL(env, "B=");
    CU_ASSERT_PTR_NULL(js_job_spec_env(&details, env));
    js_buf_release(&buf);
}

/* A job of the template's values, written like a list of attributes. */
static struct js_job *job_of_args(const char *list, const char *const *args)
{
    struct js_attributes attributes;
    struct js_err err;
    size_t at;
    js_attributes_init(&attributes);
    ptrdiff_t begin =
        js_attributes_read(list, strlen(list), &attributes, &at, &err);
    CU_ASSERT_FATAL(begin >= 0);
    for (; *args; args++)
        CU_ASSERT_EQUAL(js_strings_add(&attributes.args, *args, strlen(*args)),
                        0);
    struct js_attributes copy;
    CU_ASSERT_EQUAL_FATAL(js_attributes_copy(&copy, &attributes), 0);
    js_attributes_release(&attributes);
    struct js_job *job = not_null(
        js_job_new_with(7, &copy, list + begin, strlen(list) - (size_t)begin));
    js_attributes_release(&copy);
    return job;
}

static void test_values_of_a_template(void)
{
    static const char *const args[] = {"an=4", "uf=a b", "ax=", NULL};
    struct js_job *job = job_of_args("[name=me env=A=1 dir=d] run", args);
    struct js_job_spec details;
    struct js_buf shown = JS_BUF_INIT;
    CU_ASSERT_EQUAL_FATAL(
        js_job_spec_unpack(job->text, job->details_len, &details), 0);
    CU_ASSERT_STRING_EQUAL(js_job_name(job), "me");
    CU_ASSERT_STRING_EQUAL(details.dir, "d");
    CU_ASSERT_EQUAL(details.env_count, 1);
    CU_ASSERT_STRING_EQUAL(js_job_spec_env(&details, NULL), "A=1");
    CU_ASSERT_EQUAL(details.arg_count, 3);
    const char *arg = NULL;
    for (size_t i = 0; i < 3; i++) {
        arg = js_job_spec_arg(&details, arg);
        CU_ASSERT_STRING_EQUAL(arg, args[i] + 1);
    }
    CU_ASSERT_PTR_NULL(js_job_spec_arg(&details, arg));
    CU_ASSERT_EQUAL(js_job_describe_args(job, ": ", &shown), 0);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&shown), ": n=4 f=a b x=");
    CU_ASSERT_TRUE(js_job_has_args(job, "n=4"));
    CU_ASSERT_TRUE(js_job_has_args(job, "x="));
    CU_ASSERT_TRUE(js_job_has_args(job, "n=4 f=a b x="));
    CU_ASSERT_FALSE(js_job_has_args(job, "n="));
    CU_ASSERT_FALSE(js_job_has_args(job, "n=4 f=a b"));
    CU_ASSERT_FALSE(js_job_has_args(job, "env=A=1"));
    js_job_free(job);
    shown.len = 0;
    job = job_of("[name=me env=A=1] run");
    CU_ASSERT_EQUAL(js_job_describe_args(job, ": ", &shown), 0);
    CU_ASSERT_EQUAL(shown.len, 0);
    CU_ASSERT_FALSE(js_job_has_args(job, ""));
    js_job_free(job);
    js_buf_release(&shown);
}

static struct js_identity identity_of(const char *list, const char *const *args)
{
    struct js_job *job = job_of_args(list, args);
    struct js_identity identity = js_identity_of(job);
    js_job_free(job);
    return identity;
}

static void test_unused_values_count_in_the_identity(void)
{
    static const char *const none[] = {NULL}, *const used[] = {"un=4", NULL},
                             *const unused[] = {"an=4", NULL},
                             *const other[] = {"an=5", NULL},
                             *const renamed[] = {"am=4", NULL},
                             *const both[] = {"ux=1", "an=4", NULL};
    static const struct {
        const char *const *a, *const *b;
        bool is_same;
    } pairs[] = {{none, used, true},
                 {none, unused, false},
                 {unused, other, false},
                 {unused, renamed, false},
                 {unused, both, true}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct js_identity a = identity_of("[env=A=1] x", pairs[i].a),
                           b = identity_of("[name=z env=A=1] x", pairs[i].b);
        CU_ASSERT_EQUAL(js_identity_equal(&a, &b), pairs[i].is_same);
    }
    /* It is on disk: it must never change. */
    struct js_identity known = identity_of("[name=z env=A=1] x", both);
    CU_ASSERT_EQUAL(known.high, UINT64_C(0x77f4a4c8ffb2f372));
    CU_ASSERT_EQUAL(known.low, UINT64_C(0xcb507a23a7468787));
}

static void test_no_details(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_job_spec details;
    pack_details("[cores=2] x", &buf);
    CU_ASSERT_EQUAL(buf.len, 0);
    CU_ASSERT_EQUAL_FATAL(js_job_spec_unpack(buf.data, 0, &details), 0);
    CU_ASSERT_PTR_NULL(details.name);
    CU_ASSERT_PTR_NULL(details.stdout_path);
    CU_ASSERT_PTR_NULL(js_job_spec_env(&details, NULL));
}

static void expect_bad_details(const char *bytes, size_t len)
{
    struct js_job_spec details;
    errno = 0;
    CU_ASSERT_EQUAL(js_job_spec_unpack(bytes, len, &details), -1);
    CU_ASSERT_EQUAL(errno, EBADMSG);
}

static void test_bad_details(void)
{
    expect_bad_details("na", 2);
    expect_bad_details("na\0nb", 6);
    expect_bad_details("xa", 3);
    expect_bad_details("eA", 3);
    expect_bad_details("aA", 3);
    expect_bad_details("uA", 3);
    expect_bad_details("n", 2);
    expect_bad_details("", 1);
}

static void test_damaged_details(void)
{
    struct rng rng = {1};
    struct js_buf buf = JS_BUF_INIT;
    pack_details("[env=A=1 name=n dir=d env=B=2] x", &buf);
    for (int round = 0; round < 20000; round++) {
        struct js_job_spec details;
        char *copy = malloc(buf.len);
        memcpy(copy, buf.data, buf.len);
        copy[rng_next(&rng) % buf.len] = (char)rng_next(&rng);
        size_t len = rng_next(&rng) % (buf.len + 1);
        const char *env = NULL;
        size_t count = 0;
        if (js_job_spec_unpack(copy, len, &details) == 0) {
            while ((env = js_job_spec_env(&details, env)))
                count++;
            CU_ASSERT_EQUAL(count, details.env_count);
        }
        free(copy);
    }
    js_buf_release(&buf);
}

static const struct unit_test tests[] = {
    {"holds its command", test_job_holds_its_command},
    {"queue is first in, first out", test_queue_is_first_in_first_out},
    {"a plain one", test_plain},
    {"with attributes", test_with_attributes},
    {"nodes", test_nodes},
    {"a copy", test_copy},
    {"lanes keep the order", test_lanes_keep_the_order},
    {"only the first of a lane is in the way",
     test_only_the_first_of_a_lane_is_in_the_way},
    {"who is alike", test_who_is_alike},
    {"details of all kinds", test_details_of_all_kinds},
    {"values of a template", test_values_of_a_template},
    {"unused values count in the identity",
     test_unused_values_count_in_the_identity},
    {"no details", test_no_details},
    {"bad details", test_bad_details},
    {"damaged details", test_damaged_details},
    {NULL, NULL},
};

const struct unit_suite suite_job = {"job", tests};
