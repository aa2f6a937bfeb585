/* journal: what is written can be read, whatever happens to the file. */
#include "unit.h"

#include "base/buf.h"
#include "base/clock.h"
#include "place.h"
#include "record/journal.h"
#include "record/journal_format.h"
#include "rng.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

/* ---------------------------------------------------------------- the scene */

/* A journal, what is put beside it, and what was said. */
struct scene {
    struct place place;
    char torn[PLACE_PATH], old[PLACE_PATH];
    struct js_buf warnings;
};

static void scene_init(struct scene *scene)
{
    memset(scene, 0, sizeof(*scene));
    place_init(&scene->place, "j");
    place_name(&scene->place, "j.torn", scene->torn);
    place_name(&scene->place, "j.old", scene->old);
}

static void scene_release(struct scene *scene)
{
    place_release(&scene->place);
    js_buf_release(&scene->warnings);
}

static void keep_warning(void *arg, const char *text)
{
    struct scene *scene = arg;
    js_buf_printf(&scene->warnings, "%s\n", text);
}

static struct js_journal_config config_of(struct scene *scene)
{
    return (struct js_journal_config){
        .path = scene->place.path,
        .host = "here",
        .sync_ns = JS_JOURNAL_NO_SYNC,
        .log = {keep_warning, scene},
    };
}

/* ---------------------------------------------------------------- lines */

static void parse_back(const struct js_journal_line *line,
                       struct js_journal_line *ret)
{
    struct js_buf buf = JS_BUF_INIT;
    CU_ASSERT_EQUAL_FATAL(js_journal_format_write(&buf, line), 0);
    CU_ASSERT_FATAL(buf.len > 10 && buf.len < JS_JOURNAL_LINE_MAX);
    CU_ASSERT_EQUAL(buf.data[buf.len - 1], '\n');
    CU_ASSERT_EQUAL_FATAL(js_journal_format_parse(buf.data, buf.len - 1, ret),
                          0);
    CU_ASSERT_EQUAL(ret->kind, line->kind);
    js_buf_release(&buf);
}

static void test_an_attempt_there_and_back(void)
{
    static struct js_journal_line line, back;
    line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_FAILED,
        .id = UINT64_MAX,
        .attempt = UINT32_MAX,
        .slave = 12,
        .cores = 4,
        .outcome = {.start_unix_ns = INT64_C(1795494098976767000),
                    .run_ns = 1368000,
                    .user_cpu_ns = 1000,
                    .system_cpu_ns = 2000,
                    .max_rss_bytes = 40 * UINT64_C(1073741824),
                    .out_bytes = UINT64_MAX,
                    .err_bytes = 3,
                    .exit_code = 255,
                    .signal = 15,
                    .step = JS_STEP_EXEC,
                    .step_errno = ENOENT,
                    .cause = JS_STOP_REASON_MEMORY},
    };
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.id, line.id);
    CU_ASSERT_EQUAL(back.attempt, line.attempt);
    CU_ASSERT_EQUAL(back.slave, 12);
    CU_ASSERT_EQUAL(back.cores, 4);
    CU_ASSERT_EQUAL(memcmp(&back.outcome, &line.outcome, sizeof(line.outcome)),
                    0);
}

static void test_lists_there_and_back(void)
{
    static struct js_journal_line line, back;
    line =
        (struct js_journal_line){.kind = JS_JOURNAL_LINE_JOBS, .id = 1000000};
    for (; line.count < JS_JOURNAL_LINE_LIST; line.count++)
        line.identities[line.count] =
            (struct js_identity){line.count << 60, ~line.count};
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.count, JS_JOURNAL_LINE_LIST);
    CU_ASSERT_EQUAL(back.id, 1000000);
    CU_ASSERT_EQUAL(
        memcmp(back.identities, line.identities, sizeof(line.identities)), 0);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_GONE,
                                    .count = JS_JOURNAL_LINE_LIST};
    for (size_t i = 0; i < line.count; i++)
        line.ids[i] = UINT64_MAX - i;
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(memcmp(back.ids, line.ids, sizeof(line.ids)), 0);
}

static void test_texts_there_and_back(void)
{
    static struct js_journal_line line, back;
    line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_RUN, .pid = 1, .boot = 3};
    snprintf(line.text, sizeof(line.text), "a host\n\t\\ \x01\xff");
    parse_back(&line, &back);
    CU_ASSERT_STRING_EQUAL(back.text, line.text);
    line.text[0] = '\0';
    parse_back(&line, &back);
    CU_ASSERT_STRING_EQUAL(back.text, "");
}

static void test_what_runs_there_and_back(void)
{
    static struct js_journal_line line, back;
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_BEGAN,
                                    .id = 7,
                                    .attempt = 2,
                                    .slave = 12,
                                    .unix_us = UINT64_C(1795494098976767)};
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.id, 7);
    CU_ASSERT_EQUAL(back.attempt, 2);
    CU_ASSERT_EQUAL(back.slave, 12);
    CU_ASSERT_EQUAL(back.unix_us, line.unix_us);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_LEFT, .id = 12};
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.id, 12);
    line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_SAID, .id = 7, .attempt = 2, .stream = 2};
    memset(line.text, '\x01', JS_OUTPUT_TAIL_MAX);
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.id, 7);
    CU_ASSERT_EQUAL(back.attempt, 2);
    CU_ASSERT_EQUAL(back.stream, 2);
    CU_ASSERT_STRING_EQUAL(back.text, line.text);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_LOST,
                                    .id = 7,
                                    .slave = 12,
                                    .losses = 2,
                                    .unix_us = 34};
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.id, 7);
    CU_ASSERT_EQUAL(back.slave, 12);
    CU_ASSERT_EQUAL(back.losses, 2);
    CU_ASSERT_EQUAL(back.unix_us, 34);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_DEAD,
                                    .mark = UINT64_C(0xfedcba9876543210),
                                    .unix_us = 1,
                                    .until_us = 2,
                                    .lease_us = 3,
                                    .outlives = 1,
                                    .boot = 4,
                                    .space = 5};
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.mark, line.mark);
    CU_ASSERT(back.unix_us == 1 && back.until_us == 2 && back.lease_us == 3);
    CU_ASSERT(back.outlives == 1 && back.boot == 4 && back.space == 5);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_LEFTOVERS,
                                    .id = 7,
                                    .attempt = 2,
                                    .outcome = {.leftovers = 3}};
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.id, 7);
    CU_ASSERT_EQUAL(back.attempt, 2);
    CU_ASSERT_EQUAL(back.outcome.leftovers, 3);
}

static uint32_t checksum(const char *text)
{
    return (uint32_t)crc32(0, (const unsigned char *)text,
                           (unsigned)strlen(text));
}

/* With a right checksum, all the same. */
static void expect_no_record(const char *rest)
{
    static struct js_journal_line line;
    char text[256];
    int len =
        snprintf(text, sizeof(text), "%08" PRIx32 " %s", checksum(rest), rest);
    CU_ASSERT_EQUAL(js_journal_format_parse(text, (size_t)len, &line), -1);
}

static void test_lines_that_are_no_records(void)
{
    static struct js_journal_line line;
    expect_no_record("run");
    expect_no_record("run 1 2 3");
    expect_no_record("run 1 2 3 4");
    expect_no_record("run 1 2 3 4 a\\");
    expect_no_record("run 1 2 3 4 a\\q");
    expect_no_record("run 1 2 3 4 a\\x0");
    expect_no_record("run 1 2 3 4 a\\x00");
    expect_no_record("jobs x");
    expect_no_record("jobs 1 0123");
    expect_no_record("jobs 1 0123456789abcdef0123456789abcdeg");
    expect_no_record("jobs 1  0123456789abcdef0123456789abcdef");
    expect_no_record("gone -1");
    expect_no_record("gone 1 ");
    expect_no_record("gone 18446744073709551616");
    expect_no_record("ok 1 1 1 1 256 0 0 0 0 1 1 1 1 1 1 1");
    expect_no_record("ok 1 1 1 1 0 0 99 0 0 1 1 1 1 1 1 1");
    expect_no_record("ok 1 1 1 1 0 0 0 0 0 1 1 1 1 1 1");
    expect_no_record("ok 1 1 1 1 0 0 0 0 0 1 1 1 1 1 1 1 1");
    expect_no_record("skipped 1");
    expect_no_record("began 1 1 1");
    expect_no_record("began 1 1 1 9223372036854775807");
    expect_no_record("left");
    expect_no_record("said 1 1 1");
    expect_no_record("said 1 1 3 x");
    expect_no_record("lost 1 1");
    expect_no_record("lost 1 1 4294967296");
    expect_no_record("end 0 1 2");
    CU_ASSERT_EQUAL(js_journal_format_parse("", 0, &line), -1);
    CU_ASSERT_EQUAL(js_journal_format_parse("00000000", 8, &line), -1);
    CU_ASSERT_EQUAL(js_journal_format_parse("00000000 x", 10, &line), -1);
}

