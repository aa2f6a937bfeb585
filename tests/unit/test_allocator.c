/* allocator: which slaves share a node, and what CPUs it has. */
#include "unit.h"

#include "rng.h"
#include "sched/allocator.h"

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

static void add(struct js_allocator *allocator, unsigned rank, const char *host,
                uint64_t boot_id, const char *cpus)
{
    struct js_node node = node_of(host, boot_id, cpus);
    CU_ASSERT_EQUAL(js_allocator_add(allocator, rank, &node, rank != 0), 0);
}

static void expect_place(const struct js_allocator *allocator, unsigned rank,
                         const char *host, unsigned index, unsigned slaves,
                         const char *cpus)
{
    struct js_location place;
    struct js_buf list = JS_BUF_INIT;
    struct js_cpuset all, held;
    CU_ASSERT_EQUAL_FATAL(js_allocator_locate(allocator, rank, &place), 0);
    CU_ASSERT_STRING_EQUAL(place.node->host, host);
    CU_ASSERT_EQUAL(place.index, index);
    CU_ASSERT_EQUAL(place.slaves, slaves);
    js_node_about_cpus(place.node, &all, &held);
    CU_ASSERT_EQUAL(js_cpuset_count(&held), 0);
    CU_ASSERT_EQUAL(js_cpuset_format(&all, &list), 0);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&list), cpus);
    js_buf_release(&list);
}

/* The master's CPUs are part of its node's allocator; it takes no share. */
static void test_master_gives_cpus_and_takes_no_share(void)
{
    struct js_allocator *allocator = js_allocator_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(allocator);
    add(allocator, 0, "n1", 1, "0-1");
    add(allocator, 1, "n1", 1, "2");
    add(allocator, 2, "n1", 1, "3,8");
    expect_place(allocator, 1, "n1", 0, 2, "0-3,8");
    expect_place(allocator, 2, "n1", 1, 2, "0-3,8");
    js_allocator_free(allocator);
}

/* Two hosts may share a name, or (after a copy) a boot id. */
static void test_a_node_is_a_host_and_its_boot(void)
{
    struct js_allocator *allocator = js_allocator_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(allocator);
    add(allocator, 0, "n1", 1, "0");
    add(allocator, 1, "n1", 1, "1");
    add(allocator, 2, "n1", 2, "2");
    add(allocator, 3, "n2", 1, "3");
    add(allocator, 4, "n1", 2, "4");
    expect_place(allocator, 1, "n1", 0, 1, "0-1");
    expect_place(allocator, 2, "n1", 0, 2, "2,4");
    expect_place(allocator, 3, "n2", 0, 1, "3");
    expect_place(allocator, 4, "n1", 1, 2, "2,4");
    js_allocator_free(allocator);
}

/* One rank says the short name, another the full one. */
static void test_short_and_full_names_are_one_node(void)
{
    struct js_allocator *allocator = js_allocator_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(allocator);
    add(allocator, 1, "n1.example.org", 1, "0");
    add(allocator, 2, "n1", 1, "1");
    add(allocator, 3, "n11", 1, "2");
    add(allocator, 4, "n11.a.org", 1, "3");
    add(allocator, 5, "n1.b.org", 1, "4");
    expect_place(allocator, 1, "n1.example.org", 0, 2, "0-1");
    expect_place(allocator, 2, "n1.example.org", 1, 2, "0-1");
    expect_place(allocator, 4, "n11", 1, 2, "2-3");
    expect_place(allocator, 5, "n1.b.org", 0, 1, "4");
    js_allocator_free(allocator);
}

static void test_what_is_added_is_copied(void)
{
    struct js_allocator *allocator = js_allocator_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(allocator);
    struct js_node node = node_of("n1", 1, "0");
    CU_ASSERT_EQUAL(js_allocator_add(allocator, 1, &node, true), 0);
    memset(&node, 0xff, sizeof(node));
    expect_place(allocator, 1, "n1", 0, 1, "0");
    /* A place stays valid when others come. */
    struct js_location place;
    CU_ASSERT_EQUAL(js_allocator_locate(allocator, 1, &place), 0);
    for (unsigned rank = 2; rank < 200; rank++)
        add(allocator, rank, rank % 2 ? "n1" : "n2", rank % 7, "1");
    CU_ASSERT_STRING_EQUAL(place.node->host, "n1");
    js_allocator_free(allocator);
}

