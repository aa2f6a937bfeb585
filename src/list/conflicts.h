/*
 * conflicts - jobs of a list that write to the same file, by stdout= or
 * stderr=.
 *
 * It is an error if two of them may run at the same time, or if the file
 * belongs to the run itself. It is a warning if one job replaces what the other
 * wrote, or if the order of the jobs is unknown. Jobs must be added in the
 * order of the list.
 *
 * A file is identified by its absolute path and, where they exist, by its
 * folder and by the file itself. So it is recognised through dir=, "..", "."
 * and links. Devices, pipes and sockets do not count as files here, nor does
 * anything in /dev and /proc. This reads the file system of this host, although
 * jobs may run on others. It assumes that one name is one file. It examines a
 * limited number of files; beyond that only the path counts. For a stream the
 * memory is bounded: what was written long ago is forgotten.
 */
#ifndef JS_LIST_CONFLICTS_H
#define JS_LIST_CONFLICTS_H

#include "base/err.h"
#include "list/attributes.h"
#include "list/graph.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file of the run, which no job may write to. Both strings are borrowed. */
struct js_target_own {
    const char *path; /* NULL: no file */
    const char *what; /* for messages: "the job list" */
};

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

/* ---------------------------------------------------------------- lineage */

/*
 * Which job comes after which, for jobs that were read long ago: the graph
 * forgets what a job has waited for. Owns a record for each job with a name,
 * because only named jobs can be waited for, and the records of the jobs that
 * it names. It knows nothing of `wait` lines; the caller must consider them.
 * Declared here for its tests.
 */
struct js_lineage;

struct js_lineage *js_lineage_new(void);          /* NULL with errno ENOMEM */
void js_lineage_free(struct js_lineage *lineage); /* NULL is allowed */

/* Adds a job with a name that comes directly after these jobs (their numbers,
 * in any order). Numbers must grow. Returns 0, or -1 with errno ENOMEM. */
int js_lineage_add(struct js_lineage *lineage, uint64_t seq,
                   const uint64_t *parents, size_t count);

enum js_lineage_answer {
    JS_LINEAGE_NO,
    JS_LINEAGE_YES,
    JS_LINEAGE_UNKNOWN, /* all questions together took too many steps */
};

/* Does a job that comes directly after `parents` come after `ancestor`? */
enum js_lineage_answer js_lineage_follows(struct js_lineage *lineage,
                                          const uint64_t *parents, size_t count,
                                          uint64_t ancestor);

#endif
