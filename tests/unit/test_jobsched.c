/* What jobsched_run() refuses, and counts, before MPI is initialised. */
#include "unit.h"

#include "jobsched.h"
#include "run/run.h"

#include <mpi.h>
#include <stdio.h>
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

/* Known without a start, by the same words. */
static void expect_unfit(const struct jobsched_config *config, const char *word)
{
    struct jobsched_result result;
    CU_ASSERT_EQUAL(jobsched_check(config, &result), JOBSCHED_BAD_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(result.error, word));
    expect_refused(config, word);
}

static void test_configurations_that_cannot_work(void)
{
    struct jobsched_config config;
    jobsched_config_init(&config);
    config.job_file = "";
    expect_refused(&config, "job_file: must not be empty");
    config.job_file = "jobs.txt";
    config.job_format = "none";
    expect_refused(&config, "job_format: none: no such format");
    config.job_format = "lines";
    config.job_file = NULL;
    expect_refused(&config, "needs a job file");
    config.job_format = NULL;
    jobsched_config_init(&config);
    config.round_size = 0;
    expect_unfit(&config, "round_size");
    jobsched_config_init(&config);
    config.output = JOBSCHED_OUTPUT_DIR;
    expect_refused(&config, "output_dir");
    jobsched_config_init(&config);
    config.grace_ns = -1;
    expect_refused(&config, "grace_ns");
}

/* What would start nothing, and then say that the same command goes on. */
static void test_time_limits_that_leave_no_time(void)
{
    const int64_t second_ns = 1000000000;
    struct jobsched_config config;
    jobsched_config_init(&config);
    config.time_limit_ns = 5 * second_ns;
    expect_unfit(&config, "a time limit of 5 s leaves no time");
    config.time_limit_ns = 50 * second_ns;
    config.grace_ns = 48 * second_ns;
    expect_refused(&config, "give a longer --time-limit or a shorter --grace");
    config.grace_ns--;
    struct jobsched_result result;
    CU_ASSERT_EQUAL(jobsched_check(&config, &result), JOBSCHED_SUCCEEDED);
    CU_ASSERT_STRING_EQUAL(result.error, "");
    setenv("OMPI_COMM_WORLD_SIZE", "1", 1);
    expect_refused(&config, "one process alone"); /* the next that is wrong */
    unsetenv("OMPI_COMM_WORLD_SIZE");
}

static void test_one_process_alone(void)
{
    struct jobsched_config config;
    jobsched_config_init(&config);
    setenv("OMPI_COMM_WORLD_SIZE", "1", 1);
    expect_refused(&config, "one process alone");
    unsetenv("OMPI_COMM_WORLD_SIZE");
}

/* "Open MPI 4.1.4" is "Open MPI v4.1.4, ..." in the library's own words, and
 * "MPICH 4.0.2" "MPICH Version:\t4.0.2". */
static void test_mpi_is_the_one_that_is_linked(void)
{
    char library[MPI_MAX_LIBRARY_VERSION_STRING], name[64];
    int len;
    MPI_Get_library_version(library, &len);
    snprintf(name, sizeof(name), "%s", jobsched_mpi());
    char *version = strrchr(name, ' ');
    CU_ASSERT_PTR_NOT_NULL_FATAL(version);
    *version++ = '\0';
    CU_ASSERT_TRUE(strncmp(library, name, strlen(name)) == 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(library, version));
}

static void test_open_files_that_the_master_needs(void)
{
    CU_ASSERT_EQUAL(js_run_rank_files(-1, -1), 0);
    CU_ASSERT_EQUAL(js_run_rank_files(129, 129), 0);
    CU_ASSERT_EQUAL(js_run_rank_files(130, 129), 258);
    CU_ASSERT_EQUAL(js_run_rank_files(2049, -1), 256 + 2 * 2048);
    CU_ASSERT_EQUAL(js_run_rank_files(65537, 1), 256 + 2 * 65536);
}

static const struct unit_test tests[] = {
    {"configurations that cannot work", test_configurations_that_cannot_work},
    {"time limits that leave no time", test_time_limits_that_leave_no_time},
    {"one process alone", test_one_process_alone},
    {"MPI is the one that is linked", test_mpi_is_the_one_that_is_linked},
    {"open files that the master needs", test_open_files_that_the_master_needs},
    {NULL, NULL},
};

const struct unit_suite suite_jobsched = {"jobsched", tests};
