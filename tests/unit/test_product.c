/* product: which values make combination number i. */
#include "rng.h"
#include "unit.h"

#include "base/buf.h"
#include "list/product.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SOURCES_MAX = 6 };

struct scene {
    struct js_product_source sources[SOURCES_MAX];
    size_t count;
    bool are_all_linked;
};

/* "2x3+4": a source of two values, times one of three that is linked with one
 * of four; "?" is of unknown length. With a '=' in front, all are linked. */
static void scene_init(struct scene *scene, const char *text)
{
    *scene = (struct scene){.are_all_linked = *text == '='};
    text += *text == '=';
    for (; *text; scene->count++) {
        struct js_product_source *source = &scene->sources[scene->count];
        source->is_linked = *text == '+';
        text += *text == '+' || *text == 'x';
        source->count = JS_PRODUCT_UNKNOWN;
        if (*text == '?')
            text++;
        else
            for (source->count = 0; *text >= '0' && *text <= '9'; text++)
                source->count = 10 * source->count + (uint64_t)(*text - '0');
    }
}

static struct js_product *product_of(const char *text)
{
    struct scene scene;
    struct js_err err;
    scene_init(&scene, text);
    return not_null(
        js_product_new(scene.sources, scene.count, scene.are_all_linked, &err));
}

/* The first hundred: "00 01 10 11". */
static const char *combinations(const struct js_product *product, size_t count,
                                struct js_buf *ret)
{
    uint64_t values[SOURCES_MAX];
    ret->len = 0;
    for (uint64_t i = 0; i < 100 && js_product_get(product, i, values); i++) {
        js_buf_puts(ret, i ? " " : "");
        for (size_t j = 0; j < count; j++)
            js_buf_printf(ret, "%d", (int)values[j]);
    }
    return js_buf_string(ret);
}

static bool gives(const char *text, const char *expected, uint64_t count)
{
    struct scene scene;
    struct js_buf said = JS_BUF_INIT;
    struct js_product *product = product_of(text);
    scene_init(&scene, text);
    bool good =
        strcmp(combinations(product, scene.count, &said), expected) == 0 &&
        js_product_count(product) == count;
    if (!good)
        fprintf(stderr, "\n  %s: %s\n", text, said.data);
    js_product_free(product);
    js_buf_release(&said);
    return good;
}

static void test_products(void)
{
    CU_ASSERT(gives("3", "0 1 2", 3));
    CU_ASSERT(gives("2x2", "00 01 10 11", 4));
    CU_ASSERT(gives("2x1x3", "000 001 002 100 101 102", 6));
    CU_ASSERT(gives("2x0", "", 0));
    CU_ASSERT(gives("0", "", 0));
    CU_ASSERT(gives("", "", 1));
}

static void test_links(void)
{
    CU_ASSERT(gives("2+3", "00 11", 2));
    CU_ASSERT(gives("3+2+4", "000 111", 2));
    CU_ASSERT(gives("2x3+2", "000 011 100 111", 4));
    CU_ASSERT(gives("3+2x2", "000 001 110 111", 4));
    CU_ASSERT(gives("3+0x2", "", 0));
}

static void test_link_all(void)
{
    CU_ASSERT(gives("=2x3", "00 11 02", 3));
    CU_ASSERT(gives("=3x1x2", "000 101 200", 3));
    CU_ASSERT(gives("=1+2x4+3", "0000 0111 0022 0130", 4));
    CU_ASSERT(gives("=2x0", "", 0));
    CU_ASSERT(gives("=2", "0 1", 2));
}

/* A source that is read while the jobs run. */
static void test_unknown(void)
{
    struct js_buf said = JS_BUF_INIT;
    uint64_t values[SOURCES_MAX];
    struct js_product *product = product_of("?x2");
    CU_ASSERT_EQUAL(js_product_count(product), JS_PRODUCT_UNKNOWN);
    CU_ASSERT(js_product_get(product, UINT64_C(1) << 40, values));
    CU_ASSERT_EQUAL(values[0], UINT64_C(1) << 39);
    CU_ASSERT_EQUAL(values[1], 0);
    js_product_end(product, 2);
    CU_ASSERT_EQUAL(js_product_count(product), 4);
    CU_ASSERT_STRING_EQUAL(combinations(product, 2, &said), "00 01 10 11");
    js_product_free(product);

    /* What is linked with it may end first. */
    product = product_of("2+?x2");
    CU_ASSERT_STRING_EQUAL(combinations(product, 3, &said), "000 001 110 111");
    js_product_end(product, 3);
    CU_ASSERT_STRING_EQUAL(combinations(product, 3, &said), "000 001 110 111");
    CU_ASSERT_EQUAL(js_product_count(product), 4);
    js_product_free(product);
    product = product_of("2+?x2");
    js_product_end(product, 1);
    CU_ASSERT_STRING_EQUAL(combinations(product, 3, &said), "000 001");
    js_product_free(product);

    product = product_of("=?");
    js_product_end(product, 0);
    CU_ASSERT_EQUAL(js_product_count(product), 0);
    CU_ASSERT_FALSE(js_product_get(product, 0, values));
    js_product_free(product);
    js_buf_release(&said);
}

