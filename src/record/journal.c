#include "record/journal.h"

#include "base/bgsync.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/paths.h"
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    VERSION = 2,
    /* Behind the end of the file so much is reserved, and again when less than
     * half of it is left: some thousand records. */
    ROOM = 1024 * 1024,
    RETRIES = 10, /* of opening a file that is being replaced, or locking it */
    TOUCHES = 10, /* in a lease */
};

/* How soon to look again at a sync that is late. */
static const int64_t look_again_ns = 20 * JS_NS_PER_MS;

struct js_journal {
    struct js_journal_config config;
    char *path; /* owned, as is the next */
    char *host;
    struct js_journal_part part; /* of which this run is one */
    int fd;                      /* -1: there is no file yet */
    bool has_jobs;
    bool has_begun;
    bool is_locked;                 /* by flock(2) */
    off_t size;                     /* of the file, as far as it is whole */
    off_t room_end;                 /* up to here it is reserved */
    struct js_journal_contents old; /* what was found, */
    bool is_old_whole;              /* and that it could be read to its end */
    struct timespec old_time;       /* when that was last written to */
    uint64_t run_id;
    size_t dead_count; /* of the runs in it that have not ended those that */
    struct js_dead_run dead[JS_JOURNAL_DEAD]; /* are over once it is quiet */
    int64_t quiet_ns;
    int64_t touched_ns;
    bool has_room; /* the file system can reserve */

    struct js_journal_line *line; /* JOBS, AGAIN ... being gathered, if count >
                             0; and room to format others */
    struct js_buf buf;            /* records that wait to be written */
    size_t written;               /* of these */
    uint64_t added;               /* finishes */
    uint64_t in_file;             /* of these: the first so many, whole */
    uint64_t syncing;             /* ... that the sync under way is about */
    uint64_t on_disk;             /* ... that a sync has brought there */
    uint64_t recorded;            /* ... that may be told to be on record */
    bool is_gone;  /* the file, and there is no other of its name */
    bool is_taken; /* another run goes on from the file */

    struct js_bgsync syncer;
    bool is_dirty;       /* written, and no sync has begun since */
    bool is_urgent;      /* the next sync is due at once */
    bool has_ended;      /* nobody waits for a sync any more */
    int64_t sync_due_ns; /* while it is dirty or one is running */
    int64_t synced_ns;   /* when the last has begun */
    int sync_error;      /* kept: what was lost does not come back */
};

static void journal_free(struct js_journal *journal)
{
    if (!journal)
        return;
    int saved = errno;
    js_bgsync_end(&journal->syncer, true);
    js_fd_close(&journal->fd);
    js_buf_release(&journal->buf);
    free(journal->line);
    free(journal->path);
    free(journal->host);
    js_journal_contents_release(&journal->old);
    free(journal);
    errno = saved;
}

static struct js_journal *journal_new(const struct js_journal_config *config)
{
    struct js_journal *journal = calloc(1, sizeof(*journal));
    if (!journal)
        return NULL;
    journal->config = *config;
    journal->fd = -1;
    journal->sync_due_ns = JS_NEVER_NS;
    /* Never: the clock may have begun with the machine, a moment ago. */
    journal->synced_ns = INT64_MIN / 2;
    journal->has_room = true;
    journal->run_id = js_process_new_id();
    journal->path = strdup(config->path);
    journal->host = strdup(config->host);
    if (config->part)
        journal->part = *config->part;
    journal->line = calloc(1, sizeof(*journal->line));
    if (journal->path && journal->host && journal->line)
        return journal;
    journal_free(journal);
    return NULL;
}

/* ---------------------------------------------------------------- the lock */

static int refuse_in_use(const struct js_journal *journal,
                         const struct js_journal_holder *holder,
                         struct js_err *err)
{
    if (!holder->is_known)
        js_err_set(err, "%s is in use by another run: wait until it has ended",
                   journal->path);
    else
        js_err_set(err,
                   "%s is in use by a run on %s, process %" PRIu64
                   ": wait until it has ended, or end it",
                   journal->path, holder->host, holder->pid);
    return JS_JOURNAL_REFUSED;
}

static int journal_read_file(const struct js_journal *journal,
                             struct js_registry *registry,
                             struct js_journal_contents *ret,
                             struct js_err *err)
{
    struct js_journal_reader reader = {.host = journal->host,
                                       .part = &journal->part};
    return js_journal_load(journal->fd, journal->path, &reader, registry, ret,
                           err);
}

/* Who has begun the last run, as far as the file can be read. */
static void read_holder(const struct js_journal *journal,
                        struct js_journal_holder *ret)
{
    struct js_journal_contents contents = {0};
    struct js_registry *registry = js_registry_new();
    struct js_err ignored;
    if (registry)
        journal_read_file(journal, registry, &contents, &ignored);
    *ret = contents.holder;
    js_journal_contents_release(&contents);
    js_registry_free(registry);
}

static bool is_earlier_start(const struct js_journal *journal,
                             const struct js_journal_holder *holder)
{
    return holder->is_known &&
           js_journal_is_earlier(&holder->part, &journal->part);
}

/* Of the last run, which has not ended. */
static bool is_known_gone(const struct js_journal *journal)
{
    const struct js_journal_contents *old = &journal->old;
    return old->dead_count > 0 &&
           js_journal_is_known_gone(&old->dead[old->dead_count - 1],
                                    &old->processes);
}

/* Nothing says when its jobs end, or that they have. */
static int refuse_endless(const struct js_journal *journal,
                          const struct js_journal_holder *holder,
                          struct js_err *err)
{
    js_err_set(err,
               "%s was begun by a run on %s, process %" PRIu64 ", that has not "
               "said that it ended, and its jobs may go on (--slave-timeout "
               "0): if none does, add --force-lock",
               journal->path, holder->host, holder->pid);
    return JS_JOURNAL_REFUSED;
}

