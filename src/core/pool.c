#include "core/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct slot {
    uint32_t home; /* core */
    bool is_taken;
};

struct member {
    unsigned rank; /* 0: the master */
    size_t node;
    bool is_slave;
    uint32_t slot_count; /* 0: not equipped, or dropped */
    struct slot *slots;
};

struct core {
    uint32_t used; /* grants that hold it */
    uint32_t room; /* how many may */
    bool is_set_aside;
};

struct node {
    struct js_node about;
    struct js_equipment equipment;
    struct core *cores;
    bool *gpu_held;
    uint32_t free_cores; /* with room */
    uint32_t free_gpus;
    uint64_t free_mem_bytes;
    unsigned *ranks; /* of its slaves, ascending */
    size_t rank_count;
    size_t equipped; /* slaves that have slots */
};

struct reservation {
    bool is_made;
    size_t node;
    struct js_need need;
    unsigned avoid;
    uint32_t *cores; /* set aside; need.cores of them */
};

struct js_pool {
    struct node **nodes; /* each owned: places point to them */
    size_t node_count;
    struct member **members; /* by rank, NULL where there is none */
    size_t member_end;
    struct reservation reservation;
};

/* ---------------------------------------------------------------- life */

struct js_pool *js_pool_new(void)
{
    return calloc(1, sizeof(struct js_pool));
}

static void free_node(struct node *node)
{
    js_equipment_release(&node->equipment);
    free(node->cores);
    free(node->gpu_held);
    free(node->ranks);
    free(node);
}

void js_pool_free(struct js_pool *pool)
{
    if (!pool)
        return;
    int saved = errno;
    for (size_t i = 0; i < pool->node_count; i++)
        free_node(pool->nodes[i]);
    for (size_t i = 0; i < pool->member_end; i++) {
        if (pool->members[i])
            free(pool->members[i]->slots);
        free(pool->members[i]);
    }
    free(pool->nodes);
    free(pool->members);
    free(pool->reservation.cores);
    free(pool);
    errno = saved;
}

/* ---------------------------------------------------------------- nodes */

/* The index of the same node, or node_count. */
static size_t find_node(const struct js_pool *pool, const struct js_node *about)
{
    size_t i = 0;
    while (i < pool->node_count &&
           (pool->nodes[i]->about.boot_id != about->boot_id ||
            strcmp(pool->nodes[i]->about.host, about->host) != 0))
        i++;
    return i;
}

static int append_node(struct js_pool *pool, const struct js_node *about)
{
    struct node **nodes =
        realloc(pool->nodes, (pool->node_count + 1) * sizeof(*nodes));
    if (!nodes)
        return -1;
    pool->nodes = nodes;
    struct node *node = calloc(1, sizeof(*node));
    if (!node)
        return -1;
    node->about = *about;
    nodes[pool->node_count++] = node;
    return 0;
}

static int make_room_for(struct js_pool *pool, unsigned rank)
{
    if (rank < pool->member_end)
        return 0;
    size_t end = 2 * (size_t)rank + 1;
    struct member **members = realloc(pool->members, end * sizeof(*members));
    if (!members)
        return -1;
    for (size_t i = pool->member_end; i < end; i++)
        members[i] = NULL;
    pool->members = members;
    pool->member_end = end;
    return 0;
}

static int add_rank(struct node *node, unsigned rank)
{
    unsigned *ranks =
        realloc(node->ranks, (node->rank_count + 1) * sizeof(*ranks));
    if (!ranks)
        return -1;
    size_t at = node->rank_count++;
    for (; at > 0 && ranks[at - 1] > rank; at--)
        ranks[at] = ranks[at - 1];
    ranks[at] = rank;
    node->ranks = ranks;
    return 0;
}

int js_pool_add(struct js_pool *pool, unsigned rank, const struct js_node *node,
                bool is_slave)
{
    if (make_room_for(pool, rank) < 0)
        return -1;
    size_t at = find_node(pool, node);
    if (at == pool->node_count && append_node(pool, node) < 0)
        return -1;
    struct member *member = calloc(1, sizeof(*member));
    if (!member || (is_slave && add_rank(pool->nodes[at], rank) < 0)) {
        free(member);
        return -1;
    }
    js_cpuset_unite(&pool->nodes[at]->about.cpus, &node->cpus);
    *member = (struct member){.rank = rank, .node = at, .is_slave = is_slave};
    pool->members[rank] = member;
    return 0;
}

