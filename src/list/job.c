#include "list/job.h"

#include "base/err.h"
#include "base/pack.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { NAME_LETTER = 'n', ENV_LETTER = 'e' };

struct js_job *js_job_new_simulated(struct js_pool *pool, uint64_t seq,
                                    int64_t duration_ns)
{
    struct js_job *job = js_job_new_in(pool, seq, NULL, "", 0);
    if (!job)
        return NULL;
    job->kind = JS_JOB_SIMULATED;
    job->duration_ns = duration_ns;
    return job;
}

/* Writes the entry to to[at]; to NULL: only counts it. Returns the position
 * behind it. */
static inline size_t job_spec_put(char *to, size_t at, char letter,
                                  const char *value)
{
    /* An empty value is the same as no value, and has no entry. */
    if (!value || !value[0])
        return at;
    size_t size = strlen(value) + 1;
    if (to) {
        to[at] = letter;
        memcpy(to + at + 1, value, size);
    }
    return at + 1 + size;
}

/* Writes the details to `to`; NULL: only counts their bytes. Returns how many
 * there are. */
static size_t job_spec_write(const struct js_attributes *attributes, char *to)
{
    const struct js_buf *args = &attributes->args.bytes;
    const char *env = NULL;
    size_t at = job_spec_put(to, 0, NAME_LETTER, attributes->name);
    if (to && args->len > 0)
        memcpy(to + at, args->data, args->len);
    at += args->len;
    /* The name is there already, because it comes first. */
#define JOB_SPEC_PUT(letter, field)                                            \
    if ((letter) != NAME_LETTER)                                               \
        at = job_spec_put(to, at, letter, attributes->field);
    JS_ATTRIBUTES_OF_PROCESS(JOB_SPEC_PUT)
#undef JOB_SPEC_PUT
    while ((env = js_strings_next(&attributes->env, env)))
        at = job_spec_put(to, at, ENV_LETTER, env);
    return at;
}

struct js_job *js_job_new_in(struct js_pool *pool, uint64_t seq,
                             const struct js_attributes *attributes,
                             const char *command, size_t len)
{
    size_t details_len = attributes ? job_spec_write(attributes, NULL) : 0;
    struct js_job *job =
        js_pool_get(pool, sizeof(*job) + details_len + len + 1);
    if (!job)
        return NULL;
    *job = (struct js_job){.id = seq,
                           .seq = seq,
                           .kind = JS_JOB_COMMAND,
                           .request = {.cores = 1},
                           .attempt = 1,
                           .expected_ns = -1,
                           .command = job->text + details_len,
                           .command_len = len,
                           .details_len = details_len};
    if (details_len > 0)
        job_spec_write(attributes, job->text);
    memcpy(job->text + job->details_len, command, len);
    job->text[job->details_len + len] = '\0';
    if (!attributes)
        return job;
    job->request = (struct js_request){.nodes = attributes->nodes,
                                       .cores = attributes->cores,
                                       .gpus = attributes->gpus,
                                       .mem_bytes = attributes->mem_bytes};
    job->timeout_ns = attributes->timeout_ns;
    job->retries = attributes->retries;
    job->is_retries_set = attributes->is_retries_set;
    job->priority = attributes->priority;
    return job;
}

/* One allocation holds the job and its text, so only the pointer into the text
 * must be set. */
struct js_job *js_job_copy(const struct js_job *job)
{
    size_t size = sizeof(*job) + job->details_len + job->command_len + 1;
    struct js_job *copy = js_pool_get(NULL, size);
    if (!copy)
        return NULL;
    memcpy(copy, job, size);
    copy->next = NULL; /* a copy is in no queue */
    copy->command = copy->text + copy->details_len;
    return copy;
}

