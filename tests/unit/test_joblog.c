/* joblog: the columns, and files that cannot take them. */
#include "unit.h"

#include "base/buf.h"
#include "base/clock.h"
#include "place.h"
#include "record/joblog.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* A test that takes longer has come to wait where it must not. */

static const char header[] =
    "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand"
    "\tName\tAttempt\tSlave\tCores\tUserCPU\tSystemCPU\tMaxRSS\tLeftovers\n";

static struct js_joblog *open_ok(const char *path)
{
    struct js_err err = {"?"};
    struct js_joblog *joblog = js_joblog_open(path, -1, false, &err);
    if (!joblog)
        CU_FAIL(err.text);
    return not_null(joblog);
}

static struct js_completion finish_of(uint64_t id, const char *command)
{
    struct js_completion completion = {
        .job = not_null(js_job_new(id, command, strlen(command))),
        .outcome = {.start_unix_ns = INT64_C(1700000000123456789),
                    .run_ns = 2 * JS_NS_PER_S + 5 * JS_NS_PER_MS,
                    .user_cpu_ns = 1500 * JS_NS_PER_MS,
                    .system_cpu_ns = 30 * JS_NS_PER_MS,
                    .max_rss_bytes = 3 * 1024 * 1024 + 100,
                    .out_bytes = 77,
                    .err_bytes = 5},
        .slave = 4,
        .cores = 2,
        .host = "node-17"};
    return completion;
}

static int add(struct js_joblog *joblog, uint64_t id, const char *command)
{
    struct js_completion completion = finish_of(id, command);
    int result = js_joblog_add(joblog, &completion);
    js_job_free(completion.job);
    return result;
}

/* The line of one job, without the header. */
static void assert_line(const struct js_completion *completion,
                        const char *wanted)
{
    struct place place;
    struct js_buf text = JS_BUF_INIT;
    place_init(&place, "log");
    struct js_joblog *joblog = open_ok(place.path);
    CU_ASSERT_EQUAL(js_joblog_add(joblog, completion), 0);
    CU_ASSERT_EQUAL(js_joblog_close(joblog, NULL), 0);
    slurp(place.path, &text);
    CU_ASSERT_FATAL(text.len >= strlen(header));
    CU_ASSERT_EQUAL(memcmp(text.data, header, strlen(header)), 0);
    CU_ASSERT_STRING_EQUAL(text.data + strlen(header), wanted);
    js_buf_release(&text);
    place_release(&place);
}

static void test_columns(void)
{
    struct js_completion completion =
        finish_of(12, "./solve.sh a\tb\\\x01 \xff");
    completion.outcome.exit_code = 3;
    completion.job->attempt = 2;
    assert_line(&completion,
                "12\tnode-17\t1700000000.123\t2.005\t0\t77\t3\t0\t"
                "./solve.sh a\\tb\\\\\\x01 \xff\t\t2\t4\t2\t1.500\t"
                "0.030\t3072\t0\n");
    js_job_free(completion.job);

    completion = finish_of(13, "one\ntwo\r\n");
    completion.outcome = (struct js_outcome){.signal = 9, .leftovers = 3};
    assert_line(&completion,
                "13\tnode-17\t0.000\t0.000\t0\t0\t0\t9\t"
                "one\\ntwo\\r\\n\t\t1\t4\t2\t0.000\t0.000\t0\t3\n");
    js_job_free(completion.job);
}

static void test_not_started_and_simulated(void)
{
    struct js_completion completion = finish_of(1, "nosuch");
    completion.outcome = (struct js_outcome){
        .exit_code = 126, .step = JS_STEP_EXEC, .step_errno = EACCES};
    assert_line(&completion,
                "1\tnode-17\t0.000\t0.000\t0\t0\t126\t0\tnosuch\t\t1"
                "\t4\t2\t0.000\t0.000\t0\t0\n");
    completion.job->kind = JS_JOB_SIMULATED;
    completion.outcome = (struct js_outcome){.run_ns = JS_NS_PER_S};
    assert_line(&completion,
                "1\tnode-17\t0.000\t1.000\t0\t0\t0\t0\t(simulated)\t"
                "\t1\t4\t2\t0.000\t0.000\t0\t0\n");
    js_job_free(completion.job);
}

