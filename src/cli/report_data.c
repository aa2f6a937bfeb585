#include "cli/report_data.h"

#include "base/clock.h"
#include "base/fdio.h"
#include "base/json.h"
#include "jobsched.h"
#include "list/list_state.h"
#include "list/source.h"
#include "record/journal_model.h"
#include "record/timeline.h"
#include "sched/critical_path.h"
#include "sched/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    COMMAND_MAX = 1000,    /* bytes of a command that are shown */
    TAILS_MAX = 10000,     /* of the latest that failed */
    PIECE_BYTES = 1 << 20, /* of the document in memory */
    SLOTS_MAX = 24,        /* numbers of slots that are tried */
};

/* What the list says of a job that is on record. */
struct listed {
    size_t command; /* where it begins in the texts */
    uint64_t line;
    uint32_t command_len; /* as far as it is shown */
    uint32_t cores;       /* of all its nodes together */
    uint8_t wait;
    bool is_there;
};

struct trial {
    uint64_t slots;
    int64_t span_ns;
};

struct js_report_data {
    struct js_report_config config;
    struct js_journal_model *model;
    struct js_timeline *timeline;
    int64_t now_unix_ns;
    uint64_t jobs, added;
    bool has_list;
    struct js_err list_error; /* if it has none, and was asked for */
    struct listed *listed;    /* by id - 1 */
    struct js_buf texts;
    struct js_buf ids;      /* uint64_t, by seq - 1 */
    struct js_buf replayed; /* struct js_replay_job, by seq - 1 */
    struct js_buf chain;    /* uint64_t, ids */
    int64_t chain_ns, work_ns;
    uint32_t widest; /* cores of a job that ran */
    struct trial trials[SLOTS_MAX];
    size_t trial_count;
};

/* ---------------------------------------------------------------- the list */

static int keep_listed(struct js_report_data *data, const struct js_job *job,
                       enum js_wait wait)
{
    size_t len =
        job->command_len < COMMAND_MAX ? job->command_len : COMMAND_MAX;
    data->listed[job->id - 1] = (struct listed){
        .command = data->texts.len,
        .command_len = (uint32_t)len,
        .line = job->line,
        .cores = job->request.cores * js_request_nodes(&job->request),
        .wait = (uint8_t)wait,
        .is_there = true};
    return js_buf_append(&data->texts, job->command, len);
}

static int take_listed(void *arg, const struct js_job *job, enum js_wait wait)
{
    struct js_report_data *data = arg;
    if (js_buf_append(&data->ids, &job->id, sizeof(job->id)) < 0)
        return -1;
    if (job->id > 0)
        return keep_listed(data, job, wait);
    data->added++;
    return 0;
}

/* Without a list the jobs are taken in the order of their ids. */
static int report_data_take_ids(struct js_report_data *data)
{
    data->ids.len = 0;
    for (uint64_t id = 1; id <= data->jobs; id++) {
        if (js_buf_append(&data->ids, &id, sizeof(id)) < 0)
            return -1;
    }
    return 0;
}

static int report_data_read_list(struct js_report_data *data)
{
    data->listed = calloc(data->jobs + 1, sizeof(*data->listed));
    if (!data->listed)
        return -1;
    if (data->config.list) {
        struct js_list_state *list_state = js_list_state_new(
            data->config.list, js_journal_model_ledger(data->model),
            take_listed, data, &data->list_error);
        data->has_list = list_state != NULL;
        js_list_state_free(list_state);
    }
    return data->has_list ? 0 : report_data_take_ids(data);
}

/* ---------------------------------------------------------------- replaying */

static struct js_replay_job as_it_ran(const struct js_report_data *data,
                                      uint64_t id)
{
    struct js_replay_job ran = {.run_ns = -1};
    struct js_journal_model_job job;
    struct js_journal_model_attempt attempt;
    if (id == 0)
        return ran;
    js_journal_model_job(data->model, id, &job);
    if (job.latest == JS_JOURNAL_MODEL_NONE)
        return ran;
    js_journal_model_attempt(data->model, job.latest, &attempt);
    if (attempt.kind != JS_JOURNAL_MODEL_OK &&
        attempt.kind != JS_JOURNAL_MODEL_FAILED)
        return ran;
    ran.run_ns = attempt.outcome.run_ns;
    ran.cores = attempt.cores > 0 ? attempt.cores : 1;
    return ran;
}

