/*
 * runner - the small process beside a slave that starts and watches its jobs.
 *
 * The rank forks the runner before MPI_Init, and forks another if the runner is
 * lost. The runner has its own session and no MPI; of the rank's descriptors it
 * keeps only its end of a socket. It is a child subreaper. There are two
 * processes instead of one because
 *  - a hung exec, a fork from a big process or a stopped rank then blocks
 *    nothing else;
 *  - if either of them dies, the other ends every job and every descendant of a
 *    job: the runner when its socket closes, the rank in js_runner_next(). So
 *    the rank must have no other children.
 *
 * This header is the rank's end. No call waits, unless its comment says so.
 *
 *     STARTED --configure--> CONFIGURED --run/ended ...--> STOPPED
 *     any --the runner dies--> LOST --restart--> STARTED
 *
 * What happens to a job in the runner:
 *  - The job's stdin is /dev/null, and its stdout and stderr are as the
 *    configuration says. It has its own process group and the default action
 *    for every signal, and is bound to its slot's CPUs. JOBSCHED_JOB_ID,
 *    _JOB_NAME, _ATTEMPT, _SLAVE, _SLOT, _NODE, _CORES, _CPUS, _RUN and, within
 *    a job of another run, _WITHIN are set, and OMP_NUM_THREADS too, unless the
 *    environment has it.
 *  - If a process cannot be created for a temporary reason (EAGAIN, ENOMEM,
 *    EMFILE, ENFILE), or an output file cannot (also ENOSPC), the runner tries
 *    again, at intervals from 10 ms up to 1 s, for at most retry_ns, and sends
 *    one note about it. Only then has the job failed.
 *  - If output_dir or tmpdir was there at the configuration and is gone, it is
 *    created again, with a note. If it cannot be created, the job waits until
 *    it is there, with one note for all jobs, or until the job is ended. Named
 *    output that was removed with its folder while a job ran is written again
 *    when the job ends.
 *  - The job's details apply. It runs in `dir` (relative to cwd). stdin, stdout
 *    and stderr are files, relative to that folder; the latter two are created
 *    or emptied (if both have the same path, it is opened once). The variables
 *    of env are set; the last of a name wins, over everything but the JOBSCHED_
 *    variables. If the folder or a file cannot be opened, the job has failed
 *    (JS_STEP_CHDIR, _STDIN, _OUTPUT).
 *  - For a job on several hosts, JOBSCHED_NODELIST is set, and
 *    JOBSCHED_HOSTFILE: a file in tmpdir (runner/job_io.h) with `cores` slots
 *    for each host, which is there until the job has ended.
 *  - For a job with GPUs, CUDA_VISIBLE_DEVICES and ROCR_VISIBLE_DEVICES are
 *    set, and CUDA_DEVICE_ORDER=PCI_BUS_ID unless the environment has it.
 *  - A job that exceeds its timeout gets SIGTERM (its whole group) and,
 *    grace_ns later, SIGKILL. It is reported with JS_STOP_REASON_TIMEOUT,
 *    however it ended.
 *  - If a job was killed by a SIGKILL that is not ours (also exit 137) while
 *    the count of out-of-memory kills of its cgroup grew, it is reported with
 *    JS_STOP_REASON_MEMORY.
 *  - When the job's process has ended, all processes that it left behind (in
 *    its group or daemonised under it) get SIGTERM and, grace_ns later,
 *    SIGKILL. The job is reported as ended only when nothing is left. With one
 *    slot, every adopted child is a leftover of the job in that slot. With
 *    several, JOBSCHED_RUN, _JOB_ID and _ATTEMPT in the child's environment
 *    decide, or JOBSCHED_WITHIN if a job has run a jobsched. A child whose job
 *    is unknown is ended once all jobs have ended that were running when the
 *    child was first seen.
 *  - The job's usage is that of wait4(2): the job's process and all that it
 *    waited for.
 */
