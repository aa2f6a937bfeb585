#include "sched/nodes.h"

#include "base/err.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void node_about_release(struct js_node_about *about)
{
    free(about->host);
    free(about->words);
}

void js_nodes_release(struct js_nodes *nodes)
{
    for (size_t i = 0; i < nodes->count; i++) {
        struct js_node_state *node = nodes->list[i];
        js_resources_release(&node->resources);
        free(node->cores);
        free(node->gpu_held);
        free(node->with_room);
        free(node->ranks);
        node_about_release(&node->about);
        free(node);
    }
    for (size_t i = 0; i < nodes->member_end; i++) {
        if (nodes->members[i])
            free(nodes->members[i]->slots);
        free(nodes->members[i]);
    }
    free(nodes->list);
    free(nodes->members);
    js_idmap_release(&nodes->by_hash);
    free(nodes->weights);
}

int js_node_about_add(struct js_node_about *about, const struct js_node *report)
{
    uint32_t count = JS_CPUS_WORDS;
    while (count > 0 && report->cpus.word[count - 1] == 0 &&
           report->held.word[count - 1] == 0)
        count--;
    if (count > about->word_count) {
        unsigned long *words =
            realloc(about->words, 2 * count * sizeof(*words));
        if (!words)
            return -1;
        for (uint32_t i = 2 * about->word_count; i < 2 * count; i++)
            words[i] = 0;
        about->words = words;
        about->word_count = count;
    }
    for (uint32_t i = 0; i < count; i++) {
        about->words[2 * i] |= report->cpus.word[i];
        about->words[2 * i + 1] |= report->held.word[i];
    }
    if (about->quota_cores == 0 ||
        (report->quota_cores > 0 && report->quota_cores < about->quota_cores))
        about->quota_cores = report->quota_cores;
    return 0;
}

void js_node_about_cpus(const struct js_node_about *about,
                        struct js_cpuset *ret_cpus, struct js_cpuset *ret_held)
{
    js_cpuset_clear(ret_cpus);
    js_cpuset_clear(ret_held);
    for (uint32_t i = 0; i < about->word_count; i++) {
        ret_cpus->word[i] = about->words[2 * i];
        ret_held->word[i] = about->words[2 * i + 1];
    }
}

bool js_node_is_same(const struct js_node *a, const struct js_node *b)
{
    return a->boot_id == b->boot_id && js_host_is_same(a->host, b->host);
}

/* Nodes are allocated one by one, because pointers to them must stay valid
 * while others are added. If several nodes could be the same host, the first
 * one counts: "n1" may be "n1.a" as well as "n1.b". */
struct js_node_state *js_nodes_find(struct js_nodes *nodes,
                                    const struct js_node *about)
{
    uint64_t hash = js_host_hash(about->host) ^ about->boot_id;
    struct js_node_state *alike = js_idmap_get(&nodes->by_hash, hash);
    struct js_node_state *last = NULL;
    for (; alike; last = alike, alike = alike->next_alike) {
        if (alike->about.boot_id == about->boot_id &&
            js_host_is_same(alike->about.host, about->host))
            return alike;
    }
    struct js_node_state **list =
        realloc(nodes->list, (nodes->count + 1) * sizeof(*list));
    if (!list)
        return NULL;
    nodes->list = list;
    struct js_node_state *node = calloc(1, sizeof(*node));
    if (!node)
        return NULL;
    node->hash = hash;
    node->about = (struct js_node_about){.host = strdup(about->host),
                                         .boot_id = about->boot_id};
    node->index = nodes->count;
    if (!node->about.host ||
        (!last && js_idmap_put(&nodes->by_hash, node) < 0)) {
        node_about_release(&node->about);
        free(node);
        return NULL;
    }
    if (last)
        last->next_alike = node;
    nodes->list[nodes->count++] = node;
    js_nodes_touch(nodes, node);
    return node;
}

/* ---------------------------------------------------------------- equipping
 */

/* Makes room for notes about a node with this many cores. */
static int nodes_make_notes(struct js_nodes *nodes, uint32_t cores)
{
    if (cores <= nodes->noted_cores)
        return 0;
    uint64_t *notes = calloc(cores + js_bits_words(cores), sizeof(*notes));
    if (!notes)
        return -1;
    free(nodes->weights);
    nodes->weights = notes;
    nodes->candidates = notes + cores;
    nodes->noted_cores = cores;
    return 0;
}

