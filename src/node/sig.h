/*
 * sig - the signals that ask a run to stop.
 *
 *     SIGUSR1, SIGUSR2          JS_REQUEST_DRAIN
 *     SIGTERM, SIGINT, SIGHUP   JS_REQUEST_HURRY, the second one
 *                               JS_REQUEST_NOW
 *     SIGALRM                   the same, for a launcher that hands it on, but
 *                               kills a quarter of a second after SIGTERM
 *     SIGCONT                   no more than a warning: Open MPI sends one
 *                               about a second before SIGTERM
 *
 * Handlers set flags; who waits is woken by the interruption, or looks every
 * few milliseconds. A signal that was ignored stays ignored (nohup).
 */
#ifndef JS_NODE_SIG_H
#define JS_NODE_SIG_H

#include "core/request.h"

#include <stdbool.h>

/* Catches them from now on; forgets what came before. */
void js_sig_catch(void);

/* As it was before js_sig_catch(). */
void js_sig_restore(void);

/* The strongest request so far. */
enum js_request js_sig_request(void);

/* The first signal that made the strongest request: "SIGTERM"; "" if none. */
const char *js_sig_name(void);

/* True once after each SIGCONT. */
bool js_sig_take_warning(void);

#endif
