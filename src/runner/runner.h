/*
 * runner - the small process beside a slave that starts and watches its jobs.
 *
 * The rank forks it before MPI_Init, and forks another if it is lost. The
 * runner has its own session and no MPI; of the rank's descriptors it has only
 * its end of a socket. It is a child subreaper. There are two processes instead
 * of one because
 *  - a hung exec, a fork from a big process or a stopped rank then holds up
 *    nobody;
 *  - if either of them dies, the other ends every job and every descendant of a
 *    job: the runner when its socket closes, the rank in js_runner_next(). So
 *    the rank must have no other children.
 *
 * This header is the rank's end. No call waits, unless it says so.
 *
 *     STARTED --configure--> CONFIGURED --run/ended ...--> STOPPED
 *     any --the runner dies--> LOST --restart--> STARTED
 *
 * What happens to a job in the runner:
 *  - stdin is /dev/null; stdout and stderr are as the configuration says;
 *    its own process group; default signals; bound to its slot's CPUs;
 *    JOBSCHED_JOB_ID, _JOB_NAME, _ATTEMPT, _SLAVE, _SLOT, _NODE, _CORES, _CPUS,
 *    _RUN and, within a job of another run, _WITHIN are set; and, unless the
 *    environment has it, OMP_NUM_THREADS;
 *  - if a spawn is refused for a passing reason (EAGAIN, ENOMEM, EMFILE,
 *    ENFILE), or an output file is (also ENOSPC), the runner tries again, from
 *    10 ms up to 1 s apart, for at most retry_ns, and sends one note about it;
 *    only then has the job failed;
 *  - if output_dir or tmpdir was there at the configuration and is gone, it is
 *    made anew, with a note. If it cannot be made, the job waits until it is
 *    there, with one note for all jobs, or until the job is ended. Named output
 *    that was removed with its folder while a job ran is written anew at its
 *    end;
 *  - its details apply: it runs in `dir` (relative to cwd). stdin, stdout and
 *    stderr are files, relative to that folder; the latter two are created or
 *    emptied (the same path for both is opened once). env is set; the last of a
 *    name wins, over all else but the JOBSCHED_ variables. If one of these
 *    cannot be had the job has failed (JS_STEP_CHDIR, _STDIN, _OUTPUT);
 *  - with several hosts, JOBSCHED_NODELIST is set, and JOBSCHED_HOSTFILE: a
 *    file in tmpdir (runner/job_io.h) with `cores` slots for each, which
 *    is there until the job has ended;
 *  - with GPUs, CUDA_VISIBLE_DEVICES and ROCR_VISIBLE_DEVICES are set, and
 *    CUDA_DEVICE_ORDER=PCI_BUS_ID unless the environment has it;
 *  - a job that exceeds its timeout gets SIGTERM (its whole group), grace_ns
 *    later SIGKILL, and is reported with JS_STOP_REASON_TIMEOUT, however it
 *    ended;
 *  - a job that was killed by a SIGKILL that is not ours (also exit 137), while
 *    the count of out-of-memory kills of its cgroup grew, is reported with
 *    JS_STOP_REASON_MEMORY;
 *  - when its process has ended, whatever it left behind (in its group or
 *    daemonised under it) gets SIGTERM and, grace_ns later, SIGKILL. The job is
 *    reported as ended only when nothing is left. With one slot, every adopted
 *    child is that job's. With several, JOBSCHED_RUN, _JOB_ID and _ATTEMPT in
 *    its environment decide, or JOBSCHED_WITHIN if a job has run a jobsched. A
 *    child whose job is unknown is ended when all jobs have ended that ran when
 *    it was first seen;
 *  - its usage is that of wait4(2): it and all that it waited for.
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
    const char *const *env; /* of the jobs, "NAME=value", NULL-terminated */
    const char *host;
    uint32_t slave;
    uint32_t slots;                    /* at least 1 */
    const struct js_cpuset *slot_cpus; /* one a slot: what its job is bound
                                          to; empty: not bound */
    int64_t retry_ns;                  /* how long a passing lack may last */
};

/* The slot that becomes free next. */
#define JS_RUNNER_SLOT_NEXT UINT32_MAX

struct js_runner_job {
    uint32_t slot;
    uint64_t id;
    uint32_t attempt;
    uint32_t cores;            /* what JOBSCHED_CORES and OMP_NUM_THREADS say */
    int64_t timeout_ns;        /* 0: the default of js_runner_limit() */
    uint64_t data_limit_bytes; /* 0: none */
    const struct js_cpuset *cpus; /* NULL: those of the slot */
    const struct js_cpuset *numa; /* NUMA nodes of its memory; NULL: any */
    const char *gpus;             /* "0,1"; NULL: it asked for none */
    const char *hosts;   /* "n1,n2": of several nodes, this one's first; NULL */
    const char *details; /* list/job.h, details_len bytes */
    size_t details_len;
    const char *command; /* len bytes and a NUL */
    size_t len;
};