/* Allocates what the node needs to know about its cores and GPUs. */
static int node_make_room(struct js_node_state *node,
                          const struct js_resources *from)
{
    size_t words = js_bits_words(from->core_count) + 1;
    uint64_t **sets[] = {&node->with_room, &node->set_aside, &node->of_others,
                         &node->cache_edges, &node->numa_edges};
    const size_t count = sizeof(sets) / sizeof(*sets);
    uint64_t *bits = calloc(words * count, sizeof(*bits));
    node->cores = calloc(from->core_count + 1, sizeof(*node->cores));
    node->gpu_held = calloc(from->gpu_count + 1, sizeof(*node->gpu_held));
    if (!bits || !node->cores || !node->gpu_held) {
        free(bits);
        free(node->cores);
        free(node->gpu_held);
        node->cores = NULL;
        node->gpu_held = NULL;
        return -1;
    }
    for (size_t i = 0; i < count; i++)
        *sets[i] = bits + i * words;
    return 0;
}

/* One slave of a node speaks for all: they see the same machine. */
int js_nodes_describe(struct js_nodes *nodes, struct js_node_state *node,
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
    if (!to.cores || !to.cpus || !to.gpus ||
        nodes_make_notes(nodes, from->core_count) < 0 ||
        node_make_room(node, from) < 0) {
        js_resources_release(&to);
        return -1;
    }
    memcpy(to.cores, from->cores, cores);
    memcpy(to.cpus, from->cpus, cpus);
    if (gpus > 0)
        memcpy(to.gpus, from->gpus, gpus);
    for (uint32_t i = 0; i < to.core_count; i++) {
        const struct js_core *core = &to.cores[i];
        const struct js_core *before = i > 0 ? core - 1 : NULL;
        bool is_next_numa = !before || before->numa != core->numa;
        node->cores[i].room = 1;
        node->has_others |= core->is_others;
        js_bits_put(node->with_room, i, true);
        js_bits_put(node->of_others, i, core->is_others);
        js_bits_put(node->numa_edges, i, is_next_numa);
        /* Cores that share a cache across two NUMA nodes form two groups. */
        js_bits_put(node->cache_edges, i,
                    is_next_numa || before->cache != core->cache);
    }
    node->resources = to;
    node->free_cores = to.core_count;
    node->free_gpus = to.gpu_count;
    node->free_mem_bytes = to.mem_bytes;
    return 0;
}

void js_nodes_touch(struct js_nodes *nodes, struct js_node_state *node)
{
    node->touched = ++nodes->touches;
    if (nodes->newest == node)
        return;
    if (node->newer)
        node->newer->older = node->older;
    if (node->older)
        node->older->newer = node->newer;
    node->newer = NULL;
    node->older = nodes->newest;
    if (nodes->newest)
        nodes->newest->newer = node;
    nodes->newest = node;
}

static void slave_changed(struct js_nodes *nodes, struct js_node_member *slave)
{
    if (slave->is_changed)
        return;
    slave->is_changed = true;
    slave->changed_next = nodes->changed;
    nodes->changed = slave;
}

/* Updates whether the slot is free. */
static void nodes_review_slot(struct js_nodes *nodes,
                              const struct js_node_state *node,
                              struct js_node_member *slave, uint32_t number)
{
    const struct js_node_slot *slot = &slave->slots[number];
    bool is_free = slot->holder == 0 &&
                   js_bits_has(node->with_room, slot->home) &&
                   !js_bits_has(node->set_aside, slot->home);
    if (js_bits_has(slave->free_slots, number) == is_free)
        return;
    js_bits_put(slave->free_slots, number, is_free);
    slave->free_count += is_free ? 1 : -1U;
    nodes->free_slots += is_free ? 1 : UINT64_MAX;
    slave_changed(nodes, slave);
}

/* Updates whether this core has room, after its use or the number of slots at
 * home there has changed. Returns whether it has reviewed these slots. */
