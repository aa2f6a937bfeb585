#include "sched/placement.h"

#include <stdlib.h>
#include <string.h>

/* The kinds of groups of cores, the tightest first. */
enum level { LEVEL_CACHE, LEVEL_NUMA, LEVEL_NODE, LEVEL_COUNT };

/* Cores that share a cache across two NUMA nodes form two groups. */
static uint32_t placement_group(const struct js_node_state *node, uint32_t core,
                                enum level level)
{
    const struct js_core *about = &node->resources.cores[core];
    if (level == LEVEL_CACHE)
        return (uint32_t)about->numa << 16 | about->cache;
    return level == LEVEL_NUMA ? about->numa : 0;
}

/* For a reservation all cores count as free, because it waits for those that
 * are held. */
static bool placement_is_core_free(const struct js_placement *placement,
                                   const struct js_node_state *node,
                                   uint32_t core)
{
    return placement->is_for_all ||
           (js_node_core_has_room(&node->cores[core]) &&
            (placement->takes_others || !node->cores[core].is_others) &&
            (placement->is_owner || !node->cores[core].is_set_aside));
}

/* A slave that the caller rules out must not get the job, but its cores may be
 * used by another slave of the node. */
static bool placement_is_usable(const struct js_placement *placement,
                                unsigned rank)
{
    return rank != placement->avoid &&
           (!placement->usable || placement->usable(placement->arg, rank));
}

/* Finds a slot at home on this core that an allocation could have. Returns true
 * if there is one. */
static bool placement_find_slot(const struct js_placement *placement,
                                const struct js_node_state *node, uint32_t core,
                                struct js_allocation *ret)
{
    for (size_t i = 0; i < node->rank_count; i++) {
        const struct js_node_member *slave =
            placement->nodes->members[node->ranks[i]];
        for (uint32_t k = 0; k < slave->slot_count; k++) {
            if (slave->slots[k].home != core ||
                (slave->slots[k].is_taken && !placement->is_for_all) ||
                !placement_is_usable(placement, slave->rank))
                continue;
            ret->rank = slave->rank;
            ret->slot = k;
            return true;
        }
    }
    return false;
}

/* Marks the cores at which an allocation could have its home. An allocation
 * needs the slot of a usable slave, and each slot has one home core. */
static void placement_mark_homes(struct js_placement *placement,
                                 const struct js_node_state *node)
{
    bool *homes = placement->homes;
    memset(homes, 0, node->resources.core_count * sizeof(*homes));
    for (size_t i = 0; i < node->rank_count; i++) {
        const struct js_node_member *slave =
            placement->nodes->members[node->ranks[i]];
        if (slave->slot_count == 0 ||
            !placement_is_usable(placement, slave->rank))
            continue;
        for (uint32_t k = 0; k < slave->slot_count; k++) {
            const struct js_node_slot *slot = &slave->slots[k];
            homes[slot->home] |=
                placement->is_for_all ||
                (!slot->is_taken &&
                 placement_is_core_free(placement, node, slot->home));
        }
    }
}

/* Among the groups with a home and enough free cores, finds the one with the
 * fewest free cores; among equals, the first. A full group leaves the others
 * whole for jobs that need more. */
