/* mca: settings for Open MPI, and whether the user has made them. */
#include "unit.h"

#include "base/mca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_which_mpi(void)
{
    CU_ASSERT_EQUAL(js_mpi_of("Open MPI 3.1.6"), JS_OPEN_MPI_4);
    CU_ASSERT_EQUAL(js_mpi_of("Open MPI 4.1.4"), JS_OPEN_MPI_4);
    CU_ASSERT_EQUAL(js_mpi_of("Open MPI 5.0.7"), JS_OPEN_MPI_5);
    CU_ASSERT_EQUAL(js_mpi_of("Open MPI 10.0"), JS_OPEN_MPI_5);
    CU_ASSERT_EQUAL(js_mpi_of("MPICH 4.2.1"), JS_MPICH);
}

/* "-": there is none. */
static void expect_variable(const char *name, const char *want)
{
    const char *value = getenv(name);
    CU_ASSERT_STRING_EQUAL(value ? value : "-", want);
}

static void test_set_and_taken_back(void)
{
    struct js_mca mca = {0};
    unsetenv("OMPI_MCA_js_a");
    unsetenv("PRTE_MCA_js_b");
    CU_ASSERT_EQUAL(js_mca_set(&mca, "OMPI_MCA_js_a", "1"), 0);
    CU_ASSERT_EQUAL(js_mca_set(&mca, "PRTE_MCA_js_b", "2"), 0);
    expect_variable("OMPI_MCA_js_a", "1");
    expect_variable("PRTE_MCA_js_b", "2");
    js_mca_take_back(&mca);
    expect_variable("OMPI_MCA_js_a", "-");
    expect_variable("PRTE_MCA_js_b", "-");
    CU_ASSERT_EQUAL(mca.count, 0);
    CU_ASSERT_EQUAL(js_mca_set(&mca, "JS_NO_PARAMETER", "1"), -1);
    expect_variable("JS_NO_PARAMETER", "-");
}

static void test_a_home_where_there_is_none(void)
{
    struct js_mca mca = {0};
    const char *found = getenv("HOME");
    char *before = found ? strdup(found) : NULL;
    unsetenv("HOME");
    CU_ASSERT_EQUAL(js_mca_set_home(&mca, JS_OPEN_MPI_4), 0);
    expect_variable("HOME", "-");
    CU_ASSERT_EQUAL(js_mca_set_home(&mca, JS_OPEN_MPI_5), 0);
    CU_ASSERT_PTR_NOT_NULL(getenv("HOME"));
    js_mca_take_back(&mca);
    expect_variable("HOME", "-");
    setenv("HOME", "/the/user's", 1);
    CU_ASSERT_EQUAL(js_mca_set_home(&mca, JS_OPEN_MPI_5), 0);
    js_mca_take_back(&mca);
    expect_variable("HOME", "/the/user's");
    if (before)
        setenv("HOME", before, 1);
    else
        unsetenv("HOME");
    free(before);
}

/* Whatever they are for: what is set for mpirun is set. Empty counts as well.
 */
static void test_the_user_s_variables_stay(void)
{
    struct js_mca mca = {0};
    setenv("OMPI_MCA_js_a", "", 1);
    CU_ASSERT_TRUE(js_mca_is_set("js_a", NULL));
    CU_ASSERT_FALSE(js_mca_is_set("js_", NULL));
    CU_ASSERT_EQUAL(js_mca_set(&mca, "OMPI_MCA_js_a", "1"), 0);
    CU_ASSERT_EQUAL(js_mca_set(&mca, "PRTE_MCA_js_a", "1"), 0);
    js_mca_take_back(&mca);
    expect_variable("OMPI_MCA_js_a", "");
    expect_variable("PRTE_MCA_js_a", "-");
    unsetenv("OMPI_MCA_js_a");
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = not_null(fopen(path, "w"));
    fputs(text, file);
    fclose(file);
}