static void test_words_of_later_versions_are_skipped(void)
{
    static struct js_journal_line line;
    const char *rest = "nonsense 1 2 \xff";
    char text[256];
    int len =
        snprintf(text, sizeof(text), "%08" PRIx32 " %s", checksum(rest), rest);
    CU_ASSERT_EQUAL(js_journal_format_parse(text, (size_t)len, &line), 0);
    CU_ASSERT_EQUAL(line.kind, JS_JOURNAL_LINE_UNKNOWN);
}

static void test_marks_there_and_back(void)
{
    static struct js_journal_line line, back;
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_MARK,
                                    .mark = UINT64_C(0x0123456789abcdef),
                                    .space = 4026531836};
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.mark, line.mark);
    CU_ASSERT_EQUAL(back.space, line.space);
    line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_PART, .mark = UINT64_MAX, .restarts = 3};
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.mark, line.mark);
    CU_ASSERT_EQUAL(back.restarts, line.restarts);
    line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_PROCESS,
                                    .id = 2,
                                    .processes = {1, 2, 3, 4, 5, UINT64_MAX}};
    parse_back(&line, &back);
    CU_ASSERT_EQUAL(back.id, 2);
    CU_ASSERT_EQUAL(
        memcmp(&back.processes, &line.processes, sizeof(line.processes)), 0);
}

/* ---------------------------------------------------------------- a journal */

/* Opens, and fails the test if that is refused. */
static struct js_journal *open_ok(const struct js_journal_config *config,
                                  struct js_registry *registry)
{
    struct js_err err = {""};
    struct js_journal *journal = NULL;
    int rc = js_journal_open(config, registry, &journal, &err);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    CU_ASSERT_EQUAL(rc, 0);
    return not_null(journal);
}