static void add_work(struct js_report_data *data,
                     const struct js_replay_job *ran)
{
    int64_t work_ns;
    if (__builtin_mul_overflow(ran->run_ns, ran->cores, &work_ns) ||
        __builtin_add_overflow(data->work_ns, work_ns, &data->work_ns))
        data->work_ns = INT64_MAX;
    if (ran->cores > data->widest)
        data->widest = ran->cores;
}

static int take_run_times(struct js_report_data *data)
{
    const uint64_t *ids = (const uint64_t *)data->ids.data;
    for (size_t i = 0; i < data->ids.len / sizeof(*ids); i++) {
        struct js_replay_job ran = as_it_ran(data, ids[i]);
        if (js_buf_append(&data->replayed, &ran, sizeof(ran)) < 0)
            return -1;
        if (ran.run_ns >= 0)
            add_work(data, &ran);
    }
    return 0;
}

static uint64_t last_slots(const struct js_report_data *data)
{
    struct js_journal_model_run run;
    size_t count = js_journal_model_runs(data->model);
    if (count == 0)
        return 0;
    js_journal_model_run(data->model, count - 1, &run);
    return run.slots;
}

static int report_data_try_slots(struct js_report_data *data,
                                 const struct js_replay *replay, uint64_t slots,
                                 struct js_err *err)
{
    struct trial trial = {.slots = slots};
    if (data->trial_count == SLOTS_MAX)
        return 0;
    if (js_replay_span(replay, slots, &trial.span_ns, err) < 0)
        return -1;
    data->trials[data->trial_count++] = trial;
    return 0;
}

/* Powers of two from the widest job on, and the number that there was, as long
 * as more is faster by a hundredth. */
static int report_data_try_all(struct js_report_data *data,
                               const struct js_replay *replay,
                               struct js_err *err)
{
    uint64_t had = last_slots(data);
    int64_t least_ns = data->chain_ns + data->chain_ns / 100;
    int64_t best_ns = INT64_MAX;
    for (uint64_t slots = 1;
         slots <= 1 << 20 && (best_ns > least_ns || slots / 2 < had);
         slots *= 2) {
        if (slots < data->widest)
            continue;
        if (had > slots / 2 && had < slots && had >= data->widest &&
            report_data_try_slots(data, replay, had, err) < 0)
            return -1;
        if (report_data_try_slots(data, replay, slots, err) < 0)
            return -1;
        best_ns = data->trials[data->trial_count - 1].span_ns;
    }
    return 0;
}

/* ---------------------------------------------------------------- the chain */

static const struct js_replay_job *
replayed_of(const struct js_report_data *data, size_t *ret_count)
{
    *ret_count = data->replayed.len / sizeof(struct js_replay_job);
    return (const struct js_replay_job *)data->replayed.data;
}

/* What has not run is no part of it. */
static int keep_chain(struct js_report_data *data,
                      const struct js_critical_path *chain)
{
    const uint64_t *ids = (const uint64_t *)data->ids.data;
    size_t count;
    const struct js_replay_job *jobs = replayed_of(data, &count);
    data->chain_ns = chain->length_ns;
    for (size_t i = 0; i < chain->count; i++) {
        uint64_t seq = chain->seqs[i];
        if (seq <= count && jobs[seq - 1].run_ns >= 0 &&
            js_buf_append(&data->chain, &ids[seq - 1], sizeof(*ids)) < 0)
            return -1;
    }
    return 0;
}

/* By the list; what has not run takes no time. */
static int report_data_find_chain(struct js_report_data *data,
                                  struct js_err *err)
{
    size_t count;
    const struct js_replay_job *jobs = replayed_of(data, &count);
    struct js_critical_path chain = {0};
    int64_t *run_ns = calloc(count + 1, sizeof(*run_ns));
    struct js_source *source =
        run_ns ? js_source_new_regular(data->config.list, NULL, err) : NULL;
    struct js_critical_path_config config = {.run_ns = run_ns, .count = count};
    for (size_t i = 0; run_ns && i < count; i++)
        run_ns[i] = jobs[i].run_ns > 0 ? jobs[i].run_ns : 0;
    int rc = source ? js_critical_path_find(source, &config, &chain, err) : -1;
    if (rc == 0)
        rc = keep_chain(data, &chain);
    js_critical_path_release(&chain);
    js_source_free(source);
    free(run_ns);
    return rc;
}

