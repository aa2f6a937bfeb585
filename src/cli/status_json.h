/*
 * status_json - an overview as JSON, for programs.
 *
 * jobsched(1) lists the members. They stay as they are; some may be added.
 */
#ifndef JS_CLI_STATUS_JSON_H
#define JS_CLI_STATUS_JSON_H

#include "base/buf.h"
#include "cli/status_model.h"

/* Appends one document in one line. If a job is to be explained it is in there
 * as well. 0, or -1 with errno ENOMEM. */
int js_status_json(const struct js_status_model *overview, struct js_buf *buf);

#endif