static void begin_ok(struct js_journal *journal)
{
    struct js_err err = {""};
    CU_ASSERT_EQUAL(js_journal_begin(journal, &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
}

static void accept(struct js_journal *journal, uint64_t id)
{
    struct js_identity identity = {id, id};
    struct js_resume_news news = {JS_RESUME_ACCEPTED, id, &identity, NULL};
    CU_ASSERT_EQUAL(js_journal_add_news(journal, &news), 0);
}

static void tell(struct js_journal *journal, enum js_resume_change change,
                 uint64_t id, const char *name)
{
    struct js_resume_news news = {change, id, NULL, name};
    CU_ASSERT_EQUAL(js_journal_add_news(journal, &news), 0);
}

/* Of one that failed it is known what it wrote. */
static void completion(struct js_journal *journal, uint64_t id,
                       uint32_t exit_code)
{
    struct js_job *job = not_null(js_job_new(id, "x", 1));
    struct js_output_tail tail = {
        .stream = 2, .len = 7, .bytes = "a\nb\0c\\\n"};
    struct js_completion completion = {.job = job,
                                       .outcome = {.exit_code = exit_code},
                                       .slave = 1,
                                       .cores = 1,
                                       .host = "n1",
                                       .tail = exit_code ? &tail : NULL};
    CU_ASSERT_EQUAL(js_journal_add_finish(journal, &completion, 0), 0);
    js_job_free(job);
}

static void begun(struct js_journal *journal, uint64_t id)
{
    struct js_job *job = not_null(js_job_new(id, "x", 1));
    CU_ASSERT_EQUAL(js_journal_add_begun(journal, job, 1, 5000), 0);
    js_job_free(job);
}

static void commit(struct js_journal *journal)
{
    struct js_err err = {""};
    CU_ASSERT_EQUAL(js_journal_commit(journal, js_clock_ns(), &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
}

static void close_ok(struct js_journal *journal, int status)
{
    struct js_err err = {""};
    CU_ASSERT_EQUAL(js_journal_end(journal, status, &err), 0);
    CU_ASSERT_EQUAL(js_journal_unwritten(journal), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    js_journal_close(journal);
}

/* Six jobs: 1 and 2 ok, 3 failed, 4 ok and again, 5 ok, 6 left. */
static void write_journal(struct scene *scene)
{
    struct js_journal_config config = config_of(scene);
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = open_ok(&config, registry);
    CU_ASSERT_FALSE(js_journal_has_jobs(journal));
    for (uint64_t id = 1; id <= 6; id++)
        accept(journal, id);
    tell(journal, JS_RESUME_NAMED, 3, "three");
    begin_ok(journal);
    CU_ASSERT_EQUAL(js_journal_add_slave(journal, 1, 1, "n1", NULL), 0);
    completion(journal, 2, 0);
    commit(journal);
    completion(journal, 1, 0);
    completion(journal, 3, 7);
    completion(journal, 4, 0);
    tell(journal, JS_RESUME_AGAIN, 4, NULL);
    begun(journal, 6);
    commit(journal);
    completion(journal, 5, 0);
    CU_ASSERT_EQUAL(js_journal_add_left(journal, 1), 0);
    close_ok(journal, 3);
    js_registry_free(registry);
}

static void expect_standings(const struct js_registry *registry,
                             const char *want)
{
    static const char letters[] = "lsfk";
    char got[16] = "";
    for (uint64_t id = 1; id <= js_registry_count(registry) && id < 16; id++)
        got[id - 1] = letters[js_registry_standing(registry, id)];
    CU_ASSERT_STRING_EQUAL(got, want);
}

/* So long that no machine needs it for a test. */
enum { QUIET_S = 5000 };

/* A run with this lease, of a slave on `host`, which is killed (status -1) or
 * ends; its last word was `ago_s` seconds ago. Returns how long the next waits.
 */
static int64_t quiet_after(bool outlives, const char *host, int status,
                           int ago_s)
{
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    struct js_registry *registry = not_null(js_registry_new());
    config.lease_ns = QUIET_S * JS_NS_PER_S;
    config.outlives = outlives;
    struct js_journal *journal = open_ok(&config, registry);
    begin_ok(journal);
    CU_ASSERT_EQUAL(js_journal_quiet_ns(journal), 0);
    CU_ASSERT_EQUAL(js_journal_add_slave(journal, 1, 1, host, NULL), 0);
    commit(journal);
    if (status >= 0)
        close_ok(journal, status);
    else
        js_journal_close(journal);
    js_registry_free(registry);
    struct timespec times[2] = {{0, UTIME_OMIT}, {time(NULL) - ago_s, 0}};
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, scene.place.path, times, 0), 0);
    registry = not_null(js_registry_new());
    journal = open_ok(&config, registry);
    begin_ok(journal);
    int64_t quiet_ns = js_journal_quiet_ns(journal);
    js_journal_close(journal);
    js_registry_free(registry);
    scene_release(&scene);
    return quiet_ns;
}

/* Its slaves may still be ending their jobs. */
static void test_quiet_after_a_run_that_was_killed(void)
{
    struct scene scene;
    scene_init(&scene);
    const char *here = config_of(&scene).host;
    int64_t quiet_ns = quiet_after(true, here, -1, 1);
    CU_ASSERT(quiet_ns > 0 && quiet_ns <= (QUIET_S - 1) * JS_NS_PER_S);
    CU_ASSERT(quiet_after(false, "elsewhere", -1, 1) > 0);
    CU_ASSERT_EQUAL(quiet_after(false, here, -1, 1), 0);
    CU_ASSERT_EQUAL(quiet_after(true, here, 3, 1), 0);
    CU_ASSERT_EQUAL(quiet_after(true, here, -1, QUIET_S + 1), 0);
    /* A clock that was put back is no reason to wait longer. */
    CU_ASSERT_EQUAL(quiet_after(true, here, -1, -1000), QUIET_S * JS_NS_PER_S);
    scene_release(&scene);
}

/* A run of the journal; status -1: it is killed. Returns its id. */
static uint64_t run_once(struct scene *scene, bool is_fresh, int status)
{
    struct js_journal_config config = config_of(scene);
    struct js_registry *registry = not_null(js_registry_new());
    config.lease_ns = JS_NS_PER_S;
    config.is_fresh = is_fresh;
    struct js_journal *journal = open_ok(&config, registry);
    uint64_t id = js_journal_run_id(journal);
    begin_ok(journal);
    commit(journal);
    if (status < 0)
        js_journal_close(journal);
    else
        close_ok(journal, status);
    js_registry_free(registry);
    return id;
}

static void test_runs_that_were_killed(void)
{
    struct scene scene;
    size_t count = 0;
    scene_init(&scene);
    const int64_t lease_ns = JS_NS_PER_S;
    struct js_journal_config config = config_of(&scene);
    int64_t before_ns = js_clock_unix_ns();
    uint64_t first = run_once(&scene, false, -1);
    uint64_t second = run_once(&scene, false, 3);
    uint64_t third = run_once(&scene, false, -1);
    CU_ASSERT(first && second && third && first != second && first != third);
    for (int i = 0; i < 2; i++) {
        struct js_registry *registry = not_null(js_registry_new());
        /* Those of a journal that is set aside as well. */
        config.is_fresh = i == 1;
        struct js_journal *journal = open_ok(&config, registry);
        const struct js_dead_run *dead = js_journal_dead_runs(journal, &count);
        CU_ASSERT_EQUAL_FATAL(count, 2);
        CU_ASSERT_EQUAL(dead[0].id, first);
        CU_ASSERT_EQUAL(dead[1].id, third);
        CU_ASSERT(dead[0].begin_unix_ns >= before_ns - 1000);
        CU_ASSERT(dead[1].begin_unix_ns >= dead[0].begin_unix_ns);
        /* What it had given to slaves goes on for the lease. */
        CU_ASSERT(dead[0].until_unix_ns >= dead[0].begin_unix_ns + lease_ns);
        CU_ASSERT(dead[0].until_unix_ns <= js_clock_unix_ns() + lease_ns);
        CU_ASSERT_EQUAL(dead[1].until_unix_ns, 0);
        js_journal_close(journal);
        js_registry_free(registry);
    }
    /* The last ones of many. */
    for (int i = 0; i < JS_JOURNAL_DEAD; i++)
        first = run_once(&scene, false, -1);
    struct js_registry *registry = not_null(js_registry_new());
    config.is_fresh = false;
    struct js_journal *journal = open_ok(&config, registry);
    const struct js_dead_run *dead = js_journal_dead_runs(journal, &count);
    CU_ASSERT_EQUAL(count, JS_JOURNAL_DEAD);
    CU_ASSERT_EQUAL(dead[count - 1].id, first);
    js_journal_close(journal);
    js_registry_free(registry);
    scene_release(&scene);
}

static void test_what_is_written_is_read(void)
{
    struct scene scene;
    struct stat st;
    scene_init(&scene);
    write_journal(&scene);
    CU_ASSERT_EQUAL(stat(scene.place.path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    struct js_journal_config config = config_of(&scene);
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = open_ok(&config, registry);
    CU_ASSERT_TRUE(js_journal_has_jobs(journal));
    expect_standings(registry, "ssflsl");
    CU_ASSERT_EQUAL(js_registry_find_name(registry, "three"), 3);
    CU_ASSERT_EQUAL(scene.warnings.len, 0);
    /* Going on: the last record of a job wins. */
    tell(journal, JS_RESUME_GONE, 6, NULL);
    accept(journal, 7);
    begin_ok(journal);
    completion(journal, 3, 0);
    completion(journal, 5, 1);
    close_ok(journal, 0);
    js_registry_free(registry);
    registry = not_null(js_registry_new());
    journal = open_ok(&config, registry);
    expect_standings(registry, "ssslfll");
    CU_ASSERT_TRUE(js_registry_is_gone(registry, 6));
    js_journal_close(journal);
    js_registry_free(registry);
    scene_release(&scene);
}

static void test_nothing_is_made_before_it_begins(void)
{
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = open_ok(&config, registry);
    accept(journal, 1);
    CU_ASSERT_EQUAL(js_journal_end(journal, 2, NULL), 0);
    js_journal_close(journal);
    CU_ASSERT_EQUAL(access(scene.place.path, F_OK), -1);
    js_registry_free(registry);
    scene_release(&scene);
}

/* ---------------------------------------------------------------- damage */

/* How many of the first `len` bytes are whole lines. */
static size_t whole(const struct js_buf *file, size_t len)
{
    while (len > 0 && file->data[len - 1] != '\n')
        len--;
    return len;
}

/* What six jobs stand like after the first `len` bytes, which are lines. */
static void standings_after(const struct js_buf *file, size_t len, char *ret)
{
    static struct js_journal_line line;
    memset(ret, 0, 8);
    for (size_t at = 0; at < len;) {
        const char *newline = memchr(file->data + at, '\n', len - at);
        size_t line_len = (size_t)(newline - (file->data + at));
        CU_ASSERT_EQUAL(
            js_journal_format_parse(file->data + at, line_len, &line), 0);
        if (line.kind == JS_JOURNAL_LINE_JOBS)
            memset(ret, 'l', line.count);
        else if (line.kind == JS_JOURNAL_LINE_OK)
            ret[line.id - 1] = 's';
        else if (line.kind == JS_JOURNAL_LINE_FAILED)
            ret[line.id - 1] = 'f';
        else if (line.kind == JS_JOURNAL_LINE_AGAIN)
            ret[line.ids[0] - 1] = 'l';
        at += line_len + 1;
    }
}

/* The torn file is mended, and can be gone on with. */
static void expect_mended(struct scene *scene, const struct js_buf *file,
                          size_t valid, const struct js_buf *torn)
{
    struct js_journal_config config = config_of(scene);
    struct js_registry *registry = not_null(js_registry_new());
    struct js_buf now = JS_BUF_INIT;
    char want[8];
    scene->warnings.len = 0;
    config.is_forced = true; /* its end may be torn off */
    struct js_journal *journal = open_ok(&config, registry);
    standings_after(file, valid, want);
    expect_standings(registry, want);
    CU_ASSERT_EQUAL(scene->warnings.len > 0, torn->len > 0);
    slurp(scene->place.path, &now);
    CU_ASSERT_EQUAL(now.len, valid);
    if (torn->len > 0) {
        slurp(scene->torn, &now);
        CU_ASSERT_EQUAL(now.len, torn->len);
        CU_ASSERT_EQUAL(memcmp(now.data, torn->data, torn->len), 0);
        unlink(scene->torn);
    }
    accept(journal, js_registry_count(registry) + 1);
    begin_ok(journal);
    close_ok(journal, 0);
    js_registry_free(registry);
    registry = not_null(js_registry_new());
    js_journal_close(open_ok(&config, registry));
    CU_ASSERT_EQUAL(js_registry_count(registry), strlen(want) + 1);
    js_registry_free(registry);
    js_buf_release(&now);
}

static void test_cut_at_every_byte(void)
{
    struct scene scene;
    struct js_buf file = JS_BUF_INIT;
    scene_init(&scene);
    write_journal(&scene);
    slurp(scene.place.path, &file);
    CU_ASSERT_FATAL(file.len > 500);
    for (size_t len = 0; len <= file.len; len++) {
        size_t valid = whole(&file, len);
        struct js_buf torn = {file.data + valid, len - valid, 0};
        spit(scene.place.path, file.data, len);
        expect_mended(&scene, &file, valid, &torn);
    }
    js_buf_release(&file);
    scene_release(&scene);
}

/* After a power cut: NUL bytes where records were to come. */
static void test_tails_of_nothing(void)
{
    struct scene scene;
    struct js_buf file = JS_BUF_INIT, cut = JS_BUF_INIT;
    scene_init(&scene);
    write_journal(&scene);
    slurp(scene.place.path, &file);
    for (size_t len = 0; len <= file.len; len += 13) {
        size_t valid = whole(&file, len);
        cut.len = 0;
        js_buf_append(&cut, file.data, len);
        for (int i = 0; i < 5000; i++)
            js_buf_append(&cut, "", 1);
        /* What is torn begins behind the last whole record. */
        struct js_buf torn = {cut.data + valid, cut.len - valid, 0};
        /* A piece of a first record with anything behind it is no journal. */
        if (valid == 0 && len > 0)
            continue;
        spit(scene.place.path, cut.data, cut.len);
        expect_mended(&scene, &file, valid, &torn);
    }
    js_buf_release(&cut);
    js_buf_release(&file);
    scene_release(&scene);
}

static void expect_refused(const struct js_journal_config *config,
                           const char *why)
{
    struct js_err err = {""};
    struct js_journal *journal = NULL;
    struct js_registry *registry = not_null(js_registry_new());
    CU_ASSERT_EQUAL(js_journal_open(config, registry, &journal, &err),
                    JS_JOURNAL_REFUSED);
    if (!strstr(err.text, why))
        CU_FAIL(err.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, why));
    js_registry_free(registry);
}

/* A flipped byte is a torn tail in the last record, and refused anywhere
 * else: never is it taken for something else. */
static void test_flipped_at_every_byte(void)
{
    static const unsigned char flips[] = {0x01, 0x20, 0x80, 0xff};
    struct scene scene;
    struct js_buf file = JS_BUF_INIT, now = JS_BUF_INIT;
    scene_init(&scene);
    write_journal(&scene);
    slurp(scene.place.path, &file);
    size_t last = whole(&file, file.len - 1);
    for (size_t at = 0; at < file.len; at++) {
        struct js_journal_config config = config_of(&scene);
        unsigned char byte = (unsigned char)file.data[at];
        file.data[at] = (char)(byte ^ flips[at % sizeof(flips)]);
        spit(scene.place.path, file.data, file.len);
        struct js_buf torn = {file.data + last, file.len - last, 0};
        if (at < last)
            expect_refused(&config, "damaged at offset");
        else
            expect_mended(&scene, &file, last, &torn);
        if (at < last) {
            /* Nothing of it was touched. */
            slurp(scene.place.path, &now);
            CU_ASSERT_EQUAL(now.len, file.len);
            CU_ASSERT_EQUAL(memcmp(now.data, file.data, file.len), 0);
        }
        file.data[at] = (char)byte;
    }
    js_buf_release(&now);
    js_buf_release(&file);
    scene_release(&scene);
}

/* Any bytes at all: refused, mended, never a crash or an endless loop. */
static void test_random_damage(void)
{
    struct rng rng = {99};
    struct scene scene;
    struct js_buf file = JS_BUF_INIT, bad = JS_BUF_INIT;
    scene_init(&scene);
    write_journal(&scene);
    slurp(scene.place.path, &file);
    for (int round = 0; round < 1000; round++) {
        struct js_journal_config config = config_of(&scene);
        struct js_journal *journal = NULL;
        struct js_err err = {""};
        bad.len = 0;
        js_buf_append(&bad, file.data, file.len);
        for (uint64_t i = 0, n = 1 + rng_below(&rng, 20); i < n; i++) {
            size_t at = (size_t)rng_below(&rng, bad.len);
            size_t from = (size_t)rng_below(&rng, bad.len);
            size_t len = (size_t)rng_below(&rng, 60);
            for (size_t k = 0; k < len && at + k < bad.len; k++)
                bad.data[at + k] = rng_chance(&rng, 50)
                                       ? file.data[(from + k) % file.len]
                                       : (char)rng_below(&rng, 256);
        }
        spit(scene.place.path, bad.data, (size_t)rng_below(&rng, bad.len + 1));
        struct js_registry *registry = not_null(js_registry_new());
        int rc = js_journal_open(&config, registry, &journal, &err);
        CU_ASSERT_EQUAL(rc < 0, err.text[0] != '\0');
        js_journal_close(rc == 0 ? journal : NULL);
        js_registry_free(registry);
    }
    js_buf_release(&bad);
    js_buf_release(&file);
    scene_release(&scene);
}

static void test_files_that_are_no_journals(void)
{
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    spit(scene.place.path, "echo my precious list\n", 22);
    expect_refused(&config, "is not a journal");
    spit(scene.place.path, "x", 1);
    expect_refused(&config, "is not a journal");
    /* Records without the first. */
    spit(scene.place.path, "2a2a40d5 slave 2 1 vm\n", 22);
    expect_refused(&config, "first record is missing");
    unlink(scene.place.path);
    CU_ASSERT_EQUAL(symlink("/nonexistent", scene.place.path), 0);
    struct js_err err = {""};
    struct js_journal *journal;
    struct js_registry *registry = not_null(js_registry_new());
    CU_ASSERT_EQUAL(js_journal_open(&config, registry, &journal, &err),
                    JS_JOURNAL_REFUSED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "symbolic link"));
    unlink(scene.place.path);
    CU_ASSERT_EQUAL(mkfifo(scene.place.path, 0600), 0);
    expect_refused(&config, "not a regular file");
    js_registry_free(registry);
    scene_release(&scene);
}

static void put_line(struct js_buf *file, const char *rest)
{
    js_buf_printf(file, "%08" PRIx32 " %s\n", checksum(rest), rest);
}

static void expect_nonsense(struct scene *scene, const char *rest,
                            const char *why)
{
    struct js_buf file = JS_BUF_INIT;
    struct js_journal_config config = config_of(scene);
    put_line(&file, "jobsched-journal 2");
    put_line(&file, "jobs 1 0123456789abcdef0123456789abcdef");
    put_line(&file, rest);
    spit(scene->place.path, file.data, file.len);
    expect_refused(&config, why);
    js_buf_release(&file);
}

static void test_records_that_make_no_sense(void)
{
    struct scene scene;
    struct js_buf file = JS_BUF_INIT;
    scene_init(&scene);
    expect_nonsense(&scene, "ok 2 1 1 1 0 0 0 0 0 1 1 1 1 1 1 1",
                    "was not accepted");
    expect_nonsense(&scene, "skipped 0 1", "was not accepted");
    expect_nonsense(&scene, "name 9 x", "was not accepted");
    expect_nonsense(&scene, "gone 1 2", "was not accepted");
    expect_nonsense(&scene, "jobs 3 0123456789abcdef0123456789abcdef",
                    "does not follow");
    expect_nonsense(&scene, "jobsched-journal 2", "begins in another");
    put_line(&file, "jobsched-journal 1");
    spit(scene.place.path, file.data, file.len);
    struct js_journal_config config = config_of(&scene);
    expect_refused(&config, "of version 1");
    js_buf_release(&file);
    scene_release(&scene);
}

/* ---------------------------------------------------------------- locks */

static void test_a_second_holder_is_refused(void)
{
    struct scene scene;
    char pid[32];
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = open_ok(&config, registry);
    begin_ok(journal);
    snprintf(pid, sizeof(pid), "process %d", (int)getpid());
    expect_refused(&config, pid);
    expect_refused(&config, "run on here");
    config.is_fresh = true;
    expect_refused(&config, "in use");
    config.is_forced = true;
    expect_refused(&config, "in use");
    close_ok(journal, 0);
    js_registry_free(registry);
    scene_release(&scene);
}

static void test_two_that_begin_at_once(void)
{
    struct scene scene;
    struct js_err err = {""};
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    struct js_registry *registries[2] = {not_null(js_registry_new()),
                                         not_null(js_registry_new())};
    struct js_journal *first = open_ok(&config, registries[0]);
    struct js_journal *second = open_ok(&config, registries[1]);
    begin_ok(first);
    CU_ASSERT_EQUAL(js_journal_begin(second, &err), JS_JOURNAL_REFUSED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "in use"));
    js_journal_close(second);
    close_ok(first, 0);
    js_registry_free(registries[0]);
    js_registry_free(registries[1]);
    scene_release(&scene);
}

/* A process that waits until it is killed. */
static pid_t start_idler(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        for (;;)
            pause();
    }
    CU_ASSERT(pid > 0);
    return pid;
}

static void end_idler(pid_t pid)
{
    CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
}

/* What a run that is killed leaves in a new journal. */
struct killed {
    const char *host;
    const struct js_journal_part *part; /* NULL: of nothing */
    int64_t lease_ns;
    bool has_slave;        /* on `host`, */
    bool is_slave_known;   /* with its processes */
    bool is_fresh;         /* it has set aside what was there */
    pid_t rank, runner;    /* which are these; 0: of the run itself */
    pid_t second_runner;   /* in its place; 0: none */
    uint64_t failed, done; /* jobs, or 0 */
    int status;            /* 0: it has none */
};

/* Its journal stays open, unless the run has a status. */
static void run_as_killed(struct scene *scene, const struct killed *killed,
                          struct js_journal **ret_journal,
                          struct js_registry **ret_registry)
{
    struct js_journal_config config = config_of(scene);
    struct js_registry *registry = not_null(js_registry_new());
    struct js_process_pair pair = js_process_pair_of((uint64_t)getpid());
    config.host = killed->host;
    config.part = killed->part;
    config.lease_ns = killed->lease_ns;
    config.is_fresh = killed->is_fresh;
    struct js_journal *journal = open_ok(&config, registry);
    if (killed->rank > 0) {
        pair.pid = (uint64_t)killed->rank;
        pair.started = js_process_start(pair.pid);
    }
    if (killed->runner > 0) {
        pair.runner = (uint64_t)killed->runner;
        pair.runner_started = js_process_start(pair.runner);
    }
    for (uint64_t id = js_registry_count(registry) + 1;
         id <= killed->failed || id <= killed->done; id++)
        accept(journal, id);
    begin_ok(journal);
    if (killed->has_slave)
        js_journal_add_slave(journal, 1, 1, killed->host,
                             killed->is_slave_known ? &pair : NULL);
    if (killed->second_runner > 0) {
        pair.runner = (uint64_t)killed->second_runner;
        pair.runner_started = js_process_start(pair.runner);
        CU_ASSERT_EQUAL(js_journal_add_processes(journal, 1, &pair), 0);
    }
    if (killed->failed)
        completion(journal, killed->failed, 1);
    if (killed->done)
        completion(journal, killed->done, 0);
    commit(journal);
    if (killed->status)
        close_ok(journal, killed->status);
    *ret_journal = killed->status ? NULL : journal;
    *ret_registry = registry;
}

/* By a process of its own, of which nothing is left. */
static void leave_killed_in(struct scene *scene, const struct killed *killed)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct js_journal *journal;
        struct js_registry *registry;
        run_as_killed(scene, killed, &journal, &registry);
        js_journal_close(journal);
        js_registry_free(registry);
        raise(SIGKILL);
    }
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void leave_killed(struct scene *scene, struct killed killed)
{
    unlink(scene->place.path);
    leave_killed_in(scene, &killed);
}

