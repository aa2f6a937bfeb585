#include "cli/status_model.h"

#include "base/clock.h"
#include "base/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What has ended within so much time is "of late". */
static const int64_t late_ns = 60 * JS_NS_PER_S;

/* Over which the number of jobs that run for less than a second is taken. */
static const int64_t brief_ns = 5 * JS_NS_PER_S;

enum { LATE_LEAST = 10 }; /* jobs; with fewer the whole run counts */

struct gathering {
    struct js_overview *overview;
    uint64_t explained_id; /* by the journal; 0: it knows no such job */
    bool is_named;         /* a job of that name was found */
    size_t first_failed;   /* attempts before are not shown */
};

/* ---------------------------------------------------------------- counts */

static void count_job(struct js_overview_counts *counts,
                      const struct js_history_job *job)
{
    if (job->is_gone) {
        counts->gone++;
        return;
    }
    counts->jobs++;
    switch (job->standing) {
    case JS_STANDING_SUCCEEDED:
        counts->done++;
        break;
    case JS_STANDING_FAILED:
        counts->failed++;
        break;
    case JS_STANDING_SKIPPED:
        counts->skipped++;
        break;
    case JS_STANDING_LEFT:
        counts->left++;
        counts->running += job->begun != JS_HISTORY_NONE;
        break;
    }
}

static void count_jobs(struct js_overview *overview)
{
    uint64_t jobs = js_history_jobs(overview->history);
    for (uint64_t id = 1; id <= jobs; id++) {
        struct js_history_job job;
        js_history_job(overview->history, id, &job);
        count_job(&overview->counts, &job);
    }
}

/* ---------------------------------------------------------------- the rate */

/* What has ended in this run. */
struct pace {
    uint64_t ended, late;
    int64_t run_ns;   /* of these together */
    int64_t brief_ns; /* what short ones ran within the last seconds */
};

/* What of an attempt lies within the last brief_ns, if it was a short one. */
static int64_t brief_part(const struct js_outcome *outcome, int64_t now_ns)
{
    int64_t begin_ns = outcome->start_unix_ns;
    int64_t end_ns = begin_ns + outcome->run_ns;
    if (outcome->run_ns >= JS_NS_PER_S || end_ns > now_ns)
        return 0;
    if (begin_ns < now_ns - brief_ns)
        begin_ns = now_ns - brief_ns;
    return end_ns > begin_ns ? end_ns - begin_ns : 0;
}

static void measure(const struct js_overview *overview, struct pace *ret)
{
    const struct js_history *history = overview->history;
    *ret = (struct pace){0};
    for (size_t i = js_history_attempts(history); i-- > 0;) {
        struct js_history_attempt attempt;
        js_history_attempt(history, i, &attempt);
        if (attempt.slave < overview->run.first_slave)
            break;
        ret->brief_ns += brief_part(&attempt.outcome, overview->now_unix_ns);
        if (attempt.kind != JS_HISTORY_OK && attempt.kind != JS_HISTORY_FAILED)
            continue;
        int64_t end_ns = attempt.outcome.start_unix_ns + attempt.outcome.run_ns;
        ret->ended++;
        ret->late += end_ns >= overview->now_unix_ns - late_ns;
        ret->run_ns += attempt.outcome.run_ns / JS_NS_PER_US;
    }
}

/* The journal knows a job that runs only after a second; of shorter ones it has
 * those that have ended. */
static void count_brief(struct js_overview *overview, const struct pace *pace,
                        int64_t elapsed_ns)
{
    struct js_overview_counts *counts = &overview->counts;
    int64_t time_ns = elapsed_ns < brief_ns ? elapsed_ns : brief_ns;
    uint64_t most = overview->run.slots, waiting = counts->left;
    double mean = (double)pace->brief_ns / (double)time_ns;
    most -= counts->running < most ? counts->running : most;
    waiting -= counts->running;
    if (waiting < most)
        most = waiting;
    counts->brief = (uint64_t)(mean + 0.5);
    if (counts->brief > most)
        counts->brief = most;
}

/* Of short jobs the rate tells how long the rest takes, as it has all that is
 * between them; of long ones, of which few have ended, the run times do. */
