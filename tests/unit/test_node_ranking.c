/*
 * node_ranking: against a search through all nodes and cores.
 *
 * The model below follows the rules of sched/allocator.h and sched/placement.h
 * but keeps no sorted data: for each job it examines all nodes and cores. After
 * random steps, both must have made the same choice for each job.
 */
#include "sched/allocator.h"
#include "unit.h"

#include "rng.h"

#include <stdlib.h>
#include <string.h>

enum {
    NODES = 9,
    CORES = 70, /* more than a word of bits */
    GPUS = 4,
    RANKS = 60,
    SLOTS = 80, /* of a node */
    JOBS = 400,
    MEMORY = 1000
};

struct model_core {
    uint16_t cache, numa;
    uint32_t used, room;
    bool is_others, is_aside;
};

/* In the order of their ranks. */
struct model_slot {
    unsigned rank;
    uint32_t number, home;
    bool is_taken;
};

struct model_node {
    uint32_t core_count, gpu_count, slot_count;
    struct model_core cores[CORES];
    struct model_slot slots[SLOTS];
    bool gpu_held[GPUS];
    uint16_t gpu_numa[GPUS];
    uint64_t mem_used, kept_mem;
    uint32_t kept_gpus;
    bool is_aside;
};

struct model_place {
    size_t node;
    uint32_t first, end;
    bool takes_others;
    uint64_t cost; /* UINT64_MAX: none */
};

struct search {
    struct js_request request;
    unsigned avoid;
    enum js_slaves slaves;
    bool is_owner;
};

struct model {
    struct rng rng;
    struct js_allocator *allocator;
    struct model_node nodes[NODES];
    struct js_resources resources[NODES];
    size_t node_count, node_of[RANKS + 1];
    unsigned ranks; /* the highest */
    bool is_of[RANKS + 1][JS_SLAVES_EMPTY + 1];
    bool is_reserved, has_cores;
    struct search reserved;
    struct model_place places[NODES];
    struct js_allocation jobs[JOBS];
    size_t job_count;
    unsigned taken, refused, reservations;
};

/* ---------------------------------------------------------------- searching
 */

static bool is_usable(const struct model *model, const struct search *search,
                      const struct model_slot *slot)
{
    return slot->rank != search->avoid &&
           model->is_of[slot->rank][search->slaves];
}

static bool is_core_free(const struct search *search,
                         const struct model_core *core, bool takes_others)
{
    return core->used < core->room && (takes_others || !core->is_others) &&
           (search->is_owner || !core->is_aside);
}

/* The first slot at home on this core that the job could have, or NULL. */
static struct model_slot *find_slot(struct model *model,
                                    const struct search *search,
                                    struct model_node *node, uint32_t core)
{
    for (uint32_t i = 0; i < node->slot_count; i++) {
        struct model_slot *slot = &node->slots[i];
        if (slot->home == core && !slot->is_taken &&
            is_usable(model, search, slot))
            return slot;
    }
    return NULL;
}

static bool is_home(struct model *model, const struct search *search,
                    struct model_node *node, uint32_t core)
{
    return is_core_free(search, &node->cores[core], false) &&
           find_slot(model, search, node, core);
}

static bool is_in_group(const struct model_node *node, int level, uint32_t a,
                        uint32_t b)
{
    const struct model_core *one = &node->cores[a], *other = &node->cores[b];
    return level == 2 || (one->numa == other->numa &&
                          (level == 1 || one->cache == other->cache));
}

static void look_through(struct model *model, const struct search *search,
                         struct model_node *node, int level, bool takes_others,
                         struct model_place *best)
{
    uint32_t end;
    for (uint32_t first = 0; first < node->core_count; first = end) {
        uint32_t count = 0;
        bool has_home = false;
        for (end = first;
             end < node->core_count && is_in_group(node, level, first, end);
             end++) {
            count += is_core_free(search, &node->cores[end], takes_others);
            has_home |= is_home(model, search, node, end);
        }
        if (has_home && count >= search->request.cores && count < best->cost)
            *best = (struct model_place){best->node, first, end, takes_others,
                                         count};
    }
}

