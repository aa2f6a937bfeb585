/*
 * memory - what this node, or the control group we are in, has of memory.
 *
 * Reads /proc and the cgroup file systems (version 1 and 2). `root` is put
 * before every path ("" for the real ones), for tests.
 */
#ifndef JS_NODE_MEMORY_H
#define JS_NODE_MEMORY_H

#include <stdint.h>

/* The bytes that jobs here may use in all: the machine's, or the least of the
 * limits of our cgroup and those above it. 0 if the system does not tell. */
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