static bool nodes_review_core(struct js_nodes *nodes,
                              struct js_node_state *node, uint32_t index)
{
    const struct js_node_core *core = &node->cores[index];
    bool has_room = js_node_core_has_room(core);
    if (js_bits_has(node->with_room, index) == has_room)
        return false;
    js_bits_put(node->with_room, index, has_room);
    node->free_cores += has_room ? 1 : -1U;
    unsigned rank = core->first_rank;
    uint32_t number = core->first_slot;
    while (rank > 0) {
        struct js_node_member *slave = nodes->members[rank];
        nodes_review_slot(nodes, node, slave, number);
        rank = slave->slots[number].next_rank;
        number = slave->slots[number].next_slot;
    }
    return true;
}

/* Finds the place of this slot in the chain of its core: *ret_rank and
 * *ret_slot point to the link that must lead to it. */
static void nodes_find_in_chain(struct js_nodes *nodes,
                                struct js_node_core *core, unsigned rank,
                                uint32_t slot, unsigned **ret_rank,
                                uint32_t **ret_slot)
{
    *ret_rank = &core->first_rank;
    *ret_slot = &core->first_slot;
    while (**ret_rank > 0 &&
           (**ret_rank < rank || (**ret_rank == rank && **ret_slot < slot))) {
        struct js_node_slot *at =
            &nodes->members[**ret_rank]->slots[**ret_slot];
        *ret_rank = &at->next_rank;
        *ret_slot = &at->next_slot;
    }
}

int js_nodes_fit(struct js_nodes *nodes, struct js_node_member *slave,
                 const uint32_t *homes, uint32_t slots)
{
    struct js_node_state *node = nodes->list[slave->node];
    slave->slots = calloc(1, (slots + 1) * sizeof(*slave->slots) +
                                 js_bits_words(slots) * sizeof(uint64_t));
    if (!slave->slots)
        return -1;
    slave->free_slots = (uint64_t *)(slave->slots + slots + 1);
    slave->slot_count = slots;
    node->equipped++;
    nodes->slots += slots;
    nodes->fittings++;
    slave_changed(nodes, slave);
    js_nodes_touch(nodes, node);
    /* The last slot is added first, because the first of several on one core
     * comes before the others. */
    for (uint32_t i = slots; i-- > 0;) {
        struct js_node_slot *slot = &slave->slots[i];
        struct js_node_core *core = &node->cores[homes[i]];
        unsigned *at_rank;
        uint32_t *at_slot;
        core->room += core->first_rank > 0;
        nodes_find_in_chain(nodes, core, slave->rank, i, &at_rank, &at_slot);
        *slot = (struct js_node_slot){
            .home = homes[i], .next_rank = *at_rank, .next_slot = *at_slot};
        *at_rank = slave->rank;
        *at_slot = i;
        /* A core on which this run has a slot is not left to other runs, even
         * if they hold it: there were no free cores. */
        js_bits_put(node->of_others, homes[i], false);
        slave->aside_count += js_bits_has(node->set_aside, homes[i]);
        nodes_review_core(nodes, node, homes[i]);
        nodes_review_slot(nodes, node, slave, i);
    }
    return 0;
}

/* The slots stay allocated, because allocations still refer to them until they
 * are released. Only slot_count shows that they are gone. */
void js_nodes_unfit(struct js_nodes *nodes, struct js_node_member *slave)
{
    struct js_node_state *node = nodes->list[slave->node];
    uint32_t slots = slave->slot_count;
    nodes->slots -= slots;
    nodes->free_slots -= slave->free_count;
    nodes->fittings++;
    node->equipped--;
    slave->slot_count = slave->free_count = slave->aside_count = 0;
    slave_changed(nodes, slave);
    js_nodes_touch(nodes, node);
    for (uint32_t i = 0; i < slots; i++) {
        const struct js_node_slot *slot = &slave->slots[i];
        struct js_node_core *core = &node->cores[slot->home];
        unsigned *at_rank;
        uint32_t *at_slot;
        nodes_find_in_chain(nodes, core, slave->rank, i, &at_rank, &at_slot);
        *at_rank = slot->next_rank;
        *at_slot = slot->next_slot;
        core->room -= core->room > 1;
    }
    /* This is done only now, when no chain contains a slot of this slave any
     * more. */
    for (uint32_t i = 0; i < slots; i++)
        nodes_review_core(nodes, node, slave->slots[i].home);
}

