#include "launch/watch.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/terminal.h"
#include "launch/subprocess.h"
#include "node/procs.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long mpirun may remain when the run is over. MPI_Finalize has a time
 * limit of its own, but not after a slave on another host was lost. */
static const int64_t end_most_ns = 45 * JS_NS_PER_S;
static const int64_t end_lost_ns = 5 * JS_NS_PER_S;

/* How long the master may take, after the grace period, to end the run when it
 * was told to. It stops waiting for a slow reader or disk before that. */
static const int64_t answer_most_ns = 20 * JS_NS_PER_S;

/* How long the master's last report may be in transit. */
static const int64_t report_most_ns = JS_NS_PER_S;

/* How long mpirun may take to end after a SIGTERM (Open MPI 4.1.4 takes up to
 * four seconds), and how long the processes that it leaves behind may take. */
static const int64_t kill_after_ns = 15 * JS_NS_PER_S;
static const int64_t stay_most_ns = 5 * JS_NS_PER_S;

/* How long after another rank on its host rank 0 may report before the launcher
 * looks for it. */
static const int64_t late_most_ns = 5 * JS_NS_PER_S;

/* Added to the time for a start, which each rank counts from its own beginning:
 * in this time ranks give up by themselves, and know more about the reason. */
static const int64_t start_spare_ns = 5 * JS_NS_PER_S;

/* How long ^Z waits for the master. */
static const int64_t pause_most_ns = JS_NS_PER_S;
enum { PAUSE_LOOK_MS = 50 };

/* How often to check what the run has reported. */
enum { LOOK_MS = 500 };

/* Slack on top of the master's lease: the delay until its status file is
 * visible here. If we ourselves were stopped for longer than this, the file's
 * age proves nothing. */
static const int64_t status_delay_ns = 3 * JS_NS_PER_S;

/* If rank 0 is on this host, its state comes through the lifeline, and the file
 * is not read. */
static void watch_read_status(struct js_watch *watch)
{
    const struct js_lifeline_news news = *js_lifeline_serve(watch->lifeline);
    if (news.stage < JS_STAGE_BEGUN) {
        js_run_status_read(watch->status_path, &watch->run);
        return;
    }
    watch->run.phase =
        news.stage == JS_STAGE_ENDED ? JS_RUN_ENDED : JS_RUN_BEGUN;
    watch->run.status = news.status;
    watch->run.lost = news.lost;
    watch->run.is_out_of_time = news.is_out_of_time;
    watch->run.has_run = news.has_run;
    watch->run.out_bytes = news.out_bytes;
    watch->run.lease_ns = news.lease_ns;
    if (!watch->lifeline->is_cut)
        watch->run.said_ns = js_clock_ns();
}

static void watch_listen(struct js_watch *watch)
{
    int64_t now_ns = js_clock_ns(), before_ns = watch->run.said_ns;
    bool was_deaf = now_ns - watch->looked_ns > status_delay_ns;
    watch_read_status(watch);
    if (watch->run.said_ns != before_ns || was_deaf)
        watch->heard_ns = now_ns;
    watch->looked_ns = now_ns;
}

/* ---------------------------------------------------------------- ending */

static void watch_signal_child(const struct js_watch *watch, int number)
{
    if (watch->child > 0)
        kill(watch->child, number);
}

/* The signal is sent only once: a second one makes Open MPI end its ranks by
 * force. */
static void watch_end_child(struct js_watch *watch, int number)
{
    if (watch->termed_ns != JS_NEVER_NS)
        return;
    watch_signal_child(watch, number);
    watch->termed_ns = js_clock_ns();
}

/* Jobs may still be running, so this asks the run to end them. */
static void watch_end_run(struct js_watch *watch)
{
    bool has_begun = watch->run.phase != JS_RUN_UNKNOWN;
    watch_end_child(watch, has_begun ? js_mpirun_end_signal(watch->mpirun->mpi)
                                     : SIGTERM);
}

/* The master must have ended by then; otherwise mpirun gets a signal. */
static void watch_expect_end(struct js_watch *watch, int64_t most_ns)
{
    int64_t until_ns;
    if (!__builtin_add_overflow(js_clock_ns(), most_ns, &until_ns) &&
        until_ns < watch->answer_ns)
        watch->answer_ns = until_ns;
}

