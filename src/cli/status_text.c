#include "cli/status_text.h"

#include "cli/textbuf.h"
#include "sched/allocator.h"
#include "sched/scheduler.h"

#include <stdlib.h>
#include <string.h>

enum {
    RUNNING_SHOWN = 20,
    TAIL_SHOWN = 5, /* lines, in the status */
};

/* The text is collected in memory and written at once, so that a reader never
 * sees half a page. */
struct page {
    const struct js_status_model *status;
    struct js_textbuf textbuf;
};

/* ---------------------------------------------------------------- pieces */

#define SAY(page, ...) JS_TEXTBUF_SAY(&(page)->textbuf, __VA_ARGS__)
#define AGE(page, since_unix_ns)                                               \
    JS_DURATION((page)->status->now_unix_ns - (since_unix_ns))
#define COMMAND(job) JS_BYTES((job)->command, (job)->command_len)

static void status_text_put(struct page *page, const char *words)
{
    js_textbuf_put(&page->textbuf, "%s", words);
}

/* Appends the job's name and command, if there are any. */
static void put_what(struct page *page, uint64_t id)
{
    struct js_journal_model_job job;
    const struct js_job *listed = js_status_model_find(page->status, id);
    js_journal_model_job(page->status->model, id, &job);
    if (job.name[0])
        SAY(page, "  [%]", JS_TEXT(job.name));
    if (listed)
        SAY(page, "  %", COMMAND(listed));
}

static struct js_journal_model_slave slave_of(const struct page *page,
                                              size_t number)
{
    struct js_journal_model_slave slave;
    js_journal_model_slave(page->status->model, number, &slave);
    if (!slave.host[0])
        slave.host = "?";
    return slave;
}

/* Returns the last `most` lines. */
static void status_text_put_tail(struct page *page, size_t attempt,
                                 unsigned most)
{
    struct js_journal_model_tail tail;
    if (!js_journal_model_tail(page->status->model, attempt, &tail))
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
        SAY(page, "       | %\n", JS_BYTES(tail.text + start, len));
        start += len + 1;
    }
}

/* ---------------------------------------------------------------- the run */

static const char *status_text_name_of(const struct js_status_model *status)
{
    return status->config.job_file ? status->config.job_file
                                   : status->config.journal;
}

static void put_on(struct page *page)
{
    const struct js_journal_model_run *run = &page->status->run;
    SAY(page, "running on % for % (%, %)", JS_TEXT(run->host),
        AGE(page, run->begin_unix_ns), JS_COUNTED(run->slaves, "slave"),
        JS_COUNTED(run->slots, "slot"));
}

static void put_ended(struct page *page)
{
    const struct js_status_model *status = page->status;
    const struct js_journal_model_run *run =
        status->is_idle ? &status->worked : &status->run;
    SAY(page, "ended % ago with exit status %, on % after %",
        AGE(page, run->end_unix_ns), JS_COUNT((unsigned)run->status),
        JS_TEXT(run->host), JS_DURATION(run->end_unix_ns - run->begin_unix_ns));
    if (status->is_idle)
        SAY(page, "; started again % ago, with nothing to run",
            AGE(page, status->run.begin_unix_ns));
}

static void put_silent(struct page *page)
{
    const struct js_journal_model_run *run = &page->status->run;
    SAY(page, " on % (process %), last heard of % ago, after %",
        JS_TEXT(run->host), JS_COUNT(run->pid), AGE(page, run->seen_unix_ns),
        JS_DURATION(run->seen_unix_ns - run->begin_unix_ns));
}

static void put_life(struct page *page)
{
    SAY(page, "%: ", JS_TEXT(status_text_name_of(page->status)));
    switch (page->status->life) {
    case JS_JOURNAL_MODEL_NO_RUN:
        status_text_put(page, "no run has begun");
        break;
    case JS_JOURNAL_MODEL_ENDED:
        put_ended(page);
        break;
    case JS_JOURNAL_MODEL_ON:
        put_on(page);
        break;
    case JS_JOURNAL_MODEL_BROKEN:
        status_text_put(page, "broke off");
        put_silent(page);
        status_text_put(page, "; the same command goes on");
        break;
    case JS_JOURNAL_MODEL_UNKNOWN:
        status_text_put(page, "may be running");
        put_silent(page);
        break;
    }
    status_text_put(page, "\n");
}

