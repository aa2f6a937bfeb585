#include "record/recorder.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* This many jobs are named one by one as they fail for good or are skipped,
 * this many attempts that failed and were run again, and this many failed jobs
 * at the end.
 */
enum { FAILURES_SHOWN = 20, RETRIES_SHOWN = 10, FAILED_NAMED = 5 };

/* How long a call on a file may take before nothing new is started. */
static const int64_t stuck_ns = 2 * JS_NS_PER_S;

/* How often to check whether the call has ended. */
static const int64_t stuck_look_ns = 20 * JS_NS_PER_MS;

/* If a check is this much too late, the process was stopped, and its calls with
 * it. */
static const int64_t stopped_ns = JS_NS_PER_S;

/* A task that reads the end of a file into `tail`. */
struct tail_read {
    struct js_task task;
    struct js_output_tail tail;
    uint64_t size; /* of the file */
    bool is_read;
    char path[]; /* "": the tail is known already */
};

/* A job that has finished and may not be on record yet. */
struct js_unreported {
    struct js_unreported *next;
    uint64_t number; /* its position among the finishes of the journal */
    struct js_completion completion;
    struct tail_read *read; /* owned; NULL: the job has no tail */
};

static void unreported_push(struct js_unreported_list *list,
                            struct js_unreported *unreported)
{
    unreported->next = NULL;
    if (!list->end)
        list->end = &list->first;
    *list->end = unreported;
    list->end = &unreported->next;
}

/* NULL when there is none. */
static struct js_unreported *unreported_pop(struct js_unreported_list *list)
{
    struct js_unreported *first = list->first;
    if (!first)
        return NULL;
    list->first = first->next;
    if (!first->next)
        list->end = NULL;
    return first;
}

/* A hung call may still read a file into it. */
static void unreported_free(struct js_unreported *unreported)
{
    if (!unreported)
        return;
    if (unreported->read && js_task_is_given(&unreported->read->task))
        return;
    free(unreported->read);
    js_pool_put(unreported);
}

int js_recorder_open(struct js_recorder *ret,
                     const struct js_recorder_config *config)
{
    *ret = (struct js_recorder){
        .worker = config->worker,
        .is_settled = true,
        .stuck_since_ns = JS_NEVER_NS,
        .look_ns = JS_NEVER_NS,
        .joblog = config->joblog,
        .mishaps = {.graph = config->graph, .registry = config->registry},
        .output_dir = config->output_dir,
        .is_traced = config->is_traced,
        .display.config = config->display,
    };
    js_console_init(&ret->console, config->out, config->err);
    ret->display.config.console = &ret->console;
    ret->pool = js_pool_new();
    ret->delivery =
        js_delivery_new(config->out, config->err, &ret->console.log);
    return ret->delivery ? 0 : -1;
}

void js_recorder_release(struct js_recorder *recorder)
{
    struct js_unreported *unreported;
    while ((unreported = unreported_pop(&recorder->unreported)) ||
           (unreported = unreported_pop(&recorder->unread))) {
        js_job_free(unreported->completion.job);
        unreported_free(unreported);
    }
    js_pool_close(recorder->pool);
    js_mishaps_release(&recorder->mishaps);
    js_buf_release(&recorder->failed_names);
    js_delivery_free(recorder->delivery);
    js_console_release(&recorder->console);
}

/* ---------------------------------------------------------------- the run */

/* journal_error stops the run: the caller that reports an event could not help
 * it. */
static void note_journal(struct js_recorder *recorder, int rc)
{
    if (rc < 0)
        js_err_errno(&recorder->journal_error, "cannot write to the journal");
}

void js_recorder_enlisted(struct js_recorder *recorder, unsigned slave,
                          uint32_t slots, const char *host,
                          const struct js_process_pair *processes)
{
    if (recorder->journal)
        note_journal(recorder, js_journal_add_slave(recorder->journal, slave,
                                                    slots, host, processes));
}

void js_recorder_restarted(struct js_recorder *recorder, unsigned slave,
                           const struct js_process_pair *processes)
{
    if (recorder->journal)
        note_journal(recorder, js_journal_add_processes(recorder->journal,
                                                        slave, processes));
}

void js_recorder_parted(struct js_recorder *recorder, unsigned slave)
{
    if (recorder->journal)
        note_journal(recorder, js_journal_add_left(recorder->journal, slave));
}