static struct member *find_slave(const struct js_pool *pool, unsigned rank)
{
    struct member *member =
        rank < pool->member_end ? pool->members[rank] : NULL;
    return member && member->is_slave ? member : NULL;
}

int js_pool_place(const struct js_pool *pool, unsigned rank,
                  struct js_place *ret)
{
    const struct member *slave = find_slave(pool, rank);
    if (!slave) {
        errno = ENOENT;
        return -1;
    }
    const struct node *node = pool->nodes[slave->node];
    struct js_place place = {.node = &node->about,
                             .slaves = (unsigned)node->rank_count};
    while (node->ranks[place.index] != rank)
        place.index++;
    *ret = place;
    return 0;
}

size_t js_pool_neighbours(const struct js_pool *pool, unsigned rank,
                          const unsigned **ret)
{
    const struct member *slave = find_slave(pool, rank);
    *ret = slave ? pool->nodes[slave->node]->ranks : NULL;
    return slave ? pool->nodes[slave->node]->rank_count : 0;
}

/* ---------------------------------------------------------------- equipment */

static int copy_equipment(struct js_equipment *to,
                          const struct js_equipment *from)
{
    size_t cores = from->core_count * sizeof(*to->cores);
    size_t cpus = from->cpu_count * sizeof(*to->cpus);
    size_t gpus = from->gpu_count * sizeof(*to->gpus);
    *to = *from;
    to->cores = malloc(cores + 1);
    to->cpus = malloc(cpus + 1);
    to->gpus = malloc(gpus + 1);
    if (!to->cores || !to->cpus || !to->gpus) {
        js_equipment_release(to);
        return -1;
    }
    memcpy(to->cores, from->cores, cores);
    memcpy(to->cpus, from->cpus, cpus);
    if (gpus > 0)
        memcpy(to->gpus, from->gpus, gpus);
    return 0;
}

static int equip_node(struct node *node, const struct js_equipment *equipment)
{
    if (node->cores)
        return 0;
    struct core *cores = calloc(equipment->core_count + 1, sizeof(*cores));
    bool *gpu_held = calloc(equipment->gpu_count + 1, sizeof(*gpu_held));
    if (!cores || !gpu_held ||
        copy_equipment(&node->equipment, equipment) < 0) {
        free(cores);
        free(gpu_held);
        return -1;
    }
    for (uint32_t i = 0; i < equipment->core_count; i++)
        cores[i].room = 1;
    node->cores = cores;
    node->gpu_held = gpu_held;
    node->free_cores = equipment->core_count;
    node->free_gpus = equipment->gpu_count;
    node->free_mem_bytes = equipment->mem_bytes;
    return 0;
}

/* How many slots of the node have their home on this core. */
static uint32_t slots_at_home(const struct js_pool *pool,
                              const struct node *node, uint32_t core)
{
    uint32_t count = 0;
    for (size_t i = 0; i < node->rank_count; i++) {
        const struct member *slave = pool->members[node->ranks[i]];
        for (uint32_t k = 0; k < slave->slot_count; k++)
            count += slave->slots[k].home == core;
    }
    return count;
}

static bool has_room(const struct core *core)
{
    return core->used < core->room;
}

static void set_room(const struct js_pool *pool, struct node *node,
                     uint32_t index)
{
    struct core *core = &node->cores[index];
    uint32_t slots = slots_at_home(pool, node, index);
    node->free_cores -= has_room(core);
    core->room = slots > 1 ? slots : 1;
    node->free_cores += has_room(core);
}

int js_pool_equip(struct js_pool *pool, unsigned rank,
                  const struct js_equipment *equipment, const uint32_t *homes,
                  uint32_t slots)
{
    struct member *slave = find_slave(pool, rank);
    if (!slave || slave->slots) {
        errno = slave ? EEXIST : ENOENT;
        return -1;
    }
    struct node *node = pool->nodes[slave->node];
    if (equip_node(node, equipment) < 0)
        return -1;
    for (uint32_t i = 0; i < slots; i++) {
        if (homes[i] >= node->equipment.core_count) {
            errno = EINVAL;
            return -1;
        }
    }
    slave->slots = calloc(slots + 1, sizeof(*slave->slots));
    if (!slave->slots)
        return -1;
    slave->slot_count = slots;
    for (uint32_t i = 0; i < slots; i++)
        slave->slots[i].home = homes[i];
    for (uint32_t i = 0; i < slots; i++)
        set_room(pool, node, homes[i]);
    node->equipped++;
    return 0;
}

