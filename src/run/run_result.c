/* How a run has ended, as an exit status and in words. */
#include "run/run.h"

#include "base/argv.h"

#include <stdio.h>
#include <sys/stat.h>

enum jobsched_status js_run_result_fail(struct jobsched_result *result,
                                        enum jobsched_status status,
                                        const struct js_err *err)
{
    result->status = status;
    snprintf(result->error, sizeof(result->error), "%s", err->text);
    return status;
}

/* A command that can be pasted, or the joblog. It names the list only if
 * "jobsched --status" can read it again, and the journal only if that is not
 * beside the list. */
static int append_where_to_look(const struct js_run *run, struct js_buf *text)
{
    const struct jobsched_config *config = run->config;
    struct js_argv words = JS_ARGV_INIT;
    struct stat st;
    if (!run->journal)
        return js_buf_printf(text, ": %s",
                             config->joblog ? "see the joblog"
                                            : "--joblog FILE keeps a line of "
                                              "each attempt");
    js_argv_add(&words, "jobsched");
    js_argv_add(&words, "--status");
    if (config->journal) {
        js_argv_add(&words, "--journal");
        js_argv_add(&words, config->journal);
    }
    if (config->job_file && stat(config->job_file, &st) == 0 &&
        S_ISREG(st.st_mode))
        js_argv_add(&words, config->job_file);
    int rc = js_buf_puts(text, "; to see more: ");
    if (rc == 0)
        rc = js_argv_check(&words) < 0 ? -1 : js_argv_quote(&words, text);
    js_argv_release(&words);
    return rc;
}

/* These jobs are named beside the summary, in a line of their own, so that a
 * user who reads only the last lines sees them. */
static void describe_failures(const struct js_run *run,
                              struct jobsched_result *result)
{
    struct js_buf text = JS_BUF_INIT;
    if (js_recorder_describe_failed(&run->recorder, &text) == 0 &&
        text.len > 0 && append_where_to_look(run, &text) == 0 &&
        js_buf_string(&text))
        snprintf(result->failures, sizeof(result->failures), "%s", text.data);
    js_buf_release(&text);
}

void js_run_result_count(const struct js_run *run,
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
    describe_failures(run, result);
    if (js_summary_text(&run->recorder.summary, left, ran->wall_ns, ran->slots,
                        &text) == 0)
        snprintf(result->summary, sizeof(result->summary), "%s",
                 js_buf_string(&text));
    js_buf_release(&text);
}

/* What the user can do about a run that did not complete. This is the last
 * message. */
static const char *next_step(const struct js_run *run)
{
    if (run->source && js_source_is_stream(run->source))
        return run->journal ? "give the whole stream again: what is done will "
                              "not run again"
                            : "nothing is on record: it would start over";
    return run->journal ? "the same command goes on from here"
                        : "without a journal the same command starts over";
}

/* If the launcher is on another host, an outage asks the run to stop by a
 * signal; so the reason is what the launcher says about the outage, and not
 * that signal. An outage of our own is the reason only if nobody has asked for
 * anything. */
static void tell_interrupted(struct js_run *run,
                             const struct js_master_result *ran,
                             struct js_err *err)
{
    struct js_recorder_outage outage;
    char why[128];
    js_run_launcher_ask_for_reason(run);
    const char *reason = js_run_launcher_request(run) == JS_STOP_REQUEST_NONE
                             ? ""
                             : js_run_launcher_reason(run);
    const char *next = next_step(run);
    bool is_outage = js_run_launcher_find_outage(run, &outage);
    if (is_outage && (run->launcher.outage.error || !reason[0]))
        snprintf(why, sizeof(why), "because the reader of %s has gone",
                 outage.name);
    else
        snprintf(why, sizeof(why), "by %s",
                 reason[0] ? reason : "the time limit");
    run->ending.is_out_of_time = !reason[0] && !is_outage;
    if (ran->is_left_known)
        js_err_set(err, "stopped %s, %llu job%s left: %s", why,
                   (unsigned long long)ran->left, ran->left == 1 ? "" : "s",
                   next);
    else
        js_err_set(err, "stopped %s: %s", why, next);
}

/* *err says what broke the run. */
static void tell_broken(const struct js_run *run, struct js_err *err)
{
    struct js_err why = *err;
    if (run->config->action == JOBSCHED_RUN)
        js_err_set(err, "%s: %s", why.text, next_step(run));
}

