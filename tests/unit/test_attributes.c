/* attributes: lists and lines of defaults, right, wrong and random. */
#include "unit.h"

#include "base/buf.h"
#include "base/units.h"
#include "list/attributes.h"
#include "rng.h"

#include <errno.h>
#include <inttypes.h>
#include <regex.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {
    "name", "after", "after-any", "nodes",   "cores",
    "mem",  "gpus",  "timeout",   "retries", "priority",
    "dir",  "env",   "stdin",     "stdout",  "stderr",
};
enum {
    NAME,
    AFTER,
    AFTER_ANY,
    NODES,
    CORES,
    MEM,
    GPUS,
    TIMEOUT,
    RETRIES,
    PRIORITY,
    DIR,
    ENV,
    STDIN,
    STDOUT,
    STDERR,
    NAMES
};

static bool is_repeatable(int name)
{
    return name == AFTER || name == AFTER_ANY || name == ENV;
}

static bool is_job_only(int name)
{
    return name == NAME || name == AFTER || name == AFTER_ANY;
}

/* ------------------------------------------------- what was read, as text */

static void say(struct js_buf *log, int name, const char *value)
{
    js_buf_printf(log, "%s=%s|", names[name], value);
}

static void say_number(struct js_buf *log, int name, int64_t value,
                       int64_t usual)
{
    if (value != usual)
        js_buf_printf(log, "%s=%" PRId64 "|", names[name], value);
}

static void say_string(struct js_buf *log, int name, const char *value)
{
    if (value)
        say(log, name, value);
}

static void say_strings(struct js_buf *log, int name,
                        const struct js_strings *strings)
{
    size_t count = 0;
    size_t bytes = 0;
    const char *text = NULL;
    while ((text = js_strings_next(strings, text))) {
        if (count < 50)
            CU_ASSERT_PTR_EQUAL(js_strings_at(strings, count), text);
        count++;
        bytes += strlen(text) + 1;
        say(log, name, text);
    }
    CU_ASSERT_EQUAL(count, strings->count);
    CU_ASSERT_EQUAL(bytes, strings->bytes.len);
}

/* All that is not as js_attributes_init() leaves it, in the order of names. */
static void describe(const struct js_attributes *a, struct js_buf *log)
{
    say_string(log, NAME, a->name);
    say_strings(log, AFTER, &a->after);
    say_strings(log, AFTER_ANY, &a->after_any);
    say_number(log, NODES, a->nodes, 1);
    say_number(log, CORES, a->cores, 1);
    say_number(log, MEM, (int64_t)a->mem_bytes, 0);
    say_number(log, GPUS, a->gpus, 0);
    say_number(log, TIMEOUT, a->timeout_ns, 0);
    say_number(log, RETRIES, a->retries, 0);
    say_number(log, PRIORITY, a->priority, 0);
    say_string(log, DIR, a->dir);
    say_strings(log, ENV, &a->env);
    say_string(log, STDIN, a->stdin_path);
    say_string(log, STDOUT, a->stdout_path);
    say_string(log, STDERR, a->stderr_path);
}

static bool is_described(const struct js_attributes *attributes,
                         const char *expected)
{
    struct js_buf log = JS_BUF_INIT;
    describe(attributes, &log);
    bool same = strcmp(js_buf_string(&log), expected) == 0;
    if (!same)
        fprintf(stderr, "\n  is:        %s\n  should be: %s\n", log.data,
                expected);
    js_buf_release(&log);
    return same;
}

/* ------------------------------------------------- one reading */

struct result {
    struct js_attributes attributes;
    struct js_err err;
    size_t at; /* of the error */
    ptrdiff_t rc;
};

/* From a copy of exactly this size: reading past it shows under a sanitizer. */
static ptrdiff_t call(const char *text, size_t len, bool is_list,
                      struct result *result)
{
    char *copy = malloc(len ? len : 1);
    memcpy(copy, text, len);
    errno = 0;
    if (is_list)
        result->rc = js_attributes_read(copy, len, &result->attributes,
                                        &result->at, &result->err);
    else
        result->rc = js_defaults_read(copy, len, &result->attributes,
                                      &result->at, &result->err);
    free(copy);
    return result->rc;
}

