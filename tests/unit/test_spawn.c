#include "node/spawn.h"

#include "base/file.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const env[] = {"PATH=/bin:/usr/bin", "A=b", NULL};

struct run {
    struct js_spawn_spec spec;
    struct js_spawn_failure failure;
    int status;
    char out[4096];
};

static void prepare(struct run *run, const char *const *shell)
{
    *run = (struct run){.status = -1};
    run->spec = (struct js_spawn_spec){
        .shell_argv = shell,
        .envp = env,
        .stdin_fd = open("/dev/null", O_RDONLY | O_CLOEXEC),
        .stdout_fd = js_file_open_unlinked("/tmp"),
    };
    run->spec.stderr_fd = run->spec.stdout_fd;
}

/* Returns js_spawn's result; the process has ended when it returns. */
static int spawn(struct run *run)
{
    pid_t pid = -1;
    int rc = js_spawn(&run->spec, &pid, &run->failure);
    if (rc == 0)
        CU_ASSERT_EQUAL(waitpid(pid, &run->status, 0), pid);
    ssize_t n =
        js_file_pread(run->spec.stdout_fd, run->out, sizeof(run->out) - 1, 0);
    run->out[n > 0 ? n : 0] = '\0';
    close(run->spec.stdin_fd);
    close(run->spec.stdout_fd);
    return rc;
}

static void test_programs_in_turn(void)
{
    static const char *const programs[] = {
        "/nowhere/x", "/etc/passwd/x", "/etc/passwd", "/tmp",
        "/bin/echo",  "/bin/false",    NULL};
    static const char *const argv[] = {"echo", "a  b", NULL};
    static const char *const shell[] = {"sh", "-c", "exit 9", NULL};
    struct run run;
    prepare(&run, shell);
    run.spec.programs = programs;
    run.spec.argv = argv;
    CU_ASSERT_EQUAL(spawn(&run), 0);
    CU_ASSERT_EQUAL(run.status, 0);
    CU_ASSERT_STRING_EQUAL(run.out, "a  b\n");
}

static void test_the_shell_when_nothing_else_runs(void)
{
    static const char *const programs[] = {"/nowhere/x", NULL};
    static const char *const argv[] = {"x", NULL};
    static const char *const shell[] = {"sh", "-c", "echo $A; exit 9", NULL};
    struct run run;
    prepare(&run, shell);
    run.spec.programs = programs;
    run.spec.argv = argv;
    CU_ASSERT_EQUAL(spawn(&run), 0);
    CU_ASSERT_TRUE(WIFEXITED(run.status) && WEXITSTATUS(run.status) == 9);
    CU_ASSERT_STRING_EQUAL(run.out, "b\n");
}

static void test_surroundings(void)
{
    static const char *const shell[] = {
        "sh", "-c",
        "pwd; grep -E '^Sig(Blk|Ign)' /proc/self/status; "
        "set -- $(cat /proc/$$/stat); test $1 = $5 && echo group; "
        "readlink /proc/$$/fd/0",
        NULL};
    struct run run;
    sigset_t after, block;
    sigemptyset(&block);
    sigaddset(&block, SIGUSR2);
    sigaddset(&block, SIGCHLD);
    sigprocmask(SIG_BLOCK, &block, NULL);
    prepare(&run, shell);
    run.spec.dir = "/usr/bin";
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    CU_ASSERT_EQUAL(spawn(&run), 0);
    CU_ASSERT_TRUE(signal(SIGUSR1, SIG_DFL) == SIG_IGN);
    sigprocmask(SIG_BLOCK, NULL, &after);
    CU_ASSERT_EQUAL(sigismember(&after, SIGUSR2), 1);
    CU_ASSERT_EQUAL(sigismember(&after, SIGUSR1), 0);
    sigprocmask(SIG_UNBLOCK, &block, NULL);
    if (!strstr(run.out, "SigIgn:\t0000000000000000\ngroup\n/dev/null\n"))
        fprintf(stderr, "surroundings: %s", run.out);
    CU_ASSERT_STRING_EQUAL(run.out, "/usr/bin\n"
                                    "SigBlk:\t0000000000000000\n"
                                    "SigIgn:\t0000000000000000\n"
                                    "group\n"
                                    "/dev/null\n");
}

static void test_bound_to_one_cpu(void)
{
    static const char *const shell[] = {
        "sh", "-c", "sed -n 's/^Cpus_allowed_list:.//p' /proc/self/status",
        NULL};
    struct run run;
    struct js_cpuset mine, one;
    char expected[16];
    unsigned cpu = 0;
    CU_ASSERT_EQUAL_FATAL(js_cpuset_of_process(0, &mine), 0);
    for (unsigned i = 0; i < JS_CPUS_MAX; i++)
        cpu = js_cpuset_has(&mine, i) ? i : cpu;
    js_cpuset_clear(&one);
    js_cpuset_add(&one, cpu);
    snprintf(expected, sizeof(expected), "%u\n", cpu);
    prepare(&run, shell);
    run.spec.cpus = &one;
    CU_ASSERT_EQUAL(spawn(&run), 0);
    CU_ASSERT_STRING_EQUAL(run.out, expected);
}

