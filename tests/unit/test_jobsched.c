/* What jobsched_run() refuses before there is any MPI. */
#include "unit.h"

#include "jobsched.h"

#include <stdlib.h>
#include <string.h>

static void expect_refused(const struct jobsched_config *config,
                           const char *word)
{
    struct jobsched_result result;
    CU_ASSERT_EQUAL(jobsched_run(config, &result), JOBSCHED_BAD_INPUT);
    CU_ASSERT_EQUAL(result.status, JOBSCHED_BAD_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(result.error, word));
}

static void test_configurations_that_cannot_work(void)
{
    struct jobsched_config config;
    jobsched_config_init(&config);
    config.round_size = 0;
    expect_refused(&config, "round_size");
    jobsched_config_init(&config);
    config.output = JOBSCHED_OUTPUT_DIR;
    expect_refused(&config, "output_dir");
    jobsched_config_init(&config);
    config.grace_ns = -1;
    expect_refused(&config, "grace_ns");
}

static void test_one_process_alone(void)
{
    struct jobsched_config config;
    jobsched_config_init(&config);
    setenv("OMPI_COMM_WORLD_SIZE", "1", 1);
    expect_refused(&config, "one process alone");
    unsetenv("OMPI_COMM_WORLD_SIZE");
}

static const struct unit_test tests[] = {
    {"configurations that cannot work", test_configurations_that_cannot_work},
    {"one process alone", test_one_process_alone},
    {NULL, NULL},
};

const struct unit_suite suite_jobsched = {"jobsched", tests};
