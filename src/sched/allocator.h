/*
 * allocator - the nodes of a run, and what each job holds on them.
 *
 * Keeps track of what the processes report about their machines. The CPUs of a
 * node are those of all processes on it, the master included: nothing is set
 * aside for the master.
 *
 * Counting. A slave has slots, and each slot has a home core. A core has room
 * for as many jobs at once as there are slots at home on it, and for at least
 * one. So no core is held twice unless there are more slots than cores. An
 * allocation is what one running job holds: a slot of a slave, as many cores as
 * the job needs (the slot's home among them), GPUs and memory of that node. A
 * slot is free when no allocation holds it and its home core has room. So a job
 * of four cores leaves nothing to run on the slots whose homes are its other
 * three cores.
 *
 * Cores of other runs. Cores that slaves of other runs hold are allocated only
 * to jobs that do not fit on the others. The exception is cores that are home
 * to slots because there were no others.
 *
 * Several nodes. A job of several nodes gets the same amount of each of them,
 * all at once or nothing. So no job holds one node while it waits for another.
 *
 * Reservation. One reservation at a time keeps small jobs from starving a big
 * one. The allocator chooses nodes on which the big job could run, and sets
 * aside what it lacks there: no other job may take GPUs or memory of these
 * nodes if too little would remain free for the big job. Only when the job
 * lacks neither GPUs nor memory on any of its nodes are cores set aside as
 * well, with all else that it needs; cores set aside earlier would only idle.
 * What is set aside stays set aside. So everything that the job needs becomes
 * free in the end, and the job begins.
 */
#ifndef JS_SCHED_ALLOCATOR_H
#define JS_SCHED_ALLOCATOR_H

#include "base/buf.h"
#include "base/err.h"
#include "list/job.h"
#include "list/resources.h"
#include "list/source.h"
#include "sched/nodes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct js_allocator;

struct js_allocator *js_allocator_new(void); /* or NULL with errno ENOMEM */

/* NULL is allowed. Keeps errno. */
void js_allocator_free(struct js_allocator *allocator);

/* Adds process `rank`, which is on the node `about`; a slave also gets a share
 * of the node. Ranks may be added in any order, but each only once. Returns 0,
 * or -1 with errno ENOMEM. */
int js_allocator_add(struct js_allocator *allocator, unsigned rank,
                     const struct js_node *about, bool is_slave);

/* The place of a slave. */
struct js_location {
    const struct js_node_about *node; /* owned by the allocator */
    uint32_t cores;  /* cores of the node; 0: it has not been described */
    unsigned index;  /* position among the slaves of its node, by rank */
    unsigned slaves; /* number of slaves on its node */
};

/* Returns 0, or -1 with errno ENOENT if no slave has this rank. */
int js_allocator_locate(const struct js_allocator *allocator, unsigned rank,
                        struct js_location *ret);

/* ------------------------------------------------- the slaves' slots */

/* Records the resources of a slave's node (copied). Only the first description
 * of a node counts. Returns 0, or -1 with errno ENOMEM or ENOENT (no such
 * slave). */
int js_allocator_describe(struct js_allocator *allocator, unsigned rank,
                          const struct js_resources *resources);

/*
 * Records the home core of each slot of a slave, as an index into the cores of
 * its node (below core_count). `resources` describe the node; NULL: it has been
 * described already. Returns 0, or -1 with errno ENOMEM, ENOENT (no such
 * slave), EEXIST (already recorded) or EINVAL (a home is not one of the cores).
 */
int js_allocator_equip(struct js_allocator *allocator, unsigned rank,
                       const struct js_resources *resources,
                       const uint32_t *homes, uint32_t slots);

/* Records that the slave is lost: its slots are gone. A node without slaves can
 * run nothing. Allocations keep what they hold there until they are released.
 * An unknown slave is ignored. */
void js_allocator_drop(struct js_allocator *allocator, unsigned rank);

/* Sets whether the slave belongs to JS_SLAVES_OPEN, and to JS_SLAVES_EMPTY. At
 * first it belongs to neither. All slaves belong to JS_SLAVES_ALL. An unknown
 * slave is ignored. */
void js_allocator_admit(struct js_allocator *allocator, unsigned rank,
                        bool is_open, bool is_empty);

/* True if these are the values set last for the slave. For tests. */
bool js_allocator_is_admitted(const struct js_allocator *allocator,
                              unsigned rank, bool is_open, bool is_empty);

/* Reports each slave whose free slots, or js_allocator_is_reserved(), may have
 * changed since it was last reported, in no particular order. Returns false if
 * no such slave is left. */
bool js_allocator_next_changed(struct js_allocator *allocator,
                               unsigned *ret_rank);

/* True if the slave has not been reported yet. For tests. */
bool js_allocator_is_changed(const struct js_allocator *allocator,
                             unsigned rank);

/* ------------------------------------------------- allocations */

/* Report what an allocation holds: the CPUs and the GPUs ("0,1", or "" for
 * none) of its first node, and the names of all its hosts ("n1,n2"), beginning
 * with the first node. The lists are appended to `buf`. Return 0, or -1 with
 * errno ENOMEM. */
void js_allocation_cpus(const struct js_allocator *allocator,
                        const struct js_allocation *allocation,
                        struct js_cpuset *ret);
int js_allocation_gpus(const struct js_allocator *allocator,
                       const struct js_allocation *allocation,
                       struct js_buf *buf);
int js_allocation_hosts(const struct js_allocator *allocator,
                        const struct js_allocation *allocation,
                        struct js_buf *buf);

