#include "cli/plan_cmd.h"

#include "base/file.h"
#include "cli/input_paths.h"
#include "cli/plan_model.h"
#include "cli/plan_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The inputs of the plan. */
struct inputs {
    char *journal; /* NULL: there is a joblog instead */
    struct js_past_runs *past_runs;
    struct js_list *list;
};

static void release_inputs(struct inputs *inputs)
{
    js_list_free(inputs->list);
    js_past_runs_free(inputs->past_runs);
    free(inputs->journal);
}

/* The list is read last: without past runs there is nothing to plan with, and a
 * list may be long. */
static int read_inputs(const struct jobsched_config *config,
                       struct inputs *inputs, struct js_err *err)
{
    if (config->joblog)
        inputs->past_runs = js_past_runs_from_joblog(config->joblog, err);
    else
        inputs->journal =
            js_input_paths_journal(config, ", or a joblog with --joblog", err);
    if (inputs->journal)
        inputs->past_runs = js_past_runs_from_journal(inputs->journal, err);
    if (inputs->past_runs)
        inputs->list = js_list_read(config->job_file, err);
    return inputs->list ? 0 : -1;
}

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
        rc = js_file_write(STDOUT_FILENO, text.data, text.len);
    if (rc < 0) {
        fprintf(stderr, "jobsched: standard output: %s\n",
                js_errno_text(errno));
        status = JOBSCHED_BROKEN;
    }
    js_buf_release(&text);
    return status;
}

static int plan(const struct inputs *inputs, const struct js_options *options)
{
    struct js_err err;
    struct js_plan_model model;
    const struct js_plan_model_config config = {
        .options = &options->config,
        .list = inputs->list,
        .registry = js_past_runs_registry(inputs->past_runs),
        .past_runs = inputs->past_runs,
        .slots = options->slaves};
    if (js_plan_model_make(&config, &model, &err) < 0)
        return plan_cmd_fail(err.text, JOBSCHED_BAD_INPUT);
    const struct js_plan_text_config shown = {
        .forecast = &model.whatif,
        .job_file = options->config.job_file,
        .origin = inputs->journal ? inputs->journal : options->config.joblog,
        .is_mem_counted = model.is_mem_counted};
    int status = plan_cmd_show(&shown, options->is_json);
    js_plan_model_release(&model);
    return status;
}

int js_plan_cmd(const struct js_options *options)
{
    struct js_err err;
    struct inputs inputs = {0};
    int status = read_inputs(&options->config, &inputs, &err) < 0
                     ? plan_cmd_fail(err.text, JOBSCHED_BAD_INPUT)
                     : plan(&inputs, options);
    release_inputs(&inputs);
    return status;
}