const char *js_job_path(const struct js_job *job, enum js_step step)
{
    struct js_job_spec details;
    if (js_job_spec_unpack(job->text, job->details_len, &details) < 0)
        return NULL;
    switch (step) {
    case JS_STEP_CHDIR:
        return details.dir;
    case JS_STEP_STDIN:
        return details.stdin_path;
    case JS_STEP_OUTPUT:
        return details.stdout_path;
    case JS_STEP_STDERR:
        return details.stderr_path;
    default:
        return NULL;
    }
}

void js_job_queue_push(struct js_job_queue *queue, struct js_job *job)
{
    job->next = NULL;
    if (!queue->tail)
        queue->tail = &queue->head;
    *queue->tail = job;
    queue->tail = &job->next;
    queue->count++;
}

struct js_job *js_job_queue_pop(struct js_job_queue *queue)
{
    struct js_job *job = queue->head;
    if (!job)
        return NULL;
    queue->head = job->next;
    if (!queue->head)
        queue->tail = NULL;
    queue->count--;
    job->next = NULL;
    return job;
}

void js_job_queue_release(struct js_job_queue *queue)
{
    struct js_job *job;
    while ((job = js_job_queue_pop(queue)))
        js_job_free(job);
}

void js_job_queue_assert_invariants(const struct js_job_queue *queue)
{
    uint64_t count = 0;
    const struct js_job *last = NULL;
    for (const struct js_job *job = queue->head; job; job = job->next) {
        last = job;
        count++;
    }
    JS_INVARIANT(queue->count == count);
    JS_INVARIANT(queue->tail == (last ? &last->next : NULL) ||
                 (!last && queue->tail == &queue->head));
}

/* ---------------------------------------------------------------- details */

static bool job_spec_is_arg(const char *entry)
{
    return *entry == JS_ATTRIBUTES_ARG_USED ||
           *entry == JS_ATTRIBUTES_ARG_UNUSED;
}

int js_job_spec_pack(struct js_buf *buf, const struct js_attributes *attributes)
{
    size_t len = job_spec_write(attributes, NULL);
    if (js_buf_reserve(buf, len) < 0)
        return -1;
    if (len > 0)
        job_spec_write(attributes, buf->data + buf->len);
    buf->len += len;
    return 0;
}

/* The field of the attribute that this letter identifies, or NULL. */
static const char **job_spec_field(struct js_job_spec *spec, char letter)
{
    switch (letter) {
#define JOB_SPEC_CASE(letter, name)                                            \
    case letter:                                                               \
        return &spec->name;
        JS_ATTRIBUTES_OF_PROCESS(JOB_SPEC_CASE)
#undef JOB_SPEC_CASE
    case ENV_LETTER: /* no attribute may have these letters */
    case JS_ATTRIBUTES_ARG_USED:
    case JS_ATTRIBUTES_ARG_UNUSED:
        break;
    }
    return NULL;
}

int js_job_spec_unpack(const char *bytes, size_t len, struct js_job_spec *ret)
{
    *ret = (struct js_job_spec){.bytes = bytes, .len = len};
    bool is_bad = len > 0 && bytes[len - 1] != '\0';
    for (size_t at = 0; at < len && !is_bad; at += strlen(bytes + at) + 1) {
        const char *entry = bytes + at;
        bool is_env = entry[0] == ENV_LETTER;
        if (is_env || job_spec_is_arg(entry)) {
            ret->env_count += is_env;
            ret->arg_count += !is_env;
            is_bad = !strchr(entry + 1, '=');
            continue;
        }
        const char **field = job_spec_field(ret, entry[0]);
        /* Each attribute occurs at most once and is not empty: anything else
         * was not packed by this module. */
        is_bad = !field || *field || !entry[1];
        if (!is_bad)
            *field = entry + 1;
    }
    if (!is_bad)
        return 0;
    errno = EBADMSG;
    return -1;
}

const char *js_job_spec_env(const struct js_job_spec *details,
                            const char *previous)
{
    const char *end = details->bytes + details->len;
    const char *at =
        previous ? previous + strlen(previous) + 1 : details->bytes;
    while (at < end && *at != ENV_LETTER)
        at += strlen(at) + 1;
    return at && at < end ? at + 1 : NULL;
}

