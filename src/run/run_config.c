/* The configuration: defaults, checks, and the values that master and slaves
 * get from it and from this node. */
#include "run/run.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/launchenv.h"
#include "base/process.h"
#include "base/userenv.h"
#include "list/formats.h"
#include "node/memory.h"
#include "node/procs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The longest time to wait for the slaves. */
static const int64_t meeting_most_ns = 60 * JS_NS_PER_S;

/* The longest time before a time limit that is reserved for the end of the
 * run. */
static const int64_t limit_margin_ns = 2 * JS_NS_PER_S;

enum { LIMIT_MARGIN_PART = 10 };

/* ---------------------------------------------------------------- the node */

int js_run_config_node(const struct js_topo *topo, struct js_node *ret,
                       struct js_err *err)
{
    memset(ret, 0, sizeof(*ret));
    if (gethostname(ret->host, sizeof(ret->host) - 1) < 0)
        return js_err_errno(err, "the name of this host cannot be found");
    ret->boot_id = js_process_boot();
    ret->quota_cores = js_cgroup_cores("");
    return js_topo_inherited(topo, &ret->cpus, err);
}

int js_run_config_look_at_node(const struct js_topo *topo, bool bind,
                               struct js_node *ret, int *claim,
                               struct js_err *err)
{
    int local_rank = js_launchenv_local_rank();
    *claim = -1;
    if (js_run_config_node(topo, ret, err) < 0)
        return -1;
    if (!bind || local_rank > 0)
        return 0;
    if (local_rank == 0)
        *claim = js_others_lock();
    js_others_held(&ret->cpus, &ret->held);
    return 0;
}

int64_t js_run_config_lease_ns(const struct jobsched_config *config)
{
    int64_t lease_ns;
    if (config->slave_timeout_ns == 0 ||
        __builtin_add_overflow(config->slave_timeout_ns,
                               config->grace_ns + JS_NS_PER_S, &lease_ns))
        return 0;
    return lease_ns;
}

/* A job that is itself an mpirun would bind its ranks to the node's first
 * cores, regardless of the job's cores. With these variables the ranks stay on
 * the cores of the job. They are for Open MPI 4 and 5; MPICH does not bind. */
static const char *const nested_binding[] = {
    "OMPI_MCA_hwloc_base_binding_policy",
    "PRTE_MCA_hwloc_default_binding_policy",
    NULL,
};

int js_run_config_environ(const struct js_run_rank *rank, struct js_buf *buf)
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

struct js_wire_setup js_run_config_setup(const struct js_run *run)
{
    static const enum js_capture captures[] = {
        [JOBSCHED_OUTPUT_PASS] = JS_CAPTURE_SPOOL,
        [JOBSCHED_OUTPUT_DIR] = JS_CAPTURE_DIR,
        [JOBSCHED_OUTPUT_NONE] = JS_CAPTURE_NONE,
    };
    const struct jobsched_config *config = run->config;
    /* The umask can only be read by setting it. */
    mode_t mask = umask(0);
    umask(mask);
    return (struct js_wire_setup){
        .slots = config->slots,
        .gpus = config->gpus,
        .lease_ns = config->slave_timeout_ns,
        .settings = {.cwd = run->cwd,
                     .umask = mask,
                     .capture = captures[config->output],
                     .run_id = run->run_id,
                     JS_SETTINGS_OF_CONFIG},
        .environ = run->environ.data,
        .environ_len = run->environ.len,
    };
}

struct js_scheduler_config js_run_config_scheduler(const struct js_run *run)
{
    struct js_scheduler_config scheduler = js_scheduler_config_of(run->config);
    if (run->registry)
        scheduler.failed_before = js_registry_settled(run->registry);
    return scheduler;
}

int64_t js_run_config_margin_ns(const struct jobsched_config *config)
{
    int64_t margin_ns = config->time_limit_ns / LIMIT_MARGIN_PART;
    return margin_ns < limit_margin_ns ? margin_ns : limit_margin_ns;
}

