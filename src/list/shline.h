/*
 * shline - whether a line looks like a piece of a shell script.
 *
 * Each line of a list is a command of its own, so what a script says in
 * several lines (a loop, a function) makes no sense here, and what it leaves
 * in the background is not waited for. A quick look, with no shell: quotes,
 * brackets and the words of the grammar, in one pass. What it cannot be sure
 * of is left to `sh -n`.
 */
#ifndef JS_LIST_SHLINE_H
#define JS_LIST_SHLINE_H

#include <stddef.h>

enum js_shline {
    JS_SHLINE_WHOLE,      /* nothing to be said */
    JS_SHLINE_BACKGROUND, /* whole, and its last command is in the background */
    JS_SHLINE_BROKEN,     /* begins with what only ends or goes on: "done" */
    JS_SHLINE_DOUBTFUL,   /* something seems to be open at its end */
};

enum js_shline js_shline_look(const char *command, size_t len);

/* The length of the interpreter's line "#!/bin/sh ..." that a text begins with,
 * if it is a shell's; 0: it does not begin so. */
size_t js_shline_shebang(const char *text, size_t len);

#endif
