/* recorder: nobody is told of a job that is not on record. */
#include "unit.h"

#include "base/clock.h"
#include "base/file.h"
#include "place.h"
#include "record/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* A journal, a joblog, and two files to which the console leads. */
struct scene {
    struct place place; /* of the journal */
    char joblog[PLACE_PATH];
    int fds[2];
    struct js_outq *outqs[2];
    struct js_registry *registry;
    struct js_worker *worker; /* NULL: none */
    struct js_recorder recorder;
    char text[4096]; /* what was read last */
};

static int open_file(void)
{
    int fd = js_file_open_unlinked("/tmp");
    CU_ASSERT_FATAL(fd >= 0);
    return fd;
}

static void open_journal(struct scene *scene, int64_t sync_ns)
{
    struct js_journal_config config = {.path = scene->place.path,
                                       .host = "here",
                                       .sync_ns = sync_ns,
                                       .worker = scene->worker};
    struct js_err err = {""};
    scene->registry = not_null(js_registry_new());
    CU_ASSERT_EQUAL_FATAL(js_journal_open(&config, scene->registry,
                                          &scene->recorder.journal, &err),
                          0);
    /* So that the joblog, which is to be smaller, has room when it has not. */
    for (uint64_t id = 1; id <= 100; id++) {
        struct js_identity identity = {id, id};
        struct js_resume_news news = {JS_RESUME_ACCEPTED, id, &identity, NULL};
        CU_ASSERT_EQUAL(js_journal_add_news(scene->recorder.journal, &news), 0);
    }
    CU_ASSERT_EQUAL(js_journal_begin(scene->recorder.journal, &err), 0);
}

/* The two descriptors are the scene's from then on. */
static struct scene *scene_new_with(struct js_worker *worker, int64_t sync_ns,
                                    int out, int err_fd)
{
    struct scene *scene = not_null(calloc(1, sizeof(*scene)));
    scene->worker = worker;
    struct js_err err = {""};
    place_init(&scene->place, "j");
    place_name(&scene->place, "log", scene->joblog);
    scene->fds[0] = out;
    scene->fds[1] = err_fd;
    for (int i = 0; i < 2; i++)
        scene->outqs[i] = not_null(js_outq_new(scene->fds[i]));
    struct js_recorder_config config = {
        .worker = worker,
        .out = scene->outqs[0],
        .err = scene->outqs[1],
        .joblog = not_null(js_joblog_open(scene->joblog, -1, false, &err)),
        .is_traced = true};
    CU_ASSERT_EQUAL_FATAL(js_recorder_open(&scene->recorder, &config), 0);
    open_journal(scene, sync_ns);
    return scene;
}

static struct scene *scene_new_on(int64_t sync_ns, int out, int err_fd)
{
    return scene_new_with(NULL, sync_ns, out, err_fd);
}

static struct scene *scene_new(int64_t sync_ns)
{
    return scene_new_on(sync_ns, open_file(), open_file());
}

static void scene_free(struct scene *scene)
{
    js_recorder_release(&scene->recorder);
    js_journal_close(scene->recorder.journal);
    js_joblog_close(scene->recorder.joblog, NULL);
    js_registry_free(scene->registry);
    for (int i = 0; i < 2; i++) {
        js_outq_free(scene->outqs[i]);
        close(scene->fds[i]);
    }
    place_release(&scene->place);
    free(scene);
}

static void completion(struct scene *scene, uint64_t id, uint32_t exit_code)
{
    struct js_completion completion = {.job = not_null(js_job_new(id, "x", 1)),
                                       .outcome = {.exit_code = exit_code},
                                       .slave = 1,
                                       .cores = 1,
                                       .host = "n1"};
    js_recorder_finished(&scene->recorder, &completion);
}

static void commit(struct scene *scene)
{
    js_recorder_commit(&scene->recorder, js_clock_ns());
}

static const char *read_file(struct scene *scene, int fd)
{
    ssize_t n = js_file_pread(fd, scene->text, sizeof(scene->text) - 1, 0);
    scene->text[n > 0 ? n : 0] = '\0';
    return scene->text;
}

static const char *trace(struct scene *scene)
{
    return read_file(scene, scene->fds[0]);
}

static const char *messages(struct scene *scene)
{
    return read_file(scene, scene->fds[1]);
}

