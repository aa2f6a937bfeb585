/* columns: each format, right and wrong, and however the bytes are cut. */
#include "rng.h"
#include "unit.h"

#include "base/buf.h"
#include "list/columns.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* All rows and errors as one text: "a|b" or "! error", a line each. The bytes
 * come in pieces of this size; 0: of random sizes. */
static const char *read_in(const struct js_columns_config *config,
                           const char *bytes, size_t len, size_t piece,
                           struct rng *rng, struct js_buf *ret)
{
    struct js_err err;
    struct js_columns *columns = not_null(js_columns_new(config, &err));
    struct js_columns_row row;
    size_t at = 0;
    ret->len = 0;
    for (bool is_ended = false; !is_ended;) {
        size_t size = piece ? piece : 1 + rng_below(rng, 9);
        size = size < len - at ? size : len - at;
        CU_ASSERT_EQUAL(js_columns_feed(columns, bytes + at, size), 0);
        at += size;
        is_ended = size == 0;
        int rc;
        while ((rc = js_columns_next(columns, &row, &err)) != 0) {
            if (rc < 0) {
                js_buf_printf(ret, "! %s\n", err.text);
                if (errno != EINVAL)
                    break;
                continue;
            }
            js_buf_printf(ret, "%d:", (int)row.line);
            for (size_t i = 0; i < row.count; i++)
                js_buf_printf(ret, "%s%s", i ? "|" : "", row.values[i]);
            js_buf_puts(ret, "\n");
        }
        is_ended |= rc < 0;
    }
    js_columns_free(columns);
    return js_buf_string(ret);
}

static bool reads_bytes(const struct js_columns_config *config,
                        const char *bytes, size_t len, const char *expected)
{
    struct js_buf said = JS_BUF_INIT;
    bool good = true;
    for (size_t piece = 1; good && piece <= len + 1; piece++) {
        good = strcmp(read_in(config, bytes, len, piece, NULL, &said),
                      expected) == 0;
        if (!good)
            fprintf(stderr, "\n%s\nin pieces of %zu:\n%snot:\n%s", bytes, piece,
                    said.data, expected);
    }
    js_buf_release(&said);
    return good;
}

static bool reads(enum js_columns_format format, const char *separator,
                  const char *text, const char *expected)
{
    const struct js_columns_config config = {
        .name = "f", .format = format, .separator = separator};
    return reads_bytes(&config, text, strlen(text), expected);
}

static void test_lines(void)
{
    CU_ASSERT(reads(JS_COLUMNS_LINE, NULL, "", ""));
    CU_ASSERT(reads(JS_COLUMNS_LINE, NULL, "\n", "1:\n"));
    CU_ASSERT(reads(JS_COLUMNS_LINE, NULL, "a", "1:a\n"));
    CU_ASSERT(reads(JS_COLUMNS_LINE, NULL, "a\n", "1:a\n"));
    CU_ASSERT(reads(JS_COLUMNS_LINE, NULL, " a,\t#b \n\n1..3",
                    "1: a,\t#b \n2:\n3:1..3\n"));
    /* A CR counts only where it does not end a line. */
    CU_ASSERT(
        reads(JS_COLUMNS_LINE, NULL, "a\r\n\r\nb\rc\r", "1:a\n2:\n3:b\rc\n"));
    CU_ASSERT(reads(JS_COLUMNS_LINE, NULL, "a\r\r\n", "1:a\r\n"));
}

static void test_mark(void)
{
    CU_ASSERT(reads(JS_COLUMNS_LINE, NULL, "\xef\xbb\xbf", ""));
    CU_ASSERT(reads(JS_COLUMNS_LINE, NULL, "\xef\xbb\xbf\xef\xbb\xbf",
                    "1:\xef\xbb\xbf\n"));
    CU_ASSERT(reads(JS_COLUMNS_LINE, NULL,
                    "\xef\xbb\xbf"
                    "a\n\xef\xbb\xbf"
                    "b",
                    "1:a\n2:\xef\xbb\xbf"
                    "b\n"));
    CU_ASSERT(reads(JS_COLUMNS_LINE, NULL, "\xef\xbb", "1:\xef\xbb\n"));
    CU_ASSERT(reads(JS_COLUMNS_CSV, NULL, "\xef\xbb\xbf\"a\",b", "1:a|b\n"));
}

