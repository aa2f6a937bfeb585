/*
 * planning - how many slots a list is worth: --plan.
 *
 * Reads the list and what an earlier run of it has left; no MPI, no lock.
 */
#ifndef JS_CLI_PLAN_CMD_H
#define JS_CLI_PLAN_CMD_H

#include "cli/options.h"

/* Shows the forecast on stdout. Returns the exit status. */
int js_plan_cmd(const struct js_options *options);

#endif
