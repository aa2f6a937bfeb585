/*
 * console - lines for a person, between the output of the jobs.
 *
 * Owns: lines that could not be written yet because the output of a job was
 * just being written: a line never appears within it. Lines keep their order.
 * Their number is not bounded here: what makes a line is bounded elsewhere.
 */
#ifndef JS_RECORD_CONSOLE_H
#define JS_RECORD_CONSOLE_H

#include "base/buf.h"
#include "base/log.h"
#include "base/outq.h"

#include <stdbool.h>
#include <stddef.h>

struct js_console {
    struct js_outq *out, *err; /* borrowed */
    struct js_buf out_held, err_held;
    struct js_log log; /* lines to err, with "jobsched: " */
};

/* The console must not move while its log is in use. */
void js_console_init(struct js_console *console, struct js_outq *out,
                     struct js_outq *err);
void js_console_release(struct js_console *console); /* drops what is held */

/* Adds a line to stdout, as it is; without memory it is dropped. */
void js_console_trace(struct js_console *console, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes the held lines. Call it when no job's output is half written. */
void js_console_flush(struct js_console *console);

/* Ends a line that a job has left open on stderr, for others to write there. */
void js_console_end_line(struct js_console *console);

/* Bytes held, and bytes in both output queues that their readers have not
 * taken. */
size_t js_console_unwritten(const struct js_console *console);

#endif
