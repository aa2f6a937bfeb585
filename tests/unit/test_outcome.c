/* outcome: the sentences that people read about a job. */
#include "unit.h"

#include "list/outcome.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static void check_text(const struct js_outcome *outcome, const char *expected)
{
    struct js_buf buf = JS_BUF_INIT;
    js_buf_puts(&buf, "> ");
    CU_ASSERT_EQUAL_FATAL(js_outcome_describe(outcome, NULL, &buf), 0);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&buf) + 2, expected);
    CU_ASSERT_EQUAL(strncmp(buf.data, "> ", 2), 0);
    js_buf_release(&buf);
}

static void test_success_is_status_0_and_nothing_else(void)
{
    struct js_outcome outcome = {.exit_code = 0};
    CU_ASSERT_TRUE(js_outcome_succeeded(&outcome));
    check_text(&outcome, "exit 0");
    outcome.exit_code = 1;
    CU_ASSERT_FALSE(js_outcome_succeeded(&outcome));
    outcome = (struct js_outcome){.signal = SIGTERM};
    CU_ASSERT_FALSE(js_outcome_succeeded(&outcome));
    outcome = (struct js_outcome){.step = JS_STEP_RUNNER};
    CU_ASSERT_FALSE(js_outcome_succeeded(&outcome));
}

static void test_exit_codes(void)
{
    check_text(&(struct js_outcome){.exit_code = 3}, "exit 3");
    check_text(&(struct js_outcome){.exit_code = 255}, "exit 255");
}

static void check_signal(int number, const char *expected)
{
    check_text(&(struct js_outcome){.signal = (uint32_t)number}, expected);
}

static void test_signals_by_name(void)
{
    check_signal(SIGSEGV, "killed by SIGSEGV (signal 11)");
    check_signal(SIGKILL, "killed by SIGKILL (signal 9)");
    check_signal(SIGTERM, "killed by SIGTERM (signal 15)");
    check_signal(SIGXCPU, "killed by SIGXCPU (signal 24)");
    check_signal(34, "killed by SIGRTMIN+0 (signal 34)");
    check_signal(64, "killed by SIGRTMIN+30 (signal 64)");
    check_signal(33, "killed by signal 33"); /* the C library's own */
    check_signal(65, "killed by signal 65");
    check_text(&(struct js_outcome){.signal = UINT32_MAX},
               "killed by signal 4294967295");
}

/* The C library knows the names as well, where it is new enough. */
static void test_signal_names_are_those_of_the_system(void)
{
    for (int number = 1; number < 32; number++) {
        struct js_buf buf = JS_BUF_INIT;
        js_buf_printf(&buf, "killed by SIG%s (signal %d)", sigabbrev_np(number),
                      number);
        check_signal(number, js_buf_string(&buf));
        js_buf_release(&buf);
    }
}

static void check_step(enum js_step step, int error, const char *expected)
{
    check_text(&(struct js_outcome){.exit_code = 126,
                                    .step = step,
                                    .step_errno = error},
               expected);
}

static void test_steps_say_what_to_do(void)
{
    check_step(
        JS_STEP_FORK, EAGAIN,
        "could not be started: no process could be created for it: Resource "
        "temporarily unavailable: too many processes: raise `ulimit "
        "-u`, or run fewer slots");
    check_step(
        JS_STEP_OUTPUT, ENOSPC,
        "could not be started: its output files cannot be opened: No "
        "space left on device: free some space in the folder of --tmpdir "
        "(or --output), or name another folder");
    check_step(JS_STEP_EXEC, E2BIG,
               "could not be started: it cannot be executed: Argument list "
               "too long: the command and the environment are longer than the "
               "system accepts: put the command in a script");
    check_step(JS_STEP_RUNNER, 0,
               "each time that it ran, its slave or the process that starts "
               "jobs there was lost: it must not kill or stop its parent "
               "process, or all processes of its user; the system log of the "
               "host says whether the host ran out of memory");
    check_step(JS_STEP_GROUP, EPERM,
               "could not be started: it cannot be given a process group: "
               "Operation not permitted");
}

static void check_hint(enum js_step step, int error, const char *part)
{
    struct js_outcome outcome = {.step = step, .step_errno = error};
    struct js_buf buf = JS_BUF_INIT;
    CU_ASSERT_EQUAL_FATAL(js_outcome_describe(&outcome, NULL, &buf), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(js_buf_string(&buf), strerror(error)));
    CU_ASSERT_PTR_NOT_NULL(strstr(js_buf_string(&buf), part));
    js_buf_release(&buf);
}

static void test_hints_follow_step_and_errno(void)
{
    check_hint(JS_STEP_OUTPUT, EACCES, "--output");
    check_hint(JS_STEP_OUTPUT, EROFS, "you may write to");
    check_hint(JS_STEP_OUTPUT, ENOENT, "must exist on every host");
    check_hint(JS_STEP_OUTPUT, ELOOP, "symbolic link");
    check_hint(JS_STEP_OUTPUT, EIO, "--tmpdir"); /* the step's own */
    check_hint(JS_STEP_CHDIR, ENOENT, "reachable on every host");
    check_hint(JS_STEP_CHDIR, EACCES, "allowed to enter");
    check_hint(JS_STEP_BIND, EINVAL, "--bind none");
    check_hint(JS_STEP_EXEC, ENOENT, "/bin/sh is missing");
    check_hint(JS_STEP_STDIN, ENOENT, "be readable");
    check_hint(JS_STEP_COLLECT, EHOSTDOWN, "its slave was lost");
    check_hint(JS_STEP_COLLECT, EMFILE, "`ulimit -n`");
    for (int step = JS_STEP_FORK; step <= JS_STEP_EXEC; step++) {
        check_hint(step, EMFILE, "`ulimit -n`");
        check_hint(step, ENFILE, "fs.file-max");
        check_hint(step, ENOMEM, "short of memory");
    }
}

static void test_the_file_is_named(void)
{
    struct js_outcome outcome = {.step = JS_STEP_STDIN, .step_errno = ENOENT};
    struct js_buf buf = JS_BUF_INIT;
    CU_ASSERT_EQUAL_FATAL(js_outcome_describe(&outcome, "a\tb/in.7", &buf), 0);
    CU_ASSERT_STRING_EQUAL(
        js_buf_string(&buf),
        "could not be started: its standard input cannot be opened: "
        "a\\tb/in.7: No such file or directory: it must exist on this host and "
        "be readable");
    js_buf_release(&buf);
}

static void test_unknown_steps_do_no_harm(void)
{
    check_step((enum js_step)JS_STEP_COUNT, EIO,
               "could not be started: step 13 failed: Input/output error");
    check_step((enum js_step)1000, EIO,
               "could not be started: step 1000 failed: Input/output error");
}

static const struct unit_test tests[] = {
    {"success is status 0 and nothing else",
     test_success_is_status_0_and_nothing_else},
    {"exit codes", test_exit_codes},
    {"signals by name", test_signals_by_name},
    {"signal names are those of the system",
     test_signal_names_are_those_of_the_system},
    {"steps say what to do", test_steps_say_what_to_do},
    {"hints follow step and errno", test_hints_follow_step_and_errno},
    {"the file is named", test_the_file_is_named},
    {"unknown steps do no harm", test_unknown_steps_do_no_harm},
    {NULL, NULL},
};
const struct unit_suite suite_outcome = {"outcome", tests};
