#include "mpi/wire.h"

#include "base/pack.h"
#include "sched/scheduler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const tag_names[] = {
    [JS_TAG_HELLO] = "HELLO",      [JS_TAG_SETUP] = "SETUP",
    [JS_TAG_READY] = "READY",      [JS_TAG_TEXT] = "TEXT",
    [JS_TAG_ACK] = "ACK",          [JS_TAG_JOB] = "JOB",
    [JS_TAG_JOBS] = "JOBS",        [JS_TAG_DONE] = "DONE",
    [JS_TAG_RETURNED] = "BACK",    [JS_TAG_RECALL] = "RECALL",
    [JS_TAG_FETCH] = "FETCH",      [JS_TAG_OUTPUT] = "OUTPUT",
    [JS_TAG_NOTE] = "NOTE",        [JS_TAG_TIME_LIMIT] = "LIMIT",
    [JS_TAG_DRAIN] = "END",        [JS_TAG_BEAT] = "BEAT",
    [JS_TAG_SHUTDOWN] = "STOP",    [JS_TAG_GOODBYE] = "BYE",
    [JS_TAG_KILL_JOB] = "END_JOB", [JS_TAG_CLEAR] = "CLEAR",
    [JS_TAG_CLEARED] = "CLEARED",  [JS_TAG_RUNNER] = "RUNNER",
    [JS_TAG_FIN] = "LAST",
};
_Static_assert(sizeof(tag_names) / sizeof(tag_names[0]) == JS_TAG_COUNT,
               "every tag has a name");

const char *js_tag_name(int tag)
{
    return tag > 0 && tag < JS_TAG_COUNT ? tag_names[tag] : "?";
}

static int bad_message(void)
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
        return bad_message();
    return 0;
}

/* The next of the strings, which must end before `end`; or NULL. */
static const char *next_string(const char **at, const char *end)
{
    const char *text = *at;
    const char *nul = memchr(text, '\0', (size_t)(end - text));
    if (!nul)
        return NULL;
    *at = nul + 1;
    return text;
}

/* Three strings: a list of CPUs, one of GPUs and one of hosts. */
static int read_allocation(const char *bytes, size_t len,
                           struct js_wire_text *ret)
{
    const char *end = bytes + len;
    const char *cpus = next_string(&bytes, end);
    ret->gpus = cpus ? next_string(&bytes, end) : NULL;
    ret->hosts = ret->gpus ? next_string(&bytes, end) : NULL;
    if (!ret->hosts || bytes != end || js_cpuset_parse(cpus, &ret->cpus) < 0)
        return bad_message();
    return 0;
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
    if (memchr(ret->command, '\0', ret->command_len))
        return bad_message();
    return ret->has_allocation
               ? read_allocation(text, wire->allocation_len, ret)
               : 0;
}

/* What js_wire_pack_job() puts in front of the text. */
enum { JOB_HEAD = 5 * sizeof(uint64_t) + 8 * sizeof(uint32_t) };
_Static_assert(JOB_HEAD == offsetof(struct js_wire_job, text),
               "all fields are packed");

int js_wire_pack_job(struct js_buf *buf, const struct js_wire_job *wire,
                     const char *text)
{
    char *at = js_buf_extend(buf, JOB_HEAD + wire->text_len);
    if (!at)
        return -1;
    at = js_put_u64(at, wire->id);
    at = js_put_u64(at, wire->ticket);
    at = js_put_u64(at, wire->data_limit_bytes);
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
    return cursor->bad ? bad_message() : js_wire_job_check(ret);
}

/* ---------------------------------------------------------------- CPU sets */

/* Of a list of pack calls joined by ||, each 0 or -1, done in that order. */
static int all_packed(bool failed)
{
    return failed ? -1 : 0;
}

static int pack_cpus(struct js_buf *buf, const struct js_cpuset *cpus)
{
    struct js_buf list = JS_BUF_INIT;
    int rc = js_cpuset_format(cpus, &list);
    if (rc == 0)
        rc = js_pack_bytes(buf, list.data, list.len);
    js_buf_release(&list);
    return rc;
}