static void test_file_is_emptied_at_the_first_flush(void)
{
    struct place place;
    struct js_buf text = JS_BUF_INIT;
    place_init(&place, "log");
    spit(place.path, "what an earlier run has left\n", 29);
    struct js_joblog *joblog = open_ok(place.path);
    CU_ASSERT_EQUAL(js_joblog_close(joblog, NULL), 0);
    CU_ASSERT_STRING_EQUAL(slurp(place.path, &text),
                           "what an earlier run has left\n");
    joblog = open_ok(place.path);
    CU_ASSERT_EQUAL(js_joblog_flush(joblog, NULL), 0);
    CU_ASSERT_STRING_EQUAL(slurp(place.path, &text), header);
    CU_ASSERT_EQUAL(add(joblog, 1, "true"), 0);
    CU_ASSERT_STRING_EQUAL(slurp(place.path, &text), header);
    CU_ASSERT_EQUAL(js_joblog_flush(joblog, NULL), 0);
    size_t one_line = strlen(slurp(place.path, &text));
    CU_ASSERT_TRUE(one_line > strlen(header));
    CU_ASSERT_EQUAL(add(joblog, 2, "true"), 0);
    CU_ASSERT_EQUAL(js_joblog_close(joblog, NULL), 0);
    CU_ASSERT_EQUAL(strlen(slurp(place.path, &text)),
                    2 * one_line - strlen(header));
    CU_ASSERT_EQUAL(js_joblog_close(NULL, NULL), 0);
    js_buf_release(&text);
    place_release(&place);
}

static void test_created_as_the_umask_has_it(void)
{
    struct place place;
    struct stat st;
    place_init(&place, "log");
    mode_t before = umask(027);
    struct js_joblog *joblog = open_ok(place.path);
    umask(before);
    CU_ASSERT_EQUAL(js_joblog_close(joblog, NULL), 0);
    CU_ASSERT_EQUAL(stat(place.path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0640);
    place_release(&place);
}

static void assert_refused(const char *path, const char *wanted)
{
    struct js_err err = {""};
    CU_ASSERT_PTR_NULL(js_joblog_open(path, -1, false, &err));
    if (!strstr(err.text, wanted))
        CU_FAIL(err.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, path));
}

static void test_refused_when_opened(void)
{
    struct place place;
    char path[192];
    place_init(&place, "log");
    assert_refused(place.dir, "Is a directory");
    snprintf(path, sizeof(path), "%s/no/log", place.dir);
    assert_refused(path, "No such file or directory; does its folder exist?");
    CU_ASSERT_EQUAL(mkfifo(place.path, 0600), 0);
    alarm(unit_patience_s()); /* in case that opening it waits */
    assert_refused(place.path, "a FIFO needs a reader");
    alarm(0);
    place_release(&place);
}

/* Root may write everywhere, so it is somebody else for a moment. */
static void test_refused_without_permission(void)
{
    struct place place;
    place_init(&place, "log");
    spit(place.path, "x", 1);
    CU_ASSERT_EQUAL(chmod(place.path, 0444), 0);
    CU_ASSERT_EQUAL(chmod(place.dir, 0755), 0);
    bool is_root = geteuid() == 0;
    if (is_root)
        CU_ASSERT_EQUAL_FATAL(seteuid(65534), 0);
    assert_refused(place.path, "Permission denied");
    if (is_root)
        CU_ASSERT_EQUAL_FATAL(seteuid(0), 0);
    place_release(&place);
}

/* Files larger than this are refused from now on; returns the old limit. */
static rlim_t limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
    return before;
}

static int flush_limited(struct js_joblog *joblog, rlim_t bytes,
                         struct js_err *err)
{
    rlim_t before = limit_file_size(bytes);
    int result = js_joblog_flush(joblog, err);
    limit_file_size(before);
    return result;
}