/* ... and what holds of every one. */
static void read_text(const char *text, size_t len, bool is_list,
                      struct result *result)
{
    *result = (struct result){.err = {""}, .at = SIZE_MAX};
    js_attributes_init(&result->attributes);
    if (call(text, len, is_list, result) < 0) {
        CU_ASSERT_EQUAL(result->rc, -1);
        CU_ASSERT_EQUAL(errno, EINVAL);
        CU_ASSERT_TRUE(result->at <= len);
        CU_ASSERT_NOT_EQUAL(result->err.text[0], '\0');
        CU_ASSERT_TRUE(strlen(result->err.text) < 200);
    } else {
        CU_ASSERT_TRUE((size_t)result->rc <= len);
        CU_ASSERT_EQUAL(result->at, SIZE_MAX);
        CU_ASSERT_EQUAL(result->err.text[0], '\0');
    }
}

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

/* ------------------------------------------------- what is a list */

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

/* ------------------------------------------------- good ones */

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

/* ------------------------------------------------- bad ones */

#define RANGE(least, most) "must be a whole number from " least " to " most
#define BAD_NAME "a name has only letters, digits and _ - . : /"
#define LISTED "; `man 5 jobsched` lists all"
#define NO_PAIR " is no NAME=VALUE (values with blanks are quoted)"

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
        {"[name=^] x", "name=: needs a name for the job"},
        {"[name=^''] x", "name='': needs a name for the job"},
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
        {"[after-any=^a,b*] x", "after-any=a,b*: " BAD_NAME},
        {"[after-any=^\"\"] x",
         "after-any=\"\": must be names of jobs, separated by commas"},
        {"[dir=^] x", "dir=: must be a path"},
        {"[dir=^\"\"] x", "dir=\"\": must be a path"},
        {"[stdin=^] x", "stdin=: must be a path"},
        {"[stdout=^] x", "stdout=: must be a path"},
        {"[stderr=^] x", "stderr=: must be a path"},
        {"[env=^A] x", "env=A: must be NAME=VALUE"},
        {"[env=^] x", "env=: must be NAME=VALUE"},
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
        {"[cores=4 ^=1] x", "a \"=\" without the name of an attribute"},
        {"[cores=4 ^'gpus'=1] x", "the name of an attribute takes no quotes"},
        {"[cores=4 gp^\"us\"=1] x", "the name of an attribute takes no quotes"},
        {"[dir=a^\"b] x", "this double quote has no closing one"},
        {"[dir=^\"b\\\"] x", "this double quote has no closing one"},
        {"[dir=^\"b\\", "this double quote has no closing one"},
        {"[dir=\"b\"^'] x", "this single quote has no closing one"},
        {"[name=it^'s] x", "this single quote has no closing one"},
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
    static const char brackets[] = "a line of defaults takes no brackets";
    static const struct bad bad[] = {
        {" ^name=a", "name= is for a single job, not for defaults"},
        {" ^after=a", "after= is for a single job, not for defaults"},
        {"cores=1 ^after-any=a",
         "after-any= is for a single job, not for defaults"},
        {"^nam=a", "unknown attribute \"nam\" (did you mean \"mem\"?)"},
        {" ^[cores=4]", brackets},
        {" ^[ cores=4 ]", brackets},
        {" cores=4^]", brackets},
        {" cores=4 ^] x", brackets},
        {" cores=^0", "cores=0: " RANGE("1", "1000000")},
        {" cores=4 ^./x", "\"./x\"" NO_PAIR},
        {" cores=4 ^cores=4", "cores= is given twice"},
        {" dir=^'a", "this single quote has no closing one"},
        {" ^= 4", "a \"=\" without the name of an attribute"},
        {" ^'dir'=x", "the name of an attribute takes no quotes"},
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
    CU_ASSERT_STRING_EQUAL(result.err.text, "NUL byte in a value");
    js_attributes_release(&result.attributes);
    read_text(name, sizeof(name) - 1, true, &result);
    CU_ASSERT_EQUAL(result.rc, -1);
    CU_ASSERT_EQUAL(result.at, 9);
    js_attributes_release(&result.attributes);
}