static void expect_opened(const struct js_journal_config *config)
{
    struct js_registry *registry = not_null(js_registry_new());
    js_journal_close(open_ok(config, registry));
    js_registry_free(registry);
}

static void test_a_holder_elsewhere(void)
{
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    /* On this host its processes tell that it is gone. */
    leave_killed(&scene, (struct killed){.host = "here"});
    expect_opened(&config);
    leave_killed(&scene, (struct killed){.host = "there"});
    expect_refused(&config, "--force-lock");
    expect_refused(&config, "a run on there");
    config.is_fresh = true;
    expect_refused(&config, "--force-lock");
    config.is_forced = true;
    expect_opened(&config);
    scene_release(&scene);
}

/* In a container, say, that was started anew: its processes cannot be seen, but
 * the lock tells that the run is gone. */
static void test_a_holder_in_another_pid_namespace(void)
{
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    struct js_buf buf = JS_BUF_INIT;
    struct js_journal_line *line = not_null(calloc(1, sizeof(*line)));
    *line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_HEAD, .id = 2};
    js_journal_format_write(&buf, line);
    *line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_RUN,
                                     .pid = (uint64_t)getpid(),
                                     .started =
                                         js_process_start((uint64_t)getpid()),
                                     .boot = js_process_boot()};
    snprintf(line->text, sizeof(line->text), "%s", config.host);
    js_journal_format_write(&buf, line);
    *line = (struct js_journal_line){.kind = JS_JOURNAL_LINE_LEASE,
                                     .lease_us = 1000000};
    js_journal_format_write(&buf, line);
    *line = (struct js_journal_line){
        .kind = JS_JOURNAL_LINE_MARK, .mark = 1, .space = 1};
    CU_ASSERT_EQUAL(js_journal_format_write(&buf, line), 0);
    int fd = open(scene.place.path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CU_ASSERT_EQUAL(write(fd, buf.data, buf.len), (ssize_t)buf.len);
    expect_opened(&config);
    CU_ASSERT_EQUAL(flock(fd, LOCK_EX), 0);
    expect_refused(&config, "in use by a run on");
    close(fd);
    free(line);
    js_buf_release(&buf);
    scene_release(&scene);
}

