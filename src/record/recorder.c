#include "record/recorder.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* So many jobs are named one by one as they fail for good or are skipped, so
 * many attempts that failed and were run again, and so many failed jobs at the
 * end.
 */
enum { FAILURES_SHOWN = 20, RETRIES_SHOWN = 10, FAILED_NAMED = 5 };

/* What the jobs that come after a named one are told of its end. */
struct mishap {
    uint64_t id;
    const char *reason; /* "after NAME, which ..." */
    char name[];        /* and the reason behind it */
};

/* A job that has finished and may not be on record yet. */
struct js_unreported {
    struct js_unreported *next;
    uint64_t number; /* among the finishes of the journal */
    struct js_finish finish;
};

/* NULL when there is none. */
static struct js_unreported *take_unreported(struct js_records *records)
{
    struct js_unreported *first = records->unreported;
    if (!first)
        return NULL;
    records->unreported = first->next;
    if (!first->next)
        records->unreported_end = NULL;
    return first;
}

void js_records_release(struct js_records *records)
{
    size_t position = 0;
    const char *name;
    struct js_unreported *unreported;
    while ((unreported = take_unreported(records))) {
        js_job_free(unreported->finish.job);
        free(unreported);
    }
    while ((name = js_strmap_next(&records->mishaps, &position)))
        free(js_strmap_get(&records->mishaps, name));
    js_strmap_release(&records->mishaps);
    js_buf_release(&records->failed_names);
}

/* ---------------------------------------------------------------- mishaps */

static int describe_mishap(const struct js_finish *finish, struct js_buf *text)
{
    if (js_buf_printf(text, "after %s, which ", js_job_name(finish->job)) < 0)
        return -1;
    return finish->fate == JS_FATE_SKIPPED ? js_buf_puts(text, "was skipped")
                                           : js_tally_mishap(finish, text);
}

static struct mishap *mishap_new(uint64_t id, const char *name,
                                 const char *reason)
{
    size_t name_size = strlen(name) + 1, reason_size = strlen(reason) + 1;
    struct mishap *mishap = malloc(sizeof(*mishap) + name_size + reason_size);
    if (!mishap)
        return NULL;
    memcpy(mishap->name, name, name_size);
    memcpy(mishap->name + name_size, reason, reason_size);
    mishap->id = id;
    mishap->reason = mishap->name + name_size;
    return mishap;
}

/* Without memory for it the reason is shorter. */
static void keep_mishap(struct js_records *records,
                        const struct js_finish *finish)
{
    struct js_buf text = JS_BUF_INIT;
    const char *name = js_job_name(finish->job);
    struct mishap *mishap = NULL;
    if (!name[0])
        return;
    if (describe_mishap(finish, &text) == 0 && js_buf_string(&text))
        mishap = mishap_new(finish->job->id, name, text.data);
    if (mishap && js_strmap_put(&records->mishaps, mishap->name, mishap) < 0)
        free(mishap);
    js_buf_release(&text);
}

/* Of the job because of which this one is skipped; or NULL. */
static const struct mishap *mishap_of(const struct js_records *records,
                                      const char *parent)
{
    return parent ? js_strmap_get(&records->mishaps, parent) : NULL;
}

static const char *parent_of(const struct js_records *records,
                             const struct js_finish *finish)
{
    return finish->fate == JS_FATE_SKIPPED
               ? js_graph_name(records->graph, finish->parent)
               : NULL;
}

static uint64_t parent_id(const struct js_records *records, const char *parent)
{
    const struct mishap *mishap = mishap_of(records, parent);
    if (mishap)
        return mishap->id;
    return parent && records->ledger
               ? js_ledger_find_name(records->ledger, parent)
               : 0;
}

/* ---------------------------------------------------------------- a failure */

static int describe_failure(const struct js_records *records,
                            const struct js_finish *finish, struct js_buf *text)
{
    struct js_buf earlier = JS_BUF_INIT;
    const char *parent = parent_of(records, finish);
    const struct mishap *mishap = mishap_of(records, parent);
    const char *reason = mishap ? mishap->reason : NULL;
    if (!reason && parent &&
        js_buf_printf(&earlier, "after %s, which failed in an earlier run",
                      parent) == 0)
        reason = js_buf_string(&earlier);
    int rc = js_tally_describe(finish, reason, text);
    js_buf_release(&earlier);
    return rc;
}

/* Attempts that run again must not use up the places of what failed for good.
 */
static void show_failure(struct js_records *records,
                         const struct js_finish *finish)
{
    struct js_buf text = JS_BUF_INIT;
    const struct js_log *log = &records->console->log;
    bool is_retried = finish->fate == JS_FATE_RETRIED;
    unsigned *shown =
        is_retried ? &records->retries_shown : &records->failures_shown;
    unsigned most = is_retried ? RETRIES_SHOWN : FAILURES_SHOWN;
    if (*shown > most)
        return;
    if ((*shown)++ == most)
        js_log(log, "more %s are not named here%s",
               is_retried ? "attempts that failed and were run again"
                          : "failed or skipped jobs",
               records->joblog ? ": see the joblog"
                               : ": --joblog names them all");
    else if (describe_failure(records, finish, &text) == 0)
        js_log(log, "%s", js_buf_string(&text));
    js_buf_release(&text);
}

