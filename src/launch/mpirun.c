#include "launch/mpirun.h"

#include "base/clock.h"
#include "base/process.h"
#include "launch/hosts.h"
#include "launch/slurm.h"
#include "launch/subprocess.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void mpirun_add_all(struct js_argv *argv, const char *const *options)
{
    for (; *options; options++)
        js_argv_add(argv, *options);
}

/* Appends "n1:5,n2:4". The ranks that exceed the slots go to the first
 * hosts. */
static int mpirun_list_hosts(const struct js_mpirun *mpirun,
                             struct js_buf *list)
{
    const struct js_hosts *hosts = mpirun->hosts;
    uint64_t slots = 0;
    for (size_t i = 0; i < hosts->count; i++)
        slots += hosts->items[i].slots > 0 ? hosts->items[i].slots : 1;
    uint64_t more = mpirun->ranks > slots ? mpirun->ranks - slots : 0;
    for (size_t i = 0; i < hosts->count; i++) {
        const struct js_host *host = &hosts->items[i];
        uint64_t ranks = (host->slots > 0 ? host->slots : 1) +
                         more / hosts->count + (i < more % hosts->count);
        if (js_buf_printf(list, "%s%s:%llu", i > 0 ? "," : "", host->name,
                          (unsigned long long)ranks) < 0)
            return -1;
    }
    return 0;
}

/* Says where the ranks go. Only Open MPI 4 adds ranks to full hosts one by one;
 * the other MPIs need to know how many ranks each host gets. */
static int mpirun_add_places(const struct js_mpirun *mpirun,
                             struct js_argv *argv)
{
    bool has_hosts = mpirun->hosts && mpirun->hosts->count > 0;
    struct js_buf list = JS_BUF_INIT;
    if (mpirun->mpi == JS_OPEN_MPI_4 && mpirun->hostfile) {
        js_argv_add(argv, "--hostfile");
        js_argv_add(argv, mpirun->hostfile);
        return 0;
    }
    if (mpirun->mpi == JS_OPEN_MPI_5) {
        js_argv_add(argv, "--map-by");
        js_argv_add(argv, has_hosts ? "slot" : ":OVERSUBSCRIBE");
    }
    if (!has_hosts)
        return 0;
    int rc = mpirun_list_hosts(mpirun, &list);
    if (rc == 0 && !js_buf_string(&list))
        rc = -1;
    if (rc == 0) {
        js_argv_add(argv, mpirun->mpi == JS_MPICH ? "-hosts" : "--host");
        js_argv_add(argv, list.data);
    }
    js_buf_release(&list);
    return rc;
}

/*
 * The options that hold for all starts. There is one rank more than cores, the
 * master; jobsched itself binds what it runs; and the loss of a slave must cost
 * only the jobs that it was running. MPICH has no equivalent of the last
 * option: if its mpirun lets a run continue (-disable-auto-cleanup), it reports
 * a loss to the ranks by SIGUSR1, which here means to drain.
 */
static const char *const *const fixed_options[] = {
    [JS_OPEN_MPI_4] = (const char *const[]){"--oversubscribe", "--bind-to",
                                            "none", "--enable-recovery", NULL},
    [JS_OPEN_MPI_5] =
        (const char *const[]){"--bind-to", "none", "--with-ft", "ulfm", NULL},
    [JS_MPICH] = (const char *const[]){"-bind-to", "none", NULL},
};

int js_mpirun_make(const struct js_mpirun *mpirun, struct js_argv *ret)
{
    if (mpirun->setting) {
        js_argv_add(ret, "env");
        js_argv_add(ret, mpirun->setting);
    }
    js_argv_add(ret, mpirun->program);
    mpirun_add_all(ret, fixed_options[mpirun->mpi]);
    if (mpirun_add_places(mpirun, ret) < 0)
        return -1;
    const char *const *name = mpirun->mpi == JS_MPICH ? NULL : mpirun->names;
    for (; name && *name; name++) {
        js_argv_add(ret, "-x");
        js_argv_add(ret, *name);
    }
    js_argv_add(ret, "-np");
    js_argv_addf(ret, "%llu", (unsigned long long)mpirun->ranks);
    mpirun_add_all(ret, (const char *const *)mpirun->command);
    return js_argv_check(ret);
}

