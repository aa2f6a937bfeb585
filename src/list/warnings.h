/*
 * warnings - reports input in a job list that is probably not intended.
 *
 * The first five warnings of each kind (list/jobfile.h) are reported one by
 * one. At the end follows how many more there were. It knows nothing of files.
 */
#ifndef JS_LIST_WARNINGS_H
#define JS_LIST_WARNINGS_H

#include "list/jobfile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Receives one warning, or one of several errors. */
typedef void (*js_warnings_fn)(void *arg, const char *text);

/* The receiver of reports, and what the checks need. */
struct js_warnings_ear {
    js_warnings_fn tell; /* NULL: nothing is reported, and nothing is looked
                            for */
    void *arg;
    /* The run's files, which no job may write to (list/jobfile.h). NULL: none.
     * Borrowed until the list, or the source of a stream, is made. */
    const struct js_target_own *own;
};

struct js_warnings {
    const char *name; /* of the input; borrowed */
    struct js_warnings_ear ear;
    uint64_t counts[JS_WARNING_COUNT];
    bool is_begun; /* the first bytes have been examined */
};

/* `ear` may be NULL. */
void js_warnings_init(struct js_warnings *warnings, const char *name,
                      const struct js_warnings_ear *ear);

/* Makes the parser report here; must be called before its first job. A shell is
 * asked about commands only if the input is no stream, because nothing may
 * delay a stream. Returns 0, or -1 with errno ENOMEM. */
int js_warnings_follow(struct js_warnings *warnings, struct js_jobfile *jobs,
                       bool is_stream);

/* The parser gets these bytes next. The first bytes of all may name a shell. */
void js_warnings_look(struct js_warnings *warnings, const char *bytes,
                      size_t len);

/* The input has ended. */
void js_warnings_end(struct js_warnings *warnings);

#endif
