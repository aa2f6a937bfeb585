/*
 * report - --report: a page of HTML on what became of every job.
 *
 * Reads the journal and the job list, as --status does, and starts neither MPI
 * nor any job. The page is one file that needs no other, and no network: style,
 * program and data are in it.
 */
#ifndef JS_CLI_REPORT_H
#define JS_CLI_REPORT_H

#include "cli/options.h"

/*
 * Writes options->report, by way of a file beside it whose name ends in ".new".
 * Refuses to replace the job list, the journal, and what is no regular file.
 * Returns the exit status; what is wrong was said on stderr.
 */
int js_report(const struct js_options *options);

#endif
