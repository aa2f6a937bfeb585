/* Rank 0: puts the parts of a run together, and takes them apart. */
#include "run/run.h"

#include "base/clock.h"
#include "base/fdio.h"
#include "base/launchenv.h"
#include "base/userenv.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Lines of progress where nobody may be looking; and where they are wanted. */
static const int64_t line_first_ns = 30 * JS_NS_PER_S;
static const int64_t line_most_ns = 600 * JS_NS_PER_S;
static const int64_t line_wanted_ns = 10 * JS_NS_PER_S;

/* The master's hook: for --longest-first. */
void js_run_master_accepted(void *arg, struct js_job *job)
{
    const struct js_run *run = arg;
    if (run->runtimes)
        job->expected_ns = js_joblog_reader_find(run->runtimes, job->command,
                                                 job->command_len);
}

/* From the file that the job has written into, where the folder is shared. */
static bool read_tail(const struct js_run *run,
                      const struct js_completion *completion,
                      struct js_output_tail *ret)
{
    const struct js_outcome *outcome = &completion->outcome;
    struct js_buf path = JS_BUF_INIT;
    if (run->config->output != JOBSCHED_OUTPUT_DIR || !run->journal ||
        !js_output_tail_begin(ret, outcome))
        return false;
    bool is_error = ret->stream == 2;
    bool is_read =
        js_buf_printf(&path, "%s/%llu.%s", run->config->output_dir,
                      (unsigned long long)completion->job->id,
                      is_error ? "err" : "out") == 0 &&
        js_output_tail_read(ret, js_buf_string(&path),
                            is_error ? outcome->err_bytes : outcome->out_bytes);
    js_buf_release(&path);
    return is_read;
}

/* Told by the delivery. */
static void job_finished(void *arg, const struct js_completion *completion)
{
    struct js_run *run = arg;
    struct js_completion told = *completion;
    struct js_output_tail tail;
    js_master_finished(run->master, completion);
    if (read_tail(run, completion, &tail))
        told.tail = &tail;
    js_recorder_finished(&run->recorder, &told);
}

static void job_dispatched(void *arg, const struct js_job *job)
{
    struct js_run *run = arg;
    js_recorder_dispatched(&run->recorder, job);
    /* Now, or a slave might say that it runs the job before this is seen. */
    if (run->config->trace && !js_delivery_is_within_job(run->delivery))
        js_console_flush(&run->console);
}

static void note_journal(struct js_run *run, int rc)
{
    if (rc < 0)
        js_err_errno(&run->recorder.journal_error, "the journal");
}

static void slave_enlisted(void *arg, unsigned slave, uint32_t slots,
                           const char *host,
                           const struct js_process_pair *processes)
{
    struct js_run *run = arg;
    if (run->recorder.journal)
        note_journal(run, js_journal_add_slave(run->recorder.journal, slave,
                                               slots, host, processes));
}

static void slave_parted(void *arg, unsigned slave)
{
    struct js_run *run = arg;
    if (run->recorder.journal)
        note_journal(run, js_journal_add_left(run->recorder.journal, slave));
}

static void runner_restarted(void *arg, unsigned slave,
                             const struct js_process_pair *processes)
{
    struct js_run *run = arg;
    if (run->recorder.journal)
        note_journal(run, js_journal_add_processes(run->recorder.journal, slave,
                                                   processes));
}

static void job_lost(void *arg, const struct js_job *job, unsigned slave)
{
    struct js_run *run = arg;
    if (run->recorder.journal)
        note_journal(run,
                     js_journal_add_lost(run->recorder.journal, job, slave));
}

static void job_begun(void *arg, const struct js_job *job, unsigned slave,
                      int64_t age_ns)
{
    struct js_run *run = arg;
    if (run->recorder.journal)
        note_journal(run,
                     js_journal_add_begun(run->recorder.journal, job, slave,
                                          js_clock_unix_ns() - age_ns));
}

