#include "mpi/master_private.h"

#include "base/clock.h"

#include <inttypes.h>

enum { NAMED_MAX = 5 }; /* the most jobs named in a message */

/* How much longer than lease and grace a slave may be silent: ending its jobs
 * takes some time. */
static const int64_t silence_margin_ns = JS_NS_PER_S;

/* The time after which no more messages are read in a turn. */
static const int64_t reading_most_ns = 20 * JS_NS_PER_MS;

/* ---------------------------------------------------------------- losses */

/* Records a job that was lost. If memory runs out, the message is just
 * shorter. */
static void master_blame(void *arg, const struct js_job *job, unsigned slave)
{
    struct js_master *master = arg;
    js_recorder_lost(master->config.recorder, job, slave);
    master->blame.losses = job->losses;
    if (master->blame.count++ >= NAMED_MAX)
        return;
    js_buf_printf(&master->blame.names, "%s %" PRIu64,
                  master->blame.count > 1 ? "," : "", job->id);
    if (job->line > 0)
        js_buf_printf(&master->blame.names, " (line %" PRIu64 ")", job->line);
}

/* Names the jobs that were running where a slave or runner was lost. */
static void master_report_blamed(struct js_master *master, unsigned slave)
{
    struct js_master_blame *blame = &master->blame;
    if (blame->count == 0)
        return;
    const char *host = js_master_host(master, slave);
    if (blame->count > NAMED_MAX)
        js_buf_printf(&blame->names, " and %u more", blame->count - NAMED_MAX);
    const char *names = js_buf_string(&blame->names);
    if (names && blame->count > 1)
        js_log(&master->config.log,
               "slave %u on %s: jobs%s were running there, and one of them may "
               "be the cause; each will run again, alone on a slave",
               slave, host, names);
    else if (names && blame->losses < JS_SCHEDULER_LOSSES)
        js_log(&master->config.log,
               "slave %u on %s: job%s was running there (loss %" PRIu32
               " of %u; the last one counts as a failure), and it will run "
               "again, alone on a slave",
               slave, host, names, blame->losses, JS_SCHEDULER_LOSSES);
    else if (names)
        js_log(&master->config.log,
               "slave %u on %s: job%s was running there; it has been lost %u "
               "times and counts as failed",
               slave, host, names, JS_SCHEDULER_LOSSES);
    blame->names.len = 0;
    blame->count = 0;
}

/* A slave that has died counts against the jobs that it was running; one that
 * was merely lost (with its host or network) does not. */
static int master_part_from(struct js_master *master, unsigned slave,
                            bool has_died, struct js_err *err)
{
    struct js_slave_conn *conn = &master->conns[slave];
    if (conn->state == JS_SLAVE_CONN_WORKING)
        js_recorder_parted(master->config.recorder, slave);
    if (has_died)
        js_scheduler_died(master->scheduler, slave, master_blame, master);
    else
        js_scheduler_lost(master->scheduler, slave);
    master_report_blamed(master, slave);
    js_slave_conn_take_away(conn);
    conn->state = JS_SLAVE_CONN_GONE;
    return js_meeting_miss(master, slave, err);
}

/* ---------------------------------------------------------------- news */

static void master_unwatch(struct js_master *master, struct js_slave_conn *conn)
{
    if (!conn->is_watched)
        return;
    *(conn->earlier ? &conn->earlier->later : &master->first_watched) =
        conn->later;
    *(conn->later ? &conn->later->earlier : &master->last_watched) =
        conn->earlier;
    conn->is_watched = false;
}

void js_master_news_heard(struct js_master *master, struct js_slave_conn *conn)
{
    conn->answered_ns = master->listened_ns;
    if (master->config.setup.lease_ns == 0)
        return;
    master_unwatch(master, conn);
    conn->is_watched = true;
    conn->earlier = master->last_watched;
    conn->later = NULL;
    *(conn->earlier ? &conn->earlier->later : &master->first_watched) = conn;
    master->last_watched = conn;
}

/* Handles the number of a heartbeat that has arrived; 0: none has. */
static void master_hear(struct js_master *master, unsigned slave, uint64_t beat)
{
    struct js_slave_conn *conn = &master->conns[slave];
    if (beat == 0)
        return;
    if (conn->is_watched)
        js_master_news_heard(master, conn);
    js_slave_conn_answer(conn, beat);
}

