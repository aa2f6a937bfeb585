/* settings: what a run's jobs have in common, through a message and back. */
#include "unit.h"

#include "base/clock.h"
#include "jobsched.h"
#include "list/settings.h"

#include <string.h>

static struct js_settings sample(void)
{
    return (struct js_settings){.bind = true,
                                .allow_leftovers = true,
                                .spool_limit_bytes = UINT64_C(1) << 40,
                                .grace_ns = INT64_MAX,
                                .timeout_ns = 3 * JS_NS_PER_S,
                                .output_dir = "out",
                                .cwd = "/home/u",
                                .umask = 027,
                                .capture = JS_CAPTURE_DIR,
                                .run_id = UINT64_MAX};
}

/* Reads what `settings` are in a message. True if it is whole and good. */
static bool passes(const struct js_settings *settings, struct js_buf *buf,
                   struct js_settings *ret)
{
    buf->len = 0;
    CU_ASSERT_EQUAL(js_settings_pack(buf, settings), 0);
    struct js_cursor cursor = js_cursor_of(buf->data, buf->len);
    js_settings_unpack(&cursor, ret);
    return js_cursor_end(&cursor) == 0;
}

static void test_there_and_back(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_settings in = sample(), out;
    memset(&out, 0xff, sizeof(out));
    CU_ASSERT_TRUE(passes(&in, &buf, &out));
    CU_ASSERT_TRUE(out.bind);
    CU_ASSERT_FALSE(out.trace);
    CU_ASSERT_TRUE(out.allow_leftovers);
    CU_ASSERT_EQUAL(out.spool_limit_bytes, in.spool_limit_bytes);
    CU_ASSERT_EQUAL(out.grace_ns, in.grace_ns);
    CU_ASSERT_EQUAL(out.timeout_ns, in.timeout_ns);
    CU_ASSERT_STRING_EQUAL(out.output_dir, "out");
    CU_ASSERT_STRING_EQUAL(out.tmpdir, ""); /* of NULL */
    CU_ASSERT_STRING_EQUAL(out.cwd, "/home/u");
    CU_ASSERT_EQUAL(out.umask, 027);
    CU_ASSERT_EQUAL(out.capture, JS_CAPTURE_DIR);
    CU_ASSERT_EQUAL(out.run_id, UINT64_MAX);
    js_buf_release(&buf);
}

static void test_bad_values(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_settings in = sample(), out;
    in.grace_ns = -1;
    CU_ASSERT_FALSE(passes(&in, &buf, &out));
    in = sample();
    in.timeout_ns = INT64_MIN;
    CU_ASSERT_FALSE(passes(&in, &buf, &out));
    in = sample();
    in.capture = JS_CAPTURE_COUNT;
    CU_ASSERT_FALSE(passes(&in, &buf, &out));
    js_buf_release(&buf);
}

static void test_every_cut(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_settings in = sample(), out;
    CU_ASSERT_TRUE(passes(&in, &buf, &out));
    for (size_t len = 0; len < buf.len; len++) {
        struct js_cursor cursor = js_cursor_of(buf.data, len);
        js_settings_unpack(&cursor, &out);
        CU_ASSERT_EQUAL(js_cursor_end(&cursor), -1);
    }
    js_buf_release(&buf);
}

/* A text that does not end where it says, or ends before. */
static void test_torn_texts(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_settings in = sample(), out;
    const char replacements[] = {'x', '\0'};
    for (size_t i = 0; i < sizeof(replacements); i++) {
        CU_ASSERT_TRUE(passes(&in, &buf, &out));
        char *text = memmem(buf.data, buf.len, "/home/u", sizeof("/home/u"));
        text = not_null(text);
        text[i == 0 ? strlen(text) : 3] = replacements[i];
        struct js_cursor cursor = js_cursor_of(buf.data, buf.len);
        js_settings_unpack(&cursor, &out);
        CU_ASSERT_EQUAL(js_cursor_end(&cursor), -1);
    }
    js_buf_release(&buf);
}

/* What a configuration says arrives under the same names. */
static void test_of_a_configuration(void)
{
    struct jobsched_config defaults;
    jobsched_config_init(&defaults);
    struct jobsched_config *config = &defaults;
    config->tmpdir = "/scratch";
    struct js_settings settings = {JS_SETTINGS_OF_CONFIG};
    CU_ASSERT_TRUE(settings.bind);
    CU_ASSERT_FALSE(settings.allow_leftovers);
    CU_ASSERT_EQUAL(settings.grace_ns, 5 * JS_NS_PER_S);
    CU_ASSERT_EQUAL(settings.spool_limit_bytes, UINT64_C(1) << 30);
    CU_ASSERT_STRING_EQUAL(settings.tmpdir, "/scratch");
    CU_ASSERT_PTR_NULL(settings.output_dir);
}

static const struct unit_test tests[] = {
    {"a message and back", test_there_and_back},
    {"values out of range", test_bad_values},
    {"every cut is refused", test_every_cut},
    {"torn texts are refused", test_torn_texts},
    {"from a configuration", test_of_a_configuration},
    {NULL, NULL},
};

const struct unit_suite suite_settings = {"settings", tests};
