/*
 * targets - which job writes to which file, by its stdout= and stderr=.
 *
 * Two jobs with one file damage each other's output, if neither comes after the
 * other; if one does, it replaces what the other wrote. A file is known by its
 * path from the root and, as far as they are there, by its folder and by
 * itself: so it is the same one by way of dir=, "..", "." and links. Devices,
 * pipes and sockets are no files here, nor is what is in /dev and /proc.
 *
 * Reads the file system of this host, where jobs may run on others: what has
 * one name is taken for one file. It looks at a limited number of files; beyond
 * it only the path counts.
 */
#ifndef JS_LIST_TARGETS_H
#define JS_LIST_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct js_targets;

/* For a stream the memory is bounded: what was written long ago is forgotten.
 * NULL with errno ENOMEM. */
struct js_targets *js_targets_new(bool is_stream);
void js_targets_free(struct js_targets *targets); /* NULL is allowed */

/* Who writes to a file. */
struct js_target_job {
    uint64_t seq;
    uint64_t line;
    uint64_t barriers; /* `wait` lines above it */
    const char *own;   /* no job does: it is a file of the run itself, called
                          so */
};

/* A file of the run, which no job may write to; both borrowed. */
struct js_target_own {
    const char *path; /* NULL: there is none */
    const char *what; /* "the job list" */
};

void js_targets_add_own(struct js_targets *targets,
                        const struct js_target_own *own);

/* What is to be written, seen from `dir` (NULL: the current folder), by `job`:
 * true if another job that was added before does so too, which is *ret (the
 * last such one), or if it is a file of the run. */
bool js_targets_add(struct js_targets *targets, const char *dir,
                    const char *path, const struct js_target_job *job,
                    struct js_target_job *ret);

#endif
