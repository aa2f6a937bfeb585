/*
 * attributes_scene - a list of attributes, read, and said again as text.
 */
#ifndef JS_TESTS_ATTRIBUTES_SCENE_H
#define JS_TESTS_ATTRIBUTES_SCENE_H

#include "base/buf.h"
#include "list/attributes.h"
#include "unit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
    "name", "after", "after-any", "nodes",   "cores",
    "mem",  "gpus",  "timeout",   "retries", "priority",
    "dir",  "env",   "stdin",     "stdout",  "stderr",
};
enum {
    NAME,
    AFTER,
    AFTER_ANY,
    NODES,
    CORES,
    MEM,
    GPUS,
    TIMEOUT,
    RETRIES,
    PRIORITY,
    DIR,
    ENV,
    STDIN,
    STDOUT,
    STDERR,
    NAMES
};

static inline bool is_repeatable(int name)
{
    return name == AFTER || name == AFTER_ANY || name == ENV;
}

static inline bool is_job_only(int name)
{
    return name == NAME || name == AFTER || name == AFTER_ANY;
}

/* ---------------------------------------------------------------- what was
 * read */

static inline void say(struct js_buf *log, int name, const char *value)
{
    js_buf_printf(log, "%s=%s|", names[name], value);
}

static inline void say_number(struct js_buf *log, int name, int64_t value,
                              int64_t usual)
{
    if (value != usual)
        js_buf_printf(log, "%s=%" PRId64 "|", names[name], value);
}

static inline void say_string(struct js_buf *log, int name, const char *value)
{
    if (value)
        say(log, name, value);
}

static inline void say_strings(struct js_buf *log, int name,
                               const struct js_strings *strings)
{
    size_t count = 0;
    size_t bytes = 0;
    const char *text = NULL;
    while ((text = js_strings_next(strings, text))) {
        count++;
        bytes += strlen(text) + 1;
        say(log, name, text);
    }
    CU_ASSERT_EQUAL(count, strings->count);
    CU_ASSERT_EQUAL(bytes, strings->bytes.len);
}

/* All that is not as js_attributes_init() leaves it, in the order of names. */
static inline void describe(const struct js_attributes *a, struct js_buf *log)
{
    say_string(log, NAME, a->name);
    say_strings(log, AFTER, &a->after);
    say_strings(log, AFTER_ANY, &a->after_any);
    say_number(log, NODES, a->nodes, 1);
    say_number(log, CORES, a->cores, 1);
    say_number(log, MEM, (int64_t)a->mem_bytes, 0);
    say_number(log, GPUS, a->gpus, 0);
    say_number(log, TIMEOUT, a->timeout_ns, 0);
    say_number(log, RETRIES, a->retries, 0);
    say_number(log, PRIORITY, a->priority, 0);
    say_string(log, DIR, a->dir);
    say_strings(log, ENV, &a->env);
    say_string(log, STDIN, a->stdin_path);
    say_string(log, STDOUT, a->stdout_path);
    say_string(log, STDERR, a->stderr_path);
}

static inline bool is_described(const struct js_attributes *attributes,
                                const char *expected)
{
    struct js_buf log = JS_BUF_INIT;
    describe(attributes, &log);
    bool same = strcmp(js_buf_string(&log), expected) == 0;
    if (!same)
        fprintf(stderr, "\n  is:        %s\n  should be: %s\n", log.data,
                expected);
    js_buf_release(&log);
    return same;
}

/* ---------------------------------------------------------------- one reading
 */

struct result {
    struct js_attributes attributes;
    struct js_err err;
    size_t at; /* of the error */
    ptrdiff_t rc;
};

/* From a copy of exactly this size: reading past it shows under a sanitizer. */
static inline ptrdiff_t call(const char *text, size_t len, bool is_list,
                             struct result *result)
{
    char *copy = malloc(len ? len : 1);
    memcpy(copy, text, len);
    errno = 0;
    if (is_list)
        result->rc = js_attributes_read(copy, len, &result->attributes,
                                        &result->at, &result->err);
    else
        result->rc = js_defaults_read(copy, len, &result->attributes,
                                      &result->at, &result->err);
    free(copy);
    return result->rc;
}

/* ... and what holds of every one. */
static inline void read_text(const char *text, size_t len, bool is_list,
                             struct result *result)
{
    *result = (struct result){.err = {""}, .at = SIZE_MAX};
    js_attributes_init(&result->attributes);
    if (call(text, len, is_list, result) < 0) {
        CU_ASSERT_EQUAL(result->rc, -1);
        CU_ASSERT_EQUAL(errno, EINVAL);
        CU_ASSERT_TRUE(result->at <= len);
        CU_ASSERT_NOT_EQUAL(result->err.text[0], '\0');
        CU_ASSERT_TRUE(strlen(result->err.text) < 200);
    } else {
        CU_ASSERT_TRUE((size_t)result->rc <= len);
        CU_ASSERT_EQUAL(result->at, SIZE_MAX);
        CU_ASSERT_EQUAL(result->err.text[0], '\0');
    }
}

#endif
