#include "runner/messages.h"

#include "base/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A string travels with its NUL, so that it can be used where it lies. */
static int put_string(struct js_buf *buf, const char *text)
{
    return js_pack_bytes(buf, text ? text : "", text ? strlen(text) + 1 : 1);
}

static const char *get_string(struct js_cursor *cursor)
{
    size_t len;
    const char *text = js_unpack_bytes(cursor, &len);
    if (len > 0 && text[len - 1] == '\0')
        return text;
    cursor->bad = true;
    return "";
}

/* put_string() turns NULL into "". */
static const char *get_string_or_null(struct js_cursor *cursor)
{
    const char *text = get_string(cursor);
    return text[0] ? text : NULL;
}

/* A missing set takes no bytes. */
static int put_set(struct js_buf *buf, const struct js_cpuset *set)
{
    return js_pack_bytes(buf, set ? set->word : NULL,
                         set ? sizeof(set->word) : 0);
}

static const struct js_cpuset *get_set(struct js_cursor *cursor,
                                       struct js_cpuset *to)
{
    size_t len;
    const char *words = js_unpack_bytes(cursor, &len);
    if (len == 0)
        return NULL;
    if (len != sizeof(to->word)) {
        cursor->bad = true;
        return NULL;
    }
    memcpy(to->word, words, len);
    return to;
}

/* The environment and the sets of CPUs are not in the table, because they are
 * arrays whose length is in another field. */
static const struct js_field config_fields[] = {
    JS_FIELD(struct js_runner_config, host),
    JS_FIELD(struct js_runner_config, slave),
    JS_FIELD(struct js_runner_config, slots),
    JS_FIELD(struct js_runner_config, retry_ns),
};

int js_messages_put_config(struct js_buf *buf,
                           const struct js_runner_config *config)
{
    size_t count = 0;
    while (config->env[count])
        count++;
    /* The number comes first: the reader allocates with it, before it reads any
     * of the strings. */
    if (js_pack_u64(buf, count) < 0 ||
        js_settings_pack(buf, &config->settings) < 0 ||
        js_fields_pack(buf, JS_FIELDS(config_fields), config) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (put_string(buf, config->env[i]) < 0)
            return -1;
    }
    for (uint32_t i = 0; i < config->slots; i++) {
        if (put_set(buf, &config->slot_cpus[i]) < 0)
            return -1;
    }
    return 0;
}

/* Reads a message that begins with the number of variables. */
static int read_config(struct js_cursor *cursor, const char **env, size_t count,
                       struct js_runner_config *ret)
{
    js_unpack_u64(cursor); /* the number, with which `env` was allocated */
    js_settings_unpack(cursor, &ret->settings);
    js_fields_unpack(cursor, JS_FIELDS(config_fields), ret);
    for (size_t i = 0; i < count; i++)
        env[i] = get_string(cursor);
    /* A number of slots that does not fit into the message would allocate
     * without limit. */
    if (ret->slots < 1 || ret->slots > cursor->left / sizeof(struct js_cpuset))
        cursor->bad = true;
    struct js_cpuset *cpus =
        calloc(cursor->bad ? 1 : ret->slots, sizeof(*cpus));
    if (!cpus)
        return -1;
    for (uint32_t i = 0; !cursor->bad && i < ret->slots; i++) {
        if (!get_set(cursor, &cpus[i]))
            cursor->bad = true;
    }
    ret->slot_cpus = cpus;
    return js_cursor_end(cursor);
}

