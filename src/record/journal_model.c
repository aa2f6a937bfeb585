#include "record/journal_model.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "record/journal_file.h"
#include "record/journal_load.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Nearly every record names a slave, by its rank: looking through all of them
 * each time would be slow with thousands. */
enum { CACHED_SLAVES = 4096 };

/* Indices are one more than the number that they are about; 0 is none. */
struct job {
    uint32_t latest;
    uint32_t begun;
    uint32_t parent;
    uint32_t name; /* where it begins in the names */
};

/* An attempt as the journal records it. It is half the size of what callers
 * get, because a run may have millions of them. `previous` is the index of the
 * job's previous attempt plus one; 0: there is none. */
struct attempt {
    uint32_t id, attempt, cores;
    uint32_t slave; /* its number */
    uint32_t previous;
    uint32_t leftovers;
    int32_t step_errno;
    int64_t start_unix_ns, run_ns, user_cpu_ns, system_cpu_ns;
    uint64_t max_rss_bytes, out_bytes, err_bytes;
    uint8_t kind, exit_code, signal, cause, step;
};

/* A job that has begun. There are few at a time, however big the run, so the
 * list has no holes: the last entry takes the place of one that has ended. */
struct begun {
    uint32_t id, attempt;
    uint32_t slave;
    int64_t start_unix_ns;
};

/* A slave of one run: the same rank in the next run is another slave. */
struct slave {
    uint64_t rank, slots;
    size_t host; /* where it begins in the texts */
    uint32_t run;
    bool has_left;
};

struct run {
    size_t host;
    size_t first_slave;
    uint64_t pid, slots;
    int64_t begin_unix_ns, end_unix_ns;
    int status;
    bool has_ended;
};

struct loss {
    uint32_t id, slave, losses;
    uint32_t attempts; /* how many were on record before it */
    int64_t unix_ns;
};

/* They have a separate list, because few attempts fail. */
struct tail {
    uint32_t attempt; /* its number */
    uint32_t stream;
    size_t text;
};

/* The output of the attempt whose end is the next record. */
struct said {
    uint64_t id;
    struct tail tail;
    bool is_there;
};

/*
 * Tables that only grow while the journal is read, and point to each other by
 * index: a job to its latest attempt, that to the one before and to its slave,
 * a slave to its run, names and texts by offset. `cache`, `said` and
 * `leftovers` belong to the run and the record that are being read.
 */
struct js_journal_model {
    struct js_registry *registry;
    struct js_buf jobs; /* struct job, by id - 1; and so on */
    struct js_buf attempts, begun, losses, slaves, runs, tails;
    struct js_buf names, texts; /* strings, each with its NUL */
    struct said said;
    struct attempt leftovers;      /* id, attempt and leftovers of the next */
    uint32_t cache[CACHED_SLAVES]; /* slaves of this run by rank */
    struct js_journal_contents contents;
    int64_t seen_unix_ns;
    enum js_journal_model_life life;
};

/* ---------------------------------------------------------------- lists */

#define LIST(type, name, field)                                                \
    static type *name##_at(const struct js_journal_model *model, size_t index) \
    {                                                                          \
        return (type *)model->field.data + index;                              \
    }                                                                          \
    static size_t name##_count(const struct js_journal_model *model)           \
    {                                                                          \
        return model->field.len / sizeof(type);                                \
    }

LIST(struct job, job, jobs)
LIST(struct attempt, attempt, attempts)
LIST(struct begun, begun, begun)
LIST(struct loss, loss, losses)
LIST(struct slave, slave, slaves)
LIST(struct run, run, runs)
LIST(struct tail, tail, tails)

/* Numbers of 32 bits keep a list of millions small. */
static int append_item(struct js_buf *list, const void *item, size_t size)
{
    if (list->len / size < UINT32_MAX - 1)
        return js_buf_append(list, item, size);
    errno = ENOMEM;
    return -1;
}

static int add_text(struct js_buf *texts, const char *text, size_t *ret)
{
    *ret = texts->len;
    return js_buf_append(texts, text, strlen(text) + 1);
}

static const char *text_at(const struct js_buf *texts, size_t offset)
{
    return texts->data + offset;
}

