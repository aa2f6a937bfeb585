/* journal: who may go on from a journal, and when its jobs have ended.
 */
#include "journal_scene.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* So long that no machine needs it for a test. */
enum { QUIET_S = 5000 };

/* A run with this lease, of a slave on `host`, which is killed (status -1) or
 * ends; its last word was `ago_s` seconds ago. Returns how long the next waits.
 */
static int64_t quiet_after(bool outlives, const char *host, int status,
                           int ago_s)
{
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    struct js_registry *registry = not_null(js_registry_new());
    config.lease_ns = QUIET_S * JS_NS_PER_S;
    config.outlives = outlives;
    struct js_journal *journal = open_ok(&config, registry);
    begin_ok(journal);
    CU_ASSERT_EQUAL(js_journal_look(journal).quiet_ns, 0);
    CU_ASSERT_EQUAL(js_journal_add_slave(journal, 1, 1, host, NULL), 0);
    commit(journal);
    if (status >= 0)
        close_ok(journal, status);
    else
        js_journal_close(journal);
    js_registry_free(registry);
    struct timespec times[2] = {{0, UTIME_OMIT}, {time(NULL) - ago_s, 0}};
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, scene.place.path, times, 0), 0);
    registry = not_null(js_registry_new());
    journal = open_ok(&config, registry);
    begin_ok(journal);
    int64_t quiet_ns = js_journal_look(journal).quiet_ns;
    js_journal_close(journal);
    js_registry_free(registry);
    scene_release(&scene);
    return quiet_ns;
}

/* Its slaves may still be ending their jobs. */
static void test_quiet_after_a_run_that_was_killed(void)
{
    struct scene scene;
    scene_init(&scene);
    const char *here = config_of(&scene).host;
    int64_t quiet_ns = quiet_after(true, here, -1, 1);
    CU_ASSERT(quiet_ns > 0 && quiet_ns <= (QUIET_S - 1) * JS_NS_PER_S);
    CU_ASSERT(quiet_after(false, "elsewhere", -1, 1) > 0);
    CU_ASSERT_EQUAL(quiet_after(false, here, -1, 1), 0);
    CU_ASSERT_EQUAL(quiet_after(true, here, 3, 1), 0);
    /* The file system may have hung while its slaves were answered. */
    const int64_t whole_ns = QUIET_S * JS_NS_PER_S;
    CU_ASSERT(quiet_after(true, here, -1, QUIET_S / 10 - 100) < whole_ns);
    CU_ASSERT_EQUAL(quiet_after(true, here, -1, QUIET_S / 10 + 1), whole_ns);
    CU_ASSERT_EQUAL(quiet_after(true, here, -1, QUIET_S + 1), whole_ns);
    CU_ASSERT_EQUAL(quiet_after(true, here, 3, QUIET_S + 1), 0);
    /* A clock that was put back is no reason to wait longer. */
    CU_ASSERT_EQUAL(quiet_after(true, here, -1, -1000), whole_ns);
    scene_release(&scene);
}

/* A run of the journal; status -1: it is killed. Returns its id. */
static uint64_t run_once(struct scene *scene, bool is_fresh, int status)
{
    struct js_journal_config config = config_of(scene);
    struct js_registry *registry = not_null(js_registry_new());
    config.lease_ns = JS_NS_PER_S;
    config.is_fresh = is_fresh;
    struct js_journal *journal = open_ok(&config, registry);
    uint64_t id = js_journal_look(journal).run_id;
    begin_ok(journal);
    commit(journal);
    if (status < 0)
        js_journal_close(journal);
    else
        close_ok(journal, status);
    js_registry_free(registry);
    return id;
}

