#include "base/launchenv.h"

#include "base/lifeline.h"
#include "base/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const launcher_names[] = {
    "OMPI_UNIVERSE_SIZE",
    "OMPI_MCA_ess*",
    "OMPI_MCA_orte_*",
    "OMPI_MCA_pmix",
    "OMPI_MCA_initial_wdir",
    "OMPI_MCA_mpi_oversubscribe",
    "OMPI_MCA_shmem_RUNTIME*",
    "OMPI_APP_CTX*",
    "OMPI_ARGV",
    "OMPI_COMM*",
    "OMPI_FILE*",
    "OMPI_FIRST*",
    "OMPI_NUM_APP*",
    "OMPI_WORLD*",
    "OMPI_LIBDIR_LOC",
    "OMPI_MCA_PREFIXES",
    "OMPI_TOOL_NAME",
    "OMPI_VERSION",
    "PMIX_*",
    "PRTE_LAUNCHED",
    "PRTE_SHARED_FS",
    "PMI_*",
    "MPI_LOCALRANKID",
    "MPI_LOCALNRANKS",
    "HYDI_CONTROL_FD",
    "HYDRA_USER_PROVIDED_BINDING",
    JS_LAUNCHENV_STATUS_NAME,
    JS_LAUNCHENV_STREAM_NAME,
    JS_LIFELINE_NAME,
    JS_LAUNCHENV_FILES_NAME,
    NULL,
};

/* Names that a user may have set as well. They count only if the launcher that
 * sets them is in use; the mark is a variable that shows this. */
#define PRRTE_MARK "PRTE_LAUNCHED"
static const char *const prrte_names[] = {
    "OMPI_MCA_cpu_type",      "OMPI_MCA_mca_base_component_path",
    "OMPI_MCA_mpi_ft_enable", "OMPI_MCA_num_procs",
    "OPAL_USER_PARAMS_GIVEN", NULL,
};
static const char *const hydra_names[] = {
    "GFORTRAN_UNBUFFERED_PRECONNECTED",
    "MPIR_CVAR_CH3_INTERFACE_HOSTNAME",
    NULL,
};

/* Names of variables that make sense only on the host where they were set. */
const char *const js_launchenv_host_names[] = {
    "HOSTNAME",
    "HOST",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "CUDA_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "GPU_DEVICE_ORDINAL",
    "SLURMD_NODENAME",
    "SLURM_NODEID",
    "SLURM_TOPOLOGY_ADDR",
    "SLURM_CPUS_ON_NODE",
    NULL,
};

/* Names that srun adds for a task. */
const char *const js_launchenv_step_names[] = {
    "SLURM_STEP_*",
    "SLURM_STEPID",
    "SLURM_SRUN_COMM_*",
    "SLURM_LAUNCH_NODE_IPADDR",
    "SLURM_CPU_BIND*",
    "SLURM_MEM_BIND*",
    "SLURM_DISTRIBUTION",
    "SLURM_TASK_PID",
    "SLURM_LOCALID",
    "SLURM_PROCID",
    "SLURM_GTIDS",
    "SLURM_PMIX*",
    "SLURM_PMI_*",
    "SLURM_UMASK",
    NULL,
};

const char *const js_launchenv_rank_names[] = {"OMPI_COMM_WORLD_RANK",
                                               "PMIX_RANK", "PMI_RANK", NULL};

/* SLURM_LOCALID comes last: under mpirun it is the number of mpirun's
 * daemon. */
const char *const js_launchenv_local_rank_names[] = {
    "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID", NULL};

/* srun's variable comes last, because PMIx has none. */
const char *const js_launchenv_size_names[] = {
    "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS", NULL};

const char *const js_launchenv_local_size_names[] = {
    "OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", NULL};

bool js_launchenv_is_listed(const char *const *names, const char *variable)
{
    size_t len = strcspn(variable, "=");
    for (; *names; names++) {
        size_t fixed = strcspn(*names, "*");
        bool is_as_long = (*names)[fixed] == '*' ? len >= fixed : len == fixed;
        if (is_as_long && memcmp(*names, variable, fixed) == 0)
            return true;
    }
    return false;
}

