/* attributes: random lists, against a plain second reader. */
#include "attributes_scene.h"
#include "unit.h"

#include "base/units.h"
#include "rng.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- the reader
 */

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
            return "may contain only letters";
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
        return !*value ? "must be a name for"
               : matches("^" PLAIN_NAME "$", value)
                   ? NULL
                   : "may contain only letters";
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
        return plain_fail(plain, at + n, "must not be quoted");
    if (!is_list && (n == 0 || text[at] == '['))
        return plain_fail(plain, at, "must not have brackets");
    if (is_list && !strchr(text + at, ']'))
        return plain_fail(plain, open, "no closing \"]\"");
    return plain_fail(plain, at, "is not of the form NAME=VALUE");
}

static int plain_name(struct plain *plain, const char *text, size_t at,
                      size_t len, bool is_list)
{
    for (int i = 0; i < NAMES; i++) {
        if (strlen(names[i]) != len || strncmp(names[i], text + at, len) != 0)
            continue;
        if (!is_list && is_job_only(i))
            return plain_fail(plain, at, "cannot be a default");
        if (plain->given[i] && !is_repeatable(i))
            return plain_fail(plain, at, "is given twice");
        plain->given[i] = true;
        return i;
    }
    return plain_fail(plain, at,
                      len ? "unknown attribute" : "there is no attribute name");
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
        return plain_fail(plain, end, "is not closed");
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

/* ---------------------------------------------------------------- random lists
 */

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

static void write_random_list(struct rng *rng, bool is_list, struct js_buf *to)
{
    js_buf_puts(to, is_list ? "[" : " ");
    write_pairs(rng, to);
    js_buf_puts(to, is_list ? "] ./x" : "");
    js_buf_string(to);
    if (rng_chance(rng, 40))
        spoil(rng, to->data);
}

/* Bytes that mean something, in any order. */
static void write_random_syntax(struct rng *rng, bool is_list,
                                struct js_buf *to)
{
    static const char *const parts[] = {
        "[", "]",    "=",      "\"",    "'",       "\\", " ",       "\t",
        "a", "dir=", "env=A=", "name=", "after=b", ",",  " stdin=", "cores=1"};
    js_buf_puts(to, is_list ? "[dir=" : "");
    for (size_t n = rng_below(rng, 12); n > 0; n--)
        js_buf_puts(to, parts[rng_below(rng, 16)]);
    if (is_list)
        js_buf_puts(to, rng_chance(rng, 90) ? "] x" : "");
}

/* Both readers agree on so many texts. Returns how many are good. */
static unsigned agree_on(unsigned rounds, uint64_t seed,
                         void (*write)(struct rng *rng, bool is_list,
                                       struct js_buf *to))
{
    struct rng rng = {seed};
    unsigned good = 0, wrong = 0;
    for (unsigned i = 0; i < rounds && wrong < 5; i++) {
        struct js_buf text = JS_BUF_INIT;
        bool is_list = rng_chance(&rng, 75);
        write(&rng, is_list, &text);
        wrong += !both_agree(js_buf_string(&text), is_list, &good);
        js_buf_release(&text);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    return good;
}

static void test_random_lists_against_plain_rules(void)
{
    unsigned rounds = unit_rounds(20000);
    unsigned good = agree_on(rounds, 20240611, write_random_list);
    CU_ASSERT_TRUE(good > rounds / 5);
    CU_ASSERT_TRUE(good < rounds / 5 * 4);
}

static void test_random_syntax_against_plain_rules(void)
{
    unsigned rounds = unit_rounds(20000);
    CU_ASSERT_TRUE(agree_on(rounds, 77, write_random_syntax) > rounds / 40);
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
    {"random lists against plain rules", test_random_lists_against_plain_rules},
    {"random syntax against plain rules",
     test_random_syntax_against_plain_rules},
    {"random bytes", test_random_bytes},
    {NULL, NULL},
};

const struct unit_suite suite_attributes_random = {"attributes_random", tests};
