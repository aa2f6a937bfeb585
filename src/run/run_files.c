/* The files of a run: the list, the journal, the joblog, the output folder and
 * earlier run times. Each is checked before anything runs. */
#include "run/run.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/launchenv.h"
#include "base/process.h"
#include "list/conflicts.h"
#include "list/formats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Prints a warning about a file. Some come before the console is open, when
 * nothing else is printed. */
static void run_report_line(void *arg, const char *text)
{
    const struct js_run *run = arg;
    if (run->recorder.console.log.line)
        js_log(&run->recorder.console.log, "%s", text);
    else
        dprintf(STDERR_FILENO, "jobsched: %s\n", text);
}

/* ------------------------------------------------------------- the journal */

/* What resume finds while the list is read (a job is new, has changed, or gets
 * another try) is recorded before the job runs: ids must stay the same in the
 * next run, however this one ends. */
static int run_record_news(void *arg, const struct js_resume_news *news)
{
    struct js_run *run = arg;
    return js_journal_add_news(run->journal, news);
}

/* The journal calls this while it waits for the lock of another run, so that a
 * ^C ends the wait. */
static bool run_must_end(void)
{
    return js_signals_request() != JS_STOP_REQUEST_NONE;
}

static enum jobsched_status
run_open_journal_at(struct js_run *run, const char *path, struct js_err *err)
{
    const struct jobsched_config *config = run->config;
    char host[JS_HOST_SIZE] = "";
    struct js_journal_part part = {.command = config->command,
                                   .restarts = config->command_restarts};
    if (config->job_file && js_file_is_same(path, config->job_file)) {
        js_err_set(err, "%s is the job list: name another file for the journal",
                   path);
        return JOBSCHED_BAD_INPUT;
    }
    run->registry = js_registry_new();
    if (!run->registry || gethostname(host, sizeof(host) - 1) < 0) {
        js_err_errno(err, "the journal cannot be opened");
        return JOBSCHED_BROKEN;
    }
    if (!js_launchenv_batch(part.batch, sizeof(part.batch),
                            &part.batch_restarts))
        part.batch[0] = '\0';
    struct js_journal_config journal = {
        .path = path,
        .host = host,
        .format = config->job_format,
        .part = &part,
        .is_fresh = config->fresh,
        .is_forced = config->force_lock,
        .is_read_only = config->action != JOBSCHED_RUN,
        .sync_ns = config->sync_ns,
        .lease_ns = js_run_config_lease_ns(config),
        /* Under recovery, mpirun leaves slaves running when the master has
         * ended; the next run must then wait for the lease. */
        .outlives = js_launchenv_does(JS_LAUNCHENV_RECOVERS),
        .worker = run->worker,
        .is_cancelled = run_must_end,
        .log = {run_report_line, run},
    };
    int rc = js_journal_open(&journal, run->registry, &run->journal, err);
    if (rc == JS_JOURNAL_REFUSED)
        return JOBSCHED_BAD_INPUT;
    if (rc < 0)
        return JOBSCHED_BROKEN;
    enum js_resume_what what = JS_RESUME_ALL;
    if (config->retry == JOBSCHED_RETRY_ONLY_FAILED)
        what = JS_RESUME_ONLY_FAILED;
    else if (config->retry == JOBSCHED_RETRY_NOT_FAILED)
        what = JS_RESUME_NOT_FAILED;
    js_resume_init(&run->resume, run->registry, what, run_record_news, run);
    return JOBSCHED_SUCCEEDED;
}

enum jobsched_status js_run_files_open_journal(struct js_run *run,
                                               struct js_err *err)
{
    const struct jobsched_config *config = run->config;
    char *path = NULL;
    int rc = 0;
    if (config->journal) {
        path = strdup(config->journal);
        rc = path ? 0 : -1;
    } else if (!config->no_journal && !config->is_job_stream) {
        rc = js_journal_name(config->job_file, &path);
    }
    if (rc < 0) {
        js_err_errno(err, "the journal cannot be opened");
        return JOBSCHED_BROKEN;
    }
    if (!path && config->retry == JOBSCHED_RETRY_ONLY_FAILED) {
        js_err_set(err, "--retry-failed needs a journal, which says which jobs "
                        "have failed: name it with --journal");
        return JOBSCHED_BAD_INPUT;
    }
    enum jobsched_status status =
        path ? run_open_journal_at(run, path, err) : JOBSCHED_SUCCEEDED;
    free(path);
    return status;
}

/* Jobs that --only leaves out, although they must run again. */
static void run_report_owed(const struct js_log *log, uint64_t owed)
{
    if (owed == 1)
        js_log(log, "1 job is done and not selected, but comes after a job "
                    "that runs: without --only it runs again");
    else if (owed > 1)
        js_log(log,
               "%llu jobs are done and not selected, but come after jobs that "
               "run: without --only they run again",
               (unsigned long long)owed);
}

