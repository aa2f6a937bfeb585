/* values: ranges, patterns, words and files, right and wrong. */
#include "place.h"
#include "rng.h"
#include "unit.h"

#include "list/product.h"
#include "list/values.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "x,y: a,b|c,d", or the error. */
static const char *all_of(const char *text, struct js_buf *ret)
{
    char scratch[JS_VALUES_NUMBER_SIZE];
    struct js_err err = {""};
    size_t at;
    struct js_values *values = js_values_new(text, &at, &err);
    ret->len = 0;
    if (!values) {
        CU_ASSERT_EQUAL(errno, EINVAL);
        js_buf_printf(ret, "%zu: %s", at, err.text);
        return js_buf_string(ret);
    }
    size_t names = js_values_name_count(values);
    for (size_t i = 0; i < names; i++)
        js_buf_printf(ret, "%s%s", i ? "," : "", js_values_name(values, i));
    for (uint64_t i = 0; i < js_values_count(values); i++) {
        for (size_t j = 0; j < names; j++)
            js_buf_printf(ret, "%s%s",
                          j   ? ","
                          : i ? "|"
                              : ": ",
                          js_values_get(values, i, j, scratch));
    }
    js_values_free(values);
    return js_buf_string(ret);
}

static bool gives(const char *text, const char *expected)
{
    struct js_buf said = JS_BUF_INIT;
    bool good = strcmp(all_of(text, &said), expected) == 0;
    if (!good)
        fprintf(stderr, "\n  %s gives\n  %s\n  %s is right\n", text, said.data,
                expected);
    js_buf_release(&said);
    return good;
}

/* A '^' in `marked` is no part of the text: there the error is to be. */
static bool is_refused(const char *marked, const char *sentence)
{
    char text[400], expected[400];
    size_t at = strcspn(marked, "^");
    snprintf(text, sizeof(text), "%.*s%s", (int)at, marked, marked + at + 1);
    snprintf(expected, sizeof(expected), "%zu: %s", at, sentence);
    return gives(text, expected);
}

static void test_words(void)
{
    CU_ASSERT(gives("n:a", "n: a"));
    CU_ASSERT(gives("_a1:b c,d=e,f:g", "_a1: b c|d=e|f:g"));
    CU_ASSERT(gives("n:007,-1,1.50,x@y", "n: 007|-1|1.50|x@y"));
    /* Two dots do not make a range of a path or a word. */
    CU_ASSERT(gives("n:..,../a,a..c,x1..3,./1..3,-..",
                    "n: ..|../a|a..c|x1..3|./1..3|-.."));
}

static void test_ranges(void)
{
    CU_ASSERT(gives("n:1..3", "n: 1|2|3"));
    CU_ASSERT(gives("n:3..1", "n: 3|2|1"));
    CU_ASSERT(gives("n:5..5", "n: 5"));
    CU_ASSERT(gives("n:5..5..-2", "n: 5"));
    CU_ASSERT(gives("n:10..1..-3", "n: 10|7|4|1"));
    CU_ASSERT(gives("n:1..8..3", "n: 1|4|7"));
    CU_ASSERT(gives("n:-2..2..2", "n: -2|0|2"));
    CU_ASSERT(gives("n:-0..0", "n: 0"));
    CU_ASSERT(gives("n:a,1..2,b,c,9..8,7", "n: a|1|2|b|c|9|8|7"));
}

static void test_padded_ranges(void)
{
    CU_ASSERT(gives("n:08..11", "n: 08|09|10|11"));
    CU_ASSERT(gives("n:001..3", "n: 001|002|003"));
    CU_ASSERT(gives("n:9..011", "n: 009|010|011"));
    CU_ASSERT(gives("n:0..2", "n: 0|1|2"));
    CU_ASSERT(gives("n:0.5..1.5", "n: 0.5|1.5"));
    /* As bash does it: the sign counts. */
    CU_ASSERT(gives("n:-01..1", "n: -01|000|001"));
    CU_ASSERT(gives("n:00.5..10..9.5", "n: 00.5|10.0"));
    /* The step has no say. */
    CU_ASSERT(gives("n:1..3..02", "n: 1|3"));
}

