/*
 * lifeline - the socket between the launcher and the ranks on its host.
 *
 * mpirun keeps errors of its output to itself, loses what it had read when it
 * is killed, and lets a signal end the ranks by force. So what must not be lost
 * goes past it: the ranks connect to a socket in the launcher's own folder, and
 * each end sees at once when the other has died. A rank is welcomed with the
 * lock of that folder, which it holds as long as it lives, and with the
 * environment that the launcher was started with; rank 0 also with the
 * launcher's own standard input, output and error, and with a joblog that is an
 * open file there. Rank 0 reports how the run
 * stands, and the launcher passes requests on to it.
 *
 * Ranks on other hosts have no lifeline: there the folder is not found, or the
 * socket, in whose name the host's stands. (record/run_status.h is for a rank 0
 * there.)
 *
 * A SOCK_SEQPACKET socket of AF_UNIX; both ends are the same program on the
 * same host, so a message is a struct as it is in memory.
 */
#ifndef JS_BASE_LIFELINE_H
#define JS_BASE_LIFELINE_H

#include "base/buf.h"
#include "base/err.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The variable with which the launcher names its folder to the ranks. */
#define JS_LIFELINE_NAME "JOBSCHED_LAUNCHER"

enum js_run_stage {
    JS_STAGE_NONE,     /* rank 0 has not connected */
    JS_STAGE_STARTING, /* it has; MPI is to come up */
    JS_STAGE_BEGUN,    /* it is the master of a run */
    JS_STAGE_ENDED,    /* the run is over, and on record */
};

/* How the run stands, as rank 0 has it. */
struct js_lifeline_news {
    enum js_run_stage stage;
    int status;          /* ENDED: the exit status of the run */
    uint32_t lost;       /* ENDED: slaves that had ceased to answer */
    bool is_out_of_time; /* ENDED: stopped by the time limit */
    bool has_run;        /* ENDED: some job was begun */
    uint64_t out_bytes;  /* BEGUN: its standard output, which it was not handed,
                            is to be taken up to here; 0: nothing is waited for
                          */
    int64_t lease_ns; /* BEGUN: when the master has been gone for so long, all
                         jobs of all hosts have ended; 0: they go on */
    bool is_paused;   /* as it was asked for by SIGTSTP */
};

/* ---------------------------------------------------------------- a rank */

struct js_lifeline;

/*
 * Connects to the launcher whose folder is `folder` and waits for its welcome,
 * `timeout_ns` at most. Returns 0 with *ret; NULL there is no error: there is
 * no launcher on this host. -1 with *err: there is one, and it does not answer.
 */
int js_lifeline_connect(const char *folder, int rank, int64_t timeout_ns,
                        struct js_lifeline **ret, struct js_err *err);
void js_lifeline_free(struct js_lifeline *lifeline); /* NULL allowed */

/* What the launcher has handed over as its standard input (0), output (1) or
 * error (2): a descriptor, the lifeline's; -1: this one was not handed over. */
int js_lifeline_stdio(const struct js_lifeline *lifeline, int number);

/* The joblog, where it is a file that the launcher has open: a descriptor, the
 * lifeline's; -1: none was handed over. */
int js_lifeline_joblog(const struct js_lifeline *lifeline);

/* The launcher's process; 0: it is not seen from here. */
pid_t js_lifeline_launcher(const struct js_lifeline *lifeline);

/* False once the launcher has gone. Takes no message. */
bool js_lifeline_is_up(const struct js_lifeline *lifeline);

/* The environment of the launcher as it was started, "NAME=value" with a NUL
 * behind each; the lifeline's. */
const struct js_buf *js_lifeline_environ(const struct js_lifeline *lifeline);

/* The launcher has gone, or not. The news are lost if it has: that is seen by
 * js_lifeline_take(). */
void js_lifeline_report(struct js_lifeline *lifeline,
                        const struct js_lifeline_news *news);

/* The number of a signal that the launcher passes on, 0: none has come. Never
 * waits. SIGKILL stands for a launcher that has gone, and stays. */
int js_lifeline_take(struct js_lifeline *lifeline);

/* To wait for what js_lifeline_take() may find: POLLIN. -1 when it has found
 * that the launcher has gone. */
int js_lifeline_fd(const struct js_lifeline *lifeline);

/* ---------------------------------------------------------------- launcher */

struct js_lifeline_host;

/* What ranks are welcomed with; all borrowed. Each rank gets the first two,
 * rank 0 the others as well. */
struct js_lifeline_gift {
    int lock;             /* descriptor; -1: none */
    char *const *environ; /* ends in NULL */
    int stdio[3];         /* -1: this one is not handed over */
    int joblog;           /* the open file that it is; -1: none */
};

/* Listens in that folder. NULL with errno. */
struct js_lifeline_host *
js_lifeline_listen(const char *folder, const struct js_lifeline_gift *gift);
/* The same from now on in another folder with that lock, where the first one is
 * no more. Returns 0, or -1 with errno. */
int js_lifeline_move(struct js_lifeline_host *host, const char *folder,
                     int lock);

/* Closes it, and removes the socket. NULL allowed; keeps errno. */
void js_lifeline_close(struct js_lifeline_host *host);

/* Forgets what it has heard, for another start. */
void js_lifeline_reset(struct js_lifeline_host *host);

/* Descriptors to wait for, *count of them: an array of the host's, until the
 * next call. The first `before` are the caller's to fill in. NULL with errno
 * ENOMEM. */
struct pollfd *js_lifeline_fds(struct js_lifeline_host *host, nfds_t before,
                               nfds_t *count);

/* Takes what has come, without waiting. */
void js_lifeline_serve(struct js_lifeline_host *host);

/* What rank 0 has reported last. */
void js_lifeline_news(const struct js_lifeline_host *host,
                      struct js_lifeline_news *ret);

/* True once rank 0 was connected and its end has closed: it has gone. */
bool js_lifeline_is_cut(const struct js_lifeline_host *host);

/* Passes a signal on to rank 0. False: there is none. */
bool js_lifeline_pass(struct js_lifeline_host *host, int number);

/* The pid of rank `rank` if it is connected, or 0. How many are. */
pid_t js_lifeline_pid(const struct js_lifeline_host *host, int rank);
size_t js_lifeline_count(const struct js_lifeline_host *host);

#endif