static bool is_on(const struct js_status_model *status)
{
    return status->life == JS_JOURNAL_MODEL_ON ||
           status->life == JS_JOURNAL_MODEL_UNKNOWN;
}

static void status_text_put_counts(struct page *page)
{
    const struct js_status_model *status = page->status;
    const struct js_status_model_counts *counts = &status->counts;
    SAY(page, "%: % done, % failed", JS_COUNTED(counts->jobs, "job"),
        JS_COUNT(counts->done), JS_COUNT(counts->failed));
    if (counts->skipped > 0)
        SAY(page, ", % skipped", JS_COUNT(counts->skipped));
    uint64_t running = counts->running + counts->brief;
    if (is_on(status))
        SAY(page, ", % running, % waiting", JS_COUNT(running),
            JS_COUNT(counts->left - running));
    else
        SAY(page, ", % left", JS_COUNT(counts->left));
    if (status->rate_per_s > 0)
        js_textbuf_put(&page->textbuf, "; %.3g jobs/s", status->rate_per_s);
    if (status->to_come_ns >= 0 && counts->left > 0)
        SAY(page, ", % left", JS_DURATION(status->to_come_ns));
    status_text_put(page, "\n");
}

/* ---------------------------------------------------------------- jobs */

static int compare_starts(const void *a, const void *b)
{
    const struct js_journal_model_begun *one = a, *other = b;
    return (one->start_unix_ns > other->start_unix_ns) -
           (one->start_unix_ns < other->start_unix_ns);
}

/* Returns all running jobs, the longest first; NULL without memory. */
static struct js_journal_model_begun *
sort_begun(const struct js_status_model *status, size_t count)
{
    struct js_journal_model_begun *begun = calloc(count, sizeof(*begun));
    for (size_t i = 0; begun && i < count; i++)
        js_journal_model_begun(status->model, i, &begun[i]);
    if (begun)
        qsort(begun, count, sizeof(*begun), compare_starts);
    return begun;
}

/* A list of a million jobs must not fill the screen: every section shows the
 * first few and a count of the rest. */
static void put_more(struct page *page, uint64_t all, uint64_t shown)
{
    if (all > shown)
        SAY(page, "  and % more\n", JS_COUNT(all - shown));
}

static void status_text_put_running(struct page *page)
{
    const struct js_status_model *status = page->status;
    size_t count = js_journal_model_counts(status->model).begun;
    struct js_journal_model_begun *begun =
        count > 0 ? sort_begun(status, count) : NULL;
    page->textbuf.has_failed |= count > 0 && !begun;
    if (!begun)
        return;
    status_text_put(page,
                    is_on(status) ? "running\n" : "ran when it broke off\n");
    for (size_t i = 0; i < count && i < RUNNING_SHOWN; i++) {
        struct js_journal_model_slave slave = slave_of(page, begun[i].slave);
        SAY(page, "  %  %  slave %", JS_COUNT(begun[i].id), JS_TEXT(slave.host),
            JS_COUNT(slave.rank));
        if (is_on(status))
            SAY(page, "  for %", AGE(page, begun[i].start_unix_ns));
        else
            SAY(page, "  since %", JS_TIME(begun[i].start_unix_ns));
        put_what(page, begun[i].id);
        status_text_put(page, "\n");
    }
    put_more(page, count, RUNNING_SHOWN);
    free(begun);
}

static void put_outcome(struct page *page,
                        const struct js_journal_model_attempt *attempt)
{
    struct js_buf text = JS_BUF_INIT;
    if (js_status_model_describe(page->status, attempt, &text) < 0 ||
        !js_buf_string(&text))
        page->textbuf.has_failed = true;
    else
        js_textbuf_put_text(&page->textbuf, text.data);
    js_buf_release(&text);
}

