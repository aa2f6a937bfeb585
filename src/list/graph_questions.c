#include "list/graph_private.h"

#include "base/bits.h"

/* ------------------------------------------------------------ questions */

enum js_graph_wait js_graph_wait(const struct js_graph *graph, uint64_t id)
{
    const struct js_graph_node *node = js_idmap_get(&graph->nodes, id);
    const struct js_graph_run *run = graph->doomed.first;
    while (run && (id < run->first || id > run->last))
        run = run->next;
    if (run || (node && node->state == JS_GRAPH_STATE_SKIPPED))
        return JS_GRAPH_SKIPPED;
    return node && node->unmet ? JS_GRAPH_FOR_JOBS : JS_GRAPH_FOR_BARRIER;
}

/* Calls visit for job `id` if it is the child of this edge, directly or through
 * groups that graph_ask_groups() has found. */
static void graph_visit_awaited(const struct js_graph_link *link,
                                uint64_t parent, uint64_t id,
                                js_graph_awaited_fn visit, void *arg)
{
    if (link->child->id == id)
        visit(arg, parent, link->any);
    for (int any = 0; link->child->is_group && any < 2; any++) {
        if (js_graph_group_of(link->child)->is_asked[any])
            visit(arg, parent, any);
    }
}

/* Finds the groups that the job waits for. A group that contains another is
 * younger, so it comes first. */
static void graph_ask_groups(struct js_graph *graph, uint64_t id)
{
    struct js_graph_group *group;
    for (group = graph->groups; group; group = group->older)
        group->is_asked[false] = group->is_asked[true] = false;
    for (group = graph->groups; group; group = group->older) {
        for (const struct js_graph_link *link = group->node.children.first;
             link; link = link->next)
            group->is_asked[link->any] |= link->child->id == id;
        for (int any = 0; group->inner && any < 2; any++)
            group->inner->is_asked[any] |= group->is_asked[any];
    }
}

void js_graph_each_awaited(struct js_graph *graph, uint64_t id,
                           js_graph_awaited_fn visit, void *arg)
{
    graph_ask_groups(graph, id);
    for (const struct js_graph_node *parent =
             js_idmap_next(&graph->nodes, NULL);
         parent; parent = js_idmap_next(&graph->nodes, parent)) {
        for (const struct js_graph_link *link = parent->children.first; link;
             link = link->next)
            graph_visit_awaited(link, parent->id, id, visit, arg);
    }
}

uint64_t js_graph_pending_above(const struct js_graph *graph, uint64_t id)
{
    uint64_t pending = 0;
    for (const struct js_graph_epoch *epoch = graph->open; epoch;
         epoch = epoch->next) {
        for (const struct js_graph_run *run = epoch->held.first; run;
             run = run->next) {
            if (id >= run->first && id <= run->last)
                return pending;
        }
        pending += epoch->pending;
    }
    return 0;
}

uint64_t js_graph_find(const struct js_graph *graph, const char *name)
{
    const struct js_graph_node *node = js_strmap_get(&graph->names, name);
    return node ? node->id : 0;
}

const char *js_graph_name(const struct js_graph *graph, uint64_t id)
{
    const struct js_graph_node *node = js_idmap_get(&graph->nodes, id);
    return node ? node->name : NULL;
}

void js_graph_shape(const struct js_graph *graph, struct js_graph_shape *ret)
{
    ret->jobs = graph->jobs;
    ret->longest_chain = graph->depths.deepest;
    ret->width = graph->depths.width;
}

bool js_graph_is_culprit(const struct js_graph *graph, uint64_t id)
{
    return id == graph->open->culprit || id == graph->culprit ||
           id == graph->last_culprit;
}

uint64_t js_graph_record(const struct js_graph *graph, uint64_t id)
{
    const struct js_graph_node *node = js_idmap_get(&graph->nodes, id);
    return node && node->is_kept ? node->parent : 0;
}

/* ---------------------------------------------------------------- paths */

static void graph_take_longer(const struct js_graph_path *paths, uint64_t id,
                              uint64_t *longest)
{
    int64_t longest_ns = *longest ? paths[*longest - 1].length_ns : 0;
    if (id && paths[id - 1].length_ns > longest_ns)
        *longest = id;
}

