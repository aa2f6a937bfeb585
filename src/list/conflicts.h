/*
 * conflicts - jobs of a list that write to the same file, by stdout= or
 * stderr=.
 *
 * It is an error if two of them may run at the same time (list/lineage.h), or
 * if the file belongs to the run itself. It is a warning if one job replaces
 * what the other wrote, or if the order of the jobs is unknown. Uses
 * list/targets.h. Jobs must be added in the order of the list.
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

/* `own` lists the files of the run, borrowed, and ends with an entry without a
 * path. NULL: there are none. Returns NULL with errno ENOMEM on failure. */
struct js_conflicts *js_conflicts_new(const struct js_target_own *own,
                                      bool is_stream);
void js_conflicts_free(struct js_conflicts *conflicts); /* NULL is allowed */

/* Adds a line `wait`: later jobs come after all jobs before it. */
void js_conflicts_add_barrier(struct js_conflicts *conflicts);

/* Adds a job, before its files, and keeps which jobs it comes after, by the
 * graph's names. Returns 0, or -1 with errno ENOMEM. */
int js_conflicts_add_job(struct js_conflicts *conflicts, uint64_t seq,
                         const struct js_attributes *attributes,
                         struct js_graph *graph,
                         const struct js_graph_edge *edges, size_t count);

enum js_conflict {
    JS_CONFLICT_NONE = 0,
    JS_CONFLICT_WARNING,
    JS_CONFLICT_ERROR,
};

/* Adds a file of that job, which is in line `line`. The job writes to `path`,
 * relative to `dir` (NULL: the current folder), as `attribute` says. *ret_what
 * describes a conflict. */
enum js_conflict js_conflicts_add_file(struct js_conflicts *conflicts,
                                       uint64_t seq, uint64_t line,
                                       const char *attribute, const char *dir,
                                       const char *path,
                                       struct js_err *ret_what);

#endif
