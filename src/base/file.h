/*
 * file - complete reads and writes, what some paths refer to, temporary files,
 * and files in folders where other users can write too.
 *
 * Every descriptor created here is close-on-exec. Calls return -1 with the
 * errno of the system call that failed. EINTR is never reported.
 */
#ifndef JS_BASE_FILE_H
#define JS_BASE_FILE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

static inline bool js_stat_is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* True if both paths refer to the same existing regular file, or are equal. */
bool js_file_is_same(const char *a, const char *b);

/* The descriptor of this process that `path` names, open or not (/dev/fd/3,
 * /dev/stdin, /proc/self/fd/3); -1 for any other name. */
int js_file_fd_of(const char *path);

/* True for the name of a job's output file: NUMBER.out or NUMBER.err. */
bool js_file_is_output_name(const char *name);

/* True if `path`, existing or not, names a job's output file in the folder
 * `dir`: NUMBER.out or NUMBER.err. */
bool js_file_is_output_of(const char *dir, const char *path);

/* Writes all bytes. Returns 0. */
int js_file_write(int fd, const void *bytes, size_t len);

/* Reads `len` bytes at `offset`, fewer only at the end of the file. Returns how
 * many were read. */
ssize_t js_file_pread(int fd, void *bytes, size_t len, off_t offset);

/* Appends the file from its current position to its end, whatever size the
 * system reports: the file may be growing, or be in /proc and have no size.
 * Enlarges `ret` only when it is full. Returns 0. */
int js_file_read(int fd, struct js_buf *ret);

/* Appends a whole file. Refuses a path that is a symbolic link. Returns 0. */
int js_file_read_path(const char *path, struct js_buf *ret);

/* Reads the first size - 1 bytes of a file, and adds a NUL. Refuses a path that
 * is a symbolic link. Returns how many bytes were read. On failure `to` is
 * "". */
ssize_t js_file_read_text(const char *path, char *to, size_t size);

/* Copies the first `bytes` bytes of a file (fewer only if the file is shorter)
 * to `offset` in another file, or to the end of that file if it was opened with
 * O_APPEND. Returns how many bytes were copied. */
int64_t js_file_copy(int from, int64_t bytes, int to, int64_t offset);

/* Opens a new file without a name in the folder `dir`, for reading and
 * appending. */
int js_file_open_unlinked(const char *dir);

/* If standard input, output or error is closed, fills its number with a
 * descriptor that can be neither read nor written (EBADF). Otherwise the next
 * file to be opened would get that number. Returns 0. */
int js_file_reserve_stdio(void);

/* Closes *fd unless it is -1, and sets it to -1. Keeps errno. */
void js_fd_close(int *fd);

/*
 * Where other users can write too, a name may be a link that another user has
 * made in order to destroy one of this user's files, or it may be another
 * user's file. These two functions open files for writing in such places.
 */

/*
 * Works like open(2), but does not follow a symbolic link (ELOOP) where others
 * can write. If everyone can write to the folder, or another user owns it (root
 * is trusted), no link is followed. If a group can write to it, this user's own
 * links are followed. Links on the way to the folder are followed, and so are
 * those of /proc (/dev/stderr, /dev/fd/N). A regular file in such a folder that
 * has other names (hard links) is refused too (EMLINK).
 */
int js_file_open_trusted(const char *path, int flags, mode_t mode);

/*
 * Opens or creates a regular file for appending, and empties it. The following
 * are refused and not changed: a symbolic link (ELOOP), another user's file
 * (EPERM), anything but a regular file (EEXIST) and, where others can write, a
 * file with other names (EMLINK). "This user" is the owner of a file that this
 * process creates in that folder: on some file systems that is nobody, or one
 * user for all.
 */
int js_file_open_emptied(const char *path);

#endif
