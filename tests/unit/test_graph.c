/* graph: what waits for what, and what follows when a job has ended. */
#include "unit.h"

#include "base/buf.h"
#include "list/graph.h"
#include "rng.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { EDGES_MAX = 16 };

static struct js_graph *graph_new(void)
{
    struct js_graph *graph = js_graph_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(graph);
    return graph;
}

/* `after` is "a b ?c": a '?' before those that need only end. */
static int try_add(struct js_graph *graph, uint64_t id, const char *name,
                   const char *after, size_t *ret_bad, struct js_err *err)
{
    char text[256];
    struct js_graph_edge edges[EDGES_MAX];
    size_t count = 0;
    char *rest = NULL;
    snprintf(text, sizeof(text), "%s", after);
    for (char *word = strtok_r(text, " ", &rest); word;
         word = strtok_r(NULL, " ", &rest)) {
        bool any = *word == '?';
        edges[count++] = (struct js_graph_edge){
            word + any, any, strpbrk(word + any, "*?") != NULL};
    }
    return js_graph_add(graph, id, name, edges, count, ret_bad, err);
}

static void add(struct js_graph *graph, uint64_t id, const char *name,
                const char *after, int expected)
{
    struct js_err err = {""};
    size_t bad = 77;
    CU_ASSERT_EQUAL(try_add(graph, id, name, after, &bad, &err), expected);
    CU_ASSERT_STRING_EQUAL(err.text, "");
}

static void expect_ready(struct js_graph *graph, const char *expected)
{
    struct js_buf said = JS_BUF_INIT;
    uint64_t id;
    while ((id = js_graph_next_ready(graph)))
        js_buf_printf(&said, "%s%ju", said.len ? " " : "", (uintmax_t)id);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&said), expected);
    js_buf_release(&said);
}

/* "3<1": job 3 because of job 1. */
static void expect_skipped(struct js_graph *graph, const char *expected)
{
    struct js_buf said = JS_BUF_INIT;
    uint64_t parent;
    uint64_t id;
    while ((id = js_graph_next_skipped(graph, &parent)))
        js_buf_printf(&said, "%s%ju<%ju", said.len ? " " : "", (uintmax_t)id,
                      (uintmax_t)parent);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&said), expected);
    js_buf_release(&said);
}

static void expect(struct js_graph *graph, const char *ready,
                   const char *skipped)
{
    js_graph_assert_invariants(graph);
    expect_skipped(graph, skipped);
    expect_ready(graph, ready);
    js_graph_assert_invariants(graph);
}

static void expect_shape(const struct js_graph *graph, uint64_t jobs,
                         uint64_t chain, uint64_t width)
{
    struct js_graph_shape shape;
    js_graph_shape(graph, &shape);
    CU_ASSERT_EQUAL(shape.jobs, jobs);
    CU_ASSERT_EQUAL(shape.longest_chain, chain);
    CU_ASSERT_EQUAL(shape.width, width);
}

/* ---------------------------------------------------------------- edges */

static void test_nothing_to_wait_for(void)
{
    struct js_graph *graph = graph_new();
    expect(graph, "", "");
    expect_shape(graph, 0, 0, 0);
    add(graph, 1, NULL, "", 1);
    add(graph, 2, "b", "", 1);
    expect(graph, "", "");
    js_graph_ended(graph, 2, false);
    js_graph_ended(graph, 1, true);
    expect(graph, "", "");
    js_graph_free(graph);
}

static void test_after_waits_for_success_of_all(void)
{
    struct js_graph *graph = graph_new();
    add(graph, 1, "a", "", 1);
    add(graph, 2, "b", "", 1);
    add(graph, 3, NULL, "a b", 0);
    add(graph, 4, NULL, "b", 0);
    add(graph, 5, NULL, "b", 0);
    expect(graph, "", "");
    js_graph_ended(graph, 2, true);
    expect(graph, "4 5", "");
    js_graph_ended(graph, 1, true);
    expect(graph, "3", "");
    js_graph_free(graph);
}

