/*
 * completion - a job that has ended, as the records see it.
 *
 * Three plain values: the last lines of what a job has written; what is known
 * of its end; and the counts of all of them in a run, with the sentences made
 * of them. Times are parameters.
 */
#ifndef JS_RECORD_COMPLETION_H
#define JS_RECORD_COMPLETION_H

#include "base/buf.h"
#include "list/job.h"
#include "list/outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---------------------------------------------------------------- the tail */

enum { JS_OUTPUT_TAIL_MAX = 512 };

struct js_output_tail {
    unsigned stream; /* 1: stdout, 2: stderr */
    bool is_cut;     /* something was in front of it */
    size_t len;
    char bytes[JS_OUTPUT_TAIL_MAX]; /* any */
};

/* The last lines of what a job has written; all zero, but for the stream, if
 * nothing is known yet. Begins it for an attempt with that outcome: from its
 * stderr or, if that is empty, its stdout. False if no tail is kept: the
 * attempt succeeded, or was stopped with the run. */
bool js_output_tail_begin(struct js_output_tail *tail,
                          const struct js_outcome *outcome);

/* Takes the next bytes of the stream; the last JS_OUTPUT_TAIL_MAX are kept. */
void js_output_tail_add(struct js_output_tail *tail, const char *bytes,
                        size_t len);

/* If something was cut off in front, makes the rest begin with a whole line or,
 * if there is no other, with a whole character. */
void js_output_tail_trim(struct js_output_tail *tail);

/* Reads the tail of a file, trimmed. False if it is no regular file of `size`
 * bytes, or cannot be read. */
bool js_output_tail_read(struct js_output_tail *tail, const char *path,
                         uint64_t size);

/* ---------------------------------------------------------------- one job */

/* What follows from an attempt. */
enum js_attempt_result {
    JS_ATTEMPT_RESULT_ENDED = 0, /* as the outcome says, for good */
    JS_ATTEMPT_RESULT_RETRIED,   /* it failed and runs again */
    JS_ATTEMPT_RESULT_SKIPPED,   /* it never ran: a job before it failed */
};

/* It owns `job` only where a function says so. */
struct js_completion {
    struct js_job *job;
    struct js_outcome outcome;
    enum js_attempt_result result;
    uint64_t parent; /* of a skipped job: the job that failed or was skipped, as
                        the graph calls it */
    unsigned slave;  /* 0 of a skipped job, whose host is "" */
    uint32_t cores;
    const char *host; /* borrowed, lives as long as the run */
    /* What a failed attempt has written; NULL: unknown. Borrowed; valid only
     * during the call that gets the completion. */
    const struct js_output_tail *tail;
};

/* ---------------------------------------------------------------- all jobs */

struct js_summary {
    uint64_t done; /* succeeded */
    uint64_t failed;
    uint64_t skipped;
    uint64_t stopped;   /* we ended them early: they are left, not failed */
    uint64_t retried;   /* attempts that failed or were lost, and run again */
    uint64_t leftovers; /* processes that jobs left behind, and were ended */
    int64_t busy_ns;    /* run times of all attempts together */
};

/* Counts the job; if it will run again, only its time. */
void js_summary_add(struct js_summary *summary,
                    const struct js_completion *completion);

/*
 * Appends a sentence for a person about a job that failed or was skipped:
 *     job 7 "mesh" (line 9) failed on n1: exit 3: ./solve.sh 7
 *     job 7 (line 9) failed on n1, attempt 1: exit 3; it runs again: ./solve.sh
 *     job 8 (line 10) skipped: after mesh, which failed with exit 3
 * with the command escaped and cut to a readable length; `reason` is "after
 * mesh, which ..." or NULL. 0, or -1 and errno ENOMEM.
 */
int js_summary_describe(const struct js_completion *completion,
                        const char *reason, struct js_buf *buf);

/* Appends what that sentence calls the job: job 7 "mesh" (line 9). 0, or -1
 * and errno ENOMEM. */
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
