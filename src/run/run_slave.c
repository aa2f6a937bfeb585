/* Every rank but the first runs jobs. */
#include "run/run.h"

#include "base/file.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* Output that waits for the master may occupy a few hundred files. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= JS_RUN_FILES)
        return;
    limit.rlim_cur =
        limit.rlim_max < JS_RUN_FILES ? limit.rlim_max : JS_RUN_FILES;
    setrlimit(RLIMIT_NOFILE, &limit); /* if this fails, fewer will do */
}

/* If its launcher has ended, the launcher will not end this process. */
static enum js_stop_request slave_request(void *arg)
{
    struct js_lifeline *lifeline = arg;
    enum js_stop_request stop_request = js_signals_request();
    if (stop_request == JS_STOP_REQUEST_NONE && lifeline &&
        js_lifeline_take(lifeline) == SIGKILL)
        return JS_STOP_REQUEST_HURRY;
    return stop_request;
}

static int slave_serve(const struct js_run_rank *rank, struct js_link *link,
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
        .start_ns = own->start_timeout_ns + js_run_config_meeting_ns(own),
    };
    struct js_topo *topo = js_topo_new(err);
    struct js_outq *trace = js_outq_new(STDOUT_FILENO);
    struct js_slave *slave = NULL;
    int claim = -1, rc = -1;
    raise_file_limit();
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
 * for the others. So its launcher notices it. */
enum jobsched_status js_run_slave_work(const struct js_run_rank *rank,
                                       struct js_link *link,
                                       struct jobsched_result *result)
{
    struct js_err err = {""};
    enum js_leaving leaving = JS_LEAVE_TOGETHER;
    int rc;
    if (rank->runner)
        rc = slave_serve(rank, link, &leaving, &err);
    else
        rc = js_err_set(&err,
                        "rank %d was told by its environment that it is "
                        "rank 0 (PMIX_RANK?): start jobsched with mpirun "
                        "or srun --mpi=pmix",
                        link->rank);
    result->is_abrupt = rc < 0 || leaving == JS_LEAVE_AT_ONCE;
    return rc < 0 ? js_run_result_fail(result, JOBSCHED_BROKEN, &err)
                  : JOBSCHED_SUCCEEDED;
}
