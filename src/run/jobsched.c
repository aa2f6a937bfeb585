/* Implements include/jobsched.h: the one place that wires the parts together.
 */
#include "jobsched.h"

#include "base/argv.h"
#include "base/bridges.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/launchenv.h"
#include "base/lifeline.h"
#include "base/mca.h"
#include "base/paths.h"
#include "base/printable.h"
#include "base/process.h"
#include "base/terminal.h"
#include "base/userenv.h"
#include "base/watchdog.h"
#include "list/registry.h"
#include "list/resume.h"
#include "list/source.h"
#include "list/targets.h"
#include "mpi/link.h"
#include "mpi/master.h"
#include "mpi/slave.h"
#include "mpi/slave_setup.h"
#include "node/cgroup.h"
#include "node/memory.h"
#include "node/others.h"
#include "node/signals.h"
#include "node/topo.h"
#include "record/console.h"
#include "record/delivery.h"
#include "record/display.h"
#include "record/joblog.h"
#include "record/joblog_reader.h"
#include "record/journal.h"
#include "record/outdir.h"
#include "record/recorder.h"
#include "record/run_status.h"
#include "record/summary.h"
#include "runner/runner.h"
#include "sched/capacity.h"
#include "sched/simulate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mpi.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Lines of progress where nobody may be looking; and where they are wanted. */
static const int64_t line_first_ns = 30 * JS_NS_PER_S;
static const int64_t line_most_ns = 600 * JS_NS_PER_S;
static const int64_t line_wanted_ns = 10 * JS_NS_PER_S;

/* How long the slaves are awaited, at most. */
static const int64_t meeting_most_ns = 60 * JS_NS_PER_S;

enum {
    FILES_WANTED = 4096,
    PRESENT_PART = 4, /* of the lease: so often the master says it is there */
};

/* What the launcher is given to end by itself; and what the other processes are
 * given to leave. */
static const int64_t abort_most_ns = 5 * JS_NS_PER_S;
static const int64_t farewell_ns = 200 * JS_NS_PER_MS;

/* What MPI_Finalize is given: slaves wait in it for a master that has to bring
 * its records to disk. */
static const int64_t master_end_ns = 30 * JS_NS_PER_S;
static const int64_t slave_end_ns = 600 * JS_NS_PER_S;

/* ... and what comes before it: messages that are still on their way. */
static const int64_t drain_most_ns = 2 * JS_NS_PER_S;

/* How long the end of a run waits until a launcher that passes its output on
 * has written it: a reader that is slower is not waited for. */
static const int64_t relay_most_ns = 20 * JS_NS_PER_S;
enum { RELAY_LOOK_MS = 20 };

/* Until the end of a stream counts: where its feeder may have been killed
 * within a line, and with it the run; where mpirun may have been, or a daemon
 * of it. */
static const int64_t settle_feeder_ns = 200 * JS_NS_PER_MS;
static const int64_t settle_mpirun_ns = 500 * JS_NS_PER_MS;
static const int64_t settle_daemon_ns = 3 * JS_NS_PER_S;

/* Before a time limit: what is kept for the end of the run itself, at most. */
static const int64_t limit_margin_ns = 2 * JS_NS_PER_S;
enum { LIMIT_MARGIN_PART = 10 };

unsigned jobsched_cores(void)
{
    struct js_err err;
    struct js_cpuset cpus;
    unsigned cores = 0;
    struct js_topo *topo = js_topo_new(&err);
    if (topo && js_topo_inherited(topo, &cpus, &err) == 0)
        cores = js_topo_cores(topo, &cpus);
    js_topo_free(topo);
    unsigned quota = js_cgroup_cores("");
    if (quota > 0 && quota < cores)
        cores = quota;
    return cores > 0 ? cores : 1;
}

uint64_t jobsched_memory_bytes(void)
{
    return js_memory_limit_bytes("");
}

const char *jobsched_version(void)
{
    return JS_VERSION;
}

const char *jobsched_mpi(void)
{
    return js_link_library();
}

const char *jobsched_hwloc(void)
{
    return js_topo_library();
}

void jobsched_config_init(struct jobsched_config *config)
{
    *config = (struct jobsched_config){
        .demo_jobs = 30,
        .demo_duration_ns = JS_NS_PER_S,
        .round_size = 10,
        .slots = 1,
        .bind = true,
        .spool_limit_bytes = UINT64_C(1) << 30,
        .grace_ns = 5 * JS_NS_PER_S,
        .gpus = JOBSCHED_GPUS_FOUND,
        .sync_ns = JS_NS_PER_S,
        .slave_timeout_ns = 30 * JS_NS_PER_S,
        .start_timeout_ns = 300 * JS_NS_PER_S,
    };
}

static enum jobsched_status jobsched_fail(struct jobsched_result *result,
                                          enum jobsched_status status,
                                          const struct js_err *err)
{
    result->status = status;
    snprintf(result->error, sizeof(result->error), "%s", err->text);
    return status;
}

/* ---------------------------------------------------------------- this node */