static void status_text_put_failed(struct page *page)
{
    const struct js_status_model *status = page->status;
    struct js_journal_model_attempt attempt;
    size_t at = JS_JOURNAL_MODEL_NONE;
    uint64_t shown = 0;
    if (status->counts.failed > 0)
        status_text_put(page, "failed (latest first)\n");
    while (shown < JS_STATUS_FAILED_SHOWN &&
           js_status_model_next_failed(status, &at, &attempt)) {
        struct js_journal_model_slave slave = slave_of(page, attempt.slave);
        SAY(page, "  %  ", JS_COUNT(attempt.id));
        put_outcome(page, &attempt);
        SAY(page, "  %  slave %  after %", JS_TEXT(slave.host),
            JS_COUNT(slave.rank), JS_DURATION(attempt.outcome.run_ns));
        put_what(page, attempt.id);
        status_text_put(page, "\n");
        status_text_put_tail(page, at, TAIL_SHOWN);
        shown++;
    }
    put_more(page, status->counts.failed, shown);
}

static const char *const waits[JS_WAIT_COUNT] = {
    [JS_WAIT_FOR_ROOM] = "for room",
    [JS_WAIT_FOR_JOBS] = "after jobs that have not ended",
    [JS_WAIT_BEHIND_WAIT] = "behind a wait line",
    [JS_WAIT_TO_SKIP] = "after jobs that failed",
};

static void status_text_put_waiting(struct page *page)
{
    const struct js_status_model *status = page->status;
    const struct js_status_model_counts *counts = &status->counts;
    const char *between = "  ";
    if (!status->list_state || counts->left <= counts->running)
        return;
    status_text_put(page, is_on(status) ? "waiting\n" : "left\n");
    for (int i = JS_WAIT_FOR_ROOM; i < JS_WAIT_COUNT; i++) {
        bool is_idle = i == JS_WAIT_FOR_ROOM && !is_on(status);
        if (counts->waiting[i] == 0)
            continue;
        SAY(page, "%% %", JS_TEXT(between), JS_COUNT(counts->waiting[i]),
            JS_TEXT(is_idle ? "to be run" : waits[i]));
        between = "; ";
    }
    status_text_put(page, "\n");
}

static void put_list(struct page *page)
{
    const struct js_status_model *status = page->status;
    if (status->list_error.text[0])
        SAY(page, "the list cannot be read, so there are no commands: %\n",
            JS_TEXT(status->list_error.text));
    uint64_t added = status->counts.added;
    if (added > 0)
        SAY(page, "% of the list % new, for the next run\n",
            JS_COUNTED(added, "job"), JS_TEXT(added == 1 ? "is" : "are"));
}

int js_status_text(const struct js_status_model *status, struct js_buf *buf)
{
    struct page page = {status, {.buf = buf, .keeps_backslashes = true}};
    put_life(&page);
    status_text_put_counts(&page);
    status_text_put_running(&page);
    status_text_put_failed(&page);
    status_text_put_waiting(&page);
    put_list(&page);
    return js_textbuf_check(&page.textbuf);
}

/* ---------------------------------------------------------------- one job */

/* Describes in a few words the state of a job that another one depends on. */
static void status_text_put_standing(struct page *page, uint64_t id)
{
    const struct js_status_model *status = page->status;
    struct js_journal_model_job job;
    struct js_journal_model_begun begun;
    if (id == 0) {
        status_text_put(page, "new, and accepted by the next run");
        return;
    }
    js_journal_model_job(status->model, id, &job);
    if (job.begun == JS_JOURNAL_MODEL_NONE) {
        static const char *const words[] = {
            [JS_JOB_STATE_LEFT] = "waiting",
            [JS_JOB_STATE_SUCCEEDED] = "done",
            [JS_JOB_STATE_FAILED] = "failed",
            [JS_JOB_STATE_SKIPPED] = "skipped",
        };
        bool is_left = job.state == JS_JOB_STATE_LEFT && !is_on(status);
        status_text_put(page, is_left ? "left" : words[job.state]);
        return;
    }
    js_journal_model_begun(status->model, job.begun, &begun);
    struct js_journal_model_slave slave = slave_of(page, begun.slave);
    if (is_on(status))
        SAY(page, "running on % (slave %) for %", JS_TEXT(slave.host),
            JS_COUNT(slave.rank), AGE(page, begun.start_unix_ns));
    else
        SAY(page, "not ended: it ran on % (slave %) since %",
            JS_TEXT(slave.host), JS_COUNT(slave.rank),
            JS_TIME(begun.start_unix_ns));
}

