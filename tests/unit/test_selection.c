/* selection: which jobs --only selects, and what becomes of the others. */
#include "unit.h"

#include "base/bits.h"
#include "base/file.h"
#include "dag.h"
#include "list/selection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MAX = 4, JOBS_MAX = 20 };

/* The set as digits: "110" if the first two of three jobs are selected. */
static void select_jobs(const char *text, const char *only, char *got,
                        struct js_err *err)
{
    char words[64];
    const char *list_of[WORDS_MAX + 1] = {NULL};
    size_t count = 0;
    char *rest = NULL;
    struct js_buf bits = JS_BUF_INIT;
    struct js_resume resume;
    struct js_list *list = dag_list(text);
    snprintf(words, sizeof(words), "%s", only);
    for (char *word = strtok_r(words, " ", &rest); word && count < WORDS_MAX;
         word = strtok_r(NULL, " ", &rest))
        list_of[count++] = word;
    js_resume_init(&resume, NULL, JS_RESUME_ALL, NULL, NULL);
    *got = '\0';
    if (js_selection_find(list, list_of, &resume, &bits, err) == 0) {
        CU_ASSERT_PTR_EQUAL(resume.selected, bits.data);
        for (uint32_t i = 0; i < resume.selected_count; i++)
            got[i] = js_bits_has(resume.selected, i) ? '1' : '0';
        got[resume.selected_count] = '\0';
    }
    js_buf_release(&bits);
    js_list_free(list);
}

static void expect(const char *text, const char *only, const char *want)
{
    char got[JOBS_MAX + 1];
    struct js_err err = {""};
    select_jobs(text, only, got, &err);
    CU_ASSERT_STRING_EQUAL(got, want);
    CU_ASSERT_STRING_EQUAL(err.text, "");
}

static void expect_refused(const char *text, const char *only,
                           const char *sentence)
{
    char got[JOBS_MAX + 1];
    struct js_err err = {""};
    select_jobs(text, only, got, &err);
    CU_ASSERT_STRING_EQUAL(err.text, sentence);
}

static void test_words(void)
{
    static const char list[] =
        "[name=a] x\n[name=b/1] x\nx\n[name=b/2] x\n[name=7] x\nx\nx\n";
    expect(list, "a", "1000000");
    expect(list, "b/*", "0101000");
    expect(list, "b/? a", "1101000");
    expect(list, "a,3", "1010000");
    expect(list, ",a,,a,", "1000000");
    /* A name that looks like an id: both are meant. */
    expect(list, "7", "0000101");
    expect(list, "*", "1101100");
    expect_refused(list, "a,c", "--only c: no job in list has this name or id");
    expect_refused(list, "8", "--only 8: no job in list has this name or id");
    expect_refused(list, "a c*",
                   "--only c*: no job in list has a name that matches");
}

static void test_what_they_come_after(void)
{
    static const char list[] = "[name=a] x\n[name=b] x\n[name=c after=a] x\n"
                               "[after-any=c] x\n[after=?] x\nx\n";
    expect(list, "3", "101000");
    expect(list, "4", "101100");
    expect(list, "5", "111010");
    expect(list, "b 6", "010001");
    /* All above a wait line, and not what is above the next. */
    expect("x\n[name=a] x\nwait\nx\nx\nwait ok\nx\n", "3", "11100");
    expect("x\n[name=a] x\nwait\nx\nx\nwait ok\nx\n", "a", "01000");
    expect("x\n[name=a] x\nwait\nx\nx\nwait ok\nx\n", "5", "11111");
    expect("wait\nx\nx\n", "2", "01");
}

/* A glob used again and again, in jobs of which some have names. */
static void test_groups(void)
{
    static const char list[] =
        "[name=a1] x\n[name=p after=a*] x\n[name=a2] x\n[name=q after=a*] x\n"
        "[name=b] x\n[name=a3 after=b] x\n[after=a*,b] x\n[name=a4] x\n";
    expect(list, "p", "11000000");
    expect(list, "q", "10110000");
    expect(list, "7", "10101110");
    expect(list, "a?", "10101101");
}

