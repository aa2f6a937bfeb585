/*
 * status_text - the state of a run as text for people.
 *
 * Text that a user or a job has supplied is escaped, so it cannot control a
 * terminal.
 */
#ifndef JS_CLI_STATUS_TEXT_H
#define JS_CLI_STATUS_TEXT_H

#include "base/buf.h"
#include "cli/status_model.h"

/* The number of failed jobs that are shown. */
enum { JS_STATUS_FAILED_SHOWN = 10 };

/* Appends whole lines. Returns 0, or -1 with errno ENOMEM. */
int js_status_text(const struct js_status_model *status, struct js_buf *buf);

/* Likewise, for the job to be explained. */
int js_status_explain(const struct js_status_model *status, struct js_buf *buf);

#endif