static int refuse_elsewhere(const struct js_journal *journal,
                            const struct js_journal_holder *holder,
                            struct js_err *err)
{
    js_err_set(err,
               "%s was begun by a run on %s, process %" PRIu64 ", that has not "
               "said that it ended: if it is gone, add --force-lock",
               journal->path, holder->host, holder->pid);
    return JS_JOURNAL_REFUSED;
}

/* A batch system has ended the start before; the same command has seen that
 * start break off, and the lease tells when its jobs have ended. */
static bool may_follow(const struct js_journal *journal,
                       const struct js_journal_holder *holder)
{
    struct js_journal_part batch = journal->part;
    batch.command = 0;
    return js_journal_is_earlier(&holder->part, &batch) ||
           (holder->lease_ns > 0 && is_earlier_start(journal, holder));
}

/* Where flock(2) may not tell: the last run has not said that it ended. */
static int check_holder(const struct js_journal *journal, struct js_err *err)
{
    const struct js_journal_holder *holder = &journal->old.holder;
    if (!holder->is_known || holder->has_ended || journal->config.is_forced ||
        is_known_gone(journal) || may_follow(journal, holder))
        return 0;
    enum js_journal_master master = js_journal_master_of(holder, journal->host);
    /* Within one kernel the lock tells. */
    bool is_hidden = master == JS_JOURNAL_MASTER_HIDDEN && !journal->is_locked;
    if (master == JS_JOURNAL_MASTER_ELSEWHERE || is_hidden)
        return refuse_elsewhere(journal, holder, err);
    if (master == JS_JOURNAL_MASTER_LIVES && !journal->is_locked)
        return refuse_in_use(journal, holder, err);
    /* What is damaged may have had a lease, or an end. */
    return holder->lease_ns == 0 && journal->is_old_whole
               ? refuse_endless(journal, holder, err)
               : 0;
}

/* 1 if the file is the one of its name; 0 if it is not; -1 with errno where
 * that cannot be told. */
