/* status_model: what is counted and reckoned from a journal and its list. */
#include "unit.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "cli/status_json.h"
#include "cli/status_model.h"
#include "cli/status_text.h"
#include "place.h"
#include "record/journal_format.h"
#include "record/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A journal that is written record by record, and a list beside it. */
enum { JOBS_MAX = 1000 };

struct scene {
    struct place place; /* of the journal */
    char list[PLACE_PATH];
    const char *format; /* of the list, as the user says */
    int fd;
    uint64_t now_us;
    struct js_status_model overview;
    struct js_err err;
};

static void put_line(struct scene *scene, const struct js_journal_line *line)
{
    struct js_buf buf = JS_BUF_INIT;
    CU_ASSERT_EQUAL(js_journal_format_write(&buf, line), 0);
    CU_ASSERT_EQUAL(js_file_write(scene->fd, buf.data, buf.len), 0);
    js_buf_release(&buf);
}

/* Of this process, begun so long ago, with one slave. */
static void put_run(struct scene *scene, uint64_t ago_s, uint64_t slots)
{
    static struct js_journal_line line;
    uint64_t pid = (uint64_t)getpid();
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_RUN,
                                    .pid = pid,
                                    .started = js_process_start(pid),
                                    .boot = js_process_boot(),
                                    .unix_us = scene->now_us - ago_s * 1000000};
    CU_ASSERT_EQUAL(gethostname(line.text, sizeof(line.text) - 1), 0);
    put_line(scene, &line);
    line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_SLAVE, .id = 1, .slots = slots, .text = "n1"};
    put_line(scene, &line);
}

/* Jobs with the commands "job 1", "job 2" ..., in the list as well, each with
 * what `attributes` say (a string a job; NULL: no more, and none). */
static void put_jobs(struct scene *scene, uint64_t count,
                     const char *const *attributes)
{
    static struct js_journal_line line;
    FILE *list = fopen(scene->list, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_JOBS, .id = 1};
    for (uint64_t id = 1; id <= count; id++) {
        char command[32];
        int len = snprintf(command, sizeof(command), "job %u", (unsigned)id);
        struct js_job *job = js_job_new(id, command, (size_t)len);
        CU_ASSERT_PTR_NOT_NULL_FATAL(job);
        if (line.count == JS_JOURNAL_LINE_LIST) {
            put_line(scene, &line);
            line.count = 0;
            line.id = id;
        }
        line.identities[line.count++] = js_identity_of(job);
        js_job_free(job);
        fprintf(list, "%s%s\n", attributes && *attributes ? *attributes : "",
                command);
        if (attributes && *attributes)
            attributes++;
    }
    fclose(list);
    put_line(scene, &line);
}

/* It ended so long ago, having run for so long. */
static void put_end(struct scene *scene, enum js_journal_line_kind kind,
                    uint64_t id, int64_t ago_s, int64_t run_s)
{
    static struct js_journal_line line;
    line = (struct js_journal_line){
        .kind = kind, .id = id, .attempt = 1, .slave = 1};
    line.outcome.run_ns = run_s * JS_NS_PER_S;
    line.outcome.start_unix_ns =
        (int64_t)scene->now_us * JS_NS_PER_US - (ago_s + run_s) * JS_NS_PER_S;
    line.outcome.exit_code = kind == JS_JOURNAL_LINE_FAILED;
    put_line(scene, &line);
}

static void put_begun(struct scene *scene, uint64_t id)
{
    static struct js_journal_line line;
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_BEGAN,
                                    .id = id,
                                    .attempt = 1,
                                    .slave = 1,
                                    .unix_us = scene->now_us};
    put_line(scene, &line);
}

static void scene_init(struct scene *scene)
{
    static struct js_journal_line line;
    memset(scene, 0, sizeof(*scene));
    place_init(&scene->place, "j");
    place_name(&scene->place, "l", scene->list);
    scene->fd = open(scene->place.path,
                     O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    CU_ASSERT_FATAL(scene->fd >= 0);
    scene->now_us = (uint64_t)(js_clock_unix_ns() / JS_NS_PER_US);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_HEAD, .id = 2};
    put_line(scene, &line);
}

