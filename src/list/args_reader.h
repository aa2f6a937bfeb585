/*
 * args_reader - makes jobs of a template on the command line.
 *
 * Reads the text that list/args.h has made, and after it the bytes of the
 * source that is a stream, if there is one. The jobs are the combinations of
 * the sources' values; each is made when it is asked for, so memory does not
 * grow with their number.
 *
 * A value's names are {1}, {2} ... in the order of the columns of all sources,
 * and those of the header. If the command has no replacement string, " {}" is
 * appended to it. If there is no command, the values are commands: those of a
 * combination are joined by blanks, and are not quoted; a blank one is skipped.
 */
#ifndef JS_LIST_ARGS_READER_H
#define JS_LIST_ARGS_READER_H

#include "list/reader.h"

#include <stdint.h>

/* `name` is the list's name in messages; it is copied. Returns NULL with errno
 * ENOMEM on failure. */
struct js_reader *js_args_reader_new(const char *name);

/* The number of jobs; JS_PRODUCT_UNKNOWN if a stream has not ended, if no job
 * has been asked for, or if the values are commands, which may be blank. */
uint64_t js_args_reader_count(const struct js_reader *reader);

#endif