static void unpack_cpus(struct js_cursor *cursor, struct js_cpuset *ret)
{
    /* The longest list is that of pairs with gaps: "1000-1001,1003-1004,". */
    char list[JS_CPUS_MAX / 3 * 10 + 32];
    js_cpuset_clear(ret);
    js_unpack_string(cursor, list, sizeof(list));
    if (js_cpuset_parse(list, ret) < 0)
        cursor->bad = true;
}

/* ---------------------------------------------------------------- HELLO */

/* So that a stray message of another program is told from an old version. */
enum { HELLO_MAGIC = 0x4a534844 };

static int pack_processes(struct js_buf *buf,
                          const struct js_process_pair *processes)
{
    return js_pack_u64(buf, processes->boot) ||
           js_pack_u64(buf, processes->space) ||
           js_pack_u64(buf, processes->pid) ||
           js_pack_u64(buf, processes->started) ||
           js_pack_u64(buf, processes->runner) ||
           js_pack_u64(buf, processes->runner_started);
}

static void unpack_processes(struct js_cursor *cursor,
                             struct js_process_pair *ret)
{
    ret->boot = js_unpack_u64(cursor);
    ret->space = js_unpack_u64(cursor);
    ret->pid = js_unpack_u64(cursor);
    ret->started = js_unpack_u64(cursor);
    ret->runner = js_unpack_u64(cursor);
    ret->runner_started = js_unpack_u64(cursor);
}

int js_wire_pack_hello(struct js_buf *buf, const struct js_wire_hello *hello)
{
    const struct js_node *node = &hello->node;
    return all_packed(
        js_pack_u32(buf, HELLO_MAGIC) || js_pack_u32(buf, hello->version) ||
        js_pack_bytes(buf, node->host, strlen(node->host)) ||
        js_pack_u64(buf, node->boot_id) || pack_cpus(buf, &node->cpus) ||
        pack_cpus(buf, &node->held) || js_pack_u32(buf, node->quota_cores) ||
        pack_processes(buf, &hello->processes));
}

int js_wire_unpack_hello(const void *bytes, size_t len,
                         struct js_wire_hello *ret)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    memset(ret, 0, sizeof(*ret));
    if (js_unpack_u32(&cursor) != HELLO_MAGIC)
        return bad_message();
    ret->version = js_unpack_u32(&cursor);
    /* What another version says behind this is not known. */
    if (!cursor.bad && ret->version != JS_WIRE_VERSION)
        return 0;
    js_unpack_string(&cursor, ret->node.host, sizeof(ret->node.host));
    ret->node.boot_id = js_unpack_u64(&cursor);
    unpack_cpus(&cursor, &ret->node.cpus);
    unpack_cpus(&cursor, &ret->node.held);
    ret->node.quota_cores = js_unpack_u32(&cursor);
    unpack_processes(&cursor, &ret->processes);
    return js_cursor_end(&cursor);
}

/* ---------------------------------------------------------------- SETUP */

static int pack_text(struct js_buf *buf, const char *text)
{
    return js_pack_bytes(buf, text, strlen(text) + 1);
}

/* A string with its NUL, left where it is. */
static const char *unpack_text(struct js_cursor *cursor)
{
    size_t len;
    const char *text = js_unpack_bytes(cursor, &len);
    if (len == 0 || memchr(text, '\0', len) != text + len - 1) {
        cursor->bad = true;
        return "";
    }
    return text;
}

