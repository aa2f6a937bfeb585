/*
 * plan - computes how long a list would take on other numbers of slots, based
 * on the records of an earlier run.
 *
 * --plan shows it, and so does the table of the report: both use
 * js_plan_make(), so they agree. Uses no MPI and takes no lock.
 */
#ifndef JS_CLI_PLAN_H
#define JS_CLI_PLAN_H

#include "base/err.h"
#include "cli/options.h"
#include "jobsched.h"
#include "list/list.h"
#include "record/past_runs.h"
#include "sched/whatif.h"

/* --plan: shows the plan on stdout. Returns the exit status. */
int js_plan(const struct js_options *options);

struct js_plan_config {                    /* all borrowed */
    const struct jobsched_config *options; /* for the order of jobs, and the
                                              hosts */
    const struct js_list *list;
    struct js_registry *registry; /* as in sched/whatif.h */
    struct js_past_runs *past_runs;
    uint64_t slots; /* another number of slots to try; 0: none */
};

struct js_plan {
    struct js_whatif whatif;
    bool is_mem_counted; /* the amount of memory of the hosts is known */
};

/* Simulates the list with the run times of past runs. Returns 0, or -1 with
 * *err, as js_whatif_make() does; or as js_past_runs_for_order() does for the
 * argument of --longest-first. */
int js_plan_make(const struct js_plan_config *config, struct js_plan *ret,
                 struct js_err *err);
void js_plan_release(struct js_plan *plan);

#endif