/* Without a list no job waits: it is the longest one. */
static int find_longest(struct js_report_data *data)
{
    size_t count;
    const struct js_replay_job *jobs = replayed_of(data, &count);
    uint64_t longest = 0;
    for (uint64_t seq = 1; seq <= count; seq++) {
        if (jobs[seq - 1].run_ns >= 0 &&
            (longest == 0 || jobs[seq - 1].run_ns > jobs[longest - 1].run_ns))
            longest = seq;
    }
    if (longest == 0)
        return 0;
    struct js_critical_path chain = {
        .length_ns = jobs[longest - 1].run_ns, .seqs = &longest, .count = 1};
    return keep_chain(data, &chain);
}

/* What cannot be reckoned is left out: the list has changed since it was
 * read. */
static void replay_all(struct js_report_data *data)
{
    struct js_err err;
    struct js_replay replay = {.list =
                                   data->has_list ? data->config.list : NULL};
    replay.jobs = replayed_of(data, &replay.count);
    int rc =
        replay.list ? report_data_find_chain(data, &err) : find_longest(data);
    if (rc < 0 || report_data_try_all(data, &replay, &err) < 0)
        data->trial_count = data->chain.len = 0;
}

/* ---------------------------------------------------------------- loading */

static int report_data_gather(struct js_report_data *data)
{
    data->jobs = js_journal_model_jobs(data->model);
    data->timeline = js_timeline_new(data->model, data->now_unix_ns);
    if (!data->timeline || report_data_read_list(data) < 0 ||
        take_run_times(data) < 0)
        return -1;
    replay_all(data);
    return 0;
}

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
    data->now_unix_ns = js_clock_unix_ns();
    if (data->model && report_data_gather(data) == 0)
        return data;
    if (data->model)
        js_err_errno(err, "%s", config->journal);
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
    js_buf_release(&data->ids);
    js_buf_release(&data->replayed);
    js_buf_release(&data->chain);
    free(data->listed);
    free(data);
    errno = saved;
}

/* ---------------------------------------------------------------- writing */

/* A document that is longer than what of it is in memory. */
struct document {
    const struct js_report_data *data;
    struct js_json json;
    int fd;
    int error; /* of a write; 0: none */
};

static void flush(struct document *document, size_t least)
{
    struct js_buf *buf = &document->json.buf;
    if (buf->len < least)
        return;
    if (document->error == 0 &&
        js_write_full(document->fd, buf->data, buf->len) < 0)
        document->error = errno;
    buf->len = 0;
}

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
    js_json_string(json, "state", lives[js_journal_model_life(data->model)]);
    js_json_count(json, "added", data->added);
    if (data->config.list && !data->has_list)
        js_json_string(json, "list_error", data->list_error.text);
    else
        js_json_null(json, "list_error");
}

static void put_us(struct js_json *json, const char *key, int64_t ns)
{
    js_json_int(json, key, ns / JS_NS_PER_US);
}

static void report_data_put_run(struct document *document, size_t number)
{
    struct js_json *json = &document->json;
    struct js_journal_model_run run;
    struct js_timeline_run drawn;
    js_journal_model_run(document->data->model, number, &run);
    js_timeline_run(document->data->timeline, number, &drawn);
    js_json_open_object(json, NULL);
    js_json_string(json, "host", run.host);
    js_json_seconds(json, "begin", run.begin_unix_ns);
    js_json_bool(json, "ended", run.has_ended);
    js_json_int(json, "status", run.status);
    js_json_count(json, "slaves", run.slaves);
    js_json_count(json, "slots", run.slots);
    put_us(json, "from", drawn.begin_ns);
    put_us(json, "length", drawn.length_ns);
    js_json_close_object(json);
}

static void put_runs(struct document *document)
{
    js_json_open_array(&document->json, "runs");
    for (size_t i = 0; i < js_journal_model_runs(document->data->model); i++) {
        report_data_put_run(document, i);
        flush(document, PIECE_BYTES);
    }
    js_json_close_array(&document->json);
}

