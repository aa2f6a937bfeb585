#include "mpi/slave_private.h"

#include "base/clock.h"
#include "base/file.h"
#include "sched/scheduler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How long a message may go unnoticed while all slots are busy. The slave
 * checks for messages LOOKS times during the time for which it has work queued,
 * at intervals between this value and JS_LINK_PAUSE_NS. */
static const int64_t patience_least_ns = JS_NS_PER_MS / 2;
enum { LOOKS = 4 };

/* The same if no work is queued: the slave checks LONG_LOOKS times in the time
 * that the slots have been busy, at intervals of at most this value. */
static const int64_t patience_alone_ns = 100 * JS_NS_PER_MS;
enum { LONG_LOOKS = 400 };

/* The least and the greatest number of heartbeats during one lease, so that
 * some of them may be late before the lease expires; and the number that the
 * master should get in a second. */
enum { BEATS_LEAST = 3, BEATS_MOST = 6, BEATS_A_SECOND = 1000 };

/* In a turn that took longer than this, the slave was not listening. */
static const int64_t listening_most_ns = 100 * JS_NS_PER_MS;

/* ---------------------------------------------------------------- life */

struct js_slave *js_slave_new(const struct js_slave_config *config,
                              struct js_link *link)
{
    struct js_slave *slave = calloc(1, sizeof(*slave));
    if (!slave)
        return NULL;
    slave->config = *config;
    slave->link = link;
    slave->runner = (struct js_slave_runner){.ops = config->runner_ops,
                                             .self = config->runner,
                                             .topo = config->topo,
                                             .processes = config->processes};
    return slave;
}

void js_slave_free(struct js_slave *slave)
{
    if (!slave)
        return;
    int saved = errno;
    js_slave_queue_release(&slave->queue);
    js_spool_free(slave->output.spool);
    js_buf_release(&slave->output.chunk);
    js_orphans_free(slave->orphans);
    js_slave_setup_share_release(&slave->share);
    js_buf_release(&slave->text);
    js_buf_release(&slave->setup);
    js_buf_release(&slave->out);
    js_buf_release(&slave->done);
    js_buf_release(&slave->back);
    free(slave);
    errno = saved;
}

int js_slave_flush_done(struct js_slave *slave, struct js_err *err)
{
    if (slave->done.len == 0)
        return 0;
    int rc = js_link_post(slave->link, 0, JS_TAG_DONE, &slave->done, err);
    slave->done.len = 0;
    return rc;
}

int js_slave_post(struct js_slave *slave, enum js_tag tag, int packed,
                  struct js_err *err)
{
    int rc = packed < 0 ? js_slave_setup_no_memory(err)
                        : js_slave_flush_done(slave, err);
    if (rc == 0)
        rc = js_link_post(slave->link, 0, tag, &slave->out, err);
    slave->out.len = 0;
    return rc;
}

/* An ACK is sent only if no DONE of this turn has carried the count of jobs. */
static int slave_acknowledge(struct js_slave *slave, struct js_err *err)
{
    struct js_slave_acks *acks = &slave->acks;
    if (!acks->must_acknowledge && !acks->must_acknowledge_jobs)
        return 0;
    struct js_wire_ack ack = {.jobs = acks->jobs,
                              .text_bytes = acks->text_bytes,
                              .releases = acks->releases,
                              .beat = js_slave_carry_beat(slave)};
    acks->must_acknowledge = acks->must_acknowledge_jobs = false;
    acks->jobs_acknowledged = acks->jobs;
    return js_slave_post(slave, JS_TAG_ACK, js_wire_pack_ack(&slave->out, &ack),
                         err);
}

/* ---------------------------------------------------------------- the lease */

/* The master has confirmed that this slave was alive at `from_ns`. */
static void slave_renew_lease(struct js_slave *slave, int64_t from_ns)
{
    slave->lease.silence_ns = 0;
    /* If the runner is gone, the slave notices it when it asks for events. */
    slave->lease.until_ns = from_ns + slave->lease.length_ns;
    if (!slave->is_retired)
        slave->runner.ops->lease(slave->runner.self, slave->lease.until_ns);
}

