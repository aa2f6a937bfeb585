#include "sched/allocator.h"

#include "base/err.h"
#include "sched/nodes.h"
#include "sched/placement.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A list may have a million jobs that can never run; a person needs a few of
 * them to see the mistake. */
enum { SHOWN_MAX = 20 };

/* A reservation: what is set aside for one job. While it has no cores, only
 * GPUs and memory are kept, on the nodes of the places. */
struct reservation {
    bool is_made;
    bool has_cores; /* cores are set aside, as the job lacks nothing else */
    struct js_request request;
    unsigned avoid;
    struct js_place *places; /* owned; the cores set aside, or planned at the
                                start, on each of its nodes */
};

/*
 * Invariants, in addition to those of the nodes: is_set_aside is true exactly
 * on the nodes of the reservation, and GPUs and memory are kept only there.
 * Cores are set aside only if has_cores, and then exactly those of the places.
 */
struct js_allocator {
    struct js_nodes nodes;
    struct reservation reservation;
};

/* ---------------------------------------------------------------- nodes */

struct js_allocator *js_allocator_new(void)
{
    struct js_allocator *allocator = calloc(1, sizeof(*allocator));
    if (allocator)
        allocator->nodes = (struct js_nodes)JS_NODES_INIT;
    return allocator;
}

void js_allocator_free(struct js_allocator *allocator)
{
    if (!allocator)
        return;
    int saved = errno;
    js_nodes_release(&allocator->nodes);
    free(allocator->reservation.places);
    free(allocator);
    errno = saved;
}

/* Makes room for this rank among all processes, and among the slaves of the
 * node. The array is doubled because ranks arrive in any order. */
static int allocator_make_room(struct js_nodes *nodes, unsigned rank,
                               struct js_node_state *node)
{
    size_t end = 2 * (size_t)rank + 1;
    unsigned *ranks =
        realloc(node->ranks, (node->rank_count + 1) * sizeof(*ranks));
    if (!ranks)
        return -1;
    node->ranks = ranks;
    if (rank < nodes->member_end)
        return 0;
    struct js_node_member **members =
        realloc(nodes->members, end * sizeof(struct js_node_member *));
    if (!members)
        return -1;
    for (size_t i = nodes->member_end; i < end; i++)
        members[i] = NULL;
    nodes->members = members;
    nodes->member_end = end;
    return 0;
}

int js_allocator_add(struct js_allocator *allocator, unsigned rank,
                     const struct js_node *about, bool is_slave)
{
    struct js_nodes *nodes = &allocator->nodes;
    struct js_node_state *node = js_nodes_find(nodes, about);
    if (!node)
        return -1;
    struct js_node_member *member = calloc(1, sizeof(*member));
    if (!member || allocator_make_room(nodes, rank, node) < 0) {
        free(member);
        return -1;
    }
    /* The ranks of a node ascend, so that a slave's index there does not depend
     * on the order in which slaves report. */
    if (is_slave) {
        size_t at = node->rank_count++;
        for (; at > 0 && node->ranks[at - 1] > rank; at--)
            node->ranks[at] = node->ranks[at - 1];
        node->ranks[at] = rank;
    }
    /* Each process reports what it knows about the node. */
    struct js_node *known = &node->about;
    js_cpuset_unite(&known->cpus, &about->cpus);
    js_cpuset_unite(&known->held, &about->held);
    if (known->quota_cores == 0 ||
        (about->quota_cores > 0 && about->quota_cores < known->quota_cores))
        known->quota_cores = about->quota_cores;
    *member = (struct js_node_member){
        .rank = rank, .node = node->index, .is_slave = is_slave};
    nodes->members[rank] = member;
    return 0;
}

int js_allocator_locate(const struct js_allocator *allocator, unsigned rank,
                        struct js_location *ret)
{
    const struct js_node_member *slave =
        js_nodes_find_slave(&allocator->nodes, rank);
    if (!slave) {
        errno = ENOENT;
        return -1;
    }
    const struct js_node_state *node = allocator->nodes.list[slave->node];
    struct js_location place = {.node = &node->about,
                                .cores = node->resources.core_count,
                                .slaves = (unsigned)node->rank_count};
    while (node->ranks[place.index] != rank)
        place.index++;
    *ret = place;
    return 0;
}

