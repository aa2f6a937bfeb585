/* history: what a journal tells, while it is written to and afterwards. */
#include "unit.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "place.h"
#include "record/journal.h"
#include "record/journal_format.h"
#include "record/journal_model.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---------------------------------------------------------------- a journal */

/* A run as its master writes it, and who reads it. */
struct scene {
    struct place place;
    char host[JS_JOURNAL_LINE_TEXT];
    struct js_registry *registry;
    struct js_journal *journal;
    struct js_journal_model *model;
};

static void scene_init(struct scene *scene)
{
    memset(scene, 0, sizeof(*scene));
    place_init(&scene->place, "j");
    CU_ASSERT_EQUAL(gethostname(scene->host, sizeof(scene->host) - 1), 0);
}

static void scene_release(struct scene *scene)
{
    js_journal_model_free(scene->model);
    js_journal_close(scene->journal);
    js_registry_free(scene->registry);
    place_release(&scene->place);
}

static int open_journal(struct scene *scene, struct js_err *err)
{
    struct js_journal_config config = {.path = scene->place.path,
                                       .host = scene->host,
                                       .sync_ns = JS_JOURNAL_NO_SYNC,
                                       .lease_ns = 36 * JS_NS_PER_S,
                                       .is_forced = true};
    js_journal_close(scene->journal);
    scene->journal = NULL;
    js_registry_free(scene->registry);
    scene->registry = not_null(js_registry_new());
    return js_journal_open(&config, scene->registry, &scene->journal, err);
}