static void test_after_any_waits_for_the_end(void)
{
    struct js_graph *graph = graph_new();
    add(graph, 1, "a", "", 1);
    add(graph, 2, "b", "", 1);
    add(graph, 3, "c", "?a ?b", 0);
    js_graph_ended(graph, 1, false);
    expect(graph, "", "");
    js_graph_ended(graph, 2, true);
    expect(graph, "3", "");
    js_graph_free(graph);
}

static void test_a_failure_skips_the_descendants(void)
{
    struct js_graph *graph = graph_new();
    add(graph, 1, "a", "", 1);
    add(graph, 2, "b", "a", 0);
    add(graph, 3, "c", "b", 0);
    add(graph, 4, NULL, "c", 0);
    add(graph, 5, NULL, "a c", 0);
    add(graph, 6, NULL, "", 1);
    js_graph_ended(graph, 1, false);
    expect(graph, "", "2<1 5<1 3<2 4<3");
    expect(graph, "", "");
    js_graph_free(graph);
}

static void test_two_failed_parents_skip_once(void)
{
    struct js_graph *graph = graph_new();
    add(graph, 1, "a", "", 1);
    add(graph, 2, "b", "", 1);
    add(graph, 3, "c", "a b", 0);
    js_graph_ended(graph, 2, false);
    expect(graph, "", "3<2");
    js_graph_ended(graph, 1, false);
    expect(graph, "", "");
    /* Nor does a success bring it back; and both at once, by way of c. */
    add(graph, 4, "d", "", 1);
    add(graph, 5, NULL, "d c", 0);
    expect(graph, "", "5<3");
    js_graph_ended(graph, 4, true);
    expect(graph, "", "");
    js_graph_free(graph);
}

static void test_a_skipped_job_counts_as_ended(void)
{
    struct js_graph *graph = graph_new();
    add(graph, 1, "a", "", 1);
    add(graph, 2, "b", "a", 0);
    add(graph, 3, NULL, "?b", 0);
    add(graph, 4, NULL, "?b ?a", 0);
    js_graph_ended(graph, 1, false);
    expect(graph, "3 4", "2<1");
    add(graph, 5, NULL, "?b", 1);
    js_graph_free(graph);
}

static void test_edges_to_jobs_that_ended_before(void)
{
    struct js_graph *graph = graph_new();
    add(graph, 1, "good", "", 1);
    add(graph, 2, "bad", "", 1);
    add(graph, 3, "runs", "", 1);
    js_graph_ended(graph, 1, true);
    js_graph_ended(graph, 2, false);
    add(graph, 4, NULL, "good", 1);
    add(graph, 5, NULL, "good ?bad", 1);
    add(graph, 6, "six", "runs bad", 0);
    expect(graph, "", "6<2");
    add(graph, 7, NULL, "good six", 0);
    expect(graph, "", "7<6");
    add(graph, 8, NULL, "?six good runs", 0);
    expect(graph, "", "");
    js_graph_ended(graph, 3, true);
    expect(graph, "8", "");
    js_graph_free(graph);
}

static void test_an_edge_may_be_there_twice(void)
{
    struct js_graph *graph = graph_new();
    add(graph, 1, "a", "", 1);
    add(graph, 2, NULL, "a a ?a", 0);
    add(graph, 3, "b", "", 1);
    add(graph, 4, NULL, "?b b b", 0);
    js_graph_ended(graph, 1, true);
    expect(graph, "2", "");
    js_graph_ended(graph, 3, false);
    expect(graph, "", "4<3");
    js_graph_free(graph);
}

/* ---------------------------------------------------------------- names */

static void expect_refused(struct js_graph *graph, const char *name,
                           const char *after, size_t bad, int error,
                           const char *text)
{
    struct js_err err = {""};
    size_t at = 77;
    struct js_graph_shape before;
    struct js_graph_shape behind;
    js_graph_shape(graph, &before);
    errno = 0;
    CU_ASSERT_EQUAL(try_add(graph, 99, name, after, &at, &err), -1);
    CU_ASSERT_EQUAL(errno, error);
    CU_ASSERT_EQUAL(at, bad);
    CU_ASSERT_STRING_EQUAL(err.text, text);
    js_graph_shape(graph, &behind);
    CU_ASSERT_EQUAL(memcmp(&before, &behind, sizeof(before)), 0);
    CU_ASSERT_PTR_NULL(js_graph_name(graph, 99));
    expect(graph, "", "");
}

