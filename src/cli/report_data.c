#include "cli/report_data.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/plan.h"
#include "list/list.h"
#include "list/list_state.h"
#include "record/journal_model.h"
#include "record/timeline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    COMMAND_MAX = 1000,    /* bytes of a command that are shown */
    TAILS_MAX = 10000,     /* output tails shown, of the latest failed jobs */
    PIECE_BYTES = 1 << 20, /* bytes of the document that are held in memory */
};

/* The list's information about a job that is on record. There may be millions,
 * so texts are in one buffer. */
struct listed {
    size_t command; /* offset in the texts, where the values of a template
                       stand before it */
    uint32_t args_len;
    uint64_t line;
    uint32_t command_len; /* of the part that is shown */
    uint32_t cores;       /* on all its nodes together */
    uint8_t wait;
    bool is_there;
};

/* Invariants:
 *  - listed has an entry for each of the `jobs` jobs on record; it is all zero
 *    for a job that the list does not have.
 *  - list is NULL if none was asked for, or if list_error says why it could
 *    not be read. The document is then written without what only a list has.
 *  - timeline, texts and plan are made from `model`, which does not change. */
struct js_report_data {
    struct js_report_config config;
    struct js_journal_model *model;
    struct js_timeline *timeline;
    int64_t now_unix_ns;
    uint64_t jobs, added;
    struct js_list *list;     /* NULL: there is none */
    struct js_err list_error; /* the reason, if there is none but one was
                                 asked for */
    struct listed *listed;    /* by id - 1 */
    struct js_buf texts;
    struct js_plan plan; /* all zero: nothing is known */
};

/* ---------------------------------------------------------------- the list */

static int report_data_take_job(void *arg, const struct js_job *job,
                                enum js_wait wait)
{
    struct js_report_data *data = arg;
    if (job->id ==
        0) { /* no run has accepted it, so there is nothing to show */
        data->added++;
        return 0;
    }
    size_t len =
        job->command_len < COMMAND_MAX ? job->command_len : COMMAND_MAX;
    size_t args = data->texts.len;
    if (js_job_describe_args(job, "", &data->texts) < 0)
        return -1;
    data->listed[job->id - 1] = (struct listed){
        .command = data->texts.len,
        .args_len = (uint32_t)(data->texts.len - args),
        .command_len = (uint32_t)len,
        .line = job->line,
        .cores = job->request.cores * js_request_nodes(&job->request),
        .wait = (uint8_t)wait,
        .is_there = true};
    return js_buf_append(&data->texts, job->command, len);
}

/* A list that cannot be read is not a failure; the document says why. */
static int report_data_read_list(struct js_report_data *data)
{
    data->listed = calloc(data->jobs + 1, sizeof(*data->listed));
    if (!data->listed)
        return -1;
    const char *format = data->config.options->job_format
                             ? data->config.options->job_format
                             : js_journal_model_look(data->model).format;
    if (data->config.list)
        data->list = js_list_read(data->config.list, format, &data->list_error);
    if (!data->list)
        return 0;
    struct js_list_state *list_state = js_list_state_new(
        data->list, js_journal_model_look(data->model).registry,
        report_data_take_job, data);
    js_list_state_free(list_state);
    return list_state ? 0 : -1;
}

/* ---------------------------------------------------------------- the plan */

/* Without a list, the plan has as many jobs as are on record, and none of them
 * waits. */
static struct js_list *
report_data_list_of_record(const struct js_report_data *data,
                           const struct js_past_runs *past_runs)
{
    /* The commands are never run, but a line needs one. What matters is that
     * the line numbers are the ids. */
    struct js_buf text = JS_BUF_INIT;
    struct js_list *list = NULL;
    int rc = 0;
    for (uint64_t id = 1; rc == 0 && id <= data->jobs; id++)
        rc = js_buf_printf(&text, "[cores=%" PRIu32 "] :\n",
                           js_past_runs_cores(past_runs, id));
    if (rc == 0)
        list =
            js_list_new_text(data->config.journal, text.data, text.len, NULL);
    js_buf_release(&text);
    return list;
}

