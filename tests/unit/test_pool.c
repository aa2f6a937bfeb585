/* pool: which slaves share a node, and what CPUs it has. */
#include "unit.h"

#include "core/pool.h"
#include "rng.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct js_node node_of(const char *host, uint64_t boot_id,
                              const char *cpus)
{
    struct js_node node;
    memset(&node, 0, sizeof(node));
    snprintf(node.host, sizeof(node.host), "%s", host);
    node.boot_id = boot_id;
    CU_ASSERT_EQUAL(js_cpuset_parse(cpus, &node.cpus), 0);
    return node;
}

static void add(struct js_pool *pool, unsigned rank, const char *host,
                uint64_t boot_id, const char *cpus)
{
    struct js_node node = node_of(host, boot_id, cpus);
    CU_ASSERT_EQUAL(js_pool_add(pool, rank, &node, rank != 0), 0);
}

static void expect_place(const struct js_pool *pool, unsigned rank,
                         const char *host, unsigned index, unsigned slaves,
                         const char *cpus)
{
    struct js_place place;
    struct js_buf list = JS_BUF_INIT;
    CU_ASSERT_EQUAL_FATAL(js_pool_place(pool, rank, &place), 0);
    CU_ASSERT_STRING_EQUAL(place.node->host, host);
    CU_ASSERT_EQUAL(place.index, index);
    CU_ASSERT_EQUAL(place.slaves, slaves);
    CU_ASSERT_EQUAL(js_cpuset_format(&place.node->cpus, &list), 0);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&list), cpus);
    js_buf_release(&list);
}

/* The master's CPUs are part of its node's pool; it takes no share. */
static void test_master_gives_cpus_and_takes_no_share(void)
{
    struct js_pool *pool = js_pool_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
    add(pool, 0, "n1", 1, "0-1");
    add(pool, 1, "n1", 1, "2");
    add(pool, 2, "n1", 1, "3,8");
    expect_place(pool, 1, "n1", 0, 2, "0-3,8");
    expect_place(pool, 2, "n1", 1, 2, "0-3,8");
    js_pool_free(pool);
}

/* Two hosts may share a name, or (after a copy) a boot id. */
static void test_a_node_is_a_host_and_its_boot(void)
{
    struct js_pool *pool = js_pool_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
    add(pool, 0, "n1", 1, "0");
    add(pool, 1, "n1", 1, "1");
    add(pool, 2, "n1", 2, "2");
    add(pool, 3, "n2", 1, "3");
    add(pool, 4, "n1", 2, "4");
    expect_place(pool, 1, "n1", 0, 1, "0-1");
    expect_place(pool, 2, "n1", 0, 2, "2,4");
    expect_place(pool, 3, "n2", 0, 1, "3");
    expect_place(pool, 4, "n1", 1, 2, "2,4");
    js_pool_free(pool);
}

static void test_what_is_added_is_copied(void)
{
    struct js_pool *pool = js_pool_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
    struct js_node node = node_of("n1", 1, "0");
    CU_ASSERT_EQUAL(js_pool_add(pool, 1, &node, true), 0);
    memset(&node, 0xff, sizeof(node));
    expect_place(pool, 1, "n1", 0, 1, "0");
    /* A place stays valid when others come. */
    struct js_place place;
    CU_ASSERT_EQUAL(js_pool_place(pool, 1, &place), 0);
    for (unsigned rank = 2; rank < 200; rank++)
        add(pool, rank, rank % 2 ? "n1" : "n2", rank % 7, "1");
    CU_ASSERT_STRING_EQUAL(place.node->host, "n1");
    js_pool_free(pool);
}

static void test_who_is_no_slave_has_no_place(void)
{
    struct js_pool *pool = js_pool_new();
    struct js_place place = {.index = 99};
    CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
    errno = 0;
    CU_ASSERT_EQUAL(js_pool_place(pool, 1, &place), -1);
    CU_ASSERT_EQUAL(errno, ENOENT);
    add(pool, 0, "n1", 1, "0");
    add(pool, 2, "n1", 1, "1");
    for (unsigned rank = 0; rank < 5; rank++) {
        errno = 0;
        int rc = js_pool_place(pool, rank, &place);
        CU_ASSERT_EQUAL(rc, rank == 2 ? 0 : -1);
        CU_ASSERT_EQUAL(errno, rank == 2 ? 0 : ENOENT);
    }
    errno = EDOM;
    js_pool_free(pool);
    js_pool_free(NULL);
    CU_ASSERT_EQUAL(errno, EDOM);
}

/* ---------------------------------------------------------------- order */

enum { RANKS = 24, NODES = 3 };

static void shuffle(unsigned *order, struct rng *rng)
{
    for (unsigned i = 0; i < RANKS; i++)
        order[i] = i;
    for (unsigned i = RANKS - 1; i > 0; i--) {
        unsigned j = (unsigned)rng_below(rng, i + 1);
        unsigned swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
}

/* Rank r is on node r % NODES and brings CPU r. */
static void fill(struct js_pool *pool, const unsigned *order)
{
    for (unsigned i = 0; i < RANKS; i++) {
        char host[16], cpus[16];
        snprintf(host, sizeof(host), "n%u", order[i] % NODES);
        snprintf(cpus, sizeof(cpus), "%u", order[i]);
        add(pool, order[i], host, 1, cpus);
    }
}

static void test_the_order_of_arrival_does_not_matter(void)
{
    struct rng rng = {1};
    for (int round = 0; round < 100; round++) {
        unsigned order[RANKS];
        struct js_pool *pool = js_pool_new();
        CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
        shuffle(order, &rng);
        fill(pool, order);
        for (unsigned rank = 1; rank < RANKS; rank++) {
            struct js_place place;
            bool with_master = rank % NODES == 0;
            CU_ASSERT_EQUAL_FATAL(js_pool_place(pool, rank, &place), 0);
            CU_ASSERT_EQUAL(place.index, rank / NODES - with_master);
            CU_ASSERT_EQUAL(place.slaves, RANKS / NODES - with_master);
            CU_ASSERT_EQUAL(js_cpuset_count(&place.node->cpus), RANKS / NODES);
            CU_ASSERT_TRUE(js_cpuset_has(&place.node->cpus, rank % NODES));
        }
        js_pool_free(pool);
    }
}

static const struct unit_test tests[] = {
    {"master gives CPUs and takes no share",
     test_master_gives_cpus_and_takes_no_share},
    {"a node is a host and its boot", test_a_node_is_a_host_and_its_boot},
    {"what is added is copied", test_what_is_added_is_copied},
    {"who is no slave has no place", test_who_is_no_slave_has_no_place},
    {"the order of arrival does not matter",
     test_the_order_of_arrival_does_not_matter},
    {NULL, NULL},
};

const struct unit_suite suite_pool = {"pool", tests};
