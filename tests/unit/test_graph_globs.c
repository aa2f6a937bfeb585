/* graph_globs: globs, what they cost, and the lines `wait ok`. */
#include "unit.h"

#include "base/buf.h"
#include "base/text.h"
#include "list/graph.h"
#include "list/name_index.h"
#include "rng.h"

#include <errno.h>
#include <fnmatch.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- globs */

static void test_what_matches(void)
{
    static const struct {
        const char *glob, *text;
        bool is_match;
    } cases[] = {
        {"a", "a", true},        {"a", "ab", false},
        {"ab", "a", false},      {"*", "", true},
        {"*", "a/b.c", true},    {"?", "/", true},
        {"?", "", false},        {"a*", "a", true},
        {"*a", "bab", false},    {"*ab", "aab", true},
        {"*ab*", "xaby", true},  {"a*b*c", "abc", true},
        {"a*b?c", "abbc", true}, {"a*b?c", "abc", false},
        {"***", "x", true},      {"[ab]", "a", false},
        {"\\*", "*", false},     {"", "", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CU_ASSERT_EQUAL(js_text_matches(cases[i].glob, cases[i].text),
                        cases[i].is_match);
}

static void draw_text(struct rng *rng, const char *letters, char *text)
{
    size_t len = rng_below(rng, 8);
    for (size_t i = 0; i < len; i++)
        text[i] = letters[rng_below(rng, strlen(letters))];
    text[len] = '\0';
}

static void test_matches_as_fnmatch_says(void)
{
    struct rng rng = {7};
    unsigned wrong = 0;
    unsigned matches = 0;
    for (unsigned i = 0; i < unit_rounds(100000); i++) {
        char glob[16];
        char text[16];
        draw_text(&rng, "ab/*?", glob);
        draw_text(&rng, "ab/", text);
        bool is_match = js_text_matches(glob, text);
        wrong += is_match != (fnmatch(glob, text, 0) == 0);
        matches += is_match;
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(matches > unit_rounds(1000));
}

/* Each '*' could take any number of bytes: that must not multiply. */
static void test_many_stars_take_no_time(void)
{
    char glob[201];
    char text[10001];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (size_t i = 0; i < sizeof(glob) - 1; i++)
        glob[i] = "*a"[i % 2];
    glob[sizeof(glob) - 2] = 'b';
    glob[sizeof(glob) - 1] = '\0';
    CU_ASSERT_FALSE(js_text_matches(glob, text));
}

/* ---------------------------------------------------------------- index */

enum { NAMES = 600, NAME_SIZE = 12 };

struct found {
    unsigned times[NAMES];
};

static void note_found(void *arg, void *value)
{
    struct found *found = arg;
    found->times[*(const unsigned *)value]++;
}

/* Asked often and in between, the index finds what a walk finds. */
static void test_the_index_finds_all(void)
{
    static char names[NAMES][NAME_SIZE];
    static unsigned numbers[NAMES];
    struct js_name_index index = {0};
    struct rng rng = {3};
    unsigned wrong = 0;
    for (unsigned i = 0; i < NAMES; i++) {
        char glob[16];
        struct found found = {{0}};
        draw_text(&rng, "ab/", names[i]);
        numbers[i] = i;
        CU_ASSERT_EQUAL_FATAL(js_name_index_reserve(&index), 0);
        js_name_index_put(&index, names[i], &numbers[i]);
        draw_text(&rng, "abab/*?", glob);
        size_t from = rng_chance(&rng, 50) ? 0 : rng_below(&rng, i + 1);
        size_t to = rng_chance(&rng, 50) ? i + 1 : from + rng_below(&rng, 9);
        to = to > i + 1 ? i + 1 : to;
        uint64_t compared =
            js_name_index_each(&index, glob, from, to, note_found, &found);
        wrong += compared > i + 1;
        for (size_t j = 0; j <= i; j++)
            wrong += found.times[j] !=
                     (j >= from && j < to && js_text_matches(glob, names[j]));
    }
    CU_ASSERT(index.sorted_count > NAMES / 2);
    CU_ASSERT_EQUAL(wrong, 0);
    js_name_index_release(&index);
}

/* ---------------------------------------------------------------- the graph */

static int add_after(struct js_graph *graph, uint64_t id, const char *name,
                     const char *after)
{
    size_t bad;
    bool any = *after == '?';
    const struct js_graph_edge edge = {after + any, any,
                                       strpbrk(after + any, "*?") != NULL};
    return js_graph_add(graph, id, name, &edge, *after != '\0', &bad, NULL);
}

static void expect(struct js_graph *graph, const char *expected)
{
    struct js_buf said = JS_BUF_INIT;
    uint64_t id;
    uint64_t parent;
    js_graph_assert_invariants(graph);
    while ((id = js_graph_next_ready(graph)))
        js_buf_printf(&said, " %ju", (uintmax_t)id);
    while ((id = js_graph_next_skipped(graph, &parent)))
        js_buf_printf(&said, " %ju<%ju", (uintmax_t)id, (uintmax_t)parent);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&said), expected);
    js_buf_release(&said);
    js_graph_assert_invariants(graph);
}

/* The failed member is the reason, and those that need only the end of all
 * still wait for it. */
static void test_a_group_fails_with_its_first_member(void)
{
    struct js_graph *graph = not_null(js_graph_new());
    CU_ASSERT_EQUAL(add_after(graph, 1, "a/1", ""), 1);
    CU_ASSERT_EQUAL(add_after(graph, 2, "a/2", ""), 1);
    CU_ASSERT_EQUAL(add_after(graph, 3, "b", ""), 1);
    CU_ASSERT_EQUAL(add_after(graph, 4, "all", "a*"), 0);
    CU_ASSERT_EQUAL(add_after(graph, 5, NULL, "?a*"), 0);
    CU_ASSERT_EQUAL(add_after(graph, 6, NULL, "a??"), 0);
    CU_ASSERT_EQUAL(add_after(graph, 7, NULL, "all"), 0);
    js_graph_ended(graph, 2, false);
    expect(graph, " 4<2 6<2 7<4");
    CU_ASSERT_EQUAL(add_after(graph, 8, NULL, "a*"), 0);
    expect(graph, " 8<2");
    js_graph_ended(graph, 3, true);
    expect(graph, "");
    js_graph_ended(graph, 1, true);
    expect(graph, " 5");
    js_graph_ended(graph, 5, true);
    CU_ASSERT_EQUAL(add_after(graph, 9, NULL, "a*"), 0);
    CU_ASSERT_EQUAL(add_after(graph, 10, NULL, "?a*"), 1);
    CU_ASSERT_EQUAL(add_after(graph, 11, NULL, "al*"), 0);
    expect(graph, " 9<2 11<4");
    js_graph_free(graph);
}

/* A glob used again covers the names that have come since, and the others
 * through the earlier group. */
static void test_groups_within_groups(void)
{
    struct js_graph *graph = not_null(js_graph_new());
    char name[16];
    uint64_t id = 0;
    for (unsigned i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "a%u", i);
        CU_ASSERT_EQUAL(add_after(graph, ++id, name, ""), 1);
        CU_ASSERT_EQUAL(add_after(graph, ++id, NULL, "a*"), 0);
    }
    js_graph_ended(graph, 1, true);
    expect(graph, " 2");
    for (uint64_t last = 99; last > 5; last -= 2)
        js_graph_ended(graph, last, true);
    expect(graph, "");
    js_graph_ended(graph, 3, false);
    struct js_buf skips = JS_BUF_INIT;
    for (uint64_t skipped = 4; skipped <= 100; skipped += 2)
        js_buf_printf(&skips, " %ju<3", (uintmax_t)skipped);
    expect(graph, js_buf_string(&skips));
    js_buf_release(&skips);
    js_graph_free(graph);
}

