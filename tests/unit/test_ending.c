/* ending: what a job that ends, or must end, leaves: nothing. */
#include "runner_scene.h"

#include "base/process.h"

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
    CU_ASSERT_EQUAL(js_procs_adopt(), 0);
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
    js_procs_end_all(unit_patience_ns());
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
    js_procs_end_all(unit_patience_ns());
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
    {"what is left behind is ended", test_what_is_left_behind_is_ended},
    {"what is left behind may tidy up", test_what_is_left_behind_may_tidy_up},
    {"several slots", test_several_slots},
    {"a stray is ended when idle", test_a_stray_is_ended_when_idle},
    {"a stray waits for no later job", test_a_stray_waits_for_no_later_job},
    {"orphans of a run within a job", test_orphans_of_a_run_within_a_job},
    {"a killed runner leaves nothing", test_a_killed_runner_leaves_nothing},
    {"another runner", test_another_runner},
    {"a stopped runner is continued", test_a_stopped_runner_is_continued},
    {"freeing ends everything", test_freeing_ends_everything},
    {"a killed rank leaves nothing", test_a_killed_rank_leaves_nothing},
    {"timeouts", test_timeouts},
    {"a limit for all", test_a_limit_for_all},
    {"a job is told to end", test_a_job_is_told_to_end},
    {"less grace than before", test_less_grace_than_before},
    {"a lease that runs out", test_a_lease_that_runs_out},
    {"a runner that was asleep", test_a_runner_that_was_asleep},
    {"leftovers may be allowed", test_leftovers_may_be_allowed},
    {NULL, NULL},
};

const struct unit_suite suite_ending = {"ending", tests};
