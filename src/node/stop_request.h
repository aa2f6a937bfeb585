/*
 * request - what somebody outside wants of the run: a signal, a time limit.
 */
#ifndef JS_NODE_STOP_REQUEST_H
#define JS_NODE_STOP_REQUEST_H

#include <stdint.h>

/* Each wants more than the one before. */
enum js_stop_request {
    JS_STOP_REQUEST_NONE = 0,
    JS_STOP_REQUEST_DRAIN, /* start no more, let end what runs */
    JS_STOP_REQUEST_END,   /* end what runs, with the full grace period */
    JS_STOP_REQUEST_HURRY, /* the same within JS_STOP_HURRY_NS: then we may be
                              killed */
    JS_STOP_REQUEST_NOW,   /* without any grace */
};

/* From the first word that a run is to stop to the end of its last record. Open
 * MPI kills its ranks a second after a SIGTERM. */
#define JS_STOP_HURRY_NS INT64_C(900000000)

/* Of it, what a job has between SIGTERM and SIGKILL, at most. */
#define JS_STOP_HURRY_GRACE_NS INT64_C(500000000)

#endif