static uint64_t mem_free(const struct model_node *node)
{
    return MEMORY - node->mem_used;
}

static uint32_t gpus_free(const struct model_node *node)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < node->gpu_count; i++)
        count += !node->gpu_held[i];
    return count;
}

static bool is_kept(const struct model_node *node,
                    const struct js_request *request)
{
    uint32_t gpus = gpus_free(node);
    uint64_t mem = mem_free(node);
    gpus -= node->kept_gpus < gpus ? node->kept_gpus : gpus;
    mem -= node->kept_mem < mem ? node->kept_mem : mem;
    return request->gpus > gpus || request->mem_bytes > mem;
}

static bool could(const struct model_node *node,
                  const struct js_request *request)
{
    return node->slot_count > 0 && request->cores <= node->core_count &&
           request->gpus <= node->gpu_count && request->mem_bytes <= MEMORY;
}

static struct model_place find_free(struct model *model,
                                    const struct search *search, size_t index)
{
    struct model_node *node = &model->nodes[index];
    struct model_place place = {.node = index, .cost = UINT64_MAX};
    if (!could(node, &search->request) ||
        search->request.gpus > gpus_free(node) ||
        search->request.mem_bytes > mem_free(node) ||
        (!search->is_owner && is_kept(node, &search->request)))
        return place;
    for (int level = 0; level < 6 && place.cost == UINT64_MAX; level++) {
        look_through(model, search, node, level % 3, level >= 3, &place);
        if (place.cost != UINT64_MAX)
            place.cost |= (uint64_t)level << 32;
    }
    return place;
}

static struct model_place find_quiet(struct model *model,
                                     const struct search *search, size_t index)
{
    const struct model_node *node = &model->nodes[index];
    const struct js_request *request = &search->request;
    struct model_place best = {.node = index, .cost = UINT64_MAX};
    uint64_t least = UINT64_MAX;
    for (uint32_t at = 0;
         could(node, request) && at + request->cores <= node->core_count;
         at++) {
        uint64_t held = 0, borders = 0;
        bool has_home = false;
        for (uint32_t i = at; i < at + request->cores; i++) {
            const struct model_core *core = &node->cores[i];
            held += core->used >= core->room || core->is_others;
            borders += i > at && !is_in_group(node, 0, i, i - 1);
            borders += i > at && !is_in_group(node, 1, i, i - 1);
            for (uint32_t k = 0; k < node->slot_count; k++)
                has_home |= node->slots[k].home == i &&
                            is_usable(model, search, &node->slots[k]);
        }
        uint64_t cost = held << 32 | borders;
        if (!has_home || cost >= least)
            continue;
        least = cost;
        best.first = at;
        best.end = at + request->cores;
        best.cost = held;
    }
    bool lacks_gpus = request->gpus > gpus_free(node);
    bool lacks_mem = request->mem_bytes > mem_free(node);
    if (best.cost != UINT64_MAX)
        best.cost |= ((uint64_t)lacks_gpus + lacks_mem) << 32;
    return best;
}

typedef struct model_place (*find_fn)(struct model *model,
                                      const struct search *search,
                                      size_t index);

/* True if there are as many places as requested nodes; these are the best. */
static bool find_all(struct model *model, const struct search *search,
                     find_fn find, struct model_place *ret)
{
    struct model_place all[NODES];
    uint32_t wanted = js_request_nodes(&search->request);
    for (size_t i = 0; i < model->node_count; i++)
        all[i] = find(model, search, i);
    for (uint32_t i = 0; i < wanted; i++) {
        size_t best = 0;
        for (size_t k = 1; k < model->node_count; k++)
            best = all[k].cost < all[best].cost ? k : best;
        if (wanted > model->node_count || all[best].cost == UINT64_MAX)
            return false;
        ret[i] = all[best];
        all[best].cost = UINT64_MAX;
    }
    return true;
}

/* The slave to avoid, if that leaves enough nodes. */
static unsigned avoided(const struct model *model,
                        const struct js_request *request, unsigned avoid)
{
    uint32_t count = 0;
    for (size_t i = 0; i < model->node_count; i++) {
        const struct model_node *node = &model->nodes[i];
        bool has_other = false;
        for (uint32_t k = 0; k < node->slot_count; k++)
            has_other |= node->slots[k].rank != avoid;
        count += could(node, request) && has_other;
    }
    return count >= js_request_nodes(request) ? avoid : 0;
}