static void test_who_is_no_slave_has_no_place(void)
{
    struct js_allocator *allocator = js_allocator_new();
    struct js_location place = {.index = 99};
    CU_ASSERT_PTR_NOT_NULL_FATAL(allocator);
    errno = 0;
    CU_ASSERT_EQUAL(js_allocator_locate(allocator, 1, &place), -1);
    CU_ASSERT_EQUAL(errno, ENOENT);
    add(allocator, 0, "n1", 1, "0");
    add(allocator, 2, "n1", 1, "1");
    for (unsigned rank = 0; rank < 5; rank++) {
        errno = 0;
        int rc = js_allocator_locate(allocator, rank, &place);
        CU_ASSERT_EQUAL(rc, rank == 2 ? 0 : -1);
        CU_ASSERT_EQUAL(errno, rank == 2 ? 0 : ENOENT);
    }
    errno = EDOM;
    js_allocator_free(allocator);
    js_allocator_free(NULL);
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
static void fill(struct js_allocator *allocator, const unsigned *order)
{
    for (unsigned i = 0; i < RANKS; i++) {
        char host[16], cpus[16];
        snprintf(host, sizeof(host), "n%u", order[i] % NODES);
        snprintf(cpus, sizeof(cpus), "%u", order[i]);
        add(allocator, order[i], host, 1, cpus);
    }
}

static void test_the_order_of_arrival_does_not_matter(void)
{
    struct rng rng = {1};
    for (int round = 0; round < 100; round++) {
        unsigned order[RANKS];
        struct js_allocator *allocator = js_allocator_new();
        CU_ASSERT_PTR_NOT_NULL_FATAL(allocator);
        shuffle(order, &rng);
        fill(allocator, order);
        for (unsigned rank = 1; rank < RANKS; rank++) {
            struct js_location place;
            bool with_master = rank % NODES == 0;
            CU_ASSERT_EQUAL_FATAL(js_allocator_locate(allocator, rank, &place),
                                  0);
            CU_ASSERT_EQUAL(place.index, rank / NODES - with_master);
            CU_ASSERT_EQUAL(place.slaves, RANKS / NODES - with_master);
            struct js_cpuset cpus, held;
            js_node_about_cpus(place.node, &cpus, &held);
            CU_ASSERT_EQUAL(js_cpuset_count(&cpus), RANKS / NODES);
            CU_ASSERT_TRUE(js_cpuset_has(&cpus, rank % NODES));
        }
        js_allocator_free(allocator);
    }
}

/* ---------------------------------------------------------------- allocations
 */

enum { NODES_MAX = 4, CORES_MAX = 16, GRANTS_MAX = 256 };

/* A cluster, and a second account of who holds what of it. */
struct world {
    struct js_allocator *allocator;
    struct rng rng;
    unsigned nodes, ranks;
    struct js_resources resources[NODES_MAX];
    unsigned node_of[64];
    unsigned room[NODES_MAX][CORES_MAX];
    unsigned used[NODES_MAX][CORES_MAX];
    bool gpu_used[NODES_MAX][4];
    uint64_t mem_used[NODES_MAX];
    struct js_allocation allocations[GRANTS_MAX];
    unsigned allocation_count;
};

static void make_node(struct world *world, unsigned node)
{
    struct js_resources *resources = &world->resources[node];
    unsigned cores = 1 + (unsigned)rng_below(&world->rng, CORES_MAX);
    unsigned cache = 1 + (unsigned)rng_below(&world->rng, 4);
    unsigned numa = cache * (1 + (unsigned)rng_below(&world->rng, 3));
    *resources = (struct js_resources){.mem_bytes = 1000};
    for (unsigned i = 0; i < cores; i++) {
        struct js_cpuset cpus = {{0}};
        js_cpuset_add(&cpus, i);
        CU_ASSERT_EQUAL(js_resources_add_core(resources, &cpus,
                                              (uint16_t)(i / cache),
                                              (uint16_t)(i / numa)),
                        0);
    }
    for (uint64_t i = rng_below(&world->rng, 4); i > 0; i--)
        CU_ASSERT_EQUAL(js_resources_add_gpu(resources, "g", (uint16_t)i), 0);
}

static void make_slave(struct world *world, unsigned node, uint32_t first)
{
    struct js_node about = {.boot_id = node + 1};
    uint32_t slots = 1 + (uint32_t)rng_below(&world->rng, 3);
    uint32_t homes[3];
    unsigned rank = ++world->ranks;
    uint32_t cores = world->resources[node].core_count;
    for (uint32_t i = 0; i < slots; i++)
        homes[i] = (first + i) % cores;
    world->node_of[rank] = node;
    CU_ASSERT_EQUAL(js_allocator_add(world->allocator, rank, &about, true), 0);
    CU_ASSERT_EQUAL(js_allocator_equip(world->allocator, rank,
                                       &world->resources[node], homes, slots),
                    0);
    for (uint32_t i = 0; i < slots; i++)
        world->room[node][homes[i]]++;
}

static void world_init(struct world *world, uint64_t seed)
{
    memset(world, 0, sizeof(*world));
    world->rng = (struct rng){seed};
    world->allocator = js_allocator_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(world->allocator);
    world->nodes = 1 + (unsigned)rng_below(&world->rng, NODES_MAX);
    for (unsigned node = 0; node < world->nodes; node++) {
        make_node(world, node);
        unsigned slaves = 1 + (unsigned)rng_below(&world->rng, 8);
        for (unsigned i = 0; i < slaves; i++)
            make_slave(world, node, 3 * i);
        for (unsigned i = 0; i < CORES_MAX; i++)
            world->room[node][i] += world->room[node][i] == 0;
    }
}

/* Enters or removes what is held of a node; false if somebody would hold what
 * another has. */
static bool account_part(struct world *world,
                         const struct js_allocation *allocation, int sign)
{
    unsigned node = world->node_of[allocation->rank];
    const uint32_t *cores =
        allocation->cores ? allocation->cores : &allocation->core;
    bool is_right = true;
    for (uint32_t i = 0; i < allocation->core_count; i++) {
        world->used[node][cores[i]] += (unsigned)sign;
        is_right &= world->used[node][cores[i]] <= world->room[node][cores[i]];
        is_right &= i == 0 || cores[i] > cores[i - 1];
    }
    for (uint32_t i = 0; i < allocation->gpu_count; i++) {
        bool *used = &world->gpu_used[node][cores[allocation->core_count + i]];
        is_right &= *used == (sign < 0);
        *used = sign > 0;
    }
    world->mem_used[node] += allocation->mem_bytes * (uint64_t)(int64_t)sign;
    return is_right && world->mem_used[node] <= 1000;
}

/* The same for an allocation, each part of which is on another node. */
static bool account(struct world *world, const struct js_allocation *allocation,
                    int sign)
{
    unsigned seen = 1U << world->node_of[allocation->rank];
    bool is_right = account_part(world, allocation, sign);
    for (uint32_t i = 0; i < allocation->other_count; i++) {
        const struct js_allocation *other = &allocation->others[i];
        unsigned bit = 1U << world->node_of[other->rank];
        is_right &=
            !(seen & bit) && js_allocation_is_on(allocation, other->rank);
        is_right &= other->core_count == allocation->core_count &&
                    other->gpu_count == allocation->gpu_count &&
                    other->mem_bytes == allocation->mem_bytes;
        is_right &= account_part(world, other, sign);
        seen |= bit;
    }
    return is_right;
}

static void keep(struct world *world, const struct js_allocation *allocation)
{
    CU_ASSERT_FATAL(world->allocation_count < GRANTS_MAX);
    CU_ASSERT_TRUE(account(world, allocation, 1));
    world->allocations[world->allocation_count++] = *allocation;
}

static void release_any(struct world *world)
{
    if (world->allocation_count == 0)
        return;
    size_t at = rng_below(&world->rng, world->allocation_count);
    struct js_allocation allocation = world->allocations[at];
    CU_ASSERT_TRUE(account(world, &allocation, -1));
    world->allocations[at] = world->allocations[--world->allocation_count];
    js_allocator_release(world->allocator, &allocation);
    CU_ASSERT_PTR_NULL(allocation.cores);
}

static struct js_request any_need(struct world *world)
{
    struct js_request request = {.cores = 1};
    if (rng_chance(&world->rng, 60))
        request.cores += (uint32_t)rng_below(&world->rng, 6);
    if (rng_chance(&world->rng, 20))
        request.gpus = (uint32_t)rng_below(&world->rng, 3);
    if (rng_chance(&world->rng, 40))
        request.mem_bytes = rng_below(&world->rng, 1001);
    if (rng_chance(&world->rng, 40))
        request.nodes = (uint32_t)rng_below(&world->rng, NODES_MAX + 1);
    return request;
}

static void take_any(struct world *world)
{
    struct js_allocation allocation;
    struct js_request request = any_need(world);
    unsigned rank = 1 + (unsigned)rng_below(&world->rng, world->ranks);
    if (rng_chance(&world->rng, 40)) {
        uint32_t free_slots = js_allocator_free_slots(world->allocator, rank);
        bool is_taken =
            js_allocator_take_slot(world->allocator, rank, &allocation);
        CU_ASSERT_EQUAL(is_taken, free_slots > 0);
        if (is_taken) {
            CU_ASSERT_EQUAL(allocation.rank, rank);
            keep(world, &allocation);
        }
        return;
    }
    int rc = js_allocator_take(world->allocator, &request, 0, JS_SLAVES_ALL,
                               &allocation);
    CU_ASSERT(rc >= 0);
    if (rc > 0) {
        CU_ASSERT_EQUAL(allocation.core_count, request.cores);
        CU_ASSERT_EQUAL(allocation.gpu_count, request.gpus);
        CU_ASSERT_EQUAL(allocation.mem_bytes, request.mem_bytes);
        CU_ASSERT_EQUAL(allocation.other_count + 1, js_request_nodes(&request));
        keep(world, &allocation);
    }
}

static void world_release(struct world *world)
{
    while (world->allocation_count > 0)
        release_any(world);
    for (unsigned node = 0; node < world->nodes; node++)
        js_resources_release(&world->resources[node]);
    js_allocator_free(world->allocator);
}

static void test_nothing_is_held_twice(void)
{
    for (uint64_t seed = 1; seed <= unit_rounds(300); seed++) {
        struct world world;
        world_init(&world, seed);
        for (int step = 0; step < 300; step++) {
            if (rng_chance(&world.rng, 55))
                take_any(&world);
            else
                release_any(&world);
            js_allocator_assert_invariants(world.allocator);
        }
        world_release(&world);
    }
}

/* What fits on an idle cluster is granted there, and only that. */
static void test_what_fits_is_granted(void)
{
    for (uint64_t seed = 1; seed <= unit_rounds(300); seed++) {
        struct world world;
        world_init(&world, seed);
        for (int step = 0; step < 20; step++) {
            struct js_allocation allocation;
            struct js_request request = any_need(&world);
            bool could = js_allocator_could(world.allocator, &request, 0);
            int rc = js_allocator_take(world.allocator, &request, 0,
                                       JS_SLAVES_ALL, &allocation);
            CU_ASSERT_EQUAL(rc, could);
            if (rc > 0)
                js_allocator_release(world.allocator, &allocation);
        }
        world_release(&world);
    }
}

/* What runs now ends, and others begin all the time. True once the job of the
 * reservation has its turn. */
static bool begins_in_one_generation(struct world *world,
                                     struct js_allocation *big)
{
    unsigned before = world->allocation_count;
    while (before > 0) {
        struct js_allocation allocation = world->allocations[--before];
        CU_ASSERT_TRUE(account(world, &allocation, -1));
        world->allocations[before] =
            world->allocations[--world->allocation_count];
        js_allocator_release(world->allocator, &allocation);
        int rc =
            js_allocator_take_reserved(world->allocator, JS_SLAVES_ALL, big);
        CU_ASSERT(rc >= 0);
        if (rc > 0)
            return true;
        js_allocator_reserve_more(world->allocator);
        take_any(world);
    }
    return false;
}

/* However many small jobs come and go: once what ran at the time of the
 * reservation has ended, and what ran when something else became scarce, the
 * big job has its turn: GPUs or memory, the other of them, cores. */
static void test_no_starvation(void)
{
    unsigned reservations = 0, generations = 0;
    /* Few jobs have to wait twice: with fewer rounds, the test goes on until
     * one has. */
    for (uint64_t seed = 1; seed <= unit_rounds(400) ||
                            (seed <= 400 && generations == reservations);
         seed++) {
        struct world world;
        struct js_allocation big;
        world_init(&world, seed);
        struct js_request request = any_need(&world);
        for (int i = 0; i < 200; i++)
            take_any(&world);
        if (js_allocator_take(world.allocator, &request, 0, JS_SLAVES_ALL,
                              &big) > 0) {
            js_allocator_release(world.allocator, &big);
        } else if (js_allocator_reserve(world.allocator, &request, 0)) {
            bool has_begun = false;
            reservations++;
            for (int i = 0; i < 3 && !has_begun; i++) {
                has_begun = begins_in_one_generation(&world, &big);
                generations++;
            }
            CU_ASSERT_TRUE_FATAL(has_begun);
            CU_ASSERT_FALSE(js_allocator_has_reservation(world.allocator));
            keep(&world, &big);
        }
        world_release(&world);
    }
    CU_ASSERT(reservations > unit_rounds(400) / 4);
    CU_ASSERT(generations > reservations);
}

static uint32_t all_free_slots(const struct world *world)
{
    uint32_t count = 0;
    for (unsigned rank = 1; rank <= world->ranks; rank++)
        count += js_allocator_free_slots(world->allocator, rank);
    return count;
}

/* A job lacks GPUs or memory on a single node: every core there goes on with
 * jobs that need neither. When it lacks only cores, these are set aside. */
static void test_cores_are_set_aside_last(void)
{
    unsigned waits[2] = {0, 0};
    for (uint64_t seed = 1; seed <= unit_rounds(1000); seed++) {
        struct world world;
        struct js_allocation big = {.rank = 0};
        world_init(&world, seed);
        struct js_request request = any_need(&world);
        request.nodes = 0;
        for (int i = 0; i < 30; i++)
            take_any(&world);
        uint32_t before = all_free_slots(&world);
        if (world.nodes == 1 &&
            js_allocator_take(world.allocator, &request, 0, JS_SLAVES_ALL,
                              &big) == 0 &&
            js_allocator_reserve(world.allocator, &request, 0)) {
            uint32_t gpus = 0;
            for (unsigned i = 0; i < world.resources[0].gpu_count; i++)
                gpus += !world.gpu_used[0][i];
            bool is_lacking = request.gpus > gpus ||
                              request.mem_bytes > 1000 - world.mem_used[0];
            waits[is_lacking]++;
            if (is_lacking)
                CU_ASSERT_EQUAL(all_free_slots(&world), before);
            CU_ASSERT_EQUAL(js_allocator_reserve_more(world.allocator), false);
            js_allocator_unreserve(world.allocator);
            CU_ASSERT_EQUAL(all_free_slots(&world), before);
        } else if (big.rank > 0) {
            js_allocator_release(world.allocator, &big);
        }
        world_release(&world);
    }
    CU_ASSERT(waits[0] > 0 && waits[1] > unit_rounds(1000) / 100);
}

/* One node of `cores` cores, two to a cache, four to a NUMA node, a slave with
 * a slot on each. */
static struct js_allocator *even_allocator(unsigned cores)
{
    struct js_allocator *allocator = js_allocator_new();
    struct js_resources resources = {.mem_bytes = 1000};
    struct js_node about = {.boot_id = 1};
    CU_ASSERT_PTR_NOT_NULL_FATAL(allocator);
    for (uint32_t i = 0; i < cores; i++) {
        struct js_cpuset cpus = {{0}};
        js_cpuset_add(&cpus, i);
        js_resources_add_core(&resources, &cpus, (uint16_t)(i / 2),
                              (uint16_t)(i / 4));
    }
    js_resources_add_gpu(&resources, "0", 0);
    js_resources_add_gpu(&resources, "1", 1);
    for (uint32_t i = 0; i < cores; i++) {
        CU_ASSERT_EQUAL(js_allocator_add(allocator, i + 1, &about, true), 0);
        CU_ASSERT_EQUAL(js_allocator_equip(allocator, i + 1, &resources, &i, 1),
                        0);
    }
    js_resources_release(&resources);
    return allocator;
}

static void expect_cpus(const struct js_allocator *allocator,
                        const struct js_allocation *allocation,
                        const char *list)
{
    struct js_cpuset cpus;
    struct js_buf buf = JS_BUF_INIT;
    js_allocation_cpus(allocator, allocation, &cpus);
    CU_ASSERT_EQUAL(js_cpuset_format(&cpus, &buf), 0);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&buf), list);
    js_buf_release(&buf);
}