/* Takes the lowest free slot of this slave for a job that needs one core and
 * nothing else. Returns true and the allocation, or false if no slot is
 * free. */
bool js_allocator_take_slot(struct js_allocator *allocator, unsigned rank,
                            struct js_allocation *ret);

/* Returns the slave whose job holds this slot, or 0. The slave must be known;
 * it may be lost. */
unsigned js_allocator_holder(const struct js_allocator *allocator,
                             unsigned rank, uint32_t slot);

/* Returns how many slots of this slave are free. */
uint32_t js_allocator_free_slots(const struct js_allocator *allocator,
                                 unsigned rank);

/* Returns how many slots of all slaves are busy: a slot is busy if it has a
 * job, or if other jobs hold its core. A slot that is set aside is not busy. */
uint64_t js_allocator_busy_slots(const struct js_allocator *allocator);

/*
 * Finds and takes room for a job with this request. Slave `avoid` (0: none) is
 * not used if another slave could ever run the job. Only the slots of `slaves`
 * are used.
 *
 * A place within one cache is preferred, else one within a NUMA node; among
 * several, the one that leaves the fewest cores free there. Cores are
 * neighbours where possible, and GPUs near the cores are preferred. A job of
 * several nodes gets those with the best places.
 *
 * Returns 1 with the allocation in *ret, 0 if there is no room now, or -1 with
 * errno ENOMEM.
 */
int js_allocator_take(struct js_allocator *allocator,
                      const struct js_request *request, unsigned avoid,
                      enum js_slaves slaves, struct js_allocation *ret);

/* Gives back and frees what the allocation holds. Afterwards it is all zero.
 */
void js_allocator_release(struct js_allocator *allocator,
                          struct js_allocation *allocation);

/* Check whether the request could be met if nothing else ran.
 * js_allocator_could() returns true if as many nodes as the request needs could
 * meet it. js_allocator_count_nodes() returns how many nodes could. Slave
 * `avoid` does not count. */
bool js_allocator_could(const struct js_allocator *allocator,
                        const struct js_request *request, unsigned avoid);
uint32_t js_allocator_count_nodes(const struct js_allocator *allocator,
                                  const struct js_request *request,
                                  unsigned avoid);

/* ------------------------------------------------- the reservation */

/*
 * Sets aside what is lacking for a job that does not fit now. Returns false,
 * and sets nothing aside, if the job could never run. There must be no
 * reservation yet. The nodes chosen are those where the least has to end before
 * the job fits: nodes that lack only cores are preferred, and among these the
 * ones with the fewest busy cores in the range that the job would get.
 */
bool js_allocator_reserve(struct js_allocator *allocator,
                          const struct js_request *request, unsigned avoid);

/* Sets aside the other resources that the job of the reservation lacks by now,
 * because it still does not fit. Returns true if this call has set cores
 * aside. */
bool js_allocator_reserve_more(struct js_allocator *allocator);

/* Ends the reservation, if there is one. */
void js_allocator_unreserve(struct js_allocator *allocator);

bool js_allocator_has_reservation(const struct js_allocator *allocator);
bool js_allocator_has_cores_reserved(const struct js_allocator *allocator);

/* True if a home core of this slave is set aside. Then the slave should get no
 * jobs ahead of time. */
bool js_allocator_is_reserved(const struct js_allocator *allocator,
                              unsigned rank);

/* Takes room for the job of the reservation, on the nodes chosen for it or on
 * any others, and ends the reservation. Returns the same values as
 * js_allocator_take(), and 0 also if there is no reservation. */
int js_allocator_take_reserved(struct js_allocator *allocator,
                               enum js_slaves slaves,
                               struct js_allocation *ret);

/* Finds the slaves on the node of this slave, itself included, in ascending
 * order of rank. Returns how many there are. The allocator owns *ret. */
size_t js_allocator_neighbours(const struct js_allocator *allocator,
                               unsigned rank, const unsigned **ret);

/* ------------------------------------------------- jobs that never run */

/* Appends what is needed on each node: "4 cores, 1 GPU, 2048.0 MiB of memory".
 * Returns 0, or -1 with errno ENOMEM. */
int js_request_describe(const struct js_request *request, struct js_buf *buf);

/* Appends why js_allocator_could() refuses the job: "job 12 (line 14) can never
 * run here: it needs 99 cores; no node has more than 8 cores, 64180.0 MiB of
 * memory". For a job of several nodes it is "... it needs 4 cores on each of 3
 * nodes, but only 1 of 2 nodes could provide that; no node ...". Returns 0, or
 * -1 with errno ENOMEM. */
int js_allocator_refusal(const struct js_allocator *allocator, uint64_t id,
                         uint64_t line, const struct js_request *request,
                         struct js_buf *buf);

/* Examines all jobs of a regular file and reports the first twenty that can
 * never run, because they are larger than every node or need more nodes than
 * there are. Returns how many there are. Consecutive jobs with equal needs
 * count as one. */
uint64_t js_allocator_check(const struct js_allocator *allocator,
                            const struct js_source *source,
                            const struct js_log *log);

/* Returns how many nodes all calls so far have examined in search of room. For
 * tests. */
uint64_t js_allocator_looks(const struct js_allocator *allocator);

/* Recounts what is free, held and set aside, and aborts if a count is wrong.
 * For tests and debug builds. Returns the cores and GPUs that allocations
 * hold. */
struct js_request
js_allocator_assert_invariants(struct js_allocator *allocator);

#endif
