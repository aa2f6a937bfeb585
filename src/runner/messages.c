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

/* "" is what put_string() makes of NULL. */
static const char *get_string_or_null(struct js_cursor *cursor)
{
    const char *text = get_string(cursor);
    return text[0] ? text : NULL;
}

static char *messages_copy_string(struct js_cursor *cursor)
{
    return strdup(get_string(cursor));
}

static size_t count_strings(const char *const *strings)
{
    size_t count = 0;
    while (strings && strings[count])
        count++;
    return count;
}

static int put_env(struct js_buf *buf, const char *const *env)
{
    size_t count = count_strings(env);
    int rc = js_pack_u64(buf, count);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = put_string(buf, env[i]);
    return rc;
}

static void free_env(char **env)
{
    for (size_t i = 0; env && env[i]; i++)
        free(env[i]);
    free(env);
}

static const char *const *get_env(struct js_cursor *cursor)
{
    uint64_t count = js_unpack_u64(cursor);
    if (count > cursor->left) /* each takes more than a byte */
        cursor->bad = true;
    char **env = calloc(cursor->bad ? 1 : (size_t)count + 1, sizeof(*env));
    for (size_t i = 0; env && !cursor->bad && i < count; i++) {
        env[i] = messages_copy_string(cursor);
        if (!env[i]) {
            free_env(env);
            return NULL;
        }
    }
    return (const char *const *)env;
}

static int put_cpus(struct js_buf *buf, const struct js_runner_config *config)
{
    int rc = js_pack_u32(buf, config->slots);
    for (uint32_t i = 0; rc == 0 && i < config->slots; i++)
        rc = js_pack_bytes(buf, config->slot_cpus[i].word,
                           sizeof(config->slot_cpus[i].word));
    return rc;
}

static const struct js_cpuset *get_cpus(struct js_cursor *cursor,
                                        uint32_t slots)
{
    if (slots < 1 || slots > cursor->left / sizeof(struct js_cpuset))
        cursor->bad = true;
    struct js_cpuset *cpus =
        calloc(cursor->bad ? 1 : (size_t)slots, sizeof(*cpus));
    for (uint32_t i = 0; cpus && !cursor->bad && i < slots; i++) {
        size_t len;
        const char *words = js_unpack_bytes(cursor, &len);
        if (len == sizeof(cpus[i].word))
            memcpy(cpus[i].word, words, len);
        else
            cursor->bad = true;
    }
    return cpus;
}

int js_messages_put_config(struct js_buf *buf,
                           const struct js_runner_config *config)
{
    if (put_string(buf, config->cwd) < 0 ||
        js_pack_u32(buf, (uint32_t)config->umask) < 0 ||
        put_env(buf, config->env) < 0 ||
        js_pack_u32(buf, (uint32_t)config->capture) < 0 ||
        put_string(buf, config->output_dir) < 0 ||
        put_string(buf, config->tmpdir) < 0 ||
        put_string(buf, config->host) < 0 ||
        js_pack_u32(buf, (uint32_t)config->slave) < 0 ||
        put_cpus(buf, config) < 0 || js_pack_i64(buf, config->grace_ns) < 0 ||
        js_pack_i64(buf, config->retry_ns) < 0 ||
        js_pack_u8(buf, config->allow_leftovers) < 0 ||
        js_pack_u64(buf, config->run_id) < 0)
        return -1;
    return 0;
}

static bool config_is_whole(const struct js_runner_config *config)
{
    return config->cwd && config->env && config->output_dir && config->tmpdir &&
           config->host && config->slot_cpus;
}

int js_messages_get_config(const void *body, size_t len,
                           struct js_runner_config *ret)
{
    struct js_cursor cursor = js_cursor_of(body, len);
    struct js_runner_config config = {0};

    config.cwd = messages_copy_string(&cursor);
    config.umask = js_unpack_u32(&cursor);
    config.env = get_env(&cursor);
    config.capture = js_unpack_u32(&cursor);
    config.output_dir = messages_copy_string(&cursor);
    config.tmpdir = messages_copy_string(&cursor);
    config.host = messages_copy_string(&cursor);
    config.slave = js_unpack_u32(&cursor);
    config.slots = js_unpack_u32(&cursor);
    config.slot_cpus = get_cpus(&cursor, config.slots);
    config.grace_ns = js_unpack_i64(&cursor);
    config.retry_ns = js_unpack_i64(&cursor);
    config.allow_leftovers = js_unpack_u8(&cursor);
    config.run_id = js_unpack_u64(&cursor);
    if (js_cursor_end(&cursor) == 0 && config_is_whole(&config)) {
        *ret = config;
        return 0;
    }
    int error = js_cursor_end(&cursor) < 0 ? EBADMSG : ENOMEM;
    js_messages_release_config(&config);
    errno = error;
    return -1;
}

void js_messages_release_config(struct js_runner_config *config)
{
    free_env((char **)config->env);
    free((void *)config->cwd);
    free((void *)config->output_dir);
    free((void *)config->tmpdir);
    free((void *)config->host);
    free((void *)config->slot_cpus);
    *config = (struct js_runner_config){0};
}

/* Nothing for a set that is not there. */
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

int js_messages_put_job(struct js_buf *buf, const struct js_runner_job *job)
{
    if (js_pack_u32(buf, job->slot) < 0 || js_pack_u64(buf, job->id) < 0 ||
        js_pack_u32(buf, job->attempt) < 0 ||
        js_pack_u32(buf, job->cores) < 0 ||
        js_pack_i64(buf, job->timeout_ns) < 0 ||
        js_pack_u64(buf, job->data_limit_bytes) < 0 ||
        put_set(buf, job->cpus) < 0 || put_set(buf, job->numa) < 0 ||
        put_string(buf, job->gpus) < 0 || put_string(buf, job->hosts) < 0 ||
        js_pack_bytes(buf, job->details, job->details_len) < 0 ||
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
    ret->command = get_string(&cursor);
    ret->len = strlen(ret->command);
    return js_cursor_end(&cursor);
}

int js_messages_put_end(struct js_buf *buf, uint32_t slot, int64_t grace_ns)
{
    return js_pack_u32(buf, slot) < 0 ? -1 : js_pack_i64(buf, grace_ns);
}

int js_messages_get_end(const void *body, size_t len, uint32_t *ret_slot,
                        int64_t *ret_grace_ns)
{
    struct js_cursor cursor = js_cursor_of(body, len);
    *ret_slot = js_unpack_u32(&cursor);
    *ret_grace_ns = js_unpack_i64(&cursor);
    return js_cursor_end(&cursor);
}

int js_messages_put_number(struct js_buf *buf, int64_t number)
{
    return js_pack_i64(buf, number);
}

int js_messages_get_number(const void *body, size_t len, int64_t *ret)
{
    struct js_cursor cursor = js_cursor_of(body, len);
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
