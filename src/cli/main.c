/* The command: reads the options, runs, and reports how the run ended. */
#include "base/background.h"
#include "base/clock.h"
#include "base/launchenv.h"
#include "base/lifeline.h"
#include "cli/command_line.h"
#include "cli/expand.h"
#include "cli/options.h"
#include "cli/plan.h"
#include "cli/report.h"
#include "cli/status.h"
#include "cli/words.h"
#include "jobsched.h"
#include "launch/launch.h"
#include "launch/mpirun.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How long the last messages may take if this process must leave. */
static const int64_t report_most_ns = JS_NS_PER_S;

/* How often to check whether mpirun has read the last messages. */
enum { HEARING_LOOKS = 100 };

/*
 * Every process of an MPI program reads the same command line, and the one of
 * rank 0 speaks for all. The others leave without an error, because the first
 * process to fail would make the launcher end rank 0 before it has printed its
 * message.
 */
static int speak_for_all(int status)
{
    return js_launchenv_rank() > 0 ? JOBSCHED_SUCCEEDED : status;
}

static int usage_error(const struct js_err *err)
{
    if (js_launchenv_rank() <= 0)
        fprintf(stderr, "jobsched: %s\n", err->text);
    return speak_for_all(JOBSCHED_BAD_INPUT);
}

/* `rc` is the return value of the function that wrote to stdout. */
static int main_finish_stdout(int rc)
{
    if (rc < 0 || fflush(stdout) != 0) {
        fprintf(stderr, "jobsched: cannot write to standard output: %s\n",
                js_errno_text(errno));
        return speak_for_all(JOBSCHED_BROKEN);
    }
    return JOBSCHED_SUCCEEDED;
}

static void main_report_error(const struct jobsched_result *result)
{
    char host[256] = "";
    if (result->is_master) {
        fprintf(stderr, "jobsched: %s\n", result->error);
        return;
    }
    gethostname(host, sizeof(host) - 1);
    fprintf(stderr, "jobsched: slave %d on %s: %s\n", js_launchenv_rank(), host,
            result->error);
}

