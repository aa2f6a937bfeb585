/* Implements include/jobsched.h: the functions that programs and the command
 * line call. */
#include "jobsched.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/launchenv.h"
#include "base/lifeline.h"
#include "node/memory.h"
#include "node/topo.h"
#include "run/run.h"

#include <stdlib.h>
#include <string.h>

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
        JS_SETTINGS_DEFAULTS /* also of the settings that slaves read */
            .demo_jobs = 30,
        .demo_duration_ns = JS_NS_PER_S,
        .round_size = 10,
        .slots = 1,
        .gpus = JOBSCHED_GPUS_FOUND,
        .sync_ns = JS_NS_PER_S,
        .slave_timeout_ns = 30 * JS_NS_PER_S,
        .start_timeout_ns = 300 * JS_NS_PER_S,
    };
}

/* A time limit that is no longer than the part reserved for the end would start
 * no job, however often the same command is given. */
static int check_time_limit(const struct jobsched_config *config,
                            struct js_err *err)
{
    const double second = JS_NS_PER_S;
    int64_t margin_ns = js_run_config_margin_ns(config);
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

/* The command line cannot produce most of these errors, but a program can. */
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

enum jobsched_status jobsched_check(const struct jobsched_config *config,
                                    struct jobsched_result *result)
{
    struct js_err err;
    memset(result, 0, sizeof(*result));
    result->is_master = js_launchenv_rank() <= 0;
    return check_config(config, &err) < 0
               ? js_run_result_fail(result, JOBSCHED_BAD_INPUT, &err)
               : JOBSCHED_SUCCEEDED;
}

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
        return js_run_result_fail(result, JOBSCHED_BROKEN, &err);
    }
    result->is_master = js_launchenv_rank() <= 0;
    if (check_config(config, &err) < 0)
        return js_run_result_fail(result, JOBSCHED_BAD_INPUT, &err);
    /* --check and --dry-run need no other process, so they run without MPI
     * then. */
    bool is_alone = js_launchenv_rank() < 0 || js_launchenv_size() == 1;
    if (config->action != JOBSCHED_RUN && is_alone)
        return js_run_check_here(config, result);
    if (js_launchenv_size() == 1)
        return js_run_rank_refuse_alone(result);
    enum jobsched_status status =
        js_run_rank_prepare(&rank, &err) < 0
            ? js_run_result_fail(result, JOBSCHED_BROKEN, &err)
            : js_run_rank_work(&rank, result);
    js_runner_free(rank.runner);
    js_lifeline_free(rank.lifeline);
    free(rank.variables);
    js_buf_release(&rank.environ);
    return status;
}
