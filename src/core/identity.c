#include "core/identity.h"

#include <string.h>

__extension__ typedef unsigned __int128 uint128;

/* http://www.isthe.com/chongo/tech/comp/fnv/: 2^88 + 2^8 + 0x3b */
static const uint128 prime = ((uint128)1 << 88) + 0x13b;
static const uint128 basis = ((uint128)UINT64_C(0x6c62272e07bb0142) << 64) +
                             UINT64_C(0x62b821756295c58d);

static uint128 add(uint128 hash, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * prime;
    return hash;
}

/* The details without the name, which stands at the front of them. */
static const char *details_of(const struct js_job *job, size_t *ret_len)
{
    const char *name = js_job_name(job);
    size_t skipped = name[0] ? 1 + strlen(name) + 1 : 0;
    *ret_len = job->details_len - skipped;
    return job->text + skipped;
}

/* No two jobs give the same bytes: the command has no NUL in it, and each of
 * the details ends with one. */
struct js_identity js_identity_of(const struct js_job *job)
{
    unsigned char kind = (unsigned char)job->kind;
    size_t len;
    const char *details = details_of(job, &len);
    uint128 hash = add(basis, &kind, 1);
    hash = add(hash, details, len);
    hash = add(hash, job->command, job->command_len);
    for (int i = 0; i < 8 && job->kind == JS_JOB_SIMULATED; i++) {
        unsigned char byte = (unsigned char)(job->duration_ns >> (8 * i));
        hash = add(hash, &byte, 1);
    }
    return (struct js_identity){(uint64_t)(hash >> 64), (uint64_t)hash};
}

bool js_identity_equal(const struct js_identity *a, const struct js_identity *b)
{
    return a->high == b->high && a->low == b->low;
}
