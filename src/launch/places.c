#include "launch/places.h"

#include "jobsched.h"
#include "launch/slurm.h"

#include <inttypes.h>
#include <stdio.h>

/* Reads the hosts, if they are named, and counts the slaves that they can run.
 */
static int places_count_slaves(struct js_places *places,
                               const struct js_places_request *request,
                               struct js_err *err)
{
    uint64_t *slaves = &places->slaves;
    *slaves = request->slaves;
    if (request->hostfile) {
        if (js_hosts_read(request->hostfile, &places->hosts, err) < 0)
            return -1;
        if (*slaves == 0)
            *slaves = js_hosts_slots(&places->hosts);
        if (*slaves == 0)
            return js_err_set(err,
                              "%s does not give the slots of every host: "
                              "write lines such as \"%s slots=4\", or give "
                              "the number of slaves with -n",
                              request->hostfile, places->hosts.items[0].name);
        return 0;
    }
    if (*slaves == 0 && js_slurm_is_here())
        return js_slurm_tasks(slaves, err);
    if (*slaves == 0)
        *slaves = jobsched_cores();
    return 0;
}

int js_places_find(struct js_places *ret,
                   const struct js_places_request *request, struct js_err *err)
{
    uint32_t merged = 1;
    if (places_count_slaves(ret, request, err) < 0)
        return -1;
    if (!request->has_slots && !request->hostfile)
        ret->slots = js_slurm_task_cpus();
    if (request->slaves > 0 || request->has_slots)
        return 0;
    uint32_t each = ret->slots > 0 ? ret->slots : 1;
    uint32_t most =
        each < JS_PLACES_MERGED_MOST ? JS_PLACES_MERGED_MOST / each : 1;
    if (!request->hostfile)
        merged = js_slurm_divide_tasks(JS_PLACES_MANY_NODES, most,
                                       &ret->tasks_per_node);
    else if (ret->hosts.count >= JS_PLACES_MANY_NODES)
        merged = js_hosts_divide(&ret->hosts, most);
    ret->is_merged = merged > 1;
    if (!ret->is_merged)
        return 0;
    ret->slaves /= merged;
    ret->slots = merged * each;
    fprintf(stderr,
            "jobsched: there are many nodes, so %" PRIu64 " slaves of %" PRIu32
            " slots take the place of %" PRIu64
            " slaves (to choose otherwise, give -n or --slots)\n",
            ret->slaves, ret->slots, ret->slaves * merged);
    return 0;
}

void js_places_release(struct js_places *places)
{
    js_buf_release(&places->tasks_per_node);
    js_hosts_release(&places->hosts);
}

bool js_places_is_first_elsewhere(const struct js_places *places)
{
    return places->hosts.count > 0 ? !js_hosts_is_here(&places->hosts, 0)
                                   : js_slurm_is_first_node_elsewhere();
}

bool js_places_are_here(const struct js_places *places)
{
    for (size_t i = 0; i < places->hosts.count; i++) {
        if (!js_hosts_is_here(&places->hosts, i))
            return false;
    }
    return places->hosts.count > 0 || !js_slurm_is_here() ||
           js_slurm_is_all_here();
}
