#include "record/joblog.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/table.h"
#include "base/text.h"
#include "base/units.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long the end of a run waits for the reader of a FIFO to take more. */
enum { LAST_WAIT_MS = 5000 };

/* The same as that of timeout(1). */
enum { TIMEOUT_EXIT = 124 };

/*
 * Lines gather in `lines`, and move to `out` to be written; the bytes before
 * `start` have been written. has_begun keeps a run that ended before its first
 * job from emptying the joblog of the previous run: only a flush empties the
 * file, and only the first one.
 */
struct js_joblog {
    char *path;
    bool has_begun; /* a line was added, or the joblog was flushed */
    uint64_t refused;
    struct js_buf lines;
    bool is_behind; /* js_joblog_is_behind() */
    size_t out_len; /* bytes that waited in `out` when the task was given */
    struct js_worker *worker;
    struct js_task task; /* while given, the worker owns the fields below */
    bool is_last;        /* the task ends the joblog */
    int fd;
    bool must_empty; /* a regular file that has not been emptied yet */
    int error;       /* the error of the last write; 0: none */
    size_t start;    /* bytes of `out` already written */
    struct js_buf out;
};

static bool joblog_work(void *arg);

static const char header[] =
    "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\t"
    "Command\tName\tAttempt\tSlave\tCores\tUserCPU\tSystemCPU\tMaxRSS\t"
    "Leftovers\n";

static void joblog_free(struct js_joblog *joblog)
{
    if (!joblog)
        return;
    int saved = errno;
    js_fd_close(&joblog->fd);
    js_buf_release(&joblog->lines);
    js_buf_release(&joblog->out);
    free(joblog->path);
    free(joblog);
    errno = saved;
}

/* Returns what to do about the error, where the system's message does not say.
 */
static const char *open_hint(int error)
{
    switch (error) {
    case ENOENT:
        return "; does its folder exist?";
    case EACCES:
    case EPERM:
    case EROFS:
        return "; name a file that you may write to";
    case ELOOP:
        return "; it is a symbolic link in a folder that others can write to: "
               "name the file itself";
    case EMLINK:
        return "; it has other hard links, and others can write to its folder";
    case ENXIO:
        return "; a FIFO needs a reader before the run starts";
    default:
        return "";
    }
}