/* Lines of jobs. */
static size_t joblog_lines(struct scene *scene)
{
    size_t lines = 0;
    int fd = open(scene->joblog, O_RDONLY | O_CLOEXEC);
    CU_ASSERT_FATAL(fd >= 0);
    for (const char *at = read_file(scene, fd); (at = strchr(at, '\n')); at++)
        lines++;
    close(fd);
    return lines ? lines - 1 : 0;
}

/* The journal may grow by so many bytes; returns how much it could before. */
static struct rlimit limit_journal(struct scene *scene, rlim_t bytes)
{
    struct rlimit old, low;
    struct stat st;
    CU_ASSERT_EQUAL(stat(scene->place.path, &st), 0);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = old;
    low.rlim_cur = (rlim_t)st.st_size + bytes;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &low), 0);
    return old;
}

static void test_reported_when_on_record(void)
{
    struct scene *scene = scene_new(JS_NS_PER_S);
    completion(scene, 1, 0);
    completion(scene, 2, 3);
    CU_ASSERT_STRING_EQUAL(trace(scene), "");
    CU_ASSERT_EQUAL(js_recorder_look(&scene->recorder).unreported, 2);
    commit(scene);
    CU_ASSERT_EQUAL(js_recorder_look(&scene->recorder).unreported, 0);
    CU_ASSERT_STRING_EQUAL(trace(scene), "Finished job: 1\nFinished job: 2\n");
    CU_ASSERT_PTR_NOT_NULL(strstr(messages(scene), "job 2 failed"));
    CU_ASSERT_EQUAL(joblog_lines(scene), 2);
    CU_ASSERT_EQUAL(js_recorder_look(&scene->recorder).lacking, 0);
    scene_free(scene);
}

/* What was whole when the file could take no more is told, the rest is not:
 * neither while the journal cannot be written nor when the run ends so. */
static void test_not_reported_when_not_on_record(void)
{
    struct js_err err = {""};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    struct scene *scene = scene_new(JS_JOURNAL_NO_SYNC);
    commit(scene);
    /* One record and a half. */
    struct rlimit old = limit_journal(scene, 70);
    for (uint64_t id = 1; id <= 5; id++)
        completion(scene, id, 1);
    commit(scene);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(scene->recorder.journal_error.text, "too large"));
    CU_ASSERT_STRING_EQUAL(trace(scene), "Finished job: 1\n");
    CU_ASSERT_PTR_NOT_NULL(strstr(messages(scene), "job 1 failed"));
    CU_ASSERT_PTR_NULL(strstr(messages(scene), "job 2 failed"));
    CU_ASSERT_EQUAL(joblog_lines(scene), 1);
    completion(scene, 6, 0);
    commit(scene);
    CU_ASSERT_EQUAL(js_journal_end(scene->recorder.journal, 4, &err), -1);
    js_recorder_report(&scene->recorder);
    js_console_flush(&scene->recorder.console);
    CU_ASSERT_STRING_EQUAL(trace(scene), "Finished job: 1\n");
    CU_ASSERT_EQUAL(joblog_lines(scene), 1);
    CU_ASSERT_EQUAL(js_recorder_look(&scene->recorder).lacking, 5);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    scene_free(scene);
    signal(SIGXFSZ, handler);
}

static void test_reported_when_there_is_room_again(void)
{
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    struct scene *scene = scene_new(JS_JOURNAL_NO_SYNC);
    commit(scene);
    struct rlimit old = limit_journal(scene, 70);
    for (uint64_t id = 1; id <= 3; id++)
        completion(scene, id, 0);
    commit(scene);
    CU_ASSERT_STRING_EQUAL(trace(scene), "Finished job: 1\n");
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    commit(scene);
    CU_ASSERT_STRING_EQUAL(
        trace(scene), "Finished job: 1\nFinished job: 2\nFinished job: 3\n");
    CU_ASSERT_EQUAL(joblog_lines(scene), 3);
    CU_ASSERT_EQUAL(js_recorder_look(&scene->recorder).lacking, 0);
    scene_free(scene);
    signal(SIGXFSZ, handler);
}

