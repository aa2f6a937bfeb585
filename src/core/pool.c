#include "core/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct member {
    unsigned rank;
    size_t node;
    bool is_slave;
};

struct js_pool {
    struct js_node **nodes; /* each owned: places point to them */
    size_t node_count;
    struct member *members;
    size_t member_count;
};

struct js_pool *js_pool_new(void)
{
    return calloc(1, sizeof(struct js_pool));
}

void js_pool_free(struct js_pool *pool)
{
    if (!pool)
        return;
    int saved = errno;
    for (size_t i = 0; i < pool->node_count; i++)
        free(pool->nodes[i]);
    free(pool->nodes);
    free(pool->members);
    free(pool);
    errno = saved;
}

/* The index of the same node, or node_count. */
static size_t find_node(const struct js_pool *pool, const struct js_node *node)
{
    size_t i = 0;
    while (i < pool->node_count &&
           (pool->nodes[i]->boot_id != node->boot_id ||
            strcmp(pool->nodes[i]->host, node->host) != 0))
        i++;
    return i;
}

static int append_node(struct js_pool *pool, const struct js_node *node)
{
    struct js_node **nodes =
        realloc(pool->nodes, (pool->node_count + 1) * sizeof(*nodes));
    if (!nodes)
        return -1;
    pool->nodes = nodes;
    struct js_node *copy = malloc(sizeof(*copy));
    if (!copy)
        return -1;
    *copy = *node;
    nodes[pool->node_count++] = copy;
    return 0;
}

int js_pool_add(struct js_pool *pool, unsigned rank, const struct js_node *node,
                bool is_slave)
{
    struct member *members =
        realloc(pool->members, (pool->member_count + 1) * sizeof(*members));
    if (!members)
        return -1;
    pool->members = members;
    size_t at = find_node(pool, node);
    if (at == pool->node_count && append_node(pool, node) < 0)
        return -1;
    js_cpuset_unite(&pool->nodes[at]->cpus, &node->cpus);
    members[pool->member_count++] = (struct member){rank, at, is_slave};
    return 0;
}

static const struct member *find_slave(const struct js_pool *pool,
                                       unsigned rank)
{
    for (size_t i = 0; i < pool->member_count; i++) {
        if (pool->members[i].rank == rank && pool->members[i].is_slave)
            return &pool->members[i];
    }
    return NULL;
}

int js_pool_place(const struct js_pool *pool, unsigned rank,
                  struct js_place *ret)
{
    const struct member *slave = find_slave(pool, rank);
    if (!slave) {
        errno = ENOENT;
        return -1;
    }
    struct js_place place = {.node = pool->nodes[slave->node]};
    for (size_t i = 0; i < pool->member_count; i++) {
        const struct member *other = &pool->members[i];
        if (!other->is_slave || other->node != slave->node)
            continue;
        place.slaves++;
        place.index += other->rank < rank;
    }
    *ret = place;
    return 0;
}
