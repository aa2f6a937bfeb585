/*
 * launch - starts mpirun as a child, and stays as its parent.
 *
 * For the exit status of the run (mpirun has one of its own after signals and
 * under recovery), a ^C that lets jobs end, an end of an mpirun that hangs
 * after a host was lost, and another start without that host.
 */
#ifndef JS_LAUNCH_LAUNCH_H
#define JS_LAUNCH_LAUNCH_H

#include "cli/options.h"

#include <stdbool.h>

/* True in a process that is alone: started without a launcher, or in a world of
 * one. */
bool js_launch_is_alone(void);

/*
 * Runs the command line of which the options were read, on the slaves that they
 * ask for. Returns the exit status of the run.
 */
int js_launch(const struct js_options *options, int argc, char **argv);

#endif
