/* sh_template: real shells read in every place of a command exactly the bytes
 * of the value; and what cannot be quoted is refused. */
#include "unit.h"

#include "list/sh_template.h"
#include "rng.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VALUES_MAX = 20 };

/* ---------------------------------------------------------------- samples */

static const char *const two_names[] = {"n", "file"};
static const struct js_sh_sources two = {.count = 2, .names = two_names};
static const struct js_sh_sources two_typed = {
    .count = 2, .names = two_names, .is_command_line = true};

static struct js_sh_template *compile(const char *text,
                                      const struct js_sh_sources *sources)
{
    struct js_err err;
    size_t at;
    struct js_sh_template *template = js_sh_template_new_command(
        text, strlen(text), sources, NULL, &at, &err);
    if (!template)
        fprintf(stderr, "\nsh_template: %s: %zu: %s\n", text, at, err.text);
    return not_null(template);
}

static void check_expanded(const struct js_sh_template *template,
                           const char *const *values, const char *expected)
{
    struct js_buf buf = JS_BUF_INIT;
    CU_ASSERT_EQUAL(js_buf_puts(&buf, "before "), 0);
    CU_ASSERT_EQUAL(js_sh_template_expand(template, values, 7, &buf), 0);
    const char *text = not_null((void *)js_buf_string(&buf));
    CU_ASSERT_STRING_EQUAL(text + strlen("before "), expected);
    if (strcmp(text + strlen("before "), expected) != 0)
        fprintf(stderr, "\nsh_template: %s, not %s\n", text, expected);
    js_buf_release(&buf);
}

struct sample {
    const char *text, *expected;
};

static void check_samples(const struct sample *samples,
                          const struct js_sh_sources *sources,
                          const char *const *values)
{
    for (; samples->text; samples++) {
        struct js_sh_template *template = compile(samples->text, sources);
        check_expanded(template, values, samples->expected);
        js_sh_template_free(template);
    }
}

static void test_strings(void)
{
    static const char *const values[] = {"4", "data/b.fq"};
    static const struct sample in_list[] = {
        {"", ""},
        {"x", "x"},
        {"{n}", "4"},
        {"./sim --n {n} {file}", "./sim --n 4 data/b.fq"},
        {"{file.} {file/} {file//} {file/.}", "data/b b.fq data b"},
        {"{n}{n}x{n}", "44x4"},
        /* What stays as it is. */
        {"{} {.} {/} {#} {1} {-1} {%} {=x=}",
         "{} {.} {/} {#} {1} {-1} {%} {=x=}"},
        {"${n} \"${n}\" '${n}' \\${n}", "${n} \"${n}\" '${n}' \\${n}"},
        {"{ n} {n } {n..} {nn} {n{n}}", "{ n} {n } {n..} {nn} {n4}"},
        {"a{,.bak} {1..3} {n", "a{,.bak} {1..3} {n"},
        {"awk '{print $1}' {file}", "awk '{print $1}' data/b.fq"},
        {NULL, NULL}};
    static const struct sample typed[] = {
        {"{1} {2} {-1} {-2}", "4 data/b.fq data/b.fq 4"},
        {"{2.} {2/} {-1//} {2/.}", "data/b b.fq data b"},
        {"{} {/} '{/.}' {#}", "4 data/b.fq 4 b.fq '4 b' 7"},
        {"{n} {file/}", "4 b.fq"},
        {"{0} {01} {-0} {1..3} {1,2} {,.bak} {=} {-} {%s} {3 }",
         "{0} {01} {-0} {1..3} {1,2} {,.bak} {=} {-} {%s} {3 }"},
        {"${} ${1} ${#} ${n}", "${} ${1} ${#} ${n}"},
        {"{= x", "{= x"},
        /* Only the first value stands behind the backslash, or the variable. */
        {"x \"\\{} $a{}\" $a{}", "x \"\\\\4 data/b.fq $a\"\"4 data/b.fq\" "
                                 "$a'4' data/b.fq"},
        {NULL, NULL}};
    check_samples(in_list, &two, values);
    check_samples(typed, &two_typed, values);
    /* A name may be anything, also another one with an ending. */
    static const char *const odd[] = {"n.", "my col", "n"};
    static const char *const odd_values[] = {"d.e", "a", "b.c"};
    static const struct sample odd_samples[] = {
        {"x {my col}{my col/} {n} {n.} {n..}", "x aa b.c d.e d"}, {NULL, NULL}};
    const struct js_sh_sources odd_sources = {.count = 3, .names = odd};
    check_samples(odd_samples, &odd_sources, odd_values);
}

