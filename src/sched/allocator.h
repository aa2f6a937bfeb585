/*
 * allocator - the nodes of a run, and who holds what of them.
 *
 * Pure bookkeeping of what the processes report about the machine they are on.
 * The CPUs of a node are those of all processes on it together, the master's
 * among them (nothing is set aside for the master).
 *
 * Counting. A slave has slots; each slot has a home core. A core has room for
 * as many jobs at once as slots have their home there, and for one at least:
 * so no core is held twice unless slaves outnumber cores. An allocation is what
 * one running job holds: a slot of a slave, as many cores as the job needs (the
 * slot's home among them), GPUs and memory of that node. A slot is free when no
 * allocation has it and its home core has room; so a job of four cores leaves
 * the slots at home on its other three cores with nothing to run.
 *
 * Cores that slaves of other runs hold are allocated only to jobs that do not
 * fit on the others; unless slots have their home there, as there were no
 * others.
 *
 * A job of several nodes gets as much of each of them, all at once or nothing:
 * no job holds one node while it waits for another.
 *
 * One reservation at a time keeps big jobs from being starved by small ones:
 * nodes are chosen on which the big job could run. What it lacks there is set
 * aside: nobody else gets so many of a node's GPUs, or so much of its memory,
 * that less than the job needs would be left of what is free. Only when it
 * lacks neither on any of its nodes are cores set aside as well, and all else
 * that it needs: until then they would be idle. What was set aside once stays
 * so; thus each in its turn is free in the end, and the job begins.
 */
#ifndef JS_SCHED_ALLOCATOR_H
#define JS_SCHED_ALLOCATOR_H

#include "base/buf.h"
#include "list/job.h"
#include "list/resources.h"
#include "sched/nodes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct js_allocator;

struct js_allocator *js_allocator_new(void); /* or NULL with errno ENOMEM */

/* NULL is allowed. Keeps errno. */
void js_allocator_free(struct js_allocator *allocator);

/* Process `rank` is on `node`; a slave also takes a share of it. Ranks may
 * come in any order, each once. Returns 0, or -1 with errno ENOMEM. */
int js_allocator_add(struct js_allocator *allocator, unsigned rank,
                     const struct js_node *node, bool is_slave);

/* Where a slave is. */
struct js_location {
    const struct js_node *node; /* owned by the allocator; its cpus are those of
                                   all processes there */
    unsigned index;  /* among the slaves of its node, in the order of ranks */
    unsigned slaves; /* on its node */
};

/* Returns 0, or -1 with errno ENOENT for a rank that is no slave here. */
int js_allocator_locate(const struct js_allocator *allocator, unsigned rank,
                        struct js_location *ret);

/* ------------------------------------------------- allocations */

/*
 * What a slave reported when it was ready: what its node has (the first slave
 * of a node counts; resources is copied), and the home core of each of its
 * slots as an index into these cores (below core_count). 0, or -1 with errno
 * ENOMEM, ENOENT (no slave here), EEXIST (it was equipped before) or EINVAL (a
 * home that is no core).
 */
int js_allocator_equip(struct js_allocator *allocator, unsigned rank,
                       const struct js_resources *resources,
                       const uint32_t *homes, uint32_t slots);

/* The slave is lost. Its slots are gone; a node without slaves can run nothing.
 * Allocations keep what they hold of it until they are released. Unknown slaves
 * are ignored. */
void js_allocator_drop(struct js_allocator *allocator, unsigned rank);

/* The CPUs and the GPUs ("0,1", "" for none) that an allocation holds of its
 * first node; and the names of all its hosts ("n1,n2"), the first node's first.
 * The lists are appended; 0, or -1 with errno ENOMEM. */
void js_allocation_cpus(const struct js_allocator *allocator,
                        const struct js_allocation *allocation,
                        struct js_cpuset *ret);
int js_allocation_gpus(const struct js_allocator *allocator,
                       const struct js_allocation *allocation,
                       struct js_buf *buf);
int js_allocation_hosts(const struct js_allocator *allocator,
                        const struct js_allocation *allocation,
                        struct js_buf *buf);

