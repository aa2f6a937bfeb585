#include "mpi/slave_private.h"

#include "base/clock.h"
#include "sched/scheduler.h"

#include <stdlib.h>
#include <string.h>

enum {
    ACK_EVERY = JS_WIRE_JOBS_SENT / 2,
    TRACE_MAX = 1024 * 1024, /* bytes of trace that wait for a reader; more
                                is dropped */
    RUN_TIME_WEIGHT = 8,     /* the average covers about the last eight jobs */
};

/* ---------------------------------------------------------------- orders */

/* Takes the text of a job that is too long for any message. It arrived before
 * the job. */
static int take_long_text(struct js_slave *slave, struct js_slave_order *order,
                          struct js_err *err)
{
    if (order->wire.text_len != slave->text.len)
        return js_err_set(err, "the master sent a job without its text");
    if (!js_buf_string(&slave->text))
        return js_slave_setup_no_memory(err);
    order->text = slave->text.data;
    slave->text = (struct js_buf)JS_BUF_INIT;
    return 0;
}

static struct js_slave_order *next_order(struct js_slave *slave,
                                         struct js_err *err)
{
    struct js_slave_order *order = js_slave_queue_next(&slave->queue);
    if (!order)
        js_err_set(err, "the master sent a job nobody expects");
    return order;
}

/* The master may have JS_WIRE_JOBS_SENT unacknowledged jobs. An ACK for every
 * half of that keeps it from waiting. */
static int accept_order(struct js_slave *slave, struct js_err *err)
{
    struct js_slave_acks *acks = &slave->acks;
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
    struct js_slave_order *order = next_order(slave, err);
    if (!order)
        return -1;
    if (message->len != sizeof(order->wire))
        return js_err_set(err, "the master sent a bad job");
    memcpy(&order->wire, message->bytes, sizeof(order->wire));
    if (js_wire_job_check(&order->wire) < 0)
        return js_err_set(err, "the master sent a bad job");
    if (order->wire.text_len > JS_WIRE_JOB_TEXT &&
        take_long_text(slave, order, err) < 0)
        return -1;
    return accept_order(slave, err);
}

int js_slave_jobs_take_jobs(struct js_slave *slave,
                            const struct js_message *message,
                            struct js_err *err)
{
    struct js_cursor cursor = js_cursor_of(message->bytes, message->len);
    slave->acks.must_acknowledge_jobs = true;
    while (cursor.left > 0) {
        const char *text;
        struct js_slave_order *order = next_order(slave, err);
        if (!order)
            return -1;
        if (js_wire_unpack_job(&cursor, &order->wire, &text) < 0)
            return js_err_set(err, "the master sent a bad job");
        if (js_slave_queue_set_text(order, text) < 0)
            return js_slave_setup_no_memory(err);
        if (accept_order(slave, err) < 0)
            return -1;
    }
    return 0;
}

/* Returns the last `count` orders, which the runner does not have. */
static int return_orders(struct js_slave *slave, unsigned count, bool is_answer,
                         struct js_err *err)
{
    slave->back.len = 0;
    for (unsigned i = 0; i < count; i++) {
        uint64_t ticket = js_slave_queue_give_back(&slave->queue);
        if (js_buf_append(&slave->back, &ticket, sizeof(ticket)) < 0)
            return js_slave_setup_no_memory(err);
    }
    int packed = js_wire_pack_back(&slave->out, is_answer,
                                   (const uint64_t *)(void *)slave->back.data,
                                   slave->back.len / sizeof(uint64_t));
    return js_slave_post(slave, JS_TAG_RETURNED, packed, err);
}

/* Asks the runner for the handed jobs that it has not begun. */
static int take_from_runner(struct js_slave *slave, struct js_err *err)
{
    return js_slave_queue_begin_recall(&slave->queue)
               ? js_slave_runner_recall(&slave->runner, err)
               : 0;
}

