#include "list/graph.h"

#include "base/text.h"
#include "list/graph_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    SUGGEST_MAX = 1000, /* how many names are searched for a similar one */
};

/* ---------------------------------------------------------------- lists */

static void push_node(struct js_graph_queue *queue, struct js_graph_node *node)
{
    node->next = NULL;
    node->is_queued = true;
    *(queue->first ? &queue->last->next : &queue->first) = node;
    queue->last = node;
}

static struct js_graph_node *pop_node(struct js_graph_queue *queue)
{
    struct js_graph_node *node = queue->first;
    if (!node)
        return NULL;
    queue->first = node->next;
    node->is_queued = false;
    return node;
}

/* Moves all runs of `from` to the end of `to`. */
static void append_runs(struct js_graph_runs *to, struct js_graph_runs *from)
{
    if (!from->first)
        return;
    *(to->first ? &to->last->next : &to->first) = from->first;
    to->last = from->last;
    *from = (struct js_graph_runs){NULL, NULL};
}

/* Takes the next id out of the runs, or returns 0. A barrier may release or
 * doom a million jobs, so this happens one by one, on request. */
static uint64_t take_id(struct js_graph_runs *runs)
{
    struct js_graph_run *run = runs->first;
    if (!run)
        return 0;
    uint64_t id = run->first++;
    if (id == run->last) {
        runs->first = run->next;
        free(run);
    }
    return id;
}

static void free_runs(struct js_graph_runs *queue)
{
    while (queue->first) {
        struct js_graph_run *run = queue->first;
        queue->first = run->next;
        free(run);
    }
}

static void free_epochs(struct js_graph_epoch *epoch)
{
    while (epoch) {
        struct js_graph_epoch *next = epoch->next;
        free_runs(&epoch->held);
        free(epoch);
        epoch = next;
    }
}

/* ------------------------------------------------------ nodes by their id */

static struct js_graph_node *graph_find_node(struct js_graph *graph,
                                             uint64_t id)
{
    graph->steps++;
    return js_idmap_get(&graph->nodes, id);
}

static void graph_free_node(struct js_graph_node *node)
{
    if (!node)
        return;
    int saved = errno;
    free(node);
    errno = saved;
}

/* Frees the node if it is no longer needed. */
static void drop_if_done(struct js_graph *graph, struct js_graph_node *node)
{
    if (node->name || node->is_held || node->is_queued || node->is_kept ||
        node->unmet || !js_graph_has_ended(node))
        return;
    js_idmap_take(&graph->nodes, node->id);
    graph_free_node(node);
}

/* ----------------------------------------------------------- new and free */

struct js_graph *js_graph_new(void)
{
    struct js_graph *graph = calloc(1, sizeof(*graph));
    if (!graph)
        return NULL;
    graph->nodes =
        (struct js_idmap)JS_IDMAP_OF(struct js_graph_node, id, next_by_id);
    graph->visible = SIZE_MAX;
    graph->open = graph->last = calloc(1, sizeof(*graph->open));
    if (!graph->open) {
        js_graph_free(graph);
        return NULL;
    }
    return graph;
}

void js_graph_free(struct js_graph *graph)
{
    if (!graph)
        return;
    int saved = errno;
    js_strmap_release(&graph->names);
    struct js_graph_node *node = js_idmap_next(&graph->nodes, NULL);
    while (node) {
        struct js_graph_node *next = js_idmap_next(&graph->nodes, node);
        graph_free_node(node);
        node = next;
    }
    js_idmap_release(&graph->nodes);
    js_name_index_release(&graph->index);
    js_graph_free_groups(graph);
    free_epochs(graph->open);
    free_epochs(graph->graves);
    free_runs(&graph->released);
    free_runs(&graph->doomed);
    free(graph->depths.counts);
    free(graph);
    errno = saved;
}

/* ------------------------------------------------------------- what is bad */