/* Returns the job with which a longest path continues behind a job or group, or
 * 0. `behind` is such a job behind the next `wait` line. A job that takes no
 * time belongs to no path. */
static uint64_t graph_find_longest_after(const struct js_graph_node *node,
                                         const struct js_graph_path *paths,
                                         uint64_t behind)
{
    uint64_t longest = behind;
    for (const struct js_graph_link *link = node ? node->children.first : NULL;
         link; link = link->next) {
        uint64_t next = link->child->is_group
                            ? js_graph_group_of(link->child)->longest
                            : link->child->id;
        graph_take_longer(paths, next, &longest);
    }
    return longest;
}

/* A job can only wait for jobs before it. So when the jobs are visited
 * backwards, every job that can follow this one has its path already, and so
 * has every group that it is in: it is visited before its members and after the
 * jobs that wait for it. */
void js_graph_find_paths(struct js_graph *graph, struct js_graph_path *paths,
                         uint64_t count, int64_t gap_ns)
{
    static const uint64_t first_of_epoch = UINT64_MAX;
    struct js_graph_group *group = graph->groups;
    uint64_t behind = 0, longest = 0; /* behind the next `wait` line, and before
                                         it so far */
    for (uint64_t id = 1; id <= count; id++)
        paths[id - 1].next = 0;
    for (const struct js_graph_epoch *epoch = graph->open->next; epoch;
         epoch = epoch->next)
        paths[epoch->held.first->first - 1].next = first_of_epoch;
    for (uint64_t id = count; id > 0; id--) {
        struct js_graph_path *path = &paths[id - 1];
        bool is_first = path->next == first_of_epoch;
        int64_t *ns = &path->length_ns;
        for (; group && group->made_behind >= id; group = group->older)
            group->longest = graph_find_longest_after(&group->node, paths, 0);
        path->next = graph_find_longest_after(js_idmap_get(&graph->nodes, id),
                                              paths, behind);
        if (path->next &&
            (__builtin_add_overflow(*ns, gap_ns, ns) ||
             __builtin_add_overflow(*ns, paths[path->next - 1].length_ns, ns)))
            *ns = INT64_MAX;
        if (!longest || *ns >= paths[longest - 1].length_ns)
            longest = id;
        if (is_first) {
            behind = longest;
            longest = 0;
        }
    }
}

/* ---------------------------------------------------------------- sets */

static bool graph_has_child_in(const struct js_graph_node *node,
                               const uint64_t *bits)
{
    for (const struct js_graph_link *link = node ? node->children.first : NULL;
         link; link = link->next) {
        const struct js_graph_node *child = link->child;
        if (child->is_group ? js_graph_group_of(link->child)->longest > 0
                            : js_bits_has(bits, (uint32_t)(child->id - 1)))
            return true;
    }
    return false;
}

/* Returns the first job below the last `wait` line above this one, or 0. */
static uint64_t graph_first_below_wait(const struct js_graph *graph,
                                       uint64_t id)
{
    uint64_t first = 0;
    for (const struct js_graph_epoch *epoch = graph->open->next; epoch;
         epoch = epoch->next) {
        if (epoch->held.first->first <= id)
            first = epoch->held.first->first;
    }
    return first;
}

/* Backwards, as above. */
void js_graph_select(struct js_graph *graph, uint64_t *bits, uint64_t count)
{
    struct js_graph_group *group = graph->groups;
    uint64_t all_before = 0; /* jobs below this id are in the set */
    bool is_empty = true;
    for (uint64_t id = count; id > 0; id--) {
        uint32_t at = (uint32_t)(id - 1);
        for (; group && group->made_behind >= id; group = group->older)
            group->longest = graph_has_child_in(&group->node, bits);
        if (id >= all_before && !js_bits_has(bits, at) &&
            !graph_has_child_in(js_idmap_get(&graph->nodes, id), bits))
            continue;
        js_bits_put(bits, at, true);
        if (is_empty)
            all_before = graph_first_below_wait(graph, id);
        is_empty = false;
    }
}
