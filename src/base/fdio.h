/*
 * fdio - file descriptors: whole reads and writes, temporary files.
 *
 * Every descriptor made here is close-on-exec. Calls return -1 with errno
 * from the system call that failed; EINTR is never one of them.
 */
#ifndef JS_BASE_FDIO_H
#define JS_BASE_FDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Writes all of it. Returns 0. */
int js_write_full(int fd, const void *bytes, size_t len);

/* Reads `len` bytes at `offset`, fewer only at the end of the file. Returns
 * how many. */
ssize_t js_pread_full(int fd, void *bytes, size_t len, off_t offset);

/* A file without a name in the folder `dir`, open for reading and appending. */
int js_open_unlinked(const char *dir);

/* Where standard input, output or error is closed, something that can be
 * neither read nor written (EBADF) takes its number: else the next file that is
 * opened would. Returns 0. */
int js_reserve_stdio(void);

/* Closes *fd unless it is -1, and makes it -1. Keeps errno. */
void js_fd_close(int *fd);

#endif
