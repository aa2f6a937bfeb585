#include "mpi/slave_private.h"

#include "base/clock.h"
#include "base/file.h"
#include "sched/scheduler.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ACK_EVERY = JS_WIRE_JOBS_SENT / 2,
    TRACE_MAX = 1024 * 1024, /* bytes of trace that wait for a reader; more
                                is dropped */
    RUN_TIME_WEIGHT = 8,     /* the average covers about the last eight jobs */
    BARREN_MAX = 3, /* how many runners without a job may be lost in a row */
    NAMED_MAX = 5,  /* the most jobs named in a note */
};

/* How long a temporary lack of processes, descriptors or disk space may
 * last. */
static const int64_t retry_ns = 30 * JS_NS_PER_S;

/* How often to check whether the runner was stopped. */
static const int64_t look_every_ns = JS_NS_PER_S / 2;

/* ---------------------------------------------------------------- orders */

static struct js_slave_order *slave_next_order(struct js_slave *slave,
                                               struct js_err *err)
{
    struct js_slave_order *order = js_slave_queue_next(&slave->queue);
    if (!order)
        js_err_set(err, "the master sent an unexpected job");
    return order;
}

/* The master may have JS_WIRE_JOBS_SENT unacknowledged jobs. It need not wait
 * if an ACK is sent after each half of that number. */
static int slave_accept_order(struct js_slave *slave,
                              const struct js_slave_order *order,
                              struct js_err *err)
{
    struct js_slave_acks *acks = &slave->acks;
    js_slave_hear(slave, order->wire.beat);
    acks->jobs++;
    if (acks->jobs - acks->jobs_acknowledged >= ACK_EVERY)
        acks->must_acknowledge_jobs = true;
    return js_slave_queue_add(&slave->queue, slave->now_ns) < 0
               ? js_err_set(err, "the master sent a job for a slot in use")
               : 0;
}

int js_slave_jobs_take_job(struct js_slave *slave,
                           const struct js_message *message, struct js_err *err)
{
    struct js_slave_order *order = slave_next_order(slave, err);
    if (!order)
        return -1;
    if (message->len != sizeof(order->wire))
        return js_err_set(err, "the master sent an invalid job");
    memcpy(&order->wire, message->bytes, sizeof(order->wire));
    if (js_wire_job_check(&order->wire) < 0)
        return js_err_set(err, "the master sent an invalid job");
    if (order->wire.text_len > JS_WIRE_JOB_TEXT) {
        /* No message could hold this text, so it arrived before the job. */
        if (order->wire.text_len != slave->text.len)
            return js_err_set(err, "the master sent a job without its text");
        if (!js_buf_string(&slave->text))
            return js_slave_setup_no_memory(err);
        order->text = slave->text.data;
        slave->text = (struct js_buf)JS_BUF_INIT;
    }
    return slave_accept_order(slave, order, err);
}

int js_slave_jobs_take_jobs(struct js_slave *slave,
                            const struct js_message *message,
                            struct js_err *err)
{
    struct js_cursor cursor = js_cursor_of(message->bytes, message->len);
    slave->acks.must_acknowledge_jobs = true;
    while (cursor.left > 0) {
        const char *text;
        struct js_slave_order *order = slave_next_order(slave, err);
        if (!order)
            return -1;
        if (js_wire_unpack_job(&cursor, &order->wire, &text) < 0)
            return js_err_set(err, "the master sent an invalid job");
        if (js_slave_queue_set_text(order, text) < 0)
            return js_slave_setup_no_memory(err);
        if (slave_accept_order(slave, order, err) < 0)
            return -1;
    }
    return 0;
}

/* Returns the last `count` orders, which the runner does not have. */
static int slave_return_orders(struct js_slave *slave, unsigned count,
                               bool is_answer, struct js_err *err)
{
    slave->back.len = 0;
    for (unsigned i = 0; i < count; i++) {
        uint64_t ticket = js_slave_queue_give_back(&slave->queue);
        if (js_buf_append(&slave->back, &ticket, sizeof(ticket)) < 0)
            return js_slave_setup_no_memory(err);
    }
    int packed = js_wire_pack_returned(
        &slave->out, is_answer, (const uint64_t *)(void *)slave->back.data,
        slave->back.len / sizeof(uint64_t));
    return js_slave_post(slave, JS_TAG_RETURNED, packed, err);
}

