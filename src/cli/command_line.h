/*
 * command_line - reads a command line, using the table of options.
 *
 * Options that other tools have, and jobsched does not, are refused with a
 * hint. Each of them means something else here, or nothing yet; accepting it as
 * a synonym would hide that.
 */
#ifndef JS_CLI_COMMAND_LINE_H
#define JS_CLI_COMMAND_LINE_H

#include "base/argv.h"
#include "base/err.h"
#include "cli/options.h"

#include <stdbool.h>

/*
 * Reads the command line. Returns 0, or -1 with *err, which says which option
 * is wrong and why, and what to write instead.
 */
int js_command_line_read(int argc, char **argv, struct js_options *ret,
                         struct js_err *err);

/*
 * Appends the arguments that each rank must get: those of a command line that
 * was read without an error, except the options about a start without mpirun.
 * If the run is continued, --time-limit is left out as well, because part of
 * that time has passed.
 */
void js_command_line_for_ranks(int argc, char **argv, bool is_resumed,
                               struct js_argv *ret);

#endif
