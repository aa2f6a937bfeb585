/* attributes: lists and lines of defaults, right and wrong. */
#include "attributes_scene.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static bool reads_list_as(const char *line, const char *command,
                          const char *expected)
{
    struct result result;
    size_t len = strlen(line);
    read_text(line, len, true, &result);
    bool good = result.rc >= 0 && (size_t)result.rc == len - strlen(command) &&
                strcmp(line + result.rc, command) == 0 &&
                is_described(&result.attributes, expected);
    if (!good)
        fprintf(stderr, "\n  %s: %td, %s\n", line, result.rc, result.err.text);
    js_attributes_release(&result.attributes);
    return good;
}

static bool reads_defaults_as(const char *text, const char *expected)
{
    struct result result;
    read_text(text, strlen(text), false, &result);
    bool good = result.rc == 0 && is_described(&result.attributes, expected);
    if (!good)
        fprintf(stderr, "\n  %s: %td, %s\n", text, result.rc, result.err.text);
    js_attributes_release(&result.attributes);
    return good;
}

/* A '^' in `marked` is no part of the text: there the error is to be. */
static bool is_refused(const char *marked, bool is_list, const char *sentence)
{
    char text[400];
    struct result result;
    size_t at = strcspn(marked, "^");
    snprintf(text, sizeof(text), "%.*s%s", (int)at, marked, marked + at + 1);
    read_text(text, strlen(text), is_list, &result);
    bool good = result.rc == -1 && result.at == at &&
                strcmp(result.err.text, sentence) == 0;
    if (!good)
        fprintf(stderr, "\n  %s: %td, at %zu (not %zu): %s\n", text, result.rc,
                result.at, at, result.err.text);
    js_attributes_release(&result.attributes);
    return good;
}

/* ---------------------------------------------------------------- what is a
 * list */

static void test_what_is_a_list(void)
{
    static const char *const lists[] = {
        "[cores=4] x", "  \t[a=", "[-=x]", "[after-any=a]", "[a=b]*.sh",
    };
    static const char *const commands[] = {
        "",           "  ",        "[",          "[]",        "[=x]",
        "[ -f x ]",   "[a-z]*.sh", "[[ a=b ]]",  "[a =b]",    "[A=b] x",
        "[a1=b] x",   "[a_b=c] x", "x [a=b]",    "# [a=b] x", "[abc",
        "[a\tb=c] x", "['a'=b] x", "[a\"b\"=c]", "\r[a=b]",   "[ a=b] x",
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        CU_ASSERT_TRUE(js_attributes_present(lists[i], strlen(lists[i])));
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        size_t len = strlen(commands[i]);
        CU_ASSERT_FALSE(js_attributes_present(commands[i], len));
        CU_ASSERT_TRUE(reads_list_as(commands[i], commands[i], ""));
    }
}

/* The last of the bytes counts, and none behind them. */
static void test_what_is_a_list_ends_with_the_line(void)
{
    const char *line = " [ab=c] x";
    for (size_t len = 0; len <= strlen(line); len++) {
        char *copy = malloc(len ? len : 1);
        memcpy(copy, line, len);
        CU_ASSERT_EQUAL(js_attributes_present(copy, len), len >= 5);
        free(copy);
    }
}

/* ---------------------------------------------------------------- good ones */

static void test_lists(void)
{
    CU_ASSERT_TRUE(reads_list_as(
        "[name=mesh cores=4 mem=2G timeout=1h retries=2] ./mesh.sh",
        "./mesh.sh",
        "name=mesh|cores=4|mem=2147483648|timeout=3600000000000|retries=2|"));
    CU_ASSERT_TRUE(reads_list_as("[after=mesh gpus=1 priority=5] ./solve.sh 2",
                                 "./solve.sh 2",
                                 "after=mesh|gpus=1|priority=5|"));
    CU_ASSERT_TRUE(
        reads_list_as("[dir=/tmp stdin=i stdout=o stderr=e env=A=1]x", "x",
                      "dir=/tmp|env=A=1|stdin=i|stdout=o|stderr=e|"));
    CU_ASSERT_TRUE(reads_list_as(" \t[cores=2\t gpus=3 \t]\t x  ", "x  ",
                                 "cores=2|gpus=3|"));
    CU_ASSERT_TRUE(reads_list_as("[cores=2]", "", "cores=2|"));
    CU_ASSERT_TRUE(reads_list_as("[cores=2]  ", "", "cores=2|"));
    CU_ASSERT_TRUE(reads_list_as("[cores=2]] x", "] x", "cores=2|"));
    CU_ASSERT_TRUE(
        reads_list_as("[cores=2][gpus=1] x", "[gpus=1] x", "cores=2|"));
}