static void test_names_that_are_refused(void)
{
    struct js_graph *graph = graph_new();
    expect_refused(graph, "x", "mesh", 0, ENOENT,
                   "after=mesh: no job before this one has that name");
    add(graph, 3, "mesh", "", 1);
    expect_refused(graph, "mesh", "", SIZE_MAX, EEXIST,
                   "name=mesh: job 3 already has that name");
    expect_refused(graph, NULL, "mesh ?mash", 1, ENOENT,
                   "after-any=mash: no job before this one has that name (did "
                   "you mean \"mesh\"?)");
    expect_refused(graph, "self", "mesh self", 1, ENOENT,
                   "after=self: a job cannot wait for itself");
    /* What was refused has left no name, no edge and nothing to wait for. */
    js_graph_barrier(graph);
    expect_refused(graph, "x", "nobody", 0, ENOENT,
                   "after=nobody: no job before this one has that name");
    add(graph, 99, "x", "", 0);
    js_graph_ended(graph, 3, true);
    expect(graph, "99", "");
    js_graph_free(graph);
}

static void test_no_suggestion_among_too_many(void)
{
    struct js_graph *graph = graph_new();
    char name[16];
    struct js_err err;
    size_t bad;
    for (unsigned i = 1; i <= 1000; i++) {
        snprintf(name, sizeof(name), "mesh-%04u", i);
        add(graph, i, name, "", 1);
    }
    CU_ASSERT_EQUAL(try_add(graph, 2000, NULL, "mash-0500", &bad, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "did you mean \"mesh-0500\"?"));
    add(graph, 1001, "one-more", "", 1);
    CU_ASSERT_EQUAL(try_add(graph, 2000, NULL, "mash-0500", &bad, &err), -1);
    CU_ASSERT_PTR_NULL(strstr(err.text, "did you mean"));
    js_graph_free(graph);
}

static void test_names_and_ids(void)
{
    struct js_graph *graph = graph_new();
    char name[] = "mesh";
    add(graph, 5, name, "", 1);
    name[0] = 'x';
    add(graph, 6, NULL, "mesh", 0);
    add(graph, UINT64_MAX, "", "", 1);
    CU_ASSERT_EQUAL(js_graph_find(graph, "mesh"), 5);
    CU_ASSERT_EQUAL(js_graph_find(graph, "xesh"), 0);
    CU_ASSERT_EQUAL(js_graph_find(graph, ""), UINT64_MAX);
    CU_ASSERT_STRING_EQUAL(js_graph_name(graph, 5), "mesh");
    CU_ASSERT_PTR_NULL(js_graph_name(graph, 6));
    CU_ASSERT_PTR_NULL(js_graph_name(graph, 7));
    js_graph_ended(graph, 5, false);
    CU_ASSERT_STRING_EQUAL(js_graph_name(graph, 5), "mesh");
    CU_ASSERT_EQUAL(js_graph_find(graph, "mesh"), 5);
    errno = EDOM;
    js_graph_free(graph);
    js_graph_free(NULL);
    CU_ASSERT_EQUAL(errno, EDOM);
}

/* ------------------------------------------------------------- barriers */

static void test_a_barrier_waits_for_all_before(void)
{
    struct js_graph *graph = graph_new();
    add(graph, 1, NULL, "", 1);
    add(graph, 2, "b", "", 1);
    js_graph_barrier(graph);
    add(graph, 3, NULL, "", 0);
    add(graph, 4, "d", "", 0);
    add(graph, 5, NULL, "d", 0);
    add(graph, 6, NULL, "b", 0);
    add(graph, 9, NULL, "", 0);
    js_graph_ended(graph, 2, true);
    expect(graph, "", "");
    js_graph_ended(graph, 1, false);
    expect(graph, "3 4 6 9", "");
    add(graph, 10, NULL, "", 1);
    js_graph_ended(graph, 4, true);
    expect(graph, "5", "");
    js_graph_free(graph);
}

