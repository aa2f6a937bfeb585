/*
 * places - where the ranks of a run start, and how many slaves there are.
 *
 * The places are the hosts of a hostfile, what Slurm has granted, or this
 * machine. Owns the table of hosts.
 */
#ifndef JS_LAUNCH_PLACES_H
#define JS_LAUNCH_PLACES_H

#include "base/buf.h"
#include "base/err.h"
#include "launch/hosts.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * On JS_PLACES_MANY_NODES nodes or more, unless `slaves` or the slots of each
 * slave are given, the slaves of a node are merged: there are as few slaves as
 * possible, and each has the slots of those that it replaces. All slaves have
 * the same number of slots, JS_PLACES_MERGED_MOST at most, so nodes of 128, 128
 * and 64 tasks get eight, eight and four slaves of 16 slots. The time that a
 * run takes to start, the heartbeats, and the memory of the master all grow
 * with the number of slaves. But a slave starts its jobs one after another: one
 * slave of two slots took 1.2 times as long for /bin/true as two slaves of one
 * slot (measured on two cores).
 */
enum {
    JS_PLACES_MANY_NODES = 64,
    JS_PLACES_MERGED_MOST = 16,
    JS_PLACES_SLOTS_MOST = 4096, /* of a slave, if they are given */
};

/* What the user has asked for. */
struct js_places_request {
    const char *hostfile; /* NULL: this machine, or what Slurm has granted */
    uint64_t slaves;      /* 0: one for each core, slot or task; see above */
    bool has_slots;       /* the slots of each slave are given */
};

/* All zero: none. */
struct js_places {
    struct js_hosts hosts; /* none: this machine, or everything that Slurm has
                              granted */
    uint64_t slaves;
    uint32_t slots; /* of each slave; 0: as given, or one */
    bool is_merged; /* the slaves of each node are merged; the numbers of slots
                       in the hostfile do not apply then */
    struct js_buf tasks_per_node; /* ... in Slurm, for its variable
                                     SLURM_TASKS_PER_NODE; else empty */
};

/* Finds the places, and says on stderr if slaves are merged. Returns 0, or -1
 * with *err; *ret must be released even then. */
int js_places_find(struct js_places *ret,
                   const struct js_places_request *request, struct js_err *err);

void js_places_release(struct js_places *places);

/* True if rank 0 starts on another host. */
bool js_places_is_first_elsewhere(const struct js_places *places);

/* True if no rank starts on another host. */
bool js_places_are_here(const struct js_places *places);

#endif
