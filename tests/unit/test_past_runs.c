/* earlier: what a journal or a joblog tells about a run to come. */
#include "unit.h"

#include "base/clock.h"
#include "place.h"
#include "record/journal.h"
#include "record/past_runs.h"

#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- a journal */

/* Runs as their masters record them. */
struct scene {
    struct place place;
    struct js_registry *registry;
    struct js_journal *journal;
    struct js_past_runs *past_runs;
};

static void scene_init(struct scene *scene)
{
    memset(scene, 0, sizeof(*scene));
    place_init(&scene->place, "j");
}

static void scene_release(struct scene *scene)
{
    js_past_runs_free(scene->past_runs);
    js_journal_close(scene->journal);
    js_registry_free(scene->registry);
    place_release(&scene->place);
}

/* The command of the job of that id. */
static struct js_job *job_of(uint64_t id, uint32_t attempt)
{
    char command[32];
    int len = snprintf(command, sizeof(command), "job %u", (unsigned)id);
    struct js_job *job = not_null(js_job_new(id, command, (size_t)len));
    job->attempt = attempt;
    return job;
}

/* A run begins and accepts so many jobs more. */
static void begin(struct scene *scene, uint64_t jobs)
{
    struct js_err err = {""};
    struct js_journal_config config = {.path = scene->place.path,
                                       .host = "n1",
                                       .sync_ns = JS_JOURNAL_NO_SYNC,
                                       .is_forced = true};
    js_journal_close(scene->journal);
    js_registry_free(scene->registry);
    scene->registry = not_null(js_registry_new());
    CU_ASSERT_EQUAL(
        js_journal_open(&config, scene->registry, &scene->journal, &err), 0);
    uint64_t first = js_registry_count(scene->registry) + 1;
    for (uint64_t id = first; id < first + jobs; id++) {
        struct js_job *job = job_of(id, 1);
        struct js_identity identity = js_identity_of(job);
        struct js_resume_news news = {JS_RESUME_ACCEPTED, id, &identity, NULL};
        CU_ASSERT_EQUAL(js_journal_add_news(scene->journal, &news), 0);
        js_job_free(job);
    }
    CU_ASSERT_EQUAL(js_journal_begin(scene->journal, &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
}

static void add_slave(struct scene *scene, unsigned rank, uint32_t slots,
                      const char *host)
{
    CU_ASSERT_EQUAL(
        js_journal_add_slave(scene->journal, rank, slots, host, NULL), 0);
}

/* From start_s on for run_s seconds. */
static void ran(struct scene *scene, uint64_t id, uint32_t attempt,
                unsigned slave, double start_s, double run_s,
                unsigned exit_code, bool is_retried)
{
    struct js_completion completion = {
        .job = job_of(id, attempt),
        .slave = slave,
        .cores = 1,
        .result =
            is_retried ? JS_ATTEMPT_RESULT_RETRIED : JS_ATTEMPT_RESULT_ENDED,
        .outcome = {.start_unix_ns = (int64_t)(start_s * 1e9),
                    .run_ns = (int64_t)(run_s * 1e9),
                    .exit_code = exit_code}};
    CU_ASSERT_EQUAL(js_journal_add_finish(scene->journal, &completion, 1), 0);
    js_job_free(completion.job);
}

static void end(struct scene *scene)
{
    struct js_err err = {""};
    CU_ASSERT_EQUAL(js_journal_end(scene->journal, 0, &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    js_journal_close(scene->journal);
    scene->journal = NULL;
}

static struct js_past_runs *load(struct scene *scene)
{
    struct js_err err = {""};
    js_past_runs_free(scene->past_runs);
    scene->past_runs = js_past_runs_from_journal(scene->place.path, &err);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    return not_null(scene->past_runs);
}

static double run_s(const struct scene *scene, uint64_t id)
{
    struct js_job *job = job_of(id, 1);
    int64_t run_ns = js_past_runs_run_ns(scene->past_runs, job);
    js_job_free(job);
    return run_ns < 0 ? -1 : (double)run_ns / 1e9;
}

static void expect_near(double got, double wanted)
{
    CU_ASSERT_DOUBLE_EQUAL(got, wanted, 1e-5);
}

/* ---------------------------------------------------------------- run times */

static void test_run_times(void)
{
    struct scene scene;
    scene_init(&scene);
    begin(&scene, 5);
    add_slave(&scene, 1, 1, "n1");
    ran(&scene, 1, 1, 1, 10, 2, 0, false);
    ran(&scene, 2, 1, 1, 13, 3, 1, false); /* failed */
    ran(&scene, 3, 1, 1, 17, 1, 1, true);  /* run again in the same run */
    ran(&scene, 3, 2, 1, 19, 4, 1, true);
    ran(&scene, 3, 3, 1, 24, 2.5, 0, false);
    end(&scene);
    load(&scene);
    expect_near(run_s(&scene, 1), 2);
    expect_near(run_s(&scene, 2), 3);
    expect_near(run_s(&scene, 3), 7.5);
    expect_near(run_s(&scene, 4), -1);
    expect_near(run_s(&scene, 6), -1);
    struct js_job *unknown = job_of(1, 1);
    unknown->id = 0;
    CU_ASSERT_EQUAL(js_past_runs_run_ns(scene.past_runs, unknown), -1);
    js_job_free(unknown);
    /* What a run before has counted does not. */
    begin(&scene, 0);
    add_slave(&scene, 1, 1, "n1");
    ran(&scene, 2, 1, 1, 50, 1, 0, false);
    ran(&scene, 3, 1, 1, 60, 6, 1, true);
    ran(&scene, 3, 2, 1, 70, 3, 0, false);
    end(&scene);
    load(&scene);
    expect_near(run_s(&scene, 1), 2);
    expect_near(run_s(&scene, 2), 1);
    expect_near(run_s(&scene, 3), 9);
    scene_release(&scene);
}

/* One that the run has ended had not come to its end. */
static void test_stopped_attempts(void)
{
    struct scene scene;
    scene_init(&scene);
    begin(&scene, 2);
    add_slave(&scene, 1, 1, "n1");
    ran(&scene, 1, 1, 1, 10, 2, 0, false);
    for (uint64_t id = 1; id <= 2; id++) {
        struct js_completion stopped = {
            .job = job_of(id, 1),
            .slave = 1,
            .cores = 1,
            .outcome = {
                .run_ns = 77, .signal = 15, .cause = JS_STOP_REASON_STOPPED}};
        CU_ASSERT_EQUAL(js_journal_add_finish(scene.journal, &stopped, 1), 0);
        js_job_free(stopped.job);
    }
    end(&scene);
    load(&scene);
    expect_near(run_s(&scene, 1), 2);
    expect_near(run_s(&scene, 2), -1);
    scene_release(&scene);
}

/* They get the same ids again, whatever became of them. */
static void test_registry(void)
{
    struct scene scene;
    scene_init(&scene);
    begin(&scene, 3);
    add_slave(&scene, 1, 1, "n1");
    ran(&scene, 1, 1, 1, 10, 2, 0, false);
    ran(&scene, 2, 1, 1, 13, 3, 1, false);
    end(&scene);
    struct js_registry *registry = js_past_runs_look(load(&scene)).registry;
    js_registry_rewind(registry);
    for (uint64_t id = 1; id <= 3; id++) {
        struct js_job *job = job_of(id, 1);
        struct js_identity identity = js_identity_of(job);
        CU_ASSERT_EQUAL(js_registry_match(registry, &identity), id);
        js_job_free(job);
    }
    scene_release(&scene);
}

/* Of a journal that was read already: it stays as it is. */
static void test_from_model(void)
{
    struct scene scene;
    struct js_err err = {""};
    scene_init(&scene);
    begin(&scene, 2);
    add_slave(&scene, 1, 1, "n1");
    ran(&scene, 1, 1, 1, 10, 2, 0, false);
    end(&scene);
    struct js_journal_model *model =
        not_null(js_journal_model_load(scene.place.path, &err));
    struct js_past_runs *past_runs =
        not_null(js_past_runs_from_model(model, &err));
    struct js_job *job = job_of(1, 1);
    CU_ASSERT_EQUAL(js_past_runs_run_ns(past_runs, job), 2 * JS_NS_PER_S);
    CU_ASSERT_EQUAL(js_past_runs_cores(past_runs, 1), 1);
    CU_ASSERT_EQUAL(js_past_runs_cores(past_runs, 2), 1);
    js_job_free(job);
    js_past_runs_free(past_runs);
    CU_ASSERT_EQUAL(
        js_registry_get(js_journal_model_look(model).registry, 1).state,
        JS_JOB_STATE_SUCCEEDED);
    js_journal_model_free(model);
    scene_release(&scene);
}

/* ---------------------------------------------------------------- gaps */

static double gap_s(struct scene *scene)
{
    struct js_err err = {""};
    CU_ASSERT_EQUAL(js_journal_commit(scene->journal, js_clock_ns(), &err), 0);
    return (double)js_past_runs_look(load(scene)).gap_ns / 1e9;
}

static void test_gaps(void)
{
    struct scene scene;
    scene_init(&scene);
    begin(&scene, 9);
    add_slave(&scene, 1, 1, "n1");
    add_slave(&scene, 2, 1, "n1");
    CU_ASSERT_EQUAL(js_past_runs_look(load(&scene)).gap_ns, 0);
    ran(&scene, 1, 1, 1, 10, 1, 0, false);
    ran(&scene, 2, 1, 2, 10.1, 1, 0, false);
    expect_near(gap_s(&scene), 0);
    ran(&scene, 4, 1, 2, 12.12, 1, 0, false);    /* 0.02 after 3 */
    ran(&scene, 3, 1, 2, 11.11, 0.99, 0, false); /* 0.01 after 2 */
    ran(&scene, 5, 1, 1, 11.03, 1, 0, false);    /* 0.03 after 1 */
    expect_near(gap_s(&scene), 0.02);
    ran(&scene, 6, 1, 1, 15, 1, 0, false); /* it had to wait */
    expect_near(gap_s(&scene), 0.02);
    /* Another run is no gap. */
    end(&scene);
    begin(&scene, 0);
    add_slave(&scene, 1, 1, "n1");
    ran(&scene, 7, 1, 1, 16.02, 1, 0, false);
    ran(&scene, 8, 1, 1, 17.04, 1, 0, false);
    expect_near(gap_s(&scene), 0.02);
    scene_release(&scene);
}

/* Which slot it was is not on record: each is that which was free last. */
static void test_gaps_of_several_slots(void)
{
    struct scene scene;
    scene_init(&scene);
    begin(&scene, 4);
    add_slave(&scene, 1, 2, "n1");
    ran(&scene, 1, 1, 1, 10, 1, 0, false);
    ran(&scene, 2, 1, 1, 10, 2, 0, false);
    ran(&scene, 3, 1, 1, 11.01, 3, 0, false);
    ran(&scene, 4, 1, 1, 12.03, 1, 0, false);
    expect_near(gap_s(&scene), 0.02);
    scene_release(&scene);
}

/* No slot passes from one slave to another. */
static void test_gaps_of_several_slaves(void)
{
    struct scene scene;
    scene_init(&scene);
    begin(&scene, 3);
    add_slave(&scene, 1, 1, "n1");
    add_slave(&scene, 2, 1, "n1");
    ran(&scene, 1, 1, 1, 10, 1, 0, false);
    ran(&scene, 2, 1, 2, 11.01, 1, 0, false);
    expect_near(gap_s(&scene), 0);
    ran(&scene, 3, 1, 2, 12.04, 1, 0, false);
    expect_near(gap_s(&scene), 0.03);
    scene_release(&scene);
}

/* ---------------------------------------------------------------- hosts */

static void test_hosts(void)
{
    struct scene scene;
    scene_init(&scene);
    begin(&scene, 1);
    add_slave(&scene, 1, 4, "n1");
    add_slave(&scene, 2, 4, "n1");
    end(&scene);
    CU_ASSERT_EQUAL(js_past_runs_look(load(&scene)).host_slots, 8);
    CU_ASSERT_STRING_EQUAL(js_past_runs_look(scene.past_runs).only_host, "n1");
    begin(&scene, 0);
    add_slave(&scene, 1, 1, "n1");
    add_slave(&scene, 2, 2, "n2");
    add_slave(&scene, 3, 1, "n2");
    end(&scene);
    begin(&scene, 0); /* without slaves it says nothing */
    end(&scene);
    CU_ASSERT_EQUAL(js_past_runs_look(load(&scene)).host_slots, 3);
    CU_ASSERT_PTR_NULL(js_past_runs_look(scene.past_runs).only_host);
    scene_release(&scene);
}

/* ---------------------------------------------------------------- joblogs */

static void test_joblog(void)
{
    static const char log[] =
        "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\t"
        "Command\n"
        "1\t:\t100.0\t     2.500\t0\t0\t0\t0\tjob 1\n";
    struct scene scene;
    struct js_err err = {""};
    scene_init(&scene);
    spit(scene.place.path, log, strlen(log));
    scene.past_runs = js_past_runs_from_joblog(scene.place.path, &err);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    CU_ASSERT_PTR_NOT_NULL_FATAL(scene.past_runs);
    expect_near(run_s(&scene, 1), 2.5);
    expect_near(run_s(&scene, 2), -1);
    CU_ASSERT_EQUAL(js_past_runs_look(scene.past_runs).gap_ns, 0);
    CU_ASSERT_EQUAL(js_past_runs_look(scene.past_runs).host_slots, 0);
    CU_ASSERT_PTR_NULL(js_past_runs_look(scene.past_runs).registry);
    CU_ASSERT_PTR_NULL(js_past_runs_look(scene.past_runs).only_host);
    /* Each is told apart from the other. */
    CU_ASSERT_PTR_NULL(js_past_runs_from_journal(scene.place.path, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, scene.place.path));
    scene_release(&scene);
}

/* The jobs of another run, whose ids have no meaning here. */
static void expect_order(struct js_past_runs *past_runs, double first_s,
                         double again_s)
{
    static const char *const commands[] = {"job 2", "job 1", "job 1", "job 9"};
    const double run_s[] = {-1, first_s, again_s, -1};
    for (uint64_t i = 0; i < 4; i++) {
        struct js_job *job = not_null(js_job_new(i + 1, commands[i], 5));
        int64_t run_ns = js_past_runs_match_ns(past_runs, job);
        expect_near(run_ns < 0 ? -1 : (double)run_ns / 1e9, run_s[i]);
        js_job_free(job);
    }
    js_past_runs_free(past_runs);
}

static void test_for_order(void)
{
    static const char log[] =
        "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\t"
        "Command\n"
        "1\t:\t100.0\t2.5\t0\t0\t0\t0\tjob 1\n";
    struct scene scene;
    struct js_err err = {""};
    scene_init(&scene);
    const char *path = scene.place.path;
    expect_order(not_null(js_past_runs_for_order("auto", path, false, &err)),
                 -1, -1);
    begin(&scene, 1);
    add_slave(&scene, 1, 1, "n1");
    ran(&scene, 1, 1, 1, 10, 2, 0, false);
    end(&scene);
    expect_order(not_null(js_past_runs_for_order("auto", path, false, &err)), 2,
                 -1);
    spit(path, log, strlen(log));
    CU_ASSERT_PTR_NULL(js_past_runs_for_order("auto", path, false, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, path));
    expect_order(not_null(js_past_runs_for_order("auto", path, true, &err)), -1,
                 -1);
    /* A joblog knows jobs by their commands, so jobs with equal commands have
     * equal run times. */
    expect_order(not_null(js_past_runs_for_order(path, NULL, false, &err)), 2.5,
                 2.5);
    CU_ASSERT_PTR_NULL(js_past_runs_for_order("/no/such", path, false, &err));
    scene_release(&scene);
}

static void test_nothing_there(void)
{
    struct js_err err = {""};
    CU_ASSERT_PTR_NULL(js_past_runs_from_journal("/no/such", &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/no/such"));
    CU_ASSERT_PTR_NULL(js_past_runs_from_joblog("/no/such either", &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/no/such either"));
    js_past_runs_free(NULL);
}

static const struct unit_test tests[] = {
    {"run times", test_run_times},
    {"stopped attempts", test_stopped_attempts},
    {"registry", test_registry},
    {"from model", test_from_model},
    {"gaps", test_gaps},
    {"gaps of several slots", test_gaps_of_several_slots},
    {"gaps of several slaves", test_gaps_of_several_slaves},
    {"hosts", test_hosts},
    {"joblog", test_joblog},
    {"for order", test_for_order},
    {"nothing there", test_nothing_there},
    {NULL, NULL},
};

const struct unit_suite suite_past_runs = {"past_runs", tests};
