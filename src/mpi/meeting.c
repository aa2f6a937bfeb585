#include "mpi/master_private.h"

#include "base/clock.h"
#include "base/file.h"
#include "sched/allocator.h"

#include <inttypes.h>
#include <stdlib.h>

/* How often to check whether an earlier run is known to be gone. */
static const int64_t look_for_quiet_ns = 50 * JS_NS_PER_MS;

int js_meeting_take_hello(struct js_master *master,
                          const struct js_message *message, struct js_err *err)
{
    struct js_slave_conn *conn = &master->conns[message->peer];
    struct js_wire_hello hello;
    struct js_location place;
    /* This slave came too late and was left out. It must still be told that it
     * may leave. */
    if (conn->state != JS_SLAVE_CONN_AWAITED)
        return js_slave_conn_post_number(conn, JS_TAG_SHUTDOWN,
                                         JS_LEAVE_TOGETHER, err);
    if (js_wire_unpack_hello(message->bytes, message->len, &hello) < 0)
        return js_err_set(err,
                          "rank %d is not a slave of this jobsched: start the "
                          "same program in "
                          "every process",
                          message->peer);
    if (hello.version != JS_WIRE_VERSION) {
        js_log(
            &master->config.log,
            "slave %d is left out, because it runs another version of jobsched "
            "(message format %u instead of %d): install the same version on "
            "all nodes",
            message->peer, hello.version, JS_WIRE_VERSION);
        conn->state = JS_SLAVE_CONN_GONE;
        return js_slave_conn_post_number(conn, JS_TAG_SHUTDOWN,
                                         JS_LEAVE_TOGETHER, err);
    }
    conn->state = JS_SLAVE_CONN_MET;
    conn->is_near = js_node_is_same(&hello.node, &master->config.node);
    conn->processes = hello.processes;
    if (js_allocator_add(master->allocator, (unsigned)message->peer,
                         &hello.node, true) < 0 ||
        js_allocator_locate(master->allocator, (unsigned)message->peer,
                            &place) < 0)
        return js_master_no_memory(err);
    conn->node = place.node;
    return 0;
}

/* True while there are slaves in an earlier state than this one, and there is
 * time left to wait for them. */
static bool meeting_is_awaiting(struct js_master *master,
                                enum js_slave_conn_state state)
{
    int *first = &master->meeting.first;
    while (*first < master->link->size && master->conns[*first].state >= state)
        ++*first;
    return *first < master->link->size &&
           master->meeting.awaited_ns < master->config.meeting_ns;
}

/* The next phase begins by waiting for all slaves. */
static void meeting_enter(struct js_master *master, enum js_meeting_phase phase)
{
    master->meeting.phase = phase;
    master->meeting.awaited_ns = 0;
    master->meeting.first = 1;
}

/* All slaves of a node would describe it in the same way, so one is enough. A
 * slave that is ready is asked before one that may never be ready. */
static int meeting_ask_for_node(struct js_master *master, unsigned slave,
                                struct js_err *err)
{
    const unsigned *ranks;
    struct js_location place;
    struct js_slave_conn *next = NULL;
    size_t count = js_allocator_neighbours(master->allocator, slave, &ranks);
    if (js_allocator_locate(master->allocator, slave, &place) < 0 ||
        place.cores > 0)
        return 0;
    for (size_t i = 0; i < count; i++) {
        struct js_slave_conn *conn = &master->conns[ranks[i]];
        if (conn->state == JS_SLAVE_CONN_GONE)
            continue;
        if (conn->is_asked)
            return 0;
        if (!next || (conn->homes && !next->homes))
            next = conn;
    }
    if (!next)
        return 0;
    next->is_asked = true;
    return js_slave_conn_post(next, JS_TAG_DESCRIBE, 0, err);
}

int js_meeting_miss(struct js_master *master, unsigned slave,
                    struct js_err *err)
{
    return master->meeting.phase == JS_MEETING_SETTING_UP
               ? meeting_ask_for_node(master, slave, err)
               : 0;
}

/* The run goes on without slaves that do not answer: one bad node must not keep
 * all others from working. Slaves stay if they are ready and only wait for
 * another one to describe their node. */
static void meeting_leave_out_before(struct js_master *master,
                                     enum js_slave_conn_state state)
{
    int seconds = (int)(master->config.meeting_ns / JS_NS_PER_S);
    for (int i = 1; i < master->link->size; i++) {
        struct js_slave_conn *conn = &master->conns[i];
        bool is_ready = conn->homes && !conn->is_asked;
        if (conn->state >= state || is_ready)
            continue;
        if (conn->state == JS_SLAVE_CONN_AWAITED)
            js_log(&master->config.log,
                   "slave %d has not reported within %d s and is left out", i,
                   seconds);
        else
            js_log(&master->config.log,
                   "slave %d on %s was not ready within %d s and is left out",
                   i, conn->node->host, seconds);
        conn->state = JS_SLAVE_CONN_GONE;
    }
}