/* A run begins, with two slaves, and accepts so many jobs more. */
static void begin(struct scene *scene, uint64_t jobs)
{
    struct js_err err = {""};
    CU_ASSERT_EQUAL(open_journal(scene, &err), 0);
    uint64_t first = js_registry_count(scene->registry) + 1;
    for (uint64_t id = first; id < first + jobs; id++) {
        struct js_identity identity = {id, 0};
        struct js_resume_news news = {JS_RESUME_ACCEPTED, id, &identity, NULL};
        CU_ASSERT_EQUAL(js_journal_add_news(scene->journal, &news), 0);
    }
    CU_ASSERT_EQUAL(js_journal_begin(scene->journal, &err), 0);
    CU_ASSERT_EQUAL(js_journal_add_slave(scene->journal, 1, 2, "n1", NULL), 0);
    CU_ASSERT_EQUAL(js_journal_add_slave(scene->journal, 2, 1, "n2", NULL), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
}

static struct js_job *job_of(uint64_t id, uint32_t attempt)
{
    struct js_job *job = not_null(js_job_new(id, "x", 1));
    job->attempt = attempt;
    return job;
}

static void began(struct scene *scene, uint64_t id, uint32_t attempt,
                  unsigned slave, int64_t start_unix_ns)
{
    struct js_job *job = job_of(id, attempt);
    CU_ASSERT_EQUAL(
        js_journal_add_begun(scene->journal, job, slave, start_unix_ns), 0);
    js_job_free(job);
}

static void completion(struct scene *scene, struct js_completion completion,
                       uint64_t id, uint32_t attempt)
{
    completion.job = job_of(id, attempt);
    CU_ASSERT_EQUAL(js_journal_add_finish(scene->journal, &completion, 1), 0);
    js_job_free(completion.job);
}

static void commit(struct scene *scene)
{
    struct js_err err = {""};
    CU_ASSERT_EQUAL(js_journal_commit(scene->journal, js_clock_ns(), &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
}

static void end(struct scene *scene, int status)
{
    struct js_err err = {""};
    CU_ASSERT_EQUAL(js_journal_end(scene->journal, status, &err), 0);
    js_journal_close(scene->journal);
    scene->journal = NULL;
}

static const struct js_journal_model *load(struct scene *scene)
{
    struct js_err err = {""};
    js_journal_model_free(scene->model);
    scene->model = js_journal_model_load(scene->place.path, &err);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    return not_null(scene->model);
}

static enum js_journal_model_life life(struct scene *scene)
{
    return js_journal_model_look(load(scene)).life;
}

/* ---------------------------------------------------------------- attempts */

static const struct js_outcome outcome = {
    .start_unix_ns = INT64_C(1795494098976767000),
    .run_ns = 1368000,
    .user_cpu_ns = 1000,
    .system_cpu_ns = 2000,
    .max_rss_bytes = 40 * UINT64_C(1073741824),
    .out_bytes = 3,
    .err_bytes = UINT64_MAX,
    .exit_code = 255,
    .signal = 9,
    .cause = JS_STOP_REASON_MEMORY};

/* All of it, but for what is between its members. */
static void expect_same(const struct js_outcome *a, const struct js_outcome *b)
{
    struct js_buf one = JS_BUF_INIT, other = JS_BUF_INIT;
    CU_ASSERT_EQUAL(js_outcome_pack(&one, a), 0);
    CU_ASSERT_EQUAL(js_outcome_pack(&other, b), 0);
    CU_ASSERT_EQUAL(memcmp(one.data, other.data, one.len), 0);
    js_buf_release(&one);
    js_buf_release(&other);
}

static void test_every_attempt(void)
{
    struct scene scene;
    struct js_journal_model_attempt attempt;
    struct js_journal_model_job job;
    struct js_journal_model_slave slave;
    struct js_journal_model_tail tail;
    struct js_output_tail said = {.stream = 2, .len = 5, .bytes = "a\nb\nc"};
    scene_init(&scene);
    begin(&scene, 3);
    completion(&scene, (struct js_completion){.slave = 2, .cores = 1}, 2, 1);
    completion(&scene,
               (struct js_completion){.slave = 1,
                                      .cores = 4,
                                      .outcome = outcome,
                                      .tail = &said,
                                      .result = JS_ATTEMPT_RESULT_RETRIED},
               1, 1);
    completion(
        &scene,
        (struct js_completion){.slave = 2, .cores = 1, .outcome = outcome}, 1,
        2);
    completion(&scene,
               (struct js_completion){.result = JS_ATTEMPT_RESULT_SKIPPED}, 3,
               1);
    end(&scene, 1);
    const struct js_journal_model *model = load(&scene);
    CU_ASSERT_EQUAL(js_journal_model_look(model).jobs, 3);
    CU_ASSERT_EQUAL_FATAL(js_journal_model_look(model).attempts, 3);
    js_journal_model_attempt(model, 1, &attempt);
    CU_ASSERT_EQUAL(attempt.id, 1);
    CU_ASSERT_EQUAL(attempt.kind, JS_JOURNAL_MODEL_RETRIED);
    CU_ASSERT_EQUAL(attempt.cores, 4);
    CU_ASSERT_EQUAL(attempt.previous, JS_JOURNAL_MODEL_NONE);
    expect_same(&attempt.outcome, &outcome);
    js_journal_model_slave(model, attempt.slave, &slave);
    CU_ASSERT_EQUAL(slave.rank, 1);
    CU_ASSERT_STRING_EQUAL(slave.host, "n1");
    CU_ASSERT_TRUE(js_journal_model_tail(model, 1, &tail));
    CU_ASSERT_STRING_EQUAL(tail.text, "a\nb\nc");
    CU_ASSERT_EQUAL(tail.stream, 2);
    CU_ASSERT_FALSE(js_journal_model_tail(model, 0, &tail));
    CU_ASSERT_FALSE(js_journal_model_tail(model, 2, &tail));
    js_journal_model_job(model, 1, &job);
    CU_ASSERT_EQUAL(job.state, JS_JOB_STATE_FAILED);
    CU_ASSERT_EQUAL(job.latest, 2);
    js_journal_model_attempt(model, job.latest, &attempt);
    CU_ASSERT_EQUAL(attempt.attempt, 2);
    CU_ASSERT_EQUAL(attempt.previous, 1);
    js_journal_model_job(model, 3, &job);
    CU_ASSERT_EQUAL(job.state, JS_JOB_STATE_SKIPPED);
    CU_ASSERT_EQUAL(job.parent, 1);
    CU_ASSERT_EQUAL(job.latest, JS_JOURNAL_MODEL_NONE);
    scene_release(&scene);
}

static void test_every_run(void)
{
    struct scene scene;
    struct js_journal_model_run run;
    struct js_journal_model_job job;
    struct js_resume_news named = {JS_RESUME_NAMED, 2, NULL, "two"};
    scene_init(&scene);
    int64_t before_ns = js_clock_unix_ns();
    begin(&scene, 2);
    CU_ASSERT_EQUAL(js_journal_add_news(scene.journal, &named), 0);
    completion(&scene, (struct js_completion){.slave = 2}, 1, 1);
    end(&scene, 3);
    begin(&scene, 1);
    completion(&scene, (struct js_completion){.slave = 2}, 1, 1);
    commit(&scene);
    const struct js_journal_model *model = load(&scene);
    CU_ASSERT_EQUAL_FATAL(js_journal_model_look(model).runs, 2);
    CU_ASSERT_EQUAL(js_journal_model_look(model).slaves, 4);
    js_journal_model_run(model, 0, &run);
    CU_ASSERT_TRUE(run.has_ended);
    CU_ASSERT_EQUAL(run.status, 3);
    CU_ASSERT(run.begin_unix_ns >= before_ns - JS_NS_PER_US);
    CU_ASSERT(run.end_unix_ns >= run.begin_unix_ns);
    CU_ASSERT_EQUAL(run.slaves, 2);
    CU_ASSERT_EQUAL(run.slots, 3);
    js_journal_model_run(model, 1, &run);
    CU_ASSERT_FALSE(run.has_ended);
    CU_ASSERT_EQUAL(run.status, -1);
    CU_ASSERT_STRING_EQUAL(run.host, scene.host);
    CU_ASSERT_EQUAL(run.pid, (uint64_t)getpid());
    CU_ASSERT_EQUAL(run.first_slave, 2);
    CU_ASSERT_EQUAL(run.slaves, 2);
    CU_ASSERT(run.seen_unix_ns >= run.begin_unix_ns - 20 * JS_NS_PER_MS);
    js_journal_model_job(model, 2, &job);
    CU_ASSERT_STRING_EQUAL(job.name, "two");
    js_journal_model_job(model, 1, &job);
    CU_ASSERT_STRING_EQUAL(job.name, "");
    scene_release(&scene);
}

/* ---------------------------------------------------------------- begun */

/* The ids of those that have begun, in order. */
static uint64_t begun_bits(struct scene *scene)
{
    const struct js_journal_model *model = load(scene);
    uint64_t bits = 0;
    for (size_t i = 0; i < js_journal_model_look(model).begun; i++) {
        struct js_journal_model_begun begun;
        struct js_journal_model_job job;
        js_journal_model_begun(model, i, &begun);
        js_journal_model_job(model, begun.id, &job);
        CU_ASSERT_EQUAL(job.begun, i);
        bits |= UINT64_C(1) << begun.id;
    }
    return bits;
}

static void test_what_runs(void)
{
    struct scene scene;
    struct js_journal_model_begun begun;
    scene_init(&scene);
    begin(&scene, 6);
    for (uint64_t id = 1; id <= 5; id++)
        began(&scene, id, 1, id % 2 ? 1 : 2, (int64_t)id * JS_NS_PER_S);
    completion(&scene, (struct js_completion){.slave = 1}, 1, 1);
    completion(&scene,
               (struct js_completion){.slave = 1,
                                      .result = JS_ATTEMPT_RESULT_RETRIED,
                                      .outcome = {.exit_code = 1}},
               5, 1);
    commit(&scene);
    CU_ASSERT_EQUAL(begun_bits(&scene), 1 << 2 | 1 << 3 | 1 << 4);
    began(&scene, 5, 2, 1, 0);
    CU_ASSERT_EQUAL(js_journal_add_left(scene.journal, 2), 0);
    commit(&scene);
    CU_ASSERT_EQUAL(begun_bits(&scene), 1 << 3 | 1 << 5);
    /* It runs again elsewhere. */
    began(&scene, 4, 2, 1, 7 * JS_NS_PER_S);
    began(&scene, 4, 3, 1, 8 * JS_NS_PER_S);
    commit(&scene);
    CU_ASSERT_EQUAL(begun_bits(&scene), 1 << 3 | 1 << 4 | 1 << 5);
    js_journal_model_begun(scene.model, 2, &begun);
    CU_ASSERT_EQUAL(begun.id, 4);
    CU_ASSERT_EQUAL(begun.attempt, 3);
    CU_ASSERT_EQUAL(begun.start_unix_ns, 8 * JS_NS_PER_S);
    /* It was killed, and what it ran is what ran then ... */
    js_journal_close(scene.journal);
    scene.journal = NULL;
    CU_ASSERT_EQUAL(begun_bits(&scene), 1 << 3 | 1 << 4 | 1 << 5);
    /* ... until another begins. */
    begin(&scene, 0);
    CU_ASSERT_EQUAL(begun_bits(&scene), 0);
    began(&scene, 6, 1, 1, 0);
    end(&scene, 0);
    CU_ASSERT_EQUAL(begun_bits(&scene), 0);
    scene_release(&scene);
}

/* ---------------------------------------------------------------- life */

static void put_line(int fd, const struct js_journal_line *line)
{
    struct js_buf buf = JS_BUF_INIT;
    CU_ASSERT_EQUAL(js_journal_format_write(&buf, line), 0);
    CU_ASSERT_EQUAL(js_file_write(fd, buf.data, buf.len), 0);
    js_buf_release(&buf);
}

/* Of a run on this host by this process, or another; last seen so long ago. */
static void write_run(struct scene *scene, const char *host, uint64_t started,
                      uint64_t lease_us, int ago_s)
{
    static struct js_journal_line line;
    int fd =
        open(scene->place.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CU_ASSERT_FATAL(fd >= 0);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_HEAD, .id = 2};
    put_line(fd, &line);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_RUN,
                                    .pid = (uint64_t)getpid(),
                                    .started = started,
                                    .boot = js_process_boot()};
    snprintf(line.text, sizeof(line.text), "%s", host);
    put_line(fd, &line);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_LEASE,
                                    .lease_us = lease_us};
    if (lease_us > 0)
        put_line(fd, &line);
    struct timespec times[2] = {{0, UTIME_OMIT}, {time(NULL) - ago_s, 0}};
    CU_ASSERT_EQUAL(futimens(fd, times), 0);
    close(fd);
}

static void test_whether_the_run_is_on(void)
{
    struct scene scene;
    scene_init(&scene);
    begin(&scene, 1);
    CU_ASSERT_EQUAL(life(&scene), JS_JOURNAL_MODEL_ON);
    end(&scene, 0);
    CU_ASSERT_EQUAL(life(&scene), JS_JOURNAL_MODEL_ENDED);
    uint64_t started = js_process_start((uint64_t)getpid());
    CU_ASSERT(started > 0);
    write_run(&scene, scene.host, started, 0, 1000);
    CU_ASSERT_EQUAL(life(&scene), JS_JOURNAL_MODEL_ON);
    /* The number was given to another process since. */
    write_run(&scene, scene.host, started + 1, 0, 0);
    CU_ASSERT_EQUAL(life(&scene), JS_JOURNAL_MODEL_BROKEN);
    write_run(&scene, "elsewhere", started, 0, 0);
    CU_ASSERT_EQUAL(life(&scene), JS_JOURNAL_MODEL_UNKNOWN);
    write_run(&scene, "elsewhere", started, 36000000, 5);
    CU_ASSERT_EQUAL(life(&scene), JS_JOURNAL_MODEL_ON);
    write_run(&scene, "elsewhere", started, 36000000, 60);
    CU_ASSERT_EQUAL(life(&scene), JS_JOURNAL_MODEL_BROKEN);
    int fd = open(scene.place.path, O_RDONLY | O_CLOEXEC);
    CU_ASSERT_EQUAL(flock(fd, LOCK_EX), 0);
    CU_ASSERT_EQUAL(life(&scene), JS_JOURNAL_MODEL_ON);
    close(fd);
    CU_ASSERT_EQUAL(life(&scene), JS_JOURNAL_MODEL_BROKEN);
    scene_release(&scene);
}

/* Opens the journal beside a reader that looks at the lock for 10 ms. */
static int open_beside_a_look(struct scene *scene, struct js_err *err)
{
    int fd = open(scene->place.path, O_RDONLY | O_CLOEXEC);
    CU_ASSERT_EQUAL(flock(fd, LOCK_SH), 0);
    pid_t pid = fork();
    if (pid == 0) {
        usleep(10000);
        flock(fd, LOCK_UN);
        _exit(0);
    }
    int rc = open_journal(scene, err);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
    close(fd);
    return rc;
}

/* A reader that looks at the lock keeps no run from beginning. On a machine
 * that is busy a look may last longer than that: then another one. */
static void test_a_look_is_no_holder(void)
{
    struct scene scene;
    struct js_err err = {""};
    struct unit_wait wait = {0};
    scene_init(&scene);
    write_run(&scene, scene.host, 1, 0, 0);
    int rc = open_beside_a_look(&scene, &err);
    while (rc != 0 && unit_waits(&wait))
        rc = open_beside_a_look(&scene, &err);
    CU_ASSERT_EQUAL(rc, 0);
    CU_ASSERT_EQUAL(life(&scene), JS_JOURNAL_MODEL_ON);
    scene_release(&scene);
}

/* ---------------------------------------------------------------- files */

static void refuse(const char *path, int error, const char *part)
{
    struct js_err err = {""};
    errno = 0;
    CU_ASSERT_PTR_NULL(js_journal_model_load(path, &err));
    CU_ASSERT_EQUAL(errno, error);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, part));
}

