#include "launch/list_stream.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int list_stream_open_list(const char *path)
{
    struct stat st;
    int number = strcmp(path, "-") == 0 ? STDIN_FILENO : js_file_fd_of(path);
    if (number >= 0)
        return fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    errno = 0;
    if (stat(path, &st) < 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) {
        errno = 0;
        return -1;
    }
    /* Opening a FIFO must not wait for its writer. */
    return open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

int js_list_stream_open(const char *path, int *ret, struct js_err *err)
{
    *ret = -1;
    if (!path)
        return 0;
    errno = 0;
    *ret = list_stream_open_list(path);
    if (*ret < 0 && errno == 0)
        return 0;
    if (*ret < 0)
        return js_err_errno(err, "cannot read the job list %s", path);
    if (!isatty(*ret))
        return 0;
    js_fd_close(ret);
    return js_err_set(err,
                      "the jobs are to come from %s, which is a terminal: "
                      "type `cat | jobsched -`",
                      strcmp(path, "-") == 0 ? "standard input" : path);
}
