/*
 * status - shows the state of a run from another terminal, during the run and
 * after it.
 *
 * Reads the journal and the list. Uses no MPI, no port and no lock.
 */
#ifndef JS_CLI_STATUS_H
#define JS_CLI_STATUS_H

#include "cli/options.h"

/* Shows the state on stdout, repeatedly if it is watched. Returns the exit
 * status. */
int js_status(const struct js_options *options);

#endif
