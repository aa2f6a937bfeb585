/* input: the end of a stream, and a break. */
#include "unit.h"

#include "base/file.h"
#include "base/input.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A pipe, and what stands in front of it. */
struct scene {
    int ends[2];
    bool is_intact;
    unsigned asked;
    struct js_input *input;
};

static bool is_intact(void *arg)
{
    struct scene *scene = arg;
    scene->asked++;
    return scene->is_intact;
}

static void scene_init(struct scene *scene, struct js_input_config config)
{
    memset(scene, 0, sizeof(*scene));
    CU_ASSERT_EQUAL_FATAL(pipe2(scene->ends, O_CLOEXEC), 0);
    scene->is_intact = true;
    config.fd = scene->ends[0];
    config.is_intact = is_intact;
    config.arg = scene;
    scene->input = not_null(js_input_new(&config));
}

static void scene_release(struct scene *scene)
{
    js_input_free(scene->input);
    js_fd_close(&scene->ends[0]);
    js_fd_close(&scene->ends[1]);
}

static void feed(struct scene *scene, const void *bytes, size_t len)
{
    CU_ASSERT_EQUAL(write(scene->ends[1], bytes, len), (ssize_t)len);
}

static void expect_bytes(struct scene *scene, const void *bytes, size_t len)
{
    char got[256];
    ssize_t n = js_input_read(scene->input, got, sizeof(got));
    CU_ASSERT_EQUAL_FATAL(n, (ssize_t)len);
    CU_ASSERT_EQUAL(memcmp(got, bytes, len), 0);
}

/* 0: it has ended. */
static void expect_none(struct scene *scene, int error)
{
    char got[256];
    errno = 0;
    CU_ASSERT_EQUAL(js_input_read(scene->input, got, sizeof(got)),
                    error ? -1 : 0);
    CU_ASSERT_EQUAL(errno, error ? error : errno);
}

static const int64_t for_ever_ns = INT64_MAX / 2;

static void test_an_end_as_it_is(void)
{
    struct scene scene;
    scene_init(&scene, (struct js_input_config){0});
    expect_none(&scene, EAGAIN);
    CU_ASSERT_EQUAL(js_input_fd(scene.input), scene.ends[0]);
    feed(&scene, "a\nb", 3);
    expect_bytes(&scene, "a\nb", 3);
    CU_ASSERT_TRUE(js_input_is_within_line(scene.input));
    CU_ASSERT_EQUAL(scene.asked, 0);
    js_fd_close(&scene.ends[1]);
    expect_none(&scene, 0);
    expect_none(&scene, 0);
    CU_ASSERT_TRUE(scene.asked > 0);
    CU_ASSERT_FALSE(fcntl(scene.ends[0], F_GETFL) & O_NONBLOCK);
    scene_release(&scene);
}

/* What passes it on has been killed: that shows with the end, or later. */
static void test_a_break(void)
{
    struct scene scene;
    scene_init(&scene, (struct js_input_config){0});
    feed(&scene, "a\n", 2);
    scene.is_intact = false;
    js_fd_close(&scene.ends[1]);
    expect_bytes(&scene, "a\n", 2);
    expect_none(&scene, ECONNABORTED);
    scene.is_intact = true;
    expect_none(&scene, ECONNABORTED);
    scene_release(&scene);

    scene_init(&scene, (struct js_input_config){.settle_ns = for_ever_ns});
    js_fd_close(&scene.ends[1]);
    expect_none(&scene, EAGAIN);
    /* To poll it would find it ready, again and again. */
    CU_ASSERT_EQUAL(js_input_fd(scene.input), -1);
    scene.is_intact = false;
    expect_none(&scene, ECONNABORTED);
    scene_release(&scene);
}

static void test_a_line_that_is_cut_takes_longer(void)
{
    struct scene scene;
    struct js_input_config config = {.settle_cut_ns = for_ever_ns};
    scene_init(&scene, config);
    feed(&scene, "a\n", 2);
    js_fd_close(&scene.ends[1]);
    expect_bytes(&scene, "a\n", 2);
    expect_none(&scene, 0);
    scene_release(&scene);
    scene_init(&scene, config);
    feed(&scene, "a", 1);
    js_fd_close(&scene.ends[1]);
    expect_bytes(&scene, "a", 1);
    expect_none(&scene, EAGAIN);
    scene_release(&scene);
}