static void test_csv(void)
{
    CU_ASSERT(reads(JS_COLUMNS_CSV, NULL, "a,b c,\n,\"\",d\r\n",
                    "1:a|b c|\n2:||d\n"));
    CU_ASSERT(reads(JS_COLUMNS_CSV, NULL, "\"a,b\",\"c\"\"d\"\"\"\n\"\"\"\",e",
                    "1:a,b|c\"d\"\n2:\"|e\n"));
    /* Line ends in quotes are part of the value; the next row knows its line.
     */
    CU_ASSERT(reads(JS_COLUMNS_CSV, NULL, "\"a\r\nb\n\",c\r\nd,e\n",
                    "1:a\r\nb\n|c\n4:d|e\n"));
    CU_ASSERT(reads(JS_COLUMNS_CSV, NULL, "a\n\nb\n", "1:a\n2:\n3:b\n"));
    CU_ASSERT(reads(JS_COLUMNS_CSV, NULL, " a , b\t", "1: a | b\t\n"));
}

static void test_csv_errors(void)
{
    CU_ASSERT(reads(JS_COLUMNS_CSV, NULL, "a,b\nc, \"d\"\ne,f\n",
                    "1:a|b\n! f:2:4: a column that contains a quote must be in "
                    "quotes, and the quote doubled\n3:e|f\n"));
    CU_ASSERT(reads(JS_COLUMNS_CSV, NULL, "\"a\" ,b\nc,d",
                    "! f:1:4: only a comma may follow the quote that closes a "
                    "column\n2:c|d\n"));
    /* The quote that is not closed, not the last line. */
    CU_ASSERT(reads(JS_COLUMNS_CSV, NULL, "a,b\nc,\"d\ne,f\n",
                    "1:a|b\n! f:2:3: this quote is not closed\n"));
    CU_ASSERT(reads(JS_COLUMNS_CSV, NULL, "\"a\nb\",\"c\n",
                    "! f:2:4: this quote is not closed\n"));
    CU_ASSERT(reads(JS_COLUMNS_CSV, NULL, "\"",
                    "! f:1:1: this quote is not "
                    "closed\n"));
}

static void test_tabs(void)
{
    CU_ASSERT(reads(JS_COLUMNS_TABS, NULL, "a\tb c\t\n\t\"\t,\r\n",
                    "1:a|b c|\n2:|\"|,\n"));
    CU_ASSERT(reads(JS_COLUMNS_TABS, NULL, "\n", "1:\n"));
}

static void test_blanks(void)
{
    CU_ASSERT(reads(JS_COLUMNS_BLANKS, NULL, "a b\n \t c\t \td \r\n",
                    "1:a|b\n2:c|d\n"));
    CU_ASSERT(reads(JS_COLUMNS_BLANKS, NULL, "a\n \nb\n",
                    "1:a\n! f:2:1: this line has no columns\n3:b\n"));
    CU_ASSERT(reads(JS_COLUMNS_BLANKS, NULL, "\na b\n",
                    "! f:1:1: this line has no columns\n2:a|b\n"));
}