void js_pool_drop(struct js_pool *pool, unsigned rank)
{
    struct member *slave = find_slave(pool, rank);
    if (!slave || slave->slot_count == 0)
        return;
    struct node *node = pool->nodes[slave->node];
    uint32_t slots = slave->slot_count;
    slave->slot_count = 0;
    for (uint32_t i = 0; i < slots; i++)
        set_room(pool, node, slave->slots[i].home);
    node->equipped--;
    /* The cores that are set aside may have no slot left. */
    if (pool->reservation.is_made && pool->reservation.node == slave->node)
        js_pool_unreserve(pool);
}

/* ---------------------------------------------------------------- holding */

static void hold_core(struct node *node, uint32_t index)
{
    struct core *core = &node->cores[index];
    core->used++;
    node->free_cores -= !has_room(core);
}

static void let_go_core(struct node *node, uint32_t index)
{
    struct core *core = &node->cores[index];
    node->free_cores += !has_room(core) && core->used - 1 < core->room;
    core->used--;
}

static const uint32_t *cores_of(const struct js_grant *grant)
{
    return grant->cores ? grant->cores : &grant->core;
}

static const uint32_t *gpus_of(const struct js_grant *grant)
{
    return grant->cores + grant->core_count;
}

static void hold(struct js_pool *pool, const struct js_grant *grant)
{
    struct member *slave = pool->members[grant->rank];
    struct node *node = pool->nodes[slave->node];
    slave->slots[grant->slot].is_taken = true;
    for (uint32_t i = 0; i < grant->core_count; i++)
        hold_core(node, cores_of(grant)[i]);
    for (uint32_t i = 0; i < grant->gpu_count; i++)
        node->gpu_held[gpus_of(grant)[i]] = true;
    node->free_gpus -= grant->gpu_count;
    if (node->equipment.mem_bytes > 0)
        node->free_mem_bytes -= grant->mem_bytes;
}

void js_pool_release(struct js_pool *pool, struct js_grant *grant)
{
    struct member *slave = pool->members[grant->rank];
    struct node *node = pool->nodes[slave->node];
    slave->slots[grant->slot].is_taken = false;
    for (uint32_t i = 0; i < grant->core_count; i++)
        let_go_core(node, cores_of(grant)[i]);
    for (uint32_t i = 0; i < grant->gpu_count; i++)
        node->gpu_held[gpus_of(grant)[i]] = false;
    node->free_gpus += grant->gpu_count;
    if (node->equipment.mem_bytes > 0)
        node->free_mem_bytes += grant->mem_bytes;
    free(grant->cores);
    memset(grant, 0, sizeof(*grant));
}

void js_grant_cpus(const struct js_pool *pool, const struct js_grant *grant,
                   struct js_cpuset *ret)
{
    const struct node *node = pool->nodes[pool->members[grant->rank]->node];
    js_cpuset_clear(ret);
    for (uint32_t i = 0; i < grant->core_count; i++)
        js_equipment_core(&node->equipment, cores_of(grant)[i], ret);
}

int js_grant_gpus(const struct js_pool *pool, const struct js_grant *grant,
                  struct js_buf *buf)
{
    const struct node *node = pool->nodes[pool->members[grant->rank]->node];
    for (uint32_t i = 0; i < grant->gpu_count; i++) {
        const char *name = node->equipment.gpus[gpus_of(grant)[i]].name;
        if (js_buf_printf(buf, "%s%s", i > 0 ? "," : "", name) < 0)
            return -1;
    }
    return 0;
}

/* ---------------------------------------------------------------- slots */

static bool is_slot_free(const struct node *node, const struct slot *slot)
{
    const struct core *core = &node->cores[slot->home];
    return !slot->is_taken && !core->is_set_aside && has_room(core);
}

bool js_pool_take_slot(struct js_pool *pool, unsigned rank,
                       struct js_grant *ret)
{
    struct member *slave = find_slave(pool, rank);
    for (uint32_t i = 0; slave && i < slave->slot_count; i++) {
        struct slot *slot = &slave->slots[i];
        if (!is_slot_free(pool->nodes[slave->node], slot))
            continue;
        *ret = (struct js_grant){
            .rank = rank, .slot = i, .core_count = 1, .core = slot->home};
        hold(pool, ret);
        return true;
    }
    return false;
}

