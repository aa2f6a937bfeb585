/*
 * formats - the formats that a list may have, by name.
 *
 * A list is in our own format ("lines", list/jobfile.h), or in that of another
 * tool, which a reader in list/from/ knows. The name is what --from takes.
 */
#ifndef JS_LIST_FORMATS_H
#define JS_LIST_FORMATS_H

#include "base/err.h"
#include "list/reader.h"

#include <stddef.h>

/* The name of format number `i`, from 0 on; NULL: there are no more. */
const char *js_formats_name(size_t i);

/* The same name, valid for ever; or NULL with *err "no such format (did you
 * mean ...?); the formats are: ...". */
const char *js_formats_find(const char *format, struct js_err *err);

/* Creates the reader of a format that exists, for an input that messages call
 * `name`. NULL: our own. Returns NULL with errno ENOMEM on failure. */
struct js_reader *js_formats_new_reader(const char *format, const char *name);

#endif
