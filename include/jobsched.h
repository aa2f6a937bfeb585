/*
 * jobsched - run a list of jobs on all cores of an allocation.
 *
 * The public interface. A program that is started under mpirun or srun fills
 * in a configuration and calls jobsched_run() once, in every process: the
 * process of rank 0 becomes the master, all others become slaves.
 *
 *     struct jobsched_config config;
 *     struct jobsched_result result;
 *     jobsched_config_init(&config);
 *     config.job_file = "jobs.txt";
 *     return jobsched_run(&config, &result);
 *
 * On the master's stdout and stderr appear the jobs' output, the trace if it is
 * asked for, and what a person should know while the run is on, in whole lines
 * that begin with "jobsched: ", never within the output of a job; and, on a
 * terminal, how far the run has come, in a line that is gone at its end. The
 * slaves' lines of the trace are on their own stdout, which a launcher merges
 * with the master's as it likes. Otherwise nothing here prints, exits or
 * aborts; a call that fails says so in its result. This header includes no MPI
 * header and needs none.
 */
#ifndef JOBSCHED_H
#define JOBSCHED_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a run ended; also the exit status of the program. */
enum jobsched_status {
    JOBSCHED_SUCCEEDED = 0,   /* every job succeeded */
    JOBSCHED_JOBS_FAILED = 1, /* some job failed or was skipped */
    JOBSCHED_BAD_INPUT = 2,   /* bad usage or input: nothing has run (of a
                                 stream: nothing more was started) */
    JOBSCHED_STOPPED = 3,     /* stopped before the end: the same command goes
                                 on where this one stopped */
    JOBSCHED_BROKEN = 4,      /* the run itself broke: all slaves lost, a
                                 record not writable */
};

/* What becomes of the jobs' output. */
enum jobsched_output {
    JOBSCHED_OUTPUT_PASS = 0, /* whole, on the master's stdout and stderr */
    JOBSCHED_OUTPUT_DIR,      /* output_dir/ID.out and output_dir/ID.err */
    JOBSCHED_OUTPUT_NONE,     /* dropped */
};

/* How to show on stderr how far the run has come. A bar is drawn where stderr
 * is a terminal, be it that of an mpirun on the master's host, and stdout no
 * pipe; jobs' output is then passed on through stderr where stdout is the same
 * terminal. Else it is a line every so often. */
enum jobsched_progress {
    JOBSCHED_PROGRESS_AUTO = 0, /* as a bar; or as lines: the first after 30 s,
                                   each after as long again, 10 min at most; not
                                   with a trace */
    JOBSCHED_PROGRESS_ALWAYS, /* as a bar on any terminal; or as lines, every 10
                                 s at least */
    JOBSCHED_PROGRESS_NEVER,
};

/* What is to be done with the jobs. */
enum jobsched_action {
    JOBSCHED_RUN = 0,
    JOBSCHED_CHECK,   /* only read the job file, and say on stdout how many
                         jobs there are, how they depend on each other, and on
                         stderr which could never run here */
    JOBSCHED_DRY_RUN, /* say on stdout what would run where */
};

/* Which jobs run when an earlier run has been through the list. Those that
 * succeeded do not, unless what they come after runs again. */
enum jobsched_retry {
    JOBSCHED_RETRY_ALL = 0,     /* all others */
    JOBSCHED_RETRY_ONLY_FAILED, /* those that failed or were skipped */
    JOBSCHED_RETRY_NOT_FAILED,  /* all others but those that failed */
};

#define JOBSCHED_GPUS_FOUND UINT32_MAX
#define JOBSCHED_NO_SYNC INT64_MAX

/* All strings are borrowed until jobsched_run() returns. The master's
 * configuration counts; a slave's is not looked at. */
struct jobsched_config {
    const char *job_file; /* "-": standard input; NULL: the demonstration */

    /* CHECK and DRY_RUN of a process that no launcher has started are for this
     * machine, with a slave for each core. */
    enum jobsched_action action;
    enum jobsched_progress progress;

    /* The demonstration: simulated jobs that take their time and do nothing. */
    uint64_t demo_jobs; /* UINT64_MAX: without end */
    int64_t demo_duration_ns;

    uint32_t round_size; /* jobs dispatched together, at least 1 */
    bool barrier;        /* a round begins when the one before has ended */
    uint32_t slots;      /* jobs at once on each slave; 0: one for each core of
                            its part of the node */
    bool bind;           /* bind jobs to cores */
    uint32_t gpus;       /* of each node; JOBSCHED_GPUS_FOUND: as found there */
    bool strict_mem;     /* what a job asks for with mem= is also the limit of
                            the data of each of its processes */
    const char *longest_first; /* joblog of an earlier run: jobs that took
                                  longest go first; NULL: none */
    bool show_map;             /* message: which slave owns which cores */
    bool trace; /* "Dispatch job: N", "Run job: N", "Finished job: N"
                   on stdout */

    enum jobsched_output output;
    const char *output_dir;     /* for OUTPUT_DIR; created if missing */
    const char *tmpdir;         /* for output on its way; NULL: $TMPDIR of each
                                   host, or /tmp */
    uint64_t spool_limit_bytes; /* a slave with more output on its way starts
                                   no further job */
    const char *joblog;         /* NULL: none */
    int64_t grace_ns;           /* between SIGTERM and SIGKILL; of processes
                                   left behind by a job 500 ms at most */

