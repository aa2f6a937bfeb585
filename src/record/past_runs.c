#include "record/past_runs.h"

#include "base/buf.h"
#include "base/table.h"
#include "record/joblog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_QUARTILES = 4 }; /* gaps longer than this many are not gaps */

/* A joblog gives only run times; all other fields are then zero. If nothing is
 * known, all fields are zero. */
struct js_past_runs {
    /* NULL: the data is from a joblog, or there is none */
    struct js_journal_model *model;
    struct js_journal_model *own_model; /* the same, if it is ours to free */
    struct js_joblog_reader *joblog;
    int64_t gap_ns;
    uint64_t host_slots;
    const char *only_host; /* the model's */
};

/* ---------------------------------------------------------------- gaps */

struct span {
    size_t slave;
    int64_t start_unix_ns, end_unix_ns;
};

struct gaps {
    struct js_journal_model *model;
    struct js_buf spans; /* struct span, by slave and start */
    struct js_buf lanes; /* int64_t: when each slot of a slave was last free */
    struct js_buf gaps;  /* int64_t */
};

static int compare_spans(const void *a, const void *b)
{
    const struct span *one = a, *other = b;
    if (one->slave != other->slave)
        return one->slave < other->slave ? -1 : 1;
    return (one->start_unix_ns > other->start_unix_ns) -
           (one->start_unix_ns < other->start_unix_ns);
}

static int compare_times(const void *a, const void *b)
{
    const int64_t *one = a, *other = b;
    return (*one > *other) - (*one < *other);
}

/* All attempts count, even those that failed or were stopped: they held a slot
 * like the others. */
static int collect_spans(struct gaps *gaps)
{
    size_t count = js_journal_model_look(gaps->model).attempts;
    for (size_t i = 0; i < count; i++) {
        struct js_journal_model_attempt attempt;
        js_journal_model_attempt(gaps->model, i, &attempt);
        int64_t start_unix_ns = attempt.outcome.start_unix_ns;
        struct span span = {.slave = attempt.slave,
                            .start_unix_ns = start_unix_ns};
        if (__builtin_add_overflow(start_unix_ns, attempt.outcome.run_ns,
                                   &span.end_unix_ns))
            continue;
        if (js_buf_append(&gaps->spans, &span, sizeof(span)) < 0)
            return -1;
    }
    if (gaps->spans.len > 0)
        qsort(gaps->spans.data, gaps->spans.len / sizeof(struct span),
              sizeof(struct span), compare_spans);
    return 0;
}

/* The journal has the slave, not the slot: the job is assumed to have taken the
 * slot that had been free for the shortest time. */
static int place_span(struct gaps *gaps, const struct span *span)
{
    int64_t *lanes = (int64_t *)(void *)gaps->lanes.data;
    size_t count = gaps->lanes.len / sizeof(*lanes);
    int64_t *best = NULL;
    for (size_t i = 0; i < count; i++) {
        if (lanes[i] <= span->start_unix_ns && (!best || lanes[i] > *best))
            best = &lanes[i];
    }
    if (!best)
        return js_buf_append(&gaps->lanes, &span->end_unix_ns,
                             sizeof(span->end_unix_ns));
    int64_t gap_ns = span->start_unix_ns - *best;
    *best = span->end_unix_ns;
    return js_buf_append(&gaps->gaps, &gap_ns, sizeof(gap_ns));
}

/* Computes the mean time that the machine needs between two jobs of a slot: for
 * short jobs it decides how long a run takes. */
