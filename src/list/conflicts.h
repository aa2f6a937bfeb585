/*
 * conflicts - finds jobs of a list that write to the same file, through stdout=
 * or stderr=.
 *
 * It is an error if two of them may run at the same time, or if the file
 * belongs to the run itself. It causes a warning if one job replaces what the
 * other wrote, or if the order of the jobs is unknown. Jobs must be added in
 * the order of the list.
 *
 * A file is identified by its absolute path and, where they exist, by its
 * folder and by the file itself. It is therefore recognised through dir=, "..",
 * "." and links. Devices, pipes and sockets do not count as files here, nor
 * does anything in /dev or /proc. The check reads the file system of this host,
 * although jobs may run on other hosts. It assumes that a name refers to the
 * same file everywhere. It examines a limited number of files; beyond that
 * number, only the path counts. For a stream, memory is bounded: files written
 * long ago are forgotten.
 */
#ifndef JS_LIST_CONFLICTS_H
#define JS_LIST_CONFLICTS_H

#include "base/buf.h"
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

/* `own` lists the files of the run and ends with an entry without a path; it is
 * borrowed. NULL: there are none. Returns NULL with errno ENOMEM on failure. */
struct js_conflicts *js_conflicts_new(const struct js_target_own *own,
                                      bool is_stream);
void js_conflicts_free(struct js_conflicts *conflicts); /* NULL is allowed */

/* Adds a line `wait`: later jobs come after all jobs before it. */
void js_conflicts_add_barrier(struct js_conflicts *conflicts);

/* Adds a job; its files must be added afterwards. Records which jobs it comes
 * after, by their names in the graph. Returns 0, or -1 with errno ENOMEM. */
int js_conflicts_add_job(struct js_conflicts *conflicts, uint64_t seq,
                         const struct js_attributes *attributes,
                         struct js_graph *graph,
                         const struct js_graph_edge *edges, size_t count);

enum js_conflict {
    JS_CONFLICT_NONE = 0,
    JS_CONFLICT_WARNING,
    JS_CONFLICT_ERROR,
};

/* Adds a file of job `seq`, which is on line `line`. The job writes to `path`,
 * relative to `dir` (NULL: the current folder), because of its attribute
 * `attribute`. If there is a conflict, *ret_what describes it. */
enum js_conflict js_conflicts_add_file(struct js_conflicts *conflicts,
                                       uint64_t seq, uint64_t line,
                                       const char *attribute, const char *dir,
                                       const char *path,
                                       struct js_err *ret_what);

/* ---------------------------------------------------------------- lineage */

/*
 * A lineage knows which job comes after which, even for jobs that were read
 * long ago: the graph forgets what a job has waited for. It owns a record of
 * each named job (only these can be waited for), which lists the named jobs
 * that come directly before it, and of each group (js_graph_group()), which
 * lists its members. It knows nothing of `wait` lines; the caller must consider
 * them. Declared here for its tests.
 */
struct js_lineage {        /* all zero: empty */
    struct js_buf records; /* by ascending job number; a group has that of the
                              job before it */
    struct js_buf groups;  /* size_t: the record of each group */
    struct js_buf parents; /* size_t each: indices of records */
    struct js_buf stack;   /* size_t: records still to be examined */
    uint64_t questions;
    uint64_t steps;
};

void js_lineage_release(struct js_lineage *lineage); /* keeps errno */

/* Among the numbers of parents, this bit and the number of a group stand for
 * all jobs of the group. */
#define JS_LINEAGE_GROUP (UINT64_C(1) << 63)

/* Adds a named job that comes directly after the jobs `parents` (numbers in any
 * order). Each job must have a higher number than the one before. Returns 0, or
 * -1 with errno ENOMEM. */
int js_lineage_add(struct js_lineage *lineage, uint64_t seq,
                   const uint64_t *parents, size_t count);

/* Adds the next group, with these jobs and groups as members. Returns 0, or -1
 * with errno ENOMEM. */
int js_lineage_add_group(struct js_lineage *lineage, const uint64_t *members,
                         size_t count);

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
