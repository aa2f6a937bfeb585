#include "list/job_spec.h"

#include <errno.h>
#include <string.h>

enum kind {
    KIND_NAME = 'n',
    KIND_DIR = 'd',
    KIND_ENV = 'e',
    KIND_STDIN = 'i',
    KIND_STDOUT = 'o',
    KIND_STDERR = 'r',
};

static int job_spec_put(struct js_buf *buf, enum kind kind, const char *value)
{
    char byte = (char)kind;
    if (!value)
        return 0;
    if (js_buf_append(buf, &byte, 1) < 0)
        return -1;
    return js_buf_append(buf, value, strlen(value) + 1);
}

int js_job_spec_pack(struct js_buf *buf, const struct js_attributes *attributes)
{
    if (job_spec_put(buf, KIND_NAME, attributes->name) < 0 ||
        job_spec_put(buf, KIND_DIR, attributes->dir) < 0 ||
        job_spec_put(buf, KIND_STDIN, attributes->stdin_path) < 0 ||
        job_spec_put(buf, KIND_STDOUT, attributes->stdout_path) < 0 ||
        job_spec_put(buf, KIND_STDERR, attributes->stderr_path) < 0)
        return -1;
    const char *env = NULL;
    while ((env = js_strings_next(&attributes->env, env))) {
        if (job_spec_put(buf, KIND_ENV, env) < 0)
            return -1;
    }
    return 0;
}

static int bad(void)
{
    errno = EBADMSG;
    return -1;
}

static const char **job_spec_field_of(struct js_job_spec *details, char kind)
{
    switch ((enum kind)kind) {
    case KIND_NAME:
        return &details->name;
    case KIND_DIR:
        return &details->dir;
    case KIND_STDIN:
        return &details->stdin_path;
    case KIND_STDOUT:
        return &details->stdout_path;
    case KIND_STDERR:
        return &details->stderr_path;
    case KIND_ENV:
        break;
    }
    return NULL;
}

static int job_spec_take(struct js_job_spec *details, const char *entry)
{
    if (entry[0] == KIND_ENV) {
        details->env_count++;
        return strchr(entry + 1, '=') ? 0 : bad();
    }
    const char **field = job_spec_field_of(details, entry[0]);
    if (!field || *field || !entry[1])
        return bad();
    *field = entry + 1;
    return 0;
}

int js_job_spec_unpack(const char *bytes, size_t len, struct js_job_spec *ret)
{
    *ret = (struct js_job_spec){.bytes = bytes, .len = len};
    if (len > 0 && bytes[len - 1] != '\0')
        return bad();
    for (size_t at = 0; at < len; at += strlen(bytes + at) + 1) {
        if (job_spec_take(ret, bytes + at) < 0)
            return -1;
    }
    return 0;
}

const char *js_job_spec_env(const struct js_job_spec *details,
                            const char *previous)
{
    const char *end = details->bytes + details->len;
    const char *at =
        previous ? previous + strlen(previous) + 1 : details->bytes;
    while (at < end && *at != KIND_ENV)
        at += strlen(at) + 1;
    return at && at < end ? at + 1 : NULL;
}
