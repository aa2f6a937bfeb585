/* lifeline: both ends in one process, and an end that dies. */
#include "unit.h"

#include "base/clock.h"
#include "base/lifeline.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
    char folder[64];
    struct js_lifeline_host *host;
};

static void place_open(struct place *place, const struct js_lifeline_gift *gift)
{
    snprintf(place->folder, sizeof(place->folder), "/tmp/js-lifeline-XXXXXX");
    not_null(mkdtemp(place->folder));
    place->host = not_null(js_lifeline_listen(place->folder, gift));
}

static void place_close(struct place *place)
{
    js_lifeline_close(place->host);
    CU_ASSERT_EQUAL(rmdir(place->folder), 0); /* the socket has gone as well */
}

/* Until something has come. */
static void serve(struct js_lifeline_host *host)
{
    nfds_t count = 0;
    struct pollfd *fds = not_null(js_lifeline_fds(host, 0, &count));
    CU_ASSERT(poll(fds, count, (int)unit_patience_s() * 1000) > 0);
    js_lifeline_serve(host);
}

/* A rank in a process of its own: its connection waits for a host that is
 * served meanwhile. */
static pid_t rank_start(const struct place *place, int rank,
                        int (*work)(struct js_lifeline *lifeline))
{
    pid_t pid = fork();
    CU_ASSERT_FATAL(pid >= 0);
    if (pid > 0)
        return pid;
    struct js_lifeline *lifeline = NULL;
    struct js_err err;
    if (js_lifeline_connect(place->folder, rank, unit_patience_ns(), &lifeline,
                            &err) < 0 ||
        !lifeline)
        _exit(99);
    _exit(work(lifeline));
}

static int rank_status(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void serve_until_cut(struct js_lifeline_host *host)
{
    while (!host->is_cut)
        serve(host);
}

/* ---------------------------------------------------------------- tests */

static int check_gifts(struct js_lifeline *lifeline)
{
    static const char expected[] = "A=1\0B=\n2";
    const struct js_buf *environ = &lifeline->environ;
    if (environ->len != sizeof(expected) ||
        memcmp(environ->data, expected, sizeof(expected)) != 0)
        return 1;
    if (js_lifeline_given(lifeline, 0) >= 0)
        return 2;
    if (write(js_lifeline_given(lifeline, 1), "out", 3) != 3)
        return 3;
    return js_lifeline_given(lifeline, 2) < 0 ? 0 : 4;
}

static void test_rank_0_is_given_what_was_handed_over(void)
{
    char a[] = "A=1", b[] = "B=\n2", text[8];
    char *const environ[] = {a, b, NULL};
    int out[2];
    struct place place;
    CU_ASSERT_EQUAL_FATAL(pipe2(out, O_CLOEXEC), 0);
    const struct js_lifeline_gift gift = {.lock = -1,
                                          .environ = environ,
                                          .stdio = {-1, out[1], -1},
                                          .joblog = -1};
    place_open(&place, &gift);
    pid_t pid = rank_start(&place, 0, check_gifts);
    serve_until_cut(place.host);
    CU_ASSERT_EQUAL(rank_status(pid), 0);
    CU_ASSERT_EQUAL(read(out[0], text, sizeof(text)), 3);
    close(out[0]);
    close(out[1]);
    place_close(&place);
}

/* A rank is held until the test has seen it. */
static int held[2];

static int check_no_stdio(struct js_lifeline *lifeline)
{
    char byte;
    close(held[1]);
    return js_lifeline_given(lifeline, 1) < 0 && lifeline->environ.len > 0 &&
                   read(held[0], &byte, 1) == 0
               ? 0
               : 1;
}

static void test_other_ranks_are_given_the_environment_alone(void)
{
    char a[] = "A=1";
    char *const environ[] = {a, NULL};
    const struct js_lifeline_gift gift = {
        .lock = -1, .environ = environ, .stdio = {-1, 1, -1}, .joblog = -1};
    struct place place;
    CU_ASSERT_EQUAL_FATAL(pipe2(held, O_CLOEXEC), 0);
    place_open(&place, &gift);
    pid_t pid = rank_start(&place, 3, check_no_stdio);
    close(held[0]);
    while (js_lifeline_pid(place.host, 3) == 0)
        serve(place.host);
    CU_ASSERT_EQUAL(js_lifeline_pid(place.host, 3), pid);
    close(held[1]);
    while (place.host->count > 0)
        serve(place.host);
    CU_ASSERT_FALSE(place.host->is_cut);
    CU_ASSERT_EQUAL(rank_status(pid), 0);
    place_close(&place);
}

static int report_and_die(struct js_lifeline *lifeline)
{
    struct js_lifeline_news news = {.stage = JS_STAGE_BEGUN, .lease_ns = 7};
    js_lifeline_report(lifeline, &news);
    news = (struct js_lifeline_news){
        .stage = JS_STAGE_ENDED, .status = 3, .lost = 2};
    js_lifeline_report(lifeline, &news);
    raise(SIGKILL);
    return 0;
}

static void test_news_arrive_though_the_rank_was_killed(void)
{
    char *const environ[] = {NULL};
    const struct js_lifeline_gift gift = {
        .lock = -1, .environ = environ, .stdio = {-1, -1, -1}, .joblog = -1};
    struct place place;
    place_open(&place, &gift);
    struct js_lifeline_news news = *js_lifeline_serve(place.host);
    CU_ASSERT_EQUAL(news.stage, JS_STAGE_NONE);
    pid_t pid = rank_start(&place, 0, report_and_die);
    serve_until_cut(place.host);
    news = *js_lifeline_serve(place.host);
    CU_ASSERT_EQUAL(news.stage, JS_STAGE_ENDED);
    CU_ASSERT_EQUAL(news.status, 3);
    CU_ASSERT_EQUAL(news.lost, 2);
    CU_ASSERT_EQUAL(rank_status(pid), -SIGKILL);
    js_lifeline_reset(place.host);
    CU_ASSERT_FALSE(place.host->is_cut);
    place_close(&place);
}

static int wait_for_signals(struct js_lifeline *lifeline)
{
    static const int expected[] = {SIGUSR1, SIGTERM, SIGKILL, SIGKILL};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]);) {
        struct pollfd fd = {.fd = js_lifeline_fd(lifeline), .events = POLLIN};
        if (fd.fd >= 0)
            poll(&fd, 1, -1);
        int number = js_lifeline_take(lifeline);
        if (number != 0 && number != expected[i++])
            return 1;
    }
    return js_lifeline_fd(lifeline) < 0 ? 0 : 2; /* nothing to wait for */
}