static void test_a_glob_sees_what_is_above_its_line(void)
{
    struct js_graph *graph = not_null(js_graph_new());
    struct js_err err = {""};
    size_t bad = 77;
    const struct js_graph_edge edges[] = {{"a1", false, false},
                                          {"a*", true, true}};
    CU_ASSERT_EQUAL(add_after(graph, 1, "a1", ""), 1);
    /* One line with several jobs, as a template has. */
    js_graph_line(graph);
    CU_ASSERT_EQUAL(add_after(graph, 2, "a2", "a*"), 0);
    CU_ASSERT_EQUAL(add_after(graph, 3, "a3", "a*"), 0);
    CU_ASSERT_EQUAL(add_after(graph, 4, NULL, "a2"), 0);
    js_graph_ended(graph, 1, true);
    expect(graph, " 2 3");
    js_graph_line(graph);
    CU_ASSERT_EQUAL(add_after(graph, 5, NULL, "a*"), 0);
    js_graph_ended(graph, 2, true);
    expect(graph, " 4");
    js_graph_ended(graph, 3, true);
    expect(graph, " 5");
    js_graph_free(graph);

    graph = not_null(js_graph_new());
    CU_ASSERT_EQUAL(add_after(graph, 2, "b", ""), 1);
    js_graph_line(graph);
    CU_ASSERT_EQUAL(add_after(graph, 1, "a1", ""), 1);
    CU_ASSERT_EQUAL(js_graph_add(graph, 3, "a3", edges, 2, &bad, &err), -1);
    CU_ASSERT_EQUAL(errno, ENOENT);
    CU_ASSERT_EQUAL(bad, 1);
    CU_ASSERT_STRING_EQUAL(
        err.text, "after-any=a*: no job above has a name that matches");
    CU_ASSERT_EQUAL(js_graph_mark_before(graph, edges, 2), -1);
    CU_ASSERT_EQUAL(errno, ENOENT);
    CU_ASSERT_EQUAL(js_graph_find(graph, "a3"), 0);
    /* Without is_glob the same characters stand for themselves. */
    CU_ASSERT_EQUAL(add_after(graph, 4, "x*", ""), 1);
    const struct js_graph_edge literal = {"x*", false, false};
    CU_ASSERT_EQUAL(js_graph_add(graph, 5, NULL, &literal, 1, &bad, NULL), 0);
    js_graph_ended(graph, 4, true);
    expect(graph, " 5");
    js_graph_free(graph);
}

