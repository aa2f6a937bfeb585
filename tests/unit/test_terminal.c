/* terminal: found behind stderr, and asked before anything is drawn. */
#include "unit.h"

#include "base/terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* A terminal, and the process whose session it is: the test's child. */
struct scene {
    int master, slave;
};

static bool open_pty(struct scene *scene)
{
    scene->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (scene->master < 0 || grantpt(scene->master) < 0 ||
        unlockpt(scene->master) < 0)
        return false;
    scene->slave = open(ptsname(scene->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    return scene->slave >= 0;
}

static bool set_width(const struct scene *scene, unsigned short columns)
{
    struct winsize size = {.ws_row = 24, .ws_col = columns};
    return ioctl(scene->master, TIOCSWINSZ, &size) == 0;
}

/* In the child: the terminal is that of its session, and its stderr. */
static bool take_seat(const struct scene *scene)
{
    unsetenv("NO_COLOR");
    setenv("TERM", "xterm", 1);
    return setsid() > 0 && ioctl(scene->slave, TIOCSCTTY, 0) == 0 &&
           dup2(scene->slave, STDOUT_FILENO) >= 0 &&
           dup2(scene->slave, STDERR_FILENO) >= 0;
}

/* In a child with such a terminal the check holds. */
static void assert_holds(bool (*check)(const struct scene *scene))
{
    struct scene scene;
    int status = -1;
    CU_ASSERT_FATAL(open_pty(&scene));
    CU_ASSERT(set_width(&scene, 100));
    pid_t pid = fork();
    if (pid == 0)
        _exit(take_seat(&scene) && check(&scene) ? 0 : 1);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
    close(scene.master);
    close(scene.slave);
}

static bool follows_its_width(const struct scene *scene)
{
    struct js_terminal *terminal = js_terminal_new(0);
    bool is_well =
        terminal && terminal->out == JS_STDOUT_SAME && terminal->can_draw &&
        terminal->has_colour && js_terminal_columns(terminal) == 100 &&
        set_width(scene, 20) && js_terminal_columns(terminal) == 20 &&
        set_width(scene, 0) && js_terminal_columns(terminal) == 80;
    js_terminal_free(terminal);
    return is_well;
}

static void test_width(void)
{
    assert_holds(follows_its_width);
}

/* ^S and ^Q. */
static bool waits_while_stopped(const struct scene *scene)
{
    struct js_terminal *terminal = js_terminal_new(0);
    bool is_well = terminal && tcflow(scene->slave, TCOOFF) == 0 &&
                   js_terminal_columns(terminal) == 0 &&
                   tcflow(scene->slave, TCOON) == 0 &&
                   js_terminal_columns(terminal) == 100;
    js_terminal_free(terminal);
    return is_well;
}

static void test_stopped(void)
{
    assert_holds(waits_while_stopped);
}

/* Another group of the session, such as a shell's, in the foreground. */
static bool waits_in_background(const struct scene *scene)
{
    struct js_terminal *terminal = js_terminal_new(0);
    pid_t other = fork();
    if (other == 0) {
        pause();
        _exit(0);
    }
    signal(SIGTTOU, SIG_IGN);
    bool is_well = terminal && other > 0 && setpgid(other, other) == 0 &&
                   tcsetpgrp(scene->slave, other) == 0 &&
                   js_terminal_columns(terminal) == 0 &&
                   tcsetpgrp(scene->slave, getpgrp()) == 0 &&
                   js_terminal_columns(terminal) == 100;
    if (other > 0) {
        kill(other, SIGKILL);
        waitpid(other, NULL, 0);
    }
    js_terminal_free(terminal);
    return is_well;
}

static void test_background(void)
{
    assert_holds(waits_in_background);
}

/* A rank has a group of its own below jobsched, which has the foreground. */
static bool knows_its_starter(const struct scene *scene)
{
    int status = -1;
    (void)scene;
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        struct js_terminal *terminal = js_terminal_new(0);
        bool is_well = terminal && js_terminal_columns(terminal) == 0;
        js_terminal_free(terminal);
        terminal = js_terminal_new(getppid());
        is_well = is_well && terminal && js_terminal_columns(terminal) == 100;
        js_terminal_free(terminal);
        _exit(is_well ? 0 : 1);
    }
    return waitpid(pid, &status, 0) == pid && status == 0;
}

static void test_starter(void)
{
    assert_holds(knows_its_starter);
}

static enum js_stdout stdout_at(const char *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    dup2(fd, STDOUT_FILENO);
    close(fd);
    struct js_terminal *terminal = js_terminal_new(0);
    enum js_stdout out = terminal ? terminal->out : JS_STDOUT_PIPE;
    js_terminal_free(terminal);
    return out;
}

static bool sees_where_stdout_goes(const struct scene *scene)
{
    int ends[2];
    struct scene other;
    (void)scene;
    if (stdout_at("/dev/null") != JS_STDOUT_OTHER || !open_pty(&other) ||
        stdout_at(ptsname(other.master)) != JS_STDOUT_OTHER ||
        pipe2(ends, O_CLOEXEC) < 0 || dup2(ends[1], STDOUT_FILENO) < 0)
        return false;
    struct js_terminal *terminal = js_terminal_new(0);
    bool is_well = terminal && terminal->out == JS_STDOUT_PIPE &&
                   !js_terminal_takes_bar(terminal, false) &&
                   js_terminal_takes_bar(terminal, true);
    js_terminal_free(terminal);
    return is_well;
}

static void test_stdout(void)
{
    assert_holds(sees_where_stdout_goes);
}

/* What it can do, by its environment. */
static bool has(const char *name, const char *value, bool can_draw,
                bool has_colour)
{
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
    struct js_terminal *terminal = js_terminal_new(0);
    bool is_well = terminal && terminal->can_draw == can_draw &&
                   terminal->has_colour == has_colour &&
                   js_terminal_takes_bar(terminal, true) == can_draw;
    js_terminal_free(terminal);
    return is_well;
}

static bool minds_its_environment(const struct scene *scene)
{
    (void)scene;
    return has("NO_COLOR", "1", true, false) &&
           has("NO_COLOR", "", true, true) &&
           has("TERM", "dumb", false, false) && has("TERM", "", false, false) &&
           has("TERM", NULL, false, false);
}

static void test_environment(void)
{
    assert_holds(minds_its_environment);
}

static bool is_none_without_one(const struct scene *scene)
{
    (void)scene;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(fd, STDERR_FILENO);
    return !js_terminal_new(0) && !js_terminal_new(getppid());
}

static void test_none(void)
{
    assert_holds(is_none_without_one);
    js_terminal_free(NULL);
}

/* As a rank below an mpirun that has the terminal: whether it finds that, with
 * its own stdout at this descriptor and its stderr in the pipe. */
static bool finds_it_below(const char *launcher, int out, int err_pipe[2],
                           enum js_stdout wanted)
{
    int status = -1;
    prctl(PR_SET_NAME, launcher);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out, STDOUT_FILENO);
        dup2(err_pipe[1], STDERR_FILENO);
        struct js_terminal *terminal = js_terminal_new(0);
        bool is_found = terminal && terminal->out == wanted &&
                        js_terminal_columns(terminal) == 100;
        js_terminal_free(terminal);
        _exit(is_found ? 0 : 1);
    }
    return waitpid(pid, &status, 0) == pid && status == 0;
}

