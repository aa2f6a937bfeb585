#include "cli/status_text.h"

#include "base/clock.h"
#include "base/show.h"
#include "base/units.h"
#include "core/fit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    RUNNING_SHOWN = 20,
    TAIL_SHOWN = 5, /* lines, in the overview */
};

/* What is written; a failure is remembered until the end. */
struct sheet {
    const struct js_overview *overview;
    struct js_buf *buf;
    bool has_failed;
};

/* ---------------------------------------------------------------- pieces */

__attribute__((format(printf, 2, 3))) static void put(struct sheet *sheet,
                                                      const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sheet->has_failed |= js_buf_vprintf(sheet->buf, format, args) < 0;
    va_end(args);
}

/* From elsewhere. Backslashes stay as they are: it is read, and not read back.
 */
static void put_plainly(struct sheet *sheet, const char *bytes, size_t len)
{
    size_t before = sheet->buf->len;
    int rc = 0;
    for (size_t i = 0; i < len && rc == 0; i++)
        rc = bytes[i] == '\\' ? js_buf_append(sheet->buf, "\\", 1)
                              : js_buf_escape(sheet->buf, bytes + i, 1);
    if (rc < 0 || !js_buf_string(sheet->buf))
        sheet->has_failed = true;
    else
        js_show_plainly(sheet->buf->data + before);
}

static void put_text(struct sheet *sheet, const char *text)
{
    put_plainly(sheet, text, strlen(text));
}

static void put_duration(struct sheet *sheet, int64_t ns)
{
    sheet->has_failed |= js_show_duration(sheet->buf, ns) < 0;
}

/* In the time of whoever reads it. */
static void put_time(struct sheet *sheet, int64_t unix_ns)
{
    char text[32];
    struct tm fields;
    time_t seconds = (time_t)(unix_ns / JS_NS_PER_S);
    if (localtime_r(&seconds, &fields) &&
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &fields) > 0)
        put(sheet, "%s", text);
    else
        put(sheet, "%" PRId64, unix_ns / JS_NS_PER_S);
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void put_command(struct sheet *sheet, const struct js_job *job)
{
    put_plainly(sheet, job->command, job->command_len);
}

/* What there is of its name and command. */
static void put_what(struct sheet *sheet, uint64_t id)
{
    struct js_history_job job;
    const struct js_job *listed = js_overview_find(sheet->overview, id);
    js_history_job(sheet->overview->history, id, &job);
    if (job.name[0]) {
        put(sheet, "  [");
        put_text(sheet, job.name);
        put(sheet, "]");
    }
    if (listed) {
        put(sheet, "  ");
        put_command(sheet, listed);
    }
}

static void put_place(struct sheet *sheet, size_t number)
{
    struct js_history_slave slave;
    js_history_slave(sheet->overview->history, number, &slave);
    put_text(sheet, slave.host[0] ? slave.host : "?");
    put(sheet, "  slave %" PRIu64, slave.rank);
}

/* The same in a sentence. */
static void put_place_of(struct sheet *sheet, size_t number)
{
    struct js_history_slave slave;
    js_history_slave(sheet->overview->history, number, &slave);
    put_text(sheet, slave.host[0] ? slave.host : "?");
    put(sheet, " (slave %" PRIu64 ")", slave.rank);
}

static void put_age(struct sheet *sheet, int64_t since_unix_ns)
{
    put_duration(sheet, sheet->overview->now_unix_ns - since_unix_ns);
}

/* The last `most` lines. */
static void put_tail(struct sheet *sheet, size_t attempt, unsigned most)
{
    struct js_history_tail tail;
    if (!js_history_tail(sheet->overview->history, attempt, &tail))
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
        put(sheet, "       | ");
        put_plainly(sheet, tail.text + start, len);
        put(sheet, "\n");
        start += len + 1;
    }
}

/* ---------------------------------------------------------------- the run */

static const char *name_of(const struct js_overview *overview)
{
    return overview->config.job_file ? overview->config.job_file
                                     : overview->config.journal;
}

