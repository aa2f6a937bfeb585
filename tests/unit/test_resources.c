/* resources: cores, GPUs and memory of a node, and on their way. */
#include "unit.h"

#include "list/resources.h"
#include "rng.h"

#include <stdlib.h>
#include <string.h>

static struct js_cpuset cpus_of(const char *list)
{
    struct js_cpuset set;
    CU_ASSERT_EQUAL(js_cpuset_parse(list, &set), 0);
    return set;
}

static struct js_resources sample(void)
{
    struct js_resources resources = {.mem_bytes = UINT64_C(40) << 30};
    static const char *const cores[] = {"0,8", "1,9", "4", "8191"};
    for (uint16_t i = 0; i < 4; i++) {
        struct js_cpuset cpus = cpus_of(cores[i]);
        CU_ASSERT_EQUAL(
            js_resources_add_core(&resources, &cpus, i, (uint16_t)(i / 2)), 0);
    }
    CU_ASSERT_EQUAL(js_resources_add_gpu(&resources, "0", 1), 0);
    CU_ASSERT_EQUAL(js_resources_add_gpu(&resources, "GPU-x", UINT16_MAX), 0);
    return resources;
}

static void test_cores(void)
{
    struct js_resources resources = sample();
    struct js_cpuset set = cpus_of(""), wanted = cpus_of("1,9");
    js_resources_core(&resources, 1, &set);
    CU_ASSERT_TRUE(js_cpuset_equal(&set, &wanted));
    wanted = cpus_of("9");
    CU_ASSERT_EQUAL(js_resources_find(&resources, &wanted), 1);
    wanted = cpus_of("7");
    CU_ASSERT_EQUAL(js_resources_find(&resources, &wanted), UINT32_MAX);
    js_resources_release(&resources);
    CU_ASSERT_EQUAL(resources.core_count, 0);
    js_resources_release(NULL);
}

/* Not by memcmp(): between the fields is room without a value. */
static bool same_core(const struct js_core *a, const struct js_core *b)
{
    return a->first_cpu == b->first_cpu && a->cpu_count == b->cpu_count &&
           a->cache == b->cache && a->numa == b->numa;
}

static void test_there_and_back(void)
{
    struct js_resources in = sample(), out;
    struct js_buf buf = JS_BUF_INIT;
    CU_ASSERT_EQUAL(js_resources_pack(&buf, &in), 0);
    struct js_cursor cursor = js_cursor_of(buf.data, buf.len);
    js_resources_unpack(&cursor, &out);
    CU_ASSERT_EQUAL_FATAL(js_cursor_end(&cursor), 0);
    CU_ASSERT_EQUAL(out.mem_bytes, in.mem_bytes);
    CU_ASSERT_EQUAL(out.core_count, 4);
    CU_ASSERT_EQUAL(out.cpu_count, 6);
    for (uint32_t i = 0; i < 4; i++)
        CU_ASSERT_TRUE(same_core(&out.cores[i], &in.cores[i]));
    CU_ASSERT_EQUAL(memcmp(out.cpus, in.cpus, 6 * sizeof(*in.cpus)), 0);
    CU_ASSERT_EQUAL(out.gpu_count, 2);
    CU_ASSERT_STRING_EQUAL(out.gpus[1].name, "GPU-x");
    CU_ASSERT_EQUAL(out.gpus[1].numa, UINT16_MAX);
    js_resources_release(&in);
    js_resources_release(&out);
    js_buf_release(&buf);
}

static void test_damaged(void)
{
    struct js_resources in = sample(), out;
    struct js_buf buf = JS_BUF_INIT;
    struct rng rng = {5};
    CU_ASSERT_EQUAL(js_resources_pack(&buf, &in), 0);
    for (size_t len = 0; len < buf.len; len++) {
        struct js_cursor cursor = js_cursor_of(buf.data, len);
        js_resources_unpack(&cursor, &out);
        CU_ASSERT_TRUE(cursor.bad);
        CU_ASSERT_EQUAL(out.core_count, 0);
    }
    for (int round = 0; round < 3000; round++) {
        char *copy = malloc(buf.len);
        memcpy(copy, buf.data, buf.len);
        copy[rng_below(&rng, buf.len)] = (char)rng_next(&rng);
        struct js_cursor cursor = js_cursor_of(copy, buf.len);
        js_resources_unpack(&cursor, &out);
        for (uint32_t i = 0; i < out.core_count; i++)
            CU_ASSERT(out.cores[i].cpu_count > 0);
        js_resources_release(&out);
        free(copy);
    }
    js_resources_release(&in);
    js_buf_release(&buf);
}

/* A core without CPUs; CPUs that are listed twice or out of order. */
static void test_cores_that_nobody_packs(void)
{
    static const uint32_t cores[][3] = {{0}, {2, 4, 4}, {2, 5, 4}, {1, 8192}};
    for (size_t i = 0; i < sizeof(cores) / sizeof(*cores); i++) {
        struct js_buf buf = JS_BUF_INIT;
        struct js_resources out;
        js_pack_u64(&buf, 0);
        js_pack_u32(&buf, 1);
        js_pack_u32(&buf, 0);
        js_pack_u8(&buf, false);
        for (uint32_t k = 0; k <= cores[i][0]; k++)
            js_pack_u32(&buf, cores[i][k]);
        js_pack_u32(&buf, 0);
        struct js_cursor cursor = js_cursor_of(buf.data, buf.len);
        js_resources_unpack(&cursor, &out);
        CU_ASSERT_TRUE(cursor.bad);
        CU_ASSERT_EQUAL(out.core_count, 0);
        js_buf_release(&buf);
    }
}

static const struct unit_test tests[] = {
    {"cores that nobody packs", test_cores_that_nobody_packs},
    {"cores", test_cores},
    {"there and back", test_there_and_back},
    {"damaged", test_damaged},
    {NULL, NULL},
};

const struct unit_suite suite_resources = {"resources", tests};