/* Returns the job with this id, or NULL if it was not accepted. */
static struct job *find_job(const struct js_journal_model *model, uint64_t id)
{
    return id > 0 && id <= job_count(model) ? job_at(model, id - 1) : NULL;
}

/* ---------------------------------------------------------------- runs */

/* Returns the run that the records being read belong to, or NULL if none has
 * begun. */
static struct run *last_run(const struct js_journal_model *model)
{
    size_t count = run_count(model);
    return count > 0 ? run_at(model, count - 1) : NULL;
}

/* Forgets the jobs that had begun and had not ended. */
static void forget_begun(struct js_journal_model *model)
{
    for (size_t i = 0; i < begun_count(model); i++)
        find_job(model, begun_at(model, i)->id)->begun = 0;
    model->begun.len = 0;
}

static int add_run(struct js_journal_model *model, const char *host,
                   uint64_t pid, int64_t begin_unix_ns)
{
    struct run run = {.pid = pid,
                      .begin_unix_ns = begin_unix_ns,
                      .first_slave = slave_count(model),
                      .status = -1};
    forget_begun(model);
    memset(model->cache, 0, sizeof(model->cache));
    if (add_text(&model->texts, host, &run.host) < 0)
        return -1;
    return append_item(&model->runs, &run, sizeof(run));
}

static int add_slave(struct js_journal_model *model, uint64_t rank,
                     uint64_t slots, const char *host)
{
    struct slave slave = {.rank = rank, .slots = slots};
    /* In a valid journal no job runs before a run begins; if one does, it
     * belongs to a run about which nothing is known. */
    if (!last_run(model) && add_run(model, "", 0, 0) < 0)
        return -1;
    slave.run = (uint32_t)run_count(model) - 1;
    if (add_text(&model->texts, host, &slave.host) < 0 ||
        append_item(&model->slaves, &slave, sizeof(slave)) < 0)
        return -1;
    last_run(model)->slots += slots;
    model->cache[rank % CACHED_SLAVES] = (uint32_t)slave_count(model);
    return 0;
}

/* Returns the number of the slave with this rank in the last run, or NONE. */
static size_t journal_model_find_slave(struct js_journal_model *model,
                                       uint64_t rank)
{
    uint32_t *cached = &model->cache[rank % CACHED_SLAVES];
    const struct run *run = last_run(model);
    if (*cached && slave_at(model, *cached - 1)->rank == rank)
        return *cached - 1;
    for (size_t i = slave_count(model); run && i-- > run->first_slave;) {
        if (slave_at(model, i)->rank == rank) {
            *cached = (uint32_t)i + 1;
            return i;
        }
    }
    return JS_JOURNAL_MODEL_NONE;
}

/* ... which is given a number if it has none yet. */
static int get_slave(struct js_journal_model *model, uint64_t rank,
                     uint32_t *ret)
{
    size_t number = journal_model_find_slave(model, rank);
    if (number == JS_JOURNAL_MODEL_NONE) {
        number = slave_count(model);
        if (add_slave(model, rank, 0, "") < 0)
            return -1;
    }
    *ret = (uint32_t)number;
    return 0;
}

/* ---------------------------------------------------------------- begun */

/* The last entry takes its place. */
static void drop_begun(struct js_journal_model *model, struct job *job)
{
    if (!job->begun)
        return;
    struct begun *hole = begun_at(model, job->begun - 1);
    *hole = *begun_at(model, begun_count(model) - 1);
    model->begun.len -= sizeof(*hole);
    find_job(model, hole->id)->begun = job->begun;
    job->begun = 0;
}

/* The jobs that the slave had begun run again elsewhere; they are no longer
 * running. */
static void take_left(struct js_journal_model *model, uint64_t rank)
{
    size_t number = journal_model_find_slave(model, rank);
    if (number == JS_JOURNAL_MODEL_NONE)
        return;
    slave_at(model, number)->has_left = true;
    for (size_t i = begun_count(model); i-- > 0;) {
        const struct begun *begun = begun_at(model, i);
        if (begun->slave == number)
            drop_begun(model, find_job(model, begun->id));
    }
}

/* ---------------------------------------------------------------- attempts */

/* A job points to its latest attempt, and each attempt to the one before: that
 * is all the history that callers ask for, and it costs four bytes per attempt.
 */
