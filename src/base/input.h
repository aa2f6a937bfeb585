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

struct js_inlet_config {
    int fd; /* borrowed, blocking or not */

    /* Somebody in between marks the end (js_inlet_mark_end); without that mark
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

struct js_inlet;

/* NULL with errno ENOMEM. */
struct js_inlet *js_inlet_new(const struct js_inlet_config *config);
void js_inlet_free(struct js_inlet *inlet); /* NULL allowed; keeps errno */

/* As read(2): how many bytes came, 0 when it has ENDED, or -1 with errno:
 * EAGAIN if there is nothing now, ECONNABORTED once it is BROKEN. */
ssize_t js_inlet_read(struct js_inlet *inlet, void *bytes, size_t len);

/* To poll for POLLIN after EAGAIN; -1: look again after a while. */
int js_inlet_fd(const struct js_inlet *inlet);

/* The last byte that came was not a newline. */
bool js_inlet_is_within_line(const struct js_inlet *inlet);

/* For who stands in between and marks the end. Append what is to be passed on
 * to `to`. 0, or -1 with errno ENOMEM. */
int js_inlet_pass(struct js_buf *to, const void *bytes, size_t len);
int js_inlet_mark_end(struct js_buf *to);

#endif