static int measure_gap(struct js_past_runs *past_runs)
{
    struct gaps gaps = {.model = past_runs->model};
    int rc = collect_spans(&gaps);
    const struct span *spans = (const struct span *)(void *)gaps.spans.data;
    size_t span_count = gaps.spans.len / sizeof(*spans);
    for (size_t i = 0; rc == 0 && i < span_count; i++) {
        if (i > 0 && spans[i].slave != spans[i - 1].slave)
            gaps.lanes.len = 0;
        rc = place_span(&gaps, &spans[i]);
    }
    int64_t *all = (int64_t *)(void *)gaps.gaps.data;
    size_t count = gaps.gaps.len / sizeof(*all), used = 0;
    if (rc == 0 && count > 0) {
        double sum_ns = 0;
        qsort(all, count, sizeof(*all), compare_times);
        /* Gaps far above the lower quartile are waits for work. */
        int64_t quartile_ns = all[count / 4];
        while (used < count && all[used] / WAIT_QUARTILES <= quartile_ns)
            sum_ns += (double)all[used++];
        past_runs->gap_ns = (int64_t)(sum_ns / (double)used);
    }
    js_buf_release(&gaps.spans);
    js_buf_release(&gaps.lanes);
    js_buf_release(&gaps.gaps);
    return rc;
}

/* ---------------------------------------------------------------- hosts */

static int past_runs_count_slots(struct js_strmap *hosts, const char *host,
                                 uint64_t slots, uint64_t *ret_most)
{
    uint64_t *known = js_strmap_get(hosts, host);
    if (!known) {
        known = calloc(1, sizeof(*known));
        if (!known || js_strmap_put(hosts, host, known) < 0) {
            free(known);
            return -1;
        }
    }
    *known += slots;
    if (*known > *ret_most)
        *ret_most = *known;
    return 0;
}

/* Used in a forecast for other numbers of hosts: how many slots one more host
 * would bring. */
static int measure_hosts(struct js_past_runs *past_runs)
{
    const struct js_journal_model *model = past_runs->model;
    struct js_journal_model_run run = {.slaves = 0};
    struct js_strmap hosts = JS_STRMAP_INIT;
    size_t position = 0;
    const char *host;
    int rc = 0;
    /* The last run that had slaves. */
    for (size_t i = js_journal_model_look(model).runs;
         run.slaves == 0 && i-- > 0;)
        js_journal_model_run(model, i, &run);
    for (size_t i = 0; rc == 0 && i < run.slaves; i++) {
        struct js_journal_model_slave slave;
        js_journal_model_slave(model, run.first_slave + i, &slave);
        rc = past_runs_count_slots(&hosts, slave.host, slave.slots,
                                   &past_runs->host_slots);
        past_runs->only_host = slave.host;
    }
    if (hosts.count > 1)
        past_runs->only_host = NULL;
    while ((host = js_strmap_next(&hosts, &position)))
        free(js_strmap_get(&hosts, host));
    js_strmap_release(&hosts);
    return rc;
}

/* ---------------------------------------------------------------- loading */

struct js_past_runs *js_past_runs_from_model(struct js_journal_model *model,
                                             struct js_err *err)
{
    struct js_past_runs *past_runs = calloc(1, sizeof(*past_runs));
    if (past_runs) {
        past_runs->model = model;
        if (measure_gap(past_runs) == 0 && measure_hosts(past_runs) == 0)
            return past_runs;
    }
    js_err_errno(err, "cannot evaluate the run times");
    js_past_runs_free(past_runs);
    return NULL;
}

struct js_past_runs *js_past_runs_from_journal(const char *path,
                                               struct js_err *err)
{
    struct js_journal_model *model = js_journal_model_load(path, err);
    struct js_past_runs *past_runs =
        model ? js_past_runs_from_model(model, err) : NULL;
    if (past_runs)
        past_runs->own_model = model;
    else
        js_journal_model_free(model);
    return past_runs;
}

struct js_past_runs *js_past_runs_from_joblog(const char *path,
                                              struct js_err *err)
{
    struct js_past_runs *past_runs = calloc(1, sizeof(*past_runs));
    if (!past_runs) {
        js_err_errno(err, "cannot read the joblog %s", path);
        return NULL;
    }
    past_runs->joblog = js_joblog_reader_load(path, err);
    if (past_runs->joblog)
        return past_runs;
    js_past_runs_free(past_runs);
    return NULL;
}