/* One GPU, and memory for two of three: what is set aside grows. */
static void test_what_is_scarce_is_set_aside_first(void)
{
    struct js_allocator *allocator = even_allocator(4);
    struct js_allocation gpus, half, slot, none, big;
    struct js_request request = {.cores = 1, .gpus = 2};
    CU_ASSERT_EQUAL_FATAL(
        js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL, &gpus), 1);
    request = (struct js_request){.cores = 4, .gpus = 1, .mem_bytes = 600};
    CU_ASSERT_TRUE_FATAL(js_allocator_reserve(allocator, &request, 0));
    /* Cores and memory are for anyone, GPUs for nobody else. */
    request = (struct js_request){.cores = 2, .mem_bytes = 500};
    CU_ASSERT_EQUAL_FATAL(
        js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL, &half), 1);
    CU_ASSERT_FALSE(js_allocator_reserve_more(allocator));
    js_allocator_release(allocator, &gpus);
    request = (struct js_request){.cores = 1, .gpus = 2};
    CU_ASSERT_EQUAL(
        js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL, &none), 0);
    CU_ASSERT_FALSE(js_allocator_reserve_more(allocator));
    /* The GPU stays its own while it waits for memory. */
    request = (struct js_request){.cores = 1, .mem_bytes = 500};
    CU_ASSERT_EQUAL(
        js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL, &none), 0);
    request = (struct js_request){.cores = 1, .gpus = 1};
    CU_ASSERT_EQUAL_FATAL(
        js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL, &gpus), 1);
    unsigned rank = 1;
    while (rank <= 4 && !js_allocator_take_slot(allocator, rank, &slot))
        rank++;
    CU_ASSERT_FATAL(rank <= 4); /* the last core is not idle */
    js_allocator_release(allocator, &half);
    /* Now only cores are lacking. */
    CU_ASSERT_TRUE(js_allocator_reserve_more(allocator));
    CU_ASSERT_FALSE(js_allocator_reserve_more(allocator));
    for (rank = 1; rank <= 4; rank++)
        CU_ASSERT_FALSE(js_allocator_take_slot(allocator, rank, &none));
    js_allocator_release(allocator, &slot);
    CU_ASSERT_EQUAL(js_allocator_take_reserved(allocator, JS_SLAVES_ALL, &big),
                    0);
    js_allocator_release(allocator, &gpus);
    CU_ASSERT_EQUAL_FATAL(
        js_allocator_take_reserved(allocator, JS_SLAVES_ALL, &big), 1);
    js_allocator_release(allocator, &big);
    CU_ASSERT_TRUE(js_allocator_take_slot(allocator, 1, &slot));
    js_allocator_release(allocator, &slot);
    js_allocator_free(allocator);
}

