#include "mpi/master.h"

#include "base/clock.h"
#include "base/fdio.h"
#include "mpi/slave_conn.h"
#include "sched/capacity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    UNWRITTEN_MAX = 16 * 1024 * 1024, /* bytes */
    NAMED_MAX = 5,                    /* jobs in a message */
    LOOKS = 4,     /* in the time for which all slaves have work */
    PAUSES = 2000, /* in the time that jobs take */
};

/* How often to look whether the end of a stream counts. */
static const int64_t source_look_ns = 20 * JS_NS_PER_MS;

/* A turn that took longer was not spent listening. */
static const int64_t listening_most_ns = 100 * JS_NS_PER_MS;

/* How often silence is looked for, and how much longer than lease and grace it
 * may last: the jobs' end takes its time. */
static const int64_t watch_every_ns = 100 * JS_NS_PER_MS;
static const int64_t silence_margin_ns = JS_NS_PER_S;

/* How often it is looked whether an earlier run is known to be gone. */
static const int64_t look_for_quiet_ns = 50 * JS_NS_PER_MS;

/* Behind the grace period, for what has ended to be written and recorded: after
 * that a reader that has stopped is no more waited for. */
static const int64_t end_most_ns = 10 * JS_NS_PER_S;

/* When there is no grace left. */
static const int64_t now_ns_most = 300 * JS_NS_PER_MS;

/* Nothing runs before it is known what every slave can do: whether a job fits
 * anywhere must not depend on who came first. */
enum phase {
    PHASE_MEETING,    /* slaves are awaited */
    PHASE_SETTING_UP, /* they have been told their share */
    PHASE_QUIET,      /* jobs of an earlier run are to have ended */
    PHASE_CLEARING,   /* what they have left is being ended */
    PHASE_WORKING,
};

struct js_master {
    struct js_master_config config;
    struct js_link *link;
    struct js_delivery *delivery; /* the recorder's */
    struct js_scheduler *scheduler;
    struct js_allocator *allocator;
    struct js_slave_conn *conns; /* by rank; 0 is unused */
    int64_t now_ns;
    int64_t event_ns; /* when a job was last given to a slave, or ended */
    int64_t quiet_end_ns, quiet_look_ns;
    int64_t phase_end_ns;        /* who is not there by then is left out */
    int64_t first_assignment_ns; /* JS_NEVER_NS: none yet */
    enum phase phase;
    bool has_new_runners; /* some peers have them */
    bool has_input;       /* the source may have more jobs */
    bool is_source_later; /* it has none at the moment */
    bool is_input_bad;
    struct js_err input_error;
    enum js_stop_request stop_request; /* that the slaves were told of */
    bool is_interrupted;               /* ... and not because of failures */
    bool was_asked;                    /* slaves were told to end by a signal */
    int64_t leave_ns;                  /* whatever runs then: the run is over */
    int64_t listened_ns; /* time in which a slave could have been heard */
    int64_t turn_ns;     /* when the last turn began */
    int64_t watch_ns;    /* when to look for silence again */
    unsigned lost;
    /* Jobs that were lost with a slave or its runner, for one message. */
    struct js_buf blamed;
    unsigned blamed_count;
    uint32_t losses;   /* of the last of them */
    int64_t limit_ns;  /* that the slaves know of, from the median */
    uint64_t accepted; /* jobs taken from the source */
    uint64_t ended;
    unsigned slaves;
    uint64_t slots;
};

/* ---------------------------------------------------------------- life */

static struct js_scheduler *new_scheduler(const struct js_master_config *config,
                                          struct js_allocator *allocator)
{
    struct js_scheduler_config scheduler = config->scheduler;
    struct js_source_survey survey;
    js_source_survey(config->source, &survey);
    scheduler.is_ordered = survey.is_ordered || scheduler.longest_first;
    scheduler.is_stream = js_source_is_stream(config->source);
    return js_scheduler_new(&scheduler, js_source_graph(config->source),
                            allocator);
}

/* Of the delivery: the job has ended and its output is written. What comes
 * after it may start, unless it was stopped; and its record is made, which is
 * on disk before anything new is sent. */
static void master_finish_job(void *arg, const struct js_completion *completion)
{
    struct js_master *master = arg;
    const struct js_outcome *outcome = &completion->outcome;
    if (completion->fate == JS_ATTEMPT_RESULT_ENDED &&
        outcome->cause != JS_STOP_REASON_STOPPED)
        js_scheduler_finished(master->scheduler, completion->job,
                              js_outcome_succeeded(outcome));
    js_recorder_finished(master->config.recorder, completion);
}

struct js_master *js_master_new(const struct js_master_config *config,
                                struct js_link *link)
{
    struct js_master *master = calloc(1, sizeof(*master));
    if (!master)
        return NULL;
    master->config = *config;
    master->link = link;
    master->delivery = config->recorder->delivery;
    js_delivery_report_to(master->delivery, master_finish_job, master);
    master->phase = PHASE_MEETING;
    master->has_input = true;
    master->first_assignment_ns = JS_NEVER_NS;
    master->now_ns = master->event_ns = js_link_now_ns(link);
    master->phase_end_ns = master->now_ns + config->meeting_ns;
    master->quiet_end_ns = master->now_ns + config->quiet_ns;
    master->turn_ns = master->now_ns;
    master->leave_ns = JS_NEVER_NS;
    master->allocator = js_allocator_new();
    if (master->allocator)
        master->scheduler = new_scheduler(config, master->allocator);
    master->conns = calloc((size_t)link->size, sizeof(*master->conns));
    for (int i = 0; master->conns && i < link->size; i++)
        js_slave_conn_init(&master->conns[i], link, i);
    if (!master->scheduler || !master->allocator || !master->conns ||
        js_allocator_add(master->allocator, 0, &config->node, false) < 0) {
        js_master_free(master);
        return NULL;
    }
    return master;
}

void js_master_free(struct js_master *master)
{
    if (!master)
        return;
    int saved = errno;
    for (int i = 0; master->conns && i < master->link->size; i++)
        js_slave_conn_release(&master->conns[i]);
    free(master->conns);
    js_scheduler_free(master->scheduler);
    js_allocator_free(master->allocator);
    js_buf_release(&master->blamed);
    free(master);
    errno = saved;
}

const char *js_master_host(const struct js_master *master, unsigned slave)
{
    return master->conns[slave].node.host;
}

static int master_no_memory(struct js_err *err)
{
    return js_err_set(err, "the master has no memory left");
}

/* Sends the slave what can be sent now. */
static int pump(struct js_master *master, struct js_slave_conn *conn,
                struct js_err *err)
{
    bool is_behind = js_delivery_is_behind(master->delivery);
    return js_slave_conn_pump(conn, is_behind ? 0 : JS_WIRE_INLINE, err);
}

/* ---------------------------------------------------------------- meeting */

