/*
 * paths - how long each job takes, alone and together with all jobs that must
 * come after it.
 *
 * The path of a job is the longest chain of jobs that begins with it and in
 * which each job has to wait for the one before it (list/graph.h). The job that
 * ends last decides when a run ends, so --longest-first starts the jobs with
 * the longest paths first. The longest path of a list is its critical path: no
 * number of slots can run the list faster. The available resources are not
 * considered.
 *
 * Paths can only be found in a list that is completely known. In a stream, or
 * in the demonstration, the path of a job is the job alone.
 */
#ifndef JS_LIST_PATHS_H
#define JS_LIST_PATHS_H

#include "base/err.h"
#include "list/graph.h"
#include "list/job.h"
#include "list/list.h"
#include "list/resume.h"

#include <stdint.h>

struct js_paths;

struct js_paths_config {
    /* Returns the run time of a job, or -1 if it is unknown. It is called for
     * each job once, in the order of the input. */
    int64_t (*run_ns)(void *arg, const struct js_job *job);
    void *arg;
    int64_t gap_ns; /* from the end of a job to the start of the next */
};

/*
 * Reads a list, if there is one (NULL: a stream, or the demonstration). After
 * that, `run_ns` is not called any more. `resume` gives the jobs their ids, and
 * must let all of them run; NULL: the id of a job is its position in the list.
 * A job with an unknown run time counts as the mean of the known run times; if
 * none is known, all jobs count the same. Returns NULL with *err if there was
 * no memory.
 */
struct js_paths *js_paths_new(const struct js_list *list,
                              struct js_resume *resume,
                              const struct js_paths_config *config,
                              struct js_err *err);
void js_paths_free(struct js_paths *paths); /* NULL is allowed; keeps errno */

/* Sets expected_ns and path_ns of a job that was just read. Without paths
 * (NULL), both are unknown. */
void js_paths_set(const struct js_paths *paths, struct js_job *job);

/* The path that begins with a job of the list. */
struct js_graph_path js_paths_look(const struct js_paths *paths, uint64_t seq);

/* The job with which the longest path of the list begins; 0: there is no
 * job. */
uint64_t js_paths_longest(const struct js_paths *paths);

#endif
