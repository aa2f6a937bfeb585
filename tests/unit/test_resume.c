/* identity, registry, resume: what runs again, and under which id. */
#include "unit.h"

#include "base/buf.h"
#include "list/intake.h"
#include "list/jobfile.h"
#include "list/resume.h"
#include "list/source.h"
#include "rng.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---------------------------------------------------------------- identity */

/* The identity of the first job of a list. */
static struct js_identity identity_of(const char *list)
{
    struct js_graph *graph = not_null(js_graph_new());
    struct js_intake *file =
        not_null(js_intake_new("list", js_jobfile_new("list"), graph, NULL));
    struct js_job *job = NULL;
    CU_ASSERT_EQUAL(js_intake_feed(file, list, strlen(list)), 0);
    js_intake_feed(file, NULL, 0);
    CU_ASSERT_EQUAL_FATAL(js_intake_next(file, &job, NULL), 1);
    struct js_identity identity = js_identity_of(job);
    js_job_free(job);
    js_intake_free(file);
    js_graph_free(graph);
    return identity;
}

static bool is_same(const char *a, const char *b)
{
    struct js_identity of_a = identity_of(a), of_b = identity_of(b);
    return js_identity_equal(&of_a, &of_b);
}

static void test_identity(void)
{
    struct js_identity known = identity_of("a");
    /* It is on disk: it must never change. */
    CU_ASSERT_EQUAL(known.high, UINT64_C(0xfdd9b77fdcaf3221));
    CU_ASSERT_EQUAL(known.low, UINT64_C(0xd2f6d0996f37a720));
    CU_ASSERT_TRUE(is_same("echo a", "\n# comment\necho a"));
    CU_ASSERT_TRUE(is_same("echo a", "[nodes=3] echo a"));
    CU_ASSERT_TRUE(is_same("echo a", "[name=x cores=2 mem=1G gpus=1 timeout=5 "
                                     "retries=3 priority=2] echo a"));
    CU_ASSERT_TRUE(is_same("[dir=d env=A=1] x", "#JOBSCHED dir=d env=A=1\nx"));
    CU_ASSERT_FALSE(is_same("echo a", "echo b"));
    CU_ASSERT_FALSE(is_same("echo a", "echo a "));
    CU_ASSERT_FALSE(is_same("echo a", "[dir=d] echo a"));
    CU_ASSERT_FALSE(is_same("[dir=d] x", "[dir=e] x"));
    CU_ASSERT_FALSE(is_same("[env=A=1] x", "[env=A=2] x"));
    CU_ASSERT_FALSE(is_same("[env=A=1 env=B=2] x", "[env=B=2 env=A=1] x"));
    CU_ASSERT_FALSE(is_same("[stdin=f] x", "[stdout=f] x"));
    CU_ASSERT_FALSE(is_same("[stdout=f] x", "[stderr=f] x"));
    CU_ASSERT_FALSE(is_same("[name=n stdout=f] x", "[name=n] x"));
}

static void test_identity_of_a_template(void)
{
    /* A template and the same list written out are the same jobs. */
    CU_ASSERT_TRUE(is_same("[for=n:4] echo {n}", "echo 4"));
    CU_ASSERT_TRUE(is_same("[for='f:a b/c.d'] echo {f/.}", "echo c"));
    CU_ASSERT_TRUE(is_same("[for=n:4 for=m:5 stdout={n} env=A={m}] x",
                           "[stdout=4 env=A=5] x"));
    CU_ASSERT_TRUE(is_same("[for=n:4 dir={n}] x", "[dir=4] x"));
    CU_ASSERT_TRUE(is_same("[for=n:4 stdin={n}] x", "[stdin=4] x"));
    CU_ASSERT_TRUE(is_same("[for=n:4 stderr={n}] x", "[stderr=4] x"));
    CU_ASSERT_TRUE(is_same("[for=n:4 for=m:5] x {n} {m}", "x 4 5"));
    /* What the job may read from its environment alone counts. */
    CU_ASSERT_FALSE(is_same("[for=n:4] x", "x"));
    CU_ASSERT_FALSE(is_same("[for=n:4] x", "[for=n:5] x"));
    CU_ASSERT_FALSE(is_same("[for=n:4 name=a{n} mem={n}G] x", "x"));
    CU_ASSERT_FALSE(is_same("[for=n:4] x $n", "[for=m:4] x $n"));
    CU_ASSERT_TRUE(is_same("[for=n:4 for=m:5] x {n}", "[for=m:5] x 4"));
}

