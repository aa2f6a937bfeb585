#include "base/file.h"

#include "base/units.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Equal names count as the same file even if it does not exist yet: one of the
 * two users may create it. */
bool js_file_is_same(const char *a, const char *b)
{
    struct stat st_a, st_b;
    if (strcmp(a, b) == 0)
        return true;
    return stat(a, &st_a) == 0 && stat(b, &st_b) == 0 &&
           S_ISREG(st_a.st_mode) && js_stat_is_same(&st_a, &st_b);
}

/* Stores the folder of `path`, with a slash at its end. Returns the name within
 * that folder, or NULL if the path is too long. */
static const char *file_split(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    int len =
        slash ? snprintf(folder, PATH_MAX, "%.*s/", (int)(slash - path), path)
              : snprintf(folder, PATH_MAX, "./");
    if (len < 0 || len >= PATH_MAX)
        return NULL;
    return slash ? slash + 1 : path;
}

int js_file_fd_of(const char *path)
{
    enum { LINKS_MOST = 8 };
    char fds[PATH_MAX], at[PATH_MAX], folder[PATH_MAX], real[PATH_MAX];
    int size = snprintf(at, sizeof(at), "%s", path);
    if (!realpath("/proc/self/fd", fds) || size < 0 ||
        (size_t)size >= sizeof(at))
        return -1;
    for (int i = 0; i < LINKS_MOST; i++) {
        char to[PATH_MAX];
        const char *name = file_split(at, folder);
        if (!name || !realpath(folder, real))
            return -1;
        /* The link itself is not followed: it leads to the file, but the
         * descriptor's number is needed, whether it is open or not. */
        if (strcmp(real, fds) == 0)
            return js_parse_int(name);
        ssize_t len = readlink(at, to, sizeof(to) - 1);
        if (len < 0)
            return -1;
        to[len] = '\0';
        size = snprintf(at, sizeof(at), "%s%s", to[0] == '/' ? "" : folder, to);
        if (size < 0 || (size_t)size >= sizeof(at))
            return -1;
    }
    return -1;
}

bool js_file_is_output_name(const char *name)
{
    size_t digits = strspn(name, "0123456789");
    return digits > 0 && (strcmp(name + digits, ".out") == 0 ||
                          strcmp(name + digits, ".err") == 0);
}

bool js_file_is_output_of(const char *dir, const char *path)
{
    char folder[PATH_MAX];
    struct stat st_dir, st_folder;
    const char *name = file_split(path, folder);
    /* The folders are compared by inode, because they may be named in two
     * ways. */
    return name && js_file_is_output_name(name) && stat(dir, &st_dir) == 0 &&
           stat(folder, &st_folder) == 0 &&
           js_stat_is_same(&st_dir, &st_folder);
}

int js_file_write(int fd, const void *bytes, size_t len)
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

ssize_t js_file_pread(int fd, void *bytes, size_t len, off_t offset)
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

int js_file_read(int fd, struct js_buf *ret)
{
    enum { PIECE_BYTES = 4096 };
    for (;;) {
        /* A caller that knows the size has made room for one byte more, so that
         * the end is found without growing the buffer. */
        if (ret->len == ret->capacity && js_buf_reserve(ret, PIECE_BYTES) < 0)
            return -1;
        ssize_t n = read(fd, ret->data + ret->len, ret->capacity - ret->len);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0)
            ret->len += (size_t)n;
    }
}

int js_file_read_path(const char *path, struct js_buf *ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int rc = fd < 0 ? -1 : js_file_read(fd, ret);
    js_fd_close(&fd);
    return rc;
}

ssize_t js_file_read_text(const char *path, char *to, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t len = fd < 0 ? -1 : js_file_pread(fd, to, size - 1, 0);
    js_fd_close(&fd);
    to[len > 0 ? len : 0] = '\0';
    return len;
}

int64_t js_file_copy(int from, int64_t bytes, int to, int64_t offset)
{
    char piece[64 * 1024];
    int64_t done = 0;
    while (done < bytes) {
        int64_t left = bytes - done;
        size_t len =
            left < (int64_t)sizeof(piece) ? (size_t)left : sizeof(piece);
        ssize_t n = js_file_pread(from, piece, len, (off_t)done);
        if (n == 0)
            break;
        /* What is not written now is read again as part of the next piece. */
        if (n > 0)
            n = pwrite(to, piece, (size_t)n, (off_t)(offset + done));
        if (n < 0 && errno != EINTR)
            return -1;
        done += n > 0 ? n : 0;
    }
    return done;
}