/* The machine since its last boot; 0 where the system does not tell. */
static uint64_t read_boot_id(void)
{
    char text[64] = "";
    uint64_t id = 0;
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t len = read(fd, text, sizeof(text) - 1);
    close(fd);
    for (ssize_t i = 0; i < len; i++)
        id = (id ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
    return id;
}

static int describe_node(const struct js_topo *topo, struct js_node *ret,
                         struct js_err *err)
{
    memset(ret, 0, sizeof(*ret));
    if (gethostname(ret->host, sizeof(ret->host) - 1) < 0)
        return js_err_errno(err, "this host has no name");
    ret->boot_id = read_boot_id();
    ret->quota_cores = js_cgroup_cores("");
    return js_topo_inherited(topo, &ret->cpus, err);
}

/*
 * Which cores of it other runs hold: one process looks for all of its host, and
 * *claim is to be kept until what its own run holds can be seen. Where nobody
 * says which is the first, each looks.
 */
static int jobsched_look_at_node(const struct js_topo *topo, bool bind,
                                 struct js_node *ret, int *claim,
                                 struct js_err *err)
{
    int local_rank = js_launchenv_local_rank();
    *claim = -1;
    if (describe_node(topo, ret, err) < 0)
        return -1;
    if (!bind || local_rank > 0)
        return 0;
    if (local_rank == 0)
        *claim = js_others_lock();
    js_others_held(&ret->cpus, &ret->held);
    return 0;
}

/* ---------------------------------------------------------------- a rank */

/* What a process has before MPI comes up. */
struct rank {
    const struct jobsched_config *config;
    struct js_runner *runner;     /* of a slave; else NULL */
    struct js_lifeline *lifeline; /* NULL: no launcher of ours on this host */
    uint64_t parent, parent_started; /* mpirun, or what stands for it here */
    struct js_buf environ;  /* the user's, as far as it is known here */
    const char **variables; /* of it, then NULL */
    int64_t begun_ns;
};

/* ---------------------------------------------------------------- master */

/* Of standard output or error: it takes nothing more. */
struct outage {
    const char *name;
    int error;
    bool is_reader_gone; /* who has had enough; a disk that is full has not */
};

struct run {
    const struct jobsched_config *config;
    const struct rank *rank;      /* borrowed; NULL: a rehearsal without MPI */
    struct js_lifeline *lifeline; /* of it; NULL: there is none */
    struct js_outq *out, *err; /* one and the same on a terminal with a bar */
    struct js_terminal *terminal; /* NULL: none, or of no interest */
    struct js_console console;
    struct js_display display;
    int claim; /* of cores (node/others.h); -1: none, or no longer */
    struct js_delivery *delivery;
    struct js_joblog *joblog;
    struct js_outdir *outdir;     /* NULL: there is none */
    struct js_journal *journal;   /* NULL: there is none */
    struct js_registry *registry; /* what it said; NULL: there is none */
    uint64_t run_id;              /* that its jobs carry */
    struct js_resume resume;
    struct js_recorder recorder;
    struct js_source *source;
    struct js_master *master;
    struct js_joblog_reader *runtimes; /* NULL: none are known */
    struct js_topo *topo;
    struct js_buf environ; /* for the jobs, a NUL behind each variable */
    struct js_node node;   /* this one, once topo is there */
    char *cwd;
    int64_t begun_ns;
    int64_t present_ns; /* when whoever has started it was last told */
    struct js_signals_passed passed; /* by the launcher */
    int told; /* ... of another host: the signal that it was sent; 0: none */
    bool is_paused;  /* as that says; seen */
    bool is_hurried; /* seen that we were told to end */
    bool is_drain_told;
    bool is_outage_told;
    struct outage outage; /* that the launcher has told of */
    bool is_abrupt;       /* somebody will not come to MPI_Finalize */
    unsigned lost;        /* slaves */
    bool is_out_of_time;  /* stopped by the time limit */
    bool has_run;         /* some job was begun */
};

/* The master's hook: for --longest-first. */
static void job_accepted(void *arg, struct js_job *job)
{
    const struct run *run = arg;
    if (run->runtimes)
        job->expected_ns = js_joblog_reader_find(run->runtimes, job->command,
                                                 job->command_len);
}

/* From the file that the job has written into, where the folder is shared. */
static bool jobsched_read_tail(const struct run *run,
                               const struct js_completion *completion,
                               struct js_output_tail *ret)
{
    const struct js_outcome *outcome = &completion->outcome;
    struct js_buf path = JS_BUF_INIT;
    if (run->config->output != JOBSCHED_OUTPUT_DIR || !run->journal ||
        !js_output_tail_begin(ret, outcome))
        return false;
    bool is_error = ret->stream == 2;
    bool is_read =
        js_buf_printf(&path, "%s/%llu.%s", run->config->output_dir,
                      (unsigned long long)completion->job->id,
                      is_error ? "err" : "out") == 0 &&
        js_output_tail_read(ret, js_buf_string(&path),
                            is_error ? outcome->err_bytes : outcome->out_bytes);
    js_buf_release(&path);
    return is_read;
}

/* Told by the delivery. */
static void job_finished(void *arg, const struct js_completion *completion)
{
    struct run *run = arg;
    struct js_completion told = *completion;
    struct js_output_tail tail;
    js_master_finished(run->master, completion);
    if (jobsched_read_tail(run, completion, &tail))
        told.tail = &tail;
    js_recorder_finished(&run->recorder, &told);
}

static void job_dispatched(void *arg, const struct js_job *job)
{
    struct run *run = arg;
    js_recorder_dispatched(&run->recorder, job);
    /* Now, or a slave might say that it runs the job before this is seen. */
    if (run->config->trace && !js_delivery_is_within_job(run->delivery))
        js_console_flush(&run->console);
}

static void note_journal(struct run *run, int rc)
{
    if (rc < 0)
        js_err_errno(&run->recorder.journal_error, "the journal");
}

static void slave_enlisted(void *arg, unsigned slave, uint32_t slots,
                           const char *host,
                           const struct js_process_pair *processes)
{
    struct run *run = arg;
    if (run->recorder.journal)
        note_journal(run, js_journal_add_slave(run->recorder.journal, slave,
                                               slots, host, processes));
}

static void slave_parted(void *arg, unsigned slave)
{
    struct run *run = arg;
    if (run->recorder.journal)
        note_journal(run, js_journal_add_left(run->recorder.journal, slave));
}

static void runner_restarted(void *arg, unsigned slave,
                             const struct js_process_pair *processes)
{
    struct run *run = arg;
    if (run->recorder.journal)
        note_journal(run, js_journal_add_processes(run->recorder.journal, slave,
                                                   processes));
}

static void job_lost(void *arg, const struct js_job *job, unsigned slave)
{
    struct run *run = arg;
    if (run->recorder.journal)
        note_journal(run,
                     js_journal_add_lost(run->recorder.journal, job, slave));
}

static void job_begun(void *arg, const struct js_job *job, unsigned slave,
                      int64_t age_ns)
{
    struct run *run = arg;
    if (run->recorder.journal)
        note_journal(run,
                     js_journal_add_begun(run->recorder.journal, job, slave,
                                          js_clock_unix_ns() - age_ns));
}

/* A launcher that is not told can only guess, and that is all. */
static void tell_status(const struct run *run, const struct js_run_status *said)
{
    const struct js_lifeline_news news = {
        .stage = said->phase == JS_RUN_ENDED ? JS_STAGE_ENDED : JS_STAGE_BEGUN,
        .status = said->status,
        .lost = said->lost,
        .is_out_of_time = said->is_out_of_time,
        .has_run = said->has_run,
        .out_bytes = said->out_bytes,
        .lease_ns = said->lease_ns,
        .is_paused = run->is_paused,
    };
    if (run->lifeline)
        js_lifeline_report(run->lifeline, &news);
    else if (run->config->status_file)
        js_run_status_write(run->config->status_file, said);
}

/* When the master has not been heard of for so long, all jobs have ended. */
static int64_t lease_of(const struct jobsched_config *config)
{
    int64_t lease_ns;
    if (config->slave_timeout_ns == 0 ||
        __builtin_add_overflow(config->slave_timeout_ns,
                               config->grace_ns + JS_NS_PER_S, &lease_ns))
        return 0;
    return lease_ns;
}

/* Once a turn of the master. */
static void tell_presence(struct run *run, int64_t now_ns)
{
    struct js_run_status said = {.phase = JS_RUN_BEGUN,
                                 .lease_ns = lease_of(run->config)};
    if (said.lease_ns == 0 ||
        now_ns - run->present_ns < said.lease_ns / PRESENT_PART)
        return;
    /* Its launcher sees the socket: that need not be said again and again. */
    run->present_ns = run->lifeline ? INT64_MAX : now_ns;
    tell_status(run, &said);
}

/* Without a lease: before its first turn and after its last the master may be
 * silent for longer. */
static void jobsched_tell_begun(struct run *run)
{
    struct js_run_status said = {.phase = JS_RUN_BEGUN};
    run->present_ns = INT64_MIN / 2; /* not so far */
    tell_status(run, &said);
}

static void tell_ended(const struct run *run, enum jobsched_status status)
{
    struct js_run_status said = {.phase = JS_RUN_ENDED,
                                 .status = (int)status,
                                 .lost = run->lost,
                                 .is_out_of_time = run->is_out_of_time,
                                 .has_run = run->has_run};
    tell_status(run, &said);
}

/* The stronger of what signals and the launcher ask for. */
static enum js_stop_request asked(const struct run *run)
{
    enum js_stop_request stop_request = js_signals_request();
    return stop_request > run->passed.stop_request ? stop_request
                                                   : run->passed.stop_request;
}

static void pause_output(struct run *run)
{
    run->is_paused = run->passed.is_paused;
    js_outq_hold(run->err, run->is_paused);
    if (run->out != run->err)
        js_outq_hold(run->out, run->is_paused);
    struct js_run_status said = {.phase = JS_RUN_BEGUN,
                                 .lease_ns = lease_of(run->config)};
    tell_status(run, &said);
}

static void listen_to_launcher(struct run *run)
{
    int signal;
    while (run->lifeline && (signal = js_lifeline_take(run->lifeline)) != 0) {
        js_signals_pass(&run->passed, signal);
        if (signal == SIGKILL)
            break;
    }
    if (run->is_paused != run->passed.is_paused)
        pause_output(run);
}

/* The master's hook, once a turn. Who is warned, or told to end, has little
 * time: what is not on disk yet is brought there now. */
static bool jobsched_commit(void *arg, int64_t now_ns)
{
    struct run *run = arg;
    listen_to_launcher(run);
    bool is_hurried = asked(run) >= JS_STOP_REQUEST_END;
    bool is_warned =
        js_signals_take_warning() || (is_hurried && !run->is_hurried);
    run->is_hurried = is_hurried;
    if (is_warned && run->recorder.journal)
        js_journal_sync_soon(run->recorder.journal);
    tell_presence(run, now_ns);
    bool is_on_record = js_recorder_commit(
        &run->recorder, now_ns, js_delivery_is_within_job(run->delivery));
    return is_on_record && !run->is_paused;
}

/* Where the launcher is on another host its signal comes by way of mpirun as
 * another one: which it was it has said first, to the user as well. */
static void ask_for_reason(struct run *run)
{
    const char *path = run->config->status_file;
    int number = path && !run->lifeline ? js_run_status_read_signal(path) : 0;
    if (number != 0)
        run->told = number;
}

static const char *reason_of(const struct run *run)
{
    struct js_signals_passed told = {.stop_request = JS_STOP_REQUEST_NOW,
                                     .signal = run->told};
    return js_signals_reason(run->told ? &told : &run->passed);
}

static void tell_drain(struct run *run)
{
    bool is_interrupt = run->passed.interrupts > 0;
    run->is_drain_told = true;
    ask_for_reason(run);
    if (run->told)
        return;
    js_log(&run->console.log,
           "%s: no more jobs are started, and those that run go on to their "
           "end%s",
           js_signals_reason(&run->passed),
           is_interrupt ? ", or until a second ^C" : "");
}

/* The master's hook. */
static bool jobsched_is_quiet(void *arg)
{
    const struct run *run = arg;
    return !run->journal || js_journal_is_quiet(run->journal);
}

/* ---------------------------------------------------------------- outages */

static bool is_reader_gone(const struct js_outq *outq)
{
    int error = js_outq_error(outq);
    struct stat st;
    /* Of a terminal EIO says that it was closed; of a file, that it is lost. */
    bool is_terminal = fstat(js_outq_fd(outq), &st) == 0 && S_ISCHR(st.st_mode);
    return error == EPIPE || error == ECONNRESET ||
           (error == EIO && is_terminal);
}

/* Whoever closes standard error wants none of our messages; but what a job
 * writes there must go somewhere. */
static bool find_outage(const struct run *run, struct outage *ret)
{
    if (run->outage.error) {
        *ret = run->outage;
        return true;
    }
    int out = js_outq_error(run->out), err = js_outq_error(run->err);
    if (err == EBADF && js_delivery_withheld(run->delivery) == 0)
        err = 0;
    *ret = (struct outage){.name = out ? "standard output" : "standard error",
                           .error = out ? out : err,
                           .is_reader_gone =
                               is_reader_gone(out ? run->out : run->err)};
    return ret->error != 0;
}

/* The launcher has handed its own over, and nobody stands between. */
static bool is_handed(const struct run *run, int number)
{
    return run->lifeline && js_lifeline_stdio(run->lifeline, number) >= 0;
}

/* ... and with it, what it had taken of our output and not passed on. */
static bool is_mpirun_gone(const struct run *run)
{
    const struct rank *rank = run->rank;
    return rank && !is_handed(run, STDOUT_FILENO) &&
           ((uint64_t)getppid() != rank->parent ||
            js_process_is_ending(rank->parent, rank->parent_started));
}

static void tell_outage(struct run *run, const struct outage *outage)
{
    if (run->is_outage_told)
        return;
    run->is_outage_told = true;
    js_log(&run->console.log,
           "%s: %s: no more jobs are started, and those that run are ended%s",
           outage->name,
           outage->is_reader_gone ? "its reader has gone"
                                  : js_errno_text(outage->error),
           outage->is_reader_gone
               ? "; what could not be written is not on record"
               : "");
}

/* The master's hook. A run that cannot be recorded, or whose output nobody
 * gets, does not go on either. */
static enum js_stop_request stop_request(void *arg)
{
    struct run *run = arg;
    struct outage outage;
    enum js_stop_request stop_request = asked(run);
    if (stop_request == JS_STOP_REQUEST_DRAIN && !run->is_drain_told)
        tell_drain(run);
    if (stop_request < JS_STOP_REQUEST_END && find_outage(run, &outage)) {
        tell_outage(run, &outage);
        return JS_STOP_REQUEST_END;
    }
    if (stop_request == JS_STOP_REQUEST_NONE &&
        run->recorder.journal_error.text[0])
        return JS_STOP_REQUEST_DRAIN;
    return stop_request;
}

static int64_t jobsched_deadline_ns(void *arg)
{
    const struct run *run = arg;
    const struct js_journal *journal = run->recorder.journal;
    int64_t display_ns = js_display_deadline_ns(&run->display);
    int64_t journal_ns =
        journal ? js_journal_deadline_ns(journal) : JS_NEVER_NS;
    return display_ns < journal_ns ? display_ns : journal_ns;
}

static struct js_progress progress_of(const struct run *run,
                                      const struct js_master_standing *standing)
{
    const struct js_summary *summary = &run->recorder.summary;
    uint64_t ended = summary->done + summary->failed + summary->skipped;
    bool is_known;
    uint64_t total = js_source_total(run->source, &is_known);
    return (struct js_progress){
        .done = summary->done,
        .failed = summary->failed,
        .skipped = summary->skipped,
        .running = standing->running,
        .left = is_known ? total - ended : UINT64_MAX,
        .slots = standing->slots,
        .busy_slots = standing->busy_slots,
        .is_stopping = standing->is_stopping,
        .elapsed_ns = standing->wall_ns,
    };
}

/* The master's hook. */
static void turned(void *arg, int64_t now_ns)
{
    struct run *run = arg;
    struct js_master_standing standing;
    if (!js_display_is_due(&run->display, now_ns))
        return;
    js_master_standing(run->master, &standing);
    if (standing.wall_ns >= 0)
        js_display_show(&run->display, now_ns, progress_of(run, &standing),
                        run->recorder.summary.busy_ns,
                        js_delivery_is_within_job(run->delivery));
}

/* Lines still to come count as well, unless nobody knows whether they do. */
static size_t unwritten(void *arg)
{
    const struct run *run = arg;
    const struct js_recorder *recorder = &run->recorder;
    size_t to_come =
        recorder->journal_error.text[0] ? 0 : js_recorder_unreported(recorder);
    return js_console_unwritten(&run->console) + to_come;
}

static nfds_t wait_for(void *arg, struct pollfd *fds)
{
    struct run *run = arg;
    struct js_outq *outqs[] = {run->out, run->err};
    nfds_t count = 0;
    if (run->lifeline)
        fds[count++] = (struct pollfd){.fd = js_lifeline_fd(run->lifeline),
                                       .events = POLLIN};
    if (run->is_paused)
        return count;
    for (int i = 0; i < (run->out == run->err ? 1 : 2); i++) {
        if (js_outq_pending(outqs[i]) > 0)
            fds[count++] =
                (struct pollfd){.fd = js_outq_fd(outqs[i]), .events = POLLOUT};
    }
    return count;
}

/* A job that is an mpirun would bind its ranks to the node's first cores,
 * whatever cores the job has; told so, they stay on those of the job. Of Open
 * MPI 4 and 5; MPICH does not bind. */
static const char *const nested_binding[] = {
    "OMPI_MCA_hwloc_base_binding_policy",
    "PRTE_MCA_hwloc_default_binding_policy",
    NULL,
};

/* The user's environment, less what is each host's own. */
static int copy_environ(const struct rank *rank, struct js_buf *buf)
{
    for (const char **p = rank->variables; *p; p++) {
        if (!js_launchenv_host_bound(*p) &&
            js_buf_append(buf, *p, strlen(*p) + 1) < 0)
            return -1;
    }
    for (const char *const *name = nested_binding; *name; name++) {
        if (!js_userenv_value(&rank->environ, *name) &&
            js_buf_printf(buf, "%s=none%c", *name, '\0') < 0)
            return -1;
    }
    return 0;
}

static mode_t current_umask(void)
{
    mode_t mask = umask(0);
    umask(mask);
    return mask;
}

/* The console is not open yet: nothing else is written now. */
static void jobsched_tell_error(void *arg, const char *text)
{
    (void)arg;
    dprintf(STDERR_FILENO, "jobsched: %s\n", text);
}

/* The journal's and the list's. */
static void jobsched_tell_line(void *arg, const char *text)
{
    const struct run *run = arg;
    if (run->console.log.line)
        js_log(&run->console.log, "%s", text);
    else
        jobsched_tell_error(NULL, text);
}

/* False once one of those has gone that stand between us and the feeder. */
static bool is_way_intact(void *arg)
{
    const struct run *run = arg;
    return is_handed(run, STDIN_FILENO) ? js_lifeline_is_up(run->lifeline)
                                        : !is_mpirun_gone(run);
}

/* An mpirun closes what it passes on when it dies, and a daemon of it on this
 * host when it has seen that; an mpirun that was told to end closes it first. A
 * feeder may be killed together with the run, which is then told at once. */
static struct js_input_config inlet_of(struct run *run)
{
    const struct rank *rank = run->rank;
    struct js_input_config inlet = {.fd = STDIN_FILENO,
                                    .is_intact = is_way_intact,
                                    .arg = run,
                                    .settle_cut_ns = settle_feeder_ns};
    bool is_direct = is_handed(run, STDIN_FILENO);
    inlet.is_marked = !is_direct && run->config->is_job_stream;
    if (!is_direct && !inlet.is_marked)
        inlet.settle_ns = js_launchenv_is_launcher((pid_t)rank->parent)
                              ? settle_mpirun_ns
                              : settle_daemon_ns;
    return inlet;
}

/* From standard input, by whatever name. */
static bool reads_stdin(const struct jobsched_config *config)
{
    const char *path = config->job_file;
    return config->is_job_stream || strcmp(path, "-") == 0 ||
           js_path_fd(path) == STDIN_FILENO;
}

static struct js_source *jobsched_open_list(struct run *run, struct js_err *err)
{
    const struct jobsched_config *config = run->config;
    struct js_resume *resume = run->journal ? &run->resume : NULL;
    const char *path = config->job_file;
    const struct js_target_own own[] = {
        {strcmp(path, "-") == 0 ? NULL : path, "the job list"},
        {run->journal ? js_journal_path(run->journal) : config->journal,
         "the journal"},
        {config->joblog, "the joblog"},
        {NULL, NULL}};
    const struct js_source_ear ear = {
        .tell = jobsched_tell_line, .arg = run, .own = own};
    if (run->rank && reads_stdin(config)) {
        struct js_input_config inlet = inlet_of(run);
        return js_source_new_stream(path, &inlet, resume, &ear, err);
    }
    if (run->rank && js_path_fd(path) >= 0) {
        js_err_set(err,
                   "%s: mpirun passes no open file on but its standard input: "
                   "feed the list to that, and write \"-\" for it",
                   path);
        return NULL;
    }
    return js_source_new_file(path, resume, &ear, err);
}

static int open_source(struct run *run, struct js_err *err)
{
    const struct jobsched_config *config = run->config;
    struct js_resume *resume = run->journal ? &run->resume : NULL;
    if (config->job_file) {
        run->source = jobsched_open_list(run, err);
        if (run->source && js_launchenv_damages(js_source_fd(run->source)))
            js_source_distrust(run->source);
        return run->source ? 0 : -1;
    }
    run->source =
        js_source_new_demo(config->demo_jobs, config->demo_duration_ns, resume);
    return run->source ? 0 : js_err_errno(err, "the demonstration");
}

static int jobsched_open_output(const struct jobsched_config *config,
                                struct js_err *err)
{
    if (config->output != JOBSCHED_OUTPUT_DIR)
        return 0;
    if (mkdir(config->output_dir, 0777) < 0 && errno != EEXIST)
        return js_err_errno(err,
                            "name another folder with --output: %s cannot be "
                            "made",
                            config->output_dir);
    struct stat st;
    if (stat(config->output_dir, &st) == 0 && !S_ISDIR(st.st_mode))
        return js_err_set(err,
                          "name another folder with --output: %s is a file",
                          config->output_dir);
    if (access(config->output_dir, W_OK | X_OK) < 0)
        return js_err_errno(err,
                            "name another folder with --output: %s cannot be "
                            "written into",
                            config->output_dir);
    return 0;
}

/* No job's output may take the place of something else. */
static int check_output_names(const struct run *run, struct js_err *err)
{
    const struct jobsched_config *config = run->config;
    const char *paths[] = {config->job_file, config->joblog,
                           run->journal ? js_journal_path(run->journal) : NULL,
                           config->longest_first};
    if (config->output != JOBSCHED_OUTPUT_DIR)
        return 0;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (paths[i] && js_is_output_of(config->output_dir, paths[i]))
            return js_err_set(err,
                              "name another folder with --output: a job's "
                              "output in %s could replace %s",
                              config->output_dir, paths[i]);
    }
    return 0;
}

