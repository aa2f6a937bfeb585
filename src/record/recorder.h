/*
 * recorder - everything that is recorded or shown about a run: the output of
 * jobs, the journal, the joblog, messages, counts and progress.
 *
 * The master reports to it what happens. A job that has ended takes this path:
 *
 *     master --js_delivery_add--> delivery: its output is written
 *     delivery --js_finished_fn--> master --js_recorder_finished--> journal
 *     once it is on record there: joblog, trace and messages, and
 *     recorder --recorded--> master: what comes after it may start
 *
 * So what a reader sees is always safely recorded, and a job that is not on
 * record, and so runs again, was never reported.
 *
 * FILES THAT DO NOT ANSWER. A worker makes all calls on files, so that a hung
 * file system (a parallel file system whose server is away for minutes) does
 * not stop the loop; the output queues have threads of their own for files
 * (base/outq.h). Jobs that have ended wait to be recorded. Once a call has
 * taken 2 s, or JS_RECORDER_MAX_WAITING bytes wait, js_recorder_commit()
 * returns false: no job should be started, because its program and folder are
 * usually on the same server. The log reports this, and reports when the file
 * system answers again.
 *
 * Owns: the delivery, the console, the display, the counts, what has happened
 * to named jobs, and the jobs that have finished but have not been reported
 * yet. Borrows the journal, the joblog and the output queues.
 */
#ifndef JS_RECORD_RECORDER_H
#define JS_RECORD_RECORDER_H

#include "base/background.h"
#include "base/process.h"
#include "list/graph.h"
#include "record/completion.h"
#include "record/delivery.h"
#include "record/joblog.h"
#include "record/journal.h"
#include "record/mishaps.h"
#include "record/progress.h"

#include <poll.h>
#include <stdbool.h>

struct js_unreported;

/* All borrowed. */
struct js_recorder_config {
    struct js_worker *worker;  /* makes the calls on files; NULL: there is none,
                                  and js_recorder_commit() makes them */
    struct js_outq *out, *err; /* the same on a terminal with a bar */
    struct js_joblog *joblog;  /* NULL: there is none */
    const struct js_graph *graph;       /* for the names of parents */
    const struct js_registry *registry; /* NULL: no earlier run */
    const char *output_dir; /* jobs write to files there, which this process can
                               read; NULL: they do not */
    struct js_display_config display; /* its console is the recorder's */
    bool is_traced;
};

enum { JS_RECORDER_MAX_WAITING = 64 * 1024 * 1024 };

/* Jobs in the order in which they finished. All zero is empty. */
struct js_unreported_list {
    struct js_unreported *first, **end; /* the end; its NULL */
};

/*
 * The struct must not move while it is open. With a journal, reported <=
 * recorded; the list of unreported jobs holds those from `reported` to
 * `recorded`, in this order, and the jobs in the list of unread jobs finished
 * later. Without a journal both lists are empty.
 */
struct js_recorder {
    struct js_journal *journal; /* set once it has begun; NULL: there is none */
    struct js_joblog *joblog;   /* NULL: there is none */
    struct js_console console;
    struct js_delivery *delivery;
    struct js_summary summary;
    /* Called for each finished job when it is on record, or at once if there is
     * no journal. Set by the owner; NULL: not needed. The job is borrowed. */
    js_finished_fn recorded_fn;
    void *recorded_arg;
    struct js_err journal_error; /* "" unless the journal cannot be written */

    /* Private from here on. */
    struct js_display display;
    const char *output_dir;
    bool is_traced;
    struct js_worker *worker;
    bool is_end_awaited; /* set by the master: the ended jobs affect which jobs
                            start next, so a commit waits a moment for their
                            records */
    bool is_paused;      /* js_recorder_pause() */
    bool is_settled;     /* as of the last commit */
    int64_t stuck_since_ns; /* when the slow call began; JS_NEVER_NS: no call is
                               slow */
    int64_t look_ns;        /* when to check for a slow call again */
    int64_t awake_ns;       /* when this process last resumed after a stop */
    struct js_pool *pool;   /* for the lists below; NULL: it uses malloc() */
    struct js_mishaps mishaps;            /* owned */
    struct js_unreported_list unreported; /* owned, like the next */
    /* finished jobs; the tail of the first one's output must be read for its
     * record */
    struct js_unreported_list unread;
    uint64_t unread_count;
    uint64_t recorded;       /* finishes given to the journal */
    uint64_t reported;       /* finishes that are reported */
    uint64_t lacking;        /* finishes for which there was no memory */
    unsigned failures_shown; /* messages so far */
    unsigned retries_shown;
    struct js_buf failed_names; /* the first jobs that failed for good */
    uint64_t failed_named;      /* how many are in failed_names */
    bool is_joblog_lacking;     /* lines were dropped */
    bool is_joblog_behind;      /* a write failed and has not been made good */
    bool is_journal_reported;   /* the journal's failure was reported */
    bool is_outage_reported;
};

/* Returns 0, or -1 with errno ENOMEM; even then the recorder must be released.
 */
int js_recorder_open(struct js_recorder *ret,
                     const struct js_recorder_config *config);

