/* The calls on a journal's file while the run goes on: they run in a worker's
 * thread, and may take any amount of time. */
#include "record/journal_file_private.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    /* This much is reserved after the end of the file, and again when less than
     * half of it is left. It has room for some thousand records. */
    ROOM = 1024 * 1024,
};

enum sync_event { WRITTEN = 0, WANTED, BEGUN, ENDED };

/* The table of the header. */
static const enum js_journal_sync sync_next[][4] = {
    [JS_JOURNAL_CLEAN] = {JS_JOURNAL_DIRTY, JS_JOURNAL_CLEAN, JS_JOURNAL_CLEAN,
                          JS_JOURNAL_CLEAN},
    [JS_JOURNAL_DIRTY] = {JS_JOURNAL_DIRTY, JS_JOURNAL_URGENT,
                          JS_JOURNAL_SYNCING, JS_JOURNAL_DIRTY},
    [JS_JOURNAL_URGENT] = {JS_JOURNAL_URGENT, JS_JOURNAL_URGENT,
                           JS_JOURNAL_SYNCING, JS_JOURNAL_URGENT},
    [JS_JOURNAL_SYNCING] = {JS_JOURNAL_SYNCING_DIRTY, JS_JOURNAL_SYNCING,
                            JS_JOURNAL_SYNCING, JS_JOURNAL_CLEAN},
    [JS_JOURNAL_SYNCING_DIRTY] = {JS_JOURNAL_SYNCING_DIRTY,
                                  JS_JOURNAL_SYNCING_URGENT,
                                  JS_JOURNAL_SYNCING_DIRTY, JS_JOURNAL_DIRTY},
    [JS_JOURNAL_SYNCING_URGENT] = {JS_JOURNAL_SYNCING_URGENT,
                                   JS_JOURNAL_SYNCING_URGENT,
                                   JS_JOURNAL_SYNCING_URGENT,
                                   JS_JOURNAL_URGENT},
};

static void sync_step(struct js_journal_file *file, enum sync_event event)
{
    file->sync = sync_next[file->sync][event];
}

/* If this run stood still or was cut off for so long that another run was
 * allowed to continue, the file is no longer ours. Returns 0, or -1 with
 * errno. */
static int journal_check_ours(struct js_journal_file *file)
{
    struct stat st;
    if (file->holding != JS_JOURNAL_TAKEN && fstat(file->fd, &st) < 0)
        return -1;
    if (file->holding != JS_JOURNAL_TAKEN && st.st_size > file->size)
        file->holding = JS_JOURNAL_TAKEN;
    errno = EBUSY;
    return file->holding == JS_JOURNAL_TAKEN ? -1 : 0;
}

/* ---------------------------------------------------------------- writing */

uint64_t js_journal_disk_count(const char *bytes, size_t len, size_t *ret_end)
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

