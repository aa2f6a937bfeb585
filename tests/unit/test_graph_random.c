/* graph: random graphs against a plain model. */
#include "unit.h"

#include "list/graph.h"
#include "rng.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

enum { EDGES_MAX = 4, GAP_NS = 3 };
enum { MODEL_JOBS = 14, MODEL_GRAPHS = 10000, NOBODY = MODEL_JOBS };

enum model_state { M_ABSENT, M_WAITING, M_READY, M_GOOD, M_BAD, M_SKIPPED };

struct model_job {
    enum model_state state;
    uint64_t id;
    bool is_named;
    unsigned barrier; /* jobs below this index must have ended */
    bool after[MODEL_JOBS];
    bool after_any[MODEL_JOBS];
    bool is_due; /* READY or SKIPPED, and the graph has not told yet */
    unsigned depth;
    int mark;
    int64_t run_ns;
};

/* The jobs between a barrier and a `wait ok` line. */
struct model_section {
    unsigned from, to;
};

struct model {
    struct model_job jobs[MODEL_JOBS];
    unsigned count;
    unsigned barrier;
    struct model_section strict[MODEL_JOBS];
    unsigned strict_count;
    unsigned line; /* the first job of the line */
    bool is_fresh; /* nothing has ended, and ids have no gaps */
    struct js_graph *graph;
    struct rng rng;
    unsigned wrong;
};

static bool m_failed(const struct model_job *job)
{
    return job->state == M_BAD || job->state == M_SKIPPED;
}

static bool m_ended(const struct model_job *job)
{
    return job->state == M_GOOD || m_failed(job);
}

/* True if a job of the section failed or was skipped. */
static bool m_section_failed(const struct model *model,
                             const struct model_section *section)
{
    bool has_failed = false;
    for (unsigned i = section->from; i < section->to; i++)
        has_failed |= m_failed(&model->jobs[i]);
    return has_failed;
}

/* The rules, word by word. */
static enum model_state m_follows(const struct model *model, unsigned at)
{
    const struct model_job *job = &model->jobs[at];
    enum model_state state = M_READY;
    for (unsigned i = 0; i < at; i++) {
        const struct model_job *other = &model->jobs[i];
        bool matters = job->after[i] || job->after_any[i] || i < job->barrier;
        if (job->after[i] && m_failed(other))
            return M_SKIPPED;
        if (matters && !m_ended(other))
            state = M_WAITING;
    }
    for (unsigned i = 0; i < model->strict_count; i++) {
        if (model->strict[i].to <= at &&
            m_section_failed(model, &model->strict[i]))
            return M_SKIPPED;
    }
    return state;
}

static void m_update(struct model *model)
{
    bool changed = true;
    while (changed) {
        changed = false;
        for (unsigned i = 0; i < model->count; i++) {
            struct model_job *job = &model->jobs[i];
            if (job->state != M_WAITING)
                continue;
            job->state = m_follows(model, i);
            job->is_due = job->state != M_WAITING;
            changed = changed || job->is_due;
        }
    }
}

static unsigned m_depth(const struct model *model, unsigned at)
{
    const struct model_job *job = &model->jobs[at];
    unsigned depth = 1;
    for (unsigned i = 0; i < at; i++) {
        bool matters = job->after[i] || job->after_any[i] || i < job->barrier;
        if (matters && model->jobs[i].depth >= depth)
            depth = model->jobs[i].depth + 1;
    }
    return depth;
}

static unsigned m_index(const struct model *model, uint64_t id)
{
    unsigned at = 0;
    while (at < model->count && model->jobs[at].id != id)
        at++;
    return at < model->count ? at : NOBODY;
}

/* Job `why` is in the section, or made a job without a name fail there. */
static bool m_is_culprit(const struct model *model,
                         const struct model_section *section, unsigned why)
{
    if (why >= section->from && why < section->to)
        return true;
    for (unsigned i = section->from; i < section->to; i++) {
        const struct model_job *job = &model->jobs[i];
        if (job->state == M_SKIPPED && !job->is_named && job->after[why])
            return true;
    }
    return false;
}

