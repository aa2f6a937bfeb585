/*
 * run - what the files of src/run share: a process of the run, and the run as
 * its master sees it.
 *
 *     jobsched.c      the public functions; checks the configuration
 *     run_rank.c      a process: environment, runner, MPI_Init
 *     run_master.c    rank 0: puts the parts together, runs, takes them apart
 *     run_slave.c     every other rank
 *     run_config.c    from the configuration to what master and slaves get
 *     run_inputs.c    list, joblog, folder of output
 *     run_resume.c    the journal
 *     run_launcher.c  signals, and what the launcher says and hears
 *     run_result.c    how it ended, in words
 *     run_check.c     --check and --dry-run
 *     run_end.c       MPI_Finalize, or a way out without it
 */
#ifndef JS_RUN_RUN_H
#define JS_RUN_RUN_H

#include "base/lifeline.h"
#include "base/terminal.h"
#include "jobsched.h"
#include "list/registry.h"
#include "list/resume.h"
#include "list/source.h"
#include "mpi/link.h"
#include "mpi/master.h"
#include "mpi/slave.h"
#include "node/signals.h"
#include "node/topo.h"
#include "record/joblog.h"
#include "record/journal.h"
#include "record/outdir.h"
#include "record/recorder.h"
#include "runner/runner.h"

/* Descriptors that a process may need: output that waits for the master may
 * hold some hundred files. */
enum { JS_RUN_FILES = 4096 };

/* What a process has before MPI comes up. */
struct js_run_rank {
    const struct jobsched_config *config;
    struct js_runner *runner;     /* of a slave; else NULL */
    struct js_lifeline *lifeline; /* NULL: no launcher of ours on this host */
    uint64_t parent, parent_started; /* mpirun, or what stands for it here */
    struct js_buf environ;  /* the user's, as far as it is known here */
    const char **variables; /* of it, then NULL */
    int64_t begun_ns;
};

/* What was heard from whoever has started the run, and what was said to it. */
struct js_run_launcher {
    struct js_lifeline *lifeline; /* the rank's; NULL: there is none */
    int64_t present_ns; /* when the master last said that it is there */
    struct js_signals_passed passed;
    int told;        /* on another host: the signal that it was sent; 0: none */
    bool is_paused;  /* as `passed` says; seen */
    bool is_hurried; /* it was seen that the run must end */
    bool is_drain_told;
    struct js_recorder_outage outage; /* that it reports; error 0: none */
};

/* How a run has ended, for those who wait for it. */
struct js_run_ending {
    bool is_abrupt;      /* somebody will not come to MPI_Finalize */
    unsigned lost;       /* slaves */
    bool is_out_of_time; /* stopped by the time limit */
    bool has_run;        /* some job was begun */
};

/*
 * A run, in rank 0, or what --check and --dry-run need of one. It is filled in
 * from top to bottom; what has not been opened is NULL, and
 * js_run_master_close() takes any of these states.
 *
 * recorder.journal is `journal` from the first record of this run to its last,
 * and NULL before and behind: what only looks at a journal never writes to it.
 */
struct js_run {
    const struct jobsched_config *config;
    const struct js_run_rank *rank; /* borrowed; NULL: there is no MPI */
    struct js_run_launcher launcher;

    /* What is read. */
    struct js_journal *journal;   /* NULL: there is none */
    struct js_registry *registry; /* what it said; NULL: there is none */
    struct js_resume resume;      /* valid while there is a registry */
    struct js_source *source;
    struct js_joblog_reader *runtimes; /* NULL: none are known */

    /* What is written. */
    struct js_outdir *outdir;     /* NULL: there is none */
    struct js_joblog *joblog;     /* NULL: there is none */
    struct js_terminal *terminal; /* NULL: none, or of no interest */
    struct js_outq *out, *err; /* one and the same on a terminal with a bar */
    struct js_recorder recorder;

