/*
 * runner_output - where the jobs of one slot write to.
 *
 * Owns: the files of the job that runs, and empty ones that the next can use.
 *
 * A job whose write fails for want of room may succeed all the same (`echo x;
 * true`). So a spooled file has JS_JOB_OUTPUT_RESERVED bytes set aside before
 * the job starts, or is kept in memory if there is no room for them; and of
 * each it can be told at the end whether something may be missing.
 */
#ifndef JS_RUNNER_JOB_OUTPUT_H
#define JS_RUNNER_JOB_OUTPUT_H

#include "node/spool.h"
#include "runner/job_folder.h"
#include "runner/runner.h"

#include <stdbool.h>
#include <stdint.h>

enum { JS_JOB_OUTPUT_RESERVED = 16 * 1024 };

struct js_job_output_file {
    int fd;              /* -1: none */
    int flags;           /* of its open file description, as it was made */
    uint64_t sure_bytes; /* nothing is missing if it has become no longer */
    bool is_in_memory;
};

struct js_job_output {
    struct js_job_output_file file[JS_STREAM_COUNT];
    int folder;    /* in which named ones were made; -1: none */
    bool was_full; /* there was no room at the end of the last job, or it is not
                      known */
};

void js_job_output_init(struct js_job_output *output);
void js_job_output_release(struct js_job_output *output);

/* Opens what is not open yet; nothing for JS_CAPTURE_NONE. Returns 0, or -1
 * with errno; a later call goes on where this one stopped. ENOSPC also where a
 * named file could be made but there is no room to write to it. */
int js_job_output_open(struct js_job_output *output,
                       const struct js_runner_config *config, uint64_t id);

bool js_job_output_is_in_memory(const struct js_job_output *output);

struct js_job_output_end {
    uint64_t bytes[JS_STREAM_COUNT];
    int fds[JS_STREAM_COUNT];
    bool may_be_cut[JS_STREAM_COUNT]; /* there is no room left for more */
};

/*
 * The job has ended. Says how much it wrote; hands out the spooled files that
 * have something in them (-1: none), the caller's to close. A spooled file
 * in which nothing was changed is kept if `reuse`. Everything else is closed.
 */
void js_job_output_finish(struct js_job_output *output,
                          const struct js_runner_config *config, bool reuse,
                          struct js_job_output_end *ret);

/*
 * To be called before js_job_output_finish(). Named files that went with their
 * folder while the job ran are written anew, in a folder that is made anew.
 * Returns 1 if that was done, 0 if there was no need, or -1 with errno when it
 * cannot be: then what the job wrote is lost.
 */
int js_job_output_rescue(struct js_job_output *output,
                         const struct js_runner_config *config,
                         const struct js_job_folder *folder, uint64_t id);

/* Tries whether jobs can be given files. Returns 0, or -1 with *err. */
int js_job_output_try(const struct js_runner_config *config,
                      struct js_err *err);

#endif