static void test_regex(void)
{
    CU_ASSERT(reads(JS_COLUMNS_REGEX, ",", "a, b c ,\n", "1:a|b c|\n"));
    CU_ASSERT(reads(JS_COLUMNS_REGEX, "\\t", "a\t b\\tc\n", "1:a|b\\tc\n"));
    CU_ASSERT(reads(JS_COLUMNS_REGEX, "[\\t;]+", "a\t;\tb;c", "1:a|b|c\n"));
    CU_ASSERT(
        reads(JS_COLUMNS_REGEX, "\\.|\\||\\\\", "a.b|c\\d", "1:a|b|c|d\n"));
    CU_ASSERT(
        reads(JS_COLUMNS_REGEX, " *(and|or) +", "a and b or c", "1:a|b|c\n"));
    /* Only where the line begins, not where a column does. */
    CU_ASSERT(reads(JS_COLUMNS_REGEX, "^-|,", "-a,-b", "1:|a|-b\n"));
    CU_ASSERT(reads(JS_COLUMNS_REGEX, ",$|;", "a;b,c,", "1:a|b,c|\n"));
    CU_ASSERT(reads(JS_COLUMNS_REGEX, ",", "", ""));
    CU_ASSERT(reads(JS_COLUMNS_REGEX, ",", "\n", "1:\n"));
    /* White space that is a separator is not trimmed away with a column. */
    CU_ASSERT(reads(JS_COLUMNS_REGEX, "\\t", "\t \t\vb\f", "1:||b\n"));
}

static void test_bad_separators(void)
{
    static const struct {
        const char *separator, *sentence;
    } bad[] = {
        {"\\s", "the separator \"\\s\": a backslash may only precede t (a tab) "
                "or a character that would mean something else without it, as "
                "in \\.; write [0-9] or [[:space:]] for the others"},
        {"(a)\\1", NULL},
        {"[\\d]", NULL},
        {"\\<a", NULL},
        {"(", "the separator \"(\": Unmatched ( or \\("},
        {"a\\", "the separator \"a\\\": Trailing backslash"},
        {"[a", "the separator \"[a\": Unmatched [, [^, [:, [., or [="},
        {",*", "the separator \",*\": it must not match where there is "
               "nothing"},
        {"", "the separator \"\": it must not match where there is nothing"},
        {"a|^", NULL},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct js_err err = {""};
        const struct js_columns_config config = {.name = "f",
                                                 .format = JS_COLUMNS_REGEX,
                                                 .separator = bad[i].separator};
        errno = 0;
        CU_ASSERT_PTR_NULL(js_columns_new(&config, &err));
        CU_ASSERT_EQUAL(errno, EINVAL);
        if (bad[i].sentence)
            CU_ASSERT_STRING_EQUAL(err.text, bad[i].sentence);
    }
    /* A pair of backslashes is one character; the t behind it is a t. */
    CU_ASSERT(reads(JS_COLUMNS_REGEX, "\\\\t", "a\\tb\tc", "1:a|b\tc\n"));
}

static void test_count(void)
{
    struct js_columns_config config = {
        .name = "f", .format = JS_COLUMNS_TABS, .count = 2};
    const char *text = "a\tb\nc\nd\te\tf\ng\th";
    CU_ASSERT(reads_bytes(&config, text, strlen(text),
                          "1:a|b\n! f:2:1: this line has 1 column instead of "
                          "2\n! f:3:1: this line has 3 columns instead of "
                          "2\n4:g|h\n"));
    CU_ASSERT(reads(JS_COLUMNS_TABS, NULL, "a\nb\tc\n",
                    "1:a\n! f:2:1: this line has 2 columns instead of 1\n"));
}

static void test_nul(void)
{
    const struct js_columns_config config = {.name = "f",
                                             .format = JS_COLUMNS_CSV};
    static const char text[] = "a\n\"b\nc\0\"\nd";
    CU_ASSERT(reads_bytes(&config, text, sizeof(text) - 1,
                          "1:a\n! f:3:2: a value must not contain a NUL "
                          "byte\n4:d\n"));
}