/* Without memory the message is shorter. */
static void blame(void *arg, const struct js_job *job, unsigned slave)
{
    struct js_master *master = arg;
    js_recorder_lost(master->config.recorder, job, slave);
    master->losses = job->losses;
    if (master->blamed_count++ >= NAMED_MAX)
        return;
    js_buf_printf(&master->blamed, "%s %" PRIu64,
                  master->blamed_count > 1 ? "," : "", job->id);
    if (job->line > 0)
        js_buf_printf(&master->blamed, " (line %" PRIu64 ")", job->line);
}

static void tell_one_blamed(const struct js_master *master, unsigned slave,
                            const char *names)
{
    if (master->losses >= JS_SCHEDULER_LOSSES)
        js_log(&master->config.log,
               "slave %u on %s: job%s was running there: %u such losses count "
               "as its failure",
               slave, js_master_host(master, slave), names,
               JS_SCHEDULER_LOSSES);
    else
        js_log(&master->config.log,
               "slave %u on %s: job%s was running there (loss %" PRIu32
               " of %u that count as its failure): it runs again, alone on a "
               "slave",
               slave, js_master_host(master, slave), names, master->losses,
               JS_SCHEDULER_LOSSES);
}

/* What was running where something was lost is named. */
static void tell_blamed(struct js_master *master, unsigned slave)
{
    const char *names = js_buf_string(&master->blamed);
    unsigned count = master->blamed_count;
    if (count > NAMED_MAX && names)
        js_buf_printf(&master->blamed, " and %u more", count - NAMED_MAX);
    names = js_buf_string(&master->blamed);
    if (count == 1 && names)
        tell_one_blamed(master, slave, names);
    else if (count > 1 && names)
        js_log(&master->config.log,
               "slave %u on %s: jobs%s were running there, and one of them may "
               "be the cause: each runs again, alone on a slave",
               slave, js_master_host(master, slave), names);
    master->blamed.len = 0;
    master->blamed_count = 0;
}

static void part_from(struct js_master *master, unsigned slave, bool has_died)
{
    struct js_slave_conn *conn = &master->conns[slave];
    if (conn->state == JS_SLAVE_CONN_WORKING)
        js_recorder_parted(master->config.recorder, slave);
    if (has_died)
        js_scheduler_died(master->scheduler, slave, blame, master);
    else
        js_scheduler_lost(master->scheduler, slave);
    tell_blamed(master, slave);
    js_slave_conn_take_away(conn);
    conn->state = JS_SLAVE_CONN_GONE;
}

static int take_hello(struct js_master *master,
                      const struct js_message *message, struct js_err *err)
{
    struct js_slave_conn *conn = &master->conns[message->conn];
    struct js_wire_hello hello;
    if (conn->state != JS_SLAVE_CONN_AWAITED)
        return js_slave_conn_stop(conn, JS_LEAVE_TOGETHER, err);
    if (js_wire_unpack_hello(message->bytes, message->len, &hello) < 0)
        return js_err_set(
            err,
            "rank %d does not speak as a slave of jobsched: start "
            "the same jobsched in every process",
            message->conn);
    if (hello.version != JS_WIRE_VERSION) {
        js_log(&master->config.log,
               "slave %d is another version of jobsched (messages of version "
               "%u, here %d) and is left out: install the same one everywhere",
               message->conn, hello.version, JS_WIRE_VERSION);
        conn->state = JS_SLAVE_CONN_GONE;
        return js_slave_conn_stop(conn, JS_LEAVE_TOGETHER, err);
    }
    conn->state = JS_SLAVE_CONN_MET;
    conn->node = hello.node;
    conn->is_near = js_node_is_same(&hello.node, &master->config.node);
    conn->processes = hello.processes;
    if (js_allocator_add(master->allocator, (unsigned)message->conn,
                         &hello.node, true))
        return master_no_memory(err);
    return 0;
}

static int begin_setup(struct js_master *master, int slave, struct js_err *err)
{
    struct js_slave_conn *conn = &master->conns[slave];
    struct js_wire_setup setup = master->config.setup;
    struct js_location place;
    if (js_allocator_locate(master->allocator, (unsigned)slave, &place) < 0)
        return js_err_set(err, "slave %d has no place", slave);
    setup.index = place.index;
    setup.slaves = place.slaves;
    setup.node_cpus = place.node->cpus;
    setup.held = place.node->held;
    setup.quota_cores = place.node->quota_cores;
    return js_slave_conn_set_up(conn, &setup, err);
}

static void leave_out(struct js_master *master, int slave)
{
    struct js_slave_conn *conn = &master->conns[slave];
    int seconds = (int)(master->config.meeting_ns / JS_NS_PER_S);
    if (conn->state == JS_SLAVE_CONN_AWAITED)
        js_log(&master->config.log,
               "slave %d has not shown up in %d s and is left out", slave,
               seconds);
    else
        js_log(&master->config.log,
               "slave %d on %s has not got ready in %d s and is left out",
               slave, conn->node.host, seconds);
    conn->state = JS_SLAVE_CONN_GONE;
}

/* True while slaves are in a state before this one, and there is time. */
static bool is_awaiting(struct js_master *master,
                        enum js_slave_conn_state state)
{
    bool is_late = master->now_ns >= master->phase_end_ns;
    for (int i = 1; i < master->link->size; i++) {
        if (master->conns[i].state < state && !is_late)
            return true;
    }
    return false;
}

static void leave_out_before(struct js_master *master,
                             enum js_slave_conn_state state)
{
    for (int i = 1; i < master->link->size; i++) {
        if (master->conns[i].state < state)
            leave_out(master, i);
    }
}

/* Once all have said where they are, each can be told its share. */
static int end_meeting(struct js_master *master, struct js_err *err)
{
    leave_out_before(master, JS_SLAVE_CONN_MET);
    for (int i = 1; i < master->link->size; i++) {
        if (master->conns[i].state == JS_SLAVE_CONN_MET &&
            begin_setup(master, i, err) < 0)
            return -1;
    }
    master->phase = PHASE_SETTING_UP;
    master->phase_end_ns = master->now_ns + master->config.meeting_ns;
    return 0;
}

static void show_slave(const struct js_master *master, int slave)
{
    const struct js_slave_conn *conn = &master->conns[slave];
    struct js_buf cpus = JS_BUF_INIT;
    js_cpuset_format(&conn->home, &cpus);
    const char *list = js_buf_string(&cpus);
    js_log(&master->config.log, "slave %d on %s: %u slot%s on CPUs %s", slave,
           conn->node.host, conn->slots, conn->slots == 1 ? "" : "s",
           list ? list : "?");
    js_buf_release(&cpus);
}

