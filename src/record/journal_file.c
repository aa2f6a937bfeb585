#include "record/journal_file.h"

#include "base/background.h"
#include "base/clock.h"
#include "base/file.h"
#include "record/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    /* This much is reserved after the end of the file, and again when less than
       half of it is left: room for some thousand records. */
    ROOM = 1024 * 1024,
    RETRIES = 10, /* of opening a file that is being replaced, or locking it */
    HEARTBEATS = 10, /* in a lease */
};

/* How soon to check a late sync again. */
static const int64_t look_again_ns = 20 * JS_NS_PER_MS;

/* See HOLDING and SYNC in the header. */
enum holding { HELD = 0, GONE, TAKEN };

enum sync_state {
    CLEAN = 0,
    DIRTY,
    URGENT,
    SYNCING,
    SYNCING_DIRTY,
    SYNCING_URGENT,
};

enum sync_event { WRITTEN = 0, WANTED, BEGUN, ENDED };

/* The table of the header. */
static const enum sync_state sync_next[][4] = {
    [CLEAN] = {DIRTY, CLEAN, CLEAN, CLEAN},
    [DIRTY] = {DIRTY, URGENT, SYNCING, DIRTY},
    [URGENT] = {URGENT, URGENT, SYNCING, URGENT},
    [SYNCING] = {SYNCING_DIRTY, SYNCING, SYNCING, CLEAN},
    [SYNCING_DIRTY] = {SYNCING_DIRTY, SYNCING_URGENT, SYNCING_DIRTY, DIRTY},
    [SYNCING_URGENT] = {SYNCING_URGENT, SYNCING_URGENT, SYNCING_URGENT, URGENT},
};

/*
 * The records go one way: they are added to `buf`, written to the file, and
 * synced to disk. The counts are of the records that finish a job, and so
 *
 *     recorded <= in_file <= added,  on_disk <= in_file,  syncing <= in_file
 *     in_file + finishes in buf == added
 *
 * hold, and a sync runs exactly in the SYNCING states. A part of a record that
 * was written (`written`) only stays in buf after a write that failed.
 */
struct js_journal_file {
    struct js_journal_config config;
    char *path; /* what the config points to, owned, as are the next two */
    char *host;
    struct js_journal_part part;
    int fd;           /* -1: there is no file yet */
    bool is_locked;   /* by flock(2); false where that is not supported */
    off_t size;       /* of the whole records in the file */
    off_t room_end;   /* space is reserved up to here */
    bool can_reserve; /* the file system can reserve space */
    enum holding holding;
    int64_t touched_ns; /* when the last heartbeat was */

    struct timespec old_time; /* last write to the file that was found */
    int64_t idle_ns;          /* see js_journal_file_look() */

    struct js_buf buf;
    size_t written; /* bytes of buf */
    uint64_t added;
    uint64_t in_file;  /* in whole records */
    uint64_t syncing;  /* ... that the sync under way covers */
    uint64_t on_disk;  /* ... that a sync has brought there */
    uint64_t recorded; /* see js_journal_look().recorded */

    struct js_bgsync bgsync;
    enum sync_state sync;
    bool is_sync_wanted; /* a sync is wanted soon, including the next commit */
    bool has_ended;      /* nobody waits for a sync any more */
    int64_t sync_due_ns; /* unless it is CLEAN */
    int64_t synced_ns;   /* when the last sync began */
    int sync_error;      /* of any sync so far; it remains */
};

static void sync_step(struct js_journal_file *file, enum sync_event event)
{
    file->sync = sync_next[file->sync][event];
}

void js_journal_file_close(struct js_journal_file *file)
{
    if (!file)
        return;
    int saved = errno;
    js_bgsync_end(&file->bgsync, true);
    js_fd_close(&file->fd);
    js_buf_release(&file->buf);
    free(file->path);
    free(file->host);
    free(file);
    errno = saved;
}