static void placement_look_through(const struct js_placement *placement,
                                   const struct js_node_state *node,
                                   enum level level, struct js_place *best)
{
    uint32_t count = node->resources.core_count;
    uint32_t first = 0, i = 0, free_cores = 0;
    bool has_home = false;
    /* Groups are runs of cores, because cores are numbered in hardware
     * order. */
    while (i < count) {
        free_cores += placement_is_core_free(placement, node, i);
        has_home |= placement->homes[i];
        i++;
        if (i < count && placement_group(node, i, level) ==
                             placement_group(node, first, level))
            continue;
        if (has_home && free_cores >= placement->request->cores &&
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

/* Inserts the place if it is among the best; among equals the earlier one
 * wins. */
static void placement_keep_best(struct js_placement *placement,
                                const struct js_place *place)
{
    uint32_t wanted = js_request_nodes(placement->request);
    uint32_t at = placement->count < wanted ? placement->count++ : wanted;
    for (; at > 0 && place->cost < placement->places[at - 1].cost; at--) {
        if (at < wanted)
            placement->places[at] = placement->places[at - 1];
    }
    if (at < wanted)
        placement->places[at] = *place;
}

/* Takes `count` free cores, from `from` to before `end`. */
static void placement_gather(const struct js_placement *placement,
                             const struct js_node_state *node, uint32_t from,
                             uint32_t end, uint32_t count, uint32_t *to)
{
    for (uint32_t i = from; i < end && count > 0; i++) {
        if (!placement_is_core_free(placement, node, i))
            continue;
        *to++ = i;
        count--;
    }
}

/* Finds a run of free neighbouring cores with a home. Returns its start, or
 * end. */
static uint32_t placement_find_run(const struct js_placement *placement,
                                   const struct js_node_state *node,
                                   const struct js_place *in)
{
    uint32_t wanted = placement->request->cores;
    uint32_t length = 0, last_home = UINT32_MAX;
    for (uint32_t i = in->first; i < in->end; i++) {
        length = placement_is_core_free(placement, node, i) ? length + 1 : 0;
        if (placement->homes[i])
            last_home = i;
        if (length >= wanted && last_home != UINT32_MAX &&
            last_home + wanted > i)
            return i + 1 - wanted;
    }
    return in->end;
}

/* Chooses the cores of the place: neighbours if possible, else the first free
 * ones. One of them must be a home. */
static void placement_pick_cores(const struct js_placement *placement,
                                 const struct js_node_state *node,
                                 const struct js_place *in, uint32_t *to)
{
    uint32_t count = placement->request->cores;
    uint32_t run = placement_find_run(placement, node, in);
    if (run < in->end) {
        placement_gather(placement, node, run, in->end, count, to);
        return;
    }
    placement_gather(placement, node, in->first, in->end, count, to);
    for (uint32_t i = 0; i < count; i++) {
        if (placement->homes[to[i]])
            return;
    }
    /* All the chosen cores come before the first home: replace the last of them
     * with it. */
    uint32_t home = to[count - 1];
    while (!placement->homes[home])
        home++;
    to[count - 1] = home;
}

void js_placement_end(struct js_placement *placement)
{
    free(placement->homes);
    free(placement->places);
}

/* There are never more places than nodes, because a request for more nodes than
 * exist was refused earlier. */
int js_placement_begin(struct js_placement *placement)
{
    size_t most = 1;
    for (size_t i = 0; i < placement->nodes->count; i++) {
        size_t cores = placement->nodes->list[i]->resources.core_count;
        most = cores > most ? cores : most;
    }
    placement->homes = calloc(most, sizeof(bool));
    placement->places = calloc(js_request_nodes(placement->request),
                               sizeof(*placement->places));
    if (placement->homes && placement->places)
        return 0;
    js_placement_end(placement);
    return -1;
}

/* Finds the best place on each node. Cores of other runs are used only if there
 * is none without them. */
void js_placement_search(struct js_placement *placement)
{
    const struct js_request *request = placement->request;
    for (size_t i = 0; i < placement->nodes->count; i++) {
        const struct js_node_state *node = placement->nodes->list[i];
        if (!js_node_could(node, request) ||
            node->free_cores < request->cores ||
            js_node_lacks_gpus(node, request) ||
            js_node_lacks_mem(node, request) ||
            (!placement->is_owner && !js_node_has_unkept(node, request)))
            continue;
        placement_mark_homes(placement, node);
        int level_end = node->has_others ? 2 * LEVEL_COUNT : LEVEL_COUNT;
        struct js_place place = {.node = i, .cost = UINT64_MAX};
        for (int level = 0; level < level_end && place.cost == UINT64_MAX;
             level++) {
            placement->takes_others = level >= LEVEL_COUNT;
            placement_look_through(placement, node,
                                   (enum level)(level % LEVEL_COUNT), &place);
            /* A tighter group on any node is better than a fuller group that is
             * less tight. */
            if (place.cost != UINT64_MAX)
                place.cost |= (uint64_t)level << 32;
        }
        place.takes_others = placement->takes_others;
        if (place.cost != UINT64_MAX)
            placement_keep_best(placement, &place);
    }
}

void js_placement_choose(struct js_placement *placement, uint32_t number,
                         struct js_allocation *ret)
{
    const struct js_request *request = placement->request;
    const struct js_place *place = &placement->places[number];
    const struct js_node_state *node = placement->nodes->list[place->node];
    placement_mark_homes(placement, node);
    placement->takes_others = place->takes_others;
    placement_pick_cores(placement, node, place, ret->cores);
    ret->core_count = request->cores;
    ret->gpu_count = request->gpus;
    ret->core = ret->cores[0];
    ret->mem_bytes = request->mem_bytes;
    for (uint32_t i = 0; i < request->cores; i++) {
        if (placement_find_slot(placement, node, ret->cores[i], ret))
            break;
    }
    /* GPUs near the cores first: the transfer between them is faster. */
    uint16_t numa = node->resources.cores[ret->core].numa;
    uint32_t picked = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0;
             i < node->resources.gpu_count && picked < request->gpus; i++) {
            bool is_near = node->resources.gpus[i].numa == numa;
            if (!node->gpu_held[i] && is_near == (pass == 0))
                ret->cores[request->cores + picked++] = i;
        }
    }
}

/* ---------------------------------------------------------------- to reserve
 */

/* Searches all windows of neighbouring cores; see the header for the order. */
struct js_place js_placement_quietest(struct js_placement *placement,
                                      size_t index)
{
    const struct js_node_state *node = placement->nodes->list[index];
    uint32_t count = placement->request->cores;
    uint32_t best_borders = 0;
    struct js_place best = {.node = index, .cost = UINT64_MAX};
    placement_mark_homes(placement, node);
    for (uint32_t at = 0; at + count <= node->resources.core_count; at++) {
        struct js_place run = {.node = index, .first = at, .end = at + count};
        uint32_t homes_in = 0, borders = 0;
        for (uint32_t i = at; i < run.end; i++) {
            homes_in += placement->homes[i];
            run.cost += !js_node_core_has_room(&node->cores[i]) ||
                        node->cores[i].is_others;
            if (i == at)
                continue;
            borders += placement_group(node, i, LEVEL_CACHE) !=
                       placement_group(node, i - 1, LEVEL_CACHE);
            borders += placement_group(node, i, LEVEL_NUMA) !=
                       placement_group(node, i - 1, LEVEL_NUMA);
        }
        if (homes_in == 0 || run.cost > best.cost ||
            (run.cost == best.cost && borders >= best_borders))
            continue;
        best = run;
        best_borders = borders;
    }
    return best;
}

/* A node that lacks only cores comes before the others, because jobs that hold
 * nothing else are the ones that end soon. */
void js_placement_search_quiet(struct js_placement *placement)
{
    const struct js_request *request = placement->request;
    for (size_t i = 0; i < placement->nodes->count; i++) {
        const struct js_node_state *node = placement->nodes->list[i];
        if (!js_node_could(node, request))
            continue;
        struct js_place place = js_placement_quietest(placement, i);
        /* The upper half of the cost decides; the lower half, the cores held,
         * counts among equals. */
        uint64_t lacking = js_node_lacks_gpus(node, request) +
                           js_node_lacks_mem(node, request);
        if (place.cost == UINT64_MAX)
            continue;
        place.cost |= lacking << 32;
        placement_keep_best(placement, &place);
    }
}