/* No job before this one has that name, or none above a name that matches. */
static int refuse_edge(const struct js_graph *graph, const char *name,
                       const struct js_graph_edge *edge, struct js_err *err)
{
    const char *attribute = edge->any ? "after-any" : "after";
    const char *known[SUGGEST_MAX + 1], *meant = NULL;
    errno = ENOENT;
    if (edge->is_glob)
        return js_err_set(err,
                          "%s=%.100s: no job above has a name that matches",
                          attribute, edge->name);
    if (name && strcmp(name, edge->name) == 0)
        return js_err_set(err, "%s=%.100s: a job cannot wait for itself",
                          attribute, edge->name);
    /* The search compares all names, and a list may have an error on every
     * line. */
    if (graph->names.count <= SUGGEST_MAX) {
        size_t position = 0, count = 0;
        while ((known[count] = js_strmap_next(&graph->names, &position)))
            count++;
        meant = js_text_closest(edge->name, known);
    }
    if (meant)
        return js_err_set(err,
                          "%s=%.100s: no job before this one has that name "
                          "(did you mean \"%.100s\"?)",
                          attribute, edge->name, meant);
    return js_err_set(err, "%s=%.100s: no job before this one has that name",
                      attribute, edge->name);
}

/* --------------------------------------------------- below a `wait ok` line */

/* A job of this epoch has failed, or could not run because of job `culprit`. If
 * a `wait ok` line ends the epoch, nothing below that line will run. */
static void graph_fail_epoch(struct js_graph *graph,
                             struct js_graph_epoch *epoch, uint64_t culprit)
{
    struct js_graph_epoch *below = epoch->next;
    if (epoch->culprit)
        return;
    epoch->culprit = culprit;
    if (!below || !below->is_strict)
        return;
    epoch->next = NULL;
    graph->last = epoch;
    graph->last_culprit = culprit;
    if (!graph->culprit)
        graph->culprit = culprit;
    while (below) {
        struct js_graph_epoch *next = below->next;
        for (struct js_graph_run *run = below->held.first; run; run = run->next)
            run->culprit = culprit;
        append_runs(&graph->doomed, &below->held);
        below->pending = 0;
        below->is_doomed = true;
        below->next = graph->graves;
        graph->graves = below;
        graph->steps++;
        below = next;
    }
}

/* Called before a job is added. The first job behind a barrier begins an epoch,
 * unless all jobs before it have ended: then the barrier delays nothing. */
static int graph_pass_barrier(struct js_graph *graph)
{
    struct js_graph_epoch *last = graph->last;
    if (!graph->at_barrier)
        return 0;
    if (graph->at_strict_barrier && last->culprit && !graph->culprit)
        graph->culprit = graph->last_culprit = last->culprit;
    if (last->pending > 0 && !graph->culprit) {
        struct js_graph_epoch *epoch = calloc(1, sizeof(*epoch));
        if (!epoch)
            return -1;
        epoch->is_strict = graph->at_strict_barrier;
        graph->last = last->next = epoch;
    } else if (!graph->culprit) {
        last->culprit = 0;
    }
    graph->at_barrier = false;
    return 0;
}

/* ------------------------------------------------------------- adding a job */

/* A job that is being added. */
struct draft {
    uint64_t id;
    const char *name;
    const struct js_graph_edge *edges;
    size_t count;
    bool has_ended; /* in an earlier run; the next two fields are set */
    bool is_success;
    uint64_t record;
    size_t unmet;
    uint64_t depth;
    uint64_t culprit; /* it is skipped at once because of this job; 0: it is
                         not */
    bool is_held;     /* behind a barrier */
    struct js_graph_node *node; /* NULL: it needs none */
    struct js_graph_run *run;   /* a new run, if the job needs one */
};

/* The job will come after this job or group. */
static void draft_follow(struct draft *draft,
                         const struct js_graph_node *parent, bool any)
{
    if (draft->depth <= parent->depth)
        draft->depth = parent->depth + 1;
    draft->unmet += !js_graph_has_ended(parent);
    if (!any && !draft->culprit)
        draft->culprit = js_graph_culprit_of(parent);
}