/* What GNU parallel makes of these values. */
static void test_endings(void)
{
    static const struct {
        const char *value, *expected;
    } samples[] = {
        {"a.b/c", "[a.b/c][c][a.b][c]"},
        {".hid", "[][.hid][.][]"},
        {"a/.hid", "[a/][.hid][a][]"},
        {"a/", "[a/][][.][]"},
        {"a.", "[a.][a.][.][a.]"},
        {"a..b", "[a.][a..b][.][a.]"},
        {".", "[.][.][.][.]"},
        {"..", "[..][..][.][..]"},
        {"/", "[/][][/][]"},
        {"//", "[//][][/][]"},
        {"/a", "[/a][a][/][a]"},
        {"a//b", "[a//b][b][a][b]"},
        {"a/b/", "[a/b/][][a][]"},
        {"a/b.c/", "[a/b.c/][][a][]"},
        {"", "[][][.][]"},
        {"a.b.c", "[a.b][a.b.c][.][a.b]"},
        {"//a", "[//a][a][/][a]"},
        {"a/b//", "[a/b//][][a][]"},
    };
    static const char text[] = "[{n.}][{n/}][{n//}][{n/.}]";
    struct js_err err;
    size_t at;
    struct js_sh_template *template = not_null(js_sh_template_new_attribute(
        text, strlen(text), &two, NULL, &at, &err));
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        const char *const values[] = {samples[i].value, ""};
        check_expanded(template, values, samples[i].expected);
    }
    js_sh_template_free(template);
}

/* In an attribute no place is special, and a value goes in as it is. */
static void test_attributes(void)
{
    static const char text[] = "`{n}'$({n}#{file/}\\{n}";
    static const char *const values[] = {"' \n$x", "a/\"b\""};
    struct js_err err;
    size_t at;
    struct js_sh_template *template = not_null(js_sh_template_new_attribute(
        text, strlen(text), &two, NULL, &at, &err));
    check_expanded(template, values, "`' \n$x'$(' \n$x#\"b\"\\' \n$x");
    js_sh_template_free(template);
}

/* Whether a plain value gets quotes depends on its place. */
static void test_plain_values(void)
{
    static const struct {
        const char *text, *value, *expected;
    } samples[] = {
        {"x {n}", "a_b@c%d+e=f:g,h./i-j", "x a_b@c%d+e=f:g,h./i-j"},
        {"x {n}y", "", "x ''y"},
        {"x {n}", "a b", "x 'a b'"},
        {"x {n}", "it's", "x 'it'\\''s'"},
        {"x '{n}'", "it's", "x 'it'\\''s'"},
        {"x \"{n}\"", "a$b`\"\\'!", "x \"a\\$b\\`\\\"\\\\'!\""},
        {"x {n}", "~", "x '~'"},
        {"x {n}", "\xc3\xa4", "x '\xc3\xa4'"},
        /* Assignments and reserved words. */
        {"{n} x", "a=b", "'a=b' x"},
        {"a{n} x", "1=b", "a'1=b' x"},
        {"A=1 >f {n} x", "a=b", "A=1 >f 'a=b' x"},
        {"./{n} x", "a=b", "./a=b x"},
        {"x {n}", "a=b", "x a=b"},
        {"A={n} x", "a=b", "A=a=b x"},
        {">{n} x", "a=b", ">a=b x"},
        {"{n} x", "if", "'if' x"},
        {"x; i{n} x", "f", "x; i'f' x"},
        {"x;{n};", "do", "x;'do';"},
        {"{n} x", "as", "as x"},
        {"{n}e x", "as", "'as'e x"},
        {"c{n} x", "as", "c'as' x"},
        {"{n} x", "./run", "./run x"},
        {"x {n}", "if", "x if"},
        {"x | {n}", "done", "x | 'done'"},
        {"case $x in {n}) y;; esac", "esac", "case $x in 'esac') y;; esac"},
        {"x {n}", "=ls", "x '=ls'"},
        {"A={n}", "a:=ls", "A='a:=ls'"},
        /* Descriptors. */
        {"x {n}>f", "2", "x '2'>f"},
        {"x 1{n}3<f", "2", "x 1'2'3<f"},
        {"x {n} >f", "2", "x 2 >f"},
        {"x {n}>f", "a2", "x a2>f"},
        {"x a{n}>f", "2", "x a2>f"},
        {"x '{n}'>f", "2", "x '2'>f"},
        {"x >{n}", "2", "x >2"},
        /* Braces. */
        {"x {a,{n}}", "b,c", "x {a,'b,c'}"},
        {"x {{n}}", "1..3", "x {'1..3'}"},
        {"for i in {1..{n}}; do x; done", "3", "for i in {1..3}; do x; done"},
        /* Variables. */
        {"x $a{n}", "b", "x $a'b'"},
        {"x $1{n} $?{n}", "b", "x $1'b' $?'b'"},
        {"x \"$a{n}\"", "b", "x \"$a\"\"b\""},
        {"x ${a}{n} \"${a}{n}\"", "b", "x ${a}b \"${a}b\""},
        /* Backslashes. */
        {"x \"\\{n}\"", "$b", "x \"\\\\\\$b\""},
        {"x \"\\\\{n}\"", "$b", "x \"\\\\\\$b\""},
        {"x \\\\{n}", "$b", "x \\\\'$b'"},
        {"x '\\{n}'", "$b", "x '\\$b'"},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        const char *const values[] = {samples[i].value, ""};
        struct js_sh_template *template = compile(samples[i].text, &two);
        check_expanded(template, values, samples[i].expected);
        js_sh_template_free(template);
    }
}

