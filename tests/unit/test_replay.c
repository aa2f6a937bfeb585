/* replay: what another number of slots would have given. */
#include "unit.h"

#include "base/fdio.h"
#include "sched/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { JOBS_MAX = 16 };

/* Jobs of so many ns; -1: it has not run. */
struct scene {
    char path[64]; /* "": no list */
    struct js_replay_job jobs[JOBS_MAX];
    struct js_replay replay;
    struct js_err err;
};

static void scene_init(struct scene *scene, const char *list,
                       const int64_t *runs, size_t count)
{
    memset(scene, 0, sizeof(*scene));
    for (size_t i = 0; i < count; i++)
        scene->jobs[i] = (struct js_replay_job){.run_ns = runs[i], .cores = 1};
    scene->replay = (struct js_replay){.jobs = scene->jobs, .count = count};
    if (!list)
        return;
    snprintf(scene->path, sizeof(scene->path), "/tmp/jobsched-replay-XXXXXX");
    int fd = mkstemp(scene->path);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(js_write_full(fd, list, strlen(list)), 0);
    close(fd);
    scene->replay.list = scene->path;
}

static void scene_release(struct scene *scene)
{
    if (scene->path[0])
        unlink(scene->path);
}

static int64_t span(struct scene *scene, uint64_t slots)
{
    int64_t span_ns = -1;
    CU_ASSERT_EQUAL(
        js_replay_span(&scene->replay, slots, &span_ns, &scene->err), 0);
    return span_ns;
}

static void test_in_the_order_of_the_list(void)
{
    static const int64_t runs[] = {5, 4, 3, 3, 3};
    struct scene scene;
    scene_init(&scene, NULL, runs, 5);
    CU_ASSERT_EQUAL(span(&scene, 1), 18);
    /* 5+3+3 and 4+3: not the best that there is, but what a list gives. */
    CU_ASSERT_EQUAL(span(&scene, 2), 10);
    CU_ASSERT_EQUAL(span(&scene, 3), 7);
    CU_ASSERT_EQUAL(span(&scene, 5), 5);
    CU_ASSERT_EQUAL(span(&scene, UINT64_MAX), 5);
    scene_release(&scene);
}

static void test_dependencies(void)
{
    static const int64_t runs[] = {10, 20, 30, 5, 100};
    struct scene scene;
    scene_init(&scene,
               "[name=a] x\n[name=b after=a] x\n[name=c after-any=b] x\n"
               "[after=a] x\nx\n",
               runs, 5);
    CU_ASSERT_EQUAL(span(&scene, 1), 165);
    CU_ASSERT_EQUAL(span(&scene, 2), 100);
    scene.jobs[4].run_ns = 1;
    CU_ASSERT_EQUAL(span(&scene, 8), 60);
    scene_release(&scene);
}

static void test_a_wait_line(void)
{
    static const int64_t runs[] = {10, 20, 30, 40};
    struct scene scene;
    scene_init(&scene, "x\nx\nwait\nx\nx\n", runs, 4);
    CU_ASSERT_EQUAL(span(&scene, 1), 100);
    CU_ASSERT_EQUAL(span(&scene, 4), 60);
    scene_release(&scene);
}

/* What has not run holds up nobody. */
static void test_what_has_not_run(void)
{
    static const int64_t runs[] = {10, -1, 30, -1};
    struct scene scene;
    scene_init(&scene,
               "[name=a] x\n[name=b after=a] x\n[name=c after=b] x\n"
               "[after=c] x\n",
               runs, 4);
    CU_ASSERT_EQUAL(span(&scene, 1), 40);
    /* The list has grown since. */
    scene.replay.count = 1;
    CU_ASSERT_EQUAL(span(&scene, 1), 10);
    scene.replay.count = 0;
    CU_ASSERT_EQUAL(span(&scene, 1), 0);
    scene_release(&scene);
}

static void test_wide_jobs(void)
{
    static const int64_t runs[] = {10, 10, 10, 10};
    struct scene scene;
    scene_init(&scene, NULL, runs, 4);
    scene.jobs[1].cores = 3;
    CU_ASSERT_EQUAL(span(&scene, 1), 40); /* alone, as wide as there is */
    /* The third and fourth fit in beside the first. */
    CU_ASSERT_EQUAL(span(&scene, 3), 20);
    CU_ASSERT_EQUAL(span(&scene, 4), 20);
    CU_ASSERT_EQUAL(span(&scene, 6), 10);
    scene.jobs[2].cores = 0;
    CU_ASSERT_EQUAL(span(&scene, 3), 20);
    scene_release(&scene);
}

/* No schedule is shorter than the chain or the work shared out, and none of
 * one list longer than both together (Graham). */
static void test_bounds(void)
{
    struct js_replay_job jobs[200];
    struct js_replay replay = {.jobs = jobs, .count = 200};
    int64_t work_ns = 0, longest_ns = 0;
    for (size_t i = 0; i < replay.count; i++) {
        jobs[i] = (struct js_replay_job){.run_ns = (int64_t)(i * 7919 % 997),
                                         .cores = 1};
        work_ns += jobs[i].run_ns;
        if (jobs[i].run_ns > longest_ns)
            longest_ns = jobs[i].run_ns;
    }
    for (uint64_t slots = 1; slots <= 256; slots *= 2) {
        int64_t span_ns = 0;
        int64_t share_ns = work_ns / (int64_t)slots;
        CU_ASSERT_EQUAL(js_replay_span(&replay, slots, &span_ns, NULL), 0);
        CU_ASSERT_TRUE(span_ns >= share_ns && span_ns >= longest_ns);
        CU_ASSERT_TRUE(span_ns <= share_ns + longest_ns);
    }
}

static void test_absurd_times(void)
{
    static const int64_t runs[] = {INT64_MAX, INT64_MAX - 1};
    struct scene scene;
    scene_init(&scene, NULL, runs, 2);
    CU_ASSERT_EQUAL(span(&scene, 1), INT64_MAX);
    scene_release(&scene);
}

static void test_a_list_that_cannot_be_read(void)
{
    static const int64_t runs[] = {1};
    struct scene scene;
    int64_t span_ns;
    scene_init(&scene, "[core=1] x\n", runs, 1);
    CU_ASSERT_EQUAL(js_replay_span(&scene.replay, 1, &span_ns, &scene.err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(scene.err.text, "did you mean"));
    scene.replay.list = "/dev/null";
    CU_ASSERT_EQUAL(js_replay_span(&scene.replay, 1, &span_ns, &scene.err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(scene.err.text, "no regular file"));
    scene_release(&scene);
}

static const struct unit_test tests[] = {
    {"in the order of the list", test_in_the_order_of_the_list},
    {"dependencies", test_dependencies},
    {"a wait line", test_a_wait_line},
    {"what has not run", test_what_has_not_run},
    {"wide jobs", test_wide_jobs},
    {"bounds", test_bounds},
    {"absurd times", test_absurd_times},
    {"a list that cannot be read", test_a_list_that_cannot_be_read},
    {NULL, NULL},
};

const struct unit_suite suite_replay = {"replay", tests};