/* Looks up all names. Fills in the fields that depend on them, or reports a bad
 * name. */
static int check(struct js_graph *graph, struct draft *draft, size_t *ret_bad,
                 struct js_err *err)
{
    uint64_t taken = draft->name ? js_graph_find(graph, draft->name) : 0;
    if (taken) {
        errno = EEXIST;
        return js_err_set(err, "name=%.100s: job %ju already has that name",
                          draft->name, (uintmax_t)taken);
    }
    draft->depth = graph->depths.floor + 1;
    for (size_t i = 0; i < draft->count; i++) {
        const struct js_graph_edge *edge = &draft->edges[i];
        const struct js_graph_node *parent = js_graph_resolve(graph, edge);
        if (!parent && errno == ENOMEM)
            return js_err_errno(err, "job %ju", (uintmax_t)draft->id);
        if (!parent) {
            *ret_bad = i;
            return refuse_edge(graph, draft->name, edge, err);
        }
        draft_follow(draft, parent, edge->any);
    }
    if (!draft->culprit && !draft->has_ended)
        draft->culprit = graph->culprit;
    /* The job will be skipped at once, so it need not wait for the others. */
    if (draft->culprit)
        draft->unmet = 0;
    return 0;
}

static int reserve_depth(struct js_graph_depths *depths, uint64_t depth)
{
    size_t index = depth - depths->floor - 1;
    if (index < depths->capacity)
        return 0;
    size_t capacity = depths->capacity ? depths->capacity * 2 : 16;
    uint64_t *counts = realloc(depths->counts, capacity * sizeof(*counts));
    if (!counts)
        return -1;
    memset(counts + depths->capacity, 0,
           (capacity - depths->capacity) * sizeof(*counts));
    depths->counts = counts;
    depths->capacity = capacity;
    return 0;
}

/* The edges are behind the node, and the name is behind the edges. */
static struct js_graph_link *links_of(struct js_graph_node *node)
{
    return (struct js_graph_link *)(node + 1);
}

static int make_node(struct js_graph *graph, struct draft *draft)
{
    if (js_idmap_reserve(&graph->nodes) < 0 ||
        (draft->name && (js_strmap_reserve(&graph->names) < 0 ||
                         js_name_index_reserve(&graph->index) < 0)))
        return -1;
    size_t size = draft->name ? strlen(draft->name) + 1 : 0;
    /* The number of edges is limited by the length of the line. */
    size_t before =
        sizeof(*draft->node) + draft->unmet * sizeof(struct js_graph_link);
    draft->node = calloc(1, before + size);
    if (!draft->node)
        return -1;
    if (draft->name)
        draft->node->name =
            memcpy((char *)draft->node + before, draft->name, size);
    return 0;
}

/* Does everything that can fail, and changes nothing in the graph except for
 * its free room. */
static int graph_prepare(struct js_graph *graph, struct draft *draft)
{
    const struct js_graph_runs *held = &graph->last->held;
    /* Someone may ask for the number on record of the job that is to blame. */
    bool is_blamed =
        draft->has_ended && !draft->is_success && !graph->last->culprit;
    if (reserve_depth(&graph->depths, draft->depth) < 0 ||
        ((draft->name || draft->unmet || draft->culprit || is_blamed) &&
         make_node(graph, draft) < 0))
        return -1;
    if (draft->node)
        draft->node->is_kept = is_blamed;
    draft->is_held =
        graph->last != graph->open && !draft->has_ended && !graph->culprit;
    if (!draft->is_held || (held->first && held->last->last + 1 == draft->id))
        return 0;
    draft->run = calloc(1, sizeof(*draft->run));
    if (!draft->run)
        return -1;
    draft->run->first = draft->run->last = draft->id;
    return 0;
}

