#include "launch/watch.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/terminal.h"
#include "launch/subprocess.h"

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

/* How long its last messages may be under way. */
static const int64_t words_most_ns = JS_NS_PER_S;

/* ... and how long mpirun may take to end after a SIGTERM (Open MPI 4.1.4 takes
 * up to four seconds), or the processes that it leaves behind. */
static const int64_t kill_after_ns = 15 * JS_NS_PER_S;
static const int64_t stay_most_ns = 5 * JS_NS_PER_S;

/* How long after another rank of its host rank 0 may come, before it is looked
 * for. */
static const int64_t late_most_ns = 5 * JS_NS_PER_S;

/* Added to the time for a start, in which ranks give up by themselves. */
static const int64_t start_spare_ns = 5 * JS_NS_PER_S;

/* How long ^Z waits for the master. */
static const int64_t pause_most_ns = JS_NS_PER_S;
enum { PAUSE_LOOK_MS = 50 };

/* How often to check what the run has reported. */
enum { LOOK_MS = 500 };

/* Slack on top of the master's lease: the delay until its status file is
 * visible here. If we ourselves were stopped for longer than this, the file's
 * age proves nothing. */
static const int64_t hearsay_ns = 3 * JS_NS_PER_S;

/* If rank 0 is on this host, its state comes through the lifeline, and the file
 * is not read. */
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
    watch->run.is_out_of_time = news.is_out_of_time;
    watch->run.has_run = news.has_run;
    watch->run.out_bytes = news.out_bytes;
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

/* ---------------------------------------------------------------- ending */

static void signal_child(const struct js_watch *watch, int number)
{
    if (watch->child > 0)
        kill(watch->child, number);
}

/* The signal is sent only once: a second one makes Open MPI end its ranks by
 * force. */
static void end_child(struct js_watch *watch, int number)
{
    if (watch->termed_ns != JS_NEVER_NS)
        return;
    signal_child(watch, number);
    watch->termed_ns = js_clock_ns();
}

/* Jobs may still be running, so this asks the run to end them. */
static void watch_end_run(struct js_watch *watch)
{
    bool has_begun = watch->run.phase != JS_RUN_UNKNOWN;
    end_child(watch,
              has_begun ? js_mpirun_end_signal(watch->mpirun->mpi) : SIGTERM);
}

/* The master must have ended by then; otherwise mpirun is told to end. */
static void expect_end(struct js_watch *watch, int64_t most_ns)
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

/* The master may have drawn a bar where other text will appear now. */
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
static void end_start(struct js_watch *watch, int number)
{
    if (watch->termed_ns == JS_NEVER_NS)
        fprintf(stderr, "jobsched: stopped by %s before the master was ready\n",
                signal_name(number));
    watch_end_run(watch);
}

/* A master on another host sees only what mpirun passes on. */
static void tell_reason(const struct js_watch *watch, int number)
{
    if (watch->relay)
        js_run_status_write_signal(watch->status_path, number);
}

/* No more jobs are started. If the master is on another host, the request goes
 * through mpirun, and this process prints the message. */
static void drain_run(struct js_watch *watch, int number)
{
    if (watch_pass(watch, number))
        return;
    if (watch->run.phase == JS_RUN_UNKNOWN) {
        end_start(watch, number);
        return;
    }
    tell_reason(watch, number);
    signal_child(watch, SIGUSR1);
    erase_bar(watch);
    fprintf(stderr,
            "jobsched: %s: no more jobs are started, and those that run go on "
            "to their end%s\n",
            signal_name(number),
            number == SIGINT ? ", or until a second ^C" : "");
}

/* Running jobs are ended, with their grace period. */
static void stop_run(struct js_watch *watch, int number)
{
    if (watch_pass(watch, number))
        expect_end(watch, watch->config->grace_ns + answer_most_ns);
    else if (watch->run.phase == JS_RUN_UNKNOWN)
        end_start(watch, number);
    else {
        tell_reason(watch, number);
        watch_end_run(watch);
    }
}