/* ------------------------------------------------- copies */

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

/* ------------------------------------------------- cut and long lists */

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

/* ------------------------------------------------- a plain second reader */

/* Says the same with regular expressions: what each attribute has become, or
 * where the first error is and a part of its sentence. */
struct plain {
    struct js_buf said[NAMES];
    size_t at;
    const char *error;
    size_t command_at;
    bool given[NAMES];
};

static bool matches(const char *pattern, const char *text)
{
    regex_t regex;
    CU_ASSERT_EQUAL_FATAL(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB),
                          0);
    bool found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

#define PLAIN_NAME "[A-Za-z0-9_.:/-]+"

static const char *plain_job_names(const char *value)
{
    const char *names_wanted = "separated by commas";
    char copy[400];
    char *rest = copy;
    char *name;
    snprintf(copy, sizeof(copy), "%s", value);
    while ((name = strsep(&rest, ","))) {
        if (!*name)
            return names_wanted;
        if (!matches("^" PLAIN_NAME "$", name))
            return "has only letters";
    }
    return NULL;
}

/* What is 1 where nothing is said of it, and never less. */
static bool is_of_one(int name)
{
    return name == NODES || name == CORES;
}

static const char *plain_number(int name, const char *value, long long *ret)
{
    long long least = is_of_one(name) ? 1 : name == PRIORITY ? -1000000 : 0;
    long long most = name == GPUS ? 1000 : 1000000;
    if (!matches(name == PRIORITY ? "^-?0*[0-9]{1,18}$" : "^0*[0-9]{1,18}$",
                 value))
        return "must be a whole number";
    *ret = strtoll(value, NULL, 10);
    return *ret < least || *ret > most ? "must be a whole number" : NULL;
}

static const char *plain_measure(int name, const char *value, long long *ret)
{
    uint64_t bytes;
    int64_t ns;
    if (name == MEM) {
        if (js_parse_size_bytes(value, &bytes) == 0)
            *ret = (long long)bytes;
        else
            return errno == ERANGE ? "must be less than" : "must be a size";
        return NULL;
    }
    if (js_parse_duration_ns(value, &ns) < 0)
        return errno == ERANGE ? "must be less than"
                               : "must be a duration such";
    *ret = ns;
    return ns > 0 ? NULL : "more than 0";
}

static const char *plain_string(int name, const char *value)
{
    switch (name) {
    case NAME:
        return !*value                              ? "needs a name for"
               : matches("^" PLAIN_NAME "$", value) ? NULL
                                                    : "has only letters";
    case ENV:
        return matches("^[^=]+=", value) ? NULL
               : matches("^=", value)    ? "needs a name before"
                                         : "must be NAME=VALUE";
    case AFTER:
    case AFTER_ANY:
        return plain_job_names(value);
    default:
        return *value ? NULL : "must be a path";
    }
}

static const char *plain_value(struct plain *plain, int name, const char *value)
{
    struct js_buf *said = &plain->said[name];
    long long number = 0;
    const char *error;
    if (name >= NODES && name <= PRIORITY) {
        error = name == MEM || name == TIMEOUT
                    ? plain_measure(name, value, &number)
                    : plain_number(name, value, &number);
        if (!error && number != is_of_one(name))
            js_buf_printf(said, "%s=%lld|", names[name], number);
        return error;
    }
    error = plain_string(name, value);
    if (error)
        return error;
    if (name != AFTER && name != AFTER_ANY) {
        say(said, name, value);
        return NULL;
    }
    for (; *value; value += strcspn(value, ","), value += *value == ',')
        js_buf_printf(said, "%s=%.*s|", names[name], (int)strcspn(value, ","),
                      value);
    return NULL;
}