static void test_quotes(void)
{
    CU_ASSERT_TRUE(reads_list_as("[dir=\"a b\"]x", "x", "dir=a b|"));
    CU_ASSERT_TRUE(reads_list_as("[dir='a b']x", "x", "dir=a b|"));
    CU_ASSERT_TRUE(
        reads_list_as("[dir=a\"b c\"d'e]f'g]x", "x", "dir=ab cde]fg|"));
    CU_ASSERT_TRUE(reads_list_as("[dir=\"]\"]x", "x", "dir=]|"));
    CU_ASSERT_TRUE(
        reads_list_as("[dir=\"\\\"\\\\\\n\"]x", "x", "dir=\"\\\\n|"));
    CU_ASSERT_TRUE(reads_list_as("[dir='\\\"\\']x", "x", "dir=\\\"\\|"));
    CU_ASSERT_TRUE(
        reads_list_as("[dir=a\\ cores=2]x", "x", "cores=2|dir=a\\|"));
    CU_ASSERT_TRUE(reads_list_as("[dir=\"a'b\"'c\"d']x", "x", "dir=a'bc\"d|"));
    CU_ASSERT_TRUE(reads_list_as("[dir=[=\xff\r]x", "x", "dir=[=\xff\r|"));
    CU_ASSERT_TRUE(
        reads_list_as("[cores=\"4\" name='m'\"\"]x", "x", "name=m|cores=4|"));
    CU_ASSERT_TRUE(
        reads_list_as("[env=A=\"\" env=\"B=b b\"]x", "x", "env=A=|env=B=b b|"));
}

static void test_values(void)
{
    CU_ASSERT_TRUE(reads_list_as(
        "[cores=1000000 gpus=1000 retries=1000000 priority=-1000000]x", "x",
        "cores=1000000|gpus=1000|retries=1000000|priority=-1000000|"));
    CU_ASSERT_TRUE(
        reads_list_as("[cores=1 gpus=0 retries=0 priority=-0]x", "x", ""));
    CU_ASSERT_TRUE(
        reads_list_as("[nodes=2 cores=4]x", "x", "nodes=2|cores=4|"));
    CU_ASSERT_TRUE(reads_list_as("[nodes=1]x", "x", ""));
    CU_ASSERT_TRUE(reads_list_as("[nodes=1000000]x", "x", "nodes=1000000|"));
    CU_ASSERT_TRUE(
        reads_list_as("[priority=1000000]x", "x", "priority=1000000|"));
    CU_ASSERT_TRUE(reads_list_as("[mem=4G]x", "x", "mem=4294967296|"));
    CU_ASSERT_TRUE(reads_list_as("[mem=40G]x", "x", "mem=42949672960|"));
    CU_ASSERT_TRUE(reads_list_as("[mem=0]x", "x", ""));
    CU_ASSERT_TRUE(
        reads_list_as("[timeout=250ms]x", "x", "timeout=250000000|"));
    CU_ASSERT_TRUE(reads_list_as("[name=aZ09_-.:/ after=b]x", "x",
                                 "name=aZ09_-.:/|after=b|"));
    CU_ASSERT_TRUE(reads_list_as("[after=a,b after-any=c after=d,a]x", "x",
                                 "after=a|after=b|after=d|after=a|"
                                 "after-any=c|"));
    CU_ASSERT_TRUE(reads_list_as("[env=A=1 env=B=2=3 env=A=4]x", "x",
                                 "env=A=1|env=B=2=3|env=A=4|"));
}

static void test_defaults(void)
{
    CU_ASSERT_TRUE(reads_defaults_as("", ""));
    CU_ASSERT_TRUE(reads_defaults_as(" \t ", ""));
    CU_ASSERT_TRUE(reads_defaults_as(" timeout=30m", "timeout=1800000000000|"));
    CU_ASSERT_TRUE(reads_defaults_as(
        "cores=2 mem=1K gpus=1 retries=1 priority=-3 dir='a ]' env=A=1 env=A=2 "
        "stdin=i stdout=o stderr=e\t",
        "cores=2|mem=1024|gpus=1|retries=1|priority=-3|dir=a ]|env=A=1|"
        "env=A=2|stdin=i|stdout=o|stderr=e|"));
}