static void show_nodes(const struct js_master *master)
{
    const struct js_request nothing = {.nodes = 1};
    uint32_t count = js_allocator_count_nodes(master->allocator, &nothing, 0);
    if (count > 1)
        js_log(&master->config.log,
               "%" PRIu32 " nodes: nodes=%" PRIu32
               " is the most that a job can ask for",
               count, count);
}

/* What an earlier run has left is known to be gone, or must be by now. */
static bool master_is_quiet(struct js_master *master)
{
    if (master->now_ns >= master->phase_end_ns)
        return true;
    if (master->now_ns < master->quiet_look_ns)
        return false;
    master->quiet_look_ns = master->now_ns + look_for_quiet_ns;
    return js_recorder_is_quiet(master->config.recorder);
}

static void end_setup(struct js_master *master)
{
    if (master->config.claim)
        js_fd_close(master->config.claim);
    leave_out_before(master, JS_SLAVE_CONN_WORKING);
    for (int i = 1; master->config.show_map && i < master->link->size; i++) {
        if (master->conns[i].state == JS_SLAVE_CONN_WORKING)
            show_slave(master, i);
    }
    if (master->config.show_map)
        show_nodes(master);
    master->phase = PHASE_QUIET;
    master->phase_end_ns = master->quiet_end_ns;
    int64_t left_ns = master->quiet_end_ns - master->now_ns;
    if (master_is_quiet(master))
        master->phase_end_ns = master->now_ns;
    else
        js_log(&master->config.log,
               "the run before this one was killed, and its slaves may still "
               "be ending their jobs: starting in %d s at most",
               (int)(left_ns / JS_NS_PER_S + 1));
}

static bool is_clearing(const struct js_slave_conn *conn)
{
    return conn->state == JS_SLAVE_CONN_WORKING &&
           conn->clearing == JS_SLAVE_CONN_CLEARING;
}

static bool is_host_seen_to(const struct js_master *master, int slave)
{
    for (int i = 1; i < master->link->size; i++) {
        const struct js_slave_conn *conn = &master->conns[i];
        bool sees_to_it =
            is_clearing(conn) || conn->clearing == JS_SLAVE_CONN_CLEARED;
        if (sees_to_it &&
            js_node_is_same(&conn->node, &master->conns[slave].node))
            return true;
    }
    return false;
}

/* A job that no node could run is an error of the list. */
static void check_needs(struct js_master *master)
{
    if (js_scheduler_slaves(master->scheduler) == 0 ||
        js_capacity_check(master->allocator, master->config.source,
                          &master->config.log) == 0)
        return;
    js_err_set(&master->input_error,
               "jobs need more than there is: nothing has run");
    master->is_input_bad = true;
    master->has_input = false;
}

/* One slave of each host sees to it; another if that is lost meanwhile. */
static int clear_hosts(struct js_master *master, struct js_err *err)
{
    for (int i = 1; master->config.dead_count > 0 && i < master->link->size;
         i++) {
        struct js_slave_conn *conn = &master->conns[i];
        if (conn->state != JS_SLAVE_CONN_WORKING || is_host_seen_to(master, i))
            continue;
        conn->clearing = JS_SLAVE_CONN_CLEARING;
        if (js_slave_conn_clear(conn, master->config.dead,
                                master->config.dead_count, err) < 0)
            return -1;
    }
    return 0;
}

static bool is_any_clearing(const struct js_master *master)
{
    for (int i = 1; i < master->link->size; i++) {
        if (is_clearing(&master->conns[i]))
            return true;
    }
    return false;
}

static int get_going(struct js_master *master, struct js_err *err)
{
    if (master->phase == PHASE_MEETING &&
        !is_awaiting(master, JS_SLAVE_CONN_MET) && end_meeting(master, err) < 0)
        return -1;
    if (master->phase == PHASE_SETTING_UP &&
        !is_awaiting(master, JS_SLAVE_CONN_WORKING))
        end_setup(master);
    if (master->phase == PHASE_QUIET && master_is_quiet(master)) {
        master->phase = PHASE_CLEARING;
        master->phase_end_ns = JS_NEVER_NS;
    }
    if (master->phase != PHASE_CLEARING || is_any_clearing(master))
        return 0;
    if (clear_hosts(master, err) < 0)
        return -1;
    if (!is_any_clearing(master)) {
        master->phase = PHASE_WORKING;
        check_needs(master);
    }
    return 0;
}

/* Said by the first slave of a node, for all on it. */
static void warn_of_sharing(struct js_master *master, int slave,
                            const struct js_wire_ready *ready)
{
    struct js_location place;
    unsigned cores = ready->resources.core_count;
    if (js_allocator_locate(master->allocator, (unsigned)slave, &place) < 0 ||
        place.index > 0)
        return;
    uint64_t slots = (uint64_t)place.slaves * ready->slots;
    if (slots > cores)
        js_log(&master->config.log,
               "%" PRIu64 " slots on %s share %u core%s: jobs will slow each "
               "other; start no more slaves than cores (and one rank more for "
               "the master, which needs none)",
               slots, place.node->host, cores, cores == 1 ? "" : "s");
}

static int enlist(struct js_master *master, int slave,
                  const struct js_wire_ready *ready, struct js_err *err)
{
    struct js_slave_conn *conn = &master->conns[slave];
    if (js_allocator_equip(master->allocator, (unsigned)slave,
                           &ready->resources, ready->homes, ready->slots) < 0)
        return js_err_errno(err, "slave %d", slave);
    if (js_scheduler_add_slave(master->scheduler, (unsigned)slave,
                               ready->slots) < 0)
        return master_no_memory(err);
    conn->state = JS_SLAVE_CONN_WORKING;
    conn->slots = ready->slots;
    conn->home = ready->home;
    master->slaves++;
    master->slots += ready->slots;
    conn->is_watched = master->config.setup.lease_ns > 0;
    conn->answered_ns = master->listened_ns;
    js_recorder_enlisted(master->config.recorder, (unsigned)slave, ready->slots,
                         conn->node.host, &conn->processes);
    warn_of_sharing(master, slave, ready);
    return 0;
}

static int master_take_ready(struct js_master *master,
                             const struct js_message *message,
                             struct js_err *err)
{
    int slave = message->conn;
    struct js_wire_ready ready;
    int rc = 0;
    /* It said BYE before it took in its set-up. */
    if (master->conns[slave].state == JS_SLAVE_CONN_GONE)
        return 0;
    if (js_wire_unpack_ready(message->bytes, message->len, &ready) < 0)
        return js_err_set(err, "slave %d sent a bad READY", slave);
    if (master->conns[slave].state != JS_SLAVE_CONN_SET_UP) {
        rc = js_err_set(err, "slave %d sent a READY nobody expects", slave);
    } else if (ready.error[0]) {
        js_log(&master->config.log, "slave %d on %s is left out: %s", slave,
               js_master_host(master, (unsigned)slave), ready.error);
        master->conns[slave].state = JS_SLAVE_CONN_GONE;
    } else {
        rc = enlist(master, slave, &ready, err);
    }
    js_wire_release_ready(&ready);
    return rc;
}

