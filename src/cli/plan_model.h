/*
 * plan_model - what a list would take on other numbers of slots, by what is on
 * record of it: for --plan and for the table of a report, which so agree.
 *
 * Makes the configuration of a simulation (sched/whatif.h) of past runs and of
 * options. Knows nothing of how it is shown.
 */
#ifndef JS_CLI_PLAN_MODEL_H
#define JS_CLI_PLAN_MODEL_H

#include "base/err.h"
#include "jobsched.h"
#include "list/list.h"
#include "record/past_runs.h"
#include "sched/whatif.h"

struct js_plan_model_config {              /* all borrowed */
    const struct jobsched_config *options; /* the order of jobs, and hosts */
    const struct js_list *list;
    struct js_registry *registry; /* as in sched/whatif.h */
    struct js_past_runs *past_runs;
    uint64_t slots; /* a number of slots to look at besides; 0: none */
};

struct js_plan_model {
    struct js_whatif whatif;
    bool is_mem_counted; /* how much the hosts have is known */
};

/* 0, or -1 with *err as js_whatif_make(), or as js_joblog_reader_load() of what
 * --longest-first names. */
int js_plan_model_make(const struct js_plan_model_config *config,
                       struct js_plan_model *ret, struct js_err *err);
void js_plan_model_release(struct js_plan_model *model);

#endif
