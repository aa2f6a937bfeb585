/*
 * journal - the crash-safe record of what happened to every job.
 *
 * A later run needs nothing but the journal to continue. js_journal_open()
 * reads it into a registry (list/registry.h); later events are appended.
 * Nothing is ever overwritten. This module decides what is recorded and when,
 * and whether the run may continue from the file that it finds;
 * record/journal_file.h writes the records to disk.
 *
 * THE FORMAT, version 2
 *
 * The file is text, one record a line; each line ends in a newline. A record is
 * the checksum of the rest (CRC-32 as in zlib; eight lower-case hexadecimal
 * digits), a blank, and the rest: a word and its fields, separated by single
 * blanks. Numbers are decimal without a sign; times are microseconds (_us). A
 * final field in capitals takes the rest of the line and is escaped as
 * js_buf_escape() does. The first record, and no other, is
 *
 *     jobsched-journal 2
 *
 * The others are:
 *
 *     run pid started boot unix_us HOST
 *                       A run begins. The process holds the journal; started is
 *                       field 22 of its /proc/PID/stat, and boot is the boot id
 *                       of its host.
 *     format FORMAT     The list of this run is in this format (--from).
 *                       Without this record it is in our own.
 *     lease lease_us outlives
 *                       The lease of this run, the grace of its jobs included:
 *                       once its master has answered no slave for this long,
 *                       all of the run's jobs have ended. If the run's master
 *                       is killed before that, some jobs may go on: where its
 *                       slaves outlive it (1), and on other hosts.
 *     batch restarts BATCH
 *                       This run is part of this job of a batch system, which
 *                       has been restarted this many times.
 *     part command restarts
 *                       This run is part of this command (64 bits, sixteen
 *                       hexadecimal digits), which has restarted the run this
 *                       many times because it broke off.
 *     mark id space     The 64 random bits (also sixteen digits) that the jobs
 *                       of this run carry, and the pid namespace of its master.
 *     dead-process pid started ...
 *     dead id begin_us until_us lease_us outlives boot space
 *                       A run without an end, in a file that was set aside when
 *                       this one was begun (--fresh): the run's ranks and
 *                       runners, in this boot and pid namespace (0: unknown),
 *                       and its mark and lease. These records come before the
 *                       first run.
 *     jobs first identity ...
 *                       These jobs are accepted under the ids first, first + 1
 *                       and so on, which follow the highest so far. An identity
 *                       (list/job.h) is 32 hexadecimal digits.
 *     name id NAME      The name of a job. The last job that got a name has it.
 *     again id ...      The success of these jobs no longer counts, because
 *                       jobs that they come after run again.
 *     gone id ...       These jobs are no longer in the list.
 *     back id ...       These jobs are in the list again.
 *     done id ...       These jobs have not run here. The records of another
 *                       tool, whose list this is, say that they have succeeded.
 *     process slave boot space pid started runner runner_started
 *                       The rank and the runner of the slave in the next
 *                       record.
 *     slave slave slots HOST
 *                       The slave takes part in this run.
 *     left slave        The slave no longer takes part. Jobs that it has begun
 *                       and not ended run again.
 *     began id attempt slave start_us
 *                       The job had been running for a second or so when this
 *                       was written. start_us is since 1970, by the master's
 *                       clock.
 *     said id attempt stream TEXT
 *                       The last lines (record/completion.h) of the output of
 *                       an attempt whose failed or retried record follows: of
 *                       its stderr (2) or, if that was empty, of its stdout
 *                       (1).
 *     leftovers id attempt count
 *                       This many processes that the attempt left behind were
 *                       ended. The attempt's own record follows.
 *     lost id slave losses unix_us
 *                       An attempt was running when its slave, or the runner
 *                       there, was found to be lost. The job has been lost this
 *                       many times since it last ended.
 *     ok id ATTEMPT     An attempt succeeded.
 *     failed id ATTEMPT An attempt failed for good.
 *     retried id ATTEMPT
 *                       An attempt failed, and the job runs again in this run.
 *     stopped id ATTEMPT
 *                       An attempt was ended because the run stopped, or its
 *                       slave had to. The job is not finished.
 *     skipped id parent The job was not run, because parent (0: unknown) failed
 *                       or was skipped.
 *     end status unix_us
 *                       The run has ended, with this exit status.
 *
 * ATTEMPT is: attempt slave cores exit signal cause step errno start_us run_us
 * user_us system_us max_rss_kib out_bytes err_bytes. Cause and step are numbers
 * from list/outcome.h; start_us is since 1970, by the slave's clock.
 *
 * The last record of a job counts (began, said, leftovers and lost do not). A
 * job without such a record is not finished. A run without an `end` was killed.
 * A reader skips a record whose word it does not know, so that later versions
 * can add words. A change to the records above needs a new version.
 *
 * DAMAGE. Bytes that are not a valid record, with no valid record after them,
 * are a torn tail: they are appended to FILE.torn and cut off, with a warning.
 * If a valid record follows them, the file is refused; so is a file whose
 * records contradict each other (for example, an id that was not accepted).
 *
 * LOCK. A run holds flock(2) on the file until js_journal_close(). Where that
 * is not supported, or may be local to each host, the last `run` decides if it
 * has no `end`. The journal is refused
 *  - if the process of that run is alive here, or the run was on another host
 *    (if it was in another pid namespace of this host, where the process cannot
 *    be seen, the lock decides);
 *  - if that run has no lease, as its jobs may go on for ever.
 * It is not refused
 *  - if that run is known to be gone;
 *  - if it was an earlier start of the same batch job. A batch system starts a
 *    job again only once it has ended the processes of the start before, or the
 *    node is down;
 *  - if it was an earlier start by the same command, and has a lease.
 * While such an earlier start holds the lock, this run waits for it, but no
 * longer than that start's lease.
 *
 * KNOWN TO BE GONE is a run whose ranks and runners are all on record, were in
 * this boot and this pid namespace of this host, and are dead.
 *
 * HEARTBEAT. A running master updates the modification time of the file ten
 * times in a lease, as long as the file system answers. So a recent time shows
 * that the master was alive then. An older one shows nothing: the master may
 * have answered its slaves all the time while the file system hung.
 *
 * QUIET. Slaves of earlier runs that did not record their end may still be
 * there. The next run must wait before it starts jobs, unless it finds out
 * earlier that these runs are gone. It waits for the rest of the last run's
 * lease, counted from the last heartbeat or, if that is older than a tenth of
 * the lease, for the whole lease, counted from its own beginning. It also waits
 * if the last run was on another host, even if that run is said to be over
 * (is_forced, or a restarted batch job).
 *
 * TAKEN. Records of another run in the file mean that this run was considered
 * dead while it stood still, and that the other run has continued in its place
 * (is_forced, or a restarted batch job). From then on this run adds no records.
 * It checks for this with each heartbeat and at the end.
 *
 * ROOM. Where the file system supports it, space is reserved after the end of
 * the file, so that the ends of running jobs can be recorded even if the disk
 * is full.
 *
 * GONE. Before each sync and at the end, the run checks whether the file still
 * has its name. If it was removed or moved, its whole content is written to a
 * new file of that name, and the log says so. If that fails (the folder is gone
 * as well, or another file has the name), each commit fails until it succeeds;
 * records that are added meanwhile do not count as recorded.
 */
