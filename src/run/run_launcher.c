/* The exchange between the master and whoever started it: signals, and the
 * state of the run, through the lifeline or the status file. */
#include "run/run.h"

#include "base/clock.h"
#include "base/launchenv.h"
#include "base/process.h"
#include "record/run_status.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

/* The master reports that it is alive this many times in a lease. */
enum { PRESENT_PART = 4 };

/* How long the end of a run waits for a launcher that passes its output on to
 * write it. A slower reader is not waited for. */
static const int64_t relay_most_ns = 20 * JS_NS_PER_S;

enum { RELAY_LOOK_MS = 20 };

/* Errors are ignored here: a launcher that gets no report can only guess, which
 * does no harm. */
static void launcher_report(const struct js_run *run,
                            const struct js_run_status *said)
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
    if (launcher->lifeline)
        js_lifeline_report(launcher->lifeline, &news);
    else if (run->config->status_file)
        js_run_status_write(run->config->status_file, said);
}

void js_run_launcher_report_begun(struct js_run *run)
{
    struct js_run_status said = {.phase = JS_RUN_BEGUN};
    run->launcher.present_ns = INT64_MIN / 2; /* long ago, so that the lease
                                                 is reported in the first
                                                 turn */
    launcher_report(run, &said);
}

void js_run_launcher_report_ended(const struct js_run *run,
                                  enum jobsched_status status)
{
    struct js_run_status said = {.phase = JS_RUN_ENDED,
                                 .status = (int)status,
                                 .lost = run->ending.lost,
                                 .is_out_of_time = run->ending.is_out_of_time,
                                 .has_run = run->ending.has_run};
    launcher_report(run, &said);
}

enum js_stop_request js_run_launcher_request(const struct js_run *run)
{
    enum js_stop_request stop_request = js_signals_request();
    return stop_request > run->launcher.passed.stop_request
               ? stop_request
               : run->launcher.passed.stop_request;
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
    launcher_report(run, &said);
}

/* If the launcher is on another host, its signal arrives through mpirun, as a
 * different signal. The launcher has written which one it was, for the user's
 * sake as well. */
void js_run_launcher_ask_for_reason(struct js_run *run)
{
    const char *path = run->config->status_file;
    int number = path && !run->launcher.lifeline
                     ? (int)js_run_status_read_note(path, JS_RUN_SIGNAL)
                     : 0;
    if (number != 0)
        run->launcher.other_signal = number;
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
    bool is_warned =
        js_signals_take_warning() || (is_hurried && !launcher->is_hurried);
    launcher->is_hurried = is_hurried;
    if (is_warned)
        js_recorder_hurry(&run->recorder);
    /* A launcher on this host sees the socket, so the report of being alive
     * need not be repeated. */
    struct js_run_status said = {
        .phase = JS_RUN_BEGUN, .lease_ns = js_run_config_lease_ns(run->config)};
    if (said.lease_ns > 0 &&
        now_ns - launcher->present_ns >= said.lease_ns / PRESENT_PART) {
        launcher->present_ns = launcher->lifeline ? INT64_MAX : now_ns;
        launcher_report(run, &said);
    }
    if (request == JS_STOP_REQUEST_DRAIN && !launcher->is_drain_reported) {
        launcher->is_drain_reported = true;
        js_run_launcher_ask_for_reason(run);
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
    int error = path && !js_run_launcher_is_handed(run, STDOUT_FILENO)
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
    if (!run->config->status_file ||
        js_run_launcher_is_handed(run, STDOUT_FILENO) || bytes == 0)
        return;
    launcher_report(run, &said);
    for (;;) {
        /* The request may have no effect, because the launcher or what lies
         * between is ending. Then the end is recorded without an answer. An
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
