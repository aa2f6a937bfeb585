/*
 * relay - between the user and an mpirun whose rank 0 is on another host, where
 * it cannot be handed the launcher's own files.
 *
 * A list that is a stream goes to mpirun's standard input with a mark of its
 * end (base/input.h), so that rank 0 does not take the end of a killed mpirun,
 * or of a killed launcher, for that of the list. mpirun's standard output comes
 * here first, since mpirun keeps errors of it to itself.
 *
 * Owns both pipes and what is under way in them. Never waits but at the end.
 */
#ifndef JS_LAUNCH_RELAY_H
#define JS_LAUNCH_RELAY_H

#include "base/err.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

/* Descriptors to wait for, at most. */
enum { JS_RELAY_FDS = 4 };

struct js_relay;

/* `list`, borrowed: the stream; -1: there is none. NULL with *err. */
struct js_relay *js_relay_new(int list, struct js_err *err);
void js_relay_free(struct js_relay *relay); /* NULL allowed; keeps errno */

/* mpirun's standard input and output; and when it has been started with them.
 */
int js_relay_input(const struct js_relay *relay);
int js_relay_output(const struct js_relay *relay);
void js_relay_begin(struct js_relay *relay);

/* Fills in JS_RELAY_FDS of them; some may be -1. */
void js_relay_fds(const struct js_relay *relay, struct pollfd *fds);

/* Brings on what can be. */
void js_relay_serve(struct js_relay *relay);

/* When mpirun has ended: waits until all of its output is written, `is_to_stop`
 * says so, or there is an error. */
void js_relay_end(struct js_relay *relay, bool (*is_to_stop)(void *arg),
                  void *arg);

/* How much of mpirun's standard output has been written. */
uint64_t js_relay_written(const struct js_relay *relay);

/* Why standard output takes nothing more (an errno); 0: it does. */
int js_relay_error(const struct js_relay *relay);

#endif