/* ---------------------------------------------------------------- refusals */

struct refusal {
    const char *text;
    size_t at;
    const char *why; /* "": no refusal */
};

static void check_refusal(const struct refusal *refusal,
                          const struct js_sh_sources *sources)
{
    struct js_err err = {""};
    size_t at = 0;
    errno = 0;
    struct js_sh_template *template = js_sh_template_new_command(
        refusal->text, strlen(refusal->text), sources, NULL, &at, &err);
    bool is_right = !template == (*refusal->why != '\0') &&
                    strstr(err.text, refusal->why) && at == refusal->at &&
                    (template || errno == EINVAL);
    CU_ASSERT(is_right);
    if (!is_right)
        fprintf(stderr, "\nsh_template: %s: %zu: %s\n", refusal->text, at,
                err.text);
    js_sh_template_free(template);
}

#define REFUSED(text, at, place)                                               \
    {                                                                          \
        text, at, "{n} cannot be quoted " place ": use $JOBSCHED_ARG_n there"  \
    }
#define ALLOWED(text)                                                          \
    {                                                                          \
        text, 0, ""                                                            \
    }

static void test_refusals(void)
{
    static const struct refusal refusals[] = {
        REFUSED("x `a {n}`", 5, "within `...`"),
        REFUSED("x \"`a {n}`\"", 6, "within `...`"),
        REFUSED("`\\`{n}`", 3, "within `...`"),
        ALLOWED("`a\\`b` {n}"),
        REFUSED("${x:-{n}}", 5, "within ${...}"),
        REFUSED("${x:-\"$(a {n})\"}", 10, "within ${...}"),
        REFUSED("\"${x#'}'}{n}\"", 9,
                "after text that shells read in different ways"),
        ALLOWED("${x#'}'}{n} \"${x:-\\}}{n}\" ${x:-\"}\"}{n}"),
        REFUSED("$(({n}+1))", 3, "within $((...)) or ((...))"),
        REFUSED("(({n}+1))", 2, "within $((...)) or ((...))"),
        REFUSED("$((1+(2*{n})))", 8, "within $((...)) or ((...))"),
        ALLOWED("$((1+(2*3)))\"$((1))\"{n} && ((1)) && {n}"),
        REFUSED("$((a); b {n})", 9, "within $((...)) or ((...))"),
        REFUSED("$((a); b) {n}", 10, "within $((...)) or ((...))"),
        ALLOWED("$( (a); b {n}) {n}"),
        REFUSED("x $[ {n} ]", 5,
                "after text that shells read in different ways"),
        REFUSED("$'a{n}'", 3, "within $'...'"),
        REFUSED("x $'it\\'s' {n}", 11,
                "after text that shells read in different ways"),
        ALLOWED("x $'a\\n' {n} $\"{n}\" \"$'\"{n}"),
        REFUSED("x # {n}", 4, "in a comment"),
        REFUSED("x\n#{n}", 3, "in a comment"),
        REFUSED("$(x;# {n}\n)", 6, "in a comment"),
        ALLOWED("x#{n} $# {n} '#'{n} \\#{n} ${#x} {n}#{n}"),
        ALLOWED("x # it's\n{n}"),
        REFUSED("cat <<E\n{n}\nE", 8, "in a here-document"),
        REFUSED("cat <<'E'\n{n}\nE", 10, "in a here-document"),
        REFUSED("cat <<-E;\n\t{n}\n\tE", 11, "in a here-document"),
        REFUSED("cat <<{n}", 6, "in a here-document"),
        REFUSED("cat <<A <<B\nA\n{n}", 14, "in a here-document"),
        ALLOWED("cat <<E >{n}\n'\nE\n{n}"),
        ALLOWED("cat <<'E' <<-\"F\"\n'$(\nE\n\t`\n\tF\n{n}"),
        ALLOWED("$(cat <<\\E\n)'\nE\n) {n}"),
        ALLOWED("cat <<<{n} <<<'{n}'"),
        REFUSED("cat <<E\n$(\nE\n)\nE\n{n}", 17,
                "after text that shells read in different ways"),
        REFUSED("x \\{n}", 3, "after a backslash"),
        REFUSED("x \\\\\\{n}", 5, "after a backslash"),
        REFUSED("x) {n}", 3, "after text that shells read in different ways"),
        REFUSED("x $\\\n{n}", 5,
                "after text that shells read in different ways"),
        REFUSED("x $a\\\n{n}", 6,
                "after text that shells read in different ways"),
        ALLOWED("x \\\n {n} \"a\\\n{n}\""),
        REFUSED("$((a)x)) {n}", 9,
                "after text that shells read in different ways"),
        REFUSED("$(('1')) {n}", 9,
                "after text that shells read in different ways"),
        REFUSED("case x y in {n}", 12,
                "after text that shells read in different ways"),
        REFUSED("cat <<E $(x\nE\n) {n}", 16,
                "after text that shells read in different ways"),
        REFUSED("$(case x) {n}", 10,
                "after text that shells read in different ways"),
        REFUSED("case x in a((b)) c;; esac; {n}", 27,
                "after text that shells read in different ways"),
        REFUSED("case x; {n}", 8,
                "after text that shells read in different ways"),
        REFUSED("cat <<E '\nE\n' {n}", 14,
                "after text that shells read in different ways"),
        REFUSED("cat <<\"a\\\"b\"\na\\\"b\n{n}\na\"b", 18,
                "after text that shells read in different ways"),
        REFUSED("cat <<E\n`\nE\n{n}", 12,
                "after text that shells read in different ways"),
        ALLOWED("$(ca\\xse x)'{n}'"),
        /* The brackets of a "case" end no substitution. */
        REFUSED("$(case x in a) b;; esac; `{n}`)", 26, "within `...`"),
        ALLOWED("$(case x in a) b;; esac; y) {n}"),
        ALLOWED("\"$(case x in a|b) c;; (esac) d;; *) e; esac)\"{n}\"\""),
        ALLOWED("$(case x in a) case y in b) c;; esac esac)'{n}'"),
        ALLOWED("$(ca\\\nse x in a) b;; esac)'{n}'"),
        ALLOWED("$(echo case x in a)'{n}'"),
        ALLOWED("$(A=1 case x)'{n}' $(>f case x)'{n}'"),
        ALLOWED("$(for i do case x in a) b;; esac; done)'{n}'"),
        ALLOWED("$(for case in x; do a; done)'{n}'"),
        ALLOWED("$(for ((;;)) do case x in a) b;; esac; done)'{n}'"),
        ALLOWED("$(if case x in a) b;; esac then c; fi)'{n}'"),
        ALLOWED("$(f() { case x in a) b;; esac; }; f)'{n}'"),
        ALLOWED("$(f() case x in a) b;; esac; f)'{n}'"),
        ALLOWED("$(function f { case x in a) b;; esac; })'{n}'"),
        ALLOWED("$(time -p case x in a) b;; esac)'{n}'"),
        ALLOWED("$(a=(case x))'{n}' $(ls @(case|x) y)'{n}'"),
        ALLOWED("$(case x in @(a|b)) c;; esac)'{n}'"),
        ALLOWED("$(case x in a) ! case y in b) c;; esac ;; esac)'{n}'"),
        ALLOWED("diff <(sort {n}) <(case x in a) b;; esac)'{n}'"),
    };
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
        check_refusal(&refusals[i], &two);
}

