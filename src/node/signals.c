#include "node/signals.h"

#include <signal.h>
#include <stddef.h>

static const int caught[] = {SIGUSR1, SIGUSR2, SIGTERM, SIGINT,
                             SIGHUP,  SIGALRM, SIGCONT};
enum { CAUGHT = sizeof(caught) / sizeof(caught[0]) };

/* Set by the handler. Only flags: the handler may interrupt anything, MPI
 * included. */
static volatile sig_atomic_t stop_request, request_signal, warned;

static struct sigaction old[CAUGHT];

static void on_signal(int signo)
{
    enum js_stop_request wanted = stop_request >= JS_STOP_REQUEST_HURRY
                                      ? JS_STOP_REQUEST_NOW
                                      : JS_STOP_REQUEST_HURRY;
    if (signo == SIGCONT) {
        warned = 1;
        return;
    }
    if (signo == SIGUSR1 || signo == SIGUSR2)
        wanted = JS_STOP_REQUEST_DRAIN;
    if (wanted <= (enum js_stop_request)stop_request)
        return;
    stop_request = (sig_atomic_t)wanted;
    request_signal = signo;
}

/* With SA_RESTART, system calls of MPI that do not expect EINTR go on, while
 * poll(2), in which we wait, is still interrupted. */
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

void js_signals_pass(struct js_signals_passed *passed, int signal)
{
    enum js_stop_request wanted = JS_STOP_REQUEST_NONE;
    switch (signal) {
    case SIGUSR1:
    case SIGUSR2:
        wanted = JS_STOP_REQUEST_DRAIN;
        break;
    case SIGINT:
        /* Each ^C asks for more, so that users need not know another key. */
        passed->interrupts++;
        wanted = passed->interrupts == 1   ? JS_STOP_REQUEST_DRAIN
                 : passed->interrupts == 2 ? JS_STOP_REQUEST_END
                                           : JS_STOP_REQUEST_NOW;
        break;
    case SIGTERM:
    case SIGHUP:
    case SIGPIPE:
        wanted = JS_STOP_REQUEST_END;
        break;
    case SIGALRM:
    case SIGKILL:
        passed->is_hurried = true;
        wanted = JS_STOP_REQUEST_HURRY;
        break;
    case SIGTSTP:
    case SIGCONT:
        passed->is_paused = signal == SIGTSTP;
        break;
    default:
        break;
    }
    /* A user who asks for the end should see it, so the display goes on. */
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
        return "the exit of the program that reads its output";
    case SIGALRM:
        return "SIGTERM";
    case SIGKILL:
        return "the exit of its launcher";
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