/* ---------------------------------------------------------------- news */

static int take_ack(struct js_master *master, const struct js_message *message,
                    struct js_err *err)
{
    struct js_wire_ack ack;
    struct js_slave_conn *conn = &master->conns[message->conn];
    if (js_wire_unpack_ack(message->bytes, message->len, &ack) < 0)
        return js_err_set(err, "slave %d sent a bad ACK", message->conn);
    js_scheduler_acknowledged(master->scheduler, (unsigned)message->conn,
                              js_slave_conn_acknowledge(conn, &ack));
    return 0;
}

/* An attempt of a job has ended. */
static int master_take_end(struct js_master *master, unsigned slave,
                           struct js_wire_done *done, struct js_err *err)
{
    struct js_job *job;
    bool is_loss = js_outcome_is_loss(&done->outcome);
    /* Whoever wants the run to end may have killed it: that proves nothing. */
    if (is_loss && js_scheduler_is_stopped(master->scheduler)) {
        done->outcome.step = JS_STEP_NONE;
        done->outcome.cause = JS_STOP_REASON_STOPPED;
        is_loss = false;
    }
    enum js_scheduler_verdict verdict = js_scheduler_ended(
        master->scheduler, slave, done->ticket, &done->outcome, &job);
    if (verdict == JS_SCHEDULER_STALE)
        return 0; /* its job was given to another */
    if (is_loss)
        blame(master, job, slave);
    if (verdict == JS_SCHEDULER_LOST) {
        js_job_free(job);
        return 0;
    }
    bool is_retried = verdict == JS_SCHEDULER_RETRIED;
    /* One that was stopped is left, as it was before. */
    bool is_over = !is_retried && done->outcome.cause != JS_STOP_REASON_STOPPED;
    master->ended += is_over;
    struct js_completion completion = {
        .job = job,
        .outcome = done->outcome,
        .fate =
            is_retried ? JS_ATTEMPT_RESULT_RETRIED : JS_ATTEMPT_RESULT_ENDED,
        .slave = slave,
        .cores = job->request.cores * js_request_nodes(&job->request),
        .host = js_master_host(master, slave)};
    if (js_delivery_add(master->delivery, &completion, done->ticket,
                        done->captured, done->inlined) < 0)
        return master_no_memory(err);
    return 0;
}

static int take_done(struct js_master *master, const struct js_message *message,
                     struct js_err *err)
{
    struct js_slave_conn *conn = &master->conns[message->conn];
    struct js_cursor cursor = js_cursor_of(message->bytes, message->len);
    master->event_ns = master->now_ns;
    while (cursor.left > 0) {
        struct js_wire_done done;
        if (js_wire_unpack_done(&cursor, &done) < 0)
            return js_err_set(err, "slave %d sent a bad DONE", message->conn);
        js_scheduler_acknowledged(
            master->scheduler, (unsigned)message->conn,
            js_slave_conn_acknowledge_jobs(conn, done.jobs));
        if (master_take_end(master, (unsigned)message->conn, &done, err) < 0)
            return -1;
    }
    tell_blamed(master, (unsigned)message->conn);
    return 0;
}

static int master_take_back(struct js_master *master,
                            const struct js_message *message,
                            struct js_err *err)
{
    unsigned slave = (unsigned)message->conn;
    struct js_wire_back back;
    if (js_wire_unpack_back(message->bytes, message->len, &back) < 0)
        return js_err_set(err, "slave %u sent a bad BACK", slave);
    for (size_t i = 0; i < back.count; i++)
        js_scheduler_returned(master->scheduler, slave,
                              js_wire_back_ticket(&back, i));
    if (back.is_answer)
        js_scheduler_recalled(master->scheduler, slave);
    return 0;
}

static int master_take_output(struct js_master *master,
                              const struct js_message *message,
                              struct js_err *err)
{
    struct js_wire_output output;
    if (js_wire_unpack_output(message->bytes, message->len, &output) < 0)
        return js_err_set(err, "slave %d sent a bad OUTPUT", message->conn);
    if (js_delivery_fetched(master->delivery, (unsigned)message->conn,
                            output.ticket, output.stream, output.offset,
                            output.bytes, output.len, output.error) < 0)
        return js_err_errno(err, "output from slave %d", message->conn);
    return 0;
}

static int take_note(struct js_master *master, const struct js_message *message,
                     struct js_err *err)
{
    (void)err;
    js_log(&master->config.log, "slave %d on %s: %.*s", message->conn,
           js_master_host(master, (unsigned)message->conn), (int)message->len,
           message->bytes);
    return 0;
}

static int take_bye(struct js_master *master, const struct js_message *message,
                    struct js_err *err)
{
    uint64_t why;
    if (js_wire_unpack_number(message->bytes, message->len, &why) < 0 ||
        why >= JS_PARTING_COUNT)
        return js_err_set(err, "slave %d sent a bad BYE", message->conn);
    master->was_asked |= why == JS_PARTING_ASKED;
    part_from(master, (unsigned)message->conn,
              why == JS_PARTING_BROKEN &&
                  !js_scheduler_is_stopped(master->scheduler));
    return 0;
}

/* One that has said BYE is still needed for its output. */
static int master_take_beat(struct js_master *master,
                            const struct js_message *message,
                            struct js_err *err)
{
    struct js_slave_conn *conn = &master->conns[message->conn];
    uint64_t number;
    if (js_wire_unpack_number(message->bytes, message->len, &number) < 0)
        return js_err_set(err, "slave %d sent a bad BEAT", message->conn);
    conn->answered_ns = master->listened_ns;
    return js_slave_conn_answer_beat(conn, number, err);
}

static int take_cleared(struct js_master *master,
                        const struct js_message *message, struct js_err *err)
{
    struct js_slave_conn *conn = &master->conns[message->conn];
    struct js_wire_cleared cleared;
    if (js_wire_unpack_cleared(message->bytes, message->len, &cleared) < 0)
        return js_err_set(err, "slave %d sent a bad CLEARED", message->conn);
    conn->clearing = JS_SLAVE_CONN_CLEARED;
    if (cleared.ended > 0)
        js_log(&master->config.log,
               "node %s: %u process%s that jobs of a killed run had left %s "
               "ended",
               conn->node.host, cleared.ended, cleared.ended == 1 ? "" : "es",
               cleared.ended == 1 ? "was" : "were");
    if (cleared.left > 0)
        js_log(&master->config.log,
               "node %s: %u of them %s not end, not even by SIGKILL",
               conn->node.host, cleared.left,
               cleared.left == 1 ? "does" : "do");
    return 0;
}