static void link_node(struct js_graph *graph, const struct draft *draft)
{
    struct js_graph_node *node = draft->node;
    node->id = draft->id;
    node->depth = draft->depth;
    node->epoch = graph->last;
    node->is_held = draft->is_held;
    /* Only jobs that have not ended get an edge; check() has counted them. */
    for (size_t i = 0; i < draft->count && node->unmet < draft->unmet; i++) {
        struct js_graph_node *parent =
            js_graph_resolve(graph, &draft->edges[i]);
        if (js_graph_has_ended(parent))
            continue;
        struct js_graph_link *link = &links_of(node)[node->unmet++];
        graph->unmet++;
        *link =
            (struct js_graph_link){.child = node, .any = draft->edges[i].any};
        js_graph_link_up(parent, link);
    }
    js_idmap_put(&graph->nodes, node); /* there is room */
    if (node->name) {
        js_strmap_put(&graph->names, node->name, node);
        js_name_index_put(&graph->index, node->name, node);
    }
}

/* A job without a name cannot be a reason, so the reason for its own end
 * becomes that of jobs below a `wait ok` line. */
static void skip(struct js_graph *graph, struct js_graph_node *node,
                 uint64_t parent)
{
    node->state = JS_GRAPH_STATE_SKIPPED;
    node->parent = parent;
    if (!node->epoch->is_doomed) {
        node->epoch->pending--;
        graph_fail_epoch(graph, node->epoch, node->name ? node->id : parent);
    }
    push_node(&graph->skipped, node);
    if (!graph->unsettled)
        graph->unsettled = node;
}

static void graph_commit_ended(struct js_graph *graph,
                               const struct draft *draft)
{
    if (draft->node) {
        draft->node->parent = draft->record;
        draft->node->state = draft->is_success ? JS_GRAPH_STATE_SUCCEEDED
                                               : JS_GRAPH_STATE_FAILED;
    }
    if (!draft->is_success)
        graph_fail_epoch(graph, graph->last, draft->id);
}

/* Returns the same as js_graph_add(). */
static int graph_commit(struct js_graph *graph, const struct draft *draft)
{
    struct js_graph_depths *depths = &graph->depths;
    uint64_t alike = ++depths->counts[draft->depth - depths->floor - 1];
    if (alike > depths->width)
        depths->width = alike;
    if (draft->depth > depths->deepest)
        depths->deepest = draft->depth;
    graph->jobs++;
    graph->steps++;
    if (draft->node)
        link_node(graph, draft);
    if (draft->has_ended) {
        graph_commit_ended(graph, draft);
        return 1;
    }
    graph->last->pending++;
    if (draft->run)
        append_runs(&graph->last->held,
                    &(struct js_graph_runs){draft->run, draft->run});
    else if (draft->is_held)
        graph->last->held.last->last = draft->id;
    if (draft->culprit) {
        skip(graph, draft->node, draft->culprit);
        graph->unsettled = NULL; /* it has no children yet */
        return 0;
    }
    if (draft->unmet || draft->is_held)
        return 0;
    if (draft->node)
        draft->node->state = JS_GRAPH_STATE_READY;
    return 1;
}

static int graph_add(struct js_graph *graph, struct draft *draft,
                     size_t *ret_bad, struct js_err *err)
{
    *ret_bad = SIZE_MAX;
    int rc = graph_pass_barrier(graph);
    if (rc == 0 && check(graph, draft, ret_bad, err) < 0)
        return -1;
    if (rc == 0 && graph_prepare(graph, draft) == 0) {
        rc = graph_commit(graph, draft);
        js_graph_check(graph);
        return rc;
    }
    graph_free_node(draft->node);
    errno = ENOMEM;
    return js_err_errno(err, "job %ju", (uintmax_t)draft->id);
}

int js_graph_add(struct js_graph *graph, uint64_t id, const char *name,
                 const struct js_graph_edge *edges, size_t count,
                 size_t *ret_bad, struct js_err *err)
{
    struct draft draft = {
        .id = id, .name = name, .edges = edges, .count = count};
    return graph_add(graph, &draft, ret_bad, err);
}

