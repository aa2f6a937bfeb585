#include "runner/job_files.h"

#include "base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* O_NONBLOCK is for the opening alone. */
static int job_files_open_file(int dir, const char *path, int flags)
{
    int fd = openat(dir, path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
    if (fd >= 0 && fcntl(fd, F_SETFL, flags & O_APPEND) < 0)
        js_fd_close(&fd);
    return fd;
}

static int job_files_open_output(int dir, const char *path)
{
    return job_files_open_file(dir, path,
                               O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
}

static int job_files_fail(struct js_job_files *files, enum js_step step,
                          struct js_spawn_failure *failure)
{
    *failure = (struct js_spawn_failure){step, errno};
    js_job_files_close(files);
    return -1;
}

/* Sets *step to the one that fails. */
static int open_outputs(struct js_job_files *files, int dir,
                        const struct js_job_spec *details, enum js_step *step)
{
    const char *out = details->stdout_path, *err = details->stderr_path;
    *step = JS_STEP_OUTPUT;
    if (out && (files->fd[1] = job_files_open_output(dir, out)) < 0)
        return -1;
    *step = JS_STEP_STDERR;
    files->is_shared = out && err && strcmp(out, err) == 0;
    if (files->is_shared)
        files->fd[2] = files->fd[1];
    else if (err && (files->fd[2] = job_files_open_output(dir, err)) < 0)
        return -1;
    return 0;
}

static int open_all(struct js_job_files *files, int dir,
                    const struct js_job_spec *details,
                    struct js_spawn_failure *failure)
{
    const char *in = details->stdin_path;
    if (in && (files->fd[0] = job_files_open_file(dir, in, O_RDONLY)) < 0)
        return job_files_fail(files, JS_STEP_STDIN, failure);
    enum js_step step;
    if (open_outputs(files, dir, details, &step) < 0)
        return job_files_fail(files, step, failure);
    return 0;
}

int js_job_files_open(struct js_job_files *files,
                      const struct js_job_spec *details,
                      struct js_spawn_failure *failure)
{
    int dir = AT_FDCWD;
    *files = (struct js_job_files){.fd = {-1, -1, -1}};
    if (!details->stdin_path && !details->stdout_path && !details->stderr_path)
        return 0;
    if (details->dir) {
        dir = open(details->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
            return job_files_fail(files, JS_STEP_CHDIR, failure);
    }
    int rc = open_all(files, dir, details, failure);
    if (dir != AT_FDCWD)
        js_fd_close(&dir);
    return rc;
}

void js_job_files_close(struct js_job_files *files)
{
    if (files->is_shared)
        files->fd[2] = -1;
    for (int i = 0; i < 3; i++)
        js_fd_close(&files->fd[i]);
}
