/*
 * placement - finds the nodes, cores and GPUs that a job would get.
 *
 * Reads the nodes and changes nothing. sched/allocator.h, which explains the
 * rules, takes what is found here. Cores are grouped by the cache that they
 * share, by NUMA node, and by node.
 */
#ifndef JS_SCHED_PLACEMENT_H
#define JS_SCHED_PLACEMENT_H

#include "sched/allocator.h"
#include "sched/nodes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Neighbouring cores of a node. */
struct js_place {
    size_t node;
    uint32_t first, end; /* core indices */
    bool takes_others;   /* some of these cores are held by other runs */
    uint64_t cost;       /* the place with the lowest cost is the best */
};

/*
 * One search for places: the request, and the best places found so far.
 * Invariant: the first `count` places are on different nodes, the best first;
 * there are never more places than the request has nodes.
 */
struct js_placement {
    const struct js_nodes *nodes;
    const struct js_request *request;
    unsigned avoid; /* a slave not to use; 0: none */
    js_allocator_usable_fn usable;
    void *arg;
    bool is_for_all; /* ignore what is held now */
    bool is_owner; /* this is the job of the reservation: it may use what is set
                      aside */
    bool takes_others; /* cores of other runs may be used as well */
    bool *homes;       /* owned, as is `places`; the cores of the node under
                          examination at which an allocation could have its home */
    struct js_place *places;
    uint32_t count;
};

/* The caller must have set the fields up to takes_others. The request must not
 * have more nodes than there are. Returns 0, or -1 with errno ENOMEM. */
int js_placement_begin(struct js_placement *placement);
void js_placement_end(struct js_placement *placement);

/* Searches all nodes for places that are free now. */
void js_placement_search(struct js_placement *placement);

/* Chooses what the job gets at place `number`: cores, GPUs, memory and a slot.
 * ret->cores has room for them. Nothing is held yet. */
void js_placement_choose(struct js_placement *placement, uint32_t number,
                         struct js_allocation *ret);

/* Searches all nodes for the places where the least has to end before the job
 * fits. Nodes that lack only cores come first, because jobs that hold nothing
 * else are the ones that end soon. */
void js_placement_search_quiet(struct js_placement *placement);

/* Finds the range of neighbouring cores of this node, one of them a home, in
 * which the fewest cores are held. Among equals, the range that crosses the
 * fewest borders between caches and NUMA nodes wins. The result's cost is the
 * number of cores held, or UINT64_MAX if there are no such cores. */
struct js_place js_placement_quietest(struct js_placement *placement,
                                      size_t index);

#endif