static void scene_release(struct scene *scene)
{
    js_status_model_release(&scene->overview);
    close(scene->fd);
    place_release(&scene->place);
}

static int load(struct scene *scene, const char *explained, size_t failed_shown)
{
    struct js_status_model_config config = {.job_file = scene->list,
                                            .format = scene->format,
                                            .journal = scene->place.path,
                                            .explained = explained,
                                            .failed_shown = failed_shown};
    js_status_model_release(&scene->overview);
    int rc = js_status_model_load(&scene->overview, &config, &scene->err);
    if (rc < 0)
        scene->overview = (struct js_status_model){0};
    return rc;
}

static bool is_about(double got, double want)
{
    bool is_near = got > want * 0.95 && got < want * 1.05;
    if (!is_near)
        fprintf(stderr, "\n%g is not about %g\n", got, want);
    return is_near;
}

/* ---------------------------------------------------------------- counts */

static void test_counts(void)
{
    static const char *const attributes[] = {
        "", "[name=b] ", "[after=b] ", "[after-any=b] ", "wait\n", NULL};
    struct scene scene;
    scene_init(&scene);
    put_run(&scene, 10, 2);
    put_jobs(&scene, 7, attributes);
    put_end(&scene, JS_JOURNAL_LINE_OK, 1, 1, 1);
    put_begun(&scene, 2);
    CU_ASSERT_EQUAL(load(&scene, NULL, 10), 0);
    const struct js_status_model_counts *counts = &scene.overview.counts;
    CU_ASSERT_STRING_EQUAL(scene.overview.list_error.text, "");
    CU_ASSERT_EQUAL(scene.overview.life, JS_JOURNAL_MODEL_ON);
    CU_ASSERT_EQUAL(counts->jobs, 7);
    CU_ASSERT_EQUAL(counts->done, 1);
    CU_ASSERT_EQUAL(counts->left, 6);
    CU_ASSERT_EQUAL(counts->running, 1);
    CU_ASSERT_EQUAL(counts->waiting[JS_WAIT_FOR_ROOM], 0);
    CU_ASSERT_EQUAL(counts->waiting[JS_WAIT_FOR_JOBS], 2);
    CU_ASSERT_EQUAL(counts->waiting[JS_WAIT_BEHIND_WAIT], 3);
    put_end(&scene, JS_JOURNAL_LINE_FAILED, 2, 0, 1);
    CU_ASSERT_EQUAL(load(&scene, NULL, 10), 0);
    CU_ASSERT_EQUAL(counts->failed, 1);
    CU_ASSERT_EQUAL(counts->running, 0);
    CU_ASSERT_EQUAL(counts->waiting[JS_WAIT_TO_SKIP], 1);
    CU_ASSERT_EQUAL(counts->waiting[JS_WAIT_FOR_ROOM], 1);
    scene_release(&scene);
}

/* A journal knows what runs only after a second. */
static void test_short_jobs_run_as_well(void)
{
    static struct js_journal_line line;
    struct scene scene;
    scene_init(&scene);
    put_run(&scene, 100, 4);
    put_jobs(&scene, 200, NULL);
    for (uint64_t id = 1; id <= 100; id++) {
        line = (struct js_journal_line){
            .kind = JS_JOURNAL_LINE_OK, .id = id, .attempt = 1, .slave = 1};
        line.outcome.run_ns = 200 * JS_NS_PER_MS;
        /* Three at a time, until now. */
        line.outcome.start_unix_ns =
            (int64_t)scene.now_us * JS_NS_PER_US -
            (int64_t)(id + 2) / 3 * line.outcome.run_ns;
        put_line(&scene, &line);
    }
    CU_ASSERT_EQUAL(load(&scene, NULL, 10), 0);
    CU_ASSERT_EQUAL(scene.overview.counts.running, 0);
    CU_ASSERT_EQUAL(scene.overview.counts.brief, 3);
    put_begun(&scene, 101);
    put_begun(&scene, 102);
    CU_ASSERT_EQUAL(load(&scene, NULL, 10), 0);
    CU_ASSERT_EQUAL(scene.overview.counts.running, 2);
    CU_ASSERT_EQUAL(scene.overview.counts.brief, 2); /* of four slots */
    scene_release(&scene);
}

