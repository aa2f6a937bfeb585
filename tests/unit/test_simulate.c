/* simulation: a run on a simulated clock, against list scheduling by hand. */
#include "unit.h"

#include "base/clock.h"
#include "dag.h"
#include "jobsched.h"
#include "sched/simulate.h"

#include <errno.h>
#include <stdlib.h>

/* ---------------------------------------------------------------- helpers */

/* A run of a list on slaves of one host. */
struct scene {
    struct js_scheduler_config config;
    unsigned slaves;
    uint32_t slots;        /* of each */
    const int64_t *run_ns; /* by seq - 1 */
    int64_t gap_ns;
    bool is_longest_known;
    unsigned first_slave;            /* 0: 1, without gaps */
    uint64_t assigned[DAG_JOBS_MAX]; /* seqs, in this order */
    size_t assigned_count;
};

static struct scene scene_of(unsigned slaves, const int64_t *run_ns)
{
    return (struct scene){.config = {.round_size = 1},
                          .slaves = slaves,
                          .slots = 1,
                          .run_ns = run_ns};
}

static void accept(void *arg, struct js_job *job)
{
    const struct scene *scene = arg;
    job->duration_ns = scene->run_ns[job->seq - 1];
    if (scene->is_longest_known)
        job->expected_ns = job->path_ns = job->duration_ns;
}

static void note_assigned(void *arg,
                          const struct js_scheduler_decision *assigned)
{
    struct scene *scene = arg;
    /* What was given ahead may come back, and is assigned again. */
    if (scene->assigned_count < DAG_JOBS_MAX)
        scene->assigned[scene->assigned_count++] = assigned->job->seq;
}

static void add_slaves(const struct scene *scene,
                       struct js_allocator *allocator,
                       struct js_scheduler *scheduler)
{
    static const struct js_cpuset no_cpus;
    struct js_node node = {.boot_id = 1};
    struct js_resources resources = {.mem_bytes = 1000};
    for (unsigned i = 0; i < scene->slaves * scene->slots; i++)
        CU_ASSERT_EQUAL(js_resources_add_core(&resources, &no_cpus, 0, 0), 0);
    for (unsigned i = 0; i < scene->slaves; i++) {
        uint32_t homes[16];
        unsigned number = (scene->first_slave ? scene->first_slave : 1) + i;
        CU_ASSERT_FATAL(scene->slots <= 16);
        for (uint32_t k = 0; k < scene->slots; k++)
            homes[k] = i * scene->slots + k;
        CU_ASSERT_EQUAL(js_allocator_add(allocator, number, &node, true), 0);
        CU_ASSERT_EQUAL(js_allocator_equip(allocator, number, &resources, homes,
                                           scene->slots),
                        0);
        CU_ASSERT_EQUAL(js_scheduler_add_slave(scheduler, number, scene->slots),
                        0);
    }
    js_resources_release(&resources);
}

static int simulate(struct scene *scene, const char *path,
                    struct js_simulation *ret, struct js_err *err)
{
    struct js_source *source =
        js_source_new_file(&(struct js_list_config){.path = path}, err);
    struct js_allocator *allocator = js_allocator_new();
    CU_ASSERT_FATAL(source && allocator);
    struct js_scheduler_config scheduler_config = scene->config;
    struct js_source_survey survey;
    js_source_survey(source, &survey);
    scheduler_config.is_ordered = survey.is_ordered;
    struct js_scheduler *scheduler =
        js_scheduler_new(&scheduler_config, js_source_graph(source), allocator);
    CU_ASSERT_PTR_NOT_NULL_FATAL(scheduler);
    add_slaves(scene, allocator, scheduler);
    struct js_simulate_config config = {.gap_ns = scene->gap_ns,
                                        .accepted = accept,
                                        .assigned = note_assigned,
                                        .arg = scene};
    if (scene->first_slave)
        config.slave_end = scene->first_slave + scene->slaves;
    scene->assigned_count = 0;
    int rc = js_simulate(scheduler, source, &config, ret, err);
    js_scheduler_free(scheduler);
    js_allocator_free(allocator);
    js_source_free(source);
    return rc;
}

