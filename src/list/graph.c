#include "list/graph.h"

#include "base/table.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    SUGGEST_MAX = 1000, /* how many names are searched for a similar one */
};

enum state { WAITING, READY, SUCCEEDED, FAILED, SKIPPED };

/* An edge to a job that has not ended. It is in the parent's list, but its
 * memory belongs to the child: a separate allocation for each edge would take
 * longer than everything else about an edge. */
struct edge {
    struct edge *next;
    struct node *child;
    bool any;
};

struct edge_list {
    struct edge *first, *last;
};

struct node {
    struct node *next;       /* in the queue of ready or skipped jobs */
    struct node *next_by_id; /* in the table of ids */
    struct epoch *epoch;     /* valid until the job has ended */
    struct edge_list children;
    uint64_t id;
    uint64_t depth;
    uint64_t parent; /* for a skipped job: the reason */
    size_t unmet;    /* edges whose parents have not ended */
    enum state state;
    int mark;
    bool is_held;     /* it is in a run of an epoch, or in a released run */
    bool is_queued;   /* it has not been reported yet */
    const char *name; /* behind the edges; NULL: none */
    struct edge edges[];
};

struct node_queue {
    struct node *first, *last;
};

/* Consecutive ids, with and without nodes. */
struct run {
    struct run *next;
    uint64_t first, last;
};

struct run_queue {
    struct run *first, *last;
};

/* The jobs between two barriers. */
struct epoch {
    struct epoch *next;
    uint64_t pending;      /* jobs that have not ended */
    struct run_queue held; /* all jobs of an epoch added before it opened */
};

/* The number of jobs of each depth, for depths where it may still grow. */
struct depths {
    uint64_t floor;   /* no job to come has this depth or a smaller one */
    uint64_t deepest; /* of all jobs so far */
    uint64_t width;
    uint64_t *counts; /* for depths floor + 1, floor + 2, ... */
    size_t capacity;
};

/*
 * Invariants:
 * - `names` has the jobs with a name; `nodes` has all nodes, by id.
 * - `open` is the first epoch in which a job has not ended, or the last one.
 *   Jobs of later epochs are WAITING or SKIPPED, and `held` of their epoch.
 * - unmet counts a job's edges to parents that have not ended, or were skipped
 *   but have not yet passed that on. A job of the open epoch without such edges
 *   is READY, or has ended or been skipped.
 * - A job is in `ready` or in `skipped` at most once, and then is_queued; those
 *   of `skipped` in front of `unsettled` have passed that on.
 */
struct js_graph {
    struct js_strmap names; /* each points to the node, which owns the name */
    struct js_idmap nodes;
    struct epoch *open; /* the first epoch with unfinished jobs; never NULL */
    struct epoch *last;
    bool at_barrier; /* the next job begins an epoch */
    struct run_queue released;
    struct node_queue ready;
    struct node_queue skipped;
    struct node *unsettled; /* in skipped: the first job that has not passed it
                               on to its children */
    uint64_t jobs;
    uint64_t unmet; /* of all jobs */
    struct depths depths;
    int highest_mark;   /* of all jobs so far */
    int mark_of_before; /* of those before the last barrier */
    uint64_t steps;
#ifdef JS_DEBUG
    uint64_t checked_steps; /* what `steps` was at the last recount */
    uint64_t check_cost;    /* how many nodes and edges the last recount
                               examined */
#endif
};

/* ---------------------------------------------------------------- lists */

static void push_node(struct node_queue *queue, struct node *node)
{
    node->next = NULL;
    node->is_queued = true;
    *(queue->first ? &queue->last->next : &queue->first) = node;
    queue->last = node;
}

static struct node *pop_node(struct node_queue *queue)
{
    struct node *node = queue->first;
    if (!node)
        return NULL;
    queue->first = node->next;
    node->is_queued = false;
    return node;
}

/* Moves all runs of `from` to the end of `to`. */
static void append_runs(struct run_queue *to, struct run_queue *from)
{
    if (!from->first)
        return;
    *(to->first ? &to->last->next : &to->first) = from->first;
    to->last = from->last;
    *from = (struct run_queue){NULL, NULL};
}

static void free_runs(struct run_queue *queue)
{
    while (queue->first) {
        struct run *run = queue->first;
        queue->first = run->next;
        free(run);
    }
}

/* ------------------------------------------------------ nodes by their id */

static struct node *graph_find_node(struct js_graph *graph, uint64_t id)
{
    graph->steps++;
    return js_idmap_get(&graph->nodes, id);
}

static void graph_free_node(struct node *node)
{
    if (!node)
        return;
    int saved = errno;
    free(node);
    errno = saved;
}