static int give_back_all(struct js_slave *slave, struct js_err *err)
{
    unsigned count = slave->queue.order_count - slave->queue.handed_count;
    slave->acks.must_acknowledge_jobs = true;
    if (count > 0 && return_orders(slave, count, false, err) < 0)
        return -1;
    /* If the runner is stopped, the slave keeps only what it has handed
     * over. */
    return take_from_runner(slave, err);
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
    return give_back_all(slave, err);
}

int js_slave_jobs_take_recall(struct js_slave *slave,
                              const struct js_message *message,
                              struct js_err *err)
{
    uint64_t count;
    if (js_wire_unpack_number(message->bytes, message->len, &count) < 0)
        return js_err_set(err, "the master sent a bad RECALL");
    js_slave_queue_ask_back(&slave->queue, count);
    return 0;
}

/* Answers the master, which has a free slot elsewhere for jobs that wait
 * here. */
int js_slave_jobs_answer_recall(struct js_slave *slave, struct js_err *err)
{
    unsigned count;
    switch (js_slave_queue_answer(&slave->queue, &count)) {
    case JS_SLAVE_RECALL_RUNNER:
        return take_from_runner(slave, err);
    case JS_SLAVE_RECALL_ANSWER:
        return return_orders(slave, count, true, err);
    default:
        return 0;
    }
}

/* ---------------------------------------------------------------- jobs */

static void print_trace(struct js_slave *slave, uint64_t id)
{
    struct js_buf line = JS_BUF_INIT;
    if (slave->is_traced && slave->config.trace &&
        js_outq_pending(slave->config.trace) < TRACE_MAX &&
        js_buf_printf(&line, "Run job: %llu\n", (unsigned long long)id) == 0)
        js_outq_write(slave->config.trace, line.data, line.len);
    js_buf_release(&line);
}

static int start_order(struct js_slave *slave, struct js_slave_order *order,
                       struct js_err *err)
{
    int rc = 0;
    if (!order->is_ended)
        print_trace(slave, order->wire.id);
    if (js_slave_queue_order_is_for_runner(order))
        rc = js_slave_runner_run(&slave->runner, order->wire.slot, order, err);
    js_slave_queue_start(&slave->queue, slave->now_ns);
    return rc;
}

/* Records jobs that the runner has already started, when a slot became free. */
static int enter_started(struct js_slave *slave, struct js_err *err)
{
    struct js_slave_order *order;
    while (slave->queue.handed_count > 0 &&
           (order = js_slave_queue_startable(&slave->queue))) {
        if (start_order(slave, order, err) < 0)
            return -1;
    }
    return 0;
}

/* Hands jobs to the runner for slots that are not free yet, so that the runner
 * need not wait for this process. With a trace this is not done, because each
 * line must be printed before its job starts. */
static int slave_hand_over(struct js_slave *slave, struct js_err *err)
{
    struct js_slave_order *order;
    while (!slave->is_traced &&
           (order = js_slave_queue_handable(&slave->queue))) {
        if (js_slave_runner_run(&slave->runner, JS_RUNNER_SLOT_NEXT, order,
                                err) < 0)
            return -1;
        js_slave_queue_handed(&slave->queue);
    }
    return 0;
}

/* The checks stand in the order of their strength: a slave that ends returns
 * everything. While the runner is new, or the disk is full of output, jobs
 * wait. */
static int slave_start_jobs(struct js_slave *slave, struct js_err *err)
{
    struct js_slave_order *order;
    if (slave->is_retired || slave->queue.order_count == 0)
        return 0;
    if (slave->is_ending)
        return give_back_all(slave, err);
    if (slave->runner.is_restarting || slave->runner.is_unrecorded)
        return 0;
    if (js_spool_full(slave->output.spool))
        return take_from_runner(slave, err);
    while ((order = js_slave_queue_startable(&slave->queue))) {
        if (start_order(slave, order, err) < 0)
            return -1;
    }
    return slave_hand_over(slave, err);
}

/* DONEs are collected until the end of the turn, so that many short jobs share
 * a message. */
