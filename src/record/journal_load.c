#include "record/journal_load.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PIECE = 1024 * 1024,
    VERSION = 2,
    STOPPED = 3, /* the lowest exit status of a run that is unfinished */
};

/*
 * first_process, slaves_here and lacks_processes are of the run that is being
 * read: its record resets them. Its processes are contents->processes from
 * first_process on; they stay there only if the run turns out to have no end,
 * and all of them turn out to belong to this boot and pid namespace.
 */
struct loading {
    const char *name;
    struct js_registry *registry;
    struct js_journal_contents *contents;
    const struct js_journal_reader *reader;
    uint64_t boot, space;         /* of this process */
    struct js_journal_line *line; /* large */
    size_t first_process;         /* of the run that is being read */
    uint64_t slaves_here; /* of that run: with processes that would be here */
    bool lacks_processes; /* of that run: no memory for its processes
                           */
    bool has_head;
    js_journal_line_fn visit; /* NULL: nobody */
    void *arg;
    struct js_err *err;
};

/* ---------------------------------------------------------------- records */

/* Returns -1. */
static int journal_load_refuse(const struct loading *loading, const char *what)
{
    errno = EBADMSG;
    return js_err_set(
        loading->err,
        "%s is inconsistent at offset %" PRIu64
        ": %s; restore the file, or start over with --fresh, which "
        "keeps it as %s.old",
        loading->name, loading->contents->valid, what, loading->name);
}

/* A lack of memory is not a failure: if not all processes of a run are known,
 * the run cannot be known to be gone, and the next run waits for its lease. */
static void journal_load_add_process(struct loading *loading, uint64_t pid,
                                     uint64_t started)
{
    struct js_journal_process process = {pid, started};
    loading->lacks_processes |= js_buf_append(&loading->contents->processes,
                                              &process, sizeof(process)) < 0;
}

/* A process id has a meaning only within one boot and one pid namespace. 0
 * stands for one that could not be found out, and is never the same as ours. */
static bool is_in_this_space(const struct loading *loading, uint64_t boot,
                             uint64_t space)
{
    return boot != 0 && space != 0 && boot == loading->boot &&
           space == loading->space;
}

static bool is_earlier_of_command(const struct js_journal_part *earlier,
                                  const struct js_journal_part *part)
{
    return part->command != 0 && earlier->command == part->command &&
           earlier->restarts < part->restarts;
}

static bool is_earlier_of_batch(const struct js_journal_part *earlier,
                                const struct js_journal_part *part)
{
    return part->batch[0] && strcmp(earlier->batch, part->batch) == 0 &&
           earlier->batch_restarts < part->batch_restarts;
}

/* If there are too many, the oldest is dropped, because its lease is the most
 * likely to be over. */
static void add_dead(struct js_journal_contents *contents,
                     const struct js_journal_dead *run)
{
    struct js_journal_dead *dead = contents->dead;
    if (contents->dead_count == JS_JOURNAL_DEAD)
        memmove(dead, dead + 1, --contents->dead_count * sizeof(*dead));
    dead[contents->dead_count++] = *run;
}

/* Called when a run has been read: if it has not ended, it is a dead run. */
static void journal_load_end_run(struct loading *loading, int64_t until_unix_ns)
{
    struct js_journal_contents *contents = loading->contents;
    const struct js_journal_holder *holder = &contents->holder;
    const struct js_journal_part *part = loading->reader->part;
    /* A batch job is also started again after a node was lost, and then jobs
     * may have failed because of that. */
    bool has_stopped = holder->has_ended && holder->status == STOPPED;
    if (part && !has_stopped && is_earlier_of_batch(&holder->part, part) &&
        !is_earlier_of_command(&holder->part, part))
        js_registry_unsettle(loading->registry);
    /* If all of the run's processes are on record, and would be here, the run
     * can be known to be gone. */
    bool is_here = !loading->lacks_processes &&
                   loading->slaves_here == holder->slaves &&
                   strcmp(holder->host, loading->reader->host) == 0 &&
                   is_in_this_space(loading, holder->boot, holder->space);
    bool is_dead = holder->is_known && !holder->has_ended;
    size_t first = loading->first_process;
    size_t end = contents->processes.len / sizeof(struct js_journal_process);
    if (!is_dead || !is_here)
        contents->processes.len = first * sizeof(struct js_journal_process);
    if (is_dead)
        add_dead(contents, &(struct js_journal_dead){
                               .id = holder->mark,
                               .begin_unix_ns = holder->begin_unix_ns,
                               .until_unix_ns = until_unix_ns,
                               .lease_ns = holder->lease_ns,
                               .outlives = holder->outlives,
                               .is_here = is_here,
                               .first = first,
                               .count = is_here ? end - first : 0,
                           });
}