static void test_runs_that_were_killed(void)
{
    struct scene scene;
    scene_init(&scene);
    const int64_t lease_ns = JS_NS_PER_S;
    struct js_journal_config config = config_of(&scene);
    int64_t before_ns = js_clock_unix_ns();
    uint64_t first = run_once(&scene, false, -1);
    uint64_t second = run_once(&scene, false, 3);
    uint64_t third = run_once(&scene, false, -1);
    CU_ASSERT(first && second && third && first != second && first != third);
    for (int i = 0; i < 2; i++) {
        struct js_registry *registry = not_null(js_registry_new());
        /* Those of a journal that is set aside as well. */
        config.is_fresh = i == 1;
        struct js_journal *journal = open_ok(&config, registry);
        struct js_journal_state state = js_journal_look(journal);
        const struct js_dead_run *dead = state.dead;
        CU_ASSERT_EQUAL_FATAL(state.dead_count, 2);
        CU_ASSERT_EQUAL(dead[0].id, first);
        CU_ASSERT_EQUAL(dead[1].id, third);
        CU_ASSERT(dead[0].begin_unix_ns >= before_ns - 1000);
        CU_ASSERT(dead[1].begin_unix_ns >= dead[0].begin_unix_ns);
        /* What it had given to slaves goes on for the lease. */
        CU_ASSERT(dead[0].until_unix_ns >= dead[0].begin_unix_ns + lease_ns);
        CU_ASSERT(dead[0].until_unix_ns <= js_clock_unix_ns() + lease_ns);
        CU_ASSERT_EQUAL(dead[1].until_unix_ns, 0);
        js_journal_close(journal);
        js_registry_free(registry);
    }
    /* The last ones of many. */
    for (int i = 0; i < JS_JOURNAL_DEAD; i++)
        first = run_once(&scene, false, -1);
    struct js_registry *registry = not_null(js_registry_new());
    config.is_fresh = false;
    struct js_journal *journal = open_ok(&config, registry);
    struct js_journal_state state = js_journal_look(journal);
    const struct js_dead_run *dead = state.dead;
    CU_ASSERT_EQUAL(state.dead_count, JS_JOURNAL_DEAD);
    CU_ASSERT_EQUAL(dead[JS_JOURNAL_DEAD - 1].id, first);
    js_journal_close(journal);
    js_registry_free(registry);
    scene_release(&scene);
}

static void test_a_second_holder_is_refused(void)
{
    struct scene scene;
    char pid[32];
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = open_ok(&config, registry);
    begin_ok(journal);
    snprintf(pid, sizeof(pid), "process %d", (int)getpid());
    expect_refused(&config, pid);
    expect_refused(&config, "run on here");
    config.is_fresh = true;
    expect_refused(&config, "in use");
    config.is_forced = true;
    expect_refused(&config, "in use");
    close_ok(journal, 0);
    js_registry_free(registry);
    scene_release(&scene);
}

static void test_two_that_begin_at_once(void)
{
    struct scene scene;
    struct js_err err = {""};
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    struct js_registry *registries[2] = {not_null(js_registry_new()),
                                         not_null(js_registry_new())};
    struct js_journal *first = open_ok(&config, registries[0]);
    struct js_journal *second = open_ok(&config, registries[1]);
    begin_ok(first);
    CU_ASSERT_EQUAL(js_journal_begin(second, &err), JS_JOURNAL_REFUSED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "in use"));
    js_journal_close(second);
    close_ok(first, 0);
    js_registry_free(registries[0]);
    js_registry_free(registries[1]);
    scene_release(&scene);
}

/* A process that waits until it is killed. */
static pid_t start_idler(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        for (;;)
            pause();
    }
    CU_ASSERT(pid > 0);
    return pid;
}

static void end_idler(pid_t pid)
{
    CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
}

/* What a run that is killed leaves in a new journal. */
struct killed {
    const char *host;
    const struct js_journal_part *part; /* NULL: of nothing */
    int64_t lease_ns;
    bool has_slave;        /* on `host`, */
    bool is_slave_known;   /* with its processes */
    bool is_fresh;         /* it has set aside what was there */
    pid_t rank, runner;    /* which are these; 0: of the run itself */
    pid_t second_runner;   /* in its place; 0: none */
    uint64_t failed, done; /* jobs, or 0 */
    int status;            /* 0: it has none */
};

/* Its journal stays open, unless the run has a status. */
static void run_as_killed(struct scene *scene, const struct killed *killed,
                          struct js_journal **ret_journal,
                          struct js_registry **ret_registry)
{
    struct js_journal_config config = config_of(scene);
    struct js_registry *registry = not_null(js_registry_new());
    struct js_process_pair pair = js_process_pair_of((uint64_t)getpid());
    config.host = killed->host;
    config.part = killed->part;
    config.lease_ns = killed->lease_ns;
    config.is_fresh = killed->is_fresh;
    struct js_journal *journal = open_ok(&config, registry);
    if (killed->rank > 0) {
        pair.pid = (uint64_t)killed->rank;
        pair.started = js_process_start(pair.pid);
    }
    if (killed->runner > 0) {
        pair.runner = (uint64_t)killed->runner;
        pair.runner_started = js_process_start(pair.runner);
    }
    for (uint64_t id = js_registry_count(registry) + 1;
         id <= killed->failed || id <= killed->done; id++)
        accept(journal, id);
    begin_ok(journal);
    if (killed->has_slave)
        js_journal_add_slave(journal, 1, 1, killed->host,
                             killed->is_slave_known ? &pair : NULL);
    if (killed->second_runner > 0) {
        pair.runner = (uint64_t)killed->second_runner;
        pair.runner_started = js_process_start(pair.runner);
        CU_ASSERT_EQUAL(js_journal_add_processes(journal, 1, &pair), 0);
    }
    if (killed->failed)
        completion(journal, killed->failed, 1);
    if (killed->done)
        completion(journal, killed->done, 0);
    commit(journal);
    if (killed->status)
        close_ok(journal, killed->status);
    *ret_journal = killed->status ? NULL : journal;
    *ret_registry = registry;
}