static void test_several_barriers(void)
{
    struct js_graph *graph = graph_new();
    js_graph_barrier(graph);
    js_graph_barrier(graph);
    add(graph, 1, NULL, "", 1);
    js_graph_barrier(graph);
    js_graph_barrier(graph);
    js_graph_barrier(graph);
    add(graph, 2, NULL, "", 0);
    js_graph_barrier(graph);
    add(graph, 3, NULL, "", 0);
    js_graph_ended(graph, 1, true);
    expect(graph, "2", "");
    js_graph_ended(graph, 2, true);
    expect(graph, "3", "");
    js_graph_barrier(graph);
    js_graph_ended(graph, 3, true);
    add(graph, 4, NULL, "", 1);
    expect(graph, "", "");
    expect_shape(graph, 4, 4, 1);
    js_graph_free(graph);
}

/* A skip does not wait for barriers, and counts behind them. */
static void test_skips_across_barriers(void)
{
    struct js_graph *graph = graph_new();
    add(graph, 1, "a", "", 1);
    add(graph, 2, NULL, "", 1);
    js_graph_barrier(graph);
    add(graph, 3, "c", "a", 0);
    js_graph_barrier(graph);
    add(graph, 4, NULL, "c", 0);
    add(graph, 5, NULL, "?c", 0);
    js_graph_barrier(graph);
    add(graph, 6, NULL, "", 0);
    js_graph_ended(graph, 1, false);
    expect(graph, "", "3<1 4<3");
    add(graph, 7, NULL, "c", 0);
    expect(graph, "", "7<3");
    /* The epoch of 3 is empty now: the next one opens with it. */
    js_graph_ended(graph, 2, true);
    expect(graph, "5", "");
    js_graph_ended(graph, 5, true);
    expect(graph, "6", "");
    js_graph_free(graph);
}

static void test_a_barrier_behind_skipped_jobs_only(void)
{
    struct js_graph *graph = graph_new();
    add(graph, 1, "a", "", 1);
    add(graph, 2, NULL, "", 1);
    js_graph_ended(graph, 1, false);
    js_graph_barrier(graph);
    add(graph, 3, "c", "a", 0);
    js_graph_barrier(graph);
    add(graph, 4, NULL, "", 0);
    js_graph_barrier(graph);
    add(graph, 5, NULL, "a", 0);
    expect(graph, "", "3<1 5<1");
    js_graph_ended(graph, 2, true);
    expect(graph, "4", "");
    js_graph_ended(graph, 4, true);
    expect(graph, "", "");
    add(graph, 6, NULL, "", 1);
    js_graph_free(graph);
}

static void test_jobs_may_end_while_others_are_told(void)
{
    struct js_graph *graph = graph_new();
    add(graph, 1, NULL, "", 1);
    js_graph_barrier(graph);
    add(graph, 2, "b", "", 0);
    add(graph, 3, NULL, "b", 0);
    add(graph, 4, NULL, "?b", 0);
    js_graph_ended(graph, 1, true);
    CU_ASSERT_EQUAL(js_graph_next_ready(graph), 2);
    js_graph_ended(graph, 2, false);
    expect(graph, "4", "3<2");
    js_graph_free(graph);
}

static void test_shape(void)
{
    struct js_graph *graph = graph_new();
    add(graph, 1, "a", "", 1);
    add(graph, 2, "b", "a", 0);
    add(graph, 3, NULL, "a b", 0);
    add(graph, 4, NULL, "?a", 0);
    add(graph, 5, NULL, "a", 0);
    expect_shape(graph, 5, 3, 3);
    js_graph_barrier(graph);
    expect_shape(graph, 5, 3, 3);
    add(graph, 6, "f", "a", 0);
    expect_shape(graph, 6, 4, 3);
    add(graph, 7, NULL, "f b", 0);
    js_graph_ended(graph, 1, false);
    add(graph, 8, NULL, "f", 0);
    add(graph, 9, NULL, "f", 0);
    add(graph, 10, NULL, "f", 0);
    expect_shape(graph, 10, 5, 4);
    js_graph_free(graph);
}

