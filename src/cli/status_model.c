#include "cli/status_model.h"

#include "base/clock.h"
#include "base/units.h"
#include "record/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The time over which the number of jobs shorter than a second is averaged. */
static const int64_t brief_ns = 5 * JS_NS_PER_S;

/* This many attempts for each slot are enough to estimate the time left;
 * earlier ones have no weight in it (record/progress.h). */
enum { FOLLOWED_PER_SLOT = 2000 };

/* The state that is needed while the list is read, job by job. */
/* Invariant: if is_named, the explained job of `status` has the wanted name;
 * otherwise it has the wanted id, or none was found yet. */
struct gathering {
    struct js_status_model *status;
    uint64_t explained_id; /* according to the journal; 0: it has no such job */
    bool is_named;         /* a job with that name was found */
    size_t first_failed;   /* earlier attempts are not shown */
};

/* ---------------------------------------------------------------- counts */

static void counts_add(struct js_status_model_counts *counts,
                       const struct js_journal_model_job *job)
{
    if (job->is_gone) {
        counts->gone++;
        return;
    }
    counts->jobs++;
    switch (job->state) {
    case JS_JOB_STATE_SUCCEEDED:
        counts->done++;
        break;
    case JS_JOB_STATE_FAILED:
        counts->failed++;
        break;
    case JS_JOB_STATE_SKIPPED:
        counts->skipped++;
        break;
    case JS_JOB_STATE_LEFT:
        counts->left++;
        counts->running += job->begun != JS_JOURNAL_MODEL_NONE;
        break;
    }
}

/* ---------------------------------------------------------------- the rate */

/* Something began or ended in this run. */
struct moment {
    int64_t at_unix_ns;
    int64_t run_ns;  /* run time of an attempt that ended then; -1: one began */
    bool is_counted; /* its job ended with it */
};

/* Ends come before starts of the same time, so that a slot that was freed and
 * given away at once does not count twice. */
static int compare_moments(const void *a, const void *b)
{
    const struct moment *one = a, *other = b;
    if (one->at_unix_ns != other->at_unix_ns)
        return one->at_unix_ns < other->at_unix_ns ? -1 : 1;
    return (one->run_ns < other->run_ns) - (one->run_ns > other->run_ns);
}

static int collect_moments(const struct js_status_model *status,
                           struct js_buf *ret)
{
    const struct js_journal_model *model = status->model;
    size_t first = 0, count = js_journal_model_look(model).attempts;
    uint64_t slots = status->run.slots > 0 ? status->run.slots : 1;
    if (count / FOLLOWED_PER_SLOT >= slots)
        first = count - FOLLOWED_PER_SLOT * (size_t)slots;
    for (size_t i = count; i-- > first;) {
        struct js_journal_model_attempt attempt;
        js_journal_model_attempt(model, i, &attempt);
        /* From here on, the attempts belong to earlier runs. */
        if (attempt.slave < status->run.first_slave)
            break;
        int64_t start_ns = attempt.outcome.start_unix_ns;
        int64_t run_ns =
            attempt.outcome.run_ns > 0 ? attempt.outcome.run_ns : 0;
        struct moment both[] = {
            {.at_unix_ns = start_ns, .run_ns = -1},
            {.at_unix_ns = start_ns + run_ns,
             .run_ns = run_ns,
             .is_counted = attempt.kind == JS_JOURNAL_MODEL_OK ||
                           attempt.kind == JS_JOURNAL_MODEL_FAILED}};
        if (js_buf_append(ret, both, sizeof(both)) < 0)
            return -1;
    }
    for (size_t i = 0; i < js_journal_model_look(model).begun; i++) {
        struct js_journal_model_begun begun;
        js_journal_model_begun(model, i, &begun);
        struct moment began = {.at_unix_ns = begun.start_unix_ns, .run_ns = -1};
        if (js_buf_append(ret, &began, sizeof(began)) < 0)
            return -1;
    }
    return 0;
}

/* Repeats what the master of the run has reported to its progress bar
 * (record/display.c), so both show the same. */