static void put_run_end(struct scene *scene, uint64_t status, uint64_t ago_s)
{
    static struct js_journal_line line;
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_END,
                                    .status = status,
                                    .unix_us = scene->now_us - ago_s * 1000000};
    put_line(scene, &line);
}

static void test_a_run_with_nothing_to_do_hides_no_other(void)
{
    struct scene scene;
    scene_init(&scene);
    put_run(&scene, 100, 2);
    put_jobs(&scene, 1, NULL);
    put_end(&scene, JS_JOURNAL_LINE_OK, 1, 60, 1);
    put_run_end(&scene, 0, 50);
    CU_ASSERT_EQUAL(load(&scene, NULL, 10), 0);
    CU_ASSERT_FALSE(scene.overview.is_idle);
    put_run(&scene, 10, 2);
    put_run_end(&scene, 0, 10);
    CU_ASSERT_EQUAL(load(&scene, NULL, 10), 0);
    CU_ASSERT_TRUE(scene.overview.is_idle);
    CU_ASSERT_EQUAL(scene.overview.worked.begin_unix_ns,
                    (int64_t)(scene.now_us - 100000000) * JS_NS_PER_US);
    put_run(&scene, 5, 2);
    put_run_end(&scene, JOBSCHED_BROKEN, 5);
    CU_ASSERT_EQUAL(load(&scene, NULL, 10), 0);
    CU_ASSERT_FALSE(scene.overview.is_idle);
    scene_release(&scene);
}

/* ---------------------------------------------------------------- the rate */

/* A run of jobs, each in the slot that is free first, until so many have
 * ended. */
struct played {
    unsigned slots;
    uint64_t jobs, ended;
    int64_t (*length_ms)(uint64_t job);
    int64_t start_ms[JOBS_MAX], end_ms[JOBS_MAX]; /* of the job */
    int64_t now_ms;
};

static int64_t fifth_of_a_second(uint64_t job)
{
    return 180 + (int64_t)(job * 7919 % 40);
}

static int64_t seconds(uint64_t job)
{
    return (1 + (int64_t)(job * job * 7919 % 50)) * 100;
}

static int64_t hour(uint64_t job)
{
    return (3000 + (int64_t)(job * 7919 % 1200)) * 1000;
}

static void play(struct played *played)
{
    int64_t free_ms[16] = {0};
    CU_ASSERT_FATAL(played->jobs <= JOBS_MAX && played->slots <= 16);
    for (uint64_t job = 0; job < played->jobs; job++) {
        unsigned first = 0;
        for (unsigned i = 1; i < played->slots; i++)
            first = free_ms[i] < free_ms[first] ? i : first;
        played->start_ms[job] = free_ms[first];
        free_ms[first] += played->length_ms(job);
        played->end_ms[job] = free_ms[first];
    }
    /* The jobs end in about this order; of several at once all count. */
    for (uint64_t job = 0; job < played->ended; job++) {
        if (played->end_ms[job] > played->now_ms)
            played->now_ms = played->end_ms[job];
    }
    played->ended = 0;
    for (uint64_t job = 0; job < played->jobs; job++)
        played->ended += played->end_ms[job] <= played->now_ms;
}

