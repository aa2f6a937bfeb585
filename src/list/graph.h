/*
 * graph - which jobs wait for which, and what follows when one has ended.
 *
 * Owns a node for each job that has a name or must wait for another, the edges
 * between them, and copies of the names. It knows nothing of commands, slaves
 * or time. A job can only name jobs added before it, so there are no cycles.
 * Nothing is recursive. The total time of all calls is proportional to the
 * number of jobs and edges added, and to the number of names that globs are
 * compared with. A job may name others by a glob. All names that match form a
 * group, which jobs with the same glob share: k jobs after m others take k + m
 * edges.
 *
 *     WAITING --all it waits for has ended as required--> READY
 *     WAITING --one of its `after` failed or was skipped--> SKIPPED
 *     WAITING --a job failed or was skipped above a `wait ok` line--> SKIPPED
 *     READY --js_graph_ended(success)--> SUCCEEDED, (failure)--> FAILED
 *
 * A job has ended when it is SUCCEEDED, FAILED or SKIPPED. A job is READY when
 * every job of its `after` is SUCCEEDED, every job of its `after-any` has
 * ended, and every job before the last `wait` line above it (a barrier) has
 * ended. A job is SKIPPED as soon as one of its `after` is FAILED or SKIPPED,
 * whatever else it waits for, a barrier included. Its own descendants are
 * skipped in the same call. A `wait ok` line is a barrier that all jobs since
 * the previous barrier must pass with success: as soon as one of them is FAILED
 * or SKIPPED, all jobs below the line are SKIPPED.
 *
 * Memory: a job without a name and without edges has no node. It costs nothing,
 * or, behind a barrier, its share of a range of consecutive ids. A node without
 * a name is freed once its job has ended and has been reported. A node with a
 * name lives as long as the graph.
 */
#ifndef JS_LIST_GRAPH_H
#define JS_LIST_GRAPH_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct js_graph;

struct js_graph *js_graph_new(void);        /* or NULL with errno ENOMEM */
void js_graph_free(struct js_graph *graph); /* NULL is allowed; keeps errno */

/* A job that another waits for, or all jobs whose names match a glob
 * (js_text_matches()). The caller owns the name; the graph keeps only copies of
 * globs. */
struct js_graph_edge {
    const char *name;
    bool any; /* after-any: its result does not matter */
    bool is_glob;
};

/*
 * Adds job `id`. Any number except 0 is allowed, but none twice; increasing
 * numbers are best. `name` may be NULL; it is copied. An edge to a job that has
 * already ended takes effect at once. An edge may be given twice.
 *
 * Returns 1 if the job is READY (js_graph_next_ready() does not report it
 * again). Returns 0 if it is WAITING or already SKIPPED; after each 0, call
 * js_graph_next_skipped(), which reports the job if it is SKIPPED. On an error,
 * changes nothing and returns -1; *err is set, *ret_bad is the index of the bad
 * edge (SIZE_MAX if no edge is at fault), and errno is:
 *
 *     EEXIST  name=mesh: job 3 already has that name
 *     ENOENT  after=mash: no job before this one has that name (did you mean
 *             "mesh"?)     up to 1,000 names are searched for a similar one
 *             after=mesh: a job cannot wait for itself
 *             after=m*: no job above has a name that matches
 *     ENOMEM
 *
 * To go on checking after an error, add the job again without the offending
 * attribute.
 */
int js_graph_add(struct js_graph *graph, uint64_t id, const char *name,
                 const struct js_graph_edge *edges, size_t count,
                 size_t *ret_bad, struct js_err *err);

/*
 * Adds a job that ended in an earlier run and does not run in this one. It
 * waits for nothing, and jobs after it see at once how it ended. `record` is
 * its number on record. Returns 0, or -1 with errno EEXIST or ENOMEM, as
 * js_graph_add() does.
 */
int js_graph_add_ended(struct js_graph *graph, uint64_t id, const char *name,
                       bool success, uint64_t record, struct js_err *err);

/* A line of the list begins: the globs of the jobs added from here on match
 * names added before this call. If it is never called, they match all names so
 * far. */
void js_graph_line(struct js_graph *graph);

/* Adds a `wait` line: jobs added from here on wait for all before it. If all
 * jobs before it have ended, it delays none. Of several such lines in a row, of
 * both kinds, only the first counts. */
void js_graph_barrier(struct js_graph *graph);

/* Adds a `wait ok` line. */
void js_graph_strict_barrier(struct js_graph *graph);

/*
 * These find the highest mark among the jobs that a job comes after.
 * js_graph_mark() gives the job just added a mark, which is at least 0 (and is
 * 0 without this call). js_graph_mark_before() returns the highest mark of all
 * jobs that a job with these edges would come after, including those before the
 * last barrier. It returns -1 with errno ENOENT if an edge names a job that
 * does not exist, or with ENOMEM.
 */
void js_graph_mark(struct js_graph *graph, uint64_t id, int mark);
int js_graph_mark_before(struct js_graph *graph,
                         const struct js_graph_edge *edges, size_t count);

/*
 * Records that a job has ended for good, retries included. js_graph_add() or
 * js_graph_next_ready() must have reported it as READY. Cannot fail.
 * Afterwards, call js_graph_next_ready() and js_graph_next_skipped() until each
 * returns 0.
 */
void js_graph_ended(struct js_graph *graph, uint64_t id, bool success);

/* True if a job waits for others. */
bool js_graph_is_waiting(const struct js_graph *graph);

