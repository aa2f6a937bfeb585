/*
 * runner_scene - a runner with a folder of its own, and the rank's end of it.
 *
 * No wait in here has an end of its own but a unit_wait: only a test that
 * fails gets there.
 */
#ifndef JS_TESTS_RUNNER_SCENE_H
#define JS_TESTS_RUNNER_SCENE_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "node/procs.h"
#include "runner/runner.h"
#include "unit.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS_MAX = 3 };

struct fixture {
    struct js_runner *runner;
    struct js_runner_config config;
    struct js_cpuset cpus[SLOTS_MAX];
    char dir[64]; /* a folder of the test's own */
    char mark[64];
    const char *env[8];
    struct js_runner_event event; /* the last one but notes */
    int notes;
    char note[1024];
};

static inline int next_event(struct fixture *fx)
{
    int64_t deadline_ns = js_clock_ns() + unit_patience_ns();
    for (;;) {
        int rc = js_runner_next(fx->runner, &fx->event);
        if (rc == 1 && fx->event.kind == JS_RUNNER_NOTE) {
            fx->notes++;
            memcpy(fx->note, fx->event.text, sizeof(fx->note));
            continue;
        }
        if (rc != 0)
            return rc;
        if (js_clock_ns() > deadline_ns)
            return 0;
        struct pollfd pfd = {js_runner_fd(fx->runner), POLLIN, 0};
        if (js_runner_wants_write(fx->runner))
            pfd.events |= POLLOUT;
        poll(&pfd, 1, 1000);
    }
}

