#include "list/identity.h"

#include "base/pack.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* The details without the name, which is their first, and the command.
 * Different jobs have different bytes here: the command contains no NUL, and
 * each of the details ends with one. */
static const char *doing_of(const struct js_job *job, size_t *ret_len)
{
    const char *name = js_job_name(job);
    size_t skipped = name[0] ? 1 + strlen(name) + 1 : 0;
    *ret_len = job->details_len + job->command_len - skipped;
    return job->text + skipped;
}

static XXH128_hash_t identity_hash_of(const struct js_job *job)
{
    size_t len;
    char duration[sizeof(uint64_t)];
    const char *doing = doing_of(job, &len);
    /* The kind is the seed, so that no command is taken for a simulated job. */
    if (job->kind == JS_JOB_COMMAND)
        return XXH3_128bits_withSeed(doing, len, (XXH64_hash_t)job->kind);
    js_put_i64(duration, job->duration_ns);
    return XXH3_128bits_withSeed(duration, sizeof(duration),
                                 (XXH64_hash_t)job->kind);
}

struct js_identity js_identity_of(const struct js_job *job)
{
    XXH128_hash_t hash = identity_hash_of(job);
    return (struct js_identity){hash.high64, hash.low64};
}

bool js_identity_equal(const struct js_identity *a, const struct js_identity *b)
{
    return a->high == b->high && a->low == b->low;
}
