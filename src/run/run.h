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
#include "record/joblog_reader.h"
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

/* What is heard from whoever has started the run, and what was said to it. */
struct js_run_launcher {
    struct js_lifeline *lifeline; /* the rank's; NULL: there is none */
    int64_t present_ns; /* when the master last said that it is there */
    struct js_signals_passed passed;
    int told;        /* on another host: the signal that it was sent; 0: none */
    bool is_paused;  /* as `passed` says; seen */
    bool is_hurried; /* it was seen that the run must end */
    bool is_drain_told;
    struct js_recorder_outage outage; /* that the launcher has told of */
};

struct js_run {
    const struct jobsched_config *config;
    const struct js_run_rank *rank; /* borrowed; NULL: --check without MPI */
    struct js_run_launcher launcher;

    /* What is read. */
    struct js_source *source;
    struct js_joblog_reader *runtimes; /* NULL: none are known */
    struct js_registry
        *registry; /* what the journal said; NULL: there is none */
    struct js_resume resume;

    /* What is written. */
    struct js_outq *out, *err; /* one and the same on a terminal with a bar */
    struct js_terminal *terminal; /* NULL: none, or of no interest */
    struct js_joblog *joblog;
    struct js_outdir *outdir;   /* NULL: there is none */
    struct js_journal *journal; /* NULL: there is none */
    struct js_recorder recorder;

    /* What the master and its slaves get. */
    struct js_master *master;
    struct js_topo *topo;
    int claim;       /* of cores (node/others.h); -1: none, or no longer */
    uint64_t run_id; /* that its jobs carry */
    struct js_buf environ; /* for the jobs, a NUL behind each variable */
    char *cwd;

    /* How it ended. */
    bool is_abrupt;      /* somebody will not come to MPI_Finalize */
    unsigned lost;       /* slaves */
    bool is_out_of_time; /* stopped by the time limit */
    bool has_run;        /* some job was begun */
};

/* run_config.c */
int js_run_config_node(const struct js_topo *topo, struct js_node *ret,
                       struct js_err *err);
int js_run_config_look_at_node(const struct js_topo *topo, bool bind,
                               struct js_node *ret, int *claim,
                               struct js_err *err);
int64_t js_run_config_lease_ns(const struct jobsched_config *config);
int js_run_config_environ(const struct js_run_rank *rank, struct js_buf *buf);
struct js_wire_setup js_run_config_setup(const struct js_run *run);
struct js_scheduler_config js_run_config_scheduler(const struct js_run *run);
int64_t js_run_config_margin_ns(const struct jobsched_config *config);
int64_t js_run_config_stop_ns(const struct js_run *run);
int64_t js_run_config_meeting_ns(const struct jobsched_config *config);

/* run_launcher.c */
/* The stop_request of the master's configuration; arg is the run. */
enum js_stop_request js_run_launcher_stop_request(void *arg, int64_t now_ns);
/* True if standard output or error takes nothing more. */
bool js_run_launcher_find_outage(const struct js_run *run,
                                 struct js_recorder_outage *ret);
void js_run_launcher_tell_begun(struct js_run *run);
void js_run_launcher_tell_ended(const struct js_run *run,
                                enum jobsched_status status);
enum js_stop_request js_run_launcher_request(const struct js_run *run);
void js_run_launcher_ask_for_reason(struct js_run *run);
const char *js_run_launcher_reason(const struct js_run *run);
bool js_run_launcher_is_handed(const struct js_run *run, int number);
bool js_run_launcher_is_mpirun_gone(const struct js_run *run);
void js_run_launcher_ask_for_outage(struct js_run *run);
void js_run_launcher_await_relay(struct js_run *run);

/* run_inputs.c */
void js_run_inputs_tell_line(void *arg, const char *text);
int js_run_inputs_open(struct js_run *run, struct js_err *err);

/* run_resume.c */
enum jobsched_status js_run_resume_open(struct js_run *run, struct js_err *err);
void js_run_resume_tell_standing(struct js_run *run);
enum jobsched_status js_run_resume_begin(struct js_run *run,
                                         struct js_err *err);
void js_run_resume_marks(struct js_run *run, struct js_master_config *config);
enum jobsched_status js_run_resume_end(struct js_run *run,
                                       enum jobsched_status status,
                                       struct js_err *err);

/* run_master.c */
int js_run_master_open_recorder(struct js_run *run, struct js_err *err);
void js_run_master_release(struct js_run *run);
enum jobsched_status js_run_master_work(const struct js_run_rank *rank,
                                        struct js_link *link,
                                        struct jobsched_result *result);

/* run_result.c */
enum jobsched_status js_run_result_fail(struct jobsched_result *result,
                                        enum jobsched_status status,
                                        const struct js_err *err);
void js_run_result_count(const struct js_run *run,
                         const struct js_master_result *ran,
                         struct jobsched_result *result);
enum jobsched_status js_run_result_judge(struct js_run *run,
                                         const struct js_master_result *ran,
                                         const struct jobsched_result *result,
                                         struct js_err *err);
bool js_run_result_has_no_jobs(const struct js_run *run,
                               const struct jobsched_result *result);
enum jobsched_status js_run_result_settle(struct js_run *run,
                                          enum jobsched_status status,
                                          struct js_err *err);

/* run_check.c */
enum jobsched_status js_run_check_show(struct js_run *run,
                                       struct js_scheduler *scheduler,
                                       const struct js_allocator *allocator,
                                       unsigned slave_end,
                                       struct jobsched_result *result);
enum jobsched_status js_run_check_here(const struct jobsched_config *config,
                                       struct jobsched_result *result);

/* run_slave.c */
enum jobsched_status js_run_slave_work(const struct js_run_rank *rank,
                                       struct js_link *link,
                                       struct jobsched_result *result);

/* run_rank.c */
enum jobsched_status js_run_rank_refuse_alone(struct jobsched_result *result);
enum jobsched_status js_run_rank_work(struct js_run_rank *rank,
                                      struct jobsched_result *result);
int js_run_rank_prepare(struct js_run_rank *rank, struct js_err *err);

/* run_end.c */
void js_run_end_send_home(struct js_link *link, enum js_leaving leaving);
void js_run_end_watch_masterless(void);
void js_run_end_finalize(struct js_link *link, int64_t limit_ns,
                         struct jobsched_result *result);

#endif