static void test_neighbours_are_granted(void)
{
    struct js_allocator *allocator = even_allocator(8);
    struct js_allocation slot, pair, four;
    struct js_request request = {.cores = 2};
    CU_ASSERT_EQUAL(js_allocator_busy_slots(allocator), 0);
    CU_ASSERT_TRUE(js_allocator_take_slot(allocator, 1, &slot));
    CU_ASSERT_EQUAL(js_allocator_busy_slots(allocator), 1);
    CU_ASSERT_EQUAL(
        js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL, &pair), 1);
    CU_ASSERT_EQUAL(js_allocator_busy_slots(allocator), 3);
    expect_cpus(allocator, &pair, "2-3"); /* not 1-2: one cache */
    CU_ASSERT_EQUAL(js_allocator_free_slots(allocator, 4), 0);
    request.cores = 4;
    CU_ASSERT_EQUAL(
        js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL, &four), 1);
    expect_cpus(allocator, &four, "4-7");
    CU_ASSERT_EQUAL(js_allocator_free_slots(allocator, 8), 0);
    CU_ASSERT_EQUAL(js_allocator_free_slots(allocator, 2), 1);
    js_allocator_release(allocator, &four);
    CU_ASSERT_EQUAL(js_allocator_free_slots(allocator, 8), 1);
    js_allocator_release(allocator, &pair);
    js_allocator_release(allocator, &slot);
    js_allocator_free(allocator);
}