static int follow_run(const struct js_status_model *status, struct js_eta *eta)
{
    const struct js_status_model_counts *counts = &status->counts;
    struct js_buf moments = JS_BUF_INIT;
    uint64_t ended = 0, running = 0;
    int64_t run_ns = 0;
    int rc = collect_moments(status, &moments);
    struct moment *all = (struct moment *)(void *)moments.data;
    size_t count = rc == 0 ? moments.len / sizeof(*all) : 0;
    if (count > 0)
        qsort(all, count, sizeof(*all), compare_moments);
    for (size_t i = 0; i < count; i++) {
        const struct moment *moment = &all[i];
        bool is_end = moment->run_ns >= 0;
        /* An attempt that took no time ends before it begins here. The sum then
         * wraps, but only for a moment of zero length, which has no weight. */
        running += is_end ? -1 : 1;
        run_ns += is_end ? moment->run_ns : 0;
        ended += moment->is_counted;
        /* Clocks of other hosts may differ. */
        int64_t at_ns = moment->at_unix_ns < status->now_unix_ns
                            ? moment->at_unix_ns
                            : status->now_unix_ns;
        js_eta_note(eta, at_ns, ended, run_ns, running);
    }
    js_eta_note(eta, status->now_unix_ns, ended, run_ns,
                counts->running + counts->brief);
    js_buf_release(&moments);
    return rc;
}

/* The journal records the start of a job only after a second. Shorter jobs are
 * in it only once they have ended. */
static void count_brief(struct js_status_model *status)
{
    const struct js_journal_model *model = status->model;
    struct js_status_model_counts *counts = &status->counts;
    int64_t now_ns = status->now_unix_ns, parts_ns = 0;
    int64_t elapsed_ns = now_ns - status->run.begin_unix_ns;
    if (elapsed_ns <= 0)
        return;
    for (size_t i = js_journal_model_look(model).attempts; i-- > 0;) {
        struct js_journal_model_attempt attempt;
        js_journal_model_attempt(model, i, &attempt);
        if (attempt.slave < status->run.first_slave)
            break;
        /* The part of a short attempt that lies within the last brief_ns. */
        int64_t begin_ns = attempt.outcome.start_unix_ns;
        int64_t end_ns = begin_ns + attempt.outcome.run_ns;
        if (attempt.outcome.run_ns >= JS_NS_PER_S || end_ns > now_ns)
            continue;
        if (begin_ns < now_ns - brief_ns)
            begin_ns = now_ns - brief_ns;
        parts_ns += end_ns > begin_ns ? end_ns - begin_ns : 0;
    }
    double mean = (double)parts_ns /
                  (double)(elapsed_ns < brief_ns ? elapsed_ns : brief_ns);
    uint64_t most = status->run.slots;
    uint64_t waiting = counts->left - counts->running;
    most -= counts->running < most ? counts->running : most;
    if (waiting < most)
        most = waiting;
    /* Their number is at most that of the free slots, and of the waiting jobs,
     * even if the clocks of other hosts suggest more. */
    counts->brief = (uint64_t)(mean + 0.5);
    if (counts->brief > most)
        counts->brief = most;
}

/* The same numbers as in the progress bar of the run; none for a run that is
 * not in progress. */
static void status_model_estimate(struct js_status_model *status)
{
    struct js_eta eta = {0};
    status->to_come_ns = -1;
    if (status->life != JS_JOURNAL_MODEL_ON)
        return;
    count_brief(status);
    if (follow_run(status, &eta) < 0)
        return;
    struct js_eta_estimate estimate =
        js_eta_estimate(&eta, status->run.slots, status->counts.left);
    if (!estimate.is_known)
        return;
    status->rate_per_s = estimate.rate;
    status->to_come_ns = estimate.left_ns;
}

/* A run that found nothing to do says less than the one before it. */
static void status_model_find_worked(struct js_status_model *status)
{
    const struct js_journal_model *model = status->model;
    size_t attempts = js_journal_model_look(model).attempts;
    struct js_journal_model_attempt attempt;
    struct js_journal_model_slave slave;
    if (status->life != JS_JOURNAL_MODEL_ENDED || attempts == 0 ||
        status->run.status == JOBSCHED_STOPPED ||
        status->run.status == JOBSCHED_BROKEN)
        return;
    js_journal_model_attempt(model, attempts - 1, &attempt);
    js_journal_model_slave(model, attempt.slave, &slave);
    status->is_idle = slave.run + 1 < js_journal_model_look(model).runs;
    if (status->is_idle)
        js_journal_model_run(model, slave.run, &status->worked);
}

