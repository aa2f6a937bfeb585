#include "runner/main.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "node/procs.h"
#include "runner/channel.h"
#include "runner/job_io.h"
#include "runner/messages.h"
#include "runner/slots.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* How long to go on killing when the rank is gone. */
static const int64_t last_kill_ns = 30 * JS_NS_PER_S;
/* So late a process is only when it was stopped. */
static const int64_t stopped_ns = JS_NS_PER_S;
static const int64_t stall_ns = 10 * JS_NS_PER_MS;

/* The end of a job is reported within that time; or sooner, so that the rank
 * hears of it a few times while there is work here. */
static const int64_t report_most_ns = 5 * JS_NS_PER_MS;
enum { REPORTS = 4 };

enum { FIRST_FD = STDERR_FILENO + 1 };

/* Jobs that came ahead of time, as messages; first in, first out. */
struct runner_queue {
    struct js_buf *items; /* a ring; owned, and kept for what comes next */
    size_t capacity, head, count;
};

enum { QUEUE_CAPACITY_MIN = 16 };

/*
 * The whole process. Only the loop at the end of this file waits; everything
 * else does what it can at once. Jobs wait in `queue` for a free slot of
 * `slots`.
 */
struct runner {
    struct js_channel channel;
    int signal_fd;
    int null_in;
    int null_out;
    struct js_runner_config config;
    struct js_slots *slots;    /* NULL: not configured, or in vain */
    struct runner_queue queue; /* jobs for the next free slot */
    int64_t report_ns; /* when what waits to be sent is; JS_NEVER_NS: nothing
                          waits, or it is on its way */
    int64_t lease_ns;  /* jobs may run until then */
    bool has_extra;    /* ... and a little more, if we were stopped */
    bool has_expired;  /* that has come, and nothing has been heard since */
};

/* ---------------------------------------------------------------- the queue */

static void runner_queue_release(struct runner_queue *queue)
{
    for (size_t i = 0; i < queue->capacity; i++)
        js_buf_release(&queue->items[i]);
    free(queue->items);
    *queue = (struct runner_queue){0};
}

/* Moves the ring to one of twice the size, its head to the front. */
static int runner_queue_grow(struct runner_queue *queue)
{
    size_t capacity =
        queue->capacity ? 2 * queue->capacity : QUEUE_CAPACITY_MIN;
    struct js_buf *items = calloc(capacity, sizeof(*items));
    if (!items)
        return -1;
    for (size_t i = 0; i < queue->capacity; i++)
        items[i] = queue->items[(queue->head + i) % queue->capacity];
    free(queue->items);
    queue->items = items;
    queue->capacity = capacity;
    queue->head = 0;
    return 0;
}

/* Copies the message. 0, or -1 with errno ENOMEM. */
static int runner_queue_push(struct runner_queue *queue, const void *bytes,
                             size_t len)
{
    if (queue->count == queue->capacity && runner_queue_grow(queue) < 0)
        return -1;
    struct js_buf *item =
        &queue->items[(queue->head + queue->count) % queue->capacity];
    item->len = 0;
    if (js_buf_append(item, bytes, len) < 0)
        return -1;
    queue->count++;
    return 0;
}

/* The first message, which stays the queue's until the next push; or NULL. */
static const struct js_buf *runner_queue_pop(struct runner_queue *queue)
{
    if (queue->count == 0)
        return NULL;
    const struct js_buf *item = &queue->items[queue->head];
    queue->head = (queue->head + 1) % queue->capacity;
    queue->count--;
    return item;
}

/* Forgets all of them; returns how many there were. */
static size_t runner_queue_clear(struct runner_queue *queue)
{
    size_t count = queue->count;
    queue->count = 0;
    return count;
}

/* ---------------------------------------------------------------- startup */

/* Every signal is blocked for good: those sent to a whole job step are for the
 * rank to act on. */
static void set_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_DFL); /* fails for the two that cannot be set */
}

static void close_listed(int keep)
{
    DIR *stream = opendir("/proc/self/fd");
    if (!stream)
        return;
    for (struct dirent *entry; (entry = readdir(stream));) {
        int fd = (int)strtol(entry->d_name, NULL, 10);
        if (isdigit((unsigned char)entry->d_name[0]) && fd >= FIRST_FD &&
            fd != keep && fd != dirfd(stream))
            close(fd);
    }
    closedir(stream);
}

static int close_range_of(unsigned first, unsigned last)
{
#ifdef SYS_close_range
    return first > last ? 0 : (int)syscall(SYS_close_range, first, last, 0);
#else
    (void)first;
    (void)last;
    errno = ENOSYS;
    return -1;
#endif
}