static int master_take_runner(struct js_master *master,
                              const struct js_message *message,
                              struct js_err *err)
{
    struct js_slave_conn *conn = &master->conns[message->conn];
    if (js_wire_unpack_processes(message->bytes, message->len,
                                 &conn->processes) < 0)
        return js_err_set(err, "slave %d sent a bad RUNNER", message->conn);
    conn->has_new_runner = master->has_new_runners = true;
    js_recorder_restarted(master->config.recorder, (unsigned)message->conn,
                          &conn->processes);
    return 0;
}

typedef int (*take_fn)(struct js_master *master,
                       const struct js_message *message, struct js_err *err);

static const take_fn takers[JS_TAG_COUNT] = {
    [JS_TAG_HELLO] = take_hello,
    [JS_TAG_READY] = master_take_ready,
    [JS_TAG_ACK] = take_ack,
    [JS_TAG_DONE] = take_done,
    [JS_TAG_RETURNED] = master_take_back,
    [JS_TAG_OUTPUT] = master_take_output,
    [JS_TAG_NOTE] = take_note,
    [JS_TAG_GOODBYE] = take_bye,
    [JS_TAG_BEAT] = master_take_beat,
    [JS_TAG_CLEARED] = take_cleared,
    [JS_TAG_RUNNER] = master_take_runner,
};

static int master_take_message(struct js_master *master,
                               const struct js_message *message,
                               struct js_err *err)
{
    bool is_slave = message->conn > 0 && message->conn < master->link->size;
    take_fn take = takers[message->tag];
    if (!is_slave || !take)
        return js_err_set(err, "rank %d sent a %s message, which no slave does",
                          message->conn, js_tag_name(message->tag));
    return master->conns[message->conn].is_lost ? 0
                                                : take(master, message, err);
}

/* ---------------------------------------------------------------- silence */

/* Whether the host of a slave that is silent is there: it is ours, or another
 * slave there has been heard of lately. */
static bool is_host_there(const struct js_master *master, int slave)
{
    const struct js_slave_conn *conn = &master->conns[slave];
    int64_t lately_ns = master->listened_ns - master->config.setup.lease_ns / 2;
    if (js_node_is_same(&conn->node, &master->config.node))
        return true;
    for (int i = 1; i < master->link->size; i++) {
        const struct js_slave_conn *other = &master->conns[i];
        if (i != slave && other->state == JS_SLAVE_CONN_WORKING &&
            other->answered_ns > lately_ns &&
            js_node_is_same(&other->node, &conn->node))
            return true;
    }
    return false;
}

static int lose(struct js_master *master, int slave, struct js_err *err)
{
    struct js_slave_conn *conn = &master->conns[slave];
    bool had_left = conn->state == JS_SLAVE_CONN_GONE;
    js_log(&master->config.log,
           "slave %d on %s has not been heard of for %d s and is given up%s",
           slave, conn->node.host,
           (int)((master->listened_ns - conn->answered_ns) / JS_NS_PER_S),
           had_left ? "" : ": its jobs run again elsewhere");
    conn->is_lost = true;
    master->lost++;
    part_from(master, (unsigned)slave,
              is_host_there(master, slave) &&
                  !js_scheduler_is_stopped(master->scheduler));
    js_delivery_lost(master->delivery, (unsigned)slave);
    /* Should it only have been asleep. */
    return js_slave_conn_stop(conn, JS_LEAVE_AT_ONCE, err);
}

/* Of the time since the last turn only so much counts: in a longer one the disk
 * was slow, or this process was stopped, and what was said lies unread. */
static void listen(struct js_master *master)
{
    int64_t turn_ns = master->now_ns - master->turn_ns;
    master->turn_ns = master->now_ns;
    master->listened_ns +=
        turn_ns < listening_most_ns ? turn_ns : listening_most_ns;
}

static int master_watch(struct js_master *master, struct js_err *err)
{
    const struct js_wire_setup *setup = &master->config.setup;
    int64_t most_ns =
        setup->lease_ns + setup->settings.grace_ns + silence_margin_ns;
    if (master->listened_ns < master->watch_ns)
        return 0;
    master->watch_ns = master->listened_ns + watch_every_ns;
    for (int i = 1; i < master->link->size; i++) {
        struct js_slave_conn *conn = &master->conns[i];
        if (conn->is_watched && !conn->is_lost &&
            master->listened_ns - conn->answered_ns > most_ns &&
            lose(master, i, err) < 0)
            return -1;
    }
    return 0;
}

/* ---------------------------------------------------------------- a turn */

/* Some at a time, so that a flood of them does not keep output waiting. */
static int master_take_messages(struct js_master *master, struct js_err *err)
{
    enum { AT_ONCE = 256 };
    for (int i = 0; i < AT_ONCE; i++) {
        struct js_message message;
        int rc = js_link_receive(master->link, &message, err);
        if (rc <= 0)
            return rc;
        if (master_take_message(master, &message, err) < 0)
            return -1;
    }
    return 0;
}

/* Of a stream, whose jobs are not known before. */
static bool is_too_large(struct js_master *master, const struct js_job *job)
{
    struct js_buf text = JS_BUF_INIT;
    if (js_allocator_could(master->allocator, &job->request, 0))
        return false;
    if (js_capacity_describe(master->allocator, job->id, job->line,
                             &job->request, &text))
        js_err_errno(&master->input_error, "job %" PRIu64, job->id);
    else
        js_err_set(&master->input_error, "%s", js_buf_string(&text));
    js_buf_release(&text);
    return true;
}

static int master_take_job(struct js_master *master, struct js_job *job,
                           struct js_err *err)
{
    if (!js_job_is_plain(job) && js_scheduler_slaves(master->scheduler) > 0 &&
        is_too_large(master, job)) {
        master->has_input = false;
        master->is_input_bad = true;
        js_job_free(job);
        return 0;
    }
    job->expected_ns = js_joblog_reader_find(master->config.runtimes,
                                             job->command, job->command_len);
    master->accepted++;
    return js_scheduler_add(master->scheduler, job) < 0 ? master_no_memory(err)
                                                        : 0;
}

static int master_take_jobs(struct js_master *master, struct js_err *err)
{
    master->is_source_later = false;
    while (master->phase == PHASE_WORKING && master->has_input &&
           js_scheduler_wants_jobs(master->scheduler)) {
        struct js_job *job;
        enum js_source_state state =
            js_source_next(master->config.source, &job, &master->input_error);
        if (state == JS_SOURCE_LATER) {
            master->is_source_later = true;
            return 0;
        }
        if (state == JS_SOURCE_BROKEN)
            return js_err_set(err, "%s", master->input_error.text);
        if (state != JS_SOURCE_JOB) {
            master->has_input = false;
            master->is_input_bad = state == JS_SOURCE_ERROR;
            return 0;
        }
        if (master_take_job(master, job, err) < 0)
            return -1;
    }
    return 0;
}

/* True when so much waits for the readers of stdout and stderr that more jobs
 * would only add to it. */
