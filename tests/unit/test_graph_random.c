/* graph: random graphs against a plain model. */
#include "unit.h"

#include "list/graph.h"
#include "rng.h"

#include <stdio.h>

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
};

struct model {
    struct model_job jobs[MODEL_JOBS];
    unsigned count;
    unsigned barrier;
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
                     model->jobs[at].after[why] &&
                     m_failed(&model->jobs[why]) && !model->jobs[why].is_due;
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
    snprintf(name, size, "n%u", at);
}

static size_t m_draw_edges(struct model *model, struct model_job *job,
                           char names[][16], struct js_graph_edge *edges)
{
    size_t count = 0;
    size_t wanted = rng_chance(&model->rng, 60) ? rng_below(&model->rng, 4) : 0;
    for (size_t i = 0; i < wanted && model->count; i++) {
        unsigned at = (unsigned)rng_below(&model->rng, model->count);
        bool any = rng_chance(&model->rng, 35);
        if (!model->jobs[at].is_named)
            continue;
        *(any ? &job->after_any[at] : &job->after[at]) = true;
        m_name(names[count], sizeof(names[count]), at);
        edges[count] = (struct js_graph_edge){names[count], any};
        count++;
    }
    return count;
}

static void m_add(struct model *model)
{
    struct js_graph_edge edges[4];
    char names[4][16];
    char name[16];
    size_t bad;
    if (rng_chance(&model->rng, 20)) {
        js_graph_barrier(model->graph);
        model->barrier = model->count;
    }
    unsigned at = model->count;
    struct model_job *job = &model->jobs[at];
    job->id = (at ? model->jobs[at - 1].id : 0) + 1 +
              (rng_chance(&model->rng, 10) ? 3 : 0);
    job->is_named = rng_chance(&model->rng, 70);
    job->barrier = model->barrier;
    size_t count = m_draw_edges(model, job, names, edges);
    job->state = M_WAITING;
    job->depth = m_depth(model, at);
    model->count++;
    m_name(name, sizeof(name), at);
    int rc = js_graph_add(model->graph, job->id, job->is_named ? name : NULL,
                          edges, count, &bad, NULL);
    m_update(model);
    model->wrong += rc != (job->state == M_READY);
    if (job->state == M_READY)
        job->is_due = false;
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

static const struct unit_test tests[] = {
    {"random graphs do as the model", test_random_graphs_do_as_the_model},
    {NULL, NULL},
};

const struct unit_suite suite_graph_random = {"graph_random", tests};
