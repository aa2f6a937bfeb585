/* source: the demonstration, files, and streams that come as they please. */
#include "unit.h"

#include "base/buf.h"
#include "base/file.h"
#include "list/source.h"
#include "place.h"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The command must be the next; "" in its place: there is none now; NULL: none
 * will come. Endings are final. */
static bool gives(struct js_source *source, uint64_t id, const char *command)
{
    struct js_job *job = NULL;
    struct js_err err = {""};
    enum js_source_state state = js_source_next(source, &job, &err);
    if (!command)
        return state == JS_SOURCE_END &&
               js_source_next(source, &job, &err) == JS_SOURCE_END;
    if (!*command)
        return state == JS_SOURCE_LATER;
    bool same = state == JS_SOURCE_JOB && job->id == id &&
                strcmp(job->command, command) == 0;
    js_job_free(job);
    return same;
}

/* For good, with an error that begins like this. */
static bool fails(struct js_source *source, const char *expected)
{
    for (int i = 0; i < 2; i++) {
        struct js_job *job = NULL;
        struct js_err err = {""};
        if (js_source_next(source, &job, &err) != JS_SOURCE_ERROR)
            return false;
        CU_ASSERT_NSTRING_EQUAL(err.text, expected, strlen(expected));
    }
    return true;
}

static void check_refused(const char *path, const char *expected)
{
    struct js_err err = {""};
    CU_ASSERT_PTR_NULL(
        js_source_new_file(&(struct js_list_config){.path = path}, &err));
    CU_ASSERT_NSTRING_EQUAL(err.text, expected, strlen(expected));
    CU_ASSERT_PTR_NULL(
        js_source_new_file(&(struct js_list_config){.path = path}, NULL));
}

static void check_total(const struct js_source *source, uint64_t expected)
{
    bool known = false;
    CU_ASSERT_EQUAL(js_source_total(source, &known), expected);
    CU_ASSERT_TRUE(known);
}

static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void test_demo_counts_and_ends(void)
{
    struct js_source *source = js_source_new_demo(3, 250, NULL);
    struct js_job *job = NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(source);
    check_total(source, 3);
    CU_ASSERT_EQUAL(js_source_fd(source), -1);
    for (uint64_t id = 1; id <= 3; id++) {
        CU_ASSERT_EQUAL(js_source_next(source, &job, NULL), JS_SOURCE_JOB);
        CU_ASSERT_EQUAL(job->id, id);
        CU_ASSERT_EQUAL(job->kind, JS_JOB_SIMULATED);
        CU_ASSERT_EQUAL(job->duration_ns, 250);
        js_job_free(job);
        js_graph_ended(js_source_graph(source), id, true);
        js_graph_assert_invariants(js_source_graph(source));
    }
    CU_ASSERT_TRUE(gives(source, 0, NULL));
    check_total(source, 3);
    js_source_free(source);
    js_source_free(NULL);

    source = js_source_new_demo(0, 1, NULL);
    CU_ASSERT_TRUE(gives(source, 0, NULL));
    js_source_free(source);
}

static void test_demo_without_end(void)
{
    struct js_source *source = js_source_new_demo(UINT64_MAX, 1, NULL);
    struct js_job *job = NULL;
    bool known = true;
    js_source_total(source, &known);
    CU_ASSERT_FALSE(known);
    for (int i = 0; i < 100000; i++) {
        CU_ASSERT_EQUAL_FATAL(js_source_next(source, &job, NULL),
                              JS_SOURCE_JOB);
        js_job_free(job);
    }
    js_source_free(source);
}