/* Frees the node if it is no longer needed. */
static void drop_if_done(struct js_graph *graph, struct node *node)
{
    if (node->name || node->is_held || node->is_queued || node->unmet ||
        node->state == WAITING || node->state == READY)
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
    graph->nodes = (struct js_idmap)JS_IDMAP_OF(struct node, id, next_by_id);
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
    struct node *node = js_idmap_next(&graph->nodes, NULL);
    while (node) {
        struct node *next = js_idmap_next(&graph->nodes, node);
        graph_free_node(node);
        node = next;
    }
    js_idmap_release(&graph->nodes);
    while (graph->open) {
        struct epoch *epoch = graph->open;
        graph->open = epoch->next;
        free_runs(&epoch->held);
        free(epoch);
    }
    free_runs(&graph->released);
    free(graph->depths.counts);
    free(graph);
    errno = saved;
}

/* -------------------------------------------------------------- invariants */

/* Counts the edges of nodes, from both ends of each edge. */
struct recount {
    size_t nodes, named, queued, live, unmet, edges;
};

static void graph_assert_node_invariants(const struct js_graph *graph,
                                         const struct node *node,
                                         struct recount *sums)
{
    bool is_done = node->state > READY;
    JS_INVARIANT(node->depth > 0 && node->depth <= graph->depths.deepest);
    JS_INVARIANT(node->state != READY || (!node->unmet && !node->is_held));
    JS_INVARIANT(node->state != WAITING || node->unmet || node->is_held);
    JS_INVARIANT(!is_done || !node->children.first);
    JS_INVARIANT(!is_done || node->name || node->is_held || node->is_queued ||
                 node->unmet);
    JS_INVARIANT(!node->name ||
                 js_strmap_get(&graph->names, node->name) == node);
    for (const struct edge *e = node->children.first; e; e = e->next) {
        JS_INVARIANT(e->child->unmet > 0);
        JS_INVARIANT(e->next || node->children.last == e);
        sums->edges++;
    }
    sums->nodes++;
    sums->named += node->name != NULL;
    sums->queued += node->is_queued;
    sums->live += !is_done;
    sums->unmet += node->unmet;
}

uint64_t js_graph_assert_invariants(const struct js_graph *graph)
{
    struct recount sums = {0};
    for (const struct node *node = js_idmap_next(&graph->nodes, NULL); node;
         node = js_idmap_next(&graph->nodes, node))
        graph_assert_node_invariants(graph, node, &sums);
    size_t queued = 0;
    for (const struct node *node = graph->ready.first; node; node = node->next)
        queued += node->is_queued && node->state == READY;
    for (const struct node *node = graph->skipped.first; node;
         node = node->next)
        queued += node->is_queued && node->state == SKIPPED;
    JS_INVARIANT(sums.nodes == graph->nodes.count);
    JS_INVARIANT(sums.named == graph->names.count);
    JS_INVARIANT(sums.unmet == sums.edges && sums.unmet == graph->unmet);
    JS_INVARIANT(sums.queued == queued);
    JS_INVARIANT(!graph->unsettled);
    JS_INVARIANT(!graph->open->held.first);
    JS_INVARIANT(graph->open->pending > 0 || !graph->open->next);
    uint64_t pending = 0;
    for (const struct epoch *epoch = graph->open; epoch; epoch = epoch->next) {
        uint64_t held = 0;
        for (const struct run *run = epoch->held.first; run; run = run->next)
            held += run->last - run->first + 1;
        /* Jobs behind a barrier can be skipped, but cannot end in any other
         * way. */
        JS_INVARIANT(epoch == graph->open || epoch->pending <= held);
        JS_INVARIANT(epoch->next || epoch == graph->last);
        pending += epoch->pending;
    }
    JS_INVARIANT(sums.live <= pending && pending <= graph->jobs);
    return sums.nodes + sums.edges + graph->nodes.chain_count;
}

/* In a debug build, recounts from time to time, so that all recounts together
 * take no longer than the graph's own work. */
static void graph_check(struct js_graph *graph)
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

/* ------------------------------------------------------------- what is bad */