static void test_signals_are_passed_on_and_the_end_is_seen(void)
{
    char *const environ[] = {NULL};
    const struct js_lifeline_gift gift = {
        .lock = -1, .environ = environ, .stdio = {-1, -1, -1}, .joblog = -1};
    struct place place;
    place_open(&place, &gift);
    CU_ASSERT_FALSE(js_lifeline_pass(place.host, SIGUSR1));
    pid_t pid = rank_start(&place, 0, wait_for_signals);
    while (js_lifeline_pid(place.host, 0) == 0)
        serve(place.host);
    CU_ASSERT_TRUE(js_lifeline_pass(place.host, SIGUSR1));
    CU_ASSERT_TRUE(js_lifeline_pass(place.host, SIGTERM));
    place_close(&place);
    CU_ASSERT_EQUAL(rank_status(pid), 0);
}

static int leave(struct js_lifeline *lifeline)
{
    return js_lifeline_given(lifeline, 1) < 0 ? 0 : 1;
}

/* Somebody has removed the folder: another start is given another. */
static void test_it_moves_to_another_folder(void)
{
    char a[] = "A=1";
    char *const environ[] = {a, NULL};
    const struct js_lifeline_gift gift = {
        .lock = -1, .environ = environ, .stdio = {-1, -1, -1}, .joblog = -1};
    struct place place;
    char first[sizeof(place.folder)];
    place_open(&place, &gift);
    memcpy(first, place.folder, sizeof(first));
    snprintf(place.folder, sizeof(place.folder), "/tmp/js-lifeline-XXXXXX");
    not_null(mkdtemp(place.folder));
    CU_ASSERT_EQUAL(js_lifeline_move(place.host, place.folder, -1), 0);
    CU_ASSERT_EQUAL(rmdir(first), 0);
    /* Its coming and its going may be seen together: of rank 0 that is kept. */
    pid_t pid = rank_start(&place, 0, leave);
    serve_until_cut(place.host);
    CU_ASSERT_EQUAL(rank_status(pid), 0);
    place_close(&place);
}

static void test_no_launcher_here_is_no_error(void)
{
    struct js_lifeline *lifeline = NULL;
    struct js_err err;
    CU_ASSERT_EQUAL(js_lifeline_connect("/nonexistent/folder", 0,
                                        unit_patience_ns(), &lifeline, &err),
                    0);
    CU_ASSERT_PTR_NULL(lifeline);
}

static void test_a_launcher_that_does_not_answer_is_one(void)
{
    char *const environ[] = {NULL};
    const struct js_lifeline_gift gift = {
        .lock = -1, .environ = environ, .stdio = {-1, -1, -1}, .joblog = -1};
    struct js_lifeline *lifeline = NULL;
    struct js_err err = {""};
    struct place place;
    place_open(&place, &gift);
    CU_ASSERT_EQUAL(js_lifeline_connect(place.folder, 0, 1, &lifeline, &err),
                    -1);
    CU_ASSERT_PTR_NULL(lifeline);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "does not answer"));
    place_close(&place);
}

static void test_a_long_path_is_no_trouble(void)
{
    char *const environ[] = {NULL};
    const struct js_lifeline_gift gift = {
        .lock = -1, .environ = environ, .stdio = {-1, -1, -1}, .joblog = -1};
    char top[] = "/tmp/js-lifeline-XXXXXX", path[512];
    not_null(mkdtemp(top));
    snprintf(path, sizeof(path), "%s/%0200d", top, 1);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    struct js_lifeline_host *host = not_null(js_lifeline_listen(path, &gift));
    js_lifeline_close(host);
    CU_ASSERT_EQUAL(rmdir(path), 0);
    CU_ASSERT_EQUAL(rmdir(top), 0);
}

static const struct unit_test tests[] = {
    {"rank 0 is given what was handed over",
     test_rank_0_is_given_what_was_handed_over},
    {"other ranks are given the environment alone",
     test_other_ranks_are_given_the_environment_alone},
    {"news arrive though the rank was killed",
     test_news_arrive_though_the_rank_was_killed},
    {"signals are passed on, and the end is seen",
     test_signals_are_passed_on_and_the_end_is_seen},
    {"it moves to another folder", test_it_moves_to_another_folder},
    {"no launcher on this host is no error", test_no_launcher_here_is_no_error},
    {"a launcher that does not answer is one",
     test_a_launcher_that_does_not_answer_is_one},
    {"a long path is no trouble", test_a_long_path_is_no_trouble},
    {NULL, NULL},
};

const struct unit_suite suite_lifeline = {"lifeline", tests};