static void test_decimals(void)
{
    CU_ASSERT(gives("n:0..1..0.25", "n: 0.00|0.25|0.50|0.75|1.00"));
    CU_ASSERT(gives("n:1..0..-0.5", "n: 1.0|0.5|0.0"));
    CU_ASSERT(gives("n:-0.10..0.1..0.1", "n: -0.10|0.00|0.10"));
    CU_ASSERT(gives("n:1.5..-0.5", "n: 1.5|0.5|-0.5"));
    /* A double would miss the end. */
    CU_ASSERT(gives("n:0..0.3..0.1", "n: 0.0|0.1|0.2|0.3"));
    CU_ASSERT(gives("n:0.1..0.8..0.7", "n: 0.1|0.8"));
    CU_ASSERT(gives("n:000000000000000001..2..0.00000000000000001x",
                    "2: the range \"000000000000000001..2..0."
                    "00000000000000001x\" is not of the form 1..10 or "
                    "0..1..0.25; a word that looks like a range must be in a "
                    "file (for=NAME:@FILE)"));
}

static uint64_t count_of(const char *text, uint64_t index, char *ret)
{
    char scratch[JS_VALUES_NUMBER_SIZE];
    struct js_err err = {""};
    size_t at;
    struct js_values *values = not_null(js_values_new(text, &at, &err));
    uint64_t count = js_values_count(values);
    snprintf(ret, JS_VALUES_NUMBER_SIZE, "%s",
             js_values_get(values, index, 0, scratch));
    js_values_free(values);
    return count;
}

/* Their numbers are nowhere kept. */
static void test_huge_ranges(void)
{
    char value[JS_VALUES_NUMBER_SIZE];
    CU_ASSERT_EQUAL(count_of("n:1..1000000000", 999999999, value), 1000000000);
    CU_ASSERT_STRING_EQUAL(value, "1000000000");
    CU_ASSERT_EQUAL(count_of("n:-999999999999999999..999999999999999999",
                             UINT64_C(1999999999999999998), value),
                    UINT64_C(1999999999999999999));
    CU_ASSERT_STRING_EQUAL(value, "999999999999999999");
    CU_ASSERT_EQUAL(count_of("n:9..-9..-0.0000000000000001",
                             UINT64_C(180000000000000000), value),
                    UINT64_C(180000000000000001));
    CU_ASSERT_STRING_EQUAL(value, "-9.0000000000000000");
    /* The longest that a number can get. */
    count_of("n:000000000000000001..2..0.00000000000000001", 3, value);
    CU_ASSERT_STRING_EQUAL(value, "000000000000000001.00000000000000003");
    count_of("n:-000000000000000001..2..0.00000000000000001", 3, value);
    CU_ASSERT_STRING_EQUAL(value, "-000000000000000000.99999999999999997");
    /* 9 * 2e17 * 5 + 223372036854775808 is 2^63. */
    CU_ASSERT_EQUAL(count_of("n:1..999999999999999999,1..999999999999999999,"
                             "1..999999999999999999,1..999999999999999999,"
                             "1..999999999999999999,1..999999999999999999,"
                             "1..999999999999999999,1..999999999999999999,"
                             "1..999999999999999999,1..223372036854775817",
                             JS_PRODUCT_MAX - 1, value),
                    JS_PRODUCT_MAX);
    CU_ASSERT_STRING_EQUAL(value, "223372036854775817");
    CU_ASSERT(is_refused("n:1..999999999999999999,1..999999999999999999,"
                         "1..999999999999999999,1..999999999999999999,"
                         "1..999999999999999999,1..999999999999999999,"
                         "1..999999999999999999,1..999999999999999999,"
                         "1..999999999999999999,^1..223372036854775818",
                         "there are more than 2^63 values"));
    CU_ASSERT(is_refused("n:1..999999999999999999,1..999999999999999999,"
                         "1..999999999999999999,1..999999999999999999,"
                         "1..999999999999999999,1..999999999999999999,"
                         "1..999999999999999999,1..999999999999999999,"
                         "1..999999999999999999,1..223372036854775817,^x",
                         "there are more than 2^63 values"));
}

