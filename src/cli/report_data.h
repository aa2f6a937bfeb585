/*
 * report_data - what a report tells, as JSON.
 *
 * Gathers from a journal and the job list: every job and every attempt, where
 * it stands on the timeline, the longest chain, and what other numbers of slots
 * would have given. The list is only asked for commands and dependencies;
 * without it there is less to tell.
 */
#ifndef JS_CLI_REPORT_DATA_H
#define JS_CLI_REPORT_DATA_H

#include "base/err.h"
#include "jobsched.h"

struct js_report_config { /* all borrowed */
    const char *list;     /* NULL: there is none to be read */
    const char *journal;
    const struct jobsched_config *options; /* for the table of slots, as for
                                              --plan */
};

struct js_report_data;

/* NULL with *err, as js_journal_model_load(); a list that cannot be read is no
 * failure: the report says so. */
struct js_report_data *js_report_data_new(const struct js_report_config *config,
                                          struct js_err *err);
void js_report_data_free(struct js_report_data *data); /* NULL is allowed */

/* Writes the document to a descriptor. 0, or -1 with errno. */
int js_report_data_write(const struct js_report_data *data, int fd);

#endif
