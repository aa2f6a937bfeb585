/*
 * Any bytes as a journal: refused, mended or read. What is read can be read
 * again, and says the same; a reader finds its way through all of it.
 */
#include "base/file.h"
#include "record/journal_load.h"
#include "record/journal_model.h"
#include "record/timeline.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

static const size_t size_max = JS_JOURNAL_LINE_TEXT;

/* The checksums are made right, or hardly anything would come through: what
 * stands before the first blank of a line is replaced. One that begins with
 * '!' is left as it is. */
static void mend(char *data, size_t size)
{
    for (char *at = data, *end = data + size; at < end;) {
        char *newline = memchr(at, '\n', (size_t)(end - at));
        char *stop = newline ? newline : end;
        if (stop - at > 9 && at[0] != '!' && at[8] == ' ') {
            char digits[9];
            snprintf(digits, sizeof(digits), "%08x",
                     (unsigned)crc32_z(0, (const unsigned char *)at + 9,
                                       (size_t)(stop - at) - 9));
            memcpy(at, digits, 8);
        }
        at = stop + 1;
    }
}

static uint64_t sum_of(const struct js_registry *registry)
{
    uint64_t sum = js_registry_count(registry);
    for (uint64_t id = 1; id <= js_registry_count(registry); id++)
        sum = 31 * sum + (uint64_t)js_registry_get(registry, id).state +
              (js_registry_get(registry, id).is_gone ? 7U : 0U);
    return sum;
}

static int load(int fd, struct js_journal_contents *contents, uint64_t *ret)
{
    struct js_err err;
    struct js_registry *registry = js_registry_new();
    if (!registry)
        abort();
    const struct js_journal_part part = {.batch = "b", .batch_restarts = 1};
    const struct js_journal_reader reader = {.host = "here", .part = &part};
    int rc =
        js_journal_load(fd, "j", &reader, registry, NULL, NULL, contents, &err);
    js_journal_contents_release(contents);
    *ret = sum_of(registry);
    js_registry_free(registry);
    return rc;
}

/* Every number that it tells leads somewhere. */
static void walk_jobs(const struct js_journal_model *model)
{
    for (uint64_t id = 1; id <= js_journal_model_look(model).jobs; id++) {
        struct js_journal_model_job job;
        js_journal_model_job(model, id, &job);
        if ((job.latest != JS_JOURNAL_MODEL_NONE &&
             job.latest >= js_journal_model_look(model).attempts) ||
            (job.begun != JS_JOURNAL_MODEL_NONE &&
             job.begun >= js_journal_model_look(model).begun) ||
            job.parent > js_journal_model_look(model).jobs ||
            strlen(job.name) > size_max)
            abort();
    }
}

static void walk_attempts(const struct js_journal_model *model)
{
    for (size_t i = 0; i < js_journal_model_look(model).attempts; i++) {
        struct js_journal_model_attempt attempt;
        struct js_journal_model_slave slave;
        struct js_journal_model_tail tail;
        js_journal_model_attempt(model, i, &attempt);
        js_journal_model_slave(model, attempt.slave, &slave);
        bool has_tail = js_journal_model_tail(model, i, &tail);
        if (slave.run >= js_journal_model_look(model).runs || attempt.id == 0 ||
            attempt.id > js_journal_model_look(model).jobs ||
            (attempt.previous != JS_JOURNAL_MODEL_NONE &&
             attempt.previous >= i) ||
            (has_tail && strlen(tail.text) > size_max))
            abort();
    }
}

/* Every attempt has a row, and lies within its run. */
static void walk_timeline(const struct js_journal_model *model)
{
    struct js_timeline *timeline = js_timeline_new(model, 0);
    if (!timeline)
        abort();
    for (size_t i = 0; i < js_timeline_size(timeline).bars; i++) {
        struct js_timeline_bar bar;
        struct js_timeline_run run;
        struct js_timeline_row row;
        js_timeline_bar(timeline, i, &bar);
        js_timeline_run(timeline, bar.run, &run);
        js_timeline_row(timeline, bar.row, &row);
        if (bar.row >= js_timeline_size(timeline).rows || row.slot == 0 ||
            bar.start_ns < run.begin_ns || bar.run_ns < 0 ||
            bar.run_ns > run.length_ns)
            abort();
    }
    js_timeline_free(timeline);
}

static void walk(int fd)
{
    struct js_err err;
    struct js_journal_model *model = js_journal_model_read(fd, "j", &err);
    if (!model)
        return;
    walk_jobs(model);
    walk_attempts(model);
    for (size_t i = 0; i < js_journal_model_look(model).begun; i++) {
        struct js_journal_model_begun begun;
        struct js_journal_model_job job;
        js_journal_model_begun(model, i, &begun);
        js_journal_model_job(model, begun.id, &job);
        if (job.begun != i ||
            begun.slave >= js_journal_model_look(model).slaves)
            abort();
    }
    walk_timeline(model);
    js_journal_model_free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct js_journal_contents contents;
    uint64_t first, second;
    char *copy = malloc(size + 1);
    int fd = memfd_create("journal", MFD_CLOEXEC);
    if (!copy || fd < 0)
        abort();
    memcpy(copy, data, size);
    mend(copy, size);
    if (js_file_write(fd, copy, size) < 0)
        abort();
    if (load(fd, &contents, &first) == 0) {
        /* Without its torn end it says the same. */
        if (contents.valid > size || ftruncate(fd, (off_t)contents.valid) < 0 ||
            load(fd, &contents, &second) < 0 || first != second ||
            contents.size != contents.valid)
            abort();
    }
    walk(fd);
    close(fd);
    free(copy);
    return 0;
}
