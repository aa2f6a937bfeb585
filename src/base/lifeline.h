/*
 * lifeline - the socket between the launcher and the ranks on its host.
 *
 * mpirun hides output errors, loses what it has read when it is killed, and
 * lets a signal end the ranks by force. So everything that must not be lost
 * bypasses mpirun. The ranks connect to a socket in the launcher's own folder,
 * and each end sees at once when the other has died. As a welcome each rank
 * gets the lock of that folder, which it holds as long as it lives, and the
 * environment in which the launcher was started. Rank 0 also gets the
 * launcher's own standard input, output and error, and a joblog if that is a
 * file which the launcher has open. Rank 0 reports the state of the run, and
 * the launcher passes requests on to it.
 *
 * Ranks on other hosts have no lifeline. They find no folder, or no socket in
 * it, because the socket's name contains the name of the launcher's host.
 * (record/run_status.h is for a rank 0 there.)
 *
 * The lifeline is an AF_UNIX socket of type SOCK_SEQPACKET. Both ends are the
 * same program on the same host, so a message is a struct exactly as it is in
 * memory.
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
    JS_STAGE_STARTING, /* rank 0 has connected; MPI is not up yet */
    JS_STAGE_BEGUN,    /* rank 0 is the master of a run */
    JS_STAGE_ENDED,    /* the run is over and has been recorded */
};

/* The state of the run, as rank 0 reports it. */
struct js_lifeline_news {
    enum js_run_stage stage;
    int status;          /* ENDED: the exit status of the run */
    uint32_t lost;       /* ENDED: slaves that stopped answering */
    bool is_out_of_time; /* ENDED: the time limit stopped the run */
    bool has_run;        /* ENDED: some job was started */
    uint64_t out_bytes;  /* BEGUN: rank 0 does not write to the launcher's own
                            standard output, and asks for an answer once this
                            many bytes have arrived there; 0: it does not ask */
    int64_t lease_ns; /* BEGUN: when the master has been gone for this long, all
                         jobs on all hosts have ended; 0: they continue */
    bool is_paused;   /* paused, as requested by SIGTSTP */
};

/* ---------------------------------------------------------------- a rank */

enum {
    JS_LIFELINE_FDS = 6, /* handed over: lock, environment, 0 to 2, joblog */
    JS_LIFELINE_STDIO = 2,
    JS_LIFELINE_JOBLOG = 3, /* counted from there */
};

/* Invariant: is_cut never becomes false again. */
struct js_lifeline {
    struct js_buf environ; /* the environment in which the launcher was started:
                              "NAME=value" strings, each with a NUL */
    int fd;                /* private, as are the fields below */
    int fds[JS_LIFELINE_FDS]; /* -1: not handed over */
    bool is_cut;
};

/*
 * Connects to the launcher whose folder is `folder`, and waits at most
 * `timeout_ns` for its welcome. Returns 0 with *ret set; NULL means that there
 * is no launcher on this host, which is not an error. Returns -1 with *err set
 * if there is a launcher but it does not answer.
 */
int js_lifeline_connect(const char *folder, int rank, int64_t timeout_ns,
                        struct js_lifeline **ret, struct js_err *err);
/* Closes the connection and nothing else: this process is about to end, and to
 * close the launcher's files may hang. NULL is allowed. */
void js_lifeline_leave(struct js_lifeline *lifeline);
void js_lifeline_free(struct js_lifeline *lifeline); /* NULL is allowed */

/* The descriptor that the launcher handed over as its standard input (0),
 * output (1) or error (2), or that of the joblog (JS_LIFELINE_JOBLOG) if it is
 * a file that the launcher has open. -1: it handed no such descriptor over. The
 * lifeline owns it. */
static inline int js_lifeline_given(const struct js_lifeline *lifeline,
                                    int number)
{
    return lifeline->fds[JS_LIFELINE_STDIO + number];
}

/* The launcher's process, or 0 if it is not visible from here. */
pid_t js_lifeline_launcher(const struct js_lifeline *lifeline);

/* False once the launcher is gone. Consumes no message. */
static inline bool js_lifeline_is_up(const struct js_lifeline *lifeline)
{
    /* POLLHUP is reported even if not requested, and without reading a byte. */
    struct pollfd event = {.fd = lifeline->fd};
    return !lifeline->is_cut &&
           (poll(&event, 1, 0) <= 0 || !(event.revents & POLLHUP));
}

/* Reports the news to the launcher. If the launcher is gone, the news is lost,
 * and js_lifeline_take() will report that. */
void js_lifeline_report(struct js_lifeline *lifeline,
                        const struct js_lifeline_news *news);

/* Returns the number of a signal that the launcher passes on, or 0 if none has
 * arrived. Never waits. SIGKILL means that the launcher is gone, and is
 * returned from then on. */
int js_lifeline_take(struct js_lifeline *lifeline);

/* The descriptor to poll for POLLIN before js_lifeline_take(). -1 once that
 * call has found that the launcher is gone. */
static inline int js_lifeline_fd(const struct js_lifeline *lifeline)
{
    return lifeline->is_cut ? -1 : lifeline->fd;
}

/* ---------------------------------------------------------------- launcher */

/* Everything that a rank gets as a welcome; all fields are borrowed. Each rank
 * gets the first two, and rank 0 also gets the others. */
struct js_lifeline_gift {
    int lock;             /* descriptor; -1: none */
    char *const *environ; /* terminated by NULL */
    int stdio[3];         /* -1: this one is not handed over */
    int joblog;           /* the descriptor of the joblog; -1: none */
};

/* Invariants: the first `count` of `ends` are connected; `news` is what rank 0
 * reported last. */
struct js_lifeline_host {
    bool is_cut;  /* rank 0 has connected and its end has been closed: it is
                     gone */
    size_t count; /* of the connected ranks */
    int folder;   /* private, as are the fields below */
    int listener;
    int environ; /* a file in memory */
    struct js_lifeline_gift gift;
    struct js_lifeline_end *ends; /* of ranks that are connected */
    size_t capacity;
    struct pollfd *fds; /* one for each rank, after the listener's */
    size_t fds_capacity;
    struct js_lifeline_news news;
};

/* Listens in that folder. Returns NULL with errno on failure. */
struct js_lifeline_host *
js_lifeline_listen(const char *folder, const struct js_lifeline_gift *gift);
/* Listens in another folder with that lock from now on, because the first one
 * is gone. Returns 0, or -1 with errno. */
int js_lifeline_move(struct js_lifeline_host *host, const char *folder,
                     int lock);

/* Closes the socket and removes it. NULL is allowed; keeps errno. */
void js_lifeline_close(struct js_lifeline_host *host);

/* Forgets all news, for another start. */
void js_lifeline_reset(struct js_lifeline_host *host);

/* Returns an array of *count descriptors to poll. The host owns it; it is valid
 * until the next call. The first `before` entries are for the caller to fill
 * in. Returns NULL with errno ENOMEM on failure. */
struct pollfd *js_lifeline_fds(struct js_lifeline_host *host, nfds_t before,
                               nfds_t *count);

/* Receives what has arrived, without waiting. Returns what rank 0 reported
 * last; the next call changes it. */
const struct js_lifeline_news *js_lifeline_serve(struct js_lifeline_host *host);

/* Passes a signal on to rank 0. Returns false if rank 0 is not connected. */
bool js_lifeline_pass(struct js_lifeline_host *host, int number);

/* The pid of rank `rank` if it is connected, else 0. */
pid_t js_lifeline_pid(const struct js_lifeline_host *host, int rank);

#endif