static int send_done(struct js_slave *slave, struct js_wire_done *done,
                     struct js_err *err)
{
    struct js_slave_acks *acks = &slave->acks;
    done->jobs = acks->jobs_acknowledged = acks->jobs;
    acks->must_acknowledge_jobs = false;
    slave->run_ns += (done->outcome.run_ns - slave->run_ns) / RUN_TIME_WEIGHT;
    if (js_wire_pack_done(&slave->done, done) < 0)
        return js_slave_setup_no_memory(err);
    return slave->done.len >= JS_WIRE_DONE_BATCH
               ? js_slave_flush_done(slave, err)
               : 0;
}

static int end_simulated(struct js_slave *slave, struct js_err *err)
{
    uint32_t at = 0;
    struct js_slave_slot *slot;
    while (
        (slot = js_slave_queue_simulated(&slave->queue, &at, slave->now_ns))) {
        struct js_wire_done done = {.ticket = slot->ticket,
                                    .outcome = slot->outcome};
        js_slave_queue_free_slot(&slave->queue, slot, slave->now_ns);
        if (send_done(slave, &done, err) < 0)
            return -1;
    }
    return 0;
}

/* Simulated jobs without duration make room for each other within a turn. */
int js_slave_jobs_run(struct js_slave *slave, struct js_err *err)
{
    unsigned before;
    do {
        before = slave->queue.order_count;
        if (end_simulated(slave, err) < 0 || slave_start_jobs(slave, err) < 0)
            return -1;
    } while (slave->queue.simulated_count > 0 &&
             slave->queue.order_count < before);
    return 0;
}

static int take_ended(struct js_slave *slave, struct js_runner_event *event,
                      struct js_err *err)
{
    struct js_slave_slot *slot =
        js_slave_queue_running(&slave->queue, event->slot);
    if (!slot)
        return js_err_set(err, "the runner ended a job that did not run");
    struct js_wire_done done = {.ticket = slot->ticket,
                                .outcome = event->outcome};
    const struct js_outcome *outcome = &event->outcome;
    /* Whoever asks this process to end may have asked its jobs as well; Slurm
     * signals all processes of an allocation. A job that fails because of that
     * was stopped. */
    if (outcome->cause == JS_STOP_REASON_NONE &&
        outcome->step == JS_STEP_NONE && !js_outcome_succeeded(outcome) &&
        js_slave_is_asked_to_end(slave))
        done.outcome.cause = JS_STOP_REASON_STOPPED;
    uint32_t inline_max = slot->inline_max;
    js_slave_queue_free_slot(&slave->queue, slot, slave->now_ns);
    if (js_slave_output_keep(&slave->output, inline_max, event, &done) < 0)
        return js_slave_setup_no_memory(err);
    if (send_done(slave, &done, err) < 0)
        return -1;
    return enter_started(slave, err);
}

int js_slave_jobs_take_fetch(struct js_slave *slave,
                             const struct js_message *message,
                             struct js_err *err)
{
    struct js_wire_fetch fetch;
    struct js_wire_output output;
    if (!slave->output.spool ||
        js_wire_unpack_fetch(message->bytes, message->len, &fetch) < 0)
        return js_err_set(err, "the master sent a bad FETCH");
    if (fetch.length == 0) {
        js_spool_drop(slave->output.spool, fetch.ticket);
        slave->acks.releases++;
        slave->acks.must_acknowledge = true;
        return 0;
    }
    if (js_slave_output_read(&slave->output, &fetch, &output) < 0)
        return js_slave_setup_no_memory(err);
    return js_slave_post(slave, JS_TAG_OUTPUT,
                         js_wire_pack_output(&slave->out, &output), err);
}

/* ---------------------------------------------------------------- ending */

static int slave_end_job(struct js_slave *slave, uint32_t index,
                         int64_t grace_ns, struct js_err *err)
{
    struct js_slave_slot *slot = js_slave_queue_running(&slave->queue, index);
    if (!slot->is_simulated)
        return js_slave_runner_end(&slave->runner, index, grace_ns, err);
    js_slave_queue_stop_simulated(slot, slave->now_ns);
    return 0;
}

