/*
 * past_runs - facts from earlier runs that help to predict the next one: how
 * long each job runs, how much time passes between two jobs of a slot, and the
 * size of the hosts.
 *
 * The facts come from the journal, which knows jobs by their identity; or from
 * a joblog, ours or GNU parallel's, which knows them by their command and has
 * only their run times.
 */
#ifndef JS_RECORD_PAST_RUNS_H
#define JS_RECORD_PAST_RUNS_H

#include "base/err.h"
#include "list/job.h"
#include "list/registry.h"
#include "record/journal_model.h"

#include <stdbool.h>
#include <stdint.h>

struct js_past_runs;

/* Return NULL with *err on failure, like js_journal_model_load() or
 * js_joblog_reader_load(). */
struct js_past_runs *js_past_runs_from_journal(const char *path,
                                               struct js_err *err);
/* From a journal that has been read already; the model is borrowed. */
struct js_past_runs *js_past_runs_from_model(struct js_journal_model *model,
                                             struct js_err *err);
struct js_past_runs *js_past_runs_from_joblog(const char *path,
                                              struct js_err *err);

/* The value of --longest-first that stands for the list's own journal. */
#define JS_PAST_RUNS_AUTO "auto"

/*
 * Reads the argument of --longest-first: a joblog, or JS_PAST_RUNS_AUTO. Before
 * the first run there is no journal, so nothing is known. The same goes for a
 * damaged journal that this run is about to set aside.
 */
struct js_past_runs *js_past_runs_for_order(const char *longest_first,
                                            const char *journal, bool is_fresh,
                                            struct js_err *err);
void js_past_runs_free(struct js_past_runs *past_runs); /* NULL is allowed */

/*
 * Returns how long the job ran, or -1 if that is unknown. If it failed and was
 * run again in the same run, this is the sum of the attempts, without the time
 * between them. Attempts that were stopped do not count.
 */
int64_t js_past_runs_run_ns(const struct js_past_runs *past_runs,
                            const struct js_job *job);

/* Does the same for a job whose id is from another journal, or that has none.
 * Finds it by its identity; if several jobs are identical, the first call
 * returns the first of them. */
int64_t js_past_runs_match_ns(struct js_past_runs *past_runs,
                              const struct js_job *job);

/* Returns how many cores the job had when it last ran, or 1 if that is
 * unknown. */
uint32_t js_past_runs_cores(const struct js_past_runs *past_runs, uint64_t id);

struct js_past_runs_state {
    /* Gives the jobs of a list their known ids. NULL if the facts came from a
     * joblog. */
    struct js_registry *registry;
    const char *format; /* of the list, as in record/journal_model.h */
    /* The mean time, over all runs, from the end of a job to the start of the
     * next in its slot. A slot may also wait because there are no jobs: gaps of
     * more than four times the lower quartile are assumed to be such waits and
     * left out. 0: unknown. */
    int64_t gap_ns;
    /* The number of slots of the largest host of the last run (0: unknown), and
     * the name of that host if it was the only one, or NULL. */
    uint64_t host_slots;
    const char *only_host;
};

struct js_past_runs_state js_past_runs_look(struct js_past_runs *past_runs);

#endif
