#include "mpi/wire.h"

#include "base/pack.h"
#include "sched/scheduler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const tag_names[] = {
    [JS_TAG_HELLO] = "HELLO",       [JS_TAG_SETUP] = "SETUP",
    [JS_TAG_READY] = "READY",       [JS_TAG_TEXT] = "TEXT",
    [JS_TAG_ACK] = "ACK",           [JS_TAG_JOB] = "JOB",
    [JS_TAG_JOBS] = "JOBS",         [JS_TAG_DONE] = "DONE",
    [JS_TAG_RETURNED] = "RETURNED", [JS_TAG_RECALL] = "RECALL",
    [JS_TAG_FETCH] = "FETCH",       [JS_TAG_OUTPUT] = "OUTPUT",
    [JS_TAG_NOTE] = "NOTE",         [JS_TAG_TIME_LIMIT] = "TIME_LIMIT",
    [JS_TAG_DRAIN] = "DRAIN",       [JS_TAG_BEAT] = "BEAT",
    [JS_TAG_SHUTDOWN] = "SHUTDOWN", [JS_TAG_GOODBYE] = "GOODBYE",
    [JS_TAG_KILL_JOB] = "KILL_JOB", [JS_TAG_CLEAR] = "CLEAR",
    [JS_TAG_CLEARED] = "CLEARED",   [JS_TAG_RUNNER] = "RUNNER",
    [JS_TAG_DESCRIBE] = "DESCRIBE", [JS_TAG_NODE] = "NODE",
    [JS_TAG_FIN] = "FIN",
};
_Static_assert(sizeof(tag_names) / sizeof(tag_names[0]) == JS_TAG_COUNT,
               "every tag has a name");

const char *js_tag_name(int tag)
{
    return tag > 0 && tag < JS_TAG_COUNT ? tag_names[tag] : "?";
}

static int wire_bad_message(void)
{
    errno = EBADMSG;
    return -1;
}

/* ---------------------------------------------------------------- jobs */

void js_wire_job_of(struct js_wire_job *wire, const struct js_job *job,
                    uint64_t ticket, uint32_t slot)
{
    memset(wire, 0, sizeof(*wire));
    wire->id = job->id;
    wire->ticket = ticket;
    wire->duration_ns = job->duration_ns;
    wire->timeout_ns = job->timeout_ns;
    wire->text_len = (uint32_t)(job->details_len + job->command_len);
    wire->details_len = (uint32_t)job->details_len;
    wire->kind = job->kind;
    wire->attempt = job->attempt;
    wire->cores = job->request.cores;
    wire->slot = slot;
}

/* A job that passes this check can be used without further checks: the slave
 * indexes its slots, and allocates memory, by these numbers. */
int js_wire_job_check(const struct js_wire_job *wire)
{
    bool is_known =
        wire->kind == JS_JOB_COMMAND || wire->kind == JS_JOB_SIMULATED;
    uint64_t fronts = (uint64_t)wire->allocation_len + wire->details_len;
    bool is_slot =
        wire->slot < JS_CPUS_MAX || wire->slot == JS_SCHEDULER_SLOT_NEXT;
    if (!is_known || !is_slot || wire->text_len > JS_WIRE_TEXT_MAX ||
        fronts > wire->text_len || wire->inline_max > JS_WIRE_INLINE ||
        wire->duration_ns < 0 || wire->timeout_ns < 0 || wire->cores == 0)
        return wire_bad_message();
    return 0;
}

/* Returns the next of the strings, which must end before `end`; or NULL. */
static const char *wire_next_string(const char **at, const char *end)
{
    const char *text = *at;
    const char *nul = memchr(text, '\0', (size_t)(end - text));
    if (!nul)
        return NULL;
    *at = nul + 1;
    return text;
}

