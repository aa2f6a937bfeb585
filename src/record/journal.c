#include "record/journal.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "record/journal_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    VERSION = 2,
    RETRIES = 10, /* of opening a file that is being replaced */
};

/* Records may be added from OPENED on; from BEGUN on they are written. */
enum phase { OPENED = 0, BEGUN, FINISHED };

/*
 * The contents found (`old`) are kept as long as the journal is open, because
 * callers ask repeatedly whether the jobs of earlier runs have ended. The runs
 * in `dead` are those of old.dead that are over once it is quiet.
 */
struct js_journal {
    const struct js_journal_config *config; /* the file's copy */
    struct js_journal_file *file;
    struct js_journal_contents old;
    bool is_fresh; /* set the file aside; unlike the config's is_fresh, false if
                      the last run was an earlier start of this one */
    enum phase phase;
    bool has_jobs; /* on record, when it was opened */
    uint64_t run_id;
    size_t dead_count;
    struct js_dead_run dead[JS_JOURNAL_DEAD];
    int64_t quiet_ns; /* from BEGUN on */
    /* If its count is not 0, it gathers ids or identities that come one by one
     * into one record (JOBS, AGAIN, GONE, BACK or DONE). Every other record is
     * formatted from it at once, after end_gathering(). */
    struct js_journal_line *line;
};

/* ---------------------------------------------------------------- taking over
 */

/* Sets *err to say that another run has the file, and names the holder if it is
 * known. */
static int journal_refuse_in_use(const char *path,
                                 const struct js_journal_holder *holder,
                                 struct js_err *err)
{
    if (!holder->is_known)
        js_err_set(err,
                   "%s is in use by another run: wait until that run has ended",
                   path);
    else
        js_err_set(err,
                   "%s is in use by a run on %s, process %" PRIu64
                   ": wait until that run has ended, or end it",
                   path, holder->host, holder->pid);
    return JS_JOURNAL_REFUSED;
}

/* A batch system or launcher that restarts a run knows that the earlier start
 * is over, or about to end. */
static bool is_earlier_start(const struct js_journal_config *config,
                             const struct js_journal_holder *holder)
{
    return holder->is_known &&
           js_journal_is_earlier(&holder->part, config->part);
}

/* The last run may not have ended. is_whole: the file could be read to its end,
 * so that no lease and no end was missed. */
static int journal_check_holder(const struct js_journal *journal, bool is_whole,
                                struct js_err *err)
{
    const struct js_journal_config *config = journal->config;
    const struct js_journal_contents *old = &journal->old;
    const struct js_journal_holder *holder = &old->holder;
    if (!holder->is_known || holder->has_ended || config->is_forced)
        return 0;
    if (old->dead_count > 0 &&
        js_journal_is_known_gone(&old->dead[old->dead_count - 1],
                                 &old->processes))
        return 0;
    /* A batch system has ended the earlier start. The same command has seen
     * that start break off, but its jobs may go on within its lease. */
    struct js_journal_part batch = *config->part;
    batch.command = 0;
    if (js_journal_is_earlier(&holder->part, &batch) ||
        (holder->lease_ns > 0 && is_earlier_start(config, holder)))
        return 0;
    enum js_journal_master master = js_journal_master_of(holder, config->host);
    /* Within one kernel, holding the lock proves that the master is gone. */
    bool is_locked = js_journal_file_look(journal->file).is_locked;
    bool is_unseen = master == JS_JOURNAL_MASTER_ELSEWHERE ||
                     (master == JS_JOURNAL_MASTER_HIDDEN && !is_locked);
    if (master == JS_JOURNAL_MASTER_LIVES && !is_locked)
        return journal_refuse_in_use(config->path, holder, err);
    if (!is_unseen && (holder->lease_ns > 0 || !is_whole))
        return 0;
    js_err_set(err,
               "the last run in %s (on %s, process %" PRIu64
               ") did not record its end%s, add --force-lock",
               config->path, holder->host, holder->pid,
               is_unseen ? ": if that run is gone"
                         : ", and its jobs may still be running "
                           "(--slave-timeout 0): if none is");
    return JS_JOURNAL_REFUSED;
}