/* A call that finds the runner lost does not fail: the loss is noticed in one
 * place, where the runner's events are taken. */
static int slave_runner_result(int rc, struct js_err *err)
{
    return rc == 0 || errno == EPIPE ? 0 : js_slave_setup_no_memory(err);
}

/* Asks the runner for the handed jobs that it has not begun. */
static int slave_recall_from_runner(struct js_slave *slave, struct js_err *err)
{
    return js_slave_queue_begin_recall(&slave->queue)
               ? slave_runner_result(
                     slave->runner.ops->recall(slave->runner.self), err)
               : 0;
}

static int slave_give_back_all(struct js_slave *slave, struct js_err *err)
{
    unsigned count = slave->queue.order_count - slave->queue.handed_count;
    slave->acks.must_acknowledge_jobs = true;
    if (count > 0 && slave_return_orders(slave, count, false, err) < 0)
        return -1;
    /* If the runner is stopped, the slave keeps only what it has handed
     * over. */
    return slave_recall_from_runner(slave, err);
}

/* Returns jobs that have waited behind running ones for too long: they may find
 * room elsewhere. Jobs that wait because output is not read are kept, because
 * they would have to wait elsewhere as well. */
int js_slave_jobs_give_back(struct js_slave *slave, struct js_err *err)
{
    if (!js_slave_queue_is_queued_up(&slave->queue) ||
        (!slave->is_retired &&
         slave->now_ns - slave->queue.moved_ns < JS_SCHEDULER_GIVE_BACK_NS))
        return 0;
    return slave_give_back_all(slave, err);
}

/* Answers the master, which has a free slot elsewhere for jobs that wait
 * here. */
int js_slave_jobs_answer_recall(struct js_slave *slave, struct js_err *err)
{
    unsigned count;
    switch (js_slave_queue_answer(&slave->queue, &count)) {
    case JS_SLAVE_RECALL_RUNNER:
        return slave_recall_from_runner(slave, err);
    case JS_SLAVE_RECALL_ANSWER:
        return slave_return_orders(slave, count, true, err);
    default:
        return 0;
    }
}

/* ---------------------------------------------------------------- jobs */

/* Gives the runner the job of an order, for slot `index` or
 * JS_RUNNER_SLOT_NEXT. */
static int slave_give_to_runner(struct js_slave *slave, uint32_t index,
                                const struct js_slave_order *order,
                                struct js_err *err)
{
    struct js_slave_runner *runner = &slave->runner;
    const struct js_wire_job *wire = &order->wire;
    char bytes[JS_WIRE_JOB_TEXT + 1] = "";
    struct js_wire_text text;
    struct js_cpuset numa;
    if (!order->text)
        memcpy(bytes, wire->text, wire->text_len);
    if (js_wire_job_text(wire, order->text ? order->text : bytes, &text) < 0)
        return js_err_set(err, "the master sent an invalid job");
    struct js_runner_job job = {.slot = index,
                                .id = wire->id,
                                .attempt = wire->attempt,
                                .cores = wire->cores,
                                .timeout_ns = wire->timeout_ns,
                                .data_limit_bytes = wire->data_limit_bytes,
                                .details = text.details,
                                .details_len = text.details_len,
                                .command = text.command,
                                .len = text.command_len};
    /* Without an allocation the job is bound to the CPUs of its slot. */
    if (text.has_allocation) {
        job.gpus = text.gpus[0] ? text.gpus : NULL;
        job.hosts = text.hosts[0] ? text.hosts : NULL;
    }
    if (text.has_allocation && runner->is_bound) {
        job.cpus = &text.cpus;
        if (js_topo_numa_count(runner->topo) >= 2) {
            js_topo_numa(runner->topo, &text.cpus, &numa);
            job.numa = &numa;
        }
    }
    return slave_runner_result(runner->ops->run(runner->self, &job), err);
}

