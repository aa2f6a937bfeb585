/* job: a value with details and command in one piece. */
#include "unit.h"

#include "core/details.h"
#include "core/job.h"

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
    CU_ASSERT_EQUAL(job->need.cores, 4);
    CU_ASSERT_EQUAL(job->need.mem_bytes, UINT64_C(40) << 30);
    CU_ASSERT_EQUAL(job->need.gpus, 2);
    CU_ASSERT_EQUAL(job->need.nodes, 1);
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
    CU_ASSERT_EQUAL(js_need_nodes(&two->need), 2);
    CU_ASSERT_EQUAL(js_need_nodes(&(struct js_need){.cores = 1}), 1);
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

static void test_out_of_the_middle(void)
{
    struct js_job_queue queue = {0};
    for (uint64_t id = 1; id <= 3; id++)
        js_job_queue_push(&queue, js_job_new(id, "", 0));
    struct js_job *job = js_job_queue_take(&queue, &queue.head->next->next);
    CU_ASSERT_EQUAL(job->id, 3);
    js_job_free(job);
    js_job_queue_push(&queue, js_job_new(4, "", 0));
    job = js_job_queue_take(&queue, &queue.head);
    CU_ASSERT_EQUAL(job->id, 1);
    js_job_free(job);
    CU_ASSERT_EQUAL(queue.count, 2);
    CU_ASSERT_EQUAL(queue.head->id, 2);
    CU_ASSERT_EQUAL(queue.head->next->id, 4);
    while (queue.head)
        js_job_free(js_job_queue_take(&queue, &queue.head));
    js_job_queue_push(&queue, js_job_new(5, "", 0));
    CU_ASSERT_EQUAL(queue.head->id, 5);
    js_job_queue_release(&queue);
}

static const struct unit_test tests[] = {
    {"a plain one", test_plain},
    {"with attributes", test_with_attributes},
    {"nodes", test_nodes},
    {"a copy", test_copy},
    {"out of the middle of a queue", test_out_of_the_middle},
    {NULL, NULL},
};

const struct unit_suite suite_job = {"job", tests};