int js_graph_add_ended(struct js_graph *graph, uint64_t id, const char *name,
                       bool success, uint64_t record, struct js_err *err)
{
    size_t bad;
    struct draft draft = {.id = id,
                          .name = name,
                          .has_ended = true,
                          .is_success = success,
                          .record = record};
    return graph_add(graph, &draft, &bad, err) < 0 ? -1 : 0;
}

void js_graph_line(struct js_graph *graph)
{
    graph->visible = graph->index.count;
}

static void graph_add_barrier(struct js_graph *graph, bool is_strict)
{
    struct js_graph_depths *depths = &graph->depths;
    /* Between two of these lines no job has failed. */
    if (!graph->at_barrier)
        graph->at_strict_barrier = is_strict;
    graph->at_barrier = true;
    graph->mark_of_before = graph->highest_mark;
    size_t used = depths->deepest - depths->floor;
    if (used)
        memset(depths->counts, 0, used * sizeof(*depths->counts));
    depths->floor = depths->deepest;
}

void js_graph_barrier(struct js_graph *graph)
{
    graph_add_barrier(graph, false);
}

void js_graph_strict_barrier(struct js_graph *graph)
{
    graph_add_barrier(graph, true);
}

/* ---------------------------------------------------------------- marks */

void js_graph_mark(struct js_graph *graph, uint64_t id, int mark)
{
    struct js_graph_node *node = graph_find_node(graph, id);
    if (node)
        node->mark = mark;
    if (mark > graph->highest_mark)
        graph->highest_mark = mark;
}

int js_graph_mark_before(struct js_graph *graph,
                         const struct js_graph_edge *edges, size_t count)
{
    int highest = graph->mark_of_before;
    for (size_t i = 0; i < count; i++) {
        const struct js_graph_node *node = js_graph_resolve(graph, &edges[i]);
        if (!node)
            return -1;
        if (node->mark > highest)
            highest = node->mark;
    }
    return highest;
}

/* ------------------------------------------------------------ a job's end */

/* One of the members that a group waits for has ended, or is a group that has
 * failed. */
static void graph_settle_group(struct js_graph *graph,
                               struct js_graph_node *group,
                               const struct js_graph_node *member)
{
    uint64_t culprit = js_graph_culprit_of(member);
    bool has_failed = culprit && !group->parent;
    if (has_failed)
        group->parent = culprit;
    if (js_graph_has_ended(member) && --group->unmet == 0)
        group->state =
            group->parent ? JS_GRAPH_STATE_FAILED : JS_GRAPH_STATE_SUCCEEDED;
    if ((has_failed || js_graph_has_ended(group)) && !group->is_queued)
        push_node(&graph->groups_due, group);
}

/* One of the jobs or groups that a job waits for has ended, or will not let it
 * run because of job `culprit`. */
static void graph_settle_job(struct js_graph *graph,
                             struct js_graph_node *child, uint64_t culprit)
{
    child->unmet--;
    graph->unmet--;
    if (child->state == JS_GRAPH_STATE_WAITING && culprit)
        skip(graph, child, culprit);
    if (child->unmet)
        return;
    if (child->state == JS_GRAPH_STATE_WAITING && !child->is_held) {
        child->state = JS_GRAPH_STATE_READY;
        push_node(&graph->ready, child);
    }
    drop_if_done(graph, child);
}

/* Passes the end of a job or a group on to its children, or that a group has
 * failed: then those of its children that need only its end still wait. */
static void graph_settle(struct js_graph *graph, struct js_graph_node *parent)
{
    bool has_ended = js_graph_has_ended(parent);
    uint64_t culprit = js_graph_culprit_of(parent);
    struct js_graph_link *link = parent->children.first, *next;
    parent->children = (struct js_graph_links){NULL, NULL};
    for (; link; link = next) {
        struct js_graph_node *child = link->child;
        next = link->next; /* this one may be freed with its child */
        graph->steps++;
        if (child->is_group) {
            graph_settle_group(graph, child, parent);
            if (!has_ended && link->any)
                js_graph_link_up(parent, link);
        } else if (!link->any) {
            graph_settle_job(graph, child, culprit);
        } else if (has_ended) {
            graph_settle_job(graph, child, 0);
        } else {
            js_graph_link_up(parent, link);
        }
    }
    if (parent->is_group && has_ended) {
        free(js_graph_group_of(parent)->links);
        js_graph_group_of(parent)->links = NULL;
    }
}