/* With a sync after each commit it is on record when it is on disk. */
static void test_reported_when_on_disk(void)
{
    struct scene *scene = scene_new(0);
    completion(scene, 1, 0);
    CU_ASSERT_FALSE(js_recorder_commit(&scene->recorder, js_clock_ns()));
    CU_ASSERT_STRING_EQUAL(trace(scene), "");
    struct unit_wait wait = {0};
    while (!js_recorder_commit(&scene->recorder, js_clock_ns()) &&
           unit_waits(&wait))
        ;
    CU_ASSERT_STRING_EQUAL(trace(scene), "Finished job: 1\n");
    CU_ASSERT_EQUAL(joblog_lines(scene), 1);
    scene_free(scene);
}

static void test_without_a_journal(void)
{
    struct scene *scene = scene_new(JS_JOURNAL_NO_SYNC);
    js_journal_close(scene->recorder.journal);
    scene->recorder.journal = NULL;
    completion(scene, 1, 0);
    commit(scene);
    CU_ASSERT_STRING_EQUAL(trace(scene), "Finished job: 1\n");
    CU_ASSERT_EQUAL(joblog_lines(scene), 1);
    CU_ASSERT_EQUAL(js_recorder_look(&scene->recorder).lacking, 0);
    scene_free(scene);
}

static void fail(struct scene *scene, uint64_t id,
                 enum js_attempt_result result)
{
    struct js_completion completion = {.job = not_null(js_job_new(id, "x", 1)),
                                       .outcome = {.exit_code = 1},
                                       .result = result,
                                       .slave = 1,
                                       .cores = 1,
                                       .host = "n1"};
    js_recorder_finished(&scene->recorder, &completion);
}

static void assert_failed_names(struct scene *scene, const char *wanted)
{
    struct js_buf text = JS_BUF_INIT;
    CU_ASSERT_EQUAL(js_recorder_describe_failed(&scene->recorder, &text), 0);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&text), wanted);
    js_buf_release(&text);
}

/* However many attempts run again, what fails for good is named. */
static void test_retries_leave_room_for_failures(void)
{
    struct scene *scene = scene_new(JS_JOURNAL_NO_SYNC);
    assert_failed_names(scene, "");
    for (uint64_t id = 1; id <= 90; id++)
        fail(scene, id, JS_ATTEMPT_RESULT_RETRIED);
    assert_failed_names(scene, "");
    fail(scene, 7, JS_ATTEMPT_RESULT_ENDED);
    commit(scene);
    const char *text = messages(scene);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "job 7 failed on n1: exit 1: x\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "further attempts that failed"));
    CU_ASSERT_PTR_NULL(strstr(text, "further failed or skipped"));
    assert_failed_names(scene, "failed: job 7");
    for (uint64_t id = 11; id <= 20; id++)
        fail(scene, id, JS_ATTEMPT_RESULT_ENDED);
    assert_failed_names(
        scene, "failed: job 7, job 11, job 12, job 13, job 14 and 6 more");
    scene_free(scene);
}

/* Nothing reaches a reader, and nothing new may be started. */
static void test_paused(void)
{
    struct scene *scene = scene_new(JS_JOURNAL_NO_SYNC);
    struct js_recorder *recorder = &scene->recorder;
    struct pollfd fds[2];
    js_recorder_pause(recorder, true);
    completion(scene, 1, 0);
    CU_ASSERT_FALSE(js_recorder_commit(recorder, js_clock_ns()));
    CU_ASSERT_STRING_EQUAL(trace(scene), "");
    CU_ASSERT(js_recorder_look(recorder).unwritten > 0);
    CU_ASSERT_EQUAL(js_recorder_wait_for(recorder, fds), 0);
    js_recorder_pause(recorder, false);
    CU_ASSERT_TRUE(js_recorder_commit(recorder, js_clock_ns()));
    CU_ASSERT_STRING_EQUAL(trace(scene), "Finished job: 1\n");
    CU_ASSERT_EQUAL(js_recorder_look(recorder).unwritten, 0);
    scene_free(scene);
}

/* A pipe whose reader has gone. */
static int open_broken_pipe(void)
{
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    close(ends[0]);
    return ends[1];
}