static bool m_is_reason(const struct model *model, unsigned at, unsigned why)
{
    if (!m_failed(&model->jobs[why]) || model->jobs[why].is_due)
        return false;
    if (model->jobs[at].after[why])
        return true;
    for (unsigned i = 0; i < model->strict_count; i++) {
        if (model->strict[i].to <= at &&
            m_is_culprit(model, &model->strict[i], why))
            return true;
    }
    return false;
}

/* What the graph tells is due, and all that is due is told. */
static void m_compare(struct model *model)
{
    uint64_t id;
    uint64_t parent;
    bool has_news = js_graph_has_news(model->graph);
    while ((id = js_graph_next_ready(model->graph))) {
        unsigned at = m_index(model, id);
        model->wrong += !has_news;
        bool right = at != NOBODY && model->jobs[at].is_due &&
                     model->jobs[at].state == M_READY;
        model->wrong += !right;
        if (right)
            model->jobs[at].is_due = false;
    }
    while ((id = js_graph_next_skipped(model->graph, &parent))) {
        unsigned at = m_index(model, id);
        model->wrong += !has_news;
        unsigned why = m_index(model, parent);
        bool right = at != NOBODY && why != NOBODY && model->jobs[at].is_due &&
                     model->jobs[at].state == M_SKIPPED &&
                     m_is_reason(model, at, why);
        model->wrong += !right;
        if (right)
            model->jobs[at].is_due = false;
    }
    model->wrong += js_graph_has_news(model->graph);
    for (unsigned i = 0; i < model->count; i++)
        model->wrong += model->jobs[i].is_due;
}

static void m_name(char *name, size_t size, unsigned at)
{
    snprintf(name, size, "%c%u", "ab"[at % 2], at);
}

/* Draws a glob that matches a name above the line. */
static bool m_draw_glob(struct model *model, struct model_job *job, char *glob,
                        size_t size, bool any)
{
    static const char *const globs[] = {"*",  "a*", "b*",  "?1", "?1?",
                                        "a?", "*3", "*1*", "**0"};
    bool is_found = false;
    snprintf(glob, size, "%s",
             globs[rng_below(&model->rng, sizeof(globs) / sizeof(*globs))]);
    for (unsigned i = 0; i < model->line; i++) {
        char name[16];
        m_name(name, sizeof(name), i);
        if (!model->jobs[i].is_named || fnmatch(glob, name, 0) != 0)
            continue;
        *(any ? &job->after_any[i] : &job->after[i]) = true;
        is_found = true;
    }
    return is_found;
}

static size_t m_draw_edges(struct model *model, struct model_job *job,
                           char names[][16], struct js_graph_edge *edges)
{
    size_t count = 0;
    size_t wanted =
        rng_chance(&model->rng, 60) ? rng_below(&model->rng, EDGES_MAX) : 0;
    for (size_t i = 0; i < wanted && model->count; i++) {
        unsigned at = (unsigned)rng_below(&model->rng, model->count);
        bool any = rng_chance(&model->rng, 35);
        bool is_glob = rng_chance(&model->rng, 40);
        if (is_glob ? !m_draw_glob(model, job, names[count],
                                   sizeof(names[count]), any)
                    : !model->jobs[at].is_named)
            continue;
        if (!is_glob) {
            *(any ? &job->after_any[at] : &job->after[at]) = true;
            m_name(names[count], sizeof(names[count]), at);
        }
        edges[count] = (struct js_graph_edge){names[count], any, is_glob};
        count++;
    }
    return count;
}

static void m_add_barrier(struct model *model)
{
    bool is_strict = rng_chance(&model->rng, 50);
    if (is_strict)
        js_graph_strict_barrier(model->graph);
    else
        js_graph_barrier(model->graph);
    if (is_strict && model->count > model->barrier)
        model->strict[model->strict_count++] =
            (struct model_section){model->barrier, model->count};
    model->barrier = model->count;
}

static void m_check_marks(struct model *model, const struct model_job *job,
                          const struct js_graph_edge *edges, size_t count)
{
    int mark = 0;
    for (unsigned i = 0; i < model->count; i++) {
        if ((job->after[i] || job->after_any[i] || i < job->barrier) &&
            model->jobs[i].mark > mark)
            mark = model->jobs[i].mark;
    }
    model->wrong += js_graph_mark_before(model->graph, edges, count) != mark;
}

