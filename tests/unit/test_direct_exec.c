#include "node/spawn.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_plain_commands(void)
{
    static const char *const plain[] = {
        "ls",
        "./run.sh",
        "  ls\t-l  /tmp ",
        "/bin/echo a=b c:d e,f g@h i%j k+l",
        "sleep 0.1",
        "cd2 x",
        "./cd x",
        "truer",
        "-x",
        "x",
        NULL,
    };
    for (const char *const *line = plain; *line; line++) {
        if (!js_direct_exec_is_plain(*line))
            printf(" \"%s\"", *line);
        CU_ASSERT_TRUE(js_direct_exec_is_plain(*line));
    }
}

static void test_what_is_for_the_shell(void)
{
    static const char *const lines[] = {
        "",        " \t ",      "a=1 ls",   "a=1",      "ls 'x'",   "ls \"x\"",
        "ls $x",   "ls `x`",    "ls | wc",  "ls > x",   "ls < x",   "ls &",
        "ls; ls",  "ls (x)",    "ls *",     "ls a?",    "ls [a]",   "ls ~",
        "ls # x",  "ls {a,b}",  "! ls",     "ls a^b",   "ls \\x",   "ls\nls",
        "ls \x80", "ls \x01",   "cd x",     " cd x",    "\tcd",     ". x",
        ":",       "[ -f x ]",  "true",     "false",    "echo x",   "printf x",
        "test x",  "kill 1",    "exec ls",  "exit 3",   "export x", "umask 0",
        "ulimit",  "wait",      "time ls",  "source x", "local x",  "pwd",
        "set",     "read x",    "trap",     "eval x",   "while x",  "if x",
        "type ls", "typeset x", "alias",    "hash",     "getopts",  "popd",
        "let x",   "select x",  "coproc x", "whence x", "nohup ls", "%1",
        NULL,
    };
    for (const char *const *line = lines; *line; line++) {
        if (js_direct_exec_is_plain(*line))
            printf(" \"%s\"", *line);
        CU_ASSERT_FALSE(js_direct_exec_is_plain(*line));
    }
}

static void test_every_plain_byte_and_no_other(void)
{
    static const char allowed[] = "_-./+,:@%= \t";
    for (int byte = 1; byte < 256; byte++) {
        char line[] = {'l', 's', ' ', 'x', (char)byte, 'x', '\0'};
        bool letter = (byte >= 'a' && byte <= 'z') ||
                      (byte >= 'A' && byte <= 'Z') ||
                      (byte >= '0' && byte <= '9');
        bool wanted = letter || strchr(allowed, byte);
        CU_ASSERT_EQUAL(js_direct_exec_is_plain(line), wanted);
    }
}

static void test_words_and_programs(void)
{
    struct js_direct_exec command = {0};
    const char *line = " prog  -a\tb=1 ";
    CU_ASSERT_EQUAL_FATAL(js_direct_exec_prepare(&command, line, "/a::/b/c"),
                          0);
    CU_ASSERT_STRING_EQUAL(command.argv[0], "prog");
    CU_ASSERT_STRING_EQUAL(command.argv[1], "-a");
    CU_ASSERT_STRING_EQUAL(command.argv[2], "b=1");
    CU_ASSERT_PTR_NULL(command.argv[3]);
    CU_ASSERT_STRING_EQUAL(command.programs[0], "/a/prog");
    CU_ASSERT_STRING_EQUAL(command.programs[1], "prog");
    CU_ASSERT_STRING_EQUAL(command.programs[2], "/b/c/prog");
    CU_ASSERT_PTR_NULL(command.programs[3]);
    CU_ASSERT_STRING_EQUAL(command.shell[0], "sh");
    CU_ASSERT_STRING_EQUAL(command.shell[1], "-c");
    CU_ASSERT_PTR_EQUAL(command.shell[2], line);
    CU_ASSERT_PTR_NULL(command.shell[3]);
    js_direct_exec_release(&command);
}

static void test_reuse_from_job_to_job(void)
{
    struct js_direct_exec command = {0};
    char *line = malloc(100001);
    CU_ASSERT_PTR_NOT_NULL_FATAL(line);
    for (int i = 0; i < 100000; i++)
        line[i] = i % 2 ? ' ' : 'w';
    line[100000] = '\0';
    CU_ASSERT_EQUAL(js_direct_exec_prepare(&command, "./x y", NULL), 0);
    CU_ASSERT_STRING_EQUAL(command.programs[0], "./x");
    CU_ASSERT_PTR_NULL(command.programs[1]);
    CU_ASSERT_EQUAL(js_direct_exec_prepare(&command, line, "/a:/b:/c:/d:"), 0);
    CU_ASSERT_STRING_EQUAL(command.argv[49999], "w");
    CU_ASSERT_PTR_NULL(command.argv[50000]);
    CU_ASSERT_STRING_EQUAL(command.programs[4], "w");
    CU_ASSERT_PTR_NULL(command.programs[5]);
    CU_ASSERT_EQUAL(js_direct_exec_prepare(&command, "echo $x", "/a"), 0);
    CU_ASSERT_PTR_NULL(command.programs[0]);
    CU_ASSERT_STRING_EQUAL(command.shell[2], "echo $x");
    CU_ASSERT_EQUAL(js_direct_exec_prepare(&command, "z", ""), 0);
    CU_ASSERT_STRING_EQUAL(command.programs[0], "z");
    CU_ASSERT_PTR_NULL(command.programs[1]);
    CU_ASSERT_EQUAL(js_direct_exec_prepare(&command, "z", NULL), 0);
    CU_ASSERT_STRING_EQUAL(command.programs[0], "/bin/z");
    js_direct_exec_release(&command);
    js_direct_exec_release(NULL);
    free(line);
}

static void test_what_looks_like_an_option(void)
{
    struct js_direct_exec command = {0};
    CU_ASSERT_EQUAL(js_direct_exec_prepare(&command, "-x y", "/a"), 0);
    CU_ASSERT_STRING_EQUAL(command.shell[2], "--");
    CU_ASSERT_STRING_EQUAL(command.shell[3], "-x y");
    CU_ASSERT_PTR_NULL(command.shell[4]);
    js_direct_exec_release(&command);
}

static const struct unit_test tests[] = {
    {"plain commands", test_plain_commands},
    {"what is for the shell", test_what_is_for_the_shell},
    {"every plain byte and no other", test_every_plain_byte_and_no_other},
    {"words and programs", test_words_and_programs},
    {"reuse from job to job", test_reuse_from_job_to_job},
    {"what looks like an option", test_what_looks_like_an_option},
    {NULL, NULL},
};

const struct unit_suite suite_direct_exec = {"direct_exec", tests};