static void reckon(struct js_overview *overview)
{
    struct pace pace;
    uint64_t left = overview->counts.left, slots = overview->run.slots;
    overview->to_come_ns = -1;
    if (overview->life != JS_HISTORY_ON)
        return;
    int64_t elapsed_ns = overview->now_unix_ns - overview->run.begin_unix_ns;
    measure(overview, &pace);
    if (elapsed_ns > 0)
        count_brief(overview, &pace, elapsed_ns);
    if (pace.ended == 0 || elapsed_ns <= 0 || slots == 0)
        return;
    bool is_late = pace.late >= LATE_LEAST && elapsed_ns > late_ns;
    double count = (double)(is_late ? pace.late : pace.ended);
    double time_ns = (double)(is_late ? late_ns : elapsed_ns);
    overview->rate_per_s = count / (time_ns / (double)JS_NS_PER_S);
    if (pace.ended >= 2 * slots)
        overview->to_come_ns = (int64_t)((double)left * time_ns / count);
    else
        overview->to_come_ns = (int64_t)((double)left * (double)pace.run_ns *
                                         (double)JS_NS_PER_US /
                                         ((double)pace.ended * (double)slots));
}

/* A run that found nothing to do says less than the one before. */
static void find_worked(struct js_overview *overview)
{
    const struct js_history *history = overview->history;
    size_t attempts = js_history_attempts(history);
    struct js_history_attempt attempt;
    struct js_history_slave slave;
    if (overview->life != JS_HISTORY_ENDED || attempts == 0 ||
        overview->run.status == JOBSCHED_STOPPED ||
        overview->run.status == JOBSCHED_BROKEN)
        return;
    js_history_attempt(history, attempts - 1, &attempt);
    js_history_slave(history, attempt.slave, &slave);
    overview->is_idle = slave.run + 1 < js_history_runs(history);
    if (overview->is_idle)
        js_history_run(history, slave.run, &overview->worked);
}

int js_overview_describe(const struct js_overview *overview,
                         const struct js_history_attempt *attempt,
                         struct js_buf *buf)
{
    const struct js_job *job = js_overview_find(overview, attempt->id);
    const struct js_outcome *outcome = &attempt->outcome;
    return js_outcome_describe(
        outcome, job ? js_job_path(job, outcome->step) : NULL, buf);
}

/* ---------------------------------------------------------------- the list */

bool js_overview_next_failed(const struct js_overview *overview, size_t *at,
                             struct js_history_attempt *ret)
{
    const struct js_history *history = overview->history;
    size_t i = *at == JS_HISTORY_NONE ? js_history_attempts(history) : *at;
    while (i-- > 0) {
        struct js_history_job job;
        js_history_attempt(history, i, ret);
        if (ret->kind != JS_HISTORY_FAILED)
            continue;
        js_history_job(history, ret->id, &job);
        if (job.standing == JS_STANDING_FAILED && job.latest == i &&
            !job.is_gone) {
            *at = i;
            return true;
        }
    }
    return false;
}

/* The earliest attempt of the failed jobs that are shown. */
static size_t find_first_failed(const struct js_overview *overview)
{
    struct js_history_attempt attempt;
    size_t at = JS_HISTORY_NONE;
    for (size_t n = 0; n < overview->config.failed_shown; n++) {
        if (!js_overview_next_failed(overview, &at, &attempt))
            break;
    }
    return at;
}

static bool is_shown(const struct gathering *gathering,
                     const struct js_history_job *job)
{
    bool has_failed =
        job->standing == JS_STANDING_FAILED && job->latest != JS_HISTORY_NONE;
    return job->begun != JS_HISTORY_NONE ||
           (has_failed && job->latest >= gathering->first_failed);
}

static struct js_job *keep(struct js_overview *overview,
                           const struct js_job *job)
{
    struct js_job *copy = js_job_copy(job);
    if (copy && js_buf_append(&overview->kept, &copy, sizeof(copy)) < 0) {
        js_job_free(copy);
        copy = NULL;
    }
    return copy;
}

static int keep_explained(struct gathering *gathering, const struct js_job *job,
                          enum js_wait wait)
{
    struct js_overview *overview = gathering->overview;
    const char *wanted = overview->config.explained;
    bool is_named = wanted && strcmp(js_job_name(job), wanted) == 0;
    bool is_numbered = job->id > 0 && job->id == gathering->explained_id;
    if (!is_named && (!is_numbered || gathering->is_named))
        return 0;
    gathering->is_named |= is_named;
    overview->is_explained = true;
    overview->explained = (struct js_overview_job){
        .id = job->id,
        .job = keep(overview, job),
        .wait = wait,
        .ahead = overview->counts.waiting[JS_WAIT_FOR_ROOM]};
    return overview->explained.job ? 0 : -1;
}