/* Finds the holder, as far as the file can be read. */
static void journal_read_holder(struct js_journal_file *file,
                                struct js_journal_holder *ret)
{
    struct js_journal_contents contents = {0};
    struct js_registry *registry = js_registry_new();
    struct js_err ignored;
    if (registry)
        js_journal_file_read(file, registry, &contents, &ignored);
    *ret = contents.holder;
    js_journal_contents_release(&contents);
    js_registry_free(registry);
}

/* The remains of an earlier start of this run are about to end, and its lease
 * includes the grace period of its jobs. Returns 0; 1 if another run has the
 * lock, with that run in *ret; or -1 with errno. */
static int journal_wait_for_lock(const struct js_journal *journal,
                                 struct js_journal_holder *ret)
{
    const struct js_journal_config *config = journal->config;
    struct js_journal_file *file = journal->file;
    int rc = js_journal_file_lock(file);
    if (rc <= 0)
        return rc;
    journal_read_holder(file, ret);
    if (!is_earlier_start(config, ret))
        return rc;
    int64_t end_ns = js_clock_ns() + ret->lease_ns;
    while (rc > 0 && js_clock_ns() < end_ns &&
           !(config->is_cancelled && config->is_cancelled()))
        rc = js_journal_file_lock(file);
    return rc;
}

/* Tries until the locked file is the one with that name: between opening and
 * locking, another run may have put a new file in its place (--fresh). */
static int journal_open_locked(const struct js_journal *journal,
                               struct js_err *err)
{
    const struct js_journal_config *config = journal->config;
    struct js_journal_file *file = journal->file;
    for (int i = 0; i < RETRIES; i++) {
        int rc = js_journal_file_open(file, err);
        if (rc < 0 || !js_journal_file_look(file).is_open ||
            config->is_read_only)
            return rc;
        struct js_journal_holder holder = {0};
        rc = journal_wait_for_lock(journal, &holder);
        if (rc > 0)
            return journal_refuse_in_use(config->path, &holder, err);
        if (rc == 0 && js_journal_file_is_named(file) > 0)
            return 0;
    }
    return js_journal_file_cannot(file, "lock", err);
}

/* Opens the file, if there is one, and reads it into the registry, unless it
 * must be set aside. Cuts off a torn tail. */
static int journal_take_over(struct js_journal *journal,
                             struct js_registry *registry, struct js_err *err)
{
    struct js_journal_file *file = journal->file;
    struct js_journal_holder holder;
    bool is_read_only = journal->config->is_read_only;
    int rc = journal_open_locked(journal, err);
    if (rc < 0 || !js_journal_file_look(file).is_open)
        return rc;
    if (journal->is_fresh) {
        /* A run that starts over (--fresh) and is then restarted continues with
         * its own records. */
        journal_read_holder(file, &holder);
        journal->is_fresh = !is_earlier_start(journal->config, &holder);
    }
    if (journal->is_fresh && is_read_only)
        return 0;
    /* The content of a file that is set aside does not matter, even if it is
     * damaged; but its holder does. */
    struct js_registry *into = journal->is_fresh ? js_registry_new() : registry;
    if (!into)
        return js_journal_file_cannot(file, "read", err);
    rc = js_journal_file_read(file, into, &journal->old, err);
    if (journal->is_fresh)
        js_registry_free(into);
    if (rc < 0 && !journal->is_fresh)
        return rc;
    if (is_read_only)
        return 0;
    rc = journal_check_holder(journal, rc == 0, err);
    return rc < 0 || journal->is_fresh
               ? rc
               : js_journal_file_cut(file, &journal->old, err);
}

/* ---------------------------------------------------------------- earlier runs
 */

/* True if jobs of that run may still go on within its lease. This host cannot
 * see what ended a run on another host. */
static bool dead_run_may_go_on(const struct js_journal *journal,
                               const struct js_journal_dead *dead)
{
    const struct js_journal_contents *old = &journal->old;
    bool is_elsewhere = dead->until_unix_ns == 0 &&
                        strcmp(old->holder.host, journal->config->host) != 0;
    return dead->lease_ns > 0 &&
           (dead->outlives || dead->is_here || is_elsewhere) &&
           !js_journal_is_known_gone(dead, &old->processes);
}