static int slave_start_order(struct js_slave *slave,
                             struct js_slave_order *order, struct js_err *err)
{
    struct js_outq *trace = slave->config.trace;
    struct js_buf line = JS_BUF_INIT;
    int rc = 0;
    if (!order->is_ended && slave->is_traced && trace &&
        js_outq_pending(trace) < TRACE_MAX &&
        js_buf_printf(&line, "Run job: %" PRIu64 "\n", order->wire.id) == 0)
        js_outq_write(trace, line.data, line.len);
    js_buf_release(&line);
    if (js_slave_queue_order_is_for_runner(order))
        rc = slave_give_to_runner(slave, order->wire.slot, order, err);
    js_slave_queue_start(&slave->queue, slave->now_ns);
    return rc;
}

/* Records jobs that the runner has already started, when a slot became free. */
static int slave_enter_started(struct js_slave *slave, struct js_err *err)
{
    struct js_slave_order *order;
    while (slave->queue.handed_count > 0 &&
           (order = js_slave_queue_startable(&slave->queue))) {
        if (slave_start_order(slave, order, err) < 0)
            return -1;
    }
    return 0;
}

/* The strongest check comes first: a slave that ends returns everything. While
 * the runner is new, or the disk is full of output, jobs wait. */
static int slave_start_jobs(struct js_slave *slave, struct js_err *err)
{
    struct js_slave_order *order;
    if (slave->is_retired || slave->queue.order_count == 0)
        return 0;
    if (slave->is_ending)
        return slave_give_back_all(slave, err);
    if (slave->runner.is_restarting || slave->runner.is_unrecorded)
        return 0;
    if (js_spool_load(slave->output.spool).is_full)
        return slave_recall_from_runner(slave, err);
    while ((order = js_slave_queue_startable(&slave->queue))) {
        if (slave_start_order(slave, order, err) < 0)
            return -1;
    }
    /* The runner also gets jobs for slots that are not free yet, so that it
     * need not wait for this process. With a trace this is not done, because
     * each line must be printed before its job starts. */
    while (!slave->is_traced &&
           (order = js_slave_queue_handable(&slave->queue))) {
        if (slave_give_to_runner(slave, JS_RUNNER_SLOT_NEXT, order, err) < 0)
            return -1;
        js_slave_queue_handed(&slave->queue);
    }
    return 0;
}

/* DONEs are collected until the end of the turn, so that many short jobs share
 * a message. */
static int slave_add_done(struct js_slave *slave, struct js_wire_done *done,
                          struct js_err *err)
{
    struct js_slave_acks *acks = &slave->acks;
    done->jobs = acks->jobs_acknowledged = acks->jobs;
    done->beat = js_slave_carry_beat(slave);
    acks->must_acknowledge_jobs = false;
    slave->run_ns += (done->outcome.run_ns - slave->run_ns) / RUN_TIME_WEIGHT;
    if (js_wire_pack_done(&slave->done, done) < 0)
        return js_slave_setup_no_memory(err);
    return slave->done.len >= JS_WIRE_DONE_BATCH
               ? js_slave_flush_done(slave, err)
               : 0;
}

/* Simulated jobs without duration make room for each other within a turn. */
int js_slave_jobs_run(struct js_slave *slave, struct js_err *err)
{
    struct js_slave_queue *queue = &slave->queue;
    struct js_slave_slot *slot;
    unsigned before;
    do {
        uint32_t at = 0;
        before = queue->order_count;
        while ((slot = js_slave_queue_simulated(queue, &at, slave->now_ns))) {
            struct js_wire_done done = {.ticket = slot->ticket,
                                        .outcome = slot->outcome};
            js_slave_queue_free_slot(queue, slot, slave->now_ns);
            if (slave_add_done(slave, &done, err) < 0)
                return -1;
        }
        if (slave_start_jobs(slave, err) < 0)
            return -1;
    } while (queue->simulated_count > 0 && queue->order_count < before);
    return 0;
}

/* Puts the output of an ended job into its DONE if it is no more than
 * `inline_max` bytes: this saves a round trip for each of many short jobs.
 * Otherwise, or if it cannot be read, the output goes to the spool, under the
 * ticket of the DONE; the error is then reported when it is fetched. Takes
 * ownership of the event's descriptors, even on failure. Returns 0, or -1 with
 * errno ENOMEM. */