/* Every slave's share depends on which slaves are on its node, because its
 * place there decides which of the node's cores it gets. So shares are sent
 * only when all slaves have reported their node. */
static int meeting_begin_setups(struct js_master *master, struct js_err *err)
{
    meeting_leave_out_before(master, JS_SLAVE_CONN_MET);
    if (js_wire_pack_setup_text(&master->setup_text, &master->config.setup) < 0)
        return js_master_no_memory(err);
    meeting_enter(master, JS_MEETING_SETTING_UP);
    master->meeting.unsent = 1;
    return 0;
}

/* Sends the next SETUPs. It takes several turns to send them to thousands of
 * slaves, so that heartbeats and output do not wait. */
static int meeting_send_setups(struct js_master *master, struct js_err *err)
{
    enum { AT_ONCE = 1024 };
    int *i = &master->meeting.unsent;
    int end = *i + AT_ONCE;
    if (end > master->link->size)
        end = master->link->size;
    for (; *i < end; ++*i) {
        struct js_wire_setup setup = master->config.setup;
        struct js_location place;
        unsigned slave = (unsigned)*i;
        if (master->conns[slave].state != JS_SLAVE_CONN_MET)
            continue;
        if (js_allocator_locate(master->allocator, slave, &place) < 0)
            return js_err_set(err, "slave %u has no place", slave);
        setup.index = place.index;
        setup.slaves = place.slaves;
        js_node_about_cpus(place.node, &setup.node_cpus, &setup.held);
        setup.quota_cores = place.node->quota_cores;
        if (meeting_ask_for_node(master, slave, err) < 0 ||
            js_slave_conn_set_up(&master->conns[slave], &setup,
                                 &master->setup_text, err) < 0)
            return -1;
    }
    /* The next turn begins at once if there are more. */
    bool is_over = end == master->link->size;
    master->meeting.phase_end_ns = is_over ? JS_NEVER_NS : master->now_ns;
    return 0;
}

static void meeting_show_map(const struct js_master *master)
{
    const struct js_request nothing = {.nodes = 1};
    uint32_t nodes = js_allocator_count_nodes(master->allocator, &nothing, 0);
    for (int i = 1; i < master->link->size; i++) {
        const struct js_slave_conn *conn = &master->conns[i];
        if (conn->state != JS_SLAVE_CONN_WORKING)
            continue;
        js_log(&master->config.log, "slave %d on %s: %u slot%s on CPUs %s", i,
               conn->node->host, conn->slots, conn->slots == 1 ? "" : "s",
               conn->home.data);
    }
    if (nodes > 1)
        js_log(&master->config.log,
               "there are %" PRIu32
               " nodes, so a job can request at most nodes=%" PRIu32,
               nodes, nodes);
}

/* True if the jobs of an earlier run are known to have ended, or must have
 * ended by now. */
static bool meeting_is_quiet(struct js_master *master)
{
    if (master->now_ns >= master->meeting.phase_end_ns)
        return true;
    if (master->now_ns < master->meeting.quiet_look_ns)
        return false;
    master->meeting.quiet_look_ns = master->now_ns + look_for_quiet_ns;
    return js_recorder_is_quiet(master->config.recorder);
}

/* Leaves out the slaves that are not ready. If others wait only for their node
 * to be described, the phase begins again. Otherwise it ends: from here on,
 * other runs can see the CPU bindings of the slaves, so the claim that kept
 * those runs away is no longer needed. */
static int meeting_end_setup(struct js_master *master, struct js_err *err)
{
    meeting_leave_out_before(master, JS_SLAVE_CONN_WORKING);
    bool is_over = true;
    for (int i = 1; i < master->link->size; i++) {
        if (master->conns[i].state >= JS_SLAVE_CONN_WORKING)
            continue;
        is_over = false;
        if (meeting_ask_for_node(master, (unsigned)i, err) < 0)
            return -1;
    }
    if (!is_over) {
        meeting_enter(master, JS_MEETING_SETTING_UP);
        return 0;
    }
    if (master->config.claim)
        js_fd_close(master->config.claim);
    if (master->config.show_map)
        meeting_show_map(master);
    meeting_enter(master, JS_MEETING_QUIET);
    master->meeting.phase_end_ns = master->meeting.quiet_end_ns;
    int64_t left_ns = master->meeting.quiet_end_ns - master->now_ns;
    if (meeting_is_quiet(master))
        master->meeting.phase_end_ns = master->now_ns;
    else
        js_log(
            &master->config.log,
            "the previous run was killed, and its slaves may still be ending "
            "their jobs: this run starts in at most %d s",
            (int)(left_ns / JS_NS_PER_S + 1));
    return 0;
}