static void test_the_user_s_files_count(void)
{
    char home[] = "/tmp/jobsched-mca-XXXXXX", folder[64], file[96];
    const char *found = getenv("HOME");
    char *before = found ? strdup(found) : NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(home));
    snprintf(folder, sizeof(folder), "%s/.openmpi", home);
    snprintf(file, sizeof(file), "%s/mca-params.conf", folder);
    mkdir(folder, 0700);
    setenv("HOME", home, 1);
    CU_ASSERT_FALSE(js_mca_is_set("js_a", NULL));
    write_file(folder, "mca-params.conf",
               "# js_b = 1\njs_ab=1\n\n \tjs_c\t= x\njs_a= eth0,lo");
    CU_ASSERT_TRUE(js_mca_is_set("js_a", NULL));
    CU_ASSERT_TRUE(js_mca_is_set("js_c", NULL));
    CU_ASSERT_FALSE(js_mca_is_set("js_b", NULL));
    CU_ASSERT_FALSE(js_mca_is_set("js", NULL));
    CU_ASSERT_FALSE(js_mca_is_set("x", NULL));
    unlink(file);
    rmdir(folder);
    rmdir(home);
    if (before)
        setenv("HOME", before, 1);
    else
        unsetenv("HOME");
    free(before);
}

static void test_what_a_rank_needs(void)
{
    struct js_mca mca = {0};
    unsetenv("OMPI_MCA_reachable");
    CU_ASSERT_EQUAL(js_mca_set_for_rank(&mca, JS_MPICH), 0);
    CU_ASSERT_EQUAL(js_mca_set_for_rank(&mca, JS_OPEN_MPI_4), 0);
    expect_variable("OMPI_MCA_reachable", "-");
    CU_ASSERT_EQUAL(js_mca_set_for_rank(&mca, JS_OPEN_MPI_5), 0);
    expect_variable("OMPI_MCA_reachable", "weighted");
    js_mca_take_back(&mca);
    expect_variable("OMPI_MCA_reachable", "-");
}

/* Of this machine's own file it is not known whether it chooses: so only what
 * the environment chooses is looked at here. */
static void test_what_ranks_of_one_host_need(void)
{
    struct js_mca mca = {0};
    setenv("OPAL_PREFIX", "/nonexistent", 1);
    CU_ASSERT_EQUAL(js_mca_set_for_host(&mca, JS_MPICH, "/f", true), 0);
    CU_ASSERT_EQUAL(mca.count, 0);
    CU_ASSERT_EQUAL(js_mca_set_for_host(&mca, JS_OPEN_MPI_4, "/f", true), 0);
    expect_variable("OMPI_MCA_orte_tmpdir_base", "/f");
    expect_variable("OMPI_MCA_btl_vader_backing_directory", "/f");
    expect_variable("OMPI_MCA_btl", "self,vader");
    js_mca_take_back(&mca);
    expect_variable("OMPI_MCA_btl", "-");
    CU_ASSERT_EQUAL(js_mca_set_for_host(&mca, JS_OPEN_MPI_4, "/f", false), 0);
    expect_variable("OMPI_MCA_btl_vader_backing_directory", "-");
    expect_variable("OMPI_MCA_btl", "self,tcp");
    js_mca_take_back(&mca);
    CU_ASSERT_EQUAL(js_mca_set_for_host(&mca, JS_OPEN_MPI_5, "/f", true), 0);
    expect_variable("PRTE_MCA_prte_tmpdir_base", "/f");
    expect_variable("OMPI_MCA_btl", "self,sm");
    js_mca_take_back(&mca);
    setenv("OMPI_MCA_btl", "^openib", 1);
    CU_ASSERT_EQUAL(js_mca_set_for_host(&mca, JS_OPEN_MPI_4, "/f", true), 0);
    expect_variable("OMPI_MCA_btl", "^openib");
    js_mca_take_back(&mca);
    expect_variable("OMPI_MCA_btl", "^openib");
    unsetenv("OMPI_MCA_btl");
    unsetenv("OPAL_PREFIX");
}

static const struct unit_test tests[] = {
    {"which MPI", test_which_mpi},
    {"set and taken back", test_set_and_taken_back},
    {"a home where there is none", test_a_home_where_there_is_none},
    {"the user's variables stay", test_the_user_s_variables_stay},
    {"the user's files count", test_the_user_s_files_count},
    {"what a rank needs", test_what_a_rank_needs},
    {"what ranks of one host need", test_what_ranks_of_one_host_need},
    {NULL, NULL},
};

const struct unit_suite suite_mca = {"mca", tests};