uint32_t js_pool_free_slots(const struct js_pool *pool, unsigned rank)
{
    const struct member *slave = find_slave(pool, rank);
    uint32_t count = 0;
    for (uint32_t i = 0; slave && i < slave->slot_count; i++)
        count += is_slot_free(pool->nodes[slave->node], &slave->slots[i]);
    return count;
}

/* ---------------------------------------------------------------- fitting */

static bool could_node(const struct node *node, const struct js_need *need)
{
    const struct js_equipment *have = &node->equipment;
    return node->equipped > 0 && need->cores <= have->core_count &&
           need->gpus <= have->gpu_count &&
           (have->mem_bytes == 0 || need->mem_bytes <= have->mem_bytes);
}

/* True if a slave other than `avoid` is there. */
static bool has_other(const struct js_pool *pool, const struct node *node,
                      unsigned avoid)
{
    const struct member *slave = find_slave(pool, avoid);
    bool is_here =
        slave && slave->slot_count > 0 && pool->nodes[slave->node] == node;
    return node->equipped > (is_here ? 1 : 0);
}

bool js_pool_could(const struct js_pool *pool, const struct js_need *need,
                   unsigned avoid)
{
    for (size_t i = 0; i < pool->node_count; i++) {
        const struct node *node = pool->nodes[i];
        if (could_node(node, need) && has_other(pool, node, avoid))
            return true;
    }
    return false;
}

struct js_need js_pool_largest(const struct js_pool *pool)
{
    struct js_need most = {0};
    for (size_t i = 0; i < pool->node_count; i++) {
        const struct js_equipment *have = &pool->nodes[i]->equipment;
        if (pool->nodes[i]->equipped == 0)
            continue;
        if (have->core_count > most.cores)
            most.cores = have->core_count;
        if (have->gpu_count > most.gpus)
            most.gpus = have->gpu_count;
        if (have->mem_bytes > most.mem_bytes)
            most.mem_bytes = have->mem_bytes;
    }
    return most;
}

/* Beside the cores. What is free and not set aside for a reservation here. */
static bool has_rest(const struct js_pool *pool, size_t index,
                     const struct js_need *need, bool is_reserved)
{
    const struct node *node = pool->nodes[index];
    const struct reservation *reservation = &pool->reservation;
    uint64_t mem = node->free_mem_bytes;
    uint32_t gpus = node->free_gpus;
    if (!is_reserved && reservation->is_made && reservation->node == index) {
        const struct js_need *kept = &reservation->need;
        mem -= kept->mem_bytes < mem ? kept->mem_bytes : mem;
        gpus -= kept->gpus < gpus ? kept->gpus : gpus;
    }
    return need->gpus <= gpus &&
           (node->equipment.mem_bytes == 0 || need->mem_bytes <= mem);
}

/* ---------------------------------------------------------------- choosing */

/* One search for a place. */
struct search {
    const struct js_pool *pool;
    const struct js_need *need;
    unsigned avoid; /* 0: nobody */
    js_pool_usable_fn usable;
    void *arg;
    bool is_for_all; /* what is held now does not matter */
};

/* Neighbouring cores that belong together, on one level. */
struct container {
    size_t node;
    uint32_t first, end; /* cores; of these, those of this group */
    uint32_t group;
    uint32_t free;
};

enum level { LEVEL_CACHE, LEVEL_NUMA, LEVEL_NODE, LEVEL_COUNT };

static uint32_t group_of(const struct node *node, uint32_t core,
                         enum level level)
{
    const struct js_core *about = &node->equipment.cores[core];
    if (level == LEVEL_CACHE)
        return (uint32_t)about->numa << 16 | about->cache;
    return level == LEVEL_NUMA ? about->numa : 0;
}

static bool is_core_free(const struct search *search, const struct node *node,
                         uint32_t core)
{
    return search->is_for_all ||
           (has_room(&node->cores[core]) && !node->cores[core].is_set_aside);
}

static bool is_usable(const struct search *search, unsigned rank)
{
    return rank != search->avoid &&
           (!search->usable || search->usable(search->arg, rank));
}

/* A slot at home on this core that a grant could have; true and which. */
static bool find_slot(const struct search *search, const struct node *node,
                      uint32_t core, struct js_grant *ret)
{
    for (size_t i = 0; i < node->rank_count; i++) {
        const struct member *slave = search->pool->members[node->ranks[i]];
        for (uint32_t k = 0; k < slave->slot_count; k++) {
            if (slave->slots[k].home != core ||
                (slave->slots[k].is_taken && !search->is_for_all) ||
                !is_usable(search, slave->rank))
                continue;
            ret->rank = slave->rank;
            ret->slot = k;
            return true;
        }
    }
    return false;
}