/* Returns the time between two heartbeats. The more slaves there are, the
 * longer it is, so that the master gets no more than BEATS_A_SECOND if the
 * lease allows it. */
static int64_t slave_beat_every_ns(const struct js_slave *slave)
{
    int64_t every_ns = slave->link->size * JS_NS_PER_S / BEATS_A_SECOND;
    int64_t least_ns = slave->lease.length_ns / BEATS_MOST;
    int64_t most_ns = slave->lease.length_ns / BEATS_LEAST;
    if (every_ns < least_ns)
        return least_ns;
    return every_ns < most_ns ? every_ns : most_ns;
}

/* There is never more than one BEAT under way, and before it at most one number
 * in a DONE or ACK: the master need not read that one soon, so the wait for its
 * answer is shorter. The answer to a number shows that the slave was alive when
 * it sent that number. */
static int64_t slave_next_beat_ns(const struct js_slave *slave)
{
    const struct js_slave_lease *lease = &slave->lease;
    bool is_answered = lease->answered == lease->beat;
    if (lease->length_ns == 0 || lease->beat == 0 ||
        (!is_answered && !lease->is_carried))
        return JS_NEVER_NS;
    int64_t every_ns = slave_beat_every_ns(slave);
    return lease->beat_ns + (is_answered ? every_ns : every_ns / 4);
}

static uint64_t slave_begin_beat(struct js_slave *slave, bool is_carried)
{
    struct js_slave_lease *lease = &slave->lease;
    lease->before_ns = lease->beat_ns;
    lease->beat_ns = slave->now_ns;
    lease->is_carried = is_carried;
    return ++lease->beat;
}

uint64_t js_slave_carry_beat(struct js_slave *slave)
{
    const struct js_slave_lease *lease = &slave->lease;
    if (lease->length_ns == 0 || lease->beat == 0 ||
        lease->answered < lease->beat ||
        slave->now_ns < lease->beat_ns + slave_beat_every_ns(slave) / 2)
        return 0;
    return slave_begin_beat(slave, true);
}

void js_slave_hear(struct js_slave *slave, uint64_t number)
{
    struct js_slave_lease *lease = &slave->lease;
    bool is_last = number == lease->beat;
    if (number <= lease->answered || number > lease->beat ||
        (!is_last && number + 1 < lease->beat))
        return;
    lease->answered = number;
    slave_renew_lease(slave, is_last ? lease->beat_ns : lease->before_ns);
}

/* By the time this fails, the runner has ended the jobs. Only time in which
 * this process could have received a message counts as silence. */
static int slave_check_silence(struct js_slave *slave, struct js_err *err)
{
    struct js_slave_lease *lease = &slave->lease;
    int64_t turn_ns = slave->now_ns - lease->turn_ns;
    lease->turn_ns = slave->now_ns;
    int64_t most_ns = lease->length_ns + slave->grace_ns;
    if (!slave->is_set_up)
        most_ns = slave->config.start_ns;
    if (most_ns == 0 || (slave->is_set_up && lease->answered == lease->beat))
        return 0;
    lease->silence_ns +=
        turn_ns < listening_most_ns ? turn_ns : listening_most_ns;
    if (lease->silence_ns < most_ns)
        return 0;
    return js_err_set(err, "the master has sent nothing for %d s%s",
                      (int)(lease->silence_ns / JS_NS_PER_S),
                      slave->is_set_up ? "; its jobs here were ended" : "");
}

/* ---------------------------------------------------------------- set-up */

int js_slave_greet(struct js_slave *slave, struct js_err *err)
{
    struct js_wire_hello hello = {.version = JS_WIRE_VERSION,
                                  .node = slave->config.node,
                                  .processes = slave->config.processes};
    slave->lease.turn_ns = js_link_now_ns(slave->link);
    return js_slave_post(slave, JS_TAG_HELLO,
                         js_wire_pack_hello(&slave->out, &hello), err);
}