static void test_simulated_jobs_have_one(void)
{
    struct js_job *a = not_null(js_job_new_simulated(NULL, 1, 250));
    struct js_job *b = not_null(js_job_new_simulated(NULL, 2, 250));
    struct js_job *c = not_null(js_job_new_simulated(NULL, 3, 251));
    struct js_identity of_a = js_identity_of(a), of_b = js_identity_of(b),
                       of_c = js_identity_of(c);
    CU_ASSERT_TRUE(js_identity_equal(&of_a, &of_b));
    CU_ASSERT_FALSE(js_identity_equal(&of_a, &of_c));
    js_job_free(a);
    js_job_free(b);
    js_job_free(c);
}

/* ---------------------------------------------------------------- walking */

/* A list read by a run: which jobs run, and what is to be recorded. */
struct walk {
    struct js_buf ran;  /* " ID" each */
    struct js_buf news; /* " +3" " @3=name" " again3" ... */
    struct js_buf told; /* the sentence */
    struct js_resume_counts counts;
};

static int note_news(void *arg, const struct js_resume_news *news)
{
    static const char *const signs[] = {
        [JS_RESUME_ACCEPTED] = "+",  [JS_RESUME_NAMED] = "@",
        [JS_RESUME_AGAIN] = "again", [JS_RESUME_GONE] = "gone",
        [JS_RESUME_BACK] = "back",   [JS_RESUME_DONE] = "done"};
    struct walk *walk = arg;
    CU_ASSERT_EQUAL(news->identity != NULL, news->change == JS_RESUME_ACCEPTED);
    return js_buf_printf(&walk->news, " %s%" PRIu64 "%s%s", signs[news->change],
                         news->id, news->name ? "=" : "",
                         news->name ? news->name : "");
}

static void walk_release(struct walk *walk)
{
    js_buf_release(&walk->ran);
    js_buf_release(&walk->news);
    js_buf_release(&walk->told);
}

static void read_all(struct walk *walk, struct js_source *source)
{
    struct js_job *job;
    while (js_source_next(source, &job, NULL) == JS_SOURCE_JOB) {
        js_buf_printf(&walk->ran, " %" PRIu64, job->id);
        /* Whatever it comes after has ended; or it is skipped. */
        if (!job->is_waiting)
            js_graph_ended(js_source_graph(source), job->seq, true);
        while (js_graph_next_ready(js_source_graph(source)))
            continue;
        js_job_free(job);
    }
}

static void walk_list(struct walk *walk, const char *list,
                      struct js_registry *registry, enum js_resume_what what)
{
    struct js_resume resume;
    struct js_source_survey survey;
    struct js_err err = {""};
    char path[64];
    int fd = memfd_create("list", MFD_CLOEXEC);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, list, strlen(list)), (ssize_t)strlen(list));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    memset(walk, 0, sizeof(*walk));
    js_resume_init(&resume, registry, what, note_news, walk);
    struct js_source *source = js_source_new_file(
        &(struct js_list_config){.path = path, .resume = &resume}, &err);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    source = not_null(source);
    js_source_survey(source, &survey);
    walk->counts = survey.resume;
    CU_ASSERT_EQUAL(js_resume_describe(&walk->counts, &walk->told), 0);
    size_t told = walk->news.len;
    read_all(walk, source);
    /* The second reading changes nothing. */
    CU_ASSERT_EQUAL(walk->news.len, told);
    js_source_free(source);
    close(fd);
}

static void expect_buf(struct js_buf *buf, const char *want, int line)
{
    const char *text = not_null((void *)js_buf_string(buf));
    if (strcmp(text, want) != 0)
        fprintf(stderr, "\nline %d: got \"%s\", want \"%s\"\n", line, text,
                want);
    CU_ASSERT_STRING_EQUAL(text, want);
}

/* Which jobs of the list run, and what is told of it. */
static void expect_walk(struct js_registry *registry, enum js_resume_what what,
                        const char *list, const char *want_ran,
                        const char *want_told, int line)
{
    struct walk walk;
    walk_list(&walk, list, registry, what);
    expect_buf(&walk.ran, want_ran, line);
    expect_buf(&walk.told, want_told, line);
    walk_release(&walk);
}

