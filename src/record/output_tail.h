/*
 * tail - the last lines of what a job has written.
 *
 * A plain value; all zero, but for the stream, is one of which nothing is known
 * so far.
 */
#ifndef JS_RECORD_OUTPUT_TAIL_H
#define JS_RECORD_OUTPUT_TAIL_H

#include "list/outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JS_OUTPUT_TAIL_MAX = 512 };

struct js_output_tail {
    unsigned stream; /* 1: stdout, 2: stderr */
    bool is_cut;     /* something was in front of it */
    size_t len;
    char bytes[JS_OUTPUT_TAIL_MAX]; /* any */
};

/* Of an attempt that ended so: of its stderr, or, if that is empty, of its
 * stdout. False if none is kept: it succeeded, or only the run stopped. */
bool js_output_tail_begin(struct js_output_tail *tail,
                          const struct js_outcome *outcome);

/* The next bytes of the stream: the last JS_OUTPUT_TAIL_MAX of all are kept. */
void js_output_tail_add(struct js_output_tail *tail, const char *bytes,
                        size_t len);

/* What was cut begins with a whole line then, or, where there is no other, with
 * a whole character. */
void js_output_tail_trim(struct js_output_tail *tail);

/* The tail of a file, trimmed. False if it is no regular file of `size` bytes,
 * or cannot be read. */
bool js_output_tail_read(struct js_output_tail *tail, const char *path,
                         uint64_t size);

#endif