static int slave_keep_output(struct js_slave_output *output,
                             uint32_t inline_max, struct js_runner_event *event,
                             struct js_wire_done *done)
{
    const uint64_t bytes[] = {event->outcome.out_bytes,
                              event->outcome.err_bytes};
    const int fds[] = {event->out_fd, event->err_fd};
    struct js_buf *chunk = &output->chunk;
    done->captured = output->is_captured && bytes[0] + bytes[1] > 0;
    bool is_inlined = done->captured && bytes[0] <= inline_max &&
                      bytes[1] <= inline_max - bytes[0];
    chunk->len = 0;
    for (int i = 0; i < 2 && is_inlined; i++) {
        size_t size = (size_t)bytes[i];
        is_inlined =
            js_buf_reserve(chunk, size + 1) == 0 &&
            (size == 0 || js_file_pread(fds[i], chunk->data + chunk->len, size,
                                        0) == (ssize_t)size);
        chunk->len += size;
    }
    if (done->captured && !is_inlined)
        return js_spool_put(output->spool, done->ticket, fds, bytes);
    if (is_inlined) {
        done->inlined = chunk->data;
        done->inlined_len = chunk->len;
    }
    js_fd_close(&event->out_fd);
    js_fd_close(&event->err_fd);
    return 0;
}

/*
 * True if the signal that asks this process to end may have been sent to the
 * job as well: then the job was stopped, and has not failed. Slurm sends
 * SIGTERM to all processes of an allocation, one after another. So if one has
 * ended a job, this process waits a moment for its own; but only once a second,
 * because a user may end a hundred jobs in this way.
 */
static bool slave_is_asked_like_its_job(struct js_slave *slave,
                                        const struct js_outcome *outcome)
{
    enum { LOOKS = 10 };
    static const struct timespec pause = {.tv_nsec = 10 * JS_NS_PER_MS};
    if (outcome->cause != JS_STOP_REASON_NONE ||
        outcome->step != JS_STEP_NONE || js_outcome_succeeded(outcome))
        return false;
    bool is_asked = js_slave_is_asked_to_end(slave);
    if (is_asked || outcome->signal != SIGTERM ||
        slave->now_ns < slave->patient_ns)
        return is_asked;
    slave->patient_ns = slave->now_ns + JS_NS_PER_S;
    for (int i = 0; i < LOOKS && !is_asked; i++) {
        nanosleep(&pause, NULL);
        is_asked = js_slave_is_asked_to_end(slave);
    }
    return is_asked;
}

static int slave_take_ended(struct js_slave *slave,
                            struct js_runner_event *event, struct js_err *err)
{
    struct js_slave_slot *slot =
        js_slave_queue_running(&slave->queue, event->slot);
    if (!slot)
        return js_err_set(
            err, "the runner reported the end of a job that did not run");
    struct js_wire_done done = {.ticket = slot->ticket,
                                .outcome = event->outcome};
    if (slave_is_asked_like_its_job(slave, &event->outcome))
        done.outcome.cause = JS_STOP_REASON_STOPPED;
    uint32_t inline_max = slot->inline_max;
    js_slave_queue_free_slot(&slave->queue, slot, slave->now_ns);
    if (slave_keep_output(&slave->output, inline_max, event, &done) < 0)
        return js_slave_setup_no_memory(err);
    if (slave_add_done(slave, &done, err) < 0)
        return -1;
    return slave_enter_started(slave, err);
}