/* A run in the file that was set aside as this one was begun. Its processes
 * came before. */
static void take_dead(struct loading *loading)
{
    const struct js_journal_line *line = loading->line;
    struct js_journal_contents *contents = loading->contents;
    size_t first = loading->first_process;
    bool is_here = is_in_this_space(loading, line->boot, line->space) &&
                   !loading->lacks_processes;
    if (!is_here)
        contents->processes.len = first * sizeof(struct js_journal_process);
    loading->first_process =
        contents->processes.len / sizeof(struct js_journal_process);
    add_dead(contents,
             &(struct js_journal_dead){
                 .id = line->mark,
                 .begin_unix_ns = js_journal_format_ns(line->unix_us),
                 .until_unix_ns = js_journal_format_ns(line->until_us),
                 .lease_ns = (int64_t)line->lease_us * JS_NS_PER_US,
                 /* If its processes are not known, its lease counts. */
                 .outlives = line->outlives != 0 || !is_here,
                 .is_here = is_here,
                 .first = first,
                 .count = loading->first_process - first,
             });
}

static void take_process(struct loading *loading)
{
    const struct js_process_pair *pair = &loading->line->processes;
    const struct js_buf *list = &loading->contents->processes;
    const struct js_journal_process *all =
        (const struct js_journal_process *)list->data;
    size_t count = list->len / sizeof(*all);
    if (!is_in_this_space(loading, pair->boot, pair->space) || pair->pid == 0 ||
        pair->runner == 0)
        return;
    /* A known slave has another runner. The first process is the master. */
    bool is_known = false;
    for (size_t i = loading->first_process + 1; i < count && !is_known; i++)
        is_known = all[i].pid == pair->pid && all[i].started == pair->started;
    if (!is_known) {
        loading->slaves_here++;
        journal_load_add_process(loading, pair->pid, pair->started);
    }
    journal_load_add_process(loading, pair->runner, pair->runner_started);
}

static int take_head(struct loading *loading)
{
    uint64_t version = loading->line->id;
    if (loading->has_head)
        return journal_load_refuse(loading, "it has a second header");
    loading->has_head = true;
    if (version == VERSION)
        return 0;
    errno = EBADMSG;
    return js_err_set(loading->err,
                      "%s has format version %" PRIu64 ", but this jobsched "
                      "reads version %d: use the jobsched that wrote it, or "
                      "start over with --fresh",
                      loading->name, version, VERSION);
}

/* Takes in a record about the run itself. */
static void journal_load_take_run_line(struct loading *loading)
{
    const struct js_journal_line *line = loading->line;
    struct js_journal_holder *holder = &loading->contents->holder;
    int64_t begin_unix_ns;
    switch (line->kind) {
    case JS_JOURNAL_LINE_RUN:
        begin_unix_ns = js_journal_format_ns(line->unix_us);
        journal_load_end_run(loading, begin_unix_ns);
        *holder = (struct js_journal_holder){.is_known = true,
                                             .pid = line->pid,
                                             .started = line->started,
                                             .boot = line->boot,
                                             .begin_unix_ns = begin_unix_ns};
        memcpy(holder->host, line->text, sizeof(holder->host));
        loading->first_process = loading->contents->processes.len /
                                 sizeof(struct js_journal_process);
        loading->slaves_here = 0;
        loading->lacks_processes = false;
        journal_load_add_process(loading, line->pid, line->started);
        break;
    case JS_JOURNAL_LINE_FORMAT:
        memcpy(holder->format, line->text, sizeof(holder->format));
        break;
    case JS_JOURNAL_LINE_LEASE:
        holder->lease_ns = (int64_t)line->lease_us * JS_NS_PER_US;
        holder->outlives = line->outlives != 0;
        break;
    case JS_JOURNAL_LINE_BATCH:
        holder->part.batch_restarts = line->restarts;
        memcpy(holder->part.batch, line->text, sizeof(holder->part.batch));
        break;
    case JS_JOURNAL_LINE_PART:
        holder->part.command = line->mark;
        holder->part.restarts = line->restarts;
        break;
    case JS_JOURNAL_LINE_MARK:
        holder->mark = line->mark;
        holder->space = line->space;
        break;
    case JS_JOURNAL_LINE_PROCESS:
        take_process(loading);
        break;
    case JS_JOURNAL_LINE_SLAVE:
        holder->outlives |= strcmp(holder->host, line->text) != 0;
        holder->slaves++;
        break;
    case JS_JOURNAL_LINE_DEAD_PROCESS:
        /* These records come before the first run, and so does the next kind.
         */
        for (size_t i = 0; !holder->is_known && i + 1 < line->count; i += 2)
            journal_load_add_process(loading, line->ids[i], line->ids[i + 1]);
        break;
    case JS_JOURNAL_LINE_DEAD:
        if (!holder->is_known)
            take_dead(loading);
        break;
    case JS_JOURNAL_LINE_END:
        holder->has_ended = true;
        holder->status = line->status;
        /* The run did not break off, so the next start is another run.
         */
        if (line->status < STOPPED)
            js_registry_unsettle(loading->registry);
        break;
    default:
        break;
    }
}