static int take_attempt(struct js_journal_model *model, struct job *job,
                        const struct js_journal_line *line)
{
    static const uint8_t kinds[] = {
        [JS_JOURNAL_LINE_OK] = JS_JOURNAL_MODEL_OK,
        [JS_JOURNAL_LINE_FAILED] = JS_JOURNAL_MODEL_FAILED,
        [JS_JOURNAL_LINE_RETRIED] = JS_JOURNAL_MODEL_RETRIED,
        [JS_JOURNAL_LINE_STOPPED] = JS_JOURNAL_MODEL_STOPPED,
    };
    const struct js_outcome *outcome = &line->outcome;
    struct said *said = &model->said;
    struct attempt attempt = {
        .id = (uint32_t)line->id,
        .attempt = line->attempt,
        .cores = line->cores,
        .previous = job->latest,
        .step_errno = outcome->step_errno,
        .start_unix_ns = outcome->start_unix_ns,
        .run_ns = outcome->run_ns,
        .user_cpu_ns = outcome->user_cpu_ns,
        .system_cpu_ns = outcome->system_cpu_ns,
        .max_rss_bytes = outcome->max_rss_bytes,
        .out_bytes = outcome->out_bytes,
        .err_bytes = outcome->err_bytes,
        .kind = kinds[line->kind],
        .exit_code = (uint8_t)outcome->exit_code,
        .signal = (uint8_t)outcome->signal,
        .cause = (uint8_t)outcome->cause,
        .step = (uint8_t)outcome->step,
    };
    drop_begun(model, job);
    if (model->leftovers.id == attempt.id &&
        model->leftovers.attempt == attempt.attempt)
        attempt.leftovers = model->leftovers.leftovers;
    model->leftovers.id = 0;
    /* The output in the preceding record is that of this attempt, or of one
     * whose end is not on record. */
    bool has_said = said->is_there && said->id == attempt.id &&
                    said->tail.attempt == attempt.attempt;
    said->is_there = false;
    said->tail.attempt = (uint32_t)attempt_count(model);
    if (get_slave(model, line->slave, &attempt.slave) < 0 ||
        (has_said &&
         append_item(&model->tails, &said->tail, sizeof(said->tail)) < 0) ||
        append_item(&model->attempts, &attempt, sizeof(attempt)) < 0)
        return -1;
    job->latest = (uint32_t)attempt_count(model);
    return 0;
}

/* ---------------------------------------------------------------- jobs */

/* Reads a record about a job that was accepted. */
static int journal_model_take_job_line(struct js_journal_model *model,
                                       struct job *job,
                                       const struct js_journal_line *line)
{
    struct begun begun = {.id = (uint32_t)line->id, .attempt = line->attempt};
    struct loss loss = {.id = (uint32_t)line->id,
                        .losses = (uint32_t)line->losses,
                        .attempts = (uint32_t)attempt_count(model)};
    size_t offset;
    switch (line->kind) {
    case JS_JOURNAL_LINE_NAME:
        if (add_text(&model->names, line->text, &offset) < 0)
            return -1;
        if (offset >= UINT32_MAX) {
            errno = ENOMEM;
            return -1;
        }
        job->name = (uint32_t)offset + 1;
        return 0;
    case JS_JOURNAL_LINE_BEGAN:
        drop_begun(model, job);
        begun.start_unix_ns = js_journal_format_ns(line->unix_us);
        if (get_slave(model, line->slave, &begun.slave) < 0 ||
            append_item(&model->begun, &begun, sizeof(begun)) < 0)
            return -1;
        job->begun = (uint32_t)begun_count(model);
        return 0;
    case JS_JOURNAL_LINE_LOST:
        /* The job no longer runs, but its attempt has no recorded end. */
        drop_begun(model, job);
        loss.unix_ns = js_journal_format_ns(line->unix_us);
        if (get_slave(model, line->slave, &loss.slave) < 0)
            return -1;
        return append_item(&model->losses, &loss, sizeof(loss));
    case JS_JOURNAL_LINE_OK:
    case JS_JOURNAL_LINE_FAILED:
    case JS_JOURNAL_LINE_RETRIED:
    case JS_JOURNAL_LINE_STOPPED:
        return take_attempt(model, job, line);
    case JS_JOURNAL_LINE_SKIPPED:
        job->parent =
            find_job(model, line->parent) ? (uint32_t)line->parent : 0;
        return 0;
    default:
        return 0;
    }
}