static void test_no_room_for_a_while_loses_nothing(void)
{
    struct place place;
    struct js_err err = {""};
    struct js_buf text = JS_BUF_INIT, whole = JS_BUF_INIT;
    place_init(&place, "log");
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    struct js_joblog *joblog = open_ok(place.path);
    for (unsigned i = 1; i <= 50; i++)
        CU_ASSERT_EQUAL(add(joblog, i, "some command"), 0);
    for (rlim_t bytes = 10; bytes < 2000; bytes += 111) {
        CU_ASSERT_EQUAL(flush_limited(joblog, bytes, &err), -1);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "File too large"));
        CU_ASSERT_EQUAL(strlen(slurp(place.path, &text)), bytes);
        CU_ASSERT_EQUAL(flush_limited(joblog, bytes, &err), -1);
    }
    CU_ASSERT_EQUAL(js_joblog_close(joblog, &err), 0);
    slurp(place.path, &text);

    /* The same lines without trouble. */
    joblog = open_ok(place.path);
    for (unsigned i = 1; i <= 50; i++)
        CU_ASSERT_EQUAL(add(joblog, i, "some command"), 0);
    CU_ASSERT_EQUAL(js_joblog_close(joblog, &err), 0);
    CU_ASSERT_STRING_EQUAL(slurp(place.path, &whole), text.data);
    signal(SIGXFSZ, before);
    js_buf_release(&text);
    js_buf_release(&whole);
    place_release(&place);
}