int js_wire_pack_setup(struct js_buf *buf, const struct js_wire_setup *setup)
{
    return all_packed(
        js_pack_u32(buf, setup->slots) || js_pack_u32(buf, setup->index) ||
        js_pack_u32(buf, setup->slaves) || js_pack_u8(buf, setup->bind) ||
        js_pack_u8(buf, setup->trace) ||
        js_pack_u8(buf, setup->allow_leftovers) ||
        js_pack_u32(buf, setup->gpus) || js_pack_u32(buf, setup->capture) ||
        js_pack_u32(buf, setup->umask) ||
        js_pack_u64(buf, setup->spool_limit_bytes) ||
        js_pack_i64(buf, setup->grace_ns) ||
        js_pack_i64(buf, setup->timeout_ns) ||
        js_pack_i64(buf, setup->lease_ns) || js_pack_u64(buf, setup->run_id) ||
        pack_cpus(buf, &setup->allocator) || pack_cpus(buf, &setup->held) ||
        js_pack_u32(buf, setup->quota_cores) || pack_text(buf, setup->cwd) ||
        pack_text(buf, setup->output_dir) || pack_text(buf, setup->tmpdir) ||
        js_pack_bytes(buf, setup->environ, setup->environ_len));
}

int js_wire_unpack_setup(const void *bytes, size_t len,
                         struct js_wire_setup *ret)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    ret->slots = js_unpack_u32(&cursor);
    ret->index = js_unpack_u32(&cursor);
    ret->slaves = js_unpack_u32(&cursor);
    ret->bind = js_unpack_u8(&cursor);
    ret->trace = js_unpack_u8(&cursor);
    ret->allow_leftovers = js_unpack_u8(&cursor);
    ret->gpus = js_unpack_u32(&cursor);
    ret->capture = js_unpack_u32(&cursor);
    ret->umask = js_unpack_u32(&cursor);
    ret->spool_limit_bytes = js_unpack_u64(&cursor);
    ret->grace_ns = js_unpack_i64(&cursor);
    ret->timeout_ns = js_unpack_i64(&cursor);
    ret->lease_ns = js_unpack_i64(&cursor);
    ret->run_id = js_unpack_u64(&cursor);
    unpack_cpus(&cursor, &ret->allocator);
    unpack_cpus(&cursor, &ret->held);
    ret->quota_cores = js_unpack_u32(&cursor);
    ret->cwd = unpack_text(&cursor);
    ret->output_dir = unpack_text(&cursor);
    ret->tmpdir = unpack_text(&cursor);
    ret->environ = js_unpack_bytes(&cursor, &ret->environ_len);
    if (js_cursor_end(&cursor) < 0)
        return -1;
    if (ret->capture >= JS_CAPTURE_COUNT || ret->slots > JS_CPUS_MAX)
        return bad_message();
    bool is_terminated =
        ret->environ_len == 0 || ret->environ[ret->environ_len - 1] == '\0';
    bool is_counted =
        ret->gpus <= JS_GPUS_MAX || ret->gpus == JS_WIRE_GPUS_FOUND;
    if (ret->index >= ret->slaves || !is_terminated || !is_counted ||
        ret->grace_ns < 0 || ret->timeout_ns < 0 || ret->lease_ns < 0)
        return bad_message();
    return 0;
}

/* ---------------------------------------------------------------- READY */

static int pack_homes(struct js_buf *buf, const struct js_wire_ready *ready)
{
    int rc = js_pack_u32(buf, ready->slots);
    for (uint32_t i = 0; rc == 0 && i < ready->slots; i++)
        rc = js_pack_u32(buf, ready->homes[i]);
    return rc;
}

static void unpack_homes(struct js_cursor *cursor, struct js_wire_ready *ret)
{
    ret->slots = js_unpack_u32(cursor);
    if (ret->slots > JS_CPUS_MAX)
        cursor->bad = true;
    ret->homes = cursor->bad ? NULL : calloc(ret->slots + 1, sizeof(uint32_t));
    if (!ret->homes) {
        cursor->bad = true;
        return;
    }
    for (uint32_t i = 0; i < ret->slots; i++)
        ret->homes[i] = js_unpack_u32(cursor);
}

int js_wire_pack_ready(struct js_buf *buf, const struct js_wire_ready *ready)
{
    return all_packed(pack_homes(buf, ready) || pack_cpus(buf, &ready->home) ||
                      js_resources_pack(buf, &ready->resources) ||
                      js_pack_bytes(buf, ready->error, strlen(ready->error)));
}

