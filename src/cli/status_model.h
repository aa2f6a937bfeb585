/*
 * status_model - how the jobs of a list stand: what its journal and the list
 * itself tell, gathered and counted for whoever shows it.
 *
 * Knows nothing of how it is shown. The list is only asked for commands and for
 * what waits for what; without it there is less to tell.
 */
#ifndef JS_CLI_STATUS_MODEL_H
#define JS_CLI_STATUS_MODEL_H

#include "base/err.h"
#include "jobsched.h"
#include "list/list.h"
#include "list/list_state.h"
#include "record/journal_model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct js_status_model_config { /* strings borrowed while the overview is there
                                 */
    const char *job_file;       /* NULL: there is none to be read */
    const char *journal;
    const char *explained; /* the name or id of a job; NULL: none */
    size_t failed_shown;   /* of so many failed jobs, the latest, the commands
                              are wanted */
};

struct js_status_model_counts {
    uint64_t jobs; /* in the list, as far as a run has accepted them */
    uint64_t done, failed, skipped;
    uint64_t left;    /* all others; of these */
    uint64_t running; /* ... have been for a second or more */
    uint64_t brief;   /* ... run besides: jobs shorter than that, on the average
                         of the last seconds */
    uint64_t waiting[JS_WAIT_COUNT]; /* ... wait for this, if the list is known
                                      */
    uint64_t added; /* jobs in the list that no run has accepted */
    uint64_t gone;  /* jobs that are no longer in it */
};

/* The job that is to be explained. */
struct js_status_model_job {
    uint64_t id;              /* 0: no run has accepted it */
    const struct js_job *job; /* NULL: the list is not known */
    enum js_wait wait;
    uint64_t ahead; /* jobs above it that wait for room as well */
};

struct js_status_model {
    struct js_status_model_config config;
    struct js_journal_model *model; /* owned, as the next two */
    struct js_list *list;
    struct js_list_state *list_state; /* NULL: the list is not known, */
    struct js_err list_error; /* because of this; "" if nobody asked for it */
    int64_t now_unix_ns;
    enum js_journal_model_life life;
    bool has_run;
    struct js_journal_model_run run; /* the last */
    bool is_idle; /* it found nothing to do; before that was: */
    struct js_journal_model_run worked;
    struct js_status_model_counts counts;
    double rate_per_s;  /* both as the bar of the run has them (record/eta.h);
                           0: unknown */
    int64_t to_come_ns; /* until all have ended; -1: unknown */
    bool is_explained;  /* that job was found: */
    struct js_status_model_job explained;
    struct js_buf kept; /* struct js_job *, by id; private */
};

/* Returns 0, or -1 with *err and errno as js_journal_model_load(); ENOENT also
 * when nobody knows the job that is to be explained. */
int js_status_model_load(struct js_status_model *ret,
                         const struct js_status_model_config *config,
                         struct js_err *err);
void js_status_model_release(struct js_status_model *overview);

/* The job of that id, if it is one that was asked for and the list is known. */
const struct js_job *
js_status_model_find(const struct js_status_model *overview, uint64_t id);

/* Appends how the attempt ended, as js_outcome_describe(), with the file or
 * folder where the list tells it. 0, or -1 with errno ENOMEM. */
int js_status_model_describe(const struct js_status_model *overview,
                             const struct js_journal_model_attempt *attempt,
                             struct js_buf *buf);

/* Jobs that have failed, the latest first: start with *at
 * JS_JOURNAL_MODEL_NONE. False when there are no more. */
bool js_status_model_next_failed(const struct js_status_model *overview,
                                 size_t *at,
                                 struct js_journal_model_attempt *ret);

#endif
