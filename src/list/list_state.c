#include "list/list_state.h"

#include "base/buf.h"
#include "list/graph.h"
#include "list/resume.h"
#include "list/source.h"

#include <errno.h>
#include <stdlib.h>

struct js_waits {
    struct js_resume resume;
    struct js_source *source;
    struct js_buf ids; /* uint64_t, by seq - 1 */
    js_waits_fn visit;
    void *arg;
    int error; /* of a visit, or for want of memory; 0: none */
};

static void visit(struct js_waits *waits, const struct js_job *job,
                  enum js_wait wait)
{
    if (waits->error == 0 && waits->visit(waits->arg, job, wait) < 0)
        waits->error = errno;
}

/* In the order of the list. Those that are left are visited when the graph
 * knows of them. */
static void note_judged(void *arg, const struct js_job *job,
                        enum js_verdict verdict)
{
    struct js_waits *waits = arg;
    if (js_buf_append(&waits->ids, &job->id, sizeof(job->id)) < 0)
        waits->error = errno;
    if (verdict != JS_VERDICT_RUN)
        visit(waits, job, JS_WAIT_NOT);
}

static enum js_wait wait_of(const struct js_graph *graph,
                            const struct js_job *job)
{
    if (!job->is_waiting)
        return JS_WAIT_FOR_ROOM;
    switch (js_graph_wait(graph, job->seq)) {
    case JS_GRAPH_FOR_JOBS:
        return JS_WAIT_FOR_JOBS;
    case JS_GRAPH_FOR_BARRIER:
        return JS_WAIT_BEHIND_WAIT;
    case JS_GRAPH_SKIPPED:
        break;
    }
    return JS_WAIT_TO_SKIP;
}

static int read_list(struct js_waits *waits, struct js_err *err)
{
    struct js_graph *graph = js_source_graph(waits->source);
    struct js_job *job;
    enum js_source_state state;
    while (waits->error == 0 &&
           (state = js_source_next(waits->source, &job, err)) !=
               JS_SOURCE_END) {
        uint64_t parent;
        if (state != JS_SOURCE_JOB)
            return -1;
        visit(waits, job, wait_of(graph, job));
        while (js_graph_next_skipped(graph, &parent))
            continue;
        js_job_free(job);
    }
    errno = waits->error;
    return errno ? -1 : 0;
}

static int open_list(struct js_waits *waits, const char *path,
                     struct js_err *err)
{
    waits->source = js_source_new_regular(path, &waits->resume, err);
    if (!waits->source)
        return -1;
    waits->resume.judged = note_judged;
    if (read_list(waits, err) == 0)
        return 0;
    return waits->error ? js_err_errno(err, "%s", path) : -1;
}

struct js_waits *js_waits_new(const char *path, struct js_ledger *ledger,
                              js_waits_fn visit_job, void *arg,
                              struct js_err *err)
{
    struct js_waits *waits = calloc(1, sizeof(*waits));
    if (!waits) {
        js_err_errno(err, "%s", path);
        return NULL;
    }
    waits->visit = visit_job;
    waits->arg = arg;
    js_resume_init(&waits->resume, ledger, JS_RESUME_LOOK, NULL, waits);
    if (open_list(waits, path, err) == 0)
        return waits;
    js_waits_free(waits);
    return NULL;
}

void js_waits_free(struct js_waits *waits)
{
    if (!waits)
        return;
    js_source_free(waits->source);
    js_buf_release(&waits->ids);
    free(waits);
}

struct asked {
    const struct js_waits *waits;
    js_awaited_fn visit;
    void *arg;
};

static void tell_awaited(void *arg, uint64_t seq, bool any)
{
    const struct asked *asked = arg;
    const struct js_graph *graph = js_source_graph(asked->waits->source);
    const uint64_t *ids = (const uint64_t *)asked->waits->ids.data;
    const char *name = js_graph_name(graph, seq);
    struct js_awaited awaited = {
        .id = ids[seq - 1], .name = name ? name : "", .any = any};
    asked->visit(asked->arg, &awaited);
}

void js_waits_each(const struct js_waits *waits, uint64_t seq,
                   js_awaited_fn visit_awaited, void *arg)
{
    struct asked asked = {waits, visit_awaited, arg};
    js_graph_each_awaited(js_source_graph(waits->source), seq, tell_awaited,
                          &asked);
}

uint64_t js_waits_above(const struct js_waits *waits, uint64_t seq)
{
    return js_graph_pending_above(js_source_graph(waits->source), seq);
}