/* If no job has ended there is nothing to plan with, and the plan stays empty.
 */
static int report_data_plan(struct js_report_data *data)
{
    struct js_past_runs *past_runs = js_past_runs_from_model(data->model, NULL);
    struct js_list *stand_in = past_runs && !data->list
                                   ? report_data_list_of_record(data, past_runs)
                                   : NULL;
    struct js_journal_model_run last = {.slots = 0};
    size_t runs = js_journal_model_look(data->model).runs;
    if (runs > 0)
        js_journal_model_run(data->model, runs - 1, &last);
    struct js_plan_config config = {
        .options = data->config.options,
        .list = data->list ? data->list : stand_in,
        .registry = data->list ? js_past_runs_look(past_runs).registry : NULL,
        .past_runs = past_runs,
        .slots = last.slots};
    if (config.list && js_plan_make(&config, &data->plan, NULL) < 0)
        data->plan = (struct js_plan){0};
    js_list_free(stand_in);
    js_past_runs_free(past_runs);
    return past_runs ? 0 : -1;
}

/* ---------------------------------------------------------------- loading */

struct js_report_data *js_report_data_new(const struct js_report_config *config,
                                          struct js_err *err)
{
    struct js_report_data *data = calloc(1, sizeof(*data));
    if (!data) {
        js_err_errno(err, "%s", config->journal);
        return NULL;
    }
    data->config = *config;
    data->model = js_journal_model_load(config->journal, err);
    /* After the journal, so that nothing in it is later than "now" (by the
     * clock of this host, at least). */
    data->now_unix_ns = js_clock_unix_ns();
    if (data->model) {
        data->jobs = js_journal_model_look(data->model).jobs;
        data->timeline = js_timeline_new(data->model, data->now_unix_ns);
        if (data->timeline && report_data_read_list(data) == 0 &&
            report_data_plan(data) == 0)
            return data;
        js_err_errno(err, "%s", config->journal);
    }
    js_report_data_free(data);
    return NULL;
}

void js_report_data_free(struct js_report_data *data)
{
    if (!data)
        return;
    int saved = errno;
    js_timeline_free(data->timeline);
    js_journal_model_free(data->model);
    js_buf_release(&data->texts);
    js_list_free(data->list);
    js_plan_release(&data->plan);
    free(data->listed);
    free(data);
    errno = saved;
}

/* ---------------------------------------------------------------- writing */

/* Writes the document in parts, because it may be larger than memory. */
struct document {
    const struct js_report_data *data;
    struct js_json json;
    int fd;
    int error; /* error of a write; 0: none */
};

static void document_flush(struct document *document, size_t least)
{
    struct js_buf *buf = &document->json.buf;
    if (buf->len < least)
        return;
    if (document->error == 0 &&
        js_file_write(document->fd, buf->data, buf->len) < 0)
        document->error = errno;
    buf->len = 0;
}

/* The head is written at once; everything whose size grows with the list is
 * flushed piece by piece. */
static void report_data_put_head(struct document *document)
{
    static const char *const lives[] = {"none", "ended", "running", "broken",
                                        "unknown"};
    const struct js_report_data *data = document->data;
    struct js_json *json = &document->json;
    js_json_string(json, "version", jobsched_version());
    if (data->config.list)
        js_json_string(json, "list", data->config.list);
    else
        js_json_null(json, "list");
    js_json_string(json, "journal", data->config.journal);
    js_json_seconds(json, "now", data->now_unix_ns);
    js_json_string(json, "state",
                   lives[js_journal_model_look(data->model).life]);
    js_json_count(json, "added", data->added);
    if (data->config.list && !data->list)
        js_json_string(json, "list_error", data->list_error.text);
    else
        js_json_null(json, "list_error");
}

static void json_us(struct js_json *json, const char *key, int64_t ns)
{
    js_json_int(json, key, ns / JS_NS_PER_US);
}

