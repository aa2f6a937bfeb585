#include "cli/status_text.h"

#include "base/clock.h"
#include "base/units.h"
#include "cli/textbuf.h"
#include "sched/capacity.h"
#include "sched/scheduler.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    RUNNING_SHOWN = 20,
    TAIL_SHOWN = 5, /* lines, in the overview */
};

struct page {
    const struct js_status_model *overview;
    struct js_textbuf textbuf;
};

/* ---------------------------------------------------------------- pieces */

/* In the time of whoever reads it. */
static void put_time(struct page *page, int64_t unix_ns)
{
    char text[32];
    struct tm fields;
    time_t seconds = (time_t)(unix_ns / JS_NS_PER_S);
    if (localtime_r(&seconds, &fields) &&
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &fields) > 0)
        js_textbuf_put(&page->textbuf, "%s", text);
    else
        js_textbuf_put(&page->textbuf, "%" PRId64, unix_ns / JS_NS_PER_S);
}

static void status_text_put_command(struct page *page, const struct js_job *job)
{
    js_textbuf_put_bytes(&page->textbuf, job->command, job->command_len);
}

/* What there is of its name and command. */
static void put_what(struct page *page, uint64_t id)
{
    struct js_journal_model_job job;
    const struct js_job *listed = js_status_model_find(page->overview, id);
    js_journal_model_job(page->overview->model, id, &job);
    if (job.name[0]) {
        js_textbuf_put(&page->textbuf, "  [");
        js_textbuf_put_text(&page->textbuf, job.name);
        js_textbuf_put(&page->textbuf, "]");
    }
    if (listed) {
        js_textbuf_put(&page->textbuf, "  ");
        status_text_put_command(page, listed);
    }
}

static void status_text_put_place(struct page *page, size_t number)
{
    struct js_journal_model_slave slave;
    js_journal_model_slave(page->overview->model, number, &slave);
    js_textbuf_put_text(&page->textbuf, slave.host[0] ? slave.host : "?");
    js_textbuf_put(&page->textbuf, "  slave %" PRIu64, slave.rank);
}

/* The same in a sentence. */
static void put_place_of(struct page *page, size_t number)
{
    struct js_journal_model_slave slave;
    js_journal_model_slave(page->overview->model, number, &slave);
    js_textbuf_put_text(&page->textbuf, slave.host[0] ? slave.host : "?");
    js_textbuf_put(&page->textbuf, " (slave %" PRIu64 ")", slave.rank);
}

static void put_age(struct page *page, int64_t since_unix_ns)
{
    js_textbuf_put_duration(&page->textbuf,
                            page->overview->now_unix_ns - since_unix_ns);
}

/* The last `most` lines. */
static void status_text_put_tail(struct page *page, size_t attempt,
                                 unsigned most)
{
    struct js_journal_model_tail tail;
    if (!js_journal_model_tail(page->overview->model, attempt, &tail))
        return;
    size_t end = strlen(tail.text);
    while (end > 0 && tail.text[end - 1] == '\n')
        end--;
    size_t start = end;
    for (unsigned lines = 0; start > 0; start--) {
        if (tail.text[start - 1] == '\n' && ++lines == most)
            break;
    }
    while (start < end) {
        size_t len = strcspn(tail.text + start, "\n");
        if (start + len > end)
            len = end - start;
        js_textbuf_put(&page->textbuf, "       | ");
        js_textbuf_put_bytes(&page->textbuf, tail.text + start, len);
        js_textbuf_put(&page->textbuf, "\n");
        start += len + 1;
    }
}

/* ---------------------------------------------------------------- the run */

static const char *status_text_name_of(const struct js_status_model *overview)
{
    return overview->config.job_file ? overview->config.job_file
                                     : overview->config.journal;
}

static void put_on(struct page *page)
{
    const struct js_journal_model_run *run = &page->overview->run;
    js_textbuf_put(&page->textbuf, "running on ");
    js_textbuf_put_text(&page->textbuf, run->host);
    js_textbuf_put(&page->textbuf, " for ");
    put_age(page, run->begin_unix_ns);
    js_textbuf_put(&page->textbuf, " (%zu slave%s, %" PRIu64 " slot%s)",
                   run->slaves, js_plural(run->slaves), run->slots,
                   js_plural(run->slots));
}