/* A list on top of defaults: replaces, but adds to env; and defaults on top of
 * defaults do the same. */
static void test_lists_on_top_of_defaults(void)
{
    struct result result = {.at = 0};
    const char *first = "cores=2 gpus=1 dir=a env=A=1 stdout=o";
    const char *second = "gpus=2 dir=b env=B=1";
    const char *list = "[name=n cores=1 dir=c env=A=2 stdin=i]x";
    js_attributes_init(&result.attributes);
    CU_ASSERT_EQUAL(call(first, strlen(first), false, &result), 0);
    CU_ASSERT_EQUAL(call(second, strlen(second), false, &result), 0);
    CU_ASSERT_TRUE(is_described(
        &result.attributes, "cores=2|gpus=2|dir=b|env=A=1|env=B=1|stdout=o|"));
    CU_ASSERT_EQUAL(call(list, strlen(list), true, &result),
                    (ptrdiff_t)strlen(list) - 1);
    CU_ASSERT_TRUE(is_described(
        &result.attributes,
        "name=n|gpus=2|dir=c|env=A=1|env=B=1|env=A=2|stdin=i|stdout=o|"));
    js_attributes_release(&result.attributes);
}

/* ---------------------------------------------------------------- bad ones */

#define RANGE(least, most) "must be a whole number from " least " to " most
#define BAD_NAME "a name may contain only letters, digits and _ - . : /"
#define LISTED "; `man 5 jobsched` lists all"
#define NO_PAIR                                                                \
    " is not of the form NAME=VALUE (quote a value that contains blanks)"

struct bad {
    const char *marked; /* a list */
    const char *sentence;
};

static void check_refused(const struct bad *bad)
{
    for (; bad->marked; bad++)
        CU_ASSERT_TRUE(is_refused(bad->marked, true, bad->sentence));
}

static void test_bad_numbers(void)
{
    static const struct bad bad[] = {
        {"[cores=^0] x", "cores=0: " RANGE("1", "1000000")},
        {"[cores=^-1] x", "cores=-1: " RANGE("1", "1000000")},
        {"[cores=^1000001] x", "cores=1000001: " RANGE("1", "1000000")},
        {"[cores=^99999999999999999999] x",
         "cores=99999999999999999999: " RANGE("1", "1000000")},
        {"[cores=^4294967297] x", "cores=4294967297: " RANGE("1", "1000000")},
        {"[gpus=1 cores=^] x", "cores=: " RANGE("1", "1000000")},
        {"[cores=^ 4] x", "cores=: " RANGE("1", "1000000")},
        {"[cores=^4,mem=2G] x", "cores=4,mem=2G: " RANGE("1", "1000000")},
        {"[cores=^\"4 \"] x", "cores=\"4 \": " RANGE("1", "1000000")},
        {"[cores=^0x4] x", "cores=0x4: " RANGE("1", "1000000")},
        {"[cores=^+4] x", "cores=+4: " RANGE("1", "1000000")},
        {"[nodes=^0] x", "nodes=0: " RANGE("1", "1000000")},
        {"[nodes=^1000001] x", "nodes=1000001: " RANGE("1", "1000000")},
        {"[nodes=^two] x", "nodes=two: " RANGE("1", "1000000")},
        {"[^node=2] x", "unknown attribute \"node\" (did you mean \"nodes\"?)"},
        {"[gpus=^1001] x", "gpus=1001: " RANGE("0", "1000")},
        {"[gpus=^-0] x", "gpus=-0: " RANGE("0", "1000")},
        {"[retries=^many] x", "retries=many: " RANGE("0", "1000000")},
        {"[retries=^1000001] x", "retries=1000001: " RANGE("0", "1000000")},
        {"[priority=^1000001] x",
         "priority=1000001: " RANGE("-1000000", "1000000")},
        {"[priority=^-1000001] x",
         "priority=-1000001: " RANGE("-1000000", "1000000")},
        {"[priority=^--1] x", "priority=--1: " RANGE("-1000000", "1000000")},
        {"[priority=^-] x", "priority=-: " RANGE("-1000000", "1000000")},
        {"[priority=^18446744073709551615] x",
         "priority=18446744073709551615: " RANGE("-1000000", "1000000")},
        {NULL, NULL},
    };
    check_refused(bad);
}