int js_wire_job_text(const struct js_wire_job *wire, const char *text,
                     struct js_wire_text *ret)
{
    ret->has_allocation = wire->allocation_len > 0;
    ret->gpus = ret->hosts = "";
    ret->details = text + wire->allocation_len;
    ret->details_len = wire->details_len;
    ret->command = ret->details + wire->details_len;
    ret->command_len =
        wire->text_len - wire->allocation_len - wire->details_len;
    /* The command becomes a C string, which a NUL would cut off. */
    if (memchr(ret->command, '\0', ret->command_len))
        return wire_bad_message();
    if (!ret->has_allocation)
        return 0;
    /* Three strings: a list of CPUs, one of GPUs and one of hosts. */
    const char *end = text + wire->allocation_len;
    const char *cpus = wire_next_string(&text, end);
    ret->gpus = cpus ? wire_next_string(&text, end) : NULL;
    ret->hosts = ret->gpus ? wire_next_string(&text, end) : NULL;
    if (!ret->hosts || text != end || js_cpuset_parse(cpus, &ret->cpus) < 0)
        return wire_bad_message();
    return 0;
}

/* The fixed part of a job, which js_wire_pack_job() writes before the text. */
enum { JOB_HEAD = 6 * sizeof(uint64_t) + 8 * sizeof(uint32_t) };
_Static_assert(JOB_HEAD == offsetof(struct js_wire_job, text),
               "all fields are packed");

/* This is written by hand and not by a table of fields, because it runs for
 * every job and its cost shows in the rate. */
int js_wire_pack_job(struct js_buf *buf, const struct js_wire_job *wire,
                     const char *text)
{
    char *at = js_buf_extend(buf, JOB_HEAD + wire->text_len);
    if (!at)
        return -1;
    at = js_put_u64(at, wire->id);
    at = js_put_u64(at, wire->ticket);
    at = js_put_u64(at, wire->data_limit_bytes);
    at = js_put_u64(at, wire->beat);
    at = js_put_i64(at, wire->duration_ns);
    at = js_put_i64(at, wire->timeout_ns);
    at = js_put_u32(at, wire->text_len);
    at = js_put_u32(at, wire->allocation_len);
    at = js_put_u32(at, wire->details_len);
    at = js_put_u32(at, wire->kind);
    at = js_put_u32(at, wire->attempt);
    at = js_put_u32(at, wire->cores);
    at = js_put_u32(at, wire->inline_max);
    at = js_put_u32(at, wire->slot);
    memcpy(at, text, wire->text_len);
    return 0;
}

int js_wire_unpack_job(struct js_cursor *cursor, struct js_wire_job *ret,
                       const char **ret_text)
{
    ret->id = js_unpack_u64(cursor);
    ret->ticket = js_unpack_u64(cursor);
    ret->data_limit_bytes = js_unpack_u64(cursor);
    ret->beat = js_unpack_u64(cursor);
    ret->duration_ns = js_unpack_i64(cursor);
    ret->timeout_ns = js_unpack_i64(cursor);
    ret->text_len = js_unpack_u32(cursor);
    ret->allocation_len = js_unpack_u32(cursor);
    ret->details_len = js_unpack_u32(cursor);
    ret->kind = js_unpack_u32(cursor);
    ret->attempt = js_unpack_u32(cursor);
    ret->cores = js_unpack_u32(cursor);
    ret->inline_max = js_unpack_u32(cursor);
    ret->slot = js_unpack_u32(cursor);
    *ret_text = js_unpack_raw(cursor, ret->text_len);
    return cursor->bad ? wire_bad_message() : js_wire_job_check(ret);
}

/* Unpacks a message that consists of these fields and nothing else. */
static int wire_unpack_all(const void *bytes, size_t len,
                           const struct js_field *fields, size_t count,
                           void *ret)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    js_fields_unpack(&cursor, fields, count, ret);
    return js_cursor_end(&cursor);
}

/* ---------------------------------------------------------------- HELLO */

/* A fixed number at the start distinguishes an old version of jobsched from
 * another program. */
enum { HELLO_MAGIC = 0x4a534844 };

/* A table of fields serves packing and unpacking, so that the two cannot
 * differ. */
static const struct js_field processes_fields[] = {
    JS_FIELD(struct js_process_pair, boot),
    JS_FIELD(struct js_process_pair, space),
    JS_FIELD(struct js_process_pair, pid),
    JS_FIELD(struct js_process_pair, started),
    JS_FIELD(struct js_process_pair, runner),
    JS_FIELD(struct js_process_pair, runner_started),
};

static const struct js_field node_fields[] = {
    JS_FIELD(struct js_node, host),        JS_FIELD(struct js_node, boot_id),
    JS_FIELD(struct js_node, cpus),        JS_FIELD(struct js_node, held),
    JS_FIELD(struct js_node, quota_cores),
};

