/* journal_format: one record, there and back; and what is none. */
#include "journal_scene.h"

#include <errno.h>

static void parse_back(const struct js_journal_line *line,
                       struct js_journal_line *ret)
{
    struct js_buf buf = JS_BUF_INIT;
    CU_ASSERT_EQUAL_FATAL(js_journal_format_write(&buf, line), 0);
    CU_ASSERT_FATAL(buf.len > 10 && buf.len < JS_JOURNAL_LINE_MAX);
    CU_ASSERT_EQUAL(buf.data[buf.len - 1], '\n');
    CU_ASSERT_EQUAL_FATAL(js_journal_format_parse(buf.data, buf.len - 1, ret),
                          0);
    CU_ASSERT_EQUAL(ret->kind, line->kind);
    js_buf_release(&buf);
}

static void test_an_attempt_there_and_back(void)
{
    static struct js_journal_line line, back;
    line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_FAILED,
        .id = UINT64_MAX,
        .attempt = UINT32_MAX,
        .slave = 12,
        .cores = 4,
        .outcome = {.start_unix_ns = INT64_C(1795494098976767000),
                    .run_ns = 1368000,
                    .user_cpu_ns = 1000,
                    .system_cpu_ns = 2000,
                    .max_rss_bytes = 40 * UINT64_C(1073741824),
                    .out_bytes = UINT64_MAX,
                    .err_bytes = 3,
                    .exit_code = 255,
                    .signal = 15,
                    .step = JS_STEP_EXEC,
                    .step_errno = ENOENT,
                    .cause = JS_STOP_REASON_MEMORY},
    };
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.id, line.id);
    CU_ASSERT_EQUAL(back.attempt, line.attempt);
    CU_ASSERT_EQUAL(back.slave, 12);
    CU_ASSERT_EQUAL(back.cores, 4);
    CU_ASSERT_EQUAL(memcmp(&back.outcome, &line.outcome, sizeof(line.outcome)),
                    0);
}

static void test_lists_there_and_back(void)
{
    static struct js_journal_line line, back;
    line =
        (struct js_journal_line){.kind = JS_JOURNAL_LINE_JOBS, .id = 1000000};
    for (; line.count < JS_JOURNAL_LINE_LIST; line.count++)
        line.identities[line.count] =
            (struct js_identity){line.count << 60, ~line.count};
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.count, JS_JOURNAL_LINE_LIST);
    CU_ASSERT_EQUAL(back.id, 1000000);
    CU_ASSERT_EQUAL(
        memcmp(back.identities, line.identities, sizeof(line.identities)), 0);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_GONE,
                                    .count = JS_JOURNAL_LINE_LIST};
    for (size_t i = 0; i < line.count; i++)
        line.ids[i] = UINT64_MAX - i;
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(memcmp(back.ids, line.ids, sizeof(line.ids)), 0);
    line.kind = JS_JOURNAL_LINE_DONE;
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(memcmp(back.ids, line.ids, sizeof(line.ids)), 0);
}

static void test_texts_there_and_back(void)
{
    static struct js_journal_line line, back;
    line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_RUN, .pid = 1, .boot = 3};
    snprintf(line.text, sizeof(line.text), "a host\n\t\\ \x01\xff");
    parse_back(&line, &back);
    CU_ASSERT_STRING_EQUAL(back.text, line.text);
    line.text[0] = '\0';
    parse_back(&line, &back);
    CU_ASSERT_STRING_EQUAL(back.text, "");
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_FORMAT,
                                    .text = "a format"};
    parse_back(&line, &back);
    CU_ASSERT_STRING_EQUAL(back.text, "a format");
}

static void test_what_runs_there_and_back(void)
{
    static struct js_journal_line line, back;
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_BEGAN,
                                    .id = 7,
                                    .attempt = 2,
                                    .slave = 12,
                                    .unix_us = UINT64_C(1795494098976767)};
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.id, 7);
    CU_ASSERT_EQUAL(back.attempt, 2);
    CU_ASSERT_EQUAL(back.slave, 12);
    CU_ASSERT_EQUAL(back.unix_us, line.unix_us);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_LEFT, .id = 12};
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.id, 12);
    line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_SAID, .id = 7, .attempt = 2, .stream = 2};
    memset(line.text, '\x01', JS_OUTPUT_TAIL_MAX);
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.id, 7);
    CU_ASSERT_EQUAL(back.attempt, 2);
    CU_ASSERT_EQUAL(back.stream, 2);
    CU_ASSERT_STRING_EQUAL(back.text, line.text);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_LOST,
                                    .id = 7,
                                    .slave = 12,
                                    .losses = 2,
                                    .unix_us = 34};
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.id, 7);
    CU_ASSERT_EQUAL(back.slave, 12);
    CU_ASSERT_EQUAL(back.losses, 2);
    CU_ASSERT_EQUAL(back.unix_us, 34);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_DEAD,
                                    .mark = UINT64_C(0xfedcba9876543210),
                                    .unix_us = 1,
                                    .until_us = 2,
                                    .lease_us = 3,
                                    .outlives = 1,
                                    .boot = 4,
                                    .space = 5};
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.mark, line.mark);
    CU_ASSERT(back.unix_us == 1 && back.until_us == 2 && back.lease_us == 3);
    CU_ASSERT(back.outlives == 1 && back.boot == 4 && back.space == 5);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_LEFTOVERS,
                                    .id = 7,
                                    .attempt = 2,
                                    .outcome = {.leftovers = 3}};
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.id, 7);
    CU_ASSERT_EQUAL(back.attempt, 2);
    CU_ASSERT_EQUAL(back.outcome.leftovers, 3);
}