/* If the job has ended by now, there is nothing to do. */
int js_slave_jobs_take_end_job(struct js_slave *slave,
                               const struct js_message *message,
                               struct js_err *err)
{
    uint64_t ticket;
    if (js_wire_unpack_number(message->bytes, message->len, &ticket) < 0)
        return js_err_set(err, "the master sent a bad KILL_JOB");
    js_slave_queue_end_order(&slave->queue, ticket);
    for (uint32_t i = 0; i < slave->queue.slot_count; i++) {
        const struct js_slave_slot *slot =
            js_slave_queue_running(&slave->queue, i);
        if (slot && slot->ticket == ticket)
            return slave_end_job(slave, i, slave->grace_ns, err);
    }
    return 0;
}

int js_slave_jobs_end(struct js_slave *slave, int64_t grace_ns,
                      struct js_err *err)
{
    slave->is_ending = true;
    if (take_from_runner(slave, err) < 0)
        return -1;
    if (slave->queue.slot_count > 0 &&
        js_slave_runner_end(&slave->runner, 0, JS_RUNNER_LET_RUN, err) < 0)
        return -1;
    for (uint32_t i = 0;
         grace_ns != JS_WIRE_LET_RUN && i < slave->queue.slot_count; i++) {
        if (js_slave_queue_running(&slave->queue, i) &&
            slave_end_job(slave, i, grace_ns, err) < 0)
            return -1;
    }
    return 0;
}

/* ------------------------------------------------------------ a lost runner */

/* Ends the use of a runner that is gone and has no successor: no further job is
 * run here. */
int js_slave_jobs_retire(struct js_slave *slave, struct js_err *err)
{
    slave->is_retired = true;
    slave->runner.is_restarting = false;
    js_slave_queue_retire(&slave->queue);
    if (js_slave_jobs_give_back(slave, err) < 0)
        return -1;
    return js_slave_bye(slave,
                        js_slave_is_asked_to_end(slave) ? JS_PARTING_ASKED
                                                        : JS_PARTING_BROKEN,
                        err);
}

/* The job may be the cause of the loss, unless whoever killed the runner wants
 * all of us to end. */
static int lose_job(struct js_slave *slave, struct js_slave_slot *slot,
                    struct js_err *err)
{
    int64_t run_ns = slave->now_ns - slot->begun_ns;
    struct js_wire_done done = {
        .ticket = slot->ticket,
        .outcome = {.start_unix_ns = js_clock_unix_ns() - run_ns,
                    .run_ns = run_ns}};
    if (js_slave_is_asked_to_end(slave)) {
        done.outcome.cause = JS_STOP_REASON_STOPPED;
    } else {
        done.outcome.step = JS_STEP_RUNNER;
        done.outcome.exit_code = 126;
    }
    js_slave_queue_free_slot(&slave->queue, slot, slave->now_ns);
    return send_done(slave, &done, err);
}

/* Reports all running jobs as lost, and also those that were handed to the
 * runner ahead of time, because it may have begun them. */
static int lose_jobs(struct js_slave *slave, struct js_err *err)
{
    /* Handed jobs get the slots of the jobs that are lost, and are then lost in
     * turn. */
    while (js_slave_runner_is_busy(&slave->queue)) {
        for (uint32_t i = 0; i < slave->queue.slot_count; i++) {
            struct js_slave_slot *slot =
                js_slave_queue_running(&slave->queue, i);
            if (slot && !slot->is_simulated && lose_job(slave, slot, err) < 0)
                return -1;
        }
        if (enter_started(slave, err) < 0)
            return -1;
    }
    js_slave_queue_forget_runner(&slave->queue);
    return 0;
}

/* Starts another runner, and gives it everything that the lost one was
 * given. */
