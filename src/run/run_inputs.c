/* The user's inputs: the list, the output folder, the joblog and earlier run
 * times. Each is checked before anything runs. */
#include "run/run.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/launchenv.h"
#include "list/conflicts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The end of a stream counts only after this time. Its feeder may have been
 * killed within a line, and the run with it; or the mpirun or a daemon of it
 * that passes the stream on may have been. */
static const int64_t settle_feeder_ns = 200 * JS_NS_PER_MS;
static const int64_t settle_mpirun_ns = 500 * JS_NS_PER_MS;
static const int64_t settle_daemon_ns = 3 * JS_NS_PER_S;

/* The console is not open yet; nothing else is printed at this time. */
static void tell_on_stderr(void *arg, const char *text)
{
    (void)arg;
    dprintf(STDERR_FILENO, "jobsched: %s\n", text);
}

/* The journal's warnings and the list's. */
void js_run_inputs_tell_line(void *arg, const char *text)
{
    const struct js_run *run = arg;
    if (run->recorder.console.log.line)
        js_log(&run->recorder.console.log, "%s", text);
    else
        tell_on_stderr(NULL, text);
}

/* False when a process between us and the feeder has ended. */
static bool is_way_intact(void *arg)
{
    const struct js_run *run = arg;
    return js_run_launcher_is_handed(run, STDIN_FILENO)
               ? js_lifeline_is_up(run->launcher.lifeline)
               : !js_run_launcher_is_mpirun_gone(run);
}

/* An mpirun closes the stream when it dies, and so does a daemon on this host
 * when it has noticed that; an mpirun that was told to end closes it first. A
 * feeder may be killed together with the run, which is then signalled soon. */
static struct js_input_config inlet_of(struct js_run *run)
{
    const struct js_run_rank *rank = run->rank;
    struct js_input_config inlet = {.fd = STDIN_FILENO,
                                    .is_intact = is_way_intact,
                                    .arg = run,
                                    .settle_cut_ns = settle_feeder_ns};
    bool is_direct = js_run_launcher_is_handed(run, STDIN_FILENO);
    inlet.is_marked = !is_direct && run->config->is_job_stream;
    if (!is_direct && !inlet.is_marked)
        inlet.settle_ns = js_launchenv_is_launcher((pid_t)rank->parent)
                              ? settle_mpirun_ns
                              : settle_daemon_ns;
    return inlet;
}

/* True if the list comes from standard input, whatever its name. */
static bool reads_stdin(const struct jobsched_config *config)
{
    const char *path = config->job_file;
    return config->is_job_stream || strcmp(path, "-") == 0 ||
           js_file_fd_of(path) == STDIN_FILENO;
}

static struct js_source *open_list(struct js_run *run, struct js_err *err)
{
    const struct jobsched_config *config = run->config;
    struct js_resume *resume = run->journal ? &run->resume : NULL;
    const char *path = config->job_file;
    const struct js_target_own own[] = {
        {strcmp(path, "-") == 0 ? NULL : path, "the job list"},
        {run->journal ? js_journal_path(run->journal) : config->journal,
         "the journal"},
        {config->joblog, "the joblog"},
        {NULL, NULL}};
    const struct js_warnings_sink sink = {
        .report = js_run_inputs_tell_line, .arg = run, .own = own};
    if (run->rank && reads_stdin(config)) {
        struct js_input_config inlet = inlet_of(run);
        return js_source_new_stream(path, &inlet, resume, &sink, err);
    }
    if (run->rank && js_file_fd_of(path) >= 0) {
        js_err_set(err,
                   "%s: mpirun passes no open file on but its standard input: "
                   "feed the list to that, and write \"-\" for it",
                   path);
        return NULL;
    }
    return js_source_new_file(path, resume, &sink, err);
}

static int open_source(struct js_run *run, struct js_err *err)
{
    const struct jobsched_config *config = run->config;
    struct js_resume *resume = run->journal ? &run->resume : NULL;
    if (config->job_file) {
        run->source = open_list(run, err);
        if (run->source && js_launchenv_damages(js_source_fd(run->source)))
            js_source_distrust(run->source);
        return run->source ? 0 : -1;
    }
    run->source =
        js_source_new_demo(config->demo_jobs, config->demo_duration_ns, resume);
    return run->source ? 0 : js_err_errno(err, "the demonstration");
}