/* Without its quotes. They are in order: the pattern has seen to it. */
static void plain_unquote(const char *raw, size_t len, char *to)
{
    char open = '\0';
    for (size_t i = 0; i < len; i++) {
        char c = raw[i];
        if (open ? c == open : c == '"' || c == '\'') {
            open = open ? '\0' : c;
            continue;
        }
        if (open == '"' && c == '\\' && strchr("\"\\", raw[i + 1]))
            c = raw[++i];
        *to++ = c;
    }
    *to = '\0';
}

static int plain_fail(struct plain *plain, size_t at, const char *error)
{
    plain->at = at;
    plain->error = error;
    return -1;
}

static int plain_no_pair(struct plain *plain, const char *text, size_t at,
                         bool is_list, size_t open)
{
    size_t n = strcspn(text + at, "]= \t\"'");
    if (text[at + n] == '"' || text[at + n] == '\'')
        return plain_fail(plain, at + n, "takes no quotes");
    if (!is_list && (n == 0 || text[at] == '['))
        return plain_fail(plain, at, "takes no brackets");
    if (is_list && !strchr(text + at, ']'))
        return plain_fail(plain, open, "no closing \"]\"");
    return plain_fail(plain, at, "is no NAME=VALUE");
}

static int plain_name(struct plain *plain, const char *text, size_t at,
                      size_t len, bool is_list)
{
    for (int i = 0; i < NAMES; i++) {
        if (strlen(names[i]) != len || strncmp(names[i], text + at, len) != 0)
            continue;
        if (!is_list && is_job_only(i))
            return plain_fail(plain, at, "is for a single job");
        if (plain->given[i] && !is_repeatable(i))
            return plain_fail(plain, at, "is given twice");
        plain->given[i] = true;
        return i;
    }
    return plain_fail(plain, at,
                      len ? "unknown attribute" : "without the name");
}

/* The pair at `at`; the offset behind it, or -1. */
static ptrdiff_t plain_pair(struct plain *plain, regex_t *pair,
                            const char *text, size_t at, bool is_list,
                            size_t open)
{
    char value[400];
    regmatch_t part[3];
    if (regexec(pair, text + at, 3, part, 0) != 0 ||
        (!is_list && text[at] == '['))
        return plain_no_pair(plain, text, at, is_list, open);
    int name = plain_name(plain, text, at, (size_t)part[1].rm_eo, is_list);
    if (name < 0)
        return -1;
    size_t end = at + (size_t)part[2].rm_eo;
    if (text[end] && !strchr("] \t", text[end]))
        return plain_fail(plain, end, "has no closing one");
    size_t value_at = at + (size_t)part[2].rm_so;
    plain_unquote(text + value_at, end - value_at, value);
    const char *error = plain_value(plain, name, value);
    return error ? plain_fail(plain, value_at, error) : (ptrdiff_t)end;
}

static void plain_read(const char *text, bool is_list, struct plain *plain)
{
    regex_t pair;
    size_t open = strspn(text, " \t");
    size_t at = is_list ? open + 1 : 0;
    memset(plain, 0, sizeof(*plain));
    if (is_list && !matches("^[ \t]*\\[[a-z-]+=", text))
        return;
    CU_ASSERT_EQUAL_FATAL(
        regcomp(&pair,
                "^([^]= \t\"']*)="
                "(([^]\"' \t]|\"([^\"\\]|\\\\.)*\"|'[^']*')*)",
                REG_EXTENDED),
        0);
    for (;;) {
        at += strspn(text + at, " \t");
        if (!text[at] || (is_list && text[at] == ']'))
            break;
        ptrdiff_t next = plain_pair(plain, &pair, text, at, is_list, open);
        if (next < 0)
            break;
        at = (size_t)next;
    }
    regfree(&pair);
    if (!plain->error && is_list && !text[at])
        plain_fail(plain, open, "no closing \"]\"");
    if (!plain->error && is_list)
        plain->command_at = at + 1 + strspn(text + at + 1, " \t");
}

