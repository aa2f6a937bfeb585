/* How a process leaves: through MPI_Finalize, or without it if some process
 * will not call it. */
#include "run/run.h"

#include "base/background.h"
#include "base/clock.h"
#include "base/launchenv.h"

#include <errno.h>
#include <mpi.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

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

static void sleep_ns(int64_t ns)
{
    struct timespec pause = {.tv_sec = ns / JS_NS_PER_S,
                             .tv_nsec = ns % JS_NS_PER_S};
    while (nanosleep(&pause, &pause) < 0 && errno == EINTR)
        continue;
}

/* Waits until the launcher has ended, or for at most that long. */
static bool is_gone_within(pid_t launcher, int64_t ns)
{
    static const int64_t look_ns = 50 * JS_NS_PER_MS;
    for (; ns > 0 && js_launchenv_is_launcher(launcher); ns -= look_ns)
        sleep_ns(look_ns);
    return !js_launchenv_is_launcher(launcher);
}

/*
 * MPI_Abort ends this process too, and the launcher may then wait for ever for
 * a host that is lost; it ends on a SIGTERM. (Measured with Open MPI 4.1.4: an
 * abort takes 1 to 4 s, and so does ending after a SIGTERM.) So a separate
 * process sends that signal. It has none of our descriptors, which would keep
 * others waiting as well.
 */
static void watch_launcher(pid_t launcher)
{
    if (!js_launchenv_is_launcher(launcher) || fork() != 0)
        return;
    setsid();
    for (int fd = 0; fd < JS_RUN_FILES; fd++)
        close(fd);
    if (!is_gone_within(launcher, abort_most_ns))
        kill(launcher, SIGTERM);
    if (!is_gone_within(launcher, 2 * abort_most_ns))
        kill(launcher, SIGKILL);
    _exit(EXIT_SUCCESS);
}

/* If rank 0 was killed, no other process ends an mpirun that waits for ever
 * (Open MPI 4.1.4 under recovery, when all ranks on two hosts have left). */
void js_run_end_watch_masterless(void)
{
    if (js_launchenv_has_lost_first())
        watch_launcher(getppid());
}

/* Everything is done and on record, but some process will not call
 * MPI_Finalize. */
static void give_up_end(void *arg)
{
    struct jobsched_result *result = arg;
    result->lost += result->is_master;
    jobsched_leave(result);
}

/* All messages must be read first: MPICH complains about each one that is
 * not. */
void js_run_end_finalize(struct js_link *link, int64_t limit_ns,
                         struct jobsched_result *result)
{
    struct js_err err;
    struct js_watchdog dog;
    if (!result->is_master)
        limit_ns = slave_end_ns;
    else if (limit_ns > master_end_ns)
        limit_ns = master_end_ns;
    js_watchdog_start(&dog, limit_ns, give_up_end, result);
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
        sleep_ns(farewell_ns);
    if (!result->is_master && result->status == JOBSCHED_BROKEN)
        js_run_end_watch_masterless();
    if (result->lost > 0) {
        watch_launcher(getppid());
        if (js_link_failed_peers() < result->lost)
            MPI_Abort(MPI_COMM_WORLD, (int)result->status);
    }
    _exit((int)result->status);
}
