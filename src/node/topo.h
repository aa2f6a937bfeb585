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

/* Returns the hwloc version that this program was built with: "hwloc 2.9.0".
 */
const char *js_topo_library(void);

/* Load this machine, a machine described to hwloc ("pack:2 core:4 pu:2"), or
 * one saved as XML. Return NULL with *err set on failure. */
struct js_topo *js_topo_new(struct js_err *err);
struct js_topo *js_topo_new_synthetic(const char *description,
                                      struct js_err *err);
struct js_topo *js_topo_new_xml(const char *path, struct js_err *err);

void js_topo_free(struct js_topo *topo); /* NULL is allowed; keeps errno */

/* Finds the CPUs that this process may use: those it inherited or, where the
 * launcher bound it, those of its parent (see base/launchenv.h). They are never
 * more than the machine's allowed set. Returns 0, or -1 with *err. */
int js_topo_inherited(const struct js_topo *topo, struct js_cpuset *ret,
                      struct js_err *err);

/* Finds all CPUs of the machine that may be used. */
void js_topo_all(const struct js_topo *topo, struct js_cpuset *ret);

/* Returns how many cores the set touches. */
unsigned js_topo_cores(const struct js_topo *topo, const struct js_cpuset *set);

/*
 * Divides `pool` into `count` parts and returns part `index` (from 0) in *ret.
 * The parts are runs of neighbouring cores; their numbers of cores differ by at
 * most one, and every package, NUMA node and cache has its share of them.
 * Together they cover all CPUs of the pool that the machine has, and no two
 * overlap. If count exceeds the number of cores, each part is one core, and
 * several parts are the same. A part has all hardware threads of its cores that
 * are in the pool, and is never empty. Returns 0, or -1 with *err if the pool
 * has no CPU of this machine.
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

/* Finds the first core of the set, with those of its hardware threads that are
 * in the set. Fails like js_topo_part(). */
int js_topo_first_core(const struct js_topo *topo, const struct js_cpuset *set,
                       struct js_cpuset *ret, struct js_err *err);

/*
 * Lists the cores of `pool` in their order, each with those of its threads that
 * are in the pool; and the GPUs of the machine, without their memory: PCI
 * display and 3D controllers of NVIDIA and AMD, in the order of their PCI
 * addresses, and named "0", "1" ... in that order. (Each vendor counts from 0;
 * if there are GPUs of both, NVIDIA's are taken.) *ret must be empty. Returns
 * 0, or -1 with *err.
 */
int js_topo_resources(const struct js_topo *topo, const struct js_cpuset *pool,
                      struct js_resources *ret, struct js_err *err);

/* Finds the NUMA nodes nearest to the CPUs, as a set of the kernel's numbers.
 */
void js_topo_numa(const struct js_topo *topo, const struct js_cpuset *cpus,
                  struct js_cpuset *ret_nodes);

/* Returns how many NUMA nodes the machine has. */
unsigned js_topo_numa_count(const struct js_topo *topo);

#endif
