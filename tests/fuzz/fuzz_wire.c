/*
 * Any bytes as a message of any tag: refused, or decoded without a step
 * outside of it. The first byte is the tag.
 */
#include "mpi/wire.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static volatile size_t seen;

static void look(const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++)
        seen += at[i];
}

static void take_setup(const char *bytes, size_t len)
{
    struct js_wire_setup setup;
    if (js_wire_unpack_setup(bytes, len, &setup) < 0)
        return;
    look(setup.settings.cwd, strlen(setup.settings.cwd));
    look(setup.settings.output_dir, strlen(setup.settings.output_dir));
    look(setup.settings.tmpdir, strlen(setup.settings.tmpdir));
    look(setup.environ, setup.environ_len);
}

static void take_ready(const char *bytes, size_t len)
{
    struct js_wire_ready ready;
    if (js_wire_unpack_ready(bytes, len, &ready) < 0)
        return;
    look(ready.homes, ready.slots * sizeof(*ready.homes));
    look(ready.error, strlen(ready.error));
    free(ready.homes);
}

static void take_node(const char *bytes, size_t len)
{
    struct js_resources node;
    if (js_wire_unpack_node(bytes, len, &node) < 0)
        return;
    look(node.cores, node.core_count * sizeof(*node.cores));
    look(node.cpus, node.cpu_count * sizeof(*node.cpus));
    look(node.gpus, node.gpu_count * sizeof(*node.gpus));
    js_resources_release(&node);
}

static void look_at_text(const struct js_wire_job *job, const char *bytes)
{
    struct js_wire_text text;
    /* The slave has put a NUL behind it. */
    char *copy = calloc(1, job->text_len + 1);
    if (!copy)
        abort();
    memcpy(copy, bytes, job->text_len);
    if (js_wire_job_text(job, copy, &text) == 0) {
        look(text.gpus, strlen(text.gpus));
        look(text.hosts, strlen(text.hosts));
        look(text.details, text.details_len);
        look(text.command, text.command_len);
    }
    free(copy);
}

/* As the slave does: the struct, then its text. */
static void take_job(const char *bytes, size_t len)
{
    struct js_wire_job job;
    if (len < sizeof(job))
        return;
    memcpy(&job, bytes, sizeof(job));
    if (js_wire_job_check(&job) < 0)
        return;
    bool is_long = job.text_len > JS_WIRE_JOB_TEXT;
    if (is_long && job.text_len != len - sizeof(job))
        return;
    look_at_text(&job, is_long ? bytes + sizeof(job) : job.text);
}

static void take_jobs(const char *bytes, size_t len)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    struct js_wire_job job;
    const char *text;
    while (cursor.left > 0 && js_wire_unpack_job(&cursor, &job, &text) == 0)
        look_at_text(&job, text);
}

static void take_done(const char *bytes, size_t len)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    struct js_wire_done done;
    while (cursor.left > 0 && js_wire_unpack_done(&cursor, &done) == 0) {
        if (done.inlined)
            look(done.inlined, done.inlined_len);
    }
}

static void take_back(const char *bytes, size_t len)
{
    struct js_wire_returned back;
    if (js_wire_unpack_returned(bytes, len, &back) < 0)
        return;
    for (size_t i = 0; i < back.count; i++)
        seen += js_wire_returned_ticket(&back, i);
}

static void take_others(int tag, const char *bytes, size_t len)
{
    struct js_wire_hello hello;
    struct js_wire_ack ack;
    struct js_wire_fetch fetch;
    struct js_wire_output output;
    uint64_t number;
    if (tag == JS_TAG_HELLO)
        js_wire_unpack_hello(bytes, len, &hello);
    else if (tag == JS_TAG_ACK)
        js_wire_unpack_ack(bytes, len, &ack);
    else if (tag == JS_TAG_FETCH)
        js_wire_unpack_fetch(bytes, len, &fetch);
    else if (tag == JS_TAG_OUTPUT &&
             js_wire_unpack_output(bytes, len, &output) == 0)
        look(output.bytes, output.len);
    else
        js_wire_unpack_number(bytes, len, &number);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    int tag = data[0] % JS_TAG_COUNT;
    const char *bytes = (const char *)data + 1;
    size_t len = size - 1;
    if (tag == JS_TAG_SETUP)
        take_setup(bytes, len);
    else if (tag == JS_TAG_READY)
        take_ready(bytes, len);
    else if (tag == JS_TAG_NODE)
        take_node(bytes, len);
    else if (tag == JS_TAG_JOB)
        take_job(bytes, len);
    else if (tag == JS_TAG_JOBS)
        take_jobs(bytes, len);
    else if (tag == JS_TAG_DONE)
        take_done(bytes, len);
    else if (tag == JS_TAG_RETURNED)
        take_back(bytes, len);
    else
        take_others(tag, bytes, len);
    return 0;
}