static void expect_news(struct js_registry *registry, const char *list,
                        const char *want_news, int line)
{
    struct walk walk;
    walk_list(&walk, list, registry, JS_RESUME_ALL);
    expect_buf(&walk.news, want_news, line);
    walk_release(&walk);
}

#define EXPECT(registry, what, list, want_ran, want_told)                      \
    expect_walk(registry, what, list, want_ran, want_told, __LINE__)
#define EXPECT_NEWS(registry, list, want_news)                                 \
    expect_news(registry, list, want_news, __LINE__)

static void succeed(struct js_registry *registry, uint64_t id)
{
    CU_ASSERT_EQUAL(js_registry_set(registry, id, JS_JOB_STATE_SUCCEEDED), 0);
}

static void succeed_all(struct js_registry *registry)
{
    for (uint64_t id = 1; id <= js_registry_count(registry); id++)
        succeed(registry, id);
}

/* ---------------------------------------------------------------- resuming */

static void test_edited_lists(void)
{
    struct js_registry *registry = not_null(js_registry_new());
    EXPECT(registry, JS_RESUME_ALL, "a\nb\nc\nd\n", " 1 2 3 4",
           "0 done, 4 new: 4 to run");
    succeed(registry, 1);
    succeed(registry, 3);
    CU_ASSERT_EQUAL(js_registry_set(registry, 4, JS_JOB_STATE_FAILED), 0);
    EXPECT(registry, JS_RESUME_ALL, "a\nb\nc\nd\n", " 2 4",
           "2 done, 1 failed, 1 left: 2 to run");
    /* Reordered, one inserted, one removed: they keep their ids. */
    EXPECT(registry, JS_RESUME_ALL, "new\nd\nc\na\n", " 5 4",
           "2 done, 1 failed, 1 new, 1 gone: 2 to run");
    /* It was told once. */
    EXPECT(registry, JS_RESUME_ALL, "new\nd\nc\na\n", " 5 4",
           "2 done, 1 failed, 1 left: 2 to run");
    EXPECT_NEWS(registry, "new\nd\nc\na\nb\n", " back2");
    succeed_all(registry);
    EXPECT(registry, JS_RESUME_ALL, "new\nd\nc\na\nb\n", "",
           "5 done: 0 to run");
    js_registry_free(registry);
}

static void test_equal_jobs_are_told_by_their_number(void)
{
    struct js_registry *registry = not_null(js_registry_new());
    EXPECT(registry, JS_RESUME_ALL, "a\na\nb\na\n", " 1 2 3 4",
           "0 done, 4 new: 4 to run");
    succeed(registry, 2);
    EXPECT(registry, JS_RESUME_ALL, "a\na\nb\na\na\n", " 1 3 4 5",
           "1 done, 3 left, 1 new: 4 to run");
    EXPECT(registry, JS_RESUME_ALL, "a\n", " 1",
           "0 done, 1 left, 4 gone: 1 to run");
    js_registry_free(registry);
}

static void test_changed_jobs(void)
{
    struct js_registry *registry = not_null(js_registry_new());
    EXPECT_NEWS(registry, "[name=x] a\nb\n", " +1 @1=x +2");
    succeed_all(registry);
    EXPECT(registry, JS_RESUME_ALL, "[name=x] a2\nb\n", " 3",
           "1 done, 1 changed: 1 to run");
    succeed_all(registry);
    /* As it was before: it is known, and its name is its own again. */
    EXPECT_NEWS(registry, "[name=x] a\nb\n", " back1 @1=x gone3");
    EXPECT(registry, JS_RESUME_ALL, "[name=x] a\nb\n", "", "2 done: 0 to run");
    /* Names that change hands change nothing. */
    EXPECT(registry, JS_RESUME_ALL, "a\n[name=x] b\n", "", "2 done: 0 to run");
    js_registry_free(registry);
}

