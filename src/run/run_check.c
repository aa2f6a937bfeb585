/* --check and --dry-run report what a run would do, without running it. */
#include "run/run.h"

#include "base/text.h"
#include "mpi/slave_setup.h"
#include "sched/allocator.h"
#include "sched/simulate.h"

#include <poll.h>
#include <unistd.h>

/* Reported besides the errors, so that the user sees whether "after" means what
 * was intended. */
static void show_shape(struct js_run *run)
{
    struct js_source_survey survey;
    js_source_survey(run->source, &survey);
    const struct js_graph_shape *shape = &survey.shape;
    js_console_trace(
        &run->recorder.console,
        "%s: %llu job%s; longest chain %llu, widest level %llu\n",
        js_source_name(run->source), (unsigned long long)shape->jobs,
        shape->jobs == 1 ? "" : "s", (unsigned long long)shape->longest_chain,
        (unsigned long long)shape->width);
}

/* Waits for the reader of the output. */
static void outq_drain(struct js_outq *outq)
{
    while (js_outq_pending(outq) > 0) {
        struct pollfd fd = {.fd = js_outq_fd(outq), .events = POLLOUT};
        poll(&fd, 1, -1);
        js_outq_flush(outq);
    }
}

struct showing {
    struct js_run *run;
    const struct js_allocator *allocator;
};

/* Prints what a job holds of one node. */
static int describe_part(const struct js_allocator *allocator,
                         const struct js_allocation *allocation,
                         struct js_buf *buf)
{
    struct js_location place;
    struct js_cpuset cpus;
    if (js_allocator_locate(allocator, allocation->rank, &place) < 0)
        return -1;
    js_allocation_cpus(allocator, allocation, &cpus);
    if (js_buf_printf(buf, "slave %u on %s, CPUs ", allocation->rank,
                      place.node->host) < 0 ||
        js_cpuset_format(&cpus, buf) < 0)
        return -1;
    if (allocation->gpu_count == 0)
        return 0;
    return js_buf_puts(buf, ", GPUs ") < 0
               ? -1
               : js_allocation_gpus(allocator, allocation, buf);
}

/* A job on several nodes holds a part of each. */
static int describe_allocation(const struct js_allocator *allocator,
                               const struct js_allocation *allocation,
                               struct js_buf *buf)
{
    int rc = describe_part(allocator, allocation, buf);
    for (uint32_t i = 0; rc == 0 && i < allocation->other_count; i++) {
        rc = js_buf_puts(buf, " and ");
        if (rc == 0)
            rc = describe_part(allocator, &allocation->others[i], buf);
    }
    return rc;
}

/* The command as it is, with control characters escaped so that it cannot
 * control a terminal. */
static int append_plainly(struct js_buf *buf, const struct js_job *job)
{
    size_t before = buf->len;
    if (js_buf_append(buf, job->command, job->command_len) < 0 ||
        !js_buf_string(buf))
        return -1;
    js_text_make_printable(buf->data + before);
    return 0;
}

/* All jobs take equally long, and longer than the jobs that are sent ahead of
 * time. */
static void accept_simulated(void *arg, struct js_job *job)
{
    const struct showing *showing = arg;
    job->expected_ns = js_joblog_reader_find(showing->run->runtimes,
                                             job->command, job->command_len);
    job->duration_ns = 2 * JS_SCHEDULER_AHEAD_NS;
}

static void show_start(void *arg, const struct js_scheduler_decision *assigned)
{
    struct showing *showing = arg;
    struct js_buf text = JS_BUF_INIT;
    if (describe_allocation(showing->allocator, assigned->allocation, &text) ==
            0 &&
        js_buf_puts(&text, ": ") == 0 &&
        append_plainly(&text, assigned->job) == 0)
        js_console_trace(&showing->run->recorder.console, "job %llu: %s\n",
                         (unsigned long long)assigned->job->id,
                         js_buf_string(&text));
    js_buf_release(&text);
    /* With a list of a million lines, output must not accumulate here for a
     * slow reader. */
    js_console_flush(&showing->run->recorder.console);
    outq_drain(showing->run->out);
}