int js_slave_jobs_take_fetch(struct js_slave *slave,
                             const struct js_message *message,
                             struct js_err *err)
{
    struct js_wire_fetch fetch;
    if (!slave->output.spool ||
        js_wire_unpack_fetch(message->bytes, message->len, &fetch) < 0)
        return js_err_set(err, "the master sent an invalid FETCH message");
    if (fetch.length == 0) {
        js_spool_drop(slave->output.spool, fetch.ticket);
        slave->acks.releases++;
        slave->acks.must_acknowledge = true;
        return 0;
    }
    struct js_buf *chunk = &slave->output.chunk;
    chunk->len = 0;
    if (js_buf_reserve(chunk, fetch.length) < 0)
        return js_slave_setup_no_memory(err);
    ssize_t n = js_spool_read(slave->output.spool, fetch.ticket,
                              (enum js_stream)fetch.stream, fetch.offset,
                              chunk->data, fetch.length);
    const struct js_wire_output output = {.ticket = fetch.ticket,
                                          .offset = fetch.offset,
                                          .stream = fetch.stream,
                                          .error = n < 0 ? errno : 0,
                                          .bytes = chunk->data,
                                          .len = n < 0 ? 0 : (size_t)n};
    return js_slave_post(slave, JS_TAG_OUTPUT,
                         js_wire_pack_output(&slave->out, &output), err);
}

/* ---------------------------------------------------------------- ending */

static int slave_end_job(struct js_slave *slave, uint32_t index,
                         int64_t grace_ns, struct js_err *err)
{
    struct js_slave_slot *slot = js_slave_queue_running(&slave->queue, index);
    if (!slot->is_simulated)
        return slave_runner_result(
            slave->runner.ops->end(slave->runner.self, index, grace_ns), err);
    js_slave_queue_stop_simulated(slot, slave->now_ns);
    return 0;
}

int js_slave_jobs_kill(struct js_slave *slave, uint64_t ticket,
                       struct js_err *err)
{
    js_slave_queue_end_order(&slave->queue, ticket);
    for (uint32_t i = 0; i < slave->queue.slot_count; i++) {
        const struct js_slave_slot *slot =
            js_slave_queue_running(&slave->queue, i);
        if (slot && slot->ticket == ticket)
            return slave_end_job(slave, i, slave->grace_ns, err);
    }
    return 0;
}

int js_slave_jobs_limit(struct js_slave *slave, int64_t limit_ns,
                        struct js_err *err)
{
    slave->limit_ns = limit_ns;
    return slave_runner_result(
        slave->runner.ops->limit(slave->runner.self, limit_ns), err);
}

int js_slave_jobs_end(struct js_slave *slave, int64_t grace_ns,
                      struct js_err *err)
{
    slave->is_ending = true;
    if (slave_recall_from_runner(slave, err) < 0)
        return -1;
    if (slave->queue.slot_count > 0 &&
        slave_runner_result(
            slave->runner.ops->end(slave->runner.self, 0, JS_RUNNER_LET_RUN),
            err) < 0)
        return -1;
    for (uint32_t i = 0;
         grace_ns != JS_WIRE_LET_RUN && i < slave->queue.slot_count; i++) {
        if (js_slave_queue_running(&slave->queue, i) &&
            slave_end_job(slave, i, grace_ns, err) < 0)
            return -1;
    }
    return 0;
}

/* ---------------------------------------------------------------- the runner
 */

int js_slave_jobs_configure_runner(struct js_slave *slave,
                                   const struct js_wire_setup *setup,
                                   struct js_err *err)
{
    const struct js_slave_runner *runner = &slave->runner;
    const char **env = js_slave_setup_environ(setup, slave->config.environ);
    if (!env)
        return js_slave_setup_no_memory(err);
    struct js_runner_config config = {
        .settings = js_slave_setup_settings(setup, slave->config.tmpdir),
        .env = env,
        .host = slave->config.node.host,
        .slave = (uint32_t)slave->link->rank,
        .slots = slave->share.slots,
        .slot_cpus = slave->share.slot_cpus,
        .retry_ns = retry_ns,
    };
    int rc = runner->ops->configure(runner->self, &config);
    if (rc == 0 && slave->limit_ns > 0)
        rc = runner->ops->limit(runner->self, slave->limit_ns);
    if (rc < 0)
        js_err_errno(err, "the runner cannot be set up");
    free(env);
    return rc;
}

/* Gives up a runner that is gone and has no successor: no more jobs run
 * here. */
