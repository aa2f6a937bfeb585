#include "sched/nodes.h"

#include "base/err.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void node_free(struct js_node_state *node)
{
    js_resources_release(&node->resources);
    free(node->cores);
    free(node->gpu_held);
    free(node->ranks);
    free(node);
}

void js_nodes_release(struct js_nodes *nodes)
{
    for (size_t i = 0; i < nodes->count; i++)
        node_free(nodes->list[i]);
    for (size_t i = 0; i < nodes->member_end; i++) {
        if (nodes->members[i])
            free(nodes->members[i]->slots);
        free(nodes->members[i]);
    }
    free(nodes->list);
    free(nodes->members);
}

/* ---------------------------------------------------------------- who is where
 */

bool js_node_is_same(const struct js_node *a, const struct js_node *b)
{
    return a->boot_id == b->boot_id && js_host_is_same(a->host, b->host);
}

/* The index of the same node, or the number of nodes if there is none. */
static size_t nodes_find(const struct js_nodes *nodes,
                         const struct js_node *about)
{
    size_t i = 0;
    while (i < nodes->count && !js_node_is_same(&nodes->list[i]->about, about))
        i++;
    return i;
}

/* Nodes are allocated one by one, because pointers to them are kept while
 * others are added. */
static int nodes_append(struct js_nodes *nodes, const struct js_node *about)
{
    struct js_node_state **list =
        realloc(nodes->list, (nodes->count + 1) * sizeof(*list));
    if (!list)
        return -1;
    nodes->list = list;
    struct js_node_state *node = calloc(1, sizeof(*node));
    if (!node)
        return -1;
    node->about = *about;
    list[nodes->count++] = node;
    return 0;
}

/* Ranks come in any order, hence the doubling. */
static int nodes_make_room_for(struct js_nodes *nodes, unsigned rank)
{
    if (rank < nodes->member_end)
        return 0;
    size_t end = 2 * (size_t)rank + 1;
    struct js_node_member **members =
        realloc(nodes->members, end * sizeof(*members));
    if (!members)
        return -1;
    for (size_t i = nodes->member_end; i < end; i++)
        members[i] = NULL;
    nodes->members = members;
    nodes->member_end = end;
    return 0;
}

/* The ranks ascend, so that a slave's index on its node does not depend on the
 * order in which slaves report. */
static int node_add_rank(struct js_node_state *node, unsigned rank)
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

/* Adds what another process reports about the same node. */
static void node_unite(struct js_node *to, const struct js_node *from)
{
    js_cpuset_unite(&to->cpus, &from->cpus);
    js_cpuset_unite(&to->held, &from->held);
    if (to->quota_cores == 0 ||
        (from->quota_cores > 0 && from->quota_cores < to->quota_cores))
        to->quota_cores = from->quota_cores;
}

int js_nodes_add(struct js_nodes *nodes, unsigned rank,
                 const struct js_node *node, bool is_slave)
{
    if (nodes_make_room_for(nodes, rank) < 0)
        return -1;
    size_t at = nodes_find(nodes, node);
    if (at == nodes->count && nodes_append(nodes, node) < 0)
        return -1;
    struct js_node_member *member = calloc(1, sizeof(*member));
    if (!member || (is_slave && node_add_rank(nodes->list[at], rank) < 0)) {
        free(member);
        return -1;
    }
    node_unite(&nodes->list[at]->about, node);
    *member =
        (struct js_node_member){.rank = rank, .node = at, .is_slave = is_slave};
    nodes->members[rank] = member;
    return 0;
}

struct js_node_member *js_nodes_find_slave(const struct js_nodes *nodes,
                                           unsigned rank)
{
    struct js_node_member *member =
        rank < nodes->member_end ? nodes->members[rank] : NULL;
    return member && member->is_slave ? member : NULL;
}

/* ---------------------------------------------------------------- resources */

