/* Rank 0 puts the parts of a run together, takes them apart, and reports how
 * the run has ended, as an exit status and in words. */
#include "run/run.h"

#include "base/argv.h"
#include "base/background.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/launchenv.h"
#include "base/process.h"
#include "base/userenv.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The intervals of progress lines: by default, and if the user asked for
 * them. */
static const int64_t line_first_ns = 30 * JS_NS_PER_S;
static const int64_t line_most_ns = 600 * JS_NS_PER_S;
static const int64_t line_wanted_ns = 10 * JS_NS_PER_S;

/* With a trace, no progress is shown unless the user asks for it, and even then
 * no bar, because slaves write trace lines that bypass it. A bar would also
 * collide with what a reader of stdout writes to the same terminal. */
static enum js_display_kind run_display_kind(const struct js_run *run)
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

/* Text on stderr can only make room for output that takes the same path. */
int js_run_master_open_recorder(struct js_run *run, struct js_err *err)
{
    const struct jobsched_config *config = run->config;
    const struct js_lifeline *lifeline = run->launcher.lifeline;
    bool is_wanted = config->progress == JOBSCHED_PROGRESS_ALWAYS;
    run->terminal =
        js_terminal_new(lifeline ? js_lifeline_launcher(lifeline) : 0);
    struct js_recorder_config recorder = {
        .worker = run->worker,
        .joblog = run->joblog,
        .graph = js_source_graph(run->source),
        .registry = run->registry,
        .output_dir =
            config->output == JOBSCHED_OUTPUT_DIR ? config->output_dir : NULL,
        .is_traced = config->trace,
        .display = {.kind = run_display_kind(run),
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
    /* The slaves' lines of a trace must not come before ours. */
    if (run->out && run->err && run->worker && !config->trace) {
        js_outq_write_behind(run->out, "standard output",
                             js_run_launcher_must_leave, run);
        if (run->err != run->out)
            js_outq_write_behind(run->err, "standard error",
                                 js_run_launcher_must_leave, run);
    }
    if (!run->out || !run->err ||
        js_recorder_open(&run->recorder, &recorder) < 0)
        return js_err_errno(err, "the output of jobs cannot be set up");
    return 0;
}

/* Only a run that starts jobs needs marks for them. The jobs' environment and
 * folder are the user's, as rank 0 found them, for the slaves on every host. */
static int run_open_master(struct js_run *run, struct js_link *link,
                           struct js_err *err)
{
    struct js_master_config config = {
        .scheduler = js_run_config_scheduler(run),
        .timeout_percent = run->config->timeout_percent,
        .strict_mem = run->config->strict_mem,
        .fail_fast = run->config->fail_fast,
        .is_dry_run = run->config->action != JOBSCHED_RUN,
        .show_map = run->config->show_map,
        .meeting_ns = js_run_config_meeting_ns(run->config),
        .quiet_ns = run->journal ? js_journal_look(run->journal).quiet_ns : 0,
        .source = run->source,
        .paths = run->paths,
        .recorder = &run->recorder,
        .log = run->recorder.console.log,
        .lifeline = run->launcher.lifeline,
        .stop_ns = js_run_config_stop_ns(run),
        .stop_request = js_run_launcher_stop_request,
        .request_arg = run,
    };
    if (run->config->action == JOBSCHED_RUN && run->journal) {
        run->run_id = js_journal_look(run->journal).run_id;
        config.dead = js_journal_look(run->journal).dead;
        config.dead_count = js_journal_look(run->journal).dead_count;
    } else if (run->config->action == JOBSCHED_RUN) {
        run->run_id = js_process_new_id();
    }
    run->cwd = js_userenv_cwd(&run->rank->environ);
    if (!run->cwd)
        return js_err_errno(err, "the working directory cannot be found");
    if (js_run_config_environ(run->rank, &run->environ) < 0)
        return js_err_errno(err,
                            "the environment of the jobs cannot be stored");
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
    if (run->is_stuck)
        return;
    js_worker_free(run->worker);
    free(run->launcher.files);
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
    js_paths_free(run->paths);
    js_past_runs_free(run->past_runs);
    js_source_free(run->source);
    js_topo_free(run->topo);
    js_buf_release(&run->environ);
    free(run->cwd);
}

/* ------------------------------------------------------------ how it ended */

/* A command that can be pasted, or the joblog. It names the list only if
 * "jobsched --status" can read it again, and the journal only if that is not
 * beside the list. */
static int run_append_where_to_look(const struct js_run *run,
                                    struct js_buf *text)
{
    const struct jobsched_config *config = run->config;
    struct js_argv argv = JS_ARGV_INIT;
    if (!run->journal)
        return js_buf_printf(text, ": %s",
                             config->joblog ? "see the joblog"
                                            : "--joblog FILE writes a line for "
                                              "each attempt");
    js_argv_add(&argv, "jobsched");
    js_argv_add(&argv, "--status");
    if (config->journal) {
        js_argv_add(&argv, "--journal");
        js_argv_add(&argv, config->journal);
    }
    if (config->job_file && !js_source_is_stream(run->source))
        js_argv_add(&argv, config->job_file);
    int rc = js_buf_puts(text, "; for details: ");
    if (rc == 0)
        rc = js_argv_check(&argv) < 0 ? -1 : js_argv_quote(&argv, text);
    js_argv_release(&argv);
    return rc;
}

static void run_count_result(const struct js_run *run,
                             const struct js_master_result *ran,
                             struct jobsched_result *result)
{
    struct js_buf text = JS_BUF_INIT;
    result->done = run->recorder.summary.done;
    result->failed = run->recorder.summary.failed;
    result->skipped = run->recorder.summary.skipped;
    result->left = ran->left;
    result->slaves = ran->slaves;
    result->slots = ran->slots;
    result->wall_ns = ran->wall_ns;
    result->busy =
        js_summary_busy(&run->recorder.summary, ran->wall_ns, ran->slots);
    uint64_t left = ran->is_left_known ? ran->left : UINT64_MAX;
    /* The jobs that failed are named beside the summary, in a line of their
     * own, so that a user who reads only the last lines sees them. */
    if (js_recorder_describe_failed(&run->recorder, &text) == 0 &&
        text.len > 0 && run_append_where_to_look(run, &text) == 0 &&
        js_buf_string(&text))
        snprintf(result->failures, sizeof(result->failures), "%s", text.data);
    text.len = 0;
    if (js_summary_text(&run->recorder.summary, left, ran->wall_ns, ran->slots,
                        &text) == 0)
        snprintf(result->summary, sizeof(result->summary), "%s",
                 js_buf_string(&text));
    js_buf_release(&text);
}

/* Tells the user what to do about a run that did not complete. This is the last
 * message. */
static const char *run_next_step(const struct js_run *run)
{
    if (run->source && js_source_is_stream(run->source) &&
        !js_source_is_args(run->source))
        return run->journal
                   ? "send the whole stream again; jobs that are done "
                     "will not run again"
                   : "nothing is on record: the whole stream would run again";
    return run->journal ? "run the same command again to continue"
                        : "without a journal the same command starts over";
}

/* If the launcher is on another host, an outage asks the run to stop by a
 * signal; so the reason is the outage that the launcher reports, and not that
 * signal. An outage that this process has found is the reason only if there was
 * no request. */
static void run_describe_interruption(struct js_run *run,
                                      const struct js_master_result *ran,
                                      struct js_err *err)
{
    struct js_recorder_outage outage;
    char why[128];
    js_run_launcher_ask_for_reason(run);
    const struct js_run_launcher *launcher = &run->launcher;
    const struct js_signals_passed other = {.stop_request = JS_STOP_REQUEST_NOW,
                                            .signal = launcher->other_signal};
    const char *reason = "";
    if (js_run_launcher_request(run) != JS_STOP_REQUEST_NONE)
        reason = js_signals_reason(launcher->other_signal ? &other
                                                          : &launcher->passed);
    const char *next = run_next_step(run);
    bool is_outage = js_run_launcher_find_outage(run, &outage);
    if (is_outage && (run->launcher.outage.error || !reason[0]))
        snprintf(why, sizeof(why), "because the reader of %s has gone",
                 outage.name);
    else
        snprintf(why, sizeof(why), "by %s",
                 reason[0] ? reason : "the time limit");
    run->ending.is_out_of_time = !reason[0] && !is_outage;
    if (ran->is_left_known)
        js_err_set(err, "stopped %s; %llu job%s left: %s", why,
                   (unsigned long long)ran->left,
                   ran->left == 1 ? " is" : "s are", next);
    else
        js_err_set(err, "stopped %s: %s", why, next);
}

/* Returns the status of a run whose master has ended like this. *err says why
 * it did not succeed. */
static enum jobsched_status run_status_of(struct js_run *run,
                                          const struct js_master_result *ran,
                                          const struct jobsched_result *result,
                                          struct js_err *err)
{
    struct js_source_survey survey;
    struct js_err why = *err;
    switch (ran->end) {
    case JS_MASTER_BROKEN:
        if (run->config->action == JOBSCHED_RUN)
            js_err_set(err, "%s: %s", why.text, run_next_step(run));
        return JOBSCHED_BROKEN;
    case JS_MASTER_BAD_INPUT:
        return JOBSCHED_BAD_INPUT;
    case JS_MASTER_INTERRUPTED:
        run_describe_interruption(run, ran, err);
        return JOBSCHED_STOPPED;
    case JS_MASTER_DONE:
    case JS_MASTER_STOPPED:
    case JS_MASTER_DRY_RUN:
        break;
    }
    /* A job that failed in an earlier run, and stays failed because of
     * --no-retry-failed, is a failure of this command, too. For a stream only
     * resume.counts has the number. */
    js_source_survey(run->source, &survey);
    const struct js_resume_counts *counts =
        survey.is_known ? &survey.resume : &run->resume.counts;
    uint64_t kept = survey.resume.kept + survey.resume.held +
                    run->resume.counts.kept + run->resume.counts.held;
    uint64_t ended = result->done + result->failed + result->skipped;
    /* The list does not count as empty if an earlier run had jobs. */
    if (survey.shape.jobs == 0 && result->left == 0 && ended + kept == 0 &&
        counts->done + counts->failed + counts->left + counts->again +
                counts->changed + counts->added ==
            0)
        js_log(&run->recorder.console.log, "no jobs in %s",
               js_source_name(run->source));
    return result->failed + result->skipped + kept > 0 ? JOBSCHED_JOBS_FAILED
                                                       : JOBSCHED_SUCCEEDED;
}

/* Waits until the files that take our output have it. If the run must end, a
 * file that does not answer counts as one that cannot be written. */
static void run_settle_output(struct js_run *run)
{
    struct js_outq *outqs[] = {run->out, run->err};
    for (int i = 0; i < 2; i++) {
        if (!js_outq_settle(outqs[i])) {
            js_outq_fail(outqs[i], ETIMEDOUT);
            run->ending.is_abrupt = true;
        }
    }
}

/* This covers everything that may still go wrong, except the journal's last
 * record, which must report it. */
static enum jobsched_status run_settle_result(struct js_run *run,
                                              enum jobsched_status status,
                                              struct js_err *err)
{
    struct js_err joblog_err;
    struct js_recorder_outage outage;
    /* If this cannot be written, the end cannot be written either. */
    js_recorder_settle(&run->recorder, &joblog_err);
    js_console_flush(&run->recorder.console);
    run_settle_output(run);
    /* When all jobs had ended, a launcher that passes their output on may still
     * learn that its reader has gone. */
    js_run_launcher_await_relay(run);
    if (run->launcher.outage.is_reader_gone &&
        (status == JOBSCHED_SUCCEEDED || status == JOBSCHED_JOBS_FAILED)) {
        js_err_set(err, "stopped because the reader of %s has gone: %s",
                   run->launcher.outage.name, run_next_step(run));
        status = JOBSCHED_STOPPED;
    }
    /* A reader that has read enough (head) has merely stopped the run. But if
     * output was lost for any other reason, the run counts as broken. */
    bool is_worse = status != JOBSCHED_BROKEN && status != JOBSCHED_BAD_INPUT &&
                    js_run_launcher_find_outage(run, &outage);
    if (is_worse && js_run_launcher_is_mpirun_gone(run)) {
        js_err_set(
            err,
            "mpirun has ended, and job output that it had not passed on is "
            "lost: %s",
            run_next_step(run));
        status = JOBSCHED_BROKEN;
    } else if (is_worse && !outage.is_reader_gone) {
        js_err_set(err,
                   "%s: %s: jobs whose output could not be written are not "
                   "recorded: %s (--output DIR keeps output in files)",
                   outage.name, js_errno_text(outage.error),
                   run_next_step(run));
        status = JOBSCHED_BROKEN;
    }
    /* The joblog is closed last, because all lines must be in it. If lines are
     * missing, a successful run becomes a broken one. */
    int rc = js_joblog_close(run->joblog, &joblog_err);
    run->joblog = NULL;
    run->recorder.joblog = NULL;
    if (rc == 0 || status == JOBSCHED_BROKEN || status == JOBSCHED_BAD_INPUT)
        return status;
    *err = joblog_err;
    return JOBSCHED_BROKEN;
}

/* ---------------------------------------------------------------- the work */

static enum jobsched_status run_master(struct js_run *run, struct js_link *link,
                                       struct jobsched_result *result)
{
    struct js_err err = {""};
    struct js_master_result ran;
    js_master_run(run->master, &ran, &err);
    /* Lines follow, so no bar may remain below them. Writing records to disk
     * may take longer than any lease, hence the report. */
    js_recorder_end_show(&run->recorder);
    js_run_launcher_report_begun(run);
    if (ran.end == JS_MASTER_DRY_RUN)
        return js_run_check_show(run, js_master_scheduler(run->master),
                                 js_master_allocator(run->master),
                                 (unsigned)link->size, result);
    /* A batch system that is about to kill us does not wait for MPI_Finalize,
     * and a lost slave does not call it. In both cases this process leaves
     * without it. */
    bool is_hurried = js_signals_request() >= JS_STOP_REQUEST_HURRY ||
                      run->launcher.passed.is_hurried;
    /* The master gives up waiting for a file only when the run must end. */
    run->is_stuck = js_recorder_look(&run->recorder).is_stuck &&
                    !js_worker_await(run->worker);
    run->ending.is_abrupt = (is_hurried && !js_launchenv_is_patient()) ||
                            ran.lost > 0 || run->is_stuck;
    if (js_recorder_look(&run->recorder).is_stuck)
        run_settle_output(run);
    run->ending.lost = ran.lost;
    run->ending.has_run = ran.wall_ns > 0;
    /* The slaves need not wait for the slow steps from here on. But a launcher
     * that sees one of them leave at once would not wait for us. */
    if (!run->ending.is_abrupt)
        js_master_dismiss(link, JS_LEAVE_TOGETHER);
    run_count_result(run, &ran, result);
    js_run_launcher_ask_for_outage(run);
    enum jobsched_status status = run_status_of(run, &ran, result, &err);
    /* The order matters: the last record says how everything before it
     * ended. */
    status = run_settle_result(run, status, &err);
    status = js_run_files_end_journal(run, status, &err);
    js_outdir_leave(run->outdir, run->worker);
    run->is_stuck |= !js_worker_await(run->worker);
    run->ending.is_abrupt |= run->is_stuck;
    js_console_flush(&run->recorder.console);
    js_console_end_line(&run->recorder.console);
    run_settle_output(run);
    return js_run_fail(result, status, &err);
}

/* The journal is opened first, because reading the list needs its contents. It
 * is begun last, when all of the user's input has been accepted, so that a
 * refused run leaves no trace in it. */
static enum jobsched_status
run_prepare(struct js_run *run, struct js_link *link, struct js_err *err)
{
    enum jobsched_status status = js_run_files_open_journal(run, err);
    if (status != JOBSCHED_SUCCEEDED)
        return status;
    if (js_run_files_open(run, err) < 0)
        return JOBSCHED_BAD_INPUT;
    if (js_run_master_open_recorder(run, err) < 0)
        return JOBSCHED_BROKEN;
    /* This comes after the console exists, and before this run changes the
     * journal. */
    js_run_files_report_resume(run);
    if (run->config->action == JOBSCHED_RUN && run->journal)
        status = js_run_files_begin_journal(run, err);
    if (status != JOBSCHED_SUCCEEDED)
        return status;
    return run_open_master(run, link, err) < 0 ? JOBSCHED_BROKEN
                                               : JOBSCHED_SUCCEEDED;
}

enum jobsched_status js_run_master_work(const struct js_run_rank *rank,
                                        struct js_link *link,
                                        struct jobsched_result *result)
{
    const struct jobsched_config *config = rank->config;
    struct js_err err = {""};
    struct js_run run = {
        .config = config,
        .claim = -1,
        .rank = rank,
        .launcher = {.lifeline = rank->lifeline, .leave_ns = JS_NEVER_NS}};
    result->is_master = true;
    js_run_launcher_report_begun(&run);
    enum jobsched_status status = JOBSCHED_BROKEN;
    if (config->action == JOBSCHED_RUN &&
        !(run.worker = js_worker_new(js_run_launcher_must_leave, &run)))
        js_err_errno(&err, "no thread can be started");
    else
        status = run_prepare(&run, link, &err);
    bool is_prepared = status == JOBSCHED_SUCCEEDED;
    if (is_prepared)
        status = run_master(&run, link, result);
    else
        js_run_fail(result, status, &err);
    result->is_abrupt = run.ending.is_abrupt;
    result->lost = run.ending.lost;
    /* Slaves wait for a message even if something has gone wrong here. */
    if (run.ending.is_abrupt)
        js_master_dismiss(link, JS_LEAVE_AT_ONCE);
    else if (!is_prepared || config->action != JOBSCHED_RUN)
        js_master_dismiss(link, JS_LEAVE_TOGETHER);
    if (!run.is_stuck)
        js_joblog_close(run.joblog, NULL);
    js_run_launcher_report_ended(&run, status);
    js_run_master_close(&run);
    return status;
}