int js_wire_pack_hello(struct js_buf *buf, const struct js_wire_hello *hello)
{
    if (js_pack_u32(buf, HELLO_MAGIC) < 0 ||
        js_pack_u32(buf, hello->version) < 0 ||
        js_fields_pack(buf, JS_FIELDS(node_fields), &hello->node) < 0 ||
        js_fields_pack(buf, JS_FIELDS(processes_fields), &hello->processes) < 0)
        return -1;
    return 0;
}

int js_wire_unpack_hello(const void *bytes, size_t len,
                         struct js_wire_hello *ret)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    memset(ret, 0, sizeof(*ret));
    if (js_unpack_u32(&cursor) != HELLO_MAGIC)
        return wire_bad_message();
    ret->version = js_unpack_u32(&cursor);
    /* The data that another version sends after this is unknown. */
    if (!cursor.bad && ret->version != JS_WIRE_VERSION)
        return 0;
    js_fields_unpack(&cursor, JS_FIELDS(node_fields), &ret->node);
    js_fields_unpack(&cursor, JS_FIELDS(processes_fields), &ret->processes);
    return js_cursor_end(&cursor);
}

/* ---------------------------------------------------------------- SETUP */

static const struct js_field setup_fields[] = {
    JS_FIELD(struct js_wire_setup, index),
    JS_FIELD(struct js_wire_setup, slaves),
    JS_FIELD(struct js_wire_setup, node_cpus),
    JS_FIELD(struct js_wire_setup, held),
    JS_FIELD(struct js_wire_setup, quota_cores),
};

static const struct js_field setup_text_fields[] = {
    JS_FIELD(struct js_wire_setup, slots),
    JS_FIELD(struct js_wire_setup, gpus),
    JS_FIELD(struct js_wire_setup, lease_ns),
};

int js_wire_pack_setup(struct js_buf *buf, const struct js_wire_setup *setup)
{
    return js_fields_pack(buf, JS_FIELDS(setup_fields), setup);
}

int js_wire_pack_setup_text(struct js_buf *buf,
                            const struct js_wire_setup *setup)
{
    if (js_fields_pack(buf, JS_FIELDS(setup_text_fields), setup) < 0 ||
        js_settings_pack(buf, &setup->settings) < 0 ||
        js_pack_bytes(buf, setup->environ, setup->environ_len) < 0)
        return -1;
    return 0;
}

int js_wire_unpack_setup(const void *bytes, size_t len,
                         struct js_wire_setup *ret)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    js_fields_unpack(&cursor, JS_FIELDS(setup_fields), ret);
    js_fields_unpack(&cursor, JS_FIELDS(setup_text_fields), ret);
    js_settings_unpack(&cursor, &ret->settings);
    ret->environ = js_unpack_bytes(&cursor, &ret->environ_len);
    if (js_cursor_end(&cursor) < 0)
        return -1;
    bool is_terminated =
        ret->environ_len == 0 || ret->environ[ret->environ_len - 1] == '\0';
    bool is_counted =
        ret->gpus <= JS_GPUS_MAX || ret->gpus == JS_WIRE_GPUS_FOUND;
    if (ret->slots > JS_CPUS_MAX || ret->index >= ret->slaves ||
        !is_terminated || !is_counted)
        return wire_bad_message();
    return 0;
}

/* ---------------------------------------------------------------- READY */

static const struct js_field ready_fields[] = {
    JS_FIELD(struct js_wire_ready, home),
    JS_FIELD(struct js_wire_ready, error),
};

int js_wire_pack_ready(struct js_buf *buf, const struct js_wire_ready *ready)
{
    int rc = js_pack_u32(buf, ready->slots);
    for (uint32_t i = 0; rc == 0 && i < ready->slots; i++)
        rc = js_pack_u32(buf, ready->homes[i]);
    if (rc < 0 || js_fields_pack(buf, JS_FIELDS(ready_fields), ready) < 0)
        return -1;
    return 0;
}

