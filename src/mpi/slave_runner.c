#include "mpi/slave_runner.h"

#include "base/clock.h"
#include "mpi/slave_setup.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum {
    BARREN_MAX = 3, /* runners that may be lost in a row without a job */
    NAMED_MAX = 5,  /* the most jobs named in a note */
};

/* How often to check whether the runner was stopped. */
static const int64_t look_every_ns = JS_NS_PER_S / 2;

int js_slave_runner_configure(struct js_slave_runner *runner,
                              const struct js_runner_config *config,
                              int64_t limit_ns, struct js_err *err)
{
    int rc = runner->ops->configure(runner->self, config);
    if (rc == 0 && limit_ns > 0)
        rc = runner->ops->limit(runner->self, limit_ns);
    return rc < 0 ? js_err_errno(err, "the runner cannot be set up") : 0;
}

/* ---------------------------------------------------------------- jobs */

/* The loss of the runner is noticed where its events are taken. */
static int runner_result(int rc, struct js_err *err)
{
    return rc == 0 || errno == EPIPE ? 0 : js_slave_setup_no_memory(err);
}

/* What a job is bound to, if that is not what its slot is bound to. */
struct binding {
    struct js_cpuset cpus, numa;
};

static void bind_to_allocation(const struct js_slave_runner *runner,
                               const struct js_wire_text *text,
                               struct binding *binding,
                               struct js_runner_job *job)
{
    if (!text->has_allocation)
        return;
    job->gpus = text->gpus[0] ? text->gpus : NULL;
    job->hosts = text->hosts[0] ? text->hosts : NULL;
    if (!runner->is_bound)
        return;
    binding->cpus = text->cpus;
    job->cpus = &binding->cpus;
    if (js_topo_numa_count(runner->topo) < 2)
        return;
    js_topo_numa(runner->topo, &text->cpus, &binding->numa);
    job->numa = &binding->numa;
}

int js_slave_runner_run(struct js_slave_runner *runner, uint32_t index,
                        const struct js_slave_order *order, struct js_err *err)
{
    const struct js_wire_job *wire = &order->wire;
    char bytes[JS_WIRE_JOB_TEXT + 1] = "";
    struct js_wire_text text;
    struct binding binding;
    if (!order->text)
        memcpy(bytes, wire->text, wire->text_len);
    if (js_wire_job_text(wire, order->text ? order->text : bytes, &text) < 0)
        return js_err_set(err, "the master sent a bad job");
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
    bind_to_allocation(runner, &text, &binding, &job);
    return runner_result(runner->ops->run(runner->self, &job), err);
}

int js_slave_runner_recall(struct js_slave_runner *runner, struct js_err *err)
{
    return runner_result(runner->ops->recall(runner->self), err);
}

int js_slave_runner_limit(struct js_slave_runner *runner, int64_t limit_ns,
                          struct js_err *err)
{
    return runner_result(runner->ops->limit(runner->self, limit_ns), err);
}

int js_slave_runner_end(struct js_slave_runner *runner, uint32_t index,
                        int64_t grace_ns, struct js_err *err)
{
    return runner_result(runner->ops->end(runner->self, index, grace_ns), err);
}

/* ------------------------------------------------------------- is it well? */

bool js_slave_runner_is_busy(const struct js_slave_queue *queue)
{
    return queue->busy_count > queue->simulated_count;
}

bool js_slave_runner_may_have_events(struct js_slave_runner *runner,
                                     const struct js_slave_queue *queue,
                                     int64_t now_ns)
{
    bool is_working = !queue->ring || queue->handed_count > 0 ||
                      runner->is_restarting || js_slave_runner_is_busy(queue);
    if (!is_working && !runner->has_events &&
        now_ns - runner->asked_ns < JS_NS_PER_MS)
        return false;
    runner->asked_ns = now_ns;
    return true;
}

int64_t js_slave_runner_look_ns(const struct js_slave_runner *runner,
                                const struct js_slave_queue *queue)
{
    return js_slave_runner_is_busy(queue) || runner->is_restarting
               ? runner->looked_ns + look_every_ns
               : JS_NEVER_NS;
}

/* Names the running jobs: "job 7 was running", "jobs 7, 9 and 3 more were
 * ...". */
static void name_jobs(const struct js_slave_queue *queue, struct js_buf *text)
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

/* The ticket of the first running job, or 0. */
static uint64_t first_ticket(const struct js_slave_queue *queue)
{
    for (uint32_t i = 0; i < queue->slot_count; i++) {
        if (queue->slots[i].is_busy && !queue->slots[i].is_simulated)
            return queue->slots[i].ticket;
    }
    return 0;
}

void js_slave_runner_wake(struct js_slave_runner *runner,
                          const struct js_slave_queue *queue, int64_t now_ns,
                          struct js_buf *note)
{
    if (now_ns < js_slave_runner_look_ns(runner, queue))
        return;
    runner->looked_ns = now_ns;
    if (!runner->ops->wake(runner->self, now_ns))
        return;
    /* The note is sent once for each job, even if the runner is stopped
     * repeatedly. */
    uint64_t ticket = first_ticket(queue);
    if (ticket == 0 || ticket == runner->stopped_ticket)
        return;
    runner->stopped_ticket = ticket;
    js_buf_puts(note, "the process that starts its jobs was stopped, and has "
                      "been continued; ");
    name_jobs(queue, note);
}

/* ------------------------------------------------------------- another one */

int js_slave_runner_restart(struct js_slave_runner *runner, struct js_err *err)
{
    if (runner->barren > BARREN_MAX)
        return js_err_set(err, "no other is started");
    if (runner->ops->restart(runner->self, err) < 0)
        return -1;
    /* Later runs check this process to find out whether this run is gone. */
    runner->processes.runner = (uint64_t)runner->ops->pid(runner->self);
    runner->processes.runner_started =
        js_process_start(runner->processes.runner);
    runner->is_restarting = runner->is_unrecorded = true;
    return 0;
}

void js_slave_runner_recorded(struct js_slave_runner *runner, uint64_t pid)
{
    /* The answer may be about a runner that was lost in the meantime. */
    if (pid == runner->processes.runner)
        runner->is_unrecorded = false;
}