/* ... nor of that of another list's jobs. */
static int take_output_folder(struct run *run, struct js_err *err)
{
    const struct js_outdir_config config = {
        .dir = run->config->output_dir,
        .list = run->config->job_file,
        .journal = run->journal ? js_journal_path(run->journal) : NULL,
        .log = {jobsched_tell_line, run}};
    if (run->config->output != JOBSCHED_OUTPUT_DIR || !config.list)
        return 0;
    return js_outdir_take(&config, &run->outdir, err);
}

/* ... nor may the joblog. */
static int check_joblog_name(const struct run *run, struct js_err *err)
{
    const char *joblog = run->config->joblog;
    const char *list = run->config->job_file;
    if (joblog && list && js_same_file(joblog, list))
        return js_err_set(err,
                          "%s is the job list: the joblog would replace "
                          "it; give another file",
                          joblog);
    if (joblog && run->journal &&
        js_same_file(joblog, js_journal_path(run->journal)))
        return js_err_set(err,
                          "%s is the journal: the joblog would damage it; give "
                          "another file",
                          joblog);
    return 0;
}

/* ---------------------------------------------------------------- journal */

static int tell_news(void *arg, const struct js_resume_news *news)
{
    struct run *run = arg;
    return js_journal_add_news(run->journal, news);
}

/* Where the journal is, owned by *ret; NULL: there is to be none. */
static int journal_path(const struct jobsched_config *config, char **ret)
{
    *ret = NULL;
    if (config->journal) {
        *ret = strdup(config->journal);
        return *ret ? 0 : -1;
    }
    return config->no_journal || config->is_job_stream
               ? 0
               : js_journal_name(config->job_file, ret);
}

static enum js_resume_what what_of(const struct jobsched_config *config)
{
    switch (config->retry) {
    case JOBSCHED_RETRY_ONLY_FAILED:
        return JS_RESUME_ONLY_FAILED;
    case JOBSCHED_RETRY_NOT_FAILED:
        return JS_RESUME_NOT_FAILED;
    case JOBSCHED_RETRY_ALL:
        break;
    }
    return JS_RESUME_ALL;
}

static bool jobsched_is_told_to_end(void)
{
    return js_signals_request() != JS_STOP_REQUEST_NONE;
}

static enum jobsched_status open_journal_at(struct run *run, const char *path,
                                            struct js_err *err)
{
    const struct jobsched_config *config = run->config;
    char host[JS_HOST_SIZE] = "";
    struct js_journal_part part = {.command = config->command,
                                   .restarts = config->command_restarts};
    if (config->job_file && js_same_file(path, config->job_file)) {
        js_err_set(err, "%s is the job list: name another journal", path);
        return JOBSCHED_BAD_INPUT;
    }
    run->registry = js_registry_new();
    if (!run->registry || gethostname(host, sizeof(host) - 1) < 0) {
        js_err_errno(err, "the journal");
        return JOBSCHED_BROKEN;
    }
    if (!js_launchenv_batch(part.batch, sizeof(part.batch),
                            &part.batch_restarts))
        part.batch[0] = '\0';
    struct js_journal_config journal = {
        .path = path,
        .host = host,
        .part = &part,
        .is_fresh = config->fresh,
        .is_forced = config->force_lock,
        .is_read_only = config->action != JOBSCHED_RUN,
        .sync_ns = config->sync_ns,
        .lease_ns = lease_of(config),
        .outlives = js_launchenv_recovers(),
        .is_cancelled = jobsched_is_told_to_end,
        .log = {jobsched_tell_line, run},
    };
    int rc = js_journal_open(&journal, run->registry, &run->journal, err);
    if (rc == JS_JOURNAL_REFUSED)
        return JOBSCHED_BAD_INPUT;
    if (rc < 0)
        return JOBSCHED_BROKEN;
    js_resume_init(&run->resume, run->registry, what_of(config), tell_news,
                   run);
    return JOBSCHED_SUCCEEDED;
}

