/*
 * summary - counts of a run, and the sentences made of them.
 *
 * Owns counters only. Times are parameters.
 */
#ifndef JS_RECORD_SUMMARY_H
#define JS_RECORD_SUMMARY_H

#include "base/buf.h"
#include "record/completion.h"

#include <stdint.h>

struct js_summary {
    uint64_t done; /* succeeded */
    uint64_t failed;
    uint64_t skipped;
    uint64_t stopped;   /* ended before their end: they are left, not failed */
    uint64_t retried;   /* attempts that failed or were lost, and run again */
    uint64_t leftovers; /* processes that jobs left behind, and were ended */
    int64_t busy_ns;    /* run times of all attempts together */
};

/* Counts the job; of one that will run again only its time. */
void js_summary_add(struct js_summary *summary,
                    const struct js_completion *completion);

/*
 * Appends what to tell a person about a job that failed or was skipped:
 *     job 7 "mesh" (line 9) failed on n1: exit 3: ./solve.sh 7
 *     job 7 (line 9) failed on n1, attempt 1: exit 3; it runs again: ./solve.sh
 *     job 8 (line 10) skipped: after mesh, which failed with exit 3
 * with the command escaped and cut to a readable length; `reason` is "after
 * mesh, which ..." or NULL. 0, or -1 and errno ENOMEM.
 */
int js_summary_describe(const struct js_completion *completion,
                        const char *reason, struct js_buf *buf);

/* Appends how that sentence calls the job: job 7 "mesh" (line 9). 0, or -1 and
 * errno ENOMEM. */
int js_summary_who(const struct js_job *job, struct js_buf *buf);

/* Appends what follows "which": "failed with exit 3", "was killed by SIGSEGV
 * (signal 11)". 0, or -1 and errno ENOMEM. */
int js_summary_mishap(const struct js_completion *completion,
                      struct js_buf *buf);

/*
 * Appends the summary of a run:
 *     30 jobs: 28 done, 2 failed, 0 skipped, 0 left; 15.0 s, 2 slots 99 % busy
 * with "(3 attempts failed and were run again)" behind the counts, and "; 2
 * processes that jobs left behind were ended" at the end, if there were any.
 * `left` is how many jobs were not run, UINT64_MAX if unknown. 0, or -1 and
 * errno ENOMEM.
 */
int js_summary_text(const struct js_summary *summary, uint64_t left,
                    int64_t wall_ns, uint64_t slots, struct js_buf *buf);

/* The part of slots x wall_ns that was busy, from 0 to 1. */
double js_summary_busy(const struct js_summary *summary, int64_t wall_ns,
                       uint64_t slots);

#endif