/* The master's hook, once a turn. Who is warned, or told to end, has little
 * time: what is not on disk yet is brought there now. */
static bool run_commit(void *arg, int64_t now_ns)
{
    struct js_run *run = arg;
    js_run_launcher_listen(run);
    bool is_hurried = js_run_launcher_request(run) >= JS_STOP_REQUEST_END;
    bool is_warned =
        js_signals_take_warning() || (is_hurried && !run->launcher.is_hurried);
    run->launcher.is_hurried = is_hurried;
    if (is_warned && run->recorder.journal)
        js_journal_sync_soon(run->recorder.journal);
    js_run_launcher_tell_presence(run, now_ns);
    bool is_on_record = js_recorder_commit(
        &run->recorder, now_ns, js_delivery_is_within_job(run->delivery));
    return is_on_record && !run->launcher.is_paused;
}

/* The master's hook. */
static bool run_is_quiet(void *arg)
{
    const struct js_run *run = arg;
    return !run->journal || js_journal_is_quiet(run->journal);
}

bool js_run_master_is_reader_gone(const struct js_outq *outq)
{
    int error = js_outq_error(outq);
    struct stat st;
    /* Of a terminal EIO says that it was closed; of a file, that it is lost. */
    bool is_terminal = fstat(js_outq_fd(outq), &st) == 0 && S_ISCHR(st.st_mode);
    return error == EPIPE || error == ECONNRESET ||
           (error == EIO && is_terminal);
}

/* Whoever closes standard error wants none of our messages; but what a job
 * writes there must go somewhere. */
bool js_run_master_find_outage(const struct js_run *run,
                               struct js_run_outage *ret)
{
    if (run->launcher.outage.error) {
        *ret = run->launcher.outage;
        return true;
    }
    int out = js_outq_error(run->out), err = js_outq_error(run->err);
    if (err == EBADF && js_delivery_withheld(run->delivery) == 0)
        err = 0;
    *ret = (struct js_run_outage){
        .name = out ? "standard output" : "standard error",
        .error = out ? out : err,
        .is_reader_gone =
            js_run_master_is_reader_gone(out ? run->out : run->err)};
    return ret->error != 0;
}

static void tell_outage(struct js_run *run, const struct js_run_outage *outage)
{
    if (run->is_outage_told)
        return;
    run->is_outage_told = true;
    js_log(&run->console.log,
           "%s: %s: no more jobs are started, and those that run are ended%s",
           outage->name,
           outage->is_reader_gone ? "its reader has gone"
                                  : js_errno_text(outage->error),
           outage->is_reader_gone
               ? "; what could not be written is not on record"
               : "");
}

/* The master's hook. A run that cannot be recorded, or whose output nobody
 * gets, does not go on either. */
static enum js_stop_request stop_request(void *arg)
{
    struct js_run *run = arg;
    struct js_run_outage outage;
    enum js_stop_request stop_request = js_run_launcher_request(run);
    if (stop_request == JS_STOP_REQUEST_DRAIN && !run->launcher.is_drain_told)
        js_run_launcher_tell_drain(run);
    if (stop_request < JS_STOP_REQUEST_END &&
        js_run_master_find_outage(run, &outage)) {
        tell_outage(run, &outage);
        return JS_STOP_REQUEST_END;
    }
    if (stop_request == JS_STOP_REQUEST_NONE &&
        run->recorder.journal_error.text[0])
        return JS_STOP_REQUEST_DRAIN;
    return stop_request;
}

static int64_t run_deadline_ns(void *arg)
{
    const struct js_run *run = arg;
    const struct js_journal *journal = run->recorder.journal;
    int64_t display_ns = js_display_deadline_ns(&run->display);
    int64_t journal_ns =
        journal ? js_journal_deadline_ns(journal) : JS_NEVER_NS;
    return display_ns < journal_ns ? display_ns : journal_ns;
}