/* Only the trace gets a line, because a later run does not need to know about
 * rounds.
 */
void js_recorder_dispatched(struct js_recorder *recorder,
                            const struct js_job *job)
{
    if (!recorder->is_traced)
        return;
    js_console_trace(&recorder->console, "Dispatch job: %" PRIu64 "\n",
                     job->id);
    /* It must be written now; otherwise a slave's report that it runs the job
     * might appear first. */
    if (!js_delivery_look(recorder->delivery).is_within_job)
        js_console_flush(&recorder->console);
}

void js_recorder_begun(struct js_recorder *recorder, const struct js_job *job,
                       unsigned slave, int64_t age_ns)
{
    if (recorder->journal)
        note_journal(recorder,
                     js_journal_add_begun(recorder->journal, job, slave,
                                          js_clock_unix_ns() - age_ns));
}

void js_recorder_lost(struct js_recorder *recorder, const struct js_job *job,
                      unsigned slave)
{
    if (recorder->journal)
        note_journal(recorder,
                     js_journal_add_lost(recorder->journal, job, slave));
}

/* ---------------------------------------------------------------- a failure */

/* Attempts that run again must not use up the places of jobs that failed for
 * good.
 */
static void show_failure(struct js_recorder *recorder,
                         const struct js_completion *completion)
{
    struct js_buf text = JS_BUF_INIT, earlier = JS_BUF_INIT;
    const struct js_log *log = &recorder->console.log;
    bool is_retried = completion->result == JS_ATTEMPT_RESULT_RETRIED;
    unsigned *shown =
        is_retried ? &recorder->retries_shown : &recorder->failures_shown;
    unsigned most = is_retried ? RETRIES_SHOWN : FAILURES_SHOWN;
    if (*shown > most)
        return;
    if ((*shown)++ == most) {
        js_log(log, "%s are not listed here%s",
               is_retried ? "further attempts that failed and were run again"
                          : "further failed or skipped jobs",
               recorder->joblog ? ": see the joblog"
                                : ": add --joblog to list them all");
        return;
    }
    const char *reason =
        js_mishaps_reason(&recorder->mishaps, completion, &earlier);
    if (js_summary_describe(completion, reason, &text) == 0)
        js_log(log, "%s", js_buf_string(&text));
    js_buf_release(&earlier);
    js_buf_release(&text);
}

/* Only the first few are named: a list of thousands would hide the summary
 * above it.
 */
int js_recorder_describe_failed(const struct js_recorder *recorder,
                                struct js_buf *ret)
{
    uint64_t failed = recorder->summary.failed, named = recorder->failed_named;
    if (failed == 0)
        return 0;
    if (js_buf_puts(ret, "failed: ") < 0 ||
        js_buf_append(ret, recorder->failed_names.data,
                      recorder->failed_names.len) < 0)
        return -1;
    return failed == named
               ? 0
               : js_buf_printf(ret, "%s%" PRIu64 " %s",
                               named > 0 ? " and " : "", failed - named,
                               named > 0 ? "more" : "jobs");
}

/* ---------------------------------------------------------------- a job */

/* Reports the job to the joblog, the trace and the messages. */
static void recorder_report(struct js_recorder *recorder,
                            const struct js_completion *completion)
{
    uint64_t id = completion->job->id;
    bool is_run = completion->result != JS_ATTEMPT_RESULT_SKIPPED;
    if (recorder->joblog && is_run &&
        js_joblog_add(recorder->joblog, completion) < 0 &&
        !recorder->is_joblog_lacking) {
        /* The end of the run reports how many are missing. */
        recorder->is_joblog_lacking = true;
        js_log(&recorder->console.log,
               "job %" PRIu64
               " and some later jobs are missing from the joblog: %s",
               id, js_errno_text(errno));
    }
    if (recorder->is_traced && is_run)
        js_console_trace(&recorder->console, "Finished job: %" PRIu64 "\n", id);
    if (!is_run || !js_outcome_succeeded(&completion->outcome))
        show_failure(recorder, completion);
    if (recorder->recorded_fn)
        recorder->recorded_fn(recorder->recorded_arg, completion);
    if (completion->result == JS_ATTEMPT_RESULT_ENDED &&
        !js_outcome_succeeded(&completion->outcome))
        js_mishaps_keep_culprit(&recorder->mishaps, completion);
}