static inline void prepare(struct fixture *fx)
{
    *fx = (struct fixture){0};
    static int count;
    snprintf(fx->dir, sizeof(fx->dir), "/tmp/jobsched-test-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(fx->dir));
    snprintf(fx->mark, sizeof(fx->mark), "JS_TEST_MARK=%d-%d", (int)getpid(),
             count++);
    fx->env[0] = "PATH=/usr/local/bin:/usr/bin:/bin";
    fx->env[1] = fx->mark;
    fx->env[2] = "JOBSCHED_JOB_ID=99";
    fx->env[3] = "PWD=/elsewhere";
    for (int i = 0; i < SLOTS_MAX; i++)
        js_cpuset_of_process(0, &fx->cpus[i]);
    fx->config = (struct js_runner_config){
        .settings = {.cwd = fx->dir,
                     .umask = 022,
                     .output_dir = "",
                     .tmpdir = "/tmp",
                     .grace_ns = 300 * JS_NS_PER_MS},
        .env = fx->env,
        .host = "testnode",
        .slave = 4,
        .slots = 1,
        .slot_cpus = fx->cpus,
        .retry_ns = 20 * JS_NS_PER_S,
    };
}

static inline void start(struct fixture *fx)
{
    struct js_err err = {""};
    fx->runner = js_runner_start(&err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(fx->runner);
    CU_ASSERT_EQUAL(js_runner_configure(fx->runner, &fx->config), 0);
    CU_ASSERT_EQUAL(next_event(fx), 1);
    CU_ASSERT_EQUAL(fx->event.kind, JS_RUNNER_READY);
}

static inline void start_well(struct fixture *fx)
{
    start(fx);
    CU_ASSERT_STRING_EQUAL(fx->event.text, "");
}

static inline void remove_dir(const char *dir)
{
    char path[PATH_MAX];
    struct dirent *entry;
    DIR *stream = opendir(dir);
    while (stream && (entry = readdir(stream))) {
        snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        unlink(path);
    }
    if (stream)
        closedir(stream);
    rmdir(dir);
}

static inline void completion(struct fixture *fx)
{
    js_runner_free(fx->runner);
    fx->runner = NULL;
    remove_dir(fx->dir);
}

static inline void submit(struct fixture *fx, uint32_t slot, uint64_t id,
                          const char *command)
{
    struct js_runner_job job = {.slot = slot,
                                .id = id,
                                .attempt = 2,
                                .cores = 3,
                                .details = "na name",
                                .details_len = sizeof("na name"),
                                .command = command,
                                .len = strlen(command)};
    CU_ASSERT_EQUAL(js_runner_run(fx->runner, &job), 0);
    js_runner_flush(fx->runner);
}

/* Runs one job to its end. */
static inline const struct js_outcome *run(struct fixture *fx,
                                           const char *command)
{
    submit(fx, 0, 7, command);
    CU_ASSERT_EQUAL(next_event(fx), 1);
    CU_ASSERT_EQUAL(fx->event.kind, JS_RUNNER_ENDED);
    CU_ASSERT_EQUAL(fx->event.slot, 0);
    return &fx->event.outcome;
}

static inline void drop_output(struct fixture *fx)
{
    js_fd_close(&fx->event.out_fd);
    js_fd_close(&fx->event.err_fd);
}

/* The output in a buffer of the caller, as a string; closes it. */
static inline const char *text_of(int *fd, uint64_t bytes, struct js_buf *buf)
{
    buf->len = 0;
    CU_ASSERT_EQUAL(*fd >= 0, bytes > 0);
    if (*fd >= 0 && js_buf_reserve(buf, bytes + 1) == 0) {
        ssize_t n = js_file_pread(*fd, buf->data, bytes + 1, 0);
        CU_ASSERT_EQUAL(n, (ssize_t)bytes);
        buf->len = n > 0 ? (size_t)n : 0;
    }
    js_fd_close(fd);
    return js_buf_string(buf);
}

static inline const char *out_of(struct fixture *fx, struct js_buf *buf)
{
    return text_of(&fx->event.out_fd, fx->event.outcome.out_bytes, buf);
}

static inline void expect_output(struct fixture *fx, const char *command,
                                 const char *out, const char *err)
{
    struct js_buf buf = JS_BUF_INIT;
    run(fx, command);
    CU_ASSERT_STRING_EQUAL(out_of(fx, &buf), out);
    CU_ASSERT_STRING_EQUAL(
        text_of(&fx->event.err_fd, fx->event.outcome.err_bytes, &buf), err);
    js_buf_release(&buf);
}

static inline void pause_ms(int64_t ms)
{
    struct timespec pause = {0, (long)(ms * JS_NS_PER_MS)};
    nanosleep(&pause, NULL);
}

static inline void make_script(const struct fixture *fx, const char *name,
                               const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", fx->dir, name);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(js_file_write(fd, text, strlen(text)), 0);
    close(fd);
}

static inline void wait_for_file(const struct fixture *fx, const char *name)
{
    char path[128];
    int64_t deadline_ns = js_clock_ns() + unit_patience_ns();
    snprintf(path, sizeof(path), "%s/%s", fx->dir, name);
    while (access(path, F_OK) < 0 && js_clock_ns() < deadline_ns)
        pause_ms(10);
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
}

static inline void touch(const struct fixture *fx, const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", fx->dir, name);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CU_ASSERT_TRUE(fd >= 0);
    js_fd_close(&fd);
}

/* Runs a job that has more to it than a command. */
static inline void run_job(struct fixture *fx, const struct js_runner_job *with,
                           const char *command)
{
    struct js_runner_job job = *with;
    job.id = 7;
    job.attempt = 1;
    job.cores = with->cores ? with->cores : 1;
    job.command = command;
    job.len = strlen(command);
    CU_ASSERT_EQUAL(js_runner_run(fx->runner, &job), 0);
    CU_ASSERT_EQUAL(next_event(fx), 1);
    CU_ASSERT_EQUAL(fx->event.kind, JS_RUNNER_ENDED);
}

#define DETAILS(text)                                                          \
    {                                                                          \
        .details = (text), .details_len = sizeof(text) - 1                     \
    }

static inline void expect_detailed(struct fixture *fx,
                                   const struct js_runner_job *with,
                                   const char *command, const char *out)
{
    struct js_buf buf = JS_BUF_INIT;
    run_job(fx, with, command);
    CU_ASSERT_STRING_EQUAL(out_of(fx, &buf), out);
    drop_output(fx);
    js_buf_release(&buf);
}

#endif