size_t js_allocator_neighbours(const struct js_allocator *allocator,
                               unsigned rank, const unsigned **ret)
{
    const struct js_node_member *slave =
        js_nodes_find_slave(&allocator->nodes, rank);
    *ret = slave ? allocator->nodes.list[slave->node]->ranks : NULL;
    return slave ? allocator->nodes.list[slave->node]->rank_count : 0;
}

/* One slave of a node speaks for all: they see the same machine. */
static int node_describe(struct js_node_state *node,
                         const struct js_resources *from)
{
    size_t cores = from->core_count * sizeof(*from->cores);
    size_t cpus = from->cpu_count * sizeof(*from->cpus);
    size_t gpus = from->gpu_count * sizeof(*from->gpus);
    struct js_resources to = *from;
    if (node->cores)
        return 0;
    to.cores = malloc(cores + 1);
    to.cpus = malloc(cpus + 1);
    to.gpus = malloc(gpus + 1);
    node->cores = calloc(from->core_count + 1, sizeof(*node->cores));
    node->gpu_held = calloc(from->gpu_count + 1, sizeof(*node->gpu_held));
    if (!to.cores || !to.cpus || !to.gpus || !node->cores || !node->gpu_held) {
        js_resources_release(&to);
        free(node->cores);
        free(node->gpu_held);
        node->cores = NULL;
        node->gpu_held = NULL;
        return -1;
    }
    memcpy(to.cores, from->cores, cores);
    memcpy(to.cpus, from->cpus, cpus);
    if (gpus > 0)
        memcpy(to.gpus, from->gpus, gpus);
    for (uint32_t i = 0; i < to.core_count; i++) {
        bool is_others = to.cores[i].is_others;
        node->cores[i] =
            (struct js_node_core){.room = 1, .is_others = is_others};
        node->has_others |= is_others;
    }
    node->resources = to;
    node->free_cores = to.core_count;
    node->free_gpus = to.gpu_count;
    node->free_mem_bytes = to.mem_bytes;
    return 0;
}

int js_allocator_describe(struct js_allocator *allocator, unsigned rank,
                          const struct js_resources *resources)
{
    struct js_nodes *nodes = &allocator->nodes;
    const struct js_node_member *slave = js_nodes_find_slave(nodes, rank);
    if (slave)
        return node_describe(nodes->list[slave->node], resources);
    errno = ENOENT;
    return -1;
}

int js_allocator_equip(struct js_allocator *allocator, unsigned rank,
                       const struct js_resources *resources,
                       const uint32_t *homes, uint32_t slots)
{
    struct js_nodes *nodes = &allocator->nodes;
    struct js_node_member *slave = js_nodes_find_slave(nodes, rank);
    if (!slave || slave->slots) {
        errno = slave ? EEXIST : ENOENT;
        return -1;
    }
    struct js_node_state *node = nodes->list[slave->node];
    if (resources && node_describe(node, resources) < 0)
        return -1;
    for (uint32_t i = 0; i < slots; i++) {
        if (homes[i] >= node->resources.core_count) {
            errno = EINVAL;
            return -1;
        }
    }
    slave->slots = calloc(slots + 1, sizeof(*slave->slots));
    if (!slave->slots)
        return -1;
    slave->slot_count = slots;
    for (uint32_t i = 0; i < slots; i++)
        slave->slots[i].home = homes[i];
    for (uint32_t i = 0; i < slots; i++) {
        /* A core on which this run has a slot is not left to other runs, even
         * if they hold it: there were no free cores. */
        node->cores[homes[i]].is_others = false;
        js_node_add_homes(node, homes[i], 1);
    }
    node->equipped++;
    return 0;
}

/* The slots stay allocated, because allocations still refer to them until they
 * are released. Only slot_count shows that they are gone. */
void js_allocator_drop(struct js_allocator *allocator, unsigned rank)
{
    struct js_nodes *nodes = &allocator->nodes;
    struct js_node_member *slave = js_nodes_find_slave(nodes, rank);
    if (!slave || slave->slot_count == 0)
        return;
    struct js_node_state *node = nodes->list[slave->node];
    uint32_t slots = slave->slot_count;
    slave->slot_count = 0;
    for (uint32_t i = 0; i < slots; i++)
        js_node_add_homes(node, slave->slots[i].home, -1);
    node->equipped--;
    /* There may be no slot left on the cores set aside; then the job could
     * never start there. The scheduler will make a new reservation. */
    if (node->is_set_aside)
        js_allocator_unreserve(allocator);
}