static void expect_failure(struct run *run, enum js_step step, int error)
{
    CU_ASSERT_EQUAL(spawn(run), -1);
    CU_ASSERT_EQUAL(run->failure.step, step);
    CU_ASSERT_EQUAL(run->failure.error, error);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
    CU_ASSERT_EQUAL(errno, ECHILD);
}

static void test_failures_are_data(void)
{
    static const char *const shell[] = {"sh", "-c", "exit 0", NULL};
    struct js_cpuset none;
    struct run run;
    js_cpuset_clear(&none);
    prepare(&run, shell);
    run.spec.dir = "/nowhere";
    expect_failure(&run, JS_STEP_CHDIR, ENOENT);
    prepare(&run, shell);
    run.spec.cpus = &none;
    expect_failure(&run, JS_STEP_BIND, EINVAL);
    prepare(&run, shell);
    run.spec.stderr_fd = 9999;
    expect_failure(&run, JS_STEP_OUTPUT, EBADF);
    prepare(&run, shell);
    close(run.spec.stdin_fd);
    run.spec.stdin_fd = 9999;
    expect_failure(&run, JS_STEP_STDIN, EBADF);
}

static void test_too_long_a_command(void)
{
    if (unit_is_traced())
        return;
    static char text[200 * 1024];
    const char *shell[] = {"sh", "-c", text, NULL};
    struct run run;
    memset(text, ':', sizeof(text) - 1);
    prepare(&run, shell);
    expect_failure(&run, JS_STEP_EXEC, E2BIG);
}

/* Forks a process with no room for another, which tells what it got. */
static void test_no_process_to_be_had(void)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        static const char *const shell[] = {"sh", "-c", "exit 0", NULL};
        struct rlimit none = {0, 0};
        struct run run;
        pid_t child;
        prepare(&run, shell);
        /* The limit does not hold for root. */
        if (setrlimit(RLIMIT_NPROC, &none) < 0 ||
            (geteuid() == 0 && setuid(65534) < 0))
            _exit(1);
        int rc = js_spawn(&run.spec, &child, &run.failure);
        _exit(rc == -1 && run.failure.step == JS_STEP_FORK &&
                      run.failure.error == EAGAIN
                  ? 0
                  : 2);
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
}

/* A parent that is killed takes the child with it. */
static void test_ends_with_its_parent(void)
{
    int ends[2];
    char byte;
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        static const char *const shell[] = {"sh", "-c", "exec sleep 50", NULL};
        struct run run;
        pid_t child;
        prepare(&run, shell);
        run.spec.stderr_fd = ends[1]; /* held by the child for its life */
        if (js_spawn(&run.spec, &child, &run.failure) == 0 &&
            write(ends[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    close(ends[1]);
    CU_ASSERT_EQUAL(read(ends[0], &byte, 1), 1);
    kill(pid, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
    /* The end of the file comes with the child's end. */
    alarm(unit_patience_s());
    CU_ASSERT_EQUAL(read(ends[0], &byte, 1), 0);
    alarm(0);
    close(ends[0]);
}

static void test_many_leave_nothing_behind(void)
{
    static const char *const programs[] = {"/bin/true", NULL};
    static const char *const argv[] = {"true", NULL};
    static const char *const shell[] = {"sh", "-c", "exit 7", NULL};
    int failed = 0;
    for (int i = 0; i < 300; i++) {
        struct run run;
        prepare(&run, shell);
        run.spec.programs = i % 2 ? programs : NULL;
        run.spec.argv = argv;
        if (spawn(&run) < 0 || !WIFEXITED(run.status) ||
            WEXITSTATUS(run.status) != (i % 2 ? 0 : 7))
            failed++;
    }
    CU_ASSERT_EQUAL(failed, 0);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CU_ASSERT_TRUE(fd >= 0 && fd < 20);
    close(fd);
}

static const struct unit_test tests[] = {
    {"programs in turn", test_programs_in_turn},
    {"the shell when nothing else runs", test_the_shell_when_nothing_else_runs},
    {"surroundings", test_surroundings},
    {"bound to one CPU", test_bound_to_one_cpu},
    {"failures are data", test_failures_are_data},
    {"too long a command", test_too_long_a_command},
    {"no process to be had", test_no_process_to_be_had},
    {"ends with its parent", test_ends_with_its_parent},
    {"many leave nothing behind", test_many_leave_nothing_behind},
    {NULL, NULL},
};

const struct unit_suite suite_spawn = {"spawn", tests};