/* ---------------------------------------------------------------- choosing
 */

static void pick_cores(struct model *model, const struct search *search,
                       struct model_node *node, const struct model_place *place,
                       uint32_t *ret)
{
    uint32_t wanted = search->request.cores, count = 0;
    for (uint32_t at = place->first; at + wanted <= place->end; at++) {
        bool has_home = false;
        count = 0;
        for (uint32_t i = at; i < at + wanted; i++) {
            count += is_core_free(search, &node->cores[i], place->takes_others);
            has_home |= is_home(model, search, node, i);
        }
        if (count < wanted || !has_home)
            continue;
        for (uint32_t i = 0; i < wanted; i++)
            ret[i] = at + i;
        return;
    }
    bool has_home = false;
    count = 0;
    for (uint32_t i = place->first; i < place->end && count < wanted; i++) {
        if (!is_core_free(search, &node->cores[i], place->takes_others))
            continue;
        has_home |= is_home(model, search, node, i);
        ret[count++] = i;
    }
    while (!has_home)
        has_home = is_home(model, search, node, ++ret[wanted - 1]);
}

static void account(struct model *model, const struct js_allocation *part,
                    bool is_held)
{
    struct model_node *node = &model->nodes[model->node_of[part->rank]];
    const uint32_t *cores = js_allocation_cores(part);
    for (uint32_t i = 0; i < part->core_count; i++)
        node->cores[cores[i]].used += is_held ? 1 : -1U;
    for (uint32_t i = 0; i < part->gpu_count; i++)
        node->gpu_held[js_allocation_gpus_of(part)[i]] = is_held;
    node->mem_used += is_held ? part->mem_bytes : -part->mem_bytes;
    for (uint32_t i = 0; i < node->slot_count; i++) {
        if (node->slots[i].rank == part->rank &&
            node->slots[i].number == part->slot)
            node->slots[i].is_taken = is_held;
    }
}

/* The allocation is what the model would have chosen at this place. */
static bool is_chosen(struct model *model, const struct search *search,
                      const struct model_place *place,
                      const struct js_allocation *part)
{
    struct model_node *node = &model->nodes[place->node];
    const struct js_request *request = &search->request;
    const struct model_slot *slot = NULL;
    uint32_t cores[CORES], picked = 0;
    bool is_same = part->core_count == request->cores &&
                   part->gpu_count == request->gpus &&
                   part->mem_bytes == request->mem_bytes;
    pick_cores(model, search, node, place, cores);
    for (uint32_t i = 0; i < request->cores; i++) {
        slot = slot ? slot : find_slot(model, search, node, cores[i]);
        is_same = is_same && js_allocation_cores(part)[i] == cores[i];
    }
    is_same = is_same && slot && slot->rank == part->rank &&
              slot->number == part->slot;
    uint16_t numa = node->cores[cores[0]].numa;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < node->gpu_count; i++) {
            if (picked < request->gpus && !node->gpu_held[i] &&
                (node->gpu_numa[i] == numa) == (pass == 0))
                is_same = is_same && js_allocation_gpus_of(part)[picked++] == i;
        }
    }
    return is_same;
}

/* Both make each search, and must agree. */
static void expect_same(struct model *model, const struct search *search,
                        int rc, const struct js_allocation *got)
{
    struct model_place places[NODES];
    bool has_room = find_all(model, search, find_free, places);
    CU_ASSERT_EQUAL_FATAL(rc, has_room);
    *(has_room ? &model->taken : &model->refused) += 1;
    if (!has_room)
        return;
    CU_ASSERT_EQUAL_FATAL(got->other_count + 1,
                          js_request_nodes(&search->request));
    for (uint32_t i = 0; i <= got->other_count; i++) {
        const struct js_allocation *part = i == 0 ? got : &got->others[i - 1];
        CU_ASSERT_FATAL(is_chosen(model, search, &places[i], part));
    }
    for (uint32_t i = 0; i <= got->other_count; i++)
        account(model, i == 0 ? got : &got->others[i - 1], true);
    CU_ASSERT_FATAL(model->job_count < JOBS);
    model->jobs[model->job_count++] = *got;
}

