/*
 * nodes - the resources of the nodes of a run, and how much of them is held.
 *
 * Keeps track of what the processes report about their machines. It makes no
 * choices: sched/placement.h finds cores for a job, and sched/allocator.h,
 * which explains how cores are counted, decides.
 *
 * The allocator and the placement read these structs. The allocator writes what
 * the processes report and which nodes it sets aside; only this module writes
 * what is held, and which cores are set aside.
 */
#ifndef JS_SCHED_NODES_H
#define JS_SCHED_NODES_H

#include "base/bits.h"
#include "base/cpuset.h"
#include "base/table.h"
#include "list/job.h"
#include "list/resources.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Host names longer than this are cut; RFC 1123 allows 255 bytes. */
enum { JS_HOST_SIZE = 256 };

/* The report of one process about its node. Two processes are on the same node
 * if their boot_id is equal and their host names name the same host
 * (base/text.h). */
struct js_node {
    char host[JS_HOST_SIZE];
    uint64_t boot_id; /* differs between two hosts that share a name */
    struct js_cpuset cpus;
    struct js_cpuset held; /* CPUs held by slaves of other runs */
    uint32_t quota_cores;  /* how many cores the CPU quota suffices for; 0:
                              for all */
};

bool js_node_is_same(const struct js_node *a, const struct js_node *b);

/* What is kept of the reports about one node. */
struct js_node_about {
    char *host; /* owned */
    uint64_t boot_id;
    uint32_t quota_cores;
    uint32_t word_count;
    unsigned long *words; /* owned: CPUs of all reports, and those that are
                             held, a word of each in turn */
};

/* Returns 0, or -1 with errno ENOMEM. */
int js_node_about_add(struct js_node_about *about,
                      const struct js_node *report);
void js_node_about_cpus(const struct js_node_about *about,
                        struct js_cpuset *ret_cpus, struct js_cpuset *ret_held);

/* An allocation: a job's share of one node, and an equal share of each of the
 * others. */
struct js_allocation {
    unsigned rank; /* 0: none */
    uint32_t slot;
    uint32_t core_count;
    uint32_t gpu_count;
    uint32_t core;   /* the core, if it is only one */
    uint32_t *cores; /* owned: the cores in ascending order, then the GPUs; NULL
                        for one core without GPUs */
    uint64_t mem_bytes;
    uint32_t other_count;
    struct js_allocation *others; /* owned; these have no others themselves */
};

/* Frees what the allocation owns, but gives nothing back. Afterwards it is all
 * zero. */
void js_allocation_free(struct js_allocation *allocation);

/* True if the allocation holds a slot of this slave. */
static inline bool js_allocation_is_on(const struct js_allocation *allocation,
                                       unsigned rank)
{
    bool is_on = allocation->rank == rank;
    for (uint32_t i = 0; i < allocation->other_count; i++)
        is_on |= allocation->others[i].rank == rank;
    return is_on;
}

static inline const uint32_t *
js_allocation_cores(const struct js_allocation *allocation)
{
    return allocation->cores ? allocation->cores : &allocation->core;
}

static inline const uint32_t *
js_allocation_gpus_of(const struct js_allocation *allocation)
{
    return allocation->cores + allocation->core_count;
}

/* ------------------------------------------------- what there is */

/* Slots at home on the same core form a chain, in the order of their ranks and
 * then of their numbers. */
struct js_node_slot {
    uint32_t home;      /* core index */
    unsigned holder;    /* the slave whose job holds it; 0: free of jobs */
    unsigned next_rank; /* the next slot of the chain; rank 0: none */
    uint32_t next_slot;
};

/* Which slaves may get a job. */
enum js_slaves { JS_SLAVES_ALL, JS_SLAVES_OPEN, JS_SLAVES_EMPTY };

/* One process. A slot is free if no job holds it, and its home core has room
 * and is not set aside. */
struct js_node_member {
    unsigned rank; /* 0: the master */
    size_t node;
    bool is_slave;
    bool is_of[JS_SLAVES_EMPTY + 1]; /* by enum js_slaves */
    bool is_changed;                 /* free_count or aside_count has changed */
    uint32_t slot_count; /* 0: the slave has not reported its resources, or is
                            lost */
    uint32_t free_count;
    uint32_t aside_count; /* slots whose home core is set aside */
    struct js_node_slot *slots;
    uint64_t *free_slots; /* bits; after the slots, in the same memory */
    struct js_node_member *changed_next;
};

struct js_node_core {
    uint32_t used;       /* allocations that hold this core */
    uint32_t room;       /* how many allocations may hold it */
    unsigned first_rank; /* the first slot at home here; rank 0: none */
    uint32_t first_slot;
};

/*
 * One node. Invariants:
 * - free_cores counts the cores with room; free_gpus the GPUs that no job
 *   holds; free_mem_bytes is at most what the node has.
 * - A core's room is the number of slots that have their home there, but at
 *   least 1.
 * - ranks is in ascending order; `equipped` counts those of its slaves that
 *   have slots.
 * - GPUs and memory are kept only while is_set_aside.
 */