/* A job of an earlier run. */
static void m_add_ended(struct model *model, struct model_job *job,
                        const char *name)
{
    bool success = rng_chance(&model->rng, 70);
    memset(job->after, 0, sizeof(job->after));
    memset(job->after_any, 0, sizeof(job->after_any));
    job->state = success ? M_GOOD : M_BAD;
    job->depth = m_depth(model, model->count++);
    model->wrong += js_graph_add_ended(model->graph, job->id, name, success,
                                       job->id + 100, NULL) != 0;
    m_update(model);
}

static void m_add(struct model *model)
{
    struct js_graph_edge edges[EDGES_MAX];
    char names[EDGES_MAX][16];
    char name[16];
    size_t bad;
    if (rng_chance(&model->rng, 20))
        m_add_barrier(model);
    unsigned at = model->count;
    struct model_job *job = &model->jobs[at];
    if (rng_chance(&model->rng, 70)) {
        js_graph_line(model->graph);
        model->line = at;
    }
    job->id = (at ? model->jobs[at - 1].id : 0) + 1 +
              (rng_chance(&model->rng, 10) && !model->is_fresh ? 3 : 0);
    job->is_named = rng_chance(&model->rng, 70);
    job->barrier = model->barrier;
    job->run_ns = 1 + (int64_t)rng_below(&model->rng, 50);
    size_t count = m_draw_edges(model, job, names, edges);
    m_check_marks(model, job, edges, count);
    m_name(name, sizeof(name), at);
    if (rng_chance(&model->rng, 10) && !model->is_fresh) {
        m_add_ended(model, job, job->is_named ? name : NULL);
    } else {
        job->state = M_WAITING;
        job->depth = m_depth(model, at);
        model->count++;
        int rc =
            js_graph_add(model->graph, job->id, job->is_named ? name : NULL,
                         edges, count, &bad, NULL);
        m_update(model);
        model->wrong += rc != (job->state == M_READY);
        if (job->state == M_READY)
            job->is_due = false;
    }
    job->mark = (int)rng_below(&model->rng, 4);
    js_graph_mark(model->graph, job->id, job->mark);
}

/* Ends one of the READY jobs; false if there is none. */
static bool m_end(struct model *model)
{
    unsigned ready[MODEL_JOBS];
    unsigned count = 0;
    for (unsigned i = 0; i < model->count; i++) {
        if (model->jobs[i].state == M_READY)
            ready[count++] = i;
    }
    if (!count)
        return false;
    struct model_job *job = &model->jobs[ready[rng_below(&model->rng, count)]];
    bool success = rng_chance(&model->rng, 65);
    job->state = success ? M_GOOD : M_BAD;
    m_update(model);
    js_graph_ended(model->graph, job->id, success);
    return true;
}

struct m_awaited {
    const struct model *model;
    bool after[MODEL_JOBS + 1], after_any[MODEL_JOBS + 1];
};

static void m_note_awaited(void *arg, uint64_t id, bool any)
{
    struct m_awaited *awaited = arg;
    unsigned at = m_index(awaited->model, id);
    *(any ? &awaited->after_any[at] : &awaited->after[at]) = true;
}

/* Asks why a job waits. */
static void m_check_wait(struct model *model)
{
    if (!model->count)
        return;
    unsigned at = (unsigned)rng_below(&model->rng, model->count);
    const struct model_job *job = &model->jobs[at];
    struct m_awaited awaited = {.model = model};
    bool waits_for_jobs = false;
    if (job->state != M_WAITING)
        return;
    js_graph_each_awaited(model->graph, job->id, m_note_awaited, &awaited);
    for (unsigned i = 0; i < at; i++) {
        bool is_live = !m_ended(&model->jobs[i]);
        model->wrong += awaited.after[i] != (is_live && job->after[i]);
        model->wrong += awaited.after_any[i] != (is_live && job->after_any[i]);
        waits_for_jobs |= is_live && (job->after[i] || job->after_any[i]);
    }
    model->wrong += awaited.after[NOBODY] || awaited.after_any[NOBODY];
    model->wrong += js_graph_wait(model->graph, job->id) !=
                    (waits_for_jobs ? JS_GRAPH_FOR_JOBS : JS_GRAPH_FOR_BARRIER);
}

