/* tail: the last lines of any stream, whole lines and characters. */
#include "unit.h"

#include "base/buf.h"
#include "base/file.h"
#include "record/completion.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_now(const struct js_output_tail *tail, const char *text)
{
    return tail->len == strlen(text) &&
           memcmp(tail->bytes, text, tail->len) == 0;
}

static void test_little_is_kept_as_it_is(void)
{
    struct js_output_tail tail = {.stream = 1};
    js_output_tail_add(&tail, "one\n", 4);
    js_output_tail_add(&tail, "", 0);
    js_output_tail_add(&tail, "two", 3);
    js_output_tail_trim(&tail);
    CU_ASSERT_TRUE(is_now(&tail, "one\ntwo"));
}

/* However it comes in pieces. */
static void test_what_is_cut_begins_with_a_line(void)
{
    struct js_buf lines = JS_BUF_INIT;
    for (int i = 0; i < 300; i++)
        CU_ASSERT_EQUAL(js_buf_printf(&lines, "line %04d\n", i), 0);
    CU_ASSERT_EQUAL_FATAL(lines.len, 3000);
    const char *text = lines.data;
    for (size_t piece = 1; piece <= 3000; piece += piece / 3 + 1) {
        struct js_output_tail tail = {.stream = 1};
        for (size_t at = 0; at < 3000; at += piece)
            js_output_tail_add(&tail, text + at,
                               3000 - at < piece ? 3000 - at : piece);
        js_output_tail_trim(&tail);
        CU_ASSERT_EQUAL(tail.len, JS_OUTPUT_TAIL_MAX / 10 * 10);
        CU_ASSERT_EQUAL(memcmp(tail.bytes, text + 3000 - tail.len, tail.len),
                        0);
    }
    js_buf_release(&lines);
}

static void test_a_long_line_begins_with_a_character(void)
{
    struct js_output_tail tail = {.stream = 1};
    for (int i = 0; i < 1000; i++)
        js_output_tail_add(&tail, "\xe2\x82\xac", 3);
    js_output_tail_add(&tail, "\n", 1);
    js_output_tail_trim(&tail);
    CU_ASSERT_EQUAL(tail.len, 1 + JS_OUTPUT_TAIL_MAX / 3 * 3);
    CU_ASSERT_EQUAL(memcmp(tail.bytes, "\xe2\x82\xac", 3), 0);
    /* What is no text is not cut any further. */
    struct js_output_tail other = {.stream = 1};
    for (int i = 0; i < 1000; i++)
        js_output_tail_add(&other, "\x80", 1);
    js_output_tail_trim(&other);
    CU_ASSERT_EQUAL(other.len, JS_OUTPUT_TAIL_MAX - 3);
}

static void test_the_tail_of_a_file(void)
{
    char path[] = "/tmp/jobsched-tail-XXXXXX", other[64];
    struct js_output_tail tail = {.stream = 2};
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_FALSE(js_output_tail_read(&tail, path, 0));
    for (int i = 0; i < 100; i++)
        CU_ASSERT_EQUAL(js_file_write(fd, "123456789\n", 10), 0);
    /* Of another size it is another's. */
    CU_ASSERT_FALSE(js_output_tail_read(&tail, path, 999));
    CU_ASSERT_TRUE(js_output_tail_read(&tail, path, 1000));
    CU_ASSERT_EQUAL(tail.len, JS_OUTPUT_TAIL_MAX / 10 * 10);
    CU_ASSERT_EQUAL(memcmp(tail.bytes, "123456789\n1", 11), 0);
    snprintf(other, sizeof(other), "%s.link", path);
    CU_ASSERT_EQUAL(symlink(path, other), 0);
    CU_ASSERT_FALSE(js_output_tail_read(&tail, other, 1000));
    unlink(other);
    CU_ASSERT_FALSE(js_output_tail_read(&tail, other, 1000));
    close(fd);
    unlink(path);
}

static const struct unit_test tests[] = {
    {"little is kept as it is", test_little_is_kept_as_it_is},
    {"what is cut begins with a line", test_what_is_cut_begins_with_a_line},
    {"a long line begins with a character",
     test_a_long_line_begins_with_a_character},
    {"the tail of a file", test_the_tail_of_a_file},
    {NULL, NULL},
};

const struct unit_suite suite_output_tail = {"output_tail", tests};
