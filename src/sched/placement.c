#include "sched/placement.h"

#include <string.h>

/* The kinds of groups of cores, the tightest first. */
enum level { LEVEL_CACHE, LEVEL_NUMA, LEVEL_NODE, LEVEL_COUNT };

enum {
    LEVEL_SHIFT = 29,  /* parts of a cost: the levels decide before the cores */
    LACKING_SHIFT = 24 /* the same for what else a reserved place lacks */
};

/* A slave that the caller rules out must not get the job, but its cores may be
 * used by another slave of the node. */
static bool placement_is_usable(const struct js_placement *placement,
                                const struct js_node_member *slave)
{
    return slave->rank != placement->avoid && slave->is_of[placement->slaves];
}

/* Finds the first slot at home on this core that an allocation could have.
 * Returns true if there is one. For a reservation all slots count, because it
 * waits for those that are held. */
static bool placement_find_slot(const struct js_placement *placement,
                                const struct js_node_state *node, uint32_t core,
                                unsigned *ret_rank, uint32_t *ret_slot)
{
    unsigned rank = node->cores[core].first_rank;
    uint32_t number = node->cores[core].first_slot;
    while (rank > 0) {
        const struct js_node_member *slave = placement->nodes->members[rank];
        const struct js_node_slot *slot = &slave->slots[number];
        if ((slot->holder == 0 || placement->is_quiet) &&
            placement_is_usable(placement, slave)) {
            *ret_rank = rank;
            *ret_slot = number;
            return true;
        }
        rank = slot->next_rank;
        number = slot->next_slot;
    }
    return false;
}

/* Notes which cores could be part of a place. Returns their number. */
static uint32_t placement_look_at(const struct js_placement *placement,
                                  const struct js_node_state *node,
                                  bool takes_others)
{
    size_t words = js_bits_words(node->resources.core_count);
    uint32_t found = 0;
    for (size_t i = 0; i < words; i++) {
        uint64_t free_cores = node->with_room[i];
        if (!takes_others)
            free_cores &= ~node->of_others[i];
        if (!placement->is_owner)
            free_cores &= ~node->set_aside[i];
        placement->nodes->candidates[i] = free_cores;
        found += (uint32_t)__builtin_popcountll(free_cores);
    }
    return found;
}

/* Returns the first candidate between `from` and `end` (not included) that
 * could be the home core of an allocation, or `end`. An allocation needs the
 * slot of a usable slave, and each slot has one home core. */
static uint32_t placement_find_home(const struct js_placement *placement,
                                    const struct js_node_state *node,
                                    uint32_t from, uint32_t end)
{
    const uint64_t *candidates = placement->nodes->candidates;
    unsigned rank;
    uint32_t slot;
    from = js_bits_next(candidates, from, end);
    while (from < end &&
           !placement_find_slot(placement, node, from, &rank, &slot))
        from = js_bits_next(candidates, from + 1, end);
    return from;
}

/* Among the groups with a home and enough free cores, finds the one with the
 * fewest free cores; among equals, the first. A full group leaves the others
 * whole for jobs that need more. */
static void placement_look_through(const struct js_placement *placement,
                                   const struct js_node_state *node,
                                   enum level level, struct js_place *best)
{
    uint32_t count = node->resources.core_count;
    uint32_t end;
    /* Groups are runs of cores, because cores are numbered in hardware
     * order. */
    for (uint32_t first = 0; first < count; first = end) {
        end = level == LEVEL_CACHE
                  ? js_bits_next(node->cache_edges, first + 1, count)
              : level == LEVEL_NUMA
                  ? js_bits_next(node->numa_edges, first + 1, count)
                  : count;
        uint32_t free_cores =
            js_bits_count(placement->nodes->candidates, first, end);
        if (free_cores < placement->request->cores ||
            free_cores >= best->cost ||
            placement_find_home(placement, node, first, end) == end)
            continue;
        best->first = first;
        best->end = end;
        best->cost = free_cores;
    }
}

/* Finds the best free place. Cores of other runs are used only if there is no
 * place without them. A tighter group on any node is better than a fuller, less
 * tight group. */
static struct js_place placement_find_free(const struct js_placement *placement,
                                           const struct js_node_state *node)
{
    const struct js_request *request = placement->request;
    struct js_place place = {.node = node->index, .cost = JS_PLACE_NONE};
    if (node->free_cores < request->cores ||
        js_node_lacks_gpus(node, request) || js_node_lacks_mem(node, request) ||
        (!placement->is_owner && !js_node_has_unkept(node, request)))
        return place;
    for (int others = 0; others <= node->has_others; others++) {
        place.takes_others = others;
        if (placement_look_at(placement, node, others) < request->cores)
            continue;
        for (int level = 0; level < LEVEL_COUNT; level++) {
            placement_look_through(placement, node, (enum level)level, &place);
            if (place.cost == JS_PLACE_NONE)
                continue;
            place.cost |= (uint32_t)(level + others * LEVEL_COUNT)
                          << LEVEL_SHIFT;
            return place;
        }
    }
    return place;
}

