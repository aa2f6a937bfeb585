/*
 * run - what the files of src/run share: one process of the run, and the run as
 * its master sees it.
 *
 *     run_rank.c      a process: jobsched_run(), environment, runner, MPI; the
 *                     work of a slave; how the process leaves
 *     run_config.c    the rest of include/jobsched.h; turns the configuration
 *                     into the settings of master and slaves
 *     run_master.c    rank 0: puts the parts together, runs, takes them apart,
 *                     and reports how the run ended
 *     run_files.c     list, journal, joblog, output folder
 *     run_launcher.c  signals, and the exchange with the launcher
 *     run_check.c     --check and --dry-run
 */
#ifndef JS_RUN_RUN_H
#define JS_RUN_RUN_H

#include "base/lifeline.h"
#include "base/terminal.h"
#include "jobsched.h"
#include "list/paths.h"
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
#include "record/past_runs.h"
#include "record/recorder.h"
#include "runner/runner.h"

#include <stdio.h>

/* Descriptors that a slave may need. Output that waits for the master may
 * occupy a few hundred files. */
enum { JS_RUN_FILES = 4096 };

/* Descriptors that the master may need to reach all `size` processes, of which
 * `local_size` are on its own host (-1: unknown); 0: none are elsewhere. */
uint64_t js_run_rank_files(int size, int local_size);

/* The state of a process before MPI is initialised. */
struct js_run_rank {
    const struct jobsched_config *config;
    struct js_runner *runner;        /* in a slave; otherwise NULL */
    struct js_lifeline *lifeline;    /* NULL: jobsched's launcher does not run
                                        on this host */
    uint64_t parent, parent_started; /* mpirun, or the process that acts for
                                        it here */
    struct js_buf environ;  /* the user's environment, as far as it is known on
                               this host */
    const char **variables; /* pointers into it, then NULL */
    int64_t begun_ns;
};

/* Keeps what the launcher has reported, and what was reported to the
 * launcher. */
struct js_run_launcher {
    struct js_lifeline *lifeline; /* the rank's; NULL: there is none */
    int64_t present_ns; /* when the master last reported that it is alive */
    int64_t leave_ns;   /* until when the end of the run waits for a hung file;
                           JS_NEVER_NS: as long as it takes */
    struct js_launcher_files *files; /* owned; NULL: no such file is in use */
    struct js_signals_passed passed;
    int other_signal; /* from a launcher on another host: the signal that it
                         received; 0: none */
    bool is_paused;   /* the pause that `passed` reports was acted on */
    bool is_hurried;  /* this process has noticed that the run must end */
    bool is_drain_reported;
    bool is_reason_asked;             /* the launcher's reason is being read */
    struct js_recorder_outage outage; /* as the launcher reports it; error 0:
                                         none */
};

/* Describes how a run ended, for the processes that wait for its end. */
struct js_run_ending {
    bool is_abrupt;      /* some process will not call MPI_Finalize */
    unsigned lost;       /* number of lost slaves */
    bool is_out_of_time; /* stopped by the time limit */
    bool has_run;        /* at least one job was started */
};

/*
 * A run, in rank 0, or the parts of it that --check and --dry-run need. It is
 * filled in from top to bottom. Parts that have not been opened are NULL, and
 * js_run_master_close() accepts any of these states.
 *
 * recorder.journal is equal to `journal` from the first record of this run to
 * its last, and NULL before and after. This ensures that a command that only
 * reads a journal never writes to it.
 */
struct js_run {
    const struct jobsched_config *config;
    const struct js_run_rank *rank; /* borrowed; NULL: there is no MPI */
    struct js_run_launcher launcher;
    struct js_worker *worker; /* makes the calls on files while jobs run; NULL:
                                 there is none */
    bool is_stuck; /* a call of the worker hangs: what it uses is not freed, and
                      the process ends with _exit() */

    /* Inputs. */
    struct js_journal *journal;   /* NULL: there is none */
    struct js_registry *registry; /* from the journal; NULL: there is none */
    struct js_resume resume;      /* valid while there is a registry */
    struct js_source *source;
    /* NULL: none are known, or `paths` has everything needed */
    struct js_past_runs *past_runs;
    struct js_paths *paths; /* NULL: nothing is known about jobs */

    /* Outputs. */
    struct js_outdir *outdir;     /* NULL: there is none */
    struct js_joblog *joblog;     /* NULL: there is none */
    struct js_terminal *terminal; /* NULL: there is none, or nothing is shown
                                     on it */
    struct js_outq *out, *err;    /* the same one, on a terminal with a bar */
    struct js_recorder recorder;

    /* Passed to the master and its slaves. */
    uint64_t run_id; /* the mark of its jobs */
    char *cwd;
    struct js_buf environ; /* for the jobs; a NUL follows each variable */
    struct js_topo *topo;
    int claim; /* a claim on cores (node/procs.h); -1: none, or it was given
                  up */
    struct js_master *master;

    struct js_run_ending ending;
};

/* Stores status and error in the result; returns the status. */
static inline enum jobsched_status js_run_fail(struct jobsched_result *result,
                                               enum jobsched_status status,
                                               const struct js_err *err)
{
    result->status = status;
    snprintf(result->error, sizeof(result->error), "%s", err->text);
    return status;
}

/* -------------------------------------------------------------- run_master */

enum jobsched_status js_run_master_work(const struct js_run_rank *rank,
                                        struct js_link *link,
                                        struct jobsched_result *result);

/* Opens standard output and error, and the recorder that writes to them.
 * Returns 0, or -1 with *err. */
