#include "node/procs.h"

#include "base/process.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Starts `sh -c SCRIPT` whose last word is a byte to descriptor 9, and waits
 * for that byte. */
static pid_t start(const char *script)
{
    int ends[2];
    char byte = 0;
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], 9);
        close(ends[0]);
        close(ends[1]);
        setenv("JS_TEST_REAP", "some value", 1);
        execl("/bin/sh", "sh", "-c", script, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    alarm(unit_patience_s());
    CU_ASSERT_EQUAL(read(ends[0], &byte, 1), 1);
    alarm(0);
    close(ends[0]);
    return pid;
}

struct seen {
    pid_t wanted;
    int hits;
    int others;
};

static void look(pid_t pid, void *arg)
{
    struct seen *seen = arg;
    if (pid == seen->wanted)
        seen->hits++;
    else
        seen->others++;
}

static void test_children_are_seen(void)
{
    struct seen seen = {0};
    CU_ASSERT_EQUAL(js_procs_each_child(look, &seen), 0);
    seen.wanted = start("echo x >&9; exec sleep 50 9>&-");
    CU_ASSERT_EQUAL(js_procs_each_child(look, &seen), 1);
    CU_ASSERT_EQUAL(seen.hits, 1);
    CU_ASSERT_EQUAL(seen.others, 0);
    kill(seen.wanted, SIGKILL);
    siginfo_t info;
    waitid(P_PID, (id_t)seen.wanted, &info, WEXITED | WNOWAIT);
    CU_ASSERT_EQUAL(js_procs_each_child(look, &seen), 1); /* a zombie */
    CU_ASSERT_EQUAL(waitpid(seen.wanted, NULL, 0), seen.wanted);
    CU_ASSERT_EQUAL(js_procs_each_child(look, &seen), 0);
}

static void test_variables_of_another_process(void)
{
    char text[32] = "";
    pid_t pid = start("echo x >&9; sleep 50; true");
    CU_ASSERT_TRUE(
        js_process_variable(pid, "JS_TEST_REAP", text, sizeof(text), NULL));
    CU_ASSERT_STRING_EQUAL(text, "some value");
    CU_ASSERT_FALSE(js_process_variable(pid, "S_TEST_REAP", text, 32, NULL));
    CU_ASSERT_FALSE(js_process_variable(pid, "JS_TEST_REA", text, 32, NULL));
    CU_ASSERT_FALSE(js_process_variable(pid, "JS_TEST_REAP", text, 10, NULL));
    CU_ASSERT_TRUE(js_process_variable(pid, "JS_TEST_REAP", text, 11, NULL));
    bool is_unknown = true;
    js_process_variable(pid, "JS_TEST_REAP", text, 11, &is_unknown);
    CU_ASSERT_FALSE(is_unknown);
    js_process_variable(pid, "JS_TEST_REA", text, 11, &is_unknown);
    CU_ASSERT_FALSE(is_unknown);
    js_process_variable(pid, "JS_TEST_REAP", text, 10, &is_unknown);
    CU_ASSERT_TRUE(is_unknown);
    CU_ASSERT_EQUAL(js_procs_adopt(), 0);
    CU_ASSERT_EQUAL(js_procs_end_all(unit_patience_ns()), 0);
    CU_ASSERT_FALSE(
        js_process_variable(pid, "JS_TEST_REAP", text, 32, &is_unknown));
    CU_ASSERT_TRUE(is_unknown);
}

static void test_nothing_to_reap(void)
{
    CU_ASSERT_EQUAL(js_procs_end_all(0), 0);
}

/* Background, own session, daemonised, stopped, deaf to SIGTERM: all go. */
static void test_a_whole_tree(void)
{
    int ends[2];
    char byte;
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    CU_ASSERT_EQUAL(js_procs_adopt(), 0);
    CU_ASSERT_TRUE_FATAL(dup2(ends[1], 8) == 8);
    close(ends[1]);
    start("sleep 50 9>&- & setsid sleep 51 9>&- & "
          "(setsid sh -c 'sleep 52 & sleep 53 & wait' 9>&- &) ; "
          "(trap '' TERM; while :; do sleep 1; done) 9>&- & "
          "sleep 54 9>&- & kill -STOP $!; "
          "echo x >&9; exit 0");
    close(8);
    CU_ASSERT_EQUAL(js_procs_end_all(unit_patience_ns()), 0);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
    CU_ASSERT_EQUAL(errno, ECHILD);
    /* Each of them had descriptor 8: its end says that none is left. */
    CU_ASSERT_EQUAL(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    CU_ASSERT_EQUAL(read(ends[0], &byte, 1), 0);
    close(ends[0]);
}

/* The name of a process may look like the fields behind it. */
static void test_what_the_kernel_says_of_a_process(void)
{
    struct js_process_stat stat;
    char name[JS_PROCESS_NAME_SIZE];
    char byte = 0;
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        prctl(PR_SET_NAME, "a) Z 1 2 (b");
        _exit(write(ends[1], "n", 1) < 0 || read(ends[1], &byte, 1) < 0);
    }
    CU_ASSERT_EQUAL(read(ends[0], &byte, 1), 1);
    CU_ASSERT_TRUE(js_process_name((uint64_t)pid, name));
    CU_ASSERT_STRING_EQUAL(name, "a) Z 1 2 (b");
    CU_ASSERT_TRUE_FATAL(js_process_stat((uint64_t)pid, &stat));
    CU_ASSERT_TRUE(stat.state == 'S' || stat.state == 'R');
    CU_ASSERT_EQUAL(stat.parent, getpid());
    CU_ASSERT_EQUAL(stat.group, getpgrp());
    CU_ASSERT_EQUAL(stat.threads, 1);
    CU_ASSERT_EQUAL(stat.started, js_process_start((uint64_t)pid));
    CU_ASSERT_TRUE(js_process_may_live((uint64_t)pid, stat.started));
    CU_ASSERT_FALSE(js_process_may_live((uint64_t)pid, stat.started + 1));
    close(ends[0]);
    close(ends[1]);
    siginfo_t info;
    CU_ASSERT_EQUAL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    CU_ASSERT_TRUE(js_process_stat((uint64_t)pid, &stat));
    CU_ASSERT_EQUAL(stat.state, 'Z');
    CU_ASSERT_FALSE(js_process_may_live((uint64_t)pid, stat.started));
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
    CU_ASSERT_FALSE(js_process_stat((uint64_t)pid, &stat));
}

static const struct unit_test tests[] = {
    {"what the kernel says of a process",
     test_what_the_kernel_says_of_a_process},
    {"children are seen", test_children_are_seen},
    {"variables of another process", test_variables_of_another_process},
    {"nothing to reap", test_nothing_to_reap},
    {"a whole tree", test_a_whole_tree},
    {NULL, NULL},
};

const struct unit_suite suite_procs = {"procs", tests};
