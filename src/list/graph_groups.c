#include "list/graph_private.h"

#include "base/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The members of a group that is being made. */
struct gathering {
    struct js_buf live; /* struct js_graph_node *: those that have not ended */
    size_t members;
    uint64_t depth;
    uint64_t culprit;
    int mark;
    bool has_memory;
};

static void groups_gather(void *arg, void *value)
{
    struct gathering *gathering = arg;
    struct js_graph_node *member = value;
    uint64_t culprit = js_graph_culprit_of(member);
    gathering->members++;
    if (member->depth > gathering->depth)
        gathering->depth = member->depth;
    if (member->mark > gathering->mark)
        gathering->mark = member->mark;
    if (!gathering->culprit || (culprit && culprit < gathering->culprit))
        gathering->culprit = culprit;
    if (!js_graph_has_ended(member) &&
        js_buf_append(&gathering->live, &member, sizeof(member)) < 0)
        gathering->has_memory = false;
}

/* Makes the next group of a glob. Returns NULL without memory. */
static struct js_graph_group *groups_new(struct js_graph *graph,
                                         const struct gathering *gathering)
{
    struct js_graph_node *const *live = (void *)gathering->live.data;
    size_t count = gathering->live.len / sizeof(struct js_graph_node *);
    struct js_graph_group *group = calloc(1, sizeof(*group));
    if (!group)
        return NULL;
    if (count > 0 && !(group->links = calloc(count, sizeof(*group->links)))) {
        free(group);
        return NULL;
    }
    group->node = (struct js_graph_node){
        .is_group = true,
        .depth = gathering->depth,
        .mark = gathering->mark,
        .parent = gathering->culprit,
        .unmet = count,
        .state = count > 0            ? JS_GRAPH_STATE_WAITING
                 : gathering->culprit ? JS_GRAPH_STATE_FAILED
                                      : JS_GRAPH_STATE_SUCCEEDED};
    for (size_t i = 0; i < count; i++) {
        group->links[i] =
            (struct js_graph_link){.child = &group->node, .any = true};
        js_graph_link_up(live[i], &group->links[i]);
    }
    group->number = graph->groups ? graph->groups->number + 1 : 1;
    group->older = graph->groups;
    graph->groups = group;
    return group;
}

/* Examines the names from number glob->seen up to number `to`. If some of them
 * match, a new group takes the place of the earlier one, and contains it. */
static int groups_renew(struct js_graph *graph, struct js_graph_glob *glob,
                        size_t to)
{
    struct gathering gathering = {.has_memory = true};
    graph->steps += js_name_index_each(&graph->index, glob->text, glob->seen,
                                       to, groups_gather, &gathering);
    struct js_graph_group *group = glob->group;
    bool is_new = gathering.members > 0;
    if (is_new && group)
        groups_gather(&gathering, &group->node);
    if (is_new)
        group = gathering.has_memory ? groups_new(graph, &gathering) : NULL;
    js_buf_release(&gathering.live);
    graph->steps += gathering.members;
    if (is_new && !group) {
        errno = ENOMEM;
        return -1;
    }
    if (is_new) {
        const struct js_graph_node *latest = graph->index.names[to - 1].value;
        group->made_behind = latest->id;
        group->inner = glob->group;
        group->from = glob->seen;
        group->to = to;
        glob->group = group;
    }
    glob->seen = to;
    return 0;
}

static struct js_graph_glob *groups_add_glob(struct js_graph *graph,
                                             const char *text)
{
    size_t size = strlen(text) + 1;
    struct js_graph_glob *glob = malloc(sizeof(*glob) + size);
    if (!glob)
        return NULL;
    *glob = (struct js_graph_glob){0};
    memcpy(glob->text, text, size);
    if (js_strmap_put(&graph->globs, glob->text, glob) == 0)
        return glob;
    free(glob);
    return NULL;
}

struct js_graph_node *js_graph_resolve(struct js_graph *graph,
                                       const struct js_graph_edge *edge)
{
    struct js_graph_node *node = NULL;
    graph->steps++;
    if (!edge->is_glob) {
        node = js_strmap_get(&graph->names, edge->name);
        errno = node ? errno : ENOENT;
        return node;
    }
    size_t to = graph->index.count;
    if (to > graph->visible)
        to = graph->visible;
    struct js_graph_glob *glob = js_strmap_get(&graph->globs, edge->name);
    if (!glob && !(glob = groups_add_glob(graph, edge->name)))
        return NULL;
    if (glob->seen < to && groups_renew(graph, glob, to) < 0)
        return NULL;
    if (glob->group)
        return &glob->group->node;
    errno = ENOENT;
    return NULL;
}

void js_graph_free_groups(struct js_graph *graph)
{
    const char *text;
    size_t position = 0;
    while ((text = js_strmap_next(&graph->globs, &position)))
        free(js_strmap_get(&graph->globs, text));
    js_strmap_release(&graph->globs);
    while (graph->groups) {
        struct js_graph_group *group = graph->groups;
        graph->groups = group->older;
        free(group->links);
        free(group);
    }
}

/* ---------------------------------------------------------------- members */

uint64_t js_graph_group(struct js_graph *graph, const char *glob,
                        uint64_t *ret_inner)
{
    const struct js_graph_edge edge = {.name = glob, .is_glob = true};
    struct js_graph_node *node = js_graph_resolve(graph, &edge);
    *ret_inner = 0;
    if (!node)
        return 0;
    const struct js_graph_group *group = js_graph_group_of(node);
    if (group->inner)
        *ret_inner = group->inner->number;
    return group->number;
}

struct member_visit {
    js_graph_member_fn visit;
    void *arg;
};

static void groups_visit_member(void *arg, void *value)
{
    const struct member_visit *visit = arg;
    const struct js_graph_node *member = value;
    visit->visit(visit->arg, member->id);
}

void js_graph_each_member(struct js_graph *graph, const char *glob,
                          js_graph_member_fn visit_member, void *arg)
{
    const struct js_graph_glob *known = js_strmap_get(&graph->globs, glob);
    struct member_visit visit = {visit_member, arg};
    if (known && known->group)
        js_name_index_each(&graph->index, glob, known->group->from,
                           known->group->to, groups_visit_member, &visit);
}
