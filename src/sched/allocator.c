#include "sched/allocator.h"

#include "base/host.h"

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
    bool is_others; /* of another run, and no slot's home */
};

struct node {
    struct js_node about;
    struct js_resources resources;
    struct core *cores;
    bool *gpu_held;
    uint32_t free_cores; /* with room */
    uint32_t free_gpus;
    uint64_t free_mem_bytes;
    unsigned *ranks; /* of its slaves, ascending */
    size_t rank_count;
    size_t equipped;    /* slaves that have slots */
    bool has_others;    /* cores that other runs hold */
    bool is_shared;     /* a core has room for several jobs at once */
    bool is_set_aside;  /* the reservation is on it; and keeps of it: */
    uint32_t kept_gpus; /* 0: as many as there are */
    uint64_t kept_mem_bytes;
};

/* Neighbouring cores of a node. */
struct place {
    size_t node;
    uint32_t first, end; /* cores */
    bool takes_others;   /* of these also such of other runs */
    uint64_t cost;       /* of several places the lowest is the best */
};

struct reservation {
    bool is_made;
    bool has_cores; /* they are set aside, as it lacks nothing else */
    struct js_request request;
    unsigned avoid;
    struct place *places; /* owned; on each of its nodes the cores that are set
                             aside, or were to be when it was made */
};

struct js_allocator {
    struct node **nodes; /* each owned: places point to them */
    size_t node_count;
    struct member **members; /* by rank, NULL where there is none */
    size_t member_end;
    struct reservation reservation;
};

/* ---------------------------------------------------------------- life */

struct js_allocator *js_allocator_new(void)
{
    return calloc(1, sizeof(struct js_allocator));
}

static void allocator_free_node(struct node *node)
{
    js_resources_release(&node->resources);
    free(node->cores);
    free(node->gpu_held);
    free(node->ranks);
    free(node);
}

void js_allocator_free(struct js_allocator *allocator)
{
    if (!allocator)
        return;
    int saved = errno;
    for (size_t i = 0; i < allocator->node_count; i++)
        allocator_free_node(allocator->nodes[i]);
    for (size_t i = 0; i < allocator->member_end; i++) {
        if (allocator->members[i])
            free(allocator->members[i]->slots);
        free(allocator->members[i]);
    }
    free(allocator->nodes);
    free(allocator->members);
    free(allocator->reservation.places);
    free(allocator);
    errno = saved;
}

/* ---------------------------------------------------------------- nodes */

bool js_node_is_same(const struct js_node *a, const struct js_node *b)
{
    return a->boot_id == b->boot_id && js_host_is_same(a->host, b->host);
}

/* The index of the same node, or node_count. */
static size_t allocator_find_node(const struct js_allocator *allocator,
                                  const struct js_node *about)
{
    size_t i = 0;
    while (i < allocator->node_count &&
           !js_node_is_same(&allocator->nodes[i]->about, about))
        i++;
    return i;
}

static int append_node(struct js_allocator *allocator,
                       const struct js_node *about)
{
    struct node **nodes =
        realloc(allocator->nodes, (allocator->node_count + 1) * sizeof(*nodes));
    if (!nodes)
        return -1;
    allocator->nodes = nodes;
    struct node *node = calloc(1, sizeof(*node));
    if (!node)
        return -1;
    node->about = *about;
    nodes[allocator->node_count++] = node;
    return 0;
}

