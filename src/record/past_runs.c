#include "record/past_runs.h"

#include "base/buf.h"
#include "base/strmap.h"
#include "record/journal_model.h"
#include "record/joblog_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_QUARTILES = 4 }; /* gaps longer than so many are no gaps */

struct js_earlier {
    struct js_history *history; /* one of the two */
    struct js_runtimes *runtimes;
    int64_t gap_ns;
    uint64_t host_slots;
    const char *only_host; /* the history's */
};

/* ---------------------------------------------------------------- gaps */

struct span {
    size_t slave;
    int64_t start_unix_ns, end_unix_ns;
};

struct gaps {
    struct js_history *history;
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

static int collect_spans(struct gaps *gaps)
{
    size_t count = js_history_attempts(gaps->history);
    for (size_t i = 0; i < count; i++) {
        struct js_history_attempt attempt;
        js_history_attempt(gaps->history, i, &attempt);
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

/* The journal tells the slave, not the slot: it was the one that had been free
 * for the shortest time. */
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

static int collect_gaps(struct gaps *gaps)
{
    const struct span *spans = (const struct span *)(void *)gaps->spans.data;
    size_t count = gaps->spans.len / sizeof(*spans);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && spans[i].slave != spans[i - 1].slave)
            gaps->lanes.len = 0;
        if (place_span(gaps, &spans[i]) < 0)
            return -1;
    }
    return 0;
}

static int64_t typical_gap_ns(struct gaps *gaps)
{
    int64_t *all = (int64_t *)(void *)gaps->gaps.data;
    size_t count = gaps->gaps.len / sizeof(*all), used = 0;
    double sum_ns = 0;
    if (count == 0)
        return 0;
    qsort(all, count, sizeof(*all), compare_times);
    int64_t quartile_ns = all[count / 4];
    while (used < count && all[used] / WAIT_QUARTILES <= quartile_ns)
        sum_ns += (double)all[used++];
    return (int64_t)(sum_ns / (double)used);
}

static int measure_gap(struct js_earlier *earlier)
{
    struct gaps gaps = {.history = earlier->history};
    int rc = collect_spans(&gaps) < 0 || collect_gaps(&gaps) < 0 ? -1 : 0;
    if (rc == 0)
        earlier->gap_ns = typical_gap_ns(&gaps);
    js_buf_release(&gaps.spans);
    js_buf_release(&gaps.lanes);
    js_buf_release(&gaps.gaps);
    return rc;
}

/* ---------------------------------------------------------------- hosts */

/* The last run that had slaves. */
static bool find_run(const struct js_history *history,
                     struct js_history_run *ret)
{
    for (size_t i = js_history_runs(history); i-- > 0;) {
        js_history_run(history, i, ret);
        if (ret->slaves > 0)
            return true;
    }
    return false;
}

static int count_slots(struct js_strmap *hosts, const char *host,
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

static int count_hosts(struct js_earlier *earlier, struct js_strmap *hosts,
                       const struct js_history_run *run)
{
    for (size_t i = 0; i < run->slaves; i++) {
        struct js_history_slave slave;
        js_history_slave(earlier->history, run->first_slave + i, &slave);
        if (count_slots(hosts, slave.host, slave.slots, &earlier->host_slots) <
            0)
            return -1;
        earlier->only_host = slave.host;
    }
    if (hosts->count > 1)
        earlier->only_host = NULL;
    return 0;
}

static int measure_hosts(struct js_earlier *earlier)
{
    struct js_history_run run;
    struct js_strmap hosts = JS_STRMAP_INIT;
    size_t position = 0;
    const char *host;
    int rc = 0;
    if (find_run(earlier->history, &run))
        rc = count_hosts(earlier, &hosts, &run);
    while ((host = js_strmap_next(&hosts, &position)))
        free(js_strmap_get(&hosts, host));
    js_strmap_release(&hosts);
    return rc;
}

/* ---------------------------------------------------------------- loading */

static void forget_ends(struct js_ledger *ledger)
{
    for (uint64_t id = 1; id <= js_ledger_count(ledger); id++)
        js_ledger_set(ledger, id, JS_STANDING_LEFT);
}

struct js_earlier *js_earlier_from_journal(const char *path, struct js_err *err)
{
    struct js_earlier *earlier = calloc(1, sizeof(*earlier));
    if (!earlier) {
        js_err_errno(err, "cannot read %s", path);
        return NULL;
    }
    earlier->history = js_history_load(path, err);
    if (!earlier->history)
        goto fail;
    if (measure_gap(earlier) < 0 || measure_hosts(earlier) < 0) {
        js_err_errno(err, "cannot read %s", path);
        goto fail;
    }
    forget_ends(js_history_ledger(earlier->history));
    return earlier;
fail:
    js_earlier_free(earlier);
    return NULL;
}

struct js_earlier *js_earlier_from_joblog(const char *path, struct js_err *err)
{
    struct js_earlier *earlier = calloc(1, sizeof(*earlier));
    if (!earlier) {
        js_err_errno(err, "cannot read %s", path);
        return NULL;
    }
    earlier->runtimes = js_runtimes_load(path, err);
    if (earlier->runtimes)
        return earlier;
    js_earlier_free(earlier);
    return NULL;
}

void js_earlier_free(struct js_earlier *earlier)
{
    if (!earlier)
        return;
    int saved = errno;
    js_history_free(earlier->history);
    js_runtimes_free(earlier->runtimes);
    free(earlier);
    errno = saved;
}

/* ---------------------------------------------------------------- telling */

struct js_ledger *js_earlier_ledger(struct js_earlier *earlier)
{
    return earlier->history ? js_history_ledger(earlier->history) : NULL;
}

static size_t run_of(const struct js_history *history, size_t slave_number)
{
    struct js_history_slave slave;
    js_history_slave(history, slave_number, &slave);
    return slave.run;
}

/* The last attempt that came to its own end, and those before it in the same
 * run that were failures. */
static int64_t sum_attempts(const struct js_history *history, size_t number)
{
    struct js_history_attempt attempt;
    int64_t sum_ns = -1;
    size_t run = 0;
    for (; number != JS_HISTORY_NONE; number = attempt.earlier) {
        js_history_attempt(history, number, &attempt);
        if (attempt.kind == JS_HISTORY_STOPPED)
            continue;
        size_t own_run = run_of(history, attempt.slave);
        bool is_first = sum_ns < 0;
        if (!is_first && (attempt.kind != JS_HISTORY_RETRIED || own_run != run))
            break;
        if (is_first)
            sum_ns = 0;
        run = own_run;
        if (__builtin_add_overflow(sum_ns, attempt.outcome.run_ns, &sum_ns))
            return INT64_MAX;
    }
    return sum_ns;
}

int64_t js_earlier_run_ns(const struct js_earlier *earlier,
                          const struct js_job *job)
{
    struct js_history_job known;
    if (earlier->runtimes)
        return js_runtimes_find(earlier->runtimes, job->command,
                                job->command_len);
    if (job->id == 0 || job->id > js_history_jobs(earlier->history))
        return -1;
    js_history_job(earlier->history, job->id, &known);
    return sum_attempts(earlier->history, known.latest);
}

int64_t js_earlier_gap_ns(const struct js_earlier *earlier)
{
    return earlier->gap_ns;
}

uint64_t js_earlier_host_slots(const struct js_earlier *earlier)
{
    return earlier->host_slots;
}

const char *js_earlier_only_host(const struct js_earlier *earlier)
{
    return earlier->only_host;
}