static void test_bad_ranges(void)
{
    static const char form[] = " is not of the form 1..10 or 0..1..0.25; a "
                               "word that looks like a range must be in a file "
                               "(for=NAME:@FILE)";
    static const char *const bad[] = {
        "1..",       "1..x",     "1..2..", "1..2..x", "1..2..3..4",
        "1...3",     "1..3x",    "+1..3",  ".5..2",   "1e3..5",
        "1..3..0x1", "1.5.5..2", "1..--3", "-.5..1",  "1../a"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char marked[40], sentence[200];
        snprintf(marked, sizeof(marked), "n:a,^%s,b", bad[i]);
        snprintf(sentence, sizeof(sentence), "the range \"%s\"%s", bad[i],
                 form);
        CU_ASSERT(is_refused(marked, sentence));
    }
    CU_ASSERT(is_refused("n:^1..10..-1", "the range \"1..10..-1\" has a step "
                                         "that leads away from its end"));
    CU_ASSERT(is_refused("n:^10..1..0.5", "the range \"10..1..0.5\" has a step "
                                          "that leads away from its end"));
    CU_ASSERT(is_refused("n:^1..2..0.0", "the range \"1..2..0.0\" has a step "
                                         "of 0"));
    CU_ASSERT(is_refused("n:^1..1000000000000000000",
                         "the range \"1..1000000000000000000\" has a number of "
                         "more than 18 digits, with as many decimals as the "
                         "others"));
    CU_ASSERT(is_refused("n:^1..999999999999..0.00000001",
                         "the range \"1..999999999999..0.00000001\" has a "
                         "number of more than 18 digits, with as many decimals "
                         "as the others"));
}

static void test_bad_texts(void)
{
    static const char form[] =
        "a name must be a letter or _, then letters, digits or _";
    char sentence[100];
    CU_ASSERT(is_refused("^", "for= must be NAME:VALUES, such as for=n:1..10"));
    CU_ASSERT(
        is_refused("^1..10", "for= must be NAME:VALUES, such as for=n:1..10"));
    snprintf(sentence, sizeof(sentence), "\"1n\": %s", form);
    CU_ASSERT(is_refused("^1n:a", sentence));
    CU_ASSERT(is_refused("x,^1n:@f", sentence));
    snprintf(sentence, sizeof(sentence), "\"\": %s", form);
    CU_ASSERT(is_refused("x,^:@f", sentence));
    CU_ASSERT(is_refused("^,x:@f", sentence));
    CU_ASSERT(is_refused("x,y,^x:@f", "\"x\": this name is given twice"));
    CU_ASSERT(is_refused("^host:a", "\"host\": id, name, attempt and host are "
                                    "jobsched's own names"));
    CU_ASSERT(is_refused("x,y:^1..3", "several names need a file with a column "
                                      "for each, such as for=x,y:@FILE"));
    CU_ASSERT(is_refused(":^1..3", "there is no name; only a file may have the "
                                   "names in its first line (for=:@FILE)"));
    CU_ASSERT(is_refused("n:a,^@f", "@FILE must be the only value"));
    CU_ASSERT(is_refused("n:@^", "there is no file name after the \"@\""));
    CU_ASSERT(is_refused("n:@^/no/such",
                         "cannot read \"/no/such\": No such file or "
                         "directory"));
    CU_ASSERT(is_refused("n:@^/", "cannot read \"/\": Is a directory"));
    static const char *const empty[] = {"n:^", "n:^,a", "n:a,^", "n:a,^,b"};
    for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++)
        CU_ASSERT(is_refused(empty[i],
                             "this value is empty; an empty value must be in a "
                             "file (for=NAME:@FILE)"));
}

/* ---------------------------------------------------------------- files */

struct scene {
    struct place place;
    char text[2 * PLACE_PATH];
};

/* "x,y:@grid.csv" becomes "x,y:@/tmp/.../grid.csv"; a '$' stands for the
 * folder. */
