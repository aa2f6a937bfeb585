/*
 * relay - stands between the user and an mpirun whose rank 0 is on another
 * host, where it cannot use the launcher's own files.
 *
 * A list that is a stream is written to mpirun's standard input with an end
 * mark (base/input.h). Thanks to this mark, rank 0 does not mistake the end of
 * a killed mpirun, or of a killed launcher, for the end of the list. mpirun's
 * standard output is read here first, because mpirun does not report write
 * errors.
 *
 * Owns both pipes and the data on its way through them. Only js_relay_end()
 * waits.
 */
#ifndef JS_LAUNCH_RELAY_H
#define JS_LAUNCH_RELAY_H

#include "base/err.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

/* The number of descriptors to wait for. */
enum { JS_RELAY_FDS = 4 };

struct js_relay;

/* `list` is the stream, borrowed; -1: there is none. Returns NULL with *err on
 * failure. */
struct js_relay *js_relay_new(int list, struct js_err *err);
void js_relay_free(struct js_relay *relay); /* NULL allowed; keeps errno */

/* The descriptors for mpirun's standard input and output. js_relay_begin() must
 * be called after mpirun has been started with them. */
void js_relay_ends(const struct js_relay *relay, int *ret_in, int *ret_out);
void js_relay_begin(struct js_relay *relay);

/* Fills in JS_RELAY_FDS descriptors; some may be -1. */
void js_relay_fds(const struct js_relay *relay, struct pollfd *fds);

/* Passes on all data that can be passed on without waiting. */
void js_relay_serve(struct js_relay *relay);

/* Must be called when mpirun has ended. Waits until all of its output is
 * written, `is_to_stop` returns true, or an error occurs. */
void js_relay_end(struct js_relay *relay, bool (*is_to_stop)(void *arg),
                  void *arg);

/* Returns how many bytes of mpirun's standard output have been written. */
uint64_t js_relay_written(const struct js_relay *relay);

/* Returns the errno for which standard output accepts no more data; 0: it still
 * accepts data. */
int js_relay_error(const struct js_relay *relay);

#endif
