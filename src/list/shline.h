/*
 * shline - whether a line looks like a piece of a shell script.
 *
 * Each line of a list is a command of its own. A script's construct of several
 * lines (a loop, a function) makes no sense here, and a command left in the
 * background is not waited for. This is a quick check in one pass, without a
 * shell: it looks at quotes, brackets and the words of the grammar. Doubtful
 * lines are left to `sh -n`.
 */
#ifndef JS_LIST_SHLINE_H
#define JS_LIST_SHLINE_H

#include <stddef.h>

enum js_shline {
    JS_SHLINE_WHOLE,      /* the line is complete */
    JS_SHLINE_BACKGROUND, /* the line is complete, and leaves its last command
                             in the background */
    JS_SHLINE_BROKEN,   /* it begins with a word that can only end or continue a
                           construct: "done" */
    JS_SHLINE_DOUBTFUL, /* something seems to be unclosed at its end */
};

enum js_shline js_shline_look(const char *command, size_t len);

/* The length of the interpreter line "#!/bin/sh ..." at the beginning of a
 * text, if it names a shell; 0 if there is none. */
size_t js_shline_shebang(const char *text, size_t len);

#endif
