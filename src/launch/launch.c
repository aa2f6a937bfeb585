#include "launch/launch.h"

#include "base/argv.h"
#include "base/clock.h"
#include "base/cpuset.h"
#include "base/file.h"
#include "base/launchenv.h"
#include "base/lifeline.h"
#include "base/mca.h"
#include "base/userenv.h"
#include "launch/folder.h"
#include "launch/hosts.h"
#include "launch/mpirun.h"
#include "launch/places.h"
#include "launch/relay.h"
#include "launch/slurm.h"
#include "launch/subprocess.h"
#include "launch/watch.h"
#include "record/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <paths.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The space that Open MPI and PMIx need in the folder for a few hundred ranks,
 * and for the memory through which ranks of one host exchange messages. */
static const uint64_t room_bytes = UINT64_C(8) << 20;
static const uint64_t rank_room_bytes = (UINT64_C(4) << 20) + 65536;

/* Invariants:
 *  - relay is NULL unless is_relayed, and belongs to the last mpirun started.
 *  - `list` and `joblog` stay open over all starts.
 *  - command.restarts counts the starts after the first one. */
struct launch {
    const struct js_launch_config *config;
    struct js_rank_command command;
    struct js_mpirun mpirun;
    struct js_places places;
    struct js_folder folder;
    char status_path[PATH_MAX];   /* path in the folder */
    char hostfile_path[PATH_MAX]; /* path in the folder: the remaining hosts */
    struct js_lifeline_host *lifeline;
    int list;        /* descriptor of a stream; -1: rank 0 opens the
                        list */
    int joblog;      /* descriptor of the joblog, if its name is that of an open
                        file; otherwise -1 */
    bool is_relayed; /* rank 0 cannot use our own files */
    struct js_relay *relay; /* ... but this relay passes their data on */
    const char *names[3];   /* environment variables for rank 0 */
    bool is_out_of_time;
    struct js_requeue requeue;

    struct js_mca mca; /* settings for mpirun that depend on the folder */
    struct js_watch watch;
};

bool js_launch_is_alone(void)
{
    return js_launchenv_rank() < 0 || js_launchenv_size() == 1;
}

static int launch_fail(const struct js_err *err, int status)
{
    fprintf(stderr, "jobsched: %s\n", err->text);
    return status;
}

/* What was read from a stream cannot be read again. */
static bool launch_is_stream(const struct launch *launch)
{
    return launch->list >= 0;
}

/* Goes back to the beginning of a list that we have in full, although rank 0
 * gets it as a stream: a template. Returns false if the list cannot be read
 * again, as when values of the template come through a pipe. */
static bool launch_rewind_list(const struct launch *launch)
{
    return !launch_is_stream(launch) || (launch->config->is_template &&
                                         lseek(launch->list, 0, SEEK_SET) == 0);
}

/* ---------------------------------------------------------------- the start */

static int launch_make_command(struct launch *launch, struct js_err *err)
{
    int rc = js_rank_command_make(&launch->command);
    launch->mpirun.command = launch->command.argv.items;
    return rc < 0 ? js_err_errno(err, "cannot prepare the command line") : 0;
}

static int launch_prepare(struct launch *launch, struct js_err *err)
{
    const struct js_launch_config *config = launch->config;
    char path[PATH_MAX];
    const char *pwd = getenv("PWD");
    const char *program = getenv("JOBSCHED_MPIRUN");
    /* mpirun and the ranks would fail there, each in its own way. */
    if (!getcwd(path, sizeof(path)) && errno != ERANGE)
        return js_err_errno(err,
                            "cannot find the current folder%s%s (was it "
                            "removed?); change to another folder",
                            pwd ? " " : "", pwd ? pwd : "");
    const struct js_places_request request = {.hostfile = config->hostfile,
                                              .slaves = config->slaves,
                                              .has_slots = config->has_slots};
    if (js_places_find(&launch->places, &request, err) < 0)
        return -1;
    launch->command.slots = launch->places.slots;
    /* An mpirun starts its ranks in one component only. */
    uint64_t unused = js_slurm_unused_components();
    if (unused > 0 && !config->hostfile)
        fprintf(stderr,
                "jobsched: this Slurm job has %" PRIu64
                " components, but the run uses only one of them: submit a job "
                "with one component, or start one list in each\n",
                unused + 1);
    launch->mpirun.mpi = js_mpi_of(jobsched_mpi());
    launch->mpirun.program = program && program[0] ? program : JS_MPIRUN;
    launch->mpirun.ranks = launch->places.slaves + 1;
    /* The numbers of slots in this hostfile do not apply: launch_make_folder()
     * writes those that do. */
    launch->mpirun.hostfile =
        launch->places.is_merged ? NULL : config->hostfile;
    launch->mpirun.hosts = &launch->places.hosts;
    if (launch_make_command(launch, err) < 0)
        return -1;
    if (launch->joblog >= 0 && js_places_is_first_elsewhere(&launch->places))
        return js_err_set(err,
                          "the joblog %s is an open file of this process, but "
                          "the master is on another host: name a file",
                          config->run->joblog);
    return 0;
}

