/*
 * formats - the formats that a list may have, by name.
 *
 * A list is in our own format ("lines", list/jobfile.h), or in that of another
 * tool, which a reader in list/from/ knows. The name is what --from takes. A
 * list of which nobody has said the format is read as ours, unless it is
 * unmistakably another tool's: its lines may still be shell commands, but not
 * the ones that were meant.
 */
#ifndef JS_LIST_FORMATS_H
#define JS_LIST_FORMATS_H

#include "base/err.h"
#include "list/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Our own, and the first of all. */
#define JS_FORMATS_OWN "lines"

/* True for our own, which NULL stands for as well. */
static inline bool js_formats_is_own(const char *format)
{
    return !format || strcmp(format, JS_FORMATS_OWN) == 0;
}

/* The format of a template on the command line (list/args.h). It is found by
 * its name like the others, but is not one of those that users may choose. */
#define JS_FORMATS_ARGS "args"

static inline bool js_formats_is_args(const char *format)
{
    return format && strcmp(format, JS_FORMATS_ARGS) == 0;
}

/* The name of format number `i`, from 0 on; NULL: there are no more. */
const char *js_formats_name(size_t i);

/* The same name, valid for ever; or NULL with *err "no such format (did you
 * mean ...?); the formats are: ...". */
const char *js_formats_find(const char *format, struct js_err *err);

/* True for a line (no line end) at which the reader of a list of which nobody
 * has said the format refuses it, if it is the first command. */
bool js_formats_is_foreign(const char *line, size_t len);

/* What is added to the path of a list in this format to get that of a file with
 * the tool's own records; NULL: it has none. */
const char *js_formats_records(const char *format);

/* A file in the working folder that the tool reads and jobsched does not; NULL:
 * none. */
const char *js_formats_unread(const char *format);

struct js_formats_input {
    const char *name; /* as messages show it; copied */
    bool is_stream;
    const char *records; /* the text of the file beside it; NULL: none. Borrowed
                            until the reader is freed */
    size_t records_len;
};

/* Creates the reader of a format that exists. NULL: our own, but a list of
 * another tool is an error that names the option to use. In a stream only what
 * comes before the first command, and that itself, can show this, because jobs
 * may run before the rest is read. Returns NULL with errno ENOMEM on failure.
 */
struct js_reader *js_formats_new_reader(const char *format,
                                        const struct js_formats_input *input);

#endif
