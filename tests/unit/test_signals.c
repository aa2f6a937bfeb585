/* sig: what signals ask for. */
#include "unit.h"

#include "node/signals.h"

#include <signal.h>

static void test_each_wants_more(void)
{
    js_signals_catch();
    CU_ASSERT_EQUAL(js_signals_request(), JS_STOP_REQUEST_NONE);
    CU_ASSERT_STRING_EQUAL(js_signals_name(), "");
    raise(SIGUSR2);
    CU_ASSERT_EQUAL(js_signals_request(), JS_STOP_REQUEST_DRAIN);
    CU_ASSERT_STRING_EQUAL(js_signals_name(), "SIGUSR2");
    raise(SIGUSR1);
    CU_ASSERT_STRING_EQUAL(js_signals_name(), "SIGUSR2");
    raise(SIGHUP);
    CU_ASSERT_EQUAL(js_signals_request(), JS_STOP_REQUEST_HURRY);
    CU_ASSERT_STRING_EQUAL(js_signals_name(), "SIGHUP");
    raise(SIGUSR1);
    CU_ASSERT_EQUAL(js_signals_request(), JS_STOP_REQUEST_HURRY);
    raise(SIGINT);
    CU_ASSERT_EQUAL(js_signals_request(), JS_STOP_REQUEST_NOW);
    js_signals_restore();
    /* Caught again it is as if nothing had been. */
    js_signals_catch();
    CU_ASSERT_EQUAL(js_signals_request(), JS_STOP_REQUEST_NONE);
    raise(SIGTERM);
    CU_ASSERT_STRING_EQUAL(js_signals_name(), "SIGTERM");
    js_signals_restore();
    js_signals_catch();
    raise(SIGALRM);
    CU_ASSERT_EQUAL(js_signals_request(), JS_STOP_REQUEST_HURRY);
    CU_ASSERT_STRING_EQUAL(js_signals_name(), "SIGALRM");
    js_signals_restore();
}

static void test_what_is_passed_on_asks_for_less(void)
{
    struct js_signals_passed passed = {.stop_request = JS_STOP_REQUEST_NONE};
    js_signals_catch();
    CU_ASSERT_STRING_EQUAL(js_signals_reason(&passed), "");
    js_signals_pass(&passed, SIGINT);
    CU_ASSERT_EQUAL(passed.stop_request, JS_STOP_REQUEST_DRAIN);
    CU_ASSERT_STRING_EQUAL(js_signals_reason(&passed), "^C");
    for (int i = 0; i < 5; i++)
        js_signals_pass(&passed, i % 2 ? SIGTERM : SIGHUP);
    CU_ASSERT_EQUAL(passed.stop_request, JS_STOP_REQUEST_END);
    CU_ASSERT_STRING_EQUAL(js_signals_reason(&passed), "SIGHUP");
    js_signals_pass(&passed, SIGINT);
    CU_ASSERT_EQUAL(passed.stop_request, JS_STOP_REQUEST_END);
    js_signals_pass(&passed, SIGINT);
    CU_ASSERT_EQUAL(passed.stop_request, JS_STOP_REQUEST_NOW);
    CU_ASSERT_STRING_EQUAL(js_signals_reason(&passed), "^C");
    js_signals_restore();
}

static void test_the_stronger_gives_the_reason(void)
{
    struct js_signals_passed passed = {.stop_request = JS_STOP_REQUEST_NONE};
    js_signals_catch();
    raise(SIGUSR2);
    js_signals_pass(&passed, SIGHUP);
    CU_ASSERT_STRING_EQUAL(js_signals_reason(&passed), "SIGHUP");
    raise(SIGTERM); /* leaves less time */
    CU_ASSERT_STRING_EQUAL(js_signals_reason(&passed), "SIGTERM");
    js_signals_restore();
    js_signals_catch();
    passed = (struct js_signals_passed){.stop_request = JS_STOP_REQUEST_NONE};
    js_signals_pass(&passed, SIGPIPE);
    CU_ASSERT_EQUAL(passed.stop_request, JS_STOP_REQUEST_END);
    CU_ASSERT_STRING_EQUAL(js_signals_reason(&passed),
                           "the exit of the program that reads its output");
    js_signals_pass(&passed, SIGKILL);
    CU_ASSERT_EQUAL(passed.stop_request, JS_STOP_REQUEST_HURRY);
    CU_ASSERT_STRING_EQUAL(js_signals_reason(&passed),
                           "the exit of its launcher");
    js_signals_restore();
}

static void test_a_pause_ends_when_the_run_is_to_end(void)
{
    struct js_signals_passed passed = {.stop_request = JS_STOP_REQUEST_NONE};
    js_signals_pass(&passed, SIGTSTP);
    CU_ASSERT_TRUE(passed.is_paused);
    CU_ASSERT_EQUAL(passed.stop_request, JS_STOP_REQUEST_NONE);
    js_signals_pass(&passed, SIGUSR1);
    CU_ASSERT_TRUE(passed.is_paused);
    js_signals_pass(&passed, SIGCONT);
    CU_ASSERT_FALSE(passed.is_paused);
    js_signals_pass(&passed, SIGTSTP);
    js_signals_pass(&passed, SIGTERM);
    CU_ASSERT_FALSE(passed.is_paused);
}

static void test_a_warning_is_no_request(void)
{
    js_signals_catch();
    CU_ASSERT_FALSE(js_signals_take_warning());
    raise(SIGCONT);
    CU_ASSERT_TRUE(js_signals_take_warning());
    CU_ASSERT_FALSE(js_signals_take_warning());
    CU_ASSERT_EQUAL(js_signals_request(), JS_STOP_REQUEST_NONE);
    js_signals_restore();
}

/* As nohup(1) has it. */
static void test_what_was_ignored_stays_ignored(void)
{
    void (*before)(int) = signal(SIGHUP, SIG_IGN);
    js_signals_catch();
    raise(SIGHUP);
    CU_ASSERT_EQUAL(js_signals_request(), JS_STOP_REQUEST_NONE);
    js_signals_restore();
    CU_ASSERT_EQUAL(signal(SIGHUP, before), SIG_IGN);
}

static const struct unit_test tests[] = {
    {"each wants more", test_each_wants_more},
    {"what is passed on asks for less", test_what_is_passed_on_asks_for_less},
    {"the stronger gives the reason", test_the_stronger_gives_the_reason},
    {"a pause ends when the run is to end",
     test_a_pause_ends_when_the_run_is_to_end},
    {"a warning is no request", test_a_warning_is_no_request},
    {"what was ignored stays ignored", test_what_was_ignored_stays_ignored},
    {NULL, NULL},
};

const struct unit_suite suite_signals = {"signals", tests};
