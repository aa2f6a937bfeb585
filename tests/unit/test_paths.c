/* paths: the longest chain that begins with a job, and the order that follows
 * from it. */
#include "unit.h"

#include "base/clock.h"
#include "dag.h"
#include "list/paths.h"
#include "sched/allocator.h"
#include "sched/simulate.h"

#include <stdlib.h>

/* The run times of a list, by seq - 1. */
static int64_t run_ns(void *arg, const struct js_job *job)
{
    const int64_t *times_ns = arg;
    return times_ns[job->seq - 1];
}

static struct js_paths *paths_of(const struct js_list *list,
                                 const int64_t *times_ns, int64_t gap_ns)
{
    struct js_err err = {""};
    struct js_paths_config config = {run_ns, (void *)(uintptr_t)times_ns,
                                     gap_ns};
    struct js_paths *paths = js_paths_new(list, NULL, &config, &err);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    return not_null(paths);
}

/* ---------------------------------------------------------------- by hand */

static void expect(const char *text, const int64_t *times_ns, int64_t gap_ns,
                   int64_t length_ns, const char *seqs)
{
    char got[64] = "";
    size_t len = 0;
    struct js_list *list = dag_list(text);
    struct js_paths *paths = paths_of(list, times_ns, gap_ns);
    uint64_t first = js_paths_longest(paths);
    for (uint64_t seq = first; seq; seq = js_paths_look(paths, seq).next)
        len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%d",
                                len > 0 ? " " : "", (int)seq);
    CU_ASSERT_EQUAL(first ? js_paths_look(paths, first).length_ns : 0,
                    length_ns);
    CU_ASSERT_STRING_EQUAL(got, seqs);
    js_paths_free(paths);
    js_list_free(list);
}

static void test_without_edges(void)
{
    static const int64_t times_ns[] = {10, 30, 20};
    expect("", NULL, 5, 0, "");
    expect("a\nb\nc\n", times_ns, 5, 30, "2");
}

static void test_edges(void)
{
    static const char list[] = "[name=a] a\n"
                               "[name=b] b\n"
                               "[name=c after=a] c\n"
                               "[after=b,c] d\n"
                               "e\n";
    static const int64_t long_ns[] = {10, 15, 10, 7, 26};
    static const int64_t short_ns[] = {10, 15, 4, 7, 20};
    expect(list, long_ns, 0, 27, "1 3 4");
    expect(list, short_ns, 0, 22, "2 4");
    expect(list, long_ns, 100, 227, "1 3 4");
}

static void test_wait_lines(void)
{
    static const int64_t times_ns[] = {10, 20, 7, 3, 1};
    expect("a\nb\nwait\nc\nd\nwait\ne\n", times_ns, 2, 32, "2 3 5");
    /* An edge that leads past a wait line. */
    expect("[name=a] a\nb\nwait\nc\nwait\nd\n[after=a] e\n", times_ns, 0, 30,
           "2 3 4");
    expect("a\nb\nwait ok\nc\nd\nwait ok\ne\n", times_ns, 2, 32, "2 3 5");
}

/* A glob that is used again when more names have come. */
static void test_globs(void)
{
    static const int64_t times_ns[] = {10, 5, 20, 1, 7, 3};
    expect("[name=a1] a\n[name=b after=a*] b\n[name=a2] c\n"
           "[name=c after=a*] d\n[after-any=?] e\n[name=a3 after=b] f\n",
           times_ns, 2, 32, "3 4 5");
}

static void test_too_long(void)
{
    static const int64_t times_ns[] = {INT64_MAX, 1, 2};
    expect("[name=a] a\n[after=a] b\nc\n", times_ns, 0, INT64_MAX, "1 2");
}

/* The values that a job of a list gets, and a job of a stream. */
static void test_jobs(void)
{
    static const int64_t times_ns[] = {10, -1, 5, 3};
    static const int64_t paths_ns[] = {10, 6 + 3, 5 + 3, 3};
    static const int64_t unknown_ns[] = {-1, -1, -1, -1};
    static const int64_t lengths[] = {1, 2, 2, 1};
    struct js_list *list =
        dag_list("a\n[name=b] b\n[name=c] c\n[after=b,c] d\n");
    struct js_paths *of_list = paths_of(list, times_ns, 0);
    struct js_paths *of_stream = paths_of(NULL, times_ns, 0);
    struct js_paths *of_unknown = paths_of(list, unknown_ns, 0);
    for (uint64_t seq = 1; seq <= 4; seq++) {
        struct js_job *job = not_null(js_job_new(seq, "x", 1));
        js_paths_set(NULL, job);
        CU_ASSERT(job->expected_ns == -1 && job->path_ns == 0);
        js_paths_set(of_list, job);
        CU_ASSERT_EQUAL(job->expected_ns, times_ns[seq - 1]);
        CU_ASSERT_EQUAL(job->path_ns, paths_ns[seq - 1]);
        js_paths_set(of_stream, job);
        CU_ASSERT_EQUAL(job->expected_ns, times_ns[seq - 1]);
        CU_ASSERT_EQUAL(job->path_ns, seq == 2 ? 0 : times_ns[seq - 1]);
        js_paths_set(of_unknown, job);
        CU_ASSERT_EQUAL(job->expected_ns, -1);
        CU_ASSERT_EQUAL(job->path_ns, lengths[seq - 1]);
        js_job_free(job);
    }
    js_paths_free(of_list);
    js_paths_free(of_stream);
    js_paths_free(of_unknown);
    js_list_free(list);
}

