/*
 * launcher - reads a job file of TACC's launcher.
 *
 * Every line that is not empty is a job, comments and blank lines included,
 * since jobs are known by their number: LAUNCHER_JID, from 1 on. Bash runs it.
 *
 * It differs from launcher in these points: the last line needs no newline; an
 * empty line does not run the job before it again; each job has a bash of its
 * own, so that cd, variables and `exit` do not reach the jobs after it (a line
 * that does nothing else is warned about); CR LF ends a line.
 */
#ifndef JS_LIST_FROM_LAUNCHER_H
#define JS_LIST_FROM_LAUNCHER_H

#include "list/reader.h"

/* `name` is the input's name in messages. Returns NULL with errno ENOMEM on
 * failure. */
struct js_reader *js_from_launcher_new(const char *name);

#endif
