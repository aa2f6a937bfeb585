#include "list/list_state.h"

#include "base/buf.h"
#include "list/graph.h"
#include "list/resume.h"
#include "list/source.h"

#include <errno.h>
#include <stdlib.h>

/* The walk needs the ids of all jobs, because the graph knows them only by
 * their position in the list. */
struct js_list_state {
    struct js_resume resume;
    struct js_source *source;
    struct js_buf ids; /* uint64_t, by seq - 1 */
    js_list_state_fn visit;
    void *arg;
    int error; /* errno of a failed visit or allocation; 0: none */
};

/* Called in the order of the list. Unfinished jobs are visited later, when all
 * jobs are in the graph. */
static void note_decided(void *arg, const struct js_job *job,
                         enum js_resume_decision decision)
{
    struct js_list_state *list_state = arg;
    bool has_ended = decision != JS_RESUME_DECISION_RUN;
    if (list_state->error == 0 &&
        (js_buf_append(&list_state->ids, &job->id, sizeof(job->id)) < 0 ||
         (has_ended &&
          list_state->visit(list_state->arg, job, JS_WAIT_NOT) < 0)))
        list_state->error = errno;
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

struct js_list_state *js_list_state_new(const struct js_list *list,
                                        struct js_registry *registry,
                                        js_list_state_fn visit_job, void *arg)
{
    struct js_list_state *list_state = calloc(1, sizeof(*list_state));
    enum js_source_state state = JS_SOURCE_JOB;
    struct js_job *job;
    if (!list_state)
        return NULL;
    list_state->visit = visit_job;
    list_state->arg = arg;
    js_resume_init(&list_state->resume, registry, JS_RESUME_LOOK, NULL,
                   list_state);
    list_state->resume.decided = note_decided;
    list_state->source = js_source_new_list(list, &list_state->resume);
    if (!list_state->source)
        list_state->error = ENOMEM;
    while (list_state->error == 0 &&
           (state = js_source_next(list_state->source, &job, NULL)) ==
               JS_SOURCE_JOB) {
        struct js_graph *graph = js_source_graph(list_state->source);
        uint64_t parent;
        if (list_state->error == 0 &&
            list_state->visit(list_state->arg, job, wait_of(graph, job)) < 0)
            list_state->error = errno;
        /* js_graph_next_skipped() must be called after each job that waits; its
         * answer is already part of wait_of(). */
        while (js_graph_next_skipped(graph, &parent))
            continue;
        js_job_free(job);
    }
    /* A checked list has no errors, so the only failure is a lack of memory. */
    if (list_state->error == 0 && state != JS_SOURCE_END)
        list_state->error = ENOMEM;
    if (list_state->error == 0)
        return list_state;
    errno = list_state->error;
    js_list_state_free(list_state);
    return NULL;
}

void js_list_state_free(struct js_list_state *list_state)
{
    int saved = errno;
    if (!list_state)
        return;
    js_source_free(list_state->source);
    js_buf_release(&list_state->ids);
    free(list_state);
    errno = saved;
}

struct asked {
    const struct js_list_state *list_state;
    js_awaited_fn visit;
    void *arg;
};

static void report_awaited(void *arg, uint64_t seq, bool any)
{
    const struct asked *asked = arg;
    const struct js_graph *graph = js_source_graph(asked->list_state->source);
    const uint64_t *ids = (const uint64_t *)asked->list_state->ids.data;
    const char *name = js_graph_name(graph, seq);
    struct js_awaited awaited = {
        .id = ids[seq - 1], .name = name ? name : "", .any = any};
    asked->visit(asked->arg, &awaited);
}

void js_list_state_each(const struct js_list_state *list_state, uint64_t seq,
                        js_awaited_fn visit_awaited, void *arg)
{
    struct asked asked = {list_state, visit_awaited, arg};
    js_graph_each_awaited(js_source_graph(list_state->source), seq,
                          report_awaited, &asked);
}

uint64_t js_list_state_above(const struct js_list_state *list_state,
                             uint64_t seq)
{
    return js_graph_pending_above(js_source_graph(list_state->source), seq);
}
