/* display: when a bar is drawn, and that nothing is ever mixed with it. */
#include "unit.h"

#include "base/clock.h"
#include "record/progress.h"
#include "rng.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static const int64_t start_ns = 1000 * JS_NS_PER_S;

/* What a person sees: whole lines, and the one under the cursor. */
struct screen {
    struct js_buf lines;
    char line[512];
    size_t column;
    unsigned drawn; /* bars */
};

/* A console to a pipe, and a display on it that takes it for a terminal. */
struct scene {
    int ends[2], master;
    pid_t owner; /* of the terminal: its session has no other */
    struct js_terminal terminal;
    struct js_outq *outq;
    struct js_console console;
    struct js_display display;
    struct js_progress progress;
    int64_t now_ns, run_ns;
    struct screen screen;
};

/* ---------------------------------------------------------------- the screen
 */

/* The bytes of the escape sequence that begins here; what it does is done. */
static size_t follow_escape(struct screen *screen, const char *text)
{
    size_t len = strcspn(text, "Jm") + 1;
    if (text[len - 1] == 'J')
        memset(screen->line + screen->column, ' ',
               sizeof(screen->line) - screen->column);
    return len;
}

static void put(struct screen *screen, char byte)
{
    CU_ASSERT_FATAL(screen->column < sizeof(screen->line));
    screen->line[screen->column++] = byte;
}

static void end_line(struct screen *screen)
{
    size_t len = sizeof(screen->line);
    while (len > 0 && screen->line[len - 1] == ' ')
        len--;
    js_buf_printf(&screen->lines, "%.*s\n", (int)len, screen->line);
    memset(screen->line, ' ', sizeof(screen->line));
    screen->column = 0;
}

static void show(struct screen *screen, const char *text)
{
    while (*text) {
        /* What takes it away does so from the second column on. */
        if (strncmp(text, "\033[J\r", 4) == 0 && screen->column > 1)
            screen->drawn++;
        if (*text == '\033') {
            text += follow_escape(screen, text);
            continue;
        }
        if (*text == '\n')
            end_line(screen);
        else if (*text == '\r')
            screen->column = 0;
        else
            put(screen, *text);
        text++;
    }
}

/* ---------------------------------------------------------------- the scene */

static void open_terminal(struct scene *scene)
{
    struct winsize size = {.ws_row = 24, .ws_col = 100};
    scene->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    CU_ASSERT_EQUAL_FATAL(grantpt(scene->master), 0);
    CU_ASSERT_EQUAL_FATAL(unlockpt(scene->master), 0);
    CU_ASSERT_EQUAL(ioctl(scene->master, TIOCSWINSZ, &size), 0);
    scene->owner = fork();
    if (scene->owner == 0) {
        setsid();
        pause();
        _exit(0);
    }
    /* Once it has a session of its own nobody has the foreground of that. */
    while (getsid(scene->owner) != scene->owner)
        usleep(1000);
    scene->terminal = (struct js_terminal){
        .can_draw = true,
        .fd = open(ptsname(scene->master), O_RDWR | O_NOCTTY | O_CLOEXEC),
        .owner = scene->owner};
    CU_ASSERT_FATAL(scene->terminal.fd >= 0);
}

static struct scene *new_scene(enum js_display_kind kind)
{
    struct scene *scene = not_null(calloc(1, sizeof(*scene)));
    CU_ASSERT_EQUAL_FATAL(pipe2(scene->ends, O_CLOEXEC | O_NONBLOCK), 0);
    open_terminal(scene);
    scene->outq = not_null(js_outq_new(scene->ends[1]));
    js_console_init(&scene->console, scene->outq, scene->outq);
    struct js_display_config config = {.kind = kind,
                                       .terminal = &scene->terminal,
                                       .console = &scene->console,
                                       .line_first_ns = 30 * JS_NS_PER_S,
                                       .line_most_ns = 600 * JS_NS_PER_S};
    scene->display = (struct js_display){.config = config};
    memset(scene->screen.line, ' ', sizeof(scene->screen.line));
    scene->now_ns = start_ns;
    scene->progress = (struct js_progress){
        .left = 1000000, .running = 2, .slots = 2, .busy_slots = 2};
    return scene;
}

static void free_scene(struct scene *scene)
{
    kill(scene->owner, SIGKILL);
    waitpid(scene->owner, NULL, 0);
    js_console_release(&scene->console);
    js_outq_free(scene->outq);
    close(scene->terminal.fd);
    close(scene->master);
    close(scene->ends[0]);
    close(scene->ends[1]);
    js_buf_release(&scene->screen.lines);
    free(scene);
}