/* ---------------------------------------------------------------- folder */

static uint64_t launch_room_bytes(const struct launch *launch)
{
    return room_bytes + (js_places_are_here(&launch->places)
                             ? launch->mpirun.ranks * rank_room_bytes
                             : 0);
}

/* Names the folder to mpirun and the ranks, through the environment. */
static void launch_export_folder(struct launch *launch)
{
    const struct js_folder *folder = &launch->folder;
    js_mca_take_back(&launch->mca);
    js_mca_set_home(&launch->mca, launch->mpirun.mpi);
    if (js_places_are_here(&launch->places))
        js_mca_set_for_host(&launch->mca, launch->mpirun.mpi, folder->path,
                            js_folder_room(folder) >=
                                launch_room_bytes(launch));
    setenv(JS_LAUNCHENV_STATUS_NAME, launch->status_path, 1);
    setenv(JS_LIFELINE_NAME, launch->folder.path, 1);
}

static int launch_write_hosts(struct launch *launch, struct js_err *err)
{
    launch->mpirun.hostfile = launch->hostfile_path;
    return js_hosts_write(launch->hostfile_path, &launch->places.hosts) < 0
               ? js_err_errno(err, "cannot write %s", launch->hostfile_path)
               : 0;
}

static int launch_make_folder(struct launch *launch, struct js_err *err)
{
    char here[PATH_MAX];
    /* The first is in memory, where the ranks have their shared memory. */
    const char *places[] = {"/dev/shm", getenv("TMPDIR"), "/tmp",
                            getenv("XDG_RUNTIME_DIR")};
    size_t count = sizeof(places) / sizeof(places[0]);
    launch->is_relayed = js_places_is_first_elsewhere(&launch->places);
    if (launch->is_relayed) {
        if (!getcwd(here, sizeof(here)))
            return js_err_errno(err, "cannot find the current folder");
        places[0] = here;
        count = 1;
    }
    if (js_folder_make(&launch->folder, places, count,
                       launch_room_bytes(launch), err) < 0)
        return -1;
    snprintf(launch->status_path, sizeof(launch->status_path), "%s/status",
             launch->folder.path);
    snprintf(launch->hostfile_path, sizeof(launch->hostfile_path), "%s/hosts",
             launch->folder.path);
    return launch->places.is_merged && launch->places.hosts.count > 0
               ? launch_write_hosts(launch, err)
               : 0;
}

/* Must be done before anything is added to the environment, which the ranks get
 * from here. */