static int open_output(const struct jobsched_config *config, struct js_err *err)
{
    if (config->output != JOBSCHED_OUTPUT_DIR)
        return 0;
    if (mkdir(config->output_dir, 0777) < 0 && errno != EEXIST)
        return js_err_errno(err,
                            "name another folder with --output: %s cannot be "
                            "made",
                            config->output_dir);
    struct stat st;
    if (stat(config->output_dir, &st) == 0 && !S_ISDIR(st.st_mode))
        return js_err_set(err,
                          "name another folder with --output: %s is a file",
                          config->output_dir);
    if (access(config->output_dir, W_OK | X_OK) < 0)
        return js_err_errno(err,
                            "name another folder with --output: %s cannot be "
                            "written into",
                            config->output_dir);
    return 0;
}

/* No job's output may replace another file of the run. */
static int check_output_names(const struct js_run *run, struct js_err *err)
{
    const struct jobsched_config *config = run->config;
    const char *paths[] = {config->job_file, config->joblog,
                           run->journal ? js_journal_path(run->journal) : NULL,
                           config->longest_first};
    if (config->output != JOBSCHED_OUTPUT_DIR)
        return 0;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (paths[i] && js_file_is_output_of(config->output_dir, paths[i]))
            return js_err_set(err,
                              "name another folder with --output: a job's "
                              "output in %s could replace %s",
                              config->output_dir, paths[i]);
    }
    return 0;
}

/* ... nor the output of another list's jobs. */
static int take_output_folder(struct js_run *run, struct js_err *err)
{
    const struct js_outdir_config config = {
        .dir = run->config->output_dir,
        .list = run->config->job_file,
        .journal = run->journal ? js_journal_path(run->journal) : NULL,
        .log = {js_run_inputs_tell_line, run}};
    if (run->config->output != JOBSCHED_OUTPUT_DIR || !config.list)
        return 0;
    return js_outdir_take(&config, &run->outdir, err);
}

/* ... nor may the joblog. */
static int check_joblog_name(const struct js_run *run, struct js_err *err)
{
    const char *joblog = run->config->joblog;
    const char *list = run->config->job_file;
    if (joblog && list && js_file_is_same(joblog, list))
        return js_err_set(err,
                          "%s is the job list: the joblog would replace "
                          "it; give another file",
                          joblog);
    if (joblog && run->journal &&
        js_file_is_same(joblog, js_journal_path(run->journal)))
        return js_err_set(err,
                          "%s is the journal: the joblog would damage it; give "
                          "another file",
                          joblog);
    return 0;
}

static int check_rehearsal(const struct js_run *run, struct js_err *err)
{
    if (!js_source_is_stream(run->source))
        return 0;
    return js_err_set(err, "--check and --dry-run need a file: a stream is "
                           "read as its jobs are run");
}

/* Only the launcher can pass on an open file that is named by its
 * descriptor. */
static int open_joblog(struct js_run *run, struct js_err *err)
{
    const char *path = run->config->joblog;
    bool goes_on = run->journal && js_journal_has_jobs(run->journal);
    if (!path)
        return 0;
    int number = js_file_fd_of(path), given = -1;
    if (number <= STDERR_FILENO)
        given = number;
    else if (run->launcher.lifeline)
        given = js_lifeline_joblog(run->launcher.lifeline);
    if (given >= 0)
        run->joblog = js_joblog_open_fd(path, given,
                                        run->config->command_restarts > 0, err);
    else if (number >= 0)
        return js_err_set(err,
                          "the joblog %s: mpirun passes no open file on: name "
                          "a file or a FIFO, or start jobsched without mpirun",
                          path);
    else
        run->joblog = js_joblog_open(path, goes_on, err);
    return run->joblog ? 0 : -1;
}

/* Opens everything that may fail because of the user's input. The joblog comes
 * last: opening it may empty it, so everything else must be correct by then. */
int js_run_inputs_open(struct js_run *run, struct js_err *err)
{
    const char *past_runs = run->config->longest_first;
    if (open_source(run, err) < 0)
        return -1;
    if (past_runs && run->rank && js_file_fd_of(past_runs) > STDERR_FILENO)
        return js_err_set(err,
                          "--longest-first %s: mpirun passes no open file on: "
                          "name a file",
                          past_runs);
    if (past_runs && !(run->runtimes = js_joblog_reader_load(past_runs, err)))
        return -1;
    if (run->config->action != JOBSCHED_RUN)
        return check_rehearsal(run, err);
    if (open_output(run->config, err) < 0 || check_output_names(run, err) < 0 ||
        check_joblog_name(run, err) < 0 || take_output_folder(run, err) < 0)
        return -1;
    return open_joblog(run, err);
}
