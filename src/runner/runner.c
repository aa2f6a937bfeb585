#include "runner/runner.h"

#include "base/clock.h"
#include "base/file.h"
#include "node/procs.h"
#include "runner/channel.h"
#include "runner/main.h"
#include "runner/messages.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long to wait for processes that were killed. A process that waits for a
 * disk in the kernel ends only when the disk answers. */
static const int64_t last_kill_ns = 10 * JS_NS_PER_S;

/* Two checks that are further apart than this, in units of
 * JS_RUNNER_STOPPED_NS, do not belong together. */
enum { STOPPED_MOST = 25 };

/* Invariants: while the runner is lost, no process of ours is left, and nothing
 * is sent. `scratch` has the body of one message, and is free between two
 * calls.
 */
struct js_runner {
    pid_t pid;
    bool lost;
    int64_t stopped_ns;  /* when it was first found stopped; JS_NEVER_NS: it is
                            not */
    struct rlimit files; /* from before the rank raised it for itself */
    struct js_channel channel;
    struct js_buf scratch;
};

/* Forks the process. Returns 0, or -1 with errno. */
static int runner_begin(struct js_runner *runner)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                   ends) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        /* The rank has raised this limit for itself. Jobs get what the user
         * set. */
        setrlimit(RLIMIT_NOFILE, &runner->files);
        js_runner_main(ends[1]);
    }
    js_fd_close(&ends[1]);
    if (pid < 0) {
        js_fd_close(&ends[0]);
        return -1;
    }
    runner->pid = pid;
    runner->lost = false;
    runner->stopped_ns = JS_NEVER_NS;
    js_channel_init(&runner->channel, ends[0]);
    return 0;
}

static const char no_runner[] = "cannot start the process that starts jobs";

struct js_runner *js_runner_start(struct js_err *err)
{
    struct js_runner *runner = calloc(1, sizeof(*runner));
    if (!runner)
        goto fail;
    js_channel_init(&runner->channel, -1);
    /* This comes before the fork, because processes that a dying runner leaves
     * must become children of this process. */
    if (getrlimit(RLIMIT_NOFILE, &runner->files) < 0 || js_procs_adopt() < 0 ||
        runner_begin(runner) < 0)
        goto fail;
    return runner;
fail:
    js_err_errno(err, "%s", no_runner);
    js_runner_free(runner);
    return NULL;
}

int js_runner_restart(struct js_runner *runner, struct js_err *err)
{
    return runner_begin(runner) < 0 ? js_err_errno(err, "%s", no_runner) : 0;
}

bool js_runner_wake(struct js_runner *runner, int64_t now_ns)
{
    siginfo_t info = {.si_pid = 0};
    /* WNOWAIT keeps the state for the code that waits for the process to
     * end. */
    if (runner->lost ||
        waitid(P_PID, (id_t)runner->pid, &info, WSTOPPED | WNOHANG | WNOWAIT) <
            0 ||
        info.si_pid != runner->pid) {
        runner->stopped_ns = JS_NEVER_NS;
        return false;
    }
    /* A check long ago does not count: the rank itself was stopped in between.
     */
    if (runner->stopped_ns == JS_NEVER_NS ||
        now_ns - runner->stopped_ns > STOPPED_MOST * JS_RUNNER_STOPPED_NS)
        runner->stopped_ns = now_ns;
    if (now_ns - runner->stopped_ns < JS_RUNNER_STOPPED_NS)
        return false;
    runner->stopped_ns = JS_NEVER_NS;
    return kill(runner->pid, SIGCONT) == 0;
}

/* Ends the runner and what is left of everything that it started. */
static void end_all(struct js_runner *runner)
{
    if (runner->lost || runner->pid <= 0)
        return;
    runner->lost = true;
    kill(runner->pid, SIGKILL);
    js_channel_release(&runner->channel); /* /proc may need the descriptor */
    js_procs_end_all(last_kill_ns);
}

void js_runner_free(struct js_runner *runner)
{
    if (!runner)
        return;
    int saved = errno;
    end_all(runner);
    js_channel_release(&runner->channel);
    js_buf_release(&runner->scratch);
    free(runner);
    errno = saved;
}

int js_runner_fd(const struct js_runner *runner)
{
    return runner->channel.fd;
}

bool js_runner_wants_write(const struct js_runner *runner)
{
    return js_channel_wants_write(&runner->channel);
}

pid_t js_runner_pid(const struct js_runner *runner)
{
    return runner->pid;
}

/* Sends the message in the scratch buffer. */
static int send_scratch(struct js_runner *runner, enum js_runner_message type)
{
    if (js_channel_send(&runner->channel, (uint8_t)type, runner->scratch.data,
                        runner->scratch.len, NULL) < 0)
        return -1;
    return js_channel_flush(&runner->channel);
}

static int check_not_lost(const struct js_runner *runner)
{
    if (!runner->lost)
        return 0;
    errno = EPIPE;
    return -1;
}