int js_wire_unpack_ready(const void *bytes, size_t len,
                         struct js_wire_ready *ret)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    memset(ret, 0, sizeof(*ret));
    unpack_homes(&cursor, ret);
    unpack_cpus(&cursor, &ret->home);
    js_resources_unpack(&cursor, &ret->resources);
    js_unpack_string(&cursor, ret->error, sizeof(ret->error));
    bool is_useless = ret->slots == 0 && !ret->error[0];
    if (js_cursor_end(&cursor) == 0 && !is_useless)
        return 0;
    js_wire_release_ready(ret);
    return bad_message();
}

void js_wire_release_ready(struct js_wire_ready *ready)
{
    free(ready->homes);
    ready->homes = NULL;
    js_resources_release(&ready->resources);
}

/* ---------------------------------------------------------------- ACK */

int js_wire_pack_ack(struct js_buf *buf, const struct js_wire_ack *ack)
{
    return all_packed(js_pack_u64(buf, ack->jobs) ||
                      js_pack_u64(buf, ack->text_bytes) ||
                      js_pack_u64(buf, ack->releases));
}

int js_wire_unpack_ack(const void *bytes, size_t len, struct js_wire_ack *ret)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    ret->jobs = js_unpack_u64(&cursor);
    ret->text_bytes = js_unpack_u64(&cursor);
    ret->releases = js_unpack_u64(&cursor);
    return js_cursor_end(&cursor);
}

/* ---------------------------------------------------------------- DONE */

int js_wire_pack_done(struct js_buf *buf, const struct js_wire_done *done)
{
    return all_packed(js_pack_u64(buf, done->ticket) ||
                      js_pack_u64(buf, done->jobs) ||
                      js_outcome_pack(buf, &done->outcome) ||
                      js_pack_u8(buf, done->captured) ||
                      js_pack_u8(buf, done->inlined != NULL) ||
                      js_pack_bytes(buf, done->inlined, done->inlined_len));
}

int js_wire_unpack_done(struct js_cursor *cursor, struct js_wire_done *ret)
{
    ret->ticket = js_unpack_u64(cursor);
    ret->jobs = js_unpack_u64(cursor);
    js_outcome_unpack(cursor, &ret->outcome);
    ret->captured = js_unpack_u8(cursor);
    bool has_inlined = js_unpack_u8(cursor);
    ret->inlined = js_unpack_bytes(cursor, &ret->inlined_len);
    if (cursor->bad)
        return bad_message();
    const struct js_outcome *outcome = &ret->outcome;
    if (has_inlined &&
        (outcome->out_bytes > ret->inlined_len ||
         outcome->err_bytes != ret->inlined_len - outcome->out_bytes))
        return bad_message();
    if (!has_inlined)
        ret->inlined = NULL;
    return 0;
}

/* ---------------------------------------------------------------- BACK */

int js_wire_pack_back(struct js_buf *buf, bool is_answer,
                      const uint64_t *tickets, size_t count)
{
    int rc = js_pack_u8(buf, is_answer);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = js_pack_u64(buf, tickets[i]);
    return rc;
}

int js_wire_unpack_back(const void *bytes, size_t len, struct js_wire_back *ret)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    ret->is_answer = js_unpack_u8(&cursor);
    ret->tickets = cursor.at;
    ret->count = cursor.left / sizeof(uint64_t);
    return cursor.bad || cursor.left % sizeof(uint64_t) != 0 ? bad_message()
                                                             : 0;
}

uint64_t js_wire_back_ticket(const struct js_wire_back *back, size_t i)
{
    struct js_cursor cursor =
        js_cursor_of(back->tickets + i * sizeof(uint64_t), sizeof(uint64_t));
    return js_unpack_u64(&cursor);
}

/* ---------------------------------------------------------------- output */

int js_wire_pack_fetch(struct js_buf *buf, const struct js_wire_fetch *fetch)
{
    return all_packed(
        js_pack_u64(buf, fetch->ticket) || js_pack_u64(buf, fetch->offset) ||
        js_pack_u32(buf, fetch->stream) || js_pack_u32(buf, fetch->length));
}

