/*
 * plan_model - how long a list would take on other numbers of slots, according
 * to its records. --plan and the table of the report both use it, so they
 * agree.
 *
 * Makes the configuration of a simulation (sched/whatif.h) from past runs and
 * options. Knows nothing of how the result is shown.
 */
#ifndef JS_CLI_PLAN_MODEL_H
#define JS_CLI_PLAN_MODEL_H

#include "base/err.h"
#include "jobsched.h"
#include "list/list.h"
#include "record/past_runs.h"
#include "sched/whatif.h"

struct js_plan_model_config {              /* all borrowed */
    const struct jobsched_config *options; /* for the order of jobs, and the
                                              hosts */
    const struct js_list *list;
    struct js_registry *registry; /* as in sched/whatif.h */
    struct js_past_runs *past_runs;
    uint64_t slots; /* one more number of slots to try; 0: none */
};

struct js_plan_model {
    struct js_whatif whatif;
    bool is_mem_counted; /* the amount of memory of the hosts is known */
};

/* Returns 0, or -1 with *err, as js_whatif_make() does; or as
 * js_joblog_reader_load() does for the file that --longest-first names. */
int js_plan_model_make(const struct js_plan_model_config *config,
                       struct js_plan_model *ret, struct js_err *err);
void js_plan_model_release(struct js_plan_model *model);

#endif