/* Orphans belong to a host, not to a slave: two slaves that look for the same
 * ones would both report them. */
static bool meeting_is_host_covered(const struct js_master *master, int slave)
{
    const unsigned *ranks;
    size_t count =
        js_allocator_neighbours(master->allocator, (unsigned)slave, &ranks);
    for (size_t i = 0; i < count; i++) {
        const struct js_slave_conn *conn = &master->conns[ranks[i]];
        if (conn->clearing == JS_SLAVE_CONN_CLEARED ||
            (conn->clearing == JS_SLAVE_CONN_CLEARING &&
             conn->state == JS_SLAVE_CONN_WORKING))
            return true;
    }
    return false;
}

/* Asks one slave on each host to clear it, or another one there if that slave
 * is lost in the meantime. Returns 1 while a host is being cleared, 0 if none
 * is, or -1. No job starts on any node before all are cleared, because a job
 * may use several nodes, or files that an orphan still writes. */
static int meeting_clear_hosts(struct js_master *master, struct js_err *err)
{
    bool is_clearing = false, is_asked = false;
    for (int i = 1; i < master->link->size; i++)
        is_clearing |= master->conns[i].state == JS_SLAVE_CONN_WORKING &&
                       master->conns[i].clearing == JS_SLAVE_CONN_CLEARING;
    if (is_clearing || master->config.dead_count == 0)
        return is_clearing;
    for (int i = 1; i < master->link->size; i++) {
        struct js_slave_conn *conn = &master->conns[i];
        if (conn->state != JS_SLAVE_CONN_WORKING ||
            meeting_is_host_covered(master, i))
            continue;
        conn->clearing = JS_SLAVE_CONN_CLEARING;
        if (js_slave_conn_post(conn, JS_TAG_CLEAR,
                               js_wire_pack_clear(&conn->queue->out,
                                                  master->config.dead,
                                                  master->config.dead_count),
                               err) < 0)
            return -1;
        is_asked = true;
    }
    return is_asked;
}

/* Several phases may pass in one turn: if no earlier run was killed, there is
 * nothing to wait for between READY and the first job. */
int js_meeting_step(struct js_master *master, struct js_err *err)
{
    if (master->meeting.phase == JS_MEETING_MEETING &&
        !meeting_is_awaiting(master, JS_SLAVE_CONN_MET) &&
        meeting_begin_setups(master, err) < 0)
        return -1;
    if (master->meeting.phase == JS_MEETING_SETTING_UP &&
        master->meeting.unsent < master->link->size &&
        meeting_send_setups(master, err) < 0)
        return -1;
    if (master->meeting.phase == JS_MEETING_SETTING_UP &&
        master->meeting.unsent == master->link->size &&
        !meeting_is_awaiting(master, JS_SLAVE_CONN_WORKING) &&
        meeting_end_setup(master, err) < 0)
        return -1;
    if (master->meeting.phase == JS_MEETING_QUIET && meeting_is_quiet(master)) {
        meeting_enter(master, JS_MEETING_CLEARING);
        master->meeting.phase_end_ns = JS_NEVER_NS;
    }
    if (master->meeting.phase != JS_MEETING_CLEARING)
        return 0;
    int rc = meeting_clear_hosts(master, err);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    master->meeting.phase = JS_MEETING_WORKING;
    /* A job that no node can run is an error in the list. It is better to
     * refuse the list now than to fail the job hours later. */
    if (js_scheduler_counts(master->scheduler).slaves > 0 &&
        js_allocator_check(master->allocator, master->config.source,
                           &master->config.log) > 0) {
        js_err_set(&master->input_error,
                   "some jobs (listed above) need more than any node has; no "
                   "job was started");
        master->is_input_bad = true;
        master->has_input = false;
    }
    return 0;
}

/* The slave is ready, and its node has been described. */
static int meeting_enlist(struct js_master *master, unsigned slave,
                          struct js_err *err)
{
    struct js_slave_conn *conn = &master->conns[slave];
    struct js_location place;
    if (js_allocator_equip(master->allocator, slave, NULL, conn->homes,
                           conn->slots) < 0)
        return js_err_errno(err, "slave %u cannot be added", slave);
    free(conn->homes);
    conn->homes = NULL;
    if (js_scheduler_add_slave(master->scheduler, slave, conn->slots) < 0)
        return js_master_no_memory(err);
    conn->state = JS_SLAVE_CONN_WORKING;
    master->meeting.slaves++;
    master->meeting.slots += conn->slots;
    js_recorder_enlisted(master->config.recorder, slave, conn->slots,
                         conn->node->host, &conn->processes);
    /* Only the first slave of a node warns, for all slaves on it. */
    if (js_allocator_locate(master->allocator, slave, &place) == 0 &&
        place.index == 0 && (uint64_t)place.slaves * conn->slots > place.cores)
        js_log(&master->config.log,
               "%" PRIu64 " slots on %s share %u core%s, so jobs will slow "
               "each other down: start fewer slaves, or reduce --slots, so "
               "that there is a core for each slot (the master needs none)",
               (uint64_t)place.slaves * conn->slots, place.node->host,
               place.cores, place.cores == 1 ? "" : "s");
    return 0;
}

