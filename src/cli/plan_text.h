/*
 * plan_text - a forecast as text for people and as JSON for programs.
 *
 * Text that a user has supplied is escaped, so it cannot control a terminal.
 */
#ifndef JS_CLI_PLAN_TEXT_H
#define JS_CLI_PLAN_TEXT_H

#include "base/buf.h"
#include "sched/whatif.h"

#include <stdbool.h>

struct js_plan_text_config {
    const struct js_whatif *forecast;
    const char *job_file;
    const char *origin; /* the journal or joblog */
    bool is_mem_counted;
};

/* Appends whole lines. Returns 0, or -1 with errno ENOMEM. */
int js_plan_text(const struct js_plan_text_config *shown, struct js_buf *buf);

/* Appends one document in one line. jobsched(1) lists its members, which are
 * stable. Returns 0, or -1 with errno ENOMEM. */
int js_plan_text_json(const struct js_plan_text_config *shown,
                      struct js_buf *buf);

#endif