static void report_data_put_runs(struct document *document)
{
    const struct js_report_data *data = document->data;
    struct js_json *json = &document->json;
    js_json_open_array(json, "runs");
    for (size_t i = 0; i < js_journal_model_look(data->model).runs; i++) {
        struct js_journal_model_run run;
        struct js_timeline_run drawn;
        js_journal_model_run(data->model, i, &run);
        js_timeline_run(data->timeline, i, &drawn);
        js_json_open_object(json, NULL);
        js_json_string(json, "host", run.host);
        js_json_seconds(json, "begin", run.begin_unix_ns);
        js_json_bool(json, "ended", run.has_ended);
        js_json_int(json, "status", run.status);
        js_json_count(json, "slaves", run.slaves);
        js_json_count(json, "slots", run.slots);
        json_us(json, "from", drawn.begin_ns);
        json_us(json, "length", drawn.length_ns);
        js_json_close_object(json);
        document_flush(document, PIECE_BYTES);
    }
    js_json_close_array(json);
}

/* A row of the timeline is a slot. The page names it by host, rank and slot. */
static void report_data_put_rows(struct document *document)
{
    struct js_json *json = &document->json;
    js_json_open_array(json, "rows");
    for (size_t i = 0; i < js_timeline_size(document->data->timeline).rows;
         i++) {
        struct js_timeline_row row;
        js_timeline_row(document->data->timeline, i, &row);
        js_json_open_array(json, NULL);
        js_json_string(json, NULL, row.host);
        js_json_count(json, NULL, row.rank);
        js_json_count(json, NULL, row.slot);
        js_json_close_array(json);
        document_flush(document, PIECE_BYTES);
    }
    js_json_close_array(json);
}

/* ---------------------------------------------------------------- jobs */

enum job_column {
    JOB_NAME,
    JOB_ARGS,
    JOB_COMMAND,
    JOB_STATE,
    JOB_GONE,
    JOB_LINE,
    JOB_PARENT,
    JOB_WAIT,
    JOB_COLUMNS
};

static const char *const job_columns[JOB_COLUMNS] = {
    [JOB_NAME] = "name",      [JOB_ARGS] = "args", [JOB_COMMAND] = "command",
    [JOB_STATE] = "standing", [JOB_GONE] = "gone", [JOB_LINE] = "line",
    [JOB_PARENT] = "parent",  [JOB_WAIT] = "wait",
};

static void report_data_put_job(struct document *document,
                                enum job_column column, uint64_t id)
{
    const struct js_report_data *data = document->data;
    const struct listed *listed = &data->listed[id - 1];
    struct js_json *json = &document->json;
    struct js_journal_model_job job;
    js_journal_model_job(data->model, id, &job);
    switch (column) {
    case JOB_NAME:
        js_json_string(json, NULL, job.name);
        break;
    case JOB_ARGS:
        js_json_bytes(json, NULL,
                      data->texts.data + listed->command - listed->args_len,
                      listed->args_len);
        break;
    case JOB_COMMAND:
        if (listed->is_there)
            js_json_bytes(json, NULL, data->texts.data + listed->command,
                          listed->command_len);
        else
            js_json_null(json, NULL);
        break;
    case JOB_STATE:
        js_json_count(json, NULL, job.state);
        break;
    case JOB_GONE:
        js_json_count(json, NULL, job.is_gone);
        break;
    case JOB_LINE:
        js_json_count(json, NULL, listed->line);
        break;
    case JOB_PARENT:
        js_json_count(json, NULL,
                      job.state == JS_JOB_STATE_SKIPPED ? job.parent : 0);
        break;
    case JOB_WAIT:
        js_json_count(json, NULL, listed->wait);
        break;
    case JOB_COLUMNS:
        break;
    }
}

/* A column is an array over all jobs, which takes half the space of one object
 * for each job. */
static void report_data_put_jobs(struct document *document)
{
    struct js_json *json = &document->json;
    js_json_open_object(json, "jobs");
    for (int column = 0; column < JOB_COLUMNS; column++) {
        js_json_open_array(json, job_columns[column]);
        for (uint64_t id = 1; id <= document->data->jobs; id++) {
            report_data_put_job(document, (enum job_column)column, id);
            document_flush(document, PIECE_BYTES);
        }
        js_json_close_array(json);
    }
    js_json_close_object(json);
}

