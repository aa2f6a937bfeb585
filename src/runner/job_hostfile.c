#include "runner/job_hostfile.h"

#include "base/buf.h"
#include "base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int format_lines(struct js_buf *to, const char *hosts, uint32_t slots)
{
    while (*hosts) {
        size_t len = strcspn(hosts, ",");
        if (js_buf_printf(to, "%.*s slots=%" PRIu32 "\n", (int)len, hosts,
                          slots) < 0)
            return -1;
        hosts += len + (hosts[len] == ',');
    }
    return 0;
}

/* What of the file there is is gone if that fails. */
static char *job_hostfile_fill(int fd, const char *path, const char *hosts,
                               uint32_t slots)
{
    struct js_buf lines = JS_BUF_INIT;
    char *absolute = NULL;
    if (format_lines(&lines, hosts, slots) == 0 &&
        js_write_full(fd, lines.data, lines.len) == 0)
        absolute = realpath(path, NULL);
    int saved = errno;
    js_buf_release(&lines);
    if (!absolute)
        unlink(path);
    errno = saved;
    return absolute;
}

char *js_job_hostfile_write(const char *dir, const char *hosts, uint32_t slots)
{
    struct js_buf path = JS_BUF_INIT;
    char *absolute = NULL;
    int fd = -1;
    if (js_buf_printf(&path, "%s/jobsched-hosts-XXXXXX", dir) == 0 &&
        js_buf_string(&path))
        fd = mkostemp(path.data, O_CLOEXEC);
    if (fd >= 0)
        absolute = job_hostfile_fill(fd, path.data, hosts, slots);
    js_fd_close(&fd);
    int saved = errno;
    js_buf_release(&path);
    errno = saved;
    return absolute;
}

void js_job_hostfile_remove(char **path)
{
    int saved = errno;
    if (*path)
        unlink(*path);
    free(*path);
    *path = NULL;
    errno = saved;
}
