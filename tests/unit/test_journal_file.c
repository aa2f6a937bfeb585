/* journal_file: whatever happens to the file, nothing is lost unnoticed. */
#include "journal_scene.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static atomic_bool is_disk_busy;

/* Replaces the libc function: a sync that a test can delay. */
int fdatasync(int fd)
{
    while (atomic_load(&is_disk_busy))
        usleep(1000);
    return (int)syscall(SYS_fdatasync, fd);
}

/* The file may not grow: each commit says so, nothing is forgotten, and when it
 * may again all of it is there. */
static void test_a_file_at_its_limit(void)
{
    struct scene scene;
    struct rlimit old, low;
    struct stat st;
    struct js_err err = {""};
    scene_init(&scene);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    struct js_journal_config config = config_of(&scene);
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = open_ok(&config, registry);
    for (uint64_t id = 1; id <= 50; id++)
        accept(journal, id);
    begin_ok(journal);
    CU_ASSERT_EQUAL(stat(scene.place.path, &st), 0);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = old;
    low.rlim_cur = (rlim_t)st.st_size + 100; /* in the middle of a record */
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &low), 0);
    for (uint64_t id = 1; id <= 50; id++)
        completion(journal, id, 0);
    CU_ASSERT_EQUAL(js_journal_commit(journal, 1, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "too large"));
    CU_ASSERT_EQUAL(js_journal_commit(journal, 2, &err), -1);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    commit(journal);
    close_ok(journal, 0);
    js_registry_free(registry);
    registry = not_null(js_registry_new());
    js_journal_close(open_ok(&config, registry));
    CU_ASSERT_EQUAL(js_registry_get(registry, 50).state,
                    JS_JOB_STATE_SUCCEEDED);
    signal(SIGXFSZ, handler);
    js_registry_free(registry);
    scene_release(&scene);
}

/* Until the sync that runs has come to its end. */
static void await_sync(struct js_journal *journal)
{
    struct js_err err = {""};
    struct unit_wait wait = {0};
    while (js_journal_look(journal).deadline_ns != JS_NEVER_NS &&
           unit_waits(&wait))
        CU_ASSERT_EQUAL(js_journal_commit(journal, js_clock_ns(), &err), 0);
    CU_ASSERT_EQUAL(js_journal_look(journal).deadline_ns, JS_NEVER_NS);
}

/* A journal with one job that is done, and one that has not been committed. */
static struct js_journal *begin_two(const struct js_journal_config *config,
                                    struct js_registry *registry)
{
    struct js_journal *journal = open_ok(config, registry);
    accept(journal, 1);
    accept(journal, 2);
    begin_ok(journal);
    completion(journal, 1, 0);
    commit(journal);
    completion(journal, 2, 0);
    return journal;
}

static void expect_file(struct scene *scene, const char *standings)
{
    struct js_journal_config config = config_of(scene);
    struct js_registry *registry = not_null(js_registry_new());
    js_journal_close(open_ok(&config, registry));
    expect_standings(registry, standings);
    js_registry_free(registry);
}

/* All that it held goes to a new one, which is as much ours. */
static void take_away_and_go_on(int64_t sync_ns)
{
    struct scene scene;
    struct stat st;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    config.sync_ns = sync_ns;
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = begin_two(&config, registry);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(unlink(scene.place.path), 0);
        completion(journal, 2, 0);
        js_journal_sync_soon(journal);
        struct unit_wait wait = {0};
        while (access(scene.place.path, F_OK) < 0 && unit_waits(&wait))
            commit(journal);
    }
    CU_ASSERT_EQUAL(stat(scene.place.path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(js_buf_string(&scene.warnings), "written again"));
    struct js_err err = {""};
    struct js_journal *second = NULL;
    struct js_registry *other = not_null(js_registry_new());
    CU_ASSERT_EQUAL(js_journal_open(&config, other, &second, &err),
                    JS_JOURNAL_REFUSED);
    close_ok(journal, 0);
    expect_file(&scene, "ss");
    js_registry_free(other);
    js_registry_free(registry);
    scene_release(&scene);
}

static void test_a_file_that_is_taken_away(void)
{
    take_away_and_go_on(0);
    take_away_and_go_on(JS_NS_PER_S);
    take_away_and_go_on(JS_JOURNAL_NO_SYNC);
}

