#include "record/joblog.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/table.h"
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

/* As timeout(1) has it. */
enum { TIMEOUT_EXIT = 124 };

struct js_joblog {
    int fd;
    char *path;
    bool must_empty; /* a regular file that was not emptied yet */
    bool has_begun;  /* a line was added, or it was flushed */
    uint64_t refused;
    size_t start; /* bytes of `lines` already written */
    struct js_buf lines;
};

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
    free(joblog->path);
    free(joblog);
    errno = saved;
}

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
        return "; it is a symbolic link where others can put one: name the "
               "file itself";
    case EMLINK:
        return "; it has other names as well, where others can give it some";
    case ENXIO:
        return "; a FIFO needs a reader before the run starts";
    default:
        return "";
    }
}

/* There are lines already: no header, and the last of them may be cut. */
static int go_on(struct js_joblog *joblog, off_t size)
{
    char last;
    if (size == 0)
        return 0;
    joblog->lines.len = 0;
    int fd = js_file_open_trusted(
        joblog->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
    ssize_t n = fd < 0 ? -1 : js_file_pread(fd, &last, 1, size - 1);
    js_fd_close(&fd);
    if (n == 1 && last == '\n')
        return 0;
    return n < 0 ? -1 : js_buf_puts(&joblog->lines, "\n");
}

/* Never waits, not even for the reader of a FIFO. */
static int joblog_open_file(struct js_joblog *joblog, bool goes_on)
{
    struct stat st;
    joblog->fd = js_file_open_trusted(joblog->path,
                                      O_WRONLY | O_CREAT | O_APPEND |
                                          O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                                      0666);
    if (joblog->fd < 0 || fstat(joblog->fd, &st) < 0)
        return -1;
    joblog->must_empty = S_ISREG(st.st_mode) && !goes_on;
    return S_ISREG(st.st_mode) && goes_on ? go_on(joblog, st.st_size) : 0;
}

/* Opened once more, since O_NONBLOCK is no concern of those who share it; but a
 * file has its place in it, and a socket cannot be. */
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

static int add_seconds(struct js_buf *buf, int64_t ns)
{
    int64_t ms = ns > 0 ? ns / JS_NS_PER_MS : 0;
    return js_buf_printf(buf, "\t%" PRId64 ".%03d", ms / 1000,
                         (int)(ms % 1000));
}

static int add_command(struct js_buf *buf, const struct js_job *job)
{
    if (job->kind == JS_JOB_SIMULATED)
        return js_buf_puts(buf, "(simulated)");
    return js_buf_escape(buf, job->command, job->command_len);
}

static int add_parallel_columns(struct js_buf *buf,
                                const struct js_completion *completion)
{
    const struct js_outcome *outcome = &completion->outcome;
    bool is_timeout = outcome->cause == JS_STOP_REASON_TIMEOUT;
    if (js_buf_printf(buf, "%" PRIu64 "\t", completion->job->id) < 0 ||
        js_buf_escape(buf, completion->host, strlen(completion->host)) < 0 ||
        add_seconds(buf, outcome->start_unix_ns) < 0 ||
        add_seconds(buf, outcome->run_ns) < 0 ||
        js_buf_printf(buf, "\t0\t%" PRIu64 "\t%" PRIu32 "\t%" PRIu32 "\t",
                      outcome->out_bytes,
                      is_timeout ? TIMEOUT_EXIT : outcome->exit_code,
                      is_timeout ? 0 : outcome->signal) < 0)
        return -1;
    return add_command(buf, completion->job);
}

static int add_own_columns(struct js_buf *buf,
                           const struct js_completion *completion)
{
    const struct js_outcome *outcome = &completion->outcome;
    const char *name = js_job_name(completion->job);
    if (js_buf_printf(buf, "\t%s\t%" PRIu32 "\t%u\t%" PRIu32, name,
                      completion->job->attempt, completion->slave,
                      completion->cores) < 0 ||
        add_seconds(buf, outcome->user_cpu_ns) < 0 ||
        add_seconds(buf, outcome->system_cpu_ns) < 0)
        return -1;
    return js_buf_printf(buf, "\t%" PRIu64 "\t%" PRIu32 "\n",
                         outcome->max_rss_bytes / 1024, outcome->leftovers);
}

static size_t joblog_waiting_bytes(const struct js_joblog *joblog)
{
    return joblog->lines.len - joblog->start;
}

int js_joblog_add(struct js_joblog *joblog,
                  const struct js_completion *completion)
{
    struct js_buf *lines = &joblog->lines;
    size_t before = lines->len;
    joblog->has_begun = true;
    if (add_parallel_columns(lines, completion) == 0 &&
        add_own_columns(lines, completion) == 0) {
        if (joblog_waiting_bytes(joblog) <= JS_JOBLOG_MAX_WAITING)
            return 0;
        errno = ENOBUFS;
    }
    lines->len = before;
    joblog->refused++;
    return -1;
}

/* Writes until nothing is left, or the file takes no more now: then -1. */
static int write_lines(struct js_joblog *joblog)
{
    if (joblog->must_empty && ftruncate(joblog->fd, 0) < 0)
        return -1;
    joblog->must_empty = false;
    while (joblog_waiting_bytes(joblog) > 0) {
        ssize_t n = write(joblog->fd, joblog->lines.data + joblog->start,
                          joblog_waiting_bytes(joblog));
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0)
            joblog->start += (size_t)n;
    }
    return 0;
}

