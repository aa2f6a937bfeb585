/*
 * fit - says which jobs are larger than every node, or want too many of them.
 */
#ifndef JS_SCHED_CAPACITY_H
#define JS_SCHED_CAPACITY_H

#include "base/buf.h"
#include "base/log.h"
#include "list/source.h"
#include "sched/allocator.h"

/* Appends "job 12 (line 14) can never run here: it needs 99 cores; the most
 * that a node has: 8 cores, 62.7 GiB of memory"; of several nodes "... it needs
 * 4 cores on each of 3 nodes, and 1 of 2 could give that; the most ...". 0, or
 * -1 with errno ENOMEM. */
int js_capacity_describe(const struct js_allocator *allocator, uint64_t id,
                         uint64_t line, const struct js_request *request,
                         struct js_buf *buf);

/* Appends "4 cores, 1 GPU, 2048.0 MiB of memory": what is needed of each node.
 * 0, or -1 with errno ENOMEM. */
int js_capacity_need(const struct js_request *request, struct js_buf *buf);

/* Looks at all jobs of a regular file, tells the first twenty such, and
 * returns how many there are (of several in a row with equal needs one). */
uint64_t js_capacity_check(const struct js_allocator *allocator,
                           const struct js_source *source,
                           const struct js_log *log);

#endif
