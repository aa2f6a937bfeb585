#include "node/signals.h"

#include <signal.h>
#include <stddef.h>

static const int caught[] = {SIGUSR1, SIGUSR2, SIGTERM, SIGINT,
                             SIGHUP,  SIGALRM, SIGCONT};
enum { CAUGHT = sizeof(caught) / sizeof(caught[0]) };

/* Set by the handler. */
static volatile sig_atomic_t stop_request, request_signal, warned;

static struct sigaction old[CAUGHT];

static void signals_ask(enum js_stop_request wanted, int signo)
{
    if (wanted <= (enum js_stop_request)stop_request)
        return;
    stop_request = (sig_atomic_t)wanted;
    request_signal = signo;
}

static void on_signal(int signo)
{
    switch (signo) {
    case SIGUSR1:
    case SIGUSR2:
        signals_ask(JS_STOP_REQUEST_DRAIN, signo);
        break;
    case SIGCONT:
        warned = 1;
        break;
    default:
        signals_ask(stop_request >= JS_STOP_REQUEST_HURRY
                        ? JS_STOP_REQUEST_NOW
                        : JS_STOP_REQUEST_HURRY,
                    signo);
        break;
    }
}

void js_signals_catch(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    stop_request = JS_STOP_REQUEST_NONE;
    request_signal = warned = 0;
    sigfillset(&action.sa_mask);
    for (int i = 0; i < CAUGHT; i++) {
        sigaction(caught[i], NULL, &old[i]);
        if (old[i].sa_handler != SIG_IGN)
            sigaction(caught[i], &action, NULL);
    }
}

void js_signals_restore(void)
{
    for (int i = 0; i < CAUGHT; i++)
        sigaction(caught[i], &old[i], NULL);
}

enum js_stop_request js_signals_request(void)
{
    return (enum js_stop_request)stop_request;
}

static const char *signals_name_of(int signo)
{
    switch (signo) {
    case SIGUSR1:
        return "SIGUSR1";
    case SIGUSR2:
        return "SIGUSR2";
    case SIGTERM:
        return "SIGTERM";
    case SIGINT:
        return "SIGINT";
    case SIGHUP:
        return "SIGHUP";
    case SIGALRM:
        return "SIGALRM";
    default:
        return "";
    }
}

const char *js_signals_name(void)
{
    return signals_name_of(request_signal);
}

/* ---------------------------------------------------------------- passed on */

static enum js_stop_request signals_request_of(struct js_signals_passed *passed,
                                               int signo)
{
    switch (signo) {
    case SIGUSR1:
    case SIGUSR2:
        return JS_STOP_REQUEST_DRAIN;
    case SIGINT:
        passed->interrupts++;
        if (passed->interrupts == 1)
            return JS_STOP_REQUEST_DRAIN;
        return passed->interrupts == 2 ? JS_STOP_REQUEST_END
                                       : JS_STOP_REQUEST_NOW;
    case SIGTERM:
    case SIGHUP:
    case SIGPIPE:
        return JS_STOP_REQUEST_END;
    case SIGALRM:
    case SIGKILL:
        passed->is_hurried = true;
        return JS_STOP_REQUEST_HURRY;
    default:
        return JS_STOP_REQUEST_NONE;
    }
}

void js_signals_pass(struct js_signals_passed *passed, int signal)
{
    enum js_stop_request wanted = signals_request_of(passed, signal);
    if (signal == SIGTSTP || signal == SIGCONT)
        passed->is_paused = signal == SIGTSTP;
    /* Who is told to end what runs does not do so in the dark. */
    if (wanted >= JS_STOP_REQUEST_END)
        passed->is_paused = false;
    if (wanted <= passed->stop_request)
        return;
    passed->stop_request = wanted;
    passed->signal = signal;
}

const char *js_signals_reason(const struct js_signals_passed *passed)
{
    if (passed->stop_request < js_signals_request() ||
        passed->stop_request == JS_STOP_REQUEST_NONE)
        return js_signals_name();
    switch (passed->signal) {
    case SIGINT:
        return "^C";
    case SIGPIPE:
        return "a reader of its output that has left";
    case SIGALRM:
        return "SIGTERM";
    case SIGKILL:
        return "the end of its launcher";
    default:
        return signals_name_of(passed->signal);
    }
}

bool js_signals_take_warning(void)
{
    bool was_warned = warned;
    warned = 0;
    return was_warned;
}
