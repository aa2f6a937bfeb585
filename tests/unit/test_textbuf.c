/* text: pieces, and what others have supplied. */
#include "unit.h"

#include "cli/textbuf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void expect(struct js_textbuf *textbuf, const char *want)
{
    const char *got = js_buf_string(textbuf->buf);
    CU_ASSERT_STRING_EQUAL(got, want);
    CU_ASSERT_EQUAL(js_textbuf_check(textbuf), 0);
    js_buf_release(textbuf->buf);
}

static void test_pieces(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_textbuf textbuf = {.buf = &buf};
    js_textbuf_put(&textbuf, "%d ", 7);
    js_textbuf_put_text(&textbuf, "a");
    js_textbuf_put_bytes(&textbuf, "bcd", 2);
    js_textbuf_put(&textbuf, " ");
    js_textbuf_put_duration(&textbuf, INT64_C(2100000000));
    expect(&textbuf, "7 abc 2.1 s");
    js_textbuf_put_duration(&textbuf, INT64_C(34900000));
    js_textbuf_put(&textbuf, ", ");
    js_textbuf_put_duration(&textbuf, INT64_C(100000000));
    js_textbuf_put(&textbuf, ", ");
    js_textbuf_put_duration(&textbuf, 0);
    expect(&textbuf, "34 ms, 0.1 s, 0.0 s");
}

static void test_sentences(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_textbuf textbuf = {.buf = &buf};
    JS_TEXTBUF_SAY(&textbuf, "% and % on % for %%", JS_COUNTED(1, "job"),
                   JS_COUNTED(UINT64_MAX, "job"), JS_TEXT("a\tb%d"),
                   JS_DURATION(INT64_C(2100000000)), JS_BYTES("!?", 1));
    expect(&textbuf,
           "1 job and 18446744073709551615 jobs on a\\tb%d for 2.1 s!");
    JS_TEXTBUF_SAY(&textbuf, "%: %", JS_COUNT(0), JS_TEXT(""));
    expect(&textbuf, "0: ");
    char *zone = getenv("TZ") ? strdup(getenv("TZ")) : NULL;
    setenv("TZ", "UTC-1", 1);
    JS_TEXTBUF_SAY(&textbuf, "at %.", JS_TIME(INT64_C(86399) * 1000000000));
    expect(&textbuf, "at 1970-01-02 00:59:59.");
    if (zone)
        setenv("TZ", zone, 1);
    else
        unsetenv("TZ");
    free(zone);
}

static void test_what_steers_a_terminal(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_textbuf textbuf = {.buf = &buf};
    js_textbuf_put_text(&textbuf, "\033[31m\n\302\233\\");
    expect(&textbuf, "\\x1b[31m\\n??\\\\");
    textbuf.keeps_backslashes = true;
    js_textbuf_put_text(&textbuf, "\033[31m\n\302\233\\");
    expect(&textbuf, "\\x1b[31m\\n??\\");
}

static void test_a_failure_is_remembered(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_textbuf textbuf = {.buf = &buf};
    js_textbuf_put_bytes(&textbuf, "x",
                         SIZE_MAX); /* no memory has room for it */
    js_textbuf_put(&textbuf, "y");
    errno = 0;
    CU_ASSERT_EQUAL(js_textbuf_check(&textbuf), -1);
    CU_ASSERT_EQUAL(errno, ENOMEM);
    js_buf_release(&buf);
}

static const struct unit_test tests[] = {
    {"pieces", test_pieces},
    {"sentences with values", test_sentences},
    {"what steers a terminal", test_what_steers_a_terminal},
    {"a failure is remembered", test_a_failure_is_remembered},
    {NULL, NULL},
};

const struct unit_suite suite_textbuf = {"textbuf", tests};