void js_run_files_report_resume(struct js_run *run)
{
    struct js_buf text = JS_BUF_INIT;
    struct js_source_survey survey;
    js_source_survey(run->source, &survey);
    const struct js_resume_counts *counts = &survey.resume;
    const struct js_log *log = &run->recorder.console.log;
    /* A new journal knows of nothing, unless another tool's records do. */
    bool has_jobs = run->journal && js_journal_look(run->journal).has_jobs;
    if (!has_jobs && counts->done == 0 && counts->left_out == 0)
        return;
    if (!survey.is_known)
        js_log(log,
               "continuing the run in the journal: jobs that succeeded do not "
               "run again");
    else if (js_resume_describe(counts, &text) == 0)
        js_log(log, "%s%s", js_buf_string(&text),
               has_jobs && counts->runs == 0 && counts->aside == 0 &&
                       counts->left_out == 0
                   ? " (--fresh starts over)"
                   : "");
    js_buf_release(&text);
    run_report_owed(log, counts->owed);
    if (counts->held > 0)
        js_log(log,
               "%llu failed job%s not retried, because %s after jobs that "
               "--retry-failed does not run; without --retry-failed they all "
               "run",
               (unsigned long long)counts->held,
               counts->held == 1 ? " is" : "s are",
               counts->held == 1 ? "it comes" : "they come");
}

enum jobsched_status js_run_files_begin_journal(struct js_run *run,
                                                struct js_err *err)
{
    int rc = js_journal_begin(run->journal, err);
    if (rc < 0)
        return rc == JS_JOURNAL_REFUSED ? JOBSCHED_BAD_INPUT : JOBSCHED_BROKEN;
    /* This must not happen earlier, because the recorder writes to any journal
     * that it has. */
    run->recorder.journal = run->journal;
    return JOBSCHED_SUCCEEDED;
}

/* Writes the journal's last record. Jobs that could not be recorded will run
 * again. */
enum jobsched_status js_run_files_end_journal(struct js_run *run,
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
    /* Writing the end to disk may also have written records that could not be
     * written before. Those jobs are on record, so they are reported now. */
    js_recorder_report(&run->recorder);
    /* The next run will know only what is in the journal now. */
    uint64_t lost = js_recorder_look(&run->recorder).lacking;
    if (why.text[0] && js_journal_look(run->journal).is_gone)
        js_err_set(err,
                   "%s; all finished jobs were in it: if it was moved, move it "
                   "back, or they will all run again",
                   why.text);
    else if (why.text[0] && lost > 0)
        js_err_set(err,
                   "%s; jobs that have finished but are not in it: %llu; they "
                   "were not reported and will run again",
                   why.text, (unsigned long long)lost);
    else if (why.text[0] && is_well)
        js_err_set(err,
                   "%s; it could be written again at the end, and all finished "
                   "jobs are in it: run the same command again to continue",
                   why.text);
    else if (why.text[0])
        js_err_set(
            err,
            "%s; all finished jobs are in it: run the same command again "
            "when it can be written",
            why.text);
    run->is_stuck |= !js_worker_await(run->worker);
    if (!run->is_stuck)
        js_journal_close(run->journal);
    run->journal = run->recorder.journal = NULL;
    return status;
}

/* --------------------------------------------------------- the other files */

/* The end of a stream counts only after this time. Its feeder may have been
 * killed within a line, and the run with it. The same may have happened to the
 * mpirun that passes the stream on, or to one of its daemons. */
static const int64_t settle_feeder_ns = 200 * JS_NS_PER_MS;
static const int64_t settle_mpirun_ns = 500 * JS_NS_PER_MS;
static const int64_t settle_daemon_ns = 3 * JS_NS_PER_S;

/* Returns false when a process between us and the feeder has ended. */
static bool run_is_input_intact(void *arg)
{
    const struct js_run *run = arg;
    return js_run_launcher_is_handed(run, STDIN_FILENO)
               ? js_lifeline_is_up(run->launcher.lifeline)
               : !js_run_launcher_is_mpirun_gone(run);
}

/* An mpirun closes the stream when it dies, and so does a daemon on this host
 * when it has noticed that; an mpirun that must end, because a rank was killed,
 * closes it first and signals us up to two seconds later. A feeder may be
 * killed together with the run, which is then signalled soon. */