/* As the master does at the end of a turn. */
static void turn(struct scene *scene, bool is_within_job)
{
    if (!js_display_is_due(&scene->display, scene->now_ns))
        return;
    scene->progress.elapsed_ns = scene->now_ns - start_ns;
    js_display_show(&scene->display, scene->now_ns, scene->progress,
                    scene->run_ns, is_within_job);
}

/* What has come to the terminal by now. */
static void look(struct scene *scene)
{
    char text[4096];
    ssize_t len;
    js_outq_flush(scene->outq);
    while ((len = read(scene->ends[0], text, sizeof(text) - 1)) > 0) {
        text[len] = '\0';
        show(&scene->screen, text);
    }
}

/* The line under the cursor. */
static const char *bar_of(struct scene *scene)
{
    char *line = scene->screen.line;
    look(scene);
    line[sizeof(scene->screen.line) - 1] = '\0';
    for (size_t len = strlen(line); len > 0 && line[len - 1] == ' ';)
        line[--len] = '\0';
    static char text[512];
    snprintf(text, sizeof(text), "%s", line);
    memset(line + strlen(line), ' ', sizeof(scene->screen.line) - strlen(text));
    return text;
}

static const char *lines_of(struct scene *scene)
{
    look(scene);
    return js_buf_string(&scene->screen.lines);
}

static void end_jobs(struct scene *scene, unsigned count)
{
    scene->progress.done += count;
    scene->progress.left -= count;
    scene->run_ns += count * 10 * JS_NS_PER_MS;
}

static void wait_ms(struct scene *scene, int64_t ms)
{
    scene->now_ns += ms * JS_NS_PER_MS;
}

/* ---------------------------------------------------------------- bars */

static void test_a_bar_comes_and_goes(void)
{
    struct scene *scene = new_scene(JS_DISPLAY_BAR);
    CU_ASSERT_EQUAL(js_display_deadline_ns(&scene->display), JS_NEVER_NS);
    turn(scene, false);
    CU_ASSERT_STRING_EQUAL(bar_of(scene),
                           "[............] 0% 0/1000000, 2 running, 1000000 "
                           "left, 2 of 2 slots busy, 0:00");
    CU_ASSERT_EQUAL(scene->screen.column, 0);
    js_outq_write(scene->outq, "output\n", 7);
    CU_ASSERT_STRING_EQUAL(bar_of(scene), "");
    wait_ms(scene, 100);
    turn(scene, false);
    CU_ASSERT_STRING_NOT_EQUAL(bar_of(scene), "");
    js_log(&scene->console.log, "a message");
    js_console_flush(&scene->console);
    js_display_end(&scene->display);
    CU_ASSERT_STRING_EQUAL(bar_of(scene), "");
    CU_ASSERT_STRING_EQUAL(lines_of(scene), "output\njobsched: a message\n");
    wait_ms(scene, 10000);
    turn(scene, false);
    CU_ASSERT_STRING_EQUAL(bar_of(scene), "");
    free_scene(scene);
}

/* A turn every millisecond, in each of which a job ends. */
static void test_ten_times_a_second_at_most(void)
{
    struct scene *scene = new_scene(JS_DISPLAY_BAR);
    for (int ms = 0; ms < 10000; ms++) {
        turn(scene, false);
        end_jobs(scene, 1);
        wait_ms(scene, 1);
        look(scene);
    }
    CU_ASSERT_EQUAL(scene->screen.drawn, 100);
    /* Output that takes it away changes nothing of that. */
    for (int ms = 0; ms < 10000; ms++) {
        turn(scene, false);
        js_outq_write(scene->outq, "o\n", 2);
        wait_ms(scene, 1);
        look(scene);
    }
    CU_ASSERT(scene->screen.drawn <= 200);
    CU_ASSERT(scene->screen.drawn >= 190);
    free_scene(scene);
}

/* Nothing happens: the master is woken once a second, to show the time. */
static void test_once_a_second_when_idle(void)
{
    struct scene *scene = new_scene(JS_DISPLAY_BAR);
    turn(scene, false);
    for (int i = 1; i <= 60; i++) {
        int64_t next_ns = js_display_deadline_ns(&scene->display);
        CU_ASSERT_EQUAL(next_ns, start_ns + i * JS_NS_PER_S);
        scene->now_ns = next_ns;
        turn(scene, false);
        look(scene);
    }
    CU_ASSERT_EQUAL(scene->screen.drawn, 61);
    /* Turns for other reasons, in which nothing has changed, draw nothing. */
    for (int i = 0; i < 90; i++) {
        wait_ms(scene, 10);
        turn(scene, false);
        look(scene);
    }
    CU_ASSERT_EQUAL(scene->screen.drawn, 61);
    free_scene(scene);
}

