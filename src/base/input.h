/*
 * inlet - reads what somebody feeds, and tells its end from a break.
 *
 * Owns: how the stream comes here, and how far it has come. A read that finds
 * nothing more may mean that the feeder has said all, or that a process between
 * it and here was killed: then what was last read may be a part of something.
 *
 *     READING --nothing more comes--> ENDING --the end counts--> ENDED
 *                                        `--or not-------------> BROKEN
 *
 * Never waits, and leaves the description as it is, which others may share.
 */
#ifndef JS_BASE_INPUT_H
#define JS_BASE_INPUT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct js_input_config {
    int fd; /* borrowed, blocking or not */

    /* Somebody in between marks the end (js_input_mark_end); without that mark
     * there is none. */
    bool is_marked;

    /* True while those are there that stand in between and could break off;
     * NULL: there are none. Asked when nothing more comes, and until the end
     * counts. */
    bool (*is_intact)(void *arg);
    void *arg;

    /* For so long it is asked, and for so long at least where the last line has
     * no newline. */
    int64_t settle_ns, settle_cut_ns;
};

struct js_input;

/* NULL with errno ENOMEM. */
struct js_input *js_input_new(const struct js_input_config *config);
void js_input_free(struct js_input *inlet); /* NULL allowed; keeps errno */

/* As read(2): how many bytes came, 0 when it has ENDED, or -1 with errno:
 * EAGAIN if there is nothing now, ECONNABORTED once it is BROKEN. */
ssize_t js_input_read(struct js_input *inlet, void *bytes, size_t len);

/* To poll for POLLIN after EAGAIN; -1: look again after a while. */
int js_input_fd(const struct js_input *inlet);

/* The last byte that came was not a newline. */
bool js_input_is_within_line(const struct js_input *inlet);

/* For who stands in between and marks the end. Append what is to be passed on
 * to `to`. 0, or -1 with errno ENOMEM. */
int js_input_pass(struct js_buf *to, const void *bytes, size_t len);
int js_input_mark_end(struct js_buf *to);

#endif
