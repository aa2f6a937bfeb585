/* critical path: the longest chain of a list. */
#include "unit.h"

#include "dag.h"
#include "sched/whatif.h"

#include <stdlib.h>

static void find(struct js_list *list,
                 const struct js_critical_path_config *config,
                 struct js_critical_path *ret)
{
    struct js_err err = {""};
    CU_ASSERT_EQUAL(js_critical_path_find(list, config, ret, &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    js_list_free(list);
}

static void expect(const char *list,
                   const struct js_critical_path_config *config,
                   int64_t length_ns, const char *seqs)
{
    char got[64] = "";
    struct js_critical_path chain;
    size_t len = 0;
    find(dag_list(list), config, &chain);
    for (size_t i = 0; i < chain.count; i++)
        len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%d",
                                i > 0 ? " " : "", (int)chain.seqs[i]);
    CU_ASSERT_EQUAL(chain.length_ns, length_ns);
    CU_ASSERT_STRING_EQUAL(got, seqs);
    js_critical_path_release(&chain);
}

static void test_without_edges(void)
{
    static const int64_t run_ns[] = {10, 30, 20};
    expect("", &(struct js_critical_path_config){.gap_ns = 5}, 0, "");
    expect("a\nb\nc\n", &(struct js_critical_path_config){run_ns, 5}, 30, "2");
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
    expect(list, &(struct js_critical_path_config){long_ns, 0}, 27, "1 3 4");
    expect(list, &(struct js_critical_path_config){short_ns, 0}, 22, "2 4");
    expect(list, &(struct js_critical_path_config){long_ns, 100}, 227, "1 3 4");
}

static void test_wait_lines(void)
{
    static const int64_t run_ns[] = {10, 20, 7, 3, 1};
    expect("a\nb\nwait\nc\nd\nwait\ne\n",
           &(struct js_critical_path_config){run_ns, 2}, 32, "2 3 5");
}

/* By the definition. */
static int64_t longest_path(const struct dag *dag)
{
    int64_t end_ns[DAG_JOBS_MAX] = {0}, longest_ns = 0;
    for (size_t i = 0; i < dag->count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (dag->jobs[i].is_after[k] && end_ns[k] > end_ns[i])
                end_ns[i] = end_ns[k];
        }
        end_ns[i] += dag->jobs[i].run_ns;
        if (end_ns[i] > longest_ns)
            longest_ns = end_ns[i];
    }
    return longest_ns;
}

/* Each comes after the one before, and together they are as long. */
static void expect_path(const struct dag *dag,
                        const struct js_critical_path *chain)
{
    int64_t sum_ns = 0;
    for (size_t i = 0; i < chain->count; i++) {
        const struct dag_job *job = &dag->jobs[chain->seqs[i] - 1];
        sum_ns += job->run_ns;
        CU_ASSERT(i == 0 || job->is_after[chain->seqs[i - 1] - 1]);
    }
    CU_ASSERT_EQUAL(sum_ns, chain->length_ns);
}

static void test_at_random(void)
{
    struct rng rng = {3};
    for (unsigned round = 0; round < unit_rounds(200); round++) {
        struct dag dag;
        struct js_critical_path chain;
        int64_t run_ns[DAG_JOBS_MAX];
        dag_init(&dag, &rng, 1 + rng_below(&rng, DAG_JOBS_MAX), 1000000,
                 (unsigned)rng_below(&rng, 20), false);
        for (size_t i = 0; i < dag.count; i++)
            run_ns[i] = dag.jobs[i].run_ns;
        find(not_null(js_list_read(dag.path, NULL)),
             &(struct js_critical_path_config){.run_ns = run_ns}, &chain);
        CU_ASSERT_EQUAL(chain.length_ns, longest_path(&dag));
        expect_path(&dag, &chain);
        js_critical_path_release(&chain);
        dag_release(&dag);
    }
}

static void test_too_long(void)
{
    static const int64_t run_ns[] = {INT64_MAX, 1};
    struct js_err err = {""};
    struct js_critical_path_config config = {.run_ns = run_ns};
    struct js_critical_path chain = {0};
    struct js_list *list = dag_list("[name=a] a\n[after=a] b\n");
    CU_ASSERT_EQUAL(js_critical_path_find(list, &config, &chain, &err), -1);
    CU_ASSERT(err.text[0]);
    js_list_free(list);
    js_critical_path_release(&chain);
}

static const struct unit_test tests[] = {
    {"without edges", test_without_edges}, {"edges", test_edges},
    {"wait lines", test_wait_lines},       {"at random", test_at_random},
    {"too long", test_too_long},           {NULL, NULL},
};

const struct unit_suite suite_critical_path = {"critical_path", tests};
