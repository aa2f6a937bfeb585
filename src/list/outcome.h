/*
 * outcome - how one attempt at a job ended.
 *
 * A plain value. It is made where the job ran and travels unchanged to the
 * records.
 */
#ifndef JS_LIST_OUTCOME_H
#define JS_LIST_OUTCOME_H

#include "base/buf.h"
#include "base/pack.h"

#include <stdbool.h>
#include <stdint.h>

/* The step at which a job could not be started; the numbers travel in
 * messages. */
enum js_step {
    JS_STEP_NONE = 0, /* it was started */
    JS_STEP_FORK,     /* no process to be had */
    JS_STEP_OUTPUT,   /* its output file could not be opened */
    JS_STEP_STDIN,
    JS_STEP_GROUP, /* its process group */
    JS_STEP_BIND,  /* its cores */
    JS_STEP_CHDIR,
    JS_STEP_EXEC,
    JS_STEP_COLLECT,  /* it ran, but its output is lost */
    JS_STEP_RUNNER,   /* the process that starts jobs, or the slave, was lost
                         while it ran; with an errno: before it was started */
    JS_STEP_LIMIT,    /* its limit of memory */
    JS_STEP_HOSTFILE, /* the file that names its hosts */
    JS_STEP_STDERR,   /* the file of its own for standard error */
    JS_STEP_COUNT
};

/* Why a job that was started ended; the numbers travel in messages. */
enum js_stop_reason {
    JS_STOP_REASON_NONE = 0, /* of itself, or by a signal from elsewhere */
    JS_STOP_REASON_TIMEOUT,  /* it ran longer than it may */
    JS_STOP_REASON_STOPPED,  /* the run wanted it to end: it is not finished */
    JS_STOP_REASON_MEMORY,   /* its node or cgroup ran out of memory */
    JS_STOP_REASON_COUNT
};

/* What becomes of a job's output; the numbers travel in messages. */
enum js_capture {
    JS_CAPTURE_SPOOL = 0, /* kept on its node until the master fetches it */
    JS_CAPTURE_DIR,       /* files in a folder */
    JS_CAPTURE_NONE,      /* /dev/null */
    JS_CAPTURE_COUNT
};

struct js_outcome {
    int64_t start_unix_ns; /* the clock of the host it ran on */
    int64_t run_ns;        /* from the start to the end of its process */
    int64_t user_cpu_ns;   /* of it and the children it waited for */
    int64_t system_cpu_ns;
    uint64_t max_rss_bytes; /* of the largest of these processes */
    uint64_t out_bytes;     /* on its standard output, as far as captured */
    uint64_t err_bytes;
    uint32_t exit_code; /* 0 to 255; 126 or 127 if it was not started */
    uint32_t signal;    /* that ended it, or 0 */
    uint32_t leftovers; /* processes that it left behind, and were ended */
    enum js_step step;  /* not NONE: it was not started, because of ... */
    int32_t step_errno; /* ... this */
    enum js_stop_reason cause;
};

/*
 * As part of a message (base/pack.h). Packing returns 0, or -1 with errno
 * ENOMEM; unpacking marks the cursor as bad for a value out of range.
 */
int js_outcome_pack(struct js_buf *buf, const struct js_outcome *outcome);
void js_outcome_unpack(struct js_cursor *cursor, struct js_outcome *ret);

/* True if the job ended with exit status 0 (and was not ended by us). */
bool js_outcome_succeeded(const struct js_outcome *outcome);

/* True if its slave, or the process that starts jobs there, was lost while it
 * ran: whether it has caused that is another question (sched/scheduler.h). */
bool js_outcome_is_loss(const struct js_outcome *outcome);

/* True if the job succeeded, and may not have had room for all that it wrote:
 * that is no fault of its own. */
bool js_outcome_is_cut(const struct js_outcome *outcome);

/* What a person can do about a step (a known one) that failed with this errno,
 * or NULL. */
const char *js_outcome_hint(enum js_step step, int error);

/*
 * Appends what to say to a person: "exit 3", "killed by SIGSEGV (signal 11)",
 * "could not be started: ... : what to do", "timed out after 10.0 s", "stopped
 * after 3.2 s", "killed for lack of memory". A timeout is never told as a
 * signal. `path` is the
 * file or folder of the step that failed; NULL: none is known. Returns 0, or -1
 * with errno ENOMEM.
 */
int js_outcome_describe(const struct js_outcome *outcome, const char *path,
                        struct js_buf *buf);

#endif