static int take_job(void *arg, const struct js_job *job, enum js_wait wait)
{
    struct gathering *gathering = arg;
    struct js_overview *overview = gathering->overview;
    struct js_history_job known = {.begun = JS_HISTORY_NONE,
                                   .latest = JS_HISTORY_NONE};
    if (job->id > 0)
        js_history_job(overview->history, job->id, &known);
    else
        overview->counts.added++;
    if (keep_explained(gathering, job, wait) < 0 ||
        (is_shown(gathering, &known) && !keep(overview, job)))
        return -1;
    if (job->id > 0 && known.begun == JS_HISTORY_NONE)
        overview->counts.waiting[wait]++;
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    const struct js_job *const *one = a, *const *other = b;
    return ((*one)->id > (*other)->id) - ((*one)->id < (*other)->id);
}

/* A list that cannot be read keeps nobody from being told the rest. */
static void read_list(struct gathering *gathering)
{
    struct js_overview *overview = gathering->overview;
    if (!overview->config.job_file)
        return;
    overview->waits = js_waits_new(overview->config.job_file,
                                   js_history_ledger(overview->history),
                                   take_job, gathering, &overview->list_error);
    size_t count = overview->kept.len / sizeof(struct js_job *);
    if (count > 0)
        qsort(overview->kept.data, count, sizeof(struct js_job *), compare_ids);
}

const struct js_job *js_overview_find(const struct js_overview *overview,
                                      uint64_t id)
{
    struct js_job wanted = {.id = id};
    const struct js_job *key = &wanted;
    size_t count = overview->kept.len / sizeof(struct js_job *);
    if (count == 0)
        return NULL;
    struct js_job *const *found = bsearch(&key, overview->kept.data, count,
                                          sizeof(struct js_job *), compare_ids);
    return found ? *found : NULL;
}

/* ---------------------------------------------------------------- loading */

/* What the journal calls it: a name goes before a number. */
static uint64_t find_explained(struct js_overview *overview)
{
    const char *wanted = overview->config.explained;
    uint64_t id =
        wanted
            ? js_ledger_find_name(js_history_ledger(overview->history), wanted)
            : 0;
    if (!wanted || id > 0)
        return id;
    if (js_parse_count(wanted, &id) < 0 ||
        id > js_history_jobs(overview->history))
        return 0;
    return id;
}

static int explain(struct gathering *gathering, struct js_err *err)
{
    struct js_overview *overview = gathering->overview;
    const char *wanted = overview->config.explained;
    if (!wanted || overview->is_explained)
        return 0;
    overview->is_explained = gathering->explained_id > 0;
    overview->explained =
        (struct js_overview_job){.id = gathering->explained_id};
    if (overview->is_explained)
        return 0;
    errno = ENOENT;
    return js_err_set(err, "no job in %s%s has the name or id \"%s\"",
                      overview->config.journal,
                      overview->waits ? " or in its list" : "", wanted);
}

int js_overview_load(struct js_overview *ret,
                     const struct js_overview_config *config,
                     struct js_err *err)
{
    struct gathering gathering = {.overview = ret};
    *ret = (struct js_overview){.config = *config};
    ret->history = js_history_load(config->journal, err);
    if (!ret->history)
        return -1;
    ret->now_unix_ns = js_clock_unix_ns();
    ret->life = js_history_life(ret->history);
    ret->has_run = js_history_runs(ret->history) > 0;
    if (ret->has_run)
        js_history_run(ret->history, js_history_runs(ret->history) - 1,
                       &ret->run);
    count_jobs(ret);
    reckon(ret);
    find_worked(ret);
    gathering.explained_id = find_explained(ret);
    gathering.first_failed = find_first_failed(ret);
    read_list(&gathering);
    if (explain(&gathering, err) == 0)
        return 0;
    js_overview_release(ret);
    return -1;
}

void js_overview_release(struct js_overview *overview)
{
    size_t count = overview->kept.len / sizeof(struct js_job *);
    int saved = errno;
    for (size_t i = 0; i < count; i++)
        js_job_free(((struct js_job **)overview->kept.data)[i]);
    js_buf_release(&overview->kept);
    js_waits_free(overview->waits);
    js_history_free(overview->history);
    errno = saved;
}