static void test_no_room_at_the_end_is_told(void)
{
    struct js_err err = {""};
    struct js_joblog *joblog = open_ok("/dev/full");
    CU_ASSERT_EQUAL(add(joblog, 1, "true"), 0);
    CU_ASSERT_EQUAL(js_joblog_flush(joblog, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.text, "cannot write to the joblog /dev/full: No "
                                     "space left on device");
    CU_ASSERT_EQUAL(add(joblog, 2, "true"), 0);
    CU_ASSERT_EQUAL(js_joblog_close(joblog, &err), -1);
    /* The header line is one of them. */
    CU_ASSERT_STRING_EQUAL(err.text,
                           "the joblog /dev/full is missing 3 lines: No "
                           "space left on device");
}

static void test_what_waits_is_bounded(void)
{
    enum { BIG = 1000 * 1000 };
    struct js_err err = {""};
    struct js_joblog *joblog = open_ok("/dev/full");
    struct js_completion completion = finish_of(1, "");
    js_job_free(completion.job);
    char *command = not_null(malloc(BIG + 1));
    memset(command, 'c', BIG);
    completion.job = not_null(js_job_new(1, command, BIG));
    free(command);
    int kept = 0;
    while (kept < 1000 && js_joblog_add(joblog, &completion) == 0)
        kept++;
    CU_ASSERT_EQUAL(kept, JS_JOBLOG_MAX_WAITING / BIG);
    CU_ASSERT_EQUAL(errno, ENOBUFS);
    CU_ASSERT_EQUAL(add(joblog, 2, "a short one fits"), 0);
    CU_ASSERT_EQUAL(js_joblog_close(joblog, &err), -1);
    js_job_free(completion.job);
}

/* Lines refused in between are told even if all others were written. */
static void test_refused_lines_are_told(void)
{
    struct js_err err = {""};
    struct js_joblog *joblog = open_ok("/dev/null");
    struct js_completion completion = finish_of(1, "");
    js_job_free(completion.job);
    char *command = not_null(calloc(1, JS_JOBLOG_MAX_WAITING + 1));
    memset(command, 'c', JS_JOBLOG_MAX_WAITING);
    completion.job = not_null(js_job_new(1, command, JS_JOBLOG_MAX_WAITING));
    free(command);
    CU_ASSERT_EQUAL(js_joblog_add(joblog, &completion), -1);
    CU_ASSERT_EQUAL(errno, ENOBUFS);
    js_job_free(completion.job);
    CU_ASSERT_EQUAL(js_joblog_flush(joblog, &err), 0);
    CU_ASSERT_EQUAL(js_joblog_close(joblog, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/dev/null is missing 1 line"));
}

/* A slow reader holds up no flush, and gets everything in the end. */
static void test_fifo_with_a_slow_reader(void)
{
    struct place place;
    struct js_buf got = JS_BUF_INIT;
    struct js_err err = {""};
    place_init(&place, "log");
    CU_ASSERT_EQUAL(mkfifo(place.path, 0600), 0);
    int reader = open(place.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    CU_ASSERT_FATAL(reader >= 0);
    alarm(unit_patience_s()); /* in case that writing to it waits */
    struct js_joblog *joblog = open_ok(place.path);
    unsigned lines = 0;
    while (lines < 20000) {
        CU_ASSERT_EQUAL(add(joblog, ++lines, "some command"), 0);
        if (lines % 1000 == 0)
            CU_ASSERT_EQUAL(js_joblog_flush(joblog, &err), 0);
    }
    size_t seen = 0;
    for (int i = 0; i < 1000 && js_joblog_flush(joblog, &err) == 0; i++) {
        seen = got.len;
        read_all(reader, &got);
        if (got.len == seen)
            break;
    }
    CU_ASSERT_EQUAL(js_joblog_close(joblog, &err), 0);
    alarm(0);
    read_all(reader, &got);
    unsigned newlines = 0;
    for (size_t i = 0; i < got.len; i++)
        newlines += got.data[i] == '\n';
    CU_ASSERT_EQUAL(newlines, lines + 1);
    js_buf_release(&got);
    close(reader);
    place_release(&place);
}

static void test_fifo_whose_reader_is_gone(void)
{
    struct place place;
    struct js_err err = {""};
    place_init(&place, "log");
    CU_ASSERT_EQUAL(mkfifo(place.path, 0600), 0);
    int reader = open(place.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    CU_ASSERT_FATAL(reader >= 0);
    struct js_joblog *joblog = open_ok(place.path);
    CU_ASSERT_EQUAL(js_joblog_flush(joblog, &err), 0);
    close(reader);
    CU_ASSERT_EQUAL(add(joblog, 1, "true"), 0);
    CU_ASSERT_EQUAL(js_joblog_flush(joblog, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "Broken pipe"));
    CU_ASSERT_EQUAL(js_joblog_close(joblog, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "is missing 1 line: Broken pipe"));
    place_release(&place);
}

/* Where others can write, somebody may have put it there. */
static void test_links_in_shared_folders(void)
{
    struct place place;
    char victim[PLACE_PATH];
    struct js_buf text = JS_BUF_INIT;
    struct js_err err = {""};
    place_init(&place, "log");
    place_name(&place, "victim", victim);
    spit(victim, "precious", 8);
    CU_ASSERT_EQUAL(symlink("victim", place.path), 0);
    CU_ASSERT_EQUAL(chmod(place.dir, 01777), 0);
    CU_ASSERT_PTR_NULL(js_joblog_open(place.path, -1, false, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "name the file itself"));
    CU_ASSERT_PTR_NULL(js_joblog_open(place.path, -1, true, NULL));
    CU_ASSERT_STRING_EQUAL(slurp(victim, &text), "precious");
    CU_ASSERT_EQUAL(chmod(place.dir, 0755), 0);
    struct js_joblog *joblog = open_ok(place.path);
    CU_ASSERT_EQUAL(js_joblog_flush(joblog, NULL), 0);
    CU_ASSERT_EQUAL(js_joblog_close(joblog, NULL), 0);
    CU_ASSERT_STRING_EQUAL(slurp(victim, &text), header);
    js_buf_release(&text);
    place_release(&place);
}

static const struct unit_test tests[] = {
    {"columns", test_columns},
    {"not started, and simulated", test_not_started_and_simulated},
    {"emptied at the first flush", test_file_is_emptied_at_the_first_flush},
    {"created as the umask has it", test_created_as_the_umask_has_it},
    {"refused when opened", test_refused_when_opened},
    {"refused without permission", test_refused_without_permission},
    {"no room for a while", test_no_room_for_a_while_loses_nothing},
    {"no room at the end", test_no_room_at_the_end_is_told},
    {"what waits is bounded", test_what_waits_is_bounded},
    {"refused lines are told", test_refused_lines_are_told},
    {"FIFO with a slow reader", test_fifo_with_a_slow_reader},
    {"FIFO whose reader is gone", test_fifo_whose_reader_is_gone},
    {"links in shared folders", test_links_in_shared_folders},
    {NULL, NULL},
};

const struct unit_suite suite_joblog = {"joblog", tests};
