#include "record/journal.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "record/journal_file.h"
#include "record/journal_takeover.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VERSION = 2 };

enum phase { OPENED = 0, BEGUN, FINISHED };

struct js_journal {
    const struct js_journal_config *config; /* the file's copy */
    struct js_journal_file *file;
    struct js_journal_found found;
    enum phase phase;
    bool has_jobs; /* on record, when it was opened */
    uint64_t run_id;
    /* The runs among the found ones that are over once it is quiet. */
    size_t dead_count;
    struct js_dead_run dead[JS_JOURNAL_DEAD];
    int64_t quiet_ns; /* from BEGUN on */
    /* If its count is not 0: ids or identities that come one by one, and gather
     * here to one record (JOBS, AGAIN, GONE or BACK). Every other record is
     * formatted from it at once, after end_gathering(). */
    struct js_journal_line *line;
};

void js_journal_close(struct js_journal *journal)
{
    if (!journal)
        return;
    int saved = errno;
    js_journal_file_close(journal->file);
    js_journal_contents_release(&journal->found.contents);
    free(journal->line);
    free(journal);
    errno = saved;
}

static struct js_journal *journal_new(const struct js_journal_config *config)
{
    struct js_journal *journal = calloc(1, sizeof(*journal));
    if (!journal)
        return NULL;
    journal->run_id = js_process_new_id();
    journal->file = js_journal_file_new(config);
    journal->line = calloc(1, sizeof(*journal->line));
    if (journal->file && journal->line) {
        journal->config = js_journal_file_config(journal->file);
        return journal;
    }
    js_journal_close(journal);
    return NULL;
}

/* Its slaves may start what they have until their lease is over, although the
 * next run has begun by then. */
static int64_t end_of_dead(const struct js_journal_dead *dead)
{
    bool is_known = dead->until_unix_ns > 0 &&
                    dead->until_unix_ns < INT64_MAX - dead->lease_ns;
    return is_known ? dead->until_unix_ns + dead->lease_ns : 0;
}