static void journal_note_dead_runs(struct js_journal *journal)
{
    const struct js_journal_contents *old = &journal->old;
    for (size_t i = 0; i < old->dead_count; i++) {
        const struct js_journal_dead *dead = &old->dead[i];
        if (dead->id == 0 || (dead->lease_ns == 0 &&
                              !js_journal_is_known_gone(dead, &old->processes)))
            continue;
        /* The run's slaves may start the jobs they have until their lease is
         * over, even if the next run has begun by then. */
        bool is_until_known = dead->until_unix_ns > 0 &&
                              dead->until_unix_ns < INT64_MAX - dead->lease_ns;
        journal->dead[journal->dead_count++] = (struct js_dead_run){
            .id = dead->id,
            .begin_unix_ns = dead->begin_unix_ns,
            .until_unix_ns =
                is_until_known ? dead->until_unix_ns + dead->lease_ns : 0};
    }
}

/* The longest time that is left of any lease: a job that is started before it
 * is over could run twice at once. */
static void journal_find_quiet(struct js_journal *journal)
{
    const struct js_journal_contents *old = &journal->old;
    int64_t idle_ns = js_journal_file_look(journal->file).idle_ns;
    for (size_t i = 0; i < old->dead_count; i++) {
        const struct js_journal_dead *dead = &old->dead[i];
        if (!dead_run_may_go_on(journal, dead))
            continue;
        /* The end of the last run is known by the clock of the file system,
         * wherever that is; each of the others ended before its successor
         * began, by the successor's clock. */
        int64_t ago_ns = dead->until_unix_ns > 0
                             ? js_clock_unix_ns() - dead->until_unix_ns
                             : idle_ns;
        /* The clock was set back; or the last heartbeats are missing, because
         * the file system may have hung while the master answered its
         * slaves. */
        if (ago_ns < 0 || (dead->until_unix_ns == 0 &&
                           ago_ns > dead->lease_ns / JS_JOURNAL_HEARTBEATS))
            ago_ns = 0;
        if (ago_ns < dead->lease_ns &&
            dead->lease_ns - ago_ns > journal->quiet_ns)
            journal->quiet_ns = dead->lease_ns - ago_ns;
    }
}

bool js_journal_is_quiet(const struct js_journal *journal)
{
    const struct js_journal_contents *old = &journal->old;
    for (size_t i = 0; i < old->dead_count; i++) {
        if (dead_run_may_go_on(journal, &old->dead[i]))
            return false;
    }
    return true;
}

/* ---------------------------------------------------------------- opening */

void js_journal_close(struct js_journal *journal)
{
    if (!journal)
        return;
    int saved = errno;
    js_journal_file_close(journal->file);
    js_journal_contents_release(&journal->old);
    free(journal->line);
    free(journal);
    errno = saved;
}

int js_journal_open(const struct js_journal_config *config,
                    struct js_registry *registry, struct js_journal **ret,
                    struct js_err *err)
{
    int rc = JS_JOURNAL_CANNOT;
    struct js_journal *journal = calloc(1, sizeof(*journal));
    if (!journal)
        goto no_memory;
    journal->run_id = js_process_new_id();
    journal->file = js_journal_file_new(config);
    journal->line = calloc(1, sizeof(*journal->line));
    if (!journal->file || !journal->line)
        goto no_memory;
    journal->config = js_journal_file_look(journal->file).config;
    journal->is_fresh = config->is_fresh;
    rc = journal_take_over(journal, registry, err);
    if (rc < 0)
        goto fail;
    journal->has_jobs = js_registry_count(registry) > 0;
    if (!config->is_read_only)
        journal_note_dead_runs(journal);
    *ret = journal;
    return 0;
no_memory:
    js_err_errno(err, "cannot open the journal %s", config->path);
fail:
    js_journal_close(journal);
    return rc;
}

/* A stream cannot be read a second time, so the run cannot be continued. */
int js_journal_name(const char *job_file, char **ret)
{
    struct stat st;
    struct js_buf path = JS_BUF_INIT;
    *ret = NULL;
    if (!job_file || strcmp(job_file, "-") == 0 ||
        js_file_fd_of(job_file) >= 0 || stat(job_file, &st) < 0 ||
        !S_ISREG(st.st_mode))
        return 0;
    if (js_buf_printf(&path, "%s.journal", job_file) < 0 ||
        !js_buf_string(&path)) {
        js_buf_release(&path);
        return -1;
    }
    *ret = path.data;
    return 0;
}