int js_wire_unpack_ready(const void *bytes, size_t len,
                         struct js_wire_ready *ret)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    memset(ret, 0, sizeof(*ret));
    ret->slots = js_unpack_u32(&cursor);
    cursor.bad |= ret->slots > JS_CPUS_MAX;
    ret->homes = cursor.bad ? NULL : calloc(ret->slots + 1, sizeof(uint32_t));
    cursor.bad |= !ret->homes;
    for (uint32_t i = 0; !cursor.bad && i < ret->slots; i++)
        ret->homes[i] = js_unpack_u32(&cursor);
    js_fields_unpack(&cursor, JS_FIELDS(ready_fields), ret);
    bool is_useless = ret->slots == 0 && !ret->error[0];
    if (js_cursor_end(&cursor) == 0 && !is_useless)
        return 0;
    free(ret->homes);
    ret->homes = NULL;
    return wire_bad_message();
}

int js_wire_unpack_node(const void *bytes, size_t len, struct js_resources *ret)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    js_resources_unpack(&cursor, ret);
    if (js_cursor_end(&cursor) == 0)
        return 0;
    js_resources_release(ret);
    return -1;
}

/* ---------------------------------------------------------------- ACK */

static const struct js_field ack_fields[] = {
    JS_FIELD(struct js_wire_ack, jobs),
    JS_FIELD(struct js_wire_ack, text_bytes),
    JS_FIELD(struct js_wire_ack, releases),
    JS_FIELD(struct js_wire_ack, beat),
};

int js_wire_pack_ack(struct js_buf *buf, const struct js_wire_ack *ack)
{
    return js_fields_pack(buf, JS_FIELDS(ack_fields), ack);
}

int js_wire_unpack_ack(const void *bytes, size_t len, struct js_wire_ack *ret)
{
    return wire_unpack_all(bytes, len, JS_FIELDS(ack_fields), ret);
}

/* ---------------------------------------------------------------- DONE */

int js_wire_pack_done(struct js_buf *buf, const struct js_wire_done *done)
{
    if (js_pack_u64(buf, done->ticket) < 0 ||
        js_pack_u64(buf, done->jobs) < 0 || js_pack_u64(buf, done->beat) < 0 ||
        js_outcome_pack(buf, &done->outcome) < 0 ||
        js_pack_u8(buf, done->captured) < 0 ||
        js_pack_u8(buf, done->inlined != NULL) < 0 ||
        js_pack_bytes(buf, done->inlined, done->inlined_len) < 0)
        return -1;
    return 0;
}

int js_wire_unpack_done(struct js_cursor *cursor, struct js_wire_done *ret)
{
    const char *at = js_take(cursor, 3 * sizeof(uint64_t));
    if (!at)
        return wire_bad_message();
    ret->ticket = js_get_u64(&at);
    ret->jobs = js_get_u64(&at);
    ret->beat = js_get_u64(&at);
    js_outcome_unpack(cursor, &ret->outcome);
    ret->captured = js_unpack_u8(cursor);
    bool has_inlined = js_unpack_u8(cursor);
    ret->inlined = js_unpack_bytes(cursor, &ret->inlined_len);
    if (cursor->bad)
        return wire_bad_message();
    const struct js_outcome *outcome = &ret->outcome;
    if (has_inlined &&
        (outcome->out_bytes > ret->inlined_len ||
         outcome->err_bytes != ret->inlined_len - outcome->out_bytes))
        return wire_bad_message();
    if (!has_inlined)
        ret->inlined = NULL;
    return 0;
}

/* ---------------------------------------------------------------- RETURNED */

int js_wire_pack_returned(struct js_buf *buf, bool is_answer,
                          const uint64_t *tickets, size_t count)
{
    int rc = js_pack_u8(buf, is_answer);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = js_pack_u64(buf, tickets[i]);
    return rc;
}

int js_wire_unpack_returned(const void *bytes, size_t len,
                            struct js_wire_returned *ret)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    ret->is_answer = js_unpack_u8(&cursor);
    ret->tickets = cursor.at;
    ret->count = cursor.left / sizeof(uint64_t);
    return cursor.bad || cursor.left % sizeof(uint64_t) != 0
               ? wire_bad_message()
               : 0;
}

uint64_t js_wire_returned_ticket(const struct js_wire_returned *returned,
                                 size_t i)
{
    struct js_cursor cursor = js_cursor_of(
        returned->tickets + i * sizeof(uint64_t), sizeof(uint64_t));
    return js_unpack_u64(&cursor);
}

/* ---------------------------------------------------------------- output */