static void test_bad_sizes_and_durations(void)
{
    static const struct bad bad[] = {
        {"[mem=^] x", "mem=: must be a size such as 512M or 2G"},
        {"[mem=^2g] x", "mem=2g: must be a size such as 512M or 2G"},
        {"[mem=^-1] x", "mem=-1: must be a size such as 512M or 2G"},
        {"[mem=^16777216T] x", "mem=16777216T: must be less than 16777216T"},
        {"[timeout=^1e9x] x",
         "timeout=1e9x: must be a duration such as 90s, 10m, 2h or 1d"},
        {"[timeout=^] x",
         "timeout=: must be a duration such as 90s, 10m, 2h or 1d"},
        {"[timeout=^0] x", "timeout=0: must be more than 0"},
        {"[timeout=^0.0h] x", "timeout=0.0h: must be more than 0"},
        {"[timeout=^107000d] x",
         "timeout=107000d: must be less than 292 years"},
        {NULL, NULL},
    };
    check_refused(bad);
}

static void test_bad_strings(void)
{
    static const struct bad bad[] = {
        {"[name=^] x", "name=: must be a name for the job"},
        {"[name=^''] x", "name='': must be a name for the job"},
        {"[cores=1 name=^\"a b\"] x", "name=\"a b\": " BAD_NAME},
        {"[name=^a,b] x", "name=a,b: " BAD_NAME},
        {"[name=^\xc3\xa4] x", "name=\xc3\xa4: " BAD_NAME},
        {"[after=^] x", "after=: must be names of jobs, separated by commas"},
        {"[after=^a,] x",
         "after=a,: must be names of jobs, separated by commas"},
        {"[after=^,a] x",
         "after=,a: must be names of jobs, separated by commas"},
        {"[after=^a,,b] x",
         "after=a,,b: must be names of jobs, separated by commas"},
        {"[after=x after=^'a b'] x", "after='a b': " BAD_NAME},
        {"[after-any=^a,b*[c] x", "after-any=a,b*[c: " BAD_NAME},
        {"[name=^b*] x", "name=b*: " BAD_NAME},
        {"[after=^*,] x",
         "after=*,: must be names of jobs, separated by commas"},
        {"[after-any=^\"\"] x",
         "after-any=\"\": must be names of jobs, separated by commas"},
        {"[dir=^] x", "dir=: must be a path"},
        {"[dir=^\"\"] x", "dir=\"\": must be a path"},
        {"[stdin=^] x", "stdin=: must be a path"},
        {"[stdout=^] x", "stdout=: must be a path"},
        {"[stderr=^] x", "stderr=: must be a path"},
        {"[env=^A] x", "env=A: must be NAME=VALUE"},
        {"[env=^] x", "env=: must be NAME=VALUE"},
        {"[arg=^a] x",
         "arg=a: must be NAME=VALUE, with a name of letters, digits and _"},
        {"[arg-used=^a.b=1] x", "arg-used=a.b=1: must be NAME=VALUE, with a "
                                "name of letters, digits and _"},
        {"[arg=^=1] x",
         "arg==1: must be NAME=VALUE, with a name of letters, digits and _"},
        {"[env=A=1 env=^=1] x", "env==1: needs a name before the \"=\""},
        {NULL, NULL},
    };
    check_refused(bad);
}

static void test_bad_lists(void)
{
    static const char unclosed[] = "this list has no closing \"]\"";
    static const struct bad bad[] = {
        {"^[cores=4", unclosed},
        {"  ^[cores=4 ", unclosed},
        {"^[cores=4 ./x.sh", unclosed},
        {"^[cores=4 ./x.sh --a=b", unclosed},
        {"[cores=4 ^./x.sh a[1]", "\"./x.sh\"" NO_PAIR},
        {"[cores=4 ^gpus] x", "\"gpus\"" NO_PAIR},
        {"[env=A=a ^b] x", "\"b\"" NO_PAIR},
        {"[cores=4 ^gpus =1] x", "\"gpus\"" NO_PAIR},
        {"[cores=4 ^=1] x", "there is no attribute name before this \"=\""},
        {"[cores=4 ^'gpus'=1] x",
         "the name of an attribute must not be quoted"},
        {"[cores=4 gp^\"us\"=1] x",
         "the name of an attribute must not be quoted"},
        {"[dir=a^\"b] x", "this double quote is not closed"},
        {"[dir=^\"b\\\"] x", "this double quote is not closed"},
        {"[dir=^\"b\\", "this double quote is not closed"},
        {"[dir=\"b\"^'] x", "this single quote is not closed"},
        {"[name=it^'s] x", "this single quote is not closed"},
        {"[^a=b]*.sh", "unknown attribute \"a\"" LISTED},
        {"[cores=1 ^CORES=2] x", "unknown attribute \"CORES\"" LISTED},
        {"[cores=1 ^[gpus=2] x",
         "unknown attribute \"[gpus\" (did you mean \"gpus\"?)"},
        {"[cores=1 ^name,=2] x",
         "unknown attribute \"name,\" (did you mean \"name\"?)"},
        {NULL, NULL},
    };
    check_refused(bad);
}