static int launch_open_lifeline(struct launch *launch, struct js_err *err)
{
    const char *folder = launch->folder.path;
    struct js_argv names = JS_ARGV_INIT;
    struct js_cpuset cpus;
    char path[PATH_MAX];
    /* In a world of one process, the launcher of that world has set its
     * variables, and may have bound this process to a core. */
    bool is_in_world = js_launchenv_rank() >= 0;
    if (is_in_world && js_launchenv_does(JS_LAUNCHENV_BINDS) &&
        js_cpuset_of_process(getppid(), &cpus) == 0)
        sched_setaffinity(0, sizeof(cpus.word), (const cpu_set_t *)cpus.word);
    for (char **variable = environ; is_in_world && *variable; variable++) {
        if (js_launchenv_owns(*variable))
            js_argv_addf(&names, "%.*s", (int)strcspn(*variable, "="),
                         *variable);
    }
    for (size_t i = 0; i < names.count; i++)
        unsetenv(names.items[i]);
    js_argv_release(&names);
    struct js_lifeline_gift gift = {
        .lock = launch->folder.lock,
        .environ = environ,
        .stdio = {-1, -1, -1},
        .joblog = launch->joblog,
    };
    if (!launch->is_relayed) {
        gift.stdio[0] = launch->list;
        gift.stdio[1] = STDOUT_FILENO;
        gift.stdio[2] = STDERR_FILENO;
    }
    if (launch->is_relayed &&
        (js_run_status_beside(launch->status_path, JS_RUN_ENVIRON, path,
                              sizeof(path)) < 0 ||
         js_userenv_write(path, environ) < 0))
        return js_err_errno(err, "cannot prepare the folder %s", folder);
    launch->lifeline = js_lifeline_listen(folder, &gift);
    launch->watch.lifeline = launch->lifeline;
    return launch->lifeline
               ? 0
               : js_err_errno(err, "cannot prepare the folder %s", folder);
}

/* Creates the folder again for another start, because somebody may have removed
 * it. What it held for a rank 0 on another host cannot be recreated. */
static int launch_keep_folder(struct launch *launch, struct js_err *err)
{
    if (js_folder_is_there(&launch->folder))
        return 0;
    if (launch->is_relayed)
        return js_err_set(err,
                          "the folder %s, which the run needs, was removed",
                          launch->folder.path);
    js_folder_remove(&launch->folder);
    if (launch_make_folder(launch, err) < 0)
        return -1;
    if (js_lifeline_move(launch->lifeline, launch->folder.path,
                         launch->folder.lock) < 0)
        return js_err_errno(err, "cannot prepare the folder %s",
                            launch->folder.path);
    launch_export_folder(launch);
    return 0;
}

/* ---------------------------------------------------------------- starting */

/* Open MPI refuses to run as root unless two variables allow it; a user who is
 * root here knows about it. Within Slurm it starts its daemons by srun, which
 * in a step would wait for that step to end. */
static void launch_set_environment(struct launch *launch)
{
    const char *counts = getenv("SLURM_JOB_CPUS_PER_NODE");
    const char *nodes = getenv("SLURM_JOB_NODELIST");
    launch->names[0] = JS_LAUNCHENV_STATUS_NAME;
    launch->names[1] =
        launch_is_stream(launch) ? JS_LAUNCHENV_STREAM_NAME : NULL;
    launch->mpirun.names = launch->names;
    if (launch_is_stream(launch))
        setenv(JS_LAUNCHENV_STREAM_NAME, "1", 1);
    launch_export_folder(launch);
    setenv("PATH", _PATH_STDPATH, 0); /* mpirun looks for ssh in PATH */
    if (geteuid() == 0) {
        setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
        setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    }
    if (launch->places.tasks_per_node.len > 0)
        setenv("SLURM_TASKS_PER_NODE",
               js_buf_string(&launch->places.tasks_per_node), 1);
    if (!js_slurm_is_in_step() || !counts || !nodes)
        return;
    setenv("SLURM_OVERLAP", "1", 1);
    setenv("SLURM_TASKS_PER_NODE", counts, 1);
    setenv("SLURM_NODELIST", nodes, 1);
}

/* ---------------------------------------------------------------- hosts */

/* Removes the hosts that do not answer, and names them. Returns 0, or -1 with
 * *err. */
static int launch_drop_silent_hosts(struct launch *launch, struct js_err *err)
{
    size_t count = launch->places.hosts.count;
    bool *are_well = calloc(count + 1, sizeof(*are_well));
    if (!are_well)
        return js_err_errno(err, "cannot check the hosts");
    js_hosts_probe(&launch->places.hosts, &launch->mpirun, js_watch_is_to_stop,
                   &launch->watch, are_well);
    js_descendants_kill(launch->folder.path); /* ends an ssh that hangs */
    for (size_t i = count; i-- > 0 && !launch->watch.is_stopped;) {
        if (are_well[i])
            continue;
        fprintf(stderr, "jobsched: %s cannot reach host %s\n",
                launch->mpirun.program, launch->places.hosts.items[i].name);
        js_hosts_drop(&launch->places.hosts, i);
    }
    free(are_well);
    return 0;
}

