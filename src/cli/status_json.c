#include "cli/status_json.h"

#include "base/json.h"

/* ---------------------------------------------------------------- the run */

static void put_or_null(struct js_json *json, const char *key, const char *text)
{
    if (text && text[0])
        js_json_string(json, key, text);
    else
        js_json_null(json, key);
}

static const char *status_json_life_of(const struct js_status_model *overview)
{
    switch (overview->life) {
    case JS_JOURNAL_MODEL_NO_RUN:
        break;
    case JS_JOURNAL_MODEL_ENDED:
        return "ended";
    case JS_JOURNAL_MODEL_ON:
        return "running";
    case JS_JOURNAL_MODEL_BROKEN:
        return "broken";
    case JS_JOURNAL_MODEL_UNKNOWN:
        return "unknown";
    }
    return "none";
}

static void status_json_put_run(struct js_json *json,
                                const struct js_status_model *overview)
{
    const struct js_journal_model_run *run = &overview->run;
    js_json_open_object(json, "run");
    js_json_string(json, "state", status_json_life_of(overview));
    if (run->has_ended)
        js_json_int(json, "status", run->status);
    else
        js_json_null(json, "status");
    if (overview->has_run) {
        js_json_string(json, "host", run->host);
        js_json_count(json, "pid", run->pid);
        js_json_seconds(json, "begin", run->begin_unix_ns);
        js_json_seconds(json, "seen", run->seen_unix_ns);
    }
    if (run->has_ended)
        js_json_seconds(json, "end", run->end_unix_ns);
    js_json_count(json, "slaves", run->slaves);
    js_json_count(json, "slots", run->slots);
    js_json_close_object(json);
}

static void status_json_put_counts(struct js_json *json,
                                   const struct js_status_model *overview)
{
    const struct js_status_model_counts *counts = &overview->counts;
    js_json_open_object(json, "jobs");
    js_json_count(json, "total", counts->jobs);
    js_json_count(json, "done", counts->done);
    js_json_count(json, "failed", counts->failed);
    js_json_count(json, "skipped", counts->skipped);
    js_json_count(json, "left", counts->left);
    js_json_count(json, "running", counts->running);
    js_json_count(json, "running_briefly", counts->brief);
    js_json_count(json, "added", counts->added);
    js_json_count(json, "gone", counts->gone);
    js_json_close_object(json);
    if (overview->rate_per_s > 0)
        js_json_real(json, "jobs_per_second", overview->rate_per_s);
    else
        js_json_null(json, "jobs_per_second");
    if (overview->to_come_ns >= 0)
        js_json_seconds(json, "seconds_left", overview->to_come_ns);
    else
        js_json_null(json, "seconds_left");
}

static void status_json_put_waiting(struct js_json *json,
                                    const struct js_status_model *overview)
{
    const uint64_t *waiting = overview->counts.waiting;
    if (!overview->list_state) {
        js_json_null(json, "waiting");
        return;
    }
    js_json_open_object(json, "waiting");
    js_json_count(json, "for_room", waiting[JS_WAIT_FOR_ROOM]);
    js_json_count(json, "for_jobs", waiting[JS_WAIT_FOR_JOBS]);
    js_json_count(json, "behind_wait", waiting[JS_WAIT_BEHIND_WAIT]);
    js_json_count(json, "after_failed", waiting[JS_WAIT_TO_SKIP]);
    js_json_close_object(json);
}

/* ---------------------------------------------------------------- jobs */

/* Writes what identifies the job. */
static void status_json_put_identity(struct js_json *json,
                                     const struct js_status_model *overview,
                                     uint64_t id, const struct js_job *listed)
{
    struct js_journal_model_job job = {.name = ""};
    if (id > 0)
        js_journal_model_job(overview->model, id, &job);
    js_json_count(json, "id", id);
    put_or_null(json, "name", listed ? js_job_name(listed) : job.name);
    if (listed)
        js_json_bytes(json, "command", listed->command, listed->command_len);
    else
        js_json_null(json, "command");
}

static void status_json_put_place(struct js_json *json,
                                  const struct js_status_model *overview,
                                  size_t number)
{
    struct js_journal_model_slave slave;
    js_journal_model_slave(overview->model, number, &slave);
    js_json_count(json, "slave", slave.rank);
    js_json_string(json, "host", slave.host);
}

static void put_begun(struct js_json *json,
                      const struct js_status_model *overview, size_t index)
{
    struct js_journal_model_begun begun;
    js_journal_model_begun(overview->model, index, &begun);
    js_json_count(json, "attempt", begun.attempt);
    status_json_put_place(json, overview, begun.slave);
    js_json_seconds(json, "begin", begun.start_unix_ns);
    js_json_seconds(json, "seconds",
                    overview->now_unix_ns - begun.start_unix_ns);
}