static int journal_model_take_line(void *arg,
                                   const struct js_journal_line *line)
{
    static const struct job none;
    struct js_journal_model *model = arg;
    struct run *run = last_run(model);
    struct said *said = &model->said;
    struct job *job;
    switch (line->kind) {
    case JS_JOURNAL_LINE_RUN:
        return add_run(model, line->text, line->pid,
                       js_journal_format_ns(line->unix_us));
    case JS_JOURNAL_LINE_END:
        forget_begun(model);
        if (!run)
            return 0;
        run->has_ended = true;
        run->status = line->status < INT_MAX ? (int)line->status : INT_MAX;
        run->end_unix_ns = js_journal_format_ns(line->unix_us);
        return 0;
    case JS_JOURNAL_LINE_SLAVE:
        return add_slave(model, line->id, line->slots, line->text);
    case JS_JOURNAL_LINE_LEFT:
        take_left(model, line->id);
        return 0;
    case JS_JOURNAL_LINE_JOBS:
        for (size_t i = 0; i < line->count; i++) {
            if (append_item(&model->jobs, &none, sizeof(none)) < 0)
                return -1;
        }
        return 0;
    case JS_JOURNAL_LINE_SAID:
        *said = (struct said){.id = line->id, .is_there = true};
        said->tail.attempt = line->attempt;
        said->tail.stream = (uint32_t)line->stream;
        return add_text(&model->texts, line->text, &said->tail.text);
    case JS_JOURNAL_LINE_LEFTOVERS:
        model->leftovers.id = (uint32_t)line->id;
        model->leftovers.attempt = line->attempt;
        model->leftovers.leftovers = line->outcome.leftovers;
        return 0;
    default:
        job = find_job(model, line->id);
        return job ? journal_model_take_job_line(model, job, line) : 0;
    }
}

/* ---------------------------------------------------------------- life */

/* The checks go from the most certain to the least: the journal's own record,
 * the process, the lock, and finally the time since the last heartbeat. */
static enum js_journal_model_life
journal_model_life_of(const struct js_journal_model *model, int fd)
{
    const struct js_journal_holder *holder = &model->contents.holder;
    char host[JS_JOURNAL_LINE_TEXT] = "";
    if (!holder->is_known)
        return JS_JOURNAL_MODEL_NO_RUN;
    if (holder->has_ended)
        return JS_JOURNAL_MODEL_ENDED;
    gethostname(host, sizeof(host) - 1); /* fails: it is elsewhere */
    enum js_journal_master master = js_journal_master_of(holder, host);
    if (master == JS_JOURNAL_MASTER_LIVES)
        return JS_JOURNAL_MODEL_ON;
    /* A run that needs the lock waits for the moment in which we hold it
     * (js_journal_file_lock()). */
    if (flock(fd, LOCK_SH | LOCK_NB) == 0)
        flock(fd, LOCK_UN);
    else if (errno == EWOULDBLOCK)
        return JS_JOURNAL_MODEL_ON;
    if (master == JS_JOURNAL_MASTER_GONE)
        return JS_JOURNAL_MODEL_BROKEN;
    if (holder->lease_ns == 0)
        return JS_JOURNAL_MODEL_UNKNOWN;
    int64_t silent_ns = js_clock_unix_ns() - model->seen_unix_ns;
    return silent_ns <= holder->lease_ns ? JS_JOURNAL_MODEL_ON
                                         : JS_JOURNAL_MODEL_BROKEN;
}

/* ---------------------------------------------------------------- loading */

void js_journal_model_free(struct js_journal_model *model)
{
    if (!model)
        return;
    int saved = errno;
    js_registry_free(model->registry);
    js_buf_release(&model->jobs);
    js_buf_release(&model->attempts);
    js_buf_release(&model->begun);
    js_buf_release(&model->losses);
    js_buf_release(&model->slaves);
    js_buf_release(&model->runs);
    js_buf_release(&model->tails);
    js_buf_release(&model->names);
    js_buf_release(&model->texts);
    js_journal_contents_release(&model->contents);
    free(model);
    errno = saved;
}

