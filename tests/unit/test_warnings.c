/* warnings: which lines are pieces of a script, and which only look like it. */
#include "unit.h"

#include "list/warnings.h"

#include <stdlib.h>
#include <string.h>

struct sample {
    const char *command;
    enum js_shline look;
};

/* Of the broken and the doubtful sh has the last word, which is here as well:
 * whether it takes them. */
static const struct sample samples[] = {
    {"./solve.sh 1", JS_SHLINE_WHOLE},
    {"", JS_SHLINE_WHOLE},
    {"a && b || c; d | e", JS_SHLINE_WHOLE},
    {"sleep 3 && echo late >f &", JS_SHLINE_BACKGROUND},
    {"nohup ./run >log 2>&1 &", JS_SHLINE_BACKGROUND},
    {"a & # and go on", JS_SHLINE_BACKGROUND},
    {"a &  \t", JS_SHLINE_BACKGROUND},
    {"(a; b &)", JS_SHLINE_BACKGROUND},
    {"{ a & }", JS_SHLINE_BACKGROUND},
    {"for i in 1 2; do ./run $i & done", JS_SHLINE_BACKGROUND},
    {"if a; then b; fi &", JS_SHLINE_BACKGROUND},
    {"a & wait", JS_SHLINE_WHOLE},
    {"a & b", JS_SHLINE_WHOLE},
    {"for i in 1 2; do ./run $i & done; wait", JS_SHLINE_WHOLE},
    {"a 2>&1", JS_SHLINE_WHOLE},
    {"a >&2", JS_SHLINE_WHOLE},
    {"echo a \\&", JS_SHLINE_WHOLE},
    {"echo 'a &'", JS_SHLINE_WHOLE},
    {"echo \"a &\"", JS_SHLINE_WHOLE},
    {"echo a # &", JS_SHLINE_WHOLE},
    {"echo a#b &", JS_SHLINE_BACKGROUND},
    {"echo $((1 & 2))", JS_SHLINE_WHOLE},
    {"echo $# ${#x} ${x#\"}\"}", JS_SHLINE_WHOLE},
    {"echo \"$(echo \"x y\")\" `date`", JS_SHLINE_WHOLE},
    {"echo it\\'s", JS_SHLINE_WHOLE},
    {"for i in 1 2; do if a; then b; else c; fi; done", JS_SHLINE_WHOLE},
    {"while read x; do echo $x; done <f | sort", JS_SHLINE_WHOLE},
    {"until test -e go; do sleep 0.02; done", JS_SHLINE_WHOLE},
    {"case $x in a) b;; (c) d;; *) e; esac", JS_SHLINE_WHOLE},
    {"f() { echo $1; }; f 2", JS_SHLINE_WHOLE},
    {"! test -e f && ! { a; b; }", JS_SHLINE_WHOLE},
    {"echo do done fi { } then", JS_SHLINE_WHOLE},
    {">f", JS_SHLINE_WHOLE},
    {"done", JS_SHLINE_BROKEN},
    {"  done", JS_SHLINE_BROKEN},
    {"done <f", JS_SHLINE_BROKEN},
    {"do", JS_SHLINE_BROKEN},
    {"then echo a", JS_SHLINE_BROKEN},
    {"else", JS_SHLINE_BROKEN},
    {"elif a; then", JS_SHLINE_BROKEN},
    {"fi", JS_SHLINE_BROKEN},
    {"esac", JS_SHLINE_BROKEN},
    {"}", JS_SHLINE_BROKEN},
    {")", JS_SHLINE_BROKEN},
    {";; # next", JS_SHLINE_BROKEN},
    {"| sort", JS_SHLINE_BROKEN},
    {"&& b", JS_SHLINE_BROKEN},
    {"for i in 1 2 3; do", JS_SHLINE_DOUBTFUL},
    {"for i in 1 2 3", JS_SHLINE_DOUBTFUL},
    {"if [ -f x ]; then", JS_SHLINE_DOUBTFUL},
    {"while true", JS_SHLINE_DOUBTFUL},
    {"case $x in", JS_SHLINE_DOUBTFUL},
    {"f() {", JS_SHLINE_DOUBTFUL},
    {"(a; b", JS_SHLINE_DOUBTFUL},
    {"a &&", JS_SHLINE_DOUBTFUL},
    {"a |", JS_SHLINE_DOUBTFUL},
    {"echo 'a", JS_SHLINE_DOUBTFUL},
    {"echo \"a", JS_SHLINE_DOUBTFUL},
    {"echo ${x", JS_SHLINE_DOUBTFUL},
    {"a; done", JS_SHLINE_DOUBTFUL},
};

static void test_samples(void)
{
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        const char *command = samples[i].command;
        enum js_shline look = js_shline_look(command, strlen(command));
        CU_ASSERT_EQUAL(look, samples[i].look);
        if (look != samples[i].look)
            fprintf(stderr, "\nshline: %s: %d\n", command, (int)look);
    }
}

/* What was said without a shell is what a shell says. */
static void test_a_shell_agrees(void)
{
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        bool is_whole = samples[i].look == JS_SHLINE_WHOLE ||
                        samples[i].look == JS_SHLINE_BACKGROUND;
        bool takes = js_shline_sh_accepts(samples[i].command);
        CU_ASSERT_EQUAL(takes, is_whole);
        if (takes != is_whole)
            fprintf(stderr, "\nshline: sh on: %s\n", samples[i].command);
    }
}

/* However it is cut, it reads nothing that is not there (under a sanitizer). */
static void test_every_part_of_a_line(void)
{
    static const char line[] = "if a; then echo \"${x:-`b`}\" '#' \\& $(c "
                               "d) 2>&1; fi & # e";
    for (size_t len = 0; len < sizeof(line); len++) {
        char *copy = not_null(malloc(len + 1));
        memcpy(copy, line, len);
        js_shline_look(copy, len);
        free(copy);
    }
    CU_ASSERT_EQUAL(js_shline_look(line, strlen(line)), JS_SHLINE_BACKGROUND);
}

static void check_shebang(const char *text, size_t expected)
{
    CU_ASSERT_EQUAL(js_shline_shebang(text, strlen(text)), expected);
}

static void test_shebang(void)
{
    check_shebang("#!/bin/sh\necho a\n", 9);
    check_shebang("#!/bin/bash -e\r\n", 14);
    check_shebang("#!/usr/bin/env bash\n", 19);
    check_shebang("#! /bin/zsh", 11);
    check_shebang("#!/bin/sh", 9);
    check_shebang("#!/usr/bin/env jobsched\n", 0);
    check_shebang("#!/usr/bin/python3\n", 0);
    check_shebang("# !/bin/sh\n", 0);
    check_shebang("echo /bin/sh\n", 0);
    check_shebang("#!", 0);
    check_shebang("", 0);
}

static const struct unit_test tests[] = {
    {"samples", test_samples},
    {"a shell agrees", test_a_shell_agrees},
    {"every part of a line", test_every_part_of_a_line},
    {"shebang", test_shebang},
    {NULL, NULL},
};

const struct unit_suite suite_warnings = {"warnings", tests};