static void test_a_file_that_is_taken_away_at_the_end(void)
{
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = begin_two(&config, registry);
    commit(journal);
    CU_ASSERT_EQUAL(unlink(scene.place.path), 0);
    CU_ASSERT_FALSE(js_journal_look(journal).is_gone);
    close_ok(journal, 0);
    expect_file(&scene, "ss");
    js_registry_free(registry);
    scene_release(&scene);
}

/* Nothing more is on record until the folder is there again. */
static void test_a_folder_that_is_taken_away(void)
{
    struct scene scene;
    struct js_err err = {""};
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    config.sync_ns = 1;
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = begin_two(&config, registry);
    await_sync(journal);
    CU_ASSERT_EQUAL(js_journal_look(journal).recorded, 2);
    completion(journal, 2, 0);
    CU_ASSERT_EQUAL(unlink(scene.place.path), 0);
    CU_ASSERT_EQUAL(rmdir(scene.place.dir), 0);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(js_journal_commit(journal, js_clock_ns(), &err), -1);
        CU_ASSERT_PTR_NOT_NULL(
            strstr(err.text, "cannot be created again: No such"));
    }
    CU_ASSERT_TRUE(js_journal_look(journal).is_gone);
    CU_ASSERT_EQUAL(js_journal_look(journal).recorded, 2);
    CU_ASSERT_EQUAL(mkdir(scene.place.dir, 0700), 0);
    commit(journal);
    CU_ASSERT_FALSE(js_journal_look(journal).is_gone);
    CU_ASSERT_EQUAL(js_journal_look(journal).recorded, 3);
    close_ok(journal, 0);
    expect_file(&scene, "ss");
    js_registry_free(registry);
    scene_release(&scene);
}

/* It is left alone; with the old one back in its place all is well. */
static void test_a_file_with_another_in_its_place(void)
{
    struct scene scene;
    struct js_err err = {""};
    struct js_buf text = JS_BUF_INIT;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = begin_two(&config, registry);
    CU_ASSERT_EQUAL(rename(scene.place.path, scene.old), 0);
    spit(scene.place.path, "dear diary\n", 11);
    CU_ASSERT_EQUAL(js_journal_end(journal, 4, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "another file has its name"));
    CU_ASSERT_TRUE(js_journal_look(journal).is_gone);
    CU_ASSERT_EQUAL(js_journal_look(journal).recorded, 1);
    slurp(scene.place.path, &text);
    CU_ASSERT_EQUAL(text.len, 11);
    js_journal_close(journal);
    CU_ASSERT_EQUAL(rename(scene.old, scene.place.path), 0);
    expect_file(&scene, "ss");
    js_buf_release(&text);
    js_registry_free(registry);
    scene_release(&scene);
}

static void test_syncs_come_when_they_are_due(void)
{
    struct scene scene;
    int64_t second = JS_NS_PER_S;
    struct js_err err = {""};
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    config.sync_ns = second;
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = open_ok(&config, registry);
    accept(journal, 1);
    begin_ok(journal);
    int64_t now_ns = js_clock_ns();
    commit(journal);
    CU_ASSERT_EQUAL(js_journal_look(journal).deadline_ns, JS_NEVER_NS);
    completion(journal, 1, 0);
    CU_ASSERT_EQUAL(js_journal_commit(journal, now_ns, &err), 0);
    /* One has begun: it is looked for soon. */
    CU_ASSERT(js_journal_look(journal).deadline_ns < now_ns + second);
    struct unit_wait wait = {0};
    while (js_journal_look(journal).deadline_ns != JS_NEVER_NS &&
           unit_waits(&wait))
        CU_ASSERT_EQUAL(js_journal_commit(journal, now_ns, &err), 0);
    CU_ASSERT_EQUAL(js_journal_look(journal).deadline_ns, JS_NEVER_NS);
    completion(journal, 1, 0);
    CU_ASSERT_EQUAL(js_journal_commit(journal, now_ns + 1, &err), 0);
    CU_ASSERT_EQUAL(js_journal_look(journal).deadline_ns, now_ns + second);
    close_ok(journal, 0);
    js_registry_free(registry);
    scene_release(&scene);
}