struct js_node_state {
    uint64_t hash; /* hash of its name; the links belong to js_nodes_find() */
    struct js_node_state *next, *next_alike;
    struct js_node_about about;
    struct js_resources resources;
    struct js_node_core *cores;
    bool *gpu_held;
    /* Sets of cores; the first set owns the memory of all. `of_others` has
     * cores that another run holds and on which no slot is at home. The edges
     * are the first core of each group that shares a cache, and of each NUMA
     * node. */
    uint64_t *with_room, *set_aside, *of_others, *cache_edges, *numa_edges;
    uint32_t free_cores;
    uint32_t free_gpus;
    uint64_t free_mem_bytes;
    size_t index;    /* its number among all nodes */
    unsigned *ranks; /* of its slaves */
    size_t rank_count;
    size_t equipped;
    bool has_others;    /* the node has, or had, cores that other runs hold */
    bool is_set_aside;  /* the reservation includes this node, and keeps: */
    uint32_t kept_gpus; /* 0: none */
    uint64_t kept_mem_bytes;
    uint64_t touched; /* the number of its last change, among all changes */
    struct js_node_state *newer, *older; /* by last change */
};

/* All nodes and processes. JS_NODES_INIT means that there are none. */
struct js_nodes {
    struct js_node_state **list; /* each is owned and allocated separately, so
                                    that its address never changes */
    size_t count;
    struct js_idmap by_hash; /* of nodes; those with the same hash form a list,
                                of which only the first is in the map */
    struct js_node_member *
        *members; /* indexed by rank; NULL where there is none */
    size_t member_end;
    struct js_node_state *newest; /* the node that changed last */
    uint64_t touches;             /* changes so far */
    uint64_t fittings; /* how often slots or nodes have come or gone */
    struct js_node_member *changed; /* slaves that are is_changed */
    uint64_t slots, free_slots;     /* of all slaves */
    /* Notes of sched/placement.c about one node at a time, with room for the
     * largest node: a number for each core, and a set of cores. */
    uint64_t *weights, *candidates;
    uint32_t noted_cores; /* cores for which there is room */
    uint64_t looks;       /* nodes examined for a place; for tests */
};

#define JS_NODES_INIT                                                          \
    {                                                                          \
        .by_hash = JS_IDMAP_OF(struct js_node_state, hash, next)               \
    }

void js_nodes_release(struct js_nodes *nodes);

/* Returns the node that a process reports, and adds it if no process was on it
 * before; or NULL with errno ENOMEM. */
struct js_node_state *js_nodes_find(struct js_nodes *nodes,
                                    const struct js_node *about);

/* Returns the slave with this rank, or NULL. */
static inline struct js_node_member *
js_nodes_find_slave(const struct js_nodes *nodes, unsigned rank)
{
    struct js_node_member *member =
        rank < nodes->member_end ? nodes->members[rank] : NULL;
    return member && member->is_slave ? member : NULL;
}

/* Gives the node a copy of its resources. Only the first call for a node has an
 * effect. Returns 0, or -1 with errno ENOMEM. */
int js_nodes_describe(struct js_nodes *nodes, struct js_node_state *node,
                      const struct js_resources *from);

/* Add the slots of the slave, or remove them; its node must have its resources
 * already. js_nodes_fit() copies the home cores of `slots` slots. Returns 0, or
 * -1 with errno ENOMEM. */
int js_nodes_fit(struct js_nodes *nodes, struct js_node_member *slave,
                 const uint32_t *homes, uint32_t slots);
void js_nodes_unfit(struct js_nodes *nodes, struct js_node_member *slave);

/* Notes a change of the node that may affect the search for places. The other
 * functions here that change a node do this themselves. */
void js_nodes_touch(struct js_nodes *nodes, struct js_node_state *node);

/* Sets aside the cores from `first` to `end` - 1, or releases them. */
void js_nodes_set_aside(struct js_nodes *nodes, struct js_node_state *node,
                        uint32_t first, uint32_t end, bool is_set_aside);

/* Take what the allocation lists, or give it back, on its first node only. The
 * job belongs to slave `holder`. */
void js_nodes_hold(struct js_nodes *nodes,
                   const struct js_allocation *allocation, unsigned holder);
void js_nodes_let_go(struct js_nodes *nodes,
                     const struct js_allocation *allocation);

static inline bool js_node_core_has_room(const struct js_node_core *core)
{
    return core->used < core->room;
}

/* True if the node could meet the request if nothing else ran on it. A node
 * whose memory is unknown refuses no request for memory. */
static inline bool js_node_could(const struct js_node_state *node,
                                 const struct js_request *request)
{
    const struct js_resources *have = &node->resources;
    return node->equipped > 0 && request->cores <= have->core_count &&
           request->gpus <= have->gpu_count &&
           (have->mem_bytes == 0 || request->mem_bytes <= have->mem_bytes);
}

/* True if fewer GPUs, or less memory, are free than the request needs. */
static inline bool js_node_lacks_gpus(const struct js_node_state *node,
                                      const struct js_request *request)
{
    return request->gpus > node->free_gpus;
}

static inline bool js_node_lacks_mem(const struct js_node_state *node,
                                     const struct js_request *request)
{
    return node->resources.mem_bytes > 0 &&
           request->mem_bytes > node->free_mem_bytes;
}

/* True if the GPUs and the memory that the reservation leaves to others suffice
 * for the request. A job that needs none of the kept resources is not held
 * up. */
bool js_node_has_unkept(const struct js_node_state *node,
                        const struct js_request *request);

/* Checks the invariants by recounting; aborts if one does not hold. Returns the
 * cores and GPUs that are held. */
struct js_request js_nodes_assert_invariants(const struct js_nodes *nodes);

#endif
