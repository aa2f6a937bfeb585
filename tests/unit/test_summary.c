/* summary: counts, and the sentences made of them. */
#include "unit.h"

#include "base/clock.h"
#include "record/completion.h"

#include <stdlib.h>
#include <string.h>

static struct js_completion finish_of(const char *command, size_t len,
                                      uint32_t exit_code)
{
    struct js_completion completion = {
        .job = not_null(js_job_new(7, command, len)),
        .outcome = {.exit_code = exit_code, .run_ns = JS_NS_PER_S},
        .slave = 2,
        .host = "n1"};
    completion.job->line = 9;
    return completion;
}

static void test_counts(void)
{
    struct js_summary summary = {0};
    struct js_completion completion = finish_of("true", 4, 0);
    js_summary_add(&summary, &completion);
    completion.job->attempt = 3;
    js_summary_add(&summary, &completion);
    completion.outcome.signal = 9;
    js_summary_add(&summary, &completion);
    completion.job->attempt = 1;
    completion.outcome =
        (struct js_outcome){.exit_code = 126, .step = JS_STEP_EXEC};
    js_summary_add(&summary, &completion);
    CU_ASSERT_EQUAL(summary.done, 2);
    CU_ASSERT_EQUAL(summary.failed, 2);
    CU_ASSERT_EQUAL(summary.skipped, 0);
    CU_ASSERT_EQUAL(summary.retried, 4);
    CU_ASSERT_EQUAL(summary.busy_ns, 3 * JS_NS_PER_S);
    js_job_free(completion.job);
}

static void assert_described(const struct js_completion *completion,
                             const char *wanted)
{
    struct js_buf buf = JS_BUF_INIT;
    CU_ASSERT_EQUAL(js_summary_describe(completion, NULL, &buf), 0);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&buf), wanted);
    js_buf_release(&buf);
}

static void test_describe(void)
{
    struct js_completion completion = finish_of("./solve.sh 7", 12, 3);
    assert_described(&completion,
                     "job 7 (line 9) failed on n1: exit 3: ./solve.sh 7");
    completion.job->line = 0;
    completion.outcome = (struct js_outcome){.signal = 11};
    assert_described(&completion,
                     "job 7 failed on n1: killed by SIGSEGV (signal "
                     "11): ./solve.sh 7");
    completion.job->kind = JS_JOB_SIMULATED;
    completion.outcome = (struct js_outcome){.exit_code = 1};
    assert_described(&completion, "job 7 failed on n1: exit 1: (simulated)");
    js_job_free(completion.job);

    completion = finish_of("\033[2Jecho a\nb", 12, 1);
    assert_described(&completion, "job 7 (line 9) failed on n1: exit 1: "
                                  "\\x1b[2Jecho a\\nb");
    js_job_free(completion.job);
}

/* The command as it is shown, in `buf`. */
static const char *shown(const char *command, size_t len, struct js_buf *buf)
{
    struct js_completion completion = finish_of(command, len, 1);
    buf->len = 0;
    CU_ASSERT_EQUAL(js_summary_describe(&completion, NULL, buf), 0);
    js_job_free(completion.job);
    return strstr(js_buf_string(buf), "exit 1: ") + strlen("exit 1: ");
}

static void test_long_commands_are_cut(void)
{
    struct js_buf buf = JS_BUF_INIT;
    char *command = not_null(malloc(1000000));
    memset(command, 'c', 1000000);
    CU_ASSERT_EQUAL(strlen(shown(command, 100, &buf)), 100);
    const char *text = shown(command, 101, &buf);
    CU_ASSERT_EQUAL(strlen(text), 103);
    CU_ASSERT_STRING_EQUAL(text + 99, "c...");
    CU_ASSERT_EQUAL(strlen(shown(command, 1000000, &buf)), 103);

    memset(command, '\n', 200); /* an escape is not cut in two */
    command[0] = 'c';
    text = shown(command, 200, &buf);
    CU_ASSERT_EQUAL(strlen(text), 102);
    CU_ASSERT_STRING_EQUAL(text + 97, "\\n...");

    memset(command, 0x80, 200); /* no UTF-8 at all */
    CU_ASSERT_EQUAL(strlen(shown(command, 200, &buf)), 100);
    memset(command, '\n', 50);
    CU_ASSERT_STRING_EQUAL(shown(command, 200, &buf) + 98, "\\n...");
    free(command);
    js_buf_release(&buf);
}

