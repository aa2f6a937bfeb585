/*
 * status_json - the state of a run as JSON, for programs.
 *
 * jobsched(1) lists the members. They are stable; new ones may be added.
 */
#ifndef JS_CLI_STATUS_JSON_H
#define JS_CLI_STATUS_JSON_H

#include "base/buf.h"
#include "cli/status_model.h"

/* Appends one document in one line. It includes the job to be explained, if
 * there is one. Returns 0, or -1 with errno ENOMEM. */
int js_status_json(const struct js_status_model *status, struct js_buf *buf);

#endif
