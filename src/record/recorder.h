/*
 * recorder - everything that is written down and shown of a run: the output of
 * jobs, the journal, the joblog, messages, the counts, and how far the run is.
 *
 * The master calls it with what happens. A job that has ended goes this way:
 *
 *     master --js_delivery_add--> delivery: its output is written
 *     delivery --js_finished_fn--> master: what comes after it may start
 *     master --js_recorder_finished--> journal; once it is on record there,
 *                                      joblog, trace and messages
 *
 * What a reader sees is therefore always safe already, and what is not on
 * record and runs again was never reported.
 *
 * Owns: the delivery, the console, the display, the counts, what has happened
 * to named jobs, and jobs that have finished and are not reported yet. Borrows
 * the journal, the joblog and the output queues.
 */
#ifndef JS_RECORD_RECORDER_H
#define JS_RECORD_RECORDER_H

#include "base/process.h"
#include "base/table.h"
#include "list/graph.h"
#include "record/completion.h"
#include "record/delivery.h"
#include "record/joblog.h"
#include "record/journal.h"
#include "record/progress.h"

#include <poll.h>
#include <stdbool.h>

struct js_unreported;

/* All borrowed. */
struct js_recorder_config {
    struct js_outq *out, *err; /* one and the same on a terminal with a bar */
    struct js_joblog *joblog;  /* NULL: there is none */
    const struct js_graph *graph;       /* for the names of parents */
    const struct js_registry *registry; /* NULL: no earlier run */
    const char *output_dir;           /* jobs write into files there, which this
                                         process can read; NULL: they do not */
    struct js_display_config display; /* its console is the recorder's */
    bool is_traced;
};

/*
 * Must not move while it is open. While there is a journal:
 * reported <= recorded, and the jobs from `reported` to `recorded` are the list
 * of those unreported, in this order. Without one the list is empty.
 */
struct js_recorder {
    struct js_journal *journal; /* set once it has begun; NULL: there is none */
    struct js_joblog *joblog;   /* NULL: there is none */
    struct js_console console;
    struct js_delivery *delivery;
    struct js_summary summary;
    struct js_err journal_error; /* "" unless the journal cannot be written */

    /* Private from here on. */
    struct js_display display;
    const struct js_graph *graph;
    const struct js_registry *registry;
    const char *output_dir;
    bool is_traced;
    bool is_paused;           /* js_recorder_pause() */
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
    bool is_journal_reported;   /* that it cannot be written */
    bool is_outage_reported;
};

/* Returns 0, or -1 with errno ENOMEM; then it must be released as well. */
int js_recorder_open(struct js_recorder *ret,
                     const struct js_recorder_config *config);

/* All zero is one that was never opened. */
void js_recorder_release(struct js_recorder *recorder);

/* ---------------------------------------------------------------- events */

/* The slave takes part. */
void js_recorder_enlisted(struct js_recorder *recorder, unsigned slave,
                          uint32_t slots, const char *host,
                          const struct js_process_pair *processes);

/* Another process starts its jobs. */
void js_recorder_restarted(struct js_recorder *recorder, unsigned slave,
                           const struct js_process_pair *processes);

/* The slave takes no more part: what it had is given to others. */
void js_recorder_parted(struct js_recorder *recorder, unsigned slave);

/* A round opens: called with each of its jobs. */
void js_recorder_dispatched(struct js_recorder *recorder,
                            const struct js_job *job);

/* The job has been running for that long, a second or more. Only the journal
 * needs this (js_recorder_look()). */
void js_recorder_begun(struct js_recorder *recorder, const struct js_job *job,
                       unsigned slave, int64_t age_ns);

/* The job was running when its slave, or the process that starts jobs there,
 * was lost; job->losses says how often by now. It runs again, or is reported as
 * one that has failed. */
void js_recorder_lost(struct js_recorder *recorder, const struct js_job *job,
                      unsigned slave);

/* The job has ended, and its output is written. Takes the job. */
void js_recorder_finished(struct js_recorder *recorder,
                          const struct js_completion *completion);

/* ---------------------------------------------------------------- a turn */

/* Brings to disk and to the readers what can be. True if all that has finished
 * is on record: nothing new may be started before
 * (js_journal_look().is_settled). A journal that cannot be written shows in
 * journal_error. */
bool js_recorder_commit(struct js_recorder *recorder, int64_t now_ns);

/* Little time is left: what is not on disk yet is brought there now. */
void js_recorder_hurry(struct js_recorder *recorder);

/* While it is paused nothing is written to the readers, and
 * js_recorder_commit() returns false. */
void js_recorder_pause(struct js_recorder *recorder, bool is_paused);

/* Whether the jobs of earlier runs are known to have ended. */
bool js_recorder_is_quiet(const struct js_recorder *recorder);

/* True if the display needs to know how the run stands now. */
bool js_recorder_is_show_due(struct js_recorder *recorder, int64_t now_ns);

/* Shows it. The counts of jobs that have ended are filled in here; `total` is
 * the number of all jobs, UINT64_MAX if it is not known. Nothing is shown
 * before the first job (elapsed_ns -1). */
void js_recorder_show(struct js_recorder *recorder, int64_t now_ns,
                      struct js_progress progress, uint64_t total);

/* The run is over: takes away what is shown. */
void js_recorder_end_show(struct js_recorder *recorder);

/* How the recorder stands. */
struct js_recorder_state {
    bool has_journal;
    uint64_t unreported; /* finished jobs that wait to be on record */
    uint64_t lacking;    /* ... that the journal lacks: they run again */
    size_t unwritten;    /* bytes of stdout and stderr that still wait for their
                            readers; lines still to come count as well, unless
                            nobody knows whether they will */
    int64_t deadline_ns; /* when js_recorder_commit() or _is_show_due() must be
                            called though nothing happens; or JS_NEVER_NS */
};

struct js_recorder_state js_recorder_look(const struct js_recorder *recorder);

/* Fills in descriptors to wait for, at most two; returns how many. */
nfds_t js_recorder_wait_for(const struct js_recorder *recorder,
                            struct pollfd *fds);

/* ---------------------------------------------------------------- the end */

/* Standard output or error takes nothing more. */
struct js_recorder_outage {
    const char *name;
    int error;
    bool is_reader_gone; /* who has had enough; a disk that is full has not */
};

/* False: there is none. */
bool js_recorder_find_outage(const struct js_recorder *recorder,
                             struct js_recorder_outage *ret);

/* The same, in a run that is to stop because of it: says so, once. */
bool js_recorder_is_cut(struct js_recorder *recorder);

/* Reports what is on record by now into the joblog and the console; for the
 * end, js_recorder_commit() does it by itself. */
void js_recorder_report(struct js_recorder *recorder);

/* Appends "failed: job 7 "mesh" (line 9), job 12 and 3 more": those that failed
 * for good in this run; nothing if none did. 0, or -1 with errno ENOMEM. */
int js_recorder_describe_failed(const struct js_recorder *recorder,
                                struct js_buf *ret);

#endif
