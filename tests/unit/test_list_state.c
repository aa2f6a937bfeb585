/* list_state: how the jobs of a list stand, and what they wait for. */
#include "unit.h"

#include "dag.h"
#include "list/job.h"
#include "list/list_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { JOBS_MAX = 16 };

struct scene {
    struct js_list *list;
    struct js_registry *registry;
    struct js_list_state *list_state;
    char got[JOBS_MAX + 1]; /* a letter a job, see letters */
    uint64_t ids[JOBS_MAX]; /* as told */
    char asked[256];        /* about what one waits for */
    size_t fail_at;         /* this visit, from 1 on; 0: none */
    size_t count;
};

static const char letters[] = "-rjws";

static int visit(void *arg, const struct js_job *job, enum js_wait wait)
{
    struct scene *scene = arg;
    CU_ASSERT(job->line >= job->seq);
    scene->got[scene->count] = letters[wait];
    scene->ids[scene->count++] = job->id;
    errno = ENOMEM;
    return scene->count == scene->fail_at ? -1 : 0;
}

/* A job a line; what the registry says of each: 'l'eft, 's'ucceeded, 'f'ailed,
 * s'k'ipped; '-': nothing. */
static void scene_init(struct scene *scene, const char *list,
                       const char *standings)
{
    static const char of[] = "lsfk";
    memset(scene, 0, sizeof(*scene));
    scene->list = dag_list(list);
    scene->registry = not_null(js_registry_new());
    for (size_t i = 0; standings[i] && standings[i] != '-'; i++) {
        char command[16];
        int len = snprintf(command, sizeof(command), "job %zu", i + 1);
        struct js_job *job = not_null(js_job_new(i, command, (size_t)len));
        struct js_identity identity = js_identity_of(job);
        uint64_t id = js_registry_add(scene->registry, &identity);
        js_registry_set(scene->registry, id,
                        (enum js_job_state)(strchr(of, standings[i]) - of));
        js_job_free(job);
    }
}

static void scene_release(struct scene *scene)
{
    js_list_state_free(scene->list_state);
    js_registry_free(scene->registry);
    js_list_free(scene->list);
}

static void read_scene(struct scene *scene)
{
    scene->list_state =
        js_list_state_new(scene->list, scene->registry, visit, scene);
}

static void expect(const char *list, const char *standings, const char *want)
{
    struct scene scene;
    scene_init(&scene, list, standings);
    read_scene(&scene);
    CU_ASSERT_PTR_NOT_NULL(scene.list_state);
    CU_ASSERT_STRING_EQUAL(scene.got, want);
    scene_release(&scene);
}

static void test_what_they_wait_for(void)
{
    static const char list[] = "[name=a] job 1\n"
                               "[name=b after=a] job 2\n"
                               "[name=c after-any=a] job 3\n"
                               "[after=b] job 4\n"
                               "job 5\n";
    expect(list, "lllll", "rjjjr");
    expect(list, "sllll", "-rrjr");
    expect(list, "fklll", "--rsr");
    expect(list, "sslll", "--rrr");
    expect(list, "sfflk", "---s-");
    expect(list, "fllll", "-srsr");
}

static void test_behind_a_wait_line(void)
{
    static const char list[] = "job 1\njob 2\nwait\n[name=x] job 3\n"
                               "[after=x] job 4\nwait\njob 5\n";
    struct scene scene;
    expect(list, "sslll", "--rjw");
    expect(list, "sssll", "---rw");
    expect(list, "ssssl", "----r");
    scene_init(&scene, list, "sllll");
    read_scene(&scene);
    CU_ASSERT_PTR_NOT_NULL_FATAL(scene.list_state);
    CU_ASSERT_STRING_EQUAL(scene.got, "-rwjw");
    CU_ASSERT_EQUAL(js_list_state_above(scene.list_state, 2), 0);
    CU_ASSERT_EQUAL(js_list_state_above(scene.list_state, 3), 1);
    CU_ASSERT_EQUAL(js_list_state_above(scene.list_state, 4), 1);
    CU_ASSERT_EQUAL(js_list_state_above(scene.list_state, 5), 3);
    scene_release(&scene);
}

/* A job that was done before a job was added above the line holds nothing up,
 * and lets nothing through. */
static void test_done_below_a_wait_line(void)
{
    expect("job 1\nwait\njob 2\njob 3\nwait\njob 4\n", "lsll", "r-ww");
}

