/*
 * progress - how far a run has come, as text.
 *
 * Counts and times in, one line out; no terminal, no clock.
 */
#ifndef JS_RECORD_PROGRESS_H
#define JS_RECORD_PROGRESS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct js_progress {
    uint64_t done;    /* succeeded */
    uint64_t failed;  /* for good */
    uint64_t skipped; /* what they depended on failed */
    uint64_t running;
    uint64_t left; /* neither of the first three; UINT64_MAX: unknown */
    uint64_t busy_slots, slots;
    bool is_stopping;   /* no more are started */
    double rate;        /* jobs a second; 0: unknown */
    int64_t left_ns;    /* until all have ended; -1: unknown */
    int64_t elapsed_ns; /* since the first began */
};

/*
 * Appends a line, without a newline, of at most `width` columns:
 *
 *     [######........] 41% 412/1000, 3 failed, about 45 s to go, 2 running,
 *     13.1 jobs/s, 588 left, 409 done, 2 of 2 slots busy, 1 skipped, 1:23
 *
 * (here broken in two). 412 jobs have ended, one way or another. What does not
 * fit falls away from the end, the bar before what is right of the time to go.
 * In 20 columns there is "41% 412/1000" at least, if the numbers have seven
 * digits; in less there may be "41%", or nothing. What is unknown or nought is
 * left out. Colours take no columns. 0, or -1 with errno ENOMEM.
 */
int js_progress_bar(const struct js_progress *progress, unsigned width,
                    bool has_colour, struct js_buf *buf);

/*
 * Appends the same as a sentence:
 *
 *     409 of 1000 jobs done, 3 failed, 2 running; 13.1 jobs/s, about 45 s to go
 *
 * 0, or -1 with errno ENOMEM.
 */
int js_progress_sentence(const struct js_progress *progress,
                         struct js_buf *buf);

#endif