#ifndef JS_RUNNER_RUNNER_H
#define JS_RUNNER_RUNNER_H

#include "base/cpuset.h"
#include "base/err.h"
#include "list/job.h"
#include "list/outcome.h"
#include "list/settings.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define JS_LEASE_EXTRA_NS (2 * INT64_C(1000000000))

struct js_runner;

struct js_runner_config {
    struct js_settings settings; /* tmpdir is not "" */
    const char *const *env;      /* for jobs: "NAME=value", NULL-terminated */
    const char *host;
    uint32_t slave;
    uint32_t slots;                    /* at least 1 */
    const struct js_cpuset *slot_cpus; /* the CPUs to which the job of each slot
                                          is bound; empty: not bound */
    int64_t retry_ns; /* how long a temporary shortage may last */
};

/* Stands for the slot that becomes free next. */
#define JS_RUNNER_SLOT_NEXT UINT32_MAX

struct js_runner_job {
    uint32_t slot;
    uint64_t id;
    uint32_t attempt;
    uint32_t cores;     /* the value of JOBSCHED_CORES and OMP_NUM_THREADS */
    int64_t timeout_ns; /* 0: the default of js_runner_limit() */
    uint64_t data_limit_bytes;    /* 0: none */
    const struct js_cpuset *cpus; /* NULL: those of the slot */
    const struct js_cpuset *numa; /* NUMA nodes of its memory; NULL: any */
    const char *gpus;             /* "0,1"; NULL: it asked for none */
    const char *hosts; /* "n1,n2": the hosts of a job of several nodes, this one
                          first; NULL: one node */
    const char *details; /* list/job.h, details_len bytes */
    size_t details_len;
    const char *command; /* len bytes and a NUL */
    size_t len;
};

enum js_runner_event_kind {
    JS_RUNNER_READY, /* configured; text is "", or says why configuring failed:
                        then no job can run */
    JS_RUNNER_ENDED, /* slot is free, outcome says how the job ended */
    JS_RUNNER_NOTE,  /* text is for a person */
    JS_RUNNER_RECALLED, /* `count` jobs for SLOT_NEXT will not be started */
};

struct js_runner_event {
    enum js_runner_event_kind kind;
    uint32_t slot;
    uint32_t count;
    struct js_outcome outcome;
    int out_fd; /* what the job wrote (outcome.out_bytes > 0), from offset 0 */
    int err_fd; /* on; the caller's to close. -1 otherwise */
    char text[1024];
};

/* Forks the runner. Call it before MPI_Init and before there are threads. The
 * calling process becomes a child subreaper. Returns NULL with *err set on
 * failure. */
struct js_runner *js_runner_start(struct js_err *err);

/*
 * Starts another process in place of a LOST one, which must then be configured
 * again. It is forked from the rank in its present state: this takes longer,
 * and the process inherits the rank's CPUs and limits, except the limit on open
 * files. Returns 0, or -1 with *err, and the runner is still LOST.
 */
int js_runner_restart(struct js_runner *runner, struct js_err *err);

/*
 * Continues the runner if somebody else has stopped it (SIGSTOP). Call it a few
 * times a second: it continues a runner that two calls at least
 * JS_RUNNER_STOPPED_NS apart have found stopped. So a runner that is stopped
 * and continued together with the rank is left alone. Returns true if it has
 * continued the runner.
 */
#define JS_RUNNER_STOPPED_NS (200 * INT64_C(1000000))
bool js_runner_wake(struct js_runner *runner, int64_t now_ns);

/* Ends the runner and everything below it at once (SIGKILL), waits until they
 * are gone (at most 10 s), and frees the struct. NULL is allowed. Keeps errno.
 */
void js_runner_free(struct js_runner *runner);

/* The descriptor to poll for POLLIN, and for POLLOUT while
 * js_runner_wants_write(). */
int js_runner_fd(const struct js_runner *runner);
bool js_runner_wants_write(const struct js_runner *runner);

pid_t js_runner_pid(const struct js_runner *runner);

