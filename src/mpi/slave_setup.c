#include "mpi/slave_setup.h"

#include "base/launchenv.h"
#include "base/userenv.h"
#include "node/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- GPUs */

/* Adds the GPUs that the batch system has given us: "0,2", or names of the
 * driver's. For those that are found on this machine, the location is known. */
static int slave_setup_take_visible(struct js_resources *resources,
                                    const char *visible)
{
    struct js_resources found = *resources;
    int rc = 0;
    resources->gpus = NULL;
    resources->gpu_count = 0;
    while (rc == 0 && *visible) {
        char name[JS_GPU_NAME_SIZE] = "";
        uint16_t numa = UINT16_MAX;
        size_t len = strcspn(visible, ",");
        if (len > 0 && len < sizeof(name))
            memcpy(name, visible, len);
        for (uint32_t i = 0; i < found.gpu_count; i++) {
            if (strcmp(found.gpus[i].name, name) == 0)
                numa = found.gpus[i].numa;
        }
        /* Slurm writes this if there are none. */
        if (name[0] && strcmp(name, "NoDevFiles") != 0)
            rc = js_resources_add_gpu(resources, name, numa);
        visible += len + (visible[len] == ',');
    }
    free(found.gpus);
    return rc;
}

static int slave_setup_find_gpus(struct js_resources *resources,
                                 uint32_t wanted, const char *const *environ)
{
    const char *visible = js_userenv_find(environ, "CUDA_VISIBLE_DEVICES");
    int rc = 0;
    if (!visible)
        visible = js_userenv_find(environ, "ROCR_VISIBLE_DEVICES");
    if (wanted == JS_WIRE_GPUS_FOUND)
        return visible ? slave_setup_take_visible(resources, visible) : 0;
    /* The user's number takes precedence over what the machine reports. The
     * location of these GPUs is unknown. */
    free(resources->gpus);
    resources->gpus = NULL;
    resources->gpu_count = 0;
    for (uint32_t i = 0; rc == 0 && i < wanted; i++) {
        char name[JS_GPU_NAME_SIZE];
        snprintf(name, sizeof(name), "%" PRIu32, i);
        rc = js_resources_add_gpu(resources, name, UINT16_MAX);
    }
    return rc;
}

/* ---------------------------------------------------------------- cores */

/* Returns the number of slots of all slaves of this node; 0: one for each
 * core. */
static unsigned slave_setup_count_slots(const struct js_wire_setup *setup)
{
    uint64_t slots = (uint64_t)setup->slaves * setup->slots;
    return slots < JS_CPUS_MAX ? (unsigned)slots : JS_CPUS_MAX;
}

/* Finds the cores among which slots are spread: those that no other run holds
 * if these are enough, otherwise also as many of the others as needed. */
static void slave_setup_find_homes(const struct js_topo *topo,
                                   const struct js_wire_setup *setup,
                                   const struct js_cpuset *cpus,
                                   struct js_cpuset *ret)
{
    unsigned slots = slave_setup_count_slots(setup);
    unsigned all = js_topo_cores(topo, cpus);
    struct js_cpuset held = *cpus, unheld;
    js_cpuset_intersect(&held, &setup->held);
    if (slots == 0 || slots >= all || js_cpuset_count(&held) == 0 ||
        !setup->settings.bind) {
        *ret = *cpus;
        return;
    }
    js_topo_prefer(topo, cpus, &held, slots, ret);
    unsigned taken = js_topo_cores(topo, &held);
    js_topo_prefer(topo, cpus, &held, all - taken, &unheld);
    if (all - taken > slots)
        *ret = unheld;
}

/* Marks the cores that belong to others: those that other runs hold, unless
 * slots are on them. */
static void slave_setup_lend_cores(struct js_resources *resources,
                                   const struct js_wire_setup *setup,
                                   const struct js_cpuset *home_cores)
{
    struct js_cpuset others;
    if (!setup->settings.bind)
        return;
    js_cpuset_clear(&others);
    for (unsigned cpu = js_cpuset_next(&setup->held, 0); cpu < JS_CPUS_MAX;
         cpu = js_cpuset_next(&setup->held, cpu + 1)) {
        if (!js_cpuset_has(home_cores, cpu))
            js_cpuset_add(&others, cpu);
    }
    js_resources_lend(resources, &others);
}

