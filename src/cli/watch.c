#include "cli/watch.h"

#include "base/clock.h"
#include "base/fdio.h"
#include "base/terminal.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long mpirun may stay when the run is over: MPI_Finalize has an end of its
 * own; but none after a slave was lost on another host. */
static const int64_t end_most_ns = 45 * JS_NS_PER_S;
static const int64_t end_lost_ns = 5 * JS_NS_PER_S;

/* ... and after a SIGTERM (Open MPI 4.1.4 takes up to four seconds). */
static const int64_t kill_after_ns = 15 * JS_NS_PER_S;

/* How often to look at what the run has said. */
enum { LOOK_MS = 500 };

/* Behind the master's lease: until what it said is seen here. Whoever has not
 * looked for so long knows nothing of a silence. */
static const int64_t hearsay_ns = 3 * JS_NS_PER_S;

/* Past the file by the lifeline, where rank 0 is on this host. */
static void read_status(struct js_watch *watch)
{
    struct js_lifeline_news news;
    js_lifeline_serve(watch->lifeline);
    js_lifeline_news(watch->lifeline, &news);
    if (news.stage < JS_STAGE_BEGUN) {
        js_run_status_read(watch->status_path, &watch->run);
        return;
    }
    watch->run.phase =
        news.stage == JS_STAGE_ENDED ? JS_RUN_ENDED : JS_RUN_BEGUN;
    watch->run.status = news.status;
    watch->run.lost = news.lost;
    watch->run.lease_ns = news.lease_ns;
    if (!js_lifeline_is_cut(watch->lifeline))
        watch->run.said_ns = js_clock_ns();
}

static void listen_to_master(struct js_watch *watch)
{
    int64_t now_ns = js_clock_ns(), before_ns = watch->run.said_ns;
    bool was_deaf = now_ns - watch->looked_ns > hearsay_ns;
    read_status(watch);
    if (watch->run.said_ns != before_ns || was_deaf)
        watch->heard_ns = now_ns;
    watch->looked_ns = now_ns;
}

static void tell_child(const struct js_watch *watch, int number)
{
    if (watch->child > 0)
        kill(watch->child, number);
}

static void end_child(struct js_watch *watch, int number)
{
    tell_child(watch, number);
    if (watch->termed_ns == JS_NEVER_NS)
        watch->termed_ns = js_clock_ns();
}

/* Jobs may still be in the middle of something: asks them to be ended. */
static void end_run(struct js_watch *watch)
{
    bool has_begun = watch->run.phase != JS_RUN_UNKNOWN;
    end_child(watch,
              has_begun ? js_mpirun_end_signal(watch->mpirun->mpi) : SIGTERM);
    watch->is_stopped = true;
}

/* No more jobs are to be started. Before the master is there that is the end;
 * and the ranks might not be prepared for anything else. */
static void drain_run(struct js_watch *watch)
{
    watch->is_stopped = true;
    if (watch->run.phase == JS_RUN_UNKNOWN)
        end_run(watch);
    else
        tell_child(watch, SIGUSR1);
}

/* The master may have drawn a bar where something else is to stand now. */
static void erase_bar(const struct js_watch *watch)
{
    const struct jobsched_config *config = watch->config;
    bool is_wanted = config->progress == JOBSCHED_PROGRESS_ALWAYS;
    if (config->trace || config->progress == JOBSCHED_PROGRESS_NEVER)
        return;
    struct js_terminal *terminal = js_terminal_new(0);
    if (terminal && js_terminal_takes_bar(terminal, is_wanted))
        fputs(JS_TERMINAL_ERASE, stderr);
    js_terminal_free(terminal);
}

static void interrupt(struct js_watch *watch)
{
    switch (watch->interrupts++) {
    case 0:
        erase_bar(watch);
        fputs("jobsched: no more jobs are started; those that run go on to "
              "their end, or until a second ^C\n",
              stderr);
        drain_run(watch);
        break;
    case 1:
        end_run(watch);
        break;
    default:
        tell_child(watch, SIGKILL);
    }
}

static void follow_signal(struct js_watch *watch, uint32_t number)
{
    listen_to_master(watch);
    watch->is_told_again |= number != SIGCHLD;
    switch (number) {
    case SIGINT:
        interrupt(watch);
        break;
    case SIGTERM:
    case SIGHUP:
        end_run(watch);
        break;
    case SIGUSR1:
    case SIGUSR2:
        drain_run(watch);
        break;
    default:
        break;
    }
}