static void put_ended(struct page *page)
{
    const struct js_status_model *overview = page->overview;
    const struct js_journal_model_run *run =
        overview->is_idle ? &overview->worked : &overview->run;
    js_textbuf_put(&page->textbuf, "ended ");
    put_age(page, run->end_unix_ns);
    js_textbuf_put(&page->textbuf, " ago with exit status %d, on ",
                   run->status);
    js_textbuf_put_text(&page->textbuf, run->host);
    js_textbuf_put(&page->textbuf, " after ");
    js_textbuf_put_duration(&page->textbuf,
                            run->end_unix_ns - run->begin_unix_ns);
    if (!overview->is_idle)
        return;
    js_textbuf_put(&page->textbuf, "; started again ");
    put_age(page, overview->run.begin_unix_ns);
    js_textbuf_put(&page->textbuf, " ago, with nothing to run");
}

/* "broke off", or whatever the word is. */
static void put_silent(struct page *page, const char *word)
{
    const struct js_journal_model_run *run = &page->overview->run;
    js_textbuf_put(&page->textbuf, "%s on ", word);
    js_textbuf_put_text(&page->textbuf, run->host);
    js_textbuf_put(&page->textbuf, " (process %" PRIu64 "), last heard of ",
                   run->pid);
    put_age(page, run->seen_unix_ns);
    js_textbuf_put(&page->textbuf, " ago, after ");
    js_textbuf_put_duration(&page->textbuf,
                            run->seen_unix_ns - run->begin_unix_ns);
}

static void put_life(struct page *page)
{
    js_textbuf_put_text(&page->textbuf, status_text_name_of(page->overview));
    js_textbuf_put(&page->textbuf, ": ");
    switch (page->overview->life) {
    case JS_JOURNAL_MODEL_NO_RUN:
        js_textbuf_put(&page->textbuf, "no run has begun");
        break;
    case JS_JOURNAL_MODEL_ENDED:
        put_ended(page);
        break;
    case JS_JOURNAL_MODEL_ON:
        put_on(page);
        break;
    case JS_JOURNAL_MODEL_BROKEN:
        put_silent(page, "broke off");
        js_textbuf_put(&page->textbuf, "; the same command goes on");
        break;
    case JS_JOURNAL_MODEL_UNKNOWN:
        put_silent(page, "may be running");
        break;
    }
    js_textbuf_put(&page->textbuf, "\n");
}

static bool is_on(const struct js_status_model *overview)
{
    return overview->life == JS_JOURNAL_MODEL_ON ||
           overview->life == JS_JOURNAL_MODEL_UNKNOWN;
}

static void status_text_put_counts(struct page *page)
{
    const struct js_status_model *overview = page->overview;
    const struct js_status_model_counts *counts = &overview->counts;
    js_textbuf_put(&page->textbuf,
                   "%" PRIu64 " job%s: %" PRIu64 " done, %" PRIu64 " failed",
                   counts->jobs, js_plural(counts->jobs), counts->done,
                   counts->failed);
    if (counts->skipped > 0)
        js_textbuf_put(&page->textbuf, ", %" PRIu64 " skipped",
                       counts->skipped);
    if (is_on(overview))
        js_textbuf_put(&page->textbuf,
                       ", %" PRIu64 " running, %" PRIu64 " waiting",
                       counts->running + counts->brief,
                       counts->left - counts->running - counts->brief);
    else
        js_textbuf_put(&page->textbuf, ", %" PRIu64 " left", counts->left);
    if (overview->rate_per_s > 0)
        js_textbuf_put(&page->textbuf, "; %.3g jobs/s", overview->rate_per_s);
    if (overview->to_come_ns >= 0 && counts->left > 0) {
        js_textbuf_put(&page->textbuf, ", ");
        js_textbuf_put_duration(&page->textbuf, overview->to_come_ns);
        js_textbuf_put(&page->textbuf, " left");
    }
    js_textbuf_put(&page->textbuf, "\n");
}

/* ---------------------------------------------------------------- jobs */

static int compare_starts(const void *a, const void *b)
{
    const struct js_journal_model_begun *one = a, *other = b;
    return (one->start_unix_ns > other->start_unix_ns) -
           (one->start_unix_ns < other->start_unix_ns);
}