static void test_marks_go_through_groups(void)
{
    struct js_graph *graph = not_null(js_graph_new());
    const struct js_graph_edge edge = {"a*", false, true};
    add_after(graph, 1, "a1", "");
    js_graph_mark(graph, 1, 2);
    CU_ASSERT_EQUAL(js_graph_mark_before(graph, &edge, 1), 2);
    add_after(graph, 2, "b", "");
    js_graph_mark(graph, 2, 3);
    CU_ASSERT_EQUAL(js_graph_mark_before(graph, &edge, 1), 2);
    add_after(graph, 3, "a3", "");
    js_graph_mark(graph, 3, 1);
    CU_ASSERT_EQUAL(js_graph_mark_before(graph, &edge, 1), 2);
    js_graph_free(graph);
}

static void note_member(void *arg, uint64_t id)
{
    js_buf_printf(arg, " %ju", (uintmax_t)id);
}

static void test_members(void)
{
    struct js_graph *graph = not_null(js_graph_new());
    struct js_buf said = JS_BUF_INIT;
    uint64_t inner = 7;
    CU_ASSERT_EQUAL(js_graph_group(graph, "a*", &inner), 0);
    add_after(graph, 1, "a1", "");
    add_after(graph, 2, "a2", "");
    add_after(graph, 3, "b1", "");
    CU_ASSERT_EQUAL(js_graph_group(graph, "a*", &inner), 1);
    CU_ASSERT_EQUAL(inner, 0);
    CU_ASSERT_EQUAL(js_graph_group(graph, "?1", &inner), 2);
    CU_ASSERT_EQUAL(inner, 0);
    add_after(graph, 4, "a4", "");
    CU_ASSERT_EQUAL(js_graph_group(graph, "?1", &inner), 2);
    CU_ASSERT_EQUAL(js_graph_group(graph, "a*", &inner), 3);
    CU_ASSERT_EQUAL(inner, 1);
    js_graph_each_member(graph, "a*", note_member, &said);
    js_graph_each_member(graph, "?1", note_member, &said);
    js_graph_each_member(graph, "z*", note_member, &said);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&said), " 4 1 3");
    js_buf_release(&said);
    js_graph_free(graph);
}