static void put_rows(struct document *document)
{
    struct js_json *json = &document->json;
    js_json_open_array(json, "rows");
    for (size_t i = 0; i < js_timeline_rows(document->data->timeline); i++) {
        struct js_timeline_row row;
        js_timeline_row(document->data->timeline, i, &row);
        js_json_open_array(json, NULL);
        js_json_string(json, NULL, row.host);
        js_json_count(json, NULL, row.rank);
        js_json_count(json, NULL, row.slot);
        js_json_close_array(json);
        flush(document, PIECE_BYTES);
    }
    js_json_close_array(json);
}

/* ---------------------------------------------------------------- jobs */

/* One job's entry in a column. */
typedef void (*job_fn)(struct document *document, uint64_t id);

static void put_name(struct document *document, uint64_t id)
{
    struct js_journal_model_job job;
    js_journal_model_job(document->data->model, id, &job);
    js_json_string(&document->json, NULL, job.name);
}

static void report_data_put_command(struct document *document, uint64_t id)
{
    const struct listed *listed = &document->data->listed[id - 1];
    if (listed->is_there)
        js_json_bytes(&document->json, NULL,
                      document->data->texts.data + listed->command,
                      listed->command_len);
    else
        js_json_null(&document->json, NULL);
}

static void report_data_put_standing(struct document *document, uint64_t id)
{
    struct js_journal_model_job job;
    js_journal_model_job(document->data->model, id, &job);
    js_json_count(&document->json, NULL, job.standing);
}

static void put_gone(struct document *document, uint64_t id)
{
    struct js_journal_model_job job;
    js_journal_model_job(document->data->model, id, &job);
    js_json_count(&document->json, NULL, job.is_gone);
}

static void report_data_put_line(struct document *document, uint64_t id)
{
    js_json_count(&document->json, NULL, document->data->listed[id - 1].line);
}

static void report_data_put_parent(struct document *document, uint64_t id)
{
    struct js_journal_model_job job;
    js_journal_model_job(document->data->model, id, &job);
    js_json_count(&document->json, NULL,
                  job.standing == JS_JOB_STATE_SKIPPED ? job.parent : 0);
}

static void put_wait(struct document *document, uint64_t id)
{
    js_json_count(&document->json, NULL, document->data->listed[id - 1].wait);
}

/* A column is an array of all jobs: half the size of an object a job. */
static void put_job_column(struct document *document, const char *key,
                           job_fn put)
{
    js_json_open_array(&document->json, key);
    for (uint64_t id = 1; id <= document->data->jobs; id++) {
        put(document, id);
        flush(document, PIECE_BYTES);
    }
    js_json_close_array(&document->json);
}

static void report_data_put_jobs(struct document *document)
{
    js_json_open_object(&document->json, "jobs");
    put_job_column(document, "name", put_name);
    put_job_column(document, "command", report_data_put_command);
    put_job_column(document, "standing", report_data_put_standing);
    put_job_column(document, "gone", put_gone);
    put_job_column(document, "line", report_data_put_line);
    put_job_column(document, "parent", report_data_put_parent);
    put_job_column(document, "wait", put_wait);
    js_json_close_object(&document->json);
}

/* ---------------------------------------------------------------- attempts */

/* A bar, and its attempt or what has begun. */
struct drawn {
    struct js_timeline_bar bar;
    struct js_journal_model_attempt attempt; /* of what has begun: in part */
};

