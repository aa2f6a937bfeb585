/*
 * replay - how long jobs whose run times are known would have taken with
 * another number of slots.
 *
 * List scheduling on paper: whenever room is free, the first ready job that
 * fits starts. A job becomes ready as the list says, which is the graph's word,
 * as in a run; every job counts as one that succeeds. What a real run adds
 * (starting a process, pinning, memory, GPUs, priorities) is left out. Knows
 * nothing of journals.
 */
#ifndef JS_SCHED_REPLAY_H
#define JS_SCHED_REPLAY_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct js_replay_job {
    int64_t run_ns; /* less than 0: it has not run; it takes no time, no room */
    uint32_t cores; /* each of them a slot; 0 is 1 */
};

/* Strings and jobs are borrowed. */
struct js_replay {
    const char *list; /* the job list, which is read; NULL: no job waits */
    const struct js_replay_job *jobs; /* by seq - 1, in the order of the list */
    size_t count;                     /* jobs of the list beyond have not run */
};

/*
 * From the start of the first job to the end of the last. A job that is wider
 * than all slots runs alone. Returns 0, or -1 with *err: the list cannot be
 * read, or memory is out.
 */
int js_replay_span(const struct js_replay *replay, uint64_t slots,
                   int64_t *ret_ns, struct js_err *err);

#endif