/* -------------------------------------------------------------- large ones */

enum { LARGE = 100000 };

struct large {
    struct js_graph *graph;
    uint64_t edges;
    uint64_t wrong; /* answers of js_graph_add() */
};

static void large_add(struct large *large, uint64_t id,
                      const struct js_graph_edge *edges, size_t count)
{
    char name[24];
    size_t bad;
    snprintf(name, sizeof(name), "job%ju", (uintmax_t)id);
    int rc = js_graph_add(large->graph, id, name, edges, count, &bad, NULL);
    large->wrong += rc != (count == 0);
    large->edges += count;
}

/* Ends all that is READY, first to last with success, until nothing moves. */
static uint64_t run_large(struct js_graph *graph, uint64_t first_ready,
                          bool success, uint64_t *ret_skipped)
{
    uint64_t ended = 0;
    uint64_t parent;
    uint64_t id;
    for (id = 1; id <= first_ready; id++, ended++)
        js_graph_ended(graph, id, success);
    while ((id = js_graph_next_ready(graph))) {
        js_graph_ended(graph, id, true);
        ended++;
    }
    *ret_skipped = 0;
    while (js_graph_next_skipped(graph, &parent))
        ++*ret_skipped;
    return ended;
}

static void finish_large(struct large *large, uint64_t first_ready,
                         bool success, uint64_t expected_skips)
{
    uint64_t skipped;
    uint64_t ended = run_large(large->graph, first_ready, success, &skipped);
    CU_ASSERT_EQUAL(large->wrong, 0);
    CU_ASSERT_EQUAL(skipped, expected_skips);
    CU_ASSERT_EQUAL(ended + skipped, LARGE);
    CU_ASSERT(js_graph_steps(large->graph) <= 8 * (LARGE + large->edges));
    js_graph_free(large->graph);
}

static void large_chain(bool success)
{
    struct large large = {.graph = graph_new()};
    char name[24];
    struct js_graph_edge edge = {name, false, false};
    for (uint64_t id = 1; id <= LARGE; id++) {
        snprintf(name, sizeof(name), "job%ju", (uintmax_t)id - 1);
        large_add(&large, id, &edge, id > 1);
    }
    expect_shape(large.graph, LARGE, LARGE, 1);
    finish_large(&large, 1, success, success ? 0 : LARGE - 1);
}

static void large_fan_out(bool success)
{
    struct large large = {.graph = graph_new()};
    struct js_graph_edge edge = {"job1", false, false};
    for (uint64_t id = 1; id <= LARGE; id++)
        large_add(&large, id, &edge, id > 1);
    expect_shape(large.graph, LARGE, 2, LARGE - 1);
    finish_large(&large, 1, success, success ? 0 : LARGE - 1);
}

static void large_fan_in(bool success)
{
    struct large large = {.graph = graph_new()};
    struct js_graph_edge *edges = calloc(LARGE, sizeof(*edges));
    char(*names)[24] = calloc(LARGE, sizeof(*names));
    CU_ASSERT_FATAL(edges && names);
    for (uint64_t id = 1; id < LARGE; id++) {
        snprintf(names[id], sizeof(*names), "job%ju", (uintmax_t)id);
        edges[id - 1].name = names[id];
        large_add(&large, id, NULL, 0);
    }
    large_add(&large, LARGE, edges, LARGE - 1);
    expect_shape(large.graph, LARGE, 2, LARGE - 1);
    free(edges);
    free(names);
    finish_large(&large, LARGE - 1, success, success ? 0 : 1);
}

