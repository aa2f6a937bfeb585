/*
 * finish - what the records need to know of a job that has ended.
 *
 * A plain value; it owns `job` only where that is said.
 */
#ifndef JS_RECORD_COMPLETION_H
#define JS_RECORD_COMPLETION_H

#include "list/job.h"
#include "list/outcome.h"
#include "record/output_tail.h"

/* What follows from an attempt. */
enum js_fate {
    JS_FATE_ENDED = 0, /* as the outcome says, for good */
    JS_FATE_RETRIED,   /* it failed and runs again */
    JS_FATE_SKIPPED,   /* it never ran: what it comes after failed */
};

struct js_finish {
    struct js_job *job;
    struct js_outcome outcome;
    enum js_fate fate;
    uint64_t parent; /* of a skipped job: the job that failed or was skipped, as
                        the graph calls it */
    unsigned slave;  /* 0 of a skipped job, whose host is "" */
    uint32_t cores;
    const char *host;           /* borrowed, lives as long as the run */
    const struct js_tail *tail; /* of what a failed attempt has written; NULL:
                                   not known. Borrowed, gone when the one who
                                   was told returns */
};

#endif