/* All of them, the longest first; NULL without memory. */
static struct js_journal_model_begun *
sort_begun(const struct js_status_model *overview, size_t count)
{
    struct js_journal_model_begun *begun = calloc(count, sizeof(*begun));
    for (size_t i = 0; begun && i < count; i++)
        js_journal_model_begun(overview->model, i, &begun[i]);
    if (begun)
        qsort(begun, count, sizeof(*begun), compare_starts);
    return begun;
}

static void put_more(struct page *page, uint64_t all, uint64_t shown)
{
    if (all > shown)
        js_textbuf_put(&page->textbuf, "  and %" PRIu64 " more\n", all - shown);
}

static void status_text_put_running(struct page *page)
{
    const struct js_status_model *overview = page->overview;
    size_t count = js_journal_model_begun_count(overview->model);
    struct js_journal_model_begun *begun =
        count > 0 ? sort_begun(overview, count) : NULL;
    page->textbuf.has_failed |= count > 0 && !begun;
    if (!begun)
        return;
    js_textbuf_put(&page->textbuf,
                   is_on(overview) ? "running\n" : "ran when it broke off\n");
    for (size_t i = 0; i < count && i < RUNNING_SHOWN; i++) {
        js_textbuf_put(&page->textbuf, "  %" PRIu64 "  ", begun[i].id);
        status_text_put_place(page, begun[i].slave);
        js_textbuf_put(&page->textbuf, is_on(overview) ? "  for " : "  since ");
        if (is_on(overview))
            put_age(page, begun[i].start_unix_ns);
        else
            put_time(page, begun[i].start_unix_ns);
        put_what(page, begun[i].id);
        js_textbuf_put(&page->textbuf, "\n");
    }
    put_more(page, count, RUNNING_SHOWN);
    free(begun);
}

static void put_outcome(struct page *page,
                        const struct js_journal_model_attempt *attempt)
{
    struct js_buf text = JS_BUF_INIT;
    if (js_status_model_describe(page->overview, attempt, &text) < 0 ||
        !js_buf_string(&text))
        page->textbuf.has_failed = true;
    else
        js_textbuf_put_text(&page->textbuf, text.data);
    js_buf_release(&text);
}

static void status_text_put_failed(struct page *page)
{
    const struct js_status_model *overview = page->overview;
    struct js_journal_model_attempt attempt;
    size_t at = JS_JOURNAL_MODEL_NONE;
    uint64_t shown = 0;
    if (overview->counts.failed > 0)
        js_textbuf_put(&page->textbuf, "failed (latest first)\n");
    while (shown < JS_STATUS_FAILED_SHOWN &&
           js_status_model_next_failed(overview, &at, &attempt)) {
        js_textbuf_put(&page->textbuf, "  %" PRIu64 "  ", attempt.id);
        put_outcome(page, &attempt);
        js_textbuf_put(&page->textbuf, "  ");
        status_text_put_place(page, attempt.slave);
        js_textbuf_put(&page->textbuf, "  after ");
        js_textbuf_put_duration(&page->textbuf, attempt.outcome.run_ns);
        put_what(page, attempt.id);
        js_textbuf_put(&page->textbuf, "\n");
        status_text_put_tail(page, at, TAIL_SHOWN);
        shown++;
    }
    put_more(page, overview->counts.failed, shown);
}

static const char *const list_state[JS_WAIT_COUNT] = {
    [JS_WAIT_FOR_ROOM] = "for room",
    [JS_WAIT_FOR_JOBS] = "after jobs that have not ended",
    [JS_WAIT_BEHIND_WAIT] = "behind a wait line",
    [JS_WAIT_TO_SKIP] = "after jobs that failed",
};

static void status_text_put_waiting(struct page *page)
{
    const struct js_status_model *overview = page->overview;
    const struct js_status_model_counts *counts = &overview->counts;
    const char *between = "  ";
    if (!overview->list_state || counts->left <= counts->running)
        return;
    js_textbuf_put(&page->textbuf, is_on(overview) ? "waiting\n" : "left\n");
    for (int i = JS_WAIT_FOR_ROOM; i < JS_WAIT_COUNT; i++) {
        bool is_idle = i == JS_WAIT_FOR_ROOM && !is_on(overview);
        if (counts->waiting[i] == 0)
            continue;
        js_textbuf_put(&page->textbuf, "%s%" PRIu64 " %s", between,
                       counts->waiting[i],
                       is_idle ? "to be run" : list_state[i]);
        between = "; ";
    }
    js_textbuf_put(&page->textbuf, "\n");
}

