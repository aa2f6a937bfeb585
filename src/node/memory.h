/*
 * memory - how much of this node's memory, and of its CPU time, is ours.
 *
 * Reads /proc, the cgroup file systems (version 1 and 2) and the environment.
 * `root` is put before every path ("" for the real ones), for tests.
 */
#ifndef JS_NODE_MEMORY_H
#define JS_NODE_MEMORY_H

#include "base/file.h"

#include <stddef.h>
#include <stdint.h>

/* ---------------------------------------------------------------- cgroups */

/* How many whole cores the granted CPU time can keep busy, at least one; 0: no
 * limit, or it is unknown. */
uint32_t js_cgroup_cores(const char *root);

/* ---------------------------------------------------------------- memory */

/* The bytes that jobs here may use in all: the least of what the machine has,
 * our cgroup and those above it allow, and the batch system has granted. 0:
 * unknown. */
uint64_t js_memory_limit_bytes(const char *root);

/* Where the out-of-memory kills of our cgroup are counted. */
struct js_oom_counter {
    int fd; /* -1: the system has no such counter */
};

void js_oom_counter_open(struct js_oom_counter *counter, const char *root);
static inline void js_oom_counter_close(struct js_oom_counter *counter)
{
    js_fd_close(&counter->fd);
}

/* How many there have been; 0: none, or unknown. */
uint64_t js_oom_counter_read(const struct js_oom_counter *counter);

#endif
