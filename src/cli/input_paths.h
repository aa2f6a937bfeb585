/*
 * input_paths - the list and the journal that the options mean, for the
 * commands that only read them. Opens neither.
 */
#ifndef JS_CLI_INPUT_PATHS_H
#define JS_CLI_INPUT_PATHS_H

#include "base/err.h"
#include "jobsched.h"

/* The path of the list; NULL if the options name none that can be read. */
const char *js_input_paths_list(const struct jobsched_config *config);

/* The path of the journal, which must be freed; NULL with *err. For a list
 * without a journal, *err says what to do, and that the user can also do
 * `otherwise` ("": nothing else). */
char *js_input_paths_journal(const struct jobsched_config *config,
                             const char *otherwise, struct js_err *err);

#endif
