/* timeline: which row, and from when to when. */
#include "unit.h"

#include "base/clock.h"
#include "base/file.h"
#include "record/timeline.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

/* A journal as it is on disk, of times that no clock has to show. */
struct scene {
    struct js_buf text;
    struct js_journal_model *model;
    struct js_timeline *timeline;
};

#define S INT64_C(1000000) /* in us, as journals have it */

static void put(struct scene *scene, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void put(struct scene *scene, const char *format, ...)
{
    struct js_buf line = JS_BUF_INIT;
    va_list args;
    va_start(args, format);
    js_buf_vprintf(&line, format, args);
    va_end(args);
    uint32_t sum =
        (uint32_t)crc32(0, (const Bytef *)line.data, (unsigned)line.len);
    js_buf_printf(&scene->text, "%08" PRIx32 " %.*s\n", sum, (int)line.len,
                  line.data);
    js_buf_release(&line);
}

/* With so many jobs. */
static void scene_init(struct scene *scene, int jobs)
{
    memset(scene, 0, sizeof(*scene));
    put(scene, "jobsched-journal 2");
    for (int i = 1; i <= jobs; i++)
        put(scene, "jobs %d %032x", i, (unsigned)i);
}

static void put_run(struct scene *scene, int64_t begin_us)
{
    put(scene, "run 1 1 1 %" PRId64 " elsewhere", begin_us);
}

static void put_ok(struct scene *scene, int id, int slave, int64_t start_us,
                   int64_t run_us)
{
    put(scene, "ok %d 1 %d 1 0 0 0 0 0 %" PRId64 " %" PRId64 " 0 0 0 0 0", id,
        slave, start_us, run_us);
}

static void lay_out(struct scene *scene)
{
    char path[] = "/tmp/jobsched-timeline-XXXXXX";
    struct js_err err = {""};
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    unlink(path);
    CU_ASSERT_EQUAL(js_file_write(fd, scene->text.data, scene->text.len), 0);
    scene->model = js_journal_model_read(fd, "j", &err);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    close(fd);
    scene->timeline =
        not_null(js_timeline_new(not_null(scene->model), js_clock_unix_ns()));
}

static void scene_release(struct scene *scene)
{
    js_timeline_free(scene->timeline);
    js_journal_model_free(scene->model);
    js_buf_release(&scene->text);
}

/* "job@row start+run", in seconds, of all bars. */
static void expect_bars(struct scene *scene, const char *want)
{
    struct js_buf got = JS_BUF_INIT;
    for (size_t i = 0; i < js_timeline_size(scene->timeline).bars; i++) {
        struct js_timeline_bar bar;
        struct js_journal_model_attempt attempt = {.id = 0};
        js_timeline_bar(scene->timeline, i, &bar);
        if (bar.attempt != JS_JOURNAL_MODEL_NONE)
            js_journal_model_attempt(scene->model, bar.attempt, &attempt);
        js_buf_printf(&got, "%s%d@%zu %g+%g", i ? ", " : "", (int)attempt.id,
                      bar.row, (double)bar.start_ns / 1e9,
                      (double)bar.run_ns / 1e9);
    }
    const char *text = js_buf_string(&got);
    CU_ASSERT_STRING_EQUAL(text, want);
    js_buf_release(&got);
}

static void expect_rows(struct scene *scene, const char *want)
{
    struct js_buf got = JS_BUF_INIT;
    for (size_t i = 0; i < js_timeline_size(scene->timeline).rows; i++) {
        struct js_timeline_row row;
        js_timeline_row(scene->timeline, i, &row);
        js_buf_printf(&got, "%s%s %d.%d", i ? ", " : "", row.host,
                      (int)row.rank, (int)row.slot);
    }
    const char *text = js_buf_string(&got);
    CU_ASSERT_STRING_EQUAL(text, want);
    js_buf_release(&got);
}

static void test_the_first_free_slot(void)
{
    struct scene scene;
    scene_init(&scene, 5);
    put_run(&scene, 100 * S);
    put(&scene, "slave 2 1 n2");
    put(&scene, "slave 1 2 n1");
    put_ok(&scene, 2, 1, 100 * S, 3 * S);
    put_ok(&scene, 1, 1, 100 * S, 5 * S);
    put_ok(&scene, 3, 1, 103 * S, 1 * S);
    put_ok(&scene, 4, 1, 105 * S, 1 * S);
    put_ok(&scene, 5, 2, 101 * S, 9 * S);
    put(&scene, "end 0 %" PRId64, 110 * S);
    lay_out(&scene);
    expect_rows(&scene, "n1 1.1, n1 1.2, n2 2.1");
    expect_bars(&scene, "5@2 1+9, 2@0 0+3, 1@1 0+5, 3@0 3+1, 4@0 5+1");
    scene_release(&scene);
}

/* A clock that was set back in between opens no slot that there is not. */
static void test_no_more_rows_than_slots(void)
{
    struct scene scene;
    scene_init(&scene, 3);
    put_run(&scene, 100 * S);
    put(&scene, "slave 1 1 n1");
    put_ok(&scene, 1, 1, 100 * S, 4 * S);
    put_ok(&scene, 2, 1, 103 * S, 4 * S);
    put_ok(&scene, 3, 1, 106 * S, 1 * S);
    put(&scene, "end 0 %" PRId64, 110 * S);
    lay_out(&scene);
    expect_rows(&scene, "n1 1.1");
    expect_bars(&scene, "1@0 0+4, 2@0 3+4, 3@0 6+1");
    scene_release(&scene);
}

static void test_clocks_that_differ(void)
{
    struct scene scene;
    scene_init(&scene, 5);
    put_run(&scene, 100 * S);
    put(&scene, "slave 1 1 early");
    put(&scene, "slave 2 1 late");
    put(&scene, "slave 3 1 mad");
    put_ok(&scene, 1, 1, 70 * S, 4 * S);
    put_ok(&scene, 2, 1, 75 * S, 4 * S);
    put_ok(&scene, 3, 2, 200 * S, 2 * S);
    put_ok(&scene, 4, 2, 202 * S, 3 * S);
    put_ok(&scene, 5, 3, 105 * S, 1000 * S); /* longer than its run */
    put(&scene, "end 0 %" PRId64, 110 * S);
    lay_out(&scene);
    expect_bars(&scene, "1@0 0+4, 2@0 5+4, 3@1 5+2, 4@1 7+3, 5@2 0+10");
    scene_release(&scene);
}

/* One behind the other, without the pause; the same slave has the same row. */
static void test_several_runs(void)
{
    struct scene scene;
    struct js_timeline_run run;
    scene_init(&scene, 3);
    put_run(&scene, 100 * S);
    put(&scene, "slave 1 1 n1");
    put_ok(&scene, 1, 1, 101 * S, 4 * S);
    put_run(&scene, 5000 * S); /* the one before was killed */
    put(&scene, "slave 1 2 n1");
    put(&scene, "slave 2 1 n1");
    put_ok(&scene, 2, 1, 5001 * S, 1 * S);
    put(&scene, "end 3 %" PRId64, 5002 * S);
    put_run(&scene, 9000 * S);
    put(&scene, "slave 1 1 n2");
    put_ok(&scene, 3, 1, 9001 * S, 1 * S);
    put(&scene, "end 0 %" PRId64, 9003 * S);
    lay_out(&scene);
    expect_rows(&scene, "n1 1.1, n1 1.2, n2 1.1, n1 2.1");
    expect_bars(&scene, "1@0 1+4, 2@0 6+1, 3@2 8+1");
    js_timeline_run(scene.timeline, 0, &run);
    CU_ASSERT_EQUAL(run.length_ns, 5 * S * 1000);
    js_timeline_run(scene.timeline, 2, &run);
    CU_ASSERT_EQUAL(run.begin_ns, 7 * S * 1000);
    CU_ASSERT_EQUAL(run.length_ns, 3 * S * 1000);
    scene_release(&scene);
}

/* It goes on as far as the run was heard of. */
static void test_what_has_begun(void)
{
    struct scene scene;
    struct js_timeline_bar bar;
    struct js_timeline_run run;
    scene_init(&scene, 2);
    put_run(&scene, 100 * S);
    put(&scene, "slave 1 2 n1");
    put_ok(&scene, 1, 1, 101 * S, 4 * S);
    put(&scene, "began 2 1 1 %" PRId64, 103 * S);
    lay_out(&scene);
    js_timeline_run(scene.timeline, 0, &run);
    js_timeline_bar(scene.timeline, 1, &bar);
    CU_ASSERT_EQUAL(bar.attempt, JS_JOURNAL_MODEL_NONE);
    CU_ASSERT_EQUAL(bar.begun, 0);
    CU_ASSERT_EQUAL(bar.row, 1);
    CU_ASSERT_EQUAL(bar.start_ns, 3 * S * 1000);
    CU_ASSERT_EQUAL(bar.run_ns, run.length_ns - bar.start_ns);
    scene_release(&scene);
}

static void test_nothing(void)
{
    struct scene scene;
    scene_init(&scene, 0);
    lay_out(&scene);
    expect_rows(&scene, "");
    expect_bars(&scene, "");
    scene_release(&scene);
}

/* What no clock says, a journal may. */
static void test_absurd_times(void)
{
    struct scene scene;
    scene_init(&scene, 2);
    put_run(&scene, 0);
    put(&scene, "slave 1 %" PRIu64 " n1", UINT64_MAX);
    put_ok(&scene, 1, 1, INT64_MAX / 1000, INT64_MAX / 1000);
    put_ok(&scene, 2, 1, 0, INT64_MAX / 1000);
    put(&scene, "end 0 %" PRId64, INT64_MAX / 1000);
    lay_out(&scene);
    for (size_t i = 0; i < js_timeline_size(scene.timeline).bars; i++) {
        struct js_timeline_bar bar;
        js_timeline_bar(scene.timeline, i, &bar);
        CU_ASSERT_TRUE(bar.start_ns >= 0 && bar.run_ns >= 0);
    }
    CU_ASSERT_EQUAL(js_timeline_size(scene.timeline).rows, 4096);
    scene_release(&scene);
}

static const struct unit_test tests[] = {
    {"the first free slot", test_the_first_free_slot},
    {"no more rows than slots", test_no_more_rows_than_slots},
    {"clocks that differ", test_clocks_that_differ},
    {"several runs", test_several_runs},
    {"what has begun", test_what_has_begun},
    {"nothing", test_nothing},
    {"absurd times", test_absurd_times},
    {NULL, NULL},
};

const struct unit_suite suite_timeline = {"timeline", tests};