/* ---------------------------------------------------------------- restarts */

static bool launch_has_journal(const struct launch *launch)
{
    const struct jobsched_config *config = launch->config->run;
    return !config->no_journal &&
           (config->journal || (config->job_file && !launch_is_stream(launch)));
}

/*
 * Two kinds of runs are started again. One that broke off in the middle, or
 * with slaves lost, continues from its journal; but not in the middle of a
 * stream that cannot be read again, or if no process ends its jobs, which may
 * then still run. And if a process was lost before the master had begun, no job
 * has run and nothing was read of a stream. That is tried only once more,
 * because it may fail in the same way.
 */
static bool launch_is_worth_restart(const struct launch *launch)
{
    const struct js_watch *watch = &launch->watch;
    const struct js_run_status *run = &watch->run;
    int status = watch->wait_status;
    /* A signal ended mpirun, or a process that it started and reported. */
    bool was_killed = WIFSIGNALED(status) ||
                      (WIFEXITED(status) && WEXITSTATUS(status) > 128 &&
                       WEXITSTATUS(status) <= 128 + SIGRTMAX);
    if (watch->is_stopped ||
        launch->command.restarts >= launch->config->restarts)
        return false;
    /* A rank that gives up a start because it takes too long would give up the
     * next one as well. */
    bool is_start_late =
        watch->is_start_late ||
        watch->looked_ns - watch->begun_ns >= watch->config->start_timeout_ns;
    if (run->phase == JS_RUN_UNKNOWN)
        return launch->command.restarts == 0 && !is_start_late &&
               (launch->lifeline->is_cut || watch->termed_ns != JS_NEVER_NS ||
                was_killed);
    bool is_broken = run->phase == JS_RUN_BEGUN ||
                     (run->status == JOBSCHED_BROKEN && run->lost > 0);
    return is_broken && launch_has_journal(launch) &&
           launch->config->run->slave_timeout_ns > 0 &&
           launch_rewind_list(launch);
}

/* Uses the remaining hosts, and as many slaves as they can run. */
static int launch_take_hosts_left(struct launch *launch, struct js_err *err)
{
    struct js_hosts *hosts = &launch->places.hosts;
    if (hosts->count == 0 && js_slurm_is_here() &&
        js_slurm_hosts(hosts, err) < 0)
        return -1;
    if (hosts->count == 0)
        return 0;
    if (launch_drop_silent_hosts(launch, err) < 0)
        return -1;
    if (launch->watch.is_stopped)
        return js_err_set(err, "the run was stopped before a restart");
    if (hosts->count == 0)
        return js_err_set(err, "no reachable host is left; run the same "
                               "command again when hosts can be reached");
    if (launch_write_hosts(launch, err) < 0)
        return -1;
    uint64_t slots = js_hosts_slots(hosts);
    if (slots > 0 && slots + 1 < launch->mpirun.ranks)
        launch->mpirun.ranks = slots + 1;
    return 0;
}

static int launch_prepare_restart(struct launch *launch, struct js_err *err)
{
    launch->is_out_of_time = js_rank_command_is_out_of_time(&launch->command);
    if (launch->is_out_of_time)
        return js_err_set(err, "the run broke off, and its time limit leaves "
                               "no time for a restart: run the same command "
                               "again to continue");
    if (launch_take_hosts_left(launch, err) < 0)
        return -1;
    if (launch->watch.run.phase == JS_RUN_UNKNOWN)
        fputs("jobsched: the run broke off before the master was ready, so no "
              "job was started: trying once more\n",
              stderr);
    else
        fprintf(stderr,
                "jobsched: the run broke off; restarting it from its journal "
                "with %" PRIu64 " slaves (restart %u of %u)\n",
                launch->mpirun.ranks - 1, launch->command.restarts + 1,
                launch->config->restarts);
    launch->command.restarts++;
    unlink(launch->status_path);
    return launch_make_command(launch, err);
}

/* ---------------------------------------------------------------- the end */

