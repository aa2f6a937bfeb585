/* --check and --dry-run report what a run would do, without running it. */
#include "run/run.h"

#include "base/text.h"
#include "mpi/slave_setup.h"
#include "sched/allocator.h"
#include "sched/simulate.h"

#include <poll.h>
#include <unistd.h>

/* Waits for the reader of the output. */
static void check_drain(struct js_outq *outq)
{
    while (js_outq_pending(outq) > 0) {
        struct pollfd fd = js_outq_event(outq);
        poll(&fd, 1, -1);
        js_outq_flush(outq);
    }
}

struct dry_run {
    struct js_run *run;
    const struct js_allocator *allocator;
};

/* Prints what a job holds of one node. */
static int check_describe_part(const struct js_allocator *allocator,
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

/* All jobs take equally long, and longer than the jobs that are sent ahead of
 * time. */
static void check_accept(void *arg, struct js_job *job)
{
    const struct dry_run *dry_run = arg;
    js_paths_set(dry_run->run->paths, job);
    job->duration_ns = 2 * JS_SCHEDULER_AHEAD_NS;
}

static void check_show_start(void *arg,
                             const struct js_scheduler_decision *assigned)
{
    struct dry_run *dry_run = arg;
    const struct js_allocation *allocation = assigned->allocation;
    const struct js_job *job = assigned->job;
    struct js_buf text = JS_BUF_INIT;
    int rc = check_describe_part(dry_run->allocator, allocation, &text);
    /* A job on several nodes holds a part of each. */
    for (uint32_t i = 0; rc == 0 && i < allocation->other_count; i++) {
        rc = js_buf_puts(&text, " and ");
        if (rc == 0)
            rc = check_describe_part(dry_run->allocator, &allocation->others[i],
                                     &text);
    }
    if (rc == 0)
        rc = js_buf_puts(&text, ": ");
    size_t before = text.len;
    if (rc == 0 && js_buf_append(&text, job->command, job->command_len) == 0 &&
        js_buf_string(&text)) {
        /* The command must not control the terminal. */
        js_text_make_printable(text.data + before);
        js_console_trace(&dry_run->run->recorder.console, "job %llu: %s\n",
                         (unsigned long long)job->id, text.data);
    }
    js_buf_release(&text);
    /* With a list of a million lines, output must not accumulate here for a
     * slow reader. */
    js_console_flush(&dry_run->run->recorder.console);
    check_drain(dry_run->run->out);
}

enum jobsched_status js_run_check_show(struct js_run *run,
                                       struct js_scheduler *scheduler,
                                       const struct js_allocator *allocator,
                                       unsigned slave_end,
                                       struct jobsched_result *result)
{
    struct js_err err;
    struct js_source_survey survey;
    struct dry_run dry_run = {run, allocator};
    struct js_simulation ran;
    const struct js_simulate_config config = {.slave_end = slave_end,
                                              .accepted = check_accept,
                                              .assigned = check_show_start,
                                              .arg = &dry_run};
    int rc = 0;
    if (run->config->action == JOBSCHED_CHECK) {
        /* This is reported in addition to the errors, so that the user sees
         * whether "after" has the intended effect. */
        js_source_survey(run->source, &survey);
        js_console_trace(&run->recorder.console,
                         "%s: %llu job%s; longest chain %llu, widest level "
                         "%llu\n",
                         js_source_name(run->source),
                         (unsigned long long)survey.shape.jobs,
                         survey.shape.jobs == 1 ? "" : "s",
                         (unsigned long long)survey.shape.longest_chain,
                         (unsigned long long)survey.shape.width);
    } else {
        rc = js_simulate(scheduler, run->source, &config, &ran, &err);
    }
    js_console_flush(&run->recorder.console);
    check_drain(run->out);
    if (rc < 0)
        return js_run_fail(result, JOBSCHED_BAD_INPUT, &err);
    /* `--dry-run | head` is not an error. */
    if (!js_outq_error(run->out) || js_outq_is_reader_gone(run->out))
        return JOBSCHED_SUCCEEDED;
    js_err_set(&err, "cannot write to standard output: %s",
               js_errno_text(js_outq_error(run->out)));
    return js_run_fail(result, JOBSCHED_BROKEN, &err);
}

/* There are as many slaves as this machine has cores. */
static int check_equip_here(struct js_run *run, struct js_allocator *allocator,
                            struct js_scheduler *scheduler, struct js_err *err)
{
    struct js_node node;
    struct js_resources resources = {0};
    run->topo = js_topo_new(err);
    if (!run->topo || js_run_config_node(run->topo, &node, err) < 0)
        return -1;
    /* A slave decides in the same way if a container has fewer cores than the
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
        js_err_errno(err, "the resources of this machine cannot be recorded");
    js_resources_release(&resources);
    return rc;
}

/* It runs without MPI, because --check must work on a login node, and at
 * once. */
enum jobsched_status js_run_check_here(const struct jobsched_config *config,
                                       struct jobsched_result *result)
{
    struct js_err err;
    struct js_run run = {.config = config, .claim = -1};
    enum jobsched_status status;
    result->is_master = true;
    status = js_run_files_open_journal(&run, &err);
    if (status != JOBSCHED_SUCCEEDED) {
        js_run_fail(result, status, &err);
    } else if (js_run_files_open(&run, &err) < 0) {
        status = js_run_fail(result, JOBSCHED_BAD_INPUT, &err);
    } else if (js_run_master_open_recorder(&run, &err) < 0) {
        status = js_run_fail(result, JOBSCHED_BROKEN, &err);
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
        if (!scheduler) {
            js_err_errno(&err, "the dry run cannot be set up");
            status = js_run_fail(result, JOBSCHED_BROKEN, &err);
        } else if (check_equip_here(&run, allocator, scheduler, &err) < 0) {
            status = js_run_fail(result, JOBSCHED_BROKEN, &err);
        } else if (js_allocator_check(allocator, run.source,
                                      &run.recorder.console.log) > 0) {
            js_err_set(
                &err,
                "some jobs (listed above) need more than this machine has");
            status = js_run_fail(result, JOBSCHED_BAD_INPUT, &err);
        } else {
            status = js_run_check_show(&run, scheduler, allocator, 0, result);
        }
        js_console_flush(&run.recorder.console);
        check_drain(run.err);
        js_scheduler_free(scheduler);
        js_allocator_free(allocator);
    }
    js_run_master_close(&run);
    return status;
}