int js_messages_get_config(const void *body, size_t len,
                           struct js_runner_config *ret)
{
    struct js_cursor cursor = js_cursor_of(body, len);
    struct js_runner_config config = {0};
    uint64_t count = js_unpack_u64(&cursor);
    if (count > cursor.left) { /* each takes more than a byte */
        errno = EBADMSG;
        return -1;
    }
    /* One copy holds the environment and, after its NULL, the bytes of the
     * message, in which the strings lie. */
    const char **env = calloc(1, (count + 1) * sizeof(*env) + len);
    if (!env)
        return -1;
    memcpy(env + count + 1, body, len);
    config.env = env;
    cursor = js_cursor_of(env + count + 1, len);
    if (read_config(&cursor, env, count, &config) < 0) {
        int error = errno;
        js_messages_release_config(&config);
        errno = error;
        return -1;
    }
    *ret = config;
    return 0;
}

void js_messages_release_config(struct js_runner_config *config)
{
    free((void *)config->env);
    free((void *)config->slot_cpus);
    *config = (struct js_runner_config){0};
}

int js_messages_put_job(struct js_buf *buf, const struct js_runner_job *job)
{
    /* Written out rather than by a table, because each job sends one
     * (base/fields.h). */
    if (js_pack_u32(buf, job->slot) < 0 || js_pack_u64(buf, job->id) < 0 ||
        js_pack_u32(buf, job->attempt) < 0 ||
        js_pack_u32(buf, job->cores) < 0 ||
        js_pack_i64(buf, job->timeout_ns) < 0 ||
        js_pack_u64(buf, job->data_limit_bytes) < 0 ||
        put_set(buf, job->cpus) < 0 || put_set(buf, job->numa) < 0 ||
        put_string(buf, job->gpus) < 0 || put_string(buf, job->hosts) < 0 ||
        js_pack_bytes(buf, job->details, job->details_len) < 0 ||
        /* With its NUL, as put_string() does, but without strlen(). */
        js_pack_bytes(buf, job->command, job->len + 1) < 0)
        return -1;
    return 0;
}

int js_messages_get_job(const void *body, size_t len,
                        struct js_messages_sets *sets,
                        struct js_runner_job *ret)
{
    struct js_cursor cursor = js_cursor_of(body, len);
    ret->slot = js_unpack_u32(&cursor);
    ret->id = js_unpack_u64(&cursor);
    ret->attempt = js_unpack_u32(&cursor);
    ret->cores = js_unpack_u32(&cursor);
    ret->timeout_ns = js_unpack_i64(&cursor);
    ret->data_limit_bytes = js_unpack_u64(&cursor);
    ret->cpus = get_set(&cursor, &sets->cpus);
    ret->numa = get_set(&cursor, &sets->numa);
    ret->gpus = get_string_or_null(&cursor);
    ret->hosts = get_string_or_null(&cursor);
    ret->details = js_unpack_bytes(&cursor, &ret->details_len);
    /* From here on, a bad message yields "" and zeros; the check at the end
     * reports it. */
    ret->command = get_string(&cursor);
    ret->len = strlen(ret->command);
    return js_cursor_end(&cursor);
}

int js_messages_put_number(struct js_buf *buf, uint32_t slot, int64_t number)
{
    return js_pack_u32(buf, slot) < 0 ? -1 : js_pack_i64(buf, number);
}

int js_messages_get_number(const void *body, size_t len, uint32_t *ret_slot,
                           int64_t *ret)
{
    struct js_cursor cursor = js_cursor_of(body, len);
    *ret_slot = js_unpack_u32(&cursor);
    *ret = js_unpack_i64(&cursor);
    return js_cursor_end(&cursor);
}

int js_messages_put_ended(struct js_buf *buf, uint32_t slot,
                          const struct js_outcome *outcome)
{
    if (js_pack_u32(buf, slot) < 0 || js_outcome_pack(buf, outcome) < 0)
        return -1;
    return 0;
}

int js_messages_get_ended(const void *body, size_t len, uint32_t *ret_slot,
                          struct js_outcome *ret)
{
    struct js_cursor cursor = js_cursor_of(body, len);
    *ret_slot = js_unpack_u32(&cursor);
    js_outcome_unpack(&cursor, ret);
    return js_cursor_end(&cursor);
}