static void test_bad_defaults(void)
{
    static const char brackets[] = "a line of defaults must not have brackets";
    static const struct bad bad[] = {
        {" ^name=a",
         "name= cannot be a default: it must be in a job's own line"},
        {" ^after=a",
         "after= cannot be a default: it must be in a job's own line"},
        {"cores=1 ^after-any=a",
         "after-any= cannot be a default: it must be in a job's own line"},
        {"^nam=a", "unknown attribute \"nam\" (did you mean \"mem\"?)"},
        {" ^[cores=4]", brackets},
        {" ^[ cores=4 ]", brackets},
        {" cores=4^]", brackets},
        {" cores=4 ^] x", brackets},
        {" cores=^0", "cores=0: " RANGE("1", "1000000")},
        {" cores=4 ^./x", "\"./x\"" NO_PAIR},
        {" cores=4 ^cores=4", "cores= is given twice"},
        {" dir=^'a", "this single quote is not closed"},
        {" ^= 4", "there is no attribute name before this \"=\""},
        {" ^'dir'=x", "the name of an attribute must not be quoted"},
        {NULL, NULL},
    };
    for (const struct bad *each = bad; each->marked; each++)
        CU_ASSERT_TRUE(is_refused(each->marked, false, each->sentence));
}

/* What is long is shown in part, no character in pieces; the reason is whole.
 */
static void test_long_words_are_shown_in_part(void)
{
    char text[200];
    char sentence[200];
    char xs[60];
    memset(xs, 'x', sizeof(xs));
    snprintf(text, sizeof(text), "[^%.60s%.60s=1] x", xs, xs);
    snprintf(sentence, sizeof(sentence),
             "unknown attribute \"%.60s...\"" LISTED, xs);
    CU_ASSERT_TRUE(is_refused(text, true, sentence));
    snprintf(text, sizeof(text), "[mem=^%.60s] x", xs);
    snprintf(sentence, sizeof(sentence),
             "mem=%.60s: must be a size such as 512M or 2G", xs);
    CU_ASSERT_TRUE(is_refused(text, true, sentence));
    snprintf(text, sizeof(text), "[mem=^%.59s\xc3\xa4] x", xs);
    snprintf(sentence, sizeof(sentence),
             "mem=%.59s...: must be a size such as 512M or 2G", xs);
    CU_ASSERT_TRUE(is_refused(text, true, sentence));
    snprintf(text, sizeof(text), "[cores=1 ^%.60s/ y] x", xs);
    snprintf(sentence, sizeof(sentence), "\"%.60s...\"" NO_PAIR, xs);
    CU_ASSERT_TRUE(is_refused(text, true, sentence));
}

/* A value that is good for this attribute. */
static const char *good_value(int name)
{
    switch (name) {
    case MEM:
        return "2G";
    case TIMEOUT:
        return "90s";
    case ENV:
        return "A=1";
    default:
        return "3";
    }
}

static void test_twice(void)
{
    char text[100];
    char sentence[100];
    for (int i = 0; i < NAMES; i++) {
        const char *value = good_value(i);
        snprintf(sentence, sizeof(sentence), "%s= is given twice", names[i]);
        snprintf(text, sizeof(text), "[%s=%s env=B=1 %s%s=%s] x", names[i],
                 value, is_repeatable(i) ? "" : "^", names[i], value);
        if (!is_repeatable(i)) {
            CU_ASSERT_TRUE(is_refused(text, true, sentence));
            continue;
        }
        struct result result;
        read_text(text, strlen(text), true, &result);
        CU_ASSERT_EQUAL(result.rc, (ptrdiff_t)strlen(text) - 1);
        js_attributes_release(&result.attributes);
    }
}

