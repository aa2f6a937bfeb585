#include "list/from/parallel_joblog.h"

#include "base/text.h"
#include "list/from/lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char joblog_header[] =
    "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand";

enum { JOBLOG_EXITVAL = 6, JOBLOG_SIGNAL = 7, JOBLOG_COMMAND = 8 };

/* One line of the log; when the log has ended, one job. */
struct joblog_line {
    uint64_t seq, line;
    size_t command_at, command_len; /* in `commands` */
    size_t column;                  /* of the command in its line */
    bool is_done;
};

struct parallel_joblog {
    struct js_lines lines; /* first */
    struct joblog_line *jobs;
    size_t count, capacity;
    struct js_buf commands;
    uint64_t torn_line; /* 0: none */
    bool is_sorted;     /* the log has ended: a line for each job, by number */
    size_t next;
    char name[24];
    struct js_buf warning;
    struct js_attributes attributes; /* its name is `name` */
};

static const struct js_lines_unset joblog_unset[] = {
    {"PARALLEL_JOBSLOT",
     "$JOBSCHED_SLAVE and $JOBSCHED_SLOT say where a job runs"},
    {"PARALLEL_SSHHOST", "$JOBSCHED_NODE is the host of a job"},
    {"PARALLEL_SSHLOGIN", "$JOBSCHED_NODE is the host of a job"},
    {"PARALLEL_PID", "it is the number of parallel's own process"},
    {NULL, NULL},
};

static int joblog_check_header(struct parallel_joblog *joblog, const char *text,
                               size_t len, struct js_err *err)
{
    const struct js_lines *lines = &joblog->lines;
    size_t size = sizeof(joblog_header) - 1;
    if (js_lines_is(text, len, joblog_header))
        return 0;
    if (js_lines_begins(text, len, joblog_header) && text[size] == '\t')
        js_lines_refuse(lines, 1, size + 1, err,
                        "this is a joblog of jobsched. Start the list that it "
                        "belongs to again instead: its journal knows what is "
                        "left");
    else
        js_lines_refuse(lines, 1, 1, err,
                        "this is not a joblog of GNU parallel, whose first "
                        "line begins with Seq, Host and Starttime");
    if (errno == EINVAL)
        errno = EBADMSG;
    return -1;
}

static int joblog_take_line(struct parallel_joblog *joblog, const char *text,
                            size_t len, struct js_err *err)
{
    const struct js_lines *lines = &joblog->lines;
    size_t fields[JOBLOG_COMMAND + 1] = {0}, at = 0;
    uint64_t seq;
    for (size_t i = 1; i <= JOBLOG_COMMAND; i++) {
        const char *tab = memchr(text + at, '\t', len - at);
        if (!tab)
            return js_lines_refuse(lines, lines->line, len ? len : 1, err,
                                   "this line ends after %zu of 9 fields", i);
        fields[i] = at = (size_t)(tab - text) + 1;
    }
    at = 0;
    if (!js_lines_number(text, len, &at, UINT64_MAX, &seq) ||
        at + 1 != fields[1] || seq == 0)
        return js_lines_refuse(lines, lines->line, 1, err,
                               "Seq must be a whole number from 1 on");
    /* parallel itself compares the text: "00" is no success. */
    size_t exitval = fields[JOBLOG_EXITVAL], signal = fields[JOBLOG_SIGNAL];
    size_t command = fields[JOBLOG_COMMAND], kept = joblog->commands.len;
    struct joblog_line *jobs = js_buf_grow(joblog->jobs, &joblog->capacity,
                                           joblog->count + 1, sizeof(*jobs));
    if (jobs)
        joblog->jobs = jobs;
    /* An empty command must have a place as well. */
    if (!jobs || js_buf_reserve(&joblog->commands, len - command + 1) < 0 ||
        js_buf_append(&joblog->commands, text + command, len - command) < 0)
        return js_lines_fail(lines, err);
    for (size_t i = kept; i < joblog->commands.len; i++) {
        if (!joblog->commands.data[i])
            joblog->commands.data[i] = '\n';
    }
    jobs[joblog->count++] = (struct joblog_line){
        .seq = seq,
        .line = lines->line,
        .command_at = kept,
        .command_len = len - command,
        .column = command + 1,
        .is_done = js_lines_is(text + exitval, signal - exitval, "0\t") &&
                   js_lines_is(text + signal, command - signal, "0\t")};
    return 0;
}

static int joblog_compare(const void *a, const void *b)
{
    const struct joblog_line *left = a, *right = b;
    if (left->seq != right->seq)
        return left->seq < right->seq ? -1 : 1;
    return (left->line > right->line) - (left->line < right->line);
}