/* ---------------------------------------------------------------- beginning */

static int add_line(struct js_journal *journal,
                    const struct js_journal_line *line)
{
    return js_journal_format_write(js_journal_file_waiting(journal->file),
                                   line);
}

/* Makes a record of the gathered ids or identities. */
static int end_gathering(struct js_journal *journal)
{
    if (journal->line->count == 0)
        return 0;
    if (add_line(journal, journal->line) < 0)
        return -1;
    journal->line->count = 0;
    return 0;
}

/* Returns JS_JOURNAL_CANNOT. */
static int journal_no_memory(const struct js_journal *journal,
                             struct js_err *err)
{
    js_err_errno(err, "cannot write to the journal %s", journal->config->path);
    return JS_JOURNAL_CANNOT;
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

/* The records that come before the gathered ones. */
static int put_beginning(struct js_journal *journal, struct js_buf *buf)
{
    const char *format = js_journal_look(journal).format;
    const struct js_journal_config *config = journal->config;
    const struct js_journal_part *part = config->part;
    uint64_t pid = (uint64_t)getpid();
    struct js_journal_line *line = journal->line;
    int rc = 0;
    if (js_journal_file_look(journal->file).is_empty) {
        *line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_HEAD,
                                         .id = VERSION};
        rc = js_journal_format_write(buf, line);
        /* Adds the facts about the file that was set aside that later runs
         * still need. */
        for (size_t i = 0; rc == 0 && i < journal->old.dead_count; i++)
            rc = put_dead_run(journal, buf, &journal->old.dead[i]);
    }
    *line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_RUN,
        .pid = pid,
        .started = js_process_start(pid),
        .boot = js_process_boot(),
        .unix_us = (uint64_t)(js_clock_unix_ns() / JS_NS_PER_US)};
    snprintf(line->text, sizeof(line->text), "%s", config->host);
    if (rc == 0)
        rc = js_journal_format_write(buf, line);
    *line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_FORMAT};
    if (format)
        snprintf(line->text, sizeof(line->text), "%s", format);
    if (rc == 0 && format)
        rc = js_journal_format_write(buf, line);
    *line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_LEASE,
        .lease_us = (uint64_t)(config->lease_ns / JS_NS_PER_US),
        .outlives = config->outlives};
    if (rc == 0 && config->lease_ns > 0)
        rc = js_journal_format_write(buf, line);
    *line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_BATCH,
                                     .restarts = part->batch_restarts};
    snprintf(line->text, sizeof(line->text), "%s", part->batch);
    if (rc == 0 && part->batch[0])
        rc = js_journal_format_write(buf, line);
    *line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_PART,
                                     .mark = part->command,
                                     .restarts = part->restarts};
    if (rc == 0 && part->command != 0)
        rc = js_journal_format_write(buf, line);
    *line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_MARK,
                                     .mark = journal->run_id,
                                     .space = js_process_space()};
    if (rc == 0)
        rc = js_journal_format_write(buf, line);
    *line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_UNKNOWN};
    return rc;
}

/* Records that were added before the run began (mostly new jobs) must follow
 * the records of its beginning, so the latter are put in front. */
int js_journal_begin(struct js_journal *journal, struct js_err *err)
{
    struct js_buf *waiting = js_journal_file_waiting(journal->file);
    struct js_buf first = JS_BUF_INIT;
    int rc = js_journal_file_make(journal->file, journal->is_fresh, err);
    if (rc < 0)
        return rc;
    if (end_gathering(journal) < 0 || put_beginning(journal, &first) < 0 ||
        js_buf_append(&first, waiting->data, waiting->len) < 0) {
        js_buf_release(&first);
        return journal_no_memory(journal, err);
    }
    js_buf_release(waiting);
    *waiting = first;
    journal->phase = BEGUN;
    rc = js_journal_file_begin(journal->file, err);
    if (rc == 0)
        journal_find_quiet(journal);
    return rc;
}

/* ---------------------------------------------------------------- records */