static void follow_signals(struct js_watch *watch)
{
    struct signalfd_siginfo info;
    while (read(watch->signals, &info, sizeof(info)) == sizeof(info))
        follow_signal(watch, info.ssi_signo);
}

static void reap(struct js_watch *watch)
{
    if (waitpid(watch->child, &watch->wait_status, WNOHANG) == watch->child)
        watch->child = 0;
}

/* Where the master's host is lost, mpirun may wait for it for ever. */
static void look_at_silence(struct js_watch *watch)
{
    int64_t silence_ns = watch->looked_ns - watch->heard_ns;
    const struct js_run_status *run = &watch->run;
    if (run->phase != JS_RUN_BEGUN || run->lease_ns == 0 ||
        watch->termed_ns != JS_NEVER_NS ||
        silence_ns <= run->lease_ns + hearsay_ns)
        return;
    fprintf(stderr,
            "jobsched: nothing was heard of the master for %" PRId64
            " s: it is given up, and %s is ended\n",
            silence_ns / JS_NS_PER_S, watch->mpirun->program);
    watch->is_master_lost = true;
    end_child(watch, SIGTERM);
}

/* An mpirun that stays when all is over, or in spite of a SIGTERM, hangs. */
static void look_at_end(struct js_watch *watch)
{
    int64_t now_ns = watch->looked_ns;
    if (watch->run.phase == JS_RUN_ENDED && watch->over_ns == JS_NEVER_NS)
        watch->over_ns = now_ns;
    int64_t most_ns = watch->run.lost > 0 ? end_lost_ns : end_most_ns;
    if (watch->over_ns != JS_NEVER_NS && watch->termed_ns == JS_NEVER_NS &&
        now_ns - watch->over_ns > most_ns)
        end_child(watch, SIGTERM);
    if (watch->termed_ns != JS_NEVER_NS &&
        now_ns - watch->termed_ns > kill_after_ns)
        tell_child(watch, SIGKILL);
}

static void wait_for_event(const struct js_watch *watch)
{
    nfds_t count = 0, before = watch->relay ? 1 + JS_RELAY_FDS : 1;
    struct pollfd *fds = js_lifeline_fds(watch->lifeline, before, &count);
    struct pollfd alone = {.fd = watch->signals, .events = POLLIN};
    if (fds)
        fds[0] = alone;
    if (fds && watch->relay)
        js_relay_fds(watch->relay, fds + 1);
    poll(fds ? fds : &alone, fds ? count : 1, LOOK_MS);
}

/* The master learns of it by its end, and then asks why. */
static void pass_on(struct js_watch *watch)
{
    int error;
    if (!watch->relay)
        return;
    js_relay_serve(watch->relay);
    error = js_relay_error(watch->relay);
    if (error == 0 || watch->is_outage_seen)
        return;
    watch->is_outage_seen = true;
    js_run_status_write_outage(watch->status_path, error);
    end_run(watch);
}

/* While what is written waits for its reader. */
static bool is_told_again(void *arg)
{
    struct js_watch *watch = arg;
    follow_signals(watch);
    return watch->is_told_again;
}

void js_watch_run(struct js_watch *watch, pid_t child)
{
    watch->child = child;
    watch->over_ns = watch->termed_ns = JS_NEVER_NS;
    memset(&watch->run, 0, sizeof(watch->run));
    js_lifeline_reset(watch->lifeline);
    watch->looked_ns = js_clock_ns();
    for (reap(watch); watch->child > 0; reap(watch)) {
        wait_for_event(watch);
        pass_on(watch);
        follow_signals(watch);
        listen_to_master(watch);
        look_at_silence(watch);
        look_at_end(watch);
    }
    read_status(watch);
    watch->is_told_again = false;
    if (watch->relay)
        js_relay_end(watch->relay, is_told_again, watch);
    if (watch->run.phase == JS_RUN_BEGUN)
        erase_bar(watch);
}

/* ---------------------------------------------------------------- life */

int js_watch_open(struct js_watch *watch, struct js_err *err)
{
    static const int numbers[] = {SIGINT,  SIGTERM, SIGHUP,
                                  SIGUSR1, SIGUSR2, SIGCHLD};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaddset(&set, numbers[i]);
    /* Else ended children would leave nothing to be seen. */
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_BLOCK, &set, NULL);
    watch->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return watch->signals < 0 ? js_err_errno(err, "signals") : 0;
}

void js_watch_close(struct js_watch *watch)
{
    js_fd_close(&watch->signals);
}

bool js_watch_is_to_stop(void *arg)
{
    struct js_watch *watch = arg;
    follow_signals(watch);
    return watch->is_stopped;
}