/* ---------------------------------------------------------------- at random */

/* Against the plain rule: a job, and all that it comes after. */
static void test_at_random(void)
{
    struct rng rng = {11};
    for (unsigned round = 0; round < unit_rounds(300); round++) {
        bool is_after[JOBS_MAX][JOBS_MAX] = {{false}};
        bool wanted[JOBS_MAX] = {false};
        char want[JOBS_MAX + 1];
        char only[8];
        unsigned above = 0; /* jobs above the last wait line */
        struct js_buf text = JS_BUF_INIT;
        for (unsigned i = 0; i < JOBS_MAX; i++) {
            if (rng_chance(&rng, 10)) {
                js_buf_puts(&text, "wait\n");
                above = i;
            }
            for (unsigned j = 0; j < above; j++)
                is_after[i][j] = true;
            js_buf_printf(&text, "[name=%c%u", "ab"[i % 2], i);
            unsigned digit = (unsigned)rng_below(&rng, 10);
            if (i > 0 && rng_chance(&rng, 40)) {
                unsigned j = (unsigned)rng_below(&rng, i);
                is_after[i][j] = true;
                js_buf_printf(&text, " after=%c%u", "ab"[j % 2], j);
            } else if (i > digit && rng_chance(&rng, 40)) {
                for (unsigned j = digit; j < i; j += 10)
                    is_after[i][j] = true;
                js_buf_printf(&text, " after-any=*%u", digit);
            }
            js_buf_puts(&text, "] x\n");
        }
        unsigned last = (unsigned)rng_below(&rng, JOBS_MAX);
        wanted[last] = true;
        for (unsigned i = last + 1; i-- > 0;) {
            for (unsigned j = 0; wanted[i] && j < i; j++)
                wanted[j] |= is_after[i][j];
        }
        for (unsigned i = 0; i < JOBS_MAX; i++)
            want[i] = wanted[i] ? '1' : '0';
        want[JOBS_MAX] = '\0';
        snprintf(only, sizeof(only), "%u", last + 1);
        expect(js_buf_string(&text), only, want);
        js_buf_release(&text);
    }
}

/* ---------------------------------------------------------------- a run */

static int note_news(void *arg, const struct js_resume_news *news)
{
    return news->change == JS_RESUME_AGAIN
               ? js_buf_printf(arg, " again%ju", (uintmax_t)news->id)
               : 0;
}

/* Reads the list as a run does, and says which jobs run: " 1 3". */
static void run_list(const char *text, const char *only,
                     struct js_registry *registry, struct js_buf *ran,
                     struct js_resume_counts *counts)
{
    char path[64];
    struct js_resume resume;
    struct js_job *job;
    struct js_err err = {""};
    const char *const words[] = {only, NULL};
    const struct js_list_config config = {
        .path = path, .resume = &resume, .only = only ? words : NULL};
    dag_write(path, text);
    js_resume_init(&resume, registry, JS_RESUME_ALL, note_news, ran);
    ran->len = 0;
    struct js_source *source = not_null(js_source_new_file(&config, &err));
    while (js_source_next(source, &job, &err) == JS_SOURCE_JOB) {
        js_buf_printf(ran, " %ju", (uintmax_t)job->id);
        if (registry)
            js_registry_set(registry, job->id, JS_JOB_STATE_SUCCEEDED);
        js_job_free(job);
    }
    struct js_source_survey survey;
    js_source_survey(source, &survey);
    *counts = survey.resume;
    bool is_known;
    CU_ASSERT_EQUAL(js_source_total(source, &is_known), counts->runs);
    js_source_free(source);
    unlink(path);
}