int js_journal_add_news(struct js_journal *journal,
                        const struct js_resume_news *news)
{
    static const enum js_journal_line_kind kinds[] = {
        [JS_RESUME_ACCEPTED] = JS_JOURNAL_LINE_JOBS,
        [JS_RESUME_NAMED] = JS_JOURNAL_LINE_NAME,
        [JS_RESUME_AGAIN] = JS_JOURNAL_LINE_AGAIN,
        [JS_RESUME_GONE] = JS_JOURNAL_LINE_GONE,
        [JS_RESUME_BACK] = JS_JOURNAL_LINE_BACK,
        [JS_RESUME_DONE] = JS_JOURNAL_LINE_DONE,
    };
    enum js_journal_line_kind kind = kinds[news->change];
    struct js_journal_line *line = journal->line;
    if (journal->config->is_read_only)
        return 0;
    js_journal_file_hold(journal->file);
    if (kind == JS_JOURNAL_LINE_NAME) {
        /* A name that would not fit is left out: only "changed" depends on it.
         */
        if (strlen(news->name) >= sizeof(line->text))
            return 0;
        if (end_gathering(journal) < 0)
            return -1;
        line->kind = kind;
        line->id = news->id;
        snprintf(line->text, sizeof(line->text), "%s", news->name);
        return add_line(journal, line);
    }
    /* True if the record being gathered can take one more of its kind; a record
     * of jobs, which has only the first id, can take only the next id. */
    bool is_job = kind == JS_JOURNAL_LINE_JOBS;
    bool is_fit = line->kind == kind && line->count < JS_JOURNAL_LINE_LIST &&
                  (!is_job || news->id == line->id + line->count);
    if (line->count > 0 && !is_fit && end_gathering(journal) < 0)
        return -1;
    if (line->count == 0) {
        line->kind = kind;
        line->id = is_job ? news->id : 0;
    }
    if (is_job)
        line->identities[line->count++] = *news->identity;
    else
        line->ids[line->count++] = news->id;
    return 0;
}

int js_journal_add_slave(struct js_journal *journal, unsigned slave,
                         uint32_t slots, const char *host,
                         const struct js_process_pair *processes)
{
    struct js_journal_line *line = journal->line;
    /* Processes come first: if the end is torn off, a slave without its
     * processes must not seem complete. */
    if (processes && js_journal_add_processes(journal, slave, processes) < 0)
        return -1;
    js_journal_file_hold(journal->file);
    if (end_gathering(journal) < 0)
        return -1;
    line->kind = JS_JOURNAL_LINE_SLAVE;
    line->id = slave;
    line->slots = slots;
    snprintf(line->text, sizeof(line->text), "%s", host);
    return add_line(journal, line);
}

int js_journal_add_processes(struct js_journal *journal, unsigned slave,
                             const struct js_process_pair *processes)
{
    struct js_journal_line *line = journal->line;
    js_journal_file_hold(journal->file);
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
    js_journal_file_hold(journal->file);
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
    js_journal_file_hold(journal->file);
    if (end_gathering(journal) < 0)
        return -1;
    line->kind = JS_JOURNAL_LINE_LOST;
    line->id = job->id;
    line->slave = slave;
    line->losses = job->losses;
    line->unix_us = (uint64_t)(js_clock_unix_ns() / JS_NS_PER_US);
    return add_line(journal, line);
}

/* A C string cannot contain a NUL. */
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

