/* progress: a line that fits, and a sentence. */
#include "unit.h"

#include "base/clock.h"
#include "record/progress.h"

#include <stdlib.h>
#include <string.h>

enum { WIDEST = 300 };

static const struct js_progress usual = {
    .done = 409,
    .failed = 3,
    .running = 2,
    .left = 588,
    .busy_slots = 2,
    .slots = 2,
    .rate = 13.1,
    .left_ns = 45 * JS_NS_PER_S,
    .elapsed_ns = 83 * JS_NS_PER_S,
};

/* The bar in so many columns; borrowed from `buf`. */
static const char *bar(struct js_buf *buf, const struct js_progress *progress,
                       unsigned width, bool has_colour)
{
    buf->len = 0;
    CU_ASSERT_EQUAL(js_progress_bar(progress, width, has_colour, buf), 0);
    const char *text = js_buf_string(buf);
    return text ? text : "";
}

static void assert_bar(const struct js_progress *progress, unsigned width,
                       const char *wanted)
{
    struct js_buf buf = JS_BUF_INIT;
    const char *text = bar(&buf, progress, width, false);
    CU_ASSERT_STRING_EQUAL(text, wanted);
    if (strcmp(text, wanted) != 0)
        fprintf(stderr, "\n%u: %s\n", width, text);
    js_buf_release(&buf);
}

static void assert_sentence(const struct js_progress *progress,
                            const char *wanted)
{
    struct js_buf buf = JS_BUF_INIT;
    CU_ASSERT_EQUAL(js_progress_sentence(progress, &buf), 0);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&buf), wanted);
    js_buf_release(&buf);
}

static void test_widths(void)
{
    assert_bar(&usual, 0, "");
    assert_bar(&usual, 2, "");
    assert_bar(&usual, 3, "41%");
    assert_bar(&usual, 11, "41%");
    assert_bar(&usual, 12, "41% 412/1000");
    assert_bar(&usual, 20, "41% 412/1000");
    assert_bar(&usual, 40, "41% 412/1000, 3 failed, about 45 s to go");
    assert_bar(&usual, 79,
               "[###......] 41% 412/1000, 3 failed, about 45 s to go, "
               "2 running, 13.1 jobs/s");
    assert_bar(&usual, 199,
               "[#########...............] 41% 412/1000, 3 failed, "
               "about 45 s to go, 2 running, 13.1 jobs/s, 588 left, 409 done, "
               "2 of 2 slots busy, 1:23");
}

static struct js_progress changed(int what, uint64_t value)
{
    struct js_progress progress = usual;
    uint64_t *counts[] = {&progress.done,    &progress.failed,
                          &progress.skipped, &progress.running,
                          &progress.left,    &progress.busy_slots,
                          &progress.slots};
    int64_t times_ns = value > INT64_MAX ? INT64_MAX : (int64_t)value;
    if (what < 7)
        *counts[what] = value;
    else if (what == 7)
        progress.rate = (double)value / 1000;
    else if (what == 8)
        progress.left_ns = times_ns;
    else if (what == 9)
        progress.elapsed_ns = times_ns;
    else
        progress.is_stopping = true;
    return progress;
}

/* Less its colours, in place. */
static void strip(char *text)
{
    char *to = text;
    for (const char *from = text; *from;) {
        if (*from != '\033')
            *to++ = *from++;
        else
            from += strcspn(from, "m") + 1;
    }
    *to = '\0';
}

/* Behind the bar, which grows with the width. */
static const char *fields_of(const char *text)
{
    const char *end = strstr(text, "] ");
    return end ? end + 2 : text;
}

/* It fits; what a narrower one has, a wider one has as well, in its place; and
 * colours change nothing else. */
static void check_widths(const struct js_progress *progress)
{
    struct js_buf buf = JS_BUF_INIT, coloured = JS_BUF_INIT;
    char narrower[WIDEST + 1] = "";
    bool had_bar = false;
    for (unsigned width = 0; width <= WIDEST; width++) {
        const char *text = bar(&buf, progress, width, false);
        const char *fields = fields_of(text);
        CU_ASSERT(strlen(text) <= width);
        CU_ASSERT_EQUAL(strncmp(fields, narrower, strlen(narrower)), 0);
        CU_ASSERT(!had_bar || text[0] == '[');
        had_bar = text[0] == '[';
        snprintf(narrower, sizeof(narrower), "%s", fields);
        bar(&coloured, progress, width, true);
        strip(coloured.data);
        CU_ASSERT_STRING_EQUAL(coloured.data, text);
    }
    js_buf_release(&buf);
    js_buf_release(&coloured);
}

static void test_every_width_fits(void)
{
    static const uint64_t values[] = {0,         1,
                                      7,         99,
                                      100,       12345,
                                      1234567,   123456789012,
                                      INT64_MAX, UINT64_MAX / 4};
    for (int what = 0; what < 11; what++) {
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            struct js_progress progress = changed(what, values[i]);
            check_widths(&progress);
        }
    }
}

static void test_twenty_columns(void)
{
    struct js_progress progress = {.done = 1234567, .left = 8765432};
    assert_bar(&progress, 20, "12% 1234567/9999999");
    progress.left = 0;
    assert_bar(&progress, 20, "100% 1234567/1234567");
}