/* Gives back the room of what is written, not at every few bytes. */
static void tidy(struct js_joblog *joblog)
{
    if (joblog->start <= joblog->lines.len / 2)
        return;
    js_buf_consume(&joblog->lines, joblog->start);
    joblog->start = 0;
}

int js_joblog_flush(struct js_joblog *joblog, struct js_err *err)
{
    joblog->has_begun = true;
    int written = write_lines(joblog);
    int error = errno;
    tidy(joblog);
    /* The reader of a FIFO is slow: that is no trouble yet. */
    if (written == 0 || error == EAGAIN)
        return 0;
    errno = error;
    return js_err_errno(err, "cannot write to the joblog %s", joblog->path);
}

/* As write_lines(), but waits for a slow reader while it reads at all. */
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

/* A line that was written in part is lost as a line. */
static uint64_t lost_lines(const struct js_joblog *joblog)
{
    uint64_t lost = joblog->refused;
    for (size_t i = joblog->start; i < joblog->lines.len; i++)
        lost += joblog->lines.data[i] == '\n';
    return lost;
}

static int joblog_finish_file(struct js_joblog *joblog)
{
    int written = write_last_lines(joblog);
    int error = errno;
    /* Some file systems tell only now that there is no room. */
    int closed = close(joblog->fd);
    joblog->fd = -1;
    if (written < 0)
        errno = error;
    return written < 0 || closed < 0 ? -1 : 0;
}

/* Why lines are missing: the errno of the last write, or 0. Returns -1. */
static int tell_lost(const struct js_joblog *joblog, int error,
                     struct js_err *err)
{
    uint64_t lost = lost_lines(joblog);
    const char *why =
        error ? js_errno_text(error) : "too much waited to be written";
    if (lost == 0)
        return js_err_set(err, "cannot write to the joblog %s: %s",
                          joblog->path, why);
    return js_err_set(err, "the joblog %s lacks %" PRIu64 " line%s: %s",
                      joblog->path, lost, lost == 1 ? "" : "s", why);
}

int js_joblog_close(struct js_joblog *joblog, struct js_err *err)
{
    int result = 0;
    if (!joblog)
        return 0;
    if (joblog->has_begun && joblog_finish_file(joblog) < 0)
        result = tell_lost(joblog, errno, err);
    else if (joblog->refused > 0)
        result = tell_lost(joblog, 0, err);
    joblog_free(joblog);
    return result;
}

/* ---------------------------------------------------------------- reading */

enum { COLUMN_RUNTIME = 3, COLUMN_EXIT = 6, COLUMN_SIGNAL = 7, COLUMN_COMMAND };

static const char header_begin[] = "Seq\tHost\tStarttime\tJobRuntime\tSend\t"
                                   "Receive\tExitval\tSignal\tCommand";

struct entry {
    int64_t run_ns;
    bool is_success;
};

struct js_joblog_reader {
    struct js_buf text; /* of the file; cut into the keys */
    struct js_strmap map;
    bool is_ours; /* commands are escaped, and columns follow */
};

void js_joblog_reader_free(struct js_joblog_reader *runtimes)
{
    if (!runtimes)
        return;
    size_t position = 0;
    const char *key;
    while ((key = js_strmap_next(&runtimes->map, &position)))
        free(js_strmap_get(&runtimes->map, key));
    js_strmap_release(&runtimes->map);
    js_buf_release(&runtimes->text);
    free(runtimes);
}

