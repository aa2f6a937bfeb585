/* runner: a job in the second process, from start to report. */
#include "runner_scene.h"

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
                          "such file or directory; name another folder with "
                          "--tmpdir");
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
        js_file_pread(fx.event.out_fd, text, sizeof(text) - 1, 0);
        _exit(strcmp(text, "0\n1\n2\nSigIgn:\t0000000000000000\n") ? 3 : 22);
    }
    CU_ASSERT_EQUAL(waitpid(rank, &status, 0), rank);
    CU_ASSERT_EQUAL(status, 22 << 8);
    if (status != 22 << 8)
        printf(" (status %x)", (unsigned)status);
    js_procs_end_all(unit_patience_ns());
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
    {"bad configurations", test_bad_configurations},
    {"long commands", test_long_commands},
    {"big environment", test_big_environment},
    {"marks", test_marks},
    {"a passing refusal is retried", test_a_passing_refusal_is_retried},
    {"a lasting refusal is the job's failure",
     test_a_lasting_refusal_is_the_jobs_failure},
    {"an odd rank", test_an_odd_rank},
    {"signals do not end the runner", test_signals_do_not_end_the_runner},
    {"waiting costs nothing", test_waiting_costs_nothing},
    {"GPUs and CPUs", test_gpus_and_cpus},
    {"within Slurm", test_within_slurm},
    {"a data limit", test_a_data_limit},
    {"memory policy", test_memory_policy},
    {NULL, NULL},
};

const struct unit_suite suite_runner = {"runner", tests};