/* Jobs get cores that other runs hold only when they do not fit on the rest. */
static void test_cores_of_other_runs_come_last(void)
{
    struct js_allocator *allocator = js_allocator_new();
    struct js_resources resources = {.mem_bytes = 1000};
    struct js_node about = {.boot_id = 1};
    struct js_allocation pair, wide;
    CU_ASSERT_PTR_NOT_NULL_FATAL(allocator);
    for (uint32_t i = 0; i < 6; i++) {
        struct js_cpuset cpus = {{0}};
        js_cpuset_add(&cpus, i);
        CU_ASSERT_EQUAL(
            js_resources_add_core(&resources, &cpus, (uint16_t)(i / 2), 0), 0);
    }
    struct js_cpuset held;
    CU_ASSERT_EQUAL(js_cpuset_parse("0-1,5", &held), 0);
    js_resources_lend(&resources, &held);
    /* A slave at home on core 1 in spite of that, one on core 3. */
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t home = 1 + 2 * i;
        CU_ASSERT_EQUAL(js_allocator_add(allocator, i + 1, &about, true), 0);
        CU_ASSERT_EQUAL(
            js_allocator_equip(allocator, i + 1, &resources, &home, 1), 0);
    }
    struct js_request request = {.cores = 2};
    CU_ASSERT_EQUAL_FATAL(
        js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL, &pair), 1);
    expect_cpus(allocator, &pair, "2-3"); /* not 0-1 */
    js_allocator_release(allocator, &pair);
    request.cores = 4;
    CU_ASSERT_EQUAL_FATAL(
        js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL, &wide), 1);
    expect_cpus(allocator, &wide, "1-4"); /* 0 and 5 are others' */
    js_allocator_release(allocator, &wide);
    request.cores = 6;
    CU_ASSERT_EQUAL_FATAL(
        js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL, &wide), 1);
    js_allocator_release(allocator, &wide);
    js_resources_release(&resources);
    js_allocator_free(allocator);
}