static const struct js_field fetch_fields[] = {
    JS_FIELD(struct js_wire_fetch, ticket),
    JS_FIELD(struct js_wire_fetch, offset),
    JS_FIELD(struct js_wire_fetch, stream),
    JS_FIELD(struct js_wire_fetch, length),
};

int js_wire_pack_fetch(struct js_buf *buf, const struct js_wire_fetch *fetch)
{
    return js_fields_pack(buf, JS_FIELDS(fetch_fields), fetch);
}

int js_wire_unpack_fetch(const void *bytes, size_t len,
                         struct js_wire_fetch *ret)
{
    if (wire_unpack_all(bytes, len, JS_FIELDS(fetch_fields), ret) < 0)
        return -1;
    return ret->stream > 1 || ret->length > JS_WIRE_CHUNK ? wire_bad_message()
                                                          : 0;
}

static const struct js_field output_fields[] = {
    JS_FIELD(struct js_wire_output, ticket),
    JS_FIELD(struct js_wire_output, offset),
    JS_FIELD(struct js_wire_output, stream),
    JS_FIELD(struct js_wire_output, error),
};

int js_wire_pack_output(struct js_buf *buf, const struct js_wire_output *output)
{
    if (js_fields_pack(buf, JS_FIELDS(output_fields), output) < 0 ||
        js_pack_bytes(buf, output->bytes, output->len) < 0)
        return -1;
    return 0;
}

int js_wire_unpack_output(const void *bytes, size_t len,
                          struct js_wire_output *ret)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    js_fields_unpack(&cursor, JS_FIELDS(output_fields), ret);
    ret->bytes = js_unpack_bytes(&cursor, &ret->len);
    if (js_cursor_end(&cursor) < 0)
        return -1;
    return ret->stream > 1 ? wire_bad_message() : 0;
}

/* ------------------------------------------------------- killed runs */

int js_wire_pack_processes(struct js_buf *buf,
                           const struct js_process_pair *processes)
{
    return js_fields_pack(buf, JS_FIELDS(processes_fields), processes);
}

int js_wire_unpack_processes(const void *bytes, size_t len,
                             struct js_process_pair *ret)
{
    return wire_unpack_all(bytes, len, JS_FIELDS(processes_fields), ret);
}

static const struct js_field dead_run_fields[] = {
    JS_FIELD(struct js_dead_run, id),
    JS_FIELD(struct js_dead_run, begin_unix_ns),
    JS_FIELD(struct js_dead_run, until_unix_ns),
};

static const struct js_field cleared_fields[] = {
    JS_FIELD(struct js_wire_cleared, ended),
    JS_FIELD(struct js_wire_cleared, left),
};

int js_wire_pack_clear(struct js_buf *buf, const struct js_dead_run *runs,
                       size_t count)
{
    int rc = js_pack_u32(buf, (uint32_t)count);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = js_fields_pack(buf, JS_FIELDS(dead_run_fields), &runs[i]);
    return rc;
}

int js_wire_unpack_clear(const void *bytes, size_t len,
                         struct js_wire_clear *ret)
{
    enum { RUN_BYTES = 3 * sizeof(uint64_t) };
    struct js_cursor cursor = js_cursor_of(bytes, len);
    *ret = (struct js_wire_clear){.count = js_unpack_u32(&cursor)};
    if (cursor.bad || cursor.left / RUN_BYTES < ret->count)
        return wire_bad_message();
    ret->runs = calloc(ret->count + 1, sizeof(*ret->runs));
    if (!ret->runs)
        return -1;
    for (size_t i = 0; i < ret->count; i++)
        js_fields_unpack(&cursor, JS_FIELDS(dead_run_fields), &ret->runs[i]);
    if (js_cursor_end(&cursor) == 0)
        return 0;
    free(ret->runs);
    ret->runs = NULL;
    return -1;
}

int js_wire_pack_cleared(struct js_buf *buf,
                         const struct js_wire_cleared *cleared)
{
    return js_fields_pack(buf, JS_FIELDS(cleared_fields), cleared);
}

int js_wire_unpack_cleared(const void *bytes, size_t len,
                           struct js_wire_cleared *ret)
{
    return wire_unpack_all(bytes, len, JS_FIELDS(cleared_fields), ret);
}

int js_wire_unpack_number(const void *bytes, size_t len, uint64_t *ret)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    *ret = js_unpack_u64(&cursor);
    return js_cursor_end(&cursor);
}