static int is_still_there(const struct js_journal *journal)
{
    struct stat ours, theirs;
    if (fstat(journal->fd, &ours) < 0)
        return -1;
    if (stat(journal->path, &theirs) < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
    return ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

/* Who looks whether the journal is locked (js_journal_model_load()) has it
 * locked for a moment as well. */
static bool try_lock(int fd)
{
    static const struct timespec moment = {.tv_nsec = 5 * JS_NS_PER_MS};
    for (int i = 0; i < RETRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return true;
        if (errno != EWOULDBLOCK)
            return false;
        nanosleep(&moment, NULL);
        errno = EWOULDBLOCK;
    }
    return false;
}

/* 0; 1 if somebody else has it; or -1 with errno. */
static int lock_file(struct js_journal *journal)
{
    if (try_lock(journal->fd)) {
        journal->is_locked = true;
        return 0;
    }
    return errno == EWOULDBLOCK ? 1 : errno == EINTR ? -1 : 0;
}

/* As lock_file(), but what is left of an earlier start of this run is about to
 * end; its lease includes the grace of its jobs. */
static int wait_for_lock(struct js_journal *journal,
                         struct js_journal_holder *holder)
{
    bool (*is_cancelled)(void) = journal->config.is_cancelled;
    int rc = lock_file(journal);
    if (rc <= 0)
        return rc;
    read_holder(journal, holder);
    if (!is_earlier_start(journal, holder))
        return rc;
    int64_t end_ns = js_clock_ns() + holder->lease_ns;
    while (rc > 0 && js_clock_ns() < end_ns &&
           !(is_cancelled && is_cancelled()))
        rc = lock_file(journal);
    return rc;
}

/* ---------------------------------------------------------------- the quiet */

static int64_t ns_between(const struct timespec *from,
                          const struct timespec *to)
{
    return (to->tv_sec - from->tv_sec) * JS_NS_PER_S +
           (to->tv_nsec - from->tv_nsec);
}

/* Its slaves may start what they have until their lease is over, although the
 * next run has begun by then. */
static int64_t end_of_dead(const struct js_journal_dead *dead)
{
    bool is_known = dead->until_unix_ns > 0 &&
                    dead->until_unix_ns < INT64_MAX - dead->lease_ns;
    return is_known ? dead->until_unix_ns + dead->lease_ns : 0;
}

/* What was found is kept, to be looked at again. */
static void note_old_runs(struct js_journal *journal)
{
    const struct js_journal_contents *old = &journal->old;
    struct stat st;
    if (fstat(journal->fd, &st) == 0)
        journal->old_time = st.st_mtim;
    for (size_t i = 0; i < old->dead_count; i++) {
        const struct js_journal_dead *dead = &old->dead[i];
        if (dead->id == 0 || (dead->lease_ns == 0 &&
                              !js_journal_is_known_gone(dead, &old->processes)))
            continue;
        journal->dead[journal->dead_count++] =
            (struct js_dead_run){.id = dead->id,
                                 .begin_unix_ns = dead->begin_unix_ns,
                                 .until_unix_ns = end_of_dead(dead)};
    }
}

/* How long its jobs may go on; `new_time` is of the file now. The times of the
 * last run are by the clock of the file system, wherever that is. */
static int64_t left_of(const struct js_journal *journal,
                       const struct js_journal_dead *dead,
                       const struct timespec *new_time)
{
    if (dead->lease_ns == 0 || (!dead->outlives && !dead->is_here) ||
        js_journal_is_known_gone(dead, &journal->old.processes))
        return 0;
    int64_t ago_ns = dead->until_unix_ns > 0
                         ? js_clock_unix_ns() - dead->until_unix_ns
                         : ns_between(&journal->old_time, new_time);
    if (ago_ns < 0) /* the clock was put back */
        ago_ns = 0;
    return ago_ns < dead->lease_ns ? dead->lease_ns - ago_ns : 0;
}

static void find_quiet(struct js_journal *journal)
{
    struct stat st;
    if (fstat(journal->fd, &st) < 0)
        return;
    for (size_t i = 0; i < journal->old.dead_count; i++) {
        int64_t left_ns = left_of(journal, &journal->old.dead[i], &st.st_mtim);
        if (left_ns > journal->quiet_ns)
            journal->quiet_ns = left_ns;
    }
}

bool js_journal_is_quiet(const struct js_journal *journal)
{
    const struct js_journal_contents *old = &journal->old;
    for (size_t i = 0; i < old->dead_count; i++) {
        const struct js_journal_dead *dead = &old->dead[i];
        if (dead->lease_ns > 0 && (dead->outlives || dead->is_here) &&
            !js_journal_is_known_gone(dead, &old->processes))
            return false;
    }
    return true;
}

int64_t js_journal_quiet_ns(const struct js_journal *journal)
{
    return journal->quiet_ns;
}

uint64_t js_journal_run_id(const struct js_journal *journal)
{
    return journal->run_id;
}

const struct js_dead_run *js_journal_dead_runs(const struct js_journal *journal,
                                               size_t *count)
{
    *count = journal->dead_count;
    return journal->dead;
}

/* Where we stood still, or were cut off, for so long that another run was told
 * to go on, the file is no longer ours. Returns 0, or -1 with errno. */
static int check_ours(struct js_journal *journal)
{
    struct stat st;
    if (fstat(journal->fd, &st) < 0)
        return -1;
    journal->is_taken = journal->is_taken || st.st_size > journal->size;
    errno = EBUSY;
    return journal->is_taken ? -1 : 0;
}

/* So that a run that finds the file knows how long ago we were there. Returns
 * 0, or -1 with errno. */
static int touch(struct js_journal *journal, int64_t now_ns)
{
    if (journal->config.lease_ns == 0 ||
        now_ns - journal->touched_ns < journal->config.lease_ns / TOUCHES)
        return 0;
    if (check_ours(journal) < 0)
        return -1;
    journal->touched_ns = now_ns;
    futimens(journal->fd, NULL); /* if it cannot: they wait longer */
    return 0;
}

/* ---------------------------------------------------------------- opening */

static bool is_bad_name(int error)
{
    static const int errors[] = {EACCES,  EPERM,  EROFS,       ENOENT,
                                 ENOTDIR, EISDIR, ENAMETOOLONG};
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (error == errors[i])
            return true;
    }
    return error == ELOOP;
}

static int cannot(const struct js_journal *journal, const char *what,
                  struct js_err *err)
{
    int error = errno;
    const char *hint = "";
    if (error == ELOOP)
        hint = "; it is a symbolic link: name its target with --journal";
    else if (is_bad_name(error))
        hint = "; name another file with --journal, or use --no-journal";
    js_err_set(err, "cannot %s the journal %s: %s%s", what, journal->path,
               js_errno_text(error), hint);
    /* Where the run goes on it could be opened before. */
    bool is_refused = is_bad_name(error) && journal->part.restarts == 0;
    return is_refused ? JS_JOURNAL_REFUSED : JS_JOURNAL_CANNOT;
}

static int journal_check_kind(const struct js_journal *journal,
                              struct js_err *err)
{
    struct stat st;
    if (fstat(journal->fd, &st) < 0)
        return cannot(journal, "open", err);
    if (S_ISREG(st.st_mode))
        return 0;
    js_err_set(err,
               "the journal %s is not a regular file: name another with "
               "--journal",
               journal->path);
    return JS_JOURNAL_REFUSED;
}

/* Opens the file, if it is there. */
static int journal_open_file(struct js_journal *journal, struct js_err *err)
{
    int mode = journal->config.is_read_only ? O_RDONLY : O_RDWR;
    journal->fd = open(journal->path, mode | O_APPEND | O_NOFOLLOW | O_CLOEXEC |
                                          O_NOCTTY | O_NONBLOCK);
    if (journal->fd < 0)
        return errno == ENOENT ? 0 : cannot(journal, "open", err);
    return journal_check_kind(journal, err);
}

/* Until the file that is locked is the one of that name. */
static int open_locked(struct js_journal *journal, struct js_err *err)
{
    for (int i = 0; i < RETRIES; i++) {
        int rc = journal_open_file(journal, err);
        if (rc < 0 || journal->fd < 0 || journal->config.is_read_only)
            return rc;
        struct js_journal_holder holder = {0};
        rc = wait_for_lock(journal, &holder);
        if (rc > 0)
            return refuse_in_use(journal, &holder, err);
        if (rc == 0 && is_still_there(journal) > 0)
            return 0;
        js_fd_close(&journal->fd);
    }
    return cannot(journal, "lock", err);
}

/* Appends the torn tail to FILE.torn. */
static int save_tail(const struct js_journal *journal, const char *path,
                     const struct js_journal_contents *contents)
{
    struct js_buf tail = JS_BUF_INIT;
    size_t size = (size_t)(contents->size - contents->valid);
    int rc = -1;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
                  0600);
    if (fd >= 0 && js_buf_reserve(&tail, size) == 0 &&
        js_pread_full(journal->fd, tail.data, size, (off_t)contents->valid) ==
            (ssize_t)size &&
        js_write_full(fd, tail.data, size) == 0)
        rc = fsync(fd);
    js_fd_close(&fd);
    js_buf_release(&tail);
    return rc;
}