static void test_refusals_of_strings(void)
{
    static const struct refusal refusals[] = {
        {"x {3}", 2, "{3}: the last value is {2}"},
        {"x {-3/}", 2, "{-3/}: the last value is {2}"},
        {"{1} {99999999999999999999999}", 4, "the last value is {2}"},
        {"x {%}", 2,
         "{%} is not replaced: use $JOBSCHED_SLAVE and $JOBSCHED_SLOT"},
        {"x '{= $_++ =}'", 3, "let the shell change the value"},
        {"x `{2}`", 3, "within `...`: use $JOBSCHED_ARG_file there"},
        {"x `{}`", 3, "within `...`: use $JOBSCHED_ARG_n there"},
        {"$(({#}+1))", 3, "(i={#};) and use $i"},
        ALLOWED("${3} ${%} ${= x =}"),
    };
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
        check_refusal(&refusals[i], &two_typed);
    const struct js_sh_sources one = {.count = 1, .is_command_line = true};
    static const struct refusal single[] = {
        {"{2}", 0, "{2}: the last value is {1}"},
        {"`{1}`", 1, "use $JOBSCHED_ARG_1 there"},
        {"`{}`", 1, "use $JOBSCHED_ARG_1 there"}};
    for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++)
        check_refusal(&single[i], &one);
}

/* ---------------------------------------------------------------- doubts */

static void note_doubt(void *arg, enum js_sh_template_doubt doubt, size_t at,
                       const char *text)
{
    char *note = arg;
    size_t len = strlen(note);
    snprintf(note + len, 200 - len, "%s%zu: %s\n",
             doubt == JS_SH_DOUBT_NAME ? "" : "program ", at, text);
}

static void check_doubt(const char *text, const char *expected)
{
    char note[200] = "";
    const struct js_sh_template_checks checks = {note_doubt, note};
    struct js_err err;
    size_t at;
    struct js_sh_template *template = not_null(js_sh_template_new_command(
        text, strlen(text), &two, &checks, &at, &err));
    bool is_right =
        *expected ? strncmp(note, expected, strlen(expected)) == 0 : !*note;
    CU_ASSERT(is_right);
    if (!is_right)
        fprintf(stderr, "\nsh_template: %s: \"%s\"\n", text, note);
    js_sh_template_free(template);
}