/* No job before this one has that name. */
static int refuse_edge(const struct js_graph *graph, const char *name,
                       const struct js_graph_edge *edge, struct js_err *err)
{
    const char *attribute = edge->any ? "after-any" : "after";
    const char *known[SUGGEST_MAX + 1], *meant = NULL;
    errno = ENOENT;
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

/* ------------------------------------------------------------- adding a job */

/* A job that is being added. */
struct draft {
    uint64_t id;
    const char *name;
    const struct js_graph_edge *edges;
    size_t count;
    size_t unmet;
    uint64_t depth;
    uint64_t failed_parent; /* 0: none */
    struct node *node;      /* NULL: it needs none */
    struct run *run;        /* a new run, if the job needs one */
};

static bool has_ended(const struct node *node)
{
    return node->state > READY;
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
        const struct node *parent = js_strmap_get(&graph->names, edge->name);
        graph->steps++;
        if (!parent) {
            *ret_bad = i;
            return refuse_edge(graph, draft->name, edge, err);
        }
        if (draft->depth <= parent->depth)
            draft->depth = parent->depth + 1;
        if (!has_ended(parent))
            draft->unmet++;
        else if (!edge->any && parent->state != SUCCEEDED &&
                 !draft->failed_parent)
            draft->failed_parent = parent->id;
    }
    /* The job will be skipped at once, so it need not wait for the others. */
    if (draft->failed_parent)
        draft->unmet = 0;
    return 0;
}

static int reserve_depth(struct depths *depths, uint64_t depth)
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

static int make_node(struct js_graph *graph, struct draft *draft)
{
    if (js_idmap_reserve(&graph->nodes) < 0 ||
        (draft->name && js_strmap_reserve(&graph->names) < 0))
        return -1;
    size_t size = draft->name ? strlen(draft->name) + 1 : 0;
    /* The number of edges is limited by the length of the line. */
    size_t before = sizeof(*draft->node) + draft->unmet * sizeof(struct edge);
    draft->node = calloc(1, before + size);
    if (!draft->node)
        return -1;
    if (draft->name)
        draft->node->name =
            memcpy((char *)draft->node + before, draft->name, size);
    return 0;
}

static bool is_behind_barrier(const struct js_graph *graph)
{
    return graph->last != graph->open;
}

/* Does everything that can fail, and changes nothing in the graph except for
 * its free room. */
static int graph_prepare(struct js_graph *graph, struct draft *draft)
{
    bool needs_node = draft->name || draft->unmet || draft->failed_parent;
    if (reserve_depth(&graph->depths, draft->depth) < 0 ||
        (needs_node && make_node(graph, draft) < 0))
        return -1;
    /* The first job behind a barrier begins an epoch, unless all jobs before it
     * have ended: then the barrier changes nothing. */
    if (graph->at_barrier && graph->last->pending > 0) {
        struct epoch *epoch = calloc(1, sizeof(*epoch));
        if (!epoch)
            return -1;
        graph->last = graph->last->next = epoch;
    }
    graph->at_barrier = false;
    const struct run_queue *held = &graph->last->held;
    if (!is_behind_barrier(graph) ||
        (held->first && held->last->last + 1 == draft->id))
        return 0;
    draft->run = calloc(1, sizeof(*draft->run));
    if (!draft->run)
        return -1;
    draft->run->first = draft->run->last = draft->id;
    return 0;
}

static void link_node(struct js_graph *graph, const struct draft *draft)
{
    struct node *node = draft->node;
    node->id = draft->id;
    node->depth = draft->depth;
    node->epoch = graph->last;
    node->is_held = is_behind_barrier(graph);
    /* Only jobs that have not ended get an edge; check() has counted them. */
    for (size_t i = 0; i < draft->count && node->unmet < draft->unmet; i++) {
        struct node *parent =
            js_strmap_get(&graph->names, draft->edges[i].name);
        struct edge_list *children = &parent->children;
        graph->steps++;
        if (has_ended(parent))
            continue;
        struct edge *edge = &node->edges[node->unmet++];
        graph->unmet++;
        *edge = (struct edge){.child = node, .any = draft->edges[i].any};
        *(children->first ? &children->last->next : &children->first) = edge;
        children->last = edge;
    }
    js_idmap_put(&graph->nodes, node); /* there is room */
    if (node->name)
        js_strmap_put(&graph->names, node->name, node);
}

static void skip(struct js_graph *graph, struct node *node, uint64_t parent)
{
    node->state = SKIPPED;
    node->parent = parent;
    node->epoch->pending--;
    push_node(&graph->skipped, node);
    if (!graph->unsettled)
        graph->unsettled = node;
}

