#include "list/job_spec.h"

#include <errno.h>
#include <string.h>

enum { ENV_LETTER = 'e' };

static int job_spec_put(struct js_buf *buf, char letter, const char *value)
{
    /* An empty value is the same as none, and has no entry. */
    if (!value || !value[0])
        return 0;
    if (js_buf_append(buf, &letter, 1) < 0)
        return -1;
    return js_buf_append(buf, value, strlen(value) + 1);
}

int js_job_spec_pack(struct js_buf *buf, const struct js_attributes *attributes)
{
#define JOB_SPEC_PUT(letter, field)                                            \
    if (job_spec_put(buf, letter, attributes->field) < 0)                      \
        return -1;
    JS_ATTRIBUTES_OF_PROCESS(JOB_SPEC_PUT)
#undef JOB_SPEC_PUT
    const char *env = NULL;
    while ((env = js_strings_next(&attributes->env, env))) {
        if (job_spec_put(buf, ENV_LETTER, env) < 0)
            return -1;
    }
    return 0;
}

static int bad(void)
{
    errno = EBADMSG;
    return -1;
}

static const char **job_spec_field_of(struct js_job_spec *details, char letter)
{
    switch (letter) {
#define JOB_SPEC_CASE(letter, field)                                           \
    case letter:                                                               \
        return &details->field;
        JS_ATTRIBUTES_OF_PROCESS(JOB_SPEC_CASE)
#undef JOB_SPEC_CASE
    case ENV_LETTER: /* no attribute may have this letter */
        break;
    }
    return NULL;
}

/* Each attribute at most once and not empty: anything else was not packed
 * here. */
static int job_spec_take(struct js_job_spec *details, const char *entry)
{
    if (entry[0] == ENV_LETTER) {
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
    while (at < end && *at != ENV_LETTER)
        at += strlen(at) + 1;
    return at && at < end ? at + 1 : NULL;
}