static void test_what_comes_after_runs_again(void)
{
    static const char list[] = "[name=a] a\n[name=b after=a] b\n"
                               "[name=c after-any=b] c\nd\n";
    struct js_registry *registry = not_null(js_registry_new());
    EXPECT(registry, JS_RESUME_ALL, list, " 1 2 3 4",
           "0 done, 4 new: 4 to run");
    succeed_all(registry);
    EXPECT(registry, JS_RESUME_ALL, list, "", "4 done: 0 to run");
    CU_ASSERT_EQUAL(js_registry_set(registry, 1, JS_JOB_STATE_FAILED), 0);
    EXPECT(registry, JS_RESUME_ALL, list, " 1 2 3",
           "1 done, 1 failed, 2 again: 3 to run");
    /* Killed when a had run: b and c must not be forgotten. */
    succeed(registry, 1);
    EXPECT(registry, JS_RESUME_ALL, list, " 2 3", "2 done, 2 left: 2 to run");
    js_registry_free(registry);
}

static void test_what_stands_below_a_wait_runs_again(void)
{
    struct js_registry *registry = not_null(js_registry_new());
    EXPECT_NEWS(registry, "a\nb\nwait\nc\n", " +1 +2 +3");
    succeed_all(registry);
    EXPECT(registry, JS_RESUME_ALL, "a\nb2\nwait\nc\n", " 4 3",
           "1 done, 1 again, 1 new, 1 gone: 2 to run");
    js_registry_free(registry);
}

static void test_what_comes_after_a_glob_runs_again(void)
{
    static const char list[] = "[name=a1] a\n[name=a2] b\n[after=a*] c\n"
                               "[after=?1] d\n[after-any=*2] e\n";
    struct js_registry *registry = not_null(js_registry_new());
    EXPECT_NEWS(registry, list, " +1 @1=a1 +2 @2=a2 +3 +4 +5");
    succeed_all(registry);
    EXPECT(registry, JS_RESUME_ALL, list, "", "5 done: 0 to run");
    js_registry_set(registry, 2, JS_JOB_STATE_FAILED);
    EXPECT(registry, JS_RESUME_ALL, list, " 2 3 5",
           "2 done, 1 failed, 2 again: 3 to run");
    js_registry_free(registry);
}

/* A failed job that does not run again: what stands below is skipped, and what
 * is done there stays so. */
static void test_below_wait_ok_nothing_runs(void)
{
    static const char list[] = "a\nb\nwait ok\nc\nd\n";
    struct js_registry *registry = not_null(js_registry_new());
    struct walk walk;
    EXPECT_NEWS(registry, list, " +1 +2 +3 +4");
    succeed_all(registry);
    js_registry_set(registry, 2, JS_JOB_STATE_FAILED);
    js_registry_set(registry, 4, JS_JOB_STATE_LEFT);
    walk_list(&walk, list, registry, JS_RESUME_NOT_FAILED);
    expect_buf(&walk.ran, " 4", __LINE__); /* the graph skips it */
    expect_buf(&walk.told, "2 done, 1 failed, 1 left: 1 to run", __LINE__);
    walk_release(&walk);
    js_registry_free(registry);
}

static void test_only_failed(void)
{
    static const char list[] =
        "a\nb\n[name=c] c\n[after=c] d\n[after=c] e\nf\n";
    struct js_registry *registry = not_null(js_registry_new());
    EXPECT_NEWS(registry, list, " +1 +2 +3 @3=c +4 +5 +6");
    succeed(registry, 1);
    js_registry_set(registry, 3, JS_JOB_STATE_FAILED);
    js_registry_set(registry, 4, JS_JOB_STATE_SKIPPED);
    /* 2 and 6 never ran, nor did 5, but that comes after one that failed. */
    struct walk walk;
    walk_list(&walk, list, registry, JS_RESUME_ONLY_FAILED);
    expect_buf(&walk.ran, " 3 4 5", __LINE__);
    CU_ASSERT_EQUAL(walk.counts.aside, 2);
    CU_ASSERT_EQUAL(walk.counts.held, 0);
    walk_release(&walk);
    js_registry_free(registry);
}