/* By a process of its own, of which nothing is left. */
static void leave_killed_in(struct scene *scene, const struct killed *killed)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct js_journal *journal;
        struct js_registry *registry;
        run_as_killed(scene, killed, &journal, &registry);
        js_journal_close(journal);
        js_registry_free(registry);
        raise(SIGKILL);
    }
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void leave_killed(struct scene *scene, struct killed killed)
{
    unlink(scene->place.path);
    leave_killed_in(scene, &killed);
}

static void expect_opened(const struct js_journal_config *config)
{
    struct js_registry *registry = not_null(js_registry_new());
    js_journal_close(open_ok(config, registry));
    js_registry_free(registry);
}

static void test_a_holder_elsewhere(void)
{
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    /* On this host its processes tell that it is gone. */
    leave_killed(&scene, (struct killed){.host = "here"});
    expect_opened(&config);
    leave_killed(&scene, (struct killed){.host = "there"});
    expect_refused(&config, "--force-lock");
    expect_refused(&config, "on there");
    config.is_fresh = true;
    expect_refused(&config, "--force-lock");
    config.is_forced = true;
    expect_opened(&config);
    /* Even if the user or the batch system says that the run is gone, its jobs
     * may go on for the lease. */
    for (int i = 0; i < 2; i++) {
        struct js_registry *registry = not_null(js_registry_new());
        leave_killed(&scene, (struct killed){.host = i == 0 ? "there" : "here",
                                             .lease_ns = 1000 * JS_NS_PER_S,
                                             .has_slave = true});
        config.is_fresh = false;
        struct js_journal *journal = open_ok(&config, registry);
        begin_ok(journal);
        CU_ASSERT_EQUAL(js_journal_look(journal).quiet_ns > 0, i == 0);
        CU_ASSERT_EQUAL(js_journal_is_quiet(journal), i != 0);
        js_journal_close(journal);
        js_registry_free(registry);
    }
    scene_release(&scene);
}

/* In a container, say, that was started anew: its processes cannot be seen, but
 * the lock tells that the run is gone. */
static void test_a_holder_in_another_pid_namespace(void)
{
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    struct js_buf buf = JS_BUF_INIT;
    struct js_journal_line *line = not_null(calloc(1, sizeof(*line)));
    *line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_HEAD, .id = 2};
    js_journal_format_write(&buf, line);
    *line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_RUN,
                                     .pid = (uint64_t)getpid(),
                                     .started =
                                         js_process_start((uint64_t)getpid()),
                                     .boot = js_process_boot()};
    snprintf(line->text, sizeof(line->text), "%s", config.host);
    js_journal_format_write(&buf, line);
    *line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_LEASE,
                                     .lease_us = 1000000};
    js_journal_format_write(&buf, line);
    *line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_MARK, .mark = 1, .space = 1};
    CU_ASSERT_EQUAL(js_journal_format_write(&buf, line), 0);
    int fd = open(scene.place.path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CU_ASSERT_EQUAL(write(fd, buf.data, buf.len), (ssize_t)buf.len);
    expect_opened(&config);
    CU_ASSERT_EQUAL(flock(fd, LOCK_EX), 0);
    expect_refused(&config, "in use by a run on");
    close(fd);
    free(line);
    js_buf_release(&buf);
    scene_release(&scene);
}

