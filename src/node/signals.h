/*
 * signals - requests to stop the run that arrive as signals.
 *
 *     SIGUSR1, SIGUSR2          JS_STOP_REQUEST_DRAIN
 *     SIGTERM, SIGINT, SIGHUP   JS_STOP_REQUEST_HURRY; the second one
 *                               JS_STOP_REQUEST_NOW
 *     SIGALRM                   the same, for a launcher that passes it on, but
 *                               kills a quarter of a second after SIGTERM
 *     SIGCONT                   only a warning: Open MPI sends one
 *                               about a second before SIGTERM
 *
 * Handlers set flags; a wait is interrupted by the signal, or checks the flags
 * every few milliseconds. A signal that was ignored stays ignored (nohup).
 *
 * A launcher of our own receives the signals in place of its ranks, and passes
 * on their numbers (base/lifeline.h). It kills no process before the run has
 * ended in its own time, so a number asks for less than the signal does:
 *
 *     SIGUSR1, SIGUSR2          JS_STOP_REQUEST_DRAIN
 *     SIGINT                    the same; the second one JS_STOP_REQUEST_END,
 *                               the third one JS_STOP_REQUEST_NOW
 *     SIGTERM, SIGHUP, SIGPIPE  JS_STOP_REQUEST_END, however many come
 *     SIGALRM                   JS_STOP_REQUEST_HURRY: a batch system waits no
 *                               longer
 *     SIGKILL                   the same: the launcher has gone
 *     SIGTSTP, SIGCONT          the run must pause, and go on
 */
#ifndef JS_NODE_SIGNALS_H
#define JS_NODE_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

/* Each asks for more than the one before. */
enum js_stop_request {
    JS_STOP_REQUEST_NONE = 0,
    JS_STOP_REQUEST_DRAIN, /* start no more jobs, let running ones end */
    JS_STOP_REQUEST_END,   /* end running jobs, with the full grace period */
    JS_STOP_REQUEST_HURRY, /* the same within JS_STOP_HURRY_NS: after that we
                              may be killed */
    JS_STOP_REQUEST_NOW,   /* end running jobs without a grace period */
};

/* The time from the first request to stop a run to the end of its last record.
 * Open MPI kills its ranks a second after a SIGTERM. */
#define JS_STOP_HURRY_NS INT64_C(900000000)

/* The part of it that a job has between SIGTERM and SIGKILL, at most. */
#define JS_STOP_HURRY_GRACE_NS INT64_C(500000000)

/* Catches these signals from now on, and forgets earlier ones. */
void js_signals_catch(void);

/* Restores the signal handling from before js_signals_catch(). */
void js_signals_restore(void);

/* Returns the strongest request so far. */
enum js_stop_request js_signals_request(void);

/* Returns the name of the first signal that made the strongest request, such as
 * "SIGTERM", or "" if there was none. */
const char *js_signals_name(void);

/* True once after each SIGCONT. */
bool js_signals_take_warning(void);

/* The signals that a launcher has passed on so far. All zero means none. */
struct js_signals_passed {
    enum js_stop_request stop_request; /* the strongest */
    int signal;                        /* the first that made this request */
    unsigned interrupts;
    bool is_hurried; /* the sender will soon kill the run */
    bool is_paused;
};

void js_signals_pass(struct js_signals_passed *passed, int signal);

/* Returns what stops the run, in words: "SIGTERM", "^C"; "" if nothing does. It
 * names the stronger of the signals caught here and those passed on. */
const char *js_signals_reason(const struct js_signals_passed *passed);

#endif
