/*
 * entry_back - entries written as a job file and read again.
 *
 * For the unit tests and the fuzzers: aborts where it finds a difference.
 */
#ifndef JS_TESTS_ENTRY_BACK_H
#define JS_TESTS_ENTRY_BACK_H

#include "list/entry_write.h"
#include "list/formats.h"
#include "list/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static inline void entry_back_want(bool is_so)
{
    if (!is_so)
        abort();
}

/* With each byte that a name cannot hold as '_'. */
static inline bool entry_back_is_name(const char *name, const char *back,
                                      bool is_glob)
{
    struct js_buf text = JS_BUF_INIT;
    entry_back_want(js_entry_write_name(&text, name, is_glob) == 0 &&
                    js_buf_string(&text));
    bool is_same = strcmp(text.data, back) == 0;
    js_buf_release(&text);
    return is_same;
}

static inline void entry_back_compare_names(const struct js_strings *names,
                                            const struct js_strings *backs,
                                            bool is_glob)
{
    const char *name = NULL;
    const char *back = NULL;
    entry_back_want(names->count == backs->count);
    while ((name = js_strings_next(names, name))) {
        back = js_strings_next(backs, back);
        entry_back_want(back && entry_back_is_name(name, back, is_glob));
    }
}

/* All that becomes of an entry but its name and its line. */
static inline void entry_back_compare_jobs(const struct js_entry *entry,
                                           const struct js_entry *back)
{
    struct js_attributes plain, a, b;
    js_attributes_init(&plain);
    a = entry->attributes ? *entry->attributes : plain;
    b = back->attributes ? *back->attributes : plain;
    a.name = b.name = NULL;
    struct js_job *job =
        js_job_new_with(1, &a, entry->command, entry->command_len);
    struct js_job *again =
        js_job_new_with(1, &b, back->command, back->command_len);
    entry_back_want(job && again);
    struct js_identity id = js_identity_of(job);
    struct js_identity id_again = js_identity_of(again);
    entry_back_want(js_identity_equal(&id, &id_again));
    entry_back_want(job->details_len == again->details_len &&
                    job->command_len == again->command_len &&
                    memcmp(job->text, again->text,
                           job->details_len + job->command_len) == 0);
    entry_back_want(js_request_nodes(&job->request) ==
                        js_request_nodes(&again->request) &&
                    job->request.cores == again->request.cores &&
                    job->request.gpus == again->request.gpus &&
                    job->request.mem_bytes == again->request.mem_bytes);
    entry_back_want(job->timeout_ns == again->timeout_ns &&
                    job->priority == again->priority &&
                    job->is_retries_set == again->is_retries_set &&
                    (!job->is_retries_set || job->retries == again->retries));
    js_job_free(job);
    js_job_free(again);
}

static inline void entry_back_compare(const struct js_entry *entry,
                                      const struct js_entry *back)
{
    struct js_attributes plain;
    js_attributes_init(&plain);
    const struct js_attributes *a =
        entry->attributes ? entry->attributes : &plain;
    const struct js_attributes *b =
        back->attributes ? back->attributes : &plain;
    entry_back_want(entry->kind == back->kind);
    if (entry->kind != JS_ENTRY_JOB)
        return;
    const char *name = a->name ? a->name : "";
    entry_back_want(entry_back_is_name(name, b->name ? b->name : "", false));
    entry_back_compare_names(&a->after, &b->after, a->has_globs);
    entry_back_compare_names(&a->after_any, &b->after_any, a->has_globs);
    entry_back_compare_jobs(entry, back);
}

/* Writes the entry behind a job, and reads the line again as part of a list of
 * which nobody has said the format. Returns false if it has no line. */
static inline bool entry_back_check(const struct js_entry *entry)
{
    struct js_buf line = JS_BUF_INIT;
    struct js_entry_part part;
    struct js_entry back = {.kind = JS_ENTRY_JOB};
    struct js_err err;
    bool is_last;
    int rc = js_entry_write(&line, entry, &is_last, &part, &err);
    if (rc < 0) {
        entry_back_want(errno == EINVAL && line.len == 0);
        js_buf_release(&line);
        return false;
    }
    entry_back_want(line.len > 0 && !memchr(line.data, '\n', line.len));
    struct js_reader *reader =
        js_formats_new_reader(NULL, &(struct js_formats_input){.name = "f"});
    entry_back_want(reader != NULL);
    if (!is_last)
        entry_back_want(js_buf_puts(&line, "\n") == 0);
    entry_back_want(js_reader_feed(reader, line.data, line.len) == 0 &&
                    js_reader_next(reader, &back, &err) == !is_last);
    if (is_last)
        entry_back_want(js_reader_feed(reader, NULL, 0) == 0 &&
                        js_reader_next(reader, &back, &err) == 1);
    entry_back_compare(entry, &back);
    back.kind = JS_ENTRY_JOB;
    entry_back_want(js_reader_feed(reader, NULL, 0) == 0 &&
                    js_reader_next(reader, &back, &err) == 0);
    js_reader_free(reader);
    js_buf_release(&line);
    return true;
}

#endif