/* What its bar has seen, a few times in each job. */
static void watch_bar(const struct played *played, struct js_eta *eta)
{
    int64_t step_ms = played->length_ms(0) / 5;
    for (int64_t at_ms = 0;; at_ms += step_ms) {
        uint64_t ended = 0, running = 0;
        int64_t run_ns = 0;
        if (at_ms > played->now_ms)
            at_ms = played->now_ms;
        for (uint64_t job = 0; job < played->jobs; job++) {
            bool has_ended = played->end_ms[job] <= at_ms;
            ended += has_ended;
            running += !has_ended && played->start_ms[job] <= at_ms;
            if (has_ended)
                run_ns += (played->end_ms[job] - played->start_ms[job]) *
                          JS_NS_PER_MS;
        }
        js_eta_note(eta, JS_NS_PER_S + at_ms * JS_NS_PER_MS, ended, run_ns,
                    running);
        if (at_ms == played->now_ms)
            return;
    }
}

/* And what its journal tells: of a job that runs only after a second. */
static void record_played(struct scene *scene, const struct played *played)
{
    static struct js_journal_line line;
    int64_t begin_ms = (int64_t)scene->now_us / 1000 - played->now_ms;
    put_run(scene, (uint64_t)played->now_ms / 1000 + 1, played->slots);
    put_jobs(scene, played->jobs, NULL);
    for (uint64_t job = 0; job < played->jobs; job++) {
        int64_t start_ms = played->start_ms[job], end_ms = played->end_ms[job];
        line =
            (struct js_journal_line){.id = job + 1, .attempt = 1, .slave = 1};
        if (end_ms <= played->now_ms) {
            line.kind = JS_JOURNAL_LINE_OK;
            line.outcome.run_ns = (end_ms - start_ms) * JS_NS_PER_MS;
            line.outcome.start_unix_ns = (begin_ms + start_ms) * JS_NS_PER_MS;
        } else if (start_ms + 1000 <= played->now_ms) {
            line.kind = JS_JOURNAL_LINE_BEGAN;
            line.unix_us = (uint64_t)(begin_ms + start_ms) * 1000;
        } else {
            continue;
        }
        put_line(scene, &line);
    }
}

static void expect_same(struct played *played)
{
    struct scene scene;
    struct js_eta eta = {0};
    scene_init(&scene);
    play(played);
    watch_bar(played, &eta);
    record_played(&scene, played);
    CU_ASSERT_EQUAL_FATAL(load(&scene, NULL, 10), 0);
    const struct js_status_model *overview = &scene.overview;
    CU_ASSERT_EQUAL(overview->counts.left, played->jobs - played->ended);
    struct js_eta_estimate estimate =
        js_eta_estimate(&eta, played->slots, overview->counts.left);
    CU_ASSERT_FATAL(estimate.is_known);
    double bar_ns = (double)estimate.left_ns;
    CU_ASSERT(bar_ns > 0);
    CU_ASSERT(is_about((double)overview->to_come_ns, bar_ns));
    CU_ASSERT(is_about(overview->rate_per_s, estimate.rate));
    scene_release(&scene);
}

static void test_the_same_as_the_bar(void)
{
    static struct played played;
    played = (struct played){
        .slots = 4, .jobs = 200, .ended = 120, .length_ms = fifth_of_a_second};
    expect_same(&played);
    played = (struct played){
        .slots = 8, .jobs = 250, .ended = 100, .length_ms = seconds};
    expect_same(&played);
    /* Few have ended: the rate of those says nothing yet. */
    played = (struct played){
        .slots = 10, .jobs = 100, .ended = 12, .length_ms = hour};
    expect_same(&played);
    played = (struct played){
        .slots = 10, .jobs = 100, .ended = 3, .length_ms = hour};
    expect_same(&played);
}

/* What was long ago no longer counts, for either. */
static int64_t first_slow(uint64_t job)
{
    return job < 100 ? 20000 : 500;
}

static void test_the_same_of_a_long_run(void)
{
    static struct played played;
    played = (struct played){
        .slots = 1, .jobs = JOBS_MAX, .ended = 900, .length_ms = first_slow};
    expect_same(&played);
}