/* Everything after the first, by way of random others; barriers too. */
static void large_random(bool success)
{
    enum { PARENTS = 8 };
    struct large large = {.graph = graph_new()};
    struct rng rng = {42};
    for (uint64_t id = 1; id <= LARGE; id++) {
        char names[PARENTS][24];
        struct js_graph_edge edges[PARENTS];
        size_t count = id > 1 ? 1 + rng_below(&rng, PARENTS) : 0;
        for (size_t i = 0; i < count; i++) {
            snprintf(names[i], sizeof(names[i]), "job%ju",
                     (uintmax_t)(1 + rng_below(&rng, id - 1)));
            edges[i] = (struct js_graph_edge){names[i], false, false};
        }
        large_add(&large, id, edges, count);
        if (rng_chance(&rng, 1))
            js_graph_barrier(large.graph);
    }
    finish_large(&large, 1, success, success ? 0 : LARGE - 1);
}

static void test_large_graphs_take_linear_work(void)
{
    large_chain(true);
    large_chain(false);
    large_fan_out(true);
    large_fan_out(false);
    large_fan_in(true);
    large_fan_in(false);
    large_random(true);
    large_random(false);
}

/* Plain jobs cost no memory of their own, behind a barrier neither; nor does a
 * stream of them that wait for a job and end. */
static void test_plain_jobs_cost_nothing(void)
{
    struct js_graph *graph = graph_new();
    struct js_graph_edge edge = {"a", false, false};
    size_t bad;
    uint64_t id = 0;
    int sum = 0;
    sum += js_graph_add(graph, ++id, "a", NULL, 0, &bad, NULL);
    sum += js_graph_add(graph, ++id, NULL, NULL, 0, &bad, NULL);
    js_graph_ended(graph, 1, true);
    js_graph_barrier(graph);
    sum += js_graph_add(graph, ++id, NULL, NULL, 0, &bad, NULL);
    struct mallinfo2 before = mallinfo2();
    while (++id <= 10 * LARGE)
        sum += js_graph_add(graph, id, NULL, &edge, id % 2, &bad, NULL);
    struct mallinfo2 behind = mallinfo2();
    CU_ASSERT_EQUAL(sum, 2);
    CU_ASSERT_EQUAL(before.uordblks + before.hblkhd,
                    behind.uordblks + behind.hblkhd);
    js_graph_ended(graph, 2, true);
    uint64_t told = 0;
    while (js_graph_next_ready(graph) == told + 3)
        told++;
    CU_ASSERT_EQUAL(told, 10 * LARGE - 2);
    js_graph_free(graph);
}