static const char *fail_with(enum js_columns_format format, const char *bytes,
                             size_t len, struct js_err *ret)
{
    const struct js_columns_config config = {
        .name = "f", .format = format, .separator = ","};
    struct js_columns *columns = not_null(js_columns_new(&config, ret));
    struct js_columns_row row;
    CU_ASSERT_EQUAL(js_columns_feed(columns, bytes, len), 0);
    ret->text[0] = '\0';
    if (js_columns_next(columns, &row, ret) < 0 && errno == EBADMSG) {
        /* It stays as it is. */
        struct js_err again = {""};
        CU_ASSERT_EQUAL(js_columns_next(columns, &row, &again), -1);
        CU_ASSERT_EQUAL(errno, EBADMSG);
        CU_ASSERT_STRING_EQUAL(again.text, ret->text);
    }
    js_columns_free(columns);
    return ret->text;
}

/* A stream that never ends its line, or a quote, must not fill the memory. */
static void test_limits(void)
{
    struct js_buf bytes = JS_BUF_INIT;
    struct js_err err;
    memset(not_null(js_buf_extend(&bytes, JS_COLUMNS_ROW_MAX + 1)), 'a',
           JS_COLUMNS_ROW_MAX + 1);
    CU_ASSERT_STRING_EQUAL(
        fail_with(JS_COLUMNS_LINE, bytes.data, JS_COLUMNS_ROW_MAX, &err), "");
    CU_ASSERT_STRING_EQUAL(
        fail_with(JS_COLUMNS_LINE, bytes.data, bytes.len, &err),
        "f:1:1: this line is longer than 16 MiB");
    bytes.data[0] = '"';
    CU_ASSERT_STRING_EQUAL(
        fail_with(JS_COLUMNS_CSV, bytes.data, bytes.len, &err),
        "f:1:1: this line is longer than 16 MiB (is a quote not closed?)");
    memset(bytes.data, ',', JS_COLUMNS_COUNT_MAX);
    bytes.data[JS_COLUMNS_COUNT_MAX] = '\n';
    CU_ASSERT_STRING_EQUAL(
        fail_with(JS_COLUMNS_REGEX, bytes.data, JS_COLUMNS_COUNT_MAX + 1, &err),
        "f:1:10001: this line has more than 10000 columns");
    bytes.data[JS_COLUMNS_COUNT_MAX - 1] = '\n';
    CU_ASSERT_STRING_EQUAL(
        fail_with(JS_COLUMNS_CSV, bytes.data, JS_COLUMNS_COUNT_MAX, &err), "");
    js_buf_release(&bytes);
}

/* ---------------------------------------------------------------- at random */

enum { CELLS_MAX = 4, CELL_SIZE = 8 };

struct cell {
    char text[CELL_SIZE];
};

static void make_cell(struct rng *rng, const char *alphabet, size_t least,
                      struct cell *ret)
{
    size_t len = least + rng_below(rng, CELL_SIZE - least);
    for (size_t i = 0; i < len; i++)
        ret->text[i] = alphabet[rng_below(rng, strlen(alphabet))];
    ret->text[len] = '\0';
}

static void write_csv(struct rng *rng, const char *cell, struct js_buf *to)
{
    if (!strpbrk(cell, ",\"\n\r") && rng_chance(rng, 50)) {
        js_buf_puts(to, cell);
        return;
    }
    js_buf_puts(to, "\"");
    for (; *cell; cell++)
        js_buf_printf(to, *cell == '"' ? "\"\"" : "%c", *cell);
    js_buf_puts(to, "\"");
}

/* One format: the bytes that its columns may have, and what may stand between
 * two of them. */
struct kind {
    enum js_columns_format format;
    const char *separator, *alphabet;
    size_t least; /* bytes of a column */
    const char *between[3];
};

static const struct kind kinds[] = {
    {JS_COLUMNS_CSV, NULL, "ab ,\"\n\r\t", 0, {",", ",", ","}},
    {JS_COLUMNS_TABS, NULL, "ab ,\"", 0, {"\t", "\t", "\t"}},
    {JS_COLUMNS_BLANKS, NULL, "ab,\"", 1, {" ", "\t", " \t  "}},
    {JS_COLUMNS_REGEX, "[,;]|::", "ab:\"", 1, {",", " ; ", ","}},
};