static void put_on(struct sheet *sheet)
{
    const struct js_history_run *run = &sheet->overview->run;
    put(sheet, "running on ");
    put_text(sheet, run->host);
    put(sheet, " for ");
    put_age(sheet, run->begin_unix_ns);
    put(sheet, " (%zu slave%s, %" PRIu64 " slot%s)", run->slaves,
        plural(run->slaves), run->slots, plural(run->slots));
}

static void put_ended(struct sheet *sheet)
{
    const struct js_history_run *run = &sheet->overview->run;
    put(sheet, "ended ");
    put_age(sheet, run->end_unix_ns);
    put(sheet, " ago with exit status %d, on ", run->status);
    put_text(sheet, run->host);
    put(sheet, " after ");
    put_duration(sheet, run->end_unix_ns - run->begin_unix_ns);
}

/* "broke off", or whatever the word is. */
static void put_silent(struct sheet *sheet, const char *word)
{
    const struct js_history_run *run = &sheet->overview->run;
    put(sheet, "%s on ", word);
    put_text(sheet, run->host);
    put(sheet, " (process %" PRIu64 "), last heard of ", run->pid);
    put_age(sheet, run->seen_unix_ns);
    put(sheet, " ago, after ");
    put_duration(sheet, run->seen_unix_ns - run->begin_unix_ns);
}

static void put_life(struct sheet *sheet)
{
    put_text(sheet, name_of(sheet->overview));
    put(sheet, ": ");
    switch (sheet->overview->life) {
    case JS_HISTORY_NO_RUN:
        put(sheet, "no run has begun");
        break;
    case JS_HISTORY_ENDED:
        put_ended(sheet);
        break;
    case JS_HISTORY_ON:
        put_on(sheet);
        break;
    case JS_HISTORY_BROKEN:
        put_silent(sheet, "broke off");
        put(sheet, "; the same command goes on");
        break;
    case JS_HISTORY_UNKNOWN:
        put_silent(sheet, "may be running");
        break;
    }
    put(sheet, "\n");
}

static bool is_on(const struct js_overview *overview)
{
    return overview->life == JS_HISTORY_ON ||
           overview->life == JS_HISTORY_UNKNOWN;
}

static void put_counts(struct sheet *sheet)
{
    const struct js_overview *overview = sheet->overview;
    const struct js_overview_counts *counts = &overview->counts;
    put(sheet, "%" PRIu64 " job%s: %" PRIu64 " done, %" PRIu64 " failed",
        counts->jobs, plural(counts->jobs), counts->done, counts->failed);
    if (counts->skipped > 0)
        put(sheet, ", %" PRIu64 " skipped", counts->skipped);
    if (is_on(overview))
        put(sheet, ", %" PRIu64 " running, %" PRIu64 " waiting",
            counts->running, counts->left - counts->running);
    else
        put(sheet, ", %" PRIu64 " left", counts->left);
    if (overview->rate_per_s > 0)
        put(sheet, "; %.3g jobs/s", overview->rate_per_s);
    if (overview->to_come_ns >= 0 && counts->left > 0) {
        put(sheet, ", ");
        put_duration(sheet, overview->to_come_ns);
        put(sheet, " left");
    }
    put(sheet, "\n");
}

/* ---------------------------------------------------------------- jobs */

static int compare_starts(const void *a, const void *b)
{
    const struct js_history_begun *one = a, *other = b;
    return (one->start_unix_ns > other->start_unix_ns) -
           (one->start_unix_ns < other->start_unix_ns);
}

/* All of them, the longest first; NULL without memory. */
static struct js_history_begun *sort_begun(const struct js_overview *overview,
                                           size_t count)
{
    struct js_history_begun *begun = calloc(count, sizeof(*begun));
    for (size_t i = 0; begun && i < count; i++)
        js_history_begun(overview->history, i, &begun[i]);
    if (begun)
        qsort(begun, count, sizeof(*begun), compare_starts);
    return begun;
}

static void put_more(struct sheet *sheet, uint64_t all, uint64_t shown)
{
    if (all > shown)
        put(sheet, "  and %" PRIu64 " more\n", all - shown);
}