/* ---------------------------------------------------------------- cost */

enum { MANY_NAMES = 100000, MANY_JOBS = 10000, GLOBS = 1000 };

static struct js_graph *graph_of_names(void)
{
    struct js_graph *graph = not_null(js_graph_new());
    char name[32];
    for (unsigned i = 0; i < MANY_NAMES; i++) {
        snprintf(name, sizeof(name), "part-%u-%u", i % GLOBS, i / GLOBS);
        add_after(graph, i + 1, name, "");
    }
    return graph;
}

/* m names and k jobs after all of them: k + m edges, and not k times m. */
static void test_a_glob_costs_the_sum(void)
{
    struct js_graph *graph = graph_of_names();
    uint64_t most = 8 * (MANY_NAMES + MANY_JOBS);
    unsigned ready = 0;
    for (unsigned i = 0; i < MANY_JOBS; i++)
        add_after(graph, MANY_NAMES + 1 + i, NULL, i % 2 ? "part-*" : "?*");
    CU_ASSERT(js_graph_steps(graph) <= most);
    for (uint64_t id = 1; id <= MANY_NAMES; id++)
        js_graph_ended(graph, id, true);
    while (js_graph_next_ready(graph))
        ready++;
    CU_ASSERT_EQUAL(ready, MANY_JOBS);
    CU_ASSERT(js_graph_steps(graph) <= 2 * most);
    js_graph_free(graph);
}

/* Used again after each new name, too. */
static void test_a_glob_between_names_costs_the_sum(void)
{
    struct js_graph *graph = not_null(js_graph_new());
    struct js_graph_path *paths = calloc(2 * MANY_JOBS, sizeof(*paths));
    CU_ASSERT_PTR_NOT_NULL_FATAL(paths);
    char name[32];
    uint64_t parent;
    unsigned skipped = 0;
    for (unsigned i = 0; i < MANY_JOBS; i++) {
        snprintf(name, sizeof(name), "a%u", i);
        add_after(graph, 2 * i + 1, name, "");
        add_after(graph, 2 * i + 2, NULL, "a*");
        paths[2 * i].length_ns = paths[2 * i + 1].length_ns = 1 + i;
    }
    js_graph_find_paths(graph, paths, 2 * MANY_JOBS, 0);
    CU_ASSERT_EQUAL(paths[0].length_ns, 1 + MANY_JOBS);
    CU_ASSERT_EQUAL(paths[0].next, 2 * MANY_JOBS);
    free(paths);
    js_graph_ended(graph, 1, false);
    while (js_graph_next_skipped(graph, &parent))
        skipped += parent == 1;
    CU_ASSERT_EQUAL(skipped, MANY_JOBS);
    for (uint64_t id = 3; id < 2 * MANY_JOBS; id += 2)
        js_graph_ended(graph, id, true);
    CU_ASSERT(js_graph_steps(graph) <= 16 * 2 * MANY_JOBS);
    js_graph_assert_invariants(graph);
    js_graph_free(graph);
}

/* A thousand globs, each for a hundred names of its own. */
static void test_other_globs_are_not_compared_with_all(void)
{
    struct js_graph *graph = graph_of_names();
    char glob[32];
    for (unsigned i = 0; i < GLOBS; i++) {
        snprintf(glob, sizeof(glob), "part-%u-*", i);
        add_after(graph, MANY_NAMES + 1 + i, NULL, glob);
    }
    CU_ASSERT(js_graph_steps(graph) <= 32 * MANY_NAMES);
    js_graph_free(graph);
}

/* ---------------------------------------------------------------- wait ok */

static void test_wait_ok_lets_go_after_success(void)
{
    struct js_graph *graph = not_null(js_graph_new());
    js_graph_strict_barrier(graph);
    CU_ASSERT_EQUAL(add_after(graph, 1, NULL, ""), 1);
    js_graph_ended(graph, 1, true);
    js_graph_strict_barrier(graph);
    CU_ASSERT_EQUAL(add_after(graph, 2, NULL, ""), 1);
    js_graph_strict_barrier(graph);
    CU_ASSERT_EQUAL(add_after(graph, 3, NULL, ""), 0);
    js_graph_ended(graph, 2, true);
    expect(graph, " 3");
    js_graph_free(graph);
}