/* A node with one group of four cores, and a slave at home on core 1. */
static void add_lender(struct js_allocator *allocator, unsigned rank,
                       const char *held_by_others)
{
    struct js_resources resources = {.mem_bytes = 1000};
    struct js_node about = {.boot_id = rank};
    struct js_cpuset held;
    uint32_t home = 1;
    for (uint32_t i = 0; i < 4; i++) {
        struct js_cpuset cpus = {{0}};
        js_cpuset_add(&cpus, i);
        CU_ASSERT_EQUAL(js_resources_add_core(&resources, &cpus, 0, 0), 0);
    }
    CU_ASSERT_EQUAL(js_cpuset_parse(held_by_others, &held), 0);
    js_resources_lend(&resources, &held);
    CU_ASSERT_EQUAL(js_allocator_add(allocator, rank, &about, true), 0);
    CU_ASSERT_EQUAL(js_allocator_equip(allocator, rank, &resources, &home, 1),
                    0);
    js_resources_release(&resources);
}

/* If all cores of one node belong to other runs, this changes nothing on the
 * other node. */
static void test_each_node_spares_the_cores_of_other_runs(void)
{
    for (unsigned spared = 1; spared <= 2; spared++) {
        struct js_allocator *allocator = not_null(js_allocator_new());
        struct js_request request = {.cores = 2};
        struct js_allocation first, second;
        add_lender(allocator, 1, spared == 1 ? "0" : "0-3");
        add_lender(allocator, 2, spared == 2 ? "0" : "0-3");
        CU_ASSERT_EQUAL_FATAL(
            js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL, &first),
            1);
        CU_ASSERT_EQUAL(first.rank, spared);
        expect_cpus(allocator, &first, "1-2");
        CU_ASSERT_EQUAL_FATAL(
            js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL, &second),
            1);
        CU_ASSERT_EQUAL(second.rank, 3 - spared);
        expect_cpus(allocator, &second, "0-1");
        js_allocator_release(allocator, &first);
        js_allocator_release(allocator, &second);
        js_allocator_free(allocator);
    }
}