static void test_file_is_counted_then_given_out(void)
{
    struct place place;
    place_init(&place, "jobs.txt");
    struct js_err err;
    int before = open_descriptors();
    spit(place.path, "a\n# no\n\nb\\\nc\r\nlast", 18);
    struct js_source *source =
        js_source_new_file(&(struct js_list_config){.path = place.path}, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(source);
    /* It is read: what happens to the file now is of no concern. */
    spit(place.path, "other\n", 6);
    check_total(source, 3);
    CU_ASSERT_EQUAL(js_source_fd(source), -1);
    CU_ASSERT_EQUAL(open_descriptors(), before);
    CU_ASSERT_TRUE(gives(source, 1, "a"));
    CU_ASSERT_TRUE(gives(source, 2, "bc"));
    CU_ASSERT_TRUE(gives(source, 3, "last"));
    CU_ASSERT_TRUE(gives(source, 0, NULL));
    check_total(source, 3);
    js_source_free(source);
    place_release(&place);
}

static void test_empty_files(void)
{
    static const char *const texts[] = {"", "\n", "# only a comment"};
    struct place place;
    place_init(&place, "jobs.txt");
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        spit(place.path, texts[i], strlen(texts[i]));
        struct js_source *source = js_source_new_file(
            &(struct js_list_config){.path = place.path}, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(source);
        check_total(source, 0);
        CU_ASSERT_TRUE(gives(source, 0, NULL));
        js_source_free(source);
    }
    place_release(&place);
}

/* Larger than any piece in which it is read and parsed. */
static void test_large_file(void)
{
    struct place place;
    place_init(&place, "jobs.txt");
    struct js_buf text = JS_BUF_INIT;
    for (int i = 1; i <= 100000; i++)
        js_buf_printf(&text, "echo %d\n", i);
    spit(place.path, text.data, text.len);
    js_buf_release(&text);
    struct js_source *source =
        js_source_new_file(&(struct js_list_config){.path = place.path}, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(source);
    check_total(source, 100000);
    int wrong = 0;
    for (unsigned i = 1; i <= 100000; i++) {
        char expected[32];
        snprintf(expected, sizeof(expected), "echo %u", i);
        wrong += !gives(source, i, expected);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_TRUE(gives(source, 0, NULL));
    js_source_free(source);
    place_release(&place);
}

/* fstat(2) says that it is empty. */
static void test_file_without_a_size(void)
{
    struct js_source *source = js_source_new_file(
        &(struct js_list_config){.path = "/proc/self/status"}, NULL);
    struct js_job *job = NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(source);
    CU_ASSERT_EQUAL(js_source_next(source, &job, NULL), JS_SOURCE_JOB);
    CU_ASSERT_EQUAL(strncmp(job->command, "Name:", 5), 0);
    js_job_free(job);
    js_source_free(source);
}

static void test_errors_are_found_before_the_first_job(void)
{
    struct place place;
    place_init(&place, "jobs.txt");
    char expected[200];
    int before = open_descriptors();
    spit(place.path, "good\ngood\nab\0\n", 14);
    snprintf(expected, sizeof(expected),
             "%s:3:3: NUL byte in a command: ", place.path);
    check_refused(place.path, expected);
    CU_ASSERT_EQUAL(open_descriptors(), before);
    place_release(&place);
}

static void test_what_is_no_file_is_refused(void)
{
    struct place place;
    place_init(&place, "jobs.txt");
    char expected[200];
    int before = open_descriptors();
    snprintf(expected, sizeof(expected),
             "cannot read the job list %s: No such file or directory",
             place.path);
    check_refused(place.path, expected);
    snprintf(expected, sizeof(expected), "%s is a directory: ", place.dir);
    check_refused(place.dir, expected);
    check_refused(
        "/proc/self/mem",
        "cannot read the job list /proc/self/mem: Input/output error");
    if (geteuid() != 0) {
        spit(place.path, "a\n", 2);
        chmod(place.path, 0);
        snprintf(expected, sizeof(expected),
                 "cannot read the job list %s: Permission denied", place.path);
        check_refused(place.path, expected);
    }
    CU_ASSERT_EQUAL(open_descriptors(), before);
    place_release(&place);
}

static void write_to(int fd, const char *text)
{
    CU_ASSERT_EQUAL(js_file_write(fd, text, strlen(text)), 0);
}

static bool can_be_read(const struct js_source *source)
{
    struct pollfd input = {.fd = js_source_fd(source), .events = POLLIN};
    return poll(&input, 1, 0) == 1;
}

/* From here on a call that waits would wait for ever: the alarm ends it. */
static void test_fifo_waits_for_its_writer(void)
{
    struct place place;
    place_init(&place, "jobs.txt");
    struct js_err err;
    bool known = true;
    alarm(unit_patience_s());
    CU_ASSERT_EQUAL(mkfifo(place.path, 0600), 0);
    struct js_source *source =
        js_source_new_file(&(struct js_list_config){.path = place.path}, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(source);
    js_source_total(source, &known);
    CU_ASSERT_FALSE(known);
    CU_ASSERT_TRUE(gives(source, 0, "")); /* nobody has opened it: no end */
    CU_ASSERT_TRUE(gives(source, 0, ""));
    CU_ASSERT_FALSE(can_be_read(source));
    int writer = open(place.path, O_WRONLY | O_CLOEXEC);
    CU_ASSERT_TRUE(gives(source, 0, ""));
    write_to(writer, "on");
    CU_ASSERT_TRUE(can_be_read(source));
    CU_ASSERT_TRUE(gives(source, 0, ""));
    write_to(writer, "e\ntwo\n");
    CU_ASSERT_TRUE(gives(source, 1, "one"));
    CU_ASSERT_TRUE(gives(source, 2, "two"));
    CU_ASSERT_TRUE(gives(source, 0, ""));
    write_to(writer, "last");
    js_fd_close(&writer);
    CU_ASSERT_TRUE(can_be_read(source)); /* the end wakes the caller too */
    CU_ASSERT_TRUE(gives(source, 3, "last"));
    CU_ASSERT_TRUE(gives(source, 0, NULL));
    writer = open(place.path, O_WRONLY | O_CLOEXEC);
    write_to(writer, "too late\n");
    CU_ASSERT_TRUE(gives(source, 0, NULL)); /* an end is an end */
    js_fd_close(&writer);
    check_total(source, 3);
    js_source_free(source);
    place_release(&place);
    alarm(0);
}

static void test_fifo_closed_without_a_word(void)
{
    struct place place;
    place_init(&place, "jobs.txt");
    alarm(unit_patience_s());
    CU_ASSERT_EQUAL(mkfifo(place.path, 0600), 0);
    struct js_source *source =
        js_source_new_file(&(struct js_list_config){.path = place.path}, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(source);
    int writer = open(place.path, O_WRONLY | O_CLOEXEC);
    js_fd_close(&writer);
    CU_ASSERT_TRUE(gives(source, 0, NULL));
    js_source_free(source);
    place_release(&place);
    alarm(0);
}

static void test_devices_are_streams(void)
{
    struct js_source *source =
        js_source_new_file(&(struct js_list_config){.path = "/dev/null"}, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(source);
    CU_ASSERT_TRUE(gives(source, 0, NULL));
    js_source_free(source);
    source =
        js_source_new_file(&(struct js_list_config){.path = "/dev/zero"}, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(source);
    CU_ASSERT_TRUE(fails(source, "/dev/zero:1:1: NUL byte in a command: "));
    js_source_free(source);
}

/* ---- standard input: another one put in its place for the length of a test */

static int put_as_stdin(int fd)
{
    int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10);
    close(STDIN_FILENO);
    if (fd >= 0)
        CU_ASSERT_EQUAL(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    return saved;
}

static void put_stdin_back(int saved)
{
    if (saved >= 0) {
        dup2(saved, STDIN_FILENO);
        close(saved);
    } else {
        close(STDIN_FILENO);
    }
}

static void test_stdin_pipe_is_left_as_it_was(void)
{
    int ends[2];
    alarm(unit_patience_s());
    CU_ASSERT_EQUAL(pipe2(ends, O_CLOEXEC), 0);
    int saved = put_as_stdin(ends[0]);
    int flags = fcntl(STDIN_FILENO, F_GETFL);
    struct js_source *source =
        js_source_new_file(&(struct js_list_config){.path = "-"}, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(source);
    CU_ASSERT_TRUE(gives(source, 0, "")); /* a read would wait here */
    CU_ASSERT_EQUAL(fcntl(STDIN_FILENO, F_GETFL), flags);
    CU_ASSERT_FALSE(flags & O_NONBLOCK);
    CU_ASSERT_EQUAL(js_source_fd(source), STDIN_FILENO);
    write_to(ends[1], "a\nb\n");
    CU_ASSERT_TRUE(gives(source, 1, "a"));
    CU_ASSERT_TRUE(gives(source, 2, "b"));
    CU_ASSERT_EQUAL(write(ends[1], "x\0", 2), 2);
    CU_ASSERT_TRUE(
        fails(source, "standard input:3:2: NUL byte in a command: "));
    js_source_free(source);
    CU_ASSERT_EQUAL(fcntl(STDIN_FILENO, F_GETFL), flags); /* not closed */
    put_stdin_back(saved);
    js_fd_close(&ends[0]);
    js_fd_close(&ends[1]);
    alarm(0);
}

static void test_stdin_may_be_a_file(void)
{
    struct place place;
    place_init(&place, "jobs.txt");
    spit(place.path, "a\nb", 3);
    int fd = open(place.path, O_RDONLY | O_CLOEXEC);
    int saved = put_as_stdin(fd);
    struct js_source *source =
        js_source_new_file(&(struct js_list_config){.path = "-"}, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(source);
    CU_ASSERT_TRUE(gives(source, 1, "a"));
    CU_ASSERT_TRUE(gives(source, 2, "b"));
    CU_ASSERT_TRUE(gives(source, 0, NULL));
    js_source_free(source);
    put_stdin_back(saved);
    js_fd_close(&fd);
    place_release(&place);
}

static void test_stdin_that_cannot_be_read(void)
{
    int saved = put_as_stdin(-1);
    check_refused("-", "cannot read standard input: Bad file descriptor");
    put_stdin_back(saved);

    int fd = open("/", O_RDONLY | O_CLOEXEC);
    saved = put_as_stdin(fd);
    check_refused("-", "standard input is a directory: ");
    put_stdin_back(saved);
    js_fd_close(&fd);

    fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    saved = put_as_stdin(fd);
    struct js_source *source =
        js_source_new_file(&(struct js_list_config){.path = "-"}, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(source);
    CU_ASSERT_TRUE(
        fails(source, "cannot read standard input: Bad file descriptor"));
    js_source_free(source);
    put_stdin_back(saved);
    js_fd_close(&fd);
}

/* A child that writes `text` over and over, `bytes` in all or until killed. */
static pid_t start_writer(const char *text, size_t bytes, int *ret_fd)
{
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char block[8192];
        size_t len = strlen(text);
        for (size_t i = 0; i < sizeof(block); i++)
            block[i] = text[i % len];
        close(ends[0]);
        while (bytes > 0 && write(ends[1], block, sizeof(block)) > 0)
            bytes -= sizeof(block) < bytes ? sizeof(block) : bytes;
        _exit(0);
    }
    js_fd_close(&ends[1]);
    *ret_fd = ends[0];
    return pid;
}

static void stop_writer(pid_t pid)
{
    kill(pid, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
}

static enum js_source_state next_waiting(struct js_source *source,
                                         struct js_job **ret)
{
    for (;;) {
        enum js_source_state state = js_source_next(source, ret, NULL);
        struct pollfd input = {.fd = js_source_fd(source), .events = POLLIN};
        if (state != JS_SOURCE_LATER ||
            poll(&input, 1, (int)unit_patience_s() * 1000) != 1)
            return state;
    }
}

static void test_stream_needs_no_more_memory_as_it_goes_on(void)
{
    int fd;
    size_t jobs = 0;
    struct js_job *job;
    alarm(unit_patience_s());
    pid_t writer = start_writer(
        "true # 64 bytes a line, so that blocks of them end at a linexxx\n",
        64 << 20, &fd);
    int saved = put_as_stdin(fd);
    js_fd_close(&fd);
    struct js_source *source =
        js_source_new_file(&(struct js_list_config){.path = "-"}, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(source);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (; next_waiting(source, &job) == JS_SOURCE_JOB; jobs++)
        js_job_free(job);
    size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    CU_ASSERT_EQUAL(jobs, 1 << 20);
    CU_ASSERT_TRUE(gives(source, 0, NULL));
    CU_ASSERT_TRUE(after <= before + (1 << 20));
    js_source_free(source);
    put_stdin_back(saved);
    stop_writer(writer);
    alarm(0);
}

/* Writes so many lines of eight bytes; the pipe must have room for them. */
static void write_lines(int fd, int lines)
{
    struct js_buf text = JS_BUF_INIT;
    for (int i = 0; i < lines; i++)
        CU_ASSERT_EQUAL(js_buf_append(&text, "true 12\n", 8), 0);
    CU_ASSERT_EQUAL(write(fd, text.data, text.len), (ssize_t)text.len);
    js_buf_release(&text);
}

/* Takes those that are there. */
static enum js_source_state take_lines(struct js_source *source, int lines,
                                       struct js_err *err)
{
    struct js_job *job;
    enum js_source_state state = JS_SOURCE_LATER;
    int taken = 0;
    while ((state = js_source_next(source, &job, err)) == JS_SOURCE_JOB) {
        js_job_free(job);
        taken++;
    }
    CU_ASSERT_EQUAL(taken, lines);
    return state;
}

/* What may have waited for room in the pipe gives no job. */
static void test_a_pipe_that_is_distrusted(void)
{
    struct js_err err = {""};
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    int saved = put_as_stdin(ends[0]);
    struct js_source *source =
        js_source_new_file(&(struct js_list_config){.path = "-"}, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(source);
    js_source_distrust(source);
    write_lines(ends[1], 3000);
    CU_ASSERT_EQUAL(take_lines(source, 3000, &err), JS_SOURCE_LATER);
    /* There is more room now. */
    write_lines(ends[1], 40000);
    CU_ASSERT_EQUAL(take_lines(source, 40000, &err), JS_SOURCE_LATER);
    write_lines(ends[1], 70000);
    CU_ASSERT_EQUAL(take_lines(source, 0, &err), JS_SOURCE_ERROR);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "damages data"));
    js_source_free(source);
    /* Whoever waits for room in the ordinary way is trusted. */
    source = js_source_new_file(&(struct js_list_config){.path = "-"}, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(source);
    write_lines(ends[1], 10000);
    CU_ASSERT_EQUAL(take_lines(source, 80000 - 8192, &err), JS_SOURCE_LATER);
    js_source_free(source);
    put_stdin_back(saved);
    js_fd_close(&ends[0]);
    js_fd_close(&ends[1]);
}

/* A call must come back although there is more to read. */
static void test_stream_of_comments_does_not_keep_the_caller(void)
{
    struct place place;
    place_init(&place, "jobs.txt");
    struct js_buf text = JS_BUF_INIT;
    for (int i = 0; i < 4 << 20; i += 16)
        js_buf_puts(&text, "# sixteen bytes\n");
    spit(place.path, text.data, text.len);
    js_buf_release(&text);
    int fd = open(place.path, O_RDONLY | O_CLOEXEC);
    int saved = put_as_stdin(fd);
    struct js_source *source =
        js_source_new_file(&(struct js_list_config){.path = "-"}, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(source);
    for (int mib = 1; mib <= 3; mib++) {
        CU_ASSERT_TRUE(gives(source, 0, ""));
        CU_ASSERT_EQUAL(lseek(STDIN_FILENO, 0, SEEK_CUR), mib << 20);
        CU_ASSERT_TRUE(can_be_read(source));
    }
    CU_ASSERT_EQUAL(next_waiting(source, &(struct js_job *){NULL}),
                    JS_SOURCE_END);
    js_source_free(source);
    put_stdin_back(saved);
    js_fd_close(&fd);
    place_release(&place);
}

struct told {
    unsigned count;
    char last[200];
};

static void tell(void *arg, const char *text)
{
    struct told *told = arg;
    told->count++;
    snprintf(told->last, sizeof(told->last), "%s", text);
}

/* `count` lines with a mistake, and one without. */
static void check_errors(const struct place *place, unsigned count,
                         unsigned told_count, const char *expected)
{
    struct js_buf text = JS_BUF_INIT;
    struct told told = {0};
    struct js_err err = {""};
    for (unsigned i = 0; i < count; i++)
        js_buf_puts(&text, "[core=1] x\n");
    js_buf_puts(&text, "true\n");
    spit(place->path, text.data, text.len);
    CU_ASSERT_PTR_NULL(js_source_new_file(
        &(struct js_list_config){
            .path = place->path,
            .sink = &(struct js_warnings_sink){.report = tell, .arg = &told}},
        &err));
    CU_ASSERT_EQUAL(told.count, told_count);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, expected));
    js_buf_release(&text);
}

static void test_errors_are_told(void)
{
    struct place place;
    place_init(&place, "jobs.txt");
    check_errors(&place, 1, 0, ":1:2: unknown attribute \"core\"");
    check_errors(&place, 2, 2, ": 2 errors");
    check_errors(&place, 19, 19, ": 19 errors");
    check_errors(&place, 25, 20, ": 20 errors or more");
    place_release(&place);
}

/* ---------------------------------------------------------------- checks */

/* All that is told, "|" behind each line, and what the last error is. */
struct said {
    struct js_buf text;
    struct js_err err;
};

static void say(void *arg, const char *text)
{
    struct said *said = arg;
    js_buf_printf(&said->text, "%s|", text);
}

/* Reads the list to its end: how many jobs it gives. */
static unsigned read_list(const char *path, const char *text, struct said *said)
{
    unsigned jobs = 0;
    spit(path, text, strlen(text));
    *said = (struct said){.text = JS_BUF_INIT};
    js_buf_puts(&said->text, "");
    struct js_source *source = js_source_new_file(
        &(struct js_list_config){
            .path = path,
            .sink = &(struct js_warnings_sink){.report = say, .arg = said}},
        &said->err);
    struct js_job *job;
    while (source &&
           js_source_next(source, &job, &said->err) == JS_SOURCE_JOB) {
        js_job_free(job);
        jobs++;
    }
    js_source_free(source);
    CU_ASSERT_PTR_NOT_NULL_FATAL(js_buf_string(&said->text));
    return jobs;
}

/* Two jobs with one file, neither after the other: an error that names both
 * lines. In the place of "DIR" stands the folder. */
static void one_file(const struct place *place, const char *first,
                     const char *second, bool is_one)
{
    struct js_buf text = JS_BUF_INIT;
    struct said said;
    js_buf_printf(&text, "#JOBSCHED dir=%s\n[%s] a\n\n[%s] b\n", place->dir,
                  first, second);
    unsigned jobs =
        read_list(place->path, not_null((void *)js_buf_string(&text)), &said);
    CU_ASSERT_EQUAL(jobs, is_one ? 0 : 2);
    CU_ASSERT_STRING_EQUAL(said.text.data, "");
    bool is_said = strstr(said.err.text, ":4:2: ") == NULL &&
                   strstr(said.err.text, ":4:") &&
                   strstr(said.err.text, "the job on line 2 writes to the same "
                                         "file, and neither job comes after");
    CU_ASSERT_EQUAL(is_said, is_one);
    if (is_said != is_one)
        fprintf(stderr, "\nsource: %s, %s: %s\n", first, second, said.err.text);
    js_buf_release(&said.text);
    js_buf_release(&text);
}

static void test_one_file_of_two_jobs(void)
{
    struct place place;
    char path[PLACE_PATH], other[PLACE_PATH], dir[PLACE_PATH];
    place_init(&place, "jobs.txt");
    one_file(&place, "stdout=out", "stdout=out", true);
    one_file(&place, "stdout=out", "stderr=out", true);
    one_file(&place, "stdout=out stderr=out", "stdout=other", false);
    one_file(&place, "stdout=out", "stdout=./x/..//out", true);
    one_file(&place, "stdout=no/such/../out", "stdout=no/out", true);
    one_file(&place, "stdout=out", "stdout=out2", false);
    one_file(&place, "stdout=out", "stdin=out", false);
    one_file(&place, "stdout=/dev/null", "stdout=/dev/null", false);
    one_file(&place, "stdout=/dev/stderr", "stderr=/dev/stderr", false);
    one_file(&place, "dir=/ stdout=tmp/x-y-z", "dir=/tmp stderr=x-y-z", true);
    snprintf(dir, sizeof(dir), "dir=/ stdout=%s/out", place.dir);
    one_file(&place, dir, "stdout=out", true);
    /* By a link to what is not there yet, to a folder, and a hard one. */
    place_name(&place, "link", path);
    CU_ASSERT_EQUAL(symlink("out", path), 0);
    one_file(&place, "stdout=link", "stdout=out", true);
    place_name(&place, "here", path);
    CU_ASSERT_EQUAL(symlink(".", path), 0);
    one_file(&place, "stdout=here/out", "stdout=out", true);
    one_file(&place, "dir=/ stdout=tmp/../tmp/x-y-z", "stdout=/tmp/x-y-z",
             true);
    place_name(&place, "hard", path);
    place_name(&place, "harder", other);
    spit(path, "x", 1);
    CU_ASSERT_EQUAL(link(path, other), 0);
    one_file(&place, "stdout=hard", "stdout=harder", true);
    place_name(&place, "fifo", path);
    CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
    one_file(&place, "stdout=fifo", "stdout=fifo", false);
    place_release(&place);
}

/* What the list says of jobs 1 and 2, then what is told of them. */
static void check_order(const char *list, const char *told, const char *error)
{
    struct place place;
    struct said said;
    place_init(&place, "jobs.txt");
    read_list(place.path, list, &said);
    CU_ASSERT_EQUAL(strstr(said.text.data, told ? told : "|") != NULL,
                    told != NULL);
    CU_ASSERT_EQUAL(strstr(said.err.text, error ? error : ":") != NULL,
                    error != NULL);
    js_buf_release(&said.text);
    place_release(&place);
}

static void test_one_file_in_turn(void)
{
    static const char warning[] =
        ":3:17: warning: stdout=/nowhere/o: the job on line 1 writes to the "
        "same file. This job comes after it and replaces what it wrote|";
    check_order("[name=a stdout=/nowhere/o] a\n[name=b after=a] b\n"
                "[after=b stdout=/nowhere/o] c\n",
                warning, NULL);
    check_order("[stdout=/nowhere/o] a\nwait\n[stdout=/nowhere/o] c\n",
                ":3:9: warning: ", NULL);
    check_order("[name=a stdout=/nowhere/o] a\n"
                "[after-any=a stdout=/nowhere/o] c\n",
                ":2:21: warning: ", NULL);
    /* Both after a third, or after the last but one that wrote to it. */
    check_order("[name=a] a\n[after=a stdout=/nowhere/o] b\n"
                "[after=a stdout=/nowhere/o] c\n",
                NULL, ":3:17: stdout=/nowhere/o: the job on line 2");
    check_order(
        "[name=a stdout=/nowhere/o] a\n"
        "[name=b after=a stdout=/nowhere/o] b\n"
        "[after=a stdout=/nowhere/o] c\n",
        ":2:24: warning: ", ":3:17: stdout=/nowhere/o: the job on line 2");
    /* From the defaults, so for each. */
    check_order("#JOBSCHED stdout=/nowhere/o\na\nb\n", NULL,
                ":3:1: stdout=/nowhere/o: the job on line 2");
}

/* Of a stream too, when it is met: what came before runs. */
static void test_one_file_in_a_stream(void)
{
    struct place place;
    struct said said = {.text = JS_BUF_INIT};
    struct js_job *job;
    place_init(&place, "fifo");
    CU_ASSERT_EQUAL(mkfifo(place.path, 0600), 0);
    int fd = open(place.path, O_RDWR | O_CLOEXEC);
    CU_ASSERT_FATAL(fd >= 0);
    struct js_source *source = js_source_new_file(
        &(struct js_list_config){
            .path = place.path,
            .sink = &(struct js_warnings_sink){.report = say, .arg = &said}},
        &said.err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(source);
    dprintf(fd, "#!/bin/sh\n[stdout=/nowhere/o] a\ndone\nb &\n"
                "[stderr=/nowhere/o] c\n");
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL_FATAL(js_source_next(source, &job, &said.err),
                              JS_SOURCE_JOB);
        js_job_free(job);
    }
    CU_ASSERT_EQUAL(js_source_next(source, &job, &said.err), JS_SOURCE_ERROR);
    CU_ASSERT_PTR_NOT_NULL(strstr(said.err.text, ":5:9: stderr=/nowhere/o: the "
                                                 "job on line 2 "));
    const char *told = js_buf_string(&said.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(told);
    CU_ASSERT_PTR_NOT_NULL(strstr(told, ":1:1: warning: \"#!/bin/sh\" names"));
    CU_ASSERT_PTR_NOT_NULL(strstr(told, ":3:1: warning: the shell rejects"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(told, ":4:1: warning: this command leaves a process"));
    js_source_free(source);
    close(fd);
    js_buf_release(&said.text);
    place_release(&place);
}

static void test_a_script_is_warned_of(void)
{
    struct place place;
    struct said said;
    place_init(&place, "jobs.txt");
    CU_ASSERT_EQUAL(read_list(place.path,
                              "#!/bin/bash -e\nfor i in 1 2\ndo\n"
                              "  echo $i &\ndone\nwait\n"
                              "[name=x] for i in 1 2; do echo $i; done\n",
                              &said),
                    5);
    const char *told = said.text.data;
    CU_ASSERT_PTR_NOT_NULL(
        strstr(told, ":1:1: warning: \"#!/bin/bash -e\" names a shell"));
    CU_ASSERT_PTR_NOT_NULL(strstr(told, ":2:1: warning: the shell rejects"));
    CU_ASSERT_PTR_NOT_NULL(strstr(told, ":3:1: warning: the shell rejects"));
    CU_ASSERT_PTR_NOT_NULL(strstr(
        told,
        ":4:1: warning: this command leaves a process in the background (&)"));
    CU_ASSERT_PTR_NOT_NULL(strstr(told, ":5:1: warning: the shell rejects"));
    CU_ASSERT_PTR_NULL(strstr(told, ":7:"));
    CU_ASSERT_STRING_EQUAL(said.err.text, "");
    js_buf_release(&said.text);
    place_release(&place);
}

static unsigned count_of(const char *text, const char *part)
{
    unsigned count = 0;
    for (; (text = strstr(text, part)); text++)
        count++;
    return count;
}

/* A thousand lines of a kind are five, and a number. */
static void test_warnings_are_few(void)
{
    struct place place;
    struct said said;
    struct js_buf list = JS_BUF_INIT;
    place_init(&place, "jobs.txt");
    for (int i = 0; i < 1000; i++)
        js_buf_puts(&list, "a &\n(b\n");
    CU_ASSERT_EQUAL(
        read_list(place.path, not_null((void *)js_buf_string(&list)), &said),
        2000);
    CU_ASSERT_EQUAL(count_of(said.text.data, "leaves a process"), 5);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(said.text.data,
               "more lines that leave a process in the background: 995|"));
    CU_ASSERT_EQUAL(count_of(said.text.data, "the shell rejects this"), 5);
    /* Of sixteen a shell was asked. */
    CU_ASSERT_PTR_NOT_NULL(
        strstr(said.text.data, "more lines that the shell rejects: 11|"));
    js_buf_release(&said.text);
    js_buf_release(&list);
    place_release(&place);
}

/* The name of a list is whatever somebody has called it. */
static void test_names_are_shown_escaped(void)
{
    struct place place;
    struct said said;
    place_init(&place, "a\nb\033[31m");
    read_list(place.path, "[core=1] x\n", &said);
    CU_ASSERT_PTR_NOT_NULL(strstr(said.err.text, "/a\\nb\\x1b[31m:1:2: "));
    js_buf_release(&said.text);
    place_release(&place);
}

static void count_need(void *arg, uint64_t id, uint64_t line,
                       const struct js_request *request)
{
    struct js_buf *log = arg;
    js_buf_printf(log, "%u@%u:%u;", (unsigned)id, (unsigned)line,
                  request->cores);
}

static void test_survey(void)
{
    static const char text[] = "a\n\n[cores=2 name=x] b\n[cores=2] c\n"
                               "[cores=3 after=x] d\n[cores=2] e\n";
    struct place place;
    place_init(&place, "jobs.txt");
    struct js_source_survey survey;
    struct js_buf log = JS_BUF_INIT;
    spit(place.path, text, strlen(text));
    struct js_source *source =
        js_source_new_file(&(struct js_list_config){.path = place.path}, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(source);
    js_source_survey(source, &survey);
    CU_ASSERT_TRUE(survey.is_known);
    CU_ASSERT_FALSE(survey.is_ordered);
    CU_ASSERT_EQUAL(survey.shape.jobs, 5);
    CU_ASSERT_EQUAL(survey.shape.longest_chain, 2);
    CU_ASSERT_EQUAL(survey.shape.width, 4);
    js_source_each_need(source, count_need, &log);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&log), "2@3:2;4@5:3;5@6:2;");
    /* The graph begins anew: it has the jobs as they are given out. */
    CU_ASSERT_EQUAL(js_graph_find(js_source_graph(source), "x"), 0);
    CU_ASSERT_TRUE(gives(source, 1, "a"));
    CU_ASSERT_TRUE(gives(source, 2, "b"));
    CU_ASSERT_EQUAL(js_graph_find(js_source_graph(source), "x"), 2);
    js_source_free(source);
    spit(place.path, "[priority=1] a\n", 15);
    source =
        js_source_new_file(&(struct js_list_config){.path = place.path}, NULL);
    js_source_survey(source, &survey);
    CU_ASSERT_TRUE(survey.is_ordered);
    js_source_free(source);
    js_buf_release(&log);
    place_release(&place);
}

static const struct unit_test tests[] = {
    {"demo counts and ends", test_demo_counts_and_ends},
    {"demo without end", test_demo_without_end},
    {"file is counted, then given out", test_file_is_counted_then_given_out},
    {"empty files", test_empty_files},
    {"large file", test_large_file},
    {"file without a size", test_file_without_a_size},
    {"errors are found before the first job",
     test_errors_are_found_before_the_first_job},
    {"what is no file is refused", test_what_is_no_file_is_refused},
    {"FIFO waits for its writer", test_fifo_waits_for_its_writer},
    {"FIFO closed without a word", test_fifo_closed_without_a_word},
    {"devices are streams", test_devices_are_streams},
    {"stdin pipe is left as it was", test_stdin_pipe_is_left_as_it_was},
    {"stdin may be a file", test_stdin_may_be_a_file},
    {"stdin that cannot be read", test_stdin_that_cannot_be_read},
    {"stream needs no more memory as it goes on",
     test_stream_needs_no_more_memory_as_it_goes_on},
    {"a pipe that is distrusted", test_a_pipe_that_is_distrusted},
    {"stream of comments does not keep the caller",
     test_stream_of_comments_does_not_keep_the_caller},
    {"errors are told, up to twenty", test_errors_are_told},
    {"one file of two jobs", test_one_file_of_two_jobs},
    {"one file in turn", test_one_file_in_turn},
    {"one file in a stream", test_one_file_in_a_stream},
    {"a script is warned of", test_a_script_is_warned_of},
    {"warnings are few", test_warnings_are_few},
    {"names are shown escaped", test_names_are_shown_escaped},
    {"a survey of a file", test_survey},
    {NULL, NULL},
};
const struct unit_suite suite_source = {"source", tests};
