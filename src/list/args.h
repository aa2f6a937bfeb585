/*
 * args - a template on the command line: which words belong to it, and the text
 * that it becomes.
 *
 *     COMMAND [ARG...] ::: VALUE... [::: | :::+ | :::: | ::::+ ...]
 *
 * Packs the words into a text that contains all that is needed to make the
 * jobs: the command and the sources with their values. It reads the files that
 * the words name. list/args_reader.h makes the jobs.
 *
 * - Words before the first source are the command, joined by blanks. Without
 *   any, the values are commands.
 * - After ::: each word is a value. After :::: each word names a file that is a
 *   source of its own, with a value on each line; "-" is standard input.
 * - A source is combined with those before it (list/product.h). After :::+ and
 *   ::::+ it is linked with the source before it.
 *
 * THE FORMAT is a sequence of strings, each with its NUL; numbers are decimal:
 *
 * - "jobsched args 1"; the number of bytes after this string; 1 if all sources
 *   are linked; 1 if there is a command; the command; the format of columns
 *   (list/columns.h); their separator; 1 if the first row of each source has
 *   the names; the number of sources;
 * - for each source: 1 if it is linked; 1 if it is a stream; the number of
 *   columns; the number of rows; each value, row by row.
 *
 * A newline ends the text.
 *
 * If a source is a stream, it has no rows here: all bytes after the text are
 * the stream's.
 */
#ifndef JS_LIST_ARGS_H
#define JS_LIST_ARGS_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define JS_ARGS_MAGIC "jobsched args 1"

/* The name of such a list in messages. */
#define JS_ARGS_NAME "command line"

struct js_args_options {
    const char *separator; /* --colsep; NULL: a value is one column */
    bool is_csv;           /* --csv */
    bool has_header;       /* --header : */
    bool are_all_linked;   /* --link */
};

/* Returns the index of the first word (:::, :::+, ::::, ::::+) that begins a
 * source, or the number of words. The last word is NULL. */
size_t js_args_find_source(char *const *words);

/*
 * Appends the text that these words become; there is a source among them. If
 * standard input is a source, it is read here, unless its values can be used as
 * they come (js_product_may_stream()): *ret_is_stream is then true. Returns 0,
 * or -1 with *err and errno EINVAL or ENOMEM:
 *
 *     cannot read "x.txt": No such file or directory
 *     x.txt:3:1: this line has 2 columns instead of 3
 */
int js_args_pack(char *const *words, const struct js_args_options *options,
                 struct js_buf *ret, bool *ret_is_stream, struct js_err *err);

#endif