/* Finds out why mpirun has started no master, and reports it. */
static int launch_judge_no_start(struct launch *launch)
{
    const struct js_watch *watch = &launch->watch;
    const char *program = launch->mpirun.program;
    int status = watch->wait_status;
    struct js_err err;
    struct js_buf other = JS_BUF_INIT;
    if (watch->is_stopped)
        return JOBSCHED_STOPPED;
    if (watch->is_start_late)
        fprintf(stderr,
                "jobsched: the run did not start within %" PRId64
                " s: %zu of %" PRIu64
                " processes started on this host%s; %s was ended, and no job "
                "was started\n",
                (watch->termed_ns - watch->begun_ns) / JS_NS_PER_S,
                watch->arrived, launch->mpirun.ranks,
                launch->places.hosts.count > 0
                    ? ", and the other hosts are checked now"
                    : "",
                program);
    if (launch->places.hosts.count > 0)
        launch_drop_silent_hosts(launch, &err);
    if (watch->is_start_late)
        return JOBSCHED_BROKEN;
    /* A status of 127 means that it could not be started, which the child has
     * reported. */
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 127)
        fprintf(stderr,
                "jobsched: %s failed before jobsched started (%s %d, see its "
                "messages above): no job was started\n",
                program, WIFEXITED(status) ? "exit status" : "signal",
                WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    if (js_mpirun_is_other(&launch->mpirun, jobsched_mpi(), &other))
        fprintf(stderr, "jobsched: %s\n", js_buf_string(&other));
    js_buf_release(&other);
    return JOBSCHED_BROKEN;
}

static void launch_report_broken_off(const struct launch *launch)
{
    const struct jobsched_config *config = launch->config->run;
    const char *next = "run the same command again to continue";
    if (!launch_has_journal(launch))
        next = "there is no journal, so the same command would start over";
    else if (launch_is_stream(launch) && !launch->config->is_template)
        next = "send the whole stream again; jobs that are done will not run "
               "again";
    else if (config->slave_timeout_ns == 0)
        next = "run the same command again when none of its jobs is running "
               "any more; if that is refused, add --force-lock";
    fprintf(stderr,
            "jobsched: the run broke off without reporting its end: %s\n",
            next);
}

/* Output that rank 0 has written, and reported as recorded, did not arrive. */
static int launch_judge_output(const struct launch *launch, int status)
{
    int error = launch->relay ? js_relay_error(launch->relay) : 0;
    if (error == 0)
        return status;
    fprintf(stderr,
            "jobsched: standard output: %s: the output of jobs that are "
            "recorded as finished may be missing (use --output DIR to keep it "
            "in files)\n",
            js_errno_text(error));
    return error == EPIPE || error == ECONNRESET ? JOBSCHED_STOPPED
                                                 : JOBSCHED_BROKEN;
}

/* Output and reports of a rank 0 on another host come through mpirun, which was
 * killed. */
static bool launch_is_relay_broken(const struct launch *launch)
{
    return launch->is_relayed && WIFSIGNALED(launch->watch.wait_status);
}

static int launch_judge(struct launch *launch)
{
    switch (launch->watch.run.phase) {
    case JS_RUN_ENDED:
        /* A report of a broken run may then have no other cause. */
        if (launch_is_relay_broken(launch) &&
            launch->watch.run.status == JOBSCHED_BROKEN)
            launch_report_broken_off(launch);
        return launch_judge_output(launch, launch->watch.run.status);
    case JS_RUN_BEGUN:
        launch_report_broken_off(launch);
        launch_judge_output(launch, JOBSCHED_BROKEN);
        return JOBSCHED_BROKEN;
    case JS_RUN_UNKNOWN:
        break;
    }
    return launch_judge_no_start(launch);
}

/* If a run has come to the end of its list, but its report was lost on the way
 * (a full disk, a folder that was removed), the journal has the end on record.
 * Other information in the journal may be wrong: a master that loses its mpirun
 * sees its output end. */
