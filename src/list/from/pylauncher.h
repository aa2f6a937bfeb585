/*
 * pylauncher - reads a list of commands for pylauncher (TACC).
 *
 * Blank lines and lines that begin with '#' are no jobs; blanks around a line
 * are dropped. PYL_ID and PYLTID in a line are replaced by the job's number,
 * from 0 on. A number and a comma in front of the command ("4,./sim", as with
 * cores="file") are the cores that it needs. Bash runs each line.
 */
#ifndef JS_LIST_FROM_PYLAUNCHER_H
#define JS_LIST_FROM_PYLAUNCHER_H

#include "list/reader.h"

/* `name` is the input's name in messages. Returns NULL with errno ENOMEM on
 * failure. */
struct js_reader *js_from_pylauncher_new(const char *name);

#endif
