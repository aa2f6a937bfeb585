/*
 * journal_scene - a journal in a folder of its own, and what a run adds to it.
 *
 * In a debug build, each step counts again what the journal counts.
 */
#ifndef JS_TESTS_JOURNAL_SCENE_H
#define JS_TESTS_JOURNAL_SCENE_H

#include "base/buf.h"
#include "base/clock.h"
#include "place.h"
#include "record/journal.h"
#include "record/journal_format.h"
#include "unit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* A journal, what is put beside it, and what was said. */
struct scene {
    struct place place;
    char torn[PLACE_PATH], old[PLACE_PATH];
    struct js_buf warnings;
};

static inline void scene_init(struct scene *scene)
{
    memset(scene, 0, sizeof(*scene));
    place_init(&scene->place, "j");
    place_name(&scene->place, "j.torn", scene->torn);
    place_name(&scene->place, "j.old", scene->old);
}

static inline void scene_release(struct scene *scene)
{
    place_release(&scene->place);
    js_buf_release(&scene->warnings);
}

static inline void keep_warning(void *arg, const char *text)
{
    struct scene *scene = arg;
    js_buf_printf(&scene->warnings, "%s\n", text);
}

static inline struct js_journal_config config_of(struct scene *scene)
{
    return (struct js_journal_config){
        .path = scene->place.path,
        .host = "here",
        .sync_ns = JS_JOURNAL_NO_SYNC,
        .log = {keep_warning, scene},
    };
}

/* Opens, and fails the test if that is refused. */
static inline struct js_journal *open_ok(const struct js_journal_config *config,
                                         struct js_registry *registry)
{
    struct js_err err = {""};
    struct js_journal *journal = NULL;
    int rc = js_journal_open(config, registry, &journal, &err);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    CU_ASSERT_EQUAL(rc, 0);
    return not_null(journal);
}

static inline void begin_ok(struct js_journal *journal)
{
    struct js_err err = {""};
    CU_ASSERT_EQUAL(js_journal_begin(journal, &err), 0);
    js_journal_assert_invariants(journal);
    CU_ASSERT_STRING_EQUAL(err.text, "");
}

static inline void accept(struct js_journal *journal, uint64_t id)
{
    struct js_identity identity = {id, id};
    struct js_resume_news news = {JS_RESUME_ACCEPTED, id, &identity, NULL};
    CU_ASSERT_EQUAL(js_journal_add_news(journal, &news), 0);
    js_journal_assert_invariants(journal);
}

static inline void tell(struct js_journal *journal,
                        enum js_resume_change change, uint64_t id,
                        const char *name)
{
    struct js_resume_news news = {change, id, NULL, name};
    CU_ASSERT_EQUAL(js_journal_add_news(journal, &news), 0);
    js_journal_assert_invariants(journal);
}

/* Of one that failed it is known what it wrote. */
static inline void completion(struct js_journal *journal, uint64_t id,
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
    js_journal_assert_invariants(journal);
    js_job_free(job);
}

static inline void begun(struct js_journal *journal, uint64_t id)
{
    struct js_job *job = not_null(js_job_new(id, "x", 1));
    CU_ASSERT_EQUAL(js_journal_add_begun(journal, job, 1, 5000), 0);
    js_job_free(job);
}

static inline void commit(struct js_journal *journal)
{
    struct js_err err = {""};
    CU_ASSERT_EQUAL(js_journal_commit(journal, js_clock_ns(), &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
}

static inline void close_ok(struct js_journal *journal, int status)
{
    struct js_err err = {""};
    CU_ASSERT_EQUAL(js_journal_end(journal, status, &err), 0);
    CU_ASSERT_EQUAL(js_journal_look(journal).unwritten, 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    js_journal_close(journal);
}

/* Six jobs: 1 and 2 ok, 3 failed, 4 ok and again, 5 ok, 6 left. */
static inline void write_journal(struct scene *scene)
{
    struct js_journal_config config = config_of(scene);
    struct js_registry *registry = not_null(js_registry_new());
    struct js_journal *journal = open_ok(&config, registry);
    CU_ASSERT_FALSE(js_journal_look(journal).has_jobs);
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

static inline void expect_standings(const struct js_registry *registry,
                                    const char *want)
{
    static const char letters[] = "lsfk";
    char got[16] = "";
    for (uint64_t id = 1; id <= js_registry_count(registry) && id < 16; id++)
        got[id - 1] = letters[js_registry_get(registry, id).state];
    CU_ASSERT_STRING_EQUAL(got, want);
}

static inline void expect_refused(const struct js_journal_config *config,
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

static inline uint32_t checksum(const char *text)
{
    return (uint32_t)crc32(0, (const unsigned char *)text,
                           (unsigned)strlen(text));
}

static inline void put_line(struct js_buf *file, const char *rest)
{
    js_buf_printf(file, "%08" PRIx32 " %s\n", checksum(rest), rest);
}

#endif
