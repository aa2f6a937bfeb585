/* orphans: what killed runs have left; and the mark that it carries. */
#include "node/orphans.h"
#include "unit.h"

#include "base/clock.h"
#include "node/procs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---------------------------------------------------------------- marks */

static void expect_mark(uint64_t run, uint64_t session, const char *wanted)
{
    char text[JS_MARK_SIZE];
    struct js_mark mark = {run, session}, back;
    js_mark_format(&mark, text);
    CU_ASSERT_STRING_EQUAL(text, wanted);
    CU_ASSERT_TRUE(js_mark_parse(text, &back));
    CU_ASSERT_EQUAL(back.run, run);
    CU_ASSERT_EQUAL(back.session, session);
}

static void test_marks(void)
{
    struct js_mark mark;
    expect_mark(1, 0, "0000000000000001");
    expect_mark(UINT64_MAX, 4711, "ffffffffffffffff+4711");
    expect_mark(UINT64_MAX, UINT64_MAX,
                "ffffffffffffffff+18446744073709551615");
    static const char *const bad[] = {
        "",
        "1",
        "0000000000000000",
        "000000000000001",
        "00000000000000011",
        "0000000000000001 ",
        "0000000000000001+",
        "0000000000000001+a",
        "000000000000000G",
        "0000000000000001+18446744073709551616",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_FALSE(js_mark_parse(bad[i], &mark));
}

static void test_what_a_run_is_within(void)
{
    uint64_t id = 0;
    uint32_t attempt = 0;
    const char *within = "0000000000000001/7/2 0000000000000002/8/3";
    CU_ASSERT_TRUE(js_mark_within(within, 1, &id, &attempt));
    CU_ASSERT_EQUAL(id, 7);
    CU_ASSERT_EQUAL(attempt, 2);
    CU_ASSERT_TRUE(js_mark_within(within, 2, &id, &attempt));
    CU_ASSERT_EQUAL(id, 8);
    CU_ASSERT_EQUAL(attempt, 3);
    CU_ASSERT_FALSE(js_mark_within(within, 3, &id, &attempt));
    CU_ASSERT_FALSE(js_mark_within("", 1, &id, &attempt));
    CU_ASSERT_FALSE(js_mark_within("0000000000000001/7", 1, &id, &attempt));
    CU_ASSERT_FALSE(js_mark_within("x 0000000000000001/7/2", 1, &id, &attempt));
    CU_ASSERT_FALSE(js_mark_within("0000000000000001/7/2x", 1, &id, &attempt));
    CU_ASSERT_FALSE(
        js_mark_within("0000000000000001/7/4294967298", 1, &id, &attempt));
    struct js_outer_job outer;
    within = "0000000000000001+45/7/2 0000000000000002/8/3";
    CU_ASSERT_TRUE(js_mark_next_outer(&within, &outer));
    CU_ASSERT_EQUAL(outer.mark.run, 1);
    CU_ASSERT_EQUAL(outer.mark.session, 45);
    CU_ASSERT_TRUE(js_mark_next_outer(&within, &outer));
    CU_ASSERT_EQUAL(outer.mark.run, 2);
    CU_ASSERT_EQUAL(outer.mark.session, 0);
    CU_ASSERT_FALSE(js_mark_next_outer(&within, &outer));
}

/* ---------------------------------------------------------------- orphans */

/* A process that sleeps, with these variables and no others. Its parent is this
 * process; or, with a keeper, one of that name. */
struct sleeper {
    const char *variables[3];
    const char *keeper;
    bool has_session;  /* of its own, */
    bool is_marked_so; /* which its mark, the first variable, names */
    bool is_deaf;      /* to SIGTERM */
};

static void become_sleeper(struct sleeper sleeper)
{
    const char *argv[] = {"sleep", "100", NULL};
    char mark[2 * JS_MARK_SIZE];
    if (sleeper.has_session)
        setsid();
    if (sleeper.is_marked_so) {
        snprintf(mark, sizeof(mark), "%s+%d", sleeper.variables[0],
                 (int)getsid(0));
        sleeper.variables[0] = mark;
    }
    if (sleeper.is_deaf)
        signal(SIGTERM, SIG_IGN);
    execve("/bin/sleep", (char **)(void *)argv,
           (char **)(void *)sleeper.variables);
    _exit(127);
}

/* Whoever has the other end of the pipe knows when it is asleep. */
static pid_t start_sleeper(const struct sleeper *sleeper)
{
    int ends[2];
    char byte;
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0 && !sleeper->keeper)
        become_sleeper(*sleeper);
    if (pid == 0) {
        prctl(PR_SET_NAME, sleeper->keeper);
        pid_t child = fork();
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            become_sleeper(*sleeper);
        }
        close(ends[0]);
        close(ends[1]);
        waitpid(child, NULL, 0);
        _exit(0);
    }
    close(ends[1]);
    CU_ASSERT_EQUAL(read(ends[0], &byte, 1), 0);
    close(ends[0]);
    return pid;
}

