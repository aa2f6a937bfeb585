#include "record/summary.h"

#include "base/units.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

/* As much of a command as a person wants to see in a sentence. */
enum { COMMAND_SHOWN = 100 };

static void count_end(struct js_tally *tally, const struct js_finish *finish)
{
    if (finish->outcome.cause == JS_CAUSE_STOPPED)
        tally->stopped++;
    else if (js_outcome_succeeded(&finish->outcome))
        tally->done++;
    else
        tally->failed++;
    if (finish->job->attempt > 1)
        tally->retried += finish->job->attempt - 1;
}

void js_tally_add(struct js_tally *tally, const struct js_finish *finish)
{
    if (finish->fate == JS_FATE_SKIPPED) {
        tally->skipped++;
        return;
    }
    if (finish->fate == JS_FATE_ENDED)
        count_end(tally, finish);
    tally->leftovers += finish->outcome.leftovers;
    if (finish->outcome.run_ns > 0)
        tally->busy_ns += finish->outcome.run_ns;
}

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* The text was cut before text[end]: takes back what there is of a UTF-8
 * character that goes on there. */
static void drop_partial_character(struct js_buf *buf, const char *text,
                                   size_t end)
{
    for (int i = 0; i < 3 && end > 0 && is_continuation(text[end]); i++) {
        end--;
        if ((unsigned char)text[end] < 0x80)
            return;
        buf->len--;
    }
}

static int append_cut(struct js_buf *buf, const char *text, size_t len)
{
    size_t begin = buf->len;
    for (size_t i = 0; i < len; i++) {
        size_t before = buf->len;
        if (js_buf_escape(buf, text + i, 1) < 0)
            return -1;
        if (buf->len - begin <= COMMAND_SHOWN)
            continue;
        buf->len = before;
        drop_partial_character(buf, text, i);
        return js_buf_puts(buf, "...");
    }
    return 0;
}

static int append_command(struct js_buf *buf, const struct js_job *job)
{
    if (job->kind == JS_JOB_SIMULATED)
        return js_buf_puts(buf, "(simulated)");
    return append_cut(buf, job->command, job->command_len);
}

int js_tally_who(const struct js_job *job, struct js_buf *buf)
{
    const char *name = js_job_name(job);
    if (js_buf_printf(buf, "job %" PRIu64, job->id) < 0)
        return -1;
    if (name[0] && js_buf_printf(buf, " \"%s\"", name) < 0)
        return -1;
    return job->line == 0
               ? 0
               : js_buf_printf(buf, " (line %" PRIu64 ")", job->line);
}

static int append_skipped(struct js_buf *buf, const char *reason)
{
    return js_buf_printf(buf, " skipped: %s",
                         reason ? reason : "what it comes after failed");
}

static int append_where(struct js_buf *buf, const struct js_finish *finish)
{
    bool is_stopped = finish->outcome.cause == JS_CAUSE_STOPPED;
    if (js_buf_puts(buf, is_stopped ? " ended on " : " failed on ") < 0 ||
        js_buf_escape(buf, finish->host, strlen(finish->host)) < 0)
        return -1;
    if (finish->fate != JS_FATE_RETRIED)
        return 0;
    return js_buf_printf(buf, ", attempt %" PRIu32, finish->job->attempt);
}

static int describe_outcome(const struct js_finish *finish, struct js_buf *buf)
{
    const struct js_outcome *outcome = &finish->outcome;
    return js_outcome_describe(outcome, js_job_path(finish->job, outcome->step),
                               buf);
}

int js_tally_describe(const struct js_finish *finish, const char *reason,
                      struct js_buf *buf)
{
    bool is_retried = finish->fate == JS_FATE_RETRIED;
    if (js_tally_who(finish->job, buf) < 0)
        return -1;
    if (finish->fate == JS_FATE_SKIPPED)
        return append_skipped(buf, reason);
    if (append_where(buf, finish) < 0 || js_buf_puts(buf, ": ") < 0 ||
        describe_outcome(finish, buf) < 0 ||
        js_buf_puts(buf, is_retried ? "; it runs again: " : ": ") < 0)
        return -1;
    return append_command(buf, finish->job);
}

int js_tally_mishap(const struct js_finish *finish, struct js_buf *buf)
{
    const struct js_outcome *outcome = &finish->outcome;
    bool is_exit = outcome->step == JS_STEP_NONE &&
                   outcome->cause == JS_CAUSE_NONE && outcome->signal == 0;
    bool is_signal = outcome->step == JS_STEP_NONE && !is_exit &&
                     outcome->cause != JS_CAUSE_TIMEOUT;
    if (js_buf_puts(buf, is_exit     ? "failed with "
                         : is_signal ? "was "
                                     : "") < 0)
        return -1;
    return describe_outcome(finish, buf);
}

static int append_counts(struct js_buf *buf, const struct js_tally *tally,
                         uint64_t left)
{
    bool known = left != UINT64_MAX;
    uint64_t ended = tally->done + tally->failed + tally->skipped;
    uint64_t jobs = known ? ended + left : ended;
    if (js_buf_printf(buf,
                      "%" PRIu64 " job%s%s: %" PRIu64 " done, %" PRIu64
                      " failed, %" PRIu64 " skipped, ",
                      jobs, js_plural(jobs), known ? "" : " ended", tally->done,
                      tally->failed, tally->skipped) < 0)
        return -1;
    if (known)
        return js_buf_printf(buf, "%" PRIu64 " left", left);
    return js_buf_puts(buf, "an unknown number left");
}

static int append_leftovers(struct js_buf *buf, uint64_t count)
{
    if (count == 0)
        return 0;
    return js_buf_printf(
        buf, "; %" PRIu64 " process%s that jobs left behind %s", count,
        count == 1 ? "" : "es", count == 1 ? "was ended" : "were ended");
}

int js_tally_summary(const struct js_tally *tally, uint64_t left,
                     int64_t wall_ns, uint64_t slots, struct js_buf *buf)
{
    uint64_t retried = tally->retried;
    if (append_counts(buf, tally, left) < 0)
        return -1;
    if (retried > 0 &&
        js_buf_printf(buf, " (%" PRIu64 " attempt%s failed and %s run again)",
                      retried, js_plural(retried),
                      retried == 1 ? "was" : "were") < 0)
        return -1;
    if (js_buf_puts(buf, "; ") < 0 || js_show_duration(buf, wall_ns) < 0)
        return -1;
    if (slots > 0 &&
        js_buf_printf(buf, ", %" PRIu64 " slot%s %.0f %% busy", slots,
                      js_plural(slots),
                      100 * js_tally_busy(tally, wall_ns, slots)) < 0)
        return -1;
    return append_leftovers(buf, tally->leftovers);
}

double js_tally_busy(const struct js_tally *tally, int64_t wall_ns,
                     uint64_t slots)
{
    if (slots == 0 || wall_ns <= 0)
        return 0;
    double busy = (double)tally->busy_ns / ((double)wall_ns * (double)slots);
    return busy < 1 ? busy : 1;
}