/* Returns the same as js_graph_add(). */
static int graph_commit(struct js_graph *graph, const struct draft *draft)
{
    struct depths *depths = &graph->depths;
    uint64_t alike = ++depths->counts[draft->depth - depths->floor - 1];
    if (alike > depths->width)
        depths->width = alike;
    if (draft->depth > depths->deepest)
        depths->deepest = draft->depth;
    graph->jobs++;
    graph->steps++;
    graph->last->pending++;
    if (draft->run)
        append_runs(&graph->last->held,
                    &(struct run_queue){draft->run, draft->run});
    else if (is_behind_barrier(graph))
        graph->last->held.last->last = draft->id;
    if (draft->node)
        link_node(graph, draft);
    if (draft->failed_parent) {
        skip(graph, draft->node, draft->failed_parent);
        graph->unsettled = NULL; /* it has no children yet */
        return 0;
    }
    if (draft->unmet || is_behind_barrier(graph))
        return 0;
    if (draft->node)
        draft->node->state = READY;
    return 1;
}

int js_graph_add(struct js_graph *graph, uint64_t id, const char *name,
                 const struct js_graph_edge *edges, size_t count,
                 size_t *ret_bad, struct js_err *err)
{
    struct draft draft = {
        .id = id, .name = name, .edges = edges, .count = count};
    *ret_bad = SIZE_MAX;
    if (check(graph, &draft, ret_bad, err) < 0)
        return -1;
    if (graph_prepare(graph, &draft) == 0) {
        int rc = graph_commit(graph, &draft);
        graph_check(graph);
        return rc;
    }
    graph_free_node(draft.node);
    errno = ENOMEM;
    return js_err_errno(err, "job %ju", (uintmax_t)id);
}

void js_graph_barrier(struct js_graph *graph)
{
    struct depths *depths = &graph->depths;
    graph->at_barrier = true;
    graph->mark_of_before = graph->highest_mark;
    size_t used = depths->deepest - depths->floor;
    if (used)
        memset(depths->counts, 0, used * sizeof(*depths->counts));
    depths->floor = depths->deepest;
}

/* ---------------------------------------------------------------- marks */

void js_graph_mark(struct js_graph *graph, uint64_t id, int mark)
{
    struct node *node = graph_find_node(graph, id);
    if (node)
        node->mark = mark;
    if (mark > graph->highest_mark)
        graph->highest_mark = mark;
}

int js_graph_mark_before(const struct js_graph *graph,
                         const struct js_graph_edge *edges, size_t count)
{
    int highest = graph->mark_of_before;
    for (size_t i = 0; i < count; i++) {
        const struct node *node = js_strmap_get(&graph->names, edges[i].name);
        if (!node) {
            errno = ENOENT;
            return -1;
        }
        if (node->mark > highest)
            highest = node->mark;
    }
    return highest;
}

/* ------------------------------------------------------------ a job's end */

/* Passes the end of a job on to its children. */
static void graph_settle(struct js_graph *graph, struct node *parent)
{
    struct edge *edge = parent->children.first;
    parent->children = (struct edge_list){NULL, NULL};
    while (edge) {
        struct node *child = edge->child;
        bool is_met = edge->any || parent->state == SUCCEEDED;
        edge = edge->next; /* this one may be freed with its child */
        graph->steps++;
        child->unmet--;
        graph->unmet--;
        if (child->state == WAITING && !is_met)
            skip(graph, child, parent->id);
        if (child->unmet)
            continue;
        if (child->state == WAITING && !child->is_held) {
            child->state = READY;
            push_node(&graph->ready, child);
        }
        drop_if_done(graph, child);
    }
}

void js_graph_ended(struct js_graph *graph, uint64_t id, bool success)
{
    struct node *node = graph_find_node(graph, id);
    graph->steps++;
    /* Only jobs of the open epoch can have been READY. */
    graph->open->pending--;
    if (node) {
        node->state = success ? SUCCEEDED : FAILED;
        graph_settle(graph, node);
        /* Skipped jobs may skip others. The list of jobs still to be settled
         * takes the place of recursion. */
        for (; graph->unsettled; graph->unsettled = graph->unsettled->next)
            graph_settle(graph, graph->unsettled);
        drop_if_done(graph, node);
    }
    while (graph->open->pending == 0 && graph->open->next) {
        struct epoch *epoch = graph->open;
        graph->open = epoch->next;
        append_runs(&graph->released, &graph->open->held);
        free(epoch);
        graph->steps++;
    }
    graph_check(graph);
}

/* --------------------------------------------------------- what to report */

bool js_graph_is_waiting(const struct js_graph *graph)
{
    return graph->unmet > 0 || graph->open->next;
}