int js_meeting_take_node(struct js_master *master,
                         const struct js_message *message, struct js_err *err)
{
    unsigned slave = (unsigned)message->peer;
    struct js_slave_conn *conn = &master->conns[slave];
    const unsigned *ranks;
    struct js_resources resources;
    if (conn->state == JS_SLAVE_CONN_GONE)
        return 0;
    if (!conn->is_asked)
        return js_err_set(err, "slave %u sent an unexpected NODE message",
                          slave);
    conn->is_asked = false;
    if (js_wire_unpack_node(message->bytes, message->len, &resources) < 0)
        return js_err_set(err, "slave %u sent an invalid NODE message", slave);
    int rc = js_allocator_describe(master->allocator, slave, &resources);
    js_resources_release(&resources);
    if (rc < 0)
        return js_master_no_memory(err);
    /* Some slaves became ready earlier. */
    size_t count = js_allocator_neighbours(master->allocator, slave, &ranks);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (master->conns[ranks[i]].state == JS_SLAVE_CONN_SET_UP &&
            master->conns[ranks[i]].homes)
            rc = meeting_enlist(master, ranks[i], err);
    }
    return rc;
}

/* The slave's silence counts from now on: READY is its first heartbeat. */
static int meeting_take_ready(struct js_master *master, unsigned slave,
                              const struct js_wire_ready *ready,
                              struct js_err *err)
{
    struct js_slave_conn *conn = &master->conns[slave];
    struct js_location place;
    if (conn->state != JS_SLAVE_CONN_SET_UP || conn->homes) {
        free(ready->homes);
        return js_err_set(err, "slave %u sent an unexpected READY message",
                          slave);
    }
    if (ready->error[0]) {
        js_log(&master->config.log, "slave %u on %s is left out: %s", slave,
               js_master_host(master, slave), ready->error);
        conn->state = JS_SLAVE_CONN_GONE;
        free(ready->homes);
        return js_meeting_miss(master, slave, err);
    }
    conn->homes = ready->homes;
    conn->slots = ready->slots;
    if (master->config.show_map &&
        (js_cpuset_format(&ready->home, &conn->home) < 0 ||
         js_buf_append(&conn->home, "", 1) < 0))
        return js_master_no_memory(err);
    js_master_news_heard(master, conn);
    bool is_described =
        js_allocator_locate(master->allocator, slave, &place) == 0 &&
        place.cores > 0;
    return is_described ? meeting_enlist(master, slave, err) : 0;
}

int js_meeting_take_ready(struct js_master *master,
                          const struct js_message *message, struct js_err *err)
{
    int slave = message->peer;
    struct js_wire_ready ready;
    /* It sent a GOODBYE before it received its set-up. */
    if (master->conns[slave].state == JS_SLAVE_CONN_GONE)
        return 0;
    if (js_wire_unpack_ready(message->bytes, message->len, &ready) < 0)
        return js_err_set(err, "slave %d sent an invalid READY message", slave);
    return meeting_take_ready(master, (unsigned)slave, &ready, err);
}

int js_meeting_take_cleared(struct js_master *master,
                            const struct js_message *message,
                            struct js_err *err)
{
    struct js_slave_conn *conn = &master->conns[message->peer];
    struct js_wire_cleared cleared;
    if (js_wire_unpack_cleared(message->bytes, message->len, &cleared) < 0)
        return js_err_set(err, "slave %d sent an invalid CLEARED message",
                          message->peer);
    conn->clearing = JS_SLAVE_CONN_CLEARED;
    if (cleared.ended > 0)
        js_log(
            &master->config.log,
            "node %s: %u process%s that jobs of a killed run had left behind "
            "%s ended",
            conn->node->host, cleared.ended, cleared.ended == 1 ? "" : "es",
            cleared.ended == 1 ? "was" : "were");
    if (cleared.left > 0)
        js_log(&master->config.log,
               "node %s: %u of them cannot be ended, not even by SIGKILL",
               conn->node->host, cleared.left);
    return 0;
}