static enum jobsched_status jobsched_open_journal(struct run *run,
                                                  struct js_err *err)
{
    char *path;
    if (journal_path(run->config, &path) < 0) {
        js_err_errno(err, "the journal");
        return JOBSCHED_BROKEN;
    }
    if (!path && run->config->retry == JOBSCHED_RETRY_ONLY_FAILED) {
        js_err_set(err, "--retry-failed: without a journal nothing is known "
                        "of failed jobs; name it with --journal");
        return JOBSCHED_BAD_INPUT;
    }
    enum jobsched_status status =
        path ? open_journal_at(run, path, err) : JOBSCHED_SUCCEEDED;
    free(path);
    return status;
}

/* What an earlier run has done, and what is left of it. */
static void tell_standing(struct run *run)
{
    struct js_buf text = JS_BUF_INIT;
    struct js_source_survey survey;
    js_source_survey(run->source, &survey);
    const struct js_resume_counts *counts = &survey.resume;
    const struct js_log *log = &run->console.log;
    if (!run->journal || !js_journal_has_jobs(run->journal))
        return;
    if (!survey.is_known)
        js_log(log, "going on: what the journal says succeeded is not run "
                    "again");
    else if (js_resume_describe(counts, &text) == 0)
        js_log(log, "%s%s", js_buf_string(&text),
               counts->runs == 0 && counts->aside == 0
                   ? " (--fresh starts over)"
                   : "");
    js_buf_release(&text);
    if (counts->held > 0)
        js_log(log,
               "%llu that --retry-failed asks for come%s after jobs that it "
               "does not: %s",
               (unsigned long long)counts->held, counts->held == 1 ? "s" : "",
               "without it they run");
}

static enum jobsched_status begin_journal(struct run *run, struct js_err *err)
{
    int rc = js_journal_begin(run->journal, err);
    if (rc < 0)
        return rc == JS_JOURNAL_REFUSED ? JOBSCHED_BAD_INPUT : JOBSCHED_BROKEN;
    run->recorder.journal = run->journal;
    return JOBSCHED_SUCCEEDED;
}

/* ---------------------------------------------------------------- inputs */

static int check_rehearsal(const struct run *run, struct js_err *err)
{
    if (!js_source_is_stream(run->source))
        return 0;
    return js_err_set(err, "--check and --dry-run need a file: a stream is "
                           "read as its jobs are run");
}

/* Of an open file only the launcher can pass on which one is meant. */
static int jobsched_open_joblog(struct run *run, struct js_err *err)
{
    const char *path = run->config->joblog;
    bool goes_on = run->journal && js_journal_has_jobs(run->journal);
    if (!path)
        return 0;
    int number = js_path_fd(path), given = -1;
    if (number <= STDERR_FILENO)
        given = number;
    else if (run->lifeline)
        given = js_lifeline_joblog(run->lifeline);
    if (given >= 0)
        run->joblog = js_joblog_open_fd(path, given,
                                        run->config->command_restarts > 0, err);
    else if (number >= 0)
        return js_err_set(err,
                          "the joblog %s: mpirun passes no open file on: name "
                          "a file or a FIFO, or start jobsched without mpirun",
                          path);
    else
        run->joblog = js_joblog_open(path, goes_on, err);
    return run->joblog ? 0 : -1;
}

/* What may fail because of what the user gave. */
static int open_inputs(struct run *run, struct js_err *err)
{
    const char *past_runs = run->config->longest_first;
    if (open_source(run, err) < 0)
        return -1;
    if (past_runs && run->rank && js_path_fd(past_runs) > STDERR_FILENO)
        return js_err_set(err,
                          "--longest-first %s: mpirun passes no open file on: "
                          "name a file",
                          past_runs);
    if (past_runs && !(run->runtimes = js_joblog_reader_load(past_runs, err)))
        return -1;
    if (run->config->action != JOBSCHED_RUN)
        return check_rehearsal(run, err);
    if (jobsched_open_output(run->config, err) < 0 ||
        check_output_names(run, err) < 0 || check_joblog_name(run, err) < 0 ||
        take_output_folder(run, err) < 0)
        return -1;
    return jobsched_open_joblog(run, err);
}

static void init_records(struct run *run)
{
    run->recorder = (struct js_recorder){
        .joblog = run->joblog,
        .console = &run->console,
        .graph = js_source_graph(run->source),
        .registry = run->registry,
        .is_traced = run->config->trace,
    };
}

/* Not into a trace, unless it is asked for, and then no bar: slaves write lines
 * of it that it would not give way to. Nor would it to what a reader of stdout
 * writes to the same terminal. */
static enum js_display_kind display_kind(const struct run *run)
{
    const struct jobsched_config *config = run->config;
    bool is_wanted = config->progress == JOBSCHED_PROGRESS_ALWAYS;
    if (config->action != JOBSCHED_RUN ||
        config->progress == JOBSCHED_PROGRESS_NEVER ||
        (config->trace && !is_wanted))
        return JS_DISPLAY_OFF;
    return !config->trace && run->terminal &&
                   js_terminal_takes_bar(run->terminal, is_wanted)
               ? JS_DISPLAY_BAR
               : JS_DISPLAY_LINES;
}

static void open_display(struct run *run)
{
    bool is_wanted = run->config->progress == JOBSCHED_PROGRESS_ALWAYS;
    struct js_display_config display = {
        .kind = display_kind(run),
        .terminal = run->terminal,
        .console = &run->console,
        .line_first_ns = is_wanted ? JS_NS_PER_S : line_first_ns,
        .line_most_ns = is_wanted ? line_wanted_ns : line_most_ns,
    };
    js_display_init(&run->display, &display);
}

/* What is drawn on stderr can give way only to what comes the same way. */
static int open_outqs(struct run *run, struct js_err *err)
{
    run->terminal = js_terminal_new(
        run->lifeline ? js_lifeline_launcher(run->lifeline) : 0);
    bool is_one_way = display_kind(run) == JS_DISPLAY_BAR &&
                      run->terminal->out == JS_STDOUT_SAME;
    run->err = js_outq_new(STDERR_FILENO);
    run->out = is_one_way ? run->err : js_outq_new(STDOUT_FILENO);
    if (!run->out || !run->err)
        return js_err_errno(err, "the output of jobs cannot be set up");
    js_console_init(&run->console, run->out, run->err);
    open_display(run);
    run->delivery = js_delivery_new(run->out, run->err, &run->console.log,
                                    job_finished, run);
    if (!run->delivery)
        return js_err_errno(err, "the output of jobs cannot be set up");
    return 0;
}

static struct js_wire_setup setup_of(const struct run *run)
{
    static const enum js_capture captures[] = {
        [JOBSCHED_OUTPUT_PASS] = JS_CAPTURE_SPOOL,
        [JOBSCHED_OUTPUT_DIR] = JS_CAPTURE_DIR,
        [JOBSCHED_OUTPUT_NONE] = JS_CAPTURE_NONE,
    };
    const struct jobsched_config *config = run->config;
    return (struct js_wire_setup){
        .slots = config->slots,
        .bind = config->bind,
        .trace = config->trace,
        .allow_leftovers = config->allow_leftovers,
        .run_id = run->run_id,
        .gpus = config->gpus,
        .timeout_ns = config->timeout_ns,
        .capture = captures[config->output],
        .umask = current_umask(),
        .spool_limit_bytes = config->spool_limit_bytes,
        .grace_ns = config->grace_ns,
        .lease_ns = config->slave_timeout_ns,
        .cwd = run->cwd,
        .output_dir = config->output_dir ? config->output_dir : "",
        .tmpdir = config->tmpdir ? config->tmpdir : "",
        .environ = run->environ.data,
        .environ_len = run->environ.len,
    };
}

static struct js_scheduler_config scheduler_of(const struct run *run)
{
    const struct jobsched_config *config = run->config;
    uint64_t failed_before =
        run->registry ? js_registry_settled(run->registry) : 0;
    uint64_t failures = config->max_failures;
    if (config->fail_fast && failures == 0)
        failures = 1;
    return (struct js_scheduler_config){.round_size = config->round_size,
                                        .barrier = config->barrier,
                                        .longest_first = config->longest_first,
                                        .retries = config->retries,
                                        .failures = failures,
                                        .failed_before = failed_before,
                                        .timeout_ns = config->timeout_ns};
}

static int64_t margin_of(const struct jobsched_config *config)
{
    int64_t margin_ns = config->time_limit_ns / LIMIT_MARGIN_PART;
    return margin_ns < limit_margin_ns ? margin_ns : limit_margin_ns;
}

/* When what runs must be told to end, to be gone at the limit. */
static int64_t stop_of(const struct run *run)
{
    int64_t limit_ns = run->config->time_limit_ns;
    int64_t stop_ns;
    if (limit_ns == 0 ||
        __builtin_add_overflow(run->begun_ns, limit_ns, &stop_ns))
        return JS_NEVER_NS;
    return stop_ns - margin_of(run->config) - run->config->grace_ns;
}

static int64_t meeting_of(const struct jobsched_config *config)
{
    return config->start_timeout_ns < meeting_most_ns ? config->start_timeout_ns
                                                      : meeting_most_ns;
}

/* What the jobs of this run carry, and what those of runs that were killed
 * carried. */
static void find_marks(struct run *run, struct js_master_config *config)
{
    if (run->journal) {
        run->run_id = js_journal_run_id(run->journal);
        config->dead = js_journal_dead_runs(run->journal, &config->dead_count);
    } else {
        run->run_id = js_process_new_id();
    }
}