static int journal_load_take_ids(struct js_registry *registry,
                                 const struct js_journal_line *line)
{
    enum js_job_state state = line->kind == JS_JOURNAL_LINE_DONE
                                  ? JS_JOB_STATE_SUCCEEDED
                                  : JS_JOB_STATE_LEFT;
    bool is_gone = line->kind == JS_JOURNAL_LINE_GONE;
    bool is_place = is_gone || line->kind == JS_JOURNAL_LINE_BACK;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < line->count; i++)
        rc = is_place ? js_registry_set_gone(registry, line->ids[i], is_gone)
                      : js_registry_set(registry, line->ids[i], state);
    return rc;
}

static int journal_load_take_line(struct loading *loading)
{
    const struct js_journal_line *line = loading->line;
    struct js_registry *registry = loading->registry;
    const struct js_journal_part *part = loading->reader->part;
    int rc = 0;
    switch (line->kind) {
    case JS_JOURNAL_LINE_HEAD:
        return take_head(loading);
    case JS_JOURNAL_LINE_JOBS:
        if (line->id != js_registry_count(registry) + 1)
            return journal_load_refuse(loading,
                                       "its job numbers are not consecutive");
        for (size_t i = 0; rc == 0 && i < line->count; i++)
            rc = js_registry_add(registry, &line->identities[i]) > 0 ? 0 : -1;
        break;
    case JS_JOURNAL_LINE_NAME:
        rc = js_registry_name(registry, line->id, line->text);
        break;
    case JS_JOURNAL_LINE_AGAIN:
    case JS_JOURNAL_LINE_GONE:
    case JS_JOURNAL_LINE_BACK:
    case JS_JOURNAL_LINE_DONE:
        rc = journal_load_take_ids(registry, line);
        break;
    case JS_JOURNAL_LINE_LOST:
        rc = js_registry_set_losses(registry, line->id, (uint32_t)line->losses);
        break;
    case JS_JOURNAL_LINE_OK:
        rc = js_registry_set(registry, line->id, JS_JOB_STATE_SUCCEEDED);
        break;
    case JS_JOURNAL_LINE_FAILED:
        /* If it happened in an earlier start of the reader's own run, it counts
         * as this run's.
         */
        rc =
            part && js_journal_is_earlier(&loading->contents->holder.part, part)
                ? js_registry_settle(registry, line->id)
                : js_registry_set(registry, line->id, JS_JOB_STATE_FAILED);
        break;
    case JS_JOURNAL_LINE_SKIPPED:
        rc = js_registry_set(registry, line->id, JS_JOB_STATE_SKIPPED);
        break;
    case JS_JOURNAL_LINE_RETRIED:
    case JS_JOURNAL_LINE_STOPPED:
        rc = js_registry_set(registry, line->id, JS_JOB_STATE_LEFT);
        break;
    default:
        journal_load_take_run_line(loading);
    }
    if (rc == 0)
        return 0;
    if (errno == ENOENT)
        return journal_load_refuse(
            loading, "it refers to a job that it does not contain");
    return js_err_errno(loading->err, "cannot read %s", loading->name);
}

