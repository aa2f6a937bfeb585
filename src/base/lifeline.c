#include "base/lifeline.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    BACKLOG = 4096, /* ranks of one host may all connect at the same time */
    LOCK = 0,
    ENVIRON = 1,
};

/* A rank sends the first message, and only rank 0 sends more than its rank. */
enum message_kind {
    HELLO,   /* rank to launcher: number is its rank */
    WELCOME, /* the answer: number has a bit for each descriptor that comes with
                it */
    NEWS,    /* rank 0 to launcher */
    SIGNAL,  /* launcher to rank 0: number is the signal */
};

/* A message is sent exactly as it is in memory, because both ends are the same
 * program. */
struct message {
    enum message_kind kind;
    int number;
    struct js_lifeline_news news;
};

/* This is a union because the bytes must be aligned like the header. */
union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(JS_LIFELINE_FDS * sizeof(int))];
};

/* ---------------------------------------------------------------- messages */

/* Sends a message and those of `fds` that are not -1. Returns 0, or -1 with
 * errno. */
static int message_send(int fd, const struct message *message, const int *fds,
                        int count)
{
    union control control;
    struct iovec part = {.iov_base = (void *)message,
                         .iov_len = sizeof(*message)};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        memset(&control, 0, sizeof(control));
        head.msg_control = control.bytes;
        head.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&head);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
        memcpy(CMSG_DATA(cmsg), fds, (size_t)count * sizeof(int));
    }
    /* MSG_DONTWAIT: neither end may wait for one that has been stopped. */
    ssize_t n;
    do {
        n = sendmsg(fd, &head, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -1 : 0;
}

/* Returns 1 with a message and *count descriptors; 0 if the other end is gone;
 * or -1 with errno, EAGAIN if there is nothing now. */
static int message_take(int fd, struct message *ret, int *fds, int *count)
{
    union control control;
    struct iovec part = {.iov_base = ret, .iov_len = sizeof(*ret)};
    struct msghdr head = {.msg_iov = &part,
                          .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = sizeof(control.bytes)};
    ssize_t n;
    do {
        n = recvmsg(fd, &head, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    *count = 0;
    if (n < 0)
        return errno == ECONNRESET ? 0 : -1;
    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(&head); cmsg;
         cmsg = CMSG_NXTHDR(&head, cmsg)) {
        if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
            continue;
        *count = (int)((cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds, CMSG_DATA(cmsg), (size_t)*count * sizeof(int));
    }
    if (n == (ssize_t)sizeof(*ret))
        return 1;
    /* Nothing else would close descriptors that came with a broken message. */
    for (int i = 0; i < *count; i++)
        js_fd_close(&fds[i]);
    *count = 0;
    errno = EPROTO;
    return n == 0 ? 0 : -1;
}

/* The folder's path may be too long for a socket address, so the folder is
 * opened and named by its descriptor. The name contains the name of the host,
 * so that a rank on another host that sees the same folder does not find the
 * socket. */
static void make_address(int folder, struct sockaddr_un *ret)
{
    char host[HOST_NAME_MAX + 1] = "";
    gethostname(host, sizeof(host) - 1);
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/line-%s",
             folder, host);
}

/* ---------------------------------------------------------------- a rank */

/* The environment comes as a file in memory, because it may be larger than a
 * message can be. The ranks share the offset of that file, so they do not use
 * the offset. */
static int lifeline_read_environ(struct js_lifeline *lifeline)
{
    int fd = lifeline->fds[ENVIRON];
    struct js_buf *environ = &lifeline->environ;
    struct stat st;
    if (fd < 0)
        return 0;
    if (fstat(fd, &st) < 0 ||
        js_buf_reserve(environ, (size_t)st.st_size + 1) < 0 ||
        js_file_pread(fd, environ->data, (size_t)st.st_size, 0) != st.st_size)
        return -1;
    environ->len = (size_t)st.st_size;
    js_fd_close(&lifeline->fds[ENVIRON]);
    return 0;
}

/* Polls with a deadline, because the launcher may have been stopped (SIGSTOP)
 * and never answer. */
static int await_welcome(struct js_lifeline *lifeline, int64_t until_ns)
{
    struct message message;
    int fds[JS_LIFELINE_FDS], count = 0, next = 0;
    for (;;) {
        int rc = message_take(lifeline->fd, &message, fds, &count);
        if (rc > 0)
            break;
        if (rc == 0)
            errno = ECONNRESET;
        int64_t left_ns = until_ns - js_clock_ns();
        if (rc == 0 || errno != EAGAIN)
            return -1;
        if (left_ns <= 0) {
            errno = ETIMEDOUT;
            return -1;
        }
        struct pollfd event = {.fd = lifeline->fd, .events = POLLIN};
        poll(&event, 1, (int)(left_ns / JS_NS_PER_MS) + 1);
    }
    for (int i = 0; i < JS_LIFELINE_FDS; i++) {
        if ((message.number & 1 << i) && next < count)
            lifeline->fds[i] = fds[next++];
    }
    return lifeline_read_environ(lifeline);
}

int js_lifeline_connect(const char *folder, int rank, int64_t timeout_ns,
                        struct js_lifeline **ret, struct js_err *err)
{
    const struct message hello = {.kind = HELLO, .number = rank};
    int64_t until_ns = js_clock_ns() + timeout_ns;
    struct sockaddr_un address;
    struct js_lifeline *lifeline = calloc(1, sizeof(*lifeline));
    *ret = NULL;
    if (!lifeline)
        return js_err_errno(err, "cannot create the socket to the launcher");
    for (int i = 0; i < JS_LIFELINE_FDS; i++)
        lifeline->fds[i] = -1;
    lifeline->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (lifeline->fd < 0) {
        js_err_errno(err, "cannot create the socket to the launcher");
        js_lifeline_free(lifeline);
        return -1;
    }
    int folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd >= 0)
        make_address(folder_fd, &address);
    int rc = folder_fd < 0 ? -1
                           : connect(lifeline->fd, (struct sockaddr *)&address,
                                     sizeof(address));
    js_fd_close(&folder_fd);
    if (rc < 0) {
        /* The launcher is on another host, or gone. */
        js_lifeline_free(lifeline);
        return 0;
    }
    if (message_send(lifeline->fd, &hello, NULL, 0) < 0 ||
        await_welcome(lifeline, until_ns) < 0) {
        js_err_errno(err, "the launcher of this run does not answer");
        js_lifeline_free(lifeline);
        return -1;
    }
    *ret = lifeline;
    return 0;
}

void js_lifeline_free(struct js_lifeline *lifeline)
{
    if (!lifeline)
        return;
    for (int i = 0; i < JS_LIFELINE_FDS; i++)
        js_fd_close(&lifeline->fds[i]);
    js_fd_close(&lifeline->fd);
    js_buf_release(&lifeline->environ);
    free(lifeline);
}

void js_lifeline_leave(struct js_lifeline *lifeline)
{
    if (lifeline)
        js_fd_close(&lifeline->fd);
}

/* The kernel knows the peer's pid, so no message is needed. */
pid_t js_lifeline_launcher(const struct js_lifeline *lifeline)
{
    struct ucred peer = {.pid = 0};
    socklen_t len = sizeof(peer);
    if (getsockopt(lifeline->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return 0;
    return peer.pid;
}

void js_lifeline_report(struct js_lifeline *lifeline,
                        const struct js_lifeline_news *news)
{
    struct message message;
    memset(&message, 0, sizeof(message));
    message.kind = NEWS;
    message.news = *news;
    message_send(lifeline->fd, &message, NULL, 0);
}

int js_lifeline_take(struct js_lifeline *lifeline)
{
    struct message message;
    int fds[JS_LIFELINE_FDS], count;
    if (lifeline->is_cut)
        return SIGKILL;
    int rc = message_take(lifeline->fd, &message, fds, &count);
    if (rc > 0)
        return message.kind == SIGNAL ? message.number : 0;
    lifeline->is_cut = rc == 0;
    return lifeline->is_cut ? SIGKILL : 0;
}

/* ---------------------------------------------------------------- launcher */

struct js_lifeline_end {
    int fd;
    int rank; /* -1: it has not said HELLO yet */
    pid_t pid;
};

static int listen_in(struct js_lifeline_host *host, const char *folder)
{
    struct sockaddr_un address;
    host->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (host->folder < 0)
        return -1;
    make_address(host->folder, &address);
    host->listener =
        socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (host->listener < 0 ||
        bind(host->listener, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -1;
    return listen(host->listener, BACKLOG);
}

struct js_lifeline_host *js_lifeline_listen(const char *folder,
                                            const struct js_lifeline_gift *gift)
{
    struct js_lifeline_host *host = calloc(1, sizeof(*host));
    if (!host)
        return NULL;
    host->folder = host->listener = -1;
    host->gift = *gift;
    host->environ = memfd_create("environ", MFD_CLOEXEC);
    for (char *const *variable = gift->environ; host->environ >= 0 && *variable;
         variable++) {
        if (js_file_write(host->environ, *variable, strlen(*variable) + 1) < 0)
            js_fd_close(&host->environ);
    }
    if (host->environ < 0 || listen_in(host, folder) < 0) {
        js_lifeline_close(host);
        return NULL;
    }
    return host;
}

/* The socket's name is removed before its descriptor is closed, so that no rank
 * finds a dead socket. */
static void stop_listening(struct js_lifeline_host *host)
{
    struct sockaddr_un address;
    make_address(host->folder, &address);
    if (host->listener >= 0)
        unlink(address.sun_path);
    js_fd_close(&host->listener);
    js_fd_close(&host->folder);
}

int js_lifeline_move(struct js_lifeline_host *host, const char *folder,
                     int lock)
{
    js_lifeline_reset(host);
    stop_listening(host);
    host->gift.lock = lock;
    return listen_in(host, folder);
}

void js_lifeline_close(struct js_lifeline_host *host)
{
    if (!host)
        return;
    int saved = errno;
    js_lifeline_reset(host);
    stop_listening(host);
    js_fd_close(&host->environ);
    free(host->ends);
    free(host->fds);
    free(host);
    errno = saved;
}

void js_lifeline_reset(struct js_lifeline_host *host)
{
    for (size_t i = 0; i < host->count; i++)
        js_fd_close(&host->ends[i].fd);
    host->count = 0;
    host->is_cut = false;
    memset(&host->news, 0, sizeof(host->news));
}

struct pollfd *js_lifeline_fds(struct js_lifeline_host *host, nfds_t before,
                               nfds_t *count)
{
    /* One array for poll(2): the caller's descriptors, the listener, the
     * ranks. */
    size_t needed = before + 1 + host->count;
    struct pollfd *fds =
        js_buf_grow(host->fds, &host->fds_capacity, needed, sizeof(*fds));
    if (!fds)
        return NULL;
    host->fds = fds;
    struct pollfd *next = host->fds + before;
    *next++ = (struct pollfd){.fd = host->listener, .events = POLLIN};
    for (size_t i = 0; i < host->count; i++)
        *next++ = (struct pollfd){.fd = host->ends[i].fd, .events = POLLIN};
    *count = needed;
    return host->fds;
}

static int lifeline_welcome(const struct js_lifeline_host *host,
                            struct js_lifeline_end *end, int rank)
{
    const struct js_lifeline_gift *gift = &host->gift;
    const int all[JS_LIFELINE_FDS] = {gift->lock,     host->environ,
                                      gift->stdio[0], gift->stdio[1],
                                      gift->stdio[2], gift->joblog};
    struct message message = {.kind = WELCOME};
    int fds[JS_LIFELINE_FDS], count = 0;
    end->rank = rank;
    for (int i = 0; i < (rank == 0 ? JS_LIFELINE_FDS : JS_LIFELINE_STDIO);
         i++) {
        if (all[i] < 0)
            continue;
        message.number |= 1 << i;
        fds[count++] = all[i];
    }
    return message_send(end->fd, &message, fds, count);
}

/* Returns false if the rank is gone. */
static bool serve_end(struct js_lifeline_host *host,
                      struct js_lifeline_end *end)
{
    struct message message;
    int fds[JS_LIFELINE_FDS], count, rc;
    while ((rc = message_take(end->fd, &message, fds, &count)) > 0) {
        if (message.kind == HELLO) {
            if (lifeline_welcome(host, end, message.number) < 0)
                return false;
            /* The welcome comes first: rank 0 counts as starting only once it
             * has everything it needs. */
            if (message.number == 0)
                host->news.stage = JS_STAGE_STARTING;
        } else if (message.kind == NEWS && end->rank == 0) {
            host->news = message.news;
        }
    }
    return rc < 0 && errno == EAGAIN;
}

const struct js_lifeline_news *js_lifeline_serve(struct js_lifeline_host *host)
{
    size_t kept = 0;
    int fd;
    while ((fd = accept4(host->listener, NULL, NULL,
                         SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        struct ucred peer = {.pid = 0};
        socklen_t len = sizeof(peer);
        struct js_lifeline_end *ends = js_buf_grow(
            host->ends, &host->capacity, host->count + 1, sizeof(*ends));
        if (ends)
            host->ends = ends;
        /* Only this user and root can reach the socket. A connection that is
         * not this user's is refused. */
        if (!ends || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ||
            peer.uid != geteuid())
            js_fd_close(&fd);
        else
            host->ends[host->count++] =
                (struct js_lifeline_end){fd, -1, peer.pid};
    }
    for (size_t i = 0; i < host->count; i++) {
        struct js_lifeline_end *end = &host->ends[i];
        if (serve_end(host, end)) {
            host->ends[kept++] = *end;
            continue;
        }
        host->is_cut |= end->rank == 0;
        js_fd_close(&end->fd);
    }
    host->count = kept;
    return &host->news;
}

static const struct js_lifeline_end *
find_end(const struct js_lifeline_host *host, int rank)
{
    for (size_t i = 0; i < host->count; i++) {
        if (host->ends[i].rank == rank)
            return &host->ends[i];
    }
    return NULL;
}

bool js_lifeline_pass(struct js_lifeline_host *host, int number)
{
    const struct message message = {.kind = SIGNAL, .number = number};
    const struct js_lifeline_end *end = find_end(host, 0);
    return end && message_send(end->fd, &message, NULL, 0) == 0;
}

pid_t js_lifeline_pid(const struct js_lifeline_host *host, int rank)
{
    const struct js_lifeline_end *end = find_end(host, rank);
    return end ? end->pid : 0;
}
