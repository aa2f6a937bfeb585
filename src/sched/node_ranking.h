/*
 * node_ranking - which nodes have the best places for a job.
 *
 * Keeps, for each kind of request that came up recently, the cost of the best
 * place on each node. A search examines only the nodes that have changed since
 * the last search of its kind, and those that it returns; the number of other
 * nodes does not matter.
 */
#ifndef JS_SCHED_NODE_RANKING_H
#define JS_SCHED_NODE_RANKING_H

#include "sched/placement.h"

#include <stdint.h>

struct js_node_ranking;

/* The rankings of a run. All zero means none. */
struct js_node_rankings {
    struct js_node_ranking **list; /* the most recently used first */
    size_t count;
};

void js_node_rankings_release(struct js_node_rankings *rankings);

/* Nodes on which this job may find other places than most jobs of its kind: the
 * nodes of the reservation, if the reservation is for this job. */
struct js_place_list {
    const struct js_place *places;
    uint32_t count;
};

/*
 * Finds the best places for the request, each on another node, the best first;
 * among equal places the first node wins. Stores at most `count` of them in
 * `ret`. Returns how many there are, or -1 with errno ENOMEM.
 */
int64_t js_node_rankings_search(struct js_node_rankings *rankings,
                                const struct js_placement *placement,
                                const struct js_place_list *unusual,
                                struct js_place *ret, uint32_t count);

/* Examines all nodes again, and aborts if a ranking has a wrong entry. */
void js_node_rankings_assert_invariants(const struct js_node_rankings *rankings,
                                        struct js_nodes *nodes);

#endif
