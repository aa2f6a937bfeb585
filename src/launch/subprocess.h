/*
 * child - starts a program that is not to outlive this one.
 */
#ifndef JS_LAUNCH_SUBPROCESS_H
#define JS_LAUNCH_SUBPROCESS_H

#include "base/argv.h"
#include "base/buf.h"

#include <sys/types.h>

enum {
    JS_SUBPROCESS_DEAF = 1, /* its standard input is empty */
    JS_SUBPROCESS_MUTE = 2, /* what it says goes nowhere */
};

/*
 * Starts words->items[0], looked for in PATH, in a process group of its own, so
 * that a terminal's ^C is for this process alone; all signals are as a program
 * expects them. It gets a SIGTERM when this process dies, and the descriptor
 * `kept` stays open in it (-1: none). Returns its pid, or -1 with errno; a
 * program that cannot be started says so and ends with 127.
 */
pid_t js_subprocess_start(const struct js_argv *words, int flags, int kept);

/* The same, with these descriptors as its standard input and output. */
pid_t js_subprocess_start_between(const struct js_argv *words, int in, int out,
                                  int kept);

/*
 * Runs it to its end, and appends to *ret what it writes to its standard
 * output; what it complains of goes nowhere. Returns 0 if it ended with status
 * 0 within half a minute (after that it is killed), else -1.
 */
int js_subprocess_output(const struct js_argv *words, struct js_buf *ret);

/* The same, but what it complains of goes to our standard error. */
int js_subprocess_run(const struct js_argv *words);

#endif