/* Never waits, not even for the reader of a FIFO. */
static int joblog_open_file(struct js_joblog *joblog, bool goes_on)
{
    struct stat st;
    char last = '\n';
    joblog->fd = js_file_open_trusted(joblog->path,
                                      O_WRONLY | O_CREAT | O_APPEND |
                                          O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                                      0666);
    if (joblog->fd < 0 || fstat(joblog->fd, &st) < 0)
        return -1;
    bool is_file = S_ISREG(st.st_mode);
    joblog->must_empty = is_file && !goes_on;
    if (!is_file || !goes_on || st.st_size == 0)
        return 0;
    /* There are lines already, so no header is needed, and the last line may be
     * cut. */
    joblog->lines.len = 0;
    int fd = js_file_open_trusted(
        joblog->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
    ssize_t n = fd < 0 ? -1 : js_file_pread(fd, &last, 1, st.st_size - 1);
    js_fd_close(&fd);
    if (n == 1 && last == '\n')
        return 0;
    return n < 0 ? -1 : js_buf_puts(&joblog->lines, "\n");
}

/* It is opened again, because O_NONBLOCK must not affect those who share it.
 * But a regular file has a position to keep, and a socket cannot be opened. */
static int open_shared(struct js_joblog *joblog, int fd, bool goes_on)
{
    struct stat st;
    char name[64];
    if (fstat(fd, &st) < 0)
        return -1;
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    joblog->fd = S_ISREG(st.st_mode) || S_ISSOCK(st.st_mode)
                     ? fcntl(fd, F_DUPFD_CLOEXEC, 0)
                     : open(name, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (goes_on)
        joblog->lines.len = 0;
    return joblog->fd < 0 ? -1 : 0;
}

struct js_joblog *js_joblog_open(const char *path, int fd, bool goes_on,
                                 struct js_err *err)
{
    struct js_joblog *joblog = calloc(1, sizeof(*joblog));
    if (!joblog)
        goto fail;
    joblog->fd = -1;
    joblog->path = strdup(path);
    joblog->task = (struct js_task){
        .work = joblog_work, .arg = joblog, .name = joblog->path};
    if (!joblog->path || js_buf_puts(&joblog->lines, header) < 0 ||
        (fd < 0 ? joblog_open_file(joblog, goes_on)
                : open_shared(joblog, fd, goes_on)) < 0)
        goto fail;
    return joblog;
fail:
    js_err_set(err, "cannot write the joblog %s: %s%s", path,
               js_errno_text(errno), open_hint(errno));
    joblog_free(joblog);
    return NULL;
}

/* Appends all numbers, with a tab before each. */
#define PUT(buf, ...)                                                          \
    js_buf_put_numbers((buf), '\t', (const uint64_t[]){__VA_ARGS__},           \
                       sizeof((const uint64_t[]){__VA_ARGS__}) /               \
                           sizeof(uint64_t))

/* Milliseconds are what GNU parallel writes, and its readers expect. */
static int add_seconds(struct js_buf *buf, int64_t ns)
{
    uint64_t ms = ns > 0 ? (uint64_t)(ns / JS_NS_PER_MS) : 0;
    const char decimals[] = {'.', (char)('0' + ms / 100 % 10),
                             (char)('0' + ms / 10 % 10), (char)('0' + ms % 10)};
    return PUT(buf, ms / 1000) < 0
               ? -1
               : js_buf_append(buf, decimals, sizeof(decimals));
}

static size_t joblog_waiting_bytes(const struct js_joblog *joblog)
{
    size_t before = js_task_is_given(&joblog->task)
                        ? joblog->out_len
                        : joblog->out.len - joblog->start;
    return before + joblog->lines.len;
}

/* A line is added completely or not at all, and lines that are not added are
 * counted. If the joblog has no active reader, memory must not grow without
 * limit. */
int js_joblog_add(struct js_joblog *joblog,
                  const struct js_completion *completion)
{
    const struct js_job *job = completion->job;
    const struct js_outcome *outcome = &completion->outcome;
    bool is_timeout = outcome->cause == JS_STOP_REASON_TIMEOUT;
    struct js_buf *lines = &joblog->lines;
    size_t before = lines->len;
    int rc = -1;
    joblog->has_begun = true;
    if (js_buf_put_numbers(lines, '\0', &job->id, 1) == 0 &&
        js_buf_append(lines, "\t", 1) == 0 &&
        js_buf_escape(lines, completion->host, strlen(completion->host)) == 0 &&
        add_seconds(lines, outcome->start_unix_ns) == 0 &&
        add_seconds(lines, outcome->run_ns) == 0 &&
        PUT(lines, 0, outcome->out_bytes,
            is_timeout ? TIMEOUT_EXIT : outcome->exit_code,
            is_timeout ? 0 : outcome->signal) == 0 &&
        js_buf_append(lines, "\t", 1) == 0)
        rc = job->kind == JS_JOB_SIMULATED
                 ? js_buf_puts(lines, "(simulated)")
                 : js_buf_escape(lines, job->command, job->command_len);
    /* The columns so far are GNU parallel's; the following ones are our own. */
    if (rc == 0 && js_buf_append(lines, "\t", 1) == 0 &&
        js_buf_puts(lines, js_job_name(job)) == 0 &&
        PUT(lines, job->attempt, completion->slave, completion->cores) == 0 &&
        add_seconds(lines, outcome->user_cpu_ns) == 0 &&
        add_seconds(lines, outcome->system_cpu_ns) == 0 &&
        PUT(lines, outcome->max_rss_bytes / 1024, outcome->leftovers) == 0 &&
        js_buf_append(lines, "\n", 1) == 0) {
        if (joblog_waiting_bytes(joblog) <= JS_JOBLOG_MAX_WAITING)
            return 0;
        errno = ENOBUFS;
    }
    lines->len = before;
    joblog->refused++;
    return -1;
}

/* Writes until nothing is left. Returns -1 if the file accepts no more data
 * now. */
static int write_lines(struct js_joblog *joblog)
{
    if (joblog->must_empty && ftruncate(joblog->fd, 0) < 0)
        return -1;
    joblog->must_empty = false;
    while (joblog->start < joblog->out.len) {
        ssize_t n = write(joblog->fd, joblog->out.data + joblog->start,
                          joblog->out.len - joblog->start);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0)
            joblog->start += (size_t)n;
    }
    return 0;
}

/* Moves the lines to `out`; without memory they stay for the next time. */
static void joblog_hand_over(struct js_joblog *joblog)
{
    /* Frees the space of written bytes, but not each time for a few bytes. */
    if (joblog->start > joblog->out.len / 2) {
        js_buf_consume(&joblog->out, joblog->start);
        joblog->start = 0;
    }
    if (joblog->out.len == 0) {
        struct js_buf empty = joblog->out;
        joblog->out = joblog->lines;
        joblog->lines = empty;
    } else if (js_buf_append(&joblog->out, joblog->lines.data,
                             joblog->lines.len) == 0) {
        joblog->lines.len = 0;
    }
    joblog->out_len = joblog->out.len - joblog->start;
}

void js_joblog_write_by(struct js_joblog *joblog, struct js_worker *worker)
{
    joblog->worker = worker;
}

bool js_joblog_is_behind(const struct js_joblog *joblog)
{
    return joblog->is_behind;
}

int js_joblog_flush(struct js_joblog *joblog, struct js_err *err)
{
    joblog->has_begun = true;
    if (js_task_is_given(&joblog->task))
        return 0;
    joblog->is_behind = joblog->error != 0;
    joblog_hand_over(joblog);
    if (joblog->out_len > 0 || joblog->must_empty)
        js_worker_give(joblog->worker, &joblog->task);
    /* The reader of a FIFO is slow, which is no problem yet. */
    if (js_task_is_given(&joblog->task) || joblog->error == 0 ||
        joblog->error == EAGAIN)
        return 0;
    errno = joblog->error;
    return js_err_errno(err, "cannot write to the joblog %s", joblog->path);
}

/* Works like write_lines(), but waits for a slow reader as long as it reads at
 * all. */
static int write_last_lines(struct js_joblog *joblog)
{
    struct pollfd writable = {.fd = joblog->fd, .events = POLLOUT};
    while (write_lines(joblog) < 0) {
        if (errno != EAGAIN)
            return -1;
        int n = poll(&writable, 1, LAST_WAIT_MS);
        if (n == 0)
            errno = ETIMEDOUT;
        if (n == 0 || (n < 0 && errno != EINTR))
            return -1;
    }
    return 0;
}

/* The loop does not wait for lines of the joblog. */
static bool joblog_work(void *arg)
{
    struct js_joblog *joblog = arg;
    int rc = joblog->is_last ? write_last_lines(joblog) : write_lines(joblog);
    joblog->error = rc < 0 ? errno : 0;
    if (!joblog->is_last)
        return false;
    /* Some file systems report only now that there is no room. */
    if (close(joblog->fd) < 0 && !joblog->error)
        joblog->error = errno;
    joblog->fd = -1;
    return false;
}

static uint64_t joblog_count_lines(const char *text, size_t len)
{
    uint64_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += text[i] == '\n';
    return count;
}

/* Reports why lines are missing: the errno of the last write, or 0. Returns -1.
 */
static int joblog_report_lost(const struct js_joblog *joblog, int error,
                              struct js_err *err)
{
    const char *why = error ? js_errno_text(error)
                            : "too many lines were waiting to be written";
    /* A line that was written in part is lost as a line. */
    uint64_t lost = joblog->refused +
                    joblog_count_lines(joblog->lines.data, joblog->lines.len);
    if (joblog->out.len > joblog->start)
        lost += joblog_count_lines(joblog->out.data + joblog->start,
                                   joblog->out.len - joblog->start);
    if (lost == 0)
        return js_err_set(err, "cannot write to the joblog %s: %s",
                          joblog->path, why);
    return js_err_set(err, "the joblog %s is missing %" PRIu64 " line%s: %s",
                      joblog->path, lost, js_text_plural(lost), why);
}

int js_joblog_close(struct js_joblog *joblog, struct js_err *err)
{
    int rc = 0, error = 0;
    if (!joblog)
        return 0;
    if (js_worker_await(joblog->worker) && joblog->has_begun) {
        joblog_hand_over(joblog);
        joblog->is_last = true;
        js_worker_give(joblog->worker, &joblog->task);
    }
    if (!js_worker_await(joblog->worker))
        return js_err_set(err,
                          "the joblog %s is missing its last lines: its file "
                          "system does not answer",
                          joblog->path);
    error = joblog->is_last ? joblog->error : 0;
    if (error || joblog->refused > 0)
        rc = joblog_report_lost(joblog, error, err);
    joblog_free(joblog);
    return rc;
}

/* ---------------------------------------------------------------- reading */

enum { COLUMN_RUNTIME = 3, COLUMN_EXIT = 6, COLUMN_SIGNAL = 7, COLUMN_COMMAND };

/* The columns that our joblogs and GNU parallel's have in common. */
static const char header_begin[] = "Seq\tHost\tStarttime\tJobRuntime\tSend\t"
                                   "Receive\tExitval\tSignal\tCommand";

/* The best known run of a command. */
struct entry {
    int64_t run_ns;
    bool is_success;
};

struct js_joblog_reader {
    struct js_buf text; /* of the file; cut into the keys */
    struct js_strmap map;
    bool is_ours; /* commands are escaped, and columns follow */
};

void js_joblog_reader_free(struct js_joblog_reader *reader)
{
    if (!reader)
        return;
    int saved = errno;
    size_t position = 0;
    const char *key;
    while ((key = js_strmap_next(&reader->map, &position)))
        free(js_strmap_get(&reader->map, key));
    js_strmap_release(&reader->map);
    js_buf_release(&reader->text);
    free(reader);
    errno = saved;
}

/* Undoes js_buf_escape() in place. Anything that it cannot have produced stays
 * as it is. */
static void unescape_command(char *text)
{
    const char *from = text, *end = text + strlen(text);
    while (from < end) {
        size_t used = js_buf_unescape(from, (size_t)(end - from), text++);
        from += used > 0 ? used : 1;
    }
    *text = '\0';
}

/* Cuts the line at its tabs; false if there are too few: it was cut off by a
 * full disk, or edited. In GNU parallel's joblog the command is the last column
 * and may hold tabs itself. */
static bool cut_columns(char *line, char *columns[COLUMN_COMMAND + 1],
                        bool has_more)
{
    for (int i = 0; i <= COLUMN_COMMAND; i++) {
        columns[i] = line;
        bool is_last = i == COLUMN_COMMAND;
        char *tab = is_last && !has_more ? NULL : strchr(line, '\t');
        if (!tab)
            return is_last && !has_more;
        *tab = '\0';
        line = tab + 1;
    }
    return true;
}

/* Later lines count more, but a failure less than a success. */
static int joblog_reader_take_line(struct js_joblog_reader *reader, char *line)
{
    char *columns[COLUMN_COMMAND + 1];
    struct entry entry;
    if (!cut_columns(line, columns, reader->is_ours))
        return 0;
    /* GNU parallel aligns its numbers with blanks. */
    const char *run = columns[COLUMN_RUNTIME];
    run += strspn(run, " ");
    if (js_parse_duration_ns(run, &entry.run_ns) < 0)
        return 0;
    entry.is_success = strcmp(columns[COLUMN_EXIT], "0") == 0 &&
                       strcmp(columns[COLUMN_SIGNAL], "0") == 0;
    char *command = columns[COLUMN_COMMAND];
    if (reader->is_ours)
        unescape_command(command);
    struct entry *known = js_strmap_get(&reader->map, command);
    if (known) {
        if (entry.is_success || !known->is_success)
            *known = entry;
        return 0;
    }
    known = malloc(sizeof(*known));
    if (!known || js_strmap_put(&reader->map, command, known) < 0) {
        free(known);
        return -1;
    }
    *known = entry;
    return 0;
}

struct js_joblog_reader *js_joblog_reader_load(const char *path,
                                               struct js_err *err)
{
    struct js_joblog_reader *reader = calloc(1, sizeof(*reader));
    size_t len = strlen(header_begin);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int rc = reader && fd >= 0 ? js_file_read(fd, &reader->text) : -1;
    js_fd_close(&fd);
    if (rc < 0 || !js_buf_string(&reader->text))
        goto unreadable;
    char *text = reader->text.data;
    if (strncmp(text, header_begin, len) != 0) {
        js_err_set(err,
                   "%s is not a joblog: its first line must begin with the "
                   "column names Seq, Host, Starttime, JobRuntime ..., "
                   "separated by tabs",
                   path);
        goto fail;
    }
    reader->is_ours = text[len] == '\t';
    char *newline = strchr(text, '\n');
    while (newline && newline[1]) {
        char *line = newline + 1;
        newline = strchr(line, '\n');
        if (newline)
            *newline = '\0';
        if (joblog_reader_take_line(reader, line) < 0)
            goto unreadable;
    }
    return reader;
unreadable:
    js_err_errno(err, "cannot read the joblog %s", path);
fail:
    js_joblog_reader_free(reader);
    return NULL;
}

/* A command with a NUL in it cannot be in a line of text. */
int64_t js_joblog_reader_find(const struct js_joblog_reader *reader,
                              const char *command, size_t len)
{
    if (!reader || strlen(command) != len)
        return -1;
    const struct entry *entry = js_strmap_get(&reader->map, command);
    return entry ? entry->run_ns : -1;
}