/* A slot whose core is held by a wide job is as busy as one with a job of its
 * own: nothing else can run there. */
uint64_t js_allocator_busy_slots(const struct js_allocator *allocator)
{
    const struct js_nodes *nodes = &allocator->nodes;
    uint64_t count = 0;
    for (size_t rank = 0; rank < nodes->member_end; rank++) {
        const struct js_node_member *slave = nodes->members[rank];
        for (uint32_t i = 0; slave && i < slave->slot_count; i++) {
            const struct js_node_slot *slot = &slave->slots[i];
            count += slot->is_taken ||
                     !js_node_core_has_room(
                         &nodes->list[slave->node]->cores[slot->home]);
        }
    }
    return count;
}

uint32_t js_allocator_count_nodes(const struct js_allocator *allocator,
                                  const struct js_request *request,
                                  unsigned avoid)
{
    const struct js_nodes *nodes = &allocator->nodes;
    const struct js_node_member *avoided = js_nodes_find_slave(nodes, avoid);
    uint32_t count = 0;
    if (avoided && avoided->slot_count == 0)
        avoided = NULL;
    for (size_t i = 0; i < nodes->count; i++) {
        const struct js_node_state *node = nodes->list[i];
        size_t unwanted = avoided && avoided->node == i ? 1 : 0;
        count += js_node_could(node, request) && node->equipped > unwanted;
    }
    return count;
}

bool js_allocator_could(const struct js_allocator *allocator,
                        const struct js_request *request, unsigned avoid)
{
    return js_allocator_count_nodes(allocator, request, avoid) >=
           js_request_nodes(request);
}

/* ---------------------------------------------------------------- allocations
 */

void js_allocator_release(struct js_allocator *allocator,
                          struct js_allocation *allocation)
{
    js_nodes_let_go(&allocator->nodes, allocation);
    for (uint32_t i = 0; i < allocation->other_count; i++)
        js_nodes_let_go(&allocator->nodes, &allocation->others[i]);
    js_allocation_free(allocation);
}

void js_allocation_cpus(const struct js_allocator *allocator,
                        const struct js_allocation *allocation,
                        struct js_cpuset *ret)
{
    const struct js_node_state *node =
        allocator->nodes.list[allocator->nodes.members[allocation->rank]->node];
    js_cpuset_clear(ret);
    for (uint32_t i = 0; i < allocation->core_count; i++)
        js_resources_core(&node->resources, js_allocation_cores(allocation)[i],
                          ret);
}

int js_allocation_gpus(const struct js_allocator *allocator,
                       const struct js_allocation *allocation,
                       struct js_buf *buf)
{
    const struct js_node_state *node =
        allocator->nodes.list[allocator->nodes.members[allocation->rank]->node];
    for (uint32_t i = 0; i < allocation->gpu_count; i++) {
        const char *name =
            node->resources.gpus[js_allocation_gpus_of(allocation)[i]].name;
        if (js_buf_printf(buf, "%s%s", i > 0 ? "," : "", name) < 0)
            return -1;
    }
    return 0;
}

int js_allocation_hosts(const struct js_allocator *allocator,
                        const struct js_allocation *allocation,
                        struct js_buf *buf)
{
    const struct js_nodes *nodes = &allocator->nodes;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i <= allocation->other_count; i++) {
        unsigned rank =
            i == 0 ? allocation->rank : allocation->others[i - 1].rank;
        rc = js_buf_printf(buf, "%s%s", i > 0 ? "," : "",
                           nodes->list[nodes->members[rank]->node]->about.host);
    }
    return rc;
}

bool js_allocator_take_slot(struct js_allocator *allocator, unsigned rank,
                            struct js_allocation *ret)
{
    struct js_node_member *slave = js_nodes_find_slave(&allocator->nodes, rank);
    for (uint32_t i = 0; slave && i < slave->slot_count; i++) {
        struct js_node_slot *slot = &slave->slots[i];
        if (!js_node_slot_is_free(allocator->nodes.list[slave->node], slot))
            continue;
        *ret = (struct js_allocation){
            .rank = rank, .slot = i, .core_count = 1, .core = slot->home};
        js_nodes_hold(&allocator->nodes, ret);
        return true;
    }
    return false;
}