/* Skipped at once, held by a barrier, let go and told: then they are gone. */
static void test_unnamed_jobs_are_forgotten(void)
{
    struct js_graph *graph = graph_new();
    struct js_graph_edge edge = {"bad", false, false};
    size_t bytes = 0;
    size_t bad;
    uint64_t parent;
    unsigned wrong = 0;
    add(graph, 1, "bad", "", 1);
    js_graph_ended(graph, 1, false);
    for (uint64_t id = 2; id < LARGE; id += 3) {
        wrong += js_graph_add(graph, id, NULL, NULL, 0, &bad, NULL) != 1;
        js_graph_barrier(graph);
        wrong += js_graph_add(graph, id + 1, NULL, &edge, 1, &bad, NULL) != 0;
        wrong += js_graph_next_skipped(graph, &parent) != id + 1;
        wrong += js_graph_add(graph, id + 2, NULL, NULL, 0, &bad, NULL) != 0;
        js_graph_ended(graph, id, true);
        wrong += js_graph_next_ready(graph) != id + 2;
        js_graph_ended(graph, id + 2, true);
        if (id == 302)
            bytes = mallinfo2().uordblks;
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(mallinfo2().uordblks, bytes);
    js_graph_free(graph);
}

/* Nor do they stay when the second of two parents ends long after the skip. */
static void test_skipped_jobs_go_with_their_last_parent(void)
{
    struct js_graph *graph = graph_new();
    struct js_graph_edge edges[] = {{"a", false, false}, {"b", false, false}};
    size_t bad;
    uint64_t parent;
    uint64_t skipped = 0;
    add(graph, 1, "a", "", 1);
    add(graph, 2, "b", "", 1);
    size_t bytes = mallinfo2().uordblks;
    for (uint64_t id = 3; id < LARGE; id++)
        skipped -= js_graph_add(graph, id, NULL, edges, 2, &bad, NULL) == 0;
    js_graph_ended(graph, 1, false);
    while (js_graph_next_skipped(graph, &parent))
        skipped++;
    js_graph_ended(graph, 2, true);
    CU_ASSERT_EQUAL(skipped, 0);
    /* The table of ids keeps its size, at most two pointers a job. */
    CU_ASSERT(mallinfo2().uordblks <= bytes + 2 * LARGE * sizeof(void *));
    expect(graph, "", "");
    js_graph_free(graph);
}

/* -------------------------------------------------------- out of memory */

#ifndef __SANITIZE_ADDRESS__
struct hoard {
    struct hoard *next;
};

/* All that other tests have left free in the heap. */
static struct hoard *hoard_free_memory(void)
{
    struct hoard *hoard = NULL;
    struct rlimit old;
    getrlimit(RLIMIT_AS, &old);
    struct rlimit none = {4096, old.rlim_max};
    setrlimit(RLIMIT_AS, &none);
    for (size_t size = 65536; size >= sizeof(*hoard); size /= 2) {
        struct hoard *more;
        while ((more = malloc(size))) {
            more->next = hoard;
            hoard = more;
        }
    }
    setrlimit(RLIMIT_AS, &old);
    return hoard;
}

static void release_hoard(struct hoard *hoard)
{
    while (hoard) {
        struct hoard *next = hoard->next;
        free(hoard);
        hoard = next;
    }
}

/* The call, without a byte more than the process has. */
static int add_starved(struct js_graph *graph, uint64_t id, const char *name,
                       const struct js_graph_edge *edges, size_t count,
                       struct js_err *err)
{
    struct rlimit old;
    size_t bad = 0;
    getrlimit(RLIMIT_AS, &old);
    struct rlimit none = {4096, old.rlim_max};
    setrlimit(RLIMIT_AS, &none);
    int rc = js_graph_add(graph, id, name, edges, count, &bad, err);
    int saved = errno;
    setrlimit(RLIMIT_AS, &old);
    errno = saved;
    return rc < 0 && bad != SIZE_MAX ? -2 : rc;
}

static bool same_shape(const struct js_graph *graph, uint64_t jobs)
{
    struct js_graph_shape shape;
    js_graph_shape(graph, &shape);
    return shape.jobs == jobs;
}

/* A chain with a side branch at each link and now and then a barrier; each
 * addition is tried without memory, and again with it if that failed. */
static unsigned add_link(struct js_graph *graph, uint64_t id, unsigned *wrong)
{
    char names[3][32];
    struct js_err err = {""};
    struct js_graph_edge edges[] = {{names[0], false, false},
                                    {names[1], true, false}};
    size_t count = id > 2 ? 2 : id - 1;
    size_t bad;
    for (unsigned i = 0; i < 3; i++)
        snprintf(names[i], sizeof(names[i]), "link-%ju",
                 (uintmax_t)(id - 1 - i + (i == 2 ? 3 : 0)));
    if (id % 50 == 0)
        js_graph_barrier(graph);
    int expected = id == 1;
    int rc = add_starved(graph, id, names[2], edges, count, &err);
    if (rc == expected)
        return 0;
    *wrong += rc != -1 || errno != ENOMEM || !strstr(err.text, "memory") ||
              !same_shape(graph, id - 1) || js_graph_find(graph, names[2]);
    rc = js_graph_add(graph, id, names[2], edges, count, &bad, NULL);
    *wrong += rc != expected;
    return 1;
}

static void test_without_memory_nothing_is_changed(void)
{
    if (unit_is_traced())
        return;
    enum { LINKS = 20000 };
    struct js_graph *graph = graph_new();
    unsigned failures = 0;
    unsigned wrong = 0;
    struct hoard *hoard = hoard_free_memory();
    /* The heap grows by a page at a time: it runs short at every call. */
    mallopt(M_TOP_PAD, 0);
    for (uint64_t id = 1; id <= LINKS; id++)
        failures += add_link(graph, id, &wrong);
    mallopt(M_TOP_PAD, 128 * 1024);
    release_hoard(hoard);
    CU_ASSERT(failures > 100);
    uint64_t told = 1;
    for (; told <= LINKS; told++) {
        js_graph_ended(graph, told, true);
        if (js_graph_next_ready(graph) != told + 1)
            break;
    }
    CU_ASSERT_EQUAL(told, LINKS);
    CU_ASSERT_EQUAL(wrong, 0);
    expect_shape(graph, LINKS, LINKS, 1);
    js_graph_free(graph);
}
#endif

static void test_marks(void)
{
    struct js_graph *graph = graph_new();
    const struct js_graph_edge edges[] = {{"a", false, false},
                                          {"b", true, false}};
    const struct js_graph_edge unknown[] = {{"z", false, false}};
    CU_ASSERT_EQUAL(js_graph_mark_before(graph, NULL, 0), 0);
    CU_ASSERT_EQUAL(js_graph_mark_before(graph, unknown, 1), -1);
    size_t bad;
    CU_ASSERT_EQUAL(js_graph_add(graph, 1, "a", NULL, 0, &bad, NULL), 1);
    CU_ASSERT_EQUAL(js_graph_add(graph, 2, "b", NULL, 0, &bad, NULL), 1);
    js_graph_mark(graph, 1, 1);
    js_graph_mark(graph, 2, 2);
    CU_ASSERT_EQUAL(js_graph_mark_before(graph, edges, 1), 1);
    CU_ASSERT_EQUAL(js_graph_mark_before(graph, edges, 2), 2);
    CU_ASSERT_EQUAL(js_graph_mark_before(graph, NULL, 0), 0);
    /* Below a barrier all above counts, with names and without. */
    CU_ASSERT_EQUAL(js_graph_add(graph, 3, NULL, NULL, 0, &bad, NULL), 1);
    js_graph_mark(graph, 3, 3);
    CU_ASSERT_EQUAL(js_graph_mark_before(graph, NULL, 0), 0);
    js_graph_barrier(graph);
    CU_ASSERT_EQUAL(js_graph_mark_before(graph, NULL, 0), 3);
    js_graph_free(graph);
}

static const struct unit_test tests[] = {
    {"marks", test_marks},
    {"nothing to wait for", test_nothing_to_wait_for},
    {"after waits for success of all", test_after_waits_for_success_of_all},
    {"after-any waits for the end", test_after_any_waits_for_the_end},
    {"a failure skips the descendants", test_a_failure_skips_the_descendants},
    {"two failed parents skip once", test_two_failed_parents_skip_once},
    {"a skipped job counts as ended", test_a_skipped_job_counts_as_ended},
    {"edges to jobs that ended before", test_edges_to_jobs_that_ended_before},
    {"an edge may be there twice", test_an_edge_may_be_there_twice},
    {"names that are refused", test_names_that_are_refused},
    {"no suggestion among too many", test_no_suggestion_among_too_many},
    {"names and ids", test_names_and_ids},
    {"a barrier waits for all before", test_a_barrier_waits_for_all_before},
    {"several barriers", test_several_barriers},
    {"skips across barriers", test_skips_across_barriers},
    {"a barrier behind skipped jobs only",
     test_a_barrier_behind_skipped_jobs_only},
    {"jobs may end while others are told",
     test_jobs_may_end_while_others_are_told},
    {"shape", test_shape},
    {"large graphs take linear work", test_large_graphs_take_linear_work},
    {"plain jobs cost nothing", test_plain_jobs_cost_nothing},
    {"unnamed jobs are forgotten", test_unnamed_jobs_are_forgotten},
    {"skipped jobs go with their last parent",
     test_skipped_jobs_go_with_their_last_parent},
#ifndef __SANITIZE_ADDRESS__
    {"without memory nothing is changed",
     test_without_memory_nothing_is_changed},
#endif
    {NULL, NULL},
};

const struct unit_suite suite_graph = {"graph", tests};
