/*
 * conflicts - jobs of a list that write to the same file, by stdout= or
 * stderr=.
 *
 * An error if two of them may run at the same time (list/lineage.h), or if the
 * file is one of the run itself; a warning if one replaces what the other
 * wrote, or if nobody can say. Reads what list/targets.h reads. Jobs come in
 * the order of the list.
 */
#ifndef JS_LIST_CONFLICTS_H
#define JS_LIST_CONFLICTS_H

#include "base/err.h"
#include "list/attributes.h"
#include "list/graph.h"
#include "list/targets.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct js_conflicts;

/* The files of the run, which end with one without a path (NULL: none), are
 * borrowed. NULL with errno ENOMEM. */
struct js_conflicts *js_conflicts_new(const struct js_target_own *own,
                                      bool is_stream);
void js_conflicts_free(struct js_conflicts *conflicts); /* NULL is allowed */

/* A line `wait`: later jobs come after all before it. */
void js_conflicts_add_barrier(struct js_conflicts *conflicts);

/* A job, before its files: keeps what it comes after, by the graph's names. 0,
 * or -1 with errno ENOMEM. */
int js_conflicts_add_job(struct js_conflicts *conflicts, uint64_t seq,
                         const struct js_attributes *attributes,
                         struct js_graph *graph,
                         const struct js_graph_edge *edges, size_t count);

enum js_conflict {
    JS_CONFLICT_NONE = 0,
    JS_CONFLICT_WARNING,
    JS_CONFLICT_ERROR,
};

/* That job, in line `line`, writes to `path`, seen from `dir` (NULL: the
 * current folder), as its attribute says. *ret_what describes a conflict. */
enum js_conflict js_conflicts_add_file(struct js_conflicts *conflicts,
                                       uint64_t seq, uint64_t line,
                                       const char *attribute, const char *dir,
                                       const char *path,
                                       struct js_err *ret_what);

#endif