static struct js_simulation play(struct scene *scene, const char *path)
{
    struct js_simulation ran = {0};
    struct js_err err = {""};
    CU_ASSERT_EQUAL(simulate(scene, path, &ran, &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    return ran;
}

static struct js_simulation play_list(struct scene *scene, const char *list)
{
    char path[64];
    dag_write(path, list);
    struct js_simulation ran = play(scene, path);
    unlink(path);
    return ran;
}

static int64_t makespan(struct scene *scene, const char *list)
{
    return play_list(scene, list).makespan_ns;
}

/* ---------------------------------------------------------------- by hand */

static void test_one_slot_after_the_other(void)
{
    static const int64_t run_ns[] = {1 * JS_NS_PER_S, 2 * JS_NS_PER_S,
                                     4 * JS_NS_PER_S, 1 * JS_NS_PER_S};
    struct scene scene = scene_of(1, run_ns);
    CU_ASSERT_EQUAL(makespan(&scene, ""), 0);
    CU_ASSERT_EQUAL(makespan(&scene, "a\n"), 1 * JS_NS_PER_S);
    CU_ASSERT_EQUAL(makespan(&scene, "a\nb\nc\nd\n"), 8 * JS_NS_PER_S);
    scene.slaves = 2; /* 1 4 and 2 1 */
    CU_ASSERT_EQUAL(makespan(&scene, "a\nb\nc\nd\n"), 5 * JS_NS_PER_S);
    scene.slaves = 4;
    struct js_simulation ran = play_list(&scene, "a\nb\nc\nd\n");
    CU_ASSERT_EQUAL(ran.makespan_ns, 4 * JS_NS_PER_S);
    CU_ASSERT_EQUAL(ran.peak_cores, 4);
    CU_ASSERT_EQUAL(ran.jobs, 4);
    scene.slaves = 2;
    scene.slots = 2;
    CU_ASSERT_EQUAL(makespan(&scene, "a\nb\nc\nd\n"), 4 * JS_NS_PER_S);
}

/* Between two jobs of a slot, and not before the first. */
static void test_gap(void)
{
    static const int64_t run_ns[] = {100, 100, 100, 100};
    struct scene scene = scene_of(1, run_ns);
    scene.gap_ns = 7;
    CU_ASSERT_EQUAL(makespan(&scene, "a\nb\nc\nd\n"), 400 + 3 * 7);
    scene.slaves = 4;
    CU_ASSERT_EQUAL(makespan(&scene, "a\nb\nc\nd\n"), 100);
}

static void test_longest_first(void)
{
    static const int64_t run_ns[] = {1 * JS_NS_PER_S, 1 * JS_NS_PER_S,
                                     1 * JS_NS_PER_S, 3 * JS_NS_PER_S};
    struct scene scene = scene_of(2, run_ns);
    CU_ASSERT_EQUAL(makespan(&scene, "a\nb\nc\nd\n"), 4 * JS_NS_PER_S);
    scene.config.longest_first = true;
    scene.is_longest_known = true;
    CU_ASSERT_EQUAL(makespan(&scene, "a\nb\nc\nd\n"), 3 * JS_NS_PER_S);
}

static void test_barrier(void)
{
    static const int64_t run_ns[] = {1 * JS_NS_PER_S, 3 * JS_NS_PER_S,
                                     1 * JS_NS_PER_S, 1 * JS_NS_PER_S};
    struct scene scene = scene_of(2, run_ns);
    scene.config.round_size = 2;
    CU_ASSERT_EQUAL(makespan(&scene, "a\nb\nc\nd\n"), 3 * JS_NS_PER_S);
    scene.config.barrier = true;
    CU_ASSERT_EQUAL(makespan(&scene, "a\nb\nc\nd\n"), 4 * JS_NS_PER_S);
    CU_ASSERT_EQUAL(play_list(&scene, "a\nb\nc\nd\n").peak_cores, 2);
}

static void test_wait_line(void)
{
    static const int64_t run_ns[] = {1 * JS_NS_PER_S, 3 * JS_NS_PER_S,
                                     1 * JS_NS_PER_S, 1 * JS_NS_PER_S};
    struct scene scene = scene_of(2, run_ns);
    CU_ASSERT_EQUAL(makespan(&scene, "a\nb\nwait\nc\nd\n"), 4 * JS_NS_PER_S);
}

static void test_wide_jobs(void)
{
    static const int64_t run_ns[] = {2 * JS_NS_PER_S, 1 * JS_NS_PER_S,
                                     1 * JS_NS_PER_S, 1 * JS_NS_PER_S};
    struct scene scene = scene_of(4, run_ns);
    struct js_simulation ran =
        play_list(&scene, "[cores=3] a\nb\n[cores=2] c\n[cores=2] d\n");
    /* c and d have to wait for a; b fits beside it. */
    CU_ASSERT_EQUAL(ran.makespan_ns, 3 * JS_NS_PER_S);
    CU_ASSERT_EQUAL(ran.peak_cores, 4);
    CU_ASSERT_EQUAL(makespan(&scene, "[mem=600] a\n[mem=600] b\nc\nd\n"),
                    3 * JS_NS_PER_S);
}

/* As --dry-run plays it: all take as long. */
static void assigned_in_order(struct scene *scene, const char *list,
                              const uint64_t *seqs, size_t count)
{
    play_list(scene, list);
    CU_ASSERT_EQUAL_FATAL(scene->assigned_count, count);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_EQUAL(scene->assigned[i], seqs[i]);
}

static void test_order_of_equal_jobs(void)
{
    static const int64_t run_ns[] = {JS_NS_PER_S, JS_NS_PER_S, JS_NS_PER_S,
                                     JS_NS_PER_S, JS_NS_PER_S};
    static const uint64_t by_list[] = {1, 2, 3, 4, 5};
    static const uint64_t by_priority[] = {5, 1, 2, 3, 4};
    static const uint64_t by_edges[] = {1, 2, 4, 3, 5};
    struct scene scene = scene_of(2, run_ns);
    assigned_in_order(&scene, "a\nb\nc\nd\ne\n", by_list, 5);
    assigned_in_order(&scene, "a\nb\nc\nd\n[priority=1] e\n", by_priority, 5);
    assigned_in_order(&scene,
                      "a\nb\nwait\nc\n[priority=1 name=d] d\n[after=d] e\n",
                      by_edges, 5);
    scene.first_slave = 7; /* those before were refused */
    assigned_in_order(&scene, "a\nb\nc\nd\ne\n", by_list, 5);
}

static void test_too_wide(void)
{
    static const int64_t run_ns[] = {1};
    struct scene scene = scene_of(2, run_ns);
    struct js_simulation ran;
    struct js_err err = {""};
    char path[64];
    dag_write(path, "[cores=3] a\n");
    CU_ASSERT_EQUAL(simulate(&scene, path, &ran, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "job 1"));
    unlink(path);
}

static void test_too_long(void)
{
    static const int64_t run_ns[] = {INT64_MAX / 2 - 1, 2};
    struct scene scene = scene_of(1, run_ns);
    struct js_simulation ran;
    struct js_err err = {""};
    char path[64];
    dag_write(path, "a\nb\n");
    CU_ASSERT_EQUAL(simulate(&scene, path, &ran, &err), -1);
    CU_ASSERT_EQUAL(errno, EOVERFLOW);
    CU_ASSERT(err.text[0]);
    scene.slaves = 2;
    CU_ASSERT_EQUAL(simulate(&scene, path, &ran, &err), 0);
    unlink(path);
}

/* ---------------------------------------------------------------- brute force
 */

/* What is running, and what has ended, in list scheduling: whenever a slot is
 * free the first job in order begins that comes after nothing that is left. */
struct brute {
    const struct dag *dag;
    int64_t end_ns[DAG_JOBS_MAX]; /* -1: has not begun */
    int64_t now_ns;
};

static bool has_ended(const struct brute *brute, size_t index)
{
    return brute->end_ns[index] >= 0 && brute->end_ns[index] <= brute->now_ns;
}

static bool is_ready(const struct brute *brute, size_t index)
{
    for (size_t k = 0; k < index; k++) {
        if (brute->dag->jobs[index].is_after[k] && !has_ended(brute, k))
            return false;
    }
    return brute->end_ns[index] < 0;
}

/* DAG_JOBS_MAX if there is none. */
static size_t first_ready(const struct brute *brute)
{
    size_t best = DAG_JOBS_MAX;
    for (size_t i = 0; i < brute->dag->count; i++) {
        if (is_ready(brute, i) &&
            (best == DAG_JOBS_MAX ||
             brute->dag->jobs[i].priority > brute->dag->jobs[best].priority))
            best = i;
    }
    return best;
}

/* How many run; *ret_next_ns is when the first of these ends. */
static unsigned count_running(const struct brute *brute, int64_t *ret_next_ns)
{
    unsigned running = 0;
    *ret_next_ns = INT64_MAX;
    for (size_t i = 0; i < brute->dag->count; i++) {
        if (brute->end_ns[i] <= brute->now_ns)
            continue;
        running++;
        if (brute->end_ns[i] < *ret_next_ns)
            *ret_next_ns = brute->end_ns[i];
    }
    return running;
}

static int64_t list_schedule(const struct dag *dag, unsigned slots)
{
    struct brute brute = {.dag = dag};
    for (size_t i = 0; i < dag->count; i++)
        brute.end_ns[i] = -1;
    for (;;) {
        int64_t next_ns;
        unsigned running = count_running(&brute, &next_ns);
        size_t ready = running < slots ? first_ready(&brute) : DAG_JOBS_MAX;
        if (ready < DAG_JOBS_MAX)
            brute.end_ns[ready] = brute.now_ns + dag->jobs[ready].run_ns;
        else if (running > 0)
            brute.now_ns = next_ns;
        else
            return brute.now_ns;
    }
}

static void copy_run_times(const struct dag *dag, int64_t *run_ns)
{
    for (size_t i = 0; i < dag->count; i++)
        run_ns[i] = dag->jobs[i].run_ns;
}

/* Rounds of one, and jobs too long to be given ahead: that is list scheduling,
 * to the nanosecond. */
static void test_list_scheduling(void)
{
    struct rng rng = {4};
    for (unsigned round = 0; round < unit_rounds(300); round++) {
        struct dag dag;
        int64_t run_ns[DAG_JOBS_MAX];
        unsigned slots = 1 + (unsigned)rng_below(&rng, 8);
        dag_init(&dag, &rng, 1 + rng_below(&rng, DAG_JOBS_MAX), JS_NS_PER_S,
                 (unsigned)rng_below(&rng, 12), rng_chance(&rng, 50));
        copy_run_times(&dag, run_ns);
        struct scene scene = scene_of(slots, run_ns);
        struct js_simulation ran = play(&scene, dag.path);
        CU_ASSERT_EQUAL(ran.makespan_ns, list_schedule(&dag, slots));
        CU_ASSERT_EQUAL(ran.jobs, dag.count);
        CU_ASSERT(ran.peak_cores <= slots);
        dag_release(&dag);
    }
}

/* Given ahead, recalled and given back: no slot is idle for longer than it
 * takes until jobs come back. */
static void test_short_jobs_ahead(void)
{
    struct rng rng = {5};
    for (unsigned round = 0; round < unit_rounds(200); round++) {
        struct dag dag;
        int64_t run_ns[DAG_JOBS_MAX], sum_ns = 0, longest_ns = 0;
        unsigned slots = 1 + (unsigned)rng_below(&rng, 8);
        dag_init(&dag, &rng, DAG_JOBS_MAX, JS_NS_PER_MS, 0, false);
        copy_run_times(&dag, run_ns);
        run_ns[rng_below(&rng, DAG_JOBS_MAX)] = JS_NS_PER_S;
        for (size_t i = 0; i < dag.count; i++) {
            sum_ns += run_ns[i];
            longest_ns = run_ns[i] > longest_ns ? run_ns[i] : longest_ns;
        }
        struct scene scene = scene_of(slots, run_ns);
        scene.config.round_size = 10;
        struct js_simulation ran = play(&scene, dag.path);
        CU_ASSERT_EQUAL(ran.jobs, dag.count);
        CU_ASSERT(ran.makespan_ns >= sum_ns / slots);
        CU_ASSERT(ran.makespan_ns <= sum_ns / slots + longest_ns);
        dag_release(&dag);
    }
}

/* A run and a plan are made of the same configuration. */
static void test_config(void)
{
    struct jobsched_config config = {.round_size = 7,
                                     .barrier = true,
                                     .longest_first = "joblog",
                                     .retries = 2,
                                     .timeout_ns = 3,
                                     .max_failures = 4};
    struct js_scheduler_config made = js_scheduler_config_of(&config);
    CU_ASSERT_EQUAL(made.round_size, 7);
    CU_ASSERT_TRUE(made.barrier && made.longest_first);
    CU_ASSERT_FALSE(made.is_ordered || made.is_stream);
    CU_ASSERT_EQUAL(made.retries, 2);
    CU_ASSERT_EQUAL(made.timeout_ns, 3);
    CU_ASSERT_EQUAL(made.failures, 4);
    config.fail_fast = true;
    CU_ASSERT_EQUAL(js_scheduler_config_of(&config).failures, 4);
    config.max_failures = 0;
    CU_ASSERT_EQUAL(js_scheduler_config_of(&config).failures, 1);
    config.fail_fast = false;
    config.longest_first = NULL;
    made = js_scheduler_config_of(&config);
    CU_ASSERT_EQUAL(made.failures, 0);
    CU_ASSERT_FALSE(made.longest_first);
}

static void test_host(void)
{
    static const struct js_cpuset no_cpus;
    static const struct js_scheduler_config config = {.round_size = 1};
    struct js_node node = {.host = "n1", .boot_id = 1};
    struct js_resources resources = {0};
    struct js_allocator *allocator = js_allocator_new();
    struct js_scheduler *scheduler = js_scheduler_new(&config, NULL, allocator);
    CU_ASSERT_FATAL(allocator && scheduler);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(js_resources_add_core(&resources, &no_cpus, 0, 0), 0);
    CU_ASSERT_EQUAL(
        js_simulate_add_host(scheduler, allocator, 5, &node, &resources), 0);
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).slaves, 3);
    CU_ASSERT_EQUAL(js_scheduler_counts(scheduler).slots, 3);
    for (unsigned rank = 4; rank <= 8; rank++) {
        struct js_location place;
        CU_ASSERT_EQUAL(js_allocator_locate(allocator, rank, &place) == 0,
                        rank >= 5 && rank <= 7);
    }
    js_scheduler_assert_invariants(scheduler);
    js_scheduler_free(scheduler);
    js_allocator_free(allocator);
    js_resources_release(&resources);
}

static const struct unit_test tests[] = {
    {"configuration", test_config},
    {"host", test_host},
    {"one slot after the other", test_one_slot_after_the_other},
    {"gap", test_gap},
    {"longest first", test_longest_first},
    {"barrier", test_barrier},
    {"wait line", test_wait_line},
    {"wide jobs", test_wide_jobs},
    {"order of equal jobs", test_order_of_equal_jobs},
    {"too wide", test_too_wide},
    {"too long", test_too_long},
    {"list scheduling", test_list_scheduling},
    {"short jobs ahead", test_short_jobs_ahead},
    {NULL, NULL},
};

const struct unit_suite suite_simulate = {"simulate", tests};
