/*
 * job_env - the environment of the jobs of one runner.
 *
 * Owns the JOBSCHED_ variables, and the list that points to them and to the
 * variables of the configuration. The configuration must outlive it.
 */
#ifndef JS_RUNNER_JOB_ENV_H
#define JS_RUNNER_JOB_ENV_H

#include "base/buf.h"
#include "base/process.h"
#include "list/job.h"
#include "runner/runner.h"

#include <stdbool.h>
#include <stddef.h>

/* Invariants: from its place OWN_MAX (job_env.c) on, `list` has what is left of
 * the configuration's environment, without JOBSCHED_ variables and without PWD,
 * and is NULL-terminated. `path` and `functions` point into it. `cpus` has
 * `slots` entries. */
struct js_job_env {
    const char **list;    /* room for the variables set here, then the rest */
    bool sets_omp;        /* this module sets OMP_NUM_THREADS */
    bool is_in_slurm;     /* the run is part of a Slurm job */
    struct js_buf values; /* text of the variables set here */
    char *pwd;            /* "PWD=..." */
    char mark[JS_MARK_SIZE]; /* "": none */
    struct js_buf within;    /* "JOBSCHED_WITHIN=..."; empty: none */
    char **cpus;             /* the CPUs of each slot, as a list */
    const char *path;        /* value of PATH, or NULL */
    const char **functions;  /* entries by which bash passes on functions */
    size_t function_count;
    uint32_t slots;
    const char **own_list; /* list for a job with an environment of its own */
};

/* Returns 0, or -1 with errno ENOMEM. */
int js_job_env_init(struct js_job_env *env,
                    const struct js_runner_config *config);
void js_job_env_release(struct js_job_env *env); /* all zero is allowed */

/* Returns the job's environment, NULL-terminated and valid until the next call,
 * or NULL with errno ENOMEM. The environment borrows the strings of the
 * details. `hostfile` is the path of the hostfile, if the job has several
 * hosts. */
const char *const *js_job_env_of(struct js_job_env *env,
                                 const struct js_runner_config *config,
                                 const struct js_runner_job *job,
                                 const struct js_job_spec *details,
                                 const char *hostfile);

/* Returns the value of PATH in the job's environment, or NULL. */
const char *js_job_env_path(const struct js_job_env *env,
                            const struct js_job_spec *details);

/* True if a bash run as /bin/sh would take the word for a function. */
bool js_job_env_has_function(const struct js_job_env *env, const char *word);

#endif
