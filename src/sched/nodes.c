#include "sched/nodes.h"

#include "base/err.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void js_nodes_release(struct js_nodes *nodes)
{
    for (size_t i = 0; i < nodes->count; i++) {
        struct js_node_state *node = nodes->list[i];
        js_resources_release(&node->resources);
        free(node->cores);
        free(node->gpu_held);
        free(node->ranks);
        free(node);
    }
    for (size_t i = 0; i < nodes->member_end; i++) {
        if (nodes->members[i])
            free(nodes->members[i]->slots);
        free(nodes->members[i]);
    }
    free(nodes->list);
    free(nodes->members);
    js_idmap_release(&nodes->by_hash);
}

bool js_node_is_same(const struct js_node *a, const struct js_node *b)
{
    return a->boot_id == b->boot_id && js_host_is_same(a->host, b->host);
}

/* Nodes are allocated one by one, because pointers to them are kept while
 * others are added. Of several that could be the same host, the first one
 * counts: "n1" may be "n1.a" as well as "n1.b". */
struct js_node_state *js_nodes_find(struct js_nodes *nodes,
                                    const struct js_node *about)
{
    uint64_t hash = js_host_hash(about->host) ^ about->boot_id;
    struct js_node_state *alike = js_idmap_get(&nodes->by_hash, hash);
    struct js_node_state *last = NULL;
    for (; alike; last = alike, alike = alike->next_alike) {
        if (js_node_is_same(&alike->about, about))
            return alike;
    }
    struct js_node_state **list =
        realloc(nodes->list, (nodes->count + 1) * sizeof(*list));
    if (!list)
        return NULL;
    nodes->list = list;
    struct js_node_state *node = calloc(1, sizeof(*node));
    if (!node)
        return NULL;
    node->hash = hash;
    node->about = *about;
    node->index = nodes->count;
    if (!last && js_idmap_put(&nodes->by_hash, node) < 0) {
        free(node);
        return NULL;
    }
    if (last)
        last->next_alike = node;
    nodes->list[nodes->count++] = node;
    return node;
}

/* Returns how many slots of the node have their home on this core. */
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

/* The core may gain room or lose it, so free_cores is corrected for both. */
void js_node_add_homes(struct js_node_state *node, uint32_t index, int slots)
{
    struct js_node_core *core = &node->cores[index];
    core->homes += (uint32_t)slots;
    node->free_cores -= js_node_core_has_room(core);
    core->room = core->homes > 1 ? core->homes : 1;
    node->is_shared |= core->room > 1;
    node->free_cores += js_node_core_has_room(core);
}

/* ---------------------------------------------------------------- holding */

void js_nodes_hold(struct js_nodes *nodes,
                   const struct js_allocation *allocation)
{
    struct js_node_member *slave = nodes->members[allocation->rank];
    struct js_node_state *node = nodes->list[slave->node];
    const uint32_t *cores = js_allocation_cores(allocation);
    slave->slots[allocation->slot].is_taken = true;
    for (uint32_t i = 0; i < allocation->core_count; i++) {
        struct js_node_core *core = &node->cores[cores[i]];
        core->used++;
        node->free_cores -= !js_node_core_has_room(core);
    }
    for (uint32_t i = 0; i < allocation->gpu_count; i++)
        node->gpu_held[js_allocation_gpus_of(allocation)[i]] = true;
    node->free_gpus -= allocation->gpu_count;
    /* If the memory of a node is unknown, it is not counted. */
    if (node->resources.mem_bytes > 0)
        node->free_mem_bytes -= allocation->mem_bytes;
}

void js_nodes_let_go(struct js_nodes *nodes,
                     const struct js_allocation *allocation)
{
    struct js_node_member *slave = nodes->members[allocation->rank];
    struct js_node_state *node = nodes->list[slave->node];
    const uint32_t *cores = js_allocation_cores(allocation);
    slave->slots[allocation->slot].is_taken = false;
    /* A core may be held by more jobs than it has room for: the room shrinks
     * when a slave is lost while jobs of other slaves still run there. Such a
     * core is not free yet. */
    for (uint32_t i = 0; i < allocation->core_count; i++) {
        struct js_node_core *core = &node->cores[cores[i]];
        bool had_room = js_node_core_has_room(core);
        core->used--;
        node->free_cores += !had_room && js_node_core_has_room(core);
    }
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

/* ---------------------------------------------------------------- fitting */

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
        JS_INVARIANT(core->homes == slots);
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