/* By definition: the longest way from each job to an end. */
static void find_lengths(const struct dag *dag, int64_t *ret_ns)
{
    for (size_t i = dag->count; i-- > 0;) {
        ret_ns[i] = 0;
        for (size_t k = i + 1; k < dag->count; k++) {
            if (dag->jobs[k].is_after[i] && ret_ns[k] > ret_ns[i])
                ret_ns[i] = ret_ns[k];
        }
        ret_ns[i] += dag->jobs[i].run_ns;
    }
}

static void test_at_random(void)
{
    struct rng rng = {3};
    for (unsigned round = 0; round < unit_rounds(200); round++) {
        struct dag dag;
        int64_t times_ns[DAG_JOBS_MAX], lengths_ns[DAG_JOBS_MAX];
        dag_init(&dag, &rng, 1 + rng_below(&rng, DAG_JOBS_MAX), 1000000,
                 (unsigned)rng_below(&rng, 20), false);
        for (size_t i = 0; i < dag.count; i++)
            times_ns[i] = dag.jobs[i].run_ns;
        find_lengths(&dag, lengths_ns);
        struct js_list *list = not_null(js_list_read(dag.path, NULL, NULL));
        struct js_paths *paths = paths_of(list, times_ns, 0);
        uint64_t longest = js_paths_longest(paths);
        for (uint64_t seq = 1; seq <= dag.count; seq++) {
            struct js_graph_path path = js_paths_look(paths, seq);
            CU_ASSERT_EQUAL(path.length_ns, lengths_ns[seq - 1]);
            CU_ASSERT(path.length_ns <= lengths_ns[longest - 1]);
            CU_ASSERT_EQUAL(path.length_ns - times_ns[seq - 1],
                            path.next ? lengths_ns[path.next - 1] : 0);
            CU_ASSERT(!path.next || dag.jobs[path.next - 1].is_after[seq - 1]);
        }
        js_paths_free(paths);
        js_list_free(list);
        dag_release(&dag);
    }
}

/* ---------------------------------------------------------------- the order */

enum { WORK_JOBS_MAX = 3000, WORK_GRAPHS = 200 };

/* A list like that of a workflow, and its run times. */
struct work {
    struct rng *rng;
    unsigned slots;
    struct js_buf text;
    size_t count;
    int64_t times_ns[WORK_JOBS_MAX];
    int64_t sum_ns;
};

/* Lognormal: half of the jobs take more than four seconds, one in six more than
 * eleven. */
static void add_time(struct work *work)
{
    double normal = -6, factor;
    for (int i = 0; i < 12; i++)
        normal += (double)rng_below(work->rng, 1000000) / 1e6;
    /* exp(normal), as a limit */
    factor = 1 + normal / 1024;
    for (int i = 0; i < 10; i++)
        factor *= factor;
    int64_t ns = (int64_t)(4e9 * factor);
    work->times_ns[work->count++] = ns;
    work->sum_ns += ns;
}

/* Adds a job after `after_count` random jobs from `first` to `end` - 1, or
 * after all of these if there are not more. */
static void add_job(struct work *work, size_t first, size_t end,
                    size_t after_count)
{
    const char *between = " after=";
    bool takes_all = end - first <= after_count;
    js_buf_printf(&work->text, "[name=j%zu", work->count);
    for (size_t i = 0; i < (takes_all ? end - first : after_count); i++) {
        size_t before =
            takes_all ? first + i : first + rng_below(work->rng, end - first);
        js_buf_printf(&work->text, "%sj%zu", between, before);
        between = ",";
    }
    js_buf_puts(&work->text, "] x\n");
    add_time(work);
}

static void add_layers(struct work *work)
{
    size_t width = work->slots + rng_below(work->rng, 2 * work->slots);
    size_t depth = 4 + rng_below(work->rng, 8), first = 0, end = 0;
    for (size_t layer = 0; layer < depth; layer++) {
        for (size_t i = 0; i < width; i++)
            add_job(work, first, end, layer ? 1 + rng_below(work->rng, 3) : 0);
        first = end;
        end = work->count;
    }
}

/* Trees: a job joins as many jobs as fit, and so on up to a single job. */
static void add_fan_in(struct work *work)
{
    while (work->count < 10 * work->slots) {
        size_t ways = 2 + rng_below(work->rng, 4), first = work->count;
        size_t leaves = 1 + rng_below(work->rng, 2 * work->slots);
        for (size_t i = 0; i < leaves; i++)
            add_job(work, 0, 0, 0);
        for (size_t end = work->count; end - first > 1; end = work->count) {
            for (size_t i = first; i < end; i += ways)
                add_job(work, i, i + ways < end ? i + ways : end, ways);
            first = end;
        }
    }
}

