#include "cli/status_text.h"

#include "cli/textbuf.h"
#include "sched/allocator.h"
#include "sched/scheduler.h"

#include <stdlib.h>
#include <string.h>

enum {
    RUNNING_SHOWN = 20,
    TAIL_SHOWN = 5, /* lines, where all failed jobs are listed */
};

/* The text is collected in memory and written at once, so that a reader never
 * sees half a page. All text that a user or a job has supplied goes through
 * SAY(), which escapes it. */
struct status_page {
    const struct js_status_model *status;
    struct js_textbuf textbuf;
    uint64_t awaited; /* jobs that the explained one waits for */
};

/* ---------------------------------------------------------------- pieces */

#define SAY(page, ...) JS_TEXTBUF_SAY(&(page)->textbuf, __VA_ARGS__)
#define AGE(page, since_unix_ns)                                               \
    JS_DURATION((page)->status->now_unix_ns - (since_unix_ns))
#define COMMAND(job) JS_BYTES((job)->command, (job)->command_len)

static void page_put(struct status_page *page, const char *text)
{
    js_textbuf_put(&page->textbuf, "%s", text);
}

/* Appends `before` and the values of the template that the job was made with,
 * if there was one. */
static void page_put_args(struct status_page *page, const struct js_job *job,
                          const char *before)
{
    struct js_buf args = JS_BUF_INIT;
    if (js_job_describe_args(job, before, &args) == 0)
        SAY(page, "%", JS_BYTES(args.data, args.len));
    js_buf_release(&args);
}

/* Appends the job's name, values and command, if there are any. */
static void page_put_what(struct status_page *page, uint64_t id)
{
    struct js_journal_model_job job;
    const struct js_job *listed = js_status_model_find(page->status, id);
    js_journal_model_job(page->status->model, id, &job);
    if (job.name[0])
        SAY(page, "  [%]", JS_TEXT(job.name));
    if (listed) {
        page_put_args(page, listed, "  ");
        SAY(page, "  %", COMMAND(listed));
    }
}

/* The journal may not name the host of a slave (record/journal_model.h). */
static struct js_journal_model_slave page_slave(const struct status_page *page,
                                                size_t number)
{
    struct js_journal_model_slave slave;
    js_journal_model_slave(page->status->model, number, &slave);
    if (!slave.host[0])
        slave.host = "?";
    return slave;
}