static const char *in_folder(struct scene *scene, const char *text)
{
    size_t dollar = strcspn(text, "$");
    snprintf(scene->text, sizeof(scene->text), "%.*s%s%s", (int)dollar, text,
             scene->place.dir, text[dollar] ? text + dollar + 1 : "");
    return scene->text;
}

static void make_file(struct scene *scene, const char *name, const char *text)
{
    char path[PLACE_PATH];
    place_name(&scene->place, name, path);
    spit(path, text, strlen(text));
}

static void test_files(void)
{
    struct scene scene;
    place_init(&scene.place, "v.txt");
    make_file(&scene, "v.txt", "a,b\r\n1..3\n\n*.fq \n@f");
    CU_ASSERT(gives(in_folder(&scene, "n:@$/v.txt"), "n: a,b|1..3||*.fq |@f"));
    /* One name has one column, whatever the file is called. */
    make_file(&scene, "v.csv", "\"a\",b\n");
    CU_ASSERT(gives(in_folder(&scene, "n:@$/v.csv"), "n: \"a\",b"));
    CU_ASSERT(gives(in_folder(&scene, "x,y:@$/v.csv"), "x,y: a,b"));
    make_file(&scene, "V.CSV", "x,_y1\n\"1,5\",b c\n");
    CU_ASSERT(gives(in_folder(&scene, ":@$/V.CSV"), "x,_y1: 1,5,b c"));
    make_file(&scene, "v.tsv", "a b\t\n\tc\n");
    CU_ASSERT(gives(in_folder(&scene, "x,y:@$/v.tsv"), "x,y: a b,|,c"));
    make_file(&scene, "v.dat", "  a \t b\nc d\n");
    CU_ASSERT(gives(in_folder(&scene, "x,y:@$/v.dat"), "x,y: a,b|c,d"));
    place_release(&scene.place);
}

static void check_file(const char *name, const char *names, const char *bytes,
                       const char *sentence)
{
    struct scene scene;
    struct js_buf said = JS_BUF_INIT;
    char text[100];
    place_init(&scene.place, name);
    make_file(&scene, name, bytes);
    snprintf(text, sizeof(text), "%s:@$/%s", names, name);
    all_of(in_folder(&scene, text), &said);
    /* The offset of the file's name, and the sentence with its path. */
    char *end;
    CU_ASSERT_EQUAL(strtoul(said.data, &end, 10), strlen(names) + 2);
    char *dir = strstr(end, scene.place.dir);
    CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
    size_t len = strlen(scene.place.dir);
    memmove(dir, dir + len + 1, strlen(dir + len + 1) + 1);
    CU_ASSERT_STRING_EQUAL(end + 2, sentence);
    js_buf_release(&said);
    place_release(&scene.place);
}

static void test_bad_files(void)
{
    check_file("f", "n", "", "\"f\" contains no values");
    check_file("f", "", "x y\n", "\"f\" contains no values");
    check_file("f", "x,y", "a b\nc\nd e f\n",
               "f:2:1: this line has 1 column instead of 2");
    check_file("f.csv", "", "x,y\na,b\nc\n",
               "f.csv:3:1: this line has 1 column instead of 2");
    check_file("f.csv", "x,y", "a,b\nc,\"d\n",
               "f.csv:2:3: this quote is not closed");
    check_file("f", "", "x x\na b\n", "f:1: \"x\": this name is given twice");
    check_file("f.tsv", "", "x\tmy y\na\tb\n",
               "f.tsv:1: \"my y\": a name must be a letter or _, then letters, "
               "digits or _");
}