/* Nothing else says that its jobs have ended. */
static void test_a_run_without_lease(void)
{
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    struct killed killed = {.host = "here", .has_slave = true};
    leave_killed(&scene, killed);
    expect_refused(&config, "its jobs may go on");
    expect_refused(&config, "--force-lock");
    config.is_fresh = true;
    expect_refused(&config, "--force-lock");
    config.is_forced = true;
    expect_opened(&config);
    config.is_forced = config.is_fresh = false;
    killed.is_slave_known = true;
    leave_killed(&scene, killed);
    expect_opened(&config);
    /* Of both processes of the slave it must be known. */
    for (int i = 0; i < 2; i++) {
        pid_t idler = start_idler();
        killed.rank = i == 0 ? idler : 0;
        killed.runner = i == 1 ? idler : 0;
        leave_killed(&scene, killed);
        expect_refused(&config, "--force-lock");
        end_idler(idler);
        expect_opened(&config);
    }
    scene_release(&scene);
}

/* With a lease nobody is refused, and nobody waits once it is known that the
 * run is gone. */
static void test_a_run_that_is_known_to_be_gone(void)
{
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    struct killed killed = {.host = "here",
                            .lease_ns = 1000 * JS_NS_PER_S,
                            .has_slave = true,
                            .is_slave_known = true};
    for (int i = 0; i < 3; i++) {
        pid_t idler = i != 1 ? start_idler() : 0;
        struct js_registry *registry = not_null(js_registry_new());
        killed.runner = i == 0 ? idler : 0;
        killed.second_runner = i == 2 ? idler : 0;
        leave_killed(&scene, killed);
        struct js_journal *journal = open_ok(&config, registry);
        begin_ok(journal);
        CU_ASSERT_EQUAL(js_journal_quiet_ns(journal) > 0, i != 1);
        CU_ASSERT_EQUAL(js_journal_is_quiet(journal), i == 1);
        if (idler)
            end_idler(idler);
        CU_ASSERT_TRUE(js_journal_is_quiet(journal));
        js_journal_close(journal);
        js_registry_free(registry);
    }
    scene_release(&scene);
}

/* The wait that a killed run has begun is not over with it, nor where its
 * journal is set aside. */
static void check_quiet_after_two(struct scene *scene, bool is_fresh)
{
    struct js_journal_config config = config_of(scene);
    struct js_registry *registry = not_null(js_registry_new());
    pid_t idler = start_idler();
    struct killed killed = {.host = "here",
                            .lease_ns = 1000 * JS_NS_PER_S,
                            .has_slave = true,
                            .is_slave_known = true,
                            .rank = idler};
    leave_killed(scene, killed);
    killed.rank = 0;
    killed.lease_ns = JS_NS_PER_S;
    for (int i = 0; i < 2; i++) {
        killed.is_fresh = is_fresh;
        leave_killed_in(scene, &killed);
    }
    struct js_journal *journal = open_ok(&config, registry);
    size_t count = 0;
    js_journal_dead_runs(journal, &count);
    CU_ASSERT_EQUAL(count, 3);
    begin_ok(journal);
    int64_t quiet_ns = js_journal_quiet_ns(journal);
    CU_ASSERT(quiet_ns > 0 && quiet_ns <= 1000 * JS_NS_PER_S);
    CU_ASSERT_FALSE(js_journal_is_quiet(journal));
    end_idler(idler);
    CU_ASSERT_TRUE(js_journal_is_quiet(journal));
    js_journal_close(journal);
    js_registry_free(registry);
}