int js_wire_unpack_fetch(const void *bytes, size_t len,
                         struct js_wire_fetch *ret)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    ret->ticket = js_unpack_u64(&cursor);
    ret->offset = js_unpack_u64(&cursor);
    ret->stream = js_unpack_u32(&cursor);
    ret->length = js_unpack_u32(&cursor);
    if (js_cursor_end(&cursor) < 0)
        return -1;
    if (ret->stream > 1 || ret->length > JS_WIRE_CHUNK)
        return bad_message();
    return 0;
}

int js_wire_pack_output(struct js_buf *buf, const struct js_wire_output *output)
{
    return all_packed(js_pack_u64(buf, output->ticket) ||
                      js_pack_u64(buf, output->offset) ||
                      js_pack_u32(buf, output->stream) ||
                      js_pack_u32(buf, (uint32_t)output->error) ||
                      js_pack_bytes(buf, output->bytes, output->len));
}

int js_wire_unpack_output(const void *bytes, size_t len,
                          struct js_wire_output *ret)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    ret->ticket = js_unpack_u64(&cursor);
    ret->offset = js_unpack_u64(&cursor);
    ret->stream = js_unpack_u32(&cursor);
    ret->error = (int32_t)js_unpack_u32(&cursor);
    ret->bytes = js_unpack_bytes(&cursor, &ret->len);
    if (js_cursor_end(&cursor) < 0)
        return -1;
    return ret->stream > 1 ? bad_message() : 0;
}

int js_wire_pack_processes(struct js_buf *buf,
                           const struct js_process_pair *processes)
{
    return all_packed(pack_processes(buf, processes));
}

int js_wire_unpack_processes(const void *bytes, size_t len,
                             struct js_process_pair *ret)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    unpack_processes(&cursor, ret);
    return js_cursor_end(&cursor);
}

int js_wire_pack_clear(struct js_buf *buf, const struct js_dead_run *runs,
                       size_t count)
{
    int rc = js_pack_u32(buf, (uint32_t)count);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = js_pack_u64(buf, runs[i].id) ||
             js_pack_i64(buf, runs[i].begin_unix_ns) ||
             js_pack_i64(buf, runs[i].until_unix_ns);
    return all_packed(rc);
}

int js_wire_unpack_clear(const void *bytes, size_t len,
                         struct js_wire_clear *ret)
{
    enum { RUN_BYTES = 3 * sizeof(uint64_t) };
    struct js_cursor cursor = js_cursor_of(bytes, len);
    *ret = (struct js_wire_clear){.count = js_unpack_u32(&cursor)};
    if (cursor.bad || cursor.left / RUN_BYTES < ret->count) {
        errno = EBADMSG;
        return -1;
    }
    ret->runs = calloc(ret->count + 1, sizeof(*ret->runs));
    if (!ret->runs)
        return -1;
    for (size_t i = 0; i < ret->count; i++) {
        ret->runs[i].id = js_unpack_u64(&cursor);
        ret->runs[i].begin_unix_ns = js_unpack_i64(&cursor);
        ret->runs[i].until_unix_ns = js_unpack_i64(&cursor);
    }
    if (js_cursor_end(&cursor) == 0)
        return 0;
    free(ret->runs);
    ret->runs = NULL;
    return -1;
}

int js_wire_pack_cleared(struct js_buf *buf,
                         const struct js_wire_cleared *cleared)
{
    return all_packed(js_pack_u32(buf, cleared->ended) ||
                      js_pack_u32(buf, cleared->left));
}

int js_wire_unpack_cleared(const void *bytes, size_t len,
                           struct js_wire_cleared *ret)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    ret->ended = js_unpack_u32(&cursor);
    ret->left = js_unpack_u32(&cursor);
    return js_cursor_end(&cursor);
}

int js_wire_pack_number(struct js_buf *buf, uint64_t number)
{
    return js_pack_u64(buf, number);
}

int js_wire_unpack_number(const void *bytes, size_t len, uint64_t *ret)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    *ret = js_unpack_u64(&cursor);
    return js_cursor_end(&cursor);
}