static void put_list(struct page *page)
{
    const struct js_status_model *overview = page->overview;
    if (overview->list_error.text[0]) {
        js_textbuf_put(&page->textbuf,
                       "the list cannot be read, so there are no commands: ");
        js_textbuf_put_text(&page->textbuf, overview->list_error.text);
        js_textbuf_put(&page->textbuf, "\n");
    }
    if (overview->counts.added > 0)
        js_textbuf_put(
            &page->textbuf,
            "%" PRIu64 " job%s of the list %s new, for the next run\n",
            overview->counts.added, js_plural(overview->counts.added),
            overview->counts.added == 1 ? "is" : "are");
}

int js_status_text(const struct js_status_model *overview, struct js_buf *buf)
{
    struct page page = {overview, {.buf = buf, .keeps_backslashes = true}};
    put_life(&page);
    status_text_put_counts(&page);
    status_text_put_running(&page);
    status_text_put_failed(&page);
    status_text_put_waiting(&page);
    put_list(&page);
    return js_textbuf_check(&page.textbuf);
}

/* ---------------------------------------------------------------- one job */

/* How a job stands, in some words: of one that another comes after. */
static void status_text_put_standing(struct page *page, uint64_t id)
{
    const struct js_status_model *overview = page->overview;
    struct js_journal_model_job job;
    struct js_journal_model_begun begun;
    if (id == 0) {
        js_textbuf_put(&page->textbuf, "new, and accepted by the next run");
        return;
    }
    js_journal_model_job(overview->model, id, &job);
    if (job.begun == JS_JOURNAL_MODEL_NONE) {
        static const char *const words[] = {
            [JS_JOB_STATE_LEFT] = "waiting",
            [JS_JOB_STATE_SUCCEEDED] = "done",
            [JS_JOB_STATE_FAILED] = "failed",
            [JS_JOB_STATE_SKIPPED] = "skipped",
        };
        bool is_left = job.standing == JS_JOB_STATE_LEFT && !is_on(overview);
        js_textbuf_put(&page->textbuf, "%s",
                       is_left ? "left" : words[job.standing]);
        return;
    }
    js_journal_model_begun(overview->model, job.begun, &begun);
    js_textbuf_put(&page->textbuf,
                   is_on(overview) ? "running on " : "not ended: it ran on ");
    put_place_of(page, begun.slave);
    js_textbuf_put(&page->textbuf, is_on(overview) ? " for " : " since ");
    if (is_on(overview))
        put_age(page, begun.start_unix_ns);
    else
        put_time(page, begun.start_unix_ns);
}

static void status_text_put_title(struct page *page)
{
    const struct js_status_model *overview = page->overview;
    const struct js_status_model_job *it = &overview->explained;
    struct js_journal_model_job job = {.name = ""};
    if (it->id > 0)
        js_journal_model_job(overview->model, it->id, &job);
    const char *name = it->job ? js_job_name(it->job) : job.name;
    if (it->id > 0)
        js_textbuf_put(&page->textbuf, "job %" PRIu64, it->id);
    else
        js_textbuf_put(&page->textbuf, "a job");
    if (name[0]) {
        js_textbuf_put(&page->textbuf, " \"");
        js_textbuf_put_text(&page->textbuf, name);
        js_textbuf_put(&page->textbuf, "\"");
    }
    if (it->job) {
        js_textbuf_put(&page->textbuf, " (");
        js_textbuf_put_text(&page->textbuf, overview->config.job_file);
        js_textbuf_put(&page->textbuf, ":%" PRIu64 ")", it->job->line);
    }
    js_textbuf_put(&page->textbuf, ": ");
    status_text_put_standing(page, it->id);
    if (job.is_gone)
        js_textbuf_put(&page->textbuf, "; it is no longer in the list");
    js_textbuf_put(&page->textbuf, "\n");
}