/* Also what was done before; and once more, when it was stopped in between. */
static void test_only_failed_and_what_comes_after(void)
{
    static const char list[] =
        "[name=a] a\n[name=b after-any=a] b\n[after=b] c\nd\n";
    struct js_registry *registry = not_null(js_registry_new());
    EXPECT_NEWS(registry, list, " +1 @1=a +2 @2=b +3 +4");
    succeed_all(registry);
    js_registry_set(registry, 1, JS_JOB_STATE_FAILED);
    EXPECT(registry, JS_RESUME_ONLY_FAILED, list, " 1 2 3",
           "1 done, 1 failed, 2 again: 3 to run");
    /* a was stopped, then it succeeded, then b failed. */
    js_registry_set(registry, 1, JS_JOB_STATE_LEFT);
    EXPECT(registry, JS_RESUME_ONLY_FAILED, list, " 1 2 3",
           "1 done, 3 left: 3 to run");
    succeed(registry, 1);
    EXPECT(registry, JS_RESUME_ONLY_FAILED, list, " 2 3",
           "2 done, 2 left: 2 to run");
    js_registry_set(registry, 2, JS_JOB_STATE_LEFT);
    js_registry_set(registry, 2, JS_JOB_STATE_FAILED);
    EXPECT(registry, JS_RESUME_ONLY_FAILED, list, " 2 3",
           "2 done, 1 failed, 1 left: 2 to run");
    succeed(registry, 2);
    succeed(registry, 3);
    EXPECT(registry, JS_RESUME_ONLY_FAILED, list, "", "4 done: 0 to run");
    js_registry_free(registry);
}

static void test_only_failed_and_new_lines(void)
{
    struct js_registry *registry = not_null(js_registry_new());
    struct walk walk;
    EXPECT_NEWS(registry, "[name=a] a\nb\n", " +1 @1=a +2");
    js_registry_set(registry, 1, JS_JOB_STATE_FAILED);
    succeed(registry, 2);
    /* Neither of the new ones is selected; nor what comes after them, be it
     * done, or failed: of the latter somebody must hear. */
    walk_list(&walk, "[name=a] a\n[after=a] n\nwait\nb\n", registry,
              JS_RESUME_ONLY_FAILED);
    expect_buf(&walk.ran, " 1", __LINE__);
    expect_buf(&walk.told, "1 done, 1 failed, 1 new: 1 to run", __LINE__);
    CU_ASSERT_EQUAL(walk.counts.held, 0);
    walk_release(&walk);
    CU_ASSERT_EQUAL(js_registry_get(registry, 2).state, JS_JOB_STATE_SUCCEEDED);
    js_registry_set(registry, 2, JS_JOB_STATE_FAILED);
    walk_list(&walk, "[name=a] a\nm\nwait\nb\n", registry,
              JS_RESUME_ONLY_FAILED);
    expect_buf(&walk.ran, " 1", __LINE__);
    CU_ASSERT_EQUAL(walk.counts.held, 1);
    CU_ASSERT_EQUAL(walk.counts.runs, 1);
    walk_release(&walk);
    js_registry_free(registry);
}

/* In an earlier start of this run: no failure of these is run again, but what
 * failed before that. */
static void test_failed_in_this_run(void)
{
    static const char list[] =
        "[name=a] a\n[name=b] b\n[after=a] c\n[after-any=a] d\n[after=b] e\n";
    static const enum js_resume_what whats[] = {JS_RESUME_ALL,
                                                JS_RESUME_ONLY_FAILED};
    for (size_t i = 0; i < 2; i++) {
        struct js_registry *registry = not_null(js_registry_new());
        struct walk walk;
        EXPECT_NEWS(registry, list, " +1 @1=a +2 @2=b +3 +4 +5");
        succeed_all(registry);
        CU_ASSERT_EQUAL(js_registry_settle(registry, 1), 0);
        js_registry_set(registry, 2, JS_JOB_STATE_FAILED);
        js_registry_set(registry, 3, JS_JOB_STATE_SKIPPED);
        js_registry_set(registry, 5, JS_JOB_STATE_SKIPPED);
        CU_ASSERT_EQUAL(js_registry_settled(registry), 1);
        walk_list(&walk, list, registry, whats[i]);
        expect_buf(&walk.ran, " 2 3 5", __LINE__);
        CU_ASSERT_EQUAL(walk.counts.kept, 1);
        walk_release(&walk);
        js_registry_unsettle(registry);
        CU_ASSERT_EQUAL(js_registry_settled(registry), 0);
        EXPECT(registry, whats[i], list, " 1 2 3 4 5",
               "0 done, 4 failed, 1 again: 5 to run");
        js_registry_free(registry);
    }
}