static int open_master(struct run *run, struct js_link *link,
                       struct js_err *err)
{
    struct js_master_config config = {
        .scheduler = scheduler_of(run),
        .timeout_percent = run->config->timeout_percent,
        .strict_mem = run->config->strict_mem,
        .fail_fast = run->config->fail_fast,
        .is_rehearsal = run->config->action != JOBSCHED_RUN,
        .show_map = run->config->show_map,
        .meeting_ns = meeting_of(run->config),
        .quiet_ns = run->journal ? js_journal_quiet_ns(run->journal) : 0,
        .source = run->source,
        .delivery = run->delivery,
        .log = run->console.log,
        .stop_ns = stop_of(run),
        .hooks = {.accepted = job_accepted,
                  .dispatched = job_dispatched,
                  .enlisted = slave_enlisted,
                  .parted = slave_parted,
                  .restarted = runner_restarted,
                  .lost = job_lost,
                  .begun = run->journal ? job_begun : NULL,
                  .is_quiet = jobsched_is_quiet,
                  .commit = jobsched_commit,
                  .stop_request = stop_request,
                  .turned = turned,
                  .deadline_ns = jobsched_deadline_ns,
                  .unwritten = unwritten,
                  .wait_for = wait_for,
                  .arg = run},
    };
    if (run->config->action == JOBSCHED_RUN)
        find_marks(run, &config);
    run->cwd = js_userenv_cwd(&run->rank->environ);
    if (!run->cwd)
        return js_err_errno(err, "the working directory cannot be found");
    if (copy_environ(run->rank, &run->environ) < 0)
        return js_err_errno(err, "the environment cannot be kept for the jobs");
    config.setup = setup_of(run);
    run->topo = js_topo_new(err);
    if (!run->topo || jobsched_look_at_node(run->topo, run->config->bind,
                                            &config.node, &run->claim, err) < 0)
        return -1;
    config.claim = &run->claim;
    run->master = js_master_new(&config, link);
    return run->master ? 0 : js_err_errno(err, "the master cannot be set up");
}

static void release_run(struct run *run)
{
    js_fd_close(&run->claim);
    js_master_free(run->master);
    js_delivery_free(run->delivery);
    js_console_release(&run->console);
    /* In reverse: the flags of what they share are put back as they were. */
    if (run->err != run->out)
        js_outq_free(run->err);
    js_outq_free(run->out);
    js_terminal_free(run->terminal);
    js_recorder_release(&run->recorder);
    js_outdir_close(run->outdir);
    js_journal_close(run->journal);
    js_registry_free(run->registry);
    js_joblog_reader_free(run->runtimes);
    js_source_free(run->source);
    js_topo_free(run->topo);
    js_buf_release(&run->environ);
    free(run->cwd);
}

/* A command, or the joblog. */
static int append_where_to_look(const struct run *run, struct js_buf *text)
{
    const struct jobsched_config *config = run->config;
    struct js_argv words = JS_ARGV_INIT;
    struct stat st;
    if (!run->journal)
        return js_buf_printf(text, ": %s",
                             config->joblog ? "see the joblog"
                                            : "--joblog FILE keeps a line of "
                                              "each attempt");
    js_argv_add(&words, "jobsched");
    js_argv_add(&words, "--status");
    if (config->journal) {
        js_argv_add(&words, "--journal");
        js_argv_add(&words, config->journal);
    }
    if (config->job_file && stat(config->job_file, &st) == 0 &&
        S_ISREG(st.st_mode))
        js_argv_add(&words, config->job_file);
    int rc = js_buf_puts(text, "; to see more: ");
    if (rc == 0)
        rc = js_argv_check(&words) < 0 ? -1 : js_argv_quote(&words, text);
    js_argv_release(&words);
    return rc;
}

static void describe_failures(const struct run *run,
                              struct jobsched_result *result)
{
    struct js_buf text = JS_BUF_INIT;
    if (js_recorder_describe_failed(&run->recorder, &text) == 0 &&
        text.len > 0 && append_where_to_look(run, &text) == 0 &&
        js_buf_string(&text))
        snprintf(result->failures, sizeof(result->failures), "%s", text.data);
    js_buf_release(&text);
}

static void count_result(const struct run *run,
                         const struct js_master_result *ran,
                         struct jobsched_result *result)
{
    struct js_buf text = JS_BUF_INIT;
    result->done = run->recorder.summary.done;
    result->failed = run->recorder.summary.failed;
    result->skipped = run->recorder.summary.skipped;
    result->left = ran->left;
    result->slaves = ran->slaves;
    result->slots = ran->slots;
    result->wall_ns = ran->wall_ns;
    result->busy =
        js_summary_busy(&run->recorder.summary, ran->wall_ns, ran->slots);
    uint64_t left = ran->is_left_known ? ran->left : UINT64_MAX;
    describe_failures(run, result);
    if (js_summary_text(&run->recorder.summary, left, ran->wall_ns, ran->slots,
                        &text) == 0)
        snprintf(result->summary, sizeof(result->summary), "%s",
                 js_buf_string(&text));
    js_buf_release(&text);
}

/* ---------------------------------------------------------------- rehearsal */

static void show_shape(struct run *run)
{
    struct js_source_survey survey;
    js_source_survey(run->source, &survey);
    const struct js_graph_shape *shape = &survey.shape;
    js_console_trace(
        &run->console,
        "%s: %llu job%s; longest chain %llu, widest level %llu\n",
        js_source_name(run->source), (unsigned long long)shape->jobs,
        shape->jobs == 1 ? "" : "s", (unsigned long long)shape->longest_chain,
        (unsigned long long)shape->width);
}

/* Waits for the reader. */
static void jobsched_drain(struct js_outq *outq)
{
    while (js_outq_pending(outq) > 0) {
        struct pollfd fd = {.fd = js_outq_fd(outq), .events = POLLOUT};
        poll(&fd, 1, -1);
        js_outq_flush(outq);
    }
}

struct showing {
    struct run *run;
    const struct js_allocator *allocator;
};

/* What is held of one node. */
static int describe_part(const struct js_allocator *allocator,
                         const struct js_allocation *allocation,
                         struct js_buf *buf)
{
    struct js_placement place;
    struct js_cpuset cpus;
    if (js_allocator_place(allocator, allocation->rank, &place) < 0)
        return -1;
    js_allocation_cpus(allocator, allocation, &cpus);
    if (js_buf_printf(buf, "slave %u on %s, CPUs ", allocation->rank,
                      place.node->host) < 0 ||
        js_cpuset_format(&cpus, buf) < 0)
        return -1;
    if (allocation->gpu_count == 0)
        return 0;
    return js_buf_puts(buf, ", GPUs ") < 0
               ? -1
               : js_allocation_gpus(allocator, allocation, buf);
}

static int describe_allocation(const struct js_allocator *allocator,
                               const struct js_allocation *allocation,
                               struct js_buf *buf)
{
    int rc = describe_part(allocator, allocation, buf);
    for (uint32_t i = 0; rc == 0 && i < allocation->other_count; i++) {
        rc = js_buf_puts(buf, " and ");
        if (rc == 0)
            rc = describe_part(allocator, &allocation->others[i], buf);
    }
    return rc;
}

/* The command as it is: but it can steer no terminal. */
static int append_plainly(struct js_buf *buf, const struct js_job *job)
{
    size_t before = buf->len;
    if (js_buf_append(buf, job->command, job->command_len) < 0 ||
        !js_buf_string(buf))
        return -1;
    js_make_printable(buf->data + before);
    return 0;
}

/* All take as long, and longer than what is given out ahead of time. */
static void accept_simulated(void *arg, struct js_job *job)
{
    const struct showing *showing = arg;
    job_accepted(showing->run, job);
    job->duration_ns = 2 * JS_SCHEDULER_AHEAD_NS;
}

static void show_start(void *arg, const struct js_scheduler_decision *assigned)
{
    struct showing *showing = arg;
    struct js_buf text = JS_BUF_INIT;
    if (describe_allocation(showing->allocator, assigned->allocation, &text) ==
            0 &&
        js_buf_puts(&text, ": ") == 0 &&
        append_plainly(&text, assigned->job) == 0)
        js_console_trace(&showing->run->console, "job %llu: %s\n",
                         (unsigned long long)assigned->job->id,
                         js_buf_string(&text));
    js_buf_release(&text);
    js_console_flush(&showing->run->console);
    jobsched_drain(showing->run->out);
}

static enum jobsched_status rehearse(struct run *run,
                                     struct js_scheduler *scheduler,
                                     const struct js_allocator *allocator,
                                     unsigned slave_end,
                                     struct jobsched_result *result)
{
    struct js_err err;
    struct showing showing = {run, allocator};
    struct js_simulation ran;
    const struct js_simulate_config config = {.slave_end = slave_end,
                                              .accepted = accept_simulated,
                                              .assigned = show_start,
                                              .arg = &showing};
    int rc = 0;
    if (run->config->action == JOBSCHED_CHECK)
        show_shape(run);
    else
        rc = js_simulate(scheduler, run->source, &config, &ran, &err);
    js_console_flush(&run->console);
    jobsched_drain(run->out);
    if (rc < 0)
        return jobsched_fail(result, JOBSCHED_BAD_INPUT, &err);
    if (!js_outq_error(run->out) || is_reader_gone(run->out))
        return JOBSCHED_SUCCEEDED;
    js_err_set(&err, "standard output: %s",
               js_errno_text(js_outq_error(run->out)));
    return jobsched_fail(result, JOBSCHED_BROKEN, &err);
}

/* As many slaves as this machine has cores. */
static int equip_here(struct run *run, struct js_allocator *allocator,
                      struct js_scheduler *scheduler, struct js_err *err)
{
    struct js_node node;
    struct js_resources resources = {0};
    run->topo = js_topo_new(err);
    if (!run->topo || describe_node(run->topo, &node, err) < 0)
        return -1;
    if (node.quota_cores > 0)
        js_topo_prefer(run->topo, &node.cpus, &node.held, node.quota_cores,
                       &node.cpus);
    if (js_slave_setup_resources(run->topo, &node.cpus, run->config->gpus,
                                 (const char *const *)environ, &resources,
                                 err) < 0)
        return -1;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < resources.core_count; i++) {
        unsigned rank = i + 1;
        if (js_allocator_add(allocator, rank, &node, true) < 0 ||
            js_allocator_equip(allocator, rank, &resources, &i, 1) < 0 ||
            js_scheduler_add_slave(scheduler, rank, 1) < 0)
            rc = js_err_errno(err, "this machine");
    }
    js_resources_release(&resources);
    return rc;
}

static enum jobsched_status rehearse_on(struct run *run,
                                        struct js_allocator *allocator,
                                        struct js_scheduler *scheduler,
                                        struct jobsched_result *result)
{
    struct js_err err;
    if (equip_here(run, allocator, scheduler, &err) < 0)
        return jobsched_fail(result, JOBSCHED_BROKEN, &err);
    if (js_capacity_check(allocator, run->source, &run->console.log) > 0) {
        js_err_set(&err, "jobs need more than this machine has");
        return jobsched_fail(result, JOBSCHED_BAD_INPUT, &err);
    }
    return rehearse(run, scheduler, allocator, 0, result);
}

