/* The exchange between the master and its launcher: signals, and the state of
 * the run, through the lifeline or the status file. */
#include "run/run.h"

#include "base/background.h"
#include "base/clock.h"
#include "base/launchenv.h"
#include "base/process.h"
#include "record/run_status.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* The master reports that it is alive this many times in a lease. */
enum { PRESENT_PART = 4 };

/* How long the end of a run waits for a launcher that passes its output on to
 * write it. It does not wait for a slower reader. */
static const int64_t relay_most_ns = 20 * JS_NS_PER_S;

enum { RELAY_LOOK_MS = 20 };

/* How long a call on a file may take before it counts as hung: if the run must
 * end, and if it must end at once. */
static const int64_t hung_ns = 2 * JS_NS_PER_S;
static const int64_t hung_now_ns = 200 * JS_NS_PER_MS;

/* Messages to and from a launcher on another host. They are files, which the
 * worker writes and reads. */
struct js_launcher_files {
    struct js_task status; /* while it is given, `said` belongs to the worker */
    struct js_run_status said;
    struct js_task reason; /* the same with `signal` */
    int signal;
    const char *path;
};

/* Errors are ignored here: a launcher that gets no report can only guess, which
 * does no harm. */
static bool launcher_write_status(void *arg)
{
    const struct js_launcher_files *files = arg;
    js_run_status_write(files->path, &files->said);
    return false;
}

static bool launcher_read_reason(void *arg)
{
    struct js_launcher_files *files = arg;
    files->signal = (int)js_run_status_read_note(files->path, JS_RUN_SIGNAL);
    return true;
}

/* Returns NULL if the launcher is on this host, there is none, or there is no
 * memory. */
static struct js_launcher_files *launcher_files(struct js_run *run)
{
    struct js_run_launcher *launcher = &run->launcher;
    const char *path = run->config->status_file;
    if (launcher->files || !path || launcher->lifeline)
        return launcher->files;
    struct js_launcher_files *files = calloc(1, sizeof(*files));
    if (!files)
        return NULL;
    files->path = path;
    files->status = (struct js_task){
        .work = launcher_write_status, .arg = files, .name = path};
    files->reason = (struct js_task){
        .work = launcher_read_reason, .arg = files, .name = path};
    launcher->files = files;
    return files;
}

/* A report that comes while the previous one is being written is dropped,
 * unless it is_last, because that one says how the run has ended. */
static void launcher_report(struct js_run *run,
                            const struct js_run_status *said, bool is_last)
{
    const struct js_run_launcher *launcher = &run->launcher;
    const struct js_lifeline_news news = {
        .stage = said->phase == JS_RUN_ENDED ? JS_STAGE_ENDED : JS_STAGE_BEGUN,
        .status = said->status,
        .lost = said->lost,
        .is_out_of_time = said->is_out_of_time,
        .has_run = said->has_run,
        .out_bytes = said->out_bytes,
        .lease_ns = said->lease_ns,
        .is_paused = launcher->is_paused,
    };
    struct js_launcher_files *files = launcher_files(run);
    if (launcher->lifeline)
        js_lifeline_report(launcher->lifeline, &news);
    if (!files || run->is_stuck || (is_last && !js_worker_await(run->worker)) ||
        js_task_is_given(&files->status))
        return;
    files->said = *said;
    js_worker_give(run->worker, &files->status);
    if (is_last)
        run->is_stuck = !js_worker_await(run->worker);
}

void js_run_launcher_report_begun(struct js_run *run)
{
    struct js_run_status said = {.phase = JS_RUN_BEGUN};
    run->launcher.present_ns = INT64_MIN / 2; /* long ago, so that the lease
                                                 is reported in the first
                                                 turn */
    launcher_report(run, &said, true);
}

void js_run_launcher_report_ended(struct js_run *run,
                                  enum jobsched_status status)
{
    struct js_run_status said = {.phase = JS_RUN_ENDED,
                                 .status = (int)status,
                                 .lost = run->ending.lost,
                                 .is_out_of_time = run->ending.is_out_of_time,
                                 .has_run = run->ending.has_run};
    launcher_report(run, &said, true);
}

enum js_stop_request js_run_launcher_request(const struct js_run *run)
{
    enum js_stop_request stop_request = js_signals_request();
    return stop_request > run->launcher.passed.stop_request
               ? stop_request
               : run->launcher.passed.stop_request;
}

/* A run that must end waits for hung files as long as its jobs may take to
 * end. */
static void launcher_note_end(struct js_run *run, enum js_stop_request request,
                              int64_t now_ns)
{
    struct js_run_launcher *launcher = &run->launcher;
    int64_t grace_ns =
        request > JS_STOP_REQUEST_END ? 0 : run->config->grace_ns;
    bool must_end =
        request >= JS_STOP_REQUEST_END || now_ns >= js_run_config_stop_ns(run);
    if (must_end && grace_ns < launcher->leave_ns - now_ns)
        launcher->leave_ns = now_ns + grace_ns;
}

/* Takes the signals that the launcher passes on. A pause is acknowledged. */
static void launcher_take_signals(struct js_run *run)
{
    struct js_run_launcher *launcher = &run->launcher;
    int signal;
    while (launcher->lifeline &&
           (signal = js_lifeline_take(launcher->lifeline)) != 0) {
        js_signals_pass(&launcher->passed, signal);
        if (signal == SIGKILL)
            break;
    }
    if (launcher->is_paused == launcher->passed.is_paused)
        return;
    const struct js_run_status said = {
        .phase = JS_RUN_BEGUN, .lease_ns = js_run_config_lease_ns(run->config)};
    launcher->is_paused = launcher->passed.is_paused;
    js_recorder_pause(&run->recorder, launcher->is_paused);
    launcher_report(run, &said, false);
}

