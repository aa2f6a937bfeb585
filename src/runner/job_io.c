#include "runner/job_io.h"

#include "base/buf.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* ---------------------------------------------------------------- folders */

static const mode_t permissions = 0777;

void js_job_folder_note(struct js_job_folder *folder, const char *path)
{
    struct stat st;
    *folder = (struct js_job_folder){.path = path};
    if (!path || stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        return;
    folder->is_known = true;
    folder->mode = st.st_mode & permissions;
    folder->device = st.st_dev;
}

/* Returns 0 if the folder can be used, or -1 with errno. */
static int folder_look(const struct js_job_folder *folder)
{
    struct stat st;
    if (stat(folder->path, &st) < 0)
        return -1;
    if (!S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        return -1;
    }
    return access(folder->path, W_OK | X_OK);
}

enum js_job_folder_state
js_job_folder_restore(const struct js_job_folder *folder)
{
    if (!folder->is_known || folder_look(folder) == 0)
        return JS_JOB_FOLDER_FINE;
    if (errno != ENOENT)
        return JS_JOB_FOLDER_GONE;
    /* EEXIST: another slave, here or on a host with the same share, was
     * faster. */
    if (mkdir(folder->path, folder->mode) < 0)
        return errno == EEXIST && folder_look(folder) == 0 ? JS_JOB_FOLDER_FINE
                                                           : JS_JOB_FOLDER_GONE;
    /* On another file system it is not the same folder: its file system is not
     * mounted at the moment, and files written there would not be found. */
    struct stat st;
    if (stat(folder->path, &st) == 0 && st.st_dev != folder->device &&
        rmdir(folder->path) == 0) {
        errno = ENODEV;
        return JS_JOB_FOLDER_GONE;
    }
    return JS_JOB_FOLDER_THERE;
}

/* ---------------------------------------------------------------- output */

void js_job_output_init(struct js_job_output *output)
{
    for (int i = 0; i < JS_STREAM_COUNT; i++)
        output->file[i] = (struct js_job_output_file){.fd = -1};
    output->folder = -1;
    output->was_full = true; /* the first file is checked */
}

void js_job_output_release(struct js_job_output *output)
{
    for (int i = 0; i < JS_STREAM_COUNT; i++)
        js_fd_close(&output->file[i].fd);
    js_fd_close(&output->folder);
}

/* DIR/ID.out or DIR/ID.err. O_APPEND as for the spooled files: a stream that
 * the job opens again does not overwrite itself. */
static int open_named(const char *dir, uint64_t id, enum js_stream stream)
{
    char path[PATH_MAX];
    int n =
        snprintf(path, sizeof(path), "%s/%llu.%s", dir, (unsigned long long)id,
                 stream == JS_STREAM_OUT ? "out" : "err");
    if (n < 0 || (size_t)n >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return js_file_open_emptied(path);
}

/* True if there is no room for more on its file system. */
static bool has_no_room(int fd)
{
    struct statvfs st;
    /* A device without blocks, such as /dev/full, is not a file system that
     * could be full.
     */
    if (fd < 0 || fstatvfs(fd, &st) < 0 || st.f_blocks == 0)
        return false;
    return (geteuid() == 0 ? st.f_bfree : st.f_bavail) == 0;
}

/* Where a file system cannot reserve bytes, a write may fail at any time. */
static int open_spooled(struct js_job_output_file *file, const char *tmpdir)
{
    *file = (struct js_job_output_file){.fd = js_file_open_unlinked(tmpdir)};
    if (file->fd < 0)
        return -1;
    if (fallocate(file->fd, FALLOC_FL_KEEP_SIZE, 0, JS_JOB_OUTPUT_RESERVED) ==
        0) {
        file->sure_bytes = JS_JOB_OUTPUT_RESERVED;
        return 0;
    }
    if (errno != ENOSPC && errno != EDQUOT && !has_no_room(file->fd))
        return 0;
    /* The disk is full: memory is better than a job that loses its output. */
    js_fd_close(&file->fd);
    int fd = memfd_create("output", MFD_CLOEXEC);
    if (fd >= 0 && fcntl(fd, F_SETFL, O_APPEND) < 0)
        js_fd_close(&fd);
    if (fd < 0)
        return -1;
    *file = (struct js_job_output_file){
        .fd = fd, .is_in_memory = true, .sure_bytes = UINT64_MAX};
    return 0;
}

static int open_in_folder(struct js_job_output *output, const char *dir,
                          uint64_t id, enum js_stream stream)
{
    struct js_job_output_file *file = &output->file[stream];
    *file = (struct js_job_output_file){.fd = open_named(dir, id, stream)};
    if (file->fd < 0)
        return -1;
    /* A named file cannot be kept in memory instead. So a job is not started on
     * a full disk. The disk is checked only after a job that may have filled
     * it.
     */
    if (output->was_full)
        output->was_full = has_no_room(file->fd);
    if (!output->was_full)
        return 0;
    js_fd_close(&file->fd);
    errno = ENOSPC;
    return -1;
}

int js_job_output_open(struct js_job_output *output,
                       const struct js_runner_config *config, uint64_t id)
{
    if (config->settings.capture == JS_CAPTURE_NONE)
        return 0;
    /* The folder is held open, so that its removal can be noticed. */
    if (config->settings.capture == JS_CAPTURE_DIR) {
        js_fd_close(&output->folder);
        output->folder =
            open(config->settings.output_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    for (int i = 0; i < JS_STREAM_COUNT; i++) {
        struct js_job_output_file *file = &output->file[i];
        if (file->fd >= 0) /* the previous job left it as it was */
            continue;
        int rc =
            config->settings.capture == JS_CAPTURE_DIR
                ? open_in_folder(output, config->settings.output_dir, id, i)
                : open_spooled(file, config->settings.tmpdir);
        if (rc < 0)
            return -1;
        /* A job may change them, and the next one would share them. */
        file->flags = fcntl(file->fd, F_GETFL);
    }
    return 0;
}

bool js_job_output_is_in_memory(const struct js_job_output *output)
{
    return output->file[JS_STREAM_OUT].is_in_memory ||
           output->file[JS_STREAM_ERR].is_in_memory;
}

/* ---------------------------------------------------------------- rescue */

/* Returns 1, or -1 with errno; the job then still has the old file. */
static int job_output_write_anew(struct js_job_output_file *file,
                                 const char *dir, uint64_t id,
                                 enum js_stream stream)
{
    char path[64];
    /* The file is open for writing only. */
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file->fd);
    int from = open(path, O_RDONLY | O_CLOEXEC);
    int to = from < 0 ? -1 : open_named(dir, id, stream);
    int rc = to < 0 || js_file_copy(from, INT64_MAX, to, 0) < 0 ? -1 : 0;
    js_fd_close(&from);
    if (rc < 0) {
        js_fd_close(&to);
        return -1;
    }
    js_fd_close(&file->fd);
    file->fd = to;
    return 1;
}

static bool is_removed(int fd)
{
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink == 0;
}

int js_job_output_rescue(struct js_job_output *output,
                         const struct js_runner_config *config,
                         const struct js_job_folder *folder, uint64_t id)
{
    int rc = 0;
    /* A job may remove its own files, but then the folder is still there. */
    if (config->settings.capture != JS_CAPTURE_DIR ||
        !is_removed(output->folder))
        return 0;
    for (int i = 0; rc >= 0 && i < JS_STREAM_COUNT; i++) {
        struct js_job_output_file *file = &output->file[i];
        if (!is_removed(file->fd))
            continue;
        js_job_folder_restore(folder); /* on failure the next call says why */
        rc = job_output_write_anew(file, config->settings.output_dir, id, i);
    }
    return rc;
}

/* ---------------------------------------------------------------- the end */

void js_job_output_finish(struct js_job_output *output,
                          const struct js_runner_config *config, bool reuse,
                          struct js_job_output_end *ret)
{
    bool spooled = config->settings.capture == JS_CAPTURE_SPOOL;
    bool is_known = false;
    for (int i = 0; i < JS_STREAM_COUNT; i++) {
        struct js_job_output_file *file = &output->file[i];
        struct stat st = {0};
        ret->fds[i] = -1;
        if (file->fd >= 0 && fstat(file->fd, &st) < 0)
            st = (struct stat){0};
        ret->bytes[i] = (uint64_t)st.st_size;
        /* Beyond the reserved bytes a write may have failed, and only a disk
         * that still has room proves that none did. The disk is checked once
         * for both streams.
         */
        bool is_sure = file->fd < 0 || ret->bytes[i] < file->sure_bytes;
        if (!is_sure && !is_known) {
            output->was_full = has_no_room(file->fd);
            is_known = true;
        }
        ret->may_be_cut[i] = !is_sure && output->was_full;
        /* The next job must find the file in the state in which this job found
         * it. */
        bool is_pristine = spooled && reuse && file->fd >= 0 &&
                           st.st_size == 0 && st.st_nlink == 0 &&
                           !file->is_in_memory &&
                           fcntl(file->fd, F_GETFL) == file->flags;
        if (spooled && st.st_size > 0) {
            ret->fds[i] = file->fd;
            file->fd = -1;
        } else if (!is_pristine) {
            js_fd_close(&file->fd);
        }
    }
}

int js_job_output_try(const struct js_runner_config *config, struct js_err *err)
{
    const struct js_settings *settings = &config->settings;
    const struct js_job_folder folder = {.path = settings->output_dir};
    if (settings->capture == JS_CAPTURE_DIR && folder_look(&folder) < 0)
        return js_err_errno(err,
                            "cannot write to the output folder %s on node %s",
                            settings->output_dir, config->host);
    if (settings->capture != JS_CAPTURE_SPOOL)
        return 0;
    int fd = js_file_open_unlinked(settings->tmpdir);
    if (fd < 0)
        return js_err_set(err,
                          "cannot keep output in %s on node %s: %s; name "
                          "another folder with --tmpdir",
                          settings->tmpdir, config->host, js_errno_text(errno));
    js_fd_close(&fd);
    return 0;
}

/* ---------------------------------------------------------------- its files */

/* O_NONBLOCK is only for opening the file. */
static int job_files_open_file(int dir, const char *path, int flags)
{
    int fd = openat(dir, path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
    if (fd >= 0 && fcntl(fd, F_SETFL, flags & O_APPEND) < 0)
        js_fd_close(&fd);
    return fd;
}

int js_job_files_open(struct js_job_files *files,
                      const struct js_job_spec *details,
                      struct js_spawn_failure *failure)
{
    const char *in = details->stdin_path;
    const char *out = details->stdout_path, *err = details->stderr_path;
    const int output_flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND;
    int dir = AT_FDCWD;
    *files = (struct js_job_files){.fd = {-1, -1, -1}};
    if (!in && !out && !err)
        return 0;
    /* Opened once, even if the job names it twice: the streams then share their
     * position, and neither overwrites the other on NFS, where O_APPEND alone
     * does not prevent that. */
    files->is_shared = out && err && strcmp(out, err) == 0;
    *failure = (struct js_spawn_failure){.step = JS_STEP_CHDIR};
    if (details->dir &&
        (dir = open(details->dir, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
        goto fail;
    failure->step = JS_STEP_STDIN;
    if (in && (files->fd[0] = job_files_open_file(dir, in, O_RDONLY)) < 0)
        goto fail;
    failure->step = JS_STEP_OUTPUT;
    if (out && (files->fd[1] = job_files_open_file(dir, out, output_flags)) < 0)
        goto fail;
    failure->step = JS_STEP_STDERR;
    if (files->is_shared)
        files->fd[2] = files->fd[1];
    else if (err &&
             (files->fd[2] = job_files_open_file(dir, err, output_flags)) < 0)
        goto fail;
    if (dir != AT_FDCWD)
        js_fd_close(&dir);
    return 0;
fail:
    failure->error = errno;
    if (dir != AT_FDCWD)
        js_fd_close(&dir);
    js_job_files_close(files);
    return -1;
}

void js_job_files_close(struct js_job_files *files)
{
    if (files->is_shared)
        files->fd[2] = -1;
    for (int i = 0; i < 3; i++)
        js_fd_close(&files->fd[i]);
}

/* ---------------------------------------------------------------- hostfile */

char *js_job_hostfile_write(const char *dir, const char *hosts, uint32_t slots)
{
    struct js_buf path = JS_BUF_INIT, lines = JS_BUF_INIT;
    char *absolute = NULL;
    int fd = -1, saved;
    while (*hosts) {
        size_t len = strcspn(hosts, ",");
        if (js_buf_printf(&lines, "%.*s slots=%" PRIu32 "\n", (int)len, hosts,
                          slots) < 0)
            goto out;
        hosts += len + (hosts[len] == ',');
    }
    if (js_buf_printf(&path, "%s/jobsched-hosts-XXXXXX", dir) < 0 ||
        !js_buf_string(&path))
        goto out;
    fd = mkostemp(path.data, O_CLOEXEC);
    if (fd < 0)
        goto out;
    /* A hostfile that cannot be written completely must not be used: the job
     * would run on only some of its hosts. */
    if (js_file_write(fd, lines.data, lines.len) == 0)
        /* The job may run in a different folder from the runner. */
        absolute = realpath(path.data, NULL);
    saved = errno;
    if (!absolute)
        unlink(path.data); /* part of it may have been written */
    errno = saved;
out:
    js_fd_close(&fd);
    saved = errno;
    js_buf_release(&path);
    js_buf_release(&lines);
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