/* A file of several pieces, as they are read. */
static void test_long_file(void)
{
    enum { LINES = 200000 };
    struct scene scene;
    struct js_buf text = JS_BUF_INIT;
    char scratch[JS_VALUES_NUMBER_SIZE];
    struct js_err err;
    size_t at;
    place_init(&scene.place, "long");
    for (int i = 0; i < LINES; i++)
        js_buf_printf(&text, "%d\tx\n", i);
    spit(scene.place.path, text.data, text.len);
    struct js_values *values =
        not_null(js_values_new(in_folder(&scene, "x,y:@$/long"), &at, &err));
    CU_ASSERT_EQUAL(js_values_count(values), LINES);
    bool is_right = true;
    for (int i = 0; i < LINES; i++) {
        char expected[20];
        snprintf(expected, sizeof(expected), "%d", i);
        is_right &= strcmp(js_values_get(values, (uint64_t)i, 0, scratch),
                           expected) == 0;
        is_right &=
            strcmp(js_values_get(values, (uint64_t)i, 1, scratch), "x") == 0;
    }
    CU_ASSERT(is_right);
    js_values_free(values);
    js_buf_release(&text);
    place_release(&scene.place);
}

/* ---------------------------------------------------------------- patterns */

static void test_patterns(void)
{
    static const char *const names[] = {"b.fq", "B.fq",        ".hid.fq",
                                        "a.fq", "\xc3\xa4.fq", "a b.fq",
                                        "c.fa", "10.fq",       "9.fq"};
    struct scene scene;
    char *before = not_null(realpath(".", NULL));
    place_init(&scene.place, "a.fq");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        make_file(&scene, names[i], "");
    CU_ASSERT_EQUAL_FATAL(chdir(scene.place.dir), 0);
    CU_ASSERT(gives("f:*.fq", "f: 10.fq|9.fq|B.fq|a b.fq|a.fq|b.fq|"
                              "\xc3\xa4.fq"));
    CU_ASSERT(gives("f:[ab].f?,x,?.fa", "f: a.fq|b.fq|x|c.fa"));
    CU_ASSERT(gives("f:.h*", "f: .hid.fq"));
    CU_ASSERT(gives("f:./9*", "f: ./9.fq"));
    /* A backslash is a character of the name. */
    make_file(&scene, "\\x", "");
    CU_ASSERT(gives("f:\\?", "f: \\x"));
    CU_ASSERT(is_refused("f:a,^*.bam,b", "no file matches \"*.bam\""));
    CU_ASSERT(is_refused("f:^no/*", "no file matches \"no/*\""));
    CU_ASSERT(is_refused("f:data/^[ab",
                         "this \"[\" has no \"]\"; the attribute "
                         "needs quotes if it contains one: "
                         "for='f:data/[ab]*.fq'"));
    CU_ASSERT_EQUAL_FATAL(chdir(before), 0);
    free(before);
    place_release(&scene.place);
}

/* Whatever the locale is, names are in the order of their bytes. */
static void test_patterns_in_a_locale(void)
{
    struct scene scene;
    const char *before = setlocale(LC_ALL, NULL);
    CU_ASSERT_STRING_EQUAL_FATAL(before, "C");
    place_init(&scene.place, "a");
    make_file(&scene, "a", "");
    make_file(&scene, "B", "");
    make_file(&scene, "_c", "");
    struct js_buf in_c = JS_BUF_INIT, in_other = JS_BUF_INIT;
    all_of(in_folder(&scene, "f:$/*"), &in_c);
    /* Where there is no such locale, the first comparison is all. */
    setlocale(LC_ALL, "en_US.UTF-8");
    all_of(in_folder(&scene, "f:$/*"), &in_other);
    setlocale(LC_ALL, "C");
    CU_ASSERT_STRING_EQUAL(in_c.data, in_other.data);
    CU_ASSERT(strstr(in_c.data, "/B|") < strstr(in_c.data, "/_c|"));
    CU_ASSERT(strstr(in_c.data, "/_c|") < strstr(in_c.data, "/a"));
    js_buf_release(&in_c);
    js_buf_release(&in_other);
    place_release(&scene.place);
}

/* ---------------------------------------------------------------- at random */

struct model {
    int64_t from, to, step; /* with `decimals` of them */
    int decimals;
};

/* Without the zeros at its end that this number can do without, if so wished.
 */
