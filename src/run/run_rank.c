/* A process of the run: jobsched_run(), MPI, the work of a slave, and how the
 * process leaves: through MPI_Finalize, or without it if some process will not
 * call it. */
#include "run/run.h"

#include "base/background.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/launchenv.h"
#include "base/lifeline.h"
#include "base/mca.h"
#include "base/process.h"
#include "base/userenv.h"
#include "record/run_status.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* ------------------------------------------------------------- before MPI */

/*
 * The launcher's own standard files become this process's, so that no mpirun
 * can lose data or hide a write error. The files that this process had before
 * stay open, because otherwise mpirun would consider it finished. A process in
 * another process group may write to a terminal only if it ignores SIGTTOU,
 * until its last message.
 */
static int rank_take_stdio(const struct js_lifeline *lifeline,
                           struct js_err *err)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        int given = js_lifeline_given(lifeline, fd);
        if (given < 0)
            continue;
        if (fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) < 0 ||
            dup2(given, fd) < 0)
            return js_err_errno(
                err, "the launcher's standard files cannot be taken over");
    }
    signal(SIGTTOU, SIG_IGN);
    return 0;
}

/* The environment for the jobs is the one in which the launcher was started:
 * mpirun changes what its processes get. If rank 0 is on another host, it finds
 * this environment beside the status file. */
static int rank_take_environ(struct js_run_rank *rank, struct js_err *err)
{
    char path[PATH_MAX];
    const char *status_file = rank->config->status_file;
    const struct js_buf *given =
        rank->lifeline ? &rank->lifeline->environ : NULL;
    int rc = 0;
    if (given) {
        rc = js_buf_append(&rank->environ, given->data, given->len);
    } else if (!status_file || js_launchenv_rank() != 0 ||
               js_run_status_beside(status_file, JS_RUN_ENVIRON, path,
                                    sizeof(path)) < 0 ||
               js_userenv_read(path, &rank->environ) < 0) {
        rank->environ.len = 0;
        rc = js_userenv_of_rank(&rank->environ);
    }
    if (rc == 0)
        rank->variables = js_userenv_list(&rank->environ);
    return rank->variables
               ? 0
               : js_err_errno(err, "the environment cannot be read");
}

/* This process has the limits that jobs may have; the launcher has raised
 * ours. */
static struct js_runner *rank_start_runner(struct js_err *err)
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

/* A connection for each of two networks, and the descriptors that MPI and the
 * files of the run need in addition. */
uint64_t js_run_rank_files(int size, int local_size)
{
    enum { OTHERS = 256, OF_PEER = 2 };
    int peers = local_size > 0 ? size - local_size : size - 1;
    return peers > 0 ? OTHERS + OF_PEER * (uint64_t)peers : 0;
}

/* Jobs keep the user's limit, because the runner has already been started. If
 * the master cannot have a connection to each slave, Open MPI does not report
 * it: it never accepts the last connections. */