/* Marks the cores at which a grant could have its home. */
static void mark_homes(const struct search *search, const struct node *node,
                       bool *homes)
{
    memset(homes, 0, node->equipment.core_count * sizeof(*homes));
    for (size_t i = 0; i < node->rank_count; i++) {
        const struct member *slave = search->pool->members[node->ranks[i]];
        if (slave->slot_count == 0 || !is_usable(search, slave->rank))
            continue;
        for (uint32_t k = 0; k < slave->slot_count; k++) {
            const struct slot *slot = &slave->slots[k];
            homes[slot->home] |=
                search->is_for_all ||
                (!slot->is_taken && is_core_free(search, node, slot->home));
        }
    }
}

/* Takes the container into account: fewest free cores, first come. */
static void consider(const struct search *search,
                     const struct container *container, bool has_home,
                     struct container *best)
{
    if (has_home && container->free >= search->need->cores &&
        (best->free == 0 || container->free < best->free))
        *best = *container;
}

/* Groups are runs of cores: they are numbered as they lie. */
static void look_through(const struct search *search, size_t index,
                         enum level level, const bool *homes,
                         struct container *best)
{
    const struct node *node = search->pool->nodes[index];
    uint32_t count = node->equipment.core_count;
    for (uint32_t first = 0; first < count;) {
        struct container container = {.node = index,
                                      .first = first,
                                      .group = group_of(node, first, level)};
        bool has_home = false;
        uint32_t i = first;
        for (; i < count && group_of(node, i, level) == container.group; i++) {
            container.free += is_core_free(search, node, i);
            has_home |= homes[i];
        }
        container.end = first = i;
        consider(search, &container, has_home, best);
    }
}

/* Takes `count` free cores from `from` on into the grant, until `end`. */
static void gather(const struct search *search, const struct node *node,
                   uint32_t from, uint32_t end, uint32_t count, uint32_t *to)
{
    for (uint32_t i = from; i < end && count > 0; i++) {
        if (!is_core_free(search, node, i))
            continue;
        *to++ = i;
        count--;
    }
}

/* A run of free cores, neighbours, with a home; or end. */
static uint32_t find_run(const struct search *search, const struct node *node,
                         const struct container *in, const bool *homes)
{
    uint32_t wanted = search->need->cores;
    uint32_t length = 0, last_home = UINT32_MAX;
    for (uint32_t i = in->first; i < in->end; i++) {
        length = is_core_free(search, node, i) ? length + 1 : 0;
        if (homes[i])
            last_home = i;
        if (length >= wanted && last_home != UINT32_MAX &&
            last_home + wanted > i)
            return i + 1 - wanted;
    }
    return in->end;
}

/* Which cores of the container: neighbours if there are such, else the first,
 * one of them a home. */
static void pick_cores(const struct search *search, const struct node *node,
                       const struct container *in, const bool *homes,
                       uint32_t *to)
{
    uint32_t count = search->need->cores;
    uint32_t run = find_run(search, node, in, homes);
    if (run < in->end) {
        gather(search, node, run, in->end, count, to);
        return;
    }
    gather(search, node, in->first, in->end, count, to);
    for (uint32_t i = 0; i < count; i++) {
        if (homes[to[i]])
            return;
    }
    /* All of them lie before the first home. */
    uint32_t home = to[count - 1];
    while (!homes[home])
        home++;
    to[count - 1] = home;
}

/* The best place; false if there is none. homes has room for the cores of any
 * node. */
static bool find_container(const struct search *search, bool *homes,
                           struct container *ret)
{
    const struct js_pool *pool = search->pool;
    memset(ret, 0, sizeof(*ret));
    for (int level = LEVEL_CACHE; level < LEVEL_COUNT && ret->free == 0;
         level++) {
        for (size_t i = 0; i < pool->node_count; i++) {
            const struct node *node = pool->nodes[i];
            if (!could_node(node, search->need) ||
                (!search->is_for_all &&
                 (node->free_cores < search->need->cores ||
                  !has_rest(pool, i, search->need, false))))
                continue;
            mark_homes(search, node, homes);
            look_through(search, i, (enum level)level, homes, ret);
        }
    }
    return ret->free > 0;
}

