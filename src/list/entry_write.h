/*
 * entry_write - an entry of any list, written as a line of a job file.
 *
 * The opposite of list/jobfile.h, which makes the same entry of the line. The
 * attributes are written out, whatever defaults they come from. The names of
 * other tools' jobs may have other bytes than ours: each such byte becomes '_',
 * in name=, after= and after-any= alike.
 *
 * Some entries have no such line: a job whose command or attributes contain a
 * newline, whose command is blank, or begins with a blank although the line
 * needs attributes, or which would be too long.
 */
#ifndef JS_LIST_ENTRY_WRITE_H
#define JS_LIST_ENTRY_WRITE_H

#include "base/buf.h"
#include "base/err.h"
#include "list/reader.h"

#include <stdbool.h>

/*
 * Appends the line, without the newline at its end. If *ret_is_last, it must be
 * the last of the file, and no newline may follow: its command ends in a
 * backslash, which would continue the line.
 *
 * Returns 0, or -1 with errno ENOMEM or EINVAL. After EINVAL, *ret_part and
 * *err say which part cannot be written and why: "this command contains a
 * newline". In both cases the buffer is as before.
 */
int js_entry_write(struct js_buf *buf, const struct js_entry *entry,
                   bool *ret_is_last, struct js_entry_part *ret_part,
                   struct js_err *err);

/* Appends a job's name, or one that after= gives, as a job file has it. '*' and
 * '?' stay if is_glob. Returns 0, or -1 with errno ENOMEM. */
int js_entry_write_name(struct js_buf *buf, const char *name, bool is_glob);

#endif
