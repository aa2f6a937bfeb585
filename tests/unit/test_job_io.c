/* job_io: what a job writes and reads is where it belongs. */
#include "runner_scene.h"

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
        CU_ASSERT_PTR_NOT_NULL(strstr(fx.note, "created again"));
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

static void test_details(void)
{
    struct fixture fx;
    struct js_runner_job env =
        DETAILS("eA=1\0eMARK=x\0eA=two\0"
                "eJOBSCHED_SLAVE=9\0eOMP_NUM_THREADS=7\0");
    struct js_runner_job path = DETAILS("ePATH=/nowhere\0");
    struct js_runner_job args =
        DETAILS("nN\0un=4\0af=a  b\0ae=\0eA=1\0eJOBSCHED_ARG_n=9\0");
    struct js_runner_job dir = DETAILS("d/tmp\0");
    struct js_runner_job files = DETAILS("iin\0oboth\0rboth\0");
    prepare(&fx);
    start_well(&fx);
    expect_detailed(&fx, &env, "echo $A $MARK $JOBSCHED_SLAVE $OMP_NUM_THREADS",
                    "two x 4 7\n");
    expect_detailed(&fx, &path, "ls", "");
    CU_ASSERT_EQUAL(fx.event.outcome.exit_code, 127);
    expect_detailed(&fx, &args,
                    "echo \"$A $JOBSCHED_JOB_NAME $JOBSCHED_ARG_n "
                    "$JOBSCHED_ARG_f ${JOBSCHED_ARG_e-unset}.\"",
                    "1 N 4 a  b .\n");
    expect_output(&fx, "env | grep -c JOBSCHED_ARG", "0\n", "");
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

static const struct unit_test tests[] = {
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
    {"output that the rank cannot take", test_output_that_the_rank_cannot_take},
    {"files stay with their jobs", test_files_stay_with_their_jobs},
    {"details", test_details},
    {"details that are not there", test_details_that_are_not_there},
    {"hosts", test_hosts},
    {"hosts without a folder", test_hosts_without_a_folder},
    {NULL, NULL},
};

const struct unit_suite suite_job_io = {"job_io", tests};