static void write_rows(struct rng *rng, const struct kind *kind,
                       struct js_buf *text, struct js_buf *expected)
{
    size_t rows = rng_below(rng, 6), columns = 1 + rng_below(rng, CELLS_MAX);
    int line = 1;
    text->len = expected->len = 0;
    for (size_t i = 0; i < rows; i++) {
        js_buf_printf(expected, "%d:", line++);
        for (size_t j = 0; j < columns; j++) {
            struct cell cell;
            do
                make_cell(rng, kind->alphabet, kind->least, &cell);
            while (strstr(cell.text, "::"));
            js_buf_printf(expected, "%s%s", j ? "|" : "", cell.text);
            if (j)
                js_buf_puts(text, kind->between[rng_below(rng, 3)]);
            if (kind->format == JS_COLUMNS_CSV)
                write_csv(rng, cell.text, text);
            else
                js_buf_puts(text, cell.text);
            for (const char *c = cell.text; (c = strchr(c, '\n')); c++)
                line++;
        }
        js_buf_puts(text, rng_chance(rng, 50) ? "\n" : "\r\n");
        js_buf_puts(expected, "\n");
    }
}

static void test_what_was_written(void)
{
    struct js_buf text = JS_BUF_INIT, expected = JS_BUF_INIT,
                  said = JS_BUF_INIT;
    struct rng rng = {18};
    for (unsigned i = 0; i < unit_rounds(4000); i++) {
        const struct kind *kind = &kinds[i % (sizeof(kinds) / sizeof(*kinds))];
        const struct js_columns_config config = {
            .name = "f", .format = kind->format, .separator = kind->separator};
        write_rows(&rng, kind, &text, &expected);
        bool good =
            strcmp(read_in(&config, text.data, text.len, 0, &rng, &said),
                   js_buf_string(&expected)) == 0;
        CU_ASSERT(good);
        if (!good) {
            fprintf(stderr, "\nseed 18, round %u:\n%s--\n%s--\n%s", i,
                    js_buf_string(&text), said.data, expected.data);
            break;
        }
    }
    js_buf_release(&text);
    js_buf_release(&expected);
    js_buf_release(&said);
}

/* Rows and errors are the same however the bytes are cut. */
static void test_cut_anywhere(void)
{
    static const char alphabet[] = "ab,\";: \t\n\n\"\r\0\xef\xbb\xbf";
    struct js_buf whole = JS_BUF_INIT, cut = JS_BUF_INIT;
    struct rng rng = {19};
    for (unsigned i = 0; i < unit_rounds(10000); i++) {
        char bytes[40];
        size_t len = rng_below(&rng, sizeof(bytes));
        const struct js_columns_config config = {
            .name = "f",
            .format = (enum js_columns_format)(i % (JS_COLUMNS_REGEX + 1)),
            .separator = "[,;]|::"};
        for (size_t j = 0; j < len; j++)
            bytes[j] = alphabet[rng_below(&rng, sizeof(alphabet) - 1)];
        CU_ASSERT_STRING_EQUAL(
            read_in(&config, bytes, len, sizeof(bytes), NULL, &whole),
            read_in(&config, bytes, len, 0, &rng, &cut));
    }
    js_buf_release(&whole);
    js_buf_release(&cut);
}

static const struct unit_test tests[] = {
    {"lines", test_lines},
    {"mark", test_mark},
    {"csv", test_csv},
    {"csv errors", test_csv_errors},
    {"tabs", test_tabs},
    {"blanks", test_blanks},
    {"regex", test_regex},
    {"bad separators", test_bad_separators},
    {"count", test_count},
    {"nul", test_nul},
    {"limits", test_limits},
    {"what was written", test_what_was_written},
    {"cut anywhere", test_cut_anywhere},
    {NULL, NULL},
};

const struct unit_suite suite_columns = {"columns", tests};