static void test_may_stream(void)
{
    static const struct {
        const char *text, *may; /* 'y' or 'n' for each source */
    } cases[] = {{"2", "y"},      {"2x2", "yn"},  {"2+2x2+2", "yynn"},
                 {"=2", "y"},     {"=2x2", "nn"}, {"2x2+2", "ynn"},
                 {"2+2+2", "yyy"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene scene;
        scene_init(&scene, cases[i].text);
        for (size_t j = 0; j < scene.count; j++)
            CU_ASSERT_EQUAL(js_product_may_stream(scene.sources, scene.count,
                                                  scene.are_all_linked, j),
                            cases[i].may[j] == 'y');
    }
}

static void test_too_many(void)
{
    static const char *const bad[] = {
        "9223372036854775808x2", "4294967296x2147483649",
        "?x9223372036854775807x2", "3037000500x3037000500",
        "10000000000x10000000000x2"};
    uint64_t values[SOURCES_MAX];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct scene scene;
        struct js_err err = {""};
        scene_init(&scene, bad[i]);
        CU_ASSERT_PTR_NULL(
            js_product_new(scene.sources, scene.count, false, &err));
        CU_ASSERT_EQUAL(errno, ERANGE);
        CU_ASSERT_STRING_EQUAL(err.text, "there are more than 2^63 "
                                         "combinations of the values");
    }
    /* 2^63 is not too many, and what has none is not either. */
    struct js_product *product = product_of("4294967296x2147483648");
    CU_ASSERT_EQUAL(js_product_count(product), JS_PRODUCT_MAX);
    CU_ASSERT(js_product_get(product, JS_PRODUCT_MAX - 1, values));
    CU_ASSERT_EQUAL(values[0], 4294967295);
    CU_ASSERT_EQUAL(values[1], 2147483647);
    CU_ASSERT_FALSE(js_product_get(product, JS_PRODUCT_MAX, values));
    js_product_free(product);
    CU_ASSERT(gives("9223372036854775808x2x0", "", 0));
    CU_ASSERT(gives("9223372036854775808x0x9223372036854775808", "", 0));
}

/* ---------------------------------------------------------------- at random */

/* The next combination, as one would do it by hand: step the last group, and
 * when it ends begin it anew and step the one before it. With --link, step all
 * and begin each anew; the caller knows when the longest has ended. */
static bool step(const struct scene *scene, uint64_t *values)
{
    for (size_t i = 0; scene->are_all_linked && i < scene->count; i++) {
        if (++values[i] == scene->sources[i].count)
            values[i] = 0;
    }
    for (size_t end = scene->are_all_linked ? 0 : scene->count; end > 0;) {
        size_t first = end - 1;
        while (first > 0 && scene->sources[first].is_linked)
            first--;
        bool has_more = true;
        for (size_t i = first; i < end; i++)
            has_more &= ++values[i] < scene->sources[i].count;
        if (has_more)
            return true;
        for (size_t i = first; i < end; i++)
            values[i] = 0;
        end = first;
    }
    return scene->are_all_linked;
}

static void scene_at_random(struct rng *rng, struct scene *ret)
{
    *ret = (struct scene){.count = 1 + rng_below(rng, SOURCES_MAX),
                          .are_all_linked = rng_chance(rng, 20)};
    for (size_t i = 0; i < ret->count; i++) {
        ret->sources[i].count = 1 + rng_below(rng, 4);
        ret->sources[i].is_linked = rng_chance(rng, 40);
    }
}

static void test_at_random(void)
{
    struct rng rng = {22};
    for (unsigned round = 0; round < unit_rounds(2000); round++) {
        struct scene scene;
        struct js_err err;
        uint64_t expected[SOURCES_MAX] = {0}, values[SOURCES_MAX];
        scene_at_random(&rng, &scene);
        struct js_product *product = not_null(js_product_new(
            scene.sources, scene.count, scene.are_all_linked, &err));
        uint64_t longest = 0, number = 0;
        for (size_t i = 0; i < scene.count; i++) {
            if (scene.sources[i].count > longest)
                longest = scene.sources[i].count;
        }
        do {
            CU_ASSERT_FATAL(js_product_get(product, number++, values));
            CU_ASSERT_EQUAL(
                memcmp(values, expected, scene.count * sizeof(values[0])), 0);
        } while (step(&scene, expected) &&
                 (!scene.are_all_linked || number < longest));
        CU_ASSERT_EQUAL(js_product_count(product), number);
        CU_ASSERT_FALSE(js_product_get(product, number, values));
        js_product_free(product);
    }
}

static const struct unit_test tests[] = {
    {"products", test_products},     {"links", test_links},
    {"link all", test_link_all},     {"unknown", test_unknown},
    {"may stream", test_may_stream}, {"too many", test_too_many},
    {"at random", test_at_random},   {NULL, NULL},
};

const struct unit_suite suite_product = {"product", tests};
