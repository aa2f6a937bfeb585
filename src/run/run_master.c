/* Rank 0 puts the parts of a run together, and takes them apart. */
#include "run/run.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/launchenv.h"
#include "base/userenv.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The intervals of progress lines: if nobody may be looking, and if the user
 * asked for them. */
static const int64_t line_first_ns = 30 * JS_NS_PER_S;
static const int64_t line_most_ns = 600 * JS_NS_PER_S;
static const int64_t line_wanted_ns = 10 * JS_NS_PER_S;

/* Nothing is shown in a trace unless the user asks for it, and even then no
 * bar: slaves write trace lines past it. A bar would also collide with what a
 * reader of stdout writes to the same terminal. */
static enum js_display_kind display_kind(const struct js_run *run)
{
    const struct jobsched_config *config = run->config;
    bool is_wanted = config->progress == JOBSCHED_PROGRESS_ALWAYS;
    if (config->action != JOBSCHED_RUN ||
        config->progress == JOBSCHED_PROGRESS_NEVER ||
        (config->trace && !is_wanted))
        return JS_DISPLAY_OFF;
    return !config->trace && run->terminal &&
                   js_terminal_takes_bar(run->terminal, is_wanted)
               ? JS_DISPLAY_BAR
               : JS_DISPLAY_LINES;
}

/* Text on stderr can only make room for output that takes the same way. */
int js_run_master_open_recorder(struct js_run *run, struct js_err *err)
{
    const struct jobsched_config *config = run->config;
    const struct js_lifeline *lifeline = run->launcher.lifeline;
    bool is_wanted = config->progress == JOBSCHED_PROGRESS_ALWAYS;
    run->terminal =
        js_terminal_new(lifeline ? js_lifeline_launcher(lifeline) : 0);
    struct js_recorder_config recorder = {
        .joblog = run->joblog,
        .graph = js_source_graph(run->source),
        .registry = run->registry,
        .output_dir =
            config->output == JOBSCHED_OUTPUT_DIR ? config->output_dir : NULL,
        .is_traced = config->trace,
        .display = {.kind = display_kind(run),
                    .terminal = run->terminal,
                    .line_first_ns = is_wanted ? JS_NS_PER_S : line_first_ns,
                    .line_most_ns = is_wanted ? line_wanted_ns : line_most_ns},
    };
    bool is_one_way = recorder.display.kind == JS_DISPLAY_BAR &&
                      run->terminal->out == JS_STDOUT_SAME;
    run->err = js_outq_new(STDERR_FILENO);
    run->out = is_one_way ? run->err : js_outq_new(STDOUT_FILENO);
    recorder.out = run->out;
    recorder.err = run->err;
    if (!run->out || !run->err ||
        js_recorder_open(&run->recorder, &recorder) < 0)
        return js_err_errno(err, "the output of jobs cannot be set up");
    return 0;
}

/* Only a run that starts jobs needs marks for them. The jobs' environment and
 * folder are the user's, as rank 0 found them, for the slaves on every host. */
static int open_master(struct js_run *run, struct js_link *link,
                       struct js_err *err)
{
    struct js_master_config config = {
        .scheduler = js_run_config_scheduler(run),
        .timeout_percent = run->config->timeout_percent,
        .strict_mem = run->config->strict_mem,
        .fail_fast = run->config->fail_fast,
        .is_rehearsal = run->config->action != JOBSCHED_RUN,
        .show_map = run->config->show_map,
        .meeting_ns = js_run_config_meeting_ns(run->config),
        .quiet_ns = run->journal ? js_journal_quiet_ns(run->journal) : 0,
        .source = run->source,
        .runtimes = run->runtimes,
        .recorder = &run->recorder,
        .log = run->recorder.console.log,
        .lifeline = run->launcher.lifeline,
        .stop_ns = js_run_config_stop_ns(run),
        .stop_request = js_run_launcher_stop_request,
        .request_arg = run,
    };
    if (run->config->action == JOBSCHED_RUN)
        js_run_resume_marks(run, &config);
    run->cwd = js_userenv_cwd(&run->rank->environ);
    if (!run->cwd)
        return js_err_errno(err, "the working directory cannot be found");
    if (js_run_config_environ(run->rank, &run->environ) < 0)
        return js_err_errno(err, "the environment cannot be kept for the jobs");
    config.setup = js_run_config_setup(run);
    run->topo = js_topo_new(err);
    if (!run->topo ||
        js_run_config_look_at_node(run->topo, run->config->bind, &config.node,
                                   &run->claim, err) < 0)
        return -1;
    config.claim = &run->claim;
    run->master = js_master_new(&config, link);
    return run->master ? 0 : js_err_errno(err, "the master cannot be set up");
}