static void plain_release(struct plain *plain)
{
    for (int i = 0; i < NAMES; i++)
        js_buf_release(&plain->said[i]);
}

static bool plain_agrees(const struct plain *plain, const struct result *result)
{
    struct js_buf all = JS_BUF_INIT;
    if (plain->error)
        return result->rc == -1 && result->at == plain->at &&
               strstr(result->err.text, plain->error);
    for (int i = 0; i < NAMES; i++)
        js_buf_append(&all, plain->said[i].data, plain->said[i].len);
    bool same = result->rc == (ptrdiff_t)plain->command_at &&
                is_described(&result->attributes, js_buf_string(&all));
    js_buf_release(&all);
    return same;
}

/* True if both say the same; counts how often it is good. */
static bool both_agree(const char *text, bool is_list, unsigned *good)
{
    struct result result;
    struct plain plain;
    read_text(text, strlen(text), is_list, &result);
    plain_read(text, is_list, &plain);
    bool same = plain_agrees(&plain, &result);
    if (!same)
        fprintf(stderr, "\n  %s\n  %td at %zu: %s\n  not at %zu: %s\n", text,
                result.rc, result.at, result.err.text, plain.at,
                plain.error ? plain.error : "good");
    *good += !plain.error;
    plain_release(&plain);
    js_attributes_release(&result.attributes);
    return same;
}

/* ------------------------------------------------- random lists */

/* As it is, in quotes of both kinds, or in parts, if that can be. */
static void write_value(struct rng *rng, const char *value, struct js_buf *to)
{
    while (*value) {
        size_t len = 1 + rng_below(rng, strlen(value));
        size_t kind = rng_below(rng, 4);
        bool is_plain = strcspn(value, " \t\"']") >= len;
        bool is_single = strcspn(value, "'") >= len;
        const char *quote = kind == 0 && is_single ? "'"
                            : kind > 1 && is_plain ? ""
                                                   : "\"";
        js_buf_puts(to, quote);
        for (size_t i = 0; i < len; i++) {
            if (*quote == '"' && strchr("\"\\", value[i]))
                js_buf_puts(to, "\\");
            js_buf_append(to, value + i, 1);
        }
        js_buf_puts(to, quote);
        value += len;
    }
}

static const char *random_value(struct rng *rng, int name)
{
    static const char *const numbers[] = {
        "1", "2",  "007",      "1000",    "1000000",
        "0", "-1", "-1000000", "1000001", "99999999999999999999"};
    static const char *const sizes[] = {"512M",  "2G",        "1.5T", "0",
                                        "40GiB", "16777216T", "2g"};
    static const char *const durations[] = {"90s", "10m", "1.5h",     "250ms",
                                            "3",   "0",   "1000000d", "1e9x"};
    static const char *const words[] = {
        "mesh",   "a,b",  "A=1",       "B==x",       "a b",
        "/tmp/x", "it's", "say \"x\"", "a\\b\\",     "[x]",
        "",       "=",    "a,,b",      "C:/d_e-f.g", "\t"};
#define ANY(list) list[rng_below(rng, sizeof(list) / sizeof(list[0]))]
    if (rng_chance(rng, 5))
        return ANY(words);
    if (name == MEM)
        return ANY(sizes);
    if (name == TIMEOUT)
        return ANY(durations);
    if (name >= NODES && name <= PRIORITY)
        return rng_chance(rng, 90) ? numbers[rng_below(rng, 4)] : ANY(numbers);
    if (name == ENV)
        return words[2 + rng_below(rng, 2)];
    if (rng_chance(rng, 85))
        return words[0];
    return ANY(words);
#undef ANY
}

