/*
 * topo - the cores of this machine; the only module that knows hwloc.
 *
 * Everything comes out as a js_cpuset, because hwloc's own binding call
 * allocates and so may not run in a process about to exec.
 */
#ifndef JS_NODE_TOPO_H
#define JS_NODE_TOPO_H

#include "base/cpuset.h"
#include "base/err.h"
#include "list/resources.h"

struct js_topo;

/* "hwloc 2.9.0", as it was built with. */
const char *js_topo_library(void);

/* This machine; a machine described to hwloc ("pack:2 core:4 pu:2"); one
 * saved as XML. NULL with *err set. */
struct js_topo *js_topo_new(struct js_err *err);
struct js_topo *js_topo_new_synthetic(const char *description,
                                      struct js_err *err);
struct js_topo *js_topo_new_xml(const char *path, struct js_err *err);

void js_topo_free(struct js_topo *topo); /* NULL is allowed; keeps errno */

/* What this process may use of the machine: the CPUs it inherited, or its
 * parent's where the launcher bound it (see base/launchenv.h). Never more
 * than the machine's allowed set. Returns 0, or -1 with *err. */
int js_topo_inherited(const struct js_topo *topo, struct js_cpuset *ret,
                      struct js_err *err);

/* All CPUs of the machine that may be used. */
void js_topo_all(const struct js_topo *topo, struct js_cpuset *ret);

/* How many cores the set touches. */
unsigned js_topo_cores(const struct js_topo *topo, const struct js_cpuset *set);

/*
 * Part `index` (from 0) of `pool` divided among `count`. The parts are runs of
 * neighbouring cores; their numbers of cores differ by one at most, and every
 * package, NUMA node and cache has its share of them. Together they cover all
 * CPUs of the pool that the machine has, and no two overlap. If count exceeds
 * the number of cores, each part is one core, and several parts are the same. A
 * part has all hardware threads of its cores that are in the pool, and is never
 * empty. Returns 0, or -1 with *err (the pool has no CPU of this machine).
 */
int js_topo_part(const struct js_topo *topo, const struct js_cpuset *pool,
                 unsigned count, unsigned index, struct js_cpuset *ret,
                 struct js_err *err);

/*
 * Chooses `count` cores of the set, or all if it has fewer: first those without
 * a CPU of `avoided`, then others, each in hwloc's order.
 */
void js_topo_prefer(const struct js_topo *topo, const struct js_cpuset *set,
                    const struct js_cpuset *avoided, unsigned count,
                    struct js_cpuset *ret);

/* The first core of the set (its hardware threads that are in the set). Same
 * failure as above. */
int js_topo_first_core(const struct js_topo *topo, const struct js_cpuset *set,
                       struct js_cpuset *ret, struct js_err *err);

/*
 * The cores of `pool` in their order, each with its threads that are in the
 * pool; and the GPUs of the machine, without their memory: PCI display and 3D
 * controllers of NVIDIA and AMD, in the order of their PCI addresses, and named
 * "0", "1" ... in that order. (A vendor's count begins at 0; if there are both,
 * NVIDIA's are taken.) *ret must be empty. 0, or -1 with *err.
 */
int js_topo_resources(const struct js_topo *topo, const struct js_cpuset *pool,
                      struct js_resources *ret, struct js_err *err);

/* The NUMA nodes (by the kernel's numbers) nearest to the CPUs, as a set. */
void js_topo_numa(const struct js_topo *topo, const struct js_cpuset *cpus,
                  struct js_cpuset *ret_nodes);

/* How many NUMA nodes the machine has. */
unsigned js_topo_numa_count(const struct js_topo *topo);

#endif