static int cut_tail(struct js_journal *journal,
                    const struct js_journal_contents *contents,
                    struct js_err *err)
{
    struct js_buf path = JS_BUF_INIT;
    int rc = -1;
    if (js_buf_printf(&path, "%s.torn", journal->path) == 0 &&
        js_buf_string(&path))
        rc = save_tail(journal, path.data, contents);
    if (rc == 0)
        rc = ftruncate(journal->fd, (off_t)contents->valid);
    if (rc == 0)
        js_log(&journal->config.log,
               "%s: the last %" PRIu64 " bytes, from offset %" PRIu64
               ", are no whole record: they are kept in %s and cut off; what "
               "they may have said is run again",
               journal->path, contents->size - contents->valid, contents->valid,
               path.data);
    else
        rc = cannot(journal, "cut the torn end of", err);
    js_buf_release(&path);
    return rc;
}

static int journal_load(struct js_journal *journal,
                        struct js_registry *registry, struct js_err *err)
{
    struct js_journal_contents *old = &journal->old;
    if (journal_read_file(journal, registry, old, err) < 0)
        return errno == EBADMSG ? JS_JOURNAL_REFUSED : JS_JOURNAL_CANNOT;
    journal->is_old_whole = true;
    journal->size = (off_t)old->valid;
    journal->has_jobs = js_registry_count(registry) > 0;
    if (journal->config.is_read_only)
        return 0;
    int rc = check_holder(journal, err);
    note_old_runs(journal);
    if (rc == 0 && old->size > old->valid)
        rc = cut_tail(journal, old, err);
    return rc;
}

/* What is there is no longer of this name; it is closed when that is done. */
static int set_aside(struct js_journal *journal, struct js_err *err)
{
    struct js_buf path = JS_BUF_INIT;
    int rc = -1;
    if (js_buf_printf(&path, "%s.old", journal->path) == 0 &&
        js_buf_string(&path))
        rc = rename(journal->path, path.data);
    js_buf_release(&path);
    js_fd_close(&journal->fd);
    return rc < 0 ? cannot(journal, "set aside", err) : 0;
}

/* What it says does not matter, be it damaged; but who holds it does. */
static int look_at_holder(struct js_journal *journal, struct js_err *err)
{
    struct js_registry *ignored = js_registry_new();
    if (!ignored)
        return cannot(journal, "read", err);
    journal->is_old_whole =
        journal_read_file(journal, ignored, &journal->old, err) == 0;
    js_registry_free(ignored);
    note_old_runs(journal);
    return check_holder(journal, err);
}

/* A run that starts over, and is started again, goes on once what was there is
 * aside. */
static void judge_fresh(struct js_journal *journal)
{
    struct js_journal_holder holder;
    read_holder(journal, &holder);
    if (is_earlier_start(journal, &holder))
        journal->config.is_fresh = false;
}

static int journal_open_journal(struct js_journal *journal,
                                struct js_registry *registry,
                                struct js_err *err)
{
    int rc = open_locked(journal, err);
    if (rc < 0 || journal->fd < 0)
        return rc;
    if (journal->config.is_fresh)
        judge_fresh(journal);
    if (!journal->config.is_fresh)
        return journal_load(journal, registry, err);
    return journal->config.is_read_only ? 0 : look_at_holder(journal, err);
}

int js_journal_open(const struct js_journal_config *config,
                    struct js_registry *registry, struct js_journal **ret,
                    struct js_err *err)
{
    struct js_journal *journal = journal_new(config);
    if (!journal) {
        js_err_errno(err, "the journal %s", config->path);
        return JS_JOURNAL_CANNOT;
    }
    int rc = journal_open_journal(journal, registry, err);
    if (rc == 0)
        *ret = journal;
    else
        journal_free(journal);
    return rc;
}

int js_journal_name(const char *job_file, char **ret)
{
    struct stat st;
    struct js_buf path = JS_BUF_INIT;
    *ret = NULL;
    if (!job_file || strcmp(job_file, "-") == 0 || js_path_fd(job_file) >= 0 ||
        stat(job_file, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    if (js_buf_printf(&path, "%s.journal", job_file) < 0 ||
        !js_buf_string(&path)) {
        js_buf_release(&path);
        return -1;
    }
    *ret = path.data;
    return 0;
}

const char *js_journal_path(const struct js_journal *journal)
{
    return journal->path;
}

bool js_journal_has_jobs(const struct js_journal *journal)
{
    return journal->has_jobs;
}

/* ---------------------------------------------------------------- writing */

static int add_line(struct js_journal *journal,
                    const struct js_journal_line *line)
{
    return js_journal_format_write(&journal->buf, line);
}

/* What has been gathered becomes a record. */
static int end_gathering(struct js_journal *journal)
{
    if (journal->line->count == 0)
        return 0;
    if (add_line(journal, journal->line) < 0)
        return -1;
    journal->line->count = 0;
    return 0;
}

static size_t journal_waiting_bytes(const struct js_journal *journal)
{
    return journal->buf.len - journal->written;
}

static bool is_finish(const struct js_journal_line *line)
{
    return line->kind == JS_JOURNAL_LINE_OK ||
           line->kind == JS_JOURNAL_LINE_FAILED ||
           line->kind == JS_JOURNAL_LINE_RETRIED ||
           line->kind == JS_JOURNAL_LINE_STOPPED ||
           line->kind == JS_JOURNAL_LINE_SKIPPED;
}

/* A write has failed on the way: the records that are whole in the file wait no
 * more. */
static void drop_written(struct js_journal *journal)
{
    struct js_journal_line *line = journal->line;
    size_t start = 0;
    const char *newline;
    while ((newline = memchr(journal->buf.data + start, '\n',
                             journal->written - start))) {
        size_t end = (size_t)(newline - journal->buf.data);
        if (js_journal_format_parse(journal->buf.data + start, end - start,
                                    line) == 0 &&
            is_finish(line))
            journal->in_file++;
        start = end + 1;
    }
    *line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_UNKNOWN};
    js_buf_consume(&journal->buf, start);
    journal->written -= start;
}

/* All of it, or -1 with errno. */
static int write_waiting(struct js_journal *journal)
{
    while (journal_waiting_bytes(journal) > 0) {
        ssize_t n = write(journal->fd, journal->buf.data + journal->written,
                          journal_waiting_bytes(journal));
        if (n < 0 && errno != EINTR) {
            int error = errno;
            drop_written(journal);
            errno = error;
            return -1;
        }
        if (n <= 0)
            continue;
        journal->written += (size_t)n;
        journal->size += n;
        journal->is_dirty = true;
    }
    journal->buf.len = journal->written = 0;
    journal->in_file = journal->added;
    return 0;
}

/* Keeps room behind the end: for what runs when the disk is full. */
static int reserve_room(struct js_journal *journal)
{
    if (!journal->has_room || journal->room_end - journal->size >= ROOM / 2)
        return 0;
    off_t end = journal->size + ROOM;
    if (fallocate(journal->fd, FALLOC_FL_KEEP_SIZE, journal->size, ROOM) == 0)
        journal->room_end = end;
    else if (errno != ENOSPC && errno != EDQUOT && errno != EINTR)
        journal->has_room = false; /* not here */
    else if (errno != EINTR)
        return -1;
    return 0;
}

/* ---------------------------------------------------------------- gone */

static int create(const char *path)
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
    /* Some file systems cannot: then the file's own sync must do. */
    int rc = fd < 0 || (fsync(fd) < 0 && errno == EIO) ? -1 : 0;
    js_fd_close(&fd);
    free(copy);
    return rc;
}