#ifndef JS_RECORD_JOURNAL_H
#define JS_RECORD_JOURNAL_H

#include "base/background.h"
#include "base/err.h"
#include "base/process.h"
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
    const char *format; /* of the list (list/formats.h), borrowed; NULL: as the
                           run before has recorded it */
    const struct js_journal_part *part; /* NULL: part of nothing */
    bool is_fresh;  /* rename an existing file to FILE.old, unless the last run
                       was an earlier start of this one */
    bool is_forced; /* the user confirms that a holder elsewhere is gone */
    bool is_read_only; /* do not lock, cut or write anything */
    int64_t sync_ns;   /* the most time until written records are synced; 0:
                          sync after each commit; JS_JOURNAL_NO_SYNC: never */
    int64_t lease_ns;  /* as in the record above; 0: the slaves have no lease */
    bool outlives;
    /* borrowed; it makes the calls on the file once the run has begun. NULL:
     * js_journal_commit() makes them */
    struct js_worker *worker;
    bool (*is_cancelled)(void); /* true: stop waiting for a lock; or NULL */
    struct js_log log; /* for a torn tail, and a file that was written again */
};

enum js_journal_refusal {
    JS_JOURNAL_CANNOT = -1,  /* the system or memory has failed */
    JS_JOURNAL_REFUSED = -2, /* in use, damaged, not a journal, a bad name */
};

struct js_journal;

/* Sets *ret to the default path of the journal of a job file, for the caller to
 * free; or to NULL if the job file has none, because it is not a regular file.
 * Returns 0, or -1 with errno ENOMEM. */
int js_journal_name(const char *job_file, char **ret);

/*
 * Locks the file and reads it into the registry, which must be empty. If there
 * is no file, only js_journal_begin() creates one. The config is copied.
 * Returns 0 with *ret, or one of enum js_journal_refusal with *err.
 */
