/*
 * journal_file - the file of a journal: who owns it, and how much of it is on
 * disk.
 *
 * Owns the descriptor, the lock, the heartbeat, the records that wait to be
 * written, and the syncs. It does not know what a record says, except whether
 * it finishes a job; nor whether this run may continue from the records of an
 * earlier one. The rules are those of record/journal.h (LOCK, HEARTBEAT, TAKEN,
 * ROOM, GONE).
 *
 * HOLDING. Who holds the file.
 *
 *     HELD --the file has lost its name--> GONE
 *     GONE --its content is in a new file of that name--> HELD
 *     HELD, GONE --another run has added records--> TAKEN, for good
 *
 * SYNC. How far written bytes have reached the disk. A sync covers what was
 * written before it began.
 *
 *                       write           wanted soon     begins    ends
 *     CLEAN             DIRTY           -               -         -
 *     DIRTY             -               URGENT          SYNCING   -
 *     URGENT            -               -               SYNCING   -
 *     SYNCING           SYNCING_DIRTY   -               -         CLEAN
 *     SYNCING_DIRTY     -               SYNCING_URGENT  -         DIRTY
 *     SYNCING_URGENT    -               -               -         URGENT
 *
 * A dash leaves the state as it is. CLEAN: all written bytes are on disk.
 * DIRTY: a sync begins when it is due. URGENT: a sync begins with the next
 * commit. A sync that fails leaves CLEAN, DIRTY or URGENT like one that
 * succeeds, but its error remains, because the disk may have lost data for
 * good.
 *
 * THE WORKER. From js_journal_file_begin() on, a worker (base/background.h)
 * makes every call on the file, one task at a time; meanwhile the caller adds
 * records.
 */
#ifndef JS_RECORD_JOURNAL_FILE_H
#define JS_RECORD_JOURNAL_FILE_H

#include "base/buf.h"
#include "base/err.h"
#include "list/registry.h"
#include "record/journal_load.h"

#include <stdbool.h>
#include <stdint.h>

enum { JS_JOURNAL_HEARTBEATS = 10 }; /* in a lease */

struct js_journal_config;
struct js_journal_file;

/* Copies the config. Returns NULL with errno ENOMEM on failure. */
struct js_journal_file *
js_journal_file_new(const struct js_journal_config *config);

/* Unlocks and frees; records that were not written are dropped. NULL is
 * allowed. While the worker still makes a call on the file, nothing is
 * freed. */
void js_journal_file_close(struct js_journal_file *file);

/* Opens the file of that name, again if it is open already. If there is no such
 * file, it returns 0 as well, and the file is not open. Functions with `err`
 * return 0, or one of enum js_journal_refusal with *err, unless their comment
 * says otherwise. */
int js_journal_file_open(struct js_journal_file *file, struct js_err *err);

/* Takes the lock. Returns 0, 1 if another process has the lock, or -1 with
 * errno. Where the file system has no locks, it returns 0 and the file is not
 * locked. */
int js_journal_file_lock(struct js_journal_file *file);

/* Returns 1 if the file that has the journal's name is the open one, 0 if it is
 * not, or -1 with errno if that cannot be found out. */
int js_journal_file_is_named(const struct js_journal_file *file);

/* Reads the file with js_journal_load(). Returns JS_JOURNAL_REFUSED if that
 * refuses the file. */
int js_journal_file_read(struct js_journal_file *file,
                         struct js_registry *registry,
                         struct js_journal_contents *ret, struct js_err *err);

/* Cuts off the torn tail that js_journal_file_read() has found, if there is
 * one, and keeps it in FILE.torn. New records follow the valid ones. */
int js_journal_file_cut(struct js_journal_file *file,
                        const struct js_journal_contents *contents,
                        struct js_err *err);

/* Creates the file if it is not open. is_fresh: the open file is first set
 * aside as FILE.old. */
int js_journal_file_make(struct js_journal_file *file, bool is_fresh,
                         struct js_err *err);

/* Writes the waiting records, and waits until they are on disk. From then on
 * the file shows that this run has begun. */
int js_journal_file_begin(struct js_journal_file *file, struct js_err *err);

/* Sets *err to say that errno keeps us from doing `what` to the file, and
 * whether another name would help. Returns one of enum js_journal_refusal. */
int js_journal_file_cannot(const struct js_journal_file *file, const char *what,
                           struct js_err *err);

/* The records that wait to be written. The caller appends whole records. */
struct js_buf *js_journal_file_waiting(struct js_journal_file *file);

/* Notes that one of the waiting records finishes a job. */
void js_journal_file_add_finish(struct js_journal_file *file);

/* Notes that the waiting records must be in the file before anything that
 * depends on them is started. */
void js_journal_file_hold(struct js_journal_file *file);

/* These do the work of js_journal_commit() and the functions next to it, once
 * the records are in js_journal_file_waiting(). */
int js_journal_file_commit(struct js_journal_file *file, int64_t now_ns,
                           struct js_err *err);
void js_journal_file_sync_soon(struct js_journal_file *file);
int js_journal_file_settle(struct js_journal_file *file, struct js_err *err);

/* Works like js_journal_file_settle(), and frees the space reserved after the
 * end of the file. From then on no caller waits for a sync, whether this
 * succeeds or not.
 */
int js_journal_file_end(struct js_journal_file *file, struct js_err *err);

/* The state of the file. js_journal_look() returns the last seven fields too.
 */
struct js_journal_file_state {
    const struct js_journal_config *config; /* the copy; its part is never
                                               NULL */
    bool is_open;
    bool is_locked;
    bool is_empty;   /* it needs a head */
    int64_t idle_ns; /* from js_journal_file_begin() on: for how long nothing
                        had been written to the file before */
    bool is_gone;
    bool is_settled;
    int64_t deadline_ns;
    uint64_t recorded, unwritten;
    size_t waiting_bytes;
    int64_t syncing_ns;
};

struct js_journal_file_state
js_journal_file_look(const struct js_journal_file *file);

/* Recounts everything that is counted step by step (base/err.h). */
void js_journal_file_assert_invariants(const struct js_journal_file *file);

#endif