/* All below is skipped as soon as a job has failed, behind further barriers
 * too, and what is added later; the other jobs above go on. */
static void test_wait_ok_skips_all_below(void)
{
    struct js_graph *graph = not_null(js_graph_new());
    CU_ASSERT_EQUAL(add_after(graph, 1, NULL, ""), 1);
    CU_ASSERT_EQUAL(add_after(graph, 2, NULL, ""), 1);
    js_graph_strict_barrier(graph);
    CU_ASSERT_EQUAL(add_after(graph, 3, "c", ""), 0);
    CU_ASSERT_EQUAL(add_after(graph, 4, NULL, "?c"), 0);
    js_graph_barrier(graph);
    CU_ASSERT_EQUAL(add_after(graph, 5, NULL, ""), 0);
    js_graph_ended(graph, 2, false);
    CU_ASSERT_TRUE(js_graph_is_culprit(graph, 2));
    CU_ASSERT_FALSE(js_graph_is_culprit(graph, 1));
    CU_ASSERT_EQUAL(js_graph_wait(graph, 3), JS_GRAPH_SKIPPED);
    CU_ASSERT_EQUAL(js_graph_wait(graph, 5), JS_GRAPH_SKIPPED);
    expect(graph, " 3<2 4<2 5<2");
    CU_ASSERT_EQUAL(add_after(graph, 6, NULL, ""), 0);
    expect(graph, " 6<2");
    CU_ASSERT_EQUAL(add_after(graph, 7, NULL, "c"), 0);
    js_graph_barrier(graph);
    CU_ASSERT_EQUAL(add_after(graph, 8, NULL, ""), 0);
    expect(graph, " 7<3 8<2");
    js_graph_ended(graph, 1, true);
    expect(graph, "");
    CU_ASSERT_FALSE(js_graph_is_waiting(graph));
    js_graph_free(graph);
}

/* Only jobs since the last line of either kind count, and of several lines in a
 * row only the first. */
static void test_wait_ok_looks_back_to_the_last_wait(void)
{
    struct js_graph *graph = not_null(js_graph_new());
    CU_ASSERT_EQUAL(add_after(graph, 1, NULL, ""), 1);
    CU_ASSERT_EQUAL(add_after(graph, 2, NULL, ""), 1);
    js_graph_ended(graph, 1, false);
    js_graph_barrier(graph);
    js_graph_strict_barrier(graph);
    CU_ASSERT_EQUAL(add_after(graph, 3, NULL, ""), 0);
    js_graph_ended(graph, 2, true);
    expect(graph, " 3");
    js_graph_ended(graph, 3, true);
    js_graph_strict_barrier(graph);
    CU_ASSERT_EQUAL(add_after(graph, 4, NULL, ""), 1);
    js_graph_ended(graph, 4, false);
    js_graph_strict_barrier(graph);
    js_graph_barrier(graph);
    CU_ASSERT_EQUAL(add_after(graph, 5, NULL, ""), 0);
    expect(graph, " 5<4");
    js_graph_free(graph);
}

/* A skipped job counts as well. Without a name it is no reason that a person
 * could look up, so its own reason stands for it. */
static void test_wait_ok_after_a_skipped_job(void)
{
    struct js_graph *graph = not_null(js_graph_new());
    CU_ASSERT_EQUAL(add_after(graph, 1, "a", ""), 1);
    js_graph_barrier(graph);
    CU_ASSERT_EQUAL(add_after(graph, 2, NULL, "a"), 0);
    CU_ASSERT_EQUAL(add_after(graph, 3, NULL, ""), 0);
    js_graph_strict_barrier(graph);
    CU_ASSERT_EQUAL(add_after(graph, 4, NULL, ""), 0);
    js_graph_ended(graph, 1, false);
    expect(graph, " 3 2<1 4<1");
    js_graph_free(graph);
}

