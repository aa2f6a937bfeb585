/*
 * journal - the crash-safe record of what became of every job.
 *
 * The only thing that a later run needs to go on. Owns the file, its format
 * and its lock. Filled into a registry (list/registry.h) when it is opened;
 * what happens from then on is appended. Nothing is ever overwritten.
 *
 * THE FORMAT, version 2
 *
 * Text, one record a line, which ends in a newline. A record is the checksum of
 * the rest (CRC-32 as zlib has it; eight lower-case hexadecimal digits), a
 * blank, and the rest: a word and its fields, separated by single blanks.
 * Numbers are decimal without sign; times are microseconds (_us); a final field
 * in capitals takes the rest of the line and is escaped as js_buf_escape()
 * does. The first record, and no other, is
 *
 *     jobsched-journal 2
 *
 * and the others are
 *
 *     run pid started boot unix_us HOST   a run begins: the process that holds
 *                                   the journal, when it started (field 22 of
 *                                   /proc/PID/stat), the boot of its host
 *     lease lease_us outlives       of this run: when nothing was written for
 *                                   so long, all of its jobs have ended; before
 *                                   that, should its master be killed, some may
 *                                   go on if its slaves outlive it (1), or were
 *                                   on other hosts
 *     batch restarts BATCH          of this run: it is part of that job of a
 *                                   batch system, which was started again so
 *                                   often before
 *     mark id space                 of this run: 64 random bits, sixteen
 *                                   hexadecimal digits, which its jobs carry;
 *                                   and the pid namespace of its master
 *     dead-process pid started ...  of a run in the file that was set aside as
 *     dead id begin_us until_us lease_us outlives boot space
 *                                   this one was begun (--fresh), which has not
 *                                   said that it ended: its ranks and runners,
 *                                   of that boot and pid namespace (0: they are
 *                                   not known); and the rest, as of its mark
 *                                   and lease; both in front of the first run
 *     part command restarts         of this run: it is part of that command (64
 *                                   bits, as above), which restarted it so
 *                                   often before, as it broke off
 *     jobs first identity ...       accepted under the ids first, first + 1 ...
 *                                   which follow on the highest so far;
 *                                   an identity (list/identity.h) is 32
 *                                   hexadecimal digits
 *     name id NAME                  of a job; the last of a name has it
 *     again id ...                  their success counts no more: what they
 *                                   come after runs again
 *     gone id ...                   no longer in the list
 *     back id ...                   in the list again
 *     process slave boot space pid started runner runner_started
 *                                   of the slave whose record is the next: its
 *                                   rank, and what starts its jobs
 *     slave slave slots HOST        takes part in this run
 *     left slave                    takes no more part: what it had begun and
 *                                   has not ended runs again
 *     began id attempt slave start_us
 *                                   a job that had been running for a second or
 *                                   so when this was written; start_us is since
 *                                   1970 by the master's clock
 *     said id attempt stream TEXT   the last lines (record/output_tail.h) of
 * what the attempt has written whose failed or retried follows: of its stderr
 * (2), or, if that was empty, of its stdout (1) leftovers id attempt count so
 * many processes that the attempt has left behind were ended; its own record
 * follows lost id slave losses unix_us  an attempt was running when its slave,
 * or the process that starts jobs there, was found to be lost: for the
 * so-manyth time since the job last ended ok id ATTEMPT                 an
 * attempt that succeeded, and likewise: failed id ATTEMPT             it failed
 * for good retried id ATTEMPT            it failed, and runs again in this run
 *     stopped id ATTEMPT            it was ended because the run stopped, or
 *                                   its slave had to: it is not finished
 *     skipped id parent             it was not run; parent (0: unknown) failed
 *                                   or was skipped
 *     end status unix_us            the run has ended, with this exit status
 *
 * where ATTEMPT is: attempt slave cores exit signal cause step errno start_us
 * run_us user_us system_us max_rss_kib out_bytes err_bytes; cause and step are
 * numbers of list/outcome.h, start_us is since 1970 by the slave's clock.
 *
 * Of a job the last record wins (began, said, leftovers and lost do not count);
 * one without any is not finished. A run that has not written its `end` was
 * killed. A record whose word is not known is skipped, so that later versions
 * may add some; a change of those above is another version.
 *
 * DAMAGE. Bytes that are no valid record, with none behind them, are a torn
 * tail: they are appended to FILE.torn and cut off, with a warning. With a
 * valid record behind them the file is refused, and so are records that make no
 * sense together (an id that was not accepted).
 *
 * LOCK. flock(2) on the file, held until js_journal_close(). Where that is not
 * supported, or may be local to each host, the last `run` without an `end`
 * counts: if its process is alive here, or it was on another host, the journal
 * is refused (in another pid namespace of this host the process cannot be seen,
 * and the lock decides); and so it is where that run has no lease, as its jobs
 * may go on for ever. It is not if that run is known to be gone, nor if it was
 * an earlier start of the same batch job: a batch system starts a job again
 * only when it has ended the processes of the start before, or the node is
 * down; nor, if it has a lease, an earlier start by the same command. While
 * such an earlier start has the lock it is waited for, as long as its lease is.
 *
 * KNOWN TO BE GONE is a run of which all ranks and runners are on record and
 * were in this boot and this pid namespace of this host, and none lives.
 *
 * QUIET. While a run is on, the file is touched often enough for its time of
 * modification to tell when the master was last there. Where runs before this
 * one have not said that they ended, and their slaves may be left, the next is
 * told how long it has to wait before it starts jobs, unless they are known to
 * be gone before.
 *
 * TAKEN. Records that others have added mean that this run was given up, while
 * it stood still, and another one has gone on (is_forced, a batch job that was
 * started again): it adds none any more. That is looked for with each touch,
 * and at the end.
 *
 * ROOM is reserved behind the end of the file where the file system can do so:
 * when that fails for lack of space, what runs can still be recorded.
 *
 * GONE. Before each sync, and at the end, it is looked whether the file is
 * still the one of its name. If it was removed or moved, all that it holds is
 * written to a new one of that name, which is said in the log. Where that
 * cannot be (its folder is gone as well, another file has the name) each commit
 * fails, until it can; what is added meanwhile is not on record.
 */