static int master_take_ack(struct js_master *master,
                           const struct js_message *message, struct js_err *err)
{
    struct js_wire_ack ack;
    struct js_slave_conn *conn = &master->conns[message->peer];
    if (js_wire_unpack_ack(message->bytes, message->len, &ack) < 0)
        return js_err_set(err, "slave %d sent an invalid ACK message",
                          message->peer);
    master_hear(master, (unsigned)message->peer, ack.beat);
    js_scheduler_acknowledged(master->scheduler, (unsigned)message->peer,
                              js_slave_conn_acknowledge(conn, &ack));
    return 0;
}

/* An attempt of a job has ended. */
static int master_take_end(struct js_master *master, unsigned slave,
                           struct js_wire_done *done, struct js_err *err)
{
    struct js_job *job;
    bool is_loss = js_outcome_is_loss(&done->outcome);
    /* The signal that ends the run may also have killed the job's runner, so
     * the loss does not show that the job is to blame. */
    if (is_loss && js_scheduler_is_stopped(master->scheduler)) {
        done->outcome.step = JS_STEP_NONE;
        done->outcome.cause = JS_STOP_REASON_STOPPED;
        is_loss = false;
    }
    enum js_scheduler_follow_up follow_up = js_scheduler_ended(
        master->scheduler, slave, done->ticket, &done->outcome, &job);
    if (follow_up == JS_SCHEDULER_STALE)
        return 0; /* its job was given to another slave */
    if (is_loss)
        master_blame(master, job, slave);
    if (follow_up == JS_SCHEDULER_LOST) {
        js_job_free(job);
        return 0;
    }
    bool is_retried = follow_up == JS_SCHEDULER_RETRIED;
    /* A stopped job is left as it was before. */
    bool is_over = !is_retried && done->outcome.cause != JS_STOP_REASON_STOPPED;
    master->ended += is_over;
    struct js_completion completion = {
        .job = job,
        .outcome = done->outcome,
        .result =
            is_retried ? JS_ATTEMPT_RESULT_RETRIED : JS_ATTEMPT_RESULT_ENDED,
        .slave = slave,
        .cores = job->request.cores * js_request_nodes(&job->request),
        .host = js_master_host(master, slave)};
    if (js_delivery_add(master->delivery, &completion, done->ticket,
                        done->captured, done->inlined) < 0)
        return js_master_no_memory(err);
    return 0;
}

/* One DONE may carry the ends of many jobs, with one message about all that
 * were lost. */
static int master_take_done(struct js_master *master,
                            const struct js_message *message,
                            struct js_err *err)
{
    struct js_slave_conn *conn = &master->conns[message->peer];
    struct js_cursor cursor = js_cursor_of(message->bytes, message->len);
    master->event_ns = master->now_ns;
    while (cursor.left > 0) {
        struct js_wire_done done;
        if (js_wire_unpack_done(&cursor, &done) < 0)
            return js_err_set(err, "slave %d sent an invalid DONE message",
                              message->peer);
        const struct js_wire_ack ack = {.jobs = done.jobs};
        master_hear(master, (unsigned)message->peer, done.beat);
        js_scheduler_acknowledged(master->scheduler, (unsigned)message->peer,
                                  js_slave_conn_acknowledge(conn, &ack));
        if (master_take_end(master, (unsigned)message->peer, &done, err) < 0)
            return -1;
    }
    master_report_blamed(master, (unsigned)message->peer);
    return 0;
}

static int master_take_returned(struct js_master *master,
                                const struct js_message *message,
                                struct js_err *err)
{
    unsigned slave = (unsigned)message->peer;
    struct js_wire_returned returned;
    if (js_wire_unpack_returned(message->bytes, message->len, &returned) < 0)
        return js_err_set(err, "slave %u sent an invalid RETURNED message",
                          slave);
    for (size_t i = 0; i < returned.count; i++)
        js_scheduler_returned(master->scheduler, slave,
                              js_wire_returned_ticket(&returned, i));
    if (returned.is_answer)
        js_scheduler_recalled(master->scheduler, slave);
    return 0;
}

static int master_take_output(struct js_master *master,
                              const struct js_message *message,
                              struct js_err *err)
{
    struct js_wire_output output;
    if (js_wire_unpack_output(message->bytes, message->len, &output) < 0)
        return js_err_set(err, "slave %d sent an invalid OUTPUT message",
                          message->peer);
    if (js_delivery_fetched(master->delivery, (unsigned)message->peer,
                            output.ticket, output.stream, output.offset,
                            output.bytes, output.len, output.error) < 0)
        return js_err_errno(err, "output from slave %d cannot be stored",
                            message->peer);
    return 0;
}