static void test_quiet_after_two_that_were_killed(void)
{
    struct scene scene;
    scene_init(&scene);
    check_quiet_after_two(&scene, false);
    check_quiet_after_two(&scene, true);
    scene_release(&scene);
}

/* Whoever has started a run asks how it has ended. */
static void test_the_end_of_a_start(void)
{
    struct scene scene;
    scene_init(&scene);
    const char *path = scene.place.path;
    struct js_journal_part part = {.command = 7, .restarts = 1};
    CU_ASSERT_EQUAL(js_journal_end_of(path, &part), -1);
    struct killed killed = {.host = "here", .part = &part, .status = 1};
    leave_killed(&scene, killed);
    CU_ASSERT_EQUAL(js_journal_end_of(path, &part), 1);
    part.restarts = 2;
    CU_ASSERT_EQUAL(js_journal_end_of(path, &part), -1);
    killed.status = 0; /* without one */
    leave_killed(&scene, killed);
    CU_ASSERT_EQUAL(js_journal_end_of(path, &part), -1);
    part.command = 8;
    CU_ASSERT_EQUAL(js_journal_end_of(path, &part), -1);
    scene_release(&scene);
}

enum { RANKS = 300 };

/* By a process of its own; the last rank is `idler`. */
static void leave_large_run(struct scene *scene, pid_t idler, bool is_here)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct js_journal_config config = config_of(scene);
        struct js_registry *registry = not_null(js_registry_new());
        struct js_process_pair pair = js_process_pair_of((uint64_t)getpid());
        config.lease_ns = 1000 * JS_NS_PER_S;
        pair.boot += !is_here;
        struct js_journal *journal = open_ok(&config, registry);
        begin_ok(journal);
        for (unsigned rank = 1; rank <= RANKS; rank++) {
            pair.pid = rank == RANKS ? (uint64_t)idler : INT32_MAX - rank;
            pair.started = js_process_start(pair.pid);
            pair.runner = INT32_MAX - RANKS - rank; /* no such process */
            js_journal_add_slave(journal, rank, 1, config.host, &pair);
        }
        commit(journal);
        js_journal_close(journal);
        js_registry_free(registry);
        raise(SIGKILL);
    }
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
}

/* All of its processes are carried into the journal that is begun when its own
 * is set aside; where they are not known its lease counts. */
static void test_a_large_run_in_a_journal_set_aside(void)
{
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    struct killed killed = {.host = config.host,
                            .lease_ns = 1,
                            .has_slave = true,
                            .is_slave_known = true,
                            .is_fresh = true};
    for (int i = 0; i < 3; i++) {
        bool is_here = i != 2;
        pid_t idler = start_idler();
        unlink(scene.place.path);
        leave_large_run(&scene, idler, is_here);
        if (i == 1)
            end_idler(idler);
        leave_killed_in(&scene, &killed);
        leave_killed_in(&scene, &killed);
        struct js_registry *registry = not_null(js_registry_new());
        struct js_journal *journal = open_ok(&config, registry);
        begin_ok(journal);
        CU_ASSERT_EQUAL(js_journal_quiet_ns(journal) > 0, i != 1);
        if (i != 1)
            end_idler(idler);
        CU_ASSERT_EQUAL(js_journal_is_quiet(journal), is_here);
        js_journal_close(journal);
        js_registry_free(registry);
    }
    scene_release(&scene);
}

/* A batch system has ended it before it starts the job again. */
static void test_a_holder_elsewhere_in_an_earlier_start(void)
{
    struct scene scene;
    struct js_journal_part then = {.batch = "slurm test 7",
                                   .batch_restarts = 1};
    struct js_journal_part now = {.batch = "", .batch_restarts = 2};
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    config.part = &now;
    leave_killed(&scene, (struct killed){.host = "there", .part = &then});
    expect_refused(&config, "--force-lock");
    snprintf(now.batch, sizeof(now.batch), "slurm test 8");
    expect_refused(&config, "--force-lock");
    snprintf(now.batch, sizeof(now.batch), "slurm test 7");
    now.batch_restarts = 1;
    expect_refused(&config, "--force-lock");
    now.batch_restarts = 2;
    expect_opened(&config);
    leave_killed(&scene, (struct killed){.host = "there"});
    expect_refused(&config, "--force-lock");
    scene_release(&scene);
}

/* So has a command that starts its run again, if that has a lease. */
static void test_a_holder_elsewhere_of_the_same_command(void)
{
    struct scene scene;
    struct js_journal_part then = {.command = 77, .restarts = 1};
    struct js_journal_part now = {.command = 77, .restarts = 2};
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    config.part = &now;
    struct killed killed = {
        .host = "there", .part = &then, .lease_ns = JS_NS_PER_S};
    leave_killed(&scene, killed);
    expect_opened(&config);
    now.restarts = 1;
    expect_refused(&config, "--force-lock");
    now = (struct js_journal_part){.command = 78, .restarts = 2};
    expect_refused(&config, "--force-lock");
    now.command = 77;
    killed.lease_ns = 0;
    leave_killed(&scene, killed);
    expect_refused(&config, "--force-lock");
    scene_release(&scene);
}

static void expect_count(const struct js_journal_config *config, uint64_t jobs,
                         uint64_t settled)
{
    struct js_registry *registry = not_null(js_registry_new());
    js_journal_close(open_ok(config, registry));
    CU_ASSERT_EQUAL(js_registry_count(registry), jobs);
    CU_ASSERT_EQUAL(js_registry_settled(registry), settled);
    js_registry_free(registry);
}

/* It does not start over twice, and what failed in it has failed. */
static void test_earlier_starts_of_this_run(void)
{
    struct scene scene;
    struct js_journal_part then[] = {
        {.command = 77, .restarts = 0},
        {.batch = "slurm test 7", .batch_restarts = 0, .command = 1}};
    struct js_journal_part now[] = {
        {.command = 77, .restarts = 1},
        {.batch = "slurm test 7", .batch_restarts = 1, .command = 2}};
    for (int i = 0; i < 2; i++) {
        scene_init(&scene);
        struct js_journal_config config = config_of(&scene);
        struct killed killed = {.host = "here", .failed = 1, .done = 2};
        /* This failure is another run's. */
        leave_killed_in(&scene, &killed);
        killed = (struct killed){
            .host = "here", .part = &then[i], .failed = 3, .done = 4};
        leave_killed_in(&scene, &killed);
        expect_count(&config, 4, 0);
        config.part = &now[i];
        /* A batch job may have lost a node. */
        expect_count(&config, 4, i == 0);
        if (i == 1) {
            killed.status = 3;
            killed.failed = 5;
            leave_killed_in(&scene, &killed);
        }
        uint64_t jobs = i == 0 ? 4 : 5;
        expect_count(&config, jobs, 1);
        config.is_fresh = true;
        expect_count(&config, jobs, 1);
        config.part = &then[i];
        expect_count(&config, 0, 0);
        /* One that has come to its end is not what goes on. */
        struct js_registry *registry = not_null(js_registry_new());
        config.is_fresh = false;
        struct js_journal *journal = open_ok(&config, registry);
        begin_ok(journal);
        close_ok(journal, 1);
        js_registry_free(registry);
        config.part = &now[i];
        expect_count(&config, jobs, 0);
        scene_release(&scene);
    }
}

/* Holds the journal for a while. */
static pid_t hold(struct scene *scene, const struct killed *killed,
                  int64_t hold_ns)
{
    int ends[2];
    char byte;
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        struct js_journal *journal;
        struct js_registry *registry;
        run_as_killed(scene, killed, &journal, &registry);
        if (write(ends[1], "x", 1) == 1)
            usleep((useconds_t)(hold_ns / JS_NS_PER_US));
        js_journal_close(journal);
        js_registry_free(registry);
        _exit(0);
    }
    close(ends[1]);
    CU_ASSERT_EQUAL(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return pid;
}

