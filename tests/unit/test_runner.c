#include "runner/runner.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "node/procs.h"
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

/* No wait in here is longer; only a failing test gets there. */

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

/* --- the rank ------------------------------------------------------- */

static int next_event(struct fixture *fx)
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

static void prepare(struct fixture *fx)
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

static void start(struct fixture *fx)
{
    struct js_err err = {""};
    fx->runner = js_runner_start(&err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(fx->runner);
    CU_ASSERT_EQUAL(js_runner_configure(fx->runner, &fx->config), 0);
    CU_ASSERT_EQUAL(next_event(fx), 1);
    CU_ASSERT_EQUAL(fx->event.kind, JS_RUNNER_READY);
}

static void start_well(struct fixture *fx)
{
    start(fx);
    CU_ASSERT_STRING_EQUAL(fx->event.text, "");
}

static void remove_dir(const char *dir)
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

static void completion(struct fixture *fx)
{
    js_runner_free(fx->runner);
    fx->runner = NULL;
    remove_dir(fx->dir);
}

static void submit(struct fixture *fx, uint32_t slot, uint64_t id,
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
static const struct js_outcome *run(struct fixture *fx, const char *command)
{
    submit(fx, 0, 7, command);
    CU_ASSERT_EQUAL(next_event(fx), 1);
    CU_ASSERT_EQUAL(fx->event.kind, JS_RUNNER_ENDED);
    CU_ASSERT_EQUAL(fx->event.slot, 0);
    return &fx->event.outcome;
}

static void drop_output(struct fixture *fx)
{
    js_fd_close(&fx->event.out_fd);
    js_fd_close(&fx->event.err_fd);
}

/* The output in a buffer of the caller, as a string; closes it. */
static const char *text_of(int *fd, uint64_t bytes, struct js_buf *buf)
{
    buf->len = 0;
    CU_ASSERT_EQUAL(*fd >= 0, bytes > 0);
    if (*fd >= 0 && js_buf_reserve(buf, bytes + 1) == 0) {
        ssize_t n = js_pread_full(*fd, buf->data, bytes + 1, 0);
        CU_ASSERT_EQUAL(n, (ssize_t)bytes);
        buf->len = n > 0 ? (size_t)n : 0;
    }
    js_fd_close(fd);
    return js_buf_string(buf);
}

static const char *out_of(struct fixture *fx, struct js_buf *buf)
{
    return text_of(&fx->event.out_fd, fx->event.outcome.out_bytes, buf);
}

static void expect_output(struct fixture *fx, const char *command,
                          const char *out, const char *err)
{
    struct js_buf buf = JS_BUF_INIT;
    run(fx, command);
    CU_ASSERT_STRING_EQUAL(out_of(fx, &buf), out);
    CU_ASSERT_STRING_EQUAL(
        text_of(&fx->event.err_fd, fx->event.outcome.err_bytes, &buf), err);
    js_buf_release(&buf);
}

/* --- survivors ------------------------------------------------------ */

static bool is_zombie(const char *pid)
{
    char path[64], text[512];
    snprintf(path, sizeof(path), "/proc/%.16s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    js_fd_close(&fd);
    text[n > 0 ? n : 0] = '\0';
    const char *state = strrchr(text, ')');
    return !state || state[2] == 'Z' || state[2] == 'X';
}

/* How many processes have the fixture's mark in their environment. */
static int count_marked(const struct fixture *fx, int signo)
{
    const char *wanted = strchr(fx->mark, '=') + 1;
    int count = 0;
    char value[64];
    struct dirent *entry;
    DIR *proc = opendir("/proc");
    while (proc && (entry = readdir(proc))) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (!js_process_variable(pid, "JS_TEST_MARK", value, sizeof(value),
                                 NULL) ||
            strcmp(value, wanted) != 0 || is_zombie(entry->d_name))
            continue;
        count++;
        if (signo)
            kill(pid, signo);
    }
    if (proc)
        closedir(proc);
    return count;
}

static void pause_ms(int64_t ms)
{
    struct timespec pause = {0, (long)(ms * JS_NS_PER_MS)};
    nanosleep(&pause, NULL);
}

/* Waits until at least (or, for 0, exactly) so many are there. */
static int wait_for_marked(const struct fixture *fx, int wanted)
{
    int64_t deadline_ns = js_clock_ns() + unit_patience_ns();
    int count = count_marked(fx, 0);
    while ((wanted ? count < wanted : count > 0) &&
           js_clock_ns() < deadline_ns) {
        pause_ms(20);
        count = count_marked(fx, 0);
    }
    return count;
}

static void expect_no_survivor(const struct fixture *fx)
{
    CU_ASSERT_EQUAL(count_marked(fx, 0), 0);
    count_marked(fx, SIGKILL);
}

/* Seven processes: the shell, background, own session, daemonised with a
 * child, one deaf to SIGTERM with its sleep. */
static const char tree[] = "sleep 101 & setsid sleep 102 & "
                           "(setsid sh -c 'sleep 103 & exec sleep 104' &); "
                           "(trap '' TERM; while :; do sleep 1; done) & "
                           "touch grown; ";
enum { TREE_SIZE = 7 };

/* --- tests ---------------------------------------------------------- */

static void test_many_jobs_in_one_slot(void)
{
    struct fixture fx;
    int wrong = 0;
    prepare(&fx);
    start_well(&fx);
    for (int i = 0; i < 500; i++) {
        char line[64];
        struct js_buf buf = JS_BUF_INIT;
        const char *expected = "";
        snprintf(line, sizeof(line), i % 3 ? "/bin/true" : "echo %d; exit %d",
                 i, i % 256);
        const struct js_outcome *outcome = run(&fx, line);
        const char *out = out_of(&fx, &buf);
        char text[16];
        if (i % 3 == 0) {
            snprintf(text, sizeof(text), "%d\n", i);
            expected = text;
        }
        if (outcome->exit_code != (i % 3 ? 0U : (unsigned)i % 256) ||
            outcome->step != JS_STEP_NONE || outcome->signal != 0 ||
            outcome->run_ns <= 0 || outcome->start_unix_ns <= 0 ||
            outcome->max_rss_bytes == 0 || strcmp(out, expected) != 0)
            wrong++;
        drop_output(&fx);
        js_buf_release(&buf);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(fx.notes, 0);
    completion(&fx);
}

static void test_how_jobs_end(void)
{
    struct fixture fx;
    prepare(&fx);
    start_well(&fx);
    CU_ASSERT_EQUAL(run(&fx, "exit 3")->exit_code, 3);
    CU_ASSERT_EQUAL(run(&fx, "exit 255")->exit_code, 255);
    CU_ASSERT_EQUAL(run(&fx, "kill -SEGV $$")->signal, SIGSEGV);
    CU_ASSERT_EQUAL(fx.event.outcome.exit_code, 0);
    CU_ASSERT_EQUAL(run(&fx, "kill -KILL $$")->signal, SIGKILL);
    CU_ASSERT_EQUAL(run(&fx, "no-such-command x")->exit_code, 127);
    CU_ASSERT_TRUE(fx.event.outcome.err_bytes > 0);
    drop_output(&fx);
    CU_ASSERT_EQUAL(run(&fx, "./no-such-file")->exit_code, 127);
    drop_output(&fx);
    CU_ASSERT_EQUAL(run(&fx, "/etc/passwd")->exit_code, 126);
    drop_output(&fx);
    CU_ASSERT_EQUAL(run(&fx, "/tmp")->exit_code, 126);
    CU_ASSERT_EQUAL(fx.event.outcome.step, JS_STEP_NONE);
    drop_output(&fx);
    CU_ASSERT_EQUAL(
        run(&fx, "exec 0<&- 1>&- 2>&-; sleep 0.01; exit 5")->exit_code, 5);
    CU_ASSERT_EQUAL(
        run(&fx, "ulimit -n 4; ulimit -v 100000; exit 6")->exit_code, 6);
    CU_ASSERT_EQUAL(run(&fx, "/bin/true")->exit_code, 0);
    completion(&fx);
}

static void test_usage_is_counted(void)
{
    struct fixture fx;
    prepare(&fx);
    start_well(&fx);
    run(&fx, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done");
    CU_ASSERT_TRUE(
        fx.event.outcome.user_cpu_ns + fx.event.outcome.system_cpu_ns > 0);
    CU_ASSERT_TRUE(fx.event.outcome.max_rss_bytes > 100 * 1024);
    completion(&fx);
}

static void make_script(const struct fixture *fx, const char *name,
                        const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", fx->dir, name);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(js_write_full(fd, text, strlen(text)), 0);
    close(fd);
}

static void test_a_script_without_interpreter(void)
{
    struct fixture fx;
    prepare(&fx);
    start_well(&fx);
    make_script(&fx, "script", "echo $# $1; exit 4\n");
    expect_output(&fx, "./script one two", "2 one\n", "");
    CU_ASSERT_EQUAL(fx.event.outcome.exit_code, 4);
    completion(&fx);
}

/* What a job sees is the same with and without the shell. */
static void test_plain_or_shell_is_the_same(void)
{
    struct fixture fx;
    struct js_buf plain = JS_BUF_INIT;
    prepare(&fx);
    start_well(&fx);
    make_script(&fx, "see",
                "#!/bin/sh\nfor a; do echo \"<$a>\"; done; pwd; umask\n"
                "tr '\\0' '\\n' </proc/$$/environ | sort\n"
                "grep -E '^(Sig(Blk|Ign|Cgt)|Cpus)' /proc/self/status\n");
    run(&fx, " ./see  a\tb=1 ");
    CU_ASSERT_PTR_NOT_NULL(strstr(out_of(&fx, &plain), "<a>\n<b=1>\n/tmp/"));
    expect_output(&fx, "exec ./see a 'b=1'", plain.data, "");
    js_buf_release(&plain);
    completion(&fx);
}

static void test_surroundings(void)
{
    struct fixture fx;
    char expected[1024];
    struct js_buf cpus = JS_BUF_INIT;
    prepare(&fx);
    fx.config.settings.umask = 027;
    CU_ASSERT_EQUAL(js_cpuset_format(&fx.cpus[0], &cpus), 0);
    start_well(&fx);
    snprintf(expected, sizeof(expected),
             "JOBSCHED_ATTEMPT=2\nJOBSCHED_CORES=3\nJOBSCHED_CPUS=%s\n"
             "JOBSCHED_JOB_ID=7\nJOBSCHED_JOB_NAME=a name\n"
             "JOBSCHED_NODE=testnode\nJOBSCHED_SLAVE=4\nJOBSCHED_SLOT=0\n%s\n"
             "OMP_NUM_THREADS=3\nPATH=/usr/local/bin:/usr/bin:/bin\nPWD=%s\n",
             js_buf_string(&cpus), fx.mark, fx.dir);
    make_script(&fx, "see",
                "#!/bin/sh\ntr '\\0' '\\n' </proc/$$/environ | "
                "LC_ALL=C sort\n");
    expect_output(&fx, "./see", expected, "");
    expect_output(&fx, "umask; readlink /proc/$$/fd/0; cat",
                  "0027\n/dev/null\n", "");
    expect_output(&fx,
                  "ls /proc/$$/fd; "
                  "grep -E '^Sig(Blk|Ign)' /proc/self/status; "
                  "read a b c d e f < /proc/$$/stat; test $a = $e && echo lead",
                  "0\n1\n2\nSigBlk:\t0000000000000000\n"
                  "SigIgn:\t0000000000000000\n"
                  "lead\n",
                  "");
    js_buf_release(&cpus);
    completion(&fx);
}

static void test_omp_of_the_user_stays(void)
{
    struct fixture fx;
    prepare(&fx);
    fx.env[4] = "OMP_NUM_THREADS=11";
    start_well(&fx);
    expect_output(&fx, "printenv OMP_NUM_THREADS; echo $OMP_NUM_THREADS",
                  "11\n11\n", "");
    completion(&fx);
}

/* Where /bin/sh is bash, an exported function goes before a program. */
static void test_an_exported_function_needs_the_shell(void)
{
    struct fixture fx;
    struct js_buf direct = JS_BUF_INIT;
    prepare(&fx);
    fx.env[4] = "BASH_FUNC_readlink%%=() { echo function; }";
    start_well(&fx);
    /* Which of the two started it shows in the name of its parent. */
    run(&fx, "readlink /proc/self/exe");
    CU_ASSERT_TRUE(fx.event.outcome.out_bytes > 0);
    out_of(&fx, &direct);
    expect_output(&fx, "exec readlink /proc/self/exe", direct.data, "");
    js_buf_release(&direct);
    completion(&fx);
}

static void test_bound(void)
{
    struct fixture fx;
    char expected[64];
    unsigned cpu = 0;
    prepare(&fx);
    for (unsigned i = 0; i < JS_CPUS_MAX; i++)
        cpu = js_cpuset_has(&fx.cpus[0], i) ? i : cpu;
    js_cpuset_clear(&fx.cpus[0]);
    js_cpuset_add(&fx.cpus[0], cpu);
    start_well(&fx);
    snprintf(expected, sizeof(expected), "%u\n%u\n", cpu, cpu);
    expect_output(&fx,
                  "sed -n 's/^Cpus_allowed_list:.//p' /proc/self/status; "
                  "echo $JOBSCHED_CPUS",
                  expected, "");
    completion(&fx);
}

static void test_output_is_intact(void)
{
    struct fixture fx;
    struct js_buf buf = JS_BUF_INIT;
    prepare(&fx);
    start_well(&fx);
    expect_output(&fx, "printf 'out\\n'; printf err >&2", "out\n", "err");
    expect_output(&fx, "printf err >&2", "", "err");
    expect_output(&fx, "printf out", "out", "");
    expect_output(&fx, "/bin/true", "", "");
    run(&fx, "i=0; while [ $i -lt 100 ]; do printf '\\000\\377\\n'; "
             "i=$((i+1)); done; printf x");
    CU_ASSERT_EQUAL(fx.event.outcome.out_bytes, 301);
    out_of(&fx, &buf);
    int wrong = buf.len == 301 && buf.data[300] == 'x' ? 0 : 1;
    for (size_t i = 0; i + 3 < buf.len; i += 3)
        wrong += memcmp(buf.data + i, "\0\377\n", 3) != 0;
    CU_ASSERT_EQUAL(wrong, 0);
    run(&fx, "head -c 30000000 /dev/zero");
    CU_ASSERT_EQUAL(fx.event.outcome.out_bytes, 30000000);
    drop_output(&fx);
    js_buf_release(&buf);
    completion(&fx);
}

/* Files kept for the next job must be as new. */
static void test_no_job_sees_anothers_file(void)
{
    struct fixture fx;
    prepare(&fx);
    start_well(&fx);
    run(&fx, "truncate -s 5 /proc/self/fd/1; truncate -s 0 /proc/self/fd/1; "
             "dd of=/dev/null count=0 2>&-");
    expect_output(&fx, "printf a", "a", "");
    run(&fx, "ln -L /proc/$$/fd/1 kept 2>&-");
    drop_output(&fx);
    expect_output(&fx, "printf b; test -s kept; printf $?", "b1", "");
    completion(&fx);
}

static void expect_file(const struct fixture *fx, const char *name,
                        const char *text, mode_t mode)
{
    char path[128], got[64];
    struct stat st = {0};
    snprintf(path, sizeof(path), "%s/%s", fx->dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    ssize_t n = read(fd, got, sizeof(got) - 1);
    got[n > 0 ? n : 0] = '\0';
    CU_ASSERT_STRING_EQUAL(got, text);
    CU_ASSERT_EQUAL(fstat(fd, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, mode);
    close(fd);
}

static void test_output_to_a_folder(void)
{
    struct fixture fx;
    prepare(&fx);
    fx.config.settings.capture = JS_CAPTURE_DIR;
    fx.config.settings.output_dir = "."; /* of the jobs' folder */
    fx.config.settings.umask = 026;
    start_well(&fx);
    run(&fx, "echo out; echo error >&2");
    CU_ASSERT_EQUAL(fx.event.outcome.out_bytes, 4);
    CU_ASSERT_EQUAL(fx.event.outcome.err_bytes, 6);
    CU_ASSERT_EQUAL(fx.event.out_fd, -1);
    CU_ASSERT_EQUAL(fx.event.err_fd, -1);
    expect_file(&fx, "7.out", "out\n", 0640);
    expect_file(&fx, "7.err", "error\n", 0640);
    run(&fx, "echo b; echo a >/dev/stderr; echo b >&2");
    expect_file(&fx, "7.out", "b\n", 0640);
    expect_file(&fx, "7.err", "a\nb\n", 0640);
    completion(&fx);
}

static void test_output_file_refused(void)
{
    struct fixture fx;
    char path[128];
    prepare(&fx);
    fx.config.settings.capture = JS_CAPTURE_DIR;
    fx.config.settings.output_dir = fx.dir;
    start_well(&fx);
    snprintf(path, sizeof(path), "%s/7.err", fx.dir);
    CU_ASSERT_EQUAL(symlink("/dev/null", path), 0);
    run(&fx, "/bin/true");
    CU_ASSERT_EQUAL(fx.event.outcome.step, JS_STEP_OUTPUT);
    CU_ASSERT_EQUAL(fx.event.outcome.step_errno, ELOOP);
    CU_ASSERT_EQUAL(fx.event.outcome.exit_code, 126);
    unlink(path);
    CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
    run(&fx, "/bin/true");
    CU_ASSERT_EQUAL(fx.event.outcome.step, JS_STEP_OUTPUT);
    CU_ASSERT_EQUAL(fx.event.outcome.step_errno, ENXIO);
    unlink(path);
    CU_ASSERT_EQUAL(run(&fx, "/bin/true")->step, JS_STEP_NONE);
    completion(&fx);
}

static void wait_for_file(const struct fixture *fx, const char *name)
{
    char path[128];
    int64_t deadline_ns = js_clock_ns() + unit_patience_ns();
    snprintf(path, sizeof(path), "%s/%s", fx->dir, name);
    while (access(path, F_OK) < 0 && js_clock_ns() < deadline_ns)
        pause_ms(10);
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
}

static void touch(const struct fixture *fx, const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", fx->dir, name);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CU_ASSERT_TRUE(fd >= 0);
    js_fd_close(&fd);
}

/* No other event is expected. */
static void wait_for_note(struct fixture *fx)
{
    int64_t deadline_ns = js_clock_ns() + unit_patience_ns();
    while (js_runner_next(fx->runner, &fx->event) == 0 &&
           js_clock_ns() < deadline_ns)
        pause_ms(1);
    CU_ASSERT_EQUAL(fx->event.kind, JS_RUNNER_NOTE);
    fx->notes++;
    memcpy(fx->note, fx->event.text, sizeof(fx->note));
}

/* ... which is in the fixture's folder. */
static void use_own_folder(struct fixture *fx, char *path, size_t size,
                           enum js_capture capture)
{
    snprintf(path, size, "%s/own", fx->dir);
    CU_ASSERT_EQUAL(mkdir(path, 0750), 0);
    fx->config.settings.capture = capture;
    fx->config.settings.output_dir = fx->config.settings.tmpdir = path;
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static void test_own_folder_is_made_anew(void)
{
    static const enum js_capture captures[] = {JS_CAPTURE_DIR,
                                               JS_CAPTURE_SPOOL};
    for (int i = 0; i < 2; i++) {
        struct fixture fx;
        char path[128];
        prepare(&fx);
        use_own_folder(&fx, path, sizeof(path), captures[i]);
        start_well(&fx);
        remove_dir(path);
        run(&fx, "echo one");
        CU_ASSERT_EQUAL(fx.event.outcome.step, JS_STEP_NONE);
        CU_ASSERT_EQUAL(fx.event.outcome.out_bytes, 4);
        CU_ASSERT_EQUAL(mode_of(path), 0750);
        CU_ASSERT_EQUAL(fx.notes, 1);
        CU_ASSERT_PTR_NOT_NULL(strstr(fx.note, "made anew"));
        drop_output(&fx);
        remove_dir(path);
        completion(&fx);
    }
}

/* Its parent is gone as well, or something else has its name. */
static void test_own_folder_is_waited_for(void)
{
    for (int is_file = 0; is_file < 2; is_file++) {
        struct fixture fx;
        char path[128], aside[136];
        prepare(&fx);
        use_own_folder(&fx, path, sizeof(path), JS_CAPTURE_DIR);
        snprintf(aside, sizeof(aside), "%s-aside", path);
        fx.config.slots = 2;
        /* No retry, nor any other limit, counts here. */
        fx.config.retry_ns = 0;
        start_well(&fx);
        CU_ASSERT_EQUAL(rename(path, aside), 0);
        CU_ASSERT_EQUAL(symlink(is_file ? "/dev/null" : "/nowhere/own", path),
                        0);
        submit(&fx, 0, 7, "echo one");
        submit(&fx, 1, 8, "echo two");
        wait_for_note(&fx);
        CU_ASSERT_PTR_NOT_NULL(strstr(fx.note, "is gone"));
        CU_ASSERT_PTR_NOT_NULL(strstr(fx.note, path));
        /* One is ended by hand, the other runs. */
        CU_ASSERT_EQUAL(js_runner_end(fx.runner, 1, 0), 0);
        CU_ASSERT_EQUAL(next_event(&fx), 1);
        CU_ASSERT_EQUAL(fx.event.slot, 1);
        CU_ASSERT_EQUAL(fx.event.outcome.cause, JS_STOP_REASON_STOPPED);
        unlink(path);
        CU_ASSERT_EQUAL(rename(aside, path), 0);
        CU_ASSERT_EQUAL(next_event(&fx), 1);
        CU_ASSERT_EQUAL(fx.event.slot, 0);
        CU_ASSERT_EQUAL(fx.event.outcome.step, JS_STEP_NONE);
        CU_ASSERT_EQUAL(fx.event.outcome.out_bytes, 4);
        CU_ASSERT_EQUAL(fx.notes, 1);
        remove_dir(path);
        completion(&fx);
    }
}

/* Nothing is started any more: what runs goes on, what waits does not. */
static void test_a_drain_ends_the_wait_for_a_folder(void)
{
    struct fixture fx;
    char path[128];
    prepare(&fx);
    use_own_folder(&fx, path, sizeof(path), JS_CAPTURE_DIR);
    fx.config.slots = 2;
    start_well(&fx);
    submit(&fx, 0, 7, "until test -e go; do sleep 0.01; done");
    wait_for_file(&fx, "own/7.err");
    remove_dir(path);
    CU_ASSERT_EQUAL(symlink("/nowhere/own", path), 0);
    submit(&fx, 1, 8, "echo two");
    CU_ASSERT_EQUAL(js_runner_end(fx.runner, 0, JS_RUNNER_LET_RUN), 0);
    CU_ASSERT_EQUAL(next_event(&fx), 1);
    CU_ASSERT_EQUAL(fx.event.slot, 1);
    CU_ASSERT_EQUAL(fx.event.outcome.cause, JS_STOP_REASON_STOPPED);
    unlink(path);
    touch(&fx, "go");
    CU_ASSERT_EQUAL(next_event(&fx), 1);
    CU_ASSERT_EQUAL(fx.event.slot, 0);
    CU_ASSERT_EQUAL(fx.event.outcome.exit_code, 0);
    remove_dir(path);
    completion(&fx);
}

/* What a job has written is not lost with the folder; a file that the job
 * itself removes is its own business. */
static void test_output_outlives_its_folder(void)
{
    struct fixture fx;
    char path[128];
    prepare(&fx);
    use_own_folder(&fx, path, sizeof(path), JS_CAPTURE_DIR);
    start_well(&fx);
    run(&fx, "echo before; rm -r own; echo after; echo error >&2");
    CU_ASSERT_EQUAL(fx.event.outcome.exit_code, 0);
    CU_ASSERT_EQUAL(fx.event.outcome.out_bytes, sizeof("before\nafter\n") - 1);
    expect_file(&fx, "own/7.out", "before\nafter\n", 0644);
    expect_file(&fx, "own/7.err", "error\n", 0644);
    CU_ASSERT_EQUAL(fx.notes, 1);
    run(&fx, "echo one; rm own/7.out");
    CU_ASSERT_EQUAL(fx.event.outcome.exit_code, 0);
    CU_ASSERT_EQUAL(fx.notes, 1);
    /* Another has made it anew by then. */
    run(&fx, "echo two; rm -r own; mkdir own");
    expect_file(&fx, "own/7.out", "two\n", 0644);
    CU_ASSERT_EQUAL(fx.notes, 2);
    remove_dir(path);
    completion(&fx);
}

static void test_output_to_nowhere(void)
{
    struct fixture fx;
    prepare(&fx);
    fx.config.settings.capture = JS_CAPTURE_NONE;
    start_well(&fx);
    run(&fx, "echo out; echo error >&2");
    CU_ASSERT_EQUAL(fx.event.outcome.exit_code, 0);
    CU_ASSERT_EQUAL(fx.event.outcome.out_bytes, 0);
    CU_ASSERT_EQUAL(fx.event.out_fd, -1);
    completion(&fx);
}

static void expect_not_ready(struct fixture *fx, const char *text)
{
    start(fx);
    CU_ASSERT_STRING_EQUAL(fx->event.text, text);
    CU_ASSERT_EQUAL(run(fx, "/bin/true")->step, JS_STEP_RUNNER);
    completion(fx);
}

static void test_bad_configurations(void)
{
    struct fixture fx;
    prepare(&fx);
    fx.config.settings.cwd = "/nowhere";
    expect_not_ready(&fx, "cannot enter /nowhere on node testnode: "
                          "No such file or directory");
    prepare(&fx);
    fx.config.settings.tmpdir = "/nowhere";
    expect_not_ready(&fx, "cannot keep output in /nowhere on node testnode: No "
                          "such file or directory; --tmpdir names another "
                          "folder");
    prepare(&fx);
    fx.config.settings.capture = JS_CAPTURE_DIR;
    fx.config.settings.output_dir = "/etc/passwd";
    expect_not_ready(&fx, "cannot write to the output folder /etc/passwd on "
                          "node testnode: Not a directory");
}

static void test_long_commands(void)
{
    if (unit_is_traced())
        return;
    static char line[200 * 1024];
    struct fixture fx;
    struct js_buf buf = JS_BUF_INIT;
    prepare(&fx);
    start_well(&fx);
    memset(line, 'x', sizeof(line));
    memcpy(line, "echo ", 5);
    line[100000] = '\0';
    run(&fx, line);
    CU_ASSERT_EQUAL(fx.event.outcome.out_bytes, 100000 - 4);
    CU_ASSERT_EQUAL(memcmp(out_of(&fx, &buf), line + 5, 100000 - 5), 0);
    line[100000] = 'x';
    line[sizeof(line) - 1] = '\0';
    run(&fx, line);
    CU_ASSERT_EQUAL(fx.event.outcome.step, JS_STEP_EXEC);
    CU_ASSERT_EQUAL(fx.event.outcome.step_errno, E2BIG);
    CU_ASSERT_EQUAL(fx.event.outcome.exit_code, 126);
    CU_ASSERT_EQUAL(run(&fx, "/bin/true")->exit_code, 0);
    js_buf_release(&buf);
    completion(&fx);
}

/* More than fits into a socket at once. */
static void test_big_environment(void)
{
    enum { COUNT = 10, SIZE = 100000 };
    static char text[COUNT][SIZE];
    const char *env[COUNT + 2];
    struct fixture fx;
    prepare(&fx);
    for (int i = 0; i < COUNT; i++) {
        memset(text[i], 'a' + i, SIZE - 1);
        memcpy(text[i], "VAR_", 4);
        text[i][4] = (char)('0' + i);
        text[i][5] = '=';
        env[i] = text[i];
    }
    env[COUNT] = "PATH=/usr/bin:/bin";
    env[COUNT + 1] = NULL;
    fx.config.env = env;
    start_well(&fx);
    expect_output(&fx, "printenv VAR_0 VAR_9 | tr -d '\\n' | wc -c", "199986\n",
                  "");
    completion(&fx);
}

/* What is below those that are seen at first comes up only if it has not ended
 * by then. */
static void expect_cleared(struct fixture *fx, const char *command,
                           uint32_t least)
{
    run(fx, command);
    CU_ASSERT_EQUAL(fx->event.outcome.exit_code, 9);
    CU_ASSERT(fx->event.outcome.leftovers >= least);
    CU_ASSERT_EQUAL(fx->event.outcome.leftovers > 0, least > 0);
    expect_no_survivor(fx);
    drop_output(fx);
}

static void test_what_is_left_behind_is_ended(void)
{
    struct fixture fx;
    char command[sizeof(tree) + 64];
    prepare(&fx);
    start_well(&fx);
    expect_cleared(&fx, "sleep 100 & exit 9", 1);
    expect_cleared(&fx, "sleep 100 >&- 2>&- <&- & exit 9", 1);
    expect_cleared(&fx, "setsid sleep 100 & sleep 0.1; exit 9", 1);
    expect_cleared(&fx,
                   "(setsid sh -c 'sleep 100 & sleep 100' &); "
                   "sleep 0.1; exit 9",
                   1);
    expect_cleared(&fx, "sleep 100 & kill -STOP $!; exit 9", 1);
    expect_cleared(&fx,
                   "(trap '' TERM; while :; do sleep 1; done) & "
                   "sleep 0.1; exit 9",
                   1);
    snprintf(command, sizeof(command), "%s sleep 0.2; exit 9", tree);
    expect_cleared(&fx, command, 3);
    expect_cleared(&fx, "exit 9", 0);
    CU_ASSERT_EQUAL(fx.notes, 0);
    completion(&fx);
}

/* SIGTERM comes first, once, and there is time to act on it. */
static void test_what_is_left_behind_may_tidy_up(void)
{
    struct fixture fx;
    prepare(&fx);
    fx.config.settings.grace_ns = unit_patience_ns();
    start_well(&fx);
    run(&fx, "(trap 'echo tidy; sleep 0.2; echo done; exit' TERM; echo set; "
             "touch set; while :; do sleep 0.02; done) & "
             "setsid sleep 0.1 & wait $!; "
             "until test -e set; do sleep 0.02; done");
    struct js_buf buf = JS_BUF_INIT;
    CU_ASSERT_STRING_EQUAL(out_of(&fx, &buf), "set\ntidy\ndone\n");
    js_buf_release(&buf);
    completion(&fx);
}

/* What one job leaves is ended, the others' is not. */
static void test_several_slots(void)
{
    struct fixture fx;
    prepare(&fx);
    fx.config.slots = 3;
    start_well(&fx);
    submit(&fx, 1, 11,
           "setsid sleep 201 & touch one; while ! test -e go; do sleep 0.02; "
           "done; kill -0 $! && exit 5");
    submit(&fx, 2, 12, "while ! test -e go; do sleep 0.02; done; exit 6");
    wait_for_file(&fx, "one");
    submit(&fx, 0, 10,
           "sleep 202 & (setsid sh -c 'trap : TERM; sleep 203 & touch two; "
           "while :; do sleep 1; done' &); "
           "while ! test -e two; do sleep 0.02; done; exit 4");
    CU_ASSERT_EQUAL(next_event(&fx), 1);
    CU_ASSERT_EQUAL(fx.event.slot, 0);
    CU_ASSERT_EQUAL(fx.event.outcome.exit_code, 4);
    CU_ASSERT_TRUE(count_marked(&fx, 0) >= 3); /* slots 1 and 2 */
    drop_output(&fx);
    for (int i = 0; i < 50; i++) {
        CU_ASSERT_EQUAL(run(&fx, "/bin/true")->exit_code, 0);
        drop_output(&fx);
    }
    make_script(&fx, "go", "");
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(next_event(&fx), 1);
        CU_ASSERT_EQUAL(fx.event.outcome.exit_code, 4 + fx.event.slot);
        drop_output(&fx);
    }
    CU_ASSERT_EQUAL(wait_for_marked(&fx, 0), 0);
    completion(&fx);
}

/* Ends a command: until what it has left in the background is a sleeper. */
static const char until_sleeper[] =
    "until test \"$(head -c 10 /proc/$!/cmdline)\" = /bin/sleep; do "
    "sleep 0.02; done";

/* Of the fixture, and named "sleep 205". */
static int count_sleepers(const struct fixture *fx)
{
    (void)fx;
    int count = 0;
    struct dirent *entry;
    DIR *proc = opendir("/proc");
    while (proc && (entry = readdir(proc))) {
        char path[64], text[64] = "", value[64];
        if (!isdigit((unsigned char)entry->d_name[0]) ||
            is_zombie(entry->d_name))
            continue;
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
        js_fd_close(&fd);
        bool is_sleep = n > 9 && memcmp(text + n - 10, "sleep\000205", 10) == 0;
        count += is_sleep &&
                 js_process_variable(pid, "JS_TEST_MARK", value, sizeof(value),
                                     NULL) &&
                 strcmp(value, strchr(fx->mark, '=') + 1) == 0;
    }
    if (proc)
        closedir(proc);
    return count;
}

/* One whose environment does not tell is ended when no job runs. */
static void test_a_stray_is_ended_when_idle(void)
{
    struct fixture fx;
    prepare(&fx);
    fx.config.slots = 2;
    start_well(&fx);
    submit(&fx, 1, 11, "while ! test -e go; do sleep 0.02; done");
    char command[256];
    snprintf(command, sizeof(command), "setsid env -i %s /bin/sleep 205 & %s",
             fx.mark, until_sleeper);
    run(&fx, command);
    CU_ASSERT_EQUAL(wait_for_marked(&fx, 2) >= 2, true);
    make_script(&fx, "go", "");
    CU_ASSERT_EQUAL(next_event(&fx), 1);
    CU_ASSERT_EQUAL(fx.event.slot, 1);
    CU_ASSERT_EQUAL(wait_for_marked(&fx, 0), 0);
    CU_ASSERT_EQUAL(run(&fx, "/bin/true")->exit_code, 0);
    completion(&fx);
}

/* ... or as soon as all have ended that ran when it was seen, whatever has
 * begun since. */
static void test_a_stray_waits_for_no_later_job(void)
{
    struct fixture fx;
    char command[256];
    prepare(&fx);
    fx.config.slots = 3;
    start_well(&fx);
    submit(&fx, 1, 11, "while ! test -e go; do sleep 0.02; done");
    snprintf(command, sizeof(command), "setsid env -i %s /bin/sleep 205 & %s",
             fx.mark, until_sleeper);
    run(&fx, command);
    submit(&fx, 2, 12, "touch begun; while ! test -e on; do sleep 0.02; done");
    wait_for_file(&fx, "begun");
    CU_ASSERT_TRUE(count_sleepers(&fx) == 1);
    touch(&fx, "go");
    CU_ASSERT_EQUAL(next_event(&fx), 1);
    CU_ASSERT_EQUAL(fx.event.slot, 1);
    int64_t deadline_ns = js_clock_ns() + unit_patience_ns();
    while (count_sleepers(&fx) > 0 && js_clock_ns() < deadline_ns)
        pause_ms(10);
    CU_ASSERT_EQUAL(count_sleepers(&fx), 0);
    touch(&fx, "on");
    CU_ASSERT_EQUAL(next_event(&fx), 1);
    CU_ASSERT_EQUAL(fx.event.slot, 2);
    completion(&fx);
}

/* Its own variables are those of a run within the job: they are of no use. */
static void test_orphans_of_a_run_within_a_job(void)
{
    struct fixture fx;
    prepare(&fx);
    fx.config.slots = 2;
    fx.config.settings.run_id = UINT64_C(0xabcdef);
    start_well(&fx);
    submit(&fx, 1, 11, "while ! test -e go; do sleep 0.02; done");
    char command[320];
    snprintf(command, sizeof(command),
             "JOBSCHED_RUN=0123456789abcdef JOBSCHED_JOB_ID=11 "
             "JOBSCHED_ATTEMPT=2 "
             "JOBSCHED_WITHIN=fedcba9876543210/11/2\\ 0000000000abcdef/7/2 "
             "setsid /bin/sleep 205 & %s",
             until_sleeper);
    run(&fx, command);
    CU_ASSERT_EQUAL(count_sleepers(&fx), 0);
    touch(&fx, "go");
    CU_ASSERT_EQUAL(next_event(&fx), 1);
    CU_ASSERT_EQUAL(fx.event.outcome.exit_code, 0);
    completion(&fx);
}

/* What a job carries, and what it carries within a job of another run. */
static void test_marks(void)
{
    struct fixture fx;
    prepare(&fx);
    fx.config.settings.run_id = UINT64_C(0xabcdef);
    start_well(&fx);
    expect_output(&fx, "echo $JOBSCHED_RUN:$JOBSCHED_WITHIN",
                  "0000000000abcdef:\n", "");
    completion(&fx);
    prepare(&fx);
    fx.config.settings.run_id = UINT64_C(0xabcdef);
    fx.config.settings.allow_leftovers = true;
    fx.env[4] = "JOBSCHED_RUN=0123456789abcdef+7";
    fx.env[5] = "JOBSCHED_ATTEMPT=3";
    fx.env[6] = "JOBSCHED_WITHIN=1111111111111111/4/1";
    start_well(&fx);
    expect_output(&fx,
                  "echo $JOBSCHED_WITHIN; "
                  "test $JOBSCHED_RUN = 0000000000abcdef+$PPID && echo yes",
                  "0123456789abcdef+7/99/3 1111111111111111/4/1\nyes\n", "");
    completion(&fx);
}

static void grow_tree(struct fixture *fx)
{
    char command[sizeof(tree) + 64];
    snprintf(command, sizeof(command), "%s sleep 105", tree);
    submit(fx, 0, 7, command);
    wait_for_file(fx, "grown");
    CU_ASSERT_TRUE(wait_for_marked(fx, TREE_SIZE) >= TREE_SIZE);
}

static void test_a_killed_runner_leaves_nothing(void)
{
    struct fixture fx;
    struct js_runner_job job = {.command = "x", .len = 1};
    prepare(&fx);
    start_well(&fx);
    grow_tree(&fx);
    kill(js_runner_pid(fx.runner), SIGKILL);
    CU_ASSERT_EQUAL(next_event(&fx), -1);
    CU_ASSERT_EQUAL(errno, EPIPE);
    expect_no_survivor(&fx);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
    CU_ASSERT_EQUAL(js_runner_run(fx.runner, &job), -1);
    CU_ASSERT_EQUAL(errno, EPIPE);
    CU_ASSERT_EQUAL(next_event(&fx), -1);
    completion(&fx);
}

/* In the place of the one that was killed: it knows nothing of what was before,
 * and has the limits of the first, whatever the rank has now. */
static void test_another_runner(void)
{
    struct fixture fx;
    struct js_err err = {""};
    struct rlimit limit, raised;
    char before[32];
    prepare(&fx);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
    snprintf(before, sizeof(before), "%llu\n",
             (unsigned long long)limit.rlim_cur);
    start_well(&fx);
    raised = limit;
    raised.rlim_cur--;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &raised), 0);
    submit(&fx, 0, 7, "kill -KILL $PPID; exec sleep 100");
    CU_ASSERT_EQUAL(next_event(&fx), -1);
    expect_no_survivor(&fx);
    CU_ASSERT_EQUAL(js_runner_restart(fx.runner, &err), 0);
    CU_ASSERT_EQUAL(js_runner_configure(fx.runner, &fx.config), 0);
    CU_ASSERT_EQUAL(next_event(&fx), 1);
    CU_ASSERT_EQUAL(fx.event.kind, JS_RUNNER_READY);
    CU_ASSERT_STRING_EQUAL(fx.event.text, "");
    expect_output(&fx, "ulimit -n", before, "");
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
    completion(&fx);
}

/* Not at first sight, and not where this process was away itself. */
static void test_a_stopped_runner_is_continued(void)
{
    struct fixture fx;
    int64_t now_ns = JS_NS_PER_S;
    siginfo_t info;
    prepare(&fx);
    start_well(&fx);
    CU_ASSERT_FALSE(js_runner_wake(fx.runner, now_ns));
    pid_t pid = js_runner_pid(fx.runner);
    kill(pid, SIGSTOP);
    CU_ASSERT_EQUAL(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT), 0);
    CU_ASSERT_FALSE(js_runner_wake(fx.runner, now_ns));
    CU_ASSERT_FALSE(js_runner_wake(fx.runner, now_ns + 1));
    now_ns += 60 * JS_NS_PER_S;
    CU_ASSERT_FALSE(js_runner_wake(fx.runner, now_ns));
    CU_ASSERT_TRUE(js_runner_wake(fx.runner, now_ns + JS_RUNNER_STOPPED_NS));
    CU_ASSERT_EQUAL(run(&fx, "/bin/true")->exit_code, 0);
    CU_ASSERT_FALSE(
        js_runner_wake(fx.runner, now_ns + 2 * JS_RUNNER_STOPPED_NS));
    completion(&fx);
}

static void test_freeing_ends_everything(void)
{
    struct fixture fx;
    prepare(&fx);
    start_well(&fx);
    grow_tree(&fx);
    js_runner_free(fx.runner);
    fx.runner = NULL;
    expect_no_survivor(&fx);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
    completion(&fx);
    js_runner_free(NULL);
}

static void test_a_killed_rank_leaves_nothing(void)
{
    struct fixture fx;
    prepare(&fx);
    CU_ASSERT_EQUAL(js_reap_adopt(), 0);
    pid_t rank = fork();
    if (rank == 0) {
        start(&fx);
        submit(&fx, 0, 7, tree);
        submit(&fx, 0, 7, "");
        pause();
        _exit(1);
    }
    CU_ASSERT_TRUE_FATAL(rank > 0);
    kill(rank, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(rank, NULL, 0), rank);
    js_reap_all(unit_patience_ns());
    expect_no_survivor(&fx);
    /* The same with the tree full-grown; the runner alone has to end it. */
    rank = fork();
    if (rank == 0) {
        start(&fx);
        grow_tree(&fx);
        make_script(&fx, "told", "");
        pause();
        _exit(1);
    }
    wait_for_file(&fx, "told");
    CU_ASSERT_TRUE(count_marked(&fx, 0) >= TREE_SIZE);
    kill(rank, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(rank, NULL, 0), rank);
    CU_ASSERT_EQUAL(wait_for_marked(&fx, 0), 0);
    count_marked(&fx, SIGKILL);
    js_reap_all(unit_patience_ns());
    completion(&fx);
}

static void limit_files(const struct fixture *fx, rlim_t count)
{
    struct rlimit limit;
    pid_t pid = js_runner_pid(fx->runner);
    CU_ASSERT_EQUAL(prlimit(pid, RLIMIT_NOFILE, NULL, &limit), 0);
    limit.rlim_cur = count;
    CU_ASSERT_EQUAL(prlimit(pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

static void test_a_passing_refusal_is_retried(void)
{
    struct fixture fx;
    prepare(&fx);
    start_well(&fx);
    limit_files(&fx, 7);
    submit(&fx, 0, 7, "echo x");
    for (int i = 0; i < 500 && fx.notes == 0; i++) {
        struct js_runner_event event;
        if (js_runner_next(fx.runner, &event) == 1) {
            CU_ASSERT_EQUAL(event.kind, JS_RUNNER_NOTE);
            fx.notes++;
            memcpy(fx.note, event.text, sizeof(fx.note));
        }
        pause_ms(20);
    }
    CU_ASSERT_EQUAL(fx.notes, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(fx.note, "Too many open files"));
    limit_files(&fx, 200);
    CU_ASSERT_EQUAL(next_event(&fx), 1);
    CU_ASSERT_EQUAL(fx.event.kind, JS_RUNNER_ENDED);
    CU_ASSERT_EQUAL(fx.event.outcome.step, JS_STEP_NONE);
    CU_ASSERT_EQUAL(fx.event.outcome.out_bytes, 2);
    drop_output(&fx);
    CU_ASSERT_EQUAL(run(&fx, "/bin/true")->exit_code, 0);
    CU_ASSERT_EQUAL(fx.notes, 1);
    completion(&fx);
}

static void test_a_lasting_refusal_is_the_jobs_failure(void)
{
    struct fixture fx;
    prepare(&fx);
    fx.config.retry_ns = 100 * JS_NS_PER_MS;
    start_well(&fx);
    limit_files(&fx, 7);
    run(&fx, "/bin/true");
    CU_ASSERT_EQUAL(fx.event.outcome.step, JS_STEP_OUTPUT);
    CU_ASSERT_EQUAL(fx.event.outcome.step_errno, EMFILE);
    CU_ASSERT_EQUAL(fx.event.outcome.exit_code, 126);
    CU_ASSERT_EQUAL(fx.notes, 1);
    completion(&fx);
}

/* A rank without room for the output must not take it for none. */
static void test_output_that_the_rank_cannot_take(void)
{
    struct fixture fx;
    struct rlimit limit, small;
    prepare(&fx);
    start_well(&fx);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
    small = limit;
    small.rlim_cur = 1; /* those open stay so */
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &small), 0);
    run(&fx, "echo out; echo err >&2");
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CU_ASSERT_EQUAL(fx.event.outcome.step, JS_STEP_COLLECT);
    CU_ASSERT_EQUAL(fx.event.outcome.step_errno, EMFILE);
    CU_ASSERT_EQUAL(fx.event.outcome.out_bytes, 0);
    CU_ASSERT_EQUAL(fx.event.out_fd, -1);
    CU_ASSERT_EQUAL(fx.event.err_fd, -1);
    expect_output(&fx, "echo out; echo err >&2", "out\n", "err\n");
    completion(&fx);
}

/* Events that wait because nobody reads keep their descriptors apart. */
static void test_files_stay_with_their_jobs(void)
{
    struct fixture fx;
    int wrong = 0;
    prepare(&fx);
    fx.config.slots = 3;
    start_well(&fx);
    for (int round = 0; round < 40; round++) {
        for (uint32_t slot = 0; slot < 3; slot++)
            submit(&fx, slot, slot + 1,
                   slot == 0   ? "echo $JOBSCHED_SLOT >&2"
                   : slot == 1 ? "exit 0"
                               : "echo $JOBSCHED_SLOT; echo e >&2");
        for (int i = 0; i < 3; i++) {
            struct js_buf buf = JS_BUF_INIT;
            CU_ASSERT_EQUAL_FATAL(next_event(&fx), 1);
            uint32_t slot = fx.event.slot;
            const char *out = out_of(&fx, &buf);
            wrong += strcmp(out, slot == 2 ? "2\n" : "") != 0;
            out = text_of(&fx.event.err_fd, fx.event.outcome.err_bytes, &buf);
            wrong += strcmp(out, slot == 0   ? "0\n"
                                 : slot == 2 ? "e\n"
                                             : "") != 0;
            js_buf_release(&buf);
        }
    }
    CU_ASSERT_EQUAL(wrong, 0);
    completion(&fx);
}

/* Stdio of the rank closed, and signals blocked and ignored there. */
static void test_an_odd_rank(void)
{
    struct fixture fx;
    int status = -1;
    prepare(&fx);
    pid_t rank = fork();
    if (rank == 0) {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        signal(SIGCHLD, SIG_IGN);
        signal(SIGTERM, SIG_IGN);
        signal(SIGPIPE, SIG_IGN);
        for (int fd = 0; fd < 3; fd++)
            close(fd);
        fx.runner = js_runner_start(NULL);
        if (!fx.runner || js_runner_configure(fx.runner, &fx.config) < 0 ||
            next_event(&fx) != 1)
            _exit(1);
        submit(&fx, 0, 7, "ls /proc/$$/fd; grep SigIgn /proc/self/status");
        if (next_event(&fx) != 1)
            _exit(2);
        char text[64] = "";
        js_pread_full(fx.event.out_fd, text, sizeof(text) - 1, 0);
        _exit(strcmp(text, "0\n1\n2\nSigIgn:\t0000000000000000\n") ? 3 : 22);
    }
    CU_ASSERT_EQUAL(waitpid(rank, &status, 0), rank);
    CU_ASSERT_EQUAL(status, 22 << 8);
    if (status != 22 << 8)
        printf(" (status %x)", (unsigned)status);
    js_reap_all(unit_patience_ns());
    completion(&fx);
}

/* Signals that a batch system sends to every process are the rank's affair. */
static void test_signals_do_not_end_the_runner(void)
{
    static const int signals[] = {SIGTERM, SIGINT,  SIGHUP, SIGUSR1,
                                  SIGUSR2, SIGALRM, SIGCONT};
    struct fixture fx;
    prepare(&fx);
    start_well(&fx);
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
        kill(js_runner_pid(fx.runner), signals[i]);
    expect_output(&fx, "grep -E '^SigPnd' /proc/self/status",
                  "SigPnd:\t0000000000000000\n", "");
    completion(&fx);
}

static int64_t cpu_ticks(pid_t pid)
{
    char path[64], text[512];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    js_fd_close(&fd);
    text[n > 0 ? n : 0] = '\0';
    const char *state = strrchr(text, ')');
    if (!state ||
        sscanf(state + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
               &user, &system) != 2)
        return -1;
    return (int64_t)(user + system);
}

/* Neither a running job nor one that is being ended makes it spin. */
static void test_waiting_costs_nothing(void)
{
    struct fixture fx;
    prepare(&fx);
    fx.config.settings.grace_ns = JS_NS_PER_S;
    start_well(&fx);
    run(&fx, "(trap '' TERM; touch deaf; while :; do sleep 10; done) & "
             "while ! test -e deaf; do sleep 0.02; done; sleep 0.5");
    CU_ASSERT_TRUE(cpu_ticks(js_runner_pid(fx.runner)) >= 0);
    CU_ASSERT_TRUE(cpu_ticks(js_runner_pid(fx.runner)) < 20);
    completion(&fx);
}

/* --- details, limits and ends ---------------------------------------- */

/* Runs a job that has more to it than a command. */
static void run_job(struct fixture *fx, const struct js_runner_job *with,
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

static void expect_detailed(struct fixture *fx,
                            const struct js_runner_job *with,
                            const char *command, const char *out)
{
    struct js_buf buf = JS_BUF_INIT;
    run_job(fx, with, command);
    CU_ASSERT_STRING_EQUAL(out_of(fx, &buf), out);
    drop_output(fx);
    js_buf_release(&buf);
}

static void test_details(void)
{
    struct fixture fx;
    struct js_runner_job env =
        DETAILS("eA=1\0eMARK=x\0eA=two\0"
                "eJOBSCHED_SLAVE=9\0eOMP_NUM_THREADS=7\0");
    struct js_runner_job path = DETAILS("ePATH=/nowhere\0");
    struct js_runner_job dir = DETAILS("d/tmp\0");
    struct js_runner_job files = DETAILS("iin\0oboth\0rboth\0");
    prepare(&fx);
    start_well(&fx);
    expect_detailed(&fx, &env, "echo $A $MARK $JOBSCHED_SLAVE $OMP_NUM_THREADS",
                    "two x 4 7\n");
    expect_detailed(&fx, &path, "ls", "");
    CU_ASSERT_EQUAL(fx.event.outcome.exit_code, 127);
    expect_detailed(&fx, &dir, "pwd; echo $PWD", "/tmp\n/tmp\n");
    make_script(&fx, "in", "hello\n");
    expect_detailed(&fx, &files, "cat; echo bad >&2", "");
    CU_ASSERT_EQUAL(fx.event.outcome.out_bytes, 0);
    expect_output(&fx, "cat both; rm both in", "hello\nbad\n", "");
    completion(&fx);
}

static void expect_step(struct fixture *fx, const struct js_runner_job *with,
                        enum js_step step, int error)
{
    run_job(fx, with, "true");
    CU_ASSERT_EQUAL(fx->event.outcome.step, step);
    CU_ASSERT_EQUAL(fx->event.outcome.step_errno, error);
    CU_ASSERT_EQUAL(fx->notes, 0);
    drop_output(fx);
}

static void test_details_that_are_not_there(void)
{
    struct fixture fx;
    struct js_runner_job dir = DETAILS("dnowhere\0");
    struct js_runner_job in = DETAILS("inothing\0");
    struct js_runner_job out = DETAILS("onowhere/out\0");
    struct js_runner_job both = DETAILS("dnowhere\0oout\0");
    struct js_runner_job fifo = DETAILS("offf\0");
    char path[128];
    prepare(&fx);
    start_well(&fx);
    snprintf(path, sizeof(path), "%s/fff", fx.dir);
    CU_ASSERT_EQUAL(mkfifo(path, 0666), 0);
    expect_step(&fx, &dir, JS_STEP_CHDIR, ENOENT);
    expect_step(&fx, &in, JS_STEP_STDIN, ENOENT);
    expect_step(&fx, &out, JS_STEP_OUTPUT, ENOENT);
    expect_step(&fx, &both, JS_STEP_CHDIR, ENOENT);
    expect_step(&fx, &fifo, JS_STEP_OUTPUT, ENXIO); /* nobody reads it */
    completion(&fx);
}

static void test_gpus_and_cpus(void)
{
    struct fixture fx;
    struct js_runner_job job = {.gpus = "1,3"};
    struct js_cpuset one = {{0}};
    char expected[64];
    unsigned cpu = 0;
    prepare(&fx);
    while (!js_cpuset_has(&fx.cpus[0], cpu))
        cpu++;
    js_cpuset_add(&one, cpu);
    job.cpus = &one;
    start_well(&fx);
    snprintf(expected, sizeof(expected), "1,3 1,3 PCI_BUS_ID %u\n%u\n", cpu,
             cpu);
    expect_detailed(&fx, &job,
                    "echo $CUDA_VISIBLE_DEVICES $ROCR_VISIBLE_DEVICES "
                    "$CUDA_DEVICE_ORDER $JOBSCHED_CPUS; grep "
                    "Cpus_allowed_list /proc/self/status | cut -f 2",
                    expected);
    /* The next one has none of it. */
    expect_output(&fx, "echo \"<$CUDA_VISIBLE_DEVICES>\"", "<>\n", "");
    completion(&fx);
}

/* The file is there while the job runs, and has gone before its end is told. */
static void test_hosts(void)
{
    struct fixture fx;
    struct js_runner_job job = {.hosts = "n1,n2.example", .cores = 3};
    struct js_buf path = JS_BUF_INIT;
    prepare(&fx);
    start_well(&fx);
    expect_detailed(&fx, &job,
                    "echo $JOBSCHED_NODELIST; cat $JOBSCHED_HOSTFILE; stat "
                    "--format=%a $JOBSCHED_HOSTFILE",
                    "n1,n2.example\nn1 slots=3\nn2.example slots=3\n600\n");
    run_job(&fx, &job,
            "cd /; echo -n $JOBSCHED_HOSTFILE; cat <$JOBSCHED_HOSTFILE >&2");
    const char *name = out_of(&fx, &path);
    CU_ASSERT_EQUAL(name[0], '/');
    CU_ASSERT_TRUE(fx.event.outcome.err_bytes > 0);
    errno = 0;
    CU_ASSERT_EQUAL(access(name, F_OK), -1);
    CU_ASSERT_EQUAL(errno, ENOENT);
    js_buf_release(&path);
    drop_output(&fx);
    expect_output(&fx, "echo \"<$JOBSCHED_NODELIST$JOBSCHED_HOSTFILE>\"",
                  "<>\n", "");
    completion(&fx);
}

/* An mpirun in a job takes neither the allocation nor waits for it. */
static void test_within_slurm(void)
{
    static const char show[] =
        "echo \"$OMPI_MCA_ras:$PRTE_MCA_ras:$SLURM_OVERLAP\"";
    struct fixture fx;
    struct js_runner_job hosts = {.hosts = "n1,n2"};
    struct js_runner_job own = DETAILS("eOMPI_MCA_ras=simulator\0");
    prepare(&fx);
    fx.env[4] = "SLURM_JOB_ID=7";
    start_well(&fx);
    expect_output(&fx, show, "^slurm:^slurm:\n", "");
    expect_detailed(&fx, &hosts, show, "::1\n");
    expect_detailed(&fx, &own, show, "simulator:^slurm:\n");
    completion(&fx);
    prepare(&fx);
    start_well(&fx);
    expect_output(&fx, show, "::\n", "");
    expect_detailed(&fx, &hosts, show, "::\n");
    completion(&fx);
}

/* What it cannot be told is the job's failure. */
static void test_hosts_without_a_folder(void)
{
    struct fixture fx;
    struct js_runner_job job = {.hosts = "n1,n2"};
    prepare(&fx);
    fx.config.settings.tmpdir = "/nowhere";
    fx.config.settings.capture = JS_CAPTURE_NONE;
    start_well(&fx);
    expect_step(&fx, &job, JS_STEP_HOSTFILE, ENOENT);
    completion(&fx);
}

static void test_a_data_limit(void)
{
    struct fixture fx;
    struct js_runner_job job = {.data_limit_bytes = 64 << 20};
    prepare(&fx);
    start_well(&fx);
    expect_detailed(&fx, &job, "ulimit -d", "65536\n");
    completion(&fx);
}

static void test_memory_policy(void)
{
    struct fixture fx;
    struct js_cpuset numa = {{1}};
    struct js_runner_job job = {.numa = &numa};
    struct js_buf buf = JS_BUF_INIT;
    prepare(&fx);
    start_well(&fx);
    run_job(&fx, &job, "cat /proc/self/numa_maps 2>&1 | head -n 1");
    CU_ASSERT_EQUAL(fx.event.outcome.exit_code, 0);
    const char *text = out_of(&fx, &buf);
    /* A kernel without NUMA has no such file, one that is closed no policy. */
    CU_ASSERT(strstr(text, "prefer") || strstr(text, "default") ||
              strstr(text, "No such file"));
    drop_output(&fx);
    js_buf_release(&buf);
    completion(&fx);
}

static void expect_timeout(struct fixture *fx)
{
    CU_ASSERT_EQUAL(fx->event.outcome.cause, JS_STOP_REASON_TIMEOUT);
    CU_ASSERT_FALSE(js_outcome_succeeded(&fx->event.outcome));
    drop_output(fx);
}

static void test_timeouts(void)
{
    struct fixture fx;
    struct js_runner_job job = {.timeout_ns = 100 * JS_NS_PER_MS};
    prepare(&fx);
    start_well(&fx);
    run_job(&fx, &job, "sleep 1000");
    expect_timeout(&fx);
    run_job(&fx, &job, "trap 'exit 0' TERM; sleep 1000 & wait");
    expect_timeout(&fx);
    run_job(&fx, &job, "trap '' TERM; while :; do sleep 1; done");
    expect_timeout(&fx);
    CU_ASSERT_EQUAL(fx.event.outcome.signal, SIGKILL);
    run_job(&fx, &job, "kill -STOP $$");
    expect_timeout(&fx);
    run_job(&fx, &job, "sleep 1000 | sleep 1000");
    expect_timeout(&fx);
    expect_output(&fx, "echo fine", "fine\n", "");
    CU_ASSERT_EQUAL(fx.event.outcome.cause, JS_STOP_REASON_NONE);
    completion(&fx);
}

/* It holds for what runs already, but not for a job with its own. */
static void test_a_limit_for_all(void)
{
    struct fixture fx;
    struct js_runner_job own = {.timeout_ns = 100 * JS_NS_PER_S};
    prepare(&fx);
    start_well(&fx);
    submit(&fx, 0, 7, "sleep 1000");
    CU_ASSERT_EQUAL(js_runner_limit(fx.runner, 50 * JS_NS_PER_MS), 0);
    CU_ASSERT_EQUAL(next_event(&fx), 1);
    expect_timeout(&fx);
    run_job(&fx, &own, "sleep 0.2");
    CU_ASSERT_TRUE(js_outcome_succeeded(&fx.event.outcome));
    CU_ASSERT_EQUAL(js_runner_limit(fx.runner, 0), 0);
    run(&fx, "sleep 0.2");
    CU_ASSERT_TRUE(js_outcome_succeeded(&fx.event.outcome));
    completion(&fx);
}

static void test_a_job_is_told_to_end(void)
{
    struct fixture fx;
    static const int64_t grace_ns = 5 * JS_NS_PER_S;
    prepare(&fx);
    start_well(&fx);
    submit(&fx, 0, 7, "trap 'exit 0' TERM; touch go; sleep 1000 & wait");
    wait_for_file(&fx, "go");
    CU_ASSERT_EQUAL(js_runner_end(fx.runner, 0, grace_ns), 0);
    CU_ASSERT_EQUAL(js_runner_end(fx.runner, 0, grace_ns), 0);
    CU_ASSERT_EQUAL(js_runner_end(fx.runner, 17, grace_ns), 0);
    CU_ASSERT_EQUAL(next_event(&fx), 1);
    CU_ASSERT_EQUAL(fx.event.outcome.cause, JS_STOP_REASON_STOPPED);
    drop_output(&fx);
    /* An empty slot hears nothing, nor does the next job in it. */
    CU_ASSERT_EQUAL(js_runner_end(fx.runner, 0, grace_ns), 0);
    expect_output(&fx, "rm go; echo fine", "fine\n", "");
    completion(&fx);
}

/* The second word leaves it less time than the first. */
static void test_less_grace_than_before(void)
{
    struct fixture fx;
    prepare(&fx);
    fx.config.settings.grace_ns = 50 * JS_NS_PER_S;
    start_well(&fx);
    submit(&fx, 0, 7, "trap '' TERM; touch go; while :; do sleep 1; done");
    wait_for_file(&fx, "go");
    CU_ASSERT_EQUAL(js_runner_end(fx.runner, 0, 1000 * JS_NS_PER_S), 0);
    CU_ASSERT_EQUAL(js_runner_end(fx.runner, 0, 0), 0);
    CU_ASSERT_EQUAL(next_event(&fx), 1);
    CU_ASSERT_EQUAL(fx.event.outcome.cause, JS_STOP_REASON_STOPPED);
    CU_ASSERT_EQUAL(fx.event.outcome.signal, SIGKILL);
    drop_output(&fx);
    completion(&fx);
}

static void test_a_lease_that_runs_out(void)
{
    struct fixture fx;
    prepare(&fx);
    start_well(&fx);
    CU_ASSERT_EQUAL(
        js_runner_lease(fx.runner, js_clock_ns() + 100 * JS_NS_PER_S), 0);
    submit(&fx, 0, 7, "touch go; sleep 1000");
    wait_for_file(&fx, "go");
    CU_ASSERT_EQUAL(
        js_runner_lease(fx.runner, js_clock_ns() + 50 * JS_NS_PER_MS), 0);
    CU_ASSERT_EQUAL(next_event(&fx), 1);
    CU_ASSERT_EQUAL(fx.event.outcome.cause, JS_STOP_REASON_STOPPED);
    drop_output(&fx);
    /* What is given now has no lease. */
    CU_ASSERT_EQUAL(run(&fx, "touch late")->cause, JS_STOP_REASON_STOPPED);
    /* With another it works on. */
    CU_ASSERT_EQUAL(
        js_runner_lease(fx.runner, js_clock_ns() + 100 * JS_NS_PER_S), 0);
    expect_output(&fx, "rm go; ls late; echo fine", "fine\n",
                  "ls: cannot access 'late': No such file or directory\n");
    completion(&fx);
}

static void expect_removed(const struct fixture *fx, const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", fx->dir, name);
    CU_ASSERT_EQUAL(unlink(path), 0);
}

/* With a job, and before the end of a lease of this length. */
static bool stop_within_lease(struct fixture *fx, int64_t *ret_until_ns,
                              int64_t lease_ns)
{
    siginfo_t info;
    pid_t pid = js_runner_pid(fx->runner);
    submit(fx, 0, 7, "touch go; until test -e on; do sleep 0.02; done");
    wait_for_file(fx, "go");
    *ret_until_ns = js_clock_ns() + lease_ns;
    CU_ASSERT_EQUAL(js_runner_lease(fx->runner, *ret_until_ns), 0);
    kill(pid, SIGSTOP);
    CU_ASSERT_EQUAL(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT), 0);
    return js_clock_ns() < *ret_until_ns;
}

/* Stopped with its jobs over the end of the lease, it does not end them before
 * the rank has had its chance to renew it. */
static void test_a_runner_that_was_asleep(void)
{
    struct fixture fx;
    int64_t until_ns, lease_ns = 200 * JS_NS_PER_MS;
    prepare(&fx);
    start_well(&fx);
    /* A busy machine may need longer than that until it has stopped. */
    while (!stop_within_lease(&fx, &until_ns, lease_ns)) {
        kill(js_runner_pid(fx.runner), SIGCONT);
        CU_ASSERT_EQUAL(next_event(&fx), 1);
        drop_output(&fx);
        expect_removed(&fx, "go");
        lease_ns *= 2;
    }
    while (js_clock_ns() < until_ns + 1200 * JS_NS_PER_MS)
        pause_ms(10);
    kill(js_runner_pid(fx.runner), SIGCONT);
    touch(&fx, "on");
    CU_ASSERT_EQUAL(next_event(&fx), 1);
    CU_ASSERT_TRUE(js_outcome_succeeded(&fx.event.outcome));
    drop_output(&fx);
    expect_output(&fx, "rm go", "", "");
    completion(&fx);
}

static void test_leftovers_may_be_allowed(void)
{
    struct fixture fx;
    prepare(&fx);
    fx.config.settings.allow_leftovers = true;
    start_well(&fx);
    run(&fx, "(setsid sh -c 'sleep 0.3; touch late; sleep 1000' &)");
    drop_output(&fx);
    wait_for_file(&fx, "late");
    expect_output(&fx, "rm late; echo fine", "fine\n", "");
    completion(&fx);
    CU_ASSERT_EQUAL(count_marked(&fx, 0), 0);
}

static const struct unit_test tests[] = {
    {"many jobs in one slot", test_many_jobs_in_one_slot},
    {"how jobs end", test_how_jobs_end},
    {"usage is counted", test_usage_is_counted},
    {"a script without interpreter", test_a_script_without_interpreter},
    {"plain or shell is the same", test_plain_or_shell_is_the_same},
    {"surroundings", test_surroundings},
    {"OMP_NUM_THREADS of the user stays", test_omp_of_the_user_stays},
    {"an exported function needs the shell",
     test_an_exported_function_needs_the_shell},
    {"bound", test_bound},
    {"output is intact", test_output_is_intact},
    {"no job sees another's file", test_no_job_sees_anothers_file},
    {"output to a folder", test_output_to_a_folder},
    {"output file refused", test_output_file_refused},
    {"own folder is made anew", test_own_folder_is_made_anew},
    {"own folder is waited for", test_own_folder_is_waited_for},
    {"a drain ends the wait for a folder",
     test_a_drain_ends_the_wait_for_a_folder},
    {"output outlives its folder", test_output_outlives_its_folder},
    {"output to nowhere", test_output_to_nowhere},
    {"bad configurations", test_bad_configurations},
    {"long commands", test_long_commands},
    {"big environment", test_big_environment},
    {"what is left behind is ended", test_what_is_left_behind_is_ended},
    {"what is left behind may tidy up", test_what_is_left_behind_may_tidy_up},
    {"several slots", test_several_slots},
    {"a stray is ended when idle", test_a_stray_is_ended_when_idle},
    {"a stray waits for no later job", test_a_stray_waits_for_no_later_job},
    {"orphans of a run within a job", test_orphans_of_a_run_within_a_job},
    {"marks", test_marks},
    {"a killed runner leaves nothing", test_a_killed_runner_leaves_nothing},
    {"another runner", test_another_runner},
    {"a stopped runner is continued", test_a_stopped_runner_is_continued},
    {"freeing ends everything", test_freeing_ends_everything},
    {"a killed rank leaves nothing", test_a_killed_rank_leaves_nothing},
    {"a passing refusal is retried", test_a_passing_refusal_is_retried},
    {"a lasting refusal is the job's failure",
     test_a_lasting_refusal_is_the_jobs_failure},
    {"output that the rank cannot take", test_output_that_the_rank_cannot_take},
    {"files stay with their jobs", test_files_stay_with_their_jobs},
    {"an odd rank", test_an_odd_rank},
    {"signals do not end the runner", test_signals_do_not_end_the_runner},
    {"waiting costs nothing", test_waiting_costs_nothing},
    {"details", test_details},
    {"details that are not there", test_details_that_are_not_there},
    {"GPUs and CPUs", test_gpus_and_cpus},
    {"hosts", test_hosts},
    {"hosts without a folder", test_hosts_without_a_folder},
    {"within Slurm", test_within_slurm},
    {"a data limit", test_a_data_limit},
    {"memory policy", test_memory_policy},
    {"timeouts", test_timeouts},
    {"a limit for all", test_a_limit_for_all},
    {"a job is told to end", test_a_job_is_told_to_end},
    {"less grace than before", test_less_grace_than_before},
    {"a lease that runs out", test_a_lease_that_runs_out},
    {"a runner that was asleep", test_a_runner_that_was_asleep},
    {"leftovers may be allowed", test_leftovers_may_be_allowed},
    {NULL, NULL},
};

const struct unit_suite suite_runner = {"runner", tests};