static int master_take_note(struct js_master *master,
                            const struct js_message *message,
                            struct js_err *err)
{
    (void)err;
    js_log(&master->config.log, "slave %d on %s: %.*s", message->peer,
           js_master_host(master, (unsigned)message->peer), (int)message->len,
           message->bytes);
    return 0;
}

/* A slave that was asked to end is not a loss. A slave that can no longer start
 * jobs is a loss, and its jobs may be the cause. */
static int master_take_goodbye(struct js_master *master,
                               const struct js_message *message,
                               struct js_err *err)
{
    uint64_t why;
    if (js_wire_unpack_number(message->bytes, message->len, &why) < 0 ||
        why >= JS_GOODBYE_COUNT)
        return js_err_set(err, "slave %d sent an invalid GOODBYE message",
                          message->peer);
    master->was_asked |= why == JS_GOODBYE_ASKED;
    return master_part_from(master, (unsigned)message->peer,
                            why == JS_GOODBYE_BROKEN &&
                                !js_scheduler_is_stopped(master->scheduler),
                            err);
}

/* A slave that has sent a GOODBYE still sends heartbeats, because it is still
 * needed for its output. */
static int master_take_beat(struct js_master *master,
                            const struct js_message *message,
                            struct js_err *err)
{
    struct js_slave_conn *conn = &master->conns[message->peer];
    uint64_t number;
    if (js_wire_unpack_number(message->bytes, message->len, &number) < 0)
        return js_err_set(err, "slave %d sent an invalid BEAT message",
                          message->peer);
    if (conn->is_watched)
        js_master_news_heard(master, conn);
    return js_slave_conn_post_number(conn, JS_TAG_BEAT, number, err);
}

static int master_take_runner(struct js_master *master,
                              const struct js_message *message,
                              struct js_err *err)
{
    struct js_slave_conn *conn = &master->conns[message->peer];
    if (js_wire_unpack_processes(message->bytes, message->len,
                                 &conn->processes) < 0)
        return js_err_set(err, "slave %d sent an invalid RUNNER message",
                          message->peer);
    conn->has_new_runner = master->has_new_runners = true;
    js_recorder_restarted(master->config.recorder, (unsigned)message->peer,
                          &conn->processes);
    return 0;
}

typedef int (*master_take_fn)(struct js_master *master,
                              const struct js_message *message,
                              struct js_err *err);

/* A tag without an entry here is one that only the master sends, or that the
 * link handles (FIN). */
static const master_take_fn master_takers[JS_TAG_COUNT] = {
    [JS_TAG_HELLO] = js_meeting_take_hello,
    [JS_TAG_NODE] = js_meeting_take_node,
    [JS_TAG_READY] = js_meeting_take_ready,
    [JS_TAG_ACK] = master_take_ack,
    [JS_TAG_DONE] = master_take_done,
    [JS_TAG_RETURNED] = master_take_returned,
    [JS_TAG_OUTPUT] = master_take_output,
    [JS_TAG_NOTE] = master_take_note,
    [JS_TAG_GOODBYE] = master_take_goodbye,
    [JS_TAG_BEAT] = master_take_beat,
    [JS_TAG_CLEARED] = js_meeting_take_cleared,
    [JS_TAG_RUNNER] = master_take_runner,
};

/* ---------------------------------------------------------------- silence */

/* True if the host of a silent slave is known to be alive: it is this host, or
 * another slave there was heard from recently. Then the slave itself has died,
 * and a job that it was running may be the cause. */
static bool master_is_host_alive(const struct js_master *master, int slave)
{
    const struct js_slave_conn *conn = &master->conns[slave];
    int64_t lately_ns = master->listened_ns - master->config.setup.lease_ns / 2;
    if (conn->is_near)
        return true;
    const unsigned *ranks;
    size_t count =
        js_allocator_neighbours(master->allocator, (unsigned)slave, &ranks);
    for (size_t i = 0; i < count; i++) {
        const struct js_slave_conn *other = &master->conns[ranks[i]];
        if (other != conn && other->state == JS_SLAVE_CONN_WORKING &&
            other->answered_ns > lately_ns)
            return true;
    }
    return false;
}

/* The slave's silence has lasted longer than lease and grace, so its jobs have
 * ended and may run elsewhere. */