static struct js_input_config run_input_of(struct js_run *run)
{
    const struct js_run_rank *rank = run->rank;
    struct js_input_config input = {.fd = STDIN_FILENO,
                                    .is_hung_at_times = true,
                                    .is_intact = run_is_input_intact,
                                    .arg = run,
                                    .settle_cut_ns = settle_feeder_ns};
    bool is_direct = js_run_launcher_is_handed(run, STDIN_FILENO);
    input.is_marked = !is_direct && run->config->is_job_stream;
    if (!is_direct && !input.is_marked) {
        input.settle_ns = js_launchenv_is_launcher((pid_t)rank->parent)
                              ? settle_mpirun_ns
                              : settle_daemon_ns;
        input.settle_cut_ns = settle_daemon_ns;
    }
    return input;
}

/* The format of the list is that of its earlier runs unless the user names
 * one, so that the same list is read in the same way. */
static const char *run_list_format(struct js_run *run)
{
    const char *named = run->config->job_format;
    if (named || !run->journal)
        return named;
    const char *format = js_journal_look(run->journal).format;
    /* A template is on the command line or it is not. */
    if (js_formats_is_args(format))
        return NULL;
    if (format)
        js_log(&(struct js_log){run_report_line, run},
               "the journal says that this list is read with --from %s",
               format);
    return format;
}

/* Leaves run->source NULL on failure. */
static void run_open_list(struct js_run *run, struct js_err *err)
{
    const struct jobsched_config *config = run->config;
    const char *const *only = config->only[0] ? config->only : NULL;
    struct js_resume *resume = run->journal || only ? &run->resume : NULL;
    const char *path = config->job_file;
    const struct js_target_own own[] = {
        {strcmp(path, "-") == 0 ? NULL : path, "the job list"},
        {run->journal ? js_journal_look(run->journal).path : config->journal,
         "the journal"},
        {config->joblog, "the joblog"},
        {NULL, NULL}};
    const struct js_warnings_sink sink = {
        .report = run_report_line, .arg = run, .own = own};
    const struct js_list_config list = {
        .path = path,
        .format = run_list_format(run),
        .resume = resume,
        .sink = &sink,
        .only = only,
        .is_read_whole = config->action != JOBSCHED_RUN &&
                         !js_formats_is_args(config->job_format)};
    bool is_stdin = config->is_job_stream || strcmp(path, "-") == 0 ||
                    js_file_fd_of(path) == STDIN_FILENO;
    if (run->rank && is_stdin) {
        struct js_input_config input = run_input_of(run);
        run->source = js_source_new_stream(&list, &input, err);
    } else if (run->rank && js_file_fd_of(path) >= 0) {
        js_err_set(err,
                   "%s: mpirun passes on no open files except standard input: "
                   "redirect the list to standard input and name it \"-\"",
                   path);
    } else {
        run->source = js_source_new_file(&list, err);
    }
    if (run->source && js_launchenv_damages(js_source_fd(run->source)))
        js_source_distrust(run->source);
}

/* The joblog must not replace another file of the run. */
static int run_check_joblog_name(const struct js_run *run, struct js_err *err)
{
    const char *joblog = run->config->joblog;
    const char *list = run->config->job_file;
    if (joblog && list && js_file_is_same(joblog, list))
        return js_err_set(err,
                          "%s is the job list, and the joblog would replace "
                          "it: name another file",
                          joblog);
    if (joblog && run->journal &&
        js_file_is_same(joblog, js_journal_look(run->journal).path))
        return js_err_set(err,
                          "%s is the journal, and the joblog would damage it: "
                          "name another file",
                          joblog);
    return 0;
}

/* What the shell redirects into a file of the run would damage it. */
static int run_check_streams(const struct js_run *run, struct js_err *err)
{
    static const char *const streams[] = {[STDOUT_FILENO] = "standard output",
                                          [STDERR_FILENO] = "standard error"};
    const struct js_target_own own[] = {
        {run->config->job_file, "the job list"},
        {run->journal ? js_journal_look(run->journal).path : NULL,
         "the journal"},
        {run->config->joblog, "the joblog"}};
    struct stat stream, file;
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fstat(fd, &stream) < 0 || !S_ISREG(stream.st_mode))
            continue;
        for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
            const char *path = own[i].path;
            if (path && js_file_fd_of(path) < 0 && stat(path, &file) == 0 &&
                file.st_dev == stream.st_dev && file.st_ino == stream.st_ino)
                return js_err_set(err,
                                  "%s goes to %s, which is %s and would be "
                                  "damaged: send it to another file",
                                  streams[fd], path, own[i].what);
        }
    }
    return 0;
}

