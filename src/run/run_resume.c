/* The journal of a run: how it is opened, begun and ended, and what an earlier
 * run has left. */
#include "run/run.h"

#include "base/file.h"
#include "base/launchenv.h"
#include "base/process.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What resume finds while the list is read (a job is new, has changed, or gets
 * another try) is recorded before the job runs: ids must stay the same in the
 * next run, however this one ends. */
static int tell_news(void *arg, const struct js_resume_news *news)
{
    struct js_run *run = arg;
    return js_journal_add_news(run->journal, news);
}

/* The path of the journal, owned by *ret; NULL: the run has none. */
static int journal_path(const struct jobsched_config *config, char **ret)
{
    *ret = NULL;
    if (config->journal) {
        *ret = strdup(config->journal);
        return *ret ? 0 : -1;
    }
    return config->no_journal || config->is_job_stream
               ? 0
               : js_journal_name(config->job_file, ret);
}

static enum js_resume_what what_of(const struct jobsched_config *config)
{
    switch (config->retry) {
    case JOBSCHED_RETRY_ONLY_FAILED:
        return JS_RESUME_ONLY_FAILED;
    case JOBSCHED_RETRY_NOT_FAILED:
        return JS_RESUME_NOT_FAILED;
    case JOBSCHED_RETRY_ALL:
        break;
    }
    return JS_RESUME_ALL;
}

/* The journal calls this while it waits for the lock of another run, so that a
 * ^C ends the wait. */
static bool is_told_to_end(void)
{
    return js_signals_request() != JS_STOP_REQUEST_NONE;
}

static enum jobsched_status
open_journal_at(struct js_run *run, const char *path, struct js_err *err)
{
    const struct jobsched_config *config = run->config;
    char host[JS_HOST_SIZE] = "";
    struct js_journal_part part = {.command = config->command,
                                   .restarts = config->command_restarts};
    if (config->job_file && js_file_is_same(path, config->job_file)) {
        js_err_set(err, "%s is the job list: name another journal", path);
        return JOBSCHED_BAD_INPUT;
    }
    run->registry = js_registry_new();
    if (!run->registry || gethostname(host, sizeof(host) - 1) < 0) {
        js_err_errno(err, "the journal");
        return JOBSCHED_BROKEN;
    }
    if (!js_launchenv_batch(part.batch, sizeof(part.batch),
                            &part.batch_restarts))
        part.batch[0] = '\0';
    struct js_journal_config journal = {
        .path = path,
        .host = host,
        .part = &part,
        .is_fresh = config->fresh,
        .is_forced = config->force_lock,
        .is_read_only = config->action != JOBSCHED_RUN,
        .sync_ns = config->sync_ns,
        .lease_ns = js_run_config_lease_ns(config),
        /* Under recovery, mpirun leaves slaves running when the master has
         * ended; the next run must then wait for the lease. */
        .outlives = js_launchenv_recovers(),
        .is_cancelled = is_told_to_end,
        .log = {js_run_inputs_tell_line, run},
    };
    int rc = js_journal_open(&journal, run->registry, &run->journal, err);
    if (rc == JS_JOURNAL_REFUSED)
        return JOBSCHED_BAD_INPUT;
    if (rc < 0)
        return JOBSCHED_BROKEN;
    js_resume_init(&run->resume, run->registry, what_of(config), tell_news,
                   run);
    return JOBSCHED_SUCCEEDED;
}

enum jobsched_status js_run_resume_open(struct js_run *run, struct js_err *err)
{
    char *path;
    if (journal_path(run->config, &path) < 0) {
        js_err_errno(err, "the journal");
        return JOBSCHED_BROKEN;
    }
    if (!path && run->config->retry == JOBSCHED_RETRY_ONLY_FAILED) {
        js_err_set(err, "--retry-failed: without a journal nothing is known "
                        "of failed jobs; name it with --journal");
        return JOBSCHED_BAD_INPUT;
    }
    enum jobsched_status status =
        path ? open_journal_at(run, path, err) : JOBSCHED_SUCCEEDED;
    free(path);
    return status;
}

/* Reports what an earlier run has done, and what is left to do. */
void js_run_resume_tell_standing(struct js_run *run)
{
    struct js_buf text = JS_BUF_INIT;
    struct js_source_survey survey;
    js_source_survey(run->source, &survey);
    const struct js_resume_counts *counts = &survey.resume;
    const struct js_log *log = &run->recorder.console.log;
    if (!run->journal || !js_journal_has_jobs(run->journal))
        return;
    if (!survey.is_known)
        js_log(log, "going on: what the journal says succeeded is not run "
                    "again");
    else if (js_resume_describe(counts, &text) == 0)
        js_log(log, "%s%s", js_buf_string(&text),
               counts->runs == 0 && counts->aside == 0
                   ? " (--fresh starts over)"
                   : "");
    js_buf_release(&text);
    if (counts->held > 0)
        js_log(log,
               "%llu that --retry-failed asks for come%s after jobs that it "
               "does not: %s",
               (unsigned long long)counts->held, counts->held == 1 ? "s" : "",
               "without it they run");
}

enum jobsched_status js_run_resume_begin(struct js_run *run, struct js_err *err)
{
    int rc = js_journal_begin(run->journal, err);
    if (rc < 0)
        return rc == JS_JOURNAL_REFUSED ? JOBSCHED_BAD_INPUT : JOBSCHED_BROKEN;
    /* Not earlier: the recorder writes to any journal that it has. */
    run->recorder.journal = run->journal;
    return JOBSCHED_SUCCEEDED;
}

/* The marks that the jobs of this run carry, and those that the jobs of killed
 * runs carried. */
void js_run_resume_marks(struct js_run *run, struct js_master_config *config)
{
    if (run->journal) {
        run->run_id = js_journal_run_id(run->journal);
        config->dead = js_journal_dead_runs(run->journal, &config->dead_count);
    } else {
        run->run_id = js_process_new_id();
    }
}

/* What the next run will know, depending on whether the journal has its end. */
static void tell_journal(const struct js_run *run, const char *why,
                         bool is_well, struct js_err *err)
{
    uint64_t lost = js_recorder_lacking(&run->recorder);
    if (js_journal_is_gone(run->journal))
        js_err_set(err,
                   "%s; all that has finished was in it: if it was moved, move "
                   "it back, or else all of that will run again",
                   why);
    else if (lost > 0)
        js_err_set(err,
                   "%s; finished jobs that are not in it: %llu, which were not "
                   "reported and will run again",
                   why, (unsigned long long)lost);
    else
        js_err_set(err,
                   "%s; %sall that has finished is in it: the same command "
                   "goes on%s",
                   why, is_well ? "in the end it could be written again: " : "",
                   is_well ? "" : " when it can be written again");
}

/* Writes the journal's last record. Jobs that could not be recorded will run
 * again. */
enum jobsched_status js_run_resume_end(struct js_run *run,
                                       enum jobsched_status status,
                                       struct js_err *err)
{
    struct js_err why = run->recorder.journal_error;
    if (!run->recorder.journal)
        return status;
    if (why.text[0])
        status = JOBSCHED_BROKEN;
    bool is_well = js_journal_end(run->journal, (int)status, &why) == 0;
    if (!is_well)
        status = JOBSCHED_BROKEN;
    /* Writing the end to disk may also have written what could not be written
     * before. Those jobs are on record, so they are reported now. */
    js_recorder_report(&run->recorder);
    if (why.text[0])
        tell_journal(run, why.text, is_well, err);
    js_journal_close(run->journal);
    run->journal = run->recorder.journal = NULL;
    return status;
}
