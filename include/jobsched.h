/*
 * jobsched - run a list of jobs on all cores of an allocation.
 *
 * The public interface. A program that is started under mpirun or srun fills in
 * a configuration and calls jobsched_run() once in every process. The process
 * of rank 0 becomes the master; all others become slaves.
 *
 *     struct jobsched_config config;
 *     struct jobsched_result result;
 *     jobsched_config_init(&config);
 *     config.job_file = "jobs.txt";
 *     return jobsched_run(&config, &result);
 *
 * The master's stdout and stderr carry the jobs' output, the trace if it was
 * requested, and messages for the user. Messages are whole lines that begin
 * with "jobsched: " and never interrupt the output of a job. On a terminal a
 * progress bar is drawn as well; it is erased when the run ends. Slaves write
 * their trace lines to their own stdout. If the launcher merges these streams,
 * the relative order of lines from different ranks is unspecified.
 *
 * Apart from that, nothing here prints, exits or aborts; a call reports a
 * failure in its result. This header includes no MPI header and needs none.
 */
#ifndef JOBSCHED_H
#define JOBSCHED_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a run ended. This is also the exit status of the program. */
enum jobsched_status {
    JOBSCHED_SUCCEEDED = 0,   /* every job succeeded */
    JOBSCHED_JOBS_FAILED = 1, /* some job failed or was skipped */
    JOBSCHED_BAD_INPUT = 2,   /* bad usage or input; no job was started (with
                                 a stream: no further job was started) */
    JOBSCHED_STOPPED = 3,     /* stopped before the end; the same command
                                 continues from there */
    JOBSCHED_BROKEN = 4,      /* the run itself failed: all slaves were lost,
                                 or a record could not be written */
};

/* The destination of the jobs' output. */
enum jobsched_output {
    JOBSCHED_OUTPUT_PASS = 0, /* to the master's stdout and stderr, one whole
                                 job at a time */
    JOBSCHED_OUTPUT_DIR,      /* output_dir/ID.out and output_dir/ID.err */
    JOBSCHED_OUTPUT_NONE,     /* it is dropped */
};

/* Progress display on stderr. A bar is drawn if stderr is a terminal (or, on
 * the master's host, mpirun's stderr is one) and stdout is not a pipe. If
 * stdout is that same terminal, job output is written through stderr so that it
 * does not break the bar. Without a bar, progress is reported in lines. */
enum jobsched_progress {
    JOBSCHED_PROGRESS_AUTO = 0, /* a bar, or lines: the first after 30 s,
                                   then at intervals that double up to 10
                                   min; nothing with a trace */
    JOBSCHED_PROGRESS_ALWAYS,   /* a bar on any terminal, or lines at least
                                   every 10 s */
    JOBSCHED_PROGRESS_NEVER,
};

/* The action to perform on the jobs. */
enum jobsched_action {
    JOBSCHED_RUN = 0,
    JOBSCHED_CHECK,   /* only read the job file. Report on stdout how many
                         jobs there are and how they depend on each other,
                         and on stderr which of them could never run here */
    JOBSCHED_DRY_RUN, /* report on stdout which job would run where */
};

/* Selects which jobs run if an earlier run has already worked on the list. Jobs
 * that succeeded do not run again, unless a job that they depend on does. */
enum jobsched_retry {
    JOBSCHED_RETRY_ALL = 0,     /* all jobs that have not succeeded */
    JOBSCHED_RETRY_ONLY_FAILED, /* only those that failed or were skipped */
    JOBSCHED_RETRY_NOT_FAILED,  /* all jobs that have not succeeded, except
                                   those that failed */
};

enum { JOBSCHED_ONLY_MAX = 100 };

#define JOBSCHED_GPUS_FOUND UINT32_MAX
#define JOBSCHED_NO_SYNC INT64_MAX

/* All strings are borrowed until jobsched_run() returns. Only the master's
 * configuration has an effect; a slave's is ignored. */