int js_mpirun_make_probe(const struct js_mpirun *mpirun, const char *host,
                         struct js_argv *ret)
{
    js_argv_add(ret, mpirun->program);
    js_argv_add(ret, mpirun->mpi == JS_MPICH ? "-hosts" : "--host");
    js_argv_add(ret, host);
    js_argv_add(ret, "-np");
    js_argv_add(ret, "1");
    js_argv_add(ret, "true");
    return js_argv_check(ret);
}

/* Open MPI says "mpirun (Open MPI) 4.1.4". The mpirun of MPICH, Intel MPI and
 * MVAPICH is called Hydra, and prints its version on a line of its own. */
bool js_mpirun_name(const char *version_text, char *ret, size_t size)
{
    static const struct {
        const char *mark, *name, *version;
    } known[] = {
        {"(Open MPI) ", "Open MPI", "(Open MPI) "},
        {"Intel(R) MPI", "Intel MPI", "Version "},
        {"HYDRA", "MPICH", "Version: "},
    };
    for (size_t i = 0; version_text && i < sizeof(known) / sizeof(known[0]);
         i++) {
        const char *version = strstr(version_text, known[i].version);
        if (!strstr(version_text, known[i].mark) || !version)
            continue;
        version += strlen(known[i].version);
        version += strspn(version, " ");
        snprintf(ret, size, "%s %.*s", known[i].name,
                 (int)strcspn(version, " \n"), version);
        return true;
    }
    return false;
}

/* After a SIGTERM Open MPI 4 gives the ranks two seconds, Open MPI 5 half a
 * second (measured with 5.0.7), and MPICH as long as they take. */
int js_mpirun_end_signal(enum js_mpi mpi)
{
    return mpi == JS_OPEN_MPI_5 ? SIGALRM : SIGTERM;
}

/* Open MPI 5 ends everything at such a status, and loses what it has not read
 * by then (measured with 5.0.7: in one run of sixty). */
int64_t js_mpirun_hearing_ns(enum js_mpi mpi)
{
    return mpi == JS_OPEN_MPI_5 ? 100 * JS_NS_PER_MS : 0;
}

/* ---------------------------------------------------------------- the right
 * MPI */

/* Finds the file that execvp(3) would start for that program. */
static void mpirun_find_file(const char *program, char *ret, size_t size)
{
    const char *path = getenv("PATH");
    snprintf(ret, size, "%s", program);
    while (path && *path && !strchr(program, '/')) {
        size_t len = strcspn(path, ":");
        int n = snprintf(ret, size, "%.*s%s%s", (int)len, path,
                         len > 0 ? "/" : "./", program);
        if (n > 0 && (size_t)n < size && access(ret, X_OK) == 0)
            return;
        path += len + (path[len] == ':');
    }
}

bool js_mpirun_is_other(const struct js_mpirun *mpirun, const char *built_with,
                        struct js_buf *ret)
{
    struct js_argv argv = JS_ARGV_INIT;
    struct js_buf version_text = JS_BUF_INIT;
    char name[128], file[PATH_MAX];
    js_argv_add(&argv, mpirun->program);
    js_argv_add(&argv, "--version");
    bool is_known =
        js_argv_check(&argv) == 0 &&
        js_subprocess_run(&argv, JS_SUBPROCESS_MUTE, &version_text) == 0 &&
        js_mpirun_name(js_buf_string(&version_text), name, sizeof(name));
    bool is_other = is_known && js_mpi_of(name) != mpirun->mpi;
    js_argv_release(&argv);
    js_buf_release(&version_text);
    if (!is_other)
        return false;
    mpirun_find_file(mpirun->program, file, sizeof(file));
    return js_buf_printf(ret,
                         "%s belongs to %s, but jobsched was built with %s: "
                         "put the mpirun of that MPI first in PATH, or name it "
                         "in JOBSCHED_MPIRUN",
                         file, name, built_with) == 0;
}

