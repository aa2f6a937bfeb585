/*
 * status_text - an overview, for a person to read.
 *
 * What a user or a job has supplied can steer no terminal.
 */
#ifndef JS_CLI_STATUS_TEXT_H
#define JS_CLI_STATUS_TEXT_H

#include "base/buf.h"
#include "cli/status_model.h"

/* So many failed jobs are shown. */
enum { JS_STATUS_FAILED_SHOWN = 10 };

/* Appends whole lines. 0, or -1 with errno ENOMEM. */
int js_status_text(const struct js_status_model *overview, struct js_buf *buf);

/* The same of the job that is to be explained. */
int js_status_explain(const struct js_status_model *overview,
                      struct js_buf *buf);

#endif