static void expect_run(const char *text, const char *only,
                       struct js_registry *registry, const char *want,
                       uint64_t left_out, uint64_t owed)
{
    struct js_buf ran = JS_BUF_INIT;
    struct js_resume_counts counts;
    run_list(text, only, registry, &ran, &counts);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&ran), want);
    CU_ASSERT_EQUAL(counts.left_out, left_out);
    CU_ASSERT_EQUAL(counts.owed, owed);
    CU_ASSERT_EQUAL(counts.aside + counts.held + counts.kept, 0);
    js_buf_release(&ran);
}

static void test_in_a_run(void)
{
    static const char list[] = "[name=a] a\n[name=b after=a] b\n"
                               "[name=c after=b] c\n[name=d] d\n[after=a] e\n";
    static const char changed[] =
        "[name=a] A\n[name=b after=a] b\n"
        "[name=c after=b] c\n[name=d] d\n[after=a] e\n";
    struct js_registry *registry = not_null(js_registry_new());
    expect_run(list, "b", registry, " 1 2", 3, 0);
    expect_run(list, "4", registry, " 4", 2, 0);
    expect_run(list, "a*", registry, "", 2, 0);
    /* What a full start then runs. */
    expect_run(list, NULL, registry, " 3 5", 0, 0);
    expect_run(list, "c", registry, "", 0, 0);
    /* Job 1 has changed: the done jobs after it are owed, and so are those
     * after these. The selected ones run. */
    expect_run(changed, "b", registry, " again2 again3 again5 6 2", 0, 2);
    CU_ASSERT_TRUE(js_registry_get(registry, 5).is_owed);
    expect_run(changed, "d", registry, "", 2, 0);
    expect_run(changed, NULL, registry, " 3 5", 0, 0);
    expect_run(changed, NULL, registry, "", 0, 0);
    js_registry_free(registry);
    expect_run(list, "c", NULL, " 1 2 3", 2, 0);
}

/* What was not selected is not a failure of this run either. */
static void test_failures_that_are_not_selected(void)
{
    static const char list[] = "[name=a] a\n[name=b] b\n[after=b] c\n";
    struct js_registry *registry = not_null(js_registry_new());
    expect_run(list, NULL, registry, " 1 2 3", 0, 0);
    js_registry_set(registry, 2, JS_JOB_STATE_FAILED);
    js_registry_set(registry, 3, JS_JOB_STATE_SKIPPED);
    js_registry_settle(registry, 2);
    expect_run(list, "a", registry, "", 2, 0);
    CU_ASSERT_EQUAL(js_registry_get(registry, 2).state, JS_JOB_STATE_FAILED);
    js_registry_free(registry);
}

static void test_where_nothing_can_be_selected(void)
{
    struct js_resume resume;
    struct js_err err = {""};
    const char *const words[] = {"a", NULL};
    const char *text = "[name=a] x\n[after=z] x\n";
    char path[64];
    int fds[2];
    const struct js_list_config config = {
        .path = path, .resume = &resume, .only = words};
    js_resume_init(&resume, NULL, JS_RESUME_ALL, NULL, NULL);
    dag_write(path, text);
    CU_ASSERT_PTR_NULL(js_source_new_file(&config, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(
        err.text, ":2:8: after=z: no job before this one has that name"));
    unlink(path);
    CU_ASSERT_EQUAL_FATAL(pipe2(fds, O_CLOEXEC), 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
    CU_ASSERT_PTR_NULL(js_source_new_file(&config, &err));
    CU_ASSERT_STRING_EQUAL(err.text,
                           "--only needs a job file that can be read twice: it "
                           "cannot select from a stream");
    close(fds[0]);
    close(fds[1]);
}

static const struct unit_test tests[] = {
    {"words", test_words},
    {"what they come after", test_what_they_come_after},
    {"groups", test_groups},
    {"at random", test_at_random},
    {"in a run", test_in_a_run},
    {"failures that are not selected", test_failures_that_are_not_selected},
    {"where nothing can be selected", test_where_nothing_can_be_selected},
    {NULL, NULL},
};

const struct unit_suite suite_selection = {"selection", tests};