const char *js_job_spec_arg(const struct js_job_spec *details,
                            const char *previous)
{
    const char *end = details->bytes + details->len;
    const char *at =
        previous ? previous + strlen(previous) + 1 : details->bytes;
    while (at < end && !job_spec_is_arg(at))
        at += strlen(at) + 1;
    return at && at < end ? at + 1 : NULL;
}

int js_job_describe_args(const struct js_job *job, const char *before,
                         struct js_buf *buf)
{
    enum { SHOWN_MAX = 80 };
    struct js_job_spec details;
    const char *arg = NULL;
    if (js_job_spec_unpack(job->text, job->details_len, &details) < 0)
        return 0;
    while (details.arg_count > 0 && (arg = js_job_spec_arg(&details, arg))) {
        size_t len = js_text_shown_len(arg, strlen(arg), SHOWN_MAX);
        if (js_buf_puts(buf, before) < 0 || js_buf_escape(buf, arg, len) < 0 ||
            js_buf_puts(buf, arg[len] ? "..." : "") < 0)
            return -1;
        before = " ";
    }
    return 0;
}

bool js_job_has_args(const struct js_job *job, const char *text)
{
    struct js_job_spec details;
    struct js_buf all = JS_BUF_INIT;
    const char *arg = NULL;
    if (js_job_spec_unpack(job->text, job->details_len, &details) < 0 ||
        details.arg_count == 0)
        return false;
    while ((arg = js_job_spec_arg(&details, arg))) {
        if (strcmp(arg, text) == 0)
            return true;
    }
    bool is_all = js_job_describe_args(job, "", &all) == 0 &&
                  js_buf_string(&all) && strcmp(all.data, text) == 0;
    js_buf_release(&all);
    return is_all;
}

/* ---------------------------------------------------------------- identity */

/* Hashes the bytes behind the values of a template that count. */
static XXH128_hash_t identity_with_args(const struct js_job *job,
                                        size_t args_len, const char *doing,
                                        size_t len)
{
    XXH3_state_t state = {.seed = 0};
    XXH3_128bits_reset_withSeed(&state, (XXH64_hash_t)job->kind);
    for (const char *arg = job->text; arg < job->text + args_len;) {
        size_t size = strlen(arg) + 1;
        if (*arg == JS_ATTRIBUTES_ARG_UNUSED)
            XXH3_128bits_update(&state, arg, size);
        arg += size;
    }
    XXH3_128bits_update(&state, doing, len);
    return XXH3_128bits_digest(&state);
}

struct js_identity js_identity_of(const struct js_job *job)
{
    /* The hash covers the command and the details, except for the name and the
     * values that count only through others, which come first. Different jobs
     * have different bytes here: the command contains no NUL, and each of the
     * details ends with one. */
    size_t skipped = 0;
    bool has_args = false;
    while (skipped < job->details_len &&
           (job->text[skipped] == NAME_LETTER ||
            job_spec_is_arg(job->text + skipped))) {
        has_args |= job->text[skipped] == JS_ATTRIBUTES_ARG_UNUSED;
        skipped += strlen(job->text + skipped) + 1;
    }
    const char *doing = job->text + skipped;
    size_t len = job->details_len + job->command_len - skipped;
    char duration[sizeof(uint64_t)];
    if (job->kind != JS_JOB_COMMAND) {
        js_put_i64(duration, job->duration_ns);
        doing = duration;
        len = sizeof(duration);
    }
    /* The kind is the seed, so that no command has the identity of a simulated
     * job. */
    XXH128_hash_t hash =
        has_args ? identity_with_args(job, skipped, doing, len)
                 : XXH3_128bits_withSeed(doing, len, (XXH64_hash_t)job->kind);
    return (struct js_identity){hash.high64, hash.low64};
}