static int journal_copy_file(int from, int to, off_t size)
{
    char bytes[64 * 1024];
    for (off_t at = 0; at < size;) {
        off_t left = size - at;
        size_t len = left < (off_t)sizeof(bytes) ? (size_t)left : sizeof(bytes);
        ssize_t n = js_pread_full(from, bytes, len, at);
        if (n == 0)
            errno = EIO;
        if (n <= 0 || js_write_full(to, bytes, (size_t)n) < 0)
            return -1;
        at += n;
    }
    return 0;
}

/* Locks the new file, and fills it from the old one. What is only half there
 * goes again; what somebody else has locked is theirs. */
static int fill_anew(struct js_journal *journal, int old)
{
    int rc = lock_file(journal);
    if (rc > 0) {
        errno = EEXIST;
        return -1;
    }
    if (rc == 0 && journal_copy_file(old, journal->fd, journal->size) == 0 &&
        sync_folder(journal->path) == 0)
        return 0;
    int error = errno;
    unlink(journal->path);
    errno = error;
    return -1;
}

/* What is written stays in the file that we hold, also when it has no name any
 * more: all of it goes to a new one. That is waited for; it is rare. */
static int journal_write_anew(struct js_journal *journal)
{
    int old = journal->fd;
    journal->fd = create(journal->path);
    if (journal->fd < 0 || fill_anew(journal, old) < 0) {
        js_fd_close(&journal->fd);
        journal->fd = old;
        return -1;
    }
    js_fd_close(&old);
    journal->is_dirty = true;
    journal->room_end = 0;
    js_log(&journal->config.log,
           "%s was no longer there: it has been written anew, with all that "
           "was in it",
           journal->path);
    return 0;
}

/* What is in the file is of use only under its name. 0, or -1 with errno. */
static int journal_keep_name(struct js_journal *journal)
{
    int there = is_still_there(journal);
    if (there < 0)
        return -1;
    journal->is_gone = there == 0 && journal_write_anew(journal) < 0;
    return journal->is_gone ? -1 : 0;
}

/* ---------------------------------------------------------------- syncs */

static int start_sync(struct js_journal *journal, int64_t now_ns)
{
    if (journal_keep_name(journal) < 0)
        return -1;
    journal->is_dirty = journal->is_urgent = false;
    journal->synced_ns = now_ns;
    journal->syncing = journal->in_file;
    if (journal->config.sync_ns == JS_JOURNAL_NO_SYNC)
        return 0;
    return js_bgsync_start(&journal->syncer, journal->fd);
}

/* Takes the end of a sync; a failure is one for good. */
static int end_sync(struct js_journal *journal, bool wait)
{
    int rc = js_bgsync_end(&journal->syncer, wait);
    if (rc < 0)
        journal->sync_error = errno;
    if (rc > 0)
        journal->on_disk = journal->syncing;
    errno = journal->sync_error;
    return errno ? -1 : 0;
}

static int64_t sync_due_ns(const struct js_journal *journal, int64_t now_ns)
{
    int64_t sync_ns = journal->config.sync_ns;
    if (!journal->is_dirty && !journal->syncer.is_running)
        return JS_NEVER_NS;
    if (journal->syncer.is_running)
        return now_ns + look_again_ns;
    if (journal->is_urgent)
        return now_ns;
    /* Without syncs it is looked whether the file is still there. */
    return journal->synced_ns +
           (sync_ns == JS_JOURNAL_NO_SYNC ? JS_NS_PER_S : sync_ns);
}

static int sync_if_due(struct js_journal *journal, int64_t now_ns)
{
    if (end_sync(journal, false) < 0)
        return -1;
    /* A sync that runs is about all there is. */
    if (!journal->is_dirty)
        journal->is_urgent = false;
    journal->sync_due_ns = sync_due_ns(journal, now_ns);
    if (!journal->is_dirty || journal->syncer.is_running ||
        journal->sync_due_ns > now_ns)
        return 0;
    if (start_sync(journal, now_ns) < 0)
        return -1;
    journal->sync_due_ns = sync_due_ns(journal, now_ns);
    return 0;
}

static int write_error(const struct js_journal *journal, struct js_err *err)
{
    if (journal->is_taken)
        return js_err_set(err,
                          "another run has gone on from the journal %s while "
                          "this one stood still",
                          journal->path);
    if (!journal->is_gone)
        return js_err_errno(err, "cannot write to the journal %s",
                            journal->path);
    return js_err_set(
        err, "the journal %s is no longer there, and cannot be made anew: %s",
        journal->path,
        errno == EEXIST ? "another file has its name" : js_errno_text(errno));
}

