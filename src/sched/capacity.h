/*
 * capacity - finds the jobs that are larger than every node, or that need more
 * nodes than there are.
 */
#ifndef JS_SCHED_CAPACITY_H
#define JS_SCHED_CAPACITY_H

#include "base/buf.h"
#include "base/err.h"
#include "list/source.h"
#include "sched/allocator.h"

/* Appends a message such as "job 12 (line 14) can never run here: it needs 99
 * cores; the most that a node has: 8 cores, 62.7 GiB of memory". For a job of
 * several nodes it is "... it needs 4 cores on each of 3 nodes, and 1 of 2
 * could give that; the most ...". Returns 0, or -1 with errno ENOMEM. */
int js_capacity_describe(const struct js_allocator *allocator, uint64_t id,
                         uint64_t line, const struct js_request *request,
                         struct js_buf *buf);

/* Appends what is needed on each node: "4 cores, 1 GPU, 2048.0 MiB of memory".
 * Returns 0, or -1 with errno ENOMEM. */
int js_capacity_need(const struct js_request *request, struct js_buf *buf);

/* Examines all jobs of a regular file and reports the first twenty that can
 * never run. Returns how many there are. Jobs in a row with equal needs count
 * as one. */
uint64_t js_capacity_check(const struct js_allocator *allocator,
                           const struct js_source *source,
                           const struct js_log *log);

#endif
