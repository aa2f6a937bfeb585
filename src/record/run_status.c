#include "record/run_status.h"

#include "base/clock.h"
#include "base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char begun[] = "begun lease_us %" PRId64 "\n";
static const char ended[] = "ended %d lost %u\n";

static int write_file(const char *path, const char *text)
{
    int fd =
        open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -1;
    int rc = js_write_full(fd, text, strlen(text));
    js_fd_close(&fd);
    return rc;
}

int js_run_status_write(const char *path, const struct js_run_status *status)
{
    char text[64], next[PATH_MAX];
    int len = snprintf(next, sizeof(next), "%s.new", path);
    if (len < 0 || (size_t)len >= sizeof(next)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (status->phase == JS_RUN_ENDED)
        snprintf(text, sizeof(text), ended, status->status, status->lost);
    else
        snprintf(text, sizeof(text), begun, status->lease_ns / JS_NS_PER_US);
    if (write_file(next, text) < 0)
        return -1;
    return rename(next, path);
}

static int64_t time_of(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return 0;
    return st.st_mtim.tv_sec * JS_NS_PER_S + st.st_mtim.tv_nsec;
}

void js_run_status_read(const char *path, struct js_run_status *ret)
{
    char text[64];
    memset(ret, 0, sizeof(*ret));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    ssize_t len = js_pread_full(fd, text, sizeof(text) - 1, 0);
    int64_t lease_us = 0;
    ret->said_ns = time_of(fd);
    js_fd_close(&fd);
    text[len > 0 ? len : 0] = '\0';
    if (sscanf(text, begun, &lease_us) == 1)
        ret->phase = JS_RUN_BEGUN;
    else if (sscanf(text, ended, &ret->status, &ret->lost) == 2)
        ret->phase = JS_RUN_ENDED;
    ret->lease_ns = lease_us * JS_NS_PER_US;
}
