#include "record/completion.h"

#include "base/file.h"
#include "base/text.h"
#include "base/units.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

/* ---------------------------------------------------------------- the tail */

bool js_output_tail_begin(struct js_output_tail *tail,
                          const struct js_outcome *outcome)
{
    if (js_outcome_succeeded(outcome) ||
        outcome->cause == JS_STOP_REASON_STOPPED)
        return false;
    *tail = (struct js_output_tail){.stream = outcome->err_bytes > 0 ? 2 : 1};
    return true;
}

/* Output arrives in pieces of any size; the last bytes of all of them are kept.
 */
void js_output_tail_add(struct js_output_tail *tail, const char *bytes,
                        size_t len)
{
    size_t most = JS_OUTPUT_TAIL_MAX;
    size_t whole = tail->len + len;
    if (len > most) {
        bytes += len - most;
        len = most;
    }
    if (tail->len + len > most) {
        size_t front = tail->len + len - most;
        tail->len -= front;
        memmove(tail->bytes, tail->bytes + front, tail->len);
    }
    tail->is_cut |= whole > most;
    memcpy(tail->bytes + tail->len, bytes, len);
    tail->len += len;
}

/* Half a line or half a character at the front would puzzle a reader more than
 * leaving it out. A single long line is kept all the same. */
void js_output_tail_trim(struct js_output_tail *tail)
{
    size_t count = 0;
    const char *newline = memchr(tail->bytes, '\n', tail->len);
    if (!tail->is_cut)
        return;
    tail->is_cut = false;
    if (newline && newline + 1 < tail->bytes + tail->len)
        count = (size_t)(newline + 1 - tail->bytes);
    else
        while (count < JS_TEXT_CONTINUATIONS_MAX &&
               js_text_is_continuation(tail->bytes[count]))
            count++;
    tail->len -= count;
    memmove(tail->bytes, tail->bytes + count, tail->len);
}

/* A job may have replaced its own output file with anything. The size shows
 * whether it still has the content that the job has written; if not, no tail is
 * better than a wrong one. */
bool js_output_tail_read(struct js_output_tail *tail, const char *path,
                         uint64_t size)
{
    char bytes[JS_OUTPUT_TAIL_MAX];
    struct stat st;
    bool is_read = false;
    int fd =
        open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        (uint64_t)st.st_size == size) {
        off_t at =
            size > JS_OUTPUT_TAIL_MAX ? (off_t)(size - JS_OUTPUT_TAIL_MAX) : 0;
        ssize_t n = js_file_pread(fd, bytes, sizeof(bytes), at);
        tail->is_cut = at > 0;
        is_read = n > 0;
        if (is_read)
            js_output_tail_add(tail, bytes, (size_t)n);
        js_output_tail_trim(tail);
    }
    js_fd_close(&fd);
    return is_read;
}

/* ---------------------------------------------------------------- all jobs */

/* The longest part of a command that a person wants to see in a sentence. */
enum { COMMAND_SHOWN = 100 };

/* A job counts once, with its last attempt; the time that slots were busy and
 * the processes left behind are those of all attempts. */
void js_summary_add(struct js_summary *summary,
                    const struct js_completion *completion)
{
    const struct js_outcome *outcome = &completion->outcome;
    uint32_t attempt = completion->job->attempt;
    if (completion->result == JS_ATTEMPT_RESULT_SKIPPED) {
        summary->skipped++;
        return;
    }
    if (completion->result == JS_ATTEMPT_RESULT_ENDED) {
        if (outcome->cause == JS_STOP_REASON_STOPPED)
            summary->stopped++;
        else if (js_outcome_succeeded(outcome))
            summary->done++;
        else
            summary->failed++;
        summary->retried += attempt > 1 ? attempt - 1 : 0;
    }
    summary->leftovers += outcome->leftovers;
    if (outcome->run_ns > 0)
        summary->busy_ns += outcome->run_ns;
}

/* The command is escaped, because it may contain any byte and the line goes to
 * a terminal; and it is cut to a readable length. */
static int append_command(struct js_buf *buf, const struct js_job *job)
{
    const char *text = job->command;
    size_t begin = buf->len;
    if (job->kind == JS_JOB_SIMULATED)
        return js_buf_puts(buf, "(simulated)");
    for (size_t i = 0; i < job->command_len; i++) {
        size_t before = buf->len;
        if (js_buf_escape(buf, text + i, 1) < 0)
            return -1;
        if (buf->len - begin <= COMMAND_SHOWN)
            continue;
        buf->len = before;
        /* If the cut is within a UTF-8 character, the part of it before the cut
         * is removed. */
        for (size_t end = i, count = 0;
             count < JS_TEXT_CONTINUATIONS_MAX && end > 0 &&
             js_text_is_continuation(text[end]) &&
             (unsigned char)text[--end] >= 0x80;
             count++)
            buf->len--;
        return js_buf_puts(buf, "...");
    }
    return 0;
}