static void test_no_rate(void)
{
    static struct js_journal_line line;
    struct scene scene;
    scene_init(&scene);
    put_run(&scene, 1000, 1);
    put_jobs(&scene, 2, NULL);
    CU_ASSERT_EQUAL(load(&scene, NULL, 10), 0);
    CU_ASSERT(scene.overview.rate_per_s == 0);
    CU_ASSERT_EQUAL(scene.overview.to_come_ns, -1);
    /* Nor when nothing runs any more. */
    put_end(&scene, JS_JOURNAL_LINE_OK, 1, 10, 800);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_END,
                                    .unix_us = scene.now_us};
    put_line(&scene, &line);
    CU_ASSERT_EQUAL(load(&scene, NULL, 10), 0);
    CU_ASSERT_EQUAL(scene.overview.life, JS_JOURNAL_MODEL_ENDED);
    CU_ASSERT(scene.overview.rate_per_s == 0);
    CU_ASSERT_EQUAL(scene.overview.to_come_ns, -1);
    scene_release(&scene);
}

/* ---------------------------------------------------------------- failed */

static void test_failed_jobs_the_latest_first(void)
{
    struct scene scene;
    struct js_journal_model_attempt attempt;
    uint64_t got[4] = {0};
    size_t at = JS_JOURNAL_MODEL_NONE, count = 0;
    scene_init(&scene);
    put_run(&scene, 10, 1);
    put_jobs(&scene, 5, NULL);
    for (uint64_t id = 1; id <= 4; id++)
        put_end(&scene, JS_JOURNAL_LINE_FAILED, id, 0, 1);
    /* It ran again since, and one failed again. */
    put_end(&scene, JS_JOURNAL_LINE_OK, 2, 0, 1);
    put_end(&scene, JS_JOURNAL_LINE_FAILED, 1, 0, 1);
    CU_ASSERT_EQUAL(load(&scene, NULL, 2), 0);
    while (js_status_model_next_failed(&scene.overview, &at, &attempt) &&
           count < 4)
        got[count++] = attempt.id;
    CU_ASSERT_EQUAL(count, 3);
    CU_ASSERT(got[0] == 1 && got[1] == 4 && got[2] == 3);
    /* Of the two that are shown the commands are known. */
    CU_ASSERT_PTR_NOT_NULL(js_status_model_find(&scene.overview, 1));
    CU_ASSERT_PTR_NOT_NULL(js_status_model_find(&scene.overview, 4));
    CU_ASSERT_PTR_NULL(js_status_model_find(&scene.overview, 3));
    CU_ASSERT_EQUAL(load(&scene, NULL, SIZE_MAX), 0);
    const struct js_job *job = js_status_model_find(&scene.overview, 3);
    CU_ASSERT_PTR_NOT_NULL(job);
    if (job)
        CU_ASSERT_STRING_EQUAL(job->command, "job 3");
    scene_release(&scene);
}

/* ---------------------------------------------------------------- one job */

static void test_a_name_goes_before_a_number(void)
{
    static const char *const attributes[] = {"[name=2] ", "", "[name=x] ",
                                             NULL};
    struct scene scene;
    scene_init(&scene);
    put_run(&scene, 10, 1);
    put_jobs(&scene, 3, attributes);
    CU_ASSERT_EQUAL(load(&scene, "2", 10), 0);
    CU_ASSERT_TRUE(scene.overview.is_explained);
    CU_ASSERT_EQUAL(scene.overview.explained.id, 1);
    CU_ASSERT_EQUAL(load(&scene, "3", 10), 0);
    CU_ASSERT_EQUAL(scene.overview.explained.id, 3);
    CU_ASSERT_EQUAL(scene.overview.explained.ahead, 2);
    CU_ASSERT_EQUAL(load(&scene, "x", 10), 0);
    CU_ASSERT_EQUAL(scene.overview.explained.id, 3);
    CU_ASSERT_EQUAL(load(&scene, "4", 10), -1);
    CU_ASSERT_EQUAL(errno, ENOENT);
    /* Without the list the journal's numbers are known. */
    unlink(scene.list);
    CU_ASSERT_EQUAL(load(&scene, "3", 10), 0);
    CU_ASSERT_EQUAL(scene.overview.explained.id, 3);
    CU_ASSERT_PTR_NULL(scene.overview.explained.job);
    CU_ASSERT(scene.overview.list_error.text[0] != '\0');
    scene_release(&scene);
}

