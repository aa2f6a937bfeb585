/*
 * jobfile - the reader of our own format, one command on each line.
 *
 * The caller pushes bytes in as they arrive, in pieces of any size, and takes
 * jobs out. Owns the bytes that it has not yet turned into jobs. It knows
 * nothing of files. The rules for lines:
 *
 * - There is one job on each line. The newline of the last line may be missing.
 * - A byte order mark (UTF-8) before the first line is ignored.
 * - CR LF ends a line as LF does.
 * - Blank lines (blanks and tabs) and lines whose first non-blank character is
 *   '#' are not jobs.
 * - A line that is not a comment and ends in an odd number of backslashes
 *   continues on the next line, whatever that line begins with. The last
 *   backslash and the line end are dropped; at the end of the input the
 *   backslash stays. The joined line is blank if all its parts are.
 * - If a line begins with an attribute list (list/attributes.h), its command
 *   follows the list. A list without a command is an error.
 * - If the list contains for=, the line is a template for several jobs
 *   (list/for_loop.h).
 * - A comment that begins with "#JOBSCHED" and a blank sets defaults for the
 *   jobs below it. Defaults from earlier such lines remain in force unless this
 *   line overrides them.
 * - The word "wait" alone on a line (blanks around it are allowed) is a
 *   barrier, and so are the words "wait ok": then the jobs below run only if
 *   all jobs since the last such line, of either kind, have succeeded.
 * - A NUL byte is an error, even in a comment. Any other byte is part of the
 *   command, whether it is UTF-8 or not. So is a CR, except before LF or at the
 *   end of the input. Blanks around a command are kept.
 *
 * Lines and columns are counted from 1; a column is a byte. A job's line is the
 * one where its command begins.
 */
#ifndef JS_LIST_JOBFILE_H
#define JS_LIST_JOBFILE_H

#include "list/reader.h"

#include <stdbool.h>

/* `name` is the input's name in messages. Returns NULL with errno ENOMEM on
 * failure. js_reader_free() frees it. */
struct js_reader *js_jobfile_new(const char *name);

/* Returns true if a line shows that the list is not in our format; *ret_what
 * says so. It is asked about each line that is not blank and sets no defaults:
 * joined, without its line end, and of a comment only the first 1,024 bytes.
 * is_first: no command came before it. */
typedef bool (*js_jobfile_guard_fn)(const char *line, size_t len, bool is_first,
                                    struct js_err *ret_what);

/* Has the guard look at the lines of a new reader; at most up to the first
 * command if is_brief. A line that it objects to is an error that is final. */
void js_jobfile_set_guard(struct js_reader *reader, js_jobfile_guard_fn guard,
                          bool is_brief);

#endif