/* The log has ended: makes one job of the lines of each number. */
static int joblog_sort(struct parallel_joblog *joblog, struct js_err *err)
{
    struct js_lines *lines = &joblog->lines;
    struct joblog_line *jobs = joblog->jobs;
    size_t count = 0;
    /* What is wrong here is reported once; the next call goes on behind it. */
    joblog->is_sorted = true;
    if (joblog->count == 0 && joblog->torn_line)
        return js_lines_refuse(lines, joblog->torn_line, 1, err,
                               "the log broke off in its first line");
    if (joblog->count == 0)
        return 0;
    qsort(jobs, joblog->count, sizeof(*jobs), joblog_compare);
    for (size_t i = 0; i < joblog->count; i++) {
        bool is_again = count > 0 && jobs[count - 1].seq == jobs[i].seq;
        bool is_done = jobs[i].is_done || (is_again && jobs[count - 1].is_done);
        count += !is_again;
        jobs[count - 1] = jobs[i];
        jobs[count - 1].is_done = is_done;
    }
    joblog->count = count;
    uint64_t missing = jobs[count - 1].seq - count;
    if (missing > 0 &&
        js_buf_printf(&joblog->warning,
                      "%" PRIu64 " job%s up to number %" PRIu64
                      " had not ended and %s not in this log, so jobsched "
                      "cannot run %s. ",
                      missing, js_text_plural(missing), jobs[count - 1].seq,
                      missing == 1 ? "is" : "are",
                      missing == 1 ? "it" : "them") < 0)
        return js_lines_fail(lines, err);
    if (joblog->torn_line &&
        js_buf_printf(&joblog->warning,
                      "Line %" PRIu64 " has no newline: the log broke off "
                      "there, so that line is not used. ",
                      joblog->torn_line) < 0)
        return js_lines_fail(lines, err);
    joblog->warning.len -= joblog->warning.len > 0;
    return js_buf_string(&joblog->warning) ? 0 : js_lines_fail(lines, err);
}

/* Makes the next entry. Returns the same as `next` of a reader. */
static int joblog_give(struct parallel_joblog *joblog, struct js_entry *ret,
                       struct js_err *err)
{
    struct js_lines *lines = &joblog->lines;
    if (joblog->next == joblog->count)
        return 0;
    const struct joblog_line *job = &joblog->jobs[joblog->next++];
    const char *command = joblog->commands.data + job->command_at;
    lines->line = job->line;
    if (!job->is_done &&
        js_lines_refuse_unset(lines, joblog_unset, command, job->command_len,
                              job->column, err) < 0)
        return -1;
    js_lines_clear(&joblog->attributes.env);
    if (js_lines_add_number(&joblog->attributes, "PARALLEL_SEQ", job->seq) < 0)
        return js_lines_fail(lines, err);
    snprintf(joblog->name, sizeof(joblog->name), "%" PRIu64, job->seq);
    joblog->attributes.name = joblog->name;
    lines->command = (struct js_lines_place){job->line, job->column};
    lines->other = (struct js_lines_place){job->line, 1};
    lines->is_verbatim = true;
    ret->line = job->line;
    ret->command = command;
    ret->command_len = job->command_len;
    ret->attributes = &joblog->attributes;
    ret->is_done = job->is_done;
    if (joblog->next == 1 && joblog->warning.len > 0)
        ret->warning = joblog->warning.data;
    return 1;
}

static int parallel_joblog_next(struct js_reader *reader, struct js_entry *ret,
                                struct js_err *err)
{
    struct parallel_joblog *joblog = (struct parallel_joblog *)reader;
    struct js_lines *lines = &joblog->lines;
    const char *text;
    size_t len;
    int rc;
    while ((rc = js_lines_next(lines, &text, &len, err)) > 0) {
        /* parallel writes the header again if it is told to append. */
        bool is_header = js_lines_is(text, len, joblog_header);
        ret->kind = JS_ENTRY_NONE;
        if (lines->line == 1 && joblog_check_header(joblog, text, len, err) < 0)
            return -1;
        if (lines->is_torn && !is_header)
            joblog->torn_line = lines->line;
        else if (!is_header && joblog_take_line(joblog, text, len, err) < 0)
            return -1;
    }
    if (rc < 0 || !lines->is_ended)
        return rc;
    if (!joblog->is_sorted && joblog_sort(joblog, err) < 0)
        return -1;
    ret->kind = JS_ENTRY_JOB;
    return joblog_give(joblog, ret, err);
}

static void parallel_joblog_free(struct js_reader *reader)
{
    struct parallel_joblog *joblog = (struct parallel_joblog *)reader;
    int saved = errno;
    joblog->attributes.name = NULL;
    js_attributes_release(&joblog->attributes);
    js_lines_release(&joblog->lines);
    js_buf_release(&joblog->commands);
    js_buf_release(&joblog->warning);
    free(joblog->jobs);
    free(joblog);
    errno = saved;
}

struct js_reader *js_from_parallel_joblog_new(const char *name)
{
    static const struct js_reader_ops ops = {
        .feed = js_lines_feed,
        .next = parallel_joblog_next,
        .describe = js_lines_describe,
        .free = parallel_joblog_free,
    };
    struct parallel_joblog *joblog = calloc(1, sizeof(*joblog));
    if (!joblog)
        return NULL;
    js_attributes_init(&joblog->attributes);
    if (js_lines_init(&joblog->lines, &ops, name) < 0) {
        free(joblog);
        return NULL;
    }
    joblog->lines.allows_nul = true;
    return &joblog->lines.reader;
}