static size_t most_cores(const struct js_pool *pool)
{
    size_t most = 1;
    for (size_t i = 0; i < pool->node_count; i++) {
        if (pool->nodes[i]->equipment.core_count > most)
            most = pool->nodes[i]->equipment.core_count;
    }
    return most;
}

/* ---------------------------------------------------------------- granting */

/* Those near the cores first. */
static void pick_gpus(const struct node *node, uint32_t core, uint32_t count,
                      uint32_t *to)
{
    uint16_t numa = node->equipment.cores[core].numa;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < node->equipment.gpu_count && count > 0; i++) {
            bool is_near = node->equipment.gpus[i].numa == numa;
            if (node->gpu_held[i] || is_near != (pass == 0))
                continue;
            *to++ = i;
            count--;
        }
    }
}

/* Makes the grant of these cores, a home among them; takes over `cores`, which
 * has room for the GPUs. */
static void grant_cores(struct js_pool *pool, const struct search *search,
                        size_t index, uint32_t *cores, struct js_grant *ret)
{
    const struct js_need *need = search->need;
    struct node *node = pool->nodes[index];
    *ret = (struct js_grant){.core_count = need->cores,
                             .gpu_count = need->gpus,
                             .core = cores[0],
                             .cores = cores,
                             .mem_bytes = need->mem_bytes};
    for (uint32_t i = 0; i < need->cores; i++) {
        if (find_slot(search, node, cores[i], ret))
            break;
    }
    pick_gpus(node, cores[0], need->gpus, cores + need->cores);
    hold(pool, ret);
}

static unsigned whom_to_avoid(const struct js_pool *pool,
                              const struct js_need *need, unsigned avoid)
{
    return avoid > 0 && js_pool_could(pool, need, avoid) ? avoid : 0;
}

/* Allocates for the search: marks of homes, and the cores of a grant. */
static int begin_search(const struct search *search, bool **ret_homes,
                        uint32_t **ret_cores)
{
    const struct js_need *need = search->need;
    *ret_homes = calloc(most_cores(search->pool), sizeof(bool));
    *ret_cores = calloc((size_t)need->cores + need->gpus, sizeof(uint32_t));
    if (*ret_homes && *ret_cores)
        return 0;
    free(*ret_homes);
    free(*ret_cores);
    return -1;
}

int js_pool_take(struct js_pool *pool, const struct js_need *need,
                 unsigned avoid, js_pool_usable_fn usable, void *arg,
                 struct js_grant *ret)
{
    struct search search = {.pool = pool,
                            .need = need,
                            .avoid = whom_to_avoid(pool, need, avoid),
                            .usable = usable,
                            .arg = arg};
    struct container place;
    bool *homes;
    uint32_t *cores;
    memset(ret, 0, sizeof(*ret));
    if (!js_pool_could(pool, need, 0))
        return 0;
    if (begin_search(&search, &homes, &cores) < 0)
        return -1;
    bool is_found = find_container(&search, homes, &place);
    if (is_found) {
        const struct node *node = pool->nodes[place.node];
        mark_homes(&search, node, homes);
        pick_cores(&search, node, &place, homes, cores);
        grant_cores(pool, &search, place.node, cores, ret);
    } else {
        free(cores);
    }
    free(homes);
    return is_found;
}

/* ---------------------------------------------------------------- reserving */

/* How many of the cores from `first` on are held. */
static uint32_t count_held(const struct node *node, const uint32_t *cores,
                           uint32_t count)
{
    uint32_t held = 0;
    for (uint32_t i = 0; i < count; i++)
        held += !has_room(&node->cores[cores[i]]);
    return held;
}

/* How often neighbours among these cores share no cache, or no NUMA node. */
static uint32_t count_borders(const struct node *node, uint32_t first,
                              uint32_t count)
{
    uint32_t borders = 0;
    for (uint32_t i = first + 1; i < first + count; i++) {
        borders += group_of(node, i, LEVEL_CACHE) !=
                   group_of(node, i - 1, LEVEL_CACHE);
        borders +=
            group_of(node, i, LEVEL_NUMA) != group_of(node, i - 1, LEVEL_NUMA);
    }
    return borders;
}

/* Neighbouring cores of the node, one of them a home, of which the fewest are
 * held, and then with the fewest borders: how many are held, or UINT32_MAX;
 * *ret_first is the first. */
