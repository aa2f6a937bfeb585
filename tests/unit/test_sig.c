/* sig: what signals ask for. */
#include "unit.h"

#include "node/sig.h"

#include <signal.h>

static void test_each_wants_more(void)
{
    js_sig_catch();
    CU_ASSERT_EQUAL(js_sig_request(), JS_REQUEST_NONE);
    CU_ASSERT_STRING_EQUAL(js_sig_name(), "");
    raise(SIGUSR2);
    CU_ASSERT_EQUAL(js_sig_request(), JS_REQUEST_DRAIN);
    CU_ASSERT_STRING_EQUAL(js_sig_name(), "SIGUSR2");
    raise(SIGUSR1);
    CU_ASSERT_STRING_EQUAL(js_sig_name(), "SIGUSR2");
    raise(SIGHUP);
    CU_ASSERT_EQUAL(js_sig_request(), JS_REQUEST_HURRY);
    CU_ASSERT_STRING_EQUAL(js_sig_name(), "SIGHUP");
    raise(SIGUSR1);
    CU_ASSERT_EQUAL(js_sig_request(), JS_REQUEST_HURRY);
    raise(SIGINT);
    CU_ASSERT_EQUAL(js_sig_request(), JS_REQUEST_NOW);
    js_sig_restore();
    /* Caught again it is as if nothing had been. */
    js_sig_catch();
    CU_ASSERT_EQUAL(js_sig_request(), JS_REQUEST_NONE);
    raise(SIGTERM);
    CU_ASSERT_STRING_EQUAL(js_sig_name(), "SIGTERM");
    js_sig_restore();
    js_sig_catch();
    raise(SIGALRM);
    CU_ASSERT_EQUAL(js_sig_request(), JS_REQUEST_HURRY);
    CU_ASSERT_STRING_EQUAL(js_sig_name(), "SIGALRM");
    js_sig_restore();
}

static void test_a_warning_is_no_request(void)
{
    js_sig_catch();
    CU_ASSERT_FALSE(js_sig_take_warning());
    raise(SIGCONT);
    CU_ASSERT_TRUE(js_sig_take_warning());
    CU_ASSERT_FALSE(js_sig_take_warning());
    CU_ASSERT_EQUAL(js_sig_request(), JS_REQUEST_NONE);
    js_sig_restore();
}

/* As nohup(1) has it. */
static void test_what_was_ignored_stays_ignored(void)
{
    void (*before)(int) = signal(SIGHUP, SIG_IGN);
    js_sig_catch();
    raise(SIGHUP);
    CU_ASSERT_EQUAL(js_sig_request(), JS_REQUEST_NONE);
    js_sig_restore();
    CU_ASSERT_EQUAL(signal(SIGHUP, before), SIG_IGN);
}

static const struct unit_test tests[] = {
    {"each wants more", test_each_wants_more},
    {"a warning is no request", test_a_warning_is_no_request},
    {"what was ignored stays ignored", test_what_was_ignored_stays_ignored},
    {NULL, NULL},
};

const struct unit_suite suite_sig = {"sig", tests};
