/*
 * inputs - the list and the journal that the options mean, for the commands
 * that only read them. Opens neither.
 */
#ifndef JS_CLI_INPUT_PATHS_H
#define JS_CLI_INPUT_PATHS_H

#include "base/err.h"
#include "jobsched.h"

/* The options'; NULL: there is none to be read. */
const char *js_input_paths_list(const struct jobsched_config *config);

/* To be freed; NULL with *err, which tells what to do where a list has no
 * journal, and that one may do `otherwise` as well ("": nothing else). */
char *js_input_paths_journal(const struct jobsched_config *config,
                             const char *otherwise, struct js_err *err);

#endif