bool js_run_launcher_must_leave(void *arg, int64_t ns)
{
    struct js_run *run = arg;
    struct js_run_launcher *launcher = &run->launcher;
    int64_t now_ns = js_clock_ns();
    launcher_take_signals(run);
    enum js_stop_request request = js_run_launcher_request(run);
    launcher_note_end(run, request, now_ns);
    return now_ns >= launcher->leave_ns &&
           ns >= (request > JS_STOP_REQUEST_END ? hung_now_ns : hung_ns);
}

/* If the launcher is on another host, its signal arrives through mpirun, as a
 * different signal. The launcher has written down which signal it was, also for
 * the user's information. Returns false until that has been read. */
static bool launcher_find_reason(struct js_run *run)
{
    struct js_run_launcher *launcher = &run->launcher;
    struct js_launcher_files *files = launcher_files(run);
    if (!files || launcher->other_signal != 0)
        return true;
    if (js_task_is_given(&files->reason))
        return false;
    if (launcher->is_reason_asked) {
        launcher->other_signal = files->signal;
        return true;
    }
    launcher->is_reason_asked = true;
    js_worker_give(run->worker, &files->reason);
    return false;
}

void js_run_launcher_ask_for_reason(struct js_run *run)
{
    run->launcher.is_reason_asked = false;
    if (!run->is_stuck && !launcher_find_reason(run) &&
        js_worker_await(run->worker))
        launcher_find_reason(run);
}

/* Called once in each turn of the master, before ended jobs are recorded,
 * because a run that must end has little time. */
enum js_stop_request js_run_launcher_stop_request(void *arg, int64_t now_ns)
{
    struct js_run *run = arg;
    struct js_run_launcher *launcher = &run->launcher;
    launcher_take_signals(run);
    enum js_stop_request request = js_run_launcher_request(run);
    bool is_hurried = request >= JS_STOP_REQUEST_END;
    launcher_note_end(run, request, now_ns);
    bool is_warned =
        js_signals_take_warning() || (is_hurried && !launcher->is_hurried);
    launcher->is_hurried = is_hurried;
    if (is_warned)
        js_recorder_hurry(&run->recorder);
    /* A launcher on this host sees the socket, so the master need not repeat
     * that it is alive. */
    struct js_run_status said = {
        .phase = JS_RUN_BEGUN, .lease_ns = js_run_config_lease_ns(run->config)};
    if (said.lease_ns > 0 &&
        now_ns - launcher->present_ns >= said.lease_ns / PRESENT_PART) {
        launcher->present_ns = launcher->lifeline ? INT64_MAX : now_ns;
        launcher_report(run, &said, false);
    }
    if (request == JS_STOP_REQUEST_DRAIN && !launcher->is_drain_reported &&
        launcher_find_reason(run)) {
        launcher->is_drain_reported = true;
        if (!launcher->other_signal)
            js_log(&run->recorder.console.log,
                   "%s: no more jobs are started; those that are running may "
                   "finish%s",
                   js_signals_reason(&launcher->passed),
                   launcher->passed.interrupts > 0
                       ? " (press ^C again to end them)"
                       : "");
    }
    return request;
}

/* What the launcher has found takes precedence. */
bool js_run_launcher_find_outage(const struct js_run *run,
                                 struct js_recorder_outage *ret)
{
    *ret = run->launcher.outage;
    return ret->error != 0 || js_recorder_find_outage(&run->recorder, ret);
}

bool js_run_launcher_is_mpirun_gone(const struct js_run *run)
{
    const struct js_run_rank *rank = run->rank;
    return rank && !js_run_launcher_is_handed(run, STDOUT_FILENO) &&
           ((uint64_t)getppid() != rank->parent ||
            js_process_is_ending(rank->parent, rank->parent_started));
}

/* For a run whose output passes through a launcher on another host: the
 * launcher stops the run with a signal, and reports the reason here. */
void js_run_launcher_ask_for_outage(struct js_run *run)
{
    const char *path = run->config->status_file;
    int error =
        path && !run->is_stuck && !js_run_launcher_is_handed(run, STDOUT_FILENO)
            ? (int)js_run_status_read_note(path, JS_RUN_OUTAGE)
            : 0;
    if (error == 0)
        return;
    run->launcher.outage = (struct js_recorder_outage){
        .name = "standard output",
        .error = error,
        .is_reader_gone =
            error == EPIPE || error == ECONNRESET || error == EIO};
}

/* The output of jobs on record must have arrived before the end is on record;
 * otherwise the launcher would report another status. */
void js_run_launcher_await_relay(struct js_run *run)
{
    uint64_t bytes = js_outq_written(run->out);
    int64_t until_ns = js_clock_ns() + relay_most_ns;
    const struct js_run_status said = {.phase = JS_RUN_BEGUN,
                                       .out_bytes = bytes};
    if (!run->config->status_file || run->is_stuck ||
        js_run_launcher_is_handed(run, STDOUT_FILENO) || bytes == 0)
        return;
    launcher_report(run, &said, true);
    for (;;) {
        /* The request may have no effect, because the launcher, or a process in
         * between, is ending. Then the end is recorded without an answer. An
         * outage is written before the signal that it causes, so it is read
         * after that. */
        bool is_ending = js_signals_request() >= JS_STOP_REQUEST_END ||
                         js_run_launcher_is_mpirun_gone(run);
        js_run_launcher_ask_for_outage(run);
        if (run->launcher.outage.error != 0 || is_ending ||
            js_run_status_read_note(run->config->status_file, JS_RUN_TAKEN) ==
                bytes ||
            js_clock_ns() >= until_ns)
            break;
        poll(NULL, 0, RELAY_LOOK_MS);
    }
}
