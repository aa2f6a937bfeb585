/*
 * list_sum - what comes of a list, as numbers: the same however the input is
 * cut into pieces.
 */
#ifndef JS_TESTS_LIST_SUM_H
#define JS_TESTS_LIST_SUM_H

#include "list/formats.h"
#include "list/intake.h"
#include "unit/entry_back.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A few bytes can ask for billions of jobs (REPEAT of disBatch, an array of
 * Slurm). */
enum { LIST_SUM_JOBS_MAX = 300 };

struct list_sum {
    uint64_t count; /* of jobs and errors */
    uint64_t jobs, bytes, errors, warnings;
    uint64_t is_final; /* an error was, or it is enough */
};

static inline void list_sum_add(uint64_t *sum, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        *sum = 31 * *sum + (unsigned char)bytes[i];
}

static inline void list_sum_warn(void *arg, enum js_warning kind,
                                 const char *text)
{
    struct list_sum *sum = arg;
    sum->warnings += (uint64_t)kind;
    list_sum_add(&sum->warnings, text, strlen(text));
}

static inline void list_sum_take(struct list_sum *sum, struct js_intake *intake)
{
    struct js_job *job;
    struct js_err err;
    int rc;
    while (!sum->is_final && (rc = js_intake_next(intake, &job, &err)) != 0) {
        bool is_error_final = rc < 0 && errno != EINVAL;
        sum->is_final = is_error_final || ++sum->count == LIST_SUM_JOBS_MAX;
        if (rc < 0) {
            list_sum_add(&sum->errors, err.text, strlen(err.text));
            continue;
        }
        sum->jobs += job->seq + job->line;
        list_sum_add(&sum->bytes, job->text,
                     job->details_len + job->command_len);
        js_job_free(job);
    }
}

static inline struct list_sum list_sum_of(const char *format, const char *data,
                                          size_t size, size_t piece)
{
    struct list_sum sum = {0};
    struct js_graph *graph = js_graph_new();
    const struct js_formats_input input = {.name = "f"};
    struct js_intake *intake =
        graph ? js_intake_new("f", js_formats_new_reader(format, &input), graph,
                              NULL)
              : NULL;
    const struct js_intake_checks checks = {
        .warn = list_sum_warn, .arg = &sum, .is_stream = true};
    if (!intake || js_intake_set_checks(intake, &checks) < 0)
        abort();
    for (size_t at = 0; at < size; at += piece) {
        size_t len = size - at < piece ? size - at : piece;
        if (js_intake_feed(intake, data + at, len) < 0)
            abort();
        list_sum_take(&sum, intake);
    }
    if (js_intake_feed(intake, NULL, 0) < 0)
        abort();
    list_sum_take(&sum, intake);
    js_graph_assert_invariants(graph);
    js_intake_free(intake);
    js_graph_free(graph);
    return sum;
}

/* True if a loop of a template may read files elsewhere: some of them have no
 * end. */
static inline int list_sum_leaves(const char *data, size_t size)
{
    const char *at = data, *end = data + size;
    while (at < end && (at = memmem(at, (size_t)(end - at), "for=", 4))) {
        while (at < end && *at != ' ' && *at != ']') {
            if (*at++ == '/')
                return 1;
        }
    }
    return 0;
}

/* Aborts if an entry, written as a line of a job file, is read as another. */
static inline void list_sum_write_back(const char *format, const char *data,
                                       size_t size)
{
    enum { ENTRIES_MAX = 100 };
    struct js_reader *reader =
        js_formats_new_reader(format, &(struct js_formats_input){.name = "f"});
    int rc = 1;
    if (!reader || js_reader_feed(reader, data, size) < 0 ||
        js_reader_feed(reader, NULL, 0) < 0)
        abort();
    for (int i = 0; i < ENTRIES_MAX && rc != 0; i++) {
        struct js_entry entry = {.kind = JS_ENTRY_JOB};
        struct js_err err;
        rc = js_reader_next(reader, &entry, &err);
        if (rc > 0)
            entry_back_check(&entry);
        else if (rc < 0 && errno != EINVAL)
            break;
    }
    js_reader_free(reader);
}

/* Aborts if it makes a difference how the input is cut, or if what comes of it
 * cannot be written out. */
static inline void list_sum_check(const char *format, const char *data,
                                  size_t size)
{
    if (size == 0 || list_sum_leaves(data, size))
        return;
    struct list_sum whole = list_sum_of(format, data, size, size);
    struct list_sum cut = list_sum_of(format, data, size, 7);
    if (memcmp(&whole, &cut, sizeof(whole)) != 0)
        abort();
    list_sum_write_back(format, data, size);
}

#endif