static void interrupt(struct js_watch *watch)
{
    switch (++watch->interrupts) {
    case 1:
        drain_run(watch, SIGINT);
        break;
    case 2:
        stop_run(watch, SIGINT);
        break;
    default:
        /* Ends jobs without the grace period, and does nothing else. */
        if (watch_pass(watch, SIGINT))
            expect_end(watch, answer_most_ns);
    }
}

/* So that the shell's next output does not overwrite it. */
static void await_pause(struct js_watch *watch)
{
    int64_t until_ns = js_clock_ns() + pause_most_ns;
    struct js_lifeline_news news = {.is_paused = false};
    while (!news.is_paused && js_clock_ns() < until_ns &&
           !js_lifeline_is_cut(watch->lifeline)) {
        nfds_t count = 0;
        struct pollfd *fds = js_lifeline_fds(watch->lifeline, 0, &count);
        if (fds)
            poll(fds, count, PAUSE_LOOK_MS);
        js_lifeline_serve(watch->lifeline);
        js_lifeline_news(watch->lifeline, &news);
    }
}

/* ^Z stops this process only, because the others are in process groups of their
 * own. */
static void suspend(struct js_watch *watch)
{
    sigset_t set;
    bool is_here = watch_pass(watch, SIGTSTP);
    bool has_begun = watch->run.phase == JS_RUN_BEGUN;
    if (is_here)
        await_pause(watch);
    else if (has_begun)
        signal_child(watch, SIGSTOP); /* its reports come through it */
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(SIGTSTP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (is_here)
        watch_pass(watch, SIGCONT);
    else if (has_begun)
        signal_child(watch, SIGCONT);
}

/* The master's reports are read first, because the meaning of a signal depends
 * on whether the run has begun. */
static void follow_signal(struct js_watch *watch, uint32_t number)
{
    listen_to_master(watch);
    watch->is_told_again |= number != SIGCHLD;
    watch->is_warned |= number == SIGUSR1;
    watch->is_ended |=
        number != SIGUSR1 && number != SIGCHLD && number != SIGTSTP;
    switch (number) {
    case SIGINT:
        watch->is_stopped = true;
        interrupt(watch);
        break;
    case SIGTERM:
        watch->is_stopped = true;
        stop_run(watch, watch->is_batch ? SIGALRM : SIGTERM);
        break;
    case SIGHUP:
        watch->is_stopped = true;
        stop_run(watch, SIGHUP);
        break;
    case SIGUSR1:
    case SIGUSR2:
        watch->is_stopped = true;
        drain_run(watch, (int)number);
        break;
    case SIGTSTP:
        suspend(watch);
        break;
    default:
        break;
    }
}

static void watch_follow_signals(struct js_watch *watch)
{
    struct signalfd_siginfo info;
    while (read(watch->signals, &info, sizeof(info)) == sizeof(info))
        follow_signal(watch, info.ssi_signo);
}

/* ---------------------------------------------------------------- judging */

/* mpirun, and the processes that were adopted. */
static void reap(struct js_watch *watch)
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

/* If the master's host is lost, mpirun may wait for it for ever. The ranks of
 * this host that still run have been informed. */
static void look_at_silence(struct js_watch *watch)
{
    int64_t silence_ns = watch->looked_ns - watch->heard_ns;
    const struct js_run_status *run = &watch->run;
    if (run->phase != JS_RUN_BEGUN || run->lease_ns == 0 ||
        watch->termed_ns != JS_NEVER_NS ||
        js_lifeline_count(watch->lifeline) > 0 ||
        silence_ns <= run->lease_ns + hearsay_ns)
        return;
    fprintf(stderr,
            "jobsched: nothing was heard of the master for %" PRId64
            " s: it is given up, and %s is ended\n",
            silence_ns / JS_NS_PER_S, watch->mpirun->program);
    watch->is_master_lost = true;
    end_child(watch, SIGTERM);
}

/* The master on this host has ended before the end of the run. The others wait
 * in vain, and mpirun may not even notice. */
static void look_at_master(struct js_watch *watch)
{
    bool has_begun = watch->run.phase == JS_RUN_BEGUN;
    if (!js_lifeline_is_cut(watch->lifeline) ||
        watch->run.phase == JS_RUN_ENDED || watch->termed_ns != JS_NEVER_NS)
        return;
    /* Its last report may still be on its way through mpirun. */
    if (!has_begun) {
        expect_end(watch, words_most_ns);
        return;
    }
    if (!watch->has_told && watch->child > 0)
        fprintf(stderr,
                "jobsched: the master has gone in the middle of the run: %s is "
                "ended\n",
                watch->mpirun->program);
    watch->has_told = true;
    end_child(watch, SIGTERM);
}

/* Rank 0 may have died before it could connect. Then MPI_Init of the other
 * ranks waits for it for ever, and an mpirun that must continue without a lost
 * rank lets them (Open MPI 5). */
static void look_for_master(struct js_watch *watch)
{
    bool is_awaited = watch->run.phase == JS_RUN_UNKNOWN && !watch->relay &&
                      watch->termed_ns == JS_NEVER_NS &&
                      js_lifeline_count(watch->lifeline) > 0 &&
                      js_lifeline_pid(watch->lifeline, 0) == 0 &&
                      !js_lifeline_is_cut(watch->lifeline);
    if (!is_awaited) {
        watch->orphaned_ns = JS_NEVER_NS;
        return;
    }
    if (watch->orphaned_ns == JS_NEVER_NS)
        watch->orphaned_ns = watch->looked_ns;
    if (watch->looked_ns - watch->orphaned_ns < late_most_ns)
        return;
    watch->orphaned_ns = watch->looked_ns;
    if (js_descendants_has_rank_0(watch->folder))
        return;
    fprintf(stderr,
            "jobsched: the master has gone before it could begin: %s is "
            "ended\n",
            watch->mpirun->program);
    end_child(watch, SIGTERM);
}

static void look_at_start(struct js_watch *watch)
{
    int64_t most_ns = watch->config->start_timeout_ns;
    size_t count = js_lifeline_count(watch->lifeline);
    watch->came = count > watch->came ? count : watch->came;
    if (watch->run.phase != JS_RUN_UNKNOWN || watch->termed_ns != JS_NEVER_NS ||
        watch->looked_ns - watch->begun_ns - start_spare_ns < most_ns)
        return;
    watch->is_start_late = true;
    end_child(watch, SIGTERM);
}

/* An mpirun that remains when everything is over, or in spite of a SIGTERM,
 * hangs. */
static void look_at_end(struct js_watch *watch)
{
    int64_t now_ns = watch->looked_ns;
    if (watch->run.phase == JS_RUN_ENDED && watch->over_ns == JS_NEVER_NS) {
        watch->over_ns = now_ns;
        watch->answer_ns = JS_NEVER_NS;
        expect_end(watch, watch->run.lost > 0 || watch->is_stopped
                              ? end_lost_ns
                              : end_most_ns);
    }
    if (now_ns > watch->answer_ns)
        end_child(watch, SIGTERM);
    if (watch->termed_ns != JS_NEVER_NS &&
        now_ns - watch->termed_ns > kill_after_ns)
        signal_child(watch, SIGKILL);
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

/* The master notices it when it writes, and then asks for the reason. */
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
    watch->is_stopped = true;
    watch_end_run(watch);
}

/* Before the end is on record, the master asks whether everything that it wrote
 * has arrived. (With -v slaves may have written as well; then the answer may be
 * too early.) */
static void answer_master(struct js_watch *watch)
{
    uint64_t bytes = watch->run.out_bytes;
    if (!watch->relay || bytes == 0 || watch->has_answered ||
        js_relay_written(watch->relay) < bytes)
        return;
    watch->has_answered = true;
    js_run_status_write_taken(watch->status_path, bytes);
}

/* Called while written data waits for its reader: another signal ends the
 * wait. */
static bool is_told_again(void *arg)
{
    struct js_watch *watch = arg;
    watch_follow_signals(watch);
    return watch->is_told_again;
}

/* -------------------------------------------------------------- what stays */

static void ignore_process(pid_t pid, void *arg)
{
    (void)pid;
    (void)arg;
}

static void name_process(pid_t pid, void *arg)
{
    (void)arg;
    fprintf(stderr, " %d", (int)pid);
}

static void watch_end_process(pid_t pid, void *arg)
{
    const int *number = arg;
    if (*number == SIGKILL)
        name_process(pid, NULL);
    kill(pid, *number);
    kill(pid, SIGCONT);
}

/* Ranks that have another parent are found by their connection. */
static size_t each_left(const struct js_watch *watch,
                        void (*visit)(pid_t pid, void *arg), void *arg)
{
    size_t count = js_descendants_each(watch->folder, visit, arg);
    if (count > 0)
        return count;
    for (uint64_t rank = 0; rank < watch->mpirun->ranks; rank++) {
        pid_t pid = js_lifeline_pid(watch->lifeline, (int)rank);
        if (pid > 0)
            visit(pid, arg);
        count += pid > 0;
    }
    return count;
}

/* Such processes end by themselves with mpirun, or at the latest when the
 * master was not heard from for the time of its lease. A user who asked for the
 * end need not wait that long. */
static int64_t stay_of(const struct js_watch *watch)
{
    bool is_told = watch->termed_ns != JS_NEVER_NS || watch->is_stopped ||
                   watch->run.phase != JS_RUN_BEGUN;
    int64_t lease_ns = watch->run.lease_ns;
    return is_told || lease_ns < stay_most_ns ? stay_most_ns : lease_ns;
}

/* Processes that do not end are told to, then killed, and then abandoned.
 * Returns false when none is left, or nothing more can be done. */
static bool look_at_the_rest(struct js_watch *watch)
{
    int number = SIGTERM;
    int64_t now_ns = js_clock_ns();
    if (each_left(watch, ignore_process, NULL) == 0)
        return false;
    if (watch->rest_ns == JS_NEVER_NS)
        watch->rest_ns = watch->gone_ns + stay_of(watch);
    if (now_ns < watch->rest_ns)
        return true;
    watch->rest_ns = now_ns + kill_after_ns;
    switch (watch->rest_steps++) {
    case 0:
        each_left(watch, watch_end_process, &number);
        return true;
    case 1:
        number = SIGKILL;
        fputs("jobsched: processes of the run that did not end are killed:",
              stderr);
        each_left(watch, watch_end_process, &number);
        fputs("\n", stderr);
        return true;
    default:
        fputs("jobsched: not even SIGKILL ends these processes of the run, "
              "which may go on:",
              stderr);
        each_left(watch, name_process, NULL);
        fputs("\n", stderr);
        return false;
    }
}

static void watch_follow(struct js_watch *watch)
{
    wait_for_event(watch);
    pass_on(watch);
    watch_follow_signals(watch);
    listen_to_master(watch);
    answer_master(watch);
    reap(watch);
}

void js_watch_run(struct js_watch *watch, pid_t child)
{
    watch->child = child;
    watch->over_ns = watch->termed_ns = JS_NEVER_NS;
    watch->answer_ns = watch->rest_ns = watch->orphaned_ns = JS_NEVER_NS;
    watch->has_told = watch->is_start_late = watch->has_answered = false;
    watch->rest_steps = 0;
    watch->came = 0;
    memset(&watch->run, 0, sizeof(watch->run));
    js_lifeline_reset(watch->lifeline);
    watch->looked_ns = watch->begun_ns = js_clock_ns();
    reap(watch);
    while (watch->child > 0) {
        watch_follow(watch);
        look_at_silence(watch);
        look_at_master(watch);
        look_for_master(watch);
        look_at_start(watch);
        look_at_end(watch);
    }
    while (look_at_the_rest(watch))
        watch_follow(watch);
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
    if (watch->signals < 0 || js_descendants_adopt() < 0)
        return js_err_errno(err, "signals");
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