static void status_text_put_need(struct page *page,
                                 const struct js_request *request)
{
    js_textbuf_put(&page->textbuf, "  needs ");
    page->textbuf.has_failed |=
        js_capacity_need(request, page->textbuf.buf) < 0;
    if (js_request_nodes(request) > 1)
        js_textbuf_put(&page->textbuf, " on each of %" PRIu32 " hosts",
                       js_request_nodes(request));
    js_textbuf_put(&page->textbuf, "\n");
}

static void status_text_put_awaited(void *arg, const struct js_awaited *awaited)
{
    struct page *page = arg;
    js_textbuf_put(&page->textbuf, "  comes after%s ",
                   awaited->any ? " the end of" : "");
    js_textbuf_put_text(&page->textbuf, awaited->name);
    if (awaited->id > 0)
        js_textbuf_put(&page->textbuf, " (job %" PRIu64 ")", awaited->id);
    js_textbuf_put(&page->textbuf, ", which is ");
    status_text_put_standing(page, awaited->id);
    js_textbuf_put(&page->textbuf, "\n");
}

static void put_room(struct page *page)
{
    const struct js_status_model *overview = page->overview;
    const struct js_status_model_counts *counts = &overview->counts;
    uint64_t slots = overview->run.slots;
    if (!is_on(overview)) {
        js_textbuf_put(&page->textbuf, "  the next start of the run runs it\n");
        return;
    }
    js_textbuf_put(
        &page->textbuf,
        "  waits for room: %" PRIu64 " slot%s, %" PRIu64 " of them busy with "
        "jobs of a second or more; %" PRIu64 " job%s above it wait%s for room "
        "as well\n",
        slots, js_plural(slots), counts->running, overview->explained.ahead,
        js_plural(overview->explained.ahead),
        overview->explained.ahead == 1 ? "s" : "");
}

static void status_text_put_reason(struct page *page)
{
    const struct js_status_model *overview = page->overview;
    const struct js_status_model_job *it = &overview->explained;
    uint64_t above = js_list_state_above(overview->list_state, it->job->seq);
    js_list_state_each(overview->list_state, it->job->seq,
                       status_text_put_awaited, page);
    if (above > 0)
        js_textbuf_put(&page->textbuf,
                       "  is behind a wait line: %" PRIu64
                       " job%s above it %s not "
                       "ended\n",
                       above, js_plural(above), above == 1 ? "has" : "have");
    if (it->wait == JS_WAIT_FOR_ROOM)
        put_room(page);
    if (it->wait == JS_WAIT_TO_SKIP)
        js_textbuf_put(&page->textbuf,
                       "  a job that it comes after has failed%s\n",
                       is_on(overview) ? ": it is not run"
                                       : ": both run with the next start");
}

/* Of a skipped job. */
static void status_text_put_parent(struct page *page, uint64_t id)
{
    struct js_journal_model_job parent;
    if (id == 0)
        return;
    js_journal_model_job(page->overview->model, id, &parent);
    js_textbuf_put(&page->textbuf, "  comes after ");
    if (parent.name[0]) {
        js_textbuf_put_text(&page->textbuf, parent.name);
        js_textbuf_put(&page->textbuf, " (job %" PRIu64 ")", id);
    } else {
        js_textbuf_put(&page->textbuf, "job %" PRIu64, id);
    }
    js_textbuf_put(&page->textbuf, ", which %s\n",
                   parent.standing == JS_JOB_STATE_SKIPPED ? "was skipped"
                                                           : "failed");
}