static void test_files_that_are_none(void)
{
    struct scene scene;
    scene_init(&scene);
    refuse(scene.place.path, ENOENT, "there is no journal");
    refuse(scene.place.dir, EBADMSG, "not a regular file");
    int fd = open(scene.place.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    refuse(scene.place.path, ENOENT, "no run has started");
    CU_ASSERT_EQUAL(js_file_write(fd, "echo 1\n", 7), 0);
    close(fd);
    refuse(scene.place.path, EBADMSG, "not a jobsched journal");
    scene_release(&scene);
}

/* What it has whole lines of is told, wherever it ends; nothing is changed. */
static void test_cut_at_every_byte(void)
{
    struct scene scene;
    struct js_output_tail said = {.stream = 2, .len = 5, .bytes = "a\nb\nc"};
    char bytes[4096];
    scene_init(&scene);
    begin(&scene, 2);
    began(&scene, 1, 1, 1, 0);
    completion(&scene,
               (struct js_completion){
                   .slave = 2, .outcome = {.exit_code = 1}, .tail = &said},
               1, 1);
    end(&scene, 1);
    int fd = open(scene.place.path, O_RDWR | O_CLOEXEC);
    ssize_t len = js_file_pread(fd, bytes, sizeof(bytes), 0);
    CU_ASSERT_FATAL(len > 200 && len < (ssize_t)sizeof(bytes));
    for (ssize_t at = len - 1; at > 0; at--) {
        struct stat st;
        struct js_err err = {""};
        CU_ASSERT_EQUAL(ftruncate(fd, at), 0);
        struct js_journal_model *model =
            js_journal_model_load(scene.place.path, &err);
        const char *first = memchr(bytes, '\n', (size_t)len);
        CU_ASSERT_EQUAL(model != NULL, at > first - bytes);
        CU_ASSERT_EQUAL(fstat(fd, &st), 0);
        CU_ASSERT_EQUAL(st.st_size, at);
        js_journal_model_free(model);
    }
    close(fd);
    scene_release(&scene);
}

/* Bits of two journals that no run could have written. */
static void test_records_in_any_order(void)
{
    static struct js_journal_line line;
    struct js_err err = {""};
    int fd = memfd_create("journal", MFD_CLOEXEC);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_HEAD, .id = 2};
    put_line(fd, &line);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_END};
    put_line(fd, &line);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_LEFT, .id = 3};
    put_line(fd, &line);
    line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_JOBS, .id = 1, .count = 2};
    put_line(fd, &line);
    line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_BEGAN, .id = 9, .slave = 5};
    put_line(fd, &line);
    line.id = 1;
    put_line(fd, &line);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_SAID, .id = 1};
    put_line(fd, &line);
    line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_FAILED, .id = 2, .slave = 4101};
    put_line(fd, &line);
    struct js_journal_model *model =
        not_null(js_journal_model_read(fd, "j", &err));
    CU_ASSERT_EQUAL(js_journal_model_look(model).life, JS_JOURNAL_MODEL_NO_RUN);
    CU_ASSERT_EQUAL(js_journal_model_look(model).runs, 1);
    CU_ASSERT_EQUAL(js_journal_model_look(model).slaves, 2);
    CU_ASSERT_EQUAL(js_journal_model_look(model).begun, 1);
    CU_ASSERT_FALSE(
        js_journal_model_tail(model, 0, &(struct js_journal_model_tail){0}));
    js_journal_model_free(model);
    close(fd);
}