bool js_allocator_is_shared(const struct js_allocator *allocator, unsigned rank)
{
    const struct js_node_member *slave =
        js_nodes_find_slave(&allocator->nodes, rank);
    return slave && allocator->nodes.list[slave->node]->is_shared;
}

uint32_t js_allocator_free_slots(const struct js_allocator *allocator,
                                 unsigned rank)
{
    const struct js_node_member *slave =
        js_nodes_find_slave(&allocator->nodes, rank);
    uint32_t count = 0;
    for (uint32_t i = 0; slave && i < slave->slot_count; i++)
        count += js_node_slot_is_free(allocator->nodes.list[slave->node],
                                      &slave->slots[i]);
    return count;
}

/* Makes room for what an allocation for this request owns. Returns 0, or -1
 * with errno ENOMEM. */
static int allocation_make(struct js_allocation *allocation,
                           const struct js_request *request)
{
    uint32_t others = js_request_nodes(request) - 1;
    size_t size = (size_t)request->cores + request->gpus;
    bool is_made = true;
    allocation->cores = calloc(size, sizeof(*allocation->cores));
    allocation->others =
        others ? calloc(others, sizeof(*allocation->others)) : NULL;
    allocation->other_count = allocation->others ? others : 0;
    for (uint32_t i = 0; i < allocation->other_count; i++) {
        allocation->others[i].cores = calloc(size, sizeof(*allocation->cores));
        is_made &= allocation->others[i].cores != NULL;
    }
    if (is_made && allocation->cores && allocation->other_count == others)
        return 0;
    js_allocation_free(allocation);
    return -1;
}

/* Prepares a search for places for this request. If only the slave to avoid
 * could run the job, the job runs there again rather than never. */
static struct js_placement
allocator_placement_for(const struct js_allocator *allocator,
                        const struct js_request *request, unsigned avoid)
{
    struct js_placement placement = {.nodes = &allocator->nodes,
                                     .request = request};
    if (avoid > 0 && js_allocator_could(allocator, request, avoid))
        placement.avoid = avoid;
    return placement;
}

/* Takes the best places for the placement's request. Returns the same values as
 * js_allocator_take(). */
static int allocator_take_best(struct js_allocator *allocator,
                               struct js_placement *placement,
                               struct js_allocation *ret)
{
    const struct js_request *request = placement->request;
    memset(ret, 0, sizeof(*ret));
    /* A placement must not ask for more nodes than there are. */
    if (!js_allocator_could(allocator, request, 0))
        return 0;
    if (js_placement_begin(placement) < 0)
        return -1;
    js_placement_search(placement);
    int rc = 0;
    if (placement->count == js_request_nodes(request))
        rc = allocation_make(ret, request) < 0 ? -1 : 1;
    for (uint32_t i = 0; rc > 0 && i < placement->count; i++) {
        struct js_allocation *part = i == 0 ? ret : &ret->others[i - 1];
        js_placement_choose(placement, i, part);
        js_nodes_hold(&allocator->nodes, part);
    }
    js_placement_end(placement);
    return rc;
}

int js_allocator_take(struct js_allocator *allocator,
                      const struct js_request *request, unsigned avoid,
                      js_allocator_usable_fn usable, void *arg,
                      struct js_allocation *ret)
{
    struct js_placement placement =
        allocator_placement_for(allocator, request, avoid);
    placement.usable = usable;
    placement.arg = arg;
    return allocator_take_best(allocator, &placement, ret);
}

/* ---------------------------------------------------------------- reserving */

/* Sets aside what the job lacks besides cores. True if it lacks any of it. */
static bool allocator_keep_lacking(struct js_allocator *allocator)
{
    const struct reservation *reservation = &allocator->reservation;
    const struct js_request *request = &reservation->request;
    uint32_t count = js_request_nodes(request);
    bool is_lacking = false;
    for (uint32_t i = 0; i < count; i++) {
        struct js_node_state *node =
            allocator->nodes.list[reservation->places[i].node];
        node->is_set_aside = true;
        if (js_node_lacks_gpus(node, request))
            node->kept_gpus = request->gpus;
        if (js_node_lacks_mem(node, request))
            node->kept_mem_bytes = request->mem_bytes;
        is_lacking |= js_node_lacks_gpus(node, request) ||
                      js_node_lacks_mem(node, request);
    }
    return is_lacking;
}