/* ---------------------------------------------------------------- reserving
 */

static void set_aside(struct model *model, bool is_aside)
{
    for (uint32_t i = 0; i < js_request_nodes(&model->reserved.request); i++) {
        const struct model_place *place = &model->places[i];
        struct model_node *node = &model->nodes[place->node];
        node->is_aside = is_aside;
        node->kept_gpus = is_aside ? node->kept_gpus : 0;
        node->kept_mem = is_aside ? node->kept_mem : 0;
        for (uint32_t k = place->first; k < place->end && !is_aside; k++)
            node->cores[k].is_aside = false;
    }
    model->is_reserved = is_aside;
    model->has_cores &= is_aside;
}

/* Sets aside what is lacking; cores only if nothing else is lacking. */
static void keep_more(struct model *model)
{
    const struct js_request *request = &model->reserved.request;
    bool is_lacking = false;
    for (uint32_t i = 0; i < js_request_nodes(request); i++) {
        struct model_node *node = &model->nodes[model->places[i].node];
        bool lacks_gpus = request->gpus > gpus_free(node);
        bool lacks_mem = request->mem_bytes > mem_free(node);
        is_lacking |= lacks_gpus || lacks_mem;
        if (lacks_gpus)
            node->kept_gpus = request->gpus;
        if (lacks_mem)
            node->kept_mem = request->mem_bytes;
    }
    for (uint32_t i = 0; i < js_request_nodes(request) && !is_lacking; i++) {
        struct model_place *place = &model->places[i];
        struct model_node *node = &model->nodes[place->node];
        struct model_place quiet =
            find_quiet(model, &model->reserved, place->node);
        if (quiet.cost != UINT64_MAX)
            *place = quiet;
        for (uint32_t k = place->first; k < place->end; k++)
            node->cores[k].is_aside = true;
        node->kept_gpus = request->gpus;
        node->kept_mem = request->mem_bytes;
    }
    model->has_cores = !is_lacking;
}

static void reserve(struct model *model, const struct js_request *request,
                    unsigned avoid)
{
    model->reserved = (struct search){.request = *request,
                                      .avoid = avoided(model, request, avoid)};
    bool is_made = find_all(model, &model->reserved, find_quiet, model->places);
    CU_ASSERT_EQUAL_FATAL(
        js_allocator_reserve(model->allocator, request, avoid), is_made);
    model->reservations += is_made;
    if (!is_made)
        return;
    set_aside(model, true);
    keep_more(model);
    CU_ASSERT_EQUAL_FATAL(js_allocator_has_cores_reserved(model->allocator),
                          model->has_cores);
}

/* ---------------------------------------------------------------- steps */

static struct js_request any_request(struct model *model)
{
    struct rng *rng = &model->rng;
    struct js_request request = {.cores = 1};
    if (rng_chance(rng, 60))
        request.cores += (uint32_t)rng_below(rng, rng_chance(rng, 10) ? 40 : 5);
    if (rng_chance(rng, 20))
        request.gpus = (uint32_t)rng_below(rng, 3);
    if (rng_chance(rng, 30))
        request.mem_bytes = 100 * rng_below(rng, 12);
    if (rng_chance(rng, 20))
        request.nodes = (uint32_t)rng_below(rng, NODES + 1);
    return request;
}

static unsigned any_rank(struct model *model)
{
    return 1 + (unsigned)rng_below(&model->rng, model->ranks);
}

static void take_any(struct model *model)
{
    struct js_allocation got;
    unsigned avoid = rng_chance(&model->rng, 30) ? any_rank(model) : 0;
    struct search search = {.request = any_request(model)};
    search.slaves = (enum js_slaves)rng_below(&model->rng, 3);
    search.avoid = avoided(model, &search.request, avoid);
    int rc = js_allocator_take(model->allocator, &search.request, avoid,
                               search.slaves, &got);
    expect_same(model, &search, rc, &got);
}

