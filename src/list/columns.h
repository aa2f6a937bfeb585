/*
 * columns - turns the bytes of a file of values into rows of columns.
 *
 * The caller pushes bytes in as they arrive, in pieces of any size, and takes
 * rows out. Owns the bytes that are not yet part of a row. It knows nothing of
 * files. The rules:
 *
 * - A row is one line. The newline of the last line may be missing. A CR before
 *   the line end or the end of the input is dropped, and so is a byte order
 *   mark (UTF-8) before the first line. There are no comments.
 * - JS_COLUMNS_LINE: the line is the only column, even if it is empty.
 * - JS_COLUMNS_CSV: RFC 4180. Commas separate the columns. A column in double
 *   quotes may contain commas, line ends, and quotes, which are doubled. It is
 *   an error if a quote is within an unquoted column, if something follows the
 *   closing quote, or if a quote is not closed.
 * - JS_COLUMNS_TABS: every tab separates two columns, which may be empty.
 * - JS_COLUMNS_BLANKS: runs of blanks and tabs separate the columns. They are
 *   ignored at both ends of the line.
 * - JS_COLUMNS_REGEX: every match of a POSIX extended regular expression
 *   separates two columns. White space at both ends of a column is dropped, as
 *   GNU parallel does with --colsep. In the expression \t is a tab. A backslash
 *   before any other letter, a digit or one of < > ' ` is an error, because
 *   these mean different things in different tools.
 * - All rows have the same number of columns. A NUL byte is an error.
 *
 * Lines and the positions of errors are counted from 1; a position is a byte of
 * its line.
 */
#ifndef JS_LIST_COLUMNS_H
#define JS_LIST_COLUMNS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* The limits keep an input that never ends its line, or never closes a quote,
 * from filling the memory, and an expression from taking minutes. */
enum {
    JS_COLUMNS_ROW_MAX = 16 * 1024 * 1024, /* bytes */
    JS_COLUMNS_COUNT_MAX = 10000,
};

enum js_columns_format {
    JS_COLUMNS_LINE,
    JS_COLUMNS_CSV,
    JS_COLUMNS_TABS,
    JS_COLUMNS_BLANKS,
    JS_COLUMNS_REGEX,
};

struct js_columns_config {
    const char *name; /* of the input, in messages; copied */
    enum js_columns_format format;
    const char *separator; /* the expression of JS_COLUMNS_REGEX */
    size_t count;          /* of columns in each row; 0: as in the first row */
};

/* Everything here is borrowed until the next call. */
struct js_columns_row {
    uint64_t line; /* where it begins */
    size_t count;
    const char *const *values;
};

struct js_columns;

/* Returns NULL with errno ENOMEM, or with errno EINVAL if the separator is
 * wrong; *err then says why:
 *
 *     the separator "x*": it must not match where there is nothing
 */
struct js_columns *js_columns_new(const struct js_columns_config *config,
                                  struct js_err *err);

/* NULL is allowed. Keeps errno. */
void js_columns_free(struct js_columns *columns);

/* Takes a copy of the next `len` bytes of the input; 0: the input ends. Returns
 * 0, or -1 with errno ENOMEM. */
int js_columns_feed(struct js_columns *columns, const char *bytes, size_t len);

/*
 * Gets the next row. Returns 1; 0 if the bytes so far contain no further row
 * (after their end: if there is none); -1 with *err "NAME:LINE:POSITION: what"
 * if the input is bad. If errno is EINVAL, only this row is bad and the caller
 * may go on with the next one. After any other error (EBADMSG; ENOMEM) every
 * further call fails in the same way. The time taken is linear in the size of
 * the input, however the input is cut into pieces; only an expression may take
 * longer.
 */
int js_columns_next(struct js_columns *columns, struct js_columns_row *ret,
                    struct js_err *err);

#endif
