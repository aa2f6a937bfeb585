/*
 * entries - what a reader makes of a text, as text, whatever pieces the text
 * comes in.
 *
 * A job is "NUMBER@LINE=COMMAND;", with the attributes that are not as usual
 * before the command, as in a job file ("2@3=[name=b after=a]./x;"). With
 * ENTRIES_WITH_ARGS, the values of a template follow ("args=un=4":
 * list/attributes.h). A barrier
 * is "wait;" or "wait ok;". An error is "!NAME:LINE:COLUMN: what;". The name is
 * "f".
 */
#ifndef JS_TESTS_ENTRIES_H
#define JS_TESTS_ENTRIES_H

#include "list/reader.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct js_reader *(*entries_new_fn)(const char *name);

static inline void entries_put_string(struct js_buf *log, const char *attribute,
                                      const char *value)
{
    if (value)
        js_buf_printf(log, " %s=%s", attribute, value);
}

static inline void entries_put_number(struct js_buf *log, const char *attribute,
                                      int64_t value, int64_t usual)
{
    if (value != usual)
        js_buf_printf(log, " %s=%" PRId64, attribute, value);
}

static inline void entries_put_names(struct js_buf *log, const char *attribute,
                                     const struct js_strings *names)
{
    const char *name = NULL;
    const char *before = " ";
    while ((name = js_strings_next(names, name))) {
        js_buf_printf(log, "%s", before);
        if (*before == ' ')
            js_buf_printf(log, "%s=", attribute);
        js_buf_puts(log, name);
        before = ",";
    }
}

static inline void entries_put_attributes(struct js_buf *log,
                                          const struct js_attributes *of)
{
    size_t at = log->len;
    const char *env = NULL;
    entries_put_string(log, "name", of->name);
    entries_put_names(log, "after", &of->after);
    entries_put_names(log, "after-any", &of->after_any);
    entries_put_number(log, "nodes", of->nodes, 1);
    entries_put_number(log, "cores", of->cores, 1);
    entries_put_number(log, "mem", (int64_t)of->mem_bytes, 0);
    entries_put_number(log, "gpus", of->gpus, 0);
    entries_put_number(log, "timeout_ns", of->timeout_ns, 0);
    entries_put_number(log, "retries", of->retries, 0);
    entries_put_number(log, "priority", of->priority, 0);
    entries_put_string(log, "dir", of->dir);
    while ((env = js_strings_next(&of->env, env)))
        entries_put_string(log, "env", env);
    entries_put_string(log, "stdin", of->stdin_path);
    entries_put_string(log, "stdout", of->stdout_path);
    entries_put_string(log, "stderr", of->stderr_path);
#ifdef ENTRIES_WITH_ARGS
    entries_put_names(log, "args", &of->args);
#endif
    if (log->len == at)
        return;
    log->data[at] = '[';
    js_buf_puts(log, "]");
}

/* Takes all entries of the bytes so far. Returns 0, or the errno of an error
 * that is final. */
static inline int entries_take(struct js_reader *reader, unsigned *count,
                               struct js_buf *log)
{
    for (;;) {
        struct js_entry entry = {.kind = JS_ENTRY_JOB};
        struct js_err err = {""};
        int rc = js_reader_next(reader, &entry, &err);
        if (rc == 0)
            return 0;
        *count += entry.kind == JS_ENTRY_JOB;
        if (rc < 0) {
            int errnum = errno;
            js_buf_printf(log, "!%s;", err.text);
            if (errnum != EINVAL)
                return errnum;
        } else if (entry.kind == JS_ENTRY_WAIT) {
            js_buf_puts(log, "wait;");
        } else if (entry.kind == JS_ENTRY_WAIT_OK) {
            js_buf_puts(log, "wait ok;");
        } else {
            CU_ASSERT_EQUAL(entry.kind, JS_ENTRY_JOB);
            CU_ASSERT_PTR_NULL(memchr(entry.command, '\0', entry.command_len));
            js_buf_printf(log, "%u@%" PRIu64 "=", *count, entry.line);
            if (entry.attributes)
                entries_put_attributes(log, entry.attributes);
            js_buf_escape(log, entry.command, entry.command_len);
            js_buf_puts(log, ";");
        }
    }
}

