/* A process of the run, master or slave: what happens before MPI, and MPI
 * itself. */
#include "run/run.h"

#include "base/background.h"
#include "base/clock.h"
#include "base/launchenv.h"
#include "base/mca.h"
#include "base/process.h"
#include "base/userenv.h"
#include "record/run_status.h"

#include <fcntl.h>
#include <limits.h>
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum jobsched_status js_run_rank_refuse_alone(struct jobsched_result *result)
{
    struct js_err err;
    if (js_launchenv_is_one_of_many())
        js_launchenv_refuse_many(jobsched_mpi(), &err);
    else
        js_err_set(&err, "one process alone cannot run jobs: start a master "
                         "and some slaves with `mpirun -np N jobsched ...`, N "
                         "being one more than the slaves");
    return js_run_result_fail(result, JOBSCHED_BAD_INPUT, &err);
}

/* MPI_Init, observed by a watchdog. */
struct awaited {
    int64_t limit_ns;
    char hint[1024]; /* why MPI may fail to start */
};

/* Open MPI uses every address that another host claims to have. A user who has
 * chosen the interfaces knows about that. */
static void hint_at_bridges(struct awaited *awaited)
{
    char names[256];
    if (js_launchenv_rank() != 0 || js_mca_is_set("btl_tcp_if_include") ||
        js_mca_is_set("btl_tcp_if_exclude"))
        return;
    js_mca_bridges(names, sizeof(names));
    if (names[0])
        snprintf(awaited->hint, sizeof(awaited->hint),
                 "jobsched: this host has the network bridge %s: if another "
                 "one has the same address there, Open MPI takes it for the "
                 "way; set OMPI_MCA_btl_tcp_if_exclude=127.0.0.1/8,%s\n",
                 names, names);
}

/* MPI_Init cannot be left in any other way. */
static void give_up_start(void *arg)
{
    const struct awaited *awaited = arg;
    dprintf(STDERR_FILENO,
            "jobsched: MPI has not come up within %d s: is a process or a host "
            "of the run gone? Nothing has run\n%s",
            (int)(awaited->limit_ns / JS_NS_PER_S), awaited->hint);
    js_run_end_watch_masterless();
    _exit(JOBSCHED_BROKEN);
}

/* Without a launcher MPI_Init would start its own daemon. */
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

static enum jobsched_status rank_under_mpi(struct js_run_rank *rank,
                                           struct jobsched_result *result)
{
    const struct jobsched_config *config = rank->config;
    struct js_err err = {""};
    struct js_link link = {0};
    struct js_watchdog dog;
    struct awaited awaited = {.limit_ns = config->start_timeout_ns};
    enum jobsched_status status;
    hint_at_bridges(&awaited);
    js_watchdog_start(&dog, awaited.limit_ns, give_up_start, &awaited);
    int rc = init_mpi(&link, &err);
    js_watchdog_stop(&dog);
    if (rc < 0)
        return js_run_result_fail(result, JOBSCHED_BROKEN, &err);
    if (link.size == 1)
        status = js_run_rank_refuse_alone(result);
    else if (link.rank == 0)
        status = js_run_master_work(rank, &link, result);
    else
        status = js_run_slave_work(rank, &link, result);
    /* Called before MPI_Finalize, which may take long: no job may outlive the
     * work. */
    js_runner_free(rank->runner);
    rank->runner = NULL;
    if (result->is_abrupt)
        js_link_close(&link);
    else
        js_run_end_finalize(&link, config->start_timeout_ns, result);
    return status;
}

enum jobsched_status js_run_rank_work(struct js_run_rank *rank,
                                      struct jobsched_result *result)
{
    /* A reader that has ended, or a file at its size limit, becomes an error of
     * the write concerned. */
    void (*old_pipe)(int) = signal(SIGPIPE, SIG_IGN);
    void (*old_size)(int) = signal(SIGXFSZ, SIG_IGN);
    js_signals_catch();
    enum jobsched_status status = rank_under_mpi(rank, result);
    js_signals_restore();
    signal(SIGPIPE, old_pipe);
    signal(SIGXFSZ, old_size);
    return status;
}

/*
 * The launcher's own standard files become this process's, so that no mpirun
 * can lose data or hide a write error. The files that this process had before
 * stay open, because otherwise mpirun would consider it finished. A process in
 * another process group may write to a terminal only if it ignores SIGTTOU,
 * until its last message.
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

/* The launcher's own environment, from the time when it was started. If rank 0
 * is on another host, it finds that beside the status file. */
static int find_environ(struct js_run_rank *rank, struct js_buf *ret)
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

static int take_environ(struct js_run_rank *rank, struct js_err *err)
{
    if (find_environ(rank, &rank->environ) == 0)
        rank->variables = js_userenv_list(&rank->environ);
    return rank->variables ? 0 : js_err_errno(err, "the environment");
}

/* This process has the limits that jobs may have; the launcher has raised
 * ours. */
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

/* Done before MPI_Init, while the process is small and has no threads, and its
 * environment is as it was given. */
int js_run_rank_prepare(struct js_run_rank *rank, struct js_err *err)
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