/* Counts jobs that failed, and do not run in this run. */
static bool has_kept_failures(const struct js_resume_counts *counts)
{
    return counts->kept + counts->held > 0;
}

enum jobsched_status js_run_result_judge(struct js_run *run,
                                         const struct js_master_result *ran,
                                         const struct jobsched_result *result,
                                         struct js_err *err)
{
    struct js_source_survey survey;
    switch (ran->end) {
    case JS_MASTER_BROKEN:
        tell_broken(run, err);
        return JOBSCHED_BROKEN;
    case JS_MASTER_BAD_INPUT:
        return JOBSCHED_BAD_INPUT;
    case JS_MASTER_INTERRUPTED:
        tell_interrupted(run, ran, err);
        return JOBSCHED_STOPPED;
    case JS_MASTER_DONE:
    case JS_MASTER_STOPPED:
    case JS_MASTER_REHEARSED:
        break;
    }
    /* A job that failed in an earlier run, and stays failed because of
     * --no-retry-failed, is a failure of this command, too. For a stream only
     * resume.counts has the number. */
    js_source_survey(run->source, &survey);
    return result->failed + result->skipped > 0 ||
                   has_kept_failures(&survey.resume) ||
                   has_kept_failures(&run->resume.counts)
               ? JOBSCHED_JOBS_FAILED
               : JOBSCHED_SUCCEEDED;
}

/* There were none in an earlier run either. */
bool js_run_result_has_no_jobs(const struct js_run *run,
                               const struct jobsched_result *result)
{
    struct js_source_survey survey;
    js_source_survey(run->source, &survey);
    const struct js_resume_counts *counts =
        survey.is_known ? &survey.resume : &run->resume.counts;
    return survey.shape.jobs == 0 && result->left == 0 &&
           result->done + result->failed + result->skipped == 0 &&
           counts->done + counts->failed + counts->left + counts->again +
                   counts->changed + counts->added ==
               0;
}

/* A reader that has read enough (head) has merely stopped the run. But output
 * that was lost without anybody's decision makes it a broken run. */
static enum jobsched_status judge_outage(const struct js_run *run,
                                         enum jobsched_status status,
                                         struct js_err *err)
{
    struct js_recorder_outage outage;
    if (status == JOBSCHED_BROKEN || status == JOBSCHED_BAD_INPUT ||
        !js_run_launcher_find_outage(run, &outage))
        return status;
    if (js_run_launcher_is_mpirun_gone(run))
        js_err_set(err,
                   "mpirun has gone, and what it had not passed on of the "
                   "jobs' output is lost: %s",
                   next_step(run));
    else if (!outage.is_reader_gone)
        js_err_set(err,
                   "%s: %s: what could not be written is not on record: %s "
                   "(--output DIR keeps output in files)",
                   outage.name, js_errno_text(outage.error), next_step(run));
    else
        return status;
    return JOBSCHED_BROKEN;
}

/* An outage that was noticed when all jobs had ended: the launcher passes their
 * output on, and only then learned about its reader. */
static enum jobsched_status judge_late_outage(struct js_run *run,
                                              enum jobsched_status status,
                                              struct js_err *err)
{
    js_run_launcher_await_relay(run);
    bool is_good =
        status == JOBSCHED_SUCCEEDED || status == JOBSCHED_JOBS_FAILED;
    if (!run->launcher.outage.is_reader_gone || !is_good)
        return status;
    js_err_set(err, "stopped because the reader of %s has gone: %s",
               run->launcher.outage.name, next_step(run));
    return JOBSCHED_STOPPED;
}

/* Covers everything that may still go wrong, except the journal's last record,
 * which must report it. */
enum jobsched_status js_run_result_settle(struct js_run *run,
                                          enum jobsched_status status,
                                          struct js_err *err)
{
    struct js_err joblog_err;
    /* If this cannot be written, the end cannot be written either. */
    if (run->recorder.journal && js_recorder_unreported(&run->recorder) > 0)
        js_journal_settle(run->recorder.journal, &joblog_err);
    js_recorder_report(&run->recorder);
    js_console_flush(&run->recorder.console);
    status = judge_late_outage(run, status, err);
    status = judge_outage(run, status, err);
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
