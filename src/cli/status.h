/*
 * status - how a run stands, from another terminal, while it is on and after.
 *
 * Reads the journal and the list; no MPI, no port, no lock.
 */
#ifndef JS_CLI_STATUS_H
#define JS_CLI_STATUS_H

#include "cli/options.h"

/* Shows it on stdout, again and again if it is to be watched. Returns the exit
 * status. */
int js_status(const struct js_options *options);

#endif
