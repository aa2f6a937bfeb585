/*
 * journal_file_private - what the two sources of journal_file share. No other
 * file includes it.
 *
 * journal_file.c: what the caller does: opening, locking, adding records, and
 * giving tasks. journal_disk.c: what a task does; while a task is given, these
 * functions run in the worker's thread.
 */
#ifndef JS_RECORD_JOURNAL_FILE_PRIVATE_H
#define JS_RECORD_JOURNAL_FILE_PRIVATE_H

#include "base/background.h"
#include "base/clock.h"
#include "record/journal.h"
#include "record/journal_file.h"

#include <sys/types.h>
#include <time.h>

/* How long to wait before checking a late sync again, or retrying a write that
 * failed. */
#define JS_JOURNAL_LOOK_NS (20 * JS_NS_PER_MS)

/* See HOLDING and SYNC in the header. */
enum js_journal_holding {
    JS_JOURNAL_HELD = 0,
    JS_JOURNAL_GONE,
    JS_JOURNAL_TAKEN
};

enum js_journal_sync {
    JS_JOURNAL_CLEAN = 0,
    JS_JOURNAL_DIRTY,
    JS_JOURNAL_URGENT,
    JS_JOURNAL_SYNCING,
    JS_JOURNAL_SYNCING_DIRTY,
    JS_JOURNAL_SYNCING_URGENT,
};

/* What a task is to do with the file. */
enum js_journal_work {
    JS_JOURNAL_COMMIT = 0,
    JS_JOURNAL_SETTLE,
    JS_JOURNAL_END
};

/* What the caller knows about the worker's part of a file. */
struct js_journal_view {
    bool is_open, is_locked, is_empty, is_gone, is_clean, has_failed;
    int64_t deadline_ns, syncing_ns;
    uint64_t recorded, in_file, kept_holds;
    size_t bytes;
};

/*
 * The records go one way: they are added to `buf`, moved to `out` when a task
 * is given, written to the file, and synced to disk. The counts are of the
 * records that finish a job, and so
 *
 *     recorded <= in_file <= given <= added,  on_disk <= in_file
 *     syncing <= in_file,  in_file + finishes in out == given
 *
 * hold, and a sync runs exactly in the JS_JOURNAL_SYNCING states. The written
 * part (`written`) of an incomplete record stays in `out` only after a write
 * that failed.
 *
 * While the task is given, all fields below it belong to the worker.
 */
struct js_journal_file {
    struct js_journal_config config;
    char *path; /* what the config points to; owned, like the next two */
    char *host;
    struct js_journal_part part;
    struct js_buf buf;
    uint64_t added;
    uint64_t holds;   /* js_journal_file_hold() so far */
    int64_t retry_ns; /* the earliest time for a task after one that failed */
    struct js_journal_view view; /* as of when the task was given or, if */
    bool is_viewed;              /* ... this is set, as it is now */
    bool is_sync_wanted;         /* as js_journal_sync_soon() asks */

    struct js_task task;
    bool is_locked;   /* by flock(2); false where that is not supported */
    bool can_reserve; /* the file system can reserve space */
    bool is_anew; /* the file was written anew, which has not been reported yet
                   */
    bool is_sync_asked; /* is_sync_wanted, as of this task */
    bool has_ended;     /* no caller waits for a sync any more */
    int rc;             /* the result of the last task, and why it failed */
    struct js_err why;
    enum js_journal_work work;
    int64_t now_ns;     /* when the task was given */
    int64_t touched_ns; /* when the last heartbeat was */
    int fd;             /* -1: there is no file yet */
    enum js_journal_holding holding;
    off_t size;     /* length of the whole records in the file */
    off_t room_end; /* space is reserved up to this position */

    /* time of the last write to the file that was found */
    struct timespec old_time;
    int64_t idle_ns; /* see js_journal_file_look() */

    struct js_buf out;
    size_t written; /* bytes of out */
    uint64_t given;
    uint64_t given_holds;
    uint64_t kept_holds; /* ... that are in the file */
    uint64_t in_file;    /* in whole records */
    uint64_t syncing;    /* ... that the sync under way covers */
    uint64_t on_disk;    /* ... that a sync has brought there */
    uint64_t recorded;   /* see js_journal_look().recorded */

    struct js_bgsync bgsync;
    enum js_journal_sync sync;
    int sync_error;      /* the error of any sync so far; it remains */
    int64_t sync_due_ns; /* unless it is JS_JOURNAL_CLEAN */
    int64_t synced_ns;   /* when the last sync began */
};

/* ---- journal_disk.c */

/* Bytes of `out` that are not written. */
static inline size_t js_journal_disk_waiting(const struct js_journal_file *file)
{
    return file->out.len - file->written;
}

/* Counts the records that finish a job, and finds where the last whole record
 * ends. */
uint64_t js_journal_disk_count(const char *bytes, size_t len, size_t *ret_end);

/* These return 0, or -1 with errno. */
int js_journal_disk_write(struct js_journal_file *file); /* all of `out` */
int js_journal_disk_reserve(struct js_journal_file *file);
int js_journal_disk_sync_folder(const char *path);

/* Returns the new file, or -1 with errno. */
int js_journal_disk_create(const char *path);

/* Sets *err to say that errno keeps us from writing. Returns -1. */
int js_journal_disk_error(const struct js_journal_file *file,
                          struct js_err *err);

/* The work of the file's task. */
bool js_journal_disk_work(void *arg);

#endif