int js_journal_add_finish(struct js_journal *journal,
                          const struct js_completion *completion,
                          uint64_t parent_id)
{
    struct js_buf *waiting = js_journal_file_waiting(journal->file);
    struct js_journal_line *line = journal->line;
    if (end_gathering(journal) < 0)
        return -1;
    /* All of the records are added, or none. The one that finishes the job
     * comes last, so a reader that misses it ignores the attempt. */
    size_t before = waiting->len;
    int rc = add_said(journal, completion);
    line->id = completion->job->id;
    line->attempt = completion->job->attempt;
    line->outcome = completion->outcome;
    line->kind = JS_JOURNAL_LINE_LEFTOVERS;
    if (rc == 0 && completion->outcome.leftovers > 0)
        rc = add_line(journal, line);
    if (completion->result == JS_ATTEMPT_RESULT_SKIPPED)
        line->kind = JS_JOURNAL_LINE_SKIPPED;
    else if (completion->outcome.cause == JS_STOP_REASON_STOPPED)
        line->kind = JS_JOURNAL_LINE_STOPPED;
    else if (completion->result == JS_ATTEMPT_RESULT_RETRIED)
        line->kind = JS_JOURNAL_LINE_RETRIED;
    else if (js_outcome_succeeded(&completion->outcome))
        line->kind = JS_JOURNAL_LINE_OK;
    else
        line->kind = JS_JOURNAL_LINE_FAILED;
    line->parent = parent_id;
    line->slave = completion->slave;
    line->cores = completion->cores;
    if (rc == 0)
        rc = add_line(journal, line);
    if (rc == 0)
        js_journal_file_add_finish(journal->file);
    else
        waiting->len = before;
    return rc;
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

/* ---------------------------------------------------------------- the file */

/* A file that is set aside counts for nothing. */
static const char *journal_list_format(const struct js_journal *journal)
{
    const char *before = journal->old.holder.format;
    if (journal->config->format)
        return journal->config->format;
    return before[0] && !journal->is_fresh ? before : NULL;
}

struct js_journal_state js_journal_look(const struct js_journal *journal)
{
    struct js_journal_file_state file = js_journal_file_look(journal->file);
    return (struct js_journal_state){
        .path = journal->config->path,
        .format = journal_list_format(journal),
        .has_jobs = journal->has_jobs,
        .run_id = journal->run_id,
        .quiet_ns = journal->quiet_ns,
        .dead = journal->dead,
        .dead_count = journal->dead_count,
        .recorded = file.recorded,
        .unwritten = file.unwritten,
        .is_settled = file.is_settled,
        .is_gone = file.is_gone,
        .waiting_bytes = file.waiting_bytes,
        .syncing_ns = file.syncing_ns,
        .deadline_ns = file.deadline_ns,
    };
}

void js_journal_sync_soon(struct js_journal *journal)
{
    js_journal_file_sync_soon(journal->file);
}

int js_journal_commit(struct js_journal *journal, int64_t now_ns,
                      struct js_err *err)
{
    int rc = end_gathering(journal) < 0
                 ? journal_no_memory(journal, err)
                 : js_journal_file_commit(journal->file, now_ns, err);
#ifdef JS_DEBUG
    js_journal_assert_invariants(journal);
#endif
    return rc;
}

int js_journal_settle(struct js_journal *journal, struct js_err *err)
{
    return end_gathering(journal) < 0
               ? journal_no_memory(journal, err)
               : js_journal_file_settle(journal->file, err);
}

int js_journal_end(struct js_journal *journal, int status, struct js_err *err)
{
    struct js_journal_line *line = journal->line;
    bool has_begun = journal->phase == BEGUN;
    journal->phase = FINISHED;
    if (!has_begun)
        return 0;
    if (end_gathering(journal) < 0)
        return journal_no_memory(journal, err);
    line->kind = JS_JOURNAL_LINE_END;
    line->status = (uint64_t)status;
    line->unix_us = (uint64_t)(js_clock_unix_ns() / JS_NS_PER_US);
    if (add_line(journal, line) < 0)
        return journal_no_memory(journal, err);
    int rc = js_journal_file_end(journal->file, err);
#ifdef JS_DEBUG
    js_journal_assert_invariants(journal);
#endif
    return rc;
}

void js_journal_assert_invariants(const struct js_journal *journal)
{
    const struct js_journal_line *line = journal->line;
    const struct js_journal_contents *old = &journal->old;
    bool is_list = line->kind == JS_JOURNAL_LINE_JOBS ||
                   line->kind == JS_JOURNAL_LINE_AGAIN ||
                   line->kind == JS_JOURNAL_LINE_GONE ||
                   line->kind == JS_JOURNAL_LINE_BACK ||
                   line->kind == JS_JOURNAL_LINE_DONE;
    JS_INVARIANT(line->count == 0 || is_list);
    JS_INVARIANT(line->count <= JS_JOURNAL_LINE_LIST);
    JS_INVARIANT(journal->dead_count <= old->dead_count);
    JS_INVARIANT(old->dead_count <= JS_JOURNAL_DEAD);
    JS_INVARIANT(journal->phase != OPENED || journal->quiet_ns == 0);
    JS_INVARIANT(journal->phase == OPENED || !journal->config->is_read_only);
    JS_INVARIANT(journal->run_id != 0);
    js_journal_file_assert_invariants(journal->file);
}