/* A job whose slave was lost runs no more; and the count is that since it last
 * ended. */
static void test_losses(void)
{
    static struct js_journal_line line;
    struct js_err err = {""};
    struct js_journal_model_job job;
    int fd = memfd_create("journal", MFD_CLOEXEC);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_HEAD, .id = 2};
    put_line(fd, &line);
    line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_JOBS, .id = 1, .count = 2};
    put_line(fd, &line);
    for (uint64_t id = 1; id <= 2; id++) {
        line = (struct js_journal_line){
            .kind = JS_JOURNAL_LINE_BEGAN, .id = id, .slave = 5};
        put_line(fd, &line);
        line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_LOST,
                                        .id = id,
                                        .slave = 5,
                                        .losses = 2,
                                        .unix_us = 7000000};
        put_line(fd, &line);
    }
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_LEFTOVERS,
                                    .id = 2,
                                    .attempt = 3,
                                    .outcome = {.leftovers = 4}};
    put_line(fd, &line);
    line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_FAILED, .id = 2, .attempt = 3, .slave = 5};
    put_line(fd, &line);
    line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_STOPPED, .id = 1, .attempt = 3, .slave = 5};
    put_line(fd, &line);
    struct js_journal_model *model =
        not_null(js_journal_model_read(fd, "j", &err));
    struct js_journal_model_attempt attempt;
    js_journal_model_attempt(model, 0, &attempt);
    CU_ASSERT_EQUAL(attempt.outcome.leftovers, 4);
    js_journal_model_attempt(model, 1, &attempt);
    CU_ASSERT_EQUAL(attempt.outcome.leftovers, 0);
    CU_ASSERT_EQUAL(js_journal_model_look(model).begun, 0);
    js_journal_model_job(model, 1, &job);
    CU_ASSERT_EQUAL(job.losses, 2);
    CU_ASSERT_EQUAL(job.state, JS_JOB_STATE_LEFT);
    js_journal_model_job(model, 2, &job);
    CU_ASSERT_EQUAL(job.losses, 0);
    struct js_journal_model_loss loss;
    size_t at = JS_JOURNAL_MODEL_NONE, slave = attempt.slave;
    CU_ASSERT_FATAL(js_journal_model_next_loss(model, 2, &at, &loss));
    CU_ASSERT_EQUAL(loss.count, 2);
    CU_ASSERT_EQUAL(loss.slave, slave);
    CU_ASSERT_EQUAL(loss.attempts, 0);
    CU_ASSERT_EQUAL(loss.unix_ns, 7000000000);
    CU_ASSERT_FALSE(js_journal_model_next_loss(model, 2, &at, &loss));
    js_journal_model_free(model);
    close(fd);
}