    /* The journal: what makes it possible to go on after a stop. */
    const char *journal; /* NULL: JOBFILE.journal for a regular file, none for a
                            stream or the demonstration */
    int64_t sync_ns;     /* at most so much finished work is lost with the power
                            (fdatasync); 0: none; JOBSCHED_NO_SYNC: not bounded */
    enum jobsched_retry retry; /* of what an earlier run did not bring to a good
                                  end */
    bool is_job_stream; /* job_file is only what the user calls the list, which
                           comes on standard input */
    bool no_journal;
    bool fresh;      /* what an earlier run has done does not count; its journal
                        is kept as JOURNAL.old */
    bool force_lock; /* the run that holds the journal, elsewhere, is gone */

    /* Whoever starts the same run again after it broke off gives it a number of
     * its own, the same each time (0: nobody does), and how often it was
     * started before: then it goes on where it was, and does not start over,
     * nor does what failed in it run again. */
    uint64_t command;
    uint32_t command_restarts;

    const char *status_file; /* the master writes there how the run stands, for
                                whoever has started it; NULL: none */
    const char *launcher;    /* folder of the launcher that has started this
                                process; NULL: none */

    int64_t start_timeout_ns; /* MPI, and then the slaves, have to be there
                                 within it: else the process ends with status
                                 4, as MPI_Init() has no other end, or the
                                 slave is left out (after 60 s at most) */
    int64_t time_limit_ns;    /* from the call of jobsched_run() on; what still
                                 runs shortly before is ended; 0: none */
    int64_t slave_timeout_ns; /* a slave that is silent for so long is given up,
                                 and one that does not hear of the master ends
                                 its jobs; 0: never */

    /* Failure. What a job says itself counts more. */
    uint32_t retries;         /* how often a job that failed runs again */
    int64_t timeout_ns;       /* of each attempt; 0: none */
    uint32_t timeout_percent; /* the same, of the median of the run times of
                                 jobs that succeeded so far (three at least) */
    uint64_t max_failures;    /* so many failed jobs: no more are started; 0:
                                 all are run */
    bool fail_fast;           /* after the first (or max_failures) what runs is
                                 ended as well */
    bool allow_leftovers;     /* processes that a job left behind go on until
                                 the end of the run */
};

struct jobsched_result {
    enum jobsched_status status;
    bool is_master;   /* the counts below are those of the run */
    uint64_t done;    /* jobs that succeeded */
    uint64_t failed;  /* exit status not 0, killed, or not startable */
    uint64_t skipped; /* what they depended on failed */
    uint64_t left;    /* accepted or known, and not run */
    unsigned slaves;
    uint64_t slots;
    int64_t wall_ns;     /* from the first job on */
    double busy;         /* part of slots x wall_ns in which jobs ran, 0 to 1 */
    char summary[256];   /* of a run in which jobs ran, else "" */
    char failures[1024]; /* which jobs failed for good, the first few by name,
                            and how to see them all; else "" */
    char error[1024];    /* why, where the status is 2, 3 or 4; else "" */
    bool is_abrupt;      /* MPI_Finalize() was not called, because some process
                            would not have come to it: jobsched_leave() */
    unsigned lost;       /* slaves that had ceased to answer */
};

/* The defaults: what `jobsched` without arguments does. */
void jobsched_config_init(struct jobsched_config *config);

/*
 * Runs the jobs; called once by every process of MPI_COMM_WORLD, before
 * MPI_Init (it initialises and finalises MPI itself) and before the process
 * has threads or children of its own. While it runs it adopts orphans (child
 * subreaper), ignores SIGPIPE and SIGXFSZ, starts a helper process in slaves,
 * and stops on signals: on SIGUSR1 and SIGUSR2 no more jobs are started; on
 * SIGTERM, SIGINT and SIGHUP those that run are ended within a second. Fills in
 * *result and returns result->status; a slave's is JOBSCHED_SUCCEEDED unless it
 * could not take part.
 */
enum jobsched_status jobsched_run(const struct jobsched_config *config,
                                  struct jobsched_result *result);

/* Looks at the configuration alone, at no file, as jobsched_run() does first:
 * JOBSCHED_BAD_INPUT and result->error, or JOBSCHED_SUCCEEDED. */
enum jobsched_status jobsched_check(const struct jobsched_config *config,
                                    struct jobsched_result *result);

/*
 * For a result that is_abrupt: ends this process with its status, without
 * calling exit handlers; and the launcher, should it wait for a slave that is
 * lost.
 */
__attribute__((noreturn)) void
jobsched_leave(const struct jobsched_result *result);

/* "0.1.0" */
const char *jobsched_version(void);

/* What it was built with: "Open MPI 4.1.4", "MPICH 4.0.2"; "hwloc 2.9.0". A
 * launcher has to be of the same MPI, and may take other options where it is
 * another one. Neither needs MPI_Init. */
const char *jobsched_mpi(void);
const char *jobsched_hwloc(void);

/* The cores that this process may use: as many slaves make sense here. At least
 * 1. */
unsigned jobsched_cores(void);

/* The bytes of memory that jobs on this machine may use in all; 0: not known.
 */
uint64_t jobsched_memory_bytes(void);

#ifdef __cplusplus
}
#endif

#endif
