/*
 * past_runs - what earlier runs say about the next one: how long each job runs,
 * how much time passes between two jobs of a slot, and what the hosts were.
 *
 * It comes from the journal, which knows jobs by their identity; or from a
 * joblog, ours or GNU parallel's, which knows them by their command, and only
 * their run times.
 */
#ifndef JS_RECORD_PAST_RUNS_H
#define JS_RECORD_PAST_RUNS_H

#include "base/err.h"
#include "list/job.h"
#include "list/registry.h"
#include "record/journal_model.h"

#include <stdint.h>

struct js_past_runs;

/* NULL with *err as js_journal_model_load(), or as js_joblog_reader_load(). */
struct js_past_runs *js_past_runs_from_journal(const char *path,
                                               struct js_err *err);
/* From a journal that was read already, which is borrowed. */
struct js_past_runs *js_past_runs_from_model(struct js_journal_model *model,
                                             struct js_err *err);
struct js_past_runs *js_past_runs_from_joblog(const char *path,
                                              struct js_err *err);
void js_past_runs_free(struct js_past_runs *past_runs); /* NULL is allowed */

/*
 * How long the job ran, from the first attempt's start to the last one's end
 * without what lay between: one that failed and was run again in the same run
 * takes the sum. Attempts that were stopped do not count. -1: nobody knows.
 */
int64_t js_past_runs_run_ns(const struct js_past_runs *past_runs,
                            const struct js_job *job);

/* The cores that the job had when it ran last; 1: nobody knows. */
uint32_t js_past_runs_cores(const struct js_past_runs *past_runs, uint64_t id);

struct js_past_runs_state {
    /* It gives the jobs of a list their known ids. NULL if they came from a
     * joblog. */
    struct js_registry *registry;
    /* From the end of a job to the start of the next in its slot, in the mean
     * of all runs. A slot also waits for want of jobs: what is more than four
     * times the lower quartile is that. 0: nobody knows. */
    int64_t gap_ns;
    /* The slots of the largest host of the last run; 0: nobody knows. And its
     * name, if it was the only one, or NULL. */
    uint64_t host_slots;
    const char *only_host;
};

struct js_past_runs_state js_past_runs_look(struct js_past_runs *past_runs);

#endif
