/*
 * critical path - the longest chain of jobs of a list, each of which has to
 * wait for the one before: no number of slots makes the list faster.
 *
 * What comes after what is the graph's word, `wait` lines included; how long a
 * job runs is the caller's. Knows nothing of room.
 */
#ifndef JS_SCHED_CRITICAL_PATH_H
#define JS_SCHED_CRITICAL_PATH_H

#include "base/err.h"
#include "list/list.h"

#include <stddef.h>
#include <stdint.h>

struct js_critical_path {
    int64_t length_ns; /* from the first start to the last end */
    uint64_t *seqs;    /* owned: its jobs, ascending */
    size_t count;
};

struct js_critical_path_config {
    const int64_t *run_ns; /* borrowed: by seq - 1, how long each job runs */
    int64_t gap_ns;        /* from the end of a job to the start of the next */
};

/* Returns 0, or -1 with *err: no memory, or more than 292 years. */
int js_critical_path_find(const struct js_list *list,
                          const struct js_critical_path_config *config,
                          struct js_critical_path *ret, struct js_err *err);
void js_critical_path_release(struct js_critical_path *chain);

#endif
