/*
 * foreign - options of other tools that jobsched does not have.
 *
 * Each of them means something else here, or nothing yet. Accepting it as a
 * synonym would hide that; so a user who types one is told what to write
 * instead.
 */
#ifndef JS_CLI_FOREIGN_H
#define JS_CLI_FOREIGN_H

#include "base/err.h"

#include <stdbool.h>

/* True if this word of a command line is such an option, with a value or
 * without: "-np4", "--workers=4", ":::". */
bool js_foreign_is(const char *word);

/* Refuses such a word. `next` is the word after it, which may be its value
 * (NULL: there is none). Returns -1 with *err. */
int js_foreign_refuse(const char *word, const char *next, struct js_err *err);

#endif
