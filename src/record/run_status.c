#include "record/run_status.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUTPUT ".output"
#define SIGNAL ".signal"
#define TAKEN ".taken"
static const char begun[] = "begun lease_us %" PRId64 " out %" PRIu64 "\n";
static const char ended[] = "ended %d lost %u late %d ran %d\n";

static int write_file(const char *path, const char *text)
{
    int fd =
        open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -1;
    int rc = js_file_write(fd, text, strlen(text));
    js_fd_close(&fd);
    return rc;
}

int js_run_status_beside(const char *path, const char *suffix, char *ret,
                         size_t size)
{
    int len = snprintf(ret, size, "%s%s", path, suffix);
    if (len >= 0 && (size_t)len < size)
        return 0;
    errno = ENAMETOOLONG;
    return -1;
}

/* As a whole. */
static int replace_file(const char *path, const char *text)
{
    char next[PATH_MAX];
    if (js_run_status_beside(path, ".new", next, sizeof(next)) < 0 ||
        write_file(next, text) < 0)
        return -1;
    return rename(next, path);
}

int js_run_status_write(const char *path, const struct js_run_status *status)
{
    char text[64];
    if (status->phase == JS_RUN_ENDED)
        snprintf(text, sizeof(text), ended, status->status, status->lost,
                 status->is_out_of_time, status->has_run);
    else
        snprintf(text, sizeof(text), begun, status->lease_ns / JS_NS_PER_US,
                 status->out_bytes);
    return replace_file(path, text);
}

static int64_t time_of(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return 0;
    return st.st_mtim.tv_sec * JS_NS_PER_S + st.st_mtim.tv_nsec;
}

/* As text. -1: it cannot be read. */
static int run_status_read_file(const char *path, char *text, size_t size,
                                int64_t *ret_time_ns)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -1;
    ssize_t len = js_file_pread(fd, text, size - 1, 0);
    *ret_time_ns = time_of(fd);
    js_fd_close(&fd);
    text[len > 0 ? len : 0] = '\0';
    return 0;
}

/* A number in a file of its own. */
static int write_beside(const char *path, const char *suffix, uint64_t number)
{
    char name[PATH_MAX], text[64];
    snprintf(text, sizeof(text), "%" PRIu64 "\n", number);
    return js_run_status_beside(path, suffix, name, sizeof(name)) < 0
               ? -1
               : replace_file(name, text);
}

/* 0: there is none. */
static uint64_t read_beside(const char *path, const char *suffix)
{
    char name[PATH_MAX], text[64];
    int64_t time_ns;
    bool is_there =
        js_run_status_beside(path, suffix, name, sizeof(name)) == 0 &&
        run_status_read_file(name, text, sizeof(text), &time_ns) == 0;
    return is_there ? strtoull(text, NULL, 10) : 0;
}

int js_run_status_write_outage(const char *path, int error)
{
    return write_beside(path, OUTPUT, (uint64_t)error);
}

int js_run_status_read_outage(const char *path)
{
    return (int)read_beside(path, OUTPUT);
}

int js_run_status_write_signal(const char *path, int number)
{
    return write_beside(path, SIGNAL, (uint64_t)number);
}

int js_run_status_read_signal(const char *path)
{
    return (int)read_beside(path, SIGNAL);
}

int js_run_status_write_taken(const char *path, uint64_t bytes)
{
    return write_beside(path, TAKEN, bytes);
}

uint64_t js_run_status_read_taken(const char *path)
{
    return read_beside(path, TAKEN);
}

void js_run_status_forget_taken(const char *path)
{
    char name[PATH_MAX];
    if (js_run_status_beside(path, TAKEN, name, sizeof(name)) == 0)
        unlink(name);
}

void js_run_status_read(const char *path, struct js_run_status *ret)
{
    char text[64];
    int64_t lease_us = 0;
    int is_late = 0, has_run = 0;
    memset(ret, 0, sizeof(*ret));
    if (run_status_read_file(path, text, sizeof(text), &ret->said_ns) < 0)
        return;
    if (sscanf(text, begun, &lease_us, &ret->out_bytes) == 2)
        ret->phase = JS_RUN_BEGUN;
    else if (sscanf(text, ended, &ret->status, &ret->lost, &is_late,
                    &has_run) == 4)
        ret->phase = JS_RUN_ENDED;
    ret->is_out_of_time = is_late != 0;
    ret->has_run = has_run != 0;
    ret->lease_ns = lease_us * JS_NS_PER_US;
}