/* Without MPI: started alone. */
static enum jobsched_status rehearse_here(const struct jobsched_config *config,
                                          struct jobsched_result *result)
{
    struct js_err err;
    struct run run = {.config = config, .claim = -1};
    enum jobsched_status status;
    result->is_master = true;
    status = jobsched_open_journal(&run, &err);
    if (status != JOBSCHED_SUCCEEDED) {
        jobsched_fail(result, status, &err);
    } else if (open_inputs(&run, &err) < 0) {
        status = jobsched_fail(result, JOBSCHED_BAD_INPUT, &err);
    } else if (open_outqs(&run, &err) < 0) {
        status = jobsched_fail(result, JOBSCHED_BROKEN, &err);
    } else {
        struct js_scheduler_config scheduler_config = scheduler_of(&run);
        struct js_source_survey survey;
        js_source_survey(run.source, &survey);
        scheduler_config.is_ordered =
            survey.is_ordered || scheduler_config.longest_first;
        struct js_allocator *allocator = js_allocator_new();
        struct js_scheduler *scheduler =
            allocator ? js_scheduler_new(&scheduler_config,
                                         js_source_graph(run.source), allocator)
                      : NULL;
        js_err_errno(&err, "the rehearsal cannot be set up");
        status = scheduler ? rehearse_on(&run, allocator, scheduler, result)
                           : jobsched_fail(result, JOBSCHED_BROKEN, &err);
        js_console_flush(&run.console);
        jobsched_drain(run.err);
        js_scheduler_free(scheduler);
        js_allocator_free(allocator);
    }
    release_run(&run);
    return status;
}

/* ---------------------------------------------------------------- the run */

/* What the next run will know, now that the journal has its end or not. */
static void tell_journal(const struct run *run, const char *why, bool is_well,
                         struct js_err *err)
{
    uint64_t lost = js_recorder_lost(&run->recorder);
    if (js_journal_is_gone(run->journal))
        js_err_set(err,
                   "%s; all that has finished was in it: if it was moved, move "
                   "it back, or else all of that will run again",
                   why);
    else if (lost > 0)
        js_err_set(err,
                   "%s; finished jobs that are not in it: %llu, which were not "
                   "reported and will run again",
                   why, (unsigned long long)lost);
    else
        js_err_set(err,
                   "%s; %sall that has finished is in it: the same command "
                   "goes on%s",
                   why, is_well ? "in the end it could be written again: " : "",
                   is_well ? "" : " when it can be written again");
}

/* The journal's last record. What could not be put into it is run again. */
static enum jobsched_status
end_journal(struct run *run, enum jobsched_status status, struct js_err *err)
{
    struct js_err why = run->recorder.journal_error;
    if (!run->recorder.journal)
        return status;
    if (why.text[0])
        status = JOBSCHED_BROKEN;
    bool is_well = js_journal_end(run->journal, (int)status, &why) == 0;
    if (!is_well)
        status = JOBSCHED_BROKEN;
    js_recorder_report(&run->recorder);
    if (why.text[0])
        tell_journal(run, why.text, is_well, err);
    js_journal_close(run->journal);
    run->journal = run->recorder.journal = NULL;
    return status;
}

static const char *next_step(const struct run *run)
{
    if (run->source && js_source_is_stream(run->source))
        return run->journal ? "give the whole stream again: what is done will "
                              "not run again"
                            : "nothing is on record: it would start over";
    return run->journal ? "the same command goes on from here"
                        : "without a journal the same command starts over";
}

static void tell_interrupted(struct run *run,
                             const struct js_master_result *ran,
                             struct js_err *err)
{
    struct outage outage;
    char why[128];
    ask_for_reason(run);
    const char *reason =
        asked(run) == JS_STOP_REQUEST_NONE ? "" : reason_of(run);
    const char *next = next_step(run);
    bool is_outage = find_outage(run, &outage);
    if (is_outage && (run->outage.error || !reason[0]))
        snprintf(why, sizeof(why), "because the reader of %s has gone",
                 outage.name);
    else
        snprintf(why, sizeof(why), "by %s",
                 reason[0] ? reason : "the time limit");
    run->is_out_of_time = !reason[0] && !is_outage;
    if (ran->is_left_known)
        js_err_set(err, "stopped %s, %llu job%s left: %s", why,
                   (unsigned long long)ran->left, ran->left == 1 ? "" : "s",
                   next);
    else
        js_err_set(err, "stopped %s: %s", why, next);
}

/* In *err is what broke the run. */
static void tell_broken(const struct run *run, struct js_err *err)
{
    struct js_err why = *err;
    if (run->config->action == JOBSCHED_RUN)
        js_err_set(err, "%s: %s", why.text, next_step(run));
}

/* Jobs that failed, and do not run in this run. */
static bool has_kept_failures(const struct js_resume_counts *counts)
{
    return counts->stand + counts->held > 0;
}

static enum jobsched_status jobsched_judge(struct run *run,
                                           const struct js_master_result *ran,
                                           const struct jobsched_result *result,
                                           struct js_err *err)
{
    struct js_source_survey survey;
    switch (ran->end) {
    case JS_MASTER_BROKEN:
        tell_broken(run, err);
        return JOBSCHED_BROKEN;
    case JS_MASTER_BAD_INPUT:
        return JOBSCHED_BAD_INPUT;
    case JS_MASTER_INTERRUPTED:
        tell_interrupted(run, ran, err);
        return JOBSCHED_STOPPED;
    case JS_MASTER_DONE:
    case JS_MASTER_STOPPED:
    case JS_MASTER_REHEARSED:
        break;
    }
    js_source_survey(run->source, &survey);
    return result->failed + result->skipped > 0 ||
                   has_kept_failures(&survey.resume) ||
                   has_kept_failures(&run->resume.counts)
               ? JOBSCHED_JOBS_FAILED
               : JOBSCHED_SUCCEEDED;
}

/* Nor were there any in an earlier run. */
static bool has_no_jobs(const struct run *run,
                        const struct jobsched_result *result)
{
    struct js_source_survey survey;
    js_source_survey(run->source, &survey);
    const struct js_resume_counts *counts =
        survey.is_known ? &survey.resume : &run->resume.counts;
    return survey.shape.jobs == 0 && result->left == 0 &&
           result->done + result->failed + result->skipped == 0 &&
           counts->done + counts->failed + counts->left + counts->again +
                   counts->changed + counts->added ==
               0;
}

static enum jobsched_status judge_outage(const struct run *run,
                                         enum jobsched_status status,
                                         struct js_err *err)
{
    struct outage outage;
    if (status == JOBSCHED_BROKEN || status == JOBSCHED_BAD_INPUT ||
        !find_outage(run, &outage))
        return status;
    if (is_mpirun_gone(run))
        js_err_set(err,
                   "mpirun has gone, and what it had not passed on of the "
                   "jobs' output is lost: %s",
                   next_step(run));
    else if (!outage.is_reader_gone)
        js_err_set(err,
                   "%s: %s: what could not be written is not on record: %s "
                   "(--output DIR keeps output in files)",
                   outage.name, js_errno_text(outage.error), next_step(run));
    else
        return status;
    return JOBSCHED_BROKEN;
}

/* Where the output of this run goes through a launcher on another host: it
 * stops the run with a signal, and says here why. */
static void ask_for_outage(struct run *run)
{
    const char *path = run->config->status_file;
    int error = path && !is_handed(run, STDOUT_FILENO)
                    ? js_run_status_read_outage(path)
                    : 0;
    if (error == 0)
        return;
    run->outage =
        (struct outage){.name = "standard output",
                        .error = error,
                        .is_reader_gone = error == EPIPE ||
                                          error == ECONNRESET || error == EIO};
}

/* What it asks a launcher that passes its output on may be in vain: then the
 * end is recorded without an answer. */
static bool is_relay_awaited(struct run *run, uint64_t bytes)
{
    const char *path = run->config->status_file;
    /* An outage is told before the signal that it is the reason for. */
    bool is_to_end =
        js_signals_request() >= JS_STOP_REQUEST_END || is_mpirun_gone(run);
    ask_for_outage(run);
    return run->outage.error == 0 && !is_to_end &&
           js_run_status_read_taken(path) != bytes;
}

/* The output of jobs on record is to have arrived before the end is on record:
 * else the launcher would have another status to tell. */
static void await_relay(struct run *run)
{
    uint64_t bytes = js_outq_written(run->out);
    int64_t until_ns = js_clock_ns() + relay_most_ns;
    const struct js_run_status said = {.phase = JS_RUN_BEGUN,
                                       .out_bytes = bytes};
    if (!run->config->status_file || is_handed(run, STDOUT_FILENO) ||
        bytes == 0)
        return;
    tell_status(run, &said);
    while (is_relay_awaited(run, bytes) && js_clock_ns() < until_ns)
        poll(NULL, 0, RELAY_LOOK_MS);
}

/* An outage that came to light when all jobs had ended. */
static enum jobsched_status judge_late_outage(struct run *run,
                                              enum jobsched_status status,
                                              struct js_err *err)
{
    await_relay(run);
    bool is_good =
        status == JOBSCHED_SUCCEEDED || status == JOBSCHED_JOBS_FAILED;
    if (!run->outage.is_reader_gone || !is_good)
        return status;
    js_err_set(err, "stopped because the reader of %s has gone: %s",
               run->outage.name, next_step(run));
    return JOBSCHED_STOPPED;
}

/* Whatever may still go wrong, but for the journal's last record, which has to
 * tell of it. */
static enum jobsched_status jobsched_settle(struct run *run,
                                            enum jobsched_status status,
                                            struct js_err *err)
{
    struct js_err joblog_err;
    /* If it cannot be: its end cannot be written either. */
    if (run->recorder.journal && js_recorder_unreported(&run->recorder) > 0)
        js_journal_settle(run->recorder.journal, &joblog_err);
    js_recorder_report(&run->recorder);
    js_console_flush(&run->console);
    status = judge_late_outage(run, status, err);
    status = judge_outage(run, status, err);
    int rc = js_joblog_close(run->joblog, &joblog_err);
    run->joblog = NULL;
    run->recorder.joblog = NULL;
    if (rc == 0 || status == JOBSCHED_BROKEN || status == JOBSCHED_BAD_INPUT)
        return status;
    *err = joblog_err;
    return JOBSCHED_BROKEN;
}

/* The slaves have nothing more to do. */
static void send_home(struct js_link *link, enum js_leaving leaving)
{
    struct js_buf message = JS_BUF_INIT;
    js_wire_pack_number(&message, (uint64_t)leaving);
    for (int i = 1; i < link->size; i++)
        js_link_post(link, i, JS_TAG_SHUTDOWN, &message, NULL);
    js_buf_release(&message);
}

