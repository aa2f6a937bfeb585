/* runtimes: from joblogs, ours and GNU parallel's, whole and damaged. */
#include "unit.h"

#include "base/file.h"
#include "record/joblog.h"
#include "rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER                                                                 \
    "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tComman" \
    "d"
#define OURS "\tName\tAttempt\tSlave\tCores\tUserCPU\tSystemCPU\tMaxRSS\n"

static struct js_joblog_reader *load(const char *text, size_t len,
                                     struct js_err *err)
{
    char path[] = "/tmp/jobsched-runtimes.XXXXXX";
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(js_file_write(fd, text, len), 0);
    close(fd);
    struct js_joblog_reader *runtimes = js_joblog_reader_load(path, err);
    unlink(path);
    return runtimes;
}

static struct js_joblog_reader *loaded(const char *text)
{
    struct js_err err = {""};
    struct js_joblog_reader *runtimes = load(text, strlen(text), &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(runtimes);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    return runtimes;
}

static int64_t find(const struct js_joblog_reader *runtimes,
                    const char *command)
{
    return js_joblog_reader_find(runtimes, command, strlen(command));
}

static void test_ours(void)
{
    struct js_joblog_reader *runtimes = loaded(
        HEADER OURS "1\tn\t1.0\t2.500\t0\t0\t0\t0\ta\\tb\\\\c\t\t1\t1\t1\n"
                    "2\tn\t1.0\t0.001\t0\t0\t0\t0\tx\\x01\t\t1\t1\t1\n");
    CU_ASSERT_EQUAL(find(runtimes, "a\tb\\c"), INT64_C(2500000000));
    CU_ASSERT_EQUAL(find(runtimes, "x\x01"), 1000000);
    CU_ASSERT_EQUAL(find(runtimes, "y"), -1);
    CU_ASSERT_EQUAL(js_joblog_reader_find(runtimes, "a\0", 2), -1);
    js_joblog_reader_free(runtimes);
}

static void test_parallel(void)
{
    struct js_joblog_reader *runtimes =
        loaded(HEADER "\n1\t:\t1700000000.123\t     1.234\t0\t0\t0\t0\t"
                      "sleep 1; echo a\\tb\tc\n");
    CU_ASSERT_EQUAL(find(runtimes, "sleep 1; echo a\\tb\tc"),
                    INT64_C(1234000000));
    js_joblog_reader_free(runtimes);
}

/* The last success counts; the last failure, if there is no success. */
static void test_several(void)
{
    struct js_joblog_reader *runtimes =
        loaded(HEADER "\n1\t:\t1\t1\t0\t0\t0\t0\ta\n2\t:\t1\t2\t0\t0\t0\t0\ta\n"
                      "3\t:\t1\t9\t0\t0\t1\t0\ta\n4\t:\t1\t3\t0\t0\t1\t0\tb\n"
                      "5\t:\t1\t4\t0\t0\t0\t9\tb\n");
    CU_ASSERT_EQUAL(find(runtimes, "a"), INT64_C(2000000000));
    CU_ASSERT_EQUAL(find(runtimes, "b"), INT64_C(4000000000));
    js_joblog_reader_free(runtimes);
}

static void test_no_joblog(void)
{
    struct js_err err;
    CU_ASSERT_PTR_NULL(js_joblog_reader_load("/no/such/file", &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/no/such/file"));
    CU_ASSERT_PTR_NULL(load("true\nfalse\n", 11, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "is not a joblog"));
    CU_ASSERT_PTR_NULL(load("", 0, &err));
    js_joblog_reader_free(NULL);
}

static void test_damaged(void)
{
    static const char text[] =
        HEADER OURS "1\tn\t1.0\t2.500\t0\t0\t0\t0\ta\\tb\t\t1\t1\t1\n"
                    "2\tn\t1.0\t0.001\t0\t0\t0\t0\tx\\x01\t\t1\t1\t1\n";
    struct rng rng = {9};
    for (int round = 0; round < 500; round++) {
        char copy[sizeof(text)];
        struct js_err err;
        memcpy(copy, text, sizeof(text));
        for (int i = 0; i < 4; i++)
            copy[sizeof(HEADER) - 1 +
                 rng_below(&rng, sizeof(text) - sizeof(HEADER))] =
                (char)rng_next(&rng);
        struct js_joblog_reader *runtimes =
            load(copy, rng_below(&rng, sizeof(text)), &err);
        if (runtimes)
            CU_ASSERT(find(runtimes, "x\x01") <= 1000000);
        js_joblog_reader_free(runtimes);
    }
}

static const struct unit_test tests[] = {
    {"ours", test_ours},
    {"GNU parallel's", test_parallel},
    {"several lines of a command", test_several},
    {"no joblog", test_no_joblog},
    {"damaged", test_damaged},
    {NULL, NULL},
};

const struct unit_suite suite_joblog_reader = {"joblog_reader", tests};
