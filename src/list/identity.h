/*
 * identity - by what a job is known from one run to the next.
 *
 * What it does: its command, dir, env, stdin, stdout and stderr, defaults
 * included; not its name, its line, its limits or what it comes after. 128 bits
 * of it (XXH3, whose result is fixed since xxhash 0.8.0): among ten million
 * different jobs the chance that two are taken for one is below 10^-24.
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