static enum jobsched_status work_as_master(struct run *run,
                                           struct js_link *link,
                                           struct jobsched_result *result)
{
    struct js_err err = {""};
    struct js_master_result ran;
    js_master_run(run->master, &ran, &err);
    js_display_end(&run->display);
    jobsched_tell_begun(run);
    if (ran.end == JS_MASTER_REHEARSED)
        return rehearse(run, js_master_plan(run->master),
                        js_master_pool(run->master), (unsigned)link->size,
                        result);
    bool is_hurried =
        js_signals_request() >= JS_STOP_REQUEST_HURRY || run->passed.is_hurried;
    run->is_abrupt = (is_hurried && !js_launchenv_is_patient()) || ran.lost > 0;
    run->lost = ran.lost;
    run->has_run = ran.wall_ns > 0;
    /* What is slow from here on is none of their business; but a launcher that
     * sees one of them leave at once would not wait for us. */
    if (!run->is_abrupt)
        send_home(link, JS_LEAVE_TOGETHER);
    count_result(run, &ran, result);
    ask_for_outage(run);
    enum jobsched_status status = jobsched_judge(run, &ran, result, &err);
    if (status == JOBSCHED_SUCCEEDED && has_no_jobs(run, result))
        js_log(&run->console.log, "no jobs in %s", js_source_name(run->source));
    status = jobsched_settle(run, status, &err);
    status = end_journal(run, status, &err);
    js_console_flush(&run->console);
    js_console_end_line(&run->console);
    return jobsched_fail(result, status, &err);
}

/* Opens all that is needed, and says to whom it may concern what is wrong. */
static enum jobsched_status
prepare_master(struct run *run, struct js_link *link, struct js_err *err)
{
    enum jobsched_status status = jobsched_open_journal(run, err);
    if (status != JOBSCHED_SUCCEEDED)
        return status;
    if (open_inputs(run, err) < 0)
        return JOBSCHED_BAD_INPUT;
    if (open_outqs(run, err) < 0)
        return JOBSCHED_BROKEN;
    init_records(run);
    tell_standing(run);
    if (run->config->action == JOBSCHED_RUN && run->journal)
        status = begin_journal(run, err);
    if (status != JOBSCHED_SUCCEEDED)
        return status;
    return open_master(run, link, err) < 0 ? JOBSCHED_BROKEN
                                           : JOBSCHED_SUCCEEDED;
}

static enum jobsched_status run_master(const struct rank *rank,
                                       struct js_link *link,
                                       struct jobsched_result *result)
{
    const struct jobsched_config *config = rank->config;
    struct js_err err = {""};
    struct run run = {.config = config,
                      .claim = -1,
                      .rank = rank,
                      .lifeline = rank->lifeline,
                      .begun_ns = rank->begun_ns};
    result->is_master = true;
    jobsched_tell_begun(&run);
    enum jobsched_status status = prepare_master(&run, link, &err);
    bool is_prepared = status == JOBSCHED_SUCCEEDED;
    if (is_prepared)
        status = work_as_master(&run, link, result);
    else
        jobsched_fail(result, status, &err);
    result->is_abrupt = run.is_abrupt;
    result->lost = run.lost;
    if (run.is_abrupt)
        send_home(link, JS_LEAVE_AT_ONCE);
    else if (!is_prepared || config->action != JOBSCHED_RUN)
        send_home(link, JS_LEAVE_TOGETHER);
    js_joblog_close(run.joblog, NULL);
    tell_ended(&run, status);
    release_run(&run);
    return status;
}

/* ---------------------------------------------------------------- slave */

/* Output that waits for the master may hold some hundred files. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= FILES_WANTED)
        return;
    limit.rlim_cur =
        limit.rlim_max < FILES_WANTED ? limit.rlim_max : FILES_WANTED;
    setrlimit(RLIMIT_NOFILE, &limit); /* if not: fewer will do */
}

/* Whose launcher has gone will not be ended by it. */
static enum js_stop_request slave_request(void *arg)
{
    struct js_lifeline *lifeline = arg;
    enum js_stop_request stop_request = js_signals_request();
    if (stop_request == JS_STOP_REQUEST_NONE && lifeline &&
        js_lifeline_take(lifeline) == SIGKILL)
        return JS_STOP_REQUEST_HURRY;
    return stop_request;
}

static int run_slave(const struct rank *rank, struct js_link *link,
                     enum js_leaving *ret, struct js_err *err)
{
    const struct jobsched_config *own = rank->config;
    const char *tmpdir = getenv("TMPDIR");
    struct js_slave_config config = {
        .runner_ops = &js_runner_ops,
        .runner = rank->runner,
        .processes = js_process_pair_of((uint64_t)js_runner_pid(rank->runner)),
        .environ = rank->variables,
        .tmpdir = tmpdir && tmpdir[0] ? tmpdir : "/tmp",
        .stop_request = slave_request,
        .request_arg = rank->lifeline,
        .start_ns = own->start_timeout_ns + meeting_of(own),
    };
    struct js_topo *topo = js_topo_new(err);
    struct js_outq *trace = js_outq_new(STDOUT_FILENO);
    struct js_slave *slave = NULL;
    int claim = -1, rc = -1;
    raise_file_limit();
    config.topo = topo;
    config.trace = trace;
    config.claim = &claim;
    if (topo && jobsched_look_at_node(topo, own->bind, &config.node, &claim,
                                      err) == 0) {
        slave = js_slave_new(&config, link);
        rc = slave ? js_slave_run(slave, ret, err)
                   : js_err_errno(err, "this slave cannot be set up");
    }
    js_slave_free(slave);
    js_fd_close(&claim);
    js_outq_free(trace);
    js_topo_free(topo);
    return rc;
}

/* ---------------------------------------------------------------- both */

static enum jobsched_status refuse_alone(struct jobsched_result *result)
{
    struct js_err err;
    if (js_launchenv_is_one_of_many())
        js_launchenv_refuse_many(jobsched_mpi(), &err);
    else
        js_err_set(&err, "one process alone cannot run jobs: start a master "
                         "and some slaves with `mpirun -np N jobsched ...`, N "
                         "being one more than the slaves");
    return jobsched_fail(result, JOBSCHED_BAD_INPUT, &err);
}

/* One that is used up by what comes off it would start nothing, however often
 * the same command is given. */
static int check_time_limit(const struct jobsched_config *config,
                            struct js_err *err)
{
    const double second = JS_NS_PER_S;
    int64_t margin_ns = margin_of(config);
    if (config->time_limit_ns == 0 ||
        config->time_limit_ns - margin_ns > config->grace_ns)
        return 0;
    return js_err_set(err,
                      "a time limit of %g s leaves no time to run anything: "
                      "%g s of it are for jobs to end in (--grace) and %g s "
                      "for the run itself; give a longer --time-limit or a "
                      "shorter --grace",
                      (double)config->time_limit_ns / second,
                      (double)config->grace_ns / second,
                      (double)margin_ns / second);
}

/* Most of it the command line cannot give, but a program can. */
static int check_config(const struct jobsched_config *config,
                        struct js_err *err)
{
    if (config->job_file && !config->job_file[0])
        return js_err_set(err, "job_file: the name of the job list is empty");
    if (config->round_size == 0)
        return js_err_set(err, "round_size: a round has at least one job");
    if (config->output == JOBSCHED_OUTPUT_DIR &&
        (!config->output_dir || !config->output_dir[0]))
        return js_err_set(err, "output_dir: output to a folder needs one");
    if (config->grace_ns < 0 || config->demo_duration_ns < 0 ||
        config->timeout_ns < 0)
        return js_err_set(err, "grace_ns, demo_duration_ns, timeout_ns: a time "
                               "is not negative");
    if (config->start_timeout_ns <= 0)
        return js_err_set(err, "start_timeout_ns: a start takes some time");
    if (config->sync_ns < 0 || config->time_limit_ns < 0 ||
        config->slave_timeout_ns < 0)
        return js_err_set(err, "sync_ns, time_limit_ns, slave_timeout_ns: a "
                               "time is not negative");
    if (config->gpus > JS_GPUS_MAX && config->gpus != JOBSCHED_GPUS_FOUND)
        return js_err_set(err, "gpus: at most %d", JS_GPUS_MAX);
    return check_time_limit(config, err);
}

static void sleep_ns(int64_t ns)
{
    struct timespec pause = {.tv_sec = ns / JS_NS_PER_S,
                             .tv_nsec = ns % JS_NS_PER_S};
    while (nanosleep(&pause, &pause) < 0 && errno == EINTR)
        continue;
}

/* Until the launcher has gone, or for that long. */
static bool is_gone_within(pid_t launcher, int64_t ns)
{
    static const int64_t look_ns = 50 * JS_NS_PER_MS;
    for (; ns > 0 && js_launchenv_is_launcher(launcher); ns -= look_ns)
        sleep_ns(look_ns);
    return !js_launchenv_is_launcher(launcher);
}

/*
 * MPI_Abort takes this process with it, and then the launcher may wait for ever
 * for a host that is lost; it ends on a SIGTERM. (Measured with Open MPI 4.1.4:
 * an abort takes 1 to 4 s, and so does the end after a SIGTERM.) So a process
 * of its own sees to that, without the descriptors that would hold it up as
 * well.
 */
static void watch_launcher(pid_t launcher)
{
    if (!js_launchenv_is_launcher(launcher) || fork() != 0)
        return;
    setsid();
    for (int fd = 0; fd < FILES_WANTED; fd++)
        close(fd);
    if (!is_gone_within(launcher, abort_most_ns))
        kill(launcher, SIGTERM);
    if (!is_gone_within(launcher, 2 * abort_most_ns))
        kill(launcher, SIGKILL);
    _exit(EXIT_SUCCESS);
}

/* Where rank 0 has been killed nobody else ends an mpirun that waits for ever
 * (Open MPI 4.1.4 under recovery, when all ranks on two hosts have left). */
static void watch_masterless(void)
{
    if (js_launchenv_has_lost_first())
        watch_launcher(getppid());
}

struct awaited {
    struct jobsched_result *result;
    int64_t limit_ns;
    char hint[1024]; /* why MPI may not come up */
};

/* Open MPI uses every address that another host says it has. Whoever has chosen
 * which knows of that. */