/* ---------------------------------------------------------------- attempts */

/* A bar, and the attempt that it shows; or what has begun. */
struct drawn {
    struct js_timeline_bar bar;
    struct js_journal_model_attempt attempt; /* for jobs that have begun:
                                                only some fields */
};

static void drawn_get(const struct js_report_data *data, size_t index,
                      struct drawn *ret)
{
    struct js_journal_model_begun begun;
    js_timeline_bar(data->timeline, index, &ret->bar);
    if (ret->bar.attempt != JS_JOURNAL_MODEL_NONE) {
        js_journal_model_attempt(data->model, ret->bar.attempt, &ret->attempt);
        return;
    }
    js_journal_model_begun(data->model, ret->bar.begun, &begun);
    ret->attempt = (struct js_journal_model_attempt){
        .id = begun.id,
        .kind = JS_JOURNAL_MODEL_KINDS,
        .attempt = begun.attempt,
        .cores = data->listed[begun.id - 1].is_there
                     ? data->listed[begun.id - 1].cores
                     : 1,
        .outcome = {.run_ns = ret->bar.run_ns}};
}

enum attempt_column {
    COLUMN_JOB,
    COLUMN_KIND,
    COLUMN_ATTEMPT,
    COLUMN_RUN,
    COLUMN_ROW,
    COLUMN_START,
    COLUMN_TIME,
    COLUMN_DRAWN,
    COLUMN_CORES,
    COLUMN_USER,
    COLUMN_SYSTEM,
    COLUMN_RSS,
    COLUMNS
};

static const char *const attempt_columns[COLUMNS] = {
    [COLUMN_JOB] = "job",   [COLUMN_KIND] = "kind",   [COLUMN_ATTEMPT] = "n",
    [COLUMN_RUN] = "run",   [COLUMN_ROW] = "row",     [COLUMN_START] = "start",
    [COLUMN_TIME] = "time", [COLUMN_DRAWN] = "drawn", [COLUMN_CORES] = "cores",
    [COLUMN_USER] = "user", [COLUMN_SYSTEM] = "sys",  [COLUMN_RSS] = "rss",
};

/* Times are microseconds and memory is KiB: numbers that JavaScript can hold
 * exactly, in few digits. */
static int64_t drawn_value(const struct drawn *drawn,
                           enum attempt_column column)
{
    const struct js_journal_model_attempt *attempt = &drawn->attempt;
    switch (column) {
    case COLUMN_JOB:
        return (int64_t)attempt->id;
    case COLUMN_KIND:
        return (int64_t)attempt->kind;
    case COLUMN_ATTEMPT:
        return attempt->attempt;
    case COLUMN_RUN:
        return (int64_t)drawn->bar.run;
    case COLUMN_ROW:
        return (int64_t)drawn->bar.row;
    case COLUMN_START:
        return drawn->bar.start_ns / JS_NS_PER_US;
    case COLUMN_TIME:
        return attempt->outcome.run_ns / JS_NS_PER_US;
    case COLUMN_DRAWN:
        return drawn->bar.run_ns / JS_NS_PER_US;
    case COLUMN_CORES:
        return attempt->cores > 0 ? attempt->cores : 1;
    case COLUMN_USER:
        return attempt->outcome.user_cpu_ns / JS_NS_PER_US;
    case COLUMN_SYSTEM:
        return attempt->outcome.system_cpu_ns / JS_NS_PER_US;
    case COLUMN_RSS:
        return (int64_t)(attempt->outcome.max_rss_bytes / 1024);
    case COLUMNS:
        break;
    }
    return 0;
}

/* Writes the attempts that did not succeed, each with its place in the
 * columns. Tails are large, so only the latest failures have one. */