/* What is left of it is about to end. */
static void test_the_lock_of_an_earlier_start_is_waited_for(void)
{
    struct scene scene;
    struct js_journal_part then = {.command = 77, .restarts = 0};
    struct js_journal_part now = {.command = 77, .restarts = 1};
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    struct killed killed = {
        .host = "here", .part = &then, .lease_ns = 1000 * JS_NS_PER_S};
    pid_t holder = hold(&scene, &killed, 300 * JS_NS_PER_MS);
    config.part = NULL;
    expect_refused(&config, "in use by a run on here");
    config.part = &now;
    expect_opened(&config);
    CU_ASSERT_EQUAL(waitpid(holder, NULL, 0), holder);
    /* But not for ever. */
    unlink(scene.place.path);
    killed.lease_ns = 100 * JS_NS_PER_MS;
    holder = hold(&scene, &killed, 1000 * JS_NS_PER_S);
    expect_refused(&config, "in use by a run on here");
    end_idler(holder);
    scene_release(&scene);
}

static void test_a_fresh_start_keeps_the_old_file(void)
{
    struct scene scene;
    struct js_buf before = JS_BUF_INIT, old = JS_BUF_INIT;
    scene_init(&scene);
    write_journal(&scene);
    slurp(scene.place.path, &before);
    struct js_journal_config config = config_of(&scene);
    config.is_fresh = true;
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = open_ok(&config, registry);
    CU_ASSERT_FALSE(js_journal_has_jobs(journal));
    CU_ASSERT_EQUAL(js_registry_count(registry), 0);
    accept(journal, 1);
    begin_ok(journal);
    close_ok(journal, 0);
    slurp(scene.old, &old);
    CU_ASSERT_EQUAL(old.len, before.len);
    CU_ASSERT_EQUAL(memcmp(old.data, before.data, old.len), 0);
    js_registry_free(registry);
    js_buf_release(&before);
    js_buf_release(&old);
    scene_release(&scene);
}

/* ---------------------------------------------------------------- trouble */

/* The file may not grow: each commit says so, nothing is forgotten, and when it
 * may again all of it is there. */
static void test_a_file_at_its_limit(void)
{
    struct scene scene;
    struct rlimit old, low;
    struct stat st;
    struct js_err err = {""};
    scene_init(&scene);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    struct js_journal_config config = config_of(&scene);
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = open_ok(&config, registry);
    for (uint64_t id = 1; id <= 50; id++)
        accept(journal, id);
    begin_ok(journal);
    CU_ASSERT_EQUAL(stat(scene.place.path, &st), 0);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = old;
    low.rlim_cur = (rlim_t)st.st_size + 100; /* in the middle of a record */
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &low), 0);
    for (uint64_t id = 1; id <= 50; id++)
        completion(journal, id, 0);
    CU_ASSERT_EQUAL(js_journal_commit(journal, 1, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "too large"));
    CU_ASSERT_EQUAL(js_journal_commit(journal, 2, &err), -1);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    commit(journal);
    close_ok(journal, 0);
    js_registry_free(registry);
    registry = not_null(js_registry_new());
    js_journal_close(open_ok(&config, registry));
    CU_ASSERT_EQUAL(js_registry_standing(registry, 50), JS_JOB_STATE_SUCCEEDED);
    signal(SIGXFSZ, handler);
    js_registry_free(registry);
    scene_release(&scene);
}

/* Until the sync that runs has come to its end. */
static void await_sync(struct js_journal *journal)
{
    struct js_err err = {""};
    struct unit_wait wait = {0};
    while (js_journal_deadline_ns(journal) != JS_NEVER_NS &&
           unit_list_state(&wait))
        CU_ASSERT_EQUAL(js_journal_commit(journal, js_clock_ns(), &err), 0);
    CU_ASSERT_EQUAL(js_journal_deadline_ns(journal), JS_NEVER_NS);
}

/* A journal with one job that is done, and one that has not been committed. */
static struct js_journal *begin_two(const struct js_journal_config *config,
                                    struct js_registry *registry)
{
    struct js_journal *journal = open_ok(config, registry);
    accept(journal, 1);
    accept(journal, 2);
    begin_ok(journal);
    completion(journal, 1, 0);
    commit(journal);
    completion(journal, 2, 0);
    return journal;
}

static void expect_file(struct scene *scene, const char *standings)
{
    struct js_journal_config config = config_of(scene);
    struct js_registry *registry = not_null(js_registry_new());
    js_journal_close(open_ok(&config, registry));
    expect_standings(registry, standings);
    js_registry_free(registry);
}

/* All that it held goes to a new one, which is as much ours. */
static void take_away_and_go_on(int64_t sync_ns)
{
    struct scene scene;
    struct stat st;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    config.sync_ns = sync_ns;
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = begin_two(&config, registry);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(unlink(scene.place.path), 0);
        completion(journal, 2, 0);
        js_journal_sync_soon(journal);
        struct unit_wait wait = {0};
        while (access(scene.place.path, F_OK) < 0 && unit_list_state(&wait))
            commit(journal);
    }
    CU_ASSERT_EQUAL(stat(scene.place.path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(js_buf_string(&scene.warnings), "has been written anew"));
    struct js_err err = {""};
    struct js_journal *second = NULL;
    struct js_registry *other = not_null(js_registry_new());
    CU_ASSERT_EQUAL(js_journal_open(&config, other, &second, &err),
                    JS_JOURNAL_REFUSED);
    close_ok(journal, 0);
    expect_file(&scene, "ss");
    js_registry_free(other);
    js_registry_free(registry);
    scene_release(&scene);
}

static void test_a_file_that_is_taken_away(void)
{
    take_away_and_go_on(0);
    take_away_and_go_on(JS_NS_PER_S);
    take_away_and_go_on(JS_JOURNAL_NO_SYNC);
}

static void test_a_file_that_is_taken_away_at_the_end(void)
{
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = begin_two(&config, registry);
    commit(journal);
    CU_ASSERT_EQUAL(unlink(scene.place.path), 0);
    CU_ASSERT_FALSE(js_journal_is_gone(journal));
    close_ok(journal, 0);
    expect_file(&scene, "ss");
    js_registry_free(registry);
    scene_release(&scene);
}

/* Nothing more is on record until the folder is there again. */
static void test_a_folder_that_is_taken_away(void)
{
    struct scene scene;
    struct js_err err = {""};
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    config.sync_ns = 1;
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = begin_two(&config, registry);
    await_sync(journal);
    CU_ASSERT_EQUAL(js_journal_recorded(journal), 2);
    completion(journal, 2, 0);
    CU_ASSERT_EQUAL(unlink(scene.place.path), 0);
    CU_ASSERT_EQUAL(rmdir(scene.place.dir), 0);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(js_journal_commit(journal, js_clock_ns(), &err), -1);
        CU_ASSERT_PTR_NOT_NULL(
            strstr(err.text, "cannot be made anew: No such"));
    }
    CU_ASSERT_TRUE(js_journal_is_gone(journal));
    CU_ASSERT_EQUAL(js_journal_recorded(journal), 2);
    CU_ASSERT_EQUAL(mkdir(scene.place.dir, 0700), 0);
    commit(journal);
    CU_ASSERT_FALSE(js_journal_is_gone(journal));
    CU_ASSERT_EQUAL(js_journal_recorded(journal), 3);
    close_ok(journal, 0);
    expect_file(&scene, "ss");
    js_registry_free(registry);
    scene_release(&scene);
}

/* It is left alone; with the old one back in its place all is well. */
static void test_a_file_with_another_in_its_place(void)
{
    struct scene scene;
    struct js_err err = {""};
    struct js_buf text = JS_BUF_INIT;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = begin_two(&config, registry);
    CU_ASSERT_EQUAL(rename(scene.place.path, scene.old), 0);
    spit(scene.place.path, "dear diary\n", 11);
    CU_ASSERT_EQUAL(js_journal_end(journal, 4, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "another file has its name"));
    CU_ASSERT_TRUE(js_journal_is_gone(journal));
    CU_ASSERT_EQUAL(js_journal_recorded(journal), 1);
    slurp(scene.place.path, &text);
    CU_ASSERT_EQUAL(text.len, 11);
    js_journal_close(journal);
    CU_ASSERT_EQUAL(rename(scene.old, scene.place.path), 0);
    expect_file(&scene, "ss");
    js_buf_release(&text);
    js_registry_free(registry);
    scene_release(&scene);
}