static bool is_choked(const struct js_master *master)
{
    return js_delivery_waiting(master->delivery) > JS_DELIVERY_MAX_WAITING ||
           js_recorder_unwritten(master->config.recorder) > UNWRITTEN_MAX;
}

/* The allocation as it stands in front of a job's text. */
static int pack_allocation(const struct js_master *master,
                           const struct js_allocation *allocation,
                           struct js_buf *buf)
{
    struct js_cpuset cpus;
    js_allocation_cpus(master->allocator, allocation, &cpus);
    if (js_cpuset_format(&cpus, buf) < 0 || js_buf_append(buf, "", 1) < 0 ||
        js_allocation_gpus(master->allocator, allocation, buf) < 0 ||
        js_buf_append(buf, "", 1) < 0 ||
        (allocation->other_count > 0 &&
         js_allocation_hosts(master->allocator, allocation, buf) < 0) ||
        js_buf_append(buf, "", 1) < 0)
        return -1;
    return 0;
}

static int assign_job(struct js_master *master,
                      const struct js_scheduler_decision *next,
                      struct js_err *err)
{
    struct js_slave_conn *conn = &master->conns[next->slave];
    struct js_outgoing_job outgoing = {
        .job = next->job, .ticket = next->ticket, .slot = next->slot};
    if (master->config.strict_mem)
        outgoing.data_limit_bytes = next->job->request.mem_bytes;
    if (!js_job_is_plain(next->job) &&
        pack_allocation(master, next->allocation, &outgoing.allocation) < 0) {
        js_buf_release(&outgoing.allocation);
        return master_no_memory(err);
    }
    if (js_slave_conn_give(conn, &outgoing) < 0)
        return master_no_memory(err);
    master->event_ns = master->now_ns;
    if (master->first_assignment_ns == JS_NEVER_NS)
        master->first_assignment_ns = master->now_ns;
    return 0;
}

static int skip_job(struct js_master *master,
                    const struct js_scheduler_decision *next,
                    struct js_err *err)
{
    struct js_completion completion = {.job = next->skipped,
                                       .fate = JS_ATTEMPT_RESULT_SKIPPED,
                                       .parent = next->parent,
                                       .host = ""};
    master->ended++;
    if (js_delivery_add(master->delivery, &completion, 0, false, NULL) < 0)
        return master_no_memory(err);
    return 0;
}

/* Its last attempt ended without a word: when it began is not known. */
static int fail_job(struct js_master *master,
                    const struct js_scheduler_decision *next,
                    struct js_err *err)
{
    struct js_job *job = next->skipped;
    struct js_completion completion = {
        .job = job,
        .outcome = {.start_unix_ns = js_clock_unix_ns(),
                    .exit_code = 126,
                    .step = JS_STEP_RUNNER},
        .fate = JS_ATTEMPT_RESULT_ENDED,
        .slave = next->slave,
        .cores = job->request.cores * js_request_nodes(&job->request),
        .host = js_master_host(master, next->slave)};
    master->ended++;
    if (js_delivery_add(master->delivery, &completion, 0, false, NULL) < 0)
        return master_no_memory(err);
    return 0;
}

static int master_follow(struct js_master *master,
                         const struct js_scheduler_decision *next,
                         struct js_err *err)
{
    switch (next->step) {
    case JS_SCHEDULER_DISPATCH:
        js_recorder_dispatched(master->config.recorder, next->job);
        return 0;
    case JS_SCHEDULER_ASSIGN:
        return assign_job(master, next, err);
    case JS_SCHEDULER_END:
        return js_slave_conn_end_job(&master->conns[next->slave], next->ticket,
                                     err);
    case JS_SCHEDULER_SKIP:
        return skip_job(master, next, err);
    case JS_SCHEDULER_FAIL:
        return fail_job(master, next, err);
    case JS_SCHEDULER_RECALL:
        return js_slave_conn_recall(&master->conns[next->slave], next->count,
                                    err);
    case JS_SCHEDULER_NOTHING:
    case JS_SCHEDULER_NO_MEMORY:
        break;
    }
    return master_no_memory(err);
}

static int assign_jobs(struct js_master *master, struct js_err *err)
{
    if (master->phase != PHASE_WORKING || is_choked(master))
        return 0;
    for (;;) {
        struct js_scheduler_decision next =
            js_scheduler_next(master->scheduler);
        if (next.step == JS_SCHEDULER_NOTHING)
            return 0;
        if (master_follow(master, &next, err) < 0)
            return -1;
    }
}

/* ---------------------------------------------------------------- stopping */

/* What is asked from outside, or follows from how the run stands: one whose
 * output nobody gets, or that cannot be recorded, does not go on either. */
static enum js_stop_request stop_request_of(const struct js_master *master,
                                            enum js_stop_request asked)
{
    struct js_recorder *recorder = master->config.recorder;
    bool is_late = master->now_ns >= master->config.stop_ns;
    bool has_failed =
        master->config.fail_fast && js_scheduler_is_stopped(master->scheduler);
    if (asked >= JS_STOP_REQUEST_END)
        return asked;
    if (js_recorder_is_cut(recorder) || is_late || has_failed)
        return JS_STOP_REQUEST_END;
    return recorder->journal_error.text[0] ? JS_STOP_REQUEST_DRAIN : asked;
}

static int64_t grace_of(const struct js_master *master,
                        enum js_stop_request stop_request)
{
    int64_t grace_ns = master->config.setup.settings.grace_ns;
    switch (stop_request) {
    case JS_STOP_REQUEST_END:
        return grace_ns;
    case JS_STOP_REQUEST_HURRY:
        return grace_ns < JS_STOP_HURRY_GRACE_NS ? grace_ns
                                                 : JS_STOP_HURRY_GRACE_NS;
    case JS_STOP_REQUEST_NOW:
        return 0;
    case JS_STOP_REQUEST_NONE:
    case JS_STOP_REQUEST_DRAIN:
        break;
    }
    return JS_WIRE_LET_RUN;
}

/* Earlier than was said before, never later. */
static void leave_by(struct js_master *master,
                     enum js_stop_request stop_request)
{
    int64_t most_ns = JS_NEVER_NS;
    if (stop_request == JS_STOP_REQUEST_END && master->is_interrupted)
        most_ns = end_most_ns + grace_of(master, stop_request);
    else if (stop_request == JS_STOP_REQUEST_HURRY)
        most_ns = JS_STOP_HURRY_NS;
    else if (stop_request == JS_STOP_REQUEST_NOW)
        most_ns = now_ns_most;
    if (most_ns != JS_NEVER_NS && master->leave_ns > master->now_ns + most_ns)
        master->leave_ns = master->now_ns + most_ns;
}

