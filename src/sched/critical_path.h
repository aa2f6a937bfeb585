/*
 * critical path - the longest chain of jobs of a list in which each has to wait
 * for the one before. No number of slots makes the list faster than this.
 *
 * The graph decides which job comes after which, `wait` lines included. The
 * caller knows how long each job runs. Room is not considered.
 */
#ifndef JS_SCHED_CRITICAL_PATH_H
#define JS_SCHED_CRITICAL_PATH_H

#include "base/err.h"
#include "list/list.h"

#include <stddef.h>
#include <stdint.h>

struct js_critical_path {
    int64_t length_ns; /* from the first start to the last end */
    uint64_t *seqs;    /* owned: the jobs on the path, ascending */
    size_t count;
};

struct js_critical_path_config {
    const int64_t *run_ns; /* borrowed; run times, indexed by seq - 1 */
    int64_t gap_ns;        /* from the end of a job to the start of the next */
};

/* Returns 0, or -1 with *err: no memory, or the path takes more than 292
 * years. */
int js_critical_path_find(const struct js_list *list,
                          const struct js_critical_path_config *config,
                          struct js_critical_path *ret, struct js_err *err);
void js_critical_path_release(struct js_critical_path *chain);

#endif