/* What has changed too soon after a drawing is not forgotten. */
static void test_a_change_is_shown_later(void)
{
    struct scene *scene = new_scene(JS_DISPLAY_BAR);
    turn(scene, false);
    wait_ms(scene, 5);
    end_jobs(scene, 7);
    turn(scene, false);
    CU_ASSERT_PTR_NULL(strstr(bar_of(scene), " 7/"));
    int64_t next_ns = js_display_deadline_ns(&scene->display);
    CU_ASSERT_EQUAL(next_ns, start_ns + 100 * JS_NS_PER_MS);
    scene->now_ns = next_ns;
    turn(scene, false);
    CU_ASSERT_PTR_NOT_NULL(strstr(bar_of(scene), " 7/"));
    free_scene(scene);
}

static void test_not_within_a_job(void)
{
    struct scene *scene = new_scene(JS_DISPLAY_BAR);
    js_outq_write(scene->outq, "half a ", 7);
    turn(scene, true);
    CU_ASSERT_STRING_EQUAL(bar_of(scene), "half a");
    /* ... and the master is not kept busy by that. */
    CU_ASSERT(js_display_deadline_ns(&scene->display) > scene->now_ns);
    js_outq_write(scene->outq, "line\n", 5);
    wait_ms(scene, 20);
    turn(scene, false);
    CU_ASSERT_STRING_NOT_EQUAL(bar_of(scene), "");
    CU_ASSERT_STRING_EQUAL(lines_of(scene), "half a line\n");
    free_scene(scene);
}

/* A job that leaves a line open: it is not drawn over. */
static void test_an_open_line(void)
{
    struct scene *scene = new_scene(JS_DISPLAY_BAR);
    js_outq_write(scene->outq, "no newline", 10);
    turn(scene, false);
    CU_ASSERT_STRING_NOT_EQUAL(bar_of(scene), "");
    js_display_end(&scene->display);
    CU_ASSERT_STRING_EQUAL(lines_of(scene), "no newline\n");
    CU_ASSERT_STRING_EQUAL(bar_of(scene), "");
    free_scene(scene);
}

/* Bars do not pile up in front of a reader that takes nothing. */
static void test_a_reader_that_waits(void)
{
    struct scene *scene = new_scene(JS_DISPLAY_BAR);
    static const char line[] = "0123456789\n";
    while (js_outq_pending(scene->outq) == 0)
        js_outq_write(scene->outq, line, sizeof(line) - 1);
    size_t pending = js_outq_pending(scene->outq);
    for (int i = 0; i < 1000; i++) {
        wait_ms(scene, 200);
        turn(scene, false);
    }
    CU_ASSERT_EQUAL(js_outq_pending(scene->outq), pending);
    while (js_outq_pending(scene->outq) > 0)
        look(scene);
    look(scene);
    CU_ASSERT_EQUAL(scene->screen.drawn, 0);
    wait_ms(scene, 2000);
    turn(scene, false);
    look(scene);
    CU_ASSERT_EQUAL(scene->screen.drawn, 1);
    free_scene(scene);
}

/* ^S, and then ^Q. */
static void test_a_terminal_that_is_stopped(void)
{
    struct scene *scene = new_scene(JS_DISPLAY_BAR);
    CU_ASSERT_EQUAL(tcflow(scene->terminal.fd, TCOOFF), 0);
    for (int i = 0; i < 10; i++) {
        turn(scene, false);
        wait_ms(scene, 1000);
    }
    look(scene);
    CU_ASSERT_EQUAL(scene->screen.drawn, 0);
    CU_ASSERT_EQUAL(tcflow(scene->terminal.fd, TCOON), 0);
    turn(scene, false);
    look(scene);
    CU_ASSERT_EQUAL(scene->screen.drawn, 1);
    free_scene(scene);
}

/* Another width at each drawing: it always fits. */
static void test_another_width(void)
{
    struct scene *scene = new_scene(JS_DISPLAY_BAR);
    for (unsigned short width = 200; width > 2; width--) {
        struct winsize size = {.ws_row = 24, .ws_col = width};
        CU_ASSERT_EQUAL(ioctl(scene->master, TIOCSWINSZ, &size), 0);
        turn(scene, false);
        CU_ASSERT(strlen(bar_of(scene)) < width);
        wait_ms(scene, 1000);
    }
    CU_ASSERT_EQUAL(scene->screen.drawn, 198);
    free_scene(scene);
}

