#include "base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int js_write_full(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

ssize_t js_pread_full(int fd, void *bytes, size_t len, off_t offset)
{
    size_t got = 0;
    while (got < len) {
        ssize_t n =
            pread(fd, (char *)bytes + got, len - got, offset + (off_t)got);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0)
            got += (size_t)n;
    }
    return (ssize_t)got;
}

/* Some file systems do not support O_TMPFILE (NFS): creates a named file and
 * unlinks it. */
static int open_and_unlink(const char *dir)
{
    char name[PATH_MAX];
    int n = snprintf(name, sizeof(name), "%s/jobsched-XXXXXX", dir);
    if (n < 0 || (size_t)n >= sizeof(name)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkostemp(name, O_APPEND | O_CLOEXEC);
    if (fd >= 0)
        unlink(name);
    return fd;
}

int js_open_unlinked(const char *dir)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
        fd = open_and_unlink(dir);
    return fd;
}

int js_reserve_stdio(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        int mode = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        /* open() returns the lowest free number, which is this one. */
        if (open("/dev/null", mode) < 0)
            return -1;
    }
    return 0;
}

void js_fd_close(int *fd)
{
    if (*fd < 0)
        return;
    int saved = errno;
    close(*fd);
    *fd = -1;
    errno = saved;
}