int64_t js_run_config_stop_ns(const struct js_run *run)
{
    int64_t limit_ns = run->config->time_limit_ns;
    int64_t stop_ns;
    if (limit_ns == 0 ||
        __builtin_add_overflow(run->rank->begun_ns, limit_ns, &stop_ns))
        return JS_NEVER_NS;
    return stop_ns - js_run_config_margin_ns(run->config) -
           run->config->grace_ns;
}

int64_t js_run_config_meeting_ns(const struct jobsched_config *config)
{
    return config->start_timeout_ns < meeting_most_ns ? config->start_timeout_ns
                                                      : meeting_most_ns;
}

/* ----------------------------------------------------------------
 * include/jobsched.h */

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

static int run_config_check_list(const struct jobsched_config *config,
                                 struct js_err *err)
{
    struct js_err why;
    const char *format = config->job_format;
    if (config->job_file && !config->job_file[0])
        return js_err_set(err, "job_file: must not be empty");
    if (format && !config->job_file)
        return js_err_set(err, "--from (job_format) needs a job file");
    if (config->only[0] && !config->job_file)
        return js_err_set(err, "--only needs a job file");
    if (config->only[0] && config->retry == JOBSCHED_RETRY_ONLY_FAILED)
        return js_err_set(err, "--only cannot be combined with --retry-failed: "
                               "each of them selects the jobs that run");
    if (format && !js_formats_find(format, &why))
        return js_err_set(err, "job_format: %s: %s", format, why.text);
    return 0;
}

/* The command line cannot produce most of these errors, but a program can. */
int js_run_config_check(const struct jobsched_config *config,
                        struct js_err *err)
{
    const double second = JS_NS_PER_S;
    if (run_config_check_list(config, err) < 0)
        return -1;
    if (config->round_size == 0)
        return js_err_set(err, "round_size: must be at least 1");
    if (config->output == JOBSCHED_OUTPUT_DIR &&
        (!config->output_dir || !config->output_dir[0]))
        return js_err_set(err, "output_dir: must name a folder");
    if (config->grace_ns < 0 || config->demo_duration_ns < 0 ||
        config->timeout_ns < 0)
        return js_err_set(
            err,
            "grace_ns, demo_duration_ns, timeout_ns: must not be negative");
    if (config->start_timeout_ns <= 0)
        return js_err_set(err, "start_timeout_ns: must be more than 0");
    if (config->sync_ns < 0 || config->time_limit_ns < 0 ||
        config->slave_timeout_ns < 0)
        return js_err_set(
            err,
            "sync_ns, time_limit_ns, slave_timeout_ns: must not be negative");
    if (config->gpus > JS_GPUS_MAX && config->gpus != JOBSCHED_GPUS_FOUND)
        return js_err_set(err, "gpus: must be at most %d", JS_GPUS_MAX);
    /* With a time limit that is no longer than the part reserved for the end,
     * no job would ever start, however often the same command is given. */
    int64_t margin_ns = js_run_config_margin_ns(config);
    if (config->time_limit_ns > 0 &&
        config->time_limit_ns - margin_ns <= config->grace_ns)
        return js_err_set(err,
                          "a time limit of %g s leaves no time to run jobs: "
                          "%g s are reserved for ending them (--grace) and "
                          "%g s for the end of the run; give a longer "
                          "--time-limit or a shorter --grace",
                          (double)config->time_limit_ns / second,
                          (double)config->grace_ns / second,
                          (double)margin_ns / second);
    return 0;
}

enum jobsched_status jobsched_check(const struct jobsched_config *config,
                                    struct jobsched_result *result)
{
    struct js_err err;
    memset(result, 0, sizeof(*result));
    result->is_master = js_launchenv_rank() <= 0;
    return js_run_config_check(config, &err) < 0
               ? js_run_fail(result, JOBSCHED_BAD_INPUT, &err)
               : JOBSCHED_SUCCEEDED;
}
