/*
 * report_data - the content of a report, as JSON.
 *
 * Collects from a journal and the job list: every job and every attempt, its
 * place on the timeline, the critical path, and how long the run would have
 * taken with other numbers of slots. The list supplies only commands and
 * dependencies; without it the report has less to show.
 */
#ifndef JS_CLI_REPORT_DATA_H
#define JS_CLI_REPORT_DATA_H

#include "base/err.h"
#include "jobsched.h"

struct js_report_config { /* all borrowed */
    const char *list;     /* NULL: no list can be read */
    const char *journal;
    const struct jobsched_config *options; /* for the table of slots, as with
                                              --plan */
};

struct js_report_data;

/* Returns NULL with *err on failure, as js_journal_model_load() does. A list
 * that cannot be read is not a failure: the report mentions it. */
struct js_report_data *js_report_data_new(const struct js_report_config *config,
                                          struct js_err *err);
void js_report_data_free(struct js_report_data *data); /* NULL is allowed */

/* Writes the document to a descriptor. Returns 0, or -1 with errno. */
int js_report_data_write(const struct js_report_data *data, int fd);

#endif
