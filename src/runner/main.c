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

/* How long to keep killing once the rank is gone. */
static const int64_t last_kill_ns = 30 * JS_NS_PER_S;
/* A process that wakes later than this was stopped. */
static const int64_t stopped_ns = JS_NS_PER_S;
static const int64_t stall_ns = 10 * JS_NS_PER_MS;

/* The end of a job is reported within this time, or sooner, so that the rank
 * gets a few reports while there is work here. */
static const int64_t report_most_ns = 5 * JS_NS_PER_MS;
enum { REPORTS = 4 };

enum { FIRST_FD = STDERR_FILENO + 1 };

/* Jobs that came ahead of time, as messages; first in, first out. */
struct runner_queue {
    struct js_buf *items; /* a ring; owned, and kept for later messages */
    size_t capacity, head, count;
};

enum { QUEUE_CAPACITY_MIN = 16 };

/*
 * The whole process. Only the loop at the end of this file waits; everything
 * else does at once what it can do. Jobs wait in `queue` for a free slot of
 * `slots`.
 *
 * Invariants, while it waits: no job is in `queue` if a slot is free, or
 * without `slots`. report_ns is JS_NEVER_NS unless the channel has something to
 * send. `config` is complete once its cwd is set, and does not change from then
 * on.
 */
struct runner {
    struct js_channel channel;
    int signal_fd;
    int null_in;
    int null_out;
    struct js_runner_config config;
    struct js_slots *slots;    /* NULL: not configured, or that failed */
    struct runner_queue queue; /* jobs for the next free slot */
    int64_t report_ns; /* when to send waiting reports; JS_NEVER_NS: none wait,
                          or they are being sent */
    int64_t lease_ns;  /* jobs may run until then */
    bool has_extra;    /* ... and a little more, if we were stopped */
    bool has_expired;  /* the lease has ended, and has not been renewed */
};

/* ---------------------------------------------------------------- the queue */

/* Copies the message. Returns 0, or -1 with errno ENOMEM. */
static int runner_queue_push(struct runner_queue *queue, const void *bytes,
                             size_t len)
{
    if (queue->count >= queue->capacity) {
        size_t capacity =
            queue->capacity ? 2 * queue->capacity : QUEUE_CAPACITY_MIN;
        struct js_buf *items = calloc(capacity, sizeof(*items));
        if (!items)
            return -1;
        for (size_t i = 0; i < queue->capacity; i++)
            items[i] = queue->items[(queue->head + i) % queue->capacity];
        free(queue->items);
        *queue = (struct runner_queue){
            .items = items, .capacity = capacity, .count = queue->count};
    }
    size_t end = queue->head + queue->count;
    struct js_buf *item =
        &queue->items[end < queue->capacity ? end : end - queue->capacity];
    item->len = 0;
    if (js_buf_append(item, bytes, len) < 0)
        return -1;
    queue->count++;
    return 0;
}

/* ---------------------------------------------------------------- startup */

/* Closes what the rank had open, because the jobs would inherit it. */
static void close_others(int keep)
{
#ifdef SYS_close_range
    /* An empty range would be an error. */
    if ((keep == FIRST_FD ||
         syscall(SYS_close_range, FIRST_FD, (unsigned)keep - 1, 0) == 0) &&
        syscall(SYS_close_range, (unsigned)keep + 1, ~0U, 0) == 0)
        return;
#endif
    /* A kernel before Linux 5.9 has no close_range(2). */
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

/* Returns a descriptor above stdio for the same file. */
static int move_up(int fd)
{
    int moved = fd < FIRST_FD ? fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD) : fd;
    if (moved != fd && fd >= 0)
        close(fd);
    return moved;
}