static void test_a_reader_that_has_gone(void)
{
    struct scene *scene =
        scene_new_on(JS_JOURNAL_NO_SYNC, open_broken_pipe(), open_file());
    struct js_recorder_outage outage;
    CU_ASSERT_FALSE(js_recorder_is_cut(&scene->recorder));
    js_outq_write(scene->outqs[0], "x", 1);
    CU_ASSERT_TRUE(js_recorder_find_outage(&scene->recorder, &outage));
    CU_ASSERT_STRING_EQUAL(outage.name, "standard output");
    CU_ASSERT_EQUAL(outage.error, EPIPE);
    CU_ASSERT_TRUE(outage.is_reader_gone);
    CU_ASSERT_STRING_EQUAL(messages(scene), "");
    CU_ASSERT_TRUE(js_recorder_is_cut(&scene->recorder));
    CU_ASSERT_TRUE(js_recorder_is_cut(&scene->recorder));
    commit(scene);
    const char *text = messages(scene), *said = "closed by its reader";
    const char *first = strstr(text, said);
    CU_ASSERT_PTR_NOT_NULL_FATAL(first);
    CU_ASSERT_PTR_NULL(strstr(first + 1, said));
    scene_free(scene);
}

/* A full disk is another matter; and nobody misses messages on a standard error
 * that was closed. */
static void test_output_that_nobody_takes(void)
{
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    int closed = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CU_ASSERT_FATAL(full >= 0 && closed >= 0);
    struct scene *scene = scene_new_on(JS_JOURNAL_NO_SYNC, full, closed);
    struct js_recorder_outage outage;
    js_outq_write(scene->outqs[1], "x", 1);
    CU_ASSERT_EQUAL(js_outq_error(scene->outqs[1]), EBADF);
    CU_ASSERT_FALSE(js_recorder_find_outage(&scene->recorder, &outage));
    js_outq_write(scene->outqs[0], "x", 1);
    CU_ASSERT_TRUE(js_recorder_find_outage(&scene->recorder, &outage));
    CU_ASSERT_EQUAL(outage.error, ENOSPC);
    CU_ASSERT_FALSE(outage.is_reader_gone);
    scene_free(scene);
}

/* The master fills in what it knows, the recorder what has ended. */
static void test_how_far_it_is(void)
{
    struct scene *scene = scene_new(JS_JOURNAL_NO_SYNC);
    struct js_recorder *recorder = &scene->recorder;
    struct js_display_config display = {.kind = JS_DISPLAY_LINES,
                                        .console = &recorder->console,
                                        .line_first_ns = 1,
                                        .line_most_ns = JS_NS_PER_S};
    int64_t now_ns = js_clock_ns();
    recorder->display = (struct js_display){.config = display};
    completion(scene, 1, 0);
    fail(scene, 2, JS_ATTEMPT_RESULT_ENDED);
    struct js_progress progress = {.running = 1, .slots = 2, .elapsed_ns = -1};
    CU_ASSERT_TRUE(js_recorder_is_show_due(recorder, now_ns));
    js_recorder_show(recorder, now_ns, progress, 10);
    commit(scene);
    CU_ASSERT_PTR_NULL(strstr(messages(scene), "1 of 10 jobs done"));
    for (int i = 0; i < 3; i++) {
        now_ns += JS_NS_PER_S;
        progress.elapsed_ns = now_ns;
        if (js_recorder_is_show_due(recorder, now_ns))
            js_recorder_show(recorder, now_ns, progress, 10);
    }
    commit(scene);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(messages(scene), "1 of 10 jobs done, 1 failed, 1 running"));
    js_recorder_end_show(recorder);
    scene_free(scene);
}

/* A call of the worker that does not return. */
struct plug {
    struct js_task task;
    int ends[2];
};

static bool plug_work(void *arg)
{
    const struct plug *plug = arg;
    char byte;
    return read(plug->ends[0], &byte, 1) == 1;
}

static void plug_give(struct plug *plug, struct js_worker *worker)
{
    plug->task =
        (struct js_task){.work = plug_work, .arg = plug, .name = "/away/file"};
    js_worker_give(worker, &plug->task);
    const char *name;
    struct unit_wait wait = {0};
    while (js_worker_begun_ns(worker, &name) == JS_NEVER_NS &&
           unit_waits(&wait))
        continue;
}

static void plug_pull(const struct plug *plug)
{
    CU_ASSERT_EQUAL(write(plug->ends[1], "", 1), 1);
}

static bool must_leave(void *arg, int64_t ns)
{
    const bool *must = arg;
    CU_ASSERT(ns >= 0);
    return *must;
}

