/* whatif: what a list would take on 1, 2, 4 ... slots. */
#include "unit.h"

#include "base/clock.h"
#include "dag.h"
#include "list/job.h"
#include "sched/whatif.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---------------------------------------------------------------- helpers */

/* The run times are what the commands say, in seconds: "run 2"; "run ?" is one
 * of which nobody knows. */
static int64_t run_ns(void *arg, const struct js_job *job)
{
    char word[32] = "";
    (void)arg;
    CU_ASSERT_FATAL(job->command_len < sizeof(word));
    memcpy(word, job->command, job->command_len);
    CU_ASSERT_EQUAL_FATAL(strncmp(word, "run ", 4), 0);
    return word[4] == '?' ? -1 : (int64_t)(strtod(word + 4, NULL) * 1e9);
}

static struct js_whatif_config config_of(void)
{
    return (struct js_whatif_config){
        .scheduler = {.round_size = 10}, .run_ns = run_ns, .host_slots = 4};
}

static int make(struct js_whatif_config config, const char *list,
                struct js_whatif *ret, struct js_err *err)
{
    struct js_list *read = dag_list(list);
    config.list = read;
    int rc = js_whatif_make(&config, ret, err);
    js_list_free(read);
    return rc;
}

static void made(struct js_whatif_config config, const char *list,
                 struct js_whatif *ret)
{
    struct js_err err = {""};
    CU_ASSERT_EQUAL_FATAL(make(config, list, ret, &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
}

static void expect_row(const struct js_whatif *forecast, size_t index,
                       uint64_t slots, double makespan_s)
{
    CU_ASSERT_FATAL(index < forecast->row_count);
    const struct js_whatif_row *row = &forecast->rows[index];
    CU_ASSERT_EQUAL(row->slots, slots);
    CU_ASSERT_DOUBLE_EQUAL((double)row->makespan_ns / 1e9, makespan_s, 1e-6);
}

static void expect_failure(const char *list, const char *part)
{
    struct js_whatif forecast;
    struct js_err err = {""};
    CU_ASSERT_EQUAL(make(config_of(), list, &forecast, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, part));
}

/* ---------------------------------------------------------------- tests */

static void test_rows(void)
{
    struct js_whatif forecast;
    made(config_of(), "run 2\nrun 1\nrun 1\nrun 1\nrun 1\n", &forecast);
    CU_ASSERT_EQUAL(forecast.jobs, 5);
    CU_ASSERT_EQUAL(forecast.unknown, 0);
    CU_ASSERT_EQUAL(forecast.row_count, 3);
    expect_row(&forecast, 0, 1, 6);
    expect_row(&forecast, 1, 2, 3);
    expect_row(&forecast, 2, 4, 2);
    CU_ASSERT_DOUBLE_EQUAL(forecast.rows[0].efficiency, 1, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(forecast.rows[2].efficiency, 0.75, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(forecast.rows[2].core_hours, 8 / 3600.0, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(forecast.rows[0].gain, 0, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(forecast.rows[2].gain, 1.5, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(forecast.work_ns, 6e9, 1);
    CU_ASSERT_EQUAL(forecast.choice, 1);
    /* Four slots are as fast as the longest job. */
    CU_ASSERT_TRUE(forecast.is_path_reached);
    CU_ASSERT_EQUAL(forecast.path_ns, 2 * JS_NS_PER_S);
    CU_ASSERT_EQUAL_FATAL(forecast.path_count, 1);
    CU_ASSERT_EQUAL(forecast.path[0]->line, 1);
    js_whatif_release(&forecast);
}

static void test_longest_chain(void)
{
    struct js_whatif forecast;
    made(config_of(),
         "[name=a] run 1\n[name=b after=a] run 2\nrun 3\n[after=b] run 1\n",
         &forecast);
    CU_ASSERT_TRUE(forecast.is_path_reached);
    CU_ASSERT_EQUAL(forecast.path_ns, 4 * JS_NS_PER_S);
    CU_ASSERT_EQUAL_FATAL(forecast.path_count, 3);
    CU_ASSERT_STRING_EQUAL(js_job_name(forecast.path[0]), "a");
    CU_ASSERT_STRING_EQUAL(js_job_name(forecast.path[1]), "b");
    CU_ASSERT_EQUAL(forecast.path[2]->line, 4);
    CU_ASSERT_EQUAL(forecast.row_count, 2);
    js_whatif_release(&forecast);
}

static void test_unknown_run_times(void)
{
    struct js_whatif forecast;
    made(config_of(), "run 1\nrun ?\n[cores=2] run ?\nrun 3\n", &forecast);
    CU_ASSERT_EQUAL(forecast.jobs, 4);
    CU_ASSERT_EQUAL(forecast.unknown, 2);
    CU_ASSERT_EQUAL(forecast.mean_ns, 2 * JS_NS_PER_S);
    CU_ASSERT_DOUBLE_EQUAL(forecast.work_ns, 10e9, 1);
    js_whatif_release(&forecast);
}

/* The number that was asked for has a row, and is gone on to. */
static void test_slots_that_were_asked_for(void)
{
    struct js_whatif forecast;
    struct js_whatif_config config = config_of();
    config.slots = 3;
    made(config, "run 1\nrun 1\nrun 1\nrun 1\nrun 1\nrun 1\n", &forecast);
    CU_ASSERT_EQUAL(forecast.row_count, 5);
    expect_row(&forecast, 1, 2, 3);
    expect_row(&forecast, 2, 3, 2);
    expect_row(&forecast, 4, 8, 1);
    js_whatif_release(&forecast);
    config.slots = 12;
    made(config, "run 1\nrun 1\n", &forecast);
    CU_ASSERT_EQUAL(forecast.row_count, 5);
    expect_row(&forecast, 4, 12, 1);
    js_whatif_release(&forecast);
}

static void test_hosts(void)
{
    struct js_whatif forecast;
    struct js_whatif_config config = config_of();
    /* Two of three cores do not fit on one host of four, nor two of all its
     * memory. */
    made(config, "[cores=3] run 1\n[cores=3] run 1\n", &forecast);
    CU_ASSERT_EQUAL(forecast.row_count, 2);
    expect_row(&forecast, 0, 4, 2);
    expect_row(&forecast, 1, 8, 1);
    CU_ASSERT_STRING_EQUAL(forecast.refusal.text,
                           "the job on line 1 needs 3 cores");
    js_whatif_release(&forecast);
    config.host_mem_bytes = 1000;
    made(config, "[mem=600] run 1\n[mem=600] run 1\n", &forecast);
    CU_ASSERT_TRUE(forecast.is_mem_needed);
    expect_row(&forecast, 2, 4, 2);
    expect_row(&forecast, 3, 8, 1);
    js_whatif_release(&forecast);
    /* They are as large as the largest job needs. */
    made(config, "[cores=6 gpus=2] run 1\n", &forecast);
    CU_ASSERT_EQUAL(forecast.row_count, 1);
    expect_row(&forecast, 0, 8, 1);
    js_whatif_release(&forecast);
    made(config, "[nodes=2 cores=2] run 1\n", &forecast);
    CU_ASSERT_EQUAL(forecast.row_count, 1);
    expect_row(&forecast, 0, 8, 1);
    js_whatif_release(&forecast);
}

/* Rounds of two keep more than two from running at once. */
static void test_barrier(void)
{
    struct js_whatif forecast;
    struct js_whatif_config config = config_of();
    config.scheduler.barrier = true;
    config.scheduler.round_size = 2;
    made(config, "run 1\nrun 1\nrun 1\nrun 1\n", &forecast);
    CU_ASSERT_FALSE(forecast.is_path_reached);
    CU_ASSERT_EQUAL(forecast.row_count, 4);
    expect_row(&forecast, 1, 2, 2);
    expect_row(&forecast, 3, 8, 2);
    CU_ASSERT_EQUAL(forecast.rows[3].peak_cores, 2);
    js_whatif_release(&forecast);
}

static void test_order(void)
{
    static const char list[] = "run 1\nrun 1\nrun 1\nrun 3\n";
    struct js_whatif forecast;
    struct js_whatif_config config = config_of();
    made(config, list, &forecast);
    expect_row(&forecast, 1, 2, 4);
    CU_ASSERT_EQUAL(forecast.choice, 0);
    CU_ASSERT_EQUAL(forecast.list_order_ns, 6 * JS_NS_PER_S);
    CU_ASSERT_EQUAL(forecast.longest_first_ns, 6 * JS_NS_PER_S);
    js_whatif_release(&forecast);
    config.scheduler.longest_first = true;
    config.expected_ns = run_ns;
    made(config, list, &forecast);
    expect_row(&forecast, 1, 2, 3);
    CU_ASSERT_EQUAL(forecast.choice, 1);
    CU_ASSERT_EQUAL(forecast.list_order_ns, 4 * JS_NS_PER_S);
    CU_ASSERT_EQUAL(forecast.longest_first_ns, 3 * JS_NS_PER_S);
    js_whatif_release(&forecast);
    made(config_of(),
         "run 1\nrun 1\nrun 1\nrun 1\nrun 1\nrun 1\nrun 1\nrun 1\n"
         "run 1\nrun 1\nrun 1\nrun 1\nrun 2\n",
         &forecast);
    CU_ASSERT_EQUAL(forecast.choice, 1);
    expect_row(&forecast, 1, 2, 8);
    CU_ASSERT_EQUAL(forecast.longest_first_ns, 7 * JS_NS_PER_S);
    js_whatif_release(&forecast);
    /* A short job that a long one waits for starts before longer jobs. */
    made(config_of(),
         "run 2\nrun 2\nrun 2\nrun 2\n[name=a] run 1\n[after=a] run 4\n",
         &forecast);
    expect_row(&forecast, 1, 2, 9);
    CU_ASSERT_EQUAL(forecast.choice, 0);
    js_whatif_release(&forecast);
    config.slots = 2;
    made(config,
         "run 2\nrun 2\nrun 2\nrun 2\n[name=a] run 1\n[after=a] run 4\n",
         &forecast);
    expect_row(&forecast, 1, 2, 7);
    js_whatif_release(&forecast);
    made(config_of(), "run 1\nrun 1\nrun 1\n[priority=1] run 3\n", &forecast);
    expect_row(&forecast, 1, 2, 3);
    js_whatif_release(&forecast);
}

/* Two jobs of the same content are not one. */
static int64_t run_ns_by_id(void *arg, const struct js_job *job)
{
    (void)arg;
    return job->id == 0 ? -1 : (int64_t)job->id * JS_NS_PER_S;
}

static void test_ids(void)
{
    struct js_whatif forecast;
    struct js_whatif_config config = config_of();
    struct js_registry *registry = js_registry_new();
    struct js_job *job = js_job_new(1, "x", 1);
    CU_ASSERT_FATAL(registry && job);
    struct js_identity identity = js_identity_of(job);
    for (int i = 0; i < 3; i++)
        js_registry_add(registry, &identity);
    /* However they stand. */
    js_registry_set(registry, 1, JS_JOB_STATE_SUCCEEDED);
    js_registry_set(registry, 2, JS_JOB_STATE_FAILED);
    config.registry = registry;
    config.run_ns = run_ns_by_id;
    made(config, "x\nx\ny\nx\n", &forecast);
    CU_ASSERT_EQUAL(forecast.unknown, 1);
    expect_row(&forecast, 0, 1, 1 + 2 + 2 + 3);
    CU_ASSERT_EQUAL(js_registry_get(registry, 1).state, JS_JOB_STATE_SUCCEEDED);
    js_whatif_release(&forecast);
    js_job_free(job);
    js_registry_free(registry);
}

/* Half a century each. */
static void test_too_long_for_few(void)
{
    struct js_whatif forecast;
    made(config_of(), "run 1.6e9\nrun 1.6e9\nrun 1.6e9\n", &forecast);
    CU_ASSERT_EQUAL(forecast.row_count, 2);
    expect_row(&forecast, 0, 2, 3.2e9);
    CU_ASSERT_PTR_NOT_NULL(strstr(forecast.refusal.text, "years"));
    js_whatif_release(&forecast);
}

static void test_failures(void)
{
    expect_failure("# nothing\n", "no jobs");
    expect_failure("run ?\nrun ?\n", "no job");
    expect_failure("[nodes=99999] run 1\n", "99999 hosts");
    expect_failure("[name=a] run 9e9\n[after=a] run 9e9\n", "longest chain");
}

static const struct unit_test tests[] = {
    {"rows", test_rows},
    {"longest chain", test_longest_chain},
    {"unknown run times", test_unknown_run_times},
    {"slots that were asked for", test_slots_that_were_asked_for},
    {"hosts", test_hosts},
    {"barrier", test_barrier},
    {"order", test_order},
    {"ids", test_ids},
    {"too long for few", test_too_long_for_few},
    {"failures", test_failures},
    {NULL, NULL},
};

const struct unit_suite suite_whatif = {"whatif", tests};