static void test_gpus_near_the_cores(void)
{
    struct js_allocator *allocator = even_allocator(8);
    struct js_allocation allocations[3];
    struct js_buf buf = JS_BUF_INIT;
    struct js_request request = {.cores = 4};
    CU_ASSERT_EQUAL(js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL,
                                      &allocations[0]),
                    1);
    request = (struct js_request){.cores = 1, .gpus = 1};
    CU_ASSERT_EQUAL(js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL,
                                      &allocations[1]),
                    1);
    js_allocation_gpus(allocator, &allocations[1], &buf);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&buf), "1");
    CU_ASSERT_EQUAL(js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL,
                                      &allocations[2]),
                    1);
    buf.len = 0;
    js_allocation_gpus(allocator, &allocations[2], &buf);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&buf), "0");
    struct js_allocation none;
    CU_ASSERT_EQUAL(
        js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL, &none), 0);
    for (int i = 0; i < 3; i++)
        js_allocator_release(allocator, &allocations[i]);
    js_buf_release(&buf);
    js_allocator_free(allocator);
}

static void test_another_slave_where_there_is_one(void)
{
    struct js_allocator *allocator = even_allocator(2);
    struct js_allocation slot, allocation;
    struct js_request request = {.cores = 1, .mem_bytes = 5};
    CU_ASSERT_TRUE(js_allocator_take_slot(allocator, 2, &slot));
    CU_ASSERT_EQUAL(
        js_allocator_take(allocator, &request, 1, JS_SLAVES_ALL, &allocation),
        0);
    js_allocator_release(allocator, &slot);
    js_allocator_drop(allocator, 2);
    CU_ASSERT_EQUAL(
        js_allocator_take(allocator, &request, 1, JS_SLAVES_ALL, &allocation),
        1);
    CU_ASSERT_EQUAL(allocation.rank, 1);
    js_allocator_release(allocator, &allocation);
    js_allocator_drop(allocator, 1);
    CU_ASSERT_FALSE(js_allocator_could(allocator, &request, 0));
    CU_ASSERT_FALSE(js_allocator_reserve(allocator, &request, 0));
    js_allocator_free(allocator);
}

static void test_small_ones_fill_in_around(void)
{
    struct js_allocator *allocator = even_allocator(8);
    struct js_allocation slot, big, other;
    struct js_request request = {.cores = 8};
    CU_ASSERT_TRUE(js_allocator_take_slot(allocator, 8, &slot));
    request.cores = 4;
    CU_ASSERT_EQUAL(
        js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL, &other), 1);
    expect_cpus(allocator, &other, "0-3");
    CU_ASSERT_TRUE(js_allocator_reserve(allocator, &request, 0));
    /* One of 5-8 has to end (its core), or all of the four. */
    CU_ASSERT_TRUE(js_allocator_is_reserved(allocator, 5));
    CU_ASSERT_EQUAL(js_allocator_free_slots(allocator, 5), 0);
    CU_ASSERT_EQUAL(js_allocator_busy_slots(allocator),
                    5); /* set aside is not busy */
    CU_ASSERT_EQUAL(js_allocator_take_reserved(allocator, JS_SLAVES_ALL, &big),
                    0);
    js_allocator_release(allocator, &slot);
    CU_ASSERT_EQUAL_FATAL(
        js_allocator_take_reserved(allocator, JS_SLAVES_ALL, &big), 1);
    expect_cpus(allocator, &big, "4-7");
    js_allocator_release(allocator, &big);
    js_allocator_release(allocator, &other);
    js_allocator_free(allocator);
}

/* Two nodes of `cores` cores, a slave with a slot on each. */
static struct js_allocator *two_nodes(unsigned cores)
{
    struct js_allocator *allocator = js_allocator_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(allocator);
    for (uint32_t i = 0; i < 2 * cores; i++) {
        struct js_resources resources = {0};
        struct js_node about = {.boot_id = 1 + i / cores};
        uint32_t home = i % cores;
        snprintf(about.host, sizeof(about.host), "n%u", 1 + i / cores);
        for (uint32_t k = 0; k < cores; k++) {
            struct js_cpuset cpus = {{0}};
            js_cpuset_add(&cpus, k);
            js_resources_add_core(&resources, &cpus, 0, 0);
        }
        CU_ASSERT_EQUAL(js_allocator_add(allocator, i + 1, &about, true), 0);
        CU_ASSERT_EQUAL(
            js_allocator_equip(allocator, i + 1, &resources, &home, 1), 0);
        js_resources_release(&resources);
    }
    return allocator;
}

static void expect_hosts(const struct js_allocator *allocator,
                         const struct js_allocation *allocation,
                         const char *hosts)
{
    struct js_buf buf = JS_BUF_INIT;
    CU_ASSERT_EQUAL(js_allocation_hosts(allocator, allocation, &buf), 0);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&buf), hosts);
    js_buf_release(&buf);
}