/* Where to cut: the length of the next piece, given how much is left. */
struct entries_cutter {
    size_t (*next)(struct entries_cutter *cutter, size_t left);
    size_t arg;
};

static inline size_t entries_cut_nowhere(struct entries_cutter *cutter,
                                         size_t left)
{
    (void)cutter;
    return left;
}

/* Every `arg` bytes. */
static inline size_t entries_cut_every(struct entries_cutter *cutter,
                                       size_t left)
{
    return cutter->arg < left ? cutter->arg : left;
}

/* In two, after `arg` bytes. */
static inline size_t entries_cut_once(struct entries_cutter *cutter,
                                      size_t left)
{
    size_t piece = cutter->arg < left ? cutter->arg : left;
    cutter->arg = left;
    return piece;
}

/* Feeds the text in pieces; takes entries after each, or only in the end. */
static inline void entries_read(entries_new_fn new_reader, const char *text,
                                size_t len, struct entries_cutter cutter,
                                bool eager, struct js_buf *log)
{
    struct js_reader *reader = not_null(new_reader("f"));
    unsigned count = 0;
    int errnum = 0;
    for (size_t at = 0; at < len && errnum == 0;) {
        size_t piece = cutter.next(&cutter, len - at);
        /* A copy of its own: reading past it shows under a sanitizer. */
        char *copy = not_null(malloc(piece + 1));
        memcpy(copy, text + at, piece);
        CU_ASSERT_EQUAL(piece > 0 ? js_reader_feed(reader, copy, piece) : 0, 0);
        free(copy);
        at += piece;
        if (eager)
            errnum = entries_take(reader, &count, log);
    }
    if (errnum == 0) {
        CU_ASSERT_EQUAL(js_reader_feed(reader, NULL, 0), 0);
        errnum = entries_take(reader, &count, log);
    }
    if (errnum == 0)
        CU_ASSERT_EQUAL(entries_take(reader, &count, log), 0);
    js_reader_free(reader);
}

static inline bool entries_are(entries_new_fn new_reader, const char *text,
                               size_t len, struct entries_cutter cutter,
                               bool eager, const char *expected)
{
    struct js_buf log = JS_BUF_INIT;
    entries_read(new_reader, text, len, cutter, eager, &log);
    bool same = strcmp(not_null((void *)js_buf_string(&log)), expected) == 0;
    if (!same)
        fprintf(stderr, "\n    is  %s\n    not %s\n", log.data, expected);
    js_buf_release(&log);
    return same;
}

/* The same for the whole, byte by byte, and every cut into two. */
static inline bool entries_are_always(entries_new_fn new_reader,
                                      const char *text, size_t len,
                                      const char *expected)
{
    struct entries_cutter whole = {entries_cut_nowhere, 0};
    struct entries_cutter bytes = {entries_cut_every, 1};
    bool same = entries_are(new_reader, text, len, whole, true, expected) &&
                entries_are(new_reader, text, len, bytes, true, expected) &&
                entries_are(new_reader, text, len, bytes, false, expected);
    for (size_t at = 0; at <= len && same; at++) {
        struct entries_cutter two = {entries_cut_once, at};
        same = entries_are(new_reader, text, len, two, true, expected);
    }
    return same;
}

struct entries_case {
    const char *text; /* NULL: the end of the table */
    const char *expected;
};

static inline void entries_check(entries_new_fn new_reader,
                                 const struct entries_case *cases)
{
    for (; cases->text; cases++)
        CU_ASSERT_TRUE(entries_are_always(
            new_reader, cases->text, strlen(cases->text), cases->expected));
}

#endif
