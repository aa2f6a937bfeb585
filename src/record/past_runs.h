/*
 * earlier - what an earlier run tells about one to come: how long each job
 * runs, what lies between two jobs of a slot, and what its hosts were.
 *
 * From the journal, which knows jobs by their identity; or from a joblog, ours
 * or GNU parallel's, which knows them by their command and no more than their
 * run times.
 */
#ifndef JS_RECORD_PAST_RUNS_H
#define JS_RECORD_PAST_RUNS_H

#include "base/err.h"
#include "list/job.h"
#include "list/registry.h"

#include <stdint.h>

struct js_earlier;

/* NULL with *err as js_history_load(), or as js_runtimes_load(). */
struct js_earlier *js_earlier_from_journal(const char *path,
                                           struct js_err *err);
struct js_earlier *js_earlier_from_joblog(const char *path, struct js_err *err);
void js_earlier_free(struct js_earlier *earlier); /* NULL is allowed */

/* Gives the jobs of a list the ids under which they are known; all are LEFT in
 * it, as if none had run. NULL of a joblog. */
struct js_ledger *js_earlier_ledger(struct js_earlier *earlier);

/*
 * How long the job ran, from the first attempt's start to the last one's end
 * without what lay between: one that failed and was run again in the same run
 * takes the sum. Attempts that were stopped do not count. -1: nobody knows.
 */
int64_t js_earlier_run_ns(const struct js_earlier *earlier,
                          const struct js_job *job);

/*
 * From the end of a job to the start of the next in its slot, in the mean of
 * all runs. A slot also waits for want of jobs: what is more than four times
 * the lower quartile is that. 0: nobody knows.
 */
int64_t js_earlier_gap_ns(const struct js_earlier *earlier);

/* The slots of the largest host of the last run; 0: nobody knows. And its name,
 * if it was the only one, or NULL. */
uint64_t js_earlier_host_slots(const struct js_earlier *earlier);
const char *js_earlier_only_host(const struct js_earlier *earlier);

#endif