/* Sends the request to the master, if it is on this host and has begun. Before
 * that, ending is mpirun's task, because the ranks may not be prepared for a
 * signal. */
static bool watch_pass(const struct js_watch *watch, int number)
{
    return js_lifeline_pass(watch->lifeline, number) &&
           watch->run.phase != JS_RUN_UNKNOWN;
}

/* ---------------------------------------------------------------- signals */

/* The master may have drawn a bar at the place where other text will appear
 * now. */
static void watch_erase_bar(const struct js_watch *watch)
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

static const char *signal_name(int number)
{
    switch (number) {
    case SIGINT:
        return "^C";
    case SIGHUP:
        return "SIGHUP";
    case SIGUSR1:
        return "SIGUSR1";
    case SIGUSR2:
        return "SIGUSR2";
    default: /* or SIGALRM, which stands for it in a batch job */
        return "SIGTERM";
    }
}

/* A report that a master makes while it starts may not arrive. */
static void watch_end_start(struct js_watch *watch, int number)
{
    if (watch->termed_ns == JS_NEVER_NS)
        fprintf(stderr, "jobsched: stopped by %s before the master was ready\n",
                signal_name(number));
    watch_end_run(watch);
}

/* A master on another host sees only what mpirun passes on. */
static void watch_write_reason(const struct js_watch *watch, int number)
{
    if (watch->relay)
        js_run_status_write_note(watch->status_path, JS_RUN_SIGNAL, number);
}

/* No more jobs are started. If the master is on another host, the request goes
 * through mpirun, and this process prints the message. */
static void watch_drain_run(struct js_watch *watch, int number)
{
    if (watch_pass(watch, number))
        return;
    if (watch->run.phase == JS_RUN_UNKNOWN) {
        watch_end_start(watch, number);
        return;
    }
    watch_write_reason(watch, number);
    watch_signal_child(watch, SIGUSR1);
    watch_erase_bar(watch);
    fprintf(stderr,
            "jobsched: %s: no more jobs are started; those that are running "
            "may finish%s\n",
            signal_name(number),
            number == SIGINT ? " (press ^C again to end them)" : "");
}

/* Running jobs are ended, with their grace period. */
static void watch_stop_run(struct js_watch *watch, int number)
{
    if (watch_pass(watch, number))
        watch_expect_end(watch, watch->config->grace_ns + answer_most_ns);
    else if (watch->run.phase == JS_RUN_UNKNOWN)
        watch_end_start(watch, number);
    else {
        watch_write_reason(watch, number);
        watch_end_run(watch);
    }
}

/* ^Z stops this process only, because the others are in process groups of their
 * own. */
