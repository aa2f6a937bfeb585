/*
 * slave_output - what the jobs of a slave have written, until the master has
 * it.
 *
 * Owns the spool, where output lies that was too much to travel with the end of
 * its job. Sends nothing.
 *
 *     a job ends --no more than the master allows--> its bytes are in the DONE
 *     a job ends --more--> spooled under its ticket --FETCH...--> read in
 * pieces spooled --FETCH of no bytes--> dropped
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
    bool is_captured;       /* the runner hands over what jobs write */
    struct js_buf chunk;    /* output being read */
};

/* 0, or -1 with errno ENOMEM. One that is all zero may be released. */
int js_slave_output_init(struct js_slave_output *output,
                         const struct js_settings *settings);
void js_slave_output_release(struct js_slave_output *output);

/*
 * Puts the output of an ended job into its DONE if it is no more than
 * `inline_max` bytes, else into the spool, under the ticket of the DONE. What
 * the DONE points to is valid until the next call here. Takes over the event's
 * descriptors, also on failure. 0, or -1 with errno ENOMEM.
 */
int js_slave_output_keep(struct js_slave_output *output, uint32_t inline_max,
                         struct js_runner_event *event,
                         struct js_wire_done *done);

/* The bytes that the FETCH asks for; a failed read is in ret->error. Valid
 * until the next call here. 0, or -1 with errno ENOMEM. */
int js_slave_output_read(struct js_slave_output *output,
                         const struct js_wire_fetch *fetch,
                         struct js_wire_output *ret);

#endif