static void test_near_misses(void)
{
    check_doubt("x {fiel} {n}",
                "2: {fiel} is not replaced (did you mean {file}?)\n");
    check_doubt("x '{File/.}'", "3: {File} is not replaced");
    check_doubt("x ${fiel} {m} {fi} {fiel,x} {print} {fiel }", "");
}

static void test_second_programs(void)
{
    check_doubt("sh -c 'echo {n}'", "program 12: {n} is in a text that sh");
    check_doubt("sh -c 'echo \"$1\"' _ {n}", "");
    check_doubt("x | /bin/bash -ec \"a {n}\"", "program 21: {n} is in a text");
    check_doubt("timeout 5 bash -o pipefail -c {n}", "program 30");
    check_doubt("bash {n} -c {n}", "");
    check_doubt("bash {n}", "");
    check_doubt("eval echo {n}", "program 10");
    check_doubt("x eval {n}", "");
    check_doubt("A=1 B=2 eval {n} # eval", "program 13");
    check_doubt("trap 'rm {n}' EXIT; x", "program 9");
    check_doubt("ssh -p {n} host{n} ls", "");
    check_doubt("ssh -p 22 host ls {n}", "program 18");
    check_doubt("awk '$1 > {n}' f", "program 10");
    check_doubt("awk -v n={n} -F {n} '{print n}' {file}", "");
    check_doubt("awk -f prog {n}", "");
    check_doubt("sed -n -e s/{n}/b/ {n}", "program 12");
    check_doubt("sed -n s/{n}/b/ f", "program 9");
    check_doubt("sed -e s/a/b/ {n}", "");
    check_doubt("python3 -c 'print({n})'", "program 18");
    check_doubt("python3 train.py -c {n}", "");
    check_doubt("perl -ne 'print {n}' f", "program 16");
    check_doubt("perl -e 'print shift' {n}", "");
    check_doubt("$(sh -c '{n}')", "program 9");
    check_doubt("sh -c \"$(cat {n})\"", "");
    check_doubt("sh -c '' >{n}; x {n}", "");
    check_doubt("su user -c {n}", "program 11");
}

static void test_uses(void)
{
    struct js_sh_template *template = compile("x {file/} ${n}", &two);
    CU_ASSERT_FALSE(js_sh_template_uses(template, 0));
    CU_ASSERT_TRUE(js_sh_template_uses(template, 1));
    CU_ASSERT_FALSE(js_sh_template_is_constant(template));
    js_sh_template_free(template);
    template = compile("x {/}", &two_typed);
    CU_ASSERT_TRUE(js_sh_template_uses(template, 0));
    CU_ASSERT_TRUE(js_sh_template_uses(template, 1));
    js_sh_template_free(template);
    template = compile("x {#}", &two_typed);
    CU_ASSERT_FALSE(js_sh_template_uses(template, 0));
    CU_ASSERT_FALSE(js_sh_template_is_constant(template));
    js_sh_template_free(template);
    template = compile("x {m}", &two);
    CU_ASSERT_TRUE(js_sh_template_is_constant(template));
    js_sh_template_free(template);
}

/* ---------------------------------------------------------------- shells */

/* Those that are not installed are left out; sh always is. */
static const char *const shells[] = {"sh",    "dash", "bash", "ksh",
                                     "ksh93", "mksh", "zsh",  NULL};

static bool shell_exists(const char *shell)
{
    char command[64];
    snprintf(command, sizeof(command), "command -v %s", shell);
    FILE *pipe = not_null(popen(command, "r"));
    bool exists = fgetc(pipe) != EOF;
    pclose(pipe);
    return exists;
}

/* Lets the shell run the script, and returns what it printed. */
static struct js_buf shell_run(const char *shell, const struct js_buf *script)
{
    char name[] = "/tmp/test_sh_template.XXXXXX", command[128], piece[4096];
    struct js_buf output = JS_BUF_INIT;
    int fd = mkstemp(name);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_FATAL(write(fd, script->data, script->len) ==
                    (ssize_t)script->len);
    close(fd);
    /* What is made of tokens at random may be anything. */
    snprintf(command, sizeof(command),
             "ulimit -t 60; exec %s %s </dev/null 2>/dev/null", shell, name);
    FILE *pipe = not_null(popen(command, "r"));
    size_t n;
    while ((n = fread(piece, 1, sizeof(piece), pipe)) > 0)
        CU_ASSERT_FATAL(js_buf_append(&output, piece, n) == 0);
    pclose(pipe);
    unlink(name);
    return output;
}