int js_slave_ready(struct js_slave *slave, const char *problem,
                   struct js_err *err)
{
    struct js_wire_ready ready = {.slots = slave->queue.slot_count,
                                  .homes = slave->share.homes,
                                  .home = slave->share.home};
    size_t len = strnlen(problem, sizeof(ready.error) - 1);
    memcpy(ready.error, problem, len);
    /* The lease begins with READY: the master counts from its arrival. */
    if (len == 0) {
        slave->lease.beat = slave->lease.answered = 1;
        slave->lease.beat_ns = slave->now_ns;
    }
    if (len == 0 && slave->lease.length_ns > 0)
        slave_renew_lease(slave, slave->now_ns);
    return js_slave_post(slave, JS_TAG_READY,
                         js_wire_pack_ready(&slave->out, &ready), err);
}

/* Describes the node once the slave has been asked to, and knows its node. */
static int slave_describe(struct js_slave *slave, struct js_err *err)
{
    const struct js_resources *resources = &slave->share.resources;
    if (!slave->must_describe || resources->core_count == 0)
        return 0;
    slave->must_describe = false;
    return js_slave_post(slave, JS_TAG_NODE,
                         js_resources_pack(&slave->out, resources), err);
}

static int slave_take_describe(struct js_slave *slave,
                               const struct js_message *message,
                               struct js_err *err)
{
    if (message->len > 0)
        return js_err_set(err, "the master sent an invalid DESCRIBE message");
    slave->must_describe = true;
    return slave_describe(slave, err);
}

static int slave_set_up(struct js_slave *slave,
                        const struct js_wire_setup *setup, struct js_err *err)
{
    struct js_settings settings =
        js_slave_setup_settings(setup, slave->config.tmpdir);
    slave->is_traced = settings.trace;
    slave->limit_ns = settings.timeout_ns;
    slave->grace_ns = settings.grace_ns;
    slave->lease.length_ns = setup->lease_ns;
    slave->runner.is_bound = settings.bind;
    slave->output.is_captured = settings.capture == JS_CAPTURE_SPOOL;
    slave->output.spool =
        js_spool_new(settings.tmpdir, settings.spool_limit_bytes);
    if (!slave->output.spool)
        return js_slave_setup_no_memory(err);
    if (js_slave_setup_share_init(&slave->share, slave->config.topo, setup,
                                  slave->config.environ, err) < 0)
        return -1;
    if (js_slave_queue_init(&slave->queue, slave->share.slots) < 0)
        return js_slave_setup_no_memory(err);
    if (slave_describe(slave, err) < 0)
        return -1;
    return js_slave_jobs_configure_runner(slave, setup, err);
}

/* The SETUP is kept, because a later runner must be configured in the same
 * way. */
static int slave_take_setup(struct js_slave *slave,
                            const struct js_message *message,
                            struct js_err *err)
{
    struct js_wire_setup setup;
    struct js_err problem;
    struct js_buf *kept = &slave->setup;
    if (slave->is_set_up)
        return js_err_set(err, "the master sent a second SETUP message");
    if (js_buf_append(kept, message->bytes, message->len) < 0 ||
        js_buf_append(kept, slave->text.data, slave->text.len) < 0)
        return js_slave_setup_no_memory(err);
    js_buf_release(&slave->text);
    if (js_wire_unpack_setup(kept->data, kept->len, &setup) < 0)
        return js_err_set(err, "the master sent an invalid SETUP message");
    slave->is_set_up = true;
    slave->lease.silence_ns = 0;
    if (slave->is_retired)
        return 0;
    int rc = slave_set_up(slave, &setup, &problem);
    /* If this host lacks something, the master must know; this process need not
     * end because of it. */
    return rc < 0 ? js_slave_ready(slave, problem.text, err) : 0;
}

enum js_stop_request js_slave_request(const struct js_slave *slave)
{
    return slave->config.stop_request
               ? slave->config.stop_request(slave->config.request_arg)
               : JS_STOP_REQUEST_NONE;
}

/* The limit keeps a faulty sender from filling the memory. */
static int slave_take_text(struct js_slave *slave,
                           const struct js_message *message, struct js_err *err)
{
    if (slave->text.len + message->len > JS_WIRE_TEXT_MAX)
        return js_err_set(err, "the master sent text that is too long");
    if (js_buf_append(&slave->text, message->bytes, message->len) < 0)
        return js_slave_setup_no_memory(err);
    slave->acks.text_bytes += message->len;
    slave->acks.must_acknowledge = true;
    return 0;
}

