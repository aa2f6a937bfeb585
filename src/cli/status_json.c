#include "cli/status_json.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

/* The members are in the order in which jobsched(1) lists them. Their names are
 * part of the interface, so some are older than the words of the code. */

/* ---------------------------------------------------------------- the run */

/* A member is never left out, so that a reader need not check whether it is
 * there. */
static void json_put_or_null(struct js_json *json, const char *key,
                             const char *text)
{
    if (text && text[0])
        js_json_string(json, key, text);
    else
        js_json_null(json, key);
}

static const char *json_life_of(const struct js_status_model *status)
{
    /* There is no default, so that the compiler reports a state that is missing
     * here. */
    switch (status->life) {
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

static void json_put_run(struct js_json *json,
                         const struct js_status_model *status)
{
    const struct js_journal_model_run *run = &status->run;
    js_json_open_object(json, "run");
    js_json_string(json, "state", json_life_of(status));
    /* Without a record of its end, the status of a run is unknown. */
    if (run->has_ended)
        js_json_int(json, "status", run->status);
    else
        js_json_null(json, "status");
    if (status->has_run) {
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

static void json_put_counts(struct js_json *json,
                            const struct js_status_model *status)
{
    const struct js_status_model_counts *counts = &status->counts;
    /* `left` includes `running`. `running_briefly` is an estimate: these jobs
     * are part of `left`, but not of `running`, which contains only jobs of a
     * second or more. `added` and `gone` are not part of any other number. */
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
    /* An unknown value is null, and not 0, which would mean that nothing
     * moves. */
    if (status->rate_per_s > 0)
        js_json_real(json, "jobs_per_second", status->rate_per_s);
    else
        js_json_null(json, "jobs_per_second");
    if (status->to_come_ns >= 0)
        js_json_seconds(json, "seconds_left", status->to_come_ns);
    else
        js_json_null(json, "seconds_left");
}

static void json_put_waiting(struct js_json *json,
                             const struct js_status_model *status)
{
    const uint64_t *waiting = status->counts.waiting;
    if (!status->list_state) {
        js_json_null(json, "waiting");
        return;
    }
    /* All four are there even if they are 0: a program need not know which. */
    js_json_open_object(json, "waiting");
    js_json_count(json, "for_room", waiting[JS_WAIT_FOR_ROOM]);
    js_json_count(json, "for_jobs", waiting[JS_WAIT_FOR_JOBS]);
    js_json_count(json, "behind_wait", waiting[JS_WAIT_BEHIND_WAIT]);
    js_json_count(json, "after_failed", waiting[JS_WAIT_TO_SKIP]);
    js_json_close_object(json);
}

/* ---------------------------------------------------------------- jobs */

/* Writes the values of the template that the job was made with. */
static void json_put_args(struct js_json *json, const struct js_job *listed)
{
    struct js_job_spec details = {0};
    const char *arg = NULL;
    if (!listed) {
        js_json_null(json, "args");
        return;
    }
    js_job_spec_unpack(listed->text, listed->details_len, &details);
    js_json_open_object(json, "args");
    while (details.arg_count > 0 && (arg = js_job_spec_arg(&details, arg))) {
        const char *value = strchr(arg, '=') + 1;
        char *name = strndup(arg, (size_t)(value - arg) - 1);
        if (name)
            js_json_bytes(json, name, value, strlen(value));
        json->has_failed |= !name;
        free(name);
    }
    js_json_close_object(json);
}

/* Writes what identifies the job. The list knows its present name; the journal
 * has the name that it had when it ran. */
static void json_put_identity(struct js_json *json,
                              const struct js_status_model *status, uint64_t id,
                              const struct js_job *listed)
{
    struct js_journal_model_job job = {.name = ""};
    if (id > 0)
        js_journal_model_job(status->model, id, &job);
    js_json_count(json, "id", id);
    json_put_or_null(json, "name", listed ? js_job_name(listed) : job.name);
    if (listed)
        js_json_bytes(json, "command", listed->command, listed->command_len);
    else
        js_json_null(json, "command");
    json_put_args(json, listed);
}

/* A host may be "" (record/journal_model.h). The text shows "?" then, but a
 * program could take that for a name. */
static void json_put_place(struct js_json *json,
                           const struct js_status_model *status, size_t number)
{
    struct js_journal_model_slave slave;
    js_journal_model_slave(status->model, number, &slave);
    js_json_count(json, "slave", slave.rank);
    js_json_string(json, "host", slave.host);
}

/* The start is by the master's clock, and the time so far by the clock of this
 * host, which may be a different one. */
static void json_put_begun(struct js_json *json,
                           const struct js_status_model *status, size_t index)
{
    struct js_journal_model_begun begun;
    js_journal_model_begun(status->model, index, &begun);
    js_json_count(json, "attempt", begun.attempt);
    json_put_place(json, status, begun.slave);
    js_json_seconds(json, "begin", begun.start_unix_ns);
    js_json_seconds(json, "seconds", status->now_unix_ns - begun.start_unix_ns);
}

/* All of them are listed, while the text shows only the first few: a program
 * can count. The same goes for the failed jobs below. */
static void json_put_running(struct js_json *json,
                             const struct js_status_model *status)
{
    size_t count = js_journal_model_look(status->model).begun;
    js_json_open_array(json, "running");
    for (size_t i = 0; i < count; i++) {
        struct js_journal_model_begun begun;
        js_journal_model_begun(status->model, i, &begun);
        js_json_open_object(json, NULL);
        json_put_identity(json, status, begun.id,
                          js_status_model_find(status, begun.id));
        json_put_begun(json, status, i);
        js_json_close_object(json);
    }
    js_json_close_array(json);
}

static const char *json_kind_of(enum js_journal_model_kind kind)
{
    static const char *const names[JS_JOURNAL_MODEL_KINDS] = {
        [JS_JOURNAL_MODEL_OK] = "ok",
        [JS_JOURNAL_MODEL_FAILED] = "failed",
        [JS_JOURNAL_MODEL_RETRIED] = "retried",
        [JS_JOURNAL_MODEL_STOPPED] = "stopped",
    };
    return names[kind];
}

static void json_put_tail(struct js_json *json,
                          const struct js_status_model *status, size_t number)
{
    struct js_journal_model_tail tail;
    /* The journal has a tail for each failed attempt that has written anything.
     */
    if (!js_journal_model_tail(status->model, number, &tail)) {
        js_json_null(json, "tail");
        return;
    }
    js_json_open_object(json, "tail");
    js_json_string(json, "stream", tail.stream == 2 ? "stderr" : "stdout");
    js_json_string(json, "text", tail.text);
    js_json_close_object(json);
}

/* The same words as in the text, for programs that pass them on to people. */
static void json_put_reason(struct js_json *json,
                            const struct js_status_model *status,
                            const struct js_journal_model_attempt *attempt)
{
    struct js_buf text = JS_BUF_INIT;
    if (js_status_model_describe(status, attempt, &text) < 0)
        json->has_failed = true;
    else
        js_json_bytes(json, "outcome", text.data, text.len);
    js_buf_release(&text);
}

static void json_put_attempt(struct js_json *json,
                             const struct js_status_model *status,
                             size_t number)
{
    struct js_journal_model_attempt attempt;
    js_journal_model_attempt(status->model, number, &attempt);
    const struct js_outcome *outcome = &attempt.outcome;
    js_json_string(json, "result", json_kind_of(attempt.kind));
    js_json_count(json, "attempt", attempt.attempt);
    json_put_place(json, status, attempt.slave);
    js_json_count(json, "cores", attempt.cores);
    js_json_seconds(json, "begin", outcome->start_unix_ns);
    js_json_seconds(json, "seconds", outcome->run_ns);
    js_json_seconds(json, "user_seconds", outcome->user_cpu_ns);
    js_json_seconds(json, "system_seconds", outcome->system_cpu_ns);
    js_json_count(json, "max_rss_bytes", outcome->max_rss_bytes);
    js_json_count(json, "exit", outcome->exit_code);
    js_json_count(json, "signal", outcome->signal);
    json_put_reason(json, status, &attempt);
    json_put_tail(json, status, number);
}

static void json_put_failed(struct js_json *json,
                            const struct js_status_model *status)
{
    struct js_journal_model_attempt attempt;
    size_t at = JS_JOURNAL_MODEL_NONE;
    js_json_open_array(json, "failed");
    while (js_status_model_next_failed(status, &at, &attempt)) {
        js_json_open_object(json, NULL);
        json_put_identity(json, status, attempt.id,
                          js_status_model_find(status, attempt.id));
        json_put_attempt(json, status, at);
        js_json_close_object(json);
    }
    js_json_close_array(json);
}

/* ---------------------------------------------------------------- one job */

/* A job that has begun is still LEFT in the journal until it ends. */
static const char *json_state_of(const struct js_journal_model_job *job)
{
    static const char *const names[] = {
        [JS_JOB_STATE_LEFT] = "left",
        [JS_JOB_STATE_SUCCEEDED] = "done",
        [JS_JOB_STATE_FAILED] = "failed",
        [JS_JOB_STATE_SKIPPED] = "skipped",
    };
    return job->begun != JS_JOURNAL_MODEL_NONE ? "running" : names[job->state];
}

struct listing {
    struct js_json *json;
    const struct js_status_model *status;
};

/* A job that no run has accepted yet can be waited for as well; its id is 0. */
static void json_put_awaited(void *arg, const struct js_awaited *awaited)
{
    const struct listing *listing = arg;
    struct js_json *json = listing->json;
    struct js_journal_model_job job = {.begun = JS_JOURNAL_MODEL_NONE};
    if (awaited->id > 0)
        js_journal_model_job(listing->status->model, awaited->id, &job);
    js_json_open_object(json, NULL);
    js_json_count(json, "id", awaited->id);
    json_put_or_null(json, "name", awaited->name);
    js_json_string(json, "state", json_state_of(&job));
    js_json_bool(json, "any", awaited->any);
    js_json_close_object(json);
}

static void json_put_list_state(struct js_json *json,
                                const struct js_status_model *status)
{
    static const char *const names[JS_WAIT_COUNT] = {
        [JS_WAIT_FOR_ROOM] = "for_room",
        [JS_WAIT_FOR_JOBS] = "for_jobs",
        [JS_WAIT_BEHIND_WAIT] = "behind_wait",
        [JS_WAIT_TO_SKIP] = "after_failed",
    };
    const struct js_status_model_job *it = &status->explained;
    struct listing listing = {json, status};
    js_json_string(json, "waits", names[it->wait]);
    js_json_open_array(json, "comes_after");
    js_list_state_each(status->list_state, it->job->seq, json_put_awaited,
                       &listing);
    js_json_close_array(json);
    js_json_count(json, "above_wait",
                  js_list_state_above(status->list_state, it->job->seq));
}

/* Only the list knows these. The journal records what a job was given. */
static void json_put_need(struct js_json *json, const struct js_job *job)
{
    js_json_count(json, "line", job->line);
    js_json_open_object(json, "needs");
    js_json_count(json, "nodes", js_request_nodes(&job->request));
    js_json_count(json, "cores", job->request.cores);
    js_json_count(json, "gpus", job->request.gpus);
    js_json_count(json, "mem_bytes", job->request.mem_bytes);
    js_json_close_object(json);
}

/* The latest attempt comes first; each links to the one before. */
static void json_put_attempts(struct js_json *json,
                              const struct js_status_model *status,
                              size_t number)
{
    js_json_open_array(json, "attempts");
    while (number != JS_JOURNAL_MODEL_NONE) {
        struct js_journal_model_attempt attempt;
        js_json_open_object(json, NULL);
        json_put_attempt(json, status, number);
        js_json_close_object(json);
        js_journal_model_attempt(status->model, number, &attempt);
        number = attempt.previous;
    }
    js_json_close_array(json);
}

static void json_put_losses(struct js_json *json,
                            const struct js_status_model *status, uint64_t id)
{
    struct js_journal_model_loss loss;
    size_t at = JS_JOURNAL_MODEL_NONE;
    js_json_open_array(json, "losses");
    while (js_journal_model_next_loss(status->model, id, &at, &loss)) {
        js_json_open_object(json, NULL);
        js_json_count(json, "loss", loss.count);
        json_put_place(json, status, loss.slave);
        js_json_seconds(json, "seen", loss.unix_ns);
        js_json_close_object(json);
    }
    js_json_close_array(json);
}

static void json_put_explained(struct js_json *json,
                               const struct js_status_model *status)
{
    const struct js_status_model_job *it = &status->explained;
    struct js_journal_model_job job = {.latest = JS_JOURNAL_MODEL_NONE,
                                       .begun = JS_JOURNAL_MODEL_NONE};
    if (it->id > 0)
        js_journal_model_job(status->model, it->id, &job);
    js_json_open_object(json, "job");
    json_put_identity(json, status, it->id, it->job);
    /* A job that no run has accepted has no id, and nothing in the journal. */
    js_json_string(json, "state", it->id > 0 ? json_state_of(&job) : "new");
    if (it->job)
        json_put_need(json, it->job);
    /* To the list, a running job is one of those left, so it has a reason to
     * wait. The journal knows better. */
    if (it->job && it->wait != JS_WAIT_NOT &&
        job.begun == JS_JOURNAL_MODEL_NONE)
        json_put_list_state(json, status);
    if (job.state == JS_JOB_STATE_SKIPPED)
        js_json_count(json, "skipped_because_of", job.parent);
    if (job.begun != JS_JOURNAL_MODEL_NONE) {
        js_json_open_object(json, "running");
        json_put_begun(json, status, job.begun);
        js_json_close_object(json);
    }
    json_put_attempts(json, status, job.latest);
    json_put_losses(json, status, it->id);
    js_json_close_object(json);
}

int js_status_json(const struct js_status_model *status, struct js_buf *buf)
{
    /* The document owns the caller's buffer until it is complete. */
    struct js_json json = {.buf = *buf};
    js_json_open_object(&json, NULL);
    json_put_or_null(&json, "list", status->config.job_file);
    js_json_string(&json, "journal", status->config.journal);
    js_json_seconds(&json, "now", status->now_unix_ns);
    json_put_run(&json, status);
    json_put_counts(&json, status);
    json_put_waiting(&json, status);
    json_put_or_null(&json, "list_error", status->list_error.text);
    json_put_running(&json, status);
    json_put_failed(&json, status);
    if (status->is_explained)
        json_put_explained(&json, status);
    js_json_close_object(&json);
    *buf = json.buf;
    if (js_json_check(&json) < 0)
        return -1;
    return js_buf_append(buf, "\n", 1);
}