static void status_json_put_running(struct js_json *json,
                                    const struct js_status_model *overview)
{
    size_t count = js_journal_model_begun_count(overview->model);
    js_json_open_array(json, "running");
    for (size_t i = 0; i < count; i++) {
        struct js_journal_model_begun begun;
        js_journal_model_begun(overview->model, i, &begun);
        js_json_open_object(json, NULL);
        status_json_put_identity(json, overview, begun.id,
                                 js_status_model_find(overview, begun.id));
        put_begun(json, overview, i);
        js_json_close_object(json);
    }
    js_json_close_array(json);
}

static const char *status_json_kind_of(enum js_journal_model_kind kind)
{
    static const char *const words[JS_JOURNAL_MODEL_KINDS] = {
        [JS_JOURNAL_MODEL_OK] = "ok",
        [JS_JOURNAL_MODEL_FAILED] = "failed",
        [JS_JOURNAL_MODEL_RETRIED] = "retried",
        [JS_JOURNAL_MODEL_STOPPED] = "stopped",
    };
    return words[kind];
}

static void status_json_put_tail(struct js_json *json,
                                 const struct js_status_model *overview,
                                 size_t number)
{
    struct js_journal_model_tail tail;
    if (!js_journal_model_tail(overview->model, number, &tail)) {
        js_json_null(json, "tail");
        return;
    }
    js_json_open_object(json, "tail");
    js_json_string(json, "stream", tail.stream == 2 ? "stderr" : "stdout");
    js_json_string(json, "text", tail.text);
    js_json_close_object(json);
}

static void
status_json_put_reason(struct js_json *json,
                       const struct js_status_model *overview,
                       const struct js_journal_model_attempt *attempt)
{
    struct js_buf text = JS_BUF_INIT;
    if (js_status_model_describe(overview, attempt, &text) < 0)
        json->has_failed = true;
    else
        js_json_bytes(json, "outcome", text.data, text.len);
    js_buf_release(&text);
}

static void status_json_put_attempt(struct js_json *json,
                                    const struct js_status_model *overview,
                                    size_t number)
{
    struct js_journal_model_attempt attempt;
    js_journal_model_attempt(overview->model, number, &attempt);
    const struct js_outcome *outcome = &attempt.outcome;
    js_json_string(json, "result", status_json_kind_of(attempt.kind));
    js_json_count(json, "attempt", attempt.attempt);
    status_json_put_place(json, overview, attempt.slave);
    js_json_count(json, "cores", attempt.cores);
    js_json_seconds(json, "begin", outcome->start_unix_ns);
    js_json_seconds(json, "seconds", outcome->run_ns);
    js_json_seconds(json, "user_seconds", outcome->user_cpu_ns);
    js_json_seconds(json, "system_seconds", outcome->system_cpu_ns);
    js_json_count(json, "max_rss_bytes", outcome->max_rss_bytes);
    js_json_count(json, "exit", outcome->exit_code);
    js_json_count(json, "signal", outcome->signal);
    status_json_put_reason(json, overview, &attempt);
    status_json_put_tail(json, overview, number);
}

static void status_json_put_failed(struct js_json *json,
                                   const struct js_status_model *overview)
{
    struct js_journal_model_attempt attempt;
    size_t at = JS_JOURNAL_MODEL_NONE;
    js_json_open_array(json, "failed");
    while (js_status_model_next_failed(overview, &at, &attempt)) {
        js_json_open_object(json, NULL);
        status_json_put_identity(json, overview, attempt.id,
                                 js_status_model_find(overview, attempt.id));
        status_json_put_attempt(json, overview, at);
        js_json_close_object(json);
    }
    js_json_close_array(json);
}

/* ---------------------------------------------------------------- one job */

static const char *state_of(const struct js_journal_model_job *job)
{
    static const char *const words[] = {
        [JS_JOB_STATE_LEFT] = "left",
        [JS_JOB_STATE_SUCCEEDED] = "done",
        [JS_JOB_STATE_FAILED] = "failed",
        [JS_JOB_STATE_SKIPPED] = "skipped",
    };
    return job->begun != JS_JOURNAL_MODEL_NONE ? "running" : words[job->state];
}

struct listing {
    struct js_json *json;
    const struct js_status_model *overview;
};

static void status_json_put_awaited(void *arg, const struct js_awaited *awaited)
{
    const struct listing *listing = arg;
    struct js_json *json = listing->json;
    struct js_journal_model_job job = {.begun = JS_JOURNAL_MODEL_NONE};
    if (awaited->id > 0)
        js_journal_model_job(listing->overview->model, awaited->id, &job);
    js_json_open_object(json, NULL);
    js_json_count(json, "id", awaited->id);
    put_or_null(json, "name", awaited->name);
    js_json_string(json, "state", state_of(&job));
    js_json_bool(json, "any", awaited->any);
    js_json_close_object(json);
}

