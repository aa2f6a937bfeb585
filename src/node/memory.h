/*
 * memory - how much of this node's memory, and of its CPU time, is ours.
 *
 * Reads /proc, the cgroup file systems (version 1 and 2) and the environment.
 * For tests, `root` is put before every path ("" for the real paths).
 */
#ifndef JS_NODE_MEMORY_H
#define JS_NODE_MEMORY_H

#include "base/file.h"

#include <stddef.h>
#include <stdint.h>

/* ---------------------------------------------------------------- cgroups */

/* Returns how many whole cores the granted CPU time can keep busy, at least
 * one; or 0 if there is no limit, or it is unknown. */
uint32_t js_cgroup_cores(const char *root);

/* ---------------------------------------------------------------- memory */

/* Returns how many bytes jobs here may use in all: the least of what the
 * machine has, what our cgroup and those above it allow, and what the batch
 * system has granted. 0 means unknown. */
uint64_t js_memory_limit_bytes(const char *root);

/* The kernel's count of out-of-memory kills in our cgroup. */
struct js_oom_counter {
    int fd; /* -1: the system has no such counter */
};

void js_oom_counter_open(struct js_oom_counter *counter, const char *root);
static inline void js_oom_counter_close(struct js_oom_counter *counter)
{
    js_fd_close(&counter->fd);
}

/* Returns how many kills there have been, or 0 if that is unknown. */
uint64_t js_oom_counter_read(const struct js_oom_counter *counter);

#endif