/* Sets aside everything that the job needs, as it lacks nothing but cores. The
 * places are chosen again, because others may be better now than when the nodes
 * were chosen. */
static void allocator_keep_all(struct js_allocator *allocator,
                               struct js_placement *placement)
{
    struct reservation *reservation = &allocator->reservation;
    uint32_t count = js_request_nodes(&reservation->request);
    for (uint32_t i = 0; i < count; i++) {
        struct js_place *place = &reservation->places[i];
        struct js_place quiet = js_placement_quietest(placement, place->node);
        if (quiet.cost != UINT64_MAX)
            *place = quiet;
        struct js_node_state *node = allocator->nodes.list[place->node];
        for (uint32_t k = place->first; k < place->end; k++)
            node->cores[k].is_set_aside = true;
        node->kept_gpus = reservation->request.gpus;
        node->kept_mem_bytes = reservation->request.mem_bytes;
    }
    reservation->has_cores = true;
}

bool js_allocator_reserve(struct js_allocator *allocator,
                          const struct js_request *request, unsigned avoid)
{
    struct js_placement placement =
        allocator_placement_for(allocator, request, avoid);
    placement.is_for_all = true;
    if (!js_allocator_could(allocator, request, 0) ||
        js_placement_begin(&placement) < 0)
        return false;
    js_placement_search_quiet(&placement);
    bool is_made = placement.count == js_request_nodes(request);
    if (is_made) {
        allocator->reservation =
            (struct reservation){.is_made = true,
                                 .request = *request,
                                 .avoid = placement.avoid,
                                 .places = placement.places};
        /* The reservation owns the places now. */
        placement.places = NULL;
        if (!allocator_keep_lacking(allocator))
            allocator_keep_all(allocator, &placement);
    }
    js_placement_end(&placement);
    return is_made;
}

bool js_allocator_reserve_more(struct js_allocator *allocator)
{
    const struct reservation *made = &allocator->reservation;
    if (!made->is_made || made->has_cores || allocator_keep_lacking(allocator))
        return false;
    struct js_placement placement =
        allocator_placement_for(allocator, &made->request, made->avoid);
    placement.is_for_all = true;
    if (js_placement_begin(&placement) < 0)
        return false;
    allocator_keep_all(allocator, &placement);
    js_placement_end(&placement);
    return true;
}

void js_allocator_unreserve(struct js_allocator *allocator)
{
    struct reservation *made = &allocator->reservation;
    if (!made->is_made)
        return;
    uint32_t count = js_request_nodes(&made->request);
    for (uint32_t i = 0; i < count; i++) {
        const struct js_place *place = &made->places[i];
        struct js_node_state *node = allocator->nodes.list[place->node];
        for (uint32_t k = place->first; made->has_cores && k < place->end; k++)
            node->cores[k].is_set_aside = false;
        node->is_set_aside = false;
        node->kept_gpus = 0;
        node->kept_mem_bytes = 0;
    }
    free(made->places);
    memset(made, 0, sizeof(*made));
}

bool js_allocator_has_reservation(const struct js_allocator *allocator)
{
    return allocator->reservation.is_made;
}

bool js_allocator_has_cores_reserved(const struct js_allocator *allocator)
{
    return allocator->reservation.has_cores;
}

bool js_allocator_is_reserved(const struct js_allocator *allocator,
                              unsigned rank)
{
    const struct js_node_member *slave =
        js_nodes_find_slave(&allocator->nodes, rank);
    const struct js_node_state *node =
        slave ? allocator->nodes.list[slave->node] : NULL;
    bool is_reserved = false;
    if (!node || !node->is_set_aside)
        return false;
    for (uint32_t i = 0; i < slave->slot_count && !is_reserved; i++)
        is_reserved = node->cores[slave->slots[i].home].is_set_aside;
    return is_reserved;
}

/* The job may run anywhere, not only on the chosen nodes: another place may
 * become free first. */
int js_allocator_take_reserved(struct js_allocator *allocator,
                               js_allocator_usable_fn usable, void *arg,
                               struct js_allocation *ret)
{
    const struct js_request request = allocator->reservation.request;
    struct js_placement placement = {.nodes = &allocator->nodes,
                                     .request = &request,
                                     .avoid = allocator->reservation.avoid,
                                     .usable = usable,
                                     .arg = arg,
                                     .is_owner = true};
    memset(ret, 0, sizeof(*ret));
    if (!allocator->reservation.is_made)
        return 0;
    int rc = allocator_take_best(allocator, &placement, ret);
    if (rc > 0)
        js_allocator_unreserve(allocator);
    return rc;
}