static void write_decimal(int64_t scaled, int decimals, bool is_short,
                          char ret[32])
{
    int64_t power = 1;
    for (int i = 0; i < decimals; i++)
        power *= 10;
    int len = snprintf(ret, 32, "%s%" PRId64, scaled < 0 ? "-" : "",
                       (int64_t)llabs(scaled) / power);
    if (decimals > 0)
        len += snprintf(ret + len, (size_t)(32 - len), ".%0*" PRId64, decimals,
                        (int64_t)llabs(scaled) % power);
    while (is_short && decimals > 0 && ret[len - 1] == '0') {
        ret[--len] = '\0';
        if (ret[len - 1] == '.') {
            ret[len - 1] = '\0';
            return;
        }
    }
}

static void make_model(struct rng *rng, struct model *ret)
{
    ret->decimals = (int)rng_below(rng, 5);
    ret->from = (int64_t)rng_below(rng, 2000) - 1000;
    do
        ret->step = (int64_t)rng_below(rng, 200) - 100;
    while (ret->step == 0);
    /* The last value, and then what is left to the end. */
    ret->to = ret->from + ret->step * (int64_t)rng_below(rng, 30);
    ret->to += (int64_t)(rng_below(rng, (uint64_t)llabs(ret->step))) *
               (ret->step > 0 ? 1 : -1);
}

static void test_ranges_at_random(void)
{
    struct rng rng = {20};
    struct js_buf expected = JS_BUF_INIT;
    for (unsigned i = 0; i < unit_rounds(5000); i++) {
        struct model model;
        char from[32], to[32], step[32], text[128], value[32];
        make_model(&rng, &model);
        write_decimal(model.from, model.decimals, rng_chance(&rng, 50), from);
        write_decimal(model.to, model.decimals, rng_chance(&rng, 50), to);
        /* One of them has all decimals. */
        write_decimal(model.step, model.decimals, false, step);
        snprintf(text, sizeof(text), "n:%s..%s..%s", from, to, step);
        expected.len = 0;
        const char *between = "n: ";
        for (int64_t at = model.from;
             model.step > 0 ? at <= model.to : at >= model.to;
             at += model.step) {
            write_decimal(at, model.decimals, false, value);
            js_buf_printf(&expected, "%s%s", between, value);
            between = "|";
        }
        CU_ASSERT(gives(text, js_buf_string(&expected)));
    }
    js_buf_release(&expected);
}

/* Pieces in a row: value number i is what each of them gives by itself. */
static void test_pieces_at_random(void)
{
    static const char *const pieces[] = {
        "a", "b c", "1..3", "9..7", "0..1..0.5", "01..02", "-1..-1", "x"};
    struct rng rng = {21};
    struct js_buf text = JS_BUF_INIT, expected = JS_BUF_INIT, one = JS_BUF_INIT;
    for (unsigned i = 0; i < unit_rounds(2000); i++) {
        size_t count = 1 + rng_below(&rng, 12);
        text.len = expected.len = 0;
        for (size_t j = 0; j < count; j++) {
            const char *piece =
                pieces[rng_below(&rng, sizeof(pieces) / sizeof(*pieces))];
            js_buf_printf(&text, "%s%s", j ? "," : "n:", piece);
            char alone[40];
            snprintf(alone, sizeof(alone), "n:%s", piece);
            js_buf_printf(&expected, "%s%s",
                          j ? "|" : "n: ", all_of(alone, &one) + strlen("n: "));
        }
        CU_ASSERT(gives(js_buf_string(&text), js_buf_string(&expected)));
    }
    js_buf_release(&text);
    js_buf_release(&expected);
    js_buf_release(&one);
}

static const struct unit_test tests[] = {
    {"words", test_words},
    {"ranges", test_ranges},
    {"padded ranges", test_padded_ranges},
    {"decimals", test_decimals},
    {"huge ranges", test_huge_ranges},
    {"bad ranges", test_bad_ranges},
    {"bad texts", test_bad_texts},
    {"files", test_files},
    {"bad files", test_bad_files},
    {"long file", test_long_file},
    {"patterns", test_patterns},
    {"patterns in a locale", test_patterns_in_a_locale},
    {"ranges at random", test_ranges_at_random},
    {"pieces at random", test_pieces_at_random},
    {NULL, NULL},
};

const struct unit_suite suite_values = {"values", tests};