static void test_not_failed(void)
{
    static const char list[] = "[name=a] a\nb\n[after=a] c\n[after-any=a] d\n";
    struct js_registry *registry = not_null(js_registry_new());
    EXPECT_NEWS(registry, list, " +1 @1=a +2 +3 +4");
    succeed_all(registry);
    js_registry_set(registry, 1, JS_JOB_STATE_FAILED);
    js_registry_set(registry, 3, JS_JOB_STATE_SKIPPED);
    struct walk walk;
    walk_list(&walk, list, registry, JS_RESUME_NOT_FAILED);
    /* It is given out, for the graph to skip it. */
    expect_buf(&walk.ran, " 3", __LINE__);
    CU_ASSERT_EQUAL(walk.counts.kept, 1);
    walk_release(&walk);
    js_registry_free(registry);
}

static void test_streams(void)
{
    struct js_registry *registry = not_null(js_registry_new());
    struct walk walk = {0};
    struct js_resume resume;
    struct js_job *job;
    EXPECT_NEWS(registry, "a\nb\na\n", " +1 +2 +3");
    succeed(registry, 1);
    int ends[2];
    char path[64];
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    CU_ASSERT_EQUAL(write(ends[1], "a\na\n[name=n] x\nx\n", 17), 17);
    close(ends[1]);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
    js_resume_init(&resume, registry, JS_RESUME_ALL, note_news, &walk);
    struct js_source *source = not_null(js_source_new_file(
        &(struct js_list_config){.path = path, .resume = &resume}, NULL));
    enum js_source_state state;
    while ((state = js_source_next(source, &job, NULL)) != JS_SOURCE_END) {
        CU_ASSERT_EQUAL(state, JS_SOURCE_JOB);
        js_buf_printf(&walk.ran, " %" PRIu64, job->id);
        js_job_free(job);
    }
    expect_buf(&walk.ran, " 3 4 5", __LINE__);
    expect_buf(&walk.news, " +4 @4=n +5", __LINE__);
    /* Its memory does not grow with the stream. */
    CU_ASSERT_EQUAL(js_registry_count(registry), 3);
    walk_release(&walk);
    js_source_free(source);
    close(ends[0]);
    js_registry_free(registry);
}

static void test_registry_refuses_unknown_ids(void)
{
    struct js_registry *registry = not_null(js_registry_new());
    struct js_identity identity = {1, 2};
    CU_ASSERT_EQUAL(js_registry_match(registry, &identity), 0);
    CU_ASSERT_EQUAL(js_registry_add(registry, &identity), 1);
    CU_ASSERT_EQUAL(js_registry_set(registry, 2, JS_JOB_STATE_FAILED), -1);
    CU_ASSERT_EQUAL(js_registry_set(registry, 0, JS_JOB_STATE_FAILED), -1);
    CU_ASSERT_EQUAL(js_registry_set_gone(registry, UINT64_MAX, true), -1);
    CU_ASSERT_EQUAL(js_registry_set_losses(registry, 2, 1), -1);
    CU_ASSERT_EQUAL(js_registry_name(registry, 2, "x"), -1);
    CU_ASSERT_EQUAL(js_registry_find_name(registry, "x"), 0);
    js_registry_free(registry);
    js_registry_free(NULL);
}

/* ---------------------------------------------------------------- at random */

enum { MODEL_JOBS = 40, MODEL_RUNS = 6 };

struct model_job {
    unsigned content;
    int after; /* the index of an earlier job; -1: none */
    bool is_behind_wait;
};

/* As make would have it, by brute force. */
static void expect_model(const struct model_job *jobs, size_t count,
                         const bool *succeeded, const char *ran)
{
    bool runs[MODEL_JOBS], any = false, before_wait = false;
    unsigned n = 0;
    for (size_t i = 0; i < count; i++) {
        if (jobs[i].is_behind_wait)
            before_wait = any;
        runs[i] = !succeeded[i] || before_wait ||
                  (jobs[i].after >= 0 && runs[jobs[i].after]);
        any |= runs[i];
        n += runs[i];
    }
    unsigned given = 0;
    for (const char *at = ran; (at = strchr(at, ' ')); at++)
        given++;
    CU_ASSERT_EQUAL(given, n);
}