/* Drops a job if there was no memory for its record. It is not on record, so it
 * runs again. */
static void recorder_drop(struct js_recorder *recorder, struct js_job *job)
{
    js_err_errno(&recorder->journal_error,
                 "cannot record job %" PRIu64 " in the journal", job->id);
    recorder->lacking++;
    js_job_free(job);
}

/* The job stays here until its record is on disk; the tail of its output is
 * needed only for the record. */
static void add_to_journal(struct js_recorder *recorder,
                           struct js_unreported *unreported,
                           const struct js_completion *completion)
{
    uint64_t parent_id = js_mishaps_parent(&recorder->mishaps, completion);
    if (js_journal_add_finish(recorder->journal, completion, parent_id) < 0) {
        recorder_drop(recorder, completion->job);
        unreported_free(unreported);
        return;
    }
    free(unreported->read);
    unreported->read = NULL;
    unreported->number = ++recorder->recorded;
    unreported_push(&recorder->unreported, unreported);
}

/* ---------------------------------------------------------------- tails */

/* Runs in the worker's thread. */
static bool tail_read_work(void *arg)
{
    struct tail_read *read = arg;
    read->is_read = js_output_tail_read(&read->tail, read->path, read->size);
    return true;
}

/* If output goes to a folder, it does not come here through the delivery, so
 * the tail is read from the file that the job wrote. Returns NULL if there is
 * no tail, or no memory; the record then lacks it. */
static struct tail_read *tail_read_begin(const struct js_recorder *recorder,
                                         const struct js_completion *completion)
{
    const struct js_outcome *outcome = &completion->outcome;
    const char *dir = recorder->output_dir;
    struct js_output_tail tail;
    if (!js_output_tail_begin(&tail, outcome))
        return NULL;
    size_t room = strlen(dir) + sizeof("/18446744073709551615.err");
    struct tail_read *read = calloc(1, sizeof(*read) + room);
    if (!read)
        return NULL;
    bool is_error = tail.stream == 2;
    snprintf(read->path, room, "%s/%" PRIu64 ".%s", dir, completion->job->id,
             is_error ? "err" : "out");
    read->tail = tail;
    read->size = is_error ? outcome->err_bytes : outcome->out_bytes;
    read->task = (struct js_task){
        .work = tail_read_work, .arg = read, .name = read->path};
    js_worker_give(recorder->worker, &read->task);
    return read;
}

/* Copies the tail of a job that waits for the tail of another: its own is gone
 * when the delivery's call returns. */
static struct tail_read *tail_read_copy(const struct js_output_tail *tail)
{
    struct tail_read *read = calloc(1, sizeof(*read) + 1);
    if (read) {
        read->tail = *tail;
        read->is_read = true;
    }
    return read;
}

/* Records the jobs whose tails are read by now. */
static void recorder_take_read(struct js_recorder *recorder)
{
    while (recorder->unread.first &&
           !(recorder->unread.first->read &&
             js_task_is_given(&recorder->unread.first->read->task))) {
        struct js_unreported *unreported = unreported_pop(&recorder->unread);
        struct js_completion whole = unreported->completion;
        recorder->unread_count--;
        if (unreported->read && unreported->read->is_read)
            whole.tail = &unreported->read->tail;
        add_to_journal(recorder, unreported, &whole);
    }
}

/* ---------------------------------------------------------------- an end */

/* Notes the name for the end of the run; without memory, fewer jobs are
 * named. */
static void recorder_name_failed(struct js_recorder *recorder,
                                 const struct js_job *job)
{
    struct js_buf *names = &recorder->failed_names;
    size_t before = names->len;
    if (recorder->failed_named == FAILED_NAMED)
        return;
    if ((before > 0 && js_buf_puts(names, ", ") < 0) ||
        js_summary_who(job, names) < 0)
        names->len = before;
    else
        recorder->failed_named++;
}