/* Appends the last `most` lines of the output that the journal has kept. */
static void page_put_tail(struct status_page *page, size_t attempt,
                          unsigned most)
{
    struct js_journal_model_tail tail;
    if (!js_journal_model_tail(page->status->model, attempt, &tail))
        return;
    size_t end = strlen(tail.text);
    /* The end is shown, because that is where a program says why it failed. A
     * newline at the end begins no line; further newlines would only be blank
     * lines. */
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

/* Reports what is known about a run that no longer reports: where to look for
 * it, and how long it has been silent. */
static void page_put_silent(struct status_page *page)
{
    const struct js_journal_model_run *run = &page->status->run;
    SAY(page, " on % (process %), last heard from % ago, after running for %",
        JS_TEXT(run->host), JS_COUNT(run->pid), AGE(page, run->seen_unix_ns),
        JS_DURATION(run->seen_unix_ns - run->begin_unix_ns));
}

static void page_put_life(struct status_page *page)
{
    const struct js_status_model *status = page->status;
    const struct js_journal_model_run *run = &status->run;
    SAY(page, "%: ",
        JS_TEXT(status->config.job_file ? status->config.job_file
                                        : status->config.journal));
    switch (status->life) {
    case JS_JOURNAL_MODEL_NO_RUN:
        page_put(page, "no run has started");
        break;
    case JS_JOURNAL_MODEL_ENDED:
        /* The user asks about the jobs, which the last run did not touch. */
        if (status->is_idle)
            run = &status->worked;
        SAY(page, "ended % ago with exit status %, on %, after running for %",
            AGE(page, run->end_unix_ns), JS_COUNT((unsigned)run->status),
            JS_TEXT(run->host),
            JS_DURATION(run->end_unix_ns - run->begin_unix_ns));
        if (status->is_idle)
            SAY(page, "; started again % ago, with nothing to run",
                AGE(page, status->run.begin_unix_ns));
        break;
    case JS_JOURNAL_MODEL_ON:
        SAY(page, "running on % for % (%, %)", JS_TEXT(run->host),
            AGE(page, run->begin_unix_ns), JS_COUNTED(run->slaves, "slave"),
            JS_COUNTED(run->slots, "slot"));
        if (run->silent_ns > 0)
            SAY(page, "; the journal has not taken a write for %",
                JS_DURATION(run->silent_ns));
        break;
    case JS_JOURNAL_MODEL_BROKEN:
        page_put(page, "broke off");
        page_put_silent(page);
        page_put(page, "; run the same command again to continue");
        break;
    case JS_JOURNAL_MODEL_UNKNOWN:
        page_put(page, "may be running");
        page_put_silent(page);
        break;
    }
    page_put(page, "\n");
}

/* A run on another host, about which nothing is known, counts as running. */
static bool status_is_on(const struct js_status_model *status)
{
    return status->life == JS_JOURNAL_MODEL_ON ||
           status->life == JS_JOURNAL_MODEL_UNKNOWN;
}

static void page_put_counts(struct status_page *page)
{
    const struct js_status_model *status = page->status;
    const struct js_status_model_counts *counts = &status->counts;
    /* Jobs of less than a second are not in the journal while they run; their
     * number is an average. */
    SAY(page, "%: % done, % failed", JS_COUNTED(counts->jobs, "job"),
        JS_COUNT(counts->done), JS_COUNT(counts->failed));
    if (counts->skipped > 0)
        SAY(page, ", % skipped", JS_COUNT(counts->skipped));
    /* count_brief() ensures that this never exceeds the number of jobs left. */
    uint64_t running = counts->running + counts->brief;
    if (status_is_on(status))
        SAY(page, ", % running, % waiting", JS_COUNT(running),
            JS_COUNT(counts->left - running));
    else
        SAY(page, ", % left", JS_COUNT(counts->left));
    if (status->rate_per_s > 0)
        js_textbuf_put(&page->textbuf, "; %.3g jobs/s", status->rate_per_s);
    if (status->to_come_ns >= 0 && counts->left > 0)
        SAY(page, ", % left", JS_DURATION(status->to_come_ns));
    page_put(page, "\n");
}

/* ---------------------------------------------------------------- jobs */

static int begun_compare_starts(const void *a, const void *b)
{
    const struct js_journal_model_begun *one = a, *other = b;
    return (one->start_unix_ns > other->start_unix_ns) -
           (one->start_unix_ns < other->start_unix_ns);
}

/* A list of a million jobs must not fill the screen: every section shows the
 * first few and a count of the rest. */
static void page_put_more(struct status_page *page, uint64_t all,
                          uint64_t shown)
{
    if (all > shown)
        SAY(page, "  and % more\n", JS_COUNT(all - shown));
}

static void page_put_running(struct status_page *page)
{
    const struct js_status_model *status = page->status;
    size_t count = js_journal_model_look(status->model).begun;
    if (count == 0)
        return;
    /* A copy, because it is sorted: what the model returns is in the order of
     * the journal. */
    struct js_journal_model_begun *begun = calloc(count, sizeof(*begun));
    if (!begun) {
        page->textbuf.has_failed = true;
        return;
    }
    for (size_t i = 0; i < count; i++)
        js_journal_model_begun(status->model, i, &begun[i]);
    /* The longest ones come first, because users ask about these. */
    qsort(begun, count, sizeof(*begun), begun_compare_starts);
    page_put(page, status_is_on(status) ? "running\n"
                                        : "running when it broke off\n");
    for (size_t i = 0; i < count && i < RUNNING_SHOWN; i++) {
        struct js_journal_model_slave slave = page_slave(page, begun[i].slave);
        SAY(page, "  %  %  slave %", JS_COUNT(begun[i].id), JS_TEXT(slave.host),
            JS_COUNT(slave.rank));
        /* How long a job of a broken run kept running is unknown. */
        if (status_is_on(status))
            SAY(page, "  for %", AGE(page, begun[i].start_unix_ns));
        else
            SAY(page, "  since %", JS_TIME(begun[i].start_unix_ns));
        page_put_what(page, begun[i].id);
        page_put(page, "\n");
    }
    page_put_more(page, count, RUNNING_SHOWN);
    free(begun);
}

static void page_put_outcome(struct status_page *page,
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

static void page_put_failed(struct status_page *page)
{
    const struct js_status_model *status = page->status;
    struct js_journal_model_attempt attempt;
    size_t at = JS_JOURNAL_MODEL_NONE;
    uint64_t shown = 0;
    if (status->counts.failed > 0)
        page_put(page, "failed (latest first)\n");
    while (shown < JS_STATUS_FAILED_SHOWN &&
           js_status_model_next_failed(status, &at, &attempt)) {
        struct js_journal_model_slave slave = page_slave(page, attempt.slave);
        SAY(page, "  %  ", JS_COUNT(attempt.id));
        page_put_outcome(page, &attempt);
        SAY(page, "  %  slave %  after %", JS_TEXT(slave.host),
            JS_COUNT(slave.rank), JS_DURATION(attempt.outcome.run_ns));
        page_put_what(page, attempt.id);
        page_put(page, "\n");
        page_put_tail(page, at, TAIL_SHOWN);
        shown++;
    }
    page_put_more(page, status->counts.failed, shown);
}

static void page_put_waiting(struct status_page *page)
{
    const struct js_status_model *status = page->status;
    const struct js_status_model_counts *counts = &status->counts;
    static const char *const reasons[JS_WAIT_COUNT] = {
        [JS_WAIT_FOR_ROOM] = "for free resources",
        [JS_WAIT_FOR_JOBS] = "for jobs that have not ended",
        [JS_WAIT_BEHIND_WAIT] = "for jobs above a wait line",
        [JS_WAIT_TO_SKIP] = "for jobs that failed",
    };
    const char *between = "  "; /* "; " after the first reason */
    /* Without the list, no dependency is known. */
    if (!status->list_state || counts->left <= counts->running)
        return;
    page_put(page, status_is_on(status) ? "waiting\n" : "left\n");
    for (int i = JS_WAIT_FOR_ROOM; i < JS_WAIT_COUNT; i++) {
        /* Without a run, nothing else keeps these from starting. */
        bool is_idle = i == JS_WAIT_FOR_ROOM && !status_is_on(status);
        if (counts->waiting[i] == 0)
            continue;
        SAY(page, "%% %", JS_TEXT(between), JS_COUNT(counts->waiting[i]),
            JS_TEXT(is_idle ? "to be run" : reasons[i]));
        between = "; ";
    }
    page_put(page, "\n");
}

static void page_put_list(struct status_page *page)
{
    const struct js_status_model *status = page->status;
    if (status->list_error.text[0])
        SAY(page, "the list cannot be read, so commands are not shown: %\n",
            JS_TEXT(status->list_error.text));
    uint64_t added = status->counts.added;
    if (added > 0)
        SAY(page, "% in the list % new: the next run will accept %\n",
            JS_COUNTED(added, "job"), JS_TEXT(added == 1 ? "is" : "are"),
            JS_TEXT(added == 1 ? "it" : "them"));
}

/* What users look for most often comes first: whether the run is active, then
 * how far it has come. The longer sections follow; the section about the list
 * is last. */
int js_status_text(const struct js_status_model *status, struct js_buf *buf)
{
    struct status_page page = {
        .status = status, .textbuf = {.buf = buf, .keeps_backslashes = true}};
    page_put_life(&page);
    page_put_counts(&page);
    page_put_running(&page);
    page_put_failed(&page);
    page_put_waiting(&page);
    page_put_list(&page);
    return js_textbuf_check(&page.textbuf);
}

/* ---------------------------------------------------------------- one job */

/* Describes the state of any job, not only of the explained one, in a few
 * words, which fit behind "job 3: " and behind "which is ". */
static void page_put_state(struct status_page *page, uint64_t id)
{
    const struct js_status_model *status = page->status;
    struct js_journal_model_job job;
    struct js_journal_model_begun begun;
    if (id == 0) {
        page_put(page, "new, and will be accepted by the next run");
        return;
    }
    js_journal_model_job(status->model, id, &job);
    if (job.begun == JS_JOURNAL_MODEL_NONE) {
        static const char *const names[] = {
            [JS_JOB_STATE_LEFT] = "waiting",
            [JS_JOB_STATE_SUCCEEDED] = "done",
            [JS_JOB_STATE_FAILED] = "failed",
            [JS_JOB_STATE_SKIPPED] = "skipped",
        };
        bool is_left = job.state == JS_JOB_STATE_LEFT && !status_is_on(status);
        page_put(page, is_left ? "left" : names[job.state]);
        return;
    }
    js_journal_model_begun(status->model, job.begun, &begun);
    struct js_journal_model_slave slave = page_slave(page, begun.slave);
    if (status_is_on(status))
        SAY(page, "running on % (slave %) for %", JS_TEXT(slave.host),
            JS_COUNT(slave.rank), AGE(page, begun.start_unix_ns));
    else
        SAY(page, "interrupted (it ran on %, slave %, from % on)",
            JS_TEXT(slave.host), JS_COUNT(slave.rank),
            JS_TIME(begun.start_unix_ns));
}

static void page_put_title(struct status_page *page)
{
    const struct js_status_model *status = page->status;
    const struct js_status_model_job *it = &status->explained;
    struct js_journal_model_job job = {.name = ""};
    if (it->id > 0)
        js_journal_model_job(status->model, it->id, &job);
    /* The list has the present name; the journal has the one of the last run.
     */
    const char *name = it->job ? js_job_name(it->job) : job.name;
    if (it->id > 0)
        SAY(page, "job %", JS_COUNT(it->id));
    else
        page_put(page, "a job");
    if (name[0])
        SAY(page, " \"%\"", JS_TEXT(name));
    if (it->job) {
        SAY(page, " (%:%", JS_TEXT(status->config.job_file),
            JS_COUNT(it->job->line));
        page_put_args(page, it->job, ": ");
        page_put(page, ")");
    }
    page_put(page, ": ");
    page_put_state(page, it->id);
    page_put(page, job.is_gone ? "; it is no longer in the list\n" : "\n");
}

/* A glob may stand for thousands of jobs; --json has them all. */
enum { AWAITED_SHOWN = 20 };

static void page_put_awaited(void *arg, const struct js_awaited *awaited)
{
    struct status_page *page = arg;
    if (page->awaited++ >= AWAITED_SHOWN)
        return;
    SAY(page, "  runs after% %", JS_TEXT(awaited->any ? " the end of" : ""),
        JS_TEXT(awaited->name));
    if (awaited->id > 0)
        SAY(page, " (job %)", JS_COUNT(awaited->id));
    page_put(page, ", which is ");
    page_put_state(page, awaited->id);
    page_put(page, "\n");
}

static void page_put_all_awaited(struct status_page *page)
{
    js_list_state_each(page->status->list_state,
                       page->status->explained.job->seq, page_put_awaited,
                       page);
    if (page->awaited > AWAITED_SHOWN)
        SAY(page, "  and after % that % not ended\n",
            JS_COUNTED(page->awaited - AWAITED_SHOWN, "more job"),
            JS_TEXT(page->awaited == AWAITED_SHOWN + 1 ? "has" : "have"));
}

/* Only jobs of a second or more can be counted: the journal does not know the
 * others. The jobs above it in the list are likely to start earlier. */
static void page_put_room(struct status_page *page)
{
    const struct js_status_model *status = page->status;
    uint64_t ahead = status->explained.ahead;
    if (status_is_on(status))
        SAY(page,
            "  waits for free resources: %, % of them busy with jobs of a "
            "second or more; % above it % as well\n",
            JS_COUNTED(status->run.slots, "slot"),
            JS_COUNT(status->counts.running), JS_COUNTED(ahead, "job"),
            JS_TEXT(ahead == 1 ? "waits" : "wait"));
    else
        page_put(page, "  will run when jobsched is started again\n");
}

/* Gives every reason, because the job has to wait for all of them. */
static void page_put_reasons(struct status_page *page)
{
    const struct js_status_model *status = page->status;
    const struct js_status_model_job *it = &status->explained;
    uint64_t above = js_list_state_above(status->list_state, it->job->seq);
    page_put_all_awaited(page);
    if (above > 0)
        SAY(page, "  is below a wait line: % above it % not ended\n",
            JS_COUNTED(above, "job"), JS_TEXT(above == 1 ? "has" : "have"));
    if (it->wait == JS_WAIT_TO_SKIP)
        SAY(page, "  a job that it depends on failed: %\n",
            JS_TEXT(status_is_on(status)
                        ? "it will be skipped"
                        : "both will run when jobsched is started again"));
    if (it->wait == JS_WAIT_FOR_ROOM)
        page_put_room(page);
}

/* Finds the job because of which this one was skipped. It may itself have been
 * skipped: the user then asks for that one, up to the failure. */
static void page_put_parent(struct status_page *page, uint64_t id)
{
    struct js_journal_model_job parent;
    if (id == 0)
        return;
    js_journal_model_job(page->status->model, id, &parent);
    const char *end =
        parent.state == JS_JOB_STATE_SKIPPED ? "was skipped" : "failed";
    if (parent.name[0])
        SAY(page, "  was to run after % (job %), which %\n",
            JS_TEXT(parent.name), JS_COUNT(id), JS_TEXT(end));
    else /* no job can come after it in any other way */
        SAY(page, "  is below a line `wait ok`: job % above it %\n",
            JS_COUNT(id), JS_TEXT(end));
}

static void page_put_attempt(struct status_page *page, size_t number)
{
    static const char *const names[JS_JOURNAL_MODEL_KINDS] = {
        [JS_JOURNAL_MODEL_OK] = "done",
        [JS_JOURNAL_MODEL_FAILED] = "failed",
        [JS_JOURNAL_MODEL_RETRIED] = "failed and ran again",
        [JS_JOURNAL_MODEL_STOPPED] = "stopped",
    };
    struct js_journal_model_attempt attempt;
    js_journal_model_attempt(page->status->model, number, &attempt);
    const struct js_outcome *outcome = &attempt.outcome;
    struct js_journal_model_slave slave = page_slave(page, attempt.slave);
    SAY(page, "  %  %: ", JS_COUNT(attempt.attempt),
        JS_TEXT(names[attempt.kind]));
    page_put_outcome(page, &attempt);
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
    page_put(page, "\n");
    page_put_tail(page, number, UINT32_MAX);
}

/* The latest attempt comes first, of all runs. Losses are sorted in by the
 * number of attempts that had ended before. */
static void page_put_attempts(struct status_page *page, uint64_t id,
                              size_t number)
{
    const struct js_journal_model *model = page->status->model;
    struct js_journal_model_attempt attempt;
    struct js_journal_model_loss loss;
    size_t at = JS_JOURNAL_MODEL_NONE;
    bool has_loss = js_journal_model_next_loss(model, id, &at, &loss);
    if (has_loss || number != JS_JOURNAL_MODEL_NONE)
        page_put(page, "attempts (latest first)\n");
    /* Attempts of all jobs are numbered together, in the order of the journal.
     * So a loss before which the journal has more than `number` attempts came
     * after that attempt. */
    while (has_loss || number != JS_JOURNAL_MODEL_NONE) {
        if (has_loss &&
            (number == JS_JOURNAL_MODEL_NONE || loss.attempts > number)) {
            struct js_journal_model_slave slave = page_slave(page, loss.slave);
            SAY(page,
                "  -  lost: its slave or runner was lost while it ran (loss %) "
                " %  slave %  %\n",
                JS_COUNT(loss.count), JS_TEXT(slave.host), JS_COUNT(slave.rank),
                JS_TIME(loss.unix_ns));
            has_loss = js_journal_model_next_loss(model, id, &at, &loss);
            continue;
        }
        page_put_attempt(page, number);
        js_journal_model_attempt(model, number, &attempt);
        number = attempt.previous;
    }
}

int js_status_explain(const struct js_status_model *status, struct js_buf *buf)
{
    struct status_page page = {
        .status = status, .textbuf = {.buf = buf, .keeps_backslashes = true}};
    const struct js_status_model_job *it = &status->explained;
    struct js_journal_model_job job = {.latest = JS_JOURNAL_MODEL_NONE,
                                       .begun = JS_JOURNAL_MODEL_NONE};
    if (it->id > 0)
        js_journal_model_job(status->model, it->id, &job);
    page_put_life(&page);
    page_put_title(&page);
    if (it->job) {
        SAY(&page, "  %\n", COMMAND(it->job));
        page_put(&page, "  needs ");
        page.textbuf.has_failed |=
            js_request_describe(&it->job->request, buf) < 0;
        uint64_t nodes = js_request_nodes(&it->job->request);
        if (nodes > 1)
            SAY(&page, " on each of % hosts", JS_COUNT(nodes));
        page_put(&page, "\n");
    }
    /* A job that has begun or ended waits for nothing, and neither does a new
     * job. */
    bool is_left =
        job.state == JS_JOB_STATE_LEFT && job.begun == JS_JOURNAL_MODEL_NONE;
    if (it->job && it->id > 0 && is_left)
        page_put_reasons(&page);
    if (job.state == JS_JOB_STATE_SKIPPED)
        page_put_parent(&page, job.parent);
    if (job.losses > 0) /* the job may have brought down its slaves */
        SAY(&page,
            "  its slave or runner was lost % while it ran: it runs again, "
            "alone on a slave, and fails after % such losses\n",
            JS_COUNTED(job.losses, "time"), JS_COUNT(JS_SCHEDULER_LOSSES));
    page_put_attempts(&page, it->id, job.latest);
    page_put_list(&page);
    return js_textbuf_check(&page.textbuf);
}
