#include "cli/plan_model.h"

#include "record/joblog.h"

#include <string.h>
#include <unistd.h>

/* What the simulation asks for run times and order. */
struct past {
    const struct js_past_runs *runs;
    struct js_joblog_reader *order; /* for --longest-first; NULL: none */
};

static int64_t plan_model_run_ns(void *arg, const struct js_job *job)
{
    const struct past *past = arg;
    return js_past_runs_run_ns(past->runs, job);
}

static int64_t plan_model_expected_ns(void *arg, const struct js_job *job)
{
    const struct past *past = arg;
    return js_joblog_reader_find(past->order, job->command, job->command_len);
}

/* A journal says how many slots a host had, but nothing of its memory, which is
 * known for this host only. */
static void describe_hosts(const struct js_plan_model_config *config,
                           struct js_whatif_config *ret)
{
    char host[256] = "";
    uint64_t slots = js_past_runs_host_slots(config->past_runs);
    const char *only = js_past_runs_only_host(config->past_runs);
    bool is_known = slots > 0 && slots <= UINT32_MAX;
    bool is_here =
        !is_known || (only && gethostname(host, sizeof(host) - 1) == 0 &&
                      strcmp(host, only) == 0);
    ret->host_slots = is_known ? (uint32_t)slots : jobsched_cores();
    ret->host_mem_bytes = is_here ? jobsched_memory_bytes() : 0;
    if (config->options->gpus != JOBSCHED_GPUS_FOUND)
        ret->host_gpus = config->options->gpus;
}

int js_plan_model_make(const struct js_plan_model_config *config,
                       struct js_plan_model *ret, struct js_err *err)
{
    const struct jobsched_config *options = config->options;
    struct past past = {.runs = config->past_runs};
    *ret = (struct js_plan_model){0};
    if (options->longest_first &&
        !(past.order = js_joblog_reader_load(options->longest_first, err)))
        return -1;
    struct js_whatif_config whatif = {
        .list = config->list,
        .registry = config->registry,
        .scheduler = js_scheduler_config_of(options),
        .run_ns = plan_model_run_ns,
        .expected_ns = past.order ? plan_model_expected_ns : NULL,
        .arg = &past,
        .gap_ns = js_past_runs_gap_ns(config->past_runs),
        .slots = config->slots,
    };
    describe_hosts(config, &whatif);
    ret->is_mem_counted = whatif.host_mem_bytes > 0;
    int rc = js_whatif_make(&whatif, &ret->whatif, err);
    js_joblog_reader_free(past.order);
    return rc;
}

void js_plan_model_release(struct js_plan_model *model)
{
    js_whatif_release(&model->whatif);
}