uint64_t js_graph_next_ready(struct js_graph *graph)
{
    struct run *run;
    /* A run that a barrier has released may have a million jobs, so its jobs
     * are released one at a time, on request. */
    while ((run = graph->released.first)) {
        uint64_t id = run->first;
        graph->steps++;
        if (run->first++ == run->last) {
            graph->released.first = run->next;
            free(run);
        }
        struct node *node = graph_find_node(graph, id);
        if (!node)
            return id; /* it waited only for the barrier */
        node->is_held = false;
        if (node->state == WAITING && node->unmet == 0) {
            node->state = READY;
            return id;
        }
        drop_if_done(graph, node);
    }
    struct node *node = pop_node(&graph->ready);
    return node ? node->id : 0;
}

uint64_t js_graph_next_skipped(struct js_graph *graph, uint64_t *ret_parent)
{
    struct node *node = pop_node(&graph->skipped);
    if (!node)
        return 0;
    uint64_t id = node->id;
    *ret_parent = node->parent;
    drop_if_done(graph, node);
    return id;
}

bool js_graph_has_news(const struct js_graph *graph)
{
    return graph->released.first || graph->ready.first || graph->skipped.first;
}

/* ------------------------------------------------------------ questions */

enum js_graph_wait js_graph_wait(const struct js_graph *graph, uint64_t id)
{
    const struct node *node = js_idmap_get(&graph->nodes, id);
    if (node && node->state == SKIPPED)
        return JS_GRAPH_SKIPPED;
    return node && node->unmet ? JS_GRAPH_FOR_JOBS : JS_GRAPH_FOR_BARRIER;
}

void js_graph_each_awaited(const struct js_graph *graph, uint64_t id,
                           js_graph_awaited_fn visit, void *arg)
{
    for (const struct node *parent = js_idmap_next(&graph->nodes, NULL); parent;
         parent = js_idmap_next(&graph->nodes, parent)) {
        for (const struct edge *e = parent->children.first; e; e = e->next) {
            if (e->child->id == id)
                visit(arg, parent->id, e->any);
        }
    }
}

uint64_t js_graph_pending_above(const struct js_graph *graph, uint64_t id)
{
    uint64_t pending = 0;
    for (const struct epoch *epoch = graph->open; epoch; epoch = epoch->next) {
        for (const struct run *run = epoch->held.first; run; run = run->next) {
            if (id >= run->first && id <= run->last)
                return pending;
        }
        pending += epoch->pending;
    }
    return 0;
}

uint64_t js_graph_find(const struct js_graph *graph, const char *name)
{
    const struct node *node = js_strmap_get(&graph->names, name);
    return node ? node->id : 0;
}

const char *js_graph_name(const struct js_graph *graph, uint64_t id)
{
    const struct node *node = js_idmap_get(&graph->nodes, id);
    return node ? node->name : NULL;
}

void js_graph_shape(const struct js_graph *graph, struct js_graph_shape *ret)
{
    ret->jobs = graph->jobs;
    ret->longest_chain = graph->depths.deepest;
    ret->width = graph->depths.width;
}

/* Returns the job with which a longest path continues, or 0. `behind` is such a
 * job behind the next `wait` line. A job that takes no time belongs to no path.
 */
static uint64_t graph_find_longest_after(const struct js_graph *graph,
                                         const struct js_graph_path *paths,
                                         uint64_t id, uint64_t behind)
{
    const struct node *node = js_idmap_get(&graph->nodes, id);
    int64_t longest_ns = behind ? paths[behind - 1].length_ns : 0;
    uint64_t longest = behind;
    for (const struct edge *e = node ? node->children.first : NULL; e;
         e = e->next) {
        if (paths[e->child->id - 1].length_ns > longest_ns) {
            longest = e->child->id;
            longest_ns = paths[longest - 1].length_ns;
        }
    }
    return longest;
}

/* A job can only wait for jobs before it. So when the jobs are visited
 * backwards, every job that can follow this one has its path already. */
void js_graph_find_paths(const struct js_graph *graph,
                         struct js_graph_path *paths, uint64_t count,
                         int64_t gap_ns)
{
    static const uint64_t first_of_epoch = UINT64_MAX;
    uint64_t behind = 0, longest = 0; /* behind the next `wait` line, and before
                                         it so far */
    for (uint64_t id = 1; id <= count; id++)
        paths[id - 1].next = 0;
    for (const struct epoch *epoch = graph->open->next; epoch;
         epoch = epoch->next)
        paths[epoch->held.first->first - 1].next = first_of_epoch;
    for (uint64_t id = count; id > 0; id--) {
        struct js_graph_path *path = &paths[id - 1];
        bool is_first = path->next == first_of_epoch;
        int64_t *ns = &path->length_ns;
        path->next = graph_find_longest_after(graph, paths, id, behind);
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

uint64_t js_graph_steps(const struct js_graph *graph)
{
    return graph->steps;
}
