/*
 * status_model - the state of the jobs of a list, gathered and counted from its
 * journal and the list itself.
 *
 * Knows nothing about how the state is shown. The list supplies only commands
 * and dependencies; without it there is less to report.
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

struct js_status_model_config { /* strings are borrowed as long as the model
                                   exists */
    const char *job_file;       /* NULL: no list can be read */
    const char *format; /* of the list (list/formats.h); NULL: as the journal
                           says */
    const char *journal;
    const char *explained; /* the name or id of a job; NULL: none */
    size_t failed_shown;   /* the number of latest failed jobs whose commands
                              are needed */
};

struct js_status_model_counts {
    uint64_t jobs; /* jobs of the list that a run has accepted */
    uint64_t done, failed, skipped;
    uint64_t left;    /* all others, of which: */
    uint64_t running; /* ... have run for a second or more */
    uint64_t brief;   /* ... are shorter jobs, on average over the last
                         seconds */
    uint64_t waiting[JS_WAIT_COUNT]; /* ... wait for each of these reasons,
                                        if the list is known */
    uint64_t added; /* jobs of the list that no run has accepted */
    uint64_t gone;  /* jobs that are no longer in the list */
};

/* The job to be explained. */
struct js_status_model_job {
    uint64_t id;              /* 0: no run has accepted it */
    const struct js_job *job; /* NULL: the list is not known */
    enum js_wait wait;
    uint64_t ahead; /* jobs above this one that also wait for room */
};

/* Invariants:
 *  - list_state is NULL if list is; if a list was asked for, list_error then
 *    says why.
 *  - has_run is false only if the journal has no run; `run` is then all zero.
 *  - `worked` is valid if is_idle, `explained` if is_explained.
 *  - kept holds jobs by increasing id. */
struct js_status_model {
    struct js_status_model_config config;
    struct js_journal_model *model; /* owned, like the next two */
    struct js_list *list;
    struct js_list_state *list_state; /* NULL: the list is not known */
    struct js_err list_error; /* the reason; "" if no list was asked for */
    int64_t now_unix_ns;
    enum js_journal_model_life life;
    bool has_run;
    struct js_journal_model_run run; /* the last run */
    bool is_idle; /* the last run found nothing to do; the run before it: */
    struct js_journal_model_run worked;
    struct js_status_model_counts counts;
    double rate_per_s;  /* this and to_come_ns are what the run's progress bar
                           shows (record/progress.h); 0: unknown */
    int64_t to_come_ns; /* until all jobs have ended; -1: unknown */
    bool is_explained;  /* that job was found: */
    struct js_status_model_job explained;
    struct js_buf kept; /* struct js_job *, by id; private */
};

/* Returns 0, or -1 with *err and errno, as js_journal_model_load() does. errno
 * is also ENOENT if the job to be explained is unknown. */
int js_status_model_load(struct js_status_model *ret,
                         const struct js_status_model_config *config,
                         struct js_err *err);
void js_status_model_release(struct js_status_model *status);

/* Returns the job with that id if it is one of those that need a command and
 * the list is known; otherwise NULL. */
const struct js_job *js_status_model_find(const struct js_status_model *status,
                                          uint64_t id);

/* Appends how the attempt ended, as js_outcome_describe() does, with the file
 * or folder if the list names it. Returns 0, or -1 with errno ENOMEM. */
int js_status_model_describe(const struct js_status_model *status,
                             const struct js_journal_model_attempt *attempt,
                             struct js_buf *buf);

/* Iterates over failed jobs, the latest first: start with *at
 * JS_JOURNAL_MODEL_NONE. Returns false if there are no more. */
bool js_status_model_next_failed(const struct js_status_model *status,
                                 size_t *at,
                                 struct js_journal_model_attempt *ret);

#endif