static void status_text_put_title(struct page *page)
{
    const struct js_status_model *status = page->status;
    const struct js_status_model_job *it = &status->explained;
    struct js_journal_model_job job = {.name = ""};
    if (it->id > 0)
        js_journal_model_job(status->model, it->id, &job);
    const char *name = it->job ? js_job_name(it->job) : job.name;
    if (it->id > 0)
        SAY(page, "job %", JS_COUNT(it->id));
    else
        status_text_put(page, "a job");
    if (name[0])
        SAY(page, " \"%\"", JS_TEXT(name));
    if (it->job)
        SAY(page, " (%:%)", JS_TEXT(status->config.job_file),
            JS_COUNT(it->job->line));
    status_text_put(page, ": ");
    status_text_put_standing(page, it->id);
    status_text_put(page,
                    job.is_gone ? "; it is no longer in the list\n" : "\n");
}

static void status_text_put_need(struct page *page,
                                 const struct js_request *request)
{
    status_text_put(page, "  needs ");
    page->textbuf.has_failed |=
        js_request_describe(request, page->textbuf.buf) < 0;
    if (js_request_nodes(request) > 1)
        SAY(page, " on each of % hosts", JS_COUNT(js_request_nodes(request)));
    status_text_put(page, "\n");
}

static void status_text_put_awaited(void *arg, const struct js_awaited *awaited)
{
    struct page *page = arg;
    SAY(page, "  comes after% %", JS_TEXT(awaited->any ? " the end of" : ""),
        JS_TEXT(awaited->name));
    if (awaited->id > 0)
        SAY(page, " (job %)", JS_COUNT(awaited->id));
    status_text_put(page, ", which is ");
    status_text_put_standing(page, awaited->id);
    status_text_put(page, "\n");
}

static void put_room(struct page *page)
{
    const struct js_status_model *status = page->status;
    const struct js_status_model_counts *counts = &status->counts;
    uint64_t ahead = status->explained.ahead;
    if (!is_on(status))
        status_text_put(page, "  the next start of the run runs it\n");
    else
        SAY(page,
            "  waits for room: %, % of them busy with jobs of a second or "
            "more; % above it wait% for room as well\n",
            JS_COUNTED(status->run.slots, "slot"), JS_COUNT(counts->running),
            JS_COUNTED(ahead, "job"), JS_TEXT(ahead == 1 ? "s" : ""));
}

static void status_text_put_reason(struct page *page)
{
    const struct js_status_model *status = page->status;
    const struct js_status_model_job *it = &status->explained;
    uint64_t above = js_list_state_above(status->list_state, it->job->seq);
    js_list_state_each(status->list_state, it->job->seq,
                       status_text_put_awaited, page);
    if (above > 0)
        SAY(page, "  is behind a wait line: % above it % not ended\n",
            JS_COUNTED(above, "job"), JS_TEXT(above == 1 ? "has" : "have"));
    if (it->wait == JS_WAIT_FOR_ROOM)
        put_room(page);
    if (it->wait == JS_WAIT_TO_SKIP)
        SAY(page, "  a job that it comes after has failed%\n",
            JS_TEXT(is_on(status) ? ": it is not run"
                                  : ": both run with the next start"));
}

