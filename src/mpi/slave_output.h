/*
 * slave_output - holds the output of a slave's jobs until the master has it.
 *
 * Owns the spool. It stores the output that was too large to travel with the
 * end of its job. Sends nothing.
 *
 *     a job ends --no more than the master allows--> its output is in the DONE
 *     a job ends --more--> spooled under its ticket --FETCH--> read in pieces
 *     spooled --FETCH of no bytes--> dropped
 */
#ifndef JS_MPI_SLAVE_OUTPUT_H
#define JS_MPI_SLAVE_OUTPUT_H

#include "base/buf.h"
#include "mpi/wire.h"
#include "node/spool.h"
#include "runner/runner.h"

#include <stdbool.h>
#include <stdint.h>

struct js_slave_output {
    struct js_spool *spool; /* owned; NULL before the SETUP */
    bool is_captured;       /* the runner passes on what jobs write */
    struct js_buf chunk;    /* a piece of output that was read */
};

/* Returns 0, or -1 with errno ENOMEM. A struct that is all zero may be
 * released. */
int js_slave_output_init(struct js_slave_output *output,
                         const struct js_settings *settings);
void js_slave_output_release(struct js_slave_output *output);

/*
 * Puts the output of an ended job into its DONE if it is no more than
 * `inline_max` bytes; else into the spool, under the ticket of the DONE. What
 * the DONE points to is valid until the next call here. Takes ownership of the
 * event's descriptors, also on failure. Returns 0, or -1 with errno ENOMEM.
 */
int js_slave_output_keep(struct js_slave_output *output, uint32_t inline_max,
                         struct js_runner_event *event,
                         struct js_wire_done *done);

/* Reads the bytes that the FETCH asks for; an error is reported in
 * ret->error. They are valid until the next call here. Returns 0, or -1 with
 * errno ENOMEM. */
int js_slave_output_read(struct js_slave_output *output,
                         const struct js_wire_fetch *fetch,
                         struct js_wire_output *ret);

#endif