/* Nothing else says that its jobs have ended. */
static void test_a_run_without_lease(void)
{
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    struct killed killed = {.host = "here", .has_slave = true};
    leave_killed(&scene, killed);
    expect_refused(&config, "--slave-timeout 0");
    expect_refused(&config, "--force-lock");
    config.is_fresh = true;
    expect_refused(&config, "--force-lock");
    config.is_forced = true;
    expect_opened(&config);
    config.is_forced = config.is_fresh = false;
    killed.is_slave_known = true;
    leave_killed(&scene, killed);
    expect_opened(&config);
    /* Of both processes of the slave it must be known. */
    for (int i = 0; i < 2; i++) {
        pid_t idler = start_idler();
        killed.rank = i == 0 ? idler : 0;
        killed.runner = i == 1 ? idler : 0;
        leave_killed(&scene, killed);
        expect_refused(&config, "--force-lock");
        end_idler(idler);
        expect_opened(&config);
    }
    scene_release(&scene);
}

/* With a lease nobody is refused, and nobody waits once it is known that the
 * run is gone. */
static void test_a_run_that_is_known_to_be_gone(void)
{
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    struct killed killed = {.host = "here",
                            .lease_ns = 1000 * JS_NS_PER_S,
                            .has_slave = true,
                            .is_slave_known = true};
    for (int i = 0; i < 3; i++) {
        pid_t idler = i != 1 ? start_idler() : 0;
        struct js_registry *registry = not_null(js_registry_new());
        killed.runner = i == 0 ? idler : 0;
        killed.second_runner = i == 2 ? idler : 0;
        leave_killed(&scene, killed);
        struct js_journal *journal = open_ok(&config, registry);
        begin_ok(journal);
        CU_ASSERT_EQUAL(js_journal_look(journal).quiet_ns > 0, i != 1);
        CU_ASSERT_EQUAL(js_journal_is_quiet(journal), i == 1);
        if (idler)
            end_idler(idler);
        CU_ASSERT_TRUE(js_journal_is_quiet(journal));
        js_journal_close(journal);
        js_registry_free(registry);
    }
    scene_release(&scene);
}

/* The wait that a killed run has begun is not over with it, nor where its
 * journal is set aside. */
static void check_quiet_after_two(struct scene *scene, bool is_fresh)
{
    struct js_journal_config config = config_of(scene);
    struct js_registry *registry = not_null(js_registry_new());
    pid_t idler = start_idler();
    struct killed killed = {.host = "here",
                            .lease_ns = 1000 * JS_NS_PER_S,
                            .has_slave = true,
                            .is_slave_known = true,
                            .rank = idler};
    leave_killed(scene, killed);
    killed.rank = 0;
    killed.lease_ns = JS_NS_PER_S;
    for (int i = 0; i < 2; i++) {
        killed.is_fresh = is_fresh;
        leave_killed_in(scene, &killed);
    }
    struct js_journal *journal = open_ok(&config, registry);
    CU_ASSERT_EQUAL(js_journal_look(journal).dead_count, 3);
    begin_ok(journal);
    int64_t quiet_ns = js_journal_look(journal).quiet_ns;
    CU_ASSERT(quiet_ns > 0 && quiet_ns <= 1000 * JS_NS_PER_S);
    CU_ASSERT_FALSE(js_journal_is_quiet(journal));
    end_idler(idler);
    CU_ASSERT_TRUE(js_journal_is_quiet(journal));
    js_journal_close(journal);
    js_registry_free(registry);
}

static void test_quiet_after_two_that_were_killed(void)
{
    struct scene scene;
    scene_init(&scene);
    check_quiet_after_two(&scene, false);
    check_quiet_after_two(&scene, true);
    scene_release(&scene);
}

/* Whoever has started a run asks how it has ended. */
static void test_the_end_of_a_start(void)
{
    struct scene scene;
    scene_init(&scene);
    const char *path = scene.place.path;
    struct js_journal_part part = {.command = 7, .restarts = 1};
    CU_ASSERT_EQUAL(js_journal_end_of(path, &part), -1);
    struct killed killed = {.host = "here", .part = &part, .status = 1};
    leave_killed(&scene, killed);
    CU_ASSERT_EQUAL(js_journal_end_of(path, &part), 1);
    part.restarts = 2;
    CU_ASSERT_EQUAL(js_journal_end_of(path, &part), -1);
    killed.status = 0; /* without one */
    leave_killed(&scene, killed);
    CU_ASSERT_EQUAL(js_journal_end_of(path, &part), -1);
    part.command = 8;
    CU_ASSERT_EQUAL(js_journal_end_of(path, &part), -1);
    scene_release(&scene);
}

enum { RANKS = 300 };