static void test_all_is_nought(void)
{
    struct js_progress progress = {.left_ns = -1};
    assert_bar(&progress, 80, "[##########] 100% 0/0, 0:00");
    progress.left = 30;
    assert_bar(&progress, 80, "[..........] 0% 0/30, 30 left, 0:00");
    assert_sentence(&progress, "0 of 30 jobs done");
}

static void test_all_failed_and_skipped(void)
{
    struct js_progress progress = {
        .failed = 2, .skipped = 998, .left_ns = -1, .slots = 4};
    assert_bar(&progress, 100,
               "[############] 100% 1000/1000, 2 failed, 0 of 4 slots busy, "
               "998 skipped, 0:00");
    assert_sentence(&progress, "0 of 1000 jobs done, 2 failed, 998 skipped");
}

/* It is full, and says 100 %, only when nothing is left. */
static void test_full_only_at_the_end(void)
{
    struct js_progress progress = {.done = 99999, .left = 1, .left_ns = -1};
    assert_bar(&progress, 64,
               "[#######.] 99% 99999/100000, 1 left, 99999 done, 0:00");
    progress.left = 0;
    progress.done++;
    assert_bar(&progress, 64,
               "[########] 100% 100000/100000, 100000 done, 0:00");
}

static void test_unknown_total(void)
{
    struct js_progress progress = usual;
    progress.left = UINT64_MAX;
    progress.left_ns = -1;
    progress.skipped = 1;
    assert_bar(&progress, 20, "413 ended, 3 failed");
    assert_bar(&progress, 120,
               "413 ended, 3 failed, 2 running, 13.1 jobs/s, 409 done, "
               "2 of 2 slots busy, 1 skipped, 1:23");
    assert_sentence(&progress, "409 jobs done, 3 failed, 1 skipped, 2 running; "
                               "13.1 jobs/s");
}

static void test_stopping(void)
{
    struct js_progress progress = usual;
    progress.is_stopping = true;
    assert_bar(&progress, 50, "[##....] 41% 412/1000, 3 failed, stopping");
    assert_sentence(&progress, "409 of 1000 jobs done, 3 failed, 2 running; "
                               "13.1 jobs/s, stopping");
}

/* A guess of so many seconds, as it is told. */
static void assert_guess(double seconds, const char *wanted)
{
    char sentence[100];
    struct js_progress progress = {
        .done = 1,
        .left = 0,
        .left_ns = (int64_t)(seconds * (double)JS_NS_PER_S)};
    snprintf(sentence, sizeof(sentence), "1 of 1 job done; about %s to go",
             wanted);
    assert_sentence(&progress, sentence);
}

static void test_guesses(void)
{
    assert_guess(0, "1 s");
    assert_guess(0.4, "1 s");
    assert_guess(99.4, "99 s");
    assert_guess(99.6, "2 min");
    assert_guess(600, "10 min");
    assert_guess(99 * 60, "99 min");
    assert_guess(100 * 60, "1 h 40 min");
    assert_guess(26 * 3600 + 300, "26 h 05 min");
    assert_guess(3 * 86400, "3 days");
    assert_guess(36525 * 86400.0, "36525 days");
}

static void assert_rate(double rate, const char *wanted)
{
    char sentence[100];
    struct js_progress progress = {.done = 1, .left_ns = -1, .rate = rate};
    snprintf(sentence, sizeof(sentence), "1 of 1 job done; %s", wanted);
    assert_sentence(&progress, sentence);
}

static void test_rates(void)
{
    assert_rate(2869.3, "2869 jobs/s");
    assert_rate(13.14, "13.1 jobs/s");
    assert_rate(1, "1.0 jobs/s");
    assert_rate(0.5, "30.0 jobs/min");
    assert_rate(1.0 / 60, "1.0 jobs/min");
    assert_rate(2.5 / 3600, "2.5 jobs/h");
    assert_rate(0.01 / 3600, "0.0 jobs/h");
}

static void test_elapsed(void)
{
    struct js_progress progress = {.left_ns = -1};
    progress.elapsed_ns = (3 * 3600 + 62) * JS_NS_PER_S;
    assert_bar(&progress, 40, "[######] 100% 0/0, 3:01:02");
    progress.elapsed_ns = 100 * 3600 * JS_NS_PER_S - 1;
    assert_bar(&progress, 40, "[######] 100% 0/0, 99:59:59");
}

static void test_colours(void)
{
    struct js_buf buf = JS_BUF_INIT;
    CU_ASSERT_STRING_EQUAL(
        bar(&buf, &usual, 50, true),
        "[\033[32m##\033[m....] 41% 412/1000, \033[31m3 failed\033[m, "
        "about 45 s to go");
    struct js_progress well = usual;
    well.failed = 0;
    CU_ASSERT_PTR_NULL(strstr(bar(&buf, &well, 50, true), "\033[31m"));
    js_buf_release(&buf);
}

static const struct unit_test tests[] = {
    {"widths", test_widths},
    {"every width fits", test_every_width_fits},
    {"twenty columns", test_twenty_columns},
    {"all is nought", test_all_is_nought},
    {"all failed and skipped", test_all_failed_and_skipped},
    {"full only at the end", test_full_only_at_the_end},
    {"unknown total", test_unknown_total},
    {"stopping", test_stopping},
    {"guesses", test_guesses},
    {"rates", test_rates},
    {"elapsed", test_elapsed},
    {"colours", test_colours},
    {NULL, NULL},
};

const struct unit_suite suite_progress = {"progress", tests};
