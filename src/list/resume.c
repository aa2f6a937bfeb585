#include "list/resume.h"

#include "base/bits.h"

#include <inttypes.h>

void js_resume_init(struct js_resume *resume, struct js_registry *registry,
                    enum js_resume_what what, js_resume_fn resume_report,
                    void *arg)
{
    *resume = (struct js_resume){.registry = registry,
                                 .what = what,
                                 .report = resume_report,
                                 .arg = arg};
    if (!registry)
        return;
    resume->known = js_registry_count(registry);
    js_registry_rewind(registry);
}

/* ---------------------------------------------------------------- one job */

static int resume_report(const struct js_resume *resume,
                         enum js_resume_change change, uint64_t id)
{
    struct js_resume_news news = {.change = change, .id = id};
    return resume->report(resume->arg, &news);
}

static int resume_report_name(struct js_resume *resume, uint64_t id,
                              const char *name)
{
    struct js_resume_news news = {JS_RESUME_NAMED, id, NULL, name};
    /* A name is reported only when it is new or has moved to another job. */
    if (!name[0] || js_registry_find_name(resume->registry, name) == id)
        return 0;
    /* For a stream the name is recorded, but is not needed here. */
    if (id <= js_registry_count(resume->registry) &&
        js_registry_name(resume->registry, id, name) < 0)
        return -1;
    return resume->report(resume->arg, &news);
}

/* The job is new. */
static int accept_job(struct js_resume *resume, struct js_job *job,
                      const struct js_identity *identity,
                      enum js_resume_decision decision)
{
    struct js_registry *registry = resume->registry;
    struct js_resume_news news = {.change = JS_RESUME_ACCEPTED,
                                  .identity = identity};
    const char *name = js_job_name(job);
    uint64_t namesake = js_registry_find_name(registry, name);
    bool is_changed = namesake > 0 && namesake <= resume->known;
    if (decision == JS_RESUME_DECISION_DONE) {
        resume->counts.done++;
    } else if (decision != JS_RESUME_DECISION_LEFT_OUT) {
        resume->counts.changed += is_changed;
        resume->counts.added += !is_changed;
    }
    /* The job that had the name is gone, unless it has already occurred in this
     * list. (If it follows without that name, it counts as back.) */
    if (is_changed && !js_registry_get(registry, namesake).is_matched &&
        !js_registry_get(registry, namesake).is_gone) {
        js_registry_set_gone(registry, namesake, true);
        if (resume_report(resume, JS_RESUME_GONE, namesake) < 0)
            return -1;
    }
    /* A stream may be endless, so its jobs are not remembered here. The journal
     * records them. */
    if (resume->is_stream)
        job->id = resume->known + ++resume->streamed;
    else
        job->id = js_registry_add(registry, identity);
    news.id = job->id;
    if (job->id == 0 || resume->report(resume->arg, &news) < 0 ||
        resume_report_name(resume, job->id, name) < 0)
        return -1;
    if (decision != JS_RESUME_DECISION_DONE)
        return 0;
    if (!resume->is_stream)
        js_registry_set(registry, job->id, JS_JOB_STATE_SUCCEEDED);
    return resume_report(resume, JS_RESUME_DONE, job->id);
}

/* A job that must run again because of a failure belongs to that failure, so
 * JS_RESUME_ONLY_FAILED includes it. */
static bool has_gone_wrong(const struct js_registry_job *known)
{
    return known->state == JS_JOB_STATE_FAILED ||
           known->state == JS_JOB_STATE_SKIPPED || known->is_owed;
}

static bool is_left_out(const struct js_resume *resume,
                        const struct js_job *job)
{
    return resume->selected &&
           (job->seq > resume->selected_count ||
            !js_bits_has(resume->selected, (uint32_t)(job->seq - 1)));
}

