/*
 * Any bytes as the text of a template on the command line, and of its stream:
 * no crash, no leak, and the same jobs however the input is cut into pieces.
 */
#include "list/args.h"
#include "list/args_reader.h"
#include "unit/entry_back.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A few bytes make any number of jobs. */
enum { JOBS_MAX = 200 };

struct sum {
    uint64_t bytes;
    unsigned jobs;
    int is_final;
};

static void add(struct sum *sum, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum->bytes = 31 * sum->bytes + (unsigned char)bytes[i];
    sum->bytes = 31 * sum->bytes + 256;
}

static void take(struct sum *sum, struct js_reader *reader)
{
    while (sum->jobs < JOBS_MAX && !sum->is_final) {
        const struct js_entry_part part = {.attribute = "warning"};
        struct js_entry entry = {.kind = JS_ENTRY_JOB};
        struct js_err err;
        int rc = js_reader_next(reader, &entry, &err);
        if (rc == 0)
            return;
        sum->jobs++;
        if (rc < 0) {
            sum->is_final = errno != EINVAL;
            add(sum, err.text, strlen(err.text));
            continue;
        }
        entry_back_check(&entry);
        add(sum, entry.command, entry.command_len);
        add(sum, entry.attributes->args.bytes.data,
            entry.attributes->args.bytes.len);
        if (js_reader_describe(reader, &part, "x", &err) < 0)
            abort();
        add(sum, err.text, strlen(err.text));
    }
}

static struct sum read_in(const char *text, size_t len, size_t piece)
{
    struct sum sum = {0};
    struct js_reader *reader = js_args_reader_new("f");
    if (!reader)
        abort();
    for (size_t at = 0; at < len; at += piece) {
        if (js_reader_feed(reader, text + at,
                           len - at < piece ? len - at : piece) < 0)
            abort();
        take(&sum, reader);
    }
    if (js_reader_feed(reader, NULL, 0) < 0)
        abort();
    take(&sum, reader);
    js_reader_free(reader);
    return sum;
}

/* False if the separator, the fifth string, may need any amount of memory: that
 * is regcomp(3)'s own way with a{9999}{9999}. */
static int is_cheap(const char *at, const char *end)
{
    for (int i = 0; i < 4 && at < end; i++) {
        const char *nul = memchr(at, '\0', (size_t)(end - at));
        at = nul ? nul + 1 : end;
    }
    size_t len = at < end ? strnlen(at, (size_t)(end - at)) : 0;
    return len <= 32 && (len == 0 || !memchr(at, '{', len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The length of the text up to the first newline is set right here, which no
 * change at random would do. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct js_buf text = JS_BUF_INIT;
    if (!is_cheap((const char *)data, (const char *)data + size))
        return 0;
    const uint8_t *newline = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t len = newline ? (size_t)(newline - data) + 1 : size;
    if (js_buf_printf(&text, "%s%c%zu%c", JS_ARGS_MAGIC, 0, len, 0) < 0 ||
        js_buf_append(&text, data, size) < 0)
        abort();
    struct sum whole = read_in(text.data, text.len, text.len);
    struct sum cut = read_in(text.data, text.len, 7);
    if (whole.bytes != cut.bytes || whole.jobs != cut.jobs)
        abort();
    js_buf_release(&text);
    return 0;
}
