/*
 * resume - decides which jobs of a list run if an earlier run has done part of
 * it.
 *
 * Goes through the list in order, job by job, and gives each job its id and a
 * decision. It works like make: a job that succeeded does not run again, unless
 * it comes after a job that runs. A job that failed in an earlier start of this
 * same run (js_registry_settle()) does not run again either. A selection
 * (list/selection.h) leaves out jobs, but none that a selected job comes after.
 * Borrows the registry and keeps it up to date. Each change is reported, so
 * that it can be recorded. Without a registry every job runs, and its id is its
 * position in the list. A new job that the records of another tool have as done
 * (is_imported) counts as one that succeeded.
 */
#ifndef JS_LIST_RESUME_H
#define JS_LIST_RESUME_H

#include "base/buf.h"
#include "list/job.h"
#include "list/registry.h"

#include <stdbool.h>
#include <stdint.h>

/* Selects which of the jobs that have not succeeded will run. */
enum js_resume_what {
    JS_RESUME_ALL = 0,
    JS_RESUME_ONLY_FAILED, /* those that failed or were skipped, those that were
                              to run again because of such jobs and did not, and
                              the jobs after all these, except new ones */
    JS_RESUME_NOT_FAILED,  /* all but those that failed */
    JS_RESUME_LOOK,  /* read-only: determine each job's state, and change, skip
                        or release nothing; the id of an unknown job is 0 */
    JS_RESUME_MATCH, /* like LOOK, but jobs in any state run */
};

/* The decision on a job when its list is read. The values are in order of
 * increasing strength: if a job comes after several others, the strongest of
 * the decisions on them counts. */
enum js_resume_decision {
    JS_RESUME_DECISION_DONE = 0, /* it succeeded in an earlier run */
    JS_RESUME_DECISION_FAILED, /* it failed in an earlier run, and does not run
                                  again */
    JS_RESUME_DECISION_LEFT_OUT, /* it has not ended, and is not selected */
    JS_RESUME_DECISION_RUN,
    JS_RESUME_DECISION_ASIDE, /* it does not run in this run */
    JS_RESUME_DECISION_OWED,  /* it succeeded and is not selected, but comes
                                 after a job that runs: a later run runs it */
};

/* A change in the registry. */
enum js_resume_change {
    JS_RESUME_ACCEPTED, /* a new job, with its identity */
    JS_RESUME_NAMED,
    JS_RESUME_AGAIN, /* its earlier success no longer counts */
    JS_RESUME_GONE,  /* it is no longer in the list */
    JS_RESUME_BACK,  /* it is in the list again */
    JS_RESUME_DONE,  /* another tool has done it */
};

struct js_resume_news {
    enum js_resume_change change;
    uint64_t id;
    const struct js_identity *identity; /* of ACCEPTED; otherwise NULL */
    const char *name;                   /* of NAMED; otherwise NULL */
};

/* Reports a change. Returns 0, or -1 with errno ENOMEM. */
typedef int (*js_resume_fn)(void *arg, const struct js_resume_news *news);

/* Called with the decision on a job whose id and line are set. */
typedef void (*js_resume_decided_fn)(void *arg, const struct js_job *job,
                                     enum js_resume_decision decision);

/* Counts of the jobs decided so far. */
struct js_resume_counts {
    uint64_t done;    /* succeeded, and do not run again */
    uint64_t failed;  /* failed or skipped in an earlier run */
    uint64_t left;    /* accepted in an earlier run, but not finished */
    uint64_t again;   /* succeeded, but come after a job that runs */
    uint64_t changed; /* have a known name, but different content */
    uint64_t added;   /* not known before */
    uint64_t gone;    /* known, but no longer in the list */
    uint64_t runs;    /* of all these, the ones that run in this run */
    uint64_t aside;   /* the ones that have not ended and do not run */
    uint64_t held;    /* among these: failed ones that ONLY_FAILED asks for, but
                         that come after a job that does not run */
    uint64_t kept;    /* and those that failed and do not run again */
    /* Of a selection; these count nowhere above. */
    uint64_t left_out; /* not selected, and not ended */
    uint64_t owed;     /* not selected and done, to run again in a later run */
};

struct js_resume {
    struct js_registry *registry; /* borrowed; NULL: none */
    enum js_resume_what what;
    bool is_stream; /* the list is read only once, and new jobs are not
                       remembered */
    const uint64_t *selected; /* the jobs that may run, by seq - 1; borrowed;
                                 NULL: all */
    uint64_t selected_count;  /* jobs of the list, selected or not */
    js_resume_fn report;      /* NULL for JS_RESUME_LOOK and MATCH */
    js_resume_decided_fn decided; /* may be NULL */
    void *arg;
    struct js_resume_counts counts;
    uint64_t known;    /* jobs that were in the registry before this run */
    uint64_t streamed; /* new jobs of a stream */
};

void js_resume_init(struct js_resume *resume, struct js_registry *registry,
                    enum js_resume_what what, js_resume_fn report, void *arg);

/* Starts over at the beginning of the list, and resets the counts. */
static inline void js_resume_rewind(struct js_resume *resume)
{
    resume->counts = (struct js_resume_counts){0};
    if (resume->registry)
        js_registry_rewind(resume->registry);
}

/*
 * Decides on the next job of the list. `after` is the strongest decision on the
 * jobs that this one comes after (js_graph_mark). Sets the job's id and its
 * losses so far. Returns 0, or -1 with errno ENOMEM.
 */
int js_resume_decide(struct js_resume *resume, struct js_job *job,
                     enum js_resume_decision after,
                     enum js_resume_decision *ret);

/* Finds the jobs that are gone. Must be called when the list has been read to
 * its end. Returns 0, or -1 with errno ENOMEM. */
int js_resume_end(struct js_resume *resume);

/* Appends "812 done, 3 changed, 40 new, 2 gone: 43 to run". Returns 0, or -1
 * with errno ENOMEM. */
int js_resume_describe(const struct js_resume_counts *counts,
                       struct js_buf *buf);

#endif
