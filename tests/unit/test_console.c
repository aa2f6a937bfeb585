/* console: lines that wait until no job's output is half written. */
#include "unit.h"

#include "record/delivery.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A console between two pipes. */
struct scene {
    int out[2], err[2];
    struct js_outq *outqs[2];
    struct js_console console;
    char text[256 * 1024]; /* what was read last */
};

static void begin(struct scene *scene)
{
    CU_ASSERT_EQUAL_FATAL(pipe2(scene->out, O_CLOEXEC), 0);
    CU_ASSERT_EQUAL_FATAL(pipe2(scene->err, O_CLOEXEC), 0);
    fcntl(scene->out[0], F_SETFL, O_NONBLOCK);
    fcntl(scene->err[0], F_SETFL, O_NONBLOCK);
    scene->outqs[0] = not_null(js_outq_new(scene->out[1]));
    scene->outqs[1] = not_null(js_outq_new(scene->err[1]));
    js_console_init(&scene->console, scene->outqs[0], scene->outqs[1]);
}

static void end(struct scene *scene)
{
    js_console_release(&scene->console);
    for (int i = 0; i < 2; i++) {
        js_outq_free(scene->outqs[i]);
        close(scene->out[i]);
        close(scene->err[i]);
    }
}

/* What has come out at this end of a pipe. */
static const char *read_from(struct scene *scene, int fd)
{
    ssize_t n = read(fd, scene->text, sizeof(scene->text) - 1);
    scene->text[n > 0 ? n : 0] = '\0';
    return scene->text;
}

static void expect_out(struct scene *scene, const char *text)
{
    CU_ASSERT_STRING_EQUAL(read_from(scene, scene->out[0]), text);
}

static void expect_err(struct scene *scene, const char *text)
{
    CU_ASSERT_STRING_EQUAL(read_from(scene, scene->err[0]), text);
}

static struct scene *new_scene(void)
{
    struct scene *scene = not_null(malloc(sizeof(*scene)));
    begin(scene);
    return scene;
}

static void test_lines_wait_for_the_flush(void)
{
    struct scene *scene = new_scene();
    js_console_trace(&scene->console, "Dispatch job: %d\n", 1);
    js_log(&scene->console.log, "slave %d: trouble", 3);
    expect_out(scene, "");
    expect_err(scene, "");
    CU_ASSERT_EQUAL(js_console_unwritten(&scene->console),
                    strlen("Dispatch job: 1\n") +
                        strlen("jobsched: slave 3: trouble\n"));
    js_console_flush(&scene->console);
    expect_out(scene, "Dispatch job: 1\n");
    expect_err(scene, "jobsched: slave 3: trouble\n");
    CU_ASSERT_EQUAL(js_console_unwritten(&scene->console), 0);
    js_console_flush(&scene->console);
    expect_out(scene, "");
    end(scene);
    free(scene);
}

static void test_lines_keep_their_order(void)
{
    struct scene *scene = new_scene();
    struct js_buf expected = JS_BUF_INIT;
    for (int i = 0; i < 500; i++) {
        js_console_trace(&scene->console, "%d\n", i);
        js_buf_printf(&expected, "%d\n", i);
        if (i % 7 == 0)
            js_console_flush(&scene->console);
    }
    js_console_flush(&scene->console);
    expect_out(scene, js_buf_string(&expected));
    js_buf_release(&expected);
    end(scene);
    free(scene);
}

/* What the output queue was given before comes first, and no line within it. */
static void test_lines_come_behind_what_was_written(void)
{
    struct scene *scene = new_scene();
    js_outq_write(scene->outqs[0], "half a ", 7);
    js_console_trace(&scene->console, "trace\n");
    js_outq_write(scene->outqs[0], "line\n", 5);
    js_console_flush(&scene->console);
    expect_out(scene, "half a line\ntrace\n");
    end(scene);
    free(scene);
}

static void test_long_lines_are_not_lost(void)
{
    struct scene *scene = new_scene();
    char word[1001];
    memset(word, 'x', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    for (int len = 120; len <= 1000; len += 4) {
        js_console_trace(&scene->console, "%.*s\n", len, word);
        js_console_flush(&scene->console);
        CU_ASSERT_EQUAL(strlen(read_from(scene, scene->out[0])),
                        (size_t)len + 1);
    }
    end(scene);
    free(scene);
}

/* A reader that takes nothing: what waits is told, and nothing is lost. */
static void test_slow_reader(void)
{
    struct scene *scene = new_scene();
    size_t total = 0, got = 0;
    while (js_outq_pending(scene->outqs[0]) == 0 && total < 10000000) {
        js_console_trace(&scene->console, "%0100d\n", 7);
        js_console_flush(&scene->console);
        total += 101;
    }
    js_console_trace(&scene->console, "%0100d\n", 7);
    total += 101;
    CU_ASSERT(js_console_unwritten(&scene->console) > 101);
    for (int i = 0; i < 1000 && got < total; i++) {
        js_console_flush(&scene->console);
        js_outq_flush(scene->outqs[0]);
        got += strlen(read_from(scene, scene->out[0]));
    }
    CU_ASSERT_EQUAL(got, total);
    CU_ASSERT_EQUAL(js_console_unwritten(&scene->console), 0);
    end(scene);
    free(scene);
}

/* A reader that is gone must not keep a run from ending. */
static void test_vanished_reader(void)
{
    struct scene *scene = new_scene();
    close(scene->out[0]);
    for (int i = 0; i < 3; i++) {
        js_console_trace(&scene->console, "line\n");
        js_console_flush(&scene->console);
    }
    CU_ASSERT_EQUAL(js_console_unwritten(&scene->console), 0);
    js_log(&scene->console.log, "still here");
    js_console_flush(&scene->console);
    expect_err(scene, "jobsched: still here\n");
    scene->out[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    end(scene);
    free(scene);
}

static void test_release_drops_what_is_held(void)
{
    struct scene *scene = new_scene();
    js_console_trace(&scene->console, "never\n");
    js_log(&scene->console.log, "never");
    js_console_release(&scene->console);
    expect_out(scene, "");
    expect_err(scene, "");
    CU_ASSERT_EQUAL(js_console_unwritten(&scene->console), 0);
    end(scene); /* once more does no harm */
    free(scene);
}

static const struct unit_test tests[] = {
    {"lines wait for the flush", test_lines_wait_for_the_flush},
    {"lines keep their order", test_lines_keep_their_order},
    {"lines come behind what was written",
     test_lines_come_behind_what_was_written},
    {"long lines are not lost", test_long_lines_are_not_lost},
    {"slow reader", test_slow_reader},
    {"vanished reader", test_vanished_reader},
    {"release drops what is held", test_release_drops_what_is_held},
    {NULL, NULL},
};

const struct unit_suite suite_console = {"console", tests};