static uint32_t find_quiet_run(const struct node *node, uint32_t count,
                               const bool *homes, uint32_t *ret_first)
{
    uint32_t best = UINT32_MAX, best_borders = 0;
    for (uint32_t at = 0; at + count <= node->equipment.core_count; at++) {
        uint32_t held = 0, homes_in = 0;
        for (uint32_t i = at; i < at + count; i++) {
            held += !has_room(&node->cores[i]);
            homes_in += homes[i];
        }
        uint32_t borders = count_borders(node, at, count);
        if (homes_in == 0 || held > best ||
            (held == best && borders >= best_borders))
            continue;
        best = held;
        best_borders = borders;
        *ret_first = at;
    }
    return best;
}

bool js_pool_reserve(struct js_pool *pool, const struct js_need *need,
                     unsigned avoid)
{
    struct search search = {.pool = pool,
                            .need = need,
                            .avoid = whom_to_avoid(pool, need, avoid),
                            .is_for_all = true};
    struct reservation made = {.need = *need, .avoid = search.avoid};
    uint32_t best = UINT32_MAX, first = 0;
    bool *homes;
    if (!js_pool_could(pool, need, 0) ||
        begin_search(&search, &homes, &made.cores) < 0)
        return false;
    for (size_t i = 0; i < pool->node_count; i++) {
        const struct node *node = pool->nodes[i];
        uint32_t at = 0;
        if (!could_node(node, need))
            continue;
        mark_homes(&search, node, homes);
        uint32_t held = find_quiet_run(node, need->cores, homes, &at);
        if (held >= best)
            continue;
        best = held;
        made.node = i;
        first = at;
    }
    free(homes);
    made.is_made = best != UINT32_MAX;
    if (!made.is_made) {
        free(made.cores);
        return false;
    }
    for (uint32_t i = 0; i < need->cores; i++) {
        made.cores[i] = first + i;
        pool->nodes[made.node]->cores[first + i].is_set_aside = true;
    }
    pool->reservation = made;
    return true;
}

void js_pool_unreserve(struct js_pool *pool)
{
    struct reservation *reservation = &pool->reservation;
    if (!reservation->is_made)
        return;
    struct node *node = pool->nodes[reservation->node];
    for (uint32_t i = 0; i < reservation->need.cores; i++)
        node->cores[reservation->cores[i]].is_set_aside = false;
    free(reservation->cores);
    memset(reservation, 0, sizeof(*reservation));
}

bool js_pool_has_reservation(const struct js_pool *pool)
{
    return pool->reservation.is_made;
}

bool js_pool_is_reserved(const struct js_pool *pool, unsigned rank)
{
    const struct member *slave = find_slave(pool, rank);
    if (!slave || !pool->reservation.is_made ||
        pool->reservation.node != slave->node)
        return false;
    for (uint32_t i = 0; i < slave->slot_count; i++) {
        if (pool->nodes[slave->node]->cores[slave->slots[i].home].is_set_aside)
            return true;
    }
    return false;
}

/* True if a slot can be had for the cores that are set aside. */
static bool can_begin(const struct search *search,
                      const struct reservation *reservation)
{
    struct js_grant unused;
    const struct node *node = search->pool->nodes[reservation->node];
    if (count_held(node, reservation->cores, reservation->need.cores) > 0 ||
        !has_rest(search->pool, reservation->node, &reservation->need, true))
        return false;
    for (uint32_t i = 0; i < reservation->need.cores; i++) {
        if (find_slot(search, node, reservation->cores[i], &unused))
            return true;
    }
    return false;
}

int js_pool_take_reserved(struct js_pool *pool, js_pool_usable_fn usable,
                          void *arg, struct js_grant *ret)
{
    const struct js_need need = pool->reservation.need;
    struct search search = {.pool = pool,
                            .need = &need,
                            .avoid = pool->reservation.avoid,
                            .usable = usable,
                            .arg = arg};
    memset(ret, 0, sizeof(*ret));
    if (!pool->reservation.is_made || !can_begin(&search, &pool->reservation))
        return 0;
    size_t node = pool->reservation.node;
    uint32_t *cores = calloc((size_t)need.cores + need.gpus, sizeof(uint32_t));
    if (!cores)
        return -1;
    memcpy(cores, pool->reservation.cores, need.cores * sizeof(*cores));
    js_pool_unreserve(pool);
    grant_cores(pool, &search, node, cores, ret);
    return 1;
}