/* ---------------------------------------------------------------- ending */

/* Takes a message of the master that consists of a single number. */
static int slave_take_number(struct js_slave *slave,
                             const struct js_message *message,
                             struct js_err *err)
{
    /* The largest number that a master sends; for other tags, any number is
     * valid. */
    static const uint64_t most[JS_TAG_COUNT] = {
        [JS_TAG_TIME_LIMIT] = INT64_MAX,
        [JS_TAG_DRAIN] = JS_WIRE_LET_RUN,
        [JS_TAG_SHUTDOWN] = JS_LEAVE_COUNT - 1,
    };
    uint64_t number;
    if (js_wire_unpack_number(message->bytes, message->len, &number) < 0 ||
        (most[message->tag] > 0 && number > most[message->tag]) ||
        (message->tag == JS_TAG_TIME_LIMIT && !slave->is_set_up))
        return js_err_set(err, "the master sent an invalid %s message",
                          js_tag_name(message->tag));
    switch (message->tag) {
    case JS_TAG_RECALL:
        js_slave_queue_ask_back(&slave->queue, number);
        return 0;
    case JS_TAG_TIME_LIMIT:
        return js_slave_jobs_limit(slave, (int64_t)number, err);
    case JS_TAG_KILL_JOB:
        return js_slave_jobs_kill(slave, number, err);
    case JS_TAG_DRAIN:
        return js_slave_jobs_end(slave, (int64_t)number, err);
    case JS_TAG_BEAT:
        js_slave_hear(slave, number);
        return 0;
    case JS_TAG_RUNNER:
        /* The answer may be about a runner that was lost in the meantime. */
        if (number == slave->runner.processes.runner)
            slave->runner.is_unrecorded = false;
        return 0;
    case JS_TAG_SHUTDOWN:
        slave->leaving = (enum js_leaving)number;
        slave->is_stopped = true;
        return 0;
    default:
        return 0;
    }
}

/* If a signal is for this process alone, its jobs run again elsewhere. If it is
 * for all processes of the run, there is no time to lose. */
static int slave_follow_signals(struct js_slave *slave, struct js_err *err)
{
    enum js_stop_request stop_request = js_slave_request(slave);
    if (stop_request < JS_STOP_REQUEST_HURRY ||
        stop_request <= slave->stop_request)
        return 0;
    slave->stop_request = stop_request;
    return js_slave_jobs_end(
        slave,
        stop_request == JS_STOP_REQUEST_HURRY ? JS_STOP_HURRY_GRACE_NS : 0,
        err);
}

/* ---------------------------------------------------------------- orphans */

static int slave_take_clear(struct js_slave *slave,
                            const struct js_message *message,
                            struct js_err *err)
{
    struct js_wire_clear clear;
    if (slave->orphans ||
        js_wire_unpack_clear(message->bytes, message->len, &clear) < 0)
        return js_err_set(err, "the master sent an invalid CLEAR message");
    slave->orphans =
        js_orphans_new(clear.runs, clear.count, slave->grace_ns, slave->now_ns);
    slave->orphans_ns = slave->now_ns;
    free(clear.runs);
    return slave->orphans ? 0 : js_slave_setup_no_memory(err);
}

static int slave_end_orphans(struct js_slave *slave, struct js_err *err)
{
    struct js_orphans *orphans = slave->orphans;
    struct js_err why;
    int rc;
    if (!orphans || slave->now_ns < slave->orphans_ns)
        return 0;
    slave->orphans_ns = js_orphans_step(orphans, slave->now_ns);
    if (slave->orphans_ns != JS_NEVER_NS)
        return 0;
    if (js_orphans_seen(orphans).error == 0) {
        struct js_wire_cleared cleared = {js_orphans_seen(orphans).ended,
                                          js_orphans_seen(orphans).left};
        rc = js_slave_post(slave, JS_TAG_CLEARED,
                           js_wire_pack_cleared(&slave->out, &cleared), err);
    } else {
        /* No job may run beside processes that jobs of a killed run have left.
         * So this slave runs none; another slave may be able to look. */
        js_err_set(
            &why,
            "no jobs will run here, because processes that a killed run has "
            "left behind cannot be detected: %s",
            js_errno_text(js_orphans_seen(orphans).error));
        rc = js_slave_note(slave, why.text, err);
        if (rc == 0)
            rc = js_slave_jobs_retire(slave, err);
    }
    js_orphans_free(orphans);
    slave->orphans = NULL;
    return rc;
}