static void put_list_state(struct js_json *json,
                           const struct js_status_model *overview)
{
    static const char *const words[JS_WAIT_COUNT] = {
        [JS_WAIT_FOR_ROOM] = "for_room",
        [JS_WAIT_FOR_JOBS] = "for_jobs",
        [JS_WAIT_BEHIND_WAIT] = "behind_wait",
        [JS_WAIT_TO_SKIP] = "after_failed",
    };
    const struct js_status_model_job *it = &overview->explained;
    struct listing listing = {json, overview};
    js_json_string(json, "waits", words[it->wait]);
    js_json_open_array(json, "comes_after");
    js_list_state_each(overview->list_state, it->job->seq,
                       status_json_put_awaited, &listing);
    js_json_close_array(json);
    js_json_count(json, "above_wait",
                  js_list_state_above(overview->list_state, it->job->seq));
}

static void status_json_put_need(struct js_json *json, const struct js_job *job)
{
    js_json_count(json, "line", job->line);
    js_json_open_object(json, "needs");
    js_json_count(json, "nodes", js_request_nodes(&job->request));
    js_json_count(json, "cores", job->request.cores);
    js_json_count(json, "gpus", job->request.gpus);
    js_json_count(json, "mem_bytes", job->request.mem_bytes);
    js_json_close_object(json);
}

/* The latest attempt comes first. */
static void status_json_put_attempts(struct js_json *json,
                                     const struct js_status_model *overview,
                                     size_t number)
{
    js_json_open_array(json, "attempts");
    while (number != JS_JOURNAL_MODEL_NONE) {
        struct js_journal_model_attempt attempt;
        js_json_open_object(json, NULL);
        status_json_put_attempt(json, overview, number);
        js_json_close_object(json);
        js_journal_model_attempt(overview->model, number, &attempt);
        number = attempt.previous;
    }
    js_json_close_array(json);
}

static void status_json_put_losses(struct js_json *json,
                                   const struct js_status_model *overview,
                                   uint64_t id)
{
    struct js_journal_model_loss loss;
    size_t at = JS_JOURNAL_MODEL_NONE;
    js_json_open_array(json, "losses");
    while (js_journal_model_next_loss(overview->model, id, &at, &loss)) {
        js_json_open_object(json, NULL);
        js_json_count(json, "loss", loss.count);
        status_json_put_place(json, overview, loss.slave);
        js_json_seconds(json, "seen", loss.unix_ns);
        js_json_close_object(json);
    }
    js_json_close_array(json);
}

static void put_explained(struct js_json *json,
                          const struct js_status_model *overview)
{
    const struct js_status_model_job *it = &overview->explained;
    struct js_journal_model_job job = {.latest = JS_JOURNAL_MODEL_NONE,
                                       .begun = JS_JOURNAL_MODEL_NONE};
    if (it->id > 0)
        js_journal_model_job(overview->model, it->id, &job);
    js_json_open_object(json, "job");
    status_json_put_identity(json, overview, it->id, it->job);
    js_json_string(json, "state", it->id > 0 ? state_of(&job) : "new");
    if (it->job)
        status_json_put_need(json, it->job);
    if (it->job && it->wait != JS_WAIT_NOT &&
        job.begun == JS_JOURNAL_MODEL_NONE)
        put_list_state(json, overview);
    if (job.state == JS_JOB_STATE_SKIPPED)
        js_json_count(json, "skipped_because_of", job.parent);
    if (job.begun != JS_JOURNAL_MODEL_NONE) {
        js_json_open_object(json, "running");
        put_begun(json, overview, job.begun);
        js_json_close_object(json);
    }
    status_json_put_attempts(json, overview, job.latest);
    status_json_put_losses(json, overview, it->id);
    js_json_close_object(json);
}

int js_status_json(const struct js_status_model *overview, struct js_buf *buf)
{
    struct js_json json = {.buf = *buf};
    js_json_open_object(&json, NULL);
    put_or_null(&json, "list", overview->config.job_file);
    js_json_string(&json, "journal", overview->config.journal);
    js_json_seconds(&json, "now", overview->now_unix_ns);
    status_json_put_run(&json, overview);
    status_json_put_counts(&json, overview);
    status_json_put_waiting(&json, overview);
    put_or_null(&json, "list_error", overview->list_error.text);
    status_json_put_running(&json, overview);
    status_json_put_failed(&json, overview);
    if (overview->is_explained)
        put_explained(&json, overview);
    js_json_close_object(&json);
    *buf = json.buf;
    if (js_json_check(&json) < 0)
        return -1;
    return js_buf_append(buf, "\n", 1);
}