/* A character is shown whole or not at all, wherever the cut falls. */
static void test_cut_respects_utf8(void)
{
    static const char *const characters[] = {"\xc3\xa4", "\xe2\x82\xac",
                                             "\xf0\x9f\x98\x80"};
    struct js_buf buf = JS_BUF_INIT;
    for (size_t c = 0; c < 3; c++) {
        size_t width = strlen(characters[c]);
        for (size_t shift = 0; shift < width; shift++) {
            char command[400] = "xxxx";
            size_t len = shift;
            for (; len + width < sizeof(command); len += width)
                memcpy(command + len, characters[c], width);
            const char *text = shown(command, len, &buf);
            size_t cut = strlen(text) - 3;
            CU_ASSERT_STRING_EQUAL(text + cut, "...");
            CU_ASSERT_EQUAL((cut - shift) % width, 0);
            CU_ASSERT_TRUE(cut > 100 - width && cut <= 100);
        }
    }
    js_buf_release(&buf);
}

static void assert_summary(const struct js_summary *summary, uint64_t left,
                           int64_t wall_ns, uint64_t slots, const char *wanted)
{
    struct js_buf buf = JS_BUF_INIT;
    CU_ASSERT_EQUAL(js_summary_text(summary, left, wall_ns, slots, &buf), 0);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&buf), wanted);
    js_buf_release(&buf);
}

static void test_summary(void)
{
    struct js_summary summary = {
        .done = 28, .failed = 2, .busy_ns = 297 * JS_NS_PER_S / 10};
    assert_summary(&summary, 0, 15 * JS_NS_PER_S, 2,
                   "30 jobs: 28 done, 2 failed, 0 skipped, 0 left; 15.0 s, 2 "
                   "slots 99 % busy");
    assert_summary(&summary, 70, 15 * JS_NS_PER_S, 2,
                   "100 jobs: 28 done, 2 failed, 0 skipped, 70 left; 15.0 s, "
                   "2 slots 99 % busy");
    assert_summary(&summary, UINT64_MAX, 15 * JS_NS_PER_S, 2,
                   "30 jobs ended: 28 done, 2 failed, 0 skipped, an unknown "
                   "number left; 15.0 s, 2 slots 99 % busy");
    summary = (struct js_summary){.done = 1, .retried = 1};
    assert_summary(
        &summary, 0, 0, 1,
        "1 job: 1 done, 0 failed, 0 skipped, 0 left (1 attempt failed "
        "and was run again); 0.0 s, 1 slot 0 % busy");
    summary = (struct js_summary){.skipped = 3, .retried = 2};
    assert_summary(&summary, 0, 0, 0,
                   "3 jobs: 0 done, 0 failed, 3 skipped, 0 left (2 attempts "
                   "failed and were run again); 0.0 s");
    summary = (struct js_summary){.done = 1, .leftovers = 1};
    assert_summary(&summary, 0, 0, 1,
                   "1 job: 1 done, 0 failed, 0 skipped, 0 left; 0.0 s, 1 slot "
                   "0 % busy; 1 process that jobs left behind was ended");
    summary.leftovers = 2;
    assert_summary(&summary, 0, 0, 0,
                   "1 job: 1 done, 0 failed, 0 skipped, 0 left; 0.0 s; 2 "
                   "processes that jobs left behind were ended");
}

static void test_durations(void)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {-5, "0.0 s"},
        {49, "0.0 s"},
        {50, "0.1 s"},
        {59949, "59.9 s"},
        {59950, "1 min 0 s"},
        {123400, "2 min 3 s"},
        {3599499, "59 min 59 s"},
        {3599500, "1 h 00 min"},
        {3720000, "1 h 02 min"},
        {INT64_C(100) * 3600 * 1000 + 59 * 60000, "100 h 59 min"},
    };
    struct js_summary summary = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char wanted[128];
        snprintf(wanted, sizeof(wanted),
                 "0 jobs: 0 done, 0 failed, 0 skipped, 0 left; %s",
                 cases[i].text);
        assert_summary(&summary, 0, cases[i].ms * JS_NS_PER_MS, 0, wanted);
    }
}

static void test_busy(void)
{
    struct js_summary summary = {.busy_ns = 3 * JS_NS_PER_S};
    CU_ASSERT_DOUBLE_EQUAL(js_summary_busy(&summary, 2 * JS_NS_PER_S, 2), 0.75,
                           1e-9);
    CU_ASSERT_EQUAL(js_summary_busy(&summary, JS_NS_PER_S, 2), 1);
    CU_ASSERT_EQUAL(js_summary_busy(&summary, 0, 2), 0);
    CU_ASSERT_EQUAL(js_summary_busy(&summary, JS_NS_PER_S, 0), 0);
    summary.busy_ns = 0;
    CU_ASSERT_EQUAL(js_summary_busy(&summary, JS_NS_PER_S, 2), 0);
}

static const struct unit_test tests[] = {
    {"counts", test_counts},
    {"describe", test_describe},
    {"long commands are cut", test_long_commands_are_cut},
    {"a cut respects UTF-8", test_cut_respects_utf8},
    {"summary", test_summary},
    {"durations", test_durations},
    {"busy", test_busy},
    {NULL, NULL},
};

const struct unit_suite suite_summary = {"summary", tests};