/* The journal says how to read the list, unless the user does. */
static void test_the_format_of_the_list(void)
{
    static struct js_journal_line line;
    struct scene scene;
    scene_init(&scene);
    put_run(&scene, 10, 1);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_FORMAT,
                                    .text = "none"};
    put_line(&scene, &line);
    put_jobs(&scene, 1, NULL);
    CU_ASSERT_EQUAL(load(&scene, NULL, 10), 0);
    CU_ASSERT_PTR_NULL(scene.overview.list);
    CU_ASSERT_PTR_NOT_NULL(strstr(scene.overview.list_error.text,
                                  "cannot be read in the format \"none\""));
    scene.format = "lines";
    CU_ASSERT_EQUAL(load(&scene, NULL, 10), 0);
    CU_ASSERT_PTR_NOT_NULL(scene.overview.list);
    /* The run after it did not name one. */
    scene.format = NULL;
    put_run(&scene, 5, 1);
    CU_ASSERT_EQUAL(load(&scene, NULL, 10), 0);
    CU_ASSERT_PTR_NOT_NULL(scene.overview.list);
    scene_release(&scene);
}

/* ---------------------------------------------------------------- shown */

static void expect_shown(struct scene *scene, const char *part)
{
    struct js_buf text = JS_BUF_INIT;
    CU_ASSERT_EQUAL(js_status_text(&scene->overview, &text), 0);
    const char *shown = js_buf_string(&text);
    CU_ASSERT_PTR_NOT_NULL(strstr(shown, part));
    if (!strstr(shown, part))
        fprintf(stderr, "\noverview: %s", shown);
    js_buf_release(&text);
}

/* More than there is room for are counted. */
static void test_many_are_cut_short(void)
{
    struct scene scene;
    struct js_buf json = JS_BUF_INIT;
    scene_init(&scene);
    put_run(&scene, 10, 60);
    put_jobs(&scene, 100, NULL);
    for (uint64_t id = 1; id <= 25; id++)
        put_end(&scene, JS_JOURNAL_LINE_FAILED, id, 0, 1);
    for (uint64_t id = 31; id <= 80; id++)
        put_begun(&scene, id);
    CU_ASSERT_EQUAL(load(&scene, NULL, JS_STATUS_FAILED_SHOWN), 0);
    expect_shown(&scene, "100 jobs: 0 done, 25 failed, 50 running, 25 waiting");
    expect_shown(&scene, "  job 50\n  and 30 more\n");
    expect_shown(&scene, "  job 16\n  and 15 more\n");
    expect_shown(&scene, "waiting\n  25 for free resources\n");
    CU_ASSERT_EQUAL(js_status_json(&scene.overview, &json), 0);
    size_t begun = 0;
    for (const char *at = js_buf_string(&json); (at = strstr(at, "\"id\":"));
         at++)
        begun++;
    CU_ASSERT_EQUAL(begun, 75);
    js_buf_release(&json);
    scene_release(&scene);
}

static const struct unit_test tests[] = {
    {"the format of the list", test_the_format_of_the_list},
    {"counts", test_counts},
    {"short jobs run as well", test_short_jobs_run_as_well},
    {"a run with nothing to do hides no other",
     test_a_run_with_nothing_to_do_hides_no_other},
    {"the same as the bar", test_the_same_as_the_bar},
    {"the same of a long run", test_the_same_of_a_long_run},
    {"no rate", test_no_rate},
    {"failed jobs, the latest first", test_failed_jobs_the_latest_first},
    {"a name goes before a number", test_a_name_goes_before_a_number},
    {"many are cut short", test_many_are_cut_short},
    {NULL, NULL},
};

const struct unit_suite suite_status_model = {"status_model", tests};