/* For the end; without memory for it fewer are named. */
static void keep_name(struct js_records *records, const struct js_job *job)
{
    struct js_buf *names = &records->failed_names;
    size_t before = names->len;
    if (records->failed_named == FAILED_NAMED)
        return;
    if ((before > 0 && js_buf_puts(names, ", ") < 0) ||
        js_tally_who(job, names) < 0)
        names->len = before;
    else
        records->failed_named++;
}

int js_records_describe_failed(const struct js_records *records,
                               struct js_buf *ret)
{
    uint64_t failed = records->tally.failed, named = records->failed_named;
    if (failed == 0)
        return 0;
    if (js_buf_puts(ret, "failed: ") < 0 ||
        js_buf_append(ret, records->failed_names.data,
                      records->failed_names.len) < 0)
        return -1;
    return failed == named
               ? 0
               : js_buf_printf(ret, "%s%" PRIu64 " %s",
                               named > 0 ? " and " : "", failed - named,
                               named > 0 ? "more" : "jobs");
}

/* ---------------------------------------------------------------- a job */

static void add_to_joblog(struct js_records *records,
                          const struct js_finish *finish)
{
    /* How many are missing is said at the end. */
    if (js_joblog_add(records->joblog, finish) == 0 ||
        records->is_joblog_lacking)
        return;
    records->is_joblog_lacking = true;
    js_log(&records->console->log,
           "joblog: job %" PRIu64 " is not in it, nor are some that follow: %s",
           finish->job->id, js_errno_text(errno));
}

static void report(struct js_records *records, const struct js_finish *finish)
{
    bool is_run = finish->fate != JS_FATE_SKIPPED;
    if (records->joblog && is_run)
        add_to_joblog(records, finish);
    if (records->is_traced && is_run)
        js_console_trace(records->console, "Finished job: %" PRIu64 "\n",
                         finish->job->id);
    if (!is_run || !js_outcome_succeeded(&finish->outcome))
        show_failure(records, finish);
}

static int add_to_journal(struct js_records *records,
                          const struct js_finish *finish)
{
    uint64_t parent = parent_id(records, parent_of(records, finish));
    struct js_unreported *unreported = malloc(sizeof(*unreported));
    if (!unreported ||
        js_journal_add_finish(records->journal, finish, parent) < 0) {
        free(unreported);
        return -1;
    }
    *unreported = (struct js_unreported){.number = ++records->recorded,
                                         .finish = *finish};
    unreported->finish.tail = NULL;
    if (!records->unreported_end)
        records->unreported_end = &records->unreported;
    *records->unreported_end = unreported;
    records->unreported_end = &unreported->next;
    return 0;
}

void js_records_finished(void *arg, const struct js_finish *finish)
{
    struct js_records *records = arg;
    bool is_success = finish->fate != JS_FATE_SKIPPED &&
                      js_outcome_succeeded(&finish->outcome);
    js_tally_add(&records->tally, finish);
    if (!is_success && finish->fate != JS_FATE_RETRIED)
        keep_mishap(records, finish);
    if (!is_success && finish->fate == JS_FATE_ENDED &&
        finish->outcome.cause != JS_CAUSE_STOPPED)
        keep_name(records, finish->job);
    if (records->journal && add_to_journal(records, finish) == 0)
        return;
    if (records->journal) {
        js_err_errno(&records->journal_error, "the journal lacks job %" PRIu64,
                     finish->job->id);
        records->lacking++;
    } else {
        report(records, finish);
    }
    js_job_free(finish->job);
}

void js_records_report(struct js_records *records)
{
    uint64_t recorded =
        records->journal ? js_journal_recorded(records->journal) : 0;
    while (records->unreported && records->unreported->number <= recorded) {
        struct js_unreported *unreported = take_unreported(records);
        report(records, &unreported->finish);
        js_job_free(unreported->finish.job);
        free(unreported);
        records->reported++;
    }
}

uint64_t js_records_unreported(const struct js_records *records)
{
    return records->recorded - records->reported;
}

uint64_t js_records_lost(const struct js_records *records)
{
    return records->lacking +
           (records->journal ? js_journal_unwritten(records->journal) : 0);
}

void js_records_dispatched(struct js_records *records, const struct js_job *job)
{
    if (!records->is_traced)
        return;
    js_console_trace(records->console, "Dispatch job: %" PRIu64 "\n", job->id);
}

/* ---------------------------------------------------------------- a turn */

static void commit_journal(struct js_records *records, int64_t now_ns)
{
    if (!records->journal || js_journal_commit(records->journal, now_ns,
                                               &records->journal_error) == 0)
        return;
    if (records->is_journal_told)
        return;
    records->is_journal_told = true;
    js_log(&records->console->log,
           "%s: no more jobs are started, and those that run go on to their "
           "end%s",
           records->journal_error.text,
           js_journal_is_gone(records->journal)
               ? "; if it can be made until then, nothing is lost"
               : "");
}

static void flush_joblog(struct js_records *records)
{
    struct js_err err;
    if (!records->joblog)
        return;
    int rc = js_joblog_flush(records->joblog, &err);
    if (rc < 0 && !records->is_joblog_behind)
        js_log(&records->console->log,
               "%s: the jobs go on, and the lines are kept and tried again",
               err.text);
    records->is_joblog_behind = rc < 0;
}

bool js_records_commit(struct js_records *records, int64_t now_ns,
                       bool is_within_job)
{
    commit_journal(records, now_ns);
    js_records_report(records);
    flush_joblog(records);
    if (!is_within_job)
        js_console_flush(records->console);
    return !records->journal || js_journal_is_settled(records->journal);
}
