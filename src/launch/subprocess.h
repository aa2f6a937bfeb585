/*
 * subprocess - starts a program that must not outlive this one.
 */
#ifndef JS_LAUNCH_SUBPROCESS_H
#define JS_LAUNCH_SUBPROCESS_H

#include "base/argv.h"
#include "base/buf.h"

#include <sys/types.h>

enum {
    JS_SUBPROCESS_DEAF = 1, /* its standard input is empty */
    JS_SUBPROCESS_MUTE = 2, /* its output and its messages are discarded */
};

/*
 * Starts words->items[0], which is looked up in PATH, in its own process group,
 * so that a terminal's ^C reaches only this process. All signals have their
 * default actions. The child gets a SIGTERM when this process dies. The
 * descriptor `kept` stays open in it (-1: none). Returns the child's pid, or -1
 * with errno. If the program cannot be started, the child says so and exits
 * with 127.
 */
pid_t js_subprocess_start(const struct js_argv *words, int flags, int kept);

/* The same, with these descriptors as the child's standard input and output. */
pid_t js_subprocess_start_between(const struct js_argv *words, int in, int out,
                                  int kept);

/*
 * Runs the program to its end, and appends its standard output to *ret; its
 * standard error is discarded. Returns 0 if it ended with status 0 within half
 * a minute (it is then killed), else -1.
 */
int js_subprocess_output(const struct js_argv *words, struct js_buf *ret);

/* The same, but standard error is ours, and standard output is discarded. */
int js_subprocess_run(const struct js_argv *words);

#endif
