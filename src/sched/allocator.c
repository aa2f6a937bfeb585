#include "sched/allocator.h"

#include "base/err.h"
#include "sched/node_ranking.h"
#include "sched/nodes.h"
#include "sched/placement.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A list may have a million jobs that can never run; a person needs a few of
 * them to see the mistake. */
enum { SHOWN_MAX = 20 };

/* How many nodes could meet a request, for the most recent requests. */
enum { ANSWERS = 16 };
struct answers {
    struct answer {
        uint64_t fittings; /* when the nodes were counted; 0: unused */
        struct js_request request;
        uint32_t count;
    } list[ANSWERS];
    size_t next; /* the next to be replaced */
};

/* A reservation: what is set aside for one job. While it has no cores, only
 * GPUs and memory are kept, on the nodes of the places. */
struct reservation {
    bool is_made;
    bool has_cores; /* cores are set aside: the job lacks nothing else */
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
    struct js_node_rankings rankings;
    struct reservation reservation;
    struct answers *answers; /* owned; it is outside this struct, so that a
                                query needs only a const allocator */
};

/* ---------------------------------------------------------------- nodes */

struct js_allocator *js_allocator_new(void)
{
    struct js_allocator *allocator = calloc(1, sizeof(*allocator));
    if (!allocator)
        return NULL;
    allocator->nodes = (struct js_nodes)JS_NODES_INIT;
    allocator->answers = calloc(1, sizeof(*allocator->answers));
    if (allocator->answers)
        return allocator;
    free(allocator);
    return NULL;
}

