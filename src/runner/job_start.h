/*
 * job_start - the calls on files that a job needs at its start and its end.
 *
 * They may hang on a file system that does not answer: when the job's files are
 * opened, when its process enters its folder and executes its program, when its
 * output is closed. So js_job_start_launch() and js_job_start_finish() can each
 * be the work of a task (base/background.h), and touch nothing but their struct
 * and what it points to.
 */
#ifndef JS_RUNNER_JOB_START_H
#define JS_RUNNER_JOB_START_H

#include "node/spawn.h"
#include "runner/job_env.h"
#include "runner/job_io.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What all jobs of a runner have in common; all borrowed. */
struct js_job_start_means {
    const struct js_runner_config *config;
    struct js_job_folder output_folder, tmpdir;
    int null_in; /* /dev/null, to read and to write */
    int null_out;
    uint64_t ignored; /* js_spawn_ignored() */
};

/* How far js_job_start_launch() has come. */
enum js_job_start_phase {
    JS_JOB_START_OPENING = 0, /* there is no process of the job */
    JS_JOB_START_SPAWNING,    /* there is one, or it is being created */
    JS_JOB_START_CANCELLED,   /* there will never be one */
};

/* A job and its files. It begins as all zero, except for js_job_output_init(),
 * and is then reused from job to job. */
struct js_job_start {
    const struct js_job_start_means *means; /* borrowed, like the next three */
    const struct js_runner_job *job;
    const struct js_job_spec *details;
    struct js_job_env *env;
    struct js_direct_exec command;
    struct js_job_output output;
    char *hostfile; /* its path; NULL: none */

    atomic_int phase; /* enum js_job_start_phase */

    /* What js_job_start_launch() returns. */
    pid_t pid;          /* see js_job_start_pid(). 0: it was not started, */
    int64_t started_ns; /* by js_clock_ns(), and js_clock_unix_ns() */
    int64_t started_unix_ns;
    struct js_spawn_failure failure;     /* ... because of this */
    const struct js_job_folder *opening; /* our folder for its file */
    bool is_homeless; /* that folder is gone, and cannot be created */
    const struct js_job_folder *restored; /* a folder that was gone and has been
                                             created again; NULL: none */

    /* For js_job_start_finish(): no process can still hold its files. */
    bool reuse;
    /* What it returns: see js_job_output_rescue(), and why that failed. */
    int rescued, rescue_error;
    struct js_job_output_end end;
};

void js_job_start_release(struct js_job_start *start);

/* Sets what js_job_start_launch() uses; all borrowed. */
void js_job_start_prepare(struct js_job_start *start,
                          const struct js_job_start_means *means,
                          const struct js_runner_job *job,
                          const struct js_job_spec *details,
                          struct js_job_env *env);

/* Opens the job's files and starts its process. If a file of ours could not be
 * created because its folder is gone, it creates the folder again and tries
 * once more, since the job is not at fault. Returns true. */
bool js_job_start_launch(void *arg);

/* Closes the files of a job that has ended. Returns true. */
bool js_job_start_finish(void *arg);

/* The next two may be called while js_job_start_launch() hangs in another
 * thread. The first keeps it from creating a process, and returns true if it
 * will have created none. The second returns the process that has entered no
 * program yet, or only now; 0: there is none. */
bool js_job_start_cancel(struct js_job_start *start);
pid_t js_job_start_pid(const struct js_job_start *start);

/* True if the start, or the end, uses no files except those in --tmpdir and the
 * system's own programs: if these hang, so does everything else. */
bool js_job_start_is_local(const struct js_job_start *start);
bool js_job_start_ends_locally(const struct js_job_start *start);

/* True if the start failed for a temporary shortage, so that it may be tried
 * again. */
bool js_job_start_may_pass(const struct js_job_start *start);

#endif