/* ---------------------------------------------------------------- the tail */

/* True if a valid record begins at `at`. This is checked for every byte after
 * the last record, and there may be many. */
static bool has_record(struct loading *loading, const char *at, size_t left)
{
    /* At most positions, a quick check shows that no record begins there. */
    if (!at || left < 10 || at[8] != ' ' || !isxdigit((unsigned char)at[0]) ||
        !isxdigit((unsigned char)at[7]))
        return false;
    const char *newline = memchr(
        at, '\n', left < JS_JOURNAL_LINE_MAX ? left : JS_JOURNAL_LINE_MAX);
    return newline && js_journal_format_parse(at, (size_t)(newline - at),
                                              loading->line) == 0;
}

/* Judges bytes that are not a record, up to the end of the file. If a record
 * follows them, an unknown part of the file was lost: the user has to decide.
 * If none follows, a write was cut off, and only the records before it were
 * ever promised. */
static int judge_tail(struct loading *loading, const struct js_buf *tail)
{
    uint64_t offset = loading->contents->valid;
    if (!tail->data)
        return 0;
    for (size_t i = 1; i < tail->len; i++) {
        if (!has_record(loading, tail->data + i, tail->len - i))
            continue;
        errno = EBADMSG;
        return js_err_set(
            loading->err,
            "%s is damaged at offset %" PRIu64 " (%zu bytes; "
            "valid records follow): restore the file, or start over "
            "with --fresh, which keeps it as %s.old",
            loading->name, offset, i, loading->name);
    }
    if (loading->has_head)
        return 0;
    /* Bytes that cannot be the remains of a journal's first record belong to
     * another program, and must not be cut off. Zeros are what some file
     * systems leave where a machine went down before the data was on disk. */
    struct js_buf head = JS_BUF_INIT;
    struct js_journal_line line = {.kind = JS_JOURNAL_LINE_HEAD, .id = VERSION};
    size_t zeros = 0;
    while (zeros < tail->len && tail->data[zeros] == '\0')
        zeros++;
    bool is_begun = js_journal_format_write(&head, &line) == 0 &&
                    tail->len < head.len &&
                    memcmp(tail->data, head.data, tail->len) == 0;
    js_buf_release(&head);
    if (is_begun || zeros == tail->len)
        return 0;
    errno = EBADMSG;
    return js_err_set(loading->err,
                      "%s is not a jobsched journal: name another file with "
                      "--journal",
                      loading->name);
}

/* Returns 1 if a valid record is there by now, because it was written after the
 * records were read up to here. */
static int journal_load_read_tail(struct loading *loading, int fd)
{
    struct js_buf tail = JS_BUF_INIT;
    uint64_t at = loading->contents->valid;
    size_t size = (size_t)(loading->contents->size - at);
    int rc = -1;
    if (js_buf_reserve(&tail, size + 1) == 0) {
        ssize_t n = js_file_pread(fd, tail.data, size, (off_t)at);
        tail.len = n < 0 ? 0 : (size_t)n;
        rc = n < 0 ? -1 : 0;
    }
    if (rc < 0)
        js_err_errno(loading->err, "cannot read %s", loading->name);
    else if (has_record(loading, tail.data, tail.len))
        rc = 1;
    else
        rc = judge_tail(loading, &tail);
    js_buf_release(&tail);
    return rc;
}

/* ---------------------------------------------------------------- the file */

/* Reads the whole records at the front of the piece. `valid` moves record by
 * record, because messages about the next record name the place where it
 * begins. Returns how many bytes the records are, or -1 if they are refused. */
static ssize_t take_piece(struct loading *loading, const char *bytes,
                          size_t len)
{
    size_t at = 0;
    const char *newline;
    while ((newline = memchr(bytes + at, '\n', len - at))) {
        size_t line_len = (size_t)(newline - (bytes + at));
        if (js_journal_format_parse(bytes + at, line_len, loading->line) < 0)
            break;
        if (!loading->has_head && loading->line->kind != JS_JOURNAL_LINE_HEAD)
            return journal_load_refuse(loading, "its header is missing");
        if (journal_load_take_line(loading) < 0)
            return -1;
        if (loading->visit && loading->visit(loading->arg, loading->line) < 0)
            return js_err_errno(loading->err, "cannot read %s", loading->name);
        at += line_len + 1;
        loading->contents->valid += line_len + 1;
    }
    return (ssize_t)at;
}

