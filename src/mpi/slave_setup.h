/*
 * slave_setup - what a slave makes of its SETUP: its slots, what they are
 * bound to, what its node has for jobs, and the jobs' environment and settings.
 *
 * Owns what it has made. Sends nothing.
 */
#ifndef JS_MPI_SLAVE_SETUP_H
#define JS_MPI_SLAVE_SETUP_H

#include "base/cpuset.h"
#include "list/resources.h"
#include "mpi/wire.h"
#include "node/topo.h"

struct js_slave_setup_share {
    uint32_t slots;
    struct js_cpuset *slot_cpus; /* what the job of each is bound to */
    uint32_t *homes;             /* its core, an index into the resources */
    struct js_cpuset home;       /* the union of slot_cpus */
    struct js_resources resources;
};

/*
 * What this node has for jobs: the cores of `cpus`, its memory, and GPUs:
 * so many, or JS_WIRE_GPUS_FOUND: those that `environ` (this process's) says we
 * were given, else those that are there. Returns 0, or -1 with *err; *ret is to
 * be released either way.
 */
int js_slave_setup_resources(const struct js_topo *topo,
                             const struct js_cpuset *cpus, uint32_t gpus,
                             const char *const *environ,
                             struct js_resources *ret, struct js_err *err);

/* Same result and failure. */
int js_slave_setup_share_init(struct js_slave_setup_share *ret,
                              const struct js_topo *topo,
                              const struct js_wire_setup *setup,
                              const char *const *environ, struct js_err *err);
void js_slave_setup_share_release(
    struct js_slave_setup_share *share); /* all zero is ok */

/* The jobs' environment: the master's, and what this host says of itself. The
 * list is to be freed, its strings are borrowed. NULL with errno ENOMEM. */
const char **js_slave_setup_environ(const struct js_wire_setup *setup,
                                    const char *const *environ);

/* The settings, with this host's own folder where the master names none. */
struct js_settings js_slave_setup_settings(const struct js_wire_setup *setup,
                                           const char *own_tmpdir);

/* Sets *err to say so; returns -1. */
int js_slave_setup_no_memory(struct js_err *err);

#endif