static void launch_ask_journal(struct launch *launch)
{
    const struct jobsched_config *config = launch->config->run;
    const struct js_journal_part part = {.command = launch->command.id,
                                         .restarts = launch->command.restarts};
    char *beside = NULL;
    if (launch->watch.run.phase == JS_RUN_ENDED ||
        !launch_has_journal(launch) || launch_is_relay_broken(launch) ||
        (!config->journal && js_journal_name(config->job_file, &beside) < 0))
        return;
    const char *path = config->journal ? config->journal : beside;
    int status = path ? js_journal_end_of(path, &part) : -1;
    free(beside);
    if (status != JOBSCHED_SUCCEEDED && status != JOBSCHED_JOBS_FAILED)
        return;
    launch->watch.run.phase = JS_RUN_ENDED;
    launch->watch.run.status = status;
    launch->watch.run.has_run = true;
}

static int launch_run_once(struct launch *launch, struct js_err *err)
{
    struct js_argv argv = JS_ARGV_INIT;
    int in = -1, out = -1, flags = JS_SUBPROCESS_DEAF;
    js_relay_free(launch->relay);
    launch->relay = NULL;
    if (launch_keep_folder(launch, err) < 0)
        return -1;
    /* A rank 0 on this host has our own files, so mpirun has nothing to pass on
     * to it. */
    if (launch->is_relayed) {
        launch->relay = js_relay_new(launch->list, err);
        if (!launch->relay)
            return -1;
        js_run_status_forget_note(launch->status_path, JS_RUN_TAKEN);
        flags = 0;
        js_relay_ends(launch->relay, &in, &out);
    }
    pid_t child = js_mpirun_make(&launch->mpirun, &argv);
    if (child == 0)
        child = js_subprocess_start(&argv, flags, in, out, launch->folder.lock);
    js_argv_release(&argv);
    if (child < 0)
        return js_err_errno(err, "cannot start %s", launch->mpirun.program);
    if (launch->relay)
        js_relay_begin(launch->relay);
    launch->watch.relay = launch->relay;
    js_watch_run(&launch->watch, child);
    return 0;
}

/* The journal is asked before a restart: a run whose end is on record must not
 * be started again. */
static int launch_run(struct launch *launch)
{
    struct js_err err;
    for (;;) {
        if (launch_run_once(launch, &err) < 0)
            return launch_fail(&err, JOBSCHED_BROKEN);
        launch_ask_journal(launch);
        if (!launch_is_worth_restart(launch))
            return launch_judge(launch);
        if (launch_prepare_restart(launch, &err) < 0)
            return launch_fail(&err, launch->watch.is_stopped ||
                                             launch->is_out_of_time
                                         ? JOBSCHED_STOPPED
                                         : JOBSCHED_BROKEN);
    }
}

/* ---------------------------------------------------------------- all of it */

static int launch_show_command(struct launch *launch)
{
    struct js_argv argv = JS_ARGV_INIT;
    struct js_buf line = JS_BUF_INIT, setting = JS_BUF_INIT;
    int rc = 0;
    /* A run gets this value through the environment. */
    if (launch->places.tasks_per_node.len > 0) {
        rc = js_buf_printf(&setting, "SLURM_TASKS_PER_NODE=%s",
                           js_buf_string(&launch->places.tasks_per_node));
        launch->mpirun.setting = js_buf_string(&setting);
    }
    if (rc == 0)
        rc = js_mpirun_make(&launch->mpirun, &argv);
    if (rc == 0)
        rc = js_argv_quote(&argv, &line);
    if (rc == 0)
        rc = printf("%.*s\n", (int)line.len, line.data) < 0 || fflush(stdout);
    js_buf_release(&line);
    js_buf_release(&setting);
    js_argv_release(&argv);
    return rc == 0 ? JOBSCHED_SUCCEEDED : JOBSCHED_BROKEN;
}

/*
 * A list that can be read only once is opened here, because mpirun passes on no
 * file but its standard input, and rank 0 may be on another host: standard
 * input ("-"), an open file named by its descriptor (/dev/fd/3), a FIFO or a
 * device. All other lists, also those that do not exist, are rank 0's task.
 * Must be called before other files are opened, which could get that number.
 */
