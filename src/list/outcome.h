/*
 * outcome - how one attempt at a job ended.
 *
 * A plain value. It is created where the job ran, and reaches the recorder
 * unchanged.
 */
#ifndef JS_LIST_OUTCOME_H
#define JS_LIST_OUTCOME_H

#include "base/buf.h"
#include "base/pack.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

/* The step at which the start of a job failed, or what went wrong outside the
 * job's process later on (COLLECT, RUNNER). Messages and the journal contain
 * these numbers. */
enum js_step {
    JS_STEP_NONE = 0, /* no step failed: the job was started */
    JS_STEP_FORK,     /* no process could be created */
    JS_STEP_OUTPUT,   /* its output file could not be opened */
    JS_STEP_STDIN,
    JS_STEP_GROUP, /* its process group could not be created */
    JS_STEP_BIND,  /* it could not be bound to its cores */
    JS_STEP_CHDIR,
    JS_STEP_EXEC,
    JS_STEP_COLLECT,  /* it ran, but its output is lost */
    JS_STEP_RUNNER,   /* the process that starts jobs, or the slave, was lost
                         while the job ran; with an errno: before the job was
                         started */
    JS_STEP_LIMIT,    /* its memory limit could not be set */
    JS_STEP_HOSTFILE, /* the file with the names of its hosts could not be
                         written */
    JS_STEP_STDERR,   /* its own file for standard error could not be opened */
    JS_STEP_COUNT
};

/* The reason why a job that was started ended. Messages and the journal contain
 * these numbers. */
enum js_stop_reason {
    JS_STOP_REASON_NONE = 0, /* it ended by itself, or by a signal from
                                elsewhere */
    JS_STOP_REASON_TIMEOUT,  /* it exceeded its timeout */
    JS_STOP_REASON_STOPPED,  /* the run stopped it: it is not finished */
    JS_STOP_REASON_MEMORY,   /* its node or its cgroup ran out of memory */
    JS_STOP_REASON_COUNT
};

/* The destination of a job's output. Messages contain these numbers. */
enum js_capture {
    JS_CAPTURE_SPOOL = 0, /* kept on its node until the master fetches it */
    JS_CAPTURE_DIR,       /* it goes to files in a folder */
    JS_CAPTURE_NONE,      /* it goes to /dev/null */
    JS_CAPTURE_COUNT
};

struct js_outcome {
    int64_t start_unix_ns; /* by the clock of the host it ran on */
    int64_t run_ns;        /* from the start to the end of its process */
    int64_t user_cpu_ns; /* of the job's process and the children that it waited
                            for */
    int64_t system_cpu_ns;
    uint64_t max_rss_bytes; /* of the largest of these processes */
    uint64_t out_bytes;     /* on its standard output, as far as captured */
    uint64_t err_bytes;
    uint32_t exit_code; /* 0 to 255; 126 or 127 if it was not started */
    uint32_t signal;    /* the signal that ended it, or 0 */
    uint32_t leftovers; /* processes that the job left behind, and that were
                           ended */
    enum js_step step;  /* if not NONE, the step that failed; then the job was
                           not started, except with COLLECT, and with RUNNER
                           without an errno */
    int32_t step_errno; /* the errno of that step */
    enum js_stop_reason cause;
};

/*
 * The outcome as part of a message (base/pack.h). Packing returns 0, or -1 with
 * errno ENOMEM. Unpacking marks the cursor as bad if a value is out of range.
 */
int js_outcome_pack(struct js_buf *buf, const struct js_outcome *outcome);
void js_outcome_unpack(struct js_cursor *cursor, struct js_outcome *ret);

/* True if the job ended with exit status 0 and jobsched did not end it. */
static inline bool js_outcome_succeeded(const struct js_outcome *outcome)
{
    return outcome->step == JS_STEP_NONE &&
           outcome->cause == JS_STOP_REASON_NONE && outcome->signal == 0 &&
           outcome->exit_code == 0;
}

/* True if the slave, or the process that starts jobs there, was lost while the
 * job ran. This does not say whether the job caused the loss
 * (sched/scheduler.h). */
static inline bool js_outcome_is_loss(const struct js_outcome *outcome)
{
    return outcome->step == JS_STEP_RUNNER && outcome->step_errno == 0;
}

/* True if the job succeeded, but there may not have been room for all of its
 * output. This is not the fault of the job. */
static inline bool js_outcome_is_cut(const struct js_outcome *outcome)
{
    return outcome->step == JS_STEP_COLLECT && outcome->step_errno == ENOSPC;
}

/* Returns advice for the user on a step that failed with this errno, or NULL if
 * there is none. */
const char *js_outcome_hint(enum js_step step, int error);

/*
 * Appends a description for the user: "exit 3", "killed by SIGSEGV (signal
 * 11)", "could not be started: ... : what to do", "timed out after 10.0 s",
 * "stopped after 3.2 s", "killed for lack of memory". A timeout is never
 * described as a signal. `path` is the file or folder of the step that failed,
 * or NULL if none is known. Returns 0, or -1 with errno ENOMEM.
 */
int js_outcome_describe(const struct js_outcome *outcome, const char *path,
                        struct js_buf *buf);

#endif
