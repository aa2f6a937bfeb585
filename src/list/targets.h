/*
 * targets - which job writes to which file, by its stdout= and stderr=.
 *
 * Two jobs with one file damage each other's output if neither comes after the
 * other. If one does, it replaces what the other wrote. A file is identified by
 * its absolute path and, where they exist, by its folder and by the file
 * itself. So it is recognised through dir=, "..", "." and links. Devices, pipes
 * and sockets do not count as files here, nor does anything in /dev and /proc.
 *
 * This reads the file system of this host, although jobs may run on others. It
 * assumes that one name is one file. It examines a limited number of files;
 * beyond that only the path counts.
 */
#ifndef JS_LIST_TARGETS_H
#define JS_LIST_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct js_targets;

/* For a stream the memory is bounded: what was written long ago is forgotten.
 * Returns NULL with errno ENOMEM on failure. */
struct js_targets *js_targets_new(bool is_stream);
void js_targets_free(struct js_targets *targets); /* NULL is allowed */

/* The writer of a file. */
struct js_target_job {
    uint64_t seq;
    uint64_t line;
    uint64_t barriers; /* `wait` lines above it */
    const char *own;   /* not a job but the run itself: what its file is called;
                          NULL for a job */
};

/* A file of the run, which no job may write to. Both strings are borrowed. */
struct js_target_own {
    const char *path; /* NULL: no file */
    const char *what; /* for messages: "the job list" */
};

void js_targets_add_own(struct js_targets *targets,
                        const struct js_target_own *own);

/* Adds a file that `job` will write to, relative to `dir` (NULL: the current
 * folder). Returns true if a job added before writes to it too, and then the
 * last such job in *ret; or if it is a file of the run. */
bool js_targets_add(struct js_targets *targets, const char *dir,
                    const char *path, const struct js_target_job *job,
                    struct js_target_job *ret);

#endif
