/*
 * resources - what a node offers to jobs: its cores in order, GPUs and memory.
 *
 * A plain value. It is created where the machine is known (node/topo.h) and
 * sent to the master, whose allocator uses it (sched/allocator.h). It knows
 * nothing of hwloc.
 */
#ifndef JS_LIST_RESOURCES_H
#define JS_LIST_RESOURCES_H

#include "base/buf.h"
#include "base/cpuset.h"
#include "base/pack.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    JS_GPU_NAME_SIZE = 64, /* "0", or the driver's name: "GPU-5a3b..." */
    JS_GPUS_MAX = 1024,
};

/* Cores are in the order of the hardware: neighbours share the most. */
struct js_core {
    uint32_t first_cpu; /* its hardware threads, as a range of `cpus` */
    uint16_t cpu_count;
    uint16_t cache; /* cores with the same number share their largest cache */
    uint16_t numa;  /* cores with the same number share their NUMA node */
    bool is_others; /* a slave of another run holds it: used last */
};

struct js_gpu {
    char name[JS_GPU_NAME_SIZE]; /* the value for CUDA_VISIBLE_DEVICES */
    uint16_t numa;               /* as for cores; UINT16_MAX: unknown */
};

struct js_resources {
    uint32_t core_count;
    uint32_t cpu_count;
    uint32_t gpu_count;
    struct js_core *cores; /* owned, like the next two */
    uint16_t *cpus;
    struct js_gpu *gpus;
    uint64_t mem_bytes; /* 0: unknown, and mem= is not counted */
};

/* All zero means empty. NULL is allowed. Keeps errno. */
void js_resources_release(struct js_resources *resources);

/* These add a core with these CPUs, or a GPU. They return 0, or -1 with errno
 * ENOMEM. */
int js_resources_add_core(struct js_resources *resources,
                          const struct js_cpuset *cpus, uint16_t cache,
                          uint16_t numa);
int js_resources_add_gpu(struct js_resources *resources, const char *name,
                         uint16_t numa);

/* Marks each core that has a CPU of the set as held by a slave of another
 * run. */
void js_resources_lend(struct js_resources *resources,
                       const struct js_cpuset *set);

/* Adds the CPUs of core `index` (below core_count) to the set. */
static inline void js_resources_core(const struct js_resources *resources,
                                     uint32_t index, struct js_cpuset *set)
{
    const struct js_core *core = &resources->cores[index];
    for (uint16_t i = 0; i < core->cpu_count; i++)
        js_cpuset_add(set, resources->cpus[core->first_cpu + i]);
}

/* The index of the first core that has a CPU of the set, or UINT32_MAX. */
uint32_t js_resources_find(const struct js_resources *resources,
                           const struct js_cpuset *set);

/* The resources as part of a message. Packing returns 0, or -1 with errno
 * ENOMEM. Unpacking allocates. If the message is bad or there is no memory, it
 * marks the cursor as bad, and the result is empty. */
int js_resources_pack(struct js_buf *buf, const struct js_resources *resources);
void js_resources_unpack(struct js_cursor *cursor, struct js_resources *ret);

#endif