int js_run_master_open_recorder(struct js_run *run, struct js_err *err);

/* Closes and frees all parts of the run that are open. */
void js_run_master_close(struct js_run *run);

/* -------------------------------------------------------------- run_config */

/* Checks all values. Returns 0, or -1 with *err if one is out of range. */
int js_run_config_check(const struct jobsched_config *config,
                        struct js_err *err);

/* Fills in what this process knows about its node. Returns 0, or -1 with
 * *err. */
int js_run_config_node(const struct js_topo *topo, struct js_node *ret,
                       struct js_err *err);

/* Does the same, and also finds the cores that other runs hold, if this process
 * does so on behalf of all ranks on its host. (One process is enough, but if no
 * variable says which process is the first on the host, each of them looks.)
 * *claim is then a descriptor that must stay open until other runs can see what
 * this run holds; otherwise it is -1. */
int js_run_config_look_at_node(const struct js_topo *topo, bool bind,
                               struct js_node *ret, int *claim,
                               struct js_err *err);

/* Appends the user's environment for the jobs, without the variables that
 * belong to a single host. Returns 0, or -1 with errno ENOMEM. */
int js_run_config_environ(const struct js_run_rank *rank, struct js_buf *buf);

struct js_wire_setup js_run_config_setup(const struct js_run *run);
struct js_scheduler_config js_run_config_scheduler(const struct js_run *run);

/* Returns the time after which all jobs have ended if nothing was heard from
 * the master; 0: there is no such limit. */
int64_t js_run_config_lease_ns(const struct jobsched_config *config);

/* Returns the part of the time limit that is reserved for the end of the run
 * itself. */
int64_t js_run_config_margin_ns(const struct jobsched_config *config);

/* Returns when the master must begin to end running jobs so that they are gone
 * at the time limit, or JS_NEVER_NS. */
int64_t js_run_config_stop_ns(const struct js_run *run);

/* Returns how long to wait for the slaves. */
int64_t js_run_config_meeting_ns(const struct jobsched_config *config);

/* --------------------------------------------------------------- run_files */

/* Opens the journal, if the run needs one, and reads it. Sets *err unless it
 * returns JOBSCHED_SUCCEEDED. */
enum jobsched_status js_run_files_open_journal(struct js_run *run,
                                               struct js_err *err);

/* Opens the list, the joblog and the other files that the user has named, and
 * checks that none of them would replace another. Returns 0, or -1 with *err
 * for an error that the user can correct. */
int js_run_files_open(struct js_run *run, struct js_err *err);

/* Reports what an earlier run has done, and what is left to do. */
void js_run_files_report_resume(struct js_run *run);

/* Writes the first record of this run; from then on the recorder has the
 * journal as well. */
enum jobsched_status js_run_files_begin_journal(struct js_run *run,
                                                struct js_err *err);

/* Writes the last record of this run, and ends the journal. Returns the status
 * of the run: JOBSCHED_BROKEN with *err if the journal cannot be written. */
enum jobsched_status js_run_files_end_journal(struct js_run *run,
                                              enum jobsched_status status,
                                              struct js_err *err);

/* ------------------------------------------------------------ run_launcher */

/* Implements stop_request of struct js_master_config; `arg` is the run. */
enum js_stop_request js_run_launcher_stop_request(void *arg, int64_t now_ns);

/* Returns the stronger of the requests that signals and the launcher have made
 * so far. */
enum js_stop_request js_run_launcher_request(const struct js_run *run);

/* Implements must_leave of a worker (base/background.h); `arg` is the run:
 * returns true if a call has taken `ns` and the run must end now. */
bool js_run_launcher_must_leave(void *arg, int64_t ns);

/* Reports that the run has begun, without a lease: before its first turn and
 * after its last one the master may be silent for longer. */
void js_run_launcher_report_begun(struct js_run *run);

/* Reports how the run has ended. */
void js_run_launcher_report_ended(struct js_run *run,
                                  enum jobsched_status status);

/* Reads what a launcher on another host has written beside the status file: the
 * signal that makes the run stop, and the outage that it has noticed. */
void js_run_launcher_ask_for_reason(struct js_run *run);
void js_run_launcher_ask_for_outage(struct js_run *run);

/* True if standard output or error accepts no more data. */
bool js_run_launcher_find_outage(const struct js_run *run,
                                 struct js_recorder_outage *ret);

/* True if the launcher has passed on its own descriptor with this number; then
 * no process stands between this one and the user. */
static inline bool js_run_launcher_is_handed(const struct js_run *run,
                                             int number)
{
    return run->launcher.lifeline &&
           js_lifeline_given(run->launcher.lifeline, number) >= 0;
}

/* True if mpirun has ended. Output that it had taken but not passed on is then
 * lost. */
bool js_run_launcher_is_mpirun_gone(const struct js_run *run);

/* Waits until a launcher that passes the output on has written it: all output
 * must have arrived before the end is recorded. */
void js_run_launcher_await_relay(struct js_run *run);

/* --------------------------------------------------------------- run_check */

/* Prints what --check or --dry-run asks for. For `slave_end` see
 * js_simulate_config. */
enum jobsched_status js_run_check_show(struct js_run *run,
                                       struct js_scheduler *scheduler,
                                       const struct js_allocator *allocator,
                                       unsigned slave_end,
                                       struct jobsched_result *result);

/* Does the same without MPI, with one slave for each core of this machine. */
enum jobsched_status js_run_check_here(const struct jobsched_config *config,
                                       struct jobsched_result *result);

#endif