static void watch_suspend(struct js_watch *watch)
{
    sigset_t set;
    struct js_lifeline_news news = {.is_paused = false};
    int64_t until_ns = js_clock_ns() + pause_most_ns;
    bool is_here = watch_pass(watch, SIGTSTP);
    bool has_begun = watch->run.phase == JS_RUN_BEGUN;
    if (!is_here && has_begun)
        watch_signal_child(watch, SIGSTOP); /* the master's output comes
                                               through it */
    /* Waits until the master has paused its bar, so that the bar does not
     * overwrite what the shell prints next. */
    while (is_here && !news.is_paused && js_clock_ns() < until_ns &&
           !watch->lifeline->is_cut) {
        nfds_t count = 0;
        struct pollfd *fds = js_lifeline_fds(watch->lifeline, 0, &count);
        if (fds)
            poll(fds, count, PAUSE_LOOK_MS);
        news = *js_lifeline_serve(watch->lifeline);
    }
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(SIGTSTP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (is_here)
        watch_pass(watch, SIGCONT);
    else if (has_begun)
        watch_signal_child(watch, SIGCONT);
}

/* The master's reports are read first, because the meaning of a signal depends
 * on whether the run has begun. */
static void watch_follow_signal(struct js_watch *watch, uint32_t number)
{
    watch_listen(watch);
    watch->is_interrupted |= number != SIGCHLD;
    watch->is_warned |= number == SIGUSR1;
    watch->is_ended |=
        number != SIGUSR1 && number != SIGCHLD && number != SIGTSTP;
    switch (number) {
    case SIGINT:
        watch->is_stopped = true;
        if (++watch->interrupts == 1)
            watch_drain_run(watch, SIGINT);
        else if (watch->interrupts == 2)
            watch_stop_run(watch, SIGINT);
        /* The third one ends jobs without the grace period, and does nothing
         * else. */
        else if (watch_pass(watch, SIGINT))
            watch_expect_end(watch, answer_most_ns);
        break;
    case SIGTERM:
        watch->is_stopped = true;
        watch_stop_run(watch, watch->is_batch ? SIGALRM : SIGTERM);
        break;
    case SIGHUP:
        watch->is_stopped = true;
        watch_stop_run(watch, SIGHUP);
        break;
    case SIGUSR1:
    case SIGUSR2:
        watch->is_stopped = true;
        watch_drain_run(watch, (int)number);
        break;
    case SIGTSTP:
        watch_suspend(watch);
        break;
    default:
        break;
    }
}

static void watch_follow_signals(struct js_watch *watch)
{
    struct signalfd_siginfo info;
    while (read(watch->signals, &info, sizeof(info)) == sizeof(info))
        watch_follow_signal(watch, info.ssi_signo);
}

/* ---------------------------------------------------------------- looking */

/* Collects mpirun, and the processes that were adopted. */
static void watch_reap(struct js_watch *watch)
{
    pid_t pid;
    int status;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != watch->child)
            continue;
        watch->child = 0;
        watch->wait_status = status;
        watch->gone_ns = js_clock_ns();
    }
    /* Another process has reaped it, or it never existed. */
    if (pid < 0 && errno == ECHILD && watch->child > 0) {
        watch->child = 0;
        watch->gone_ns = js_clock_ns();
    }
}

/* The master is gone before the end of the run, and mpirun may wait for it
 * forever. */
static void watch_look_at_master(struct js_watch *watch)
{
    int64_t silence_ns = watch->looked_ns - watch->heard_ns;
    const struct js_run_status *run = &watch->run;
    bool has_begun = run->phase == JS_RUN_BEGUN;
    if (run->phase == JS_RUN_ENDED || watch->termed_ns != JS_NEVER_NS)
        return;
    /* It was on this host, and has ended. */
    if (watch->lifeline->is_cut) {
        /* Its last report may still be on its way through mpirun. */
        if (!has_begun) {
            watch_expect_end(watch, report_most_ns);
            return;
        }
        if (!watch->has_reported && watch->child > 0)
            fprintf(stderr,
                    "jobsched: the master ended in the middle of the run: "
                    "ending %s\n",
                    watch->mpirun->program);
        watch->has_reported = true;
        watch_end_child(watch, SIGTERM);
        return;
    }
    /* The master's host may be lost. The ranks that are still running on this
     * host notice that themselves. */
    if (has_begun && run->lease_ns > 0 && watch->lifeline->count == 0 &&
        silence_ns > run->lease_ns + status_delay_ns) {
        fprintf(stderr,
                "jobsched: the master has been silent for %" PRId64
                " s: giving up on it, and ending %s\n",
                silence_ns / JS_NS_PER_S, watch->mpirun->program);
        watch->is_master_lost = true;
        watch_end_child(watch, SIGTERM);
    }
}

/*
 * Ends a start if no run has begun in time, or earlier if rank 0 seems to have
 * died before it could connect. Then MPI_Init of the other ranks waits for rank
 * 0 forever, and an mpirun that must continue without a lost rank lets them
 * wait (Open MPI 5).
 */