static void check_shells(const char *what, const struct js_buf *script,
                         const struct js_buf *expected)
{
    for (size_t i = 0; shells[i]; i++) {
        if (!shell_exists(shells[i]))
            continue;
        struct js_buf output = shell_run(shells[i], script);
        size_t len = expected->len;
        bool is_right =
            output.len == len &&
            (len == 0 || memcmp(output.data, expected->data, len) == 0);
        CU_ASSERT(is_right);
        if (!is_right) {
            size_t at = 0;
            while (at < len && at < output.len &&
                   output.data[at] == expected->data[at])
                at++;
            fprintf(stderr, "\nsh_template: %s, %s: byte %zu differs\n", what,
                    shells[i], at);
        }
        js_buf_release(&output);
    }
}

/* Any bytes, mostly those that mean something to a shell. */
static const char *random_value(struct rng *rng, char *buf, size_t size)
{
    static const char *const edges[] = {
        "",     "\n",   "a\n",   "\n\n",     "'",    "''",   "\\",
        "\\\\", "a\\",  "$x",    "$(x",      "`x`",  "~",    "-n",
        "!",    "!!",   "*",     "{a,b}",    "if",   "esac", "a=b",
        "2",    "=ls",  "a:=ls", "1..3",     "a,b",  "#",    "\"",
        "$",    "\xff", "\x81",  "\xc3\xa4", "x[1]", ":u",   "[1]"};
    static const char special[] = " \t\n'\"\\$`!*?[]{}()<>|&;#~=%+,-.:/@^_aA0";
    size_t len = rng_below(rng, size);
    if (rng_chance(rng, 10))
        return edges[rng_below(rng, sizeof(edges) / sizeof(edges[0]))];
    for (size_t i = 0; i < len; i++)
        buf[i] = rng_chance(rng, 80)
                     ? special[rng_below(rng, sizeof(special) - 1)]
                     : (char)(1 + rng_below(rng, 255));
    buf[len] = '\0';
    return buf;
}

struct values {
    const char *at[VALUES_MAX];
    char bytes[VALUES_MAX][16];
};

static void values_draw(struct rng *rng, struct values *values)
{
    for (size_t i = 0; i < VALUES_MAX; i++)
        values->at[i] =
            random_value(rng, values->bytes[i], sizeof(values->bytes[i]));
}

static const struct js_sh_sources many = {.count = VALUES_MAX,
                                          .is_command_line = true};

/* Compiles the text, and appends it with the values as a line. */
static void script_add(struct js_buf *script, const struct js_buf *text,
                       const struct values *values)
{
    struct js_err err;
    size_t at;
    struct js_sh_template *template = js_sh_template_new_command(
        text->data, text->len, &many, NULL, &at, &err);
    if (!template)
        fprintf(stderr, "\nsh_template: %.*s\n%zu: %s\n", (int)text->len,
                text->data, at, err.text);
    CU_ASSERT_FATAL(template != NULL);
    CU_ASSERT(js_sh_template_expand(template, values->at, 1, script) == 0);
    CU_ASSERT(js_buf_puts(script, "\n") == 0);
    js_sh_template_free(template);
}

/* 2,000 values in each place. The command prints all values of a round; in a
 * substitution, as one string. */
static void test_every_place(void)
{
    static const struct {
        const char *what, *head;
        const char *each; /* '#' stands for the number of the value */
        const char *tail;
        bool is_joined;
    } places[] = {
        {"bare", "printf '%s\\0'", " {#}", "", false},
        {"single", "printf '%s\\0'", " '{#}'", "", false},
        {"double", "printf '%s\\0'", " \"{#}\"", "", false},
        {"$(bare)", "x=$(printf '%s'", " {#}", "; echo .)", true},
        {"\"$(double)\"", "x=\"$(printf '%s'", " \"{#}\"", "; echo .)\"", true},
        {"\"$(single)\"", "x=\"$(printf '%s'", " '{#}'", "; echo .)\"", true},
        {"in words", "V=v; printf '%s\\0'",
         " a{#}b'c{#}d'\"e{#}f$V{#}\\{#}\"$V{#}", "", false},
    };
    struct rng rng = {18};
    for (size_t p = 0; p < sizeof(places) / sizeof(places[0]); p++) {
        struct js_buf script = JS_BUF_INIT, expected = JS_BUF_INIT;
        for (unsigned i = 0; i < unit_rounds(2000 / VALUES_MAX); i++) {
            struct js_buf text = JS_BUF_INIT;
            struct values values;
            values_draw(&rng, &values);
            js_buf_puts(&text, places[p].head);
            for (size_t v = 0; v < VALUES_MAX; v++) {
                const char *value = values.at[v];
                for (const char *c = places[p].each; *c; c++) {
                    if (*c == '#')
                        js_buf_printf(&text, "%zu", v + 1);
                    else
                        js_buf_append(&text, c, 1);
                }
                if (strchr(places[p].each, 'a'))
                    js_buf_printf(&expected, "a%sbc%sde%sfv%s\\%sv%s", value,
                                  value, value, value, value, value);
                else
                    js_buf_puts(&expected, value);
                if (!places[p].is_joined)
                    js_buf_append(&expected, "", 1);
            }
            js_buf_puts(&text, places[p].tail);
            if (places[p].is_joined) {
                js_buf_puts(&text, "; printf '%s\\0' \"$x\"");
                js_buf_append(&expected, ".", 2);
            }
            script_add(&script, &text, &values);
            js_buf_release(&text);
        }
        check_shells(places[p].what, &script, &expected);
        js_buf_release(&script);
        js_buf_release(&expected);
    }
}

