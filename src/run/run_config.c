/* Derives, from the configuration and from this node, what master and slaves
 * get. */
#include "run/run.h"

#include "base/clock.h"
#include "base/launchenv.h"
#include "base/process.h"
#include "base/userenv.h"
#include "node/memory.h"
#include "node/others.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The longest time to wait for the slaves. */
static const int64_t meeting_most_ns = 60 * JS_NS_PER_S;

/* The longest time before a time limit that is reserved for the end of the
 * run. */
static const int64_t limit_margin_ns = 2 * JS_NS_PER_S;

enum { LIMIT_MARGIN_PART = 10 };

int js_run_config_node(const struct js_topo *topo, struct js_node *ret,
                       struct js_err *err)
{
    memset(ret, 0, sizeof(*ret));
    if (gethostname(ret->host, sizeof(ret->host) - 1) < 0)
        return js_err_errno(err, "this host has no name");
    ret->boot_id = js_process_boot();
    ret->quota_cores = js_cgroup_cores("");
    return js_topo_inherited(topo, &ret->cpus, err);
}

/*
 * Determines which cores of the node other runs hold. One process looks for all
 * ranks on its host, and *claim must be kept until other runs can see what this
 * run holds. If no variable says which process is the first on its host, each
 * one looks.
 */
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

/* When nothing was heard from the master for this long, all jobs have ended. */
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
 * cores, whatever cores the job has. With these variables the ranks stay on the
 * cores of the job. They are for Open MPI 4 and 5; MPICH does not bind. */
static const char *const nested_binding[] = {
    "OMPI_MCA_hwloc_base_binding_policy",
    "PRTE_MCA_hwloc_default_binding_policy",
    NULL,
};

/* The user's environment, without the variables that belong to a single
 * host. */
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

static mode_t current_umask(void)
{
    mode_t mask = umask(0);
    umask(mask);
    return mask;
}

struct js_wire_setup js_run_config_setup(const struct js_run *run)
{
    static const enum js_capture captures[] = {
        [JOBSCHED_OUTPUT_PASS] = JS_CAPTURE_SPOOL,
        [JOBSCHED_OUTPUT_DIR] = JS_CAPTURE_DIR,
        [JOBSCHED_OUTPUT_NONE] = JS_CAPTURE_NONE,
    };
    const struct jobsched_config *config = run->config;
    return (struct js_wire_setup){
        .slots = config->slots,
        .gpus = config->gpus,
        .lease_ns = config->slave_timeout_ns,
        .settings = {.cwd = run->cwd,
                     .umask = current_umask(),
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

/* When running jobs must be told to end so that they are gone at the time
 * limit. */
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