/* With a right checksum, all the same. */
static void expect_no_record(const char *rest)
{
    static struct js_journal_line line;
    char text[256];
    int len =
        snprintf(text, sizeof(text), "%08" PRIx32 " %s", checksum(rest), rest);
    CU_ASSERT_EQUAL(js_journal_format_parse(text, (size_t)len, &line), -1);
}

static void test_lines_that_are_no_records(void)
{
    static struct js_journal_line line;
    expect_no_record("run");
    expect_no_record("run 1 2 3");
    expect_no_record("run 1 2 3 4");
    expect_no_record("run 1 2 3 4 a\\");
    expect_no_record("run 1 2 3 4 a\\q");
    expect_no_record("run 1 2 3 4 a\\x0");
    expect_no_record("run 1 2 3 4 a\\x00");
    expect_no_record("jobs x");
    expect_no_record("jobs 1 0123");
    expect_no_record("jobs 1 0123456789abcdef0123456789abcdeg");
    expect_no_record("jobs 1  0123456789abcdef0123456789abcdef");
    expect_no_record("gone -1");
    expect_no_record("gone 1 ");
    expect_no_record("gone 18446744073709551616");
    expect_no_record("ok 1 1 1 1 256 0 0 0 0 1 1 1 1 1 1 1");
    expect_no_record("ok 1 1 1 1 0 0 99 0 0 1 1 1 1 1 1 1");
    expect_no_record("ok 1 1 1 1 0 0 0 0 0 1 1 1 1 1 1");
    expect_no_record("ok 1 1 1 1 0 0 0 0 0 1 1 1 1 1 1 1 1");
    expect_no_record("skipped 1");
    expect_no_record("began 1 1 1");
    expect_no_record("began 1 1 1 9223372036854775807");
    expect_no_record("left");
    expect_no_record("said 1 1 1");
    expect_no_record("said 1 1 3 x");
    expect_no_record("lost 1 1");
    expect_no_record("lost 1 1 4294967296");
    expect_no_record("end 0 1 2");
    CU_ASSERT_EQUAL(js_journal_format_parse("", 0, &line), -1);
    CU_ASSERT_EQUAL(js_journal_format_parse("00000000", 8, &line), -1);
    CU_ASSERT_EQUAL(js_journal_format_parse("00000000 x", 10, &line), -1);
}

static void test_words_of_later_versions_are_skipped(void)
{
    static struct js_journal_line line;
    const char *rest = "nonsense 1 2 \xff";
    char text[256];
    int len =
        snprintf(text, sizeof(text), "%08" PRIx32 " %s", checksum(rest), rest);
    CU_ASSERT_EQUAL(js_journal_format_parse(text, (size_t)len, &line), 0);
    CU_ASSERT_EQUAL(line.kind, JS_JOURNAL_LINE_UNKNOWN);
}

static void test_marks_there_and_back(void)
{
    static struct js_journal_line line, back;
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_MARK,
                                    .mark = UINT64_C(0x0123456789abcdef),
                                    .space = 4026531836};
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.mark, line.mark);
    CU_ASSERT_EQUAL(back.space, line.space);
    line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_PART, .mark = UINT64_MAX, .restarts = 3};
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.mark, line.mark);
    CU_ASSERT_EQUAL(back.restarts, line.restarts);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_PROCESS,
                                    .id = 2,
                                    .processes = {1, 2, 3, 4, 5, UINT64_MAX}};
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.id, 2);
    CU_ASSERT_EQUAL(
        memcmp(&back.processes, &line.processes, sizeof(line.processes)), 0);
}

static const struct unit_test tests[] = {
    {"an attempt there and back", test_an_attempt_there_and_back},
    {"lists there and back", test_lists_there_and_back},
    {"texts there and back", test_texts_there_and_back},
    {"what runs, there and back", test_what_runs_there_and_back},
    {"marks there and back", test_marks_there_and_back},
    {"lines that are no records", test_lines_that_are_no_records},
    {"words of later versions are skipped",
     test_words_of_later_versions_are_skipped},
    {NULL, NULL},
};

const struct unit_suite suite_journal_format = {"journal_format", tests};