static struct js_progress progress_of(const struct js_run *run,
                                      const struct js_master_standing *standing)
{
    const struct js_summary *summary = &run->recorder.summary;
    uint64_t ended = summary->done + summary->failed + summary->skipped;
    bool is_known;
    uint64_t total = js_source_total(run->source, &is_known);
    return (struct js_progress){
        .done = summary->done,
        .failed = summary->failed,
        .skipped = summary->skipped,
        .running = standing->running,
        .left = is_known ? total - ended : UINT64_MAX,
        .slots = standing->slots,
        .busy_slots = standing->busy_slots,
        .is_stopping = standing->is_stopping,
        .elapsed_ns = standing->wall_ns,
    };
}

/* The master's hook. */
static void turned(void *arg, int64_t now_ns)
{
    struct js_run *run = arg;
    struct js_master_standing standing;
    if (!js_display_is_due(&run->display, now_ns))
        return;
    js_master_standing(run->master, &standing);
    if (standing.wall_ns >= 0)
        js_display_show(&run->display, now_ns, progress_of(run, &standing),
                        run->recorder.summary.busy_ns,
                        js_delivery_is_within_job(run->delivery));
}

/* Lines still to come count as well, unless nobody knows whether they do. */
static size_t unwritten(void *arg)
{
    const struct js_run *run = arg;
    const struct js_recorder *recorder = &run->recorder;
    size_t to_come =
        recorder->journal_error.text[0] ? 0 : js_recorder_unreported(recorder);
    return js_console_unwritten(&run->console) + to_come;
}

static nfds_t wait_for(void *arg, struct pollfd *fds)
{
    struct js_run *run = arg;
    struct js_outq *outqs[] = {run->out, run->err};
    nfds_t count = 0;
    if (run->launcher.lifeline)
        fds[count++] = (struct pollfd){
            .fd = js_lifeline_fd(run->launcher.lifeline), .events = POLLIN};
    if (run->launcher.is_paused)
        return count;
    for (int i = 0; i < (run->out == run->err ? 1 : 2); i++) {
        if (js_outq_pending(outqs[i]) > 0)
            fds[count++] =
                (struct pollfd){.fd = js_outq_fd(outqs[i]), .events = POLLOUT};
    }
    return count;
}

static void init_records(struct js_run *run)
{
    run->recorder = (struct js_recorder){
        .joblog = run->joblog,
        .console = &run->console,
        .graph = js_source_graph(run->source),
        .registry = run->registry,
        .is_traced = run->config->trace,
    };
}

/* Not into a trace, unless it is asked for, and then no bar: slaves write lines
 * of it that it would not give way to. Nor would it to what a reader of stdout
 * writes to the same terminal. */
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

static void open_display(struct js_run *run)
{
    bool is_wanted = run->config->progress == JOBSCHED_PROGRESS_ALWAYS;
    struct js_display_config display = {
        .kind = display_kind(run),
        .terminal = run->terminal,
        .console = &run->console,
        .line_first_ns = is_wanted ? JS_NS_PER_S : line_first_ns,
        .line_most_ns = is_wanted ? line_wanted_ns : line_most_ns,
    };
    js_display_init(&run->display, &display);
}