/* True if data that was written there has not been read yet. */
static bool is_unread(int fd)
{
    int bytes = 0;
    unsigned long request = isatty(fd) ? TIOCOUTQ : FIONREAD;
    struct stat st;
    if (fstat(fd, &st) < 0 || !(S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
        return false;
    return ioctl(fd, request, &bytes) == 0 && bytes > 0;
}

/* Some mpiruns stop reading when a rank has left with an exit status of its
 * own. What they have read takes a moment to pass through them. */
static void be_heard(void)
{
    int64_t pause_ns = js_mpirun_hearing_ns(js_mpi_of(jobsched_mpi()));
    struct timespec pause = {.tv_nsec = pause_ns};
    if (pause_ns == 0 || js_launchenv_rank() != 0)
        return;
    for (int i = 0; i < HEARING_LOOKS; i++) {
        bool is_all_read =
            !is_unread(STDOUT_FILENO) && !is_unread(STDERR_FILENO);
        nanosleep(&pause, NULL);
        if (is_all_read)
            return;
    }
}

/* ---------------------------------------------------------------- the demo */

static bool is_demonstration(const struct js_options *options)
{
    return !options->config.job_file && options->config.action == JOBSCHED_RUN;
}

/* A user who has asked for the demonstration, and for silence, needs no
 * message. */
static bool is_demonstration_announced(const struct js_options *options)
{
    return is_demonstration(options) && js_launchenv_rank() <= 0 &&
           !(options->is_quiet && options->is_demo);
}

static void announce_demonstration(const struct js_options *options)
{
    uint64_t jobs = options->config.demo_jobs;
    const char *why = options->is_demo ? "running" : "no job file: running";
    if (!is_demonstration_announced(options))
        return;
    if (jobs == UINT64_MAX)
        fprintf(stderr, "jobsched: %s a demonstration of simulated jobs\n",
                why);
    else
        fprintf(stderr,
                "jobsched: %s a demonstration of %" PRIu64 " simulated job%s\n",
                why, jobs, jobs == 1 ? "" : "s");
}

static void explain_demonstration(const struct js_options *options, int status)
{
    if (is_demonstration_announced(options) && status != JOBSCHED_BAD_INPUT)
        fputs("jobsched: this was a demonstration; to run your own commands, "
              "write them into a file, one per line, and run jobsched FILE\n",
              stderr);
}

/* True for what a shell, xargs or parallel would read; not for a terminal or
 * /dev/null. */
static bool is_list_piped_in(const struct js_options *options)
{
    struct stat st;
    return is_demonstration(options) && !options->is_demo &&
           !js_launchenv_is_direct() && fstat(STDIN_FILENO, &st) == 0 &&
           (S_ISFIFO(st.st_mode) || S_ISREG(st.st_mode) ||
            S_ISSOCK(st.st_mode));
}

/* ---------------------------------------------------------------- a run */

static void main_report(const struct js_options *options,
                        const struct jobsched_result *result)
{
    bool is_shown = !options->is_quiet || result->status != JOBSCHED_SUCCEEDED;
    struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
    /* A launcher that is about to kill us reads nothing more. */
    if (result->is_abrupt && (poll(&fd, 1, 0) != 1 || !(fd.revents & POLLOUT)))
        return;
    if (result->summary[0] && is_shown)
        fprintf(stderr, "jobsched: %s\n", result->summary);
    if (result->failures[0])
        fprintf(stderr, "jobsched: %s\n", result->failures);
    if (result->error[0])
        main_report_error(result);
    if (result->is_master && !options->config.status_file)
        explain_demonstration(options, result->status);
}

static void main_leave(void *arg)
{
    jobsched_leave(arg);
}

static int main_run(const struct js_options *options)
{
    struct jobsched_result result;
    struct js_watchdog dog;
    bool is_launched = options->config.status_file != NULL;
    if (!is_launched)
        announce_demonstration(options);
    jobsched_run(&options->config, &result);
    if (result.status == JOBSCHED_BAD_INPUT && !result.is_master)
        return speak_for_all(result.status);
    /* Standard error may be the file that does not answer. */
    if (result.is_abrupt)
        js_watchdog_start(&dog, report_most_ns, main_leave, &result);
    main_report(options, &result);
    if (result.is_abrupt)
        jobsched_leave(&result);
    /* The launcher finds the status of the run elsewhere. An mpirun that sees
     * an exit status other than 0 ends the other ranks and complains. */
    if (is_launched)
        return JOBSCHED_SUCCEEDED;
    if (result.status != JOBSCHED_SUCCEEDED)
        be_heard();
    return result.status;
}

/* ---------------------------------------------------------------- a start */

static int launch_with(const struct js_options *options, int argc, char **argv)
{
    struct jobsched_result result;
    struct js_argv ranks = JS_ARGV_INIT, ranks_resumed = JS_ARGV_INIT;
    const struct js_launch_config config = {
        .run = &options->config,
        .argv = &ranks,
        .argv_resumed = &ranks_resumed,
        .has_slots = options->has_slots,
        .slaves = options->slaves,
        .hostfile = options->hostfile,
        .restarts = options->restarts,
        .is_mpirun_shown = options->is_mpirun_shown,
        .is_template = options->words,
        .is_requeued = options->is_requeued,
    };
    int status = JOBSCHED_BROKEN;
    /* A configuration that every rank would refuse is refused before any rank
     * is started. */
    if (jobsched_check(&options->config, &result) != JOBSCHED_SUCCEEDED) {
        main_report_error(&result);
        return (int)result.status;
    }
    js_command_line_for_ranks(argc, argv, false, &ranks);
    js_command_line_for_ranks(argc, argv, true, &ranks_resumed);
    if (js_argv_check(&ranks) < 0 || js_argv_check(&ranks_resumed) < 0)
        fprintf(stderr, "jobsched: cannot prepare the command line: %s\n",
                js_errno_text(errno));
    else
        status = js_launch(&config);
    js_argv_release(&ranks);
    js_argv_release(&ranks_resumed);
    return status;
}

/* As if the user had typed "-" as well. */
static int launch_piped_list(struct js_options *options, int argc, char **argv)
{
    static char dash[] = "-";
    struct js_err err;
    char **args = calloc((size_t)argc + 2, sizeof(*args));
    int status = JOBSCHED_BROKEN;
    if (!args) {
        js_err_errno(&err, "cannot prepare the command line");
        return usage_error(&err);
    }
    memcpy(args, argv, (size_t)argc * sizeof(*args));
    args[argc] = dash;
    if (js_command_line_read(argc + 1, args, options, &err) < 0) {
        status = usage_error(&err);
    } else {
        fputs("jobsched: no job file: reading the list from standard input\n",
              stderr);
        status = launch_with(options, argc + 1, args);
    }
    free(args);
    return status;
}

static int launch_directly(struct js_options *options, int argc, char **argv)
{
    struct js_err err;
    if (is_list_piped_in(options))
        return launch_piped_list(options, argc, argv);
    if (is_demonstration(options) && !options->is_demo &&
        options->config.retry == JOBSCHED_RETRY_ONLY_FAILED) {
        js_err_set(&err, "--retry-failed needs the list as well: run the same "
                         "command again, with --retry-failed");
        return usage_error(&err);
    }
    announce_demonstration(options);
    int status = launch_with(options, argc, argv);
    explain_demonstration(options, status);
    return status;
}

static int main_start(struct js_options *options, int argc, char **argv)
{
    struct js_err err;
    bool is_alone = js_launch_is_alone();
    bool is_run = options->config.action == JOBSCHED_RUN;
    if (is_alone && is_run && js_launchenv_is_one_of_many()) {
        /* Only the first rank reports the error, and fails: an error of another
         * rank could make the launcher end the first before it has printed the
         * message. */
        if (!js_launchenv_is_first_of_many())
            return JOBSCHED_SUCCEEDED;
        js_err_set(&err, JS_LAUNCHENV_MANY, jobsched_mpi());
        fprintf(stderr, "jobsched: %s\n", err.text);
        return JOBSCHED_BAD_INPUT;
    }
    if (options->words && js_launchenv_rank() <= 0 &&
        js_words_put_on_stdin(options, &err) < 0)
        return usage_error(&err);
    if (is_alone && is_run)
        return launch_directly(options, argc, argv);
    options->config.status_file =
        is_alone ? NULL : getenv(JS_LAUNCHENV_STATUS_NAME);
    options->config.launcher = is_alone ? NULL : getenv(JS_LIFELINE_NAME);
    options->config.is_job_stream =
        !is_alone && getenv(JS_LAUNCHENV_STREAM_NAME);
    if (options->is_start_given && !is_alone && !options->config.status_file) {
        js_err_set(&err, "-n, --hostfile, --restarts and --show-mpirun apply "
                         "only to a start without mpirun: use the options of "
                         "mpirun instead");
        return usage_error(&err);
    }
    return main_run(options);
}

/* ---------------------------------------------------------------- signals */

/*
 * A library may change the action of a signal before main() begins, and undo
 * what nohup has set. UCX does so with SIGHUP; Open MPI 5 of Debian 13 is
 * linked with it. So the actions are saved before any library runs.
 */
static const int given_numbers[] = {SIGHUP,  SIGINT,  SIGQUIT,
                                    SIGTERM, SIGUSR1, SIGUSR2};
enum { GIVEN = sizeof(given_numbers) / sizeof(given_numbers[0]) };
static struct sigaction given[GIVEN];
static bool is_given[GIVEN];

static void keep_given_signals(void)
{
    for (size_t i = 0; i < GIVEN; i++)
        is_given[i] = sigaction(given_numbers[i], NULL, &given[i]) == 0;
}

__attribute__((section(".preinit_array"),
               used)) static void (*const keep_first)(void) =
    keep_given_signals;

int main(int argc, char **argv)
{
    struct js_options options;
    struct js_err err;
    for (size_t i = 0; i < GIVEN; i++) {
        if (is_given[i])
            sigaction(given_numbers[i], &given[i], NULL);
    }
    /* A reader that has ended must not change the exit status. */
    signal(SIGPIPE, SIG_IGN);
    if (js_command_line_read(argc, argv, &options, &err) < 0)
        return usage_error(&err);
    /* For an action that is not a run, one rank speaks for all. */
    if (options.action != JS_ACTION_RUN && js_launchenv_rank() > 0)
        return JOBSCHED_SUCCEEDED;
    switch (options.action) {
    case JS_ACTION_HELP:
        return main_finish_stdout(js_options_help(stdout));
    case JS_ACTION_VERSION:
        return main_finish_stdout(printf("jobsched %s\n%s\n%s\n",
                                         jobsched_version(), jobsched_mpi(),
                                         jobsched_hwloc()));
    case JS_ACTION_STATUS:
        return js_status(&options);
    case JS_ACTION_REPORT:
        return js_report(&options);
    case JS_ACTION_PLAN:
        return js_plan(&options);
    case JS_ACTION_EXPAND:
        return js_expand(&options);
    case JS_ACTION_RUN:
        break;
    }
    if (options.words && options.config.action == JOBSCHED_CHECK)
        return js_launchenv_rank() > 0 ? JOBSCHED_SUCCEEDED
                                       : js_words_check(&options);
    return main_start(&options, argc, argv);
}