/* Configures the runner, once, before the first job. The event READY is the
 * answer. Returns 0, or -1 with errno ENOMEM, or EPIPE if the runner is lost.
 * The calls below that refer to the same failures mean these. */
int js_runner_configure(struct js_runner *runner,
                        const struct js_runner_config *config);

/*
 * Starts a job in a free slot. With SLOT_NEXT, while no slot is known to be
 * free, it queues the job. Queued jobs take freed slots in the order in which
 * they came, before the ENDED event that reports the free slot has been read.
 * While there are queued jobs, ENDED events may come later, and several at
 * once. The command is copied. Same failures. The event ENDED is the answer,
 * even if the job cannot be started. The message leaves with js_runner_flush(),
 * or with the next event.
 */
int js_runner_run(struct js_runner *runner, const struct js_runner_job *job);
void js_runner_flush(struct js_runner *runner);

/* Takes back the queued jobs that have not begun. The event RECALLED is the
 * answer; until it comes, queue no jobs. Same failures. */
int js_runner_recall(struct js_runner *runner);

/* As a grace period: running jobs go on. */
#define JS_RUNNER_LET_RUN INT64_MAX

/* Ends the job in this slot, if there is one: its group gets SIGTERM, grace_ns
 * later (but no later than the configuration says) SIGKILL. The job is reported
 * with JS_STOP_REASON_STOPPED; a job that waits to be tried again ends at once.
 * You may call it again with a shorter grace period. With JS_RUNNER_LET_RUN,
 * which applies to all slots, running jobs go on, but from then on no job waits
 * to be tried again. Same failures. */
int js_runner_end(struct js_runner *runner, uint32_t slot, int64_t grace_ns);

/*
 * Sets the time, by js_clock_ns(), at which the runner ends all jobs like
 * js_runner_end(), because the master may believe us dead by then. Call it
 * again in time; before the first call the lease has no end. If the runner
 * itself was stopped at that time, it waits for JS_LEASE_EXTRA_NS more. After
 * the end of the lease, until that is moved, no job starts: new and queued ones
 * are reported with JS_STOP_REASON_STOPPED. Same failures.
 */
int js_runner_lease(struct js_runner *runner, int64_t until_ns);

/* Sets how long a job without a timeout of its own may run (0: for ever),
 * including jobs that are already running. Same failures. */
int js_runner_limit(struct js_runner *runner, int64_t timeout_ns);

/*
 * Sends waiting messages, then takes the next event. Returns 1 with the event
 * in *ret, 0 if there is none now, or -1 with errno EPIPE if the runner is
 * lost. Before it returns -1 for the first time, it ends everything that the
 * runner has started and waits for it to be gone, for at most 10 s.
 */
int js_runner_next(struct js_runner *runner, struct js_runner_event *ret);

/* The calls above as a table. A slave uses a runner through this table, so that
 * the unit tests can give it a runner of their own (tests/unit/fake_runner.h),
 * whose jobs take simulated time. */
struct js_runner_ops {
    int (*configure)(struct js_runner *runner,
                     const struct js_runner_config *config);
    int (*restart)(struct js_runner *runner, struct js_err *err);
    bool (*wake)(struct js_runner *runner, int64_t now_ns);
    pid_t (*pid)(const struct js_runner *runner);
    int (*fd)(const struct js_runner *runner);
    bool (*wants_write)(const struct js_runner *runner);
    int (*run)(struct js_runner *runner, const struct js_runner_job *job);
    void (*flush)(struct js_runner *runner);
    int (*recall)(struct js_runner *runner);
    int (*end)(struct js_runner *runner, uint32_t slot, int64_t grace_ns);
    int (*lease)(struct js_runner *runner, int64_t until_ns);
    int (*limit)(struct js_runner *runner, int64_t timeout_ns);
    int (*next)(struct js_runner *runner, struct js_runner_event *ret);
};
extern const struct js_runner_ops js_runner_ops;

#endif