static void put_model(struct js_buf *list, const struct model_job *jobs,
                      size_t count)
{
    list->len = 0;
    for (size_t i = 0; i < count; i++) {
        js_buf_printf(list, "%s[name=n%zu",
                      jobs[i].is_behind_wait ? "wait\n" : "", i);
        if (jobs[i].after >= 0)
            js_buf_printf(list, " after-any=n%d", jobs[i].after);
        js_buf_printf(list, "] c%u\n", jobs[i].content);
    }
}

/* What is succeeded is told by content and how many of it there were before. */
static void test_random_edits(void)
{
    struct rng rng = {4711};
    for (int round = 0; round < (int)unit_rounds(300); round++) {
        struct js_registry *registry = not_null(js_registry_new());
        struct js_buf list = JS_BUF_INIT;
        for (int run = 0; run < MODEL_RUNS; run++) {
            struct model_job jobs[MODEL_JOBS];
            bool succeeded[MODEL_JOBS];
            size_t count = 1 + rng_below(&rng, MODEL_JOBS);
            for (size_t i = 0; i < count; i++) {
                jobs[i] = (struct model_job){(unsigned)rng_below(&rng, 30),
                                             i > 0 && rng_chance(&rng, 30)
                                                 ? (int)rng_below(&rng, i)
                                                 : -1,
                                             rng_chance(&rng, 5)};
            }
            put_model(&list, jobs, count);
            /* How each stands, found by a walk of its own. */
            js_registry_rewind(registry);
            for (size_t i = 0; i < count; i++) {
                char content[16];
                snprintf(content, sizeof(content), "c%u", jobs[i].content);
                struct js_identity identity = identity_of(content);
                uint64_t id = js_registry_match(registry, &identity);
                succeeded[i] = id > 0 && js_registry_get(registry, id).state ==
                                             JS_JOB_STATE_SUCCEEDED;
            }
            struct walk walk;
            walk_list(&walk, js_buf_string(&list), registry, JS_RESUME_ALL);
            expect_model(jobs, count, succeeded,
                         not_null((void *)js_buf_string(&walk.ran)));
            CU_ASSERT_EQUAL(walk.counts.done + walk.counts.runs, count);
            walk_release(&walk);
            for (uint64_t id = 1; id <= js_registry_count(registry); id++) {
                if (rng_chance(&rng, 60))
                    succeed(registry, id);
            }
        }
        js_buf_release(&list);
        js_registry_free(registry);
    }
}

/* A million equal jobs are no chain to be walked. */
static void test_many_equal_jobs(void)
{
    struct js_registry *registry = not_null(js_registry_new());
    struct js_identity identity = {7, 7};
    for (int i = 0; i < 1000000; i++)
        js_registry_add(registry, &identity);
    js_registry_rewind(registry);
    for (uint64_t id = 1; id <= 1000000; id++) {
        if (js_registry_match(registry, &identity) != id)
            CU_FAIL_FATAL("out of order");
    }
    CU_ASSERT_EQUAL(js_registry_match(registry, &identity), 0);
    js_registry_free(registry);
}

static const struct unit_test tests[] = {
    {"what a job does is its identity", test_identity},
    {"identity of a template", test_identity_of_a_template},
    {"simulated jobs have one", test_simulated_jobs_have_one},
    {"edited lists", test_edited_lists},
    {"equal jobs are told by their number",
     test_equal_jobs_are_told_by_their_number},
    {"changed jobs", test_changed_jobs},
    {"what comes after runs again", test_what_comes_after_runs_again},
    {"what comes after a glob runs again",
     test_what_comes_after_a_glob_runs_again},
    {"below wait ok nothing runs", test_below_wait_ok_nothing_runs},
    {"what stands below a wait runs again",
     test_what_stands_below_a_wait_runs_again},
    {"only failed", test_only_failed},
    {"only failed, and what comes after",
     test_only_failed_and_what_comes_after},
    {"only failed, and new lines", test_only_failed_and_new_lines},
    {"failed in this run", test_failed_in_this_run},
    {"not failed", test_not_failed},
    {"streams", test_streams},
    {"ledger refuses unknown ids", test_registry_refuses_unknown_ids},
    {"random edits", test_random_edits},
    {"many equal jobs", test_many_equal_jobs},
    {NULL, NULL},
};

const struct unit_suite suite_resume = {"resume", tests};