void js_recorder_finished(struct js_recorder *recorder,
                          const struct js_completion *completion)
{
    bool is_success = completion->result != JS_ATTEMPT_RESULT_SKIPPED &&
                      js_outcome_succeeded(&completion->outcome);
    js_summary_add(&recorder->summary, completion);
    if (!is_success && completion->result != JS_ATTEMPT_RESULT_RETRIED &&
        js_job_name(completion->job)[0])
        js_mishaps_keep(&recorder->mishaps, completion);
    if (!is_success && completion->result == JS_ATTEMPT_RESULT_ENDED &&
        completion->outcome.cause != JS_STOP_REASON_STOPPED)
        recorder_name_failed(recorder, completion->job);
    if (!recorder->journal) {
        recorder_report(recorder, completion);
        js_job_free(completion->job);
        return;
    }
    struct js_unreported *unreported =
        js_pool_get(recorder->pool, sizeof(*unreported));
    if (!unreported) {
        recorder_drop(recorder, completion->job);
        return;
    }
    *unreported = (struct js_unreported){.completion = *completion};
    unreported->completion.tail = NULL;
    if (recorder->output_dir)
        unreported->read = tail_read_begin(recorder, completion);
    /* In most cases nothing must be read first. */
    if (!recorder->unread.first && !unreported->read) {
        add_to_journal(recorder, unreported, completion);
        return;
    }
    if (!unreported->read && completion->tail)
        unreported->read = tail_read_copy(completion->tail);
    unreported_push(&recorder->unread, unreported);
    recorder->unread_count++;
    recorder_take_read(recorder);
}

/* Jobs are reported in the order in which they finished, up to the last one on
 * record. With --sync 0 that is the last one that a sync has brought to disk.
 */
static void recorder_report_until(struct js_recorder *recorder,
                                  uint64_t recorded)
{
    while (recorder->unreported.first &&
           recorder->unreported.first->number <= recorded) {
        struct js_unreported *unreported =
            unreported_pop(&recorder->unreported);
        recorder_report(recorder, &unreported->completion);
        js_job_free(unreported->completion.job);
        unreported_free(unreported);
        recorder->reported++;
    }
}

void js_recorder_report(struct js_recorder *recorder)
{
    if (recorder->journal)
        recorder_report_until(recorder,
                              js_journal_look(recorder->journal).recorded);
}

/* ---------------------------------------------------------------- a turn */

/* Returns when the oldest call under way began, and the name of its file;
 * JS_NEVER_NS: there is none. */
static int64_t recorder_oldest_call(const struct js_recorder *recorder,
                                    const struct js_journal_state *journal,
                                    const char **ret_name)
{
    const struct js_outq *outqs[] = {recorder->console.out,
                                     recorder->console.err};
    int64_t since_ns = js_worker_begun_ns(recorder->worker, ret_name);
    if (journal->syncing_ns < since_ns) {
        since_ns = journal->syncing_ns;
        *ret_name = journal->path;
    }
    for (int i = 0; i < 2; i++) {
        const char *name;
        int64_t begun_ns = js_outq_begun_ns(outqs[i], &name);
        if (begun_ns < since_ns) {
            since_ns = begun_ns;
            *ret_name = name;
        }
    }
    return since_ns;
}

/* Finds out whether a call on a file takes too long, and reports it, as well as
 * the end of such a call. Without a worker, this process has waited for the
 * call. */
static void recorder_find_stuck(struct js_recorder *recorder,
                                const struct js_journal_state *journal,
                                int64_t now_ns)
{
    const struct js_log *log = &recorder->console.log;
    const char *name;
    if (!recorder->worker)
        return;
    int64_t since_ns = recorder_oldest_call(recorder, journal, &name);
    bool was_stuck = recorder->stuck_since_ns != JS_NEVER_NS;
    if (recorder->look_ns < now_ns - stopped_ns)
        recorder->awake_ns = now_ns;
    if (!was_stuck && since_ns < recorder->awake_ns)
        since_ns = recorder->awake_ns;
    recorder->look_ns =
        since_ns != JS_NEVER_NS || js_worker_is_busy(recorder->worker)
            ? now_ns + stuck_look_ns
            : JS_NEVER_NS;
    bool is_stuck = since_ns != JS_NEVER_NS && now_ns - since_ns >= stuck_ns;
    if (is_stuck && !was_stuck)
        js_log(log,
               "%s has not answered for %d s: no more jobs are started until "
               "it does; those that are running continue, and wait to be "
               "recorded when they end",
               name, (int)(stuck_ns / JS_NS_PER_S));
    else if (was_stuck && !is_stuck)
        js_log(log, "the file system answers again after %d s",
               (int)((now_ns - recorder->stuck_since_ns) / JS_NS_PER_S));
    if (!is_stuck)
        recorder->stuck_since_ns = JS_NEVER_NS;
    else if (!was_stuck)
        recorder->stuck_since_ns = since_ns;
}