void js_run_master_close(struct js_run *run)
{
    js_fd_close(&run->claim);
    js_master_free(run->master);
    js_recorder_release(&run->recorder);
    /* In reverse order, because the flags of a shared descriptor are restored
     * to what they were. */
    if (run->err != run->out)
        js_outq_free(run->err);
    js_outq_free(run->out);
    js_terminal_free(run->terminal);
    js_outdir_close(run->outdir);
    js_journal_close(run->journal);
    js_registry_free(run->registry);
    js_joblog_reader_free(run->runtimes);
    js_source_free(run->source);
    js_topo_free(run->topo);
    js_buf_release(&run->environ);
    free(run->cwd);
}

static enum jobsched_status work_as_master(struct js_run *run,
                                           struct js_link *link,
                                           struct jobsched_result *result)
{
    struct js_err err = {""};
    struct js_master_result ran;
    js_master_run(run->master, &ran, &err);
    /* Lines follow, so no bar may remain below them. Writing records to disk
     * may take longer than any lease, hence the report. */
    js_recorder_end_show(&run->recorder);
    js_run_launcher_tell_begun(run);
    if (ran.end == JS_MASTER_REHEARSED)
        return js_run_check_show(run, js_master_scheduler(run->master),
                                 js_master_allocator(run->master),
                                 (unsigned)link->size, result);
    /* Whoever is about to kill us does not wait for MPI_Finalize, and a lost
     * slave does not call it. Then this process leaves without it. */
    bool is_hurried = js_signals_request() >= JS_STOP_REQUEST_HURRY ||
                      run->launcher.passed.is_hurried;
    run->ending.is_abrupt =
        (is_hurried && !js_launchenv_is_patient()) || ran.lost > 0;
    run->ending.lost = ran.lost;
    run->ending.has_run = ran.wall_ns > 0;
    /* The slaves need not wait for what is slow from here on. But a launcher
     * that sees one of them leave at once would not wait for us. */
    if (!run->ending.is_abrupt)
        js_master_dismiss(link, JS_LEAVE_TOGETHER);
    js_run_result_count(run, &ran, result);
    js_run_launcher_ask_for_outage(run);
    enum jobsched_status status = js_run_result_judge(run, &ran, result, &err);
    if (status == JOBSCHED_SUCCEEDED && js_run_result_has_no_jobs(run, result))
        js_log(&run->recorder.console.log, "no jobs in %s",
               js_source_name(run->source));
    /* The order matters: the last record says how everything before it
     * ended. */
    status = js_run_result_settle(run, status, &err);
    status = js_run_resume_end(run, status, &err);
    js_console_flush(&run->recorder.console);
    js_console_end_line(&run->recorder.console);
    return js_run_result_fail(result, status, &err);
}

/* The journal is opened first, because reading the list needs its contents. It
 * is begun last, when nothing in the user's input can be wrong any more, so
 * that a run that was refused leaves no trace in it. */
static enum jobsched_status
prepare_master(struct js_run *run, struct js_link *link, struct js_err *err)
{
    enum jobsched_status status = js_run_resume_open(run, err);
    if (status != JOBSCHED_SUCCEEDED)
        return status;
    if (js_run_inputs_open(run, err) < 0)
        return JOBSCHED_BAD_INPUT;
    if (js_run_master_open_recorder(run, err) < 0)
        return JOBSCHED_BROKEN;
    /* After the console exists, and before this run changes what the journal
     * says. */
    js_run_resume_tell_standing(run);
    if (run->config->action == JOBSCHED_RUN && run->journal)
        status = js_run_resume_begin(run, err);
    if (status != JOBSCHED_SUCCEEDED)
        return status;
    return open_master(run, link, err) < 0 ? JOBSCHED_BROKEN
                                           : JOBSCHED_SUCCEEDED;
}

enum jobsched_status js_run_master_work(const struct js_run_rank *rank,
                                        struct js_link *link,
                                        struct jobsched_result *result)
{
    const struct jobsched_config *config = rank->config;
    struct js_err err = {""};
    struct js_run run = {.config = config,
                         .claim = -1,
                         .rank = rank,
                         .launcher.lifeline = rank->lifeline};
    result->is_master = true;
    js_run_launcher_tell_begun(&run);
    enum jobsched_status status = prepare_master(&run, link, &err);
    bool is_prepared = status == JOBSCHED_SUCCEEDED;
    if (is_prepared)
        status = work_as_master(&run, link, result);
    else
        js_run_result_fail(result, status, &err);
    result->is_abrupt = run.ending.is_abrupt;
    result->lost = run.ending.lost;
    /* Slaves wait for a message in any case, whatever has gone wrong here. */
    if (run.ending.is_abrupt)
        js_master_dismiss(link, JS_LEAVE_AT_ONCE);
    else if (!is_prepared || config->action != JOBSCHED_RUN)
        js_master_dismiss(link, JS_LEAVE_TOGETHER);
    js_joblog_close(run.joblog, NULL);
    js_run_launcher_tell_ended(&run, status);
    js_run_master_close(&run);
    return status;
}