static void put_running(struct sheet *sheet)
{
    const struct js_overview *overview = sheet->overview;
    size_t count = js_history_begun_count(overview->history);
    struct js_history_begun *begun =
        count > 0 ? sort_begun(overview, count) : NULL;
    sheet->has_failed |= count > 0 && !begun;
    if (!begun)
        return;
    put(sheet, is_on(overview) ? "running\n" : "ran when it broke off\n");
    for (size_t i = 0; i < count && i < RUNNING_SHOWN; i++) {
        put(sheet, "  %" PRIu64 "  ", begun[i].id);
        put_place(sheet, begun[i].slave);
        put(sheet, is_on(overview) ? "  for " : "  since ");
        if (is_on(overview))
            put_age(sheet, begun[i].start_unix_ns);
        else
            put_time(sheet, begun[i].start_unix_ns);
        put_what(sheet, begun[i].id);
        put(sheet, "\n");
    }
    put_more(sheet, count, RUNNING_SHOWN);
    free(begun);
}

static void put_outcome(struct sheet *sheet,
                        const struct js_history_attempt *attempt)
{
    struct js_buf text = JS_BUF_INIT;
    if (js_outcome_describe(&attempt->outcome, &text) < 0 ||
        !js_buf_string(&text))
        sheet->has_failed = true;
    else
        put_text(sheet, text.data);
    js_buf_release(&text);
}

static void put_failed(struct sheet *sheet)
{
    const struct js_overview *overview = sheet->overview;
    struct js_history_attempt attempt;
    size_t at = JS_HISTORY_NONE;
    uint64_t shown = 0;
    if (overview->counts.failed > 0)
        put(sheet, "failed (latest first)\n");
    while (shown < JS_STATUS_FAILED_SHOWN &&
           js_overview_next_failed(overview, &at, &attempt)) {
        put(sheet, "  %" PRIu64 "  ", attempt.id);
        put_outcome(sheet, &attempt);
        put(sheet, "  ");
        put_place(sheet, attempt.slave);
        put(sheet, "  after ");
        put_duration(sheet, attempt.outcome.run_ns);
        put_what(sheet, attempt.id);
        put(sheet, "\n");
        put_tail(sheet, at, TAIL_SHOWN);
        shown++;
    }
    put_more(sheet, overview->counts.failed, shown);
}

static const char *const waits[JS_WAIT_COUNT] = {
    [JS_WAIT_FOR_ROOM] = "for room",
    [JS_WAIT_FOR_JOBS] = "after jobs that have not ended",
    [JS_WAIT_BEHIND_WAIT] = "behind a wait line",
    [JS_WAIT_TO_SKIP] = "after jobs that failed",
};

static void put_waiting(struct sheet *sheet)
{
    const struct js_overview *overview = sheet->overview;
    const struct js_overview_counts *counts = &overview->counts;
    const char *between = "  ";
    if (!overview->waits || counts->left <= counts->running)
        return;
    put(sheet, is_on(overview) ? "waiting\n" : "left\n");
    for (int i = JS_WAIT_FOR_ROOM; i < JS_WAIT_COUNT; i++) {
        bool is_idle = i == JS_WAIT_FOR_ROOM && !is_on(overview);
        if (counts->waiting[i] == 0)
            continue;
        put(sheet, "%s%" PRIu64 " %s", between, counts->waiting[i],
            is_idle ? "to be run" : waits[i]);
        between = "; ";
    }
    put(sheet, "\n");
}

static void put_list(struct sheet *sheet)
{
    const struct js_overview *overview = sheet->overview;
    if (overview->list_error.text[0]) {
        put(sheet, "the list cannot be read, so there are no commands: ");
        put_text(sheet, overview->list_error.text);
        put(sheet, "\n");
    }
    if (overview->counts.added > 0)
        put(sheet, "%" PRIu64 " job%s of the list %s new, for the next run\n",
            overview->counts.added, plural(overview->counts.added),
            overview->counts.added == 1 ? "is" : "are");
}

static int finish(const struct sheet *sheet)
{
    if (!sheet->has_failed)
        return 0;
    errno = ENOMEM;
    return -1;
}