/* A free slot of this slave, the lowest one, for a job that needs one core and
 * nothing else: true and the allocation, or false if none is free. */
bool js_allocator_take_slot(struct js_allocator *allocator, unsigned rank,
                            struct js_allocation *ret);

/* True if slots of its node share a core: then whether one is free depends on
 * what other slaves there run, be it a plain job. */
bool js_allocator_is_shared(const struct js_allocator *allocator,
                            unsigned rank);

/* How many of its slots are free. */
uint32_t js_allocator_free_slots(const struct js_allocator *allocator,
                                 unsigned rank);

/* How many slots of all slaves have a job, or none because other jobs hold
 * their cores. One that is set aside is not busy. */
uint64_t js_allocator_busy_slots(const struct js_allocator *allocator);

/*
 * Room anywhere for a job with this request, but not on slave `avoid` while
 * there is another that could ever run it (0: anywhere); and not where `usable`
 * returns false for a slave (NULL: all are usable). Of the places that fit, one
 * within a cache, else within a NUMA node; of these the one that leaves the
 * fewest cores free there; cores are neighbours where that is possible; GPUs
 * near the cores are preferred. Of several nodes the ones with the best places.
 * Returns 1 and the allocation, 0 if there is no room now, -1 with errno
 * ENOMEM.
 */
typedef bool (*js_allocator_usable_fn)(void *arg, unsigned rank);
int js_allocator_take(struct js_allocator *allocator,
                      const struct js_request *request, unsigned avoid,
                      js_allocator_usable_fn usable, void *arg,
                      struct js_allocation *ret);

/* Gives back what the allocation holds, and frees it: it is all zero then. */
void js_allocator_release(struct js_allocator *allocator,
                          struct js_allocation *allocation);

/* True if as many nodes as the request needs, with nothing else on them, could
 * meet it; and how many nodes could, beside slave `avoid`. */
bool js_allocator_could(const struct js_allocator *allocator,
                        const struct js_request *request, unsigned avoid);
uint32_t js_allocator_count_nodes(const struct js_allocator *allocator,
                                  const struct js_request *request,
                                  unsigned avoid);

/* ------------------------------------------------- the reservation */

/*
 * Sets aside what a job lacks that does not fit now; false, and nothing, if it
 * could never run. Where the least has to end for it: on the nodes that lack
 * only cores, if there are such, and of these on those with the fewest busy
 * ones among the cores to be had. There must be no reservation.
 */
bool js_allocator_reserve(struct js_allocator *allocator,
                          const struct js_request *request, unsigned avoid);

/* The job still does not fit: sets aside what else it lacks by now. True if
 * these are cores. */
bool js_allocator_reserve_more(struct js_allocator *allocator);

/* Ends the reservation, if there is one. */
void js_allocator_unreserve(struct js_allocator *allocator);

bool js_allocator_has_reservation(const struct js_allocator *allocator);
bool js_allocator_has_cores_reserved(const struct js_allocator *allocator);

/* True if a home core of this slave is set aside: it should be given nothing
 * ahead of time. */
bool js_allocator_is_reserved(const struct js_allocator *allocator,
                              unsigned rank);

/* Room for the job of the reservation, which is over then, there or anywhere
 * else. Returns as js_allocator_take(); 0 also if there is no reservation. */
int js_allocator_take_reserved(struct js_allocator *allocator,
                               js_allocator_usable_fn usable, void *arg,
                               struct js_allocation *ret);

/* Slaves on the same node as this one, by ascending rank. Returns how many;
 * *ret is owned by the allocator. */
size_t js_allocator_neighbours(const struct js_allocator *allocator,
                               unsigned rank, const unsigned **ret);

/* For messages: of each count the largest that a node has. */
struct js_request js_allocator_largest(const struct js_allocator *allocator);

/* Recounts what is free, held and set aside, and aborts if a count is wrong.
 * For tests and debug builds. Returns the cores and GPUs that allocations hold.
 */
struct js_request
js_allocator_assert_invariants(const struct js_allocator *allocator);

#endif