static int runner_main_set_up(struct runner *runner, int socket)
{
    sigset_t all, children;
    /* Every signal is blocked for good: the rank acts on signals sent to a
     * whole job step. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_DFL); /* fails for the two that cannot be set */
    setsid();                   /* cannot fail: a forked child leads no group */
    /* If we are stopped when the rank dies, this lets us end what is left. */
    prctl(PR_SET_PDEATHSIG, SIGCONT);
    prctl(PR_SET_NAME, JS_PROCESS_RUNNER);
    socket = move_up(socket);
    if (socket < 0)
        return -1;
    js_channel_init(&runner->channel, socket);
    close_others(socket);
    runner->null_in = move_up(open("/dev/null", O_RDONLY | O_CLOEXEC));
    runner->null_out = move_up(open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (runner->null_in < 0 || runner->null_out < 0 ||
        dup2(runner->null_in, STDIN_FILENO) < 0 ||
        dup2(runner->null_out, STDOUT_FILENO) < 0 ||
        dup2(runner->null_out, STDERR_FILENO) < 0)
        return -1;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    runner->signal_fd = signalfd(-1, &children, SFD_NONBLOCK | SFD_CLOEXEC);
    return runner->signal_fd < 0 ? -1 : js_procs_adopt();
}

/* Takes the configuration, and applies it. Whether that works is reported to
 * the rank, so it is no error here. */
static int configure(struct runner *runner, const struct js_packet *message)
{
    const struct js_runner_config *config = &runner->config;
    struct js_err err = {""};
    struct js_cpuset cpus;
    if (config->settings.cwd) {
        errno = EBADMSG;
        return -1;
    }
    if (js_messages_get_config(message->body, message->len, &runner->config) <
        0)
        return -1;
    umask(config->settings.umask);
    /* The runner stays on the cores where its jobs run. So other runs on this
     * machine see which cores are ours (node/procs.h), and if all slots have
     * the same cores, children need not move between clone and exec. */
    js_cpuset_clear(&cpus);
    for (uint32_t i = 0; i < config->slots; i++)
        js_cpuset_unite(&cpus, &config->slot_cpus[i]);
    if (js_cpuset_count(&cpus) > 0) /* a failure shows in each child */
        sched_setaffinity(0, sizeof(cpus.word), (const cpu_set_t *)cpus.word);
    /* The folder comes first, because other folders may be relative to it. */
    if (chdir(config->settings.cwd) < 0) {
        js_err_errno(&err, "cannot enter %s on node %s", config->settings.cwd,
                     config->host);
    } else if (js_job_output_try(config, &err) == 0) {
        runner->slots = js_slots_new(&(struct js_slots_means){
            config, &runner->channel, runner->null_in, runner->null_out});
        if (!runner->slots)
            js_err_errno(&err, "cannot prepare node %s for jobs", config->host);
    }
    return js_channel_send(&runner->channel, JS_MESSAGE_READY, err.text,
                           strlen(err.text), NULL);
}

static int runner_main_start(struct runner *runner,
                             const struct js_runner_job *job)
{
    if (runner->slots && !runner->has_expired)
        return js_slots_start(runner->slots, job);
    struct js_outcome outcome = {.start_unix_ns = js_clock_unix_ns()};
    if (runner->has_expired) {
        outcome.cause = JS_STOP_REASON_STOPPED;
    } else {
        /* Without a working configuration every job fails. */
        outcome.exit_code = 126;
        outcome.step = JS_STEP_RUNNER;
        outcome.step_errno = EINVAL;
    }
    struct js_buf body = JS_BUF_INIT;
    int rc = js_messages_put_ended(&body, job->slot, &outcome);
    if (rc == 0)
        rc = js_channel_send(&runner->channel, JS_MESSAGE_ENDED, body.data,
                             body.len, NULL);
    js_buf_release(&body);
    return rc;
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

/* Starts the jobs that wait for a slot. This is done whenever a slot is free,
 * before anything else, because the rank takes the job as started once it hears
 * that the slot is free. */
static int start_queued(struct runner *runner)
{
    struct runner_queue *queue = &runner->queue;
    uint32_t slot;
    while (queue->count > 0 && js_slots_free_slot(runner->slots, &slot)) {
        struct js_runner_job job;
        struct js_messages_sets sets;
        /* The queue keeps the bytes until the next push. */
        const struct js_buf *message = &queue->items[queue->head];
        queue->head = (queue->head + 1) % queue->capacity;
        queue->count--;
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
    int rc = js_messages_put_number(&body, 0, (int64_t)runner->queue.count);
    runner->queue.count = 0;
    if (rc == 0)
        rc = js_channel_send(&runner->channel, JS_MESSAGE_RECALLED, body.data,
                             body.len, NULL);
    js_buf_release(&body);
    return rc;
}

/* The loop should notice the end of the lease at once: if it does so much
 * later, this process was stopped (most likely with its jobs), and the rank may
 * need a moment to find out that everything is in order. */
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

static int runner_main_take_message(struct runner *runner,
                                    const struct js_packet *message)
{
    const char *body = message->body;
    uint32_t slot;
    int64_t ns;
    switch (message->type) {
    case JS_MESSAGE_CONFIGURE:
        return configure(runner, message);
    case JS_MESSAGE_RUN:
        return runner_main_run(runner, message);
    case JS_MESSAGE_RECALL:
        return runner_main_recall(runner);
    case JS_MESSAGE_END:
        if (js_messages_get_number(body, message->len, &slot, &ns) < 0)
            return -1;
        return runner->slots ? js_slots_end(runner->slots, slot, ns) : 0;
    case JS_MESSAGE_LIMIT:
        if (js_messages_get_number(body, message->len, &slot, &ns) < 0)
            return -1;
        if (runner->slots)
            js_slots_limit(runner->slots, ns);
        return 0;
    case JS_MESSAGE_LEASE:
        if (js_messages_get_number(body, message->len, &slot, &ns) < 0)
            return -1;
        runner->lease_ns = ns;
        runner->has_extra = true;
        runner->has_expired = ns <= js_clock_ns();
        return 0;
    default:
        errno = EBADMSG;
        return -1;
    }
}

static int runner_main_report(struct runner *runner)
{
    const struct runner_queue *queue = &runner->queue;
    int64_t delay_ns = 0;
    if (runner->channel.out.bytes.len == 0)
        return 0;
    /* While there is other work, reports may wait and go together: a turn of
     * the rank for each report would only take time from the jobs. */
    if (queue->count > 0) {
        delay_ns = (int64_t)queue->count * js_slots_run_ns(runner->slots) /
                   runner->config.slots / REPORTS;
        if (delay_ns > report_most_ns)
            delay_ns = report_most_ns;
    }
    int64_t now_ns = js_clock_ns();
    if (now_ns + delay_ns < runner->report_ns)
        runner->report_ns = now_ns + delay_ns;
    if (now_ns < runner->report_ns)
        return 0;
    runner->report_ns = JS_NEVER_NS;
    return js_channel_flush(&runner->channel);
}

/* Waits until one of the descriptors is ready, or something is due. */
static int runner_main_wait(const struct runner *runner, struct pollfd *fds,
                            nfds_t count)
{
    struct timespec pause = {0, 0};
    int64_t now_ns = js_clock_ns();
    int64_t wake_ns =
        runner->slots ? js_slots_wake_ns(runner->slots) : JS_NEVER_NS;
    /* No event reports that the kernel has memory again. */
    if (runner->channel.is_stalled && now_ns + stall_ns < wake_ns)
        wake_ns = now_ns + stall_ns;
    if (runner->report_ns < wake_ns)
        wake_ns = runner->report_ns;
    if (runner->lease_ns < wake_ns)
        wake_ns = runner->lease_ns;
    if (wake_ns != JS_NEVER_NS && wake_ns > now_ns) {
        pause.tv_sec = (time_t)((wake_ns - now_ns) / JS_NS_PER_S);
        pause.tv_nsec = (long)((wake_ns - now_ns) % JS_NS_PER_S);
    }
    if (ppoll(fds, count, wake_ns == JS_NEVER_NS ? NULL : &pause, NULL) >= 0)
        return 0;
    for (nfds_t i = 0; i < count; i++)
        fds[i].revents = 0;
    return errno == EINTR || errno == ENOMEM ? 0 : -1;
}

/* Runs one turn of the loop. Returns -1 when the loop is over. */
static int turn(struct runner *runner)
{
    struct signalfd_siginfo info;
    struct js_packet message;
    bool wants_write = js_channel_wants_write(&runner->channel) &&
                       runner->report_ns == JS_NEVER_NS;
    struct pollfd fds[3] = {
        {runner->channel.fd, (short)(POLLIN | (wants_write ? POLLOUT : 0)), 0},
        {runner->signal_fd, POLLIN, 0},
        {js_slots_fd(runner->slots), POLLIN, 0}, /* poll ignores -1 */
    };
    if (runner_main_wait(runner, fds, 3) < 0)
        return -1;
    /* SIGCHLD is pending at most once. */
    if (fds[1].revents && read(runner->signal_fd, &info, sizeof(info)) < 0 &&
        errno != EAGAIN)
        return -1;
    if (fds[1].revents && runner->slots && js_slots_reap(runner->slots) < 0)
        return -1;
    int rc =
        fds[0].revents & ~POLLOUT ? js_channel_receive(&runner->channel) : 0;
    while (rc >= 0 && js_channel_next(&runner->channel, &message) == 1)
        rc = runner_main_take_message(runner, &message);
    if (rc < 0 || check_lease(runner) < 0)
        return -1;
    if (runner->slots &&
        (js_slots_tick(runner->slots) < 0 || start_queued(runner) < 0))
        return -1;
    return runner_main_report(runner);
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
    bool is_up = runner_main_set_up(&runner, socket) == 0;
    if (!is_up) {
        js_err_errno(&err, "the process that starts jobs cannot be set up");
        js_channel_send(&runner.channel, JS_MESSAGE_NOTE, err.text,
                        strlen(err.text), NULL);
        js_channel_flush(&runner.channel);
    }
    while (is_up && turn(&runner) == 0)
        continue;
    /* Errors from here on are not reported to anybody. */
    js_channel_release(&runner.channel);
    for (size_t i = 0; i < runner.queue.capacity; i++)
        js_buf_release(&runner.queue.items[i]);
    free(runner.queue.items);
    /* This comes first, because closing a file may take a long time. */
    js_procs_end_all(last_kill_ns);
    js_slots_free(runner.slots);
    _exit(is_up ? EXIT_SUCCESS : EXIT_FAILURE);
}