/* An empty file is an error here: a user who asks for the state of a run should
 * be told that there is none. */
static struct js_journal_model *load_once(int fd, const char *name,
                                          struct js_err *err)
{
    const struct js_journal_reader reader = {.host = ""};
    struct stat st;
    struct js_journal_model *model = calloc(1, sizeof(*model));
    if (model)
        model->registry = js_registry_new();
    if (!model || !model->registry) {
        js_err_errno(err, "cannot read %s", name);
        goto fail;
    }
    if (js_journal_load(fd, name, &reader, model->registry,
                        journal_model_take_line, model, &model->contents,
                        err) < 0)
        goto fail;
    if (fstat(fd, &st) < 0) {
        js_err_errno(err, "cannot read %s", name);
        goto fail;
    }
    model->seen_unix_ns = st.st_mtim.tv_sec * JS_NS_PER_S + st.st_mtim.tv_nsec;
    model->life = journal_model_life_of(model, fd);
    if (model->contents.valid > 0)
        return model;
    errno = ENOENT;
    js_err_set(err, "%s is empty: no run has started", name);
fail:
    js_journal_model_free(model);
    return NULL;
}

struct js_journal_model *js_journal_model_read(int fd, const char *name,
                                               struct js_err *err)
{
    struct js_journal_model *model = load_once(fd, name, err);
    struct stat st;
    if (!model || model->life != JS_JOURNAL_MODEL_BROKEN ||
        fstat(fd, &st) < 0 || (uint64_t)st.st_size <= model->contents.size)
        return model;
    /* A run that ended while its journal was being read has recorded that by
     * now. */
    js_journal_model_free(model);
    return load_once(fd, name, err);
}

/* The path may come from a user, so it may be anything: no link is followed,
 * and no FIFO is waited for. */
struct js_journal_model *js_journal_model_load(const char *path,
                                               struct js_err *err)
{
    struct js_journal_model *model = NULL;
    struct stat st;
    int fd =
        open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        js_err_set(err, "there is no journal %s", path);
    } else if (fd < 0 || fstat(fd, &st) < 0) {
        js_err_errno(err, "cannot read %s", path);
    } else if (!S_ISREG(st.st_mode)) {
        js_err_set(err, "the journal %s is not a regular file", path);
        errno = EBADMSG;
    } else {
        model = js_journal_model_read(fd, path, err);
    }
    js_fd_close(&fd);
    return model;
}

/* ---------------------------------------------------------------- results */

struct js_journal_model_state
js_journal_model_look(const struct js_journal_model *model)
{
    const char *format = model->contents.holder.format;
    return (struct js_journal_model_state){.life = model->life,
                                           .runs = run_count(model),
                                           .slaves = slave_count(model),
                                           .attempts = attempt_count(model),
                                           .jobs = job_count(model),
                                           .format = format[0] ? format : NULL,
                                           .begun = begun_count(model),
                                           .registry = model->registry};
}

/* A heartbeat may be a little late. */
static int64_t model_silent_ns(const struct js_journal_model *model)
{
    int64_t beat_ns = model->contents.holder.lease_ns / JS_JOURNAL_HEARTBEATS;
    int64_t silent_ns = js_clock_unix_ns() - model->seen_unix_ns;
    return beat_ns > 0 && silent_ns > 2 * beat_ns + 2 * JS_NS_PER_S ? silent_ns
                                                                    : 0;
}

void js_journal_model_run(const struct js_journal_model *model, size_t number,
                          struct js_journal_model_run *ret)
{
    const struct run *run = run_at(model, number);
    bool is_last = number + 1 == run_count(model);
    size_t end = is_last ? slave_count(model) : run[1].first_slave;
    *ret = (struct js_journal_model_run){
        .host = text_at(&model->texts, run->host),
        .pid = run->pid,
        .begin_unix_ns = run->begin_unix_ns,
        .end_unix_ns = run->end_unix_ns,
        .seen_unix_ns = is_last ? model->seen_unix_ns : run[1].begin_unix_ns,
        .silent_ns = is_last && !run->has_ended ? model_silent_ns(model) : 0,
        .has_ended = run->has_ended,
        .status = run->status,
        .first_slave = run->first_slave,
        .slaves = end - run->first_slave,
        .slots = run->slots,
    };
}