#ifndef JS_RECORD_JOURNAL_H
#define JS_RECORD_JOURNAL_H

#include "base/err.h"
#include "base/log.h"
#include "base/mark.h"
#include "list/registry.h"
#include "list/resume.h"
#include "record/completion.h"
#include "record/journal_load.h"

#include <stdbool.h>
#include <stdint.h>

#define JS_JOURNAL_NO_SYNC INT64_MAX

struct js_journal_config {
    const char *path;
    const char *host;
    const struct js_journal_part *part; /* that this run is; NULL: of nothing */
    bool is_fresh;     /* what is there is set aside as FILE.old; unless the
                          last run was an earlier start of this one */
    bool is_forced;    /* a holder on another host is gone */
    bool is_read_only; /* nothing is locked, cut or written */
    int64_t sync_ns;   /* at most so much time between fdatasync(2)s that are
                          due; 0: after each commit;
                          JS_JOURNAL_NO_SYNC: none */
    int64_t lease_ns;  /* as in the record above; 0: its slaves have none */
    bool outlives;
    bool (*is_cancelled)(void); /* so that nothing is waited for; NULL: never */
    struct js_log log;          /* a torn tail, a file that was written anew */
};

enum js_journal_refusal {
    JS_JOURNAL_CANNOT = -1,  /* the system refuses: *err says what */
    JS_JOURNAL_REFUSED = -2, /* in use, damaged, not a journal, a bad name */
};

struct js_journal;

/* Where the journal of a job file is if nobody says otherwise, owned by *ret;
 * NULL: it has none, as it is no regular file. 0, or -1 with errno ENOMEM. */
int js_journal_name(const char *job_file, char **ret);

/*
 * Reads what is there into the registry, which is empty, and locks it. A file
 * that is not there is not made before js_journal_begin(). Returns 0 and
 * *ret, or one of the above with *err.
 */
int js_journal_open(const struct js_journal_config *config,
                    struct js_registry *registry, struct js_journal **ret,
                    struct js_err *err);