void js_allocator_free(struct js_allocator *allocator)
{
    if (!allocator)
        return;
    int saved = errno;
    js_node_rankings_release(&allocator->rankings);
    js_nodes_release(&allocator->nodes);
    free(allocator->reservation.places);
    free(allocator->answers);
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
    if (!member || allocator_make_room(nodes, rank, node) < 0 ||
        js_node_about_add(&node->about, about) < 0) {
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
    *member = (struct js_node_member){.rank = rank,
                                      .node = node->index,
                                      .is_slave = is_slave,
                                      .is_of = {[JS_SLAVES_ALL] = true}};
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

int js_allocator_describe(struct js_allocator *allocator, unsigned rank,
                          const struct js_resources *resources)
{
    struct js_nodes *nodes = &allocator->nodes;
    const struct js_node_member *slave = js_nodes_find_slave(nodes, rank);
    if (slave)
        return js_nodes_describe(nodes, nodes->list[slave->node], resources);
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
    if (resources && js_nodes_describe(nodes, node, resources) < 0)
        return -1;
    for (uint32_t i = 0; i < slots; i++) {
        if (homes[i] >= node->resources.core_count) {
            errno = EINVAL;
            return -1;
        }
    }
    return js_nodes_fit(nodes, slave, homes, slots);
}

void js_allocator_drop(struct js_allocator *allocator, unsigned rank)
{
    struct js_nodes *nodes = &allocator->nodes;
    struct js_node_member *slave = js_nodes_find_slave(nodes, rank);
    if (!slave || slave->slot_count == 0)
        return;
    js_nodes_unfit(nodes, slave);
    /* There may be no slot left on the cores set aside; then the job could
     * never start there. The scheduler will make a new reservation. */
    if (nodes->list[slave->node]->is_set_aside)
        js_allocator_unreserve(allocator);
}

bool js_allocator_is_admitted(const struct js_allocator *allocator,
                              unsigned rank, bool is_open, bool is_empty)
{
    const struct js_node_member *slave =
        js_nodes_find_slave(&allocator->nodes, rank);
    return !slave || (slave->is_of[JS_SLAVES_OPEN] == is_open &&
                      slave->is_of[JS_SLAVES_EMPTY] == is_empty);
}

void js_allocator_admit(struct js_allocator *allocator, unsigned rank,
                        bool is_open, bool is_empty)
{
    struct js_nodes *nodes = &allocator->nodes;
    struct js_node_member *slave = js_nodes_find_slave(nodes, rank);
    if (!slave || js_allocator_is_admitted(allocator, rank, is_open, is_empty))
        return;
    slave->is_of[JS_SLAVES_OPEN] = is_open;
    slave->is_of[JS_SLAVES_EMPTY] = is_empty;
    js_nodes_touch(nodes, nodes->list[slave->node]);
}

bool js_allocator_next_changed(struct js_allocator *allocator,
                               unsigned *ret_rank)
{
    struct js_node_member *slave = allocator->nodes.changed;
    if (!slave)
        return false;
    allocator->nodes.changed = slave->changed_next;
    slave->is_changed = false;
    *ret_rank = slave->rank;
    return true;
}

bool js_allocator_is_changed(const struct js_allocator *allocator,
                             unsigned rank)
{
    const struct js_node_member *slave =
        js_nodes_find_slave(&allocator->nodes, rank);
    return slave && slave->is_changed;
}

/* A slot whose core is held by a wide job is as busy as one with its own job:
 * nothing else can run there. A slot that is set aside is neither free nor
 * busy; only the nodes of the reservation have such slots. */
uint64_t js_allocator_busy_slots(const struct js_allocator *allocator)
{
    const struct js_nodes *nodes = &allocator->nodes;
    const struct reservation *made = &allocator->reservation;
    uint32_t places = made->has_cores ? js_request_nodes(&made->request) : 0;
    uint64_t count = nodes->slots - nodes->free_slots;
    for (uint32_t i = 0; i < places; i++) {
        const struct js_node_state *node = nodes->list[made->places[i].node];
        for (size_t k = 0; k < node->rank_count; k++) {
            const struct js_node_member *slave = nodes->members[node->ranks[k]];
            for (uint32_t n = 0; n < slave->slot_count; n++) {
                const struct js_node_slot *slot = &slave->slots[n];
                count -= slot->holder == 0 &&
                         js_bits_has(node->with_room, slot->home) &&
                         js_bits_has(node->set_aside, slot->home);
            }
        }
    }
    return count;
}

/* Counts the nodes again only if a node has come or gone since the same
 * query. */
static uint32_t allocator_count_all(const struct js_allocator *allocator,
                                    const struct js_request *request)
{
    const struct js_nodes *nodes = &allocator->nodes;
    struct answers *answers = allocator->answers;
    for (size_t i = 0; i < ANSWERS; i++) {
        const struct js_request *asked = &answers->list[i].request;
        if (answers->list[i].fittings == nodes->fittings &&
            asked->cores == request->cores && asked->gpus == request->gpus &&
            asked->mem_bytes == request->mem_bytes)
            return answers->list[i].count;
    }
    uint32_t count = 0;
    for (size_t i = 0; i < nodes->count; i++)
        count += js_node_could(nodes->list[i], request);
    answers->list[answers->next] =
        (struct answer){nodes->fittings, *request, count};
    answers->next = (answers->next + 1) % ANSWERS;
    return count;
}

uint32_t js_allocator_count_nodes(const struct js_allocator *allocator,
                                  const struct js_request *request,
                                  unsigned avoid)
{
    const struct js_nodes *nodes = &allocator->nodes;
    const struct js_node_member *avoided = js_nodes_find_slave(nodes, avoid);
    uint32_t count = allocator_count_all(allocator, request);
    bool is_less = avoided && avoided->slot_count > 0 &&
                   nodes->list[avoided->node]->equipped == 1 &&
                   js_node_could(nodes->list[avoided->node], request);
    return count - is_less;
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
    if (!slave || slave->free_count == 0)
        return false;
    uint32_t slot = js_bits_next(slave->free_slots, 0, slave->slot_count);
    *ret = (struct js_allocation){.rank = rank,
                                  .slot = slot,
                                  .core_count = 1,
                                  .core = slave->slots[slot].home};
    js_nodes_hold(&allocator->nodes, ret, rank);
    return true;
}

unsigned js_allocator_holder(const struct js_allocator *allocator,
                             unsigned rank, uint32_t slot)
{
    return allocator->nodes.members[rank]->slots[slot].holder;
}

uint32_t js_allocator_free_slots(const struct js_allocator *allocator,
                                 unsigned rank)
{
    const struct js_node_member *slave =
        js_nodes_find_slave(&allocator->nodes, rank);
    return slave ? slave->free_count : 0;
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
allocator_placement_for(struct js_allocator *allocator,
                        const struct js_request *request, unsigned avoid)
{
    struct js_placement placement = {.nodes = &allocator->nodes,
                                     .request = request};
    if (avoid > 0 && js_allocator_could(allocator, request, avoid))
        placement.avoid = avoid;
    return placement;
}

/* Finds the best places for the placement's request, which the caller frees.
 * Returns 1, 0 if there are not enough, or -1 with errno ENOMEM. */
static int allocator_search(struct js_allocator *allocator,
                            const struct js_placement *placement,
                            struct js_place **ret)
{
    const struct reservation *made = &allocator->reservation;
    uint32_t count = js_request_nodes(placement->request);
    struct js_place_list unusual = {NULL, 0};
    *ret = NULL;
    if (count > allocator->nodes.count)
        return 0;
    if (placement->is_owner)
        unusual = (struct js_place_list){made->places,
                                         js_request_nodes(&made->request)};
    *ret = calloc(count, sizeof(**ret));
    int64_t found =
        *ret ? js_node_rankings_search(&allocator->rankings, placement,
                                       &unusual, *ret, count)
             : -1;
    return found < 0 ? -1 : found == count;
}

/* Takes the best places for the placement's request. Returns the same values as
 * js_allocator_take(). */
static int allocator_take_best(struct js_allocator *allocator,
                               const struct js_placement *placement,
                               struct js_allocation *ret)
{
    const struct js_request *request = placement->request;
    struct js_place *places;
    memset(ret, 0, sizeof(*ret));
    int rc = allocator_search(allocator, placement, &places);
    if (rc > 0)
        rc = allocation_make(ret, request) < 0 ? -1 : 1;
    for (uint32_t i = 0; rc > 0 && i < js_request_nodes(request); i++) {
        struct js_allocation *part = i == 0 ? ret : &ret->others[i - 1];
        js_placement_choose(placement, &places[i], part);
        js_nodes_hold(&allocator->nodes, part, ret->rank);
    }
    free(places);
    return rc;
}

int js_allocator_take(struct js_allocator *allocator,
                      const struct js_request *request, unsigned avoid,
                      enum js_slaves slaves, struct js_allocation *ret)
{
    struct js_placement placement =
        allocator_placement_for(allocator, request, avoid);
    placement.slaves = slaves;
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
        bool is_lacking_gpus = js_node_lacks_gpus(node, request);
        bool is_lacking_mem = js_node_lacks_mem(node, request);
        node->is_set_aside = true;
        if (is_lacking_gpus)
            node->kept_gpus = request->gpus;
        if (is_lacking_mem)
            node->kept_mem_bytes = request->mem_bytes;
        if (is_lacking_gpus || is_lacking_mem)
            js_nodes_touch(&allocator->nodes, node);
        is_lacking |= is_lacking_gpus || is_lacking_mem;
    }
    return is_lacking;
}

/* Sets aside everything that the job needs, because it lacks nothing but
 * cores. */
static void allocator_keep_all(struct js_allocator *allocator)
{
    struct reservation *reservation = &allocator->reservation;
    uint32_t count = js_request_nodes(&reservation->request);
    for (uint32_t i = 0; i < count; i++) {
        const struct js_place *place = &reservation->places[i];
        struct js_node_state *node = allocator->nodes.list[place->node];
        js_nodes_set_aside(&allocator->nodes, node, place->first, place->end,
                           true);
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
    struct js_place *places;
    placement.is_quiet = true;
    if (allocator_search(allocator, &placement, &places) <= 0) {
        free(places);
        return false;
    }
    allocator->reservation = (struct reservation){.is_made = true,
                                                  .request = *request,
                                                  .avoid = placement.avoid,
                                                  .places = places};
    if (!allocator_keep_lacking(allocator))
        allocator_keep_all(allocator);
    return true;
}

bool js_allocator_reserve_more(struct js_allocator *allocator)
{
    const struct reservation *made = &allocator->reservation;
    if (!made->is_made || made->has_cores || allocator_keep_lacking(allocator))
        return false;
    struct js_placement placement =
        allocator_placement_for(allocator, &made->request, made->avoid);
    placement.is_quiet = true;
    /* Other places may be better now than those found when the nodes were
     * chosen. */
    for (uint32_t i = 0; i < js_request_nodes(&made->request); i++) {
        struct js_place quiet = js_placement_find(
            &placement, allocator->nodes.list[made->places[i].node]);
        if (quiet.cost != JS_PLACE_NONE)
            made->places[i] = quiet;
    }
    allocator_keep_all(allocator);
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
        js_nodes_set_aside(&allocator->nodes, node, place->first, place->end,
                           false);
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
    return slave && slave->aside_count > 0;
}

/* The job may run anywhere, not only on the chosen nodes: another place may
 * become free first. */
int js_allocator_take_reserved(struct js_allocator *allocator,
                               enum js_slaves slaves, struct js_allocation *ret)
{
    const struct js_request request = allocator->reservation.request;
    const struct js_placement placement = {.nodes = &allocator->nodes,
                                           .request = &request,
                                           .avoid =
                                               allocator->reservation.avoid,
                                           .slaves = slaves,
                                           .is_owner = true};
    memset(ret, 0, sizeof(*ret));
    if (!allocator->reservation.is_made)
        return 0;
    int rc = allocator_take_best(allocator, &placement, ret);
    if (rc > 0)
        js_allocator_unreserve(allocator);
    return rc;
}

uint64_t js_allocator_looks(const struct js_allocator *allocator)
{
    return allocator->nodes.looks;
}

struct js_request js_allocator_assert_invariants(struct js_allocator *allocator)
{
    const struct reservation *made = &allocator->reservation;
    uint32_t count = made->is_made ? js_request_nodes(&made->request) : 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct js_place *place = &made->places[i];
        const struct js_node_state *node = allocator->nodes.list[place->node];
        JS_INVARIANT(node->is_set_aside);
        for (uint32_t k = 0; made->has_cores && k < node->resources.core_count;
             k++)
            JS_INVARIANT(js_bits_has(node->set_aside, k) ==
                         (k >= place->first && k < place->end));
    }
    size_t set_aside = 0;
    for (size_t i = 0; i < allocator->nodes.count; i++)
        set_aside += allocator->nodes.list[i]->is_set_aside;
    JS_INVARIANT(set_aside == count);
    js_node_rankings_assert_invariants(&allocator->rankings, &allocator->nodes);
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