struct jobsched_config {
    const char *job_file;   /* "-": standard input; NULL: the demonstration */
    const char *job_format; /* the format of the list: the name of another tool,
                               as --from takes it, or "lines" for our own. NULL:
                               as the journal says, or our own */

    /* In a process that was not started by a launcher, CHECK and DRY_RUN assume
     * this machine, with one slave for each core. */
    enum jobsched_action action;
    enum jobsched_progress progress;

    /* The demonstration: simulated jobs that take time but do nothing. */
    uint64_t demo_jobs; /* UINT64_MAX: endless */
    int64_t demo_duration_ns;

    uint32_t round_size; /* number of jobs dispatched together; at least 1 */
    bool barrier;        /* a round begins only when the previous one has
                            ended */
    uint32_t slots;      /* jobs that run at once on each slave; 0: one for
                            each core of its part of the node */
    bool bind;           /* bind jobs to cores */
    uint32_t gpus;       /* on each node; JOBSCHED_GPUS_FOUND: as many as are
                            found there */
    bool strict_mem;     /* the amount of memory that a job requests with
                            mem= also limits the data of each of its
                            processes */
    const char *longest_first; /* the joblog of an earlier run, or "auto": the
                                  journal. Jobs that begin the longest chains,
                                  by their run times there, start first. NULL:
                                  none */
    bool show_map;             /* print which CPUs each slave owns */
    bool trace; /* print "Dispatch job: N", "Run job: N" and "Finished job:
                   N" on stdout */

    enum jobsched_output output;
    const char *output_dir;     /* for OUTPUT_DIR; created if it is missing */
    const char *tmpdir;         /* where output is stored on its way to the
                                   master; NULL: $TMPDIR of each host, or
                                   /tmp */
    uint64_t spool_limit_bytes; /* a slave that stores more output than this
                                   starts no further job */
    const char *joblog;         /* NULL: none */
    int64_t grace_ns;           /* time between SIGTERM and SIGKILL; at most
                                   500 ms for processes that a job left
                                   behind */

    /* The journal makes it possible to continue after a stop. */
    const char *journal; /* NULL: JOBFILE.journal for a regular file; none
                            for a stream or the demonstration */
    int64_t sync_ns;     /* upper bound on the finished work (in time) that a
                            power failure may lose (fdatasync). 0: none is
                            lost; JOBSCHED_NO_SYNC: no bound */
    /* Names and ids of jobs and globs over names, also several with commas
     * between them: only these jobs run, and those that they come after. The
     * array ends with NULL; empty: all jobs. Not for a stream. */
    const char *only[JOBSCHED_ONLY_MAX + 1];
    enum jobsched_retry retry; /* what to do with jobs that an earlier run
                                  did not complete successfully */
    bool is_job_stream; /* the list comes on standard input; job_file is only
                           the name by which the user knows it */
    bool no_journal;
    bool fresh;      /* ignore the results of an earlier run; its journal is
                        kept as JOURNAL.old */
    bool force_lock; /* take over the journal of a run on another host; the
                        caller knows that it is dead */

    /* A caller that restarts a broken run gives that run a number of its own,
     * the same at each start (0: the run is not restarted), and the number of
     * earlier starts. A restart then continues where the run broke off: it
     * neither starts over nor repeats jobs that have already failed. */
    uint64_t command;
    uint32_t command_restarts;

    const char *status_file; /* file in which the master reports the state of
                                the run to its launcher; NULL: none */
    const char *launcher;    /* folder of the launcher that started this
                                process; NULL: none */

    int64_t start_timeout_ns; /* time limit for MPI_Init(), and then for each
                                 slave to report. If MPI_Init() exceeds it,
                                 the process exits with status 4 (MPI_Init()
                                 cannot be cancelled). A slave that exceeds
                                 it, or 60 s, is left out of the run */
    int64_t time_limit_ns;    /* counts from the call of jobsched_run(); jobs
                                 that are still running shortly before its end
                                 are ended; 0: none */
    int64_t slave_timeout_ns; /* a slave that is silent for this long is
                                 declared lost; a slave that has not heard
                                 from the master for this long ends its jobs;
                                 0: no such limit */