static int joblog_reader_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What js_buf_escape() has made of a byte: its length, 0 if it is none. */
static size_t unescape_byte(const char *from, char *to)
{
    static const char letters[] = "\\nrt", bytes[] = "\\\n\r\t";
    if (from[0] != '\\')
        return 0;
    const char *letter = from[1] ? strchr(letters, from[1]) : NULL;
    if (letter) {
        *to = bytes[letter - letters];
        return 2;
    }
    if (from[1] != 'x' || joblog_reader_hex_digit(from[2]) < 0 ||
        joblog_reader_hex_digit(from[3]) < 0)
        return 0;
    *to = (char)(joblog_reader_hex_digit(from[2]) * 16 +
                 joblog_reader_hex_digit(from[3]));
    return 4;
}

static void unescape(char *text)
{
    char *to = text;
    while (*text) {
        size_t len = unescape_byte(text, to);
        if (len == 0)
            *to = *text;
        to++;
        text += len > 0 ? len : 1;
    }
    *to = '\0';
}

/* Cuts the line at its tabs; false if there are too few. */
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
static int joblog_reader_put(struct js_joblog_reader *runtimes,
                             const char *command, const struct entry *entry)
{
    struct entry *known = js_strmap_get(&runtimes->map, command);
    if (known) {
        if (entry->is_success || !known->is_success)
            *known = *entry;
        return 0;
    }
    known = malloc(sizeof(*known));
    if (!known)
        return -1;
    *known = *entry;
    if (js_strmap_put(&runtimes->map, command, known) == 0)
        return 0;
    free(known);
    return -1;
}

static int joblog_reader_take_line(struct js_joblog_reader *runtimes,
                                   char *line)
{
    char *columns[COLUMN_COMMAND + 1];
    struct entry entry;
    if (!cut_columns(line, columns, runtimes->is_ours))
        return 0;
    /* GNU parallel sets its numbers right with blanks. */
    const char *run = columns[COLUMN_RUNTIME];
    run += strspn(run, " ");
    if (js_parse_duration_ns(run, &entry.run_ns) < 0)
        return 0;
    entry.is_success = strcmp(columns[COLUMN_EXIT], "0") == 0 &&
                       strcmp(columns[COLUMN_SIGNAL], "0") == 0;
    if (runtimes->is_ours)
        unescape(columns[COLUMN_COMMAND]);
    return joblog_reader_put(runtimes, columns[COLUMN_COMMAND], &entry);
}

static int take_lines(struct js_joblog_reader *runtimes, char *line)
{
    while (line && *line) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        if (joblog_reader_take_line(runtimes, line) < 0)
            return -1;
        line = end ? end + 1 : NULL;
    }
    return 0;
}

static int joblog_reader_load(struct js_joblog_reader *runtimes,
                              const char *path, struct js_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int rc = fd < 0 ? -1 : js_file_read(fd, &runtimes->text);
    js_fd_close(&fd);
    if (rc < 0 || !js_buf_string(&runtimes->text))
        return js_err_errno(err, "cannot read the joblog %s", path);
    char *text = runtimes->text.data;
    size_t len = strlen(header_begin);
    if (strncmp(text, header_begin, len) != 0)
        return js_err_set(err,
                          "%s is no joblog: its first line should be \"Seq, "
                          "Host, Starttime, JobRuntime ...\", with tabs",
                          path);
    runtimes->is_ours = text[len] == '\t';
    char *first = strchr(text, '\n');
    if (take_lines(runtimes, first ? first + 1 : NULL) < 0)
        return js_err_errno(err, "cannot read the joblog %s", path);
    return 0;
}

struct js_joblog_reader *js_joblog_reader_load(const char *path,
                                               struct js_err *err)
{
    struct js_joblog_reader *runtimes = calloc(1, sizeof(*runtimes));
    if (!runtimes) {
        js_err_errno(err, "cannot read the joblog %s", path);
        return NULL;
    }
    if (joblog_reader_load(runtimes, path, err) == 0)
        return runtimes;
    js_joblog_reader_free(runtimes);
    return NULL;
}

int64_t js_joblog_reader_find(const struct js_joblog_reader *runtimes,
                              const char *command, size_t len)
{
    if (!runtimes || strlen(command) != len)
        return -1;
    const struct entry *entry = js_strmap_get(&runtimes->map, command);
    return entry ? entry->run_ns : -1;
}
