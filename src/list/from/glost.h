/*
 * glost - reads a list of GLOST (CEA).
 *
 * Every line that is not empty is a job, comments and blank lines included; sh
 * runs it.
 *
 * It differs from GLOST in these points: a last line of one character needs no
 * newline; a long line is not cut into pieces; CR LF ends a line.
 */
#ifndef JS_LIST_FROM_GLOST_H
#define JS_LIST_FROM_GLOST_H

#include "list/reader.h"

/* `name` is the input's name in messages. Returns NULL with errno ENOMEM on
 * failure. */
struct js_reader *js_from_glost_new(const char *name);

#endif