static int follow_request(struct js_master *master, enum js_stop_request asked,
                          struct js_err *err)
{
    enum js_stop_request stop_request = stop_request_of(master, asked);
    if (stop_request <= master->stop_request)
        return 0;
    /* What stops because of failures is no interruption. */
    master->is_interrupted |= !js_scheduler_is_stopped(master->scheduler);
    master->stop_request = stop_request;
    js_scheduler_stop(master->scheduler);
    leave_by(master, stop_request);
    int64_t grace_ns = grace_of(master, stop_request);
    for (int i = 1; i < master->link->size; i++) {
        if (master->conns[i].state == JS_SLAVE_CONN_WORKING &&
            js_slave_conn_end_jobs(&master->conns[i], grace_ns, err) < 0)
            return -1;
    }
    return 0;
}

/* The slaves learn of it when it has changed by a twentieth. */
static int follow_median(struct js_master *master, struct js_err *err)
{
    enum { TWENTIETH = 20 };
    int64_t median_ns = js_scheduler_median_ns(master->scheduler);
    if (master->config.timeout_percent == 0 || median_ns < 0)
        return 0;
    int64_t limit_ns = median_ns / 100 * master->config.timeout_percent + 1;
    int64_t change_ns = limit_ns - master->limit_ns;
    if (change_ns < 0)
        change_ns = -change_ns;
    if (change_ns <= master->limit_ns / TWENTIETH)
        return 0;
    master->limit_ns = limit_ns;
    for (int i = 1; i < master->link->size; i++) {
        if (master->conns[i].state == JS_SLAVE_CONN_WORKING &&
            js_slave_conn_limit(&master->conns[i], limit_ns, err) < 0)
            return -1;
    }
    return 0;
}