int js_journal_disk_write(struct js_journal_file *file)
{
    while (js_journal_disk_waiting(file) > 0) {
        ssize_t n = write(file->fd, file->out.data + file->written,
                          js_journal_disk_waiting(file));
        if (n < 0 && errno != EINTR) {
            /* Whole records in the file count as written: the next attempt
             * continues after them. */
            int error = errno;
            size_t end;
            file->in_file +=
                js_journal_disk_count(file->out.data, file->written, &end);
            js_buf_consume(&file->out, end);
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
    file->out.len = file->written = 0;
    file->in_file = file->given;
    file->kept_holds = file->given_holds;
    return 0;
}

/* Keeps space reserved after the end, for jobs that are running when the disk
 * is full.
 */
int js_journal_disk_reserve(struct js_journal_file *file)
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

int js_journal_disk_create(const char *path)
{
    return open(path,
                O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
                0600);
}

int js_journal_disk_sync_folder(const char *path)
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

/* The file that we hold keeps its content, even when it no longer has a name.
 * All of it is copied to a new file. */
static int journal_write_anew(struct js_journal_file *file)
{
    int old = file->fd;
    int64_t copied = -1;
    file->fd = js_journal_disk_create(file->path);
    int rc = file->fd < 0 ? -1 : js_journal_file_lock(file);
    if (rc > 0) {
        errno = EEXIST; /* another process was faster: the new file is theirs */
    } else if (file->fd >= 0) {
        if (rc == 0)
            copied = js_file_copy(old, file->size, file->fd, 0);
        rc =
            copied == file->size && js_journal_disk_sync_folder(file->path) == 0
                ? 0
                : -1;
    }
    if (rc < 0 && file->fd >= 0) {
        int error = copied >= 0 && copied < file->size ? EIO : errno;
        unlink(file->path); /* a later run must not take half of the content for
                               all of it */
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
    file->is_anew = true;
    return 0;
}

/* The content of the file is of use only under its name. A file that another
 * run has taken stays as it is. Returns 0, or -1 with errno. */
static int journal_keep_name(struct js_journal_file *file)
{
    if (file->holding == JS_JOURNAL_TAKEN) {
        errno = EBUSY;
        return -1;
    }
    int there = js_journal_file_is_named(file);
    if (there < 0)
        return -1;
    bool is_lost = there == 0 && journal_write_anew(file) < 0;
    file->holding = is_lost ? JS_JOURNAL_GONE : JS_JOURNAL_HELD;
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
    case JS_JOURNAL_CLEAN:
        return JS_NEVER_NS;
    case JS_JOURNAL_URGENT:
        return now_ns;
    case JS_JOURNAL_DIRTY:
        /* Without syncs, it is time to check whether the file is still there.
         */
        return file->synced_ns +
               (sync_ns == JS_JOURNAL_NO_SYNC ? JS_NS_PER_S : sync_ns);
    case JS_JOURNAL_SYNCING:
    case JS_JOURNAL_SYNCING_DIRTY:
    case JS_JOURNAL_SYNCING_URGENT:
        break;
    }
    return now_ns + JS_JOURNAL_LOOK_NS;
}

static int sync_if_due(struct js_journal_file *file, int64_t now_ns)
{
    bool is_without = file->config.sync_ns == JS_JOURNAL_NO_SYNC;
    if (end_sync(file, false) < 0)
        return -1;
    if (file->is_sync_asked)
        sync_step(file, WANTED);
    file->is_sync_asked = false;
    file->sync_due_ns = sync_due_ns(file, now_ns);
    if ((file->sync != JS_JOURNAL_DIRTY && file->sync != JS_JOURNAL_URGENT) ||
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

int js_journal_disk_error(const struct js_journal_file *file,
                          struct js_err *err)
{
    if (file->holding == JS_JOURNAL_TAKEN)
        return js_err_set(err,
                          "another run took over the journal %s while this run "
                          "was suspended",
                          file->path);
    if (file->holding != JS_JOURNAL_GONE)
        return js_err_errno(err, "cannot write to the journal %s", file->path);
    return js_err_set(err,
                      "the journal %s was removed or renamed, and cannot be "
                      "created again: %s",
                      file->path,
                      errno == EEXIST ? "another file has its name"
                                      : js_errno_text(errno));
}

/* If the file is gone, it is unknown what has been written to it since then. */
static void note_recorded(struct js_journal_file *file)
{
    bool is_each = file->config.sync_ns == 0 && !file->has_ended;
    if (file->holding != JS_JOURNAL_GONE)
        file->recorded = is_each ? file->on_disk : file->in_file;
}

static int journal_commit(struct js_journal_file *file)
{
    int64_t lease_ns = file->config.lease_ns, now_ns = file->now_ns;
    bool is_well = true;
    if (lease_ns > 0 &&
        now_ns - file->touched_ns >= lease_ns / JS_JOURNAL_HEARTBEATS) {
        /* The heartbeat shows the next run that we were alive. If it cannot be
         * written, that run waits longer. */
        is_well = journal_check_ours(file) == 0;
        if (is_well) {
            file->touched_ns = now_ns;
            futimens(file->fd, NULL);
        }
    }
    is_well = is_well && js_journal_disk_write(file) == 0 &&
              js_journal_disk_reserve(file) == 0 &&
              sync_if_due(file, now_ns) == 0;
    note_recorded(file);
    return is_well ? 0 : js_journal_disk_error(file, &file->why);
}

/* Writes the remaining records, and waits until everything is on disk under the
 * file's name. */
static int journal_make_safe(struct js_journal_file *file, struct js_err *err)
{
    bool is_written = journal_check_ours(file) == 0 &&
                      js_journal_disk_write(file) == 0 &&
                      end_sync(file, true) == 0;
    int error = errno;
    if (journal_keep_name(file) < 0)
        return js_journal_disk_error(file, err);
    errno = error;
    if (!is_written ||
        (file->config.sync_ns != JS_JOURNAL_NO_SYNC && fdatasync(file->fd) < 0))
        return js_journal_disk_error(file, err);
    return 0;
}

static int journal_settle(struct js_journal_file *file)
{
    int rc = journal_make_safe(file, &file->why);
    if (rc == 0)
        file->on_disk = file->in_file;
    note_recorded(file);
    return rc;
}

static int journal_end(struct js_journal_file *file)
{
    int rc = journal_make_safe(file, &file->why);
    /* Frees the space reserved after the end. */
    if (rc == 0 && file->room_end > file->size &&
        ftruncate(file->fd, file->size) < 0)
        rc = js_journal_disk_error(file, &file->why);
    file->has_ended = true;
    note_recorded(file);
    return rc;
}

/* ---------------------------------------------------------------- the task */

/* Runs in the worker's thread. It wakes the loop if that waits for finished
 * jobs to be on record; if the file takes nothing, the loop checks again by
 * itself. */
bool js_journal_disk_work(void *arg)
{
    struct js_journal_file *file = arg;
    uint64_t recorded = file->recorded, holds = file->kept_holds;
    switch (file->work) {
    case JS_JOURNAL_COMMIT:
        file->rc = journal_commit(file);
        break;
    case JS_JOURNAL_SETTLE:
        file->rc = journal_settle(file);
        break;
    case JS_JOURNAL_END:
        file->rc = journal_end(file);
        break;
    }
    return file->recorded > recorded || file->kept_holds > holds;
}