/* What is drawn on stderr can give way only to what comes the same way. */
int js_run_master_open_outqs(struct js_run *run, struct js_err *err)
{
    run->terminal = js_terminal_new(
        run->launcher.lifeline ? js_lifeline_launcher(run->launcher.lifeline)
                               : 0);
    bool is_one_way = display_kind(run) == JS_DISPLAY_BAR &&
                      run->terminal->out == JS_STDOUT_SAME;
    run->err = js_outq_new(STDERR_FILENO);
    run->out = is_one_way ? run->err : js_outq_new(STDOUT_FILENO);
    if (!run->out || !run->err)
        return js_err_errno(err, "the output of jobs cannot be set up");
    js_console_init(&run->console, run->out, run->err);
    open_display(run);
    run->delivery = js_delivery_new(run->out, run->err, &run->console.log,
                                    job_finished, run);
    if (!run->delivery)
        return js_err_errno(err, "the output of jobs cannot be set up");
    return 0;
}

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
        .delivery = run->delivery,
        .log = run->console.log,
        .stop_ns = js_run_config_stop_ns(run),
        .hooks = {.accepted = js_run_master_accepted,
                  .dispatched = job_dispatched,
                  .enlisted = slave_enlisted,
                  .parted = slave_parted,
                  .restarted = runner_restarted,
                  .lost = job_lost,
                  .begun = run->journal ? job_begun : NULL,
                  .is_quiet = run_is_quiet,
                  .commit = run_commit,
                  .stop_request = stop_request,
                  .turned = turned,
                  .deadline_ns = run_deadline_ns,
                  .unwritten = unwritten,
                  .wait_for = wait_for,
                  .arg = run},
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

void js_run_master_release(struct js_run *run)
{
    js_fd_close(&run->claim);
    js_master_free(run->master);
    js_delivery_free(run->delivery);
    js_console_release(&run->console);
    /* In reverse: the flags of what they share are put back as they were. */
    if (run->err != run->out)
        js_outq_free(run->err);
    js_outq_free(run->out);
    js_terminal_free(run->terminal);
    js_recorder_release(&run->recorder);
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
    js_display_end(&run->display);
    js_run_launcher_tell_begun(run);
    if (ran.end == JS_MASTER_REHEARSED)
        return js_run_check_show(run, js_master_plan(run->master),
                                 js_master_pool(run->master),
                                 (unsigned)link->size, result);
    bool is_hurried = js_signals_request() >= JS_STOP_REQUEST_HURRY ||
                      run->launcher.passed.is_hurried;
    run->is_abrupt = (is_hurried && !js_launchenv_is_patient()) || ran.lost > 0;
    run->lost = ran.lost;
    run->has_run = ran.wall_ns > 0;
    /* What is slow from here on is none of their business; but a launcher that
     * sees one of them leave at once would not wait for us. */
    if (!run->is_abrupt)
        js_run_end_send_home(link, JS_LEAVE_TOGETHER);
    js_run_result_count(run, &ran, result);
    js_run_launcher_ask_for_outage(run);
    enum jobsched_status status = js_run_result_judge(run, &ran, result, &err);
    if (status == JOBSCHED_SUCCEEDED && js_run_result_has_no_jobs(run, result))
        js_log(&run->console.log, "no jobs in %s", js_source_name(run->source));
    status = js_run_result_settle(run, status, &err);
    status = js_run_resume_end(run, status, &err);
    js_console_flush(&run->console);
    js_console_end_line(&run->console);
    return js_run_result_fail(result, status, &err);
}

/* Opens all that is needed, and says to whom it may concern what is wrong. */
static enum jobsched_status
prepare_master(struct js_run *run, struct js_link *link, struct js_err *err)
{
    enum jobsched_status status = js_run_resume_open(run, err);
    if (status != JOBSCHED_SUCCEEDED)
        return status;
    if (js_run_inputs_open(run, err) < 0)
        return JOBSCHED_BAD_INPUT;
    if (js_run_master_open_outqs(run, err) < 0)
        return JOBSCHED_BROKEN;
    init_records(run);
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
    result->is_abrupt = run.is_abrupt;
    result->lost = run.lost;
    if (run.is_abrupt)
        js_run_end_send_home(link, JS_LEAVE_AT_ONCE);
    else if (!is_prepared || config->action != JOBSCHED_RUN)
        js_run_end_send_home(link, JS_LEAVE_TOGETHER);
    js_joblog_close(run.joblog, NULL);
    js_run_launcher_tell_ended(&run, status);
    js_run_master_release(&run);
    return status;
}