static void rank_raise_files(int number)
{
    struct rlimit limit;
    uint64_t needed = number == 0 ? js_run_rank_files(js_launchenv_size(),
                                                      js_launchenv_local_size())
                                  : 0;
    uint64_t wanted = needed < JS_RUN_FILES ? JS_RUN_FILES : needed;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    if (limit.rlim_max < needed)
        dprintf(STDERR_FILENO,
                "jobsched: the limit on open files is %" PRIu64
                " for the master (ulimit -Hn), which may need %" PRIu64
                " to reach all slaves on other hosts: if slaves are left out, "
                "raise the limit\n",
                (uint64_t)limit.rlim_max, needed);
    if (limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Done before MPI_Init, while the process is small and has no threads, and its
 * environment is as it was given. */
static int rank_prepare(struct js_run_rank *rank, struct js_err *err)
{
    const struct jobsched_config *config = rank->config;
    int number = js_launchenv_rank();
    if (number != 0 && !(rank->runner = rank_start_runner(err)))
        return -1;
    rank->parent = (uint64_t)getppid();
    rank->parent_started = js_process_start(rank->parent);
    if (config->launcher &&
        js_lifeline_connect(config->launcher, number, config->start_timeout_ns,
                            &rank->lifeline, err) < 0)
        return -1;
    if (rank_take_environ(rank, err) < 0)
        return -1;
    if (number == 0 && rank->lifeline &&
        rank_take_stdio(rank->lifeline, err) < 0)
        return -1;
    rank_raise_files(number);
    return 0;
}

/* ---------------------------------------------------------------- leaving */

/* How long the launcher may take to end by itself, and how long the other
 * processes may take to leave. */
static const int64_t abort_most_ns = 5 * JS_NS_PER_S;
static const int64_t farewell_ns = 200 * JS_NS_PER_MS;

/* How long MPI_Finalize may take. Slaves wait in it for a master that may have
 * to write its records to disk. */
static const int64_t master_end_ns = 30 * JS_NS_PER_S;
static const int64_t slave_end_ns = 600 * JS_NS_PER_S;

/* ... and the same for the step before it, in which messages under way are
 * received. */
static const int64_t drain_most_ns = 2 * JS_NS_PER_S;

static void rank_sleep_ns(int64_t ns)
{
    struct timespec pause = {.tv_sec = ns / JS_NS_PER_S,
                             .tv_nsec = ns % JS_NS_PER_S};
    while (nanosleep(&pause, &pause) < 0 && errno == EINTR)
        continue;
}

/* Waits until the launcher has ended, or for at most that long. */
static bool launcher_is_gone_within(pid_t launcher, int64_t ns)
{
    static const int64_t look_ns = 50 * JS_NS_PER_MS;
    for (; ns > 0 && js_launchenv_is_launcher(launcher); ns -= look_ns)
        rank_sleep_ns(look_ns);
    return !js_launchenv_is_launcher(launcher);
}

/*
 * MPI_Abort ends this process too, and the launcher may then wait forever for a
 * host that is lost; it ends on a SIGTERM. (Measured with Open MPI 4.1.4: an
 * abort takes 1 to 4 s, and so does ending after a SIGTERM.) So a separate
 * process sends that signal. It has none of our descriptors, which would keep
 * others waiting as well.
 */
static void rank_watch_launcher(pid_t launcher)
{
    int files = (int)js_run_rank_files(js_launchenv_size(), 0) + JS_RUN_FILES;
    if (!js_launchenv_is_launcher(launcher) || fork() != 0)
        return;
    setsid();
    for (int fd = 0; fd < files; fd++)
        close(fd);
    if (!launcher_is_gone_within(launcher, abort_most_ns))
        kill(launcher, SIGTERM);
    if (!launcher_is_gone_within(launcher, 2 * abort_most_ns))
        kill(launcher, SIGKILL);
    _exit(EXIT_SUCCESS);
}

/* Everything is done and on record, but some process will not call
 * MPI_Finalize. */
static void rank_give_up_end(void *arg)
{
    struct jobsched_result *result = arg;
    result->lost += result->is_master;
    jobsched_leave(result);
}

/* All messages must be read first: MPICH complains about each one that is
 * not. */
static void rank_finalize(struct js_link *link, int64_t limit_ns,
                          struct jobsched_result *result)
{
    struct js_err err;
    struct js_watchdog dog;
    if (!result->is_master)
        limit_ns = slave_end_ns;
    else if (limit_ns > master_end_ns)
        limit_ns = master_end_ns;
    js_watchdog_start(&dog, limit_ns, rank_give_up_end, result);
    js_link_drain(link, js_clock_ns() + drain_most_ns, &err);
    js_link_close(link);
    MPI_Finalize();
    js_watchdog_stop(&dog);
}

/* Waits a moment, so that our last messages reach the slaves. Besides, the
 * launcher takes the status of the first process that leaves for that of all,
 * and this should be the master's. */
void jobsched_leave(const struct jobsched_result *result)
{
    bool is_last = !result->is_master && result->status == JOBSCHED_SUCCEEDED;
    if (result->lost > 0 || is_last)
        rank_sleep_ns(farewell_ns);
    /* If rank 0 was killed, no other process ends an mpirun that waits forever
     * (Open MPI 4.1.4 under recovery, when all ranks on two hosts have left).
     */
    if (!result->is_master && result->status == JOBSCHED_BROKEN &&
        js_launchenv_has_lost_first())
        rank_watch_launcher(getppid());
    if (result->lost > 0) {
        rank_watch_launcher(getppid());
        if (js_link_failed_peers() < result->lost)
            MPI_Abort(MPI_COMM_WORLD, (int)result->status);
    }
    _exit((int)result->status);
}

/* ---------------------------------------------------------------- a slave */

/* A launcher that has ended cannot end this process, so its end counts as a
 * request. */
static enum js_stop_request rank_stop_request(void *arg)
{
    struct js_lifeline *lifeline = arg;
    enum js_stop_request stop_request = js_signals_request();
    if (stop_request == JS_STOP_REQUEST_NONE && lifeline &&
        js_lifeline_take(lifeline) == SIGKILL)
        return JS_STOP_REQUEST_HURRY;
    return stop_request;
}

static int rank_serve(const struct js_run_rank *rank, struct js_link *link,
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
        .stop_request = rank_stop_request,
        .request_arg = rank->lifeline,
        .start_ns = own->start_timeout_ns + js_run_config_meeting_ns(own),
    };
    struct js_topo *topo = js_topo_new(err);
    struct js_outq *trace = js_outq_new(STDOUT_FILENO);
    struct js_slave *slave = NULL;
    int claim = -1, rc = -1;
    config.topo = topo;
    config.trace = trace;
    config.claim = &claim;
    if (topo && js_run_config_look_at_node(topo, own->bind, &config.node,
                                           &claim, err) == 0) {
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

/* A slave that cannot continue leaves without MPI_Finalize, which would wait
 * for the others. In this way its launcher notices it. */
static enum jobsched_status rank_work_as_slave(const struct js_run_rank *rank,
                                               struct js_link *link,
                                               struct jobsched_result *result)
{
    struct js_err err = {""};
    enum js_leaving leaving = JS_LEAVE_TOGETHER;
    int rc;
    if (rank->runner)
        rc = rank_serve(rank, link, &leaving, &err);
    else
        rc = js_err_set(&err,
                        "the environment of rank %d says that it is rank 0 "
                        "(PMIX_RANK?): start jobsched with mpirun or srun "
                        "--mpi=pmix",
                        link->rank);
    result->is_abrupt = rc < 0 || leaving == JS_LEAVE_AT_ONCE;
    return rc < 0 ? js_run_fail(result, JOBSCHED_BROKEN, &err)
                  : JOBSCHED_SUCCEEDED;
}

/* ---------------------------------------------------------------- MPI */

static enum jobsched_status rank_refuse_alone(struct jobsched_result *result)
{
    struct js_err err;
    if (js_launchenv_is_one_of_many())
        js_err_set(&err, JS_LAUNCHENV_MANY, jobsched_mpi());
    else
        js_err_set(&err, "one process alone cannot run jobs: start a master "
                         "and some slaves with `mpirun -np N jobsched ...`, "
                         "where N is the number of slaves plus one");
    return js_run_fail(result, JOBSCHED_BAD_INPUT, &err);
}

/* Calls MPI_Init while a watchdog observes it. */
struct rank_start {
    int64_t limit_ns;
    char hint[1024]; /* why MPI may fail to start */
};

/* Open MPI uses every address that another host claims to have. A user who has
 * chosen the interfaces is aware of this. */
static void rank_hint_at_bridges(struct rank_start *start)
{
    char names[256];
    if (js_launchenv_rank() != 0 || js_mca_is_set("btl_tcp_if_include", NULL) ||
        js_mca_is_set("btl_tcp_if_exclude", NULL))
        return;
    js_mca_bridges(names, sizeof(names));
    if (names[0])
        snprintf(start->hint, sizeof(start->hint),
                 "jobsched: this host has the network bridge %s. If another "
                 "host's bridge has the same address, Open MPI may try to "
                 "connect through it. To prevent this, set "
                 "OMPI_MCA_btl_tcp_if_exclude=127.0.0.1/8,%s\n",
                 names, names);
}

/* MPI_Init cannot be left in any other way. */
static void rank_give_up_start(void *arg)
{
    const struct rank_start *start = arg;
    dprintf(STDERR_FILENO,
            "jobsched: MPI has not started within %d s: a process or a host of "
            "the run may be gone. No job was started\n%s",
            (int)(start->limit_ns / JS_NS_PER_S), start->hint);
    /* If rank 0 was killed, no other process ends an mpirun that waits
     * forever. */
    if (js_launchenv_has_lost_first())
        rank_watch_launcher(getppid());
    _exit(JOBSCHED_BROKEN);
}

static int rank_init_mpi(struct js_link *link, struct js_err *err)
{
    int is_initialized = 0;
    struct js_mca mca = {0};
    MPI_Initialized(&is_initialized);
    if (is_initialized)
        return js_err_set(err,
                          "MPI must not be initialised before jobsched_run()");
    /* Without a launcher MPI_Init would start its own daemon. */
    if ((js_launchenv_rank() < 0 &&
         js_mca_set(&mca, "OMPI_MCA_ess_singleton_isolated", "1") < 0) ||
        js_mca_set_for_rank(&mca, js_mpi_of(js_link_library())) < 0)
        return js_err_errno(err, "MPI cannot be configured");
    int rc = MPI_Init(NULL, NULL);
    js_mca_take_back(&mca);
    if (rc != MPI_SUCCESS)
        return js_err_set(err, "MPI_Init failed");
    return js_link_open(link, err);
}

static enum jobsched_status rank_under_mpi(struct js_run_rank *rank,
                                           struct jobsched_result *result)
{
    const struct jobsched_config *config = rank->config;
    struct js_err err = {""};
    struct js_link link = {0};
    struct js_watchdog dog;
    struct rank_start start = {.limit_ns = config->start_timeout_ns};
    enum jobsched_status status;
    rank_hint_at_bridges(&start);
    js_watchdog_start(&dog, start.limit_ns, rank_give_up_start, &start);
    int rc = rank_init_mpi(&link, &err);
    js_watchdog_stop(&dog);
    if (rc < 0)
        return js_run_fail(result, JOBSCHED_BROKEN, &err);
    if (link.size == 1)
        status = rank_refuse_alone(result);
    else if (link.rank == 0)
        status = js_run_master_work(rank, &link, result);
    else
        status = rank_work_as_slave(rank, &link, result);
    /* This is called before MPI_Finalize, which may take a long time: no job
     * may outlive the work. */
    js_runner_free(rank->runner);
    rank->runner = NULL;
    if (result->is_abrupt)
        js_link_close(&link);
    else
        rank_finalize(&link, config->start_timeout_ns, result);
    return status;
}

/* ---------------------------------------------------------------- the run */

enum jobsched_status jobsched_run(const struct jobsched_config *config,
                                  struct jobsched_result *result)
{
    struct js_err err = {""};
    struct js_run_rank rank = {.config = config, .begun_ns = js_clock_ns()};
    memset(result, 0, sizeof(*result));
    /* This happens before anything is opened. If a standard descriptor was
     * closed, one of our files would get its number, and messages would be
     * written to that file. */
    if (js_file_reserve_stdio() < 0) {
        js_err_errno(&err, "/dev/null");
        return js_run_fail(result, JOBSCHED_BROKEN, &err);
    }
    result->is_master = js_launchenv_rank() <= 0;
    if (js_run_config_check(config, &err) < 0)
        return js_run_fail(result, JOBSCHED_BAD_INPUT, &err);
    /* --check and --dry-run need no other process, so they run without MPI
     * then. */
    bool is_alone = js_launchenv_rank() < 0 || js_launchenv_size() == 1;
    if (config->action != JOBSCHED_RUN && is_alone)
        return js_run_check_here(config, result);
    if (js_launchenv_size() == 1)
        return rank_refuse_alone(result);
    enum jobsched_status status;
    if (rank_prepare(&rank, &err) < 0) {
        status = js_run_fail(result, JOBSCHED_BROKEN, &err);
    } else {
        /* A reader that has ended, or a file at its size limit, becomes an
         * error of the write concerned. */
        void (*old_pipe)(int) = signal(SIGPIPE, SIG_IGN);
        void (*old_size)(int) = signal(SIGXFSZ, SIG_IGN);
        js_signals_catch();
        status = rank_under_mpi(&rank, result);
        js_signals_restore();
        signal(SIGPIPE, old_pipe);
        signal(SIGXFSZ, old_size);
    }
    js_runner_free(rank.runner);
    if (result->is_abrupt)
        js_lifeline_leave(rank.lifeline);
    else
        js_lifeline_free(rank.lifeline);
    free(rank.variables);
    js_buf_release(&rank.environ);
    return status;
}