int js_status_model_describe(const struct js_status_model *status,
                             const struct js_journal_model_attempt *attempt,
                             struct js_buf *buf)
{
    const struct js_job *job = js_status_model_find(status, attempt->id);
    const struct js_outcome *outcome = &attempt->outcome;
    return js_outcome_describe(
        outcome, job ? js_job_path(job, outcome->step) : NULL, buf);
}

/* ---------------------------------------------------------------- the list */

bool js_status_model_next_failed(const struct js_status_model *status,
                                 size_t *at,
                                 struct js_journal_model_attempt *ret)
{
    const struct js_journal_model *model = status->model;
    /* Only the latest attempt of a job counts: after an earlier one that failed
     * it may have succeeded. */
    size_t i = *at == JS_JOURNAL_MODEL_NONE
                   ? js_journal_model_look(model).attempts
                   : *at;
    while (i-- > 0) {
        struct js_journal_model_job job;
        js_journal_model_attempt(model, i, ret);
        if (ret->kind != JS_JOURNAL_MODEL_FAILED)
            continue;
        js_journal_model_job(model, ret->id, &job);
        if (job.state == JS_JOB_STATE_FAILED && job.latest == i &&
            !job.is_gone) {
            *at = i;
            return true;
        }
    }
    return false;
}

static struct js_job *status_model_keep(struct js_status_model *status,
                                        const struct js_job *job)
{
    struct js_job *copy = js_job_copy(job);
    if (copy && js_buf_append(&status->kept, &copy, sizeof(copy)) < 0) {
        js_job_free(copy);
        copy = NULL;
    }
    return copy;
}

static int keep_explained(struct gathering *gathering, const struct js_job *job,
                          enum js_wait wait)
{
    struct js_status_model *status = gathering->status;
    const char *wanted = status->config.explained;
    /* A job may have another's id as its name; the name takes precedence. */
    bool is_named = wanted && strcmp(js_job_name(job), wanted) == 0;
    bool is_numbered = job->id > 0 && job->id == gathering->explained_id;
    /* No name contains a '='. Of several jobs with that value, the first is
     * explained. */
    if (wanted && strchr(wanted, '=') && !status->is_explained)
        is_named = js_job_has_args(job, wanted);
    if (!is_named && (!is_numbered || gathering->is_named))
        return 0;
    gathering->is_named |= is_named;
    status->is_explained = true;
    status->explained = (struct js_status_model_job){
        .id = job->id,
        .job = status_model_keep(status, job),
        .wait = wait,
        .ahead = status->counts.waiting[JS_WAIT_FOR_ROOM]};
    return status->explained.job ? 0 : -1;
}

static int status_model_take_job(void *arg, const struct js_job *job,
                                 enum js_wait wait)
{
    struct gathering *gathering = arg;
    struct js_status_model *status = gathering->status;
    struct js_journal_model_job known = {.begun = JS_JOURNAL_MODEL_NONE,
                                         .latest = JS_JOURNAL_MODEL_NONE};
    if (job->id > 0)
        js_journal_model_job(status->model, job->id, &known);
    else
        status->counts.added++;
    /* Of the others, only those that are shown need their commands; a list may
     * have millions. */
    bool has_failed = known.state == JS_JOB_STATE_FAILED &&
                      known.latest != JS_JOURNAL_MODEL_NONE;
    bool is_shown = known.begun != JS_JOURNAL_MODEL_NONE ||
                    (has_failed && known.latest >= gathering->first_failed);
    if (keep_explained(gathering, job, wait) < 0 ||
        (is_shown && !status_model_keep(status, job)))
        return -1;
    if (job->id > 0 && known.begun == JS_JOURNAL_MODEL_NONE)
        status->counts.waiting[wait]++;
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    const struct js_job *const *one = a, *const *other = b;
    return ((*one)->id > (*other)->id) - ((*one)->id < (*other)->id);
}

/* If the list cannot be read, the rest is still reported. */
static void status_model_read_list(struct gathering *gathering)
{
    struct js_status_model *status = gathering->status;
    if (!status->config.job_file)
        return;
    const char *format = status->config.format
                             ? status->config.format
                             : js_journal_model_look(status->model).format;
    status->list =
        js_list_read(status->config.job_file, format, &status->list_error);
    if (!status->list)
        return;
    status->list_state = js_list_state_new(
        status->list, js_journal_model_look(status->model).registry,
        status_model_take_job, gathering);
    if (!status->list_state)
        js_err_errno(&status->list_error, "%s", status->config.job_file);
    /* Jobs come in the order of the list, which need not be that of their ids:
     * lines may have been moved between two runs. */
    size_t count = status->kept.len / sizeof(struct js_job *);
    if (count > 0)
        qsort(status->kept.data, count, sizeof(struct js_job *), compare_ids);
}

