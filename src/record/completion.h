/*
 * completion - what is recorded about a job that has ended.
 *
 * It has three plain types: the last lines of a job's output; the facts about
 * its end; and the counts of all jobs in a run, with the sentences made of
 * these counts. Times are parameters.
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
    bool is_cut;     /* there was more output before it */
    size_t len;
    char bytes[JS_OUTPUT_TAIL_MAX]; /* any */
};

/* Begins the tail, the last lines of output, of an attempt with this outcome.
 * The tail is taken from stderr or, if that is empty, from stdout; apart from
 * the stream it is all zero at first. Returns false if no tail is kept, because
 * the attempt succeeded or was stopped with the run. */
bool js_output_tail_begin(struct js_output_tail *tail,
                          const struct js_outcome *outcome);

/* Adds the next bytes of the stream; the last JS_OUTPUT_TAIL_MAX are kept. */
void js_output_tail_add(struct js_output_tail *tail, const char *bytes,
                        size_t len);

/* If earlier output was cut off, makes the tail begin with a whole line or, if
 * it has only one, with a whole character. */
void js_output_tail_trim(struct js_output_tail *tail);

/* Reads the tail of a file and trims it. Returns false if the file is not a
 * regular file of `size` bytes, or cannot be read. */
bool js_output_tail_read(struct js_output_tail *tail, const char *path,
                         uint64_t size);

/* ---------------------------------------------------------------- one job */

/* The consequence of an attempt. */
enum js_attempt_result {
    JS_ATTEMPT_RESULT_ENDED = 0, /* it ended for good, as the outcome says */
    JS_ATTEMPT_RESULT_RETRIED,   /* it failed and runs again */
    JS_ATTEMPT_RESULT_SKIPPED,   /* it never ran: a job before it failed */
};

/* A completion owns `job` only where a function says so. */
struct js_completion {
    struct js_job *job;
    struct js_outcome outcome;
    enum js_attempt_result result;
    uint64_t parent; /* for a skipped job, the graph's number of the job that
                        failed or was skipped */
    unsigned slave;  /* 0 for a skipped job, whose host is "" */
    uint32_t cores;
    const char *host; /* borrowed, lives as long as the run */
    /* The tail of a failed attempt's output; NULL: unknown. Borrowed; valid
     * only during the call that gets the completion. */
    const struct js_output_tail *tail;
};

/* ---------------------------------------------------------------- all jobs */

struct js_summary {
    uint64_t done; /* succeeded */
    uint64_t failed;
    uint64_t skipped;
    uint64_t stopped;   /* we ended them early: they count as left */
    uint64_t retried;   /* attempts that failed or were lost, and run again */
    uint64_t leftovers; /* processes left behind by jobs and then ended */
    int64_t busy_ns;    /* run times of all attempts together */
};

/* Counts the job or, if it will run again, only its time. */
void js_summary_add(struct js_summary *summary,
                    const struct js_completion *completion);

/*
 * Appends a sentence for a person about a job that failed or was skipped:
 *     job 7 "mesh" (line 9) failed on n1: exit 3: ./solve.sh 7
 *     job 7 (line 9) failed on n1, attempt 1: exit 3; it runs again: ./solve.sh
 *     job 8 (line 10) skipped: after mesh, which failed with exit 3
 * with the command escaped and cut to a readable length; `reason` is "after
 * mesh, which ..." or NULL. Returns 0, or -1 with errno ENOMEM.
 */
int js_summary_describe(const struct js_completion *completion,
                        const char *reason, struct js_buf *buf);

/* Appends the job as that sentence names it: job 7 "mesh" (line 9). Returns 0,
 * or -1 with errno ENOMEM. */
int js_summary_who(const struct js_job *job, struct js_buf *buf);

/* Appends what follows "which": "failed with exit 3", "was killed by SIGSEGV
 * (signal 11)". Returns 0, or -1 with errno ENOMEM. */
int js_summary_mishap(const struct js_completion *completion,
                      struct js_buf *buf);

/*
 * Appends the summary of a run:
 *     30 jobs: 28 done, 2 failed, 0 skipped, 0 left; 15.0 s, 2 slots 99 % busy
 * with "(3 attempts failed and were run again)" after the counts, and "; 2
 * processes that jobs left behind were ended" at the end, if there were any.
 * `left` is how many jobs were not run, or UINT64_MAX if that is unknown.
 * Returns 0, or -1 with errno ENOMEM.
 */
int js_summary_text(const struct js_summary *summary, uint64_t left,
                    int64_t wall_ns, uint64_t slots, struct js_buf *buf);

/* Returns the part of slots x wall_ns that was busy, from 0 to 1. */
double js_summary_busy(const struct js_summary *summary, int64_t wall_ns,
                       uint64_t slots);

#endif