static bool finds_that_of_mpirun(const struct scene *scene)
{
    int ends[2], others[2];
    struct scene own;
    int file = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)scene;
    if (pipe2(ends, O_CLOEXEC) < 0 || pipe2(others, O_CLOEXEC) < 0 ||
        !open_pty(&own))
        return false;
    bool is_well = finds_it_below("mpirun", own.slave, ends, JS_STDOUT_SAME) &&
                   !finds_it_below("bash", own.slave, ends, JS_STDOUT_SAME) &&
                   finds_it_below("mpirun", file, ends, JS_STDOUT_OTHER) &&
                   finds_it_below("mpirun", others[1], ends, JS_STDOUT_PIPE);
    setenv("OMPI_MCA_orte_tag_output", "1", 1);
    is_well =
        is_well && !finds_it_below("mpirun", own.slave, ends, JS_STDOUT_SAME);
    unsetenv("OMPI_MCA_orte_tag_output");
    return is_well;
}

/* A pipe that is not mpirun's, such as to a tee(1). */
static bool finds_none_behind_another(const struct scene *scene)
{
    int status = -1;
    (void)scene;
    prctl(PR_SET_NAME, "mpirun");
    pid_t pid = fork();
    if (pid == 0) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0 || dup2(ends[1], STDERR_FILENO) < 0)
            _exit(1);
        _exit(js_terminal_new(0) ? 2 : 0);
    }
    return waitpid(pid, &status, 0) == pid && status == 0;
}

static void test_mpirun(void)
{
    assert_holds(finds_that_of_mpirun);
    assert_holds(finds_none_behind_another);
}

static bool survives_its_end(const struct scene *scene)
{
    struct js_terminal *terminal = js_terminal_new(0);
    signal(SIGHUP, SIG_IGN);
    close(scene->master); /* the parent has it as well: see below */
    bool is_well = terminal && js_terminal_columns(terminal) == 0;
    js_terminal_free(terminal);
    return is_well;
}

static void test_hangup(void)
{
    struct scene scene;
    int status = -1, gone[2];
    CU_ASSERT_FATAL(open_pty(&scene));
    CU_ASSERT_EQUAL_FATAL(pipe2(gone, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(gone[1]);
        bool is_seated = take_seat(&scene);
        /* Until the parent has closed its end. */
        bool is_gone = read(gone[0], &byte, 1) == 0;
        _exit(is_seated && is_gone && survives_its_end(&scene) ? 0 : 1);
    }
    close(scene.master);
    close(gone[1]);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
    close(gone[0]);
    close(scene.slave);
}

static const struct unit_test tests[] = {
    {"width", test_width},
    {"stopped", test_stopped},
    {"background", test_background},
    {"starter", test_starter},
    {"stdout", test_stdout},
    {"environment", test_environment},
    {"none", test_none},
    {"mpirun", test_mpirun},
    {"hangup", test_hangup},
    {NULL, NULL},
};

const struct unit_suite suite_terminal = {"terminal", tests};