static int fetch_output(struct js_master *master, struct js_err *err)
{
    struct js_fetch fetch;
    while (js_delivery_next_fetch(master->delivery, &fetch)) {
        struct js_slave_conn *conn = &master->conns[fetch.slave];
        struct js_wire_fetch wire = {.ticket = fetch.ticket,
                                     .offset = fetch.offset,
                                     .stream = fetch.stream,
                                     .length = fetch.length};
        int rc = fetch.length > 0
                     ? js_slave_conn_fetch(conn, &wire, err)
                     : js_slave_conn_release_output(conn, fetch.ticket, err);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static int pump_all(struct js_master *master, struct js_err *err)
{
    for (int i = 1; i < master->link->size; i++) {
        struct js_slave_conn *conn = &master->conns[i];
        if (js_slave_conn_has_waiting(conn) && pump(master, conn, err) < 0)
            return -1;
    }
    return 0;
}

/* No more jobs will be started. */
static bool is_played_out(const struct js_master *master)
{
    if (js_scheduler_is_stopped(master->scheduler))
        return js_scheduler_assigned(master->scheduler) == 0;
    if (master->phase != PHASE_WORKING || master->has_input)
        return false;
    return js_scheduler_held(master->scheduler) == 0 ||
           js_scheduler_is_out_of_time(master->scheduler);
}

static bool master_is_over(const struct js_master *master)
{
    if (master->now_ns >= master->leave_ns)
        return true;
    return is_played_out(master) &&
           js_delivery_waiting(master->delivery) == 0 &&
           js_recorder_unwritten(master->config.recorder) == 0;
}

/* There are jobs to run and nobody is left to run them, nor will be; and what
 * has ended is on record. */
static bool is_deserted(const struct js_master *master)
{
    bool has_jobs =
        master->has_input || js_scheduler_held(master->scheduler) > 0;
    return has_jobs && js_scheduler_slaves(master->scheduler) == 0 &&
           master->phase == PHASE_WORKING &&
           js_delivery_waiting(master->delivery) == 0;
}

/* 0, 1 if the run is over, or -1. */
static int check_progress(struct js_master *master, struct js_err *err)
{
    const struct js_job *job;
    bool is_alone = is_deserted(master);
    /* Somebody has ended them all: the same word for us is on its way. */
    if (is_alone && master->was_asked) {
        master->is_interrupted = true;
        return 1;
    }
    if (is_alone)
        return js_err_set(err, "no slave is left to run jobs");
    if (!master->has_input && js_scheduler_is_stuck(master->scheduler, &job) &&
        js_delivery_waiting(master->delivery) == 0)
        return js_err_set(err,
                          "job %" PRIu64 " (line %" PRIu64 ") needs more than "
                          "any slave that is left has",
                          job->id, job->line);
    return 0;
}

/* No runner starts a job before it is on record: whoever looks later whether
 * this run is gone must know of it. */
static int answer_runners(struct js_master *master, struct js_err *err)
{
    if (!master->has_new_runners)
        return 0;
    master->has_new_runners = false;
    for (int i = 1; i < master->link->size; i++) {
        struct js_slave_conn *conn = &master->conns[i];
        if (conn->has_new_runner && js_slave_conn_answer_runner(conn, err) < 0)
            return -1;
        conn->has_new_runner = false;
    }
    return 0;
}

static void master_tell_begun(void *arg, const struct js_job *job,
                              unsigned slave, int64_t begun_ns)
{
    const struct js_master *master = arg;
    js_recorder_begun(master->config.recorder, job, slave,
                      master->now_ns - begun_ns);
}

static void show_progress(struct js_master *master)
{
    bool has_begun = master->first_assignment_ns != JS_NEVER_NS;
    if (!js_recorder_is_show_due(master->config.recorder, master->now_ns))
        return;
    const struct js_progress progress = {
        .running = js_scheduler_running(master->scheduler),
        .slots = js_scheduler_slots(master->scheduler),
        .busy_slots = js_allocator_busy_slots(master->allocator),
        .is_stopping = js_scheduler_is_stopped(master->scheduler),
        .elapsed_ns =
            has_begun ? master->now_ns - master->first_assignment_ns : -1,
    };
    bool is_known;
    uint64_t total = js_source_total(master->config.source, &is_known);
    js_recorder_show(master->config.recorder, master->now_ns, progress,
                     is_known ? total : UINT64_MAX);
}

int js_master_turn(struct js_master *master, struct js_err *err)
{
    const struct js_master_config *config = &master->config;
    struct js_recorder *recorder = config->recorder;
    master->now_ns = js_link_now_ns(master->link);
    js_scheduler_set_now(master->scheduler, master->now_ns);
    listen(master);

    /* What slaves say; and those that say nothing. */
    if (master_take_messages(master, err) < 0 || master_watch(master, err) < 0)
        return -1;
    /* Before the first job: who is there, and what earlier runs have left. */
    if (get_going(master, err) < 0)
        return -1;
    if (config->is_rehearsal && master->phase == PHASE_WORKING)
        return 1;
    if (master_take_jobs(master, err) < 0)
        return -1;

    /* What has ended is written, recorded and reported, in this order. */
    js_delivery_step(master->delivery);
    if (js_recorder_notes_begun(recorder))
        js_scheduler_tell_begun(master->scheduler, master_tell_begun, master);
    enum js_stop_request asked =
        config->stop_request(config->request_arg, master->now_ns);
    bool is_on_record = js_recorder_commit(recorder, master->now_ns);

    /* Only then is anything new sent out. */
    if (config->stop_ns != JS_NEVER_NS)
        js_scheduler_set_time_left(master->scheduler,
                                   config->stop_ns - master->now_ns);
    if (follow_request(master, asked, err) < 0)
        return -1;
    if (is_on_record &&
        (answer_runners(master, err) < 0 || assign_jobs(master, err) < 0))
        return -1;
    if (follow_median(master, err) < 0 || fetch_output(master, err) < 0 ||
        pump_all(master, err) < 0)
        return -1;
    show_progress(master);
    return master_is_over(master) ? 1 : check_progress(master, err);
}

/* ---------------------------------------------------------------- the run */

/* While all slaves have work ahead nobody waits for the master; and while jobs
 * are long, not for a two-thousandth of that: what ends next has run for as
 * long as nothing was begun or ended, or was begun before. (Beats do not count,
 * which the link cannot tell from other messages.) */
static int64_t master_patience_ns(const struct js_master *master)
{
    int64_t patience = js_scheduler_lead_ns(master->scheduler) / LOOKS;
    int64_t long_ns = master->now_ns - master->event_ns;
    if (js_delivery_is_fetching(master->delivery))
        return 0;
    if (js_scheduler_short_ns(master->scheduler) > long_ns)
        long_ns = js_scheduler_short_ns(master->scheduler);
    long_ns /= PAUSES;
    /* Less than that is what the link does by itself. */
    if (long_ns > JS_NS_PER_MS && long_ns > patience)
        patience = long_ns;
    return patience < JS_LINK_PAUSE_NS ? patience : JS_LINK_PAUSE_NS;
}

/* There are jobs to be read that nobody has to be waited for. */
static bool has_more_to_read(const struct js_master *master)
{
    return master->phase == PHASE_WORKING && master->has_input &&
           !master->is_source_later &&
           js_scheduler_wants_jobs(master->scheduler);
}

static int64_t earlier_ns(int64_t one_ns, int64_t other_ns)
{
    return one_ns < other_ns ? one_ns : other_ns;
}

/* When the next turn is due though nothing happens. */
static int64_t master_deadline_ns(const struct js_master *master)
{
    const struct js_master_config *config = &master->config;
    int64_t until_ns =
        earlier_ns(master->leave_ns, js_recorder_deadline_ns(config->recorder));
    if (has_more_to_read(master))
        return master->now_ns;
    if (master->is_source_later && js_source_fd(config->source) < 0)
        until_ns = earlier_ns(until_ns, master->now_ns + source_look_ns);
    if (js_recorder_notes_begun(config->recorder))
        until_ns =
            earlier_ns(until_ns, js_scheduler_begun_due_ns(master->scheduler));
    if (master->phase != PHASE_WORKING)
        until_ns = earlier_ns(until_ns, master->phase_end_ns);
    if (master->phase == PHASE_QUIET)
        until_ns = earlier_ns(until_ns, master->quiet_look_ns);
    /* A longer wait would not count as listening. */
    if (config->setup.lease_ns > 0)
        until_ns = earlier_ns(until_ns, master->now_ns + listening_most_ns);
    if (master->stop_request < JS_STOP_REQUEST_END)
        until_ns = earlier_ns(until_ns, config->stop_ns);
    return until_ns;
}

static int master_wait_for_news(struct js_master *master, struct js_err *err)
{
    struct pollfd fds[4];
    const struct js_master_config *config = &master->config;
    nfds_t count = js_recorder_wait_for(config->recorder, fds);
    int source = js_source_fd(config->source);
    if (config->lifeline)
        fds[count++] = (struct pollfd){.fd = js_lifeline_fd(config->lifeline),
                                       .events = POLLIN};
    if (master->is_source_later && source >= 0)
        fds[count++] = (struct pollfd){.fd = source, .events = POLLIN};
    return js_link_wait(master->link, fds, count, master_deadline_ns(master),
                        master_patience_ns(master), err);
}

void js_master_dismiss(struct js_link *link, enum js_leaving leaving)
{
    struct js_buf message = JS_BUF_INIT;
    js_wire_pack_number(&message, (uint64_t)leaving);
    for (int i = 1; i < link->size; i++)
        js_link_post(link, i, JS_TAG_SHUTDOWN, &message, NULL);
    js_buf_release(&message);
}

static uint64_t jobs_left(const struct js_master *master, bool *ret_known)
{
    const struct js_delivery *delivery = master->delivery;
    uint64_t on_record = master->ended - js_delivery_waiting(delivery) -
                         js_delivery_withheld(delivery);
    uint64_t total = js_source_total(master->config.source, ret_known);
    if (*ret_known)
        return total - on_record;
    *ret_known = !master->has_input && !master->is_input_bad;
    return master->accepted - on_record;
}

static void master_report(const struct js_master *master,
                          struct js_master_result *ret)
{
    ret->left = jobs_left(master, &ret->is_left_known);
    ret->slaves = master->slaves;
    ret->slots = master->slots;
    ret->lost = master->lost;
    ret->is_hurried = master->stop_request >= JS_STOP_REQUEST_HURRY;
    ret->wall_ns =
        master->first_assignment_ns == JS_NEVER_NS
            ? 0
            : js_link_now_ns(master->link) - master->first_assignment_ns;
}

static enum js_master_end master_end_of(const struct js_master *master)
{
    if (master->is_input_bad)
        return JS_MASTER_BAD_INPUT;
    if (master->config.is_rehearsal)
        return JS_MASTER_REHEARSED;
    bool is_left_known;
    if (jobs_left(master, &is_left_known) == 0 && is_left_known)
        return JS_MASTER_DONE;
    if (master->is_interrupted ||
        js_scheduler_is_out_of_time(master->scheduler))
        return JS_MASTER_INTERRUPTED;
    return js_scheduler_is_stopped(master->scheduler) ? JS_MASTER_STOPPED
                                                      : JS_MASTER_DONE;
}

void js_master_run(struct js_master *master, struct js_master_result *ret,
                   struct js_err *err)
{
    int rc;
    while ((rc = js_master_turn(master, err)) == 0) {
        if (master_wait_for_news(master, err) < 0) {
            rc = -1;
            break;
        }
    }
    master_report(master, ret);
    ret->end = rc < 0 ? JS_MASTER_BROKEN : master_end_of(master);
    if (ret->end == JS_MASTER_BAD_INPUT)
        js_err_set(err, "%s", master->input_error.text);
}

struct js_scheduler *js_master_scheduler(struct js_master *master)
{
    return master->scheduler;
}

struct js_allocator *js_master_allocator(struct js_master *master)
{
    return master->allocator;
}