/* Jobs of an earlier run count as if they had ended in this one. */
static void test_wait_ok_after_an_earlier_run(void)
{
    struct js_graph *graph = not_null(js_graph_new());
    struct js_err err = {""};
    CU_ASSERT_EQUAL(add_after(graph, 1, NULL, ""), 1);
    js_graph_barrier(graph);
    CU_ASSERT_EQUAL(js_graph_add_ended(graph, 2, "b", true, 12, &err), 0);
    CU_ASSERT_EQUAL(js_graph_add_ended(graph, 3, NULL, false, 13, &err), 0);
    CU_ASSERT_EQUAL(js_graph_add_ended(graph, 4, NULL, false, 14, &err), 0);
    CU_ASSERT_EQUAL(js_graph_add_ended(graph, 5, "b", false, 15, &err), -1);
    CU_ASSERT_EQUAL(errno, EEXIST);
    CU_ASSERT_EQUAL(add_after(graph, 5, NULL, "b"), 0);
    expect(graph, ""); /* job 1 holds it up */
    js_graph_strict_barrier(graph);
    CU_ASSERT_EQUAL(js_graph_add_ended(graph, 6, NULL, true, 16, &err), 0);
    CU_ASSERT_EQUAL(add_after(graph, 7, NULL, ""), 0);
    expect(graph, " 7<3");
    CU_ASSERT_EQUAL(js_graph_record(graph, 3), 13);
    CU_ASSERT_EQUAL(js_graph_record(graph, 4), 0);
    CU_ASSERT_EQUAL(js_graph_record(graph, 1), 0);
    js_graph_ended(graph, 1, true);
    expect(graph, " 5");
    js_graph_free(graph);
}

/* A million jobs below it cost nothing before, and are skipped on request. */
static void test_wait_ok_above_many_plain_jobs(void)
{
    enum { PLAIN = 1000000 };
    struct js_graph *graph = not_null(js_graph_new());
    uint64_t parent;
    uint64_t told = 1;
    CU_ASSERT_EQUAL(add_after(graph, 1, NULL, ""), 1);
    js_graph_strict_barrier(graph);
    add_after(graph, 2, NULL, "");
    struct mallinfo2 before = mallinfo2();
    for (uint64_t id = 3; id <= PLAIN; id++)
        add_after(graph, id, NULL, "");
    uint64_t steps = js_graph_steps(graph);
    js_graph_ended(graph, 1, false);
    CU_ASSERT(js_graph_steps(graph) < steps + 10);
    struct mallinfo2 behind = mallinfo2();
    CU_ASSERT_EQUAL(before.uordblks + before.hblkhd,
                    behind.uordblks + behind.hblkhd);
    while (js_graph_next_skipped(graph, &parent) == told + 1 && parent == 1)
        told++;
    CU_ASSERT_EQUAL(told, PLAIN);
    CU_ASSERT_FALSE(js_graph_has_news(graph));
    js_graph_free(graph);
}

static const struct unit_test tests[] = {
    {"what matches", test_what_matches},
    {"matches as fnmatch says", test_matches_as_fnmatch_says},
    {"many stars take no time", test_many_stars_take_no_time},
    {"the index finds all", test_the_index_finds_all},
    {"a group fails with its first member",
     test_a_group_fails_with_its_first_member},
    {"groups within groups", test_groups_within_groups},
    {"a glob sees what is above its line",
     test_a_glob_sees_what_is_above_its_line},
    {"marks go through groups", test_marks_go_through_groups},
    {"members", test_members},
    {"a glob costs the sum", test_a_glob_costs_the_sum},
    {"a glob between names costs the sum",
     test_a_glob_between_names_costs_the_sum},
    {"other globs are not compared with all",
     test_other_globs_are_not_compared_with_all},
    {"wait ok lets go after success", test_wait_ok_lets_go_after_success},
    {"wait ok skips all below", test_wait_ok_skips_all_below},
    {"wait ok looks back to the last wait",
     test_wait_ok_looks_back_to_the_last_wait},
    {"wait ok after a skipped job", test_wait_ok_after_a_skipped_job},
    {"wait ok after an earlier run", test_wait_ok_after_an_earlier_run},
    {"wait ok above many plain jobs", test_wait_ok_above_many_plain_jobs},
    {NULL, NULL},
};

const struct unit_suite suite_graph_globs = {"graph_globs", tests};