/* ---------------------------------------------------------------- a turn */

typedef int (*slave_take_fn)(struct js_slave *slave,
                             const struct js_message *message,
                             struct js_err *err);

/* A tag without an entry here is one that only slaves send. */
static const slave_take_fn slave_takers[JS_TAG_COUNT] = {
    [JS_TAG_DESCRIBE] = slave_take_describe,
    [JS_TAG_SETUP] = slave_take_setup,
    [JS_TAG_TEXT] = slave_take_text,
    [JS_TAG_JOB] = js_slave_jobs_take_job,
    [JS_TAG_JOBS] = js_slave_jobs_take_jobs,
    [JS_TAG_RECALL] = slave_take_number,
    [JS_TAG_FETCH] = js_slave_jobs_take_fetch,
    [JS_TAG_TIME_LIMIT] = slave_take_number,
    [JS_TAG_KILL_JOB] = slave_take_number,
    [JS_TAG_DRAIN] = slave_take_number,
    [JS_TAG_BEAT] = slave_take_number,
    [JS_TAG_CLEAR] = slave_take_clear,
    [JS_TAG_RUNNER] = slave_take_number,
    [JS_TAG_SHUTDOWN] = slave_take_number,
};

static int slave_take_messages(struct js_slave *slave, struct js_err *err)
{
    int rc;
    struct js_message message;
    while (!slave->is_stopped &&
           (rc = js_link_receive(slave->link, &message, err)) != 0) {
        if (rc < 0)
            return -1;
        if (message.peer != 0)
            return js_err_set(
                err, "rank %d, which is not the master, sent a %s message",
                message.peer, js_tag_name(message.tag));
        slave_take_fn take = slave_takers[message.tag];
        if (!take)
            return js_err_set(err,
                              "the master sent a %s message, which it never "
                              "sends",
                              js_tag_name(message.tag));
        /* By the first message after the SETUP, other runs can see what this
         * slave's jobs are bound to; its claim on the cores is not needed any
         * more. */
        if (slave->is_set_up && slave->config.claim &&
            message.tag != JS_TAG_DESCRIBE)
            js_fd_close(slave->config.claim);
        if (take(slave, &message, err) < 0)
            return -1;
        js_slave_assert_invariants(slave);
    }
    return 0;
}

/* The order of the steps matters. Messages are handled first, because they may
 * stop the slave. Jobs that have ended free their slots before jobs are
 * started. DONEs are sent before the ACK, which they may replace. */
int js_slave_turn(struct js_slave *slave, struct js_err *err)
{
    slave->now_ns = js_link_now_ns(slave->link);
    if (slave->config.trace)
        js_outq_flush(slave->config.trace);
    if (slave_take_messages(slave, err) < 0)
        return -1;
    if (slave->is_stopped)
        return 1;
    if (slave_check_silence(slave, err) < 0 ||
        slave_follow_signals(slave, err) < 0 ||
        js_slave_jobs_take_events(slave, err) < 0 ||
        js_slave_jobs_wake(slave, err) < 0 ||
        slave_end_orphans(slave, err) < 0 ||
        js_slave_jobs_answer_recall(slave, err) < 0 ||
        js_slave_jobs_give_back(slave, err) < 0 ||
        js_slave_jobs_run(slave, err) < 0 ||
        js_slave_flush_done(slave, err) < 0 ||
        slave_acknowledge(slave, err) < 0)
        return -1;
    /* When a slave that was asked to end has no more jobs, the master need not
     * count on it. */
    if (slave->stop_request >= JS_STOP_REQUEST_HURRY && !slave->is_retired &&
        slave->queue.busy_count == 0 && slave->queue.order_count == 0) {
        slave->is_retired = true;
        js_slave_queue_retire(&slave->queue);
        if (js_slave_say_goodbye(slave, JS_GOODBYE_ASKED, err) < 0)
            return -1;
    }
    js_slave_assert_invariants(slave);
    slave->runner.ops->flush(slave->runner.self);
    if (slave->now_ns < slave_next_beat_ns(slave))
        return 0;
    uint64_t number = slave_begin_beat(slave, false);
    return js_slave_post(slave, JS_TAG_BEAT,
                         js_wire_pack_number(&slave->out, number), err);
}