/* Each name with a letter left out, and with one doubled. */
static void test_near_misses(void)
{
    char text[100];
    char sentence[100];
    for (int i = 0; i < NAMES; i++) {
        int len = (int)strlen(names[i]);
        if (i != AFTER_ANY && i != STDIN) {
            snprintf(text, sizeof(text), "[^%.*s=1] x", len - 1, names[i]);
            snprintf(sentence, sizeof(sentence),
                     "unknown attribute \"%.*s\" (did you mean \"%s\"?)",
                     len - 1, names[i], names[i]);
            CU_ASSERT_TRUE(is_refused(text, true, sentence));
        }
        snprintf(text, sizeof(text), "[dir=x ^%c%s=1] x", names[i][0],
                 names[i]);
        snprintf(sentence, sizeof(sentence),
                 "unknown attribute \"%c%s\" (did you mean \"%s\"?)",
                 names[i][0], names[i], names[i]);
        CU_ASSERT_TRUE(is_refused(text, true, sentence));
    }
    CU_ASSERT_TRUE(is_refused("[^banana=1] x", true,
                              "unknown attribute \"banana\"" LISTED));
}

static void test_no_error_wanted(void)
{
    struct js_attributes attributes;
    size_t at = 0;
    js_attributes_init(&attributes);
    CU_ASSERT_EQUAL(js_attributes_read("[core=1]", 8, &attributes, &at, NULL),
                    -1);
    CU_ASSERT_EQUAL(at, 1);
    CU_ASSERT_EQUAL(js_attributes_read("[mem=x]", 7, &attributes, &at, NULL),
                    -1);
    CU_ASSERT_EQUAL(at, 5);
    js_attributes_release(&attributes);
}

static void test_nul_bytes(void)
{
    static const char inside[] = "[dir=a\0b] x";
    static const char name[] = "[cores=1 g\0us=1] x";
    struct result result;
    read_text(inside, sizeof(inside) - 1, true, &result);
    CU_ASSERT_EQUAL(result.rc, -1);
    CU_ASSERT_EQUAL(result.at, 5);
    CU_ASSERT_STRING_EQUAL(result.err.text, "this value contains a NUL byte");
    js_attributes_release(&result.attributes);
    read_text(name, sizeof(name) - 1, true, &result);
    CU_ASSERT_EQUAL(result.rc, -1);
    CU_ASSERT_EQUAL(result.at, 9);
    js_attributes_release(&result.attributes);
}

/* ---------------------------------------------------------------- copies */

static const char everything[] =
    "[name=n after=a,b after-any=c nodes=6 cores=2 mem=2K gpus=3 timeout=1s "
    "retries=4 priority=-5 dir=d env=A=1 env=B= stdin=i stdout=o stderr=e] x";
static const char everything_described[] =
    "name=n|after=a|after=b|after-any=c|nodes=6|cores=2|mem=2048|gpus=3|"
    "timeout=1000000000|retries=4|priority=-5|dir=d|env=A=1|env=B=|stdin=i|"
    "stdout=o|stderr=e|";

static void test_copies(void)
{
    struct result result;
    struct js_attributes copy;
    read_text(everything, strlen(everything), true, &result);
    js_attributes_init(&copy);
    CU_ASSERT_EQUAL(js_attributes_copy(&copy, &result.attributes), 0);
    js_attributes_release(&result.attributes);
    CU_ASSERT_TRUE(is_described(&result.attributes, ""));
    CU_ASSERT_TRUE(is_described(&copy, everything_described));
    CU_ASSERT_EQUAL(js_attributes_copy(&result.attributes, &copy), 0);
    const char *more = "[dir=q env=C=1 after=z gpus=0] x";
    CU_ASSERT_TRUE(call(more, strlen(more), true, &result) > 0);
    CU_ASSERT_TRUE(is_described(&copy, everything_described));
    CU_ASSERT_EQUAL(result.attributes.env.count, 3);
    CU_ASSERT_EQUAL(result.attributes.after.count, 3);
    CU_ASSERT_STRING_EQUAL(result.attributes.dir, "q");
    js_attributes_release(&copy);
    js_attributes_release(&result.attributes);
}

