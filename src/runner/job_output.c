#include "runner/job_output.h"

#include "base/fdio.h"
#include "base/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { COPY_BYTES = 64 * 1024 };

void js_job_output_init(struct js_job_output *output)
{
    for (int i = 0; i < JS_STREAM_COUNT; i++)
        output->file[i] = (struct js_job_output_file){.fd = -1};
    output->folder = -1;
    output->was_full = true;
}

void js_job_output_release(struct js_job_output *output)
{
    for (int i = 0; i < JS_STREAM_COUNT; i++)
        js_fd_close(&output->file[i].fd);
    js_fd_close(&output->folder);
}

/* DIR/ID.out or DIR/ID.err. O_APPEND, as the spooled files have it: a stream
 * that the job opens anew does not overwrite itself. */
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
    return js_open_emptied(path);
}

/* Held, so that it can be told whether it has been removed. */
static void hold_folder(struct js_job_output *output, const char *dir)
{
    js_fd_close(&output->folder);
    output->folder = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* True if there is no room for more on its file system. */
static bool has_no_room(int fd)
{
    struct statvfs st;
    if (fd < 0 || fstatvfs(fd, &st) < 0 || st.f_blocks == 0)
        return false;
    return (geteuid() == 0 ? st.f_bfree : st.f_bavail) == 0;
}

static int open_in_memory(struct js_job_output_file *file)
{
    int fd = memfd_create("output", MFD_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fcntl(fd, F_SETFL, O_APPEND) < 0) {
        js_fd_close(&fd);
        return -1;
    }
    file->fd = fd;
    file->is_in_memory = true;
    file->sure_bytes = UINT64_MAX;
    return 0;
}

/* Where a file system cannot set bytes aside nothing is sure. */
static int open_spooled(struct js_job_output_file *file, const char *tmpdir)
{
    *file = (struct js_job_output_file){.fd = js_open_unlinked(tmpdir)};
    if (file->fd < 0)
        return -1;
    if (fallocate(file->fd, FALLOC_FL_KEEP_SIZE, 0, JS_JOB_OUTPUT_RESERVED) ==
        0) {
        file->sure_bytes = JS_JOB_OUTPUT_RESERVED;
        return 0;
    }
    if (errno != ENOSPC && errno != EDQUOT && !has_no_room(file->fd))
        return 0;
    js_fd_close(&file->fd);
    return open_in_memory(file);
}

static int open_in_folder(struct js_job_output *output, const char *dir,
                          uint64_t id, enum js_stream stream)
{
    struct js_job_output_file *file = &output->file[stream];
    *file = (struct js_job_output_file){.fd = open_named(dir, id, stream)};
    if (file->fd < 0)
        return -1;
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
    if (config->settings.capture == JS_CAPTURE_DIR)
        hold_folder(output, config->settings.output_dir);
    for (int i = 0; i < JS_STREAM_COUNT; i++) {
        struct js_job_output_file *file = &output->file[i];
        if (file->fd >= 0)
            continue;
        int rc =
            config->settings.capture == JS_CAPTURE_DIR
                ? open_in_folder(output, config->settings.output_dir, id, i)
                : open_spooled(file, config->settings.tmpdir);
        if (rc < 0)
            return -1;
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

/* It is open for writing alone. */
static int open_again(int fd)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static int copy_all(int from, int to)
{
    char bytes[COPY_BYTES];
    ssize_t n;
    while ((n = read(from, bytes, sizeof(bytes))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || js_write_full(to, bytes, (size_t)n) < 0)
            return -1;
    }
    return 0;
}

static int job_output_write_anew(struct js_job_output_file *file,
                                 const char *dir, uint64_t id,
                                 enum js_stream stream)
{
    int from = open_again(file->fd);
    int to = from < 0 ? -1 : open_named(dir, id, stream);
    int rc = to < 0 ? -1 : copy_all(from, to);
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
    /* A job may remove its own files; but then the folder is still there. */
    if (config->settings.capture != JS_CAPTURE_DIR ||
        !is_removed(output->folder))
        return 0;
    for (int i = 0; rc >= 0 && i < JS_STREAM_COUNT; i++) {
        struct js_job_output_file *file = &output->file[i];
        if (!is_removed(file->fd))
            continue;
        js_job_folder_restore(folder); /* in vain: the next says why */
        rc = job_output_write_anew(file, config->settings.output_dir, id, i);
    }
    return rc;
}

/* ---------------------------------------------------------------- the end */

/* True if the next job would find the file as this one did. */
static bool is_pristine(const struct js_job_output_file *file,
                        const struct stat *st)
{
    return st->st_size == 0 && st->st_nlink == 0 && !file->is_in_memory &&
           fcntl(file->fd, F_GETFL) == file->flags;
}

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
        bool is_sure = file->fd < 0 || ret->bytes[i] < file->sure_bytes;
        if (!is_sure && !is_known) {
            output->was_full = has_no_room(file->fd);
            is_known = true;
        }
        ret->may_be_cut[i] = !is_sure && output->was_full;
        if (spooled && st.st_size > 0) {
            ret->fds[i] = file->fd;
            file->fd = -1;
        } else if (!spooled || !reuse || !is_pristine(file, &st)) {
            js_fd_close(&file->fd);
        }
    }
}

static int try_dir(const struct js_runner_config *config, struct js_err *err)
{
    struct stat st;
    int rc = stat(config->settings.output_dir, &st);
    if (rc == 0 && !S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        rc = -1;
    }
    if (rc < 0 || access(config->settings.output_dir, W_OK | X_OK) < 0)
        return js_err_errno(err,
                            "cannot write to the output folder %s on "
                            "node %s",
                            config->settings.output_dir, config->host);
    return 0;
}

int js_job_output_try(const struct js_runner_config *config, struct js_err *err)
{
    if (config->settings.capture == JS_CAPTURE_DIR)
        return try_dir(config, err);
    if (config->settings.capture == JS_CAPTURE_NONE)
        return 0;
    int fd = js_open_unlinked(config->settings.tmpdir);
    if (fd < 0)
        return js_err_set(err,
                          "cannot keep output in %s on node %s: %s; --tmpdir "
                          "names another folder",
                          config->settings.tmpdir, config->host,
                          js_errno_text(errno));
    js_fd_close(&fd);
    return 0;
}