/* ---------------------------------------------------------------- the ranks */

/* The part of Slurm's time limit that is kept for what follows the run. */
static const int64_t spare_most_ns = 30 * JS_NS_PER_S;

/* Returns 0 if there is none. */
static int64_t rank_command_slurm_limit_ns(void)
{
    int64_t left_ns = js_slurm_is_here() ? js_slurm_time_left_ns() : 0;
    if (left_ns == JS_NEVER_NS || left_ns <= 0)
        return 0;
    left_ns -= left_ns / 10 < spare_most_ns ? left_ns / 10 : spare_most_ns;
    return left_ns < JS_NS_PER_S ? JS_NS_PER_S
                                 : left_ns - left_ns % JS_NS_PER_S;
}

int js_rank_command_init(struct js_rank_command *command,
                         const struct js_launch_config *config,
                         struct js_err *err)
{
    struct jobsched_config run = *config->run;
    struct jobsched_result result;
    *command = (struct js_rank_command){
        .config = config, .id = js_process_new_id(), .begun_ns = js_clock_ns()};
    ssize_t len = readlink("/proc/self/exe", command->program,
                           sizeof(command->program) - 1);
    if (len < 0)
        return js_err_errno(err, "cannot find the path of this program "
                                 "(/proc/self/exe)");
    if (run.time_limit_ns > 0)
        return 0;
    /* Every rank would refuse this by itself, but could not say whose limit it
     * is. */
    run.time_limit_ns = rank_command_slurm_limit_ns();
    if (run.time_limit_ns > 0 &&
        jobsched_check(&run, &result) != JOBSCHED_SUCCEEDED)
        return js_err_set(err,
                          "the time limit of this Slurm job is too close: %s",
                          result.error);
    return 0;
}

void js_rank_command_release(struct js_rank_command *command)
{
    js_argv_release(&command->argv);
}

/* Returns the rest of the time limit that the user has given. */
static int64_t rank_command_left_ns(const struct js_rank_command *command)
{
    return command->config->run->time_limit_ns -
           (js_clock_ns() - command->begun_ns);
}

/* Each rank knows by itself whether the run is continued. */
int js_rank_command_make(struct js_rank_command *command)
{
    const struct js_launch_config *config = command->config;
    const struct js_argv *given =
        command->restarts > 0 ? config->argv_resumed : config->argv;
    struct js_argv *argv = &command->argv;
    int64_t limit_ns = rank_command_slurm_limit_ns();
    int64_t left_ms = rank_command_left_ns(command) / JS_NS_PER_MS;
    js_argv_release(argv);
    js_argv_add(argv, command->program);
    /* The user's limit comes after Slurm's, and so takes precedence. At the
     * first start it is among the arguments that were given. */
    if (limit_ns > 0)
        js_argv_addf(argv, "--time-limit=%" PRId64 "s", limit_ns / JS_NS_PER_S);
    if (command->slots > 0)
        js_argv_addf(argv, "--slots=%" PRIu32, command->slots);
    if (command->restarts > 0 && config->run->time_limit_ns > 0)
        js_argv_addf(argv, "--time-limit=%" PRId64 ".%03ds", left_ms / 1000,
                     (int)(left_ms % 1000));
    /* A user who copies the command line that is shown starts a command of its
     * own. */
    if (!config->is_mpirun_shown)
        js_argv_addf(argv, "--part-of=%" PRIu64 ":%" PRIu32, command->id,
                     command->restarts);
    for (size_t i = 0; i < given->count; i++)
        js_argv_add(argv, given->items[i]);
    return js_argv_check(argv);
}

bool js_rank_command_is_out_of_time(const struct js_rank_command *command)
{
    struct jobsched_config config = *command->config->run;
    struct jobsched_result result;
    bool is_limited = config.time_limit_ns > 0;
    config.time_limit_ns = is_limited ? rank_command_left_ns(command)
                                      : rank_command_slurm_limit_ns();
    return (is_limited && config.time_limit_ns <= 0) ||
           jobsched_check(&config, &result) != JOBSCHED_SUCCEEDED;
}