static void test_two_nodes_at_once(void)
{
    struct js_allocator *allocator = two_nodes(3);
    struct js_allocation slot, both, third;
    struct js_request request = {.nodes = 2, .cores = 2};
    CU_ASSERT_TRUE(js_allocator_take_slot(allocator, 1, &slot));
    expect_hosts(allocator, &slot, "n1");
    CU_ASSERT_EQUAL_FATAL(
        js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL, &both), 1);
    /* The fullest first; its own slaves are held on each. */
    expect_hosts(allocator, &both, "n1,n2");
    expect_cpus(allocator, &both, "1-2");
    expect_cpus(allocator, &both.others[0], "0-1");
    CU_ASSERT_TRUE(js_allocation_is_on(&both, 2));
    CU_ASSERT_TRUE(js_allocation_is_on(&both, 4));
    CU_ASSERT_FALSE(js_allocation_is_on(&both, 1));
    for (unsigned rank = 1; rank <= 6; rank++)
        CU_ASSERT_EQUAL(js_allocator_free_slots(allocator, rank), rank == 6);
    /* Only one of them has a core left: nothing is held meanwhile. */
    request.cores = 1;
    CU_ASSERT_EQUAL(
        js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL, &third), 0);
    CU_ASSERT_EQUAL(js_allocator_free_slots(allocator, 6), 1);
    js_allocator_release(allocator, &slot);
    CU_ASSERT_EQUAL_FATAL(
        js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL, &third), 1);
    js_allocator_release(allocator, &third);
    js_allocator_release(allocator, &both);
    CU_ASSERT_PTR_NULL(both.others);
    for (unsigned rank = 1; rank <= 6; rank++)
        CU_ASSERT_EQUAL(js_allocator_free_slots(allocator, rank), 1);
    js_allocator_free(allocator);
}

static void test_more_nodes_than_there_are(void)
{
    struct js_allocator *allocator = two_nodes(2);
    struct js_allocation allocation;
    struct js_request request = {.nodes = 3, .cores = 1};
    CU_ASSERT_FALSE(js_allocator_could(allocator, &request, 0));
    CU_ASSERT_EQUAL(js_allocator_count_nodes(allocator, &request, 0), 2);
    CU_ASSERT_EQUAL(
        js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL, &allocation),
        0);
    CU_ASSERT_FALSE(js_allocator_reserve(allocator, &request, 0));
    request = (struct js_request){.nodes = 2, .cores = 3};
    CU_ASSERT_FALSE(js_allocator_could(allocator, &request, 0));
    request.cores = 2;
    CU_ASSERT_TRUE(js_allocator_could(allocator, &request, 0));
    /* Without slaves a node is none. */
    js_allocator_drop(allocator, 3);
    CU_ASSERT_TRUE(js_allocator_could(allocator, &request, 0));
    CU_ASSERT_FALSE(js_allocator_could(allocator, &request, 4));
    js_allocator_drop(allocator, 4);
    CU_ASSERT_FALSE(js_allocator_could(allocator, &request, 0));
    js_allocator_free(allocator);
}

/* What is held of a lost slave's node stays held until it is given back. */
static void test_a_share_of_a_lost_slave(void)
{
    struct js_allocator *allocator = two_nodes(2);
    struct js_allocation both, one;
    struct js_request request = {.nodes = 2, .cores = 1};
    CU_ASSERT_EQUAL_FATAL(
        js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL, &both), 1);
    js_allocator_drop(allocator, both.others[0].rank);
    CU_ASSERT_TRUE(js_allocator_take_slot(allocator, 4, &one));
    js_allocator_release(allocator, &one);
    request = (struct js_request){.cores = 2};
    CU_ASSERT_EQUAL(
        js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL, &one), 0);
    js_allocator_release(allocator, &both);
    request.nodes = 2;
    CU_ASSERT_EQUAL_FATAL(
        js_allocator_take(allocator, &request, 0, JS_SLAVES_ALL, &one), 1);
    js_allocator_release(allocator, &one);
    js_allocator_free(allocator);
}

static const struct unit_test tests[] = {
    {"master gives CPUs and takes no share",
     test_master_gives_cpus_and_takes_no_share},
    {"a node is a host and its boot", test_a_node_is_a_host_and_its_boot},
    {"short and full names are one node",
     test_short_and_full_names_are_one_node},
    {"what is added is copied", test_what_is_added_is_copied},
    {"who is no slave has no place", test_who_is_no_slave_has_no_place},
    {"the order of arrival does not matter",
     test_the_order_of_arrival_does_not_matter},
    {"nothing is held twice", test_nothing_is_held_twice},
    {"what fits is granted", test_what_fits_is_granted},
    {"no starvation", test_no_starvation},
    {"cores are set aside last", test_cores_are_set_aside_last},
    {"what is scarce is set aside first",
     test_what_is_scarce_is_set_aside_first},
    {"neighbours are granted", test_neighbours_are_granted},
    {"cores of other runs come last", test_cores_of_other_runs_come_last},
    {"each node spares the cores of other runs",
     test_each_node_spares_the_cores_of_other_runs},
    {"GPUs near the cores", test_gpus_near_the_cores},
    {"another slave where there is one", test_another_slave_where_there_is_one},
    {"small ones fill in around a reservation", test_small_ones_fill_in_around},
    {"two nodes at once", test_two_nodes_at_once},
    {"more nodes than there are", test_more_nodes_than_there_are},
    {"a share of a lost slave", test_a_share_of_a_lost_slave},
    {NULL, NULL},
};

const struct unit_suite suite_allocator = {"allocator", tests};