/* Names the job because of which this one was skipped. */
static void status_text_put_parent(struct page *page, uint64_t id)
{
    struct js_journal_model_job parent;
    if (id == 0)
        return;
    js_journal_model_job(page->status->model, id, &parent);
    const char *end =
        parent.state == JS_JOB_STATE_SKIPPED ? "was skipped" : "failed";
    if (parent.name[0])
        SAY(page, "  comes after % (job %), which %\n", JS_TEXT(parent.name),
            JS_COUNT(id), JS_TEXT(end));
    else
        SAY(page, "  comes after job %, which %\n", JS_COUNT(id), JS_TEXT(end));
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
    js_journal_model_attempt(page->status->model, number, &attempt);
    const struct js_outcome *outcome = &attempt.outcome;
    struct js_journal_model_slave slave = slave_of(page, attempt.slave);
    SAY(page, "  %  %: ", JS_COUNT(attempt.attempt),
        JS_TEXT(words[attempt.kind]));
    put_outcome(page, &attempt);
    SAY(page, "  %  slave %  %  for %, CPU %, % MiB", JS_TEXT(slave.host),
        JS_COUNT(slave.rank), JS_TIME(outcome->start_unix_ns),
        JS_DURATION(outcome->run_ns),
        JS_DURATION(outcome->user_cpu_ns + outcome->system_cpu_ns),
        JS_COUNT(outcome->max_rss_bytes / (1024 * 1024)));
    if (outcome->leftovers > 0)
        SAY(page, "; % % that it left behind % ended",
            JS_COUNT(outcome->leftovers),
            JS_TEXT(outcome->leftovers == 1 ? "process" : "processes"),
            JS_TEXT(outcome->leftovers == 1 ? "was" : "were"));
    status_text_put(page, "\n");
    status_text_put_tail(page, number, UINT32_MAX);
}

/* Reports that the job may be what brought down its slaves. */
static void status_text_put_losses(struct page *page, uint32_t losses)
{
    if (losses > 0)
        SAY(page,
            "  % its slave, or the process that starts jobs there, was lost "
            "while it ran (% count as its failure): it runs again, alone on a "
            "slave\n",
            JS_COUNTED(losses, "time"), JS_COUNT(JS_SCHEDULER_LOSSES));
}

static void put_loss(struct page *page,
                     const struct js_journal_model_loss *loss)
{
    struct js_journal_model_slave slave = slave_of(page, loss->slave);
    SAY(page,
        "  -  lost: its slave, or the process that starts jobs there, was "
        "lost while it ran (loss %)  %  slave %  %\n",
        JS_COUNT(loss->count), JS_TEXT(slave.host), JS_COUNT(slave.rank),
        JS_TIME(loss->unix_ns));
}

/* The latest attempt comes first, of all runs. */
static void status_text_put_attempts(struct page *page, uint64_t id,
                                     size_t number)
{
    const struct js_journal_model *model = page->status->model;
    struct js_journal_model_attempt attempt;
    struct js_journal_model_loss loss;
    size_t at = JS_JOURNAL_MODEL_NONE;
    bool has_loss = js_journal_model_next_loss(model, id, &at, &loss);
    if (has_loss || number != JS_JOURNAL_MODEL_NONE)
        status_text_put(page, "attempts (latest first)\n");
    while (has_loss || number != JS_JOURNAL_MODEL_NONE) {
        if (has_loss &&
            (number == JS_JOURNAL_MODEL_NONE || loss.attempts > number)) {
            put_loss(page, &loss);
            has_loss = js_journal_model_next_loss(model, id, &at, &loss);
            continue;
        }
        status_text_put_attempt(page, number);
        js_journal_model_attempt(model, number, &attempt);
        number = attempt.previous;
    }
}

int js_status_explain(const struct js_status_model *status, struct js_buf *buf)
{
    struct page page = {status, {.buf = buf, .keeps_backslashes = true}};
    const struct js_status_model_job *it = &status->explained;
    struct js_journal_model_job job = {.latest = JS_JOURNAL_MODEL_NONE,
                                       .begun = JS_JOURNAL_MODEL_NONE};
    if (it->id > 0)
        js_journal_model_job(status->model, it->id, &job);
    put_life(&page);
    status_text_put_title(&page);
    if (it->job) {
        SAY(&page, "  %\n", COMMAND(it->job));
        status_text_put_need(&page, &it->job->request);
    }
    bool is_left =
        job.state == JS_JOB_STATE_LEFT && job.begun == JS_JOURNAL_MODEL_NONE;
    if (it->job && it->id > 0 && is_left)
        status_text_put_reason(&page);
    if (job.state == JS_JOB_STATE_SKIPPED)
        status_text_put_parent(&page, job.parent);
    status_text_put_losses(&page, job.losses);
    status_text_put_attempts(&page, it->id, job.latest);
    put_list(&page);
    return js_textbuf_check(&page.textbuf);
}