static void test_a_marked_end(void)
{
    static const char text[] = "a\0b\n";
    struct scene scene;
    struct js_buf sent = JS_BUF_INIT;
    CU_ASSERT_EQUAL(js_input_pass(&sent, text, 4), 0);
    CU_ASSERT_EQUAL(js_input_pass(&sent, "\0", 1), 0);
    CU_ASSERT_EQUAL(js_input_pass(&sent, "", 0), 0);
    CU_ASSERT_EQUAL(js_input_mark_end(&sent), 0);
    /* In one piece, and byte for byte. */
    for (size_t part = 1; part <= sent.len; part += sent.len - 1) {
        char got[16];
        size_t len = 0;
        scene_init(&scene, (struct js_input_config){.is_marked = true});
        for (size_t at = 0; at < sent.len; at += part) {
            feed(&scene, sent.data + at, part);
            ssize_t n =
                js_input_read(scene.input, got + len, sizeof(got) - len);
            len += n > 0 ? (size_t)n : 0;
        }
        CU_ASSERT_EQUAL(len, 5);
        CU_ASSERT_EQUAL(memcmp(got, "a\0b\n\0", 5), 0);
        /* The pipe stays open: the mark is enough. */
        expect_none(&scene, 0);
        scene_release(&scene);
    }
    /* Without the mark there is no end. */
    for (size_t len = 0; len < sent.len; len++) {
        char got[16];
        scene_init(&scene, (struct js_input_config){.is_marked = true});
        feed(&scene, sent.data, len);
        js_fd_close(&scene.ends[1]);
        while (js_input_read(scene.input, got, sizeof(got)) > 0)
            continue;
        CU_ASSERT_EQUAL(errno, ECONNABORTED);
        scene_release(&scene);
    }
    js_buf_release(&sent);
}

/* Only its writers can end it, and there was none so far. */
static void test_a_fifo_without_a_writer(void)
{
    char dir[] = "/tmp/js-input-XXXXXX", path[64], got[8];
    not_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/fifo", dir);
    CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct js_input *input =
        not_null(js_input_new(&(struct js_input_config){.fd = fd}));
    CU_ASSERT_EQUAL(js_input_read(input, got, sizeof(got)), -1);
    CU_ASSERT_EQUAL(errno, EAGAIN);
    int writer = open(path, O_WRONLY | O_CLOEXEC);
    CU_ASSERT_EQUAL(write(writer, "a\n", 2), 2);
    js_fd_close(&writer);
    CU_ASSERT_EQUAL(js_input_read(input, got, sizeof(got)), 2);
    CU_ASSERT_EQUAL(js_input_read(input, got, sizeof(got)), 0);
    js_input_free(input);
    js_fd_close(&fd);
    unlink(path);
    rmdir(dir);
}

/* A thread reads the file: its timing is unknown, but the whole content
 * arrives. */
static void test_a_file_that_may_hang(void)
{
    struct js_buf got = JS_BUF_INIT;
    char piece[4096] = "";
    struct unit_wait wait = {0};
    int fd = js_file_open_unlinked("/tmp");
    CU_ASSERT_FATAL(fd >= 0);
    /* More than fits into a pipe. */
    for (int i = 0; i < 100; i++)
        CU_ASSERT_EQUAL(js_file_write(fd, piece, sizeof(piece)), 0);
    CU_ASSERT_EQUAL(lseek(fd, 0, SEEK_SET), 0);
    struct js_input_config config = {.fd = fd, .is_hung_at_times = true};
    struct js_input *input = not_null(js_input_new(&config));
    ssize_t n = -1;
    while (n != 0 && unit_waits(&wait)) {
        n = js_input_read(input, piece, sizeof(piece));
        CU_ASSERT(n >= 0 || errno == EAGAIN);
        if (n > 0)
            js_buf_append(&got, piece, (size_t)n);
    }
    CU_ASSERT_EQUAL(n, 0);
    CU_ASSERT_EQUAL(got.len, 100 * sizeof(piece));
    js_input_free(input);
    /* A file that is not read to its end. */
    CU_ASSERT_EQUAL(lseek(fd, 0, SEEK_SET), 0);
    void (*handler)(int) = signal(SIGPIPE, SIG_IGN);
    js_input_free(not_null(js_input_new(&config)));
    signal(SIGPIPE, handler);
    close(fd);
    js_buf_release(&got);
}

static const struct unit_test tests[] = {
    {"a file that may hang", test_a_file_that_may_hang},
    {"an end as it is", test_an_end_as_it_is},
    {"a break", test_a_break},
    {"a line that is cut takes longer", test_a_line_that_is_cut_takes_longer},
    {"a marked end", test_a_marked_end},
    {"a FIFO without a writer", test_a_fifo_without_a_writer},
    {NULL, NULL},
};

const struct unit_suite suite_input = {"input", tests};