static int launch_open_list(struct launch *launch, struct js_err *err)
{
    const char *path = launch->config->run->job_file;
    struct stat st;
    if (!path || launch->config->is_mpirun_shown)
        return 0;
    bool is_stdin = strcmp(path, "-") == 0;
    int number = is_stdin ? STDIN_FILENO : js_file_fd_of(path);
    if (number >= 0)
        launch->list = fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    else if (stat(path, &st) < 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
        return 0;
    else /* Opening a FIFO must not wait for its writer. */
        launch->list = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (launch->list < 0)
        return js_err_errno(err, "cannot read the job list %s", path);
    if (!isatty(launch->list))
        return 0;
    return js_err_set(err,
                      "cannot read the job list from %s, which is a terminal: "
                      "to type a list, use `cat | jobsched -`",
                      is_stdin ? "standard input" : path);
}

/* Passes on an open file that is named by its descriptor, as >(COMMAND) is;
 * mpirun passes none on. Our standard output and error are rank 0's as well. */
static int launch_open_joblog(struct launch *launch, struct js_err *err)
{
    const char *path = launch->config->run->joblog;
    int number = path ? js_file_fd_of(path) : -1;
    if (number <= STDERR_FILENO || launch->config->is_mpirun_shown)
        return 0;
    int flags = fcntl(number, F_GETFL);
    if (flags >= 0 && (flags & O_ACCMODE) == O_RDONLY) {
        errno = EBADF;
        flags = -1;
    }
    if (flags >= 0)
        launch->joblog = fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return launch->joblog >= 0
               ? 0
               : js_err_errno(err, "cannot write the joblog %s", path);
}

int js_launch(const struct js_launch_config *config)
{
    struct js_err err;
    struct launch launch = {.config = config,
                            .list = -1,
                            .joblog = -1,
                            .folder = JS_FOLDER_INIT,
                            .watch = {.config = config->run,
                                      .mpirun = &launch.mpirun,
                                      .folder = launch.folder.path,
                                      .status_path = launch.status_path,
                                      .is_batch = js_slurm_is_here(),
                                      .signals = -1}};
    int status;
    if (js_file_reserve_stdio() < 0) {
        js_err_errno(&err, "/dev/null");
        return launch_fail(&err, JOBSCHED_BROKEN);
    }
    if (js_requeue_init(&launch.requeue, config->is_requeued, &err) < 0 ||
        launch_open_joblog(&launch, &err) < 0 ||
        launch_open_list(&launch, &err) < 0 ||
        js_rank_command_init(&launch.command, config, &err) < 0 ||
        launch_prepare(&launch, &err) < 0) {
        status = launch_fail(&err, JOBSCHED_BAD_INPUT);
    } else if (config->is_mpirun_shown) {
        status = launch_show_command(&launch);
    } else if (launch_make_folder(&launch, &err) < 0 ||
               launch_open_lifeline(&launch, &err) < 0 ||
               js_watch_open(&launch.watch, &err) < 0) {
        status = launch_fail(&err, JOBSCHED_BROKEN);
    } else {
        launch_set_environment(&launch);
        /* With several hosts only the limits of this one are known, and not
         * how many ranks it will have. */
        status =
            js_limits_raise(launch.mpirun.mpi, launch.mpirun.ranks, &err) < 0 &&
                    js_places_are_here(&launch.places)
                ? launch_fail(&err, JOBSCHED_BAD_INPUT)
                : launch_run(&launch);
    }
    if (status == JOBSCHED_STOPPED)
        js_watch_is_to_stop(&launch.watch); /* a signal that has arrived
                                               meanwhile */
    const struct js_stop stop = {
        .is_warned = launch.watch.is_warned,
        .is_ended = launch.watch.is_ended,
        .is_out_of_time =
            launch.is_out_of_time || launch.watch.run.is_out_of_time,
        /* A run that broke off, and had no time for a restart, had begun. */
        .has_run = launch.is_out_of_time || launch.watch.run.has_run,
    };
    js_relay_free(launch.relay);
    js_lifeline_close(launch.lifeline);
    js_folder_remove(&launch.folder);
    /* Only now, because Slurm may end this process during the call. */
    if (status == JOBSCHED_STOPPED)
        js_requeue(&launch.requeue, &stop);
    js_fd_close(&launch.list);
    js_fd_close(&launch.joblog);
    js_watch_close(&launch.watch);
    js_rank_command_release(&launch.command);
    js_places_release(&launch.places);
    return status;
}