static int restart_runner(struct js_slave *slave, struct js_err *err)
{
    struct js_wire_setup setup;
    if (slave->is_ending || slave->lease.beat == 0 ||
        js_wire_unpack_setup(slave->setup.data, slave->setup.len, &setup) < 0)
        return js_err_set(err, "no other is started");
    if (js_slave_runner_restart(&slave->runner, err) < 0 ||
        js_slave_configure_runner(slave, &setup, err) < 0)
        return -1;
    if (slave->lease.length_ns > 0)
        slave->runner.ops->lease(slave->runner.self, slave->lease.until_ns);
    return 0;
}

/* Handles the loss of the runner, with which all of its jobs have ended. */
static int lose_runner(struct js_slave *slave, struct js_err *err)
{
    struct js_slave_runner *runner = &slave->runner;
    struct js_err why = {""};
    runner->barren =
        js_slave_runner_is_busy(&slave->queue) ? 0 : runner->barren + 1;
    int rc = restart_runner(slave, &why);
    if (js_slave_note(slave,
                      rc == 0
                          ? "the process that starts its jobs was killed; they "
                            "were ended, and there is a new one"
                          : "the process that starts its jobs was killed; they "
                            "were ended, and run again if a slave is left",
                      err) < 0)
        return -1;
    if (rc < 0)
        return js_slave_jobs_retire(slave, err);
    rc = js_slave_post(slave, JS_TAG_RUNNER,
                       js_wire_pack_processes(&slave->out, &runner->processes),
                       err);
    return rc < 0 ? -1 : lose_jobs(slave, err);
}

int js_slave_jobs_take_runner(struct js_slave *slave,
                              const struct js_message *message,
                              struct js_err *err)
{
    uint64_t pid;
    if (js_wire_unpack_number(message->bytes, message->len, &pid) < 0)
        return js_err_set(err, "the master sent a bad RUNNER");
    js_slave_runner_recorded(&slave->runner, pid);
    return 0;
}

static int take_runner_ready(struct js_slave *slave, const char *problem,
                             struct js_err *err)
{
    if (!slave->runner.is_restarting)
        return js_slave_ready(slave, problem, err);
    slave->runner.is_restarting = false;
    if (problem[0] == '\0')
        return 0;
    return js_slave_note(slave, problem, err) < 0
               ? -1
               : js_slave_jobs_retire(slave, err);
}

static int take_event(struct js_slave *slave, struct js_runner_event *event,
                      struct js_err *err)
{
    switch (event->kind) {
    case JS_RUNNER_READY:
        return take_runner_ready(slave, event->text, err);
    case JS_RUNNER_NOTE:
        return js_slave_note(slave, event->text, err);
    case JS_RUNNER_ENDED:
        return take_ended(slave, event, err);
    case JS_RUNNER_RECALLED:
        return js_slave_queue_recalled(&slave->queue, event->count) < 0
                   ? js_err_set(err, "the runner has lost a job")
                   : 0;
    }
    return 0;
}

int js_slave_jobs_take_events(struct js_slave *slave, struct js_err *err)
{
    if (!js_slave_runner_may_have_events(&slave->runner, &slave->queue,
                                         slave->now_ns))
        return 0;
    while (!slave->is_retired) {
        struct js_runner_event event;
        int rc = slave->runner.ops->next(slave->runner.self, &event);
        if (rc == 0)
            return 0;
        if (rc < 0)
            return lose_runner(slave, err);
        if (take_event(slave, &event, err) < 0)
            return -1;
        js_slave_assert_invariants(slave);
    }
    return 0;
}

/* Continues a runner that was stopped, and names the jobs that it runs. */
int js_slave_jobs_wake(struct js_slave *slave, struct js_err *err)
{
    struct js_buf note = JS_BUF_INIT;
    if (slave->is_retired)
        return 0;
    js_slave_runner_wake(&slave->runner, &slave->queue, slave->now_ns, &note);
    if (note.len == 0)
        return 0;
    const char *text = js_buf_string(&note);
    int rc =
        text ? js_slave_note(slave, text, err) : js_slave_setup_no_memory(err);
    js_buf_release(&note);
    return rc;
}
