/*
 * finish - what the records need to know of a job that has ended.
 *
 * A plain value; it owns `job` only where that is said.
 */
#ifndef JS_RECORD_FINISH_H
#define JS_RECORD_FINISH_H

#include "core/job.h"
#include "core/outcome.h"

struct js_finish {
    struct js_job *job;
    struct js_outcome outcome;
    unsigned slave;
    uint32_t cores;
    const char *host; /* borrowed, lives as long as the run */
};

#endif