/* These are lists of names rather than a rule such as "OMPI_*", because users
 * set MCA parameters of their own, which jobs must see. */
bool js_launchenv_owns(const char *variable)
{
    return js_launchenv_is_listed(launcher_names, variable) ||
           (getenv(PRRTE_MARK) &&
            js_launchenv_is_listed(prrte_names, variable)) ||
           (js_launchenv_is_patient() &&
            js_launchenv_is_listed(hydra_names, variable));
}

bool js_launchenv_does(enum js_launchenv_habit habit)
{
    static const char *const names[][5] = {
        /* The variables of Open MPI 4, Open MPI 5 (which does not say whether
         * it has bound the process) and MPICH. */
        [JS_LAUNCHENV_BINDS] = {"OMPI_MCA_orte_bound_at_launch", PRRTE_MARK,
                                "HYDRA_USER_PROVIDED_BINDING"},
        [JS_LAUNCHENV_RECOVERS] = {"OMPI_MCA_orte_enable_recovery",
                                   "OMPI_MCA_mpi_ft_enable"},
        [JS_LAUNCHENV_MARKS_OUTPUT] = {"OMPI_MCA_orte_tag_output",
                                       "OMPI_MCA_orte_timestamp_output",
                                       "OMPI_MCA_orte_xml_output",
                                       "OMPI_MCA_orte_output_filename"},
    };
    for (const char *const *name = names[habit]; *name; name++) {
        const char *value = getenv(*name);
        /* Launchers write 1 or true, 0 or false. */
        if (value && value[0] && strcmp(value, "0") != 0 &&
            strcmp(value, "false") != 0)
            return true;
    }
    return false;
}

/* PRRTE is the only launcher known to do this. A pipe that the launcher cannot
 * write to comes from elsewhere, and is safe. */
bool js_launchenv_damages(int fd)
{
    char path[64], pipe[64], target[64];
    struct stat st;
    const struct dirent *entry;
    bool is_of_launcher = false;
    if (!getenv(PRRTE_MARK) || fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))
        return false;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(path, pipe, sizeof(pipe) - 1);
    if (len <= 0)
        return false;
    pipe[len] = '\0';
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)getppid());
    DIR *fds = opendir(path);
    while (fds && !is_of_launcher && (entry = readdir(fds))) {
        len = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);
        target[len > 0 ? len : 0] = '\0';
        is_of_launcher =
            strcmp(target, pipe) == 0 &&
            fstatat(dirfd(fds), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            (st.st_mode & S_IWUSR);
    }
    if (fds)
        closedir(fds);
    return is_of_launcher;
}

bool js_launchenv_batch(char *name, size_t size, uint64_t *restarts)
{
    const char *cluster = getenv("SLURM_CLUSTER_NAME");
    const char *id = getenv("SLURM_JOB_ID");
    const char *count =
        getenv("SLURM_RESTART_COUNT"); /* not set at the first start */
    if (!id || !id[0])
        return false;
    /* Job ids are unique only within a cluster. */
    int len = snprintf(name, size, "slurm %s %s", cluster ? cluster : "", id);
    if (!count || js_parse_count(count, restarts) < 0)
        *restarts = 0;
    return len > 0 && (size_t)len < size;
}

/* Slurm sets a number of megabytes; a user may add a unit. 0: not set. */
static uint64_t launchenv_mem_of(const char *name)
{
    const char *text = getenv(name);
    uint64_t value;
    if (text && js_parse_count(text, &value) == 0)
        return value > UINT64_MAX >> 20 ? 0 : value << 20;
    return text && js_parse_size_bytes(text, &value) == 0 ? value : 0;
}