int js_runner_configure(struct js_runner *runner,
                        const struct js_runner_config *config)
{
    runner->scratch.len = 0;
    if (check_not_lost(runner) < 0 ||
        js_messages_put_config(&runner->scratch, config) < 0)
        return -1;
    return send_scratch(runner, JS_MESSAGE_CONFIGURE);
}

int js_runner_run(struct js_runner *runner, const struct js_runner_job *job)
{
    runner->scratch.len = 0;
    if (check_not_lost(runner) < 0 ||
        js_messages_put_job(&runner->scratch, job) < 0)
        return -1;
    /* The message is not flushed here, so that several jobs leave in one system
     * call. js_runner_flush() or js_runner_next() does it. */
    return js_channel_send(&runner->channel, JS_MESSAGE_RUN,
                           runner->scratch.data, runner->scratch.len, NULL);
}

void js_runner_flush(struct js_runner *runner)
{
    if (!runner->lost)
        js_channel_flush(&runner->channel); /* a failure shows when reading */
}

int js_runner_recall(struct js_runner *runner)
{
    runner->scratch.len = 0;
    return check_not_lost(runner) < 0 ? -1
                                      : send_scratch(runner, JS_MESSAGE_RECALL);
}

static int runner_send_number(struct js_runner *runner,
                              enum js_runner_message type, uint32_t slot,
                              int64_t number)
{
    runner->scratch.len = 0;
    if (check_not_lost(runner) < 0 ||
        js_messages_put_number(&runner->scratch, slot, number) < 0)
        return -1;
    return send_scratch(runner, type);
}

int js_runner_end(struct js_runner *runner, uint32_t slot, int64_t grace_ns)
{
    return runner_send_number(runner, JS_MESSAGE_END, slot, grace_ns);
}

int js_runner_lease(struct js_runner *runner, int64_t until_ns)
{
    return runner_send_number(runner, JS_MESSAGE_LEASE, 0, until_ns);
}

int js_runner_limit(struct js_runner *runner, int64_t timeout_ns)
{
    return runner_send_number(runner, JS_MESSAGE_LIMIT, 0, timeout_ns);
}

static int decode(struct js_packet *message, struct js_runner_event *ret)
{
    struct js_outcome *outcome = &ret->outcome;
    size_t len = message->len;
    int64_t count;
    *ret = (struct js_runner_event){.out_fd = -1, .err_fd = -1};
    switch (message->type) {
    case JS_MESSAGE_READY:
    case JS_MESSAGE_NOTE:
        ret->kind = message->type == JS_MESSAGE_READY ? JS_RUNNER_READY
                                                      : JS_RUNNER_NOTE;
        if (len >= sizeof(ret->text))
            len = sizeof(ret->text) - 1;
        memcpy(ret->text, message->body, len);
        ret->text[len] = '\0';
        return 0;
    case JS_MESSAGE_RECALLED:
        ret->kind = JS_RUNNER_RECALLED;
        if (js_messages_get_number(message->body, len, &ret->slot, &count) < 0)
            return -1;
        ret->count = (uint32_t)count;
        return 0;
    case JS_MESSAGE_ENDED:
        ret->kind = JS_RUNNER_ENDED;
        ret->out_fd = message->fds[0];
        ret->err_fd = message->fds[1];
        if (js_messages_get_ended(message->body, len, &ret->slot, outcome) < 0)
            return -1;
        if (!message->has_lost_fds)
            return 0;
        /* If output did not arrive, the job must not look like one without
         * output. */
        outcome->step = JS_STEP_COLLECT;
        outcome->step_errno = EMFILE;
        outcome->exit_code = 126;
        outcome->signal = 0;
        if (ret->out_fd < 0)
            outcome->out_bytes = 0;
        if (ret->err_fd < 0)
            outcome->err_bytes = 0;
        return 0;
    default:
        return -1;
    }
}

int js_runner_next(struct js_runner *runner, struct js_runner_event *ret)
{
    struct js_packet message;
    if (check_not_lost(runner) < 0)
        return -1;
    js_runner_flush(runner);
    /* Reads only when no whole message is left from earlier reads. */
    int got = 1;
    while (got > 0 && js_channel_next(&runner->channel, &message) == 0)
        got = js_channel_receive(&runner->channel);
    if (got > 0 && decode(&message, ret) < 0) {
        js_fd_close(&message.fds[0]);
        js_fd_close(&message.fds[1]);
        got = -1;
    }
    if (got >= 0)
        return got;
    /* A runner that sends invalid messages is as good as dead. Its jobs must
     * not go on unwatched. */
    end_all(runner);
    errno = EPIPE;
    return -1;
}

const struct js_runner_ops js_runner_ops = {
    .configure = js_runner_configure,
    .restart = js_runner_restart,
    .wake = js_runner_wake,
    .pid = js_runner_pid,
    .fd = js_runner_fd,
    .wants_write = js_runner_wants_write,
    .run = js_runner_run,
    .flush = js_runner_flush,
    .recall = js_runner_recall,
    .end = js_runner_end,
    .lease = js_runner_lease,
    .limit = js_runner_limit,
    .next = js_runner_next,
};