void js_nodes_set_aside(struct js_nodes *nodes, struct js_node_state *node,
                        uint32_t first, uint32_t end, bool is_set_aside)
{
    js_nodes_touch(nodes, node);
    for (uint32_t i = first; i < end; i++) {
        unsigned rank = node->cores[i].first_rank;
        uint32_t number = node->cores[i].first_slot;
        if (js_bits_has(node->set_aside, i) == is_set_aside)
            continue;
        js_bits_put(node->set_aside, i, is_set_aside);
        while (rank > 0) {
            struct js_node_member *slave = nodes->members[rank];
            slave->aside_count += is_set_aside ? 1 : -1U;
            slave_changed(nodes, slave);
            nodes_review_slot(nodes, node, slave, number);
            rank = slave->slots[number].next_rank;
            number = slave->slots[number].next_slot;
        }
    }
}

/* ---------------------------------------------------------------- holding */

void js_nodes_hold(struct js_nodes *nodes,
                   const struct js_allocation *allocation, unsigned holder)
{
    struct js_node_member *slave = nodes->members[allocation->rank];
    struct js_node_state *node = nodes->list[slave->node];
    const uint32_t *cores = js_allocation_cores(allocation);
    struct js_node_slot *slot = &slave->slots[allocation->slot];
    bool is_reviewed = false;
    js_nodes_touch(nodes, node);
    slot->holder = holder;
    for (uint32_t i = 0; i < allocation->core_count; i++) {
        node->cores[cores[i]].used++;
        is_reviewed |=
            nodes_review_core(nodes, node, cores[i]) && cores[i] == slot->home;
    }
    if (!is_reviewed)
        nodes_review_slot(nodes, node, slave, allocation->slot);
    for (uint32_t i = 0; i < allocation->gpu_count; i++)
        node->gpu_held[js_allocation_gpus_of(allocation)[i]] = true;
    node->free_gpus -= allocation->gpu_count;
    /* If the memory of a node is unknown, it is not counted. */
    if (node->resources.mem_bytes > 0)
        node->free_mem_bytes -= allocation->mem_bytes;
}

/* A core may be held by more jobs than it has room for: the room shrinks when a
 * slave is lost while jobs of other slaves still run there. Such a core is not
 * free yet. */
void js_nodes_let_go(struct js_nodes *nodes,
                     const struct js_allocation *allocation)
{
    struct js_node_member *slave = nodes->members[allocation->rank];
    struct js_node_state *node = nodes->list[slave->node];
    const uint32_t *cores = js_allocation_cores(allocation);
    struct js_node_slot *slot = &slave->slots[allocation->slot];
    bool is_reviewed = false;
    js_nodes_touch(nodes, node);
    slot->holder = 0;
    for (uint32_t i = 0; i < allocation->core_count; i++) {
        node->cores[cores[i]].used--;
        is_reviewed |=
            nodes_review_core(nodes, node, cores[i]) && cores[i] == slot->home;
    }
    if (!is_reviewed && slave->slot_count > 0)
        nodes_review_slot(nodes, node, slave, allocation->slot);
    for (uint32_t i = 0; i < allocation->gpu_count; i++)
        node->gpu_held[js_allocation_gpus_of(allocation)[i]] = false;
    node->free_gpus += allocation->gpu_count;
    if (node->resources.mem_bytes > 0)
        node->free_mem_bytes += allocation->mem_bytes;
}

void js_allocation_free(struct js_allocation *allocation)
{
    for (uint32_t i = 0; i < allocation->other_count; i++)
        free(allocation->others[i].cores);
    free(allocation->others);
    free(allocation->cores);
    memset(allocation, 0, sizeof(*allocation));
}

/* ---------------------------------------------------------------- fitting */

/* A job that needs none of the kept resources is not affected by the
 * reservation. */
bool js_node_has_unkept(const struct js_node_state *node,
                        const struct js_request *request)
{
    uint32_t gpus = node->free_gpus;
    uint64_t mem = node->free_mem_bytes;
    gpus -= node->kept_gpus < gpus ? node->kept_gpus : gpus;
    mem -= node->kept_mem_bytes < mem ? node->kept_mem_bytes : mem;
    return request->gpus <= gpus &&
           (node->resources.mem_bytes == 0 || request->mem_bytes <= mem);
}

/* ---------------------------------------------------------------- invariants
 */