/* Output of jobs, messages and bars, at random times and in any order. */
static void test_nothing_is_ever_mixed(void)
{
    struct scene *scene = new_scene(JS_DISPLAY_BAR);
    struct js_buf wanted = JS_BUF_INIT;
    struct rng rng = {.state = 7};
    for (unsigned i = 0; i < unit_rounds(20000); i++) {
        char line[64];
        unsigned what = rng_next(&rng) % 4;
        int len = snprintf(line, sizeof(line), "%sline %u",
                           what == 0 ? "jobsched: " : "", i);
        if (what == 0)
            js_log(&scene->console.log, "line %u", i);
        if (what == 0)
            js_console_flush(&scene->console);
        if (what == 1) {
            js_outq_write(scene->outq, line, 3);
            turn(scene, true);
            js_outq_write(scene->outq, line + 3, (size_t)len - 3);
            js_outq_write(scene->outq, "\n", 1);
        }
        if (what <= 1)
            js_buf_printf(&wanted, "%s\n", line);
        if (what == 2)
            end_jobs(scene, 1);
        turn(scene, false);
        wait_ms(scene, rng_next(&rng) % 150);
        if (what == 3)
            look(scene);
    }
    js_display_end(&scene->display);
    CU_ASSERT_STRING_EQUAL(lines_of(scene), js_buf_string(&wanted));
    CU_ASSERT_STRING_EQUAL(bar_of(scene), "");
    CU_ASSERT(scene->screen.drawn > 100);
    js_buf_release(&wanted);
    free_scene(scene);
}

/* ---------------------------------------------------------------- lines */

/* Only what the deadlines ask for, for two hours. */
static void test_lines_at_growing_distances(void)
{
    struct scene *scene = new_scene(JS_DISPLAY_LINES);
    static const int minutes[] = {1,  2,  4,  8,  16, 26, 36,
                                  46, 56, 66, 76, 86, 96, 106};
    size_t count = sizeof(minutes) / sizeof(minutes[0]);
    turn(scene, false);
    scene->now_ns = js_display_deadline_ns(&scene->display);
    CU_ASSERT_EQUAL(scene->now_ns, start_ns + 30 * JS_NS_PER_S);
    for (size_t i = 0; i < count; i++) {
        turn(scene, false);
        scene->now_ns = js_display_deadline_ns(&scene->display);
        CU_ASSERT_EQUAL(scene->now_ns,
                        start_ns + minutes[i] * 60 * JS_NS_PER_S);
    }
    size_t lines = 0;
    for (const char *at = lines_of(scene); *at; at++)
        lines += *at == '\n';
    CU_ASSERT_EQUAL(lines, count);
    CU_ASSERT_EQUAL(scene->screen.drawn, 0);
    free_scene(scene);
}

static void test_a_line(void)
{
    struct scene *scene = new_scene(JS_DISPLAY_LINES);
    for (int second = 0; second < 30; second++) {
        turn(scene, false);
        CU_ASSERT_STRING_EQUAL(lines_of(scene) ? lines_of(scene) : "", "");
        end_jobs(scene, 200);
        scene->progress.failed++;
        scene->progress.left--;
        wait_ms(scene, 1000);
    }
    js_outq_write(scene->outq, "open", 4);
    turn(scene, true);
    CU_ASSERT_STRING_EQUAL(bar_of(scene), "open");
    js_outq_write(scene->outq, " line\n", 6);
    js_console_flush(&scene->console);
    CU_ASSERT_STRING_EQUAL(lines_of(scene),
                           "open line\njobsched: 6000 of 1000000 jobs done, 30 "
                           "failed, 2 running; 201 jobs/s, about 82 min to "
                           "go\n");
    free_scene(scene);
}

static void test_off(void)
{
    struct scene *scene = new_scene(JS_DISPLAY_OFF);
    CU_ASSERT_FALSE(js_display_is_due(&scene->display, scene->now_ns));
    CU_ASSERT_EQUAL(js_display_deadline_ns(&scene->display), JS_NEVER_NS);
    js_display_end(&scene->display);
    look(scene);
    CU_ASSERT_EQUAL(scene->screen.drawn, 0);
    free_scene(scene);
}

static const struct unit_test tests[] = {
    {"a bar comes and goes", test_a_bar_comes_and_goes},
    {"ten times a second at most", test_ten_times_a_second_at_most},
    {"once a second when idle", test_once_a_second_when_idle},
    {"a change is shown later", test_a_change_is_shown_later},
    {"not within a job", test_not_within_a_job},
    {"an open line", test_an_open_line},
    {"a reader that waits", test_a_reader_that_waits},
    {"a terminal that is stopped", test_a_terminal_that_is_stopped},
    {"another width", test_another_width},
    {"nothing is ever mixed", test_nothing_is_ever_mixed},
    {"lines at growing distances", test_lines_at_growing_distances},
    {"a line", test_a_line},
    {"off", test_off},
    {NULL, NULL},
};

const struct unit_suite suite_display = {"display", tests};