static void test_below_wait_ok(void)
{
    static const char list[] = "job 1\njob 2\nwait ok\njob 3\nwait\njob 4\n";
    expect(list, "llll", "rrww");
    expect(list, "ssll", "--rw");
    expect(list, "fll-", "-rss");
    expect(list, "fkll", "--ss");
    expect(list, "fsss", "----");
}

static void test_jobs_that_are_new(void)
{
    struct scene scene;
    scene_init(&scene, "job 2\njob 9\njob 1\njob 1\n", "sl");
    read_scene(&scene);
    CU_ASSERT_PTR_NOT_NULL(scene.list_state);
    CU_ASSERT_STRING_EQUAL(scene.got, "rr-r");
    CU_ASSERT_EQUAL(scene.ids[0], 2);
    CU_ASSERT_EQUAL(scene.ids[1], 0);
    CU_ASSERT_EQUAL(scene.ids[2], 1);
    CU_ASSERT_EQUAL(scene.ids[3], 0);
    /* It was only looked at. */
    CU_ASSERT_EQUAL(js_registry_count(scene.registry), 2);
    CU_ASSERT_FALSE(js_registry_get(scene.registry, 2).is_gone);
    scene_release(&scene);
}

static void note_awaited(void *arg, const struct js_awaited *awaited)
{
    struct scene *scene = arg;
    size_t len = strlen(scene->asked);
    snprintf(scene->asked + len, sizeof(scene->asked) - len, "%s%s %d;",
             awaited->name, awaited->any ? "?" : "", (int)awaited->id);
}

static void test_asked_about_one(void)
{
    struct scene scene;
    scene_init(&scene,
               "[name=a] job 1\n[name=b] job 2\n[name=c] job 3\n"
               "[after=a,b after-any=c] job 4\njob 5\n",
               "lslll");
    read_scene(&scene);
    CU_ASSERT_PTR_NOT_NULL_FATAL(scene.list_state);
    js_list_state_each(scene.list_state, 4, note_awaited, &scene);
    CU_ASSERT_PTR_NOT_NULL(strstr(scene.asked, "a 1;"));
    CU_ASSERT_PTR_NOT_NULL(strstr(scene.asked, "c? 3;"));
    CU_ASSERT_PTR_NULL(strstr(scene.asked, "b"));
    scene.asked[0] = '\0';
    js_list_state_each(scene.list_state, 5, note_awaited, &scene);
    CU_ASSERT_STRING_EQUAL(scene.asked, "");
    CU_ASSERT_EQUAL(js_list_state_above(scene.list_state, 5), 0);
    scene_release(&scene);
}

static void test_asked_about_a_glob(void)
{
    struct scene scene;
    scene_init(&scene,
               "[name=a1] job 1\n[name=a2] job 2\n[name=a3] job 3\n"
               "[after=a*] job 4\n[after-any=a*,a?] job 5\n",
               "lslll");
    read_scene(&scene);
    CU_ASSERT_PTR_NOT_NULL_FATAL(scene.list_state);
    CU_ASSERT_STRING_EQUAL(scene.got, "r-rjj");
    js_list_state_each(scene.list_state, 4, note_awaited, &scene);
    CU_ASSERT_EQUAL(strlen(scene.asked), strlen("a1 1;a3 3;"));
    CU_ASSERT_PTR_NOT_NULL(strstr(scene.asked, "a1 1;"));
    CU_ASSERT_PTR_NOT_NULL(strstr(scene.asked, "a3 3;"));
    scene_release(&scene);
}

static void test_a_visit_that_fails(void)
{
    for (size_t at = 1; at <= 3; at++) {
        struct scene scene;
        scene_init(&scene, "job 1\njob 2\njob 3\n", "lsl");
        scene.fail_at = at;
        read_scene(&scene);
        CU_ASSERT_PTR_NULL(scene.list_state);
        CU_ASSERT_EQUAL(errno, ENOMEM);
        CU_ASSERT_EQUAL(scene.count, at);
        scene_release(&scene);
    }
}

static const struct unit_test tests[] = {
    {"what they wait for", test_what_they_wait_for},
    {"behind a wait line", test_behind_a_wait_line},
    {"done below a wait line", test_done_below_a_wait_line},
    {"below wait ok", test_below_wait_ok},
    {"jobs that are new", test_jobs_that_are_new},
    {"asked about one", test_asked_about_one},
    {"asked about a glob", test_asked_about_a_glob},
    {"a visit that fails", test_a_visit_that_fails},
    {NULL, NULL},
};

const struct unit_suite suite_list_state = {"list_state", tests};
