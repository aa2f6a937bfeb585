/*
 * slave_setup - what a slave derives from its SETUP: its slots and their CPUs,
 * the resources of its node, and the environment and settings of the jobs.
 *
 * Owns what it has derived. Sends nothing.
 */
#ifndef JS_MPI_SLAVE_SETUP_H
#define JS_MPI_SLAVE_SETUP_H

#include "base/cpuset.h"
#include "list/resources.h"
#include "mpi/wire.h"
#include "node/topo.h"

struct js_slave_setup_share {
    uint32_t slots;
    struct js_cpuset *slot_cpus; /* the CPUs to which each slot's job is
                                    bound */
    uint32_t *homes;             /* the core of each slot, an index into the
                                    resources */
    struct js_cpuset home;       /* the union of slot_cpus */
    struct js_resources resources;
};

/*
 * Finds the resources of this node: the cores of `cpus`, its memory, and its
 * GPUs. `gpus` is the number of GPUs; if it is JS_WIRE_GPUS_FOUND, they are
 * those that `environ` (the environment of this process) grants us, or else
 * those that exist. Returns 0, or -1 with *err; *ret must be released in either
 * case.
 */
int js_slave_setup_resources(const struct js_topo *topo,
                             const struct js_cpuset *cpus, uint32_t gpus,
                             const char *const *environ,
                             struct js_resources *ret, struct js_err *err);

/* Derives the share from a SETUP. Returns 0, or -1 with *err; *ret must be
 * released in either case. */
int js_slave_setup_share_init(struct js_slave_setup_share *ret,
                              const struct js_topo *topo,
                              const struct js_wire_setup *setup,
                              const char *const *environ, struct js_err *err);
void js_slave_setup_share_release(
    struct js_slave_setup_share *share); /* may be all zero */

/* Makes the jobs' environment: the master's, with the variables that belong to
 * this host. The list must be freed; its strings are borrowed. Returns NULL
 * with errno ENOMEM if there is no memory. */
const char **js_slave_setup_environ(const struct js_wire_setup *setup,
                                    const char *const *environ);

/* Returns the settings of the jobs, with this host's own folder for temporary
 * files if the master names none. */
struct js_settings js_slave_setup_settings(const struct js_wire_setup *setup,
                                           const char *own_tmpdir);

/* Reports in *err that there is no memory. Returns -1. */
static inline int js_slave_setup_no_memory(struct js_err *err)
{
    return js_err_set(err, "the slave has no memory left");
}

#endif
