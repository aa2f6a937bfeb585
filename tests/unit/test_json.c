/* json: what is written is JSON, whatever the strings are. */
#include "unit.h"

#include "base/json.h"

#include <math.h>
#include <string.h>

static void expect(struct js_json *json, const char *want)
{
    CU_ASSERT_EQUAL(js_json_check(json), 0);
    const char *got = js_buf_string(&json->buf);
    CU_ASSERT_STRING_EQUAL(got, want);
    js_buf_release(&json->buf);
}

static void test_a_document(void)
{
    struct js_json json = {0};
    js_json_open_object(&json, NULL);
    js_json_count(&json, "a", UINT64_MAX);
    js_json_open_array(&json, "b");
    js_json_int(&json, NULL, -1);
    js_json_open_object(&json, NULL);
    js_json_close_object(&json);
    js_json_null(&json, NULL);
    js_json_close_array(&json);
    js_json_bool(&json, "c", true);
    js_json_real(&json, "d", 0.5);
    js_json_real(&json, "e", NAN);
    js_json_seconds(&json, "f", -1500001000);
    js_json_close_object(&json);
    expect(&json, "{\"a\":18446744073709551615,\"b\":[-1,{},null],\"c\":true,"
                  "\"d\":0.500,\"e\":null,\"f\":-1.500001}");
}

static void expect_string(const char *bytes, const char *want)
{
    struct js_json json = {0};
    js_json_string(&json, NULL, bytes);
    expect(&json, want);
}

static void test_strings(void)
{
    expect_string("", "\"\"");
    expect_string("a\"b\\c\n\t\r\x01\x7f", "\"a\\\"b\\\\c\\n\\t\\u000d\\u0001"
                                           "\\u007f\"");
    expect_string("</script>", "\"\\u003c/script>\"");
    expect_string("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
                  "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
}

static void test_what_is_no_utf8(void)
{
    expect_string("\x80", "\"\\ufffd\"");
    expect_string("a\xff\xc3", "\"a\\ufffd\\ufffd\"");
    expect_string("\xc0\xaf", "\"\\ufffd\\ufffd\"");
    expect_string("\xe0\x80\xaf", "\"\\ufffd\\ufffd\\ufffd\"");
    expect_string("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");
    expect_string("\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
    expect_string("\xe2\x82", "\"\\ufffd\\ufffd\"");
    expect_string("\xe2\x82z", "\"\\ufffd\\ufffdz\"");
}

static const struct unit_test tests[] = {
    {"a document", test_a_document},
    {"strings", test_strings},
    {"what is no UTF-8", test_what_is_no_utf8},
    {NULL, NULL},
};

const struct unit_suite suite_json = {"json", tests};
