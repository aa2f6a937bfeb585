#include "list/resume.h"

#include <inttypes.h>

void js_resume_init(struct js_resume *resume, struct js_ledger *ledger,
                    enum js_resume_what what, js_resume_fn tell, void *arg)
{
    *resume = (struct js_resume){
        .ledger = ledger, .what = what, .tell = tell, .arg = arg};
    if (!ledger)
        return;
    resume->known = js_ledger_count(ledger);
    js_ledger_rewind(ledger);
}

void js_resume_rewind(struct js_resume *resume)
{
    resume->counts = (struct js_resume_counts){0};
    if (resume->ledger)
        js_ledger_rewind(resume->ledger);
}

/* ---------------------------------------------------------------- one job */

static int tell(const struct js_resume *resume, enum js_resume_change change,
                uint64_t id)
{
    struct js_resume_news news = {.change = change, .id = id};
    return resume->tell(resume->arg, &news);
}

static int tell_name(struct js_resume *resume, uint64_t id, const char *name)
{
    struct js_resume_news news = {JS_RESUME_NAMED, id, NULL, name};
    if (!name[0] || js_ledger_find_name(resume->ledger, name) == id)
        return 0;
    /* Of a stream the name is put on record, and need not be known here. */
    if (id <= js_ledger_count(resume->ledger) &&
        js_ledger_name(resume->ledger, id, name) < 0)
        return -1;
    return resume->tell(resume->arg, &news);
}

/* Its name is another's now. (Should it stand elsewhere in the list without
 * that name it comes back.) */
static int replace(struct js_resume *resume, uint64_t id)
{
    if (js_ledger_is_matched(resume->ledger, id) ||
        js_ledger_is_gone(resume->ledger, id))
        return 0;
    js_ledger_set_gone(resume->ledger, id, true);
    return tell(resume, JS_RESUME_GONE, id);
}

/* It was never heard of. */
static int accept_job(struct js_resume *resume, struct js_job *job,
                      const struct js_identity *identity)
{
    struct js_resume_news news = {.change = JS_RESUME_ACCEPTED,
                                  .identity = identity};
    const char *name = js_job_name(job);
    uint64_t namesake = js_ledger_find_name(resume->ledger, name);
    bool is_changed = namesake > 0 && namesake <= resume->known;
    resume->counts.changed += is_changed;
    resume->counts.added += !is_changed;
    if (is_changed && replace(resume, namesake) < 0)
        return -1;
    if (resume->is_stream)
        job->id = resume->known + ++resume->streamed;
    else
        job->id = js_ledger_add(resume->ledger, identity);
    news.id = job->id;
    if (job->id == 0 || resume->tell(resume->arg, &news) < 0)
        return -1;
    return tell_name(resume, job->id, name);
}

/* As the ledger has it; of a new job all is false. */
struct stand {
    enum js_standing standing;
    bool is_new, is_settled, is_owed;
};

static struct stand stand_of(const struct js_resume *resume, uint64_t id)
{
    if (id == 0)
        return (struct stand){.is_new = true};
    return (struct stand){
        .standing = js_ledger_standing(resume->ledger, id),
        /* A list is read twice: first to look at it. */
        .is_new = id > resume->known,
        .is_settled = js_ledger_is_settled(resume->ledger, id),
        .is_owed = js_ledger_is_owed(resume->ledger, id),
    };
}

static bool has_gone_wrong(const struct stand *stand)
{
    return stand->standing == JS_STANDING_FAILED ||
           stand->standing == JS_STANDING_SKIPPED || stand->is_owed;
}

static enum js_verdict verdict_of(const struct js_resume *resume,
                                  const struct stand *stand,
                                  enum js_verdict after)
{
    bool is_only_failed = resume->what == JS_RESUME_ONLY_FAILED;
    bool is_failure_kept =
        stand->is_settled || resume->what == JS_RESUME_NOT_FAILED;
    if (after == JS_VERDICT_ASIDE)
        return JS_VERDICT_ASIDE;
    if (is_only_failed && stand->is_new)
        return JS_VERDICT_ASIDE;
    if (after == JS_VERDICT_RUN)
        return JS_VERDICT_RUN;
    if (stand->standing == JS_STANDING_SUCCEEDED)
        return JS_VERDICT_DONE;
    if (is_failure_kept && stand->standing == JS_STANDING_FAILED)
        return JS_VERDICT_FAILED;
    if (is_only_failed && !has_gone_wrong(stand))
        return JS_VERDICT_ASIDE;
    return JS_VERDICT_RUN;
}