static void test_syncs_come_when_they_are_due(void)
{
    struct scene scene;
    int64_t second = JS_NS_PER_S;
    struct js_err err = {""};
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    config.sync_ns = second;
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = open_ok(&config, registry);
    accept(journal, 1);
    begin_ok(journal);
    int64_t now_ns = js_clock_ns();
    commit(journal);
    CU_ASSERT_EQUAL(js_journal_deadline_ns(journal), JS_NEVER_NS);
    completion(journal, 1, 0);
    CU_ASSERT_EQUAL(js_journal_commit(journal, now_ns, &err), 0);
    /* One has begun: it is looked for soon. */
    CU_ASSERT(js_journal_deadline_ns(journal) < now_ns + second);
    struct unit_wait wait = {0};
    while (js_journal_deadline_ns(journal) != JS_NEVER_NS &&
           unit_list_state(&wait))
        CU_ASSERT_EQUAL(js_journal_commit(journal, now_ns, &err), 0);
    CU_ASSERT_EQUAL(js_journal_deadline_ns(journal), JS_NEVER_NS);
    completion(journal, 1, 0);
    CU_ASSERT_EQUAL(js_journal_commit(journal, now_ns + 1, &err), 0);
    CU_ASSERT_EQUAL(js_journal_deadline_ns(journal), now_ns + second);
    close_ok(journal, 0);
    js_registry_free(registry);
    scene_release(&scene);
}

/* With a sync after each commit nothing is on record before it is on disk. */
static void test_a_sync_after_each_commit(void)
{
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    config.sync_ns = 0;
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = open_ok(&config, registry);
    accept(journal, 1);
    begin_ok(journal);
    CU_ASSERT_TRUE(js_journal_is_settled(journal));
    completion(journal, 1, 0);
    CU_ASSERT_FALSE(js_journal_is_settled(journal));
    commit(journal);
    CU_ASSERT_EQUAL(js_journal_unwritten(journal), 0);
    CU_ASSERT_FALSE(js_journal_is_settled(journal));
    CU_ASSERT_EQUAL(js_journal_recorded(journal), 0);
    await_sync(journal);
    CU_ASSERT_TRUE(js_journal_is_settled(journal));
    CU_ASSERT_EQUAL(js_journal_recorded(journal), 1);
    close_ok(journal, 0);
    js_registry_free(registry);
    scene_release(&scene);
}

/* A master that was frozen comes back to a journal that another run has. */
static void test_another_run_has_gone_on(void)
{
    static const char theirs[] = "of another run\n";
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    config.lease_ns = JS_NS_PER_S;
    struct js_err err = {""};
    struct stat before, after;
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = open_ok(&config, registry);
    accept(journal, 1);
    begin_ok(journal);
    commit(journal);
    int fd = open(config.path, O_WRONLY | O_APPEND);
    CU_ASSERT_EQUAL(write(fd, theirs, strlen(theirs)), strlen(theirs));
    CU_ASSERT_EQUAL(fstat(fd, &before), 0);
    completion(journal, 1, 0);
    int64_t later_ns = js_clock_ns() + JS_NS_PER_S;
    CU_ASSERT_EQUAL(js_journal_commit(journal, later_ns, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "another run has gone on"));
    CU_ASSERT_EQUAL(js_journal_recorded(journal), 0);
    CU_ASSERT_EQUAL(js_journal_commit(journal, later_ns, &err), -1);
    CU_ASSERT_EQUAL(js_journal_end(journal, 0, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "another run has gone on"));
    CU_ASSERT_EQUAL(fstat(fd, &after), 0);
    CU_ASSERT_EQUAL(after.st_size, before.st_size);
    close(fd);
    js_journal_close(journal);
    js_registry_free(registry);
    scene_release(&scene);
}

static void test_a_sync_that_is_wanted_soon(void)
{
    struct scene scene;
    scene_init(&scene);
    struct js_journal_config config = config_of(&scene);
    /* Longer than any machine has been up: the first sync does not wait. */
    config.sync_ns = 1000000000 * JS_NS_PER_S;
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = open_ok(&config, registry);
    accept(journal, 1);
    begin_ok(journal);
    completion(journal, 1, 0);
    commit(journal);
    await_sync(journal);
    completion(journal, 1, 0);
    commit(journal);
    CU_ASSERT(js_journal_deadline_ns(journal) >
              js_clock_ns() + 900 * JS_NS_PER_S);
    CU_ASSERT_TRUE(js_journal_is_settled(journal));
    CU_ASSERT_EQUAL(js_journal_recorded(journal), 2);
    js_journal_sync_soon(journal);
    commit(journal);
    CU_ASSERT(js_journal_deadline_ns(journal) < js_clock_ns() + JS_NS_PER_S);
    /* What comes while it runs waits for its turn, as ever. */
    completion(journal, 1, 0);
    commit(journal);
    struct unit_wait wait = {0};
    while (js_journal_deadline_ns(journal) < js_clock_ns() + JS_NS_PER_S &&
           unit_list_state(&wait))
        commit(journal);
    CU_ASSERT(js_journal_deadline_ns(journal) >
              js_clock_ns() + 900 * JS_NS_PER_S);
    close_ok(journal, 0);
    js_registry_free(registry);
    scene_release(&scene);
}

static const struct unit_test tests[] = {
    {"an attempt there and back", test_an_attempt_there_and_back},
    {"lists there and back", test_lists_there_and_back},
    {"texts there and back", test_texts_there_and_back},
    {"what runs, there and back", test_what_runs_there_and_back},
    {"marks there and back", test_marks_there_and_back},
    {"lines that are no records", test_lines_that_are_no_records},
    {"words of later versions are skipped",
     test_words_of_later_versions_are_skipped},
    {"quiet after a run that was killed",
     test_quiet_after_a_run_that_was_killed},
    {"runs that were killed", test_runs_that_were_killed},
    {"what is written is read", test_what_is_written_is_read},
    {"nothing is made before it begins", test_nothing_is_made_before_it_begins},
    {"cut at every byte", test_cut_at_every_byte},
    {"tails of nothing", test_tails_of_nothing},
    {"flipped at every byte", test_flipped_at_every_byte},
    {"random damage", test_random_damage},
    {"files that are no journals", test_files_that_are_no_journals},
    {"records that make no sense", test_records_that_make_no_sense},
    {"a second holder is refused", test_a_second_holder_is_refused},
    {"two that begin at once", test_two_that_begin_at_once},
    {"a holder elsewhere", test_a_holder_elsewhere},
    {"a holder in another pid namespace",
     test_a_holder_in_another_pid_namespace},
    {"a holder elsewhere, in an earlier start of the batch job",
     test_a_holder_elsewhere_in_an_earlier_start},
    {"a holder elsewhere, of the same command",
     test_a_holder_elsewhere_of_the_same_command},
    {"a run without lease", test_a_run_without_lease},
    {"a run that is known to be gone", test_a_run_that_is_known_to_be_gone},
    {"the end of a start", test_the_end_of_a_start},
    {"a large run in a journal set aside",
     test_a_large_run_in_a_journal_set_aside},
    {"quiet after two that were killed", test_quiet_after_two_that_were_killed},
    {"earlier starts of this run", test_earlier_starts_of_this_run},
    {"the lock of an earlier start is waited for",
     test_the_lock_of_an_earlier_start_is_waited_for},
    {"a fresh start keeps the old file", test_a_fresh_start_keeps_the_old_file},
    {"a file at its limit", test_a_file_at_its_limit},
    {"a file that is taken away", test_a_file_that_is_taken_away},
    {"a file that is taken away at the end",
     test_a_file_that_is_taken_away_at_the_end},
    {"a folder that is taken away", test_a_folder_that_is_taken_away},
    {"a file with another in its place", test_a_file_with_another_in_its_place},
    {"syncs come when they are due", test_syncs_come_when_they_are_due},
    {"a sync after each commit", test_a_sync_after_each_commit},
    {"another run has gone on", test_another_run_has_gone_on},
    {"a sync that is wanted soon", test_a_sync_that_is_wanted_soon},
    {NULL, NULL},
};

const struct unit_suite suite_journal = {"journal", tests};
