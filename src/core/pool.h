/*
 * pool - the nodes of a run: which slaves share one, and what CPUs it has.
 *
 * Pure bookkeeping of what the processes say about the machine they are on.
 * A node's pool is the union of the CPU sets of all processes on it, the
 * master's among them (nothing is set aside for the master).
 */
#ifndef JS_CORE_POOL_H
#define JS_CORE_POOL_H

#include "base/cpuset.h"

#include <stdbool.h>
#include <stdint.h>

/* Host names longer than this are cut; RFC 1123 allows 255 bytes. */
enum { JS_HOST_SIZE = 256 };

/* What one process says of its node. Two are on the same node if host and
 * boot_id are equal. */
struct js_node {
    char host[JS_HOST_SIZE];
    uint64_t boot_id; /* differs between two hosts that share a name */
    struct js_cpuset cpus;
};

struct js_pool;

struct js_pool *js_pool_new(void);       /* or NULL with errno ENOMEM */
void js_pool_free(struct js_pool *pool); /* NULL is allowed; keeps errno */

/* Process `rank` is on `node`; a slave also takes a share of it. Ranks may
 * come in any order, each once. Returns 0, or -1 with errno ENOMEM. */
int js_pool_add(struct js_pool *pool, unsigned rank, const struct js_node *node,
                bool is_slave);

/* Where a slave stands. */
struct js_place {
    const struct js_node *node; /* owned by the pool; cpus: the whole pool */
    unsigned index;  /* among the slaves of its node, in the order of ranks */
    unsigned slaves; /* on its node */
};

/* Returns 0, or -1 with errno ENOENT for a rank that is no slave here. */
int js_pool_place(const struct js_pool *pool, unsigned rank,
                  struct js_place *ret);

#endif