/* Where the file is gone nobody can know what has come to be in it since. */
static void note_recorded(struct js_journal *journal)
{
    bool is_each = journal->config.sync_ns == 0 && !journal->has_ended;
    if (!journal->is_gone)
        journal->recorded = is_each ? journal->on_disk : journal->in_file;
}

int js_journal_commit(struct js_journal *journal, int64_t now_ns,
                      struct js_err *err)
{
    if (end_gathering(journal) < 0)
        return js_err_errno(err, "the journal %s", journal->path);
    bool is_well = touch(journal, now_ns) == 0 && write_waiting(journal) == 0 &&
                   reserve_room(journal) == 0 &&
                   sync_if_due(journal, now_ns) == 0;
    note_recorded(journal);
    return is_well ? 0 : write_error(journal, err);
}

void js_journal_sync_soon(struct js_journal *journal)
{
    journal->is_urgent = true;
}

bool js_journal_is_settled(const struct js_journal *journal)
{
    return journal->config.sync_ns > 0 ||
           (journal_waiting_bytes(journal) == 0 && !journal->is_dirty &&
            !journal->syncer.is_running);
}

int64_t js_journal_deadline_ns(const struct js_journal *journal)
{
    int64_t touch_ns = journal->touched_ns + journal->config.lease_ns / TOUCHES;
    bool is_touched = journal->config.lease_ns > 0;
    return is_touched && touch_ns < journal->sync_due_ns ? touch_ns
                                                         : journal->sync_due_ns;
}

/* ---------------------------------------------------------------- beginning */

static int make_file(struct js_journal *journal, struct js_err *err)
{
    journal->fd = create(journal->path);
    if (journal->fd < 0 && errno == EEXIST) {
        js_err_set(err,
                   "%s is in use by another run, which has just begun: wait "
                   "until it has ended",
                   journal->path);
        return JS_JOURNAL_REFUSED;
    }
    if (journal->fd < 0)
        return cannot(journal, "make", err);
    if (lock_file(journal) > 0)
        return refuse_in_use(journal, &(struct js_journal_holder){0}, err);
    return sync_folder(journal->path) < 0 ? cannot(journal, "make", err) : 0;
}

/* What this run is part of. */
static int put_part(struct js_journal *journal, struct js_buf *buf)
{
    const struct js_journal_part *part = &journal->part;
    struct js_journal_line *line = journal->line;
    int rc = 0;
    *line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_BATCH,
                                     .restarts = part->batch_restarts};
    snprintf(line->text, sizeof(line->text), "%s", part->batch);
    if (part->batch[0])
        rc = js_journal_format_write(buf, line);
    *line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_PART,
                                     .mark = part->command,
                                     .restarts = part->restarts};
    if (rc == 0 && part->command != 0)
        rc = js_journal_format_write(buf, line);
    return rc;
}

/* Processes first, as in js_journal_add_slave(). */
static int put_dead_run(struct js_journal *journal, struct js_buf *buf,
                        const struct js_journal_dead *dead)
{
    const struct js_journal_process *all =
        (const struct js_journal_process *)journal->old.processes.data;
    struct js_journal_line *line = journal->line;
    for (size_t i = 0; i < dead->count; i++) {
        const struct js_journal_process *process = &all[dead->first + i];
        if (i % (JS_JOURNAL_LINE_LIST / 2) == 0)
            *line =
                (struct js_journal_line){.kind = JS_JOURNAL_LINE_DEAD_PROCESS};
        line->ids[line->count++] = process->pid;
        line->ids[line->count++] = process->started;
        bool is_full =
            line->count == JS_JOURNAL_LINE_LIST || i + 1 == dead->count;
        if (is_full && js_journal_format_write(buf, line) < 0)
            return -1;
    }
    int64_t until_ns =
        dead->until_unix_ns > 0 ? dead->until_unix_ns : js_clock_unix_ns();
    *line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_DEAD,
        .mark = dead->id,
        .unix_us = (uint64_t)(dead->begin_unix_ns / JS_NS_PER_US),
        .until_us = (uint64_t)(until_ns / JS_NS_PER_US),
        .lease_us = (uint64_t)(dead->lease_ns / JS_NS_PER_US),
        .outlives = dead->outlives,
        .boot = dead->is_here ? js_process_boot() : 0,
        .space = dead->is_here ? js_process_space() : 0};
    return js_journal_format_write(buf, line);
}

/* A new file begins with what is still to be known of the one before. */
static int journal_put_head(struct js_journal *journal, struct js_buf *buf)
{
    *journal->line =
        (struct js_journal_line){.kind = JS_JOURNAL_LINE_HEAD, .id = VERSION};
    int rc = js_journal_format_write(buf, journal->line);
    for (size_t i = 0; rc == 0 && i < journal->old.dead_count; i++)
        rc = put_dead_run(journal, buf, &journal->old.dead[i]);
    return rc;
}

/* The records that stand in front of what was gathered. */
static int put_beginning(struct js_journal *journal, struct js_buf *buf)
{
    uint64_t pid = (uint64_t)getpid();
    struct js_journal_line *line = journal->line;
    if (journal->size == 0 && journal_put_head(journal, buf) < 0)
        return -1;
    *line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_RUN,
        .pid = pid,
        .started = js_process_start(pid),
        .boot = js_process_boot(),
        .unix_us = (uint64_t)(js_clock_unix_ns() / JS_NS_PER_US)};
    snprintf(line->text, sizeof(line->text), "%s", journal->host);
    int rc = js_journal_format_write(buf, line);
    *line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_LEASE,
        .lease_us = (uint64_t)(journal->config.lease_ns / JS_NS_PER_US),
        .outlives = journal->config.outlives};
    if (rc == 0 && journal->config.lease_ns > 0)
        rc = js_journal_format_write(buf, line);
    if (rc == 0)
        rc = put_part(journal, buf);
    *line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_MARK,
                                     .mark = journal->run_id,
                                     .space = js_process_space()};
    if (rc == 0)
        rc = js_journal_format_write(buf, line);
    *line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_UNKNOWN};
    return rc;
}