static void status_text_put_attempt(struct page *page, size_t number)
{
    static const char *const words[JS_JOURNAL_MODEL_KINDS] = {
        [JS_JOURNAL_MODEL_OK] = "done",
        [JS_JOURNAL_MODEL_FAILED] = "failed",
        [JS_JOURNAL_MODEL_RETRIED] = "failed and ran again",
        [JS_JOURNAL_MODEL_STOPPED] = "stopped",
    };
    struct js_journal_model_attempt attempt;
    js_journal_model_attempt(page->overview->model, number, &attempt);
    js_textbuf_put(&page->textbuf, "  %" PRIu32 "  %s: ", attempt.attempt,
                   words[attempt.kind]);
    put_outcome(page, &attempt);
    js_textbuf_put(&page->textbuf, "  ");
    status_text_put_place(page, attempt.slave);
    js_textbuf_put(&page->textbuf, "  ");
    put_time(page, attempt.outcome.start_unix_ns);
    js_textbuf_put(&page->textbuf, "  for ");
    js_textbuf_put_duration(&page->textbuf, attempt.outcome.run_ns);
    js_textbuf_put(&page->textbuf, ", CPU ");
    js_textbuf_put_duration(&page->textbuf, attempt.outcome.user_cpu_ns +
                                                attempt.outcome.system_cpu_ns);
    js_textbuf_put(&page->textbuf, ", %" PRIu64 " MiB",
                   attempt.outcome.max_rss_bytes / (1024 * 1024));
    if (attempt.outcome.leftovers > 0)
        js_textbuf_put(&page->textbuf,
                       "; %" PRIu32 " process%s that it left behind %s ended",
                       attempt.outcome.leftovers,
                       attempt.outcome.leftovers == 1 ? "" : "es",
                       attempt.outcome.leftovers == 1 ? "was" : "were");
    js_textbuf_put(&page->textbuf, "\n");
    status_text_put_tail(page, number, UINT32_MAX);
}

/* What it may have done to where it ran. */
static void status_text_put_losses(struct page *page, uint32_t losses)
{
    if (losses == 0)
        return;
    js_textbuf_put(
        &page->textbuf,
        "  %" PRIu32 " time%s its slave, or the process that starts "
        "jobs there, was lost while it ran (%d count as its failure): "
        "it runs again, alone on a slave\n",
        losses, js_plural(losses), JS_SCHEDULER_LOSSES);
}

static void put_loss(struct page *page,
                     const struct js_journal_model_loss *loss)
{
    js_textbuf_put(
        &page->textbuf,
        "  -  lost: its slave, or the process that starts jobs there, "
        "was lost while it ran (loss %" PRIu32 ")  ",
        loss->count);
    status_text_put_place(page, loss->slave);
    js_textbuf_put(&page->textbuf, "  ");
    put_time(page, loss->unix_ns);
    js_textbuf_put(&page->textbuf, "\n");
}

/* The latest first, of all runs. */
static void status_text_put_attempts(struct page *page, uint64_t id,
                                     size_t number)
{
    const struct js_journal_model *model = page->overview->model;
    struct js_journal_model_attempt attempt;
    struct js_journal_model_loss loss;
    size_t at = JS_JOURNAL_MODEL_NONE;
    bool has_loss = js_journal_model_next_loss(model, id, &at, &loss);
    if (has_loss || number != JS_JOURNAL_MODEL_NONE)
        js_textbuf_put(&page->textbuf, "attempts (latest first)\n");
    while (has_loss || number != JS_JOURNAL_MODEL_NONE) {
        if (has_loss &&
            (number == JS_JOURNAL_MODEL_NONE || loss.attempts > number)) {
            put_loss(page, &loss);
            has_loss = js_journal_model_next_loss(model, id, &at, &loss);
            continue;
        }
        status_text_put_attempt(page, number);
        js_journal_model_attempt(model, number, &attempt);
        number = attempt.past_runs;
    }
}

int js_status_explain(const struct js_status_model *overview,
                      struct js_buf *buf)
{
    struct page page = {overview, {.buf = buf, .keeps_backslashes = true}};
    const struct js_status_model_job *it = &overview->explained;
    struct js_journal_model_job job = {.latest = JS_JOURNAL_MODEL_NONE,
                                       .begun = JS_JOURNAL_MODEL_NONE};
    if (it->id > 0)
        js_journal_model_job(overview->model, it->id, &job);
    put_life(&page);
    status_text_put_title(&page);
    if (it->job) {
        js_textbuf_put(&page.textbuf, "  ");
        status_text_put_command(&page, it->job);
        js_textbuf_put(&page.textbuf, "\n");
        status_text_put_need(&page, &it->job->request);
    }
    bool is_left =
        job.standing == JS_JOB_STATE_LEFT && job.begun == JS_JOURNAL_MODEL_NONE;
    if (it->job && it->id > 0 && is_left)
        status_text_put_reason(&page);
    if (job.standing == JS_JOB_STATE_SKIPPED)
        status_text_put_parent(&page, job.parent);
    status_text_put_losses(&page, job.losses);
    status_text_put_attempts(&page, it->id, job.latest);
    put_list(&page);
    return js_textbuf_check(&page.textbuf);
}