/* Reads the records, and what follows them. Returns 1 if there are more by now:
 * a run may be writing, and a record that is half written when it is read is
 * neither damage nor a torn tail. */
static int journal_load_all(struct loading *loading, int fd, char *piece)
{
    struct js_journal_contents *contents = loading->contents;
    ssize_t taken;
    do {
        ssize_t n = js_file_pread(fd, piece, PIECE, (off_t)contents->valid);
        if (n < 0)
            return js_err_errno(loading->err, "cannot read %s", loading->name);
        contents->size = contents->valid + (uint64_t)n;
        taken = take_piece(loading, piece, (size_t)n);
    } while (taken > 0);
    if (taken < 0)
        return -1;
    /* Bytes that did not fit into one piece count as well. */
    off_t end = lseek(fd, 0, SEEK_END);
    if (end <= 0 || (uint64_t)end <= contents->valid)
        return 0;
    contents->size = (uint64_t)end;
    return journal_load_read_tail(loading, fd);
}

int js_journal_load(int fd, const char *name,
                    const struct js_journal_reader *reader,
                    struct js_registry *registry, js_journal_line_fn visit,
                    void *arg, struct js_journal_contents *ret,
                    struct js_err *err)
{
    struct loading loading = {.name = name,
                              .registry = registry,
                              .reader = reader,
                              .boot = js_process_boot(),
                              .space = js_process_space(),
                              .contents = ret,
                              .visit = visit,
                              .arg = arg,
                              .err = err};
    char *piece = malloc(PIECE);
    int rc = -1;
    *ret = (struct js_journal_contents){0};
    loading.line = malloc(sizeof(*loading.line));
    if (!piece || !loading.line)
        js_err_errno(err, "cannot read %s", name);
    else
        /* The loop ends, because each turn reads at least one more record. */
        while ((rc = journal_load_all(&loading, fd, piece)) > 0)
            continue;
    journal_load_end_run(&loading, 0);
    free(loading.line);
    free(piece);
    return rc;
}

int js_journal_end_of(const char *path, const struct js_journal_part *part)
{
    const struct js_journal_reader reader = {.host = ""};
    struct js_journal_contents contents = {0};
    const struct js_journal_holder *holder = &contents.holder;
    struct js_err ignored;
    struct js_registry *registry = js_registry_new();
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    bool is_that = fd >= 0 && registry &&
                   js_journal_load(fd, path, &reader, registry, NULL, NULL,
                                   &contents, &ignored) == 0 &&
                   holder->part.command == part->command &&
                   holder->part.restarts == part->restarts &&
                   holder->has_ended && holder->status <= UINT8_MAX;
    js_journal_contents_release(&contents);
    js_registry_free(registry);
    js_fd_close(&fd);
    return is_that ? (int)holder->status : -1;
}

/* ---------------------------------------------------------------- of runs */

void js_journal_contents_release(struct js_journal_contents *contents)
{
    js_buf_release(&contents->processes);
}

bool js_journal_is_earlier(const struct js_journal_part *earlier,
                           const struct js_journal_part *part)
{
    return is_earlier_of_command(earlier, part) ||
           is_earlier_of_batch(earlier, part);
}

enum js_journal_master
js_journal_master_of(const struct js_journal_holder *holder, const char *host)
{
    if (strcmp(holder->host, host) != 0)
        return JS_JOURNAL_MASTER_ELSEWHERE;
    if (holder->boot != js_process_boot())
        return JS_JOURNAL_MASTER_GONE;
    if (holder->space != 0 && holder->space != js_process_space())
        return JS_JOURNAL_MASTER_HIDDEN;
    return js_process_may_live(holder->pid, holder->started)
               ? JS_JOURNAL_MASTER_LIVES
               : JS_JOURNAL_MASTER_GONE;
}

bool js_journal_is_known_gone(const struct js_journal_dead *dead,
                              const struct js_buf *processes)
{
    const struct js_journal_process *all =
        (const struct js_journal_process *)processes->data;
    for (size_t i = dead->first; dead->is_here && i < dead->first + dead->count;
         i++) {
        if (js_process_may_live(all[i].pid, all[i].started))
            return false;
    }
    return dead->is_here;
}