static void test_copies_of_nothing(void)
{
    struct js_attributes none, copy;
    js_attributes_init(&none);
    memset(&copy, 0, sizeof(copy));
    CU_ASSERT_EQUAL(js_attributes_copy(&copy, &none), 0);
    CU_ASSERT_EQUAL(memcmp(&copy, &none, sizeof(copy)), 0);
    CU_ASSERT_PTR_NULL(js_strings_next(&copy.env, NULL));
    errno = EXDEV;
    js_attributes_release(&copy);
    js_attributes_release(&copy);
    js_attributes_release(NULL);
    CU_ASSERT_EQUAL(errno, EXDEV);
    CU_ASSERT_EQUAL(memcmp(&copy, &none, sizeof(copy)), 0);
}

/* ---------------------------------------------------------------- cut and long
 * lists */

/* A list that is cut before its end is an error or none; at the bracket, at an
 * open quote, or at the value that has become wrong. */
static void test_every_cut_of_a_good_list(void)
{
    static const char *const good[] = {
        everything,
        "\t[dir=\"a\\\"b \\\\\"'c ]d'e env=A=\"1 2\" name='n'\t] ./x ] [a=b]",
        "[after-any=a,b,c mem=1.5T timeout=1.5d priority=-1]",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct result result;
        read_text(good[i], strlen(good[i]), true, &result);
        CU_ASSERT_TRUE_FATAL(result.rc > 0);
        size_t end = (size_t)result.rc;
        while (good[i][end - 1] != ']')
            end--;
        js_attributes_release(&result.attributes);
        for (size_t len = 0; len <= strlen(good[i]); len++) {
            bool present = js_attributes_present(good[i], len);
            read_text(good[i], len, true, &result);
            CU_ASSERT_EQUAL(result.rc < 0, present && len < end);
            CU_ASSERT_EQUAL(result.rc == 0, !present);
            js_attributes_release(&result.attributes);
        }
    }
}

/* Were the time quadratic, this would take many minutes: the alarm ends it. */
static void read_many(unsigned count)
{
    struct js_buf line = JS_BUF_INIT;
    struct result result;
    js_buf_puts(&line, "[after=a");
    for (unsigned i = 0; i < count; i++)
        js_buf_printf(&line, ",b%u", i);
    for (unsigned i = 0; i < count; i++)
        js_buf_printf(&line, " env=V%u=\"%u\" after-any=c", i, i);
    js_buf_puts(&line, "] x");
    read_text(line.data, line.len, true, &result);
    CU_ASSERT_EQUAL(result.rc, (ptrdiff_t)line.len - 1);
    CU_ASSERT_EQUAL(result.attributes.env.count, count);
    CU_ASSERT_EQUAL(result.attributes.after.count, count + 1);
    CU_ASSERT_EQUAL(result.attributes.after_any.count, count);
    const char *text = NULL;
    unsigned found = 0;
    while ((text = js_strings_next(&result.attributes.env, text))) {
        char expected[40];
        snprintf(expected, sizeof(expected), "V%u=%u", found, found);
        found += strcmp(text, expected) == 0;
    }
    CU_ASSERT_EQUAL(found, count);
    js_attributes_release(&result.attributes);
    js_buf_release(&line);
}

static void test_many_attributes(void)
{
    unit_limit_cpu(60);
    read_many(1000);
    read_many(1000000);
    unit_limit_cpu(0);
}

static const struct unit_test tests[] = {
    {"what is a list", test_what_is_a_list},
    {"what is a list ends with the line",
     test_what_is_a_list_ends_with_the_line},
    {"lists", test_lists},
    {"quotes", test_quotes},
    {"values", test_values},
    {"defaults", test_defaults},
    {"lists on top of defaults", test_lists_on_top_of_defaults},
    {"bad numbers", test_bad_numbers},
    {"bad sizes and durations", test_bad_sizes_and_durations},
    {"bad strings", test_bad_strings},
    {"bad lists", test_bad_lists},
    {"bad defaults", test_bad_defaults},
    {"long words are shown in part", test_long_words_are_shown_in_part},
    {"twice", test_twice},
    {"near misses", test_near_misses},
    {"no error wanted", test_no_error_wanted},
    {"NUL bytes", test_nul_bytes},
    {"copies", test_copies},
    {"copies of nothing", test_copies_of_nothing},
    {"every cut of a good list", test_every_cut_of_a_good_list},
    {"many attributes", test_many_attributes},
    {NULL, NULL},
};

const struct unit_suite suite_attributes = {"attributes", tests};
