/*
 * graph - which jobs wait for which, and what follows when one has ended.
 *
 * Owns: a node for each job that has a name or must wait for another, the
 * edges between them, and copies of the names. Knows nothing of commands,
 * slaves or time. Only jobs added before can be named, so there are no cycles.
 * No recursion; all calls together take time in proportion to the jobs and
 * edges added.
 *
 *     WAITING --all it waits for has ended as it must--> READY
 *     WAITING --one of its `after` failed or was skipped--> SKIPPED
 *     READY --js_graph_ended(success)--> SUCCEEDED, (failure)--> FAILED
 *
 * A job has ended when it is SUCCEEDED, FAILED or SKIPPED. It is READY when
 * every job of its `after` is SUCCEEDED, every job of its `after-any` has
 * ended, and so has every job before the last `wait` line above it (a
 * barrier). It is SKIPPED as soon as one of its `after` is FAILED or SKIPPED,
 * whatever else it waits for, a barrier included; its own descendants follow
 * in the same call.
 *
 * Memory. A job without name that waits for no edge has no node: it costs
 * nothing, or, behind a barrier, its part in a run of consecutive ids. A node
 * without name is freed once its job has ended and been told; one with a name
 * lives as long as the graph.
 */
#ifndef JS_LIST_GRAPH_H
#define JS_LIST_GRAPH_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct js_graph;

struct js_graph *js_graph_new(void);        /* NULL with errno ENOMEM */
void js_graph_free(struct js_graph *graph); /* NULL is allowed; keeps errno */

/* What a job waits for. The name is the caller's and not kept. */
struct js_graph_edge {
    const char *name;
    bool any; /* after-any: how it ends does not matter */
};

/*
 * Adds the job `id`: any number but 0, no number twice, best in growing order.
 * `name` may be NULL; it is copied. An edge to a job that has ended counts at
 * once. An edge may be there twice.
 *
 * Returns 1 if the job is READY (js_graph_next_ready() does not tell it again),
 * 0 if it is WAITING, or SKIPPED already (then js_graph_next_skipped() tells
 * it: call it after each 0), or -1 with nothing changed, *err set, *ret_bad the
 * index of the bad edge or SIZE_MAX for anything else, and errno:
 *
 *     EEXIST  name=mesh: job 3 has that name already
 *     ENOENT  after=mash: no job before this one has that name (did you mean
 *             "mesh"?)     up to 1,000 names are searched for what was meant
 *             after=mesh: a job cannot wait for itself
 *     ENOMEM
 *
 * Who wants to list further errors adds the job once more without what was bad.
 */
int js_graph_add(struct js_graph *graph, uint64_t id, const char *name,
                 const struct js_graph_edge *edges, size_t count,
                 size_t *ret_bad, struct js_err *err);

/* A `wait` line: what is added from here on waits for all before. Several in a
 * row are one; one with nothing unfinished before it holds up nobody. */
void js_graph_barrier(struct js_graph *graph);

/*
 * Marks, for whoever asks what a job comes after: the job just added carries
 * this number (from 0 on; 0 without being told). js_graph_mark_before() is the
 * highest of all that a job with these edges would come after, those before
 * the last barrier included; -1 with errno ENOENT if one of them is not there.
 */
void js_graph_mark(struct js_graph *graph, uint64_t id, int mark);
int js_graph_mark_before(const struct js_graph *graph,
                         const struct js_graph_edge *edges, size_t count);

/*
 * The job, which js_graph_add() or js_graph_next_ready() has told to be READY,
 * has ended for good (retries included). Cannot fail. Call the next two then,
 * until each says that there is no more.
 */
void js_graph_ended(struct js_graph *graph, uint64_t id, bool success);

/*
 * A job that was WAITING and has become READY since: its id, or 0. Each is told
 * once. They come in the order in which they became READY; those whose last
 * obstacle was the same job, or the same barrier, in the order in which they
 * were added.
 */
uint64_t js_graph_next_ready(struct js_graph *graph);

/*
 * A job that has become SKIPPED since: its id, or 0; and why: *ret_parent is
 * the first of its `after` known to have failed or been skipped (a direct
 * parent, told before it if it was skipped itself). Each is told once.
 */
uint64_t js_graph_next_skipped(struct js_graph *graph, uint64_t *ret_parent);

/* Why a job that js_graph_add() has told to wait does so now. */
enum js_graph_wait {
    JS_GRAPH_FOR_JOBS,    /* jobs of its after and after-any have not ended */
    JS_GRAPH_FOR_BARRIER, /* only for those above a `wait` line */
    JS_GRAPH_SKIPPED,     /* no more: it is SKIPPED; ask before that is told */
};
enum js_graph_wait js_graph_wait(const struct js_graph *graph, uint64_t id);

/* Calls visit for each job of its after (any: after-any) that has not ended.
 * Looks at all edges of the graph: for one question. */
typedef void (*js_graph_awaited_fn)(void *arg, uint64_t id, bool any);
void js_graph_each_awaited(const struct js_graph *graph, uint64_t id,
                           js_graph_awaited_fn visit, void *arg);

/* How many jobs above the last `wait` line above the job have not ended; 0: it
 * is behind none that holds it up. Looks at all runs of jobs behind such. */
uint64_t js_graph_pending_above(const struct js_graph *graph, uint64_t id);

/* The id of the job of that name, or 0. */
uint64_t js_graph_find(const struct js_graph *graph, const char *name);

/* The name of a job, or NULL. Valid until the graph is freed. */
const char *js_graph_name(const struct js_graph *graph, uint64_t id);

/*
 * For --check: of all jobs added so far, ended or not. The depth of a job is
 * one more than the greatest of those it waits for, with a barrier all before
 * it; 1 if it waits for none.
 */
struct js_graph_shape {
    uint64_t jobs;
    uint64_t longest_chain; /* the greatest depth */
    uint64_t width;         /* how many jobs have the same depth, at most */
};
void js_graph_shape(const struct js_graph *graph, struct js_graph_shape *ret);

/* How many edges, nodes and runs of ids all calls so far have looked at: what
 * must grow in proportion to the jobs and edges, and no faster. For tests. */
uint64_t js_graph_steps(const struct js_graph *graph);

#endif