/* ------------------------------------------------- random templates */

/* A text, and what it must come to. */
struct nest {
    struct rng rng;
    struct values values;
    struct js_buf text, expected;
};

static void nest_both(struct nest *nest, const char *text, const char *expected)
{
    CU_ASSERT(js_buf_puts(&nest->text, text) == 0);
    CU_ASSERT(js_buf_puts(&nest->expected, expected) == 0);
}

static size_t nest_string(struct nest *nest)
{
    size_t index = rng_below(&nest->rng, VALUES_MAX);
    CU_ASSERT(js_buf_printf(&nest->text, "{%zu}", index + 1) == 0);
    return index;
}

static void nest_value(struct nest *nest)
{
    nest_both(nest, "", nest->values.at[nest_string(nest)]);
}

static void nest_word(struct nest *nest, unsigned depth);

/* A substitution that prints one word, and a dot, so that it keeps newlines. */
static void nest_substitution(struct nest *nest, unsigned depth)
{
    static const struct {
        const char *before, *after;
    } forms[] = {
        {"$(printf '%s.' ", ")"},
        {"$( (printf '%s.' ", ") )"},
        {"$(printf '%s.' ", " # it's ` $( \"\n)"},
        {"$(case x in y) ;; (x|'z)') printf '%s.' ", ";; *) echo no; esac)"},
        {"$(case x in x) case y in y) printf '%s.' ", ";; esac esac)"},
        {"$(f() { printf '%s.' \"$1\"; }; f ", ")"},
        {"$(for i in ", "; do printf '%s.' \"$i\"; done)"},
        {"$(A=", "; printf '%s.' \"$A\")"},
        {"$(if :; then case a in esac; printf '%s.' ", "\nfi)"},
        {"$(: <<'E' $((1+(2)))\nit's $( `\nE\nprintf '%s.' ", ")"},
        {"$(: ${V#'}'} \"${V:-a\\}b}\" `echo \"'\"` \\'; printf '%s.' ", ")"},
    };
    size_t form = rng_below(&nest->rng, sizeof(forms) / sizeof(forms[0]) + 1);
    if (form == sizeof(forms) / sizeof(forms[0])) {
        /* A value is a pattern that matches itself. */
        size_t index = rng_below(&nest->rng, VALUES_MAX) + 1;
        js_buf_printf(&nest->text, "$(case {%zu} in {%zu}) printf '%%s.' ",
                      index, index);
        nest_word(nest, depth);
        nest_both(nest, ";; *) echo no;; esac)", ".");
        return;
    }
    nest_both(nest, forms[form].before, "");
    nest_word(nest, depth);
    nest_both(nest, forms[form].after, ".");
}

static void nest_double(struct nest *nest, unsigned depth)
{
    nest_both(nest, "\"", "");
    for (size_t parts = rng_below(&nest->rng, 4); parts > 0; parts--) {
        switch (rng_below(&nest->rng, depth > 0 ? 8 : 6)) {
        case 0:
            nest_both(nest, "a 'b' #(", "a 'b' #(");
            break;
        case 1:
            nest_both(nest, "\\$\\\"\\\\\\`", "$\"\\`");
            break;
        case 2:
            nest_both(nest, "\\", "\\");
            nest_value(nest);
            break;
        case 3:
            nest_both(nest, "$V", "v");
            nest_value(nest);
            break;
        case 4:
        case 5:
            nest_value(nest);
            break;
        default:
            nest_substitution(nest, depth - 1);
        }
    }
    nest_both(nest, "\"", "");
}

static void nest_word(struct nest *nest, unsigned depth)
{
    for (size_t parts = rng_below(&nest->rng, 4) + 1; parts > 0; parts--) {
        switch (rng_below(&nest->rng, 6)) {
        case 0:
            nest_both(nest, "a\\ \\'$V${V}$((1+2))`echo b`", "a 'vv3b");
            break;
        case 1:
            nest_both(nest, "'x\"", "x\"");
            nest_value(nest);
            nest_both(nest, "$( #\\'", "$( #\\");
            break;
        case 2:
        case 3:
            nest_value(nest);
            break;
        default:
            nest_double(nest, depth);
        }
    }
}