/* A recorder that was never opened is all zero. */
void js_recorder_release(struct js_recorder *recorder);

/* ---------------------------------------------------------------- events */

/* The slave has joined the run. */
void js_recorder_enlisted(struct js_recorder *recorder, unsigned slave,
                          uint32_t slots, const char *host,
                          const struct js_process_pair *processes);

/* The slave has a new process that starts its jobs. */
void js_recorder_restarted(struct js_recorder *recorder, unsigned slave,
                           const struct js_process_pair *processes);

/* The slave has left the run; other slaves get its jobs. */
void js_recorder_parted(struct js_recorder *recorder, unsigned slave);

/* A round opens. Call it for each job of the round. */
void js_recorder_dispatched(struct js_recorder *recorder,
                            const struct js_job *job);

/* The job has been running for age_ns, a second or more. Only the journal needs
 * this (js_recorder_look()). */
void js_recorder_begun(struct js_recorder *recorder, const struct js_job *job,
                       unsigned slave, int64_t age_ns);

/* The job was running when its slave, or the process that starts jobs there,
 * was lost; job->losses says how often that has happened by now. The job runs
 * again, or is later reported as failed. */
void js_recorder_lost(struct js_recorder *recorder, const struct js_job *job,
                      unsigned slave);

/* The job has ended, and its output is written. The recorder takes ownership of
 * the job. */
void js_recorder_finished(struct js_recorder *recorder,
                          const struct js_completion *completion);

/* ---------------------------------------------------------------- a turn */

/* Writes as much as possible to disk and to the readers, without waiting for a
 * file. Returns true if everything that must come first is on record; until
 * then no job may be started (js_journal_look().is_settled, and FILES THAT DO
 * NOT ANSWER). If the journal cannot be written, journal_error is set. */
bool js_recorder_commit(struct js_recorder *recorder, int64_t now_ns);

/* Syncs everything to disk now, because little time is left. */
void js_recorder_hurry(struct js_recorder *recorder);

/* While the recorder is paused, nothing is written to the readers, and
 * js_recorder_commit() returns false. */
void js_recorder_pause(struct js_recorder *recorder, bool is_paused);

/* True if the jobs of earlier runs are known to have ended. */
bool js_recorder_is_quiet(const struct js_recorder *recorder);

/* True if the display needs to know the current state of the run. */
bool js_recorder_is_show_due(struct js_recorder *recorder, int64_t now_ns);

/* Shows the state of the run. This function fills in the counts of jobs that
 * have ended; `total` is the number of all jobs, or UINT64_MAX if it is not
 * known. Nothing is shown before the first job (elapsed_ns -1). */
void js_recorder_show(struct js_recorder *recorder, int64_t now_ns,
                      struct js_progress progress, uint64_t total);

/* Removes what is shown, because the run is over. */
void js_recorder_end_show(struct js_recorder *recorder);

/* The state of the recorder. */
struct js_recorder_state {
    bool has_journal;
    bool is_behind;  /* the records added must be in the file before anything
                        that depends on them is started */
    bool is_stuck;   /* a file does not answer */
    bool is_writing; /* a call on a file is under way, other than one that is
                        retried */
    uint64_t unreported; /* finished jobs that are not on record yet */
    uint64_t to_come;    /* ... that may still be recorded */
    uint64_t lacking; /* finished jobs that the journal lacks: they run again */
    size_t unwritten; /* bytes of stdout and stderr that still wait for their
                         readers; lines that are still to come count as well,
                         unless it is unknown whether they will come */
    int64_t deadline_ns; /* when js_recorder_commit() or _is_show_due() must be
                            called even if nothing happens; or JS_NEVER_NS */
};

struct js_recorder_state js_recorder_look(const struct js_recorder *recorder);

/* Fills in at most three descriptors to wait for. Returns how many. */
nfds_t js_recorder_wait_for(const struct js_recorder *recorder,
                            struct pollfd *fds);

/* ---------------------------------------------------------------- the end */

/* Standard output or error accepts no more data. */
struct js_recorder_outage {
    const char *name;
    int error;
    bool is_reader_gone; /* false: the disk is full, for example */
};

/* Returns false if there is no outage. */
bool js_recorder_find_outage(const struct js_recorder *recorder,
                             struct js_recorder_outage *ret);

/* Does the same in a run that must stop because of the outage, and reports it
 * once. */
bool js_recorder_is_cut(struct js_recorder *recorder);

/* Records and reports everything. It waits for this to complete, but gives up
 * when the worker's must_leave() returns true. Returns 0, or -1 with *err. */
int js_recorder_settle(struct js_recorder *recorder, struct js_err *err);

/* Reports jobs that are on record by now to the joblog and the console. Call it
 * at the end; before that js_recorder_commit() does it. */
void js_recorder_report(struct js_recorder *recorder);

/* Appends the jobs that failed for good in this run: "failed: job 7 "mesh"
 * (line 9), job 12 and 3 more"; nothing if none did. Returns 0, or -1 with
 * errno ENOMEM. */
int js_recorder_describe_failed(const struct js_recorder *recorder,
                                struct js_buf *ret);

#endif