uint64_t js_launchenv_mem_bytes(void)
{
    static const struct {
        const char *name, *count; /* NULL: the limit of the node */
    } limits[] = {
        {"SLURM_MEM_PER_NODE", NULL},
        {"SLURM_MEM_PER_CPU", "SLURM_CPUS_ON_NODE"},
        {"SLURM_MEM_PER_GPU", "SLURM_GPUS_ON_NODE"},
    };
    uint64_t least = 0;
    if (!getenv("SLURM_JOB_ID"))
        return 0;
    /* If several limits are set, the smallest one applies. A limit per CPU or
     * GPU is meaningless without their number. */
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        uint64_t each = launchenv_mem_of(limits[i].name), count = 1;
        const char *text = limits[i].count ? getenv(limits[i].count) : "1";
        if (each == 0 || !text || js_parse_count(text, &count) < 0 ||
            count == 0 || each > UINT64_MAX / count)
            continue;
        if (least == 0 || each * count < least)
            least = each * count;
    }
    return least;
}

/* True if the kernel's name of the process is one of these. */
static bool is_called(pid_t pid, const char *const *names)
{
    char name[JS_PROCESS_NAME_SIZE];
    return js_process_name((uint64_t)pid, name) &&
           js_launchenv_is_listed(names, name);
}

bool js_launchenv_is_launcher(pid_t pid)
{
    static const char *const names[] = {"mpirun*", "mpiexec*",        "orterun",
                                        "prterun", "hydra_pmi_proxy", NULL};
    return is_called(pid, names);
}

/* If a process has as many lower ranks on its host as in the whole run, rank 0
 * is on this host. */
bool js_launchenv_has_lost_first(void)
{
    pid_t parent = getppid();
    if (js_launchenv_rank() <= 0 ||
        js_launchenv_rank() != js_launchenv_local_rank() ||
        !js_launchenv_is_launcher(parent))
        return false;
    bool is_here = false;
    DIR *proc = opendir("/proc");
    bool is_known = proc != NULL;
    for (uint64_t pid; proc && !is_here && (pid = js_process_next(proc));) {
        char rank[16] = "";
        if (js_process_parent(pid) != (uint64_t)parent ||
            !js_process_may_live(pid, js_process_start(pid)))
            continue;
        /* Open MPI and MPICH set these for each rank. PMIX_RANK is not used,
         * because srun sets it as well. */
        if (!js_process_variable((pid_t)pid, "OMPI_COMM_WORLD_RANK", rank,
                                 sizeof(rank), NULL))
            js_process_variable((pid_t)pid, "PMI_RANK", rank, sizeof(rank),
                                NULL);
        is_here = strcmp(rank, "0") == 0;
    }
    if (proc)
        closedir(proc);
    return is_known && !is_here;
}

bool js_launchenv_is_one_of_many(void)
{
    static const char *const daemons[] = {
        "orted", "prted", "hydra*", "mpirun*", "mpiexec*", "jobsched", NULL};
    static const char *const runners[] = {JS_PROCESS_RUNNER, NULL};
    if (js_parse_int(getenv("OMPI_COMM_WORLD_SIZE")) > 1 ||
        js_parse_int(getenv("PMI_SIZE")) > 1 ||
        js_parse_int(getenv("PMIX_RANK")) > 0)
        return true;
    if (js_parse_int(getenv("SLURM_STEP_NUM_TASKS")) <= 1)
        return false;
    /* The variables of a Slurm step count its tasks. They apply to this process
     * if it is a task or a descendant of one. There are two exceptions: the
     * task is a daemon of an mpirun, which starts ranks of its own; or this
     * process belongs to a job of a slave in between. */
    int task = js_parse_int(getenv("SLURM_TASK_PID"));
    for (pid_t pid = getpid(); pid > 1;
         pid = (pid_t)js_process_parent((uint64_t)pid)) {
        if (pid == task)
            return pid == getpid() || !is_called(pid, daemons);
        if (is_called(pid, runners))
            return false;
    }
    return !getenv("JOBSCHED_JOB_ID");
}

bool js_launchenv_is_direct(void)
{
    /* The daemons that start ranks on other hosts, and srun's. */
    static const char *const names[] = {"orted", "prted", "slurmstepd", NULL};
    pid_t parent = getppid();
    return js_launchenv_rank() >= 0 &&
           (js_launchenv_is_launcher(parent) || is_called(parent, names));
}
