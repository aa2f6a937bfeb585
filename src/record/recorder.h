/*
 * records - everything that is written down about a job when it has ended.
 *
 * Owns the counts, what has happened to named jobs, and jobs that have finished
 * and are not reported yet; borrows the journal, the joblog and the console
 * (NULL journal, joblog: there is none). A job that has finished is first put
 * into the journal; once it is on record there, and only then, it is told in
 * the joblog, the trace and the messages: what a reader sees is always safe
 * already, and what is not on record and runs again was never reported.
 */
#ifndef JS_RECORD_RECORDER_H
#define JS_RECORD_RECORDER_H

#include "base/strmap.h"
#include "list/graph.h"
#include "record/completion.h"
#include "record/console.h"
#include "record/joblog.h"
#include "record/journal.h"
#include "record/summary.h"

#include <stdbool.h>

struct js_unreported;

struct js_recorder {
    struct js_journal *journal;
    struct js_joblog *joblog;
    struct js_console *console;
    const struct js_graph *graph;       /* for the names of parents */
    const struct js_registry *registry; /* NULL: no earlier run */
    bool is_traced;
    struct js_summary summary;
    struct js_err journal_error; /* "" unless the journal cannot be written */

    /* Private from here on. */
    struct js_strmap mishaps; /* of named jobs: what happened to them; owned */
    struct js_unreported *unreported;      /* the first of them; owned */
    struct js_unreported **unreported_end; /* NULL: there is none */
    uint64_t recorded;                     /* finishes given to the journal */
    uint64_t reported;                     /* of these */
    uint64_t lacking;                      /* for which there was no memory */
    unsigned failures_shown;               /* messages so far */
    unsigned retries_shown;
    struct js_buf failed_names; /* of the first that failed for good */
    uint64_t failed_named;      /* how many these are */
    bool is_joblog_lacking;     /* lines were dropped */
    bool is_joblog_behind;      /* a write failed and has not been made good */
    bool is_journal_told;       /* that it cannot be written */
};

void js_recorder_release(struct js_recorder *recorder);

/* js_finished_fn of the delivery; arg is the records. Takes the job. */
void js_recorder_finished(void *arg, const struct js_completion *completion);

/* "Dispatch job: N", if it is traced. */
void js_recorder_dispatched(struct js_recorder *recorder,
                            const struct js_job *job);

/* Brings to disk and to the readers what can be; while `is_within_job`, when
 * output of a job is under way, nothing to the console. A journal that cannot
 * be written shows in journal_error: no more should be started then, nor while
 * this returns false (js_journal_is_settled()). */
bool js_recorder_commit(struct js_recorder *recorder, int64_t now_ns,
                        bool is_within_job);

/* Tells what is on record by now into the joblog and the console; for the end,
 * js_recorder_commit() does it by itself. */
void js_recorder_report(struct js_recorder *recorder);

/* Appends "failed: job 7 "mesh" (line 9), job 12 and 3 more": those that failed
 * for good in this run; nothing if none did. 0, or -1 with errno ENOMEM. */
int js_recorder_describe_failed(const struct js_recorder *recorder,
                                struct js_buf *ret);

/* Finished jobs that wait to be on record. */
uint64_t js_recorder_unreported(const struct js_recorder *recorder);

/* Finished jobs that the journal lacks: they run again. */
uint64_t js_recorder_lost(const struct js_recorder *recorder);

#endif