static void take_a_slot(struct model *model)
{
    struct js_allocation got;
    unsigned rank = any_rank(model);
    struct model_node *node = &model->nodes[model->node_of[rank]];
    const struct model_slot *lowest = NULL;
    for (uint32_t i = 0; i < node->slot_count; i++) {
        const struct model_slot *slot = &node->slots[i];
        const struct model_core *core = &node->cores[slot->home];
        if (slot->rank == rank && !slot->is_taken && !core->is_aside &&
            core->used < core->room && !lowest)
            lowest = slot;
    }
    bool is_taken = js_allocator_take_slot(model->allocator, rank, &got);
    CU_ASSERT_EQUAL_FATAL(is_taken, lowest != NULL);
    if (!lowest)
        return;
    CU_ASSERT_EQUAL(got.slot, lowest->number);
    account(model, &got, true);
    model->jobs[model->job_count++] = got;
}

static void release_any(struct model *model)
{
    if (model->job_count == 0)
        return;
    size_t at = rng_below(&model->rng, model->job_count);
    struct js_allocation job = model->jobs[at];
    model->jobs[at] = model->jobs[--model->job_count];
    for (uint32_t i = 0; i <= job.other_count; i++)
        account(model, i == 0 ? &job : &job.others[i - 1], false);
    js_allocator_release(model->allocator, &job);
}

static void take_reserved(struct model *model)
{
    struct js_allocation got;
    struct search search = model->reserved;
    search.is_owner = true;
    search.slaves = (enum js_slaves)rng_below(&model->rng, 2);
    int rc = js_allocator_take_reserved(model->allocator, search.slaves, &got);
    expect_same(model, &search, rc, &got);
    if (rc > 0)
        set_aside(model, false);
}

static void lose_a_slave(struct model *model)
{
    unsigned rank = any_rank(model);
    struct model_node *node = &model->nodes[model->node_of[rank]];
    uint32_t kept = 0;
    js_allocator_drop(model->allocator, rank);
    for (uint32_t i = 0; i < node->slot_count; i++) {
        if (node->slots[i].rank != rank)
            node->slots[kept++] = node->slots[i];
    }
    bool had_slots = kept < node->slot_count;
    node->slot_count = kept;
    for (uint32_t i = 0; i < node->core_count; i++) {
        uint32_t slots = 0;
        for (uint32_t k = 0; k < kept; k++)
            slots += node->slots[k].home == i;
        node->cores[i].room = slots > 1 ? slots : 1;
    }
    if (had_slots && node->is_aside)
        set_aside(model, false);
}

static void describe_any(struct model *model)
{
    unsigned rank = any_rank(model);
    for (int i = JS_SLAVES_OPEN; i <= JS_SLAVES_EMPTY; i++)
        model->is_of[rank][i] = rng_chance(&model->rng, 80);
    js_allocator_admit(model->allocator, rank,
                       model->is_of[rank][JS_SLAVES_OPEN],
                       model->is_of[rank][JS_SLAVES_EMPTY]);
}

static void add_slave(struct model *model, size_t index)
{
    struct model_node *node = &model->nodes[index];
    struct js_node about = {.boot_id = index + 1};
    uint32_t homes[SLOTS], slots = 1 + (uint32_t)rng_below(&model->rng, 3);
    uint32_t first = (uint32_t)rng_below(&model->rng, node->core_count);
    if (model->ranks == RANKS || node->slot_count + slots > SLOTS)
        return;
    unsigned rank = ++model->ranks;
    model->node_of[rank] = index;
    model->is_of[rank][JS_SLAVES_ALL] = true;
    for (uint32_t i = 0; i < slots; i++) {
        homes[i] = (first + i) % node->core_count;
        struct model_core *core = &node->cores[homes[i]];
        bool has_slots = false;
        for (uint32_t k = 0; k < node->slot_count; k++)
            has_slots |= node->slots[k].home == homes[i];
        core->room += has_slots;
        core->is_others = false;
        node->slots[node->slot_count++] =
            (struct model_slot){rank, i, homes[i], false};
    }
    CU_ASSERT_EQUAL(js_allocator_add(model->allocator, rank, &about, true), 0);
    CU_ASSERT_EQUAL(js_allocator_equip(model->allocator, rank,
                                       &model->resources[index], homes, slots),
                    0);
}