static void watch_look_at_start(struct js_watch *watch)
{
    size_t count = watch->lifeline->count;
    bool is_starting =
        watch->run.phase == JS_RUN_UNKNOWN && watch->termed_ns == JS_NEVER_NS;
    bool is_rank_0_missing = is_starting && !watch->relay && count > 0 &&
                             js_lifeline_pid(watch->lifeline, 0) == 0 &&
                             !watch->lifeline->is_cut;
    if (count > watch->arrived) {
        watch->arrived = count;
        watch->arrived_ns = watch->looked_ns;
    }
    if (!is_rank_0_missing)
        watch->orphaned_ns = JS_NEVER_NS;
    else if (watch->orphaned_ns == JS_NEVER_NS)
        watch->orphaned_ns = watch->looked_ns;
    if (is_rank_0_missing &&
        watch->looked_ns - watch->orphaned_ns >= late_most_ns) {
        watch->orphaned_ns = watch->looked_ns;
        if (!js_descendants_has_rank_0(watch->folder)) {
            fprintf(stderr,
                    "jobsched: the master ended before it was ready: ending "
                    "%s\n",
                    watch->mpirun->program);
            watch_end_child(watch, SIGTERM);
            return;
        }
    }
    if (is_starting && watch->looked_ns - watch->arrived_ns - start_spare_ns >=
                           watch->config->start_timeout_ns) {
        watch->is_start_late = true;
        watch_end_child(watch, SIGTERM);
    }
}

/* An mpirun that remains when everything is over, or in spite of a SIGTERM,
 * hangs. */
static void watch_look_at_end(struct js_watch *watch)
{
    int64_t now_ns = watch->looked_ns;
    if (watch->run.phase == JS_RUN_ENDED && watch->over_ns == JS_NEVER_NS) {
        watch->over_ns = now_ns;
        watch->answer_ns = JS_NEVER_NS;
        watch_expect_end(watch, watch->run.lost > 0 || watch->is_stopped
                                    ? end_lost_ns
                                    : end_most_ns);
    }
    if (now_ns > watch->answer_ns)
        watch_end_child(watch, SIGTERM);
    if (watch->termed_ns != JS_NEVER_NS &&
        now_ns - watch->termed_ns > kill_after_ns)
        watch_signal_child(watch, SIGKILL);
}

/* Called while written data waits for its reader: another signal ends the
 * wait. */
static bool watch_is_interrupted(void *arg)
{
    struct js_watch *watch = arg;
    watch_follow_signals(watch);
    return watch->is_interrupted;
}

/* ------------------------------------------------------------ what is left */

static void left_name(pid_t pid, void *arg)
{
    (void)arg;
    fprintf(stderr, " %d", (int)pid);
}

static void left_end(pid_t pid, void *arg)
{
    const int *number = arg;
    if (*number == SIGKILL)
        left_name(pid, NULL);
    kill(pid, *number);
    kill(pid, SIGCONT);
}

/* Ranks that have another parent are found by their connection. */
static size_t watch_each_left(const struct js_watch *watch,
                              void (*visit)(pid_t pid, void *arg), void *arg)
{
    size_t count = js_descendants_each(watch->folder, visit, arg);
    if (count > 0)
        return count;
    for (uint64_t rank = 0; rank < watch->mpirun->ranks; rank++) {
        pid_t pid = js_lifeline_pid(watch->lifeline, (int)rank);
        if (pid > 0 && visit)
            visit(pid, arg);
        count += pid > 0;
    }
    return count;
}

/*
 * Processes that do not end get a SIGTERM, then a SIGKILL, and are then
 * abandoned. They should end by themselves with mpirun, or at the latest when
 * the master was not heard from for the time of its lease; a user who asked for
 * the end need not wait that long. Returns false when none is left, or nothing
 * more can be done.
 */
static bool watch_end_rest(struct js_watch *watch)
{
    int number = SIGTERM;
    int64_t now_ns = js_clock_ns();
    if (watch_each_left(watch, NULL, NULL) == 0)
        return false;
    if (watch->rest_ns == JS_NEVER_NS) {
        bool is_asked = watch->termed_ns != JS_NEVER_NS || watch->is_stopped ||
                        watch->run.phase != JS_RUN_BEGUN;
        int64_t lease_ns = watch->run.lease_ns;
        watch->rest_ns =
            watch->gone_ns +
            (is_asked || lease_ns < stay_most_ns ? stay_most_ns : lease_ns);
    }
    if (now_ns < watch->rest_ns)
        return true;
    watch->rest_ns = now_ns + kill_after_ns;
    switch (watch->rest_steps++) {
    case 0:
        watch_each_left(watch, left_end, &number);
        return true;
    case 1:
        number = SIGKILL;
        fputs("jobsched: killing the processes of the run that did not end:",
              stderr);
        watch_each_left(watch, left_end, &number);
        fputs("\n", stderr);
        return true;
    default:
        fputs("jobsched: SIGKILL did not end these processes of the run, which "
              "may still be running:",
              stderr);
        watch_each_left(watch, left_name, NULL);
        fputs("\n", stderr);
        return false;
    }
}