/* Every slave computes the shares of all slaves of its node, in the same way,
 * and takes its own. So they agree without a message. */
static int slave_setup_share_cores(struct js_slave_setup_share *share,
                                   const struct js_topo *topo,
                                   const struct js_wire_setup *setup,
                                   const struct js_cpuset *cpus,
                                   struct js_err *err)
{
    struct js_cpuset cores, part;
    slave_setup_find_homes(topo, setup, cpus, &cores);
    slave_setup_lend_cores(&share->resources, setup, &cores);
    if (js_topo_part(topo, &cores, setup->slaves, setup->index, &part, err) < 0)
        return -1;
    share->slots = setup->slots ? setup->slots : js_topo_cores(topo, &part);
    share->slot_cpus = calloc(share->slots, sizeof(*share->slot_cpus));
    share->homes = calloc(share->slots, sizeof(*share->homes));
    if (!share->slot_cpus || !share->homes)
        return js_slave_setup_no_memory(err);
    for (uint32_t i = 0; i < share->slots; i++) {
        struct js_cpuset run, core;
        if (js_topo_part(topo, &part, share->slots, i, &run, err) < 0 ||
            js_topo_first_core(topo, &run, &core, err) < 0)
            return -1;
        share->homes[i] = js_resources_find(&share->resources, &core);
        share->slot_cpus[i] = setup->settings.bind ? core : setup->node_cpus;
        js_cpuset_unite(&share->home, &share->slot_cpus[i]);
    }
    return 0;
}

int js_slave_setup_resources(const struct js_topo *topo,
                             const struct js_cpuset *cpus, uint32_t gpus,
                             const char *const *environ,
                             struct js_resources *ret, struct js_err *err)
{
    if (js_topo_resources(topo, cpus, ret, err) < 0)
        return -1;
    ret->mem_bytes = js_memory_limit_bytes("");
    return slave_setup_find_gpus(ret, gpus, environ) < 0
               ? js_slave_setup_no_memory(err)
               : 0;
}

int js_slave_setup_share_init(struct js_slave_setup_share *ret,
                              const struct js_topo *topo,
                              const struct js_wire_setup *setup,
                              const char *const *environ, struct js_err *err)
{
    struct js_cpuset cpus = setup->node_cpus;
    unsigned most = setup->quota_cores;
    memset(ret, 0, sizeof(*ret));
    /* If CPU time is limited, jobs have only as many cores as the limit allows,
     * but at least one for each slot that was requested, or for each slave. */
    if (most < setup->slaves)
        most = setup->slaves;
    if (most < slave_setup_count_slots(setup))
        most = slave_setup_count_slots(setup);
    if (setup->quota_cores > 0)
        js_topo_prefer(topo, &setup->node_cpus, &setup->held, most, &cpus);
    if (js_slave_setup_resources(topo, &cpus, setup->gpus, environ,
                                 &ret->resources, err) < 0)
        return -1;
    return slave_setup_share_cores(ret, topo, setup, &cpus, err);
}

void js_slave_setup_share_release(struct js_slave_setup_share *share)
{
    free(share->slot_cpus);
    free(share->homes);
    js_resources_release(&share->resources);
    memset(share, 0, sizeof(*share));
}

/* ---------------------------------------------------------------- environ */

const char **js_slave_setup_environ(const struct js_wire_setup *setup,
                                    const char *const *environ)
{
    size_t count = 1;
    for (size_t i = 0; i < setup->environ_len; i++)
        count += setup->environ[i] == '\0';
    for (const char *const *p = environ; *p; p++)
        count += js_launchenv_host_bound(*p);
    const char **env = calloc(count, sizeof(*env));
    if (!env)
        return NULL;
    size_t n = 0;
    const char *end = setup->environ + setup->environ_len;
    for (const char *p = setup->environ; p < end; p += strlen(p) + 1)
        env[n++] = p;
    for (const char *const *p = environ; *p; p++) {
        if (js_launchenv_host_bound(*p))
            env[n++] = *p;
    }
    return env;
}

struct js_settings js_slave_setup_settings(const struct js_wire_setup *setup,
                                           const char *own_tmpdir)
{
    struct js_settings settings = setup->settings;
    if (!settings.tmpdir[0])
        settings.tmpdir = own_tmpdir;
    return settings;
}