/* Returns when something is due even if nothing happens. */
static int64_t slave_deadline_ns(const struct js_slave *slave)
{
    int64_t until_ns = slave_next_beat_ns(slave);
    /* A longer wait would not count as time spent listening. */
    bool is_listening =
        slave->lease.answered < slave->lease.beat || !slave->is_set_up;
    if (is_listening && slave->now_ns + listening_most_ns < until_ns)
        until_ns = slave->now_ns + listening_most_ns;
    if (slave->orphans && slave->orphans_ns < until_ns)
        until_ns = slave->orphans_ns;
    if (!slave->is_retired) {
        int64_t look_ns = js_slave_jobs_look_ns(slave);
        if (look_ns < until_ns)
            until_ns = look_ns;
    }
    if (js_slave_queue_is_queued_up(&slave->queue) &&
        !slave->queue.is_recalling &&
        slave->queue.moved_ns + JS_SCHEDULER_GIVE_BACK_NS < until_ns)
        until_ns = slave->queue.moved_ns + JS_SCHEDULER_GIVE_BACK_NS;
    int64_t end_ns = js_slave_queue_simulated_end_ns(&slave->queue);
    if (end_ns < until_ns)
        until_ns = end_ns;
    return until_ns;
}

/* While every slot is busy, no slot waits for the master's next message, and
 * the end of a job is a separate event. So the slave may sleep, and leave its
 * core to the jobs. */
static int64_t slave_patience_ns(const struct js_slave *slave)
{
    const struct js_slave_queue *queue = &slave->queue;
    bool is_busy = queue->busy_count > 0 &&
                   queue->busy_count == queue->slot_count &&
                   queue->simulated_count == 0;
    bool has_output = is_busy && js_spool_load(slave->output.spool).jobs > 0;
    int64_t least_ns = patience_least_ns, most_ns = JS_LINK_PAUSE_NS;
    int64_t patience_ns = 0;
    if (!is_busy)
        return 0;
    if (queue->order_count > 0 && !has_output) {
        patience_ns =
            queue->order_count * slave->run_ns / queue->slot_count / LOOKS;
    } else if (!has_output) {
        /* The only messages that can arrive are more work, or the order to end,
         * which is not that urgent. */
        least_ns = JS_LINK_PAUSE_NS;
        most_ns = patience_alone_ns;
        patience_ns = (slave->now_ns - queue->moved_ns) / LONG_LOOKS;
    }
    if (patience_ns < least_ns)
        return least_ns;
    return patience_ns < most_ns ? patience_ns : most_ns;
}

int js_slave_wait(struct js_slave *slave, struct js_err *err)
{
    struct pollfd fds[2];
    nfds_t count = 0;
    struct js_outq *trace = slave->config.trace;
    if (!slave->is_retired) {
        short events = POLLIN;
        if (slave->runner.ops->wants_write(slave->runner.self))
            events |= POLLOUT;
        fds[count++] = (struct pollfd){
            .fd = slave->runner.ops->fd(slave->runner.self), .events = events};
    }
    if (trace && js_outq_pending(trace) > 0)
        fds[count++] = js_outq_event(trace);
    int rc = js_link_wait(slave->link, fds, count, slave_deadline_ns(slave),
                          slave_patience_ns(slave), err);
    slave->runner.has_events = !slave->is_retired && fds[0].revents != 0;
    return rc;
}

int js_slave_run(struct js_slave *slave, enum js_leaving *ret,
                 struct js_err *err)
{
    int rc = js_slave_greet(slave, err);
    while (rc == 0) {
        rc = js_slave_turn(slave, err);
        if (rc == 0)
            rc = js_slave_wait(slave, err);
    }
    *ret = slave->leaving;
    return rc < 0 ? -1 : 0;
}