int js_slave_jobs_retire(struct js_slave *slave, struct js_err *err)
{
    slave->is_retired = true;
    slave->runner.is_restarting = false;
    js_slave_queue_retire(&slave->queue);
    if (js_slave_jobs_give_back(slave, err) < 0)
        return -1;
    return js_slave_say_goodbye(
        slave,
        js_slave_is_asked_to_end(slave) ? JS_GOODBYE_ASKED : JS_GOODBYE_BROKEN,
        err);
}

/* Reports all running jobs as lost, and also those that were handed to the
 * runner ahead of time, because it may have begun them. */
static int slave_lose_jobs(struct js_slave *slave, struct js_err *err)
{
    /* A job may be the cause of the loss, unless the runner was killed in order
     * to end the whole run. */
    struct js_outcome outcome = {.step = JS_STEP_RUNNER, .exit_code = 126};
    if (js_slave_is_asked_to_end(slave))
        outcome = (struct js_outcome){.cause = JS_STOP_REASON_STOPPED};
    /* Handed jobs get the slots of the jobs that are lost, and are then lost in
     * turn. */
    while (js_slave_queue_has_runner_jobs(&slave->queue)) {
        for (uint32_t i = 0; i < slave->queue.slot_count; i++) {
            struct js_slave_slot *slot =
                js_slave_queue_running(&slave->queue, i);
            if (!slot || slot->is_simulated)
                continue;
            struct js_wire_done done = {.ticket = slot->ticket,
                                        .outcome = outcome};
            done.outcome.run_ns = slave->now_ns - slot->begun_ns;
            done.outcome.start_unix_ns =
                js_clock_unix_ns() - done.outcome.run_ns;
            js_slave_queue_free_slot(&slave->queue, slot, slave->now_ns);
            if (slave_add_done(slave, &done, err) < 0)
                return -1;
        }
        if (slave_enter_started(slave, err) < 0)
            return -1;
    }
    js_slave_queue_forget_runner(&slave->queue);
    return 0;
}

/* Starts another runner, and gives it everything that the lost one was given.
 * If several runners in a row are lost while they have no job, the jobs are not
 * what kills them, and the next runner would be lost as well. */
static int slave_restart_runner(struct js_slave *slave, struct js_err *err)
{
    struct js_wire_setup setup;
    struct js_slave_runner *runner = &slave->runner;
    if (slave->is_ending || slave->lease.beat == 0 ||
        runner->barren > BARREN_MAX ||
        js_wire_unpack_setup(slave->setup.data, slave->setup.len, &setup) < 0)
        return js_err_set(err, "no other runner is started");
    if (runner->ops->restart(runner->self, err) < 0)
        return -1;
    /* Later runs check this process to find out whether this run is gone. */
    runner->processes.runner = (uint64_t)runner->ops->pid(runner->self);
    runner->processes.runner_started =
        js_process_start(runner->processes.runner);
    runner->is_restarting = runner->is_unrecorded = true;
    if (js_slave_jobs_configure_runner(slave, &setup, err) < 0)
        return -1;
    if (slave->lease.length_ns > 0)
        runner->ops->lease(runner->self, slave->lease.until_ns);
    return 0;
}

/* Handles the loss of the runner, with which all of its jobs have ended. */
static int slave_lose_runner(struct js_slave *slave, struct js_err *err)
{
    struct js_slave_runner *runner = &slave->runner;
    struct js_err why = {""};
    runner->barren =
        js_slave_queue_has_runner_jobs(&slave->queue) ? 0 : runner->barren + 1;
    int rc = slave_restart_runner(slave, &why);
    if (js_slave_note(slave,
                      rc == 0
                          ? "the process that starts its jobs was killed; its "
                            "jobs were ended, and another process was started"
                          : "the process that starts its jobs was killed; its "
                            "jobs were ended, and will run again if a slave is "
                            "left",
                      err) < 0)
        return -1;
    if (rc < 0)
        return js_slave_jobs_retire(slave, err);
    rc = js_slave_post(slave, JS_TAG_RUNNER,
                       js_wire_pack_processes(&slave->out, &runner->processes),
                       err);
    return rc < 0 ? -1 : slave_lose_jobs(slave, err);
}