/* ---------------------------------------------------------------- size */

enum { MANY = 1000000, BYTES_A_JOB = 160 };

static void write_many(struct scene *scene, uint64_t jobs)
{
    begin(scene, jobs);
    for (uint64_t id = 1; id <= jobs; id++) {
        completion(scene,
                   (struct js_completion){
                       .slave = 1,
                       .cores = 1,
                       .outcome = {.start_unix_ns = outcome.start_unix_ns,
                                   .run_ns = 1000000}},
                   id, 1);
        if (id % 10000 == 0)
            commit(scene);
    }
    end(scene, 0);
}

static void test_a_million_jobs(void)
{
    struct scene scene;
    uint64_t jobs = unit_rounds(MANY);
    scene_init(&scene);
    write_many(&scene, jobs);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    const struct js_journal_model *model = load(&scene);
    size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    CU_ASSERT_EQUAL(js_journal_model_look(model).attempts, jobs);
    /* Lists grow by doubling: what is not used yet takes no memory. */
    if (!unit_is_traced() && !UNIT_IS_SANITIZED)
        CU_ASSERT((after - before) / jobs < 2 * BYTES_A_JOB);
    scene_release(&scene);
}

static const struct unit_test tests[] = {
    {"every attempt", test_every_attempt},
    {"every run", test_every_run},
    {"what runs", test_what_runs},
    {"whether the run is on", test_whether_the_run_is_on},
    {"a look is no holder", test_a_look_is_no_holder},
    {"files that are none", test_files_that_are_none},
    {"cut at every byte", test_cut_at_every_byte},
    {"records in any order", test_records_in_any_order},
    {"losses", test_losses},
    {"a million jobs", test_a_million_jobs},
    {NULL, NULL},
};

const struct unit_suite suite_journal_model = {"journal_model", tests};
