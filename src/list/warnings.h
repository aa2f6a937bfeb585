/*
 * warnings - reports input in a job list that is probably not intended.
 *
 * The first five warnings of each kind (list/intake.h) are reported one by
 * one. At the end, the number of the others is reported. It knows nothing of
 * files.
 */
#ifndef JS_LIST_WARNINGS_H
#define JS_LIST_WARNINGS_H

#include "list/intake.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Receives one warning, or one of several errors. */
typedef void (*js_warnings_fn)(void *arg, const char *text);

/* The receiver of reports, and what the checks need. */
struct js_warnings_sink {
    js_warnings_fn report; /* NULL: nothing is checked for or reported */
    void *arg;
    /* The run's files, which no job may write to (list/intake.h). NULL: none.
     * Borrowed until the list, or the source of a stream, has been created. */
    const struct js_target_own *own;
};

struct js_warnings {
    const char *name; /* of the input; borrowed */
    struct js_warnings_sink sink;
    uint64_t counts[JS_WARNING_COUNT];
    bool is_list;  /* set by the caller if the input is in our own format, so
                      that its first line should not name a shell */
    bool is_begun; /* the first bytes have been examined */
};

/* Makes the intake report to the sink (NULL: nowhere); must be called before
 * its first job. A shell is asked about commands only if the input is not a
 * stream, because nothing may delay a stream. Returns 0, or -1 with errno
 * ENOMEM. */
int js_warnings_begin(struct js_warnings *warnings, const char *name,
                      const struct js_warnings_sink *sink,
                      struct js_intake *jobs, bool is_stream);

/* Examines the bytes that the intake will get next. The first bytes of the
 * input may name a shell. */
void js_warnings_look(struct js_warnings *warnings, const char *bytes,
                      size_t len);

/* Must be called when the input has ended. */
void js_warnings_end(struct js_warnings *warnings);

/* ---------------------------------------------------------------- shell lines
 */

/*
 * These functions find lines that look like part of a shell script.
 *
 * Each line of a list is a command of its own. A construct that spans several
 * lines (a loop, a function) makes no sense here, and a command left in the
 * background is not waited for. This is a quick check in one pass, without a
 * shell: it looks at quotes, brackets and reserved words. For doubtful lines,
 * js_shline_sh_accepts() asks `sh -n`.
 */
enum js_shline {
    JS_SHLINE_WHOLE,      /* the line is complete */
    JS_SHLINE_BACKGROUND, /* the line is complete, and leaves its last command
                             in the background */
    JS_SHLINE_BROKEN,   /* it begins with a word that can only end or continue a
                           construct: "done" */
    JS_SHLINE_DOUBTFUL, /* something seems to be unclosed at its end */
};

enum js_shline js_shline_look(const char *command, size_t len);

/* The length of the interpreter line "#!/bin/sh ..." at the beginning of a text
 * if it names a shell; otherwise 0. */
size_t js_shline_shebang(const char *text, size_t len);

/*
 * False only if `sh -n` refuses the command. The call starts one process and
 * takes a few milliseconds. A shell that cannot be started, or does not answer
 * within two seconds, counts as accepting the command. A command of more than
 * 64 KiB counts as accepted as well.
 */
bool js_shline_sh_accepts(const char *command);

#endif