static bool is_alive(pid_t pid)
{
    return waitpid(pid, NULL, WNOHANG) == 0;
}

/* And what it has kept, which the next look is not to find. */
static void end_sleeper(pid_t pid)
{
    CU_ASSERT_EQUAL(js_procs_adopt(), 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    CU_ASSERT_EQUAL(js_procs_end_all(unit_patience_ns()), 0);
}

static struct js_orphans *orphans_of(uint64_t run, int64_t age_ns)
{
    unsetenv("SLURM_JOB_ID");
    struct js_dead_run runs[] = {
        {.id = 77, .begin_unix_ns = 1},
        {.id = run, .begin_unix_ns = js_clock_unix_ns() - age_ns}};
    return not_null(js_orphans_new(runs, 2, JS_NS_PER_MS, js_clock_ns()));
}

/* To the end; returns how many were told to end. */
static uint32_t sweep(struct js_orphans *orphans)
{
    int64_t deadline_ns = js_clock_ns() + unit_patience_ns();
    while (js_orphans_step(orphans, js_clock_ns()) != JS_NEVER_NS &&
           js_clock_ns() < deadline_ns)
        nanosleep(&(struct timespec){.tv_nsec = JS_NS_PER_MS}, NULL);
    CU_ASSERT_EQUAL(js_orphans_seen(orphans).left, 0);
    uint32_t ended = js_orphans_seen(orphans).ended;
    js_orphans_free(orphans);
    return ended;
}

/* Not another's of the same host: the run is of this process alone. */
static uint64_t own_run(void)
{
    return UINT64_C(0xabcd000000000000) + (uint64_t)getpid();
}

static const char *own_mark(const char *rest)
{
    static char text[2 * JS_MARK_SIZE];
    snprintf(text, sizeof(text), "JOBSCHED_RUN=%016llx%s",
             (unsigned long long)own_run(), rest);
    return text;
}

static void expect_ended(const struct sleeper *sleeper, int64_t age_ns)
{
    pid_t pid = start_sleeper(sleeper);
    CU_ASSERT_EQUAL(sweep(orphans_of(own_run(), age_ns)), 1);
    int64_t deadline_ns = js_clock_ns() + unit_patience_ns();
    while (is_alive(pid) && js_clock_ns() < deadline_ns)
        nanosleep(&(struct timespec){.tv_nsec = JS_NS_PER_MS}, NULL);
    CU_ASSERT_EQUAL(kill(pid, 0), -1);
}

static void expect_spared(const struct sleeper *sleeper, int64_t age_ns)
{
    pid_t pid = start_sleeper(sleeper);
    CU_ASSERT_EQUAL(sweep(orphans_of(own_run(), age_ns)), 0);
    CU_ASSERT_TRUE(is_alive(pid));
    end_sleeper(pid);
}

enum { AGE_S = 60 };
static const int64_t age_ns = AGE_S * JS_NS_PER_S;

static void test_what_is_ended(void)
{
    struct sleeper sleeper = {.variables = {"A=1", own_mark("")}};
    expect_ended(&sleeper, age_ns);
    sleeper.is_deaf = true;
    expect_ended(&sleeper, age_ns);
    sleeper.has_session = true;
    expect_ended(&sleeper, age_ns);
    /* A keeper is one of ours. */
    sleeper = (struct sleeper){.variables = {own_mark("")}, .keeper = "sh"};
    pid_t pid = start_sleeper(&sleeper);
    CU_ASSERT_EQUAL(sweep(orphans_of(own_run(), age_ns)), 1);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
}

static void test_what_is_spared(void)
{
    char other[64];
    snprintf(other, sizeof(other), "JOBSCHED_RUN=%016llx",
             (unsigned long long)own_run() + (UINT64_C(1) << 40));
    expect_spared(&(struct sleeper){.variables = {other}}, age_ns);
    expect_spared(&(struct sleeper){.variables = {"A=1"}}, age_ns);
    expect_spared(
        &(struct sleeper){.variables = {own_mark(""), "SLURM_JOB_ID=123"}},
        age_ns);
    /* The run began only later. */
    expect_spared(&(struct sleeper){.variables = {own_mark("")}}, -age_ns);
}

/* A run within a job was killed with the run that this is of. */
static void test_a_run_within_a_job(void)
{
    char within[128];
    const char *inner = "JOBSCHED_RUN=0123456789abcdef";
    snprintf(within, sizeof(within),
             "JOBSCHED_WITHIN=00000000000000aa/1/1 %s/7/2",
             own_mark("") + strlen("JOBSCHED_RUN="));
    struct sleeper sleeper = {.variables = {inner, within}};
    expect_ended(&sleeper, age_ns);
    expect_spared(&sleeper, -age_ns);
    /* Not without a mark of its own; nor where leftovers may go on. */
    expect_spared(&(struct sleeper){.variables = {within}}, age_ns);
    snprintf(within, sizeof(within), "JOBSCHED_WITHIN=%s/7/2",
             own_mark("+1") + strlen("JOBSCHED_RUN="));
    expect_spared(&sleeper, age_ns);
}

/* What a process carries may not be known: then it is not ended. */
static void test_an_unknown_slurm_job(void)
{
    char job[100] = "SLURM_JOB_ID=";
    memset(job + strlen(job), '1', sizeof(job) - strlen(job) - 1);
    expect_spared(&(struct sleeper){.variables = {own_mark(""), job}}, age_ns);
}

/* Somebody has started this very run in what the dead one has left: all of it
 * carries that mark. */
static void test_another_rank_of_this_run(void)
{
    int status = 0;
    uint64_t run = own_run();
    pid_t pid = start_sleeper(&(struct sleeper){.variables = {own_mark("")}});
    pid_t rank = fork();
    if (rank == 0)
        _exit((int)sweep(orphans_of(run, age_ns)));
    CU_ASSERT_EQUAL(waitpid(rank, &status, 0), rank);
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT_TRUE(is_alive(pid));
    end_sleeper(pid);
}

static void test_below_a_living_jobsched(void)
{
    static const char *const names[] = {"jobsched", "jobsched-runner"};
    for (int i = 0; i < 2; i++)
        expect_spared(
            &(struct sleeper){.variables = {own_mark("")}, .keeper = names[i]},
            age_ns);
}

/* Where leftovers may go on, what has begun a session is one. */
static void test_leftovers_that_are_allowed(void)
{
    struct sleeper sleeper = {
        .variables = {own_mark("")}, .has_session = true, .is_marked_so = true};
    expect_ended(&sleeper, age_ns);
    sleeper = (struct sleeper){.variables = {own_mark("+1")}};
    expect_spared(&sleeper, age_ns);
    sleeper.has_session = true;
    expect_spared(&sleeper, age_ns);
}

/* Nothing can be seen then: that is not "nothing is there". */
static void test_no_descriptors(void)
{
    struct rlimit old, none;
    pid_t pid = start_sleeper(&(struct sleeper){.variables = {own_mark("")}});
    struct js_orphans *orphans = orphans_of(own_run(), age_ns);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 0;
    for (int i = 0; i < 4; i++) {
        int64_t now_ns = js_clock_ns();
        CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
        int64_t next_ns = js_orphans_step(orphans, now_ns);
        CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &old), 0);
        CU_ASSERT(next_ns > now_ns && next_ns != JS_NEVER_NS);
        CU_ASSERT_EQUAL(js_orphans_seen(orphans).error, EMFILE);
        /* One is too few: a few are open at once. */
        none.rlim_cur = (rlim_t)open("/dev/null", O_RDONLY | O_CLOEXEC) + 1;
        close((int)none.rlim_cur - 1);
    }
    CU_ASSERT_TRUE(is_alive(pid));
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
    int64_t late_ns = js_clock_ns() + 2 * JS_ORPHANS_MOST_NS;
    CU_ASSERT_EQUAL(js_orphans_step(orphans, late_ns), JS_NEVER_NS);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &old), 0);
    CU_ASSERT_EQUAL(js_orphans_seen(orphans).error, EMFILE);
    CU_ASSERT_EQUAL(sweep(orphans), 1);
    end_sleeper(pid);
}

static const struct unit_test tests[] = {
    {"marks", test_marks},
    {"what a run is within", test_what_a_run_is_within},
    {"what is ended", test_what_is_ended},
    {"what is spared", test_what_is_spared},
    {"a run within a job", test_a_run_within_a_job},
    {"an unknown Slurm job", test_an_unknown_slurm_job},
    {"another rank of this run", test_another_rank_of_this_run},
    {"below a living jobsched", test_below_a_living_jobsched},
    {"leftovers that are allowed", test_leftovers_that_are_allowed},
    {"no descriptors", test_no_descriptors},
    {NULL, NULL},
};

const struct unit_suite suite_orphans = {"orphans", tests};