/* As it was given. */
const char *js_journal_path(const struct js_journal *journal);

/* True if jobs were on record when it was opened. */
bool js_journal_has_jobs(const struct js_journal *journal);

/* Makes the file if need be, and writes that a run begins, before all that was
 * added so far. 0, or as js_journal_open(). */
int js_journal_begin(struct js_journal *journal, struct js_err *err);

/* From then on: how long jobs of earlier runs may still go on; mostly 0. */
int64_t js_journal_quiet_ns(const struct js_journal *journal);

/* ... and whether these runs are known to be gone by now. */
bool js_journal_is_quiet(const struct js_journal *journal);

/* Of this run, known from js_journal_open() on; not 0. */
uint64_t js_journal_run_id(const struct js_journal *journal);

/*
 * The runs of this journal before this one that have not said that they ended,
 * have a mark, and are over once the quiet is; the newest last; owned by the
 * journal.
 */
const struct js_dead_run *js_journal_dead_runs(const struct js_journal *journal,
                                               size_t *count);

/* These gather, until the next commit. 0, or -1 with errno ENOMEM. */
int js_journal_add_news(struct js_journal *journal,
                        const struct js_resume_news *news);
int js_journal_add_slave(struct js_journal *journal, unsigned slave,
                         uint32_t slots, const char *host,
                         const struct js_process_pair *processes);
/* Another process starts the jobs of the slave. */
int js_journal_add_processes(struct js_journal *journal, unsigned slave,
                             const struct js_process_pair *processes);
int js_journal_add_left(struct js_journal *journal, unsigned slave);
int js_journal_add_begun(struct js_journal *journal, const struct js_job *job,
                         unsigned slave, int64_t start_unix_ns);
/* job->losses says how often by now. */
int js_journal_add_lost(struct js_journal *journal, const struct js_job *job,
                        unsigned slave);
/* With its tail. parent_id: of a skipped job. */
int js_journal_add_finish(struct js_journal *journal,
                          const struct js_completion *completion,
                          uint64_t parent_id);

/*
 * Writes what has gathered, and starts a sync when one is due; that runs beside
 * the caller, who never waits for it. (The write itself is waited for: a file
 * system that does not even take that, as one on a server that is away, holds
 * up whoever calls.) Returns 0, or -1 with *err: what is not written is kept
 * and tried again by the next call, and so is a sync. After a failure nothing
 * new should be started.
 */
int js_journal_commit(struct js_journal *journal, int64_t now_ns,
                      struct js_err *err);

/* The next commit starts a sync, or if one is running the first one after it,
 * whether it is due or not (but none with JS_JOURNAL_NO_SYNC). */
void js_journal_sync_soon(struct js_journal *journal);

/* False while, with sync_ns 0, not all that was committed is on disk: nothing
 * new should be started before it is. */
bool js_journal_is_settled(const struct js_journal *journal);

/* When js_journal_commit() has something to do though nothing was added;
 * JS_NEVER_NS: not by itself. */
int64_t js_journal_deadline_ns(const struct js_journal *journal);

/* How many of the finishes that were added, in their order, are on record: a
 * later run knows of them, whatever becomes of this process; with sync_ns 0,
 * and before the end, whatever becomes of this host. Look after each commit,
 * failed or not. */
uint64_t js_journal_recorded(const struct js_journal *journal);

/* How many are not in the file. */
uint64_t js_journal_unwritten(const struct js_journal *journal);

/* The file was taken away, and there is none in its place (yet): a later run
 * would find nothing of what was in it. */
bool js_journal_is_gone(const struct js_journal *journal);

/* Waits until all that was added is on record, and on disk, for whoever has to
 * know that before the status is. 0, or -1 with *err. */
int js_journal_settle(struct js_journal *journal, struct js_err *err);

/* Writes that the run has ended with this status, if it has begun, and waits
 * until all is on disk. 0, or -1 with *err. */
int js_journal_end(struct js_journal *journal, int status, struct js_err *err);

/* Unlocks and frees; what was not written is dropped. NULL is allowed. */
void js_journal_close(struct js_journal *journal);

#endif