static void watch_follow(struct js_watch *watch)
{
    nfds_t count = 0, before = watch->relay ? 1 + JS_RELAY_FDS : 1;
    struct pollfd *fds = js_lifeline_fds(watch->lifeline, before, &count);
    struct pollfd alone = {.fd = watch->signals, .events = POLLIN};
    if (fds)
        fds[0] = alone;
    if (fds && watch->relay)
        js_relay_fds(watch->relay, fds + 1);
    poll(fds ? fds : &alone, fds ? count : 1, LOOK_MS);
    if (watch->relay)
        js_relay_serve(watch->relay);
    int error = watch->relay ? js_relay_error(watch->relay) : 0;
    /* If standard output stops accepting data, the master notices when it next
     * writes, and then asks for the reason. */
    if (error != 0 && !watch->is_outage_seen) {
        watch->is_outage_seen = true;
        js_run_status_write_note(watch->status_path, JS_RUN_OUTAGE, error);
        watch->is_stopped = true;
        watch_end_run(watch);
    }
    watch_follow_signals(watch);
    watch_listen(watch);
    /* Before the end is on record, the master asks whether everything that it
     * wrote has arrived. (With -v slaves may have written as well; then the
     * answer may be too early.) */
    uint64_t bytes = watch->run.out_bytes;
    if (watch->relay && bytes > 0 && !watch->has_answered &&
        js_relay_written(watch->relay) >= bytes) {
        watch->has_answered = true;
        js_run_status_write_note(watch->status_path, JS_RUN_TAKEN, bytes);
    }
    watch_reap(watch);
}

void js_watch_run(struct js_watch *watch, pid_t child)
{
    watch->child = child;
    watch->over_ns = watch->termed_ns = JS_NEVER_NS;
    watch->answer_ns = watch->rest_ns = watch->orphaned_ns = JS_NEVER_NS;
    watch->has_reported = watch->is_start_late = watch->has_answered = false;
    watch->rest_steps = 0;
    watch->arrived = 0;
    memset(&watch->run, 0, sizeof(watch->run));
    js_lifeline_reset(watch->lifeline);
    watch->looked_ns = watch->begun_ns = watch->arrived_ns = js_clock_ns();
    watch_reap(watch);
    while (watch->child > 0) {
        watch_follow(watch);
        watch_look_at_master(watch);
        watch_look_at_start(watch);
        watch_look_at_end(watch);
    }
    while (watch_end_rest(watch))
        watch_follow(watch);
    watch_read_status(watch);
    watch->is_interrupted = false;
    if (watch->relay)
        js_relay_end(watch->relay, watch_is_interrupted, watch);
    if (watch->run.phase == JS_RUN_BEGUN)
        watch_erase_bar(watch);
}

/* ---------------------------------------------------------------- life */

int js_watch_open(struct js_watch *watch, struct js_err *err)
{
    static const int numbers[] = {SIGINT,  SIGTERM, SIGHUP, SIGUSR1,
                                  SIGUSR2, SIGTSTP, SIGCHLD};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        /* The kernel keeps a blocked signal even if it is ignored (nohup). */
        struct sigaction old;
        if (numbers[i] == SIGCHLD || sigaction(numbers[i], NULL, &old) < 0 ||
            old.sa_handler != SIG_IGN)
            sigaddset(&set, numbers[i]);
    }
    /* Otherwise children that have ended would leave no trace. */
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_BLOCK, &set, NULL);
    watch->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (watch->signals < 0 || js_procs_adopt() < 0)
        return js_err_errno(err, "cannot prepare for signals");
    return 0;
}

void js_watch_close(struct js_watch *watch)
{
    js_fd_close(&watch->signals);
}

bool js_watch_is_to_stop(void *arg)
{
    struct js_watch *watch = arg;
    watch_follow_signals(watch);
    return watch->is_stopped;
}