static int journal_begin(struct js_journal *journal, struct js_err *err)
{
    struct js_buf first = JS_BUF_INIT;
    if (end_gathering(journal) < 0 || put_beginning(journal, &first) < 0 ||
        js_buf_append(&first, journal->buf.data, journal->buf.len) < 0) {
        js_buf_release(&first);
        js_err_errno(err, "the journal %s", journal->path);
        return JS_JOURNAL_CANNOT;
    }
    js_buf_release(&journal->buf);
    journal->buf = first;
    journal->has_begun = true;
    if (write_waiting(journal) < 0 || reserve_room(journal) < 0 ||
        (journal->config.sync_ns != JS_JOURNAL_NO_SYNC &&
         fdatasync(journal->fd) < 0))
        return cannot(journal, "write to", err);
    journal->is_dirty = false;
    find_quiet(journal);
    return 0;
}

int js_journal_begin(struct js_journal *journal, struct js_err *err)
{
    int rc = 0;
    if (journal->config.is_fresh && journal->fd >= 0)
        rc = set_aside(journal, err);
    if (rc == 0 && journal->fd < 0)
        rc = make_file(journal, err);
    return rc < 0 ? rc : journal_begin(journal, err);
}

/* ---------------------------------------------------------------- records */

/* Room for one more of this kind in the record being gathered. */
static struct js_journal_line *journal_gather(struct js_journal *journal,
                                              enum js_journal_line_kind kind,
                                              uint64_t id)
{
    struct js_journal_line *line = journal->line;
    bool follows = kind != JS_JOURNAL_LINE_JOBS || id == line->id + line->count;
    if (line->count > 0 &&
        (line->kind != kind || line->count == JS_JOURNAL_LINE_LIST ||
         !follows) &&
        end_gathering(journal) < 0)
        return NULL;
    if (line->count == 0) {
        line->kind = kind;
        line->id = id;
    }
    return line;
}

static int gather_id(struct js_journal *journal, enum js_journal_line_kind kind,
                     uint64_t id)
{
    struct js_journal_line *line = journal_gather(journal, kind, 0);
    if (!line)
        return -1;
    line->ids[line->count++] = id;
    return 0;
}

static int gather_job(struct js_journal *journal,
                      const struct js_resume_news *news)
{
    struct js_journal_line *line =
        journal_gather(journal, JS_JOURNAL_LINE_JOBS, news->id);
    if (!line)
        return -1;
    line->identities[line->count++] = *news->identity;
    return 0;
}

/* One that would not fit is left out: nothing but "changed" depends on it. */
static int journal_add_name(struct js_journal *journal, uint64_t id,
                            const char *name)
{
    struct js_journal_line *line = journal->line;
    if (strlen(name) >= sizeof(line->text))
        return 0;
    if (end_gathering(journal) < 0)
        return -1;
    line->kind = JS_JOURNAL_LINE_NAME;
    line->id = id;
    snprintf(line->text, sizeof(line->text), "%s", name);
    return add_line(journal, line);
}

int js_journal_add_news(struct js_journal *journal,
                        const struct js_resume_news *news)
{
    if (journal->config.is_read_only)
        return 0;
    switch (news->change) {
    case JS_RESUME_ACCEPTED:
        return gather_job(journal, news);
    case JS_RESUME_NAMED:
        return journal_add_name(journal, news->id, news->name);
    case JS_RESUME_AGAIN:
        return gather_id(journal, JS_JOURNAL_LINE_AGAIN, news->id);
    case JS_RESUME_GONE:
        return gather_id(journal, JS_JOURNAL_LINE_GONE, news->id);
    case JS_RESUME_BACK:
        return gather_id(journal, JS_JOURNAL_LINE_BACK, news->id);
    }
    return 0;
}

/* Processes first: where the end is torn off none is thought to be complete. */
int js_journal_add_slave(struct js_journal *journal, unsigned slave,
                         uint32_t slots, const char *host,
                         const struct js_process_pair *processes)
{
    struct js_journal_line *line = journal->line;
    if (end_gathering(journal) < 0)
        return -1;
    line->id = slave;
    if (processes) {
        line->kind = JS_JOURNAL_LINE_PROCESS;
        line->processes = *processes;
        if (add_line(journal, line) < 0)
            return -1;
    }
    line->kind = JS_JOURNAL_LINE_SLAVE;
    line->slots = slots;
    snprintf(line->text, sizeof(line->text), "%s", host);
    return add_line(journal, line);
}

int js_journal_add_processes(struct js_journal *journal, unsigned slave,
                             const struct js_process_pair *processes)
{
    struct js_journal_line *line = journal->line;
    if (end_gathering(journal) < 0)
        return -1;
    line->kind = JS_JOURNAL_LINE_PROCESS;
    line->id = slave;
    line->processes = *processes;
    return add_line(journal, line);
}

int js_journal_add_left(struct js_journal *journal, unsigned slave)
{
    struct js_journal_line *line = journal->line;
    if (end_gathering(journal) < 0)
        return -1;
    line->kind = JS_JOURNAL_LINE_LEFT;
    line->id = slave;
    return add_line(journal, line);
}

int js_journal_add_lost(struct js_journal *journal, const struct js_job *job,
                        unsigned slave)
{
    struct js_journal_line *line = journal->line;
    if (end_gathering(journal) < 0)
        return -1;
    line->kind = JS_JOURNAL_LINE_LOST;
    line->id = job->id;
    line->slave = slave;
    line->losses = job->losses;
    line->unix_us = (uint64_t)(js_clock_unix_ns() / JS_NS_PER_US);
    return add_line(journal, line);
}