/* The allocator learns about a node from its first slave. */
static void add_node(struct model *model)
{
    struct rng *rng = &model->rng;
    struct model_node *node = &model->nodes[model->node_count];
    struct js_resources *resources = &model->resources[model->node_count++];
    uint32_t most = rng_chance(rng, 20) ? CORES : 12;
    uint16_t cache = 0, numa = 0;
    node->core_count = 1 + (uint32_t)rng_below(rng, most);
    node->gpu_count = (uint32_t)rng_below(rng, GPUS);
    resources->mem_bytes = MEMORY;
    for (uint32_t i = 0; i < node->core_count; i++) {
        struct js_cpuset cpus = {{0}};
        cache += rng_chance(rng, 25);
        numa += rng_chance(rng, 10);
        node->cores[i] =
            (struct model_core){.cache = cache, .numa = numa, .room = 1};
        js_cpuset_add(&cpus, i);
        CU_ASSERT_EQUAL(js_resources_add_core(resources, &cpus, cache, numa),
                        0);
        resources->cores[i].is_others = node->cores[i].is_others =
            rng_chance(rng, 10);
    }
    for (uint32_t i = 0; i < node->gpu_count; i++) {
        node->gpu_numa[i] = (uint16_t)rng_below(rng, 3);
        CU_ASSERT_EQUAL(js_resources_add_gpu(resources, "g", node->gpu_numa[i]),
                        0);
    }
    add_slave(model, model->node_count - 1);
}

static void any_step(struct model *model)
{
    uint64_t step = rng_below(&model->rng, 100);
    if (step < 35)
        take_any(model);
    else if (step < 50)
        take_a_slot(model);
    else if (step < 80)
        release_any(model);
    else if (step < 92)
        describe_any(model);
    else if (step < 93)
        lose_a_slave(model);
    else if (step < 94 || model->ranks < 4)
        add_slave(model, rng_below(&model->rng, model->node_count));
    else if (!model->is_reserved) {
        struct js_request request = any_request(model);
        reserve(model, &request, step < 96 ? any_rank(model) : 0);
    } else if (step < 96) {
        CU_ASSERT_EQUAL_FATAL(js_allocator_reserve_more(model->allocator),
                              !model->has_cores &&
                                  (keep_more(model), model->has_cores));
    } else if (step < 99) {
        take_reserved(model);
    } else {
        js_allocator_unreserve(model->allocator);
        set_aside(model, false);
    }
}

static void test_as_a_search_through_all(void)
{
    unsigned taken = 0, refused = 0, reservations = 0;
    const unsigned rounds = unit_rounds(300);
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        struct model *model = not_null(calloc(1, sizeof(*model)));
        model->rng = (struct rng){seed};
        model->allocator = not_null(js_allocator_new());
        uint64_t nodes = 1 + rng_below(&model->rng, NODES - 1);
        while (model->node_count < nodes)
            add_node(model);
        for (uint64_t i = 1 + rng_below(&model->rng, RANKS - 20); i > 0; i--)
            add_slave(model, rng_below(&model->rng, model->node_count));
        for (int i = 0; i < 400; i++) {
            any_step(model);
            if (i % 10 == 0)
                js_allocator_assert_invariants(model->allocator);
            if (i == 200)
                add_node(model);
        }
        while (model->job_count > 0)
            release_any(model);
        taken += model->taken;
        refused += model->refused;
        reservations += model->reservations;
        for (size_t i = 0; i < model->node_count; i++)
            js_resources_release(&model->resources[i]);
        js_allocator_free(model->allocator);
        free(model);
    }
    CU_ASSERT(taken > 20 * rounds && refused > 20 * rounds);
    CU_ASSERT(reservations > 3 * rounds);
}

static const struct unit_test tests[] = {
    {"as a search through all nodes", test_as_a_search_through_all},
    {NULL, NULL},
};

const struct unit_suite suite_node_ranking = {"node_ranking", tests};