struct js_request
js_allocator_assert_invariants(const struct js_allocator *allocator)
{
    const struct reservation *made = &allocator->reservation;
    uint32_t count = made->is_made ? js_request_nodes(&made->request) : 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct js_place *place = &made->places[i];
        const struct js_node_state *node = allocator->nodes.list[place->node];
        JS_INVARIANT(node->is_set_aside);
        for (uint32_t k = 0; made->has_cores && k < node->resources.core_count;
             k++)
            JS_INVARIANT(node->cores[k].is_set_aside ==
                         (k >= place->first && k < place->end));
    }
    size_t set_aside = 0;
    for (size_t i = 0; i < allocator->nodes.count; i++)
        set_aside += allocator->nodes.list[i]->is_set_aside;
    JS_INVARIANT(set_aside == count);
    return js_nodes_assert_invariants(&allocator->nodes);
}

/* ---------------------------------------------------------------- never */

int js_request_describe(const struct js_request *request, struct js_buf *buf)
{
    const double mib = 1024 * 1024;
    int rc = js_buf_printf(buf, "%" PRIu32 " core%s", request->cores,
                           request->cores == 1 ? "" : "s");
    if (rc == 0 && request->gpus > 0)
        rc = js_buf_printf(buf, ", %" PRIu32 " GPU%s", request->gpus,
                           request->gpus == 1 ? "" : "s");
    if (rc == 0 && request->mem_bytes > 0)
        rc = js_buf_printf(buf, ", %.1f MiB of memory",
                           (double)request->mem_bytes / mib);
    return rc;
}

int js_allocator_refusal(const struct js_allocator *allocator, uint64_t id,
                         uint64_t line, const struct js_request *request,
                         struct js_buf *buf)
{
    static const struct js_request anything;
    uint32_t nodes = js_request_nodes(request);
    struct js_request most = {0};
    /* The largest amount of each resource that any node has. */
    for (size_t i = 0; i < allocator->nodes.count; i++) {
        const struct js_node_state *node = allocator->nodes.list[i];
        const struct js_resources *have = &node->resources;
        if (node->equipped > 0 && have->core_count > most.cores)
            most.cores = have->core_count;
        if (node->equipped > 0 && have->gpu_count > most.gpus)
            most.gpus = have->gpu_count;
        if (node->equipped > 0 && have->mem_bytes > most.mem_bytes)
            most.mem_bytes = have->mem_bytes;
    }
    int rc = js_buf_printf(
        buf, "job %" PRIu64 " (line %" PRIu64 ") can never run here: it needs ",
        id, line);
    if (rc == 0)
        rc = js_request_describe(request, buf);
    /* A request for several nodes may fail although each node is large enough,
     * so the message counts the nodes that are. */
    if (rc == 0 && nodes > 1)
        rc = js_buf_printf(buf,
                           " on each of %" PRIu32 " nodes, but only %" PRIu32
                           " of %" PRIu32 " nodes could provide that",
                           nodes,
                           js_allocator_count_nodes(allocator, request, 0),
                           js_allocator_count_nodes(allocator, &anything, 0));
    if (rc == 0)
        rc = js_buf_puts(buf, "; no node has more than ");
    return rc == 0 ? js_request_describe(&most, buf) : rc;
}

struct check {
    const struct js_allocator *allocator;
    const struct js_log *log;
    uint64_t count;
};

static void check_need(void *arg, uint64_t id, uint64_t line,
                       const struct js_request *request)
{
    struct check *check = arg;
    struct js_buf text = JS_BUF_INIT;
    if (js_allocator_could(check->allocator, request, 0) ||
        ++check->count > SHOWN_MAX)
        return;
    if (js_allocator_refusal(check->allocator, id, line, request, &text) == 0)
        js_log(check->log, "%s", js_buf_string(&text));
    js_buf_release(&text);
}

uint64_t js_allocator_check(const struct js_allocator *allocator,
                            const struct js_source *source,
                            const struct js_log *log)
{
    struct check check = {.allocator = allocator, .log = log};
    js_source_each_need(source, check_need, &check);
    return check.count;
}