/* With a sync after each commit nothing is on record before it is on disk. */
static void test_a_sync_after_each_commit(void)
{
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    config.sync_ns = 0;
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = open_ok(&config, registry);
    accept(journal, 1);
    begin_ok(journal);
    CU_ASSERT_TRUE(js_journal_look(journal).is_settled);
    completion(journal, 1, 0);
    CU_ASSERT_FALSE(js_journal_look(journal).is_settled);
    atomic_store(&is_disk_busy, true);
    for (int i = 0; i < 3; i++) {
        commit(journal);
        CU_ASSERT_EQUAL(js_journal_look(journal).unwritten, 0);
        CU_ASSERT_FALSE(js_journal_look(journal).is_settled);
        CU_ASSERT_EQUAL(js_journal_look(journal).recorded, 0);
    }
    atomic_store(&is_disk_busy, false);
    await_sync(journal);
    CU_ASSERT_TRUE(js_journal_look(journal).is_settled);
    CU_ASSERT_EQUAL(js_journal_look(journal).recorded, 1);
    close_ok(journal, 0);
    js_registry_free(registry);
    scene_release(&scene);
}

/* A master that was frozen comes back to a journal that another run has. */
static void test_another_run_has_gone_on(void)
{
    static const char theirs[] = "of another run\n";
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    config.lease_ns = JS_NS_PER_S;
    struct js_err err = {""};
    struct stat before, after;
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = open_ok(&config, registry);
    accept(journal, 1);
    begin_ok(journal);
    commit(journal);
    int fd = open(config.path, O_WRONLY | O_APPEND);
    CU_ASSERT_EQUAL(write(fd, theirs, strlen(theirs)), strlen(theirs));
    CU_ASSERT_EQUAL(fstat(fd, &before), 0);
    completion(journal, 1, 0);
    int64_t later_ns = js_clock_ns() + JS_NS_PER_S;
    CU_ASSERT_EQUAL(js_journal_commit(journal, later_ns, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "another run took over"));
    CU_ASSERT_EQUAL(js_journal_look(journal).recorded, 0);
    CU_ASSERT_EQUAL(js_journal_commit(journal, later_ns, &err), -1);
    CU_ASSERT_EQUAL(js_journal_end(journal, 0, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "another run took over"));
    CU_ASSERT_EQUAL(fstat(fd, &after), 0);
    CU_ASSERT_EQUAL(after.st_size, before.st_size);
    /* Nor is it written anew if that run's file is removed. */
    CU_ASSERT_EQUAL(unlink(config.path), 0);
    CU_ASSERT_EQUAL(js_journal_settle(journal, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "another run took over"));
    CU_ASSERT_EQUAL(access(config.path, F_OK), -1);
    close(fd);
    js_journal_close(journal);
    js_registry_free(registry);
    scene_release(&scene);
}

static void test_a_sync_that_is_wanted_soon(void)
{
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    /* Longer than any machine has been up: the first sync does not wait. */
    config.sync_ns = 1000000000 * JS_NS_PER_S;
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = open_ok(&config, registry);
    accept(journal, 1);
    begin_ok(journal);
    completion(journal, 1, 0);
    commit(journal);
    await_sync(journal);
    completion(journal, 1, 0);
    commit(journal);
    CU_ASSERT(js_journal_look(journal).deadline_ns >
              js_clock_ns() + 900 * JS_NS_PER_S);
    CU_ASSERT_TRUE(js_journal_look(journal).is_settled);
    CU_ASSERT_EQUAL(js_journal_look(journal).recorded, 2);
    js_journal_sync_soon(journal);
    commit(journal);
    CU_ASSERT(js_journal_look(journal).deadline_ns <
              js_clock_ns() + JS_NS_PER_S);
    /* What comes while it runs waits for its turn, as ever. */
    completion(journal, 1, 0);
    commit(journal);
    struct unit_wait wait = {0};
    while (js_journal_look(journal).deadline_ns < js_clock_ns() + JS_NS_PER_S &&
           unit_waits(&wait))
        commit(journal);
    CU_ASSERT(js_journal_look(journal).deadline_ns >
              js_clock_ns() + 900 * JS_NS_PER_S);
    close_ok(journal, 0);
    js_registry_free(registry);
    scene_release(&scene);
}

static const struct unit_test tests[] = {
    {"a file at its limit", test_a_file_at_its_limit},
    {"a file that is taken away", test_a_file_that_is_taken_away},
    {"a file that is taken away at the end",
     test_a_file_that_is_taken_away_at_the_end},
    {"a folder that is taken away", test_a_folder_that_is_taken_away},
    {"a file with another in its place", test_a_file_with_another_in_its_place},
    {"syncs come when they are due", test_syncs_come_when_they_are_due},
    {"a sync after each commit", test_a_sync_after_each_commit},
    {"another run took over", test_another_run_has_gone_on},
    {"a sync that is wanted soon", test_a_sync_that_is_wanted_soon},
    {NULL, NULL},
};

const struct unit_suite suite_journal_file = {"journal_file", tests};
