/* Runs all suites, or those named on the command line. */
#include "unit.h"

#include <CUnit/Basic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUITES(_)                                                              \
    _(base)                                                                    \
    _(mca)                                                                     \
    _(file)                                                                    \
    _(json)                                                                    \
    _(table)                                                                   \
    _(heap)                                                                    \
    _(sh_template)                                                             \
    _(warnings)                                                                \
    _(conflicts)                                                               \
    _(jobfile)                                                                 \
    _(for_loop)                                                                \
    _(columns)                                                                 \
    _(intake)                                                                  \
    _(formats)                                                                 \
    _(values)                                                                  \
    _(product)                                                                 \
    _(args)                                                                    \
    _(attributes)                                                              \
    _(from_disbatch)                                                           \
    _(from_greasy)                                                             \
    _(from_launchers)                                                          \
    _(from_parallel_joblog)                                                    \
    _(from_pmc)                                                                \
    _(from_slurm)                                                              \
    _(attributes_random)                                                       \
    _(job)                                                                     \
    _(log_histogram)                                                           \
    _(resources)                                                               \
    _(settings)                                                                \
    _(memory)                                                                  \
    _(joblog_reader)                                                           \
    _(graph)                                                                   \
    _(graph_globs)                                                             \
    _(graph_random)                                                            \
    _(resume)                                                                  \
    _(selection)                                                               \
    _(list_state)                                                              \
    _(output_tail)                                                             \
    _(journal_format)                                                          \
    _(journal)                                                                 \
    _(journal_takeover)                                                        \
    _(journal_file)                                                            \
    _(journal_model)                                                           \
    _(timeline)                                                                \
    _(past_runs)                                                               \
    _(list)                                                                    \
    _(source)                                                                  \
    _(outcome)                                                                 \
    _(topo)                                                                    \
    _(signals)                                                                 \
    _(spool)                                                                   \
    _(direct_exec)                                                             \
    _(spawn)                                                                   \
    _(orphans)                                                                 \
    _(procs)                                                                   \
    _(job_calls)                                                               \
    _(runner)                                                                  \
    _(job_io)                                                                  \
    _(ending)                                                                  \
    _(entry_write)                                                             \
    _(scheduler)                                                               \
    _(scheduler_requests)                                                      \
    _(scheduler_failures)                                                      \
    _(scheduler_random)                                                        \
    _(scheduler_costs)                                                         \
    _(simulate)                                                                \
    _(paths)                                                                   \
    _(folder)                                                                  \
    _(whatif)                                                                  \
    _(allocator)                                                               \
    _(link)                                                                    \
    _(node_ranking)                                                            \
    _(wire)                                                                    \
    _(share)                                                                   \
    _(slave_queue)                                                             \
    _(model)                                                                   \
    _(console)                                                                 \
    _(options)                                                                 \
    _(status_model)                                                            \
    _(textbuf)                                                                 \
    _(launch)                                                                  \
    _(input)                                                                   \
    _(userenv)                                                                 \
    _(lifeline)                                                                \
    _(jobsched)                                                                \
    _(loop)                                                                    \
    _(loop_losses)                                                             \
    _(loop_messages)                                                           \
    _(loop_crowd)                                                              \
    _(delivery)                                                                \
    _(joblog)                                                                  \
    _(outdir)                                                                  \
    _(recorder)                                                                \
    _(terminal)                                                                \
    _(eta)                                                                     \
    _(progress)                                                                \
    _(display)                                                                 \
    _(summary)

#define DECLARE(name) extern const struct unit_suite suite_##name;
SUITES(DECLARE)

#define POINT(name) &suite_##name,
static const struct unit_suite *const suites[] = {SUITES(POINT) NULL};

static int is_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0)
            return 1;
    }
    return argc == 1;
}

static int add_suite(const struct unit_suite *suite)
{
    CU_pSuite added = CU_add_suite(suite->name, NULL, NULL);
    if (!added)
        return -1;
    for (const struct unit_test *test = suite->tests; test->name; test++) {
        if (!CU_add_test(added, test->name, test->run))
            return -1;
    }
    return 0;
}

/* A script's background and nohup(1) have some of them ignored, which jobsched
 * respects: the tests say themselves where one is. */
static void set_signals(void)
{
    static const int by_default[] = {SIGHUP, SIGINT, SIGQUIT};
    for (size_t i = 0; i < sizeof(by_default) / sizeof(by_default[0]); i++)
        signal(by_default[i], SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
    int added = 0;
    set_signals();
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    for (int i = 0; suites[i]; i++) {
        if (!is_wanted(suites[i]->name, argc, argv))
            continue;
        if (add_suite(suites[i]) < 0) {
            fprintf(stderr, "unit: %s: %s\n", suites[i]->name,
                    CU_get_error_msg());
            return 2;
        }
        added++;
    }
    CU_basic_set_mode(CU_BRM_VERBOSE);
    /* The run call returns 0 when a test fails: only the count tells. */
    CU_ErrorCode ran = CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    unsigned asserts = CU_get_number_of_asserts();
    CU_cleanup_registry();
    return ran != CUE_SUCCESS || failures || !asserts || !added;
}