static void test_nested_places(void)
{
    struct js_buf script = JS_BUF_INIT;
    struct nest nest = {.rng = {1}};
    js_buf_puts(&script, "V=v\n");
    for (unsigned i = 0; i < unit_rounds(400); i++) {
        values_draw(&nest.rng, &nest.values);
        nest.text.len = 0;
        js_buf_puts(&nest.text, "printf '%s\\0' ");
        nest_word(&nest, 3);
        js_buf_append(&nest.expected, "", 1);
        script_add(&script, &nest.text, &nest.values);
    }
    check_shells("nested", &script, &nest.expected);
    js_buf_release(&script);
    js_buf_release(&nest.text);
    js_buf_release(&nest.expected);
}

/* Whatever the template is, no part of a value is run. */
static void test_no_value_is_run(void)
{
    static const char *const tokens[] = {
        "{1}", "{1}",        "{2}",  " ",    " ",   "\n",    ";",     "(",
        ")",   "((",         "))",   "$(",   "$((", "\"",    "'",     "`",
        "\\",  "$x",         "${x",  ":-",   "}",   "#",     "<<E",   "\nE\n",
        "$'",  "|",          "&&",   "case", "in",  "esac",  ";;",    "x",
        "if ", "then ",      "fi",   "for ", "do ", "done",  "echo ", "A=",
        "{",   "!",          ":",    ":",    "g()", "\\\n",  "$",     "<(",
        "x) ", "case x in ", "\"$(", "')'",  "[[ ", "<<-'E'"};
    static const char *const hostile[] = {"$(echo PW''NED)",
                                          "`echo PW''NED`",
                                          "';echo PW\"\"NED;'",
                                          "\";echo PW''NED;\"",
                                          "\necho PW''NED\n",
                                          ";echo PW''NED;",
                                          "\nE\necho PW''NED\n",
                                          ")\necho PW''NED\n(",
                                          "\\\";echo PW''NED;\\\"",
                                          "\\';echo PW\"\"NED;\\'",
                                          "}\necho PW''NED\n",
                                          "esac\necho PW''NED\n",
                                          "))\necho PW''NED\n",
                                          "\\\\\";echo PW''NED;\"",
                                          "echo",
                                          "\\"};
    enum {
        HOSTILE = sizeof(hostile) / sizeof(hostile[0]),
        TOKENS = sizeof(tokens) / sizeof(tokens[0])
    };
    struct nest nest = {.rng = {2}};
    for (unsigned i = 0; i < unit_rounds(600); i++) {
        struct js_buf text = JS_BUF_INIT, script = JS_BUF_INIT;
        struct js_err err;
        size_t at, from = 0;
        for (size_t v = 0; v < VALUES_MAX; v++)
            nest.values.at[v] = hostile[rng_below(&nest.rng, HOSTILE)];
        /* Tokens in any order; or something that is right, with some more. */
        nest.text.len = 0;
        if (rng_chance(&nest.rng, 70)) {
            js_buf_puts(&nest.text, "echo ");
            nest_word(&nest, 2);
        }
        size_t count = rng_below(&nest.rng, nest.text.len > 0 ? 3 : 16) + 1;
        for (size_t n = 0; n < count; n++) {
            size_t to = from + rng_below(&nest.rng, nest.text.len - from + 1);
            js_buf_append(&text, nest.text.data + from, to - from);
            js_buf_puts(&text, tokens[rng_below(&nest.rng, TOKENS)]);
            from = to;
        }
        js_buf_append(&text, nest.text.data + from, nest.text.len - from);
        struct js_sh_template *template = js_sh_template_new_command(
            text.data, text.len, &many, NULL, &at, &err);
        if (template && !js_sh_template_is_constant(template)) {
            CU_ASSERT(js_sh_template_expand(template, nest.values.at, 1,
                                            &script) == 0);
            const char *shell = rng_chance(&nest.rng, 50) ? "sh" : "bash";
            struct js_buf output = shell_run(shell, &script);
            bool is_run =
                output.len > 0 && memmem(output.data, output.len, "PWNED", 5);
            CU_ASSERT_FALSE(is_run);
            if (is_run)
                fprintf(stderr, "\nsh_template: %s runs a value in: %s\n",
                        shell, js_buf_string(&text));
            js_buf_release(&output);
        }
        js_sh_template_free(template);
        js_buf_release(&text);
        js_buf_release(&script);
    }
    js_buf_release(&nest.text);
    js_buf_release(&nest.expected);
}

static const struct unit_test tests[] = {
    {"strings", test_strings},
    {"endings", test_endings},
    {"attributes", test_attributes},
    {"plain values", test_plain_values},
    {"refusals", test_refusals},
    {"refusals of strings", test_refusals_of_strings},
    {"near misses", test_near_misses},
    {"second programs", test_second_programs},
    {"uses", test_uses},
    {"every place", test_every_place},
    {"nested places", test_nested_places},
    {"no value is run", test_no_value_is_run},
    {NULL, NULL},
};

const struct unit_suite suite_sh_template = {"sh_template", tests};