/* By a process of its own; the last rank is `idler`. */
static void leave_large_run(struct scene *scene, pid_t idler, bool is_here)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct js_journal_config config = config_of(scene);
        struct js_registry *registry = not_null(js_registry_new());
        struct js_process_pair pair = js_process_pair_of((uint64_t)getpid());
        config.lease_ns = 1000 * JS_NS_PER_S;
        pair.boot += !is_here;
        struct js_journal *journal = open_ok(&config, registry);
        begin_ok(journal);
        for (unsigned rank = 1; rank <= RANKS; rank++) {
            pair.pid = rank == RANKS ? (uint64_t)idler : INT32_MAX - rank;
            pair.started = js_process_start(pair.pid);
            pair.runner = INT32_MAX - RANKS - rank; /* no such process */
            js_journal_add_slave(journal, rank, 1, config.host, &pair);
        }
        commit(journal);
        js_journal_close(journal);
        js_registry_free(registry);
        raise(SIGKILL);
    }
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
}

/* All of its processes are carried into the journal that is begun when its own
 * is set aside; where they are not known its lease counts. */
static void test_a_large_run_in_a_journal_set_aside(void)
{
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    struct killed killed = {.host = config.host,
                            .lease_ns = 1,
                            .has_slave = true,
                            .is_slave_known = true,
                            .is_fresh = true};
    for (int i = 0; i < 3; i++) {
        bool is_here = i != 2;
        pid_t idler = start_idler();
        unlink(scene.place.path);
        leave_large_run(&scene, idler, is_here);
        if (i == 1)
            end_idler(idler);
        leave_killed_in(&scene, &killed);
        leave_killed_in(&scene, &killed);
        struct js_registry *registry = not_null(js_registry_new());
        struct js_journal *journal = open_ok(&config, registry);
        begin_ok(journal);
        CU_ASSERT_EQUAL(js_journal_look(journal).quiet_ns > 0, i != 1);
        if (i != 1)
            end_idler(idler);
        CU_ASSERT_EQUAL(js_journal_is_quiet(journal), is_here);
        js_journal_close(journal);
        js_registry_free(registry);
    }
    scene_release(&scene);
}

/* A batch system has ended it before it starts the job again. */
static void test_a_holder_elsewhere_in_an_earlier_start(void)
{
    struct scene scene;
    struct js_journal_part then = {.batch = "slurm test 7",
                                   .batch_restarts = 1};
    struct js_journal_part now = {.batch = "", .batch_restarts = 2};
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    config.part = &now;
    leave_killed(&scene, (struct killed){.host = "there", .part = &then});
    expect_refused(&config, "--force-lock");
    snprintf(now.batch, sizeof(now.batch), "slurm test 8");
    expect_refused(&config, "--force-lock");
    snprintf(now.batch, sizeof(now.batch), "slurm test 7");
    now.batch_restarts = 1;
    expect_refused(&config, "--force-lock");
    now.batch_restarts = 2;
    expect_opened(&config);
    leave_killed(&scene, (struct killed){.host = "there"});
    expect_refused(&config, "--force-lock");
    scene_release(&scene);
}

/* So has a command that starts its run again, if that has a lease. */
static void test_a_holder_elsewhere_of_the_same_command(void)
{
    struct scene scene;
    struct js_journal_part then = {.command = 77, .restarts = 1};
    struct js_journal_part now = {.command = 77, .restarts = 2};
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    config.part = &now;
    struct killed killed = {
        .host = "there", .part = &then, .lease_ns = JS_NS_PER_S};
    leave_killed(&scene, killed);
    expect_opened(&config);
    now.restarts = 1;
    expect_refused(&config, "--force-lock");
    now = (struct js_journal_part){.command = 78, .restarts = 2};
    expect_refused(&config, "--force-lock");
    now.command = 77;
    killed.lease_ns = 0;
    leave_killed(&scene, killed);
    expect_refused(&config, "--force-lock");
    scene_release(&scene);
}

static void expect_count(const struct js_journal_config *config, uint64_t jobs,
                         uint64_t settled)
{
    struct js_registry *registry = not_null(js_registry_new());
    js_journal_close(open_ok(config, registry));
    CU_ASSERT_EQUAL(js_registry_count(registry), jobs);
    CU_ASSERT_EQUAL(js_registry_settled(registry), settled);
    js_registry_free(registry);
}