enum jobsched_status js_run_check_show(struct js_run *run,
                                       struct js_scheduler *scheduler,
                                       const struct js_allocator *allocator,
                                       unsigned slave_end,
                                       struct jobsched_result *result)
{
    struct js_err err;
    struct showing showing = {run, allocator};
    struct js_simulation ran;
    const struct js_simulate_config config = {.slave_end = slave_end,
                                              .accepted = accept_simulated,
                                              .assigned = show_start,
                                              .arg = &showing};
    int rc = 0;
    if (run->config->action == JOBSCHED_CHECK)
        show_shape(run);
    else
        rc = js_simulate(scheduler, run->source, &config, &ran, &err);
    js_console_flush(&run->recorder.console);
    outq_drain(run->out);
    if (rc < 0)
        return js_run_result_fail(result, JOBSCHED_BAD_INPUT, &err);
    /* `--dry-run | head` is not an error. */
    if (!js_outq_error(run->out) || js_outq_is_reader_gone(run->out))
        return JOBSCHED_SUCCEEDED;
    js_err_set(&err, "standard output: %s",
               js_errno_text(js_outq_error(run->out)));
    return js_run_result_fail(result, JOBSCHED_BROKEN, &err);
}

/* There are as many slaves as this machine has cores. */
static int equip_here(struct js_run *run, struct js_allocator *allocator,
                      struct js_scheduler *scheduler, struct js_err *err)
{
    struct js_node node;
    struct js_resources resources = {0};
    run->topo = js_topo_new(err);
    if (!run->topo || js_run_config_node(run->topo, &node, err) < 0)
        return -1;
    /* As a slave would decide if a container has fewer cores than the
     * machine. */
    if (node.quota_cores > 0)
        js_topo_prefer(run->topo, &node.cpus, &node.held, node.quota_cores,
                       &node.cpus);
    if (js_slave_setup_resources(run->topo, &node.cpus, run->config->gpus,
                                 (const char *const *)environ, &resources,
                                 err) < 0)
        return -1;
    int rc = js_simulate_add_host(scheduler, allocator, 1, &node, &resources);
    if (rc < 0)
        js_err_errno(err, "this machine");
    js_resources_release(&resources);
    return rc;
}

static enum jobsched_status rehearse_on(struct js_run *run,
                                        struct js_allocator *allocator,
                                        struct js_scheduler *scheduler,
                                        struct jobsched_result *result)
{
    struct js_err err;
    if (equip_here(run, allocator, scheduler, &err) < 0)
        return js_run_result_fail(result, JOBSCHED_BROKEN, &err);
    if (js_allocator_check(allocator, run->source, &run->recorder.console.log) >
        0) {
        js_err_set(&err, "jobs need more than this machine has");
        return js_run_result_fail(result, JOBSCHED_BAD_INPUT, &err);
    }
    return js_run_check_show(run, scheduler, allocator, 0, result);
}

/* Runs without MPI: --check must work on a login node, and at once. */
enum jobsched_status js_run_check_here(const struct jobsched_config *config,
                                       struct jobsched_result *result)
{
    struct js_err err;
    struct js_run run = {.config = config, .claim = -1};
    enum jobsched_status status;
    result->is_master = true;
    status = js_run_resume_open(&run, &err);
    if (status != JOBSCHED_SUCCEEDED) {
        js_run_result_fail(result, status, &err);
    } else if (js_run_inputs_open(&run, &err) < 0) {
        status = js_run_result_fail(result, JOBSCHED_BAD_INPUT, &err);
    } else if (js_run_master_open_recorder(&run, &err) < 0) {
        status = js_run_result_fail(result, JOBSCHED_BROKEN, &err);
    } else {
        struct js_scheduler_config scheduler_config =
            js_run_config_scheduler(&run);
        struct js_source_survey survey;
        js_source_survey(run.source, &survey);
        scheduler_config.is_ordered = survey.is_ordered;
        struct js_allocator *allocator = js_allocator_new();
        struct js_scheduler *scheduler =
            allocator ? js_scheduler_new(&scheduler_config,
                                         js_source_graph(run.source), allocator)
                      : NULL;
        js_err_errno(&err, "the rehearsal cannot be set up");
        status = scheduler ? rehearse_on(&run, allocator, scheduler, result)
                           : js_run_result_fail(result, JOBSCHED_BROKEN, &err);
        js_console_flush(&run.recorder.console);
        outq_drain(run.err);
        js_scheduler_free(scheduler);
        js_allocator_free(allocator);
    }
    js_run_master_close(&run);
    return status;
}