static void count(struct js_resume *resume, const struct stand *stand,
                  bool is_new, enum js_verdict verdict)
{
    struct js_resume_counts *counts = &resume->counts;
    enum js_standing standing = stand->standing;
    counts->runs += verdict == JS_VERDICT_RUN;
    counts->aside += verdict == JS_VERDICT_ASIDE;
    counts->held += verdict == JS_VERDICT_ASIDE && has_gone_wrong(stand);
    counts->stand += verdict == JS_VERDICT_FAILED;
    if (is_new)
        return;
    if (standing == JS_STANDING_SUCCEEDED)
        *(verdict == JS_VERDICT_RUN ? &counts->again : &counts->done) += 1;
    else if (standing == JS_STANDING_LEFT)
        counts->left++;
    else
        counts->failed++;
}

/* It is in the ledger. */
static int renew(struct js_resume *resume, const struct js_job *job,
                 enum js_standing standing, enum js_verdict verdict)
{
    if (js_ledger_is_gone(resume->ledger, job->id)) {
        js_ledger_set_gone(resume->ledger, job->id, false);
        if (tell(resume, JS_RESUME_BACK, job->id) < 0)
            return -1;
    }
    if (standing == JS_STANDING_SUCCEEDED && verdict == JS_VERDICT_RUN) {
        js_ledger_set(resume->ledger, job->id, JS_STANDING_LEFT);
        if (tell(resume, JS_RESUME_AGAIN, job->id) < 0)
            return -1;
    }
    return tell_name(resume, job->id, js_job_name(job));
}

static enum js_verdict verdict_of_standing(enum js_standing standing)
{
    switch (standing) {
    case JS_STANDING_SUCCEEDED:
        return JS_VERDICT_DONE;
    case JS_STANDING_FAILED:
    case JS_STANDING_SKIPPED:
        return JS_VERDICT_FAILED;
    case JS_STANDING_LEFT:
        break;
    }
    return JS_VERDICT_RUN;
}

static enum js_verdict look(struct js_resume *resume, struct js_job *job)
{
    struct js_identity identity = js_identity_of(job);
    job->id = js_ledger_match(resume->ledger, &identity);
    struct stand stand = stand_of(resume, job->id);
    resume->counts.added += job->id == 0;
    enum js_verdict verdict = verdict_of_standing(stand.standing);
    count(resume, &stand, job->id == 0, verdict);
    return verdict;
}

static int judge(struct js_resume *resume, struct js_job *job,
                 enum js_verdict after, enum js_verdict *ret)
{
    struct js_identity identity = js_identity_of(job);
    uint64_t id = js_ledger_match(resume->ledger, &identity);
    struct stand stand = stand_of(resume, id);
    if (id > 0) {
        job->id = id;
        job->losses = js_ledger_losses(resume->ledger, id);
    }
    *ret = verdict_of(resume, &stand, after);
    count(resume, &stand, id == 0, *ret);
    return id == 0 ? accept_job(resume, job, &identity)
                   : renew(resume, job, stand.standing, *ret);
}

int js_resume_judge(struct js_resume *resume, struct js_job *job,
                    enum js_verdict after, enum js_verdict *ret)
{
    *ret = JS_VERDICT_RUN;
    if (!resume->ledger) {
        resume->counts.added++;
        resume->counts.runs++;
    } else if (resume->what == JS_RESUME_LOOK) {
        *ret = look(resume, job);
    } else if (judge(resume, job, after, ret) < 0) {
        return -1;
    }
    if (resume->judged)
        resume->judged(resume->arg, job, *ret);
    return 0;
}

/* ---------------------------------------------------------------- the list */

int js_resume_end(struct js_resume *resume)
{
    struct js_ledger *ledger = resume->ledger;
    for (uint64_t id = 1; ledger && id <= resume->known; id++) {
        if (js_ledger_is_matched(ledger, id) || js_ledger_is_gone(ledger, id))
            continue;
        resume->counts.gone++;
        if (resume->what == JS_RESUME_LOOK)
            continue;
        js_ledger_set_gone(ledger, id, true);
        if (tell(resume, JS_RESUME_GONE, id) < 0)
            return -1;
    }
    return 0;
}

static int add_count(struct js_buf *buf, uint64_t count, const char *what)
{
    if (count == 0)
        return 0;
    return js_buf_printf(buf, ", %" PRIu64 " %s", count, what);
}

int js_resume_describe(const struct js_resume_counts *counts,
                       struct js_buf *buf)
{
    if (js_buf_printf(buf, "%" PRIu64 " done", counts->done) < 0 ||
        add_count(buf, counts->failed, "failed") < 0 ||
        add_count(buf, counts->left, "left") < 0 ||
        add_count(buf, counts->again, "again") < 0 ||
        add_count(buf, counts->changed, "changed") < 0 ||
        add_count(buf, counts->added, "new") < 0 ||
        add_count(buf, counts->gone, "gone") < 0)
        return -1;
    return js_buf_printf(buf, ": %" PRIu64 " to run", counts->runs);
}
