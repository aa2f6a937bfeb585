#include "record/journal_file_private.h"

#include "base/background.h"
#include "base/clock.h"
#include "base/file.h"

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
    RETRIES = 10
}; /* attempts to open a file that is being replaced, or to lock it */

void js_journal_file_close(struct js_journal_file *file)
{
    if (!file)
        return;
    /* A hung call may use it at any time, so it must stay. */
    if (js_task_is_given(&file->task))
        return;
    int saved = errno;
    js_bgsync_end(&file->bgsync, true);
    js_fd_close(&file->fd);
    js_buf_release(&file->buf);
    js_buf_release(&file->out);
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
    /* This value means never: the clock may have started with the machine, a
     * moment ago. */
    file->synced_ns = INT64_MIN / 2;
    file->can_reserve = true;
    if (config->part)
        file->part = *config->part;
    file->config.path = file->path = strdup(config->path);
    file->config.host = file->host = strdup(config->host);
    file->config.part = &file->part;
    file->task = (struct js_task){
        .work = js_journal_disk_work, .arg = file, .name = file->path};
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

void js_journal_file_hold(struct js_journal_file *file)
{
    file->holds++;
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
        /* A process that checks whether the journal is locked
         * (js_journal_model_load()) holds the lock for a moment as well. */
        nanosleep(&moment, NULL);
    }
    return 1;
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

void js_journal_file_sync_soon(struct js_journal_file *file)
{
    file->is_sync_wanted = true;
}

/* ---------------------------------------------------------------- life */

int js_journal_file_make(struct js_journal_file *file, bool is_fresh,
                         struct js_err *err)
{
    if (is_fresh && file->fd >= 0) {
        /* The old file loses its name first; only then is its lock released, so
         * that no other run continues from it under that name. */
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
    file->fd = js_journal_disk_create(file->path);
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
    return file->fd < 0 || js_journal_disk_sync_folder(file->path) < 0
               ? js_journal_file_cannot(file, "create", err)
               : 0;
}

/* Hands over the waiting records. They are copied only if an earlier write has
 * left some records over. */
static int journal_hand_over(struct js_journal_file *file)
{
    if (js_journal_disk_waiting(file) == 0) {
        struct js_buf empty = file->out;
        file->out = file->buf;
        file->buf = empty;
    } else if (js_buf_append(&file->out, file->buf.data, file->buf.len) < 0) {
        return -1;
    }
    file->buf.len = 0;
    file->given = file->added;
    file->given_holds = file->holds;
    file->is_sync_asked |= file->is_sync_wanted;
    file->is_sync_wanted = false;
    return 0;
}

int js_journal_file_begin(struct js_journal_file *file, struct js_err *err)
{
    const struct timespec *old = &file->old_time;
    bool is_synced = file->config.sync_ns != JS_JOURNAL_NO_SYNC;
    struct stat st;
    if (journal_hand_over(file) < 0 || js_journal_disk_write(file) < 0 ||
        js_journal_disk_reserve(file) < 0 ||
        (is_synced && fdatasync(file->fd) < 0))
        return js_journal_file_cannot(file, "write to", err);
    file->sync = JS_JOURNAL_CLEAN;
    /* Both times are by the clock of the file system, so that their difference
     * is right even if that clock is on another host. */
    if (fstat(file->fd, &st) == 0)
        file->idle_ns = (st.st_mtim.tv_sec - old->tv_sec) * JS_NS_PER_S +
                        (st.st_mtim.tv_nsec - old->tv_nsec);
    return 0;
}

static struct js_journal_view file_view(const struct js_journal_file *file)
{
    int64_t touch_ns =
        file->config.lease_ns > 0
            ? file->touched_ns + file->config.lease_ns / JS_JOURNAL_HEARTBEATS
            : JS_NEVER_NS;
    return (struct js_journal_view){
        .is_open = file->fd >= 0,
        .is_locked = file->is_locked,
        .is_empty = file->size == 0,
        .is_gone = file->holding == JS_JOURNAL_GONE,
        .is_clean = file->sync == JS_JOURNAL_CLEAN,
        .has_failed = file->rc < 0,
        .deadline_ns =
            touch_ns < file->sync_due_ns ? touch_ns : file->sync_due_ns,
        .syncing_ns =
            file->sync >= JS_JOURNAL_SYNCING ? file->synced_ns : JS_NEVER_NS,
        .recorded = file->recorded,
        .in_file = file->in_file,
        .kept_holds = file->kept_holds,
        .bytes = js_journal_disk_waiting(file),
    };
}

struct js_journal_file_state
js_journal_file_look(const struct js_journal_file *file)
{
    struct js_journal_view now;
    const struct js_journal_view *view = &file->view;
    if (!file->is_viewed && !js_task_is_given(&file->task)) {
        now = file_view(file);
        view = &now;
    }
    size_t bytes = file->buf.len + view->bytes;
    return (struct js_journal_file_state){
        .config = &file->config,
        .is_open = view->is_open,
        .is_locked = view->is_locked,
        .is_empty = view->is_empty,
        .is_gone = view->is_gone,
        .is_settled = file->config.sync_ns > 0
                          ? view->kept_holds == file->holds || view->has_failed
                          : view->is_clean && bytes == 0,
        .idle_ns = file->idle_ns,
        .deadline_ns = view->deadline_ns,
        .recorded = view->recorded,
        .unwritten = file->added - view->in_file,
        .waiting_bytes = bytes,
        .syncing_ns = view->syncing_ns,
    };
}

/* ---------------------------------------------------------------- the task */

/* Returns 0, or -1 with *err if the last task has failed. */
static int file_result(struct js_journal_file *file, struct js_err *err)
{
    if (file->is_anew)
        js_log(&file->config.log,
               "%s was removed or renamed, and has been written again with all "
               "its records",
               file->path);
    file->is_anew = false;
    return file->rc < 0 ? js_err_set(err, "%s", file->why.text) : 0;
}

/* Gives the worker a task with all records so far. */
static int file_give(struct js_journal_file *file, enum js_journal_work work,
                     struct js_err *err)
{
    if (journal_hand_over(file) < 0)
        return js_journal_disk_error(file, err);
    if (!file->is_viewed)
        file->view = file_view(file);
    file->is_viewed = false;
    file->view.bytes = js_journal_disk_waiting(file);
    file->view.is_clean = false;
    file->view.deadline_ns = JS_NEVER_NS;
    file->work = work;
    js_worker_give(file->config.worker, &file->task);
    return 0;
}

/* In most turns there is nothing to do. */
static bool file_is_due(const struct js_journal_file *file, int64_t now_ns)
{
    if (file->rc < 0)
        return !file->config.worker || now_ns >= file->retry_ns;
    return file->buf.len > 0 || file->view.bytes > 0 || file->is_sync_wanted ||
           js_bgsync_has_ended(&file->bgsync) ||
           file->view.deadline_ns <= now_ns;
}

int js_journal_file_commit(struct js_journal_file *file, int64_t now_ns,
                           struct js_err *err)
{
    if (js_task_is_given(&file->task))
        return 0;
    if (!file->is_viewed)
        file->view = file_view(file);
    file->is_viewed = true;
    if (file_is_due(file, now_ns)) {
        file->now_ns = now_ns;
        file->retry_ns = now_ns + JS_JOURNAL_LOOK_NS;
        if (file_give(file, JS_JOURNAL_COMMIT, err) < 0)
            return -1;
        if (js_task_is_given(&file->task))
            return 0;
        file->view = file_view(file);
        file->is_viewed = true;
    }
    return file_result(file, err);
}

/* Gives the worker a task and waits for its end, but not for ever, because the
 * file may take nothing. */
static int file_do(struct js_journal_file *file, enum js_journal_work work,
                   struct js_err *err)
{
    struct js_worker *worker = file->config.worker;
    if (js_worker_await(worker) && file_give(file, work, err) < 0)
        return -1;
    if (js_worker_await(worker))
        return file_result(file, err);
    const char *name;
    int64_t begun_ns = js_worker_begun_ns(worker, &name);
    if (begun_ns == JS_NEVER_NS)
        return file_result(file, err);
    return js_err_set(
        err, "cannot write to the journal %s: %s has not answered for %d s",
        file->path, name, (int)((js_clock_ns() - begun_ns) / JS_NS_PER_S));
}

int js_journal_file_settle(struct js_journal_file *file, struct js_err *err)
{
    return file_do(file, JS_JOURNAL_SETTLE, err);
}

int js_journal_file_end(struct js_journal_file *file, struct js_err *err)
{
    return file_do(file, JS_JOURNAL_END, err);
}

void js_journal_file_assert_invariants(const struct js_journal_file *file)
{
    if (js_task_is_given(&file->task))
        return;
    bool is_syncing = file->sync >= JS_JOURNAL_SYNCING;
    size_t end;
    uint64_t waiting =
        js_journal_disk_count(file->out.data, file->out.len, &end);
    JS_INVARIANT(end == file->out.len);
    JS_INVARIANT(is_syncing == file->bgsync.is_running);
    JS_INVARIANT(file->written <= file->out.len);
    JS_INVARIANT(file->given == file->in_file + waiting);
    JS_INVARIANT(file->given <= file->added);
    JS_INVARIANT(file->kept_holds <= file->holds);
    JS_INVARIANT(file->syncing <= file->in_file);
    JS_INVARIANT(file->on_disk <= file->in_file);
    JS_INVARIANT(file->recorded <= file->in_file);
    JS_INVARIANT(file->fd >= 0 || file->size == 0);
    JS_INVARIANT(file->fd >= 0 || file->holding == JS_JOURNAL_HELD);
    JS_INVARIANT(file->size >= 0);
    JS_INVARIANT(file->sync == JS_JOURNAL_CLEAN || file->size > 0);
    JS_INVARIANT(!is_syncing || file->config.sync_ns != JS_JOURNAL_NO_SYNC);
}