enum js_runner_event_kind {
    JS_RUNNER_READY,    /* configured; text is "", or says why that failed:
                           then no job can run */
    JS_RUNNER_ENDED,    /* slot is free, outcome says how the job ended */
    JS_RUNNER_NOTE,     /* text is for a person */
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
 * Starts another process in place of one that is LOST; configure it anew. It is
 * forked from what the rank is by now: that takes longer, and it inherits the
 * rank's CPUs and limits, except the limit of open files. 0, or -1 with *err,
 * and it is LOST as before.
 */
int js_runner_restart(struct js_runner *runner, struct js_err *err);

/*
 * Continues the runner if somebody else has stopped it (SIGSTOP). Call it a few
 * times a second: it continues a runner that two calls at least
 * JS_RUNNER_STOPPED_NS apart find stopped. So a runner that is stopped and
 * continued together with the rank is left alone. True if it was continued.
 */
#define JS_RUNNER_STOPPED_NS (200 * INT64_C(1000000))
bool js_runner_wake(struct js_runner *runner, int64_t now_ns);

/* Ends the runner and everything below it at once (SIGKILL), waits until they
 * are gone (bounded: 10 s) and frees. NULL is allowed. Keeps errno. */
void js_runner_free(struct js_runner *runner);

/* The descriptor to poll for POLLIN, and for POLLOUT while
 * js_runner_wants_write(). */
int js_runner_fd(const struct js_runner *runner);
bool js_runner_wants_write(const struct js_runner *runner);

pid_t js_runner_pid(const struct js_runner *runner);

/* Call it once, before the first job. The event READY answers. Returns 0, or -1
 * with errno (ENOMEM; EPIPE when the runner is lost). */
int js_runner_configure(struct js_runner *runner,
                        const struct js_runner_config *config);

/*
 * Starts a job in a free slot. With SLOT_NEXT, while no slot is known to be
 * free, it queues the job. Queued jobs take freed slots in the order in which
 * they came, before the ENDED event that reports the free slot has been read.
 * While there are queued jobs, ENDED events may come later, and several at
 * once. The command is copied. Same failures. The event ENDED answers, also if
 * the job cannot be started. The message leaves with js_runner_flush(), or with
 * the next event.
 */
int js_runner_run(struct js_runner *runner, const struct js_runner_job *job);
void js_runner_flush(struct js_runner *runner);

/* Takes back the queued jobs that have not begun. The event RECALLED answers;
 * until it comes, queue none. Same failures. */
int js_runner_recall(struct js_runner *runner);

/* As a grace period: what runs goes on. */
#define JS_RUNNER_LET_RUN INT64_MAX

/* Ends the job in this slot, if there is one: its group gets SIGTERM, grace_ns
 * later (but no later than the configuration says) SIGKILL. The job is reported
 * with JS_STOP_REASON_STOPPED; a job that waits to be tried again ends at once.
 * May be called again with a shorter grace period. With JS_RUNNER_LET_RUN,
 * whatever the slot, what runs goes on, but from then on no job waits to be
 * tried again. Same failures. */
int js_runner_end(struct js_runner *runner, uint32_t slot, int64_t grace_ns);

/*
 * Sets the time of js_clock_ns() at which the runner ends all jobs, as
 * js_runner_end() does, because whoever gave them to us may take us for dead by
 * then. Call it again in time; before the first call there is no such end. If
 * the runner itself was stopped at that time, it waits JS_LEASE_EXTRA_NS more.
 * After the end, until it is moved, no job starts: new and queued ones are
 * reported with JS_STOP_REASON_STOPPED. Same failures.
 */
int js_runner_lease(struct js_runner *runner, int64_t until_ns);

/* Sets how long a job without a timeout of its own may run (0: for ever), also
 * for those that run already. Same failures. */
int js_runner_limit(struct js_runner *runner, int64_t timeout_ns);

/*
 * Sends what waits, then takes the next event. Returns 1 and an event; 0 if
 * there is none now; or -1 with errno EPIPE if the runner is lost. Before it
 * returns that for the first time it ends everything that the runner has
 * started, and waits for that, 10 s at most.
 */
int js_runner_next(struct js_runner *runner, struct js_runner_event *ret);

/* The calls above as a table: a slave sees a runner through this, so that the
 * unit tests can give it one of their own (tests/unit/fake_runner.h), whose
 * jobs take simulated time. */
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