static enum js_journal_line_kind
journal_kind_of(const struct js_completion *completion)
{
    if (completion->fate == JS_ATTEMPT_RESULT_SKIPPED)
        return JS_JOURNAL_LINE_SKIPPED;
    if (completion->outcome.cause == JS_STOP_REASON_STOPPED)
        return JS_JOURNAL_LINE_STOPPED;
    if (completion->fate == JS_ATTEMPT_RESULT_RETRIED)
        return JS_JOURNAL_LINE_RETRIED;
    return js_outcome_succeeded(&completion->outcome) ? JS_JOURNAL_LINE_OK
                                                      : JS_JOURNAL_LINE_FAILED;
}

/* A C string has no NUL within. */
static int add_said(struct js_journal *journal,
                    const struct js_completion *completion)
{
    struct js_journal_line *line = journal->line;
    const struct js_output_tail *tail = completion->tail;
    if (!tail || tail->len == 0)
        return 0;
    line->kind = JS_JOURNAL_LINE_SAID;
    line->id = completion->job->id;
    line->attempt = completion->job->attempt;
    line->stream = tail->stream;
    for (size_t i = 0; i < tail->len; i++)
        line->text[i] = tail->bytes[i] ? tail->bytes[i] : '?';
    line->text[tail->len] = '\0';
    return add_line(journal, line);
}

static int add_leftovers(struct js_journal *journal,
                         const struct js_completion *completion)
{
    struct js_journal_line *line = journal->line;
    if (completion->outcome.leftovers == 0)
        return 0;
    line->kind = JS_JOURNAL_LINE_LEFTOVERS;
    line->id = completion->job->id;
    line->attempt = completion->job->attempt;
    line->outcome.leftovers = completion->outcome.leftovers;
    return add_line(journal, line);
}

static int journal_add_end(struct js_journal *journal,
                           const struct js_completion *completion,
                           uint64_t parent_id)
{
    struct js_journal_line *line = journal->line;
    line->kind = journal_kind_of(completion);
    line->id = completion->job->id;
    line->parent = parent_id;
    line->attempt = completion->job->attempt;
    line->slave = completion->slave;
    line->cores = completion->cores;
    line->outcome = completion->outcome;
    return add_line(journal, line);
}

int js_journal_add_finish(struct js_journal *journal,
                          const struct js_completion *completion,
                          uint64_t parent_id)
{
    if (end_gathering(journal) < 0)
        return -1;
    size_t before = journal->buf.len;
    if (add_said(journal, completion) < 0 ||
        add_leftovers(journal, completion) < 0 ||
        journal_add_end(journal, completion, parent_id) < 0) {
        journal->buf.len = before;
        return -1;
    }
    journal->added++;
    return 0;
}

int js_journal_add_begun(struct js_journal *journal, const struct js_job *job,
                         unsigned slave, int64_t start_unix_ns)
{
    struct js_journal_line *line = journal->line;
    if (end_gathering(journal) < 0)
        return -1;
    line->kind = JS_JOURNAL_LINE_BEGAN;
    line->id = job->id;
    line->attempt = job->attempt;
    line->slave = slave;
    line->unix_us = (uint64_t)(start_unix_ns / JS_NS_PER_US);
    return add_line(journal, line);
}

uint64_t js_journal_recorded(const struct js_journal *journal)
{
    return journal->recorded;
}

uint64_t js_journal_unwritten(const struct js_journal *journal)
{
    return journal->added - journal->in_file;
}

bool js_journal_is_gone(const struct js_journal *journal)
{
    return journal->is_gone;
}

/* ---------------------------------------------------------------- the end */

/* Writes what is left, and waits until all is on disk, under its name. */
static int make_safe(struct js_journal *journal, struct js_err *err)
{
    bool is_written = check_ours(journal) == 0 && write_waiting(journal) == 0 &&
                      end_sync(journal, true) == 0;
    int error = errno;
    if (journal_keep_name(journal) < 0)
        return write_error(journal, err);
    errno = error;
    if (!is_written || (journal->config.sync_ns != JS_JOURNAL_NO_SYNC &&
                        fdatasync(journal->fd) < 0))
        return write_error(journal, err);
    return 0;
}

int js_journal_settle(struct js_journal *journal, struct js_err *err)
{
    if (end_gathering(journal) < 0)
        return js_err_errno(err, "the journal %s", journal->path);
    if (make_safe(journal, err) < 0)
        return -1;
    journal->on_disk = journal->in_file;
    note_recorded(journal);
    return 0;
}

static int journal_finish_file(struct js_journal *journal, int status,
                               struct js_err *err)
{
    struct js_journal_line *line = journal->line;
    if (end_gathering(journal) < 0)
        return js_err_errno(err, "the journal %s", journal->path);
    line->kind = JS_JOURNAL_LINE_END;
    line->status = (uint64_t)status;
    line->unix_us = (uint64_t)(js_clock_unix_ns() / JS_NS_PER_US);
    if (add_line(journal, line) < 0)
        return js_err_errno(err, "the journal %s", journal->path);
    int rc = make_safe(journal, err);
    /* Gives back the room behind the end; not worth a word if it cannot. */
    if (rc == 0 && journal->room_end > journal->size)
        rc = ftruncate(journal->fd, journal->size) < 0
                 ? write_error(journal, err)
                 : 0;
    return rc;
}

int js_journal_end(struct js_journal *journal, int status, struct js_err *err)
{
    int rc = journal->has_begun ? journal_finish_file(journal, status, err) : 0;
    journal->has_ended = true;
    note_recorded(journal);
    return rc;
}

void js_journal_close(struct js_journal *journal)
{
    journal_free(journal);
}
