/*
 * parallel_joblog - reads the log that GNU parallel writes for --joblog.
 *
 * The jobs are the commands in the log, by their number (Seq), which is also
 * the job's name and in PARALLEL_SEQ. A job is done if any of its lines has
 * Exitval 0 and Signal 0; its command is that of its last line. A NUL in a
 * command stands for a newline. The log must be complete before the first job
 * is known.
 *
 * A last line without a newline was torn when the machine stopped. Half a
 * command must not run, so that line counts for nothing. Jobs that had not
 * ended are not in such a log; if numbers are missing, the first entry warns.
 */
#ifndef JS_LIST_FROM_PARALLEL_JOBLOG_H
#define JS_LIST_FROM_PARALLEL_JOBLOG_H

#include "list/reader.h"

/* `name` is the input's name in messages. Returns NULL with errno ENOMEM on
 * failure. */
struct js_reader *js_from_parallel_joblog_new(const char *name);

#endif
