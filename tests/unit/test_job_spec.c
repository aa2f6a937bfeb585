/* details: what a job's process gets besides its command. */
#include "unit.h"

#include "list/job_spec.h"
#include "rng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void pack(const char *list, struct js_buf *buf)
{
    struct js_attributes attributes;
    struct js_err err;
    size_t at;
    js_attributes_init(&attributes);
    CU_ASSERT_FATAL(
        js_attributes_read(list, strlen(list), &attributes, &at, &err) > 0);
    CU_ASSERT_EQUAL(js_job_spec_pack(buf, &attributes), 0);
    js_attributes_release(&attributes);
}

static void test_all(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_job_spec details;
    pack("[env=A=1 name=n dir=d stdin=i stdout=o stderr=e env=B=] x", &buf);
    CU_ASSERT_EQUAL_FATAL(js_job_spec_unpack(buf.data, buf.len, &details), 0);
    CU_ASSERT_STRING_EQUAL(details.name, "n");
    CU_ASSERT_STRING_EQUAL(details.dir, "d");
    CU_ASSERT_STRING_EQUAL(details.stdin_path, "i");
    CU_ASSERT_STRING_EQUAL(details.stdout_path, "o");
    CU_ASSERT_STRING_EQUAL(details.stderr_path, "e");
    CU_ASSERT_EQUAL(details.env_count, 2);
    const char *env = js_job_spec_env(&details, NULL);
    CU_ASSERT_STRING_EQUAL(env, "A=1");
    env = js_job_spec_env(&details, env);
    CU_ASSERT_STRING_EQUAL(env, "B=");
    CU_ASSERT_PTR_NULL(js_job_spec_env(&details, env));
    js_buf_release(&buf);
}

static void test_none(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_job_spec details;
    pack("[cores=2] x", &buf);
    CU_ASSERT_EQUAL(buf.len, 0);
    CU_ASSERT_EQUAL_FATAL(js_job_spec_unpack(buf.data, 0, &details), 0);
    CU_ASSERT_PTR_NULL(details.name);
    CU_ASSERT_PTR_NULL(details.stdout_path);
    CU_ASSERT_PTR_NULL(js_job_spec_env(&details, NULL));
}

static void expect_bad(const char *bytes, size_t len)
{
    struct js_job_spec details;
    errno = 0;
    CU_ASSERT_EQUAL(js_job_spec_unpack(bytes, len, &details), -1);
    CU_ASSERT_EQUAL(errno, EBADMSG);
}

static void test_bad(void)
{
    expect_bad("na", 2);
    expect_bad("na\0nb", 6);
    expect_bad("xa", 3);
    expect_bad("eA", 3);
    expect_bad("n", 2);
    expect_bad("", 1);
}

static void test_damaged(void)
{
    struct rng rng = {1};
    struct js_buf buf = JS_BUF_INIT;
    pack("[env=A=1 name=n dir=d env=B=2] x", &buf);
    for (int round = 0; round < 20000; round++) {
        struct js_job_spec details;
        char *copy = malloc(buf.len);
        memcpy(copy, buf.data, buf.len);
        copy[rng_next(&rng) % buf.len] = (char)rng_next(&rng);
        size_t len = rng_next(&rng) % (buf.len + 1);
        const char *env = NULL;
        size_t count = 0;
        if (js_job_spec_unpack(copy, len, &details) == 0) {
            while ((env = js_job_spec_env(&details, env)))
                count++;
            CU_ASSERT_EQUAL(count, details.env_count);
        }
        free(copy);
    }
    js_buf_release(&buf);
}

static const struct unit_test tests[] = {
    {"all of them", test_all},      {"none", test_none}, {"bad ones", test_bad},
    {"damaged ones", test_damaged}, {NULL, NULL},
};

const struct unit_suite suite_job_spec = {"job_spec", tests};