int js_summary_who(const struct js_job *job, struct js_buf *buf)
{
    const char *name = js_job_name(job);
    if (js_buf_printf(buf, "job %" PRIu64, job->id) < 0)
        return -1;
    if (name[0] && js_buf_printf(buf, " \"%s\"", name) < 0)
        return -1;
    if (job->line == 0)
        return js_job_describe_args(job, " with ", buf);
    if (js_buf_printf(buf, " (line %" PRIu64, job->line) < 0 ||
        js_job_describe_args(job, ": ", buf) < 0)
        return -1;
    return js_buf_puts(buf, ")");
}

int js_summary_describe(const struct js_completion *completion,
                        const char *reason, struct js_buf *buf)
{
    const struct js_job *job = completion->job;
    const struct js_outcome *outcome = &completion->outcome;
    bool is_retried = completion->result == JS_ATTEMPT_RESULT_RETRIED;
    bool is_stopped = outcome->cause == JS_STOP_REASON_STOPPED;
    if (js_summary_who(job, buf) < 0)
        return -1;
    if (completion->result == JS_ATTEMPT_RESULT_SKIPPED)
        return js_buf_printf(buf, " skipped: %s",
                             reason ? reason : "a job that it needs failed");
    if (js_buf_puts(buf, is_stopped ? " ended on " : " failed on ") < 0 ||
        js_buf_escape(buf, completion->host, strlen(completion->host)) < 0)
        return -1;
    if (is_retried &&
        js_buf_printf(buf, ", attempt %" PRIu32, job->attempt) < 0)
        return -1;
    if (js_buf_puts(buf, ": ") < 0 ||
        js_outcome_describe(outcome, js_job_path(job, outcome->step), buf) <
            0 ||
        js_buf_puts(buf, is_retried ? "; it runs again: " : ": ") < 0)
        return -1;
    return append_command(buf, job);
}

/* The outcome's own text is "exit 3", "killed by SIGSEGV", or a sentence with a
 * verb: the first two get a verb here. */
int js_summary_mishap(const struct js_completion *completion,
                      struct js_buf *buf)
{
    const struct js_outcome *outcome = &completion->outcome;
    bool is_exit = outcome->step == JS_STEP_NONE &&
                   outcome->cause == JS_STOP_REASON_NONE &&
                   outcome->signal == 0;
    bool is_signal = outcome->step == JS_STEP_NONE && !is_exit &&
                     outcome->cause != JS_STOP_REASON_TIMEOUT;
    if (js_buf_puts(buf, is_exit     ? "failed with "
                         : is_signal ? "was "
                                     : "") < 0)
        return -1;
    return js_outcome_describe(
        outcome, js_job_path(completion->job, outcome->step), buf);
}

/* A stream that was not read to its end has an unknown number of jobs. */
static int append_counts(struct js_buf *buf, const struct js_summary *summary,
                         uint64_t left)
{
    uint64_t retried = summary->retried;
    uint64_t jobs = summary->done + summary->failed + summary->skipped;
    bool is_known = left != UINT64_MAX;
    if (is_known)
        jobs += left;
    int rc = js_buf_printf(buf,
                           "%" PRIu64 " job%s%s: %" PRIu64 " done, %" PRIu64
                           " failed, %" PRIu64 " skipped, ",
                           jobs, js_text_plural(jobs), is_known ? "" : " ended",
                           summary->done, summary->failed, summary->skipped);
    if (rc == 0)
        rc = is_known ? js_buf_printf(buf, "%" PRIu64 " left", left)
                      : js_buf_puts(buf, "an unknown number left");
    if (rc == 0 && retried > 0)
        rc = js_buf_printf(
            buf, " (%" PRIu64 " attempt%s failed and %s run again)", retried,
            js_text_plural(retried), retried == 1 ? "was" : "were");
    return rc;
}

int js_summary_text(const struct js_summary *summary, uint64_t left,
                    int64_t wall_ns, uint64_t slots, struct js_buf *buf)
{
    uint64_t leftovers = summary->leftovers;
    int rc = 0;
    if (append_counts(buf, summary, left) < 0 || js_buf_puts(buf, "; ") < 0 ||
        js_format_duration(buf, wall_ns) < 0)
        return -1;
    if (slots > 0)
        rc = js_buf_printf(buf, ", %" PRIu64 " slot%s %.0f %% busy", slots,
                           js_text_plural(slots),
                           100 * js_summary_busy(summary, wall_ns, slots));
    if (rc == 0 && leftovers > 0)
        rc = js_buf_printf(buf,
                           "; %" PRIu64 " process%s that jobs left behind %s "
                           "ended",
                           leftovers, leftovers == 1 ? "" : "es",
                           leftovers == 1 ? "was" : "were");
    return rc;
}

/* Clocks of slaves and master differ a little, so the sum may come to more than
 * all slots had. */
double js_summary_busy(const struct js_summary *summary, int64_t wall_ns,
                       uint64_t slots)
{
    if (slots == 0 || wall_ns <= 0)
        return 0;
    double busy = (double)summary->busy_ns / ((double)wall_ns * (double)slots);
    return busy < 1 ? busy : 1;
}