struct js_journal_file *
js_journal_file_new(const struct js_journal_config *config)
{
    struct js_journal_file *file = calloc(1, sizeof(*file));
    if (!file)
        return NULL;
    file->config = *config;
    file->fd = -1;
    file->idle_ns = -1;
    file->sync_due_ns = JS_NEVER_NS;
    /* It means never: the clock may have started with the machine, a moment
     * ago. */
    file->synced_ns = INT64_MIN / 2;
    file->can_reserve = true;
    if (config->part)
        file->part = *config->part;
    file->config.path = file->path = strdup(config->path);
    file->config.host = file->host = strdup(config->host);
    file->config.part = &file->part;
    if (file->path && file->host)
        return file;
    js_journal_file_close(file);
    return NULL;
}

struct js_buf *js_journal_file_waiting(struct js_journal_file *file)
{
    return &file->buf;
}

void js_journal_file_add_finish(struct js_journal_file *file)
{
    file->added++;
}

/* ---------------------------------------------------------------- the lock */

int js_journal_file_is_named(const struct js_journal_file *file)
{
    struct stat ours, theirs;
    if (fstat(file->fd, &ours) < 0)
        return -1;
    if (stat(file->path, &theirs) < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
    return ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

int js_journal_file_lock(struct js_journal_file *file)
{
    static const struct timespec moment = {.tv_nsec = 5 * JS_NS_PER_MS};
    for (int i = 0; i < RETRIES; i++) {
        if (flock(file->fd, LOCK_EX | LOCK_NB) == 0) {
            file->is_locked = true;
            return 0;
        }
        if (errno != EWOULDBLOCK)
            return errno == EINTR ? -1 : 0;
        /* Whoever checks whether the journal is locked
         * (js_journal_model_load()) holds the lock for a moment as well. */
        nanosleep(&moment, NULL);
    }
    return 1;
}

/* If this run stood still or was cut off for so long that another one was
 * allowed to go on, the file is no longer ours. Returns 0, or -1 with errno. */
static int journal_check_ours(struct js_journal_file *file)
{
    struct stat st;
    if (file->holding != TAKEN && fstat(file->fd, &st) < 0)
        return -1;
    if (file->holding != TAKEN && st.st_size > file->size)
        file->holding = TAKEN;
    errno = EBUSY;
    return file->holding == TAKEN ? -1 : 0;
}

int js_journal_file_cannot(const struct js_journal_file *file, const char *what,
                           struct js_err *err)
{
    static const int bad_names[] = {EACCES, EPERM,  EROFS,        ENOENT,
                                    ELOOP,  EISDIR, ENAMETOOLONG, ENOTDIR};
    int error = errno;
    bool is_bad_name = false;
    for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++)
        is_bad_name |= error == bad_names[i];
    const char *hint = "";
    if (error == ELOOP)
        hint = "; it is a symbolic link: name its target with --journal";
    else if (is_bad_name)
        hint = "; name another file with --journal, or use --no-journal";
    js_err_set(err, "cannot %s the journal %s: %s%s", what, file->path,
               js_errno_text(error), hint);
    /* The start before this one could open the file, so its name is not to
     * blame. */
    bool is_refused = is_bad_name && file->part.restarts == 0;
    return is_refused ? JS_JOURNAL_REFUSED : JS_JOURNAL_CANNOT;
}

int js_journal_file_open(struct js_journal_file *file, struct js_err *err)
{
    struct stat st;
    int mode = file->config.is_read_only ? O_RDONLY : O_RDWR;
    js_fd_close(&file->fd);
    file->fd = open(file->path, mode | O_APPEND | O_NOFOLLOW | O_CLOEXEC |
                                    O_NOCTTY | O_NONBLOCK);
    if (file->fd < 0 && errno == ENOENT)
        return 0;
    if (file->fd < 0 || fstat(file->fd, &st) < 0)
        return js_journal_file_cannot(file, "open", err);
    if (S_ISREG(st.st_mode))
        return 0;
    js_err_set(err,
               "the journal %s is not a regular file: name another file with "
               "--journal",
               file->path);
    return JS_JOURNAL_REFUSED;
}

int js_journal_file_read(struct js_journal_file *file,
                         struct js_registry *registry,
                         struct js_journal_contents *ret, struct js_err *err)
{
    struct js_journal_reader reader = {.host = file->host, .part = &file->part};
    struct stat st;
    int rc = js_journal_load(file->fd, file->path, &reader, registry, NULL,
                             NULL, ret, err);
    int refusal = errno == EBADMSG ? JS_JOURNAL_REFUSED : JS_JOURNAL_CANNOT;
    if (fstat(file->fd, &st) == 0)
        file->old_time = st.st_mtim;
    return rc < 0 ? refusal : 0;
}

int js_journal_file_cut(struct js_journal_file *file,
                        const struct js_journal_contents *contents,
                        struct js_err *err)
{
    struct js_buf path = JS_BUF_INIT, tail = JS_BUF_INIT;
    off_t end = (off_t)contents->valid;
    size_t size = (size_t)(contents->size - contents->valid);
    int fd = -1;
    file->size = end;
    if (size == 0)
        return 0;
    if (js_buf_printf(&path, "%s.torn", file->path) == 0 &&
        js_buf_string(&path) && js_buf_reserve(&tail, size) == 0)
        fd = open(path.data,
                  O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    /* The copy is on disk before the original is cut off. */
    bool is_cut =
        fd >= 0 &&
        js_file_pread(file->fd, tail.data, size, end) == (ssize_t)size &&
        js_file_write(fd, tail.data, size) == 0 && fsync(fd) == 0 &&
        ftruncate(file->fd, end) == 0;
    int rc = is_cut
                 ? 0
                 : js_journal_file_cannot(file, "cut off the torn end of", err);
    if (is_cut)
        js_log(&file->config.log,
               "%s: the last %zu bytes, from offset %" PRIu64
               ", are not a complete record and were moved to %s; any job "
               "that they recorded runs again",
               file->path, size, contents->valid, path.data);
    js_fd_close(&fd);
    js_buf_release(&tail);
    js_buf_release(&path);
    return rc;
}

/* ---------------------------------------------------------------- writing */

static size_t journal_waiting_bytes(const struct js_journal_file *file)
{
    return file->buf.len - file->written;
}

/* Counts the records that finish a job, and finds where the last whole record
 * ends. */
static uint64_t journal_count_finishes(const char *bytes, size_t len,
                                       size_t *ret_end)
{
    struct js_journal_line line; /* large, but this is rare */
    uint64_t count = 0;
    const char *newline;
    *ret_end = 0;
    while (len > *ret_end &&
           (newline = memchr(bytes + *ret_end, '\n', len - *ret_end))) {
        const char *record = bytes + *ret_end;
        *ret_end = (size_t)(newline + 1 - bytes);
        if (js_journal_format_parse(record, (size_t)(newline - record), &line) <
            0)
            continue;
        count += line.kind == JS_JOURNAL_LINE_OK ||
                 line.kind == JS_JOURNAL_LINE_FAILED ||
                 line.kind == JS_JOURNAL_LINE_RETRIED ||
                 line.kind == JS_JOURNAL_LINE_STOPPED ||
                 line.kind == JS_JOURNAL_LINE_SKIPPED;
    }
    return count;
}

/* Writes all of it. Returns 0, or -1 with errno. */
static int journal_write_waiting(struct js_journal_file *file)
{
    while (journal_waiting_bytes(file) > 0) {
        ssize_t n = write(file->fd, file->buf.data + file->written,
                          journal_waiting_bytes(file));
        if (n < 0 && errno != EINTR) {
            /* Whole records in the file count, and no longer wait: the next
             * attempt continues after them. */
            int error = errno;
            size_t end;
            file->in_file +=
                journal_count_finishes(file->buf.data, file->written, &end);
            js_buf_consume(&file->buf, end);
            file->written -= end;
            errno = error;
            return -1;
        }
        if (n <= 0)
            continue;
        file->written += (size_t)n;
        file->size += n;
        sync_step(file, WRITTEN);
    }
    file->buf.len = file->written = 0;
    file->in_file = file->added;
    return 0;
}

/* Keeps room after the end, for jobs that are running when the disk is full.
 */
static int reserve_room(struct js_journal_file *file)
{
    if (!file->can_reserve || file->room_end - file->size >= ROOM / 2)
        return 0;
    off_t end = file->size + ROOM;
    if (fallocate(file->fd, FALLOC_FL_KEEP_SIZE, file->size, ROOM) == 0)
        file->room_end = end;
    else if (errno != ENOSPC && errno != EDQUOT && errno != EINTR)
        file->can_reserve = false; /* not here */
    else if (errno != EINTR)
        return -1;
    return 0;
}

static int journal_file_create(const char *path)
{
    return open(path,
                O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
                0600);
}

static int sync_folder(const char *path)
{
    char *copy = strdup(path);
    int fd =
        copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    /* Some file systems cannot do this; then the file's own sync must be
     * enough. */
    int rc = fd < 0 || (fsync(fd) < 0 && errno == EIO) ? -1 : 0;
    js_fd_close(&fd);
    free(copy);
    return rc;
}

/* What is written stays in the file that we hold, even when it no longer has a
 * name. All of it goes to a new file. The caller waits for that, because it is
 * rare. */
static int journal_write_anew(struct js_journal_file *file)
{
    int old = file->fd;
    int64_t copied = -1;
    file->fd = journal_file_create(file->path);
    int rc = file->fd < 0 ? -1 : js_journal_file_lock(file);
    if (rc > 0) {
        errno = EEXIST; /* somebody else was faster: the new file is theirs */
    } else if (file->fd >= 0) {
        if (rc == 0)
            copied = js_file_copy(old, file->size, file->fd, 0);
        rc = copied == file->size && sync_folder(file->path) == 0 ? 0 : -1;
    }
    if (rc < 0 && file->fd >= 0) {
        int error = copied >= 0 && copied < file->size ? EIO : errno;
        unlink(file->path); /* a later run must not take half of it for all */
        errno = error;
    }
    if (rc != 0) {
        js_fd_close(&file->fd);
        file->fd = old;
        return -1;
    }
    js_fd_close(&old);
    sync_step(file, WRITTEN);
    file->room_end = 0;
    js_log(&file->config.log,
           "%s was removed or renamed, and has been written again with all "
           "its records",
           file->path);
    return 0;
}

/* The content of the file is of use only under its name. A file that another
 * run has taken stays as it is. Returns 0, or -1 with errno. */
static int journal_keep_name(struct js_journal_file *file)
{
    if (file->holding == TAKEN) {
        errno = EBUSY;
        return -1;
    }
    int there = js_journal_file_is_named(file);
    if (there < 0)
        return -1;
    bool is_lost = there == 0 && journal_write_anew(file) < 0;
    file->holding = is_lost ? GONE : HELD;
    return is_lost ? -1 : 0;
}

/* ---------------------------------------------------------------- syncs */

/* Handles the end of a sync; a failure is final. */
static int end_sync(struct js_journal_file *file, bool wait)
{
    int rc = js_bgsync_end(&file->bgsync, wait);
    if (rc != 0)
        sync_step(file, ENDED);
    if (rc < 0)
        file->sync_error = errno;
    if (rc > 0)
        file->on_disk = file->syncing;
    errno = file->sync_error;
    return errno ? -1 : 0;
}

static int64_t sync_due_ns(const struct js_journal_file *file, int64_t now_ns)
{
    int64_t sync_ns = file->config.sync_ns;
    switch (file->sync) {
    case CLEAN:
        return JS_NEVER_NS;
    case URGENT:
        return now_ns;
    case DIRTY:
        /* Without syncs, it is time to check whether the file is still there.
         */
        return file->synced_ns +
               (sync_ns == JS_JOURNAL_NO_SYNC ? JS_NS_PER_S : sync_ns);
    case SYNCING:
    case SYNCING_DIRTY:
    case SYNCING_URGENT:
        break;
    }
    return now_ns + look_again_ns;
}

static int sync_if_due(struct js_journal_file *file, int64_t now_ns)
{
    bool is_without = file->config.sync_ns == JS_JOURNAL_NO_SYNC;
    if (end_sync(file, false) < 0)
        return -1;
    if (file->is_sync_wanted)
        sync_step(file, WANTED);
    file->is_sync_wanted = false;
    file->sync_due_ns = sync_due_ns(file, now_ns);
    if ((file->sync != DIRTY && file->sync != URGENT) ||
        file->sync_due_ns > now_ns)
        return 0;
    /* Syncing a file that has lost its name would be of no use. */
    if (journal_keep_name(file) < 0 ||
        (!is_without && js_bgsync_start(&file->bgsync, file->fd) < 0))
        return -1;
    sync_step(file, BEGUN);
    if (is_without)
        sync_step(file, ENDED);
    file->synced_ns = now_ns;
    file->syncing = file->in_file;
    file->sync_due_ns = sync_due_ns(file, now_ns);
    return 0;
}

static int journal_write_error(const struct js_journal_file *file,
                               struct js_err *err)
{
    if (file->holding == TAKEN)
        return js_err_set(err,
                          "another run took over the journal %s while this run "
                          "was suspended",
                          file->path);
    if (file->holding != GONE)
        return js_err_errno(err, "cannot write to the journal %s", file->path);
    return js_err_set(err,
                      "the journal %s was removed or renamed, and cannot be "
                      "created again: %s",
                      file->path,
                      errno == EEXIST ? "another file has its name"
                                      : js_errno_text(errno));
}

/* If the file is gone, nobody can know what was written to it since. */
static void note_recorded(struct js_journal_file *file)
{
    bool is_each = file->config.sync_ns == 0 && !file->has_ended;
    if (file->holding != GONE)
        file->recorded = is_each ? file->on_disk : file->in_file;
}

int js_journal_file_commit(struct js_journal_file *file, int64_t now_ns,
                           struct js_err *err)
{
    int64_t lease_ns = file->config.lease_ns;
    bool is_well = true;
    if (lease_ns > 0 && now_ns - file->touched_ns >= lease_ns / HEARTBEATS) {
        /* The heartbeat tells a run that finds the file how long ago we were
         * alive. If it cannot be written, that run waits longer. */
        is_well = journal_check_ours(file) == 0;
        if (is_well) {
            file->touched_ns = now_ns;
            futimens(file->fd, NULL);
        }
    }
    is_well = is_well && journal_write_waiting(file) == 0 &&
              reserve_room(file) == 0 && sync_if_due(file, now_ns) == 0;
    note_recorded(file);
    return is_well ? 0 : journal_write_error(file, err);
}

void js_journal_file_sync_soon(struct js_journal_file *file)
{
    file->is_sync_wanted = true;
}

/* ---------------------------------------------------------------- life */

int js_journal_file_make(struct js_journal_file *file, bool is_fresh,
                         struct js_err *err)
{
    if (is_fresh && file->fd >= 0) {
        /* The old file loses its name first; only then is its lock given up, so
         * that nobody else continues from it under that name. */
        struct js_buf path = JS_BUF_INIT;
        int rc = -1;
        if (js_buf_printf(&path, "%s.old", file->path) == 0 &&
            js_buf_string(&path))
            rc = rename(file->path, path.data);
        js_buf_release(&path);
        js_fd_close(&file->fd);
        if (rc < 0)
            return js_journal_file_cannot(file, "set aside", err);
    }
    if (file->fd >= 0)
        return 0;
    file->fd = journal_file_create(file->path);
    if (file->fd < 0 && errno == EEXIST) {
        js_err_set(err,
                   "%s is in use by another run, which has just started: wait "
                   "until that run has ended",
                   file->path);
        return JS_JOURNAL_REFUSED;
    }
    if (file->fd >= 0 && js_journal_file_lock(file) > 0) {
        js_err_set(err,
                   "%s is in use by another run: wait until that run has ended",
                   file->path);
        return JS_JOURNAL_REFUSED;
    }
    return file->fd < 0 || sync_folder(file->path) < 0
               ? js_journal_file_cannot(file, "create", err)
               : 0;
}

int js_journal_file_begin(struct js_journal_file *file, struct js_err *err)
{
    const struct timespec *old = &file->old_time;
    bool is_synced = file->config.sync_ns != JS_JOURNAL_NO_SYNC;
    struct stat st;
    if (journal_write_waiting(file) < 0 || reserve_room(file) < 0 ||
        (is_synced && fdatasync(file->fd) < 0))
        return js_journal_file_cannot(file, "write to", err);
    file->sync = CLEAN;
    /* Both times are by the clock of the file system, so that their difference
     * holds wherever that clock is. */
    if (fstat(file->fd, &st) == 0)
        file->idle_ns = (st.st_mtim.tv_sec - old->tv_sec) * JS_NS_PER_S +
                        (st.st_mtim.tv_nsec - old->tv_nsec);
    return 0;
}

struct js_journal_file_state
js_journal_file_look(const struct js_journal_file *file)
{
    int64_t touch_ns =
        file->config.lease_ns > 0
            ? file->touched_ns + file->config.lease_ns / HEARTBEATS
            : JS_NEVER_NS;
    return (struct js_journal_file_state){
        .config = &file->config,
        .is_open = file->fd >= 0,
        .is_locked = file->is_locked,
        .is_empty = file->size == 0,
        .is_gone = file->holding == GONE,
        .is_settled = file->config.sync_ns > 0 ||
                      (journal_waiting_bytes(file) == 0 && file->sync == CLEAN),
        .idle_ns = file->idle_ns,
        .deadline_ns =
            touch_ns < file->sync_due_ns ? touch_ns : file->sync_due_ns,
        .recorded = file->recorded,
        .unwritten = file->added - file->in_file,
    };
}

/* Writes what is left, and waits until everything is on disk, under the file's
 * name. */
static int journal_make_safe(struct js_journal_file *file, struct js_err *err)
{
    bool is_written = journal_check_ours(file) == 0 &&
                      journal_write_waiting(file) == 0 &&
                      end_sync(file, true) == 0;
    int error = errno;
    if (journal_keep_name(file) < 0)
        return journal_write_error(file, err);
    errno = error;
    if (!is_written ||
        (file->config.sync_ns != JS_JOURNAL_NO_SYNC && fdatasync(file->fd) < 0))
        return journal_write_error(file, err);
    return 0;
}

int js_journal_file_settle(struct js_journal_file *file, struct js_err *err)
{
    if (journal_make_safe(file, err) < 0)
        return -1;
    file->on_disk = file->in_file;
    note_recorded(file);
    return 0;
}

int js_journal_file_end(struct js_journal_file *file, struct js_err *err)
{
    int rc = journal_make_safe(file, err);
    /* Gives back the room after the end. */
    if (rc == 0 && file->room_end > file->size &&
        ftruncate(file->fd, file->size) < 0)
        rc = journal_write_error(file, err);
    file->has_ended = true;
    note_recorded(file);
    return rc;
}

void js_journal_file_assert_invariants(const struct js_journal_file *file)
{
    bool is_syncing = file->sync >= SYNCING;
    size_t end;
    uint64_t waiting =
        journal_count_finishes(file->buf.data, file->buf.len, &end);
    JS_INVARIANT(end == file->buf.len);
    JS_INVARIANT(is_syncing == file->bgsync.is_running);
    JS_INVARIANT(file->written <= file->buf.len);
    JS_INVARIANT(file->added == file->in_file + waiting);
    JS_INVARIANT(file->syncing <= file->in_file);
    JS_INVARIANT(file->on_disk <= file->in_file);
    JS_INVARIANT(file->recorded <= file->in_file);
    JS_INVARIANT(file->fd >= 0 || file->size == 0);
    JS_INVARIANT(file->fd >= 0 || file->holding == HELD);
    JS_INVARIANT(file->size >= 0);
    JS_INVARIANT(file->sync == CLEAN || file->size > 0);
    JS_INVARIANT(!is_syncing || file->config.sync_ns != JS_JOURNAL_NO_SYNC);
}