/* A file that answers takes less than a tenth of this time. */
enum { AWAITED_MS = 2 };

/* Returns 0, or -1 if the journal cannot be written. */
static int recorder_commit_journal(struct js_recorder *recorder, int64_t now_ns)
{
    struct js_err *err = &recorder->journal_error;
    struct pollfd fd = {.fd = js_worker_fd(recorder->worker), .events = POLLIN};
    int rc = js_journal_commit(recorder->journal, now_ns, err);
    /* Otherwise a free slot would get the next job in the list, instead of one
     * that has waited for the job that has just ended. */
    if (rc < 0 || !recorder->is_end_awaited || !recorder->unreported.first ||
        recorder->stuck_since_ns != JS_NEVER_NS ||
        !js_worker_is_busy(recorder->worker) || poll(&fd, 1, AWAITED_MS) <= 0)
        return rc;
    js_worker_clear(recorder->worker);
    return js_journal_commit(recorder->journal, now_ns, err);
}

bool js_recorder_commit(struct js_recorder *recorder, int64_t now_ns)
{
    const struct js_log *log = &recorder->console.log;
    struct js_journal *journal = recorder->journal;
    struct js_journal_state state = {.is_settled = true,
                                     .syncing_ns = JS_NEVER_NS};
    struct js_err err;
    js_worker_clear(recorder->worker);
    recorder_take_read(recorder);
    int rc = journal ? recorder_commit_journal(recorder, now_ns) : 0;
    /* The order is a promise: first recorded, then reported. */
    if (rc < 0 && !recorder->is_journal_reported) {
        recorder->is_journal_reported = true;
        js_log(log,
               "%s: no more jobs are started; those that are running continue "
               "to their end%s",
               recorder->journal_error.text,
               js_journal_look(journal).is_gone
                   ? "; nothing is lost if the journal can be created by then"
                   : "");
    }
    if (journal)
        state = js_journal_look(journal);
    recorder_report_until(recorder, state.recorded);
    if (recorder->joblog) {
        /* A full disk must not stop the jobs, which have their journal: the
         * lines wait until there is room, and a message at the end of the run
         * reports missing lines. */
        bool is_behind = js_joblog_flush(recorder->joblog, &err) < 0;
        if (is_behind && !recorder->is_joblog_behind)
            js_log(log,
                   "%s: the jobs continue, and the lines are kept until they "
                   "can be written",
                   err.text);
        recorder->is_joblog_behind = is_behind;
    }
    recorder_find_stuck(recorder, &state, now_ns);
    if (!js_delivery_look(recorder->delivery).is_within_job)
        js_console_flush(&recorder->console);
    recorder->is_settled = state.is_settled;
    return !recorder->is_paused && recorder->is_settled &&
           recorder->stuck_since_ns == JS_NEVER_NS &&
           state.waiting_bytes <= JS_RECORDER_MAX_WAITING;
}

int js_recorder_settle(struct js_recorder *recorder, struct js_err *err)
{
    int rc = 0;
    js_worker_await(recorder->worker);
    recorder_take_read(recorder);
    if (recorder->journal && js_recorder_look(recorder).unreported > 0)
        rc = js_journal_settle(recorder->journal, err);
    js_recorder_report(recorder);
    return rc;
}

/* A batch system that is about to kill us gives a warning, and leaves time for
 * one sync. */
void js_recorder_hurry(struct js_recorder *recorder)
{
    if (recorder->journal)
        js_journal_sync_soon(recorder->journal);
}

/* A launcher that is stopped (^Z) stops the run as well: nothing may be written
 * to a terminal that another program uses now. */
void js_recorder_pause(struct js_recorder *recorder, bool is_paused)
{
    struct js_console *console = &recorder->console;
    recorder->is_paused = is_paused;
    js_outq_hold(console->err, is_paused);
    if (console->out != console->err)
        js_outq_hold(console->out, is_paused);
}

bool js_recorder_is_quiet(const struct js_recorder *recorder)
{
    return !recorder->journal || js_journal_is_quiet(recorder->journal);
}

bool js_recorder_is_show_due(struct js_recorder *recorder, int64_t now_ns)
{
    return js_display_is_due(&recorder->display, now_ns);
}

