/*
 * runner_files - the files that a job names as its stdin, stdout and stderr.
 */
#ifndef JS_RUNNER_JOB_FILES_H
#define JS_RUNNER_JOB_FILES_H

#include "list/job_spec.h"
#include "node/spawn.h"

struct js_job_files {
    int fd[3];      /* by descriptor of the job; -1: not named */
    bool is_shared; /* fd[2] is fd[1] */
};

/*
 * Opens what the details name, relative to their `dir`. Does not wait: a FIFO
 * without a writer is an empty stdin, one without a reader no stdout. Returns
 * 0, or -1 with *failure and nothing open.
 */
int js_job_files_open(struct js_job_files *files,
                      const struct js_job_spec *details,
                      struct js_spawn_failure *failure);
void js_job_files_close(struct js_job_files *files);

#endif