int js_file_open_unlinked(const char *dir)
{
    char name[PATH_MAX];
    int fd = open(dir, O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    /* Some file systems do not support O_TMPFILE (NFS): a named file is created
     * and unlinked. */
    int n = snprintf(name, sizeof(name), "%s/jobsched-XXXXXX", dir);
    if (n < 0 || (size_t)n >= sizeof(name)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(name, O_APPEND | O_CLOEXEC);
    if (fd >= 0)
        unlink(name);
    return fd;
}

int js_file_reserve_stdio(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        /* It is opened in the wrong mode, so that reading or writing fails as
         * if it were closed. */
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

#define PROC_MAGIC 0x9fa0

enum { HOPS_MAX = 40 }; /* the kernel's own limit */

/* The users, besides this one and root, who can create names in a folder. */
enum others { NOBODY, A_GROUP, ANYBODY };

/* The owner of a folder can replace any name in it, regardless of the
 * permissions. */
static enum others file_others_in(const char *folder)
{
    struct stat st;
    if (stat(folder, &st) < 0)
        return ANYBODY;
    if ((st.st_mode & S_IWOTH) || (st.st_uid != geteuid() && st.st_uid != 0))
        return ANYBODY;
    return st.st_mode & S_IWGRP ? A_GROUP : NOBODY;
}

/* Replaces the link's path with that of its target. */
static int file_follow(const char *folder, char path[PATH_MAX])
{
    char target[PATH_MAX], joined[PATH_MAX];
    ssize_t len = readlink(path, target, sizeof(target) - 1);
    if (len < 0)
        return -1;
    target[len] = '\0';
    int n = target[0] == '/'
                ? snprintf(joined, sizeof(joined), "%s", target)
                : snprintf(joined, sizeof(joined), "%s%s", folder, target);
    if (n < 0 || (size_t)n >= sizeof(joined)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(path, joined, (size_t)n + 1);
    return 0;
}

/* Takes one step towards the file that `at` names. Either the file itself is
 * opened, in *ret_fd, or a link is followed, and `at` becomes its target.
 * Returns false if the name is refused. */
static bool file_step(char at[PATH_MAX], const char *folder, int flags,
                      mode_t mode, int *ret_fd)
{
    struct stat st;
    enum others others = file_others_in(folder);
    /* If the name becomes a link after lstat(), O_NOFOLLOW makes the open
     * fail. */
    if (lstat(at, &st) < 0 || !S_ISLNK(st.st_mode)) {
        *ret_fd = open(at, flags | O_NOFOLLOW, mode);
        if (*ret_fd < 0)
            return false;
        /* Others may have created this name as a hard link to one of this
         * user's files. Checks the open file, not the name, which could change
         * in between. */
        if (fstat(*ret_fd, &st) == 0 &&
            (others == NOBODY || !S_ISREG(st.st_mode) || st.st_nlink == 1))
            return true;
        js_fd_close(ret_fd);
        errno = EMLINK;
        return false;
    }
    if (others == ANYBODY || (others == A_GROUP && st.st_uid != geteuid())) {
        errno = ELOOP;
        return false;
    }
    return file_follow(folder, at) == 0;
}

int js_file_open_trusted(const char *path, int flags, mode_t mode)
{
    char at[PATH_MAX], folder[PATH_MAX];
    int fd = -1;
    if (snprintf(at, sizeof(at), "%s", path) >= (int)sizeof(at)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    /* Follows the links one by one, because the kernel would follow all of them
     * or none. */
    for (int hops = 0; hops < HOPS_MAX && file_split(at, folder); hops++) {
        struct statfs fs;
        /* Links of /proc lead to what a process has open, regardless of their
         * text. Only the kernel can follow them. */
        if (statfs(folder, &fs) == 0 && fs.f_type == PROC_MAGIC)
            return open(at, flags, mode);
        if (!file_step(at, folder, flags, mode, &fd) || fd >= 0)
            return fd;
    }
    errno = ELOOP;
    return -1;
}

/* ---------------------------------------------------------------- own files */

/* True if `owner` owns the files that this process creates there. */
static bool file_is_own(const char *folder, uid_t owner)
{
    struct stat st = {0};
    if (owner == geteuid())
        return true;
    int fd = js_file_open_unlinked(folder);
    bool is_known = fd >= 0 && fstat(fd, &st) == 0;
    js_fd_close(&fd);
    return is_known && st.st_uid == owner;
}

int js_file_open_emptied(const char *path)
{
    char folder[PATH_MAX];
    struct stat st;
    /* O_NONBLOCK is only for the open: a FIFO of that name must not make it
     * hang. */
    int fd = open(path,
                  O_CREAT | O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK |
                      O_NOCTTY | O_CLOEXEC,
                  0666);
    if (fd < 0)
        return -1;
    int error = 0;
    if (fstat(fd, &st) < 0)
        error = errno;
    else if (!S_ISREG(st.st_mode))
        error = EEXIST;
    else if (!file_split(path, folder))
        error = ENAMETOOLONG;
    else if (st.st_nlink > 1 && file_others_in(folder) != NOBODY)
        error = EMLINK;
    else if (!file_is_own(folder, st.st_uid))
        error = EPERM;
    if (error == 0 &&
        (ftruncate(fd, 0) < 0 || fcntl(fd, F_SETFL, O_APPEND) < 0))
        error = errno;
    if (error != 0)
        js_fd_close(&fd);
    errno = error;
    return fd;
}