static void write_pairs(struct rng *rng, struct js_buf *to)
{
    static const char *const blanks[] = {" ", "  ", "\t", " \t "};
    size_t count = 1 + rng_below(rng, 4);
    for (size_t i = 0; i < count; i++) {
        int name = (int)rng_below(rng, NAMES);
        if (i > 0)
            js_buf_puts(to, blanks[rng_below(rng, 4)]);
        js_buf_printf(to, "%s=", names[name]);
        write_value(rng, random_value(rng, name), to);
    }
}

/* Bytes left out, doubled or replaced. */
static void spoil(struct rng *rng, char *text)
{
    static const char bytes[] = "[]=\"'\\ \t,-a1";
    for (size_t n = 1 + rng_below(rng, 3); n > 0 && *text; n--) {
        size_t at = rng_below(rng, strlen(text));
        if (rng_chance(rng, 50))
            memmove(text + at, text + at + 1, strlen(text + at));
        else
            text[at] = bytes[rng_below(rng, sizeof(bytes) - 1)];
    }
}

static void test_random_lists_against_plain_rules(void)
{
    struct rng rng = {20240611};
    unsigned good = 0, wrong = 0;
    unsigned rounds = unit_rounds(20000);
    for (unsigned i = 0; i < rounds && wrong < 5; i++) {
        struct js_buf text = JS_BUF_INIT;
        bool is_list = rng_chance(&rng, 75);
        js_buf_puts(&text, is_list ? "[" : " ");
        write_pairs(&rng, &text);
        js_buf_puts(&text, is_list ? "] ./x" : "");
        js_buf_string(&text);
        if (rng_chance(&rng, 40))
            spoil(&rng, text.data);
        wrong += !both_agree(text.data, is_list, &good);
        js_buf_release(&text);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_TRUE(good > rounds / 5);
    CU_ASSERT_TRUE(good < rounds / 5 * 4);
}

/* Bytes that mean something, in any order. */
static void test_random_syntax_against_plain_rules(void)
{
    static const char *const parts[] = {
        "[", "]",    "=",      "\"",    "'",       "\\", " ",       "\t",
        "a", "dir=", "env=A=", "name=", "after=b", ",",  " stdin=", "cores=1"};
    struct rng rng = {77};
    unsigned good = 0, wrong = 0;
    unsigned rounds = unit_rounds(20000);
    for (unsigned i = 0; i < rounds && wrong < 5; i++) {
        struct js_buf text = JS_BUF_INIT;
        bool is_list = rng_chance(&rng, 75);
        js_buf_puts(&text, is_list ? "[dir=" : "");
        for (size_t n = rng_below(&rng, 12); n > 0; n--)
            js_buf_puts(&text, parts[rng_below(&rng, 16)]);
        if (is_list)
            js_buf_puts(&text, rng_chance(&rng, 90) ? "] x" : "");
        wrong += !both_agree(js_buf_string(&text), is_list, &good);
        js_buf_release(&text);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_TRUE(good > rounds / 40);
}

/* Nothing is expected of these but what read_text() checks. */
static void test_random_bytes(void)
{
    struct rng rng = {4711};
    for (int i = 0; i < (int)unit_rounds(60000); i++) {
        char text[64] = "[dir=";
        struct result result;
        size_t len = rng_below(&rng, sizeof(text));
        unsigned mask = rng_chance(&rng, 50) ? 0xff : 0x3f;
        for (size_t j = rng_chance(&rng, 70) ? 5 : 0; j < len; j++)
            text[j] = (char)(rng_next(&rng) & mask);
        js_attributes_present(text, len);
        read_text(text, len, rng_chance(&rng, 70), &result);
        js_attributes_release(&result.attributes);
    }
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
    {"random lists against plain rules", test_random_lists_against_plain_rules},
    {"random syntax against plain rules",
     test_random_syntax_against_plain_rules},
    {"random bytes", test_random_bytes},
    {NULL, NULL},
};
const struct unit_suite suite_attributes = {"attributes", tests};
