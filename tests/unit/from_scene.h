/*
 * from_scene - feeds a list to a reader of another tool's format, in pieces of
 * many sizes, and compares what it makes of it with a text:
 *
 *     3: name=3 after=1,2 dir=a env=X=1 | ./command
 *     4: done | ./command
 *     wait
 *     f:4:2: what is wrong
 */
#ifndef JS_TESTS_FROM_SCENE_H
#define JS_TESTS_FROM_SCENE_H

#include "unit.h"

#include "list/reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct js_reader *(*from_scene_new)(void);

static inline void from_scene_strings(struct js_buf *to, const char *label,
                                      const struct js_strings *strings)
{
    const char *string = NULL;
    while ((string = js_strings_next(strings, string)))
        js_buf_printf(to, " %s=%s", label, string);
}

static inline void from_scene_entry(struct js_buf *to,
                                    const struct js_entry *entry)
{
    const struct js_attributes *attributes = entry->attributes;
    if (entry->kind != JS_ENTRY_JOB) {
        js_buf_puts(to, entry->kind == JS_ENTRY_WAIT ? "wait\n" : "wait ok\n");
        return;
    }
    js_buf_printf(to, "%llu:", (unsigned long long)entry->line);
    if (attributes) {
        const struct {
            const char *name, *value;
        } texts[] = {{"name", attributes->name},
                     {"dir", attributes->dir},
                     {"stdin", attributes->stdin_path},
                     {"stdout", attributes->stdout_path},
                     {"stderr", attributes->stderr_path}};
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
            if (texts[i].value)
                js_buf_printf(to, " %s=%s", texts[i].name, texts[i].value);
        }
        from_scene_strings(to, "after", &attributes->after);
        from_scene_strings(to, "after-any", &attributes->after_any);
        from_scene_strings(to, "env", &attributes->env);
        const struct {
            const char *name;
            long long value, usual;
        } numbers[] = {{"nodes", attributes->nodes, 1},
                       {"cores", attributes->cores, 1},
                       {"gpus", attributes->gpus, 0},
                       {"mem", (long long)(attributes->mem_bytes >> 20), 0},
                       {"retries", attributes->retries, -1},
                       {"priority", attributes->priority, 0},
                       {"timeout", attributes->timeout_ns / 1000000000, 0}};
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
            if (numbers[i].value != numbers[i].usual &&
                (i != 4 || attributes->is_retries_set))
                js_buf_printf(to, " %s=%lld", numbers[i].name,
                              numbers[i].value);
        }
    }
    js_buf_puts(to, entry->is_done ? " done | " : " | ");
    js_buf_append(to, entry->command, entry->command_len);
    js_buf_puts(to, "\n");
}

/* Returns false after an error that ends the list. */
static inline bool from_scene_take(struct js_buf *to, struct js_reader *reader)
{
    for (;;) {
        struct js_entry entry = {.kind = JS_ENTRY_JOB};
        struct js_err err = {""};
        int rc = js_reader_next(reader, &entry, &err);
        if (rc == 0)
            return true;
        if (rc > 0 && entry.warning) {
            const struct js_entry_part part = {"warning", 0};
            js_reader_describe(reader, &part, entry.warning, &err);
            js_buf_printf(to, "%s\n", err.text);
        }
        if (rc > 0)
            from_scene_entry(to, &entry);
        else
            js_buf_printf(to, "%s\n", err.text);
        if (rc < 0 && errno != EINVAL)
            return false;
    }
}

static inline void from_scene_read(struct js_buf *to, from_scene_new make,
                                   const char *text, size_t len, size_t piece)
{
    struct js_reader *reader = not_null(make());
    bool goes_on = true;
    to->len = 0;
    for (size_t at = 0; goes_on && at < len; at += piece) {
        size_t size = len - at < piece ? len - at : piece;
        /* A copy that is as long as the piece: a reader that looks further is
         * found by a sanitizer. */
        char *copy = not_null(malloc(size));
        memcpy(copy, text + at, size);
        CU_ASSERT_EQUAL(js_reader_feed(reader, copy, size), 0);
        free(copy);
        goes_on = from_scene_take(to, reader);
    }
    if (goes_on) {
        js_reader_feed(reader, "", 0);
        if (from_scene_take(to, reader))
            from_scene_take(to, reader); /* the end stays the end */
    }
    js_reader_free(reader);
}

static inline void from_scene_check_bytes(from_scene_new make, const char *text,
                                          size_t len, const char *expected)
{
    struct js_buf got = JS_BUF_INIT;
    for (size_t piece = 1; piece <= len + (len == 0); piece++) {
        from_scene_read(&got, make, text, len, piece);
        const char *string = not_null((void *)js_buf_string(&got));
        bool is_equal = strcmp(string, expected) == 0;
        CU_ASSERT_TRUE(is_equal);
        if (is_equal)
            continue;
        fprintf(stderr, "\n%s---- in pieces of %zu:\n%s---- expected:\n%s",
                text, piece, string, expected);
        break;
    }
    js_buf_release(&got);
}

static inline void from_scene_check(from_scene_new make, const char *text,
                                    const char *expected)
{
    from_scene_check_bytes(make, text, strlen(text), expected);
}

#endif
