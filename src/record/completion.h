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
enum js_attempt_result {
    JS_ATTEMPT_RESULT_ENDED = 0, /* as the outcome says, for good */
    JS_ATTEMPT_RESULT_RETRIED,   /* it failed and runs again */
    JS_ATTEMPT_RESULT_SKIPPED,   /* it never ran: what it comes after failed */
};

struct js_completion {
    struct js_job *job;
    struct js_outcome outcome;
    enum js_attempt_result fate;
    uint64_t parent; /* of a skipped job: the job that failed or was skipped, as
                        the graph calls it */
    unsigned slave;  /* 0 of a skipped job, whose host is "" */
    uint32_t cores;
    const char *host;                  /* borrowed, lives as long as the run */
    const struct js_output_tail *tail; /* of what a failed attempt has written;
                                   NULL: not known. Borrowed, gone when the one
                                   who was told returns */
};

#endif
