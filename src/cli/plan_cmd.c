#include "cli/plan_cmd.h"

#include "base/fdio.h"
#include "cli/input_paths.h"
#include "cli/plan_text.h"
#include "record/joblog_reader.h"
#include "record/past_runs.h"
#include "sched/whatif.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is known of earlier runs. */
struct past {
    const struct jobsched_config *config;
    char *journal; /* owned; NULL: there is a joblog instead */
    struct js_past_runs *past_runs;
    struct js_joblog_reader *order; /* of --longest-first; NULL: none */
};

static void release_past(struct past *past)
{
    js_joblog_reader_free(past->order);
    js_past_runs_free(past->past_runs);
    free(past->journal);
}

static int open_past(struct past *past, struct js_err *err)
{
    const struct jobsched_config *config = past->config;
    if (config->joblog)
        past->past_runs = js_past_runs_from_joblog(config->joblog, err);
    else
        past->journal =
            js_input_paths_journal(config, ", or a joblog with --joblog", err);
    if (past->journal)
        past->past_runs = js_past_runs_from_journal(past->journal, err);
    if (!past->past_runs)
        return -1;
    if (config->longest_first)
        past->order = js_joblog_reader_load(config->longest_first, err);
    return config->longest_first && !past->order ? -1 : 0;
}

static int64_t run_ns(void *arg, const struct js_job *job)
{
    const struct past *past = arg;
    return js_past_runs_run_ns(past->past_runs, job);
}

static int64_t expected_ns(void *arg, const struct js_job *job)
{
    const struct past *past = arg;
    return js_joblog_reader_find(past->order, job->command, job->command_len);
}

/* ---------------------------------------------------------------- hosts */

/* A journal says how many slots a host had, and nothing of its memory: that is
 * known of this one only. */
static void describe_hosts(const struct past *past,
                           struct js_whatif_config *ret)
{
    char host[256] = "";
    uint64_t slots = js_past_runs_host_slots(past->past_runs);
    const char *only = js_past_runs_only_host(past->past_runs);
    bool is_known = slots > 0 && slots <= UINT32_MAX;
    bool is_here =
        !is_known || (only && gethostname(host, sizeof(host) - 1) == 0 &&
                      strcmp(host, only) == 0);
    ret->host_slots = is_known ? (uint32_t)slots : jobsched_cores();
    ret->host_mem_bytes = is_here ? jobsched_memory_bytes() : 0;
    if (past->config->gpus != JOBSCHED_GPUS_FOUND)
        ret->host_gpus = past->config->gpus;
}

static struct js_whatif_config forecast_of(struct past *past,
                                           const struct js_options *options)
{
    const struct jobsched_config *config = &options->config;
    struct js_whatif_config forecast = {
        .job_file = config->job_file,
        .registry = js_past_runs_ledger(past->past_runs),
        .plan = {.round_size = config->round_size,
                 .barrier = config->barrier,
                 .longest_first = config->longest_first,
                 .retries = config->retries,
                 .failures = config->max_failures,
                 .timeout_ns = config->timeout_ns},
        .run_ns = run_ns,
        .expected_ns = past->order ? expected_ns : NULL,
        .arg = past,
        .gap_ns = js_past_runs_gap_ns(past->past_runs),
        .slots = options->slaves,
    };
    if (config->fail_fast && forecast.plan.failures == 0)
        forecast.plan.failures = 1;
    describe_hosts(past, &forecast);
    return forecast;
}

/* ---------------------------------------------------------------- showing */

static int plan_cmd_fail(const char *what, enum jobsched_status status)
{
    fprintf(stderr, "jobsched: %s\n", what);
    return (int)status;
}

static int plan_cmd_show(const struct js_plan_text_config *shown, bool is_json)
{
    struct js_buf text = JS_BUF_INIT;
    int status = JOBSCHED_SUCCEEDED;
    int rc =
        is_json ? js_plan_text_json(shown, &text) : js_plan_text(shown, &text);
    if (rc == 0)
        rc = js_write_full(STDOUT_FILENO, text.data, text.len);
    if (rc < 0) {
        fprintf(stderr, "jobsched: standard output: %s\n",
                js_errno_text(errno));
        status = JOBSCHED_BROKEN;
    }
    js_buf_release(&text);
    return status;
}

static int plan(struct past *past, const struct js_options *options)
{
    struct js_err err;
    struct js_whatif forecast;
    struct js_whatif_config config = forecast_of(past, options);
    if (js_whatif_make(&config, &forecast, &err) < 0)
        return plan_cmd_fail(err.text, JOBSCHED_BAD_INPUT);
    struct js_plan_text_config shown = {
        .forecast = &forecast,
        .job_file = config.job_file,
        .origin = past->journal ? past->journal : past->config->joblog,
        .is_mem_counted = config.host_mem_bytes > 0};
    int status = plan_cmd_show(&shown, options->is_json);
    js_whatif_release(&forecast);
    return status;
}

int js_plan_cmd(const struct js_options *options)
{
    struct js_err err;
    struct past past = {.config = &options->config};
    int status = open_past(&past, &err) < 0
                     ? plan_cmd_fail(err.text, JOBSCHED_BAD_INPUT)
                     : plan(&past, options);
    release_past(&past);
    return status;
}