static int node_copy_resources(struct js_resources *to,
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

/* The first slave of a node speaks for all: they see the same machine. */
static int node_equip(struct js_node_state *node,
                      const struct js_resources *resources)
{
    if (node->cores)
        return 0;
    struct js_node_core *cores =
        calloc(resources->core_count + 1, sizeof(*cores));
    bool *gpu_held = calloc(resources->gpu_count + 1, sizeof(*gpu_held));
    if (!cores || !gpu_held ||
        node_copy_resources(&node->resources, resources) < 0) {
        free(cores);
        free(gpu_held);
        return -1;
    }
    for (uint32_t i = 0; i < resources->core_count; i++)
        cores[i] = (struct js_node_core){
            .room = 1, .is_others = resources->cores[i].is_others};
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
static uint32_t nodes_slots_at_home(const struct js_nodes *nodes,
                                    const struct js_node_state *node,
                                    uint32_t core)
{
    uint32_t count = 0;
    for (size_t i = 0; i < node->rank_count; i++) {
        const struct js_node_member *slave = nodes->members[node->ranks[i]];
        for (uint32_t k = 0; k < slave->slot_count; k++)
            count += slave->slots[k].home == core;
    }
    return count;
}

/* The core may get room, or lose it: free_cores is corrected for both. */
static void nodes_set_room(const struct js_nodes *nodes,
                           struct js_node_state *node, uint32_t index)
{
    struct js_node_core *core = &node->cores[index];
    uint32_t slots = nodes_slots_at_home(nodes, node, index);
    node->free_cores -= js_node_core_has_room(core);
    core->room = slots > 1 ? slots : 1;
    node->is_shared |= core->room > 1;
    node->free_cores += js_node_core_has_room(core);
}

int js_nodes_equip(struct js_nodes *nodes, unsigned rank,
                   const struct js_resources *resources, const uint32_t *homes,
                   uint32_t slots)
{
    struct js_node_member *slave = js_nodes_find_slave(nodes, rank);
    if (!slave || slave->slots) {
        errno = slave ? EEXIST : ENOENT;
        return -1;
    }
    struct js_node_state *node = nodes->list[slave->node];
    if (node_equip(node, resources) < 0)
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
        /* A core on which this run has a slot is not left to others, even if
         * they hold it: there were no free ones. */
        node->cores[homes[i]].is_others = false;
        nodes_set_room(nodes, node, homes[i]);
    }
    node->equipped++;
    return 0;
}

/* The slots stay allocated, because allocations still refer to them until they
 * are released. Only their number says that they are gone. */
const struct js_node_state *js_nodes_drop(struct js_nodes *nodes, unsigned rank)
{
    struct js_node_member *slave = js_nodes_find_slave(nodes, rank);
    if (!slave || slave->slot_count == 0)
        return NULL;
    struct js_node_state *node = nodes->list[slave->node];
    uint32_t slots = slave->slot_count;
    slave->slot_count = 0;
    for (uint32_t i = 0; i < slots; i++)
        nodes_set_room(nodes, node, slave->slots[i].home);
    node->equipped--;
    return node;
}

/* ---------------------------------------------------------------- holding */

static void node_hold_core(struct js_node_state *node, uint32_t index)
{
    struct js_node_core *core = &node->cores[index];
    core->used++;
    node->free_cores -= !js_node_core_has_room(core);
}

/* A core may be held more often than it has room: the room shrinks when a slave
 * is lost, while jobs of other slaves still run there. */
static void node_let_go_core(struct js_node_state *node, uint32_t index)
{
    struct js_node_core *core = &node->cores[index];
    node->free_cores +=
        !js_node_core_has_room(core) && core->used - 1 < core->room;
    core->used--;
}

void js_nodes_hold(struct js_nodes *nodes,
                   const struct js_allocation *allocation)
{
    struct js_node_member *slave = nodes->members[allocation->rank];
    struct js_node_state *node = nodes->list[slave->node];
    slave->slots[allocation->slot].is_taken = true;
    for (uint32_t i = 0; i < allocation->core_count; i++)
        node_hold_core(node, js_allocation_cores(allocation)[i]);
    for (uint32_t i = 0; i < allocation->gpu_count; i++)
        node->gpu_held[js_allocation_gpus_of(allocation)[i]] = true;
    node->free_gpus -= allocation->gpu_count;
    if (node->resources.mem_bytes > 0)
        node->free_mem_bytes -= allocation->mem_bytes;
}

void js_nodes_let_go(struct js_nodes *nodes,
                     const struct js_allocation *allocation)
{
    struct js_node_member *slave = nodes->members[allocation->rank];
    struct js_node_state *node = nodes->list[slave->node];
    slave->slots[allocation->slot].is_taken = false;
    for (uint32_t i = 0; i < allocation->core_count; i++)
        node_let_go_core(node, js_allocation_cores(allocation)[i]);
    for (uint32_t i = 0; i < allocation->gpu_count; i++)
        node->gpu_held[js_allocation_gpus_of(allocation)[i]] = false;
    node->free_gpus += allocation->gpu_count;
    if (node->resources.mem_bytes > 0)
        node->free_mem_bytes += allocation->mem_bytes;
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

/* ---------------------------------------------------------------- fitting */

/* A slot whose core is held by a wide job is as busy as one with a job of its
 * own: nothing else can run there. */
uint64_t js_nodes_busy_slots(const struct js_nodes *nodes)
{
    uint64_t count = 0;
    for (size_t rank = 0; rank < nodes->member_end; rank++) {
        const struct js_node_member *slave = nodes->members[rank];
        for (uint32_t i = 0; slave && i < slave->slot_count; i++) {
            const struct js_node_slot *slot = &slave->slots[i];
            count += slot->is_taken ||
                     !js_node_core_has_room(
                         &nodes->list[slave->node]->cores[slot->home]);
        }
    }
    return count;
}

/* A node whose memory is unknown refuses no request for memory. */
bool js_node_could(const struct js_node_state *node,
                   const struct js_request *request)
{
    const struct js_resources *have = &node->resources;
    return node->equipped > 0 && request->cores <= have->core_count &&
           request->gpus <= have->gpu_count &&
           (have->mem_bytes == 0 || request->mem_bytes <= have->mem_bytes);
}

/* True if the node has a slave other than `avoid`. */
static bool nodes_has_other(const struct js_nodes *nodes,
                            const struct js_node_state *node, unsigned avoid)
{
    const struct js_node_member *slave = js_nodes_find_slave(nodes, avoid);
    bool is_here =
        slave && slave->slot_count > 0 && nodes->list[slave->node] == node;
    return node->equipped > (is_here ? 1 : 0);
}

uint32_t js_nodes_count_able(const struct js_nodes *nodes,
                             const struct js_request *request, unsigned avoid)
{
    uint32_t count = 0;
    for (size_t i = 0; i < nodes->count; i++) {
        const struct js_node_state *node = nodes->list[i];
        count +=
            js_node_could(node, request) && nodes_has_other(nodes, node, avoid);
    }
    return count;
}

struct js_request js_nodes_largest(const struct js_nodes *nodes)
{
    struct js_request most = {0};
    for (size_t i = 0; i < nodes->count; i++) {
        const struct js_resources *have = &nodes->list[i]->resources;
        if (nodes->list[i]->equipped == 0)
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

bool js_node_lacks_gpus(const struct js_node_state *node,
                        const struct js_request *request)
{
    return request->gpus > node->free_gpus;
}

bool js_node_lacks_mem(const struct js_node_state *node,
                       const struct js_request *request)
{
    return node->resources.mem_bytes > 0 &&
           request->mem_bytes > node->free_mem_bytes;
}

/* A job that needs nothing of what is kept is not affected by the
 * reservation. */
bool js_node_has_unkept(const struct js_node_state *node,
                        const struct js_request *request)
{
    uint32_t gpus = node->free_gpus;
    uint64_t mem = node->free_mem_bytes;
    gpus -= node->kept_gpus < gpus ? node->kept_gpus : gpus;
    mem -= node->kept_mem_bytes < mem ? node->kept_mem_bytes : mem;
    return request->gpus <= gpus &&
           (node->resources.mem_bytes == 0 || request->mem_bytes <= mem);
}

size_t js_nodes_most_cores(const struct js_nodes *nodes)
{
    size_t most = 1;
    for (size_t i = 0; i < nodes->count; i++) {
        if (nodes->list[i]->resources.core_count > most)
            most = nodes->list[i]->resources.core_count;
    }
    return most;
}

/* ---------------------------------------------------------------- invariants
 */

static void node_assert_invariants(const struct js_nodes *nodes,
                                   const struct js_node_state *node,
                                   struct js_request *held)
{
    uint32_t free_cores = 0, free_gpus = 0;
    for (uint32_t i = 0; i < node->resources.core_count; i++) {
        const struct js_node_core *core = &node->cores[i];
        uint32_t slots = nodes_slots_at_home(nodes, node, i);
        JS_INVARIANT(core->room == (slots > 1 ? slots : 1));
        JS_INVARIANT(core->room == 1 || node->is_shared);
        JS_INVARIANT(!core->is_others || node->has_others);
        JS_INVARIANT(!core->is_set_aside || node->is_set_aside);
        free_cores += js_node_core_has_room(core);
        held->cores += core->used;
    }
    for (uint32_t i = 0; i < node->resources.gpu_count; i++)
        free_gpus += !node->gpu_held[i];
    held->gpus += node->resources.gpu_count - free_gpus;
    JS_INVARIANT(node->free_cores == free_cores);
    JS_INVARIANT(node->free_gpus == free_gpus);
    JS_INVARIANT(node->free_mem_bytes <= node->resources.mem_bytes);
    JS_INVARIANT(node->is_set_aside ||
                 (node->kept_gpus == 0 && node->kept_mem_bytes == 0));
}

struct js_request js_nodes_assert_invariants(const struct js_nodes *nodes)
{
    struct js_request held = {0};
    for (size_t i = 0; i < nodes->count; i++) {
        const struct js_node_state *node = nodes->list[i];
        size_t equipped = 0;
        for (size_t k = 0; k < node->rank_count; k++) {
            const struct js_node_member *slave = nodes->members[node->ranks[k]];
            JS_INVARIANT(slave->node == i && slave->is_slave);
            JS_INVARIANT(k == 0 || node->ranks[k - 1] < node->ranks[k]);
            equipped += slave->slot_count > 0;
        }
        JS_INVARIANT(node->equipped == equipped);
        node_assert_invariants(nodes, node, &held);
    }
    return held;
}
