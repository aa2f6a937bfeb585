/*
 * identity - by what a job is recognised from one run to the next.
 *
 * A job is identified by what it does: its command, dir, env, stdin, stdout and
 * stderr, defaults included. Its name, its line, its limits and the jobs it
 * waits for do not count. The identity is a hash of 128 bits (XXH3, whose
 * result is fixed since xxhash 0.8.0). Among ten million different jobs the
 * chance that two have the same one is below 10^-24.
 */
#ifndef JS_LIST_IDENTITY_H
#define JS_LIST_IDENTITY_H

#include "list/job.h"

#include <stdbool.h>
#include <stdint.h>

struct js_identity {
    uint64_t high, low;
};

struct js_identity js_identity_of(const struct js_job *job);

bool js_identity_equal(const struct js_identity *a,
                       const struct js_identity *b);

#endif
