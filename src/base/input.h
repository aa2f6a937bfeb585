/*
 * input - reads a stream, and distinguishes its end from a break.
 *
 * Knows how the stream is fed, and how far it has been read. If a read finds
 * nothing more, either the feeder is done, or a process between the feeder and
 * this one was killed. In the second case the last data may be incomplete.
 *
 *     READING --nothing more comes--> ENDING --the end counts--> ENDED
 *                                        `--it does not--------> BROKEN
 *
 * Never waits. Does not change the file description, because other processes
 * may share it.
 */
#ifndef JS_BASE_INPUT_H
#define JS_BASE_INPUT_H

#include "base/buf.h"
#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct js_input_config {
    int fd; /* borrowed, blocking or not */

    /* A regular file whose file system may hang: a thread reads it, a little
     * ahead. Ignored for anything else. */
    bool is_hung_at_times;

    /* a process in between marks the end (js_input_mark_end()); without that
     * mark the stream has not ended */
    bool is_marked;

    /* True while the processes in between, which could break the stream off,
     * are alive. It is called when nothing more comes, until the end counts.
     * NULL: there are none. */
    bool (*is_intact)(void *arg);
    void *arg;

    /* How long to keep calling is_intact, and the least time for this if the
     * last line has no newline. */
    int64_t settle_ns, settle_cut_ns;
};

struct js_input_feeder;

/* Private; callers use the functions below. Invariants: ending_ns is set once,
 * when a read brought the end or its mark; is_broken never becomes false again.
 */
struct js_input {
    /* if there is one, fd is a pipe, which the input owns */
    struct js_input_config config;
    struct js_input_feeder *feeder; /* NULL: none */
    bool is_within_mark;            /* the first byte of a mark has arrived */
    bool has_end;                   /* the whole mark has arrived */
    bool is_broken;
    bool is_within_line;
    int64_t ending_ns; /* when the input ended; JS_NEVER_NS: not yet */
};

/* Returns NULL with errno on failure. */
struct js_input *js_input_new(const struct js_input_config *config);
void js_input_free(struct js_input *input); /* NULL is allowed; keeps errno */

/* Works like read(2). Returns how many bytes were read, 0 when the stream has
 * ENDED, or -1 with errno: EAGAIN if there is nothing now, ECONNABORTED once
 * the stream is BROKEN. */
ssize_t js_input_read(struct js_input *input, void *bytes, size_t len);

/* The descriptor to poll for POLLIN after EAGAIN. -1: try again after a
 * while. */
static inline int js_input_fd(const struct js_input *input)
{
    return input->ending_ns == JS_NEVER_NS ? input->config.fd : -1;
}

/* True if the last byte read was not a newline. */
static inline bool js_input_is_within_line(const struct js_input *input)
{
    return input->is_within_line;
}

/* For the process in between that marks the end: these append to `to` the bytes
 * that it must pass on. They return 0, or -1 with errno ENOMEM. */
int js_input_pass(struct js_buf *to, const void *bytes, size_t len);
int js_input_mark_end(struct js_buf *to);

#endif