static void hint_at_bridges(struct awaited *awaited)
{
    char names[256];
    if (js_launchenv_rank() != 0 || js_mca_is_set("btl_tcp_if_include") ||
        js_mca_is_set("btl_tcp_if_exclude"))
        return;
    js_bridges(names, sizeof(names));
    if (names[0])
        snprintf(awaited->hint, sizeof(awaited->hint),
                 "jobsched: this host has the network bridge %s: if another "
                 "one has the same address there, Open MPI takes it for the "
                 "way; set OMPI_MCA_btl_tcp_if_exclude=127.0.0.1/8,%s\n",
                 names, names);
}

/* There is no other way out of MPI_Init. */
static void jobsched_give_up_start(void *arg)
{
    const struct awaited *awaited = arg;
    dprintf(STDERR_FILENO,
            "jobsched: MPI has not come up within %d s: is a process or a host "
            "of the run gone? Nothing has run\n%s",
            (int)(awaited->limit_ns / JS_NS_PER_S), awaited->hint);
    watch_masterless();
    _exit(JOBSCHED_BROKEN);
}

/* All is done and on record; somebody will not come. */
static void give_up_end(void *arg)
{
    const struct awaited *awaited = arg;
    awaited->result->lost += awaited->result->is_master;
    jobsched_leave(awaited->result);
}

/* MPI_Finalize wants all messages read (MPICH complains of each that is not).
 */
static void finalize(struct js_link *link, struct awaited *awaited)
{
    struct js_err err;
    struct js_watchdog dog;
    bool is_master = awaited->result->is_master;
    if (!is_master)
        awaited->limit_ns = slave_end_ns;
    else if (awaited->limit_ns > master_end_ns)
        awaited->limit_ns = master_end_ns;
    js_watchdog_start(&dog, awaited->limit_ns, give_up_end, awaited);
    js_link_drain(link, js_clock_ns() + drain_most_ns, &err);
    js_link_close(link);
    MPI_Finalize();
    js_watchdog_stop(&dog);
}

/* Without a launcher MPI_Init would start a daemon of its own. */
static int set_mpi(struct js_mca *mca)
{
    if (js_launchenv_rank() < 0 &&
        js_mca_set(mca, "OMPI_MCA_ess_singleton_isolated", "1") < 0)
        return -1;
    return js_mca_set_for_rank(mca, js_mpi_of(js_link_library()));
}

static int init_mpi(struct js_link *link, struct js_err *err)
{
    int is_initialized = 0;
    struct js_mca mca = {0};
    MPI_Initialized(&is_initialized);
    if (is_initialized)
        return js_err_set(err, "MPI was initialised before jobsched_run()");
    if (set_mpi(&mca) < 0)
        return js_err_errno(err, "the settings of MPI");
    int rc = MPI_Init(NULL, NULL);
    js_mca_take_back(&mca);
    if (rc != MPI_SUCCESS)
        return js_err_set(err, "MPI_Init failed");
    return js_link_open(link, err);
}

/* A slave that cannot go on leaves without MPI_Finalize, which would wait for
 * the others: so its launcher learns of it. */
static enum jobsched_status run_as_slave(const struct rank *rank,
                                         struct js_link *link,
                                         struct jobsched_result *result)
{
    struct js_err err = {""};
    enum js_leaving leaving = JS_LEAVE_TOGETHER;
    int rc;
    if (rank->runner)
        rc = run_slave(rank, link, &leaving, &err);
    else
        rc = js_err_set(&err,
                        "rank %d was told by its environment that it is "
                        "rank 0 (PMIX_RANK?): start jobsched with mpirun "
                        "or srun --mpi=pmix",
                        link->rank);
    result->is_abrupt = rc < 0 || leaving == JS_LEAVE_AT_ONCE;
    return rc < 0 ? jobsched_fail(result, JOBSCHED_BROKEN, &err)
                  : JOBSCHED_SUCCEEDED;
}

static enum jobsched_status run_rank(struct rank *rank,
                                     struct jobsched_result *result)
{
    const struct jobsched_config *config = rank->config;
    struct js_err err = {""};
    struct js_link link = {0};
    struct js_watchdog dog;
    struct awaited awaited = {.result = result,
                              .limit_ns = config->start_timeout_ns};
    enum jobsched_status status;
    hint_at_bridges(&awaited);
    js_watchdog_start(&dog, awaited.limit_ns, jobsched_give_up_start, &awaited);
    int rc = init_mpi(&link, &err);
    js_watchdog_stop(&dog);
    if (rc < 0)
        return jobsched_fail(result, JOBSCHED_BROKEN, &err);
    if (link.size == 1)
        status = refuse_alone(result);
    else if (link.rank == 0)
        status = run_master(rank, &link, result);
    else
        status = run_as_slave(rank, &link, result);
    js_runner_free(rank->runner);
    rank->runner = NULL;
    if (result->is_abrupt)
        js_link_close(&link);
    else
        finalize(&link, &awaited);
    return status;
}

static enum jobsched_status run_caught(struct rank *rank,
                                       struct jobsched_result *result)
{
    /* A reader that has gone, or a file at its limit, is an error of the write
     * that meets it. */
    void (*old_pipe)(int) = signal(SIGPIPE, SIG_IGN);
    void (*old_size)(int) = signal(SIGXFSZ, SIG_IGN);
    js_signals_catch();
    enum jobsched_status status = run_rank(rank, result);
    js_signals_restore();
    signal(SIGPIPE, old_pipe);
    signal(SIGXFSZ, old_size);
    return status;
}

/*
 * The launcher's own standard files become this process's, so that no mpirun
 * loses what goes there, or keeps an error of it to itself. What it had before
 * stays open: else mpirun would take it for done. From another process group a
 * terminal may be written to only by who ignores SIGTTOU, to the last word.
 */
static int take_stdio(const struct js_lifeline *lifeline, struct js_err *err)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        int given = js_lifeline_stdio(lifeline, fd);
        if (given < 0)
            continue;
        if (fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) < 0 ||
            dup2(given, fd) < 0)
            return js_err_errno(err, "the launcher's standard files");
    }
    signal(SIGTTOU, SIG_IGN);
    return 0;
}

/* The launcher's own, as it was when that was started; where rank 0 is on
 * another host, it finds that beside the status file. */
static int find_environ(struct rank *rank, struct js_buf *ret)
{
    char path[PATH_MAX];
    const char *status_file = rank->config->status_file;
    const struct js_buf *given =
        rank->lifeline ? js_lifeline_environ(rank->lifeline) : NULL;
    if (given)
        return js_buf_append(ret, given->data, given->len);
    if (status_file && js_launchenv_rank() == 0 &&
        js_run_status_beside(status_file, JS_RUN_ENVIRON, path, sizeof(path)) ==
            0 &&
        js_userenv_read(path, ret) == 0)
        return 0;
    ret->len = 0;
    return js_userenv_of_rank(ret);
}

static int take_environ(struct rank *rank, struct js_err *err)
{
    if (find_environ(rank, &rank->environ) == 0)
        rank->variables = js_userenv_list(&rank->environ);
    return rank->variables ? 0 : js_err_errno(err, "the environment");
}

/* What it may have is what jobs may have; the launcher has let us have more. */
static struct js_runner *start_runner(struct js_err *err)
{
    const char *files = getenv(JS_LAUNCHENV_FILES_NAME);
    struct rlimit own, limit;
    uint64_t number = files ? strtoull(files, NULL, 10) : 0;
    if (number == 0 || getrlimit(RLIMIT_NOFILE, &own) < 0)
        return js_runner_start(err);
    limit = own;
    limit.rlim_cur = number < own.rlim_max ? number : own.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct js_runner *runner = js_runner_start(err);
    setrlimit(RLIMIT_NOFILE, &own);
    return runner;
}

/* Before MPI_Init: the process is small and has no threads yet, and its
 * environment is as it was given. */
static int prepare_rank(struct rank *rank, struct js_err *err)
{
    const struct jobsched_config *config = rank->config;
    int number = js_launchenv_rank();
    if (number != 0 && !(rank->runner = start_runner(err)))
        return -1;
    rank->parent = (uint64_t)getppid();
    rank->parent_started = js_process_start(rank->parent);
    if (config->launcher &&
        js_lifeline_connect(config->launcher, number, config->start_timeout_ns,
                            &rank->lifeline, err) < 0)
        return -1;
    if (take_environ(rank, err) < 0)
        return -1;
    return number == 0 && rank->lifeline ? take_stdio(rank->lifeline, err) : 0;
}

enum jobsched_status jobsched_check(const struct jobsched_config *config,
                                    struct jobsched_result *result)
{
    struct js_err err;
    memset(result, 0, sizeof(*result));
    result->is_master = js_launchenv_rank() <= 0;
    return check_config(config, &err) < 0
               ? jobsched_fail(result, JOBSCHED_BAD_INPUT, &err)
               : JOBSCHED_SUCCEEDED;
}

enum jobsched_status jobsched_run(const struct jobsched_config *config,
                                  struct jobsched_result *result)
{
    struct js_err err = {""};
    struct rank rank = {.config = config, .begun_ns = js_clock_ns()};
    memset(result, 0, sizeof(*result));
    if (js_reserve_stdio() < 0) {
        js_err_errno(&err, "/dev/null");
        return jobsched_fail(result, JOBSCHED_BROKEN, &err);
    }
    result->is_master = js_launchenv_rank() <= 0;
    if (check_config(config, &err) < 0)
        return jobsched_fail(result, JOBSCHED_BAD_INPUT, &err);
    bool is_alone = js_launchenv_rank() < 0 || js_launchenv_size() == 1;
    if (config->action != JOBSCHED_RUN && is_alone)
        return rehearse_here(config, result);
    if (js_launchenv_size() == 1)
        return refuse_alone(result);
    enum jobsched_status status =
        prepare_rank(&rank, &err) < 0
            ? jobsched_fail(result, JOBSCHED_BROKEN, &err)
            : run_caught(&rank, result);
    js_runner_free(rank.runner);
    js_lifeline_free(rank.lifeline);
    free(rank.variables);
    js_buf_release(&rank.environ);
    return status;
}

/* ---------------------------------------------------------------- leaving */

/* Our last words to the slaves are on their way; and the launcher takes the
 * status of the first that leaves for that of all, which is to be the
 * master's. */
void jobsched_leave(const struct jobsched_result *result)
{
    bool is_last = !result->is_master && result->status == JOBSCHED_SUCCEEDED;
    if (result->lost > 0 || is_last)
        sleep_ns(farewell_ns);
    if (!result->is_master && result->status == JOBSCHED_BROKEN)
        watch_masterless();
    if (result->lost > 0) {
        watch_launcher(getppid());
        if (js_link_failed_peers() < result->lost)
            MPI_Abort(MPI_COMM_WORLD, (int)result->status);
    }
    _exit((int)result->status);
}