    /* What the master and its slaves get. */
    uint64_t run_id; /* that its jobs carry */
    char *cwd;
    struct js_buf environ; /* for the jobs, a NUL behind each variable */
    struct js_topo *topo;
    int claim; /* of cores (node/others.h); -1: none, or no longer */
    struct js_master *master;

    struct js_run_ending ending;
};

/* Puts status and error into the result; returns the status. */
enum jobsched_status js_run_result_fail(struct jobsched_result *result,
                                        enum jobsched_status status,
                                        const struct js_err *err);

/* ---------------------------------------------------------------- run_rank */

/* One process alone cannot run jobs: says how to start more. */
enum jobsched_status js_run_rank_refuse_alone(struct jobsched_result *result);

/* Before MPI_Init: starts the runner of a slave, connects to the launcher and
 * finds the environment. Returns 0, or -1 with *err. */
int js_run_rank_prepare(struct js_run_rank *rank, struct js_err *err);

/* MPI_Init, the work as master or slave, and MPI_Finalize. */
enum jobsched_status js_run_rank_work(struct js_run_rank *rank,
                                      struct jobsched_result *result);

/* -------------------------------------------------------------- run_master */

enum jobsched_status js_run_master_work(const struct js_run_rank *rank,
                                        struct js_link *link,
                                        struct jobsched_result *result);

/* Opens standard output and error, and the recorder on them. Returns 0, or -1
 * with *err. */
int js_run_master_open_recorder(struct js_run *run, struct js_err *err);

/* Closes and frees all that is open of the run. */
void js_run_master_close(struct js_run *run);

/* --------------------------------------------------------------- run_slave */

enum jobsched_status js_run_slave_work(const struct js_run_rank *rank,
                                       struct js_link *link,
                                       struct jobsched_result *result);

/* -------------------------------------------------------------- run_config */

/* What this process knows of its node. Returns 0, or -1 with *err. */
int js_run_config_node(const struct js_topo *topo, struct js_node *ret,
                       struct js_err *err);

/* The same with the cores that other runs hold, if this process is the one that
 * looks for all on its host: then *claim is a descriptor, which must stay open
 * until what this run holds can be seen; else it is -1. */
int js_run_config_look_at_node(const struct js_topo *topo, bool bind,
                               struct js_node *ret, int *claim,
                               struct js_err *err);

/* Appends the user's environment for the jobs, less what is each host's own.
 * Returns 0, or -1 with errno ENOMEM. */
int js_run_config_environ(const struct js_run_rank *rank, struct js_buf *buf);

struct js_wire_setup js_run_config_setup(const struct js_run *run);
struct js_scheduler_config js_run_config_scheduler(const struct js_run *run);

/* When the master has not been heard of for so long, all jobs have ended. 0:
 * there is no such limit. */
int64_t js_run_config_lease_ns(const struct jobsched_config *config);

/* What is kept of the time limit for the end of the run itself. */
int64_t js_run_config_margin_ns(const struct jobsched_config *config);

/* When what runs must be told to end, to be gone at the time limit; or
 * JS_NEVER_NS. */
int64_t js_run_config_stop_ns(const struct js_run *run);

/* How long the slaves are awaited. */
int64_t js_run_config_meeting_ns(const struct jobsched_config *config);

/* -------------------------------------------------------------- run_inputs */

/* Opens the list, the joblog and what else the user has named, and checks that
 * nothing of it would replace another. Returns 0, or -1 with *err, which is the
 * user's to mend. */
int js_run_inputs_open(struct js_run *run, struct js_err *err);

/* A line for the user, by way of the console once that is there; arg is the
 * run. */
void js_run_inputs_tell_line(void *arg, const char *text);

/* -------------------------------------------------------------- run_resume */

/* Opens the journal, if there is to be one, and reads it. In *err is what is
 * wrong, unless it returns JOBSCHED_SUCCEEDED. */
enum jobsched_status js_run_resume_open(struct js_run *run, struct js_err *err);

/* Says what an earlier run has done, and what is left of it. */
void js_run_resume_tell_standing(struct js_run *run);