static void m_check_shape(struct model *model)
{
    struct js_graph_shape shape;
    unsigned counts[MODEL_JOBS + 2] = {0};
    unsigned width = 0;
    unsigned deepest = 0;
    for (unsigned i = 0; i < model->count; i++) {
        unsigned depth = model->jobs[i].depth;
        width = ++counts[depth] > width ? counts[depth] : width;
        deepest = depth > deepest ? depth : deepest;
    }
    js_graph_shape(model->graph, &shape);
    model->wrong += shape.jobs != model->count || shape.width != width ||
                    shape.longest_chain != deepest;
}

static unsigned m_run(uint64_t seed)
{
    struct model model = {.rng = {seed}, .graph = not_null(js_graph_new())};
    unsigned jobs = 1 + (unsigned)rng_below(&model.rng, MODEL_JOBS);
    unsigned add_percent = (unsigned)rng_below(&model.rng, 100) + 1;
    bool more = true;
    while (more) {
        more = true;
        if (model.count < jobs && rng_chance(&model.rng, add_percent))
            m_add(&model);
        else
            more = m_end(&model) || model.count < jobs;
        js_graph_assert_invariants(model.graph);
        m_compare(&model);
        m_check_wait(&model);
        js_graph_assert_invariants(model.graph);
    }
    for (unsigned i = 0; i < model.count; i++)
        model.wrong += !m_ended(&model.jobs[i]);
    m_check_shape(&model);
    js_graph_free(model.graph);
    return model.wrong;
}

static void test_random_graphs_do_as_the_model(void)
{
    for (uint64_t seed = 1; seed <= unit_rounds(MODEL_GRAPHS); seed++) {
        unsigned wrong = m_run(seed);
        CU_ASSERT_EQUAL(wrong, 0);
        if (wrong) {
            printf("seed %ju\n", (uintmax_t)seed);
            return;
        }
    }
}

/* The longest path from each job, by trying all jobs behind it. */
static unsigned m_run_paths(uint64_t seed)
{
    struct model model = {
        .rng = {seed}, .graph = not_null(js_graph_new()), .is_fresh = true};
    struct js_graph_path paths[MODEL_JOBS];
    int64_t expected[MODEL_JOBS];
    while (model.count < MODEL_JOBS)
        m_add(&model);
    for (unsigned i = 0; i < MODEL_JOBS; i++)
        paths[i].length_ns = model.jobs[i].run_ns;
    js_graph_find_paths(model.graph, paths, MODEL_JOBS, GAP_NS);
    for (unsigned i = MODEL_JOBS; i-- > 0;) {
        int64_t longest = 0;
        for (unsigned j = i + 1; j < MODEL_JOBS; j++) {
            const struct model_job *job = &model.jobs[j];
            if ((job->after[i] || job->after_any[i] || i < job->barrier) &&
                expected[j] > longest)
                longest = expected[j];
        }
        expected[i] = model.jobs[i].run_ns + (longest ? longest + GAP_NS : 0);
        model.wrong += paths[i].length_ns != expected[i];
    }
    js_graph_free(model.graph);
    return model.wrong;
}

static void test_random_paths_are_the_longest(void)
{
    for (uint64_t seed = 1; seed <= unit_rounds(MODEL_GRAPHS); seed++) {
        unsigned wrong = m_run_paths(seed);
        CU_ASSERT_EQUAL(wrong, 0);
        if (wrong) {
            printf("seed %ju\n", (uintmax_t)seed);
            return;
        }
    }
}

static const struct unit_test tests[] = {
    {"random graphs do as the model", test_random_graphs_do_as_the_model},
    {"random paths are the longest", test_random_paths_are_the_longest},
    {NULL, NULL},
};

const struct unit_suite suite_graph_random = {"graph_random", tests};