int js_status_text(const struct js_overview *overview, struct js_buf *buf)
{
    struct sheet sheet = {overview, buf, false};
    put_life(&sheet);
    put_counts(&sheet);
    put_running(&sheet);
    put_failed(&sheet);
    put_waiting(&sheet);
    put_list(&sheet);
    return finish(&sheet);
}

/* ---------------------------------------------------------------- one job */

/* How a job stands, in some words: of one that another comes after. */
static void put_standing(struct sheet *sheet, uint64_t id)
{
    const struct js_overview *overview = sheet->overview;
    struct js_history_job job;
    struct js_history_begun begun;
    if (id == 0) {
        put(sheet, "new, and accepted by the next run");
        return;
    }
    js_history_job(overview->history, id, &job);
    if (job.begun == JS_HISTORY_NONE) {
        static const char *const words[] = {
            [JS_STANDING_LEFT] = "waiting",
            [JS_STANDING_SUCCEEDED] = "done",
            [JS_STANDING_FAILED] = "failed",
            [JS_STANDING_SKIPPED] = "skipped",
        };
        bool is_left = job.standing == JS_STANDING_LEFT && !is_on(overview);
        put(sheet, "%s", is_left ? "left" : words[job.standing]);
        return;
    }
    js_history_begun(overview->history, job.begun, &begun);
    put(sheet, is_on(overview) ? "running on " : "not ended: it ran on ");
    put_place_of(sheet, begun.slave);
    put(sheet, is_on(overview) ? " for " : " since ");
    if (is_on(overview))
        put_age(sheet, begun.start_unix_ns);
    else
        put_time(sheet, begun.start_unix_ns);
}

static void put_title(struct sheet *sheet)
{
    const struct js_overview *overview = sheet->overview;
    const struct js_overview_job *it = &overview->explained;
    struct js_history_job job = {.name = ""};
    if (it->id > 0)
        js_history_job(overview->history, it->id, &job);
    const char *name = it->job ? js_job_name(it->job) : job.name;
    if (it->id > 0)
        put(sheet, "job %" PRIu64, it->id);
    else
        put(sheet, "a job");
    if (name[0]) {
        put(sheet, " \"");
        put_text(sheet, name);
        put(sheet, "\"");
    }
    if (it->job) {
        put(sheet, " (");
        put_text(sheet, overview->config.job_file);
        put(sheet, ":%" PRIu64 ")", it->job->line);
    }
    put(sheet, ": ");
    put_standing(sheet, it->id);
    if (job.is_gone)
        put(sheet, "; it is no longer in the list");
    put(sheet, "\n");
}

static void put_need(struct sheet *sheet, const struct js_need *need)
{
    put(sheet, "  needs ");
    sheet->has_failed |= js_fit_need(need, sheet->buf) < 0;
    if (js_need_nodes(need) > 1)
        put(sheet, " on each of %" PRIu32 " hosts", js_need_nodes(need));
    put(sheet, "\n");
}

static void put_awaited(void *arg, const struct js_awaited *awaited)
{
    struct sheet *sheet = arg;
    put(sheet, "  comes after%s ", awaited->any ? " the end of" : "");
    put_text(sheet, awaited->name);
    if (awaited->id > 0)
        put(sheet, " (job %" PRIu64 ")", awaited->id);
    put(sheet, ", which is ");
    put_standing(sheet, awaited->id);
    put(sheet, "\n");
}

static void put_room(struct sheet *sheet)
{
    const struct js_overview *overview = sheet->overview;
    const struct js_overview_counts *counts = &overview->counts;
    uint64_t slots = overview->run.slots;
    if (!is_on(overview)) {
        put(sheet, "  the next start of the run runs it\n");
        return;
    }
    put(sheet,
        "  waits for room: %" PRIu64 " slot%s, %" PRIu64 " of them busy with "
        "jobs of a second or more; %" PRIu64 " job%s above it wait%s for room "
        "as well\n",
        slots, plural(slots), counts->running, overview->explained.ahead,
        plural(overview->explained.ahead),
        overview->explained.ahead == 1 ? "s" : "");
}

