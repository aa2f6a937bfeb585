/*
 * Any bytes as a template: no crash, no leak; what is no replacement string
 * stays; and what a value has in it does not change how the rest is quoted.
 * The first byte says which replacement strings there are.
 */
#include "list/sh_template.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"n", "file", "a.b"};

static void count_doubt(void *arg, enum js_sh_template_doubt doubt, size_t at,
                        const char *text)
{
    size_t *len = arg;
    if (at >= *len || !*text || doubt > JS_SH_DOUBT_PROGRAM)
        abort();
}

static struct js_buf expand(const struct js_sh_template *template,
                            const char *const *values)
{
    struct js_buf buf = JS_BUF_INIT;
    if (js_sh_template_expand(template, values, 7, &buf) < 0)
        abort();
    return buf;
}

/* An attribute in which each value is the string that stands for it is the
 * text, but for endings, positions and numbers. */
static void take_attribute(const char *text, size_t len)
{
    static const char *const values[] = {"{n}", "{file}", "{a.b}"};
    const struct js_sh_sources sources = {3, names, false};
    struct js_err err;
    size_t at;
    struct js_sh_template *template =
        js_sh_template_new_attribute(text, len, &sources, NULL, &at, &err);
    if (!template)
        abort();
    struct js_buf whole = expand(template, values);
    struct js_buf again = JS_BUF_INIT;
    struct js_sh_template *next = js_sh_template_new_attribute(
        whole.data, whole.len, &sources, NULL, &at, &err);
    if (!next || js_sh_template_expand(next, values, 7, &again) < 0)
        abort();
    if (!memmem(text, len, ".}", 2) && !memmem(text, len, "/}", 2) &&
        (whole.len != len || (len > 0 && memcmp(whole.data, text, len) != 0)))
        abort();
    js_sh_template_free(template);
    js_sh_template_free(next);
    js_buf_release(&whole);
    js_buf_release(&again);
}

/* Two texts that differ only in plain values of one length. */
static void take_command(const char *text, size_t len, bool is_command_line)
{
    static const char *const values[][3] = {
        {"Q1", "Q2", "Q3"}, {"R4", "R5", "R6"}, {"'\n", "$(", "\\\""}};
    const struct js_sh_sources sources = {3, names, is_command_line};
    const struct js_sh_template_checks checks = {count_doubt, &len};
    struct js_err err = {""};
    size_t at = len;
    errno = 0;
    struct js_sh_template *template =
        js_sh_template_new_command(text, len, &sources, &checks, &at, &err);
    if (!template) {
        if (errno != EINVAL || at >= len || !err.text[0])
            abort();
        return;
    }
    struct js_buf first = expand(template, values[0]);
    struct js_buf second = expand(template, values[1]);
    struct js_buf hostile = expand(template, values[2]);
    if (first.len != second.len || hostile.len < first.len)
        abort();
    js_sh_template_free(template);
    js_buf_release(&first);
    js_buf_release(&second);
    js_buf_release(&hostile);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data + 1;
    if (size == 0)
        return 0;
    take_command(text, size - 1, data[0] & 1);
    take_attribute(text, size - 1);
    return 0;
}