/* What the rank had open is not for the jobs. */
static void close_others(int keep)
{
    if (close_range_of(FIRST_FD, (unsigned)keep - 1) < 0 ||
        close_range_of((unsigned)keep + 1, ~0U) < 0)
        close_listed(keep);
}

/* A descriptor above stdio for the same thing. */
static int move_up(int fd)
{
    int moved = fd < FIRST_FD ? fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD) : fd;
    if (moved != fd && fd >= 0)
        close(fd);
    return moved;
}

static int open_null(int mode)
{
    return move_up(open("/dev/null", mode | O_CLOEXEC));
}

static int runner_main_set_stdio(const struct runner *runner)
{
    if (dup2(runner->null_in, STDIN_FILENO) < 0 ||
        dup2(runner->null_out, STDOUT_FILENO) < 0 ||
        dup2(runner->null_out, STDERR_FILENO) < 0)
        return -1;
    return 0;
}

static int open_signal_fd(void)
{
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    return signalfd(-1, &children, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int runner_main_set_up(struct runner *runner, int socket)
{
    set_signals();
    setsid(); /* cannot fail: a forked child leads no group */
    /* Should we be stopped when the rank dies: there is something to be done.
     */
    prctl(PR_SET_PDEATHSIG, SIGCONT);
    prctl(PR_SET_NAME, JS_PROCESS_RUNNER);
    socket = move_up(socket);
    if (socket < 0)
        return -1;
    js_channel_init(&runner->channel, socket);
    close_others(socket);
    runner->null_in = open_null(O_RDONLY);
    runner->null_out = open_null(O_WRONLY);
    if (runner->null_in < 0 || runner->null_out < 0 ||
        runner_main_set_stdio(runner) < 0)
        return -1;
    runner->signal_fd = open_signal_fd();
    return runner->signal_fd < 0 ? -1 : js_reap_adopt();
}

/* The runner stays where its jobs run: so other runs on this machine see which
 * cores are ours (node/others.h); and where all slots have the same, children
 * need not move to another core between clone and exec. */
static void bind_once(const struct js_runner_config *config)
{
    struct js_cpuset cpus;
    js_cpuset_clear(&cpus);
    for (uint32_t i = 0; i < config->slots; i++)
        js_cpuset_unite(&cpus, &config->slot_cpus[i]);
    if (js_cpuset_count(&cpus) > 0) /* if not: each child says what is wrong */
        sched_setaffinity(0, sizeof(cpus.word), (const cpu_set_t *)cpus.word);
}

/* Makes the configuration true. Returns 0, or -1 with *err. */
static int runner_main_apply(struct runner *runner, struct js_err *err)
{
    const struct js_runner_config *config = &runner->config;
    if (chdir(config->settings.cwd) < 0)
        return js_err_errno(err, "cannot enter %s on node %s",
                            config->settings.cwd, config->host);
    umask(config->settings.umask);
    bind_once(config);
    if (js_job_output_try(config, err) < 0)
        return -1;
    runner->slots = js_slots_new(&(struct js_slots_means){
        config, &runner->channel, runner->null_in, runner->null_out});
    if (!runner->slots)
        return js_err_errno(err, "cannot prepare for jobs on node %s",
                            config->host);
    return 0;
}

static int configure(struct runner *runner, const struct js_packet *message)
{
    struct js_err err = {""};
    if (runner->config.settings.cwd) {
        errno = EBADMSG;
        return -1;
    }
    if (js_messages_get_config(message->body, message->len, &runner->config) <
        0)
        return -1;
    runner_main_apply(runner, &err);
    return js_channel_send(&runner->channel, JS_MESSAGE_READY, err.text,
                           strlen(err.text), NULL);
}

/* It is not started. */
static int runner_main_refuse(struct runner *runner,
                              const struct js_runner_job *job,
                              const struct js_outcome *outcome)
{
    struct js_buf body = JS_BUF_INIT;
    int rc = js_messages_put_ended(&body, job->slot, outcome);
    if (rc == 0)
        rc = js_channel_send(&runner->channel, JS_MESSAGE_ENDED, body.data,
                             body.len, NULL);
    js_buf_release(&body);
    return rc;
}

static int runner_main_start(struct runner *runner,
                             const struct js_runner_job *job)
{
    struct js_outcome outcome = {.start_unix_ns = js_clock_unix_ns()};
    if (runner->has_expired) {
        outcome.cause = JS_STOP_REASON_STOPPED;
        return runner_main_refuse(runner, job, &outcome);
    }
    if (runner->slots)
        return js_slots_start(runner->slots, job);
    /* Without a working configuration every job fails. */
    outcome.exit_code = 126;
    outcome.step = JS_STEP_RUNNER;
    outcome.step_errno = EINVAL;
    return runner_main_refuse(runner, job, &outcome);
}

static int runner_main_run(struct runner *runner,
                           const struct js_packet *message)
{
    struct js_runner_job job;
    struct js_messages_sets sets;
    if (js_messages_get_job(message->body, message->len, &sets, &job) < 0)
        return -1;
    return runner->slots && job.slot == JS_RUNNER_SLOT_NEXT
               ? runner_queue_push(&runner->queue, message->body, message->len)
               : runner_main_start(runner, &job);
}

/* Starts what waits for a slot: whenever one is free, before anything else is
 * done, as the rank takes it for started when it hears of that slot. */
static int start_queued(struct runner *runner)
{
    uint32_t slot;
    while (runner->queue.count > 0 &&
           js_slots_free_slot(runner->slots, &slot)) {
        struct js_runner_job job;
        struct js_messages_sets sets;
        const struct js_buf *message = runner_queue_pop(&runner->queue);
        if (js_messages_get_job(message->data, message->len, &sets, &job) < 0)
            return -1;
        job.slot = slot;
        if (runner_main_start(runner, &job) < 0)
            return -1;
    }
    return 0;
}

static int runner_main_recall(struct runner *runner)
{
    struct js_buf body = JS_BUF_INIT;
    if (runner->slots && start_queued(runner) < 0)
        return -1;
    size_t count = runner_queue_clear(&runner->queue);
    int rc = js_messages_put_number(&body, (int64_t)count);
    if (rc == 0)
        rc = js_channel_send(&runner->channel, JS_MESSAGE_RECALLED, body.data,
                             body.len, NULL);
    js_buf_release(&body);
    return rc;
}

static int runner_main_end_job(struct runner *runner,
                               const struct js_packet *message)
{
    uint32_t slot;
    int64_t grace_ns;
    if (js_messages_get_end(message->body, message->len, &slot, &grace_ns) < 0)
        return -1;
    return runner->slots ? js_slots_end(runner->slots, slot, grace_ns) : 0;
}

static int set_lease(struct runner *runner, const struct js_packet *message)
{
    int64_t until_ns;
    if (js_messages_get_number(message->body, message->len, &until_ns) < 0)
        return -1;
    runner->lease_ns = until_ns;
    runner->has_extra = true;
    runner->has_expired = until_ns <= js_clock_ns();
    return 0;
}

/* The loop should have looked at the end of the lease at once: if it did so
 * much later, this process was stopped (with its jobs, most likely), and the
 * rank may need a moment to find out that all is well. */
static int check_lease(struct runner *runner)
{
    int64_t late_ns = js_clock_ns() - runner->lease_ns;
    if (late_ns < 0)
        return 0;
    if (late_ns > stopped_ns && runner->has_extra) {
        runner->has_extra = false;
        runner->lease_ns += late_ns + JS_LEASE_EXTRA_NS;
        return 0;
    }
    runner->lease_ns = JS_NEVER_NS;
    runner->has_expired = true;
    for (uint32_t i = 0; runner->slots && i < runner->config.slots; i++) {
        if (js_slots_end(runner->slots, i, runner->config.settings.grace_ns) <
            0)
            return -1;
    }
    return 0;
}

static int set_limit(struct runner *runner, const struct js_packet *message)
{
    int64_t timeout_ns;
    if (js_messages_get_number(message->body, message->len, &timeout_ns) < 0)
        return -1;
    if (runner->slots)
        js_slots_limit(runner->slots, timeout_ns);
    return 0;
}

static int runner_main_take_message(struct runner *runner,
                                    const struct js_packet *message)
{
    switch (message->type) {
    case JS_MESSAGE_CONFIGURE:
        return configure(runner, message);
    case JS_MESSAGE_RUN:
        return runner_main_run(runner, message);
    case JS_MESSAGE_RECALL:
        return runner_main_recall(runner);
    case JS_MESSAGE_END:
        return runner_main_end_job(runner, message);
    case JS_MESSAGE_LIMIT:
        return set_limit(runner, message);
    case JS_MESSAGE_LEASE:
        return set_lease(runner, message);
    default:
        errno = EBADMSG;
        return -1;
    }
}

static int runner_main_take_messages(struct runner *runner)
{
    struct js_packet message;
    int rc = js_channel_receive(&runner->channel) < 0 ? -1 : 0;
    while (rc == 0 && js_channel_next(&runner->channel, &message) == 1)
        rc = runner_main_take_message(runner, &message);
    return rc;
}

static int take_signals(struct runner *runner)
{
    /* SIGCHLD is pending at most once. */
    struct signalfd_siginfo info;
    if (read(runner->signal_fd, &info, sizeof(info)) < 0 && errno != EAGAIN)
        return -1;
    return runner->slots ? js_slots_reap(runner->slots) : 0;
}

static int64_t next_wake_ns(const struct runner *runner)
{
    int64_t wake_ns =
        runner->slots ? js_slots_wake_ns(runner->slots) : JS_NEVER_NS;
    if (js_channel_stalled(&runner->channel)) {
        int64_t again_ns = js_clock_ns() + stall_ns;
        wake_ns = again_ns < wake_ns ? again_ns : wake_ns;
    }
    if (runner->report_ns < wake_ns)
        wake_ns = runner->report_ns;
    return runner->lease_ns < wake_ns ? runner->lease_ns : wake_ns;
}

/* While there is other work, what is to be told may wait, and be told
 * together: the rank's turn would only take time from the jobs. */
static int64_t report_delay_ns(const struct runner *runner)
{
    if (runner->queue.count == 0)
        return 0;
    int64_t lead_ns = (int64_t)runner->queue.count *
                      js_slots_run_ns(runner->slots) / runner->config.slots;
    return lead_ns / REPORTS < report_most_ns ? lead_ns / REPORTS
                                              : report_most_ns;
}

static int runner_main_report(struct runner *runner)
{
    if (runner->channel.out.bytes.len == 0)
        return 0;
    int64_t now_ns = js_clock_ns();
    int64_t due_ns = now_ns + report_delay_ns(runner);
    if (due_ns < runner->report_ns)
        runner->report_ns = due_ns;
    if (now_ns < runner->report_ns)
        return 0;
    runner->report_ns = JS_NEVER_NS;
    return js_channel_flush(&runner->channel);
}

static int wait_until(struct pollfd *fds, nfds_t count, int64_t wake_ns)
{
    struct timespec pause = {0, 0};
    int64_t ns = wake_ns == JS_NEVER_NS ? 0 : wake_ns - js_clock_ns();
    if (ns > 0) {
        pause.tv_sec = (time_t)(ns / JS_NS_PER_S);
        pause.tv_nsec = (long)(ns % JS_NS_PER_S);
    }
    if (ppoll(fds, count, wake_ns == JS_NEVER_NS ? NULL : &pause, NULL) >= 0)
        return 0;
    for (nfds_t i = 0; i < count; i++)
        fds[i].revents = 0;
    return errno == EINTR || errno == ENOMEM ? 0 : -1;
}

/* One turn of the loop; -1 when it is over. */
static int turn(struct runner *runner)
{
    bool wants_write = js_channel_wants_write(&runner->channel) &&
                       runner->report_ns == JS_NEVER_NS;
    struct pollfd fds[2] = {
        {runner->channel.fd, (short)(POLLIN | (wants_write ? POLLOUT : 0)), 0},
        {runner->signal_fd, POLLIN, 0},
    };
    if (wait_until(fds, 2, next_wake_ns(runner)) < 0)
        return -1;
    if (fds[1].revents && take_signals(runner) < 0)
        return -1;
    if ((fds[0].revents & ~POLLOUT) && runner_main_take_messages(runner) < 0)
        return -1;
    if (check_lease(runner) < 0)
        return -1;
    if (runner->slots &&
        (js_slots_tick(runner->slots) < 0 || start_queued(runner) < 0))
        return -1;
    return runner_main_report(runner);
}

/* Nobody is told what goes wrong from here on. */
noreturn static void end(struct runner *runner, int status)
{
    js_channel_release(&runner->channel);
    runner_queue_release(&runner->queue);
    js_slots_free(runner->slots);
    js_reap_all(last_kill_ns);
    _exit(status);
}

noreturn void js_runner_main(int socket)
{
    struct runner runner = {
        .channel = {.fd = -1},
        .signal_fd = -1,
        .lease_ns = JS_NEVER_NS,
        .report_ns = JS_NEVER_NS,
    };
    struct js_err err;
    if (runner_main_set_up(&runner, socket) < 0) {
        js_err_errno(&err, "the process that starts jobs cannot be set up");
        js_channel_send(&runner.channel, JS_MESSAGE_NOTE, err.text,
                        strlen(err.text), NULL);
        js_channel_flush(&runner.channel);
        end(&runner, EXIT_FAILURE);
    }
    while (turn(&runner) == 0)
        continue;
    end(&runner, EXIT_SUCCESS);
}