static void count_recorded(void *arg, const struct js_completion *completion)
{
    unsigned *count = arg;
    (void)completion;
    (*count)++;
}

/* Jobs that end meanwhile are reported once they are on record; after two
 * seconds no new job may be started. A run that must end does not wait. */
static void test_a_file_that_does_not_answer(void)
{
    const int64_t second = JS_NS_PER_S;
    bool must = false;
    unsigned recorded = 0;
    struct plug plug;
    struct js_err err = {""};
    struct unit_wait wait = {0};
    CU_ASSERT_EQUAL_FATAL(pipe2(plug.ends, O_CLOEXEC), 0);
    struct js_worker *worker = not_null(js_worker_new(must_leave, &must));
    struct scene *scene =
        scene_new_with(worker, second, open_file(), open_file());
    struct js_recorder *recorder = &scene->recorder;
    js_joblog_write_by(recorder->joblog, worker);
    recorder->recorded_fn = count_recorded;
    recorder->recorded_arg = &recorded;
    plug_give(&plug, worker);
    completion(scene, 1, 0);
    CU_ASSERT_TRUE(js_recorder_commit(recorder, js_clock_ns()));
    completion(scene, 2, 1);
    /* If this process was stopped, the file is not to blame. */
    int64_t now_ns = js_clock_ns() + 5 * second;
    CU_ASSERT_TRUE(js_recorder_commit(recorder, now_ns));
    CU_ASSERT_TRUE(js_recorder_commit(recorder, now_ns + second));
    CU_ASSERT_FALSE(js_recorder_commit(recorder, now_ns + 2 * second));
    CU_ASSERT_TRUE(js_recorder_look(recorder).is_stuck);
    CU_ASSERT_EQUAL(js_recorder_look(recorder).unreported, 2);
    CU_ASSERT_EQUAL(recorded, 0);
    CU_ASSERT_STRING_EQUAL(trace(scene), "");
    CU_ASSERT_PTR_NOT_NULL(
        strstr(messages(scene), "/away/file has not answered for 2 s"));
    plug_pull(&plug);
    while (js_recorder_look(recorder).unreported > 0 && unit_waits(&wait))
        commit(scene);
    CU_ASSERT_EQUAL(recorded, 2);
    CU_ASSERT_STRING_EQUAL(trace(scene), "Finished job: 1\nFinished job: 2\n");
    CU_ASSERT_PTR_NOT_NULL(strstr(messages(scene), "answers again"));
    CU_ASSERT_TRUE(js_worker_await(worker));
    CU_ASSERT_TRUE(js_recorder_commit(recorder, js_clock_ns()));
    /* All records except the ends of jobs must be in the file first. */
    CU_ASSERT_TRUE(js_worker_await(worker));
    plug_give(&plug, worker);
    js_recorder_parted(recorder, 1);
    CU_ASSERT_FALSE(js_recorder_commit(recorder, js_clock_ns()));
    CU_ASSERT_TRUE(js_recorder_look(recorder).is_behind);
    completion(scene, 3, 0);
    must = true;
    CU_ASSERT_EQUAL(js_recorder_settle(recorder, &err), -1);
    CU_ASSERT_EQUAL(js_journal_end(recorder->journal, 4, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/away/file has not answered"));
    CU_ASSERT_EQUAL(js_recorder_look(recorder).lacking, 1);
    must = false;
    plug_pull(&plug);
    CU_ASSERT_TRUE(js_worker_await(worker));
    scene_free(scene);
    js_worker_free(worker);
    close(plug.ends[0]);
    close(plug.ends[1]);
}

static const struct unit_test tests[] = {
    {"a file that does not answer", test_a_file_that_does_not_answer},
    {"reported when on record", test_reported_when_on_record},
    {"not reported when not on record", test_not_reported_when_not_on_record},
    {"reported when there is room again",
     test_reported_when_there_is_room_again},
    {"reported when on disk", test_reported_when_on_disk},
    {"without a journal", test_without_a_journal},
    {"retries leave room for failures", test_retries_leave_room_for_failures},
    {"paused", test_paused},
    {"a reader that has gone", test_a_reader_that_has_gone},
    {"output that nobody takes", test_output_that_nobody_takes},
    {"how far it is", test_how_far_it_is},
    {NULL, NULL},
};

const struct unit_suite suite_recorder = {"recorder", tests};
