#include "list/resources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void js_resources_release(struct js_resources *resources)
{
    if (!resources)
        return;
    int saved = errno;
    free(resources->cores);
    free(resources->cpus);
    free(resources->gpus);
    memset(resources, 0, sizeof(*resources));
    errno = saved;
}

/* The arrays grow one element at a time: they are built only once, and are
 * short. */
static int resources_grow(void **array, size_t count, size_t size)
{
    void *grown = realloc(*array, count * size);
    if (!grown)
        return -1;
    *array = grown;
    return 0;
}

/* Adds a core with room for this many CPUs, which the caller fills in. Returns
 * NULL with errno ENOMEM if there is no memory. */
static struct js_core *resources_add_empty_core(struct js_resources *resources,
                                                uint32_t cpu_count)
{
    uint32_t at = resources->cpu_count;
    if (resources_grow((void **)&resources->cores, resources->core_count + 1,
                       sizeof(*resources->cores)) < 0 ||
        resources_grow((void **)&resources->cpus, at + cpu_count + 1,
                       sizeof(*resources->cpus)) < 0)
        return NULL;
    struct js_core *core = &resources->cores[resources->core_count++];
    *core = (struct js_core){.first_cpu = at, .cpu_count = (uint16_t)cpu_count};
    resources->cpu_count += cpu_count;
    return core;
}

int js_resources_add_core(struct js_resources *resources,
                          const struct js_cpuset *cpus, uint16_t cache,
                          uint16_t numa)
{
    struct js_core *core =
        resources_add_empty_core(resources, js_cpuset_count(cpus));
    if (!core)
        return -1;
    core->cache = cache;
    core->numa = numa;
    uint32_t at = core->first_cpu;
    for (unsigned cpu = js_cpuset_next(cpus, 0); cpu < JS_CPUS_MAX;
         cpu = js_cpuset_next(cpus, cpu + 1))
        resources->cpus[at++] = (uint16_t)cpu;
    return 0;
}

int js_resources_add_gpu(struct js_resources *resources, const char *name,
                         uint16_t numa)
{
    if (resources_grow((void **)&resources->gpus, resources->gpu_count + 1,
                       sizeof(*resources->gpus)) < 0)
        return -1;
    struct js_gpu *gpu = &resources->gpus[resources->gpu_count++];
    memset(gpu, 0, sizeof(*gpu));
    size_t len = strnlen(name, sizeof(gpu->name) - 1);
    memcpy(gpu->name, name, len);
    gpu->numa = numa;
    return 0;
}

static bool has_cpu_of(const struct js_resources *resources,
                       const struct js_core *core, const struct js_cpuset *set)
{
    for (uint16_t i = 0; i < core->cpu_count; i++) {
        if (js_cpuset_has(set, resources->cpus[core->first_cpu + i]))
            return true;
    }
    return false;
}

void js_resources_lend(struct js_resources *resources,
                       const struct js_cpuset *set)
{
    for (uint32_t i = 0; i < resources->core_count; i++) {
        struct js_core *core = &resources->cores[i];
        core->is_others |= has_cpu_of(resources, core, set);
    }
}

uint32_t js_resources_find(const struct js_resources *resources,
                           const struct js_cpuset *set)
{
    for (uint32_t i = 0; i < resources->core_count; i++) {
        if (has_cpu_of(resources, &resources->cores[i], set))
            return i;
    }
    return UINT32_MAX;
}

int js_resources_pack(struct js_buf *buf, const struct js_resources *resources)
{
    /* A failure is kept, and writing on is harmless. */
    int rc = js_pack_u64(buf, resources->mem_bytes);
    rc |= js_pack_u32(buf, resources->core_count);
    for (uint32_t i = 0; i < resources->core_count; i++) {
        const struct js_core *core = &resources->cores[i];
        /* Cache and NUMA node share a word: a node may have hundreds of
         * cores. */
        rc |= js_pack_u32(buf, (uint32_t)core->cache << 16 | core->numa);
        rc |= js_pack_u8(buf, core->is_others);
        rc |= js_pack_u32(buf, core->cpu_count);
        for (uint16_t j = 0; j < core->cpu_count; j++)
            rc |= js_pack_u32(buf, resources->cpus[core->first_cpu + j]);
    }
    rc |= js_pack_u32(buf, resources->gpu_count);
    for (uint32_t i = 0; i < resources->gpu_count; i++) {
        const struct js_gpu *gpu = &resources->gpus[i];
        rc |= js_pack_bytes(buf, gpu->name, strlen(gpu->name));
        rc |= js_pack_u32(buf, gpu->numa);
    }
    return rc;
}

static void unpack_core(struct js_cursor *cursor, struct js_resources *ret)
{
    uint32_t where = js_unpack_u32(cursor);
    bool is_others = js_unpack_u8(cursor);
    uint32_t count = js_unpack_u32(cursor);
    int32_t last = -1;
    /* A core without CPUs could not be bound to. */
    cursor->bad |= count == 0 || count > JS_CPUS_MAX;
    struct js_core *core =
        cursor->bad ? NULL : resources_add_empty_core(ret, count);
    if (!core) {
        cursor->bad = true;
        return;
    }
    core->cache = (uint16_t)(where >> 16);
    core->numa = (uint16_t)where;
    core->is_others = is_others;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t cpu = js_unpack_u32(cursor);
        cursor->bad |= cpu >= JS_CPUS_MAX || (int32_t)cpu <= last;
        last = (int32_t)cpu;
        ret->cpus[core->first_cpu + i] = (uint16_t)cpu;
    }
}

void js_resources_unpack(struct js_cursor *cursor, struct js_resources *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->mem_bytes = js_unpack_u64(cursor);
    uint32_t cores = js_unpack_u32(cursor);
    /* The limits prevent a damaged message from causing huge allocations. */
    if (cores > JS_CPUS_MAX)
        cursor->bad = true;
    for (uint32_t i = 0; i < cores && !cursor->bad; i++)
        unpack_core(cursor, ret);
    uint32_t gpus = js_unpack_u32(cursor);
    if (gpus > JS_GPUS_MAX)
        cursor->bad = true;
    for (uint32_t i = 0; i < gpus && !cursor->bad; i++) {
        char name[JS_GPU_NAME_SIZE];
        js_unpack_string(cursor, name, sizeof(name));
        uint32_t numa = js_unpack_u32(cursor);
        if (numa > UINT16_MAX || cursor->bad || !name[0] ||
            js_resources_add_gpu(ret, name, (uint16_t)numa) < 0)
            cursor->bad = true;
    }
    if (cursor->bad)
        js_resources_release(ret);
}