int js_journal_open(const struct js_journal_config *config,
                    struct js_registry *registry, struct js_journal **ret,
                    struct js_err *err);

/* The state of the journal. */
struct js_journal_state {
    const char *path;   /* as in the config */
    const char *format; /* of the list of this run, for its record; NULL: none
                           was named, for this run or the one before */
    bool has_jobs;      /* jobs were on record when it was opened */
    uint64_t run_id;    /* of this run; not 0 */
    int64_t quiet_ns;   /* from js_journal_begin() on: how long jobs of earlier
                           runs may still go on; usually 0 */
    /* The earlier runs that have not recorded their end, have a mark, and are
     * over once the quiet time is; the newest is the last. The journal owns
     * them. */
    const struct js_dead_run *dead;
    size_t dead_count;
    /* How many of the added finishes, in their order, are on record: a later
     * run knows them, even after a failure of this process or, with sync_ns 0
     * and before the end, of this host. Check it after each commit, even after
     * one that failed. */
    uint64_t recorded;
    uint64_t unwritten;   /* ... are not in the file */
    size_t waiting_bytes; /* of records that are not in the file */
    int64_t syncing_ns;   /* when the current sync began; JS_NEVER_NS: there is
                             none */
    bool is_settled; /* false while records other than finishes are not in the
                        file yet or, with sync_ns 0, while anything is not on
                        disk: start nothing new until it is true */
    bool is_gone;    /* the file has lost its name, and no file has taken its
                        place: a later run would find nothing */
    int64_t deadline_ns; /* when js_journal_commit() has something to do even if
                            nothing was added; JS_NEVER_NS: never */
};

struct js_journal_state js_journal_look(const struct js_journal *journal);

/* True if the earlier runs whose jobs may still go on are known to be gone by
 * now. */
bool js_journal_is_quiet(const struct js_journal *journal);

/* Creates the file if there is none, and writes that a run begins, followed by
 * what was added so far. Returns the same values as js_journal_open(). */
int js_journal_begin(struct js_journal *journal, struct js_err *err);

/* These add records for the next commit. They return 0, or -1 with errno
 * ENOMEM. */
int js_journal_add_news(struct js_journal *journal,
                        const struct js_resume_news *news);
int js_journal_add_slave(struct js_journal *journal, unsigned slave,
                         uint32_t slots, const char *host,
                         const struct js_process_pair *processes);
/* Adds that the slave has a new runner. */
int js_journal_add_processes(struct js_journal *journal, unsigned slave,
                             const struct js_process_pair *processes);
int js_journal_add_left(struct js_journal *journal, unsigned slave);
int js_journal_add_begun(struct js_journal *journal, const struct js_job *job,
                         unsigned slave, int64_t start_unix_ns);
/* job->losses counts this loss already. */
int js_journal_add_lost(struct js_journal *journal, const struct js_job *job,
                        unsigned slave);
/* Adds the tail of the job's output as well. parent_id: for a skipped job. */
int js_journal_add_finish(struct js_journal *journal,
                          const struct js_completion *completion,
                          uint64_t parent_id);

/*
 * Has the worker write the records that were added, and start a sync when one
 * is due, unless it is still busy with the file. The caller never waits for the
 * file, which a hung file system (an unreachable server) may block for minutes:
 * records that are added meanwhile wait for a later call. Returns 0, or -1 with
 * *err if the last write or sync has failed. Records that were not written or
 * synced are kept, and a later call tries again. After a failure, start nothing
 * new.
 */
int js_journal_commit(struct js_journal *journal, int64_t now_ns,
                      struct js_err *err);

/* Makes the next commit start a sync even if none is due or, while one is
 * running, the first commit after that one. Does nothing with
 * JS_JOURNAL_NO_SYNC. */
void js_journal_sync_soon(struct js_journal *journal);

/* Waits until all records are in the file and on disk, for a caller that must
 * know this before it knows the exit status. Returns 0, or -1 with *err, also
 * if the worker's must_leave() ends the wait. */
int js_journal_settle(struct js_journal *journal, struct js_err *err);

/* If the run has begun, writes that it has ended with this status, and waits
 * until everything is on disk, as js_journal_settle() does. Returns 0, or -1
 * with *err. */
int js_journal_end(struct js_journal *journal, int status, struct js_err *err);

/* Unlocks and frees; records that were not written are dropped. NULL is
 * allowed. */
void js_journal_close(struct js_journal *journal);

/* Recounts everything that is counted step by step (base/err.h). */
void js_journal_assert_invariants(const struct js_journal *journal);

#endif
