/*
 * details - what the process of a job gets besides its command, as bytes.
 *
 * The attributes of JS_ATTRIBUTES_OF_PROCESS (list/attributes.h) and env in one
 * string, which travels with the command from the job file to the process that
 * runs it. A job with none of them has none of it (length 0). Each is one byte
 * that says which, the value and a NUL; in the order of that list, each once;
 * then those of env ('e'), which keep their order.
 */
#ifndef JS_LIST_JOB_SPEC_H
#define JS_LIST_JOB_SPEC_H

#include "base/buf.h"
#include "list/attributes.h"

#include <stddef.h>

struct js_job_spec { /* strings are NULL where there is none */
#define JS_JOB_SPEC_MEMBER(letter, field) const char *field;
    JS_ATTRIBUTES_OF_PROCESS(JS_JOB_SPEC_MEMBER)
#undef JS_JOB_SPEC_MEMBER
    size_t env_count;
    const char *bytes; /* as given; for js_job_spec_env() */
    size_t len;
};

/* Appends. 0, or -1 with errno ENOMEM. */
int js_job_spec_pack(struct js_buf *buf,
                     const struct js_attributes *attributes);

/* Points into `bytes`. 0, or -1 with errno EBADMSG. */
int js_job_spec_unpack(const char *bytes, size_t len, struct js_job_spec *ret);

/* The "NAME=VALUE" behind `previous`; the first for NULL; NULL: no more. */
const char *js_job_spec_env(const struct js_job_spec *details,
                            const char *previous);

#endif