void js_journal_model_slave(const struct js_journal_model *model, size_t number,
                            struct js_journal_model_slave *ret)
{
    const struct slave *slave = slave_at(model, number);
    *ret = (struct js_journal_model_slave){
        .run = slave->run,
        .rank = slave->rank,
        .slots = slave->slots,
        .host = text_at(&model->texts, slave->host),
        .has_left = slave->has_left,
    };
}

/* Returns the number that belongs to an index, which is one more. */
static size_t journal_model_number_of(uint32_t index)
{
    return index ? index - 1 : JS_JOURNAL_MODEL_NONE;
}

void js_journal_model_attempt(const struct js_journal_model *model,
                              size_t number,
                              struct js_journal_model_attempt *ret)
{
    const struct attempt *attempt = attempt_at(model, number);
    *ret = (struct js_journal_model_attempt){
        .id = attempt->id,
        .kind = (enum js_journal_model_kind)attempt->kind,
        .attempt = attempt->attempt,
        .cores = attempt->cores,
        .slave = attempt->slave,
        .previous = journal_model_number_of(attempt->previous),
        .outcome = {.start_unix_ns = attempt->start_unix_ns,
                    .run_ns = attempt->run_ns,
                    .user_cpu_ns = attempt->user_cpu_ns,
                    .system_cpu_ns = attempt->system_cpu_ns,
                    .max_rss_bytes = attempt->max_rss_bytes,
                    .out_bytes = attempt->out_bytes,
                    .err_bytes = attempt->err_bytes,
                    .exit_code = attempt->exit_code,
                    .signal = attempt->signal,
                    .leftovers = attempt->leftovers,
                    .step = (enum js_step)attempt->step,
                    .step_errno = attempt->step_errno,
                    .cause = (enum js_stop_reason)attempt->cause}};
}

/* The tails are in the order of their attempts. */
bool js_journal_model_tail(const struct js_journal_model *model, size_t attempt,
                           struct js_journal_model_tail *ret)
{
    size_t from = 0, to = tail_count(model);
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (tail_at(model, middle)->attempt < attempt)
            from = middle + 1;
        else
            to = middle;
    }
    if (from == tail_count(model) || tail_at(model, from)->attempt != attempt)
        return false;
    const struct tail *tail = tail_at(model, from);
    *ret = (struct js_journal_model_tail){
        .stream = tail->stream, .text = text_at(&model->texts, tail->text)};
    return true;
}

/* There are few. */
bool js_journal_model_next_loss(const struct js_journal_model *model,
                                uint64_t id, size_t *at,
                                struct js_journal_model_loss *ret)
{
    size_t i = *at == JS_JOURNAL_MODEL_NONE ? loss_count(model) : *at;
    while (i-- > 0) {
        const struct loss *loss = loss_at(model, i);
        if (loss->id != id)
            continue;
        *at = i;
        *ret = (struct js_journal_model_loss){.count = loss->losses,
                                              .slave = loss->slave,
                                              .attempts = loss->attempts,
                                              .unix_ns = loss->unix_ns};
        return true;
    }
    return false;
}

void js_journal_model_job(const struct js_journal_model *model, uint64_t id,
                          struct js_journal_model_job *ret)
{
    const struct job *job = find_job(model, id);
    struct js_registry_job known = js_registry_get(model->registry, id);
    *ret = (struct js_journal_model_job){
        .name = job->name ? text_at(&model->names, job->name - 1) : "",
        .state = known.state,
        .is_gone = known.is_gone,
        .latest = journal_model_number_of(job->latest),
        .parent = job->parent,
        .begun = journal_model_number_of(job->begun),
        .losses = known.losses,
    };
}

void js_journal_model_begun(const struct js_journal_model *model, size_t index,
                            struct js_journal_model_begun *ret)
{
    const struct begun *begun = begun_at(model, index);
    *ret =
        (struct js_journal_model_begun){.id = begun->id,
                                        .attempt = begun->attempt,
                                        .slave = begun->slave,
                                        .start_unix_ns = begun->start_unix_ns};
}