/* The counts are of jobs that have finished, not of those on record: a slow
 * disk should not look like slow jobs. */
void js_recorder_show(struct js_recorder *recorder, int64_t now_ns,
                      struct js_progress progress, uint64_t total)
{
    const struct js_summary *summary = &recorder->summary;
    uint64_t ended = summary->done + summary->failed + summary->skipped;
    if (progress.elapsed_ns < 0)
        return;
    progress.done = summary->done;
    progress.failed = summary->failed;
    progress.skipped = summary->skipped;
    progress.left = total == UINT64_MAX ? UINT64_MAX : total - ended;
    js_display_show(&recorder->display, now_ns, progress, summary->busy_ns,
                    js_delivery_look(recorder->delivery).is_within_job);
}

void js_recorder_end_show(struct js_recorder *recorder)
{
    js_display_end(&recorder->display);
}

struct js_recorder_state js_recorder_look(const struct js_recorder *recorder)
{
    const struct js_journal *journal = recorder->journal;
    struct js_journal_state state = {.deadline_ns = JS_NEVER_NS};
    int64_t display_ns = js_display_deadline_ns(&recorder->display);
    uint64_t unreported =
        recorder->recorded - recorder->reported + recorder->unread_count;
    bool is_to_come = !recorder->journal_error.text[0];
    if (journal)
        state = js_journal_look(journal);
    int64_t deadline_ns =
        display_ns < state.deadline_ns ? display_ns : state.deadline_ns;
    if (recorder->look_ns < deadline_ns)
        deadline_ns = recorder->look_ns;
    return (struct js_recorder_state){
        .has_journal = journal,
        .is_behind = !recorder->is_settled,
        .is_stuck = recorder->stuck_since_ns != JS_NEVER_NS,
        .is_writing =
            is_to_come && js_worker_is_busy(recorder->worker) &&
            !(recorder->joblog && js_joblog_is_behind(recorder->joblog)),
        .unreported = unreported,
        .to_come = is_to_come ? unreported : 0,
        .lacking = recorder->lacking + recorder->unread_count + state.unwritten,
        .unwritten = js_console_unwritten(&recorder->console) +
                     (is_to_come ? unreported : 0),
        .deadline_ns = deadline_ns,
    };
}

nfds_t js_recorder_wait_for(const struct js_recorder *recorder,
                            struct pollfd *fds)
{
    struct js_outq *outqs[] = {recorder->console.out, recorder->console.err};
    nfds_t count = 0;
    if (recorder->worker)
        fds[count++] = (struct pollfd){.fd = js_worker_fd(recorder->worker),
                                       .events = POLLIN};
    if (recorder->is_paused)
        return count;
    for (int i = 0; i < (outqs[0] == outqs[1] ? 1 : 2); i++) {
        if (js_outq_pending(outqs[i]) > 0)
            fds[count++] = js_outq_event(outqs[i]);
    }
    return count;
}

/* ---------------------------------------------------------------- outages */

/* A user who closes standard error does not need our messages, but the output
 * of jobs there must go somewhere. */
bool js_recorder_find_outage(const struct js_recorder *recorder,
                             struct js_recorder_outage *ret)
{
    const struct js_console *console = &recorder->console;
    int out = js_outq_error(console->out), err = js_outq_error(console->err);
    if (err == EBADF && js_delivery_look(recorder->delivery).withheld == 0)
        err = 0;
    if (!out && !err)
        return false;
    *ret = (struct js_recorder_outage){
        .name = out ? "standard output" : "standard error",
        .error = out ? out : err,
        .is_reader_gone =
            js_outq_is_reader_gone(out ? console->out : console->err)};
    return true;
}

/* This is reported only while jobs may still start; an outage that is noticed
 * after the last job is handled at the end. */
bool js_recorder_is_cut(struct js_recorder *recorder)
{
    struct js_recorder_outage outage;
    if (!js_recorder_find_outage(recorder, &outage))
        return false;
    if (recorder->is_outage_reported)
        return true;
    recorder->is_outage_reported = true;
    js_log(&recorder->console.log,
           "%s: %s: no more jobs are started, and those that are running are "
           "ended%s",
           outage.name,
           outage.is_reader_gone ? "closed by its reader"
                                 : js_errno_text(outage.error),
           outage.is_reader_gone
               ? "; jobs whose output could not be written are not recorded"
               : "");
    return true;
}
