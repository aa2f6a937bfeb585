/* sheet: pieces, and what others have supplied. */
#include "unit.h"

#include "cli/textbuf.h"

#include <errno.h>

static void expect(struct js_sheet *sheet, const char *want)
{
    const char *got = js_buf_string(sheet->buf);
    CU_ASSERT_STRING_EQUAL(got, want);
    CU_ASSERT_EQUAL(js_sheet_check(sheet), 0);
    js_buf_release(sheet->buf);
}

static void test_pieces(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_sheet sheet = {.buf = &buf};
    js_sheet_put(&sheet, "%d ", 7);
    js_sheet_put_text(&sheet, "a");
    js_sheet_put_bytes(&sheet, "bcd", 2);
    js_sheet_put(&sheet, " ");
    js_sheet_put_duration(&sheet, INT64_C(2100000000));
    expect(&sheet, "7 abc 2.1 s");
    js_sheet_put_duration(&sheet, INT64_C(34900000));
    js_sheet_put(&sheet, ", ");
    js_sheet_put_duration(&sheet, INT64_C(100000000));
    js_sheet_put(&sheet, ", ");
    js_sheet_put_duration(&sheet, 0);
    expect(&sheet, "34 ms, 0.1 s, 0.0 s");
}

static void test_what_steers_a_terminal(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_sheet sheet = {.buf = &buf};
    js_sheet_put_text(&sheet, "\033[31m\n\302\233\\");
    expect(&sheet, "\\x1b[31m\\n??\\\\");
    sheet.keeps_backslashes = true;
    js_sheet_put_text(&sheet, "\033[31m\n\302\233\\");
    expect(&sheet, "\\x1b[31m\\n??\\");
}

static void test_a_failure_is_remembered(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_sheet sheet = {.buf = &buf};
    js_sheet_put_bytes(&sheet, "x", SIZE_MAX); /* no memory has room for it */
    js_sheet_put(&sheet, "y");
    errno = 0;
    CU_ASSERT_EQUAL(js_sheet_check(&sheet), -1);
    CU_ASSERT_EQUAL(errno, ENOMEM);
    js_buf_release(&buf);
}

static const struct unit_test tests[] = {
    {"pieces", test_pieces},
    {"what steers a terminal", test_what_steers_a_terminal},
    {"a failure is remembered", test_a_failure_is_remembered},
    {NULL, NULL},
};

const struct unit_suite suite_sheet = {"sheet", tests};