/* The decision on a job that is not selected. */
static enum js_resume_decision
decision_on_left_out(const struct js_registry_job *known,
                     enum js_resume_decision after)
{
    if (known->state != JS_JOB_STATE_SUCCEEDED)
        return JS_RESUME_DECISION_LEFT_OUT;
    return after >= JS_RESUME_DECISION_RUN ? JS_RESUME_DECISION_OWED
                                           : JS_RESUME_DECISION_DONE;
}

/* The order of these questions matters: the jobs that a job comes after decide
 * first, then what is known about the job itself. */
static enum js_resume_decision decision_of(const struct js_resume *resume,
                                           const struct js_registry_job *known,
                                           const struct js_job *job,
                                           bool is_new,
                                           enum js_resume_decision after)
{
    bool is_only_failed = resume->what == JS_RESUME_ONLY_FAILED;
    bool is_failure_kept =
        known->is_settled || resume->what == JS_RESUME_NOT_FAILED;
    if (is_new && job->is_imported && after != JS_RESUME_DECISION_RUN)
        return JS_RESUME_DECISION_DONE;
    if (is_left_out(resume, job))
        return decision_on_left_out(known, after);
    if (after == JS_RESUME_DECISION_ASIDE)
        return JS_RESUME_DECISION_ASIDE;
    if (is_only_failed && is_new)
        return JS_RESUME_DECISION_ASIDE;
    if (after == JS_RESUME_DECISION_RUN)
        return JS_RESUME_DECISION_RUN;
    if (known->state == JS_JOB_STATE_SUCCEEDED)
        return JS_RESUME_DECISION_DONE;
    if (is_failure_kept && known->state == JS_JOB_STATE_FAILED)
        return JS_RESUME_DECISION_FAILED;
    if (is_only_failed && !has_gone_wrong(known))
        return JS_RESUME_DECISION_ASIDE;
    return JS_RESUME_DECISION_RUN;
}

static void count(struct js_resume *resume, const struct js_registry_job *known,
                  bool is_new, enum js_resume_decision decision)
{
    struct js_resume_counts *counts = &resume->counts;
    enum js_job_state state = known->state;
    counts->runs += decision == JS_RESUME_DECISION_RUN;
    counts->aside += decision == JS_RESUME_DECISION_ASIDE;
    counts->held +=
        decision == JS_RESUME_DECISION_ASIDE && has_gone_wrong(known);
    counts->kept += decision == JS_RESUME_DECISION_FAILED;
    counts->left_out += decision == JS_RESUME_DECISION_LEFT_OUT;
    counts->owed += decision == JS_RESUME_DECISION_OWED;
    if (is_new || decision == JS_RESUME_DECISION_LEFT_OUT ||
        decision == JS_RESUME_DECISION_OWED)
        return;
    if (state == JS_JOB_STATE_SUCCEEDED)
        *(decision == JS_RESUME_DECISION_RUN ? &counts->again
                                             : &counts->done) += 1;
    else if (state == JS_JOB_STATE_LEFT)
        counts->left++;
    else
        counts->failed++;
}

/* The job is in the registry. */
static int renew(struct js_resume *resume, const struct js_job *job,
                 enum js_job_state state, enum js_resume_decision decision)
{
    if (js_registry_get(resume->registry, job->id).is_gone) {
        js_registry_set_gone(resume->registry, job->id, false);
        if (resume_report(resume, JS_RESUME_BACK, job->id) < 0)
            return -1;
    }
    if (state == JS_JOB_STATE_SUCCEEDED &&
        (decision == JS_RESUME_DECISION_RUN ||
         decision == JS_RESUME_DECISION_OWED)) {
        js_registry_set(resume->registry, job->id, JS_JOB_STATE_LEFT);
        if (resume_report(resume, JS_RESUME_AGAIN, job->id) < 0)
            return -1;
    }
    return resume_report_name(resume, job->id, js_job_name(job));
}

static bool resume_only_looks(const struct js_resume *resume)
{
    return resume->what == JS_RESUME_LOOK || resume->what == JS_RESUME_MATCH;
}