static int master_declare_lost(struct js_master *master, int slave,
                               struct js_err *err)
{
    struct js_slave_conn *conn = &master->conns[slave];
    bool had_left = conn->state == JS_SLAVE_CONN_GONE;
    js_log(&master->config.log,
           "slave %d on %s has sent nothing for %d s and is given up%s", slave,
           conn->node->host,
           (int)((master->listened_ns - conn->answered_ns) / JS_NS_PER_S),
           had_left ? "" : "; its jobs will run again elsewhere");
    conn->is_lost = true;
    master_unwatch(master, conn);
    master->lost++;
    if (master_part_from(master, (unsigned)slave,
                         master_is_host_alive(master, slave) &&
                             !js_scheduler_is_stopped(master->scheduler),
                         err) < 0)
        return -1;
    js_delivery_lost(master->delivery, (unsigned)slave);
    /* The slave may only have been stopped, so it is asked to leave. */
    return js_slave_conn_post_number(conn, JS_TAG_SHUTDOWN, JS_LEAVE_AT_ONCE,
                                     err);
}

int js_master_news_check_heartbeats(struct js_master *master,
                                    struct js_err *err)
{
    enum { LOST_AT_ONCE = 256 };
    const struct js_wire_setup *setup = &master->config.setup;
    int64_t most_ns =
        setup->lease_ns + setup->settings.grace_ns + silence_margin_ns;
    master->has_silent = false;
    if (master->has_unread_beats)
        return 0;
    for (int i = 0; master->first_watched; i++) {
        const struct js_slave_conn *conn = master->first_watched;
        if (master->listened_ns - conn->answered_ns <= most_ns)
            return 0;
        master->has_silent = i == LOST_AT_ONCE;
        if (master->has_silent)
            return 0;
        if (master_declare_lost(master, conn->rank, err) < 0)
            return -1;
    }
    return 0;
}

static int master_take(struct js_master *master,
                       const struct js_message *message, struct js_err *err)
{
    bool is_slave = message->peer > 0 && message->peer < master->link->size;
    master_take_fn take = master_takers[message->tag];
    if (!is_slave || !take)
        return js_err_set(err,
                          "rank %d sent a %s message, which a slave never "
                          "sends",
                          message->peer, js_tag_name(message->tag));
    /* The jobs of a slave that was declared lost are running elsewhere by
     * now. */
    return master->conns[message->peer].is_lost ? 0
                                                : take(master, message, err);
}

/* Heartbeats are read before everything else, since slaves end their jobs if
 * these are not answered. */
static int master_take_beats(struct js_master *master, struct js_err *err)
{
    enum { BEATS_AT_ONCE = 4096 };
    if (master->config.setup.lease_ns == 0)
        return 0;
    for (int i = 0; i < BEATS_AT_ONCE; i++) {
        struct js_message message;
        int rc = js_link_receive_beat(master->link, &message, err);
        master->has_unread_beats = rc != 0;
        if (rc <= 0)
            return rc;
        if (master_take(master, &message, err) < 0)
            return -1;
    }
    return 0;
}

/* Takes some messages at a time, so that a flood of them delays neither output
 * nor heartbeats. Returns 1 if none is left and no slave has reported, 0 if
 * not, or -1 with *err. */
static int master_take_messages(struct js_master *master, struct js_err *err)
{
    enum { AT_ONCE = 256, LOOK_EVERY = 8 };
    bool has_met = false;
    for (int i = 1; i <= AT_ONCE; i++) {
        struct js_message message;
        int rc = js_link_receive(master->link, &message, err);
        if (rc <= 0)
            return rc < 0 ? -1 : !has_met;
        has_met |= message.tag == JS_TAG_HELLO || message.tag == JS_TAG_READY;
        if (master_take(master, &message, err) < 0)
            return -1;
        if (i % LOOK_EVERY == 0 &&
            js_link_now_ns(master->link) - master->now_ns > reading_most_ns)
            return 0;
    }
    return 0;
}

int js_master_news_take(struct js_master *master, struct js_err *err)
{
    /* Only part of a long turn counts as listening: if the disk was slow or
     * this process was stopped, messages may lie unread. */
    int64_t turn_ns = master->now_ns - master->turn_ns;
    if (turn_ns > JS_MASTER_LISTENING_NS)
        turn_ns = JS_MASTER_LISTENING_NS;
    master->turn_ns = master->now_ns;
    if (!master->has_unread_beats)
        master->listened_ns += turn_ns;
    int rc = master_take_beats(master, err);
    if (rc == 0)
        rc = master_take_messages(master, err);
    if (rc > 0)
        master->meeting.awaited_ns += turn_ns;
    return rc < 0 ? -1 : 0;
}