static void put_reason(struct sheet *sheet)
{
    const struct js_overview *overview = sheet->overview;
    const struct js_overview_job *it = &overview->explained;
    uint64_t above = js_waits_above(overview->waits, it->job->seq);
    js_waits_each(overview->waits, it->job->seq, put_awaited, sheet);
    if (above > 0)
        put(sheet,
            "  is behind a wait line: %" PRIu64 " job%s above it %s not "
            "ended\n",
            above, plural(above), above == 1 ? "has" : "have");
    if (it->wait == JS_WAIT_FOR_ROOM)
        put_room(sheet);
    if (it->wait == JS_WAIT_TO_SKIP)
        put(sheet, "  a job that it comes after has failed%s\n",
            is_on(overview) ? ": it is not run"
                            : ": both run with the next start");
}

/* Of a skipped job. */
static void put_parent(struct sheet *sheet, uint64_t id)
{
    struct js_history_job parent;
    if (id == 0)
        return;
    js_history_job(sheet->overview->history, id, &parent);
    put(sheet, "  comes after ");
    if (parent.name[0]) {
        put_text(sheet, parent.name);
        put(sheet, " (job %" PRIu64 ")", id);
    } else {
        put(sheet, "job %" PRIu64, id);
    }
    put(sheet, ", which %s\n",
        parent.standing == JS_STANDING_SKIPPED ? "was skipped" : "failed");
}

static void put_attempt(struct sheet *sheet, size_t number)
{
    static const char *const words[JS_HISTORY_KINDS] = {
        [JS_HISTORY_OK] = "done",
        [JS_HISTORY_FAILED] = "failed",
        [JS_HISTORY_RETRIED] = "failed and ran again",
        [JS_HISTORY_STOPPED] = "stopped",
    };
    struct js_history_attempt attempt;
    js_history_attempt(sheet->overview->history, number, &attempt);
    put(sheet, "  %" PRIu32 "  %s: ", attempt.attempt, words[attempt.kind]);
    put_outcome(sheet, &attempt);
    put(sheet, "  ");
    put_place(sheet, attempt.slave);
    put(sheet, "  ");
    put_time(sheet, attempt.outcome.start_unix_ns);
    put(sheet, "  for ");
    put_duration(sheet, attempt.outcome.run_ns);
    put(sheet, ", CPU ");
    put_duration(sheet,
                 attempt.outcome.user_cpu_ns + attempt.outcome.system_cpu_ns);
    put(sheet, ", %" PRIu64 " MiB\n",
        attempt.outcome.max_rss_bytes / (1024 * 1024));
    put_tail(sheet, number, UINT32_MAX);
}

/* The latest first, of all runs. */
static void put_attempts(struct sheet *sheet, size_t number)
{
    if (number != JS_HISTORY_NONE)
        put(sheet, "attempts (latest first)\n");
    while (number != JS_HISTORY_NONE) {
        struct js_history_attempt attempt;
        put_attempt(sheet, number);
        js_history_attempt(sheet->overview->history, number, &attempt);
        number = attempt.earlier;
    }
}

int js_status_explain(const struct js_overview *overview, struct js_buf *buf)
{
    struct sheet sheet = {overview, buf, false};
    const struct js_overview_job *it = &overview->explained;
    struct js_history_job job = {.latest = JS_HISTORY_NONE,
                                 .begun = JS_HISTORY_NONE};
    if (it->id > 0)
        js_history_job(overview->history, it->id, &job);
    put_life(&sheet);
    put_title(&sheet);
    if (it->job) {
        put(&sheet, "  ");
        put_command(&sheet, it->job);
        put(&sheet, "\n");
        put_need(&sheet, &it->job->need);
    }
    bool is_left =
        job.standing == JS_STANDING_LEFT && job.begun == JS_HISTORY_NONE;
    if (it->job && it->id > 0 && is_left)
        put_reason(&sheet);
    if (job.standing == JS_STANDING_SKIPPED)
        put_parent(&sheet, job.parent);
    put_attempts(&sheet, job.latest);
    put_list(&sheet);
    return finish(&sheet);
}
