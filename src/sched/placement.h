/*
 * placement - finds the cores and GPUs that a job would get on a node.
 *
 * Reads the nodes and changes only its own notes there. sched/node_ranking.h
 * decides which nodes a job gets; sched/allocator.h, which explains the rules,
 * allocates the places found here. Cores are grouped by the cache that they
 * share, by NUMA node, and by node.
 */
#ifndef JS_SCHED_PLACEMENT_H
#define JS_SCHED_PLACEMENT_H

#include "sched/nodes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Neighbouring cores of a node. */
struct js_place {
    size_t node;
    uint32_t first, end; /* core indices */
    bool takes_others;   /* some of these cores are held by other runs */
    uint32_t cost;       /* the place with the lowest cost is the best;
                            JS_PLACE_NONE: there is none */
};

#define JS_PLACE_NONE UINT32_MAX

/* What to search for. */
struct js_placement {
    struct js_nodes *nodes;
    const struct js_request *request;
    unsigned avoid; /* a slave not to use; 0: none */
    enum js_slaves slaves;
    bool is_quiet; /* find a place to reserve, even if it is held now */
    bool is_owner; /* this is the job of the reservation: it may use what is set
                      aside */
};

/*
 * Finds the best place of this node, or a cost of JS_PLACE_NONE.
 *
 * Without is_quiet, the place must be free now. With is_quiet, it is the range
 * of neighbouring cores, one of them a home, in which the fewest cores are
 * held; among equal ranges, the one that crosses the fewest borders between
 * caches and NUMA nodes wins.
 */
struct js_place js_placement_find(const struct js_placement *placement,
                                  const struct js_node_state *node);

/* Chooses the cores, GPUs, memory and slot that the job gets at this place,
 * which must be free. ret->cores must have room for them. The call does not
 * allocate them yet. */
void js_placement_choose(const struct js_placement *placement,
                         const struct js_place *place,
                         struct js_allocation *ret);

#endif