/* Returns how many slots are at home on this core, by examining each slot. */
static uint32_t core_assert_invariants(const struct js_nodes *nodes,
                                       const struct js_node_state *node,
                                       uint32_t index)
{
    const struct js_node_core *core = &node->cores[index];
    unsigned rank = core->first_rank;
    uint32_t number = core->first_slot, count = 0;
    JS_INVARIANT(js_bits_has(node->with_room, index) ==
                 js_node_core_has_room(core));
    while (rank > 0) {
        const struct js_node_member *slave = nodes->members[rank];
        JS_INVARIANT(number < slave->slot_count);
        const struct js_node_slot *slot = &slave->slots[number];
        JS_INVARIANT(slot->home == index);
        JS_INVARIANT(nodes->list[slave->node] == node);
        JS_INVARIANT(js_bits_has(slave->free_slots, number) ==
                     (slot->holder == 0 && js_node_core_has_room(core) &&
                      !js_bits_has(node->set_aside, index)));
        JS_INVARIANT(slot->next_rank == 0 || slot->next_rank > rank ||
                     (slot->next_rank == rank && slot->next_slot > number));
        rank = slot->next_rank;
        number = slot->next_slot;
        count++;
    }
    return count;
}

static void node_assert_invariants(const struct js_nodes *nodes,
                                   const struct js_node_state *node,
                                   struct js_request *held)
{
    uint32_t free_cores = 0, free_gpus = 0, slots = 0;
    for (uint32_t i = 0; i < node->resources.core_count; i++) {
        const struct js_node_core *core = &node->cores[i];
        uint32_t at_home = core_assert_invariants(nodes, node, i);
        JS_INVARIANT(core->room == (at_home > 1 ? at_home : 1));
        JS_INVARIANT(!js_bits_has(node->of_others, i) || node->has_others);
        JS_INVARIANT(!js_bits_has(node->set_aside, i) || node->is_set_aside);
        free_cores += js_node_core_has_room(core);
        held->cores += core->used;
        slots += at_home;
    }
    for (size_t i = 0; i < node->rank_count; i++)
        slots -= nodes->members[node->ranks[i]]->slot_count;
    JS_INVARIANT(slots == 0);
    for (uint32_t i = 0; i < node->resources.gpu_count; i++)
        free_gpus += !node->gpu_held[i];
    held->gpus += node->resources.gpu_count - free_gpus;
    JS_INVARIANT(node->free_cores == free_cores);
    JS_INVARIANT(node->free_gpus == free_gpus);
    JS_INVARIANT(node->free_mem_bytes <= node->resources.mem_bytes);
    JS_INVARIANT(node->is_set_aside ||
                 (node->kept_gpus == 0 && node->kept_mem_bytes == 0));
}

struct js_request js_nodes_assert_invariants(const struct js_nodes *nodes)
{
    struct js_request held = {0};
    uint64_t slots = 0, free_slots = 0;
    for (size_t i = 0; i < nodes->count; i++) {
        const struct js_node_state *node = nodes->list[i];
        size_t equipped = 0;
        JS_INVARIANT(node->index == i);
        for (size_t k = 0; k < node->rank_count; k++) {
            const struct js_node_member *slave = nodes->members[node->ranks[k]];
            uint32_t aside = 0;
            JS_INVARIANT(slave->node == i && slave->is_slave);
            JS_INVARIANT(k == 0 || node->ranks[k - 1] < node->ranks[k]);
            equipped += slave->slot_count > 0;
            for (uint32_t n = 0; n < slave->slot_count; n++)
                aside += js_bits_has(node->set_aside, slave->slots[n].home);
            JS_INVARIANT(slave->aside_count == aside);
            JS_INVARIANT(slave->slot_count == 0 ||
                         slave->free_count == js_bits_count(slave->free_slots,
                                                            0,
                                                            slave->slot_count));
            slots += slave->slot_count;
            free_slots += slave->free_count;
        }
        JS_INVARIANT(node->equipped == equipped);
        node_assert_invariants(nodes, node, &held);
    }
    JS_INVARIANT(nodes->slots == slots && nodes->free_slots == free_slots);
    const struct js_node_state *newer = NULL;
    for (const struct js_node_state *node = nodes->newest; node;
         newer = node, node = node->older) {
        JS_INVARIANT(node->newer == newer);
        JS_INVARIANT(!newer || newer->touched > node->touched);
    }
    return held;
}
