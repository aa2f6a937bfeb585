/*
 * resume - which jobs of a list run, when an earlier run has done some of it.
 *
 * Goes through the list in its order, job by job, and gives each its id and a
 * verdict. Works as make does: what succeeded is not run again, unless it comes
 * after something that runs. What failed in an earlier start of this very run
 * (js_registry_settle()) is not run again either. Borrows the registry, and
 * keeps it up to date; what changes in it is told, so that it can be put on
 * record. Without a registry every job runs, and its id is its place in the
 * list.
 */
#ifndef JS_LIST_RESUME_H
#define JS_LIST_RESUME_H

#include "base/buf.h"
#include "list/job.h"
#include "list/registry.h"

#include <stdbool.h>
#include <stdint.h>

/* Which of the jobs that have not succeeded run. */
enum js_resume_what {
    JS_RESUME_ALL = 0,
    JS_RESUME_ONLY_FAILED, /* those that failed or were skipped, or were to run
                              again because of such and did not; and what comes
                              after these, new jobs excepted */
    JS_RESUME_NOT_FAILED,  /* not those that failed */
    JS_RESUME_LOOK,        /* it is only looked how the jobs stand: nothing
                              changes, and nothing follows for what comes after
                              them; the id of one that is not known is 0 */
    JS_RESUME_MATCH,       /* the same, but all run, however they stand */
};

/* Where a job stands when its list is read; the order is that of strength, for
 * what comes after several. */
enum js_resume_decision {
    JS_RESUME_DECISION_DONE = 0, /* it succeeded in an earlier run */
    JS_RESUME_DECISION_FAILED,   /* ... failed, and is not run again */
    JS_RESUME_DECISION_RUN,
    JS_RESUME_DECISION_ASIDE, /* not in this run */
};

/* What changed in the registry. */
enum js_resume_change {
    JS_RESUME_ACCEPTED, /* a job more: identity */
    JS_RESUME_NAMED,
    JS_RESUME_AGAIN, /* its success no longer counts */
    JS_RESUME_GONE,  /* it is no longer in the list */
    JS_RESUME_BACK,  /* it is in the list again */
};

struct js_resume_news {
    enum js_resume_change change;
    uint64_t id;
    const struct js_identity *identity; /* of ACCEPTED, else NULL */
    const char *name;                   /* of NAMED, else NULL */
};

/* 0, or -1 with errno ENOMEM. */
typedef int (*js_resume_fn)(void *arg, const struct js_resume_news *news);

/* Where a job stands, its id and line known. */
typedef void (*js_resume_judged_fn)(void *arg, const struct js_job *job,
                                    enum js_resume_decision verdict);

/* Of the jobs so far. */
struct js_resume_counts {
    uint64_t done;    /* not run again */
    uint64_t failed;  /* in an earlier run, or skipped */
    uint64_t left;    /* accepted in an earlier run, not finished */
    uint64_t again;   /* succeeded, but come after something that runs */
    uint64_t changed; /* the name is known, with another content */
    uint64_t added;   /* not known */
    uint64_t gone;    /* known, and no longer in the list */
    uint64_t runs;    /* of all these: those that run in this run, */
    uint64_t aside;   /* those that do not, though they have not ended, */
    uint64_t held;    /* ... of these: failed ones that ONLY_FAILED asks for,
                         but that come after something which does not run, */
    uint64_t stand;   /* and those that failed and are not run again */
};

struct js_resume {
    struct js_registry *registry; /* borrowed; NULL: there is none */
    enum js_resume_what what;
    bool is_stream; /* the list is read once, and new jobs are not remembered */
    js_resume_fn tell;          /* NULL for JS_RESUME_LOOK and MATCH */
    js_resume_judged_fn judged; /* NULL: nobody wants to know */
    void *arg;
    struct js_resume_counts counts;
    uint64_t known;    /* jobs that were in the registry before this run */
    uint64_t streamed; /* new jobs of a stream */
};

void js_resume_init(struct js_resume *resume, struct js_registry *registry,
                    enum js_resume_what what, js_resume_fn tell, void *arg);

/* The list is read from its beginning; counts begin anew. */
void js_resume_rewind(struct js_resume *resume);

/*
 * The next job of the list. `after` is the strongest verdict on those that it
 * comes after (js_graph_mark). Sets its id, and its losses so far. Returns 0,
 * or -1 with errno ENOMEM.
 */
int js_resume_judge(struct js_resume *resume, struct js_job *job,
                    enum js_resume_decision after,
                    enum js_resume_decision *ret);

/* The list has been read to its end: finds what is gone. 0, or -1, ENOMEM. */
int js_resume_end(struct js_resume *resume);

/* Appends "812 done, 3 changed, 40 new, 2 gone: 43 to run". 0, or -1, ENOMEM.
 */
int js_resume_describe(const struct js_resume_counts *counts,
                       struct js_buf *buf);

#endif
