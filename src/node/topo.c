#include "node/topo.h"

#include "base/launchenv.h"

#include <errno.h>
#include <hwloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORDS = JS_CPUS_MAX / JS_CPUS_PER_WORD };

struct js_topo {
    hwloc_topology_t machine; /* NULL until hwloc_topology_init() */
};

const char *js_topo_library(void)
{
    return "hwloc " HWLOC_VERSION;
}

/*
 * Loads only objects that show which cores are neighbours (which orders the
 * cores, however the system numbers its CPUs) and, of the I/O devices, only
 * those that matter (GPUs): with the flags below, loading takes a third of the
 * time. Objects that add no level are left out (KEEP_STRUCTURE), but cores stay
 * even where each has a single thread.
 *
 * Without DONT_CHANGE_BINDING hwloc moves this process over every CPU in turn
 * to ask each its identity: on a busy machine that waits for all of them.
 */
static struct js_topo *topo_unloaded(void)
{
    static const hwloc_obj_type_t levels[] = {
        HWLOC_OBJ_PACKAGE, HWLOC_OBJ_DIE,     HWLOC_OBJ_GROUP,
        HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L2CACHE,
    };
    unsigned long flags = 0;
#if HWLOC_API_VERSION >= 0x00020500
    flags |= HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING;
#endif
#if HWLOC_API_VERSION >= 0x00020800
    flags |= HWLOC_TOPOLOGY_FLAG_NO_DISTANCES |
             HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS | HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS;
#endif
    struct js_topo *topo = calloc(1, sizeof(*topo));
    hwloc_topology_t machine = NULL;
    int rc = topo ? hwloc_topology_init(&machine) : -1;
    bool has_machine = rc == 0;
    if (rc == 0)
        rc = hwloc_topology_set_all_types_filter(machine,
                                                 HWLOC_TYPE_FILTER_KEEP_NONE);
    for (size_t i = 0; rc == 0 && i < sizeof(levels) / sizeof(levels[0]); i++)
        rc = hwloc_topology_set_type_filter(machine, levels[i],
                                            HWLOC_TYPE_FILTER_KEEP_STRUCTURE);
    if (rc == 0)
        rc = hwloc_topology_set_type_filter(machine, HWLOC_OBJ_PCI_DEVICE,
                                            HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
    if (rc == 0)
        rc = hwloc_topology_set_type_filter(machine, HWLOC_OBJ_CORE,
                                            HWLOC_TYPE_FILTER_KEEP_ALL);
    if (rc == 0)
        rc = hwloc_topology_set_flags(machine, flags);
    if (topo)
        topo->machine = has_machine ? machine : NULL;
    if (rc == 0)
        return topo;
    js_topo_free(topo);
    return NULL;
}

/* Returns `topo` if it can be loaded; otherwise frees it and returns NULL. */
static struct js_topo *topo_loaded(struct js_topo *topo, struct js_err *err)
{
    errno = 0;
    if (hwloc_topology_load(topo->machine) < 0) {
        if (errno == 0) /* a description that contradicts itself */
            errno = EINVAL;
        js_err_errno(err, "hwloc cannot detect the cores of this machine");
        js_topo_free(topo);
        return NULL;
    }
    int last =
        hwloc_bitmap_last(hwloc_topology_get_topology_cpuset(topo->machine));
    if (last < JS_CPUS_MAX)
        return topo;
    js_err_set(err,
               "this machine has a CPU numbered %d; jobsched supports CPU "
               "numbers up to %d",
               last, JS_CPUS_MAX - 1);
    js_topo_free(topo);
    return NULL;
}

struct js_topo *js_topo_new(struct js_err *err)
{
    struct js_topo *topo = topo_unloaded();
    if (!topo) {
        js_err_errno(err, "cannot start hwloc");
        return NULL;
    }
    return topo_loaded(topo, err);
}

struct js_topo *js_topo_new_synthetic(const char *description,
                                      struct js_err *err)
{
    struct js_topo *topo = topo_unloaded();
    if (!topo || hwloc_topology_set_synthetic(topo->machine, description) < 0) {
        js_err_errno(err, "cannot use the machine description \"%s\"",
                     description);
        js_topo_free(topo);
        return NULL;
    }
    return topo_loaded(topo, err);
}

struct js_topo *js_topo_new_xml(const char *path, struct js_err *err)
{
    struct js_topo *topo = topo_unloaded();
    if (!topo || hwloc_topology_set_xml(topo->machine, path) < 0) {
        js_err_errno(
            err,
            "cannot read the description of a machine from the XML file %s",
            path);
        js_topo_free(topo);
        return NULL;
    }
    return topo_loaded(topo, err);
}

void js_topo_free(struct js_topo *topo)
{
    int saved = errno;
    if (topo && topo->machine)
        hwloc_topology_destroy(topo->machine);
    free(topo);
    errno = saved;
}

void js_topo_all(const struct js_topo *topo, struct js_cpuset *ret)
{
    js_cpuset_clear(ret);
    hwloc_bitmap_to_ulongs(hwloc_topology_get_allowed_cpuset(topo->machine),
                           WORDS, ret->word);
}

/* Finds the part of the set that the machine has and allows. */
static int topo_find_usable(const struct js_topo *topo,
                            const struct js_cpuset *set, struct js_cpuset *ret,
                            struct js_err *err)
{
    struct js_cpuset usable, all;
    struct js_buf text = JS_BUF_INIT;
    const char *sentence = "jobsched has no CPUs to use";
    js_topo_all(topo, &all);
    usable = all;
    js_cpuset_intersect(&usable, set);
    if (js_cpuset_count(&usable) > 0) {
        *ret = usable;
        return 0;
    }
    if (js_cpuset_count(set) > 0 &&
        js_buf_puts(&text, "none of the CPUs ") == 0 &&
        js_cpuset_format(set, &text) == 0 &&
        js_buf_puts(&text, " is available: this machine allows only CPUs ") ==
            0 &&
        js_cpuset_format(&all, &text) == 0 && js_buf_string(&text))
        sentence = js_buf_string(&text);
    js_err_set(err, "%s", sentence);
    js_buf_release(&text);
    errno = EINVAL;
    return -1;
}

int js_topo_inherited(const struct js_topo *topo, struct js_cpuset *ret,
                      struct js_err *err)
{
    struct js_cpuset cpus;
    if (js_launchenv_does(JS_LAUNCHENV_BINDS) &&
        js_cpuset_of_process(getppid(), &cpus) == 0)
        return topo_find_usable(topo, &cpus, ret, err);
    if (js_cpuset_of_process(0, &cpus) < 0)
        return js_err_errno(err, "cannot read the CPU set of this process");
    return topo_find_usable(topo, &cpus, ret, err);
}

/* Returns the next hardware thread in the set, in hwloc's order (neighbours
 * follow each other), or NULL. */
static hwloc_obj_t topo_next_thread(const struct js_topo *topo,
                                    const struct js_cpuset *set,
                                    hwloc_obj_t thread)
{
    do {
        thread =
            hwloc_get_next_obj_by_type(topo->machine, HWLOC_OBJ_PU, thread);
    } while (thread && !js_cpuset_has(set, thread->os_index));
    return thread;
}

/* Goes on to the next core that has threads in the set. *thread is the first of
 * these threads, or NULL at the beginning; it becomes the first thread of the
 * core that follows. Returns the core, and which of its CPUs are in the set; or
 * NULL after the last one. */
static hwloc_obj_t topo_next_core(const struct js_topo *topo,
                                  const struct js_cpuset *set,
                                  hwloc_obj_t *thread, struct js_cpuset *ret)
{
    hwloc_obj_t last = NULL;
    js_cpuset_clear(ret);
    while (*thread) {
        hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(
            topo->machine, HWLOC_OBJ_CORE, *thread);
        /* Where the system does not report cores, each hardware thread counts
         * as one. */
        if (!core)
            core = *thread;
        if (last && core != last)
            break;
        last = core;
        js_cpuset_add(ret, (*thread)->os_index);
        *thread = topo_next_thread(topo, set, *thread);
    }
    return last;
}

unsigned js_topo_cores(const struct js_topo *topo, const struct js_cpuset *set)
{
    unsigned count = 0;
    struct js_cpuset cpus;
    hwloc_obj_t thread = topo_next_thread(topo, set, NULL);
    while (topo_next_core(topo, set, &thread, &cpus))
        count++;
    return count;
}

/* Finds the threads in the set that belong to its cores number `first` to `end`
 * - 1. */
static void topo_take_cores(const struct js_topo *topo,
                            const struct js_cpuset *set, uint64_t first,
                            uint64_t end, struct js_cpuset *ret)
{
    struct js_cpuset cpus;
    hwloc_obj_t thread = topo_next_thread(topo, set, NULL);
    js_cpuset_clear(ret);
    for (uint64_t i = 0; i < end && topo_next_core(topo, set, &thread, &cpus);
         i++) {
        if (i >= first)
            js_cpuset_unite(ret, &cpus);
    }
}

/* The first pass takes the cores that have no CPU of `avoided`, the second the
 * others. */
void js_topo_prefer(const struct js_topo *topo, const struct js_cpuset *set,
                    const struct js_cpuset *avoided, unsigned count,
                    struct js_cpuset *ret)
{
    const struct js_cpuset from = *set; /* which *ret may be as well */
    struct js_cpuset cpus, both;
    js_cpuset_clear(ret);
    for (int pass = 0; pass < 2; pass++) {
        hwloc_obj_t thread = topo_next_thread(topo, &from, NULL);
        while (count > 0 && topo_next_core(topo, &from, &thread, &cpus)) {
            both = cpus;
            js_cpuset_intersect(&both, avoided);
            if ((js_cpuset_count(&both) > 0) != (pass == 1))
                continue;
            js_cpuset_unite(ret, &cpus);
            count--;
        }
    }
}

int js_topo_first_core(const struct js_topo *topo, const struct js_cpuset *set,
                       struct js_cpuset *ret, struct js_err *err)
{
    struct js_cpuset usable;
    if (topo_find_usable(topo, set, &usable, err) < 0)
        return -1;
    topo_take_cores(topo, &usable, 0, 1, ret);
    return 0;
}

/* Returns the number of the core with which a part begins. */
static uint64_t topo_part_start(unsigned cores, unsigned count, unsigned index)
{
    uint64_t scaled = (uint64_t)index * cores;
    return count > cores ? scaled / count : (scaled + count - 1) / count;
}

/*
 * The parts are the cores in hwloc's order, in which those of a cache, a NUMA
 * node and a package follow each other, cut into runs of equal length. So at
 * every level at once the parts that begin in an object are its share, rounded
 * up or down; rounding the starts up moves them into the next package where it
 * is close.
 *
 * Not hwloc_distrib(), though it serves the same end: it weighs by hardware
 * threads, so that where cores have unequal numbers of them in the pool
 * (half of a core excluded, hybrid processors) two parts get the same core
 * while another has two; and as it rounds level by level, three parts of two
 * packages of 64 cores are of 32, 32 and 64.
 */
int js_topo_part(const struct js_topo *topo, const struct js_cpuset *pool,
                 unsigned count, unsigned index, struct js_cpuset *ret,
                 struct js_err *err)
{
    struct js_cpuset usable;
    if (index >= count) {
        errno = EINVAL;
        return js_err_set(err, "part %u does not exist: there are %u parts",
                          index, count);
    }
    if (topo_find_usable(topo, pool, &usable, err) < 0)
        return -1;
    unsigned cores = js_topo_cores(topo, &usable);
    uint64_t first = topo_part_start(cores, count, index);
    uint64_t end =
        count > cores ? first + 1 : topo_part_start(cores, count, index + 1);
    topo_take_cores(topo, &usable, first, end, ret);
    return 0;
}

/* ---------------------------------------------------------------- resources */

/* Returns the index of the first NUMA node near the object, or 0. */
static uint16_t topo_numa_of(const struct js_topo *topo, hwloc_obj_t object)
{
    hwloc_obj_t node = NULL;
    while ((node = hwloc_get_next_obj_by_type(topo->machine, HWLOC_OBJ_NUMANODE,
                                              node))) {
        if (object->cpuset && node->cpuset &&
            hwloc_bitmap_intersects(node->cpuset, object->cpuset))
            return (uint16_t)node->logical_index;
    }
    return 0;
}

static int topo_add_cores(const struct js_topo *topo,
                          const struct js_cpuset *pool,
                          struct js_resources *ret)
{
    /* A core shares these with its nearest neighbours: its L3 cache or, if it
     * has none, its L2 cache or package. */
    static const hwloc_obj_type_t types[] = {
        HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_PACKAGE};
    struct js_cpuset cpus;
    hwloc_obj_t core, thread = topo_next_thread(topo, pool, NULL);
    while ((core = topo_next_core(topo, pool, &thread, &cpus))) {
        hwloc_obj_t shared = NULL;
        for (size_t i = 0; !shared && i < sizeof(types) / sizeof(types[0]); i++)
            shared =
                hwloc_get_ancestor_obj_by_type(topo->machine, types[i], core);
        uint16_t cache = shared ? (uint16_t)shared->logical_index : 0;
        if (js_resources_add_core(ret, &cpus, cache, topo_numa_of(topo, core)) <
            0)
            return -1;
    }
    return 0;
}

enum { VENDOR_NVIDIA = 0x10de, VENDOR_AMD = 0x1002 };

/* Adds the display controllers of any kind ("VGA", "3D", other) of that vendor.
 * hwloc has them in the order of their addresses. Returns how many. */
static int topo_add_gpus(const struct js_topo *topo, unsigned vendor,
                         struct js_resources *ret)
{
    enum { DISPLAY_CONTROLLER = 0x03 };
    hwloc_obj_t device = NULL;
    int count = 0;
    while ((device = hwloc_get_next_pcidev(topo->machine, device))) {
        const struct hwloc_pcidev_attr_s *pci = &device->attr->pcidev;
        char name[JS_GPU_NAME_SIZE];
        if (pci->class_id >> 8 != DISPLAY_CONTROLLER ||
            pci->vendor_id != vendor || count == JS_GPUS_MAX)
            continue;
        hwloc_obj_t near = hwloc_get_non_io_ancestor_obj(topo->machine, device);
        snprintf(name, sizeof(name), "%d", count++);
        if (js_resources_add_gpu(
                ret, name, near ? topo_numa_of(topo, near) : UINT16_MAX) < 0)
            return -1;
    }
    return count;
}

int js_topo_resources(const struct js_topo *topo, const struct js_cpuset *pool,
                      struct js_resources *ret, struct js_err *err)
{
    struct js_cpuset usable;
    if (topo_find_usable(topo, pool, &usable, err) < 0)
        return -1;
    int gpus = topo_add_cores(topo, &usable, ret);
    if (gpus == 0)
        gpus = topo_add_gpus(topo, VENDOR_NVIDIA, ret);
    if (gpus == 0)
        gpus = topo_add_gpus(topo, VENDOR_AMD, ret);
    return gpus < 0 ? js_err_errno(err, "cannot list the cores of this machine")
                    : 0;
}

void js_topo_numa(const struct js_topo *topo, const struct js_cpuset *cpus,
                  struct js_cpuset *ret_nodes)
{
    hwloc_obj_t thread = NULL;
    js_cpuset_clear(ret_nodes);
    while ((thread = topo_next_thread(topo, cpus, thread))) {
        hwloc_obj_t node = hwloc_get_obj_by_type(
            topo->machine, HWLOC_OBJ_NUMANODE, topo_numa_of(topo, thread));
        if (node && node->os_index < JS_CPUS_MAX)
            js_cpuset_add(ret_nodes, node->os_index);
    }
}

unsigned js_topo_numa_count(const struct js_topo *topo)
{
    int count = hwloc_get_nbobjs_by_type(topo->machine, HWLOC_OBJ_NUMANODE);
    return count > 0 ? (unsigned)count : 1;
}