/* Its first record: from here on it is the recorder's as well. */
enum jobsched_status js_run_resume_begin(struct js_run *run,
                                         struct js_err *err);

/* What the jobs of this run carry, and what those of runs that were killed
 * carried. */
void js_run_resume_marks(struct js_run *run, struct js_master_config *config);

/* Its last record, and its end. Returns the status of the run, which a journal
 * that cannot be written makes JOBSCHED_BROKEN, with *err. */
enum jobsched_status js_run_resume_end(struct js_run *run,
                                       enum jobsched_status status,
                                       struct js_err *err);

/* ------------------------------------------------------------ run_launcher */

/* The stop_request of the master's configuration; arg is the run. */
enum js_stop_request js_run_launcher_stop_request(void *arg, int64_t now_ns);

/* The stronger of what signals and the launcher have asked for so far. */
enum js_stop_request js_run_launcher_request(const struct js_run *run);

/* Reports that the run has begun, without a lease: before its first turn and
 * behind its last the master may be silent for longer. */
void js_run_launcher_tell_begun(struct js_run *run);

/* Reports how it has ended. */
void js_run_launcher_tell_ended(const struct js_run *run,
                                enum jobsched_status status);

/* Reads what a launcher on another host has said beside the status file: the
 * signal because of which the run stops, and the outage that it has seen. */
void js_run_launcher_ask_for_reason(struct js_run *run);
void js_run_launcher_ask_for_outage(struct js_run *run);

/* What stops the run, in words; "" if nothing does. */
const char *js_run_launcher_reason(const struct js_run *run);

/* True if standard output or error takes nothing more. */
bool js_run_launcher_find_outage(const struct js_run *run,
                                 struct js_recorder_outage *ret);

/* True if the launcher has handed over its own descriptor of this number: then
 * nobody stands between. */
bool js_run_launcher_is_handed(const struct js_run *run, int number);

/* True if mpirun has gone, and with it what it had taken of our output and not
 * passed on. */
bool js_run_launcher_is_mpirun_gone(const struct js_run *run);

/* Waits until a launcher that passes the output on has written it: what is on
 * record must have arrived before the end is on record. */
void js_run_launcher_await_relay(struct js_run *run);

/* -------------------------------------------------------------- run_result */

/* Fills in the counts and the summary. */
void js_run_result_count(const struct js_run *run,
                         const struct js_master_result *ran,
                         struct jobsched_result *result);

/* The status of a run whose master has ended so, and in *err why it did not
 * succeed. */
enum jobsched_status js_run_result_judge(struct js_run *run,
                                         const struct js_master_result *ran,
                                         const struct jobsched_result *result,
                                         struct js_err *err);

/* True if neither this run nor an earlier one had any jobs. */
bool js_run_result_has_no_jobs(const struct js_run *run,
                               const struct jobsched_result *result);

/* Reports what is left to report, and closes the joblog. Returns the status,
 * with all that may still have gone wrong but the journal's last record. */
enum jobsched_status js_run_result_settle(struct js_run *run,
                                          enum jobsched_status status,
                                          struct js_err *err);

/* --------------------------------------------------------------- run_check */

/* Prints what --check or --dry-run asks for. `slave_end`: as in
 * js_simulate_config. */
enum jobsched_status js_run_check_show(struct js_run *run,
                                       struct js_scheduler *scheduler,
                                       const struct js_allocator *allocator,
                                       unsigned slave_end,
                                       struct jobsched_result *result);

/* The same without MPI, with the cores of this machine as slaves. */
enum jobsched_status js_run_check_here(const struct jobsched_config *config,
                                       struct jobsched_result *result);

/* ----------------------------------------------------------------- run_end */

/* Waits for the other ranks for `limit_ns` at most (slaves longer: the master
 * may have records to bring to disk); then this process leaves. */
void js_run_end_finalize(struct js_link *link, int64_t limit_ns,
                         struct jobsched_result *result);

/* Where rank 0 has been killed nobody else ends an mpirun that waits for ever:
 * sees to it that this one ends. */
void js_run_end_watch_masterless(void);

#endif