static int run_open_output_folder(struct js_run *run, struct js_err *err)
{
    const struct jobsched_config *config = run->config;
    const char *journal =
        run->journal ? js_journal_look(run->journal).path : NULL;
    const char *dir = config->output_dir;
    const char *paths[] = {config->job_file, config->joblog, journal,
                           config->longest_first};
    struct stat st;
    if (config->output != JOBSCHED_OUTPUT_DIR)
        return 0;
    if (mkdir(dir, 0777) < 0 && errno != EEXIST)
        return js_err_errno(
            err, "name another folder with --output: %s cannot be created",
            dir);
    if (stat(dir, &st) == 0 && !S_ISDIR(st.st_mode))
        return js_err_set(
            err, "name another folder with --output: %s is a file", dir);
    if (access(dir, W_OK | X_OK) < 0)
        return js_err_errno(
            err, "name another folder with --output: %s cannot be written to",
            dir);
    /* No job's output may replace another file of the run. */
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (paths[i] && js_file_is_output_of(dir, paths[i]))
            return js_err_set(err,
                              "name another folder with --output: a job's "
                              "output in %s could replace %s",
                              dir, paths[i]);
    }
    /* Nor may it replace the output of another list's jobs. */
    const struct js_outdir_config outdir = {.dir = dir,
                                            .list = config->job_file,
                                            .journal = journal,
                                            .log = {run_report_line, run}};
    return outdir.list ? js_outdir_take(&outdir, &run->outdir, err) : 0;
}

/* Only the launcher can pass on an open file that is named by its
 * descriptor. */
static int run_open_joblog(struct js_run *run, struct js_err *err)
{
    const char *path = run->config->joblog;
    bool goes_on = run->journal && js_journal_look(run->journal).has_jobs;
    if (!path)
        return 0;
    int number = js_file_fd_of(path), given = -1;
    if (number <= STDERR_FILENO)
        given = number;
    else if (run->launcher.lifeline)
        given = js_lifeline_given(run->launcher.lifeline, JS_LIFELINE_JOBLOG);
    if (given >= 0)
        run->joblog =
            js_joblog_open(path, given, run->config->command_restarts > 0, err);
    else if (number >= 0)
        return js_err_set(
            err,
            "the joblog %s cannot be used, because mpirun does not pass "
            "on open files: name a file or a FIFO, or start "
            "jobsched without mpirun",
            path);
    else
        run->joblog = js_joblog_open(path, -1, goes_on, err);
    if (run->joblog)
        js_joblog_write_by(run->joblog, run->worker);
    return run->joblog ? 0 : -1;
}

static int64_t run_find_run_time(void *arg, const struct js_job *job)
{
    return js_past_runs_match_ns(arg, job);
}

/* Reads the run times by which --longest-first orders jobs. A journal that is
 * about to be set aside still has its name. */
static int run_find_paths(struct js_run *run, struct js_err *err)
{
    const struct jobsched_config *config = run->config;
    const char *from = config->longest_first;
    const struct js_list *list = js_source_list(run->source);
    if (strcmp(from, JS_PAST_RUNS_AUTO) == 0 && !run->journal)
        return js_err_set(err,
                          "--longest-first auto takes run times from the "
                          "journal, and this run has none: name one with "
                          "--journal, or the joblog of an earlier run with "
                          "--longest-first FILE");
    if (run->rank && js_file_fd_of(from) > STDERR_FILENO)
        return js_err_set(err,
                          "--longest-first %s: mpirun does not pass on open "
                          "files: name a file",
                          from);
    run->past_runs = js_past_runs_for_order(
        from, run->journal ? js_journal_look(run->journal).path : NULL,
        config->fresh, err);
    if (!run->past_runs)
        return -1;
    const struct js_paths_config paths = {.run_ns = run_find_run_time,
                                          .arg = run->past_runs};
    run->paths = js_paths_new(list, NULL, &paths, err);
    /* A journal of a million jobs takes 150 MB. */
    if (list) {
        js_past_runs_free(run->past_runs);
        run->past_runs = NULL;
    }
    return run->paths ? 0 : -1;
}

/* Opens everything that may fail because of the user's input. The joblog comes
 * last: opening it may empty it, so everything else must be correct by then. */
int js_run_files_open(struct js_run *run, struct js_err *err)
{
    const struct jobsched_config *config = run->config;
    struct js_resume *resume = run->journal ? &run->resume : NULL;
    if (config->job_file) {
        run_open_list(run, err);
    } else {
        run->source = js_source_new_demo(config->demo_jobs,
                                         config->demo_duration_ns, resume);
        if (!run->source)
            js_err_errno(err, "the demonstration cannot be set up");
    }
    if (!run->source)
        return -1;
    if (config->longest_first && run_find_paths(run, err) < 0)
        return -1;
    if (config->action != JOBSCHED_RUN && js_source_is_stream(run->source) &&
        !js_source_is_args(run->source))
        return js_err_set(err,
                          "--check and --dry-run need a regular file under "
                          "mpirun, not a pipe or terminal");
    if (config->action != JOBSCHED_RUN)
        return 0;
    if (run_check_joblog_name(run, err) < 0 ||
        run_check_streams(run, err) < 0 || run_open_output_folder(run, err) < 0)
        return -1;
    return run_open_joblog(run, err);
}
