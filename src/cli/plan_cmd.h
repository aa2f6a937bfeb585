/*
 * plan_cmd - how many slots a list can make use of: --plan.
 *
 * Reads the list, and the journal or joblog of an earlier run. Uses no MPI and
 * takes no lock.
 */
#ifndef JS_CLI_PLAN_CMD_H
#define JS_CLI_PLAN_CMD_H

#include "cli/options.h"

/* Shows the forecast on stdout. Returns the exit status. */
int js_plan_cmd(const struct js_options *options);

#endif
