/*
 * placement - which cores and GPUs of which nodes a job would get.
 *
 * Reads the nodes and changes nothing: sched/allocator.h, which explains the
 * rules, takes what is found here. Groups of cores are those that share a
 * cache, those of a NUMA node, and all of a node.
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
    uint32_t first, end; /* cores */
    bool takes_others;   /* of these also such of other runs */
    uint64_t cost;       /* of several places the lowest is the best */
};

/*
 * One search for places: what is asked for, and the best found so far.
 * Invariant: the first `count` places are of different nodes, the best first;
 * there are never more than the request has nodes.
 */
struct js_placement {
    const struct js_nodes *nodes;
    const struct js_request *request;
    unsigned avoid; /* 0: nobody */
    js_allocator_usable_fn usable;
    void *arg;
    bool is_for_all;   /* what is held now does not matter */
    bool is_owner;     /* of the reservation: what is set aside is for it */
    bool takes_others; /* also cores of other runs */
    bool *homes;       /* owned, as the next; of the node that is looked at: the
                          cores at which an allocation could have its home */
    struct js_place *places;
    uint32_t count;
};

/* The fields up to takes_others are set. 0, or -1 with errno ENOMEM. No more
 * nodes are requested than there are. */
int js_placement_begin(struct js_placement *placement);
void js_placement_end(struct js_placement *placement);

/* Looks at all nodes for places that are free now. */
void js_placement_search(struct js_placement *placement);

/* What the job gets at place number `number`: cores, GPUs, memory and a slot.
 * ret->cores has room for them. Nothing is held yet. */
void js_placement_choose(struct js_placement *placement, uint32_t number,
                         struct js_allocation *ret);

/* Looks at all nodes for places where the least has to end for the job. A node
 * that lacks only cores comes before others: jobs that hold nothing else are
 * the ones that end soon. */
void js_placement_search_quiet(struct js_placement *placement);

/* Neighbouring cores of this node, one of them a home, of which the fewest are
 * held, and then with the fewest borders of caches and NUMA nodes; its cost is
 * how many are held, or UINT64_MAX if there are no such cores. */
struct js_place js_placement_quietest(struct js_placement *placement,
                                      size_t index);

#endif