static int allocator_make_room_for(struct js_allocator *allocator,
                                   unsigned rank)
{
    if (rank < allocator->member_end)
        return 0;
    size_t end = 2 * (size_t)rank + 1;
    struct member **members =
        realloc(allocator->members, end * sizeof(*members));
    if (!members)
        return -1;
    for (size_t i = allocator->member_end; i < end; i++)
        members[i] = NULL;
    allocator->members = members;
    allocator->member_end = end;
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

/* What another process says of the same node. */
static void unite(struct js_node *to, const struct js_node *from)
{
    js_cpuset_unite(&to->cpus, &from->cpus);
    js_cpuset_unite(&to->held, &from->held);
    if (to->quota_cores == 0 ||
        (from->quota_cores > 0 && from->quota_cores < to->quota_cores))
        to->quota_cores = from->quota_cores;
}

int js_allocator_add(struct js_allocator *allocator, unsigned rank,
                     const struct js_node *node, bool is_slave)
{
    if (allocator_make_room_for(allocator, rank) < 0)
        return -1;
    size_t at = allocator_find_node(allocator, node);
    if (at == allocator->node_count && append_node(allocator, node) < 0)
        return -1;
    struct member *member = calloc(1, sizeof(*member));
    if (!member || (is_slave && add_rank(allocator->nodes[at], rank) < 0)) {
        free(member);
        return -1;
    }
    unite(&allocator->nodes[at]->about, node);
    *member = (struct member){.rank = rank, .node = at, .is_slave = is_slave};
    allocator->members[rank] = member;
    return 0;
}

static struct member *allocator_find_slave(const struct js_allocator *allocator,
                                           unsigned rank)
{
    struct member *member =
        rank < allocator->member_end ? allocator->members[rank] : NULL;
    return member && member->is_slave ? member : NULL;
}

int js_allocator_place(const struct js_allocator *allocator, unsigned rank,
                       struct js_placement *ret)
{
    const struct member *slave = allocator_find_slave(allocator, rank);
    if (!slave) {
        errno = ENOENT;
        return -1;
    }
    const struct node *node = allocator->nodes[slave->node];
    struct js_placement place = {.node = &node->about,
                                 .slaves = (unsigned)node->rank_count};
    while (node->ranks[place.index] != rank)
        place.index++;
    *ret = place;
    return 0;
}

size_t js_allocator_neighbours(const struct js_allocator *allocator,
                               unsigned rank, const unsigned **ret)
{
    const struct member *slave = allocator_find_slave(allocator, rank);
    *ret = slave ? allocator->nodes[slave->node]->ranks : NULL;
    return slave ? allocator->nodes[slave->node]->rank_count : 0;
}

/* ---------------------------------------------------------------- resources */

static int copy_resources(struct js_resources *to,
                          const struct js_resources *from)
{
    size_t cores = from->core_count * sizeof(*to->cores);
    size_t cpus = from->cpu_count * sizeof(*to->cpus);
    size_t gpus = from->gpu_count * sizeof(*to->gpus);
    *to = *from;
    to->cores = malloc(cores + 1);
    to->cpus = malloc(cpus + 1);
    to->gpus = malloc(gpus + 1);
    if (!to->cores || !to->cpus || !to->gpus) {
        js_resources_release(to);
        return -1;
    }
    memcpy(to->cores, from->cores, cores);
    memcpy(to->cpus, from->cpus, cpus);
    if (gpus > 0)
        memcpy(to->gpus, from->gpus, gpus);
    return 0;
}

static int equip_node(struct node *node, const struct js_resources *resources)
{
    if (node->cores)
        return 0;
    struct core *cores = calloc(resources->core_count + 1, sizeof(*cores));
    bool *gpu_held = calloc(resources->gpu_count + 1, sizeof(*gpu_held));
    if (!cores || !gpu_held ||
        copy_resources(&node->resources, resources) < 0) {
        free(cores);
        free(gpu_held);
        return -1;
    }
    for (uint32_t i = 0; i < resources->core_count; i++)
        cores[i] = (struct core){.room = 1,
                                 .is_others = resources->cores[i].is_others};
    for (uint32_t i = 0; i < resources->core_count; i++)
        node->has_others |= resources->cores[i].is_others;
    node->cores = cores;
    node->gpu_held = gpu_held;
    node->free_cores = resources->core_count;
    node->free_gpus = resources->gpu_count;
    node->free_mem_bytes = resources->mem_bytes;
    return 0;
}

/* How many slots of the node have their home on this core. */
static uint32_t slots_at_home(const struct js_allocator *allocator,
                              const struct node *node, uint32_t core)
{
    uint32_t count = 0;
    for (size_t i = 0; i < node->rank_count; i++) {
        const struct member *slave = allocator->members[node->ranks[i]];
        for (uint32_t k = 0; k < slave->slot_count; k++)
            count += slave->slots[k].home == core;
    }
    return count;
}

static bool allocator_has_room(const struct core *core)
{
    return core->used < core->room;
}

static void set_room(const struct js_allocator *allocator, struct node *node,
                     uint32_t index)
{
    struct core *core = &node->cores[index];
    uint32_t slots = slots_at_home(allocator, node, index);
    node->free_cores -= allocator_has_room(core);
    core->room = slots > 1 ? slots : 1;
    node->is_shared |= core->room > 1;
    node->free_cores += allocator_has_room(core);
}

int js_allocator_equip(struct js_allocator *allocator, unsigned rank,
                       const struct js_resources *resources,
                       const uint32_t *homes, uint32_t slots)
{
    struct member *slave = allocator_find_slave(allocator, rank);
    if (!slave || slave->slots) {
        errno = slave ? EEXIST : ENOENT;
        return -1;
    }
    struct node *node = allocator->nodes[slave->node];
    if (equip_node(node, resources) < 0)
        return -1;
    for (uint32_t i = 0; i < slots; i++) {
        if (homes[i] >= node->resources.core_count) {
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
    for (uint32_t i = 0; i < slots; i++) {
        node->cores[homes[i]].is_others = false;
        set_room(allocator, node, homes[i]);
    }
    node->equipped++;
    return 0;
}

void js_allocator_drop(struct js_allocator *allocator, unsigned rank)
{
    struct member *slave = allocator_find_slave(allocator, rank);
    if (!slave || slave->slot_count == 0)
        return;
    struct node *node = allocator->nodes[slave->node];
    uint32_t slots = slave->slot_count;
    slave->slot_count = 0;
    for (uint32_t i = 0; i < slots; i++)
        set_room(allocator, node, slave->slots[i].home);
    node->equipped--;
    /* The cores that are set aside may have no slot left. */
    if (node->is_set_aside)
        js_allocator_unreserve(allocator);
}

/* ---------------------------------------------------------------- holding */

static void hold_core(struct node *node, uint32_t index)
{
    struct core *core = &node->cores[index];
    core->used++;
    node->free_cores -= !allocator_has_room(core);
}

static void let_go_core(struct node *node, uint32_t index)
{
    struct core *core = &node->cores[index];
    node->free_cores +=
        !allocator_has_room(core) && core->used - 1 < core->room;
    core->used--;
}

static const uint32_t *
allocator_cores_of(const struct js_allocation *allocation)
{
    return allocation->cores ? allocation->cores : &allocation->core;
}

static const uint32_t *gpus_of(const struct js_allocation *allocation)
{
    return allocation->cores + allocation->core_count;
}

static void allocator_hold(struct js_allocator *allocator,
                           const struct js_allocation *allocation)
{
    struct member *slave = allocator->members[allocation->rank];
    struct node *node = allocator->nodes[slave->node];
    slave->slots[allocation->slot].is_taken = true;
    for (uint32_t i = 0; i < allocation->core_count; i++)
        hold_core(node, allocator_cores_of(allocation)[i]);
    for (uint32_t i = 0; i < allocation->gpu_count; i++)
        node->gpu_held[gpus_of(allocation)[i]] = true;
    node->free_gpus -= allocation->gpu_count;
    if (node->resources.mem_bytes > 0)
        node->free_mem_bytes -= allocation->mem_bytes;
}

static void allocator_let_go(struct js_allocator *allocator,
                             const struct js_allocation *allocation)
{
    struct member *slave = allocator->members[allocation->rank];
    struct node *node = allocator->nodes[slave->node];
    slave->slots[allocation->slot].is_taken = false;
    for (uint32_t i = 0; i < allocation->core_count; i++)
        let_go_core(node, allocator_cores_of(allocation)[i]);
    for (uint32_t i = 0; i < allocation->gpu_count; i++)
        node->gpu_held[gpus_of(allocation)[i]] = false;
    node->free_gpus += allocation->gpu_count;
    if (node->resources.mem_bytes > 0)
        node->free_mem_bytes += allocation->mem_bytes;
}

void js_allocator_release(struct js_allocator *allocator,
                          struct js_allocation *allocation)
{
    allocator_let_go(allocator, allocation);
    for (uint32_t i = 0; i < allocation->other_count; i++)
        allocator_let_go(allocator, &allocation->others[i]);
    js_allocation_free(allocation);
}

void js_allocation_free(struct js_allocation *allocation)
{
    for (uint32_t i = 0; i < allocation->other_count; i++)
        free(allocation->others[i].cores);
    free(allocation->others);
    free(allocation->cores);
    memset(allocation, 0, sizeof(*allocation));
}

bool js_allocation_is_on(const struct js_allocation *allocation, unsigned rank)
{
    bool is_on = allocation->rank == rank;
    for (uint32_t i = 0; i < allocation->other_count; i++)
        is_on |= allocation->others[i].rank == rank;
    return is_on;
}

void js_allocation_cpus(const struct js_allocator *allocator,
                        const struct js_allocation *allocation,
                        struct js_cpuset *ret)
{
    const struct node *node =
        allocator->nodes[allocator->members[allocation->rank]->node];
    js_cpuset_clear(ret);
    for (uint32_t i = 0; i < allocation->core_count; i++)
        js_resources_core(&node->resources, allocator_cores_of(allocation)[i],
                          ret);
}

int js_allocation_gpus(const struct js_allocator *allocator,
                       const struct js_allocation *allocation,
                       struct js_buf *buf)
{
    const struct node *node =
        allocator->nodes[allocator->members[allocation->rank]->node];
    for (uint32_t i = 0; i < allocation->gpu_count; i++) {
        const char *name = node->resources.gpus[gpus_of(allocation)[i]].name;
        if (js_buf_printf(buf, "%s%s", i > 0 ? "," : "", name) < 0)
            return -1;
    }
    return 0;
}

static const char *host_of(const struct js_allocator *allocator, unsigned rank)
{
    return allocator->nodes[allocator->members[rank]->node]->about.host;
}

int js_allocation_hosts(const struct js_allocator *allocator,
                        const struct js_allocation *allocation,
                        struct js_buf *buf)
{
    int rc = js_buf_puts(buf, host_of(allocator, allocation->rank));
    for (uint32_t i = 0; rc == 0 && i < allocation->other_count; i++)
        rc = js_buf_printf(buf, ",%s",
                           host_of(allocator, allocation->others[i].rank));
    return rc;
}

/* ---------------------------------------------------------------- slots */

static bool is_slot_free(const struct node *node, const struct slot *slot)
{
    const struct core *core = &node->cores[slot->home];
    return !slot->is_taken && !core->is_set_aside && allocator_has_room(core);
}

bool js_allocator_take_slot(struct js_allocator *allocator, unsigned rank,
                            struct js_allocation *ret)
{
    struct member *slave = allocator_find_slave(allocator, rank);
    for (uint32_t i = 0; slave && i < slave->slot_count; i++) {
        struct slot *slot = &slave->slots[i];
        if (!is_slot_free(allocator->nodes[slave->node], slot))
            continue;
        *ret = (struct js_allocation){
            .rank = rank, .slot = i, .core_count = 1, .core = slot->home};
        allocator_hold(allocator, ret);
        return true;
    }
    return false;
}

bool js_allocator_is_shared(const struct js_allocator *allocator, unsigned rank)
{
    const struct member *slave = allocator_find_slave(allocator, rank);
    return slave && allocator->nodes[slave->node]->is_shared;
}

uint32_t js_allocator_free_slots(const struct js_allocator *allocator,
                                 unsigned rank)
{
    const struct member *slave = allocator_find_slave(allocator, rank);
    uint32_t count = 0;
    for (uint32_t i = 0; slave && i < slave->slot_count; i++)
        count += is_slot_free(allocator->nodes[slave->node], &slave->slots[i]);
    return count;
}

uint64_t js_allocator_busy_slots(const struct js_allocator *allocator)
{
    uint64_t count = 0;
    for (size_t rank = 0; rank < allocator->member_end; rank++) {
        const struct member *slave = allocator->members[rank];
        for (uint32_t i = 0; slave && i < slave->slot_count; i++) {
            const struct slot *slot = &slave->slots[i];
            count += slot->is_taken ||
                     !allocator_has_room(
                         &allocator->nodes[slave->node]->cores[slot->home]);
        }
    }
    return count;
}

/* ---------------------------------------------------------------- fitting */

static bool could_node(const struct node *node,
                       const struct js_request *request)
{
    const struct js_resources *have = &node->resources;
    return node->equipped > 0 && request->cores <= have->core_count &&
           request->gpus <= have->gpu_count &&
           (have->mem_bytes == 0 || request->mem_bytes <= have->mem_bytes);
}

/* True if a slave other than `avoid` is there. */
static bool has_other(const struct js_allocator *allocator,
                      const struct node *node, unsigned avoid)
{
    const struct member *slave = allocator_find_slave(allocator, avoid);
    bool is_here =
        slave && slave->slot_count > 0 && allocator->nodes[slave->node] == node;
    return node->equipped > (is_here ? 1 : 0);
}

uint32_t js_allocator_count_nodes(const struct js_allocator *allocator,
                                  const struct js_request *request,
                                  unsigned avoid)
{
    uint32_t count = 0;
    for (size_t i = 0; i < allocator->node_count; i++) {
        const struct node *node = allocator->nodes[i];
        count += could_node(node, request) && has_other(allocator, node, avoid);
    }
    return count;
}

bool js_allocator_could(const struct js_allocator *allocator,
                        const struct js_request *request, unsigned avoid)
{
    return js_allocator_count_nodes(allocator, request, avoid) >=
           js_request_nodes(request);
}

struct js_request js_allocator_largest(const struct js_allocator *allocator)
{
    struct js_request most = {0};
    for (size_t i = 0; i < allocator->node_count; i++) {
        const struct js_resources *have = &allocator->nodes[i]->resources;
        if (allocator->nodes[i]->equipped == 0)
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

static bool lacks_gpus(const struct node *node,
                       const struct js_request *request)
{
    return request->gpus > node->free_gpus;
}

static bool lacks_mem(const struct node *node, const struct js_request *request)
{
    return node->resources.mem_bytes > 0 &&
           request->mem_bytes > node->free_mem_bytes;
}

/* Of what the reservation leaves to others; a job that needs none of what is
 * kept goes on. */
static bool has_unkept(const struct node *node,
                       const struct js_request *request)
{
    uint32_t gpus = node->free_gpus;
    uint64_t mem = node->free_mem_bytes;
    gpus -= node->kept_gpus < gpus ? node->kept_gpus : gpus;
    mem -= node->kept_mem_bytes < mem ? node->kept_mem_bytes : mem;
    return request->gpus <= gpus &&
           (node->resources.mem_bytes == 0 || request->mem_bytes <= mem);
}

/* ---------------------------------------------------------------- choosing */

/* One search for places. */
struct search {
    const struct js_allocator *allocator;
    const struct js_request *request;
    unsigned avoid; /* 0: nobody */
    js_allocator_usable_fn usable;
    void *arg;
    bool is_for_all;   /* what is held now does not matter */
    bool is_owner;     /* of the reservation: what is set aside is for it */
    bool takes_others; /* also cores of other runs */
    bool *homes; /* owned, as the next; of a node: the cores at which a grant
                    could have its home */
    struct place *places; /* the best so far, of different nodes, the best
                             first; as many as are needed at most */
    uint32_t count;
};

enum level { LEVEL_CACHE, LEVEL_NUMA, LEVEL_NODE, LEVEL_COUNT };

static uint32_t group_of(const struct node *node, uint32_t core,
                         enum level level)
{
    const struct js_core *about = &node->resources.cores[core];
    if (level == LEVEL_CACHE)
        return (uint32_t)about->numa << 16 | about->cache;
    return level == LEVEL_NUMA ? about->numa : 0;
}

static bool is_core_free(const struct search *search, const struct node *node,
                         uint32_t core)
{
    return search->is_for_all ||
           (allocator_has_room(&node->cores[core]) &&
            (search->takes_others || !node->cores[core].is_others) &&
            (search->is_owner || !node->cores[core].is_set_aside));
}

static bool allocator_is_usable(const struct search *search, unsigned rank)
{
    return rank != search->avoid &&
           (!search->usable || search->usable(search->arg, rank));
}

/* A slot at home on this core that a grant could have; true and which. */
static bool find_slot(const struct search *search, const struct node *node,
                      uint32_t core, struct js_allocation *ret)
{
    for (size_t i = 0; i < node->rank_count; i++) {
        const struct member *slave = search->allocator->members[node->ranks[i]];
        for (uint32_t k = 0; k < slave->slot_count; k++) {
            if (slave->slots[k].home != core ||
                (slave->slots[k].is_taken && !search->is_for_all) ||
                !allocator_is_usable(search, slave->rank))
                continue;
            ret->rank = slave->rank;
            ret->slot = k;
            return true;
        }
    }
    return false;
}

static void mark_homes(struct search *search, const struct node *node)
{
    bool *homes = search->homes;
    memset(homes, 0, node->resources.core_count * sizeof(*homes));
    for (size_t i = 0; i < node->rank_count; i++) {
        const struct member *slave = search->allocator->members[node->ranks[i]];
        if (slave->slot_count == 0 || !allocator_is_usable(search, slave->rank))
            continue;
        for (uint32_t k = 0; k < slave->slot_count; k++) {
            const struct slot *slot = &slave->slots[k];
            homes[slot->home] |=
                search->is_for_all ||
                (!slot->is_taken && is_core_free(search, node, slot->home));
        }
    }
}

/* Of those with a home and enough free cores the one with the fewest, first
 * come. */
static void look_through(const struct search *search, const struct node *node,
                         enum level level, struct place *best)
{
    uint32_t count = node->resources.core_count;
    uint32_t first = 0, i = 0, free_cores = 0;
    bool has_home = false;
    /* Groups are runs of cores: they are numbered as they lie. */
    while (i < count) {
        free_cores += is_core_free(search, node, i);
        has_home |= search->homes[i];
        i++;
        if (i < count &&
            group_of(node, i, level) == group_of(node, first, level))
            continue;
        if (has_home && free_cores >= search->request->cores &&
            free_cores < best->cost) {
            best->first = first;
            best->end = i;
            best->cost = free_cores;
        }
        first = i;
        free_cores = 0;
        has_home = false;
    }
}

/* Keeps as many as are needed; of equals, first come. */
static void keep_best(struct search *search, const struct place *place)
{
    uint32_t wanted = js_request_nodes(search->request);
    uint32_t at = search->count < wanted ? search->count++ : wanted;
    for (; at > 0 && place->cost < search->places[at - 1].cost; at--) {
        if (at < wanted)
            search->places[at] = search->places[at - 1];
    }
    if (at < wanted)
        search->places[at] = *place;
}

/* Takes `count` free cores from `from` on into the grant, until `end`. */
static void allocator_gather(const struct search *search,
                             const struct node *node, uint32_t from,
                             uint32_t end, uint32_t count, uint32_t *to)
{
    for (uint32_t i = from; i < end && count > 0; i++) {
        if (!is_core_free(search, node, i))
            continue;
        *to++ = i;
        count--;
    }
}

/* A run of free cores, neighbours, with a home; or end. */
static uint32_t allocator_find_run(const struct search *search,
                                   const struct node *node,
                                   const struct place *in)
{
    uint32_t wanted = search->request->cores;
    uint32_t length = 0, last_home = UINT32_MAX;
    for (uint32_t i = in->first; i < in->end; i++) {
        length = is_core_free(search, node, i) ? length + 1 : 0;
        if (search->homes[i])
            last_home = i;
        if (length >= wanted && last_home != UINT32_MAX &&
            last_home + wanted > i)
            return i + 1 - wanted;
    }
    return in->end;
}

/* Which cores of the place: neighbours if there are such, else the first, one
 * of them a home. */
static void pick_cores(const struct search *search, const struct node *node,
                       const struct place *in, uint32_t *to)
{
    uint32_t count = search->request->cores;
    uint32_t run = allocator_find_run(search, node, in);
    if (run < in->end) {
        allocator_gather(search, node, run, in->end, count, to);
        return;
    }
    allocator_gather(search, node, in->first, in->end, count, to);
    for (uint32_t i = 0; i < count; i++) {
        if (search->homes[to[i]])
            return;
    }
    /* All of them lie before the first home. */
    uint32_t home = to[count - 1];
    while (!search->homes[home])
        home++;
    to[count - 1] = home;
}

/* The best place of the node, if it has one now without cores of other runs, or
 * with them. */
static void allocator_look_at_node(struct search *search, size_t index)
{
    const struct node *node = search->allocator->nodes[index];
    const struct js_request *request = search->request;
    if (!could_node(node, request) || node->free_cores < request->cores ||
        lacks_gpus(node, request) || lacks_mem(node, request) ||
        (!search->is_owner && !has_unkept(node, request)))
        return;
    mark_homes(search, node);
    int level_end = node->has_others ? 2 * LEVEL_COUNT : LEVEL_COUNT;
    for (int level = 0; level < level_end; level++) {
        struct place place = {.node = index, .cost = UINT64_MAX};
        search->takes_others = level >= LEVEL_COUNT;
        look_through(search, node, (enum level)(level % LEVEL_COUNT), &place);
        if (place.cost == UINT64_MAX)
            continue;
        place.takes_others = search->takes_others;
        place.cost |= (uint64_t)level << 32;
        keep_best(search, &place);
        return;
    }
}

static size_t most_cores(const struct js_allocator *allocator)
{
    size_t most = 1;
    for (size_t i = 0; i < allocator->node_count; i++) {
        if (allocator->nodes[i]->resources.core_count > most)
            most = allocator->nodes[i]->resources.core_count;
    }
    return most;
}

static void end_search(struct search *search)
{
    free(search->homes);
    free(search->places);
}

/* 0, or -1 with errno ENOMEM. No more nodes are needed than there are. */
static int begin_search(struct search *search)
{
    search->homes = calloc(most_cores(search->allocator), sizeof(bool));
    search->places =
        calloc(js_request_nodes(search->request), sizeof(*search->places));
    if (search->homes && search->places)
        return 0;
    end_search(search);
    return -1;
}

/* ---------------------------------------------------------------- granting */

/* Those near the cores first. */
static void pick_gpus(const struct node *node, uint32_t core, uint32_t count,
                      uint32_t *to)
{
    uint16_t numa = node->resources.cores[core].numa;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < node->resources.gpu_count && count > 0; i++) {
            bool is_near = node->resources.gpus[i].numa == numa;
            if (node->gpu_held[i] || is_near != (pass == 0))
                continue;
            *to++ = i;
            count--;
        }
    }
}

/* Makes it a grant of its cores, a home among them. */
static void allocation_cores(struct js_allocator *allocator,
                             const struct search *search, size_t index,
                             struct js_allocation *allocation)
{
    const struct js_request *request = search->request;
    const struct node *node = allocator->nodes[index];
    allocation->core_count = request->cores;
    allocation->gpu_count = request->gpus;
    allocation->core = allocation->cores[0];
    allocation->mem_bytes = request->mem_bytes;
    for (uint32_t i = 0; i < request->cores; i++) {
        if (find_slot(search, node, allocation->cores[i], allocation))
            break;
    }
    pick_gpus(node, allocation->core, request->gpus,
              allocation->cores + request->cores);
    allocator_hold(allocator, allocation);
}

/* Room for what such a grant owns: 0, or -1 with errno ENOMEM. */
static int make_allocation(struct js_allocation *allocation,
                           const struct js_request *request)
{
    uint32_t others = js_request_nodes(request) - 1;
    size_t size = (size_t)request->cores + request->gpus;
    bool is_made = true;
    allocation->cores = calloc(size, sizeof(*allocation->cores));
    allocation->others =
        others ? calloc(others, sizeof(*allocation->others)) : NULL;
    allocation->other_count = allocation->others ? others : 0;
    for (uint32_t i = 0; i < allocation->other_count; i++) {
        allocation->others[i].cores = calloc(size, sizeof(*allocation->cores));
        is_made &= allocation->others[i].cores != NULL;
    }
    if (is_made && allocation->cores && allocation->other_count == others)
        return 0;
    js_allocation_free(allocation);
    return -1;
}

/* What it holds of its node number `i`. */
static struct js_allocation *part_of(struct js_allocation *allocation,
                                     uint32_t i)
{
    return i == 0 ? allocation : &allocation->others[i - 1];
}

static unsigned allocator_whom_to_avoid(const struct js_allocator *allocator,
                                        const struct js_request *request,
                                        unsigned avoid)
{
    return avoid > 0 && js_allocator_could(allocator, request, avoid) ? avoid
                                                                      : 0;
}

/* The places that were found: 1, or -1 with errno ENOMEM. */
static int take_places(struct js_allocator *allocator, struct search *search,
                       struct js_allocation *ret)
{
    if (make_allocation(ret, search->request) < 0)
        return -1;
    for (uint32_t i = 0; i < search->count; i++) {
        const struct place *place = &search->places[i];
        struct js_allocation *part = part_of(ret, i);
        mark_homes(search, allocator->nodes[place->node]);
        search->takes_others = place->takes_others;
        pick_cores(search, allocator->nodes[place->node], place, part->cores);
        allocation_cores(allocator, search, place->node, part);
    }
    return 1;
}

/* What the search is for, on the best places: 1, 0 or -1. */
static int take_best(struct js_allocator *allocator, struct search *search,
                     struct js_allocation *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (!js_allocator_could(allocator, search->request, 0))
        return 0;
    if (begin_search(search) < 0)
        return -1;
    for (size_t i = 0; i < allocator->node_count; i++)
        allocator_look_at_node(search, i);
    int rc = 0;
    if (search->count == js_request_nodes(search->request))
        rc = take_places(allocator, search, ret);
    end_search(search);
    return rc;
}

int js_allocator_take(struct js_allocator *allocator,
                      const struct js_request *request, unsigned avoid,
                      js_allocator_usable_fn usable, void *arg,
                      struct js_allocation *ret)
{
    struct search search = {
        .allocator = allocator,
        .request = request,
        .avoid = allocator_whom_to_avoid(allocator, request, avoid),
        .usable = usable,
        .arg = arg};
    return take_best(allocator, &search, ret);
}

/* ---------------------------------------------------------------- reserving */

/* How many of the cores of the place are held, here or by another run. */
static uint32_t allocator_count_held(const struct node *node,
                                     const struct place *place)
{
    uint32_t held = 0;
    for (uint32_t i = place->first; i < place->end; i++)
        held +=
            !allocator_has_room(&node->cores[i]) || node->cores[i].is_others;
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
 * held, and then with the fewest borders; its cost is how many are held, or
 * UINT64_MAX if there are no such cores. */
static struct place find_quiet_run(struct search *search, size_t index)
{
    const struct node *node = search->allocator->nodes[index];
    uint32_t count = search->request->cores;
    uint32_t best_borders = 0;
    struct place best = {.node = index, .cost = UINT64_MAX};
    mark_homes(search, node);
    for (uint32_t at = 0; at + count <= node->resources.core_count; at++) {
        struct place run = {.node = index, .first = at, .end = at + count};
        uint32_t homes_in = 0;
        for (uint32_t i = at; i < run.end; i++)
            homes_in += search->homes[i];
        uint32_t borders = count_borders(node, at, count);
        run.cost = allocator_count_held(node, &run);
        if (homes_in == 0 || run.cost > best.cost ||
            (run.cost == best.cost && borders >= best_borders))
            continue;
        best = run;
        best_borders = borders;
    }
    return best;
}

/* A node that lacks only cores comes before others: jobs that hold nothing else
 * are the ones that end soon. */
static void consider_node(struct search *search, size_t index)
{
    const struct node *node = search->allocator->nodes[index];
    const struct js_request *request = search->request;
    if (!could_node(node, request))
        return;
    struct place place = find_quiet_run(search, index);
    if (place.cost == UINT64_MAX)
        return;
    uint64_t lacking = lacks_gpus(node, request) + lacks_mem(node, request);
    place.cost |= lacking << 32;
    keep_best(search, &place);
}

/* Marks the cores that are reserved, or no longer are. */
static void set_cores_aside(struct js_allocator *allocator, bool is_set_aside)
{
    const struct reservation *reservation = &allocator->reservation;
    uint32_t count = js_request_nodes(&reservation->request);
    for (uint32_t i = 0; i < count; i++) {
        const struct place *place = &reservation->places[i];
        for (uint32_t k = place->first; k < place->end; k++)
            allocator->nodes[place->node]->cores[k].is_set_aside = is_set_aside;
    }
}

/* Sets aside what the job lacks beside cores; true if it lacks any of it. */
static bool keep_lacking(struct js_allocator *allocator)
{
    const struct reservation *reservation = &allocator->reservation;
    const struct js_request *request = &reservation->request;
    uint32_t count = js_request_nodes(request);
    bool is_lacking = false;
    for (uint32_t i = 0; i < count; i++) {
        struct node *node = allocator->nodes[reservation->places[i].node];
        node->is_set_aside = true;
        if (lacks_gpus(node, request))
            node->kept_gpus = request->gpus;
        if (lacks_mem(node, request))
            node->kept_mem_bytes = request->mem_bytes;
        is_lacking |= lacks_gpus(node, request) || lacks_mem(node, request);
    }
    return is_lacking;
}

/* It lacks nothing but cores: all that it needs is its own from here on. Which
 * cores is best may have changed since the nodes were chosen. */
static void keep_all(struct js_allocator *allocator, struct search *search)
{
    struct reservation *reservation = &allocator->reservation;
    uint32_t count = js_request_nodes(&reservation->request);
    for (uint32_t i = 0; i < count; i++) {
        struct place *place = &reservation->places[i];
        struct place quiet = find_quiet_run(search, place->node);
        if (quiet.cost != UINT64_MAX)
            *place = quiet;
        allocator->nodes[place->node]->kept_gpus = reservation->request.gpus;
        allocator->nodes[place->node]->kept_mem_bytes =
            reservation->request.mem_bytes;
    }
    reservation->has_cores = true;
    set_cores_aside(allocator, true);
}

static struct search search_to_reserve(const struct js_allocator *allocator,
                                       const struct js_request *request,
                                       unsigned avoid)
{
    return (struct search){
        .allocator = allocator,
        .request = request,
        .avoid = allocator_whom_to_avoid(allocator, request, avoid),
        .is_for_all = true};
}

bool js_allocator_reserve(struct js_allocator *allocator,
                          const struct js_request *request, unsigned avoid)
{
    struct search search = search_to_reserve(allocator, request, avoid);
    if (!js_allocator_could(allocator, request, 0) || begin_search(&search) < 0)
        return false;
    for (size_t i = 0; i < allocator->node_count; i++)
        consider_node(&search, i);
    bool is_made = search.count == js_request_nodes(request);
    if (is_made) {
        allocator->reservation = (struct reservation){.is_made = true,
                                                      .request = *request,
                                                      .avoid = search.avoid,
                                                      .places = search.places};
        search.places = NULL;
        if (!keep_lacking(allocator))
            keep_all(allocator, &search);
    }
    end_search(&search);
    return is_made;
}

bool js_allocator_reserve_more(struct js_allocator *allocator)
{
    const struct reservation *made = &allocator->reservation;
    if (!made->is_made || made->has_cores || keep_lacking(allocator))
        return false;
    struct search search =
        search_to_reserve(allocator, &made->request, made->avoid);
    if (begin_search(&search) < 0)
        return false;
    keep_all(allocator, &search);
    end_search(&search);
    return true;
}

void js_allocator_unreserve(struct js_allocator *allocator)
{
    struct reservation *made = &allocator->reservation;
    if (!made->is_made)
        return;
    if (made->has_cores)
        set_cores_aside(allocator, false);
    uint32_t count = js_request_nodes(&made->request);
    for (uint32_t i = 0; i < count; i++) {
        struct node *node = allocator->nodes[made->places[i].node];
        node->is_set_aside = false;
        node->kept_gpus = 0;
        node->kept_mem_bytes = 0;
    }
    free(made->places);
    memset(made, 0, sizeof(*made));
}

bool js_allocator_has_reservation(const struct js_allocator *allocator)
{
    return allocator->reservation.is_made;
}

bool js_allocator_has_cores_reserved(const struct js_allocator *allocator)
{
    return allocator->reservation.has_cores;
}

bool js_allocator_is_reserved(const struct js_allocator *allocator,
                              unsigned rank)
{
    const struct member *slave = allocator_find_slave(allocator, rank);
    if (!slave || !allocator->nodes[slave->node]->is_set_aside)
        return false;
    for (uint32_t i = 0; i < slave->slot_count; i++) {
        if (allocator->nodes[slave->node]
                ->cores[slave->slots[i].home]
                .is_set_aside)
            return true;
    }
    return false;
}

int js_allocator_take_reserved(struct js_allocator *allocator,
                               js_allocator_usable_fn usable, void *arg,
                               struct js_allocation *ret)
{
    const struct js_request request = allocator->reservation.request;
    struct search search = {.allocator = allocator,
                            .request = &request,
                            .avoid = allocator->reservation.avoid,
                            .usable = usable,
                            .arg = arg,
                            .is_owner = true};
    memset(ret, 0, sizeof(*ret));
    if (!allocator->reservation.is_made)
        return 0;
    int rc = take_best(allocator, &search, ret);
    if (rc > 0)
        js_allocator_unreserve(allocator);
    return rc;
}