static void report_data_put_ends(struct document *document)
{
    const struct js_report_data *data = document->data;
    struct js_json *json = &document->json;
    struct js_journal_model_tail tail;
    size_t tails = 0, first = js_journal_model_look(data->model).attempts;
    while (first > 0 && tails < TAILS_MAX)
        tails += js_journal_model_tail(data->model, --first, &tail);
    js_json_open_array(json, "ends");
    for (size_t i = 0; i < js_timeline_size(data->timeline).bars; i++) {
        struct js_buf text = JS_BUF_INIT;
        struct drawn drawn;
        drawn_get(data, i, &drawn);
        if (drawn.bar.attempt == JS_JOURNAL_MODEL_NONE ||
            drawn.attempt.kind == JS_JOURNAL_MODEL_OK)
            continue;
        js_json_open_object(json, NULL);
        js_json_count(json, "at", i);
        if (js_outcome_describe(&drawn.attempt.outcome, NULL, &text) < 0)
            json->has_failed = true;
        js_json_bytes(json, "end", text.data, text.len);
        js_buf_release(&text);
        if (drawn.bar.attempt >= first &&
            js_journal_model_tail(data->model, drawn.bar.attempt, &tail)) {
            js_json_count(json, "stream", tail.stream);
            js_json_string(json, "tail", tail.text);
        }
        js_json_close_object(json);
        document_flush(document, PIECE_BYTES);
    }
    js_json_close_array(json);
}

static void report_data_put_attempts(struct document *document)
{
    struct js_json *json = &document->json;
    js_json_open_object(json, "attempts");
    for (int column = 0; column < COLUMNS; column++) {
        js_json_open_array(json, attempt_columns[column]);
        for (size_t i = 0; i < js_timeline_size(document->data->timeline).bars;
             i++) {
            struct drawn drawn;
            drawn_get(document->data, i, &drawn);
            js_json_int(json, NULL,
                        drawn_value(&drawn, (enum attempt_column)column));
            document_flush(document, PIECE_BYTES);
        }
        js_json_close_array(json);
    }
    report_data_put_ends(document);
    js_json_close_object(json);
}

/* ---------------------------------------------------------------- the plan */

static void report_data_put_plan(struct document *document)
{
    /* Limits absurd run times to what the type can hold. */
    static const double most_ns = 9e18;
    const struct js_whatif *plan = &document->data->plan.whatif;
    struct js_json *json = &document->json;
    json_us(json, "chain_time", plan->path_ns);
    js_json_open_array(json, "chain");
    for (size_t i = 0; i < plan->path_count; i++) {
        struct js_journal_model_job job = {.latest = JS_JOURNAL_MODEL_NONE};
        uint64_t id = plan->path[i]->id;
        if (id > 0)
            js_journal_model_job(document->data->model, id, &job);
        /* Only a job that has run has a bar to point at. */
        if (job.latest != JS_JOURNAL_MODEL_NONE)
            js_json_count(json, NULL, id);
        document_flush(document, PIECE_BYTES);
    }
    js_json_close_array(json);
    json_us(json, "work",
            (int64_t)(plan->work_ns < most_ns ? plan->work_ns : most_ns));
    js_json_count(json, "unknown", plan->unknown);
    json_us(json, "mean", plan->mean_ns);
    js_json_open_array(json, "slots");
    for (size_t i = 0; i < plan->row_count; i++) {
        js_json_open_array(json, NULL);
        js_json_count(json, NULL, plan->rows[i].slots);
        json_us(json, NULL, plan->rows[i].makespan_ns);
        js_json_close_array(json);
    }
    js_json_close_array(json);
}

int js_report_data_write(const struct js_report_data *data, int fd)
{
    struct document document = {.data = data, .fd = fd};
    js_json_open_object(&document.json, NULL);
    report_data_put_head(&document);
    report_data_put_runs(&document);
    report_data_put_rows(&document);
    report_data_put_jobs(&document);
    report_data_put_attempts(&document);
    report_data_put_plan(&document);
    js_json_close_object(&document.json);
    document_flush(&document, 0);
    int rc = js_json_check(&document.json);
    js_buf_release(&document.json.buf);
    if (document.error == 0)
        return rc;
    errno = document.error;
    return -1;
}