static int slave_take_event(struct js_slave *slave,
                            struct js_runner_event *event, struct js_err *err)
{
    switch (event->kind) {
    case JS_RUNNER_READY:
        if (!slave->runner.is_restarting)
            return js_slave_ready(slave, event->text, err);
        slave->runner.is_restarting = false;
        if (event->text[0] == '\0')
            return 0;
        return js_slave_note(slave, event->text, err) < 0
                   ? -1
                   : js_slave_jobs_retire(slave, err);
    case JS_RUNNER_NOTE:
        return js_slave_note(slave, event->text, err);
    case JS_RUNNER_ENDED:
        return slave_take_ended(slave, event, err);
    case JS_RUNNER_RECALLED:
        return js_slave_queue_recalled(&slave->queue, event->count) < 0
                   ? js_err_set(err, "the runner has lost a job")
                   : 0;
    }
    return 0;
}

int js_slave_jobs_take_events(struct js_slave *slave, struct js_err *err)
{
    struct js_slave_runner *runner = &slave->runner;
    /* Asking costs a system call, and there are many turns when simulated jobs
     * take no time. */
    bool is_working = !slave->queue.ring || slave->queue.handed_count > 0 ||
                      runner->is_restarting ||
                      js_slave_queue_has_runner_jobs(&slave->queue);
    if (!is_working && !runner->has_events &&
        slave->now_ns - runner->asked_ns < JS_NS_PER_MS)
        return 0;
    runner->asked_ns = slave->now_ns;
    while (!slave->is_retired) {
        struct js_runner_event event;
        int rc = runner->ops->next(runner->self, &event);
        if (rc == 0)
            return 0;
        if (rc < 0)
            return slave_lose_runner(slave, err);
        if (slave_take_event(slave, &event, err) < 0)
            return -1;
        js_slave_assert_invariants(slave);
    }
    return 0;
}

int64_t js_slave_jobs_look_ns(const struct js_slave *slave)
{
    return js_slave_queue_has_runner_jobs(&slave->queue) ||
                   slave->runner.is_restarting
               ? slave->runner.looked_ns + look_every_ns
               : JS_NEVER_NS;
}

/* Names the running jobs: "job 7 was running", "jobs 7, 9 and 3 more were
 * ...". */
static void slave_name_jobs(const struct js_slave_queue *queue,
                            struct js_buf *text)
{
    uint32_t count = queue->busy_count - queue->simulated_count, named = 0;
    js_buf_puts(text, count == 1 ? "job" : "jobs");
    for (uint32_t i = 0; i < queue->slot_count && named < NAMED_MAX; i++) {
        const struct js_slave_slot *slot = &queue->slots[i];
        if (slot->is_busy && !slot->is_simulated)
            js_buf_printf(text, "%s %" PRIu64, named++ > 0 ? "," : "",
                          slot->id);
    }
    if (count > named)
        js_buf_printf(text, " and %" PRIu32 " more", count - named);
    js_buf_puts(text, count == 1 ? " was running" : " were running");
}

int js_slave_jobs_wake(struct js_slave *slave, struct js_err *err)
{
    struct js_slave_runner *runner = &slave->runner;
    const struct js_slave_queue *queue = &slave->queue;
    struct js_buf note = JS_BUF_INIT;
    uint64_t ticket = 0;
    if (slave->is_retired || slave->now_ns < js_slave_jobs_look_ns(slave))
        return 0;
    runner->looked_ns = slave->now_ns;
    if (!runner->ops->wake(runner->self, slave->now_ns))
        return 0;
    /* The note is sent once for each first job, even if the runner is stopped
     * repeatedly. */
    for (uint32_t i = 0; i < queue->slot_count && ticket == 0; i++) {
        if (queue->slots[i].is_busy && !queue->slots[i].is_simulated)
            ticket = queue->slots[i].ticket;
    }
    if (ticket == 0 || ticket == runner->stopped_ticket)
        return 0;
    runner->stopped_ticket = ticket;
    js_buf_puts(&note, "the process that starts its jobs was stopped, and has "
                       "been continued; ");
    slave_name_jobs(queue, &note);
    const char *text = js_buf_string(&note);
    int rc =
        text ? js_slave_note(slave, text, err) : js_slave_setup_no_memory(err);
    js_buf_release(&note);
    return rc;
}
