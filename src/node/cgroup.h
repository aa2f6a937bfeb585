/*
 * cgroup - what the control groups that this process is in allow it.
 *
 * Reads the cgroup file systems, version 1 and 2. A limit of a group holds for
 * all groups below it, so the least counts. `root` is put before every path
 * ("" for the real ones), for tests.
 */
#ifndef JS_NODE_CGROUP_H
#define JS_NODE_CGROUP_H

#include <stddef.h>
#include <stdint.h>

/* Memory in bytes; 0: no limit, or the system does not tell. */
uint64_t js_cgroup_mem_bytes(const char *root);

/* So many whole cores are used up by the CPU time that there is, at least one;
 * 0: no limit, or the system does not tell. */
uint32_t js_cgroup_cores(const char *root);

/* Opens what tells of out-of-memory kills in our own group: a descriptor, or
 * -1. */
int js_cgroup_open_events(const char *root);

/* Reads what there is of a small file, as a string. 0, or -1 if it cannot be
 * read. */
int js_cgroup_read_small(const char *root, const char *path, char *to,
                         size_t size);

#endif
