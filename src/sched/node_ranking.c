#include "sched/node_ranking.h"

#include "base/err.h"
#include "base/tournament.h"

#include <stdlib.h>
#include <string.h>

/* How many kinds of requests have a ranking: RANKINGS_MAX; or fewer, but at
 * least RANKINGS_MIN, if they would have more than PLACES_MAX places. */
enum { RANKINGS_MIN = 8, RANKINGS_MAX = 64, PLACES_MAX = 1 << 21 };

/* Invariant: the cost of each node is that of its best place, unless it has
 * changed since `seen`. `latest` is the place of the node that was examined
 * last, because it is often needed next. */
struct js_node_ranking {
    struct js_request request; /* for one node */
    enum js_slaves slaves;
    bool is_quiet;
    struct js_tournament costs; /* by node */
    uint64_t seen;              /* the last change of a node that it includes */
    struct js_place latest;
};

void js_node_rankings_release(struct js_node_rankings *rankings)
{
    for (size_t i = 0; i < rankings->count; i++) {
        js_tournament_release(&rankings->list[i]->costs);
        free(rankings->list[i]);
    }
    free(rankings->list);
    *rankings = (struct js_node_rankings){NULL, 0};
}

static bool ranking_is_of(const struct js_node_ranking *ranking,
                          const struct js_placement *placement)
{
    const struct js_request *mine = &ranking->request;
    const struct js_request *request = placement->request;
    return mine->cores == request->cores && mine->gpus == request->gpus &&
           mine->mem_bytes == request->mem_bytes &&
           ranking->slaves == placement->slaves &&
           ranking->is_quiet == placement->is_quiet;
}

/* Returns a ranking for this kind of request that has examined no node yet, or
 * NULL with errno ENOMEM. It may reuse the least recently used ranking. */
static struct js_node_ranking *
rankings_make(struct js_node_rankings *rankings,
              const struct js_placement *placement)
{
    size_t most = PLACES_MAX / (placement->nodes->count + 1);
    most = most < RANKINGS_MIN ? RANKINGS_MIN : most;
    most = most > RANKINGS_MAX ? RANKINGS_MAX : most;
    if (!rankings->list)
        rankings->list = calloc(RANKINGS_MAX, sizeof(*rankings->list));
    if (!rankings->list)
        return NULL;
    struct js_node_ranking *ranking;
    if (rankings->count < most) {
        ranking = calloc(1, sizeof(*ranking));
        if (!ranking)
            return NULL;
        rankings->count++;
    } else {
        ranking = rankings->list[rankings->count - 1];
    }
    ranking->request = *placement->request;
    ranking->slaves = placement->slaves;
    ranking->is_quiet = placement->is_quiet;
    ranking->seen = 0;
    ranking->latest.cost = JS_PLACE_NONE;
    rankings->list[rankings->count - 1] = ranking;
    return ranking;
}

/* Finds or makes the ranking for this kind of request, and moves it to the
 * front. */
static struct js_node_ranking *
rankings_find(struct js_node_rankings *rankings,
              const struct js_placement *placement)
{
    size_t at = 0;
    while (at < rankings->count &&
           !ranking_is_of(rankings->list[at], placement))
        at++;
    bool is_known = at < rankings->count;
    struct js_node_ranking *ranking =
        is_known ? rankings->list[at] : rankings_make(rankings, placement);
    if (!ranking)
        return NULL;
    at = is_known ? at : rankings->count - 1;
    memmove(&rankings->list[1], rankings->list, at * sizeof(*rankings->list));
    rankings->list[0] = ranking;
    return ranking;
}

/* Examines the nodes that have changed. A new ranking has seen no change, and
 * adding a node counts as a change, so a new ranking examines all nodes. */
static int ranking_update(struct js_node_ranking *ranking,
                          struct js_nodes *nodes)
{
    const struct js_placement usual = {.nodes = nodes,
                                       .request = &ranking->request,
                                       .slaves = ranking->slaves,
                                       .is_quiet = ranking->is_quiet};
    const struct js_node_state *node = nodes->newest;
    if (js_tournament_grow(&ranking->costs, nodes->count) < 0)
        return -1;
    if (node && node->touched > ranking->seen)
        ranking->latest.cost = JS_PLACE_NONE;
    for (; node && node->touched > ranking->seen; node = node->older) {
        struct js_place place = js_placement_find(&usual, node);
        js_tournament_set(&ranking->costs, node->index, place.cost);
        if (place.cost < ranking->latest.cost)
            ranking->latest = place;
    }
    ranking->seen = nodes->touches;
    return 0;
}

/* Until its next change, the node keeps the cost that it has for this one
 * search. */
static void ranking_except(struct js_node_ranking *ranking,
                           const struct js_placement *placement, size_t index)
{
    struct js_node_state *node = placement->nodes->list[index];
    js_tournament_set(&ranking->costs, index,
                      js_placement_find(placement, node).cost);
    js_nodes_touch(placement->nodes, node);
}

int64_t js_node_rankings_search(struct js_node_rankings *rankings,
                                const struct js_placement *placement,
                                const struct js_place_list *unusual,
                                struct js_place *ret, uint32_t count)
{
    struct js_nodes *nodes = placement->nodes;
    struct js_node_ranking *ranking = rankings_find(rankings, placement);
    const struct js_node_member *avoided =
        js_nodes_find_slave(nodes, placement->avoid);
    bool is_usual = !avoided && unusual->count == 0;
    uint32_t found = 0;
    if (!ranking || ranking_update(ranking, nodes) < 0)
        return -1;
    if (avoided)
        ranking_except(ranking, placement, avoided->node);
    for (uint32_t i = 0; i < unusual->count; i++)
        ranking_except(ranking, placement, unusual->places[i].node);
    for (; found < count; found++) {
        size_t best = js_tournament_best(&ranking->costs);
        if (best == SIZE_MAX)
            break;
        const struct js_place *latest = &ranking->latest;
        bool is_latest =
            is_usual && latest->node == best && latest->cost != JS_PLACE_NONE;
        ret[found] = is_latest
                         ? *latest
                         : js_placement_find(placement, nodes->list[best]);
        js_tournament_set(&ranking->costs, best, JS_PLACE_NONE);
    }
    for (uint32_t i = 0; i < found; i++)
        js_tournament_set(&ranking->costs, ret[i].node, ret[i].cost);
    return found;
}

void js_node_rankings_assert_invariants(const struct js_node_rankings *rankings,
                                        struct js_nodes *nodes)
{
    uint64_t looks = nodes->looks;
    for (size_t i = 0; i < rankings->count; i++) {
        const struct js_node_ranking *ranking = rankings->list[i];
        const struct js_placement usual = {.nodes = nodes,
                                           .request = &ranking->request,
                                           .slaves = ranking->slaves,
                                           .is_quiet = ranking->is_quiet};
        for (size_t k = 0; k < nodes->count; k++) {
            const struct js_node_state *node = nodes->list[k];
            JS_INVARIANT(node->touched > ranking->seen ||
                         ranking->costs.keys[ranking->costs.size + k] ==
                             js_placement_find(&usual, node).cost);
        }
    }
    nodes->looks = looks;
}