/* It does not start over twice, and what failed in it has failed. */
static void test_earlier_starts_of_this_run(void)
{
    struct scene scene;
    struct js_journal_part then[] = {
        {.command = 77, .restarts = 0},
        {.batch = "slurm test 7", .batch_restarts = 0, .command = 1}};
    struct js_journal_part now[] = {
        {.command = 77, .restarts = 1},
        {.batch = "slurm test 7", .batch_restarts = 1, .command = 2}};
    for (int i = 0; i < 2; i++) {
        scene_init(&scene);
        struct js_journal_config config = config_of(&scene);
        struct killed killed = {.host = "here", .failed = 1, .done = 2};
        /* This failure is another run's. */
        leave_killed_in(&scene, &killed);
        killed = (struct killed){
            .host = "here", .part = &then[i], .failed = 3, .done = 4};
        leave_killed_in(&scene, &killed);
        expect_count(&config, 4, 0);
        config.part = &now[i];
        /* A batch job may have lost a node. */
        expect_count(&config, 4, i == 0);
        if (i == 1) {
            killed.status = 3;
            killed.failed = 5;
            leave_killed_in(&scene, &killed);
        }
        uint64_t jobs = i == 0 ? 4 : 5;
        expect_count(&config, jobs, 1);
        config.is_fresh = true;
        expect_count(&config, jobs, 1);
        config.part = &then[i];
        expect_count(&config, 0, 0);
        /* One that has come to its end is not what goes on. */
        struct js_registry *registry = not_null(js_registry_new());
        config.is_fresh = false;
        struct js_journal *journal = open_ok(&config, registry);
        begin_ok(journal);
        close_ok(journal, 1);
        js_registry_free(registry);
        config.part = &now[i];
        expect_count(&config, jobs, 0);
        scene_release(&scene);
    }
}

/* Holds the journal for a while. */
static pid_t hold(struct scene *scene, const struct killed *killed,
                  int64_t hold_ns)
{
    int ends[2];
    char byte;
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        struct js_journal *journal;
        struct js_registry *registry;
        run_as_killed(scene, killed, &journal, &registry);
        if (write(ends[1], "x", 1) == 1)
            usleep((useconds_t)(hold_ns / JS_NS_PER_US));
        js_journal_close(journal);
        js_registry_free(registry);
        _exit(0);
    }
    close(ends[1]);
    CU_ASSERT_EQUAL(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return pid;
}

/* What is left of it is about to end. */
static void test_the_lock_of_an_earlier_start_is_waited_for(void)
{
    struct scene scene;
    struct js_journal_part then = {.command = 77, .restarts = 0};
    struct js_journal_part now = {.command = 77, .restarts = 1};
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    struct killed killed = {
        .host = "here", .part = &then, .lease_ns = 1000 * JS_NS_PER_S};
    pid_t holder = hold(&scene, &killed, 300 * JS_NS_PER_MS);
    config.part = NULL;
    expect_refused(&config, "in use by a run on here");
    config.part = &now;
    expect_opened(&config);
    CU_ASSERT_EQUAL(waitpid(holder, NULL, 0), holder);
    /* But not for ever. */
    unlink(scene.place.path);
    killed.lease_ns = 100 * JS_NS_PER_MS;
    holder = hold(&scene, &killed, 1000 * JS_NS_PER_S);
    expect_refused(&config, "in use by a run on here");
    end_idler(holder);
    scene_release(&scene);
}

static const struct unit_test tests[] = {
    {"quiet after a run that was killed",
     test_quiet_after_a_run_that_was_killed},
    {"runs that were killed", test_runs_that_were_killed},
    {"a second holder is refused", test_a_second_holder_is_refused},
    {"two that begin at once", test_two_that_begin_at_once},
    {"a holder elsewhere", test_a_holder_elsewhere},
    {"a holder in another pid namespace",
     test_a_holder_in_another_pid_namespace},
    {"a holder elsewhere, in an earlier start of the batch job",
     test_a_holder_elsewhere_in_an_earlier_start},
    {"a holder elsewhere, of the same command",
     test_a_holder_elsewhere_of_the_same_command},
    {"a run without lease", test_a_run_without_lease},
    {"a run that is known to be gone", test_a_run_that_is_known_to_be_gone},
    {"the end of a start", test_the_end_of_a_start},
    {"a large run in a journal set aside",
     test_a_large_run_in_a_journal_set_aside},
    {"quiet after two that were killed", test_quiet_after_two_that_were_killed},
    {"earlier starts of this run", test_earlier_starts_of_this_run},
    {"the lock of an earlier start is waited for",
     test_the_lock_of_an_earlier_start_is_waited_for},
    {NULL, NULL},
};

const struct unit_suite suite_journal_takeover = {"journal_takeover", tests};