struct js_past_runs *js_past_runs_for_order(const char *longest_first,
                                            const char *journal, bool is_fresh,
                                            struct js_err *err)
{
    if (strcmp(longest_first, JS_PAST_RUNS_AUTO) != 0)
        return js_past_runs_from_joblog(longest_first, err);
    struct js_past_runs *past_runs = js_past_runs_from_journal(journal, err);
    if (past_runs)
        js_registry_rewind(js_past_runs_look(past_runs).registry);
    if (past_runs || (errno != ENOENT && !(is_fresh && errno == EBADMSG)))
        return past_runs;
    past_runs = calloc(1, sizeof(*past_runs));
    if (!past_runs)
        js_err_errno(err, "cannot read %s", journal);
    return past_runs;
}

void js_past_runs_free(struct js_past_runs *past_runs)
{
    if (!past_runs)
        return;
    int saved = errno;
    js_journal_model_free(past_runs->own_model);
    js_joblog_reader_free(past_runs->joblog);
    free(past_runs);
    errno = saved;
}

/* ---------------------------------------------------------------- results */

/* The last attempt that ended by itself, and the failures before it in the same
 * run. */
static int64_t sum_attempts(const struct js_journal_model *model, size_t number)
{
    struct js_journal_model_attempt attempt;
    struct js_journal_model_slave slave;
    int64_t sum_ns = -1;
    size_t run = 0;
    for (; number != JS_JOURNAL_MODEL_NONE; number = attempt.previous) {
        js_journal_model_attempt(model, number, &attempt);
        if (attempt.kind == JS_JOURNAL_MODEL_STOPPED)
            continue;
        js_journal_model_slave(model, attempt.slave, &slave);
        bool is_first = sum_ns < 0;
        if (!is_first &&
            (attempt.kind != JS_JOURNAL_MODEL_RETRIED || slave.run != run))
            break;
        if (is_first)
            sum_ns = 0;
        run = slave.run;
        if (__builtin_add_overflow(sum_ns, attempt.outcome.run_ns, &sum_ns))
            return INT64_MAX;
    }
    return sum_ns;
}

static int64_t past_runs_find(const struct js_past_runs *past_runs, uint64_t id)
{
    struct js_journal_model_job known;
    if (id == 0 || id > js_journal_model_look(past_runs->model).jobs)
        return -1;
    js_journal_model_job(past_runs->model, id, &known);
    return sum_attempts(past_runs->model, known.latest);
}

int64_t js_past_runs_run_ns(const struct js_past_runs *past_runs,
                            const struct js_job *job)
{
    if (past_runs->model)
        return past_runs_find(past_runs, job->id);
    return js_joblog_reader_find(past_runs->joblog, job->command,
                                 job->command_len);
}

int64_t js_past_runs_match_ns(struct js_past_runs *past_runs,
                              const struct js_job *job)
{
    if (!past_runs->model)
        return js_past_runs_run_ns(past_runs, job);
    struct js_identity identity = js_identity_of(job);
    struct js_registry *registry =
        js_journal_model_look(past_runs->model).registry;
    return past_runs_find(past_runs, js_registry_match(registry, &identity));
}

/* The job's run time was measured with this number of cores, even if the list
 * requests another one now. */
uint32_t js_past_runs_cores(const struct js_past_runs *past_runs, uint64_t id)
{
    struct js_journal_model_job known;
    struct js_journal_model_attempt attempt = {.cores = 1};
    js_journal_model_job(past_runs->model, id, &known);
    if (known.latest != JS_JOURNAL_MODEL_NONE)
        js_journal_model_attempt(past_runs->model, known.latest, &attempt);
    return attempt.cores > 0 ? attempt.cores : 1;
}

struct js_past_runs_state js_past_runs_look(struct js_past_runs *past_runs)
{
    return (struct js_past_runs_state){
        .registry = past_runs->model
                        ? js_journal_model_look(past_runs->model).registry
                        : NULL,
        .format = past_runs->model
                      ? js_journal_model_look(past_runs->model).format
                      : NULL,
        .gap_ns = past_runs->gap_ns,
        .host_slots = past_runs->host_slots,
        .only_host = past_runs->only_host,
    };
}