    /* Failure. A job's own attributes take precedence. */
    uint32_t retries;         /* how often a job that failed is run again */
    int64_t timeout_ns;       /* limit for each attempt; 0: none */
    uint32_t timeout_percent; /* the same limit, as a percentage of the
                                 median run time of the jobs that have
                                 succeeded so far (at least three); 0: none */
    uint64_t max_failures;    /* after this many failed jobs no more are
                                 started; 0: all jobs are run */
    bool fail_fast;           /* after the first failure (or after max_failures
                                 of them), the running jobs are ended as well */
    bool allow_leftovers;     /* processes that a job left behind may run
                                 until the end of the run */
};

struct jobsched_result {
    enum jobsched_status status;
    bool is_master;   /* the counts below are those of the whole run */
    uint64_t done;    /* jobs that succeeded */
    uint64_t failed;  /* exit status other than 0, killed, or could not be
                         started */
    uint64_t skipped; /* because a job that they depend on failed */
    uint64_t left;    /* known but not run */
    unsigned slaves;
    uint64_t slots;
    int64_t wall_ns;     /* from the start of the first job */
    double busy;         /* the fraction of slots x wall_ns in which jobs
                            ran, 0 to 1 */
    char summary[256];   /* about a run in which jobs ran; else "" */
    char failures[1024]; /* the jobs that failed for good: the first few by
                            name, and how to list them all; else "" */
    char error[1024];    /* the reason, if the status is 2, 3 or 4; else "" */
    bool is_abrupt;      /* MPI_Finalize() was not called, because some
                            process would never have called it: use
                            jobsched_leave() */
    unsigned lost;       /* slaves that had stopped answering */
};

/* Sets the defaults, which are those of `jobsched` without options. */
void jobsched_config_init(struct jobsched_config *config);

/*
 * Runs the jobs. Every process of MPI_COMM_WORLD calls it once, before MPI_Init
 * (it initialises and finalises MPI itself) and before the process has threads
 * or children of its own. While it runs, it adopts orphans (child subreaper),
 * ignores SIGPIPE and SIGXFSZ, starts a helper process in slaves, and stops on
 * signals: after SIGUSR1 or SIGUSR2 no more jobs are started; after SIGTERM,
 * SIGINT or SIGHUP the running jobs are also ended, within a second. It fills
 * in *result and returns result->status. A slave's status is JOBSCHED_SUCCEEDED
 * unless it could not take part.
 */
enum jobsched_status jobsched_run(const struct jobsched_config *config,
                                  struct jobsched_result *result);

/* Checks the configuration alone, without looking at any file, as
 * jobsched_run() does first. Returns JOBSCHED_SUCCEEDED, or JOBSCHED_BAD_INPUT
 * with result->error. */
enum jobsched_status jobsched_check(const struct jobsched_config *config,
                                    struct jobsched_result *result);

/*
 * For a result that is_abrupt: ends this process with its status, without
 * calling exit handlers. Also ends the launcher if that would wait for a lost
 * slave.
 */
__attribute__((noreturn)) void
jobsched_leave(const struct jobsched_result *result);

/* "0.1.0" */
const char *jobsched_version(void);

/* Return the libraries that jobsched was built with: "Open MPI 4.1.4", "MPICH
 * 4.0.2"; "hwloc 2.9.0". A launcher must belong to the same MPI, because the
 * launcher of another MPI may take other options. Neither call needs
 * MPI_Init. */
const char *jobsched_mpi(void);
const char *jobsched_hwloc(void);

/* Returns the number of cores that this process may use, which is also the
 * number of slaves that is useful here. At least 1. */
unsigned jobsched_cores(void);

/* Returns the memory, in bytes, that all jobs on this machine together may use;
 * 0: unknown. */
uint64_t jobsched_memory_bytes(void);

#ifdef __cplusplus
}
#endif

#endif
