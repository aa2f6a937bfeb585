/* journal: what is written can be read, whatever happens to the file. */
#include "journal_scene.h"
#include "record/journal_model.h"
#include "rng.h"

#include <errno.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

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
    CU_ASSERT_TRUE(js_journal_look(journal).has_jobs);
    expect_standings(registry, "ssflsl");
    CU_ASSERT_EQUAL(js_registry_find_name(registry, "three"), 3);
    CU_ASSERT_EQUAL(scene.warnings.len, 0);
    /* Going on: the last record of a job wins. */
    tell(journal, JS_RESUME_GONE, 6, NULL);
    accept(journal, 7);
    accept(journal, 8);
    tell(journal, JS_RESUME_DONE, 8, NULL);
    begin_ok(journal);
    completion(journal, 3, 0);
    completion(journal, 5, 1);
    close_ok(journal, 0);
    js_registry_free(registry);
    registry = not_null(js_registry_new());
    journal = open_ok(&config, registry);
    expect_standings(registry, "ssslflls");
    CU_ASSERT_TRUE(js_registry_get(registry, 6).is_gone);
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

/* One run; returns the format that it knows of at its beginning. */
static void run_with(struct scene *scene, const char *format, bool is_fresh,
                     const char *expected)
{
    struct js_journal_config config = config_of(scene);
    struct js_registry *registry = not_null(js_registry_new());
    config.format = format;
    config.is_fresh = is_fresh;
    struct js_journal *journal = open_ok(&config, registry);
    const char *known = js_journal_look(journal).format;
    CU_ASSERT_STRING_EQUAL(known ? known : "", expected);
    begin_ok(journal);
    close_ok(journal, 0);
    js_registry_free(registry);
    struct js_journal_model *model =
        not_null(js_journal_model_load(scene->place.path, NULL));
    known = js_journal_model_look(model).format;
    CU_ASSERT_STRING_EQUAL(known ? known : "", expected);
    js_journal_model_free(model);
}

/* A run that names none has the list read as the run before did. */
static void test_the_format_of_the_list(void)
{
    struct scene scene;
    scene_init(&scene);
    run_with(&scene, NULL, false, "");
    run_with(&scene, "one", false, "one");
    run_with(&scene, NULL, false, "one");
    run_with(&scene, NULL, false, "one");
    run_with(&scene, "other", false, "other");
    run_with(&scene, NULL, false, "other");
    run_with(&scene, NULL, true, "");
    run_with(&scene, NULL, false, "");
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

/* The torn file is repaired, and the run can be continued. */
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
    expect_refused(&config, "is not a jobsched journal");
    spit(scene.place.path, "x", 1);
    expect_refused(&config, "is not a jobsched journal");
    /* Records without the first. */
    spit(scene.place.path, "2a2a40d5 slave 2 1 vm\n", 22);
    expect_refused(&config, "header is missing");
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
                    "does not contain");
    expect_nonsense(&scene, "skipped 0 1", "does not contain");
    expect_nonsense(&scene, "name 9 x", "does not contain");
    expect_nonsense(&scene, "gone 1 2", "does not contain");
    expect_nonsense(&scene, "jobs 3 0123456789abcdef0123456789abcdef",
                    "not consecutive");
    expect_nonsense(&scene, "jobsched-journal 2", "second header");
    put_line(&file, "jobsched-journal 1");
    spit(scene.place.path, file.data, file.len);
    struct js_journal_config config = config_of(&scene);
    expect_refused(&config, "version 1");
    js_buf_release(&file);
    scene_release(&scene);
}

/* ---------------------------------------------------------------- locks */

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
    CU_ASSERT_FALSE(js_journal_look(journal).has_jobs);
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

static const struct unit_test tests[] = {
    {"what is written is read", test_what_is_written_is_read},
    {"the format of the list", test_the_format_of_the_list},
    {"nothing is made before it begins", test_nothing_is_made_before_it_begins},
    {"cut at every byte", test_cut_at_every_byte},
    {"tails of nothing", test_tails_of_nothing},
    {"flipped at every byte", test_flipped_at_every_byte},
    {"random damage", test_random_damage},
    {"files that are no journals", test_files_that_are_no_journals},
    {"records that make no sense", test_records_that_make_no_sense},
    {"a fresh start keeps the old file", test_a_fresh_start_keeps_the_old_file},
    {NULL, NULL},
};

const struct unit_suite suite_journal = {"journal", tests};