static int resume_decide(struct js_resume *resume, struct js_job *job,
                         enum js_resume_decision after,
                         enum js_resume_decision *ret)
{
    static const enum js_resume_decision by_state[] = {
        [JS_JOB_STATE_LEFT] = JS_RESUME_DECISION_RUN,
        [JS_JOB_STATE_SUCCEEDED] = JS_RESUME_DECISION_DONE,
        [JS_JOB_STATE_FAILED] = JS_RESUME_DECISION_FAILED,
        [JS_JOB_STATE_SKIPPED] = JS_RESUME_DECISION_FAILED,
    };
    bool only_looks = resume_only_looks(resume);
    struct js_identity identity = js_identity_of(job);
    uint64_t id = js_registry_match(resume->registry, &identity);
    struct js_registry_job known = {.state = JS_JOB_STATE_LEFT};
    if (id > 0)
        known = js_registry_get(resume->registry, id);
    /* A list is read twice, and the first pass changes nothing. */
    bool is_new = id == 0 || id > resume->known;
    /* A read-only caller asks how the jobs ended, not what the next run would
     * do with them. */
    if (!only_looks)
        *ret = decision_of(resume, &known, job, is_new, after);
    else if (resume->what == JS_RESUME_LOOK)
        *ret = by_state[known.state];
    count(resume, &known, id == 0, *ret);
    /* The matches in the registry then change, but not what it knows about the
     * jobs, and an unknown job gets no id. */
    if (only_looks) {
        resume->counts.added += id == 0;
        job->id = id;
        return 0;
    }
    if (id == 0)
        return accept_job(resume, job, &identity, *ret);
    job->id = id;
    job->losses = known.losses;
    return renew(resume, job, known.state, *ret);
}

int js_resume_decide(struct js_resume *resume, struct js_job *job,
                     enum js_resume_decision after,
                     enum js_resume_decision *ret)
{
    *ret = JS_RESUME_DECISION_RUN;
    if (!resume->registry && job->is_imported &&
        after != JS_RESUME_DECISION_RUN && resume->what != JS_RESUME_MATCH) {
        *ret = JS_RESUME_DECISION_DONE;
        resume->counts.done++;
    } else if (!resume->registry && is_left_out(resume, job)) {
        *ret = JS_RESUME_DECISION_LEFT_OUT;
        resume->counts.left_out++;
    } else if (!resume->registry) {
        resume->counts.added++;
        resume->counts.runs++;
    } else if (resume_decide(resume, job, after, ret) < 0) {
        return -1;
    }
    if (resume->decided)
        resume->decided(resume->arg, job, *ret);
    return 0;
}

/* ---------------------------------------------------------------- the list */

int js_resume_end(struct js_resume *resume)
{
    struct js_registry *registry = resume->registry;
    /* Jobs beyond `known` were added by this list. */
    for (uint64_t id = 1; registry && id <= resume->known; id++) {
        if (js_registry_get(registry, id).is_matched ||
            js_registry_get(registry, id).is_gone)
            continue;
        resume->counts.gone++;
        if (resume_only_looks(resume))
            continue;
        js_registry_set_gone(registry, id, true);
        if (resume_report(resume, JS_RESUME_GONE, id) < 0)
            return -1;
    }
    return 0;
}

int js_resume_describe(const struct js_resume_counts *counts,
                       struct js_buf *buf)
{
    const struct {
        uint64_t count;
        const char *what;
    } parts[] = {
        {counts->failed, "failed"},
        {counts->left, "left"},
        {counts->again, "again"},
        {counts->changed, "changed"},
        {counts->added, "new"},
        {counts->gone, "gone"},
        {counts->left_out, "not selected"},
    };
    if (js_buf_printf(buf, "%" PRIu64 " done", counts->done) < 0)
        return -1;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i].count > 0 &&
            js_buf_printf(buf, ", %" PRIu64 " %s", parts[i].count,
                          parts[i].what) < 0)
            return -1;
    }
    return js_buf_printf(buf, ": %" PRIu64 " to run", counts->runs);
}
