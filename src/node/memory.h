/*
 * memory - how much of this node's memory was granted to us.
 *
 * Reads /proc, what node/cgroup.h says, and the environment. `root` is put
 * before every path ("" for the real ones), for tests.
 */
#ifndef JS_NODE_MEMORY_H
#define JS_NODE_MEMORY_H

#include <stdint.h>

/* The bytes that jobs here may use in all: the least of what the machine has,
 * our cgroup and those above it allow, and the batch system has granted. 0 if
 * nobody tells. */
uint64_t js_memory_limit_bytes(const char *root);

/* Where the out-of-memory kills of our cgroup are counted. */
struct js_oom_counter {
    int fd; /* -1: the system does not tell */
};

void js_oom_counter_open(struct js_oom_counter *counter, const char *root);
void js_oom_counter_close(struct js_oom_counter *counter);

/* How many there have been; 0 if the system does not tell. */
uint64_t js_oom_counter_read(const struct js_oom_counter *counter);

#endif
