#include "list/graph_private.h"

/* Counts the edges of nodes, from both ends of each edge. */
struct recount {
    size_t nodes, named, queued, live, unmet, edges, group_edges;
};

static void graph_assert_links(const struct js_graph_node *node,
                               struct recount *sums)
{
    for (const struct js_graph_link *link = node->children.first; link;
         link = link->next) {
        JS_INVARIANT(link->child->unmet > 0);
        JS_INVARIANT(link->next || node->children.last == link);
        JS_INVARIANT(link->any || !js_graph_culprit_of(node));
        *(link->child->is_group ? &sums->group_edges : &sums->edges) += 1;
    }
}

static void graph_assert_node_invariants(const struct js_graph *graph,
                                         const struct js_graph_node *node,
                                         struct recount *sums)
{
    bool is_done = js_graph_has_ended(node);
    bool is_waiting = node->state == JS_GRAPH_STATE_WAITING;
    JS_INVARIANT(node->depth > 0 && node->depth <= graph->depths.deepest);
    JS_INVARIANT(node->state != JS_GRAPH_STATE_READY ||
                 (!node->unmet && !node->is_held));
    JS_INVARIANT(!is_waiting || node->unmet || node->is_held);
    JS_INVARIANT(!is_done || !node->children.first);
    JS_INVARIANT(!is_done || node->name || node->is_held || node->is_queued ||
                 node->is_kept || node->unmet);
    JS_INVARIANT(!node->name ||
                 js_strmap_get(&graph->names, node->name) == node);
    graph_assert_links(node, sums);
    sums->nodes++;
    sums->named += node->name != NULL;
    sums->queued += node->is_queued;
    sums->live += !is_done;
    sums->unmet += node->unmet;
}

/* Returns how many edges groups have to their members. */
static size_t graph_assert_group_invariants(const struct js_graph *graph,
                                            struct recount *sums)
{
    size_t unmet = 0;
    for (const struct js_graph_group *group = graph->groups; group;
         group = group->older) {
        const struct js_graph_node *node = &group->node;
        JS_INVARIANT(node->is_group && !node->is_queued && !node->name);
        JS_INVARIANT(js_graph_has_ended(node) == (node->unmet == 0));
        JS_INVARIANT(!js_graph_has_ended(node) || !node->children.first);
        JS_INVARIANT((node->state == JS_GRAPH_STATE_FAILED) ==
                     (node->parent && !node->unmet));
        JS_INVARIANT(!group->inner || group->inner->number < group->number);
        graph_assert_links(node, sums);
        unmet += node->unmet;
    }
    return unmet;
}

/* Returns how many jobs are in these runs. */
static uint64_t count_runs(const struct js_graph_runs *runs)
{
    uint64_t count = 0;
    for (const struct js_graph_run *run = runs->first; run; run = run->next)
        count += run->last - run->first + 1;
    return count;
}

static size_t graph_assert_queue(const struct js_graph_queue *queue,
                                 enum js_graph_state state)
{
    size_t count = 0;
    for (const struct js_graph_node *node = queue->first; node;
         node = node->next) {
        JS_INVARIANT(node->is_queued && node->state == state);
        count++;
    }
    return count;
}

uint64_t js_graph_assert_invariants(const struct js_graph *graph)
{
    struct recount sums = {0};
    for (const struct js_graph_node *node = js_idmap_next(&graph->nodes, NULL);
         node; node = js_idmap_next(&graph->nodes, node))
        graph_assert_node_invariants(graph, node, &sums);
    size_t group_unmet = graph_assert_group_invariants(graph, &sums);
    size_t queued = graph_assert_queue(&graph->ready, JS_GRAPH_STATE_READY) +
                    graph_assert_queue(&graph->skipped, JS_GRAPH_STATE_SKIPPED);
    JS_INVARIANT(sums.nodes == graph->nodes.count);
    JS_INVARIANT(sums.named == graph->names.count);
    JS_INVARIANT(sums.named == graph->index.count);
    JS_INVARIANT(sums.unmet == sums.edges && sums.unmet == graph->unmet);
    JS_INVARIANT(sums.group_edges == group_unmet);
    JS_INVARIANT(sums.queued == queued);
    JS_INVARIANT(!graph->unsettled && !graph->groups_due.first);
    JS_INVARIANT(!graph->open->held.first);
    JS_INVARIANT(graph->open->pending > 0 || !graph->open->next);
    uint64_t pending = count_runs(&graph->doomed);
    for (const struct js_graph_epoch *epoch = graph->open; epoch;
         epoch = epoch->next) {
        /* Jobs behind a barrier can be skipped, but cannot end in any other
         * way. */
        JS_INVARIANT(epoch == graph->open ||
                     epoch->pending <= count_runs(&epoch->held));
        JS_INVARIANT(epoch->next || epoch == graph->last);
        JS_INVARIANT(!epoch->is_doomed);
        JS_INVARIANT(!epoch->culprit || !epoch->next ||
                     !epoch->next->is_strict);
        pending += epoch->pending;
    }
    JS_INVARIANT(sums.live <= pending && pending <= graph->jobs);
    return sums.nodes + sums.edges + sums.group_edges +
           graph->nodes.chain_count;
}

void js_graph_check(struct js_graph *graph)
{
#ifdef JS_DEBUG
    if (graph->steps - graph->checked_steps < graph->check_cost)
        return;
    graph->check_cost = js_graph_assert_invariants(graph);
    graph->checked_steps = graph->steps;
#else
    (void)graph;
#endif
}