/* What was found is kept: js_journal_is_quiet() looks at it again. */
static void note_dead_runs(struct js_journal *journal)
{
    const struct js_journal_contents *old = &journal->found.contents;
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

int js_journal_open(const struct js_journal_config *config,
                    struct js_registry *registry, struct js_journal **ret,
                    struct js_err *err)
{
    struct js_journal *journal = journal_new(config);
    if (!journal) {
        js_err_errno(err, "the journal %s", config->path);
        return JS_JOURNAL_CANNOT;
    }
    int rc = js_journal_takeover(journal->file, registry, &journal->found, err);
    if (rc < 0) {
        js_journal_close(journal);
        return rc;
    }
    journal->has_jobs = js_registry_count(registry) > 0;
    if (!config->is_read_only)
        note_dead_runs(journal);
    *ret = journal;
    return 0;
}

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

const char *js_journal_path(const struct js_journal *journal)
{
    return journal->config->path;
}

bool js_journal_has_jobs(const struct js_journal *journal)
{
    return journal->has_jobs;
}

uint64_t js_journal_run_id(const struct js_journal *journal)
{
    return journal->run_id;
}

bool js_journal_is_quiet(const struct js_journal *journal)
{
    const struct js_journal_contents *old = &journal->found.contents;
    for (size_t i = 0; i < old->dead_count; i++) {
        if (js_journal_takeover_may_run(&old->dead[i], &old->processes))
            return false;
    }
    return true;
}

static void find_quiet(struct js_journal *journal)
{
    const struct js_journal_contents *old = &journal->found.contents;
    int64_t idle_ns = js_journal_file_idle_ns(journal->file);
    for (size_t i = 0; i < old->dead_count; i++) {
        int64_t left_ns = js_journal_takeover_left_ns(&old->dead[i],
                                                      &old->processes, idle_ns);
        if (left_ns > journal->quiet_ns)
            journal->quiet_ns = left_ns;
    }
}

int64_t js_journal_quiet_ns(const struct js_journal *journal)
{
    return journal->quiet_ns;
}

const struct js_dead_run *js_journal_dead_runs(const struct js_journal *journal,
                                               size_t *count)
{
    *count = journal->dead_count;
    return journal->dead;
}

/* ---------------------------------------------------------------- beginning */

static int add_line(struct js_journal *journal,
                    const struct js_journal_line *line)
{
    return js_journal_format_write(js_journal_file_waiting(journal->file),
                                   line);
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

/* What this run is part of. */
static int put_part(struct js_journal *journal, struct js_buf *buf)
{
    const struct js_journal_part *part = journal->config->part;
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
        (const struct js_journal_process *)
            journal->found.contents.processes.data;
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
    for (size_t i = 0; rc == 0 && i < journal->found.contents.dead_count; i++)
        rc = put_dead_run(journal, buf, &journal->found.contents.dead[i]);
    return rc;
}

/* The records that stand in front of what was gathered. */
static int put_beginning(struct js_journal *journal, struct js_buf *buf)
{
    uint64_t pid = (uint64_t)getpid();
    struct js_journal_line *line = journal->line;
    if (js_journal_file_is_empty(journal->file) &&
        journal_put_head(journal, buf) < 0)
        return -1;
    *line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_RUN,
        .pid = pid,
        .started = js_process_start(pid),
        .boot = js_process_boot(),
        .unix_us = (uint64_t)(js_clock_unix_ns() / JS_NS_PER_US)};
    snprintf(line->text, sizeof(line->text), "%s", journal->config->host);
    int rc = js_journal_format_write(buf, line);
    *line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_LEASE,
        .lease_us = (uint64_t)(journal->config->lease_ns / JS_NS_PER_US),
        .outlives = journal->config->outlives};
    if (rc == 0 && journal->config->lease_ns > 0)
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

int js_journal_begin(struct js_journal *journal, struct js_err *err)
{
    struct js_buf *waiting = js_journal_file_waiting(journal->file);
    struct js_buf first = JS_BUF_INIT;
    int rc = js_journal_file_make(journal->file, journal->found.is_fresh, err);
    if (rc < 0)
        return rc;
    if (end_gathering(journal) < 0 || put_beginning(journal, &first) < 0 ||
        js_buf_append(&first, waiting->data, waiting->len) < 0) {
        js_buf_release(&first);
        js_err_errno(err, "the journal %s", journal->config->path);
        return JS_JOURNAL_CANNOT;
    }
    js_buf_release(waiting);
    *waiting = first;
    journal->phase = BEGUN;
    rc = js_journal_file_begin(journal->file, err);
    if (rc == 0)
        find_quiet(journal);
    return rc;
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
    if (journal->config->is_read_only)
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
    if (completion->result == JS_ATTEMPT_RESULT_SKIPPED)
        return JS_JOURNAL_LINE_SKIPPED;
    if (completion->outcome.cause == JS_STOP_REASON_STOPPED)
        return JS_JOURNAL_LINE_STOPPED;
    if (completion->result == JS_ATTEMPT_RESULT_RETRIED)
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
    struct js_buf *waiting = js_journal_file_waiting(journal->file);
    size_t before = waiting->len;
    if (add_said(journal, completion) < 0 ||
        add_leftovers(journal, completion) < 0 ||
        journal_add_end(journal, completion, parent_id) < 0) {
        waiting->len = before;
        return -1;
    }
    js_journal_file_add_finish(journal->file);
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

/* ---------------------------------------------------------------- the file */

uint64_t js_journal_recorded(const struct js_journal *journal)
{
    return js_journal_file_recorded(journal->file);
}

uint64_t js_journal_unwritten(const struct js_journal *journal)
{
    return js_journal_file_unwritten(journal->file);
}

bool js_journal_is_gone(const struct js_journal *journal)
{
    return js_journal_file_is_gone(journal->file);
}

bool js_journal_is_settled(const struct js_journal *journal)
{
    return js_journal_file_is_settled(journal->file);
}

int64_t js_journal_deadline_ns(const struct js_journal *journal)
{
    return js_journal_file_deadline_ns(journal->file);
}

void js_journal_sync_soon(struct js_journal *journal)
{
    js_journal_file_sync_soon(journal->file);
}

int js_journal_commit(struct js_journal *journal, int64_t now_ns,
                      struct js_err *err)
{
    if (end_gathering(journal) < 0)
        return js_err_errno(err, "the journal %s", journal->config->path);
    int rc = js_journal_file_commit(journal->file, now_ns, err);
    js_journal_assert_invariants(journal);
    return rc;
}

int js_journal_settle(struct js_journal *journal, struct js_err *err)
{
    if (end_gathering(journal) < 0)
        return js_err_errno(err, "the journal %s", journal->config->path);
    int rc = js_journal_file_settle(journal->file, err);
    js_journal_assert_invariants(journal);
    return rc;
}

int js_journal_end(struct js_journal *journal, int status, struct js_err *err)
{
    struct js_journal_line *line = journal->line;
    bool has_begun = journal->phase == BEGUN;
    journal->phase = FINISHED;
    if (!has_begun)
        return 0;
    if (end_gathering(journal) < 0)
        return js_err_errno(err, "the journal %s", journal->config->path);
    line->kind = JS_JOURNAL_LINE_END;
    line->status = (uint64_t)status;
    line->unix_us = (uint64_t)(js_clock_unix_ns() / JS_NS_PER_US);
    if (add_line(journal, line) < 0)
        return js_err_errno(err, "the journal %s", journal->config->path);
    int rc = js_journal_file_end(journal->file, err);
    js_journal_assert_invariants(journal);
    return rc;
}

#ifdef JS_DEBUG
void js_journal_assert_invariants(const struct js_journal *journal)
{
    const struct js_journal_line *line = journal->line;
    const struct js_journal_contents *old = &journal->found.contents;
    bool is_list = line->kind == JS_JOURNAL_LINE_JOBS ||
                   line->kind == JS_JOURNAL_LINE_AGAIN ||
                   line->kind == JS_JOURNAL_LINE_GONE ||
                   line->kind == JS_JOURNAL_LINE_BACK;
    assert(line->count == 0 || is_list);
    assert(line->count <= JS_JOURNAL_LINE_LIST);
    assert(journal->dead_count <= old->dead_count);
    assert(old->dead_count <= JS_JOURNAL_DEAD);
    assert(journal->phase != OPENED || journal->quiet_ns == 0);
    assert(journal->phase == OPENED || !journal->config->is_read_only);
    assert(journal->run_id != 0);
    js_journal_file_assert_invariants(journal->file);
}
#endif
