/*
 * expand - writes any list as a plain job file: --expand.
 *
 * Each job is written as soon as it has been read, so memory does not grow with
 * the number of jobs that a template makes.
 */
#ifndef JS_CLI_EXPAND_H
#define JS_CLI_EXPAND_H

#include "cli/options.h"

/* Writes to stdout. Jobs that a job file cannot hold are named on stderr and
 * left out; those that are done by the records of another tool are left out as
 * well. Returns the exit status: JOBSCHED_JOBS_FAILED if a job could not be
 * written.
 */
int js_expand(const struct js_options *options);

#endif
