/*
 * job_spec - what the process of a job gets besides its command, as bytes.
 *
 * The attributes of JS_ATTRIBUTES_OF_PROCESS (list/attributes.h) and env are
 * packed into one string, which travels with the command from the job file to
 * the process that runs it. For a job with none of them its length is 0. Each
 * attribute is one byte that identifies it, the value and a NUL. They are in
 * the order of that list, each at most once. Those of env ('e') follow and keep
 * their order.
 */
#ifndef JS_LIST_JOB_SPEC_H
#define JS_LIST_JOB_SPEC_H

#include "base/buf.h"
#include "list/attributes.h"

#include <stddef.h>

struct js_job_spec { /* a string is NULL if the job does not set it */
#define JS_JOB_SPEC_MEMBER(letter, field) const char *field;
    JS_ATTRIBUTES_OF_PROCESS(JS_JOB_SPEC_MEMBER)
#undef JS_JOB_SPEC_MEMBER
    size_t env_count;
    const char *bytes; /* the packed bytes, for js_job_spec_env() */
    size_t len;
};

/* Appends the packed bytes. Returns 0, or -1 with errno ENOMEM. */
int js_job_spec_pack(struct js_buf *buf,
                     const struct js_attributes *attributes);

/* The result points into `bytes`. Returns 0, or -1 with errno EBADMSG. */
int js_job_spec_unpack(const char *bytes, size_t len, struct js_job_spec *ret);

/* The "NAME=VALUE" after `previous`, or the first if that is NULL. Returns NULL
 * if there are no more. */
const char *js_job_spec_env(const struct js_job_spec *details,
                            const char *previous);

#endif