/*
 * Returns the id of a job that was WAITING and has become READY, or 0 if there
 * is none. Each job is reported once. Jobs come in the order in which they
 * became READY; those released by the same job, or by the same barrier, come in
 * the order in which they were added.
 */
uint64_t js_graph_next_ready(struct js_graph *graph);

/*
 * Returns the id of a job that has become SKIPPED, or 0 if there is none. Each
 * job is reported once. *ret_parent is the reason: the first of its `after`
 * known to have failed or been skipped. It is a direct parent; if it was
 * skipped itself, it has already been reported. If there is none, the reason is
 * a job above a `wait ok` line that failed; it may have no name. Or it has a
 * name and failed or was skipped, and another job above that line was skipped
 * for this reason.
 */
uint64_t js_graph_next_skipped(struct js_graph *graph, uint64_t *ret_parent);

/* True if a job that failed in this run may be the reason why jobs below a
 * `wait ok` line are skipped. May be asked right after js_graph_ended(). */
bool js_graph_is_culprit(const struct js_graph *graph, uint64_t id);

/* The number on record of a job that is such a reason and failed in an earlier
 * run, or 0. */
uint64_t js_graph_record(const struct js_graph *graph, uint64_t id);

/* False if neither js_graph_next_ready() nor js_graph_next_skipped() has a job
 * to report. Until they have been called, it may be true although they have
 * none.
 */
bool js_graph_has_news(const struct js_graph *graph);

/* Why a job that js_graph_add() reported as waiting still waits. */
enum js_graph_wait {
    JS_GRAPH_FOR_JOBS,    /* jobs of its after or after-any have not ended */
    JS_GRAPH_FOR_BARRIER, /* it waits only for jobs above a `wait` line */
    JS_GRAPH_SKIPPED,     /* it is SKIPPED and no longer waits; this is returned
                             only until that is reported */
};
enum js_graph_wait js_graph_wait(const struct js_graph *graph, uint64_t id);

/* Calls visit for each unfinished job that job `id` waits for, also through a
 * glob; `any` is true for those in its after-any. Examines all edges of the
 * graph, so it is for single questions only. */
typedef void (*js_graph_awaited_fn)(void *arg, uint64_t id, bool any);
void js_graph_each_awaited(struct js_graph *graph, uint64_t id,
                           js_graph_awaited_fn visit, void *arg);

/* Returns how many jobs before the last `wait` line above this job have not
 * ended, or 0 if no `wait` line delays it. Examines all ranges of jobs behind
 * barriers. */
uint64_t js_graph_pending_above(const struct js_graph *graph, uint64_t id);

/* The id of the job with that name, or 0. */
uint64_t js_graph_find(const struct js_graph *graph, const char *name);

/* The name of a job, or NULL. Valid until the graph is freed. */
const char *js_graph_name(const struct js_graph *graph, uint64_t id);

/*
 * Returns the number of the group of jobs that match a glob now, for callers
 * that follow edges themselves. Groups are numbered from 1 in the order in
 * which they are made. If names that match have been added since the glob was
 * last used, the group is a new one, and *ret_inner is the group that it
 * contains (0: none). Returns 0 if no name matches, or with errno ENOMEM.
 * js_graph_each_member() visits the members of that group that are not in the
 * inner one.
 */
uint64_t js_graph_group(struct js_graph *graph, const char *glob,
                        uint64_t *ret_inner);
typedef void (*js_graph_member_fn)(void *arg, uint64_t id);
void js_graph_each_member(struct js_graph *graph, const char *glob,
                          js_graph_member_fn visit, void *arg);

/*
 * For --check: the shape of all jobs added so far, ended or not. The depth of a
 * job is 1 if it waits for none; otherwise it is one more than the greatest
 * depth of the jobs that it waits for. Behind a barrier, it waits for all jobs
 * before the barrier.
 */
struct js_graph_shape {
    uint64_t jobs;
    uint64_t longest_chain; /* the greatest depth */
    uint64_t width;         /* the largest number of jobs of the same depth */
};
void js_graph_shape(const struct js_graph *graph, struct js_graph_shape *ret);

/*
 * The longest path that begins with a job: the job itself, followed by jobs
 * that each wait for the previous one, through an attribute or a `wait` line.
 */
struct js_graph_path {
    int64_t length_ns; /* from the start of the job to the end of the last */
    uint64_t next;     /* the second job of the path; 0: none */
};

/*
 * Finds these paths for the jobs 1 to `count`, which must be all jobs of the
 * graph; none has ended. The path of job `id` is paths[id - 1]; the caller must
 * set its length_ns to the run time of that job. gap_ns passes between two jobs
 * of a path. A length that does not fit becomes INT64_MAX.
 */
void js_graph_find_paths(struct js_graph *graph, struct js_graph_path *paths,
                         uint64_t count, int64_t gap_ns);

/* Adds to a set of the jobs 1 to `count` (base/bits.h, by id - 1) all jobs that
 * a job of the set comes after. They must be all jobs of the graph; none has
 * ended. */
void js_graph_select(struct js_graph *graph, uint64_t *bits, uint64_t count);

/* Returns how many edges, nodes and ranges of ids all calls so far have
 * examined. This number must not grow faster than the number of jobs and edges.
 * For tests. */
uint64_t js_graph_steps(const struct js_graph *graph);

/* Recomputes every count that the graph keeps, and aborts if one is wrong. The
 * queues of jobs to be reported may be in any state. Returns how many nodes and
 * edges were examined. */
uint64_t js_graph_assert_invariants(const struct js_graph *graph);

#endif