/* Takes `count` free cores, from `from` to `end` - 1. */
static void placement_gather(const struct js_placement *placement,
                             uint32_t from, uint32_t end, uint32_t count,
                             uint32_t *to)
{
    for (; count > 0; count--) {
        *to = js_bits_next(placement->nodes->candidates, from, end);
        from = *to++ + 1;
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
        length = js_bits_has(placement->nodes->candidates, i) ? length + 1 : 0;
        if (length > 0 && placement_find_home(placement, node, i, i + 1) == i)
            last_home = i;
        if (length >= wanted && last_home != UINT32_MAX &&
            last_home + wanted > i)
            return i + 1 - wanted;
    }
    return in->end;
}

/* Chooses the cores of the place: neighbours if possible, otherwise the first
 * free ones. One of them must be a home. */
static void placement_pick_cores(const struct js_placement *placement,
                                 const struct js_node_state *node,
                                 const struct js_place *in, uint32_t *to)
{
    uint32_t count = placement->request->cores;
    uint32_t run = placement_find_run(placement, node, in);
    if (run < in->end) {
        placement_gather(placement, run, in->end, count, to);
        return;
    }
    placement_gather(placement, in->first, in->end, count, to);
    /* If all the chosen cores come before the first home, it replaces the last
     * of them. */
    uint32_t home = placement_find_home(placement, node, in->first, in->end);
    if (home > to[count - 1])
        to[count - 1] = home;
}

void js_placement_choose(const struct js_placement *placement,
                         const struct js_place *place,
                         struct js_allocation *ret)
{
    const struct js_request *request = placement->request;
    const struct js_node_state *node = placement->nodes->list[place->node];
    placement_look_at(placement, node, place->takes_others);
    placement_pick_cores(placement, node, place, ret->cores);
    ret->core_count = request->cores;
    ret->gpu_count = request->gpus;
    ret->core = ret->cores[0];
    ret->mem_bytes = request->mem_bytes;
    for (uint32_t i = 0; i < request->cores; i++) {
        if (placement_find_slot(placement, node, ret->cores[i], &ret->rank,
                                &ret->slot))
            break;
    }
    /* GPUs near the cores come first, because transfers between them are
     * faster. */
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

/* The weight of a core in a range, as three separate parts of a number: whether
 * it is a home, whether it is held, and, if it is not the first of the range,
 * the borders before it. */
enum { HELD_SHIFT = 24, HOME_SHIFT = 48 };

/* Weighs all cores of the node. */
static const uint64_t *placement_weigh(const struct js_placement *placement,
                                       const struct js_node_state *node)
{
    uint32_t count = node->resources.core_count;
    uint64_t *weights = placement->nodes->weights;
    uint64_t held = 0, caches = 0, numas = 0;
    unsigned rank;
    uint32_t slot;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t bit = i % JS_BITS_PER_WORD;
        if (bit == 0) {
            size_t at = i / JS_BITS_PER_WORD;
            held = ~node->with_room[at] | node->of_others[at];
            caches = node->cache_edges[at];
            numas = node->numa_edges[at];
        }
        uint64_t is_home =
            node->cores[i].first_rank > 0 &&
            placement_find_slot(placement, node, i, &rank, &slot);
        weights[i] = (caches >> bit & 1) + (numas >> bit & 1) +
                     ((held >> bit & 1) << HELD_SHIFT) +
                     (is_home << HOME_SHIFT);
    }
    return weights;
}

/* Moves a window over the cores; see the header for the order. A node that
 * lacks only cores comes before the others, because jobs that hold only cores
 * are those that end soon. */
static struct js_place
placement_find_quiet(const struct js_placement *placement,
                     const struct js_node_state *node)
{
    const struct js_request *request = placement->request;
    const uint64_t borders = (UINT64_C(1) << HELD_SHIFT) - 1;
    const uint64_t *weights = placement_weigh(placement, node);
    uint32_t lacking =
        js_node_lacks_gpus(node, request) + js_node_lacks_mem(node, request);
    uint64_t sum = 0, least = UINT64_MAX;
    struct js_place place = {.node = node->index, .cost = JS_PLACE_NONE};
    for (uint32_t end = 1; end <= node->resources.core_count; end++) {
        sum += weights[end - 1];
        if (end < request->cores)
            continue;
        uint32_t first = end - request->cores;
        sum -= first > 0 ? weights[first - 1] & ~borders : 0;
        sum -= weights[first] & borders;
        uint64_t weight = sum & ((UINT64_C(1) << HOME_SHIFT) - 1);
        if (sum == weight || weight >= least)
            continue;
        least = weight;
        place.first = first;
        place.end = end;
    }
    if (least != UINT64_MAX)
        place.cost = (uint32_t)(least >> HELD_SHIFT) | lacking << LACKING_SHIFT;
    return place;
}

struct js_place js_placement_find(const struct js_placement *placement,
                                  const struct js_node_state *node)
{
    placement->nodes->looks++;
    if (!js_node_could(node, placement->request))
        return (struct js_place){.node = node->index, .cost = JS_PLACE_NONE};
    return placement->is_quiet ? placement_find_quiet(placement, node)
                               : placement_find_free(placement, node);
}