const struct js_job *js_status_model_find(const struct js_status_model *status,
                                          uint64_t id)
{
    struct js_job wanted = {.id = id};
    const struct js_job *key = &wanted;
    size_t count = status->kept.len / sizeof(struct js_job *);
    if (count == 0)
        return NULL;
    struct js_job *const *found = bsearch(&key, status->kept.data, count,
                                          sizeof(struct js_job *), compare_ids);
    return found ? *found : NULL;
}

/* ---------------------------------------------------------------- loading */

/* Finds the job by what the journal calls it. A name takes precedence over a
 * number. */
static uint64_t find_explained(struct js_status_model *status)
{
    const char *wanted = status->config.explained;
    uint64_t id =
        wanted ? js_registry_find_name(
                     js_journal_model_look(status->model).registry, wanted)
               : 0;
    if (!wanted || id > 0)
        return id;
    if (js_parse_count(wanted, &id) < 0 ||
        id > js_journal_model_look(status->model).jobs)
        return 0;
    return id;
}

static int explain(struct gathering *gathering, struct js_err *err)
{
    struct js_status_model *status = gathering->status;
    const char *wanted = status->config.explained;
    if (!wanted || status->is_explained)
        return 0;
    status->is_explained = gathering->explained_id > 0;
    status->explained =
        (struct js_status_model_job){.id = gathering->explained_id};
    if (status->is_explained)
        return 0;
    errno = ENOENT;
    if (strchr(wanted, '=') && !status->list_state)
        return js_err_set(err,
                          "cannot look for the value \"%s\": values are in the "
                          "list, not in %s; give the job's id or name",
                          wanted, status->config.journal);
    return js_err_set(err, "no job in %s%s has the %s \"%s\"",
                      status->config.journal,
                      status->list_state ? " or in its list" : "",
                      strchr(wanted, '=') ? "value" : "name or id", wanted);
}

int js_status_model_load(struct js_status_model *ret,
                         const struct js_status_model_config *config,
                         struct js_err *err)
{
    struct gathering gathering = {.status = ret};
    *ret = (struct js_status_model){.config = *config};
    ret->model = js_journal_model_load(config->journal, err);
    if (!ret->model)
        return -1;
    ret->now_unix_ns = js_clock_unix_ns();
    ret->life = js_journal_model_look(ret->model).life;
    ret->has_run = js_journal_model_look(ret->model).runs > 0;
    if (ret->has_run)
        js_journal_model_run(
            ret->model, js_journal_model_look(ret->model).runs - 1, &ret->run);
    uint64_t jobs = js_journal_model_look(ret->model).jobs;
    for (uint64_t id = 1; id <= jobs; id++) {
        struct js_journal_model_job job;
        js_journal_model_job(ret->model, id, &job);
        counts_add(&ret->counts, &job);
    }
    /* The list is read after the journal, which decides for which jobs the list
     * must keep the commands. The list may also be gone; the rest can still be
     * shown. */
    status_model_estimate(ret);
    status_model_find_worked(ret);
    gathering.explained_id = find_explained(ret);
    /* The earliest attempt of the failed jobs that are shown. */
    struct js_journal_model_attempt attempt;
    gathering.first_failed = JS_JOURNAL_MODEL_NONE;
    for (size_t n = 0; n < config->failed_shown; n++) {
        if (!js_status_model_next_failed(ret, &gathering.first_failed,
                                         &attempt))
            break;
    }
    status_model_read_list(&gathering);
    if (explain(&gathering, err) == 0)
        return 0;
    js_status_model_release(ret);
    return -1;
}

void js_status_model_release(struct js_status_model *status)
{
    size_t count = status->kept.len / sizeof(struct js_job *);
    int saved = errno;
    for (size_t i = 0; i < count; i++)
        js_job_free(((struct js_job **)status->kept.data)[i]);
    js_buf_release(&status->kept);
    js_list_state_free(status->list_state); /* its source reads the list */
    js_list_free(status->list);
    js_journal_model_free(status->model);
    errno = saved;
}