static void get_drawn(const struct js_report_data *data, size_t index,
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

enum column {
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

static const char *const column_names[COLUMNS] = {
    [COLUMN_JOB] = "job",   [COLUMN_KIND] = "kind",   [COLUMN_ATTEMPT] = "n",
    [COLUMN_RUN] = "run",   [COLUMN_ROW] = "row",     [COLUMN_START] = "start",
    [COLUMN_TIME] = "time", [COLUMN_DRAWN] = "drawn", [COLUMN_CORES] = "cores",
    [COLUMN_USER] = "user", [COLUMN_SYSTEM] = "sys",  [COLUMN_RSS] = "rss",
};

static int64_t report_data_value_of(const struct drawn *drawn,
                                    enum column column)
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

static void put_column(struct document *document, enum column column)
{
    js_json_open_array(&document->json, column_names[column]);
    for (size_t i = 0; i < js_timeline_bars(document->data->timeline); i++) {
        struct drawn drawn;
        get_drawn(document->data, i, &drawn);
        js_json_int(&document->json, NULL,
                    report_data_value_of(&drawn, column));
        flush(document, PIECE_BYTES);
    }
    js_json_close_array(&document->json);
}

/* From this attempt on there are no more tails than wanted. */
static size_t first_tail(const struct js_report_data *data)
{
    struct js_journal_model_tail tail;
    size_t count = 0, at = js_journal_model_attempts(data->model);
    while (at > 0 && count < TAILS_MAX)
        count += js_journal_model_tail(data->model, --at, &tail);
    return at;
}

static void report_data_put_tail(struct document *document, size_t attempt)
{
    struct js_json *json = &document->json;
    struct js_journal_model_tail tail;
    if (!js_journal_model_tail(document->data->model, attempt, &tail))
        return;
    js_json_count(json, "stream", tail.stream);
    js_json_string(json, "tail", tail.text);
}

/* How it ended, in words. */
static void report_data_put_end(struct document *document,
                                const struct drawn *drawn)
{
    struct js_buf words = JS_BUF_INIT;
    if (js_outcome_describe(&drawn->attempt.outcome, NULL, &words) < 0)
        document->json.has_failed = true;
    js_json_bytes(&document->json, "end", words.data, words.len);
    js_buf_release(&words);
}

/* Of attempts that did not succeed, each with its place in the columns. */
static void put_ends(struct document *document)
{
    const struct js_report_data *data = document->data;
    struct js_json *json = &document->json;
    size_t first = first_tail(data);
    js_json_open_array(json, "ends");
    for (size_t i = 0; i < js_timeline_bars(data->timeline); i++) {
        struct drawn drawn;
        get_drawn(data, i, &drawn);
        if (drawn.bar.attempt == JS_JOURNAL_MODEL_NONE ||
            drawn.attempt.kind == JS_JOURNAL_MODEL_OK)
            continue;
        js_json_open_object(json, NULL);
        js_json_count(json, "at", i);
        report_data_put_end(document, &drawn);
        if (drawn.bar.attempt >= first)
            report_data_put_tail(document, drawn.bar.attempt);
        js_json_close_object(json);
        flush(document, PIECE_BYTES);
    }
    js_json_close_array(json);
}

static void report_data_put_attempts(struct document *document)
{
    js_json_open_object(&document->json, "attempts");
    for (int column = 0; column < COLUMNS; column++)
        put_column(document, (enum column)column);
    put_ends(document);
    js_json_close_object(&document->json);
}

/* ---------------------------------------------------------------- replays */

static void report_data_put_chain(struct document *document)
{
    const struct js_report_data *data = document->data;
    const uint64_t *ids = (const uint64_t *)data->chain.data;
    put_us(&document->json, "chain_time", data->chain_ns);
    js_json_open_array(&document->json, "chain");
    for (size_t i = 0; i < data->chain.len / sizeof(*ids); i++) {
        js_json_count(&document->json, NULL, ids[i]);
        flush(document, PIECE_BYTES);
    }
    js_json_close_array(&document->json);
}

static void put_trials(struct document *document)
{
    const struct js_report_data *data = document->data;
    struct js_json *json = &document->json;
    put_us(json, "work", data->work_ns);
    js_json_open_array(json, "slots");
    for (size_t i = 0; i < data->trial_count; i++) {
        js_json_open_array(json, NULL);
        js_json_count(json, NULL, data->trials[i].slots);
        put_us(json, NULL, data->trials[i].span_ns);
        js_json_close_array(json);
    }
    js_json_close_array(json);
}

int js_report_data_write(const struct js_report_data *data, int fd)
{
    struct document document = {.data = data, .fd = fd};
    js_json_open_object(&document.json, NULL);
    report_data_put_head(&document);
    put_runs(&document);
    put_rows(&document);
    report_data_put_jobs(&document);
    report_data_put_attempts(&document);
    report_data_put_chain(&document);
    put_trials(&document);
    js_json_close_object(&document.json);
    flush(&document, 0);
    int rc = js_json_check(&document.json);
    js_buf_release(&document.json.buf);
    if (document.error == 0)
        return rc;
    errno = document.error;
    return -1;
}