/* The same for all that ends or fails because of it. The queues of groups and
 * of skipped jobs take the place of recursion. */
static void graph_settle_all(struct js_graph *graph, struct js_graph_node *node)
{
    graph_settle(graph, node);
    while (graph->groups_due.first || graph->unsettled) {
        if (graph->groups_due.first) {
            graph_settle(graph, pop_node(&graph->groups_due));
            continue;
        }
        graph_settle(graph, graph->unsettled);
        graph->unsettled = graph->unsettled->next;
    }
}

void js_graph_ended(struct js_graph *graph, uint64_t id, bool success)
{
    struct js_graph_node *node = graph_find_node(graph, id);
    graph->steps++;
    /* Only jobs of the open epoch can have been READY. */
    graph->open->pending--;
    if (!success)
        graph_fail_epoch(graph, graph->open, id);
    if (node) {
        node->state =
            success ? JS_GRAPH_STATE_SUCCEEDED : JS_GRAPH_STATE_FAILED;
        graph_settle_all(graph, node);
        drop_if_done(graph, node);
    }
    while (graph->open->pending == 0 && graph->open->next) {
        struct js_graph_epoch *epoch = graph->open;
        graph->open = epoch->next;
        append_runs(&graph->released, &graph->open->held);
        free(epoch);
        graph->steps++;
    }
    js_graph_check(graph);
}

/* --------------------------------------------------------- what to report */

bool js_graph_is_waiting(const struct js_graph *graph)
{
    return graph->unmet > 0 || graph->open->next;
}

uint64_t js_graph_next_ready(struct js_graph *graph)
{
    uint64_t id;
    while ((id = take_id(&graph->released))) {
        struct js_graph_node *node = graph_find_node(graph, id);
        graph->steps++;
        if (!node)
            return id; /* it waited only for the barrier */
        node->is_held = false;
        if (node->state == JS_GRAPH_STATE_WAITING && node->unmet == 0) {
            node->state = JS_GRAPH_STATE_READY;
            return id;
        }
        drop_if_done(graph, node);
    }
    struct js_graph_node *node = pop_node(&graph->ready);
    return node ? node->id : 0;
}

/* Returns the next job below a `wait ok` line that nothing else has skipped. */
static uint64_t graph_next_doomed(struct js_graph *graph, uint64_t *ret_parent)
{
    while (graph->doomed.first) {
        *ret_parent = graph->doomed.first->culprit;
        uint64_t id = take_id(&graph->doomed);
        struct js_graph_node *node = graph_find_node(graph, id);
        graph->steps++;
        if (!node)
            return id;
        bool is_waiting = node->state == JS_GRAPH_STATE_WAITING;
        node->is_held = false;
        if (is_waiting) {
            node->state = JS_GRAPH_STATE_SKIPPED;
            graph_settle_all(graph, node);
        }
        drop_if_done(graph, node);
        js_graph_check(graph);
        if (is_waiting)
            return id;
    }
    return 0;
}

uint64_t js_graph_next_skipped(struct js_graph *graph, uint64_t *ret_parent)
{
    struct js_graph_node *node = pop_node(&graph->skipped);
    if (!node)
        return graph_next_doomed(graph, ret_parent);
    uint64_t id = node->id;
    *ret_parent = node->parent;
    drop_if_done(graph, node);
    return id;
}

bool js_graph_has_news(const struct js_graph *graph)
{
    return graph->released.first || graph->ready.first ||
           graph->skipped.first || graph->doomed.first;
}

uint64_t js_graph_steps(const struct js_graph *graph)
{
    return graph->steps;
}
