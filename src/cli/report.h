/*
 * report - --report: an HTML page that shows what happened to every job.
 *
 * Reads the journal and the job list, as --status does. Starts neither MPI nor
 * any job. The page is a single file that needs no other file and no network:
 * it contains its style sheet, script and data.
 */
#ifndef JS_CLI_REPORT_H
#define JS_CLI_REPORT_H

#include "cli/options.h"

/*
 * Writes options->report, through a file beside it whose name ends with ".new".
 * Refuses to replace the job list, the journal, or anything but a regular file.
 * Prints errors on stderr. Returns the exit status.
 */
int js_report(const struct js_options *options);

#endif