static void add_chains(struct work *work)
{
    while (work->count < 20 * work->slots) {
        size_t length = 1 + rng_below(work->rng, 30);
        for (size_t i = 0; i < length; i++)
            add_job(work, work->count - (i > 0), work->count, i > 0);
    }
}

enum order { AS_LISTED, BY_OWN_TIME, BY_PATH, ORDERS };

struct trial {
    const struct work *work;
    const struct js_paths *paths;
    enum order order;
};

static void accept(void *arg, struct js_job *job)
{
    const struct trial *trial = arg;
    js_paths_set(trial->paths, job);
    job->duration_ns = trial->work->times_ns[job->seq - 1];
    if (trial->order == BY_OWN_TIME)
        job->path_ns = job->expected_ns;
}

static int64_t makespan(const struct js_list *list, struct trial *trial,
                        unsigned slots)
{
    static const struct js_cpuset no_cpus;
    struct js_err err = {""};
    struct js_node node = {.boot_id = 1};
    struct js_resources resources = {0};
    struct js_simulation ran = {0};
    struct js_scheduler_config config = {
        .round_size = 10, .longest_first = trial->order != AS_LISTED};
    struct js_simulate_config simulate = {.accepted = accept, .arg = trial};
    struct js_source *source = not_null(js_source_new_list(list, NULL));
    struct js_allocator *allocator = not_null(js_allocator_new());
    struct js_scheduler *scheduler =
        not_null(js_scheduler_new(&config, js_source_graph(source), allocator));
    for (unsigned i = 0; i < slots; i++)
        CU_ASSERT_EQUAL(js_resources_add_core(&resources, &no_cpus, 0, 0), 0);
    CU_ASSERT_EQUAL(
        js_simulate_add_host(scheduler, allocator, 1, &node, &resources), 0);
    CU_ASSERT_EQUAL(js_simulate(scheduler, source, &simulate, &ran, &err), 0);
    js_scheduler_free(scheduler);
    js_allocator_free(allocator);
    js_source_free(source);
    js_resources_release(&resources);
    return ran.makespan_ns;
}

static int compare(const void *a, const void *b)
{
    const double *one = a, *other = b;
    return (*one > *other) - (*one < *other);
}

/* No order can be faster than the work divided by the slots, or than the
 * longest path. The order by paths comes close to that limit; the order by run
 * times alone does not. */
static void test_order(void)
{
    static void (*const kinds[])(struct work * work) = {add_layers, add_fan_in,
                                                        add_chains};
    static struct work work;
    struct rng rng = {17};
    double over[ORDERS][WORK_GRAPHS];
    unsigned rounds = unit_rounds(WORK_GRAPHS);
    for (size_t i = 0; i < rounds; i++) {
        unsigned slots = 2u << rng_below(&rng, 6);
        work = (struct work){.rng = &rng, .slots = slots};
        kinds[i % 3](&work);
        struct js_list *list = dag_list(js_buf_string(&work.text));
        struct js_paths *paths = paths_of(list, work.times_ns, 0);
        int64_t longest_ns =
            js_paths_look(paths, js_paths_longest(paths)).length_ns;
        int64_t bound_ns = work.sum_ns / slots;
        if (bound_ns < longest_ns)
            bound_ns = longest_ns;
        for (enum order order = 0; order < ORDERS; order++) {
            struct trial trial = {&work, paths, order};
            int64_t took_ns = makespan(list, &trial, slots);
            CU_ASSERT(took_ns >= bound_ns);
            over[order][i] = (double)took_ns / (double)bound_ns;
        }
        js_paths_free(paths);
        js_list_free(list);
        js_buf_release(&work.text);
    }
    if (rounds < WORK_GRAPHS)
        return;
    for (enum order order = 0; order < ORDERS; order++)
        qsort(over[order], WORK_GRAPHS, sizeof(double), compare);
    CU_ASSERT(over[BY_PATH][WORK_GRAPHS / 2] <= 1.01);
    CU_ASSERT(over[BY_PATH][WORK_GRAPHS * 9 / 10] <= 1.05);
    /* These graphs are hard enough to show the difference. */
    CU_ASSERT(over[BY_OWN_TIME][WORK_GRAPHS * 9 / 10] > 1.2);
    CU_ASSERT(over[AS_LISTED][WORK_GRAPHS * 9 / 10] > 1.2);
}

static const struct unit_test tests[] = {
    {"without edges", test_without_edges},
    {"edges", test_edges},
    {"wait lines", test_wait_lines},
    {"globs", test_globs},
    {"too long", test_too_long},
    {"jobs", test_jobs},
    {"at random", test_at_random},
    {"order", test_order},
    {NULL, NULL},
};

const struct unit_suite suite_paths = {"paths", tests};
